"""Single-instruction CPU vectors: read a set, run it on a model, show what differs.

    python -m tests.conformance.vectors 8086 --failing --samples 3
    python -m tests.conformance.vectors 386 --model 80386 --form 670FA4

data/README.md has the format of the files and where the sets come from.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
FILES = {
    "8086": PROJECT.parent / "shared/vectors/8086/vectors.npz",
    "80286": PROJECT.parent / "shared/vectors/80286/vectors.npz",
    "386": HERE / "data/vectors-386.npz",
}
REACHED = HERE / "vectors-reached.json"

REGISTERS = (
    *("ax", "bx", "cx", "dx", "cs", "ss", "ds", "es"),
    *("sp", "bp", "si", "di", "ip", "flags"),
)
REGISTERS32 = tuple(name if len(name) == 2 and name[1] == "s" else "e" + name for name in REGISTERS)
SS, SP, IP, FLAGS = (REGISTERS.index(name) for name in ("ss", "sp", "ip", "flags"))
FLAG_LETTERS = {0x800: "O", 0x400: "D", 0x80: "S", 0x40: "Z", 0x10: "A", 4: "P", 1: "C"}
PREFIXES = frozenset(bytes.fromhex("26 2e 36 3e 64 65 66 67 f0 f2 f3"))


def owners(off: Array) -> Array:
    """Which part each element belongs to, from the parts' offsets."""
    sizes: Array = np.diff(off.astype(np.int64))
    return np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)


class VectorSet:
    """The tests of one chip. Attributes are the arrays of the file; see data/README.md."""

    PER_TEST = ("index", "regs0", "regs1", "fmask", "vector")
    PARTS = (
        ("code_off", ("code",)),
        ("ram0_off", ("ram0_addr", "ram0_val")),
        ("ram1_off", ("ram1_addr", "ram1_val", "ram1_mask")),
        ("name_off", ("name",)),
    )

    def __init__(self, arrays: dict[str, Array]) -> None:
        self.arrays = arrays
        self.forms = [name.decode() for name in arrays["form_name"]]
        self.registers = REGISTERS32 if self.regs0.dtype == np.uint32 else REGISTERS

    @classmethod
    def load(cls, path: Path) -> VectorSet:
        with np.load(path) as archive:
            meta = json.loads(bytes(archive["meta"]))
            if meta["format"] != 1:
                raise ValueError(f"{path}: format {meta['format']}, not 1")
            return cls({name: archive[name] for name in archive.files if name != "meta"})

    def __getattr__(self, name: str) -> Array:
        try:
            return self.arrays[name]
        except KeyError:
            raise AttributeError(name) from None

    def __len__(self) -> int:
        return len(self.arrays["index"])

    def part(self, i: int, *names: str) -> tuple[Array, ...]:
        """The elements of test `i` in arrays of one variable-length part."""
        off = self.arrays[names[0].split("_")[0] + "_off"]
        return tuple(self.arrays[name][int(off[i]) : int(off[i + 1])] for name in names)

    @cached_property
    def form_of(self) -> Array:
        """The number of each test's form."""
        return owners(self.form_start)

    def of_forms(self, pattern: str) -> Array:
        """Whether each test's form matches the regular expression, wholly."""
        found = np.array([re.fullmatch(pattern, form) is not None for form in self.forms])
        picked: Array = found[self.form_of]
        return picked

    def opcodes(self) -> Array:
        """The code from the opcode on, three bytes a test: the opcode, mostly ModR/M, one more."""
        out = np.zeros((len(self), 3), np.uint8)
        off, code = self.code_off.tolist(), self.code.tobytes()
        for i in range(len(self)):
            at = off[i]
            while code[at] in PREFIXES and at < off[i + 1] - 1:
                at += 1
            piece = code[at : min(at + 3, off[i + 1])]
            out[i, : len(piece)] = list(piece)
        return out

    def prefixed(self, prefix: int) -> Array:
        """Whether a test has the prefix."""
        out = np.zeros(len(self), bool)
        off, code = self.code_off.tolist(), self.code.tobytes()
        for i in range(len(self)):
            for byte in code[off[i] : off[i + 1]]:
                if byte not in PREFIXES:
                    break
                if byte == prefix:
                    out[i] = True
        return out

    def any_in_test(self, off: Array, bad: Array) -> Array:
        """Per test: is anything true among its elements?"""
        total = np.concatenate(([0], np.cumsum(bad)))
        hit: Array = total[off[1:].astype(np.int64)] > total[off[:-1].astype(np.int64)]
        return hit

    def select(self, rows: Array) -> VectorSet:
        """A smaller set with these rows (ascending)."""
        rows = np.asarray(rows, np.int64)
        out = {name: self.arrays[name][rows] for name in self.PER_TEST}
        for off_name, members in self.PARTS:
            off = self.arrays[off_name].astype(np.int64)
            sizes = off[rows + 1] - off[rows]
            new = np.concatenate(([0], np.cumsum(sizes)))
            take = np.repeat(off[rows] - new[:-1], sizes) + np.arange(new[-1])
            out[off_name] = new.astype(np.uint32)
            for name in members:
                out[name] = self.arrays[name][take]
        out["form_start"] = np.searchsorted(rows, self.form_start).astype(np.uint32)
        out["form_name"] = self.form_name
        return VectorSet(out)

    @cached_property
    def check(self) -> tuple[Array, Array, Array, Array]:
        """Every byte to look at afterwards: off, address, value, mask.

        First the bytes that must have changed (ram1), then the listed ones that must not have.
        """

        own0, own1 = owners(self.ram0_off), owners(self.ram1_off)
        kept = ~np.isin(own0 << 32 | self.ram0_addr, own1 << 32 | self.ram1_addr)
        own = np.concatenate((own1, own0[kept]))
        order = np.argsort(own, kind="stable")
        full = np.full(int(kept.sum()), 0xFF, np.uint8)
        return (
            np.searchsorted(own[order], np.arange(len(self) + 1)).astype(np.uint32),
            np.concatenate((self.ram1_addr, self.ram0_addr[kept]))[order],
            np.concatenate((self.ram1_val, self.ram0_val[kept]))[order],
            np.concatenate((self.ram1_mask, full))[order],
        )


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
    push_sp = v.of_forms("FF.6") & (v.opcodes()[:, 1] == 0xF4)
    kept: Array = ~changed & ~push_sp
    return kept


def _80286_on_80186(v: VectorSet) -> Array:
    new = v.of_forms("6[012]|6[89A-F]|C0..|C1..|C9|D2..|D3..")
    above = v.any_in_test(v.check[0], v.check[1] >= 0x100000)  # an 80186 wraps there
    kept: Array = new & (v.vector != 13) & ~above
    return kept


def _80286_on_386(v: VectorSet) -> Array:
    segment = v.of_forms("8C|8E") & (v.opcodes()[:, 1] >> 3 & 7 > 3)
    changed = v.of_forms("9D|CF") | segment | v.prefixed(0xF0) | _wrapping_pointers(v)
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


# -- running --------------------------------------------------------------------------------------

Runner = Callable[..., None]


@dataclass
class Outcome:
    """What a model made of a set."""

    regs: Array
    ram: Array  # parallel to VectorSet.check
    error: Array  # nonzero: could not be run


def run(v: VectorSet, model: str, runner: Runner | None = None) -> Outcome:
    """Run every test in compiled code."""
    if runner is None:
        from pyx86emu import _core

        runner = _core.run_vectors
    off, addr, _, _ = v.check
    out = Outcome(np.zeros_like(v.regs0), np.zeros(len(addr), np.uint8), np.zeros(len(v), np.uint8))
    inputs = (v.regs0, v.ram0_off, v.ram0_addr, v.ram0_val, off, addr)
    contiguous = [np.ascontiguousarray(array) for array in inputs]
    runner(model, *contiguous, out.regs, out.ram, out.error)
    return out


@dataclass
class Verdict:
    """Per test: what is wrong. `good` is the pass mark; `exact` wants undefined flags too."""

    regs: Array
    ip: Array
    flags: Array
    ram: Array
    error: Array
    good: Array
    exact: Array

    KINDS = ("regs", "ip", "flags", "ram", "error")


def judge(v: VectorSet, out: Outcome) -> Verdict:
    """Compare registers, defined flags and memory."""
    diff = out.regs ^ v.regs1
    off, _, want, mask = v.check
    ram_diff = out.ram ^ want
    others = (diff[:, :IP] != 0).any(axis=1)
    ip = diff[:, IP] != 0
    flags = (diff[:, FLAGS] & v.fmask) != 0
    ram = v.any_in_test(off, (ram_diff & mask) != 0)
    error = out.error != 0
    good = ~(others | ip | flags | ram | error)
    exact = good & (diff[:, FLAGS] == 0) & ~v.any_in_test(off, ram_diff != 0)
    return Verdict(others, ip, flags, ram, error, good, exact)


def failures(v: VectorSet, verdict: Verdict) -> dict[str, int]:
    """How many tests fail, by form; forms without a failure are left out."""
    counts = np.bincount(v.form_of[~verdict.good], minlength=len(v.forms))
    return {form: int(n) for form, n in zip(v.forms, counts, strict=True) if n}


# -- showing --------------------------------------------------------------------------------------


def _flags(value: int) -> str:
    return "".join(letter if value & bit else "-" for bit, letter in FLAG_LETTERS.items())


def explain(v: VectorSet, out: Outcome, i: int) -> str:
    """One test: its code, the state before, and what came out differently."""
    (code,) = v.part(i, "code")
    (name,) = v.part(i, "name")
    vector = f"  vector {int(v.vector[i])}" if v.vector[i] >= 0 else ""
    form = v.forms[int(v.form_of[i])]
    lines = [f"{form} #{int(v.index[i])}  {code.tobytes().hex(' ')}  {name.tobytes().decode()}"]
    lines[0] += vector + ("  ERROR" if out.error[i] else "")
    width = 8 if v.registers is REGISTERS32 else 4
    before = [f"{r}={int(x):0{width}x}" for r, x in zip(v.registers, v.regs0[i], strict=True)]
    lines += ["  before  " + " ".join(before[:8]), "          " + " ".join(before[8:])]
    addr0, val0 = v.part(i, "ram0_addr", "ram0_val")
    memory = dict(zip(addr0.tolist(), val0.tolist(), strict=True))
    lines.append("          " + " ".join(f"[{a:06x}]={x:02x}" for a, x in memory.items()))
    for k, register in enumerate(v.registers):
        want, got = int(v.regs1[i, k]), int(out.regs[i, k])
        if want == got:
            continue
        line = f"  {register:<8}want {want:0{width}x} got {got:0{width}x}"
        if k == FLAGS:
            mask = int(v.fmask[i])
            line += f"  want {_flags(want)} got {_flags(got)} defined {_flags(mask)}"
            line += "" if (want ^ got) & mask else "  (only undefined ones differ)"
        lines.append(line)
    off, addr, want_ram, mask_ram = v.check
    for k in range(int(off[i]), int(off[i + 1])):
        if out.ram[k] != want_ram[k]:
            at, masked = int(addr[k]), int(mask_ram[k])
            lines.append(
                f"  [{at:06x}]  was {memory.get(at, 0):02x} want {int(want_ram[k]):02x} "
                f"got {int(out.ram[k]):02x}" + (f" mask {masked:02x}" if masked != 0xFF else "")
            )
    return "\n".join(lines)


def table(
    v: VectorSet, out: Outcome, verdict: Verdict, *, failing: bool = False, samples: int = 0
) -> str:
    """The board: a line per form, with some failing tests below it, and the total."""
    columns = ("tests", "good", "exact", *Verdict.KINDS)
    lines = [f"{'form':<13}" + "".join(f"{column:>7}" for column in columns)]
    for k, form in enumerate(v.forms):
        rows = slice(int(v.form_start[k]), int(v.form_start[k + 1]))
        n = rows.stop - rows.start
        if not n or (failing and verdict.good[rows].all()):
            continue
        counts = [int(getattr(verdict, kind)[rows].sum()) for kind in columns[1:]]
        lines.append(
            f"{form:<13}{n:>7}{counts[0]:>7}{counts[1]:>7}"
            + "".join(f"{c or '.':>7}" for c in counts[2:])
        )
        for i in (rows.start + np.flatnonzero(~verdict.good[rows]))[:samples]:
            lines.append("    " + explain(v, out, int(i)).replace("\n", "\n    "))
    total, good, exact = len(v), int(verdict.good.sum()), int(verdict.exact.sum())
    bad_forms = len(failures(v, verdict))
    lines.append(
        f"{total} tests: {good} good ({100 * good / max(total, 1):.3f} %), {exact} with undefined "
        f"flags too ({100 * exact / max(total, 1):.2f} %); {bad_forms} forms with failures"
    )
    return "\n".join(lines)


# -- the figures reached --------------------------------------------------------------------------


def reached() -> dict[str, dict[str, int]]:
    """By board: how many tests of a form are known to fail; a form not named has none."""
    known: dict[str, dict[str, int]] = json.loads(REACHED.read_text()) if REACHED.exists() else {}
    return known


def record(results: Iterable[tuple[Board, dict[str, int]]]) -> list[str]:
    """Write the figures down where they are better; say which are worse and were not."""
    known, worse = reached(), []
    for board, now in results:
        new = str(board) not in known
        before = known.get(str(board), {})
        if not new:
            worse += [f"{board}: {form}" for form, n in now.items() if n > before.get(form, 0)]
            now = {form: min(n, before[form]) for form, n in now.items() if form in before}
        known[str(board)] = now
    REACHED.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    return worse


# -- the command ----------------------------------------------------------------------------------


def _use_build(directory: Path) -> None:
    """Take `pyx86emu`, or a lone `_core*.so`, from another directory."""
    sys.path.insert(0, str(directory))
    alone = sorted(directory.glob("_core*.so"))
    if alone and not (directory / "pyx86emu").exists():
        spec = importlib.util.spec_from_file_location("pyx86emu._core", alone[0])
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["pyx86emu._core"] = module
        spec.loader.exec_module(module)


def main(argv: list[str] | None = None) -> int:
    """Print boards; 0 if every test is good, 1 if not, 2 if a set is not there."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.vectors")
    parser.add_argument("set", choices=[*FILES, "all"], help="whose vectors; all: every board")
    parser.add_argument("--model", help="run on this model (default: the chip's own)")
    parser.add_argument("--form", action="append", help="only forms that match; may be repeated")
    parser.add_argument("--samples", type=int, default=0, help="failing tests shown per form")
    parser.add_argument("--failing", action="store_true", help="only forms with failures")
    parser.add_argument("--case", type=int, help="show this position of the forms, good or not")
    parser.add_argument("--build", type=Path, help="directory with another build of the package")
    parser.add_argument("--record", action="store_true", help=f"update {REACHED.name}")
    args = parser.parse_args(argv)
    if args.build:
        _use_build(args.build.resolve())
    boards = [b for b in BOARDS if args.set in ("all", b.vectors)]
    if args.model:
        boards = [b for b in boards if b.model == args.model] or [Board(args.set, args.model)]
    elif args.set != "all":
        boards = boards[:1]
    results: list[tuple[Board, dict[str, int]]] = []
    for board in boards:
        if why := board.missing():
            print(why, file=sys.stderr)
            return 2
        v = tests_of(board)
        if args.form:
            v = v.select(np.flatnonzero(v.of_forms("|".join(args.form))))
        if args.case is not None:
            v = v.select(np.flatnonzero(v.index == args.case))
        out = run(v, board.model)
        verdict = judge(v, out)
        print(f"-- {board}")
        print(table(v, out, verdict, failing=args.failing, samples=args.samples))
        if args.case is not None:
            for i in range(len(v)):
                print(explain(v, out, i))
        results.append((board, failures(v, verdict)))
    if args.record:
        if args.form or args.case is not None:
            parser.error("--record needs whole sets")
        for line in record(results):
            print(f"worse than before, not recorded: {line}")
    return 1 if any(bad for _, bad in results) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # piped into head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
