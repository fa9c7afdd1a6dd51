"""What a device author subclasses: offsets in, values out. Knows no bus and no address."""

from collections.abc import Callable

from .clock import Clock, Timer


def _unconnected(level: bool) -> None:
    """The interrupt line of a device that nobody connected."""


class _NoTime:
    """Time before a device is attached: it stands still."""

    time = 0

    def set_timer(self, deadline_ns: int | None, fn: Callable[[], None], /) -> None:
        pass


class _NoClock(Clock):
    """The clock of a device that is not attached: nobody can wait for it."""

    def _start(self, deadline: int, fn: Callable[[], object], name: str) -> Timer:
        raise RuntimeError(
            "a device that is not attached has no clock: attach it to a bus, or set its .clock"
        )


class Device:
    """A part of the machine: state, an interrupt line, a clock.

    Whoever attaches a device hands in `clock` and, where it has a line, `irq`, then calls
    `reset()`. `irq(True)` raises the line, `irq(False)` lowers it.

    Its methods and timers are called by the thread that runs the guest, one at a time (with several
    vCPUs: by the thread of the one that asks). The host calls what a device offers to it, such as
    `type()` of the keyboard or `receive()` of the serial port, from that thread or while the guest
    does not run. Other threads use `clock.call_after(0, function)`, which calls it there.
    """

    #: How messages call it; a subclass that names nothing gets its class name in lower case.
    name: str = "device"
    #: The interrupt line.
    irq: Callable[[bool], None] = staticmethod(_unconnected)
    #: Guest time.
    clock: Clock = _NoClock(_NoTime())
    #: Size of the one range of a device that has no `ranges` of its own.
    length: int = 1
    #: The widest access the device takes; the bus splits wider ones, lowest address first.
    max_size: int = 4

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__.lower()

    @property
    def ranges(self) -> tuple[tuple[int, int], ...]:
        """The offsets that the device answers, as (offset, length)."""
        return ((0, self.length),)

    def reset(self) -> None:
        """Forget everything, as the RESET pin does."""

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
        """What the guest's IN of `size` bytes at `offset` gives; not driven: all ones."""
        return (1 << 8 * size) - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        """The guest's OUT of `size` bytes at `offset`."""


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
        """What the guest's load of `size` bytes at `offset` gives; not driven: all ones."""
        return (1 << 8 * size) - 1

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        """The guest's store of `size` bytes at `offset`."""
