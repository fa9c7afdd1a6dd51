"""A client of the remote protocol: send packets to a stub, and take its replies. Judges nothing."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pyx86emu import Exit, Machine
from pyx86emu.tools.gdb.packets import Kind, Reader, packet
from tests.harness import Running

SECONDS = 20.0
#: Where eip is in the reply to "g".
EIP = 8


class Client:
    """A connection, as gdb makes it."""

    def __init__(self, address: str) -> None:
        if address.startswith("unix:"):
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.connect(address[5:])
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SECONDS)
        self._reader = Reader()
        self._items: list[bytes] = []
        self.others: list[Kind] = []

    def send(self, body: bytes | str) -> None:
        """Send a packet."""
        self.socket.sendall(packet(body.encode() if isinstance(body, str) else body))

    def reply(self) -> bytes:
        """The next packet that comes."""
        while not self._items:
            data = self.socket.recv(4096)
            assert data, "the connection has ended"
            for item in self._reader.feed(data):
                if item.kind is Kind.PACKET:
                    self._items.append(item.body)
                    self.socket.sendall(b"+")
                else:
                    self.others.append(item.kind)
        return self._items.pop(0)

    def ask(self, body: bytes | str) -> bytes:
        """Send a packet, and take the reply."""
        self.send(body)
        return self.reply()

    def monitor(self, line: str) -> str:
        """What a monitor command prints."""
        self.send("qRcmd," + line.encode().hex())
        said = bytearray()
        while (body := self.reply()) != b"OK":
            assert body[:1] == b"O", body
            said += bytes.fromhex(body[1:].decode())
        return said.decode()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.socket.sendall(b"\x03")

    def register(self, number: int) -> int:
        """A register, by gdb's number."""
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}").decode()), "little")

    @property
    def pc(self) -> int:
        """The linear address of the next instruction."""
        return self.register(EIP)

    def ended(self) -> bool:
        """Wait for the end of the connection."""
        while self.socket.recv(4096):
            pass
        return True

    def close(self) -> None:
        """End the connection."""
        self.socket.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def served(
    boot: bytes, address: str = "127.0.0.1:0", *, stopped: bool = True, **options: Any
) -> Iterator[tuple[Machine, str, Running[Exit]]]:
    """A machine with a gdb server that another thread runs: the machine, where the server listens,
    and the run."""
    with Machine(boot, **options) as m, m.gdbserver(address, stopped=stopped) as server:
        run = Running(lambda: m.run(wall=60))
        try:
            yield m, server.address, run
        finally:
            if run.going:
                m.stop()
            run.thread.join()


Connect = Callable[..., Client]
