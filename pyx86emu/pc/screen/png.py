"""PNG: encode a picture as the bytes of a file. Knows the format, not what is shown."""

import struct
import zlib

from .display import Picture

#: How many colours four bits per dot can name.
COLOURS = 16

_DIGITS = b"0123456789abcdef".ljust(256, b"?")


def encode(picture: Picture) -> bytes:
    """The bytes of a PNG file with four bits per dot.

    ValueError: the picture has no dots, or more than 16 colours.

    >>> encode(Picture([(0, 0, 0), (255, 255, 255)], [b"\\0\\1\\1\\0"]))[:4]
    b'\\x89PNG'
    """
    palette, rows = picture
    if not rows or not rows[0] or len(palette) > COLOURS:
        raise ValueError(f"a PNG has dots, of 1 to {COLOURS} colours")
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 4, 3, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"PLTE", b"".join(map(bytes, palette)))
        + _chunk(b"IDAT", zlib.compress(b"".join(map(_line, rows))))
        + _chunk(b"IEND", b"")
    )


def _line(row: bytes) -> bytes:
    """A line without filter. A byte has two dots, so the dots are written as hexadecimal digits."""
    digits = row.translate(_DIGITS).decode("ascii")
    return b"\0" + bytes.fromhex(digits + "0" * (len(digits) & 1))


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
