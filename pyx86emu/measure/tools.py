"""The measurement of the tools: one row a figure, each with its limit. Know files of rows, no tool.

A tool adds a file `tools_NAME.py` with `rows(rounds, scale)`, and its name to SOURCES.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from .verdicts import Verdict

#: The files with rows, in the order in which they are measured.
SOURCES = ("state", "machine", "record", "batch", "observe")


@dataclass(frozen=True)
class Row:
    """One figure. `peer`: the same done by Unicorn, in the same unit. `limit` is the greatest
    allowed value, or with `least` the smallest; None: there is none."""

    name: str
    value: float
    unit: str
    what: str
    peer: float | None = None
    limit: float | None = None
    least: bool = False

    def line(self) -> str:
        """The row as text, below HEAD."""
        peer = "" if self.peer is None else f"{self.peer:,.1f}"
        return f"{self.name:<20}{self.value:>12,.1f} {self.unit:<6}{peer:>12}  {self.what}"

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        row: dict[str, Any] = {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
        }
        if self.peer is not None:
            row["unicorn"] = round(self.peer, 3)
        return row


HEAD = f"{'tools':<20}{'':>12} {'':<6}{'unicorn':>12}"


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    for name in SOURCES:
        yield from import_module(f".tools_{name}", __package__).rows(rounds, scale)


def verdicts(rows: list[Row]) -> Iterator[Verdict]:
    """Compare what was measured with its limits."""
    for row in rows:
        if row.limit is not None:
            yield Verdict(row.name, row.value, row.limit, row.unit, most=not row.least)
