"""Base classes of devices: answer offsets with values. Know no bus and no address."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .clock import Clock, Timer

if TYPE_CHECKING:
    from ._core import BlockPort


def _unconnected(level: bool) -> None:
    """The interrupt line of a device without one: does nothing."""


class _NoTime:
    """The guest time of a device that is not attached: always 0."""

    time = 0

    def set_timer(self, deadline_ns: int | None, fn: Callable[[], None], /) -> None:
        pass


class _NoClock(Clock):
    """The clock of a device that is not attached: it takes no timers."""

    def _start(self, deadline: int, fn: Callable[[], object], name: str) -> Timer:
        raise RuntimeError(
            "a device that is not attached has no clock: attach it to a bus, or set its .clock"
        )


class Device:
    """A part of the machine: state, an interrupt line, a clock.

    Attaching a device sets `clock` and, if the device has an interrupt line, `irq`. Before the
    guest has run it then calls `reset()`; later the device keeps the state it has. `irq(True)`
    raises the line, `irq(False)` lowers it. Keep it up until the guest has answered: the 8259 drops
    a request whose line falls before the acknowledge.

    The thread that runs the guest calls the methods and timers, one at a time. With several vCPUs,
    it is the thread of the vCPU that makes the access. Methods for the host, such as `type()` of
    the keyboard or `receive()` of the serial port, must be called by that thread, or while the
    guest does not run. Any other thread uses `clock.call_after(0, function)`: the thread that runs
    the guest then calls the function.
    """

    #: Its name in messages. The default of a subclass is its class name in lower case.
    name: str = "device"
    #: Sets the level of the interrupt line.
    irq: Callable[[bool], None] = staticmethod(_unconnected)
    #: Guest time in nanoseconds, and timers.
    clock: Clock = _NoClock(_NoTime())
    #: Length of the only range, in bytes, unless the subclass defines `ranges`.
    length: int = 1
    #: The widest access that the device takes, in bytes. The bus splits wider ones, lowest address
    #: first.
    max_size: int = 4
    #: False: what it answers depends on something outside of the machine. A recording keeps the
    #: answers, and a replay gives them without calling the device.
    deterministic: bool = True
    #: A port that moves blocks of data in the core, as (offset, BlockPort), or None.
    block_port: "tuple[int, BlockPort] | None" = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The offsets that the device answers, as (offset, length in bytes) each."""
        return ((0, self.length),)

    def reset(self) -> None:
        """Clear all state, as the RESET pin does."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} '{self.name}'>"


class PioDevice(Device):
    """A device on the PIO bus.

    >>> class Dice(PioDevice):
    ...     def pio_read(self, offset: int, size: int) -> int:
    ...         return 4
    >>> Dice().pio_read(0, 1), Dice().name, Dice().ranges
    (4, 'dice', ((0, 1),))
    """

    def pio_read(self, offset: int, size: int) -> int:
        """Return what the guest's IN of `size` bytes at `offset` reads.

        By default all ones, as from a bus that no device drives.
        """
        return (1 << 8 * size) - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        """The guest's OUT of `value`, `size` bytes, at `offset`. By default ignored."""


class MmioDevice(Device):
    """A device on the MMIO bus.

    >>> class Latch(MmioDevice):
    ...     value = 0
    ...     def mmio_read(self, offset: int, size: int) -> int:
    ...         return self.value
    ...     def mmio_write(self, offset: int, size: int, value: int) -> None:
    ...         self.value = value
    >>> latch = Latch()
    >>> latch.mmio_write(0, 4, 7)
    >>> latch.mmio_read(0, 4)
    7
    """

    def mmio_read(self, offset: int, size: int) -> int:
        """Return what the guest's load of `size` bytes at `offset` reads.

        By default all ones, as from a bus that no device drives.
        """
        return (1 << 8 * size) - 1

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        """The guest's store of `value`, `size` bytes, at `offset`. By default ignored."""
