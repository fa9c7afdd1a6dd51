"""qemu-storage-daemon as the back end: a driver in Python on the rings, no transport, no guest."""

from __future__ import annotations

import select
from pathlib import Path

import pytest

from pyx86emu import Vm
from pyx86emu.virtio.vhost.link import Link
from pyx86emu.virtio.vhost.regions import memory_of
from pyx86emu.virtio.vhost.sockets import Caller
from tests.on_storage_daemon import StorageDaemon, image, need, raw
from tests.virtio.ring import SECTOR, T_FLUSH, T_GET_ID, T_IN, BlkQueue
from tests.virtio.vhost.load import DISK, FLUSH, PATIENCE, VERSION_1, driven, use_added_memory


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    need()
    tmp_path.chmod(0o700)
    return image(tmp_path / "disk.qcow2", DISK)


def load_with_kills(vm: Vm, disk: Path, count: int, kills: int, queues: int, num: int) -> None:
    """`count` requests, 8 deep in each queue; the daemon is killed `kills` times in the middle."""
    with (
        StorageDaemon(disk, disk.with_suffix(".sock"), queues) as daemon,
        driven(vm, daemon.sock, queues, num) as (link, load),
    ):
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
    load.check(raw(disk))


def test_5000_requests_and_a_daemon_that_is_killed_lose_nothing(vm: Vm, disk: Path) -> None:
    load_with_kills(vm, disk, 5000, kills=1, queues=1, num=1024)


def test_requests_on_four_queues_and_three_kills_lose_nothing(vm: Vm, disk: Path) -> None:
    load_with_kills(vm, disk, 2000, kills=3, queues=4, num=256)


@pytest.mark.slow
def test_100000_requests_and_ten_kills_lose_nothing(vm: Vm, disk: Path) -> None:
    load_with_kills(vm, disk, 100_000, kills=10, queues=1, num=1024)


def test_memory_that_is_added_during_traffic_is_used_for_requests(vm: Vm, disk: Path) -> None:
    with (
        StorageDaemon(disk, disk.with_suffix(".sock"), 2) as daemon,
        driven(vm, daemon.sock) as (link, load),
    ):
        use_added_memory(vm, link, load)
        link.stop(10)
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
