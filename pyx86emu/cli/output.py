"""Output: write all of it, or say in one sentence why that cannot be done.

Nothing stays in Python's buffers. So there is no second error when Python ends and flushes them.
"""

import os
import stat
import sys
from collections.abc import Callable, Iterable
from typing import Protocol, TextIO

from .status import HostError, UsageError, reason


class Sink(Protocol):
    """A binary file without a buffer."""

    def write(self, data: bytes | memoryview, /) -> int | None:
        """How many bytes were written; None if the file would block."""

    def fileno(self) -> int: ...


def write_all(sink: Sink, data: bytes) -> None:
    """Write every byte, with as many writes as needed. OSError: a write fails."""
    rest: bytes | memoryview = data
    while (written := sink.write(rest)) != len(rest):
        if written is None:  # another program has made this descriptor non-blocking
            import select

            poll = select.poll()
            poll.register(sink.fileno(), select.POLLOUT)
            poll.poll()
        else:
            rest = memoryview(rest)[written:]


def send(data: bytes) -> None:
    """Write the guest's bytes to standard output. HostError: the reason why that cannot be done."""
    stream = sys.stdout
    if stream is None:
        raise HostError("cannot write to standard output: it is closed")
    try:
        _put(stream, data)
    except BrokenPipeError as error:
        raise HostError("") from error  # the reader of the pipe has closed it: print nothing
    except OSError as error:
        raise HostError(f"cannot write to standard output: {reason(error)}") from error


def say(text: str = "") -> None:
    """Write one or more lines of text to standard output. A character that its encoding lacks is
    written as "?"."""
    send(_encoded(sys.stdout, text + "\n"))


def complain(text: str) -> None:
    """Write a line to standard error. If that fails, only the exit status shows the error."""
    stream = sys.stderr
    try:
        if stream is not None:
            _put(stream, _encoded(stream, text + "\n"))
    except OSError:
        pass


def copied(record: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """What takes the bytes of a line: `record` keeps them, and they go to standard output."""

    def take(data: bytes) -> None:
        record(data)
        send(data)

    return take


def is_terminal(stream: TextIO | None) -> bool:
    """True for a terminal; False for another file, or one that is closed."""
    return stream is not None and stream.isatty()


def printable(text: str) -> bytes:
    """The text in the encoding of standard output, with "?" for each character that it lacks."""
    return _encoded(sys.stdout, text)


def _encoded(stream: TextIO | None, text: str) -> bytes:
    return text.encode(getattr(stream, "encoding", None) or "utf-8", "replace")


def _put(stream: TextIO, data: bytes) -> None:
    stream.flush()  # what other code has printed comes first
    buffer = getattr(stream, "buffer", None)
    if buffer is None:  # a text stream of the program that called us
        stream.write(data.decode(getattr(stream, "encoding", None) or "utf-8", "replace"))
        return
    write_all(getattr(buffer, "raw", buffer), data)


def check_file(option: str, path: str) -> None:
    """Check that a file can be written, before a long run. UsageError: it cannot be. The check
    changes nothing."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        directory = os.path.dirname(path) or "."
        if not path:
            why = "name a file"
        elif not os.path.isdir(directory):
            why = f"there is no directory {directory}"
        else:
            why = _unwritable(directory, os.W_OK | os.X_OK)
    except OSError as error:
        why = reason(error)
    else:
        if stat.S_ISDIR(mode):
            why = "that is a directory"
        elif stat.S_ISFIFO(mode) and not _is_read(path):
            why = "that is a FIFO without a reader, start its reader first"
        else:
            why = _unwritable(path, os.W_OK)
    if why:
        raise UsageError(f"{option} {path}: {why}")


def check_input(option: str, path: str) -> None:
    """Check that a regular file can be read. UsageError: it cannot be."""
    why = ""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            why = "that is no regular file"
        elif not os.access(path, os.R_OK):
            why = "Permission denied"
    except OSError as error:
        why = reason(error)
    except ValueError as error:  # a character that no file name can have, such as NUL
        why = str(error)
    if why:
        raise UsageError(f"{option} {path}: {why}")


def _is_read(fifo: str) -> bool:
    """True if the FIFO has a reader, so that opening it does not wait."""
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def check_directory(option: str, path: str) -> None:
    """The same for a directory. If it does not exist, it is made later."""
    at = os.path.abspath(path)
    while not os.path.lexists(at):
        at = os.path.dirname(at)
    why = _unwritable(at, os.W_OK | os.X_OK) if os.path.isdir(at) else f"{at} is no directory"
    if why or not path:
        raise UsageError(f"{option} {path}: {why or 'name a directory'}")


def _unwritable(path: str, mode: int) -> str:
    return "" if os.access(path, mode) else f"{path} cannot be written to"


def check_apart(
    outputs: Iterable[tuple[str, str | None]], inputs: Iterable[tuple[str, str | None]]
) -> None:
    """Check that no file is written that is also read, or written twice. Both have an option or a
    word for each path. UsageError: one is."""
    read = [(what, path) for what, path in inputs if path is not None]
    before: list[tuple[str, str]] = []
    for option, path in outputs:
        if path is None or _passes_on(path):
            continue
        for what, other in read:
            if _same(path, other):
                raise UsageError(f"{option} {path}: that would overwrite {what}, name another file")
        for first, other in before:
            if _same(path, other):
                raise UsageError(f"{first} and {option} would both write {path}: name two files")
        before.append((option, path))


def _passes_on(path: str) -> bool:
    """Is it a terminal, a device such as /dev/null, or a pipe? What is written there replaces
    nothing."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISBLK(mode))


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there
        return os.path.realpath(one) == os.path.realpath(other)
