"""What --timeout, --wall and --max-instructions leave, over several runs of one machine."""

import argparse
from time import monotonic
from typing import TYPE_CHECKING

from ..pc.machine import Machine

if TYPE_CHECKING:
    from .. import Exit

#: A guest that has been quiet for so many guest seconds may be waiting for a key.
QUIET = 0.5


class Limits:
    """What is left of --timeout, --wall and --max-instructions over several runs."""

    def __init__(self, m: Machine, options: argparse.Namespace) -> None:
        self.m = m
        self.options = options
        timeout: float | None = options.timeout
        self.ends = None if timeout is None else m.time + timeout
        wall: float | None = options.wall
        self.wall_ends = None if wall is None else monotonic() + wall
        most: int | None = options.max_instructions
        self.most = None if most is None else m.vcpu.spent + most

    def timeout(self, most: float | None) -> float | None:
        """Guest seconds to run next: `most` or what is left."""
        if self.ends is None:
            return most
        left = max(0.0, self.ends - self.m.time)
        return left if most is None else min(most, left)

    def wall(self) -> float | None:
        """Real seconds left."""
        return None if self.wall_ends is None else max(0.0, self.wall_ends - monotonic())

    def budget(self) -> int | None:
        """Instructions left."""
        return None if self.most is None else max(0, self.most - self.m.vcpu.spent)

    def over(self) -> bool:
        """True when time is up."""
        late = self.ends is not None and self.m.time >= self.ends
        return late or self.wall() == 0.0

    def run(self, most: float | None = None) -> "Exit":
        """Run within the limits, for `most` guest seconds."""
        return self.m.run(
            self.options.expect,
            self.timeout(most),
            wall=self.wall(),
            max_instructions=self.budget(),
        )
