"""The link: a listening socket and the connection of one gdb. Know bytes, no packets.

A thread of its own accepts and reads; what comes is queued, and `wake()` makes the guest's thread
look at it. The guest's thread writes.
"""

import os
import re
import selectors
import socket
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from threading import Condition, Thread
from time import monotonic
from typing import NamedTuple

from ... import unixsocket

#: So many bytes are kept that the guest's thread has not taken.
MOST_WAITING = 1 << 16
#: Host seconds for gdb to take what is sent to it.
PATIENCE = 10.0
ADDRESS = re.compile(r"(?:tcp:)?(?:\[([0-9a-fA-F:.%a-z]+)\]|([\w.-]*)):([0-9]{1,5})")
LOOPBACK = "127.0.0.1"
GIVE = "give HOST:PORT such as 127.0.0.1:1234, port 0 to 65535, or unix:PATH"
CONNECTED, LOST = object(), object()


class Place(NamedTuple):
    """Where to listen: a host and a port, or the path of a Unix socket."""

    host: str = LOOPBACK
    port: int = 0
    path: str | None = None


def place(text: str) -> Place:
    """Read an address. ValueError: it is none.

    >>> place("127.0.0.1:1234"), place("tcp::0").port, place("unix:/tmp/gdb").path
    (Place(host='127.0.0.1', port=1234, path=None), 0, '/tmp/gdb')
    """
    if text.startswith("unix:"):
        if not text[5:] or "\0" in text:
            raise ValueError("name a socket, such as unix:/tmp/gdb")
        return Place(path=text[5:])
    match = ADDRESS.fullmatch(text)
    if match is None or int(match[3]) > 65535:
        raise ValueError(GIVE)
    return Place(match[1] or match[2] or LOOPBACK, int(match[3]))


def listen(at: Place) -> socket.socket:
    """A socket that listens there. OSError: it cannot. A Unix socket has mode 0600."""
    if at.path is not None:
        return unixsocket.listen(at.path)
    family, kind, _, _, where = socket.getaddrinfo(
        at.host, at.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    one = socket.socket(family, kind)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind(where)
        one.listen(1)
    except BaseException:
        one.close()
        raise
    return one


class Link:
    """Listens until it is closed; one gdb at a time, the next ones wait.

    `wake()` is called from the thread of the link when something has come.
    """

    def __init__(self, at: Place, wake: Callable[[], object]) -> None:
        self._at = at
        self._wake = wake
        self._lock = Condition()
        self._came: deque[bytes | object] = deque()
        self._size = 0
        self._closing = False
        self._peer: socket.socket | None = None
        self._server = listen(at)
        self._bell, self._heard = socket.socketpair()
        self._thread = Thread(target=self._serve, name="gdb", daemon=True)
        self._thread.start()

    # -- the guest's thread ----------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Has something come that was not taken?"""
        return bool(self._came)

    def wait(self, seconds: float) -> bool:
        """Wait for something to come, at most so long."""
        until = monotonic() + seconds
        with self._lock:
            while not self._came and not self._closing:
                left = until - monotonic()
                if left <= 0:
                    return False
                self._lock.wait(left)
            return bool(self._came)

    def take(self) -> bytes | object | None:
        """The next bytes, or CONNECTED or LOST; None: nothing has come."""
        with self._lock:
            if not self._came:
                return None
            one = self._came.popleft()
            if isinstance(one, bytes):
                self._size -= len(one)
            self._lock.notify_all()
            return one

    def send(self, data: bytes) -> None:
        """Send to gdb, if it is there. One that takes nothing for PATIENCE seconds is dropped."""
        peer = self._peer
        if peer is None:
            return
        try:
            peer.sendall(data)
        except OSError:
            self.drop()

    def drop(self) -> None:
        """End the connection; the next gdb may come."""
        peer = self._peer
        if peer is not None:
            with suppress(OSError):
                peer.shutdown(socket.SHUT_RDWR)  # its reader sees the end, and closes it

    # -- any thread ------------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """Where it listens: HOST:PORT, or unix:PATH."""
        if self._at.path is not None:
            return f"unix:{self._at.path}"
        return f"[{self._at.host}]:{self.port}" if ":" in self._at.host else self._name

    @property
    def _name(self) -> str:
        return f"{self._at.host}:{self.port}"

    @property
    def port(self) -> int | None:
        """The port; None for a Unix socket, and after close()."""
        if self._at.path is not None or self._server.fileno() < 0:
            return None
        return int(self._server.getsockname()[1])

    @property
    def public(self) -> bool:
        """Can other computers connect?"""
        if self._at.path is not None or self._server.fileno() < 0:
            return False
        from ipaddress import ip_address

        return not ip_address(self._server.getsockname()[0].partition("%")[0]).is_loopback

    def close(self) -> None:
        """End the connection and listen no more. Twice is harmless."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            self._lock.notify_all()
        self._bell.close()
        self.drop()
        self._thread.join()
        self._server.close()
        self._heard.close()
        if self._at.path is not None:
            with suppress(OSError):
                os.unlink(self._at.path)

    # -- its thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        with selectors.DefaultSelector() as look:
            look.register(self._server, selectors.EVENT_READ)
            look.register(self._heard, selectors.EVENT_READ)
            while not self._closing:
                ready = {key.fileobj for key, _ in look.select()}
                if self._server in ready and not self._closing:
                    self._accept()

    def _accept(self) -> None:
        try:
            peer, _ = self._server.accept()
        except OSError:
            return  # it has given up
        with peer:
            peer.settimeout(PATIENCE)
            if self._at.path is None:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peer = peer
            self._put(CONNECTED)
            while not self._closing and (data := self._read(peer)):
                self._put(data)
            self._peer = None
            self._put(LOST)
        with self._lock:  # what the last one asked for must not be answered to the next one
            while self._came and not self._closing:
                self._lock.wait()

    def _read(self, peer: socket.socket) -> bytes:
        """The next bytes; none: the connection has ended, or close() was called."""
        with selectors.DefaultSelector() as look:
            look.register(peer, selectors.EVENT_READ)
            look.register(self._heard, selectors.EVENT_READ)
            if any(key.fileobj is self._heard for key, _ in look.select()):
                return b""
        try:
            return peer.recv(4096)
        except OSError:
            return b""

    def _put(self, one: bytes | object) -> None:
        with self._lock:
            while self._size > MOST_WAITING and not self._closing:
                self._lock.wait()
            self._came.append(one)
            if isinstance(one, bytes):
                self._size += len(one)
            self._lock.notify_all()
        self._wake()
