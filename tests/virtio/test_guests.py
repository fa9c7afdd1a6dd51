"""Guests that use a virtio disk: the same binaries by exit, by ioeventfd, and served elsewhere."""

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
from pyx86emu.virtio.mmio import VirtioMmio
from tests import on_kvm
from tests.virtio.peers import PEERS, behind, left

HERE = Path(__file__).parent
PASSED = 0x10 << 1 | 1
GUESTS = ("queue_poll", "queue_irq")
IMAGE = b"".join(bytes([n]) * 512 for n in range(64))
BUFFERS = 0x10200
WAYS = ("exit", "pull", "vcpu", "thread", "asyncio")


def run(
    machine: Callable[..., Machine], guest: str, way: str, **options: Any
) -> tuple[Machine, VirtioBlk]:
    """Run a guest with a disk that is served this way."""
    m = machine((HERE / f"{guest}.bin").read_bytes(), **options)
    with Disk(IMAGE, kind="hd") as disk:
        loop = asyncio.new_event_loop()
        with closing(loop):
            served: Any = {"thread": "thread", "asyncio": loop}.get(way, "vcpu")
            blk = VirtioBlk(disk, served=served)
            transport = VirtioMmio(blk, ioeventfd=way not in ("exit", "pull"))
            m.attach(transport, pull=way == "pull")
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
            m.sector = disk.read(3, 1)  # type: ignore[attr-defined]
            transport.reset_device()
    return m, blk


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_guest_passes(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    m, _ = run(machine, guest, way)

    written = b"".join(n.to_bytes(2, "little") for n in range(0x400, 0x600, 2))
    assert m.sector == (written if guest == "queue_poll" else IMAGE[1536:2048])  # type: ignore[attr-defined]
    assert (m.stats.mmio_exits > 0) is (way == "pull")


@pytest.mark.parametrize("model", ["8086", "80286", "80386"])
def test_the_poller_needs_no_386(model: str, machine: Callable[..., Machine]) -> None:
    run(machine, "queue_poll", "vcpu", model=model)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("guest", GUESTS)
def test_kvm_gives_equal_results(guest: str, way: str, machine: Callable[..., Machine]) -> None:
    on_kvm.need("kvm")
    core, _ = run(machine, guest, "vcpu")

    m, _ = run(machine, guest, way, accel="kvm")

    assert m.sector == core.sector  # type: ignore[attr-defined]
    assert left(m, BUFFERS) == left(core, BUFFERS)


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("guest", GUESTS)
def test_another_process_serves_it(
    guest: str, peer: str, accel: str, tmp_path: Path, machine: Callable[..., Machine]
) -> None:
    on_kvm.need(accel)
    core, _ = run(machine, guest, "vcpu")
    code = (HERE / f"{guest}.bin").read_bytes()
    with behind(peer, IMAGE, tmp_path) as device:
        m = machine(code, shared=True, accel=accel)
        transport = VirtioMmio(device)
        m.attach(transport)

        exit = m.run(wall=20.0)

        assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), (
            m.debug_text or transport.trouble or exit
        )
        assert left(m, BUFFERS) == left(core, BUFFERS)
        transport.reset_device()


@pytest.mark.parametrize("guest", GUESTS)
def test_every_run_is_the_same(guest: str, machine: Callable[..., Machine]) -> None:
    counts = {run(machine, guest, "vcpu")[0].vcpu.instructions for _ in range(3)}

    assert len(counts) == 1


@pytest.mark.parametrize("guest", GUESTS)
def test_guest_is_built_from_its_source(guest: str, nasm: str, tmp_path: Path) -> None:
    built = tmp_path / "guest.bin"

    command = [nasm, "-w+error", "-f", "bin", "-I../guests/", f"{guest}.asm", "-o", str(built)]
    subprocess.run(command, cwd=HERE, check=True)

    assert built.read_bytes() == (HERE / f"{guest}.bin").read_bytes(), (
        f"in tests/virtio: nasm -f bin -I../guests/ {guest}.asm -o {guest}.bin"
    )
