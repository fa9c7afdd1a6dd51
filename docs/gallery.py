"""The gallery: run guests of tests/guests, and save what each shows as docs/gallery/NAME.png.

`make gallery` writes all. web.png is a picture of the page in a browser: tests/web makes it.
"""

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


def main(directory: Path) -> None:
    """Write the pictures."""
    directory.mkdir(exist_ok=True)
    for name, guest in PICTURES.items():
        with Machine(pictures.image(guest)) as m:
            pictures.shown(m, guest).save(directory / f"{name}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else GALLERY)
