"""Which thread may do what with a vCPU: runs take turns, registers belong to who runs it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, PioDevice, Vm
from tests.harness import (
    LONG,
    Running,
    advance,
    entered,
    meanwhile,
    python,
    running,
    switches_every,
    vcpu,
    wait_until,
)

MakeVm = Callable[..., Vm]


def test_a_step_of_another_thread_waits_for_the_run(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    with running(v) as run:
        step = entered(v.step)

        advance(v, LONG)

        assert run.going
        assert step.going

    assert run.result().reason is ExitReason.INTR
    assert step.result().reason is ExitReason.DEBUG


def test_a_run_of_another_thread_does_not_step(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")

    def act(name: str) -> set[ExitReason]:
        return {(v.step() if name == "step" else v.run(500)).reason for _ in range(300)}

    with switches_every(1e-6):
        runs = [Running(lambda name=name: act(name)) for name in ("step", "run", "step")]
        ends = [run.result() for run in runs]

    assert ends == [{ExitReason.DEBUG}, {ExitReason.BUDGET}, {ExitReason.DEBUG}]
    assert v.instructions == 600 + 300 * 500


def test_registers_are_written_by_the_thread_that_runs_the_vcpu_only(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    with running(v):
        for act in (
            lambda: setattr(v.regs, "ax", 5),
            lambda: setattr(v.regs, "cs", 5),
            lambda: v.debug(breakpoints=[0x1000]),
        ):
            with pytest.raises(RuntimeError, match="another thread runs this vCPU"):
                act()
        assert v.regs.ip >= 0x1000  # reading is harmless
        v.reset()  # and so is asking


def test_debug_settings_of_a_device_outlast_a_step(vm: MakeVm) -> None:
    class Card(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            v.debug(singlestep=True)

    machine = vm()
    v = vcpu(machine, "e680 90 90 f4")
    machine.pio.attach(Card(), 0x80)

    v.step()

    assert v.run().reason is ExitReason.DEBUG
    v.debug()
    assert v.run().reason is ExitReason.HLT


def test_a_signal_is_seen_while_another_thread_is_waited_for(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    seen: list[int] = []

    def act() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        try:
            wait_until(lambda: seen)
        finally:
            v.kick()

    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        with running(v), meanwhile(act):
            v.run(10)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert seen == [signal.SIGUSR1]


# -- in a process of their own --------------------------------------------------------------------

#: Another thread runs or steps a vCPU, and is held in a device that it writes to.
HELD = """
import os, signal, sys, threading
from pyx86emu import PioDevice, Vm
from tests.harness import Running, meanwhile, vcpu

entered, leave = threading.Event(), threading.Event()

class Slow(PioDevice):
    def pio_write(self, offset, size, value):
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            leave.wait()

vm = Vm()
vm.pio.attach(Slow(), 0x80)
v = vcpu(vm, sys.argv[2])
v.regs.cx = 3
other = Running(getattr(v, sys.argv[1]))
entered.wait()
"""

CLOSE = """
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    with meanwhile(lambda: signal.raise_signal(signal.SIGINT)):
        vm.close()
except KeyboardInterrupt:
    print("interrupted")
leave.set()
vm.close()
other.thread.join()
vm.close()
print("closed", vm.slots)
"""


def test_ctrl_c_ends_a_close_that_waits_for_a_device_and_it_can_be_called_again() -> None:
    done = python("-c", HELD + CLOSE, "run", "e680 f4")

    assert done.stdout.splitlines() == ["interrupted", "closed ()"], done.stderr


FORK = """
pid = os.fork()
if pid == 0:
    exit = v.run()
    print(exit.reason.name, hex(v.regs.al), v.regs.cx, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
leave.set()
other.result()
"""

#: out 80h,al; again: mov al,11h; mov byte [again+1],55h; dec cx; jnz again; hlt
CHANGES = "e680 b011 2ec606031055 49 75f5 f4"


def test_a_child_forked_during_a_step_runs_and_sees_code_that_changes() -> None:
    done = python("-c", HELD + FORK, "step", CHANGES)

    assert done.stdout.split() == ["HLT", "0x55", "0"], done.stderr
