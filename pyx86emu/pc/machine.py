"""The machine: make all parts, connect them, report what they hold. Runs nothing itself."""

from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from os import register_at_fork
from threading import RLock
from typing import Any, Literal, TypeVar
from weakref import WeakSet

from .. import _core
from ..device import Device
from ..exits import ExitReason
from ..log import LIMIT, Log
from ..vm import Vm
from . import board
from .devices import (
    AtaChannel,
    DebugConsole,
    Dma8237,
    FloppyController,
    Keyboard8042,
    PostPort,
    Printer,
    Rtc,
    Speaker,
    SystemControlA,
    Uart16550A,
    Vga,
)
from .disks.image import Disk
from .drives import Boot, Drives
from .expect import Expectations
from .inspecting import Inspecting
from .observing import Observing
from .optionroms import OptionRom, RomSource, place
from .plugging import Plugging
from .resets import PORT_92, Resets
from .running import Running
from .saving import Saving
from .screen.screen import Screen
from .serving import Serving
from .stats import Stats
from .stops import Stops
from .timetravel import TimeTravel

D = TypeVar("D", bound=Device)

#: All machines. A forked child gives them new locks: the thread that held one is not in the child.
_machines: "WeakSet[Machine]" = WeakSet()


def _after_fork() -> None:
    for machine in _machines:
        machine._stopping = RLock()


register_at_fork(after_in_child=_after_fork)


class Machine(Running, Saving, TimeTravel, Observing, Inspecting, Serving, Plugging):
    """A small PC that boots `boot`: a path, the bytes of a boot sector or image, or a Disk.

    A floppy is in drive A, a hard disk is the first one. `fda`, `fdb`, `hda` and `hdb` put disks
    into drives by name. `order` says which drives the BIOS tries: "a", "c", "ac" or "ca".
    `memory` is the size of the RAM in bytes, from 64 KiB to 4 GiB (32 address lines). At most
    640 KiB of it is at address 0; the part above 1 MiB is at 100000h.
    `accel` is what runs it: "interp", "kvm" or "auto" (`Vm`); `model` is by default "80486", on KVM
    the host's CPU.
    `clock` is "virtual" (an instruction takes 1 << shift ns, and every run is the same) or "host"
    (timers follow the host's clock); by default "virtual", on KVM "host".
    `bios` is a ROM in place of ours, which ends at FFFFFh; `option_roms` are ROMs of others below
    it. `optionroms.place` says how they are given, and which errors there are.
    `shared`: the RAM is memory that another process can map, as a vhost-user back end does
    (`MemorySlot.fileno`).
    Ports without a device and holes in memory read as FFh. The newest `log_limit` bytes of serial
    text and of debug text are kept, by default 16 MiB each.

    Any thread may call `stop()` and read the screen and the texts.

    Its attributes, besides methods and properties:

        vm           the Vm, with memory, buses and clock
        vcpu         its vCPU: registers, steps, breakpoints
        screen       what the guest shows, as text and pictures
        serial_log   the bytes that the guest sent over COM1
        exit_status  what the guest wrote to isa-debug-exit, (value << 1) | 1; None before
        booted       True after the BIOS has started a boot sector since the last reset
        boot_tried   what the BIOS has tried to boot, if it has found nothing
        no_reboot    True: a reset by the guest ends the run
        host_clock   True: timers follow the host's clock
        resets       how often the guest has reset the machine, and how it did so last
        stats        exits and writes, counted from the boot sector on
        drives       which disk was in which drive at the start
        keyboard     the 8042 and its keyboard: type(), press()
        mouse        the PS/2 mouse
        floppy       the floppy controller: insert(), eject()
        ata          the ATA channel with the hard disks
        uart         COM1
        com2         COM2
        printer      LPT1
        rtc          the MC146818 clock and its CMOS
        speaker      the PC's speaker
        vga          the VGA
        dma          the 8237
        post         port 80h: the codes of the BIOS
        debug        port E9h: debug text

    >>> hello = bytes.fromhex("b0 48 e6 e9 f4")             # mov al,'H'; out 0E9h,al; hlt
    >>> with Machine(bytes.fromhex("fa") + hello) as m:     # cli: nothing ends this HLT
    ...     print(m.run().reason.name, m.debug_text)
    HLT H
    """

    owns = "memory and descriptors"
    instead = "make another Machine"

    def __init__(
        self,
        boot: Boot = None,
        *,
        fda: Boot = None,
        fdb: Boot = None,
        hda: Boot = None,
        hdb: Boot = None,
        order: str | None = None,
        accel: str = "interp",
        model: str | None = None,
        memory: int = 1 << 20,
        clock: Literal["virtual", "host"] | None = None,
        shift: int | None = None,
        rtc_base: datetime | None = None,
        no_reboot: bool = False,
        bios: RomSource | None = None,
        option_roms: Sequence[OptionRom] = (),
        log_limit: int = LIMIT,
        shared: bool = False,
    ) -> None:
        if "vm" in self.__dict__:
            raise RuntimeError("a Machine is initialised once: make another one")
        ram = board.memory_size(memory)
        if model is not None and not isinstance(model, str):
            raise TypeError(f"model must be a name such as '80486', not {type(model).__name__}")
        if rtc_base is not None and not isinstance(rtc_base, datetime):
            raise TypeError(f"rtc_base must be a datetime, not {type(rtc_base).__name__}")
        no_reboot = _core.truth(no_reboot, "no_reboot")
        shared = _core.truth(shared, "shared")
        roms = place(option_roms, bios)
        vm = Vm(accel, irqchip=True, shift=shift, clock=clock)
        self._begin(vm, clock == "host", no_reboot, bios is not None)
        try:
            self.vcpu = vm.create_vcpu() if model is None else vm.create_vcpu(model)
            self.drives = Drives(boot, fda=fda, fdb=fdb, hda=hda, hdb=hdb, order=order)
            self._roms = [(each.addr, each.data) for each in roms]
            board.add_memory(vm, ram, roms, shared=shared)
            self._build(vm.create_vga(), ram, rtc_base, log_limit)
        except BaseException:
            self.close()
            raise

    # -- putting it together -----------------------------------------------------------

    def _begin(self, vm: Vm, host_clock: bool, no_reboot: bool, other_bios: bool) -> None:
        """What there is before any part."""
        self.no_reboot = no_reboot
        self.exit_status: int | None = None
        """(value << 1) | 1 of what the guest wrote to isa-debug-exit; None before."""
        self.booted = False
        """True after the BIOS has started a boot sector since the last reset."""
        self.boot_tried = ""
        """What the BIOS has tried to boot, and why it did not start, if it has found nothing."""
        self._stops: deque[ExitReason] = deque()
        self._stopping = RLock()
        self._known_disks = WeakSet()
        _machines.add(self)
        self.resets = Resets()
        """How often the guest has reset the machine, and how it did so last."""
        self._other_bios = other_bios
        self.drives = Drives()
        """Which disk was in which drive at the start."""
        self.vm = vm
        self.host_clock = host_clock or not vm.capabilities.virtual_clock
        """True if timers follow the host's clock."""
        self.stats = Stats(vm.coalesced)
        self.speaker = Speaker(vm)

    def _build(
        self, vga: _core.VgaCore, ram: int, rtc_base: datetime | None, log_limit: int
    ) -> None:
        """Make and attach the parts; the Vm has memory and the first vCPU."""
        self._places = Stops(self.vcpu)
        self.stats.count(self._places.ports.seen)
        self.serial_log = Log(log_limit)
        """The bytes that the guest sent over COM1; `total` counts all of them."""
        self._wires = board.Wires(
            self.vm,
            ram,
            a20=self._set_a20,
            reset=self._pulse_reset,
            post=self._post,
            debug_exit=self._guest_exit,
            serial=self.serial_log.write,
            line=lambda gsi: partial(self.vm.irq_line, gsi),
            disks=self.drives.floppies,
            hard_disks=self.drives.hard_disks,
            order=self.drives.order,
            vga=vga,
            rtc_base=rtc_base,
            log_limit=log_limit,
        )
        board.build(self.attach, self._wires)
        if self.vm.started:  # a fork: power comes on for the new board
            for bus in (self.pio, self.mmio):
                bus.reset()
        self.dma = self.part(Dma8237)
        self.keyboard = self.part(Keyboard8042)
        self.mouse = self.keyboard.mouse
        self.rtc = self.part(Rtc)
        self.post = self.part(PostPort)
        self.debug = self.part(DebugConsole)
        self.vga = self.part(Vga)
        self.floppy = self.part(FloppyController)
        self.ata = self.part(AtaChannel)
        self.uart = self.part(Uart16550A)
        self.com2 = self.part(Uart16550A, "com2")
        self.printer = self.part(Printer)
        self.part(SystemControlA).reset_line = partial(self._ask_reset, PORT_92)
        self.screen = Screen(self.vm, self.vga)
        self._texts = Expectations(self.screen, self.serial_log, self.debug.log)

    def part(self, kind: type[D], name: str | None = None) -> D:
        """The first device of this class on the board, `board.PC`, and of this name if one is
        given. MachineError: there is none."""
        return self._wires.part(kind, name)

    # -- what the outside sees -----------------------------------------------------------

    @property
    def disks(self) -> dict[str, Any]:
        """The disk in each drive now, None if it is empty or absent: "fda", "fdb", "hda", "hdb"."""
        floppies = (drive.disk for drive in self.floppy.drives)
        return {**self.drives.disks, **dict(zip(("fda", "fdb"), floppies, strict=False))}

    @property
    def disk(self) -> Disk | None:
        """The disk that it boots from: the first one of the boot order that was there at the
        start."""
        return self.drives.first

    @property
    def instructions(self) -> int | None:
        """Instructions since the first one of the boot sector; 0 before it. None on KVM, which does
        not count them. `vcpu.instructions` counts all."""
        count = self.vcpu.instructions
        if count is None:
            return None
        return max(0, count - self._boot_instructions) if self.booted else 0

    @property
    def serial(self) -> bytes:
        """The bytes that the guest sent over COM1, without the oldest `serial_dropped` ones."""
        return bytes(self.serial_log)

    @property
    def serial_text(self) -> str:
        """The same as text: UTF-8 if it is valid UTF-8, else code page 437."""
        return self.serial_log.text()

    @property
    def serial_dropped(self) -> int:
        """How many of the oldest bytes from COM1 are no longer kept: those above `log_limit`."""
        return self.serial_log.dropped

    @property
    def debug_text(self) -> str:
        """The text that the guest wrote to the debug port E9h, without the oldest `debug_dropped`
        bytes."""
        return self.debug.log.text()

    @property
    def debug_dropped(self) -> int:
        """How many of the oldest bytes from the debug port are no longer kept."""
        return self.debug.log.dropped

    def report(self) -> dict[str, Any]:
        """A summary of the guest now, as plain values for JSON.

        `accel`, `instructions` (with the BIOS's; None on KVM), `guest_seconds` since power-on,
        `guest_status` (see `exit_status`), `screen_mode` in words, the texts `screen` (None in
        graphics modes), `serial` and `debug`, `serial_dropped` and `debug_dropped` in bytes, and
        `disk_sectors_changed`. The reason why a run ended is not
        here: `run()` returns it.
        """
        return {
            "accel": self.vm.accel,
            "instructions": self.vcpu.instructions,
            "guest_seconds": self.time,
            "guest_status": self.exit_status,
            "screen": self.screen.text,
            "screen_mode": self.screen.mode_name,
            "serial": self.serial_text,
            "serial_dropped": self.serial_dropped,
            "debug": self.debug_text,
            "debug_dropped": self.debug_dropped,
            "disk_sectors_changed": self.drives.changed,
        }

    def close(self) -> None:
        """End a recording, release memory and descriptors; close the disks that the machine opened.
        Errors as for `Recording.close` and `Disk.close`."""
        if self._debugger is not None:
            self._debugger.close(self.exit_status or 0)
        with ExitStack() as last_first:
            last_first.callback(self.drives.close)
            last_first.callback(self.vm.close)
            last_first.callback(self.speaker.close)
            last_first.callback(self._unplug)
            if self._recording is not None:
                last_first.callback(self._recording.close)  # it keeps devices where they are

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Machine {self.vcpu.model}, {self.disk or 'no disk'}, {self.time:.3f} s>"
