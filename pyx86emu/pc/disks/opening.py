"""Image files: open one without waiting, read and write it at an offset. Know no sectors."""

import errno
import os
import stat

from ...errors import DiskError

#: What a path may name that is not an image.
NOT_IMAGES = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a character device",
}

#: Errors of open(2) that are about permission, and what to do where only reading is allowed or not.
REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ETXTBSY)
READS = "let this user read it (chmod, or the group of the device), or copy it"
WRITES = "let this user write it, or open it without write_back (--write-back)"


def open_image(name: str, mode: int) -> int:
    """A descriptor of a regular file or block device. Opening anything else could wait or have
    side effects. Errors as for `Disk`; one of the operating system also says what to do."""
    try:
        kind = os.stat(name).st_mode
    except ValueError as error:  # a character that no file name can have, such as NUL
        raise DiskError(f"{name!r} cannot be a path ({error}): give that of a disk image") from None
    _only_images(name, kind)
    try:
        fd = os.open(name, mode | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        advice = WRITES if mode & os.O_RDWR and os.access(name, os.R_OK) else READS
        if error.errno not in REFUSALS:
            raise
        text = f"{error.strerror}: {advice}"
        raise OSError(error.errno, text, name) from None
    try:
        _only_images(name, os.fstat(fd).st_mode)  # the path may name another file by now
    except BaseException:
        os.close(fd)
        raise
    return fd


def _only_images(name: str, mode: int) -> None:
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFDIR:
        raise DiskError(
            f"{name} is a directory: give a disk image, or fat:{name} for a disk of its files"
        )
    if kind not in (stat.S_IFREG, stat.S_IFBLK):
        raise DiskError(
            f"{name} is {NOT_IMAGES.get(kind, 'no file')}: not a disk image, "
            "give a regular file or a block device"
        )


def size_of(fd: int, name: str) -> int:
    """The size in bytes. fstat(2) does not give that of a block device."""
    try:
        return os.lseek(fd, 0, os.SEEK_END)
    except OSError as error:  # some files of /proc
        raise DiskError(f"{name} has no size ({error.strerror}): not a disk image") from None


def read_at(fd: int, at: int, length: int) -> bytes:
    """`length` bytes at `at`; fewer only at the end of the file."""
    data = b""
    while len(data) < length:
        try:
            piece = os.pread(fd, length - len(data), at + len(data))
        except InterruptedError:
            continue
        if not piece:
            break
        data += piece
    return data


def write_at(fd: int, at: int, data: bytes) -> int:
    """How many of the bytes were written, at least 1."""
    while True:
        try:
            n = os.pwrite(fd, data, at)
        except InterruptedError:
            continue
        if n == 0:
            raise OSError(errno.EIO, "the operating system wrote 0 bytes")
        return n


def write_all(fd: int, at: int, data: bytes) -> None:
    """Write all of the bytes. OSError: a part of them may be written."""
    done = 0
    while done < len(data):
        done += write_at(fd, at + done, data[done:] if done else data)
