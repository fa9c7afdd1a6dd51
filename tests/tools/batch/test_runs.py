"""Runs: jobs in, each result out once; nothing is left when it ends early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pyx86emu.tools import batch
from tests.harness import ROOT, wait_until
from tests.tools.batch.guests import LOOP, PRINT, names_and_texts, numbered, sector, seen
from tests.tools.batch.test_processes import gone


@pytest.mark.parametrize("chunk", [1, 8])
def test_results_come_in_the_order_of_the_jobs(chunk: int) -> None:
    results = list(batch.run(numbered(60), workers=2, chunk=chunk))

    assert seen(results) == names_and_texts(60)
    assert all(each.passed for each in results)


def test_any_executor_runs_jobs() -> None:
    with ThreadPoolExecutor(2) as executor:
        results = list(batch.run(numbered(30), executor, order="completion"))

    assert sorted(seen(results)) == names_and_texts(30)


def test_a_killed_worker_loses_nothing() -> None:
    results = []
    for result in batch.run(numbered(200), workers=2, chunk=4):
        results.append(result)
        if len(results) in (20, 90):
            os.kill(int(result.worker.rpartition(":")[2]), signal.SIGKILL)

    assert seen(results) == names_and_texts(200)
    assert all(each.passed for each in results)


def test_a_job_that_fails_is_tried_again_and_counted() -> None:
    jobs = [batch.Job("good", sector(PRINT)), batch.Job("bad", sector(PRINT), expect="never")]

    results = list(batch.run(jobs, workers=1, retries=2))

    assert [(each.outcome, each.attempts) for each in results] == [("passed", 1), ("failed", 3)]


def test_a_run_that_is_left_ends_its_processes() -> None:
    endless = (batch.Job(f"{n}", sector(LOOP), timeout=None) for n in range(1, 4))
    jobs = [batch.Job("first", sector(PRINT)), *endless]
    results = batch.run(jobs, workers=2)
    worker = int(next(results).worker.rpartition(":")[2])

    results.close()

    assert gone(worker)


def test_ctrl_c_leaves_no_process(interruptible: None) -> None:
    program = (
        "from pyx86emu.tools import batch\n"
        "jobs = [batch.Job(f'{n}', bytes.fromhex('f4' if n < 2 else 'ebfe'), end='halt',\n"
        "                  timeout=None) for n in range(6)]\n"
        "for result in batch.run(jobs, workers=2, order='completion'):\n"
        "    print(result.worker, flush=True)\n"
    )
    program = program.replace("'f4'", "'faf4'")
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        workers = {int(parent.stdout.readline().rpartition(":")[2]) for _ in range(2)}
        parent.send_signal(signal.SIGINT)
        _, error = parent.communicate(timeout=20)

    assert "KeyboardInterrupt" in error
    assert parent.returncode != 0
    for worker in workers:
        wait_until(lambda worker=worker: gone(worker))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"order": "random"}, "give 'jobs' or 'completion'"),
        ({"chunk": 0}, "chunk"),
        ({"workers": 0}, "workers"),
        ({"losses": 0}, "losses"),
        ({"retries": -1}, "retries"),
        ({"workers": 1, "executor": ThreadPoolExecutor}, "leave it or executor out"),
    ],
)
def test_a_wrong_argument_is_named_at_once(more: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        batch.run([], **more)


def test_what_is_no_job_is_refused() -> None:
    with pytest.raises(TypeError, match=r"make a Job\(\.\.\.\)"):
        list(batch.run([b"image"], workers=1))  # type: ignore[list-item]
