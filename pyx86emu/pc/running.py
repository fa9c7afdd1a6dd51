"""Running a machine: run until something is seen, boot, stop, reset. Makes no part."""

import re
from collections import deque
from collections.abc import Iterable
from functools import cached_property
from threading import RLock
from typing import TYPE_CHECKING

from ..bus import Bus
from ..clock import LAST
from ..exits import ExitReason
from .expect import Expectations, Seen, wait
from .handover import BOOT_SECTOR, POST_BOOT, POST_NOTHING, STEPS, tried
from .limits import Limits, moment, passed
from .parts import Parts
from .points import Debugger, Points
from .resets import (
    BIOS,
    JUMP,
    KEPT,
    PULSE_8042,
    TRIPLE_FAULT,
    Astray,
    Reset,
    jump_to_reset,
)
from .stops import ASTRAY, Stops

if TYPE_CHECKING:
    from .. import _core

#: The code of a start from power-on or a reset.
POST_RESTART = 0x02
#: Guest nanoseconds from one search for `until`, or from one look at what the speaker does, to the
#: next.
LOOK = 10_000_000


class Running(Parts):
    """The methods of a Machine that run its guest, and end that."""

    _stops: deque[ExitReason]
    #: Stops that the guest has caused; they belong to its state, those of `_stops` to the host.
    _own_stops: tuple[ExitReason, ...] = ()
    _stopping: RLock
    _texts: Expectations
    _places: Stops
    _reboot = _started = _stop_at_boot = _handing_over = False
    _boot_instructions = 0
    #: The jump to the reset vector that ends this run.
    _jumped: tuple[int, int] | None = None
    _other_bios: bool
    _debugger: Debugger | None = None
    #: The first time that the guest comes to one of these places, its history is kept.
    _keep_before: frozenset[str] = frozenset()
    no_reboot: bool

    @cached_property
    def _points(self) -> Points:
        """Breakpoints of the machine itself, and those of a debugger."""
        return Points(self.vcpu)

    def run(
        self,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
        stop_on: Iterable[str] | None = None,
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
        - DEBUG: a breakpoint, a watchpoint or an observer; or a place of `stop_on`, a set of names
          for this run (the attribute `stop_on` has the default). `exit.stop` is the name then,
          `exit.message` says what happened, `exit.jumped_from` where the guest came from.

        Limits count from the call. `wall` is exact within 20 ms plus the device calls of the
        instruction in progress, whatever the guest does. ValueError: a limit is negative or NaN, or
        a time is 292 years or more, or a name in `stop_on` is unknown. TypeError: a time is not a
        number, `max_instructions` not an integer, or `stop_on` no set of names. OSError EOPNOTSUPP:
        KVM cannot stop there.
        """
        limits = self.limits(
            until, timeout, wall=wall, max_instructions=max_instructions, stop_on=stop_on
        )
        return self._run_within(limits, limits.deadline)

    def expect(
        self,
        pattern: str | re.Pattern[str],
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
        stop_on: Iterable[str] | None = None,
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
        limits = self.limits(
            pattern, timeout, wall=wall, max_instructions=max_instructions, stop_on=stop_on
        )
        return wait(self._whole, self._texts, pattern, limits)

    def limits(
        self,
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
        stop_on: Iterable[str] | None = None,
    ) -> Limits:
        """Common limits of several runs, counted from now on. `m.limits(timeout=60).run(0.03)` runs
        for 0.03 of those 60 guest seconds. Errors as for `run`."""
        return Limits(
            self._whole,
            until,
            timeout,
            wall=wall,
            max_instructions=max_instructions,
            stop_on=stop_on,
        )

    @property
    def stop_on(self) -> frozenset[str]:
        """Where a run stops if it is not said otherwise: names of places where no program should
        be, by default none. It can be set between two runs.

        "zeros": zeros are executed. "signature": the boot signature is. "loop": a jmp $ that no
        interrupt of the guest ends (HLT with IF=0 ends each run, as HLT). "null-vector": an
        interrupt whose vector is 0000:0000. "stack": a push over code. "port": a port that no
        device has is read 100,000 times in a row by one instruction.

        ValueError: an unknown name; TypeError: no set of names; OSError EOPNOTSUPP: on KVM, another
        one than "port"; RuntimeError: another thread runs the guest."""
        return self._places.default

    @stop_on.setter
    def stop_on(self, names: Iterable[str]) -> None:
        found = self._places.checked(names)
        self._places.set(found)
        self._places.default = found

    def _run_within(self, limits: Limits, deadline: int | None) -> "_core.Exit":
        """Run until `deadline` or one of the limits."""
        watch, now = limits.watch, self.vm.clock.now
        names = self._places.default if limits.stop_on is None else limits.stop_on
        keep = self._keep_before - names if self._debugger is None else frozenset[str]()
        self._places.set(names | keep)
        while True:
            sounds = self.speaker.recording
            look = None if watch.pattern is None and not sounds else now() + LOOK
            if look is not None and look > LAST:
                look = None  # after the latest deadline
            exit = self._run(limits.budget, deadline, look, limits.wall_deadline)
            if exit.stop is not None and exit.stop in keep:  # nobody has asked for it: run on
                self._astray = Astray(exit.stop, tuple(self.vcpu.history(KEPT)))
                self._keep_before = keep = frozenset()
                self._places.set(names)
                continue
            reason = self._take_stop()
            if sounds:
                self.speaker.drain()
            if watch.seen():
                return exit.because(ExitReason.MATCH)
            if reason is not None:
                jumped, self._jumped = self._jumped, None
                return exit.because(reason, jumped)
            if exit.reason is not ExitReason.DEADLINE or limits.over or passed(deadline, now):
                return exit
            if limits.sliced and self._debugger is not None and self._debugger.stopped:
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
            self._points.ask("boot", [BOOT_SECTOR])

    def _other_boots(self, exit: "_core.Exit") -> bool:
        """Is this exit the boot sector's first instruction, with a BIOS of others?"""
        if not self._other_bios or self.booted or (exit.cs << 4) + exit.ip != BOOT_SECTOR:
            return False
        self._points.drop("boot")
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
        seen = self._places.ports.seen
        seen.answered = True
        try:
            return self._turns(budget, deadline, look, wall_deadline)
        finally:
            seen.answered = False  # who calls Vcpu.run() gets an exit

    def _turns(
        self,
        budget: int | None,
        deadline: int | None,
        look: int | None,
        wall_deadline: int | None,
    ) -> "_core.Exit":
        vcpu, stats = self.vcpu, self.stats
        run = vcpu.run_until if self._debugger is None else self._debugger.run
        if self._profile is not None:
            run = self._profile.running(run)
        self._watch_boot()
        while True:
            left = None if budget is None else max(0, budget - vcpu.spent)
            exit = run(left, deadline=deadline, look=look, wall_deadline=wall_deadline)
            reason = exit.reason
            if reason is ExitReason.IO:
                stats.returned += 1
                self._serve(self.pio, exit)
                if self._places.ports.due:
                    return self._places.ports.take()
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
                self._keep_steps()
                self.reset()
                self._watch_boot()
                with self._stopping:
                    if self._stops or self._own_stops:
                        self.vcpu.kick()  # the kick may have been for the stop too
            elif reason is ExitReason.DEBUG and self._other_boots(exit):
                if self._stop_at_boot:
                    return exit.because(ExitReason.MATCH)
            else:
                return exit

    def _take_stop(self) -> ExitReason | None:
        """The reason of the first `stop()` since the last call; None if there was none."""
        if not self._stops and not self._own_stops:
            return None
        with self._stopping:  # with the lock: its kick has also happened
            reason = self._own_stops[0] if self._own_stops else self._stops[0]
            self._own_stops = ()
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
            value = bus.read(addr, size)
            exit.reply_one(value)
            if exit.reason is ExitReason.IO and value == (1 << 8 * size) - 1:
                self._places.ports.read(exit, bus)

    def stop(self, reason: ExitReason = ExitReason.INTR) -> None:
        """End the current run soon, or if there is none, the next run at once. One call ends one
        run. Devices, timers, signal handlers and any thread may call it. ValueError: `reason` is
        not an ExitReason."""
        reason = ExitReason(reason)
        with self._stopping:
            self._stops.append(reason)
            self.vcpu.kick()

    def _end(self, reason: ExitReason) -> None:
        """The guest ends the current run."""
        with self._stopping:
            self._own_stops += (reason,)
            self.vcpu.kick()

    def reset(self) -> None:
        """The reset button: reset the vCPU and every device. Memory keeps its contents."""
        for bus in (self.pio, self.mmio):
            bus.reset()
        self.vcpu.reset()
        self.booted = self._started = False
        self.boot_tried = ""
        self._places.ports.forget()

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
                self._keep_steps()
                jumped = jump_to_reset(self.vcpu)
                self._note_reset(JUMP, *(jumped or (regs.cs, regs.ip)))
                if self.no_reboot:
                    self._jumped = jumped
                    self._end(ExitReason.SHUTDOWN)
            self._started = True
        elif code == POST_NOTHING:
            self.boot_tried = tried(tuple(self.post.history), self.booted)
        elif not self.booted:
            self._starts(1 + STEPS)
            if self._stop_at_boot:
                self._handing_over = True
                self._end(ExitReason.MATCH)

    def _pulse_reset(self) -> None:
        self._ask_reset(PULSE_8042)

    def _ask_reset(self, kind: str) -> None:
        regs = self.vcpu.regs
        self._note_reset(kind, regs.cs, regs.ip)
        self._reboot = True
        self.vcpu.kick()

    def _record_history(self) -> None:
        """Keep what the report of a bad end shows. Not on KVM, which keeps no history."""
        if self.vm.accel == "interp":
            self.vcpu.record_history = True
            self._keep_before = frozenset(ASTRAY)

    def _keep_steps(self) -> None:
        """The last instructions before a reset: after it the history has those of the BIOS."""
        if self.vcpu.record_history:
            self.resets.steps = tuple(self.vcpu.history(KEPT))

    def _note_reset(self, kind: str, cs: int, ip: int, detail: str | None = None) -> None:
        self.resets.note(Reset(kind, cs, ip, self.time, detail))

    def _guest_exit(self, status: int) -> None:
        self.exit_status = status
        self._end(ExitReason.SHUTDOWN)
