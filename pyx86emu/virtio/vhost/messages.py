"""Messages of vhost-user: put them into bytes, take them apart, check each. Know no socket.

A message is a header (request, flags, size: 32 bits each, in the host's byte order), a payload and
descriptors. `check_request` and `check_reply` say what each request may have.
"""

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import NamedTuple

from ...errors import Pyx86Error
from .numbers import (
    MOST_CONFIG,
    MOST_REGIONS,
    NEED_REPLY,
    REPLIED,
    REPLY,
    VERSION,
    VERSION_MASK,
    VRING_NO_FD,
    Request,
)

HEADER = struct.Struct("=III")
U64 = struct.Struct("=Q")
STATE = struct.Struct("=II")  # index, num
ADDR = struct.Struct("=IIQQQQ")  # index, flags, descriptor, used, available, log
TABLE = struct.Struct("=II")  # number of regions, padding
REGION = struct.Struct("=QQQQ")  # guest address, size, user address, mmap offset
ONE_REGION = struct.Struct("=QQQQQ")  # padding, then a region
CONFIG = struct.Struct("=III")  # offset, size, flags
INFLIGHT = struct.Struct("=QQHH4x")  # mmap size, mmap offset, number of queues, size of a queue
#: The description is 20 bytes; some programs send the C struct, which has 4 bytes of padding.
INFLIGHT_BARE = 20

#: No message has a longer payload.
MOST_PAYLOAD = TABLE.size + MOST_REGIONS * REGION.size + MOST_CONFIG


class ProtocolError(Pyx86Error, ConnectionError):
    """The other side of a vhost-user socket does not keep to the protocol, or refuses a request.
    The connection is closed then."""


class Fds:
    """Descriptors that came with a message. They are closed by `close()`, or when this is dropped;
    `take()` gives them away."""

    __slots__ = ("_fds",)

    def __init__(self, fds: Iterable[int] = ()) -> None:
        self._fds = list(fds)

    def __len__(self) -> int:
        return len(self._fds)

    def __iter__(self) -> Iterator[int]:
        return iter(tuple(self._fds))

    def add(self, fds: Iterable[int]) -> None:
        """More of the same message."""
        self._fds += fds

    def take(self) -> list[int]:
        """All of them; the caller closes them."""
        fds, self._fds = self._fds, []
        return fds

    def close(self) -> None:
        """Close those that nobody took. A second call does nothing."""
        for fd in self.take():
            with suppress(OSError):
                os.close(fd)

    def __del__(self) -> None:
        self.close()


class Message(NamedTuple):
    """One message. `request` is a number, which may be unknown; `fds` belong to the message."""

    request: int
    flags: int
    payload: bytes
    fds: Fds

    @property
    def name(self) -> str:
        return name_of(self.request)

    @property
    def need_reply(self) -> bool:
        return bool(self.flags & NEED_REPLY)

    def u64(self) -> int:
        value: int = U64.unpack(self.payload)[0]
        return value

    def state(self) -> tuple[int, int]:
        index, num = STATE.unpack(self.payload)
        return index, num


class Region(NamedTuple):
    """A piece of guest memory: guest-physical address, size, the front end's own address, and the
    offset in the file of its descriptor."""

    guest: int
    size: int
    user: int
    offset: int = 0

    def check(self) -> None:
        """ProtocolError: it is empty, or its end is beyond 64 bits."""
        if not self.size or max(self.guest, self.user, self.offset) + self.size > 1 << 64:
            raise ProtocolError(
                f"a memory region of {self.size:#x} bytes at guest address {self.guest:#x}, user "
                f"address {self.user:#x}, offset {self.offset:#x} is empty or ends beyond 2**64"
            )


def name_of(request: int) -> str:
    try:
        return Request(request).name
    except ValueError:
        return f"request {request}"


# -- requests ------------------------------------------------------------------------------------

_NOTHING = range(1)
_U64, _STATE, _ADDR = (range(s.size, s.size + 1) for s in (U64, STATE, ADDR))
_TABLE = range(TABLE.size, TABLE.size + MOST_REGIONS * REGION.size + 1, REGION.size)
_REGION = range(ONE_REGION.size, ONE_REGION.size + 1)
_CONFIG = range(CONFIG.size + 1, CONFIG.size + MOST_CONFIG + 1)
_INFLIGHT = range(INFLIGHT_BARE, INFLIGHT.size + 1, INFLIGHT.size - INFLIGHT_BARE)
_NO_FD, _AN_FD, _PERHAPS = range(1), range(1, 2), range(2)


class Shape(NamedTuple):
    """What a request has: the sizes of its payload, the numbers of its descriptors."""

    sizes: range
    fds: range = _NO_FD


#: With a descriptor, or with bit 8 that says that there is none.
EVENT = Shape(_U64, _PERHAPS)
SHAPES = {
    Request.GET_FEATURES: Shape(_NOTHING),
    Request.SET_FEATURES: Shape(_U64),
    Request.SET_OWNER: Shape(_NOTHING),
    Request.RESET_OWNER: Shape(_NOTHING),
    Request.SET_MEM_TABLE: Shape(_TABLE, range(MOST_REGIONS + 1)),
    Request.SET_VRING_NUM: Shape(_STATE),
    Request.SET_VRING_ADDR: Shape(_ADDR),
    Request.SET_VRING_BASE: Shape(_STATE),
    Request.GET_VRING_BASE: Shape(_STATE),
    Request.SET_VRING_KICK: EVENT,
    Request.SET_VRING_CALL: EVENT,
    Request.SET_VRING_ERR: EVENT,
    Request.GET_PROTOCOL_FEATURES: Shape(_NOTHING),
    Request.SET_PROTOCOL_FEATURES: Shape(_U64),
    Request.GET_QUEUE_NUM: Shape(_NOTHING),
    Request.SET_VRING_ENABLE: Shape(_STATE),
    Request.GET_CONFIG: Shape(_CONFIG),
    Request.SET_CONFIG: Shape(_CONFIG),
    Request.GET_INFLIGHT_FD: Shape(_INFLIGHT),
    Request.SET_INFLIGHT_FD: Shape(_INFLIGHT, _AN_FD),
    Request.RESET_DEVICE: Shape(_NOTHING),
    Request.GET_MAX_MEM_SLOTS: Shape(_NOTHING),
    Request.ADD_MEM_REG: Shape(_REGION, _AN_FD),
    # "The back-end MAY accept messages with one file descriptor" and closes it.
    Request.REM_MEM_REG: Shape(_REGION, _PERHAPS),
}
#: The payloads of replies. GET_CONFIG has also none, which is an error of the back end.
REPLIES = {
    Request.GET_VRING_BASE: Shape(_STATE),
    Request.GET_CONFIG: Shape(range(CONFIG.size + MOST_CONFIG + 1)),
    Request.GET_INFLIGHT_FD: Shape(_INFLIGHT, _PERHAPS),
}


def header(data: bytes) -> tuple[int, int, int]:
    """Request, flags and size of the payload. ProtocolError: another version, or more than any
    message has."""
    request, flags, size = HEADER.unpack(data)
    if flags & VERSION_MASK != VERSION:
        raise ProtocolError(
            f"{name_of(request)}: flags {flags:#x} have another version than {VERSION}"
        )
    if size > MOST_PAYLOAD:
        raise ProtocolError(
            f"{name_of(request)}: a payload of {size} bytes, none has more than {MOST_PAYLOAD}"
        )
    return request, flags, size


def packed(request: int, payload: bytes = b"", flags: int = 0) -> bytes:
    """The bytes of a message; the version is added to `flags`."""
    return HEADER.pack(request, VERSION | flags, len(payload)) + payload


def _fits(message: Message, shape: Shape, what: str) -> None:
    if len(message.payload) not in shape.sizes:
        raise ProtocolError(
            f"{what}: a payload of {len(message.payload)} bytes, {_words(shape.sizes)} expected"
        )
    if len(message.fds) not in shape.fds:
        raise ProtocolError(f"{what}: {len(message.fds)} descriptors, {_words(shape.fds)} expected")


def _words(numbers: range) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def check_request(message: Message) -> Request:
    """What a back end gets. ProtocolError: an unknown request, a reply, or a payload or a number of
    descriptors that this request cannot have."""
    try:
        request = Request(message.request)
        shape = SHAPES[request]
    except (ValueError, KeyError):
        raise ProtocolError(
            f"{message.name} is not supported: negotiate no feature that needs it"
        ) from None
    if message.flags & REPLY:
        raise ProtocolError(f"{message.name} came from the front end with the flag of a reply")
    _fits(message, shape, message.name)
    if request is Request.SET_MEM_TABLE:
        count = TABLE.unpack_from(message.payload)[0]
        if TABLE.size + count * REGION.size != len(message.payload) or count != len(message.fds):
            raise ProtocolError(
                f"SET_MEM_TABLE of {count} regions has {len(message.payload)} bytes and "
                f"{len(message.fds)} descriptors"
            )
    elif request in (Request.GET_CONFIG, Request.SET_CONFIG):
        check_config(message)
    elif shape is EVENT and bool(message.u64() & VRING_NO_FD) == bool(len(message.fds)):
        raise ProtocolError(f"{message.name}: bit 8 and the descriptors contradict each other")
    return request


def check_config(message: Message) -> tuple[int, bytes]:
    """Offset and bytes of GET_CONFIG and SET_CONFIG. ProtocolError: the sizes differ."""
    if len(message.payload) < CONFIG.size:
        raise ProtocolError(f"{message.name} with {len(message.payload)} bytes has no header")
    offset, size, _ = CONFIG.unpack_from(message.payload)
    data = message.payload[CONFIG.size :]
    if size != len(data) or offset + size > MOST_CONFIG:
        raise ProtocolError(
            f"{message.name}: {size} bytes at offset {offset}, and {len(data)} bytes came; there "
            f"are at most {MOST_CONFIG}"
        )
    return offset, data


def check_reply(message: Message, asked: Request) -> None:
    """What a front end gets for a request. ProtocolError: it answers another request, is no reply,
    or has a payload or a number of descriptors that this reply cannot have."""
    if message.request != asked or not message.flags & REPLY:
        raise ProtocolError(
            f"the back end answers {asked.name} with {message.name}, flags {message.flags:#x}"
        )
    shape = REPLIES.get(asked, Shape(_U64)) if asked in REPLIED else Shape(_U64)
    _fits(message, shape, f"the reply to {asked.name}")


# -- payloads --------------------------------------------------------------------------------------


def table(regions: Iterable[Region]) -> bytes:
    """The payload of SET_MEM_TABLE."""
    rows = [REGION.pack(*region) for region in regions]
    return TABLE.pack(len(rows), 0) + b"".join(rows)


def regions_of(message: Message) -> list[Region]:
    """The regions of SET_MEM_TABLE, ADD_MEM_REG or REM_MEM_REG. ProtocolError: one is empty or too
    long, or two share an address."""
    if message.request == Request.SET_MEM_TABLE:
        rows = [Region(*row) for row in REGION.iter_unpack(message.payload[TABLE.size :])]
    else:
        rows = [Region(*ONE_REGION.unpack(message.payload)[1:])]
    for region in rows:
        region.check()
    apart(rows)
    return rows


def apart(regions: Iterable[Region]) -> None:
    """ProtocolError: two regions share a guest address or a user address."""
    rows = list(regions)
    for key, what in ((0, "guest"), (2, "user")):
        ordered = sorted(rows, key=lambda region: region[key])
        for one, other in pairwise(ordered):
            if one[key] + one.size > other[key]:
                raise ProtocolError(
                    f"two memory regions have {what} address {other[key]:#x}: {one}, {other}"
                )
