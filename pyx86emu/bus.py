"""The PIO and MMIO buses: find which device answers an address. Know ranges, not devices."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

from ._core import BlockPort, Range, RangeTable, exact, truth, whole
from .errors import BusError

if TYPE_CHECKING:
    import socket

    from . import _core
    from .address import Address
    from .backend import BusBackend
    from .clock import Clock
    from .device import MmioDevice, PioDevice

Read = Callable[[int, int], int]
Write = Callable[[int, int, int], None]

SPACE = {"pio": 1 << 16, "mmio": 1 << 32}

_start = attrgetter("start")
_ABSENT = object()


class Attachment:
    """A device at its place on a bus."""

    __slots__ = ("base", "bus", "device", "length", "name", "outside", "ranges")

    def __init__(
        self,
        bus: "Bus",
        device: "PioDevice | MmioDevice",
        base: int,
        ranges: list[tuple[int, int]],
        name: str,
    ) -> None:
        self.bus = bus
        self.device = device
        self.base = base
        self.ranges = ranges
        self.length = max([end for _, end in ranges]) - base
        self.name = name
        #: Of a device that is not deterministic.
        self.outside: Outside | None = None

    def detach(self) -> None:
        """Take the device off the bus; its addresses are free again. When it returns, no vCPU
        calls the device any more; a call that another thread is in may still go on. Twice is
        harmless. A device with a method `detached` is told so."""
        self.bus._remove(self)
        if (gone := getattr(self.device, "detached", None)) is not None:
            gone()

    def __repr__(self) -> str:
        where = ", ".join(_span(start, end) for start, end in self.ranges)
        return f"<{self.name} at {self.bus.kind} {where}>"


class Outside:
    """The accesses to a device that is not deterministic. A recorder may take its place between the
    bus and the device: `instead` is called as the device's method is, with that method before the
    arguments."""

    def __init__(self, device: object, read: Read, write: Write) -> None:
        self.device = device
        self._read = read
        self._write = write
        self.instead: Callable[..., int | None] | None = None

    def read(self, offset: int, size: int) -> int:
        """A read of the guest."""
        if self.instead is None:
            return self._read(offset, size)
        value = self.instead(self._read, offset, size)
        return 0 if value is None else value

    def write(self, offset: int, size: int, value: int) -> None:
        """A write of the guest."""
        if self.instead is None:
            self._write(offset, size, value)
        else:
            self.instead(self._write, offset, size, value)


class Bus:
    """One address space and the devices on it.

    A fragment belongs to a device only if it lies wholly in one of its ranges. Any thread may
    attach, detach, read and write at any time, also a device.
    """

    __slots__ = {
        "__dict__": None,
        "__weakref__": None,
        # Not a method of Python's: an exit would cost a call more.
        "dispatch": RangeTable.dispatch.__doc__,
    }
    dispatch: "Callable[[_core.Exit], bool]"

    def __init__(
        self,
        vm: "BusBackend",
        kind: Literal["pio", "mmio"],
        clock: "Clock",
    ) -> None:
        if "_kind" in self.__dict__:
            raise RuntimeError("a Bus is initialised once, by its Vm")
        if not isinstance(kind, str) or kind not in SPACE:
            raise ValueError(f"a bus is 'pio' or 'mmio', not {type(kind).__name__}")
        self._kind: Literal["pio", "mmio"] = kind
        self._vm = vm
        self._clock = clock
        self._table = vm.ranges(kind)
        self.dispatch = self._table.dispatch

    def attach(
        self,
        device: "PioDevice | MmioDevice",
        base: "Address",
        length: int | None = None,
        *,
        gsi: int | None = None,
        pull: bool = False,
    ) -> Attachment:
        """Put `device` at `base`; `gsi` is the line its `irq()` drives, 0 to 15 but not 2.

        Before a vCPU has run the device is reset: power comes on. Later it keeps its state, as one
        that is plugged in: `__init__` must have made it, or call its `reset()` yourself.

        The core calls the device itself (push). With `pull=True` its accesses come out of
        `run()` as exits, and `dispatch(exit)` calls it.

        BusError: a range that is empty, outside the bus or taken; a device for the other bus.
        ValueError: a `max_size` that is not 1, 2, 4 or 8. OSError as for `Vm.irq_line`; EBADF: the
        Vm is closed. TypeError: no device, or a number that is no integer. What fails, also in the
        device's `reset()`, leaves nothing attached.
        """
        read, write = self._methods(device)
        outside = None
        if not truth(getattr(device, "deterministic", True), "deterministic"):
            outside = Outside(device, read, write)
            read, write = outside.read, outside.write
        pull = truth(pull, "pull")
        name = str(_need(device, "name"))
        most = exact(_need(device, "max_size"), f"max_size of '{name}'")
        at = self._place(base, f"the base of '{name}'")
        spans = self._spans(device, name, at, length)
        line = self._vm.device_line(gsi)
        attachment = Attachment(self, device, at, spans, name)
        attachment.outside = outside
        block, block_addr = self._block_port(device, attachment.base)
        ranges = []
        for start, end in spans:
            here = block if start <= block_addr < end else None
            own = (start, end, attachment.base, most, read, write, f"'{name}'", attachment)
            ranges.append(Range(*own, here, block_addr))
        before = getattr(device, "clock", _ABSENT), getattr(device, "irq", _ABSENT)
        self._claim(ranges)
        try:
            device.clock = self._clock
            if line is not None:
                device.irq = partial(self._vm.irq_line, line)
            if not self._vm.started:
                device.reset()
            self._vm.device_line(gsi)  # it raises if the Vm was closed meanwhile
            for each in ranges:
                each.open(pull)
        except BaseException:
            self._remove(attachment)
            for what, value in zip(("clock", "irq"), before, strict=True):
                _put_back(device, what, value)
            raise
        return attachment

    def detach(self, device: "PioDevice | MmioDevice") -> None:
        """Take `device` off this bus, wherever it is attached. BusError: it is not."""
        mine = [a for a in self._attached if a.device is device]
        if not mine:
            name = getattr(device, "name", type(device).__name__)
            raise BusError(f"'{name}' is not attached to the {self._kind} bus")
        for attachment in mine:
            attachment.detach()

    def forward(
        self,
        addr: "Address",
        length: int,
        sock: "socket.socket",
        *,
        posted: bool = False,
        user_data: int = 0,
        name: str = "forward",
    ) -> Attachment:
        """Send the accesses to `length` addresses from `addr` on over a connected socket, to a
        device in another process: in the format of KVM's proposed ioregionfd, with offsets from
        `addr`. docs/IO.md, "Forwarded ranges".

        The vCPU waits for each answer; with `posted=True` not for those to writes. Any number of
        ranges may share a socket; `user_data`, 0 to 2**64 - 1, says which one is accessed. The bus
        has a duplicate of the socket. `detach()` of the result ends it.

        What comes out of `run()`: OSError ECONNRESET, the peer has closed its end; EPROTO, it has
        answered what is no answer. A peer that does not answer keeps `run()` waiting, which Ctrl-C,
        `kick()` and each limit still end.

        BusError and OSError as of `attach`; TypeError: no socket; ValueError: one of datagrams, no
        address, a number out of range; OSError: a socket that is closed or not connected. Any
        thread may call it.

        >>> import socket
        >>> from pyx86emu import Vm
        >>> here, there = socket.socketpair()
        >>> with here, there, Vm() as vm:
        ...     _ = vm.pio.forward(0x300, 16, here, posted=True)
        ...     vm.pio.write(0x302, 1, 0x55)
        ...     there.recv(32).hex(" ", 8)
        '0100000000000000 0000000000000000 0200000000000000 5500000000000000'
        """
        from .forward.ranges import forward

        return forward(self, addr, length, sock, posted, user_data, name)

    def ioeventfd(
        self,
        addr: "Address",
        length: int = 0,
        *,
        datamatch: int | None = None,
        fd: "_core.EventFdLike" = None,
        coalesce: bool = True,
    ) -> "_core.IoEventFd":
        """`vm.ioeventfd` on this bus."""
        at = self._place(addr, "addr")
        return self._vm.ioeventfd(
            at, length, bus=self._kind, datamatch=datamatch, fd=fd, coalesce=coalesce
        )

    @property
    def kind(self) -> Literal["pio", "mmio"]:
        """Which address space this is."""
        return self._kind

    def read(self, addr: "Address", size: int) -> int:
        """What a read of `size` bytes (1 to 8) would give; bytes without a device are FFh.

        ValueError: an address outside the bus, or another size; TypeError: no integer.
        """
        addr, size = self._access(addr, size)
        if (value := self._read(addr, size)) is not None:
            return value
        parts = [self._read(addr + i, 1) for i in range(size)] if size > 1 else [None]
        return sum((0xFF if part is None else part) << 8 * i for i, part in enumerate(parts))

    def _read(self, addr: int, size: int) -> int | None:
        """None: no device owns the whole access."""
        owner = self._table.find(addr, size)
        return None if owner is None else owner.read(addr, size)

    def write(self, addr: "Address", size: int, value: int) -> None:
        """Write `size` bytes (1 to 8) as the guest would; bytes without a device are dropped.

        ValueError: an address outside the bus, another size, a value that is negative or too wide;
        TypeError: no integer.
        """
        addr, size = self._access(addr, size)
        value = whole(value, "value", 0, (1 << 8 * size) - 1)
        if not self._write(addr, size, value) and size > 1:
            for i in range(size):
                self._write(addr + i, 1, value >> 8 * i & 0xFF)

    def _write(self, addr: int, size: int, value: int) -> bool:
        """False: no device owns the whole access."""
        owner = self._table.find(addr, size)
        if owner is None:
            return False
        owner.write(addr, size, value)
        return True

    def unclaimed(self, addr: int, size: int) -> bool:
        """Has no device any of these `size` addresses? Any thread may ask."""
        return all(self._table.find(addr + i, 1) is None for i in range(size))

    def reset(self) -> None:
        """Reset every device on this bus."""
        for device in {id(a.device): a.device for a in self._attached}.values():
            device.reset()

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The devices and their places, each once, in the order of their first addresses."""
        return tuple(self._attached)

    @property
    def table(self) -> object:
        """An object that is another one after each attach and detach."""
        return self._table.items

    @property
    def _attached(self) -> Iterable[Attachment]:
        """Each once, in the order of their first addresses."""
        return dict.fromkeys(each.holder for each in self._table.items if each.holder is not None)

    def _access(self, addr: "Address", size: int) -> tuple[int, int]:
        what = "port" if self._kind == "pio" else "addr"
        at = whole(self._place(addr, what), what, 0, SPACE[self._kind] - 1)
        return at, whole(size, "size", 1, 8)

    def _place(self, at: "Address", what: str) -> int:
        """`at` as an integer: a port is one, an address may be text or a pair."""
        if self._kind == "mmio" and isinstance(at, (str, tuple)):
            from .address import linear

            return linear(at, what=what)
        return exact(at, what)  # type: ignore[arg-type]

    def _methods(self, device: "PioDevice | MmioDevice") -> tuple[Read, Write]:
        if isinstance(device, type):
            raise TypeError(f"attach a device, not its class: {device.__name__}()")
        read = getattr(device, self._kind + "_read", None)
        write = getattr(device, self._kind + "_write", None)
        if read is None or write is None:
            other = "mmio" if self._kind == "pio" else "pio"
            if not hasattr(device, other + "_read"):
                raise TypeError(
                    f"{type(device).__name__!r} is no device, it has no {self._kind}_read and "
                    f"{self._kind}_write: make it a PioDevice or an MmioDevice"
                )
            raise BusError(
                f"'{_need(device, 'name')}' has no {self._kind}_read and {self._kind}_write: "
                f"attach it to vm.{other}"
            )
        return read, write

    @staticmethod
    def _block_port(device: "PioDevice | MmioDevice", base: int) -> tuple[BlockPort | None, int]:
        """The device's BlockPort and its address."""
        given = getattr(device, "block_port", None)
        if given is None:
            return None, 0
        offset, block = given
        return block, base + whole(offset, "the offset of a block port", 0, (1 << 32) - 1 - base)

    def _spans(
        self, device: "PioDevice | MmioDevice", name: str, base: int, length: int | None
    ) -> list[tuple[int, int]]:
        """First address and end of every range, as they are on the bus."""
        spans = []
        for part in ((0, length),) if length is not None else _need(device, "ranges"):
            try:
                offset, size = part
            except (TypeError, ValueError):
                raise TypeError(f"a range of '{name}' is {part!r}: give (offset, length)") from None
            if type(offset) is not int or type(size) is not int:
                offset = exact(offset, f"the offset of a range of '{name}'")
                size = exact(size, f"the length of '{name}'")
            if offset < 0 or size < 1:
                raise BusError(
                    f"'{name}' has a range at offset {offset} with {size} bytes: "
                    "it must begin at 0 or later and have a byte"
                )
            self._check(name, base + offset, base + offset + size)
            spans.append((base + offset, base + offset + size))
        if not spans:
            raise BusError(f"'{name}' has no ranges: there is nothing to attach")
        return spans

    def _check(self, name: str, start: int, end: int) -> None:
        if start < 0 or end > SPACE[self._kind]:
            raise BusError(
                f"range {_span(start, end)} of '{name}' is outside the {self._kind} bus: "
                f"attach it within {_span(0, SPACE[self._kind])}"
            )

    def _claim(self, ranges: list[Range]) -> None:
        """Take the addresses, all of them or (BusError) none. There is no lock: the first thread
        gets them, the others try again."""
        while True:
            old = self._table.items
            new = list(old)
            for each in ranges:
                at = bisect_left(new, each.start, key=_start)
                for other in new[max(at - 1, 0) : at + 1]:
                    if each.start < other.end and other.start < each.end:
                        raise self._overlap(each, other)
                new.insert(at, each)
            if self._table.replace(old, tuple(new)):
                return

    def _overlap(self, mine: Range, other: Range) -> BusError:
        who = "another of its ranges" if mine.holder is other.holder else other.name
        return BusError(
            f"range {_span(mine.start, mine.end)} of {mine.name} overlaps {who} "
            f"({_span(other.start, other.end)}): attach one of them at another "
            f"{'port' if self._kind == 'pio' else 'address'}"
        )

    def _remove(self, attachment: Attachment) -> None:
        while True:
            old = self._table.items
            new = tuple(each for each in old if each.holder is not attachment)
            if len(new) == len(old) or self._table.replace(old, new):
                return

    def __repr__(self) -> str:
        return f"<{self._kind} bus: {', '.join(a.name for a in self._attached) or 'empty'}>"


def _need(device: "PioDevice | MmioDevice", what: str) -> Any:
    try:
        return getattr(device, what)
    except AttributeError as error:
        raise TypeError(
            f"{type(device).__name__!r} is no device, it has no {what}: "
            "make it a PioDevice or an MmioDevice"
        ) from error


def _put_back(device: object, name: str, before: object) -> None:
    """It does not read `__dict__`: Python calls the methods of an object slower after that."""
    with suppress(AttributeError):
        if before is getattr(type(device), name, _ABSENT):
            delattr(device, name)
        else:
            setattr(device, name, before)


def _span(start: int, end: int) -> str:
    return f"{start:#x}-{end - 1:#x}" if end - start != 1 else f"{start:#x}"
