"""The overlay: keep the sectors that were changed, a few in memory, many in a temporary file."""

import os
from collections.abc import Callable, Iterator
from operator import index

from ...errors import DiskError
from .opening import read_at, write_all
from .sectors import SECTOR

#: How many changed sectors are kept in memory: 32 MiB, and as much again for their objects.
IN_MEMORY = 1 << 16
#: Sectors a page of the map of the temporary file: one bit a sector.
PAGE = 1 << 16


class Overlay:
    """Changed sectors by number. Not for several threads at once; its disk has a lock.

    The newest changes are in memory. When `in_memory` sectors are there, they move to a temporary
    file without a name, in the directory of `tempfile.gettempdir()`. It is a sparse file, so it has
    the blocks of the changed sectors only. The bound on memory is 64 MiB, and 8 KiB for each 32 MiB
    of the disk with a change in them: 32 MiB more if 128 GiB are written from end to end.

    The file belongs to one process. In a forked child, an overlay that has one is a DiskError.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._limit = max(1, index(in_memory))
        self._memory: dict[int, bytes] = {}
        self._count = 0
        self._fd = -1
        self._owner = 0
        self._maps: dict[int, bytearray] = {}
        #: While it is a set, each sector that is put is added to it.
        self.touched: set[int] | None = None

    def __len__(self) -> int:
        return self._count

    def __contains__(self, lba: int) -> bool:
        return lba in self._memory or self._in_file(lba)

    def next_after(self, lba: int, most: int) -> list[int]:
        """The `most` lowest changed sectors from `lba` on."""
        found = sorted(i for i in self._memory if i >= lba)[:most]
        if not self._maps:
            return found
        end = found[-1] if len(found) == most else None
        others: list[int] = []
        for page in sorted(self._maps):
            first = page * PAGE
            if first + PAGE <= lba:
                continue
            if len(others) == most or (end is not None and first > end):
                break
            for at, byte in enumerate(self._maps[page]):
                if byte:
                    each = (first + at * 8 + bit for bit in range(8) if byte >> bit & 1)
                    others += [i for i in each if i >= lba and i not in self._memory]
                    if len(others) >= most:
                        break
        return sorted(found + others[:most])[:most]

    def get(self, lba: int) -> bytes | None:
        """The sector, or None if it was not changed."""
        data = self._memory.get(lba)
        if data is None and self._in_file(lba):
            data = self._from_file(lba, 1)
        return data

    def put(self, lba: int, data: bytes) -> None:
        """Keep a sector. OSError: there is no room in the temporary file; nothing is lost."""
        memory = self._memory
        if lba not in memory:
            if len(memory) >= self._limit:
                self._spill()
            self._count += not self._in_file(lba)
        memory[lba] = data
        if self.touched is not None:
            self.touched.add(lba)

    def drop(self, lba: int) -> None:
        """Forget a sector."""
        if lba not in self:
            return
        self._memory.pop(lba, None)
        page, at = divmod(lba, PAGE)
        if page in self._maps:
            self._maps[page][at >> 3] &= ~(1 << (at & 7)) & 0xFF
        self._count -= 1
        if not self._count:
            self.clear()

    def clear(self) -> None:
        """Forget all, and close the temporary file."""
        self._memory.clear()
        self._maps.clear()
        self._count = 0
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            os.close(self._fd)

    def read(self, lba: int, n: int, image: Callable[[int, int], bytes]) -> bytes:
        """`n` sectors from `lba` on; `image(lba, n)` gives those that were not changed."""
        if not self._count:
            return image(lba, n)
        memory, parts = self._memory, []
        first, end = lba, lba + n
        while first < end:
            data = memory.get(first)
            if data is not None:
                parts.append(data)
                first += 1
                continue
            spilled, last = self._in_file(first), first + 1
            while last < end and last not in memory and self._in_file(last) == spilled:
                last += 1
            source = self._from_file if spilled else image
            parts.append(source(first, last - first))
            first = last
        return b"".join(parts)

    # -- the temporary file ------------------------------------------------------------------------

    def _in_file(self, lba: int) -> bool:
        page = self._maps.get(lba // PAGE)
        return page is not None and bool(page[lba % PAGE >> 3] >> (lba & 7) & 1)

    def _own(self) -> int:
        if self._owner != os.getpid():
            raise DiskError(
                "the changed sectors of this disk are in a temporary file of the process that "
                "forked: open the image again in this one"
            )
        return self._fd

    def _from_file(self, lba: int, n: int) -> bytes:
        return read_at(self._own(), lba * SECTOR, n * SECTOR)

    def _spill(self) -> None:
        """Move the sectors in memory to the file."""
        from tempfile import TemporaryFile, gettempdir

        memory = self._memory
        lbas = sorted(memory)
        try:
            if self._fd < 0:
                with TemporaryFile(prefix="pyx86emu-overlay-") as file:
                    self._fd = os.dup(file.fileno())
                self._owner = os.getpid()
            fd = self._own()
            for run in runs(lbas):
                write_all(fd, run[0] * SECTOR, b"".join(memory[lba] for lba in run))
        except OSError as error:
            text = (
                f"{error.strerror}: the changed sectors of a disk need a temporary file in "
                f"{gettempdir()}: make room, or set TMPDIR"
            )
            raise OSError(error.errno, text) from error
        for lba in lbas:
            page, at = divmod(lba, PAGE)
            bits = self._maps.setdefault(page, bytearray(PAGE // 8))
            bits[at >> 3] |= 1 << (at & 7)
        memory.clear()


def runs(lbas: list[int], most: int = 2048) -> Iterator[range]:
    """Cut ascending numbers into ranges without holes, each of at most `most`.

    >>> list(runs([1, 2, 3, 7, 9, 10]))
    [range(1, 4), range(7, 8), range(9, 11)]
    """
    first = 0
    for i in range(1, len(lbas) + 1):
        if i == len(lbas) or lbas[i] != lbas[i - 1] + 1 or i - first == most:
            yield range(lbas[first], lbas[i - 1] + 1)
            first = i
