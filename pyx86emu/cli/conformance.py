"""`conformance PATH...`: run single-instruction CPU vectors, print how many pass, by form."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from . import output
from .parser import Parser
from .status import NOT_MET, OK, UsageError
from .values import model, regex, whole

if TYPE_CHECKING:
    from ..tools.conformance import VectorSet

EPILOG = """\
Each test is one instruction that a real chip executed. It is run in three ways: by a single step;
twice as a cached block; and followed by an instruction that rewrites its flags before they are
read. A test passes if it passes in all of them. "defined" compares the flags that the manual
defines, "all" compares every flag.

exit statuses: 0 every test passes with defined flags; 8 not all do; 2 usage;
74 standard output cannot be written; 130 Ctrl-C
"""


def main(args: list[str]) -> int:
    """`pyx86emu conformance`."""
    start = perf_counter()
    parser = Parser("conformance", "Run vectors of real chips on a CPU model.", EPILOG)
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", type=Path, help="a .npz file, or a directory of them")
    add(
        "--model",
        metavar="M",
        type=model,
        help="CPU model (default: the chip of the set; for a 386 set: 80486)",
    )
    forms_help = "only this form, or a regex; may be repeated"
    add("--form", metavar="F", type=_form, action="append", help=forms_help)
    add(
        "--samples",
        metavar="N",
        type=whole(),
        default=1,
        help="failures shown per form (default 1)",
    )
    add("--failing", action="store_true", help="list only forms with failures")
    add("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse(args)
    for path in options.paths:
        if not os.path.exists(path):
            raise UsageError(f"{path} does not exist: name a .npz file or a directory of them")
    try:
        from ..tools import conformance
    except ImportError as error:
        raise UsageError("vectors are read with numpy: pip install numpy") from error
    runs, seconds, forms = 0, 0.0, dict[str, dict[str, int]]()
    for path, v, runs_on in _sets(options.paths, options.model, options.form or []):
        outcomes = conformance.run_all_ways(v, runs_on)
        runs += len(v) * len(outcomes)
        seconds += sum(out.seconds for out in outcomes)
        verdict = conformance.worst(conformance.judge(v, out) for out in outcomes)
        for form, row in conformance.counts(v, verdict).items():
            _add(forms.setdefault(form, dict.fromkeys(row, 0)), row)
        if not options.json:
            output.say(f"-- {path} on {runs_on}")
            board = conformance.table(v, outcomes, failing=options.failing, samples=options.samples)
            output.say(board)
    total = dict.fromkeys(("tests", "defined", "all"), 0)
    for row in forms.values():
        _add(total, row)
    if options.json:
        output.say(json.dumps({"total": total, "forms": forms}, indent=1))
    total_seconds = perf_counter() - start
    speed = (
        f"{runs:,} runs ({', '.join(conformance.WAYS)}) in {seconds:.3f} s of compiled loop: "
        f"{runs / max(seconds, 1e-9):,.0f} tests a second; {total_seconds:.2f} s in all"
    )
    (output.complain if options.json else output.say)(speed)
    return OK if total["defined"] == total["tests"] else NOT_MET


def _add(total: dict[str, int], row: dict[str, int]) -> None:
    for key, n in row.items():
        total[key] += n


def _sets(
    paths: list[Path], chosen: str | None, forms: list[tuple[str, str]]
) -> list[tuple[Path, VectorSet, str]]:
    """Read all sets and select the tests before any is run. UsageError: what cannot be done."""
    from ..tools.conformance import VectorSet, find_sets

    pattern = "|".join(pattern for _, pattern in forms)
    sets = []
    try:
        for path in (file for each in paths for file in find_sets(each)):
            v = VectorSet.load(path)
            runs_on = chosen or v.model
            if runs_on is None:
                raise UsageError(f"{path} does not name a known chip: choose a model, --model M")
            if pattern:
                v = v.select(v.of_forms(pattern).nonzero()[0])
            sets.append((path, v, runs_on))
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    if not any(len(v) for _, v, _ in sets):
        names = " ".join(name for name, _ in forms)
        wanted = f"--form {names} matches none" if forms else "the sets are empty"
        raise UsageError(f"no tests: {wanted} (forms are named like 00, F6.7 or 660FA5)")
    return [found for found in sets if len(found[1])]


def _form(text: str) -> tuple[str, str]:
    """A form and its regex. A plain name matches only itself: the point in F6.7 is a point."""
    regex(text, 0)
    plain = re.fullmatch(r"[0-9A-Fa-f]+(\.[0-7])?", text)
    return text, re.escape(text.upper()) if plain else f"(?:{text})"
