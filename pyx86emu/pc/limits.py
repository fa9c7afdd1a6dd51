"""Limits: say when a run is over. Know time, instructions and text, not the guest."""

import errno
import re
from collections.abc import Callable, Iterable
from time import monotonic_ns
from typing import TYPE_CHECKING

from .._core import whole
from ..clock import LAST
from ..log import Log
from .screen.display import Display

if TYPE_CHECKING:
    from .. import _core
    from .machine import Machine

#: `until` searches only this many of the newest bytes of serial and debug text.
TAIL = 64 << 10


class Limits:
    """Common limits of several runs of a machine, from now on. Made by `Machine.limits()`.

    `run(seconds)` runs within them, for at most `seconds` of guest time. `over` is True when
    `timeout` or `wall` has passed. Only the thread that runs the guest uses it.

    >>> from pyx86emu import Machine
    >>> with Machine(bytes.fromhex("ebfe")) as m:           # jmp $
    ...     limits, runs = m.limits(timeout=0.5), 0
    ...     while not limits.over:
    ...         exit, runs = limits.run(0.1), runs + 1
    ...     print(exit.reason.name, runs)
    DEADLINE 5
    """

    def __init__(
        self,
        machine: "Machine",
        until: str | re.Pattern[str] | None = None,
        timeout: float | None = None,
        *,
        wall: float | None = None,
        max_instructions: int | None = None,
        stop_on: Iterable[str] | None = None,
    ) -> None:
        self._machine = machine
        self.stop_on = None if stop_on is None else machine._places.checked(stop_on)
        self._now = now = machine.vm.clock.now
        self.watch = Watch(until, machine.screen, (machine.serial_log, machine.debug.log))
        #: The ends: instructions spent, guest time in ns, host time in ns; None: no limit.
        self.budget: int | None = self._budget(max_instructions, "max_instructions")
        self.deadline = moment("timeout", timeout, now)
        self.wall_deadline = moment("wall", wall, monotonic_ns)
        #: Is this run a slice, after which the caller does something else?
        self.sliced = False

    def run(self, seconds: float | None = None, *, instructions: int | None = None) -> "_core.Exit":
        """Run as `Machine.run` does, within the limits and for at most `seconds` of guest time and
        `instructions`.

        DEADLINE: `seconds`, `timeout` or `wall` has passed. BUDGET: `instructions` or
        `max_instructions` are spent; `spent` says which. Errors as for `Machine.run`.
        """
        deadline = moment("seconds", seconds, self._now)
        if deadline is None or (self.deadline is not None and self.deadline < deadline):
            deadline = self.deadline
        self.sliced = seconds is not None or instructions is not None
        before, own = self.budget, self._budget(instructions, "instructions")
        if own is not None:
            self.budget = own if before is None else min(own, before)
        try:
            return self._machine._run_within(self, deadline)
        finally:
            self.budget = before

    def _budget(self, instructions: int | None, what: str) -> int | None:
        """The number of spent instructions at which a run of so many ends."""
        if instructions is None:
            return None
        most = whole(instructions, what, 0, LAST)
        spent = self._machine.vcpu.spent
        if spent is None:
            raise OSError(
                errno.EOPNOTSUPP,
                f"{what}: {self._machine.vm.accel} counts no instructions, give timeout",
            )
        return spent + most

    @property
    def spent(self) -> bool:
        """True when `max_instructions` are spent."""
        return self.budget is not None and (self._machine.vcpu.spent or 0) >= self.budget

    @property
    def over(self) -> bool:
        """True when `timeout` or `wall` has passed."""
        return passed(self.deadline, self._now) or passed(self.wall_deadline, monotonic_ns)


def moment(what: str, seconds: float | None, now: Callable[[], int]) -> int | None:
    """The time in ns that is `seconds` after `now`; None if `seconds` is None, for no limit.

    TypeError, ValueError: `seconds` is not a number, or out of range; `what` is its name.
    """
    if seconds is None:
        return None
    try:
        if isinstance(seconds, (str, bytes, bytearray)):
            raise TypeError
        seconds = float(seconds)
    except (TypeError, ValueError):
        raise TypeError(f"{what}={seconds!r}: give a number of seconds, or None") from None
    if not 0 <= seconds < LAST / 1e9:
        raise ValueError(f"{what}={seconds!r}: give seconds from 0 to {LAST / 1e9:.1e}, or None")
    return min(now() + int(seconds * 1e9), LAST)


def passed(deadline: int | None, now: Callable[[], int]) -> bool:
    """True if `now` has reached `deadline`; never for None."""
    return deadline is not None and now() >= deadline


class Watch:
    """Look for a pattern in the text of a display and of logs."""

    def __init__(
        self, until: str | re.Pattern[str] | None, display: Display, logs: tuple[Log, ...]
    ) -> None:
        self.pattern = _pattern(until)
        self._display = display
        self._logs = logs
        #: The last searched display and text of it, and how long the logs were; -1: none.
        self._version = -1
        self._text: str | None = None
        self._totals = [-1] * len(logs)

    def seen(self) -> bool:
        """True if the pattern is in any of the texts. Searches only texts that have changed."""
        if self.pattern is None:
            return False
        if self._display_has(self.pattern) or self._logs_have(self.pattern):
            self._version, self._text = -1, None  # so that the next run finds it again
            self._totals = [-1] * len(self._logs)
            return True
        return False

    def _display_has(self, pattern: re.Pattern[str]) -> bool:
        version = self._display.version
        if version == self._version:
            return False
        self._version = version
        text = self._display.text or ""
        if text == self._text:
            return False
        self._text = text
        return pattern.search(text) is not None

    def _logs_have(self, pattern: re.Pattern[str]) -> bool:
        for i, log in enumerate(self._logs):
            total = log.total
            if total != self._totals[i]:
                self._totals[i] = total
                if pattern.search(log.text(TAIL)):
                    return True
        return False


def _pattern(until: str | re.Pattern[str] | None) -> re.Pattern[str] | None:
    if until is None or (isinstance(until, re.Pattern) and isinstance(until.pattern, str)):
        return until
    if not isinstance(until, str):
        raise TypeError(f"until={until!r}: give a regular expression as str, or compiled from one")
    try:
        return re.compile(until, re.M | re.S)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"until={until!r} is no regular expression ({error})") from error
