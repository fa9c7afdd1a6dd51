"""Real guests: how quick the images in PYX86EMU_GUESTS boot. They are none of ours."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ..errors import DiskError
from ..pc.machine import Machine

GUEST_SECONDS = 5.0
#: Who sleeps most of the time measures the sleep.
ENOUGH = 1_000_000


@dataclass(frozen=True)
class Row:
    """One image after so many guest seconds."""

    name: str
    instructions: int
    mips: float

    def as_dict(self) -> dict[str, Any]:
        """The row as `--json` prints it."""
        return asdict(self)


def rows() -> Iterator[Row]:
    """Boot every image that fits a drive; those that only wait are left out."""
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
    """The figures as text."""
    lines = [f"{'real guest':<28}{'instructions':>14}{'MIPS':>9}"]
    lines += [f"{row.name:<28}{row.instructions:>14,}{row.mips:>9,.0f}" for row in rows]
    return "\n".join(lines)
