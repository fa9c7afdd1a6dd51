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
    DebugConsole,
    DebugExit,
    Dma8237,
    FloppyController,
    Keyboard8042,
    PostPort,
    Rtc,
    SystemControlA,
    Uart16550A,
    Vga,
)
from .devices.floppy.drive import FloppyDisk
from .firmware import rom

if TYPE_CHECKING:
    from .. import _core
    from ..vm import Vm

D = TypeVar("D", bound=Device)

KIB = 1 << 10
BASE_MEMORY = 640 * KIB
LEAST_MEMORY, MOST_MEMORY = 64 * KIB, 1 << 32
EXTENDED = 1024 * KIB  # memory above the ROM starts here
TEXT_MEMORY = 0xB8000  # of the VGA
ROM = 0xF0000

#: Drive types of CMOS register 10h, by cylinders and sectors per track.
DRIVE_TYPES = {(40, 8): 1, (40, 9): 1, (80, 15): 2, (80, 9): 3, (80, 18): 4, (80, 36): 5}
DRIVE_1_44M = 4


class Wires:
    """What parts are connected to, in addition to their bus, their interrupt line and the clock.

    `a20` and `reset` are lines of the processor. `post` takes each POST code, `debug_exit` the
    status with which the guest ends the run, `serial` the bytes that the guest sends over COM1.
    `disks`: the disks in drives A and B. `ram`: the size of the memory in bytes, for the CMOS.
    `vga`: the core of the VGA, from `Vm.create_vga()`; None: it has one of its own, without memory
    on the bus. `rtc_base`: the date at power-on. `log_limit`: how many bytes of debug text are
    kept.
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
        disks: Sequence[FloppyDisk | None] = (),
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
        self.disks = disks
        self.vga = vga
        self.rtc_base = rtc_base
        self.log_limit = log_limit
        #: The parts made so far: a part may be connected to a part of an earlier row.
        self.parts: list[Device] = []

    def part(self, kind: type[D]) -> D:
        """The part of this class. MachineError: there is none, or it is not made yet."""
        for each in self.parts:
            if isinstance(each, kind):
                return each
        raise MachineError(
            f"there is no {getattr(kind, '__name__', kind)} on the board: "
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
    for register, value in cmos(wires.ram, wires.disks[0] if wires.disks else None).items():
        rtc.cmos[register] = value
    return rtc


def _floppy(wires: Wires) -> FloppyController:
    floppy = FloppyController(wires.part(Dma8237))
    for unit, disk in enumerate(wires.disks):
        if disk is not None:
            floppy.insert(unit, disk)
    return floppy


#: The parts, by port; the VGA's are 3B4h to 3DAh. Not here, since they are in the core: the 8259s,
#: the 8254 and port 61h.
PC = (
    Part(lambda wires: Dma8237(wires.memory), port=0x00),
    Part(lambda wires: Keyboard8042(wires.a20, wires.reset), port=0x60, gsi=1),
    Part(_rtc, port=0x70, gsi=8),
    Part(lambda wires: PostPort(on_code=wires.post), port=0x80),
    Part(lambda wires: SystemControlA(wires.a20, wires.reset), port=0x92),
    Part(lambda wires: DebugConsole(limit=wires.log_limit), port=0xE9),
    Part(lambda wires: DebugExit(wires.debug_exit), port=0xF4),
    Part(lambda wires: Vga(wires.vga)),
    Part(_floppy, port=0x3F0, gsi=6),
    Part(lambda wires: Uart16550A(wires.serial), port=0x3F8, gsi=4),
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


def add_memory(vm: "Vm", ram: int) -> None:
    """Add RAM and the BIOS. Between them, from A0000h to BFFFFh, is the VGA."""
    vm.add_memory(0, min(ram, BASE_MEMORY))
    bios = rom("bios")
    vm.add_memory(ROM, len(bios), readonly=True)
    vm.write(ROM, bios)
    if ram > EXTENDED:
        vm.add_memory(EXTENDED, ram - EXTENDED)


def cmos(ram: int, disk: FloppyDisk | None) -> dict[int, int]:
    """What firmware reads from the battery-backed RAM: register -> value.

    >>> {hex(register): hex(value) for register, value in cmos(1 << 20, None).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'0x10': '0x40', '0x14': '0x21', '0x15': '0x80', '0x16': '0x2', '0x17': '0x0', '0x18': '0x0',
     '0x30': '0x0', '0x31': '0x0'}
    """
    drive = DRIVE_1_44M
    if disk is not None:
        cylinders, _, sectors = disk.geometry
        drive = DRIVE_TYPES.get((cylinders, sectors), DRIVE_1_44M)
    registers = {0x10: drive << 4, 0x14: 0x21}  # a floppy drive, a colour display
    base, extended = min(ram, BASE_MEMORY) // KIB, max(0, ram - EXTENDED) // KIB
    for register, value in ((0x15, base), (0x17, extended), (0x30, extended)):
        registers[register], registers[register + 1] = min(value, 0xFFFF).to_bytes(2, "little")
    return registers
