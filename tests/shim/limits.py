"""`python -m tests.shim.limits`: hostile guests against a limit in real time, on a clock that moves
a millisecond with each look. Run by tests/core/test_limits.py, with fake_clock.c loaded first.

A run with `wall=0.05` may look 50 times. So what a guest, a device or a timer does between two
looks is counted, whatever this machine's speed.
"""

from __future__ import annotations

import ctypes
import random
import sys

from pyx86emu import ExitReason, Machine, PioDevice
from pyx86emu.clock import LAST as MAX_NS

clock = ctypes.CDLL(None)
clock.fake_clock_looks.restype = ctypes.c_longlong
clock.fake_clock_advance.argtypes = [ctypes.c_longlong]

WALL = 0.05
#: Looks that fit: one each millisecond, and those that begin and end the run.
LOOKS = 60
#: Most instructions between two looks (core/run.pxi).
SLICE = 4096


class Card(PioDevice):
    """A card at port 300h that takes `ns` of real time for each access."""

    length = 4
    max_size = 1

    def __init__(self, ns: int) -> None:
        self.ns = ns
        self.calls = 0

    def spend(self) -> None:
        self.calls += 1
        clock.fake_clock_advance(self.ns)

    def pio_read(self, offset: int, size: int) -> int:
        self.spend()
        return 0x55

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.spend()


#: Loops without an end, by what they do.
LOOPS = {
    "jump": "ebfe",
    "in that nobody answers": "ba3412 ed ebfd",
    "out that nobody takes": "ba3412 ef ebfd",
    "out to a card": "ba0003 ee ebfd",
    "in from a card": "ba0003 ec ebfd",
    "a word from a card": "ba0003 ed ebfd",
    "rep insb from a card": "31c0 8ec0 ba0003 bf0080 b9ffff f36c ebf5",
    "rep outsw to a card": "ba0003 be0080 b9ffff f36f ebf5",
    "rep insw that nobody answers": "31c0 8ec0 ba3412 bf0080 b9ffff f36d ebf5",
    "a store to a hole": "b800d0 8ed8 a20000 ebfb",
    "halts for a tick": "fb f4 ebfd",
    "single steps": "bc0070 9c 58 80cc01 50 9d 90 ebfd",
    "code that rewrites itself": "2e fe06 067c 90 ebf8",
    "a latch of the timer": "30c0 e643 e440 e440 ebf6",
    "masks and unmasks": "b0ff e621 b000 e621 fb fa ebf4",
}


def run(code: bytes, *, model: str = "80486", clock_: str, shift: int, ns: int) -> None:
    with Machine(code, model=model, clock=clock_, shift=shift) as m:  # type: ignore[arg-type]
        card = Card(ns)
        m.attach(card, port=0x300)
        m.vcpu.debug(breakpoints=[0x7C00])
        assert m.run(timeout=1e6).reason is ExitReason.DEBUG, "the boot sector has begun"
        m.vcpu.debug()
        instructions, looked, calls = m.vcpu.instructions, clock.fake_clock_looks(), card.calls
        exit = m.run(wall=WALL)
        ran = m.vcpu.instructions - instructions
        looks = clock.fake_clock_looks() - looked
        asked = card.calls - calls
        what = f"{exit}, {ran} instructions, {looks} looks, {asked} calls"
        early = exit.reason in (ExitReason.HLT, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR)
        assert early or exit.reason is ExitReason.DEADLINE, what
        # On the host's clock each access of a timer looks at it too.
        assert looks <= LOOKS or clock_ == "host", what
        assert ran <= LOOKS * SLICE, what
        # Each access is looked at: so many fit, and the last one. Four bytes are four calls.
        assert asked <= 4 * (min(LOOKS, WALL * 1e9 / (ns + 1)) + 1), what


def loops() -> None:
    for name, text in LOOPS.items():
        for clock_, shift, ns in (
            *(("virtual", 7, 0), ("virtual", 0, 0), ("virtual", 20, 10_000_000)),
            *(("host", 7, 0), ("host", 7, 10_000_000)),
        ):
            try:
                run(bytes.fromhex(text), clock_=clock_, shift=shift, ns=ns)
            except BaseException as error:
                error.add_note(f"{name}, clock {clock_}, shift {shift}, {ns} ns a call")
                raise


PORTS = [
    *range(0x10), *range(0x20, 0x22), *range(0x40, 0x44), *range(0x60, 0x65),
    *(0x70, 0x71, 0x80, 0x81, 0x87, 0x92, 0xA0, 0xA1, 0xE9),
    *range(0xC0, 0xE0, 2), *range(0x300, 0x304), *range(0x3C0, 0x3E0), *range(0x3F0, 0x400),
]  # fmt: skip


def hostile(rng: random.Random) -> bytes:
    """A loop of accesses to any port, in all widths, single and repeated, with halts between."""
    code = bytearray.fromhex("31c0 8ec0 8ed8 fc bf0090 be0090")
    start = len(code)
    while len(code) < start + 100:
        port = rng.choice((rng.choice(PORTS), rng.getrandbits(16)))
        if port == 0xF4:
            continue
        code += b"\xba" + port.to_bytes(2, "little") + b"\xb8" + rng.randbytes(2)
        if rng.random() < 0.3:
            code += b"\xb9" + rng.choice((1, 3, 64, 0xFFFF)).to_bytes(2, "little") + b"\xf3"
            code += bytes([rng.choice((0x6C, 0x6D, 0x6E, 0x6F))])
        else:
            code += bytes([rng.choice((0xEC, 0xED, 0xEE, 0xEF))])
        code += rng.choice((b"", b"", b"", b"\xfb", b"\xfa", b"\xfd", b"\xfc", b"\xfb\xf4"))
    back = start - len(code) - 3
    return bytes(code) + b"\xe9" + (back & 0xFFFF).to_bytes(2, "little")


def ports(seeds: range) -> None:
    for seed in seeds:
        rng = random.Random(seed)
        try:
            run(
                hostile(rng),
                model=rng.choice(("80186", "80286", "80386", "80486")),
                clock_=rng.choice(("virtual", "virtual", "host")),
                shift=rng.choice((0, 3, 7, 12, 20)),
                ns=rng.choice((0, 1_000_000, 10_000_000)),
            )
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise


def main(args: list[str]) -> None:
    assert MAX_NS == (1 << 63) - 1
    if args[0] == "loops":
        loops()
    else:
        ports(range(int(args[0]), int(args[1])))


main(sys.argv[1:])
