"""INT 10h: the tables and fonts in the ROM make sense; a machine without a VGA is a CGA's."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, PioDevice, Vm
from pyx86emu.pc.firmware import rom
from tests.harness import vcpu
from tests.pc.test_firmware import symbols

ANSWERS = 0x600
ROW = 64
#: Numbers of the rows that a VGA uses, by what they are for.
TEXT = [0, 1, 2, 3, 7, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19]
GRAPHICS = [4, 5, 6, 0x0D, 0x0E, 0x11, 0x12, 0x1A, 0x1B, 0x1C]
#: Dots of a line and bits of a dot in the memory of one address.
PIXELS = {4: 2, 5: 2, 6: 1, 0x0D: 1, 0x0E: 1, 0x11: 1, 0x12: 1, 0x1A: 1, 0x1B: 1, 0x1C: 8}


def row(number: int) -> bytes:
    start = symbols()["video_modes"] + ROW * number
    return rom("bios")[start : start + ROW]


def font(name: str, lines: int) -> list[bytes]:
    start = symbols()[name]
    return [rom("bios")[start + lines * c : start + lines * (c + 1)] for c in range(256)]


def visible_lines(entry: bytes) -> int:
    crtc = entry[0x0A:0x23]
    scans = (crtc[0x12] | (crtc[7] & 0x02) << 7 | (crtc[7] & 0x40) << 3) + 1
    return scans // (2 if crtc[9] & 0x80 else 1)


@pytest.mark.parametrize("number", TEXT, ids=hex)
def test_row_of_a_text_mode_shows_its_columns_and_rows(number: int) -> None:
    entry = row(number)
    columns, last_row, height = entry[:3]
    crtc = entry[0x0A:0x23]

    assert crtc[1] + 1 == columns
    assert crtc[0x13] * 2 == columns
    assert (crtc[9] & 0x1F) + 1 == height
    assert visible_lines(entry) == (last_row + 1) * height
    assert int.from_bytes(entry[3:5], "little") >= columns * (last_row + 1) * 2
    assert crtc[0x0A] < crtc[0x0B] < height


@pytest.mark.parametrize("number", GRAPHICS, ids=hex)
def test_row_of_a_graphics_mode_shows_its_characters(number: int) -> None:
    entry = row(number)
    columns, last_row, height = entry[:3]
    crtc = entry[0x0A:0x23]
    interleaved = number in (4, 5, 6)

    lines = visible_lines(entry)
    lines //= (crtc[9] & 0x1F) + 1 if not interleaved else 1
    assert lines == (last_row + 1) * height
    shown = (crtc[1] + 1) * 8 // (2 if number == 0x1C else 1)
    assert shown == columns * 8


@pytest.mark.parametrize("number", [*TEXT, *GRAPHICS], ids=hex)
def test_row_blanks_and_retraces_within_the_frame(number: int) -> None:
    crtc = row(number)[0x0A:0x23]
    total = (crtc[6] | (crtc[7] & 0x01) << 8 | (crtc[7] & 0x20) << 4) + 2
    end = (crtc[0x12] | (crtc[7] & 0x02) << 7 | (crtc[7] & 0x40) << 3) + 1
    retrace = crtc[0x10] | (crtc[7] & 0x04) << 6 | (crtc[7] & 0x80) << 2
    blank = crtc[0x15] | (crtc[7] & 0x08) << 5 | (crtc[9] & 0x20) << 4

    assert end <= blank <= retrace < total
    assert crtc[1] + 1 <= crtc[2] <= crtc[4] < crtc[0] + 5


@pytest.mark.parametrize(
    ("name", "lines"), [("rom_font_8", 8), ("rom_font_14", 14), ("rom_font_16", 16)]
)
def test_every_character_differs_from_every_other(name: str, lines: int) -> None:
    glyphs = font(name, lines)
    blank = {0x00, 0x20, 0xFF}

    assert rom("bios")[symbols()[name] - 1] == lines
    assert all(glyphs[c] == bytes(lines) for c in blank)
    others = [glyph for c, glyph in enumerate(glyphs) if c not in blank]
    assert len(set(others)) == len(others)
    assert all(any(glyph) for glyph in others)


@pytest.mark.parametrize(("name", "lines"), [("rom_font_14", 14), ("rom_font_16", 16)])
def test_box_drawing_characters_meet_at_the_edges(name: str, lines: int) -> None:
    glyphs = font(name, lines)

    def edges(code: int) -> tuple[int, int, int, int]:
        glyph = glyphs[code]
        left = sum((line >> 7) << i for i, line in enumerate(glyph))
        right = sum((line & 1) << i for i, line in enumerate(glyph))
        return glyph[0], glyph[-1], left, right

    single, double = edges(0xC5), edges(0xCE)
    for name_of_arms, codes in BOXES.items():
        for code in codes.encode("cp437"):
            want = tuple(
                {"0": 0, "1": single, "2": double}[arm] and (single, double)[arm == "2"][i]
                for i, arm in enumerate(name_of_arms)
            )
            assert edges(code) == want, hex(code)


#: Arms up, down, left, right: 1 is a single line, 2 a double one.
BOXES = {
    "1100": "│", "0011": "─", "1111": "┼", "0101": "┌", "0110": "┐", "1001": "└", "1010": "┘",
    "2200": "║", "0022": "═", "2222": "╬", "0202": "╔", "0220": "╗", "2002": "╚", "2020": "╝",
    "1110": "┤", "1101": "├", "0111": "┬", "1011": "┴", "2220": "╣", "2202": "╠", "0222": "╦",
    "2022": "╩", "1122": "╪", "2211": "╫", "1102": "╞", "2201": "╟", "0122": "╤", "1022": "╧",
    "2210": "╢", "1120": "╡", "0211": "╥", "2011": "╨", "0102": "╒", "0201": "╓", "0120": "╕",
    "0210": "╖", "1002": "╘", "2001": "╙", "1020": "╛", "2010": "╜",
}  # fmt: skip


class Cga(PioDevice):
    """The ports from 3C0h to 3DFh of a PC with a CGA: a 6845, and its two registers."""

    length = 0x20
    max_size = 2

    def reset(self) -> None:
        self.index = 0
        self.crtc = bytearray(18)
        self.mode = self.color = 0

    def pio_read(self, offset: int, size: int) -> int:
        return 0xFFFF

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == 0x14:
            self.index = value & 0xFF
        if (offset == 0x15 or size == 2) and self.index < 18:
            self.crtc[self.index] = value >> 8 * (size - 1)
        elif offset == 0x18:
            self.mode = value
        elif offset == 0x19:
            self.color = value


def on_cga(vm: Vm, *calls: int) -> tuple[Cga, bytes]:
    """Call INT 10h with each AX on a PC with a CGA; return the adapter and 1 KiB of data area."""
    cga = Cga()
    vm.pio.attach(cga, 0x3C0)
    vm.add_memory(0xB8000, 0x8000)
    vm.add_memory(0xF0000, 0x10000)[:] = rom("bios")
    code = ""
    for i, ax in enumerate(calls):
        code += "b8" + ax.to_bytes(2, "little").hex()  # mov ax,AX
        code += "9c 9a65f000f0"  # pushf; call F000:F065
        code += "a3" + (ANSWERS + 2 * i).to_bytes(2, "little").hex()  # mov [ANSWERS + 2 i],ax
    guest = vcpu(vm, code + "f4")
    assert guest.run(200_000).reason is ExitReason.HLT
    return cga, vm.read(0, 0x800)


@pytest.mark.parametrize(
    ("mode", "displayed", "control", "color"), [(6, 40, 0x1E, 0x3F), (3, 80, 0x29, 0x30)]
)
def test_without_a_vga_a_cga_is_programmed(
    mode: int, displayed: int, control: int, color: int, vm: Callable[..., Vm]
) -> None:
    cga, memory = on_cga(vm(), mode)

    assert (cga.crtc[1], cga.mode, cga.color) == (displayed, control, color)
    assert memory[0x449] == mode
    assert memory[0x489] == 0  # no VGA


def test_without_a_vga_its_functions_do_nothing(vm: Callable[..., Vm]) -> None:
    calls = (0x0003, 0x0012, 0x1A00, 0x1B00, 0x1C00, 0x1130)

    cga, memory = on_cga(vm(), *calls)

    answers = memory[ANSWERS : ANSWERS + 2 * len(calls)]
    assert struct.unpack(f"<{len(calls)}H", answers) == calls
    assert memory[0x449] == 3
    assert cga.crtc[1] == 80
