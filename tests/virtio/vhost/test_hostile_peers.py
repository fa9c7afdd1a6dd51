"""Peers that misuse a vhost-user socket, forks of either side, and hosts without descriptors."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Machine, MachineError
from pyx86emu.virtio import BackEnd, BlkDriver, VhostUserBlk, VirtioBlk, serve
from pyx86emu.virtio.device import VirtioDevice
from pyx86emu.virtio.mmio import VirtioMmio
from pyx86emu.virtio.vhost.channel import Channel
from pyx86emu.virtio.vhost.inflight import new_memory
from pyx86emu.virtio.vhost.mapped import mapped
from pyx86emu.virtio.vhost.messages import U64
from pyx86emu.virtio.vhost.numbers import Request
from pyx86emu.virtio.vhost.sockets import Listener
from tests.harness import Running, descriptors, in_child, wait_until
from tests.virtio.driver import Registers, Ring
from tests.virtio.vhost.peers import Peer

MIB = 1 << 20


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path / "blk.sock"


# -- memory ----------------------------------------------------------------------------------------


def test_a_memfd_that_is_mapped_cannot_be_shrunk() -> None:
    fd = os.memfd_create("memory", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, MIB)

    view = mapped(fd, MIB, 0, "a memory region")

    with pytest.raises(PermissionError):
        os.ftruncate(fd, 0)
    assert view[-1] == 0
    os.close(fd)
    fd = new_memory(1, 8)
    mapped(fd, 64, 0, "the inflight memory")
    with pytest.raises(PermissionError):
        os.ftruncate(fd, 0)
    os.close(fd)


# -- queues that are never empty -------------------------------------------------------------------


class Fed(VirtioBlk):
    """Each request that is done is made available again, as often as `turns` grows."""

    turns = 0

    def done(self, index: int, batch: Any) -> None:
        super().done(index, batch)
        queue, transport = self.queues[index], self.transport
        if queue is None or transport is None:
            return
        _, avail, _ = queue.addresses
        made = struct.unpack("<H", transport.memory.read(avail + 2, 2))[0]
        for n, (head, *_) in enumerate(batch):
            at = avail + 4 + 2 * ((made + n) % queue.size)
            transport.memory.write(at, struct.pack("<H", head))
        transport.memory.write(avail + 2, struct.pack("<H", made + len(batch) & 0xFFFF))
        self.turns += 1


def test_a_queue_that_is_never_empty_leaves_time_for_messages(sock: Path) -> None:
    device = Fed(bytes(MIB))
    with contextlib.ExitStack() as stack:
        back = stack.enter_context(serve(device, sock))
        disk = stack.enter_context(BlkDriver(sock))
        disk.submit(0, 0, 512)
        wait_until(lambda: device.turns > 10)

        Running(disk.close).result()
        wait_until(lambda: device.transport is None)
        Running(back.close).result()


def test_an_eventfd_that_the_front_end_makes_blocking_keeps_nobody(sock: Path) -> None:
    with serve(VirtioBlk(bytes(MIB)), sock) as back, BlkDriver(sock) as disk:
        disk.read(0, 1)
        disk._queues[0].call.read()
        os.set_blocking(disk._queues[0].call.fileno(), True)
        disk._queues[0].call.write((1 << 64) - 2)

        disk.submit(0, 0, 512)

        wait_until(disk._queues[0].done)
        Running(back.close).result()


# -- answers ---------------------------------------------------------------------------------------


def test_a_back_end_that_only_rings_is_late(sock: Path) -> None:
    class Rings(VirtioDevice):
        device_id = 2
        name = "rings"
        queue_sizes = (256,)
        config = bytes(60)

        def kicked(self, index: int) -> None:
            if self.transport is not None:
                os.eventfd_write(self.transport.call(index), (1 << 64) - 2)

    with serve(Rings(), sock), BlkDriver(sock, timeout=0.3) as disk:
        disk._queues[0].call.read = lambda: 1  # type: ignore[method-assign]  # it has rung again by then
        disk.submit(0, 0, 512)

        with pytest.raises(TimeoutError, match="no request is done"):
            Running(disk.collect).result()


# -- no descriptor is left -------------------------------------------------------------------------


@contextlib.contextmanager
def no_descriptors() -> Iterator[None]:
    """No further descriptor can be made."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    fd = os.dup(0)
    os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (fd, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_back_end_without_descriptors_serves_when_it_has_some(sock: Path) -> None:
    front = socket.socket(socket.AF_UNIX)
    with serve(VirtioBlk(bytes(MIB)), sock) as back, Channel(front) as channel:
        with no_descriptors():
            front.connect(str(sock))
            wait_until(lambda: back.errors)
        assert all(isinstance(each, OSError) for each in back.errors)

        channel.send(Request.GET_QUEUE_NUM)
        assert channel.receive(10).u64() == 1


def test_what_a_device_raises_at_its_reset_leaves_no_descriptor() -> None:
    class Bad(VirtioBlk):
        def reset(self) -> None:
            super().reset()
            raise ZeroDivisionError

    before = descriptors()
    here, there = socket.socketpair()
    back = serve(Bad(bytes(MIB)), there, thread=False)
    with Channel(here) as front, back:
        for request in (Request.SET_VRING_CALL, Request.SET_VRING_ERR):
            front.send(request, U64.pack(0), (0,))
            back.step()
    assert [type(each) for each in back.errors] == [ZeroDivisionError]
    assert descriptors() == before


# -- forks -----------------------------------------------------------------------------------------


@pytest.mark.forks
def test_a_fork_leaves_the_connection_to_its_parent() -> None:
    peer = Peer()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(name := f"\0pyx86emu-{os.getpid()}")
    listener.listen()
    accepted = Running(lambda: peer.take(listener.accept()[0]))
    with listener, Machine(b"\xf4", shared=True) as m:
        device = VhostUserBlk(name)
        accepted.result()
        transport = VirtioMmio(device)
        m.attach(transport)
        Registers(transport).start({0: Ring(m.vm, 16)})
        assert device.settle()

        def child() -> None:
            began = time.monotonic()
            transport.reset_device()
            assert "fork" in str(device.error)
            device.close()
            assert time.monotonic() - began < 1

        assert in_child(child) == 0

        device.write_config(32, b"\0")
        device.memory_changed()
        assert device.settle()
        assert (device.connections, device.error) == (1, None)
        device.close()
    peer.close()


@pytest.mark.forks
def test_a_fork_leaves_the_socket_to_its_parent(sock: Path) -> None:
    with serve(VirtioBlk(bytes(MIB)), sock) as back, BlkDriver(sock) as disk:
        disk.write(0, b"x" * 512)

        assert in_child(back.close) == 0

        assert sock.exists()
        assert disk.read(0, 1) == b"x" * 512
        assert (disk.connections, back.connections) == (1, 1)
    assert not sock.exists()


@pytest.mark.forks
def test_a_fork_leaves_the_place_of_a_listener(sock: Path) -> None:
    way = Listener(str(sock))

    assert in_child(way.close) == 0

    assert sock.exists()
    way.close()
    assert not sock.exists()


def test_a_closed_back_end_gives_its_device_back(sock: Path) -> None:
    device = VirtioBlk(bytes(MIB))
    back: BackEnd = serve(device, sock)
    with pytest.raises(MachineError, match="in use already"):
        serve(device, sock.with_name("other.sock"))
    back.close()
    with serve(device, sock):
        pass
