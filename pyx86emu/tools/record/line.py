"""Line: where a machine is on its tape. Check its marks, keep its states, run it to a moment."""

import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from ...errors import MachineError
from ...exits import ExitReason
from .outside import Answers
from .questions import Questions
from .quiet import quiet
from .tape import Checkpoint, Input, Mark, Tape

if TYPE_CHECKING:
    from ... import _core
    from ...pc.machine import Machine
    from ...saved.state import State
    from .file import Writer

#: Guest ns of a slice: calls of other threads are made between two slices.
SLICE = 10_000_000
#: Instructions from one state to the next.
EVERY = 500_000
#: Instructions from one state in a file to the next.
FILE_EVERY = 16_000_000
#: So many states are kept; of more, every second one of the older half goes.
MOST_STATES = 128
#: What raises the line of a device that is not deterministic, and the lines of irqfds.
LINE = "line"
IRQFDS = "irqfds"
#: What the host has changed between two runs.
HOST = "host"
#: What a reading of the host's clock has made of guest time.
CLOCK = "clock"
#: A state was kept: what a DOS has opened ahead is forgotten, as after a restore.
FRESH = "fresh"
#: A run has a mark after so many instructions, and where it ends.
MARK_EVERY = 250_000
#: Of marks that are closer together than this, the last one is kept.
MARKS_APART = 20_000
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


class Known(NamedTuple):
    """What the machine was when it was run last, and where on the tape that was."""

    state: "State"
    next: int
    mark: int
    answers: dict[str, int]


class Line:
    """A machine and its tape. What is before `_next` and `_mark` on the tape has happened."""

    def __init__(self, m: "Machine", tape: Tape, every: int, to: "Writer | None") -> None:
        self._m = m
        self._to = to
        self._over = False  # a replay ends where its tape does
        self.tape = tape
        self.every = every
        self._next = 0  # the input of the tape that comes next
        self._mark = 0  # the mark that comes next
        self.away = False  # on the way to another moment
        self._depth = 0  # > 0: a call of the host is being made
        self._running = 0  # > 0: the guest runs, on this thread
        self._runner: int | None = None
        #: Calls for between two slices; True: of the host, which may do anything.
        self._waiting: list[tuple[bool, Callable[[], object]]] = []
        self._state_at = self._mark_at = self._written = m.vcpu.instructions or 0
        self._run = m._run
        self._restore_machine = m.restore
        self._answers: dict[str, Answers | Questions] = {}
        self._questions: Questions | None = None

    @property
    def live(self) -> bool:
        """Is the machine at the end of the tape?"""
        return (
            self._next == len(self.tape.inputs)
            and self._mark == len(self.tape.marks)
            and all(each.done for each in self._answers.values())
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

    def _one(self, budget: int | None, deadline: int | None, *rest: int | None) -> "_core.Exit":
        """Run the guest, with what its devices do."""
        self._running += 1
        self._runner = threading.get_ident()
        try:
            return self._run(budget, deadline, *(rest or (None, None)))
        finally:
            self._running -= 1

    def _restore(self, state: "State") -> None:
        """`Machine.restore`, by us."""
        if self._questions is not None:
            self._questions.restoring(True)
        try:
            self._restore_machine(state)
        finally:
            if self._questions is not None:
                self._questions.restoring(False)

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """In this context nobody outside is told anything."""
        if self._questions is not None:
            self._questions.quiet(True)
        try:
            with quiet(self._m):
                yield
        finally:
            if self._questions is not None:
                self._questions.quiet(False)

    @contextmanager
    def _no_debugger(self) -> Iterator[None]:
        """In this context a debugger does not hold the guest."""
        m = self._m
        debugger, m._debugger = m._debugger, None
        try:
            yield
        finally:
            m._debugger = debugger

    def _settle(self) -> None:
        """Serve the timers that are due, so that this is a moment."""
        m = self._m
        with self._no_debugger():
            for _ in range(SETTLE):
                now = m.vm.time
                if self._one(None, now).reason is ExitReason.INTR:
                    m.vcpu.kick()
                timers = m.vm.clock.timers
                if not timers or timers[0][1] > now:
                    return

    def _note(self, it: Input) -> None:
        """An input that has just been made."""
        self._cut()
        self.tape.inputs.append(it)
        self._next = len(self.tape.inputs)
        if self._to is not None:
            self._to.input(it)

    def _cut(self) -> None:
        """Something new happens: what the tape has after now will not."""
        self._over = False
        if not self.live:
            time, places = self._m.vm.time, {n: each.place for n, each in self._answers.items()}
            self.tape.cut(time, self._next)
            self._mark = len(self.tape.marks)
            for each in self._answers.values():
                each.cut()
            self._written = min(self._written, self.now)
            if self._to is not None:
                self._to.cut(time, self._next, places)

    def _note_mark(self) -> None:
        if not self.live:
            return
        self._settle()
        mark = Mark(self._m.vm.time, self.now, digest(self._m), self._next)
        self._mark_at = mark.instructions
        marks = self.tape.marks
        if marks and marks[-1] == mark:
            return
        if len(marks) > 1 and marks[-1].instructions - marks[-2].instructions < MARKS_APART:
            marks.pop()  # so memory is bounded, however short the runs are
        marks.append(mark)
        self._mark = len(marks)
        if self._to is not None:
            self._to.mark(mark)

    def _check_marks(self) -> None:
        marks, m = self.tape.marks, self._m
        while self._mark < len(marks) and marks[self._mark].time <= m.vm.time:
            mark = marks[self._mark]
            if mark.inputs > self._next:
                return
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
        """The error of a replay that does something else; the recording was at `instructions`.
        `what` was to happen there; else a run had ended."""
        m = self._m
        before = self.tape.marks[self._mark - 1].instructions if self._mark else 0
        if what:
            return Departed(
                f"the replay departs {what} at instruction {self.now}, {m.vcpu!r}: the recording "
                f"was at {instructions} then; it did the same up to {before}"
            )
        return Departed(
            f"the replay departs from the recording between instructions {before} and "
            f"{instructions}: it is at {self.now}, {m.vcpu!r}"
        )

    def _keep_state(self) -> None:
        at = self._state_at = self.now
        tape, near = self.tape, self.every // 2
        place = tape.states_until(at)
        last = place == len(tape.checkpoints)
        if place and at - tape.checkpoints[place - 1].instructions < near:
            return  # there is one already
        if not last and (
            # What a DOS has opened ahead is forgotten only where the tape says so.
            self._questions is not None or tape.checkpoints[place].instructions - at < near
        ):
            return
        self._settle()
        found = Checkpoint(self._m.vm.time, self.now, self._m.save())
        tape.checkpoints.insert(place, found)
        tape.thin(MOST_STATES)
        if self._to is not None and last and (at - self._written >= FILE_EVERY or not place):
            self._written = at
            self._to.state(found)
        if self._questions is not None:
            self._note(Input(found.time, found.instructions, FRESH, ((), {})))
            self._questions.refresh()

    def restore(self, at: Checkpoint) -> None:
        """Go to a state of the tape. Inputs of its moment come after it."""
        with self._inside():
            self._restore(at.state)
        self._next = self.tape.inputs_from(at.time)
        self._mark = self.tape.marks_after(at.time)
        for each in self._answers.values():
            each.seek(at.instructions)
        self._state_at = self._mark_at = at.instructions
        self._waiting.clear()
