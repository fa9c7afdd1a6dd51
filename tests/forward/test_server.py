"""The server: a device behind a socket is the same device."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pyx86emu import EventFd, ExitReason, MmioDevice, PioDevice, Vm
from pyx86emu.forward import serve, wire
from tests.harness import Running, vcpu
from tests.io.forwarded import pair


class Latches(PioDevice):
    """16 bytes of 24: two ranges with a gap, and at most 2 bytes at a time."""

    max_size = 2
    ranges = ((0, 8), (16, 8))

    def __init__(self) -> None:
        self.bytes = bytearray(24)
        self.log: list[tuple[str, int, int, int]] = []

    def reset(self) -> None:
        self.bytes[:] = bytes(24)

    def pio_read(self, offset: int, size: int) -> int:
        value = int.from_bytes(self.bytes[offset : offset + size], "little")
        self.log.append(("r", offset, size, value))
        return value

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.log.append(("w", offset, size, value))
        self.bytes[offset : offset + size] = value.to_bytes(size, "little")


class Window(MmioDevice):
    length = 8

    def mmio_read(self, offset: int, size: int) -> int:
        return 0x1122334455667788 >> 8 * offset & (1 << 8 * size) - 1


@contextmanager
def served(
    devices: object, irq: EventFd | None = None
) -> Iterator[tuple[socket.socket, Running[int]]]:
    with pair() as (here, there):
        there.settimeout(None)
        run = Running(lambda: serve(there, devices, irq=irq))  # type: ignore[arg-type]
        try:
            yield here, run
        finally:
            here.shutdown(socket.SHUT_RDWR)
            run.thread.join(20)


@pytest.mark.parametrize("posted", [True, False])
def test_it_answers_as_on_the_bus(posted: bool) -> None:
    near, far = Latches(), Latches()
    rng = random.Random(15)
    with served(far) as (sock, run), Vm() as vm:
        vm.pio.attach(near, 0x300)
        vm.pio.forward(0x340, 24, sock, posted=posted)
        for _ in range(300):
            size, at = rng.choice((1, 2, 4, 8)), rng.randrange(24)
            if at + size > 24:
                continue
            value = rng.randrange(1 << 8 * size)
            if rng.random() < 0.5:
                assert vm.pio.read(0x340 + at, size) == vm.pio.read(0x300 + at, size)
            else:
                vm.pio.write(0x300 + at, size, value)
                vm.pio.write(0x340 + at, size, value)
        vm.pio.read(0x340, 1)
        vm.pio.read(0x300, 1)
        assert run.going
    assert run.result() > 100

    assert far.log == near.log and far.bytes == near.bytes


def test_a_guest_uses_it() -> None:
    with served(Latches()) as (sock, run), Vm() as vm:
        vm.pio.forward(0x80, 24, sock)
        guest = vcpu(vm, "b87856 e780 b81234 e592 e580 f4")  # out 80h,ax; in ax,92h; in ax,80h
        assert guest.run().reason is ExitReason.HLT
        assert guest.regs.ax == 0x5678
    assert run.result() == 3


def test_each_cookie_has_its_device_and_others_are_an_error() -> None:
    with served({1: Latches(), 2: Window()}) as (sock, run), Vm() as vm:
        vm.pio.forward(0x300, 8, sock, user_data=1)
        vm.mmio.forward(0xD0000, 16, sock, user_data=2)
        vm.pio.forward(0x400, 1, sock, user_data=3)
        vm.pio.write(0x302, 1, 0x77)
        assert vm.pio.read(0x302, 1) == 0x77
        assert vm.mmio.read(0xD0000, 8) == 0x1122334455667788
        assert vm.mmio.read(0xD0006, 4) == 0xFFFF1122  # as on a bus with nothing after it
        assert vm.mmio.read(0xD0008, 2) == 0xFFFF

        sock.sendall(wire.Command(True, 1, False, 3, 0, 0).pack())

        with pytest.raises(OSError, match="no device has user_data 0x3"):
            run.result()


def test_an_offset_beyond_the_bus_is_nobodys() -> None:
    with served(Latches()) as (sock, run):
        sock.sendall(wire.Command(False, 4, True, 0, 2**64 - 2, 0).pack())
        sock.sendall(wire.Command(True, 8, True, 0, 0xFFFC, 1).pack())
        assert sock.recv(64, socket.MSG_WAITALL) == wire.response(0xFFFFFFFF) + wire.response(0)
    assert run.result() == 2


def test_a_rise_of_its_line_is_one_write_to_the_eventfd() -> None:
    class Bell(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            self.irq(bool(value))

    with EventFd() as line, served(Bell(), line) as (sock, _), Vm() as vm:
        vm.pio.forward(0x80, 1, sock)
        for level in (1, 1, 0, 0, 1):
            vm.pio.write(0x80, 1, level)
        assert line.read() == 2


def test_its_clock_is_the_host_s_and_timers_are_called() -> None:
    class Late(PioDevice):
        value = 1

        def pio_read(self, offset: int, size: int) -> int:
            return self.value

        def pio_write(self, offset: int, size: int, value: int) -> None:
            self.clock.call_after(value * 1000, self.up)

        def up(self) -> None:
            self.value = 2
            self.irq(True)

    with EventFd(blocking=True) as line, served(Late(), line) as (sock, _), Vm() as vm:
        vm.pio.forward(0x80, 1, sock)
        assert vm.pio.read(0x80, 1) == 1
        vm.pio.write(0x80, 1, 200)
        assert line.read() == 1  # it waits
        assert vm.pio.read(0x80, 1) == 2


def test_what_a_device_raises_comes_out_and_the_guest_is_told() -> None:
    class Broken(PioDevice):
        def pio_read(self, offset: int, size: int) -> int:
            raise ZeroDivisionError("mine")

    with pair() as (here, there), Vm() as vm:
        vm.pio.forward(0x80, 1, here)

        def serving() -> None:
            with there:
                serve(there, Broken())

        run = Running(serving)
        with pytest.raises(ConnectionResetError):
            vm.pio.read(0x80, 1)
        with pytest.raises(ZeroDivisionError, match="mine"):
            run.result()


@pytest.mark.parametrize("said", [b"\2" + bytes(31), b"\1\1" + b"\xff" * 30, bytes(32)])
def test_garbage_ends_it_with_an_error(said: bytes) -> None:
    device = Latches()
    with served(device) as (sock, run):
        sock.sendall(said)
        with pytest.raises(OSError, match="the other end broke the protocol"):
            run.result()
    assert not device.log


def test_an_end_in_the_middle_says_where() -> None:
    with served(Latches()) as (sock, run):
        sock.sendall(bytes(7))
        sock.shutdown(socket.SHUT_WR)
        with pytest.raises(ConnectionResetError, match="after 7 of 32 bytes"):
            run.result()


def test_a_packet_of_another_length_is_an_error() -> None:
    with pair(socket.SOCK_SEQPACKET) as (here, there):
        here.send(bytes(64))
        with pytest.raises(OSError, match="a packet of 64 bytes, not of 32"):
            serve(there, Latches())


def test_another_end_that_takes_no_answers_is_no_error() -> None:
    here, there = socket.socketpair()
    with there:
        here.sendall(wire.Command(False, 1, True, 0, 0, 0).pack())
        os.close(here.detach())
        assert serve(there, Latches()) == 1


def test_what_is_no_device_is_refused() -> None:
    with pair() as (_, there):
        with pytest.raises(TypeError, match="serve a PioDevice or an MmioDevice, not 'object'"):
            serve(there, object())  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="not 'type'"):
            serve(there, {0: Latches})  # type: ignore[dict-item]
