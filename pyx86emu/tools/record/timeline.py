"""The timeline of a machine: note what comes from outside, run it again from a state.

A moment is a guest time at which all timers that are due have been served. An input is made at such
a moment, in a recording and in a replay: so it meets the same guest.

    behind the end of the tape    the machine is live: inputs are noted
    before it                     inputs of the tape are made at their moments; a new input of the
                                  host cuts off the rest of the tape
"""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from ...errors import MachineError
from ...exits import ExitReason
from . import inputs
from .outside import Answers
from .tape import Answer, Checkpoint, Input, Mark, Tape

if TYPE_CHECKING:
    from ... import _core
    from ...pc.machine import Machine
    from .file import Writer

#: Guest ns of a slice: calls of other threads are made between two slices.
SLICE = 10_000_000
#: Instructions from one state to the next.
EVERY = 2_000_000
#: So many states are kept; of more, every second one of the older half goes.
MOST_STATES = 128
#: What raises the line of a device that is not deterministic, and the lines of irqfds.
LINE = "line"
IRQFDS = "irqfds"
#: Timers may set timers for the same moment, but not without end.
SETTLE = 1000
REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"),
    *("cs", "ds", "es", "ss", "fs", "gs"),
)


def digest(m: "Machine") -> int:
    """A number that the registers determine."""
    regs = m.vcpu.regs
    words = b"".join(getattr(regs, name).to_bytes(4, "little") for name in REGISTERS)
    return zlib.crc32(words)


class Departed(MachineError):
    """A replay does not do what was recorded."""


class Timeline:
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
        self._m = m
        self._to = to
        self._over = not fresh  # a replay ends where its tape does
        self.tape = tape
        self.every = every
        self._next = 0  # the input of the tape that comes next
        self._mark = 0  # the mark that comes next
        self._depth = 0  # > 0: a call of the host is being made
        self._running = 0  # > 0: the guest runs, on this thread
        self._runner: int | None = None
        self._waiting: list[Callable[[], object]] = []
        self._state_at = m.vcpu.instructions or 0
        self._backend = m.vm._backend
        self._release = m.vm._backend._irqfds_release
        self._run = m._run
        self._start = m.vm.clock._start
        self._answers: dict[str, Answers] = {}
        self._undo: list[Callable[[], object]] = []
        self._connect()
        if fresh:
            self._keep_state()

    # -- its place in the machine ------------------------------------------------------------------

    def _connect(self) -> None:
        m = self._m
        for part, name in inputs.methods():
            self._replace(inputs.part_of(m, part), name, f"{part}.{name}".lstrip("."))
        self._set(m, "_run", self._run_slices)
        self._backend._irqfds_hold(True)
        self._undo.append(lambda: self._backend._irqfds_hold(False))
        self._set(m.vm.clock, "_start", self._start_timer)

        for bus in (m.pio, m.mmio):
            for attachment in bus._attached:
                outside = getattr(attachment, "outside", None)  # the VGA, in the core, has none
                if outside is not None:
                    name = f"{bus.kind} {attachment.base:#x} {attachment.name}"
                    self._answers[name] = answers = Answers(self, outside, name)
                    answers.connect()
                    self._undo.append(answers.disconnect)

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

    @property
    def live(self) -> bool:
        """Is the machine at the end of the tape?"""
        return (
            self._next == len(self.tape.inputs)
            and self._mark == len(self.tape.marks)
            and all(each.done for each in self._answers.values())
        )

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
        if self._running and threading.get_ident() != self._runner:
            if not call.startswith("vm."):
                raise MachineError(
                    f"{call}() by a thread that does not run the guest, while it is recorded: call "
                    "it by m.vm.clock.call_after(0, ...)"
                )
            self._waiting.append(lambda: self._input(call, method, arguments, named))
            return None
        kept = inputs.plain(call, arguments, named)
        self._settle()
        self._cut()
        note = Input(self._m.vm.time, self.now, call, kept)
        with self._inside():
            result = method(*arguments, **named)
        self.tape.inputs.append(note)
        self._next = len(self.tape.inputs)
        if self._to is not None:
            self._to.input(note)
        return result

    def _cut(self) -> None:
        """Something new happens: what the tape has after now will not."""
        if not self.live:
            self.tape.cut(self._m.vm.time, self._next)
            self._mark = len(self.tape.marks)
            for each in self._answers.values():
                each.cut()

    def answered(self, device: str, answer: Answer) -> None:
        """A device that is not deterministic was asked."""
        if self._to is not None:
            self._to.answer(device, answer)

    def line(self, device: str, irq: Callable[[bool], None], level: bool) -> None:
        """Such a device has changed its line by itself: between two slices this is an input."""
        self._waiting.append(
            lambda: self._input(LINE, lambda _, level: irq(level), (device, level), {})
        )

    @property
    def now(self) -> int:
        """The instructions that are retired."""
        return self._m.vcpu.instructions or 0

    @contextmanager
    def _inside(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def _start_timer(self, deadline: int, fn: Callable[[], object], name: str) -> Any:
        """A timer that the host sets waits until the guest is between two slices."""
        if self._is_guest():
            return self._start(deadline, fn, name)
        return self._start(deadline, lambda: self._waiting.append(fn), name)

    # -- running -----------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Serve the timers that are due, so that this is a moment."""
        m = self._m
        for _ in range(SETTLE):
            now = m.vm.time
            if self._one(None, now).reason is ExitReason.INTR:
                m.vcpu.kick()
            timers = m.vm.clock.timers
            if not timers or timers[0][1] > now:
                return

    def _one(self, budget: int | None, deadline: int | None, *rest: int | None) -> "_core.Exit":
        """Run the guest, with what its devices do."""
        self._running += 1
        self._runner = threading.get_ident()
        try:
            return self._run(budget, deadline, *(rest or (None, None)))
        finally:
            self._running -= 1

    def _run_slices(
        self,
        budget: int | None,
        deadline: int | None,
        look: int | None,
        wall_deadline: int | None,
    ) -> "_core.Exit":
        """In place of `Machine._run`."""
        m = self._m
        if self._depth:
            return self._run(budget, deadline, look, wall_deadline)
        while True:
            self._do_waiting()
            self._make_inputs()
            now = m.vm.time
            end = now + SLICE
            if self._next < len(self.tape.inputs):
                end = min(end, self.tape.inputs[self._next].time)
            if self._mark < len(self.tape.marks):
                end = min(end, self.tape.marks[self._mark].time)
            ours = deadline is None or end < deadline
            exit = self._one(budget, end if ours else deadline, look, wall_deadline)
            if self.now - self._state_at >= self.every:
                self._keep_state()
            self._check_marks()
            if exit.reason is ExitReason.DEADLINE and ours:
                if self._over and self.live:
                    return exit.because(ExitReason.INTR)
                if m._debugger is not None and m._debugger.stopped:
                    return exit
                if not self._limited(look, wall_deadline):
                    continue
            self._note_mark()
            return exit

    def _limited(self, look: int | None, wall: int | None) -> bool:
        """Is it for one of the caller's limits that the slice has ended?"""
        from time import monotonic_ns

        if look is not None and self._m.vm.time >= look:
            return True
        return wall is not None and monotonic_ns() >= wall

    def _do_waiting(self) -> None:
        """Make the calls that other threads, or the host before, have set timers for, and raise the
        lines of irqfds."""
        if lines := self._backend._irqfds_held():
            self._input(IRQFDS, self._release, (lines,), {})
        while self._waiting:
            self._waiting.pop(0)()

    def _make_inputs(self) -> None:
        """Make the inputs of the tape whose moment is now."""
        tape, m = self.tape, self._m
        while self._next < len(tape.inputs):
            coming = tape.inputs[self._next]
            if coming.time > m.vm.time:
                return
            self._settle()
            if (m.vm.time, self.now) != (coming.time, coming.instructions):
                raise self.departed(f"at {coming.call}()", coming.instructions)
            method = self._method(coming.call)
            positional, named = coming.arguments
            with self._inside():
                try:
                    method(
                        *map(inputs.value, positional),  # type: ignore[arg-type]
                        **{k: inputs.value(v) for k, v in named.items()},  # type: ignore[union-attr]
                    )
                except (LookupError, TypeError, ValueError) as error:
                    raise MachineError(
                        f"the recording calls {coming.call}() in a way that the machine refuses: "
                        f"{error}"
                    ) from error
            self._next += 1

    def _method(self, call: str) -> Callable[..., Any]:
        """What an input of the tape calls."""
        if call == IRQFDS:
            release: Callable[..., Any] = self._release
            return release
        if call == LINE:
            return self._drive
        found: Callable[..., Any] = inputs.find(self._m, call)
        return found

    def _drive(self, device: str, level: bool) -> None:
        self._answers[device].drive(level)

    def _note_mark(self) -> None:
        if not self.live:
            return
        self._settle()
        mark = Mark(self._m.vm.time, self.now, digest(self._m))
        if self.tape.marks and self.tape.marks[-1] == mark:
            return
        self.tape.marks.append(mark)
        self._mark = len(self.tape.marks)
        if self._to is not None:
            self._to.mark(mark)

    def _check_marks(self) -> None:
        marks, m = self.tape.marks, self._m
        while self._mark < len(marks) and marks[self._mark].time <= m.vm.time:
            mark = marks[self._mark]
            if mark.time == m.vm.time:
                self._settle()
            if (mark.time, mark.instructions, mark.digest) != (
                m.vm.time,
                self.now,
                digest(m),
            ):
                raise self.departed("", mark.instructions)
            self._mark += 1

    def departed(self, what: str, instructions: int) -> Departed:
        """The error of a replay that does something else; the recording was at `instructions`."""
        before = self.tape.marks[self._mark - 1].instructions if self._mark else 0
        return Departed(
            f"the replay departs {what or 'from the recording'} between instructions {before} and "
            f"{instructions}: it is at {self.now}, {self._m.vcpu!r}"
        )

    # -- states ------------------------------------------------------------------------------------

    def _keep_state(self) -> None:
        self._state_at = self.now
        states = self.tape.checkpoints
        if states and states[-1].instructions >= self._state_at:
            return  # it was kept when the tape was recorded
        self._settle()
        found = Checkpoint(self._m.vm.time, self.now, self._m.save())
        states.append(found)
        self.tape.thin(MOST_STATES)
        if self._to is not None:
            self._to.state(found)

    def restore(self, at: Checkpoint) -> None:
        """Go to a state of the tape. Inputs of its moment come after it."""
        with self._inside():
            self._m.restore(at.state)
        self._next = self.tape.inputs_from(at.time)
        self._mark = self.tape.marks_after(at.time)
        for each in self._answers.values():
            each.seek(at.instructions)
        self._state_at = at.instructions
        self._waiting.clear()
