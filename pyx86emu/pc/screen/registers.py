"""The registers of a text screen: read a snapshot of the VGA as text. Know no dots."""

from ..devices.vga import VgaSnapshot

COLUMNS = 0x01
OVERFLOW = 0x07
MAX_SCAN_LINE = 0x09
CURSOR_START, CURSOR_END = 0x0A, 0x0B
START_HIGH, START_LOW = 0x0C, 0x0D
CURSOR_HIGH, CURSOR_LOW = 0x0E, 0x0F
DISPLAY_END = 0x12
OFFSET = 0x13

CURSOR_OFF = 0x20  # in CURSOR_START
PALETTE_ON = 0x20  # in the attribute index
SCREEN_OFF = 0x20  # in sequencer register 1
BLINK = 0x08  # in attribute register 10h
#: Bytes of text memory that the window B8000h shows.
TEXT = 0x8000


class TextRegisters:
    """What a text screen is, by the registers of a VGA."""

    def __init__(self, snapshot: VgaSnapshot) -> None:
        self.snapshot = snapshot
        self._crtc = snapshot.crtc

    @property
    def memory(self) -> bytes:
        """Character, attribute, character ..., as the guest has them at B8000h."""
        text = bytearray(TEXT)
        text[::2] = self.snapshot.planes[0:TEXT:2]
        text[1::2] = self.snapshot.planes[0x10000 : 0x10000 + TEXT : 2]
        return bytes(text)

    @property
    def columns(self) -> int:
        """Characters in a row.

        A guest writes columns - 1 for a VGA, and columns for a CGA. The number of columns is even:
        so an odd value in the register is for a VGA, an even one for a CGA.
        """
        value = self._crtc[COLUMNS]
        return value + (value & 1) or 80

    @property
    def rows(self) -> int:
        """Character rows on the screen."""
        overflow = self._crtc[OVERFLOW]
        lines = (self._crtc[DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1
        return max(lines // self.character_height, 1)

    @property
    def character_height(self) -> int:
        """Scan lines of a character."""
        return (self._crtc[MAX_SCAN_LINE] & 0x1F) + 1

    @property
    def row_pitch(self) -> int:
        """Characters from one row to the next in memory."""
        return self._crtc[OFFSET] * 2 or self.columns

    @property
    def start_address(self) -> int:
        """The number of the character in text memory that is shown first."""
        return self._crtc[START_HIGH] << 8 | self._crtc[START_LOW]

    @property
    def cursor_address(self) -> int:
        """The number of the character in text memory at the cursor."""
        return self._crtc[CURSOR_HIGH] << 8 | self._crtc[CURSOR_LOW]

    @property
    def cursor(self) -> tuple[int, int]:
        """(row, column) of the cursor, which may be outside the screen."""
        return divmod(self.cursor_address - self.start_address & 0x3FFF, self.columns)

    @property
    def cursor_shape(self) -> tuple[int, int]:
        """(first, last) scan line of the cursor."""
        return self._crtc[CURSOR_START] & 0x1F, self._crtc[CURSOR_END] & 0x1F

    @property
    def cursor_visible(self) -> bool:
        """True if the cursor is on and has at least one scan line."""
        start, end = self.cursor_shape
        hidden = self._crtc[CURSOR_START] & CURSOR_OFF
        return not hidden and start <= end and start < self.character_height

    @property
    def blinking(self) -> bool:
        """True: attribute bit 7 makes a character blink. False: it makes the background bright."""
        return bool(self.snapshot.attribute[0x10] & BLINK)

    @property
    def enabled(self) -> bool:
        """True if the display is on."""
        shown = self.snapshot.attribute_index & PALETTE_ON
        return bool(shown) and not self.snapshot.sequencer[1] & SCREEN_OFF

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """The 16 text colours as the guest has set them: (red, green, blue), 0-255 each."""
        attribute, dac = self.snapshot.attribute, self.snapshot.dac
        colors = []
        for i in range(16):
            index = attribute[i] & 0x3F
            select = attribute[0x14]
            if attribute[0x10] & 0x80:
                index = index & 0x0F | (select & 0x03) << 4
            index = (index | (select & 0x0C) << 4) & self.snapshot.dac_mask
            r, g, b = (v << 2 | v >> 4 for v in dac[3 * index : 3 * index + 3])
            colors.append((r, g, b))
        return colors
