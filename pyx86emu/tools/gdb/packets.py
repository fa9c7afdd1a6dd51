"""Packets: take apart and put together the frames of gdb's remote protocol. Know no command.

A packet is "$", its body, "#", and the sum of the body's bytes in two hexadecimal digits. In the
body "}" and a byte are that byte XOR 20h (GDB manual, appendix E.1, "Overview").
"""

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

#: The longest body that is taken, and that gdb is told (PacketSize).
MOST = 0x4000
ESCAPE = 0x7D
#: Bytes of a body that are escaped.
SPECIAL = frozenset(b"#$}*")
INTERRUPT = 0x03


class Kind(Enum):
    """What came."""

    PACKET = auto()
    ACK = auto()
    AGAIN = auto()
    """The other side asks for the last packet again."""
    INTERRUPT = auto()
    """Ctrl-C."""
    BAD = auto()
    """A packet that is too long or whose sum is wrong."""


class Item(NamedTuple):
    """One thing that came; `body` of a packet, without escapes."""

    kind: Kind
    body: bytes = b""


SIMPLE = {
    ord("+"): Kind.ACK,
    ord("-"): Kind.AGAIN,
    INTERRUPT: Kind.INTERRUPT,
}


class Reader:
    """Cuts what comes over a connection into packets. It keeps at most one of them."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._sum = bytearray()
        self._state = self._between
        self._too_long = False
        self._found: list[Item] = []

    def feed(self, data: bytes) -> Iterator[Item]:
        """What is complete with these bytes."""
        for byte in data:
            self._state(byte)
            if self._found:
                yield self._found.pop()

    def _between(self, byte: int) -> None:
        if byte == ord("$"):
            self._begin()
        elif byte in SIMPLE:
            self._found.append(Item(SIMPLE[byte]))

    def _begin(self) -> None:
        self._body.clear()
        self._sum.clear()
        self._too_long = False
        self._state = self._inside

    def _inside(self, byte: int) -> None:
        if byte == ord("#"):
            self._state = self._ending
        elif byte == ord("$"):
            self._begin()  # the last one was cut off
        elif len(self._body) >= MOST:
            self._too_long = True
        else:
            self._body.append(byte)

    def _ending(self, byte: int) -> None:
        self._sum.append(byte)
        if len(self._sum) < 2:
            return
        self._state = self._between
        body = bytes(self._body)
        given = self._sum.decode("latin-1").lower()
        if self._too_long or given != f"{sum(body) & 0xFF:02x}":
            self._found.append(Item(Kind.BAD))
        else:
            self._found.append(Item(Kind.PACKET, unescaped(body)))


def unescaped(body: bytes) -> bytes:
    """A body without its escapes.

    >>> unescaped(b"a}\\x03b")
    b'a#b'
    """
    if ESCAPE not in body:
        return body
    out = bytearray()
    bytes_ = iter(body)
    for byte in bytes_:
        out.append(byte if byte != ESCAPE else next(bytes_, 0x5D) ^ 0x20)
    return bytes(out)


def escaped(data: bytes) -> bytes:
    """Data as it is in a body.

    >>> escaped(b"a#b")
    b'a}\\x03b'
    """
    if not SPECIAL.intersection(data):
        return data
    return b"".join(
        bytes((ESCAPE, byte ^ 0x20)) if byte in SPECIAL else bytes((byte,)) for byte in data
    )


def packet(body: bytes) -> bytes:
    """The frame of a body whose special bytes are escaped.

    >>> packet(b"OK")
    b'$OK#9a'
    """
    return b"$%b#%02x" % (body, sum(body) & 0xFF)
