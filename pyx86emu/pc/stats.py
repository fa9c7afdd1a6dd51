"""Stats: count the exits that a guest causes. Know no guest."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core import UnclaimedPorts
    from ..backend import WriteRing
    from .stops import LastRead


class Stats:
    """How many exits the guest caused since its boot sector started, and writes to coalesced
    zones.

    `pio_exits` has the accesses to ports that no device has, too. On the interpreter the core
    answers them, and no run ends for them.
    """

    def __init__(self, ring: "WriteRing") -> None:
        self._ring = ring
        self._unclaimed: UnclaimedPorts | LastRead | None = None
        self.clear()

    def count(self, unclaimed: "UnclaimedPorts | LastRead") -> None:
        """Count also what the core answers of these."""
        self._unclaimed = unclaimed
        self.clear()

    def clear(self) -> None:
        self.returned = -self._served
        """PIO exits that `Vcpu.run()` has returned; without what the core had answered before."""
        self.mmio_exits = 0
        self._before = self._ring.count

    @property
    def _served(self) -> int:
        return 0 if self._unclaimed is None else self._unclaimed.served

    @property
    def pio_exits(self) -> int:
        """Accesses to ports that no device in the core and no `push` device has."""
        return self.returned + self._served

    def state(self) -> tuple[int, int, int]:
        """What it has counted; for `load()`."""
        return self.pio_exits, self.mmio_exits, self._before

    def load(self, counted: tuple[Any, ...]) -> None:
        """Restore what `state()` returned. ValueError: it is no such thing."""
        if len(counted) != 3 or any(type(each) is not int for each in counted):
            raise ValueError("a state has no three counts of exits")
        exits, self.mmio_exits, self._before = counted
        self.returned = exits - self._served

    @property
    def coalesced(self) -> int:
        """Writes that coalesced zones have collected; they caused no exit."""
        return self._ring.count - self._before

    def __repr__(self) -> str:
        exits = f"{self.pio_exits} PIO exits, {self.mmio_exits} MMIO exits"
        return f"<{exits}, {self.coalesced} coalesced writes>"
