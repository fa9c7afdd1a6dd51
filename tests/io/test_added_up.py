"""How long a ring that is added up may wait: slow paths spend units, and used-up units signal.

Nothing here looks at a clock. `_core.ring_waits` has what was spent, about one unit for each 10 ns.
docs/PERFORMANCE.md says how long the same guests let a ring wait on one machine.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from pyx86emu import Doorbell, Vcpu, Vm, _core
from pyx86emu.measure.slow_guests import GUESTS, SLICE, Slow, one_slice, start
from tests.conftest import BUILD

#: The units that a slice may spend before its rings are signalled (rings.pxi).
ALLOWANCE = 600
#: The most units that are spent in one piece: ENTER with 31 levels.
PIECE = 320
SLICES = 20
#: In the build with sanitizers all blocks are dropped again and again, which costs units.
WHOLE = pytest.mark.skipif(BUILD == "sanitize", reason="the pool of blocks is always full")

MakeVm = Callable[..., Vm]


def waits(vm: Vm, slow: Slow) -> tuple[float, int, int]:
    """Run the guest; units per instruction, signals before a slice ended, the longest wait."""
    vcpu = start(vm, slow)
    vm.ioeventfd(0x80, 1, fd=Doorbell())
    vm.ioeventfd(0x81, 1, fd=Doorbell())
    for _ in range(3):
        one_slice(vcpu, slow)  # all of it is decoded
    before, signals, _ = _core.ring_waits(vcpu)
    for _ in range(SLICES):
        one_slice(vcpu, slow)
    spent, early, longest = _core.ring_waits(vcpu)
    return (spent - before) / SLICE / SLICES, early - signals, longest


@pytest.mark.parametrize("slow", GUESTS, ids=lambda slow: slow.name)
def test_no_guest_lets_a_ring_wait_beyond_the_allowance(vm: MakeVm, slow: Slow) -> None:
    _, _, longest = waits(vm(irqchip=True), slow)

    assert longest <= ALLOWANCE + PIECE


@WHOLE
@pytest.mark.parametrize("slow", GUESTS, ids=lambda slow: slow.name)
def test_what_is_slow_spends_and_what_is_quick_does_not(vm: MakeVm, slow: Slow) -> None:
    units, early, _ = waits(vm(irqchip=True), slow)

    assert early >= SLICES * (units * SLICE > ALLOWANCE + PIECE)
    assert slow.units * 0.8 <= units <= slow.units * 2 + 0.02


@WHOLE
def test_a_slice_of_slow_instructions_signals_many_times(vm: MakeVm) -> None:
    """Each of these turns is slow: it signals long before its slice ends."""
    slow = next(slow for slow in GUESTS if slow.name == "rings")

    units, early, _ = waits(vm(irqchip=True), slow)

    assert early >= SLICES * int(SLICE * units / ALLOWANCE)


@WHOLE
def test_a_long_list_of_blocks_spends_while_it_is_searched(vm: MakeVm) -> None:
    """The same bytes at many CS:IP are as many blocks, all in one list."""
    machine, aliases = vm(), 4000
    ram = machine.add_memory(0, 0x110000)
    ram[0x20000:0x20005] = bytes.fromhex("83c304 ff2f")  # add bx,4; jmp far [bx]
    pointers = b"".join(struct.pack("<HH", 16 * i, 0x2000 - i) for i in range(aliases))
    pointers += struct.pack("<HH", 0x100, 0x4000)
    ram[0x30000 : 0x30000 + len(pointers)] = pointers
    ram[0x40100:0x40104] = bytes.fromhex("31db ff2f")  # xor bx,bx; jmp far [bx]
    vcpu: Vcpu = machine.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.ds, vcpu.regs.bx = 0x2000, 0, 0x3000, 0

    vcpu.run(2 * aliases)
    spent, _, _ = _core.ring_waits(vcpu)

    assert spent > aliases * aliases / 2
