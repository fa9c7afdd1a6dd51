"""Threads in Python beside the guest: one that drains an eventfd, one that is only busy."""

from os import eventfd_read
from select import EPOLLIN, epoll
from threading import Thread


class PythonDrainer:
    """What `_core.Drainer` does, in a Python thread: it fights for the GIL and measures that."""

    def __init__(self, fd: int) -> None:
        self.count = 0
        self.wakeups = 0
        self._fd = fd
        self._running = True
        self._thread = Thread(target=self._drain)
        self._thread.start()

    def _drain(self) -> None:
        with epoll() as poll:
            poll.register(self._fd, EPOLLIN)
            while self._running or poll.poll(0):
                if poll.poll(0.005):
                    self.count += eventfd_read(self._fd)
                    self.wakeups += 1

    def stop(self) -> None:
        self._running = False
        self._thread.join()


class Spinner:
    """A Python thread that computes all the time: whoever wants the GIL has to ask it."""

    def __enter__(self) -> "Spinner":
        self._running = True
        self._thread = Thread(target=self._spin)
        self._thread.start()
        return self

    def _spin(self) -> None:
        n = 0
        while self._running:
            n += 1

    def __exit__(self, *_: object) -> None:
        self._running = False
        self._thread.join()
