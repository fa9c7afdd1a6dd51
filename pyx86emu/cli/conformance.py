"""`conformance PATH...`: run single-instruction CPU vectors, print how many pass, by form."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from .status import NOT_MET, OK, Parser, UsageError

if TYPE_CHECKING:
    from ..conformance import VectorSet

EPILOG = """\
Each test is one instruction that a real chip executed. It is run three ways: by a single step;
twice as a cached block; and with an instruction behind it that rewrites its flags unread. A test
passes if it passes in all of them. "defined" compares the flags that the manual defines, "all"
every flag.

exit statuses: 0 every test passes with defined flags; 8 not all do; 2 usage
"""


def main(args: list[str]) -> int:
    """`pyx86emu conformance`."""
    start = perf_counter()
    parser = Parser("conformance", "Run vectors of real chips on a CPU model.", EPILOG)
    add = parser.add_argument
    add("paths", metavar="PATH", nargs="+", type=Path, help="a .npz file, or a directory of them")
    add("--model", metavar="M", help="CPU model (default: the chip of the set; 386: the 80486)")
    add("--form", metavar="F", action="append", help="only this form, or a regex; may be repeated")
    add("--samples", metavar="N", type=int, default=1, help="failures shown per form (default 1)")
    add("--failing", action="store_true", help="list only forms with failures")
    add("--json", action="store_true", help="print JSON instead of the table")
    options = parser.parse_args(args)
    if options.samples < 0:
        raise UsageError(f"--samples {options.samples}: it cannot be negative, 0 shows none")
    try:
        from .. import conformance
    except ImportError as error:
        raise UsageError("vectors are read with numpy: pip install numpy") from error
    runs, seconds, forms = 0, 0.0, dict[str, dict[str, int]]()
    for path, v, model in _sets(options.paths, options.model, options.form):
        outcomes = conformance.run_all_ways(v, model)
        runs += len(v) * len(outcomes)
        seconds += sum(out.seconds for out in outcomes)
        verdict = conformance.worst(conformance.judge(v, out) for out in outcomes)
        for form, row in conformance.counts(v, verdict).items():
            _add(forms.setdefault(form, dict.fromkeys(row, 0)), row)
        if not options.json:
            print(f"-- {path} on {model}")
            board = conformance.table(v, outcomes, failing=options.failing, samples=options.samples)
            print(board, flush=True)
    total = dict.fromkeys(("tests", "defined", "all"), 0)
    for row in forms.values():
        _add(total, row)
    if options.json:
        print(json.dumps({"total": total, "forms": forms}, indent=1))
    whole = perf_counter() - start
    speed = (
        f"{runs:,} runs ({', '.join(conformance.WAYS)}) in {seconds:.3f} s of compiled loop: "
        f"{runs / max(seconds, 1e-9):,.0f} tests a second; {whole:.2f} s in all"
    )
    print(speed, file=sys.stderr if options.json else sys.stdout)
    return OK if total["defined"] == total["tests"] else NOT_MET


def _add(total: dict[str, int], row: dict[str, int]) -> None:
    for key, n in row.items():
        total[key] += n


def _sets(
    paths: list[Path], model: str | None, forms: list[str] | None
) -> list[tuple[Path, VectorSet, str]]:
    """Read and choose before anything is run; UsageError says what cannot be done."""
    from ..conformance import VectorSet, find_sets
    from ..models import canonical

    pattern = _pattern(forms)
    sets = []
    try:
        if model is not None:
            model = canonical(model)
        for path in (file for each in paths for file in find_sets(each)):
            v = VectorSet.load(path)
            runs_on = model or v.model
            if runs_on is None:
                raise UsageError(f"{path} does not say which chip it is of: name a --model")
            if pattern:
                v = v.select(v.of_forms(pattern).nonzero()[0])
            sets.append((path, v, runs_on))
    except (OSError, ValueError) as error:
        raise UsageError(str(error)) from error
    if not any(len(v) for _, v, _ in sets):
        wanted = f"--form {' '.join(forms)} matches none" if forms else "there are none"
        raise UsageError(f"no tests: {wanted} (forms are named like 00, F6.7 or 660FA5)")
    return [found for found in sets if len(found[1])]


def _pattern(forms: list[str] | None) -> str | None:
    """A regex for the forms. A plain name means itself: the point of F6.7 is a point."""
    parts = []
    for form in forms or ():
        try:
            re.compile(form)
        except re.error as error:
            raise UsageError(
                f"--form {form}: no form and no regular expression: {error}"
            ) from error
        plain = re.fullmatch(r"[0-9A-Fa-f]+(\.[0-7])?", form)
        parts.append(re.escape(form.upper()) if plain else f"(?:{form})")
    return "|".join(parts) or None
