"""Code that runs for the first time: time how long its decoding takes.

The guest is a line of code in which each instruction is executed once, in blocks of three and five:
loads, stores, arithmetic, stack and jumps. The second run of it has nothing to decode; the
difference is what decoding costs, with the page faults of its memory.
"""

from collections.abc import Iterator
from contextlib import closing
from time import thread_time

from .._core import Vcpu
from ..exits import ExitReason
from ..vm import Vm
from . import figures
from .engines import Ours
from .kernels import KERNELS

HEAD = figures.head("cold code")
verdicts = figures.verdicts

#: Eight instructions: mov ax,[si+4]; cmp ax,cx; jz; add ax,bx; mov [di+2],ax; push ax; pop dx; jz
PARAGRAPH = bytes.fromhex("8b4404 39c8 7400 01d8 894502 50 5a 7400")
EACH = 8
FIRST = 0x1000
#: KiB of code.
SIZES = (64, 384)


def line_of(vm: Vm, kib: int) -> tuple[Vcpu, int]:
    """A vCPU of a Vm with so much code, and how many instructions it takes to the HLT."""
    ram = vm.add_memory(0, 0xA0000)
    for segment in range(FIRST, FIRST + kib * 64, 0x1000):
        code = bytearray(PARAGRAPH * (0x10000 // len(PARAGRAPH)))
        code[-16:] = b"\xea" + bytes(2) + (segment + 0x1000).to_bytes(2, "little") + bytes(11)
        ram[segment << 4 : (segment << 4) + 0x10000] = bytes(code)
    ram[((FIRST + kib * 64) << 4) - 16] = 0xF4
    return vm.create_vcpu(), EACH * (kib * 64 - kib // 64) + kib // 64


def run(vcpu: Vcpu, instructions: int) -> float:
    """Run the line from its first instruction; seconds of this thread."""
    vcpu.reset()
    vcpu.regs.cs, vcpu.regs.eip = FIRST, 0
    vcpu.regs.ss, vcpu.regs.sp, vcpu.regs.si, vcpu.regs.di = 0, 0x8000, 0x500, 0x600
    before = vcpu.instructions
    start = thread_time()
    exit = vcpu.run()
    seconds = thread_time() - start
    if exit.reason is not ExitReason.HLT or vcpu.instructions - before != instructions:
        raise RuntimeError(f"cold code ended in {exit!r}: {instructions} instructions were due")
    return seconds


def decoding(kib: int) -> float:
    """Nanoseconds for each instruction that is decoded."""
    with Vm() as vm:
        vcpu, n = line_of(vm, kib)
        cold = run(vcpu, n)
        warm = min(run(vcpu, n) for _ in range(3))
        return (cold - warm) / n * 1e9


def turn(before: int) -> float:
    """Milliseconds of a turn of the compiler in a new Vm, after so many others."""
    with closing(Ours(next(kernel for kernel in KERNELS if kernel.name == "compiler"))) as ours:
        for _ in range(before):
            ours.run(1)
        return ours.run(1) * 1e3


def rows(repeats: int, scale: float) -> Iterator[figures.Row]:
    """Decoding, then the compiler."""
    for kib in SIZES if scale >= 0.1 else SIZES[:1]:
        what = f"an instruction decoded, of {kib} KiB that run once"
        yield figures.Row.of(f"decode-{kib}K", (decoding(kib) for _ in range(repeats)), "ns", what)
    turns = (
        ("compiler-first", 0, "the compiler's first turn"),
        ("compiler-second", 1, "one with nothing to decode"),
    )
    for name, before, what in turns:
        yield figures.Row.of(name, [turn(before) for _ in range(repeats)], "ms", what)
