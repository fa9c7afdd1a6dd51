"""Sectors: what every kind of disk gives, and all that a controller asks of one (seam C)."""

from typing import Protocol

SECTOR = 512


class Sectors(Protocol):
    """`count` sectors of 512 bytes, which the vCPU's thread reads and writes.

    `read` and `write` take whole sectors inside 0 to `count` - 1; the controller has checked that.
    What the host cannot do raises (OSError, DiskError) and comes out of `run()`.
    """

    @property
    def count(self) -> int:
        """How many sectors there are."""

    @property
    def readonly(self) -> bool:
        """True: a controller calls this disk write-protected, and never calls `write`."""

    def read(self, lba: int, n: int, /) -> bytes:
        """`n` sectors from `lba` on, 512 bytes each."""

    def write(self, lba: int, data: bytes, /) -> None:
        """Store whole sectors from `lba` on. They may stay in memory until `flush`."""

    def flush(self) -> None:
        """Return when all that was written is where it has to be kept."""
