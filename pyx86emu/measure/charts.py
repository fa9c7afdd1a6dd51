"""The charts of a report: draw the doorbell rows, MIPS of ours and the peers, cost by entries.

A report is what `bench --json` prints. Drawing needs matplotlib.
"""

import os
from typing import Any

from .rows import YEAR_2009

Report = dict[str, Any]

OURS = "#4477aa"
OTHERS = ("#cc6677", "#ddaa33", "#228833")
ENTRIES = (1, 1000, 1_000_000)


def draw(report: Report, directory: str) -> list[str]:
    """Draw the charts that the report has figures for; return the names of the files."""
    from matplotlib import pyplot

    os.makedirs(directory, exist_ok=True)
    wanted = {
        "io": {"doorbell": doorbell, "entries": entries},
        "cpu": {"mips": mips},
        "doorbell": {"doorbell": doorbell},
    }
    files = []
    for part, charts in wanted.items():
        for name, chart in charts.items() if part in report else ():
            figure, axes = pyplot.subplots(figsize=(9, 5.5))
            chart(report[part]["rows"], axes)
            axes.legend()
            figure.tight_layout()
            files.append(os.path.join(directory, f"{name}.png"))
            figure.savefig(files[-1], dpi=120)
            pyplot.close(figure)
    return files


def doorbell(rows: list[Report], axes: Any) -> None:
    """Draw the rings a second of the five rows of 2009, then and now."""
    now = {row["name"]: row["iops"] for row in rows}
    paths = list(YEAR_2009)
    bars(
        axes,
        paths,
        {
            "2009, KVM": [float(YEAR_2009[path][1]) for path in paths],
            "pyx86emu": [now[path] for path in paths],
        },
        (OTHERS[0], OURS),
    )
    axes.set_ylabel("rings a second")
    axes.set_title("doorbell; the exit-pio and hypercall figures of 2009 were extrapolated")


def mips(rows: list[Report], axes: Any) -> None:
    """Draw the million instructions a second of each kernel, ours and the peers'."""
    names = [row["name"] for row in rows]
    series = {"pyx86emu": [row["mips"] for row in rows]}
    for peer in rows[0]["peers"]:
        series[peer] = [row["peers"].get(peer, float("nan")) for row in rows]
    bars(axes, names, series, (OURS, *OTHERS))
    axes.set_ylabel("million guest instructions a second")
    axes.tick_params(axis="x", labelrotation=60)


def entries(rows: list[Report], axes: Any) -> None:
    """Draw the nanoseconds a ring by the number of registered entries."""
    us = {row["name"]: row["rtt_us"] for row in rows}
    for bus, colour in (("pio", OURS), ("mmio", OTHERS[0])):
        cost = [us[f"ioeventfd-{bus}-{count}-entries"] * 1000 for count in ENTRIES]
        axes.plot(ENTRIES, cost, "o-", color=colour, label=f"ioeventfd-{bus}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("entries registered")
    axes.set_ylabel("ns from one ring to the next")


def bars(
    axes: Any, names: list[str], series: dict[str, list[float]], colours: tuple[str, ...]
) -> None:
    """Draw groups of bars on a logarithmic scale, one colour a series."""
    width = 0.8 / len(series)
    for number, ((label, values), colour) in enumerate(zip(series.items(), colours, strict=False)):
        at = [place + number * width for place in range(len(names))]
        axes.bar(at, values, width, color=colour, label=label)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(names))], names)
    axes.set_yscale("log")
