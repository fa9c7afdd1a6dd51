"""KVM as a back end: many threads at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from pyx86emu import ExitReason, PioDevice, Vm
from tests.harness import CODE, Running, another, descriptors, program, vcpu, wait_until

Kvm = Callable[..., Vm]


class Counter(PioDevice):
    """Counts its writes."""

    length = 1

    def reset(self) -> None:
        self.count = 0

    def pio_read(self, offset: int, size: int) -> int:
        return self.count

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.count += 1


def test_every_ring_of_two_vcpus_is_counted(kvm: Kvm) -> None:
    machine = kvm()
    # mov cx,5000; again: out 80h,al; loop again; hlt
    first = vcpu(machine, "b98813 e680 e2fc f4")
    second = another(machine)
    entry = machine.ioeventfd(0x80)

    runs = [Running(each.run) for each in (first, second)]

    assert [run.result().reason for run in runs] == [ExitReason.HLT] * 2
    assert entry.read() == 10_000


def test_a_ring_is_there_before_or_an_exit_after_each_change(
    kvm: Kvm, quick_switches: None
) -> None:
    machine = kvm()
    # mov cx,20000; again: out 80h,al; loop again; hlt
    cpu = vcpu(machine, "b9204e e680 e2fc f4")
    exits = [0]
    rings = [0]

    def run() -> ExitReason:
        while (exit := cpu.run()).reason is ExitReason.IO:
            exits[0] += 1
        return exit.reason

    running = Running(run)
    changes = 0
    while running.going:
        with machine.ioeventfd(0x80) as entry:
            pass
        rings[0] += entry.read()
        changes += 1
    assert running.result() is ExitReason.HLT
    assert exits[0] + rings[0] == 20_000
    assert changes > 1


def test_all_at_once(usable_kvm: None, quick_switches: None) -> None:
    """vCPUs run, are kicked and reset, while slots, entries, zones and timers change."""
    before = descriptors()
    all_at_once()
    assert descriptors() == before


def all_at_once() -> None:
    machine: Any = Vm("kvm")
    # again: out 80h,al; out 81h,al; out 82h,al; mov [d000h:0],al; jmp again
    code = program("b800d0 8ed8 e680 e681 e682 a20000 ebf5")
    ram = machine.add_memory(0, 0x10000, dirty_log=True)
    ram[CODE : CODE + len(code)] = code
    cpus = [another(machine, stack=0x7000 + 0x100 * n) for n in range(2)]
    counter = Counter()
    machine.pio.attach(counter, 0x82)
    stop: list[bool] = []
    seen: list[str] = []

    turns: list[int] = []

    def until(act: Callable[[], object]) -> Callable[[], None]:
        number = len(turns)
        turns.append(0)

        def loop() -> None:
            while not stop:
                act()
                turns[number] += 1

        return loop

    def run(cpu: Any) -> None:
        exit = cpu.run()
        seen.append(exit.reason.name)
        if exit.reason is ExitReason.INTERNAL_ERROR or exit.ip == 0xFFF0:
            cpu.regs.cs, cpu.regs.ip = 0, CODE

    def entries() -> None:
        with machine.ioeventfd(0x80), machine.coalesce(0x81, 1, bus="pio"):
            pass
        machine.coalesced.drain()

    def slots() -> None:
        slot = machine.add_memory(0xD0000, 0x1000)
        slot.readonly = True
        slot.move(0xE0000)
        slot.delete()
        ram.dirty()

    def ask() -> None:
        for cpu in cpus:
            cpu.kick()
            assert cpu.regs.cs >= 0
            assert cpu.sregs.gdt is not None
        machine.clock.call_after(1000, lambda: None)

    def start(cpu: Any) -> None:
        if cpu._kicked:  # ten thousands of signals a second would keep it from doing anything
            return
        cpu.reset()
        cpu.kick()

    loops = [Running(until(lambda cpu=cpu: run(cpu))) for cpu in cpus]
    loops += [Running(until(act)) for act in (entries, slots, ask, lambda: start(cpus[1]))]
    wait_until(lambda: min(turns) > 30 or not all(loop.going for loop in loops))
    stop.append(True)
    for cpu in cpus:
        cpu.kick()
    for loop in loops:
        loop.result()

    assert {"IO", "INTR"} <= set(seen)
    assert counter.count > 3
    machine.close()


def test_vms_come_and_go_in_many_threads(usable_kvm: None) -> None:
    before = descriptors()

    def work() -> int:
        for _ in range(10):
            with Vm("kvm", irqchip=True) as machine:
                cpu = vcpu(machine, "e680 f4")
                event = os.eventfd(0)
                machine.irqfd(5, event)
                os.close(event)
                assert cpu.run().reason is ExitReason.IO
                assert cpu.run().reason is ExitReason.HLT
        return 10

    runs = [Running(work) for _ in range(4)]

    assert [run.result() for run in runs] == [10] * 4
    del runs
    assert descriptors() == before


def test_a_slot_may_be_added_where_another_thread_has_just_deleted_one(
    kvm: Kvm, quick_switches: None
) -> None:
    vm = kvm()

    def add_and_delete() -> None:
        for _ in range(400):
            try:
                slot = vm.add_memory(0x10000, 0x1000, dirty_log=True)
            except OSError as error:
                assert "overlaps" in str(error)
            else:
                slot.delete()

    for run in [Running(add_and_delete) for _ in range(3)]:
        run.result()

    assert vm.slots == ()
