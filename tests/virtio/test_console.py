"""VirtioConsole: bytes in both directions."""

from __future__ import annotations

import pytest

from pyx86emu import Machine
from pyx86emu.virtio import mmio
from pyx86emu.virtio.console import MOST_INPUT, RECEIVE, TRANSMIT, VirtioConsole
from pyx86emu.virtio.mmio import VirtioMmio
from tests.virtio.driver import Registers, Ring


class Driver:
    def __init__(self, m: Machine, device: VirtioConsole) -> None:
        self.m = m
        transport = VirtioMmio(device)
        m.attach(transport)
        self.registers = Registers(transport)
        self.rx, self.tx = Ring(m.vm, 8, 0x10000), Ring(m.vm, 8, 0x11000)
        self.registers.start({RECEIVE: self.rx, TRANSMIT: self.tx})

    def say(self, *texts: bytes) -> None:
        self.tx.free = list(range(8))
        for i, text in enumerate(texts):
            self.m.vm.write(0x20000 + 0x100 * i, text)
            self.tx.add([(0x20000 + 0x100 * i, len(text), False)])
        self.registers.kick(TRANSMIT)

    def listen(self, size: int = 16) -> None:
        """Give the device one more buffer."""
        self.rx.add([(0x30000 + 0x100 * self.rx.free[0], size, True)])
        self.registers.kick(RECEIVE)

    def heard(self) -> bytes:
        return b"".join(self.m.vm.read(0x30000 + 0x100 * head, n) for head, n in self.rx.reap())


def test_what_the_guest_sends_is_put_out(m: Machine) -> None:
    said: list[bytes] = []
    driver = Driver(m, VirtioConsole(said.append))

    driver.say(b"hello ", b"world")

    assert b"".join(said) == b"hello world"
    assert len(driver.tx.reap()) == 2


def test_input_waits_for_buffers(m: Machine) -> None:
    console = VirtioConsole()
    driver = Driver(m, console)

    assert console.send(b"abcdefgh") == 8
    assert console.waiting == 8
    driver.listen(5)
    assert driver.heard() == b"abcde"
    driver.listen()
    assert driver.heard() == b"fgh"
    driver.listen()
    assert driver.heard() == b""
    console.send(b"later")
    assert driver.heard() == b"later"
    assert driver.registers.get(mmio.INTERRUPT_STATUS) == 1


def test_input_is_bounded(m: Machine) -> None:
    console = VirtioConsole()

    assert console.send(bytes(MOST_INPUT + 10)) == MOST_INPUT
    assert console.send(b"x") == 0


def test_the_size_is_in_the_configuration(m: Machine) -> None:
    console = VirtioConsole(size=(132, 43))
    driver = Driver(m, console)
    assert driver.registers.get(mmio.CONFIG) == 43 << 16 | 132

    console.size = (80, 50)

    assert driver.registers.get(mmio.CONFIG) == 50 << 16 | 80
    assert driver.registers.get(mmio.INTERRUPT_STATUS) == 2
    with pytest.raises(ValueError, match="rows"):
        console.size = (80, 1 << 16)
    with pytest.raises(TypeError, match="output"):
        VirtioConsole(7)  # type: ignore[arg-type]


def test_an_emergency_write_needs_no_queue(m: Machine) -> None:
    said: list[bytes] = []
    transport = VirtioMmio(VirtioConsole(said.append))
    m.attach(transport)

    transport.mmio_write(mmio.CONFIG + 8, 4, ord("!"))

    assert said == [b"!"]


def test_a_state_has_what_waits(m: Machine) -> None:
    console = VirtioConsole()
    driver = Driver(m, console)
    console.send(b"abc")
    state = m.save()
    driver.listen()
    assert driver.heard() == b"abc"

    m.restore(state)

    assert console.waiting == 3
