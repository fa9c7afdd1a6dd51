"""PNG: pictures with a palette and of red, green and blue, as other programs read them."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from pyx86emu.pc.screen import png

COLOURS = [(number, 0, 255 - number) for number in range(256)]


def decoded(data: bytes) -> Any:
    """The picture as Pillow reads it."""
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("width", [1, 2, 7, 256])
def test_a_picture_with_a_palette_may_have_any_width(width: int) -> None:
    dots = (np.arange(2 * width) % 256).astype(np.uint8).reshape(2, width)

    picture = decoded(png.encode(dots, COLOURS))

    assert (picture == np.array(COLOURS, np.uint8)[dots]).all()


def test_a_palette_may_be_an_array_of_few_colours() -> None:
    palette = np.array([(1, 2, 3), (4, 5, 6)], np.uint8)

    data = png.encode(np.array([[0, 1]], np.uint8), palette)

    assert decoded(data).tolist() == [[[1, 2, 3], [4, 5, 6]]]


def test_a_picture_of_red_green_and_blue() -> None:
    dots = np.arange(5 * 3 * 3, dtype=np.uint8).reshape(5, 3, 3)

    assert (decoded(png.encode(dots)) == dots).all()


def test_a_picture_may_be_a_part_of_another() -> None:
    dots = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)

    assert (decoded(png.encode(dots[1::2, ::-1])) == dots[1::2, ::-1]).all()


def test_a_picture_may_be_any_buffer_of_two_dimensions() -> None:
    view = memoryview(b"\0\1\2\3\4\5").cast("B", (2, 3))

    assert decoded(png.encode(view, COLOURS)).shape == (2, 3, 3)


def test_chunks_have_their_lengths_and_checks() -> None:
    data = png.encode(np.zeros((4, 6), np.uint8), COLOURS)

    at, kinds = 8, []
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        kinds.append(kind)
        at += 12 + length
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]


EMPTY = np.zeros((0, 4), np.uint8)
DOT = np.zeros((1, 1), np.uint8)


@pytest.mark.parametrize(
    ("pixels", "palette", "error", "message"),
    [
        (EMPTY, COLOURS, ValueError, "at least one dot"),
        (EMPTY.T, COLOURS, ValueError, "at least one dot"),
        (DOT, None, ValueError, r"give \(height, width, 3\), or a palette"),
        (DOT[0], COLOURS, ValueError, r"with a palette give \(height, width\)"),
        (np.zeros((1, 1, 4), np.uint8), None, ValueError, r"give \(height, width, 3\)"),
        (DOT, [], ValueError, "1 to 256 colours"),
        (DOT, [(0, 0, 0)] * 257, ValueError, "1 to 256 colours"),
        (DOT, [(0, 0)], ValueError, r"is \(red, green, blue\)"),
        (DOT, b"\0\0", ValueError, "of 2 bytes"),
        (DOT, 5, TypeError, "palette must be an array of bytes, not int"),
        ("dots", COLOURS, TypeError, "pixels must be an array of bytes, not str"),
        (np.zeros((1, 1)), COLOURS, TypeError, "uint8, not of format 'd'"),
    ],
)
def test_what_is_no_picture_is_refused(
    pixels: Any, palette: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        png.encode(pixels, palette)
