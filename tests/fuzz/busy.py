"""Machines that meet their devices all the time: a loop of port and memory accesses."""

from __future__ import annotations

import contextlib
import random

from .code import nasty
from .world import World

#: Where devices of such a machine are, on the buses.
PORT, PLACE, LENGTH = 0xE0, 0xC0000, 0x8000
#: In, out, string I/O; loads, stores, pushes, string moves: where DS, ES or SS is PLACE.
ACCESSES = (
    "e4e0", "e5e0", "e6e0", "e7e0", "ec", "ee", "ed", "ef", "6c", "6d", "6e", "6f", "f36c", "f36e",
    "a00500", "a10300", "a20000", "a3fe01", "fe060200", "ff060900", "50", "58", "9c", "9d", "a4",
    "a5", "ab", "ac", "a6", "ae", "f3a4", "f3aa", "26a00000", "36a30400", "8706ff0f", "06", "1e",
)  # fmt: skip
OTHERS = ("40", "43", "41", "01d8", "f8", "f9", "fb", "fa", "b90500", "90", "31c0")


class Busy(World):
    """A World whose first code is such a loop, most often."""

    def __init__(self, model: str, seed: int, *, wild: bool = False) -> None:
        super().__init__(model, seed, wild=wild)
        rng, vm, regs = self.rng, self.vm, self.vcpu.regs
        if rng.random() < 0.8:
            with contextlib.suppress(ValueError):  # where no memory is
                vm.write((regs.cs << 4) + regs.ip, self.loop(rng))
            if rng.random() < 0.8:
                regs.edx = PORT
            for name in ("ds", "es", "ss"):
                if rng.random() < 0.5:
                    setattr(regs, name, PLACE >> 4)
        self.start = regs.ip
        if rng.random() < 0.7:
            with contextlib.suppress(ValueError):  # faults and interrupts come back
                vm.write(0x500, b"\x43\xcf")
                vm.write(0, bytes.fromhex("00050000") * 256)

    def loop(self, rng: random.Random) -> bytes:
        code = b""
        for _ in range(rng.choice((3, 8, 15))):
            known = bytes.fromhex(rng.choice((*ACCESSES, *OTHERS)))
            code += known if rng.random() < 0.95 else nasty(rng, 3)
        return code + b"\xe9" + (-(len(code) + 3) & 0xFFFF).to_bytes(2, "little")
