"""Ways to a back end: call a Unix socket, or listen and be called. Never wait."""

import os
import socket
import stat
from contextlib import suppress
from typing import Protocol

from ...unixsocket import listen


class Way(Protocol):
    """How to get a connected socket."""

    def connect(self) -> socket.socket:
        """A connected socket. OSError: nobody is there now; BlockingIOError: nobody yet."""

    def close(self) -> None:
        """It is not needed any more."""


class Caller:
    """Calls the program that listens at `path`. `otherwise`: what a message says besides."""

    def __init__(self, path: str, otherwise: str = "") -> None:
        self.path = path
        self.otherwise = otherwise

    def connect(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(self.path)
        except BaseException as error:
            sock.close()
            if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
                raise type(error)(error.errno, self._nobody()) from None
            raise
        return sock

    def _nobody(self) -> str:
        with suppress(OSError):
            if not stat.S_ISSOCK(os.stat(self.path).st_mode):
                return f"{self.path} is no socket: give that of the back end"
        return f"no back end listens at {self.path}: start it first{self.otherwise}"

    def close(self) -> None:
        pass


class Listener:
    """Listens at `path`, with mode 0600; a back end connects to it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._pid = os.getpid()
        self._sock = listen(path)
        self._sock.setblocking(False)

    def connect(self) -> socket.socket:
        return self._sock.accept()[0]

    def close(self) -> None:
        if self._sock.fileno() >= 0:
            self._sock.close()
            if self._pid == os.getpid():  # not in a fork
                with suppress(OSError):
                    os.unlink(self.path)
