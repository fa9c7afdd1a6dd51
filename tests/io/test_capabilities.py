"""Capabilities: what a back end says that it can do works, and the rest is refused."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pyx86emu import Capabilities, Doorbell, EventFd, ExitReason, Segment, Vcpu, Vm
from tests import on_kvm
from tests.harness import vcpu

Check = Callable[[Capabilities, Callable[..., Vm]], None]
CHECKS: dict[str, Check] = {}
REFUSED = (OSError, ValueError, TypeError)


def check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


def loop(vm: Vm, code: str = "ebfe") -> Vcpu:
    """JMP $, or another program, on the first vCPU."""
    return vcpu(vm, code)


@check
def accel(can: Capabilities, make: Callable[..., Vm]) -> None:
    assert make(can.accel).capabilities == can


@check
def models(can: Capabilities, make: Callable[..., Vm]) -> None:
    for model in can.models:
        assert make().create_vcpu(model).model == model
    with pytest.raises(ValueError, match="unknown CPU model"):
        make().create_vcpu("80786")


@check
def max_vcpus(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    for _ in range(can.max_vcpus):
        vm.create_vcpu()
    with pytest.raises(OSError, match=str(can.max_vcpus)):
        vm.create_vcpu()


@check
def max_slots(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm, buffer = make(), mmap.mmap(-1, 0x1000)  # one: a process has fewer mappings than that
    for n in range(can.max_slots):
        vm.add_memory(n << 12, buffer=buffer)
    with pytest.raises(OSError, match="slots"):
        vm.add_memory(can.max_slots << 12, buffer=buffer)


@check
def max_instructions(can: Capabilities, make: Callable[..., Vm]) -> None:
    v = loop(make())
    if can.max_instructions:
        assert v.run(5).reason is v.run_until(5).reason is ExitReason.BUDGET
        assert (v.instructions, v.spent) == (10, 10)
    else:
        with pytest.raises(REFUSED):
            v.run(5)


@check
def guest_deadline(can: Capabilities, make: Callable[..., Vm]) -> None:
    v = loop(make())
    if can.guest_deadline:
        assert v.run(deadline=1280).reason is ExitReason.DEADLINE
    else:
        with pytest.raises(REFUSED):
            v.run(deadline=1280)


@check
def wall_deadline(can: Capabilities, make: Callable[..., Vm]) -> None:
    v = loop(make())
    if can.wall_deadline:
        assert v.run_until(wall_deadline=1).reason is ExitReason.DEADLINE
    else:
        with pytest.raises(REFUSED):
            v.run_until(wall_deadline=1)


@check
def virtual_clock(can: Capabilities, make: Callable[..., Vm]) -> None:
    if not can.virtual_clock:
        with pytest.raises(REFUSED):
            make(clock="virtual")
        return
    vm = make(clock="virtual")
    loop(vm).run(1000)
    assert vm.time == 128_000


@check
def shift(can: Capabilities, make: Callable[..., Vm]) -> None:
    if not can.shift:
        with pytest.raises(REFUSED):
            make(shift=3)
        return
    vm = make(shift=3)
    loop(vm).run(1000)
    assert vm.time == 8000


@check
def set_time(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    loop(vm)
    if can.set_time:
        vm.time = 1 << 40
        assert vm.time == 1 << 40
    else:
        with pytest.raises(REFUSED):
            vm.time = 1 << 40


@check
def a20(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    if can.a20:
        vm.a20 = False
        assert not vm.a20
    else:
        with pytest.raises(REFUSED):
            vm.a20 = False


@check
def hypercall(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    v = loop(vm, "0f01c1 f4")
    if not can.hypercall:
        with pytest.raises(REFUSED):
            vm.ioeventfd(0, bus="hypercall")
        return
    assert v.run().reason is ExitReason.HYPERCALL
    v.regs.ip = 0x1000
    with vm.ioeventfd(0, bus="hypercall") as entry:
        assert v.run().reason is ExitReason.HLT
        assert entry.read() == 1


@check
def doorbell(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm, bell = make(), Doorbell()
    if not can.doorbell:
        with pytest.raises(REFUSED):
            vm.ioeventfd(0x99, fd=bell)
        return
    vm.ioeventfd(0x99, fd=bell)
    loop(vm, "e699 e699 f4").run()
    assert bell.drain() == 2


@check
def sums(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    entry = vm.ioeventfd(0x99, coalesce=True)
    assert entry.coalesce is can.sums
    loop(vm, "e699 e699 e699 f4").run()
    assert entry.read() == 3


@check
def counts(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    entry = vm.ioeventfd(0x99)
    loop(vm, "b007 e699 e699 f4").run()
    assert (entry.hits, entry.last_value) == ((2, 7) if can.counts else (None, None))


@check
def coalesced_capacity(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm: Any = make()
    if can.coalesced_capacity:
        assert vm.coalesced.capacity == can.coalesced_capacity
    else:
        with pytest.raises((*REFUSED, AttributeError)):
            vm.coalesce(0x99, 1, bus="pio")


@check
def coalesced_capacity_settable(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm: Any = make()
    if can.coalesced_capacity_settable:
        vm.coalesced.capacity = 4096
        assert vm.coalesced.capacity == 4096
    else:
        with pytest.raises((*REFUSED, AttributeError)):
            vm.coalesced.capacity = 4096


@check
def irqchip(can: Capabilities, make: Callable[..., Vm]) -> None:
    if not can.irqchip:
        with pytest.raises(REFUSED):
            make(irqchip=True)
        return
    vm = make(irqchip=True)
    with EventFd() as bell:
        vm.irqfd(5, bell)
    assert (vm.irqchip.master.irq_base, len(vm.pit.channels)) == (0, 3)


@check
def breakpoints(can: Capabilities, make: Callable[..., Vm]) -> None:
    v = loop(make())
    most = 1000 if can.breakpoints is None else can.breakpoints
    v.debug(breakpoints=range(0x1000, 0x1000 + most))
    assert v.run().reason is ExitReason.DEBUG
    if can.breakpoints is not None:
        with pytest.raises(ValueError, match=f"at most {most}"):
            v.debug(breakpoints=range(most + 1))


@check
def watchpoints(can: Capabilities, make: Callable[..., Vm]) -> None:
    v: Any = loop(make(), "a20050 f4")  # MOV [5000h],AL
    most = 1000 if can.watchpoints is None else can.watchpoints
    if most:
        v.debug(watch=[(0x5000 + n, 1, "w") for n in range(most)])
        assert v.run().reason is ExitReason.DEBUG
    if can.watchpoints is not None:
        with pytest.raises(REFUSED):
            v.debug(watch=[(0x5000 + n, 1, "w") for n in range(most + 1)])


@check
def dirty_log(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make()
    if not can.dirty_log:
        with pytest.raises(REFUSED):
            vm.add_memory(0x10000, 0x1000, dirty_log=True)
        return
    slot = vm.add_memory(0x10000, 0x1000, dirty_log=True)
    v = loop(vm, "a20000 f4")
    v.regs.ds = 0x1000
    v.run()
    assert slot.dirty() == b"\1"


@check
def shared_memory(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm: Any = make()
    if can.shared_memory:
        assert vm.add_memory(0, 0x1000, shared=True).fileno() > 2
    else:
        with pytest.raises(REFUSED):
            vm.add_memory(0, 0x1000, shared=True)


@check
def save(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm, other = make(), Vm()
    state = other.save()
    if can.save:
        vm.restore(state)
        vm.fork().close()
    else:
        for act in (vm.save, vm.fork, lambda: vm.restore(state)):
            with pytest.raises(OSError, match="use accel='interp'"):
                act()
    other.close()


@check
def unreal_mode(can: Capabilities, make: Callable[..., Vm]) -> None:
    v = loop(make())
    for segment in (Segment(0, 0x100), Segment(0, 0, 0xFFFFFFFF)):
        if can.unreal_mode:
            v.sregs = replace(v.sregs, ds=segment)
            assert v.sregs.ds == segment
        else:
            with pytest.raises(ValueError, match=r"sregs\.ds"):
                v.sregs = replace(v.sregs, ds=segment)


@check
def pit_counter(can: Capabilities, make: Callable[..., Vm]) -> None:
    vm = make(irqchip=True)
    vm.pit = vm.pit
    assert all((each.counter is not None) is can.pit_counter for each in vm.pit.channels)


@check
def real_mode(can: Capabilities, make: Callable[..., Vm]) -> None:
    assert all(isinstance(each, str) for each in can.real_mode)
    if can.accel == "interp":
        assert can.real_mode == ()


def test_each_field_has_a_check() -> None:
    assert tuple(CHECKS) == Capabilities._fields


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("back_end", ["interp", "kvm"])
def test_what_a_back_end_says_is_so(vm: Callable[..., Vm], back_end: str, name: str) -> None:
    on_kvm.need(back_end)

    def make(accel: str = back_end, **given: Any) -> Vm:
        return vm(accel, **given)

    CHECKS[name](make().capabilities, make)


def test_capabilities_are_a_value(vm: Callable[..., Vm]) -> None:
    can = vm().capabilities
    assert can == vm().capabilities
    assert hash(can) == hash(vm().capabilities)
    with pytest.raises(AttributeError):
        can.accel = "kvm"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        vm().capabilities = can  # type: ignore[misc]
