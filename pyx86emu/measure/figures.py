"""Figures: one row each, with its limit. Know no measurement."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .verdicts import Verdict, spread


@dataclass(frozen=True)
class Row:
    """One figure. `peer`: the same done by Unicorn, in the same unit. `limit` is the greatest
    allowed value, or with `least` the smallest; None: there is none. `values` are the repetitions
    of which `value` is the median; without them a miss cannot be told from noise."""

    name: str
    value: float
    unit: str
    what: str
    peer: float | None = None
    limit: float | None = None
    least: bool = False
    values: Sequence[float] = ()

    @classmethod
    def of(
        cls,
        name: str,
        values: Iterable[float],
        unit: str,
        what: str,
        *,
        peer: float | None = None,
        limit: float | None = None,
        least: bool = False,
    ) -> "Row":
        """The row of these repetitions: their median. It keeps them, so that a miss can be told
        from noise."""
        kept = tuple(values)
        return cls(name, median(kept), unit, what, peer, limit, least, kept)

    def line(self) -> str:
        """The row as text, below `head`."""
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
        if self.values:
            row["spread"] = [round(each, 3) for each in spread(self.values)]
        return row


def head(name: str) -> str:
    """The line above the rows of a group."""
    return f"{name:<20}{'':>12} {'':<6}{'unicorn':>12}"


def verdicts(rows: Iterable[object]) -> Iterator[Verdict]:
    """Compare what was measured with its limits. Rows of another kind have none."""
    for row in rows:
        if isinstance(row, Row) and row.limit is not None:
            yield Verdict(
                row.name, row.value, row.limit, row.unit, most=not row.least, values=row.values
            )
