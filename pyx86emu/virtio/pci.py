"""VirtioPci: the registers of the PCI transport, legacy and modern. Knows offsets, no device type.

Virtual I/O Device 1.2, 4.1. A device whose type legacy drivers know is transitional (4.1.3): it has

- BAR 0, I/O ports: the legacy registers and the configuration of the device (4.1.4.10);
- BAR 1, memory: the structures of 4.1.4, which capabilities point to; the same registers can be
  reached through the configuration space (4.1.4.9).

Other types have BAR 1 only. There is no MSI-X: each device has INTA#.

Legacy registers and the fields of the common structure are accepted in halves and bytes, but what
acts (a selector, a notification, the status) must be written with its own size, or a wider one at
its offset.
"""

import contextlib
import struct
import weakref
from typing import TYPE_CHECKING, Any

from ..errors import MachineError
from ..events import EventFd
from ..pc.pci import FIRST_CAPABILITY, Bar, PciBus, PciFunction, PciSlot
from .device import VirtioDevice
from .numbers import (
    DRIVER_OK,
    FEATURES_OK,
    ID_BLOCK,
    ID_CONSOLE,
    ID_ENTROPY,
    ID_NET,
)
from .serving import ThreadServer
from .transport import QueueSetUp, VirtioTransport, free_line, put_bytes, weakly

if TYPE_CHECKING:
    from .._core import Doorbell
    from ..address import Address
    from ..vm import Vm

VENDOR = 0x1AF4
#: Device types that legacy drivers know: their PCI device id, and the class (4.1.2, and as QEMU).
TRANSITIONAL = {
    ID_NET: (0x1000, 0x020000),
    ID_BLOCK: (0x1001, 0x010000),
    ID_CONSOLE: (0x1003, 0x078000),
    ID_ENTROPY: (0x1005, 0x00FF00),
    5: (0x1002, 0x00FF00),  # balloon
    8: (0x1004, 0x010000),  # SCSI host
    9: (0x1009, 0x00FF00),  # 9P transport
}
MODERN_ID, OTHER_CLASS = 0x1040, 0x00FF00

# Legacy registers: offsets in BAR 0.
HOST_FEATURES = 0x00
GUEST_FEATURES = 0x04
QUEUE_PFN = 0x08
QUEUE_SIZE = 0x0C
QUEUE_SELECT = 0x0E
QUEUE_NOTIFY = 0x10
STATUS = 0x12
ISR = 0x13
LEGACY_CONFIG = 0x14
PFN_SHIFT = 12

# The structures in BAR 1, and their types (4.1.4).
COMMON, ISR_AT, CONFIG, NOTIFY, WINDOW = 0x000, 0x100, 0x200, 0x800, 0x1000
CAP_COMMON, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI = 1, 2, 3, 4, 5
#: Bytes between the notification addresses of two queues.
MULTIPLIER = 4
LEGACY_BAR, MODERN_BAR = 0, 1

# Fields of the common structure (4.1.4.3): offset and size.
DEVICE_FEATURE_SELECT, DEVICE_FEATURE = 0x00, 0x04
DRIVER_FEATURE_SELECT, DRIVER_FEATURE = 0x08, 0x0C
DEVICE_STATUS, COMMON_QUEUE_SELECT, COMMON_QUEUE_SIZE = 0x14, 0x16, 0x18
QUEUE_ENABLE, QUEUE_DESC, QUEUE_DRIVER, QUEUE_DEVICE, COMMON_END = 0x1C, 0x20, 0x28, 0x30, 0x3C
COMMON_FIELDS = "<IIIIHHBBHHHHHQQQHH"
NO_VECTOR = 0xFFFF

#: In the configuration space: the capability that reaches the BARs, behind the other four.
PCI_ACCESS = FIRST_CAPABILITY + 16 + 20 + 16 + 16
ACCESS_BAR, ACCESS_OFFSET, ACCESS_LENGTH = PCI_ACCESS + 4, PCI_ACCESS + 8, PCI_ACCESS + 12
ACCESS_DATA = PCI_ACCESS + 16


class VirtioPci(VirtioTransport, PciFunction):
    """A virtio device at the PCI transport.

    `m.attach(VirtioPci(VirtioBlk(disk)))` plugs it into the machine's PCI bus, which is made with
    the first device. With `gsi=9` its INTA# is wired to that line, by default to 10, 11, 9 or 5.
    The PCI bus needs a model with 32-bit ports.

    With `ioeventfd=True` each notification of a queue is an ioeventfd, at the I/O port and at the
    memory address (a word, with the number of the queue as the datamatch). With False each is an
    exit. The guest sees the same. The interrupt is the level of INTA#, from the interrupt until the
    guest reads the ISR; if another process serves the device, it is an irqfd, which the end of the
    interrupt lowers, and raises again if there is more.

    TypeError: no VirtioDevice; ValueError: `ioeventfd=False` for a device that others serve.
    (Virtio 1.2, 4.1.)
    """

    def __init__(self, device: VirtioDevice, *, ioeventfd: bool = True) -> None:
        super().__init__(device, ioeventfd=ioeventfd)
        self.name = device.name
        self._ended: EventFd | None = None
        kind = device.device_id
        bars: tuple[Bar | None, ...] = (None, Bar(WINDOW))
        number, class_code = MODERN_ID + kind, OTHER_CLASS
        if kind in TRANSITIONAL:
            number, class_code = TRANSITIONAL[kind]
            room = LEGACY_CONFIG + min(len(device.config), 0x100 - LEGACY_CONFIG)
            bars = (Bar(max(0x80, 1 << (room - 1).bit_length()), io=True), Bar(WINDOW))
        self.describe(
            VENDOR,
            number,
            class_code,
            revision=int(kind not in TRANSITIONAL),
            subsystem=(VENDOR, kind),
            bars=bars,
            capabilities=(
                _capability(CAP_COMMON, COMMON, COMMON_END),
                _capability(CAP_NOTIFY, NOTIFY, WINDOW - NOTIFY, struct.pack("<I", MULTIPLIER)),
                _capability(CAP_ISR, ISR_AT, 1),
                _capability(CAP_DEVICE, CONFIG, NOTIFY - CONFIG),
                _capability(CAP_PCI, 0, 0, bytes(4)),
            ),
            interrupts=True,
        )
        self.writable[ACCESS_BAR] = 0xFF
        self.writable[ACCESS_OFFSET : ACCESS_DATA + 4] = b"\xff" * (ACCESS_DATA + 4 - ACCESS_OFFSET)

    def _forget(self) -> None:
        super()._forget()
        self.legacy = False
        self._device_sel = self._driver_sel = self._queue_sel = 0

    # -- its place ---------------------------------------------------------------------------------

    def plug(
        self,
        machine: Any,
        *,
        addr: "Address | None" = None,
        gsi: int | None = None,
        pull: bool = False,
    ) -> PciSlot:
        """Plug it into the PCI bus of a machine. `Machine.attach` calls this. MachineError: an
        `addr`, a model without 32-bit ports, or no room on the bus."""
        self._no_place(addr)
        return self.attach(
            machine.vm, free_line(machine.vm, PciBus) if gsi is None else gsi, pull=pull
        )

    def attach(self, vm: "Vm", gsi: int | None = None, *, pull: bool = False) -> PciSlot:
        """Plug it into the PCI bus of a Vm without a machine around it. Errors as for `PciBus.of`
        and `PciBus.plug`."""
        if self._vm is not None:
            raise MachineError(f"'{self.name}' is attached already: detach it first")
        pci = PciBus.of(vm)
        try:
            self._plugged(vm)
            return pci.plug(self, gsi, pull=pull)
        except BaseException:
            self._unplugged()
            pci.leave()
            raise

    def _kick_at(self, index: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        word = {"length": 2, "datamatch": index, "coalesce": False}
        for bar, bus, offset in (
            (LEGACY_BAR, "pio", QUEUE_NOTIFY),
            (MODERN_BAR, "mmio", NOTIFY + MULTIPLIER * index),
        ):
            if (base := self.open_at(bar)) is not None:
                found.append({"addr": base + offset, "bus": bus, **word})
        return found

    def _listen(self, index: int, fd: "EventFd | Doorbell") -> None:
        """As for every transport. If somebody else has an ioeventfd there, notifications are
        exits."""
        with contextlib.suppress(FileExistsError):
            super()._listen(index, fd)

    def moved(self) -> None:
        """The windows of the BARs have moved: the ioeventfds follow."""
        self._listen_again()

    # -- interrupts --------------------------------------------------------------------------------

    def _raise(self, index: int | None) -> None:
        if self.virtio.served == "outside":
            super()._raise(index)
        else:
            self.irq(True)

    def _make_calls(self, indexes: list[int]) -> None:
        """Nothing: a thread of this process sets the level itself."""

    def call(self, index: int) -> int:
        """The eventfd that interrupts the driver for a queue. It holds the line up until the end of
        the interrupt; a thread then looks whether there is more."""
        if index not in self._calls:
            if self._vm is None or self.gsi is None:
                raise RuntimeError(
                    f"'{self.virtio.name}' has no interrupt line: attach it with gsi="
                )
            if self._ended is None:
                self._ended = EventFd()
                more = weakly(self._end_of_interrupt)
                self._server = ThreadServer(self.name, {0: self._ended.fileno()}, more)
                weakref.finalize(self, self._server.stop)
            call = EventFd()
            self._irqfds.append(self._vm.irqfd(self.gsi, call, self._ended))
            self._acked[index] = self._used_index(index)
            self._calls[index] = call
        return self._calls[index].fileno()

    def _end_of_interrupt(self, _: int) -> None:
        if self.interrupt_status():
            for call in tuple(self._calls.values())[:1]:
                call.write()

    def _close_descriptors(self) -> None:
        super()._close_descriptors()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.close()

    def _read_isr(self) -> int:
        """Reading it acknowledges (4.1.4.5)."""
        with self._reasons:
            status = self.interrupt_status()
            self.acknowledge(status)
        return status

    # -- what the PCI bus calls --------------------------------------------------------------------

    def reset(self) -> None:
        """The machine is reset."""
        self.reset_device()

    def config_read(self, offset: int, size: int) -> int:
        """As every function; pci_cfg_data is the register that the capability names."""
        if offset & ~3 == ACCESS_DATA:
            where = self._named()
            value = 0 if where is None else self.bar_read(*where)
            self.config[ACCESS_DATA : ACCESS_DATA + 4] = value.to_bytes(4, "little")
        return super().config_read(offset, size)

    def config_write(self, offset: int, size: int, value: int) -> None:
        """The same for a write."""
        super().config_write(offset, size, value)
        if offset & ~3 == ACCESS_DATA:
            data = bytearray(4)
            data[offset & 3 : (offset & 3) + size] = value.to_bytes(size, "little")
            if (where := self._named()) is not None:
                self.bar_write(*where, int.from_bytes(data[: where[2]], "little"))

    def _named(self) -> tuple[int, int, int] | None:
        """BAR, offset and length of the capability; None: they are wrong (4.1.4.9)."""
        bar, offset, length = struct.unpack_from("<B3xII", self.config, ACCESS_BAR)
        there = self.bars[bar] if bar < len(self.bars) else None
        if there is None or length not in (1, 2, 4) or offset % length:
            return None
        return (bar, offset, length) if offset + length <= there.size else None

    def bar_read(self, index: int, offset: int, size: int) -> int:
        """A register, or bytes of the configuration."""
        if index == LEGACY_BAR:
            return self._legacy_read(offset, size)
        if offset < ISR_AT:
            return int.from_bytes(self._common()[offset : offset + size], "little")
        if offset < CONFIG:
            return self._read_isr() if offset == ISR_AT else 0
        if offset < NOTIFY:
            return self._config_read(offset - CONFIG, size)
        return 0

    def bar_write(self, index: int, offset: int, size: int, value: int) -> None:
        """The same for a write."""
        if index == LEGACY_BAR:
            self._legacy_write(offset, size, value)
        elif offset < ISR_AT:
            self._common_write(offset, size, value)
        elif CONFIG <= offset < NOTIFY:
            self._config_write(offset - CONFIG, size, value)
        elif offset >= NOTIFY and size >= 2:
            self.notified(value & 0xFFFF)

    def _config_read(self, offset: int, size: int) -> int:
        with self.virtio.lock:
            return int.from_bytes(self.virtio.read_config(offset, size)[:size], "little")

    def _config_write(self, offset: int, size: int, value: int) -> None:
        with self.virtio.lock:
            self.virtio.write_config(offset, value.to_bytes(size, "little"))

    @property
    def _selected(self) -> QueueSetUp | None:
        return self.queues[self._queue_sel] if self._queue_sel < len(self.queues) else None

    # -- the legacy registers (4.1.4.10) -----------------------------------------------------------

    def _legacy_read(self, offset: int, size: int) -> int:
        if offset >= LEGACY_CONFIG:
            return self._config_read(offset - LEGACY_CONFIG, size)
        if offset + size <= ISR:
            return int.from_bytes(self._legacy_registers()[offset : offset + size], "little")
        if offset == ISR and size == 1:
            return self._read_isr()
        parts = [self._legacy_read(at, 1) for at in range(offset, offset + size)]
        return int.from_bytes(bytes(parts), "little")

    def _legacy_registers(self) -> bytes:
        queue = self._selected
        most, pfn = (0, 0) if queue is None else (queue.most, queue.desc >> PFN_SHIFT)
        return struct.pack(
            "<IIIHHHB",
            self.virtio.offered & 0xFFFFFFFF,
            self.driver_features & 0xFFFFFFFF,
            pfn & 0xFFFFFFFF if queue is not None and queue.ready else 0,
            most,
            self._queue_sel,
            0,
            self.status,
        )

    def _legacy_write(self, offset: int, size: int, value: int) -> None:
        if offset >= LEGACY_CONFIG:
            self._config_write(offset - LEGACY_CONFIG, size, value)
        elif offset == QUEUE_NOTIFY and size >= 2:
            self.notified(value & 0xFFFF)
        elif offset == STATUS:
            self._legacy_status(value & 0xFF)
        elif offset == QUEUE_SELECT and size >= 2:
            self._queue_sel = value & 0xFFFF
        elif offset >= GUEST_FEATURES and offset + size <= QUEUE_PFN:
            if not self.status & DRIVER_OK:
                shift = 8 * (offset - GUEST_FEATURES)
                self.driver_features = put_bytes(self.driver_features, shift, size, value)
        elif offset >= QUEUE_PFN and offset + size <= QUEUE_SIZE:
            self._legacy_queue(8 * (offset - QUEUE_PFN), size, value)

    def _legacy_status(self, value: int) -> None:
        before = self.status
        self.legacy = True
        if not before & FEATURES_OK:  # bits above 31 are for modern drivers
            self.driver_features &= 0xFFFFFFFF
        self.set_status(value)
        if self.status & DRIVER_OK and not before & DRIVER_OK:
            for index in range(len(self.queues)):
                self.notified(index)  # legacy drivers may have made buffers available before

    def _legacy_queue(self, shift: int, size: int, value: int) -> None:
        """Where a queue is: a page, or 0 for nowhere. Its parts follow each other (2.7.2)."""
        if (queue := self._selected) is None:
            return
        pfn = put_bytes(queue.desc >> PFN_SHIFT if queue.ready else 0, shift, size, value)
        if self.status & DRIVER_OK:
            if pfn == 0:
                self.stop_queue(self._queue_sel)
            return
        queue.size = queue.most
        queue.desc = pfn << PFN_SHIFT
        queue.avail = queue.desc + 16 * queue.size
        end = queue.avail + 6 + 2 * queue.size
        queue.used = end + (1 << PFN_SHIFT) - 1 & -1 << PFN_SHIFT
        queue.ready = pfn != 0

    # -- the common structure (4.1.4.3) ------------------------------------------------------------

    def _common(self) -> bytes:
        queue = self._selected
        half, chosen = self._device_sel, self._driver_sel
        return struct.pack(
            COMMON_FIELDS,
            half,
            self.virtio.offered >> 32 * half & 0xFFFFFFFF if half < 2 else 0,
            chosen,
            self.driver_features >> 32 * chosen & 0xFFFFFFFF if chosen < 2 else 0,
            NO_VECTOR,
            len(self.queues),
            self.status,
            self.virtio.generation & 0xFF,
            self._queue_sel,
            0 if queue is None else queue.size & 0xFFFF,
            NO_VECTOR,
            0 if queue is None else int(queue.ready),
            0 if queue is None else self._queue_sel,
            *((0, 0, 0) if queue is None else (queue.desc, queue.avail, queue.used)),
            0,
            0,
        ).ljust(ISR_AT, b"\0")

    def _common_write(self, offset: int, size: int, value: int) -> None:
        if offset == DEVICE_STATUS:
            self.legacy = False
            self.set_status(value & 0xFF)
        elif offset == DEVICE_FEATURE_SELECT:
            self._device_sel = value
        elif offset == DRIVER_FEATURE_SELECT:
            self._driver_sel = value
        elif offset == COMMON_QUEUE_SELECT and size >= 2:
            self._queue_sel = value & 0xFFFF
        elif offset >= DRIVER_FEATURE and offset + size <= DRIVER_FEATURE + 4:
            if self._driver_sel < 2 and not self.status & FEATURES_OK:
                shift = 32 * self._driver_sel + 8 * (offset - DRIVER_FEATURE)
                self.driver_features = put_bytes(self.driver_features, shift, size, value)
        elif (queue := self._selected) is None or self.status & DRIVER_OK:
            pass
        elif offset == COMMON_QUEUE_SIZE and size >= 2:
            queue.size = value & 0xFFFF
        elif offset == QUEUE_ENABLE and size >= 2:
            queue.ready = bool(value & 1)
        elif offset >= QUEUE_DESC and offset // 8 == (offset + size - 1) // 8:
            name = {QUEUE_DESC: "desc", QUEUE_DRIVER: "avail", QUEUE_DEVICE: "used"}.get(
                offset & ~7
            )
            if name is not None:
                addr = put_bytes(getattr(queue, name), 8 * (offset & 7), size, value)
                setattr(queue, name, addr)

    # -- saved states ------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """As `VirtioTransport.state`, with the selectors and the kind of the driver."""
        return {
            **super().state(),
            "legacy": self.legacy,
            "selected": (self._device_sel, self._driver_sel, self._queue_sel),
        }

    def load(self, values: dict[str, Any]) -> None:
        """Become what `state()` returned."""
        selected, legacy = values["selected"], values["legacy"]
        if type(selected) is not tuple or [type(each) for each in selected] != [int, int, int]:
            raise ValueError("a state of a virtio device has no selectors")
        if type(legacy) is not bool:
            raise ValueError("a state of a virtio device does not say whether its driver is legacy")
        super().load(values)
        self.legacy = legacy
        self._device_sel, self._driver_sel = (each & 0xFFFFFFFF for each in selected[:2])
        self._queue_sel = selected[2] & 0xFFFF


def _capability(kind: int, offset: int, length: int, more: bytes = b"") -> bytes:
    """A capability of 4.1.4; its link is set later."""
    head = struct.pack("<BBBBB3xII", 9, 0, 16 + len(more), kind, MODERN_BAR, offset, length)
    return head + more
