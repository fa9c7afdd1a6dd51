"""Stats: count the exits that a guest causes. Know no guest."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..backend import WriteRing


class Stats:
    """How many exits the guest caused since its boot sector started, and writes to coalesced
    zones."""

    def __init__(self, ring: "WriteRing") -> None:
        self._ring = ring
        self.clear()

    def clear(self) -> None:
        self.pio_exits = self.mmio_exits = 0
        self._before = self._ring.count

    def state(self) -> tuple[int, int, int]:
        """What it has counted; for `load()`."""
        return self.pio_exits, self.mmio_exits, self._before

    def load(self, counted: tuple[Any, ...]) -> None:
        """Restore what `state()` returned. ValueError: it is no such thing."""
        if len(counted) != 3 or any(type(each) is not int for each in counted):
            raise ValueError("a state has no three counts of exits")
        self.pio_exits, self.mmio_exits, self._before = counted

    @property
    def coalesced(self) -> int:
        """Writes that coalesced zones have collected; they caused no exit."""
        return self._ring.count - self._before

    def __repr__(self) -> str:
        exits = f"{self.pio_exits} PIO exits, {self.mmio_exits} MMIO exits"
        return f"<{exits}, {self.coalesced} coalesced writes>"
