"""Geometry: find cylinders, heads and sectors of a disk. Knows sizes, not contents."""

from operator import index

from ..._core import shown, whole
from ...errors import DiskError
from .sectors import SECTOR

#: (cylinders, heads, sectors per track)
Geometry = tuple[int, int, int]

#: What a floppy image of 1,474,560 bytes or less is, unless its size or contents say more.
USUAL: Geometry = (80, 2, 18)
USUAL_SIZE = 80 * 2 * 18 * SECTOR

#: Floppy formats: (cylinders, heads, sectors per track) and the name that people use. No two have
#: the same size. They are what DOS, fdformat, Microsoft's DMF and Linux's fd(4) write. Round sizes
#: such as 640K are left out: more often they are a padded file, and a BPB says it where they are
#: not.
FORMATS: dict[Geometry, str] = {
    (40, 1, 8): "160K",
    (40, 1, 9): "180K",
    (40, 2, 8): "320K",
    (40, 2, 9): "360K",
    (41, 2, 9): "369K",
    (42, 2, 9): "378K",
    (41, 2, 10): "410K",
    (42, 2, 10): "420K",
    (80, 2, 9): "720K",
    (82, 2, 9): "738K",
    (83, 2, 9): "747K",
    (80, 2, 10): "800K",
    (82, 2, 10): "820K",
    (83, 2, 10): "830K",
    (80, 2, 11): "880K",
    (80, 2, 13): "1.04M",
    (80, 2, 14): "1.12M",
    (80, 2, 15): "1.2M",
    (82, 2, 15): "1.23M",
    (83, 2, 15): "1.25M",
    (80, 2, 18): "1.44M",
    (81, 2, 18): "1.46M",
    (82, 2, 18): "1.48M",
    (83, 2, 18): "1.49M",
    (80, 2, 20): "1.6M",
    (81, 2, 20): "1.62M",
    (82, 2, 20): "1.64M",
    (83, 2, 20): "1.66M",
    (80, 2, 21): "1.68M",
    (81, 2, 21): "1.70M",
    (82, 2, 21): "1.72M",
    (83, 2, 21): "1.74M",
    (80, 2, 22): "1.76M",
    (82, 2, 22): "1.80M",
    (80, 2, 23): "1.84M",
    (80, 2, 24): "1.92M",
    (80, 2, 36): "2.88M",
}
#: The largest floppy format, in bytes.
LARGEST = 80 * 2 * 36 * SECTOR

_BY_SIZE = {c * h * s * SECTOR: (c, h, s) for c, h, s in FORMATS}

#: The largest values of a geometry. INT 13h has 10 bits for the cylinder, 8 for the head, and 6 for
#: the sector, which is counted from 1.
LIMITS = (("cylinders", 1024), ("heads", 256), ("sectors a track", 63))

#: The most that a diskette controller can address: it has 8 bits for the cylinder, 1 for the head.
FLOPPY_LIMITS = (256, 2, 63)

#: The largest disk: 28 bits of LBA.
MOST_SECTORS = 1 << 28

#: The largest geometry of an ATA drive (ATA-4, IDENTIFY DEVICE words 1, 3 and 6).
PHYSICAL_CYLINDERS, PHYSICAL_HEADS, PHYSICAL_SECTORS = 16383, 16, 63


def floppy_geometry(size: int) -> Geometry | None:
    """The geometry of the floppy format that has exactly `size` bytes, or None.

    TypeError: `size` is not an integer; ValueError: it is negative or more than 128 GiB.

    >>> floppy_geometry(1474560), floppy_geometry(1720320), floppy_geometry(512)
    ((80, 2, 18), (80, 2, 21), None)
    """
    return _BY_SIZE.get(whole(size, "the size of a floppy", 0, MOST_SECTORS * SECTOR))


def is_floppy(geometry: Geometry) -> bool:
    """True: a diskette controller can address all of it."""
    cylinders, heads, sectors = geometry
    most_cylinders, most_heads, most_sectors = FLOPPY_LIMITS
    return cylinders <= most_cylinders and heads <= most_heads and sectors <= most_sectors


def lba_assist(count: int) -> Geometry:
    """The translated geometry of a hard disk of `count` sectors: 63 sectors a track, and as few
    heads as 1024 cylinders need (Phoenix, "BIOS Enhanced Disk Drive Specification", LBA assist).

    >>> lba_assist(64 * 16 * 63), lba_assist(1 << 22), lba_assist(1 << 28)
    ((64, 16, 63), (520, 128, 63), (1024, 255, 63))
    """
    tracks = whole(count, "count", 0, MOST_SECTORS) // 63
    heads = next((heads for heads in (16, 32, 64, 128) if tracks <= heads * 1024), 255)
    return min(1024, max(1, tracks // heads)), heads, 63


def physical_geometry(count: int, logical: Geometry) -> Geometry:
    """What an ATA drive of `count` sectors says of itself: heads and sectors as in `logical` where
    a drive can have them, else 16 and 63. So CHS means the same to INT 13h and to a driver.

    >>> physical_geometry(1 << 22, (520, 128, 63)), physical_geometry(17 * 4 * 615, (615, 4, 17))
    ((4161, 16, 63), (615, 4, 17))
    """
    _, heads, sectors = logical
    if heads > PHYSICAL_HEADS:
        heads, sectors = PHYSICAL_HEADS, PHYSICAL_SECTORS
    cylinders = whole(count, "count", 0, MOST_SECTORS) // max(1, heads * sectors)
    return min(PHYSICAL_CYLINDERS, max(1, cylinders)), heads, sectors


def format_name(geometry: Geometry) -> str:
    """What people call a floppy of this geometry.

    >>> format_name((80, 2, 21)), format_name((77, 2, 8))
    ('1.68M', '77x2x8')
    """
    return FORMATS.get(geometry) or "x".join(map(str, geometry))


def checked(geometry: object) -> Geometry:
    """A geometry that INT 13h can address, as exact integers. TypeError, DiskError: it is not."""
    if not isinstance(geometry, (tuple, list)):
        raise TypeError(
            f"geometry must be (cylinders, heads, sectors a track), not {type(geometry).__name__}"
        )
    values = tuple(geometry)
    if len(values) != len(LIMITS):
        raise DiskError(
            f"geometry has {len(values)} numbers: give (cylinders, heads, sectors a track)"
        )
    for (what, most), value in zip(LIMITS, values, strict=True):
        try:
            whole(value, what, 1, most)
        except ValueError:
            raise DiskError(
                f"geometry: {what} = {shown(index(value), 'd')}: give 1 to {most}"
            ) from None
    cylinders, heads, sectors = map(index, values)
    return cylinders, heads, sectors
