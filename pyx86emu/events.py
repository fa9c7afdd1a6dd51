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

    The counter starts at `value`, 0 to 2**64 - 2. ValueError: out of range; TypeError: not an
    integer. With `blocking=True`, `read()` waits until the counter is above 0, and `write()` waits
    until there is room. With `semaphore=True`, `read()` takes 1 at a time. Any thread may call any
    method.

    An EventFd cannot be copied: `os.dup(event.fileno())` gives another descriptor of the same
    counter. If it is dropped without `close()`, it is closed with a ResourceWarning.

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
            self.write(value)  # since eventfd(2) takes an initial value of only 32 bits
        except BaseException:
            self._release()
            raise

    def fileno(self) -> int:
        """The descriptor; -1 after `close()`."""
        return self._fd

    def read(self) -> int:
        """Return the count and set it to 0. With `semaphore`: return 1 and subtract 1.

        If the count is 0, return 0 at once; with `blocking`, wait instead. OSError EBADF: the
        EventFd is closed.
        """
        try:
            return int.from_bytes(os.read(self._open(), 8), sys.byteorder)
        except BlockingIOError:
            return 0

    def write(self, n: int = 1) -> None:
        """Add `n`, 0 to 2**64 - 2, to the counter.

        BlockingIOError: the sum would be more than 2**64 - 2, and nothing was added; with
        `blocking`, the call waits instead. OSError EBADF: the EventFd is closed. TypeError: `n` is
        not an integer; ValueError: `n` is out of range.
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
        """Close the descriptor. Entries made with it stay active: each has its own descriptor."""
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
