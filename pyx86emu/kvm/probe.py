"""Probe: run a few instructions on this host's KVM, and say what it cannot do.

Where the host's processor runs real mode, KVM has all of it. Nested and software KVMs emulate it,
and lack some instructions, which are then an exit INTERNAL_ERROR, or interrupt 6 in the guest.
"""

import errno
import os
from functools import cache
from time import monotonic_ns
from typing import Literal, NamedTuple

from .._core import Exit
from ..exits import ExitReason
from .system import unusable
from .vcpu import Vcpu
from .vm import Vm

CODE, HANDLERS, STACK, DATA = 0x1000, 0x600, 0x8000, 0x4000
PATIENCE = 10**9
#: Real mode as a BIOS needs it: a segment, a port, memory, a call, HLT.
#: mov ax,100h; mov ds,ax; mov [3],al; out 80h,al; call +0; hlt
SMALLEST = bytes.fromhex("b80001 8ed8 a20300 e680 e80000 f4")

#: Name of a group, machine code that ends with its result in AX, the result.
GROUPS = (
    ("moves", "b83412 89c3 93", 0x1234),
    ("32-bit operands", "66b878563412 66c1e810", 0x1234),
    ("32-bit addresses", "66bb00400000 67c7033412 a10040", 0x1234),
    ("arithmetic", "b80100 0dff00 2d0f00 f7d0 40", 0xFF10),
    ("shifts", "b80180 d1c0 c1e004 d3c8", 0x30),
    ("double shifts", "b83412 bb7856 0fa4d804", 0x2345),
    ("multiply", "b80300 bb0500 f7e3 69c0 0200 6bc003", 90),
    ("divide", "b86400 31d2 bb0700 f7f3", 14),
    ("AAA and AAS", "b80900 0405 37 3f", 0xFF0E),
    ("AAM and AAD", "b84f00 d40a d50a", 79),
    ("DAA and DAS", "b89900 0401 27 2c01 2f", 0x0099),
    ("stack", "b83412 60 31c0 61 50 58 9c 9d", 0x1234),
    ("ENTER and LEAVE", "b83412 c8040000 c9", 0x1234),
    ("calls and jumps", "e80200 eb01 c3 b83412", 0x1234),
    ("loops", "31c0 b90500 40 e2fd", 5),
    ("far pointers", "be0040 c7043412 c744020000 c404", 0x1234),
    ("XLAT", "bb0040 c6470522 b005 d7 30e4", 0x22),
    ("BOUND", "be0040 c7040000 c744021000 b80500 6204", 5),
    ("INTO", "b80500 40 ce", 6),
    ("string moves", "be0010 bf0040 b90400 f3a4 a10040", 0x00BE),
    ("string compares", "be0010 bf0010 b90400 f3a6 89c8", 0),
    ("string stores", "b82211 bf0040 b90200 f3ab a10240", 0x1122),
    ("bit tests", "b80400 0fbae003 0fabc0", 0x14),
    ("bit scans", "bb4000 0fbcc3", 6),
    ("SETcc", "31c0 39c0 0f94c0", 1),
    ("MOVZX and MOVSX", "b380 0fb6c3 0fbec3", 0xFF80),
    ("LOCK", "c70600400500 f0ff060040 a10040", 6),
    ("CMPXCHG", "b80500 bb0900 89c1 0fb1d9 89c8", 9),
    ("XADD", "b80500 bb0900 0fc1d8", 14),
    ("BSWAP", "66b878563412 660fc8", 0x3412),
    ("flags", "f9 f5 f8 fc fd fc b400 9e 9f 30c0", 0x0200),
    ("SALC", "f9 d6 30e4", 0xFF),
    ("descriptor tables", "0f010e0040 0f011e0040 a10040", 0x03FF),
    ("control registers", "0f20c0 0f22c0 0f01e0 83e001", 0),
    ("debug registers", "66b834120000 0f23c0 6631c0 0f21c0", 0x1234),
    ("caches", "0f09 b80100", 1),
    ("CPUID", "66b800000000 0fa2 85db 0f95c0 30e4", 1),
    ("RDTSC", "0f31 b80100", 1),
    ("FPU", "dbe3 d93e0040 a10040", 0x037F),
    ("MOVNTI", "b83412 0f c3060040 a10040", 0x1234),
    ("port strings", "ba8000 be0010 6e b80100", 1),
)


class Found(NamedTuple):
    """What the probe found: the groups that are missing; whether debug registers watch memory."""

    missing: tuple[str, ...]
    watches: bool


def usable() -> None:
    """OSError: this process cannot use KVM; the message says why. See `system.System`."""
    problem = _problem(os.getpid())
    if problem is not None:
        raise OSError(*problem)


@cache
def _problem(process: int) -> tuple[int, str] | None:
    """What is wrong; None: nothing. Asked once in a process."""
    try:
        run_smallest()
    except OSError as error:
        return error.errno or errno.EIO, error.strerror or str(error)
    return None


@cache
def found() -> Found:
    """Run all groups, once in a process. OSError: KVM cannot be used."""
    with_guest = _Guest()
    try:
        missing = tuple(name for name, code, ax in GROUPS if not with_guest.does(code, ax))
        return Found(missing, with_guest.watches())
    finally:
        with_guest.vm.close()


def make(irqchip: bool, shift: int | None, clock: Literal["virtual", "host"] | None) -> Vm:
    """A Vm on KVM that knows what the probe finds. OSError: KVM cannot be used."""
    usable()
    vm = Vm(irqchip, shift=shift, clock=clock)
    vm._found = found
    return vm


def run_smallest() -> None:
    """Make a Vm and run SMALLEST. OSError: it does not get to its HLT."""
    guest = _Guest()
    try:
        seen = [guest.start(SMALLEST)]
        seen.append(guest.go())
        if [exit.reason for exit in seen] != [ExitReason.IO, ExitReason.HLT]:
            what = "; ".join(map(repr, seen))
            raise unusable(errno.EOPNOTSUPP, f"this KVM cannot run real mode ({what})")
    finally:
        guest.vm.close()


class _Guest:
    """A vCPU and 64 KiB of RAM. Each vector leads to a HLT of its own."""

    def __init__(self) -> None:
        self.vm = Vm()
        try:
            self.ram = self.vm.add_memory(0, 0x10000)
            for vector in range(256):
                at = HANDLERS + vector
                self.ram[4 * vector : 4 * vector + 4] = at.to_bytes(4, "little")
            self.ram[HANDLERS : HANDLERS + 256] = b"\xf4" * 256
            vcpu: object = self.vm.create_vcpu()
            assert isinstance(vcpu, Vcpu)
            self.vcpu = vcpu
        except BaseException:
            self.vm.close()
            raise

    def start(self, code: bytes) -> Exit:
        """Run code from the state after RESET, with a stack and all segments 0."""
        self.ram[CODE : CODE + len(code)] = code
        self.vcpu.reset()
        regs = self.vcpu.regs
        regs.cs, regs.ip, regs.sp = 0, CODE, STACK
        return self.go()

    def go(self) -> Exit:
        return self.vcpu.run_until(wall_deadline=monotonic_ns() + PATIENCE)

    def does(self, code: str, ax: int) -> bool:
        """Does the code get to the HLT after it, with this result?"""
        raw = bytes.fromhex(code) + b"\xf4"
        exit = self.start(raw)
        while exit.reason is ExitReason.IO and exit.write:
            exit = self.go()
        regs = self.vcpu.regs
        ended = exit.reason is ExitReason.HLT and regs.ip == CODE + len(raw)
        return ended and regs.ax == ax

    def watches(self) -> bool:
        """Does a debug register stop a store? mov [DATA],al; nop; hlt"""
        self.vcpu.debug(watch=[(DATA, 1, "w")])
        exit = self.start(bytes((0xA2, DATA & 0xFF, DATA >> 8, 0x90, 0xF4)))
        self.vcpu.debug()
        return exit.reason is ExitReason.DEBUG
