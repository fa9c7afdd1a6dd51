"""Whole-device port programs on a PC, run in all ways; with the host's clock they only survive."""

from __future__ import annotations

import random
import time

from pyx86emu import Machine

from .pc import compare
from .portcode import VECTORS, Programs

#: Instructions that a program has time for; waiting takes time too.
LIMIT = 3000
CODE, DATA, STACK, HANDLERS = 0x1000, 0x2000, 0x3000, 0x600
DISK = random.Random("disk").randbytes(512) * 720
#: Real seconds of a run on the host's clock, and what may come on top on a busy host.
WALL, LATE = 0.2, 10.0


def ports(model: str, seed: int) -> int:
    """The same program in one piece, in pieces, in steps, observed: no difference."""
    rng = random.Random(f"ports {model} {seed}")
    shift = rng.choice((7, 7, 7, 3, 0, 12, 17, 20))
    if rng.random() < 0.1:
        return on_host_clock(model, seed, shift)
    return compare(lambda: pc(model, seed, shift), LIMIT << shift, f"{model} {seed}")


def pc(model: str, seed: int, shift: int, clock: str = "virtual") -> Machine:
    """A PC with a program, its handlers and something to read from keyboard and line."""
    rng = random.Random(f"pc {model} {seed}")
    machine = Machine(
        DISK, model=model, shift=shift, clock="host" if clock == "host" else "virtual"
    )
    vm, regs = machine.vm, machine.vcpu.regs
    programs = Programs(rng, model)
    vm.write(CODE << 4, programs.program(rng.choice((3, 10, 40))))
    vm.write(DATA << 4, rng.randbytes(0x5000))
    at = HANDLERS
    for vector in VECTORS:
        code = programs.handler(vector)
        vm.write(at, code)
        vm.write(vector * 4, b"\0\0" + (at >> 4).to_bytes(2, "little"))
        at += (len(code) + 15) & ~15
    regs.cs, regs.ip = CODE, 0
    regs.ds, regs.es, regs.ss, regs.sp = DATA, DATA, STACK, 0x8000
    regs.eflags = rng.choice((2, 0x202, 0x202))
    if rng.random() < 0.7:
        for port, value in ((0x20, 0x11), (0x21, 8), (0x21, 4), (0x21, 1), (0xA0, 0x11), (0xA1,
        0x70),
                            (0xA1, 2), (0xA1, 1), (0x21, 0), (0xA1, 0)):  # fmt: skip
            machine.pio.write(port, 1, value)
    machine.keyboard.type(rng.choice(("", "", "abc{ret}", "{f1}x")))
    machine.uart.receive(rng.choice((b"", b"hello", bytes(range(40)))))
    return machine


def on_host_clock(model: str, seed: int, shift: int) -> int:
    """Nobody can compare these; limits hold."""
    with pc(model, seed, shift, "host") as machine:
        before, start = machine.vcpu.instructions, time.monotonic()
        machine.run(max_instructions=20 * LIMIT, wall=WALL)
        took, ran = time.monotonic() - start, machine.vcpu.instructions - before
        assert ran <= 20 * LIMIT, f"{ran} instructions, {20 * LIMIT} allowed"
        assert took < WALL + LATE, f"{took:.1f} s, {WALL} allowed"
        return ran
