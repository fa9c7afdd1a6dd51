"""Processes: workers that are new processes, end alone, and leave nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import BrokenExecutor, CancelledError
from pathlib import Path

import pytest

from pyx86emu.tools.batch import Processes, WorkerLost, processes
from tests.harness import ROOT, descriptors, wait_until


def gone(pid: int) -> bool:
    """Has the process ended?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_every_call_has_its_own_answer() -> None:
    with Processes(2) as pool:
        futures = [pool.submit(divmod, number, 7) for number in range(200)]

        assert [each.result() for each in futures] == [divmod(n, 7) for n in range(200)]
        assert len(pool.pids) == 2


def test_an_error_of_the_function_is_that_of_the_future() -> None:
    with Processes(1) as pool:
        assert isinstance(pool.submit(int, "x").exception(), ValueError)
        assert "pickle" in str(pool.submit(lambda: 1).exception())
        assert pool.submit(abs, -1).result() == 1


def test_a_worker_that_ends_loses_its_own_call_only() -> None:
    with Processes(2) as pool:
        before = [pool.submit(abs, -n) for n in range(50)]
        lost = pool.submit(os._exit, 3)
        after = [pool.submit(abs, -n) for n in range(50)]

        error = lost.exception()

        assert isinstance(error, WorkerLost)
        assert "ended with status 3" in str(error)
        assert [each.result() for each in before + after] == [*range(50), *range(50)]


def test_a_kill_ends_what_runs() -> None:
    pool = Processes(1)
    endless = pool.submit(signal.pause)
    waiting = pool.submit(abs, -1)
    wait_until(endless.running)
    pids = pool.pids

    pool.kill()

    assert isinstance(endless.exception(), WorkerLost)
    with pytest.raises(CancelledError):
        waiting.result()
    assert all(gone(pid) for pid in pids)
    with pytest.raises(RuntimeError, match="make another one"):
        pool.submit(abs, 1)


def test_a_shutdown_waits_for_what_was_given() -> None:
    pool = Processes(1)
    futures = [pool.submit(abs, -n) for n in range(20)]

    pool.shutdown()

    assert [each.result() for each in futures] == list(range(20))
    assert pool.pids == ()


def test_no_descriptor_stays_open() -> None:
    before = descriptors()

    with Processes(2) as pool:
        assert pool.submit(abs, -1).result() == 1
    Processes(1).shutdown()

    assert descriptors() == before


def test_workers_end_when_their_executor_is_killed() -> None:
    program = (
        "import signal; from pyx86emu.tools.batch import Processes\n"
        "pool = Processes(1); f = pool.submit(signal.pause)\n"
        "while not f.running(): pass\n"
        "print(*pool.pids, flush=True); signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        (worker,) = map(int, parent.stdout.readline().split())
        assert not gone(worker)

        parent.kill()

    wait_until(lambda: gone(worker))


def test_an_executor_whose_workers_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "START", "raise SystemExit(9)")

    with Processes(2) as pool:
        error = pool.submit(abs, -1).exception()

    assert isinstance(error, BrokenExecutor)
    assert "ended with status 9 before it was ready" in str(error)
