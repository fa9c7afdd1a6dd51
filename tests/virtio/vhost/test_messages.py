"""Messages of vhost-user: what is checked, in both directions."""

from __future__ import annotations

import os
import struct

import pytest

from pyx86emu.virtio.vhost.messages import (
    MOST_PAYLOAD,
    REGION,
    TABLE,
    Fds,
    Message,
    ProtocolError,
    Region,
    check_reply,
    check_request,
    header,
    packed,
    regions_of,
    table,
)
from pyx86emu.virtio.vhost.numbers import REPLY, Request

U64 = bytes(8)


def message(request: int, payload: bytes = b"", fds: int = 0, flags: int = 1) -> Message:
    return Message(request, flags, payload, Fds(os.eventfd(0) for _ in range(fds)))


def test_a_message_is_its_header_and_its_payload() -> None:
    data = packed(Request.SET_FEATURES, struct.pack("=Q", 7), flags=8)

    assert data == struct.pack("=IIIQ", 2, 1 | 8, 8, 7)
    assert header(data[:12]) == (2, 9, 8)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (struct.pack("=III", 1, 2, 0), "another version"),
        (struct.pack("=III", 1, 1, MOST_PAYLOAD + 1), "none has more than"),
        (struct.pack("=III", 1, 1, 0xFFFFFFFF), "none has more than"),
    ],
)
def test_a_header_of_no_message_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        header(data)


@pytest.mark.parametrize(
    ("request_", "payload", "fds", "flags", "words"),
    [
        (99, b"", 0, 1, "request 99 is not supported"),
        (Request.SET_LOG_BASE, U64, 0, 1, "SET_LOG_BASE is not supported"),
        (Request.GET_FEATURES, b"", 0, 1 | REPLY, "flag of a reply"),
        (Request.GET_FEATURES, b"x", 0, 1, "1 bytes, 0 expected"),
        (Request.SET_FEATURES, b"1234", 0, 1, "4 bytes, 8 expected"),
        (Request.SET_FEATURES, U64, 1, 1, "1 descriptors, 0 expected"),
        (Request.SET_MEM_TABLE, TABLE.pack(2, 0) + bytes(32), 1, 1, "of 2 regions has 40 bytes"),
        (Request.SET_MEM_TABLE, TABLE.pack(1, 0) + bytes(32), 0, 1, "0 descriptors"),
        (Request.SET_MEM_TABLE, TABLE.pack(9, 0) + bytes(288), 8, 1, "296 bytes, 8 to 264"),
        (Request.ADD_MEM_REG, bytes(40), 2, 1, "2 descriptors, 1 expected"),
        (Request.SET_VRING_KICK, U64, 0, 1, "contradict"),
        (Request.SET_VRING_CALL, struct.pack("=Q", 0x100), 1, 1, "contradict"),
        (Request.GET_CONFIG, struct.pack("=III", 0, 5, 0) + bytes(4), 0, 1, "5 bytes at offset 0"),
        (Request.SET_CONFIG, struct.pack("=III", 255, 2, 0) + bytes(2), 0, 1, "at most 256"),
        (Request.SET_INFLIGHT_FD, bytes(24), 0, 1, "0 descriptors, 1 expected"),
    ],
)
def test_a_request_that_cannot_be_is_refused(
    request_: int, payload: bytes, fds: int, flags: int, words: str
) -> None:
    with pytest.raises(ProtocolError, match=words):
        check_request(message(request_, payload, fds, flags))


@pytest.mark.parametrize(
    ("asked", "got", "words"),
    [
        (Request.GET_FEATURES, message(1, U64), "answers GET_FEATURES with GET_FEATURES, flags"),
        (Request.GET_FEATURES, message(2, U64, flags=5), "with SET_FEATURES"),
        (Request.GET_FEATURES, message(1, b"", flags=5), "0 bytes, 8 expected"),
        (Request.GET_FEATURES, message(1, U64, 1, 5), "1 descriptors"),
        (Request.GET_VRING_BASE, message(11, bytes(4), flags=5), "4 bytes"),
        (Request.SET_OWNER, message(3, bytes(4), flags=5), "4 bytes"),
    ],
)
def test_a_reply_to_something_else_is_refused(asked: Request, got: Message, words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        check_reply(got, asked)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([Region(0, 0, 0)], "is empty"),
        ([Region(1 << 63, 1 << 63, (1 << 63) + 1)], "ends beyond"),
        ([Region(0, 4096, 0, (1 << 64) - 1)], "ends beyond"),
        ([Region(0, 8192, 0), Region(4096, 4096, 1 << 20)], "guest address 0x1000"),
        ([Region(0, 8192, 0), Region(1 << 20, 4096, 4096)], "user address 0x1000"),
    ],
)
def test_regions_that_cannot_be_are_refused(rows: list[Region], words: str) -> None:
    with pytest.raises(ProtocolError, match=words):
        regions_of(message(Request.SET_MEM_TABLE, table(rows)))


def test_regions_come_back_as_they_went() -> None:
    rows = [Region(0, 4096, 1 << 56), Region(1 << 20, 8192, 1 << 57, 4096)]

    assert regions_of(message(Request.SET_MEM_TABLE, table(rows))) == rows
    assert len(table(rows)) == TABLE.size + 2 * REGION.size


def test_descriptors_that_nobody_takes_are_closed() -> None:
    fd = os.eventfd(0)
    fds = Fds([fd])

    del fds

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
