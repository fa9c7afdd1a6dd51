"""The wire of forwarded ranges: a hostile peer of a Vm, and a hostile Vm of a server."""

from __future__ import annotations

import errno
import random
import socket
import threading
from typing import Any

from pyx86emu import MmioDevice, PioDevice, Vm
from pyx86emu.forward import serve
from pyx86emu.forward import wire as format_

from .code import nasty

BUDGET = 400
RUNS = 12
#: What may come out of an access.
MEANT = (errno.ECONNRESET, errno.EPROTO)


def wire(model: str, seed: int) -> int:
    """Both directions. An error is one of the two that are meant, and no more is executed than
    allowed."""
    rng = random.Random(f"wire {model} {seed}")
    hostile_vm(rng)
    return hostile_peer(model, rng)


# -- the peer of a Vm ------------------------------------------------------------------------------


def said(rng: random.Random, command: format_.Command, garbage: float) -> bytes:
    """An answer, or what looks a bit like one."""
    value = 0 if command.write else rng.getrandbits(8 * command.size)
    good = format_.response(value)
    if rng.random() >= garbage:
        return good if command.respond else b""
    damaged = bytearray(good)
    damaged[rng.randrange(32)] ^= 1 << rng.randrange(8)
    return rng.choice(
        (
            bytes(damaged),
            good * 2,
            good[: rng.randrange(32)],
            good + b"\0",
            rng.randbytes(rng.randrange(1, 80)),
            b"",
        )
    )


class Peer:
    """Answers in a thread until the other end closes, or it has had enough."""

    def __init__(self, sock: socket.socket, rng: random.Random) -> None:
        self._sock, self._rng = sock, rng
        self._garbage = rng.choice((0.0, 0.02, 0.3))
        self._left = rng.choice((1, 20, 1000))
        self.wrong: list[str] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        rng = random.Random(self._rng.random())
        with self._sock as sock:
            for _ in range(self._left):
                try:
                    data = sock.recv(32, socket.MSG_WAITALL)
                    if len(data) < 32:
                        return
                    answer = said(rng, format_.command(data), self._garbage)
                    if not answer and self._garbage and rng.random() < 0.9:
                        return
                    sock.sendall(answer)
                except OSError:
                    return
                except ValueError as error:
                    self.wrong.append(str(error))
                    return

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join(20)
        assert not self._thread.is_alive(), "the peer still waits"
        assert not self.wrong, f"the Vm sent what is no command: {self.wrong}"


def hostile_peer(model: str, rng: random.Random) -> int:
    """Nasty code, all ports and a hole of memory forwarded, to peers that come and go."""
    with Vm() as vm:
        vm.add_memory(0, 0x10000)
        vm.write(0, rng.randbytes(0x400))
        vm.write(0x1000, nasty(rng, 0x400))
        vcpu = vm.create_vcpu(model)
        for name in ("cs", "ss"):
            setattr(vcpu.regs, name, 0)
        vcpu.regs.ds = vcpu.regs.es = rng.choice((0, 0xFFF, 0x1000, 0xD000))
        vcpu.regs.ip, vcpu.regs.sp = 0x1000, 0x8000
        for _ in range(RUNS):
            kind = rng.choice((socket.SOCK_STREAM, socket.SOCK_SEQPACKET))
            here, there = socket.socketpair(socket.AF_UNIX, kind)
            peer = Peer(there, rng)
            ranges = [
                vm.pio.forward(0, 0x10000, here, posted=rng.random() < 0.5, user_data=1),
                vm.mmio.forward(0x10000, 0xF0000, here, posted=rng.random() < 0.5),
            ]
            before = vcpu.instructions
            try:
                vcpu.run(BUDGET)
            except OSError as error:
                assert error.errno in MEANT, error
            finally:
                for each in ranges:
                    each.detach()
                here.shutdown(socket.SHUT_RDWR)
                here.close()
                peer.join()
            assert vcpu.instructions - before <= BUDGET, "more instructions than allowed"
        return vcpu.instructions


# -- the Vm of a server ----------------------------------------------------------------------------


class Small(PioDevice):
    """Looks whether what it gets is inside."""

    max_size = 2
    ranges = ((0, 4), (8, 2))

    def pio_read(self, offset: int, size: int) -> int:
        assert size <= 2, size
        assert any(at <= offset and offset + size <= at + n for at, n in self.ranges), offset
        return -1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.pio_read(offset, size)
        assert 0 <= value < 1 << 8 * size, value


class Wide(MmioDevice):
    """The same on the other bus."""

    max_size = 8
    length = 64

    def mmio_read(self, offset: int, size: int) -> int:
        assert 0 <= offset <= 64 - size, offset
        return 1 << 70

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.mmio_read(offset, size)


def messages(rng: random.Random) -> bytes:
    """Commands, most of which mean something."""
    data = bytearray()
    for _ in range(rng.randrange(60)):
        write, size = rng.random() < 0.5, rng.choice((1, 2, 4, 8))
        value = rng.getrandbits(8 * size) if write else 0
        offset = rng.choice((0, 1, 3, 7, 8, 9, 62, 63, 0xFFFF, 2**32 - 1, rng.getrandbits(64)))
        respond = not write or rng.random() < 0.5
        data += format_.Command(write, size, respond, rng.choice((0, 0, 1)), offset, value).pack()
    for _ in range(rng.choice((0, 0, 1, 3))):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data[: len(data) - rng.choice((0, 0, 0, 1, 31))])


def hostile_vm(rng: random.Random) -> None:
    """A server gets them: it ends with a count or with one of the two errors."""
    devices: Any = rng.choice((Small(), Wide(), {0: Small(), 1: Wide()}))
    here, there = socket.socketpair()
    with here, there:
        here.sendall(messages(rng))
        here.shutdown(socket.SHUT_WR)
        try:
            serve(there, devices)
        except OSError as error:
            assert error.errno in MEANT, error
