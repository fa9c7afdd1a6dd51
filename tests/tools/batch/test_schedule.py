"""The schedule: each index gets one answer, whatever happens to the workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from pyx86emu.tools import batch
from pyx86emu.tools.batch import schedule
from pyx86emu.tools.batch.schedule import Schedule
from tests.tools.batch.tasks import Echo


def spawned() -> ProcessPoolExecutor:
    """An executor of the standard library, which breaks as a whole when a worker ends."""
    return ProcessPoolExecutor(2, mp_context=get_context("spawn"))


def echoes(count: int, size: int = 1, **more: Any) -> Iterator[Echo]:
    """Tasks for the numbers up to `count`, `size` in each."""
    for start in range(0, count, size):
        yield Echo(tuple(range(start, min(start + size, count))), **more)


def numbers(answers: list[tuple[Any, ...]]) -> list[int]:
    return [answer[0] for answer in answers]


@pytest.mark.parametrize("make", [None, partial(ThreadPoolExecutor, 3)])
@pytest.mark.parametrize("size", [1, 7])
def test_answers_come_in_the_order_of_the_tasks(make: Any, size: int) -> None:
    answers = list(Schedule(echoes(300, size), make).answers())

    assert numbers(answers) == list(range(300))


def test_answers_come_as_they_are_ready() -> None:
    answers = list(Schedule(echoes(300, 4), None, order="completion").answers())

    assert sorted(numbers(answers)) == list(range(300))


@pytest.mark.parametrize("make", [None, spawned], ids=["ours", "of the library"])
@pytest.mark.parametrize("size", [1, 5])
def test_what_a_lost_worker_had_is_done_again(
    make: Callable[[], Executor] | None, size: int, tmp_path: Path
) -> None:
    log = str(tmp_path / "deaths")
    tasks = echoes(40, size, deadly=frozenset({3, 17}), log=log)

    answers = list(Schedule(tasks, make).answers())

    assert numbers(answers) == list(range(40))
    assert not [each for each in answers if each[1] in ("lost", "error")]


@pytest.mark.parametrize("make", [None, spawned], ids=["ours", "of the library"])
def test_what_ends_its_worker_each_time_is_lost_and_nothing_else(
    make: Callable[[], Executor] | None, tmp_path: Path
) -> None:
    log = str(tmp_path / "deaths")
    tasks = echoes(24, 4, deadly=frozenset({5}), deaths=100, log=log)

    answers = list(Schedule(tasks, make, losses=2).answers())

    assert numbers(answers) == list(range(24))
    assert [each[:2] for each in answers if each[1] in ("lost", "error")] == [(5, "lost")]
    assert "its worker ended 2 times while it ran" in answers[5][2]


def test_a_given_executor_that_breaks_is_named(tmp_path: Path) -> None:
    with spawned() as executor, pytest.raises(BrokenExecutor, match="give a function that makes"):
        list(
            Schedule(echoes(9, deadly=frozenset({0}), log=str(tmp_path / "d")), executor).answers()
        )


def test_tasks_are_taken_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "AHEAD", 16)
    taken: list[int] = []

    def tasks() -> Iterator[Echo]:
        for number in range(10**9):
            taken.append(number)
            yield Echo((number,))

    answers = Schedule(tasks(), partial(ThreadPoolExecutor, 2)).answers()
    first = [next(answers)[0] for _ in range(50)]
    answers.close()

    assert first == list(range(50))
    assert len(taken) < 50 + 16 + 64


def test_an_executor_that_was_given_stays_open() -> None:
    with ThreadPoolExecutor(1) as executor:
        list(Schedule(echoes(3), executor).answers())

        assert executor.submit(abs, -1).result() == 1


def test_a_large_content_goes_to_each_worker_once() -> None:
    content = batch.Content.of(bytes(100_000))
    tasks = echoes(200, contents=(content,))

    answers = list(Schedule(tasks, partial(batch.Processes, 2)).answers())

    assert numbers(answers) == list(range(200))
    assert {taken for _, _, taken in answers} == {1}


def test_a_file_is_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(100_000))
    tasks = echoes(20, contents=(batch.Content.of(path),))

    answers = list(Schedule(tasks, partial(batch.Processes, 2)).answers())

    assert numbers(answers) == list(range(20))


def test_a_content_that_is_gone_is_an_error_of_its_task(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(bytes(100_000))
    content = batch.Content.of(path)
    path.unlink()

    answers = list(Schedule(echoes(500, contents=(content,)), None, workers=1).answers())

    assert numbers(answers) == list(range(500))
    assert Counter(each[1] for each in answers) == {"error": 500}
    assert "No such file" in answers[0][2]


def test_an_answer_that_is_worth_it_is_tried_again() -> None:
    tries: Counter[int] = Counter()

    def retry(answer: tuple[int, ...]) -> bool:
        tries[answer[0]] += 1
        return answer[0] == 4

    answers = list(
        Schedule(
            echoes(9, 3),
            partial(ThreadPoolExecutor, 1),
            retries=2,
            retry=retry,
            attempt=lambda answer, attempts: (*answer, attempts),
        ).answers()
    )

    assert numbers(answers) == list(range(9))
    assert [each[-1] for each in answers] == [1, 1, 1, 1, 3, 1, 1, 1, 1]
