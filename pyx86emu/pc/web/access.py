"""Access to the page: check tokens, hosts and origins. Knows no HTTP library."""

import socket
from enum import IntEnum
from hmac import compare_digest
from ipaddress import ip_address
from secrets import token_urlsafe

#: Names of this computer for itself.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
TOKEN_BYTES = 24


class Right(IntEnum):
    """What a visitor may do."""

    NOTHING = 0
    VIEW = 1
    TYPE = 2


def is_loopback(host: str) -> bool:
    """True if only this computer can reach a server that listens at this host."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Access:
    """The two tokens of one server, and the names under which browsers may reach it.

    A page of another site could name this server under a host name of its own, which it lets point
    to this address (DNS rebinding). So only numeric addresses, `localhost`, the host that was given
    at start and this computer's name are answered.

    >>> access = Access("127.0.0.1", 8000)
    >>> access.right(access.view_token).name, access.right("guess").name
    ('VIEW', 'NOTHING')
    >>> access.knows_host("localhost:8000"), access.knows_host("evil.example:8000")
    (True, False)
    """

    def __init__(self, host: str, port: int) -> None:
        self.type_token = token_urlsafe(TOKEN_BYTES)
        self.view_token = token_urlsafe(TOKEN_BYTES)
        self._port = port
        self._numeric = not is_loopback(host)
        self._names = set(LOOPBACK_NAMES)
        if self._numeric:
            self._names |= {host.lower(), socket.gethostname().lower()}

    def right(self, token: str | None) -> Right:
        """What the bearer of this token may do. It takes as long for any wrong token."""
        given = (token or "").encode("utf-8", "replace")
        right = Right.NOTHING
        for own, gives in ((self.view_token, Right.VIEW), (self.type_token, Right.TYPE)):
            if compare_digest(given, own.encode()):
                right = gives
        return right

    def knows_host(self, header: str | None) -> bool:
        """True if a Host header names this server."""
        name, colon, port = (header or "").lower().rpartition(":")
        if not colon or port.endswith("]"):  # no port: HTTP's own
            name, port = (header or "").lower(), "80"
        if port != str(self._port):
            return False
        if name in self._names:
            return True
        if not self._numeric:
            return False
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True

    def knows_origin(self, origin: str | None, host: str | None) -> bool:
        """True if a WebSocket or an upload comes from our own page."""
        return self.knows_host(host) and origin is not None and origin.lower() == f"http://{host}"
