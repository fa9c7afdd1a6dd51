"""The debug ports: take text for the host and end the run, as isa-debugcon and isa-debug-exit do.

| port | access |                                                                  |
| ---- | ------ | ---------------------------------------------------------------- |
| E9h  | read   | E9h: the port is there                                           |
| E9h  | write  | one byte of text for the host                                    |
| F4h  | write  | end the run with status (value << 1) \\| 1; 1, 2 or 4 bytes wide  |
"""

from collections.abc import Callable

from ..device import PioDevice


class DebugConsole(PioDevice):
    """Port E9h: every byte written goes to `output`, or to `data` when there is none.

    >>> console = DebugConsole()
    >>> for byte in b"hello":
    ...     console.pio_write(0, 1, byte)
    >>> bytes(console.data), hex(console.pio_read(0, 1))
    (b'hello', '0xe9')
    """

    name = "debugcon"
    max_size = 1

    def __init__(self, output: Callable[[bytes], object] | None = None) -> None:
        self.output = output
        self.data = bytearray()

    def pio_read(self, offset: int, size: int) -> int:
        return 0xE9

    def pio_write(self, offset: int, size: int, value: int) -> None:
        # What was said before a reset stays said: `data` is the host's, not the device's state.
        if self.output is None:
            self.data.append(value)
        else:
            self.output(bytes((value,)))


class DebugExit(PioDevice):
    """Port F4h: a write calls `on_exit(status)`; the status is always odd.

    >>> device = DebugExit(print)
    >>> device.pio_write(0, 1, 0x10)
    33
    """

    name = "debug-exit"
    length = 4

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
