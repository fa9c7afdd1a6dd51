"""The doorbell measurement: ring along each path, time it, check the count. Prints nothing.

A guest loop rings N times; the result is valid only if exactly N rings arrived. bench/README.md
tells what each row means. The figures of 2009 were measured on a hardware hypervisor.
"""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from os import eventfd_read
from select import EPOLLIN, epoll
from threading import Thread
from time import perf_counter, sleep
from typing import Any, Literal

from .. import _core
from ..device import MmioDevice, PioDevice
from ..devices.doorbell import DoorbellDevice
from ..exits import ExitReason
from ..vm import Vm

#: path -> (what it was called in 2009, rings a second, microseconds)
YEAR_2009 = {
    "exit-mmio": ("qemu-mmio", 110_000, 9.09),
    "exit-pio": ("qemu-pio", 153_139, 6.53),
    "ioeventfd-mmio": ("ioeventfd-mmio", 200_100, 5.00),
    "ioeventfd-pio": ("ioeventfd-pio", 367_300, 2.72),
    "ioeventfd-hc": ("ioeventfd-hc", 412_585, 2.42),
}

BusName = Literal["pio", "mmio", "hypercall"]

#: path -> bus, and the address that the demo guest rings
PATHS: dict[str, tuple[BusName, int]] = {
    "exit-mmio": ("mmio", 0xD0000),
    "exit-pio": ("pio", 0x500),
    "push-mmio": ("mmio", 0xD1000),
    "push-pio": ("pio", 0x510),
    "ioeventfd-mmio": ("mmio", 0xD2000),
    "ioeventfd-pio": ("pio", 0x520),
    "ioeventfd-hc": ("hypercall", 0x530),
    "doorbell-mmio": ("mmio", 0xD3000),
    "doorbell-pio": ("pio", 0x540),
}

#: Rings of a run on a quick path, and on one that enters Python or the kernel each time.
MANY = 2_000_000
FEW = 100_000

CODE = 0x1000
LOOP = {
    "pio": "ee 6649 75fb f4",  # again: out dx, al; dec ecx; jnz again; hlt
    "mmio": "8807 6649 75fa f4",  # mov [bx], al
    "hypercall": "0f01c1 6649 75f9 f4",  # vmcall
    "none": "6649 75fc f4",
}


@dataclass
class Row:
    """One path measured: `rings` asked for, `count` arrived."""

    name: str
    rings: int
    seconds: float
    count: int
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def iops(self) -> float:
        return self.rings / self.seconds

    @property
    def rtt_us(self) -> float:
        return self.seconds / self.rings * 1e6

    @property
    def exact(self) -> bool:
        return self.count == self.rings

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        row: dict[str, Any] = {
            "name": self.name,
            "rings": self.rings,
            "iops": round(self.iops),
            "rtt_us": round(self.rtt_us, 5),
            "exact": self.exact,
        }
        if self.name in YEAR_2009:
            path, iops, us = YEAR_2009[self.name]
            row["year_2009"] = {"name": path, "iops": iops, "rtt_us": us}
            row["ratio_2009"] = round(self.iops / iops, 2)
        return row | self.extra


def install(vm: Vm, path: str) -> Callable[[], int]:
    """Put the doorbell of a path in place; the result tells its rings since it was last asked."""
    bus, addr = PATHS[path]
    how = path.partition("-")[0]
    if how == "ioeventfd":
        return vm.ioeventfd(addr, 0 if bus == "hypercall" else 1, bus=bus).read
    if how == "doorbell":
        counter = _core.Doorbell()
        vm.ioeventfd(addr, 1, bus=bus, fd=counter)
        return counter.drain
    device = DoorbellDevice()
    (vm.pio if bus == "pio" else vm.mmio).attach(device, addr, pull=how == "exit")
    return lambda: take(device)


def take(device: DoorbellDevice) -> int:
    """The rings of a device since it was last asked."""
    count, device.rung = device.count, 0
    return count


def run_pulled(vm: Vm, vcpu: "_core.Vcpu") -> "_core.Exit":
    """Run until something else than a device access: the loop of those who pull on both buses."""
    run, pio, mmio = vcpu.run, vm.pio.dispatch, vm.mmio.dispatch
    io_exit, mmio_exit = ExitReason.IO, ExitReason.MMIO
    while True:
        exit = run()
        if exit.reason is io_exit:
            pio(exit)
        elif exit.reason is mmio_exit:
            mmio(exit)
        else:
            return exit


class Bench:
    """A bare Vm with one ring loop in it."""

    def __init__(self, bus: str = "none", addr: int = 0, value: int = 0) -> None:
        self.vm = Vm()
        self.ram = self.vm.add_memory(0, 0xA0000)
        self.vcpu = self.vm.create_vcpu()
        code = bytes.fromhex(LOOP[bus])
        self.ram[CODE : CODE + len(code)] = code
        self.bus, self.addr, self.value = bus, addr, value
        self.asked = 0

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.vm.close()

    def turns(self) -> int:
        """How often the loop of the last `ring` went round."""
        return self.asked - self.vcpu.regs.ecx

    def ring(self, n: int) -> float:
        """Ring `n` times; the seconds it took."""
        regs = self.vcpu.regs
        regs.cs, regs.ip = 0, CODE
        regs.ecx = self.asked = n
        regs.ebx = 0
        regs.edx = self.addr & 0xFFFF
        regs.ds = self.addr >> 4 & 0xFFFF
        regs.eax = self.addr if self.bus == "hypercall" else self.value
        reason = ExitReason.MMIO if self.bus == "mmio" else ExitReason.IO
        bus = self.vm.mmio if self.bus == "mmio" else self.vm.pio
        run, dispatch = self.vcpu.run, bus.dispatch
        start = perf_counter()
        while (exit := run()).reason is reason:
            dispatch(exit)
        seconds = perf_counter() - start
        if exit.reason is not ExitReason.HLT:
            raise RuntimeError(f"the ring loop ended in {exit!r}")
        return seconds


def median(values: list[float]) -> float:
    """The middle one (the upper of two)."""
    return sorted(values)[len(values) // 2]


class Case:
    """One row in the making: what rings, what tells the count, and the results so far."""

    def __init__(
        self,
        name: str,
        rings: int,
        ring: Callable[[int], float],
        count: Callable[[], int],
        extra: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.name = name
        self.rings = rings
        self.ring = ring
        self.count = count
        self.extra = extra
        self.times: list[float] = []
        self.counts: list[int] = []

    def run(self) -> None:
        """Ring once more."""
        self.times.append(self.ring(self.rings))
        self.counts.append(self.count())

    def row(self) -> Row:
        """The median of the runs, and the count that is worst."""
        worst = max(self.counts, key=lambda got: abs(got - self.rings))
        return Row(self.name, self.rings, median(self.times), worst, self.extra())


class Cases:
    """All rows of the measurement, with their Vms, which stay open until the end."""

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

    def add(
        self,
        name: str,
        rings: int,
        ring: Callable[[int], float],
        count: Callable[[], int],
        extra: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        """Warm a case up and put it on the list."""
        case = Case(name, max(1, int(rings * self._scale)), ring, count, extra)
        case.ring(min(case.rings, 1000))
        case.count()
        self.cases.append(case)

    def bench(self, bus: str = "none", addr: int = 0, value: int = 0) -> Bench:
        return self._open.enter_context(Bench(bus, addr, value))

    def write_floor(self) -> None:
        """`write(2)` on an eventfd in a C loop: the floor of every path that makes one a ring."""
        bell = self.bench().vm.ioeventfd(0x520, 1)
        self.add("write-floor", FEW, partial(_core.write_floor, bell.fileno()), bell.read)

    def empty_loop(self) -> None:
        """The loop without the ring: what may be subtracted, and is not."""
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
        """An ioeventfd registered in some other way than the plain one."""
        addr = PATHS[f"ioeventfd-{bus}"][1]
        bench = self.bench(bus, addr, datamatch or 0)
        bell = bench.vm.ioeventfd(addr, length, bus=bus, datamatch=datamatch, coalesce=coalesce)
        self.add(name, rings, bench.ring, bell.read)

    def datamatch_values(self) -> None:
        """256 datamatch values on one port; the guest writes the one registered last."""
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
        """One entry among many, run in turn with one entry alone."""
        path = f"ioeventfd-{bus}"
        alone, among = self.bench(*PATHS[path]), self.bench(*PATHS[path])
        count_alone, count_among = install(alone.vm, path), install(among.vm, path)
        others = max(0, int((entries - 1) * min(self._scale, 1)))
        seconds = crowd(among.vm, others)
        ratios: list[float] = []

        def ring(rings: int) -> float:
            one, many = alone.ring(rings), among.ring(rings)
            ratios.append(many / one)
            count_alone()
            return many

        def extra() -> dict[str, Any]:
            pairs = ratios[1:]  # the first is the warm-up
            return {
                "entries": others + 1,
                "ratio_to_one_entry": round(median(pairs), 3),
                "spread": [round(min(pairs), 3), round(max(pairs), 3)],
                "register_us": round(seconds / max(others, 1) * 1e6, 3),
            }

        self.add(f"{path}-{entries}-entries", MANY, ring, count_among, extra)

    def consumed(
        self, path: str, *, rings: int = MANY, in_python: bool = False, coalesce: bool = True
    ) -> None:
        """A consumer thread drains the eventfd while the guest rings; its tail is told apart."""
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
                "rings_per_wakeup": round(median(wakeups[2:]), 1),
                "tail_us": round(median(tails[2:]) * 1e6, 1),
            }

        name = path + ("" if coalesce else "-each")
        name += "-python-consumer" if in_python else "-consumer"
        self.add(name, rings, ring, lambda: counts[-1], extra)


def crowd(vm: Vm, entries: int) -> float:
    """Register `entries` more that share a descriptor, half of them under RAM; seconds it took."""
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


class PythonDrainer:
    """What `_core.Drainer` does, in a Python thread: it fights for the GIL and measures that."""

    def __init__(self, fd: int) -> None:
        self.count = 0
        self.wakeups = 0
        self._fd = fd
        self._running = True
        self._thread = Thread(target=self._drain)
        self._thread.start()

    def _drain(self) -> None:
        with epoll() as poll:
            poll.register(self._fd, EPOLLIN)
            while self._running or poll.poll(0):
                if poll.poll(0.005):
                    self.count += eventfd_read(self._fd)
                    self.wakeups += 1

    def stop(self) -> None:
        self._running = False
        self._thread.join()


def all_rows(scale: float = 1.0, repeats: int = 5) -> list[Row]:
    """Measure every row. Each is run once a round, so that a busy moment hits all rows alike."""
    cases = Cases(scale)
    try:
        for _ in range(repeats):
            for case in cases.cases:
                case.run()
        return [case.row() for case in cases.cases]
    finally:
        cases.close()


class DemoControl(PioDevice, MmioDevice):
    """The demo guest's control port: told the number of rings before each path, 0 after it."""

    name = "demo-control"
    length = 4
    PORT = 0x5F0

    def __init__(self, counts: dict[str, Callable[[], int]]) -> None:
        self.waiting = list(counts.items())
        self.rows: list[Row] = []
        self.rings = 0
        self.start = 0.0

    def pio_write(self, offset: int, size: int, value: int) -> None:
        now = perf_counter()
        if value:
            self.rings = value
        elif self.rings:
            path, count = self.waiting.pop(0)
            self.rows.append(Row(path, self.rings, now - self.start, count()))
            self.rings = 0
        self.start = perf_counter()
