"""Compare two reports of `pyx86emu bench --json`: python bench/compare.py BEFORE.json AFTER.json

It prints where and when each was measured, then each row that is in both reports, with the ratio
after / before. A `*` marks rows that differ by more than 5 %.
"""

import json
import sys
from collections.abc import Iterator
from math import nan
from pathlib import Path
from typing import Any

from pyx86emu.measure import host

NOTABLE = 0.05
#: The first of these keys that a row has is compared.
FIGURES = ("mips_at_3ghz", "mips", "iops", "ns", "us", "value")


def figures(report: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield each row: its place in the report with its name, and its figure."""
    if isinstance(report, dict):
        for key, value in report.items():
            if key != "verdicts":
                yield from figures(value, f"{path}{key} ")
    elif isinstance(report, list):
        for row in report:
            figure = next((f for f in FIGURES if f in row), None)
            if figure:
                yield f"{path}{row['name']} {figure}", row[figure]


def main(before: str, after: str) -> int:
    """Print the table."""
    reports = [json.loads(Path(path).read_text("utf-8")) for path in (before, after)]
    for word, report in zip(("before", "after"), reports, strict=True):
        if "host" in report:
            where = report["host"]
            print(f"{word:<8}{host.line(where)}; {where['date']}, load {where['load']:g}")
    old, new = (dict(figures(report)) for report in reports)
    print(f"{'row':<56}{'before':>14}{'after':>14}{'ratio':>8}")
    for name in [name for name in old if name in new]:
        ratio = new[name] / old[name] if old[name] else nan
        mark = "  *" if abs(ratio - 1) > NOTABLE else ""
        print(f"{name:<56}{old[name]:>14,.4g}{new[name]:>14,.4g}{ratio:>8.3f}{mark}")
    for name in sorted(old.keys() ^ new.keys()):
        print(f"{name}: only {'before' if name in old else 'after'}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
