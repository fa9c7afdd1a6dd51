"""A screen is compared with what was approved: text by lines, pictures by dots."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Machine
from pyx86emu.pc.screen import png
from pyx86emu.testing.golden import Golden
from pyx86emu.testing.problems import GuestFailed

#: cli; mov ax,0E21h; int 10h; hlt
TEXT = bytes.fromhex("fa b8210e cd10 f4")
#: cli; mov ax,13h; int 10h; hlt
GRAPHICS = bytes.fromhex("fa b81300 cd10 f4")


@pytest.fixture
def golden(tmp_path: Path) -> Callable[..., Golden]:
    return lambda name="it", update=False: Golden(name, tmp_path, update, tmp_path / "scratch")


def test_a_text_is_written_and_compared(golden: Callable[..., Golden], tmp_path: Path) -> None:
    assert golden(update=True) == "C:\\>  \n\n"

    assert (tmp_path / "golden" / "it.txt").read_text() == "C:\\>\n"
    assert golden() == "C:\\>"
    wrong = golden()
    assert wrong != "D:\\>"
    assert {"-C:\\>", "+D:\\>"} <= set(wrong.difference)


def test_a_machine_and_its_screen_are_compared(
    golden: Callable[..., Golden], machine: Callable[..., Machine]
) -> None:
    m = machine(TEXT)
    m.run()

    assert m.screen == golden(update=True)
    assert m.screen == golden()
    assert m == golden()
    m.vm.write(0xB8000, b"X")
    assert m.screen != golden()


def test_a_picture_is_compared_by_its_dots(
    golden: Callable[..., Golden], machine: Callable[..., Machine], tmp_path: Path
) -> None:
    m = machine(GRAPHICS)
    m.run()
    assert m.screen == golden(update=True)
    path = tmp_path / "golden" / "it.png"
    assert path.read_bytes() == m.screen.png()
    path.write_bytes(png.encode(m.screen.pixels))  # other bytes, the same dots

    assert m.screen == golden()

    m.vm.write(0xA0000, b"\x0f" * 100)
    wrong = golden()
    assert m.screen != wrong
    assert str(path) in wrong.difference[0]
    assert (tmp_path / "scratch" / "it.now.png").read_bytes() == m.screen.png()


def test_text_and_graphics_differ(
    golden: Callable[..., Golden], machine: Callable[..., Machine]
) -> None:
    m = machine(GRAPHICS)
    m.run()
    assert golden(update=True) == "text"

    wrong = golden()

    assert m.screen != wrong
    assert "shows graphics" in wrong.difference[0]


def test_a_missing_one_says_how_to_make_it(golden: Callable[..., Golden]) -> None:
    with pytest.raises(GuestFailed, match="--update-golden"):
        _ = golden() == "text"


@pytest.mark.parametrize(
    "name", ["", "../it", "a/b", "/etc/it", ".hidden", "a\n", "x" * 200, 5, None]
)
def test_a_name_is_no_path(golden: Callable[..., Golden], name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        golden(name)


def test_other_things_are_not_compared(golden: Callable[..., Golden]) -> None:
    assert golden() != 5
    assert golden() != b"no picture"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(width: int, height: int, rows: bytes, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_every_filter_of_a_png_is_understood(golden: Callable[..., Golden]) -> None:
    import random

    Image = pytest.importorskip("PIL.Image")
    import io

    rng = random.Random(7)
    rows = b"".join(bytes([kind % 5]) + rng.randbytes(12) for kind in range(10))
    data = picture(4, 10, rows)
    plain = Image.open(io.BytesIO(data)).convert("RGB").tobytes()

    assert golden(update=True) == data
    assert golden() == png.encode(memoryview(plain).cast("B", (10, 4, 3)))


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n",
        b"no picture at all",
        picture(1 << 30, 1 << 30, b""),
        picture(4, 10, b"\0" * 5),
        picture(1, 1, b"\x09abc"),
        picture(1, 1, b"\0abc", colour=0),
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"short"),
    ],
)
def test_a_damaged_golden_picture_is_named(
    golden: Callable[..., Golden], tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "it.png").write_bytes(data)

    with pytest.raises(GuestFailed, match="cannot be compared"):
        _ = golden() == picture(1, 1, b"\0abc")
