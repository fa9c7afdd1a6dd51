"""Geometry: find cylinders, heads and sectors of a disk. Knows sizes, not contents."""

from operator import index

from ..._core import whole
from ...errors import DiskError
from .sectors import SECTOR

#: (cylinders, heads, sectors per track)
Geometry = tuple[int, int, int]

#: Floppy geometries (cylinders, heads, sectors per track), smallest first.
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

#: The largest values of a geometry. INT 13h has 10 bits for the cylinder, 8 for the head, and 6 for
#: the sector, which is counted from 1.
LIMITS = (("cylinders", 1024), ("heads", 256), ("sectors a track", 63))


def floppy_geometry(size: int) -> Geometry:
    """The geometry of an image of `size` bytes: the smallest floppy that holds it.

    A single boot sector gets a 360K disk, the usual one of the first PCs. TypeError: `size` is not
    an integer; ValueError: it is less than 0 or more than 2.88M.

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
    """A number as text for a message; a huge one as a power of 2."""
    bits = number.bit_length()
    return str(number) if bits <= 64 else f"{'-' * (number < 0)}2**{bits - 1}"


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
            raise DiskError(f"geometry: {what} = {shown(index(value))}: give 1 to {most}") from None
    cylinders, heads, sectors = map(index, values)
    return cylinders, heads, sectors
