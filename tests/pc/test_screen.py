"""The screen: text, cells, cursor, pictures."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Machine, MachineError
from pyx86emu.pc.screen.text import CP437

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


# -- whatever the guest leaves there ----------------------------------------------------------


def picture(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG whose chunks, sizes and lines are all right."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", data, at + 8 + length)
        assert check == zlib.crc32(kind + body)
        chunks.append((kind, body))
        at += 12 + length
    assert [kind for kind, _ in chunks] == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[0][1])
    assert (depth, colour, len(chunks[1][1])) == (4, 3, 48)
    assert len(zlib.decompress(chunks[2][1])) == height * (1 + width // 2)
    return width, height


@pytest.mark.parametrize("vector", [b"\0\0\0\xd0", b"\xff\xff\xff\xff", b"\0\0\0\xa0"])
def test_a_font_that_is_no_memory_is_blank(m: Machine, vector: bytes) -> None:
    show(m, 0, 0, b"A\xdb", 0x0F)
    m.vm.write(0x1F * 4, vector)

    assert picture(m.screen.png()) == (640, 400)
    glyphs = m.screen._font()
    assert glyphs[0x41] != bytes(8)
    assert glyphs[0xDB] == bytes(8)


def test_no_more_is_shown_than_the_text_memory_has(m: Machine) -> None:
    for index, value in ((0x11, 0), (0x01, 0xFF), (0x07, 0x42), (0x12, 0xFF), (0x09, 0x00)):
        m.pio.write(0x3D4, 1, index)
        m.pio.write(0x3D5, 1, value)
    assert (m.screen.columns, m.screen.rows) == (256, 64)
    assert picture(m.screen.png()) == (2048, 1024)


@given(
    memory=st.sampled_from((0x10000, 0x11000, 0xA0000, 0x100000, 0x200000)),
    ports=st.lists(
        st.tuples(st.integers(0x3C0, 0x3DA), st.integers(0, 0x20), st.integers(0, 0xFF)),
        max_size=30,
    ),
    crtc=st.binary(min_size=25, max_size=25) | st.just(b"\xff" * 25),
    vectors=st.binary(min_size=1024, max_size=1024) | st.just(b"\xff" * 1024),
    bda=st.binary(min_size=256, max_size=256),
    text=st.binary(min_size=64, max_size=64),
)
@settings(max_examples=40)
def test_whatever_the_guest_leaves_there_is_a_picture(
    memory: int,
    ports: list[tuple[int, int, int]],
    crtc: bytes,
    vectors: bytes,
    bda: bytes,
    text: bytes,
) -> None:
    with Machine(memory=memory) as m:
        m.vm.write(0, vectors + bda)
        m.vm.write(0xB8000, text * 512)
        for port, index, value in ports:
            m.pio.write(port, 1, index)
            m.pio.write(port + 1, 1, value)
        for index, value in reversed(list(enumerate(crtc))):  # the lock, register 11h, before 0-7
            m.pio.write(0x3D4, 1, index)
            m.pio.write(0x3D5, 1, value)
        screen = m.screen

        assert screen.rows * screen.columns <= 0x4000
        assert [len(row) for row in screen.cells] == [screen.columns] * screen.rows
        assert screen.text.count("\n") == screen.rows - 1
        assert all(len(screen.row(y)) == 2 * screen.columns for y in (-1, 0, 10**6))
        assert screen.mode == bda[0x49]
        assert screen.cursor is None or screen.cursor[1] < screen.rows
        assert isinstance(screen.version, int)
        assert picture(screen.png()) == (screen.columns * 8, screen.rows * 16)
        repr(m)


@pytest.mark.parametrize("y", [numpy.uint8(255), numpy.int64(-1), 1 << 70], ids=repr)
def test_any_integer_is_a_row_of_text_memory(y: int) -> None:
    with Machine() as m:
        assert m.screen.row(y) == m.screen.row(int(y))


def test_a_row_is_an_integer() -> None:
    with Machine() as m, pytest.raises(TypeError, match="row must be an integer"):
        m.screen.row(1.5)  # type: ignore[arg-type]
