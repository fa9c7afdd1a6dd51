"""Displays: show what the guest draws, to any number of readers (seam G). Know no terminal."""

from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ... import _core


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


class DirtyLog:
    """The dirty log of a memory slot, for any number of readers: `version` changes after the guest
    has written to the slot.

    Reading the log clears it (KVM_GET_DIRTY_LOG). So only this object may read the log of its slot;
    all others read `version`. Any thread may do so.
    """

    def __init__(self, slot: "_core.MemorySlot") -> None:
        self.slot = slot
        self._numbers = count(1)
        self._version = 0

    @property
    def version(self) -> int:
        """A number that changes after writes. All readers see the same number."""
        if self.slot.vm is not None and any(self.slot.dirty()):
            # Each number is used once: so if two threads find writes, each makes a new version.
            self._version = next(self._numbers)
        return self._version
