"""What is in flight: whatever the order of completions, the tracker knows it."""

from __future__ import annotations

import random

import pytest

from pyx86emu.virtio.device import Vring
from pyx86emu.virtio.vhost.tracker import Tracker

NUM = 8


class Rings:
    """A driver and a back end on rings in plain bytes."""

    def __init__(self, start: int = 0) -> None:
        self.ring = Vring(0, NUM, 0, 128, 160)
        self.memory = bytearray(256)
        self.avail = self.used = start
        self.flight: list[int] = []
        self.index()

    def index(self) -> None:
        self.write(self.ring.avail + 2, (self.avail & 0xFFFF).to_bytes(2, "little"))
        self.write(self.ring.used + 2, (self.used & 0xFFFF).to_bytes(2, "little"))

    def read(self, addr: int, size: int) -> bytes:
        return bytes(self.memory[addr : addr + size])

    def write(self, addr: int, data: bytes) -> None:
        self.memory[addr : addr + len(data)] = data

    def submit(self, head: int) -> None:
        self.write(self.ring.avail + 4 + 2 * (self.avail % NUM), head.to_bytes(2, "little"))
        self.avail += 1
        self.flight.append(head)
        self.index()

    def finish(self, head: int) -> None:
        self.write(self.ring.used + 4 + 8 * (self.used % NUM), head.to_bytes(8, "little"))
        self.used += 1
        self.flight.remove(head)
        self.index()

    def entries(self) -> list[int]:
        """What a back end finds that begins at the used index."""
        places = [self.ring.avail + 4 + 2 * (n % NUM) for n in range(self.used, self.avail)]
        return [int.from_bytes(self.read(at, 2), "little") for at in places]


@pytest.mark.parametrize("start", [0, 0xFFF8])
@pytest.mark.parametrize("seed", range(20))
def test_what_is_in_flight_is_known_in_any_order(start: int, seed: int) -> None:
    rng, rings = random.Random(seed), Rings(start)
    tracker = Tracker(rings.ring, rings.read, start)

    for _ in range(200):
        for _ in range(rng.randrange(4)):
            free = sorted(set(range(NUM)) - set(rings.flight))
            if free and rng.random() < 0.6:
                rings.submit(rng.choice(free))
            elif rings.flight:
                rings.finish(rng.choice(rings.flight))
        assert tracker.look() == len(rings.flight)
        assert tracker.in_flight() == rings.flight


def test_the_oldest_request_is_submitted_again_though_its_entry_is_overwritten() -> None:
    rings = Rings()
    tracker = Tracker(rings.ring, rings.read)
    rings.submit(5)
    for turn in range(2 * NUM):
        rings.submit(turn % 3)
        rings.finish(turn % 3)
        tracker.look()
    rings.submit(7)
    assert rings.entries() != [5, 7]  # by the used index alone the first one would be lost

    base = tracker.resubmit(rings.write)

    assert base == rings.used
    assert rings.entries() == [5, 7]


def test_what_was_missed_is_unknown_until_the_ring_is_empty() -> None:
    rings = Rings()
    tracker = Tracker(rings.ring, rings.read)
    rings.submit(5)
    for _ in range(NUM + 1):
        rings.submit(1)
        rings.finish(1)
    assert tracker.in_flight() is None
    before = bytes(rings.memory)

    assert tracker.resubmit(rings.write) == rings.used
    assert bytes(rings.memory) == before

    rings.finish(5)
    assert tracker.in_flight() == []
    rings.submit(3)
    assert tracker.in_flight() == [3]


def test_rings_of_a_hostile_driver_are_only_read() -> None:
    rng, rings = random.Random(1), Rings()
    tracker = Tracker(rings.ring, rings.read)

    for _ in range(2000):
        rings.memory[:] = rng.randbytes(256)
        tracker.look()
        tracker.in_flight()
        assert len(tracker._counts) <= NUM
