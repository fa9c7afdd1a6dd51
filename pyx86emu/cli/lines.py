"""Lines: carry bytes between a serial port of the guest and a file, a terminal, or nothing.

A line never waits while the guest runs: what the other end does not take is kept, up to `LIMIT`
bytes; then the guest's CTS is off already, and what it sends all the same is dropped and counted.
Standard output gets every byte.
"""

import os
import select
import stat
from collections.abc import Callable
from typing import Protocol

from . import output
from .status import HostError, UsageError, reason

#: How many bytes of the guest wait for the other end, and of the other end for the guest.
LIMIT = 1 << 20
AHEAD = 4096
#: How many bytes one write may have. A pipe that is ready takes so many without waiting.
CHUNK = 4096
#: Host seconds for the rest, when a line to another program is closed.
LAST_WAIT = 1.0

Say = Callable[[str], object]


class Port(Protocol):
    """What a line connects to: a serial port, or a printer, which receives nothing."""

    output: Callable[[bytes], object] | None


class Line:
    """The host's end of a serial line; this one leads nowhere.

    The thread that runs the guest calls all methods. HostError: the host cannot write a file or
    standard output. Another program that goes away is no error.
    """

    #: How many bytes were dropped, because the other end was too slow.
    dropped = 0

    def connect(self, port: Port) -> None:
        """Take what the port sends, in addition to who takes it now, and give it what comes in."""

    def poll(self) -> None:
        """Move what can be moved without waiting. Call it every few milliseconds."""

    def close(self) -> None:
        """Deliver what is left, and release descriptors. Twice is harmless."""

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class StreamLine(Line):
    """A line over file descriptors. `_in` and `_out` are -1 while nobody is at the other end."""

    def __init__(self, in_: int = -1, out: int = -1) -> None:
        self._in = in_
        self._out = out
        self._port: Port | None = None
        self._kept = bytearray()
        self._flush_at = CHUNK
        self._held = False
        self._closed = False

    def connect(self, port: Port) -> None:
        self._port = port
        before, take = port.output, self._take

        def both(data: bytes) -> None:
            if before is not None:
                before(data)
            take(data)

        port.output = both

    def poll(self) -> None:
        if self._kept:
            self._flush()
        if self._in >= 0 and self._port is not None:
            self._receive()

    # -- from the guest ------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        if self._out < 0 or self._closed:
            return  # nobody is there to hear it
        kept = self._kept
        if len(kept) >= LIMIT and not self._make_room():
            self.dropped += len(data)
            return
        kept += data
        if len(kept) >= self._flush_at:
            self._flush()

    def _make_room(self) -> bool:
        """False: the other end is too slow, and the guest must not wait for it."""
        return False

    def _flush(self) -> None:
        kept = self._kept
        while kept and self._out >= 0:
            count = self._write(bytes(kept[:CHUNK]))
            if count is None:
                break
            del kept[:count]
        self._flush_at = len(kept) + CHUNK
        self._hold(len(kept) >= (LIMIT // 4 if self._held else LIMIT // 2))

    def _write(self, data: bytes) -> int | None:
        """How many bytes were written; None: none without waiting."""
        try:
            return os.write(self._out, data)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            self._refused(error)
            return len(data)

    def _refused(self, error: OSError) -> None:
        """A write has failed: nobody is at the other end any more."""
        self._gone()

    def _hold(self, on: bool) -> None:
        """Hardware flow control: CTS is off while too much waits."""
        if on != self._held:
            self._held = on
            set_modem = getattr(self._port, "set_modem", None)
            if set_modem is not None:
                set_modem(cts=not on)

    # -- to the guest --------------------------------------------------------------------

    def _receive(self) -> None:
        port = self._port
        queue = getattr(port, "queue", None)
        if queue is None or (room := AHEAD - len(queue)) <= 0:
            return  # what the guest has not read waits at the other end
        data = self._read(room)
        if data:
            port.receive(data)  # type: ignore[union-attr]
        elif data is not None:
            self._end_of_input()

    def _read(self, room: int) -> bytes | None:
        """What has come; b"": the other end will send nothing more; None: nothing now."""
        try:
            return os.read(self._in, room)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def _end_of_input(self) -> None:
        self._gone()

    def _gone(self) -> None:
        """The other end is closed."""
        for fd in {self._in, self._out} - {-1}:
            os.close(fd)
        self._in = self._out = -1
        self._kept.clear()
        self._flush_at = CHUNK
        self._hold(False)

    def close(self) -> None:
        if self._closed:
            return
        self._last()
        self._closed = True
        self._gone()

    def _last(self) -> None:
        """Give the other end a moment for the rest."""
        for _ in range(10):
            if self._kept:
                self._flush()
            if not self._kept or self._out < 0:
                return
            ready = select.poll()
            ready.register(self._out, select.POLLOUT)
            ready.poll(LAST_WAIT * 100)


class FileLine(StreamLine):
    """A file that gets what the guest sends; the guest receives nothing."""

    def __init__(self, path: str, option: str = "-serial") -> None:
        self._path = path
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            if not path:
                raise UsageError(f"{option} file: name a file")
            output.check_file(f"{option} file", path)
            fd = os.open(path, flags, 0o666)
        except (OSError, ValueError) as error:
            why = reason(error) if isinstance(error, OSError) else str(error)
            raise UsageError(f"{option} file:{path}: {why}") from error
        super().__init__(-1, fd)
        self._regular = stat.S_ISREG(os.fstat(fd).st_mode)

    def _refused(self, error: OSError) -> None:
        self._gone()
        if not isinstance(error, BrokenPipeError):
            raise HostError(f"cannot write to {self._path}: {reason(error)}") from error

    def __repr__(self) -> str:
        return f"<FileLine {self._path}>"


class StdioLine(StreamLine):
    """Standard input and output. A reader that is a mebibyte late stops the guest: no byte is lost.

    The descriptors are shared with other programs, so they stay as they are: not non-blocking.
    """

    def __init__(self, in_: int = 0, out: int = 1) -> None:
        super().__init__(in_, out)

    def _make_room(self) -> bool:
        self._ready(self._out, select.POLLOUT, None)
        self._flush()
        return True

    def _ready(self, fd: int, what: int, wait: float | None = 0) -> bool:
        poll = select.poll()
        poll.register(fd, what)
        return bool(poll.poll(wait))

    def _write(self, data: bytes) -> int | None:
        return super()._write(data) if self._ready(self._out, select.POLLOUT) else None

    def _refused(self, error: OSError) -> None:
        self._out = -1
        broken = isinstance(error, BrokenPipeError)
        text = "" if broken else f"cannot write to standard output: {reason(error)}"
        raise HostError(text) from error

    def _read(self, room: int) -> bytes | None:
        return super()._read(room) if self._ready(self._in, select.POLLIN) else None

    def _end_of_input(self) -> None:
        self._in = -1  # the guest may still send

    def _gone(self) -> None:
        self._in = self._out = -1  # they are not ours to close
        self._kept.clear()

    def _last(self) -> None:
        while self._kept and self._out >= 0:
            self._make_room()


class PtyLine(StreamLine):
    """A pseudo-terminal: another program opens it by its name, and may come and go."""

    def __init__(self, say: Say = output.complain, option: str = "-serial") -> None:
        import tty  # only here: termios need not be loaded for other lines

        try:
            master, slave = os.openpty()
        except OSError as error:
            raise UsageError(f"{option} pty: {reason(error)}") from error
        self.name = os.ttyname(slave)
        tty.setraw(slave)  # no echo, and all bytes as they are; it stays while we have the master
        os.close(slave)
        os.set_blocking(master, False)
        super().__init__(master, master)
        say(f"serial line: {self.name}")

    @property
    def _used(self) -> bool:
        """Somebody has opened it."""
        poll = select.poll()
        poll.register(self._in, 0)
        return not any(what & select.POLLHUP for _, what in poll.poll(0))

    def poll(self) -> None:
        if self._in < 0:
            return
        if self._used:
            super().poll()
        else:
            self._kept.clear()
            self._flush_at = CHUNK
            self._hold(False)

    def _refused(self, error: OSError) -> None:
        """It was closed just now. The next program may open it."""

    def _read(self, room: int) -> bytes | None:
        return super()._read(room) or None

    def _last(self) -> None:
        if self._in >= 0 and self._used:
            super()._last()

    def __repr__(self) -> str:
        return f"<PtyLine {self.name}>"
