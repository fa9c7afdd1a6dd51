"""RamDisk: a virtio block device in 40 lines, whose disk is a buffer. Knows requests only."""

from __future__ import annotations

import struct
from mmap import mmap

from pyx86emu.virtio.device import VirtioDevice
from pyx86emu.virtio.numbers import ID_BLOCK
from tests.virtio.ring import SECTOR, T_FLUSH, T_GET_ID, T_IN, T_OUT

F_FLUSH = 1 << 9


class RamDisk(VirtioDevice):
    """Reads, writes, flushes; anything else is not supported (status 2)."""

    device_id = ID_BLOCK
    name = "ramdisk"
    features = F_FLUSH

    def __init__(self, disk: bytearray | mmap, queues: int = 1) -> None:
        self.queue_sizes = (256,) * queues
        super().__init__()
        self.disk = disk
        self.requests_done = 0
        self.resets = 0

    @property
    def config(self) -> bytes:
        head = struct.pack("<Q", len(self.disk) // SECTOR)
        return head.ljust(34, b"\0") + struct.pack("<H", len(self.queue_sizes))

    def kicked(self, index: int) -> None:
        for batch in self.requests(index):
            self.done(index, [(head, *self.answer(data, room)) for head, data, room in batch])

    def answer(self, data: bytes, room: int) -> tuple[bytes, bytes]:
        """What is written, and the status."""
        self.requests_done += 1
        kind, _, sector = struct.unpack_from("<IIQ", data)
        at = sector * SECTOR
        if kind == T_IN and at + room - 1 <= len(self.disk):
            return bytes(self.disk[at : at + room - 1]), b"\0"
        if kind == T_OUT and at + len(data) - 16 <= len(self.disk):
            self.disk[at : at + len(data) - 16] = data[16:]
            return b"", b"\0"
        if kind == T_GET_ID:
            return b"ramdisk".ljust(room - 1, b"\0"), b"\0"
        return b"", b"\0" if kind == T_FLUSH else b"\1" if kind in (T_IN, T_OUT) else b"\2"

    def reset(self) -> None:
        super().reset()
        self.resets += 1
