"""Guests that use a virtio disk on the PCI bus: the same binaries by exit, by ioeventfd, and served
elsewhere."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, ExitReason, Machine
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.pci import VirtioPci
from tests import on_kvm
from tests.virtio.peers import PEERS, behind, left

HERE = Path(__file__).parent
PASSED = 0x10 << 1 | 1
GUESTS = ("pci_poll", "pci_irq")
IMAGE = b"".join(bytes([n]) * 512 for n in range(64))
BUFFERS = 0x13000
WAYS = ("exit", "pull", "vcpu", "thread", "asyncio")


def run(
    machine: Callable[..., Machine], guest: str, way: str, gsi: int | None = None, **options: Any
) -> tuple[Machine, bytes]:
    """Run a guest with a disk that is served this way. Returns sector 3 as it is then."""
    m = machine((HERE / f"{guest}.bin").read_bytes(), **options)
    loop = asyncio.new_event_loop()
    with Disk(IMAGE, kind="hd") as disk, closing(loop):
        served: Any = {"thread": "thread", "asyncio": loop}.get(way, "vcpu")
        transport = VirtioPci(VirtioBlk(disk, served=served), ioeventfd=way not in ("exit", "pull"))
        slot = m.attach(transport, gsi=gsi, pull=way == "pull")
        thread = threading.Thread(target=loop.run_forever)
        if way == "asyncio":
            thread.start()
        exit = m.run(wall=20.0)
        if way == "asyncio":
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), (
            m.debug_text or transport.trouble or exit
        )
        sector = disk.read(3, 1)
        slot.detach()
    return m, sector


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_guest_passes(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    m, sector = run(machine, guest, way)

    written = b"".join(n.to_bytes(2, "little") for n in range(0x4000, 0x4200, 2))
    assert sector == (written if guest == "pci_poll" else IMAGE[1536:2048])
    assert (m.stats.pio_exits > 0) is (way == "pull")


@pytest.mark.parametrize("guest", GUESTS)
def test_exits_and_ioeventfds_give_equal_results(
    guest: str, machine: Callable[..., Machine]
) -> None:
    found = set()
    for way in ("exit", "pull", "vcpu"):
        m, sector = run(machine, guest, way)
        found.add((m.vm.read(0x10000, 0x5000), sector, m.vcpu.instructions))

    assert len(found) == 1


@pytest.mark.parametrize("guest", GUESTS)
def test_a_386_passes(guest: str, machine: Callable[..., Machine]) -> None:
    run(machine, guest, "vcpu", model="80386")


@pytest.mark.parametrize("gsi", [5, 9, 11, 15])
@pytest.mark.parametrize("way", ["exit", "vcpu", "thread"])
def test_the_line_is_what_the_configuration_says(
    gsi: int, way: str, machine: Callable[..., Machine]
) -> None:
    m, _ = run(machine, "pci_irq", way, gsi)

    chip = m.vm.irqchip
    assert chip.slave.elcr << 8 | chip.master.elcr == 1 << gsi


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_kvm_gives_equal_results(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    on_kvm.need("kvm")
    core, expected = run(machine, guest, "vcpu")

    m, sector = run(machine, guest, way, accel="kvm")

    assert sector == expected
    assert left(m, BUFFERS) == left(core, BUFFERS)


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("guest", GUESTS)
def test_another_process_serves_a_legacy_driver(
    guest: str, peer: str, accel: str, tmp_path: Path, machine: Callable[..., Machine]
) -> None:
    on_kvm.need(accel)
    core, _ = run(machine, guest, "vcpu")
    code = (HERE / f"{guest}.bin").read_bytes()
    with behind(peer, IMAGE, tmp_path) as device:
        m = machine(code, shared=True, accel=accel)
        transport = VirtioPci(device)
        slot = m.attach(transport)

        exit = m.run(wall=20.0)

        assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), (
            m.debug_text or transport.trouble or exit
        )
        assert left(m, BUFFERS) == left(core, BUFFERS)
        slot.detach()


@pytest.mark.parametrize("way", ["exit", "vcpu"])
@pytest.mark.parametrize("guest", GUESTS)
def test_every_run_is_the_same(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    counts = {run(machine, guest, way)[0].vcpu.instructions for _ in range(3)}

    assert len(counts) == 1


@pytest.mark.parametrize("way", ["exit", "vcpu", "thread"])
def test_a_guest_goes_on_after_a_restore(way: str, machine: Callable[..., Machine]) -> None:
    with Disk(IMAGE, kind="hd") as disk:
        blk = VirtioBlk(disk, served="thread" if way == "thread" else "vcpu")
        m = machine((HERE / "pci_poll.bin").read_bytes())
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
    boot = (HERE / "pci_poll.bin").read_bytes()
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


@pytest.mark.parametrize("guest", GUESTS)
def test_guest_is_built_from_its_source(guest: str, nasm: str, tmp_path: Path) -> None:
    built = tmp_path / "guest.bin"

    command = [nasm, "-w+error", "-f", "bin", "-I../guests/", f"{guest}.asm", "-o", str(built)]
    subprocess.run(command, cwd=HERE, check=True)

    assert built.read_bytes() == (HERE / f"{guest}.bin").read_bytes(), (
        f"in tests/virtio: nasm -f bin -I../guests/ {guest}.asm -o {guest}.bin"
    )
