"""Verdicts, charts, and the comparison of two reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyx86emu.cli import bench
from pyx86emu.measure import cpu
from pyx86emu.measure.verdicts import Verdict, table

COMPARE = Path(__file__).resolve().parents[2] / "bench" / "compare.py"


def test_a_limit_is_a_least_or_a_most() -> None:
    assert Verdict("a", 2.0, 2.0).ok
    assert not Verdict("a", 1.9, 2.0).ok
    assert Verdict("a", 2.0, 2.0, most=True).ok
    assert not Verdict("a", 2.1, 2.0, most=True).ok


def test_the_table_says_what_was_missed() -> None:
    lines = table([Verdict("fib", 700.0, 520, "MIPS"), Verdict("smc", 0.5, 700, "x Unicorn")])

    fib, smc, total = lines.splitlines()[1:]
    assert fib.split() == ["fib", "(MIPS)", "700", ">=", "520", "ok"]
    assert smc.split()[-1] == "MISSED"
    assert total == "1 of 2 met"


def test_compute_is_held_to_ratios_of_the_same_round() -> None:
    row = cpu.Row("fib", 10, [600.0, 300.0, 1200.0], [3.0, 1.5, 6.0], {"unicorn": [100, 50, 200]})

    absolute, ratio = cpu.verdicts([row])

    assert (absolute.value, absolute.limit) == (600, cpu.MIPS_AT_3GHZ["fib"])
    assert (ratio.value, ratio.limit) == (6, cpu.TO_UNICORN["fib"])


def test_every_limit_is_of_a_kernel() -> None:
    assert {*cpu.TO_UNICORN, *cpu.MIPS_AT_3GHZ} <= {kernel.name for kernel in cpu.KERNELS}


def test_the_whole_bench_speaks_json_and_draws(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")

    status = bench.main(
        ["--json", "--repeats", "1", "--scale", "0.001", "--plot", str(tmp_path / "charts")]
    )

    report = json.loads(capsys.readouterr().out)
    assert status == (0 if all(verdict["ok"] for verdict in report["verdicts"]) else 8)
    assert {"cpu", "io", "boot", "verdicts"} <= report.keys()
    assert [row["name"] for row in report["cpu"]["rows"]] == [k.name for k in cpu.KERNELS]
    charts = {path.name: path.read_bytes()[1:4] for path in (tmp_path / "charts").iterdir()}
    assert charts == dict.fromkeys(["doorbell.png", "entries.png", "mips.png"], b"PNG")


def test_two_reports_are_compared_row_by_row(tmp_path: Path) -> None:
    def report(name: str, mips: float) -> Path:
        path = tmp_path / name
        rows = [{"name": "alu", "mips_at_3ghz": mips}, {"name": name, "mips_at_3ghz": 1}]
        path.write_text(json.dumps({"cpu": {"rows": rows}, "verdicts": [{"name": "x"}]}))
        return path

    done = subprocess.run(
        [sys.executable, str(COMPARE), str(report("a", 500)), str(report("b", 600))],
        capture_output=True,
        text=True,
        check=True,
    )

    alu, *others = done.stdout.splitlines()[1:]
    assert alu.split() == ["cpu", "rows", "alu", "mips_at_3ghz", "500", "600", "1.200", "*"]
    assert others == [
        "cpu rows a mips_at_3ghz: only before",
        "cpu rows b mips_at_3ghz: only after",
    ]
