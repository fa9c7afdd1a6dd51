"""Tapes: hold what came from outside, in order. Know no machine.

What the guest does follows from a state and from these; nothing else is kept.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING

from ...state import Plain

if TYPE_CHECKING:
    from ...saved.state import State

_time = attrgetter("time")
_instructions = attrgetter("instructions")


@dataclass(frozen=True, slots=True)
class Input:
    """A call of the host on a part of the machine."""

    time: int
    """Guest ns."""
    instructions: int
    """Instructions that were retired before it."""
    call: str
    """Which method, such as "keyboard.type"."""
    arguments: tuple[Plain, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An access to a device that is not deterministic: its value, and what it did to its line."""

    instructions: int
    value: int | None
    """None: it was a write."""
    levels: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What the host has answered to a device that asks it, such as a DOS for its files."""

    instructions: int
    call: str
    value: Plain


@dataclass(frozen=True, slots=True)
class Mark:
    """Where the guest was at some moment: a replay must come past there."""

    time: int
    instructions: int
    digest: int
    """Of the registers (`line.digest`)."""
    inputs: int = 0
    """How many inputs came before it: some may be at the same time."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state, and where on the tape it is."""

    time: int
    instructions: int
    state: "State"


@dataclass(frozen=True, slots=True)
class Board:
    """How the machine was made, as far as its states do not say it."""

    no_reboot: bool = False
    disks: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    """By drive, the image and its kind; those that are too large are left out."""
    devices: dict[str, Plain] = field(default_factory=dict)
    """By name, devices that ask the host, and what it takes to make each again."""


@dataclass
class Tape:
    """All that was recorded, each list in the order of time."""

    board: Board = field(default_factory=Board)

    inputs: list[Input] = field(default_factory=list)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    """By the name of the device."""
    told: list[Told] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)

    def inputs_from(self, time: int) -> int:
        """Where the inputs begin that come at `time` or later."""
        return bisect_left(self.inputs, time, key=_time)

    def marks_after(self, time: int) -> int:
        """Where the marks begin that come after `time`."""
        return bisect_right(self.marks, time, key=_time)

    def states_until(self, instructions: int) -> int:
        """How many states have at most so many instructions."""
        return bisect_right(self.checkpoints, instructions, key=_instructions)

    def before(self, instructions: int) -> Checkpoint:
        """The last checkpoint with at most so many instructions. LookupError: there is none."""
        at = self.states_until(instructions)
        if not at:
            raise LookupError("there is no state so early")
        return self.checkpoints[at - 1]

    def cut(self, time: int, used: int) -> None:
        """Forget what comes after `time`; `used`: how many inputs have happened."""
        del self.inputs[used:]
        del self.marks[self.marks_after(time) :]
        while self.marks and self.marks[-1].inputs > used:
            self.marks.pop()
        self.checkpoints = [each for each in self.checkpoints if each.time <= time]

    def thin(self, most: int) -> None:
        """At most so many checkpoints: of the older half every second one goes."""
        if len(self.checkpoints) > most:
            half = len(self.checkpoints) // 2
            self.checkpoints[1:half] = self.checkpoints[2:half:2]
