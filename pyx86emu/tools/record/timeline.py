"""The timeline of a machine: note what comes from outside, run it again from a state.

A moment is a guest time at which all timers that are due have been served. An input is made at such
a moment, in a recording and in a replay: so it meets the same guest.

    after the end of the tape    the machine is live: inputs are noted
    before it                    inputs of the tape are made at their moments; a new input of the
                                 host cuts off the rest of the tape

What the host does to the machine between two runs without a call that is noted is found when the
next run begins: the state is compared with that at the end of the last run (`host`).
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...clock import LAST
from ...errors import MachineError
from ...exits import ExitReason
from . import host, inputs, pace
from .between import Between
from .line import CLOCK, EVERY, FRESH, HOST, IRQFDS, LINE, MARK_EVERY, SLICE
from .outside import Answers
from .pace import Pace
from .questions import QUESTIONS, Questions
from .tape import Answer, Input, Tape, Told

if TYPE_CHECKING:
    from ... import _core
    from ...pc.machine import Machine
    from .file import Writer


class Timeline(Between):
    """What came from outside of a machine, and states to go back to. Made by `Machine.record()`.

    `every` is the number of instructions from one state to the next. Only the thread that runs the
    guest uses it; calls of other threads are made on it, by `clock.call_after`.
    """

    def __init__(
        self,
        m: "Machine",
        tape: Tape,
        *,
        fresh: bool = True,
        every: int = EVERY,
        to: "Writer | None" = None,
    ) -> None:
        super().__init__(m, tape, every, to)
        self._over = not fresh
        self._pace = Pace(m) if m.host_clock else None
        self._backend = m.vm._backend
        self._release = m.vm._backend._irqfds_release
        self._write = m.vm.write
        self._start = m.vm.clock._start
        self._undo: list[Callable[[], object]] = []
        self._connect()
        if fresh:
            self._keep_state()
        self.keep()

    # -- its place in the machine ------------------------------------------------------------------

    def _connect(self) -> None:
        m = self._m
        for part, name in inputs.methods():
            self._replace(inputs.part_of(m, part), name, f"{part}.{name}".lstrip("."))
        self._set(m, "_run", self._run_noted)
        self._set(m, "restore", self._no_restore)
        self._set(m.vm, "restore", self._no_restore)
        self._set(m.vm, "write", self._write_now)
        self._backend._irqfds_hold(True)
        self._undo.append(lambda: self._backend._irqfds_hold(False))
        self._set(m.vm.clock, "_start", self._start_timer)

        for bus in (m.pio, m.mmio):
            self._set(bus, "attach", self._no_attach)
            self._set(bus, "_remove", self._no_detach)
            for attachment in bus._attached:
                outside = getattr(attachment, "outside", None)  # the VGA, in the core, has none
                if outside is not None:
                    name = f"{bus.kind} {attachment.base:#x} {attachment.name}"
                    self._answers[name] = answers = Answers(self, outside, name)
                    answers.connect()
                    self._undo.append(answers.disconnect)

        asking = [each.device for each in m.pio._attached if hasattr(each.device, "asks")]
        if asking:
            self._questions = self._answers[QUESTIONS] = Questions(self, asking)
            self._undo.append(self._questions.close)

    def _set(self, owner: object, name: str, to: object) -> None:
        setattr(owner, name, to)
        self._undo.append(lambda: delattr(owner, name))

    def _replace(self, owner: Any, name: str, call: str) -> None:
        method = getattr(owner, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            if self._is_guest():
                return method(*arguments, **named)
            return self._input(call, method, arguments, named)

        self._set(owner, name, noted)

    def close(self) -> None:
        """The machine is no longer recorded; the tape stays. Twice is harmless."""
        while self._undo:
            with suppress(AttributeError, OSError):  # overwritten meanwhile; the Vm is closed
                self._undo.pop()()
        if self._pace is not None:
            pace, self._pace = self._pace, None
            with suppress(OSError):  # the Vm is closed
                pace.close()

    # -- noting ------------------------------------------------------------------------------------

    def _is_guest(self) -> bool:
        """Is this call made by a device or a timer of the machine, or by another input? It will be
        made again by itself."""
        return self._depth > 0 or (self._running > 0 and threading.get_ident() == self._runner)

    def _input(
        self,
        call: str,
        method: Callable[..., Any],
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Any:
        if not self._lock.acquire(blocking=False):  # another thread runs the guest
            if call.startswith("vm."):
                self._soon(lambda: self._input(call, method, arguments, named))
                return None
            raise MachineError(
                f"{call}() by a thread that does not run the guest, while it is recorded: call it "
                "by m.vm.clock.call_after(0, ...)"
            )
        try:
            return self._input_now(call, method, arguments, named)
        finally:
            self._lock.release()

    def _input_now(
        self,
        call: str,
        method: Callable[..., Any],
        arguments: tuple[Any, ...],
        named: dict[str, Any],
    ) -> Any:
        kept = inputs.plain(call, arguments, named)
        self.look()
        self._settle()
        note = Input(self._m.vm.time, self.now, call, kept)
        with self._inside():
            result = method(*arguments, **named)
        self._note(note)
        self.keep()
        return result

    def _soon(self, fn: Callable[[], object], *, of_host: bool = False) -> None:
        """Call it when the guest is between two slices: the slice ends after this instruction."""
        self._waiting.append((of_host, fn))
        self._backend._end_slice()

    def _write_now(self, addr: Any, data: Any) -> None:
        """In place of `Vm.write`. Between two runs it is found by `look`."""
        if self._running and threading.get_ident() != self._runner:
            self._input("vm.write", self._write, (addr, bytes(data)), {})
            return
        self._write(addr, data)

    def answered(self, device: str, answer: Answer) -> None:
        """A device that is not deterministic was asked."""
        if self._to is not None:
            self._to.answer(device, answer)

    def told(self, it: Told) -> None:
        """A device that asks the host was told something."""
        if self._to is not None:
            self._to.told(it)

    def line(self, device: str, irq: Callable[[bool], None], level: bool) -> None:
        """Such a device has changed its line by itself: between two slices this is an input. In a
        replay the tape has it."""
        if self.live:
            self._soon(lambda: self._input(LINE, lambda _, level: irq(level), (device, level), {}))

    def _start_timer(self, deadline: int, fn: Callable[[], object], name: str) -> Any:
        """A timer that the host sets waits until the guest is between two slices."""
        if self._is_guest():
            return self._start(deadline, fn, name)
        return self._start(deadline, lambda: self._soon(fn, of_host=True), name)

    # -- running -----------------------------------------------------------------------------------

    def _run_noted(
        self,
        budget: int | None,
        deadline: int | None,
        look: int | None,
        wall_deadline: int | None,
    ) -> "_core.Exit":
        """In place of `Machine._run`."""
        if self._depth:
            return self._run(budget, deadline, look, wall_deadline)
        with self._lock:
            self.look()
            before = self._m.vm.time
            if self._follow() is not None and (passed := self._m.vm.time - before):
                # Between two runs the host's clock went on; a limit counts from the call.
                deadline = None if deadline is None else min(deadline + passed, LAST)
                look = None if look is None else min(look + passed, LAST)
            try:
                return self.run_slices(budget, deadline, look, wall_deadline)
            finally:
                self.keep()

    def run_slices(
        self,
        budget: int | None,
        deadline: int | None = None,
        look: int | None = None,
        wall_deadline: int | None = None,
    ) -> "_core.Exit":
        """`Machine._run`, a slice at a time, with the inputs of the tape and those that wait."""
        slicing, self._slicing = self._slicing, True
        try:
            while True:
                exit = self._slice(budget, deadline, look, wall_deadline)
                if exit is not None:
                    return exit
        finally:
            self._slicing = slicing

    def _slice(
        self, budget: int | None, deadline: int | None, look: int | None, wall: int | None
    ) -> "_core.Exit | None":
        """One slice; None: the run goes on."""
        m = self._m
        self._do_waiting()
        self._make_inputs()
        end = m.vm.time + (SLICE if self._follow() is None else pace.SLICE)
        if self._next < len(self.tape.inputs):
            end = min(end, self.tape.inputs[self._next].time)
        if self._mark < len(self.tape.marks):
            end = min(end, self.tape.marks[self._mark].time)
        ours = deadline is None or end < deadline
        exit = self._one(budget, end if ours else deadline, look, wall)
        if self.now - self._state_at >= self.every:
            self._keep_state()
        self._check_marks()
        if exit.reason is ExitReason.DEADLINE:
            time = m.vm.time
            if ours and self._over and self.live and time >= end:
                return exit.because(ExitReason.INTR)
            stopped = m._debugger is not None and m._debugger.stopped
            # Else it is the limit in real time: nothing else ends a slice early.
            early = time < end and not self._waiting
            if not (stopped or early) and (
                (deadline is None or time < deadline) and (look is None or time < look)
            ):
                if self.now - self._mark_at >= MARK_EVERY:
                    self._note_mark()
                return None
        self._note_mark()
        return exit

    def _follow(self) -> "Pace | None":
        """Let guest time follow the host's clock, if it is to."""
        if self._pace is None:
            return None
        if not self.live or self.away:
            self._pace.forget()
            return None
        if (time := self._pace.late()) is not None:
            self._settle()
            self._note(Input(self._m.vm.time, self.now, CLOCK, ((time,), {})))
            self._m.vm.time = time
        return self._pace

    def _set_time(self, time: int) -> None:
        """The host's clock was read."""
        self._m.vm.time = time

    def _do_waiting(self) -> None:
        """Make the calls that other threads, or the host before, have set timers for, and raise the
        lines of irqfds."""
        if lines := self._backend._irqfds_held():
            self._input(IRQFDS, self._release, (lines,), {})
        while self._waiting:
            of_host, fn = self._waiting.pop(0)
            if not of_host:
                fn()
                continue
            with self.pause():  # it may change anything
                fn()

    def _make_inputs(self) -> None:
        """Make the inputs of the tape whose moment is now."""
        tape, m = self.tape, self._m
        while self._next < len(tape.inputs):
            coming = tape.inputs[self._next]
            if coming.time > m.vm.time:
                return
            self._settle()
            self._check_marks()
            if (m.vm.time, self.now) != (coming.time, coming.instructions):
                raise self.departed(f"at {coming.call}()", coming.instructions)
            with self._inside():
                try:
                    self._make(coming)
                except (LookupError, TypeError, ValueError) as error:
                    raise MachineError(
                        f"the recording calls {coming.call}() in a way that the machine refuses: "
                        f"{error}"
                    ) from error
            self._next += 1

    def _make(self, it: Input) -> None:
        """Make an input of the tape."""
        positional: Any
        named: Any
        positional, named = it.arguments
        if it.call == HOST:
            host.apply(self._m, self._restore, *positional)
            return
        method = self._method(it.call)
        method(*map(inputs.value, positional), **{k: inputs.value(v) for k, v in named.items()})

    def _method(self, call: str) -> Callable[..., Any]:
        """What an input of the tape calls."""
        if call == IRQFDS:
            release: Callable[..., Any] = self._release
            return release
        if call == FRESH and self._questions is not None:
            return self._questions.refresh
        if call == CLOCK:
            return self._set_time
        if call == LINE:
            return self._drive
        if call == "vm.write":
            return self._write
        found: Callable[..., Any] = inputs.find(self._m, call)
        return found

    def _drive(self, device: str, level: bool) -> None:
        found = self._answers[device]
        if not isinstance(found, Answers):
            raise LookupError(f"{device} has no line")
        found.drive(level)
