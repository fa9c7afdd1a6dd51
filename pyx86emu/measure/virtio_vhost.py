"""Virtio served by another process over vhost-user, measured. The guest is that of `virtio.py`.

`virtio_others.py` says which processes serve. The guest's kicks are ioeventfds and its interrupts
irqfds, so a request takes no exit. `null` is the floor: the same guest and the same eventfds, and
no disk.

A second guest never waits: it computes, makes a request available when the last one is used, rings,
and computes. Its speed is compared with that of the same guest when nobody waits for its kicks.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep, thread_time

from ..pc.machine import Machine
from ..virtio.mmio import VirtioMmio
from ..virtio.vhost.blk import VhostUserBlk
from .figures import Row
from .virtio import AVAIL, DEPTHS, QUEUE, SECONDS, SIZES, USED, Guest, program
from .virtio import SIZE as RING
from .virtio_others import Other, kinds

#: The storage daemon reaches at least so many percent of what `null` does, 32 deep.
TO_NULL = 60.0
#: A vCPU that rings and computes keeps at least so many percent of its speed.
KEPT = 95.0
#: Turns of its inner loop, of 5 instructions, between two rings.
TURNS = 0x6000
#: Runs in turns for each repetition that was asked for, and how long one is, compared with SECONDS.
RUNS, SHARE = 5, 1 / 3
#: Host seconds for a back end to start and to answer the first request.
PATIENCE = 30.0
#: Who serves, in words.
WHO = {
    "null": "a process that answers at once",
    "python": "VirtioBlk in a process",
    "daemon": "qemu-storage-daemon",
}
if "daemon" not in kinds():
    HEAD = "qemu-storage-daemon or qemu-img is not installed: its rows are left out"


def ringing() -> bytes:
    """The guest that computes: one request in flight at most, and no interrupts."""
    avail, used = AVAIL + 2 - QUEUE, USED + 2 - QUEUE
    start = bytes.fromhex("fa") + struct.pack("<3sHH", bytes.fromhex("26c706"), avail - 2, 1)
    # again: mov cx,TURNS; one: add ax,cx; xor bx,ax; add ax,bx; inc ax; loop one
    compute = struct.pack("<BH", 0xB9, TURNS) + bytes.fromhex("01c8 31c3 01d8 40 e2f7")
    # mov ax,[es:used]; cmp ax,[es:avail]; jne ring; inc word [es:avail]
    more = struct.pack("<2sH", bytes.fromhex("26a1"), used)
    more += struct.pack("<3sH", bytes.fromhex("263b06"), avail) + bytes.fromhex("7505")
    more += struct.pack("<3sH", bytes.fromhex("26ff06"), avail)
    ring = bytes.fromhex("66c7065000 00000000")  # ring: mov dword [QueueNotify],0
    back = bytes([0xEB, -(len(compute) + len(more) + len(ring) + 2) & 0xFF])  # jmp again
    return start + compute + more + ring + back


def front_end(path: Path) -> VhostUserBlk:
    """The device of a process that was started just now."""
    until = perf_counter() + PATIENCE
    while True:
        try:
            return VhostUserBlk(path, timeout=PATIENCE, queue_size=RING)
        except (FileNotFoundError, ConnectionRefusedError):
            if perf_counter() > until:
                raise
            sleep(0.01)


class Outside(Guest):
    """A machine with shared RAM whose disk the process at `path` serves."""

    def __init__(self, path: Path, depth: int, size: int, code: bytes = b"") -> None:
        self.m = Machine(bytes.fromhex("faf4"), memory=4 << 20, clock="host", shared=True)
        self.m.boot()
        self.device = front_end(path)
        self.transport = VirtioMmio(self.device)
        self.m.attach(self.transport, gsi=10)
        self.begin(depth, size, code or program(depth))

    def speed(self, seconds: float) -> float:
        """Instructions a second of the vCPU's thread: what it loses to other programs of the host,
        which take its processor for a while, is not lost to the back end."""
        before, start = self.m.vcpu.instructions, thread_time()
        self.m.run(wall=seconds)
        return (self.m.vcpu.instructions - before) / (thread_time() - start)

    def close(self) -> None:
        self.transport.reset_device()
        self.m.close()
        self.device.close()


def reached(
    where: Path, depth: int, size: int, seconds: float, rounds: int
) -> dict[str, list[tuple[float, float]]]:
    """Requests a second and exits of a request, in `rounds` repetitions, of each process in turn.
    Those whose turn it is not have nothing to do."""
    with ExitStack() as stack:
        guests = {}
        for kind in kinds():
            other = stack.enter_context(Other(kind, where))
            guests[kind] = Outside(other.path, depth, size)
            stack.callback(guests[kind].close)
            guests[kind].requests(seconds / 3)
        turns = [{kind: guests[kind].requests(seconds) for kind in guests} for _ in range(rounds)]
    return {kind: [turn[kind] for turn in turns] for kind in guests}


@contextmanager
def on(processor: int) -> Iterator[None]:
    """This thread, which runs the vCPU, uses this processor only; the process's others any."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def kept(kind: str, where: Path, seconds: float, rounds: int) -> list[float]:
    """The speed of the vCPU that rings and computes, in percent of nobody served, in turns. The
    process that serves is on the other processors, if there are any."""
    first, *others = sorted(os.sched_getaffinity(0))
    with Other(kind, where) as other, Other("mute", where) as mute:
        if others:
            other.use(others)
        served = Outside(other.path, 1, 512, ringing())
        alone = Outside(mute.path, 1, 512, ringing())
        try:
            start = perf_counter()
            while not served.used or not alone.m.vcpu.instructions:  # it is served from now on
                served.speed(seconds / 3)
                alone.speed(seconds / 3)
                if perf_counter() - start > PATIENCE:
                    raise RuntimeError(f"'{kind}' does not serve: {served.device.error}")
            with on(first):
                return [100 * served.speed(seconds) / alone.speed(seconds) for _ in range(rounds)]
        finally:
            served.close()
            alone.close()


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    seconds = SECONDS * SHARE * scale
    exits: dict[str, float] = {}
    with TemporaryDirectory() as directory:  # its mode is 0700

        def place(*names: object) -> Path:
            where = Path(directory, "-".join(map(str, names)))
            where.mkdir(mode=0o700)
            return where

        for depth in DEPTHS:
            for size in SIZES:
                where = place(depth, size)
                found = reached(where, depth, size, seconds, RUNS * rounds)
                rates = {kind: [each[0] for each in found[kind]] for kind in found}
                for kind in found:
                    exits[kind] = max(exits.get(kind, 0.0), median(each[1] for each in found[kind]))
                    what = f"requests of {size} bytes, {depth} deep, served by {WHO[kind]}"
                    yield Row.of(f"vhost-{kind}-{depth}-{size}", rates[kind], "/s", what)
                for kind in kinds()[1:]:
                    ratios = [
                        100 * each / null
                        for each, null in zip(rates[kind], rates["null"], strict=True)
                    ]
                    name, what = f"{kind}-to-null-{depth}-{size}", f"{WHO[kind]}, of the null one"
                    limit = TO_NULL if (kind, depth) == ("daemon", 32) else None
                    yield Row.of(name, ratios, "%", what, limit=limit, least=True)
        for kind in kinds():
            what = "exits of a request after set-up"
            yield Row.of(f"vhost-{kind}-exits", [exits[kind]], "", what, limit=0.0)
        for kind in kinds():
            what = f"speed of a vCPU that rings {WHO[kind]} and computes; 100: nobody is served"
            found_speeds = kept(kind, place(kind, "computes"), seconds, RUNS * rounds)
            yield Row.of(f"vhost-{kind}-beside", found_speeds, "%", what, limit=KEPT, least=True)
