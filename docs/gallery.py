"""The gallery: run guests of tests/guests, and save what each shows as docs/gallery/NAME.png.

`make gallery` writes all. web.png is the page in a browser: it needs Chromium, whose fonts are those
of the computer.
"""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pyx86emu import Machine
from tests.guests import pictures

GALLERY = Path(__file__).parent / "gallery"
#: The picture, and the guest that draws it.
PICTURES = {
    "prompt": "mode_prompt",
    "text50": "mode_text50",
    "cga": "mode_04",
    "ega": "mode_10",
    "vga": "mode_13",
    "modex": "mode_x",
}


#: The guest of web.png.
ON_THE_PAGE = "mode_13"


def page(path: Path, chromium: str) -> None:
    """A picture of the page in a browser, after the guest has drawn its own."""
    from playwright.sync_api import sync_playwright

    with Machine(pictures.image(ON_THE_PAGE), clock="host") as m, m.serve() as display:
        display.wait()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 800, "height": 660})
            tab.goto(display.url)
            tab.locator("canvas[data-pictures]").wait_for()
            tab.screenshot(path=path)
            browser.close()


def main(directory: Path) -> None:
    """Write the pictures."""
    directory.mkdir(exist_ok=True)
    for name, guest in PICTURES.items():
        with Machine(pictures.image(guest)) as m:
            pictures.shown(m, guest).save(directory / f"{name}.png")


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else GALLERY
    main(where)
    if (chromium := shutil.which("chromium")) is None:
        print("no chromium: web.png stays as it is", file=sys.stderr)
    else:
        page(where / "web.png", chromium)
