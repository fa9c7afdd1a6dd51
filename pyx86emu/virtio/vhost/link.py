"""A link to a back end: one thread that keeps the session, and begins it again when it breaks.

Know when to connect, not what a message is. The vCPU's thread gives orders and goes on; kicks that
come before the back end is ready stay in their eventfds.
"""

import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple
from weakref import WeakSet

from ...errors import MachineError
from ...events import EventFd
from ..device import Vring
from .channel import Cancelled, Closed
from .messages import ProtocolError
from .numbers import Protocol
from .regions import Memory, Shared, inside
from .session import Inflight, Session
from .tracker import Tracker

#: Host seconds between two looks at the rings while requests are in flight, and the least time
#: between two looks.
LOOK, PAUSE = 0.002, 0.0002
#: Host seconds between the first attempts to connect again; each next wait is twice as long.
SOON = 0.01


class Queue(NamedTuple):
    """A queue for the back end: its ring, and the eventfds of kick and call. The descriptors stay
    the caller's until the link has stopped."""

    ring: Vring
    kick: int
    call: int


class Work(NamedTuple):
    """What the back end is to do from the start of the driver to its reset."""

    features: int
    queues: Sequence[Queue]
    memory: Memory
    trackers: dict[int, Tracker]


class Link:
    """A link to the back end that `connect()` reaches.

    `connect` returns a connected socket; it raises OSError if nobody is there (then it is called
    again later), and it must not wait. `patience`: host seconds for each answer. `reconnect`: the
    longest wait between two attempts, in host seconds; None: never connect again.
    `on_failure(error)` is called from the link's thread when the back end cannot be used any more,
    `on_session(session)` when another session has begun, before the back end works.

    Any thread may call the methods. `error` is what ended the last session, or None.
    """

    def __init__(
        self,
        connect: Callable[[], socket.socket],
        *,
        patience: float = 5.0,
        reconnect: float | None = 1.0,
        on_failure: Callable[[Exception], object] | None = None,
        on_session: Callable[[Session], object] | None = None,
    ) -> None:
        self._connect = connect
        self._patience = patience
        self._reconnect = reconnect
        self._on_failure = on_failure
        self._on_session = on_session
        self.error: Exception | None = None
        self.sessions = 0
        """How many sessions there have been."""
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._orders: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._wake = EventFd()
        self._closing = False
        self._work: Work | None = None
        self._inflight: Inflight | None = None
        self._epoll: select.epoll | None = None
        self._failed = False
        self._worked = False  # has a back end worked on these rings?
        self._next = SOON  # how long to wait before the next attempt to connect
        self._thread: threading.Thread | None = None
        _links.add(self)

    # -- for other threads -------------------------------------------------------------------------

    def open(self, timeout: float) -> Session:
        """Begin the first session, in the thread of the caller, who may ask it until `start()`.
        OSError: there is no back end, or not in `timeout` seconds; ProtocolError."""
        end = time.monotonic() + timeout
        while True:
            try:
                sock = self._connect()
                break
            except BlockingIOError:  # it listens, and the back end has not connected yet
                if time.monotonic() >= end:
                    raise TimeoutError(
                        f"no back end has connected in {timeout} s: start it, with this socket"
                    ) from None
                time.sleep(SOON)
        return self._begin(sock)

    def start(self, features: int, queues: Sequence[Queue], memory: Memory) -> None:
        """The driver is ready: let the back end work. Returns at once."""
        work = Work(features, queues, memory, {})
        self._order(lambda: self._start(work))

    def stop(self, timeout: float) -> None:
        """The driver has reset the device: the back end works on its rings no more. Waits until it
        has said so, at most `timeout` seconds; then the socket is closed."""
        if self._thread is None:
            return
        done = self._order(self._stop)
        if not done.wait(timeout):
            with self._lock:
                if self._session is not None:
                    self._session.cancel()
            done.wait(timeout)

    def memory_changed(self) -> None:
        """Guest memory was added or deleted. Returns at once."""
        self._order(self._set_memory)

    def set_config(self, offset: int, data: bytes) -> None:
        """The driver has written to the configuration space. Returns at once."""

        def tell() -> None:
            if self._session is not None and self._session.has(Protocol.CONFIG):
                self._session.set_config(offset, data)

        self._order(tell)

    def settle(self, timeout: float) -> bool:
        """Wait until all orders so far are done. Returns whether they are."""
        return self._order(lambda: None).wait(timeout)

    def close(self) -> None:
        """End the session and the thread. A second call does nothing."""
        with self._lock:
            self._closing = True
            session, thread = self._session, self._thread
            if session is not None:
                session.cancel()
        with suppress(OSError):
            self._wake.write()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._drop(None)
        for _, done in self._orders:
            done.set()
        if self._inflight is not None:
            self._inflight.close()
        self._wake.close()

    def _forked(self) -> None:
        """This is a fork of the process: session, thread and epoll are the parent's."""
        self._lock = threading.Lock()
        self._closing, self._thread = True, None
        self.error = MachineError("the connection belongs to the process that made it: fork first")
        self._wake.close()
        self._drop(None)
        if self._epoll is not None:
            self._epoll.close()

    def _order(self, what: Callable[[], None]) -> threading.Event:
        done = threading.Event()
        with self._lock:
            if self._closing:
                done.set()
                return done
            self._orders.append((what, done))
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._main, name="pyx86emu vhost-user", daemon=True
                )
                self._thread.start()
            self._wake.write()
        return done

    # -- the thread --------------------------------------------------------------------------------

    def _main(self) -> None:
        with select.epoll() as self._epoll:
            self._epoll.register(self._wake.fileno(), select.EPOLLIN)
            if self._session is not None:
                self._epoll.register(self._session.channel.fileno(), select.EPOLLIN)
            while True:
                self._wake.read()
                if self._closing:  # looked at after the count is taken: close() writes once
                    break
                while self._orders:
                    what, done = self._orders.popleft()
                    self._try(what)
                    done.set()
                self._try(self._go_on)
        self._epoll = None

    def _go_on(self) -> None:
        """What is to do without an order; then wait for the next thing."""
        if self._session is None and self._work is not None and not self._failed:
            self._again()
            self._next = SOON
        self._wait(self._look())

    def _try(self, what: Callable[[], None]) -> None:
        """Do it; an error ends the session."""
        try:
            what()
        except Cancelled as error:
            self._drop(error)
        except ProtocolError as error:
            self._fail(error)
        except OSError as error:  # nobody is there, it has ended, or does not answer
            self._drop(error)
            if self._reconnect is None:
                self._fail(error)
            else:
                self._pause(self._next)
                self._next = min(2 * self._next, self._reconnect)
        except Exception as error:
            self._fail(error)

    def _wait(self, timeout: float | None) -> None:
        """Wait for an order, for the end of the session, for a ring."""
        assert self._epoll is not None
        session = self._session
        for fd, _ in self._epoll.poll(timeout):
            if session is not None and fd == session.channel.fileno():
                if session.channel.sock.recv(1, socket.MSG_PEEK):
                    raise ProtocolError("the back end sends a message that nobody has asked for")
                raise Closed("the back end has ended")

    def _pause(self, seconds: float) -> None:
        """Wait, but not if there is an order."""
        poll = select.poll()
        poll.register(self._wake.fileno(), select.POLLIN)
        poll.poll(1000 * seconds)

    def _look(self) -> float | None:
        """Look at the rings of a back end that keeps no list of its own. Returns when to look again
        at the latest, in seconds."""
        if self._session is None or self._work is None or not self._work.trackers:
            return None
        time.sleep(PAUSE)  # many kicks are one look
        looks = [tracker.look() for tracker in self._work.trackers.values()]
        return LOOK if any(looks) else None

    # -- sessions ----------------------------------------------------------------------------------

    def _begin(self, sock: socket.socket) -> Session:
        """Begin a session on a connected socket."""
        session = Session(sock, self._patience)
        with self._lock:
            closing = self._closing
            self._session = session
        if closing:
            raise Cancelled("the link is closed")
        try:
            session.begin()
        except BaseException:
            self._drop(None)
            raise
        self.sessions += 1
        if self._epoll is not None:
            self._epoll.register(session.channel.fileno(), select.EPOLLIN)
        return session

    def _again(self) -> None:
        """Connect again and go on where the last back end has stopped."""
        assert self._work is not None
        session = self._begin(self._connect())
        if self._on_session is not None:
            self._on_session(session)
        self._bring_up(self._work)
        self.error = None

    def _drop(self, error: Exception | None) -> None:
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()
        if error is not None:
            self.error = error

    def _fail(self, error: Exception) -> None:
        self._drop(error)
        self._failed = True
        if self._on_failure is not None:
            self._on_failure(error)

    # -- orders ------------------------------------------------------------------------------------

    def _start(self, work: Work) -> None:
        self._failed = self._worked = False
        self._work = work
        if self._session is not None:
            self._bring_up(work)

    def _bring_up(self, work: Work) -> None:
        """Give the back end memory and queues, on which another one may have worked before."""
        session, again = self._session, self._worked
        assert session is not None
        shared = work.memory.shared()
        _check_rings(work.queues, shared)
        session.set_features(work.features)
        session.set_memory(shared)
        keeps_list = session.has(Protocol.INFLIGHT_SHMFD)
        if keeps_list and work.queues:
            if self._inflight is None:
                count = 1 + max(queue.ring.index for queue in work.queues)
                entries = max(queue.ring.size for queue in work.queues)
                self._inflight = session.inflight(count, entries)
            session.set_inflight(self._inflight)
        self._worked = True
        for queue in work.queues:
            base = 0
            if not keeps_list and queue.ring.index not in work.trackers:
                work.trackers[queue.ring.index] = Tracker(queue.ring, work.memory.read)
                self._follow(queue)
            if again:
                tracker = work.trackers.get(queue.ring.index)
                if tracker is None:
                    base = int.from_bytes(work.memory.read(queue.ring.used + 2, 2), "little")
                else:
                    base = tracker.resubmit(work.memory.write)
            session.start_queue(queue.ring, base, queue.kick, queue.call)
        for queue in work.queues:  # for what the last back end has not seen or not said
            for fd in (queue.kick, queue.call) if again else (queue.kick,):
                with suppress(BlockingIOError):
                    os.eventfd_write(fd, 1)

    def _follow(self, queue: Queue) -> None:
        """Be woken by each write to the eventfds, also if another process has read them by then:
        EPOLLOUT is always there to be reported."""
        assert self._epoll is not None
        edge = select.EPOLLIN | select.EPOLLOUT | select.EPOLLET
        for fd in (queue.kick, queue.call):
            with suppress(FileExistsError):
                self._epoll.register(fd, edge)

    def _stop(self) -> None:
        work, self._work = self._work, None
        if work is None:
            return
        inflight, self._inflight = self._inflight, None
        if inflight is not None:
            inflight.close()
        if self._epoll is not None and work.trackers:
            for queue in work.queues:
                for fd in (queue.kick, queue.call):
                    with suppress(OSError):
                        self._epoll.unregister(fd)
        if self._session is not None:
            for queue in work.queues:
                self._session.enable_queue(queue.ring.index, False)
                self._session.stop_queue(queue.ring.index)
            self._session.reset_device()

    def _set_memory(self) -> None:
        if self._session is not None and self._work is not None:
            self._session.set_memory(self._work.memory.shared())


def _check_rings(queues: Sequence[Queue], shared: list[Shared]) -> None:
    """MachineError: a part of a ring is in no shared memory."""
    for queue in queues:
        for addr, size in queue.ring.areas():
            if not inside(shared, addr, size):
                raise MachineError(
                    f"queue {queue.ring.index} has a ring at {addr:#x}, which is in no shared "
                    "memory: the driver must use RAM, and the machine shared=True"
                )


_links: WeakSet[Link] = WeakSet()


def _after_fork() -> None:
    for link in list(_links):
        link._forked()


os.register_at_fork(after_in_child=_after_fork)
