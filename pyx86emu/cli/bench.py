"""`bench doorbell`: print what each way of ringing costs, beside the figures of 2009."""

import json
import sys
from collections.abc import Sequence

from ..measure import YEAR_2009, Row, all_rows
from .status import BUG, OK, Parser, UsageError


def main(args: list[str]) -> int:
    """`pyx86emu bench doorbell`."""
    parser = Parser(
        "bench",
        "Measure every way of ringing the doorbell. A row counts only if its rings are exact.",
    )
    parser.add_argument("what", choices=["doorbell"], help="what to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--plot", metavar="FILE.png", help="draw a chart (needs matplotlib)")
    parser.add_argument("--repeats", type=int, default=5, help="runs a row, of which the median")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the rings of each row")
    options = parser.parse_args(args)
    if options.repeats < 1 or options.scale <= 0:
        raise UsageError("--repeats and --scale must be positive: leave them out for 5 and 1")
    if options.plot:
        _need_matplotlib(options.plot)
    rows = all_rows(options.scale, options.repeats)
    if options.json:
        floor = rows[0].iops
        dicts = [row.as_dict() | {"to_write_floor": round(row.iops / floor, 3)} for row in rows]
        print(json.dumps({"rows": dicts}, indent=1))
    else:
        print("\n".join([HEAD, *(_line(row, rows[0]) for row in rows)]))
    if options.plot:
        _plot(rows, options.plot)
    inexact = [row.name for row in rows if not row.exact]
    if inexact:
        print(f"pyx86emu: counts are not exact: {', '.join(inexact)}", file=sys.stderr)
    return BUG if inexact else OK


HEAD = (
    f"{'':66}2009, KVM\n"
    f"{'row':<34}{'rings':>9}{'iops':>13}{'us':>9}  {'x floor':>7}  {'iops':>8}{'us':>7}"
    f"{'x 2009':>8}"
)


def _line(row: Row, floor: Row) -> str:
    ratio = row.iops / floor.iops
    line = f"{row.name:<34}{row.rings:>9,}{row.iops:>13,.0f}{row.rtt_us:>9.4f}  {ratio:>7.2f}"
    if row.name in YEAR_2009:
        _, iops, us = YEAR_2009[row.name]
        line += f"  {iops:>8,}{us:>7.2f}{row.iops / iops:>8.1f}"
    notes = [f"{key} {_plain(value)}" for key, value in row.extra.items() if key != "entries"]
    if not row.exact:
        notes.append(f"NOT EXACT: {row.count:,} arrived")
    return f"{line}  {', '.join(notes)}".rstrip()


def _plain(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, Sequence) else str(value)


def _need_matplotlib(path: str) -> None:
    if not path.endswith(".png"):
        raise UsageError(f"--plot {path}: only PNG is written, name a file that ends in .png")
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib: pip install 'pyx86emu[plot]', or use --json"
        ) from error
    matplotlib.use("Agg")


def _plot(rows: list[Row], path: str) -> None:
    """Microseconds a ring, logarithmic, ours beside 2009's."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.28 * len(rows) + 1.2))
    names = [row.name for row in rows]
    axes.barh(names, [row.rtt_us for row in rows], color="#4477aa", label="pyx86emu")
    then = [(row.name, YEAR_2009[row.name][2]) for row in rows if row.name in YEAR_2009]
    axes.plot(
        [us for _, us in then], [name for name, _ in then], "D", color="#cc6677", label="2009, KVM"
    )
    axes.set_xscale("log")
    axes.set_xlabel("microseconds from one ring to the next")
    axes.invert_yaxis()
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
