"""A driver without a guest: fill split rings in the memory of a Vm, as virtio 1.2 (2.7) has them.

Knows virtqueues and virtio-blk requests, not who works on them.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from pyx86emu import EventFd, Vm
from pyx86emu.virtio.device import Vring
from pyx86emu.virtio.vhost.link import Queue

NEXT, WRITE = 1, 2
T_IN, T_OUT, T_FLUSH, T_GET_ID = 0, 1, 4, 8
SECTOR = 512


class Slot(NamedTuple):
    """Memory for one request: header, data, status."""

    header: int
    data: int
    status: int


class BlkQueue:
    """A queue of virtio-blk requests, `depth` at a time, each with `size` bytes of data."""

    def __init__(
        self,
        vm: Vm,
        at: int,
        *,
        number: int = 0,
        num: int = 256,
        depth: int = 8,
        size: int = 4096,
    ) -> None:
        assert num >= 3 * depth
        self.vm, self.num, self.depth, self.size, self.number = vm, num, depth, size, number
        self.desc = at
        self.avail = at + 16 * num
        self.used = self.avail + 6 + 2 * num + 3 & -4
        at = self.used + 6 + 8 * num + 15 & -16
        self.slots = []
        for _ in range(depth):
            self.slots.append(Slot(at, at + 16, at + 16 + size))
            at += 16 + size + 16
        self.end = at
        self.free = list(range(depth))
        self.made = self.seen = 0
        self.kick, self.call = EventFd(), EventFd()

    @property
    def ring(self) -> Vring:
        return Vring(self.number, self.num, self.desc, self.avail, self.used)

    def queue(self) -> Queue:
        return Queue(self.ring, self.kick.fileno(), self.call.fileno())

    def submit(
        self, kind: int, sector: int = 0, data: bytes | int = b"", *, ring: bool = True
    ) -> int:
        """Make a request available; `data` are the bytes to write or the number to read. Returns
        its slot."""
        slot = self.free.pop(0)
        place = self.slots[slot]
        size = data if isinstance(data, int) else len(data)
        self.vm.write(place.header, struct.pack("<IIQ", kind, 0, sector))
        self.vm.write(place.status, b"\xff")
        if isinstance(data, bytes):
            self.vm.write(place.data, data)
        head = 3 * slot
        chain = [(place.header, 16, 0)]
        if size:
            chain.append((place.data, size, WRITE if isinstance(data, int) else 0))
        chain.append((place.status, 1, WRITE))
        table = b""
        for n, (addr, length, flags) in enumerate(chain):
            more = n + 1 < len(chain)
            table += struct.pack("<QIHH", addr, length, flags | more * NEXT, (head + n + 1) * more)
        at = self.desc + 16 * head
        self.vm.write(at, table)
        entry = self.avail + 4 + 2 * (self.made % self.num)
        self.vm.write(entry, struct.pack("<H", head))
        self.made += 1
        self.vm.write(self.avail + 2, struct.pack("<H", self.made & 0xFFFF))
        if ring:
            self.kick.write()
        return slot

    def done(self) -> list[tuple[int, int, int]]:
        """Slot, status and length of each request that is used since the last call."""
        found = []
        index = struct.unpack("<H", self.vm.read(self.used + 2, 2))[0]
        while index != self.seen & 0xFFFF:
            at = self.used + 4 + 8 * (self.seen % self.num)
            head, length = struct.unpack("<II", self.vm.read(at, 8))
            assert head % 3 == 0 and head // 3 < self.depth, f"used entry of head {head}"
            slot = head // 3
            assert slot not in self.free, f"slot {slot} is used twice"
            self.free.append(slot)
            self.seen += 1
            found.append((slot, self.vm.read(self.slots[slot].status, 1)[0], length))
        return found

    def data(self, slot: int, size: int) -> bytes:
        at = self.slots[slot].data
        return self.vm.read(at, size)

    def close(self) -> None:
        self.kick.close()
        self.call.close()
