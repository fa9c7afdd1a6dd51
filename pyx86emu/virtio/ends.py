"""Ends: connect a console to descriptors, a pty, stdin and stdout, or streams of asyncio.

Nothing here makes the guest wait: what the other end does not take is kept, up to `LIMIT` bytes,
then dropped and counted.
"""

import asyncio
import os
import select
import sys
from contextlib import suppress
from threading import Lock, RLock, Thread, current_thread
from types import TracebackType

from .._core import whole
from .console import VirtioConsole

#: How many bytes of the guest wait for the other end.
LIMIT = 1 << 20
MOST_FD = (1 << 31) - 1
CHUNK = 4096
#: Seconds until the guest is offered input again that it had no room for.
AGAIN = 0.005


class FdEnds:
    """A thread that moves bytes between a console and two descriptors; None: there is none in this
    direction. `close()` ends it, and closes the descriptors in `own`.

    `dropped` counts bytes of the guest that were lost. OSError: no descriptor is left; TypeError,
    ValueError: a descriptor that is no number from 0 to 2**31 - 1.

    >>> console, (there, back) = VirtioConsole(), os.pipe()
    >>> with FdEnds(console, None, back):
    ...     console.output(b"hello")
    ...     os.read(there, 5)
    b'hello'
    """

    def __init__(
        self,
        console: VirtioConsole,
        read_fd: int | None,
        write_fd: int | None,
        *,
        own: tuple[int, ...] = (),
    ) -> None:
        self._console = console
        self._read = None if read_fd is None else whole(read_fd, "read_fd", 0, MOST_FD)
        self._write = None if write_fd is None else whole(write_fd, "write_fd", 0, MOST_FD)
        self._own = own
        self._kept = bytearray()
        self._late = b""  # input for which the console had no room
        self._lock = RLock()
        self._closed = False
        self.dropped = 0
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        console.output = self._put
        self._thread = Thread(target=self._run, name="virtio-console", daemon=True)
        self._thread.start()

    def _put(self, data: bytes) -> None:
        """The guest sends."""
        with self._lock:  # _wake is open until it is closed
            if self._write is None or self._closed:
                return
            room = LIMIT - len(self._kept)
            self._kept += data[:room]
            self.dropped += max(0, len(data) - room)
            os.eventfd_write(self._wake, 1)

    def _run(self) -> None:
        while not self._closed or self._kept:
            again = 1000 * AGAIN if self._late else None
            found = dict(self._wanted().poll(100 if self._closed else again))
            if self._closed and self._write not in found:
                break  # the other end does not take the rest
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake)
            if self._write in found and self._kept:
                self._send()
            if self._late:
                self._late = self._late[self._console.send(self._late) :]
            elif self._read in found and found[self._read] & ~select.POLLOUT and not self._closed:
                self._receive()

    def _wanted(self) -> "select.poll":
        wanted = select.poll()
        wanted.register(self._wake, select.POLLIN)
        read = None if self._late else self._read
        if read is not None:
            wanted.register(read, select.POLLIN)
        if self._write is not None and self._kept:
            both = select.POLLOUT | (select.POLLIN if self._write == read else 0)
            wanted.register(self._write, both)
        return wanted

    def _send(self) -> None:
        assert self._write is not None
        with self._lock:
            part = bytes(self._kept[:CHUNK])
        try:
            sent = os.write(self._write, part)
        except BlockingIOError:
            return
        except OSError:  # the other end has gone: nobody takes it any more
            self._write, sent = None, len(self._kept)
        with self._lock:
            del self._kept[:sent]

    def _receive(self) -> None:
        assert self._read is not None
        try:
            data = os.read(self._read, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._late = data[self._console.send(data) :]
        else:
            self._read = None  # the end of what comes in

    def close(self) -> None:
        """Deliver what the other end takes, and end the thread. Twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            os.eventfd_write(self._wake, 1)
        if self._console.output == self._put:
            self._console.output = None
        if self._thread is not current_thread():
            self._thread.join()
        for fd in (self._wake, *self._own):
            os.close(fd)

    def __enter__(self) -> "FdEnds":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Pty(FdEnds):
    """A pty for a console: `path` is what a terminal program opens. OSError: there is none."""

    def __init__(self, console: VirtioConsole) -> None:
        import tty

        master, slave = os.openpty()
        tty.setraw(slave)
        #: The name of the terminal, such as /dev/pts/3.
        self.path = os.ttyname(slave)
        os.set_blocking(master, False)
        # The slave stays open: without a reader the master would report the end.
        super().__init__(console, master, master, own=(master, slave))


def stdio(console: VirtioConsole) -> FdEnds:
    """Connect a console to standard input and output."""
    return FdEnds(console, sys.stdin.fileno(), sys.stdout.fileno())


async def streams(
    console: VirtioConsole, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Connect a console to streams of asyncio, until the reader ends. What the guest sends is
    written by the loop of this coroutine, whoever serves the console."""
    loop = asyncio.get_running_loop()
    kept, lock = bytearray(), Lock()

    def write() -> None:
        with lock:
            data = bytes(kept)
            kept.clear()
        if writer.transport.get_write_buffer_size() <= LIMIT:
            writer.write(data)

    def put(data: bytes) -> None:
        with lock:
            first = not kept
            kept.extend(data[: LIMIT - len(kept)])
        if first:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(write)

    console.output = put
    try:
        while data := await reader.read(CHUNK):
            while data := data[console.send(data) :]:
                await asyncio.sleep(AGAIN)
    finally:
        if console.output is put:
            console.output = None
