"""The bus master bit: a virtio device on the PCI bus leaves memory alone without it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, Machine
from pyx86emu.pc.pci import COMMAND, IO, MASTER, MEMORY_SPACE
from pyx86emu.virtio import pci
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.numbers import DRIVER_OK, FAILED, NEEDS_RESET
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.serve import serve
from tests.harness import wait_until
from tests.virtio.driver import Ring
from tests.virtio.echo import Echo
from tests.virtio.pci_driver import MEMORY, PORT, Modern, legacy

OFF, ON = IO | MEMORY_SPACE, IO | MEMORY_SPACE | MASTER


@pytest.fixture
def m() -> Iterator[Machine]:
    with Machine(b"\xf4", shared=True) as machine:
        yield machine


def command(m: Machine, value: int | None = None) -> int:
    return Modern(m).config(COMMAND, 2, value)


def modern(m: Machine, transport: VirtioPci) -> tuple[Modern, Ring]:
    """A device that is attached, and a driver that has come to FEATURES_OK, with a queue."""
    m.attach(transport)
    driver, ring = Modern(m), Ring(m.vm, 8)
    driver.negotiate()
    driver.put(pci.COMMON_QUEUE_SIZE, 2, 8)
    for at, addr in zip((0x20, 0x28, 0x30), ring.addresses, strict=True):
        driver.put(at, 4, addr)
        driver.put(at + 4, 4, 0)
    driver.put(pci.QUEUE_ENABLE, 2, 1)
    return driver, ring


def echo(m: Machine, ring: Ring, kick: Callable[[], object]) -> list[tuple[int, int]]:
    """One request, and what has become of it."""
    m.vm.write(0x20000, b"hello")
    ring.add([(0x20000, 5, False), (0x20100, 5, True)])
    kick()
    return ring.reap()


def test_the_board_makes_devices_bus_masters(m: Machine) -> None:
    m.attach(VirtioPci(Echo()))

    assert command(m) == ON


@pytest.mark.parametrize("ioeventfd", [True, False])
def test_a_device_that_is_no_bus_master_any_more_needs_a_reset(m: Machine, ioeventfd: bool) -> None:
    transport = VirtioPci(Echo(), ioeventfd=ioeventfd)
    driver, ring = modern(m, transport)
    driver.put(pci.DEVICE_STATUS, 1, 15)

    def kick() -> None:
        driver.put(0, 2, 0, pci.CAP_NOTIFY)

    assert echo(m, ring, kick) == [(0, 5)]

    command(m, OFF)

    assert echo(m, ring, kick) == []
    assert transport.status == 11 | NEEDS_RESET
    assert transport.trouble == "echo: its bus master bit was cleared while it worked"
    assert m.mmio.read(MEMORY + 0x100, 1) & 2  # the configuration has changed
    command(m, ON)
    driver.put(pci.DEVICE_STATUS, 1, 15)
    assert transport.status == 11 | NEEDS_RESET
    assert echo(m, ring, kick) == []


@pytest.mark.parametrize("served", ["thread", "outside"])
def test_others_that_serve_it_leave_memory_alone(m: Machine, served: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with ExitStack() as stack:
        disk = stack.enter_context(Disk(bytes([7]) * (1 << 16), kind="hd"))
        if served == "outside":
            stack.enter_context(serve(VirtioBlk(disk), tmp_path / "blk.sock"))
            blk: Any = VhostUserBlk(tmp_path / "blk.sock")
            stack.callback(blk.close)
        else:
            blk = VirtioBlk(disk, served="thread")
        transport = VirtioPci(blk)
        driver, ring = modern(m, transport)
        driver.put(pci.DEVICE_STATUS, 1, 15)
        m.vm.write(0x20000, bytes(16))
        parts = [(0x20000, 16, False), (0x20200, 512, True), (0x20100, 1, True)]
        ring.add(parts)
        driver.put(0, 2, 0, pci.CAP_NOTIFY)
        wait_until(lambda: ring.reap() == [(0, 513)])

        command(m, OFF)

        ring.add(parts)
        before = m.vm.read(0x10000, 0x20000)
        driver.put(0, 2, 0, pci.CAP_NOTIFY)
        command(m, ON)
        if served == "outside":
            assert blk.settle()
        else:
            assert blk.name not in [thread.name for thread in threading.enumerate()]
        assert transport.status == 11 | NEEDS_RESET
        assert m.vm.read(0x10000, 0x20000) == before
        transport.reset_device()


def test_a_modern_driver_sets_the_bit_before_driver_ok(m: Machine) -> None:
    transport = VirtioPci(Echo())
    driver, ring = modern(m, transport)
    command(m, OFF)

    driver.put(pci.DEVICE_STATUS, 1, 15)

    assert transport.status == 11 | NEEDS_RESET
    assert transport.trouble == "echo: DRIVER_OK before its bus master bit is set"
    assert echo(m, ring, lambda: driver.put(0, 2, 0, pci.CAP_NOTIFY)) == []


def test_a_legacy_driver_need_not_know_the_bit(m: Machine) -> None:
    transport, ring = legacy(m, Echo())
    m.pio.write(PORT + pci.STATUS, 1, 0)
    command(m, OFF)
    m.pio.write(PORT + pci.STATUS, 1, 3)
    m.pio.write(PORT + pci.QUEUE_PFN, 4, ring.base >> 12)

    m.pio.write(PORT + pci.STATUS, 1, 7)

    assert transport.status == 7
    assert command(m) == ON
    assert echo(m, ring, lambda: m.pio.write(PORT + pci.QUEUE_NOTIFY, 2, 0)) == [(0, 5)]


@pytest.mark.parametrize("bits", [FAILED | 15, NEEDS_RESET])
def test_a_device_that_does_not_live_can_be_saved(m: Machine, bits: int) -> None:
    """The driver gives up, or goes on after an error without a reset."""
    transport, kept = VirtioPci(Echo()), VirtioPci(Echo())
    driver, _ = modern(m, transport)
    if bits == NEEDS_RESET:
        transport.needs_reset("broken")
    driver.put(pci.DEVICE_STATUS, 1, bits if bits & DRIVER_OK else 15)

    with Machine(b"\xf4", shared=True) as other:
        other.attach(kept)
        other.restore(m.save())

        assert kept.status == transport.status == 11 | bits & (FAILED | NEEDS_RESET)
