"""The ways a run is limited: instructions, guest time, real time; and a HLT that nothing ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine, PioDevice, Vm
from tests import shim
from tests.harness import another, meanwhile, python, running, vcpu, wait_until

MakeMachine = Callable[..., Machine]
MakeVm = Callable[..., Vm]


#: cli; stop counter 0 of the 8254; sti; INT 16h: wait for a key; say it on port E9h; cli; hlt
WAIT_FOR_A_KEY = bytes.fromhex("fa b030 e643 fb b400 cd16 e6e9 faf4")
LAST = (1 << 63) - 1


# -- real time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", [["loops"], ["0", "200"]], ids=["loops", "programs of all ports"])
def test_a_limit_in_real_time_is_looked_at_by_instructions_exits_and_device_calls(
    what: list[str], tmp_path: Path
) -> None:
    library = shim.build("fake_clock", tmp_path)
    if library is None:
        pytest.skip("no C compiler for the fake clock")

    env = shim.preloaded(library, FAKE_CLOCK_STEP="1000000")
    done = python("-m", "tests.shim.limits", *what, env=env, timeout=280)

    assert done.returncode == 0, done.stderr


def test_a_wall_deadline_that_has_passed_ends_the_run_before_anything_happens(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")

    exit = v.run_until(wall_deadline=time.monotonic_ns())

    assert exit.reason is ExitReason.DEADLINE
    assert v.instructions == 0


def test_a_read_that_has_its_answer_is_completed_before_real_time_is_looked_at(vm: MakeVm) -> None:
    v = vcpu(vm(), "e480 f4")
    v.run().reply(0x5A)

    assert v.run_until(wall_deadline=0).reason is ExitReason.DEADLINE

    assert v.regs.al == 0x5A


def test_a_vcpu_that_waits_in_hlt_ends_with_real_time(vm: MakeVm) -> None:
    machine = vm(irqchip=True)
    v = vcpu(machine, "fb f4")
    machine.irqfd(5, bell := os.eventfd(0, os.EFD_NONBLOCK))
    start = time.monotonic()

    exit = v.run_until(wall_deadline=time.monotonic_ns() + 50_000_000)

    os.close(bell)
    assert exit.reason is ExitReason.DEADLINE
    assert time.monotonic() - start < 5


# -- a HLT that nothing ends ----------------------------------------------------------------------


def test_a_stopped_timer_and_a_wait_for_a_key_is_a_halt_for_good(machine: MakeMachine) -> None:
    m = machine(WAIT_FOR_A_KEY)

    assert m.run().reason is ExitReason.HLT
    assert m.time < 1

    m.keyboard.type("k")
    assert m.run().reason is ExitReason.HLT
    assert m.debug_text == "k"


def test_a_halt_for_good_waits_for_a_timeout_if_there_is_one(machine: MakeMachine) -> None:
    m = machine(WAIT_FOR_A_KEY)

    assert m.run(timeout=1.0).reason is ExitReason.DEADLINE
    assert m.time == pytest.approx(1.0, abs=1e-6)
    assert m.run(timeout=1.0).reason is ExitReason.DEADLINE
    assert m.time == pytest.approx(2.0, abs=1e-6)


@pytest.mark.parametrize("limits", [{}, {"wall": 1000.0}])
def test_looking_for_text_does_not_hide_a_halt_for_good(
    machine: MakeMachine, limits: dict[str, float]
) -> None:
    m = machine(WAIT_FOR_A_KEY)

    assert m.run(until="never", **limits).reason is ExitReason.HLT

    assert m.time < 1


def test_text_that_a_timer_writes_during_a_hlt_is_found(machine: MakeMachine) -> None:
    m = machine(bytes.fromhex("fa b030 e643 fb f4 ebfd"))
    m.boot()
    m.vm.clock.call_after(3_000_000_000, lambda: m.debug.pio_write(0, 1, ord("!")))

    exit = m.run(until="!", timeout=10)

    assert exit.reason is ExitReason.MATCH
    assert m.time < 4


def test_interrupts_off_and_an_irqfd_is_a_halt_for_good(vm: MakeVm) -> None:
    machine = vm(irqchip=True)
    v = vcpu(machine, "faf4")
    machine.irqfd(5, bell := os.eventfd(0, os.EFD_NONBLOCK))

    assert v.run().reason is ExitReason.HLT
    assert v.run(max_instructions=1000).reason is ExitReason.HLT
    os.close(bell)


def test_waiting_for_an_irqfd_spends_the_budget(vm: MakeVm) -> None:
    machine = vm(irqchip=True)
    v = vcpu(machine, "fb f4")
    machine.irqfd(5, bell := os.eventfd(0, os.EFD_NONBLOCK))

    exit = v.run(max_instructions=100_000)  # 128 ns each: 13 ms

    os.close(bell)
    assert exit.reason is ExitReason.BUDGET
    assert v.instructions == 2


def test_an_irqfd_that_rings_in_time_goes_on(vm: MakeVm) -> None:
    machine = vm(irqchip=True)
    v = vcpu(machine, "fb f4 faf4")
    machine.write(0, (0x2000).to_bytes(4, "little") * 256)
    machine.write(0x2000, bytes.fromhex("cf"))
    machine.irqfd(5, bell := os.eventfd(0, os.EFD_NONBLOCK))
    machine.pio.write(0x20, 1, 0x11)  # ICW1 to ICW4, then no line is masked
    for value in (0x08, 0x04, 0x01, 0x00):
        machine.pio.write(0x21, 1, value)

    def ring() -> None:
        wait_until(lambda: v.instructions == 2)
        os.eventfd_write(bell, 1)

    with meanwhile(ring):
        exit = v.run(max_instructions=1_000_000_000)

    os.close(bell)
    assert exit.reason is ExitReason.HLT
    assert v.regs.ip == 0x1004


@pytest.mark.parametrize("code", ["fb f4 ebfd", "ebfe"], ids=["halts", "computes"])
def test_a_deadline_of_another_vcpu_comes_while_the_first_does_not_run(
    vm: MakeVm, code: str
) -> None:
    machine = vm(irqchip=True)
    vcpu(machine, code)
    second = another(machine)
    machine.irqfd(5, bell := os.eventfd(0, os.EFD_NONBLOCK))

    exit = second.run(deadline=1_000_000)

    os.close(bell)
    assert exit.reason is ExitReason.DEADLINE


def test_waiting_in_hlt_spends_the_budget_of_a_machine_that_also_exits(
    machine: MakeMachine,
) -> None:
    m = machine(bytes.fromhex("fb f4 ba3412 ed ebfa"), clock="host")
    m.boot()

    exit = m.run(max_instructions=1_000_000, wall=60)  # 128 ms

    assert exit.reason is ExitReason.BUDGET


def test_a_run_that_waits_for_another_thread_ends_with_real_time(vm: MakeVm) -> None:
    v = vcpu(vm(), "40 ebfd")
    with running(v) as run:
        exit = v.run_until(wall_deadline=time.monotonic_ns() + 20_000_000)

        assert run.going
    assert exit.reason is ExitReason.DEADLINE


def test_a_stop_by_a_timer_leaves_the_other_timers_to_the_next_run(machine: MakeMachine) -> None:
    m = machine(bytes.fromhex("fa ebfe"))
    m.boot()
    called: list[str] = []
    m.vm.clock.call_after(1000, lambda: (called.append("first"), m.stop()))
    m.vm.clock.call_after(1000, lambda: called.append("second"))

    assert m.run(timeout=1).reason is ExitReason.INTR
    assert called == ["first"]

    m.run(timeout=0.001)
    assert called == ["first", "second"]


def test_text_is_looked_for_at_the_end_of_time_too(machine: MakeMachine) -> None:
    m = machine(WAIT_FOR_A_KEY)
    m.run()
    m.vcpu.run(deadline=LAST)

    assert m.run(until="never", max_instructions=1000).reason is ExitReason.HLT


@pytest.mark.parametrize(
    "seconds", ["1", b"1", 1j, [1], object()], ids=lambda it: type(it).__name__
)
@pytest.mark.parametrize("limit", ["timeout", "wall"])
def test_a_time_that_is_no_number_is_refused(
    machine: MakeMachine, limit: str, seconds: object
) -> None:
    with pytest.raises(TypeError, match=rf"^{limit}="):
        machine(b"\xf4").run(**{limit: seconds})


# -- far times ------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadline", [1 << 40, 1 << 62, LAST])
def test_a_far_deadline_is_reached(vm: MakeVm, deadline: int) -> None:
    machine = vm(irqchip=True)
    v = vcpu(machine, "fb f4 ebfd")

    exit = v.run(deadline=deadline)

    assert exit.reason is ExitReason.DEADLINE
    assert deadline <= machine.time < deadline + 128


@pytest.mark.parametrize("deadline", [LAST + 1, (1 << 64) - 1, 1 << 64, 1 << 200])
def test_a_deadline_that_no_clock_shows_is_refused(vm: MakeVm, deadline: int) -> None:
    v = vcpu(vm(irqchip=True), "fb f4 ebfd")

    with pytest.raises(ValueError, match=r"deadline is .*: give 0 to 0x7fffffffffffffff"):
        v.run(deadline=deadline)


def test_a_machine_at_the_end_of_time_still_runs(machine: MakeMachine) -> None:
    m = machine(WAIT_FOR_A_KEY)
    m.run()
    m.vcpu.run(deadline=LAST)

    assert m.run(timeout=1).reason is ExitReason.DEADLINE
    m.keyboard.type("k")
    assert m.run().reason is ExitReason.HLT
    assert m.debug_text == "k"


@pytest.mark.parametrize("limit", ["timeout", "wall"])
@pytest.mark.parametrize("seconds", [-1.0, float("nan"), 1e30])
def test_limits_that_are_no_times_are_refused(
    machine: MakeMachine, limit: str, seconds: float
) -> None:
    with pytest.raises(ValueError, match=f"^{limit}="):
        machine(b"\xf4").run(**{limit: seconds})


@pytest.mark.parametrize("value", [1.5, "7", None.__class__, -1, 1 << 63])
def test_a_budget_is_a_whole_number(vm: MakeVm, value: object) -> None:
    with pytest.raises((TypeError, ValueError), match="max_instructions"):
        vcpu(vm(), "f4").run(value)  # type: ignore[arg-type]


# -- batches --------------------------------------------------------------------------------------


class Clockwork(PioDevice):
    """Answers with the guest's time."""

    max_size = 1

    def pio_read(self, offset: int, size: int) -> int:
        return self.clock.now() >> 7 & 0xFF


@pytest.mark.parametrize("port", ["6100", "0003"], ids=["port 61h", "a pulled device"])
def test_a_batch_of_reads_has_a_time_for_each_element(machine: MakeMachine, port: str) -> None:
    # cld; mov dx,port; mov cx,64; mov di,9000h; rep insw; cli; hlt
    code = bytes.fromhex(f"fa 31c0 8ec0 fc ba{port} b94000 bf0090 f36d f4")
    found = set()
    for pieces in (None, 7, 1):
        m = machine(code, shift=12)
        m.attach(Clockwork(), port=0x300, pull=True)
        while m.run(max_instructions=pieces).reason is not ExitReason.HLT:
            pass
        found.add((m.vm.read(0x9000, 128), m.vm.time))

    assert len(found) == 1
    assert len(set(found.pop()[0][::2])) > 1, "the elements differ in time"


def test_a_timer_that_is_due_does_not_let_a_hlt_sleep_on_the_hosts_clock(vm: MakeVm) -> None:
    machine = vm(irqchip=True, clock="host")
    v = vcpu(machine, "fb f4 ebfc")
    calls = 0

    def tick() -> None:
        nonlocal calls
        calls += 1
        machine.clock.call_after(1000, tick)

    tick()
    v.run_until(wall_deadline=time.monotonic_ns() + 300_000_000)

    assert calls > 200  # a sleep of 20 ms each time leaves 15
