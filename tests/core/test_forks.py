"""A forked child: its Vms are usable, whatever the threads of its parent did at the time."""

from __future__ import annotations

import os
import threading

import pytest

from pyx86emu import PioDevice, Vm
from tests.harness import (
    LONG,
    Guest,
    Running,
    advance,
    in_child,
    program,
    running,
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
