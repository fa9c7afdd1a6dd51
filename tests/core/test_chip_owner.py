"""Who uses the chips without a lock: one vCPU, until another thread asks for them; and back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product

import pytest

from pyx86emu import ExitReason, PioDevice, Vcpu, Vm
from tests.harness import (
    Running,
    advance,
    another,
    count_of,
    in_child,
    open_line,
    program,
    running,
    switches_every,
    vcpu,
    wait_until,
)

#: Uses in a row, without one of another thread, after which a vCPU owns the chips.
PATIENCE = 512
SECOND = 0x2000

#: The data port of the DAC: three writes are a colour, after which the index is one more.
DAC_INDEX, DAC_DATA = 0x3C8, 0x3C9
COLOURS = 3 * 256


def owner(vm: Vm) -> int | None:
    """The number of the vCPU that owns the chips."""
    return vm._backend._chips_owner()


@contextmanager
def pair(first: str, second: str) -> Iterator[tuple[Vm, Vcpu, Vcpu]]:
    """A Vm with chips, and two vCPUs."""
    with Vm(irqchip=True) as vm:
        one = vcpu(vm, first)
        vm.write(SECOND, program(second))
        yield vm, one, another(vm, SECOND)


COMPUTES = "40 ebfd  ; again: inc ax; jmp again"
MASKS = "e621 ebfc  ; again: out 0x21,al; jmp again"
READS = "e421 ebfc  ; again: in al,0x21; jmp again"


def test_a_second_vcpu_that_never_uses_the_chips_leaves_them_to_the_first() -> None:
    with pair(MASKS, COMPUTES) as (vm, first, second):
        with running(second), running(first):
            advance(first, 100_000)
            advance(second, 100_000)

            assert owner(vm) == 0
        assert owner(vm) == 0


def test_a_vcpu_gets_the_chips_when_it_asks_and_owns_them_after_a_while() -> None:
    with pair("90 f4", "fa e421 ebfc") as (vm, first, second):
        assert owner(vm) == 0
        second.run(3)
        assert owner(vm) is None
        second.run(2 * PATIENCE)
        assert owner(vm) == 1

        assert first.run().reason is ExitReason.HLT  # without a use of the chips
        assert owner(vm) == 1


def test_use_by_the_host_ends_the_time_of_a_vcpu_that_runs_only() -> None:
    with pair(COMPUTES, COMPUTES) as (vm, first, _):
        vm.irq_line(5, True)
        assert owner(vm) == 0  # nobody runs it: it cannot be in the chips
        with running(first):
            vm.irq_line(5, False)
            assert owner(vm) is None
        vm.irq_line(5, True)
        assert owner(vm) is None  # it has not used them since


def test_the_only_vcpu_owns_the_chips_again_after_another_thread_used_them() -> None:
    with Vm(irqchip=True) as vm:
        first = vcpu(vm, MASKS)
        with running(first):
            vm.irq_pulse(5)
            wait_until(lambda: owner(vm) == 0)


def test_a_use_in_between_lets_the_vcpu_begin_to_count_again() -> None:
    with pair(COMPUTES, "e421 ebfc") as (vm, _first, second):
        second.run(2)
        for _ in range(3):
            second.run(2 * PATIENCE - 100)
            vm.pio.read(0x21, 1)
            assert owner(vm) is None
        second.run(2 * PATIENCE + 10)
        assert owner(vm) == 1


def test_a_device_of_the_owner_uses_the_chips() -> None:
    class Card(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            vm.irq_pulse(5)
            seen.append(owner(vm))

    seen: list[int | None] = []
    with pair("e680 e680 f4", COMPUTES) as (vm, first, _):
        vm.pio.attach(Card(), 0x80)

        assert first.run().reason is ExitReason.HLT

        assert seen == [0, 0]  # its own thread calls it: it is outside


# -- exact counts ---------------------------------------------------------------------------------


def dac_writes(vm: Vm) -> int:
    """How many bytes the guest has written to the DAC, modulo COLOURS."""
    index = vm.pio.read(DAC_INDEX, 1)
    part = 0
    while vm.pio.read(DAC_INDEX, 1) == index:  # complete the colour
        vm.pio.write(DAC_DATA, 1, 0)
        part += 1
    return 3 * index + (3 - part)


def bursts(v: Vcpu, burst: int, times: int) -> int:
    """Let the vCPU write `times` bursts to the DAC; how many bytes that are."""
    v.regs.dx, v.regs.bx = burst, times
    v.regs.si = DAC_DATA
    return burst * times


#: BX times: DX writes to the port in SI, then 2000 instructions without one. At the end it exits.
WRITES = program(
    """
    89d1    ; again: mov cx,dx
    87d6    ; xchg dx,si
    ee      ; one: out dx,al
    e2fd    ; loop one
    87d6    ; xchg dx,si
    b9d007  ; mov cx,2000
    e2fe    ; here: loop here
    4b      ; dec bx
    75ef    ; jnz again
    e6f1    ; out 0xf1,al
    """
).hex()


@pytest.mark.parametrize(("burst", "seed"), [*product((3, 700, 2000), range(4))])
def test_no_write_is_lost_while_the_chips_change_hands(burst: int, seed: int) -> None:
    with pair(WRITES, WRITES) as (vm, first, second):
        vm.create_vga()
        vm.pio.write(DAC_INDEX, 1, 0)
        total = bursts(first, burst, 40 + seed) + bursts(second, burst, 41)

        with switches_every(1e-5):
            runs = [Running(v.run) for v in (first, second)]
            while any(run.going for run in runs):
                vm.pio.write(DAC_DATA, 1, 0)
                total += 1

        assert [run.result().reason for run in runs] == [ExitReason.IO] * 2
        assert dac_writes(vm) == total % COLOURS


@pytest.mark.parametrize("burst", (3, 700, 2000))
def test_no_write_of_the_only_vcpu_is_lost_while_a_thread_uses_the_chips(burst: int) -> None:
    with Vm(irqchip=True) as vm:
        vm.create_vga()
        vm.pio.write(DAC_INDEX, 1, 0)
        first = vcpu(vm, WRITES)
        total = bursts(first, burst, 60)

        run = Running(first.run)
        while run.going:
            vm.pio.write(DAC_DATA, 1, 0)
            total += 1

        assert run.result().reason is ExitReason.IO
        assert dac_writes(vm) == total % COLOURS


def test_each_ring_counts_while_ioeventfds_and_the_chips_change_hands() -> None:
    code = program(
        """
        be1000    ; mov si,16
        b92003    ; again: mov cx,800
        ba1005    ; mov dx,0x510
        ee        ; one: out dx,al
        e621      ; out 0x21,al
        e2fb      ; loop one
        4e        ; dec si
        75f2      ; jnz again
        f4
        """
    ).hex()
    with pair(code, code) as (vm, first, second):
        bell = vm.ioeventfd(0x510, 1)

        runs = [Running(v.run) for v in (first, second)]
        while any(run.going for run in runs):
            vm.ioeventfd(0x511, 1).deassign()

        assert [run.result().reason for run in runs] == [ExitReason.HLT] * 2
        assert bell.read() == 2 * 16 * 800


# -- interrupts -----------------------------------------------------------------------------------

#: The handler of line 0: count in the dword at 3000h, EOI.
HANDLER = program("66ff060030 50 b020 e620 58 cf")
TIMER = (
    open_line(0).hex()
    + program(
        """
    b034 e643       ; mov al,0x34; out 0x43,al
    b000 e640       ; mov al,0; out 0x40,al
    b010 e640       ; mov al,0x10; out 0x40,al      ; every 4096 ticks
    fb              ; sti
    40 ebfd         ; again: inc ax; jmp again
    """
    ).hex()
)


def timed(second: str | None) -> tuple[int, int]:
    """How many interrupts of the 8254 the first vCPU takes in 2,000,000 instructions, and AX."""
    with pair(TIMER, second or "f4") as (vm, first, other):
        vm.write(0x2800, HANDLER)
        vm.write(0x20 * 4, (0x2800).to_bytes(4, "little"))
        if second is None:
            first.run(2_000_000)
        else:
            first.run(100)  # the 8259 and the 8254 are set up
            with running(other):
                first.run(2_000_000 - 100)
        return int.from_bytes(vm.read(0x3000, 4), "little"), int(first.regs.ax)


@pytest.mark.parametrize("second", ("e440 ebfc", "e421 ebfc", "e461 ebfc"))
def test_interrupts_of_the_timer_are_exact_while_another_vcpu_reads_the_chips(second: str) -> None:
    assert timed(second) == timed(None)


def test_each_interrupt_of_an_irqfd_ends_while_another_vcpu_uses_the_chips() -> None:
    handler = program("66ff060030 50 b020 e620 58 cf")
    code = open_line(5).hex() + "fb 40 ebfd"
    fd, again = (os.eventfd(0, os.EFD_NONBLOCK) for _ in range(2))
    with pair(code, READS) as (vm, first, second):
        vm.write(0x2800, handler)
        vm.write(0x25 * 4, (0x2800).to_bytes(4, "little"))
        first.run(100)
        vm.irqfd(5, fd, again)
        ends: list[int] = []
        with running(first), running(second):
            for _ in range(200):
                os.eventfd_write(fd, 1)
                wait_until(lambda: ends.append(count_of(again)) or ends[-1])

        assert sum(ends) == 200
        assert int.from_bytes(vm.read(0x3000, 4), "little") == 200
    os.close(fd)
    os.close(again)


# -- others that wait -----------------------------------------------------------------------------


def test_a_kick_ends_each_of_two_vcpus_that_fight_for_the_chips() -> None:
    with pair(MASKS, MASKS) as (_vm, first, second):
        for _ in range(50):
            runs = [Running(v.run) for v in (first, second)]
            for v in (first, second):
                advance(v)
                v.kick()
            assert [run.result().reason for run in runs] == [ExitReason.INTR] * 2


def test_a_vcpu_is_made_and_memory_changes_while_the_chips_are_in_use() -> None:
    with pair(MASKS, MASKS) as (vm, first, second):
        with running(first), running(second):
            for i in range(20):
                slot = vm.add_memory(0x40000, 0x1000)
                if i % 4 == 0:
                    vm.create_vcpu()
                vm.irq_pulse(5)
                slot.delete()
            advance(first, 1000)
            advance(second, 1000)
        assert len(vm.vcpus) == 7


def test_a_state_is_refused_while_another_vcpu_is_at_the_chips_and_exact_after_that() -> None:
    with pair(WRITES, MASKS) as (vm, first, second):
        vm.create_vga()
        vm.pio.write(DAC_INDEX, 1, 0)
        total = bursts(first, 700, 7)
        with running(second):
            assert first.run().reason is ExitReason.IO
            with pytest.raises(RuntimeError):
                vm.save()
        saved = vm.save()
        vm.pio.write(DAC_DATA, 1, 0)

        vm.restore(saved)

        assert dac_writes(vm) == total % COLOURS


@pytest.mark.forks
def test_a_child_forked_while_another_vcpu_owns_the_chips_uses_them() -> None:
    class Card(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            if parent == os.getpid():
                statuses.append(in_child(self.in_child))

        def in_child(self) -> None:
            vm.pio.write(0x21, 1, 0x55)
            for v in (another(vm, 0x2100), second):
                v.regs.ip = 0x2100
                assert v.run().reason is ExitReason.IO

    parent, statuses = os.getpid(), list[int]()
    with pair("b90300 e680 e2fc e6f1  ; mov cx,3; again: out 0x80,al; loop again", MASKS) as (
        vm,
        first,
        second,
    ):
        vm.write(0x2100, program("b9e803 e421 e2fc e6f1"))
        vm.pio.attach(Card(), 0x80)
        with running(second):
            wait_until(lambda: owner(vm) == 1)

            assert first.run().reason is ExitReason.IO

        assert statuses == [0, 0, 0]


@pytest.mark.parametrize("clock", ("virtual", "host"))
def test_two_vcpus_at_the_8254_read_counts_that_are_whole(clock: str) -> None:
    # latch counter 0, read both bytes: a lock of the guest keeps the three together
    code = program(
        """
        b90010        ; mov cx,4096
        b001          ; again: mov al,1
        86061040      ; wait_: xchg al,[0x4010]
        84c0          ; test al,al
        75f8          ; jnz wait_
        e643 e440     ; out 0x43,al; in al,0x40
        88c4 e440     ; mov ah,al; in al,0x40
        86c4          ; xchg al,ah
        3d0010        ; cmp ax,0x1000
        7704          ; ja wrong
        c606104000    ; mov byte [0x4010],0
        e2e2          ; loop again
        f4            ; wrong: hlt
        """
    ).hex()
    with Vm(irqchip=True, clock=clock) as vm:  # type: ignore[arg-type]
        first = vcpu(vm, code)
        second = another(vm)
        for port, value in ((0x43, 0x34), (0x40, 0), (0x40, 0x10)):  # 1000h ticks, again and again
            vm.pio.write(port, 1, value)

        runs = [Running(v.run) for v in (first, second)]

        assert [run.result(60).reason for run in runs] == [ExitReason.HLT] * 2
        assert (first.regs.cx, second.regs.cx) == (0, 0)
