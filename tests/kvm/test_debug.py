"""KVM as a back end: single steps, breakpoints, watchpoints, debug registers."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, Vcpu, Vm
from pyx86emu.kvm import abi, debug
from pyx86emu.kvm.probe import found
from tests.harness import Running, vcpu, wait_until

Kvm = Callable[..., Vm]
NOPS = "90 90 90 90 90 90 f4"


def pcs(cpu: Vcpu, most: int = 20) -> list[int]:
    """Where it stops, up to the HLT."""
    seen = []
    for _ in range(most):
        exit = cpu.run()
        if exit.reason is ExitReason.HLT:
            return seen
        assert exit.reason is ExitReason.DEBUG
        seen.append(exit.pc)
    return seen


def test_steps_stop_after_each_instruction(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "90 e680 e481 90 f4")
    cpu.debug(singlestep=True)
    seen = []
    for _ in range(6):
        exit = cpu.run()
        seen.append((exit.reason.name, cpu.regs.ip))
    assert seen == [
        ("DEBUG", 0x1001),
        ("IO", 0x1003),
        ("DEBUG", 0x1003),  # it follows the exit of a write
        ("IO", 0x1003),
        ("DEBUG", 0x1005),
        ("DEBUG", 0x1006),
    ]


def test_one_step_is_one_instruction_or_its_exit(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "90 e680 90 f4")

    assert [cpu.step().reason for _ in range(3)] == [
        ExitReason.DEBUG,
        ExitReason.IO,
        ExitReason.DEBUG,
    ]
    assert cpu.regs.ip == 0x1004
    assert cpu.run().reason is ExitReason.HLT


@pytest.mark.parametrize("number", [1, 4, 5, 64])
def test_a_breakpoint_stops_once_and_resumes(kvm: Kvm, number: int) -> None:
    cpu = vcpu(kvm(), NOPS)
    points = [0x1001, 0x1004, *range(0x2000, 0x2000 + 62)][:number]
    cpu.debug(breakpoints=points)

    assert pcs(cpu) == [at for at in points if at < 0x2000]
    assert cpu.regs.ip == 0x1007


@pytest.mark.parametrize("number", [1, 5])
def test_a_loop_stops_at_its_breakpoint_each_time(kvm: Kvm, number: int) -> None:
    cpu = vcpu(kvm(), "b90300 49 75fd f4")  # mov cx,3; again: dec cx; jnz again; hlt
    cpu.debug(breakpoints=range(0x1003, 0x1003 + 0x100 * number, 0x100))

    assert pcs(cpu) == [0x1003] * 3


def test_a_breakpoint_at_a_read_stops_before_it_and_not_after_its_answer(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "90 e480 e680 f4")
    cpu.debug(breakpoints=[0x1001, 0x1003])

    seen = [cpu.run().reason.name for _ in range(5)]

    assert seen == ["DEBUG", "IO", "DEBUG", "IO", "HLT"]


def test_breakpoints_and_steps_together_tell_both(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), NOPS)
    cpu.debug(singlestep=True, breakpoints=[0x1001])

    exits = [cpu.run() for _ in range(3)]

    assert [(each.pc, each.dr6) for each in exits] == [
        (0x1001, 0xFFFF4FF0),
        (0x1001, 0xFFFF0FF1),
        (0x1002, 0xFFFF4FF0),
    ]


def test_a_step_over_a_hlt_leaves_no_hlt_behind(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "f4 90 90 90 f4")
    assert cpu.step().reason is ExitReason.DEBUG

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == 0x1005


def test_reset_keeps_the_stops_of_the_host(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), NOPS)
    cpu.debug(breakpoints=[0x1001])
    assert cpu.run().pc == 0x1001

    cpu.reset()
    cpu.regs.cs, cpu.regs.ip = 0, 0x1000

    assert cpu.run().pc == 0x1001


def test_what_cannot_be_a_stop_is_refused(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), NOPS)
    with pytest.raises(ValueError, match="at most 65536"):
        cpu.debug(breakpoints=range(65537))
    with pytest.raises(ValueError, match="breakpoint"):
        cpu.debug(breakpoints=[1 << 32])
    with pytest.raises(ValueError, match="'w' or 'rw'"):
        cpu.debug(watch=[(0, 1, "x")])  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="watchpoint is"):
        cpu.debug(watch=[5])  # type: ignore[call-arg]


def test_another_thread_does_not_change_the_stops_of_a_running_vcpu(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "ebfe")
    run = Running(cpu.run)
    wait_until(lambda: cpu._thread)  # type: ignore[attr-defined]

    with pytest.raises(RuntimeError, match="another thread runs this vCPU"):
        cpu.debug(singlestep=True)
    cpu.kick()
    assert run.result().reason is ExitReason.INTR


def test_watchpoints_stop_or_are_refused_by_name(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "a20040 90 f4")  # mov [4000h],al; nop; hlt
    if not found().watches:
        with pytest.raises(OSError, match="emulates real mode") as refused:
            cpu.debug(watch=[(0x4000, 1, "w")])  # type: ignore[call-arg]
        assert refused.value.errno == errno.EOPNOTSUPP
        return
    cpu.debug(watch=[(0x4000, 1, "w")])  # type: ignore[call-arg]
    exit = cpu.run()
    assert (exit.reason, exit.pc) == (ExitReason.DEBUG, 0x1003)


@pytest.mark.parametrize(
    ("watch", "parts"),
    [
        ((0x4000, 8, "w"), [(0x4000, 8)]),
        ((0x4001, 1, "rw"), [(0x4001, 1)]),
        ((0x4001, 4, "w"), [(0x4001, 1), (0x4002, 2), (0x4004, 1)]),
        ((0x3FFE, 4, "w"), [(0x3FFE, 2), (0x4000, 2)]),
    ],
)
def test_a_watchpoint_takes_as_many_debug_registers_as_its_alignment_needs(
    watch: debug.Watch, parts: list[tuple[int, int]]
) -> None:
    assert [(each.addr, each.length) for each in debug.pieces(watch)] == parts


def test_debug_registers_of_the_guest_are_kept_beside_those_of_the_host(kvm: Kvm) -> None:
    # mov eax,1234h; mov dr0,eax; nop; mov ebx,dr0; hlt
    cpu = vcpu(kvm(), "66b834120000 0f23c0 90 0f21c3 f4")
    cpu.debug(breakpoints=[0x1009])
    assert cpu.run().pc == 0x1009
    assert cpu.regs.dr0 == 0x1234
    cpu.regs.dr0 = 0x5678

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ebx == 0x5678


def test_an_exit_of_a_step_is_the_cores(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), NOPS)

    assert type(cpu.step()) is Exit


def test_a_watchpoint_that_the_processor_reports_is_named(kvm: Kvm) -> None:
    """As a host with debug registers in real mode reports it: planted in the page of KVM."""
    cpu: Any = vcpu(kvm(), NOPS)
    watches = debug.checked_watches([(0x4001, 4, "w"), (0x5000, 1, "rw")])
    cpu._debug.ask(False, [0x1234], watches[:1])
    cpu._debug.arm()  # KVM takes them
    with pytest.raises(OSError, match="need 5 debug registers"):
        cpu._debug.ask(False, [], [*watches, (0x6000, 1, "w")])
    # The breakpoint is in DR0; the second part of the watchpoint, 2 bytes at 4002h, in DR2.
    page = abi.RUN_DEBUG.pack(1, 0, 0x1003, 0xFFFF0FF4, 0)
    cpu._page[abi.RUN_DEBUG_AT : abi.RUN_DEBUG_AT + len(page)] = page

    exit = cpu._stopped()

    assert (exit.reason, exit.pc, exit.dr6) == (ExitReason.DEBUG, 0x1003, 0xFFFF0FF4)
    assert (exit.watch, exit.watch_addr) == ((0x4001, 4, "w"), 0x4002)
