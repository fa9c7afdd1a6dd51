"""Peers of forwarded ranges that die, or answer what is no answer: an error says which and why."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys

import pytest

from pyx86emu import ExitReason, Vm
from pyx86emu.forward import wire
from tests import on_kvm
from tests.harness import ROOT, Running, in_child
from tests.io.forwarded import ACCELS, forwarded, guest, pair, peer, received

both = pytest.mark.parametrize("accel", ACCELS)
READ = "e480 f4"  # in al,80h; hlt
WRITE = "e680 f4"  # out 80h,al; hlt

# -- dead ------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("code", [READ, WRITE])
def test_a_dead_peer_is_an_error_that_names_range_and_socket(accel: str, code: str) -> None:
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        at = vm.pio.forward(0x80, 16, here, user_data=0xBE11, name="bell")
        there.close()
        vcpu = guest(vm, code)

        with pytest.raises(ConnectionResetError) as caught:
            vcpu.run()

        assert caught.value.strerror == (
            f"the peer of 'bell' (pio 0x80-0x8f, user_data 0xbe11, socket {here.fileno()}) has "
            "closed its end: detach the range, or forward it to another socket"
        )
        assert "at port 0x80, at 0000:100" in caught.value.__notes__[0]
        if code is READ:
            with pytest.raises(ConnectionResetError):
                vcpu.run()  # the read is repeated
            at.detach()
            exit = vcpu.run()
            assert exit.reason is ExitReason.IO
            exit.reply(1)
        assert vcpu.run().reason is ExitReason.HLT


def test_a_posted_write_to_a_dead_peer_is_an_error_too() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.mmio.forward(0xD0000, 16, here, posted=True)
        there.close()
        vcpu = guest(vm, "a20000 f4")

        with pytest.raises(ConnectionResetError, match=r"'forward' \(mmio 0xd0000-0xd000f, socket"):
            vcpu.run()

        assert vcpu.run().reason is ExitReason.HLT  # the write is over


DEVICE = """
import os, socket, sys
from pyx86emu import PioDevice
from pyx86emu.forward import serve
class Counter(PioDevice):
    length = 16
    def reset(self): self.n = 0
    def pio_read(self, offset, size):
        if offset: os.kill(os.getpid(), 9)
        return self.n
    def pio_write(self, offset, size, value):
        self.n += 1
serve(socket.socket(fileno=int(sys.argv[1])), Counter())
"""


def process(there: socket.socket) -> subprocess.Popen[bytes]:
    number = there.fileno()
    return subprocess.Popen(
        [sys.executable, "-c", DEVICE, str(number)], cwd=ROOT, pass_fds=[number]
    )


@both
def test_a_process_that_is_killed_in_an_access_is_an_error(accel: str) -> None:
    code = "e680 e680 e480 88c3 e481 f4"  # twice out; in al; mov bl,al; in al,81h
    with forwarded(code, accel, length=16) as (_, vcpu, there):
        with process(there) as child:
            there.close()
            with pytest.raises(ConnectionResetError, match="has closed its end"):
                vcpu.run()

            assert child.wait() == -signal.SIGKILL
        assert vcpu.regs.bl == 2


def test_a_process_that_is_killed_while_it_does_not_answer_is_an_error() -> None:
    with forwarded(READ, length=16) as (_, vcpu, there):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=there, pass_fds=[])
        with child:
            run = Running(vcpu.run)
            received(there)
            there.close()
            os.kill(child.pid, signal.SIGKILL)
            with pytest.raises(ConnectionResetError, match="has closed its end"):
                run.result()


# -- garbage ---------------------------------------------------------------------------------------

BAD: dict[str, tuple[str, bytes, str]] = {
    "a pad that is not 0": (READ, b"\0" * 31 + b"\1", "pad of a response is not 0"),
    "more bits than were read": (READ, wire.response(0x100), "data is 0x100 in the response to a"),
    "data after a write": (WRITE, wire.response(1), "data is 0x1 in the response to a write"),
    "two answers": (READ, wire.response(1) * 2, "it answered more than it was asked"),
    "a byte too much": (WRITE, wire.response(0) + b"\0", "it answered more than it was asked"),
}


@both
@pytest.mark.parametrize("case", BAD)
def test_what_is_no_answer_is_an_error(accel: str, case: str) -> None:
    on_kvm.need(accel)
    code, said, words = BAD[case]
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, 1, here)
        vcpu = guest(vm, code)
        run = Running(vcpu.run)
        received(there)

        there.sendall(said)

        with pytest.raises(OSError, match=words) as caught:
            run.result()
        assert caught.value.errno == errno.EPROTO
        assert "'forward' (pio 0x80-0x80, socket" in str(caught.value)
        with pytest.raises(OSError, match="broke the protocol"):
            vm.pio.read(0x80, 1)  # it is not asked again


def test_an_answer_that_ends_early_says_how_early() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here)
        run = Running(guest(vm, READ).run)
        received(there)

        there.sendall(wire.response(1)[:9])
        there.close()

        with pytest.raises(ConnectionResetError, match="in the middle of an answer, after 9 of 32"):
            run.result()


def test_an_answer_before_the_question_is_an_error() -> None:
    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here)
        there.sendall(wire.response(1))

        with pytest.raises(OSError, match="it answered more than it was asked"):
            guest(vm, READ).run()


@pytest.mark.parametrize("said", [b"", b"\0" * 31, b"\0" * 33, b"\0" * 64])
def test_a_packet_has_32_bytes(said: bytes) -> None:
    with pair(socket.SOCK_SEQPACKET) as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here)
        run = Running(guest(vm, READ).run)
        received(there)

        there.send(said)

        with pytest.raises(OSError, match=r"packet that|closed its end"):
            run.result()


def test_packets_work_as_a_stream_does() -> None:
    with pair(socket.SOCK_SEQPACKET) as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 4, here)
        vm.pio.forward(0x90, 4, here, posted=True)
        vcpu = guest(vm, "e690 e680 e480 f4")
        with peer(there, lambda c: wire.response(0 if c.write else 6) if c.respond else None):
            assert vcpu.run().reason is ExitReason.HLT
        assert vcpu.regs.al == 6


# -- other processes of ours -----------------------------------------------------------------------


@pytest.mark.forks
@pytest.mark.parametrize("posted", [True, False])
def test_a_fork_of_the_process_is_refused_and_the_parent_goes_on(posted: bool) -> None:
    with pair() as (here, there), Vm() as vm:
        at = vm.pio.forward(0x80, 1, here, posted=posted)
        vcpu = guest(vm, WRITE)

        def child() -> None:
            with pytest.raises(RuntimeError, match="belongs to the process that forwarded it"):
                vcpu.run()
            at.detach()
            assert vcpu.run().reason is ExitReason.HLT

        assert in_child(child) == 0
        with peer(there) as seen:
            assert vcpu.run().reason is ExitReason.HLT
        assert len(seen) == 1


def test_an_access_inside_an_access_on_the_same_socket_is_refused() -> None:
    with forwarded(READ) as (vm, vcpu, there):
        said: list[str] = []

        def handler(number: int, frame: object) -> None:
            try:
                vm.pio.read(0x80, 1)
            except RuntimeError as error:
                said.append(str(error))
            there.sendall(wire.response(3))

        before = signal.signal(signal.SIGUSR1, handler)
        try:
            me = os.getpid()

            def ring() -> None:
                received(there)
                os.kill(me, signal.SIGUSR1)

            other = Running(ring)
            assert vcpu.run().reason is ExitReason.HLT
            other.result()
        finally:
            signal.signal(signal.SIGUSR1, before)

        assert said and "inside another one on the same socket" in said[0]


@pytest.mark.parametrize("write", [True, False])
@pytest.mark.parametrize("name", ["pio", "mmio"])
def test_the_host_gets_the_same_errors(name: str, write: bool) -> None:
    with pair() as (here, there), Vm() as vm:
        bus = getattr(vm, name)
        bus.forward(0x80, 1, here)
        there.close()

        with pytest.raises(ConnectionResetError, match="has closed its end"):
            if write:
                bus.write(0x80, 1, 1)
            else:
                bus.read(0x80, 1)
