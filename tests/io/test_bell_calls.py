"""Doorbell(call=): the vCPU that rings calls a function after the instruction, and goes on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial

import pytest

from pyx86emu import Doorbell, EventFd, Vcpu, Vm
from tests.harness import CODE, STACK, another


@pytest.fixture(name="vm")
def fixture_vm() -> Iterator[Vm]:
    with Vm() as made:
        made.add_memory(0, 0x10000)
        yield made


@pytest.fixture
def vcpu(vm: Vm) -> Vcpu:
    return another(vm, stack=STACK)


def program(vm: Vm, code: str) -> None:
    vm.write(CODE, bytes.fromhex(code))


def test_the_function_is_called_between_two_instructions(vm: Vm, vcpu: Vcpu) -> None:
    seen: list[tuple[int, int]] = []
    bell = Doorbell(call=lambda: seen.append((vcpu.regs.ip, vcpu.regs.ax)))
    vm.ioeventfd(0x80, 1, fd=bell)
    program(vm, "40 e680 40 e680 40 f4")  # inc ax; out 80h,al; inc ax; out 80h,al; inc ax; hlt

    exit = vcpu.run()

    assert exit.reason.name == "HLT"
    assert seen == [(CODE + 3, 1), (CODE + 6, 2)]
    assert (bell.count, bell.drain()) == (2, 2)


def test_blocks_and_steps_are_the_same(vm: Vm, vcpu: Vcpu) -> None:
    program(vm, "b90500 e680 e2fc f4")  # mov cx,5; again: out 80h,al; loop again; hlt
    found = []
    for step in (False, True):
        vcpu.regs.ip = CODE
        seen: list[tuple[int, int, int]] = []
        start = vcpu.instructions or 0

        def note(seen: list[tuple[int, int, int]] = seen, start: int = start) -> None:
            seen.append((vcpu.regs.ip, vcpu.regs.cx, (vcpu.instructions or 0) - start))

        with vm.ioeventfd(0x80, 1, fd=Doorbell(call=note)):
            while vcpu.regs.ip != CODE + 8:
                vcpu.step() if step else vcpu.run()
        found.append(seen)

    assert found[0] == found[1]
    assert [cx for _, cx, _ in found[0]] == [5, 4, 3, 2, 1]


def test_one_instruction_calls_each_bell_once(vm: Vm, vcpu: Vcpu) -> None:
    calls: list[str] = []
    one, two = (
        Doorbell(call=lambda: calls.append("one")),
        Doorbell(call=lambda: calls.append("two")),
    )
    for i in range(8):
        vm.ioeventfd(0x20000 - 2 - 2 * i, 2, bus="mmio", fd=one if i % 2 else two)
    vcpu.regs.ss, vcpu.regs.sp = 0x1000, 0  # SP wraps: the words go to 1FFFEh and below, a hole
    program(vm, "60 f4")  # pusha; hlt

    vcpu.run()

    assert sorted(calls) == ["one", "two"]
    assert (one.count, two.count) == (4, 4)


def test_what_it_raises_comes_out_of_run(vm: Vm, vcpu: Vcpu) -> None:
    def fail() -> None:
        raise ZeroDivisionError("in the call")

    entry = vm.ioeventfd(0x80, 1, fd=Doorbell(call=fail))
    program(vm, "e680 f4")

    with pytest.raises(ZeroDivisionError, match="in the call"):
        vcpu.run()

    assert vcpu.run().reason.name == "HLT"
    assert entry.hits == 1


def test_the_function_may_remove_the_entry(vm: Vm, vcpu: Vcpu) -> None:
    calls: list[int] = []

    def once() -> None:
        calls.append(1)
        entry.close()

    entry = vm.ioeventfd(0x80, 1, fd=Doorbell(call=once))
    program(vm, "e680 e680 f4")

    assert vcpu.run().reason.name == "IO"  # the second one has no entry
    assert calls == [1]


def test_a_bell_that_is_gone_only_counts(vm: Vm, vcpu: Vcpu) -> None:
    calls: list[int] = []
    vm.ioeventfd(0x80, 1, fd=Doorbell(call=lambda: calls.append(1)))  # nobody keeps it
    gc.collect()
    program(vm, "e680 f4")

    assert vcpu.run().reason.name == "HLT"

    assert calls == []
    assert vm.ioeventfds[0].hits == 1


def test_an_interrupt_that_it_raises_comes_at_once() -> None:
    with Vm(irqchip=True) as vm:
        vm.add_memory(0, 0x10000)
        vcpu = another(vm, stack=STACK)
        bell = Doorbell(call=lambda: vm.irq_line(5, True))
        vm.ioeventfd(0x99, 1, fd=bell)
        # ICWs: vectors from 20h; line 5 open; sti; out 99h,al; inc ax; hlt
        program(vm, "b011e620 b020e621 b004e621 b001e621 b0dfe621 31c0 fb 90 e699 40 f4")
        vm.write(0x25 * 4, bytes.fromhex("00060000"))
        vm.write(0x600, b"\xf4")
        vcpu.run()

        assert vcpu.regs.ip == 0x601
        assert vcpu.regs.ax == 0  # before INC


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="call"):
        Doorbell(call=7)  # type: ignore[arg-type]
    with EventFd() as event, pytest.raises(ValueError, match="either"):
        Doorbell(event, call=print)


def test_an_instruction_that_rings_many_calls_all(vm: Vm) -> None:
    """ENTER with level 31 stores 32 words: given a Doorbell for each, each function is called."""
    vcpu = vm.create_vcpu("80386")
    regs = vcpu.regs
    vm.add_memory(0x20000, 0x1000)  # where ENTER reads its display; above it are no slots
    regs.cs, regs.ip, regs.ss, regs.sp, regs.bp = 0, CODE, 0x2000, 0x2000, 0x500
    called: list[int] = []
    bells = {at: Doorbell(call=partial(called.append, at)) for at in range(0x21FC0, 0x22000, 2)}
    for at, bell in bells.items():
        vm.ioeventfd(at, 2, fd=bell, bus="mmio")
    program(vm, "c80000 1f f4")  # enter 0,31; hlt

    assert vcpu.run().reason.name == "HLT"
    assert called == sorted(bells, reverse=True)


@pytest.mark.parametrize("step", [False, True])
def test_what_a_function_changes_counts_before_the_next_instruction(
    vm: Vm, vcpu: Vcpu, step: bool
) -> None:
    """Given code that was executed, when a function stores to it, then the new code is executed."""
    program(vm, "b90300 e680 b001 00c3 e2f8 f4")  # cx=3; again: out 80h,al; al=1; add bl,al; loop
    turns: list[int] = []

    def call() -> None:
        turns.append(vcpu.regs.ip)
        if len(turns) == 2:
            vm.write(CODE + 6, b"\x10")

    bell = Doorbell(call=call)
    vm.ioeventfd(0x80, 1, fd=bell)
    vcpu.regs.bx = 0

    while vcpu.regs.ip != CODE + 12:
        vcpu.step() if step else vcpu.run()

    assert vcpu.regs.bx == 0x21


@pytest.mark.parametrize("what", ["kick", "reset", "delete"])
def test_what_a_function_asks_for_comes_before_the_next_instruction(
    vm: Vm, vcpu: Vcpu, what: str
) -> None:
    program(vm, "b90300 e680 40 40 e2fa f4")  # cx=3; again: out 80h,al; inc ax; inc ax; loop again
    ask = {"kick": vcpu.kick, "reset": vcpu.reset, "delete": vm.slots[0].delete}[what]
    turns: list[int] = []

    def call() -> None:
        turns.append(vcpu.regs.ip)
        if len(turns) == 2:
            ask()

    bell = Doorbell(call=call)
    vm.ioeventfd(0x80, 1, fd=bell)

    exit = vcpu.run()

    assert exit.reason.name == ("INTR" if what == "kick" else "INTERNAL_ERROR")
    assert vcpu.instructions == 6
