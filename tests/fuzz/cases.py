"""The kinds of cases: what one is, and what must hold. Each tells how many instructions it ran."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

from pyx86emu import Machine, MmioDevice, PioDevice
from pyx86emu.models import MODELS
from pyx86emu.pc.disks.geometry import LARGEST

from .alias import Aliased
from .api import api
from .bios import bios
from .code import nasty
from .crowd import crowd
from .meddle import Meddled
from .pc import short
from .ports import ports
from .rewrite import Rewritten
from .rings import rings
from .state import state
from .vhost import vhost
from .wire import wire
from .world import LIMIT, World

OWN = Path(__file__).resolve().parents[1] / "guests"
#: Instructions of a damaged disk, behind those of the BIOS.
DISK = 60_000


def survive(model: str, seed: int) -> int:
    """Wild devices do what they like: nothing but what World.run() allows."""
    world = World(model, seed, wild=True)
    world.run([LIMIT])
    world.vm.close()
    return world.vcpu.instructions


def compare(model: str, seed: int, make: Callable[[str, int], World] = World) -> int:
    """One machine in blocks, in slices, one instruction at a time: blocks must not be visible."""
    facts = []
    ran = 0
    for slices in ([LIMIT], [1], [3, 50, 1, 333, 7]):
        world = make(model, seed)
        exits = world.run(slices)
        facts.append({"exits": exits} | world.facts())
        world.vm.close()
        ran += world.vcpu.instructions
        if exits is None or len(exits) > LIMIT:
            return ran
    for other, name in zip(facts[1:], ("steps", "slices"), strict=True):
        differ = [
            f"{key}: {short(facts[0][key], other[key])}"
            for key in facts[0]
            if facts[0][key] != other[key]
        ]
        assert not differ, f"{name} differ from blocks in\n  " + "\n  ".join(differ)
    return ran


def alias(model: str, seed: int) -> int:
    """The same where every address has other names."""
    return compare(model, seed, Aliased)


def devices(model: str, seed: int) -> int:
    """Devices that meddle only have to be survived; those that rewrite registers are compared."""
    if random.Random(f"devices {model} {seed}").random() < 0.35:
        return compare(model, seed, Rewritten)
    world = Meddled(model, seed)
    ran = world.endure()
    world.end()
    return ran


# -- whole PCs ------------------------------------------------------------------------------------


class Noise(PioDevice, MmioDevice):
    """A card that answers at random."""

    length = 0x20

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def pio_read(self, offset: int, size: int) -> int:
        return self.rng.getrandbits(8 * size)

    mmio_read = pio_read


@cache
def images() -> tuple[bytes, ...]:
    """Our own guests, and real ones where PYX86EMU_GUESTS says that there are some."""
    paths = sorted(OWN.glob("*.bin"))
    if real := os.environ.get("PYX86EMU_GUESTS"):
        paths += [p for p in sorted(Path(real).glob("*.img")) if p.stat().st_size <= LARGEST]
    return tuple(path.read_bytes() for path in paths)


def guest(model: str, seed: int) -> int:
    """A guest with some bytes damaged."""
    rng = random.Random(f"guest {model} {seed}")
    return damaged(rng.choice(images()), model, rng)


def sector(model: str, seed: int) -> int:
    """A boot sector full of nasty code."""
    rng = random.Random(f"sector {model} {seed}")
    return damaged((nasty(rng, 510) + b"\x55\xaa") * 8, model, rng)


def damaged(image: bytes, model: str, rng: random.Random) -> int:
    """A whole PC boots a damaged disk: no exception, and no instruction more than allowed."""
    disk = bytearray(image)
    for _ in range(rng.choice((1, 3, 10, 60))):
        disk[rng.randrange(min(len(disk), rng.choice((512, 8192, 65536))))] = rng.getrandbits(8)
    with Machine(bytes(disk), model=model) as machine:
        machine.attach(Noise(rng), port=rng.choice((0x268, 0x280, 0x300)))
        machine.attach(Noise(rng), addr=rng.choice((0xC0000, 0xD0000)))
        machine.boot()
        machine.keyboard.type(rng.choice(("", "a{ret}", "{esc}dir{ret}")))
        before = machine.vcpu.instructions
        machine.run(max_instructions=DISK)
        assert machine.vcpu.instructions - before <= DISK, "more instructions than allowed"
        return machine.vcpu.instructions


#: By name: the case, and its share of the time.
KINDS: dict[str, tuple[Callable[[str, int], int], int]] = {
    "survive": (survive, 2),
    "compare": (compare, 2),
    "sector": (sector, 1),
    "guest": (guest, 1),
    "ports": (ports, 3),
    "bios": (bios, 2),
    "alias": (alias, 2),
    "devices": (devices, 2),
    "crowd": (crowd, 2),
    "api": (api, 3),
    "state": (state, 2),
    "wire": (wire, 1),
    "rings": (rings, 1),
    "vhost": (vhost, 1),
}


class Case(NamedTuple):
    """One case, as the command line repeats it."""

    kind: str
    model: str
    seed: int

    def run(self) -> int:
        return KINDS[self.kind][0](self.model, self.seed)

    def __str__(self) -> str:
        return f"{self.kind} {self.model} {self.seed}"


def by_share(first: int, spent: Counter[str]) -> Iterator[Case]:
    """Cases without end: each of the kind that is furthest from its share of the seconds in
    `spent`, which whoever runs them keeps. Each kind counts its own from `first`, so that the
    first cases are the same on every machine.
    """
    numbers = {kind: count(first) for kind in KINDS}
    while True:
        kind = min(KINDS, key=lambda kind: spent[kind] / KINDS[kind][1])
        spent[kind] += 1e-3  # whose turn was before it has ended: not again at once
        number = next(numbers[kind])
        yield Case(kind, random.Random(number).choice(MODELS), number)
