"""irqfds: eventfds that raise interrupt lines. A thread watches them; it knows lines, not vCPUs."""

import contextlib
import errno
import os
import select
import threading
import weakref
from collections.abc import Callable


def _identity(fd: int) -> str:
    """Tell one eventfd from another: its id in /proc/self/fdinfo. OSError EBADF, EINVAL."""
    try:
        if os.readlink(f"/proc/self/fd/{fd}") != "anon_inode:[eventfd]":
            raise OSError(
                errno.EINVAL, f"descriptor {fd} is no eventfd: make one with os.eventfd()"
            )
        with open(f"/proc/self/fdinfo/{fd}") as info:
            return next((line for line in info if line.startswith("eventfd-id")), f"fd {fd}")
    except FileNotFoundError:
        raise OSError(errno.EBADF, f"descriptor {fd} is not open") from None


def _number(fd: object) -> int:
    return fd if isinstance(fd, int) else fd.fileno()  # type: ignore[attr-defined]


class IrqFd:
    """An eventfd that raises a line of a Vm. Made by `Vm.irqfd`."""

    def __init__(
        self, owner: "IrqFds", gsi: int, fd: int, identity: str, resample: int | None
    ) -> None:
        self._owner = owner
        self.gsi = gsi
        self.fd = fd
        self.identity = identity
        self.resample = resample
        self.skip = False

    def deassign(self) -> None:
        """Raise the line no more. Twice is fine, as with KVM."""
        self._owner.remove(self)

    def __repr__(self) -> str:
        return f"<IrqFd fd {self.fd} -> line {self.gsi}>"


class IrqFds:
    """The irqfds of one Vm and the thread that waits for them (it begins with the first)."""

    def __init__(self, pulse: Callable[[int], None], line: Callable[[int, bool], None]) -> None:
        self._pulse = pulse
        self._line = line
        self._all: dict[str, IrqFd] = {}
        self._epoll = select.epoll()
        self._stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll.register(self._stop, select.EPOLLIN)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def __del__(self) -> None:
        self._end()

    def add(self, gsi: int, fd: object, resample: object = None) -> IrqFd:
        """Watch `fd`. OSError EINVAL: bad line, no eventfd; EBADF; EBUSY: it raises a line."""
        number = _number(fd)
        if not 0 <= gsi <= 15:
            raise OSError(errno.EINVAL, f"interrupt line {gsi}: the 8259 pair has lines 0 to 15")
        identity = _identity(number)
        again = None if resample is None else _number(resample)
        if again is not None:
            _identity(again)
            again = os.dup(again)
        with self._lock:
            if identity in self._all and self._holds(self._all[identity]):
                if again is not None:
                    os.close(again)
                raise OSError(errno.EBUSY, f"eventfd {number} raises a line already: deassign that")
            if self._stop < 0:
                if again is not None:
                    os.close(again)
                raise OSError(errno.EBADF, "this Vm is closed")
            entry = self._all[identity] = IrqFd(self, gsi, number, identity, again)
            entry.skip = bool(select.select([number], [], [], 0)[0])
            if entry.skip:
                self._raise(entry)
            # Edge-triggered: a count that was there before has raised the line and stays.
            self._epoll.register(number, select.EPOLLIN | select.EPOLLET)
            if self._thread is None:
                watched = (weakref.ref(self), self._epoll, self._stop)
                self._thread = threading.Thread(
                    target=_watch, args=watched, name="irqfds", daemon=True
                )
                self._thread.start()
        return entry

    def deassign(self, gsi: int, fd: object) -> None:
        """Remove by descriptor and line; what is unknown is no error (KVM_IRQFD_FLAG_DEASSIGN)."""
        entry = self._all.get(_identity(_number(fd)))
        if entry is not None and entry.gsi == gsi:
            self.remove(entry)

    def remove(self, entry: IrqFd) -> None:
        """Forget one entry."""
        with self._lock:
            if self._all.get(entry.identity) is not entry:
                return
            del self._all[entry.identity]
            if self._holds(entry):
                with contextlib.suppress(OSError, ValueError):
                    self._epoll.unregister(entry.fd)
            if entry.resample is not None:
                os.close(entry.resample)

    def eoi(self, lines: int) -> None:
        """Drop the lines that are held for a resample, and tell their owners."""
        for entry in list(self._all.values()):
            if entry.resample is not None and lines >> entry.gsi & 1:
                self._line(entry.gsi, False)
                os.eventfd_write(entry.resample, 1)

    @property
    def resampled(self) -> int:
        """Mask of the lines whose EOI somebody waits for."""
        entries = list(self._all.values())
        return sum({1 << e.gsi for e in entries if e.resample is not None})

    def close(self) -> None:
        """End the thread and forget everything."""
        self._end()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        with self._lock:
            entries = list(self._all.values())
            self._all.clear()
        for entry in entries:
            if entry.resample is not None:
                os.close(entry.resample)

    def _end(self) -> None:
        """Close both descriptors, or have the thread do it. A forked child only closes: it shares
        them with its parent."""
        if self._pid != os.getpid():
            self._lock = threading.Lock()  # whoever held it is not here
        with self._lock:
            stop, self._stop = self._stop, -1
        if stop < 0:
            return
        if self._thread is not None and self._pid == os.getpid():
            os.eventfd_write(stop, 1)
        else:
            self._epoll.close()
            os.close(stop)

    def _holds(self, entry: IrqFd) -> bool:
        """Is the descriptor still the eventfd it was? Numbers and ids are reused; epoll knows."""
        try:
            self._epoll.modify(entry.fd, select.EPOLLIN | select.EPOLLET)
        except (OSError, ValueError):  # ValueError: closed meanwhile
            return False
        return True

    def _raise(self, entry: IrqFd) -> None:
        if entry.resample is None:
            self._pulse(entry.gsi)
        else:
            self._line(entry.gsi, True)

    def _serve(self, events: list[tuple[int, int]]) -> None:
        by_fd = {entry.fd: entry for entry in list(self._all.values())}
        for fd, _ in events:
            entry = by_fd.get(fd)
            if entry is None:
                continue
            if entry.skip:  # before _holds(), which arms the event again
                entry.skip = False
                continue
            if not self._holds(entry):
                continue
            with contextlib.suppress(OSError):
                if select.select([fd], [], [], 0)[0]:
                    os.eventfd_read(fd)
                    self._raise(entry)


def _watch(ref: "weakref.ref[IrqFds]", epoll: select.epoll, stop: int) -> None:
    """The thread. It does not keep the Vm alive: it ends with it."""
    while True:
        events = epoll.poll()
        irqfds = ref()
        if irqfds is None or any(fd == stop for fd, _ in events):
            break
        irqfds._serve(events)
        del irqfds
    epoll.close()
    os.close(stop)
