"""Single-instruction CPU vectors: read a set, run it on a model, judge it. Prints nothing.

docs/CONFORMANCE.md describes the format of the files. Needs numpy; nothing else here imports it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _core
from ..models import canonical

Array = NDArray[Any]

REGISTERS = (
    *("ax", "bx", "cx", "dx", "cs", "ss", "ds", "es"),
    *("sp", "bp", "si", "di", "ip", "flags"),
)
REGISTERS32 = tuple(name if len(name) == 2 and name[1] == "s" else "e" + name for name in REGISTERS)
SS, SP, IP, FLAGS = (REGISTERS.index(name) for name in ("ss", "sp", "ip", "flags"))
FLAG_LETTERS = {0x800: "O", 0x400: "D", 0x80: "S", 0x40: "Z", 0x10: "A", 4: "P", 1: "C"}

#: How each test is run: by a single step; twice as a cached block; the same, followed by an
#: instruction that rewrites the flags before they are read.
WAYS: tuple[str, ...] = _core.VECTOR_WAYS

#: A set is run on the model named like its chip, with these exceptions.
MODEL_OF_CHIP = {"386": "80486"}

#: Bytes of memory of a test: 1 MiB, and the 64 KiB above it that need an open A20 line.
MEMORY = 0x110000


class FormatError(ValueError):
    """The file is not a set of vectors. The message says what is wrong with it."""


def owners(off: Array) -> Array:
    """The number of the part to which each element belongs, from the offsets of the parts."""
    sizes: Array = np.diff(off.astype(np.int64))
    return np.repeat(np.arange(len(sizes), dtype=np.int64), sizes)


def find_sets(path: Path) -> list[Path]:
    """The sets at a path: a file, an unpacked set, or every `.npz` below a directory.

    FileNotFoundError: there is none.
    """
    if path.is_file() or (path / "regs0.npy").is_file():
        return [path]
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: name a .npz file or a directory of them")
    found = sorted(path.rglob("*.npz"))
    if not found:
        raise FileNotFoundError(f"{path} holds no .npz file: name one, or a directory of them")
    return found


class VectorSet:
    """The tests of one chip. The arrays of the file are attributes: see docs/CONFORMANCE.md."""

    PER_TEST = ("index", "regs0", "regs1", "fmask", "vector")
    PARTS = (
        ("code_off", ("code",)),
        ("ram0_off", ("ram0_addr", "ram0_val")),
        ("ram1_off", ("ram1_addr", "ram1_val", "ram1_mask")),
        ("name_off", ("name",)),
    )

    def __init__(self, arrays: dict[str, Array], meta: dict[str, Any] | None = None) -> None:
        self.arrays = arrays
        self.meta = meta or {}
        self.forms = [name.decode() for name in arrays["form_name"]]
        self.registers = REGISTERS32 if self.regs0.dtype == np.uint32 else REGISTERS

    @classmethod
    def load(cls, path: Path) -> VectorSet:
        """Read a `.npz` file, or map an unpacked set: a directory with one `.npy` per array.

        FormatError: it is not a set of vectors. OSError: it cannot be read.
        """
        arrays: dict[str, Array]
        try:
            if path.is_dir():
                files = sorted(path.glob("*.npy"))
                arrays = {file.stem: np.load(file, mmap_mode="r") for file in files}
                text = path / "meta.json"
                meta = json.loads(text.read_text("utf-8") if text.exists() else '{"format": 1}')
            else:
                with np.load(path) as archive:
                    arrays = {name: archive[name] for name in archive.files}
                meta = json.loads(bytes(arrays.pop("meta", np.frombuffer(b"{}", np.uint8))))
        except (OSError, MemoryError):
            raise
        except Exception as error:  # a damaged archive raises nearly any exception
            raise FormatError(f"{path} is no set of vectors: {error}") from error
        if not isinstance(meta, dict) or meta.get("format") != 1:
            raise FormatError(f"{path}: its meta array must say format 1")
        _complete(arrays)
        if why := _wrong(arrays):
            raise FormatError(f"{path}: {why}")
        return cls(arrays, meta)

    @property
    def model(self) -> str | None:
        """The CPU model for the set, by its meta array; None if that names no known chip."""
        chip = str(self.meta.get("cpu", ""))
        try:
            return canonical(MODEL_OF_CHIP.get(chip, chip))
        except ValueError:
            return None

    def __getattr__(self, name: str) -> Array:
        try:
            arrays: dict[str, Array] = self.__dict__["arrays"]
            return arrays[name]
        except KeyError:
            raise AttributeError(name) from None

    def __len__(self) -> int:
        return len(self.regs0)

    def part(self, i: int, *names: str) -> tuple[Array, ...]:
        """The elements of test `i` in arrays of one variable-length part, such as "ram0_addr"."""
        off, i = self.arrays[names[0].split("_")[0] + "_off"], _core.exact(i, "i")
        return tuple(self.arrays[name][int(off[i]) : int(off[i + 1])] for name in names)

    @cached_property
    def form_of(self) -> Array:
        """The number of each test's form, [tests]."""
        return owners(self.form_start)

    def of_forms(self, pattern: str) -> Array:
        """bool [tests]: the regular expression matches the whole name of the test's form."""
        found = np.array([re.fullmatch(pattern, form) is not None for form in self.forms], bool)
        picked: Array = found[self.form_of]
        return picked

    def any_in_test(self, off: Array, bad: Array) -> Array:
        """bool [tests]: `bad` is true for an element of the test. `off`: where each test begins."""
        total = np.concatenate(([0], np.cumsum(bad)))
        hit: Array = total[off[1:].astype(np.int64)] > total[off[:-1].astype(np.int64)]
        return hit

    def select(self, rows: Array) -> VectorSet:
        """A set with only these rows, which must be in ascending order."""
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
        return VectorSet(out, self.meta)

    @cached_property
    def check(self) -> tuple[Array, Array, Array, Array]:
        """Every byte to compare after a test: arrays of offsets by test, address, value, mask.

        In each test first the final bytes (ram1), then the other initial bytes (ram0), which must
        keep their values.
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


# -- what a file must hold, so that no test leaves its memory --------------------------------------

TYPES = {"off": "u4", "addr": "u4", "val": "u1", "mask": "u1"}


def _complete(arrays: dict[str, Array]) -> None:
    """Fill in optional arrays: index, vector, name. They are only shown."""
    n = len(arrays["regs0"]) if "regs0" in arrays and arrays["regs0"].ndim else 0
    arrays.setdefault("index", np.zeros(n, np.uint16))
    arrays.setdefault("vector", np.full(n, -1, np.int16))
    if "name" not in arrays:
        arrays |= {"name": np.zeros(0, np.uint8), "name_off": np.zeros(n + 1, np.uint32)}


def _wrong(arrays: dict[str, Array]) -> str | None:
    """What is wrong with the arrays of a file; None if nothing is."""
    needed = ["form_name", "form_start", *VectorSet.PER_TEST]
    needed += [name for off, members in VectorSet.PARTS for name in (off, *members)]
    if missing := [name for name in needed if name not in arrays]:
        return f"the array {missing[0]} is missing"
    regs0, regs1 = arrays["regs0"], arrays["regs1"]
    if regs0.dtype not in (np.uint16, np.uint32) or regs0.ndim != 2 or regs0.shape[1] != 14:
        return f"regs0 is {regs0.dtype} {regs0.shape}: it must be uint16 or uint32 [tests, 14]"
    if regs1.dtype != regs0.dtype or regs1.shape != regs0.shape:
        return "regs1 does not have the type and shape of regs0"
    n = len(regs0)
    for name in ("index", "fmask", "vector"):
        if arrays[name].shape != (n,) or arrays[name].dtype.kind not in "iu":
            return f"{name} is not one integer per test"
    if arrays["form_name"].ndim != 1 or arrays["form_name"].dtype.kind != "S":
        return "form_name is not a list of byte strings"
    if not _is_offsets(arrays["form_start"], len(arrays["form_name"]), n):
        return "form_start does not divide the tests among the forms"
    for off, members in VectorSet.PARTS:
        for name in members:
            kind = TYPES.get(name.rpartition("_")[2], "u1")
            if arrays[name].ndim != 1 or arrays[name].dtype != np.dtype(kind):
                return f"{name} is not a list of {np.dtype(kind)}"
            if not _is_offsets(arrays[off], n, len(arrays[name])):
                return f"{off} does not divide {name} among the tests"
    for name in ("ram0_addr", "ram1_addr"):
        if len(arrays[name]) and int(arrays[name].max()) >= MEMORY:
            return f"{name} has an address at or above {MEMORY:x}h"
    if not (np.diff(arrays["code_off"].astype(np.int64)) > 0).all():
        return "a test has no code"
    return None


def _is_offsets(off: Array, parts: int, total: int) -> bool:
    if off.shape != (parts + 1,) or off.dtype != np.uint32:
        return False
    rising = (np.diff(off.astype(np.int64)) >= 0).all()
    return bool(rising) and int(off[0]) == 0 and int(off[-1]) == total


# -- running --------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """The results of a set on a model, in one of WAYS."""

    regs: Array
    ram: Array  # parallel to VectorSet.check
    error: Array  # 1: could not be run; 2: the result of a cached block differs from that of a step
    seconds: float = 0.0  # of the compiled loop


def run(v: VectorSet, model: str, way: int = 0) -> Outcome:
    """Run every test in compiled code; `way` indexes WAYS. ValueError: `model` is unknown."""
    off, addr, _, _ = v.check
    out = Outcome(np.zeros_like(v.regs0), np.zeros(len(addr), np.uint8), np.zeros(len(v), np.uint8))
    if not len(v):
        return out
    inputs = (v.regs0, v.ram0_off, v.ram0_addr, v.ram0_val, off, addr)
    arrays = [np.ascontiguousarray(array) for array in inputs]
    arrays += [out.regs, out.ram, out.error]
    run_vectors: Any = _core.run_vectors
    start = perf_counter()
    run_vectors(canonical(model), *arrays, way)
    out.seconds = perf_counter() - start
    return out


def run_all_ways(v: VectorSet, model: str) -> list[Outcome]:
    """Run every test in each of WAYS."""
    return [run(v, model, way) for way in range(len(WAYS))]


@dataclass
class Verdict:
    """What is wrong with each test, as bool [tests]. `good`: it passes. `exact`: also the undefined
    flags and masked bits are equal."""

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


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdicts of several ways as one: a test is good if it is good in all of them."""
    first, *others = verdicts
    for verdict in others:
        wrong = {kind: getattr(first, kind) | getattr(verdict, kind) for kind in Verdict.KINDS}
        good, exact = first.good & verdict.good, first.exact & verdict.exact
        first = Verdict(**wrong, good=good, exact=exact)
    return first


def failures(v: VectorSet, verdict: Verdict) -> dict[str, int]:
    """How many tests fail, by form, only for forms with failures."""
    counts = np.bincount(v.form_of[~verdict.good], minlength=len(v.forms))
    return {form: int(n) for form, n in zip(v.forms, counts, strict=True) if n}


def counts(v: VectorSet, verdict: Verdict) -> dict[str, dict[str, int]]:
    """By form: how many tests there are, how many pass with defined flags, how many with all."""
    out = {}
    for k, form in enumerate(v.forms):
        rows = slice(int(v.form_start[k]), int(v.form_start[k + 1]))
        if n := rows.stop - rows.start:
            good, exact = int(verdict.good[rows].sum()), int(verdict.exact[rows].sum())
            out[form] = {"tests": n, "defined": good, "all": exact}
    return out


# -- showing --------------------------------------------------------------------------------------


def _flags(value: int) -> str:
    return "".join(letter if value & bit else "-" for bit, letter in FLAG_LETTERS.items())


def explain(v: VectorSet, out: Outcome, i: int) -> str:
    """One test as text: its code, the state before, and each difference from what was expected."""
    i = _core.exact(i, "i")
    (code,) = v.part(i, "code")
    (name,) = v.part(i, "name")
    vector = f"  vector {int(v.vector[i])}" if v.vector[i] >= 0 else ""
    form = v.forms[int(v.form_of[i])]
    text = name.tobytes().decode(errors="replace")
    lines = [f"{form} #{int(v.index[i])}  {code.tobytes().hex(' ')}  {text}"]
    lines[0] += vector + ("", "  COULD NOT BE RUN", "  DIFFERS FROM A STEP")[int(out.error[i])]
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
        line = f"  {register:<8}after {got:0{width}x} expected {want:0{width}x}"
        if k == FLAGS:
            mask = int(v.fmask[i])
            line += f"  after {_flags(got)} expected {_flags(want)} defined {_flags(mask)}"
            line += "" if (want ^ got) & mask else "  (only undefined ones differ)"
        lines.append(line)
    off, addr, want_ram, mask_ram = v.check
    for k in range(int(off[i]), int(off[i + 1])):
        if out.ram[k] != want_ram[k]:
            at, masked = int(addr[k]), int(mask_ram[k])
            lines.append(
                f"  [{at:06x}]  before {memory.get(at, 0):02x} after {int(out.ram[k]):02x} "
                f"expected {int(want_ram[k]):02x}" + (f" mask {masked:02x}" if masked < 255 else "")
            )
    return "\n".join(lines)


def table(
    v: VectorSet, outcomes: Sequence[Outcome], *, failing: bool = False, samples: int = 0
) -> str:
    """The results as text: a line per form, up to `samples` failures below it, the total."""
    samples = _core.exact(samples, "samples")
    verdicts = [judge(v, out) for out in outcomes]
    verdict = worst(verdicts)
    columns = ("tests", "defined", "all", *Verdict.KINDS)
    lines = [f"{'form':<13}" + "".join(f"{column:>8}" for column in columns)]
    for k, (form, n) in enumerate(
        zip(v.forms, np.diff(v.form_start.astype(np.int64)), strict=True)
    ):
        rows = slice(int(v.form_start[k]), int(v.form_start[k + 1]))
        if not n or (failing and verdict.good[rows].all()):
            continue
        sums = [int(getattr(verdict, kind)[rows].sum()) for kind in ("good", "exact")]
        wrong = [int(getattr(verdict, kind)[rows].sum()) for kind in Verdict.KINDS]
        line = f"{form:<13}{n:>8}" + "".join(f"{x:>8}" for x in sums)
        lines.append(line + "".join(f"{x or '.':>8}" for x in wrong))
        for i in (rows.start + np.flatnonzero(~verdict.good[rows]))[:samples]:
            lines += _sample(v, outcomes, verdicts, int(i))
    good, exact = int(verdict.good.sum()), int(verdict.exact.sum())
    lines.append(
        f"{len(v):,} tests: {good:,} good ({percent(good, len(v))} %), {exact:,} with all flags "
        f"({percent(exact, len(v))} %); {len(failures(v, verdict))} forms with failures"
    )
    return "\n".join(lines)


def _sample(
    v: VectorSet, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict], i: int
) -> list[str]:
    """A failing test, with its results in the first way in which it fails."""
    way = next(k for k, verdict in enumerate(verdicts) if not verdict.good[i])
    text = explain(v, outcomes[way], i)
    return [f"    {WAYS[way]}:", *(f"    {line}" for line in text.splitlines())]


def percent(part: int, whole: int) -> str:
    """A share in per cent, rounded down, so that 100 means all.

    >>> percent(96_599, 96_600), percent(96_600, 96_600)
    ('99.998', '100.000')
    """
    part, whole = _core.exact(part, "part"), _core.exact(whole, "whole")
    return f"{100_000 * part // max(whole, 1) / 1000:.3f}"
