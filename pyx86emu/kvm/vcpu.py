"""Vcpu: run a guest by KVM_RUN until the caller has to look. Know exits, not devices."""

import errno
from collections.abc import Callable, Iterable
from fcntl import ioctl
from threading import TIMEOUT_MAX, Lock, get_ident, get_native_id
from time import monotonic_ns
from typing import TYPE_CHECKING, NoReturn, SupportsIndex

from .._core import Exit, exact, truth, whole
from ..exits import ExitReason
from . import abi, signals
from .accesses import Accesses
from .messages import internal_error, refused, run_error
from .registers import FLAG_IF, RFLAGS_AT, Registers, put
from .state import State

if TYPE_CHECKING:
    from .vm import Vm

LAST_TIME = 2**63 - 1
NEVER = 2**64
#: With an irqchip a HLT waits inside KVM. So often (ns) somebody looks whether it can end.
LOOK_AT_HLT = 20_000_000
SHADOW_AT = abi.SYNC_EVENTS_AT + 11
INJECTED_AT = abi.SYNC_EVENTS_AT + 8


def moment(value: int, what: str) -> int:
    """A time in ns; a negative one is 0: both have passed."""
    number = exact(value, what)
    return 0 if number < 0 else whole(number, what, 0, LAST_TIME)


class Vcpu(State):
    """A vCPU of KVM, made by `Vm.create_vcpu`. It runs in the thread that calls run(), without the
    GIL. `model` is "host", `regs` its registers, `vm` its Vm.

    Any thread may call kick(), interrupt(), nmi(), reset() and read properties at any time. run()
    and step() of a second thread wait until the first has left. debug() and writing registers are
    for the thread that runs it, or for any thread while none does.
    """

    model = "host"

    def __init__(self, vm: "Vm", number: int, run_size: int) -> None:
        if "_back" in self.__dict__:
            raise RuntimeError("a Vcpu is made by Vm.create_vcpu()")
        super().__init__(vm, number, run_size)
        try:
            self._accesses = Accesses(self._page, vm.ranges("pio"), vm.ranges("mmio"))
            self._regs = Registers(self)
            self._owner = Lock()
            self._runner = 0  # ident of the thread in run()
            self._thread = 0  # its native id, while it may be in KVM_RUN
            self._armed: int | None = None
            self._kicked = False
            self._reset_wanted = False
            self._nmi = False
            self._vector: int | None = None  # of interrupt(), not taken yet
            self._window = False
            self._dead = False  # after a triple fault
            self._unfinished = False  # KVM completes an access at its next run
            self._unsettled = False  # and the registers are not yet those after it
            self._queued = False  # the page has an exit that run() has not returned
            self._in_device = False
            self._later: dict[str, int] = {}  # registers that a device wrote during a read
            self._wall = NEVER
        except BaseException:
            self._release()
            raise

    # -- what it is -------------------------------------------------------------------------------

    @property
    def vm(self) -> object:
        """Its Vm."""
        return self._back.seen()

    @property
    def regs(self) -> Registers:
        """Its registers."""
        if self._runner in (0, get_ident()):
            self._debug_registers()
        return self._regs

    @property
    def spent(self) -> None:
        """None: KVM does not count instructions."""
        return None

    @property
    def instructions(self) -> None:
        """None: KVM does not count instructions."""
        return None

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("Vcpu objects cannot be copied or pickled, since each owns its registers")

    def __repr__(self) -> str:
        cs, ip = self._place()
        return f"<Vcpu {self.model} at {cs:04x}:{ip:04x}>"

    # -- running ----------------------------------------------------------------------------------

    def run(self, max_instructions: int | None = None, *, deadline: int | None = None) -> Exit:
        """Run the guest until something outside KVM has to look, and say what: an Exit.

        `deadline`: a time of `Vm.time` in ns, which is the host's (Exit DEADLINE); one that has
        passed ends the run at once.

        Raises what a device raised, KeyboardInterrupt on Ctrl-C, RuntimeError from a device of this
        very vCPU; OSError EBADF: after close(); EOPNOTSUPP: max_instructions, which KVM does not
        count; EIO: in a child of fork(). TypeError for what is no integer, ValueError for times
        beyond 2**63 - 1. A second thread waits until the first has left. (KVM_RUN.)
        """
        until = NEVER
        if max_instructions is not None:
            self._refuse_budget(max_instructions)
        if deadline is not None:
            until = moment(deadline, "deadline") + self._back._began
        return self._go(until, NEVER, NEVER)

    def run_until(
        self,
        max_instructions: int | None = None,
        *,
        deadline: int | None = None,
        look: int | None = None,
        wall_deadline: int | None = None,
    ) -> Exit:
        """run() with two more limits, both Exit DEADLINE.

        `wall_deadline`: host time in ns, as time.monotonic_ns() gives it. `look`: a time of
        `Vm.time` in ns, for a caller that only wants to look.
        """
        until = look_at = wall = NEVER
        if max_instructions is not None:
            self._refuse_budget(max_instructions)
        if deadline is not None:
            until = moment(deadline, "deadline") + self._back._began
        if look is not None:
            look_at = moment(look, "look") + self._back._began
        if wall_deadline is not None:
            wall = moment(wall_deadline, "wall_deadline")
        return self._go(until, look_at, wall)

    def step(self) -> Exit:
        """Run one instruction (one iteration of a REP): Exit(DEBUG) after it, or the exit it made.
        After the exit of a read the next step completes it; a write is complete at its exit. Raises
        as run() does."""
        return self._go(NEVER, NEVER, NEVER, once=True)

    def _refuse_budget(self, value: int) -> NoReturn:
        whole(value, "max_instructions", 0, LAST_TIME)
        raise refused(
            "KVM does not count instructions, so there is no max_instructions",
            "leave it out and end the run with deadline= or kick(), or use accel='interp'",
        )

    def _go(self, until: int, look: int, wall: int, once: bool = False) -> Exit:
        me = get_ident()
        if self._runner == me:
            raise RuntimeError("run() from a device of the same vCPU: return from the device first")
        timeout = -1.0
        if wall != NEVER:
            timeout = min(max(wall - monotonic_ns(), 0) / 1e9, TIMEOUT_MAX)
        if not self._owner.acquire(timeout=timeout):
            return self._exit(ExitReason.DEADLINE)
        try:
            self._runner = me
            self._wall = min(wall, until)
            self._debug.once = once
            self._back._check_run()
            signals.allow(signals.kick_signal())
            self._thread = get_native_id()
            return self._loop(min(until, wall), look)
        finally:
            if self._armed is not None:
                self._arm(None)
            self._thread = 0
            self._debug.once = False
            if self._reset_wanted:
                self._reset_now()
            self._runner = 0
            self._owner.release()
            if self._back._closed:
                self._release()

    def _loop(self, until: int, look: int) -> Exit:
        accesses, vm = self._accesses, self._back
        first = self._number == 0
        accesses.serial += 1  # what waited for an answer waits no more
        if accesses.left and (exit := self._serve(accesses.resume)):
            return exit
        if self._queued:
            self._queued = False
            if exit := self._decode():
                return exit
        while True:
            if self._reset_wanted:
                self._reset_now()
            due = first and vm._timer_at <= vm.time
            why = self._why_stop(until, look)
            if not self._unfinished:
                if why is not None:
                    return self._exit(why)
                if due:
                    vm._call_timer()
                    continue
            self._prepare(why is not None or due, until, look, first)
            reason = self._enter()
            if reason == abi.KVM_EXIT_INTR:
                if vm._irqchip and self._halted_for_good():
                    return self._exit(ExitReason.HLT)
                continue
            if exit := self._decode():
                return exit

    def _why_stop(self, until: int, look: int) -> ExitReason | None:
        """Why the run ends before another instruction, if it does."""
        if self._kicked:
            if not self._unfinished:
                self._kicked = False
            return ExitReason.INTR
        if self._dead:
            return ExitReason.SHUTDOWN
        if (until != NEVER or look != NEVER) and monotonic_ns() >= min(until, look):
            return ExitReason.DEADLINE
        return None

    def _prepare(self, at_once: bool, until: int, look: int, first: bool) -> None:
        """Tell KVM what to do at the next run: inject, stop at once, stop at a time."""
        page, vm = self._page, self._back
        if self._nmi:
            self._nmi = False
            ioctl(self._fd, abi.KVM_NMI, 0)
        window = self._window
        if self._vector is not None:
            if self.ready_now() and not window:
                self._inject(self._vector)
                self._vector = None
            else:
                window = True
        page[abi.REQUEST_WINDOW_AT] = window
        self._debug.arm(self._debug.once or self._debug.always)
        if at_once:
            page[abi.IMMEDIATE_EXIT_AT] = 1
            return
        soon = min(until, look)
        if first and vm._timer_at != NEVER:
            soon = min(soon, vm._timer_at + vm._began)
        if vm._irqchip:
            soon = min(soon, monotonic_ns() + LOOK_AT_HLT)
        if soon != NEVER and (self._armed is None or not monotonic_ns() < self._armed <= soon):
            self._arm(soon)

    def _enter(self) -> int:
        """KVM_RUN, once. The reason of the exit; KVM_EXIT_INTR: none but a signal."""
        page = self._page
        if self._kicked or self._reset_wanted:
            page[abi.IMMEDIATE_EXIT_AT] = 1
        self._unfinished = self._unsettled = False
        self._accesses.reading = False
        try:
            ioctl(self._fd, abi.KVM_RUN, 0)
        except InterruptedError:
            page[abi.IMMEDIATE_EXIT_AT] = 0
            reason = abi.KVM_EXIT_INTR
        except OSError as error:
            raise run_error(error, *self._place()) from None
        else:
            reason = page[abi.EXIT_REASON_AT]
        if self._later:
            self._apply_later()
        return reason

    def _decode(self) -> Exit | None:
        """The exit in the page as an Exit; None: it was served, and the guest goes on."""
        page = self._page
        reason: int = abi.RUN_EXIT.unpack_from(page, abi.EXIT_REASON_AT)[0]
        if reason == abi.KVM_EXIT_IO:
            self._unfinished = True
            self._unsettled = page[abi.RUN_IO_AT] == abi.KVM_EXIT_IO_OUT
            return self._serve(self._accesses.io)
        if reason == abi.KVM_EXIT_MMIO:
            self._unfinished = True
            return self._serve(self._accesses.mmio)
        if reason == abi.KVM_EXIT_IRQ_WINDOW_OPEN:
            return self._exit(ExitReason.IRQ_WINDOW_OPEN) if self._window else None
        if reason == abi.KVM_EXIT_DEBUG:
            return self._stopped()
        if reason == abi.KVM_EXIT_HLT:
            return self._exit(ExitReason.HLT)
        if reason == abi.KVM_EXIT_SHUTDOWN:
            self._dead = True
            return self._exit(ExitReason.SHUTDOWN)
        cs, ip = self._place()
        message = internal_error(page, reason, cs, ip)
        known = reason if reason == ExitReason.FAIL_ENTRY else ExitReason.INTERNAL_ERROR
        return Exit(ExitReason(known), cs=cs, ip=ip, message=message)

    def _serve(self, access: Callable[[], Exit | None]) -> Exit | None:
        """Let devices do an access. They may write registers."""
        self._in_device = True
        try:
            return access()
        finally:
            self._in_device = False

    def _stopped(self) -> Exit | None:
        _, _, pc, dr6, _ = abi.RUN_DEBUG.unpack_from(self._page, abi.RUN_DEBUG_AT)
        cs, ip = self._place()
        return Exit(ExitReason.DEBUG, cs=cs, ip=ip, dr6=dr6 & 0xFFFFFFFF, pc=pc & 0xFFFFFFFF)

    def _exit(self, reason: ExitReason) -> Exit:
        cs, ip = self._place()
        return Exit(reason, cs=cs, ip=ip)

    def _settle(self) -> None:
        """Let KVM complete the write at which it stands, so that the registers are those after it.
        Another exit of the same instruction waits for the next run()."""
        if self._runner not in (0, get_ident()) or not self._unsettled or self._back._closed:
            return
        page = self._page
        page[abi.IMMEDIATE_EXIT_AT] = 1
        self._queued = self._enter() != abi.KVM_EXIT_INTR
        page[abi.IMMEDIATE_EXIT_AT] = 0

    def _apply_later(self) -> None:
        later, self._later = self._later, {}
        for name, value in later.items():
            put(self, name, value)

    def _halted_for_good(self) -> bool:
        """Is it in a HLT that nothing can end, with interrupts off?"""
        state = bytearray(4)
        ioctl(self._fd, abi.KVM_GET_MP_STATE, state)
        if state[0] != abi.KVM_MP_STATE_HALTED or self.if_flag or self._nmi:
            return False
        return not any(v is not self and v._runner for v in self._back._made)

    def _arm(self, when: int | None) -> None:
        if self._alarm is None or self._alarm.thread != self._thread:
            if when is None:
                self._armed = None
                return
            self._alarm = signals.Alarm()
        self._alarm.set(when)
        self._armed = when

    # -- what other threads ask -------------------------------------------------------------------

    def kick(self) -> None:
        """Make run() return Exit(INTR) soon, from any thread; if none is running, the next run()
        does (kvm_run.immediate_exit)."""
        self._kicked = True
        self._poke()

    def _poke(self) -> None:
        """Make the run loop look at what is asked of it."""
        if self._back._closed and not self._thread:
            return
        self._page[abi.IMMEDIATE_EXIT_AT] = 1
        thread = self._thread
        if thread:
            signals.send(thread)

    def _poke_others(self) -> None:
        """The same, unless it is this thread that runs it: then the loop looks anyhow."""
        if self._runner != get_ident():
            self._poke()

    def _pressed(self) -> bool:
        """Is its run to end now?"""
        late = self._wall != NEVER and monotonic_ns() >= self._wall
        return self._kicked or self._reset_wanted or late

    def interrupt(self, vector: int, *, queue: bool = False) -> None:
        """Inject interrupt `vector` (0 to 255) before the next instruction, as KVM_INTERRUPT for a
        Vm without irqchip. OSError EINVAL: no such vector; EAGAIN: IF is 0, in a shadow, or one is
        queued already - with `queue` it waits for IF instead."""
        vector = exact(vector, "interrupt vector")
        if not 0 <= vector <= 255:
            raise OSError(errno.EINVAL, f"interrupt vector {vector} is not in 0 to 255")
        if self._vector is not None or not (truth(queue, "queue") or self.ready):
            raise OSError(
                errno.EAGAIN,
                "the vCPU takes no interrupt now (IF=0, a shadow, or one is waiting): ask for "
                "request_interrupt_window, or pass queue=True",
            )
        if self._back._irqchip and not self.ready:
            raise refused(
                "with an interrupt controller KVM does not say when it would take an interrupt",
                "raise a line with irq_line(), or make the Vm without irqchip",
            )
        self._vector = vector
        self._poke()

    def _inject(self, vector: int) -> None:
        at = INJECTED_AT
        self._page[at : at + 3] = bytes((1, vector, 0))
        self._page[abi.DIRTY_REGS_AT] |= abi.KVM_SYNC_X86_EVENTS

    @property
    def ready(self) -> bool:
        """Would an interrupt be taken before the next instruction?
        (ready_for_interrupt_injection.)"""
        return self.ready_now() and self._vector is None

    def ready_now(self) -> bool:
        """The same, whatever waits."""
        if self._unsettled:
            self._settle()
        page = self._page
        return self.if_flag and not page[SHADOW_AT] and not page[INJECTED_AT]

    @property
    def if_flag(self) -> bool:
        """FLAGS.IF, as kvm_run has it."""
        return bool(self._page[RFLAGS_AT + 1] & FLAG_IF >> 8)

    @property
    def request_interrupt_window(self) -> bool:
        """While true, run() returns Exit(IRQ_WINDOW_OPEN) as soon as the vCPU would take an
        interrupt."""
        return self._window

    @request_interrupt_window.deleter
    def request_interrupt_window(self) -> None:
        raise AttributeError("request_interrupt_window cannot be deleted: set it to False")

    @request_interrupt_window.setter
    def request_interrupt_window(self, value: bool) -> None:
        value = truth(value, "request_interrupt_window")
        if value and self._back._irqchip:
            raise refused(
                "with an interrupt controller KVM has no interrupt window",
                "raise a line with irq_line(), or make the Vm without irqchip",
            )
        self._window = value
        self._poke()

    def nmi(self) -> None:
        """Raise a non-maskable interrupt (KVM_NMI)."""
        self._nmi = True
        self._poke()

    def debug(self, singlestep: bool = False, breakpoints: Iterable[int] = ()) -> None:
        """Stop with Exit(DEBUG) after every instruction, or before the ones at linear addresses (at
        most 64 of 32 bits, else ValueError). RuntimeError: another thread runs this vCPU.
        (KVM_SET_GUEST_DEBUG.)"""
        always = truth(singlestep, "singlestep")
        points = list(breakpoints)
        self._mine("change its breakpoints")
        self._debug.ask(always, points)

    def reset(self) -> None:
        """The state after RESET: F000:FFF0, pending exits and interrupts dropped. While it runs it
        happens after the instruction, from another thread soon."""
        if self._runner:
            self._reset_wanted = True
            self._poke()
            return
        with self._owner:
            self._runner = get_ident()
            try:
                self._reset_now()
            finally:
                self._runner = 0

    # -- state ------------------------------------------------------------------------------------

    def _mine(self, what: str) -> None:
        """RuntimeError if another thread runs this vCPU."""
        if self._runner not in (0, get_ident()):
            raise RuntimeError(
                "another thread runs this vCPU: kick() it and wait until its run() has returned, "
                f"then {what}"
            )

    def _writable(self, what: str) -> None:
        """RuntimeError: another thread runs it, or a read waits for its answer."""
        self._mine(what)
        if self._accesses.reading and not self._in_device:
            raise RuntimeError(
                "a read of the guest waits for its answer: call run() first (kick() to stop after "
                "it)"
            )
        if self._unsettled:
            self._settle()

    def _moved(self) -> None:
        """CS or IP was written: the vCPU no longer stands at a HLT."""
        if self._back._irqchip and not self._back._closed:
            self._set_mp_state(abi.KVM_MP_STATE_RUNNABLE)

    def _debug_registers(self) -> None:
        if not self._back._closed:
            self._debug.load()

    def _reset_now(self) -> None:
        """Only the thread that runs it, or any while none does."""
        self._reset_wanted = False
        if self._back._closed:
            return
        page, accesses = self._page, self._accesses
        for _ in range(16):  # an instruction may have several accesses
            accesses.give_up()
            if not self._unfinished:
                break
            page[abi.IMMEDIATE_EXIT_AT] = 1
            reason = self._enter()
            if reason == abi.KVM_EXIT_IO:
                *_, size, _, count, accesses.at = abi.RUN_IO.unpack_from(page, abi.RUN_IO_AT)
                accesses.size, accesses.left, self._unfinished = size, count, True
            elif reason == abi.KVM_EXIT_MMIO:
                accesses.size, accesses.left = 8, 1
                accesses.at, self._unfinished = abi.RUN_MMIO_DATA_AT, True
            accesses.reading = self._unfinished
        page[abi.IMMEDIATE_EXIT_AT] = self._kicked
        self._later = {}
        self._nmi = self._dead = self._queued = False
        self._vector = None
        self._set_reset_state()

    # -- the end ----------------------------------------------------------------------------------

    def _shut(self) -> None:
        """For close(): wait until the vCPU has left KVM. A device that blocks keeps it waiting;
        Ctrl-C ends the wait."""
        if self._runner:
            self.kick()
        if self._runner != get_ident():
            with self._owner:
                self._release()
