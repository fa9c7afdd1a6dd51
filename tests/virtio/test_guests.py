"""Guests that use a virtio disk: the same binaries by exit, by ioeventfd, and served elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from pyx86emu import Machine
from pyx86emu.virtio.mmio import VirtioMmio
from tests import on_kvm
from tests.virtio import guests
from tests.virtio.guests import IMAGE, WAYS

GUESTS = ("queue_poll", "queue_irq")
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


@pytest.mark.parametrize("way", ["pull", "vcpu", "thread"])
@pytest.mark.parametrize("guest", GUESTS)
def test_guest_passes_on_kvm(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    on_kvm.need("kvm")
    run(machine, guest, way=way, accel="kvm")


@pytest.mark.parametrize("guest", GUESTS)
def test_every_run_is_the_same(guest: str, machine: Callable[..., Machine]) -> None:
    counts = {run(machine, guest, way="vcpu")[0].vcpu.instructions for _ in range(3)}

    assert len(counts) == 1
