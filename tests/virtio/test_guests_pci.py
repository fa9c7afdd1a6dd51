"""Guests that use a virtio disk on the PCI bus: the same binaries by exit, by ioeventfd, and served
elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pyx86emu import Disk, ExitReason, Machine
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.pci import VirtioPci
from tests import on_kvm
from tests.virtio import guests
from tests.virtio.guests import IMAGE, PASSED, PEERS, WAYS, boot_sector, left, run_behind

GUESTS = ("pci_poll", "pci_irq")
BUFFERS = 0x13000
run = partial(guests.run, make=VirtioPci)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_guest_passes(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    m, sector = run(machine, guest, way=way)

    written = b"".join(n.to_bytes(2, "little") for n in range(0x4000, 0x4200, 2))
    assert sector == (written if guest == "pci_poll" else IMAGE[1536:2048])
    assert (m.stats.pio_exits > 0) is (way == "pull")


@pytest.mark.parametrize("guest", GUESTS)
def test_exits_and_ioeventfds_give_equal_results(
    guest: str, machine: Callable[..., Machine]
) -> None:
    found = set()
    for way in ("exit", "pull", "vcpu"):
        m, sector = run(machine, guest, way=way)
        found.add((m.vm.read(0x10000, 0x5000), sector, m.vcpu.instructions))

    assert len(found) == 1


@pytest.mark.parametrize("guest", GUESTS)
def test_a_386_passes(guest: str, machine: Callable[..., Machine]) -> None:
    run(machine, guest, way="vcpu", model="80386")


@pytest.mark.parametrize("gsi", [5, 9, 11, 15])
@pytest.mark.parametrize("way", ["exit", "vcpu", "thread"])
def test_the_line_is_what_the_configuration_says(
    gsi: int, way: str, machine: Callable[..., Machine]
) -> None:
    m, _ = run(machine, "pci_irq", way=way, gsi=gsi)

    chip = m.vm.irqchip
    assert chip.slave.elcr << 8 | chip.master.elcr == 1 << gsi


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_kvm_gives_equal_results(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    on_kvm.need("kvm")
    core, expected = run(machine, guest, way="vcpu")

    m, sector = run(machine, guest, way=way, accel="kvm")

    assert sector == expected
    assert left(m, BUFFERS) == left(core, BUFFERS)


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("guest", GUESTS)
def test_another_process_serves_a_legacy_driver(
    guest: str, peer: str, accel: str, tmp_path: Path, machine: Callable[..., Machine]
) -> None:
    on_kvm.need(accel)
    core, _ = run(machine, guest, way="vcpu")

    m = run_behind(machine, guest, VirtioPci, peer, tmp_path, accel=accel)

    assert left(m, BUFFERS) == left(core, BUFFERS)


@pytest.mark.parametrize("way", ["exit", "vcpu"])
@pytest.mark.parametrize("guest", GUESTS)
def test_every_run_is_the_same(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    counts = {run(machine, guest, way=way)[0].vcpu.instructions for _ in range(3)}

    assert len(counts) == 1


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
