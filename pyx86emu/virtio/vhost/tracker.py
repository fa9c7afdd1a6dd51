"""What is in flight on a split ring: follow both rings, and tell a new back end what is not done.

A back end with INFLIGHT_SHMFD keeps its own list, in memory that outlives it. For one without it,
the front end keeps this list. It looks at the rings whenever one of their eventfds was used, and
from time to time while requests are in flight. The vCPU has no part in it.
"""

import struct
from collections import Counter
from collections.abc import Callable

from ..device import Vring

Read = Callable[[int, int], bytes]
Write = Callable[[int, bytes], object]

INDEX = struct.Struct("<H")


class Tracker:
    """The heads of descriptor chains that are available and not used yet.

    `exact` is False if more than a whole ring has passed between two looks. Then the list is
    unknown until the ring is empty again. One thread calls the methods.
    """

    def __init__(self, ring: Vring, read: Read, base: int = 0) -> None:
        self._ring, self._read = ring, read
        self._avail = self._used = base
        self._counts: Counter[int] = Counter()
        self._newest: dict[int, int] = {}
        self._position = 0
        self.exact = True

    def _index(self, area: int) -> int:
        value: int = INDEX.unpack(self._read(area + 2, 2))[0]
        return value

    def look(self) -> int:
        """Take in what has happened. Returns how many chains are in flight."""
        # The used index first: whatever is used by then was available by then.
        used = self._index(self._ring.used)
        avail = self._index(self._ring.avail)
        made, done = avail - self._avail & 0xFFFF, used - self._used & 0xFFFF
        if avail == used:  # nothing is in flight, whatever was missed
            self._counts.clear()
            self._newest.clear()
            self._position += made
            self._avail, self._used = avail, used
            self.exact = True
            return 0
        if max(made, done) > self._ring.size:
            self.exact = False
        if self.exact:
            for head in self._heads(self._ring.avail + 4, self._avail, made, 2):
                self._position += 1
                self._counts[head] += 1
                self._newest[head] = self._position
            for head in self._heads(self._ring.used + 4, self._used, done, 8):
                self._counts[head] -= 1
                if not self._counts[head]:
                    del self._counts[head]
        self._avail, self._used = avail, used
        return avail - used & 0xFFFF

    def _heads(self, area: int, first: int, count: int, size: int) -> list[int]:
        """Heads of `count` entries from index `first` on; each entry begins with one."""
        num = self._ring.size
        start = first % num
        parts = ((start, min(count, num - start)), (0, max(0, start + count - num)))
        data = b"".join(self._read(area + size * at, size * n) for at, n in parts if n)
        heads = [INDEX.unpack_from(data, at)[0] for at in range(0, len(data), size)]
        return [head for head in heads if head < num]

    def in_flight(self) -> list[int] | None:
        """The heads in flight, oldest first; None: it is not known which they are."""
        count = self.look()
        heads = [head for head, n in self._counts.items() if n == 1]
        if not self.exact or len(heads) != count or len(self._counts) != count:
            return None
        return sorted(heads, key=self._newest.__getitem__)

    def resubmit(self, write: Write) -> int:
        """The back end is dead. Write the heads that are in flight into the entries of the
        available ring from the used index on, where a new back end begins. Returns this index.

        The driver does not read these entries, and it does not write them while the requests are in
        flight. If the heads are not known, the entries stay as they are: that is right for a back
        end that works in order.
        """
        heads = self.in_flight()
        for n, head in enumerate(heads or ()):
            entry = (self._used + n) % self._ring.size
            write(self._ring.avail + 4 + 2 * entry, INDEX.pack(head))
        return self._used
