"""Another process that counts what a guest rings: start it, ask it. Prints nothing.

It counts an eventfd that was passed to it, or is a device behind a forwarded range.
"""

import os
import select
import socket
import subprocess
import sys
from struct import Struct
from typing import Self

from ..device import PioDevice
from ..vm import Vm

COUNT = Struct("=Q")


class Rings(PioDevice):
    """Counts writes. A read returns the count and clears it: it comes after them."""

    length = 4

    def reset(self) -> None:
        self.count = 0

    def pio_read(self, offset: int, size: int) -> int:
        count, self.count = self.count, 0
        return count

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.count += 1


class Other:
    """The process, and this end of its socket."""

    def __init__(self, *arguments: str) -> None:
        self.sock, there = socket.socketpair()
        with there:
            number = there.fileno()
            program = [sys.executable, "-m", *(each.format(fd=number) for each in arguments)]
            self._child = subprocess.Popen(program, pass_fds=[number])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """It ends when its socket is closed."""
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self._child.wait()


class Listener(Other):
    """Reads an eventfd, which it gets by SCM_RIGHTS."""

    def __init__(self, bell: int) -> None:
        super().__init__(__name__, "{fd}")
        socket.send_fds(self.sock, [b"!"], [bell])

    def count(self) -> int:
        """The rings since the last call."""
        self.sock.send(b"?")
        count: int
        (count,) = COUNT.unpack(self.sock.recv(COUNT.size, socket.MSG_WAITALL))
        return count


class Server(Other):
    """Is a device: `python -m pyx86emu.forward`."""

    def __init__(self, vm: Vm, port: int, *, posted: bool) -> None:
        super().__init__("pyx86emu.forward", "fd:{fd}", f"{__name__}:Rings")
        vm.pio.forward(port, 4, self.sock, posted=posted)
        self._read = vm.pio.read
        self._port = port

    def count(self) -> int:
        """The rings since the last call."""
        return self._read(self._port, 4)


def listen(channel: socket.socket) -> None:
    """The other process: count the eventfd, say the count when it is asked for."""
    _, (bell,), _, _ = socket.recv_fds(channel, 1, 1)
    os.set_blocking(bell, False)
    total = 0
    poll = select.poll()
    poll.register(bell, select.POLLIN)
    poll.register(channel, select.POLLIN)
    while True:
        ready = [fd for fd, _ in poll.poll()]
        if bell in ready:
            total += os.eventfd_read(bell)
        elif not channel.recv(1):
            return
        else:
            channel.send(COUNT.pack(total))
            total = 0


if __name__ == "__main__":
    listen(socket.socket(fileno=int(sys.argv[1])))
