"""Back ends for tests: sockets in private directories, back ends that lie or say nothing."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Mapping

from pyx86emu.virtio.vhost.channel import Cancelled, Channel
from pyx86emu.virtio.vhost.numbers import REPLY, Request

VERSION_1 = 1 << 32
#: The least that a back end answers.
ANSWERS = {
    Request.GET_FEATURES: struct.pack("=Q", VERSION_1 | 1 << 30),
    Request.GET_PROTOCOL_FEATURES: struct.pack("=Q", 1 << 9),
    Request.GET_CONFIG: struct.pack("=III", 0, 60, 0) + bytes(60),
    Request.GET_VRING_BASE: struct.pack("=II", 0, 0),
}


class Peer:
    """A back end that answers what ANSWERS has, or `others`, where None is nothing. It notes what
    was asked."""

    def __init__(self, others: Mapping[Request, bytes | None] | None = None) -> None:
        self.asked: list[str] = []
        self._answers: dict[int, bytes | None] = {**ANSWERS, **(others or {})}
        self._channels: list[Channel] = []
        self._threads: list[threading.Thread] = []

    def connect(self) -> socket.socket:
        """The front end's end of a new connection."""
        here, there = socket.socketpair()
        self.take(there)
        return here

    def take(self, there: socket.socket) -> None:
        """Answer at this socket."""
        channel = Channel(there)
        thread = threading.Thread(target=self._serve, args=(channel,), daemon=True)
        self._channels.append(channel)
        self._threads.append(thread)
        thread.start()

    def _serve(self, channel: Channel) -> None:
        try:
            while True:
                message = channel.receive()
                self.asked.append(message.name)
                answer = self._answers.get(message.request)
                message.fds.close()
                if answer is not None:
                    channel.send(message.request, answer, flags=REPLY)
        except (OSError, Cancelled):
            pass
        finally:
            channel.sock.close()

    def hang_up(self) -> None:
        """Close the newest connection."""
        self._channels[-1].cancel()
        self._threads[-1].join()

    def close(self) -> None:
        """Read what is left; the front end has closed its end."""
        for channel, thread in zip(self._channels, self._threads, strict=True):
            thread.join(10)
            channel.cancel()
            thread.join()
            channel.close()
