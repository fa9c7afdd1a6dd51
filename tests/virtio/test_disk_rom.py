"""Booting from virtio disks: INT 13h of the option ROM, with the disk served in every way."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, ExitReason, Machine, MachineError
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.pci import VirtioPci
from pyx86emu.virtio.vhost.blk import VhostUserBlk
from pyx86emu.virtio.vhost.serve import serve
from tests import on_kvm, on_qemu
from tests.harness import ROOT
from tests.on_storage_daemon import StorageDaemon, image, raw
from tests.pc.int13 import BUFFER, Caller
from tests.virtio import guests
from tests.virtio.guests import PASSED, boot_sector, check_passed

ROMS = ROOT / "pyx86emu" / "pc" / "roms"
IMAGE = boot_sector("boot13") + guests.IMAGE[512:]
WRITTEN = b"\xfa\xfa" + b"\5" * 510
WAYS = ("exit", "vcpu", "thread", "back-end", "daemon")
TRANSPORTS: dict[str, Any] = {"mmio": VirtioMmio, "pci": VirtioPci}
transports = pytest.mark.parametrize("at", TRANSPORTS)


@contextmanager
def served(at: str, way: str, where: Path) -> Iterator[tuple[Any, Callable[[], bytes]]]:
    """A transport with the disk, and what sector 7 has at the end."""
    kind = TRANSPORTS[at]
    where.chmod(0o700)
    if way == "daemon":
        path = image(where / "disk.qcow2", len(IMAGE), IMAGE)
        with StorageDaemon(path, where / "blk.sock") as daemon:
            transport = kind(VhostUserBlk(where / "blk.sock"))

            def sector() -> bytes:
                transport.reset_device()
                daemon.end()
                return raw(path)[7 * 512 : 8 * 512]

            yield transport, sector
        return
    with Disk(IMAGE, kind="hd") as disk:
        if way == "back-end":
            with serve(VirtioBlk(disk), where / "blk.sock"):
                transport = kind(VhostUserBlk(where / "blk.sock"))
                yield transport, lambda: disk.read(7, 1)
                transport.reset_device()
            return
        blk = VirtioBlk(disk, served="thread" if way == "thread" else "vcpu")
        transport = kind(blk, ioeventfd=way != "exit")
        yield transport, lambda: disk.read(7, 1)
        transport.reset_device()


def boots(machine: Callable[..., Machine], at: str, way: str, where: Path, **options: Any) -> None:
    with served(at, way, where) as (transport, sector):
        m = machine(None, shared=True, **options)
        m.attach(transport)
        exit = m.run(wall=60.0)
        check_passed(m, exit, transport)
        assert sector() == WRITTEN


@pytest.mark.parametrize("way", WAYS)
@transports
def test_a_boot_sector_uses_a_virtio_disk_by_int_13h(
    at: str, way: str, machine: Callable[..., Machine], tmp_path: Path
) -> None:
    boots(machine, at, way, tmp_path)


@pytest.mark.parametrize("way", WAYS)
@transports
def test_the_same_on_kvm(
    at: str, way: str, machine: Callable[..., Machine], tmp_path: Path
) -> None:
    on_kvm.need("kvm")
    boots(machine, at, way, tmp_path, accel="kvm")


@pytest.mark.parametrize("count", [1, 2])
def test_the_rom_boots_from_the_disks_of_qemu(count: int, tmp_path: Path) -> None:
    """So it is right about devices that are not ours. Nobody has set their BARs."""
    command = [on_qemu.need(), "-M", "pc", "-cpu", "486", "-net", "none", "-display", "none"]
    command += ["-bios", str(ROMS / "bios.bin"), "-debugcon", "stdio", "-no-reboot"]
    command += ["-device", f"loader,file={ROMS}/virtioblk.bin,addr=0xc8000,force-raw=on"]
    command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    for n in range(count):
        path = tmp_path / f"disk{n}.img"
        path.write_bytes(IMAGE)
        command += ["-drive", f"file={path},format=raw,if=none,id=d{n}"]
        command += ["-device", f"virtio-blk-pci,drive=d{n}"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == PASSED, done.stdout + done.stderr
    found = [(tmp_path / f"disk{n}.img").read_bytes()[3584:4096] for n in range(count)]
    assert found == [WRITTEN, IMAGE[3584:4096]][:count]


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


def marked(number: int) -> Disk:
    """A disk that boots; its sector 1 is filled with its number."""
    return Disk(IMAGE[:512] + bytes([number]) * 512 + IMAGE[1024:], kind="hd")


@pytest.mark.parametrize("own", [0, 1])
def test_disks_of_both_transports_have_consecutive_numbers(
    own: int, machine: Callable[..., Machine]
) -> None:
    """After the machine's own, those of MMIO, then those on the PCI bus, each in its order."""
    with ExitStack() as stack:
        disks = [stack.enter_context(marked(0xA0 + n)) for n in range(4)]
        m = machine(marked(0x99) if own else None)
        for disk, kind in zip(disks, (VirtioPci, VirtioMmio, VirtioPci, VirtioMmio), strict=True):
            m.attach(kind(VirtioBlk(disk), rom=True))
        caller = Caller(m)

        found = []
        for drive in range(0x80, 0x84 + own):
            assert caller.int13(0x0201, cx=2, dx=drive).ah == 0
            found.append(m.vm.read(BUFFER, 1)[0])
        counted = [caller.int13(0x0800, dx=drive).dx & 0xFF for drive in (0x80 + own, 0x83 + own)]

        assert found == [0x99] * own + [0xA1, 0xA3, 0xA0, 0xA2]
        assert m.vm.read(0x475, 1)[0] == 4 + own
        assert counted == [4 + own] * 2
        assert caller.int13(0x0201, cx=2, dx=0x84 + own).carry
        assert sum(slot.addr == 0xC8000 for slot in m.vm.slots) == 1
        assert m.vm.read(0x413, 2) == (639).to_bytes(2, "little")


def test_the_rom_serves_four_disks(machine: Callable[..., Machine]) -> None:
    with ExitStack() as stack:
        m = machine(None)
        for n in range(6):
            blk = VirtioBlk(stack.enter_context(marked(n)))
            m.attach(VirtioPci(blk) if n > 2 else VirtioMmio(blk))
        caller = Caller(m)

        assert caller.int13(0x0201, cx=2, dx=0x83).ah == 0
        assert m.vm.read(BUFFER, 1) == b"\3"
        assert m.vm.read(0x475, 1) == b"\4"


def test_a_pci_disk_without_an_address_is_notified_by_its_configuration(
    machine: Callable[..., Machine],
) -> None:
    m = machine(None)
    m.vm.add_memory(0xD1000, 0xF000, readonly=True)
    with Disk(IMAGE, kind="hd") as disk:
        transport = VirtioPci(VirtioBlk(disk))
        m.attach(transport)
        exit = m.run(wall=60.0)

        assert transport.open_at(1) is None
        assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, PASSED), m.debug_text
        assert disk.read(7, 1) == WRITTEN


@transports
def test_a_disk_that_needs_a_reset_is_set_up_again(
    at: str, machine: Callable[..., Machine]
) -> None:
    class Breaks(VirtioBlk):
        """It breaks at the next request."""

        now = False

        def kicked(self, index: int) -> None:
            if self.now:
                self.now = False
                transport.needs_reset("broken")
            else:
                super().kicked(index)

    kind = TRANSPORTS[at]
    with Disk(IMAGE, kind="hd") as disk:
        m = machine(None)
        blk = Breaks(disk)
        transport = kind(blk)
        m.attach(transport)
        caller = Caller(m)
        blk.now = True

        first = caller.int13(0x0201, cx=8, dx=0x80)
        second = caller.int13(0x0201, cx=8, dx=0x80)

        assert (first.ah, first.carry) == (0x20, True)
        assert (second.ah, m.vm.read(BUFFER, 1)) == (0, b"\7")


@transports
def test_a_read_only_disk_is_not_written(at: str, machine: Callable[..., Machine]) -> None:
    kind = TRANSPORTS[at]
    with Disk(IMAGE, kind="hd") as disk:
        disk.readonly = True
        m = machine(None)
        m.attach(kind(VirtioBlk(disk)))

        answer = Caller(m).int13(0x0301, cx=8, dx=0x80)

        assert (answer.ah, answer.carry) == (0x03, True)


@transports
def test_a_disk_that_finds_no_room_for_the_rom_is_not_attached(
    at: str, machine: Callable[..., Machine]
) -> None:
    m = machine(None)
    kind = TRANSPORTS[at]
    for page in range(0xC8000, 0xF0000, 0x1000):
        if page != 0xD0000:
            m.vm.add_memory(page, 0x1000, readonly=True)
    with Disk(IMAGE, kind="hd") as disk:
        blk = VirtioBlk(disk)
        if at == "pci":
            m.vm.add_memory(0xD0000, 0x1000, readonly=True)

        with pytest.raises(MachineError, match=r"no room for the option ROM.*rom=False"):
            m.attach(kind(blk))

        assert not [each for each in m.mmio.attachments if each.device is blk]
        m.attach(kind(blk, rom=False))


@pytest.mark.parametrize("accel", ["interp", "kvm"])
@transports
def test_freedos_boots_off_a_qcow2_that_another_process_serves(
    at: str, accel: str, machine: Callable[..., Machine], tmp_path: Path
) -> None:
    """It copies a file there, and the image has the copy."""
    on_kvm.need(accel)
    found = Path(os.environ.get("PYX86EMU_GUESTS", "/nowhere")) / "freedos-hd.img"
    if not found.exists():
        pytest.skip("there is no FreeDOS image: set PYX86EMU_GUESTS to where guests.py put them")
    disk = image(tmp_path / "disk.qcow2", found.stat().st_size, found.read_bytes())
    tmp_path.chmod(0o700)
    with StorageDaemon(disk, tmp_path / "blk.sock") as daemon:
        m = machine(None, accel=accel, shared=True, clock="host")
        kind = TRANSPORTS[at]
        transport = kind(VhostUserBlk(tmp_path / "blk.sock"))
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
