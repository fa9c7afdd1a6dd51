"""Guest memory that a front end has sent: map its regions, find addresses in them. Know no ring."""

import fcntl
import mmap
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress

from ..._core import GuestMap
from .messages import Fds, ProtocolError, Region, apart

#: Regions that a back end takes.
MOST_SLOTS = 64


def mapped(fd: int, size: int, offset: int, what: str) -> memoryview:
    """`size` bytes of a file from `offset` on, shared and writable. The descriptor stays open.

    ProtocolError: the file is shorter, or cannot be mapped.
    """
    with suppress(OSError):  # it is no memfd, or its maker allows no seals
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
    try:
        there = os.fstat(fd).st_size
        if there < offset + size:
            raise ProtocolError(
                f"{what}: {size:#x} bytes at offset {offset:#x} of a file that has {there:#x}"
            )
        # From the beginning: a map begins at a page, and huge pages differ.
        return memoryview(mmap.mmap(fd, offset + size))[offset:]
    except (OSError, ValueError, OverflowError) as error:
        if isinstance(error, ProtocolError):
            raise
        raise ProtocolError(f"{what} cannot be mapped: {error}") from None


class Mapped:
    """The memory of a front end's guest: regions and where they are mapped here.

    A front end that shrinks the file of a region later can end this process by SIGBUS. So a memfd
    is sealed (F_SEAL_SHRINK) before it is mapped; other files, and memfds without seals, cannot be.
    """

    def __init__(self) -> None:
        self._areas: dict[Region, memoryview] = {}
        self.guest = GuestMap([])

    @property
    def regions(self) -> Sequence[Region]:
        return tuple(self._areas)

    def _use(self, areas: dict[Region, memoryview]) -> None:
        apart(areas)
        if len(areas) > MOST_SLOTS:
            raise ProtocolError(f"{len(areas)} memory regions: at most {MOST_SLOTS} are taken")
        try:
            guest = GuestMap([(r.guest, r.size, view) for r, view in areas.items()])
        except (ValueError, OverflowError) as error:
            raise ProtocolError(f"memory regions that cannot be: {error}") from None
        self._areas, self.guest = areas, guest

    def replace(self, regions: Iterable[Region], fds: Fds) -> None:
        """SET_MEM_TABLE: these are all regions now. The descriptors are closed."""
        try:
            self._use(
                {
                    region: mapped(fd, region.size, region.offset, "a memory region")
                    for region, fd in zip(regions, fds, strict=True)
                }
            )
        finally:
            fds.close()

    def add(self, region: Region, fds: Fds) -> None:
        """ADD_MEM_REG: one more."""
        try:
            (fd,) = fds
            apart([*self._areas, region])
            view = mapped(fd, region.size, region.offset, "a memory region")
            self._use({**self._areas, region: view})
        finally:
            fds.close()

    def remove(self, region: Region) -> None:
        """REM_MEM_REG: the one with these addresses and this size. ProtocolError: there is none."""
        left = {r: view for r, view in self._areas.items() if r[:3] != region[:3]}
        if len(left) == len(self._areas):
            raise ProtocolError(f"REM_MEM_REG of {region}, which was not added")
        self._use(left)

    def guest_address(self, user: int, size: int) -> int:
        """The guest address of `size` bytes at a user address. ProtocolError: no region has them
        all."""
        for region in self._areas:
            if region.user <= user and user + size <= region.user + region.size:
                return region.guest + user - region.user
        raise ProtocolError(
            f"a ring of {size:#x} bytes at user address {user:#x} is in no memory region"
        )
