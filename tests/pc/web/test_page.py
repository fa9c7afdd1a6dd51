"""The page in a real browser: it shows the guest, types, inserts disks, and loads nothing else."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pyx86emu import Machine
from tests.cli.drive import ECHO, HALT, show
from tests.conftest import missing
from tests.harness import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.release  # Python only: the builds of the core have it in common

SECONDS = 30
# Mode 13h, then a picture: each byte its own offset, so that all colours are there.
RAINBOW = "b81300 cd10 b800a0 8ec0 31ff 89f8 aa 81ff00fa 75f7"
DOTS = """() => {
    const c = document.getElementById("screen");
    const data = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
    return [c.width, c.height, Array.from(data)];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium", "apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install 'pyx86emu[test]'")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which nothing may go wrong."""
    page = browser.new_page()
    page.set_default_timeout(SECONDS * 1000)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    yield page
    page.close()
    assert not wrong


def sector(code: str) -> bytes:
    return bytes.fromhex(code).ljust(512, b"\0")


def shown(page: Page) -> np.ndarray[Any, Any]:
    """The dots of the canvas: height x width x red, green, blue."""
    width, height, data = page.evaluate(DOTS)
    return np.array(data, np.uint8).reshape(height, width, 4)[:, :, :3]


def status(page: Page) -> str:
    return page.inner_text("#status")


def test_what_is_typed_is_seen(page: Page) -> None:
    with Machine(sector(show("hello ") + ECHO), clock="host") as m, m.serve() as display:
        page.goto(display.url)
        wait_until(lambda: status(page).startswith("running"))

        page.keyboard.type("dir 1;")

        wait_until(lambda: "hello dir 1;" in (m.screen.text or ""))


def test_dir_is_typed_at_the_prompt_of_dos(page: Page) -> None:
    image = Path(os.environ.get("PYX86EMU_GUESTS", "/nowhere")) / "freedos-1440k.img"
    if not image.is_file():
        pytest.skip("PYX86EMU_GUESTS has no freedos-1440k.img")
    with Machine(image, clock="host") as m, m.serve() as display:
        page.goto(display.url)
        wait_until(lambda: (m.screen.text or "").rstrip().endswith("A:\\>"))

        page.keyboard.type("dir\n")

        wait_until(lambda: "bytes free" in (m.screen.text or ""))
        page.screenshot()


def test_the_canvas_shows_what_the_guest_shows(page: Page) -> None:
    with Machine(sector(RAINBOW + HALT), clock="host") as m, m.serve() as display:
        display.wait(SECONDS)
        page.goto(display.url)

        wait_until(lambda: "ended: HLT" in status(page))

        picture = m.screen.pixels
        wait_until(lambda: np.array_equal(shown(page), picture))
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100


def test_a_wrong_token_gets_nothing(page: Page) -> None:
    with Machine(sector(HALT)) as m, m.serve() as display:
        answer = page.request.get(f"http://127.0.0.1:{display.port}/?token=wrong")

        assert (answer.status, answer.body()) == (403, b"")


def test_one_who_may_only_look_has_no_buttons_to_change_anything(page: Page) -> None:
    with Machine(sector(show("hello") + ECHO), clock="host") as m, m.serve() as display:
        page.goto(display.view_url)
        wait_until(lambda: "viewing only" in status(page))

        assert not page.is_visible("#reset")
        assert page.is_visible("#shot")


def test_nothing_comes_from_elsewhere(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with Machine(sector(ECHO), clock="host") as m, m.serve() as display:
        page.goto(display.url)
        wait_until(lambda: status(page).startswith("running"))

        own = f"http://127.0.0.1:{display.port}/"
        assert [url for url in asked if not url.startswith((own, "data:"))] == []


def test_pause_reset_and_a_screenshot(page: Page, tmp_path: Path) -> None:
    with Machine(sector(show("hello") + ECHO), clock="host") as m, m.serve() as display:
        page.goto(display.url)
        wait_until(lambda: status(page).startswith("running"))

        page.click("#pause")
        wait_until(lambda: status(page).startswith("paused"))
        page.click("#reset")
        page.click("#pause")
        wait_until(lambda: status(page).startswith("running"))
        with page.expect_download() as download:
            page.click("#shot")

        download.value.save_as(tmp_path / "screen.png")
        assert (tmp_path / "screen.png").read_bytes().startswith(b"\x89PNG")
        wait_until(lambda: "hello" in (m.screen.text or ""))


def test_a_listed_disk_and_an_uploaded_one_are_inserted(page: Page, tmp_path: Path) -> None:
    listed = tmp_path / "<b>listed.img"  # a name is text, never markup
    listed.write_bytes(bytes(1_474_560))
    with Machine(sector(ECHO), clock="host") as m, m.serve(disks=[listed]) as display:
        page.goto(display.url)
        wait_until(lambda: status(page).startswith("running"))

        page.select_option("#disk", label="<b>listed.img")
        page.click("#insert")
        wait_until(lambda: display._guest.inserted.get("a") == "<b>listed.img")

        page.select_option("#disk", label="upload a file")
        image = {"name": "up.img", "mimeType": "application/octet-stream", "buffer": bytes(737_280)}
        page.set_input_files("#file", [image])  # type: ignore[list-item]
        wait_until(lambda: display._guest.inserted.get("a") == "up.img")

        page.select_option("#disk", label="eject")
        page.click("#insert")
        wait_until(lambda: display._guest.inserted.get("a", "") is None)


def test_two_pages_and_one_keyboard(page: Page, browser: Browser) -> None:
    with Machine(sector(show("hello") + ECHO), clock="host") as m, m.serve() as display:
        page.goto(display.url)
        wait_until(lambda: status(page).startswith("running"))
        other = browser.new_page()
        other.goto(display.url)
        wait_until(lambda: "another viewer types" in status(other))

        other.click("#keyboard")

        wait_until(lambda: "another viewer types" in status(page))
        other.keyboard.type("x")
        wait_until(lambda: "hellox" in (m.screen.text or ""))
        other.close()
        wait_until(lambda: "another viewer types" not in status(page))
