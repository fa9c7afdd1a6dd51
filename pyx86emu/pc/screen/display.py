"""Displays: show what the guest draws, to any number of readers (seam G). Know no terminal."""

from typing import NamedTuple, Protocol


class Picture(NamedTuple):
    """An image: a palette, and for each dot the number of its colour."""

    palette: list[tuple[int, int, int]]
    """(red, green, blue), 0-255 each, by number of the colour."""
    rows: list[bytes]
    """From top to bottom, one byte per dot: the number of its colour."""


class Display(Protocol):
    """A display of the guest. Any thread may read it at any time."""

    @property
    def version(self) -> int:
        """A number that changes when the picture may have changed. Each reader compares it with the
        number that it saw last, so readers do not affect each other."""

    @property
    def text(self) -> str:
        """Rows of text, joined with line ends."""

    @property
    def pixels(self) -> Picture:
        """What a monitor would show."""
