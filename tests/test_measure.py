"""The doorbell measurement: every row is there and exact, and the quick paths stay quick."""

from __future__ import annotations

import pytest

from pyx86emu.measure import PATHS, YEAR_2009, Row, all_rows

# How many times as fast as write(2) in a C loop a path must at least be.
FLOORS = {
    "ioeventfd-pio": 7,
    "ioeventfd-mmio": 7,
    "doorbell-pio": 14,
    "doorbell-mmio": 14,
    "push-pio": 1,
    "push-mmio": 1,
    "exit-pio": 0.35,
    "exit-mmio": 0.35,
}


def test_every_row_is_exact() -> None:
    rows = {row.name: row for row in all_rows(scale=0.001, repeats=1)}

    assert [name for name, row in rows.items() if not row.exact] == []
    assert {*PATHS, "write-floor", "empty-loop"} <= rows.keys()
    assert {"ioeventfd-mmio-each", "ioeventfd-pio-each"} <= rows.keys()
    assert {"ioeventfd-pio-consumer", "ioeventfd-pio-datamatch-256-last"} <= rows.keys()
    assert {f"ioeventfd-{bus}-1000000-entries" for bus in ("pio", "mmio")} <= rows.keys()


def test_a_row_that_lost_rings_is_not_exact() -> None:
    row = Row("exit-pio", rings=10, seconds=1e-5, count=9)

    assert not row.exact
    assert row.as_dict() == {
        "name": "exit-pio",
        "rings": 10,
        "iops": 1_000_000,
        "rtt_us": 1.0,
        "exact": False,
        "year_2009": {"name": "qemu-pio", "iops": 153_139, "rtt_us": 6.53},
        "ratio_2009": 6.53,
    }


def test_the_figures_of_2009_agree_with_themselves() -> None:
    assert all(abs(iops * us / 1e6 - 1) < 0.01 for _, iops, us in YEAR_2009.values())


def too_slow() -> list[str]:
    """Measure once; say which rows are under their floor."""
    rows = {row.name: row for row in all_rows()}
    floor = rows["write-floor"].iops
    slow = [
        f"{name}: {rows[name].iops / floor:.2f} x write-floor, wanted {least}"
        for name, least in FLOORS.items()
        if rows[name].iops < least * floor
    ]
    for name, row in rows.items():
        if row.extra.get("ratio_to_one_entry", 1) > 2 or row.extra.get("register_us", 0) > 5:
            slow.append(f"{name}: {row.extra}")
    return slow


@pytest.mark.slow
@pytest.mark.release
def test_paths_keep_their_distance_from_the_floor() -> None:
    for _ in range(3):  # a busy machine may spoil one
        slow = too_slow()
        if not slow:
            return

    pytest.fail("\n".join(slow))
