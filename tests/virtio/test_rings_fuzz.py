"""Rings at random: nothing outside the guest's memory changes, and nothing raises."""

from __future__ import annotations

import pytest

from tests.fuzz.rings import main


def test_hostile_rings_do_no_harm() -> None:
    assert main(10_000) > 1000  # some are right


@pytest.mark.slow
def test_a_million_hostile_rings_do_no_harm() -> None:
    assert main(1_000_000, first=1 << 20) > 100_000
