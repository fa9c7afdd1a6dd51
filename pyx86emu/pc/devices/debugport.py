"""The debug ports: take text for the host and end the run, as isa-debugcon and isa-debug-exit do.

| port | access |                                                                  |
| ---- | ------ | ---------------------------------------------------------------- |
| E9h  | read   | E9h: the port is there                                           |
| E9h  | write  | one byte of text for the host                                    |
| F4h  | write  | end the run with status (value << 1) \\| 1; 1, 2 or 4 bytes wide  |
"""

from collections.abc import Callable
from typing import Any

from ...log import LIMIT, Log
from ...state import Values, take
from .fields import FieldDevice, Fields, Whole


class DebugConsole(FieldDevice):
    """Port E9h: `log` keeps the newest `limit` bytes that the guest wrote. `output`, if given, is
    called with each byte at once, by the thread that runs the guest.

    >>> console = DebugConsole()
    >>> for byte in b"hello":
    ...     console.pio_write(0, 1, byte)
    >>> console.data, hex(console.pio_read(0, 1))
    (b'hello', '0xe9')
    """

    name = "debugcon"
    max_size = 1

    def __init__(self, output: Callable[[bytes], object] | None = None, limit: int = LIMIT) -> None:
        self.output = output
        # A reset keeps the log: it belongs to the host and is not state of the device.
        self.log = Log(limit)

    @property
    def data(self) -> bytes:
        """The newest bytes that the guest wrote; `log.dropped` counts those that are not kept."""
        return bytes(self.log)

    @property
    def parts(self) -> tuple[tuple[Any, Fields], ...]:
        """It has nothing but the log."""
        return ()

    @property
    def logs(self) -> tuple[Log, ...]:
        """What the guest wrote."""
        return (self.log,)

    def state(self) -> Values:
        """The log; see `Stateful`."""
        return {"log": self.log.state()}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned. ValueError: it is no such state; nothing has changed."""
        self.log.load(take(values, "log", dict))

    def pio_read(self, offset: int, size: int) -> int:
        return 0xE9

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.log.append(value)
        if self.output is not None:
            self.output(bytes((value,)))


class DebugExit(FieldDevice):
    """Port F4h: a write calls `on_exit(status)`; the status is always odd.

    >>> device = DebugExit(print)
    >>> device.pio_write(0, 1, 0x10)
    33
    """

    name = "debug-exit"
    length = 4
    fields = Fields({"status": Whole((1 << 33) - 1, maybe=True)})

    def __init__(self, on_exit: Callable[[int], object] | None = None) -> None:
        self.on_exit = on_exit
        self.status: int | None = None

    def reset(self) -> None:
        self.status = None

    def pio_read(self, offset: int, size: int) -> int:
        return 0

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.status = value << 1 | 1
        if self.on_exit is not None:
            self.on_exit(self.status)
