"""Programs of a guest that draws: the same steps as machine code, and on the reference."""

from __future__ import annotations

import random
from struct import pack
from typing import NamedTuple

from tests.pc.devices.vga.reference import Reference

#: Where the guest keeps what it has loaded, and the bytes that it copies to the planes.
ANSWERS, SOURCE, TARGET = 0x8000, 0xA000, 0xC000
WINDOW_SEGMENTS = (0xA000, 0xB000, 0xB800)


class Step(NamedTuple):
    """One step: its code, and what it does to the reference and to the guest's RAM."""

    code: bytes
    kind: str
    values: tuple[int, ...]


def out(port: int, value: int, size: int) -> Step:
    """OUT of a byte or word: index and data."""
    code = b"\xba" + pack("<H", port)
    code += b"\xb0" + bytes((value & 0xFF,)) + b"\xee" if size == 1 else b"\xb8" + pack("<H", value)
    return Step(code + (b"\xef" if size == 2 else b""), "out", (port, value, size))


def store(segment: int, at: int, value: int, size: int) -> Step:
    """MOV ES:[at], value."""
    code = b"\xb8" + pack("<H", segment) + b"\x8e\xc0"  # mov es
    if size == 1:
        code += b"\x26\xc6\x06" + pack("<HB", at, value & 0xFF)
    elif size == 2:
        code += b"\x26\xc7\x06" + pack("<HH", at, value & 0xFFFF)
    else:
        code += b"\x26\x66\xc7\x06" + pack("<HI", at, value)
    return Step(code, "store", (segment * 16 + at, value, size))


def load(segment: int, at: int, size: int, answer: int) -> Step:
    """MOV accumulator, ES:[at], and keep it."""
    code = b"\xb8" + pack("<H", segment) + b"\x8e\xc0"
    kept = pack("<H", ANSWERS + 4 * answer)
    prefix = b"\x66" if size == 4 else b""
    if size == 1:
        code += b"\x26\xa0" + pack("<H", at) + b"\xa2" + kept
    else:
        code += b"\x26" + prefix + b"\xa1" + pack("<H", at) + prefix + b"\xa3" + kept
    return Step(code, "load", (segment * 16 + at, size, answer))


def add(segment: int, at: int, value: int) -> Step:
    """ADD byte ES:[at], value: a read, then a write."""
    code = b"\xb8" + pack("<H", segment) + b"\x8e\xc0\x26\x80\x06" + pack("<HB", at, value)
    return Step(code, "add", (segment * 16 + at, value))


def string(
    kind: str, where: tuple[int, int], count: int, size: int, down: bool, value: int
) -> Step:
    """REP STOS, or REP MOVS within the window ("move"), to it ("in") or from it ("back").
    `where`: a segment of the window and the offset of the first element."""
    segment, at = where
    wide = {1: b"", 2: b"", 4: b"\x66"}[size]
    code = (b"\xfd" if down else b"\xfc") + b"\xb9" + pack("<H", count)
    es, ds = (0 if kind == "back" else segment), (0 if kind == "in" else segment)
    di = TARGET + 0x200 if kind == "back" else at
    si = SOURCE + 0x200 if kind == "in" else at + value % 0x300 & 0xFFFF
    if kind == "stos":
        code += b"\xb8" + pack("<H", es) + b"\x8e\xc0\xbf" + pack("<H", di)
        code += b"\x66\xb8" + pack("<I", value)
        code += b"\xf3" + wide + (b"\xaa" if size == 1 else b"\xab")
    else:
        code += b"\xb8" + pack("<H", es) + b"\x8e\xc0\xbf" + pack("<H", di)
        code += b"\xbe" + pack("<H", si) + b"\xb8" + pack("<H", ds) + b"\x8e\xd8"
        code += b"\xf3" + wide + (b"\xa4" if size == 1 else b"\xa5")
        code += b"\x31\xc0\x8e\xd8"  # xor ax,ax; mov ds,ax
    return Step(code, kind, (es * 16, di, ds * 16, si, count, size, down, value))


def apply(step: Step, vga: Reference, ram: bytearray) -> None:
    """Do a step on the reference."""
    if step.kind == "out":
        port, value, size = step.values
        for i in range(size):
            vga.out(port + i, value >> 8 * i & 0xFF)
    elif step.kind == "store":
        addr, value, size = step.values
        for i in range(size):
            vga.store(addr + i, value >> 8 * i & 0xFF)
    elif step.kind == "load":
        addr, size, answer = step.values
        for i in range(size):
            ram[ANSWERS + 4 * answer + i] = vga.load(addr + i)
    elif step.kind == "add":
        addr, value = step.values
        vga.store(addr, vga.load(addr) + value & 0xFF)
    else:
        es, di, ds, si, count, size, down, value = step.values
        for n in range(count):
            move = -n * size if down else n * size
            data = [value >> 8 * i & 0xFF for i in range(size)]
            if step.kind != "stos":
                data = [_get(vga, ram, ds, si + move + i) for i in range(size)]
            for i in range(size):
                _put(vga, ram, es, di + move + i, data[i])


def _get(vga: Reference, ram: bytearray, base: int, offset: int) -> int:
    addr = base + (offset & 0xFFFF)
    return vga.load(addr) if addr >= 0xA0000 else ram[addr]


def _put(vga: Reference, ram: bytearray, base: int, offset: int, byte: int) -> None:
    addr = base + (offset & 0xFFFF)
    if addr >= 0xA0000:
        vga.store(addr, byte)
    else:
        ram[addr] = byte


# -- random ones -----------------------------------------------------------------------------------

#: Register values of the BIOS's modes: misc, sequencer 2 and 4, graphics 0 to 8.
MODES = {
    "text": (0x67, 0x03, 0x02, "00 00 00 00 00 10 0e 00 ff"),
    "mono": (0xA6, 0x03, 0x02, "00 00 00 00 00 10 0a 00 ff"),
    "cga": (0x63, 0x03, 0x02, "00 00 00 00 00 30 0f 00 ff"),
    "cga 2": (0x63, 0x01, 0x06, "00 00 00 00 00 00 0d 00 ff"),
    "planes": (0xE3, 0x0F, 0x06, "00 00 00 00 00 00 05 0f ff"),
    "256": (0x63, 0x0F, 0x0E, "00 00 00 00 00 40 05 0f ff"),
    "x": (0xE3, 0x0F, 0x06, "00 00 00 00 00 40 05 0f ff"),
    "font": (0x67, 0x04, 0x06, "00 00 00 00 02 00 04 00 ff"),
}


def mode(name: str) -> list[Step]:
    """Set the registers of a mode."""
    misc, mask, memory, graphics = MODES[name]
    steps = [out(0x3C2, misc, 1), out(0x3C4, mask << 8 | 2, 2), out(0x3C4, memory << 8 | 4, 2)]
    for index, value in enumerate(bytes.fromhex(graphics)):
        steps.append(out(0x3CE, value << 8 | index, 2))
    return steps


def program(rng: random.Random, length: int) -> list[Step]:
    """Random steps that stay in a few places, so that they meet. Nothing wraps in its segment."""
    spots = [rng.randrange(0x1000, 0xE000) for _ in range(3)]
    steps = mode(rng.choice(list(MODES)))
    while len(steps) < length:
        segment, size = rng.choice(WINDOW_SEGMENTS), rng.choice((1, 1, 2, 4))
        at = rng.choice(spots) + rng.randrange(24)
        if segment == 0xB800:
            at &= 0x7FFF
        kind = rng.randrange(12)
        if kind == 0 and rng.random() < 0.3:
            steps += mode(rng.choice(list(MODES)))
        elif kind < 3:
            steps += register(rng)
        elif kind < 6:
            steps.append(store(segment, at, rng.getrandbits(32), size))
        elif kind < 8:
            steps.append(load(segment, at, size, rng.randrange(64)))
        elif kind == 8:
            steps.append(add(segment, at, rng.randrange(256)))
        else:
            how = rng.choice(("stos", "stos", "move", "in", "back"))
            count = rng.choice((0, 1, 5, 70, 300)) // size
            steps.append(
                string(
                    how,
                    (segment, 0x600 + at % 0x7000),
                    count,
                    size,
                    rng.random() < 0.3,
                    rng.getrandbits(32),
                )
            )
    return steps


def register(rng: random.Random) -> list[Step]:
    """A register of those that change what memory does, in one of two ways."""
    port, index = rng.choice([(0x3CE, n) for n in range(9)] + [(0x3C4, 2), (0x3C4, 2), (0x3C4, 4)])
    value = rng.choice((0, 1, 3, 5, 6, 0x0E, 0x0F, 0x10, 0x18, 0x40, 0xFF, rng.randrange(256)))
    if rng.random() < 0.5:
        return [out(port, value << 8 | index, 2)]
    return [out(port, index, 1), out(port + 1, value, 1)]
