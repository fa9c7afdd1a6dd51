"""A Peer: send accesses to the other end of a socket, and wait for its answers. Knows no guest.

Any number of ranges, of any Vm, share one Peer, because they share one socket: answers have no
names, they come in the order of the questions. A thread that waits looks every few ms whether the
run of its vCPU has to end (`VmBackend.wait_ends`).
"""

import errno
import os
import select
import socket
import threading
from collections import deque
from time import monotonic_ns
from typing import TYPE_CHECKING, Protocol
from weakref import WeakValueDictionary

from .._core import exact
from . import wire

if TYPE_CHECKING:
    from ..backend import BusBackend

#: A thread that waits looks so often whether its run has to end.
LOOK_MS = 5
LOOK_NS = LOOK_MS * 1_000_000
NOW = socket.MSG_DONTWAIT
SEND = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class Sender(Protocol):
    """What sends accesses: a range of a bus."""

    def where(self) -> str:
        """The range, as messages name it."""
        ...


class Peer:
    """One socket, with a duplicate of its descriptor. Any thread may use it."""

    def __init__(self, fd: int) -> None:
        #: The caller's number for it, for messages.
        self.number = fd
        self._sock = _duplicate(fd)
        self._packets = self._sock.type == socket.SOCK_SEQPACKET
        self._send = self._sock.send
        #: Another process has it: this is a fork.
        self.forked = False
        self._lock = threading.Lock()
        self._owner = 0
        self._unsent: deque[bytes] = deque()
        self._awaited: deque[Exchange] = deque()
        self._got = b""
        #: Why it cannot be used any more: errno and text.
        self._failed: tuple[int, str] | None = None
        # Only who has the lock uses them: two threads cannot share one.
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(self._sock, select.POLLIN)
        self._writable.register(self._sock, select.POLLOUT)

    def __del__(self) -> None:
        if "_sock" in self.__dict__:
            self._sock.close()

    def post(self, message: bytes) -> bool:
        """Send a message that nobody answers, if that can be done at once. False: nothing was
        sent, an Exchange has to do it."""
        if self._unsent or self._failed or self.forked or not self._lock.acquire(False):
            return False
        try:
            if self._unsent:
                return False
            try:
                sent = self._send(message, SEND)
            except OSError:
                return False  # the Exchange meets it again
            if sent != wire.LENGTH:
                self._unsent.append(message[sent:])
            return True
        finally:
            self._lock.release()

    # -- for an Exchange ---------------------------------------------------------------------------

    def take(self, who: "Exchange") -> bool:
        """Become the one that uses the socket; False: the run has to end."""
        if self.forked:
            raise RuntimeError(
                f"{who.range.where()} belongs to the process that forwarded it, not to its fork: "
                "detach() it here"
            )
        if not self._lock.acquire(False):
            if self._owner == threading.get_ident():
                raise RuntimeError(
                    f"an access to {who.range.where()} inside another one on the same socket"
                )
            while not self._lock.acquire(timeout=LOOK_MS / 1000):
                if who.over():
                    return False
        self._owner = threading.get_ident()
        if self._failed is not None:
            self.leave()
            raise self._error(who)
        return True

    def leave(self) -> None:
        """Let others use the socket."""
        self._owner = 0
        self._lock.release()

    def put(self, who: "Exchange") -> None:
        """Queue its message. What the peer has said without being asked is an error."""
        if who.answered:
            if not self._awaited:
                self._nothing_said(who)
            self._awaited.append(who)
        self._unsent.append(who.message)

    def flush(self, who: "Exchange") -> bool:
        """Send what is queued; False: the run has to end."""
        while self._unsent:
            message = self._unsent[0]
            try:
                sent = self._sock.send(message, SEND)
            except BlockingIOError:
                if not self._wait(self._writable, who):
                    return False
                continue
            except OSError as error:
                raise self._dead(who, error) from None
            if sent == len(message):
                self._unsent.popleft()
            else:
                self._unsent[0] = message[sent:]
        return True

    def listen(self, who: "Exchange") -> bool:
        """Take answers until `who` has its own; False: the run has to end."""
        while who.answer is None:
            if not self._wait(self._readable, who):
                return False
            room = wire.LENGTH * (1 if self._packets else len(self._awaited)) - len(self._got)
            try:
                data = self._sock.recv(room + 1, NOW)
            except BlockingIOError:
                continue  # another process has taken it
            except OSError as error:
                raise self._dead(who, error) from None
            if not data:
                raise self._dead(who)
            if self._packets and len(data) != wire.LENGTH:
                raise self._broken(who, f"a packet of {_bytes(data, room)}, not of 32 bytes")
            self._got += data
            while len(self._got) >= wire.LENGTH and self._awaited:
                first = self._awaited[0]
                message, self._got = self._got[: wire.LENGTH], self._got[wire.LENGTH :]
                try:
                    first.answer = wire.answer(message, first.write, first.size)
                except ValueError as error:
                    raise self._broken(who, str(error)) from None
                self._awaited.popleft()
            if self._got and not self._awaited:
                raise self._broken(who, "it answered more than it was asked")
        return True

    def _nothing_said(self, who: "Exchange") -> None:
        if not self._readable.poll(0):
            return
        try:
            data = self._sock.recv(1, NOW)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._dead(who, error) from None
        if not data:
            raise self._dead(who)
        raise self._broken(who, "it answered more than it was asked")

    @staticmethod
    def _wait(poll: "select.poll", who: "Exchange") -> bool:
        """Wait until the socket is ready; False: the run has to end. A peer that says a byte now
        and then cannot keep it."""
        while not poll.poll(LOOK_MS):
            if who.over():
                return False
        return not who.over()

    # -- its end -----------------------------------------------------------------------------------

    def _dead(self, who: "Exchange", error: OSError | None = None) -> OSError:
        half = f" in the middle of an answer, after {len(self._got)} of 32 bytes" * bool(self._got)
        if error is None or error.errno in (errno.EPIPE, errno.ECONNRESET):
            return self._fail(who, errno.ECONNRESET, f"has closed its end{half}")
        return self._fail(who, error.errno or errno.EIO, f"cannot be reached: {error.strerror}")

    def _broken(self, who: "Exchange", what: str) -> OSError:
        return self._fail(who, errno.EPROTO, f"broke the protocol: {what}")

    def _fail(self, who: "Exchange", number: int, text: str) -> OSError:
        self._failed = (number, text)
        self._unsent.clear()
        self._awaited.clear()
        return self._error(who)

    def _error(self, who: "Exchange") -> OSError:
        assert self._failed is not None
        number, text = self._failed
        return OSError(
            number,
            f"the peer of {who.range.where()} {text}: detach the range, or forward it to another "
            "socket",
        )


class Exchange:
    """One access on its way: send it, and if it is `answered`, wait for the answer. It may take
    several runs of a vCPU, each of which calls `go()`."""

    __slots__ = (
        *("answer", "answered", "message", "peer", "range", "size", "vm", "write"),
        *("_began", "_looked", "_queued"),
    )

    def __init__(
        self, peer: Peer, vm: "BusBackend", range: Sender, message: bytes, size: int, answered: bool
    ) -> None:
        self.peer = peer
        self.vm = vm
        self.range = range
        self.message = message
        self.write = bool(message[0])
        self.size = size
        self.answered = answered
        self.answer: int | None = None
        self._queued = False

    def go(self) -> bool:
        """Do what is left; False: the run has to end. OSError ECONNRESET: the peer is gone; EPROTO:
        it broke the protocol. RuntimeError: this is a fork of the process."""
        if self.answer is not None:
            return True
        self._began = self._looked = monotonic_ns()
        peer = self.peer
        if not peer.take(self):
            return False
        try:
            if not self._queued:
                self._queued = True
                peer.put(self)
            return peer.flush(self) and (not self.answered or peer.listen(self))
        finally:
            peer.leave()

    def over(self) -> bool:
        """Has the run to end? It looks only every few ms."""
        now = monotonic_ns()
        if now - self._looked < LOOK_NS:
            return False
        self._looked = now
        return self.vm.wait_ends(now - self._began)


def _bytes(data: bytes, room: int) -> str:
    return f"more than {room} bytes" if len(data) > room else f"{len(data)} bytes"


def _duplicate(fd: int) -> socket.socket:
    """The same socket. Its flags stay: they belong to whoever shares it. OSError ENOTSOCK."""
    own = os.dup(fd)
    try:
        sock = socket.socket(fileno=own)
    except BaseException:
        os.close(own)
        raise
    if sock.gettimeout():
        sock.settimeout(0.0)  # of socket.setdefaulttimeout(): the flag is set already
    if sock.type not in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        kind = sock.type
        sock.close()
        raise ValueError(f"a socket of type {kind!r}: give one of SOCK_STREAM or SOCK_SEQPACKET")
    try:
        sock.getpeername()
    except OSError as error:
        sock.close()
        raise OSError(
            error.errno, "a socket without a peer: connect it, or use socket.socketpair()"
        ) from None
    return sock


_peers: WeakValueDictionary[tuple[int, int], Peer] = WeakValueDictionary()
_making = threading.RLock()


def _after_fork() -> None:
    """The child has the sockets too, but the answers are for the parent."""
    for peer in list(_peers.values()):
        peer.forked = True
    _peers.clear()


os.register_at_fork(after_in_child=_after_fork)


def peer_of(sock: object) -> Peer:
    """The Peer of a socket, the same one for each of its descriptors. TypeError: no socket; OSError
    as of the socket; ValueError: one of datagrams."""
    fileno = getattr(sock, "fileno", None)
    if not callable(fileno):
        raise TypeError(f"forward to a socket, not to {type(sock).__name__}")
    fd = exact(fileno(), f"fileno() of {type(sock).__name__}")
    if not 0 <= fd < 1 << 31:
        raise OSError(errno.EBADF, f"fileno() of {type(sock).__name__} is no descriptor")
    with _making:
        found = os.fstat(fd)  # EBADF: it is closed
        key = (found.st_dev, found.st_ino)
        peer = _peers.get(key)
        if peer is None:
            peer = _peers[key] = Peer(fd)
        return peer
