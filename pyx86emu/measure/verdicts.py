"""Verdicts of a measurement: compare a value with its limit. They know no benchmark."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import comb, inf
from typing import Any

#: The spread of repetitions leaves the true median out with at most this probability.
LEFT_OUT = 0.1


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Return the range of the repetitions that holds the true median with at least 90 %.

    It goes from the k-th least to the k-th greatest. How likely it holds the median depends on the
    number of values only, not on how they are distributed (the sign test; Conover, Practical
    Nonparametric Statistics, 3.2). With fewer than five values that is less than 90 %.

    >>> spread([3, 1, 2, 9, 4])  # 94 %
    (1, 9)
    >>> spread(range(1, 12))  # of eleven values the third and the ninth: 93 %
    (3, 9)
    """
    ordered = sorted(values)
    n = len(ordered)
    k, outside = 0, 2 / 2**n
    while k + 1 < n - k - 1 and outside + 2 * comb(n, k + 1) / 2**n <= LEFT_OUT:
        k += 1
        outside += 2 * comb(n, k) / 2**n
    return ordered[k], ordered[n - 1 - k]


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

    @property
    def noise(self) -> bool:
        """Missed, but the spread of the repetitions includes the limit: to repeat may meet it."""
        return not self.ok and any(map(self._holds, self.spread))

    @property
    def missed(self) -> bool:
        """Missed, and not by noise."""
        return not self.ok and not self.noise

    @property
    def spread(self) -> tuple[float, float]:
        """See the function. Without repetitions it is the value alone."""
        return spread(self.values or (self.value,))

    @property
    def factor(self) -> float:
        """How many times the value is as bad as the limit; above 1 it misses it."""
        over, under = (self.value, self.limit) if self.most else (self.limit, self.value)
        return over / under if under > 0 else inf

    @property
    def by(self) -> float:
        """How far the value is on the wrong side of the limit, as a part of the limit."""
        away = self.value - self.limit if self.most else self.limit - self.value
        return away / abs(self.limit) if self.limit else inf

    @property
    def word(self) -> str:
        return "ok" if self.ok else "noise" if self.noise else "missed"

    @property
    def title(self) -> str:
        """The name with the unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def _holds(self, value: float) -> bool:
        return value <= self.limit if self.most else value >= self.limit

    def as_dict(self) -> dict[str, Any]:
        """The verdict as `--json` prints it. `verdict`: ok, noise or missed."""
        return {
            "name": self.name,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "most": self.most,
            "spread": list(self.spread),
            "ok": self.ok,
            "verdict": self.word,
        }


def table(verdicts: Iterable[Verdict]) -> str:
    """Return one line a verdict."""
    lines = [f"{'row':<52}{'measured':>12}{'limit':>14}  verdict"]
    for row in verdicts:
        word = row.word if row.ok else row.word.upper()
        lines.append(f"{row.title:<52}{figure(row.value):>12}{_limit(row):>14}  {word}")
    return "\n".join(lines)


def misses(verdicts: Iterable[Verdict]) -> str:
    """Return one line a miss with how much it misses its limit, worst first."""
    lines = []
    for row in sorted(verdicts, key=lambda each: each.factor, reverse=True):
        low, high = map(figure, row.spread)
        lines.append(
            f"  {row.title:<50}{figure(row.value):>12}{_limit(row):>14}"
            f"  by {row.by * 100:>4.3g} %  {f'{low} to {high}' if row.values else ''}".rstrip()
        )
    return "\n".join(lines)


def figure(value: float) -> str:
    """Return three digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _limit(row: Verdict) -> str:
    return f"{'<=' if row.most else '>='} {figure(row.limit)}"
