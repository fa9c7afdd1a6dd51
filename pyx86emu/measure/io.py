"""The I/O measurement: time the doorbell rows, devices in the core, coalesced zones and Unicorn.

Each round runs all rows, and `write-floor` again right before each of them. The limits are for the
median of the ratio of the two, because other work of the host slows both.
"""

from collections.abc import Iterable, Iterator, Sized
from statistics import median
from typing import Literal

from ..vm import Vm
from .consumers import Spinner
from .doorbell import FEW, MANY, Cases, all_rows, crowd
from .doorbell_table import table
from .ring import PATHS, Bench, install
from .rows import TO_FLOOR, TO_ONE, Row
from .unicorn_ring import usable
from .verdicts import Verdict

__all__ = ["rows", "table", "verdicts"]

#: Rings while a Python thread computes: some of them wait five milliseconds or more for the GIL.
VERY_FEW = 1000

IN_CORE = ("in-core-pic", "in-core-pit")
#: Stores to the window of the VGA, by row: sequencer 2 and 4, graphics 5 and 6 (index and data).
VGA = {
    "vga-planes": (0x0F02, 0x0604, 0x0005, 0x0506),  # mode 12h
    "vga-mode-13h": (0x0F02, 0x0E04, 0x4005, 0x0506),
}
WINDOW = 0xA0000
#: Ports and addresses in a coalesced zone, by bus.
ZONES: dict[Literal["pio", "mmio"], int] = {"pio": 0x550, "mmio": 0xD4000}
#: A large ring, and KVM's.
CAPACITY, OF_KVM = 4096, 169

#: Limits: at least this many times as fast as `write-floor`.
TO_WRITE_FLOOR = {
    "doorbell-pio": 27.0,
    "doorbell-mmio": 20.0,
    "ioeventfd-pio": 20.0,
    "ioeventfd-mmio": 20.0,
    "ioeventfd-hc": 20.0,
    "ioeventfd-pio-consumer": 20.0,
    "ioeventfd-mmio-consumer": 20.0,
    "ioeventfd-pio-each": 0.85,  # 0.9 where returns after a system call are predicted
    "ioeventfd-mmio-each": 0.85,
    "push-pio": 1.7,
    "push-mmio": 1.7,
    "exit-pio": 0.7,
    "exit-mmio": 0.7,
    **dict.fromkeys(IN_CORE, 20.0),
    "vga-planes": 12.0,
    "vga-mode-13h": 25.0,
    **dict.fromkeys((f"coalesced-{bus}" for bus in ZONES), 8.0),
    **dict.fromkeys((f"coalesced-{bus}-{OF_KVM}" for bus in ZONES), 5.0),
}
#: Limits: row, Unicorn's row, at least this many times as fast.
TO_UNICORN = (
    ("push-pio", "unicorn-python-hook", 4.0),
    ("ioeventfd-pio", "unicorn-c-hook", 20.0),
)
MILLION = 1_000_000
MILLION_MAY_COST = 2.0


class IoCases(Cases):
    """The doorbell rows, and the rows that only this measurement has."""

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        self.in_core("in-core-pic", "pio", 0x21)  # OUT to the interrupt mask
        self.in_core("in-core-pit", "pio-in", 0x40)  # IN from counter 0
        for name, registers in VGA.items():
            self.vga(name, registers)
        for bus in ZONES:
            self.zone(f"coalesced-{bus}", bus, MANY)
            self.zone(f"coalesced-{bus}-{OF_KVM}", bus, MANY, capacity=OF_KVM)
            self.zone(f"coalesced-{bus}-tuples", bus, FEW, array=False)
        self.million()
        for path in ("push-pio", "exit-pio"):
            self.busy(path)
        self.unicorn()
        self.ratios: dict[str, list[float]] = {case.name: [] for case in self.cases[1:]}

    def round(self) -> None:
        floor, *others = self.cases
        for case in others:
            seconds = floor.run()
            self.ratios[case.name].append(seconds / case.run())

    def rows(self) -> list[Row]:
        rows = super().rows()
        rows[0].extra[TO_FLOOR] = 1.0
        for row in rows[1:]:
            row.extra[TO_FLOOR] = round(median(self.ratios[row.name]), 3)
            row.repeated[TO_FLOOR] = self.ratios[row.name]
        return rows

    def in_core(self, name: str, loop: str, port: int) -> None:
        """A device in the core. The turns of the loop are the count."""
        bench = self.bench(loop, port, 0xFF, chips=True)
        self.add(name, MANY, bench.ring, bench.turns)

    def vga(self, name: str, registers: Iterable[int]) -> None:
        """Stores of a byte to the window of the VGA. The turns of the loop are the count."""
        bench = self.bench("mmio", WINDOW, 0xA5)
        set_up_vga(bench.vm, registers)
        self.add(name, MANY, bench.ring, bench.turns)

    def zone(
        self,
        name: str,
        bus: Literal["pio", "mmio"],
        rings: int,
        *,
        capacity: int = CAPACITY,
        array: bool = True,
    ) -> None:
        """A coalesced zone, whose on_drain gets arrays or tuples, and counts the writes."""
        addr = ZONES[bus]
        bench = self.bench(bus, addr)
        counts = [0]

        def on_drain(writes: Sized) -> None:
            counts[0] += len(writes)

        def count() -> int:
            seen, counts[0] = counts[0], 0
            return seen

        bench.vm.coalesced.capacity = capacity
        if array:
            bench.vm.coalesce(addr, 1, bus=bus, on_drain=on_drain, array=True)
        else:
            bench.vm.coalesce(addr, 1, bus=bus, on_drain=on_drain)
        self.add(name, rings, bench.ring, count)

    def million(self) -> None:
        """Every path in one Vm with a million entries.

        The ioeventfd paths by PIO and MMIO run with `coalesce=False`: the doorbell rows have them
        with `coalesce=True` already.
        """
        among = self.bench()
        facts = {"entries": self.others(MILLION) + 1}
        crowd(among.vm, self.others(MILLION))
        for path in PATHS:
            each = path in ("ioeventfd-mmio", "ioeventfd-pio")
            name = f"{path}{'-each' * each}-{MILLION}-entries"
            among = Bench(*PATHS[path], behind=among)
            self.beside_one(name, path, among, facts, coalesce=not each)

    def busy(self, path: str) -> None:
        """Run one of PATHS while a Python thread computes."""
        bench = self.bench(*PATHS[path])
        count = install(bench.vm, path)

        def ring(rings: int) -> float:
            with Spinner():
                return bench.ring(rings)

        self.add(f"{path}-busy-thread", VERY_FEW, ring, count)

    def unicorn(self) -> None:
        """Unicorn with a hook in Python, and with a hook in C that writes to an eventfd."""
        maker = usable()
        if maker is None:
            return
        slow, quick = maker(), maker()
        slow.hook_in_python()
        self.add("unicorn-python-hook", FEW, slow.ring, slow.take)
        bell = self.bench().vm.ioeventfd(0x520, 1)
        quick.hook_in_c(bell.fileno())
        self.add("unicorn-c-hook", FEW, quick.ring, bell.read)


def set_up_vga(vm: Vm, registers: Iterable[int]) -> None:
    """Put a VGA into `vm` and write its registers, one word each."""
    vm.create_vga()
    for value in registers:
        vm.pio.write(0x3CE if value & 0xFF > 4 else 0x3C4, 2, value)


def rows(repeats: int, scale: float) -> list[Row]:
    """Measure every row; the first is `write-floor`. The limit of the rows with a million entries
    is for the median of eleven pairs."""
    return all_rows(scale, max(repeats, 11) if scale >= 1 else repeats, IoCases)


def verdicts(rows: list[Row]) -> Iterator[Verdict]:
    """Compare what was measured with its limits. The first row is `write-floor`."""
    by_name = {row.name: row for row in rows}
    for name, limit in TO_WRITE_FLOOR.items():
        row = by_name[name]
        values = row.repeated.get(TO_FLOOR, ())
        yield Verdict(name, row.extra[TO_FLOOR], limit, "x write-floor", values=values)
    for row in rows:
        if row.name.endswith(f"-{MILLION}-entries"):
            ratio, values = row.extra[TO_ONE], row.repeated.get(TO_ONE, ())
            yield Verdict(row.name, ratio, MILLION_MAY_COST, "x one entry", True, values)
    for name, peer, limit in TO_UNICORN:
        if peer in by_name:
            ours, theirs = by_name[name], by_name[peer]
            ratio = ours.extra[TO_FLOOR] / theirs.extra[TO_FLOOR]
            pairs = zip(*(row.repeated.get(TO_FLOOR, ()) for row in (ours, theirs)), strict=True)
            yield Verdict(name, ratio, limit, f"x {peer}", values=[a / b for a, b in pairs])
    yield Verdict("rows that are exact", sum(row.exact for row in rows) / len(rows), 1)
