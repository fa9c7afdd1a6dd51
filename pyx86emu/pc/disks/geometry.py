"""Geometry: cylinders, heads and sectors of a disk. Knows sizes, not what is on them."""

from operator import index

from ..._core import whole
from ...errors import DiskError
from .sectors import SECTOR

#: (cylinders, heads, sectors a track)
Geometry = tuple[int, int, int]

#: Floppy geometries (cylinders, heads, sectors a track), smallest first.
FLOPPIES = (
    (40, 1, 8),  # 160K
    (40, 1, 9),  # 180K
    (40, 2, 8),  # 320K
    (40, 2, 9),  # 360K
    (80, 2, 9),  # 720K
    (80, 2, 15),  # 1.2M
    (80, 2, 18),  # 1.44M
    (80, 2, 36),  # 2.88M
)
LARGEST = 80 * 2 * 36 * SECTOR

#: What a geometry may have at most. INT 13h has 10 bits for the cylinder, 8 for the head, and 6 for
#: the sector, which begins at 1.
LIMITS = (("cylinders", 1024), ("heads", 256), ("sectors a track", 63))


def floppy_geometry(size: int) -> Geometry:
    """The geometry of an image of `size` bytes: the smallest disk that holds it.

    A lone boot sector counts as a 360K disk, the first PC's usual one.

    >>> floppy_geometry(1474560)
    (80, 2, 18)
    >>> floppy_geometry(512)
    (40, 2, 9)
    """
    size = whole(size, "the size of a floppy", 0, LARGEST)
    if size <= SECTOR:
        return (40, 2, 9)
    return next((c, h, s) for c, h, s in FLOPPIES if c * h * s * SECTOR >= size)


def shown(number: int) -> str:
    """A number in a message; a huge one by its size."""
    bits = number.bit_length()
    return str(number) if bits <= 64 else f"{'-' * (number < 0)}2**{bits - 1}"


def checked(geometry: object) -> Geometry:
    """A geometry that INT 13h can ask for, as exact integers."""
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
            raise DiskError(f"geometry: {what} = {shown(index(value))}: give 1 to {most}") from None
    cylinders, heads, sectors = map(index, values)
    return cylinders, heads, sectors
