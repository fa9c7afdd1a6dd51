"""A forked child: its Vms are usable, whatever the threads of its parent did at the time."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyx86emu import Exit, PioDevice, Vcpu, Vm
from tests.harness import (
    FOREVER,
    LONG,
    Guest,
    Running,
    advance,
    count_of,
    descriptors,
    entered,
    in_child,
    program,
    running,
    switches_every,
    wait_until,
)

pytestmark = [
    pytest.mark.forks,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the process has threads
]


def test_forked_child_closes_what_the_parent_runs() -> None:
    with Guest(program("ebfe  ; again: jmp again")) as guest, running(guest.vcpu) as run:
        assert in_child(guest.vm.close) == 0

        advance(guest.vcpu, LONG)
        assert run.going


def test_time_goes_on_in_a_child_forked_while_a_device_was_asked() -> None:
    entered, leave = threading.Event(), threading.Event()

    class Slow(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            entered.set()
            leave.wait()

    with Guest(program("e690 ebfe  ; out 0x90,al; again: jmp again")) as guest:
        guest.vm.pio.attach(Slow(), 0x90)
        held = Running(guest.vcpu.run)
        entered.wait()

        def run_on() -> None:
            guest.start(program("ebfe  ; again: jmp again"))
            before = guest.vm.time
            guest.vcpu.run(1000)
            assert guest.vm.time == before + (1000 << 7)

        assert in_child(run_on) == 0

        leave.set()
        guest.vcpu.kick()
        held.result()


def test_closing_in_a_forked_child_leaves_irqfds_alone() -> None:
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    with Vm(irqchip=True) as vm:
        vm.irqfd(5, fd)

        assert in_child(vm.close) == 0

        os.eventfd_write(fd, 1)
        wait_until(lambda: vm.pio.read(0x20, 1) == 0x20)
    os.close(fd)


def stands_still(vcpu: Vcpu) -> bool:
    """Its count of instructions does not change. Asked without letting the GIL go."""
    start = vcpu.instructions
    return all(vcpu.instructions == start for _ in range(20_000))


def begun(vcpu: Vcpu) -> Running[Exit]:
    """A thread that runs the vCPU since less than 4 ms.

    It asks for the GIL after 5 ms, to look for signals. Who is stopped at that point may have a
    lock that all need.
    """
    while True:
        start = time.monotonic()
        run = Running(vcpu.run)
        advance(vcpu)
        if time.monotonic() - start < 0.004:
            return run
        vcpu.kick()
        run.result()


@contextmanager
def held(vcpu: Vcpu) -> Iterator[None]:
    """A thread runs the vCPU, and sleeps in the block, in the middle of its guest's code.

    A signal stops it: its handler is pause() of the C library, which another signal ends.
    """
    ends: list[int] = []
    libc = ctypes.CDLL(None)
    libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
    libc.signal(signal.SIGUSR1, ctypes.cast(libc.pause, ctypes.c_void_p))
    before = signal.signal(signal.SIGUSR2, lambda number, frame: ends.append(number))
    with switches_every(1000):
        run = begun(vcpu)
        number = run.thread.ident
        assert number is not None
        signal.pthread_kill(number, signal.SIGUSR1)
        while not stands_still(vcpu):
            pass
    try:
        yield
    finally:
        signal.pthread_kill(number, signal.SIGUSR2)
        wait_until(lambda: ends)
        vcpu.kick()
        run.result()
        signal.signal(signal.SIGUSR2, before)
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


#: How a child ends that was forked before the entry was taken off the table.
TOO_EARLY = 2


def test_what_a_thread_of_the_parent_was_about_to_free_is_freed_in_the_child() -> None:
    """An entry that is removed goes on a list until no vCPU can look at it any more. In the child
    nobody else is there to look, and the thread that would have freed it is not there either."""
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    with Guest(FOREVER) as guest:
        vm = guest.vm
        entry = vm.ioeventfd(0x80, 1, fd=fd)
        before = descriptors()

        def go_on() -> None:
            if vm.ioeventfds:
                os._exit(TOO_EARLY)
            with vm.ioeventfd(0x100, 1, fd=fd):
                assert descriptors() == before + 1, "the duplicate of the first entry is let go"
            for port in range(0x100, 0x110):
                vm.ioeventfd(port, 1, fd=fd)
            for each in vm.ioeventfds:
                each.deassign()
            vm.ioeventfd(0x80, 1, fd=fd)
            guest.start(program("e680  ; out 0x80,al"))
            assert guest.text() == "HLT"

        with held(guest.vcpu):
            removal = entered(entry.deassign)

            while (status := in_child(go_on)) == TOO_EARLY:
                pass

            assert removal.going
        removal.result()

    assert status == 0
    assert count_of(fd) == 1
    os.close(fd)
