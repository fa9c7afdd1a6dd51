"""The main program of a worker process of `Processes`: call what comes, send what it returns."""

import os
import pickle
import select
import signal
import threading
from multiprocessing.connection import Connection


def main(fd: int) -> None:
    """Serve the executor at the other end of the socket until it is closed."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(fd,), daemon=True).start()
    connection = Connection(fd)
    try:
        connection.send_bytes(b"ready")
        while True:
            connection.send_bytes(_answer(connection.recv_bytes()))
    except (EOFError, OSError):
        os._exit(0)


def _answer(data: bytes) -> bytes:
    try:
        function, args, kwargs = pickle.loads(data)
        return pickle.dumps((True, function(*args, **kwargs)), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        try:
            return pickle.dumps((False, error), pickle.HIGHEST_PROTOCOL)
        except Exception:  # an error that cannot be pickled
            return pickle.dumps((False, RuntimeError(repr(error))))


def _end_with(fd: int) -> None:
    """End this process, in the middle of a guest too, when the executor's process is gone."""
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)
    poll.poll()
    os._exit(0)
