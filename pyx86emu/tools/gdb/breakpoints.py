"""Breakpoints: keep what gdb's Z packets set, and say which of them a stop has hit.

Software and hardware breakpoints are the same here: the core compares linear addresses, and memory
keeps its bytes.
"""

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from .registers import Refused

if TYPE_CHECKING:
    from ... import _core

#: So many breakpoints fit in a session. The core compares up to 65,536, the machine's own included.
MOST_BREAKPOINTS = 65_000
MOST_WATCHES = 1024
#: The longest watchpoint in bytes.
LONGEST = 1 << 20


class Kind(IntEnum):
    """The digit of a Z packet."""

    SOFTWARE = 0
    HARDWARE = 1
    WRITE = 2
    READ = 3
    ACCESS = 4


#: What a stop reply says of each kind.
WORDS = {
    Kind.SOFTWARE: "swbreak:",
    Kind.HARDWARE: "hwbreak:",
    Kind.WRITE: "watch:",
    Kind.READ: "rwatch:",
    Kind.ACCESS: "awatch:",
}
ON_CODE = (Kind.SOFTWARE, Kind.HARDWARE)
#: Which kinds a store hits, and which a load.
STORES = (Kind.WRITE, Kind.ACCESS)
LOADS = (Kind.READ, Kind.ACCESS)


class Point(NamedTuple):
    """One breakpoint or watchpoint. `length` is 0 for a breakpoint."""

    kind: Kind
    address: int
    length: int = 0


class Breakpoints:
    """What a session has set. gdb may set the same point twice; it is there once."""

    def __init__(self) -> None:
        #: Address -> the breakpoints there, the one that was set first at the head.
        self._code: dict[int, list[Point]] = {}
        self._watched: dict[Point, None] = {}

    def add(self, kind: int, address: int, length: int) -> None:
        """Refused: there is no such kind, no room, or the watchpoint has no length."""
        point = self._point(kind, address, length)
        if point.kind in ON_CODE:
            self._add_code(point)
        elif not 0 < length <= LONGEST:
            raise Refused(f"a watchpoint has 1 to {LONGEST} bytes")
        elif point not in self._watched and len(self._watched) >= MOST_WATCHES:
            raise Refused(f"no more than {MOST_WATCHES} watchpoints fit: delete one")
        else:
            self._watched[point] = None

    def _add_code(self, point: Point) -> None:
        if point.address >= 1 << 32:
            raise Refused("a breakpoint is at an address of 32 bits")
        if point.address not in self._code and len(self._code) >= MOST_BREAKPOINTS:
            raise Refused(f"no more than {MOST_BREAKPOINTS} breakpoints fit: delete one")
        there = self._code.setdefault(point.address, [])
        if point not in there:
            there.append(point)

    def remove(self, kind: int, address: int, length: int) -> None:
        """Refused: there is no such kind. Nothing happens if it is not there."""
        point = self._point(kind, address, length)
        self._watched.pop(point, None)
        there = self._code.get(address, [])
        if point in there:
            there.remove(point)
            if not there:
                del self._code[address]

    def clear(self) -> None:
        """Remove all."""
        self._code.clear()
        self._watched.clear()

    @staticmethod
    def _point(kind: int, address: int, length: int) -> Point:
        try:
            which = Kind(kind)
        except ValueError:
            raise Refused(f"there is no Z{kind} packet") from None
        return Point(which, address, 0 if which in ON_CODE else length)

    @property
    def addresses(self) -> list[int]:
        """The linear addresses of the breakpoints, each once."""
        return list(self._code)

    @property
    def watch(self) -> "list[_core.Watchpoint]":
        """What the core watches. Each place is watched for stores, and where loads count for both:
        of the points that an access hits the core names the first, so it names "w" for a store and
        "rw" only for a load."""
        spans = [(each.address, each.length, each.kind) for each in self._watched]
        stores: list[_core.Watchpoint] = [(at, length, "w") for at, length, _ in spans]
        loads: list[_core.Watchpoint] = [
            (at, length, "rw") for at, length, kind in spans if kind in LOADS
        ]
        return list(dict.fromkeys(stores + loads))

    def at(self, address: int) -> Point | None:
        """The breakpoint at a linear address."""
        return next(iter(self._code.get(address, ())), None)

    def accessed(self, watch: "_core.Watchpoint", address: int) -> Point | None:
        """The watchpoint that an access of this kind hits at `address`; None: none of gdb's, it was
        a store into bytes whose loads are watched."""
        kinds = STORES if watch[2] == "w" else LOADS
        for each in self._watched:
            if each.kind in kinds and each.address <= address < each.address + each.length:
                return each
        return None
