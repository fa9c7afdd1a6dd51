"""The link to a back end: one that lies, says nothing, dies or comes back."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import EventFd, MachineError, Vm
from pyx86emu.virtio.vhost.link import Link
from pyx86emu.virtio.vhost.messages import ProtocolError
from pyx86emu.virtio.vhost.numbers import Request
from pyx86emu.virtio.vhost.regions import memory_of
from pyx86emu.virtio.vhost.sockets import Caller, Listener
from tests.harness import PATIENCE, descriptors, wait_until
from tests.virtio.ring import BlkQueue
from tests.virtio.vhost.peers import VERSION_1, Peer


@pytest.fixture
def vm() -> Iterator[Vm]:
    with Vm() as made:
        made.add_memory(0, 1 << 20, shared=True)
        yield made


@pytest.fixture
def queue(vm: Vm) -> Iterator[BlkQueue]:
    made = BlkQueue(vm, 0x10000)
    yield made
    made.close()


@contextmanager
def linked(peer: Peer, **options: Any) -> Iterator[tuple[Link, list[Exception]]]:
    """A link whose first session has begun, and why the back end could not be used any more."""
    failed: list[Exception] = []
    link = Link(peer.connect, on_failure=failed.append, **options)
    try:
        link.open(10)
        yield link, failed
    finally:
        link.close()
        peer.close()


def test_a_session_says_everything_in_order(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer()
    with linked(peer) as (link, _):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))
        link.stop(10)

    assert peer.asked == [
        *("GET_FEATURES", "GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "SET_OWNER"),
        *("SET_FEATURES", "SET_MEM_TABLE", "SET_VRING_NUM", "SET_VRING_BASE", "SET_VRING_ADDR"),
        *("SET_VRING_ERR", "SET_VRING_CALL", "SET_VRING_KICK", "SET_VRING_ENABLE"),
        *("SET_VRING_ENABLE", "GET_VRING_BASE"),
    ]


def test_a_back_end_that_dies_is_called_again(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer()
    with linked(peer) as (link, _):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))
        wait_until(lambda: "SET_VRING_ENABLE" in peer.asked)

        peer.hang_up()

        wait_until(lambda: peer.asked.count("SET_VRING_KICK") == 2)
        wait_until(lambda: link.error is None)
        assert link.sessions == 2


@pytest.mark.parametrize(
    ("request_", "answer", "words"),
    [
        (Request.GET_FEATURES, b"", "0 bytes, 8 expected"),
        (Request.GET_PROTOCOL_FEATURES, bytes(9), "9 bytes, 8 expected"),
    ],
)
def test_garbage_at_the_start_is_an_error(request_: Request, answer: bytes, words: str) -> None:
    peer = Peer({request_: answer})
    link = Link(peer.connect)
    before = descriptors()

    with pytest.raises(ProtocolError, match=words):
        link.open(10)

    link.close()
    peer.close()
    assert descriptors() <= before


def test_garbage_later_ends_the_session_for_good(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer({Request.GET_VRING_BASE: struct.pack("=II", 7, 0x10000)})
    with linked(peer) as (link, failed):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))

        link.stop(10)

        assert "entry 65536 of queue 7" in str(link.error)
        assert failed == [link.error]


def test_what_nobody_has_asked_for_ends_the_session(vm: Vm, queue: BlkQueue) -> None:
    with linked(Peer({Request.SET_VRING_ENABLE: bytes(8)})) as (link, failed):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))

        wait_until(lambda: failed)

    assert "nobody has asked for" in str(failed[0])


def test_a_back_end_that_never_answers_holds_nobody_up(vm: Vm, queue: BlkQueue) -> None:
    with linked(Peer({Request.GET_VRING_BASE: None}), patience=1000) as (link, _):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))
        assert link.settle(10)

        link.stop(0)  # it does not wait for the thread, which is cancelled

        wait_until(lambda: link.error is not None)


def test_nobody_at_the_path_says_what_to_do(tmp_path: Path) -> None:
    link = Link(Caller(f"{tmp_path}/none").connect)

    with pytest.raises(FileNotFoundError, match="start it first"):
        link.open(10)

    link.close()


def test_a_back_end_that_never_connects_is_a_timeout(tmp_path: Path) -> None:
    way = Listener(f"{tmp_path}/here")
    link = Link(way.connect)

    with pytest.raises(TimeoutError, match="no back end has connected"):
        link.open(0)

    link.close()
    way.close()


def test_rings_outside_shared_memory_are_an_error(vm: Vm) -> None:
    vm.add_memory(0x100000, 0x40000)
    queue = BlkQueue(vm, 0x100000)
    with linked(Peer()) as (link, failed):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))

        wait_until(lambda: failed)

    assert "ring at 0x100000, which is in no shared memory" in str(failed[0])
    queue.close()


def test_memory_that_nobody_shares_says_how(queue: BlkQueue) -> None:
    with Vm() as other:
        other.add_memory(0, 0x10000)

        with pytest.raises(MachineError, match="shared=True"):
            memory_of(other).shared()


def test_memory_that_is_added_later_is_sent(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer()
    with linked(peer) as (link, _):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))
        assert link.settle(10)

        vm.add_memory(0x200000, 0x10000, shared=True)
        link.memory_changed()
        assert link.settle(10)

    assert peer.asked.count("SET_MEM_TABLE") == 2


def test_a_vm_that_is_closed_first_ends_the_link(vm: Vm, queue: BlkQueue) -> None:
    with linked(Peer()) as (link, failed):
        link.start(VERSION_1, [queue.queue()], memory_of(vm))
        assert link.settle(10)

        vm.close()
        link.memory_changed()

        wait_until(lambda: failed)

    assert isinstance(failed[0], MachineError)


def test_a_close_whose_wake_is_read_at_once_ends_the_thread(vm: Vm) -> None:
    class Wake(EventFd):
        """Before its first read another thread closes the link."""

        written = threading.Event()
        closer: threading.Thread | None = None

        def write(self, value: int = 1) -> None:
            super().write(value)
            if link._closing:
                self.written.set()

        def read(self) -> int:
            if self.closer is None:
                self.closer = threading.Thread(target=link.close, daemon=True)
                self.closer.start()
                assert self.written.wait(PATIENCE)
            return super().read()

    link = Link(Peer().connect)
    link._wake.close()
    link._wake = wake = Wake()
    link.memory_changed()

    wait_until(lambda: wake.closer is not None and not wake.closer.is_alive())
