"""Which thread may do what with a vCPU: runs take turns, registers belong to who runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pyx86emu import Exit, ExitReason, PioDevice, Vcpu, Vm
from tests.harness import vcpu

MakeVm = Callable[..., Vm]
ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running(v: Vcpu) -> Iterator[list[Exit]]:
    """Another thread runs the vCPU until the end; then what its run() returned is in the list."""
    exits: list[Exit] = []
    thread = threading.Thread(target=lambda: exits.append(v.run()))
    thread.start()
    start = v.instructions
    while v.instructions == start:
        time.sleep(0)
    try:
        yield exits
    finally:
        v.kick()
        thread.join()


def test_a_step_of_another_thread_waits_for_the_run(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    steps: list[Exit] = []
    with running(v) as exits:
        other = threading.Thread(target=lambda: steps.append(v.step()))
        other.start()
        seen = v.instructions
        while v.instructions < seen + 1_000_000:
            time.sleep(0)
        assert not exits, "the run goes on"
        assert not steps, "the step waits"
    other.join()

    assert [exit.reason for exit in exits] == [ExitReason.INTR]
    assert [exit.reason for exit in steps] == [ExitReason.DEBUG]


def test_a_run_of_another_thread_does_not_step(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    ends: list[tuple[str, ExitReason]] = []

    def act(name: str) -> None:
        for _ in range(300):
            exit = v.step() if name == "step" else v.run(500)
            ends.append((name, exit.reason))

    threads = [threading.Thread(target=act, args=(name,)) for name in ("step", "run", "step")]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(before)

    assert {r for n, r in ends if n == "step"} == {ExitReason.DEBUG}
    assert {r for n, r in ends if n == "run"} == {ExitReason.BUDGET}
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


# -- close ----------------------------------------------------------------------------------------

CLOSE = """
import os, signal, threading, time
from pyx86emu import PioDevice, Vm

entered, leave = threading.Event(), threading.Event()

class Slow(PioDevice):
    def pio_write(self, offset, size, value):
        entered.set()
        leave.wait()

vm = Vm()
ram = vm.add_memory(0, 0x10000)
ram[0x1000:0x1003] = bytes.fromhex("e680f4")
vm.pio.attach(Slow(), 0x80)
v = vm.create_vcpu()
v.regs.cs, v.regs.ip = 0, 0x1000
ends = []
def run():
    try:
        ends.append(v.run())
    except OSError as error:
        ends.append(error)
thread = threading.Thread(target=run)
thread.start()
entered.wait()
threading.Timer(0.1, signal.raise_signal, (signal.SIGINT,)).start()
signal.signal(signal.SIGINT, signal.default_int_handler)
try:
    vm.close()
except KeyboardInterrupt:
    print("interrupted")
leave.set()
vm.close()
thread.join()
vm.close()
print("closed", len(ends), vm.slots)
"""


def test_ctrl_c_ends_a_close_that_waits_for_a_device_and_it_can_be_called_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLOSE], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.stdout.splitlines() == ["interrupted", "closed 1 ()"], done.stderr


def test_a_signal_is_seen_while_another_thread_is_waited_for(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    seen: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: seen.append(number))
    try:
        with running(v):
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            threading.Timer(0.2, v.kick).start()
            v.run(10)
    finally:
        signal.signal(signal.SIGUSR1, before)

    assert seen == [signal.SIGUSR1]


FORK = """
import os, threading, time
from pyx86emu import PioDevice, Vm

entered, leave = threading.Event(), threading.Event()

class Slow(PioDevice):
    def pio_write(self, offset, size, value):
        if threading.current_thread() is not threading.main_thread():
            entered.set()
            leave.wait()

vm = Vm()
ram = vm.add_memory(0, 0x10000)
# out 80h,al; again: mov al,11h; mov byte [1003h],55h; dec cx; jnz again; hlt
ram[0x1000:0x100e] = bytes.fromhex("e680 b011 2ec606031055 49 75f5 f4")
vm.pio.attach(Slow(), 0x80)
v = vm.create_vcpu()
v.regs.cs, v.regs.ip, v.regs.cx = 0, 0x1000, 3
thread = threading.Thread(target=v.step)
thread.start()
entered.wait()
pid = os.fork()
if pid == 0:
    exit = v.run()
    print(exit.reason.name, hex(v.regs.al), v.regs.cx, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
leave.set()
thread.join()
"""


def test_a_child_forked_during_a_step_runs_and_sees_code_that_changes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK], cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.stdout.split() == ["HLT", "0x55", "0"], done.stderr
