"""The machine: boot, run until something is seen, stop, reset, report. Knows who meets whom."""

import re
from collections import deque
from datetime import datetime
from os import register_at_fork
from threading import RLock
from typing import Any, Literal, TypeVar
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
    DebugConsole,
    Dma8237,
    FloppyController,
    Keyboard8042,
    PostPort,
    Rtc,
    TextVideo,
    Uart16550A,
)
from .disks.image import Disk, Source
from .limits import Limits, moment, passed
from .screen.display import DirtyLog
from .screen.text import Screen

#: The code that the BIOS writes to port 80h when it hands over to the boot sector.
POST_BOOT = 0x09
#: How often `run()` looks at screen and serial text, in guest nanoseconds.
LOOK = 10_000_000

D = TypeVar("D", bound=Device)

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


#: All of them, for a forked child: a thread that held a lock is not there.
_machines: "WeakSet[Machine]" = WeakSet()


def _after_fork() -> None:
    for machine in _machines:
        machine._stopping = RLock()


register_at_fork(after_in_child=_after_fork)


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
        memory: int = 1 << 20,
        clock: Literal["virtual", "host"] = "virtual",
        shift: int = 7,
        rtc_base: datetime | None = None,
        no_reboot: bool = False,
        log_limit: int = LIMIT,
    ) -> None:
        if "vm" in self.__dict__:
            raise RuntimeError("a Machine is initialised once: make another one")
        ram = board.memory_size(memory)
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
        self._stopping = RLock()
        _machines.add(self)
        self._reboot = False
        self._stop_at_boot = False
        self.disk = boot if isinstance(boot, Disk) else None
        self._owns_disk = boot is not self.disk
        self.vm = vm = Vm(irqchip=True, shift=shift, clock=clock)
        try:
            self.vcpu = vm.create_vcpu(model)
            if boot is not None and not isinstance(boot, Disk):
                self.disk = Disk(boot)
            self._build(ram, rtc_base, log_limit)
        except BaseException:
            self.close()
            raise

    # -- putting it together -----------------------------------------------------------

    def _build(self, ram: int, rtc_base: datetime | None, log_limit: int) -> None:
        text = board.add_memory(self.vm, ram)
        self.serial_log = Log(log_limit)
        """What the guest sent over COM1; `total` counts it."""
        self._wires = board.Wires(
            self.vm,
            ram,
            a20=self._set_a20,
            reset=self._ask_reset,
            post=self._post,
            debug_exit=self._guest_exit,
            serial=self.serial_log.write,
            disks=(self.disk,),
            rtc_base=rtc_base,
            log_limit=log_limit,
        )
        board.build(self.attach, self._wires)
        self.dma = self.part(Dma8237)
        self.keyboard = self.part(Keyboard8042)
        self.rtc = self.part(Rtc)
        self.post = self.part(PostPort)
        self.debug = self.part(DebugConsole)
        self.video = self.part(TextVideo)
        self.floppy = self.part(FloppyController)
        self.uart = self.part(Uart16550A)
        self.screen = Screen(self.vm, self.video, DirtyLog(text))

    def part(self, kind: type[D]) -> D:
        """The device of this class on the board (`board.PC`). MachineError: there is none."""
        return self._wires.part(kind)

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
        `exit_status`. INTERNAL_ERROR: what this machine does not run. INTR: `stop()`, or somebody
        kicked the vCPU.

        Limits count from the call on. `wall` holds within 20 ms and the device calls of the
        instruction in progress, whatever the guest does. ValueError: a limit that is negative or
        NaN, or a time of 292 years or more; TypeError: a time that is no number,
        `max_instructions` that is no integer.
        """
        limits = Limits(self, until, timeout, wall=wall, max_instructions=max_instructions)
        return self._run_within(limits, limits.deadline)

    def limits(
        self,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
    ) -> Limits:
        """The same limits for several runs, counted from now on: `m.limits(timeout=60).run(0.03)`
        runs for 0.03 guest seconds of those 60. Errors as for `run`."""
        return Limits(self, until, timeout, wall=wall, max_instructions=max_instructions)

    def _run_within(self, limits: Limits, deadline: int | None) -> "_core.Exit":
        """Run until `deadline` or one of the limits."""
        watch, now = limits.watch, self.vm.clock.now
        while True:
            look = None if watch.pattern is None else now() + LOOK
            if look is not None and look > LAST:
                look = None  # the end of time
            exit = self._run(limits.budget, deadline, look, limits.wall_deadline)
            reason = self._take_stop(exit)
            if watch.seen():
                return exit.because(ExitReason.MATCH)
            if reason is not None:
                return exit.because(reason)
            if exit.reason is not ExitReason.DEADLINE or limits.over or passed(deadline, now):
                return exit

    def boot(self, timeout: float = 10.0) -> "_core.Exit":
        """Run the BIOS until it hands over to the boot sector: MATCH when it does."""
        moment("timeout", timeout, self.vm.clock.now)
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
                    return exit.because(ExitReason.SHUTDOWN)
                self.reset()
                with self._stopping:
                    if self._stops:
                        self.vcpu.kick()  # one kick may have been for both
            else:
                return exit

    def _take_stop(self, exit: "_core.Exit") -> ExitReason | None:
        """The reason of the first `stop()` since the last look, if there was one."""
        if not self._stops:
            return None
        with self._stopping:  # now its kick has happened, too
            reason = self._stops.popleft()
            self._stops.clear()
            self._forget_kick(exit)
            if self._stops:
                self.vcpu.kick()  # a signal handler's, meanwhile: it is for the next run
        return reason

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
        """End the run in progress soon; if there is none, the next one at once. One call ends one
        run. For devices, timers, signal handlers and any thread. ValueError: no ExitReason."""
        reason = ExitReason(reason)
        with self._stopping:
            self._stops.append(reason)
            self.vcpu.kick()

    def reset(self) -> None:
        """The reset button: the vCPU and every device start again, memory keeps its contents."""
        for bus in (self.pio, self.mmio):
            bus.reset()
        self.vcpu.reset()
        self.booted = False

    def _set_a20(self, is_open: bool) -> None:
        self.vm.a20 = is_open

    def _post(self, code: int) -> None:
        if code != POST_BOOT:
            return
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

    def report(self) -> dict[str, Any]:
        """What there is to say about the guest now, as plain values for JSON.

        `instructions` (the BIOS's included), `guest_seconds` since power-on, `guest_status`
        (`exit_status`), the texts `screen`, `serial` and `debug`, of the last two how many bytes
        were dropped, and `disk_sectors_changed`. Why a run ended is what `run()` returned.
        """
        return {
            "instructions": self.vcpu.instructions,
            "guest_seconds": self.time,
            "guest_status": self.exit_status,
            "screen": self.screen.text,
            "serial": self.serial_text,
            "serial_dropped": self.serial_dropped,
            "debug": self.debug_text,
            "debug_dropped": self.debug_dropped,
            "disk_sectors_changed": 0 if self.disk is None else self.disk.changed,
        }

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
