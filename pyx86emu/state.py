"""State: what it takes to make a part as it was, in plain values (seam D). Knows no part.

A timer's state is (name, deadline): its function is code, which the part finds by the name.
"""

from typing import Protocol, TypeVar

from ._core import whole
from .clock import LAST

Plain = (
    bool
    | int
    | float
    | str
    | bytes
    | list["Plain"]
    | tuple["Plain", ...]
    | dict[str, "Plain"]
    | None
)
State = dict[str, Plain]

T = TypeVar("T")


class Stateful(Protocol):
    """A part whose state can be taken and given back, by the thread that runs the guest."""

    def state(self) -> State:
        """The part as it is now; nothing changes. The values are copies."""

    def load(self, state: State) -> None:
        """Be as the part was that gave `state`. ValueError: no state of this kind of part; then
        nothing has changed."""


def take(state: State, name: str, kind: type[T]) -> T:
    """A value of a state, which must have this type.

    >>> take({"index": 5}, "index", int)
    5
    >>> take({"index": 5}, "level", bool)
    Traceback (most recent call last):
    ValueError: a state has no bool called 'level'
    """
    value = state.get(name) if isinstance(state, dict) else None
    if type(value) is not kind:
        raise ValueError(f"a state has no {kind.__name__} called {name!r}")
    return value


def take_whole(state: State, name: str, least: int, most: int) -> int:
    """An integer of a state, from `least` to `most`."""
    return whole(take(state, name, int), f"{name} of a state", least, most)


def take_timer(state: State, name: str, timer: str) -> int | None:
    """The deadline of a timer, which must have the name `timer`; None: it does not wait."""
    if isinstance(state, dict) and name in state and state[name] is None:
        return None
    pair = take(state, name, tuple)
    if len(pair) != 2 or pair[0] != timer:
        raise ValueError(f"a state has no timer called {timer!r}")
    return take_whole({name: pair[1]}, name, 0, LAST)
