"""A digest of what guests do: equal in every build. `python -m tests.fuzz.digest` prints it.

Each line stands for a few machines of tests/fuzz (registers, memory, exits, the times of device
accesses) or for random streams of tests/differential (registers, data, instructions, time).
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Iterator
from random import Random

import pyx86emu._core
from pyx86emu.models import MODELS
from tests.differential.ours import DATA, DATA_SIZE, MEMORY, NAMES, Ours
from tests.differential.streams import SEGMENTS, make_block

from .world import LIMIT, World

WORLDS, STEP = 100, 10
STREAMS, BLOCKS = 10, 200


def worlds(model: str, seeds: range) -> str:
    """Machines as the fuzz makes them; their devices only answer."""
    digest = hashlib.sha256()
    for seed in seeds:
        world = World(model, seed)
        exits = world.run([LIMIT])
        digest.update(repr((exits, world.facts())).encode())
        world.vm.close()
    return digest.hexdigest()


def stream(model: str, seed: int) -> str:
    """Blocks of random instructions, each from the state that the one before has left."""
    random = Random(seed)
    memory = mmap.mmap(-1, MEMORY)
    memory[DATA : DATA + DATA_SIZE] = random.randbytes(DATA_SIZE)
    ours = Ours(model, memory)
    digest = hashlib.sha256()
    state = dict.fromkeys(NAMES, 0) | {"eflags": 2}
    for n in range(BLOCKS):
        if n % 8 == 0:
            state |= {name: random.getrandbits(32) for name in NAMES[:8]}
            state |= {name: random.choice(SEGMENTS) for name in NAMES[8:]}
        state = ours.run(make_block(random), state)
        digest.update(repr((state, ours.vm.time)).encode())
    digest.update(memory[:])
    ours.vm.close()
    return digest.hexdigest()


def lines() -> Iterator[str]:
    """All of it, a line for each part."""
    for model in MODELS:
        for start in range(0, WORLDS, STEP):
            seeds = range(start, start + STEP)
            yield f"machines {model} {start}-{seeds[-1]} {worlds(model, seeds)}"
    for model in ("80386", "80486"):
        for seed in range(STREAMS):
            yield f"stream {model} {seed} {stream(model, seed)}"


if __name__ == "__main__":
    print(pyx86emu._core.__file__)
    for line in lines():
        print(line)
