"""Coalesced zones against their definition: every write exits, and Python decides what is kept."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Doorbell, Exit, ExitReason
from pyx86emu.models import MODELS
from tests.harness import Guest
from tests.io.test_fast_equals_slow import (
    DATA,
    HOLE,
    PORTS,
    REGISTERS,
    Item,
    assemble,
    describe,
    item,
)

Bus = Literal["pio", "mmio"]
BUDGET = 2000
#: Zones, one of them with RAM below it; a word at the end of one is partly outside.
ZONES: tuple[tuple[Bus, int, int], ...] = (
    ("pio", PORTS, 3),
    ("pio", PORTS + 2, 2),
    ("mmio", HOLE, 3),
    ("mmio", HOLE + 4, 0x1000),
    ("mmio", DATA, 0x100),
)


class World:
    """A guest whose writes are collected, by zones or by Python. `events` has all writes and exits
    in order."""

    def __init__(self, code: bytes, model: str, how: str, capacity: int) -> None:
        self.guest = Guest(code, model=model)
        self.how, self.capacity = how, capacity
        self.events: list[Any] = []
        self.waiting = 0
        guest, vm = self.guest, self.guest.vm
        guest.ram[DATA : DATA + 256] = bytes(range(256))
        self.bell = Doorbell()
        vm.ioeventfd(PORTS + 1, 1, fd=self.bell)
        vm.ioeventfd(HOLE + 2, 0, bus="mmio", fd=self.bell)
        vm.coalesced.capacity = capacity
        if how == "drained":
            # One zone: the order of the writes to two zones is not kept.
            vm.coalesce(PORTS, 3, bus="pio", on_drain=self.events.extend)
        elif how == "kept":
            for bus, addr, length in ZONES:
                vm.coalesce(addr, length, bus=bus)
        regs = guest.vcpu.regs
        regs.es, regs.ebx, regs.esi, regs.edi, regs.ebp = HOLE >> 4, DATA, DATA, DATA + 0x80, DATA
        regs.eax, regs.edx = 0x1234, PORTS

    def takes(self, exit: Exit) -> bool:
        """The definition: does a zone with room hold all of this write?"""
        bus = "pio" if exit.reason is ExitReason.IO else "mmio"
        drained = self.how == "python, drained"
        if not exit.write or (self.waiting == self.capacity and not drained):
            return False
        return any(
            bus == of and at <= exit.addr and exit.addr + exit.size <= at + length
            for of, at, length in ZONES[: 1 if drained else None]
        )

    def run(self, slices: list[int]) -> None:
        vcpu, turn = self.guest.vcpu, 0
        while (left := BUDGET - vcpu.instructions) > 0:
            exit = self.guest.run(min(left, slices[turn % len(slices)]))
            turn += 1
            if exit.reason is ExitReason.BUDGET:
                continue
            if self.how.startswith("python") and self.takes(exit):
                bus = "pio" if exit.reason is ExitReason.IO else "mmio"
                self.events.append((bus, exit.addr, exit.size, exit.value))
                self.waiting += 1
                continue
            self.waiting = 0
            self.events += self.guest.vm.coalesced.drain()
            self.events += [describe(exit)] * (exit.count if exit.reason is ExitReason.IO else 1)
            if exit.reason not in (ExitReason.IO, ExitReason.MMIO):
                break
        self.events += self.guest.vm.coalesced.drain()

    def facts(self) -> dict[str, Any]:
        guest = self.guest
        return {name: hex(getattr(guest.vcpu.regs, name)) for name in REGISTERS} | {
            "events": self.events,
            "bell": self.bell.count,
            "ram": guest.ram[0:0x10000],
            "instructions": guest.vcpu.instructions,
            "time": guest.vm.time,
        }


def compare(
    items: list[Item], model: str, slices: list[int], capacity: int, how: tuple[str, str]
) -> None:
    code = assemble(items)
    facts = []
    for kind, cut in zip(how, ([BUDGET, *slices], [1]), strict=True):
        world = World(code, model, kind, capacity)
        try:
            world.run(cut)
            facts.append(world.facts())
        finally:
            world.guest.close()
    assert facts[0] == facts[1], code.hex(" ")


programs = st.lists(item, min_size=8, max_size=30)
slices = st.lists(st.integers(1, 60), min_size=1, max_size=5)
capacities = st.sampled_from([1, 2, 3, 169])


@settings(max_examples=200, deadline=None)
@given(programs, st.sampled_from(MODELS), slices, capacities)
def test_zones_and_blocks_equal_exits_and_steps(
    items: list[Item], model: str, slices: list[int], capacity: int
) -> None:
    compare(items, model, slices, capacity, ("kept", "python"))


@settings(max_examples=100, deadline=None)
@given(programs, st.sampled_from(MODELS), slices, capacities)
def test_on_drain_gets_what_would_exit(
    items: list[Item], model: str, slices: list[int], capacity: int
) -> None:
    compare(items, model, slices, capacity, ("drained", "python, drained"))
