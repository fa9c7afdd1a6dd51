"""Hostile virtqueues: rings with bytes at random, most of them nearly right. Both kinds of memory.

    python -m tests.fuzz.rings 1000000 [FIRST]

A ring passes if no call raises, no byte outside the guest's memory changes, and what is popped can
be given back.
"""

from __future__ import annotations

import mmap
import random
import struct
import sys
from collections.abc import Callable

from pyx86emu import Vm
from pyx86emu._core import GuestMap, VirtQueue
from pyx86emu.virtio.numbers import EVENT_IDX, IN_ORDER, INDIRECT_DESC

#: Rings of one case.
RINGS = 200
LOW, SIZE, FAR = 0x4000, 0x4000, 0x40000
ROM = 0x20000
CANARY = bytes(range(1, 252)) * 17
PAGE = 0x1000
TOP = (1 << 64) - 1


class Areas:
    """Memory that somebody else has mapped, with canaries around each area."""

    def __init__(self) -> None:
        self.whole = mmap.mmap(-1, 10 * PAGE)
        view = memoryview(self.whole)
        self.gaps = [(0, PAGE), (5 * PAGE, PAGE), (7 * PAGE, PAGE), (9 * PAGE, PAGE)]
        for at, n in self.gaps:
            self.whole[at : at + n] = CANARY[:n]
        rom = view[8 * PAGE : 9 * PAGE].toreadonly()
        self.map = GuestMap(
            [
                (LOW, SIZE, view[PAGE : 5 * PAGE]),
                (FAR, PAGE, view[6 * PAGE : 7 * PAGE]),
                (ROM, PAGE, rom),
            ]
        )

    def intact(self) -> bool:
        rom = self.whole[8 * PAGE : 9 * PAGE] == bytes(PAGE)
        return rom and all(self.whole[at : at + n] == CANARY[:n] for at, n in self.gaps)


class Slots:
    """The memory of a Vm, with a read-only slot."""

    def __init__(self) -> None:
        self.vm = Vm()
        self.vm.add_memory(LOW, SIZE)
        self.vm.add_memory(FAR, PAGE, dirty_log=True)
        self.rom = self.vm.add_memory(ROM, PAGE)
        self.rom.readonly = True
        self.map = GuestMap(self.vm)

    def intact(self) -> bool:
        return self.rom[ROM : ROM + PAGE] == bytes(PAGE)


def address(rng: random.Random) -> int:
    """Somewhere: mostly in memory, or at one of its ends."""
    if rng.random() < 0.7:
        return LOW + rng.randrange(SIZE)
    ends = (0, LOW - 1, LOW + SIZE - 1, LOW + SIZE, FAR, FAR + PAGE - 1, ROM, ROM - 1, TOP, 1 << 63)
    return rng.choice(ends) - rng.choice((0, 0, 1, 15, 16)) & TOP


def length(rng: random.Random) -> int:
    return rng.choice((0, 1, 16, 16, 32, 48, rng.randrange(512), 0x2000, 1 << 24, 0xFFFFFFFF))


def descriptor(rng: random.Random, size: int) -> bytes:
    """Flags that make sense in most cases; now and then none."""
    flags = rng.choice((0, 0, 1, 1, 1, 2, 2, 3, 4, 4, 5, 6, 7, rng.getrandbits(16)))
    then = rng.randrange(size) if rng.random() < 0.9 else rng.getrandbits(16)
    return struct.pack("<QIHH", address(rng), length(rng), flags, then)


def places(rng: random.Random, size: int) -> tuple[int, int, int]:
    """Where the three parts are: mostly one after the other."""
    desc = LOW + 16 * rng.randrange(64)
    avail = desc + 16 * size
    used = avail + 6 + 2 * size + 3 & ~3
    if rng.random() < 0.9:
        return desc, avail, used
    wrong = [desc, avail, used]
    wrong[rng.randrange(3)] = address(rng) & ~rng.choice((0, 1, 3, 15))
    return wrong[0], wrong[1], wrong[2]


def ring(rng: random.Random, memory: GuestMap) -> int:
    """One ring from its first index to its end; returns how many requests it had."""
    size = 1 << rng.randrange(6)
    features = sum(bit for bit in (INDIRECT_DESC, EVENT_IDX, IN_ORDER) if rng.random() < 0.5)
    desc, avail, used = places(rng, size)
    store(memory, desc, b"".join(descriptor(rng, size) for _ in range(size)))
    for _ in range(3):  # tables for INDIRECT
        store(memory, address(rng) & ~15, descriptor(rng, size) + descriptor(rng, size))
    queue = VirtQueue(memory, size, desc, avail, used, features)
    taken = index = 0
    for _ in range(rng.randrange(1, 4)):
        index += rng.choice((1, 1, size // 2, size, size + 1, rng.getrandbits(16)))
        heads = [rng.randrange(size + (rng.random() < 0.05)) for _ in range(size)]
        words = (rng.getrandbits(1), index & 0xFFFF, *heads, rng.getrandbits(16))
        store(memory, avail, struct.pack(f"<{size + 3}H", *words))
        batch = queue.pop_many(rng.choice((None, 1, size)))
        taken += len(batch)
        if rng.random() < 0.2:
            queue.load(queue.state())
            batch = queue.pop_many()
        rng.shuffle(batch)
        done = [(head, bytes(min(room, rng.randrange(600)))) for head, _, room in batch]
        queue.push_many(done)
        queue.notify(rng.random() < 0.5)
    return taken


def store(memory: GuestMap, addr: int, data: bytes) -> None:
    """As far as it is memory."""
    try:
        memory.write(addr, data)
    except ValueError:
        return


def rings(model: str, seed: int, count: int = RINGS) -> int:
    """A case of the fuzz: rings from a seed. The model does not matter."""
    rng = random.Random(f"rings {model} {seed}")
    memory: Areas | Slots = Areas() if seed & 1 else Slots()
    taken = sum(ring(rng, memory.map) for _ in range(count))
    assert memory.intact(), "memory outside the guest's, or its ROM, was written"
    return taken


def main(count: int, first: int = 0, say: Callable[[str], object] = print) -> int:
    """So many rings."""
    taken = sum(rings("", first + i) for i in range(count // RINGS))
    say(f"{count} rings, {taken} requests")
    return taken


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
