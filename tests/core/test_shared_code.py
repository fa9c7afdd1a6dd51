"""Code that another process writes into a shared slot runs after a ring, and after an irqfd."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator

import pytest

from pyx86emu import ExitReason, Vm
from tests.harness import CODE, LONG, Running, advance, another, open_line, program

PATCH = 0x2000
INC_AX, INC_BX = b"\x40", b"\x43"
#: Calls the routine, rings, calls it again.
RINGS = program("e8fd0f e690 e8f80f f4  ; call 2000h; out 90h,al; call 2000h; hlt")
#: Calls the routine for ever; an interrupt ends it, after one more call.
LOOPS = open_line(5) + program("fb e8e80f ebfb  ; sti; again: call 2000h; jmp again")
HANDLER = program("31c0 31db e8f90e f4  ; xor ax,ax; xor bx,bx; call 2000h; hlt")


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    made: list[Peer] = []

    def make(*, readonly: bool = False, forked: bool = False) -> Peer:
        made.append(Peer(readonly, forked))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Peer:
    """A Vm whose code at 2000h is in a shared slot, and what another process has of it."""

    def __init__(self, readonly: bool, forked: bool) -> None:
        self.first = self.vm = Vm(irqchip=True)
        self.vm.add_memory(0, PATCH)
        self.vm.add_memory(0x6000, 0x2000)
        self.vm.add_memory(PATCH, 0x2000, shared=True, readonly=readonly)
        if forked:
            self.vm = self.first.fork()
        (slot,) = (each for each in self.vm.slots if each.addr == PATCH)
        self.memory = mmap.mmap(slot.fileno(), 0x2000)
        self.write(INC_AX)
        self.bell = os.eventfd(0, os.EFD_NONBLOCK)

    def write(self, code: bytes) -> None:
        """By the other process: nobody here notices. The routine is this instruction, and RET."""
        self.memory[0:2] = code + b"\xc3"

    def close(self) -> None:
        self.memory.close()
        self.vm.close()
        self.first.close()
        os.close(self.bell)


@pytest.mark.parametrize("forked", [False, True], ids=["made", "forked"])
@pytest.mark.parametrize("readonly", [False, True], ids=["ram", "rom"])
def test_code_of_another_process_runs_after_a_ring(
    peer: Callable[..., Peer], readonly: bool, forked: bool
) -> None:
    there = peer(readonly=readonly, forked=forked)
    there.vm.write(CODE, RINGS)
    there.vm.ioeventfd(0x90, 1, fd=there.bell, coalesce=False)
    vcpu = another(there.vm)
    vcpu.run(3)  # the routine is decoded, with INC AX
    assert (vcpu.regs.ax, vcpu.regs.ip) == (1, CODE + 3)

    there.write(INC_BX)

    assert vcpu.run(100).reason is ExitReason.HLT
    assert (vcpu.regs.ax, vcpu.regs.bx) == (1, 1)


def test_each_ring_is_looked_at_again(peer: Callable[..., Peer]) -> None:
    there = peer()
    there.vm.write(CODE, RINGS)
    there.vm.ioeventfd(0x90, 1, fd=there.bell, coalesce=False)
    vcpu = another(there.vm)

    for turn in range(1, 20):
        for code in (INC_AX, INC_BX):
            there.write(code)
            vcpu.regs.ip = CODE + 3  # at the ring
            assert vcpu.run(100).reason is ExitReason.HLT
        assert (vcpu.regs.ax, vcpu.regs.bx) == (turn, turn)


def test_code_of_another_process_runs_after_an_irqfd(peer: Callable[..., Peer]) -> None:
    there = peer()
    there.vm.write(CODE, LOOPS)
    there.vm.write(0x1100, HANDLER)
    there.vm.write(4 * 0x25, (0x1100).to_bytes(4, "little"))
    there.vm.irqfd(5, there.bell)
    vcpu = another(there.vm)
    run = Running(vcpu.run)
    advance(vcpu, LONG)
    assert run.going

    there.write(INC_BX)
    os.eventfd_write(there.bell, 1)

    assert run.result().reason is ExitReason.HLT
    assert (vcpu.regs.ax, vcpu.regs.bx) == (0, 1)


def test_the_other_vcpus_run_the_new_code_as_well(peer: Callable[..., Peer]) -> None:
    there = peer()
    there.vm.write(CODE, RINGS)
    there.vm.write(0x1200, program("e8fd0d ebfb  ; again: call 2000h; jmp again"))
    there.vm.ioeventfd(0x90, 1, fd=there.bell, coalesce=False)
    rings, calls = another(there.vm, CODE + 3), another(there.vm, 0x1200, stack=0x6800)
    run = Running(calls.run)
    advance(calls, LONG)
    assert run.going

    there.write(b"\xf4")  # hlt
    rings.run(1)

    assert run.result().reason is ExitReason.HLT
