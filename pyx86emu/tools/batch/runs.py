"""Runs: give jobs to a schedule as tasks, check what the caller says. Knows no executor."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from itertools import islice

from ..._core import truth, whole
from .jobs import Job, Result
from .schedule import Executors, Order, Schedule
from .worker import Jobs

#: At most so many jobs are one task.
MOST_CHUNK = 1 << 16
MOST_TIMES = 1000


def run(
    jobs: Iterable[Job],
    executor: Executors = None,
    *,
    workers: int | None = None,
    chunk: int = 1,
    retries: int = 0,
    losses: int = 3,
    order: Order = "jobs",
    keep: bool = False,
) -> Generator[Result, None, None]:
    """Run jobs; their results come one by one, each exactly once.

    - `executor`: any `concurrent.futures.Executor`, such as `Client.get_executor()` of dask, or a
      function that makes one (which is called again if it breaks). None: `workers` processes here,
      by default one for each CPU.
    - `chunk`: so many jobs are sent together. More than 1 is for jobs of a few milliseconds.
    - `retries`: a job that did not pass is tried again up to so many times; `Result.attempts`
      counts.
    - `losses`: a job whose worker ended so many times is reported as "lost". One that another job
      took with it runs again and does not count.
    - `order`: "jobs" for the order in which they were given, "completion" for as they end.
    - `keep`: results of failures bring a screenshot and states (`Result.kept`).

    `jobs` may be a generator: it is read as there is room, on this thread. If the iteration ends
    early, by Ctrl-C or `close()`, what runs here is ended too, and all its processes; an executor
    that was given stays open.

    TypeError, ValueError: an argument is wrong; of a job: JobError. BrokenExecutor: no worker can
    be started, or an executor that was given broke and there is no function that makes another.
    """
    size = whole(chunk, "chunk", 1, MOST_CHUNK)
    if order not in ("jobs", "completion"):
        raise ValueError(f"order={order!r}: give 'jobs' or 'completion'")
    if workers is not None:
        if executor is not None:
            raise ValueError("workers is for processes of ours: leave it or executor out")
        whole(workers, "workers", 1, 1024)
    schedule = Schedule(
        _tasks(jobs, size, truth(keep, "keep")),
        executor,
        workers=workers,
        losses=whole(losses, "losses", 1, MOST_TIMES),
        retries=whole(retries, "retries", 0, MOST_TIMES),
        order=order,
        retry=_worth,
        attempt=_attempted,
    )
    return schedule.answers()


def _tasks(jobs: Iterable[Job], size: int, keep: bool) -> Iterator[Jobs]:
    numbered = enumerate(jobs)
    while chunk := tuple(islice(numbered, size)):
        for _, job in chunk:
            if not isinstance(job, Job):
                raise TypeError(f"run() takes jobs, not {type(job).__name__}: make a Job(...)")
        yield Jobs(chunk, keep)


def _worth(result: Result) -> bool:
    return result.outcome in ("failed", "error")


def _attempted(result: Result, attempts: int) -> Result:
    return result if attempts == 1 else replace(result, attempts=attempts)
