"""The schedule: give tasks to an executor, take their answers, do again what was lost.

Knows no jobs: a `Task` says what it is. The memory that it needs is bounded: tasks are taken from
the iterator as there is room for them, and what is ready waits for at most `AHEAD` others.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Literal

from .carriers import Carrier, carrier_of
from .contents import ContentError
from .processes import Processes, WorkerLost
from .worker import Missing, Task, execute

#: What `executor=` takes: an executor, a function that makes one, None for processes here.
Executors = Executor | Callable[[], Executor] | None
Order = Literal["jobs", "completion"]

#: Tasks that are with the executor at once, for each worker.
PER_WORKER = 4
#: If the number of workers is not known.
WINDOW = 64
#: In the order of jobs, at most so many tasks run ahead of the oldest one that has no answer.
AHEAD = 4096
#: A task is sent again because of missing contents at most so often.
MOST_SENT = 20
#: What dask raises if workers end; it is not imported here.
DASK_LOST = {"KilledWorker", "CommClosedError", "FutureCancelledError", "FuturesCancelledError"}


@dataclass(slots=True)
class _Unit:
    """A task and what has happened to it."""

    task: Task
    attempts: int = 1
    losses: int = 0
    sent: int = 0
    alone: bool = False
    carried: tuple[Any, ...] | None = None
    brings: frozenset[str] = frozenset()


class Schedule:
    """One run over tasks; iterate over it once. Every index gets exactly one answer.

    `losses`: a task is given up when so many workers have ended while they did it. `retry(answer)`
    says whether an answer is worth another attempt; there are at most `retries`. `order`: answers
    come by their index, or as they are ready.
    """

    def __init__(
        self,
        tasks: Iterator[Task],
        executor: Executors,
        *,
        workers: int | None = None,
        losses: int = 3,
        retries: int = 0,
        order: Order = "jobs",
        retry: Callable[[Any], bool] = lambda answer: False,
        attempt: Callable[[Any, int], Any] = lambda answer, attempts: answer,
    ) -> None:
        self._tasks = tasks
        self._source = executor
        self._workers = workers
        self._losses, self._retries, self._order = losses, retries, order
        self._retry, self._attempt = retry, attempt
        self._again: deque[_Unit] = deque()
        self._suspects: deque[_Unit] = deque()
        self._flying: dict[Future[Any], _Unit] = {}
        self._done: SimpleQueue[Future[Any]] = SimpleQueue()
        self._ready: dict[int, Any] = {}
        self._next = 0  # the index whose answer comes next, in the order of jobs
        self._last = -1  # the largest index that was taken
        self._serial = 0  # no two tasks are equal: dask would do only one of them
        self._bringing: set[str] = set()  # contents that are on their way to a worker
        self._parked: list[_Unit] = []  # they wait for one of those
        self._executor: Executor | None = None
        self._carrier: Carrier | None = None

    def answers(self) -> Generator[Any, None, None]:
        """The answers. However the iteration ends, nothing of it runs on."""
        whole = False
        try:
            self._open()
            while self._fill():
                if self._flying:
                    self._take(self._done.get())
                while not self._done.empty():
                    self._take(self._done.get())
                yield from self._hand_over()
            whole = True
        finally:
            self._close(whole)

    # -- the executor ------------------------------------------------------------------

    def _open(self) -> None:
        source = self._source
        if source is None:
            self._executor = Processes(self._workers)
        elif isinstance(source, Executor):
            self._executor = source
        else:
            self._executor = source()
        self._carrier = carrier_of(self._executor)

    def _close(self, whole: bool) -> None:
        for future in self._flying:
            future.cancel()
        executor, self._executor = self._executor, None
        if executor is not None and executor is not self._source:
            if isinstance(executor, Processes) and not whole:
                executor.kill()
            else:
                executor.shutdown(wait=True, cancel_futures=True)

    def _window(self) -> int:
        """How many tasks may be with the executor."""
        if self._suspects or any(unit.alone for unit in self._flying.values()):
            return 1
        executor = self._executor
        count = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
        if (client := getattr(executor, "_client", None)) is not None:
            count = sum(client.nthreads().values())
        return PER_WORKER * count if isinstance(count, int) and count > 0 else WINDOW

    # -- sending -----------------------------------------------------------------------

    def _fill(self) -> bool:
        """Send tasks while there is room. False: all answers were handed over."""
        window = self._window()
        while len(self._flying) < window:
            unit = self._pick()
            if unit is None or not self._send(unit) or unit.alone:
                break
        return bool(self._flying or self._ready)

    def _pick(self) -> _Unit | None:
        if self._suspects:
            if self._flying:
                return None
            unit = self._suspects.popleft()
            unit.alone = True
            return unit
        if self._again:
            return self._again.popleft()
        if self._order == "jobs" and self._last - self._next >= AHEAD:
            return None
        task = next(self._tasks, None)
        if task is None:
            return None
        self._last = max(self._last, *task.indices)
        return _Unit(task)

    def _send(self, unit: _Unit) -> bool:
        """Give it to the executor. False: it cannot be sent, and has its answer."""
        assert self._executor is not None and self._carrier is not None
        carried, unit.carried = unit.carried, None
        try:
            if carried is None:
                carried = self._carrier.attach(unit.task.contents)
        except (ContentError, OSError) as error:  # an image that has changed or is gone
            self._answer(unit, unit.task.broken(f"{type(error).__name__}: {error}"))
            return False
        self._serial += 1
        task = self._carrier.pack(unit.task)
        try:
            future = self._executor.submit(execute, task, self._serial, *carried)
        except BrokenExecutor:
            self._renew()
            future = self._executor.submit(execute, task, self._serial, *carried)
        unit.sent += 1
        self._flying[future] = unit
        future.add_done_callback(self._done.put)
        return True

    def _renew(self) -> None:
        """The executor as a whole is broken: make another one."""
        source = self._source
        if source is None or isinstance(source, Executor):
            raise BrokenExecutor(
                "the executor is broken, and what it had is lost: give a function that makes one, "
                "executor=lambda: ProcessPoolExecutor(), so that another one can take its place"
            )
        old, self._executor = self._executor, source()
        if old is not None:
            old.shutdown(wait=False, cancel_futures=True)

    # -- taking ------------------------------------------------------------------------

    def _take(self, future: Future[Any]) -> None:
        unit = self._flying.pop(future)
        task = unit.task
        if unit.brings:
            self._bringing -= unit.brings
            unit.brings = frozenset()
            self._again.extend(self._parked)
            self._parked.clear()
        try:
            answer = future.result()
        except BrokenExecutor as error:
            if self._source is None:  # our own could start no worker
                raise
            self._break(unit, error)
        except (CancelledError, WorkerLost) as error:
            self._lose(unit, error)
        except Exception as error:
            if type(error).__name__ in DASK_LOST:
                self._lose(unit, error)
            else:
                self._answer(unit, task.broken(f"{type(error).__name__}: {error}"))
        else:
            if isinstance(answer, Missing):
                self._bring(unit, answer)
            else:
                self._answer(unit, answer)

    def _bring(self, unit: _Unit, missing: Missing) -> None:
        """Send it again, with what the worker lacked."""
        if unit.sent >= MOST_SENT:
            text = f"its images were sent {unit.sent} times and did not stay with a worker"
            self._answer(unit, unit.task.broken(text))
            return
        names = frozenset(missing.names)
        if names & self._bringing:
            self._parked.append(unit)
            return
        wanted = [each for each in unit.task.contents if each.sha256 in names]
        try:
            unit.carried = ({each.sha256: each.read() for each in wanted},)
        except (ContentError, OSError) as error:
            self._answer(unit, unit.task.broken(f"{type(error).__name__}: {error}"))
            return
        self._bringing |= names
        unit.brings = names
        self._again.appendleft(unit)

    def _break(self, unit: _Unit, error: BrokenExecutor) -> None:
        """The executor broke. Who broke it is known only if nothing else was with it: so each task
        that was there is done alone, before all others."""
        if unit.alone:
            self._lose(unit, error)
            return
        tasks = _each(unit.task)
        self._suspects.extend(_Unit(task, unit.attempts, unit.losses) for task in tasks)

    def _lose(self, unit: _Unit, error: BaseException) -> None:
        """A worker ended while it did this task."""
        tasks = _each(unit.task)
        if len(tasks) > 1:  # one of them did it: find out which
            self._again.extendleft(_Unit(task, unit.attempts) for task in reversed(tasks))
            return
        unit.losses += 1
        if unit.losses >= self._losses:
            times = "once" if unit.losses == 1 else f"{unit.losses} times"
            text = f"its worker ended {times} while it ran: {type(error).__name__}: {error}"
            self._answer(unit, unit.task.lost(text))
        else:
            (self._suspects if unit.alone else self._again).appendleft(unit)

    def _answer(self, unit: _Unit, answers: tuple[Any, ...]) -> None:
        """The answers of a task; those that are worth it are tried again."""
        singles: dict[int, Task] | None = None
        for index, answer in zip(unit.task.indices, answers, strict=True):
            if unit.attempts <= self._retries and self._retry(answer):
                if singles is None:
                    singles = {each.indices[0]: each for each in _each(unit.task)}
                self._again.append(_Unit(singles[index], unit.attempts + 1))
            else:
                self._ready[index] = self._attempt(answer, unit.attempts)

    def _hand_over(self) -> Iterator[Any]:
        if self._order == "completion":
            while self._ready:
                yield self._ready.pop(next(iter(self._ready)))
            return
        while self._next in self._ready:
            self._next += 1
            yield self._ready.pop(self._next - 1)


def _each(task: Task) -> tuple[Task, ...]:
    """A task as tasks of one index."""
    return task.split() if len(task.indices) > 1 else (task,)
