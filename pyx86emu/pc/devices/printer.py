"""The parallel port: a printer takes bytes by strobe and answers with busy and acknowledge.

| offset | read                      | write                |
| ------ | ------------------------- | -------------------- |
| 0      | the data latch            | the data latch       |
| 1      | status, inputs as on the pins | nothing          |
| 2      | control, upper bits ones  | control              |

On a PC at 378h, IRQ 7, gated by bit 4 of the control register. (IBM, Technical Reference, Printer
Adapter; bit 2 of the status as in the PS/2's parallel port.)
"""

from collections.abc import Callable

from ...clock import Timer
from ...log import LIMIT, Log
from ...state import Values, take
from .fields import BYTE, TIME, FieldDevice, Fields, Flag

DATA = 0
STATUS = 1
CONTROL = 2

STATUS_ONES = 0x03
STATUS_NO_IRQ = 0x04  # low from the acknowledge to the next read of the status
STATUS_NO_ERROR = 0x08
STATUS_SELECTED = 0x10
STATUS_NO_PAPER = 0x20
STATUS_NO_ACK = 0x40
STATUS_NOT_BUSY = 0x80

CONTROL_STROBE = 0x01
CONTROL_NO_INIT = 0x04
CONTROL_IRQ = 0x10
CONTROL_ONES = 0xE0

#: Guest nanoseconds from the strobe to the acknowledge, and how long the acknowledge lasts. With
#: both the printer is busy.
WORK = 20_000
ACK = 5_000


class Printer(FieldDevice):
    """A printer that is always on line and never out of paper.

    Each byte goes to the log and to `output` at its strobe, on the thread that runs the guest.
    Bytes that the guest strobes while the printer is busy are taken too: none is lost.

    >>> printer = Printer(output=print)
    >>> from pyx86emu.clock import Clock
    >>> class Stopwatch:
    ...     time = 0
    ...     def set_timer(self, deadline, fn): pass
    >>> printer.clock = Clock(Stopwatch())
    >>> printer.pio_write(DATA, 1, 0x41)
    >>> printer.pio_write(CONTROL, 1, 0x0D)                  # strobe
    b'A'
    >>> printer.data
    b'A'
    """

    name = "printer"
    length = 3
    max_size = 1
    fields = Fields(
        {"latch": BYTE, "control": BYTE, "acknowledged": TIME, "pending": Flag()},
        timers=[("_timer", {"printer.ack": "_acknowledge"})],
        lines=[("level", "irq")],
    )

    def __init__(self, output: Callable[[bytes], object] | None = None, limit: int = LIMIT) -> None:
        self.output = output
        self.log = Log(limit)
        self.level = False
        self._timer: Timer | None = None
        self._clear()

    def reset(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._clear()
        self._update()

    def _clear(self) -> None:
        self.latch = 0
        self.control = CONTROL_NO_INIT
        self.acknowledged = -ACK  # guest time at which the last acknowledge begins
        self.pending = False  # an acknowledge that the guest has not seen
        self._timer = None

    @property
    def data(self) -> bytes:
        """The bytes that were printed, the newest `log_limit` of them. Any thread."""
        return bytes(self.log)

    @property
    def text(self) -> str:
        """The same as text: UTF-8 if it is valid UTF-8, else code page 437."""
        return self.log.text()

    @property
    def logs(self) -> tuple[Log, ...]:
        """What was printed."""
        return (self.log,)

    def state(self) -> Values:
        """The registers, and the log; see `Stateful`."""
        return {**super().state(), "log": self.log.state()}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned. ValueError: it is no such state; nothing has changed."""
        log = take(values, "log", dict)
        self.log.check(log)
        super().load(values)
        self.log.load(log)

    def pio_read(self, offset: int, size: int) -> int:
        if offset == DATA:
            return self.latch
        if offset == CONTROL:
            return self.control | CONTROL_ONES
        value = STATUS_ONES | STATUS_NO_ERROR | STATUS_SELECTED
        ago = self.clock.now() - self.acknowledged
        if ago >= ACK:
            value |= STATUS_NOT_BUSY
        if not 0 <= ago < ACK:
            value |= STATUS_NO_ACK
        if not self.pending:
            value |= STATUS_NO_IRQ
        self.pending = False
        self._update()
        return value

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == DATA:
            self.latch = value
        elif offset == CONTROL:
            strobes = value & ~self.control & CONTROL_STROBE
            self.control = value & ~CONTROL_ONES
            if not value & CONTROL_NO_INIT:
                self._initialise()
            elif strobes:
                self._print()
            elif not value & CONTROL_IRQ:
                self.pending = False
            self._update()

    def _print(self) -> None:
        byte = bytes((self.latch,))
        self.log.write(byte)
        if self.output is not None:
            self.output(byte)
        self.pending = False
        self.acknowledged = self.clock.now() + WORK
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.control & CONTROL_IRQ:
            self._timer = self.clock.call_after(WORK, self._acknowledge, "printer.ack")

    def _initialise(self) -> None:
        """INIT is low: the printer drops what it does and is ready."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.acknowledged = -ACK
        self.pending = False

    def _acknowledge(self) -> None:
        # The pulse is short. The line stays up until the guest reads the status or sends the next
        # byte, as an 8259 drops a request whose line falls too early.
        self.pending = bool(self.control & CONTROL_IRQ)
        self._update()

    def _update(self) -> None:
        level = self.pending and bool(self.control & CONTROL_IRQ)
        if level != self.level:
            self.level = level
            self.irq(level)
