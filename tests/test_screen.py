"""The screen: text, cells, cursor, pictures."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from pyx86emu import Machine, MachineError
from pyx86emu.screen import CP437

MakeMachine = Callable[..., Machine]


def show(m: Machine, row: int, column: int, text: bytes, attribute: int = 7) -> None:
    """Put text into the text memory."""
    cells = b"".join(bytes((char, attribute)) for char in text)
    m.vm.write(0xB8000 + (row * 80 + column) * 2, cells)


@pytest.fixture
def m(machine: MakeMachine) -> Machine:
    m = machine(bytes.fromhex("faf4"))
    m.boot()
    m.run()
    return m


def test_code_page_437_has_256_characters() -> None:
    assert len(CP437) == 256
    assert CP437[1] + CP437[0x7F] + CP437[0xF9] + CP437[0xDB] == "☺⌂∙█"


def test_text_is_rows_with_trailing_blanks_cut(m: Machine) -> None:
    show(m, 0, 0, b"first   ")
    show(m, 2, 3, b"\xc9\xcd\xbb\0")

    rows = m.screen.text.split("\n")

    assert len(rows) == 25
    assert rows[0] == "first"
    assert rows[2] == "   ╔═╗"


def test_cells_have_character_and_attribute(m: Machine) -> None:
    show(m, 1, 2, b"A", 0x1E)

    assert m.screen.cells[1][2] == (0x41, 0x1E)
    assert (len(m.screen.cells), len(m.screen.cells[0])) == (25, 80)


def test_version_changes_when_the_guest_writes(machine: MakeMachine) -> None:
    # mov ax,B800h; mov ds,ax; mov byte [0],'x'; cli; hlt
    m = machine(bytes.fromhex("b800b8 8ed8 c606000078 faf4"))
    m.boot()
    before = m.screen.version

    m.run()

    assert m.screen.version != before
    assert m.screen.version == m.screen.version
    assert m.screen.text[0] == "x"


def test_cursor_is_where_the_guest_put_it(machine: MakeMachine) -> None:
    # mov ah,2; mov bh,0; mov dx,0A05h; int 10h; cli; hlt
    m = machine(bytes.fromhex("b402 b700 ba050a cd10 faf4"))

    m.run()

    assert m.screen.cursor == (5, 10)


def test_screens_are_saved_as_text_and_picture(m: Machine, tmp_path: Path) -> None:
    show(m, 0, 0, "Ä".encode("cp437") + b"!", 0x4F)

    m.screen.save(tmp_path / "screen.txt")
    m.screen.save(tmp_path / "screen.png")

    assert (tmp_path / "screen.txt").read_text("utf-8") == "Ä!\n"
    assert (tmp_path / "screen.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(MachineError, match=r"name a file in \.txt or \.png"):
        m.screen.save("screen.gif")


def test_the_picture_has_the_text_in_its_colours(m: Machine) -> None:
    image = pytest.importorskip("PIL.Image")
    show(m, 0, 0, b"\xdb ", 0x4F)

    picture = image.open(BytesIO(m.screen.png())).convert("RGB")

    assert picture.size == (640, 400)
    assert picture.getpixel((3, 5)) == (255, 255, 255)
    assert picture.getpixel((11, 5)) == (170, 0, 0)
