"""The table of the doorbell rows: show each next to KVM here and the figures of 2009."""

from collections.abc import Sequence

from .rows import ON_KVM, TO_FLOOR, TO_ONE, YEAR_2009, Row
from .verdicts import spread


def table(rows: list[Row]) -> str:
    """The rows as text. Each has its ratio to `write-floor`."""
    kvm = {row.name: row for row in rows if row.name.startswith(ON_KVM)}
    ours = [row for row in rows if row.name not in kvm]
    lines = [_line(row, kvm.pop(ON_KVM + row.name, None)) for row in ours]
    assert not kvm, f"no line shows {', '.join(kvm)}"
    return "\n".join([HEAD, *lines])


#: Extra values that a row shows elsewhere in its line, or not at all.
HIDDEN = ("entries", TO_FLOOR)

HEAD = (
    f"{'':69}KVM here         2009, KVM\n"
    f"{'row':<37}{'rings':>9}{'iops':>13}{'us':>9}  {'x floor':>7}  {'iops':>8}{'us':>7}"
    f"  {'iops':>8}{'us':>7}{'x 2009':>8}"
)


def _line(row: Row, kvm: Row | None) -> str:
    ratio = row.extra[TO_FLOOR]
    line = f"{row.name:<37}{row.rings:>9,}{row.iops:>13,.0f}{row.rtt_us:>9.4f}  {ratio:>7.2f}"
    line += " " * 17 if kvm is None else f"  {kvm.iops:>8,.0f}{kvm.rtt_us:>7.2f}"
    if row.name in YEAR_2009:
        _, iops, us = YEAR_2009[row.name]
        line += f"  {iops:>8,}{us:>7.2f}{row.iops / iops:>8.1f}"
    notes = [f"{key} {_plain(value)}" for key, value in row.extra.items() if key not in HIDDEN]
    if TO_ONE in row.repeated:
        low, high = spread(row.repeated[TO_ONE])
        notes.append(f"spread {low:.3f}-{high:.3f}")
    for each in (row, kvm):
        if each is not None and not each.exact:
            notes.append(f"NOT EXACT: {each.count:,} of {each.rings:,} arrived")
    return f"{line}  {', '.join(notes)}".rstrip()


def _plain(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, Sequence) else str(value)
