"""The machine of a test: keep to the limits of its test, remember what a report needs."""

from collections.abc import Callable
from time import monotonic_ns
from typing import TYPE_CHECKING, Any

from ..errors import Pyx86Error
from ..exits import ExitReason
from ..pc.ending import ending
from ..pc.limits import Limits, moment, passed
from ..pc.machine import Machine
from ..tools.batch.reports import printable
from .problems import GuestFailed

if TYPE_CHECKING:
    from .._core import Exit
    from ..saved.state import State

#: Guest seconds of a run that has no limit at all.
TIMEOUT = 60.0
#: Instructions from one look at the history to the next.
CHUNK = 4096

See = Callable[[int, int, bytes], object]


class TestMachine(Machine):
    """What the fixture `boot` makes: a Machine that ends its test when a limit is exceeded."""

    __test__ = False  # its name makes it no test
    last_exit: "Exit | None" = None
    """How the last run ended."""
    before: "State | None" = None
    """What it was before its last run; None: it cannot be saved."""
    _see: See | None = None
    _most_instructions: int | None = None
    _most_seconds: float | None = None
    _deadline: int | None = None
    boot_image: bytes | None = None
    """What it boots, if that is no file."""

    def within(self, max_instructions: int | None, timeout: float | None) -> None:
        """Limits of all runs of this machine together."""
        self._most_instructions, self._most_seconds = max_instructions, timeout
        self._deadline = moment("timeout", timeout, self.vm.clock.now)

    def watch(self, see: See | None) -> None:
        """Call a function with CS, IP and the bytes of each one."""
        self._see = see

    def _run_within(self, limits: Limits, deadline: int | None) -> "Exit":
        self.before = _saved(self)
        own, now = limits.budget, self.vm.clock.now
        default = None
        if own is None and deadline is None and limits.wall_deadline is None:
            default = moment("timeout", TIMEOUT, now)
        ends = [each for each in (deadline, self._deadline, default) if each is not None]
        most = self._most_instructions
        budgets = [each for each in (own, most) if each is not None]
        limits.budget = min(budgets, default=None)
        try:
            exit = super()._run_within(limits, min(ends, default=None))
        finally:
            limits.budget = own
        self.last_exit = exit
        reason, over = exit.reason, ""
        if reason is ExitReason.BUDGET and most is not None and (own is None or most < own):
            over = f"max_instructions={most:,} of the test are spent"
        elif reason is ExitReason.DEADLINE and not passed(limits.wall_deadline, monotonic_ns):
            if self._deadline is not None and passed(self._deadline, now):
                over = f"timeout={self._most_seconds} guest seconds of the test have passed"
            elif default is not None and passed(default, now):
                over = f"not ended after {TIMEOUT:.0f} guest seconds; give run() a timeout"
        if over and not passed(deadline, now):
            raise GuestFailed(f"{over}: {printable(ending(self, exit).text)}")
        return exit

    def _run(
        self,
        budget: int | None,
        deadline: int | None,
        look: int | None,
        wall_deadline: int | None,
    ) -> "Exit":
        vcpu: Any = self.vcpu
        while (see := self._see) is not None:
            end, before = vcpu.spent + CHUNK, vcpu.instructions
            part = end if budget is None else min(end, budget)
            exit = super()._run(part, deadline, look, wall_deadline)
            for each in vcpu.history(min(vcpu.instructions - before, CHUNK)):
                see(each.cs, each.ip, each.code)
            if exit.reason is not ExitReason.BUDGET or vcpu.spent < end or part == budget:
                return exit
        return super()._run(budget, deadline, look, wall_deadline)


def _saved(m: TestMachine) -> "State | None":
    """Its state; None: this one cannot be saved."""
    try:
        return m.save()
    except (Pyx86Error, OSError, RuntimeError, MemoryError):
        return None
