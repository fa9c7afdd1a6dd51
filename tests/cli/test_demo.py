"""The demo: the embedded guest rings along each path, and the counts are exact."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pyx86emu.cli import bench, demo
from pyx86emu.measure.ring import PATHS
from pyx86emu.measure.rows import YEAR_2009
from tests import on_matplotlib

ROOT = Path(__file__).resolve().parents[2]


def test_every_signal_of_the_demo_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main([]) == 0

    out = capsys.readouterr().out
    assert out.count("Hello from real mode!") == 1  # screen and serial port say the same
    lines = {line.split()[0]: line for line in out.splitlines() if line[:1].isalpha()}
    for path in PATHS:
        assert "WRONG" not in lines[path]
        if path in YEAR_2009:
            assert lines[path].endswith(f"{YEAR_2009[path][2] * 1000:,.0f}")


def test_the_demo_explains_every_column_and_every_row(capsys: pytest.CaptureFixture[str]) -> None:
    demo.main([])

    _, head, explanation = capsys.readouterr().out.partition(demo.HEAD)
    columns = {"way", "signals", "exits", "ns each", "2009"}
    ways = {path.partition("-")[0] for path in PATHS}
    assert all(name in head for name in columns)
    assert all(f"\n  {name} " in explanation for name in columns | ways)
    assert all(len(line) <= 80 for line in explanation.splitlines())


def test_the_demo_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--json"]) == 0

    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["name"] for row in rows] == list(PATHS)
    assert all(row["exact"] and row["iops"] > 0 for row in rows)
    assert [row["exits"] for row in rows] == [
        row["rings"] if row["name"].startswith("exit") else 0 for row in rows
    ]


def test_python_m_pyx86emu_alone_is_the_demo() -> None:
    result = subprocess.run([sys.executable, "-m", "pyx86emu"], capture_output=True, text=True)

    assert (result.returncode, result.stderr) == (0, "")
    assert "ioeventfd-hc" in result.stdout


def test_the_demo_guest_is_built_from_its_source(nasm: str, tmp_path: Path) -> None:
    built = tmp_path / "demo.bin"

    source = ROOT / "firmware" / "demo.asm"
    subprocess.run([nasm, "-w+error", "-f", "bin", str(source), "-o", str(built)], check=True)

    assert built.read_bytes() == (ROOT / "pyx86emu/pc/roms/demo.bin").read_bytes(), "build it again"


def test_the_bench_prints_json_and_a_chart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    on_matplotlib.need()
    status = bench.main(
        ["doorbell", "--json", "--repeats", "1", "--scale", "0.001", "--plot", str(tmp_path)]
    )

    rows = json.loads(capsys.readouterr().out)["doorbell"]["rows"]
    assert status == 0
    assert all({"name", "rings", "iops", "rtt_us", "exact"} <= row.keys() for row in rows)
    assert (tmp_path / "doorbell.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_the_bench_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["doorbell", "--repeats", "1", "--scale", "0.001"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ioeventfd-pio ") and "367,300" in line for line in lines)
