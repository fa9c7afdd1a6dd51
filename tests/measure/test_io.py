"""The I/O measurement: its rows are exact, and its verdicts say what they are about."""

from __future__ import annotations

from importlib.util import find_spec

from pyx86emu.measure import io
from pyx86emu.measure.doorbell import all_rows
from pyx86emu.measure.ring import PATHS
from pyx86emu.measure.rows import Row


def test_every_row_is_exact() -> None:
    rows = {row.name: row for row in all_rows(0.001, 1, io.IoCases)}

    assert [name for name, row in rows.items() if not row.exact] == []
    zones = {f"coalesced-{bus}{how}" for bus in io.ZONES for how in ("", "-169", "-tuples")}
    assert zones <= rows.keys()
    assert {*io.IN_CORE, "push-pio-busy-thread", "exit-pio-busy-thread"} <= rows.keys()
    if find_spec("unicorn"):
        assert {"unicorn-python-hook", "unicorn-c-hook"} <= rows.keys()
    held = [v.name for v in io.verdicts(list(rows.values())) if v.unit == "x one entry"]
    paths = [*PATHS, "ioeventfd-mmio-each", "ioeventfd-pio-each"]
    assert sorted(held) == sorted(f"{path}-1000000-entries" for path in paths)


def test_each_row_is_measured_in_a_pair_with_the_floor() -> None:
    cases = io.IoCases(0.001)
    try:
        cases.round()
        cases.round()
        floor, *others = cases.rows()

        assert len(cases.cases[0].times) == 2 * len(others)
        for case, row in zip(cases.cases[1:], others, strict=True):
            assert len(cases.ratios[case.name]) == 2
            assert "to_write_floor" in row.extra
        assert floor.extra["to_write_floor"] == 1
    finally:
        cases.close()


def test_a_verdict_is_a_ratio_to_the_floor_of_the_same_run() -> None:
    names = [*io.TO_WRITE_FLOOR]
    names += [f"ioeventfd-{bus}-1000000-entries" for bus in ("mmio", "pio")]
    extra = {"ratio_to_one_entry": 2.5, "to_write_floor": 10.0}
    rows = [Row("write-floor", 100, 1.0, 100)]
    rows += [Row(name, 100, 0.1, 99 if name == "exit-pio" else 100, extra) for name in names]

    found = {(v.name, v.unit): v for v in io.verdicts(rows)}

    assert found["exit-pio", "x write-floor"].value == 10
    assert found["exit-pio", "x write-floor"].ok
    assert not found["doorbell-pio", "x write-floor"].ok
    assert not found["ioeventfd-pio-1000000-entries", "x one entry"].ok
    assert not found["rows that are exact", ""].ok
