"""The scan: read from VGA registers what a monitor draws, line by line. Knows no memory.

A monitor gets scan lines. The CRTC makes each one from three numbers: the memory address of its
first character, the scan line inside the character row, and how many dots it is moved to the left.
This file computes them; `render` makes dots of them, `text` characters.

Source: IBM PS/2 Hardware Interface Technical Reference, Video Subsystem (1990), "VGA registers".
Blanking inside the displayed area, and a reset of the sequencer, are not shown.
"""

from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

    from ..devices.vga.snapshot import VgaSnapshot

#: CRTC registers.
COLUMNS = 0x01
OVERFLOW = 0x07
PRESET_SCAN = 0x08
MAX_SCAN_LINE = 0x09
CURSOR_START, CURSOR_END = 0x0A, 0x0B
START_HIGH, START_LOW = 0x0C, 0x0D
CURSOR_HIGH, CURSOR_LOW = 0x0E, 0x0F
DISPLAY_END = 0x12
OFFSET = 0x13
UNDERLINE = 0x14
MODE = 0x17
LINE_COMPARE = 0x18

#: Attribute registers, and bits of the first.
ATTRIBUTE_MODE, PLANE_ENABLE, PANNING, COLOR_SELECT = 0x10, 0x12, 0x13, 0x14
LINE_GRAPHICS = 0x04
BLINK = 0x08
PANNING_STOPS = 0x20  # at the line compare
PALETTE_SELECT = 0x80

DOUBLE_SCAN = 0x80  # in MAX_SCAN_LINE
CURSOR_OFF = 0x20  # in CURSOR_START
DOUBLE_WORDS, COUNT_BY_4 = 0x40, 0x20  # in UNDERLINE
BYTES, WRAP_AT_15, COUNT_BY_2, HALF_LINES = 0x40, 0x20, 0x08, 0x04  # in MODE
PICTURE_ON = 0x80  # in MODE
CHARACTERS_OF_8, HALF_CLOCK, SCREEN_OFF = 0x01, 0x08, 0x20  # in sequencer register 1
PALETTE_ON = 0x20  # in the attribute index
GRAPHICS = 0x01  # in graphics register 6
SHIFT_INTERLEAVE, SHIFT_256 = 0x20, 0x40  # in graphics register 5

#: Frames that a blinking cursor and a blinking character are shown, and as many that they are not.
CURSOR_FRAMES, CHARACTER_FRAMES = 8, 16

Address = TypeVar("Address", int, "NDArray[int64]")


class HasCrtc(Protocol):
    """What has the registers of a CRTC: a VgaSnapshot, or a `Crtc`."""

    @property
    def crtc(self) -> bytes: ...


class Crtc(NamedTuple):
    """The registers of a CRTC alone."""

    crtc: bytes


class Row(NamedTuple):
    """A character row on the screen; in graphics modes a line of dots, or two, or four."""

    line: int
    """Its first scan line on the screen."""
    lines: int
    """How many scan lines of it are shown."""
    base: int
    """The address of its first character, as the CRTC counts characters."""
    first: int
    """The first scan line inside the row; more than 0 if it is scrolled smoothly."""
    split: bool
    """True after the line compare: the part of the screen that starts at address 0."""


class Scan(NamedTuple):
    """What the CRTC does with its registers. Made by `scan`; equal registers, equal Scan."""

    columns: int
    """Characters of a scan line, 1 to 256."""
    height: int
    """Scan lines on the screen, 1 to 2048."""
    row_lines: int
    """Scan lines of a whole character row."""
    doubled: int
    """1 if each scan line inside a row is shown twice, else 0."""
    offset: int
    """Characters from one row to the next."""
    rows: tuple[Row, ...]
    mode: int
    underline: int

    @property
    def shift(self) -> int:
        """The address counts each character (0), each second (1) or each fourth one (2)."""
        return 2 if self.underline & COUNT_BY_4 else 1 if self.mode & COUNT_BY_2 else 0

    @property
    def uses_scan(self) -> int:
        """The bits of the scan line inside the row that take part in the address."""
        return ~self.mode & 3

    def address(self, count: Address, scan: Address) -> Address:
        """The address in each plane, 0-FFFFh, of what the CRTC counts as character `count`."""
        count = count & 0xFFFF
        if self.underline & DOUBLE_WORDS:
            at = count << 2 | count >> 14
        elif not self.mode & BYTES:
            at = count << 1 | count >> (15 if self.mode & WRAP_AT_15 else 13) & 1
        else:
            at = count
        if self.uses_scan & 1:
            at = at & ~0x2000 | (scan & 1) << 13
        if self.uses_scan & 2:
            at = at & ~0x4000 | (scan & 2) << 13
        return at & 0xFFFF


def scan(crtc: bytes) -> Scan:
    """What a monitor gets from a CRTC with these 25 registers. Never raises for any 25 bytes."""
    return _scan(without_cursor(crtc))


def without_cursor(crtc: bytes) -> bytes:
    """25 registers of a CRTC, with 0 in those of the cursor."""
    cut = bytearray(crtc[:25].ljust(25, b"\0"))
    cut[CURSOR_START : CURSOR_END + 1] = cut[CURSOR_HIGH : CURSOR_LOW + 1] = b"\0\0"
    return bytes(cut)


@lru_cache(64)
def _scan(crtc: bytes) -> Scan:
    overflow, most = crtc[OVERFLOW], crtc[MAX_SCAN_LINE]
    height = (crtc[DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1
    compare = (crtc[LINE_COMPARE] | (overflow & 0x10) << 4 | (most & 0x40) << 3) + 1
    if crtc[MODE] & HALF_LINES:
        height, compare = height * 2, compare * 2
    doubled = most >> 7
    last, offset = most & 0x1F, crtc[OFFSET] * 2
    base = (crtc[START_HIGH] << 8 | crtc[START_LOW]) + (crtc[PRESET_SCAN] >> 5 & 3)
    rows: list[Row] = []
    line, first, split = 0, crtc[PRESET_SCAN] & 0x1F, False
    while line < height:
        if not split and line >= compare:
            base, first, split = 0, 0, True
        # The scan line counter of the row has five bits: a preset above the last line wraps at 32.
        end = line + (((last - first) & 0x1F) + 1 << doubled)
        end = min(end, height if split else min(height, compare))
        rows.append(Row(line, end - line, base & 0xFFFF, first, split))
        line, base, first = end, base + offset, 0
    return Scan(
        columns=crtc[COLUMNS] + 1,
        height=height,
        row_lines=last + 1 << doubled,
        doubled=doubled,
        offset=offset,
        rows=tuple(rows),
        mode=crtc[MODE],
        underline=crtc[UNDERLINE],
    )


# -- what the other registers say ------------------------------------------------------------------


def graphics(shown: "VgaSnapshot") -> bool:
    """True in graphics modes, False in text modes."""
    return bool(shown.graphics[6] & GRAPHICS)


def lit(shown: "VgaSnapshot") -> bool:
    """True if the screen is on."""
    on = shown.attribute_index & PALETTE_ON and shown.crtc[MODE] & PICTURE_ON
    return bool(on) and not shown.sequencer[1] & SCREEN_OFF


def character_width(shown: "VgaSnapshot") -> int:
    """Dots of a character: 8, or 9 in text modes and in those planar modes that ask for it."""
    nine = not shown.sequencer[1] & CHARACTERS_OF_8
    packed = graphics(shown) and shown.graphics[5] & (SHIFT_256 | SHIFT_INTERLEAVE)
    return 9 if nine and not packed else 8


def panning(shown: "VgaSnapshot") -> int:
    """How many dots of the guest the picture is moved to the left, 0 to 8."""
    value: int = shown.attribute[PANNING] & 0x0F
    if character_width(shown) == 9:
        return 0 if value >= 8 else value + 1
    if graphics(shown) and shown.graphics[5] & SHIFT_256:
        return (value & 7) >> 1
    return value & 7


def scale(shown: "VgaSnapshot") -> tuple[int, int]:
    """(x, y): how many dots wide and scan lines high each dot of the guest is on the monitor."""
    lines = scan(shown.crtc)
    x = 2 if shown.sequencer[1] & HALF_CLOCK else 1
    y = 1 << lines.doubled
    if graphics(shown):
        if shown.graphics[5] & SHIFT_256:
            x *= 2
        if not lines.uses_scan:
            y = lines.row_lines
    return x, gcd(y, *(row.line for row in lines.rows), lines.height)


def attribute_colours(shown: "VgaSnapshot") -> bytes:
    """16 bytes: the number in the DAC of each colour of the attribute controller."""
    select, replaced = shown.attribute[COLOR_SELECT], shown.attribute[ATTRIBUTE_MODE]
    colours = bytearray()
    for value in shown.attribute[:16]:
        index = value & 0x3F
        if replaced & PALETTE_SELECT:
            index = index & 0x0F | (select & 0x03) << 4
        colours.append((index | (select & 0x0C) << 4) & shown.dac_mask)
    return bytes(colours)


def colours(shown: "VgaSnapshot") -> int:
    """How many colours a dot can have: 2, 4, 16 or 256."""
    if graphics(shown) and shown.graphics[5] & SHIFT_256:
        return 256
    planes = shown.attribute[PLANE_ENABLE] & 0x0F
    reached = {value for i, value in enumerate(attribute_colours(shown)) if i & planes == i}
    most: int = 1 << planes.bit_count()
    return min(most, 2) if len(reached) <= 2 else most


def mode_name(shown: "VgaSnapshot") -> str:
    """The mode in words, such as "text 80x25" or "320x200 256 colours"."""
    lines = scan(shown.crtc)
    if not graphics(shown):
        return f"text {lines.columns}x{len(text_rows(lines))}"
    _, y = scale(shown)
    width = lines.columns * 8 // (2 if shown.graphics[5] & SHIFT_256 else 1)
    if character_width(shown) == 9:
        width = lines.columns * 9
    return f"{width}x{lines.height // y} {colours(shown)} colours"


def text_rows(lines: Scan) -> tuple[Row, ...]:
    """The rows of a text screen. A last row of which only a part fits is not counted."""
    rows = lines.rows
    last = rows[-1]
    cut = last.first * (1 + lines.doubled) + last.lines < lines.row_lines
    return rows[:-1] if cut and len(rows) > 1 else rows


def cursor_lines(shown: "HasCrtc") -> tuple[int, int] | None:
    """(first, last) scan line of the text cursor inside its row; None if it is off."""
    first, last = shown.crtc[CURSOR_START] & 0x1F, shown.crtc[CURSOR_END] & 0x1F
    most = shown.crtc[MAX_SCAN_LINE] & 0x1F
    if shown.crtc[CURSOR_START] & CURSOR_OFF or first > last or first > most:
        return None
    return first, last


def cursor_address(shown: "HasCrtc") -> int:
    """The character at the cursor, as the CRTC counts them."""
    skew = shown.crtc[CURSOR_END] >> 5 & 3
    at: int = (shown.crtc[CURSOR_HIGH] << 8 | shown.crtc[CURSOR_LOW]) + skew
    return at & 0xFFFF


def cursor_place(shown: "HasCrtc") -> tuple[int, int] | None:
    """(column, row) of the text cursor; None if it is off or outside the screen."""
    if cursor_lines(shown) is None:
        return None
    lines, at = scan(shown.crtc), cursor_address(shown)
    for number, row in enumerate(text_rows(lines)):
        column = (at - row.base & 0xFFFF) << lines.shift
        if column < lines.columns:
            return column, number
    return None
