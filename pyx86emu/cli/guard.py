"""The guard: restore the terminal if our process is killed. A small process of its own.

SIGKILL cannot be caught, and a crash gives no time. So a child waits at the end of a pipe. While
the terminal is ours, the child knows what to write to give it back. When the pipe closes without a
farewell, our process has ended somehow: the child restores the terminal, then it ends too.
"""

import os
import signal
import termios
from contextlib import suppress

#: Signals that a terminal or a shell sends to all processes of a job. The guard outlives them.
IGNORED = (
    *(signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE),
)
FAREWELL = b"\xff"
#: The longest text that one write to a pipe sends whole.
MOST = 512


class Guard:
    """The child. `attributes` are those to restore on descriptor `fd`; text goes to `out`.

    Only the main thread of the command makes one. If no process can be made, there is no guard.
    """

    def __init__(self, fd: int, out: int, attributes: list[object]) -> None:
        self._pid = 0
        self._pipe = -1
        try:
            read, write = os.pipe()
        except OSError:
            return
        try:
            pid = os.fork()
        except OSError:
            os.close(read)
            os.close(write)
            return
        if pid == 0:
            try:
                _watch(read, fd, out, attributes)
            finally:
                os._exit(0)
        os.close(read)
        self._pid, self._pipe = pid, write

    def holds(self, text: bytes | None) -> None:
        """From now on `text` gives the terminal back, and so do the attributes; None: it is not
        ours now."""
        if self._pipe >= 0:
            with suppress(OSError):
                os.write(self._pipe, (b"\0" if text is None else b"\1" + text[:MOST]) + b"\n")

    def end(self) -> None:
        """The terminal was restored: the child ends without a word."""
        if self._pipe < 0:
            return
        with suppress(OSError):
            os.write(self._pipe, FAREWELL)
        os.close(self._pipe)
        self._pipe = -1
        with suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _watch(pipe: int, fd: int, out: int, attributes: list[object]) -> None:
    """The life of the child. It keeps the pipe and the terminal open, and no other file."""
    os.setsid()
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    for other in _descriptors():
        if other not in (pipe, fd, out):
            with suppress(OSError):
                os.close(other)
    last = b""
    while data := os.read(pipe, 4096):
        if FAREWELL in data:
            return
        last = (last + data).split(b"\n")[-2] + b"\n" if b"\n" in data else last + data
    if last[:1] == b"\1":
        with suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSANOW, attributes)  # type: ignore[arg-type]
        with suppress(OSError):
            os.write(out, last[1:].rstrip(b"\n"))


def _descriptors() -> list[int]:
    """The open descriptors, and perhaps some more."""
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return list(range(min(os.sysconf("SC_OPEN_MAX"), 4096)))
