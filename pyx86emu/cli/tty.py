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
from time import sleep
from types import FrameType

from . import output
from .guard import Guard
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
    """A context manager: keys arrive at once, without echo, and none is a signal.

    `shown` is written on entry, and again after a stop and `fg`. `hidden` is written on exit, also
    after an exception, and by the guard if the process is killed. `enable()` adds modes to them. If
    standard input is not a terminal, only these two are written. `signals`: Ctrl-C, Ctrl-Z and
    Ctrl-\\ stay signals.
    """

    def __init__(
        self,
        shown: str = "",
        hidden: str = "",
        redraw: Callable[[], object] | None = None,
        *,
        signals: bool = False,
    ) -> None:
        self.redraw = redraw
        self._modes = [(shown.encode("ascii"), hidden.encode("ascii"))]
        self._signals = signals
        self._fd = sys.stdin.fileno() if output.is_terminal(sys.stdin) else -1
        self._attributes: list[object] | None = None
        self._stop = self._resumed = False
        self._ours = self._ended = False
        self._handlers: dict[int, object] = {}
        self._guard: Guard | None = None

    def __enter__(self) -> "Tty":
        # A terminal that was closed has no attributes.
        with suppress(termios.error):
            if self._fd >= 0:
                self._attributes = termios.tcgetattr(self._fd)
        try:
            if threading.current_thread() is threading.main_thread():
                if self._attributes is not None and output.is_terminal(sys.stdout):
                    self._guard = Guard(self._fd, sys.stdout.fileno(), self._attributes)
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
        if self._guard is not None:
            self._guard.end()

    def enable(self, on: str, off: str) -> None:
        """Switch a mode of the terminal on now, and after each stop; off when it is given back."""
        self._modes.append((on.encode("ascii"), off.encode("ascii")))
        self._hold()
        output.send(self._modes[-1][0])

    def look(self) -> None:
        """Do what SIGTSTP or SIGCONT asked for. Called at each frame: a handler must not draw."""
        if not (self._stop or self._resumed):
            return
        self._give_back()
        if self._stop:
            self._stop = False  # another one from here on is for the next frame
            handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)  # the process stops here until SIGCONT
            signal.signal(signal.SIGTSTP, handler)
        # After SIGSTOP the terminal was not restored and may show anything: set and draw all again.
        self._resumed = False
        self._take()
        if self.redraw is not None:
            self.redraw()

    def wait(self, seconds: float) -> bool:
        """Wait for a key, at most so long. True: there is one, or the input ends now."""
        if sys.stdin is None or self._ended:
            sleep(seconds)
            return False
        poll = select.poll()
        poll.register(sys.stdin.fileno(), select.POLLIN)
        return bool(poll.poll(max(0, round(seconds * 1000))))

    def read(self) -> bytes | None:
        """What was typed so far, without waiting; None at the end of the input and after it."""
        if sys.stdin is None or self._ended:
            return None
        if not self.wait(0):
            return b""
        try:
            data = os.read(sys.stdin.fileno(), 4096)
            self._ended = not data
            return data or None
        except BlockingIOError:
            return b""  # another process has read it first
        except OSError as error:
            if error.errno == errno.EIO:  # the terminal was closed, or this is a background process
                self._ended = True
                return None
            raise HostError(f"cannot read standard input: {reason(error)}") from error

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTSTP:
            self._stop = True
        else:
            self._resumed = True

    def _take(self) -> None:
        self._ours = True
        self._hold()
        if self._attributes is not None:
            # Before anything is written: this call stops the process while it is in the background.
            self._set(self._raw(self._attributes))
        shown = b"".join(on for on, _ in self._modes)
        if shown:
            output.send(shown)

    def _raw(self, attributes: list[object]) -> list[object]:
        raw = list(attributes)
        iflag, lflag, characters = raw[0], raw[3], raw[6]
        assert isinstance(iflag, int) and isinstance(lflag, int) and isinstance(characters, list)
        iflag &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP | termios.IXON)
        lflag &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
        if not self._signals:
            lflag &= ~termios.ISIG
        characters = list(characters)
        characters[termios.VMIN], characters[termios.VTIME] = 1, 0
        raw[0], raw[3], raw[6] = iflag, lflag, characters
        return raw

    def _give_back(self) -> None:
        if not self._ours:
            return  # a stopped job that is killed: the terminal is the shell's
        if self._attributes is not None and self._foreground():
            self._set(self._attributes)
        # If it cannot be written, nothing else can be done.
        with suppress(HostError):
            if hidden := self._hidden():
                output.send(hidden)
        self._ours = False
        self._hold()

    def _foreground(self) -> bool:
        """False if the shell has the terminal: to set its attributes would stop the process."""
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            return True  # it was closed, or it is not ours to control

    def _hidden(self) -> bytes:
        """The modes, switched off: the last one first."""
        return b"".join(off for _, off in reversed(self._modes))

    def _hold(self) -> None:
        if self._guard is not None:
            self._guard.holds(self._hidden() if self._ours else None)

    def _set(self, attributes: list[object]) -> None:
        while True:
            try:
                termios.tcsetattr(self._fd, termios.TCSANOW, attributes)  # type: ignore[arg-type]
                return
            except termios.error as error:
                if error.args[0] != errno.EINTR:  # a terminal that was closed needs nothing
                    return
