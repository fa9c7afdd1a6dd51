"""A real dask cluster: no job is lost or doubled, also when a worker is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from pyx86emu.tools import batch
from pyx86emu.tools.batch.schedule import Schedule
from tests import on_dask
from tests.tools.batch.guests import names_and_texts, numbered, seen
from tests.tools.batch.tasks import Echo

WORKERS = 3

# dask's processes and their libraries are not built with sanitizers.
pytestmark = pytest.mark.release


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """One cluster for all tests of this file."""
    with on_dask.cluster(WORKERS) as made:
        yield made


@pytest.mark.parametrize(
    ("count", "chunk"), [(500, 1), pytest.param(10_000, 20, marks=pytest.mark.slow)]
)
def test_guests_of_a_cluster_are_neither_lost_nor_doubled(
    client: Any, count: int, chunk: int
) -> None:
    results: list[batch.Result] = []
    killed = ""
    for result in batch.run(numbered(count), client.get_executor(), chunk=chunk):
        results.append(result)
        if not killed and len(results) >= count // 3:
            killed = result.worker
            os.kill(int(killed.rpartition(":")[2]), signal.SIGKILL)

    assert seen(results) == names_and_texts(count)
    assert Counter(each.outcome for each in results) == {"passed": count}
    assert killed
    assert len({each.worker for each in results}) >= 2


def test_a_large_content_goes_to_each_worker_once(client: Any) -> None:
    content = batch.Content.of(os.urandom(200_000))
    tasks = (Echo((number,), contents=(content,)) for number in range(100))

    answers = list(Schedule(tasks, client.get_executor()).answers())
    again = list(
        Schedule(
            (Echo((number,), contents=(content,)) for number in range(100)),
            client.get_executor(),
        ).answers()
    )

    assert [answer[0] for answer in answers] == list(range(100))
    for answer in again:
        before = {taken for _, pid, taken in answers if pid == answer[1]}
        assert before <= {answer[2]}, "it came a second time"


def test_what_ends_its_worker_each_time_is_lost_on_a_cluster_too(
    client: Any, tmp_path: Any
) -> None:
    log = str(tmp_path / "deaths")
    tasks = (Echo((number,), frozenset({7}), deaths=1000, log=log) for number in range(40))

    answers = list(Schedule(tasks, client.get_executor(), losses=1).answers())

    assert [answer[0] for answer in answers] == list(range(40))
    assert [answer[:2] for answer in answers if answer[1] in ("lost", "error")] == [(7, "lost")]


def test_a_run_that_is_left_cancels_what_is_on_the_cluster(client: Any) -> None:
    results = batch.run(numbered(10_000), client.get_executor(), order="completion")
    next(results)

    results.close()

    assert client.submit(abs, -1).result() == 1
