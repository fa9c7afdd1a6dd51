"""The start-up measurement: time processes, machines, two threads, `run(wall=...)`; and memory."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Any, Literal

from .. import _core
from ..pc.machine import Machine
from ..vm import Vm
from .cpu import turns_for
from .engines import Ours
from .kernels import KERNELS
from .verdicts import Verdict, spread

#: cli; hlt: a boot sector that halts at once and never continues.
HALT = b"\xfa\xf4".ljust(510, b"\0") + b"\x55\xaa"

#: The directory that has the package.
PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PAGE = os.sysconf("SC_PAGE_SIZE")
KIB = 1024
#: Machines whose memory is measured.
CROWD = 100
#: Seconds that each of two threads computes.
THREAD_SECONDS = 0.2

LIMITS = {
    "boot": (5.0, "x python -c pass", True),
    "machine": (1.0, "ms", True),
    "vm-vcpu": (0.3, "ms", True),
    "wall-limit": (20.0, "ms", True),
    "threads": (0.9, "x C threads", False),
}


@dataclass(frozen=True)
class Row:
    """One figure. The limits of `boot` and `threads` are for `ratio`."""

    name: str
    value: float
    unit: str
    what: str
    ratio: float | None = None
    values: Sequence[float] = ()
    """The repetitions of which `ratio`, or else `value`, is the median."""

    def line(self) -> str:
        """The row as text, below HEAD."""
        value = f"{self.value:.3f} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        return f"{self.name:<16}{value:>16}{ratio:>8}  {self.what}"

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        row: dict[str, Any] = {
            "name": self.name,
            "value": round(self.value, 4),
            "unit": self.unit,
        }
        if self.ratio is not None:
            row["ratio"] = round(self.ratio, 3)
        if self.values:
            row["spread"] = [round(each, 4) for each in spread(self.values)]
        return row


HEAD = f"{'start-up':<16}{'':>16}{'ratio':>8}"


def processes(rounds: int) -> Iterator[Row]:
    """Time `python -c pass` and `python -m pyx86emu` on a boot sector that halts, alternately."""
    with TemporaryDirectory() as directory:
        image = os.path.join(directory, "halt.img")
        with open(image, "wb") as file:
            file.write(HALT)
        # Python finds compiled modules, as it does for an installed package.
        env = {**os.environ, "PYTHONPATH": PACKAGE, "PYTHONPYCACHEPREFIX": directory}
        env.pop("PYTHONDONTWRITEBYTECODE", None)

        def seconds(*args: str) -> float:
            start = perf_counter()
            subprocess.run(
                [sys.executable, *args],
                env=env,
                check=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            return perf_counter() - start

        def pair() -> tuple[float, float]:
            return seconds("-c", "pass"), seconds("-m", "pyx86emu", image)

        pair()
        pairs = [pair() for _ in range(rounds)]
    yield Row("python", median(a for a, _ in pairs) * 1e3, "ms", "python -c pass")
    ratios = [b / a for a, b in pairs]
    what = "python -m pyx86emu on a boot sector that halts at once; ratio to the row above"
    yield Row("boot", median(b for _, b in pairs) * 1e3, "ms", what, median(ratios), ratios)


def in_process(rounds: int) -> Iterator[Row]:
    """Time how long making a machine and a bare Vm takes."""

    def row(name: str, make: Callable[[], Machine | Vm], what: str) -> Row:
        times = []
        for _ in range(rounds):
            start = perf_counter()
            made = make()
            times.append((perf_counter() - start) * 1e3)
            made.close()
        return Row(name, median(times[1:]), "ms", what, None, times[1:])

    def bare() -> Vm:
        vm = Vm()
        vm.create_vcpu()
        return vm

    yield row("machine", lambda: Machine(HALT), "Machine(boot sector)")
    yield row("vm-vcpu", bare, "Vm() and create_vcpu()")


def resident() -> int:
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * PAGE


def halted_vm() -> Vm:
    """Return a Vm with one page of RAM, after it ran a HLT there."""
    vm = Vm()
    ram = vm.add_memory(0, PAGE)
    ram[0] = 0xF4
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, 0
    vcpu.run()
    return vm


def memory_per_vm(machines: int = CROWD) -> float:
    """Return the KiB that a Vm with one vCPU needs in addition to its RAM."""
    first = halted_vm()
    before = resident()
    crowd = [halted_vm() for _ in range(machines)]
    used = resident() - before
    for vm in [first, *crowd]:
        vm.close()
    return used / machines / KIB - PAGE / KIB


def memory_row() -> Row:
    """Measure in a new process: this one would reuse memory that it has freed."""
    code = f"from {__name__} import memory_per_vm; print(memory_per_vm())"
    env = {**os.environ, "PYTHONPATH": PACKAGE}
    out = subprocess.run([sys.executable, "-c", code], env=env, check=True, capture_output=True)
    return Row("memory-per-vm", float(out.stdout), "KiB", "a Vm with a vCPU, without its RAM")


#: Boot sectors that never end. Each could delay the check of the clock in another way.
ENDLESS = {
    "computes": "ebfe",
    "exits": "ba3412 ed ebfd",
    "asks a device": "ba7000 ec ebfd",
    "repeats": "31c0 8ec0 ba7100 b9ffff f36c ebf7",
    "halts": "fb f4 ebfd",
    "rewrites itself": "2e fe06067c 90 ebf8",
}
CLOCKS: list[tuple[Literal["virtual", "host"], int]] = [("virtual", 0), ("virtual", 7), ("host", 7)]


def wall_limit(rounds: int) -> Row:
    """Measure how late `run(wall=...)` ends: the latest of all guests, clocks and shifts.

    Each guest runs several times and the earliest end counts, because other work of the host
    delays some runs.
    """
    late = []
    for code in ENDLESS.values():
        for clock, shift in CLOCKS:
            with Machine(bytes.fromhex(code), clock=clock, shift=shift) as m:
                m.boot()
                m.run(max_instructions=5000)
                times = []
                for _ in range(rounds + 2):
                    start = perf_counter()
                    m.run(wall=0.01)
                    times.append((perf_counter() - start - 0.01) * 1e3)
                late.append(min(times))
    return Row("wall-limit", max(late), "ms", "run(wall=0.01) of endless guests: the latest end")


def gain(work: Callable[[int], object]) -> float:
    """Return the work that two threads do, `work(0)` and `work(1)`, as a multiple of one's."""
    return 2 * seconds_of(work, 1) / seconds_of(work, 2)


def seconds_of(work: Callable[[int], object], count: int) -> float:
    """Return the seconds until `count` threads have done their work."""
    threads = [Thread(target=work, args=(number,)) for number in range(count)]
    start = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return perf_counter() - start


def threads(rounds: int, scale: float) -> Row:
    """Compare two machines in two threads with two threads of plain C, alternately."""
    alu = KERNELS[0]
    seconds = THREAD_SECONDS * scale
    additions = int(seconds * 3e9)
    with closing(Ours(alu)) as one, closing(Ours(alu)) as other:
        machines = (one, other)
        turns = turns_for(one, seconds)
        turns_for(other, 0.0)
        pairs = [
            (gain(lambda n: machines[n].run(turns)), gain(lambda _: _core.add_chain(additions)))
            for _ in range(rounds)
        ]
    what = "two machines in two threads, compared with one; ratio to the same in plain C"
    ratios = [a / b for a, b in pairs]
    return Row("threads", median(a for a, _ in pairs), "x", what, median(ratios), ratios)


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    yield from processes(2 * rounds + 1)
    yield from in_process(10 * rounds + 1)
    yield memory_row()
    yield wall_limit(rounds)
    yield threads(rounds, scale)


def verdicts(rows: list[Row]) -> Iterator[Verdict]:
    """Compare what was measured with its limits."""
    for row in rows:
        if row.name in LIMITS:
            limit, unit, most = LIMITS[row.name]
            value = row.value if row.ratio is None else row.ratio
            yield Verdict(row.name, value, limit, unit, most, row.values)
