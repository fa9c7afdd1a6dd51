"""A driver in Python: it sets up a device at its registers and fills its queues, as guests do."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Protocol

from pyx86emu.virtio import mmio
from pyx86emu.virtio.numbers import (
    ACKNOWLEDGE,
    DRIVER,
    DRIVER_OK,
    EVENT_IDX,
    FEATURES_OK,
    VERSION_1,
)

NEXT, WRITE, INDIRECT = 1, 2, 4


class Memory(Protocol):
    """What a driver stores to."""

    def read(self, addr: int, size: int, /) -> bytes: ...
    def write(self, addr: int, data: bytes, /) -> None: ...


class Ring:
    """The driver's side of one queue, at `base`: table, then available ring, then used ring."""

    def __init__(
        self, memory: Memory, size: int, base: int = 0x10000, *, event_idx: bool = False
    ) -> None:
        self.memory, self.size = memory, size
        self.desc = base
        self.avail = base + 16 * size
        self.used = self.avail + 6 + 2 * size + 3 & ~3
        self.end = self.used + 6 + 8 * size + 15 & ~15
        self.event_idx = event_idx
        self.made = self.seen = 0
        self.free = list(range(size))
        memory.write(base, bytes(self.end - base))

    @property
    def addresses(self) -> tuple[int, int, int]:
        return self.desc, self.avail, self.used

    def describe(self, index: int, addr: int, length: int, flags: int = 0, then: int = 0) -> None:
        """Write one descriptor of the table."""
        self.memory.write(self.desc + 16 * index, struct.pack("<QIHH", addr, length, flags, then))

    def chain(self, parts: Sequence[tuple[int, int, bool]]) -> int:
        """Write descriptors for (address, length, writable); returns the head."""
        indexes = [self.free.pop(0) for _ in parts]
        for i, (addr, length, writable) in enumerate(parts):
            last = i == len(parts) - 1
            flags = (WRITE if writable else 0) | (0 if last else NEXT)
            self.describe(indexes[i], addr, length, flags, 0 if last else indexes[i + 1])
        return indexes[0]

    def offer(self, *heads: int) -> None:
        """Make chains available."""
        for head in heads:
            at = self.avail + 4 + 2 * (self.made % self.size)
            self.memory.write(at, struct.pack("<H", head))
            self.made = self.made + 1 & 0xFFFF
        self.memory.write(self.avail + 2, struct.pack("<H", self.made))

    def add(self, parts: Sequence[tuple[int, int, bool]]) -> int:
        head = self.chain(parts)
        self.offer(head)
        return head

    def reap(self) -> list[tuple[int, int]]:
        """(head, written) of what the device has used since the last call."""
        (index,) = struct.unpack("<H", self.memory.read(self.used + 2, 2))
        found = []
        while self.seen != index:
            at = self.used + 4 + 8 * (self.seen % self.size)
            found.append(struct.unpack("<II", self.memory.read(at, 8)))
            self.seen = self.seen + 1 & 0xFFFF
        return found

    def interrupt_after(self, index: int) -> None:
        """With EVENT_IDX: ask for an interrupt when the used index passes this one."""
        self.memory.write(self.avail + 4 + 2 * self.size, struct.pack("<H", index))


class Registers:
    """The registers of one device at the MMIO transport."""

    def __init__(self, device: mmio.VirtioMmio) -> None:
        self.device = device

    def get(self, offset: int) -> int:
        return self.device.mmio_read(offset, 4)

    def put(self, offset: int, value: int) -> None:
        self.device.mmio_write(offset, 4, value)

    @property
    def offered(self) -> int:
        total = 0
        for half in range(2):
            self.put(mmio.DEVICE_FEATURES_SEL, half)
            total |= self.get(mmio.DEVICE_FEATURES) << 32 * half
        return total

    def negotiate(self, features: int = VERSION_1) -> int:
        """Go as far as FEATURES_OK; returns the status."""
        self.put(mmio.STATUS, 0)
        self.put(mmio.STATUS, ACKNOWLEDGE)
        self.put(mmio.STATUS, ACKNOWLEDGE | DRIVER)
        for half in range(2):
            self.put(mmio.DRIVER_FEATURES_SEL, half)
            self.put(mmio.DRIVER_FEATURES, features >> 32 * half & 0xFFFFFFFF)
        self.put(mmio.STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK)
        return self.get(mmio.STATUS)

    def set_queue(self, index: int, ring: Ring) -> None:
        self.put(mmio.QUEUE_SEL, index)
        self.put(mmio.QUEUE_NUM, ring.size)
        places = (mmio.QUEUE_DESC_LOW, mmio.QUEUE_DRIVER_LOW, mmio.QUEUE_DEVICE_LOW)
        for offset, addr in zip(places, ring.addresses, strict=True):
            self.put(offset, addr & 0xFFFFFFFF)
            self.put(offset + 4, addr >> 32)
        self.put(mmio.QUEUE_READY, 1)

    def start(self, rings: dict[int, Ring], features: int = VERSION_1) -> None:
        """Everything up to DRIVER_OK."""
        assert self.negotiate(features) & FEATURES_OK
        for index, ring in rings.items():
            ring.event_idx = bool(features & EVENT_IDX)
            self.set_queue(index, ring)
        self.put(mmio.STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK)

    def kick(self, index: int = 0) -> None:
        """By an exit: the host's writes ring no ioeventfd."""
        self.put(mmio.QUEUE_NOTIFY, index)
