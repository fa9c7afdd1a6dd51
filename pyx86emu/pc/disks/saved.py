"""Saved disks: what was written over an image, and which image that is. Open nothing.

The image is named by its size and its SHA-256. That takes time in proportion to the size, about a
second for 1 GiB; holes of a sparse file are not read, but hashed as the zeros that they are. So it
is done only when a state leaves its process, or meets another disk: once for each image.
"""

import os
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import StateError
from ...state import Plain, Values, take, take_whole
from .geometry import MOST_SECTORS
from .opening import read_at
from .overlay import Overlay, Written, runs
from .sectors import SECTOR

if TYPE_CHECKING:
    from .image import Disk

#: How many bytes are hashed at a time.
PIECE = 1 << 20
_ZEROS = bytes(PIECE)

#: What is known to change with the contents of a file: device, inode, size, times in ns.
Stamp = tuple[int, ...]


class Base:
    """The image that a disk and its forks have. It counts how often the image was written."""

    __slots__ = ("_digest", "commits")

    def __init__(self) -> None:
        self.commits = 0
        self._digest: tuple[Stamp | None, bytes] | None = None

    def digest(self, fd: int, data: bytes, size: int) -> bytes:
        """The SHA-256 of the image, computed once unless the file has changed since."""
        stamp = stamp_of(fd)
        if self._digest is None or self._digest[0] != stamp:
            self._digest = (stamp, sha256(fd, data, size))
        return self._digest[1]


class SavedDisk(NamedTuple):
    """What a disk was at one moment. It does not change."""

    disk: "Disk | None"
    """The disk that it is of; None: it comes from bytes."""
    base: Base | None
    commits: int
    """How often the image had been written."""
    stamp: Stamp | None
    size: int
    sha256: bytes
    """Empty: not computed yet."""
    readonly: bool
    written: Written

    def plain(self) -> Values:
        """It as plain values, with the SHA-256. StateError: the image has changed, or is closed."""
        digest = self.digest()
        return {
            "size": self.size,
            "sha256": digest,
            "readonly": self.readonly,
            "sectors": sectors_of(self.written),
        }

    def digest(self) -> bytes:
        """The SHA-256 of its image. StateError: the image has changed since, or is closed."""
        disk, base = self.disk, self.base
        if disk is None or base is None:
            return self.sha256
        if base.commits != self.commits:
            raise StateError(
                f"{disk.name} was written after this state was saved: save another one"
            )
        return disk.digest(self.stamp)


def sectors_of(written: Written) -> Plain:
    """(first sector, bytes) of each run of sectors that were written."""
    overlay = Overlay()
    overlay.restore(written)
    found: list[Plain] = []
    first = 0
    while lbas := overlay.next_after(first, 1 << 14):
        for run in runs(lbas, 128):
            found.append((run[0], overlay.read(run[0], len(run), _no_image)))
        first = lbas[-1] + 1
    return tuple(found)


def _no_image(lba: int, n: int) -> bytes:
    raise AssertionError(f"sectors {lba} to {lba + n - 1} are not in the overlay")


def from_values(values: Any, count: int) -> SavedDisk:
    """What `plain()` returned, for a disk of `count` sectors. StateError: it is no such thing."""
    try:
        size = take_whole(values, "size", 0, MOST_SECTORS * SECTOR)
        digest = take(values, "sha256", bytes)
        readonly = take(values, "readonly", bool)
        overlay, end = Overlay(), 0
        for each in take(values, "sectors", tuple):
            if type(each) is not tuple or len(each) != 2 or type(each[1]) is not bytes:
                raise ValueError("a state has sectors that are not (number, bytes)")
            first, data = take_whole({"sector": each[0]}, "sector", end, count), each[1]
            n, rest = divmod(len(data), SECTOR)
            if rest or first + n > count:
                raise ValueError(f"a state has sectors after the last one, {count - 1}")
            for i in range(n):
                overlay.put(first + i, data[i * SECTOR : (i + 1) * SECTOR])
            end = first + n
    except ValueError as error:
        raise StateError(f"a disk of a state: {error}") from None
    return SavedDisk(None, None, 0, None, size, digest, readonly, overlay.keep())


def stamp_of(fd: int) -> Stamp | None:
    """What changes with the file; None: the image is bytes, or a block device."""
    if fd < 0:
        return None
    found = os.fstat(fd)
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def sha256(fd: int, data: bytes, size: int) -> bytes:
    """The SHA-256 of `size` bytes of a file, or of `data`. OSError; StateError: it is shorter."""
    from hashlib import sha256 as new

    if fd < 0:
        return new(data).digest()
    found, at = new(), 0
    while at < size:
        length = min(PIECE, size - at)
        hole = _hole(fd, at, size)
        if hole >= PIECE:
            for _ in range(hole // PIECE):
                found.update(_ZEROS)
            at += hole // PIECE * PIECE
            continue
        piece = read_at(fd, at, length)
        if len(piece) < length:
            raise StateError(f"an image has {at + len(piece)} bytes now, not {size}: it has shrunk")
        found.update(piece)
        at += length
    return found.digest()


def _hole(fd: int, at: int, size: int) -> int:
    """How many bytes from `at` on are a hole of the file."""
    try:
        return min(os.lseek(fd, at, os.SEEK_DATA), size) - at
    except OSError as error:
        from errno import ENXIO

        return size - at if error.errno == ENXIO else 0  # no data after this; or it cannot tell
