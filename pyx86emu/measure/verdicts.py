"""What a measurement is held to: a value, its limit, and whether it was met. Knows no benchmark."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """One value beside its limit: at least that, or, with `most`, at most that."""

    name: str
    value: float
    limit: float
    unit: str = ""
    most: bool = False

    @property
    def ok(self) -> bool:
        return self.value <= self.limit if self.most else self.value >= self.limit

    def as_dict(self) -> dict[str, Any]:
        """The verdict as `--json` prints it."""
        return asdict(self) | {"ok": self.ok}


def table(verdicts: Iterable[Verdict]) -> str:
    """One line each, and a last one that counts."""
    rows = list(verdicts)
    lines = [f"{'held to':<52}{'measured':>12}{'limit':>14}  verdict"]
    for row in rows:
        limit = f"{'<=' if row.most else '>='} {_figure(row.limit)}"
        verdict = "ok" if row.ok else "MISSED"
        name = f"{row.name} ({row.unit})" if row.unit else row.name
        lines.append(f"{name:<52}{_figure(row.value):>12}{limit:>14}  {verdict}")
    met = sum(row.ok for row in rows)
    return "\n".join([*lines, f"{met} of {len(rows)} met"])


def _figure(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
