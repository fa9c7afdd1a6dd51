"""Disk images: hold sectors, and what the guest has written. Know no controllers."""

import errno
import os
from operator import index
from threading import RLock
from typing import TYPE_CHECKING
from weakref import WeakSet

from ..._core import shown, truth, whole
from ...errors import DiskError, StateError
from ...owned import Descriptor
from .bpb import OEM
from .geometry import MOST_SECTORS, Geometry, checked, physical_geometry
from .identify import PREFIX, Identity, Kind, Made, checked_kind, identify
from .magic import HEAD, TAIL
from .opening import open_image, read_at, size_of, write_at
from .overlay import Overlay
from .partitions import signed
from .saved import Base, SavedDisk, Stamp, stamp_of
from .sectors import SECTOR

if TYPE_CHECKING:
    from .fat import Volume
    from .hostdir import HostDirectory

Data = bytes | bytearray | memoryview
Source = str | os.PathLike[str] | Data | Made

#: Errors that are over when there is room again.
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


DELETE_ALONE = "delete is for a fat: disk with write_back=True: leave it out"

#: How many sectors are written from one fsync(2) to the next.
BATCH = 1 << 16

#: All disks. A forked child gives them new locks: the thread that held a lock is not in the child.
_disks: "WeakSet[Disk]" = WeakSet()


def _after_fork() -> None:
    for disk in _disks:
        disk._lock = RLock()


os.register_at_fork(after_in_child=_after_fork)


class Disk(Descriptor):
    """A floppy or hard disk: the path of an image, or its bytes.

    By default the file is never written. What the guest writes goes to an overlay in memory, which
    is dropped at the end. With `write_back=True`, `commit()` and `close()` write the overlay into
    the file. A disk that is dropped without `close()` writes nothing; its ResourceWarning says how
    many changed sectors were lost.

    A path names a regular file or a block device of up to 128 GiB. `identify()` decides whether it
    is a floppy or a hard disk, and which geometry it has; `reason` is why. `kind`, "floppy" or
    "hd", and `geometry`, (cylinders, heads, sectors per track) up to 1024, 256 and 63, the limits
    of INT 13h, decide it instead. The geometry of a hard disk is the translated one.

    Sectors after the end of the image read as zeros; with `write_back`, a write there makes the
    file longer. The image is read with pread(2) and written with pwrite(2), never mapped: so an
    image that became shorter after it was opened is a DiskError, not a SIGBUS.

    DiskError: the image cannot be a disk, a sector is outside the disk, or the disk is closed.
    TypeError: an argument is not a number, bytes or path as needed. OSError: the operating system
    refused. Any thread may call any method. A forked child must not commit a disk that its parent
    also commits.

    >>> with Disk(b"boot code") as disk:
    ...     disk.write(1, bytes(512))
    ...     disk.read(0, 1)[:9], disk.geometry, disk.reason
    (b'boot code', (80, 2, 18), '1.44M, the usual floppy for 9 bytes')
    """

    owns = "an open image"
    instead = "open it again, Disk(path)"

    # The values before __init__ has run.
    name = "image"
    kind: Kind = "floppy"
    geometry: Geometry = (0, 0, 0)
    reason = ""
    _count = 0
    _host: "HostDirectory | None" = None
    _open = False
    #: True: the disk is write-protected for the guest. It may be set at any time.
    readonly = False

    def __init__(
        self,
        source: Source,
        *,
        write_back: bool = False,
        geometry: Geometry | None = None,
        kind: Kind | None = None,
        delete: bool = False,
    ) -> None:
        if self._open:
            raise RuntimeError(f"this Disk has {self.name} open: make another one")
        if geometry is not None:
            checked(geometry)
        kind = checked_kind(kind)
        self.write_back = truth(write_back, "write_back")
        self._delete = truth(delete, "delete")
        self._lock = RLock()
        _disks.add(self)
        self._overlay = Overlay()
        self._base = Base()
        self._halves: set[int] = set()  # of these the image has only a part
        self._data = b""
        of_directory = isinstance(source, Made) or (
            isinstance(source, str) and source.startswith(PREFIX)
        )
        if self._delete and not (of_directory and self.write_back):
            raise DiskError(DELETE_ALONE)
        if isinstance(source, str) and of_directory:
            from .fatdisk import directory_image, directory_of

            source = directory_image(directory_of(source), kind, None, geometry)
        made = None
        if isinstance(source, Made):
            self._fd, self._host, made = source
            self.name = PREFIX + source.host.path
        elif isinstance(source, (bytes, bytearray, memoryview)):
            if self.write_back:
                raise DiskError("image given as bytes: nothing to write back to, give a path")
            self._data = bytes(source)
            self.size = len(self._data)
        elif isinstance(source, (str, os.PathLike)):
            self.name = os.fsdecode(source)
            self._fd = open_image(self.name, os.O_RDWR if self.write_back else os.O_RDONLY)
        else:
            raise TypeError(
                f"a Disk is made of a path or the bytes of an image, not of {type(source).__name__}"
            )
        try:
            if self._fd >= 0:
                self.size = size_of(self._fd, self.name)
            found = made or self._identify(geometry, kind)
            self.kind, self.geometry, self.reason = found
        except BaseException:
            self._release()
            raise
        cylinders, heads, sectors = self.geometry
        self._count = cylinders * heads * sectors
        if self.kind == "hd":
            whole_image = -(-self.size // SECTOR)
            self._count = whole_image if geometry is None else max(self._count, whole_image)
        self._open = True
        if self._host is not None:
            try:
                self._host.tell()
            except BaseException:  # a warning that is an error
                self.close(discard=True)
                raise

    @classmethod
    def from_directory(
        cls,
        directory: str | os.PathLike[str],
        *,
        kind: Kind | None = None,
        size: int | None = None,
        geometry: Geometry | None = None,
        write_back: bool = False,
        delete: bool = False,
    ) -> "Disk":
        """A FAT disk with the files of a directory of the host; "fat:DIR" as a path is the same.

        `kind` is "floppy", "hd" or None: a 1.44M floppy if the files fit, else a hard disk. `size`
        is in bytes; by default a floppy has 1.44M or 2.88M, a hard disk 32 MiB to 2 GiB and twice
        the room that the files need. Times are those of the files in UTC, and the volume has the
        same number always: equal files make equal disks. Links and devices are left out.

        With `write_back`, `commit()` and `close()` bring changed files back to the directory; a
        `flush()` of the guest does not. A file that was changed on the host since is left alone.
        With `delete`, files that are gone from the disk are deleted. What is left out or left
        alone is a DiskWarning and one of `notes`.

        DiskError: the files do not fit, have names that are not 8.3, or the file system that is to
        be written back is damaged. OSError: the operating system refused.
        """
        from .fatdisk import directory_image

        if truth(delete, "delete") and not truth(write_back, "write_back"):
            raise DiskError(DELETE_ALONE)
        truth(write_back, "write_back")
        if size is not None:
            size = whole(size, "size", 1, MOST_SECTORS * SECTOR)
        made = directory_image(os.fsdecode(directory), checked_kind(kind), size, geometry)
        return cls(made, write_back=write_back, delete=delete)

    @property
    def notes(self) -> tuple[str, ...]:
        """What of a directory was left out, or not written back: one sentence each."""
        return () if self._host is None else tuple(self._host.notes)

    def files(self) -> list[str]:
        """The paths of the files on a FAT disk, sorted, such as "SUB/A.TXT", with what the guest
        has written. DiskError: there is no FAT file system, or it is damaged."""
        with self._lock:
            return self._volume().files()

    def read_file(self, name: str) -> bytes:
        """The contents of a file on a FAT disk, by its path. DiskError: there is none."""
        with self._lock:
            return self._volume().read(name)

    def write_file(self, name: str, data: Data) -> None:
        """Make a file on a FAT disk or replace it, in the overlay. Missing directories are made.

        For a disk that no guest is using: a guest keeps parts of the file system in its memory.
        DiskError: it does not fit, or its name is no 8.3 name; then nothing has changed.
        """
        contents = bytes_of(data)
        with self._lock:
            if self.readonly:
                raise DiskError(f"{self.name} is readonly: set readonly = False first")
            self._volume().write(name, contents)

    def _volume(self) -> "Volume":
        from .fat import Volume

        return Volume(self)

    def _identify(self, geometry: object, kind: Kind | None) -> Identity:
        def part(at: int, length: int) -> bytes:
            if self._fd < 0:
                return self._data[at : at + length]
            return read_at(self._fd, at, length)

        head, tail = part(0, HEAD), part(max(0, self.size - TAIL), TAIL)
        return identify(head, self.size, name=self.name, geometry=geometry, hint=kind, tail=tail)

    @property
    def count(self) -> int:
        """How many sectors there are. Those after the end of the image read as zeros.

        A floppy has those of its geometry. A hard disk has all sectors of its image, and at least
        those of a geometry that was given.
        """
        return self._count

    @property
    def physical_geometry(self) -> Geometry:
        """The geometry of an ATA drive with this disk, at most (16383, 16, 63)."""
        return physical_geometry(self._count, self.geometry)

    @property
    def boot_problem(self) -> str | None:
        """Why the first sector boots nothing, as text for a message; None: it may boot.

        A BIOS starts a floppy without 55AAh too, a hard disk only with it. Errors as for `read`.
        """
        first = self.read(0)
        if not any(first):
            return "its first sector is all zeros"
        if self.kind == "hd" and not signed(first):
            return "its first sector does not end in 55AAh"
        if first[3:11] == OEM:
            return "it was made of a directory and has no system"
        return None

    #: Another name of `count`.
    sectors = count

    @property
    def changed(self) -> int:
        """How many sectors were written by the guest and are not known to be safe in the image."""
        return len(self._overlay) if self._open else 0

    def read(self, lba: int, n: int = 1) -> bytes:
        """`n` sectors from `lba` on, 512 bytes each. Errors as in the class."""
        self._need_open()
        lba, n = self._inside(lba, n)
        with self._lock:
            self._need_open()  # while the lock is held, it cannot be closed
            return self._overlay.read(lba, n, self._image)

    def write(self, lba: int, data: Data) -> None:
        """Store whole sectors from `lba` on, in the overlay. `data`: any bytes-like object.

        Errors as in the class.
        """
        self._need_open()
        whole_data = bytes_of(data)
        n, rest = divmod(len(whole_data), SECTOR)
        if rest:
            raise DiskError(f"write of {len(whole_data)} bytes: write whole 512-byte sectors")
        lba, n = self._inside(lba, n)
        with self._lock:
            self._need_open()
            for i in range(n):
                self._overlay.put(lba + i, whole_data[i * SECTOR : (i + 1) * SECTOR])

    def flush(self) -> None:
        """Commit if `write_back` was given. Otherwise do nothing: changes stay in the overlay.

        A disk of a directory does nothing: a guest that flushes may be in the middle of a change.
        """
        self._need_open()
        if self.write_back and self._host is None:
            self.commit()

    def commit(self) -> None:
        """Write the overlay into the image file, lowest sector first, then call fsync(2).

        Each sector is written whole, or the image keeps the old one: a write that ends early is
        repeated, and undone if the rest cannot be written. A sector leaves the overlay only after
        both the write and fsync(2) have succeeded.

        DiskError: the disk was opened without `write_back=True`. OSError: some sectors could not be
        written. They stay in the overlay, and the message says how many. Call `commit()` or
        `close()` again, or `close(discard=True)`.

        If the process is killed during a commit, the lower sectors are new and the others old. If
        power is lost, each sector is old or new, in any order, provided that the device writes 512
        bytes whole. After `commit()` has returned, all are new.
        """
        with self._lock:
            self._need_open()
            if not self.write_back:
                raise DiskError(
                    f"{self.name} was opened without write_back=True: nothing to commit to"
                )
            if not self._overlay:
                return
            if self._host is not None:
                self._host.save(self._volume(), delete=self._delete)
                self._host.tell()
            self._check_length()
            failure: tuple[str, OSError] | None = None
            self._base.commits += 1
            safe, first = 0, 0
            while lbas := self._overlay.next_after(first, BATCH):
                done, failed = self._commit(lbas)
                safe, failure = safe + done, failure or failed
                if failed and not done:
                    break
                first = lbas[-1] + 1
            if failure is not None:
                raise self._unfinished(safe, *failure) from failure[1]

    def _commit(self, lbas: list[int]) -> tuple[int, tuple[str, OSError] | None]:
        """Write these sectors and fsync(2). How many are safe now, and the first failure."""
        failure: tuple[str, OSError] | None = None
        written: list[int] = []
        overlay, overlay.touched = self._overlay, set[int]()
        try:
            for lba in lbas:
                data = overlay.get(lba)
                assert data is not None
                try:
                    self._store(lba, data)
                except OSError as error:  # continue: the other sectors can still be saved
                    failure = failure or (f"sector {lba} cannot be written", error)
                else:
                    written.append(lba)
            try:
                if written:
                    os.fsync(self._fd)
            except OSError as error:  # any of the written sectors may be lost
                return 0, ("the device does not take the changes", error)
            for lba in written:
                if lba not in overlay.touched:  # else a signal handler has written it again
                    overlay.drop(lba)
        finally:
            overlay.touched = None
        return len(written), failure

    def _unfinished(self, safe: int, what: str, cause: OSError) -> OSError:
        """The error of a commit that could not write all sectors."""
        again = " after making room" if cause.errno in NO_ROOM else ""
        text = (
            f"{what} ({cause.strerror}): {safe} of {safe + self.changed} changed sectors are safe "
            f"in the image, {self.changed} remain in memory; call commit() again{again}, "
            "or close(discard=True) to give them up"
        )
        if self._halves:
            halves = ", ".join(map(str, sorted(self._halves)))
            text += f"; until then the image has only a part of sector {halves}"
        return OSError(cause.errno, text, self.name)

    # -- saved states ------------------------------------------------------------------------------

    def save(self) -> SavedDisk:
        """What the disk is now: which image, and the sectors that were written over it. The image
        is not read. Errors as for `read`."""
        with self._lock:
            self._need_open()
            base = self._base
            return SavedDisk(
                self,
                base,
                base.commits,
                stamp_of(self._fd),
                self.size,
                b"",
                bool(self.readonly),
                self._overlay.keep(),
            )

    def restore(self, saved: SavedDisk) -> None:
        """Have the sectors that a disk with the same image had. `refusal` says why not."""
        with self._lock:
            self._need_open()
            if (why := self.refusal(saved)) is not None:
                raise StateError(why)
            self._overlay.restore(saved.written)
            self.readonly = saved.readonly

    def refusal(self, saved: SavedDisk) -> str | None:
        """Why the disk cannot become as saved; None: it can. It may read all of the image."""
        if not self._open:
            return f"{self.name} is closed: open the image again"
        if saved.base is self._base:
            if saved.commits == self._base.commits:
                return None
            return f"{self.name} was written after the state was saved, which is of the old image"
        if saved.size == self.size and saved.digest() == self.digest():
            return None
        theirs = saved.digest().hex() if saved.size == self.size else "any"
        return (
            f"the state is of another image, {saved.size} bytes with SHA-256 {theirs}, than "
            f"{self.name}, {self.size} bytes: give the image that it was saved with"
        )

    def digest(self, stamp: Stamp | None = None) -> bytes:
        """The SHA-256 of the image, without what was written over it. StateError: the file is not
        as when it had this `stamp`, or became shorter. Other errors as for `read`."""
        with self._lock:
            self._need_open()
            if stamp is not None and stamp != stamp_of(self._fd):
                raise StateError(f"{self.name} was changed by something else after it was saved")
            return self._base.digest(self._fd, self._data, self.size)

    @property
    def version(self) -> tuple[int, bool]:
        """What differs after each change of the disk: to see cheaply that nothing has changed."""
        return self._overlay.version, bool(self.readonly)

    def image(self) -> bytes:
        """The bytes of the image, without what was written over it. Errors as for `read`."""
        with self._lock:
            self._need_open()
            return self._image(0, -(-self.size // SECTOR))[: self.size]

    def fork(self) -> "Disk":
        """A disk with the same image and an overlay of its own, with the same sectors at first. It
        is never written back. StateError: this disk is to be written back, so its image may change
        at any time. Errors as for `read`."""
        with self._lock:
            self._need_open()
            if self.write_back:
                raise StateError(
                    f"{self.name} was opened with write_back=True, which changes its image: "
                    "open it without, to fork the machine"
                )
            twin = Disk.__new__(Disk)
            for name in ("name", "kind", "geometry", "reason", "_count", "size", "_data", "_base"):
                setattr(twin, name, getattr(self, name))
            twin.write_back = twin._delete = False
            twin.readonly = self.readonly
            twin._halves = set()
            twin._lock = RLock()
            _disks.add(twin)
            twin._overlay = Overlay()
            twin._overlay.restore(self._overlay.keep())
            if self._fd >= 0:
                twin._fd = os.dup(self._fd)
            twin._open = True
            return twin

    def close(self, *, discard: bool = False) -> None:
        """Commit if `write_back` was given, then close the file. A second call does nothing.

        OSError: the commit failed, and the disk stays open with the sectors that were not written.
        Make room and call `close()` again, or give up those sectors with `close(discard=True)`.
        """
        discard = truth(discard, "discard")
        if not self._open and self._fd < 0:
            return
        with self._lock:
            if self._open and self.write_back and not discard:
                self.commit()
            self._open = False
            self._overlay.clear()
            self._data = b""
            self._release()

    def _release(self) -> None:
        super()._release()
        if self._host is not None:
            self._host.close()

    def _need_open(self) -> None:
        if not self._open:
            raise DiskError(f"{self.name} is closed: open it again, Disk(path)")

    def _inside(self, lba: int, n: int) -> tuple[int, int]:
        """`lba` and `n` as exact integers. DiskError: a sector is outside the disk."""
        count = self.count
        try:
            n = whole(n, "n", 0, count)
            return whole(lba, "lba", 0, count - n), n
        except ValueError:
            first, last = index(lba), index(lba) + index(n) - 1
        raise DiskError(
            f"sectors {shown(first, 'd')}-{shown(last, 'd')} are not all on {self.name}: "
            f"it has {count} sectors, numbered from 0"
        ) from None

    def _length(self) -> int:
        """The size of the image in bytes now. fstat(2) does not give that of a block device."""
        return os.lseek(self._fd, 0, os.SEEK_END)

    def _check_length(self) -> None:
        now = self._length()
        if now < self.size:
            raise DiskError(
                f"{self.name} had {self.size} bytes when it was opened or last committed, it has "
                f"{now} now: something else has shortened it; restore it, or open it again"
            )

    def _image(self, lba: int, n: int) -> bytes:
        start, length = lba * SECTOR, n * SECTOR
        if self._fd < 0:
            return self._data[start : start + length].ljust(length, b"\0")
        wanted = max(0, min(length, self.size - start))
        data = read_at(self._fd, start, wanted)
        if len(data) < wanted:
            self._check_length()
            raise OSError(
                errno.EIO, f"sector {lba + len(data) // SECTOR} cannot be read", self.name
            )
        return data.ljust(length, b"\0")

    def _store(self, lba: int, data: bytes) -> None:
        """Write one sector into the image: all of it, or restore the old one and raise OSError."""
        start, done = lba * SECTOR, 0
        end, before = self._length(), read_at(self._fd, start, SECTOR)
        try:
            while done < SECTOR:
                done += write_at(self._fd, start + done, data[done:])
        except OSError:
            if done and not self._undo(start, before[:done], end):
                self._halves.add(lba)
            raise
        self._halves.discard(lba)
        self.size = max(self.size, start + SECTOR)

    def _undo(self, start: int, before: bytes, end: int) -> bool:
        """Restore a sector that was written in part; the image was `end` bytes long."""
        try:
            done = 0
            while done < len(before):
                done += write_at(self._fd, start + done, before[done:])
            if end < start + SECTOR:
                os.ftruncate(self._fd, end)
        except OSError:
            return False
        return True

    def _forgotten(self) -> str:
        lost = f"; changed sectors lost: {self.changed}" if self.write_back and self.changed else ""
        return super()._forgotten() + lost

    def __enter__(self) -> "Disk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        if not self._open:
            return f"<Disk {self.name} closed>"
        c, h, s = self.geometry
        return f"<Disk {self.name} {c}x{h}x{s}, {self.changed} sectors changed>"


def bytes_of(data: object) -> bytes:
    """A bytes-like object as bytes. TypeError: it is none."""
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"a disk is written with bytes, not {type(data).__name__}") from None
