"""Outputs: where the text and the bytes of the guest's lines go."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ..pc.machine import Machine
from . import output
from .parser import Options

if TYPE_CHECKING:
    from .lines import Line

#: What QEMU calls standard input and output.
STDIO = ("stdio", "mon:stdio")


class Outputs:
    """The lines of -serial and -parallel, and --audio. They are opened before the guest starts.
    Where COM1 is standard output, what the guest sends goes there at once.

    UsageError: a line cannot be opened.
    """

    def __init__(self, options: Options, drawn: bool) -> None:
        self.to_stdout = not options.json and not drawn
        first = options.serial[0] if options.serial else None
        self.serial_to_stdout = self.to_stdout and first in (None, *STDIO)
        self._audio: str | None = options.audio
        self.lines: list[Line] = []
        self._ports: list[tuple[str, Line]] = []
        self._stack = ExitStack()
        try:
            if options.serial or options.parallel is not None:
                self._open_lines(options.serial, options.parallel)
        except BaseException:
            self._stack.close()
            raise

    def _open_lines(self, serial: list[str], parallel: str | None) -> None:
        from .serial import open_line, open_parallel  # only here: most guests need no line

        for port, where in zip(("uart", "com2"), serial, strict=False):
            if where not in STDIO:
                self._add(port, open_line(where))
            elif port == "com2" and self.to_stdout:
                self._add(port, open_line("stdio"))
        if parallel is not None:
            self._add("printer", open_parallel(parallel))

    def _add(self, port: str, line: "Line") -> None:
        self._stack.enter_context(line)
        self.lines.append(line)
        self._ports.append((port, line))

    def connect(self, m: Machine) -> None:
        """Copy what the guest sends. The machine also keeps it in its logs. UsageError: its sound
        cannot be recorded."""
        record = m.uart.output
        assert record is not None
        if self.serial_to_stdout:
            m.uart.output = output.copied(record)
        if self.to_stdout:
            m.debug.output = output.send
        for port, line in self._ports:
            line.connect(getattr(m, port))
        if self._audio is not None:
            from .audio import Recording

            self._stack.enter_context(Recording(m, self._audio))

    def __enter__(self) -> "Outputs":
        return self

    def close(self) -> None:
        """Deliver what is left. HostError: it cannot be written. Twice is harmless."""
        self._stack.close()

    def __exit__(self, *_: object) -> None:
        self.close()
