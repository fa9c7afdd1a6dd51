"""Verdicts, charts, and the comparison of two reports."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from math import comb
from pathlib import Path
from types import ModuleType

import pytest

import pyx86emu
from pyx86emu.cli import bench
from pyx86emu.measure import cpu, host
from pyx86emu.measure.figures import Row
from pyx86emu.measure.groups import GROUPS, Group
from pyx86emu.measure.verdicts import Verdict, misses, spread, table
from tests import on_matplotlib

COMPARE = Path(__file__).resolve().parents[2] / "bench" / "compare.py"


def test_a_limit_is_a_least_or_a_most() -> None:
    assert Verdict("a", 2.0, 2.0).ok
    assert not Verdict("a", 1.9, 2.0).ok
    assert Verdict("a", 2.0, 2.0, most=True).ok
    assert not Verdict("a", 2.1, 2.0, most=True).ok


def test_the_table_says_what_was_missed() -> None:
    lines = table([Verdict("fib", 700.0, 520, "MIPS"), Verdict("smc", 0.5, 700, "x Unicorn")])

    fib, smc = lines.splitlines()[1:]
    assert fib.split() == ["fib", "(MIPS)", "700", ">=", "520", "ok"]
    assert smc.split()[-1] == "MISSED"


@pytest.mark.parametrize(
    ("values", "held"),
    [
        ([7], (7, 7)),
        ([3, 1, 2], (1, 3)),
        ([5, 3, 1, 2, 4], (1, 5)),
        (range(1, 12), (3, 9)),
        (range(1, 22), (7, 15)),
    ],
)
def test_the_spread_holds_the_median_with_90_percent(
    values: Sequence[float], held: tuple[float, float]
) -> None:
    low, high = spread(values)

    assert (low, high) == held
    if len(values) >= 5:
        # That k or fewer of n values are below the median has the probability of k heads in n.
        n, below = len(values), sorted(values).index(low)
        assert 2 * sum(comb(n, k) for k in range(below + 1)) / 2**n <= 0.1


@pytest.mark.parametrize(
    ("values", "most", "word"),
    [
        ([90, 91, 92, 93, 94], False, "missed"),
        ([90, 91, 92, 93, 101], False, "noise"),
        ([90, 91, 101, 102, 103], False, "ok"),
        ([110, 111, 112, 113, 114], True, "missed"),
        ([99, 111, 112, 113, 114], True, "noise"),
        ([95], False, "missed"),
        ([], False, "missed"),
    ],
)
def test_a_miss_by_noise_is_told_from_a_miss(values: list[float], most: bool, word: str) -> None:
    value = sorted(values)[len(values) // 2] if values else 95

    verdict = Verdict("row", value, 100, most=most, values=values)

    assert verdict.word == verdict.as_dict()["verdict"] == word
    assert (verdict.ok, verdict.noise, verdict.missed) == (
        word == "ok",
        word == "noise",
        word == "missed",
    )


def test_one_lucky_run_of_eleven_is_no_noise() -> None:
    values = [*range(80, 90), 120]

    assert Verdict("row", 85, 100, values=values).missed


def test_the_worst_miss_comes_first_with_how_much_it_misses() -> None:
    lines = misses(
        [
            Verdict("least", 90, 100, "MIPS", values=[89, 90, 91]),
            Verdict("most", 3.0, 2.0, "ms", most=True),
            Verdict("none", 0.0, 5.0),
        ]
    )

    none, most, least = (line.split() for line in lines.splitlines())
    assert none[0] == "none" and none[-3:] == ["by", "100", "%"]
    assert most[-3:] == ["by", "50", "%"]
    assert least == ["least", "(MIPS)", "90", ">=", "100", "by", "10", "%", "89", "to", "91"]


# -- how the command ends --------------------------------------------------------------------------

GOOD = Row.of("good", [1.0, 1.1, 1.2, 1.3, 1.4], "us", "", limit=2.0)
NOISY = Row.of("noisy", [1.9, 2.1, 2.2, 2.3, 2.4], "us", "", limit=2.0)
BAD = Row.of("bad", [3.0, 3.1, 3.2, 3.3, 3.4], "us", "", limit=2.0)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[Row]], None]:
    """What makes `rows` the only rows of `bench tools`."""

    def make(rows: list[Row]) -> None:
        source = ModuleType("pyx86emu.measure.made_up")
        source.rows = lambda repeats, scale: rows  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, source.__name__, source)
        monkeypatch.setitem(GROUPS, "tools", Group("", ("made_up",)))

    return make


@pytest.mark.parametrize(
    ("rows", "status", "line", "complaint"),
    [
        ([GOOD], 0, "limits    all 1 held", ""),
        ([GOOD, NOISY], 0, "limits    1 of 2 held, 1 missed by noise", ""),
        (
            [GOOD, NOISY, BAD],
            8,
            "limits    1 of 3 held, 1 missed, 1 missed by noise",
            "pyx86emu: limits not met: bad\n",
        ),
        ([Row("free", 1.0, "us", "")], 0, "limits    none of these rows has one", ""),
    ],
)
def test_the_summary_counts_and_the_status_is_of_real_misses(
    rows: list[Row],
    status: int,
    line: str,
    complaint: str,
    made_up: Callable[[list[Row]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    made_up(rows)

    assert bench.main(["tools"]) == status

    out, err = capsys.readouterr()
    assert line in out.splitlines()
    assert err == complaint
    _, _, summary = out.partition("measured  rows: tools")
    assert ("\n  bad (us) " in summary) == (BAD in rows)
    assert ("\n  noisy (us) " in summary) == (NOISY in rows)


def test_json_has_the_verdicts_the_counts_and_the_host(
    made_up: Callable[[list[Row]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    made_up([GOOD, NOISY, BAD])

    assert bench.main(["tools", "--json", "--repeats", "3"]) == 8

    report = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["verdict"]) for each in report["verdicts"]] == [
        ("good", "ok"),
        ("noisy", "noise"),
        ("bad", "missed"),
    ]
    assert report["verdicts"][1]["spread"] == [1.9, 2.4]
    assert report["summary"] == {"limits": 3, "ok": 1, "noise": 1, "missed": 1}
    assert report["host"]["repeats"] == 3
    assert report["host"]["pyx86emu"] == pyx86emu.__version__


def test_the_processor_has_a_name_where_the_kernel_gives_none(tmp_path: Path) -> None:
    named, nameless = tmp_path / "named", tmp_path / "nameless"
    named.write_text("processor\t: 0\nmodel name\t: A  Chip @ 3 GHz\n")
    nameless.write_text("processor\t: 0\n")

    assert host.processor(str(named)) == "A Chip @ 3 GHz"
    assert host.processor(str(nameless)) == platform.machine()
    assert host.processor(str(tmp_path / "missing")) == platform.machine()


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
    on_matplotlib.need()

    status = bench.main(
        ["--json", "--repeats", "1", "--scale", "0.001", "--plot", str(tmp_path / "charts")]
    )

    report = json.loads(capsys.readouterr().out)
    words = [verdict["verdict"] for verdict in report["verdicts"]]
    assert status == (8 if "missed" in words else 0)
    assert {"cpu", "io", "boot", "verdicts"} <= report.keys()
    assert [row["name"] for row in report["cpu"]["rows"]] == [k.name for k in cpu.KERNELS]
    charts = {path.name: path.read_bytes()[1:4] for path in (tmp_path / "charts").iterdir()}
    own = {"doorbell.png", "entries.png", "latency.png", "mips.png"}
    limited = {f"limits-{verdict['group']}.png" for verdict in report["verdicts"]}
    assert charts == dict.fromkeys(own | limited, b"PNG")


def test_two_reports_are_compared_row_by_row(tmp_path: Path) -> None:
    def report(name: str, mips: float) -> Path:
        path = tmp_path / name
        rows = [{"name": "alu", "mips_at_3ghz": mips}, {"name": name, "mips_at_3ghz": 1}]
        rows.append({"name": "free", "value": 0.0})
        where = host.here("0.1.0").as_dict() | {"processor": f"Chip {name}"}
        report = {"cpu": {"rows": rows}, "verdicts": [{"name": "x"}], "host": where}
        path.write_text(json.dumps(report))
        return path

    done = subprocess.run(
        [sys.executable, str(COMPARE), str(report("a", 500)), str(report("b", 600))],
        capture_output=True,
        text=True,
        check=True,
    )

    before, after, _, alu, free, *others = done.stdout.splitlines()
    assert before.startswith("before  Chip a,") and after.startswith("after   Chip b,")
    assert free.split() == ["cpu", "rows", "free", "value", "0", "0", "nan"]
    assert alu.split() == ["cpu", "rows", "alu", "mips_at_3ghz", "500", "600", "1.200", "*"]
    assert others == [
        "cpu rows a mips_at_3ghz: only before",
        "cpu rows b mips_at_3ghz: only after",
    ]
