"""The machine: boot, run until something is seen, stop, reset, report. Connects all parts."""

import re
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from os import PathLike, register_at_fork
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from weakref import WeakSet

from .. import _core
from ..bus import Attachment, Bus
from ..clock import LAST
from ..device import Device, MmioDevice, PioDevice
from ..errors import MachineError
from ..exits import ExitReason
from ..log import LIMIT, Log
from ..owned import Single
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
from .ending import BIOS, JUMP, PORT_92, PULSE_8042, TRIPLE_FAULT, Reset, Resets
from .expect import Expectations, Seen, wait
from .handover import BOOT_SECTOR, POST_BOOT, POST_NOTHING, STEPS, tried
from .limits import Limits, moment, passed
from .optionroms import OptionRom, Placed, RomSource, place
from .screen.screen import Screen
from .stats import Stats

if TYPE_CHECKING:
    from .screen.film import Film
    from .web.display import WebDisplay

#: The code of a start from power-on or a reset.
POST_RESTART = 0x02
#: Guest nanoseconds from one search for `until`, or from one look at what the speaker does, to the
#: next.
LOOK = 10_000_000

D = TypeVar("D", bound=Device)

Path = str | PathLike[str]


#: All machines. A forked child gives them new locks: the thread that held one is not in the child.
_machines: "WeakSet[Machine]" = WeakSet()


def _after_fork() -> None:
    for machine in _machines:
        machine._stopping = RLock()


register_at_fork(after_in_child=_after_fork)


class Machine(Single):
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
    Ports without a device and holes in memory read as FFh. The newest `log_limit` bytes of serial
    text and of debug text are kept, by default 16 MiB each.

    Any thread may call `stop()` and read the screen and the texts.

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
    ) -> None:
        if "vm" in self.__dict__:
            raise RuntimeError("a Machine is initialised once: make another one")
        ram = board.memory_size(memory)
        if model is not None and not isinstance(model, str):
            raise TypeError(f"model must be a name such as '80486', not {type(model).__name__}")
        if rtc_base is not None and not isinstance(rtc_base, datetime):
            raise TypeError(f"rtc_base must be a datetime, not {type(rtc_base).__name__}")
        self.no_reboot = _core.truth(no_reboot, "no_reboot")
        roms = place(option_roms, bios)
        self.exit_status: int | None = None
        """(value << 1) | 1 of what the guest wrote to isa-debug-exit; None before."""
        self.booted = False
        """True after the BIOS has started a boot sector since the last reset."""
        self.boot_tried = ""
        """What the BIOS has tried to boot, and why it did not start, if it has found nothing."""
        self._stops: deque[ExitReason] = deque()
        self._stopping = RLock()
        _machines.add(self)
        self._reboot = False
        self._started = False
        self.resets = Resets()
        """How often the guest has reset the machine, and how it did so last."""
        self._stop_at_boot = self._handing_over = False
        self._other_bios = bios is not None
        self._boot_instructions = 0
        self.drives = Drives()
        """Which disk was in which drive at the start."""
        self.vm = vm = Vm(accel, irqchip=True, shift=shift, clock=clock)
        self.host_clock = clock == "host" or not vm.capabilities.virtual_clock
        """True if timers follow the host's clock."""
        self.stats = Stats(vm.coalesced)
        self.speaker = Speaker(vm)
        try:
            self.vcpu = vm.create_vcpu() if model is None else vm.create_vcpu(model)
            self.drives = Drives(boot, fda=fda, fdb=fdb, hda=hda, hdb=hdb, order=order)
            self._build(ram, roms, rtc_base, log_limit)
        except BaseException:
            self.close()
            raise

    # -- putting it together -----------------------------------------------------------

    def _build(
        self, ram: int, roms: Sequence[Placed], rtc_base: datetime | None, log_limit: int
    ) -> None:
        board.add_memory(self.vm, ram, roms)
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
            vga=self.vm.create_vga(),
            rtc_base=rtc_base,
            log_limit=log_limit,
        )
        board.build(self.attach, self._wires)
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

    def attach(
        self,
        device: PioDevice | MmioDevice,
        *,
        port: int | None = None,
        addr: int | None = None,
        gsi: int | None = None,
        pull: bool = False,
    ) -> Attachment:
        """Attach a device at a port or a physical address; `gsi` is its interrupt line, 0-15.

        MachineError: both or none of `port` and `addr`. Other errors as for `Bus.attach`.
        """
        if (port is None) == (addr is None):
            raise MachineError(f"attach '{device.name}' with either port= or addr=")
        if port is not None:
            return self.pio.attach(device, port, gsi=gsi, pull=pull)
        assert addr is not None
        return self.mmio.attach(device, addr, gsi=gsi, pull=pull)

    @property
    def pio(self) -> Bus:
        """The PIO bus: `m.vm.pio`."""
        return self.vm.pio

    @property
    def mmio(self) -> Bus:
        """The MMIO bus: `m.vm.mmio`."""
        return self.vm.mmio

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

    @property
    def time(self) -> float:
        """Guest seconds since power-on."""
        return self.vm.time / 1e9

    # -- running ------------------------------------------------------------------------------

    def run(
        self,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
    ) -> "_core.Exit":
        """Run the guest; the result says why it ended.

        - MATCH: the regular expression `until` (multi-line, a dot also matches line ends) is on
          the screen or in the serial or debug text.
        - DEADLINE: `timeout` guest seconds or `wall` seconds have passed.
        - BUDGET: `max_instructions` are spent (`Vcpu.spent`).
        - HLT: the guest has halted for good. If nothing can end the HLT, the run ends at once; with
          interrupts on and a `timeout`, it ends at the `timeout`.
        - SHUTDOWN: a triple fault or reset with `no_reboot`, or the guest ended the run with
          `exit_status`.
        - INTERNAL_ERROR: the guest did what this machine does not support.
        - INTR: `stop()` was called, or the vCPU was kicked.

        Limits count from the call. `wall` is exact within 20 ms plus the device calls of the
        instruction in progress, whatever the guest does. ValueError: a limit is negative or NaN, or
        a time is 292 years or more. TypeError: a time is not a number, or `max_instructions` not an
        integer.
        """
        limits = Limits(self, until, timeout, wall=wall, max_instructions=max_instructions)
        return self._run_within(limits, limits.deadline)

    def expect(
        self,
        pattern: str | re.Pattern[str],
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
    ) -> Seen:
        """Run until the regular expression is in text that is new since the last match, on the
        screen, from COM1 or from the debug port. Returns the match and where it was seen.

        A match consumes the text up to its end: so the next `expect()` sees only what comes after
        it. On a screen that is the rest of its row and the rows below; a row above is new after it
        was overwritten (`expect.Rows`). What is on the screen already is new for the first call.

        MachineError: the run ended without it; the message says how. Other errors as for `run`.

        >>> from pyx86emu import Machine
        >>> code = bytes.fromhex("fa b04f e6e9 b04b e6e9 f4")    # cli; "OK" to port E9h; hlt
        >>> with Machine(code) as m:
        ...     m.expect("O").where, m.expect("[A-Z]").match.group()
        ('debug', 'K')
        """
        return wait(self, self._texts, pattern, timeout, wall, max_instructions)

    def limits(
        self,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
    ) -> Limits:
        """Common limits of several runs, counted from now on. `m.limits(timeout=60).run(0.03)` runs
        for 0.03 of those 60 guest seconds. Errors as for `run`."""
        return Limits(self, until, timeout, wall=wall, max_instructions=max_instructions)

    def _run_within(self, limits: Limits, deadline: int | None) -> "_core.Exit":
        """Run until `deadline` or one of the limits."""
        watch, now = limits.watch, self.vm.clock.now
        while True:
            sounds = self.speaker.recording
            look = None if watch.pattern is None and not sounds else now() + LOOK
            if look is not None and look > LAST:
                look = None  # after the latest deadline
            exit = self._run(limits.budget, deadline, look, limits.wall_deadline)
            reason = self._take_stop()
            if sounds:
                self.speaker.drain()
            if watch.seen():
                return exit.because(ExitReason.MATCH)
            if reason is not None:
                return exit.because(reason)
            if exit.reason is not ExitReason.DEADLINE or limits.over or passed(deadline, now):
                return exit

    def boot(self, timeout: float | None = 10.0) -> "_core.Exit":
        """Run the BIOS until it has loaded the boot sector, then end with MATCH, at 0000:7C00
        before the first instruction there. Registers and memory may be changed then. A later call
        runs for 0 seconds. `timeout` is in guest seconds; None is no limit. Errors as for `run`."""
        moment("timeout", timeout, self.vm.clock.now)
        self._stop_at_boot = not self.booted
        try:
            exit = self.run(timeout=timeout if self._stop_at_boot else 0)
            if self._handing_over:
                exit = self._hand_over().because(exit.reason)
            return exit
        finally:
            self._stop_at_boot = self._handing_over = False

    def _hand_over(self) -> "_core.Exit":
        """Execute what is left of the BIOS: no interrupt comes before the boot sector."""
        for _ in range(STEPS):
            exit = self.vcpu.step()
        return exit

    def _watch_boot(self) -> None:
        """With a BIOS of others, a breakpoint shows the boot sector: its POST codes are its own."""
        if self._other_bios and not self.booted:
            self.vcpu.debug(breakpoints=[BOOT_SECTOR])

    def _other_boots(self, exit: "_core.Exit") -> bool:
        """Is this exit the boot sector's first instruction, with a BIOS of others?"""
        if not self._other_bios or self.booted or (exit.cs << 4) + exit.ip != BOOT_SECTOR:
            return False
        self.vcpu.debug()
        self._starts(0)
        return True

    def _starts(self, left: int) -> None:
        """The boot sector starts, `left` instructions from now."""
        self.booted = True
        self.stats.clear()
        self._boot_instructions = (self.vcpu.instructions or 0) + left

    def _run(
        self,
        budget: int | None,
        deadline: int | None,
        look: int | None,
        wall_deadline: int | None,
    ) -> "_core.Exit":
        """Run until an exit that is not a device access or a reset. All limits are absolute."""
        vcpu, run, stats = self.vcpu, self.vcpu.run_until, self.stats
        self._watch_boot()
        while True:
            left = None if budget is None else max(0, budget - vcpu.spent)
            exit = run(left, deadline=deadline, look=look, wall_deadline=wall_deadline)
            reason = exit.reason
            if reason is ExitReason.IO:
                stats.pio_exits += 1
                self._serve(self.pio, exit)
            elif reason is ExitReason.MMIO:
                stats.mmio_exits += 1
                self._serve(self.mmio, exit)
            elif self._reboot or reason is ExitReason.SHUTDOWN:
                if self._reboot:
                    self._forget_kick(exit)
                else:
                    self._note_reset(TRIPLE_FAULT, exit.cs, exit.ip, exit.message)
                self._reboot = False
                if self.no_reboot:
                    return exit.because(ExitReason.SHUTDOWN)
                self.reset()
                self._watch_boot()
                with self._stopping:
                    if self._stops:
                        self.vcpu.kick()  # the kick may have been for the stop too
            elif reason is ExitReason.DEBUG and self._other_boots(exit):
                if self._stop_at_boot:
                    return exit.because(ExitReason.MATCH)
            else:
                return exit

    def _take_stop(self) -> ExitReason | None:
        """The reason of the first `stop()` since the last call; None if there was none."""
        if not self._stops:
            return None
        with self._stopping:  # with the lock: its kick has also happened
            reason = self._stops.popleft()
            self._stops.clear()
            self.vcpu.run(deadline=0)  # drops what is left of their kicks, for the next run
            if self._stops:
                self.vcpu.kick()  # by a signal handler meanwhile: it is for the next run
        return reason

    def _forget_kick(self, exit: "_core.Exit") -> None:
        """Drop our kick if the run ended for another reason first: it must not end the next run."""
        if exit.reason is not ExitReason.INTR:
            self.vcpu.run(deadline=0)

    def _serve(self, bus: Bus, exit: "_core.Exit") -> None:
        """Do an access. If no device owns all of it, split it into bytes, as on an 8-bit bus."""
        if bus.dispatch(exit):
            return
        addr, size = exit.addr, exit.size
        if exit.write:
            bus.write(addr, size, exit.value)
        else:
            exit.reply_one(bus.read(addr, size))

    def stop(self, reason: ExitReason = ExitReason.INTR) -> None:
        """End the current run soon, or if there is none, the next run at once. One call ends one
        run. Devices, timers, signal handlers and any thread may call it. ValueError: `reason` is
        not an ExitReason."""
        reason = ExitReason(reason)
        with self._stopping:
            self._stops.append(reason)
            self.vcpu.kick()

    def reset(self) -> None:
        """The reset button: reset the vCPU and every device. Memory keeps its contents."""
        for bus in (self.pio, self.mmio):
            bus.reset()
        self.vcpu.reset()
        self.booted = self._started = False
        self.boot_tried = ""

    def _set_a20(self, is_open: bool) -> None:
        self.vm.a20 = is_open

    def _post(self, code: int) -> None:
        """Port 80h. Only what the BIOS writes counts, and of that the first hand-over after a
        reset: guests write to this port, too."""
        if (
            code not in (POST_RESTART, POST_BOOT, POST_NOTHING)
            or self._other_bios
            or (regs := self.vcpu.regs).cs != BIOS
        ):
            return
        if code == POST_RESTART:
            if self._started:  # without a reset before: the guest has jumped there
                self._note_reset(JUMP, regs.cs, regs.ip)
                if self.no_reboot:
                    self.stop(ExitReason.SHUTDOWN)
            self._started = True
        elif code == POST_NOTHING:
            self.boot_tried = tried(tuple(self.post.history), self.booted)
        elif not self.booted:
            self._starts(1 + STEPS)
            if self._stop_at_boot:
                self._handing_over = True
                self.stop(ExitReason.MATCH)

    def _pulse_reset(self) -> None:
        self._ask_reset(PULSE_8042)

    def _ask_reset(self, kind: str) -> None:
        regs = self.vcpu.regs
        self._note_reset(kind, regs.cs, regs.ip)
        self._reboot = True
        self.vcpu.kick()

    def _note_reset(self, kind: str, cs: int, ip: int, detail: str | None = None) -> None:
        self.resets.note(Reset(kind, cs, ip, self.time, detail))

    def _guest_exit(self, status: int) -> None:
        self.exit_status = status
        self.stop(ExitReason.SHUTDOWN)

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

    def serve(
        self, host: str = "127.0.0.1", port: int = 0, *, disks: Sequence[Path] = ()
    ) -> "WebDisplay":
        """Show the machine on a web page and run it on a thread of its own, until the result is
        closed. Needs the extra `web`; arguments and errors as for `WebDisplay`."""
        from .web.display import WebDisplay

        return WebDisplay(self, host, port, disks=disks).start()

    def film(self, path: Path, *, fps: float = 10.0) -> "Film":
        """Make a film of the screen in guest time, a .gif or an animated .png: `with
        m.film("a.gif"): m.run(timeout=5)`. Needs the extra `pictures`; errors as for `Film`."""
        from .screen.film import Film

        return Film(self.screen, self.vm.clock, path, fps)

    def close(self) -> None:
        """Release memory and descriptors; close the disks that the machine opened. Errors as for
        `Disk.close`."""
        try:
            try:
                self.speaker.close()
            finally:
                self.vm.close()
        finally:
            self.drives.close()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Machine {self.vcpu.model}, {self.disk or 'no disk'}, {self.time:.3f} s>"
