"""A floppy drive: move the heads, hold the disk, remember that it was changed."""

from typing import Protocol

from ...disks.geometry import Geometry
from ...disks.sectors import Sectors
from ..fields import Fields, Flag, Whole

SIZE_CODE = 2  # N of a sector ID: 128 << 2 bytes
LAST_CYLINDER = 83
LAST_SECTOR = 255  # R of a sector ID is one byte


class FloppyDisk(Sectors, Protocol):
    """A disk in a drive: sectors, and their arrangement in cylinders and heads."""

    @property
    def geometry(self) -> Geometry: ...


#: The attributes of a disk that a drive uses.
USED = ("geometry", "readonly", "read", "write")


class Drive:
    """The mechanics: the cylinder of the heads, the disk, and the change line."""

    #: The state: without the disk, which is state of whoever put it in.
    fields = Fields({"cylinder": Whole(LAST_CYLINDER), "changed": Flag()})

    def __init__(self) -> None:
        self.disk: FloppyDisk | None = None
        self.cylinder = 0
        self.changed = True

    @property
    def protected(self) -> bool:
        """True if the guest cannot write to the disk."""
        return self.disk is not None and bool(self.disk.readonly)

    def step_to(self, cylinder: int) -> None:
        """Move the heads; a step with a disk in clears the change line."""
        cylinder = min(max(cylinder, 0), LAST_CYLINDER)
        if cylinder != self.cylinder and self.disk is not None:
            self.changed = False
        self.cylinder = cylinder

    def sectors_on_track(self, head: int) -> int:
        """How many formatted sectors the track under `head` has; 0 if none."""
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
