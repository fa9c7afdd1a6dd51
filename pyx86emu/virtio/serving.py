"""Serving: call a device when its descriptors are rung. Knows no device and no register."""

import os
import selectors
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Callable, Mapping
from threading import RLock, Thread, current_thread
from typing import Protocol

from ..events import EventFd


class Server(Protocol):
    """It calls `kicked(index)` when the eventfd of a queue is written, until `stop()`. It has
    duplicates of the eventfds. Any thread may call its methods."""

    def stop(self) -> None:
        """No further call begins; one that another thread is in goes on. A second call does
        nothing."""

    def join(self) -> None:
        """After `stop()`: wait for a thread of its own. A call must not wait for a lock of the
        caller."""


def _drain(fd: int) -> bool:
    """Take the count of an eventfd. False: there is none."""
    try:
        os.eventfd_read(fd)
    except BlockingIOError:
        return False
    return True


def _duplicates(fds: Mapping[int, int]) -> dict[int, int]:
    """The same with descriptors of their own. OSError: none is left."""
    found: dict[int, int] = {}
    try:
        for index, fd in fds.items():
            found[index] = os.dup(fd)
    except BaseException:
        _close(found)
        raise
    return found


def _close(fds: dict[int, int]) -> None:
    while fds:
        os.close(fds.popitem()[1])


class ThreadServer:
    """A thread of its own waits for the eventfds. It ends by `stop()`, or by what a call raises."""

    def __init__(self, name: str, fds: Mapping[int, int], kicked: Callable[[int], None]) -> None:
        self._fds = _duplicates(fds)
        self._kicked = kicked
        self._lock = RLock()  # stop() writes to a descriptor that the thread closes
        self._stopped = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        try:
            self._end = EventFd()
            self._thread.start()
        except BaseException:
            _close(self._fds)
            raise

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            with self._lock:
                self._stopped = True
                _close(self._fds)
                self._end.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._end.fileno(), selectors.EVENT_READ, -1)
            for index, fd in self._fds.items():
                selector.register(fd, selectors.EVENT_READ, index)
            while not self._stopped:
                for key, _ in selector.select():
                    if self._stopped:
                        break
                    if _drain(key.fd):
                        self._kicked(key.data)

    def stop(self) -> None:
        """As `Server.stop`."""
        with self._lock:
            if not self._stopped:
                self._stopped = True
                self._end.write()

    def join(self) -> None:
        """As `Server.join`; in the thread itself nothing."""
        if self._thread is not current_thread():
            self._thread.join()


class LoopServer:
    """An event loop of asyncio watches the eventfds."""

    def __init__(
        self, loop: AbstractEventLoop, fds: Mapping[int, int], kicked: Callable[[int], None]
    ) -> None:
        self._loop = loop
        self._fds = _duplicates(fds)
        self._kicked = kicked
        self._stopped = False
        try:
            loop.call_soon_threadsafe(self._begin)
        except BaseException:  # RuntimeError: it is closed
            _close(self._fds)
            raise

    def _begin(self) -> None:
        if not self._stopped:
            for index, fd in self._fds.items():
                self._loop.add_reader(fd, self._ready, index, fd)

    def _ready(self, index: int, fd: int) -> None:
        if not self._stopped and _drain(fd):
            self._kicked(index)

    def _finish(self) -> None:
        if not self._loop.is_closed():
            for fd in self._fds.values():
                self._loop.remove_reader(fd)
        _close(self._fds)

    def stop(self) -> None:
        """As `Server.stop`. The loop forgets the eventfds soon; at once in its own thread, or if it
        is closed already."""
        if self._stopped:
            return
        self._stopped = True
        try:
            if _get_running_loop() is not self._loop:
                self._loop.call_soon_threadsafe(self._finish)
                return
        except RuntimeError:  # it is closed
            pass
        self._finish()

    def join(self) -> None:
        """Nothing: the loop may be that of the caller. A call of it has the lock of the device."""
