"""`bench`: measure, print tables or JSON, draw charts. What is measured lives in `measure`."""

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ..measure import boot, charts, cpu, guests, io, latency, tools, verdicts
from ..measure.doorbell import all_rows
from ..measure.verdicts import Verdict
from . import bench_doorbell, output
from .output import check_directory, check_file
from .parser import Parser
from .status import NOT_MET, OK, HostError, UsageError, reason
from .values import factor, whole

Say = Callable[[str], object]
R = TypeVar("R", cpu.Row, boot.Row, latency.Row, tools.Row)
Part = tuple[dict[str, Any], list[Verdict]]
"""The result of a part: its JSON, and its verdicts."""


def main(args: list[str]) -> int:
    """`pyx86emu bench`."""
    parser = Parser(
        "bench",
        "Measure this machine: kernels, ways of doing I/O, start-up, latency and tools, beside the "
        "other emulators that are installed (Unicorn, /dev/kvm). Then compare values with their "
        "limits.",
        "Exit statuses: 0 every value with a limit meets it; 8 one does not; 70 rings were lost; "
        "74 standard output or a chart cannot be written; 130 Ctrl-C.",
    )
    choices = [*PARTS, "doorbell", "all"]
    parser.add_argument("what", nargs="?", default="all", choices=choices, help="what to measure")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    parser.add_argument(
        "--plot",
        metavar="DIR",
        help="draw charts into this directory (doorbell: into this file.png); needs matplotlib",
    )
    parser.add_argument(
        "--repeats", metavar="N", type=whole(1), help="runs per row, of which the median is shown"
    )
    parser.add_argument("--quick", action="store_true", help="take a tenth of the time; less exact")
    parser.add_argument(
        "--scale", metavar="F", type=factor, default=1.0, help="make each run F times as long"
    )
    options = parser.parse(args)
    repeats = options.repeats or (1 if options.quick else 5)
    scale = options.scale * (0.1 if options.quick else 1.0)
    if options.plot is not None:
        _check_plot(options.what, options.plot)
    if options.what == "doorbell":
        return bench_doorbell.doorbell(repeats, scale, json_wanted=options.json, plot=options.plot)
    names = list(PARTS) if options.what == "all" else [options.what]
    say = (lambda text: None) if options.json else output.say
    report: dict[str, Any] = {}
    held: list[Verdict] = []
    for name in names:
        report[name], found = PARTS[name](repeats, scale, say)
        held += found
    report["verdicts"] = [verdict.as_dict() for verdict in held]
    if options.json:
        output.say(json.dumps(report, indent=1))
    else:
        output.say(verdicts.table(held))
    if options.plot is not None:
        try:
            charts.draw(report, options.plot)
        except OSError as error:
            raise HostError(f"cannot write --plot {options.plot}: {reason(error)}") from error
    missed = [verdict.name for verdict in held if not verdict.ok]
    if missed:
        output.complain(f"pyx86emu: limits not met: {', '.join(missed)}")
    return NOT_MET if missed else OK


def _shown(head: str, rows: Iterable[R], say: Say) -> list[R]:
    """All rows. Each is printed as soon as it is measured."""
    say(head)
    kept: list[R] = []
    for row in rows:
        kept.append(row)
        say(row.line())
    return kept


def _cpu(repeats: int, scale: float, say: Say) -> Part:
    rows = _shown(cpu.HEAD, cpu.rows(repeats, scale), say)
    booted = list(guests.rows())
    if booted:
        say(guests.table(booted))
    report = {
        "rows": [row.as_dict() for row in rows],
        "guests": [row.as_dict() for row in booted],
    }
    return report, list(cpu.verdicts(rows))


def _io(repeats: int, scale: float, say: Say) -> Part:
    # The limit of the rows with a million entries is for the median of eleven pairs.
    rows = all_rows(scale, max(repeats, 11) if scale >= 1 else repeats, io.IoCases)
    say(bench_doorbell.table(rows))
    return {"rows": bench_doorbell.dicts(rows)}, list(io.verdicts(rows))


def _boot(repeats: int, scale: float, say: Say) -> Part:
    rows = _shown(boot.HEAD, boot.rows(repeats, scale), say)
    return {"rows": [row.as_dict() for row in rows]}, list(boot.verdicts(rows))


def _latency(repeats: int, scale: float, say: Say) -> Part:
    rows = _shown(latency.HEAD, latency.rows(repeats, scale), say)
    return {"rows": [row.as_dict() for row in rows]}, list(latency.verdicts(rows))


def _tools(repeats: int, scale: float, say: Say) -> Part:
    rows = _shown(tools.HEAD, tools.rows(repeats, scale), say)
    return {"rows": [row.as_dict() for row in rows]}, list(tools.verdicts(rows))


PARTS = {"cpu": _cpu, "io": _io, "boot": _boot, "latency": _latency, "tools": _tools}


def _check_plot(what: str, path: str) -> None:
    """Check the name first, then whether matplotlib is installed."""
    if what != "doorbell":
        check_directory("--plot", path)
    elif not path.endswith(".png"):
        raise UsageError(f"--plot {path}: only PNG is written, name a file that ends in .png")
    else:
        check_file("--plot", path)
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib: pip install 'pyx86emu[plot]', or use --json"
        ) from error
    matplotlib.use("Agg")
