"""Running: run one program in a Vm, to any instruction, and answer its calls. Print nothing.

The program has a segment of its own, 1000h, which CS, DS, ES and SS select. It ends by HLT, by RET,
by INT 20h or INT 21h/4Ch, or by running past its last byte. INT 21h/02h and /09h, INT 10h/0Eh and
port E9h print. Any other interrupt or a fault ends it, badly.
"""

import struct
from collections.abc import Callable
from typing import NamedTuple

from ..exits import ExitReason
from ..memory import load
from ..vm import Vm
from .program import Program

SEGMENT, BASE, MEMORY = 0x1000, 0x10000, 1 << 20
#: The word on the stack is the address of a HLT.
RETURN, STACK = 0xFFF0, 0xFFEE
#: Every vector leads to a HLT of its own, at F000:vector.
STUBS = 0xF000
MOST_CODE = 0xFF00
MOST_OUTPUT = 1 << 20
HLT = 0xF4
GENERAL = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
SEGMENTS = ("cs", "ds", "es", "ss", "fs", "gs")
REGISTERS = (*GENERAL, "eip", "eflags", *SEGMENTS)
FAULTS = {
    0: "#DE, divide error",
    1: "#DB, single step",
    4: "#OF, overflow",
    5: "#BR, bound range exceeded",
    6: "#UD, invalid opcode",
    7: "#NM, no coprocessor",
    8: "#DF, double fault",
    12: "#SS, stack fault",
    13: "#GP, general protection",
}


class Ended(NamedTuple):
    """How a program ended, and whether that is a good end."""

    good: bool
    text: str
    limit: bool = False
    """The limit of instructions ended it."""


class Start(NamedTuple):
    """All that a run depends on: so it can be repeated."""

    program: Program
    registers: dict[str, int]
    memory: tuple[tuple[int, bytes], ...]
    model: str | None


class Step(NamedTuple):
    """An instruction that was executed: where, its bytes, and the registers that it changed."""

    cs: int
    ip: int
    code: bytes
    before: tuple[int, ...]
    after: tuple[int, ...]


class Run:
    """One run of a program. `close()` frees its memory."""

    def __init__(self, start: Start) -> None:
        program = start.program
        self.vm = Vm()
        self.ended: Ended | None = None
        self.output = bytearray()
        self._served = 0
        ram = self.vm.add_memory(0, MEMORY)
        ram[STUBS << 4 : (STUBS << 4) + 256] = bytes([HLT]) * 256
        ram[0:1024] = b"".join(struct.pack("<2H", vector, STUBS) for vector in range(256))
        at = BASE + program.origin
        self.end = program.origin + len(program.code)
        ram[at : at + len(program.code) + 1] = program.code + bytes([HLT])
        ram[BASE + RETURN : BASE + RETURN + 1] = bytes([HLT])
        ram[BASE + STACK : BASE + STACK + 2] = struct.pack("<H", RETURN)
        for place, data in start.memory:
            ram[place : place + len(data)] = data
        self.vcpu = (
            self.vm.create_vcpu() if start.model is None else self.vm.create_vcpu(start.model)
        )
        self.regs = self.vcpu.regs
        #: An 8086 has neither FS and GS nor the upper halves.
        self.names = tuple(name for name in REGISTERS if hasattr(self.regs, name))
        for name in GENERAL:
            setattr(self.regs, name, 0)
        for name in SEGMENTS:
            setattr(self.regs, name, SEGMENT)
        self.regs.eip, self.regs.esp, self.regs.eflags = program.origin, STACK, 2
        for name, value in start.registers.items():
            setattr(self.regs, name, value)

    @property
    def count(self) -> int:
        """Instructions so far, without those of ours."""
        return int(self.vcpu.spent) - self._served

    def values(self) -> tuple[int, ...]:
        """All registers, in the order of `names`."""
        return tuple([getattr(self.regs, name) for name in self.names])

    def go(self, limit: int) -> None:
        """Run until the program ends or `limit` instructions are executed."""
        run = self.vcpu.run
        while self.ended is None and (left := limit - self.count) > 0:
            exit = run(left)
            reason = exit.reason
            if reason in (ExitReason.IO, ExitReason.MMIO):
                if not exit.write:
                    exit.reply(b"\xff" * (exit.size * exit.count))
                elif reason is ExitReason.IO and exit.port == 0xE9:
                    self._print(exit.data)
            elif reason is ExitReason.HLT:
                self._halted()
            elif reason is ExitReason.SHUTDOWN:
                self.ended = Ended(
                    False, f"the CPU has shut down: {exit.message or 'triple fault'}"
                )
            elif reason is ExitReason.INTERNAL_ERROR:
                self.ended = Ended(False, exit.message or "it does what is not supported")

    def step(self) -> Step | None:
        """Execute one instruction of the program; None: it has ended, or the instruction was one
        of ours."""
        if self.ended is not None:
            return None
        cs, ip = self.regs.cs, self.regs.ip
        code = load(self.vm, (cs << 4) + ip, 15)
        before = self.values()
        self.go(self.count + 1)
        ours = cs == STUBS or (cs == SEGMENT and ip in (RETURN, self.end))
        return None if ours else Step(cs, ip, code, before, self.values())

    def steps(self, limit: int, see: Callable[[Step], object]) -> None:
        """Execute up to `limit` instructions in single steps."""
        while self.ended is None and self.count < limit:
            if (step := self.step()) is not None:
                see(step)

    def memory(self) -> bytes:
        """All of memory."""
        return self.vm.read(0, MEMORY)

    def close(self) -> None:
        """Free the memory."""
        self.vm.close()

    # -- what the program calls ------------------------------------------------------------------

    def _print(self, data: bytes) -> None:
        if len(self.output) < MOST_OUTPUT:
            self.output += data

    def _halted(self) -> None:
        cs, ip = self.regs.cs, self.regs.ip
        if cs == STUBS and 0 < ip <= 256:
            self._call(ip - 1)
        elif cs == SEGMENT and ip == RETURN + 1:
            self._served += 1
            self.ended = Ended(True, "RET")
        elif cs == SEGMENT and ip == self.end + 1:
            self._served += 1
            self.ended = Ended(True, "end of the program")
        else:
            self.ended = Ended(True, "HLT")

    def _call(self, vector: int) -> None:
        """An interrupt: do what it asks for and return, or end."""
        self._served += 1
        regs = self.regs
        stack = (regs.ss << 4) + regs.sp
        ip, cs, flags = struct.unpack("<3H", load(self.vm, stack, 6))
        asked = load(self.vm, (cs << 4) + (ip - 2 & 0xFFFF), 2) == bytes([0xCD, vector])
        if not asked:
            what = FAULTS.get(vector, f"interrupt {vector:02X}h")
            self.ended = Ended(False, f"{what} at {cs:04x}:{ip:04x}")
            return
        function = regs.ah
        if vector == 0x20 or (vector, function) == (0x21, 0x4C):
            code = regs.al if vector == 0x21 else 0
            self.ended = Ended(True, f"exit with status {code}")
            return
        if (vector, function) == (0x10, 0x0E):
            self._print(bytes([regs.al]))
        elif (vector, function) == (0x21, 0x02):
            self._print(bytes([regs.dl]))
        elif (vector, function) == (0x21, 0x09):
            text = load(self.vm, (regs.ds << 4) + regs.dx, 0x10000 - regs.dx)
            self._print(text.partition(b"$")[0])
        else:
            self.ended = Ended(
                False,
                f"INT {vector:02X}h with AH={function:02X}h at {cs:04x}:{ip - 2 & 0xFFFF:04x}: "
                "`guest` has no BIOS and no DOS; `boot` has a BIOS",
            )
            return
        regs.cs, regs.ip, regs.sp = cs, ip, (regs.sp + 6) & 0xFFFF
        regs.flags = flags


def repeats(run: Run, most: int = 4000) -> list[tuple[int, int]] | None:
    """Prove that a run never ends: within `most` more instructions all registers and all memory
    become what they were before. Returns CS:IP of the instructions of that loop; None: no proof.
    """
    anchor, memory, at, power = run.values(), run.memory(), 0, 1
    loop: list[tuple[int, int]] = []
    printed = len(run.output)
    for done in range(1, most + 1):
        step = run.step()
        if run.ended is not None:
            return None
        if step is not None:
            loop.append((step.cs, step.ip))
        if run.values() == anchor and len(run.output) == printed and run.memory() == memory:
            return list(dict.fromkeys(loop))
        if done - at == power:
            anchor, memory, at, power = run.values(), run.memory(), done, power * 2
            loop, printed = [], len(run.output)
    return None
