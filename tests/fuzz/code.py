"""Hostile code: random bytes, damaged firmware, instructions that ask for trouble. Run nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pyx86emu

BIOS = (Path(pyx86emu.__file__).parent / "pc/roms/bios.bin").read_bytes()
PREFIXES = bytes.fromhex("26 2e 36 3e 64 65 66 67 f0 f1 f2 f3")
STRINGS = bytes.fromhex("6c 6d 6e 6f a4 a5 a6 a7 aa ab ac ad ae af")
SINGLE = bytes.fromhex("fa fb 9c 9d cf f4 16 17 cc ce fc fd f8 60 61 c9 c3 cb 58")
BRANCHES = bytes.fromhex("70 72 74 75 7c e0 e2 e3 eb")
CONSTANTS = bytes.fromhex("b0 b1 b4 b8 b9 ba bb bc be bf")
PORTS = bytes.fromhex("20 21 40 41 42 43 61 80 90 92 a0 a1")
ODD = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)


def nasty(rng: random.Random, size: int) -> bytes:
    """Random bytes, a damaged piece of firmware, or instructions with a taste for trouble."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        at = rng.randrange(len(BIOS) - size)
        piece = bytearray(BIOS[at : at + size])
        for _ in range(rng.choice((1, 5, 40))):
            piece[rng.randrange(size)] = rng.getrandbits(8)
        return bytes(piece)
    if kind == 2:
        return bytes(rng.choice((rng.choice(PREFIXES), rng.getrandbits(8))) for _ in range(size))
    out = b""
    while len(out) < size:
        out += bytes(rng.choices(PREFIXES, k=rng.choice((0, 0, 0, 1, 1, 2)))) + instruction(rng)
    return out[:size]


def instruction(rng: random.Random) -> bytes:
    byte = rng.choice((rng.choice(ODD), rng.getrandbits(8)))
    match rng.randrange(12):
        case 0 | 1:
            return bytes([rng.choice(STRINGS)])
        case 2:
            return bytes([0xE4 | rng.randrange(4), rng.choice(PORTS)])
        case 3:
            return bytes([rng.choice(SINGLE)])
        case 4:  # mov byte [cs:near],byte
            return bytes([0x2E, 0xC6, 0x06, rng.getrandbits(8), rng.choice((0, 0x10, 0xFF)), byte])
        case 5:
            return bytes([rng.choice(BRANCHES), rng.randrange(-20, 20) & 0xFF])
        case 6:
            return bytes([rng.choice(CONSTANTS), byte, rng.choice(ODD)])
        case 7:
            return bytes([0x8E, 0xC0 | rng.getrandbits(5)])
        case 8:
            return b"\x0f" + rng.randbytes(2)
        case 9:  # call near
            return b"\xe8" + (rng.randrange(-60, 60) & 0xFFFF).to_bytes(2, "little")
        case 10:  # a jump over register instructions
            over = rng.choice((b"\x40", b"\x31\xd8", b"\x00\xc4", b"\xb4\x05"))
            over *= rng.randrange(1, 5)
            return bytes([0x70 | rng.getrandbits(4), len(over)]) + over
        case _:
            return rng.randbytes(rng.randrange(1, 6))
