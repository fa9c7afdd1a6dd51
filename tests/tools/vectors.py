"""The boards: which vectors each CPU model is held to, and what has been reached.

    python -m tests.tools.vectors 8086 --failing --samples 3
    python -m tests.tools.vectors all --record

The reader is pyx86emu/tools/conformance.py, the format is in docs/CONFORMANCE.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pyx86emu.tools.conformance import (
    FLAGS,
    SP,
    SS,
    Array,
    Outcome,
    VectorSet,
    Verdict,
    explain,
    judge,
    owners,
    run_all_ways,
    table,
    worst,
)

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
SHARED = Path(os.environ.get("PYX86EMU_SHARED") or PROJECT.parent / "shared")
FILES = {
    "8086": SHARED / "vectors/8086/vectors.npz",
    "80286": SHARED / "vectors/80286/vectors.npz",
    "386": HERE / "data/vectors-386.npz",
}
REACHED = HERE / "vectors-reached.json"

PREFIXES = frozenset(bytes.fromhex("26 2e 36 3e 64 65 66 67 f0 f2 f3"))


def opcodes(v: VectorSet) -> Array:
    """The code from the opcode on, three bytes a test: the opcode, mostly ModR/M, one more."""
    out = np.zeros((len(v), 3), np.uint8)
    off, code = v.code_off.tolist(), v.code.tobytes()
    for i in range(len(v)):
        at = off[i]
        while code[at] in PREFIXES and at < off[i + 1] - 1:
            at += 1
        piece = code[at : min(at + 3, off[i + 1])]
        out[i, : len(piece)] = list(piece)
    return out


def prefixed(v: VectorSet, prefix: int) -> Array:
    """Whether a test has the prefix."""
    out = np.zeros(len(v), bool)
    off, code = v.code_off.tolist(), v.code.tobytes()
    for i in range(len(v)):
        for byte in code[off[i] : off[i + 1]]:
            if byte not in PREFIXES:
                break
            if byte == prefix:
                out[i] = True
    return out


# -- which set a model is held to -----------------------------------------------------------------


def _everything(v: VectorSet) -> Array:
    return np.ones(len(v), bool)


#: What the 486 added. A 386 has no such opcodes.
FORMS_OF_THE_486 = r"(67)?(66)?0F(B0|B1|C0|C1|C[8-F])"


def _without_486(v: VectorSet) -> Array:
    kept: Array = ~v.of_forms(FORMS_OF_THE_486)
    return kept


def _8086_on_80186(v: VectorSet) -> Array:
    changed = v.of_forms(
        "54|6[0-9A-F]|8C|8E|8F|C0|C1|C6|C7|C8|C9|D0.6|D1.6|D2..|D3..|F6.[67]|F7.[67]|FF.7"
    )
    push_sp = v.of_forms("FF.6") & (opcodes(v)[:, 1] == 0xF4)
    kept: Array = ~changed & ~push_sp
    return kept


def _80286_on_80186(v: VectorSet) -> Array:
    new = v.of_forms("6[012]|6[89A-F]|C0..|C1..|C9|D2..|D3..")
    above = v.any_in_test(v.check[0], v.check[1] >= 0x100000)  # an 80186 wraps there
    kept: Array = new & (v.vector != 13) & ~above
    return kept


def _80286_on_386(v: VectorSet) -> Array:
    segment = v.of_forms("8C|8E") & (opcodes(v)[:, 1] >> 3 & 7 > 3)
    changed = v.of_forms("9D|CF") | segment | prefixed(v, 0xF0) | _wrapping_pointers(v)
    kept: Array = (v.vector != 13) & ~changed
    return kept


def _wrapping_pointers(v: VectorSet) -> Array:
    """A far pointer or bounds at offset FFFEh: the 80286 goes on at offset 0, a 386 faults."""
    out = v.of_forms("62|C4|C5|FF.3|FF.5")
    segments = [v.registers.index(name) for name in ("cs", "ss", "ds", "es")]
    for i in np.flatnonzero(out):
        listed = set(v.part(int(i), "ram0_addr")[0].tolist())
        bases = [int(v.regs0[i, k]) << 4 for k in segments]
        out[i] = any(base + 0xFFFF in listed and base in listed for base in bases)
    return out


@dataclass(frozen=True)
class Board:
    """A set of vectors, the model it runs on, and which of its tests apply there."""

    vectors: str
    model: str
    applies: Callable[[VectorSet], Array] = _everything

    def __str__(self) -> str:
        return f"{self.vectors} on {self.model}"

    def missing(self) -> str | None:
        """Why the board cannot be run, if so."""
        path = FILES[self.vectors]
        return None if path.exists() else f"{path} is not there"


BOARDS = (
    Board("8086", "8086"),
    Board("80286", "80286"),
    Board("386", "80486"),
    Board("8086", "80186", _8086_on_80186),
    Board("80286", "80186", _80286_on_80186),
    Board("80286", "80386", _80286_on_386),
    Board("80286", "80486", _80286_on_386),
    Board("386", "80386", _without_486),
)


@cache
def load(name: str) -> VectorSet:
    """A whole set by its chip."""
    return VectorSet.load(FILES[name])


@cache
def tests_of(board: Board) -> VectorSet:
    """The tests of a board, told what its model's FLAGS look like."""
    v = load(board.vectors)
    v = v.select(np.flatnonzero(board.applies(v)))
    if board.vectors == "80286" and board.model == "80186":
        _with_flags_of_the_80186(v)
    return v


def _with_flags_of_the_80186(v: VectorSet) -> None:
    """Bits 12-15 of FLAGS are 1 on an 80186, 0 on the 80286 that ran these tests."""
    v.regs0[:, FLAGS] |= 0xF000
    v.regs1[:, FLAGS] |= 0xF000
    high = (v.regs0[:, SS].astype(np.int64) << 4) + (v.regs0[:, SP].astype(np.int64) - 1) % 65536
    own = owners(v.ram1_off)
    pushed = (v.vector[own] >= 0) & (v.ram1_addr == high[own])
    v.ram1_val[pushed] |= 0xF0


# -- the figures reached --------------------------------------------------------------------------

#: By "defined" (flags) and "all": how many tests of a form fail; a form not named has no failure.
Failing = dict[str, dict[str, int]]


def outcome(board: Board) -> tuple[VectorSet, list[Outcome], Verdict]:
    """Run a board in every way; the verdict is the worst of them."""
    v = tests_of(board)
    outcomes = run_all_ways(v, board.model)
    return v, outcomes, worst(judge(v, out) for out in outcomes)


def failing(board: Board, v: VectorSet, verdict: Verdict) -> Failing:
    """What to hold against the figures reached. Undefined flags count on the chip's own model,
    and not for the 386 set: its flags are those of a much later chip."""
    passed = {"defined": verdict.good}
    if board.model == board.vectors:
        passed["all"] = verdict.exact
    out = {}
    for kind, good in passed.items():
        counts = np.bincount(v.form_of[~good], minlength=len(v.forms))
        out[kind] = {form: int(n) for form, n in zip(v.forms, counts, strict=True) if n}
    return out


def reached() -> dict[str, Failing]:
    """What is known to fail, by board."""
    known: dict[str, Failing] = json.loads(REACHED.read_text()) if REACHED.exists() else {}
    return known


def changes(now: Failing, known: Failing) -> tuple[list[str], list[str]]:
    """What fails more, and what fails less, than is known: "defined F6.7: 3, was 0"."""
    more: list[str] = []
    less: list[str] = []
    for kind, forms in now.items():
        before = known.get(kind, {})
        for form in sorted(forms.keys() | before.keys()):
            n, was = forms.get(form, 0), before.get(form, 0)
            if n != was:
                (more if n > was else less).append(f"{kind} {form}: {n}, was {was}")
    return more, less


def record(results: Iterable[tuple[Board, Failing]]) -> list[str]:
    """Write the figures down where they are better; say which are worse and were not."""
    known, worse = reached(), []
    for board, now in results:
        before = known.setdefault(str(board), {})
        worse += [f"{board}: {change}" for change in changes(now, {**now, **before})[0]]
        for kind, forms in now.items():
            was = before.get(kind, forms)
            before[kind] = {form: min(n, was[form]) for form, n in forms.items() if form in was}
    REACHED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    return worse


# -- the command ----------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Print boards; 0 if every test is good, 1 if not, 2 if a set is not there."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.vectors")
    parser.add_argument("set", choices=[*FILES, "all"], help="whose vectors; all: every board")
    parser.add_argument("--model", help="only on this model")
    parser.add_argument("--form", action="append", help="only forms that match; may be repeated")
    parser.add_argument("--samples", type=int, default=0, help="failing tests shown per form")
    parser.add_argument("--failing", action="store_true", help="only forms with failures")
    parser.add_argument("--case", type=int, help="show this position of the forms, good or not")
    parser.add_argument("--record", action="store_true", help=f"update {REACHED.name}")
    args = parser.parse_args(argv)
    if args.record and (args.form or args.case is not None):
        parser.error("--record needs whole sets")
    boards = [b for b in BOARDS if args.set in ("all", b.vectors)]
    if args.model:
        boards = [b for b in boards if b.model == args.model] or [Board(args.set, args.model)]
    results: list[tuple[Board, Failing]] = []
    for board in boards:
        if why := board.missing():
            print(why, file=sys.stderr)
            return 2
        v = tests_of(board)
        if args.form:
            v = v.select(np.flatnonzero(v.of_forms("|".join(args.form))))
        if args.case is not None:
            v = v.select(np.flatnonzero(v.index == args.case))
        outcomes = run_all_ways(v, board.model)
        print(f"-- {board}")
        print(table(v, outcomes, failing=args.failing, samples=args.samples))
        if args.case is not None:
            for i in range(len(v)):
                print(explain(v, outcomes[0], i))
        verdict = worst(judge(v, out) for out in outcomes)
        results.append((board, failing(board, v, verdict)))
    if args.record:
        for line in record(results):
            print(f"worse than before, not recorded: {line}")
    return 1 if any(now["defined"] for _, now in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # piped into head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
