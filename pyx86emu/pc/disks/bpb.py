"""BPBs: read what a boot sector says of its disk, the BIOS parameter block. Know no clusters."""

from typing import NamedTuple

from .geometry import LIMITS, Geometry, floppy_geometry
from .partitions import signed
from .sectors import SECTOR

#: More than any diskette drive can do: cylinders, and sectors a track at 1 Mbit/s and 300 rpm.
FLOPPY_CYLINDERS, FLOPPY_TRACK = 86, 48

#: In a boot sector at 3: who has made it. This is what `fatmake` writes; there is no system.
OEM = b"PYX86EMU"


def fits_drive(geometry: Geometry) -> bool:
    """True: a diskette drive can have it."""
    cylinders, heads, track = geometry
    return heads <= 2 and track <= FLOPPY_TRACK and cylinders <= FLOPPY_CYLINDERS


class Bpb(NamedTuple):
    """A sane BIOS parameter block (Microsoft, "FAT: General Overview of On-Disk Format", 1.03).
    `fat_sectors` is the length of one FAT; `root_entries` is 0 on FAT32."""

    cluster_sectors: int
    reserved: int
    fats: int
    root_entries: int
    total: int
    media: int
    fat_sectors: int
    track: int
    heads: int
    hidden: int

    @property
    def data(self) -> int:
        """The first sector after the root directory."""
        root = -(-self.root_entries * 32 // SECTOR)
        return self.reserved + self.fats * self.fat_sectors + root

    @property
    def clusters(self) -> int:
        """How many clusters the data area has; it decides between FAT12, FAT16 and FAT32."""
        return (self.total - self.data) // self.cluster_sectors

    def floppy(self, sectors: int) -> Geometry | None:
        """The geometry of a floppy with this BPB that holds an image of so many sectors; None: no
        floppy is so."""
        if not self.track or not self.heads:  # DOS 1 wrote none
            return floppy_geometry(self.total * SECTOR) if sectors <= self.total else None
        cylinders = -(-max(self.total, sectors) // (self.heads * self.track))
        found = cylinders, self.heads, self.track
        return found if fits_drive(found) else None

    def hard_disk(self, sectors: int) -> Geometry | None:
        """The geometry of a hard disk of so many sectors with this BPB, if it says one."""
        if not self.track or not self.heads:
            return None
        cylinders = sectors // (self.heads * self.track)
        return min(LIMITS[0][1], max(1, cylinders)), self.heads, self.track


def bpb(sector: bytes) -> Bpb | None:
    """The BPB of a boot sector; None if it has none, or one that contradicts itself."""
    if len(sector) < 62:
        return None

    def word(at: int, size: int = 2) -> int:
        return int.from_bytes(sector[at : at + size], "little")

    total = word(19) or word(32, 4)
    fat_sectors = word(22) or word(36, 4)
    found = Bpb(
        cluster_sectors=sector[13],
        reserved=word(14),
        fats=sector[16],
        root_entries=word(17),
        total=total,
        media=sector[21],
        fat_sectors=fat_sectors,
        track=word(24),
        heads=word(26),
        hidden=word(28, 4),
    )
    sane = (
        word(11) == SECTOR
        and found.cluster_sectors in (1, 2, 4, 8, 16, 32, 64, 128)
        and found.reserved
        and 1 <= found.fats <= 4
        and (found.media == 0xF0 or found.media >= 0xF8)
        and fat_sectors
        and (word(22) == 0) == (found.root_entries == 0)  # FAT32 has neither
        and found.track <= LIMITS[2][1]
        and found.heads <= LIMITS[1][1]
        and found.data + found.cluster_sectors <= total
    )
    return found if sane else None


#: ELKS keeps the geometry of a MINIX disk at the end of its boot sector: cylinders (2 bytes),
#: sectors a track, heads, a size, and this.
ELKS_AT, ELKS_MAGIC = 0x1F7, b"eL"


def elks(sector: bytes) -> Geometry | None:
    """The geometry that a boot sector of ELKS says.

    >>> elks(bytes(0x1F7) + bytes.fromhex("3f00 3f 10 08 654c 55aa"))
    (63, 16, 63)
    """
    block = sector[ELKS_AT:SECTOR]
    if len(block) != SECTOR - ELKS_AT or block[5:7] != ELKS_MAGIC or not signed(sector):
        return None
    found = int.from_bytes(block[:2], "little"), block[3], block[2]
    sane = all(0 < value <= most for value, (_, most) in zip(found, LIMITS, strict=True))
    return found if sane else None
