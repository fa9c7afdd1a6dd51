"""A server: answer the accesses that come over a socket from devices of the package's own kind.

It is what another process runs. The devices are on buses of their own, so that they get the same
accesses as on a bus of a Vm: divided by `max_size`, and byte by byte where they answer only a part.
"""

import errno
import os
import select
import socket
from collections.abc import Callable, Iterator, Mapping
from time import monotonic_ns
from typing import TYPE_CHECKING, Protocol

from .. import _core
from .._core import exact
from ..bus import SPACE, Bus
from ..clock import Clock
from ..device import MmioDevice, PioDevice
from . import wire

if TYPE_CHECKING:
    from ..device import Device

#: Bytes that are read at once: posted writes come in crowds.
BATCH = 64 << 10


class HasFileno(Protocol):
    """An EventFd, a socket, a file."""

    def fileno(self) -> int: ...


class _Alone:
    """What a Bus needs, without a Vm: the host's time, and an eventfd as the interrupt line."""

    started = False

    def __init__(self, irq: int | None) -> None:
        self._began = monotonic_ns()
        self._irq = irq
        self._level = False
        self.deadline: int | None = None
        self._fn: Callable[[], None] | None = None

    @property
    def time(self) -> int:
        return monotonic_ns() - self._began

    def set_timer(self, deadline: int | None, fn: Callable[[], None], /) -> None:
        self.deadline, self._fn = deadline, fn

    def serve_timer(self) -> None:
        """Call what is due."""
        fn = self._fn
        if self.deadline is not None and fn is not None and self.deadline <= self.time:
            self.deadline = None
            fn()

    def ranges(self, bus: str, /) -> _core.RangeTable:
        return _core.RangeTable()

    def device_line(self, gsi: int | None, /) -> int | None:
        return None if self._irq is None else 0

    def irq_line(self, gsi: int, level: bool, /) -> None:
        """A rise of the line adds 1 to the eventfd."""
        if level and not self._level and self._irq is not None:
            os.eventfd_write(self._irq, 1)
        self._level = bool(level)

    def irq_pulse(self, gsi: int, /) -> None:
        self.irq_line(gsi, True)
        self.irq_line(gsi, False)

    def wait_ends(self, ns: int, /) -> bool:
        return False

    def owe(self, settle: Callable[[], bool], /) -> bool:
        return False

    def ioeventfd(
        self,
        addr: int,
        length: int = 0,
        *,
        bus: "_core.BusName" = "pio",
        datamatch: int | None = None,
        fd: "_core.EventFdLike" = None,
        coalesce: bool = True,
    ) -> "_core.IoEventFd":
        raise OSError(errno.EOPNOTSUPP, "a bus without a Vm has no ioeventfds")


class _Served:
    """A device on a bus of its own."""

    def __init__(self, device: "Device", vm: _Alone, clock: Clock) -> None:
        if isinstance(device, PioDevice):
            self._bus = Bus(vm, "pio", clock)
            self._bus.attach(device, 0)
        elif isinstance(device, MmioDevice):
            self._bus = Bus(vm, "mmio", clock)
            self._bus.attach(device, 0)
        else:
            raise TypeError(
                f"serve a PioDevice or an MmioDevice, not {type(device).__name__!r}: "
                "make it one of them"
            )
        self._end = SPACE[self._bus.kind]
        self._find = self._bus._table.find

    def do(self, command: wire.Command) -> int:
        """Do an access; return what was read, 0 after a write. Where nobody answers, bytes are
        FFh."""
        write, size, _, _, offset, data = command
        if offset > self._end - size:
            return 0 if write else (1 << 8 * size) - 1
        owner = self._find(offset, size)
        if write:
            if owner is not None:
                owner.write(offset, size, data)
            else:
                self._bus.write(offset, size, data)
            return 0
        return self._bus.read(offset, size) if owner is None else owner.read(offset, size)


def serve(
    sock: socket.socket,
    devices: "Device | Mapping[int, Device]",
    *,
    irq: HasFileno | None = None,
) -> int:
    """Answer accesses until the other end closes; return how many there were.

    `devices`: one device for all ranges of the socket, or a device for each `user_data`. Each is
    reset first. It gets what a device on a bus gets: the same accesses, a `clock`, which is the
    host's time here, and with the eventfd `irq` an interrupt line, each rise of which is one write
    to it (`Vm.irqfd` of the Vm has the same eventfd).

    OSError EPROTO: what came is no access of the format, or for a `user_data` that no device has;
    ECONNRESET: the other end closed in the middle of one. TypeError: no device. What a device
    raises comes out, and its access stays without an answer. One thread serves a socket.
    """
    if not isinstance(sock, socket.socket):
        raise TypeError(f"serve a socket, not {type(sock).__name__}")
    line = None if irq is None else exact(irq.fileno(), "the descriptor of irq")
    vm = _Alone(line)
    clock = Clock(vm)
    everything: _Served | None = None
    served: dict[int, _Served] = {}
    if isinstance(devices, Mapping):
        served = {exact(key, "user_data"): _Served(devices[key], vm, clock) for key in devices}
    else:
        everything = _Served(devices, vm, clock)
    vm.started = True
    count = 0
    for data in _messages(sock, vm):
        for command in _commands(data):
            device = everything or served.get(command.user_data)
            if device is None:
                raise _broken(f"no device has user_data {command.user_data:#x}")
            answer = device.do(command)
            count += 1
            if command.respond and not _send(sock, wire.response(answer)):
                return count
    return count


def _messages(sock: socket.socket, vm: _Alone) -> Iterator[bytes]:
    """What comes until the other end closes, in whole messages. Timers are called meanwhile."""
    packets = sock.type == socket.SOCK_SEQPACKET
    rest = b""
    while True:
        vm.serve_timer()
        data = _receive(sock, vm)
        if data is None:
            continue
        if not data:
            break
        if packets and len(data) != wire.LENGTH:
            raise _broken(f"a packet of {len(data)} bytes, not of {wire.LENGTH}")
        data = rest + data
        end = len(data) - len(data) % wire.LENGTH
        yield data[:end]
        rest = data[end:]
    if rest:
        raise OSError(
            errno.ECONNRESET,
            f"the other end closed in the middle of an access, after {len(rest)} of "
            f"{wire.LENGTH} bytes",
        )


def _commands(data: bytes) -> Iterator[wire.Command]:
    commands = wire.commands(data)
    while True:
        try:
            yield next(commands)
        except StopIteration:
            return
        except ValueError as error:
            raise _broken(str(error)) from None


def _broken(what: str) -> OSError:
    return OSError(errno.EPROTO, f"the other end broke the protocol: {what}")


def _receive(sock: socket.socket, vm: _Alone) -> bytes | None:
    """What has come; b"": the other end has closed; None: a timer is due."""
    if vm.deadline is not None or sock.gettimeout() is not None:
        wait = None
        if vm.deadline is not None:
            wait = min(max(0, -(-(vm.deadline - vm.time) // 1_000_000)), 1 << 30)
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        if not poll.poll(wait):
            return None
    try:
        return sock.recv(BATCH)
    except ConnectionResetError:
        return b""
    except BlockingIOError:
        return None  # another process has taken it


def _send(sock: socket.socket, message: bytes) -> bool:
    """Send all of it; False: nobody is there any more."""
    while message:
        try:
            message = message[sock.send(message, socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(sock, select.POLLOUT)
            poll.poll()
        except (BrokenPipeError, ConnectionResetError):
            return False
    return True
