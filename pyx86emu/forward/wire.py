"""The wire: pack and check the messages of KVM's proposed ioregionfd. Knows no socket.

The layout is that of include/uapi/linux/ioregion.h in "[RFC v3 0/5] Introduce MMIO/PIO dispatch
file descriptors (ioregionfd)", Elena Afanasova, kvm@vger.kernel.org, 21 February 2021. It was never
merged. Both messages have 32 bytes, in the byte order of the host.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

IOREGIONFD_CMD_READ = 0
IOREGIONFD_CMD_WRITE = 1
IOREGIONFD_SIZE_8BIT = 0
IOREGIONFD_SIZE_16BIT = 1
IOREGIONFD_SIZE_32BIT = 2
IOREGIONFD_SIZE_64BIT = 3
#: In the byte of the size: a response has to come.
IOREGIONFD_RESP = 1 << 4

#: Bytes of a message, in either direction.
LENGTH = 32

_COMMAND = Struct("=BB6sQQQ")
#: By cmd and the byte after it: write, size in bytes, respond. What is missing means nothing.
_KINDS = {
    (cmd, exponent | resp): (bool(cmd), 1 << exponent, bool(resp))
    for cmd in (IOREGIONFD_CMD_READ, IOREGIONFD_CMD_WRITE)
    for exponent in range(IOREGIONFD_SIZE_64BIT + 1)
    for resp in (0, IOREGIONFD_RESP)
    if cmd or resp
}
_RESPONSE = Struct("=Q24s")
#: size_exponent of a size in bytes.
EXPONENT = {
    1: IOREGIONFD_SIZE_8BIT,
    2: IOREGIONFD_SIZE_16BIT,
    4: IOREGIONFD_SIZE_32BIT,
    8: IOREGIONFD_SIZE_64BIT,
}
_PAD = bytes(6)

pack_command = _COMMAND.pack
pack_response = _RESPONSE.pack


class Command(NamedTuple):
    """An access of the guest: struct ioregionfd_cmd."""

    write: bool
    size: int
    """Bytes: 1, 2, 4 or 8."""
    respond: bool
    """A response has to be sent. Always so for a read; for a write unless it is posted."""
    user_data: int
    """The cookie of the range."""
    offset: int
    """Bytes from the start of the range."""
    data: int
    """What is written; 0 for a read."""

    def pack(self) -> bytes:
        """Its 32 bytes."""
        how = EXPONENT[self.size] | (IOREGIONFD_RESP if self.respond else 0)
        return pack_command(self.write, how, _PAD, self.user_data, self.offset, self.data)


def command(message: bytes) -> Command:
    """What 32 bytes mean. ValueError: they are no command, and why.

    >>> command(Command(True, 2, False, 7, 4, 0x1234).pack())
    Command(write=True, size=2, respond=False, user_data=7, offset=4, data=4660)
    """
    return next(commands(message))


def commands(messages: bytes) -> Iterator[Command]:
    """The same for any number of messages."""
    make = Command._make
    for cmd, how, pad, user_data, offset, data in _COMMAND.iter_unpack(messages):
        kind = _KINDS.get((cmd, how))
        if kind is None:
            raise ValueError(_wrong(cmd, how))
        write, size, respond = kind
        if pad != _PAD:
            raise ValueError("padding is not 0")
        if data and (data >> 8 * size or not write):
            what = "write" if write else "read"
            raise ValueError(f"data is {data:#x} in a {what} of {_bytes(size)}")
        yield make((write, size, respond, user_data, offset, data))


def _wrong(cmd: int, how: int) -> str:
    if cmd not in (IOREGIONFD_CMD_READ, IOREGIONFD_CMD_WRITE):
        return f"cmd is {cmd}, not 0 (read) or 1 (write)"
    if how > 31 or how & 15 > IOREGIONFD_SIZE_64BIT:
        return f"the byte of size_exponent and resp is {how:#x}: a size is 0 to 3"
    return "a read that wants no response"


def _bytes(size: int) -> str:
    return f"{size} byte{'s' * (size > 1)}"


def response(data: int) -> bytes:
    """The 32 bytes of struct ioregionfd_resp: what was read, 0 after a write."""
    return pack_response(data, b"")


def answer(message: bytes, write: bool, size: int) -> int:
    """The data of a response. ValueError: it is none to an access of `size` bytes, and why.

    >>> answer(response(0x12), False, 1)
    18
    >>> answer(response(0x1234), False, 1)
    Traceback (most recent call last):
    ValueError: data is 0x1234 in the response to a read of 1 byte
    """
    data: int
    data, pad = _RESPONSE.unpack(message)
    if pad.strip(b"\0"):
        raise ValueError("pad of a response is not 0")
    if data >> 8 * size or (write and data):
        what = f"{'write' if write else 'read'} of {_bytes(size)}"
        raise ValueError(f"data is {data:#x} in the response to a {what}")
    return data
