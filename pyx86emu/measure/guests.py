"""Real guests: time how the images in PYX86EMU_GUESTS boot. They are not part of the project."""

import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ..errors import DiskError
from ..pc.machine import Machine

GUEST_SECONDS = 5.0
#: A guest with fewer instructions mostly waits, so its speed means nothing.
ENOUGH = 1_000_000


@dataclass(frozen=True)
class Row:
    """One image after GUEST_SECONDS of guest time."""

    name: str
    instructions: int
    mips: float

    def line(self) -> str:
        """The row as text, below HEAD."""
        return f"{self.name:<28}{self.instructions:>14,}{self.mips:>9,.0f}"

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        return asdict(self)


HEAD = f"{'real guest (PYX86EMU_GUESTS)':<28}{'instructions':>14}{'MIPS':>9}"


def rows(repeats: int, scale: float) -> Iterator[Row]:
    """Boot each image that fits a diskette drive; leave out guests that only wait."""
    directory = os.environ.get("PYX86EMU_GUESTS")
    for path in sorted(Path(directory).glob("*.img")) if directory else []:
        try:
            machine = Machine(path)
        except DiskError:
            continue  # a hard disk
        with machine:
            start = perf_counter()
            machine.run(timeout=GUEST_SECONDS)
            seconds = perf_counter() - start
            instructions = machine.vcpu.instructions
        if instructions >= ENOUGH:
            yield Row(path.stem, instructions, round(instructions / seconds / 1e6, 1))
