"""The doorbell measurement: ring along each path, time it, check the count. Prints nothing.

A guest loop rings N times; the result is valid only if exactly N rings arrived. bench/README.md
tells what each row means. The figures of 2009 were measured on a hardware hypervisor.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from os import eventfd_read
from select import EPOLLIN, epoll
from threading import Thread
from time import perf_counter, sleep
from typing import Any, Literal

from . import _core
from .device import MmioDevice, PioDevice
from .devices.doorbell import DoorbellDevice
from .exits import ExitReason
from .vm import Vm

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
    """Run until something else than a device access: the loop that every user of exits writes."""
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

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.vm.close()

    def ring(self, n: int) -> float:
        """Ring `n` times; the seconds it took."""
        regs = self.vcpu.regs
        regs.cs, regs.ip = 0, CODE
        regs.ecx = n
        regs.ebx = 0
        regs.edx = self.addr & 0xFFFF
        regs.ds = self.addr >> 4 & 0xFFFF
        regs.eax = self.addr if self.bus == "hypercall" else self.value
        start = perf_counter()
        exit = run_pulled(self.vm, self.vcpu)
        seconds = perf_counter() - start
        if exit.reason is not ExitReason.HLT:
            raise RuntimeError(f"the ring loop ended in {exit!r}")
        return seconds


def median(values: list[float]) -> float:
    """The middle one (the upper of two)."""
    return sorted(values)[len(values) // 2]


def timed(name: str, bench: Bench, count: Callable[[], int], rings: int, repeats: int) -> Row:
    """The median of `repeats` runs; the count is that of the worst."""
    bench.ring(min(rings, 1000))
    count()
    times, counts = [], []
    for _ in range(repeats):
        times.append(bench.ring(rings))
        counts.append(count())
    worst = max(counts, key=lambda got: abs(got - rings))
    return Row(name, rings, median(times), worst)


def path_row(path: str, rings: int, repeats: int) -> Row:
    """One of PATHS."""
    with Bench(*PATHS[path]) as bench:
        return timed(path, bench, install(bench.vm, path), rings, repeats)


def write_floor(rings: int, repeats: int) -> Row:
    """What `write(2)` on an eventfd costs in a C loop: the floor of every path that makes one."""
    with Bench() as bench:
        bell = bench.vm.ioeventfd(0x520, 1)
        times, counts = [], []
        for _ in range(repeats):
            times.append(_core.write_floor(bell.fileno(), rings))
            counts.append(bell.read())
    worst = max(counts, key=lambda got: abs(got - rings))
    return Row("write-floor", rings, median(times), worst)


def empty_loop(rings: int, repeats: int) -> Row:
    """The loop without the ring: what may be subtracted, and is not."""
    with Bench() as bench:
        times = [bench.ring(rings) for _ in range(repeats)]
    return Row("empty-loop", rings, median(times), rings)


def entry_row(
    name: str,
    bus: BusName,
    rings: int,
    repeats: int,
    *,
    length: int = 1,
    datamatch: int | None = None,
    coalesce: bool = True,
) -> Row:
    """An ioeventfd registered in some other way than the plain one."""
    addr = PATHS["ioeventfd-hc" if bus == "hypercall" else f"ioeventfd-{bus}"][1]
    with Bench(bus, addr, datamatch or 0) as bench:
        bell = bench.vm.ioeventfd(addr, length, bus=bus, datamatch=datamatch, coalesce=coalesce)
        return timed(name, bench, bell.read, rings, repeats)


def datamatch_values(rings: int, repeats: int) -> Row:
    """256 datamatch values on one port; the guest writes the one registered last."""
    addr = PATHS["ioeventfd-pio"][1]
    with Bench("pio", addr, 255) as bench:
        others = bench.vm.ioeventfd(addr, 1, datamatch=0)
        for value in range(1, 255):
            bench.vm.ioeventfd(addr, 1, datamatch=value, fd=others)
        last = bench.vm.ioeventfd(addr, 1, datamatch=255)
        return timed("ioeventfd-pio-datamatch-256-last", bench, last.read, rings, repeats)


def ports(rings: int, repeats: int) -> Row:
    """256 ports, each with an entry."""
    addr = PATHS["ioeventfd-pio"][1]
    with Bench("pio", addr) as bench:
        bell = bench.vm.ioeventfd(addr, 1)
        others = bench.vm.ioeventfd(addr + 1, 1)
        for port in range(addr + 2, addr + 256):
            bench.vm.ioeventfd(port, 1, fd=others)
        return timed("ioeventfd-pio-256-ports", bench, bell.read, rings, repeats)


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


def crowded(bus: str, entries: int, rings: int, repeats: int) -> Row:
    """One entry among many, run in turn with one entry alone."""
    path = f"ioeventfd-{bus}"
    with Bench(*PATHS[path]) as alone, Bench(*PATHS[path]) as among:
        count_alone, count_among = install(alone.vm, path), install(among.vm, path)
        seconds = crowd(among.vm, entries - 1)
        alone.ring(1000), among.ring(1000)
        count_alone(), count_among()
        times, ratios, counts = [], [], []
        for _ in range(repeats):
            one, many = alone.ring(rings), among.ring(rings)
            times.append(many)
            ratios.append(many / one)
            counts += [count_alone(), count_among()]
    worst = max(counts, key=lambda got: abs(got - rings))
    extra = {
        "entries": entries,
        "ratio_to_one_entry": round(median(ratios), 3),
        "spread": [round(min(ratios), 3), round(max(ratios), 3)],
        "register_us": round(seconds / max(entries - 1, 1) * 1e6, 3),
    }
    return Row(f"{path}-{entries}-entries", rings, median(times), worst, extra)


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


def consumed(
    path: str, rings: int, repeats: int, *, in_python: bool = False, coalesce: bool = True
) -> Row:
    """A consumer thread drains the eventfd while the guest rings; its tail is told apart."""
    bus, addr = PATHS[path]
    with Bench(bus, addr) as bench:
        bell = bench.vm.ioeventfd(addr, 1, bus=bus, coalesce=coalesce)
        bench.ring(1000)
        bell.read()
        times, counts, tails, wakeups = [], [], [], []
        for _ in range(repeats):
            drainer = (PythonDrainer if in_python else _core.Drainer)(bell.fileno())
            times.append(bench.ring(rings))
            start = perf_counter()
            while drainer.count < rings and perf_counter() - start < 1.0:
                sleep(0)
            tails.append(perf_counter() - start)
            drainer.stop()
            counts.append(drainer.count)
            wakeups.append(rings / max(drainer.wakeups, 1))
    worst = max(counts, key=lambda got: abs(got - rings))
    extra = {
        "rings_per_wakeup": round(median(wakeups), 1),
        "tail_us": round(median(tails) * 1e6, 1),
    }
    name = path + ("" if coalesce else "-each") + ("-python-consumer" if in_python else "-consumer")
    return Row(name, rings, median(times), worst, extra)


def all_rows(scale: float = 1.0, repeats: int = 5) -> Iterator[Row]:
    """Every row of the measurement, in the order in which they are printed."""

    def n(rings: int) -> int:
        return max(1, int(rings * scale))

    many, some, few = n(2_000_000), n(200_000), n(50_000)
    buses: tuple[BusName, ...] = ("mmio", "pio")
    yield write_floor(some, repeats)
    yield empty_loop(many, repeats)
    for path in PATHS:
        yield path_row(path, few if path[:4] in ("exit", "push") else many, repeats)
    for bus in buses:
        yield entry_row(f"ioeventfd-{bus}-each", bus, some, repeats, coalesce=False)
    for bus in buses:
        yield entry_row(f"ioeventfd-{bus}-len0", bus, many, repeats, length=0)
    for bus in buses:
        yield entry_row(f"ioeventfd-{bus}-datamatch", bus, many, repeats, datamatch=0xFA)
    yield datamatch_values(many, repeats)
    yield ports(many, repeats)
    for bus in buses:
        for entries in (1, 1000, max(2, n(1_000_000))):
            yield crowded(bus, entries, many, repeats)
    for path in ("ioeventfd-mmio", "ioeventfd-pio"):
        yield consumed(path, many, repeats)
    yield consumed("ioeventfd-pio", some, repeats, coalesce=False)
    yield consumed("ioeventfd-pio", many, repeats, in_python=True)


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
