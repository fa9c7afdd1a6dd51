"""Probe: run a few instructions on this host's KVM, and say what it cannot do."""

import errno
import os
from functools import cache

from ..exits import ExitReason
from .system import unusable
from .vm import Vm

CODE = 0x1000
#: Real mode as a BIOS needs it: a segment, a port, memory, a call, HLT.
#: mov ax,100h; mov ds,ax; mov [3],al; out 80h,al; call +0; hlt
SMALLEST = bytes.fromhex("b80001 8ed8 a20300 e680 e80000 f4")


def usable() -> None:
    """OSError: this process cannot use KVM; the message says why. See `system.System`."""
    problem = _problem(os.getpid())
    if problem is not None:
        raise OSError(*problem)


@cache
def _problem(process: int) -> tuple[int, str] | None:
    """What is wrong; None: nothing. Asked again after fork()."""
    try:
        with_vm()
    except OSError as error:
        return error.errno or errno.EIO, error.strerror or str(error)
    return None


def with_vm() -> None:
    """Make a Vm and run SMALLEST. OSError: it does not get to its HLT."""
    vm = Vm()
    try:
        ram = vm.add_memory(0, 0x10000)
        ram[CODE : CODE + len(SMALLEST)] = SMALLEST
        vcpu = vm.create_vcpu()
        regs = vcpu.regs
        regs.cs, regs.ip, regs.ss, regs.sp = 0, CODE, 0, 0x8000
        seen = [vcpu.run_until(wall_deadline=vm._began + vm.time + 10**9) for _ in range(2)]
        if [exit.reason for exit in seen] != [ExitReason.IO, ExitReason.HLT]:
            what = "; ".join(map(repr, seen))
            raise unusable(errno.EOPNOTSUPP, f"this KVM cannot run real mode ({what})")
    finally:
        vm.close()
