"""The fuzz (tests/fuzz): some cases of each kind, and that the hunt finds what there is to find."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from itertools import count, islice

import pytest

from tests.fuzz.cases import KINDS, MODELS, Case, case, compare, guest, sector, survive
from tests.fuzz.hunt import hunt


@pytest.mark.parametrize("model", MODELS)
def test_wild_machines_do_no_harm(model: str) -> None:
    for seed in range(60):
        survive(model, seed)


@pytest.mark.parametrize("model", MODELS)
def test_blocks_are_not_visible(model: str) -> None:
    for seed in range(25):
        compare(model, seed)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", [sector, guest])
def test_damaged_disks(kind: Callable[[str, int], int], model: str) -> None:
    for seed in range(6):
        kind(model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(100, 2100, 500))
@pytest.mark.parametrize("model", MODELS)
def test_ten_thousand_wild_machines_do_no_harm(model: str, start: int) -> None:
    for seed in range(start, start + 500):
        survive(model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_blocks_are_not_visible_in_many_machines(model: str) -> None:
    for seed in range(100, 500):
        compare(model, seed)


# -- the hunt -------------------------------------------------------------------------------------


def test_the_hunt_runs_every_kind_on_every_model() -> None:
    cases = list(islice(map(case, count()), 400))

    assert {(c.kind, c.model) for c in cases} == {(k, m) for k in KINDS for m in MODELS}
    assert cases == list(islice(map(case, count()), 400))


def fails(case: Case) -> int:
    raise AssertionError("a difference")


def crashes(case: Case) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def hangs(case: Case) -> int:
    time.sleep(60)
    return 0


@pytest.mark.parametrize(
    ("bad", "words"),
    [(fails, "a difference"), (crashes, "died: signal SIGKILL"), (hangs, "no end within 2 s")],
)
def test_the_hunt_finds(bad: Callable[[Case], int], words: str) -> None:
    """The third of five cases goes wrong; the others are run."""
    cases = [Case("survive", "8086", n) for n in range(5)]

    summary = hunt(
        iter(cases), 30, patience=2, run=lambda case: bad(case) if case.seed == 2 else 10
    )

    assert [found for found, _ in summary.findings] == [cases[2]]
    assert words in summary.findings[0][1]
    assert summary.cases.total() == 5
    assert summary.instructions == 40


def test_the_hunt_ends_when_time_is_up() -> None:
    summary = hunt(map(case, count()), 0.2, jobs=2, run=lambda case: 1)

    assert summary.cases.total() > 0
    assert summary.findings == []
