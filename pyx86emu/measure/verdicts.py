"""Verdicts of a measurement: compare a value with its limit. They know no benchmark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """A value and its limit, which is the least allowed value, or with `most` the greatest.
    `values` are the repetitions of which the value is the median, if there are any."""

    name: str
    value: float
    limit: float
    unit: str = ""
    most: bool = False
    values: Sequence[float] = ()

    @property
    def ok(self) -> bool:
        return self._holds(self.value)

    def _holds(self, value: float) -> bool:
        return value <= self.limit if self.most else value >= self.limit

    def as_dict(self) -> dict[str, Any]:
        """The verdict as `--json` prints it."""
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "most": self.most,
            "ok": self.ok,
        }


def table(verdicts: Iterable[Verdict]) -> str:
    """Return one line a verdict, and a last line that says how many are met."""
    rows = list(verdicts)
    lines = [f"{'row':<52}{'measured':>12}{'limit':>14}  verdict"]
    for row in rows:
        limit = f"{'<=' if row.most else '>='} {_figure(row.limit)}"
        verdict = "ok" if row.ok else "MISSED"
        name = f"{row.name} ({row.unit})" if row.unit else row.name
        lines.append(f"{name:<52}{_figure(row.value):>12}{limit:>14}  {verdict}")
    met = sum(row.ok for row in rows)
    return "\n".join([*lines, f"{met} of {len(rows)} met"])


def _figure(value: float) -> str:
    """Return three digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
