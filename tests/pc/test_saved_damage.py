"""Values of a state that somebody has changed: refused, or the machine goes on. It never breaks."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from pyx86emu import Disk, Machine, State, StateError
from pyx86emu.saved import codec

#: A guest that uses most devices: it reads a sector, prints, plays with ports.
CODE = bytes.fromhex(
    "31c0 8ec0 bb0080 b80102 b90200 ba0000 cd13 bb0084 b80102 ba8000 cd13"  # floppy, hard disk
    "baf803 b041 ee ba7803 ee 42 42 b00d ee b00c ee e460 e464 b0f4 e660 e471 e6e9 ebcd"
)
PORTS = (*range(0x10), 0x60, 0x64, 0x70, 0x71, 0x80, 0x81, 0x92, 0xE9)
MORE = (*range(0x1F0, 0x1F8), 0x278, *range(0x378, 0x37B), *range(0x3F0, 0x3F8))
LINES = (*range(0x3F8, 0x400), *range(0x2F8, 0x300), 0x3F6)
WRONG: list[Any] = [
    *(None, True, False, 0, 1, 2, 3, 5, 8, 16, 0x7F, 0x80, 0xFF, 0x200, 0xFFFF, 1 << 40, -1),
    *(1.5, "", "repeat", b"", b"x" * 16, b"\xff" * 700, (), ((1, 2),), [], {}, {"x": 1}),
]


def machine() -> Machine:
    return Machine(Disk(CODE.ljust(512, b"\0")), hda=bytes(1 << 20), order="a")


@pytest.fixture(scope="module")
def saved() -> list[bytes]:
    """States at several points, as bytes."""
    found = []
    with machine() as m:
        m.boot()
        m.keyboard.type("hello{f1}")
        m.mouse.move(3, 4)
        m.uart.receive(b"bytes")
        rng = random.Random(7)
        for _ in range(24):  # some of them in a transfer
            m.run(max_instructions=rng.randrange(3000))
            found.append(m.save().to_bytes(compression="none"))
    return found


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of each value that has no parts, and of each that has."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif isinstance(value, (tuple, list)):
        for i, each in enumerate(value):
            yield from leaves(each, (*path, i))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with another value at a path."""
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: changed(value[path[0]], path[1:], new)}
    copy = list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return type(value)(copy)


def use(m: Machine, rng: random.Random) -> None:
    """What a guest and a host do next."""
    m.run(max_instructions=2000)
    for _ in range(120):
        port = rng.choice((*PORTS, *MORE, *LINES))
        if rng.random() < 0.5:
            m.pio.read(port, 1)
        else:
            m.pio.write(port, 1, rng.choice([0, 1, 4, 7, 0x0C, 0x20, 0x30, 0xE6, 0xD4, 0xFF]))
        if rng.random() < 0.1:
            m.run(timeout=0.001)
    m.keyboard.type("a")
    m.mouse.move(1, 1)
    m.uart.receive(b"more")
    m.run(timeout=0.1)
    m.reset()
    m.run(max_instructions=1000)


def damaged(saved: list[bytes], seed: int) -> str:
    """Change one to three values of a state and use it. What became of it."""
    rng = random.Random(seed)
    values: Any = codec.load(rng.choice(saved))
    for _ in range(rng.randrange(1, 4)):
        part = rng.choice(["devices", "devices", "devices", "machine", "disks"])
        paths = [(part, *each) for each in leaves(values[part]) if each]
        values = changed(values, rng.choice(paths), rng.choice(WRONG))
    with machine() as m:
        m.boot()
        before = m.save().to_bytes(compression="none")
        try:
            m.restore(State.from_bytes(codec.dump(values)))
        except StateError:
            assert m.save().to_bytes(compression="none") == before, seed
            return "refused"
        use(m, rng)
        return "taken"


@pytest.mark.parametrize("group", range(4))
def test_a_changed_state_is_refused_or_the_machine_goes_on(saved: list[bytes], group: int) -> None:
    found = [damaged(saved, group * 1000 + i) for i in range(25)]

    assert {"refused", "taken"} == set(found)


@pytest.mark.slow
@pytest.mark.parametrize("group", range(20))
def test_many_changed_states(saved: list[bytes], group: int) -> None:
    for i in range(100):
        damaged(saved, 100_000 + group * 1000 + i)
