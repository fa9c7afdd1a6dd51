"""Displays: what a guest shows, for any number of readers (seam G). Know no terminal, no file."""

from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ... import _core


class Picture(NamedTuple):
    """Dots as numbers of colours."""

    palette: list[tuple[int, int, int]]
    """Red, green and blue, 0-255 each, of every colour."""
    rows: list[bytes]
    """From the top: one byte a dot, the number of its colour."""


class Display(Protocol):
    """What shows something. Any thread may look at any time."""

    @property
    def version(self) -> int:
        """A number that changes when what is shown may have changed. Looking at it takes nothing
        from other readers: each keeps the number that it saw last."""

    @property
    def text(self) -> str:
        """Rows of text, joined with line ends."""

    @property
    def pixels(self) -> Picture:
        """What a monitor would show."""


class DirtyLog:
    """The dirty log of a memory slot, for any number of readers: `version` is another number after
    the guest has written there.

    Reading the log clears it (KVM_GET_DIRTY_LOG). So this is the only reader of its slot's log, and
    whoever wants to know of writes asks this object, not the slot. Any thread may ask.
    """

    def __init__(self, slot: "_core.MemorySlot") -> None:
        self.slot = slot
        self._numbers = count(1)
        self._version = 0

    @property
    def version(self) -> int:
        """Changes only; two readers see the same number."""
        if self.slot.vm is not None and any(self.slot.dirty()):
            # Each number is given once: where two threads find writes, neither hides the other's.
            self._version = next(self._numbers)
        return self._version
