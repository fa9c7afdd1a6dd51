"""Programs that drive the ports of a PC: plausible orders to each chip, and noise. Run nothing."""

from __future__ import annotations

import random
from collections.abc import Callable

#: Ports of the chips, by what answers there; the second list has those in the core.
PYTHON = {
    "dma": (*range(0x10), *range(0x80, 0x90)),
    "8042": (0x60, 0x64),
    "rtc": (0x70, 0x71),
    "system": (0x92,),
    "debug": (0xE9,),
    "vga": tuple(range(0x3C0, 0x3DB)),
    "fdc": (*range(0x3F0, 0x3F8),),
    "uart": tuple(range(0x3F8, 0x400)),
    "nobody": (0x268, 0x278, 0xFFFF, 0xFFFE, 0x8000),
}
IN_CORE = {
    "pic": (0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1),
    "pit": (0x40, 0x41, 0x42, 0x43),
    "port b": (0x61,),
}
CHIPS = PYTHON | IN_CORE
VECTORS = (*range(0x20), *range(0x70, 0x78))


def out(port: int, value: int, size: int = 1) -> bytes:
    """mov dx,port; mov al,value; out dx,al: or AX, EAX."""
    number = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
    load = {1: b"\xb0", 2: b"\xb8", 4: b"\x66\xb8"}[size] + number
    return (
        b"\xba" + port.to_bytes(2, "little") + load + {1: b"\xee", 2: b"\xef", 4: b"\x66\xef"}[size]
    )


def read(port: int, size: int = 1) -> bytes:
    """mov dx,port; in al,dx; add [si],ax: what was read is kept in memory; inc si."""
    return (
        b"\xba" + port.to_bytes(2, "little") + {1: b"\xec", 2: b"\xed", 4: b"\x66\xed"}[size]
        + b"\x01\x04\x46"
    )  # fmt: skip


def string(rng: random.Random, port: int, size: int) -> bytes:
    """INS or OUTS, most with REP; either direction; where to and from at random."""
    at = rng.choice((rng.randrange(0x4000), 0xFFFE, 0xFFFF, 0x0FFD, 0))
    count = rng.choice((0, 1, 2, 3, rng.randrange(300)))
    outs = rng.random() < 0.5
    code = b"\xba" + port.to_bytes(2, "little") + b"\xb9" + count.to_bytes(2, "little")
    code += (b"\xbe" if outs else b"\xbf") + at.to_bytes(2, "little")
    code += rng.choice((b"\xfc", b"\xfc", b"\xfd"))
    code += rng.choice((b"\xf3", b"\xf3", b"\xf2", b""))
    wide = b"\x66" if size == 4 else b""
    return code + wide + bytes([(0x6E if outs else 0x6C) | (size > 1)]) + b"\xfc"


class Programs:
    """Makes them for one model, from one random generator."""

    def __init__(self, rng: random.Random, model: str) -> None:
        self.rng = rng
        self.sizes = (1, 1, 1, 2) if model in ("8086", "80186", "80286") else (1, 1, 1, 2, 4)
        self.strings = model != "8086"
        self.orders: dict[str, Callable[[], bytes]] = {
            "dma": self.dma, "8042": self.keyboard, "rtc": self.rtc, "vga": self.vga,
            "fdc": self.floppy, "uart": self.uart, "pic": self.pic, "pit": self.pit,
        }  # fmt: skip

    def program(self, pieces: int) -> bytes:
        """Orders, noise, control flow; at the end back to the start."""
        code = b"".join(self.piece() for _ in range(pieces))
        return code + b"\xe9" + (-(len(code) + 3) & 0xFFFF).to_bytes(2, "little")

    def piece(self) -> bytes:
        rng = self.rng
        chip = rng.choice(list(CHIPS))
        match rng.randrange(10):
            case 0 | 1 | 2 | 3 if chip in self.orders:
                return self.orders[chip]()
            case 4 if self.strings:
                chip = rng.choice((chip, *IN_CORE))
                return string(rng, rng.choice(CHIPS[chip]), rng.choice(self.sizes[2:]))
            case 5:
                return self.flow()
            case 6:  # one port, polled
                poll = b"\xec" + rng.choice((b"", b"\xa8\x80", b"\x00\x04")) + b"\xe2"
                count = rng.choice((2, 20, 90))
                head = b"\xba" + rng.choice(CHIPS[chip]).to_bytes(2, "little")
                return head + b"\xb9" + bytes([count, 0]) + poll + bytes([0xFF - len(poll)])
            case _:
                return self.noise(chip)

    def noise(self, chip: str) -> bytes:
        """Accesses at random to the ports of one chip."""
        rng = self.rng
        code = b""
        for _ in range(rng.randrange(1, 5)):
            port, size = rng.choice(CHIPS[chip]), rng.choice(self.sizes)
            if rng.random() < 0.5:
                code += read(port, size)
            else:
                code += out(port, rng.choice((0, 1, 0xFF, rng.getrandbits(32))), size)
        return code

    def flow(self) -> bytes:
        rng = self.rng
        return rng.choice((
            b"\xfb", b"\xfb", b"\xfa", b"\xfb\xf4", b"\xfb\xf4", b"\x9c\x9d", b"\xfb\x90\xfa",
            b"\xcd" + bytes([rng.choice(VECTORS)]), b"\x9c\x80\xcc\x01\x9d", b"\xf8\x90\xf9",
            b"\xb8" + rng.choice((b"\0\x20", b"\0\xb8", b"\0\xa0", b"\0\x10")) + b"\x8e\xc0",
        ))  # fmt: skip

    # -- orders that a chip understands ------------------------------------------------------

    def outs(self, *pairs: tuple[int, int]) -> bytes:
        return b"".join(out(port, value) for port, value in pairs)

    def byte(self) -> int:
        return self.rng.choice((0, 1, 2, 0x80, 0xFF, self.rng.getrandbits(8)))

    def pic(self) -> bytes:
        rng = self.rng
        match rng.randrange(5):
            case 0:
                base = rng.choice((0x20, 0xA0))
                icw4 = rng.choice((1, 1, 3, 0x11, 0x0D))
                return self.outs((base, rng.choice((0x11, 0x19))), (base + 1, rng.choice((8,
                0x70))),
                                 (base + 1, 4 if base == 0x20 else 2), (base + 1, icw4),
                                 (base + 1, 0))  # fmt: skip
            case 1:
                return self.outs((0x21, rng.choice((0, 0xFE, self.byte()))), (0xA1, self.byte()))
            case 2:
                return self.outs((rng.choice((0x20, 0xA0)), rng.choice((0x20, 0x60, 0xA0, 0xC0,
                0x68,
                                                                       0x80, 0x00,
                                                                       0xE0))))  # fmt: skip
            case 3:
                base = rng.choice((0x20, 0xA0))
                return out(base, rng.choice((0x0A, 0x0B, 0x0C, 0x68, 0x48))) + read(base)
            case _:
                return self.outs((0x4D0, self.byte() & 0xF8), (0x4D1, self.byte() & 0xDE))

    def pit(self) -> bytes:
        rng = self.rng
        channel, access = rng.randrange(3), rng.choice((1, 2, 3, 3, 3))
        mode = rng.randrange(8)
        count = rng.choice((0, 1, 2, 3, 20, 200, 5000, rng.getrandbits(16)))
        code = out(0x43, channel << 6 | access << 4 | mode << 1 | (rng.random() < 0.2))
        if access & 1:
            code += out(0x40 + channel, count & 0xFF)
        if access & 2:
            code += out(0x40 + channel, count >> 8)
        match rng.randrange(4):
            case 0:
                return (
                    code
                    + out(0x43, rng.choice((0xC2, 0xD2, 0xE2, 0xCE)) | rng.getrandbits(4))
                    + read(0x40 + channel) * 2
                )
            case 1:
                return (
                    code
                    + self.outs((0x61, rng.getrandbits(2)), (0x61, rng.getrandbits(2)))
                    + read(0x61)
                )
        return code

    def keyboard(self) -> bytes:
        rng = self.rng
        command = rng.choice((0x20, 0x60, 0xAA, 0xAB, 0xAD, 0xAE, 0xA7, 0xA8, 0xA9, 0xC0, 0xD0,
        0xD1, 0xD2,
                              0xD3, 0xD4, 0xE0, 0xDD, 0xDF, rng.getrandbits(8)))  # fmt: skip
        if command & 0xF1 == 0xF0 and rng.random() < 0.9:
            command = 0xAE  # most programs do not reset the machine
        code = out(0x64, command)
        if command in (0x60, 0xD1, 0xD2, 0xD3, 0xD4):
            code += out(0x60, rng.choice((0x03, 0x45, 0x65, self.byte())) | (command == 0xD1))
        if rng.random() < 0.4:
            code += out(
                0x60, rng.choice((0xED, 0xEE, 0xF0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF6, 0xFE, 0xFF, 2))
            )
        return code + read(0x64) + read(0x60)

    def rtc(self) -> bytes:
        rng = self.rng
        index = rng.choice((0x0A, 0x0B, 0x0C, 0x0D, 0x32, rng.randrange(10), rng.getrandbits(7)))
        value = {0x0A: 0x20 | rng.getrandbits(4), 0x0B: rng.getrandbits(8) & 0x77 | 2}.get(
            index, self.byte()
        )
        code = out(0x70, index)
        return code + (out(0x71, value) if rng.random() < 0.6 else b"") + read(0x71)

    def dma(self) -> bytes:
        rng = self.rng
        channel = rng.choice((2, 2, 2, rng.randrange(4)))
        count, at = rng.choice((511, 511, 1023, 10, 0, rng.getrandbits(16))), rng.getrandbits(16)
        page = {0: 0x87, 1: 0x83, 2: 0x81, 3: 0x82}[channel]
        kind = rng.choice((0x46, 0x46, 0x4A, 0x42, 0x56, 0x66, self.byte())) & 0xFC | channel
        return self.outs((0x0A, 4 | channel), (0x0C, 0), (0x0B, kind), (2 * channel, at & 0xFF),
                         (2 * channel, at >> 8), (page, rng.choice((2, 3, 9, 10, 16))),
                         (2 * channel + 1, count & 0xFF), (2 * channel + 1, count >> 8),
                         (0x0A, channel))  # fmt: skip

    def floppy(self) -> bytes:
        rng = self.rng
        cylinder, head, unit = (
            rng.choice((0, 1, 39, 80)),
            rng.randrange(2),
            rng.choice((0, 0, 0, 1)),
        )
        sector, last = rng.randrange(1, 11), rng.choice((9, 9, 18))
        flags = rng.choice((0, 0x40, 0xC0, 0xE0))
        move = bytes(
            [
                head << 2 | unit,
                cylinder,
                head,
                sector,
                rng.choice((2, 2, 2, 3, 0)),
                last,
                0x1B,
                0xFF,
            ]
        )
        command = rng.choice((
            bytes([0x03, 0xDF, rng.choice((2, 2, 3))]), bytes([0x07, unit]), b"\x08", b"\x08",
            b"\x10",
            bytes([0x0F, head << 2 | unit, cylinder]), bytes([0x04, unit]), bytes([0x4A,
            head << 2 | unit]),
            bytes([flags | 6]) + move, bytes([flags | 6]) + move, bytes([flags & 0xC0 | 5]) + move,
            bytes([flags | 0x16]) + move, bytes([0x42]) + move, b"\x0e", b"\x13\x00\x57\x00",
            b"\x94",
            bytes([0x4D, head << 2 | unit, 2, 9, 0x1B, 0xF6]), bytes([0x8F, unit, 3]),
            bytes([rng.getrandbits(8)]) + rng.randbytes(3),
        ))  # fmt: skip
        code = out(0x3F2, rng.choice((0x0C, 0x1C, 0x1D, 0x2D, 0x1C, 0x1C, 0x18, 0x14)))
        if rng.random() < 0.5:
            code += self.dma()
        code += b"".join(out(0x3F5, byte) for byte in command)
        # Wait a little, then take what there is: results, or data without DMA.
        count = rng.choice((1, 7, 7, 200))
        take = b"\xb9" + bytes([count, 0]) + b"\xba\xf5\x03" + b"\xec\x42\xec\x4a\xe2\xfa"
        return code + rng.choice((b"", b"\xfb\xf4", b"\xb9\x90\x01\xe2\xfe")) + read(0x3F4) + take

    def uart(self) -> bytes:
        rng = self.rng
        match rng.randrange(5):
            case 0:
                divisor = rng.choice((0, 1, 1, 12, 0x180))
                return self.outs((0x3FB, 0x80 | rng.getrandbits(7)), (0x3F8, divisor & 0xFF),
                                 (0x3F9, divisor >> 8), (0x3FB, 3))  # fmt: skip
            case 1:
                return self.outs(
                    (0x3F9, rng.getrandbits(4)), (0x3FC, rng.choice((0x0B, 8, 0x1B, 0x1F)))
                )
            case 2:
                return out(0x3FA, rng.choice((1, 7, 0xC7, 0x81, 0, self.byte()))) + read(0x3FA)
            case 3:
                return b"".join(
                    out(0x3F8, rng.randrange(32, 127)) for _ in range(rng.randrange(1, 20))
                )
            case _:
                return b"".join(read(0x3F8 + n) for n in (5, 0, 2, 6))

    def vga(self) -> bytes:
        rng = self.rng
        index = rng.choice(
            (0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x01, 0x07, 0x09, 0x11, 0x12, 0x13, 0x06, 0x18)
        )
        match rng.randrange(5):
            case 0:
                return out(0x3D4, index | self.byte() << 8, 2)
            case 1:
                return self.outs(
                    (0x3D4, 0x11), (0x3D5, 0), (0x3D4, index), (0x3D5, self.byte())
                ) + read(0x3D5)
            case 2:
                return read(0x3DA) + self.outs((0x3C0, self.byte() & 0x3F), (0x3C0, self.byte()))
            case 3:
                return self.outs(
                    (0x3C8, self.byte()), *[(0x3C9, self.byte())] * rng.randrange(5)
                ) + read(0x3C9)
            case _:
                return self.outs(
                    (rng.choice((0x3C4, 0x3CE, 0x3D8, 0x3D9, 0x3C2)), self.byte())
                ) + read(0x3DA)

    def handler(self, vector: int) -> bytes:
        """Of an interrupt: most end it as a driver does, some forget to."""
        rng = self.rng
        code = b"\x50\x52"  # push ax; push dx
        if rng.random() < 0.3:
            code += b"\xfb"
        if rng.random() < 0.7:
            code += read(
                {9: 0x60, 12: 0x3FA, 14: 0x3F4, 0x70: 0x71}.get(vector, rng.choice((0x61, 0x40)))
            )
        if rng.random() < 0.9:
            code += out(0x20, 0x20)
        if vector >= 0x70 and rng.random() < 0.9:
            code += out(0xA0, 0x20)
        if rng.random() < 0.1:
            code += out(0xE9, vector)
        return code + b"\x5a\x58\xcf"
