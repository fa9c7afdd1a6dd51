"""Lines over sockets: a serial port of the guest calls a server, or is one, over TCP or Unix."""

import os
import re
import select
import socket
from contextlib import suppress

from .. import unixsocket
from .lines import Line, Say, StreamLine
from .status import UsageError, reason
from .values import WHOLE

#: Host seconds for a server to answer a call, before the guest starts.
CALL = 10.0


class SocketLine(StreamLine):
    """A connection to another program. When that ends, a server waits for the next one."""

    def __init__(
        self, where: str, peer: socket.socket | None, server: socket.socket | None
    ) -> None:
        super().__init__()
        self.where = where
        self._server = server
        self._path: str | None = None  # of a Unix socket that we have made
        if peer is not None:
            self._join(peer)

    def _join(self, peer: socket.socket) -> None:
        peer.setblocking(False)
        with suppress(OSError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._in = self._out = peer.detach()

    def accept(self, wait: float | None = 0) -> bool:
        """Take the next caller, if nobody is connected. False: nobody has called for `wait`
        seconds of the host; None: wait for ever."""
        if self._server is None or self._in >= 0:
            return self._in >= 0
        poll = select.poll()
        poll.register(self._server, select.POLLIN)
        if not poll.poll(None if wait is None else wait * 1000):
            return False
        try:
            peer, _ = self._server.accept()
        except OSError:
            return False  # it has given up
        self._join(peer)
        return True

    def poll(self) -> None:
        self.accept()
        super().poll()

    def close(self) -> None:
        super().close()
        if self._server is not None:
            self._server.close()
            self._server = None
            if self._path is not None:
                with suppress(OSError):
                    os.unlink(self._path)

    def __repr__(self) -> str:
        return f"<SocketLine {self.where}>"


def open_socket(text: str, option: str, say: Say) -> Line:
    """`tcp:HOST:PORT` or `unix:PATH`, then `,server`, then `,nowait` or `,wait=off`.

    A server waits for its first caller here, unless told not to. UsageError: see `open_line`.
    """
    kind, _, rest = text.partition(":")
    address, *words = rest.split(",")
    server, wait = _words(words, f"{option} {text}")
    try:
        if kind == "tcp":
            line = _tcp(address, server, f"{option} {text}", say)
        else:
            line = _unix(address, server, f"{option} {text}", say)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else str(error)
        raise UsageError(f"{option} {text}: {why}") from error
    if server and wait:
        say("serial line: waiting for a connection")
        try:
            line.accept(None)
        except BaseException:
            line.close()
            raise
    return line


def _words(words: list[str], what: str) -> tuple[bool, bool]:
    """(it is a server, it waits)."""
    server, wait = False, True
    for word in words:
        if word in ("server", "server=on"):
            server = True
        elif word == "server=off":
            server = False
        elif word in ("nowait", "wait=off"):
            wait = False
        elif word == "wait=on":
            wait = True
        elif word not in ("nodelay", "nodelay=on"):
            raise UsageError(f"{what}: {word!r} is not known, give server, nowait or wait=off")
    return server, wait


def _tcp(address: str, server: bool, what: str, say: Say) -> SocketLine:
    host, colon, port = address.rpartition(":")
    if not colon or not re.fullmatch(WHOLE, port) or int(port) > 65535:
        raise UsageError(f"{what}: give tcp:HOST:PORT, such as tcp:localhost:4444")
    named = host.removeprefix("[").removesuffix("]")
    if not server:
        peer = socket.create_connection((named or "127.0.0.1", int(port)), CALL)
        return SocketLine(f"{named or '127.0.0.1'}:{port}", peer, None)
    # Without a host only programs of this host can call.
    info = socket.getaddrinfo(
        named or "127.0.0.1", int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    family, _, _, _, where = info[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(1)
        listening.setblocking(False)
        at, number = listening.getsockname()[:2]
    except BaseException:
        listening.close()
        raise
    shown = f"[{at}]:{number}" if ":" in at else f"{at}:{number}"
    say(f"serial line: listening on {shown}")
    if not _is_loopback(at):
        say(f"warning: whoever can reach {shown} can read and type on the guest's serial line")
    return SocketLine(shown, None, listening)


def _is_loopback(address: str) -> bool:
    from ipaddress import ip_address

    return ip_address(address.partition("%")[0]).is_loopback


def _unix(path: str, server: bool, what: str, say: Say) -> SocketLine:
    if not path:
        raise UsageError(f"{what}: name a socket, such as unix:/tmp/serial")
    if server:
        one = unixsocket.listen(path)
        one.setblocking(False)
        say(f"serial line: listening on {path}")
        line = SocketLine(path, None, one)
        line._path = path
        return line
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.settimeout(CALL)
        one.connect(path)
    except BaseException:
        one.close()
        raise
    return SocketLine(path, one, None)
