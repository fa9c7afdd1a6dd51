"""Outputs: where the text and the bytes of the guest's lines go."""

from argparse import Namespace
from contextlib import ExitStack

from ..pc.machine import Machine
from . import output
from .audio import Recording
from .lines import Line
from .serial import open_line, open_parallel

#: What QEMU calls standard input and output.
STDIO = ("stdio", "mon:stdio")


class Outputs:
    """The lines of -serial and -parallel, and --audio. They are opened before the guest starts.
    Where COM1 is standard output, what the guest sends goes there at once.

    UsageError: a line cannot be opened.
    """

    def __init__(self, options: Namespace, drawn: bool) -> None:
        self.to_stdout = not options.json and not drawn
        first = options.serial[0] if options.serial else None
        self.serial_to_stdout = self.to_stdout and first in (None, *STDIO)
        self._audio: str | None = options.audio
        self.lines: list[Line] = []
        self._ports: list[tuple[str, Line]] = []
        self._stack = ExitStack()
        try:
            for port, where in zip(("uart", "com2"), options.serial, strict=False):
                if where not in STDIO or (port == "com2" and self.to_stdout):
                    self._open(port, open_line("stdio" if where in STDIO else where))
            if options.parallel is not None:
                self._open("printer", open_parallel(options.parallel))
        except BaseException:
            self._stack.close()
            raise

    def _open(self, port: str, line: Line) -> None:
        self._stack.enter_context(line)
        if type(line) is not Line:  # not the one that leads nowhere
            self.lines.append(line)
            self._ports.append((port, line))

    def connect(self, m: Machine) -> None:
        """Copy what the guest sends. The machine also keeps it in its logs. UsageError: its sound
        cannot be recorded."""
        record = m.uart.output
        assert record is not None

        def serial(data: bytes) -> None:
            record(data)
            output.send(data)

        if self.serial_to_stdout:
            m.uart.output = serial
        if self.to_stdout:
            m.debug.output = output.send
        for port, line in self._ports:
            line.connect(getattr(m, port))
        if self._audio is not None:
            self._stack.enter_context(Recording(m, self._audio))

    def __enter__(self) -> "Outputs":
        return self

    def close(self) -> None:
        """Deliver what is left. HostError: it cannot be written. Twice is harmless."""
        self._stack.close()

    def __exit__(self, *_: object) -> None:
        self.close()
