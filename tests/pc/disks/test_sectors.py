"""The sector seam: what a controller asks of a disk, whatever kind of disk it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Disk, DiskError, ExitReason, Machine
from pyx86emu.pc.disks.sectors import SECTOR, Sectors

MakeMachine = Callable[..., Machine]

#: cli; mov al,'B'; out 0E9h,al; hlt
SAY_B = bytes.fromhex("fa b042 e6e9 f4")
#: mov ax,301h; mov bx,7C00h; mov cx,2; mov dx,0; int 13h: write sector 2; mov al,ah; out 0E9h; hlt
WRITE = bytes.fromhex("b80103 bb007c b90200 ba0000 cd13 88e0 e6e9 faf4")


class InMemory:
    """A 1.44M disk of one's own: no image, no overlay."""

    geometry = (80, 2, 18)
    count = 80 * 2 * 18
    readonly = False

    def __init__(self, boot: bytes) -> None:
        self.data = bytearray(self.count * SECTOR)
        self.data[: len(boot)] = boot

    def read(self, lba: int, n: int, /) -> bytes:
        return bytes(self.data[lba * SECTOR : (lba + n) * SECTOR])

    def write(self, lba: int, data: bytes, /) -> None:
        self.data[lba * SECTOR : lba * SECTOR + len(data)] = data

    def flush(self) -> None:
        """There is nowhere else to keep it."""


def signed(code: bytes) -> bytes:
    return code.ljust(510, b"\0") + b"\x55\xaa"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(360 << 10))
    return path


def test_the_floppy_and_int_13h_stand_on_a_disk_of_ones_own(machine: MakeMachine) -> None:
    m = machine()
    m.floppy.insert(0, InMemory(signed(SAY_B)))

    assert m.run(timeout=10).reason is ExitReason.HLT

    assert m.debug_text == "B"


def test_int_13h_writes_to_a_disk_of_ones_own(machine: MakeMachine) -> None:
    m, disk = machine(), InMemory(signed(WRITE))
    m.floppy.insert(0, disk)

    m.run(timeout=10)

    assert m.debug_text == "\0"
    assert disk.read(1, 1) == signed(WRITE)


def test_a_readonly_disk_is_write_protected(machine: MakeMachine) -> None:
    disk = Disk(signed(WRITE))
    disk.readonly = True
    m = machine(disk)

    m.run(timeout=10)

    assert m.debug.data == b"\x03"  # AH of INT 13h: write-protected
    assert disk.changed == 0


@pytest.mark.parametrize("missing", ["geometry", "readonly", "read", "write"])
def test_what_lacks_a_part_that_a_drive_uses_is_not_inserted(
    machine: MakeMachine, missing: str
) -> None:
    parts = dict.fromkeys({"geometry", "readonly", "read", "write"} - {missing})
    m = machine()

    with pytest.raises(TypeError, match=f"cannot insert Odd, it has no {missing}: give a Disk"):
        m.floppy.insert(0, type("Odd", (), parts)())


def test_a_disk_gives_what_the_seam_asks_for(image: Path) -> None:
    with Disk(image) as disk:
        sectors: Sectors = disk

        assert (sectors.count, sectors.readonly) == (720, False)
        assert sectors.count == disk.sectors


def test_flush_puts_the_overlay_into_the_image_where_that_was_asked_for(image: Path) -> None:
    with Disk(image, write_back=True) as disk:
        disk.write(2, b"x" * SECTOR)

        disk.flush()

        assert disk.changed == 0
        assert image.read_bytes()[2 * SECTOR : 3 * SECTOR] == b"x" * SECTOR


def test_flush_leaves_the_overlay_where_the_image_is_not_written(image: Path) -> None:
    with Disk(image) as disk:
        disk.write(2, b"x" * SECTOR)

        disk.flush()

        assert disk.changed == 1
        assert not any(image.read_bytes())


@pytest.mark.parametrize("write_back", [False, True])
def test_a_closed_disk_cannot_be_flushed(image: Path, write_back: bool) -> None:
    disk = Disk(image, write_back=write_back)
    disk.close()

    with pytest.raises(DiskError, match="is closed"):
        disk.flush()
