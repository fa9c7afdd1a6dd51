"""Queues of a driver in Python: requests go into split rings and come back. Know rings and the link
to a back end, not what a request means. Virtio 1.2, 2.7."""

import os
import select
import struct
import time
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple, Self

from ..._core import whole
from ...events import EventFd
from ...vm import Vm
from ..device import Vring
from ..numbers import VERSION_1
from .link import SOON, Link, Queue
from .messages import ProtocolError
from .regions import memory_of
from .seconds import seconds
from .session import Session
from .sockets import Caller

#: Flags of a descriptor (2.7.5).
NEXT, WRITE = 1, 2
#: The buffers of a request begin at multiples of this.
ALIGN = 512
#: What a request is made of: bytes are for the device, a bytearray it may write to.
Part = bytes | bytearray


class Finished(NamedTuple):
    """A request that is done: its ticket, how many bytes the device says it has written, and what
    is in each buffer that it may write to."""

    ticket: int
    written: int
    buffers: list[bytes]


class DriverQueue:
    """One queue as a driver has it, from address `at` of the Vm on. Up to `depth` requests, each of
    at most `parts` buffers with `size` bytes together, are in flight."""

    def __init__(self, vm: Vm, number: int, at: int, depth: int, parts: int, size: int) -> None:
        num = 1 << (parts * depth - 1).bit_length()
        self.ring = Vring(number, num, at, at + 16 * num, at + 18 * num + 16)
        self._vm, self._parts = vm, parts
        self._slots = self.ring.used + 16 + 8 * num + 0xFFF & -0x1000
        self._step = size + ALIGN * (parts + 1) + 0xFFF & -0x1000
        self.end = self._slots + depth * self._step
        self._free = list(range(depth))
        #: By ticket: where each buffer is that the device may write to, and its length.
        self.in_flight: dict[int, list[tuple[int, int]]] = {}
        self._made = self._seen = 0
        self.kick, self.call = EventFd(), EventFd()

    def queue(self) -> Queue:
        """What the back end is told of it."""
        return Queue(self.ring, self.kick.fileno(), self.call.fileno())

    def submit(self, chain: Sequence[Part]) -> int:
        """Make a request available and kick. Returns its ticket. RuntimeError: `depth` requests are
        in flight."""
        if not self._free:
            raise RuntimeError("all requests are in flight: collect() some, or raise depth=")
        ticket = self._free.pop(0)
        at, head = self._slots + ticket * self._step, self._parts * ticket
        table, places = b"", []
        for n, part in enumerate(chain, 1):
            self._vm.write(at, part)
            more, flags = n < len(chain), WRITE * isinstance(part, bytearray)
            table += struct.pack("<QIHH", at, len(part), flags | NEXT * more, (head + n) * more)
            if flags:
                places.append((at, len(part)))
            at += len(part) + ALIGN - 1 & -ALIGN
        self._vm.write(self.ring.desc + 16 * head, table)
        entry = self.ring.avail + 4 + 2 * (self._made % self.ring.size)
        self._vm.write(entry, struct.pack("<H", head))
        self._made += 1
        self._vm.write(self.ring.avail + 2, struct.pack("<H", self._made & 0xFFFF))
        self.in_flight[ticket] = places
        self.kick.write()
        return ticket

    def done(self) -> list[Finished]:
        """The requests that are used since the last call. ProtocolError: one was not available."""
        found = []
        (index,) = struct.unpack("<H", self._vm.read(self.ring.used + 2, 2))
        while index != self._seen & 0xFFFF:
            at = self.ring.used + 4 + 8 * (self._seen % self.ring.size)
            head, written = struct.unpack("<II", self._vm.read(at, 8))
            ticket, odd = divmod(head, self._parts)
            if odd or ticket not in self.in_flight:
                raise ProtocolError(f"the back end has used head {head}, which is not available")
            buffers = [self._vm.read(*place) for place in self.in_flight.pop(ticket)]
            found.append(Finished(ticket, written, buffers))
            self._free.append(ticket)
            self._seen += 1
        return found

    def close(self) -> None:
        """Close its descriptors."""
        self.kick.close()
        self.call.close()


class Driver:
    """What the drivers of this package share: the link, the memory, the queues. One thread uses a
    driver.

    TimeoutError: the back end does not listen, or does not answer; ProtocolError: it breaks the
    protocol; ValueError, TypeError: a number out of range, or none.
    """

    #: The most buffers of a request.
    parts: ClassVar[int] = 2

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        queues: int,
        timeout: float,
        depth: int,
        size: int,
        accept: Callable[[Session], int],
    ) -> None:
        """`accept(session)` looks at the back end, and returns which of its features to use."""
        self._timeout = seconds(timeout, "timeout")
        queues, depth = whole(queues, "queues", 1, 64), whole(depth, "depth", 1, 256)
        self._size = whole(size, "size", 1, 1 << 20)
        self._vm = Vm()
        self._queues: list[DriverQueue] = []
        self._link = Link(Caller(os.fspath(path)).connect)
        try:
            end = 0
            for number in range(queues):
                each = DriverQueue(self._vm, number, end, depth, self.parts, self._size)
                self._queues.append(each)
                end = each.end
            self._vm.add_memory(0, end, shared=True)
            session = self._open()
            if not session.offered & VERSION_1:
                raise ProtocolError("the back end does not offer VIRTIO_F_VERSION_1")
            self.features = session.offered
            accepted = self.features & accept(session)
            self._link.start(accepted, [each.queue() for each in self._queues], memory_of(self._vm))
        except BaseException:
            self.close()
            raise

    def _open(self) -> Session:
        """The first session; the back end may be starting."""
        end = time.monotonic() + self._timeout
        while True:
            try:
                return self._link.open(self._timeout)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if time.monotonic() >= end:
                    raise TimeoutError(*error.args) from None
            time.sleep(SOON)

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return self._link.sessions

    def _submit(self, queue: int, chain: Sequence[Part]) -> int:
        return self._queues[queue].submit(chain)

    def _collect(self, queue: int) -> list[Finished]:
        each, end = self._queues[queue], time.monotonic() + self._timeout
        while not (found := each.done()):
            poll = select.poll()
            poll.register(each.call.fileno(), select.POLLIN)
            left = end - time.monotonic()  # a back end may ring for nothing
            if left <= 0 or not poll.poll(1000 * left):
                raise TimeoutError(
                    f"no request is done in {self._timeout} s; in flight: {len(each.in_flight)}; "
                    f"connections: {self.connections}; the last one: {self._link.error or 'works'}"
                )
            each.call.read()
        return found

    def close(self) -> None:
        """End the connection. A second call does nothing."""
        self._link.close()
        for each in self._queues:
            each.close()
        self._vm.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        in_flight = sum(len(each.in_flight) for each in self._queues)
        return f"<{type(self).__name__}, {in_flight} in flight>"


class QueueDriver(Driver):
    """A driver for any virtio device of the vhost-user back end at the Unix socket `path`.

    A request is bytes for the device, and room for its answer. `queues`: the device has so many,
    1 to 64. `depth`: how many requests of a queue can be in flight, 1 to 256; each needs two
    descriptors, so a queue of at most 8 wants `depth=4`. `size`: the most bytes of a request, up to
    1 MiB. It waits up to `timeout` host seconds for the back end to listen, and
    for each request. A back end that dies and comes back gets what was in flight again. `features`
    are those of the back end; of them VIRTIO_F_VERSION_1 is used, and those of its device type
    (bits 0 to 23, 2.2) that are in the mask `accept`.

    >>> import tempfile
    >>> from pyx86emu.virtio import VirtioRng, serve
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = f"{directory}/rng.sock"
    ...     with serve(VirtioRng(seed=1), path), QueueDriver(path) as driver:
    ...         len(driver.request(room=16))
    16
    """

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        *,
        queues: int = 1,
        timeout: float = 10.0,
        depth: int = 4,
        size: int = 65536,
        accept: int = 0,
    ) -> None:
        wanted = VERSION_1 | whole(accept, "accept", 0, (1 << 24) - 1)
        super().__init__(path, queues, timeout, depth, size, lambda session: wanted)

    def request(self, data: bytes = b"", room: int = 0, *, queue: int = 0) -> bytes:
        """One request, and its answer: what the device has written, at most `room` bytes."""
        ticket = self.submit(data, room, queue=queue)
        found: dict[int, bytes] = {}
        while ticket not in found:
            found |= dict(self.collect(queue))
        return found[ticket]

    def submit(self, data: bytes = b"", room: int = 0, *, queue: int = 0) -> int:
        """Make a request available and kick. Returns its ticket. RuntimeError: `depth` requests are
        in flight; ValueError: no bytes and no room, or more than `size` together."""
        queue = whole(queue, "queue", 0, len(self._queues) - 1)
        room = whole(room, "room", 0, self._size)
        if len(data) + room > self._size:
            raise ValueError(f"{len(data)} + {room} bytes: a request has at most size={self._size}")
        chain = [part for part in (bytes(data), bytearray(room)) if part]
        if not chain:
            raise ValueError("a request has data= for the device, or room= for its answer")
        return self._submit(queue, chain)

    def collect(self, queue: int = 0) -> list[tuple[int, bytes]]:
        """Wait until at least one request is done. Returns ticket and answer of each that is.
        TimeoutError: none is; ProtocolError: the back end has used what was not available, or has
        written more than there is room."""
        found = []
        for ticket, written, buffers in self._collect(
            whole(queue, "queue", 0, len(self._queues) - 1)
        ):
            answer = b"".join(buffers)
            if written > len(answer):
                raise ProtocolError(
                    f"the back end has written {written} bytes, but there is room for {len(answer)}"
                )
            found.append((ticket, answer[:written]))
        return found
