"""The latency measurement: time a ring until another thread or process is awake.

Two sides play ping-pong. One sleeps in poll(2) on an eventfd; when it is awake it takes the time
and stores a number in memory that both see. The other side looks at that memory all the time, and
rings. It is a guest, or (`bare`) a C thread that calls write(2). So both times are of the side that
was woken, and a round has everything from the store to the next wake-up. Rounds in which the ring
came before the other side slept are not timed.
"""

import json
import mmap
import os
import select
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from resource import RUSAGE_THREAD, getrusage
from statistics import median
from threading import Thread
from time import perf_counter_ns, thread_time_ns
from typing import Any

from .. import _core
from ..vm import Vm
from .children import environment
from .slow_guests import GUESTS, RINGS, SLICE, Slow, one_slice, start
from .verdicts import Verdict

#: Rounds of ping-pong, slices of each slow guest, deregistrations, at scale 1.
ROUNDS = 4000
SLICES = 300
REMOVALS = 500
#: Rounds with a sleep that make a median.
ENOUGH = 20
#: Busy processes beside the deregistrations, for each processor.
HOGS = 1

#: A ring of a guest takes at most so many times as long as a bare write, at the median.
TO_BARE = 1.5
#: An added-up ring waits at most so many microseconds.
LONGEST_WAIT = 50.0

#: again: cmp [0],ax; je again; mov ax,[0]; out 80h,al; jmp again
PING = bytes.fromhex("39060000 74fa a10000 e680 ebf3")
CODE = 0x1000
WORD = 0x8000


@dataclass(frozen=True)
class Row:
    """Microseconds. `rounds` were asked for, `count` were measured."""

    name: str
    microseconds: float
    p99: float
    rounds: int
    count: int
    what: str
    ratio: float | None = None
    values: Sequence[float] = ()
    """`ratio` of each turn, or the microseconds of each round of a wait."""

    @property
    def exact(self) -> bool:
        return self.count == self.rounds

    def line(self) -> str:
        """The row as text, below HEAD."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        lost = "" if self.exact else f"  NOT EXACT: {self.count} of {self.rounds}"
        figures = f"{self.microseconds:>10.2f}{self.p99:>10.2f}{ratio:>8}"
        return f"{self.name:<28}{figures}  {self.what}{lost}"

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        row: dict[str, Any] = {
            "name": self.name,
            "us": round(self.microseconds, 3),
            "p99_us": round(self.p99, 3),
            "rounds": self.rounds,
            "exact": self.exact,
        }
        return row if self.ratio is None else row | {"ratio": round(self.ratio, 3)}


HEAD = f"{'latency':<28}{'us':>10}{'p99':>10}{'x bare':>8}"


@dataclass(frozen=True)
class Court:
    """What both sides see: memory, the file that it is of, and the eventfd."""

    memory: mmap.mmap
    file: int
    bell: int


@contextmanager
def court() -> Iterator[Court]:
    """Memory for a game, and its eventfd."""
    with ExitStack() as stack:
        file = os.memfd_create("latency", os.MFD_CLOEXEC)
        stack.callback(os.close, file)
        os.ftruncate(file, 0x10000)
        memory = stack.enter_context(mmap.mmap(file, 0x10000))
        bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        stack.callback(os.close, bell)
        yield Court(memory, file, bell)


Times = Sequence[int]
"""Nanoseconds, one for each round; below 0: the ring came before the other side slept."""


# -- who is woken ----------------------------------------------------------------------------------


def c_thread(court: Court, rounds: int) -> Times:
    return _core.pong(court.memory, WORD, court.bell, rounds)


def python_thread(court: Court, rounds: int) -> Times:
    poll = select.poll()
    poll.register(court.bell, select.POLLIN)
    times = []
    with memoryview(court.memory) as data, data[WORD : WORD + 2] as two, two.cast("H") as word:
        for i in range(1, rounds + 1):
            slept = getrusage(RUSAGE_THREAD).ru_nvcsw
            began = perf_counter_ns()
            word[0] = i & 0xFFFF
            if not poll.poll(1000):
                break
            took = perf_counter_ns() - began
            times.append(took if getrusage(RUSAGE_THREAD).ru_nvcsw > slept else -took)
            os.eventfd_read(court.bell)
    return times


def c_process(court: Court, rounds: int) -> Times:
    """Another process, which gets the eventfd and the file of the memory from this one."""
    program = (
        "import json, mmap, sys; from pyx86emu import _core; "
        "bell, file, word, rounds = map(int, sys.argv[1:]); "
        "print(json.dumps(_core.pong(mmap.mmap(file, 0), word, bell, rounds)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, (court.bell, court.file, WORD, rounds))],
        env=environment(),
        pass_fds=(court.bell, court.file),
        stdout=subprocess.PIPE,
        check=True,
    )
    times: list[int] = json.loads(done.stdout)
    return times


WOKEN = {"thread": c_thread, "process": c_process, "python-thread": python_thread}

# -- who rings -------------------------------------------------------------------------------------


@contextmanager
def bare(court: Court) -> Iterator[None]:
    """A C thread that writes to the eventfd, until nothing comes for a second."""
    _core.stop_ping(court.memory, WORD, False)
    thread = Thread(target=_core.ping, args=(court.memory, WORD, court.bell))
    thread.start()
    try:
        yield
    finally:
        _core.stop_ping(court.memory, WORD, True)
        thread.join()


@contextmanager
def guest(court: Court, *, coalesce: bool) -> Iterator[None]:
    """A guest whose RAM is the memory."""
    with Vm() as vm:
        vm.add_memory(0, 0x10000, buffer=court.memory)
        vm.write(CODE, PING)
        vm.ioeventfd(0x80, 1, fd=court.bell, coalesce=coalesce)
        vcpu = vm.create_vcpu()
        regs = vcpu.regs
        regs.cs, regs.ip, regs.ds, regs.ax = 0, CODE, WORD >> 4, 0
        thread = Thread(target=vcpu.run)
        thread.start()
        try:
            yield
        finally:
            vcpu.kick()
            thread.join()


def game(side: Callable[[Court], Any], woken: Callable[[Court, int], Times], rounds: int) -> Times:
    with court() as where, side(where):
        return woken(where, rounds)


SIDES: dict[str, Callable[[Court], Any]] = {
    "bare": bare,
    "out": lambda where: guest(where, coalesce=True),
    "out-each": lambda where: guest(where, coalesce=False),
}


def p99(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 99 // 100] if times else 0.0


def games(repeats: int, rounds: int) -> Iterator[Row]:
    """Each side with each that is woken. The sides take turns; the row has the median of the turn
    that other work of the host disturbed least."""
    what = {
        "bare": "write(2) in a C thread",
        "out": "OUT, rings added up",
        "out-each": "OUT, coalesce=False",
    }
    for name, woken in WOKEN.items():
        turns = [
            {side: game(make, woken, rounds) for side, make in SIDES.items()}
            for _ in range(repeats)
        ]
        timed = {side: asleep([turn[side] for turn in turns]) for side in SIDES}
        best = {side: min(map(median, timed[side])) for side in SIDES}
        each = {side: [*map(median, timed[side])] for side in SIDES}
        for side in SIDES:
            yield Row(
                f"{side}-{name}",
                best[side],
                min(map(p99, timed[side])),
                rounds * repeats,
                sum(len(turn[side]) for turn in turns),
                what[side],
                None if side == "bare" else best[side] / best["bare"],
                [a / b for a, b in zip(each[side], each["bare"], strict=False)],
            )


def asleep(turns: Sequence[Times]) -> list[list[float]]:
    """The microseconds of the rounds in which the other side slept, for each turn that has enough
    of them. If there is no such turn, those of all rounds."""
    slept = [[ns / 1e3 for ns in turn if ns > 0] for turn in turns]
    kept = [some for some in slept if len(some) >= ENOUGH]
    return kept or [[abs(ns) / 1e3 for turn in turns for ns in turn] or [0.001]]


# -- how long an added-up ring waits --------------------------------------------------------------


def wait(slow: Slow, slices: int) -> Row:
    """Time the wait of a ring that is counted when its slice begins, in processor time.

    The core counts how often it signals before a slice ends. So the place of the signal is found
    by runs of different lengths. The run up to there is timed.
    """
    with Vm(irqchip=True) as vm:
        vcpu = start(vm, slow)
        vm.ioeventfd(0x80, 1, fd=_core.Doorbell())
        vm.ioeventfd(0x81, 1, fd=_core.Doorbell())
        one_slice(vcpu, slow)  # what is decoded once is decoded

        def signals_early(instructions: int) -> bool:
            _, before, _ = _core.ring_waits(vcpu)
            one_slice(vcpu, slow, instructions)
            return _core.ring_waits(vcpu)[1] > before

        place = bisect_left(range(SLICE), True, lo=RINGS + 1, key=signals_early)
        times = []
        for _ in range(slices):
            rung = thread_ns(vcpu, slow, RINGS)
            times.append((thread_ns(vcpu, slow, place) - rung) / 1e3)
    what = f"{place:,} instructions from the last ring to its signal"
    name = f"wait-{slow.name}"
    return Row(name, median(times), p99(times), slices, len(times), what, None, times)


def thread_ns(vcpu: "_core.Vcpu", slow: Slow, instructions: int) -> int:
    began = thread_time_ns()
    one_slice(vcpu, slow, instructions)
    return thread_time_ns() - began


# -- a deregistration beside a busy vCPU -----------------------------------------------------------


@contextmanager
def hogs() -> Iterator[None]:
    """Processes that compute, more than there are processors."""
    count = HOGS * (os.cpu_count() or 1)
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def removals(count: int) -> Row:
    """Time `deassign` while two vCPUs run and other processes compute."""
    times = []
    with Vm() as vm, hogs():
        vm.add_memory(0, 0x10000)
        vm.write(CODE, b"\xeb\xfe")
        vcpus = [vm.create_vcpu() for _ in range(2)]
        threads = [Thread(target=vcpu.run) for vcpu in vcpus]
        for vcpu, thread in zip(vcpus, threads, strict=True):
            vcpu.regs.cs, vcpu.regs.ip = 0, CODE
            thread.start()
        for _ in range(count):
            entry = vm.ioeventfd(0x80, 1, fd=_core.Doorbell())
            began = perf_counter_ns()
            entry.deassign()
            times.append((perf_counter_ns() - began) / 1e3)
        for vcpu, thread in zip(vcpus, threads, strict=True):
            vcpu.kick()
            thread.join()
    what = f"deassign() beside 2 vCPUs and {HOGS} busy processes a processor"
    return Row("deassign-busy", median(times), p99(times), count, len(times), what)


def rows(repeats: int, scale: float) -> Iterator[Row]:
    """Measure everything."""
    yield from games(repeats, max(10, round(ROUNDS * scale)))
    for slow in GUESTS:
        yield wait(slow, max(10, round(SLICES * scale)))
    yield removals(max(10, round(REMOVALS * scale)))


def verdicts(rows: Sequence[Row]) -> Iterator[Verdict]:
    """Compare what was measured with its limits."""
    for row in rows:
        if row.ratio is not None:
            yield Verdict(row.name, row.ratio, TO_BARE, "x bare", True, row.values)
    waits = [row for row in rows if row.name.startswith("wait-")]
    worst = max(waits, key=lambda row: row.microseconds)
    name = "longest wait of a ring"
    yield Verdict(name, worst.microseconds, LONGEST_WAIT, "us", True, worst.values)
    yield Verdict("rounds that are exact", sum(row.exact for row in rows) / len(rows), 1)
