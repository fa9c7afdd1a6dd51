"""The screen: text, cells, cursor, pictures and files, in text and in graphics modes."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import ExitReason, Machine, MachineError
from pyx86emu.pc.devices.vga.snapshot import VgaSnapshot
from pyx86emu.pc.screen.screen import Screen
from pyx86emu.pc.screen.text import CP437
from tests.harness import python
from tests.pc.snapshots import snapshot, with_bytes

MakeMachine = Callable[..., Machine]

HALT = "faf4"
#: mov ax,13h; int 10h; mov ax,A000h; mov es,ax; mov byte [es:321],2Ah
DOT_13H = "b81300 cd10 b800a0 8ec0 26c60641012a"


class Still:
    """A VGA that always shows the same."""

    version = 1

    def __init__(self, shown: VgaSnapshot) -> None:
        self.shown = shown

    def snapshot(self) -> VgaSnapshot:
        return self.shown


def show(m: Machine, row: int, column: int, text: bytes, attribute: int = 7) -> None:
    """Put text into the text memory."""
    cells = b"".join(bytes((char, attribute)) for char in text)
    m.vm.write(0xB8000 + (row * 80 + column) * 2, cells)


@pytest.fixture
def m(machine: MakeMachine) -> Machine:
    m = machine(bytes.fromhex(HALT))
    m.boot()
    m.run()
    return m


@pytest.fixture
def drawn(machine: MakeMachine) -> Machine:
    """A machine in mode 13h, with the dot (1, 1) in colour 2Ah."""
    m = machine(bytes.fromhex(DOT_13H + HALT))
    m.run()
    return m


# -- text --------------------------------------------------------------------------------------


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
    assert m.screen.row(1)[4:6] == b"A\x1e"
    assert m.screen.lines[1] == m.screen.row(1)


def test_text_starts_where_the_start_address_says(m: Machine) -> None:
    show(m, 3, 0, b"top")
    m.pio.write(0x3D4, 1, 0x0D)
    m.pio.write(0x3D5, 1, 240)

    assert m.screen.text.startswith("top\n")


def test_text_below_the_line_compare_is_from_address_0(m: Machine) -> None:
    show(m, 0, 0, b"panel")
    show(m, 5, 0, b"top")
    for index, value in ((0x0C, 0x01), (0x0D, 0x90), (0x18, 159), (0x07, 0x0F), (0x09, 0x0F)):
        m.pio.write(0x3D4, 1, 0x11)
        m.pio.write(0x3D5, 1, 0)
        m.pio.write(0x3D4, 1, index)
        m.pio.write(0x3D5, 1, value)

    rows = m.screen.text.split("\n")

    assert (rows[0], rows[10]) == ("top", "panel")


@pytest.mark.parametrize(
    "changed", [{0x17: 0xE3}, {0x17: 0xA2}, {0x17: 0xAB}, {0x14: 0x5F}, {0x0C: 0xFF}], ids=str
)
def test_text_is_what_the_renderer_draws(changed: dict[int, int]) -> None:
    """Each character has its number as its glyph, so that the picture says what it is."""
    every = bytes(range(256)) * 256
    fonts = b"".join(bytes([char]) * 32 for char in range(256))
    crtc = with_bytes(snapshot(3).crtc, {0x0A: 0x20} | changed)
    shown = snapshot(3, {0: {0: every}, 1: {0: b"\x01" * 65536}, 2: {0: fonts}}, crtc=crtc)
    screen = Screen(None, Still(shown))  # type: ignore[arg-type]

    picture = screen.indices[::16].reshape(25, 80, 9)[..., :8] == 1

    drawn = np.packbits(picture, axis=2)[..., 0]
    assert [bytes(row) for row in drawn] == [row[::2] for row in screen.lines]


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


def test_the_colours_of_text_are_those_that_the_guest_has_set(m: Machine) -> None:
    m.pio.write(0x3C8, 1, 0x04)
    for value in (0x3F, 0x00, 0x10):
        m.pio.write(0x3C9, 1, value)

    assert m.screen.colours[4] == (255, 0, 65)
    assert m.screen.colours[7] == (170, 170, 170)
    assert m.screen.blinking


def test_text_needs_no_numpy() -> None:
    code = """\
import sys
from pyx86emu import Machine
with Machine(bytes.fromhex("faf4")) as m:
    m.run(until="x", timeout=0.1)
    m.screen.text, m.screen.cells, m.screen.cursor, m.screen.mode_name, repr(m.screen)
    assert m.screen._repr_html_()
    assert "numpy" not in sys.modules
"""
    done = python("-c", code)

    assert done.returncode == 0, done.stderr


# -- graphics ----------------------------------------------------------------------------------


def test_a_graphics_mode_has_no_text_and_a_name(drawn: Machine) -> None:
    screen = drawn.screen

    assert (screen.text, screen.cells, screen.lines) == (None,) * 3
    assert screen.row(0) == b" \x07" * screen.columns
    assert screen.cursor is None
    assert not screen.is_text
    assert (screen.mode, screen.mode_name) == (0x13, "320x200 256 colours")
    assert repr(screen) == "<Screen 320x200 256 colours>"


def test_pixels_of_a_graphics_mode_are_the_monitors(drawn: Machine) -> None:
    screen = drawn.screen
    x, y = screen.scale

    assert screen.pixels.shape == (400, 640, 3)
    assert screen.pixels.dtype == np.uint8
    assert (x, y) == (2, 2)
    assert np.argwhere(screen.indices[::y, ::x]).tolist() == [[1, 1]]
    assert screen.indices[2, 2] == 0x2A
    assert (screen.palette[screen.indices] == screen.pixels).all()


def test_until_looks_at_the_other_texts_while_graphics_are_shown(machine: MakeMachine) -> None:
    # mov ax,13h; int 10h; mov al,'E'; out 0E9h,al; jmp $
    m = machine(bytes.fromhex("b81300 cd10 b045 e6e9 ebfe"))

    assert m.run(until="^E", timeout=1).reason is ExitReason.MATCH
    assert m.screen.text is None


def test_a_report_says_which_graphics_are_shown(drawn: Machine, m: Machine) -> None:
    assert drawn.report()["screen"] is None
    assert drawn.report()["screen_mode"] == "320x200 256 colours"
    assert m.report()["screen_mode"] == "text 80x25"


# -- files -------------------------------------------------------------------------------------


def test_screens_are_saved_as_text_and_picture(m: Machine, tmp_path: Path) -> None:
    show(m, 0, 0, "Ä".encode("cp437") + b"!", 0x4F)

    m.screen.save(tmp_path / "screen.txt")
    m.screen.save(tmp_path / "screen.PNG")

    assert (tmp_path / "screen.txt").read_text("utf-8") == "Ä!\n"
    assert (tmp_path / "screen.PNG").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_saved_picture_is_what_pixels_has(drawn: Machine, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")

    drawn.screen.save(tmp_path / "dot.png")

    picture = np.asarray(image.open(tmp_path / "dot.png").convert("RGB"))
    assert (picture == drawn.screen.pixels).all()


def test_the_picture_has_the_text_in_its_colours(m: Machine) -> None:
    image = pytest.importorskip("PIL.Image")
    show(m, 0, 0, b"\xdb ", 0x4F)

    picture = image.open(BytesIO(m.screen.png())).convert("RGB")

    assert picture.size == (720, 400)
    assert picture.getpixel((3, 5)) == (255, 255, 255)
    assert picture.getpixel((12, 5)) == (170, 0, 0)


@pytest.mark.parametrize("name", ["screen.gif", "screen", "screen.png.bak", "png"])
def test_another_name_is_refused(m: Machine, name: str, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"name a file in one of \.png, \.txt, \.ansi, \.html"):
        m.screen.save(tmp_path / name)

    assert not list(tmp_path.iterdir())


def test_graphics_are_not_saved_as_text(drawn: Machine, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="it shows graphics, 320x200 256 colours; name a file"):
        drawn.screen.save(tmp_path / "screen.txt")

    assert not list(tmp_path.iterdir())


def test_ansi_has_the_colours_of_the_text(m: Machine, tmp_path: Path) -> None:
    show(m, 0, 0, b"A", 0x1E)
    show(m, 0, 1, b"B", 0x9E)

    m.screen.save(tmp_path / "screen.ansi")

    first = (tmp_path / "screen.ansi").read_text("utf-8").split("\n")[0]
    yellow_on_blue = "38;2;255;255;85;48;2;0;0;170m"
    assert first.startswith(f"\x1b[0;{yellow_on_blue}A\x1b[0;5;{yellow_on_blue}B")
    assert first.endswith("\x1b[0m")


def test_ansi_of_graphics_is_half_blocks(drawn: Machine, tmp_path: Path) -> None:
    drawn.screen.save(tmp_path / "screen.ansi")

    text = re.sub("\x1b\\[[0-9;]*m", "", (tmp_path / "screen.ansi").read_text("utf-8"))
    assert text == ("▀" * 80 + "\n") * 30


def test_html_has_the_text_escaped_with_its_colours(m: Machine, tmp_path: Path) -> None:
    show(m, 0, 0, b"<b>&\"'", 0x1E)

    m.screen.save(tmp_path / "screen.html")

    page = (tmp_path / "screen.html").read_text("utf-8")
    assert (
        '<span style="color:#ffff55;background:#0000aa">&lt;b&gt;&amp;&quot;&#x27;</span>' in page
    )
    assert "<b>" not in page
    assert page.startswith("<!DOCTYPE html>")


def test_html_of_graphics_holds_the_picture(drawn: Machine, tmp_path: Path) -> None:
    drawn.screen.save(tmp_path / "screen.html")

    page = (tmp_path / "screen.html").read_text("utf-8")
    assert '<img alt="320x200 256 colours" src="data:image/png;base64,iVBOR' in page


def test_notebooks_show_text_as_html_and_graphics_as_a_picture(m: Machine, drawn: Machine) -> None:
    show(m, 0, 0, b"hello")

    assert "hello" in m.screen._repr_html_()
    assert drawn.screen._repr_html_() is None
    assert m.screen._repr_png_() == m.screen.png()
    assert drawn.screen._repr_png_()[:4] == b"\x89PNG"


def test_repr_says_what_is_there(m: Machine) -> None:
    show(m, 0, 0, b" " * 2000)
    show(m, 3, 0, b"C:\\>")

    assert re.fullmatch(
        r"<Screen text 80x25, cursor at \(\d+, \d+\), last row 'C:\\\\>'>", repr(m.screen)
    )


# -- whatever the guest leaves there ----------------------------------------------------------


@given(
    ports=st.lists(
        st.tuples(st.integers(0x3C0, 0x3DA), st.integers(0, 0x20), st.integers(0, 0xFF)),
        max_size=30,
    ),
    crtc=st.binary(min_size=25, max_size=25) | st.just(b"\xff" * 25),
    bda=st.binary(min_size=256, max_size=256),
    text=st.binary(min_size=64, max_size=64),
)
@settings(max_examples=30, deadline=None)
def test_whatever_the_guest_leaves_there_is_a_screen(
    ports: list[tuple[int, int, int]], crtc: bytes, bda: bytes, text: bytes
) -> None:
    with Machine() as m:
        m.vm.write(0x400, bda)
        m.vm.write(0xB8000, text * 512)
        for port, index, value in ports:
            m.pio.write(port, 1, index)
            m.pio.write(port + 1, 1, value)
        for index, value in reversed(list(enumerate(crtc))):  # the lock, register 11h, before 0-7
            m.pio.write(0x3D4, 1, index)
            m.pio.write(0x3D5, 1, value)
        screen = m.screen

        if screen.is_text:
            assert [len(row) for row in screen.cells] == [screen.columns] * screen.rows
            assert screen.text.count("\n") == screen.rows - 1
            assert all(len(screen.row(y)) == 2 * screen.columns for y in (-1, 0, 10**6))
        assert screen.mode == bda[0x49]
        assert screen.cursor is None or screen.cursor[1] < screen.rows
        assert isinstance(screen.version, int)
        height, width, _ = screen.pixels.shape
        assert height <= 2048
        assert width <= 4608
        assert repr(screen)
        assert screen._ansi(screen._now())
        assert screen._element(screen._now())


@pytest.mark.parametrize("y", [numpy.uint8(255), numpy.int64(-1), 1 << 70], ids=repr)
def test_a_row_outside_the_screen_is_blank(y: int) -> None:
    with Machine() as m:
        assert m.screen.row(y) == b" \x07" * 80


def test_a_row_is_an_integer() -> None:
    with Machine() as m, pytest.raises(TypeError, match="row must be an integer"):
        m.screen.row(1.5)  # type: ignore[arg-type]


def test_a_screen_shows_a_vga() -> None:
    with Machine() as m, pytest.raises(TypeError, match="a Screen shows a Vga, not Screen"):
        Screen(m.vm, m.screen)  # type: ignore[arg-type]


def test_what_python_writes_to_text_memory_is_shown_at_once(m: Machine) -> None:
    show(m, 0, 0, b"old")
    before = m.screen.text

    show(m, 0, 0, b"new")

    assert before.startswith("old")
    assert m.screen.text.startswith("new")
    assert m.screen.row(0)[:6:2] == b"new"
