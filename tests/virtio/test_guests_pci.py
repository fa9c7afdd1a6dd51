"""Guests that use a virtio disk on the PCI bus: their interrupt line, and saved states."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import Disk, ExitReason, Machine
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.pci import VirtioPci
from tests.virtio.guests import IMAGE, PASSED, boot_sector, run


@pytest.mark.parametrize("gsi", [5, 9, 11, 15])
@pytest.mark.parametrize("way", ["exit", "vcpu", "thread"])
def test_the_line_is_what_the_configuration_says(
    gsi: int, way: str, machine: Callable[..., Machine]
) -> None:
    m, _ = run(machine, "pci_irq", way, gsi)

    chip = m.vm.irqchip
    assert chip.slave.elcr << 8 | chip.master.elcr == 1 << gsi


@pytest.mark.parametrize("way", ["exit", "vcpu", "thread"])
def test_a_guest_goes_on_after_a_restore(way: str, machine: Callable[..., Machine]) -> None:
    with Disk(IMAGE, kind="hd") as disk:
        blk = VirtioBlk(disk, served="thread" if way == "thread" else "vcpu")
        m = machine(boot_sector("pci_poll"))
        m.attach(VirtioPci(blk, ioeventfd=way != "exit"))
        m.boot()
        m.run(max_instructions=900)  # the driver fills its buffer, after DRIVER_OK
        state = m.save()
        assert m.run(wall=20.0).reason is ExitReason.SHUTDOWN
        m.restore(state)
        assert m.exit_status is None

        assert m.run(wall=20.0).reason is ExitReason.SHUTDOWN

        assert m.exit_status == PASSED


def test_another_machine_takes_the_state(machine: Callable[..., Machine]) -> None:
    boot = boot_sector("pci_poll")
    with Disk(IMAGE, kind="hd") as one, Disk(IMAGE, kind="hd") as two:
        m = machine(boot)
        m.attach(VirtioPci(VirtioBlk(one)))
        m.boot()
        m.run(max_instructions=900)
        other = machine(boot)
        transport = VirtioPci(VirtioBlk(two))
        other.attach(transport)

        other.restore(m.save())

        assert transport.status == 7
        assert other.run(wall=20.0).reason is ExitReason.SHUTDOWN
        assert other.exit_status == PASSED
