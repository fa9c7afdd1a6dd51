"""Who waits for a vCPU sleeps: a thread that changes tables, or one that rings a blocking eventfd.

In tests/shim/put_aside.py a vCPU stands still inside the core, as if the host had put its thread
aside. The wait for it must neither spin nor miss the moment at which it goes on.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import shim
from tests.conftest import missing
from tests.harness import python

CASES = (
    *("deassign", "register", "detach", "attach", "delete", "add_memory", "move", "a20"),
    *("create_vcpu", "code", "blocking"),
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = shim.build("held_write", tmp_path_factory.mktemp("shim"))
    if found is None:
        missing("a C compiler", "install gcc; it makes the library that holds a vCPU")
    return found


@pytest.mark.parametrize("case", CASES)
def test_who_waits_for_a_vcpu_that_was_put_aside_sleeps_and_is_woken(
    library: Path, case: str
) -> None:
    done = python("-m", "tests.shim.put_aside", case, env=shim.preloaded(library))

    assert (done.stdout.split(), done.stderr) == (["asleep", "done"], "")
