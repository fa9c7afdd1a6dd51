"""The overlay: keep the sectors that were changed, a few in memory, many in a temporary file."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import index
from typing import NamedTuple

from ...errors import DiskError
from .opening import read_at, write_all
from .sectors import SECTOR

#: How many changed sectors are kept in memory: 32 MiB, and as much again for their objects.
IN_MEMORY = 1 << 16
#: Sectors a page of the map of the temporary file: one bit a sector.
PAGE = 1 << 16


class Spill:
    """A temporary file without a name. Overlays share one that is frozen: nobody writes it."""

    __slots__ = ("fd", "frozen", "owner")

    def __init__(self) -> None:
        from tempfile import TemporaryFile

        self.fd = -1
        self.frozen = False
        self.owner = os.getpid()
        with TemporaryFile(prefix="pyx86emu-overlay-") as file:
            self.fd = os.dup(file.fileno())

    def own(self) -> int:
        """The descriptor. DiskError: it is in a forked child."""
        if self.owner != os.getpid():
            raise DiskError(
                "the changed sectors of this disk are in a temporary file of the process that "
                "forked: open the image again in this one"
            )
        return self.fd

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):  # __init__ may not have run
            if self.fd >= 0:
                os.close(self.fd)


class Layer:
    """The sectors of an overlay that are in one file: a map of one bit a sector, by page."""

    __slots__ = ("file", "maps")

    def __init__(self, file: Spill, maps: dict[int, bytearray]) -> None:
        self.file = file
        self.maps = maps

    def has(self, lba: int) -> bool:
        page = self.maps.get(lba // PAGE)
        return page is not None and bool(page[lba % PAGE >> 3] >> (lba & 7) & 1)

    def add(self, lba: int) -> None:
        page, at = divmod(lba, PAGE)
        self.maps.setdefault(page, bytearray(PAGE // 8))[at >> 3] |= 1 << (at & 7)

    def drop(self, lba: int) -> None:
        page, at = divmod(lba, PAGE)
        if page in self.maps:
            self.maps[page][at >> 3] &= ~(1 << (at & 7)) & 0xFF

    def copy(self) -> "Layer":
        return Layer(self.file, {page: bits.copy() for page, bits in self.maps.items()})


class Written(NamedTuple):
    """What an overlay had at one moment. It does not change."""

    memory: dict[int, bytes]
    layers: tuple[Layer, ...]
    total: int


class Overlay:
    """Changed sectors by number. Not for several threads at once; its disk has a lock.

    The newest changes are in memory. When `in_memory` sectors are there, they move to a temporary
    file without a name, in the directory of `tempfile.gettempdir()`. It is a sparse file, so it has
    the blocks of the changed sectors only. The bound on memory is 64 MiB, and 8 KiB for each 32 MiB
    of the disk with a change in them: 32 MiB more if 128 GiB are written from end to end.

    `keep()` returns what it has at the moment, `restore()` goes back to that. A file is frozen by
    `keep()`: what is written later goes into another one, with a map of its own.

    The file belongs to one process. In a forked child, an overlay that has one is a DiskError.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._limit = max(1, index(in_memory))
        self._memory: dict[int, bytes] = {}
        self._count = 0
        #: The files, the newest one last. Its sectors are newer than those of the others.
        self._layers: list[Layer] = []
        #: While it is a set, each sector that is put is added to it.
        self.touched: set[int] | None = None
        #: How often it has changed: no two contents have the same number.
        self.version = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, lba: int) -> bool:
        return lba in self._memory or self._layer(lba) is not None

    def keep(self) -> Written:
        """What it has now."""
        for layer in self._layers:
            layer.file.frozen = True
        return Written(
            self._memory.copy(), tuple([layer.copy() for layer in self._layers]), self._count
        )

    def restore(self, written: Written) -> None:
        """Have what `keep()` returned, of this overlay or another one."""
        self._memory = written.memory.copy()
        self._layers = [layer.copy() for layer in written.layers]
        self._count = written.total
        self.version += 1

    def next_after(self, lba: int, most: int) -> list[int]:
        """The `most` lowest changed sectors from `lba` on."""
        found = sorted(i for i in self._memory if i >= lba)[:most]
        if not self._layers:
            return found
        end = found[-1] if len(found) == most else None
        others: list[int] = []
        for page in sorted({page for layer in self._layers for page in layer.maps}):
            first = page * PAGE
            if first + PAGE <= lba:
                continue
            if len(others) >= most or (end is not None and first > end):
                break
            for at, byte in enumerate(self._bits(page)):
                if byte:
                    each = (first + at * 8 + bit for bit in range(8) if byte >> bit & 1)
                    others += [i for i in each if i >= lba and i not in self._memory]
                    if len(others) >= most:
                        break
        return sorted(found + others[:most])[:most]

    def _bits(self, page: int) -> bytes | bytearray:
        """The sectors of a page that are in any file."""
        maps = [layer.maps[page] for layer in self._layers if page in layer.maps]
        if len(maps) == 1:
            return maps[0]
        bits = 0
        for each in maps:
            bits |= int.from_bytes(each, "little")
        return bits.to_bytes(PAGE // 8, "little")

    def get(self, lba: int) -> bytes | None:
        """The sector, or None if it was not changed."""
        data = self._memory.get(lba)
        if data is None and (layer := self._layer(lba)) is not None:
            data = _from_file(layer, lba, 1)
        return data

    def put(self, lba: int, data: bytes) -> None:
        """Keep a sector. OSError: there is no room in the temporary file; nothing is lost."""
        memory = self._memory
        if lba not in memory:
            if len(memory) >= self._limit:
                self._spill()
                memory = self._memory
            self._count += self._layer(lba) is None
        memory[lba] = data
        self.version += 1
        if self.touched is not None:
            self.touched.add(lba)

    def drop(self, lba: int) -> None:
        """Forget a sector."""
        if lba not in self:
            return
        self.version += 1
        self._memory.pop(lba, None)
        for layer in self._layers:
            layer.drop(lba)
        self._count -= 1
        if not self._count:
            self.clear()

    def clear(self) -> None:
        """Forget all, and close the temporary file, if no other overlay has it."""
        self._memory.clear()
        self._layers.clear()
        self._count = 0
        self.version += 1

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
            layer, last = self._layer(first), first + 1
            while last < end and last not in memory and self._layer(last) is layer:
                last += 1
            if layer is None:
                parts.append(image(first, last - first))
            else:
                parts.append(_from_file(layer, first, last - first))
            first = last
        return b"".join(parts)

    # -- the temporary file ------------------------------------------------------------------------

    def _layer(self, lba: int) -> Layer | None:
        """The newest file with this sector."""
        for layer in reversed(self._layers):
            if layer.has(lba):
                return layer
        return None

    def _spill(self) -> None:
        """Move the sectors in memory to the newest file, or a new one if that is frozen."""
        from tempfile import gettempdir

        memory = self._memory
        lbas = sorted(memory)
        try:
            layer = self._layers[-1] if self._layers else None
            if layer is None or layer.file.frozen:
                layer = Layer(Spill(), {})
                self._layers.append(layer)
            fd = layer.file.own()
            for run in runs(lbas):
                write_all(fd, run[0] * SECTOR, b"".join(memory[lba] for lba in run))
        except OSError as error:
            text = (
                f"{error.strerror}: the changed sectors of a disk need a temporary file in "
                f"{gettempdir()}: make room, or set TMPDIR"
            )
            raise OSError(error.errno, text) from error
        for lba in lbas:
            layer.add(lba)
        memory.clear()


def _from_file(layer: Layer, lba: int, n: int) -> bytes:
    return read_at(layer.file.own(), lba * SECTOR, n * SECTOR)


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
