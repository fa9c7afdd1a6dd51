"""The board: the PC as rows of parts, its memory map, its CMOS contents. Builds, never runs.

To add a device, add a row to `PC`. The row says how its part is made from the `Wires`, and where it
is attached. `Machine.part(Kind)` then finds it.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from operator import index
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from .._core import whole
from ..device import Device, MmioDevice, PioDevice
from ..errors import MachineError
from ..log import LIMIT
from ..memory import PAGE, Memory
from .devices import (
    AtaChannel,
    DebugConsole,
    DebugExit,
    Dma8237,
    FloppyController,
    Keyboard8042,
    PostPort,
    Printer,
    Rtc,
    SystemControlA,
    Uart16550A,
    Vga,
)
from .devices.floppy.drive import FloppyDisk
from .optionroms import Placed, add_to, place

if TYPE_CHECKING:
    from .. import _core
    from ..vm import Vm
    from .devices.ata.drive import AtaDisk

D = TypeVar("D", bound=Device)

KIB = 1 << 10
BASE_MEMORY = 640 * KIB
LEAST_MEMORY, MOST_MEMORY = 64 * KIB, 1 << 32
EXTENDED = 1024 * KIB  # memory above the ROM starts here
HIGH = 16 * 1024 * KIB  # what is above is counted in blocks of 64 KiB
TEXT_MEMORY = 0xB8000  # of the VGA

#: Drive types of CMOS register 10h, by cylinders and sectors per track.
DRIVE_TYPES = {(40, 8): 1, (40, 9): 1, (80, 15): 2, (80, 9): 3, (80, 18): 4, (80, 36): 5}
DRIVE_1_44M = 4
CMOS_FLOPPIES, CMOS_EQUIPMENT = 0x10, 0x14
#: Bits 7-6 of CMOS register 14h: two floppy drives.
TWO_FLOPPIES = 0x40
#: The type of a hard disk whose geometry is in the CMOS.
USER_TYPE = 47
#: The drives of a boot order, as CMOS register 3Dh has them.
BOOT_CODES = {"a": 1, "c": 2}


class Wires:
    """What parts are connected to, in addition to their bus, their interrupt line and the clock.

    `a20` and `reset` are lines of the processor. `post` takes each POST code, `debug_exit` the
    status with which the guest ends the run, `serial` the bytes that the guest sends over COM1.
    `line` returns the interrupt line of a GSI, for a part that has two. `disks`: the disks in
    drives A and B. `hard_disks`: master and slave. `order`: the drives that the BIOS tries, such as
    "ac". `ram`: the size of the memory in bytes, for the CMOS. `vga`: the core of the VGA, from
    `Vm.create_vga()`; None: it has one of its own, without memory on the bus. `rtc_base`: the date
    at power-on. `log_limit`: how many bytes of debug text are kept.
    """

    def __init__(
        self,
        memory: Memory,
        ram: int,
        *,
        a20: Callable[[bool], object],
        reset: Callable[[], object],
        post: Callable[[int], object],
        debug_exit: Callable[[int], object],
        serial: Callable[[bytes], object],
        line: Callable[[int], Callable[[bool], object]] = lambda gsi: bool,
        disks: Sequence[FloppyDisk | None] = (),
        hard_disks: "Sequence[AtaDisk | None]" = (),
        order: str = "ac",
        vga: "_core.VgaCore | None" = None,
        rtc_base: datetime | None = None,
        log_limit: int = LIMIT,
    ) -> None:
        self.memory = memory
        self.ram = ram
        self.a20 = a20
        self.reset = reset
        self.post = post
        self.debug_exit = debug_exit
        self.serial = serial
        self.line = line
        self.disks = disks
        self.hard_disks = hard_disks
        self.order = order
        self.vga = vga
        self.rtc_base = rtc_base
        self.log_limit = log_limit
        #: The parts made so far: a part may be connected to a part of an earlier row.
        self.parts: list[Device] = []

    def part(self, kind: type[D], name: str | None = None) -> D:
        """The first part of this class, and of this name if one is given. MachineError: there is
        none, or it is not made yet."""
        for each in self.parts:
            if isinstance(each, kind) and name in (None, each.name):
                return each
        raise MachineError(
            f"there is no {getattr(kind, '__name__', kind)}"
            f"{'' if name is None else f' called {name!r}'} on the board: "
            f"it has {', '.join(part.name for part in self.parts) or 'no parts'}"
        )


class Part(NamedTuple):
    """A device of the PC: at a port or a physical address, with its interrupt line (GSI 0-15).
    Without both, its core is in the Vm, which serves its ports."""

    make: Callable[[Wires], PioDevice | MmioDevice]
    port: int | None = None
    addr: int | None = None
    gsi: int | None = None


class Attach(Protocol):
    """How a part is attached: `Machine.attach`."""

    def __call__(
        self,
        device: PioDevice | MmioDevice,
        *,
        port: int | None,
        addr: int | None,
        gsi: int | None,
    ) -> object: ...


def _rtc(wires: Wires) -> Rtc:
    rtc = Rtc() if wires.rtc_base is None else Rtc(wires.rtc_base)
    rows = cmos(wires.ram, wires.disks, wires.hard_disks, wires.order)
    for register, value in rows.items():
        rtc.cmos[register] = value
    return rtc


def _floppy(wires: Wires) -> FloppyController:
    floppy = FloppyController(wires.part(Dma8237))
    for unit, disk in enumerate(wires.disks):
        if disk is not None:
            floppy.insert(unit, disk)
    rtc = wires.part(Rtc)

    def on_insert(unit: int, disk: FloppyDisk) -> None:
        """The first disk in drive B shows that there is such a drive: from the next boot on."""
        if unit == 1 and not rtc.cmos[CMOS_FLOPPIES] & 0x0F:
            rtc.cmos[CMOS_FLOPPIES] |= drive_type(disk)
            rtc.cmos[CMOS_EQUIPMENT] |= TWO_FLOPPIES

    floppy.on_insert = on_insert
    return floppy


#: The parts, by port; the VGA's are 3B4h to 3DAh. Not here, since they are in the core: the 8259s,
#: the 8254 and port 61h.
PC = (
    Part(lambda wires: Dma8237(wires.memory), port=0x00),
    Part(lambda wires: Keyboard8042(wires.a20, wires.reset, wires.line(12)), port=0x60, gsi=1),
    Part(_rtc, port=0x70, gsi=8),
    Part(lambda wires: PostPort(on_code=wires.post), port=0x80),
    Part(lambda wires: SystemControlA(wires.a20, wires.reset), port=0x92),
    Part(lambda wires: AtaChannel(wires.hard_disks), port=0x1F0, gsi=14),
    Part(lambda wires: DebugConsole(limit=wires.log_limit), port=0xE9),
    Part(lambda wires: DebugExit(wires.debug_exit), port=0xF4),
    Part(lambda wires: Printer(limit=wires.log_limit), port=0x378, gsi=7),
    Part(lambda wires: Vga(wires.vga)),
    Part(_floppy, port=0x3F0, gsi=6),
    Part(lambda wires: Uart16550A(wires.serial), port=0x3F8, gsi=4),
    Part(lambda wires: Uart16550A(name="com2"), port=0x2F8, gsi=3),
)


def build(attach: Attach, wires: Wires, rows: Sequence[Part] | None = None) -> None:
    """Make and attach the part of each row, of `PC` by default. Errors as for `Bus.attach`."""
    for row in PC if rows is None else rows:
        device = row.make(wires)
        if row.port is not None or row.addr is not None:
            attach(device, port=row.port, addr=row.addr, gsi=row.gsi)
        wires.parts.append(device)


# -- memory ----------------------------------------------------------------------------------------


def memory_size(memory: int) -> int:
    """The RAM in bytes, rounded down to whole pages. TypeError: `memory` is not an integer.
    MachineError: it is less than 64 KiB or more than 4 GiB."""
    try:
        return whole(memory, "memory", LEAST_MEMORY, MOST_MEMORY) & -PAGE
    except ValueError:
        raise MachineError(
            f"memory={index(memory):#x} is not what a PC can have: "
            f"give at least {LEAST_MEMORY} bytes, at most {MOST_MEMORY} (4 GiB)"
        ) from None


def add_memory(vm: "Vm", ram: int, roms: Sequence[Placed] = (), *, shared: bool = False) -> None:
    """Add RAM and ROMs, by default the BIOS. Between them, from A0000h to BFFFFh, is the VGA.
    `shared`: another process can map the RAM."""
    vm.add_memory(0, min(ram, BASE_MEMORY), shared=shared)
    add_to(vm, roms or place())
    if ram > EXTENDED:
        vm.add_memory(EXTENDED, ram - EXTENDED, shared=shared)


def drive_type(disk: FloppyDisk | None) -> int:
    """The type in CMOS register 10h of the drive that such a disk is for; 1.44M for others."""
    if disk is None:
        return DRIVE_1_44M
    cylinders, _, sectors = disk.geometry
    return DRIVE_TYPES.get((cylinders, sectors), DRIVE_1_44M)


def cmos(
    ram: int,
    disks: Sequence[FloppyDisk | None] = (),
    hard_disks: "Sequence[AtaDisk | None]" = (),
    order: str = "ac",
) -> dict[int, int]:
    """What firmware reads from the battery-backed RAM: register -> value.

    `disks` and `hard_disks` as in `Wires`. There is a drive A, and a drive B if it has a disk. The
    geometry of a hard disk is that of INT 13h, with no translation by the BIOS (39h is 0). 3Dh has
    the boot order as QEMU writes it: four bits a drive, the first in bits 3-0; 1 = A, 2 = hard
    disk.

    >>> {hex(register): hex(value) for register, value in cmos(1 << 20).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'0x10': '0x40', '0x14': '0x21', '0x15': '0x80', '0x16': '0x2', '0x17': '0x0', '0x18': '0x0',
     '0x30': '0x0', '0x31': '0x0', '0x34': '0x0', '0x35': '0x0', '0x3d': '0x21'}
    """
    first, second = (*disks, None, None)[:2]
    registers = {CMOS_FLOPPIES: drive_type(first) << 4, CMOS_EQUIPMENT: 0x21}  # a colour display
    if second is not None:
        registers[CMOS_FLOPPIES] |= drive_type(second)
        registers[CMOS_EQUIPMENT] |= TWO_FLOPPIES
    base, extended = min(ram, BASE_MEMORY) // KIB, max(0, ram - EXTENDED) // KIB
    high = max(0, ram - HIGH) // (64 * KIB)
    for register, value in ((0x15, base), (0x17, extended), (0x30, extended), (0x34, high)):
        registers[register], registers[register + 1] = min(value, 0xFFFF).to_bytes(2, "little")
    for drive, disk in enumerate(hard_disks):
        if disk is not None:
            cylinders, heads, sectors = disk.geometry
            registers[0x12] = registers.get(0x12, 0) | (0xF0, 0x0F)[drive]
            registers[0x19 + drive] = USER_TYPE
            at = 0x1B + 9 * drive
            registers[at], registers[at + 1] = cylinders.to_bytes(2, "little")
            registers[at + 2], registers[at + 8] = heads & 0xFF, sectors
    registers[0x3D] = sum(BOOT_CODES[name] << 4 * i for i, name in enumerate(order))
    return registers
