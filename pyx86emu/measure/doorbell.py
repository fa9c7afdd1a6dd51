"""The doorbell measurement: ring by each path, time it, check the count. Prints nothing.

A guest loop rings N times. The result is valid only if exactly N rings arrived. bench/README.md
explains each row.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median, median_high
from time import perf_counter, sleep
from typing import Any

from .. import _core
from ..vm import Vm
from .consumers import PythonDrainer
from .process import Listener, Server
from .ring import PATHS, Bench, BusName, has, install
from .rows import ON_KVM, TO_ONE, Row

#: Rings of a run on a fast path, and on a path that enters Python or the kernel at each ring.
MANY = 2_000_000
FEW = 100_000
#: The port that is forwarded to another process.
FORWARDED = 0x560


@dataclass
class Case:
    """One row while it is measured: how to ring, how to read the count, the results so far."""

    name: str
    rings: int
    ring: Callable[[int], float]
    count: Callable[[], int]
    extra: Callable[[], dict[str, Any]]
    repeated: Callable[[], dict[str, Sequence[float]]] = dict
    times: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)

    def run(self) -> float:
        """Run once more; return the seconds a ring."""
        self.times.append(self.ring(self.rings))
        self.counts.append(self.count())
        return self.times[-1] / self.rings

    def row(self) -> Row:
        """Return the median time of the runs, and the count that differs most from the rings."""
        worst = max(self.counts, key=lambda got: abs(got - self.rings))
        seconds = median_high(self.times)
        return Row(self.name, self.rings, seconds, worst, self.extra(), self.repeated())


class Cases:
    """All rows of the measurement with their Vms, which stay open until `close()`."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._open = ExitStack()
        self.cases: list[Case] = []
        buses: tuple[BusName, ...] = ("mmio", "pio")
        self.write_floor()
        self.empty_loop()
        for path in PATHS:
            self.path(path)
        for bus in buses:
            self.entry(f"ioeventfd-{bus}-each", bus, rings=FEW, coalesce=False)
        for bus in buses:
            self.entry(f"ioeventfd-{bus}-len0", bus, length=0)
        for bus in buses:
            self.entry(f"ioeventfd-{bus}-datamatch", bus, datamatch=0xFA)
        self.datamatch_values()
        self.ports()
        for bus in buses:
            for entries in (1, 1000, 1_000_000):
                self.crowded(bus, entries)
        for bus in buses:
            self.consumed(f"ioeventfd-{bus}")
        self.consumed("ioeventfd-pio", rings=FEW, coalesce=False)
        self.consumed("ioeventfd-pio", in_python=True)

    def close(self) -> None:
        self._open.close()

    def round(self) -> None:
        """Run every row once."""
        for case in self.cases:
            case.run()

    def rows(self) -> list[Row]:
        """Return the results."""
        return [case.row() for case in self.cases]

    def add(
        self,
        name: str,
        rings: int,
        ring: Callable[[int], float],
        count: Callable[[], int],
        extra: Callable[[], dict[str, Any]] = dict,
        repeated: Callable[[], dict[str, Sequence[float]]] = dict,
    ) -> None:
        """Warm up a case and add it to the list."""
        case = Case(name, max(1, int(rings * self._scale)), ring, count, extra, repeated)
        case.ring(min(case.rings, 1000))
        case.count()
        self.cases.append(case)

    def bench(
        self, bus: str = "none", addr: int = 0, value: int = 0, *, chips: bool = False
    ) -> Bench:
        return self._open.enter_context(Bench(bus, addr, value, chips=chips))

    def write_floor(self) -> None:
        """`write(2)` on an eventfd in a C loop: the least cost of a path that writes each ring."""
        bell = self.bench().vm.ioeventfd(0x520, 1)
        self.add("write-floor", FEW, partial(_core.write_floor, bell.fileno()), bell.read)

    def empty_loop(self) -> None:
        """The loop without the ring. Its time is not subtracted from other rows."""
        bench = self.bench()
        self.add("empty-loop", MANY, bench.ring, bench.turns)

    def path(self, path: str) -> None:
        """One of PATHS."""
        bench = self.bench(*PATHS[path])
        rings = FEW if path[:4] in ("exit", "push") else MANY
        self.add(path, rings, bench.ring, install(bench.vm, path))

    def entry(
        self,
        name: str,
        bus: BusName,
        *,
        rings: int = MANY,
        length: int = 1,
        datamatch: int | None = None,
        coalesce: bool = True,
    ) -> None:
        """An ioeventfd with other arguments than the one in PATHS."""
        addr = PATHS[f"ioeventfd-{bus}"][1]
        bench = self.bench(bus, addr, datamatch or 0)
        bell = bench.vm.ioeventfd(addr, length, bus=bus, datamatch=datamatch, coalesce=coalesce)
        self.add(name, rings, bench.ring, bell.read)

    def datamatch_values(self) -> None:
        """256 datamatch values on one port; the guest writes the value that was registered last."""
        addr = PATHS["ioeventfd-pio"][1]
        bench = self.bench("pio", addr, 255)
        others = bench.vm.ioeventfd(addr, 1, datamatch=0)
        for value in range(1, 255):
            bench.vm.ioeventfd(addr, 1, datamatch=value, fd=others)
        last = bench.vm.ioeventfd(addr, 1, datamatch=255)
        self.add("ioeventfd-pio-datamatch-256-last", MANY, bench.ring, last.read)

    def ports(self) -> None:
        """256 ports, each with an entry."""
        addr = PATHS["ioeventfd-pio"][1]
        bench = self.bench("pio", addr)
        bell = bench.vm.ioeventfd(addr, 1)
        others = bench.vm.ioeventfd(addr + 1, 1)
        for port in range(addr + 2, addr + 256):
            bench.vm.ioeventfd(port, 1, fd=others)
        self.add("ioeventfd-pio-256-ports", MANY, bench.ring, bell.read)

    def crowded(self, bus: BusName, entries: int) -> None:
        """A Vm with many entries, compared with a Vm with one entry."""
        path = f"ioeventfd-{bus}"
        among = self.bench(*PATHS[path])
        others = self.others(entries)
        seconds = crowd(among.vm, others)
        self.beside_one(
            f"{path}-{entries}-entries",
            path,
            among,
            {"entries": others + 1, "register_us": round(seconds / max(others, 1) * 1e6, 3)},
        )

    def others(self, entries: int) -> int:
        """Return how many entries a Vm with `entries` has in addition to the one that is rung."""
        return max(0, int((entries - 1) * min(self._scale, 1)))

    def beside_one(
        self, name: str, path: str, among: Bench, facts: dict[str, Any], *, coalesce: bool = True
    ) -> None:
        """Run a path alternately in `among`, a Vm with many entries, and in a Vm with one entry."""
        alone = self.bench(*PATHS[path])
        count_alone = install(alone.vm, path, coalesce=coalesce)
        count_among = install(among.vm, path, coalesce=coalesce)
        ratios: list[float] = []

        def ring(rings: int) -> float:
            one, many = alone.ring(rings), among.ring(rings)
            ratios.append(many / one)
            count_alone()
            return many

        def extra() -> dict[str, Any]:
            return facts | {TO_ONE: round(median(ratios[1:]), 3)}  # the first is the warm-up

        few = path[:4] in ("exit", "push") or not coalesce
        rings = FEW if few else MANY
        self.add(name, rings, ring, count_among, extra, lambda: {TO_ONE: ratios[1:]})

    def consumed(
        self, path: str, *, rings: int = MANY, in_python: bool = False, coalesce: bool = True
    ) -> None:
        """A consumer thread drains the eventfd while the guest rings.

        The time that it needs after the last ring is a figure of its own, `tail_us`.
        """
        bus, addr = PATHS[path]
        bench = self.bench(bus, addr)
        bell = bench.vm.ioeventfd(addr, 1, bus=bus, coalesce=coalesce)
        counts, tails, wakeups = [0], [0.0], [0.0]

        def ring(rings: int) -> float:
            drainer = (PythonDrainer if in_python else _core.Drainer)(bell.fileno())
            seconds = bench.ring(rings)
            start = perf_counter()
            while drainer.count < rings and perf_counter() - start < 1.0:
                sleep(0)
            tails.append(perf_counter() - start)
            drainer.stop()
            counts.append(drainer.count)
            wakeups.append(rings / max(drainer.wakeups, 1))
            return seconds

        def extra() -> dict[str, Any]:
            return {
                "rings_per_wakeup": round(median_high(wakeups[2:]), 1),
                "tail_us": round(median_high(tails[2:]) * 1e6, 1),
            }

        name = path + ("" if coalesce else "-each")
        name += "-python-consumer" if in_python else "-consumer"
        self.add(name, rings, ring, lambda: counts[-1], extra)


class BothCases(Cases):
    """The same, and after it the rows with another process, and the paths that KVM has, on this
    host's KVM: rows "kvm-exit-pio" ...

    Of the last there are none where KVM cannot be used.
    """

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self.heard()
        self.forwarded("forward-posted", FEW, posted=True)
        self.forwarded("forward-waited", FEW // 10, posted=False)
        try:
            Vm("kvm").close()
        except OSError:
            return
        for path in PATHS:
            self.on_kvm(path)

    def heard(self) -> None:
        """Another process has the eventfd."""
        bench = self.bench(*PATHS["ioeventfd-pio"])
        bell = bench.vm.ioeventfd(bench.addr, 1)
        other = self._open.enter_context(Listener(bell.fileno()))
        self.add("eventfd-process", MANY, bench.ring, other.count)

    def forwarded(self, name: str, rings: int, *, posted: bool) -> None:
        """Another process is the device."""
        bench = self.bench("pio", FORWARDED)
        other = self._open.enter_context(Server(bench.vm, FORWARDED, posted=posted))
        self.add(name, rings, bench.ring, other.count)

    def on_kvm(self, path: str) -> None:
        """One of PATHS on KVM, if it has it."""
        bench = self._open.enter_context(Bench(*PATHS[path], accel="kvm"))
        if has(bench.vm, path):
            self.add(f"{ON_KVM}{path}", FEW // 10, bench.ring, install(bench.vm, path))


def crowd(vm: Vm, entries: int) -> float:
    """Register `entries` that share a descriptor, half of them where RAM is; return the seconds."""
    if not entries:
        return 0.0
    shared = vm.ioeventfd(0, 1, bus="mmio")
    fd = shared.fileno()
    half = entries // 2
    register = vm.ioeventfd
    start = perf_counter()
    for addr in range(1, half):
        register(addr, 1, bus="mmio", fd=fd)
    for addr in range(0x10_0000, 0x10_0000 + entries - half):
        register(addr, 1, bus="mmio", fd=fd)
    return perf_counter() - start


def all_rows(scale: float = 1.0, repeats: int = 5, make: type[Cases] = BothCases) -> list[Row]:
    """Measure every row. Each runs once a round, so other work of the host affects all rows."""
    cases = make(scale)
    try:
        for _ in range(repeats):
            cases.round()
        return cases.rows()
    finally:
        cases.close()
