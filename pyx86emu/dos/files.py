"""Files of the host: open, list and change what is below one directory. Follow no link.

All that the host knows about files comes to DOS through `Root` and `HostFile`, so that a recorder
has one place to look at. The directory is opened once; everything below it is reached from its
descriptor, one name at a time and never through a link (openat(2), O_NOFOLLOW). Only regular files
and directories exist.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol

from ..errors import DiskError
from ..owned import Descriptor
from ..pc.disks.fatnames import why_not
from ..pc.disks.hostdir import MOST_FILES, OPEN_DIRECTORY, dos_time
from .codes import (
    ACCESS_DENIED,
    DISK_FULL,
    FILE_EXISTS,
    FILE_NOT_FOUND,
    INVALID_DRIVE,
    PATH_NOT_FOUND,
    DosError,
    of_host,
)
from .names import aliases

READ_ONLY, HIDDEN, SYSTEM, LABEL, DIRECTORY, ARCHIVE = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
#: Bytes by which a program can make files larger, and files that it can create, by default.
WRITE_LIMIT, MOST_CREATED = 1 << 30, 1 << 16
#: A file of DOS is smaller than this.
LARGEST = (1 << 32) - 1

Path = tuple[str, ...]
"""8.3 names from the root directory on."""


class Entry(NamedTuple):
    """What a directory says of a file: 8.3 name, attributes, date << 16 | time, size."""

    name: str
    attributes: int
    stamp: int
    size: int


class File(Protocol):
    """An open file."""

    def size(self) -> int: ...

    def stamp(self) -> int: ...

    def read(self, at: int, size: int) -> bytes: ...

    def write(self, at: int, data: bytes) -> int: ...

    def truncate(self, size: int) -> None: ...

    def set_stamp(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class MemoryFile:
    """The program itself, where the directory does not have it. Read only."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def size(self) -> int:
        """Bytes in it."""
        return len(self._data)

    def stamp(self) -> int:
        """The first of January 1980."""
        return dos_time(0)

    def read(self, at: int, size: int) -> bytes:
        """At most `size` bytes from `at`."""
        return self._data[at : at + size]

    def write(self, at: int, data: bytes) -> int:
        """It cannot be written."""
        raise DosError(ACCESS_DENIED)

    def truncate(self, size: int) -> None:
        """It cannot be written."""
        raise DosError(ACCESS_DENIED)

    def set_stamp(self, seconds: float) -> None:
        """It has no date to be set."""

    def close(self) -> None:
        """Nothing is open."""


class HostFile(Descriptor):
    """A regular file of the host. DosError: what the host refuses."""

    owns = "an open file"
    instead = "open it again"

    def __init__(self, fd: int, root: "Root") -> None:
        self._fd = fd
        self._root = root

    def size(self) -> int:
        """Bytes in it now, at most what DOS can count."""
        return min(os.fstat(self._fd).st_size, LARGEST)

    def stamp(self) -> int:
        """When it was written, as date << 16 | time."""
        return dos_time(os.fstat(self._fd).st_mtime)

    def read(self, at: int, size: int) -> bytes:
        """At most `size` bytes from `at`."""
        with _host():
            return os.pread(self._fd, size, at)

    def write(self, at: int, data: bytes) -> int:
        """Write `data` at `at`; the result says how many bytes there was room for."""
        done = max(0, min(len(data), self._root.room_for(self.size(), at + len(data)) - at))
        if not done:
            return 0
        self._root.take_room(self.size(), at + done)
        try:
            with _host():
                return os.pwrite(self._fd, data[:done], at)
        except DosError as error:
            if error.code == DISK_FULL:
                return 0
            raise

    def truncate(self, size: int) -> None:
        """Make it as long as `size`."""
        if self._root.room_for(self.size(), size) < size:
            raise DosError(DISK_FULL)
        self._root.take_room(self.size(), size)
        with _host():
            os.ftruncate(self._fd, size)

    def set_stamp(self, seconds: float) -> None:
        """Set when it was written. DosError: it may not be changed."""
        self._root.may_change()
        with _host():
            if os.fstat(self._fd).st_nlink > 1:
                raise DosError(ACCESS_DENIED)
            os.utime(self._fd, (seconds, seconds))

    def close(self) -> None:
        """Close the descriptor. A second call does nothing."""
        self._release()

    def __repr__(self) -> str:
        return f"<HostFile {self._fd}>"


class Root(Descriptor):
    """Drive C: a directory of the host, or nothing but `programs`, which are read-only files in the
    root directory, unless the host has files of these names. `write`: files may be changed.

    OSError: the directory cannot be opened. DiskError: it is no directory.
    """

    owns = "an open directory"
    instead = "open it again"

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        programs: Mapping[str, bytes],
        write: bool,
        write_limit: int = WRITE_LIMIT,
    ) -> None:
        self.room = write_limit
        self.created = 0
        #: The names of the directory that was listed last, for who lists it again.
        self._listed: tuple[tuple[int, ...], dict[str, str]] = ((), {})
        self.path = None if path is None else os.fspath(path)
        self.programs = dict(programs)
        self.writable = write and path is not None
        if self.path is not None:
            try:
                self._fd = os.open(self.path, OPEN_DIRECTORY)
            except NotADirectoryError:
                raise DiskError(f"root: {self.path} is no directory: give one") from None

    def close(self) -> None:
        """Close the directory. A second call does nothing."""
        self._release()

    def __repr__(self) -> str:
        return f"<Root {self.path or 'without a directory'}>"

    def room_for(self, now: int, size: int) -> int:
        """How large a file of `now` bytes can become, `size` at most."""
        size = min(size, LARGEST)
        return size if size <= now else now + min(size - now, self.room)

    def take_room(self, now: int, size: int) -> None:
        """A file of `now` bytes grows to `size`, for which there is room."""
        self.room -= max(0, size - now)

    # -- where things are ------------------------------------------------------------------------

    @contextmanager
    def _directory(self, path: Path) -> Iterator[int]:
        """A descriptor of a directory. DosError: there is none."""
        fd = -1
        try:
            if self._fd < 0:
                raise DosError(PATH_NOT_FOUND if path else FILE_NOT_FOUND)
            with _host():
                fd = os.open(".", OPEN_DIRECTORY, dir_fd=self._fd)
            for name in path:
                host = self._names(fd).get(name)
                if host is None:
                    raise DosError(PATH_NOT_FOUND)
                try:
                    inner = os.open(host, OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
                except OSError:
                    raise DosError(PATH_NOT_FOUND) from None
                os.close(fd)
                fd = inner
            yield fd
        finally:
            if fd >= 0:
                os.close(fd)

    def _names(self, fd: int) -> dict[str, str]:
        """8.3 name -> host name of the regular files and directories, MOST_FILES at most."""
        found: list[str] = []
        with _host(), os.scandir(fd) as entries:
            for entry in entries:
                with suppress(OSError):
                    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False):
                        found.append(entry.name)
                if len(found) == MOST_FILES:
                    break
        return aliases(found)

    def _same_names(self, fd: int) -> dict[str, str]:
        """The same, from the last time if the directory has not changed: a search looks at each
        name."""
        status = os.fstat(fd)
        key = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
        if self._listed[0] != key:
            self._listed = (key, self._names(fd))
        return self._listed[1]

    @contextmanager
    def _place(
        self, path: Path, *, there: bool = True, again: bool = False
    ) -> Iterator[tuple[int, str]]:
        """The directory of a path, and the name on the host. DosError: there is none; without
        `there` it is a new name then. `again`: the names of the last search will do."""
        if not path:
            raise DosError(ACCESS_DENIED)
        with self._directory(path[:-1]) as fd:
            host = (self._same_names(fd) if again else self._names(fd)).get(path[-1])
            if host is None and there:
                raise DosError(FILE_NOT_FOUND)
            if host is None and why_not(path[-1]) is not None:
                raise DosError(PATH_NOT_FOUND)
            yield fd, host or path[-1]

    def is_directory(self, path: Path) -> bool:
        """Is there a directory?"""
        if not path:
            return True
        try:
            with self._directory(path):
                return True
        except DosError:
            return False

    def entries(self, path: Path) -> list[str]:
        """The 8.3 names in a directory. DosError: there is none."""
        own = [] if path else list(self.programs)
        if self._fd < 0 and not path:
            return own
        with self._directory(path) as fd:
            return sorted({*self._names(fd), *own})

    def entry(self, path: Path, *, again: bool = False) -> Entry:
        """What the directory says of a file. DosError: there is none. `again`: as in `_place`."""
        try:
            with self._place(path, again=again) as (fd, host):
                try:
                    status = os.stat(host, dir_fd=fd, follow_symlinks=False)
                except OSError:
                    raise DosError(FILE_NOT_FOUND) from None
                return _entry(path[-1], status)
        except DosError as error:
            if error.code == FILE_NOT_FOUND and (data := self._program(path)) is not None:
                return Entry(path[-1], READ_ONLY, dos_time(0), len(data))
            raise

    def _program(self, path: Path) -> bytes | None:
        return self.programs.get(path[0]) if len(path) == 1 else None

    # -- open files ------------------------------------------------------------------------------

    def open(self, path: Path, *, write: bool) -> File:
        """Open a file that is there. DosError: it is not, is no regular file, or may not be
        written."""
        try:
            with self._place(path) as (fd, host):
                return self._open(fd, host, os.O_RDWR if write else os.O_RDONLY)
        except DosError as error:
            if error.code == FILE_NOT_FOUND and (data := self._program(path)) is not None:
                if write:
                    raise DosError(ACCESS_DENIED) from None
                return MemoryFile(data)
            raise

    def _open(self, fd: int, host: str, flags: int) -> HostFile:
        if flags & os.O_RDWR and not self.writable:
            raise DosError(ACCESS_DENIED)
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with _host():
            opened = os.open(host, flags, 0o666, dir_fd=fd)
        status = os.fstat(opened)
        # A second name of a file may be outside of the directory. Root may write any file.
        changes, old = flags & os.O_RDWR, not flags & os.O_CREAT
        refused = status.st_nlink > 1 or (old and not status.st_mode & stat.S_IWUSR)
        if not stat.S_ISREG(status.st_mode) or (changes and refused):
            os.close(opened)
            raise DosError(ACCESS_DENIED)
        return HostFile(opened, self)

    def create(self, path: Path, *, new: bool) -> File:
        """Create a file, or make it empty if it is there and not `new`. DosError: it cannot be."""
        self.may_change()
        with self._place(path, there=False) as (fd, host):
            try:
                found = self._open(fd, host, os.O_RDWR)
            except DosError as error:
                if error.code != FILE_NOT_FOUND:
                    raise
                self._count()
                return self._open(fd, host, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                if new:
                    raise DosError(FILE_EXISTS)
                found.truncate(0)
            except BaseException:
                found.close()
                raise
            return found

    def may_change(self) -> None:
        """DosError: files may not be changed."""
        if not self.writable:
            raise DosError(ACCESS_DENIED)

    def _count(self) -> None:
        if self.created >= MOST_CREATED:
            raise DosError(DISK_FULL)
        self.created += 1

    # -- changes ---------------------------------------------------------------------------------

    def make_directory(self, path: Path) -> None:
        """Make a directory. DosError: it is there, or cannot be made."""
        self.may_change()
        with self._place(path, there=False) as (fd, host):
            self._count()
            try:
                os.mkdir(host, dir_fd=fd)
            except FileExistsError:
                raise DosError(ACCESS_DENIED) from None
            except OSError as error:
                raise of_host(error) from None

    def remove_directory(self, path: Path) -> None:
        """Remove an empty directory. DosError: it is not there, or not empty."""
        self.may_change()
        if not self.is_directory(path):
            raise DosError(PATH_NOT_FOUND)
        with self._place(path) as (fd, host), _host():
            os.rmdir(host, dir_fd=fd)

    def delete(self, path: Path) -> None:
        """Delete a file. DosError: it is not there, or no file."""
        entry = self.entry(path)
        self.may_change()
        if entry.attributes & (READ_ONLY | DIRECTORY):
            raise DosError(ACCESS_DENIED)
        with self._place(path) as (fd, host), _host():
            os.unlink(host, dir_fd=fd)

    def rename(self, old: Path, new: Path) -> None:
        """Give a file another name or directory. DosError: there is one of this name."""
        self.entry(old)
        self.may_change()
        with self._place(old) as (fd, host), self._place(new, there=False) as (to, name):
            if new[-1] in self._names(to) or _is_there(to, name):
                raise DosError(ACCESS_DENIED)
            with _host():
                os.rename(host, name, src_dir_fd=fd, dst_dir_fd=to)

    def set_attributes(self, path: Path, attributes: int) -> None:
        """Make a file read-only or not; the host has no other attribute. DosError: it is not
        there."""
        entry = self.entry(path)
        self.may_change()
        if entry.attributes & DIRECTORY or attributes & (LABEL | DIRECTORY):
            raise DosError(ACCESS_DENIED)
        if not (entry.attributes ^ attributes) & READ_ONLY:
            return
        with self._place(path) as (fd, host):
            file = self._open(fd, host, os.O_RDONLY)
            try:
                with _host():
                    status = os.fstat(file._fd)
                    if status.st_nlink > 1:
                        raise DosError(ACCESS_DENIED)
                    mode = stat.S_IMODE(status.st_mode)
                    os.fchmod(file._fd, mode & ~0o222 if attributes & READ_ONLY else mode | 0o200)
            finally:
                file.close()

    def free_space(self) -> int:
        """Bytes that can still be written. DosError: there is no drive C."""
        if self._fd < 0 and not self.programs:
            raise DosError(INVALID_DRIVE)
        return self.room if self.writable else 0


def _entry(name: str, status: os.stat_result) -> Entry:
    directory = stat.S_ISDIR(status.st_mode)
    attributes = DIRECTORY if directory else ARCHIVE
    if not directory and not status.st_mode & stat.S_IWUSR:
        attributes |= READ_ONLY
    size = 0 if directory else min(status.st_size, LARGEST)
    return Entry(name, attributes, dos_time(status.st_mtime), size)


def _is_there(fd: int, name: str) -> bool:
    """Is there anything of this name on the host, also a link or a device?"""
    try:
        os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise of_host(error) from None
    return True


@contextmanager
def _host() -> Iterator[None]:
    """DosError in place of an OSError."""
    try:
        yield
    except OSError as error:
        raise of_host(error) from None
