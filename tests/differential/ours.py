"""Our side of a differential run: a block of a random stream, from a state, on pyx86emu."""

from __future__ import annotations

import mmap

from pyx86emu import ExitReason, Vm

from .streams import CODE, HLT, SEGMENTS, Block

NAMES = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "es", "ss", "ds", "fs", "gs")
LAST = ("cs", "ip", "eflags")
DATA = SEGMENTS[0] << 4
DATA_SIZE = (SEGMENTS[-1] << 4) + 0x10000 - DATA
MEMORY = 0x100000
#: Where the vector table leads: vector n to a HLT of its own.
HANDLERS = 0x100
#: Exceptions of the segment limit.
LIMIT = (12, 13)

State = dict[str, int]


class Difference(AssertionError):
    """The two sides disagree; the message shows the first instruction after which they do."""


class Ours:
    """pyx86emu."""

    def __init__(self, model: str, memory: mmap.mmap) -> None:
        self.vm = Vm()
        self.vm.add_memory(0, buffer=memory)
        self.vcpu = self.vm.create_vcpu(model=model)
        for n in range(256):
            self.vm.write(4 * n, bytes((n, HANDLERS >> 8, CODE & 0xFF, CODE >> 8)))
        self.vm.write((CODE << 4) + HANDLERS, HLT * 256)

    def run(self, block: Block, before: State) -> State:
        regs, vcpu = self.vcpu.regs, self.vcpu
        for name in NAMES:
            setattr(regs, name, before[name])
        regs.cs, regs.ip, regs.eflags = CODE, block.ip, before["eflags"]
        self.vm.write((CODE << 4) + block.ip, block.code)
        was = vcpu.instructions
        exit = vcpu.run(100_000)
        after = {name: getattr(regs, name) for name in (*NAMES, *LAST)}
        after["instructions"] = vcpu.instructions - was - 1  # the HLT
        if exit.reason is ExitReason.SHUTDOWN:  # no room for the frame of a limit's exception
            self.vcpu.reset()
            after |= {"fault": after["ip"], "ip": HANDLERS + LIMIT[0] + 1}
        elif exit.reason is not ExitReason.HLT:
            raise Difference(f"{exit!r} in {block}")
        return after
