"""Carriers: bring the bytes of contents to the workers of an executor, to each of them once.

Contents of up to `SMALL` bytes go with each task. Of the others:

- A file, and processes of ours: the task has its path, the worker reads it. Nothing is copied.
- dask: the bytes are the value of a task of dask's own, named by their SHA-256. A worker that needs
  it gets it from another one that has it; if all copies are lost, the scheduler makes one again.
- Else nothing is sent at first. A worker that lacks a content answers `Missing`, and the task is
  sent again with it. Other tasks that lack the same wait meanwhile.
"""

import pickle
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any, Protocol

from .contents import Content, File
from .processes import Processes
from .worker import Task

#: So many bytes go with each task.
SMALL = 4096
#: The driver keeps so many contents alive in a dask cluster, the ones that were used last.
MOST_HELD = 256


class Carrier(Protocol):
    """What `schedule` uses to send tasks and contents."""

    def pack(self, task: Task) -> Task | bytes:
        """The first argument of `execute`."""

    def attach(self, contents: tuple[Content, ...]) -> tuple[Any, ...]:
        """The last arguments of `execute`, for the first time that a task is sent."""


def carrier_of(executor: Executor) -> Carrier:
    """The carrier that suits an executor."""
    client = getattr(executor, "_client", None)  # dask has no public name for it
    if client is not None and hasattr(client, "scheduler"):
        return Held(client)
    return WhenMissing(files=isinstance(executor, Processes))


class WhenMissing:
    """Send little until a worker asks. `files`: the workers can read files of this host."""

    def __init__(self, *, files: bool) -> None:
        self._files = files

    def pack(self, task: Task) -> Task:
        return task

    def attach(self, contents: tuple[Content, ...]) -> tuple[Mapping[str, bytes | File], ...]:
        known: dict[str, bytes | File] = {}
        for each in contents:
            if each.size <= SMALL:
                known[each.sha256] = each.read()
            elif self._files and isinstance(each.source, File):
                each.source.check()
                known[each.sha256] = each.source
        return (known,)


class Held:
    """For a dask cluster: its workers keep the bytes and give them to each other."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._held: OrderedDict[str, Any] = OrderedDict()

    def pack(self, task: Task) -> bytes:
        """As bytes: dask would look through all of a task for futures, and hash each of its
        values."""
        return pickle.dumps(task, pickle.HIGHEST_PROTOCOL)

    def attach(self, contents: tuple[Content, ...]) -> tuple[Any, ...]:
        small = {each.sha256: each.read() for each in contents if each.size <= SMALL}
        large = tuple(self._future(each) for each in contents if each.size > SMALL)
        return (small, *large)

    def _future(self, content: Content) -> Any:
        held = self._held.get(content.sha256)
        if held is None or held.status in ("cancelled", "error", "lost"):
            with warnings.catch_warnings():  # "Sending large graph": that is what it is for
                warnings.simplefilter("ignore", UserWarning)
                held = self._client.submit(
                    hold, content.sha256, content.read(), key=f"pyx86emu-{content.sha256}"
                )
            self._held[content.sha256] = held
        self._held.move_to_end(content.sha256)
        while len(self._held) > MOST_HELD:  # tasks that need it keep it alive themselves
            self._held.popitem(last=False)
        return held


def hold(sha256: str, data: bytes) -> dict[str, bytes]:
    """A content as a task of dask: it stays with the workers that need it."""
    return {sha256: data}
