"""BlkDriver: a guest's block driver in Python, to test vhost-user back ends without a guest."""

import os
import struct
from typing import ClassVar

from ..._core import whole
from ..blk import F_FLUSH, SECTOR, T_FLUSH, T_IN, T_OUT
from ..numbers import VERSION_1
from .blk import CONFIG_SIZE
from .messages import ProtocolError
from .numbers import Protocol
from .queues import Driver, Part
from .session import Session


class BlkDriver(Driver):
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

    parts: ClassVar[int] = 3  # header, data, status: some back ends want them apart

    def __init__(
        self,
        path: "str | os.PathLike[str]",
        *,
        timeout: float = 10.0,
        depth: int = 8,
        size: int = 65536,
    ) -> None:
        if whole(size, "size", SECTOR, 1 << 20) % SECTOR:
            raise ValueError(f"size={size}: give a multiple of {SECTOR}")
        super().__init__(path, 1, timeout, depth, size, self._accept)

    def _accept(self, session: Session) -> int:
        if not session.has(Protocol.CONFIG):
            raise ProtocolError("a vhost-user block device needs CONFIG and VERSION_1")
        self.config = session.config(CONFIG_SIZE)
        return VERSION_1 | F_FLUSH

    @property
    def sectors(self) -> int:
        """The size of the disk in sectors of 512 bytes."""
        return int.from_bytes(self.config[:8], "little")

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
        chain: list[Part] = [struct.pack("<IIQ", kind, 0, sector)]
        if size:
            chain.append(bytearray(size) if written is None else written)
        return self._submit(0, [*chain, bytearray(b"\xff")])  # no status yet

    def collect(self) -> list[tuple[int, int, bytes]]:
        """Wait until at least one request is done. Returns ticket, status and bytes of each that
        is. TimeoutError: none is; ProtocolError: the back end has used what was not available."""
        return [
            (ticket, buffers[-1][0], b"".join(buffers[:-1]))
            for ticket, _, buffers in self._collect(0)
        ]
