"""Events: an EventFd counts across threads and processes, a Doorbell counts inside this one."""

import errno
import os
import sys
from types import TracebackType

from ._core import Doorbell, truth, whole
from .owned import Descriptor

__all__ = ["Doorbell", "EventFd"]

#: The largest value of the kernel's counter.
MOST = 2**64 - 2


class EventFd(Descriptor):
    """An eventfd(2): a counter with a descriptor, for `Vm.ioeventfd(fd=...)` and `Vm.irqfd()`.

    It begins at `value`, 0 to 2**64 - 2 (ValueError; TypeError where that is no integer). With
    `blocking=True`, `read()` waits until the counter is not 0, and `write()` until there is room.
    With `semaphore=True`, `read()` takes 1 at a time. Any thread may call any method.

    It cannot be copied: `os.dup(event.fileno())` gives another descriptor of the same counter.
    One that is dropped without `close()` is closed with a ResourceWarning.

    >>> with EventFd() as event:
    ...     event.write()
    ...     event.write(2)
    ...     event.read(), event.read()
    (3, 0)
    """

    owns = "an eventfd"
    instead = "os.dup(event.fileno()) gives another descriptor of the same counter"

    def __init__(self, value: int = 0, *, semaphore: bool = False, blocking: bool = False) -> None:
        if self._fd >= 0:
            raise RuntimeError("this EventFd was made before: make another one")
        value = whole(value, "value", 0, MOST)
        flags = os.EFD_CLOEXEC
        if truth(semaphore, "semaphore"):
            flags |= os.EFD_SEMAPHORE
        if not truth(blocking, "blocking"):
            flags |= os.EFD_NONBLOCK
        self._fd = os.eventfd(0, flags)
        try:
            self.write(value)  # eventfd(2) itself takes 32 bits
        except BaseException:
            self._release()
            raise

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._fd

    def read(self) -> int:
        """Take what was counted; 0 when that is nothing (unless `blocking`).

        OSError EBADF: it is closed.
        """
        try:
            return int.from_bytes(os.read(self._open(), 8), sys.byteorder)
        except BlockingIOError:
            return 0

    def write(self, n: int = 1) -> None:
        """Count up by `n`, 0 to 2**64 - 2.

        BlockingIOError: the counter would go beyond 2**64 - 2, and nothing was added (with
        `blocking` it waits instead). OSError EBADF: it is closed. TypeError: `n` is no integer;
        ValueError: it is out of range.
        """
        data = whole(n, "n", 0, MOST).to_bytes(8, sys.byteorder)
        try:
            os.write(self._open(), data)
        except BlockingIOError:
            raise BlockingIOError(
                errno.EAGAIN, "this EventFd is full, nothing was added: read() it first"
            ) from None

    def _open(self) -> int:
        if self._fd < 0:
            raise OSError(errno.EBADF, "this EventFd is closed: make another one")
        return self._fd

    def close(self) -> None:
        """Close the descriptor. Entries registered with it go on: they hold their own."""
        self._release()

    def __enter__(self) -> "EventFd":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EventFd fd {self._fd}>" if self._fd >= 0 else "<EventFd closed>"
