"""Going back: run again from a state to the moment that is asked for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from ...errors import MachineError
from ...exits import ExitReason
from .tape import Checkpoint
from .timeline import Timeline

if TYPE_CHECKING:
    from ... import _core

#: Instructions that are searched first, and after them: each stop costs time.
WIDTHS = (2_000, 50_000)

Watch = tuple[int, int, Literal["w", "rw"]]


class Travel:
    """Moves a machine along its timeline. A moment is named by how many instructions are retired
    (`vcpu.instructions`)."""

    def __init__(self, timeline: Timeline) -> None:
        self._line = timeline
        self._m = timeline._m

    @property
    def first(self) -> int:
        """The earliest moment that can be gone to."""
        return self._line.tape.checkpoints[0].instructions

    def goto(self, instruction: int) -> None:
        """Go to the moment at which so many instructions are retired. MachineError: it is before
        the recording, or the guest does not come so far."""
        if instruction < self.first:
            raise MachineError(
                f"instruction {instruction} is before the recording, which begins at {self.first}"
            )
        with self._line.trip():
            self._go(instruction)

    def _go(self, instruction: int) -> None:
        line = self._line
        at = line.tape.before(instruction)
        if not (at.instructions <= line.now <= instruction):
            line.restore(at)
            self._m.vcpu.debug()
        while self._forward(instruction) is not None:
            pass  # stopped by an observer

    def _forward(self, instruction: int) -> "_core.Exit | None":
        """Run to the moment. DEBUG: the exit of a breakpoint before it; None: it is there."""
        m, line = self._m, self._line
        while (left := instruction - line.now) > 0:
            exit = line.run_slices((m.vcpu.spent or 0) + left)
            if exit.reason is ExitReason.DEBUG:
                return exit
            if exit.reason in (ExitReason.HLT, ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR):
                raise MachineError(
                    f"the guest ends at instruction {m.vcpu.instructions}, before {instruction}: "
                    f"{exit!r}"
                )
        return None

    def back(self, count: int = 1) -> None:
        """Go `count` instructions back. MachineError: that is before the recording."""
        self.goto((self._m.vcpu.instructions or 0) - count)

    def back_to(
        self, breakpoints: Iterable[int] = (), watch: Iterable[Watch] = ()
    ) -> "_core.Exit | None":
        """Go back to the last moment at which the next instruction is at one of the breakpoints
        (linear), or accesses watched bytes. None: there was none, and this is the first moment."""
        line = self._line
        points, watched = list(breakpoints), list(watch)
        with line.trip():
            end = line.now
            while True:
                at = line.tape.before(max(self.first, end - 1))
                found = self._last_before(at, end, points, watched)
                if found is not None:
                    self._go(found[0])
                    return found[1]
                if at.instructions <= self.first:
                    line.restore(at)
                    return None
                end = at.instructions

    def _last_before(
        self, at: Checkpoint, end: int, points: list[int], watched: list[Watch]
    ) -> "tuple[int, _core.Exit] | None":
        """The last moment from `at` to before `end` that is asked for, and its exit."""
        for width in WIDTHS:
            begin = max(at.instructions, end - width)
            found = self._last_in(at, begin, end, points, watched)
            if found is not None or begin == at.instructions:
                return found
            end = begin
        return self._last_in(at, at.instructions, end, points, watched)

    def _last_in(
        self, at: Checkpoint, begin: int, end: int, points: list[int], watched: list[Watch]
    ) -> "tuple[int, _core.Exit] | None":
        """The same from `begin` on, after `at`."""
        m, line = self._m, self._line
        found = None
        line.restore(at)
        m.vcpu.debug()
        while self._forward(begin) is not None:
            pass  # stopped by an observer
        m.vcpu.debug(breakpoints=points, watch=watched)
        try:
            while (now := line.now) < end:
                exit = self._forward(end)
                if exit is None:
                    break
                now = line.now
                now -= exit.watch is not None
                if now < end:
                    found = now, exit
        finally:
            m.vcpu.debug()
        return found
