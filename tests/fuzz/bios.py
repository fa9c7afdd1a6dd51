"""BIOS calls with registers, pointers and a data area at random, run in all ways."""

from __future__ import annotations

import random

from pyx86emu import Disk, Machine

from .pc import compare

#: Instructions that the calls have time for.
LIMIT = 4000
CODE, BUFFER, STACK = 0x1000, 0x2000, 0x3000
BOOT = b"\xeb\xfe".ljust(510, b"\0") + b"\x55\xaa"
IMAGE = BOOT + random.Random("bios").randbytes(512) * 719
#: Calls and their functions; None: any.
CALLS: dict[int, tuple[int | None, ...]] = {
    0x10: (
        0,
        1,
        2,
        3,
        5,
        6,
        7,
        8,
        9,
        0x0A,
        0x0B,
        0x0C,
        0x0D,
        0x0E,
        0x0F,
        0x10,
        0x11,
        0x12,
        0x13,
        0x1A,
        None,
    ),
    0x11: (None,),
    0x12: (None,),
    0x13: (0, 1, 2, 2, 3, 4, 5, 8, 0x15, 0x16, 0x17, 0x18, None),
    0x14: (0, 1, 2, 3, None),
    0x15: (0x86, 0x87, 0x88, 0x4F, 0xC0, 0x24, 0x83, 0x84, 0x90, 0x91, None),
    0x16: (0, 1, 2, 3, 5, 0x10, 0x11, 0x12, None),
    0x17: (0, 1, 2, None),
    0x1A: (0, 1, 2, 3, 4, 5, 6, 7, None),
    0x08: (None,),
    0x09: (None,),
    0x0E: (None,),
    0x18: (None,),
    0x19: (None,),
    0x1C: (None,),
    0x70: (None,),
    0x05: (None,),
}
RARE = (0x18, 0x19)
#: Vectors that are pointers to tables.
TABLES = (0x1D, 0x1E, 0x1F, 0x41, 0x43, 0x46)
ODD = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0xFFFE, 0x8000, 0x184F, 0x0101)


def bios(model: str, seed: int) -> int:
    """The same calls in one piece, in pieces, in steps, observed: no difference."""
    shift = random.Random(f"bios {model} {seed}").choice((7, 7, 7, 0, 12))
    return compare(lambda: pc(model, seed, shift), LIMIT << shift, f"{model} {seed}")


def call(rng: random.Random, *, rare: bool) -> bytes:
    """Load all registers, call, keep the answer."""
    numbers = [n for n in CALLS if rare or n not in RARE]
    number = rng.choice((0x10, 0x10, 0x13, 0x13, 0x16, *numbers))
    function = rng.choice(CALLS[number])
    values = [
        rng.choice((rng.choice(ODD), rng.randrange(32), rng.getrandbits(16))) for _ in range(7)
    ]
    if function is not None:
        values[0] = function << 8 | rng.choice((0, 1, 2, 3, 0x13, values[0] & 0xFF))
    if number == 0x13 and rng.random() < 0.7:  # what is on the disk
        values[0] = values[0] & 0xFF00 | rng.choice((1, 1, 2, 9, 0))
        values[1] = rng.choice((0, 0, 1, 39, 40)) << 8 | rng.randrange(1, 11)
        values[2] = rng.randrange(2) << 8 | rng.choice((0, 0, 0, 1, 0x80))
    segment = rng.choice(
        (BUFFER, BUFFER, 0, 0x40, 0xB800, 0xF000, 0xFFFF, 0x1000, rng.getrandbits(16))
    )
    code = b"\xb8" + segment.to_bytes(2, "little") + b"\x8e\xc0"
    for opcode, value in zip(b"\xb8\xb9\xba\xbb\xbe\xbf\xbd", values, strict=True):
        code += bytes([opcode]) + value.to_bytes(2, "little")
    if rng.random() < 0.1:
        code += b"\xfa"
    # int n; then cs: mov [...],ax and what the others are
    code += b"\xcd" + bytes([number]) + b"\x2e\xa3\x00\x80" + b"\x2e\x89\x0e\x02\x80" + b"\x9c"
    return code + b"\x2e\x8f\x06\x04\x80" + rng.choice((b"\xfb", b""))


def pc(model: str, seed: int, shift: int) -> Machine:
    """A PC that has booted, with calls to make."""
    rng = random.Random(f"pc {model} {seed}")
    image, memory = IMAGE, rng.choice((0x100000, 0x100000, 0x10000, 0x200000))
    geometry = rng.choice((None, None, (40, 2, 9), (80, 2, 18)))
    machine = Machine(Disk(image, geometry=geometry), model=model, shift=shift, memory=memory)
    machine.boot()
    vm, regs = machine.vm, machine.vcpu.regs
    code_segment = CODE if memory > 0x20000 else 0x800
    calls = b"".join(call(rng, rare=rng.random() < 0.1) for _ in range(rng.choice((3, 12, 40))))
    vm.write(
        code_segment << 4, calls + b"\xe9" + (-(len(calls) + 3) & 0xFFFF).to_bytes(2, "little")
    )
    for _ in range(rng.choice((0, 0, 1, 5, 60))):  # the data area, the equipment, the cursor ...
        vm.write(rng.randrange(0x400, 0x500), rng.choice((b"\0", b"\xff", rng.randbytes(1))))
    for vector in TABLES:
        if rng.random() < 0.2:
            vm.write(
                vector * 4, rng.choice((bytes(4), b"\xff" * 4, b"\0\0\xff\xff", rng.randbytes(4)))
            )
    regs.cs, regs.ip = code_segment, 0
    regs.ds, regs.ss, regs.sp = rng.choice((0, 0x40, BUFFER)), code_segment, 0xF000
    machine.keyboard.type(rng.choice(("", "ab{ret}", "{f1}{left}x", "{ctrl}{alt}")))
    machine.uart.receive(rng.choice((b"", b"serial")))
    return machine
