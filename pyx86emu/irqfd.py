"""irqfds: eventfds that raise interrupt lines. A thread watches them; it knows lines, not vCPUs.

There is no lock. A finalizer or a signal handler may run between any two lines, on the same thread,
and call any function here. With a lock it would wait for its own thread forever. Instead, each step
that must not be seen half done is one operation on a dict, which nothing can interrupt.
"""

import contextlib
import errno
import os
import select
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from typing import NoReturn, Protocol

#: Edge-triggered. A count from before the registration has raised the line and stays unread.
EVENTS = select.EPOLLIN | select.EPOLLET


class Lines(Protocol):
    """What a Vm does for its irqfds."""

    def irq_pulse(self, gsi: int, /) -> None: ...
    def irq_line(self, gsi: int, level: bool, /) -> None: ...
    def _irqfds_changed(self, entries: "dict[IrqFd, None]", /) -> None: ...


class Bell(Protocol):
    """A resample eventfd. To signal it takes no waiting and raises nothing."""

    def _notify(self) -> None: ...


class IrqFd:
    """An eventfd that raises a line of a Vm. Made by `Vm.irqfd`. Any thread may call `deassign`."""

    __slots__ = ("_owner", "fd", "gsi", "identity", "resample")
    _owner: "IrqFds"
    gsi: int
    fd: int
    identity: int
    resample: Bell | None

    def __init__(
        self, owner: "IrqFds", gsi: int, fd: int, identity: int, resample: Bell | None
    ) -> None:
        if hasattr(self, "_owner"):
            raise RuntimeError("an IrqFd is initialised once: Vm.irqfd() makes another one")
        given = zip(IrqFd.__slots__, (owner, fd, gsi, identity, resample), strict=True)
        for name, value in given:
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"the {name} of an IrqFd cannot be changed: make another one")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"the {name} of an IrqFd cannot be deleted")

    def deassign(self) -> None:
        """The eventfd no longer raises the line. A second call does nothing, as with KVM."""
        self._owner.remove(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "IrqFd objects cannot be copied or pickled: each stands for one entry of a Vm"
        )

    def __repr__(self) -> str:
        return f"<IrqFd fd {self.fd} -> line {self.gsi}>"


class IrqFds:
    """The irqfds of one Vm and the thread that waits for them.

    `take(fd)` reads an eventfd and returns its count, `count(fd)` returns it and leaves it,
    `identity(fd)` is the kernel's name of the eventfd.
    """

    def __init__(
        self,
        lines: Lines,
        take: Callable[[int], int],
        count: Callable[[int], int],
        identity: Callable[[int], int],
    ) -> None:
        if "_stop" in self.__dict__:
            raise RuntimeError("an IrqFds is initialised once, by its Vm")
        self._stop: list[int] = []  # the one that pops the descriptor ends the thread
        self._lines = lines
        self._take = take
        self._count = count
        self._identity = identity
        self._entries: dict[IrqFd, None] = {}  # the one that pops an entry removes it
        self._by_identity: dict[int, IrqFd] = {}
        self._adding: dict[IrqFd, None] = {}  # not in epoll yet
        self._kept: dict[IrqFd, int] = {}  # counts from before, which stay unread
        self._closed = False
        self._epoll = select.epoll()
        stop = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        try:
            self._epoll.register(stop, select.EPOLLIN)
            self._thread = threading.Thread(
                target=_watch,
                args=(weakref.ref(self), self._epoll, stop),
                name="irqfds",
                daemon=True,
            )
            self._stop.append(stop)
            self._thread.start()
        except (OSError, RuntimeError) as error:
            self._stop.clear()
            os.close(stop)
            if isinstance(error, RuntimeError):
                raise OSError(
                    errno.EAGAIN, "cannot start the thread that watches irqfds: end other threads"
                ) from error
            raise
        except BaseException:  # Ctrl-C while the thread started
            self._end()
            raise

    def __del__(self) -> None:
        if "_thread" not in self.__dict__:
            return  # __init__ did not get far
        try:
            if self._stop and self._entries:
                warnings.warn(
                    f"a Vm with {len(self._entries)} irqfds was dropped without close()",
                    ResourceWarning,
                    source=self,
                    stacklevel=2,
                )
        finally:
            self._end()

    def add(self, gsi: int, fd: int, identity: int, resample: Bell | None) -> IrqFd:
        """Watch an eventfd. OSError EBUSY: it already raises a line; EBADF: the Vm is closed."""
        entry = IrqFd(self, gsi, fd, identity, resample)
        try:
            self._adding[entry] = None
            self._enter(entry)
        except BaseException:
            self.remove(entry)
            raise
        finally:
            self._adding.pop(entry, None)
        return entry

    def _enter(self, entry: IrqFd) -> None:
        self._entries[entry] = None
        other = self._by_identity.setdefault(entry.identity, entry)
        if other is not entry and other not in self._adding and not self._holds(other):
            self.remove(other)
            other = self._by_identity.setdefault(entry.identity, entry)
        if other is not entry:
            raise OSError(
                errno.EBUSY, f"eventfd {entry.fd} raises a line already: deassign it first"
            )
        count = self._count(entry.fd)
        if count:
            self._kept[entry] = count
        self._lines._irqfds_changed(self._entries)
        if not self._closed:
            self._register(entry.fd)
        if self._closed:  # tested last: close() removes only the entries that it finds
            raise OSError(errno.EBADF, "this Vm is closed")
        if count:
            self._raise(entry)

    def _register(self, fd: int) -> None:
        try:
            self._epoll.register(fd, EVENTS)
        except FileExistsError:  # left by an entry whose number meant another file for a while
            self._epoll.modify(fd, EVENTS)

    def deassign(self, gsi: int, identity: int) -> None:
        """Remove the entry of this eventfd and line, if there is one (KVM_IRQFD_FLAG_DEASSIGN)."""
        entry = self._by_identity.get(identity)
        if entry is not None and entry.gsi == gsi:
            self.remove(entry)

    def remove(self, entry: IrqFd) -> None:
        """Remove one entry, if it is still there."""
        try:
            del self._entries[entry]
        except KeyError:
            return
        self._kept.pop(entry, None)
        active = self._by_identity.get(entry.identity) is entry  # False for one that was refused
        if active:
            try:
                with contextlib.suppress(OSError, ValueError):  # ValueError: epoll is closed
                    if self._identity(entry.fd) == entry.identity:
                        self._epoll.unregister(entry.fd)
            finally:
                self._by_identity.pop(entry.identity, None)
        self._lines._irqfds_changed(self._entries)
        if active and entry.resample is not None and not self._resampled(entry.gsi):
            self._lines.irq_line(entry.gsi, False)  # no other irqfd is left to lower it

    def _resampled(self, gsi: int) -> bool:
        return any(e.resample is not None and e.gsi == gsi for e in list(self._entries))

    def eoi(self, lines: int) -> None:
        """Lower the lines that are held for a resample, and signal their eventfds."""
        for entry in list(self._entries):
            if entry.resample is not None and lines >> entry.gsi & 1:
                self._lines.irq_line(entry.gsi, False)
                entry.resample._notify()

    def close(self) -> None:
        """Remove all entries and end the thread."""
        self._closed = True
        for entry in list(self._entries):
            self.remove(entry)
        self._end()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def forked(self) -> None:
        """In a child of fork(): the thread is not here, and epoll watches files of the parent."""
        if self._thread.is_alive():
            return  # the thread runs: this process is not a child
        self._closed = True
        self._epoll.close()
        for stop in self._stop:
            os.close(stop)
        self._stop = []
        for entry in list(self._entries):
            self.remove(entry)

    def _end(self) -> None:
        with contextlib.suppress(IndexError):
            os.eventfd_write(self._stop.pop(), 1)

    def _holds(self, entry: IrqFd) -> bool:
        """Is its descriptor still the same eventfd? Numbers and ids are reused, but epoll knows.

        What epoll watches is read from fdinfo, since a call of epoll would arm the event again.
        """
        try:
            if self._identity(entry.fd) != entry.identity:
                return False
            with open(f"/proc/self/fdinfo/{self._epoll.fileno()}") as info:
                lines = [line.split() for line in info]
        except (OSError, ValueError):  # ValueError: epoll is closed
            return False
        return any(line[:2] == ["tfd:", str(entry.fd)] for line in lines)

    def _raise(self, entry: IrqFd) -> None:
        if entry.resample is None:
            self._lines.irq_pulse(entry.gsi)
        else:
            self._lines.irq_line(entry.gsi, True)

    def _serve(self, events: list[tuple[int, int]]) -> None:
        # Not from `_entries`: an entry that is about to be refused may have the same descriptor.
        by_fd = {entry.fd: entry for entry in list(self._by_identity.values())}
        for fd, _ in events:
            entry = by_fd.get(fd)
            if entry is None:
                continue
            with contextlib.suppress(OSError):  # closed meanwhile, or now another file
                kept = self._kept.pop(entry, 0)
                if kept and self._count(fd) == kept:
                    continue
                self._epoll.modify(fd, EVENTS)  # raises if this is not the watched file
                if self._take(fd):
                    self._raise(entry)


def _watch(ref: "weakref.ref[IrqFds]", epoll: select.epoll, stop: int) -> None:
    """The thread: serve events until `stop` is signalled. It does not keep the Vm alive."""
    events: list[tuple[int, int]] = []
    while all(fd != stop for fd, _ in events):
        events = epoll.poll()
        irqfds = ref()
        if irqfds is not None:
            try:
                irqfds._serve(events)
            except Exception:
                report = (*sys.exc_info(), threading.current_thread())
                threading.excepthook(threading.ExceptHookArgs(report))
        del irqfds
    epoll.close()
    os.close(stop)
