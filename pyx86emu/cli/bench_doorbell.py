"""`bench doorbell`: print the cost of each way to ring, next to the figures of 2009."""

import json
from collections.abc import Sequence

from ..measure.doorbell import all_rows
from ..measure.rows import ON_KVM, TO_FLOOR, YEAR_2009, Row
from . import output
from .status import BUG, OK, HostError, reason


def doorbell(repeats: int, scale: float, *, json_wanted: bool, plot: str | None) -> int:
    """Measure and print; the result is the exit status."""
    rows = all_rows(scale, repeats)
    if json_wanted:
        output.say(json.dumps({"rows": dicts(rows)}, indent=1))
    else:
        output.say(table(rows))
    if plot is not None:
        try:
            draw(rows, plot)
        except OSError as error:
            raise HostError(f"cannot write --plot {plot}: {reason(error)}") from error
    inexact = [row.name for row in rows if not row.exact]
    if inexact:
        output.complain(f"pyx86emu: counts are not exact: {', '.join(inexact)}")
    return BUG if inexact else OK


def dicts(rows: list[Row]) -> list[dict[str, object]]:
    """The rows as `--json` prints them; the first one is `write-floor`."""
    return [row.as_dict() | {TO_FLOOR: round(_ratio(row, rows[0]), 3)} for row in rows]


def _ratio(row: Row, floor: Row) -> float:
    """The rate relative to `write-floor`: as measured in pairs, else from the two medians."""
    measured: float | None = row.extra.get(TO_FLOOR)
    return row.iops / floor.iops if measured is None else measured


def table(rows: list[Row]) -> str:
    """The rows as text."""
    kvm = {row.name: row for row in rows if row.name.startswith(ON_KVM)}
    ours = [row for row in rows if row.name not in kvm]
    lines = [_line(row, rows[0], kvm.pop(ON_KVM + row.name, None)) for row in ours]
    assert not kvm, f"no line shows {', '.join(kvm)}"
    return "\n".join([HEAD, *lines])


#: Extra values that a row shows elsewhere in its line, or not at all.
HIDDEN = ("entries", TO_FLOOR)

HEAD = (
    f"{'':69}KVM here         2009, KVM\n"
    f"{'row':<37}{'rings':>9}{'iops':>13}{'us':>9}  {'x floor':>7}  {'iops':>8}{'us':>7}"
    f"  {'iops':>8}{'us':>7}{'x 2009':>8}"
)


def _line(row: Row, floor: Row, kvm: Row | None) -> str:
    ratio = _ratio(row, floor)
    line = f"{row.name:<37}{row.rings:>9,}{row.iops:>13,.0f}{row.rtt_us:>9.4f}  {ratio:>7.2f}"
    line += " " * 17 if kvm is None else f"  {kvm.iops:>8,.0f}{kvm.rtt_us:>7.2f}"
    if row.name in YEAR_2009:
        _, iops, us = YEAR_2009[row.name]
        line += f"  {iops:>8,}{us:>7.2f}{row.iops / iops:>8.1f}"
    notes = [f"{key} {_plain(value)}" for key, value in row.extra.items() if key not in HIDDEN]
    for each in (row, kvm):
        if each is not None and not each.exact:
            notes.append(f"NOT EXACT: {each.count:,} of {each.rings:,} arrived")
    return f"{line}  {', '.join(notes)}".rstrip()


def _plain(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, Sequence) else str(value)


def draw(rows: list[Row], path: str) -> None:
    """Draw microseconds per ring, logarithmic, with the figures of 2009."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 0.28 * len(rows) + 1.2))
    ours = [row for row in rows if not row.name.startswith(ON_KVM)]
    names = [row.name for row in ours]
    axes.barh(names, [row.rtt_us for row in ours], color="#4477aa", label="pyx86emu")
    kvm = [(row.name.removeprefix(ON_KVM), row.rtt_us) for row in rows if row not in ours]
    if kvm:
        axes.plot(
            [us for _, us in kvm], [name for name, _ in kvm], "s", color="#228833", label="KVM here"
        )
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
