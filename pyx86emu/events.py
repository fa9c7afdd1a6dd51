"""Events: an EventFd counts across threads and processes, a Doorbell counts inside this one."""

import errno
import os
from types import TracebackType

from ._core import Doorbell

__all__ = ["Doorbell", "EventFd"]


class EventFd:
    """An eventfd(2): a counter with a descriptor, for `Vm.ioeventfd(fd=...)` and `Vm.irqfd()`.

    With `blocking=True`, `read()` waits until the counter is not 0. With `semaphore=True` it
    takes 1 at a time.

    >>> with EventFd() as event:
    ...     event.write()
    ...     event.write(2)
    ...     event.read(), event.read()
    (3, 0)
    """

    def __init__(self, value: int = 0, *, semaphore: bool = False, blocking: bool = False) -> None:
        self._fd = -1
        flags = os.EFD_CLOEXEC
        if semaphore:
            flags |= os.EFD_SEMAPHORE
        if not blocking:
            flags |= os.EFD_NONBLOCK
        self._fd = os.eventfd(value, flags)

    def fileno(self) -> int:
        """The descriptor; -1 once it is closed."""
        return self._fd

    def read(self) -> int:
        """Take what was counted; 0 when that is nothing (unless `blocking`)."""
        try:
            return os.eventfd_read(self._open())
        except BlockingIOError:
            return 0

    def write(self, n: int = 1) -> None:
        """Count up by `n`."""
        os.eventfd_write(self._open(), n)

    def _open(self) -> int:
        if self._fd < 0:
            raise OSError(errno.EBADF, "this EventFd is closed: make another one")
        return self._fd

    def close(self) -> None:
        """Close the descriptor. Entries registered with it go on: they hold their own."""
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> "EventFd":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EventFd fd {self._fd}>" if self._fd >= 0 else "<EventFd closed>"
