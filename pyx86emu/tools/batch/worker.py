"""The worker's side: run the tasks that come, keep the contents that came with them.

`execute` is what an executor is given. It and its arguments are plain values, so that any executor
can send them to any process that has pyx86emu.
"""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .contents import CACHE, Content, File
from .guest import run_job
from .jobs import Job, Result

Carried = Mapping[str, bytes | File]


class Task(Protocol):
    """What a worker does at once: it answers with one value for each number of `indices`."""

    @property
    def indices(self) -> tuple[int, ...]: ...

    @property
    def contents(self) -> tuple[Content, ...]:
        """What it needs."""

    def run(self) -> tuple[Any, ...]:
        """Do it, in the worker."""

    def split(self) -> "tuple[Task, ...]":
        """The same as tasks of one index each."""

    def lost(self, message: str) -> tuple[Any, ...]:
        """The answers if no worker could do it."""

    def broken(self, message: str) -> tuple[Any, ...]:
        """The answers if it cannot be sent or run."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """Some jobs, which a worker runs one after another."""

    jobs: tuple[tuple[int, Job], ...]
    keep: bool = False

    @property
    def indices(self) -> tuple[int, ...]:
        return tuple(index for index, _ in self.jobs)

    @property
    def contents(self) -> tuple[Content, ...]:
        return tuple(dict.fromkeys(each for _, job in self.jobs for each in job.contents))

    def run(self) -> tuple[Result, ...]:
        return tuple(run_job(job, index, self.keep) for index, job in self.jobs)

    def split(self) -> "tuple[Jobs, ...]":
        return tuple(Jobs((each,), self.keep) for each in self.jobs)

    def lost(self, message: str) -> tuple[Result, ...]:
        return tuple(Result(index, job.name, "lost", message) for index, job in self.jobs)

    def broken(self, message: str) -> tuple[Result, ...]:
        return tuple(Result(index, job.name, "error", message) for index, job in self.jobs)


@dataclass(frozen=True, slots=True)
class Missing:
    """The answer of a worker that lacks some contents: send the task again, with them."""

    names: tuple[str, ...]


def execute(packed: Task | bytes, serial: int, *carried: Carried) -> "tuple[Any, ...] | Missing":
    """Run a task, which may be pickled, in this process. `serial` makes it another task than any
    before it. `carried`: contents by SHA-256, which are kept for later tasks.

    Missing: some contents are not here, nothing was run."""
    for each in carried:
        CACHE.take(each)
    task: Task = pickle.loads(packed) if isinstance(packed, bytes) else packed
    missing = CACHE.missing(task.contents)
    return Missing(missing) if missing else task.run()
