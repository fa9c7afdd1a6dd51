"""Python threads that run while the guest does: one drains an eventfd, one only computes."""

from os import eventfd_read
from select import EPOLLIN, epoll
from threading import Thread


class PythonDrainer:
    """The same as `_core.Drainer`, but a Python thread, so it also measures waits for the GIL."""

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
    """A Python thread that always computes: other threads must wait for it to release the GIL."""

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
