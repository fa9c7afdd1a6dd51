"""The progress of a batch on standard error: a bar on a terminal, plain lines else."""

import os
import sys
from types import TracebackType
from typing import Any, Protocol

from ..tools.batch import Result
from ..tools.batch.reports import one_line
from . import output


class Progress(Protocol):
    """A context manager that is told each result."""

    def __enter__(self) -> "Progress": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None: ...

    def done(self, result: Result) -> None: ...


def progress(total: int) -> Progress:
    """A bar if standard error is a terminal, this is not CI, and rich is there; else lines."""
    if output.is_terminal(sys.stderr) and os.environ.get("CI", "") in ("", "false", "0"):
        try:
            return Bar(total)
        except ImportError:
            output.complain("pyx86emu: for a progress bar, pip install 'pyx86emu[batch]'")
    return Lines(total)


class Lines:
    """One line for each job, in the order of jobs."""

    def __init__(self, total: int) -> None:
        self.total, self.count = total, 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        return

    def done(self, result: Result) -> None:
        self.count += 1
        why = f": {one_line(result.message)}" if result.message else ""
        number = f"{self.count:>{len(str(self.total))}}/{self.total}"
        output.complain(f"{number} {result.outcome:6} {one_line(result.name)}{why}")


class Bar:
    """A bar of rich. What did not pass is a line above it. ImportError: rich is missing."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._console = Console(file=sys.stderr, markup=False, highlight=False)
        self._bar: Any = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._bar.add_task("guests", total=total)
        self._bad = 0

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def done(self, result: Result) -> None:
        if not result.passed:
            self._bad += 1
            line = f"{result.outcome:6} {one_line(result.name)}: {one_line(result.message)}"
            self._bar.console.print(line, soft_wrap=True)
        bad = f", {self._bad} not passed" if self._bad else ""
        self._bar.update(self._task, advance=1, description=f"guests{bad}")
