"""A floppy drive: moves its heads, knows its disk and whether that was changed."""

from typing import Protocol

SECTOR_SIZE = 512
SIZE_CODE = 2  # N of a sector ID: 128 << 2 bytes
LAST_CYLINDER = 83
LAST_SECTOR = 255  # R of a sector ID is one byte


class Disk(Protocol):
    """A disk in a drive. One that has a true attribute `readonly` is write-protected."""

    @property
    def geometry(self) -> tuple[int, int, int]: ...

    def read(self, lba: int, n: int, /) -> bytes: ...

    def write(self, lba: int, data: bytes, /) -> None: ...


class Drive:
    """The mechanics: where the heads are, which disk is in, whether it was changed."""

    def __init__(self) -> None:
        self.disk: Disk | None = None
        self.cylinder = 0
        self.changed = True

    @property
    def protected(self) -> bool:
        return bool(getattr(self.disk, "readonly", False))

    def step_to(self, cylinder: int) -> None:
        """Move the heads; a step with a disk in clears the change line."""
        cylinder = min(max(cylinder, 0), LAST_CYLINDER)
        if cylinder != self.cylinder and self.disk is not None:
            self.changed = False
        self.cylinder = cylinder

    def sectors_on_track(self, head: int) -> int:
        """How many sectors are formatted under `head`; 0 where there are none."""
        if self.disk is None:
            return 0
        cylinders, heads, sectors = self.disk.geometry
        on_disk = self.cylinder < cylinders and head < heads
        return min(sectors, LAST_SECTOR) if on_disk else 0

    def lba(self, head: int, sector: int) -> int:
        assert self.disk is not None
        _, heads, sectors = self.disk.geometry
        return (self.cylinder * heads + head) * sectors + sector - 1

    def read(self, head: int, sector: int) -> bytes:
        assert self.disk is not None
        return self.disk.read(self.lba(head, sector), 1)

    def write(self, head: int, sector: int, data: bytes) -> None:
        assert self.disk is not None
        self.disk.write(self.lba(head, sector), data)
