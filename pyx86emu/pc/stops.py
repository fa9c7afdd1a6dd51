"""Stops: end a run where no program should be. The vCPU finds the places, this file the ports."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .._core import stop_exit
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


class Ports:
    """Reads of ports that no device has: the last place, and how often in a row."""

    def __init__(self) -> None:
        self.port = -1
        self.times = 0
        self.cs = self.ip = 0
        self.stops = False
        self.due = False

    def read(self, exit: "_core.Exit", bus: "Bus") -> None:
        """No device has answered this read."""
        if exit.ip != self.ip or exit.addr != self.port or exit.cs != self.cs:
            self.port, self.cs, self.ip, self.times = exit.addr, exit.cs, exit.ip, 0
        self.times += 1
        if self.stops and self.times % READS == 0 and bus.unclaimed(self.port, exit.size):
            self.due = True

    def forget(self) -> None:
        """After a reset."""
        self.port, self.times, self.due = -1, 0, False

    @property
    def message(self) -> str:
        """What was seen, in words."""
        return (
            f"port {self.port:#x}, which no device has, is read in a loop at "
            f"{self.cs:04x}:{self.ip:04x}"
        )

    def take(self) -> "_core.Exit":
        """The exit that is due."""
        self.due = False
        return stop_exit(PORT, self.cs, self.ip, self.message)


class Stops:
    """The names of `stop_on`: those of the vCPU, and "port"."""

    def __init__(self, vcpu: "VcpuBackend") -> None:
        self._vcpu = vcpu
        self.ports = Ports()
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
