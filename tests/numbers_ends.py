"""The numbers of the last instructions of a guest."""

from __future__ import annotations

from pyx86emu.tools.trail import trail, trail_of
from tests.numbers import Place, place

PLACES: dict[str, Place] = {
    "trail.trail": place(lambda w: lambda shown: trail(w.machine, shown=shown), shown=1),
    "trail.trail_of": place(
        lambda w: lambda shown: trail_of(w.machine, w.machine.run(timeout=0), shown=shown), shown=1
    ),
}
