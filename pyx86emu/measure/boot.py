"""The start-up measurement: time processes, two threads, `run(wall=...)`. `crowd`: many guests."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from time import perf_counter
from typing import Literal

from .. import _core
from ..pc.machine import Machine
from . import crowd
from .children import environment
from .cpu import turns_for
from .crowd import HALT, Row
from .engines import Ours
from .kernels import KERNELS
from .verdicts import Verdict

#: Seconds that each of two threads computes.
THREAD_SECONDS = 0.2

LIMITS = {
    "boot": (4.0, "x python -c pass", True),
    "machine": (3000.0, "/s", False),
    "vm-vcpu": (10000.0, "/s", False),
    "wall-limit": (20.0, "ms", True),
    "threads": (0.9, "x C threads", False),
}


HEAD = f"{'start-up':<16}{'':>16}{'ratio':>8}"


def processes(rounds: int) -> Iterator[Row]:
    """Time `python -c pass` and `python -m pyx86emu` on a boot sector that halts, alternately."""
    with TemporaryDirectory() as directory:
        image = os.path.join(directory, "halt.img")
        with open(image, "wb") as file:
            file.write(HALT)
        env = environment(compiled=directory)

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
    yield from crowd.rates(10 * rounds)
    yield from crowd.memory(scale)
    yield wall_limit(rounds)
    yield threads(rounds, scale)


def verdicts(rows: list[Row]) -> Iterator[Verdict]:
    """Compare what was measured with its limits."""
    for row in rows:
        if row.name in LIMITS:
            limit, unit, most = LIMITS[row.name]
            value = row.value if row.ratio is None else row.ratio
            yield Verdict(row.name, value, limit, unit, most, row.values)
