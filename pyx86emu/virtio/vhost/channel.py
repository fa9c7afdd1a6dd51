"""A channel: send and receive whole messages on a Unix socket. Know no request.

Every wait ends by a message, by a time, or by `cancel()` from another thread. Descriptors of a
message that is not complete are closed.
"""

import array
import select
import socket
import time
from contextlib import suppress

from ...events import EventFd
from .messages import HEADER, Fds, Message, ProtocolError, header, packed
from .numbers import MOST_FDS

_FDS = socket.CMSG_SPACE(MOST_FDS * array.array("i").itemsize)


class Cancelled(Exception):
    """Another thread has called `cancel()` while this one was waiting."""


class Closed(ConnectionError):
    """The other side has closed the socket."""


class Channel:
    """A connected Unix socket, which it owns and closes.

    One thread sends and receives at a time; any thread may call `cancel()`.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self._cancel = EventFd()

    def fileno(self) -> int:
        return self.sock.fileno()

    def send(
        self,
        request: int,
        payload: bytes = b"",
        fds: tuple[int, ...] = (),
        *,
        flags: int = 0,
        timeout: float | None = None,
    ) -> None:
        """Send a message; the descriptors stay the caller's. Closed: the other side is gone;
        TimeoutError: it does not read; Cancelled."""
        data = memoryview(packed(request, payload, flags))
        end = None if timeout is None else time.monotonic() + timeout
        passed = fds
        while data:
            try:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))]
                sent = self.sock.sendmsg([data], rights if passed else [], socket.MSG_NOSIGNAL)
            except (BlockingIOError, InterruptedError):
                self._wait(select.POLLOUT, end)
            except (BrokenPipeError, ConnectionResetError) as error:
                raise Closed(*error.args) from None
            else:
                data, passed = data[sent:], ()

    def receive(self, timeout: float | None = None) -> Message:
        """The next message. Closed: the other side is gone; TimeoutError: there is none in
        `timeout` seconds, None waits without end; Cancelled; ProtocolError: what came is none."""
        end = None if timeout is None else time.monotonic() + timeout
        fds = Fds()
        try:
            request, flags, size = header(self._exactly(HEADER.size, fds, end))
            return Message(request, flags, self._exactly(size, fds, end), fds)
        except BaseException:
            fds.close()
            raise

    def _exactly(self, size: int, fds: Fds, end: float | None) -> bytes:
        data = b""
        while len(data) < size:
            try:
                part, rights, flags, _ = self.sock.recvmsg(
                    size - len(data), _FDS, socket.MSG_CMSG_CLOEXEC
                )
            except (BlockingIOError, InterruptedError):
                self._wait(select.POLLIN, end)
                continue
            except ConnectionResetError as error:
                raise Closed(*error.args) from None
            for level, kind, payload in rights:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    numbers = array.array("i")
                    numbers.frombytes(payload[: len(payload) & -numbers.itemsize])
                    fds.add(numbers)
            if flags & socket.MSG_CTRUNC or len(fds) > MOST_FDS:
                raise ProtocolError(f"a message has more than {MOST_FDS} descriptors")
            if not part:
                raise Closed("the other side of the vhost-user socket has closed it")
            data += part
        return data

    def _wait(self, events: int, end: float | None) -> None:
        poll = select.poll()
        poll.register(self.sock, events)
        poll.register(self._cancel.fileno(), select.POLLIN)
        left = None if end is None else max(0.0, end - time.monotonic()) * 1000
        ready = poll.poll(left)
        if any(fd == self._cancel.fileno() for fd, _ in ready):
            raise Cancelled("the wait for the vhost-user socket was cancelled")
        if not ready:
            raise TimeoutError(
                "the other side of the vhost-user socket does not answer: is it that program, and "
                "does it serve another one?"
            )

    def cancel(self) -> None:
        """Every wait of this channel ends now, with Cancelled. Any thread may call it."""
        with suppress(OSError):
            self._cancel.write()

    def close(self) -> None:
        """Close the socket. A second call does nothing."""
        self.sock.close()
        self._cancel.close()

    def __enter__(self) -> "Channel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
