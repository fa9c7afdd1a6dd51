"""Devices attached after the guest has run: they keep their state, on a line that exists."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from pyx86emu import Machine, PioDevice, Vm
from tests import on_kvm
from tests.harness import program

MakeMachine = Callable[..., Machine]


class Latch(PioDevice):
    """A byte; counts its resets."""

    def __init__(self) -> None:
        self.value, self.resets = 7, 0

    def reset(self) -> None:
        self.value = 0
        self.resets += 1

    def pio_read(self, offset: int, size: int) -> int:
        return self.value


def test_a_device_is_reset_when_it_is_attached_before_the_guest_has_run(
    machine: MakeMachine,
) -> None:
    m, latch = machine(), Latch()

    m.attach(latch, port=0x300)

    assert (latch.resets, m.vm.started) == (1, False)


def test_a_device_that_is_attached_later_keeps_its_state(machine: MakeMachine) -> None:
    m, latch = machine(program("ba0003 ec e6f4")), Latch()  # in al,dx; out 0xf4,al
    m.boot()
    assert m.vm.started

    m.attach(latch, port=0x300)
    m.run(timeout=1)

    assert (latch.resets, m.exit_status) == (0, 15)
    m.reset()
    assert latch.resets == 1


def test_a_device_can_move_to_another_port_while_the_machine_runs(machine: MakeMachine) -> None:
    m, latch = machine(program("ebfe")), Latch()
    place = m.attach(latch, port=0x300)
    m.boot()
    latch.value = 9

    place.detach()
    m.attach(latch, port=0x310)

    assert m.pio.read(0x310, 1) == 9


@pytest.mark.parametrize("gsi", [2, 16, 99, -1])
@pytest.mark.parametrize("later", [False, True])
def test_a_line_that_does_not_exist_is_refused(machine: MakeMachine, gsi: int, later: bool) -> None:
    m = machine(program("ebfe"))
    if later:
        m.boot()

    with pytest.raises(OSError, match=f"interrupt line {gsi}") as error:
        m.attach(Latch(), port=0x300, gsi=gsi)

    assert error.value.errno == errno.EINVAL
    assert m.pio.read(0x300, 1) == 0xFF


def test_a_vm_without_lines_refuses_each(vm: Callable[..., Vm]) -> None:
    with pytest.raises(OSError, match="no interrupt controller"):
        vm().pio.attach(Latch(), 0x300, gsi=5)


def test_kvm_does_the_same(machine: MakeMachine) -> None:
    on_kvm.need("kvm")
    m, latch = machine(program("f4"), accel="kvm"), Latch()
    m.run(timeout=0.5)

    m.attach(latch, port=0x300)

    assert (latch.resets, m.vm.started) == (0, True)
