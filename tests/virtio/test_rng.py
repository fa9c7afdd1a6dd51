"""VirtioRng: the buffers of a driver are filled with random bytes."""

from __future__ import annotations

import pytest

from pyx86emu import Machine
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.rng import MOST, VirtioRng
from tests.virtio.driver import Registers, Ring


def asked(m: Machine, device: VirtioRng, lengths: list[int]) -> list[bytes]:
    transport = VirtioMmio(device)
    m.attach(transport)
    registers, ring = Registers(transport), Ring(m.vm, 8)
    registers.start({0: ring})
    for i, n in enumerate(lengths):
        ring.add([(0x20000 + 0x20000 * i, n, True)])
    registers.kick()
    return [m.vm.read(0x20000 + 0x20000 * i, n) for i, (_, n) in enumerate(ring.reap())]


def test_buffers_are_filled() -> None:
    with Machine(b"\xf4") as m:
        found = asked(m, VirtioRng(), [64, 1, MOST + 1])

    assert [len(each) for each in found] == [64, 1, MOST]
    assert found[0] != bytes(64)


def test_with_a_seed_two_runs_are_equal() -> None:
    runs = []
    for _ in range(2):
        with Machine(b"\xf4") as m:
            runs.append(asked(m, VirtioRng(seed=7), [32, 32]))

    assert runs[0] == runs[1]
    assert runs[0][0] != runs[0][1]


def test_a_state_has_the_generator() -> None:
    device = VirtioRng(seed=1)
    with Machine(b"\xf4") as m:
        asked(m, device, [8])
        state = m.save()
        before = device._random.random()
        m.restore(state)

        assert device._random.random() == before


def test_a_seed_is_an_integer() -> None:
    with pytest.raises(TypeError, match="seed"):
        VirtioRng(seed=1.5)  # type: ignore[arg-type]
