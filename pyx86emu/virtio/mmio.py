"""VirtioMmio: the registers of the MMIO transport, version 2. Knows offsets, no device type.

Virtual I/O Device 1.2, 4.2. The registers are 32 bits wide. A CPU that has no such accesses uses
16-bit halves:

- a read of a half is that half;
- a write to the low half of a register that acts (a selector, QueueNum, QueueReady, QueueNotify,
  InterruptACK, Status) acts with these 16 bits, one to its high half does nothing;
- DriverFeatures and the addresses of queues keep the other half.

The configuration space takes accesses of 1, 2 and 4 bytes. Anything else reads as 0, and is ignored
when written.
"""

from typing import TYPE_CHECKING, Any

from ..device import MmioDevice
from ..errors import MachineError
from .device import VirtioDevice
from .numbers import DRIVER_OK, ID_BLOCK
from .transport import WORD, VirtioTransport, free_line, put_bytes

if TYPE_CHECKING:
    from ..address import Address
    from ..bus import Attachment, Bus
    from ..pc.machine import Machine
    from ..vm import Vm

#: Where the devices are: 8 of them fit.
WINDOW, WINDOW_END = 0xD0000, 0xD1000
SIZE = 0x200

MAGIC = 0x000
VERSION = 0x004
DEVICE_ID = 0x008
VENDOR_ID = 0x00C
DEVICE_FEATURES = 0x010
DEVICE_FEATURES_SEL = 0x014
DRIVER_FEATURES = 0x020
DRIVER_FEATURES_SEL = 0x024
QUEUE_SEL = 0x030
QUEUE_NUM_MAX = 0x034
QUEUE_NUM = 0x038
QUEUE_READY = 0x044
QUEUE_NOTIFY = 0x050
INTERRUPT_STATUS = 0x060
INTERRUPT_ACK = 0x064
STATUS = 0x070
QUEUE_DESC_LOW = 0x080
QUEUE_DRIVER_LOW = 0x090
QUEUE_DEVICE_LOW = 0x0A0
SHM_LEN_LOW, SHM_BASE_HIGH = 0x0B0, 0x0BC
CONFIG_GENERATION = 0x0FC
CONFIG = 0x100

MAGIC_VALUE = 0x74726976  # "virt"
VENDOR = 0x78796E70  # "pnyx": of no meaning to drivers
#: Address registers: offset -> the attribute of the queue, and how far its bits are shifted.
ADDRESSES = {
    QUEUE_DESC_LOW: ("desc", 0),
    QUEUE_DESC_LOW + 4: ("desc", 32),
    QUEUE_DRIVER_LOW: ("avail", 0),
    QUEUE_DRIVER_LOW + 4: ("avail", 32),
    QUEUE_DEVICE_LOW: ("used", 0),
    QUEUE_DEVICE_LOW + 4: ("used", 32),
}


class VirtioMmio(VirtioTransport, MmioDevice):
    """A virtio device at the MMIO transport: 200h bytes of guest-physical addresses.

    `m.attach(VirtioBlk(disk))` makes one, at the first free place from D0000h on. To choose the
    place, the line or how it is notified, make it yourself:
    `m.attach(VirtioMmio(device, ioeventfd=False), addr=0xD0400, gsi=9)`.

    With `ioeventfd=True` each notification of a queue is an ioeventfd (address and datamatch), and
    if another thread works the queues, their interrupts are irqfds. With False each notification is
    an exit. The guest sees the same.

    `rom=True`: a disk in the window comes with an option ROM, which serves INT 13h, so that the
    BIOS boots from it (firmware/virtioblk.asm). None: only if the machine has no other disk.

    TypeError: no VirtioDevice; ValueError: `ioeventfd=False` for a device that others serve.
    (Virtio 1.2, 4.2.)
    """

    length = SIZE
    max_size = 4

    def __init__(
        self, device: VirtioDevice, *, ioeventfd: bool = True, rom: bool | None = None
    ) -> None:
        super().__init__(device, ioeventfd=ioeventfd, rom=rom)
        self.name = device.name
        self._base = 0

    # -- its place ---------------------------------------------------------------------------------

    def plug(
        self,
        machine: "Machine",
        *,
        addr: "Address | None" = None,
        gsi: int | None = None,
        pull: bool = False,
    ) -> "Attachment":
        """Attach it to a machine: at `addr`, by default the first free place of D0000h to D0FFFh,
        with the interrupt line `gsi`, by default 10, 11, 9 or 5, whichever is the first one that no
        other virtio device has. `Machine.attach` calls this.

        MachineError: no place is free; memory is there, which comes before devices; `rom=True` for
        what the option ROM cannot find."""
        from ..address import linear

        at = self._free_place(machine.mmio) if addr is None else linear(addr, what="addr")
        self._check_place(machine.vm, at)
        line = free_line(machine.vm, VirtioMmio) if gsi is None else gsi
        attachment = self.attach(machine.vm, at, line, pull=pull)
        return self._with_rom(machine, attachment) if self._boots(at) else attachment

    def attach(
        self, vm: "Vm", addr: "Address", gsi: int | None = None, *, pull: bool = False
    ) -> "Attachment":
        """Attach it to a Vm without a machine around it. Errors as for `Bus.attach`."""
        from ..address import linear

        if self._vm is not None:
            raise MachineError(f"'{self.name}' is attached already: detach it first")
        self._base = linear(addr, what="addr") if isinstance(addr, (str, tuple)) else addr
        self._plugged(vm)
        self.gsi = gsi
        try:
            return vm.mmio.attach(self, self._base, gsi=gsi, pull=pull)
        except BaseException:
            self._unplugged()
            raise

    def _boots(self, at: int) -> bool:
        """Would the option ROM find it there?"""
        return self.virtio.device_id == ID_BLOCK and WINDOW <= at < WINDOW_END

    def _check_place(self, vm: "Vm", at: int) -> None:
        """Can the guest, and with `rom=True` the option ROM, reach it there?"""
        if any(slot.addr < at + SIZE and at < slot.addr + slot.size for slot in vm.slots):
            raise MachineError(
                f"{at:#x}-{at + SIZE - 1:#x} of '{self.name}' has memory, which the guest would "
                f"reach instead: attach it elsewhere, such as at addr={WINDOW:#x}"
            )
        if self.rom and not self._boots(at):
            raise MachineError(
                f"rom=True of '{self.name}': the option ROM serves disks that begin at {WINDOW:#x} "
                f"to {WINDOW_END - 1:#x}, not {at:#x}: leave rom= out, or give another addr="
            )

    @staticmethod
    def _free_place(bus: "Bus") -> int:
        for at in range(WINDOW, WINDOW_END, SIZE):
            if bus.unclaimed(at, SIZE):
                return at
        raise MachineError(
            f"all places for virtio devices, {WINDOW:#x}-{WINDOW_END - 1:#x}, are taken: "
            "attach this one with addr="
        )

    @property
    def interrupt_lines(self) -> list[int]:
        """Its interrupt line, if it has one."""
        return [] if self.gsi is None else [self.gsi]

    def _kick_at(self, index: int) -> list[dict[str, Any]]:
        at = self._base + QUEUE_NOTIFY
        return [
            {"addr": at, "length": size, "bus": "mmio", "datamatch": index, "coalesce": False}
            for size in (4, 2)
        ]

    # -- what the bus calls ------------------------------------------------------------------------

    def reset(self) -> None:
        """The machine is reset."""
        self.reset_device()

    def mmio_read(self, offset: int, size: int) -> int:
        """A register, a half of one, or bytes of the configuration."""
        if offset >= CONFIG:
            with self.virtio.lock:
                data = self.virtio.read_config(offset - CONFIG, size)
            return int.from_bytes(data[:size], "little")
        if size not in (2, 4) or offset % size:
            return 0
        value = self._read(offset & ~3)
        return value if size == 4 else value >> 8 * (offset & 2) & 0xFFFF

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        """The same for a write."""
        if offset >= CONFIG:
            with self.virtio.lock:
                self.virtio.write_config(offset - CONFIG, value.to_bytes(size, "little"))
        elif offset & ~3 in ADDRESSES:
            self._write_address(offset, size, value)
        elif offset & ~3 == DRIVER_FEATURES:
            if size in (2, 4) and offset % size == 0:
                self._put_driver_features(8 * (offset & 2), size, value)
        elif size in (2, 4) and offset % 4 == 0:
            self._write(offset, value)

    # -- registers ---------------------------------------------------------------------------------

    def _read(self, offset: int) -> int:
        if offset in _FIXED:
            return _FIXED[offset]
        if offset == DEVICE_ID:
            return self.virtio.device_id
        if offset == DEVICE_FEATURES:
            return self._offered_half()
        if offset == QUEUE_NUM_MAX:
            return 0 if (queue := self._selected) is None else queue.most
        if offset == QUEUE_READY:
            return 0 if (queue := self._selected) is None else int(queue.ready)
        if offset == INTERRUPT_STATUS:
            return self.interrupt_status()
        if offset == STATUS:
            return self.status
        if offset == CONFIG_GENERATION:
            return self.virtio.generation
        if SHM_LEN_LOW <= offset <= SHM_BASE_HIGH:
            return WORD  # no shared memory region (4.2.2)
        return 0

    def _write(self, offset: int, value: int) -> None:
        if offset == QUEUE_NOTIFY:
            self.notified(value)
        elif offset == INTERRUPT_ACK:
            self.acknowledge(value)
        elif offset == STATUS:
            self.set_status(value)
        elif offset == DEVICE_FEATURES_SEL:
            self._device_sel = value
        elif offset == DRIVER_FEATURES_SEL:
            self._driver_sel = value
        elif offset == QUEUE_SEL:
            self._queue_sel = value
        elif (queue := self._selected) is None:
            pass
        elif self.status & DRIVER_OK:
            if offset == QUEUE_READY and not value & 1:
                self.stop_queue(self._queue_sel)
        elif offset == QUEUE_NUM:
            queue.size = value
        elif offset == QUEUE_READY:
            queue.ready = bool(value & 1)

    def _write_address(self, offset: int, size: int, value: int) -> None:
        queue = self._selected
        if queue is None or size not in (2, 4) or offset % size or self.status & DRIVER_OK:
            return
        name, shift = ADDRESSES[offset & ~3]
        setattr(queue, name, put_bytes(getattr(queue, name), shift + 8 * (offset & 2), size, value))


_FIXED = {MAGIC: MAGIC_VALUE, VERSION: 2, VENDOR_ID: VENDOR}
