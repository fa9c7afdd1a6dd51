"""The text of a screen: read characters and attributes from a snapshot. Knows no dots."""

from codecs import charmap_decode
from typing import TYPE_CHECKING

from . import scan as s

if TYPE_CHECKING:
    from ..devices.vga.snapshot import VgaSnapshot

#: Code page 437 as a display shows it: control characters also have glyphs.
CP437 = (
    " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    + bytes(range(0x20, 0x7F)).decode("ascii")
    + "⌂"
    + bytes(range(0x80, 0xFF)).decode("cp437")
    + " "
)
PLANE = 0x10000


def rows(shown: "VgaSnapshot") -> list[bytes]:
    """The rows of a text screen: bytes of character, attribute, character ..."""
    lines = s.scan(shown.crtc)
    return [_row(lines, shown.planes, each.base, each.first) for each in s.text_rows(lines)]


def row(shown: "VgaSnapshot", base: int, first: int = 0) -> bytes:
    """The row whose first character has address `base`, as the CRTC counts characters."""
    return _row(s.scan(shown.crtc), shown.planes, base, first)


def _row(lines: s.Scan, planes: bytes, base: int, first: int) -> bytes:
    where = places(lines, base, first)
    cells = bytearray(2 * lines.columns)
    if isinstance(where, range):
        for plane in range(2):
            here = plane * PLANE
            cells[plane::2] = planes[here + where[0] : here + where[-1] + 1 : where.step]
        return bytes(cells)
    for x, at in enumerate(where):
        cells[2 * x], cells[2 * x + 1] = planes[at], planes[PLANE + at]
    return bytes(cells)


def places(lines: s.Scan, base: int, first: int) -> range | list[int]:
    """The addresses in each plane of the characters of a row; a range, if they are evenly spaced
    and do not wrap, as every BIOS sets it."""
    columns = lines.columns
    at = lines.address(base, first)
    end = lines.address(base + columns - 1, first)
    step, left = divmod(end - at, max(columns - 1, 1))
    if step in (1, 2) and not left and not lines.shift and not lines.uses_scan:
        return range(at, end + 1, step)
    return [lines.address(base + (x >> lines.shift), first) for x in range(columns)]


def decode(row: bytes) -> str:
    """The characters of a row as Unicode, with trailing blanks."""
    return charmap_decode(row[::2], "strict", CP437)[0]


def decode_characters(row: bytes) -> str:
    """Characters without attributes as Unicode, without trailing blanks."""
    return charmap_decode(row, "strict", CP437)[0].rstrip()


def text_of(all_rows: list[bytes]) -> str:
    """The rows, joined with line ends, without trailing blanks."""
    return "\n".join(decode(each).rstrip() for each in all_rows)
