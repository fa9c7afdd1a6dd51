"""Sessions: run the guest in short slices, and do in between what the command line promised."""

from collections.abc import Sequence
from time import monotonic_ns, sleep
from typing import TYPE_CHECKING

from ..exits import ExitReason
from ..pc.limits import Limits
from ..pc.machine import Machine
from .script import Script

if TYPE_CHECKING:
    from .. import Exit
    from .lines import Line

#: Guest seconds of a slice, when nothing is drawn.
SLICE = 0.05
#: Reasons with which a guest has ended by itself.
ENDED = (ExitReason.HLT, ExitReason.SHUTDOWN)


class Session(Limits):
    """The limits of a run, for whatever draws it: --timeout, --wall, --max-instructions, and the
    script. After each slice the lines of -serial and -parallel are polled.

    `stay`: -no-shutdown. When the guest has ended, each slice waits instead, until the wall limit
    or a signal.
    """

    def __init__(
        self,
        m: Machine,
        script: Script,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
        lines: "Sequence[Line]" = (),
        stay: bool = False,
    ) -> None:
        super().__init__(m, None, timeout, wall=wall, max_instructions=max_instructions)
        self.watch = self.script = script
        self._lines = lines
        self._stay = stay
        self._end: Exit | None = None
        script.seen()

    def run(self, seconds: float | None = None, *, instructions: int | None = None) -> "Exit":
        """Run one slice, and poll the lines. HostError: one of them cannot be written."""
        if self._end is not None:
            return self._wait(self._end, seconds or SLICE)
        exit = super().run(seconds, instructions=instructions)
        for line in self._lines:
            line.poll()
        if self._stay and exit.reason in ENDED:
            self._end = exit
            return exit.because(ExitReason.DEADLINE)
        return exit

    def _wait(self, exit: "Exit", seconds: float) -> "Exit":
        """The guest has ended and stays as it is."""
        sleep(min(seconds, 0.1))
        for line in self._lines:
            line.poll()
        if self.wall_deadline is not None and monotonic_ns() >= self.wall_deadline:
            return exit
        return exit.because(ExitReason.DEADLINE)

    def batch(self) -> "Exit":
        """Run to the end, without a terminal."""
        slices = bool(self._lines) or self._stay
        while True:
            exit = self.run(SLICE if slices else None)
            if exit.reason is not ExitReason.DEADLINE or (self.over and self._end is None):
                return exit
