"""Recordings, measured: what one costs, and going back in ten guest seconds. Knows no peer."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from time import perf_counter

from ..pc.machine import Machine
from .figures import Row

#: Guest seconds that are recorded.
SECONDS = 10.0
#: Where FreeDOS is, if it is.
GUESTS, IMAGE = "PYX86EMU_GUESTS", "freedos-1440k.img"
#: sti; again: mov ah,1; int 16h; inc word [500h]; jmp again. Always busy, with interrupts.
BUSY = bytes.fromhex("fb b401 cd16 ff060005 ebf6")


def guest() -> tuple[str, bytes | Path]:
    """The name of the guest, and its boot disk."""
    path = Path(os.environ.get(GUESTS, "")) / IMAGE
    return ("FreeDOS", path) if os.environ.get(GUESTS) and path.exists() else ("a loop", BUSY)


def run(m: Machine, seconds: float) -> float:
    """Run up to this guest time, as a user would: in pieces. Real seconds."""
    began = perf_counter()
    while m.time < seconds:
        m.run(timeout=min(0.1, seconds - m.time))
    return perf_counter() - began


def milliseconds(call: Callable[[], object]) -> float:
    """How long it takes."""
    began = perf_counter()
    call()
    return (perf_counter() - began) * 1000


def rows(rounds: int, scale: float) -> Iterator[Row]:
    """Yield all figures, one by one."""
    name, disk = guest()
    seconds, points = max(SECONDS * scale, 0.5), max(int(60 * scale), 5)
    with Machine(disk) as m:
        plain = run(m, seconds)
    with Machine(disk) as m, m.record() as recording:
        cost = run(m, seconds) / plain
        yield Row("record-cost", cost, "x", f"m.record(): {name}, time compared with no recording")
        end = m.vcpu.instructions or 0
        rng = random.Random(3)
        gone, back = [], []
        for _ in range(points):
            place = rng.randrange(recording.first + 1, end)
            gone.append(milliseconds(lambda place=place: m.goto(place)))  # type: ignore[misc]
            back.append(milliseconds(m.step_back))
        what = f"m.goto() in {seconds:g} guest seconds of {name}, median"
        yield Row("record-goto", median(gone), "ms", what)
        what = "m.step_back() after it, median"
        yield Row("record-step-back", median(back), "ms", what)
        yield Row("record-step-worst", max(back), "ms", "the same, worst", None, 50.0)
        m.goto(end)
        where = m.vcpu.instructions or 0
        m.goto(max(where - 1_000_000, recording.first))
        point = (m.vcpu.regs.cs << 4) + m.vcpu.regs.ip
        m.goto(end)
        what = "m.run_back() to a place that was executed in the last 1,000,000 instructions"
        yield Row("record-run-back", milliseconds(lambda: m.run_back(until=[point])), "ms", what)
