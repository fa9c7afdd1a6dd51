"""The user of old programs: a prompt like that of DOS, as docs/DISPLAYS.md says to use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import Machine
from tests.cli.drive import Job
from tests.pc.web.test_server import Client, with_pages

QUIT = b"\x1dq"
PROMPT = b"A:\\>"


@pytest.mark.parametrize("size", [(24, 80), (50, 132), (5, 20)])
def test_a_prompt_on_a_terminal_of_any_size(dos_disk: Path, size: tuple[int, int]) -> None:
    with Job(dos_disk, size=size, env={"COLORTERM": "truecolor", "TERM": "xterm"}) as job:
        job.until(PROMPT)
        job.type(b"ver\r")
        job.until(b"Bad command", PROMPT)
        job.type(b"\x03")  # Ctrl-C is the guest's
        job.until(b"^C")
        job.type(b"\x1bOR")  # F3
        job.until(b"3")
        job.type(QUIT)

        assert job.end() == 130
        assert b"pyx86emu: ended by Ctrl-] q (at " in job.output


def test_a_picture_is_drawn_and_the_prompt_comes_back(dos_disk: Path) -> None:
    with Job(dos_disk, size=(24, 80), env={"COLORTERM": "truecolor", "TERM": "xterm"}) as job:
        job.until(PROMPT)
        job.type(b"p\r")
        job.until(b"\x1b[48;2;168;0;0m", b"320x200 256 colours")
        job.type(b"x")
        job.until(PROMPT)
        job.resize(40, 100)
        job.until(PROMPT)
        job.type(QUIT)

        assert job.end() == 130


@pytest.mark.release
def test_ctrl_c_in_a_browser_is_the_guests(dos_disk: Path) -> None:
    with Machine(dos_disk, clock="host") as m, m.serve() as display:

        @with_pages(display.url)
        async def _(page: Client) -> None:
            await page.until(lambda _: "A:\\>" in (m.screen.text or ""))
            for key, down in (("ControlLeft", True), ("KeyC", True), ("KeyC", False)):
                await page.send(key=key, down=down)
            await page.until(lambda _: "^C\nA:\\>" in (m.screen.text or ""))
