"""Which ops real guests execute, and which follow each other: this decides what is fused.

    make ops                                     # all guests of PYX86EMU_GUESTS, and the compiler
    make ops ARGS="tetros compiler --top 10"     # some of them
    make ops ARGS="--keep .build/ops/counts"     # keep the counts, and use them again
    make ops ARGS="--fused"                      # which guests use each fusion that there is

It runs on a build of its own (PYX86EMU_BUILD=ops), which counts each op and the two before it in
its block; other builds have nothing of it. A real guest is taken through its steps, from reset. An
iteration of a REP is no instruction here: its op is executed once for many of them.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import re
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pyx86emu import Machine, _core
from pyx86emu.measure.engines import Ours
from pyx86emu.measure.kernels import KERNELS

PLACES = 1 << 17
#: Turns of the compiler: some millions of instructions.
COMPILED = 100
#: Images of one system count as one guest.
SYSTEMS = ("freedos", "elks")
#: A guest uses a fusion if so many percent of its instructions are executed by it.
USES = 0.1

Triple = tuple[str, str, str]
"""An op, the one before it, the one before that; "" if it is the first of its block."""


class Place(ctypes.Structure):
    """A place of the table in ops_counted.h."""

    _fields_ = (
        ("fn", ctypes.c_size_t * 3),
        ("ops", ctypes.c_uint64),
        ("instructions", ctypes.c_uint64),
    )


def names() -> dict[int, str]:
    """Address -> name of each function of the core."""
    library = ctypes.CDLL(_core.__file__)
    known = ctypes.addressof(ctypes.c_uint64.in_dll(library, "ops_lost"))
    listed = subprocess.run(["nm", _core.__file__], capture_output=True, text=True, check=True)
    symbols = [line.split() for line in listed.stdout.splitlines()]
    at = {words[2]: int(words[0], 16) for words in symbols if len(words) == 3}
    base = known - at["ops_lost"]
    pattern = re.compile(r"__pyx_f_8pyx86emu_5_core_(\w+?)(?:\.\w+)*$")
    return {base + where: m[1] for name, where in at.items() if (m := pattern.match(name))}


def counts() -> dict[Triple, tuple[int, int]]:
    """What this process has executed: ops, and of these the first of an instruction."""
    library = ctypes.CDLL(_core.__file__)
    assert ctypes.c_uint64.in_dll(library, "ops_lost").value == 0, "the table is too small"
    table = (Place * PLACES).in_dll(library, "ops_counted")
    known = names() | {0: ""}
    found: dict[Triple, tuple[int, int]] = {}
    for place in table:
        if place.ops:
            one, two, three = (known.get(at, "?") for at in place.fn)
            found[one, two, three] = (place.ops, place.instructions)
    return found


def compile_() -> None:
    """The compiler of the bench."""
    with closing(Ours(next(k for k in KERNELS if k.name == "compiler"))) as ours:
        ours.run(COMPILED)


def guests(images: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each real guest whose image is there: its name, and what takes it through its steps."""
    from tests.guests_real.test_guests_real import TOML, listed, machine_of, take_through

    assert TOML.is_file(), f"{TOML} is missing"
    for guest in listed():
        image = images / f"{guest['id']}.img"
        if image.is_file():

            def run(guest: dict[str, Any] = guest, image: Path = image) -> None:
                with machine_of(guest, image, Machine) as m:
                    take_through(guest, images, m)

            yield guest["id"], run


def child(name: str, images: Path) -> None:
    """Run one guest, print its counts as JSON."""
    everyone = {**dict(guests(images)), "compiler": compile_}
    everyone[name]()
    print(json.dumps([[*key, *value] for key, value in counts().items()]))


class Counts:
    """What one guest has executed, as plain ops: a fused op counts as those that it was made of."""

    def __init__(self, rows: Sequence[tuple[str, str, str, int, int]]) -> None:
        self.instructions = 0
        self.fused: Counter[str] = Counter()
        self.pairs: Counter[tuple[str, ...]] = Counter()
        self.triples: Counter[tuple[str, ...]] = Counter()
        for one, two, three, ops, first in rows:
            own = parts(one)
            self.instructions += first + ops * (len(own) - 1)
            if len(own) > 1:
                self.fused[kind(one)] += ops * len(own)
            elif "_predicated" in one:
                self.fused["predicated"] += ops
            before = [*parts(three), *parts(two)]
            line = before + own
            for i in range(len(before), len(line)):
                if i >= 1:
                    self.pairs[tuple(line[i - 1 : i + 1])] += ops
                if i >= 2:
                    self.triples[tuple(line[i - 2 : i + 1])] += ops

    def share(self, count: int) -> float:
        """In percent of the instructions."""
        return 100 * count / self.instructions


def kind(name: str) -> str:
    """The row of make_grid.py that a fused op is of: all sizes, conditions and lengths."""
    name = re.sub(r"(_[jp])[0-9a-f]$|(_x)\d$", r"\1\2", name)
    return re.sub(r"(8|16|32)_", "_", name)


def parts(name: str) -> list[str]:
    """The plain ops that an op does. All conditions of a Jcc are one."""
    name = re.sub(r"(_predicated)?(_dead)?(_seen)?$", "", name)
    if not name:
        return []
    if found := re.fullmatch(r"(\w+)_x(\d)", name):
        return [found[1]] * int(found[2])
    if found := re.fullmatch(r"(\w+?\d+_\w+)_[jp][0-9a-f]", name):
        return [found[1], "jcc"]
    return ["jcc"] if re.fullmatch(r"(jcc|predicate)_.", name) else [name]


def system(guest: str) -> str:
    """The guest, or what it is an image of."""
    first = guest.split("-")[0]
    return first if first in SYSTEMS else guest


def table(title: str, of: dict[str, Counter[Any]], all_: dict[str, Counts], top: int) -> list[str]:
    """The rows that take the largest share of instructions, each system weighing the same."""
    systems = Counter(map(system, of))
    sums: dict[Any, float] = defaultdict(float)
    for guest, counter in of.items():
        for key, n in counter.items():
            sums[key] += all_[guest].share(n) / systems[system(guest)] / len(systems)
    lines = [
        f"| {title} | mean, % | of {len(systems)} guests | most, % |",
        "| --- | ---: | ---: | ---: |",
    ]
    for key, mean in sorted(sums.items(), key=lambda item: -item[1])[:top]:
        shares = {guest: all_[guest].share(of[guest][key]) for guest in of}
        most = max(shares, key=lambda guest: shares[guest])
        many = len({system(guest) for guest, share in shares.items() if share >= USES})
        words = key if isinstance(key, str) else ", ".join(key)
        lines.append(f"| `{words}` | {mean:.2f} | {many} | {shares[most]:.1f} `{most}` |")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.ops_counted",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("guests", nargs="*", help="which of them; all if none is named")
    parser.add_argument("--top", type=int, default=30, help="rows of each table (30)")
    parser.add_argument("--fused", action="store_true", help="who uses the fusions that there are")
    parser.add_argument("--keep", type=Path, help="a directory for the counts of each guest")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    images = Path(os.environ.get("PYX86EMU_GUESTS", "guests"))
    if asked.child:
        child(asked.child, images)
        return 0
    found = {}
    for name in asked.guests or [*dict(guests(images)), "compiler"]:
        rows = counted(name, asked.keep)
        if rows is None:
            return 1
        found[name] = Counts(rows)
        print(f"{name}: {found[name].instructions:,} instructions", file=sys.stderr)
    if asked.fused:
        print(*table("fusion", {g: c.fused for g, c in found.items()}, found, 1000), sep="\n")
        return 0
    print(*table("pair", {g: c.pairs for g, c in found.items()}, found, asked.top), "", sep="\n")
    print(*table("triple", {g: c.triples for g, c in found.items()}, found, asked.top), sep="\n")
    return 0


def counted(name: str, keep: Path | None) -> Any:
    """The counts of one guest, from a process of its own or from the last time. None: it failed."""
    file = keep / f"{name}.json" if keep else None
    if file and file.is_file():
        return json.loads(file.read_text("utf-8"))
    command = [sys.executable, "-m", "tests.ops_counted", "--child", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
        return None
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(done.stdout, "utf-8")
    return json.loads(done.stdout)


if __name__ == "__main__":
    sys.exit(main())
