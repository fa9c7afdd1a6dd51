"""qemu-storage-daemon as the back end: a driver in Python on the rings, no transport, no guest."""

from __future__ import annotations

import random
import select
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pyx86emu import Vm
from pyx86emu.virtio.vhost.link import Link
from pyx86emu.virtio.vhost.regions import memory_of
from pyx86emu.virtio.vhost.sockets import Caller
from tests.on_storage_daemon import StorageDaemon, image, need, raw
from tests.virtio.ring import SECTOR, T_FLUSH, T_GET_ID, T_IN, T_OUT, BlkQueue

VERSION_1, FLUSH = 1 << 32, 1 << 9
DISK = 16 << 20
SIZE = 4096
#: Host seconds after which a request is lost.
PATIENCE = 30.0


@pytest.fixture
def vm() -> Iterator[Vm]:
    with Vm() as made:
        made.add_memory(0, 4 << 20, shared=True)
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    need()
    tmp_path.chmod(0o700)
    return image(tmp_path / "disk.qcow2", DISK)


class Load:
    """Random reads and writes on several queues, `depth` deep, each checked by a checksum."""

    def __init__(self, queues: list[BlkQueue], seed: int = 1) -> None:
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


def load_with_kills(vm: Vm, disk: Path, count: int, kills: int, queues: int, num: int) -> None:
    """`count` requests, 8 deep in each queue; the daemon is killed `kills` times in the middle."""
    with StorageDaemon(disk, disk.with_suffix(".sock"), queues) as daemon:
        link = Link(Caller(str(daemon.sock)).connect)
        link.open(10)
        made, at = [], 0x1000
        for number in range(queues):
            made.append(BlkQueue(vm, at, number=number, num=num))
            at = made[-1].end + 0xFFF & -0x1000
        load = Load(made)
        link.start(VERSION_1 | FLUSH, [queue.queue() for queue in made], memory_of(vm))
        in_flight = 0
        for _ in range(kills):
            load.run(count // (kills + 1))
            load.fill(load.made + 8 * queues)
            daemon.pause()
            load.gather()
            load.fill(load.made + 4)
            in_flight += len(load.busy)
            daemon.kill()
            daemon.start()
        load.run(count - load.finished)

        assert not load.busy
        assert link.sessions == 1 + kills
        assert kills == 0 or in_flight > 0
        link.stop(10)
        link.close()
        for queue in made:
            queue.close()
    load.check(raw(disk))


def test_5000_requests_and_a_daemon_that_is_killed_lose_nothing(vm: Vm, disk: Path) -> None:
    load_with_kills(vm, disk, 5000, kills=1, queues=1, num=1024)


def test_requests_on_four_queues_and_three_kills_lose_nothing(vm: Vm, disk: Path) -> None:
    load_with_kills(vm, disk, 2000, kills=3, queues=4, num=256)


@pytest.mark.slow
def test_100000_requests_and_ten_kills_lose_nothing(vm: Vm, disk: Path) -> None:
    load_with_kills(vm, disk, 100_000, kills=10, queues=1, num=1024)


def test_memory_that_is_added_during_traffic_is_used_for_requests(vm: Vm, disk: Path) -> None:
    with StorageDaemon(disk, disk.with_suffix(".sock"), 2) as daemon:
        link = Link(Caller(str(daemon.sock)).connect)
        link.open(10)
        first = BlkQueue(vm, 0x1000)
        load = Load([first])
        link.start(VERSION_1 | FLUSH, [first.queue()], memory_of(vm))
        load.run(100)
        load.fill(load.made + 8)

        more = vm.add_memory(0x1000000, 1 << 20, shared=True)
        link.memory_changed()
        load.run(200)
        assert link.settle(10)
        first.slots[0] = first.slots[0]._replace(data=more.addr + 0x1234)
        load.run(200)

        assert any(more[more.addr + 0x1234 : more.addr + 0x1234 + SIZE])
        assert link.sessions == 1
        link.stop(10)
        link.close()
        first.close()
    load.check(raw(disk))


def test_the_driver_may_flush_and_ask_for_the_serial(vm: Vm, disk: Path) -> None:
    with StorageDaemon(disk, disk.with_suffix(".sock")) as daemon:
        link = Link(Caller(str(daemon.sock)).connect)
        session = link.open(10)
        assert session.queues() == 1
        assert int.from_bytes(session.config(60)[:8], "little") == DISK // SECTOR
        queue = BlkQueue(vm, 0x1000)
        link.start(VERSION_1 | FLUSH, [queue.queue()], memory_of(vm))
        flush, serial = queue.submit(T_FLUSH), queue.submit(T_GET_ID, 0, 20)
        bad = queue.submit(T_IN, DISK // SECTOR, SECTOR)

        found = {}
        while len(found) < 3:
            assert select.select([queue.call.fileno()], [], [], PATIENCE)[0]
            queue.call.read()
            found |= {slot: status for slot, status, _ in queue.done()}

        assert (found[flush], found[serial], found[bad]) == (0, 0, 1)
        link.stop(10)
        link.close()
        queue.close()
