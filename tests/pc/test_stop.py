"""stop(): one call ends one run, whatever else happens at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, Machine, PioDevice
from tests.harness import Running, in_child

MakeMachine = Callable[..., Machine]

SPIN = "fa ebfe"


@pytest.fixture
def spinning(machine: MakeMachine) -> Machine:
    m = machine(bytes.fromhex(SPIN))
    m.boot()
    return m


class SlowKick:
    """The vCPU, whose kick by another thread comes late: when the run has ended, or a while after
    that would have been."""

    def __init__(self, vcpu: Any, ended: threading.Event) -> None:
        self._vcpu = vcpu
        self.ended = ended
        self.called = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vcpu, name)

    def kick(self) -> None:
        self.called.set()
        self.ended.wait(0.2)
        self._vcpu.kick()


def test_a_stop_during_a_run_that_ends_otherwise_does_not_end_the_next(spinning: Machine) -> None:
    m = spinning
    ended = threading.Event()
    m.vcpu = slow = SlowKick(m.vcpu, ended)  # type: ignore[assignment]
    thread = threading.Thread(target=m.stop)
    # Its kick is on the way when the run ends for another reason.
    m.vm.clock.call_after(1000, thread.start)
    m.vm.clock.call_after(1001, slow.called.wait)

    first = m.run(timeout=0.001)
    ended.set()
    thread.join()

    assert first.reason is ExitReason.INTR
    assert m.run(timeout=0.001).reason is ExitReason.DEADLINE


def test_a_stop_between_two_runs_ends_the_next_one_only(spinning: Machine) -> None:
    m = spinning
    before = m.vcpu.instructions

    m.stop(ExitReason.SHUTDOWN)

    assert m.run(timeout=1).reason is ExitReason.SHUTDOWN
    assert m.vcpu.instructions == before
    assert m.run(timeout=0.001).reason is ExitReason.DEADLINE


def test_a_stop_and_a_reset_of_one_instruction_both_happen(machine: MakeMachine) -> None:
    m: Machine

    class Both(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            m.stop()
            m.pio.write(0x64, 1, 0xFE)  # the 8042 resets the processor

    m = machine(bytes.fromhex("ba0003 ee ebfe"))  # out dx,al
    m.attach(Both(), port=0x300)
    m.boot()

    exit = m.run(timeout=1)

    assert exit.reason is ExitReason.INTR
    assert not m.booted  # it was reset, too
    assert m.time < 1


@pytest.mark.parametrize("no_reboot", [False, True])
def test_a_stop_and_a_triple_fault_end_one_run(machine: MakeMachine, no_reboot: bool) -> None:
    m: Machine

    class Stop(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            m.stop()

    # out dx,al; cli; lidt [7C20h]; int 3
    code = bytes.fromhex("ba0003 ee fa 0f011e207c cc").ljust(64, b"\0")
    m = machine(code, no_reboot=no_reboot)
    m.attach(Stop(), port=0x300)
    m.boot()

    assert m.run(timeout=0.001).reason is ExitReason.INTR
    wanted = ExitReason.SHUTDOWN if no_reboot else ExitReason.DEADLINE
    assert m.run(timeout=0.001).reason is wanted


class Interrupted:
    """The vCPU of a thread with a signal handler: it stops when a run has just ended, and once more
    while the machine takes that kick back."""

    def __init__(self, vcpu: Any, stop: Callable[[], None]) -> None:
        self._vcpu = vcpu
        self.stop = stop
        self.left = 2

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vcpu, name)

    def handler(self) -> None:
        if self.left:
            self.left -= 1
            self.stop()

    def run_until(self, *args: Any, **kwargs: Any) -> Any:
        exit = self._vcpu.run_until(*args, **kwargs)
        self.handler()
        return exit

    def run(self, *args: Any, **limits: Any) -> Any:
        self.handler()
        return self._vcpu.run(*args, **limits)


def test_a_stop_while_another_is_taken_ends_the_next_run(spinning: Machine) -> None:
    m = spinning
    m.vcpu = Interrupted(m.vcpu, m.stop)  # type: ignore[assignment]

    first = m.run(max_instructions=1)
    before = m.vcpu.instructions

    assert first.reason is ExitReason.INTR
    assert m.run(max_instructions=10).reason is ExitReason.INTR
    assert m.vcpu.instructions == before
    assert m.run(max_instructions=10).reason is ExitReason.BUDGET


class Late:
    """The vCPU. A second stop comes when its run has ended, before the machine looks."""

    def __init__(self, vcpu: Any, again: Callable[[], object]) -> None:
        self._vcpu, self.again = vcpu, [again]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._vcpu, name)

    def run_until(self, *args: Any, **limits: Any) -> Any:
        exit = self._vcpu.run_until(*args, **limits)
        while self.again:
            self.again.pop()()
        return exit


@pytest.mark.parametrize("first", ["stop", "kick"])
def test_two_stops_at_nearly_one_time_end_one_run(spinning: Machine, first: str) -> None:
    m = spinning
    m.vcpu = Late(m.vcpu, m.stop)  # type: ignore[assignment]
    m.stop() if first == "stop" else m.vcpu.kick()

    assert m.run(max_instructions=10).reason is ExitReason.INTR

    assert m.run(max_instructions=10).reason is ExitReason.BUDGET


@pytest.mark.forks
def test_a_child_runs_although_a_thread_was_stopping_at_the_fork(spinning: Machine) -> None:
    m, ended = spinning, threading.Event()
    m.vcpu = slow = SlowKick(m.vcpu, ended)  # type: ignore[assignment]
    stopping = Running(m.stop)
    slow.called.wait()

    def run() -> None:
        m.vcpu = slow._vcpu
        assert m.run(timeout=0.001).reason is ExitReason.INTR

    assert in_child(run) == 0
    ended.set()
    stopping.result()
