"""A Peer: send accesses to the other end of a socket, and wait for its answers. Knows no guest.

Any number of ranges, of any Vm, share one Peer, because they share one socket: answers have no
names, they come in the order of the questions. A thread that waits looks every few ms whether the
run of its vCPU has to end (`VmBackend.wait_ends`).

Ctrl-C may come after any call. So what was sent and received is noted by the call itself, which
`extend(map(...))` is, and what belongs together is stored without a call in between.
"""

import errno
import os
import select
import socket
import threading
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
        self._lock = threading.RLock()  # release() of a thread that has not got it raises
        self._owner = 0
        #: Messages that are not all sent, and how many bytes each send() has sent of them.
        self._queue: list[bytes] = []
        self._sent: list[int] = []
        self._awaited: list[Exchange] = []
        #: What has come and belongs to no answer yet.
        self._got: list[bytes] = []
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
        if self._queue or self._failed or self.forked:
            return False
        lock = self._lock
        try:
            if not lock.acquire(False) or self._queue:
                return False
            try:
                sent = self._send(message, SEND)
            except OSError:
                return False  # the Exchange meets it again
            if sent != wire.LENGTH:
                self._queue, self._sent = [message], [sent]
            return True
        finally:
            try:  # noqa: SIM105  another call would let Ctrl-C in
                lock.release()
            except RuntimeError:
                pass  # it was not acquired

    # -- for an Exchange ---------------------------------------------------------------------------

    def do(self, who: "Exchange") -> bool:
        """Do what is left of an Exchange; False: the run has to end."""
        if self.forked:
            raise RuntimeError(
                f"{who.range.where()} belongs to the process that forwarded it, not to its fork: "
                "detach() it here"
            )
        me = threading.get_ident()
        if self._owner == me:
            raise RuntimeError(
                f"an access to {who.range.where()} inside another one on the same socket"
            )
        lock = self._lock
        try:
            while not lock.acquire(timeout=LOOK_MS / 1000):
                if who.over():
                    return False
            self._owner = me
            if self._failed is not None:
                raise self._error(who)
            if not who.queued:
                self._put(who)
            return self._flush(who) and (not who.answered or self._listen(who))
        finally:
            if self._owner == me:
                self._owner = 0
            try:  # noqa: SIM105  as in post
                lock.release()
            except RuntimeError:
                pass

    def _put(self, who: "Exchange") -> None:
        """Queue its message. What the peer has said without being asked is an error."""
        if who.answered:
            if not self._awaited:
                self._nothing_said(who)
            self._queue, self._awaited, who.queued = (
                [*self._queue, who.message],
                [*self._awaited, who],
                True,
            )
        else:
            self._queue, who.queued = [*self._queue, who.message], True

    def _flush(self, who: "Exchange") -> bool:
        """Send what is queued; False: the run has to end."""
        while True:
            at, part = divmod(sum(self._sent), wire.LENGTH)
            if at == len(self._queue):
                self._queue, self._sent = [], []
                return True
            rest = self._queue[at][part:]
            try:
                self._sent.extend(map(self._send, (rest,), (SEND,)))
            except BlockingIOError:
                if not self._wait(self._writable, who):
                    return False
            except OSError as error:
                raise self._dead(who, error) from None

    def _listen(self, who: "Exchange") -> bool:
        """Take answers until `who` has its own; False: the run has to end."""
        while True:
            self._answers(who)
            if who.answer is not None:
                return True
            if not self._wait(self._readable, who):
                return False
            have = sum(map(len, self._got))
            room = wire.LENGTH * (1 if self._packets else len(self._awaited)) - have
            try:
                self._got.extend(map(self._sock.recv, (room + 1,), (NOW,)))
            except BlockingIOError:
                pass  # another process has taken it
            except OSError as error:
                raise self._dead(who, error) from None

    def _answers(self, who: "Exchange") -> None:
        """Give what has come to those that wait for it."""
        if self._got and not self._got[-1]:
            raise self._dead(who)
        if self._packets and self._got and len(self._got[0]) != wire.LENGTH:
            raise self._broken(who, f"a packet that has not {wire.LENGTH} bytes")
        data = b"".join(self._got)
        while len(data) >= wire.LENGTH and self._awaited:
            first = self._awaited[0]
            try:
                value = wire.answer(data[: wire.LENGTH], first.write, first.size)
            except ValueError as error:
                raise self._broken(who, str(error)) from None
            data = data[wire.LENGTH :]
            if data and len(self._awaited) == 1:
                raise self._broken(who, "it answered more than it was asked")
            rest = [data] if data else []
            first.answer, self._got, self._awaited = value, rest, self._awaited[1:]

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
        have = sum(map(len, self._got))
        half = f" in the middle of an answer, after {have} of 32 bytes" * bool(have)
        if error is None or error.errno in (errno.EPIPE, errno.ECONNRESET):
            return self._fail(who, errno.ECONNRESET, f"has closed its end{half}")
        return self._fail(who, error.errno or errno.EIO, f"cannot be reached: {error.strerror}")

    def _broken(self, who: "Exchange", what: str) -> OSError:
        return self._fail(who, errno.EPROTO, f"broke the protocol: {what}")

    def _fail(self, who: "Exchange", number: int, text: str) -> OSError:
        self._failed = (number, text)
        self._queue, self._sent, self._awaited, self._got = [], [], [], []
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
        *("_began", "_looked", "answer", "answered", "message", "offset", "peer", "queued"),
        *("range", "running", "size", "vm", "write"),
    )

    def __init__(
        self,
        peer: Peer,
        vm: "BusBackend",
        range: Sender,
        message: bytes,
        size: int,
        answered: bool,
        offset: int,
    ) -> None:
        self.peer = peer
        self.vm = vm
        self.range = range
        self.message = message
        self.write = bool(message[0])
        self.size = size
        self.answered = answered
        self.offset = offset
        #: A thread is in go().
        self.running = False
        self.answer: int | None = None
        #: The peer has the message.
        self.queued = False

    def go(self) -> bool:
        """Do what is left; False: the run has to end. OSError ECONNRESET: the peer is gone; EPROTO:
        it broke the protocol. RuntimeError: this is a fork of the process."""
        if self.answer is not None:
            return True
        self._began = self._looked = monotonic_ns()
        return self.peer.do(self)

    def over(self) -> bool:
        """Has the run to end? It looks only every few ms."""
        now = monotonic_ns()
        if now - self._looked < LOOK_NS:
            return False
        self._looked = now
        return self.vm.wait_ends(now - self._began)


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
            error.errno,
            "a socket without a peer: connect it, or use socket.socketpair()",
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
