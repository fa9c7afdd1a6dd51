"""Virtio in this process, measured: a guest reads sectors of a virtio disk as fast as it can.

The guest makes `depth` chains available, kicks once, and waits in HLT until all are used. The
device is `VirtioBlk`, written in Python, over a disk of zeros in memory. The kick is

    exit        an exit: run() returns, and the machine calls the device
    push        a call of the device by the core, without ioeventfd
    ioeventfd   an ioeventfd, and the vCPU's thread serves between two instructions
    thread      an ioeventfd, and a thread of the device serves; its interrupt is an irqfd

The floor of `thread` is what two threads need to wake each other with two eventfds.
"""

import os
import struct
from collections.abc import Iterator
from statistics import median
from threading import Thread
from time import perf_counter
from typing import Any, Literal

from ..pc.disks.image import Disk
from ..pc.machine import Machine
from ..virtio.blk import VirtioBlk
from ..virtio.mmio import VirtioMmio
from ..virtio.numbers import ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK
from .figures import Row

#: Seconds of one repetition, at scale 1.
SECONDS = 0.3
DEPTHS = (1, 32)
SIZES = (512, 4096)
WAYS = ("exit", "push", "ioeventfd", "thread")
#: Requests a second that a device in Python serves in the vCPU's thread, 32 deep.
LEAST = 100_000.0

QUEUE, SIZE = 0x20000, 256
AVAIL = QUEUE + 16 * SIZE
USED = AVAIL + 6 + 2 * SIZE + 3 & ~3
HEADERS, BUFFERS = 0x30000, 0x100000
CODE = 0x7C00
VECTOR = 0x72  # of line 10
#: One slice of run(): the counters of 16 bits do not wrap in it.
SLICE = 0.02
#: Seconds that a guest may need for its first request, on a host that is busy.
PATIENCE = 30.0


def program(depth: int) -> bytes:
    """The guest, with DS=D000h, the device, and ES=2000h, the queue."""
    avail, used = AVAIL + 2 - QUEUE, USED + 2 - QUEUE
    start = bytes.fromhex("b0fb e621 e6a1")  # mov al,0FBh; out 21h,al; out 0A1h,al
    again = struct.pack("<3sHH", bytes.fromhex("268106"), avail, depth)  # add word [es:avail],depth
    again += struct.pack("<2sH", bytes.fromhex("26a1"), avail)  # mov ax,[es:avail]
    again += bytes.fromhex("66c7065000 00000000")  # mov dword [QueueNotify],0
    wait = struct.pack("<3sH", bytes.fromhex("263906"), used)  # wait: cmp [es:used],ax
    jump = bytes([0x74, -(len(again) + len(wait) + 2) & 0xFF])  # je again
    sleep = bytes.fromhex("fbf4fa")  # sti; hlt; cli
    back = bytes([0xEB, -(len(wait) + len(jump) + len(sleep) + 2) & 0xFF])  # jmp wait
    return start + again + wait + jump + sleep + back


#: push ax; mov al,20h; out 0A0h,al; out 20h,al; pop ax; iret
HANDLER = bytes.fromhex("50 b020 e6a0 e620 58 cf")


class Guest:
    """A machine with the disk, and a guest that reads it."""

    def __init__(self, way: str, depth: int, size: int) -> None:
        # On the virtual clock a HLT would not sleep: time jumps to the next event of the 8254.
        clock: Literal["host", "virtual"] = "host" if way == "thread" else "virtual"
        self.m = Machine(bytes.fromhex("faf4"), memory=4 << 20, clock=clock)
        self.disk = Disk(bytes(1 << 20), kind="hd")
        self.m.boot()
        served: Literal["vcpu", "thread"] = "thread" if way == "thread" else "vcpu"
        device = VirtioBlk(self.disk, served=served, queue_size=SIZE)
        self.transport = VirtioMmio(device, ioeventfd=way in ("ioeventfd", "thread"))
        self.m.attach(self.transport, gsi=10, pull=way == "exit")
        self.begin(depth, size, program(depth))

    def begin(self, depth: int, size: int, code: bytes) -> None:
        """Start the guest's program, with the device attached."""
        self._set_up()
        self._fill(depth, size)
        vm, regs = self.m.vm, self.m.vcpu.regs
        vm.write(CODE, code + HANDLER)
        vm.write(VECTOR * 4, struct.pack("<HH", CODE + len(code), 0))
        regs.cs, regs.ip, regs.ds, regs.es = 0, CODE, 0xD000, QUEUE >> 4
        regs.ss, regs.sp = 0, CODE

    def _set_up(self) -> None:
        """What a driver does first."""
        write: Any = self.transport.mmio_write
        agreed = ACKNOWLEDGE | DRIVER | FEATURES_OK
        low = {0x80: QUEUE, 0x90: AVAIL, 0xA0: USED}
        steps = [(0x70, ACKNOWLEDGE | DRIVER), (0x24, 1), (0x20, 1), (0x70, agreed), (0x38, SIZE)]
        for offset, value in [*steps, *low.items(), (0x44, 1), (0x70, agreed | DRIVER_OK)]:
            write(offset, 4, value)

    def _fill(self, depth: int, size: int) -> None:
        """`depth` chains of three descriptors; the available ring has them again and again."""
        write = self.m.vm.write
        write(HEADERS, struct.pack("<IIQ", 0, 0, 1))
        for i in range(depth):
            chain = [(HEADERS, 16, 1, 3 * i + 1), (BUFFERS + 4096 * i, size, 3, 3 * i + 2)]
            chain.append((HEADERS + 16 + i, 1, 2, 0))
            write(QUEUE + 48 * i, b"".join(struct.pack("<QIHH", *each) for each in chain))
        heads = [3 * (i % depth) for i in range(SIZE)]
        write(AVAIL, struct.pack(f"<HH{SIZE}H", 0, 0, *heads))

    @property
    def used(self) -> int:
        return int.from_bytes(self.m.vm.read(USED + 2, 2), "little")

    def requests(self, seconds: float) -> tuple[float, float]:
        """Requests a second, and exits of a request."""
        m, count, last = self.m, 0, self.used
        exits = m.stats.mmio_exits
        start = perf_counter()
        while (spent := perf_counter() - start) < seconds or not count:
            m.run(wall=min(SLICE, seconds))
            now = self.used
            count += now - last & 0xFFFF
            last = now
            if self.transport.trouble is not None or spent > PATIENCE:
                raise RuntimeError(f"the guest stands still: {self.transport.trouble}")
        return count / spent, (m.stats.mmio_exits - exits) / count

    def close(self) -> None:
        self.transport.reset_device()
        self.m.close()
        self.disk.close(discard=True)


def floor(seconds: float) -> float:
    """Round trips a second of two threads that wake each other with two eventfds."""
    there, back = os.eventfd(0), os.eventfd(0)
    done = False

    def answer() -> None:
        while not done:
            os.eventfd_read(there)
            os.eventfd_write(back, 1)

    thread = Thread(target=answer)
    thread.start()
    count, start = 0, perf_counter()
    while (spent := perf_counter() - start) < seconds:
        os.eventfd_write(there, 1)
        os.eventfd_read(back)
        count += 1
    done = True
    os.eventfd_write(there, 1)
    thread.join()
    os.close(there)
    os.close(back)
    return count / spent


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    seconds = SECONDS * scale
    exits: dict[str, float] = {}
    for depth in DEPTHS:
        for size in SIZES:
            for way in WAYS:
                guest = Guest(way, depth, size)
                try:
                    guest.requests(seconds / 3)
                    found = [guest.requests(seconds) for _ in range(rounds)]
                finally:
                    guest.close()
                exits[way] = max(exits.get(way, 0.0), median(each[1] for each in found))
                limit = LEAST if (way, depth) == ("ioeventfd", 32) else None
                what = f"requests of {size} bytes, {depth} deep"
                name, rates = f"{way}-{depth}-{size}", [each[0] for each in found]
                yield Row.of(name, rates, "/s", what, limit=limit, least=True)
    for way in WAYS:
        what = "exits of a request, 1 deep, after set-up"
        limit = None if way == "exit" else 0.0
        yield Row.of(f"{way}-exits", [exits[way]], "", what, limit=limit)
    trips = [floor(seconds) for _ in range(rounds)]
    yield Row.of("floor", trips, "/s", "round trips of two threads in Python, with two eventfds")
