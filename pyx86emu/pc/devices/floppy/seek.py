"""A seek: know where the heads of a drive are to go, and when they are there."""

from collections.abc import Callable

from ....clock import Clock, Timer
from ..fields import BYTE, Fields, Group, Whole

#: Cylinder, PCN and ST0 at its end.
Target = tuple[int, int, int]


class Seek:
    """The seek of drive `unit`; `on_end` is called with `unit` and the target when it ends."""

    def __init__(self, unit: int, on_end: Callable[[int, Target], None]) -> None:
        self.unit = unit
        self.name = f"floppy.seek{unit}"
        self.target: Target | None = None
        self._on_end = on_end
        self._timer: Timer | None = None

    #: The state.
    fields = Fields(
        {"target": Group(Whole(1 << 16), BYTE, BYTE, maybe=True)},
        timers=[("_timer", {"{name}": "_end"})],
    )

    def start(self, target: Target, clock: Clock, delay: int) -> None:
        """Go to `target`, in place of the seek that is on its way."""
        self.cancel()
        self.target = target
        self._timer = clock.call_after(delay, self._end, self.name)

    def cancel(self) -> None:
        """It does not end any more."""
        self.target = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        target, self.target = self.target, None
        if target is not None:
            self._on_end(self.unit, target)
