"""The PIO and MMIO buses: find which device answers an address. Know ranges, not devices."""

from bisect import insort
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Literal

from ._core import Dispatcher, Owner
from .errors import BusError

if TYPE_CHECKING:
    from . import _core
    from .clock import Clock
    from .device import MmioDevice, PioDevice

Read = Callable[[int, int], int]
Write = Callable[[int, int, int], None]

SPACE = {"pio": 1 << 16, "mmio": 1 << 32}


class Attachment:
    """A device at its place on a bus."""

    __slots__ = ("_handles", "base", "bus", "device", "length", "name", "ranges")

    def __init__(
        self, bus: "Bus", device: "PioDevice | MmioDevice", base: int, ranges: list[tuple[int, int]]
    ) -> None:
        self.bus = bus
        self.device = device
        self.base = base
        self.ranges = ranges
        self.length = max(end for _, end in ranges) - base
        self.name = device.name
        self._handles: list[object] = []

    def detach(self) -> None:
        """Take the device off the bus; its addresses are free again."""
        self.bus._remove(self)

    def __repr__(self) -> str:
        where = ", ".join(_span(start, end) for start, end in self.ranges)
        return f"<{self.name} at {self.bus.kind} {where}>"


class Bus(Dispatcher):
    """One address space and the devices on it.

    A fragment belongs to a device only if it lies wholly in one of its ranges.
    """

    def __init__(
        self,
        vm: "_core.Vm",
        kind: Literal["pio", "mmio"],
        clock: "Clock",
        taken: Iterable[tuple[int, int, str]] = (),
    ) -> None:
        self.kind = kind
        self._vm = vm
        self._clock = clock
        self._taken = [(base, base + length, name) for base, length, name in taken]
        self._attached: list[Attachment] = []

    def attach(
        self,
        device: "PioDevice | MmioDevice",
        base: int,
        length: int | None = None,
        *,
        gsi: int | None = None,
        pull: bool = False,
    ) -> Attachment:
        """Put `device` at `base` and reset it; `gsi` is the line its `irq()` drives.

        The core calls the device itself (push). With `pull=True` its accesses come out of
        `run()` as exits, and `dispatch(exit)` calls it.
        """
        read, write = self._methods(device)
        parts = ((0, length),) if length is not None else device.ranges
        spans = [(base + offset, base + offset + size) for offset, size in parts]
        for start, end in spans:
            self._check(device.name, start, end)
        attachment = Attachment(self, device, base, spans)
        for start, end in spans:
            if not pull:
                handle = self._vm._attach(
                    self.kind,
                    start,
                    end - start,
                    _shifted_read(read, start - base),
                    _shifted_write(write, start - base),
                    device.max_size,
                )
                attachment._handles.append(handle)
            owner = Owner(start, end, base, device.max_size, read, write)
            insort(self._owners, owner, key=lambda owner: owner.start)
        self._attached.append(attachment)
        device.clock = self._clock
        if gsi is not None:
            device.irq = partial(self._vm.irq_line, gsi)
        device.reset()
        return attachment

    def detach(self, device: "PioDevice | MmioDevice") -> None:
        """Take `device` off this bus, wherever it is attached."""
        mine = [a for a in self._attached if a.device is device]
        if not mine:
            raise BusError(f"'{device.name}' is not attached to the {self.kind} bus")
        for attachment in mine:
            attachment.detach()

    def ioeventfd(
        self,
        addr: int,
        length: int = 0,
        *,
        datamatch: int | None = None,
        fd: "_core.EventFdLike" = None,
        coalesce: bool = True,
    ) -> "_core.IoEventFd":
        """`vm.ioeventfd` on this bus."""
        return self._vm.ioeventfd(
            addr, length, bus=self.kind, datamatch=datamatch, fd=fd, coalesce=coalesce
        )

    def read(self, addr: int, size: int) -> int:
        """What a read of `size` bytes would give; bytes that nobody drives are FFh."""
        if (owner := self.find(addr, size)) is not None:
            return owner.read(addr, size)
        if self.kind == "pio" and (value := self._vm._chip_read(addr, size)) is not None:
            return value
        if size == 1:
            return 0xFF
        return sum(self.read(addr + i, 1) << 8 * i for i in range(size))

    def write(self, addr: int, size: int, value: int) -> None:
        """Write as the guest would; bytes that nobody takes are dropped."""
        if (owner := self.find(addr, size)) is not None:
            owner.write(addr, size, value)
            return
        if self.kind == "pio" and self._vm._chip_write(addr, size, value):
            return
        if size > 1:
            for i in range(size):
                self.write(addr + i, 1, value >> 8 * i & 0xFF)

    def reset(self) -> None:
        """Reset every device on this bus."""
        for device in {id(a.device): a.device for a in self._attached}.values():
            device.reset()

    def _methods(self, device: "PioDevice | MmioDevice") -> tuple[Read, Write]:
        read = getattr(device, self.kind + "_read", None)
        write = getattr(device, self.kind + "_write", None)
        if read is None or write is None:
            other = "vm.mmio" if self.kind == "pio" else "vm.pio"
            raise BusError(
                f"'{device.name}' has no {self.kind}_read and {self.kind}_write: "
                f"attach it to {other}"
            )
        return read, write

    def _check(self, name: str, start: int, end: int) -> None:
        if start < 0 or end <= start or end > SPACE[self.kind]:
            raise BusError(
                f"range {_span(start, end)} of '{name}' is outside the {self.kind} bus: "
                f"attach it within {_span(0, SPACE[self.kind])}"
            )
        other = "port" if self.kind == "pio" else "address"
        for taken_start, taken_end, owner in self._all_taken():
            if start < taken_end and taken_start < end:
                raise BusError(
                    f"range {_span(start, end)} of '{name}' overlaps {owner} "
                    f"({_span(taken_start, taken_end)}): attach one of them at another {other}"
                )

    def _all_taken(self) -> Iterable[tuple[int, int, str]]:
        yield from self._taken
        for attachment in self._attached:
            for start, end in attachment.ranges:
                yield start, end, f"'{attachment.name}'"

    def _remove(self, attachment: Attachment) -> None:
        if attachment not in self._attached:
            return
        self._attached.remove(attachment)
        starts = {start for start, _ in attachment.ranges}
        self._owners[:] = [owner for owner in self._owners if owner.start not in starts]
        for handle in attachment._handles:
            self._vm._detach(handle)

    def __repr__(self) -> str:
        return f"<{self.kind} bus: {', '.join(a.name for a in self._attached) or 'empty'}>"


def _span(start: int, end: int) -> str:
    return f"{start:#x}-{end - 1:#x}" if end - start != 1 else f"{start:#x}"


def _shifted_read(read: Read, offset: int) -> Read:
    """The core counts from the start of a range, a device from its own offset 0."""
    return (lambda delta, size: read(offset + delta, size)) if offset else read


def _shifted_write(write: Write, offset: int) -> Write:
    if not offset:
        return write
    return lambda delta, size, value: write(offset + delta, size, value)
