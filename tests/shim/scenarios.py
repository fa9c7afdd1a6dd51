"""What test_failures.py does with a Vm while one allocation or system call after the other fails.

    LD_PRELOAD=failures.so python -m tests.shim.scenarios NAME

The first turn fails the first call, the second turn the second, until a turn meets no call that it
could fail. Each turn ends well or with MemoryError or OSError, leaves no descriptor and no thread,
and a Vm that works and can be closed.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack

from pyx86emu import Doorbell, ExitReason, PioDevice, Vm, _core
from tests.harness import descriptors, wait_until

SHIM = ctypes.CDLL(None)
KINDS = (
    *("allocate", "eventfd", "duplicate", "open", "read", "write", "readlink", "poll", "map"),
    *("epoll_create", "epoll_ctl", "thread", "syscall"),
)
#: A loop that would never end, if each turn met a call that fails.
TURNS = 3000
CODE = 0x1000


class World:
    """A Vm to do it with, and descriptors of somebody else."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        self.fds = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(4)]
        for fd in self.fds:
            stack.callback(os.close, fd)
        self.vm = stack.enter_context(Vm(irqchip=True))
        self.slot = self.vm.add_memory(0, 0x110000)
        self.vcpu = self.vm.create_vcpu()

    def start(self, code: bytes) -> None:
        self.vm.write(CODE, code)
        regs = self.vcpu.regs
        regs.cs = regs.ds = regs.es = regs.ss = 0
        regs.ip, regs.sp = CODE, 0x800


def make_vm(w: World) -> None:
    with Vm(irqchip=True) as vm:
        vm.add_memory(0, 0x10000)


def memory(w: World) -> None:
    slot = w.vm.add_memory(0x200000, 0x10000, dirty_log=True)
    slot.dirty()
    slot.move(0x300000)
    slot.delete()


def vcpu(w: World) -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x10000)
        vm.create_vcpu("80386")
        vm.create_vcpu("80386")


def attach(w: World) -> None:
    attached = []
    try:
        for n in range(6):
            attached.append(w.vm.pio.attach(PioDevice(), 0x300 + 16 * n))
    finally:
        for attachment in attached:
            attachment.detach()


def ioeventfd(w: World) -> None:
    bell = Doorbell(w.fds[1])
    with (
        w.vm.ioeventfd(0x500, 1) as own,
        w.vm.ioeventfd(0x501, 1, fd=w.fds[0]),
        w.vm.ioeventfd(0x502, 1, fd=bell),
        w.vm.ioeventfd(0x503, bus="mmio", fd=w.fds[0]),
    ):
        rings(w, 0x500)
        assert own.read() in (
            0,
            1,
        )  # a write that fails is a ring that is lost, as on a full counter
        assert len(w.vm.ioeventfds) >= 4
        bell.ring()
        assert bell.drain() == 1


def rings(w: World, port: int) -> None:
    w.start(
        b"\xba" + port.to_bytes(2, "little") + b"\xee\xfa\xf4"
    )  # mov dx,port; out dx,al; cli; hlt
    assert w.vcpu.run(100).reason is ExitReason.HLT


def many_ioeventfds(w: World) -> None:
    """The tables grow; all is removed by its properties."""
    bell = Doorbell()
    try:
        for n in range(40):
            w.vm.ioeventfd(0x600 + n, fd=bell)
            w.vm.ioeventfd(0x700, 2, datamatch=n, fd=w.fds[n & 3])
        rings(w, 0x610)
        assert bell.drain() == 1
        for n in range(40):
            w.vm.ioeventfd_deassign(0x600 + n, fd=bell)
            w.vm.ioeventfd_deassign(0x700, 2, datamatch=n, fd=w.fds[n & 3])
    finally:
        for entry in w.vm.ioeventfds:
            entry.close()


def irqfd(w: World) -> None:
    entry = w.vm.irqfd(5, w.fds[0], resample=w.fds[1])
    try:
        entries = [w.vm.irqfd(6, w.fds[2]), w.vm.irqfd(7, w.fds[3])]
        for each in entries:
            each.deassign()
    finally:
        entry.deassign()
        w.vm.irqfd_deassign(6, w.fds[2])
        w.vm.irqfd_deassign(7, w.fds[3])


def decode(w: World) -> None:
    """6000 blocks of two instructions: a dozen chunks of the pool. Lack of memory costs time."""
    w.vm.a20 = not w.vm.a20  # every block is dropped
    w.start(b"\x43\xeb\x00" * 6000 + b"\xfa\xf4")  # inc bx; jmp next
    w.vcpu.regs.bx = 0
    assert w.vcpu.run(20_000).reason is ExitReason.HLT
    assert w.vcpu.regs.bx == 6000


def drainer(w: World) -> None:
    drainer = _core.Drainer(w.fds[0])
    os.eventfd_write(w.fds[0], 3)
    wait_until(lambda: drainer.count == 3)
    drainer.stop()


def close(w: World) -> None:
    """Everything in a Vm that closes; one that could not be closed is closed by the second call."""
    vm = Vm(irqchip=True)
    try:
        vm.add_memory(0, 0x10000, dirty_log=True)
        vm.create_vcpu()
        vm.ioeventfd(0x500, fd=w.fds[0])
        vm.irqfd(5, w.fds[1], resample=w.fds[2])
        vm.close()
    finally:
        vm.close()


SCENARIOS: dict[str, Callable[[World], None]] = {
    each.__name__: each
    for each in (
        *(make_vm, memory, vcpu, attach, ioeventfd, many_ioeventfds, irqfd, decode, drainer, close),
    )
}


def settled(wanted: tuple[int, int]) -> bool:
    """Threads end soon, and close their descriptors at their end."""
    try:
        wait_until(lambda: (descriptors(), threading.active_count()) == wanted)
    except AssertionError:
        return False
    return True


def works(w: World) -> None:
    with w.vm.ioeventfd(0x80, 1) as entry:
        rings(w, 0x80)
        assert entry.read() == 1


def turn(scenario: Callable[[World], None], kind: int, n: int) -> tuple[bool, str]:
    """One turn: did a call fail, and what came of it?"""
    before = descriptors(), threading.active_count()
    outcome = "ended well"
    with ExitStack() as stack:
        world = World(stack)
        assert SHIM.shim_arm(kind, n), "the core is not loaded"
        try:
            scenario(world)
        except (MemoryError, OSError) as error:
            outcome = type(error).__name__
        finally:
            failed = bool(SHIM.shim_disarm())
        scenario(world)  # what failed once works now, in the same Vm
        works(world)
    del world
    assert settled(before), f"{before} before, {descriptors(), threading.active_count()} after"
    return failed, outcome


def main(name: str) -> None:
    """Print, for each kind of call, what the turns ended with and how often."""
    scenario = SCENARIOS[name]
    with ExitStack() as stack:
        scenario(World(stack))  # modules are imported, and whatever else happens once
    results: dict[str, dict[str, int]] = {}
    for number, kind in enumerate(KINDS, 1):
        results[kind] = {}
        for n in range(1, TURNS):
            faulthandler.dump_traceback_later(60, exit=True)
            try:
                failed, outcome = turn(scenario, number, n)
            except BaseException as error:
                error.add_note(f"when call {n} of kind {kind} failed")
                raise
            faulthandler.cancel_dump_traceback_later()
            if not failed:
                break
            results[kind][outcome] = results[kind].get(outcome, 0) + 1
        else:
            raise AssertionError(f"{kind}: no end of calls that fail")
    print(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1])
