"""Pace: while a machine on the host's clock is recorded, make guest time follow that clock.

Guest time is counted in instructions meanwhile, so that a replay is exact. When it is ahead of the
host's clock, the guest waits; when it is late, it is set, and that is an input of the recording:
each reading of the host's clock that changes anything is on the tape.
"""

from time import monotonic_ns, sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...pc.machine import Machine

#: Guest ns of a slice.
SLICE = 1_000_000
#: Guest time is late if it is so many ns behind.
LATE = 2_000_000
#: An instruction takes 1 << SHIFT ns, which is as fast as the guest gets; fewer if it was faster.
SHIFT = 3
#: Seconds of a sleep; a stop() waits no longer.
NAP = 0.001
#: Times are multiples of this.
GRID = 1 << SHIFT


class Pace:
    """The host's clock for one machine."""

    def __init__(self, m: "Machine") -> None:
        self._m = m
        self._base: int | None = None
        self._shift = m.save().core.shift
        retired, time = m.vcpu.instructions or 0, m.vm.time
        shift = SHIFT
        while shift and retired << shift > time:
            shift -= 1
        m.vm._backend._clock_by("virtual", shift)

    def close(self) -> None:
        """Guest time is that of the host's clock again."""
        self._m.vm._backend._clock_by("host", self._shift)

    def forget(self) -> None:
        """The machine is elsewhere in time."""
        self._base = None

    def late(self) -> int | None:
        """The guest time in ns that it should be, if it is late. Else wait while it is ahead."""
        m, now = self._m, monotonic_ns()
        time = m.vm.time
        if self._base is None:
            self._base = now - time
        behind = now - self._base - time
        if behind >= LATE:
            return (time + behind) // GRID * GRID
        if behind < 0 and not m.vm._backend.pressed():
            sleep(min(-behind / 1e9, NAP))
        return None
