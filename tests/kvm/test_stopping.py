"""KVM as a back end: kicks, deadlines, Ctrl-C, timers, interrupts from the host."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, Vcpu, Vm
from pyx86emu.kvm import signals
from tests.harness import CODE, HANDLERS, WORK, Running, program, python, vcpu, wait_until

Kvm = Callable[..., Vm]
SECOND = 10**9
#: sti; again: jmp again
LOOP = "fb ebfe"


def in_kvm(cpu: Any) -> None:
    """Wait until another thread runs it."""
    wait_until(lambda: cpu._thread)


def signal_main(cpu: Any, number: int) -> Running[None]:
    """Signal the main thread from another one, when it has been in the guest for a while. A signal
    that comes just before KVM_RUN begins is seen at the next exit only."""
    main = threading.get_ident()
    clock = time.pthread_getcpuclockid(main)

    def wait_and_signal() -> None:
        in_kvm(cpu)
        end = time.clock_gettime(clock) + WORK
        wait_until(lambda: time.clock_gettime(clock) >= end)
        signal.pthread_kill(main, number)

    return Running(wait_and_signal)


def with_handlers(vm: Vm, code: str) -> Vcpu:
    """A vCPU whose vectors lead to a HLT each."""
    cpu = vcpu(vm, code)
    for vector in range(256):
        vm.write(4 * vector, (HANDLERS + vector).to_bytes(4, "little"))
    vm.write(HANDLERS, b"\xf4" * 256)
    return cpu


# -- kicks ----------------------------------------------------------------------------------------


def test_a_kick_ends_a_run_of_another_thread(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), LOOP)
    run = Running(cpu.run)
    in_kvm(cpu)

    cpu.kick()

    assert run.result().reason is ExitReason.INTR


def test_a_kick_before_a_run_ends_that_one_only(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "90 f4")
    cpu.kick()
    cpu.kick()

    assert [cpu.run().reason for _ in range(2)] == [ExitReason.INTR, ExitReason.HLT]


@pytest.mark.parametrize("turns", [300])
def test_no_kick_is_lost(kvm: Kvm, turns: int, quick_switches: None) -> None:
    cpu = vcpu(kvm(), LOOP)
    seen = []

    def run() -> None:
        for _ in range(turns):
            seen.append(cpu.run().reason)

    runner = Running(run)
    for turn in range(turns):
        cpu.kick()
        wait_until(lambda turn=turn: len(seen) > turn)
    runner.result()
    assert seen == [ExitReason.INTR] * turns


def test_a_kick_reaches_a_thread_that_has_blocked_all_signals(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), LOOP)

    def run() -> Any:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        return cpu.run()

    running = Running(run)
    in_kvm(cpu)
    cpu.kick()
    assert running.result().reason is ExitReason.INTR


def test_a_kick_is_unseen_by_the_programs_handlers(kvm: Kvm) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    before = signal.set_wakeup_fd(writer)
    try:
        cpu = vcpu(kvm(), LOOP)
        run = Running(cpu.run)
        in_kvm(cpu)
        cpu.kick()
        run.result()
        with pytest.raises(BlockingIOError):
            os.read(reader, 1)
        assert signal.getsignal(signals.kick_signal()) == signal.SIG_DFL
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def test_a_program_that_takes_the_signal_gets_it_to_itself(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), LOOP)
    mine = signals.kick_signal()
    seen: list[int] = []
    before = signal.signal(mine, lambda number, frame: seen.append(number))
    try:
        run = Running(cpu.run)
        in_kvm(cpu)
        cpu.kick()
        assert run.result().reason is ExitReason.INTR
        assert seen == []
        assert signals.kick_signal() != mine
    finally:
        signal.signal(mine, before)


def test_a_signal_with_a_handler_does_not_end_a_run(kvm: Kvm, interruptible: None) -> None:
    cpu = vcpu(kvm(), LOOP)
    seen: list[int] = []

    def handler(number: int, frame: object) -> None:
        seen.append(number)
        if len(seen) == 3:
            cpu.kick()
        else:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        other = signal_main(cpu, signal.SIGUSR1)
        assert cpu.run().reason is ExitReason.INTR
        other.result()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(seen) == 3


def test_ctrl_c_in_run_is_a_keyboard_interrupt(kvm: Kvm, interruptible: None) -> None:
    cpu = vcpu(kvm(), LOOP)
    other = signal_main(cpu, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        cpu.run()
    other.result()
    cpu.kick()
    assert cpu.run().reason is ExitReason.INTR


# -- times ----------------------------------------------------------------------------------------


def test_a_wall_deadline_ends_a_run(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), LOOP)
    end = time.monotonic_ns() + SECOND // 50

    assert cpu.run_until(wall_deadline=end).reason is ExitReason.DEADLINE
    assert time.monotonic_ns() >= end
    assert cpu.run_until(wall_deadline=0).reason is ExitReason.DEADLINE


def test_a_deadline_is_a_time_of_the_vm(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, LOOP)
    end = machine.time + SECOND // 50

    assert cpu.run(deadline=end).reason is ExitReason.DEADLINE
    assert machine.time >= end
    assert cpu.run_until(look=end).reason is ExitReason.DEADLINE
    assert cpu.run(deadline=-1).reason is ExitReason.DEADLINE


def test_a_read_is_completed_before_a_deadline_that_has_passed(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), "e480 f4")
    cpu.run().reply(0x5A)

    assert cpu.run_until(wall_deadline=0).reason is ExitReason.DEADLINE
    assert (cpu.regs.al, cpu.regs.ip) == (0x5A, 0x1002)


def test_a_deadline_reaches_a_run_that_waits_for_another_thread(kvm: Kvm) -> None:
    cpu = vcpu(kvm(), LOOP)
    run = Running(cpu.run)
    in_kvm(cpu)

    assert cpu.run_until(wall_deadline=time.monotonic_ns() + 1).reason is ExitReason.DEADLINE
    cpu.kick()
    run.result()


def test_a_timer_is_called_in_the_run(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, LOOP)
    called: list[int] = []

    def due() -> None:
        called.append(machine.time)
        cpu.kick()

    at = machine.time + SECOND // 50
    machine.set_timer(at, due)

    assert cpu.run().reason is ExitReason.INTR
    assert len(called) == 1
    assert called[0] >= at


def test_a_timer_that_another_thread_sets_reaches_a_run(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, LOOP)
    run = Running(cpu.run)
    in_kvm(cpu)

    machine.clock.call_after(1, cpu.kick)

    assert run.result().reason is ExitReason.INTR


def test_what_a_timer_raises_comes_out_of_run(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, "f4")
    machine.clock.call_at(0, lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        cpu.run()
    assert cpu.run().reason is ExitReason.HLT


# -- interrupts -----------------------------------------------------------------------------------


def test_an_interrupt_needs_if(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "90 90 f4")
    with pytest.raises(OSError, match="takes no interrupt now") as refused:
        cpu.interrupt(0x40)
    assert refused.value.errno == errno.EAGAIN
    with pytest.raises(OSError, match="not in 0 to 255"):
        cpu.interrupt(256)
    cpu.regs.flags = 0x202
    assert cpu.ready
    cpu.interrupt(0x40)
    assert not cpu.ready
    with pytest.raises(OSError, match="takes no interrupt now"):
        cpu.interrupt(0x41)

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 0x41


def test_a_queued_interrupt_waits_for_if_and_its_shadow(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "40 fb 40 40 f4")  # inc ax; sti; inc ax; inc ax; hlt
    cpu.interrupt(0x40, queue=True)

    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 0x41
    assert cpu.regs.ax >= 2  # STI holds it off for one instruction, a KVM that emulates for more


def test_an_interrupt_reaches_a_run_of_another_thread(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), LOOP)
    run = Running(cpu.run)
    in_kvm(cpu)

    cpu.interrupt(0x40, queue=True)

    assert run.result().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 0x41


def test_a_read_is_completed_before_an_interrupt(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "fb 90 e480 f4")
    exit = cpu.run()
    exit.reply(0x5A)
    cpu.interrupt(0x40)

    assert cpu.run().reason is ExitReason.HLT
    assert (cpu.regs.al, cpu.regs.ip) == (0x5A, HANDLERS + 0x41)


def test_the_interrupt_window_opens_after_sti_and_its_shadow(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "90 fb 90 ebfe")
    cpu.request_interrupt_window = True

    exit = cpu.run()

    assert (exit.reason, cpu.if_flag, cpu.ready) == (ExitReason.IRQ_WINDOW_OPEN, True, True)
    assert exit.ip >= CODE + 3
    cpu.request_interrupt_window = False
    cpu.interrupt(0x40)
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 0x41


def test_an_nmi_ignores_if(kvm: Kvm) -> None:
    cpu = with_handlers(kvm(), "90 ebfe")
    run = Running(cpu.run)
    in_kvm(cpu)

    cpu.nmi()

    assert run.result().reason is ExitReason.HLT
    assert cpu.regs.ip == HANDLERS + 3


def test_a_reset_of_another_thread_reaches_a_run(kvm: Kvm) -> None:
    machine = kvm()
    cpu = vcpu(machine, LOOP)
    machine.add_memory(0xF0000, 0x10000)[0xFFFF0] = 0xF4
    run = Running(cpu.run)
    in_kvm(cpu)

    cpu.reset()

    exit = run.result()
    assert (exit.reason, cpu.regs.cs, cpu.regs.ip) == (ExitReason.HLT, 0xF000, 0xFFF1)


# -- the 8259 pair and the 8254 -------------------------------------------------------------------


def with_irq5(vm: Vm) -> Vcpu:
    """Line 5 open at vector 25h, IF set, an endless loop."""
    from tests.harness import open_line

    cpu = with_handlers(vm, "")
    code = open_line(5) + program("fb ebfe")
    vm.write(CODE, code)
    handler = program("b025 e699 b020 e620 cf")  # mov al,25h; out 99h,al; EOI; iret
    vm.write(0x2000, handler)
    vm.write(4 * 0x25, (0x2000).to_bytes(4, "little"))
    return cpu


def test_an_interrupt_line_interrupts(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = with_irq5(machine)
    run = Running(cpu.run)
    in_kvm(cpu)
    wait_until(lambda: machine.irq_line(5, True) or not run.going or machine.irq_line(5, False))

    exit = run.result()

    assert (exit.reason, exit.port, exit.value) == (ExitReason.IO, 0x99, 0x25)


def test_an_irqfd_interrupts_and_ends_with_its_vm(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = with_irq5(machine)
    event = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        entry = machine.irqfd(5, event)
        for _ in range(2):
            with pytest.raises(OSError, match="raises a line already") as busy:
                kvm(irqchip=True).irqfd(4, os.dup(event))
            assert busy.value.errno == errno.EBUSY
        run = Running(cpu.run)
        in_kvm(cpu)
        assert cpu.vm.time  # it runs
        wait_until(lambda: os.eventfd_write(event, 1) or not run.going)
        assert run.result().port == 0x99
        entry.deassign()
        entry.deassign()
        kvm(irqchip=True).irqfd(4, event)
    finally:
        os.close(event)


def test_a_hlt_that_nothing_can_end_is_an_exit_also_with_an_irqchip(kvm: Kvm) -> None:
    cpu = vcpu(kvm(irqchip=True), "fa f4 90 f4")

    for _ in range(2):  # it stays halted
        exit = cpu.run()
        assert (exit.reason, cpu.regs.ip) == (ExitReason.HLT, CODE + 2)
    cpu.regs.ip = CODE + 2
    assert cpu.run().reason is ExitReason.HLT
    assert cpu.regs.ip == CODE + 4


def test_the_8254_interrupts_a_hlt(kvm: Kvm) -> None:
    from tests.harness import open_line

    machine = kvm(irqchip=True)
    cpu = with_handlers(machine, "")
    # channel 0: mode 2, count 1000h; sti; hlt
    machine.write(CODE, open_line(0) + program("b034 e643 b000 e640 b010 e640 fb f4 f4"))
    machine.write(0x2000, program("b020 e699 f4"))
    machine.write(4 * 0x20, (0x2000).to_bytes(4, "little"))

    exit = cpu.run_until(wall_deadline=time.monotonic_ns() + 20 * SECOND)

    assert (exit.reason, exit.port) == (ExitReason.IO, 0x99)


# -- processes ------------------------------------------------------------------------------------

FORKED = """
import os
from pyx86emu import Vm
vm = Vm("kvm")
ram = vm.add_memory(0, 0x1000)
ram[0:1] = b"\\xf4"
cpu = vm.create_vcpu()
cpu.regs.cs = cpu.regs.ip = 0
if os.fork() == 0:
    try:
        cpu.run()
    except OSError as error:
        print("child", error.errno, error.strerror, flush=True)
    vm.close()
    os._exit(0)
os.wait()
print("parent", cpu.run().reason.name)
"""


def test_a_forked_child_is_told_that_the_vm_stays_with_its_parent(usable_kvm: None) -> None:
    done = python("-c", FORKED)

    assert done.stdout.splitlines() == [
        f"child {errno.EIO} a Vm of KVM stays with the process that made it: make one here",
        "parent HLT",
    ], done.stderr


def test_dropped_vms_leave_no_descriptor(kvm: Kvm) -> None:
    from tests.harness import descriptors

    before = descriptors()
    for _ in range(3):
        machine = Vm("kvm", irqchip=True)
        cpu = vcpu(machine, "f4")
        cpu.run_until(wall_deadline=time.monotonic_ns() + SECOND)
        machine.ioeventfd(0x80)
        del machine, cpu
    assert descriptors() == before


@pytest.mark.parametrize("kind", ["plain", "blocking", "semaphore", "object", "duplicate"])
def test_any_eventfd_may_be_an_irqfd(kvm: Kvm, kind: str) -> None:
    machine = kvm(irqchip=True)
    cpu = with_irq5(machine)
    flags = {"blocking": 0, "semaphore": os.EFD_SEMAPHORE | os.EFD_NONBLOCK}
    fd = os.eventfd(0, flags.get(kind, os.EFD_NONBLOCK) | os.EFD_CLOEXEC)
    writer = os.dup(fd)
    try:
        if kind == "object":

            class Has:
                def fileno(self) -> int:
                    return fd

            machine.irqfd(5, Has())
        else:
            machine.irqfd(5, fd)
        if kind == "duplicate":  # the Vm has its own: an irqfd lives as long as the eventfd
            os.close(fd)
            fd = -1
        run = Running(cpu.run)
        in_kvm(cpu)
        wait_until(lambda: os.eventfd_write(writer, 1) or not run.going)
        assert run.result().value == 0x25
        machine.irqfd_deassign(5, writer)
        machine.irqfd_deassign(5, writer)  # unknown: no error
    finally:
        for each in (fd, writer):
            if each >= 0:
                os.close(each)


def test_what_is_no_irqfd_is_refused(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    reader, writer = os.pipe()
    event = os.eventfd(0)
    try:
        for fd, number in ((reader, errno.EINVAL), (-1, errno.EBADF), (10**6, errno.EBADF)):
            for arguments in ((5, fd), (5, event, fd)):
                with pytest.raises(OSError, match=r"eventfd|descriptor") as refused:
                    machine.irqfd(*arguments)
                assert refused.value.errno == number
        with pytest.raises(OSError, match="lines 0 to 15"):
            machine.irqfd(16, event)
        with pytest.raises(TypeError, match="must be an integer"):
            machine.irqfd(5, "1")  # type: ignore[arg-type]
        with pytest.raises(OSError, match="no interrupt controller"):
            kvm().irqfd(5, event)
        machine.close()
        with pytest.raises(OSError, match="closed"):
            machine.irqfd(5, event)
    finally:
        for each in (reader, writer, event):
            os.close(each)


def test_a_hlt_that_nothing_can_end_is_seen_by_a_caller_that_only_looks(kvm: Kvm) -> None:
    machine = kvm(irqchip=True)
    cpu = vcpu(machine, "fa f4")
    while (exit := cpu.run_until(look=machine.time + 10**6)).reason is ExitReason.DEADLINE:
        pass

    assert exit.reason is ExitReason.HLT
