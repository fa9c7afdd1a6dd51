"""Debug: the debug registers of a vCPU, and what makes it stop with Exit(DEBUG).

Up to four stops of the host are in the host's debug registers, of which KVM has a set besides the
guest's. More breakpoints than fit there are compared by us, in single steps. Watchpoints need the
debug registers: KVM's emulator does not look at them, so a host that emulates real mode has none.
"""

from collections.abc import Iterable
from fcntl import ioctl
from itertools import islice
from typing import NamedTuple

from .._core import whole
from ..address import Address, linear
from . import abi
from .messages import refused

DR6_ONES, DR7_ONES = 0xFFFF0FF0, 0x400
DR6_BS = 0x4000
MOST = 65536
HARDWARE = 4
#: What KVM has before it is told anything.
NOTHING: tuple[int, list[tuple[int, int]]] = (0, [])
#: Length and kind of a debug register, in DR7.
LENGTHS = {1: 0, 2: 1, 4: 3, 8: 2}
KINDS = {"w": 1, "rw": 3}

Watch = tuple[int, int, str]


class Piece(NamedTuple):
    """What one debug register watches: an aligned part of a watchpoint."""

    addr: int
    length: int
    watch: Watch


def pieces(watch: Watch) -> list[Piece]:
    """Cut a watchpoint into parts that debug registers can hold.

    >>> [(hex(each.addr), each.length) for each in pieces((0x1001, 4, "w"))]
    [('0x1001', 1), ('0x1002', 2), ('0x1004', 1)]
    """
    at, end, found = watch[0], watch[0] + watch[1], []
    while at < end:
        length = 8
        while at % length or at + length > end:
            length //= 2
        found.append(Piece(at, length, watch))
        at += length
    return found


class Debug:
    """The debug state of one vCPU. Only its thread calls this, or any thread while none runs it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.always = False  # single step
        self.once = False  # step()
        self.points: dict[int, int] = {}
        self.parts: tuple[Piece, ...] = ()
        self.passed: int | None = None  # a breakpoint that was told, and is still to be executed
        self._set: object = NOTHING
        self._known = [0] * 6 + [DR6_ONES, DR7_ONES]  # DR0 to DR7, as they were read last

    def release(self) -> None:
        """The vCPU is given back. Its descriptor may become another file's."""
        self._fd = -1

    # -- the guest's debug registers --------------------------------------------------------------

    def register(self, number: int) -> int:
        """DR0 to DR7. A thread that may not ask KVM now gets what was read last."""
        return self._known[number]

    def load(self) -> None:
        """Ask KVM for them."""
        if self._fd < 0:
            return
        data = bytearray(abi.DEBUGREGS.size)
        ioctl(self._fd, abi.KVM_GET_DEBUGREGS, data)
        *points, dr6, dr7 = abi.DEBUGREGS.unpack(data)[:6]
        self._known[:4] = points
        self._known[6:] = dr6 & 0xFFFFFFFF, dr7 & 0xFFFFFFFF

    def set_register(self, number: int, value: int) -> None:
        """Store one; fixed bits are kept."""
        if number == 6:
            value = value & 0xE00F | DR6_ONES
        elif number == 7:
            value = value & 0xFFFF23FF | DR7_ONES
        self._known[number] = value
        self._store()

    def _store(self) -> None:
        known = self._known
        if self._fd < 0:
            return
        data = abi.DEBUGREGS.pack(*known[:4], known[6], known[7], *[0] * 10)
        ioctl(self._fd, abi.KVM_SET_DEBUGREGS, data)

    def reset(self) -> None:
        """The values after RESET. The stops of the host stay."""
        self._known[:] = [0] * 6 + [DR6_ONES, DR7_ONES]
        self._store()
        self.passed = None

    # -- the host's stops -------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Is there nothing to tell KVM?"""
        asked = self.always or self.once or self.points or self.parts
        return not asked and self._set == NOTHING

    @property
    def by_steps(self) -> bool:
        """Are breakpoints compared here, before each step?"""
        return self.always or self.once or len(self.points) + len(self.parts) > HARDWARE

    def ask(self, always: bool, points: list[int], watches: list[Watch]) -> None:
        """What `Vcpu.debug` promises, with arguments that were checked."""
        parts = tuple(part for watch in watches for part in pieces(watch))
        if len(parts) > HARDWARE:
            raise refused(
                f"the watchpoints need {len(parts)} debug registers, a processor has {HARDWARE}",
                "watch fewer addresses, each a multiple of its length, or use accel='interp'",
            )
        self.always, self.points, self.parts = always, _places(points), parts
        self.passed = None

    def arm(self) -> bool:
        """Tell KVM, if it is not what KVM has already. True: it will run in single steps."""
        stepping = self.by_steps or self.passed is not None
        wanted = [] if stepping else [(at, 0) for at in self.points]
        wanted += [(p.addr, KINDS[p.watch[2]] | LENGTHS[p.length] << 2) for p in self.parts]
        control = abi.KVM_GUESTDBG_SINGLESTEP if stepping else 0
        if wanted:
            control |= abi.KVM_GUESTDBG_USE_HW_BP
        if (control, wanted) == self._set:
            return stepping
        dr7 = DR7_ONES
        for number, (_, bits) in enumerate(wanted):
            dr7 |= 2 << 2 * number | bits << 16 + 4 * number
        registers = [at for at, _ in wanted] + [0] * (HARDWARE - len(wanted))
        enable = abi.KVM_GUESTDBG_ENABLE if control else 0
        data = abi.GUEST_DEBUG.pack(control | enable, 0, *registers, 0, 0, 0, dr7)
        ioctl(self._fd, abi.KVM_SET_GUEST_DEBUG, data)
        self._set = (control, wanted)
        return stepping

    def at_point(self, pc: int) -> int | None:
        """DR6, if a breakpoint that KVM does not know stops the vCPU before the instruction at
        `pc`. It stops once; the next run executes the instruction."""
        if self.passed != pc:
            self.passed = None
            if self.by_steps and pc in self.points:
                self.passed = pc
                return self.dr6_of(pc)
        return None

    def dr6_of(self, pc: int) -> int:
        """DR6 at the breakpoint at `pc`."""
        return DR6_ONES | 1 << (self.points[pc] & 3)

    def stopped(self, pc: int, dr6: int) -> "int | Piece | None":
        """What KVM's debug exit is to the caller of run(): DR6, the part of a watchpoint that was
        hit, or None: nothing, the guest goes on."""
        stepping = self.by_steps or self.passed is not None
        first = 0 if stepping else len(self.points)
        for number, part in enumerate(self.parts):
            if dr6 >> first + number & 1:
                self.passed = None
                return part
        if not stepping and dr6 & 15:
            self.passed = pc if pc in self.points else None
            return self.dr6_of(pc) if pc in self.points else dr6
        self.passed = None
        return DR6_ONES | DR6_BS if self.always or self.once else None


def _places(points: list[int]) -> dict[int, int]:
    """Address -> its place among them."""
    return {at: place for place, at in enumerate(dict.fromkeys(points))}


def checked_points(points: Iterable[Address]) -> list[int]:
    """Linear addresses of breakpoints. ValueError: too many, or one of more than 32 bits."""
    given = [linear(at, what="breakpoint") for at in islice(points, MOST + 1)]
    found = [whole(at, "breakpoint", 0, 0xFFFFFFFF) for at in given]
    if len(found) > MOST:
        raise ValueError(f"more than {MOST} breakpoints: at most {MOST} fit")
    return found


def checked_watches(watches: Iterable[Watch]) -> list[Watch]:
    """Watchpoints, each (address, length, kind)."""
    found = []
    for each in watches:
        try:
            addr, length, kind = each
        except (TypeError, ValueError):
            raise TypeError(f"a watchpoint is (addr, length, 'w' or 'rw'), not {each!r}") from None
        if kind not in KINDS:
            raise ValueError(f"a watchpoint is of kind 'w' or 'rw', not {kind!r}")
        addr = linear(addr, what="the address of a watchpoint")
        whole(addr, "the address of a watchpoint", 0, 0xFFFFFFFF)
        length = whole(length, "the length of a watchpoint", 1, 2**32 - addr)
        found.append((addr, length, str(kind)))
    return found
