"""serve(): a virtio device in Python as a vhost-user back end, for any front end on this host."""

import os
import select
import socket
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from ...events import EventFd
from ...unixsocket import listen
from ..device import VirtioDevice
from .backend import Connection, Line
from .channel import Channel, Closed
from .messages import ProtocolError
from .numbers import REPLY
from .seconds import seconds

#: Host seconds for the rest of a message, and for an answer to be taken.
PATIENCE = 5.0
#: Host seconds until a front end is accepted that could not be.
PAUSE = 0.05


class BackEnd:
    """A device that is served at a Unix socket. `serve()` makes it.

    One front end is served at a time; another one that connects waits. When a front end ends, the
    device is reset and the next one is served.

    - `errors`: what ended connections, the newest 16: what a front end did wrong (ProtocolError),
      or what the device has raised.
    - `connections`: how many there were.
    - `fileno()` and `step()`: for an event loop. When the descriptor is readable, call `step()`.

    Any thread may call `close()` and `wait()`.
    """

    def __init__(
        self,
        device: VirtioDevice,
        sock: socket.socket,
        path: str | None,
        on_error: Callable[[Exception], object] | None = None,
    ) -> None:
        device.claim(self)
        self.device = device
        self.path = path
        self._on_error = on_error
        self.connections = 0
        self.errors: list[Exception] = []
        self._listener: socket.socket | None = None
        self._channel: Channel | None = None
        self._connection: Connection | None = None
        self._kicks: dict[int, Line] = {}
        self._end = EventFd()
        self._epoll = select.epoll()
        self._epoll.register(self._end.fileno(), select.EPOLLIN)
        self._closed = False
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        if path is None:
            self._accept(sock)
        else:
            sock.setblocking(False)
            self._listener = sock
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    # -- for the user ------------------------------------------------------------------------------

    def fileno(self) -> int:
        """A descriptor that is readable when `step()` has something to do. Only with
        `thread=False`. ValueError: it is closed."""
        return self._epoll.fileno()

    def step(self, timeout: float = 0) -> None:
        """Do what there is to do, after waiting at most `timeout` seconds for it. Only with
        `thread=False`."""
        self._step(seconds(timeout, "timeout"))

    def _step(self, timeout: float | None) -> None:
        for fd, _ in self._epoll.poll(timeout):
            if self._listener is not None and fd == self._listener.fileno():
                self._next(self._listener)
            elif self._channel is not None and fd == self._channel.fileno():
                self._try(self._message)
            elif (line := self._kicks.get(fd)) is not None and self._connection is not None:
                self._try(partial(self._connection.kicked, line))

    def start(self) -> None:
        """Let a thread of its own call `step()`."""
        self._thread = threading.Thread(target=self._run, name="pyx86emu back end", daemon=True)
        self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until another thread, or a signal handler, calls `close()`, or `timeout` seconds.
        Returns whether it is closed. Only with a thread."""
        end = None if timeout is None else seconds(timeout, "timeout")
        if self._thread is not None:
            self._thread.join(end)
            return not self._thread.is_alive()
        return self._closed

    def close(self) -> None:
        """Serve no more: close the connection, remove the socket. The device stays open. A second
        call does nothing."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        if self._pid == os.getpid():  # else this is a fork, and all of that is the parent's
            self._end.write()
            if self._channel is not None:
                self._channel.cancel()
            if self._thread is not None and self._thread is not threading.current_thread():
                self._thread.join()
            self._hang_up()
            if self.path is not None:
                with suppress(OSError):
                    os.unlink(self.path)
        self.device.release(self)
        for each in (self._channel, self._listener, self._epoll, self._end):
            if each is not None:
                each.close()

    def __enter__(self) -> "BackEnd":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        where = "a socket" if self.path is None else self.path
        return f"<BackEnd {self.device!r} at {where}>"

    # -- its work ----------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closed:
            self._step(None)

    def _next(self, listener: socket.socket) -> None:
        """A front end has connected."""
        try:
            self._accept(listener.accept()[0])
        except BlockingIOError:
            pass  # it has gone
        except OSError as error:  # such as no descriptor is left: it waits
            self._note(error)
            time.sleep(PAUSE)

    def _accept(self, sock: socket.socket) -> None:
        """Serve this front end. Until it ends, others wait."""
        try:
            channel = Channel(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)
        except BaseException:
            sock.close()
            raise
        if self._listener is not None:
            self._epoll.unregister(self._listener.fileno())
        self.connections += 1
        self._channel = channel
        self._connection = Connection(self.device, self._watch, self._ignore)

    def _try(self, what: Callable[[], None]) -> None:
        """Do it; an error ends the connection."""
        try:
            what()
        except Closed:
            self._hang_up()
        except Exception as error:
            self._note(error)
            self._hang_up()
            if self._on_error is not None:
                self._on_error(error)

    def _note(self, error: Exception) -> None:
        """Keep an error, and nothing that its frames refer to, such as memory of the guest."""
        traceback.clear_frames(error.__traceback__)
        error.__context__ = None
        self.errors = [*self.errors[-15:], error]

    def _message(self) -> None:
        channel, connection = self._channel, self._connection
        assert channel is not None and connection is not None
        message = channel.receive(PATIENCE)
        answer = connection.handle(message)
        if answer is None:
            return
        payload, fds = answer
        try:
            channel.send(message.request, payload, fds, flags=REPLY, timeout=PATIENCE)
        finally:
            for fd in fds:
                os.close(fd)

    def _watch(self, line: Line) -> None:
        fd = line.fds["kick"]
        if fd < 0 or self._kicks.get(fd) is line:
            return
        try:
            self._epoll.register(fd, select.EPOLLIN)
        except OSError as error:
            raise ProtocolError(
                f"the kick of queue {line.index} is nothing to wait for: {error}"
            ) from None
        self._kicks[fd] = line

    def _ignore(self, line: Line) -> None:
        fd = line.fds["kick"]
        if self._kicks.get(fd) is line:
            del self._kicks[fd]
            self._epoll.unregister(fd)

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        channel, self._channel = self._channel, None
        if channel is None or connection is None:
            return
        self._epoll.unregister(channel.fileno())
        try:
            connection.close()
        except Exception as error:  # of the device's reset()
            self._note(error)
        channel.close()
        if self._listener is not None and not self._closed:
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)


def serve(
    device: VirtioDevice,
    path: "str | os.PathLike[str] | socket.socket",
    *,
    thread: bool = True,
    on_error: Callable[[Exception], object] | None = None,
) -> BackEnd:
    """Serve a virtio device to front ends that connect to the Unix socket `path`: QEMU, or a
    `VhostUserBlk` of this package in another process.

    The socket gets mode 0600. A connected socket in place of a path serves its peer only; it then
    belongs to the BackEnd. With `thread=True` a thread of its own does the work; otherwise call
    `step()`, by hand or from an event loop:

        back = serve(device, "blk.sock", thread=False)
        loop.add_reader(back.fileno(), back.step)

    `on_error(error)` is called with each error that has ended a connection, by the thread that does
    the work, such as `traceback.print_exception`; what it raises ends that thread.

    TypeError: no VirtioDevice; ValueError: it is served by threads of its own; MachineError: it is
    attached, or served, already; OSError: the path is taken by something else than a socket that
    nobody listens at.
    """
    if not isinstance(device, VirtioDevice):
        raise TypeError(f"serve() takes a VirtioDevice, not {type(device).__name__}")
    if device.served != "vcpu":
        raise ValueError(
            f"'{device.name}' has served={device.served!r}: the BackEnd calls it, make it without"
        )
    if isinstance(path, socket.socket):
        back = BackEnd(device, path, None, on_error)
    else:
        name = os.fspath(path)
        sock = listen(name, 8)
        try:
            back = BackEnd(device, sock, name, on_error)
        except BaseException:
            sock.close()
            os.unlink(name)
            raise
    if thread:
        back.start()
    return back
