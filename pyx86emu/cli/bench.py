"""`bench`: measure, print tables or JSON, draw charts. What is measured lives in `measure`."""

import json
import os
from time import monotonic
from typing import Any

from .. import __version__
from ..measure import charts, host, summary, verdicts
from ..measure.groups import GROUPS, measure
from ..measure.rows import Row
from . import output
from .output import check_directory
from .parser import Parser
from .status import BUG, NOT_MET, OK, HostError, UsageError, reason
from .values import factor, whole


def main(args: list[str]) -> int:
    """`pyx86emu bench`."""
    parser = Parser(
        "bench",
        "Measure this machine. Then compare values with their limits. What to measure:\n\n"
        + "\n".join(f"  {name:<10}{group.what}" for name, group in GROUPS.items())
        + "\n  all       everything (the default)",
        "A limit is missed by noise if the spread of the repetitions includes it: to measure again "
        "may meet it.\n\nExit statuses: 0 no limit is missed, or by noise only; 8 one is missed; "
        "70 rings were lost; 74 standard output or a chart cannot be written; 130 Ctrl-C.",
    )
    choices = [*GROUPS, "all"]
    parser.add_argument("what", nargs="?", default="all", choices=choices, help="what to measure")
    parser.add_argument(
        "images",
        nargs="?",
        metavar="DIR",
        help="the images of real guests, which guests.py extracts; by default $PYX86EMU_GUESTS",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of the tables")
    parser.add_argument(
        "--plot",
        metavar="DIR",
        help="draw charts of what was measured into this directory; needs matplotlib",
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
        _check_plot(options.plot)
    if options.images is not None:
        if not os.path.isdir(options.images):
            raise UsageError(f"{options.images}: no such directory: give one with images")
        os.environ["PYX86EMU_GUESTS"] = options.images
    parts = [name for name, group in GROUPS.items() if not group.part]
    names = parts if options.what == "all" else [options.what]
    say = (lambda text: None) if options.json else output.say
    where, began = host.here(__version__), monotonic()
    done = [measure(name, repeats, scale, say) for name in names]
    held = [verdict for each in done for verdict in each.verdicts]
    report: dict[str, Any] = {each.name: each.as_dict() for each in done}
    report["verdicts"] = [
        {"group": each.name} | verdict.as_dict() for each in done for verdict in each.verdicts
    ]
    report["host"] = where.as_dict() | {"repeats": repeats, "what": options.what}
    report["summary"] = summary.counts(held)
    if options.json:
        output.say(json.dumps(report, indent=1))
    else:
        if held:
            output.say(f"\n{verdicts.table(held)}")
        output.say(f"\n{summary.text(done, where, repeats, monotonic() - began)}")
    if options.plot is not None:
        try:
            drawn = charts.draw(report, options.plot)
        except OSError as error:
            raise HostError(f"cannot write --plot {options.plot}: {reason(error)}") from error
        say(f"charts    {', '.join(drawn) or 'none: there is none of these rows'}")
    rings = [row for each in done for row in each.rows if isinstance(row, Row)]
    inexact = [row.name for row in rings if not row.exact]
    if inexact:
        output.complain(f"pyx86emu: counts are not exact: {', '.join(inexact)}")
        return BUG
    missed = [verdict.name for verdict in held if verdict.missed]
    if missed:
        output.complain(f"pyx86emu: limits not met: {', '.join(missed)}")
    return NOT_MET if missed else OK


def _check_plot(path: str) -> None:
    """Check the name first, then whether matplotlib is installed."""
    check_directory("--plot", path)
    try:
        import matplotlib
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib: pip install 'pyx86emu[plot]', or use --json"
        ) from error
    matplotlib.use("Agg")
