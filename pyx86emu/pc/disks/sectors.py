"""Sectors: read and write a disk of any kind, as a controller needs it (seam C)."""

from typing import Protocol

SECTOR = 512


class Sectors(Protocol):
    """`count` sectors of 512 bytes. The thread that runs the guest reads and writes them.

    `read` and `write` take whole sectors in 0 to `count` - 1; the controller has checked that. If
    the host fails, they raise OSError or DiskError, which comes out of `run()`.
    """

    @property
    def count(self) -> int:
        """How many sectors there are."""

    @property
    def readonly(self) -> bool:
        """True: the controller reports the disk as write-protected and never calls `write`."""

    def read(self, lba: int, n: int, /) -> bytes:
        """`n` sectors from `lba` on, 512 bytes each."""

    def write(self, lba: int, data: bytes, /) -> None:
        """Store whole sectors from `lba` on. They may stay in memory until `flush`."""

    def flush(self) -> None:
        """Return when all written sectors are where they must be kept."""
