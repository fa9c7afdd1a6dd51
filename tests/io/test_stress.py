"""Many at once, for five minutes: every ring is accounted for, none comes late, nothing leaks.

tests/io/stress.py says who does what. PYX86EMU_STRESS is for how many seconds; in CI it is 20.
"""

from __future__ import annotations

import os

import pytest

from tests.conftest import BUILD, CI
from tests.harness import python

SECONDS = float(os.environ.get("PYX86EMU_STRESS") or (20 if CI else 300))
#: Runs that share them, each with a seed and a process of its own.
RUNS = 5

pytestmark = [] if CI and BUILD == "release" else [pytest.mark.slow]


@pytest.mark.parametrize("seed", range(RUNS))
def test_every_ring_of_many_vcpus_is_accounted_for_while_all_else_changes(seed: int) -> None:
    each = SECONDS / RUNS

    done = python("-m", "tests.io.stress", "--seed", seed, "--seconds", each, timeout=each + 120)

    assert (done.returncode, done.stderr) == (0, "")
    assert " rings of what was removed" in done.stdout
