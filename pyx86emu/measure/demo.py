"""The demo guest's control port: time what the guest does between two writes to it."""

from collections.abc import Callable
from time import perf_counter

from ..device import MmioDevice, PioDevice
from .rows import Row


class DemoControl(PioDevice, MmioDevice):
    """The guest writes here how many signals it will send, and 0 when it has sent them."""

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
