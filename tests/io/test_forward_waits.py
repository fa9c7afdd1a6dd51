"""Forwarded ranges whose peer does not answer: each run still ends, and nothing happens twice."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from pyx86emu import ExitReason, Machine, PioDevice, Vcpu, Vm
from pyx86emu.errors import NotYet
from pyx86emu.forward import wire
from tests import on_kvm
from tests.harness import ROOT, Running, another, switches_every
from tests.io.forwarded import ACCELS, forwarded, guest, pair, peer, received, silent

both = pytest.mark.parametrize("accel", ACCELS)
READ = "e480 f4"  # in al,80h; hlt
WRITE = "b055 e680 40 f4"  # mov al,55h; out 80h,al; inc ax; hlt


def kicked(vcpu: Vcpu, there: socket.socket) -> ExitReason:
    """Run it until its command has come, kick it then."""
    run = Running(vcpu.run)
    received(there)
    vcpu.kick()
    return run.result().reason


# -- a read ----------------------------------------------------------------------------------------


@both
def test_a_kick_ends_the_wait_and_the_answer_is_still_used(accel: str) -> None:
    with forwarded(READ, accel) as (_, vcpu, there):
        assert kicked(vcpu, there) is ExitReason.INTR
        assert vcpu.regs.ip == 0x1000  # nothing of it has happened
        there.sendall(wire.response(0x42))

        assert vcpu.run().reason is ExitReason.HLT
        assert vcpu.regs.al == 0x42
        assert silent(there)  # it was asked once


@both
def test_the_limit_in_real_time_ends_each_run(accel: str) -> None:
    with forwarded(READ, accel) as (_, vcpu, there):
        for _ in range(3):
            wall = time.monotonic_ns() + 10_000_000
            assert vcpu.run_until(wall_deadline=wall).reason is ExitReason.DEADLINE
            assert time.monotonic_ns() >= wall

        assert len(received(there)) == 1 and silent(there)


@both
def test_a_deadline_in_guest_time_is_reached(accel: str) -> None:
    with forwarded(READ, accel) as (vm, vcpu, _):
        deadline = vm.clock.now() + 1_000_000

        assert vcpu.run(deadline=deadline).reason is ExitReason.DEADLINE

        assert vm.clock.now() >= deadline


def test_a_budget_is_spent_while_nothing_is_executed() -> None:
    with forwarded(READ) as (_, vcpu, _):
        assert vcpu.run(1000).reason is ExitReason.BUDGET

        assert vcpu.instructions == 0 and vcpu.spent >= 1000


def test_a_budget_is_exact_while_the_peer_answers() -> None:
    with forwarded("e480 e480 e480 ebf8") as (_, vcpu, there), peer(there) as seen:
        for budget in (1, 2, 5):
            before = vcpu.instructions
            assert vcpu.run(budget).reason is ExitReason.BUDGET
            assert vcpu.instructions == vcpu.spent == before + budget

    assert len(seen) == 6


def test_a_step_that_waits_returns_and_the_next_ones_go_on() -> None:
    with forwarded(READ) as (_, vcpu, there):
        assert vcpu.step().reason is ExitReason.DEBUG
        assert vcpu.regs.ip == 0x1000
        there.sendall(wire.response(7))

        assert vcpu.step().reason is ExitReason.DEBUG
        assert (vcpu.regs.ip, vcpu.regs.al) == (0x1002, 7)


def test_a_machine_ends_by_its_limits() -> None:
    with pair() as (here, _), Machine(bytes.fromhex("ba0003 ec faf4")) as m:
        m.pio.forward(0x300, 1, here)

        assert m.run(timeout=2).reason is ExitReason.DEADLINE
        assert m.run(wall=0.05).reason is ExitReason.DEADLINE
        assert m.run(max_instructions=100).reason is ExitReason.BUDGET
        limits = m.limits(timeout=0.2)
        while not limits.over:
            limits.run(0.05)


def test_stop_ends_a_machine_and_leaves_the_next_run_alone() -> None:
    with pair() as (here, there), Machine(bytes.fromhex("ba0003 ec faf4")) as m:
        m.pio.forward(0x300, 1, here)
        run = Running(m.run)
        received(there)

        m.stop()

        assert run.result().reason is ExitReason.INTR
        there.sendall(wire.response(9))
        assert m.run(timeout=1).reason is ExitReason.HLT
        assert m.vcpu.regs.al == 9


@both
def test_close_ends_the_wait(accel: str) -> None:
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 1, here)
        run = Running(guest(vm, READ).run)
        received(there)

        vm.close()

        assert run.result().reason is ExitReason.INTR


@both
def test_reset_by_another_thread_ends_the_wait(accel: str) -> None:
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 1, here)
        vm.add_memory(0xFF000, 0x1000)
        vm.write(0xFFFF0, b"\xf4")
        vcpu = guest(vm, READ)
        run = Running(vcpu.run)
        received(there)

        vcpu.reset()

        if run.result().reason is ExitReason.INTR:
            run = Running(vcpu.run)
        assert run.result().reason is ExitReason.HLT
        assert vcpu.regs.cs == 0xF000


def test_the_handler_of_an_interrupt_may_get_the_answer_first() -> None:
    """The instruction has not happened yet: an interrupt comes before it, and reads the port."""
    with forwarded("fb 90 e480 f4") as (vm, vcpu, there):  # sti; nop; in al,80h; hlt
        vm.write(0x2000, bytes.fromhex("e480 88c3 cf"))  # in al,80h; mov bl,al; iret
        vm.write(4 * 0x40, (0x2000).to_bytes(4, "little"))
        assert kicked(vcpu, there) is ExitReason.INTR

        vcpu.interrupt(0x40)
        with peer(there, lambda c: wire.response(2)) as seen:
            there.sendall(wire.response(1))
            assert vcpu.run().reason is ExitReason.HLT

        assert (vcpu.regs.bl, vcpu.regs.al) == (1, 2)
        assert len(seen) == 1


def test_a_read_in_two_parts_asks_for_each_once() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.mmio.forward(0xD0000, 0x2000, here)
        vcpu = guest(vm, "66a1ff0f f4")  # mov eax,[0fffh]: 1 byte, then 2 and 1
        for count, answer in ((1, 0x11), (1, 0x3322), (1, 0x44)):
            run = Running(vcpu.run)
            assert len(received(there, count)) == count
            vcpu.kick()
            assert run.result().reason is ExitReason.INTR
            there.sendall(wire.response(answer))

        assert vcpu.run().reason is ExitReason.HLT
        assert vcpu.regs.eax == 0x44332211
        assert silent(there)


# -- a write ---------------------------------------------------------------------------------------


@both
def test_a_write_whose_wait_is_ended_is_done_and_the_next_run_waits(accel: str) -> None:
    with forwarded(WRITE, accel) as (_, vcpu, there):
        assert kicked(vcpu, there) is ExitReason.INTR
        vcpu.kick()
        assert vcpu.run().reason is ExitReason.INTR
        wall = time.monotonic_ns() + 10_000_000
        assert vcpu.run_until(wall_deadline=wall).reason is ExitReason.DEADLINE
        assert vcpu.regs.al == 0x55  # the guest has not gone on
        there.sendall(wire.response(0))

        assert vcpu.run().reason is ExitReason.HLT
        assert vcpu.regs.al == 0x56
        assert silent(there)


def test_limits_end_the_wait_that_a_run_begins_with() -> None:
    with forwarded(WRITE) as (vm, vcpu, there):
        assert kicked(vcpu, there) is ExitReason.INTR

        assert vcpu.run(3).reason is ExitReason.BUDGET
        deadline = vm.clock.now() + 1000
        assert vcpu.run(deadline=deadline).reason is ExitReason.DEADLINE
        assert vm.clock.now() >= deadline
        assert vcpu.step().reason is ExitReason.DEBUG
        there.close()
        with pytest.raises(ConnectionResetError, match="has closed its end"):
            vcpu.run()

        assert vcpu.run().reason is ExitReason.HLT  # it is told once


@both
def test_a_posted_write_to_a_full_socket_waits_and_nothing_is_lost(accel: str) -> None:
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        vm.pio.forward(0x80, 2, here, posted=True)
        vcpu = guest(vm, "b91027 40 e780 e2fb f4")  # mov cx,10000; inc ax; out 80h,ax; loop
        while select.select([], [here], [], 0)[1]:  # there is room
            wall = time.monotonic_ns() + 10_000_000
            assert vcpu.run_until(wall_deadline=wall).reason is ExitReason.DEADLINE
        for _ in range(3):
            vcpu.kick()
            assert vcpu.run().reason is ExitReason.INTR

        run = Running(vcpu.run)
        sent = received(there, 10000)

        assert run.result().reason is ExitReason.HLT
        assert [c.data for c in sent] == list(range(1, 10001))
        assert silent(there)


def test_a_peer_that_sends_a_byte_now_and_then_keeps_nobody() -> None:
    with forwarded(READ) as (_, vcpu, there):
        run = Running(vcpu.run)
        received(there)
        for byte in wire.response(0x33)[:31]:
            there.sendall(bytes([byte]))

        vcpu.kick()

        assert run.result().reason is ExitReason.INTR
        there.sendall(b"\0")
        assert vcpu.run().reason is ExitReason.HLT
        assert vcpu.regs.al == 0x33


# -- several threads -------------------------------------------------------------------------------


@both
def test_two_vcpus_on_a_socket_get_their_own_answers(accel: str) -> None:
    on_kvm.need(accel)
    code = "b9c800 e580 39d8 7502 e2f8 f4"  # mov cx,200; in ax,80h; cmp ax,bx; jne; loop
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 2, here, user_data=1)
        vm.pio.forward(0x90, 2, here, user_data=2)
        one = guest(vm, code)
        vm.write(0x3000, bytes.fromhex(code.replace("e580", "e590")))
        other = another(vm, 0x3000)
        one.regs.bx, other.regs.bx = 0x1001, 0x1002
        with peer(there, lambda c: wire.response(0x1000 + c.user_data)), switches_every(1e-5):
            runs = [Running(one.run), Running(other.run)]
            assert [run.result().reason for run in runs] == [ExitReason.HLT] * 2

        assert (one.regs.cx, other.regs.cx) == (0, 0)


def test_a_vcpu_that_waits_for_another_ones_answer_can_be_kicked() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here)
        one, other = guest(vm, READ), another(vm)
        first = Running(one.run)
        received(there)

        second = Running(other.run)
        other.kick()
        assert second.result().reason is ExitReason.INTR
        there.sendall(wire.response(1))

        assert first.result().reason is ExitReason.HLT
        with peer(there, lambda c: wire.response(2)):
            assert other.run().reason is ExitReason.HLT
        assert (one.regs.al, other.regs.al) == (1, 2)


CTRL_C = """
import socket, sys
from pyx86emu import ExitReason, Vm
from pyx86emu.forward import wire
here = socket.socket(fileno=int(sys.argv[1]))
with Vm() as vm:
    vm.add_memory(0, 0x10000)[0x1000:0x1003] = bytes.fromhex("{code}")
    vm.pio.forward(0x80, 1, here)
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    try:
        vcpu.run()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    print(vcpu.run().reason.name, vcpu.regs.al, flush=True)
"""


@pytest.mark.parametrize("code", ["e480f4", "e680f4"])
@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_wait(code: str) -> None:
    with pair() as (here, there):
        number = here.fileno()
        child = subprocess.Popen(
            [sys.executable, "-c", CTRL_C.replace("{code}", code), str(number)],
            cwd=ROOT,
            pass_fds=[number],
            stdout=subprocess.PIPE,
            text=True,
        )
        with child:
            received(there)
            os.kill(child.pid, signal.SIGINT)
            assert child.stdout is not None
            assert child.stdout.readline() == "interrupted\n"
            there.sendall(wire.response(5 if code[:2] == "e4" else 0))
            assert child.stdout.readline().startswith("HLT")


# -- other devices that wait -----------------------------------------------------------------------


@both
def test_any_device_may_wait_for_somebody_outside(accel: str) -> None:
    """`wait_ends` says when the run has to end; NotYet lets the next run execute it again."""
    on_kvm.need(accel)

    class Slow(PioDevice):
        calls = 0

        def pio_read(self, offset: int, size: int) -> int:
            self.calls += 1
            if self.calls == 1:
                vcpu.kick()
            if vm._backend.wait_ends(0):
                raise NotYet
            return self.calls

    with Vm(accel) as vm:
        slow = Slow()
        vm.pio.attach(slow, 0x80)
        vcpu = guest(vm, READ)

        assert not vm._backend.wait_ends(10**12)  # this thread is in no device
        assert vcpu.run().reason is ExitReason.INTR
        assert vcpu.regs.ip == 0x1000
        assert vcpu.run().reason is ExitReason.HLT
        assert vcpu.regs.al == 2


@both
def test_what_a_device_owes_comes_before_the_guest_goes_on(accel: str) -> None:
    on_kvm.need(accel)
    done: list[str] = []

    class Lazy(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            done.append("write")
            vcpu.kick()
            assert vm._backend.owe(lambda: done.append(f"ip {vcpu.regs.ip:x}") is None)

    with Vm(accel) as vm:
        vm.pio.attach(Lazy(), 0x80)
        vcpu = guest(vm, WRITE)

        assert not vm._backend.owe(lambda: True)  # this thread is in no device
        assert vcpu.run().reason is ExitReason.INTR
        assert done == ["write"]
        assert vcpu.run().reason is ExitReason.HLT
        assert done == ["write", "ip 1004"]


@pytest.mark.parametrize("posted", [True, False])
def test_ctrl_c_at_any_moment_leaves_the_socket_in_order(posted: bool) -> None:
    code = "b9d007 e780 e582 3d3412 7502 e2f5 f4"  # again: out 80h,ax; in ax,82h; cmp ax,1234h
    inside, interrupts, exit = False, 0, None

    def interrupt(number: int, frame: object) -> None:
        if inside:
            raise KeyboardInterrupt

    gc.collect()  # else it may come in a finalizer of what earlier tests have left
    before = signal.signal(signal.SIGALRM, interrupt)
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 4, here, posted=posted)
        vcpu = guest(vm, code)
        answers = {True: wire.response(0), False: wire.response(0x1234)}
        with peer(there, lambda c: answers[c.write] if c.respond else None):
            signal.setitimer(signal.ITIMER_REAL, 1e-4, 1e-3)
            while exit is None:
                try:
                    inside = True
                    exit = vcpu.run()
                    inside = False
                except KeyboardInterrupt:
                    inside = False
                    interrupts += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    assert exit.reason is ExitReason.HLT
    assert (vcpu.regs.cx, vcpu.regs.ax) == (0, 0x1234)
    assert interrupts
