"""The doorbell: count rings by write, by call or by eventfd. It is used to measure ioeventfd.

| offset | access |                                                     |
| ------ | ------ | --------------------------------------------------- |
| 0-3    | write  | ring once, whatever the value and the width         |
| 0-3    | read   | the count, its low bytes; offset n starts at byte n |

It works on the PIO and on the MMIO bus, at any base.
"""

from typing import Protocol

from ..._core import whole
from ...device import MmioDevice, PioDevice
from ...state import Values, take_whole

#: The most rings that one call may add.
MOST = (1 << 64) - 1


class Readable(Protocol):
    """An eventfd: `events.EventFd`, or the one that `Vm.ioeventfd` returns."""

    def fileno(self) -> int: ...

    def read(self) -> int: ...


class DoorbellDevice(PioDevice, MmioDevice):
    """Counts rings: by a write of the guest, by `ring()`, or through an eventfd.

    `eventfd` is read whenever the count is read.

    >>> bell = DoorbellDevice()
    >>> bell.pio_write(0, 1, 0xFF); bell.mmio_write(0, 4, 0); bell.ring()
    >>> bell.count
    3
    """

    name = "doorbell"
    length = 4

    def __init__(self, eventfd: Readable | None = None) -> None:
        self.eventfd = eventfd
        self.rung = 0

    def reset(self) -> None:
        self.drain()
        self.rung = 0

    @property
    def count(self) -> int:
        """All rings since the last reset."""
        self.drain()
        return self.rung

    def ring(self, n: int = 1) -> None:
        """Add `n` rings, as from a device model. TypeError: `n` is not an integer; ValueError: it
        is negative, or has more than 64 bits."""
        self.rung += whole(n, "n", 0, MOST)

    def drain(self) -> int:
        """Read the eventfd and add its rings to the count. Returns how many rings that were."""
        if self.eventfd is None:
            return 0
        from select import POLLIN, poll  # only here: most doorbells have no eventfd

        ready = poll()
        ready.register(self.eventfd.fileno(), POLLIN)
        rings = self.eventfd.read() if ready.poll(0) else 0
        self.rung += rings
        return rings

    def state(self) -> Values:
        """The count, with the rings that wait in the eventfd; see `Stateful`."""
        return {"rung": self.count}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned; rings that wait in the eventfd are dropped. ValueError:
        it is no such state; nothing has changed."""
        rung = take_whole(values, "rung", 0, 1 << 96)
        self.drain()
        self.rung = rung

    def pio_read(self, offset: int, size: int) -> int:
        return self.count >> 8 * offset & (1 << 8 * size) - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.rung += 1

    mmio_read = pio_read
    mmio_write = pio_write
