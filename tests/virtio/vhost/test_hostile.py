"""Random messages in both directions, a bounded part of `python -m tests.fuzz.vhost`."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.vhost import to_back_end, to_front_end
from tests.harness import descriptors


@pytest.mark.parametrize("seed", range(3))
def test_random_messages_do_a_back_end_no_harm(seed: int) -> None:
    before = descriptors()

    connections, strange = to_back_end(random.Random(seed), 500)

    assert connections > 0
    assert strange == []
    assert descriptors() <= before


@pytest.mark.parametrize("seed", range(3))
def test_random_answers_do_a_front_end_no_harm(seed: int) -> None:
    before = descriptors()

    assert to_front_end(random.Random(seed), 500) > 0

    assert descriptors() <= before


@pytest.mark.slow
def test_100000_random_messages_in_each_direction_do_no_harm() -> None:
    _, strange = to_back_end(random.Random(1), 100_000)

    assert strange == []
    assert to_front_end(random.Random(1), 100_000) > 0
