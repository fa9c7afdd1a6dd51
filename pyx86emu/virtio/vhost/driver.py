"""BlkDriver: a guest's block driver in Python, to test vhost-user back ends without a guest."""

import os
import select
import struct
import time

from ..._core import whole
from ...events import EventFd
from ...vm import Vm
from ..numbers import VERSION_1
from .blk import CONFIG_SIZE
from .link import SOON, Link, Queue
from .messages import ProtocolError
from .numbers import Protocol
from .regions import memory_of
from .seconds import seconds
from .session import Ring, Session
from .sockets import Caller

SECTOR = 512
#: Types of requests (virtio 1.2, 5.2.6).
T_IN, T_OUT, T_FLUSH = 0, 1, 4
F_FLUSH = 1 << 9
#: Flags of a descriptor (2.7.5).
NEXT, WRITE = 1, 2
#: Descriptors of a request: header, data, status.
PARTS = 3


class BlkDriver:
    """A driver for the block device of the vhost-user back end at the Unix socket `path`.

    It waits up to `timeout` host seconds for the back end to listen, and for each request.
    `depth`: how many requests can be in flight, 1 to 256; `size`: the most bytes of one, a multiple
    of 512 up to 1 MiB. A back end that dies and comes back gets what was in flight again.

    `sectors` is the size of the disk in sectors of 512 bytes; `config` is the configuration space;
    `features` are the features of the back end. One thread uses a driver.

    TimeoutError: the back end does not listen, or does not answer; ProtocolError: it breaks the
    protocol; ValueError, TypeError: a number out of range, or none.

    >>> import tempfile
    >>> from pyx86emu.virtio import VirtioBlk, serve
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = f"{directory}/blk.sock"
    ...     with serve(VirtioBlk(bytes(1 << 20)), path), BlkDriver(path) as disk:
    ...         disk.write(7, b"seven".ljust(512))
    ...         disk.sectors, disk.read(7, 1)[:5]
    (2048, b'seven')
    """

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        *,
        timeout: float = 10.0,
        depth: int = 8,
        size: int = 65536,
    ) -> None:
        self._timeout = seconds(timeout, "timeout")
        depth = whole(depth, "depth", 1, 256)
        self._size = whole(size, "size", SECTOR, 1 << 20)
        if self._size % SECTOR:
            raise ValueError(f"size={self._size}: give a multiple of {SECTOR}")
        num = 1 << (PARTS * depth - 1).bit_length()
        self._ring = Ring(num, 0, 16 * num, 18 * num + 16)
        self._slots = self._ring.used + 16 + 8 * num + 0xFFF & -0x1000
        self._step = 0x1000 + self._size
        self._free = list(range(depth))
        self._lengths: dict[int, int] = {}
        self._made = self._seen = 0
        self._vm = Vm()
        self._kick, self._call = EventFd(), EventFd()
        self._link = Link(Caller(os.fspath(path)).connect)
        try:
            total = self._slots + depth * self._step + 0xFFF & -0x1000
            self._vm.add_memory(0, total, shared=True)
            session = self._open()
            if not session.has(Protocol.CONFIG) or not session.offered & VERSION_1:
                raise ProtocolError("a vhost-user block device needs CONFIG and VERSION_1")
            self.features = session.offered
            self.config = session.config(CONFIG_SIZE)
            queue = Queue(0, self._ring, self._kick.fileno(), self._call.fileno())
            accepted = self.features & (VERSION_1 | F_FLUSH)
            self._link.start(accepted, [queue], memory_of(self._vm))
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
    def sectors(self) -> int:
        """The size of the disk in sectors of 512 bytes."""
        return int.from_bytes(self.config[:8], "little")

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return self._link.sessions

    # -- requests ----------------------------------------------------------------------------------

    def read(self, sector: int, count: int) -> bytes:
        """Sectors of the disk. OSError EIO: the status is not 0."""
        status, data = self.request(T_IN, sector, whole(count, "count", 1, self._size) * SECTOR)
        self._good(status, f"the read of {count} sectors at {sector}")
        return data

    def write(self, sector: int, data: bytes) -> None:
        """Write whole sectors. OSError EIO: the status is not 0."""
        if len(data) % SECTOR:
            raise ValueError(f"{len(data)} bytes are no whole sectors")
        status, _ = self.request(T_OUT, sector, data)
        self._good(status, f"the write of {len(data)} bytes at sector {sector}")

    def flush(self) -> None:
        """Let the back end store what it has. OSError EIO: the status is not 0."""
        self._good(self.request(T_FLUSH)[0], "the flush")

    def _good(self, status: int, what: str) -> None:
        if status:
            import errno

            raise OSError(errno.EIO, f"{what} has ended with status {status}")

    def request(self, kind: int, sector: int = 0, data: "bytes | int" = b"") -> tuple[int, bytes]:
        """One request of any type: its status, and the bytes that it has read. `data` are the bytes
        to write, or how many to read."""
        ticket = self.submit(kind, sector, data)
        found: dict[int, tuple[int, bytes]] = {}
        while ticket not in found:
            found |= {each: (status, got) for each, status, got in self.collect()}
        return found[ticket]

    def submit(self, kind: int, sector: int = 0, data: "bytes | int" = b"") -> int:
        """Make a request available and kick. Returns its ticket. RuntimeError: `depth` requests are
        in flight; ValueError: more bytes than `size`."""
        kind, sector = whole(kind, "kind", 0, 0xFFFFFFFF), whole(sector, "sector", 0, (1 << 64) - 1)
        if isinstance(data, bytes):
            written: bytes | None = data
            size = len(data)
        else:
            written, size = None, whole(data, "data", 0, 1 << 32)
        if size > self._size:
            raise ValueError(f"{size} bytes: a request has at most size={self._size}")
        if not self._free:
            raise RuntimeError("all requests are in flight: collect() some, or raise depth=")
        ticket = self._free.pop(0)
        at = self._slots + ticket * self._step
        self._vm.write(at, struct.pack("<IIQB", kind, 0, sector, 0xFF))
        if written is not None:
            self._vm.write(at + 0x1000, written)
        self._lengths[ticket] = size if written is None else 0
        chain = [(at, 16, 0), (at + 0x1000, size, WRITE * (written is None)), (at + 16, 1, WRITE)]
        if not size:
            del chain[1]
        head = PARTS * ticket
        table = b""
        for n, (addr, length, flags) in enumerate(chain, 1):
            more = n < len(chain)
            table += struct.pack("<QIHH", addr, length, flags | NEXT * more, (head + n) * more)
        self._vm.write(self._ring.desc + 16 * head, table)
        entry = self._ring.avail + 4 + 2 * (self._made % self._ring.num)
        self._vm.write(entry, struct.pack("<H", head))
        self._made += 1
        self._vm.write(self._ring.avail + 2, struct.pack("<H", self._made & 0xFFFF))
        self._kick.write()
        return ticket

    def collect(self) -> list[tuple[int, int, bytes]]:
        """Wait until at least one request is done. Returns ticket, status and bytes of each that
        is. TimeoutError: none is; ProtocolError: the back end has used what was not available."""
        end = time.monotonic() + self._timeout
        while not (found := self._done()):
            poll = select.poll()
            poll.register(self._call.fileno(), select.POLLIN)
            if not poll.poll(1000 * max(0.0, end - time.monotonic())):
                raise TimeoutError(
                    f"no request is done in {self._timeout} s; in flight: {len(self._lengths)}; "
                    f"connections: {self.connections}; the last one: {self._link.error or 'works'}"
                )
            self._call.read()
        return found

    def _done(self) -> list[tuple[int, int, bytes]]:
        found = []
        (index,) = struct.unpack("<H", self._vm.read(self._ring.used + 2, 2))
        while index != self._seen & 0xFFFF:
            at = self._ring.used + 4 + 8 * (self._seen % self._ring.num)
            (head,) = struct.unpack("<I", self._vm.read(at, 4))
            ticket, odd = divmod(head, PARTS)
            if odd or ticket not in self._lengths:
                raise ProtocolError(f"the back end has used head {head}, which is not available")
            size = self._lengths.pop(ticket)
            slot = self._slots + ticket * self._step
            status = self._vm.read(slot + 16, 1)[0]
            found.append((ticket, status, self._vm.read(slot + 0x1000, size)))
            self._free.append(ticket)
            self._seen += 1
        return found

    # -- its end -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End the connection. A second call does nothing."""
        self._link.close()
        self._kick.close()
        self._call.close()
        self._vm.close()

    def __enter__(self) -> "BlkDriver":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<BlkDriver, {len(self._lengths)} in flight>"
