"""Tasks of tests, which workers import: echo numbers, end the process, ask for contents."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pyx86emu.tools.batch.contents import CACHE, Content


@dataclass(frozen=True)
class Echo:
    """Answers with the numbers that it was given. `deadly` ones end the worker first, as often as
    there is room for in `deaths`; a file with a byte for each death is at `log`."""

    indices: tuple[int, ...]
    deadly: frozenset[int] = frozenset()
    deaths: int = 1
    log: str = ""
    contents: tuple[Content, ...] = ()

    def run(self) -> tuple[object, ...]:
        for index in self.indices:
            if index in self.deadly and self._died(index) < self.deaths:
                with open(f"{self.log}.{index}", "ab") as file:
                    file.write(b"x")
                os.kill(os.getpid(), signal.SIGKILL)
        for each in self.contents:
            each.read()
        return tuple((index, os.getpid(), CACHE.taken) for index in self.indices)

    def _died(self, index: int) -> int:
        path = Path(f"{self.log}.{index}")
        return path.stat().st_size if path.exists() else 0

    def split(self) -> tuple[Echo, ...]:
        return tuple(
            Echo((index,), self.deadly, self.deaths, self.log, self.contents)
            for index in self.indices
        )

    def lost(self, message: str) -> tuple[object, ...]:
        return tuple((index, "lost", message) for index in self.indices)

    def broken(self, message: str) -> tuple[object, ...]:
        return tuple((index, "error", message) for index in self.indices)
