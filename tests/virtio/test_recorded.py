"""A machine with a virtio disk can be recorded, and goes back; others say why not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, Machine, MachineError
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.console import VirtioConsole
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.rng import VirtioRng
from tests.virtio.guests import IMAGE, PASSED, boot_sector


@pytest.mark.parametrize(
    ("guest", "transport", "where"),
    [("queue_irq", VirtioMmio, 0x11000), ("pci_irq", VirtioPci, 0x14000)],
)
def test_a_run_goes_back_over_requests(
    guest: str, transport: Callable[..., Any], where: int, machine: Callable[..., Machine]
) -> None:
    m = machine(boot_sector(guest))
    with Disk(IMAGE, kind="hd") as disk:
        m.attach(transport(VirtioBlk(disk)))
        with m.record():
            m.run()
            assert m.exit_status == PASSED
            end, written = m.vcpu.instructions or 0, m.vm.read(where, 0x1000)
            m.goto(end - 4000)
            assert m.vm.read(where, 0x1000) != written
            m.goto(end)

            assert m.vm.read(where, 0x1000) == written


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (VirtioConsole, "outside of the machine"),
        (VirtioRng, "outside of the machine"),
        (lambda: VirtioRng(seed=1, served="thread"), "another thread"),
        (lambda: VirtioPci(VirtioRng()), "outside of the machine"),
    ],
)
def test_what_cannot_be_repeated_is_not_recorded(
    make: Callable[[], Any], why: str, machine: Callable[..., Machine]
) -> None:
    m = machine(b"\xf4")
    m.attach(make())

    with pytest.raises(MachineError, match=why):
        m.record()


@pytest.mark.parametrize("transport", [VirtioMmio, VirtioPci])
def test_a_machine_that_is_recorded_can_be_closed(
    transport: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "run.rec"
    with Machine(boot_sector("queue_irq")) as m:
        m.attach(transport(VirtioRng(seed=1)))
        m.record(path)
        m.run(timeout=1)

    assert m.recording is None
    again = [(transport(VirtioRng(seed=1)), {})]
    with Machine.replay(path, attach=again) as m:
        m.run()
