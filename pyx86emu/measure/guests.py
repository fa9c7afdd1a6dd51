"""Real guests: time how the images in PYX86EMU_GUESTS boot. They are not part of the project."""

import os
from collections.abc import Iterable, Iterator
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

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        return asdict(self)


def rows() -> Iterator[Row]:
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


def table(rows: Iterable[Row]) -> str:
    """Return the figures as text."""
    lines = [f"{'real guest':<28}{'instructions':>14}{'MIPS':>9}"]
    lines += [f"{row.name:<28}{row.instructions:>14,}{row.mips:>9,.0f}" for row in rows]
    return "\n".join(lines)
