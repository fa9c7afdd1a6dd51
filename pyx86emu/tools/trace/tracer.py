"""The trace of a machine: bring the records of its sources in order, write them to a file."""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from ...observe import Kind, of_core
from .jsonl import Json
from .names import Names
from .sources import Accesses, Interrupts, Lines, Lost, Ports, Requests, Source, Steps, Writer
from .text import Text
from .wanted import Wanted, checked_format, wanted

if TYPE_CHECKING:
    from ...pc.machine import Machine


class Out(Protocol):
    """A text file, as far as it is used."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


Where = str | os.PathLike[str] | Out | None
Sources = Callable[["Trace"], Iterable[Source]]


class Trace:
    """A trace, from now on, until `close()` or the end of a `with`. Made by `Machine.trace`.

    `records` have been written, `lost` could not be. `flush()` writes what waits in the rings; they
    are emptied when one is half full, when a disk request ends, and by `flush()` and `close()`.
    What the file raises comes out of `run()`, `flush()` or `close()`; the trace has then ended.
    Only the thread that runs the guest calls these, or any while it does not run.
    """

    def __init__(self, m: "Machine", file: Where, shows_lost: Lost, sources: Sources) -> None:
        of_core(m.vcpu, "trace")
        self.records = 0
        self.lost = 0
        self._m = m
        self._shows_lost = shows_lost
        self._order = 0
        self._failed = False
        self._sources: list[Source] = []
        self._stack = ExitStack()
        self._file: Out
        with ExitStack() as stack:
            if file is None:
                self._file = sys.stderr
            elif isinstance(file, (str, os.PathLike)):
                self._file = stack.enter_context(
                    open(file, "w", encoding="utf-8", errors="backslashreplace")
                )
            elif hasattr(file, "write") and hasattr(file, "flush"):
                self._file = file
            else:
                raise TypeError(f"file is {type(file).__name__}: give a path or a text file")
            for each in sources(self):
                stack.callback(each.close)
                self._sources.append(each)
            self._stack = stack.pop_all()

    @property
    def active(self) -> bool:
        """Is it on?"""
        return bool(self._sources)

    def flush(self) -> None:
        """Write all records up to now."""
        if not self._sources or self._failed:
            return
        found: list[tuple[int, str]] = []
        missing = []
        for source in self._sources:
            lines, lost = source.take()
            found += lines
            if lost:
                self.lost += lost
                missing.append((source.kind, lost))
        if len(self._sources) > 1 and found:
            base = self._order
            found = [((order - base) & 0xFFFF_FFFF, text) for order, text in found]
            found.sort(key=itemgetter(0))
            self._order = base + found[-1][0] & 0xFFFF_FFFF
        lines_ = [text for _, text in found if text]
        n, time = self._m.vcpu.instructions, self._m.vm.time
        lines_ += [self._shows_lost(n, time, kind, count) for kind, count in missing]
        self._write(lines_)

    def put(self, text: str) -> None:
        """Write a record of now, after all that came before it."""
        self.flush()
        self._write([text])

    def _write(self, lines: list[str]) -> None:
        if not lines or self._failed:
            return
        try:
            self._file.write("".join(lines))
            self._file.flush()
        except BaseException:
            self._failed = True
            self._end()
            raise
        self.records += len(lines)

    def close(self) -> None:
        """End it. Twice is harmless."""
        if self._sources:
            try:
                self.flush()
            finally:
                self._end()

    def _end(self) -> None:
        self._stack.close()
        self._sources = []

    def __enter__(self) -> "Trace":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "" if self.active else ", closed"
        return f"<Trace: {self.records} records, {self.lost} lost{state}>"


def trace(m: "Machine", what: str | Iterable[str], file: Where, format: str) -> Trace:
    """`Machine.trace`."""
    asked = wanted(what, m.labels())
    names = Names(m)
    writer: Writer = Json(names) if checked_format(format) == "jsonl" else Text(names)
    return Trace(m, file, writer.lost, lambda made: _sources(m, asked, writer, made))


def _sources(m: "Machine", asked: Wanted, writer: Writer, made: Trace) -> Iterable[Source]:
    wake = made.flush
    if "irq" in asked.kinds:
        yield Lines(m, writer, wake)
    for first, length in asked.memory:
        for what in (Kind.READ, Kind.WRITE):
            yield Accesses(m, writer, wake, what, first, length)
    if "exec" in asked.kinds:
        yield Steps(m, writer, wake)
    if "int" in asked.kinds:
        yield Interrupts(m, writer, wake)
    if "io" in asked.kinds:
        yield Ports(m, writer, wake)
    for kind in ("disk", "floppy"):
        if kind in asked.kinds:
            yield Requests(m, kind, writer, made.put)
