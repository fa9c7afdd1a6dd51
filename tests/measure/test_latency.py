"""The latency measurement: every round comes back, every row is there. No time is judged."""

from __future__ import annotations

import pytest

from pyx86emu.measure import latency
from pyx86emu.measure.latency import SIDES, WOKEN, Row
from pyx86emu.measure.slow_guests import GUESTS

ROUNDS = 50


@pytest.mark.parametrize("woken", WOKEN)
@pytest.mark.parametrize("side", SIDES)
def test_every_ring_wakes_the_other_side(side: str, woken: str) -> None:
    times = latency.game(SIDES[side], WOKEN[woken], ROUNDS)

    assert len(times) == ROUNDS


def test_the_wait_of_every_kind_of_code_is_measured() -> None:
    rows = [latency.wait(slow, 3) for slow in GUESTS]

    assert [row.name for row in rows] == [f"wait-{slow.name}" for slow in GUESTS]
    assert all(row.exact for row in rows)


def test_deregistrations_beside_busy_processes_are_measured() -> None:
    assert latency.removals(5).count == 5


def test_a_slow_wake_up_and_a_long_wait_are_missed() -> None:
    rows = [
        Row("bare-thread", 5.0, 6.0, 10, 10, ""),
        Row("out-thread", 8.0, 9.0, 10, 10, "", 1.6),
        Row("wait-jumps", 51.0, 52.0, 10, 9, ""),
    ]

    held = {verdict.name: verdict.ok for verdict in latency.verdicts(rows)}

    assert held == {
        "out-thread": False,
        "longest wait of a ring": False,
        "rounds that are exact": False,
    }
