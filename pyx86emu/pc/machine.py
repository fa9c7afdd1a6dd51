"""The PC: put the parts together, boot, run until something is seen. Knows who meets whom."""

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime
from operator import index
from time import monotonic_ns
from typing import Literal

from .. import _core
from ..bus import Attachment, Bus
from ..clock import LAST as MAX_NS
from ..device import MmioDevice, PioDevice
from ..errors import MachineError
from ..exits import ExitReason
from ..log import LIMIT, Log
from ..memory import PAGE
from ..owned import Single
from ..vm import Vm
from .devices import (
    DebugConsole,
    DebugExit,
    Dma8237,
    FloppyController,
    Keyboard8042,
    PostPort,
    Rtc,
    SystemControlA,
    TextVideo,
    Uart16550A,
)
from .disks.image import Disk, Source
from .firmware import rom
from .screen.display import DirtyLog
from .screen.text import Screen

KIB = 1 << 10
BASE_MEMORY = 640 * KIB
LEAST_MEMORY, MOST_MEMORY = 64 * KIB, 1 << 32
EXTENDED = 1024 * KIB  # where memory goes on
GRAPHICS_MEMORY = (0xA0000, 0x10000)  # mode 13h; kept for the guest, not shown
TEXT_MEMORY = (0xB8000, 0x8000)
ROM = 0xF0000

#: The code that the BIOS writes to port 80h when it hands over to the boot sector.
POST_BOOT = 0x09
#: How often `run()` looks at screen and serial text, in guest nanoseconds.
LOOK = 10_000_000
#: `until` searches this much of the newest serial and debug text.
TAIL = 64 * KIB

#: Drive types of CMOS register 10h by cylinders and sectors a track.
DRIVE_TYPES = {(40, 8): 1, (40, 9): 1, (80, 15): 2, (80, 9): 3, (80, 18): 4, (80, 36): 5}

Boot = Source | Disk | None


class Stats:
    """What the guest did since its boot sector started."""

    def __init__(self) -> None:
        self.pio_exits = 0
        self.mmio_exits = 0

    def clear(self) -> None:
        self.pio_exits = self.mmio_exits = 0

    def __repr__(self) -> str:
        return f"<{self.pio_exits} PIO exits, {self.mmio_exits} MMIO exits>"


class _BootPost(PostPort):
    """The POST port; it calls `on_boot` when the BIOS hands over to the boot sector."""

    name = "post"

    def __init__(self, on_boot: Callable[[], object]) -> None:
        self.on_boot = on_boot
        super().__init__()

    def pio_write(self, offset: int, size: int, value: int) -> None:
        super().pio_write(offset, size, value)
        if value == POST_BOOT:
            self.on_boot()


class Machine(Single):
    """A small PC that boots `boot`: a path, the bytes of a boot sector or image, or a Disk.

    `memory` is the RAM in bytes: at most 640 KiB from 0, what is above 1 MiB from 100000h.
    64 KiB is the least, 4 GiB the most: more, 32 address lines cannot reach.
    `clock` is "virtual" (one instruction is 1 << shift ns; every run is the same) or "host"
    (timers follow the host's clock). Ports that nobody owns read FFh, as do holes in memory.
    Of the serial and the debug text the newest `log_limit` bytes are kept, 16 MiB each.

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
        model: str = "80486",
        memory: int = 1024 * KIB,
        clock: Literal["virtual", "host"] = "virtual",
        shift: int = 7,
        rtc_base: datetime | None = None,
        no_reboot: bool = False,
        log_limit: int = LIMIT,
    ) -> None:
        if "vm" in self.__dict__:
            raise RuntimeError("a Machine is initialised once: make another one")
        memory = _memory_size(memory)
        if not isinstance(model, str):
            raise TypeError(f"model must be a name such as '80486', not {type(model).__name__}")
        if rtc_base is not None and not isinstance(rtc_base, datetime):
            raise TypeError(f"rtc_base must be a datetime, not {type(rtc_base).__name__}")
        self.no_reboot = _core.truth(no_reboot, "no_reboot")
        self.stats = Stats()
        self.exit_status: int | None = None
        """What the guest wrote to isa-debug-exit, as (value << 1) | 1."""
        self.booted = False
        """True once the BIOS has handed over to the boot sector."""
        self._stops: deque[ExitReason] = deque()
        self._reboot = False
        self._stop_at_boot = False
        self.disk = boot if isinstance(boot, Disk) else None
        self._owns_disk = boot is not self.disk
        self.vm = vm = Vm(irqchip=True, shift=shift, clock=clock)
        try:
            self.vcpu = vm.create_vcpu(model)
            if boot is not None and not isinstance(boot, Disk):
                self.disk = Disk(boot)
            self._add_memory(memory)
            self._add_devices(rtc_base, log_limit)
            self._set_cmos(memory)
        except BaseException:
            self.close()
            raise

    # -- putting it together -----------------------------------------------------------

    def _add_memory(self, memory: int) -> None:
        vm = self.vm
        vm.add_memory(0, min(memory, BASE_MEMORY))
        vm.add_memory(*GRAPHICS_MEMORY)
        text = vm.add_memory(*TEXT_MEMORY, dirty_log=True)
        bios = rom("bios")
        vm.add_memory(ROM, len(bios), readonly=True)
        vm.write(ROM, bios)
        if memory > EXTENDED:
            vm.add_memory(EXTENDED, memory - EXTENDED)
        self.video = TextVideo()
        self.screen = Screen(vm, self.video, DirtyLog(text))

    def _add_devices(self, rtc_base: datetime | None, log_limit: int) -> None:
        self.serial_log = Log(log_limit)
        """What the guest sent over COM1; `total` counts it."""
        self.debug = DebugConsole(limit=log_limit)
        self.uart = Uart16550A(output=self.serial_log.write)
        self.keyboard = Keyboard8042(a20=self._set_a20, reset=self._ask_reset)
        self.rtc = Rtc() if rtc_base is None else Rtc(rtc_base)
        self.dma = Dma8237(self.vm)
        self.floppy = FloppyController(self.dma)
        self.post = _BootPost(self._booting)
        attach = self.attach
        attach(self.dma, port=0x00)
        attach(self.keyboard, port=0x60, gsi=1)
        attach(self.rtc, port=0x70, gsi=8)
        attach(self.post, port=0x80)
        attach(SystemControlA(a20=self._set_a20, reset=self._ask_reset), port=0x92)
        attach(self.debug, port=0xE9)
        attach(DebugExit(self._guest_exit), port=0xF4)
        attach(self.video, port=0x3C0)
        attach(self.floppy, port=0x3F0, gsi=6)
        attach(self.uart, port=0x3F8, gsi=4)
        if self.disk is not None:
            self.floppy.insert(0, self.disk)

    def _set_cmos(self, memory: int) -> None:
        """What firmware looks up in the battery-backed RAM."""
        extended = max(0, memory - EXTENDED) // KIB
        base = min(memory, BASE_MEMORY) // KIB
        drive = 4
        if self.disk is not None:
            cylinders, _, sectors = self.disk.geometry
            drive = DRIVE_TYPES.get((cylinders, sectors), 4)
        cmos = self.rtc.cmos
        cmos[0x10] = drive << 4
        cmos[0x14] = 0x21  # a floppy drive, a colour display
        for register, value in ((0x15, base), (0x17, extended), (0x30, extended)):
            cmos[register], cmos[register + 1] = min(value, 0xFFFF).to_bytes(2, "little")

    def attach(
        self,
        device: PioDevice | MmioDevice,
        *,
        port: int | None = None,
        addr: int | None = None,
        gsi: int | None = None,
        pull: bool = False,
    ) -> Attachment:
        """Attach a device at a port or a physical address; `gsi` is its interrupt line (0-15)."""
        if (port is None) == (addr is None):
            raise MachineError(f"attach '{device.name}' with either port= or addr=")
        if port is not None:
            return self.pio.attach(device, port, gsi=gsi, pull=pull)
        assert addr is not None
        return self.mmio.attach(device, addr, gsi=gsi, pull=pull)

    @property
    def pio(self) -> Bus:
        """The ports: `m.vm.pio`."""
        return self.vm.pio

    @property
    def mmio(self) -> Bus:
        """Device memory: `m.vm.mmio`."""
        return self.vm.mmio

    # -- what the outside sees -----------------------------------------------------------

    @property
    def serial(self) -> bytes:
        """What the guest sent over COM1, without the oldest `serial_dropped` bytes."""
        return bytes(self.serial_log)

    @property
    def serial_text(self) -> str:
        """The same as text."""
        return self.serial_log.text()

    @property
    def serial_dropped(self) -> int:
        """How many bytes, the oldest from COM1, are no longer kept; 0 up to `log_limit` bytes."""
        return self.serial_log.dropped

    @property
    def debug_text(self) -> str:
        """What the guest wrote to the debug port E9h, as text, without the oldest `debug_dropped`
        bytes."""
        return self.debug.log.text()

    @property
    def debug_dropped(self) -> int:
        """How many bytes, the oldest from the debug port, are no longer kept."""
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

        MATCH: the regular expression `until` (multi-line, a dot matches line ends too) is on the
        screen or in the serial or debug text. DEADLINE: `timeout` guest seconds or `wall` seconds
        are over. BUDGET: so many instructions are spent (`Vcpu.spent`). HLT: halted for good, which
        is at once where nothing can end a HLT; with interrupts on, a `timeout` is waited for.
        SHUTDOWN: triple fault or reset with `no_reboot`, or the guest ended the run with
        `exit_status`. INTERNAL_ERROR: what this machine does not run. INTR: somebody kicked the
        vCPU.

        Limits count from the call on. `wall` holds within 20 ms and the device calls of the
        instruction in progress, whatever the guest does. ValueError: a limit that is negative or
        NaN, or a time of 292 years or more; TypeError: a time that is no number,
        `max_instructions` that is no integer.
        """
        watch = _Watch(self, until)
        clock = self.vm.clock
        budget = None
        if max_instructions is not None:
            most = _core.whole(max_instructions, "max_instructions", 0, MAX_NS)
            budget = self.vcpu.spent + most
        deadline = _limit("timeout", timeout, clock.now)
        wall_deadline = _limit("wall", wall, monotonic_ns)
        while True:
            look = None if watch.pattern is None else clock.now() + LOOK
            if look is not None and look > MAX_NS:
                look = None  # the end of time
            exit = self._run(budget, deadline, look, wall_deadline)
            reason = self._stops.popleft() if self._stops else None
            self._stops.clear()
            if reason is not None:
                self._forget_kick(exit)
            if watch.seen():
                return exit.because(ExitReason.MATCH)
            if reason is not None:
                return exit.because(reason)
            late = _passed(deadline, clock.now) or _passed(wall_deadline, monotonic_ns)
            if exit.reason is not ExitReason.DEADLINE or late:
                return exit

    def boot(self, timeout: float = 10.0) -> "_core.Exit":
        """Run the BIOS until it hands over to the boot sector: MATCH when it does."""
        _limit("timeout", timeout, monotonic_ns)
        self._stop_at_boot = not self.booted
        try:
            return self.run(timeout=timeout if self._stop_at_boot else 0)
        finally:
            self._stop_at_boot = False

    def _run(
        self,
        budget: int | None,
        deadline: int | None,
        look: int | None,
        wall_deadline: int | None,
    ) -> "_core.Exit":
        """Run until something else than a device access or a reset; all in absolute terms."""
        vcpu, run, stats = self.vcpu, self.vcpu.run_until, self.stats
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
                self._reboot = False
                if self.no_reboot:
                    self._stops.append(ExitReason.SHUTDOWN)
                    return exit
                self.reset()
            else:
                return exit

    def _forget_kick(self, exit: "_core.Exit") -> None:
        """We kicked, but the run ended for another reason first: the kick must not end the next."""
        if exit.reason is not ExitReason.INTR:
            self.vcpu.run(0)

    def _serve(self, bus: Bus, exit: "_core.Exit") -> None:
        """An access that no device owns whole: byte by byte, as on an 8-bit bus."""
        if bus.dispatch(exit):
            return
        addr, size = exit.addr, exit.size
        if exit.write:
            bus.write(addr, size, exit.value)
        else:
            exit.reply_one(bus.read(addr, size))

    def stop(self, reason: ExitReason = ExitReason.INTR) -> None:
        """End `run()` soon, from a device, a timer or another thread. ValueError: no ExitReason."""
        self._stops.append(ExitReason(reason))
        self.vcpu.kick()

    def reset(self) -> None:
        """The reset button: the vCPU and every device start again, memory keeps its contents."""
        for bus in (self.pio, self.mmio):
            bus.reset()
        self.vcpu.reset()
        self.booted = False

    def _set_a20(self, is_open: bool) -> None:
        self.vm.a20 = is_open

    def _booting(self) -> None:
        self.booted = True
        self.stats.clear()
        if self._stop_at_boot:
            self.stop(ExitReason.MATCH)

    def _ask_reset(self) -> None:
        self._reboot = True
        self.vcpu.kick()

    def _guest_exit(self, status: int) -> None:
        self.exit_status = status
        self.stop(ExitReason.SHUTDOWN)

    def close(self) -> None:
        """Stop, release memory and descriptors, close the image if the machine opened it."""
        try:
            self.vm.close()
        finally:
            if self.disk is not None and self._owns_disk:
                self.disk.close()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Machine {self.vcpu.model}, {self.disk or 'no disk'}, {self.time:.3f} s>"


def _limit(what: str, seconds: float | None, now: Callable[[], int]) -> int | None:
    """When so many seconds from `now` are over, in ns; None: never."""
    if seconds is None:
        return None
    try:
        if isinstance(seconds, (str, bytes, bytearray)):
            raise TypeError
        seconds = float(seconds)
    except (TypeError, ValueError):
        raise TypeError(f"{what}={seconds!r}: give a number of seconds, or None") from None
    if not 0 <= seconds < MAX_NS / 1e9:
        raise ValueError(f"{what}={seconds!r}: give seconds from 0 to {MAX_NS / 1e9:.1e}, or None")
    return min(now() + int(seconds * 1e9), MAX_NS)


def _passed(deadline: int | None, now: Callable[[], int]) -> bool:
    return deadline is not None and now() >= deadline


class _Watch:
    """What else may end a run: text that appears."""

    def __init__(self, machine: Machine, until: str | re.Pattern[str] | None) -> None:
        self.machine = machine
        self.pattern = _pattern(until)
        self.looked_at: tuple[int, int, int] | None = None

    def seen(self) -> bool:
        """True if the pattern is in any text; looks only where something has changed."""
        if self.pattern is None:
            return False
        m = self.machine
        version = (m.screen.version, m.serial_log.total, m.debug.log.total)
        if version == self.looked_at:
            return False
        self.looked_at = version
        texts = (m.screen.text, m.serial_log.text(TAIL), m.debug.log.text(TAIL))
        return any(self.pattern.search(text) for text in texts)


def _pattern(until: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    if until is None or (isinstance(until, re.Pattern) and isinstance(until.pattern, str)):
        return until
    if not isinstance(until, str):
        raise TypeError(f"until={until!r}: give a regular expression as str, or compiled from one")
    try:
        return re.compile(until, re.M | re.S)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"until={until!r} is no regular expression ({error})") from error


def _memory_size(memory: int) -> int:
    """The RAM in bytes, whole pages."""
    try:
        return _core.whole(memory, "memory", LEAST_MEMORY, MOST_MEMORY) & -PAGE
    except ValueError:
        raise MachineError(
            f"memory={index(memory):#x} is not what a PC can have: "
            f"give at least {LEAST_MEMORY} bytes, at most {MOST_MEMORY} (4 GiB)"
        ) from None
