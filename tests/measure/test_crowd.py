"""A crowd of guests: a thousand machines fit in one process, and a Vm needs little."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.measure import crowd
from tests.harness import descriptors


@pytest.mark.release
def test_a_thousand_machines_fit_in_one_process() -> None:
    files = descriptors()
    before = crowd.resident()
    with ExitStack() as stack:
        machines = [stack.enter_context(Machine(crowd.HALT)) for _ in range(1000)]

        assert all(m.run(timeout=1).reason is ExitReason.HLT for m in machines)

        assert (crowd.resident() - before) / len(machines) < 1 << 20
        assert descriptors() - files < 10


@pytest.mark.release
def test_a_vm_needs_less_than_half_a_mebibyte_beyond_its_ram() -> None:
    assert 0 < crowd.memory_per_vm(1000) < 512


def test_machines_of_the_crowd_wait_for_a_key(machine: Callable[..., Machine]) -> None:
    m = machine(crowd.IDLE)
    m.run(timeout=1)
    before = m.instructions

    assert m.run(timeout=1).reason is ExitReason.DEADLINE

    assert m.booted
    assert before is not None
    assert m.instructions is not None
    assert 0 < m.instructions - before < 20_000  # one that computes has 7,800,000


def test_memory_is_measured_in_a_new_process() -> None:
    found = crowd.in_new_process("idle_machines(3)")

    assert found.keys() == {"made", "memory", "start", "second"}
    assert all(value > 0 for value in found.values())
