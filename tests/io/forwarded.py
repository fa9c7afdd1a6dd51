"""What the tests of forwarded ranges share: a Vm with a socket pair, and a peer in a thread."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pyx86emu import Vcpu, Vm
from pyx86emu.forward import wire
from tests import harness, on_kvm
from tests.harness import Running

PATIENCE = 20.0
ACCELS = ("interp", "kvm")
#: What a peer says to a command; None: nothing.
Answer = Callable[[wire.Command], bytes | None]


@contextmanager
def pair(kind: int = socket.SOCK_STREAM) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends; the second one gives up after some seconds, so that no test waits for ever."""
    here, there = socket.socketpair(socket.AF_UNIX, kind)
    with here, there:
        there.settimeout(PATIENCE)
        yield here, there


def guest(vm: Vm, code: str) -> Vcpu:
    """A vCPU at a program, with DS at D0000h, where no memory is."""
    made = harness.vcpu(vm, code)
    made.regs.ds = 0xD000
    return made


@contextmanager
def forwarded(
    code: str, accel: str = "interp", length: int = 1
) -> Iterator[tuple[Vm, Vcpu, socket.socket]]:
    """A vCPU at a program, and who has to answer for the ports from 80h on."""
    on_kvm.need(accel)
    with pair() as (here, there), Vm(accel) as vm:
        vm.pio.forward(0x80, length, here)
        yield vm, guest(vm, code), there


def received(there: socket.socket, count: int = 1) -> list[wire.Command]:
    """Take so many commands."""
    data = b""
    while len(data) < 32 * count:
        more = there.recv(32 * count - len(data))
        assert more, f"closed after {len(data)} bytes"
        data += more
    return list(wire.commands(data))


def silent(there: socket.socket) -> bool:
    """Is nothing to be read there?"""
    there.setblocking(False)
    try:
        there.recv(1)
    except BlockingIOError:
        return True
    finally:
        there.settimeout(PATIENCE)
    return False


def zeros(command: wire.Command) -> bytes | None:
    """A peer that does what it must."""
    return wire.response(0) if command.respond else None


@contextmanager
def peer(there: socket.socket, answer: Answer = zeros) -> Iterator[list[wire.Command]]:
    """Answer in a thread until the block ends and the other end has closed; the list has what
    came."""
    seen: list[wire.Command] = []

    def serve() -> None:
        while data := there.recv(32, socket.MSG_WAITALL):
            seen.append(wire.command(data))
            said = answer(seen[-1])
            if said is not None:
                there.sendall(said)

    run = Running(serve)
    try:
        yield seen
    finally:
        there.shutdown(socket.SHUT_RDWR)
        run.result()
