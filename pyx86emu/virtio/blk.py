"""VirtioBlk: a block device over a disk. Knows requests, no ring and no register. Virtio 1.2, 5.2.

The disk is anything with sectors (`pc.disks.sectors.Sectors`); a `Disk` keeps what is written in
an overlay, so an image file is never written unless its owner asks for that.
"""

import struct
from typing import TYPE_CHECKING, Any

from .._core import whole
from ..errors import DiskError, StateError
from .device import Request, Served, Values, VirtioDevice
from .numbers import ID_BLOCK

if TYPE_CHECKING:
    from ..pc.disks.image import Source
    from ..pc.disks.sectors import Sectors

SECTOR = 512
#: Features (5.2.3), as masks.
F_SEG_MAX = 1 << 2
F_GEOMETRY = 1 << 4
F_RO = 1 << 5
F_BLK_SIZE = 1 << 6
F_FLUSH = 1 << 9
F_MQ = 1 << 12
F_DISCARD = 1 << 13
F_WRITE_ZEROES = 1 << 14

#: Request types (5.2.6).
T_IN, T_OUT, T_FLUSH, T_GET_ID, T_DISCARD, T_WRITE_ZEROES = 0, 1, 4, 8, 11, 13
#: The status byte of a request.
OK, IOERR, UNSUPP = b"\0", b"\1", b"\2"

ID_BYTES = 20
#: Of a discard or a write of zeroes, in sectors: 128 KiB, so that many of them do not take long.
#: Each has one segment.
MOST_ZEROES = 256
#: The longest read: a driver that asks for more gets IOERR.
MOST_BYTES = 1 << 24

_header = struct.Struct("<IIQ").unpack_from
_segment = struct.Struct("<QII").unpack


class VirtioBlk(VirtioDevice):
    """A virtio block device: `m.attach(VirtioBlk(Disk("disk.img")))`.

    `disk` has sectors of 512 bytes: a `Disk`, or an object with `count`, `readonly`, `read`,
    `write` and `flush`. A path or bytes are opened as a `Disk`, which `close()` closes. `serial` is
    what the driver reads as the ID, at most 20 bytes. `queues` is the number of request queues,
    `queue_size` the most descriptors of each. `served` as for every virtio device.

    `errors` counts the requests that the host could not do, `last_error` is the last reason: the
    driver sees the status IOERR.

    ValueError: a serial that is too long, a number out of range; TypeError: no disk; DiskError,
    OSError: it cannot be opened.
    """

    device_id = ID_BLOCK
    name = "virtio-blk"

    def __init__(
        self,
        disk: "Sectors | Source",
        *,
        serial: str = "",
        queues: int = 1,
        queue_size: int = 256,
        served: Served = "vcpu",
    ) -> None:
        whole(queues, "queues", 1, 64)
        if whole(queue_size, "queue_size", 4, 1 << 15) & (queue_size - 1):
            raise ValueError(
                f"queue_size is {queue_size}: a queue has a power of two of descriptors"
            )
        self._serial = serial.encode()
        if len(self._serial) > ID_BYTES:
            raise ValueError(f"the serial {serial!r} has more than {ID_BYTES} bytes: shorten it")
        self._opened = False
        if not all(hasattr(disk, each) for each in ("count", "readonly", "read", "write", "flush")):
            from ..pc.disks.image import Disk

            disk = Disk(disk, kind="hd")  # type: ignore[arg-type]
            self._opened = True
        self.disk: Sectors = disk  # type: ignore[assignment]
        self.queue_sizes = (queue_size,) * queues
        super().__init__(served=served)
        self.errors = 0
        self.last_error: BaseException | None = None
        self.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_DISCARD | F_WRITE_ZEROES
        if queues > 1:
            self.features |= F_MQ
        if self.disk.readonly:
            self.features = self.features & ~(F_DISCARD | F_WRITE_ZEROES) | F_RO
        if self._geometry is not None:
            self.features |= F_GEOMETRY

    @property
    def _geometry(self) -> tuple[int, int, int] | None:
        found = getattr(self.disk, "physical_geometry", None)
        return None if found is None or found[0] > 0xFFFF else tuple(found)

    @property
    def config(self) -> bytes:
        """struct virtio_blk_config (5.2.4)."""
        zeroes = 0 if self.disk.readonly else MOST_ZEROES
        segments = 0 if self.disk.readonly else 1
        return struct.pack(
            "<QII HBB I BBHI BBH III II B3x",
            *(self.disk.count, 0, self.queue_sizes[0] - 2),
            *(self._geometry or (0, 0, 0)),
            *(SECTOR, 0, 0, 1, 1, 1, 0, len(self.queue_sizes)),
            *(zeroes, segments, 1, zeroes, segments, 0),
        )

    # -- requests ----------------------------------------------------------------------------------

    def kicked(self, index: int) -> None:
        """Serve what is in a queue."""
        for batch in self.requests(index):
            self.done(index, [self._serve(index, request) for request in batch])

    def _serve(self, index: int, request: Request) -> tuple[int, bytes, bytes]:
        head, readable, writable = request
        if len(readable) < 16 or not writable:
            queue = self.queues[index]
            assert queue is not None
            queue.stop(f"request {head} has no header of 16 bytes, or no byte for its status")
            return head, b"", b""
        kind, _, sector = _header(readable)
        try:
            if kind == T_IN:
                return self._read(head, sector, writable - 1)
            return head, *self._other(kind, sector, readable, writable - 1)
        except (OSError, DiskError) as error:
            self.errors += 1
            self.last_error = error
            return head, b"", IOERR

    def _read(self, head: int, sector: int, n: int) -> tuple[int, bytes, bytes]:
        if n % SECTOR or n > MOST_BYTES or sector + n // SECTOR > self.disk.count:
            return head, b"", IOERR
        return head, self.disk.read(sector, n // SECTOR) if n else b"", OK

    def _other(self, kind: int, sector: int, data: bytes, room: int) -> tuple[bytes, bytes]:
        """What it writes, and the status."""
        if kind == T_OUT:
            return b"", self._write(sector, data[16:])
        if kind == T_FLUSH:
            self.disk.flush()
            return b"", OK
        if kind == T_GET_ID:
            return self._serial.ljust(ID_BYTES, b"\0")[:room], OK
        if kind in (T_DISCARD, T_WRITE_ZEROES) and not self.disk.readonly:
            return b"", self._zeroes(kind, data[16:])
        return b"", IOERR if kind in (T_DISCARD, T_WRITE_ZEROES) else UNSUPP

    def _write(self, sector: int, data: bytes) -> bytes:
        n, rest = divmod(len(data), SECTOR)
        if rest or sector + n > self.disk.count or self.disk.readonly:
            return IOERR
        if n:
            self.disk.write(sector, data)
        return OK

    def _zeroes(self, kind: int, data: bytes) -> bytes:
        """A discard stores zeroes as well: what is read afterwards is the same in every run."""
        if len(data) != 16:
            return IOERR
        first, n, flags = _segment(data)
        allowed = 1 if kind == T_WRITE_ZEROES else 0  # UNMAP; of a discard it must be 0
        if flags & ~allowed:
            return UNSUPP
        if n > MOST_ZEROES or first + n > self.disk.count:
            return IOERR
        if n:
            self.disk.write(first, bytes(SECTOR * n))
        return OK

    # -- saved states ------------------------------------------------------------------------------

    def state(self) -> Values:
        """The device, and what was written over its image. StateError: the disk is no `Disk`."""
        save: Any = getattr(self.disk, "save", None)
        if save is None:
            raise StateError(
                f"the disk of '{self.name}' cannot be saved, it is a {type(self.disk).__name__}: "
                "use a Disk"
            )
        return {**super().state(), "disk": save().plain()}

    def load(self, values: Values) -> None:
        """Become what `state()` returned. StateError: it is of another image."""
        from ..pc.disks.image import Disk
        from ..pc.disks.saved import from_values

        disk = self.disk
        if not isinstance(disk, Disk):
            raise StateError(f"the disk of '{self.name}' is no Disk: it cannot be restored")
        saved = from_values(values.get("disk"), disk.count)
        if (why := disk.refusal(saved)) is not None:
            raise StateError(f"{self.name}: {why}")
        super().load(values)
        disk.restore(saved)

    def close(self) -> None:
        """Close the disk, if it was opened here."""
        if self._opened:
            self.disk.close()  # type: ignore[attr-defined]
