"""Coalesced zones: tell KVM which writes to collect, and take them from its ring. Know no CPU.

KVM's ring is in the mapping of each vCPU, one for the Vm. KVM puts writes in, we take them out.
Writes to zones with an on_drain, and all writes when the Vm is closed, move to lists here. When
KVM's ring is full the write is an exit of KVM; it is collected here if there is room by then.
"""

import errno
import warnings
from collections.abc import Callable
from fcntl import ioctl
from itertools import islice
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, NoReturn, SupportsIndex

from .._core import exact, truth
from ..coalesced import COALESCED, CoalescedWrite
from . import abi

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .vm import Vm

PAGE = 4096
ENTRY = abi.COALESCED_ENTRY.size
HEAD = abi.COALESCED_RING.size
#: Writes that KVM's ring holds: one of its places stays free.
CAPACITY = (PAGE - HEAD) // ENTRY - 1
PORTS = 0x10000
#: Where a bus ends; what is beyond is never accessed.
ENDS = {"pio": PORTS, "mmio": 1 << 52}
#: The longest piece of a zone that KVM takes, and how many of them it is told.
LONGEST, PIECES = 1 << 31, 256
Span = tuple[int, int, bool]
MOST = 2**64 - 1
BusName = Literal["pio", "mmio"]


def listed(writes: list[bytes]) -> list[CoalescedWrite]:
    """Entries of the ring as tuples."""
    found: list[CoalescedWrite] = []
    for each in writes:
        addr, size, pio, data = abi.COALESCED_ENTRY.unpack(each)
        found.append(("pio" if pio else "mmio", addr, size, int.from_bytes(data[:size], "little")))
    return found


def arrayed(writes: list[bytes]) -> "NDArray[np.void]":
    """The same as a numpy array."""
    import numpy

    array = numpy.frombuffer(bytearray().join(writes), numpy.dtype(COALESCED))
    masks = numpy.array([(1 << 8 * size) - 1 for size in range(9)], numpy.uint64)
    array["data"] &= masks[array["len"]]  # KVM leaves older bytes after short ones
    return array


class CoalescedZone:
    """A range of a bus whose writes are collected instead of causing exits. `Vm.coalesce()` makes
    it. The zone stays registered when this object is dropped; `remove()`, or leaving a `with`
    block, removes it. Any thread may call everything here at any time."""

    def __init__(
        self,
        ring: "CoalescedRing",
        addr: int,
        length: int,
        bus: BusName,
        on_drain: Callable[..., object] | None,
        array: bool,
    ) -> None:
        if "_ring" in self.__dict__:
            raise RuntimeError("a CoalescedZone is made by Vm.coalesce()")
        self._ring = ring
        self._addr, self._length, self._bus = addr, length, bus
        self._on_drain, self._array = on_drain, array
        self._held: list[bytes] = []  # writes that on_drain is to get

    @property
    def addr(self) -> int:
        """The first port or address."""
        return self._addr

    @property
    def length(self) -> int:
        """How many ports or bytes."""
        return self._length

    @property
    def bus(self) -> BusName:
        """'pio' or 'mmio'."""
        return self._bus

    @property
    def registered(self) -> bool:
        """Whether it still collects writes."""
        return self in self._ring._zones

    @property
    def vm(self) -> object:
        """Its Vm."""
        return self._ring._vm.seen()

    def remove(self) -> None:
        """Remove the zone. When this returns, no write is collected for it any more; those before
        stay in the ring, or go to its `on_drain`. OSError ENOENT: it was removed already, or the Vm
        is closed. (KVM_UNREGISTER_COALESCED_MMIO.)"""
        self._ring._remove(self)

    def close(self) -> None:
        """Remove the zone if it is still registered. May be called twice."""
        try:
            self.remove()
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def __enter__(self) -> "CoalescedZone":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "CoalescedZone objects cannot be copied or pickled, since each owns a range of a Vm"
        )

    def _text(self) -> str:
        return f"{self._bus} {self._addr:#x}, length {self._length:#x}"

    def __repr__(self) -> str:
        return f"<CoalescedZone {self._text()}{'' if self.registered else ', removed'}>"

    def _holds(self, bus: str, addr: int, size: int) -> bool:
        """Is an access wholly inside?"""
        end = self._addr + self._length
        return bus == self._bus and self._addr <= addr and addr + size <= end

    def _call(self) -> None:
        """Give on_drain what is held for it."""
        while (held := self._held) and self._on_drain is not None:
            writes = arrayed(held) if self._array else listed(held)
            if self._held is held:  # no other thread has added one, or taken them
                self._held = []
                self._on_drain(writes)
                return


class CoalescedRing:
    """The guest's writes to the coalesced zones of a Vm, in the order in which they were made.
    `Vm.coalesced` is it.

    There is one for all vCPUs and both buses. When it is full, a write exits. Zones with an
    `on_drain` leave nothing here. After `Vm.close()` the writes can still be taken. Any thread may
    call everything here at any time. (struct kvm_coalesced_mmio_ring.)
    """

    def __init__(self, vm: "Vm") -> None:
        if "_vm" in self.__dict__:
            raise RuntimeError("a CoalescedRing is made by its Vm")
        self._vm = vm
        self._lock = RLock()
        self._zones: dict[CoalescedZone, None] = {}
        self._fresh: list[bytes] = []  # taken out of KVM's ring, for whoever gets it
        self._kept: list[bytes] = []  # for drain()
        self._due: dict[CoalescedZone, None] = {}  # zones that hold writes
        self._taken = 0
        self._any = False  # there are zones with an on_drain
        self._told: set[Span] = set()  # what KVM collects
        self._tables: tuple[object, object] = ((), ())  # the ranges of devices at that time

    def __len__(self) -> int:
        with self._lock:
            self._sort()
            return len(self._kept) + self._waiting()

    @property
    def capacity(self) -> int:
        """How many writes fit: KVM's ring has room for 169. It cannot be changed: OSError
        EOPNOTSUPP."""
        return CAPACITY

    @capacity.setter
    def capacity(self, value: int) -> None:
        exact(value, "capacity")
        raise OSError(
            errno.EOPNOTSUPP,
            f"KVM's ring has {CAPACITY} writes: drain it more often, or use accel='interp'",
        )

    @capacity.deleter
    def capacity(self) -> None:
        raise AttributeError("the capacity cannot be deleted: it is KVM's")

    @property
    def count(self) -> int:
        """How many writes zones have taken so far, those of zones with an `on_drain` included."""
        with self._lock:
            self._sort()
            return self._taken + self._waiting()

    @property
    def zones(self) -> tuple[CoalescedZone, ...]:
        """The registered zones, in the order they were registered."""
        return tuple(self._zones)

    def drain(self) -> list[CoalescedWrite]:
        """Take all writes out of the ring: a list of tuples (bus, addr, size, value), oldest first.
        `bus` is "pio" or "mmio", `size` is in bytes, `value` an int."""
        return listed(self._take())

    def drain_array(self) -> "NDArray[np.void]":
        """The same as a numpy structured array: fields addr, len, pio (1 or 0) and data. The first
        use imports numpy."""
        import numpy  # noqa: F401  before anything is taken: it may be missing

        return arrayed(self._take())

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "CoalescedRing objects cannot be copied or pickled, since each owns writes of a guest"
        )

    def __repr__(self) -> str:
        return f"<CoalescedRing {len(self)} of {CAPACITY} writes, {len(self._zones)} zones>"

    # -- KVM's ring -------------------------------------------------------------------------------

    def _page(self) -> Any:
        """The mapping that has it; None: there is no vCPU, or it is closed."""
        made = self._vm._made
        page = made[0]._page if made else None
        return page if page is not None and len(page) >= self._vm._ring_at + PAGE else None

    def _waiting(self) -> int:
        page = self._page()
        if page is None:
            return 0
        first, last = abi.COALESCED_RING.unpack_from(page, self._vm._ring_at)
        return int(last - first) % (CAPACITY + 1)

    def _look(self) -> None:
        """Move KVM's entries to those who get them. The caller has the lock."""
        self._sort()
        page = self._page()
        if page is None:
            return
        at = self._vm._ring_at
        first, last = abi.COALESCED_RING.unpack_from(page, at)
        taken = []
        while first != last:
            place = at + HEAD + ENTRY * first
            taken.append(bytes(page[place : place + ENTRY]))
            first = (first + 1) % (CAPACITY + 1)
        start = first.to_bytes(4, "little")
        # No call stands between these two: Ctrl-C comes at calls.
        self._fresh += taken
        if not self._vm._forked:  # else the ring is the parent's, who takes the writes, too
            page[at : at + 4] = start  # KVM reads it: the places are free
        self._sort()
        if self._any and len(self._kept) >= CAPACITY:
            self._sync()

    def _sort(self) -> None:
        """Give what was taken to those who get it: a zone with an on_drain, or drain()."""
        while self._fresh:
            entry, zone = self._fresh[0], None
            if self._any:
                addr, size, pio, _ = abi.COALESCED_ENTRY.unpack(entry)
                zone = self._owner("pio" if pio else "mmio", addr, size)
            # No call until the end of the loop, as above.
            if zone is not None and zone._on_drain is not None:
                zone._held = [*zone._held, entry]
                self._due[zone] = None
            else:
                self._kept = [*self._kept, entry]
            self._taken += 1
            del self._fresh[0]

    def _owner(self, bus: str, addr: int, size: int) -> CoalescedZone | None:
        """Of overlapping zones the one with the highest end, then the lowest start, then the
        oldest."""
        holding = [zone for zone in self._zones if zone._holds(bus, addr, size)]
        return max(holding, key=lambda z: (z._addr + z._length, -z._addr), default=None)

    def _take(self) -> list[bytes]:
        with self._lock:
            self._look()
            full = len(self._kept) >= CAPACITY
            kept, self._kept = self._kept, []
            if full and self._any:
                self._sync()
            return kept

    def _write(self, bus: str, addr: int, data: bytes, collected: list[bytes]) -> bool:
        """A write that KVM has let out; False: it exits. `collected` gets it at the moment when it
        is in the ring."""
        with self._lock:
            self._sort()
            zone = self._owner(bus, addr, len(data))
            if zone is None:
                return False
            if zone._on_drain is None and len(self._kept) + self._waiting() >= CAPACITY:
                return False
            self._look()  # the writes before it
            pio = bus == "pio"
            entry = abi.COALESCED_ENTRY.pack(addr, len(data), pio, data.ljust(8, b"\0"))
            self._fresh += [entry]
            collected += [entry]
            self._sort()
            return True

    # -- zones ------------------------------------------------------------------------------------

    def _add(self, zone: CoalescedZone) -> None:
        with self._lock:
            self._look()  # earlier writes are not its own
            self._zones[zone] = None
            try:
                self._sync()
            except BaseException:
                del self._zones[zone]
                raise

    def _remove(self, zone: CoalescedZone) -> None:
        with self._lock:
            if zone not in self._zones or self._vm._closed:
                raise OSError(
                    errno.ENOENT,
                    f"no such zone is registered: {zone._text()}; it was removed already, or the "
                    "Vm is closed",
                )
            self._look()
            del self._zones[zone]
            self._sync()
            self._zones[zone] = None
            self._look()  # writes that came in before KVM knew
            del self._zones[zone]
            self._sync()

    def _changed(self, bus: str, addr: int) -> None:
        """An ioeventfd came or went, which takes its writes before a zone does."""
        if self._zones:
            with self._lock:
                if any(zone._holds(bus, at, 1) for zone in self._zones for at in (addr - 1, addr)):
                    self._sync()

    def _follow(self) -> None:
        """Devices that KVM does not know take their writes first, too."""
        pio, mmio = self._vm.ranges("pio").items, self._vm.ranges("mmio").items
        if self._tables[0] is not pio or self._tables[1] is not mmio:
            with self._lock:
                self._sync()

    def _sync(self) -> None:
        """Tell KVM what to collect by itself: the zones, without the addresses where an ioeventfd
        or a device comes first. What KVM does not collect exits, and `_write` collects it."""
        vm = self._vm
        self._any = any(zone._on_drain is not None for zone in self._zones)
        tables = {"pio": vm.ranges("pio").items, "mmio": vm.ranges("mmio").items}
        self._tables = tables["pio"], tables["mmio"]
        wanted: set[Span] = set()
        full = len(self._kept) >= CAPACITY
        for bus in ("pio", "mmio"):
            spans = [
                (zone._addr, min(zone._addr + zone._length, ENDS[bus]))
                for zone in self._zones
                if zone._bus == bus and not (full and zone._on_drain is None)
            ]
            holes = [(each.start, each.end) for each in tables[bus]]
            # KVM misses an entry of length 0 at which a zone ends, in one order of registration.
            holes += [(at - (n == 0), at + 1) for kind, at, n in vm._points if kind == bus]
            wanted |= {(at, end - at, bus == "pio") for at, end in without(spans, holes)}
        if vm._fd < 0:
            self._told = set()
            return
        for span in self._told - wanted:
            self._told.discard(span)
            self._tell(span, abi.KVM_UNREGISTER_COALESCED_MMIO)
        for span in wanted - self._told:
            self._tell(span, abi.KVM_REGISTER_COALESCED_MMIO)
            self._told.add(span)

    def _tell(self, span: "Span", request: int) -> None:
        addr, length, pio = span
        ioctl(self._vm._fd, request, abi.COALESCED_ZONE.pack(addr, length, pio))

    def _hand_over(self) -> None:
        """Before run() returns, on its thread: call each on_drain that has writes. Raises what one
        of them raised; the others are called, too."""
        if self._any:
            with self._lock:
                self._look()
        first: BaseException | None = None
        for zone in tuple(self._due):
            try:
                zone._call()
                self._handed(zone)
            except BaseException as error:
                error.add_note(f"in on_drain of {zone!r}")
                self._handed(zone)
                if first is None:
                    first = error
                else:
                    first.add_note(f"{type(error).__name__} in on_drain of {zone!r}: {error}")
        if first is not None:
            raise first

    def _handed(self, zone: CoalescedZone) -> None:
        """A zone got its writes, if it holds none."""
        with self._lock:
            if not zone._held:
                self._due.pop(zone, None)

    def _forget_parent(self) -> None:
        """In a child of fork(), which has no other thread: no one holds the lock."""
        self._lock = RLock()

    def _end(self) -> None:
        """The mapping goes: keep what is in it."""
        with self._lock:
            self._look()


def merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of spans, sorted."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What is in spans, sorted, in parts that do not overlap. Each lies in one of them."""
    found: list[tuple[int, int]] = []
    reached = 0
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if max(start, reached) < end:
            found.append((max(start, reached), end))
            reached = end
    return found


def without(spans: list[tuple[int, int]], holes: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans (start, end) without the holes, in pieces that do not overlap. Each lies in one span,
    because a write that no zone has wholly exits. The longest ones, if there are more than KVM
    should have.

    >>> without([(0, 10), (5, 20)], [(3, 4), (15, 30)])
    [(0, 3), (4, 10), (10, 15)]
    """
    found: list[tuple[int, int]] = []
    gaps = merged(holes)
    first = 0
    for start, end in apart(spans):
        while first < len(gaps) and gaps[first][1] <= start:
            first += 1
        at = start
        for hole in islice(gaps, first, None):
            if hole[0] >= end:
                break
            if at < hole[0]:
                found.append((at, hole[0]))
            at = hole[1]
        if at < end:
            found.append((at, end))
    pieces = [
        (at, min(end, at + LONGEST)) for start, end in found for at in range(start, end, LONGEST)
    ]
    return sorted(sorted(pieces, key=lambda p: p[0] - p[1])[:PIECES])


def coalesce(
    vm: "Vm", addr: int, length: int, bus: str, on_drain: Callable[..., object] | None, array: bool
) -> CoalescedZone:
    """`Vm.coalesce`."""
    vm.check_open()
    vm._check_run()
    if bus not in ("pio", "mmio"):
        raise ValueError(f"there is no bus {bus!r} for coalesced zones: use 'pio' or 'mmio'")
    numbers = []
    for value, what in ((addr, "address"), (length, "length")):
        number = exact(value, f"{what} of a zone")
        if not 0 <= number <= MOST:
            raise OSError(errno.EINVAL, f"{what} of a zone {number} is not a number of 64 bits")
        numbers.append(number)
    start, size = numbers
    with_array = truth(array, "array")
    if on_drain is not None and not callable(on_drain):
        kind = type(on_drain).__name__
        raise TypeError(f"on_drain is a function that takes the writes, not {kind}")
    if with_array and on_drain is None:
        raise ValueError("array=True says what on_drain gets: give on_drain, or call drain_array()")
    if size and start + size - 1 > MOST:
        raise OSError(
            errno.EINVAL,
            f"a zone at {start:#x}, length {size:#x}, reaches past 2^64: give a shorter length",
        )
    if with_array:
        import numpy  # noqa: F401  it may be missing
    name: BusName = "pio" if bus == "pio" else "mmio"
    zone = CoalescedZone(vm.coalesced, start, size, name, on_drain, with_array)
    if size == 0 or (bus == "pio" and start >= PORTS):
        warnings.warn(
            f"zone {zone._text()}: no access is inside, so it never collects a write",
            RuntimeWarning,
            stacklevel=3,
        )
    vm.coalesced._add(zone)
    return zone
