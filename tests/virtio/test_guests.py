"""Guests that use a virtio disk: the same binaries by exit, by ioeventfd, and served elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from pyx86emu import Machine
from pyx86emu.virtio.mmio import VirtioMmio
from tests import on_kvm
from tests.virtio import guests
from tests.virtio.guests import IMAGE, PEERS, WAYS, left, run_behind

GUESTS = ("queue_poll", "queue_irq")
BUFFERS = 0x10200
run = partial(guests.run, make=VirtioMmio)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_guest_passes(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    m, sector = run(machine, guest, way=way)

    written = b"".join(n.to_bytes(2, "little") for n in range(0x400, 0x600, 2))
    assert sector == (written if guest == "queue_poll" else IMAGE[1536:2048])
    assert (m.stats.mmio_exits > 0) is (way == "pull")


@pytest.mark.parametrize("model", ["8086", "80286", "80386"])
def test_the_poller_needs_no_386(model: str, machine: Callable[..., Machine]) -> None:
    run(machine, "queue_poll", way="vcpu", model=model)


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
def test_another_process_serves_it(
    guest: str, peer: str, accel: str, tmp_path: Path, machine: Callable[..., Machine]
) -> None:
    on_kvm.need(accel)
    core, _ = run(machine, guest, way="vcpu")

    m = run_behind(machine, guest, VirtioMmio, peer, tmp_path, accel=accel)

    assert left(m, BUFFERS) == left(core, BUFFERS)


@pytest.mark.parametrize("guest", GUESTS)
def test_every_run_is_the_same(guest: str, machine: Callable[..., Machine]) -> None:
    counts = {run(machine, guest, way="vcpu")[0].vcpu.instructions for _ in range(3)}

    assert len(counts) == 1
