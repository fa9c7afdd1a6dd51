"""Host instructions, counted by callgrind: per guest instruction of a kernel, per access of a path.

They do not depend on the clock, nor on what else the machine does. tests/counted.json has what was
recorded last, with one compiler. To compare a change with the commit before it, use one compiler:

    python -m tests.counted --record             # before: writes tests/counted.json
    python -m tests.counted                      # after: status 1 if a row differs by more than 2 %
    python -m tests.counted --against FILE       # the same, with a record from elsewhere
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Literal

from pyx86emu import _core
from pyx86emu.measure.engines import Ours
from pyx86emu.measure.io import VGA, WINDOW, ZONES, set_up_vga
from pyx86emu.measure.kernels import FOOTPRINTS, KERNELS, Kernel
from pyx86emu.measure.ring import PATHS, Bench, install
from tests import counted_forms

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = Path(__file__).with_suffix(".json")

#: Two compilers may differ by so much; a lost fast path costs more.
TOLERANCE = 0.10
#: Below that the C library's memcpy decides, which looks at the host.
LEAST = 0.1

#: All of run() is counted, and what it calls, Python devices too.
COUNTED = "__pyx_pw_8pyx86emu_5_core_4Vcpu_*run"
#: Each call of this ends one count and begins the next. Two functions may be called so: a count of
#: nothing is none.
MARK = "*add_chain*"

INSTRUCTIONS = 50_000
#: A pass over much code depends on where the last one left the hash: take several.
TURNS = 4
#: Between the smallest and the largest footprint nothing else happens.
LEFT_OUT = tuple(f"footprint-{kib}K" for kib in FOOTPRINTS[1:-1])
RINGS = 2000
#: Where stores are plain.
RAM = 0x50000

Run = Callable[[int], int]
"""Turns -> guest instructions, or accesses."""


@contextmanager
def kernel(kernel: Kernel) -> Iterator[Run]:
    with closing(Ours(kernel)) as ours:

        def run(turns: int) -> int:
            ours.run(turns)
            return ours.instructions

        yield run


@contextmanager
def path(name: str, *, each: bool = False) -> Iterator[Run]:
    """One of the paths of the doorbell; `each`: as an ioeventfd with a write(2) a ring."""
    bus, addr = PATHS[name]
    with Bench(bus, addr) as bench:
        if each:
            bench.vm.ioeventfd(addr, 1, bus=bus, coalesce=False)
        else:
            install(bench.vm, name)
        yield lambda rings: ring(bench, rings)


@contextmanager
def in_core(loop: str, port: int) -> Iterator[Run]:
    """A device in the core."""
    with Bench(loop, port, 0xFF, chips=True) as bench:
        yield lambda rings: ring(bench, rings)


@contextmanager
def unanswered() -> Iterator[Run]:
    """IN from a port without a device: an exit, then the instruction is executed by itself."""
    with Bench("pio-in", 0x500) as bench:
        yield lambda rings: ring(bench, rings)


@contextmanager
def one_by_one() -> Iterator[Run]:
    """run(1) again and again: each instruction by itself, and an exit."""
    with Bench("mmio", RAM) as bench:
        bench.ring(1)

        def run(turns: int) -> int:
            bench.vcpu.regs.ip, bench.vcpu.regs.ecx = bench.code, turns
            for _ in range(turns):
                bench.vcpu.run(1)
            return turns

        yield run


@contextmanager
def saved() -> Iterator[Run]:
    """Stores to a page of a Vm that was saved: only the first one is noted."""
    with Bench("mmio", RAM, 0xA5) as bench:
        bench.vm.save()
        yield lambda rings: ring(bench, rings)


@contextmanager
def vga(registers: Iterable[int]) -> Iterator[Run]:
    """Stores to the window of the VGA."""
    with Bench("mmio", WINDOW, 0xA5) as bench:
        set_up_vga(bench.vm, registers)
        yield lambda rings: ring(bench, rings)


@contextmanager
def zone(bus: Literal["pio", "mmio"]) -> Iterator[Run]:
    """A coalesced zone. The ring is never full, so Python has no part in it."""
    addr = ZONES[bus]
    with Bench(bus, addr) as bench:
        bench.vm.coalesced.capacity = 10 * RINGS
        bench.vm.coalesce(addr, 1, bus=bus)
        yield lambda rings: ring(bench, rings)


def ring(bench: Bench, rings: int) -> int:
    bench.ring(rings)
    return bench.turns()


def cases() -> Iterator[tuple[str, AbstractContextManager[Run], int]]:
    """Name, what runs, turns."""
    for k in KERNELS:
        if k.name not in LEFT_OUT:
            yield k.name, kernel(k), max(TURNS, INSTRUCTIONS // (k.count(2) - k.count(1)))
    for name in PATHS:
        yield name, path(name), RINGS
    yield "ioeventfd-pio-each", path("ioeventfd-pio", each=True), RINGS
    yield "exit-pio-in", unanswered(), RINGS
    yield "exit-budget", one_by_one(), RINGS
    yield "saved-stores", saved(), RINGS
    yield "in-core-pic", in_core("pio", 0x21), RINGS
    yield "in-core-pit", in_core("pio-in", 0x40), RINGS
    for name, registers in VGA.items():
        yield name, vga(registers), RINGS
    for bus in ZONES:
        yield f"coalesced-{bus}", zone(bus), RINGS
    yield from counted_forms.cases()


def child() -> None:
    """Under callgrind: warm up, count n turns and 2n turns. The difference has nothing of what
    comes once."""
    for name, case, n in cases():
        with case as run:
            run(2 * n)  # decodes every way that is taken
            run(2 * n)  # chains what the first run left
            _core.add_chain(0)
            once = run(n)
            _core.add_chain(0)
            twice = run(2 * n)
            _core.add_chain(0)
        print(name, twice - once)


def measure() -> dict[str, float]:
    """Host instructions per guest instruction, or per access, by name."""
    valgrind = shutil.which("valgrind")
    assert valgrind is not None
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "out"
        done = subprocess.run(
            [
                *(valgrind, "--tool=callgrind", f"--callgrind-out-file={out}"),
                *("--collect-atstart=no", f"--toggle-collect={COUNTED}", f"--dump-before={MARK}"),
                *(sys.executable, "-m", "tests.counted", "--child"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": python_path()},
        )
        assert done.returncode == 0, done.stderr
        dumps = sorted(out.parent.glob("out.*"), key=lambda path: int(path.suffix[1:]))
        totals = [found for dump in dumps if (found := total(dump))]
    cases = [line.split() for line in done.stdout.splitlines()]
    assert len(totals) == 3 * len(cases), f"{len(totals)} counts for {len(cases)} cases"
    return {
        name: round((totals[3 * i + 2] - totals[3 * i + 1]) / int(units), 3)
        for i, (name, units) in enumerate(cases)
    }


def python_path() -> str:
    """Where this process imports the package from."""
    return str(Path(_core.__file__).parents[1])


def total(dump: Path) -> int:
    """The sum at the end of one of callgrind's dumps."""
    (line,) = [line for line in dump.read_text("utf-8").splitlines() if line.startswith("totals:")]
    return int(line.split()[1])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.counted",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--record", action="store_true", help="write tests/counted.json")
    parser.add_argument("--against", type=Path, default=EXPECTED, help="the record to compare with")
    parser.add_argument("--limit", type=float, default=2.0, help="percent a row may differ (2)")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.child:
        child()
        return 0
    if asked.record:
        record = {"python": python_version(), "counts": measure()}
        EXPECTED.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
        return 0
    return compare(json.loads(asked.against.read_text("utf-8"))["counts"], measure(), asked.limit)


def compare(before: dict[str, float], now: dict[str, float], limit: float) -> int:
    """Print both, row by row; 1 if one differs by more than `limit` percent."""
    status = 0
    print(f"{'':24}{'before':>12}{'now':>12}{'percent':>10}")
    for name in sorted(before.keys() | now.keys()):
        if name not in before or name not in now:
            print(f"{name:24}  only {'now' if name in now else 'before'}")
            status = 1
            continue
        was, is_ = before[name], now[name]
        percent = 100 * (is_ / was - 1) if was else 0.0
        far = abs(percent) > limit and abs(is_ - was) > LEAST
        print(f"{name:24}{was:12.3f}{is_:12.3f}{percent:+10.2f}{'  *' if far else ''}")
        status |= far
    return int(status)


def python_version() -> str:
    """3.11, say: where Python runs, its own instructions are counted too."""
    return ".".join(platform.python_version_tuple()[:2])


if __name__ == "__main__":
    sys.exit(main())
