"""Stops: end a run where no program should be. The vCPU finds the places, this file the ports."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._core import UnclaimedPorts, Vcpu, stop_exit
from ..exits import ExitReason

if TYPE_CHECKING:
    from .. import _core
    from ..backend import VcpuBackend
    from ..bus import Bus

PORT = "port"
#: A loop reads a port: so many reads in a row by one instruction. Loops with a time limit of their
#: own count to 65,536.
READS = 100_000
#: So many are worth a hint.
HINT = 1_000


class LastRead:
    """What `_core.UnclaimedPorts` is for a vCPU of another back end, whose accesses all exit."""

    def __init__(self) -> None:
        self.port = self.cs = self.ip = 0
        self.times = self.every = self.served = 0
        self.answered = False

    def note(self, port: int, cs: int, ip: int) -> int:
        """Count a read. Returns how many in a row were made there."""
        if ip != self.ip or port != self.port or cs != self.cs:
            self.times = 0
        self.port, self.cs, self.ip = port, cs, ip
        self.times += 1
        return self.times

    def forget(self) -> None:
        """No read was made."""
        self.times = 0


class Ports:
    """Reads of ports that no device has: when they end a run. `seen` has the last one."""

    def __init__(self, vcpu: "VcpuBackend") -> None:
        self.seen = UnclaimedPorts(vcpu) if isinstance(vcpu, Vcpu) else LastRead()
        self.due = False

    @property
    def stops(self) -> bool:
        """Do they end a run?"""
        return self.seen.every != 0

    @stops.setter
    def stops(self, value: bool) -> None:
        self.seen.every = READS if value else 0

    def read(self, exit: "_core.Exit", bus: "Bus") -> None:
        """No device has answered this read, which made an exit."""
        times = self.seen.note(exit.addr, exit.cs, exit.ip)
        if self.stops and times % READS == 0 and bus.unclaimed(exit.addr, exit.size):
            self.due = True

    def forget(self) -> None:
        """After a reset."""
        self.seen.forget()
        self.due = False

    @property
    def message(self) -> str:
        """What was seen, in words."""
        seen = self.seen
        return (
            f"port {seen.port:#x}, which no device has, is read in a loop at "
            f"{seen.cs:04x}:{seen.ip:04x}"
        )

    def take(self) -> "_core.Exit":
        """The exit that is due."""
        self.due = False
        return stop_exit(PORT, self.seen.cs, self.seen.ip, self.message)


class Stops:
    """The names of `stop_on`: those of the vCPU, and "port"."""

    def __init__(self, vcpu: "VcpuBackend") -> None:
        self._vcpu = vcpu
        self.ports = Ports(vcpu)
        self.default: frozenset[str] = frozenset()
        self._own: frozenset[str] = frozenset()

    def set(self, names: frozenset[str]) -> None:
        """Stop at these from now on. Errors as for `Vcpu.stop_on`."""
        own = names - {PORT}
        if own != self._own:
            self._vcpu.stop_on = own
            self._own = own
        self.ports.stops = PORT in names

    def checked(self, names: Iterable[str]) -> frozenset[str]:
        """The same as a set. TypeError: no set of names; ValueError: an unknown name."""
        if isinstance(names, str):
            raise TypeError(f"stop_on is a set of names, not one: give {{{names[:40]!r}}}")
        try:
            found = frozenset(names)
        except TypeError:
            raise TypeError(
                f"stop_on is a set of names, not {type(names).__name__}: give {{'zeros'}}"
            ) from None
        for name in found:
            if not isinstance(name, str):
                raise TypeError(f"stop_on has names, not {type(name).__name__}")
            if name not in NAMES:
                raise ValueError(f"unknown stop_on {name[:40]!r}: choose from {', '.join(NAMES)}")
        return found


#: The names, and what they stop at.
NAMES = {
    "zeros": "00 00 00 00, executed",
    "signature": "the boot signature 55 AA, executed",
    "loop": "jmp $ that no interrupt ends",
    "null-vector": "an interrupt whose vector is 0000:0000",
    "stack": "a push over code",
    PORT: "a port that no device has, read in a loop",
}

#: Of these, the places where nothing good comes after.
ASTRAY = ("zeros", "signature", "null-vector")


def stopped(exit: "_core.Exit") -> bool:
    """Was it a stop that ended the run?"""
    return exit.reason is ExitReason.DEBUG and exit.stop is not None
