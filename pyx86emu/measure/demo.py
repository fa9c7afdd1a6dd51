"""The demo guest's control port: time what the guest does between two writes to it."""

from collections.abc import Callable
from time import perf_counter

from ..device import MmioDevice, PioDevice
from .rows import Row


class DemoControl(PioDevice, MmioDevice):
    """The guest writes here how many signals it wants to send, reads how many it is to send, and
    writes 0 when it has sent them.

    `counts` has for each way, in the guest's order, what returns the signals that arrived; None if
    there is no such way.
    """

    name = "demo-control"
    length = 4
    PORT = 0x5F0

    def __init__(self, counts: dict[str, Callable[[], int] | None]) -> None:
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
            if count is not None:
                self.rows.append(Row(path, self.rings, now - self.start, count()))
            self.rings = 0

    def pio_read(self, offset: int, size: int) -> int:
        if self.waiting and self.waiting[0][1] is None:
            self.waiting.pop(0)
            self.rings = 0
        self.start = perf_counter()
        return self.rings
