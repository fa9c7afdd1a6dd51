"""Load: random requests to a disk, many in flight, each checked; `driven` begins a link for them.

Knows the driver's side only, not who serves.
"""

from __future__ import annotations

import random
import select
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyx86emu import Vm
from pyx86emu.virtio.vhost.link import Link
from pyx86emu.virtio.vhost.regions import memory_of
from pyx86emu.virtio.vhost.sockets import Caller
from tests.virtio.ring import SECTOR, T_IN, T_OUT, BlkQueue

VERSION_1, FLUSH = 1 << 32, 1 << 9
DISK = 16 << 20
SIZE = 4096
#: Host seconds after which a request is lost.
PATIENCE = 30


class Load:
    """Random reads and writes on several queues, `depth` deep, each checked by a checksum."""

    def __init__(self, queues: Sequence[BlkQueue], seed: int = 1) -> None:
        self.queues = queues
        self.rng = random.Random(seed)
        self.sums: dict[int, int] = {}
        self.busy: dict[tuple[int, int], tuple[int, int | None]] = {}
        self.taken: set[int] = set()
        self.made = self.finished = 0
        self._poll = select.poll()
        for queue in queues:
            self._poll.register(queue.call.fileno(), select.POLLIN)

    def submit(self, queue: BlkQueue) -> None:
        """One more request, to sectors that no other one uses now."""
        while (sector := self.rng.randrange(DISK // SIZE) * (SIZE // SECTOR)) in self.taken:
            pass
        self.taken.add(sector)
        if sector in self.sums and self.rng.random() < 0.5:
            slot, wanted = queue.submit(T_IN, sector, SIZE), None
        else:
            data = self.rng.randbytes(SIZE)
            slot, wanted = queue.submit(T_OUT, sector, data), zlib.crc32(data)
        self.busy[queue.number, slot] = sector, wanted
        self.made += 1

    def fill(self, limit: int) -> None:
        """Requests until all queues are full."""
        for queue in self.queues:
            while queue.free and self.made < limit:
                self.submit(queue)

    def collect(self) -> None:
        """Wait for completions and check them."""
        assert self._poll.poll(1000 * PATIENCE), f"lost: {self.busy}"
        self.gather()

    def gather(self) -> None:
        """Check what is completed."""
        for queue in self.queues:
            queue.call.read()
            for slot, status, length in queue.done():
                sector, wanted = self.busy.pop((queue.number, slot))
                self.taken.remove(sector)
                self.finished += 1
                assert status == 0
                if wanted is None:
                    assert length == SIZE + 1
                    assert zlib.crc32(queue.data(slot, SIZE)) == self.sums[sector]
                else:
                    self.sums[sector] = wanted

    def run(self, count: int) -> None:
        """So many requests from begin to end."""
        limit = self.made + count
        while self.finished < limit:
            self.fill(limit)
            self.collect()

    def run_others(self, count: int) -> None:
        """So many requests from begin to end, besides those that are in flight."""
        before = len(self.busy)
        self.fill(self.made + count)
        while len(self.busy) > before:
            self.collect()

    def check(self, disk: bytes) -> None:
        for sector, wanted in self.sums.items():
            at = sector * SECTOR
            assert zlib.crc32(disk[at : at + SIZE]) == wanted, f"sector {sector}"


@contextmanager
def driven(
    vm: Vm, sock: Path, queues: int = 1, num: int = 256, *, reconnect: float | None = 1.0
) -> Iterator[tuple[Link, Load]]:
    """A link to the back end at `sock`, started with queues in the memory of `vm` from 1000h on."""
    link = Link(Caller(str(sock)).connect, reconnect=reconnect)
    made: list[BlkQueue] = []
    try:
        link.open(10)
        at = 0x1000
        for number in range(queues):
            made.append(BlkQueue(vm, at, number=number, num=num))
            at = made[-1].end + 0xFFF & -0x1000
        link.start(VERSION_1 | FLUSH, [queue.queue() for queue in made], memory_of(vm))
        yield link, Load(made)
    finally:
        link.close()
        for queue in made:
            queue.close()


def use_added_memory(vm: Vm, link: Link, load: Load) -> None:
    """Add memory while requests are in flight; later ones use it."""
    load.run(100)
    load.fill(load.made + 8)
    more = vm.add_memory(0x1000000, 1 << 20, shared=True)
    link.memory_changed()
    load.run(200)
    assert link.settle(10)
    slots = load.queues[0].slots
    slots[0] = slots[0]._replace(data=more.addr + 0x1234)
    load.run(200)

    assert any(more[more.addr + 0x1234 : more.addr + 0x1234 + SIZE])
    assert (link.sessions, link.error) == (1, None)
