"""The text display: keep the registers of a VGA in colour text mode, and two of a CGA.

| offset | on a PC  | read                        | write                         |
| ------ | -------- | --------------------------- | ----------------------------- |
| 00     | 3C0h     | attribute index             | attribute index, then data    |
| 01     | 3C1h     | attribute data              |                               |
| 02     | 3C2h     | input status 0              | miscellaneous output          |
| 03     | 3C3h     | video enable                | video enable                  |
| 04, 05 | 3C4h     | sequencer index, data       | the same                      |
| 06     | 3C6h     | DAC mask                    | the same                      |
| 07     | 3C7h     | DAC state                   | DAC read index                |
| 08     | 3C8h     | DAC write index             | the same                      |
| 09     | 3C9h     | DAC data: red, green, blue  | the same                      |
| 0A     | 3CAh     | feature control             |                               |
| 0C     | 3CCh     | miscellaneous output        |                               |
| 0E, 0F | 3CEh     | graphics index, data        | the same                      |
| 14, 15 | 3D4h     | CRTC index, data            | the same                      |
| 18     | 3D8h     |                             | CGA mode control              |
| 19     | 3D9h     |                             | CGA colour select             |
| 1A     | 3DAh     | input status 1: retrace     | feature control               |

The characters are not here but in memory at B8000h. A screen shows them with the cursor, the start
address, columns, rows and palette from here.
"""

from ...device import PioDevice

ATTRIBUTE, ATTRIBUTE_DATA = 0x00, 0x01
MISC_WRITE = INPUT_STATUS_0 = 0x02
VIDEO_ENABLE = 0x03
SEQUENCER, SEQUENCER_DATA = 0x04, 0x05
DAC_MASK, DAC_READ, DAC_WRITE, DAC_DATA = 0x06, 0x07, 0x08, 0x09
FEATURE_READ = 0x0A
MISC_READ = 0x0C
GRAPHICS, GRAPHICS_DATA = 0x0E, 0x0F
CRTC, CRTC_DATA = 0x14, 0x15
CGA_MODE, CGA_COLOR = 0x18, 0x19
INPUT_STATUS_1 = FEATURE_WRITE = 0x1A

COLUMNS = 0x01
OVERFLOW = 0x07
MAX_SCAN_LINE = 0x09
CURSOR_START, CURSOR_END = 0x0A, 0x0B
START_HIGH, START_LOW = 0x0C, 0x0D
CURSOR_HIGH, CURSOR_LOW = 0x0E, 0x0F
RETRACE_END = 0x11
DISPLAY_END = 0x12
OFFSET = 0x13

PROTECT = 0x80  # in RETRACE_END: registers 0-7 keep their values
CURSOR_OFF = 0x20  # in CURSOR_START
PALETTE_ON = 0x20  # in the attribute index: the screen shows, the palette is locked
SCREEN_OFF = 0x20  # in sequencer register 1
CGA_BLINK = 0x20  # in CGA mode control
ATTRIBUTE_BLINK = 0x08  # in attribute register 10h
STATUS_NOT_DISPLAYING = 0x01
STATUS_RETRACE = 0x08

# The values that a VGA's BIOS sets in mode 3, with the CRTC's registers unlocked.
_CRTC = bytes.fromhex("5f4f50825581bf1f004f0d0e000000009c0e8f281f96b9a3ff")
_ATTRIBUTE = bytes.fromhex("0001020304051407 38393a3b3c3d3e3f 0c000f0800")
_SEQUENCER = bytes.fromhex("0300030002")
_GRAPHICS = bytes.fromhex("0000000000100e00ff")

# 70 Hz: 449 lines at 31.469 kHz, 400 of them visible; 640 of 800 dots per line are visible.
LINE = 31_778
LINES = 449
FRAME = LINE * LINES
VISIBLE_LINES = 400
VISIBLE_OF_LINE = LINE * 640 // 800
RETRACE_LINES = (412, 414)


class TextVideo(PioDevice):
    """The registers of the display adapter.

    >>> video = TextVideo()
    >>> for index, value in (CURSOR_HIGH, 0x00), (CURSOR_LOW, 0xA5):
    ...     video.pio_write(CRTC, 1, index)
    ...     video.pio_write(CRTC_DATA, 1, value)
    >>> video.columns, video.rows, video.cursor
    (80, 25, (2, 5))
    """

    name = "video"
    length = 0x1B
    max_size = 1
    ranges = ((0x00, 0x10), (0x14, 2), (0x18, 3))

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.crtc_index = 0
        self.crtc = bytearray(_CRTC)
        self.attribute_index = PALETTE_ON
        self.attribute_flip_flop = False  # True: the next write to 3C0h is data
        self.attribute = bytearray(_ATTRIBUTE)
        self.sequencer_index = 0
        self.sequencer = bytearray(_SEQUENCER)
        self.graphics_index = 0
        self.graphics = bytearray(_GRAPHICS)
        self.misc = 0x67
        self.feature = 0
        self.video_enable = 1
        self.cga_mode = 0x29  # 80 columns, picture on, blinking
        self.cga_color = 0x30
        self.dac = bytearray(256 * 3)
        self.dac[: 64 * 3] = _ega_colors()
        self.dac_mask = 0xFF
        self.dac_index = 0
        self.dac_component = 0
        self.dac_reading = False

    # -- for screens -----------------------------------------------------------------

    @property
    def shown(self) -> bytes:
        """Every register that changes how text memory is shown, except the cursor's position."""
        crtc = self.crtc
        mask = bytes((self.dac_mask,))
        return bytes(crtc[:CURSOR_HIGH] + crtc[CURSOR_LOW + 1 :] + self.attribute + self.dac + mask)

    @property
    def columns(self) -> int:
        """Characters in a row.

        A guest writes columns - 1 for a VGA, and columns for a CGA. The number of columns is even:
        so an odd value in the register is for a VGA, an even one for a CGA.
        """
        value = self.crtc[COLUMNS]
        return value + (value & 1) or 80

    @property
    def rows(self) -> int:
        """Character rows on the screen."""
        overflow = self.crtc[OVERFLOW]
        lines = (self.crtc[DISPLAY_END] | (overflow & 0x02) << 7 | (overflow & 0x40) << 3) + 1
        return max(lines // self.character_height, 1)

    @property
    def character_height(self) -> int:
        """Scan lines of a character."""
        return (self.crtc[MAX_SCAN_LINE] & 0x1F) + 1

    @property
    def row_pitch(self) -> int:
        """Characters from one row to the next in memory."""
        return self.crtc[OFFSET] * 2 or self.columns

    @property
    def start_address(self) -> int:
        """The number of the character in text memory that is shown first."""
        return self.crtc[START_HIGH] << 8 | self.crtc[START_LOW]

    @property
    def cursor_address(self) -> int:
        """The number of the character in text memory at the cursor."""
        return self.crtc[CURSOR_HIGH] << 8 | self.crtc[CURSOR_LOW]

    @property
    def cursor(self) -> tuple[int, int]:
        """(row, column) of the cursor, which may be outside the screen."""
        return divmod(self.cursor_address - self.start_address & 0x3FFF, self.columns)

    @property
    def cursor_shape(self) -> tuple[int, int]:
        """(first, last) scan line of the cursor."""
        return self.crtc[CURSOR_START] & 0x1F, self.crtc[CURSOR_END] & 0x1F

    @property
    def cursor_visible(self) -> bool:
        """True if the cursor is on and has at least one scan line."""
        start, end = self.cursor_shape
        hidden = self.crtc[CURSOR_START] & CURSOR_OFF
        return not hidden and start <= end and start < self.character_height

    @property
    def blinking(self) -> bool:
        """True: attribute bit 7 makes a character blink. False: it makes the background bright."""
        return bool(self.attribute[0x10] & ATTRIBUTE_BLINK)

    @property
    def enabled(self) -> bool:
        """True if the display is on."""
        return bool(self.attribute_index & PALETTE_ON) and not self.sequencer[1] & SCREEN_OFF

    @property
    def palette(self) -> list[tuple[int, int, int]]:
        """The 16 text colours as the guest has set them: (red, green, blue), 0-255 each."""
        colors = []
        for i in range(16):
            index = self.attribute[i] & 0x3F
            select = self.attribute[0x14]
            if self.attribute[0x10] & 0x80:
                index = index & 0x0F | (select & 0x03) << 4
            index = (index | (select & 0x0C) << 4) & self.dac_mask
            r, g, b = (v << 2 | v >> 4 for v in self.dac[3 * index : 3 * index + 3])
            colors.append((r, g, b))
        return colors

    # -- the guest -----------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset == INPUT_STATUS_1:
            self.attribute_flip_flop = False
            return self._input_status_1()
        if offset == CRTC_DATA:
            return _get(self.crtc, self.crtc_index)
        if offset == CRTC:
            return self.crtc_index
        if offset == ATTRIBUTE:
            return self.attribute_index
        if offset == ATTRIBUTE_DATA:
            return _get(self.attribute, self.attribute_index & 0x1F)
        if offset == INPUT_STATUS_0:
            return 0x10  # switch sense: a colour monitor
        if offset == VIDEO_ENABLE:
            return self.video_enable
        if offset == SEQUENCER:
            return self.sequencer_index
        if offset == SEQUENCER_DATA:
            return _get(self.sequencer, self.sequencer_index)
        if offset == DAC_MASK:
            return self.dac_mask
        if offset == DAC_READ:
            return 3 if self.dac_reading else 0
        if offset == DAC_WRITE:
            return self.dac_index
        if offset == DAC_DATA:
            value = self.dac[3 * self.dac_index + self.dac_component]
            self._next_component()
            return value
        if offset == FEATURE_READ:
            return self.feature
        if offset == MISC_READ:
            return self.misc
        if offset == GRAPHICS:
            return self.graphics_index
        if offset == GRAPHICS_DATA:
            return _get(self.graphics, self.graphics_index)
        return 0xFF

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == CRTC:
            self.crtc_index = value
        elif offset == CRTC_DATA:
            self._write_crtc(self.crtc_index, value)
        elif offset == ATTRIBUTE:
            self._write_attribute(value)
        elif offset == MISC_WRITE:
            self.misc = value
        elif offset == VIDEO_ENABLE:
            self.video_enable = value
        elif offset == SEQUENCER:
            self.sequencer_index = value
        elif offset == SEQUENCER_DATA:
            _set(self.sequencer, self.sequencer_index, value)
        elif offset == DAC_MASK:
            self.dac_mask = value
        elif offset in (DAC_READ, DAC_WRITE):
            self.dac_index = value
            self.dac_component = 0
            self.dac_reading = offset == DAC_READ
        elif offset == DAC_DATA:
            self.dac[3 * self.dac_index + self.dac_component] = value & 0x3F
            self._next_component()
        elif offset == GRAPHICS:
            self.graphics_index = value
        elif offset == GRAPHICS_DATA:
            _set(self.graphics, self.graphics_index, value)
        elif offset == CGA_MODE:
            # The only bit of a CGA's mode port that text programs use and a VGA has elsewhere.
            self.cga_mode = value
            blink = ATTRIBUTE_BLINK if value & CGA_BLINK else 0
            self.attribute[0x10] = self.attribute[0x10] & ~ATTRIBUTE_BLINK | blink
        elif offset == CGA_COLOR:
            self.cga_color = value
        elif offset == FEATURE_WRITE:
            self.feature = value

    def _write_crtc(self, index: int, value: int) -> None:
        if index <= OVERFLOW and self.crtc[RETRACE_END] & PROTECT:
            if index == OVERFLOW:
                # Of the locked registers only the line compare bit can still be written.
                self.crtc[OVERFLOW] = self.crtc[OVERFLOW] & ~0x10 | value & 0x10
            return
        _set(self.crtc, index, value)

    def _write_attribute(self, value: int) -> None:
        self.attribute_flip_flop = not self.attribute_flip_flop
        if self.attribute_flip_flop:
            self.attribute_index = value & 0x3F
            return
        index = self.attribute_index & 0x1F
        if index >= 0x10 or not self.attribute_index & PALETTE_ON:
            _set(self.attribute, index, value)

    def _next_component(self) -> None:
        self.dac_component += 1
        if self.dac_component == 3:
            self.dac_component = 0
            self.dac_index = self.dac_index + 1 & 0xFF

    def _input_status_1(self) -> int:
        line, within = divmod(self.clock.now() % FRAME, LINE)
        status = 0
        if line >= VISIBLE_LINES or within >= VISIBLE_OF_LINE:
            status |= STATUS_NOT_DISPLAYING
        if RETRACE_LINES[0] <= line < RETRACE_LINES[1]:
            status |= STATUS_RETRACE
        return status


def _get(registers: bytearray, index: int) -> int:
    return registers[index] if index < len(registers) else 0


def _set(registers: bytearray, index: int, value: int) -> None:
    if index < len(registers):
        registers[index] = value


def _ega_colors() -> bytes:
    """The 64 EGA colours, bits rgbRGB: a small letter adds 1/3 of full brightness."""
    colors = bytearray()
    for code in range(64):
        for bit in (2, 1, 0):
            colors.append((code >> bit & 1) * 42 + (code >> bit + 3 & 1) * 21)
    return bytes(colors)
