"""State: save and restore a part as plain values (seam D). Knows no part.

A timer's state is (name, deadline in ns). Its function is code; the part finds it by the name.
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
Values = dict[str, Plain]

T = TypeVar("T")


class Stateful(Protocol):
    """A part whose state can be saved and restored. Only the thread that runs the guest does it."""

    def state(self) -> Values:
        """The state of the part now, as copies. The part does not change."""

    def load(self, state: Values) -> None:
        """Restore a state that `state()` returned. ValueError: it is not a state of this kind of
        part, and nothing has changed."""


def take(state: Values, name: str, kind: type[T]) -> T:
    """The value called `name`. ValueError: there is none, or its type is not `kind`.

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


def take_whole(state: Values, name: str, least: int, most: int) -> int:
    """The integer called `name`. ValueError: there is none, or it is not in `least` to `most`."""
    return whole(take(state, name, int), f"{name} of a state", least, most)


def take_timer(state: Values, name: str, timer: str) -> int | None:
    """The deadline in ns of the timer that `name` holds; None if it does not wait.

    ValueError: there is none, or the timer's own name is not `timer`.
    """
    if isinstance(state, dict) and name in state and state[name] is None:
        return None
    pair = take(state, name, tuple)
    if len(pair) != 2 or pair[0] != timer:
        raise ValueError(f"a state has no timer called {timer!r}")
    return take_whole({name: pair[1]}, name, 0, LAST)
