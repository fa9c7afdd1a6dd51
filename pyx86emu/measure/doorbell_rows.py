"""`bench doorbell`: measure the ways to ring, on this host's KVM too."""

from .doorbell import all_rows
from .doorbell_table import table
from .rows import TO_FLOOR, Row
from .verdicts import Verdict

__all__ = ["rows", "table", "verdicts"]


def rows(repeats: int, scale: float) -> list[Row]:
    """Measure every row; the first is `write-floor`."""
    measured = all_rows(scale, repeats)
    for row in measured:
        row.extra[TO_FLOOR] = round(row.iops / measured[0].iops, 3)
    return measured


def verdicts(rows: list[Row]) -> list[Verdict]:
    """No row has a limit here: `bench io` measures them in pairs with `write-floor`."""
    return []
