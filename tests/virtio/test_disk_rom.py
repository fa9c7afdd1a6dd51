"""Booting from virtio disks: INT 13h of the option ROM, with the disk served in every way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, ExitReason, Machine
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.serve import serve
from tests import on_kvm
from tests.on_storage_daemon import StorageDaemon, image, raw
from tests.virtio import guests
from tests.virtio.guests import PASSED, boot_sector, check_passed

IMAGE = boot_sector("boot13") + guests.IMAGE[512:]
WRITTEN = b"\xfa\xfa" + b"\5" * 510
WAYS = ("exit", "vcpu", "thread", "back-end", "daemon")


@contextmanager
def served(way: str, where: Path) -> Iterator[tuple[Any, Callable[[], bytes]]]:
    """A transport with the disk, and what sector 7 has at the end."""
    where.chmod(0o700)
    if way == "daemon":
        path = image(where / "disk.qcow2", len(IMAGE), IMAGE)
        with StorageDaemon(path, where / "blk.sock") as daemon:
            transport = VirtioMmio(VhostUserBlk(where / "blk.sock"))

            def sector() -> bytes:
                transport.reset_device()
                daemon.end()
                return raw(path)[7 * 512 : 8 * 512]

            yield transport, sector
        return
    with Disk(IMAGE, kind="hd") as disk:
        if way == "back-end":
            with serve(VirtioBlk(disk), where / "blk.sock"):
                transport = VirtioMmio(VhostUserBlk(where / "blk.sock"))
                yield transport, lambda: disk.read(7, 1)
                transport.reset_device()
            return
        blk = VirtioBlk(disk, served="thread" if way == "thread" else "vcpu")
        transport = VirtioMmio(blk, ioeventfd=way != "exit")
        yield transport, lambda: disk.read(7, 1)
        transport.reset_device()


def boots(machine: Callable[..., Machine], way: str, where: Path, **options: Any) -> None:
    with served(way, where) as (transport, sector):
        m = machine(None, shared=True, **options)
        m.attach(transport)
        exit = m.run(wall=60.0)
        check_passed(m, exit, transport)
        assert sector() == WRITTEN


@pytest.mark.parametrize("way", WAYS)
def test_a_boot_sector_uses_a_virtio_disk_by_int_13h(
    way: str, machine: Callable[..., Machine], tmp_path: Path
) -> None:
    boots(machine, way, tmp_path)


@pytest.mark.parametrize("way", ["exit", "daemon"])
def test_the_same_on_kvm(way: str, machine: Callable[..., Machine], tmp_path: Path) -> None:
    on_kvm.need("kvm")
    boots(machine, way, tmp_path, accel="kvm")


@pytest.mark.parametrize("model", ["8086", "80286"])
def test_before_the_80386_the_rom_says_what_it_needs(
    model: str, machine: Callable[..., Machine]
) -> None:
    m = machine(None, model=model)
    with Disk(IMAGE, kind="hd") as disk:
        m.attach(VirtioBlk(disk))
        m.run(max_instructions=50_000_000)

    assert "virtio-blk: no INT 13h, it needs an 80386" in m.screen.text


def test_a_machine_with_another_disk_has_no_rom(machine: Callable[..., Machine]) -> None:
    m = machine(b"\xf4".ljust(510, b"\0") + b"\x55\xaa")
    with Disk(IMAGE, kind="hd") as disk:
        m.attach(VirtioBlk(disk))

        assert all(slot.addr != 0xC8000 for slot in m.vm.slots)


def test_two_disks_have_two_numbers(machine: Callable[..., Machine]) -> None:
    m = machine(None)
    with Disk(IMAGE, kind="hd") as first, Disk(IMAGE, kind="hd") as second:
        m.attach(VirtioBlk(first))
        m.attach(VirtioBlk(second))
        exit = m.run(wall=60.0)

    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED)
    assert m.vm.read(0x475, 1) == b"\2"
    assert sum(slot.addr == 0xC8000 for slot in m.vm.slots) == 1


def test_freedos_boots_off_a_qcow2_that_another_process_serves(
    machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """It copies a file there, and the image has the copy."""
    found = Path(os.environ.get("PYX86EMU_GUESTS", "/nowhere")) / "freedos-hd.img"
    if not found.exists():
        pytest.skip("there is no FreeDOS image: set PYX86EMU_GUESTS to where guests.py put them")
    disk = image(tmp_path / "disk.qcow2", found.stat().st_size, found.read_bytes())
    tmp_path.chmod(0o700)
    with StorageDaemon(disk, tmp_path / "blk.sock") as daemon:
        m = machine(None, model="80486", shared=True, clock="host")
        transport = VirtioMmio(VhostUserBlk(tmp_path / "blk.sock"))
        m.attach(transport)

        def comes(text: str, keys: str) -> None:
            exit = m.run(until=text, wall=60.0)
            assert exit.reason is ExitReason.MATCH, m.screen.text
            m.keyboard.type(keys)

        comes("new date", "\n")
        comes("new time", "\n")
        before = m.stats.pio_exits + m.stats.mmio_exits
        comes(r"C:\\>", "copy kernel.sys two.sys\n")
        comes(r"two.sys\s+C:\\>", "exit\n")
        assert m.stats.pio_exits + m.stats.mmio_exits == before
        transport.reset_device()
        daemon.end()
    partition = raw(disk)[63 * 512 :]
    kernel = found.read_bytes()[63 * 512 :]
    names = [partition[at : at + 11] for at in range(0, 64 * 1024, 32)]
    assert names.index(b"KERNEL  SYS") != names.index(b"TWO     SYS")
    assert partition != kernel
    assert file_in(partition, b"TWO     SYS") == file_in(kernel, b"KERNEL  SYS")


def file_in(volume: bytes, name: bytes) -> bytes:
    """A file of the root directory of a FAT16 volume."""
    reserved, fats = int.from_bytes(volume[14:16], "little"), volume[16]
    entries, per_fat = (int.from_bytes(volume[at : at + 2], "little") for at in (17, 22))
    root = (reserved + fats * per_fat) * 512
    at = next(at for at in range(root, root + entries * 32, 32) if volume[at : at + 11] == name)
    cluster = int.from_bytes(volume[at + 26 : at + 28], "little")
    size = int.from_bytes(volume[at + 28 : at + 32], "little")
    piece = volume[13] * 512
    data = b""
    while len(data) < size:
        start = root + entries * 32 + (cluster - 2) * piece
        data += volume[start : start + piece]
        fat = reserved * 512 + cluster * 2
        cluster = int.from_bytes(volume[fat : fat + 2], "little")
    return data[:size]
