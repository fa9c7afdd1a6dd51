"""Host directories: make a FAT disk of one, and bring changed files back. Follow no link.

The directory is opened once. Everything below it is reached from its descriptor, one name at a time
and never through a link, so that nothing outside of it is read or written.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple
from warnings import warn

from ...errors import DiskError, DiskWarning
from ...owned import Descriptor
from .fat import Entry, Volume
from .fatnames import why_not

#: A file that is being written begins with this; it gets its name when it is complete.
TEMPORARY = ".pyx86emu-"
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
MOST_DEPTH = 16
#: The earliest and latest second that a DOS date has: 1980 to 2107.
EARLIEST, LATEST = 315532800, 4354819199

#: What open(2) says of a link where there must be none, and of what is no directory.
LINKS = frozenset([errno.ELOOP, errno.ENOTDIR, errno.ENOENT])
#: What link(2) says where the file system has no hard links.
NO_LINKS = frozenset([errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
#: What is skipped.
KINDS = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
#: So many files a directory may have, and so many names that are not 8.3 are looked for.
MOST_FILES, MOST_BAD = 1 << 16, 50


class Found(NamedTuple):
    """A file or directory of the host: its path there, and its path on the disk."""

    host: str
    path: str
    is_directory: bool
    size: int
    stamp: int


class Known(NamedTuple):
    """A file as it was when disk and directory were last the same: what it has on the disk, and
    what the host says of it."""

    host: str
    digest: bytes
    status: tuple[int, ...]


class HostDirectory(Descriptor):
    """A directory of the host whose files are on a FAT disk. The lock of its disk guards it.

    `notes` has a sentence for everything that was skipped or not written back.
    """

    owns = "an open directory"
    instead = "open it again"

    def __init__(self, path: str) -> None:
        self.path = path
        self.notes: list[str] = []
        self._told = 0
        self.known: dict[str, Known] = {}
        self.directories: dict[str, str] = {"": ""}
        try:
            self._fd = os.open(path, OPEN_DIRECTORY)
        except NotADirectoryError:
            raise DiskError(f"{path} is no directory: give one, fat:DIR") from None
        except ValueError as error:
            raise DiskError(f"{path!r} cannot be a path ({error}): give a directory") from None

    def close(self) -> None:
        """Close the descriptor of the directory. A second call does nothing."""
        self._release()

    def __repr__(self) -> str:
        return f"<HostDirectory {self.path}>"

    def note(self, text: str) -> None:
        """Keep a sentence for the user, once."""
        if text not in self.notes:
            self.notes.append(text)

    def tell(self) -> None:
        """Warn of the notes that are new, as DiskWarning."""
        fresh, self._told = self.notes[self._told :], len(self.notes)
        for text in fresh:
            warn(f"{self.path}: {text}", DiskWarning, stacklevel=4)

    # -- from the host -------------------------------------------------------------------------

    def scan(self) -> list[Found]:
        """All files and directories, directories before what is in them, in the order of their
        names. DiskError: names that are not 8.3, or two that are the same on a FAT disk."""
        found: list[Found] = []
        bad: list[str] = []
        self._scan(self._fd, "", "", found, bad)
        if bad:
            more = f", and {len(bad) - 5} more" if len(bad) > 5 else ""
            raise DiskError(
                f"{self.path} does not fit on a FAT disk: {'; '.join(bad[:5])}{more}: "
                "rename them, or give a directory without them"
            )
        return found

    def _scan(self, fd: int, host: str, path: str, found: list[Found], bad: list[str]) -> None:
        seen: dict[str, str] = {}
        for name in sorted(os.listdir(fd)):
            here = f"{host}/{name}" if host else name
            try:
                status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed meanwhile
            kind = stat.S_IFMT(status.st_mode)
            if name.startswith(TEMPORARY) or kind not in (stat.S_IFREG, stat.S_IFDIR):
                what = KINDS.get(kind, "a device") if kind != stat.S_IFREG else "a temporary file"
                self.note(f"{here} is {what}: skipped, it is not on the disk")
                continue
            if why := why_not(name):
                bad.append(f"{here!r} is no 8.3 name, {why}")
                continue
            if name.upper() in seen:
                bad.append(f"{here!r} and {seen[name.upper()]!r} are the same name on FAT")
                continue
            seen[name.upper()] = here
            if len(found) == MOST_FILES or len(bad) == MOST_BAD:
                bad.append(f"it has more than {len(found)} files")
                return
            there = f"{path}/{name.upper()}" if path else name.upper()
            is_directory = kind == stat.S_IFDIR
            size = 0 if is_directory else status.st_size
            found.append(Found(here, there, is_directory, size, dos_time(status.st_mtime)))
            if is_directory:
                if there.count("/") >= MOST_DEPTH:
                    bad.append(f"{here!r} is more than {MOST_DEPTH} directories deep")
                    continue
                with self._below(fd, name) as inner:
                    if inner is not None:
                        self._scan(inner, here, there, found, bad)

    def fill(self, volume: Volume, found: list[Found]) -> None:
        """Copy the files of `scan()` to a volume."""
        for each in found:
            if each.is_directory:
                volume.make_directory(each.path, each.stamp)
                self.directories[each.path] = each.host
                continue
            try:
                with self._parent(each.host) as (fd, name):
                    data = None if fd is None else self._read(fd, name)
            except OSError as error:
                error.filename = f"{self.path}/{each.host}"
                raise
            if data is None:
                self.note(f"{each.host} is no regular file any more: skipped")
                continue
            contents, status = data
            volume.write(each.path, contents, each.stamp)
            self.known[each.path] = Known(each.host, digest(contents), status)

    def _read(self, fd: int, name: str) -> tuple[bytes, tuple[int, ...]] | None:
        """A regular file and its status; None if there is none of this name."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with suppress(FileNotFoundError):
            try:
                file = os.open(name, flags, dir_fd=fd)
            except OSError as error:
                if error.errno in LINKS:
                    return None
                raise
            with os.fdopen(file, "rb") as opened:
                status = os.fstat(file)
                if stat.S_ISREG(status.st_mode):
                    return opened.read(), signature(status)
        return None

    @contextmanager
    def _below(self, fd: int, name: str) -> Iterator[int | None]:
        """A descriptor of a directory in a directory; None if it is a link or no directory."""
        try:
            inner = os.open(name, OPEN_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        except OSError as error:
            if error.errno not in LINKS:
                raise
            inner = None
        try:
            yield inner
        finally:
            if inner is not None:
                os.close(inner)

    @contextmanager
    def _parent(self, host: str) -> Iterator[tuple[int | None, str]]:
        """A descriptor of the directory of a path below ours, and the last name of the path."""
        *above, name = host.split("/")
        with ExitStack() as opened:
            fd: int | None = self._fd
            for part in above:
                if fd is not None:
                    fd = opened.enter_context(self._below(fd, part))
            yield fd, name

    # -- back to the host ----------------------------------------------------------------------

    def save(self, volume: Volume, *, delete: bool) -> None:
        """Bring what has changed on the volume back to the directory.

        A file that was changed on the host since, a link, a device, and a name that is no 8.3 name
        are left alone, with a note. Files that are gone from the volume are deleted if `delete` is
        true. A file is written under a temporary name, then fsync(2), then renamed: it is old or
        new as a whole. OSError: the host failed; the files written before stay written.
        """
        if volume.strange:
            self.note(f"{volume.strange} names on the disk are no 8.3 names: not written back")
        for path, entry in sorted(volume.entries.items()):
            if not self._leaves(path):
                continue
            if entry.is_directory:
                self._make_directory(path)
            else:
                self._save_file(volume, entry)
        gone = [path for path in self.known if path not in volume.entries]
        for path in sorted(gone):
            self._gone(path, delete)
        for path in sorted(self.directories, reverse=True):
            if path and path not in volume.entries and delete:
                self._remove_directory(path)

    def _leaves(self, path: str) -> bool:
        """May a path of the volume be one of the host? Only 8.3 names of ASCII leave the disk."""
        *_, name = path.split("/")
        if why := why_not(name):
            self.note(f"{path} is no 8.3 name, {why}: not written back")
            return False
        return all(not why_not(part) for part in path.split("/"))

    def _host_path(self, path: str) -> str:
        """Where a path of the volume is on the host, where names may have small letters."""
        if path in self.known:
            return self.known[path].host
        above, _, name = path.rpartition("/")
        host = self.directories.get(above, above)
        return f"{host}/{name}" if host else name

    def _make_directory(self, path: str) -> None:
        if path in self.directories:
            return
        host = self._host_path(path)
        if path.rpartition("/")[0] not in self.directories:
            self.note(f"{host} is not written back: its directory is not")
            return
        with self._parent(host) as (fd, name):
            if fd is None or self._same_name(fd, name):
                self.note(f"{host} is there on the host: directory {path} is not written back")
                return
            os.mkdir(name, dir_fd=fd)
        self.directories[path] = host

    def _same_name(self, fd: int, name: str) -> str | None:
        """A name in a directory that is the same on a FAT disk."""
        return next((each for each in os.listdir(fd) if each.upper() == name), None)

    def _save_file(self, volume: Volume, entry: Entry) -> None:
        path, known = entry.path, self.known.get(entry.path)
        contents = volume.read(path)
        now = digest(contents)
        if known is not None and known.digest == now:
            return
        above = path.rpartition("/")[0]
        host = self._host_path(path)
        if above not in self.directories:
            self.note(f"{host} is not written back: its directory is not")
            return
        with self._parent(host) as (fd, name):
            if fd is None:
                self.note(f"{host} is not written back: its directory on the host is gone")
                return
            before = self._status(fd, name)
            if known is None and (there := self._same_name(fd, name)):
                self.note(f"{host} is not written back: the host has {there} since")
                return
            if known is not None and before != known.status:
                self.note(f"{host} is not written back: it was changed on the host since")
                return
            status = self._replace(fd, name, contents, before)
        if status is None:
            self.note(f"{host} is not written back: it was changed on the host since")
            return
        self.known[path] = Known(host, now, status)

    def _status(self, fd: int, name: str) -> tuple[int, ...] | None:
        try:
            return signature(os.stat(name, dir_fd=fd, follow_symlinks=False))
        except FileNotFoundError:
            return None

    def _replace(
        self, fd: int, name: str, contents: bytes, before: tuple[int, ...] | None
    ) -> tuple[int, ...] | None:
        """Put a file in place of the one with this status, or of none. None: it has changed."""
        temporary = f"{TEMPORARY}{os.getpid()}-{os.urandom(6).hex()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o666, dir_fd=fd)
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(contents)
                opened.flush()
                if before is not None:
                    os.fchmod(file, stat.S_IMODE(before[0]))
                os.fsync(file)
            if before is None:
                try:
                    self._name_new(fd, temporary, name)
                except FileExistsError:
                    return None
            elif self._status(fd, name) != before:
                return None
            else:
                os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=fd)
        os.fsync(fd)
        return self._status(fd, name)

    def _name_new(self, fd: int, temporary: str, name: str) -> None:
        """Give a file its name. FileExistsError: another one has it."""
        try:  # a link, unlike a rename, replaces nothing
            os.link(temporary, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            os.close(os.open(name, flags, 0o666, dir_fd=fd))
            os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)  # in place of this empty one

    def _gone(self, path: str, delete: bool) -> None:
        known = self.known[path]
        if not delete:
            self.note(f"{known.host} was deleted on the disk: it stays, delete=True removes it")
            return
        with self._parent(known.host) as (fd, name):
            status = None if fd is None else self._status(fd, name)
            if fd is not None and status == known.status:
                os.unlink(name, dir_fd=fd)
                os.fsync(fd)
            elif status is not None:
                self.note(f"{known.host} is not deleted: it was changed on the host since")
        del self.known[path]

    def _remove_directory(self, path: str) -> None:
        host = self.directories[path]
        with self._parent(host) as (fd, name):
            if fd is not None:
                try:
                    os.rmdir(name, dir_fd=fd)
                except OSError as error:
                    self.note(f"{host} is not deleted: {error.strerror}")
                    return
        del self.directories[path]


def signature(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is changed: mode, device, file, size, and the times
    of change."""
    return (
        status.st_mode,
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )


def digest(data: bytes) -> bytes:
    """A number that only equal contents have."""
    from hashlib import sha256

    return sha256(data).digest()


def dos_time(seconds: float) -> int:
    """A time as DOS keeps it: date and time of UTC, in steps of 2 seconds, from 1980 to 2107.

    >>> hex(dos_time(0)), hex(dos_time(1e9))
    ('0x210000', '0x2b290dd4')
    """
    from time import gmtime

    t = gmtime(min(max(int(seconds), EARLIEST), LATEST))
    date = (t.tm_year - 1980) << 9 | t.tm_mon << 5 | t.tm_mday
    return date << 16 | t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec // 2
