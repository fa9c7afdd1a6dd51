"""Processes: an executor whose workers are new processes. Knows no jobs.

It differs from ProcessPoolExecutor in what a long run of guests needs:

- a worker that ends loses its own task only, and another one takes its place;
- a worker is a new Python, never a fork: the caller may have threads, and its main module is not
  imported again, so that it needs no `if __name__ == "__main__"`;
- a worker ends when this process does, however this one ends.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from socket import socketpair
from typing import Any, TypeVar

from ..._core import whole

T = TypeVar("T")

START = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from pyx86emu.tools.batch.child import main; main(int(sys.argv[2]))"
)
#: So many workers in a row may end before they are ready.
MOST_FAILED = 3
MOST_WORKERS = 1024


class WorkerLost(Exception):
    """The worker ended before its task was done."""


class _Worker:
    """One process, and the future of what it does."""

    def __init__(self) -> None:
        ours, theirs = socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", START, json.dumps(sys.path), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                process_group=0,  # Ctrl-C is ours to hear
            )
        self.connection = Connection(ours.detach())
        self.ready = False
        self.future: Future[Any] | None = None

    def end(self, *, kill: bool) -> int:
        """Close the connection, at which it ends, and wait for it."""
        if kill:
            self.process.kill()
        self.connection.close()
        return self.process.wait()


class Processes(Executor):
    """`workers` processes, by default one for each CPU that this process may use. They are started
    when there is work for them.

    Any thread may call it. The future of a task whose worker ends raises WorkerLost; if no worker
    can start, BrokenExecutor. Functions and arguments must be picklable, and the function must be
    in a module that the workers can import.

    >>> with Processes(1) as pool:
    ...     pool.submit(abs, -3).result()
    3
    """

    def __init__(self, workers: int | None = None) -> None:
        if workers is None:
            workers = len(os.sched_getaffinity(0))
        self.workers = whole(workers, "workers", 1, MOST_WORKERS)
        self._lock = threading.Lock()
        self._pending: deque[tuple[Future[Any], bytes]] = deque()
        self._team: list[_Worker] = []
        self._failed = 0
        self._closing = self._killing = False
        self._manager: threading.Thread | None = None
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that there are now."""
        return tuple(each.process.pid for each in tuple(self._team))

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> "Future[T]":
        """Have a worker call `fn`. RuntimeError: after `shutdown`. What cannot be pickled is an
        error of the future."""
        future: Future[T] = Future()
        try:
            data = pickle.dumps((fn, args, kwargs), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # whatever an object of the caller raises
            future.set_exception(error)
            return future
        with self._lock:
            if self._closing:
                raise RuntimeError("this executor was shut down: make another one")
            self._pending.append((future, data))
            if self._manager is None:
                self._manager = threading.Thread(target=self._manage, daemon=True)
                self._manager.start()
        self._wake()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; end the workers when all is done. `cancel_futures`: what has not begun
        is cancelled."""
        self._shut(wait, cancel=cancel_futures, kill=False)

    def kill(self) -> None:
        """End all workers now, and wait until they have ended. Their futures raise WorkerLost."""
        self._shut(True, cancel=True, kill=True)

    def _shut(self, wait: bool, *, cancel: bool, kill: bool) -> None:
        with self._lock:
            self._closing = True
            self._killing = self._killing or kill
            dropped = list(self._pending) if cancel else []
            if cancel:
                self._pending.clear()
            manager = self._manager
        for future, _ in dropped:
            future.cancel()
        if manager is None:
            self._close_pipe()
            return
        self._wake()
        if wait and manager is not threading.current_thread():
            manager.join()

    def _wake(self) -> None:
        with self._lock, suppress(BlockingIOError):
            if self._wake_write >= 0:
                os.write(self._wake_write, b"x")

    def _close_pipe(self) -> None:
        with self._lock:
            if self._wake_write >= 0:
                os.close(self._wake_write)
                os.close(self._wake_read)
                self._wake_write = self._wake_read = -1

    # -- the manager's thread ----------------------------------------------------------

    def _manage(self) -> None:
        try:
            while self._turn():
                pass
        except BaseException as error:
            self._break(f"the executor failed: {error!r}")
        finally:
            for each in self._team:
                code = each.end(kill=self._killing)
                if each.future is not None:
                    _fail(each.future, WorkerLost(f"worker {each.process.pid} {_ended(code)}"))
            self._team.clear()
            self._close_pipe()

    def _turn(self) -> bool:
        """Hand out work, wait for one event. False: all is done."""
        if self._killing:
            return False
        self._hand_out()
        if self._closing and not self._pending and all(each.future is None for each in self._team):
            return False
        by_connection: dict[Any, _Worker] = {each.connection: each for each in self._team}
        for ready in wait([self._wake_read, *by_connection]):
            if ready == self._wake_read:
                with suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            else:
                self._hear(by_connection[ready])
        return True

    def _hand_out(self) -> None:
        idle = [each for each in self._team if each.ready and each.future is None]
        while idle and (task := self._next()) is not None:
            future, data = task
            worker = idle.pop()
            worker.future = future
            try:
                worker.connection.send_bytes(data)
            except OSError:
                self._gone(worker)
        starting = sum(not each.ready for each in self._team)
        while len(self._pending) > starting and len(self._team) < self.workers:
            try:
                self._team.append(_Worker())
            except OSError as error:
                if not self._team:
                    self._break(f"no worker can be started: {error}")
                return
            starting += 1

    def _next(self) -> tuple[Future[Any], bytes] | None:
        with self._lock:
            while self._pending:
                future, data = self._pending.popleft()
                if future.set_running_or_notify_cancel():
                    return future, data
            return None

    def _hear(self, worker: _Worker) -> None:
        """A worker is ready, has an answer, or has ended."""
        try:
            data = worker.connection.recv_bytes()
        except (EOFError, OSError):
            self._gone(worker)
            return
        if not worker.ready:
            worker.ready, self._failed = True, 0
            return
        future, worker.future = worker.future, None
        assert future is not None
        try:
            good, value = pickle.loads(data)
        except Exception as error:  # a class that this process lacks
            good, value = False, error
        if good:
            future.set_result(value)
        else:
            _fail(future, value)

    def _gone(self, worker: _Worker) -> None:
        """A worker has ended: so is its task."""
        self._team.remove(worker)
        code = worker.end(kill=True)
        why = f"worker {worker.process.pid} {_ended(code)}"
        if worker.future is not None:
            _fail(worker.future, WorkerLost(why))
        elif not worker.ready:
            self._failed += 1
            if self._failed >= MOST_FAILED:
                self._break(f"no worker can be started: {why} before it was ready")

    def _break(self, why: str) -> None:
        """Nothing more can be done."""
        with self._lock:
            self._closing = True
        while (task := self._next()) is not None:
            _fail(task[0], BrokenExecutor(why))


def _ended(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"


def _fail(future: Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
