"""PNG: encode a picture as the bytes of a file. Knows the format, not what is shown."""

import struct
import zlib
from typing import Any

_MOST = (1 << 31) - 1


def encode(pixels: Any, palette: Any = None) -> bytes:
    """The bytes of a PNG file with eight bits per dot.

    `pixels`: with `palette` numbers of colours, (height, width); without it red, green and blue,
    (height, width, 3). A numpy array of uint8, or another buffer of bytes with that shape.
    `palette`: 1 to 256 colours: a list of (red, green, blue), 0-255 each, or an array (n, 3).
    A dot whose number is not in the palette makes a file that viewers may refuse.

    TypeError: no such array. ValueError: no dots, another shape, or another number of colours.

    >>> encode(memoryview(b"\\0\\1\\1\\0").cast("B", (2, 2)), [(0, 0, 0), (255, 255, 255)])[:4]
    b'\\x89PNG'
    """
    view = _array(pixels, "pixels")
    shape = view.shape or ()
    channels = 3 if palette is None else 1
    if palette is None and (len(shape) != 3 or shape[2] != 3):
        raise ValueError(f"pixels of shape {shape}: give (height, width, 3), or a palette")
    if palette is not None and len(shape) != 2:
        raise ValueError(f"pixels of shape {shape}: with a palette give (height, width)")
    height, width = shape[:2]
    if not (0 < height <= _MOST and 0 < width <= _MOST):
        raise ValueError(f"pixels of shape {shape}: a PNG has at least one dot")
    colours = b"" if palette is None else _chunk(b"PLTE", _colours(palette))
    data, length = view.tobytes(), width * channels
    # Each line starts with the number of its filter: 0 is none.
    lines = b"".join(b"\0" + data[at : at + length] for at in range(0, len(data), length))
    header = struct.pack(">IIBBBBB", width, height, 8, 2 if palette is None else 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + colours
        + _chunk(b"IDAT", zlib.compress(lines))
        + _chunk(b"IEND", b"")
    )


def _array(values: Any, what: str) -> memoryview:
    """The array as a memoryview of bytes."""
    try:
        view = memoryview(values)
    except TypeError:
        raise TypeError(f"{what} must be an array of bytes, not {type(values).__name__}") from None
    if view.format not in ("B", "b", "c"):
        raise TypeError(f"{what} must be an array of uint8, not of format {view.format!r}")
    return view


def _colours(palette: Any) -> bytes:
    """The colours, three bytes each."""
    if isinstance(palette, (list, tuple)):
        colours = [bytes(colour) for colour in palette]
        if any(len(colour) != 3 for colour in colours):
            raise ValueError("a colour of the palette is (red, green, blue)")
        data = b"".join(colours)
    else:
        data = _array(palette, "palette").tobytes()
    if len(data) % 3 or not 3 <= len(data) <= 768:
        raise ValueError(f"a palette of {len(data)} bytes: a PNG has 1 to 256 colours of 3 bytes")
    return data


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
