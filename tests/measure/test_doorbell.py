"""The doorbell measurement: every row is there and exact. How quick it is, the bench tells."""

from __future__ import annotations

from pyx86emu.measure import doorbell_rows
from pyx86emu.measure.doorbell import all_rows
from pyx86emu.measure.doorbell_table import table
from pyx86emu.measure.ring import PATHS
from pyx86emu.measure.rows import YEAR_2009, Row
from tests import on_kvm


def test_every_row_is_exact() -> None:
    rows = {row.name: row for row in all_rows(scale=0.001, repeats=1)}

    assert [name for name, row in rows.items() if not row.exact] == []
    assert {*PATHS, "write-floor", "empty-loop"} <= rows.keys()
    assert {"ioeventfd-mmio-each", "ioeventfd-pio-each"} <= rows.keys()
    assert {"ioeventfd-pio-consumer", "ioeventfd-pio-datamatch-256-last"} <= rows.keys()
    assert {f"ioeventfd-{bus}-1000000-entries" for bus in ("pio", "mmio")} <= rows.keys()
    assert {"eventfd-process", "forward-posted", "forward-waited"} <= rows.keys()


def test_the_paths_of_kvm_are_beside_ours() -> None:
    on_kvm.need("kvm")

    rows = doorbell_rows.rows(1, 0.001)

    kvm = {row.name for row in rows if row.name.startswith("kvm-")}
    ways = ("exit", "push", "ioeventfd")
    assert kvm == {f"kvm-{way}-{bus}" for way in ways for bus in ("mmio", "pio")}
    text = table(rows)
    assert "kvm-" not in text
    (line,) = (line for line in text.splitlines() if line.startswith("exit-pio "))
    there = next(row for row in rows if row.name == "kvm-exit-pio")
    assert f" {there.iops:,.0f} " in line
    assert line.split()[-2:-1] == ["6.53"]


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
