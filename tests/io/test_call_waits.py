"""Functions that the thread of a vCPU calls between two instructions, of Doorbells and of timers:
they may wait for another process, and each run still ends."""

from __future__ import annotations

import gc
import socket
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pyx86emu import Doorbell, ExitReason, Vcpu, Vm
from pyx86emu.forward import wire
from tests import on_kvm
from tests.harness import Running, python
from tests.io.forwarded import ACCELS, guest, pair, received, silent

RING = "e680 ebfe"  # out 80h,al; here: jmp here


@pytest.fixture(params=ACCELS)
def vm(request: pytest.FixtureRequest) -> Iterator[Vm]:
    on_kvm.need(request.param)
    with Vm(request.param) as made:
        yield made


@contextmanager
def called(vm: Vm, kind: str, function: Callable[[], object]) -> Iterator[Vcpu]:
    """A vCPU whose thread calls the function, once."""
    if (vm.accel, kind) == ("kvm", "doorbell"):
        pytest.skip("KVM calls no function of a Doorbell")
    vcpu = guest(vm, RING)
    if kind == "doorbell":
        with vm.ioeventfd(0x80, 1, fd=Doorbell(call=function)):
            yield vcpu
    else:
        vm.clock.call_after(0, function, kind)
        vcpu.regs.ip += 2
        yield vcpu


KINDS = pytest.mark.parametrize("kind", ["doorbell", "timer"])


@KINDS
@pytest.mark.parametrize("ends", [ExitReason.BUDGET, ExitReason.INTR])
def test_a_read_of_a_function_ends_with_the_run(vm: Vm, kind: str, ends: ExitReason) -> None:
    found: list[int] = []
    with pair() as (here, there):
        vm.pio.forward(0x100, 1, here)

        def read() -> None:
            found.append(vm.pio.read(0x100, 1))

        if vm.accel == "kvm" and ends is ExitReason.BUDGET:
            pytest.skip("KVM counts no instructions")
        with called(vm, kind, read) as vcpu:
            most = 1000 if ends is ExitReason.BUDGET else None
            for _ in range(2):  # the second one begins with what the first has left
                run = Running(lambda: vcpu.run(most))
                if most is None:
                    assert there.recv(1, socket.MSG_PEEK)
                    vcpu.kick()
                assert run.result().reason is ends
            assert not found

            received(there)
            there.sendall(wire.response(7))
            vcpu.run(deadline=vm.time + 1_000_000)

            assert found == [7]
            assert silent(there)  # it was asked once


@KINDS
def test_a_write_of_a_function_is_owed(vm: Vm, kind: str) -> None:
    done: list[str] = []
    with pair() as (here, there):
        vm.pio.forward(0x100, 1, here)

        def write() -> None:
            vm.pio.write(0x100, 1, 0x55)
            done.append("written")

        with called(vm, kind, write) as vcpu:
            run = Running(vcpu.run)
            received(there)
            vcpu.kick()
            assert run.result().reason is ExitReason.INTR
            assert done == ["written"]

            there.sendall(wire.response(0))
            assert vcpu.run(deadline=vm.time + 1_000_000).reason is ExitReason.DEADLINE
            assert done == ["written"]


def test_what_is_owed_keeps_no_machine() -> None:
    def leave() -> weakref.ref[Vm]:
        with pair() as (here, there):
            vm = Vm()
            vm.pio.forward(0x80, 1, here)
            vcpu = guest(vm, "e680 f4")
            run = Running(vcpu.run)
            received(there)
            vcpu.kick()
            run.result()
            return weakref.ref(vm)

    found = leave()
    gc.collect()
    assert found() is None


def test_an_eventfd_that_others_have_made_blocking_ends_with_a_signal() -> None:
    """Who has the other descriptor clears O_NONBLOCK and fills the counter: the ring sleeps."""
    code = """
import os, signal
from pyx86emu import EventFd, Vm
signal.signal(signal.SIGALRM, lambda *_: None)
with Vm() as vm, EventFd() as event:
    vm.add_memory(0, 0x10000)
    vm.write(0x1000, bytes.fromhex("e680 f4"))
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0x1000
    vm.ioeventfd(0x80, 1, fd=event)
    os.set_blocking(event.fileno(), True)
    event.write(2**64 - 2)
    signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
    print(vcpu.run().reason.name, event.read() == 2**64 - 2)
"""
    assert python("-c", code, timeout=20).stdout == "HLT True\n"
