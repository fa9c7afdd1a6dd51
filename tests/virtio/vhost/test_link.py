"""The link to a back end: one that lies, says nothing, dies or comes back."""

from __future__ import annotations

import gc
import os
import struct
from collections.abc import Iterator

import pytest

from pyx86emu import MachineError, Vm
from pyx86emu.virtio.vhost.link import Link
from pyx86emu.virtio.vhost.messages import Message, ProtocolError
from pyx86emu.virtio.vhost.numbers import Request
from pyx86emu.virtio.vhost.regions import memory_of
from pyx86emu.virtio.vhost.sockets import Caller, Listener
from tests.harness import wait_until
from tests.virtio.ring import BlkQueue
from tests.virtio.vhost.peers import ANSWERS, VERSION_1, Peer


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


def test_a_session_says_everything_in_order(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer()
    link = Link(peer.connect)
    link.open(10)

    link.start(VERSION_1, [queue.queue()], memory_of(vm))
    link.stop(10)

    link.close()
    peer.close()
    assert peer.asked == [
        *("GET_FEATURES", "GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "SET_OWNER"),
        *("SET_FEATURES", "SET_MEM_TABLE", "SET_VRING_NUM", "SET_VRING_BASE", "SET_VRING_ADDR"),
        *("SET_VRING_ERR", "SET_VRING_CALL", "SET_VRING_KICK", "SET_VRING_ENABLE"),
        *("SET_VRING_ENABLE", "GET_VRING_BASE"),
    ]


def test_a_back_end_that_dies_is_called_again(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer()
    link = Link(peer.connect)
    link.open(10)
    link.start(VERSION_1, [queue.queue()], memory_of(vm))
    wait_until(lambda: "SET_VRING_ENABLE" in peer.asked)

    peer.hang_up()

    wait_until(lambda: peer.asked.count("SET_VRING_KICK") == 2)
    wait_until(lambda: link.error is None)
    assert link.sessions == 2
    link.close()
    peer.close()


def liar(request: Request, answer: bytes) -> Peer:
    """Answers one request with something else."""

    def say(message: Message) -> bytes | None:
        if message.request == request:
            return answer
        return ANSWERS.get(Request(message.request))

    return Peer(say)


@pytest.mark.parametrize(
    ("request_", "answer", "words"),
    [
        (Request.GET_FEATURES, b"", "0 bytes, 8 expected"),
        (Request.GET_PROTOCOL_FEATURES, bytes(9), "9 bytes, 8 expected"),
    ],
)
def test_garbage_at_the_start_is_an_error(request_: Request, answer: bytes, words: str) -> None:
    peer = liar(request_, answer)
    link = Link(peer.connect)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))

    with pytest.raises(ProtocolError, match=words):
        link.open(10)

    link.close()
    peer.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_garbage_later_ends_the_session_for_good(vm: Vm, queue: BlkQueue) -> None:
    peer = liar(Request.GET_VRING_BASE, struct.pack("=II", 7, 0x10000))
    failed: list[Exception] = []
    link = Link(peer.connect, on_failure=failed.append)
    link.open(10)
    link.start(VERSION_1, [queue.queue()], memory_of(vm))

    link.stop(10)

    assert "entry 65536 of queue 7" in str(link.error)
    assert failed == [link.error]
    link.close()
    peer.close()


def test_what_nobody_has_asked_for_ends_the_session(vm: Vm, queue: BlkQueue) -> None:
    peer = liar(Request.SET_VRING_ENABLE, bytes(8))
    failed: list[Exception] = []
    link = Link(peer.connect, on_failure=failed.append)
    link.open(10)

    link.start(VERSION_1, [queue.queue()], memory_of(vm))

    wait_until(lambda: failed)
    assert "nobody has asked for" in str(failed[0])
    link.close()
    peer.close()


def test_a_back_end_that_never_answers_holds_nobody_up(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer(
        lambda message: (
            None
            if message.request == Request.GET_VRING_BASE
            else ANSWERS.get(Request(message.request))
        )
    )
    link = Link(peer.connect, patience=1000)
    link.open(10)
    link.start(VERSION_1, [queue.queue()], memory_of(vm))
    assert link.settle(10)

    link.stop(0)  # it does not wait for the thread, which is cancelled

    wait_until(lambda: link.error is not None)
    link.close()
    peer.close()


def test_nobody_at_the_path_says_what_to_do(tmp_path: os.PathLike[str]) -> None:
    link = Link(Caller(f"{tmp_path}/none").connect)

    with pytest.raises(FileNotFoundError, match="start it first"):
        link.open(10)

    link.close()


def test_a_back_end_that_never_connects_is_a_timeout(tmp_path: os.PathLike[str]) -> None:
    way = Listener(f"{tmp_path}/here")
    link = Link(way.connect)

    with pytest.raises(TimeoutError, match="no back end has connected"):
        link.open(0)

    link.close()
    way.close()


def test_rings_outside_shared_memory_are_an_error(vm: Vm) -> None:
    vm.add_memory(0x100000, 0x40000)
    queue = BlkQueue(vm, 0x100000)
    peer = Peer()
    failed: list[Exception] = []
    link = Link(peer.connect, on_failure=failed.append)
    link.open(10)

    link.start(VERSION_1, [queue.queue()], memory_of(vm))

    wait_until(lambda: failed)
    assert "ring at 0x100000, which is in no shared memory" in str(failed[0])
    link.close()
    peer.close()
    queue.close()


def test_memory_that_nobody_shares_says_how(queue: BlkQueue) -> None:
    with Vm() as other:
        other.add_memory(0, 0x10000)

        with pytest.raises(MachineError, match="shared=True"):
            memory_of(other).shared()


def test_memory_that_is_added_later_is_sent(vm: Vm, queue: BlkQueue) -> None:
    peer = Peer()
    link = Link(peer.connect)
    link.open(10)
    link.start(VERSION_1, [queue.queue()], memory_of(vm))

    assert link.settle(10)
    vm.add_memory(0x200000, 0x10000, shared=True)
    link.memory_changed()
    assert link.settle(10)

    link.close()
    peer.close()
    assert peer.asked.count("SET_MEM_TABLE") == 2


def test_a_vm_that_is_closed_first_ends_the_link(queue: BlkQueue) -> None:
    peer = Peer()
    vm = Vm()
    vm.add_memory(0, 1 << 20, shared=True)
    failed: list[Exception] = []
    link = Link(peer.connect, on_failure=failed.append)
    link.open(10)
    link.start(VERSION_1, [queue.queue()], memory_of(vm))
    assert link.settle(10)

    vm.close()
    link.memory_changed()

    wait_until(lambda: failed)
    assert isinstance(failed[0], MachineError)
    link.close()
    peer.close()
