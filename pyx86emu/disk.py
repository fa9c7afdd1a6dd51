"""Disk images: hold sectors, remember what the guest wrote. Know geometry, not controllers."""

import os

from .errors import DiskError

SECTOR = 512

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


def floppy_geometry(size: int) -> tuple[int, int, int]:
    """The geometry of an image of `size` bytes: the smallest disk that holds it.

    A lone boot sector counts as a 360K disk, the first PC's usual one.

    >>> floppy_geometry(1474560)
    (80, 2, 18)
    >>> floppy_geometry(512)
    (40, 2, 9)
    """
    if size <= SECTOR:
        return (40, 2, 9)
    return next((c, h, s) for c, h, s in FLOPPIES if c * h * s * SECTOR >= size)


class Disk:
    """A floppy image: a path, or the bytes themselves (padded to whole sectors).

    The file is never written: what the guest writes goes to an overlay, which is
    dropped at the end. `write_back=True` puts the overlay into the file at `commit()`
    and `close()`.

    >>> with Disk(b"boot code") as disk:
    ...     disk.write(1, bytes(512))
    ...     disk.read(0, 1)[:9], disk.geometry
    (b'boot code', (40, 2, 9))
    """

    def __init__(
        self,
        source: "str | os.PathLike[str] | bytes | bytearray",
        *,
        write_back: bool = False,
        geometry: tuple[int, int, int] | None = None,
    ) -> None:
        self.write_back = write_back
        self._overlay: dict[int, bytes] = {}
        self._fd = -1
        if isinstance(source, (bytes, bytearray)):
            self.name = "image"
            self._data = bytes(source).ljust(-(-len(source) // SECTOR) * SECTOR, b"\0")
            size = len(self._data)
            if write_back:
                raise DiskError("image given as bytes: nothing to write back to, give a path")
        else:
            self.name = os.fspath(source)
            if os.path.isdir(self.name):
                raise DiskError(f"{self.name} is a directory: give a disk image")
            self._fd = os.open(self.name, os.O_RDWR if write_back else os.O_RDONLY)
            size = os.fstat(self._fd).st_size
        try:
            self.geometry = geometry or self._check(size)
        except DiskError:
            self.close()
            raise
        self.size = size

    def _check(self, size: int) -> tuple[int, int, int]:
        if size == 0:
            raise DiskError(f"{self.name} is empty: a disk image has at least one 512-byte sector")
        if size % SECTOR:
            raise DiskError(
                f"{self.name} is {size} bytes, not a whole number of 512-byte sectors: "
                f"pad it to {size + -size % SECTOR}"
            )
        if size > LARGEST:
            raise DiskError(
                f"{self.name} is {size} bytes, more than a 2.88M floppy ({LARGEST}): "
                "hard disks are not supported, use a floppy image"
            )
        return floppy_geometry(size)

    @property
    def sectors(self) -> int:
        """How many sectors the geometry has; those beyond the image read as zeros."""
        cylinders, heads, sectors = self.geometry
        return cylinders * heads * sectors

    @property
    def changed(self) -> int:
        """How many sectors the guest has written and the image does not have."""
        return len(self._overlay)

    def read(self, lba: int, n: int = 1) -> bytes:
        """`n` sectors from `lba` on."""
        self._inside(lba, n)
        if not self._overlay:
            return self._image(lba, n)
        overlay = self._overlay
        return b"".join(overlay.get(i) or self._image(i, 1) for i in range(lba, lba + n))

    def write(self, lba: int, data: bytes) -> None:
        """Store whole sectors from `lba` on, in the overlay."""
        n, rest = divmod(len(data), SECTOR)
        if rest:
            raise DiskError(f"write of {len(data)} bytes: write whole 512-byte sectors")
        self._inside(lba, n)
        for i in range(n):
            self._overlay[lba + i] = bytes(data[i * SECTOR : (i + 1) * SECTOR])

    def commit(self) -> None:
        """Write the overlay into the image file; only with `write_back=True`."""
        if not self.write_back:
            raise DiskError(f"{self.name} was opened without write_back=True: nothing to commit to")
        for lba, data in sorted(self._overlay.items()):
            os.pwrite(self._fd, data, lba * SECTOR)
        self._overlay.clear()

    def close(self) -> None:
        """Commit where that was asked for, and let go of the file."""
        if self._fd < 0:
            return
        try:
            if self.write_back:
                self.commit()
        finally:
            os.close(self._fd)
            self._fd = -1

    def _inside(self, lba: int, n: int) -> None:
        if lba < 0 or n < 0 or lba + n > self.sectors:
            raise DiskError(f"sectors {lba}-{lba + n - 1} of {self.name}: it has {self.sectors}")

    def _image(self, lba: int, n: int) -> bytes:
        start, length = lba * SECTOR, n * SECTOR
        if self._fd >= 0:
            return os.pread(self._fd, length, start).ljust(length, b"\0")
        return self._data[start : start + length].ljust(length, b"\0")

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        c, h, s = self.geometry
        return f"<Disk {self.name} {c}x{h}x{s}, {self.changed} sectors changed>"
