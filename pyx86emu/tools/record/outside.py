"""Devices that are not deterministic: keep what they answer, and answer it again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .rows import Rows
from .tape import Answer

if TYPE_CHECKING:
    from ...bus import Outside
    from .timeline import Timeline


class Answers(Rows[Answer]):
    """Stands between the bus and one device. While the machine is live the device is called, and
    its answers and what it does to its line meanwhile are kept. Before that, the tape answers, and
    the device is not called."""

    def __init__(self, line: "Timeline", outside: "Outside", name: str) -> None:
        self._line = line
        self._outside = outside
        self._name = name
        super().__init__(line.tape.answers.setdefault(name, []))
        self._levels: list[bool] | None = None
        self._irq = outside.device.irq  # type: ignore[attr-defined]

    def connect(self) -> None:
        """Take the place."""
        self._outside.instead = self.access
        self._outside.device.irq = self._level  # type: ignore[attr-defined]

    def disconnect(self) -> None:
        """Give it back."""
        self._outside.instead = None
        self._outside.device.irq = self._irq  # type: ignore[attr-defined]

    def access(self, method: Callable[..., Any], *arguments: int) -> int | None:
        """An access of the guest, with what it answers."""
        now = self._line.now
        if self.place < len(self._rows):
            row = self._rows[self.place]
            if row.instructions != now or (row.value is None) != (len(arguments) == 3):
                raise self._line.departed(f"at an access to '{self._name}'", row.instructions)
            self.place += 1
            for level in row.levels:
                self._irq(level)
            return row.value
        self._levels = []
        try:
            value: int | None = method(*arguments)
        finally:
            levels, self._levels = self._levels, None
        answer = Answer(now, value if len(arguments) == 2 else None, tuple(levels))
        self._rows.append(answer)
        self.place = len(self._rows)
        self._line.answered(self._name, answer)
        return value

    def _level(self, level: bool) -> None:
        """Its interrupt line: within an access a part of the answer, else an input."""
        if self._levels is not None:
            self._levels.append(bool(level))
            self._irq(level)
        else:
            self._line.line(self._name, self._irq, bool(level))

    def drive(self, level: bool) -> None:
        """The line, as the tape has it."""
        self._irq(level)
