"""Serving: call a device when its descriptors are rung. Knows no device and no register."""

import os
import selectors
from asyncio import AbstractEventLoop
from collections.abc import Callable, Mapping
from threading import RLock, Thread, current_thread
from typing import Protocol


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


class ThreadServer:
    """A thread of its own waits for the eventfds. It ends by `stop()`, or by what a call raises."""

    def __init__(self, name: str, fds: Mapping[int, int], kicked: Callable[[int], None]) -> None:
        self._fds = {index: os.dup(fd) for index, fd in fds.items()}
        self._kicked = kicked
        self._end = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = RLock()  # stop() writes to a descriptor that the thread closes
        self._stopped = False
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._serve()
        finally:
            with self._lock:
                self._stopped = True
                for fd in (self._end, *self._fds.values()):
                    os.close(fd)

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._end, selectors.EVENT_READ, -1)
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
                os.eventfd_write(self._end, 1)

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
        self._fds = {index: os.dup(fd) for index, fd in fds.items()}
        self._kicked = kicked
        self._stopped = False
        loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        if not self._stopped:
            for index, fd in self._fds.items():
                self._loop.add_reader(fd, self._ready, index, fd)

    def _ready(self, index: int, fd: int) -> None:
        if not self._stopped and _drain(fd):
            self._kicked(index)

    def _finish(self) -> None:
        for fd in self._fds.values():
            if not self._loop.is_closed():
                self._loop.remove_reader(fd)
            os.close(fd)
        self._fds = {}

    def stop(self) -> None:
        """As `Server.stop`. The loop forgets the eventfds soon; at once if it is closed already."""
        if self._stopped:
            return
        self._stopped = True
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:  # it is closed
            self._finish()

    def join(self) -> None:
        """Nothing: the loop may be that of the caller. A call of it has the lock of the device."""
