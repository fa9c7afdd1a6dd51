"""The charts of a report: choose what is drawn of which rows. Drawing needs matplotlib.

A report is what `bench --json` prints. Figures that are compared in a picture were measured in
turns; where moments differ, as with many entries and one, the ratio of each pair is drawn.
"""

import os
from collections.abc import Callable
from typing import Any

from . import drawing, host
from .cpu import TO_UNICORN
from .drawing import Dots, time, times
from .io import MILLION_MAY_COST
from .latency import LONGEST_WAIT
from .rows import ON_KVM, TO_FLOOR, TO_ONE, YEAR_2009
from .verdicts import figure

Report = dict[str, Any]
SPREAD = "A wide line is the spread of the repetitions: it holds the true median with 90 %."
ON_A_GUEST = "/dev/kvm inside a virtual machine is KVM's own emulator, not the processor."
#: Beginnings and ends of rows that the picture of the ways to ring leaves out.
LEFT_OUT = (
    ("unicorn-", "vga-"),
    ("-entries", "-len0", "-datamatch", "-last", "-ports", "-169", "-tuples", "-busy-thread"),
)


def draw(report: Report, directory: str) -> list[str]:
    """Draw the charts that the report has figures for; return the names of the files.
    OSError: one cannot be written."""
    os.makedirs(directory, exist_ok=True)
    files = []
    for group, part in report.items():
        if not isinstance(part, dict) or not part.get("rows"):
            continue
        notes = sources(report, group)
        for name, chart in CHARTS.get(group, {}).items():
            files.append(os.path.join(directory, f"{name}.png"))
            chart(part["rows"], files[-1], notes)
        held = [each for each in report["verdicts"] if each["group"] == group]
        if held:
            files.append(os.path.join(directory, f"limits-{group}.png"))
            limits(group, held, files[-1], notes)
    return files


def sources(report: Report, group: str) -> list[str]:
    """Return the lines below a chart: the command, the machine, its software and the date."""
    where = report["host"]
    return [
        f"python -m pyx86emu bench {group}: medians of {where['repeats']} runs or more, in turns.",
        f"{host.line(where)}; {where['date']}, load {where['load']:g}",
    ]


def mips(rows: list[Report], path: str, notes: list[str]) -> None:
    """Draw the rate of each kernel, ours and the peers', and ours divided by Unicorn's."""
    peers = list(dict.fromkeys(peer for row in rows for peer in row["peers"]))
    drawn, panels = drawing.figure(len(rows), 2 if "unicorn" in peers else 1, 11)
    names = [row["name"] for row in rows]
    drawing.rows(panels[0], names)
    series = [Dots("pyx86emu", [row["mips"] for row in rows])]
    series += [Dots(TITLES[peer], [row["peers"].get(peer) for row in rows]) for peer in peers]
    drawing.dots(panels[0], series)
    drawing.logarithmic(panels[0])
    panels[0].set_xlabel("million guest instructions a second (log scale)")
    if "unicorn" in peers:
        right = panels[1]
        ratios = [row["ratios"].get("unicorn") for row in rows]
        drawing.rows(right, names)
        drawing.upright(right, 1)
        spreads = [row["spreads"].get("unicorn") for row in rows]
        drawing.dots(right, [Dots("pyx86emu / Unicorn", ratios, spreads)])
        held = [TO_UNICORN.get(row["name"]) if row["ratios"] else None for row in rows]
        drawing.limits(right, held, "limit: at least")
        drawing.beside(right, ["" if ratio is None else times(ratio) for ratio in ratios])
        drawing.logarithmic(right)
        right.set_xlabel("times as fast as Unicorn (log scale)")
    what = "An iteration of a REP counts as an instruction. docs/PERFORMANCE.md has the kernels."
    more = [ON_A_GUEST] if "kvm" in peers else []
    notes = [f"{what} {SPREAD}", *more, *notes]
    drawing.finish(drawn, path, "Kernels: instructions a second", notes)


#: The names of the peers.
TITLES = {"unicorn": "Unicorn", "kvm": "/dev/kvm of this host"}


def doorbell(rows: list[Report], path: str, notes: list[str]) -> None:
    """Draw the time from one ring to the next on each path: here, on KVM here, and in 2009."""
    begins, ends = LEFT_OUT
    kvm = {row["name"].removeprefix(ON_KVM): row["rtt_us"] / 1e6 for row in rows if _on_kvm(row)}
    ours = [
        row
        for row in rows
        if not (_on_kvm(row) or row["name"].startswith(begins) or row["name"].endswith(ends))
    ]
    ours.sort(key=lambda row: -row["rtt_us"])
    names = [row["name"] for row in ours]
    then = [YEAR_2009[name][2] / 1e6 if name in YEAR_2009 else None for name in names]
    drawn, (axes,) = drawing.figure(len(ours), width=10)
    drawing.rows(axes, names)
    series = [Dots("pyx86emu", [row["rtt_us"] / 1e6 for row in ours])]
    series.append(Dots("KVM on hardware, 2009", then))
    if kvm:
        series.append(Dots("KVM of this host", [kvm.get(name) for name in names]))
    drawing.dots(axes, series)
    drawing.logarithmic(axes, time)
    texts = [f"{time(row['rtt_us'] / 1e6)}, {times(row[TO_FLOOR])}" for row in ours]
    drawing.beside(axes, texts)
    axes.set_xlabel("time from one ring of the guest to the next (log scale)")
    what = (
        "At the right: the time, and how many times as fast as write-floor, which is write(2) in C."
    )
    year = "bench/README.md explains each row, and the figures of 2009 (two were extrapolated)."
    drawing.finish(drawn, path, "Ways to signal the host", [what, year, *notes])


def _on_kvm(row: Report) -> bool:
    name: str = row["name"]
    return name.startswith(ON_KVM)


def entries(rows: list[Report], path: str, notes: list[str]) -> None:
    """Draw what a ring costs in a Vm with many entries, divided by its cost in one with one."""
    crowded = [row for row in rows if TO_ONE in row]
    names = []
    for row in crowded:
        way, count = row["name"].removesuffix("-entries").rsplit("-", 1)
        names.append(f"{way}, {int(count):,} entries" if count != "1" else f"{way}, 1 entry")
    drawn, (axes,) = drawing.figure(len(crowded), width=10)
    drawing.rows(axes, names)
    ratios = [row[TO_ONE] for row in crowded]
    drawing.upright(axes, 1)
    drawing.dots(
        axes, [Dots("median of pairs", ratios, [row[f"{TO_ONE}_spread"] for row in crowded])]
    )
    held = [MILLION_MAY_COST if "-1000000-" in row["name"] else None for row in crowded]
    drawing.limits(axes, held, "limit: at most")
    drawing.beside(axes, [times(ratio) for ratio in ratios])
    axes.set_xlim(0, max(2.2, *(high for row in crowded for high in row[f"{TO_ONE}_spread"])))
    axes.set_xlabel("time of a ring, divided by its time in a Vm with one entry (run in turns)")
    drawing.finish(drawn, path, "What registered entries cost a ring", [SPREAD, *notes])


def latency(rows: list[Report], path: str, notes: list[str]) -> None:
    """Draw how long a ring takes to wake the other side, and how long an added-up ring waits."""
    drawn, (axes,) = drawing.figure(len(rows), width=10)
    drawing.rows(axes, [row["name"] for row in rows])
    drawing.dots(
        axes,
        [
            Dots("median", [row["us"] / 1e6 for row in rows]),
            Dots("99 of 100 are shorter", [max(row["p99_us"], 0.001) / 1e6 for row in rows]),
        ],
        (drawing.BLUE, drawing.YELLOW),
    )
    held = [LONGEST_WAIT / 1e6 if row["name"].startswith("wait-") else None for row in rows]
    drawing.limits(axes, held, "limit of the median")
    texts = [
        time(row["us"] / 1e6) + (f", {times(row['ratio'])} bare" if "ratio" in row else "")
        for row in rows
    ]
    drawing.beside(axes, texts)
    drawing.logarithmic(axes, time)
    axes.set_xlabel("time (log scale)")
    what = (
        "bare, out, out-each: from a store of the side that wakes up to its next wake-up. "
        "wait: processor time until an added-up ring is signalled."
    )
    drawing.finish(drawn, path, "Latency of a ring", [what, *notes])


def limits(group: str, held: list[Report], path: str, notes: list[str]) -> None:
    """Draw each value as a part of its limit: 1 just meets it, and more is better."""
    drawn, (axes,) = drawing.figure(len(held), width=10)
    drawing.rows(axes, [f"{each['name']} ({each['unit']})".replace(" ()", "") for each in held])
    drawing.upright(axes, 1, "black")
    words = {"ok": "met", "noise": "missed by noise", "missed": "missed"}
    series = []
    for word, label in words.items():
        mine = [each if each["verdict"] == word else None for each in held]
        series.append(
            Dots(
                label,
                [None if each is None else _room(each, each["value"]) for each in mine],
                [None if each is None else _rooms(each) for each in mine],
            )
        )
    drawing.dots(axes, series, (drawing.BLUE, drawing.YELLOW, drawing.RED))
    texts = [
        f"{figure(each['value'])} ({'<=' if each['most'] else '>='} {figure(each['limit'])})"
        for each in held
    ]
    drawing.beside(axes, texts)
    drawing.logarithmic(axes)
    axes.set_xlabel("how many times as good as the limit (log scale; 1 just meets it)")
    drawing.finish(drawn, path, f"Limits of bench {group}", [SPREAD, *notes])


def _room(verdict: Report, value: float) -> float:
    """How many times as good as the limit a value is, at least a thousandth."""
    over, under = (verdict["limit"], value) if verdict["most"] else (value, verdict["limit"])
    return max(over, 0.001 * under) / under if under > 0 else 1000.0


def _rooms(verdict: Report) -> tuple[float, float]:
    low, high = (_room(verdict, value) for value in verdict["spread"])
    return min(low, high), max(low, high)


Chart = Callable[[list[Report], str, list[str]], None]
#: The charts of a group, by the names of their files. Each group with limits has limits-GROUP too.
CHARTS: dict[str, dict[str, Chart]] = {
    "cpu": {"mips": mips},
    "io": {"doorbell": doorbell, "entries": entries},
    "doorbell": {"doorbell": doorbell, "entries": entries},
    "latency": {"latency": latency},
}
