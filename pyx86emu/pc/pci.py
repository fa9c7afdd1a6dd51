"""The PCI bus: configuration space, BARs, interrupt lines. Knows no device.

PCI Local Bus Specification 2.3: configuration mechanism 1 (2.1, 3.2.2.3.2), type 0 headers and BARs
(6.1, 6.2), the capabilities list (6.7), INTA# (2.2.6). One bus, with the host bridge at 00:00.0 and
up to 31 devices of one function.

Nothing assigns addresses here at run time: a device that is plugged in has its BARs, its interrupt
line and its command register already, as a BIOS leaves them. The BIOS makes the lines
level-triggered (firmware/pcibios.inc). The bus does not see what a device does to memory: one that
reads or writes there looks at the bus master bit of its `command` (6.2.2).
"""

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from .._core import VmFront, truth, whole
from ..bus import Attachment
from ..device import MmioDevice, PioDevice
from ..errors import BusError, MachineError
from ..models import MODELS
from ..state import take, take_whole
from .optionroms import is_memory

if TYPE_CHECKING:
    from ..vm import Vm

Values = dict[str, Any]

CONFIG_ADDRESS, CONFIG_DATA = 0xCF8, 0xCFC
ENABLE = 1 << 31
DEVICES = 32
SPACE = 256
#: Where BARs are placed: I/O ports, and memory that real mode reaches.
PORTS, PORTS_END = 0xC000, 0xD000
MEMORY, MEMORY_END = 0xD1000, 0xE0000

# Offsets in configuration space.
VENDOR, DEVICE, COMMAND, STATUS, REVISION, CACHE_LINE = 0x00, 0x02, 0x04, 0x06, 0x08, 0x0C
BAR0, BARS_END, SUBSYSTEM, CAPABILITIES = 0x10, 0x28, 0x2C, 0x34
INTERRUPT_LINE, INTERRUPT_PIN = 0x3C, 0x3D
FIRST_CAPABILITY = 0x40
# Bits of the command and status registers.
IO, MEMORY_SPACE, MASTER, INTX_DISABLE = 1, 2, 4, 1 << 10
INTERRUPT_STATUS, HAS_CAPABILITIES = 8, 0x10


class Bar(NamedTuple):
    """A base address register: so many bytes of I/O ports or of memory, a power of two."""

    size: int
    io: bool = False


class PciFunction:
    """A PCI device, which has one function. A subclass sets what the attributes say, calls
    `describe`, and has `bar_read` and `bar_write`.

    Its configuration space is `config`; the bits of `writable` are those that the guest may change.
    The bus sets `irq`, the level of its INTA#; any thread may call it.
    """

    name: str = "pci"
    #: None: there is no such BAR.
    bars: tuple[Bar | None, ...] = ()
    irq: Callable[[bool], object] = bool
    #: The line that INTA# is wired to; None: it has no interrupt.
    gsi: int | None = None
    plugged = pulled = False

    def describe(
        self,
        vendor: int,
        device: int,
        class_code: int,
        *,
        revision: int = 0,
        subsystem: tuple[int, int] = (0, 0),
        bars: tuple[Bar | None, ...] = (),
        capabilities: tuple[bytes, ...] = (),
        interrupts: bool = False,
    ) -> None:
        """Fill in the configuration space. `class_code` has 24 bits; `subsystem` is the vendor and
        the device of it. `capabilities` are in the order of the list, each with its id in byte 0;
        byte 1, the link, is set here.

        TypeError, ValueError: a number that is no integer, or too large for its register; a BAR
        whose size is no power of two, or out of range; no room for the capabilities.
        """
        config, writable = bytearray(SPACE), bytearray(SPACE)
        _put(config, VENDOR, 2, whole(vendor, "vendor", 0, 0xFFFF))
        _put(config, DEVICE, 2, whole(device, "device", 0, 0xFFFF))
        class_code = whole(class_code, "class_code", 0, 0xFFFFFF)
        _put(config, REVISION, 4, class_code << 8 | whole(revision, "revision", 0, 0xFF))
        for n, number in enumerate(subsystem):
            _put(config, SUBSYSTEM + 2 * n, 2, whole(number, "subsystem", 0, 0xFFFF))
        _put(writable, CACHE_LINE, 2, 0xFFFF)
        _put(writable, COMMAND, 2, IO | MEMORY_SPACE | MASTER | INTX_DISABLE)
        self.bars = bars
        for index, bar in enumerate(bars):
            if bar is not None:
                _check_bar(bar, index)
                _put(config, BAR0 + 4 * index, 4, int(bar.io))
                _put(writable, BAR0 + 4 * index, 4, -bar.size & 0xFFFFFFFF)
        if interrupts:
            config[INTERRUPT_PIN] = 1
            writable[INTERRUPT_LINE] = 0xFF
        link, at = CAPABILITIES, FIRST_CAPABILITY
        for each in capabilities:
            if len(each) < 3 or at + len(each) > SPACE:
                raise ValueError(f"a capability of {len(each)} bytes at {at:#x} does not fit")
            config[link] = at
            config[at : at + len(each)] = each
            link, at = at + 1, at + len(each) + 3 & ~3
            config[STATUS] = HAS_CAPABILITIES
        self.config, self.writable = config, writable
        #: As after power on, with the addresses and the line that the board has chosen.
        self.preset = bytes(config)
        self.level = False
        #: The window of each BAR that is open.
        self.windows: list[Attachment | None] = [None] * len(bars)

    def plug(
        self, machine: Any, *, addr: object = None, gsi: int | None = None, pull: bool = False
    ) -> "PciSlot":
        """`Machine.attach` calls this. MachineError: an `addr`; others as for `attach`."""
        if addr is not None:
            raise MachineError(f"'{self.name}' is on the PCI bus, which places it: give no addr=")
        return self.attach(machine.vm, gsi, pull=pull)

    def attach(self, vm: "Vm", gsi: int | None = None, *, pull: bool = False) -> "PciSlot":
        """Plug it into the PCI bus of a Vm, which is made if there is none. Errors as for
        `PciBus.of` and `PciBus.plug`; a bus without devices does not stay then."""
        pci = PciBus.of(vm)
        try:
            return pci.plug(self, gsi, pull=pull)
        except BaseException:
            pci.leave()
            raise

    # -- configuration space -----------------------------------------------------------------------

    def config_read(self, offset: int, size: int) -> int:
        """What the guest reads there; `offset` and `size` do not leave a doubleword."""
        found = bytearray(self.config[offset : offset + size])
        if offset <= STATUS < offset + size and self.level:
            found[STATUS - offset] |= INTERRUPT_STATUS
        return int.from_bytes(found, "little")

    def config_write(self, offset: int, size: int, value: int) -> None:
        """The guest writes there: the bits that can be written change."""
        for at in range(offset, offset + size):
            mask = self.writable[at]
            self.config[at] = self.config[at] & ~mask | value & mask
            value >>= 8

    @property
    def command(self) -> int:
        """The command register."""
        return _get(self.config, COMMAND, 2)

    def base(self, index: int) -> int | None:
        """The address at which a BAR answers; None: it does not."""
        bar = self.bars[index]
        if bar is None or not self.command & (IO if bar.io else MEMORY_SPACE):
            return None
        base = _get(self.config, BAR0 + 4 * index, 4) & -bar.size
        return None if not base or (bar.io and base + bar.size > 0x10000) else base

    def open_at(self, index: int) -> int | None:
        """The address at which a BAR answers, and has its window; None: nowhere."""
        window = self.windows[index]
        return None if window is None else window.base

    # -- what a subclass may have ------------------------------------------------------------------

    def bar_read(self, index: int, offset: int, size: int) -> int:
        """The guest reads from the window of a BAR."""
        return (1 << 8 * size) - 1

    def bar_write(self, index: int, offset: int, size: int, value: int) -> None:
        """The guest writes to it."""

    def moved(self) -> None:
        """The windows are others than before."""

    def reset(self) -> None:
        """The machine is reset."""

    def detached(self) -> None:
        """It is unplugged, or the machine is closed."""

    def state(self) -> Values:
        """What is to be saved besides the configuration space."""
        return {}

    def load(self, values: Values) -> None:
        """Become what `state()` returned. The configuration space is restored, the windows are
        open."""


class HostBridge(PciFunction):
    """The bridge at 00:00.0. It has no registers of its own."""

    name = "pci-host"

    def __init__(self) -> None:
        self.describe(0x1B36, 0x0008, 0x060000)  # Red Hat's generic host bridge


class Window:
    """The addresses of one BAR. Its state is that of the bus."""

    def __init__(self, bus: "PciBus", function: PciFunction, index: int, bar: Bar) -> None:
        self.kept_by = bus
        self.function = function
        self.index = index
        self.length = bar.size
        self.name = f"{function.name} BAR {index}"

    def _read(self, offset: int, size: int) -> int:
        return self.function.bar_read(self.index, offset, size)

    def _write(self, offset: int, size: int, value: int) -> None:
        self.function.bar_write(self.index, offset, size, value)


class PortWindow(Window, PioDevice):
    """A window of I/O ports."""

    pio_read = Window._read
    pio_write = Window._write


class MemoryWindow(Window, MmioDevice):
    """A window of memory addresses."""

    mmio_read = Window._read
    mmio_write = Window._write


class PciSlot(Attachment):
    """A device at its place on the PCI bus."""

    __slots__ = ("pci",)

    def __init__(self, pci: "PciBus", number: int, function: PciFunction) -> None:
        plugged: Any = function
        name = f"{function.name} at pci 00:{number:02x}.0"
        super().__init__(pci.vm.pio, plugged, CONFIG_ADDRESS, [(CONFIG_ADDRESS, 0xD00)], name)
        self.pci = pci

    def detach(self) -> None:
        """Take the device out: its windows are closed. The bus goes with the last device. Twice is
        harmless."""
        function: Any = self.device
        self.pci.unplug(function)

    def __repr__(self) -> str:
        return f"<{self.name}>"


class PciBus(PioDevice):
    """The PCI bus of a Vm, at the ports CF8h to CFFh. `PciBus.of(vm)` finds it, or makes it.

    It is there as long as a device is plugged in. Its configuration space needs 32-bit ports.

    >>> from pyx86emu import Machine
    >>> with Machine(bytes.fromhex("f4")) as m:
    ...     pci = PciBus.of(m.vm)
    ...     pci.pio_write(0, 4, 1 << 31)                    # CF8h: 00:00.0, offset 0
    ...     hex(pci.pio_read(4, 4))                         # CFCh
    '0x81b36'
    """

    name = "pci"
    length = 8

    def __init__(self, vm: "Vm") -> None:
        self.vm = vm
        self.functions: dict[int, PciFunction] = {0: HostBridge()}
        self.address = 0
        self._lock = RLock()  # of the levels: any thread may interrupt
        self._moving = RLock()  # of the windows: two vCPUs may move them

    @classmethod
    def of(cls, vm: "Vm") -> "PciBus":
        """The PCI bus of this Vm, made if there is none. MachineError: a vCPU is older than an
        80386. BusError: something else is at its ports. TypeError: no Vm."""
        if not isinstance(vm, VmFront):
            raise TypeError(f"a PCI bus belongs to a Vm, not to {type(vm).__name__}")
        for each in vm.pio.attachments:
            if isinstance(each.device, PciBus):
                return each.device
        for vcpu in vm.vcpus:
            if vcpu.model in MODELS[:3]:
                raise MachineError(
                    f"a PCI bus needs 32-bit ports, which the {vcpu.model} lacks: "
                    "give model='80386' or a later one, or use a device that needs no PCI"
                )
        pci = cls(vm)
        vm.pio.attach(pci, CONFIG_ADDRESS)
        return pci

    # -- devices -----------------------------------------------------------------------------------

    def plug(self, function: PciFunction, gsi: int | None = None, *, pull: bool = False) -> PciSlot:
        """Plug a device in, at the lowest free number. Its INTA# is wired to the line `gsi`. Its
        BARs get free addresses, and its command register enables them. With `pull=True` accesses
        to its windows come out of `run()`.

        TypeError: no PciFunction. MachineError: it is plugged in already, the bus is full, or
        there is no place for a BAR of I/O ports; a BAR of memory stays 0 then. ValueError,
        TypeError: a line that is none of 0 to 15, or is 2. OSError EINVAL: the Vm has no irqchip.
        """
        if not isinstance(function, PciFunction):
            raise TypeError(f"the PCI bus takes a PciFunction, not {type(function).__name__}")
        if function.plugged:
            raise MachineError(f"'{function.name}' is plugged in already: detach it first")
        if gsi is not None:
            gsi = whole(gsi, "gsi", 0, 15)
            if gsi == 2:
                raise ValueError("gsi=2 is the line of the slave 8259: give gsi=9")
            self.vm.irq_line(gsi, self._high(gsi))  # EINVAL now, not at the first interrupt
        number = min(set(range(DEVICES)) - set(self.functions), default=None)
        if number is None:
            raise MachineError(f"the PCI bus has {DEVICES - 1} devices already: detach one")
        config = function.config
        _put(config, COMMAND, 2, IO | MEMORY_SPACE | MASTER)
        for index, bar in enumerate(function.bars):
            if bar is not None:
                _put(config, BAR0 + 4 * index, 4, self._place(function, bar) | bar.io)
        if gsi is not None:
            config[INTERRUPT_LINE] = gsi
        function.preset = bytes(config)
        function.gsi = gsi
        function.irq = _Intx(self, function)
        self.functions[number] = function
        function.plugged = True
        function.pulled = truth(pull, "pull")
        self.remap()
        return PciSlot(self, number, function)

    def unplug(self, function: PciFunction) -> None:
        """Take a device out. What is not plugged in is no error."""
        numbers = [n for n, each in self.functions.items() if each is function]
        if not numbers:
            return
        function.irq(False)
        del self.functions[numbers[0]]
        self._close(function)
        function.moved()
        function.detached()
        self.remap()
        self.leave()

    def leave(self) -> None:
        """Take the bus off its ports if it has no devices."""
        if len(self.functions) == 1 and any(a.device is self for a in self.vm.pio.attachments):
            self.vm.pio.detach(self)

    def _place(self, function: PciFunction, bar: Bar) -> int:
        if bar.io:
            for at in range(PORTS, PORTS_END, bar.size):
                if self.vm.pio.unclaimed(at, bar.size) and not self._preset(at, bar):
                    return at
            raise MachineError(
                f"all ports for PCI devices, {PORTS:#x}-{PORTS_END - 1:#x}, are taken: "
                f"'{function.name}' has no place; detach a device"
            )
        for at in range(MEMORY, MEMORY_END, max(bar.size, 0x1000)):
            end = at + bar.size
            if (
                self.vm.mmio.unclaimed(at, bar.size)
                and not self._preset(at, bar)
                and not any(is_memory(self.vm, page) for page in range(at, end, 0x1000))
            ):
                return at
        return 0

    def _preset(self, at: int, bar: Bar) -> bool:
        """Has a device this address after a reset? The guest may have moved it."""
        for each in self.functions.values():
            for index, other in enumerate(each.bars):
                if other is not None and other.io == bar.io:
                    its = _get(each.preset, BAR0 + 4 * index, 4) & -other.size
                    if its < at + bar.size and at < its + other.size:
                        return True
        return False

    @property
    def interrupt_lines(self) -> list[int]:
        """The interrupt line of each device."""
        return [each.gsi for each in self.functions.values() if each.gsi is not None]

    # -- windows -----------------------------------------------------------------------------------

    def remap(self) -> None:
        """Open the windows where the BARs say. One whose addresses belong to something else stays
        closed until they are free."""
        with self._moving:
            changed = []
            for each in self.functions.values():
                for index, window in enumerate(each.windows):
                    if window is not None and window.base != each.base(index):
                        window.detach()
                        each.windows[index] = None
                        changed.append(each)
            for each in self.functions.values():
                for index, bar in enumerate(each.bars):
                    if bar is None or each.windows[index] is not None:
                        continue
                    if (base := each.base(index)) is not None:
                        each.windows[index] = self._open(each, index, bar, base)
                        changed.append(each)
            for each in dict.fromkeys(changed):
                each.moved()

    def _open(self, function: PciFunction, index: int, bar: Bar, base: int) -> Attachment | None:
        pull = function.pulled
        try:
            if bar.io:
                return self.vm.pio.attach(PortWindow(self, function, index, bar), base, pull=pull)
            return self.vm.mmio.attach(MemoryWindow(self, function, index, bar), base, pull=pull)
        except BusError:
            return None

    @staticmethod
    def _close(function: PciFunction) -> None:
        function.plugged = False
        for index, window in enumerate(function.windows):
            if window is not None:
                window.detach()
                function.windows[index] = None

    # -- interrupts --------------------------------------------------------------------------------

    def _drive(self, function: PciFunction, level: bool) -> None:
        """A device asserts or releases its INTA#. Any thread may call it."""
        with self._lock:
            function.level = bool(level)
            self._settle(function.gsi, falls=not level)

    def _high(self, gsi: int) -> bool:
        return any(
            each.level and not each.command & INTX_DISABLE
            for each in tuple(self.functions.values())  # another thread may plug one in
            if each.gsi == gsi
        )

    def _settle(self, gsi: int | None, *, falls: bool = False) -> None:
        """Set a line to what its devices say. If one releases it and another does not, an 8259 with
        edges needs a new one: else the interrupt of the other is lost."""
        if gsi is None:
            return
        high = self._high(gsi)
        if falls and high:
            self.vm.irq_line(gsi, False)
        self.vm.irq_line(gsi, high)

    # -- what the PIO bus calls --------------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        """CF8h as a doubleword is the address; CFCh to CFFh are the register that it selects."""
        if offset == 0 and size == 4:
            return self.address
        function = self._selected
        if offset < 4 or function is None:
            return (1 << 8 * size) - 1
        return function.config_read((self.address & 0xFC) + offset - 4, size)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        """The same for a write."""
        if offset == 0 and size == 4:
            self.address = value & 0x80FFFFFC
            return
        function = self._selected
        if offset < 4 or function is None:
            return
        at = (self.address & 0xFC) + offset - 4
        function.config_write(at, size, value)
        if at < BARS_END and at + size > COMMAND:
            self.remap()
            with self._lock:
                self._settle(function.gsi)

    @property
    def _selected(self) -> PciFunction | None:
        """The device that the address names, if it is enabled: on bus 0, function 0."""
        if self.address & (ENABLE | 0x00FF0700) != ENABLE:
            return None
        return self.functions.get(self.address >> 11 & 0x1F)

    # -- its life ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """The machine is reset: each device, and its addresses are those of the board again."""
        self.address = 0
        for each in self.functions.values():
            each.config[:] = each.preset
            each.reset()
            each.level = False
        self.remap()
        for gsi in set(self.interrupt_lines):
            self.vm.irq_line(gsi, False)

    def detached(self) -> None:
        """It is taken off the ports, or the machine is closed."""
        for each in tuple(self.functions.values()):
            self._close(each)
            each.detached()

    @property
    def unrecorded(self) -> str | None:
        """Why a recording cannot have one of the devices; None: it can have all."""
        for each in self.functions.values():
            if (why := getattr(each, "unrecorded", None)) is not None:
                return str(why)
        return None

    def state(self) -> Values:
        """The bus with its devices."""
        return {
            "address": self.address,
            "functions": {
                f"{number:02x}": {
                    "name": each.name,
                    "config": bytes(each.config),
                    "level": each.level,
                    "device": each.state(),
                }
                for number, each in self.functions.items()
            },
        }

    def load(self, values: Values) -> None:
        """Become what `state()` returned. ValueError, TypeError, KeyError: it is damaged, or of a
        bus with other devices."""
        address = take_whole(values, "address", 0, 0xFFFFFFFF) & 0x80FFFFFC
        kept = take(values, "functions", dict)
        mine = {f"{number:02x}": each for number, each in self.functions.items()}
        names = {number: take(each, "name", str) for number, each in kept.items()}
        if names != {number: each.name for number, each in mine.items()}:
            raise ValueError(
                "the state has other PCI devices: plug the same ones in, in this order"
            )
        found = {}
        for number, each in mine.items():
            config = take(kept[number], "config", bytes)
            if len(config) != SPACE or any(
                (old ^ new) & ~mask
                for old, new, mask in zip(each.config, config, each.writable, strict=True)
            ):
                raise ValueError(f"the state has another PCI device than '{each.name}'")
            level, device = take(kept[number], "level", bool), take(kept[number], "device", dict)
            found[each] = config, level, device
        self.address = address
        for each, (config, _, _) in found.items():
            each.config[:] = config
        self.remap()
        with self._lock:
            for each, (_, level, _) in found.items():
                each.level = level
            for gsi in set(self.interrupt_lines):
                self._settle(gsi)
        for each, (_, _, device) in found.items():  # now: one that others serve may interrupt
            each.load(device)


def _check_bar(bar: Bar, index: int) -> None:
    """ValueError: it cannot be one (6.2.5.1). TypeError: its size is no integer."""
    least, most = (4, 0x100) if bar.io else (16, ENABLE)
    size = whole(bar.size, f"the size of BAR {index}", least, most)
    if size & (size - 1) or index >= 6:
        raise ValueError(f"BAR {index} with {size:#x} bytes: there are 6, with powers of two")


class _Intx:
    """INTA# of a device. It does not keep the device."""

    def __init__(self, pci: PciBus, function: PciFunction) -> None:
        self._pci, self._function = ref(pci), ref(function)

    def __call__(self, level: bool) -> None:
        pci, function = self._pci(), self._function()
        if pci is not None and function is not None:
            pci._drive(function, level)


def _put(data: bytearray, offset: int, size: int, value: int) -> None:
    data[offset : offset + size] = value.to_bytes(size, "little")


def _get(data: bytes | bytearray, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "little")
