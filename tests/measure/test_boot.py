"""Starting up: what is measured, and what has a limit."""

from __future__ import annotations

from pyx86emu.measure import boot

WITHOUT_LIMIT = {
    *("python", "memory-per-vm"),
    *("idle-made", "idle-memory", "idle-start", "idle-second"),
}


def test_every_row_is_measured_and_held() -> None:
    rows = list(boot.rows(1, 0.01))

    assert {row.name for row in rows} == {*boot.LIMITS, *WITHOUT_LIMIT}
    assert all(row.value > 0 for row in rows)
    assert [verdict.name for verdict in boot.verdicts(rows)] == list(boot.LIMITS)
