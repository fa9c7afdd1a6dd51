"""The terminal as a device: set and restore it, suspend and continue, read keys, give its size."""

import errno
import os
import select
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from . import output
from .status import HostError, reason

#: The size of a VT100, for a terminal that reports no size (a serial line, `stty rows 0`).
COLUMNS, LINES = 80, 24


def size() -> tuple[int, int]:
    """Columns and lines of the terminal on standard output, at least 1 each."""
    try:
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        columns = lines = 0
    return columns or COLUMNS, lines or LINES


class Tty:
    """A context manager: keys arrive at once and without echo; Ctrl-C, Ctrl-Z, Ctrl-\\ are signals.

    `shown` is written on entry, and again after Ctrl-Z and `fg`. `hidden` is written on exit, also
    after an exception. If standard input is not a terminal, only these two are written.
    """

    def __init__(
        self, shown: str = "", hidden: str = "", redraw: Callable[[], object] | None = None
    ) -> None:
        self.shown = shown.encode("ascii")
        self.hidden = hidden.encode("ascii")
        self.redraw = redraw
        self._fd = sys.stdin.fileno() if output.is_terminal(sys.stdin) else -1
        self._attributes: list[object] | None = None
        self._asked: int | None = None
        self._handlers: dict[int, object] = {}

    def __enter__(self) -> "Tty":
        # A terminal that was closed has no attributes.
        with suppress(termios.error):
            if self._fd >= 0:
                self._attributes = termios.tcgetattr(self._fd)
        try:
            if threading.current_thread() is threading.main_thread():
                for number in (signal.SIGTSTP, signal.SIGCONT):
                    if signal.getsignal(number) is not signal.SIG_IGN:
                        self._handlers[number] = signal.signal(number, self._heard)
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def look(self) -> None:
        """Do what Ctrl-Z or `fg` asked for. Called at each frame, as a handler must not draw."""
        if self._asked is None:
            return
        self._give_back()
        if self._asked == signal.SIGTSTP:
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)  # the process stops here until SIGCONT
            signal.signal(signal.SIGTSTP, handler)
        # After SIGSTOP the terminal was not restored and may show anything: set and draw all again.
        self._asked = None
        self._take()
        if self.redraw is not None:
            self.redraw()

    def read(self) -> bytes | None:
        """What was typed so far, without waiting; None at the end of the input."""
        if sys.stdin is None:
            return None
        fd = sys.stdin.fileno()
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        if not poll.poll(0):
            return b""
        try:
            return os.read(fd, 4096) or None
        except BlockingIOError:
            return b""  # another process has read it first
        except OSError as error:
            if error.errno == errno.EIO:  # the terminal was closed, or this is a background process
                return None
            raise HostError(f"cannot read standard input: {reason(error)}") from error

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._asked != signal.SIGTSTP:
            self._asked = number

    def _take(self) -> None:
        if self._attributes is not None:
            raw = list(self._attributes)
            assert isinstance(raw[0], int) and isinstance(raw[3], int)
            raw[0] &= ~(termios.ICRNL | termios.IXON)
            raw[3] &= ~(termios.ICANON | termios.ECHO)
            # Before anything is written: this call stops the process while it is in the background.
            self._set(raw)
        if self.shown:
            output.send(self.shown)

    def _give_back(self) -> None:
        if self._attributes is not None:
            self._set(self._attributes)
        # If it cannot be written, nothing else can be done.
        with suppress(HostError):
            if self.hidden:
                output.send(self.hidden)

    def _set(self, attributes: list[object]) -> None:
        while True:
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, attributes)  # type: ignore[arg-type]
                return
            except termios.error as error:
                if error.args[0] != errno.EINTR:  # a terminal that was closed needs nothing
                    return
