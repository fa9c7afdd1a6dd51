"""vhost-user: random messages to a back end, and random answers to a front end. Both must live on.

`python -m tests.fuzz.vhost --messages 100000` runs both directions; it uses the build that is
imported, the sanitizer build in nightly.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import struct
import sys
from collections.abc import Iterator

from pyx86emu import MachineError, Vm
from pyx86emu.virtio.blk import VirtioBlk
from pyx86emu.virtio.device import Vring
from pyx86emu.virtio.vhost.channel import Channel
from pyx86emu.virtio.vhost.messages import (
    ADDR,
    CONFIG,
    INFLIGHT,
    ONE_REGION,
    STATE,
    U64,
    Message,
    Region,
    table,
)
from pyx86emu.virtio.vhost.numbers import NEED_REPLY, REPLY, Request
from pyx86emu.virtio.vhost.regions import shared_slots
from pyx86emu.virtio.vhost.serve import serve
from pyx86emu.virtio.vhost.session import Session

MEMORY = 1 << 16
EDGES = (0, 1, 2, 7, 255, 256, 4095, 4096, 0xFFFF, 0x10000, 1 << 31, (1 << 32) - 1, (1 << 64) - 1)


class Source:
    """Random numbers, payloads and descriptors, most of them nearly right."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.memory = os.memfd_create("fuzz")
        os.ftruncate(self.memory, MEMORY)
        self.event = os.eventfd(0, os.EFD_NONBLOCK)
        self.pipe = os.pipe()
        self.file = os.open("/proc/self/cmdline", os.O_RDONLY)

    def close(self) -> None:
        for fd in (self.memory, self.event, *self.pipe, self.file):
            os.close(fd)

    def number(self, bits: int) -> int:
        kind = self.rng.random()
        if kind < 0.8:
            return self.rng.randrange(4)
        if kind < 0.95:
            return (self.rng.choice(EDGES) + self.rng.randrange(-1, 2)) & (1 << bits) - 1
        return self.rng.getrandbits(bits)

    def region(self) -> Region:
        if self.rng.random() < 0.7:
            return Region(0, MEMORY, 1 << 40, 0)
        return Region(*(self.number(64) for _ in range(4)))

    def payload(self, request: int) -> bytes:
        """A payload that this request may have."""
        n, rng = self.number, self.rng
        if request in (Request.SET_MEM_TABLE,):
            return table([self.region() for _ in range(rng.choice((1, 1, 1, 2, 8, 9)))])
        if request in (Request.ADD_MEM_REG, Request.REM_MEM_REG):
            return ONE_REGION.pack(0, *self.region())
        if request == Request.SET_VRING_ADDR:
            places = [(1 << 40) + 0x1000 * rng.randrange(17) for _ in range(3)]
            return ADDR.pack(n(32), 0, *(p if rng.random() < 0.9 else n(64) for p in places), 0)
        if request in (Request.GET_CONFIG, Request.SET_CONFIG):
            size = rng.choice((1, 8, 60, 255, 256))
            data = rng.randbytes(size)
            return CONFIG.pack(n(32), size if rng.random() < 0.8 else n(32), n(32)) + data
        if request in (Request.GET_INFLIGHT_FD, Request.SET_INFLIGHT_FD):
            return INFLIGHT.pack(
                rng.choice((n(64), MEMORY)), n(64) % 3, n(16), rng.choice((16, 256))
            )
        if request in (
            *(Request.SET_VRING_NUM, Request.SET_VRING_BASE, Request.GET_VRING_BASE),
            Request.SET_VRING_ENABLE,
        ):
            return STATE.pack(n(32), rng.choice((0, 1, 16, n(32))))
        if request in (Request.SET_FEATURES, Request.SET_PROTOCOL_FEATURES):
            return U64.pack(rng.choice((0, 1 << 32, 1 << 32 | 1 << 30, 1 << 3, n(64))))
        if request in (Request.SET_VRING_KICK, Request.SET_VRING_CALL, Request.SET_VRING_ERR):
            return U64.pack(rng.choice((0, 0, 0, 1, 0x100, n(64))))
        return b""

    def fds(self, request: int) -> tuple[int, ...]:
        if self.rng.random() < 0.04:
            some = (self.memory, self.event, *self.pipe, self.file)
            return tuple(self.rng.choices(some, k=self.rng.randrange(9)))
        if request in (Request.SET_VRING_KICK, Request.SET_VRING_CALL, Request.SET_VRING_ERR):
            return (self.event,)
        with_memory = (Request.SET_MEM_TABLE, Request.ADD_MEM_REG, Request.SET_INFLIGHT_FD)
        return (self.memory,) if request in with_memory else ()

    def bytes_of(self, data: bytes) -> bytes:
        """The same, or a little damaged."""
        if data and self.rng.random() < 0.04:
            data = data[: self.rng.randrange(len(data))] + self.rng.randbytes(self.rng.randrange(9))
        return data


def started(source: Source) -> Iterator[tuple[int, bytes, tuple[int, ...]]]:
    """A front end that does everything right: queue 0 runs, in memory of random bytes."""
    at = 1 << 40
    yield Request.SET_FEATURES, U64.pack(1 << 32 | 1 << 30), ()
    yield Request.SET_MEM_TABLE, table([Region(0, MEMORY, at)]), (source.memory,)
    if source.rng.random() < 0.3:
        yield Request.SET_INFLIGHT_FD, INFLIGHT.pack(0x2000, 0x8000, 1, 256), (source.memory,)
    yield Request.SET_VRING_NUM, STATE.pack(0, 16), ()
    yield Request.SET_VRING_ADDR, ADDR.pack(0, 0, at, at + 0x2000, at + 0x1000, 0), ()
    yield Request.SET_VRING_KICK, U64.pack(0), (source.event,)
    yield Request.SET_VRING_ENABLE, STATE.pack(0, 1), ()


def to_back_end(rng: random.Random, messages: int) -> tuple[int, list[Exception]]:
    """Send so many messages to back ends. Returns how many connections that took, and the errors
    that are no fault of the front end."""
    source, made, sent = Source(rng), 0, 0
    strange: list[Exception] = []
    device = VirtioBlk(bytes(1 << 20), queues=2)
    try:
        while sent < messages:
            here, there = socket.socketpair()
            made += 1
            with Channel(here) as front, serve(device, there, thread=False) as back:
                with contextlib.suppress(OSError):
                    if rng.random() < 0.8:
                        for request, payload, fds in started(source):
                            front.send(request, payload, fds)
                            back.step()
                            sent += 1
                    while sent < messages:
                        sent += 1
                        request = rng.choice((*Request, *Request, rng.randrange(64)))
                        payload = source.bytes_of(source.payload(request))
                        os.eventfd_write(source.event, 1)
                        os.pwrite(source.memory, rng.randbytes(16), rng.randrange(MEMORY))
                        flags = NEED_REPLY if rng.random() < 0.3 else 0
                        front.send(request, payload, source.fds(request), flags=flags, timeout=20)
                        back.step()
                        with contextlib.suppress(BlockingIOError, TimeoutError):
                            front.receive(0)
                front.sock.shutdown(socket.SHUT_WR)  # half a message ends, too
                back.step()
                faults = (ConnectionError, TimeoutError)
                strange += [each for each in back.errors if not isinstance(each, faults)]
    finally:
        source.close()
        device.close()
    return made, strange


def to_front_end(rng: random.Random, messages: int) -> int:
    """Answer the requests of front ends, so many in all, nearly right. Returns how many sessions
    that took."""
    sessions = answered = 0
    with Vm() as vm:
        vm.add_memory(0, MEMORY, shared=True)
        shared = shared_slots(vm)
        source = Source(rng)
        try:
            while answered < messages:
                here, there = socket.socketpair()
                sessions += 1
                with Channel(there) as back:
                    session = Answered(here, back, source)
                    with contextlib.suppress(OSError, MachineError):
                        session.begin()
                        session.queues()
                        session.config(60)
                        session.set_features(1 << 32)
                        session.set_memory(shared)
                        session.set_inflight(session.inflight(1, 16))
                        ring = Vring(0, 16, 0x1000, 0x2000, 0x3000)
                        session.start_queue(ring, 0, source.event, source.event)
                        session.stop_queue(0)
                        session.reset_device()
                    answered += session.answered
                    session.close()
        finally:
            source.close()
    return sessions


class Answered(Session):
    """A session whose back end is in the same thread: it answers as soon as something is asked."""

    def __init__(self, sock: socket.socket, back: Channel, source: Source) -> None:
        super().__init__(sock, 20)
        self._back, self._source = back, source
        self.answered = 0
        receive, self.channel.receive = self.channel.receive, self._receive  # type: ignore[method-assign]
        self._really = receive

    def _receive(self, timeout: float | None = None) -> Message:
        rng, source = self._source.rng, self._source
        while True:
            message = self._back.receive(0)
            message.fds.close()
            if message.need_reply or message.request in RIGHT:
                break
        self.answered += 1
        request = message.request if rng.random() < 0.95 else rng.randrange(64)
        right = RIGHT.get(message.request, U64.pack(0 if rng.random() < 0.95 else 1))
        if rng.random() < 0.1:
            right = source.payload(rng.choice(tuple(Request)))
        fds = (source.memory,) if message.request == Request.GET_INFLIGHT_FD else ()
        if rng.random() < 0.1:
            fds = source.fds(request)
        flags = REPLY if rng.random() < 0.97 else rng.getrandbits(32)
        self._back.send(request, source.bytes_of(right), fds, flags=flags, timeout=20)
        if rng.random() < 0.02:
            self._back.sock.shutdown(socket.SHUT_RDWR)
        return self._really(0)


RIGHT = {
    Request.GET_FEATURES: U64.pack(1 << 32 | 1 << 30),
    Request.GET_PROTOCOL_FEATURES: U64.pack((1 << 16) - 1),
    Request.GET_QUEUE_NUM: U64.pack(1),
    Request.GET_MAX_MEM_SLOTS: U64.pack(8),
    Request.GET_CONFIG: struct.pack("=III", 0, 60, 0) + bytes(60),
    Request.GET_INFLIGHT_FD: INFLIGHT.pack(4096, 0, 1, 16),
    Request.GET_VRING_BASE: STATE.pack(0, 0),
}


#: Messages of one case, in each direction.
MESSAGES = 300


def vhost(model: str, seed: int) -> int:
    """Both directions: no crash, no error but ConnectionError, no descriptor left. The model does
    not matter. Returns how many messages there were."""
    rng = random.Random(f"vhost {model} {seed}")
    _, strange = to_back_end(rng, MESSAGES)
    assert not strange, strange
    to_front_end(rng, MESSAGES)
    return 2 * MESSAGES


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    before = len(os.listdir("/proc/self/fd"))
    connections, strange = to_back_end(random.Random(asked.seed), asked.messages)
    sessions = to_front_end(random.Random(asked.seed), asked.messages)
    left = len(os.listdir("/proc/self/fd")) - before
    print(
        f"vhost: {asked.messages} messages in each direction, {connections} connections, "
        f"{sessions} sessions, {left} descriptors left, {strange or 'no'} other errors"
    )
    return int(bool(left or strange))


if __name__ == "__main__":
    sys.exit(main())
