"""Guests that use a virtio disk: the same binaries by exit, by ioeventfd, and served elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Machine
from tests import on_kvm
from tests.virtio.guests import IMAGE, PEERS, TRANSPORTS, WAYS, left, run, run_behind

each_guest = pytest.mark.parametrize("guest", TRANSPORTS)
#: Where the data that a guest writes begin: each word is its offset.
WRITTEN = {"queue_poll": 0x400, "pci_poll": 0x4000}


@pytest.mark.parametrize("way", WAYS)
@each_guest
def test_guest_passes(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    m, sector = run(machine, guest, way)

    first = WRITTEN.get(guest, 0)
    written = b"".join(n.to_bytes(2, "little") for n in range(first, first + 512, 2))
    assert sector == (written if guest in WRITTEN else IMAGE[1536:2048])
    assert (m.stats.mmio_exits + m.stats.pio_exits > 0) is (way == "pull")


@each_guest
def test_exits_and_ioeventfds_give_equal_results(
    guest: str, machine: Callable[..., Machine]
) -> None:
    found = set()
    for way in ("exit", "pull", "vcpu"):
        m, sector = run(machine, guest, way)
        found.add((m.vm.read(0x10000, 0x5000), sector, m.vcpu.instructions))

    assert len(found) == 1


@pytest.mark.parametrize("model", ["8086", "80286"])
def test_the_poller_needs_no_386(model: str, machine: Callable[..., Machine]) -> None:
    run(machine, "queue_poll", "vcpu", model=model)


@each_guest
def test_a_386_passes(guest: str, machine: Callable[..., Machine]) -> None:
    run(machine, guest, "vcpu", model="80386")


@pytest.mark.parametrize("way", WAYS)
@each_guest
def test_kvm_gives_equal_results(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    on_kvm.need("kvm")
    core, expected = run(machine, guest, "vcpu")

    m, sector = run(machine, guest, way, accel="kvm")

    assert sector == expected
    assert left(m, guest) == left(core, guest)


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("peer", PEERS)
@each_guest
def test_another_process_serves_it(
    guest: str, peer: str, accel: str, tmp_path: Path, machine: Callable[..., Machine]
) -> None:
    on_kvm.need(accel)
    core, _ = run(machine, guest, "vcpu")

    m = run_behind(machine, guest, peer, tmp_path, accel=accel)

    assert left(m, guest) == left(core, guest)


@pytest.mark.parametrize("way", ["exit", "vcpu"])
@each_guest
def test_every_run_is_the_same(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    counts = {run(machine, guest, way)[0].vcpu.instructions for _ in range(3)}

    assert len(counts) == 1
