"""The channel: whole messages, with their descriptors; each wait has an end."""

from __future__ import annotations

import array
import os
import socket
import threading
from collections.abc import Iterator

import pytest

from pyx86emu.virtio.vhost.channel import Cancelled, Channel, Closed
from pyx86emu.virtio.vhost.messages import HEADER, ProtocolError, packed
from pyx86emu.virtio.vhost.numbers import MOST_FDS
from tests.harness import descriptors


@pytest.fixture
def pair() -> Iterator[tuple[Channel, Channel]]:
    one, other = socket.socketpair()
    with Channel(one) as first, Channel(other) as second:
        yield first, second


def test_a_message_arrives_with_its_descriptor(pair: tuple[Channel, Channel]) -> None:
    here, there = pair
    event = os.eventfd(3)

    here.send(12, b"12345678", (event,), flags=8)
    got = there.receive(1)

    assert (got.request, got.flags, got.payload) == (12, 9, b"12345678")
    (fd,) = got.fds.take()
    assert os.eventfd_read(fd) == 3
    assert not os.get_inheritable(fd)
    os.close(fd)
    os.close(event)


def test_a_message_may_come_in_pieces(pair: tuple[Channel, Channel]) -> None:
    here, there = pair
    data = packed(2, b"12345678")
    for at in range(len(data)):
        here.sock.send(data[at : at + 1])

    assert there.receive(1).payload == b"12345678"


def test_half_a_message_is_waited_for_no_longer_than_the_time(
    pair: tuple[Channel, Channel],
) -> None:
    here, there = pair
    here.sock.send(packed(2, b"12345678")[:-1])

    with pytest.raises(TimeoutError, match="does not answer"):
        there.receive(0)


def test_descriptors_of_half_a_message_are_closed(pair: tuple[Channel, Channel]) -> None:
    here, there = pair
    event = os.eventfd(0)
    before = descriptors()
    socket.send_fds(here.sock, [packed(12, b"12345678")[:15]], [event, event])
    here.sock.shutdown(socket.SHUT_WR)

    with pytest.raises(Closed):
        there.receive(1)

    assert descriptors() <= before
    os.close(event)


@pytest.mark.parametrize("count", [MOST_FDS + 1, 100])
def test_too_many_descriptors_are_refused_and_closed(
    pair: tuple[Channel, Channel], count: int
) -> None:
    here, there = pair
    event = os.eventfd(0)
    before = descriptors()
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [event] * count))
    here.sock.sendmsg([HEADER.pack(12, 1, 0)], [rights])

    with pytest.raises(ProtocolError, match="more than 8 descriptors"):
        there.receive(1)

    assert descriptors() <= before
    os.close(event)


def test_another_thread_ends_a_wait(pair: tuple[Channel, Channel]) -> None:
    _, there = pair
    seen: list[BaseException] = []

    def wait() -> None:
        try:
            there.receive()
        except Cancelled as error:
            seen.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    there.cancel()
    thread.join(10)

    assert len(seen) == 1


def test_a_peer_that_is_gone_is_closed(pair: tuple[Channel, Channel]) -> None:
    here, there = pair
    here.close()

    with pytest.raises(Closed):
        there.receive(1)
    with pytest.raises(Closed):
        there.send(1)


def test_a_peer_that_does_not_read_is_a_timeout(pair: tuple[Channel, Channel]) -> None:
    here, _ = pair

    with pytest.raises(TimeoutError):
        while True:
            here.send(2, b"12345678", timeout=0)
