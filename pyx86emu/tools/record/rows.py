"""Rows: what the tape has for one that asks, and how far it is used up."""

from typing import Generic, Protocol, TypeVar


class Row(Protocol):
    """Something that happened once."""

    @property
    def instructions(self) -> int:
        """Retired before it."""
        ...


R = TypeVar("R", bound=Row)


class Rows(Generic[R]):
    """The rows of one who asks; it is their place that goes back and forth."""

    def __init__(self, rows: list[R]) -> None:
        self._rows = rows
        #: How many of them are used up.
        self.place = 0

    @property
    def done(self) -> bool:
        """Is the tape used up?"""
        return self.place == len(self._rows)

    def seek(self, instructions: int) -> None:
        """The machine has gone to this moment."""
        self.place = 0
        while self.place < len(self._rows) and self._rows[self.place].instructions < instructions:
            self.place += 1

    def cut(self) -> None:
        """What comes next will not happen."""
        del self._rows[self.place :]
