"""Empty FAT disks: write boot sector, FATs and partition table of a floppy or hard disk."""

import os
from typing import NamedTuple

from ...errors import DiskError
from .bpb import OEM, Bpb
from .fat import FAT16_FROM, FAT32_FROM
from .geometry import Geometry, floppy_geometry, lba_assist
from .opening import read_at, write_all
from .partitions import SIGNATURE, SIGNED_AT, TABLE
from .sectors import SECTOR

#: The same on every disk, so that two disks with the same files are equal.
VOLUME_ID = 0x19810812
#: int 18h; hang: hlt; jmp hang. There is no system to start.
BOOT_CODE = bytes.fromhex("cd18 f4 ebfd")
#: The code of the first sector of a hard disk: copy itself to 0000:0600, read the first sector of
#: the active partition to 0000:7C00 with INT 13h and go there; INT 18h if that fails.
MBR_CODE = bytes.fromhex(
    "fa31c08ed0bc007c8ed88ec0fbfc89e6bf0006b90001f3a5ea1d060000bebe07b104f60480750783"
    "c610e2f6cd188a74018b4c0289e3b80102cd1372ef813efe7d55aa75e7ea007c0000"
)

#: What DOS has for its floppies, by sectors: sectors a cluster, entries in the root, media, and
#: sectors a FAT.
DOS_FLOPPIES = {
    320: (1, 64, 0xFE, 1),
    360: (1, 64, 0xFC, 2),
    640: (2, 112, 0xFF, 1),
    720: (2, 112, 0xFD, 2),
    1440: (2, 112, 0xF9, 3),
    2400: (1, 224, 0xF9, 7),
    2880: (1, 224, 0xF0, 9),
    5760: (2, 240, 0xF0, 9),
}
#: A partition starts at the second track.
HD_ROOT, HD_MEDIA = 512, 0xF8
#: FAT16: 65524 clusters of 64 sectors; and the first track.
LARGEST_HD = (FAT32_FROM - 1) * 64 * SECTOR
SMALLEST_HD = 1 << 20


class RawImage:
    """An image in a file of our own, without overlay: `fat.Image`."""

    def __init__(self, fd: int, count: int, name: str) -> None:
        self.fd, self.count, self.name = fd, count, name
        os.ftruncate(fd, count * SECTOR)

    def read(self, lba: int, n: int, /) -> bytes:
        """`n` sectors from `lba` on."""
        return read_at(self.fd, lba * SECTOR, n * SECTOR)

    def write(self, lba: int, data: bytes, /) -> None:
        """Store whole sectors from `lba` on."""
        write_all(self.fd, lba * SECTOR, data)


class Plan(NamedTuple):
    """An empty disk: its geometry, where its volume starts, and its BPB."""

    geometry: Geometry
    start: int
    block: Bpb

    @property
    def sectors(self) -> int:
        """How many sectors the disk has."""
        cylinders, heads, track = self.geometry
        return cylinders * heads * track


def floppy(geometry: Geometry) -> Plan:
    """A floppy with FAT12. DiskError: it is too large for that, or too small."""
    cylinders, heads, track = geometry
    total = cylinders * heads * track
    if total in DOS_FLOPPIES and floppy_geometry(total * SECTOR) == geometry:
        size, root, media, fat = DOS_FLOPPIES[total]
        return Plan(geometry, 0, Bpb(size, 1, 2, root, total, media, fat, track, heads, 0))
    for size in (1, 2, 4, 8, 16, 32, 64):
        block = _with_fats(Bpb(size, 1, 2, 224, total, 0xF0, 1, track, heads, 0), 12)
        if 0 < block.clusters < FAT16_FROM:
            return Plan(geometry, 0, block)
    text = "x".join(map(str, geometry))
    raise DiskError(f"a disk of {text} is too small for FAT: give a larger size")


def hard_disk(size: int, geometry: Geometry | None = None) -> Plan:
    """A hard disk of at least `size` bytes with one FAT partition, FAT12 up to 16 MB, else FAT16.

    Its size is whole cylinders. DiskError: FAT16 cannot have it.
    """
    sectors = -(-size // SECTOR)
    if geometry is None:
        _, heads, track = lba_assist(sectors)
        geometry = (min(1024, max(2, -(-sectors // (heads * track)))), heads, track)
    cylinders, heads, track = geometry
    length = cylinders * heads * track - track
    for bits, least, most in ((12, 1, FAT16_FROM - 1), (16, FAT16_FROM, FAT32_FROM - 1)):
        for cluster in (1, 2, 4, 8, 16, 32, 64):
            if bits == 12 and cluster > 8:
                break
            block = Bpb(cluster, 1, 2, HD_ROOT, length, HD_MEDIA, 1, track, heads, track)
            block = _with_fats(block, bits)
            if least <= block.clusters <= most:
                return Plan(geometry, track, block)
    raise DiskError(
        f"a hard disk of {size} bytes cannot have FAT16: "
        f"give a size from {SMALLEST_HD} to {LARGEST_HD >> 20 << 20} bytes"
    )


def _with_fats(block: Bpb, bits: int) -> Bpb:
    """The same BPB with FATs that are long enough."""
    fat = 1
    while True:
        block = block._replace(fat_sectors=fat)
        needed = -(-((max(0, block.clusters) + 2) * bits) // (8 * SECTOR))
        if needed <= fat:
            return block
        fat = needed


def write(image: RawImage, plan: Plan) -> None:
    """Write an empty file system to an image of zeros."""
    block, start = plan.block, plan.start
    drive = 0x80 if start else 0
    small = block.total if block.total < 0x10000 else 0
    kind = b"FAT12   " if block.clusters < FAT16_FROM else b"FAT16   "
    fields = (
        (SECTOR, 2),
        (block.cluster_sectors, 1),
        (block.reserved, 2),
        (block.fats, 1),
        (block.root_entries, 2),
        (small, 2),
        (block.media, 1),
        (block.fat_sectors, 2),
        (block.track, 2),
        (block.heads, 2),
        (block.hidden, 4),
        (0 if small else block.total, 4),
        (drive, 2),
        (0x29, 1),
        (VOLUME_ID, 4),
    )
    boot = b"\xeb\x3c\x90" + OEM  # jmp over the BPB
    boot += b"".join(value.to_bytes(size, "little") for value, size in fields)
    boot += b"NO NAME    " + kind + BOOT_CODE
    image.write(start, boot.ljust(SIGNED_AT, b"\0") + SIGNATURE)
    ends = b"\xff" * (2 if block.clusters < FAT16_FROM else 3)
    for copy in range(block.fats):
        at = start + block.reserved + copy * block.fat_sectors
        image.write(at, (bytes([block.media]) + ends).ljust(SECTOR, b"\0"))
    if start:
        image.write(0, _mbr(plan))


def _mbr(plan: Plan) -> bytes:
    cylinders, heads, track = plan.geometry
    block = plan.block
    kind = 0x01 if block.clusters < FAT16_FROM else 0x04 if block.total < 0x10000 else 0x06
    last = cylinders - 1
    entry = bytes([0x80, 1, 1, 0]) if heads > 1 else bytes([0x80, 0, 1, 1])
    entry += bytes([kind, heads - 1, track | last >> 2 & 0xC0, last & 0xFF])
    entry += plan.start.to_bytes(4, "little") + block.total.to_bytes(4, "little")
    return MBR_CODE.ljust(TABLE, b"\0") + entry.ljust(64, b"\0") + SIGNATURE
