"""What a back end has in flight, in memory that outlives it: keep the list, read it after a crash.

The document "Vhost-user Protocol" has the layout, in "Inflight I/O tracking". A queue has a header
of 16 bytes and 16 bytes for each descriptor: inflight (8 bits), next (16 bits, at 6), counter (64).
"""

import os
import struct
from collections.abc import Iterable, Sequence
from typing import Any

from ..._core import VirtQueue
from .messages import ProtocolError

HEAD = struct.Struct("=QHHHH")  # features, version, desc_num, last_batch_head, used_idx
DESC = struct.Struct("=B5xHQ")  # inflight, next, counter
USED_IDX, BATCH = 14, 12
U16 = struct.Struct("=H")
#: Each queue begins at a cache line of its own.
LINE = 64

Popped = tuple[int, bytes, int]


def area_size(entries: int) -> int:
    """The bytes of one queue."""
    return HEAD.size + DESC.size * entries + LINE - 1 & -LINE


def new_memory(queues: int, entries: int) -> int:
    """A memfd of zeros for so many queues: its descriptor."""
    fd = os.memfd_create("pyx86emu-inflight", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, queues * area_size(entries))
    except BaseException:
        os.close(fd)
        raise
    return fd


class Tracked:
    """A VirtQueue that notes in `area` what it has popped and not pushed. It has the methods of a
    VirtQueue that devices use."""

    def __init__(self, queue: VirtQueue, area: memoryview) -> None:
        self.queue, self._area = queue, area
        self._counter = 0

    # -- after a crash -----------------------------------------------------------------------------

    def recover(self, used: int) -> list[int]:
        """The heads that are in flight, oldest first; `used` is the index of the used ring.
        ProtocolError: the memory is of another queue."""
        area, num = self._area, self.queue.size
        _, version, entries, batch, noted = HEAD.unpack_from(area)
        if version == 0:
            HEAD.pack_into(area, 0, 0, 1, num, 0, used)
            return []
        if (version, entries) != (1, num):
            raise ProtocolError(
                f"the inflight memory is of version {version}, for {entries} descriptors: the "
                f"queue has {num}"
            )
        for _ in range(min(used - noted & 0xFFFF, num)):  # used, and not noted any more
            if batch >= num:
                break
            at = HEAD.size + DESC.size * batch
            _, following, counter = DESC.unpack_from(area, at)
            DESC.pack_into(area, at, 0, following, counter)
            batch = following
        U16.pack_into(area, USED_IDX, used)
        found = []
        for head in range(num):
            inflight, _, counter = DESC.unpack_from(area, HEAD.size + DESC.size * head)
            self._counter = max(self._counter, counter + 1 & (1 << 64) - 1)
            if inflight:
                found.append((counter, head))
        return [head for _, head in sorted(found)]

    # -- what a device calls -----------------------------------------------------------------------

    def pop(self) -> Popped | None:
        found = self.pop_many(1)
        return found[0] if found else None

    def pop_many(self, limit: int | None = None) -> list[Popped]:
        found = self.queue.pop_many(limit)
        for head, _, _ in found:
            at = HEAD.size + DESC.size * head
            DESC.pack_into(self._area, at, 1, 0, self._counter)
            self._counter = self._counter + 1 & (1 << 64) - 1
        return found

    def push(self, head: int, data: bytes = b"", tail: bytes = b"") -> bool:
        return self.push_many(((head, data, tail),))

    def push_many(self, done: Iterable[Iterable[Any]]) -> bool:
        batch: Sequence[Sequence[Any]] = [tuple(each) for each in done]
        area, num = self._area, self.queue.size
        places = []
        last: int = U16.unpack_from(area, BATCH)[0]
        for head, *_ in batch:
            if isinstance(head, int) and 0 <= head < num:  # else push_many() below refuses it
                places.append(HEAD.size + DESC.size * head)
                U16.pack_into(area, places[-1] + 6, last)
                last = head
        U16.pack_into(area, BATCH, last)
        try:
            return self.queue.push_many(batch)
        finally:
            for at in places:
                area[at] = 0
            U16.pack_into(area, USED_IDX, self.queue.pushed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.queue, name)
