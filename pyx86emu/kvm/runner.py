"""Runner: run a guest by KVM_RUN until the caller has to look. Know exits, not devices."""

from collections.abc import Callable
from fcntl import ioctl
from threading import TIMEOUT_MAX, RLock, get_ident, get_native_id
from time import monotonic_ns, sleep
from typing import TYPE_CHECKING, Any

from .._core import Exit, exact, whole
from ..errors import NotYet
from ..exits import ExitReason
from . import abi, signals
from .accesses import Accesses
from .debug import DR6_BS, DR6_ONES, Piece
from .messages import internal_error, run_error
from .records import read_mp_state
from .registers import FLAG_IF, RFLAGS_AT, Registers, put
from .state import State
from .waits import called, ended, settled

if TYPE_CHECKING:
    from .vm import Vm

LAST_TIME = 2**63 - 1
NEVER = 2**64
#: Bytes that may stand before an opcode.
PREFIXES = bytes.fromhex("26 2e 36 3e 64 65 66 67 f0 f2 f3")
#: With an irqchip a HLT waits inside KVM. Somebody looks whether it can end, after so many ns, and
#: later so often.
FIRST_LOOK, LOOK_AT_HLT = 1_000_000, 20_000_000
DEADLINE = ExitReason.DEADLINE
#: In the page before a run. No exit of KVM has this reason.
NO_EXIT = 0xFF
SHADOW_AT = abi.SYNC_EVENTS_AT + 11
INJECTED_AT = abi.SYNC_EVENTS_AT + 8
NMI_AT = abi.SYNC_EVENTS_AT + 13
#: In struct kvm_vcpu_events.
EXCEPTION_INJECTED, EXCEPTION_PENDING, NMI_INJECTED, NMI_PENDING, NMI_MASKED = 0, 3, 12, 13, 14


def moment(value: int, what: str) -> int:
    """A time in ns; a negative one is 0: both have passed."""
    number = exact(value, what)
    return 0 if number < 0 else whole(number, what, 0, LAST_TIME)


class Runner(State):
    """The part of a vCPU that runs it, and what other threads ask of it."""

    def __init__(self, vm: "Vm", number: int, run_size: int) -> None:
        if "_back" in self.__dict__:
            raise RuntimeError("a Vcpu is made by Vm.create_vcpu()")
        super().__init__(vm, number, run_size)
        try:
            self._accesses = Accesses(self._page, vm.ranges("pio"), vm.ranges("mmio"), vm._ring)
            self._regs = Registers(self)
            self._owner = RLock()
            self._runner = 0  # ident of the thread in run()
            self._inside = False  # that thread is in KVM_RUN, or about to be
            self._thread = 0  # its native id, while it may be in KVM_RUN
            self._armed: int | None = None
            self._kicked = False
            self._reset_wanted = False
            self._nmi = False
            #: The vector of interrupt(), under 0, until it is taken: as Vm._timers.
            self._vectors: dict[int, tuple[int]] = {}
            self._window = False
            self._dead = False  # after a triple fault
            self._unfinished = False  # KVM completes an access at its next run
            self._unsettled = False  # and the registers are not yet those after it
            self._queued = False  # the page has an exit that run() has not returned
            self._in_device = self._in_call = False
            self._later: dict[str, int] = {}  # registers that a device wrote during a read
            self._wall = NEVER
            self._mp_state = 0  # as KVM had it when it was asked last
            self._stays_halted = False  # without an irqchip: the next run returns HLT
            self._step_lost = False  # a step whose event KVM will not report
            self._stepped = False
            self._kept: Exit | None = None  # that the next run returns
            self._owed: list[Callable[[], bool]] = []  # what devices have left for the next run
            self._step_from = 0
        except BaseException:
            self._release()
            raise

    # -- the loop ---------------------------------------------------------------------------------

    def _go(self, until: int, look: int, wall: int, once: bool = False) -> Exit:
        me = get_ident()
        if self._runner == me:
            raise RuntimeError("run() from a device of the same vCPU: return from the device first")
        owner = self._owner  # fork() puts another one here
        exit = None
        # Ctrl-C may come after any call, also after acquire() and after those in a `finally`.
        try:
            try:
                if not owner.acquire(blocking=False) and not self._wait_for(owner, wall):
                    return self._exit(ExitReason.DEADLINE)
                self._runner = me
                self._back._has_run = True
                exit = self._run_mine(until, look, wall, once)
                self._queued, self._kept, self._accesses.delivered = False, None, True
                return exit
            finally:
                try:
                    if self._runner == me:
                        self._leave_run(once)
                finally:
                    if self._runner == me:
                        self._runner = self._thread = 0
                    try:  # noqa: SIM105  another call would let Ctrl-C in
                        owner.release()
                    except RuntimeError:
                        pass  # it was not acquired
                    if self._reset_wanted:
                        self._reset_if_idle()
                    if self._back._closed:
                        self._release()
        except BaseException:
            if exit is not None:
                self._kept = exit  # the next run returns it
            raise

    def _run_mine(self, until: int, look: int, wall: int, once: bool) -> Exit:
        """The run of the thread that has the vCPU."""
        self._wall = until if until < wall else wall
        self._debug.once = once
        vm = self._back
        if vm._closed or vm._forked:
            vm._check_run()
        signals.allow()
        self._thread = get_native_id()
        exit = self._kept
        try:
            if exit is None:
                exit = self._loop(self._wall, look)
        except BaseException as error:
            self._drain_before(error)
            raise
        if vm._ring._any or vm._ring._due:
            self._kept = exit  # for the next run, if an on_drain raises
            vm._ring._hand_over()
        return exit

    def _leave_run(self, once: bool) -> None:
        """What a run has set is set back."""
        self._wall = NEVER
        self._debug.once = False
        if once and not self._debug.always:
            self._step_lost = False
        if self._armed is not None:
            self._arm(None)
        self._thread = 0
        if self._reset_wanted:
            self._reset_now()

    def _wait_for(self, owner: "RLock", wall: int) -> bool:
        """Wait until another thread has left its run; False: real time is up."""
        if wall == NEVER:
            return owner.acquire()
        return owner.acquire(timeout=min(max(wall - monotonic_ns(), 0) / 1e9, TIMEOUT_MAX))

    def _drain_before(self, error: BaseException) -> None:
        """run() raises: hand over the writes before that. What an on_drain raises is a note."""
        try:
            self._back._ring._hand_over()
        except BaseException as other:
            error.add_note(f"before that, {type(other).__name__} {other}")

    def _loop(self, until: int, look: int) -> Exit:
        accesses, vm = self._accesses, self._back
        first = self._number == 0
        accesses.serial += 1  # what waited for an answer waits no more
        if self._owed and not settled(self):
            return ended(self)
        if self._queued:  # the page has a newer access than `accesses`
            if exit := self._decode():
                return exit
        elif accesses.left:
            accesses.resume()
            if accesses.left and (exit := self._serve()):
                return exit
        soon = look if look < until else until
        patience = FIRST_LOOK
        while True:
            if self._reset_wanted:
                self._reset_now()
            due = first and bool(vm._timers) and vm._timer_at() <= vm.time
            why = self._why_stop(until, look)
            if not self._unfinished:
                if why is not None:
                    if why is DEADLINE and look < until and vm._irqchip and self._halted_for_good():
                        return self._exit(ExitReason.HLT)
                    return self._exit(why)
                if due:
                    if not called(self, vm._call_timer):
                        return ended(self)
                    continue
                if self._stays_halted:
                    self._stays_halted = False
                    return self._exit(ExitReason.HLT)
                if exit := self._debug_stop():
                    return exit
            if vm._ring._zones:
                vm._ring._follow()
            self._prepare(why is not None or due or self._step_lost, soon, first, patience)
            reason = self._enter()
            if reason == abi.KVM_EXIT_INTR:
                patience = min(2 * patience, LOOK_AT_HLT)
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
            return DEADLINE
        return None

    def _prepare(self, at_once: bool, soon: int, first: bool, patience: int) -> None:
        """Tell KVM what to do at the next run: inject, stop at once, stop at a time."""
        page, vm = self._page, self._back
        if self._nmi:
            self._nmi = False
            # Not by KVM_NMI: KVM takes the events from the page after that, if they are dirty.
            page[NMI_AT] = min(page[NMI_AT] + 1, 2)
            page[abi.DIRTY_REGS_AT] |= abi.KVM_SYNC_X86_EVENTS
        window = self._window
        if self._vectors:
            if not self._ready_now() or self._others_first() or window:
                window = True
            elif (vector := self._vectors.pop(0, None)) is not None:
                self._inject(*vector)
        page[abi.REQUEST_WINDOW_AT] = window
        if not self._debug.idle and self._debug.arm():
            self._step_from = self._pc()
        if at_once:
            page[abi.IMMEDIATE_EXIT_AT] = 1
            return
        if first and vm._timers:
            soon = min(soon, vm._timer_at() + vm._began)
        if vm._irqchip:
            soon = min(soon, monotonic_ns() + patience)
        if soon != NEVER and (self._armed is None or not monotonic_ns() < self._armed <= soon):
            self._arm(soon)

    def _enter(self) -> int:
        """KVM_RUN, once. The reason of the exit; KVM_EXIT_INTR: none but a signal."""
        page = self._page
        if self._kicked or self._reset_wanted:
            page[abi.IMMEDIATE_EXIT_AT] = 1
        self._unfinished = self._unsettled = False
        self._accesses.reading = False
        # An exit is in the page until run() has returned it: Ctrl-C may come at any moment.
        page[abi.EXIT_REASON_AT] = NO_EXIT
        self._queued = True
        try:
            self._inside = True
            while self._back._stopping:
                self._inside = False
                with self._back._writers:  # the thread that has stopped us holds it
                    self._inside = True
            ioctl(self._fd, abi.KVM_RUN, 0)
        except InterruptedError:
            page[abi.IMMEDIATE_EXIT_AT] = 0
            self._queued = False
            reason = abi.KVM_EXIT_INTR
        except OSError as error:
            self._back._check_run()  # it may have gone meanwhile
            raise run_error(error, *self._place()) from None
        else:
            reason = page[abi.EXIT_REASON_AT]
        finally:
            self._inside = False
        if self._later:
            self._apply_later()
        return reason

    def _decode(self) -> Exit | None:
        """The exit in the page as an Exit; None: it was served, and the guest goes on."""
        page = self._page
        reason: int = abi.RUN_EXIT.unpack_from(page, abi.EXIT_REASON_AT)[0]
        if reason == abi.KVM_EXIT_IO:
            self._accesses.io()
            self._unsettled = page[abi.RUN_IO_AT] == abi.KVM_EXIT_IO_OUT
            self._unfinished, self._queued = True, False
            return self._serve()
        if reason == abi.KVM_EXIT_MMIO:
            self._accesses.mmio()
            self._unfinished, self._queued = True, False
            return self._serve()
        exit = self._stop_of(reason)
        if exit is None:
            self._queued = False
        return exit

    def _stop_of(self, reason: int) -> Exit | None:
        """The same of an exit that is no access."""
        page = self._page
        if reason in (NO_EXIT, abi.KVM_EXIT_INTR):
            return None
        if reason == abi.KVM_EXIT_IRQ_WINDOW_OPEN:
            return self._exit(ExitReason.IRQ_WINDOW_OPEN) if self._window else None
        if reason == abi.KVM_EXIT_DEBUG:
            return self._stopped()
        if reason == abi.KVM_EXIT_HLT:
            return self._exit(ExitReason.HLT) if self._halted() else None
        if reason == abi.KVM_EXIT_SHUTDOWN:
            self._dead = True
            return self._exit(ExitReason.SHUTDOWN)
        cs, ip = self._place()
        message = internal_error(page, reason, cs, ip)
        known = reason if reason == ExitReason.FAIL_ENTRY else ExitReason.INTERNAL_ERROR
        return Exit(ExitReason(known), cs=cs, ip=ip, message=message)

    def _serve(self) -> Exit | None:
        """Let devices do the access. They may write registers."""
        self._in_device = True
        exit = None
        try:
            try:
                exit = self._accesses.serve()
            except NotYet:
                return ended(self)
            if exit is None and self._back._ring._due:
                self._back._ring._hand_over()  # KVM's ring was full
            return exit
        finally:
            self._in_device = False
            # KVM forgets the step after a write that it cannot do itself.
            if not self._accesses.reading:
                debug = self._debug
                self._step_lost = debug.always or (debug.once and exit is None)

    # -- stops ------------------------------------------------------------------------------------

    def _debug_stop(self) -> Exit | None:
        """A stop between two instructions that KVM does not make."""
        debug = self._debug
        if self._step_lost:
            self._step_lost = False
            if debug.always or debug.once:
                return self._exit(ExitReason.DEBUG, dr6=DR6_ONES | DR6_BS, pc=self._pc())
        if debug.points:
            pc = self._pc()
            dr6 = debug.at_point(pc)
            if dr6 is not None:
                return self._exit(ExitReason.DEBUG, dr6=dr6, pc=pc)
        return None

    def _stopped(self) -> Exit | None:
        """KVM's debug exit: a step, a breakpoint or a watchpoint."""
        _, _, pc, dr6, _ = abi.RUN_DEBUG.unpack_from(self._page, abi.RUN_DEBUG_AT)
        self._step_lost = False
        self._stepped = True
        pc &= 0xFFFFFFFF
        found = self._debug.stopped(pc, dr6)
        if found is None:
            halted = not self._back._irqchip and self._was_hlt(self._step_from, pc)
            return self._exit(ExitReason.HLT) if halted else None
        if isinstance(found, Piece):
            dr6 &= 0xFFFFFFFF
            return self._exit(
                ExitReason.DEBUG, dr6=dr6, pc=pc, watch=found.watch, watch_addr=found.addr
            )
        return self._exit(ExitReason.DEBUG, dr6=found, pc=pc)

    def _halted(self) -> bool:
        """Does a HLT end the run? A step over a HLT leaves a request in KVM, which may serve it
        after a later instruction of another kind."""
        if self._vectors and self._ready_now() and not self._window:
            return False  # the interrupt that waits ends it at once
        if self._stepped:
            pc = self._pc()
            if not self._was_hlt(pc - 1, pc):
                return False
            self._stepped = False
        return True

    def _was_hlt(self, start: int, end: int) -> bool:
        """Is the instruction at these linear addresses a HLT?"""
        try:
            return start < end and self._back.read(start, end - start).lstrip(PREFIXES) == b"\xf4"
        except ValueError:
            return False

    def _exit(self, reason: ExitReason, **more: Any) -> Exit:
        cs, ip = self._place()
        return Exit(reason, cs=cs, ip=ip, **more)

    def _settle(self) -> None:
        """Let KVM complete the write at which it stands, so that the registers are those after it.
        Another exit of the same instruction waits for the next run()."""
        if self._runner not in (0, get_ident()) or not self._unsettled or self._fd < 0:
            return
        page = self._page
        page[abi.IMMEDIATE_EXIT_AT] = 1
        self._enter()  # another exit stays queued
        page[abi.IMMEDIATE_EXIT_AT] = 0

    def _apply_later(self) -> None:
        later, self._later = self._later, {}
        for name, value in later.items():
            put(self, name, value)

    def _halted_for_good(self) -> bool:
        """Is it in a HLT that nothing can end, with interrupts off?"""
        if read_mp_state(self) != abi.KVM_MP_STATE_HALTED or self.if_flag:
            return False
        if self._nmi or self._others_first():
            return False
        return not any(v is not self and v._runner for v in self._back._made)

    def _arm(self, when: int | None) -> None:
        if self._alarm is None or not self._alarm.mine(self._thread):
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

    def _leave(self) -> None:
        """Wait until its thread is out of KVM. It stays outside while the Vm is `_stopping`."""
        turns = 0
        while self._inside and self._runner != get_ident():
            if turns % 1000 == 0:
                self._poke()
            turns += 1
            sleep(0)  # it needs the GIL

    def _poke_others(self) -> None:
        """The same, unless it is this thread that runs it: then the loop looks anyhow."""
        if self._runner != get_ident():
            self._poke()

    def _pressed(self) -> bool:
        """Is its run to end now?"""
        late = self._wall != NEVER and monotonic_ns() >= self._wall
        return self._kicked or self._reset_wanted or late

    def _inject(self, vector: int) -> None:
        at = INJECTED_AT
        self._page[at : at + 3] = bytes((1, vector, 0))
        self._page[abi.DIRTY_REGS_AT] |= abi.KVM_SYNC_X86_EVENTS

    def _ready_now(self) -> bool:
        """The same, whatever waits."""
        if self._unsettled:
            self._settle()
        page = self._page
        return self.if_flag and not page[SHADOW_AT] and not page[INJECTED_AT]

    def _others_first(self) -> bool:
        """Does an exception or an NMI come before an interrupt? Its handler begins with IF=0."""
        events = self._page[abi.SYNC_EVENTS_AT : abi.SYNC_EVENTS_AT + abi.EVENTS_SIZE]
        exception = events[EXCEPTION_INJECTED] or events[EXCEPTION_PENDING]
        nmi_due = events[NMI_PENDING] and not events[NMI_MASKED]
        return bool(exception or nmi_due or events[NMI_INJECTED])

    @property
    def if_flag(self) -> bool:
        """FLAGS.IF, as kvm_run has it."""
        return bool(self._page[RFLAGS_AT + 1] & FLAG_IF >> 8)

    # -- state ------------------------------------------------------------------------------------

    def _mine(self, what: str) -> None:
        """RuntimeError if another thread runs this vCPU."""
        if self._runner not in (0, get_ident()):
            raise RuntimeError(
                "another thread runs this vCPU: kick() it and wait until its run() has returned, "
                f"then {what}"
            )

    def _idle(self) -> bool:
        """May this thread ask KVM for the state?"""
        return self._runner in (0, get_ident()) and self._fd >= 0

    def _between(self, what: str) -> None:
        """RuntimeError: a device is called, in the middle of an instruction."""
        if self._in_device:
            raise RuntimeError(
                f"the vCPU is in the middle of an instruction, which calls this device: {what} "
                "from a timer, or when run() has returned"
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
        self._stays_halted = False
        if self._back._irqchip and self._fd >= 0:
            self._set_mp_state(abi.KVM_MP_STATE_RUNNABLE)

    def _debug_registers(self) -> None:
        """Ask KVM for them, unless another thread runs the vCPU."""
        if self._idle():
            self._debug.load()

    def _reset_if_idle(self) -> bool:
        """Reset it if no thread runs it; False: one does, and will."""
        if self._runner == get_ident():
            return False
        owner = self._owner
        try:
            if not owner.acquire(blocking=False):
                return False
            if self._reset_wanted:
                self._reset_now()
        finally:
            try:  # noqa: SIM105  as in _go
                owner.release()
            except RuntimeError:
                pass
        return True

    def _reset_now(self) -> None:
        """Only the thread that runs it, or any while none does."""
        self._reset_wanted = False
        if self._fd < 0:
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
        self._kept = None
        self._nmi = self._dead = self._queued = self._step_lost = self._stepped = False
        self._stays_halted = False
        self._vectors.clear()
        self._set_reset_state()

    def _shut(self) -> None:
        """For close(): wait until the vCPU has left KVM. A device that blocks keeps it waiting;
        Ctrl-C ends the wait."""
        if self._runner:
            self.kick()
        if self._runner != get_ident():
            with self._owner:
                self._release()

    def _forget_parent(self) -> None:
        """In a child of fork(), which has no other thread: no one holds the lock."""
        self._owner, self._runner, self._thread, self._armed = RLock(), 0, 0, None
        self._inside = False
        self._release()

    def _unmapped(self) -> None:
        if "_accesses" in self.__dict__:
            self._accesses.page_is(self._page)
