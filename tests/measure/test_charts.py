"""The charts: each group has one, it says what was measured where, and no bar has a log axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyx86emu.measure import charts
from pyx86emu.measure.cpu import TO_UNICORN
from tests import on_matplotlib

HOST = {
    "processor": "A Chip",
    "cpus": 2,
    "system": "Linux 1.2",
    "python": "3.11.7",
    "pyx86emu": "0.1.0",
    "peers": {"unicorn": "2.1.4"},
    "date": "2026-01-02 03:04+00:00",
    "load": 0.5,
    "repeats": 5,
    "what": "all",
}


def kernel(name: str, mips: float, **peers: float) -> dict[str, Any]:
    ratios = {peer: mips / rate for peer, rate in peers.items()}
    return {
        "name": name,
        "mips": mips,
        "peers": peers,
        "ratios": ratios,
        "spreads": {peer: [ratio * 0.9, ratio * 1.1] for peer, ratio in ratios.items()},
    }


def ring(name: str, us: float, **more: Any) -> dict[str, Any]:
    return {"name": name, "rtt_us": us, "to_write_floor": 0.16 / us} | more


def crowd(name: str, ratio: float) -> dict[str, Any]:
    spread = [ratio - 0.1, ratio + 0.1]
    return ring(name, 99.0, ratio_to_one_entry=ratio, ratio_to_one_entry_spread=spread)


def verdict(
    group: str, name: str, value: float, word: str, *, most: bool = False
) -> dict[str, Any]:
    return {
        "group": group,
        "name": name,
        "value": value,
        "limit": 2.0,
        "unit": "x",
        "most": most,
        "spread": [value * 0.9, value * 1.1],
        "ok": word == "ok",
        "verdict": word,
    }


REPORT: dict[str, Any] = {
    "cpu": {
        "rows": [
            kernel("alu", 1200, unicorn=2000, kvm=2.0),
            kernel("sieve", 1300, unicorn=100, kvm=2.0),
            kernel("poll", 600),
        ]
    },
    "io": {
        "rows": [
            ring("write-floor", 0.16),
            ring("exit-pio", 0.2),
            ring("kvm-exit-pio", 3.0),
            ring("ioeventfd-pio", 0.0025),
            ring("unicorn-c-hook", 0.2),
            crowd("ioeventfd-pio-1-entries", 1.0),
            crowd("ioeventfd-pio-1000000-entries", 1.02),
        ]
    },
    "boot": {"rows": [{"name": "machine", "value": 0.4, "unit": "ms"}]},
    "latency": {
        "rows": [
            {"name": "bare-thread", "us": 4.3, "p99_us": 5.0},
            {"name": "out-thread", "us": 4.9, "p99_us": 6.0, "ratio": 1.14},
            {"name": "wait-jumps", "us": 6.4, "p99_us": 0.0},
        ]
    },
    "tools": {"rows": [{"name": "fork", "value": 100.0, "unit": "us"}]},
    "guests": {"rows": []},
    "verdicts": [
        verdict("cpu", "sieve", 3.0, "ok"),
        verdict("io", "exit-pio", 1.9, "noise"),
        verdict("boot", "machine", 0.4, "ok", most=True),
        verdict("latency", "out-thread", 3.0, "missed", most=True),
        verdict("tools", "fork", -1.0, "ok", most=True),
    ],
    "host": HOST,
    "summary": {},
}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """All charts of the report, by the names of their files."""
    figures = on_matplotlib.kept(monkeypatch)
    files = charts.draw(REPORT, str(tmp_path / "charts"))
    assert [Path(file).name for file in files] == list(figures)
    assert all(Path(file).read_bytes()[1:4] == b"PNG" for file in files)
    return figures


def values(figure: Any, label: str) -> list[float]:
    (line,) = (
        line for axes in figure.axes for line in axes.get_lines() if line.get_label() == label
    )
    return [float(value) for value in line.get_xdata()]


def test_every_group_that_has_rows_has_a_chart(drawn: dict[str, Any]) -> None:
    own = {"mips.png", "doorbell.png", "entries.png", "latency.png"}
    groups = ("cpu", "io", "boot", "latency", "tools")

    assert {*drawn} == own | {f"limits-{group}.png" for group in groups}


def test_every_chart_names_the_machine_the_date_and_the_versions(drawn: dict[str, Any]) -> None:
    for name, figure in drawn.items():
        words = "\n".join(on_matplotlib.texts(figure))
        for word in ("A Chip, 2 CPUs", "Linux 1.2", "Python 3.11.7", "pyx86emu 0.1.0"):
            assert word in words, name
        assert "2026-01-02 03:04+00:00" in words and "medians of" in words, name
        assert all(axes.get_xlabel() for axes in figure.axes), name


def test_every_word_fits_into_its_picture(drawn: dict[str, Any]) -> None:
    cut = {name: on_matplotlib.outside(figure) for name, figure in drawn.items()}

    assert {name: words for name, words in cut.items() if words} == {}


def test_there_is_no_bar_on_a_logarithmic_axis(drawn: dict[str, Any]) -> None:
    scales = {axes.get_xscale() for figure in drawn.values() for axes in figure.axes}
    bars = [axes for figure in drawn.values() for axes in figure.axes if axes.patches]

    assert "log" in scales
    assert all(axes.get_xscale() == "linear" for axes in bars)


def test_the_chart_of_entries_has_the_ratios_of_pairs(drawn: dict[str, Any]) -> None:
    assert values(drawn["entries.png"], "median of pairs") == [1.0, 1.02]
    assert values(drawn["entries.png"], "limit: at most") == [2.0]
    assert drawn["entries.png"].axes[0].get_xscale() == "linear"
    assert "ioeventfd-pio, 1,000,000 entries" in on_matplotlib.texts(drawn["entries.png"])


def test_the_chart_of_kernels_has_the_ratios_and_their_limits(drawn: dict[str, Any]) -> None:
    assert values(drawn["mips.png"], "pyx86emu / Unicorn") == [0.6, 13.0]
    assert values(drawn["mips.png"], "limit: at least") == [TO_UNICORN["alu"], TO_UNICORN["sieve"]]
    assert values(drawn["mips.png"], "/dev/kvm of this host") == [2.0, 2.0]


def test_the_chart_of_rings_compares_with_2009_and_with_kvm(drawn: dict[str, Any]) -> None:
    figure = drawn["doorbell.png"]

    assert values(figure, "pyx86emu") == pytest.approx([2e-7, 1.6e-7, 2.5e-9])
    assert values(figure, "KVM on hardware, 2009") == pytest.approx([6.53e-6, 2.72e-6])
    assert values(figure, "KVM of this host") == pytest.approx([3e-6])


def test_a_chart_without_peers_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = on_matplotlib.kept(monkeypatch)
    report = {"cpu": {"rows": [kernel("poll", 600)]}, "verdicts": [], "host": HOST}

    charts.draw(report, str(tmp_path))

    assert [len(figure.axes) for figure in figures.values()] == [1]
