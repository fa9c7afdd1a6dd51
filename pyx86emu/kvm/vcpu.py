"""Vcpu: the vCPU of KVM as its users know it. Check arguments and refuse what KVM cannot do."""

import errno
from collections.abc import Iterable
from typing import NoReturn, SupportsIndex

from .._core import Exit, exact, truth, whole
from ..structs import MpState, Sregs, VcpuEvents
from .debug import Watch, checked_points, checked_watches
from .messages import refused
from .records import events_of, mp_state_of, put_events, put_mp_state, put_sregs, sregs_of
from .registers import Registers
from .runner import LAST_TIME, NEVER, Runner, moment

NOT_NOW = (
    "the vCPU takes no interrupt now (IF=0, a shadow, or one is waiting): ask for "
    "request_interrupt_window, or pass queue=True"
)


class Vcpu(Runner):
    """A vCPU of KVM, made by `Vm.create_vcpu`. It runs in the thread that calls run(), without the
    GIL. `model` is "host", `regs` its registers, `vm` its Vm.

    Any thread may call kick(), interrupt(), nmi(), reset() and read properties at any time. run()
    and step() of a second thread wait until the first has left. debug() and writing registers are
    for the thread that runs it, or for any thread while none does.
    """

    model = "host"

    # -- what it is -------------------------------------------------------------------------------

    @property
    def vm(self) -> object:
        """Its Vm."""
        return self._back.seen()

    @property
    def regs(self) -> Registers:
        """Its registers."""
        return self._regs

    @property
    def sregs(self) -> Sregs:
        """The special registers (KVM_GET_SREGS), as of the last exit. Setting raises as writing
        `regs` does; ValueError: CR0 with PE=1, or values that KVM refuses. Any base and limit of a
        segment are possible ("unreal mode")."""
        return sregs_of(self)

    @sregs.setter
    def sregs(self, value: Sregs) -> None:
        put_sregs(self, value)

    @property
    def events(self) -> VcpuEvents:
        """What comes before the next instruction (KVM_GET_VCPU_EVENTS), as of the last exit.
        Setting raises as writing `regs` does; ValueError: `rep_prefix`, `prefixes`, an exception
        that is none (2, or above 31), a payload that is not of DR6."""
        return events_of(self)

    @events.setter
    def events(self, value: VcpuEvents) -> None:
        put_events(self, value)

    @property
    def mp_state(self) -> MpState:
        """RUNNABLE or HALTED (KVM_GET_MP_STATE). Setting raises as writing `regs` does."""
        return mp_state_of(self)

    @mp_state.setter
    def mp_state(self, value: int) -> None:
        put_mp_state(self, value)

    @property
    def spent(self) -> None:
        """None: KVM does not count instructions."""
        return None

    @property
    def instructions(self) -> None:
        """None: KVM does not count instructions."""
        return None

    @property
    def faults(self) -> tuple[()]:
        """(): KVM does not say which faults it delivers."""
        return ()

    @property
    def arrivals(self) -> tuple[()]:
        """(): KVM does not say how the guest came to a place."""
        return ()

    @property
    def stop_on(self) -> frozenset[str]:
        """Empty: KVM cannot stop at such places. OSError EOPNOTSUPP: it is set to another set."""
        return frozenset()

    @stop_on.setter
    def stop_on(self, value: Iterable[str]) -> None:
        if names := frozenset(value):
            raise refused(
                f"KVM cannot stop on {', '.join(sorted(names))}",
                "use accel='interp', or leave it out",
            )

    @property
    def record_history(self) -> bool:
        """False: KVM does not say what it executes. OSError EOPNOTSUPP: it is set to True."""
        return False

    @record_history.setter
    def record_history(self, value: bool) -> None:
        if truth(value, "record_history"):
            raise refused("KVM keeps no history of instructions", "use accel='interp'")

    def history(self, n: int = 16) -> NoReturn:
        """OSError EOPNOTSUPP."""
        whole(n, "n", 0, 4096)
        raise refused("KVM keeps no history of instructions", "use accel='interp'")

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

    @property
    def pending(self) -> None:
        """None: a Vm of KVM cannot be saved, so the Exit to answer is that of run()."""
        return None

    # -- what other threads ask -------------------------------------------------------------------

    def interrupt(self, vector: int, *, queue: bool = False) -> None:
        """Inject interrupt `vector` (0 to 255) before the next instruction, as KVM_INTERRUPT for a
        Vm without irqchip. OSError EINVAL: no such vector; EAGAIN: IF is 0, in a shadow, or one is
        queued already - with `queue` it waits for IF instead."""
        vector = exact(vector, "interrupt vector")
        if not 0 <= vector <= 255:
            raise OSError(errno.EINVAL, f"interrupt vector {vector} is not in 0 to 255")
        waits = truth(queue, "queue")
        if self._vectors or not (waits or self.ready):
            raise OSError(errno.EAGAIN, NOT_NOW)
        if self._back._irqchip and not self.ready:
            raise refused(
                "with an interrupt controller KVM does not say when it would take an interrupt",
                "raise a line with irq_line(), or make the Vm without irqchip",
            )
        mine = (vector,)
        if self._vectors.setdefault(0, mine) is not mine:
            raise OSError(errno.EAGAIN, NOT_NOW)  # another thread was faster
        self._poke()

    @property
    def ready(self) -> bool:
        """Would an interrupt be taken before the next instruction?
        (ready_for_interrupt_injection.)"""
        return self._ready_now() and not self._vectors

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

    def debug(
        self,
        singlestep: bool = False,
        breakpoints: Iterable[int] = (),
        watch: Iterable[Watch] = (),
    ) -> None:
        """Stop with Exit(DEBUG) after every instruction, before the ones at linear addresses (at
        most 64 of 32 bits, else ValueError), or after one that touches memory of `watch`:
        (address, length, "w" or "rw") each.

        Up to four breakpoints cost nothing; with more, KVM runs in single steps. Watchpoints have
        the same four debug registers. RuntimeError: another thread runs this vCPU. OSError
        EOPNOTSUPP: too many watchpoints, or this host's KVM emulates real mode, and then has none.
        (KVM_SET_GUEST_DEBUG.)"""
        always = truth(singlestep, "singlestep")
        points, watches = checked_points(breakpoints), checked_watches(watch)
        self._mine("change its breakpoints")
        if watches and not self._back._watchpoints():
            raise refused(
                "KVM emulates real mode on this host, and its emulator watches no memory",
                "use breakpoints, or accel='interp'",
            )
        self._debug.ask(always, points, watches)
        self._step_lost = False

    def reset(self) -> None:
        """The state after RESET: F000:FFF0, pending exits and interrupts dropped. While it runs it
        happens after the instruction, from another thread soon."""
        self._reset_wanted = True
        if not self._reset_if_idle():
            self._poke()
