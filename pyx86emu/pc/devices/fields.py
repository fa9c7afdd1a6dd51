"""Fields: save a part by a table of its attributes. Knows no part.

A row says which attribute belongs to the state, and which values it may have. From the table come
`state()`, `load()`, and a cheap test whether a part is still as it was.
"""

from collections import deque
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple, Protocol

from ..._core import whole
from ...clock import LAST, Clock, Timer
from ...device import PioDevice
from ...log import Log
from ...state import Plain, Values, take_timer

#: How many bytes or entries a queue of the host may have in a state.
MOST = 1 << 24


class Kind(Protocol):
    """The values that an attribute may have."""

    def dump(self, value: Any) -> Plain:
        """The plain value."""

    def parse(self, value: Plain, name: str) -> Any:
        """The attribute of a plain value. ValueError: it cannot have this value."""


class Whole:
    """An integer from `least` to `most`; or None, if `maybe`."""

    def __init__(self, most: int = 0xFF, least: int = 0, *, maybe: bool = False) -> None:
        self.most, self.least, self.maybe = most, least, maybe

    def dump(self, value: Any) -> Plain:
        return None if value is None else int(value)

    def parse(self, value: Plain, name: str) -> Any:
        if value is None and self.maybe:
            return None
        return whole(_typed(value, name, int), f"{name} of a state", self.least, self.most)


class Flag:
    """True or False."""

    def dump(self, value: Any) -> Plain:
        return bool(value)

    def parse(self, value: Plain, name: str) -> Any:
        return _typed(value, name, bool)


class Word:
    """One of some texts."""

    def __init__(self, *words: str) -> None:
        self.words = frozenset(words)

    def dump(self, value: Any) -> Plain:
        return str(value)

    def parse(self, value: Plain, name: str) -> Any:
        if _typed(value, name, str) not in self.words:
            raise ValueError(f"{name} of a state is {value!r}, not one of its names")
        return value


class Raw:
    """Bytes, made by `make`: exactly `length`, or at most `most`."""

    def __init__(
        self, length: int | None = None, *, most: int = MOST, make: Callable[[bytes], Any] = bytes
    ) -> None:
        self.length, self.most, self.make = length, most, make

    def dump(self, value: Any) -> Plain:
        return bytes(value)

    def parse(self, value: Plain, name: str) -> Any:
        data: bytes = _typed(value, name, bytes)
        _count(len(data), name, self.length, self.most, "bytes")
        return self.make(data)


class Row:
    """Several values of one kind, made by `make`: exactly `length`, or at most `most`."""

    def __init__(
        self,
        kind: Kind,
        length: int | None = None,
        *,
        most: int = MOST,
        make: Callable[[Iterable[Any]], Any] = list,
    ) -> None:
        self.kind, self.length, self.most, self.make = kind, length, most, make

    def dump(self, value: Any) -> Plain:
        dump = self.kind.dump
        return tuple([dump(each) for each in value])

    def parse(self, value: Plain, name: str) -> Any:
        items: tuple[Plain, ...] = _typed(value, name, tuple)
        _count(len(items), name, self.length, self.most, "entries")
        return self.make([self.kind.parse(each, name) for each in items])


class Group:
    """A tuple with a kind for each place; or None, if `maybe`."""

    def __init__(self, *kinds: Kind, maybe: bool = False) -> None:
        self.kinds, self.maybe = kinds, maybe

    def dump(self, value: Any) -> Plain:
        if value is None:
            return None
        return tuple([kind.dump(each) for kind, each in zip(self.kinds, value, strict=True)])

    def parse(self, value: Plain, name: str) -> Any:
        if value is None and self.maybe:
            return None
        items: tuple[Plain, ...] = _typed(value, name, tuple)
        _count(len(items), name, len(self.kinds), 0, "entries")
        return tuple(k.parse(each, name) for k, each in zip(self.kinds, items, strict=True))


class Table:
    """A dict of integers to values of one kind, at most `most`; saved as pairs."""

    def __init__(self, kind: Kind, *, most: int, keys: int = 0xFF) -> None:
        self.pairs = Row(Group(Whole(keys), kind), most=most)

    def dump(self, value: Any) -> Plain:
        return self.pairs.dump(value.items())

    def parse(self, value: Plain, name: str) -> Any:
        return dict(self.pairs.parse(value, name))


def _typed(value: Plain, name: str, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a state has no {kind.__name__} called {name!r}")
    return value


def _count(n: int, name: str, length: int | None, most: int, what: str) -> None:
    if length is not None and n != length:
        raise ValueError(f"a state has {n} {what} of {name!r}, not {length}")
    if length is None and n > most:
        raise ValueError(f"a state has {n} {what} of {name!r}, more than {most}")


#: No kind takes it.
_MISSING = object()
#: What a part changes in place. A copy of it is compared later.
_MUTABLE = (list, deque, bytearray, dict)

#: The attribute, and by the name of a timer that it may hold, the method that this calls.
TimerRow = tuple[str, dict[str, str]]


class Fields:
    """The attributes of a part that belong to its state, each with its `Kind`.

    In a state they have the name of the attribute without a leading underscore. `timers` are rows
    of (attribute, {name of the timer: method}); `{name}` in a name is the part's own. `lines` are
    (attribute with the level, attribute with the function that sets it); that may be None.
    """

    def __init__(
        self,
        kinds: dict[str, Kind],
        *,
        timers: Iterable[TimerRow] = (),
        lines: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.lines = tuple(lines)
        self.kinds = {**kinds, **{level: Flag() for level, _ in self.lines}}
        self.timers = tuple(timers)
        self._names = {each: each.lstrip("_") for each in self.kinds}
        self._timer_names = tuple(each[0].lstrip("_") for each in self.timers)
        #: The attributes of a part as a tuple, in the order of `kinds`, then timers.
        self.all: Callable[[Any], tuple[Any, ...]] = _getter(
            *self.kinds, *(each[0] for each in self.timers)
        )

    # -- plain values ------------------------------------------------------------------------------

    def state(self, part: Any) -> Values:
        """The plain values of a part."""
        values: Values = {}
        for attribute, kind in self.kinds.items():
            values[self._names[attribute]] = kind.dump(getattr(part, attribute))
        for (attribute, _), key in zip(self.timers, self._timer_names, strict=True):
            timer: Timer | None = getattr(part, attribute)
            values[key] = None if timer is None else timer.state()
        return values

    def checked(self, part: Any, values: Values) -> dict[str, Any]:
        """By attribute, the values that `put` sets; of a timer, its deadline or None. ValueError:
        they are no state of such a part."""
        found: dict[str, Any] = {}
        for attribute, kind in self.kinds.items():
            name = self._names[attribute]
            given: Any = values.get(name, _MISSING) if isinstance(values, dict) else _MISSING
            found[attribute] = kind.parse(given, name)
        for (attribute, methods), key in zip(self.timers, self._timer_names, strict=True):
            name, method = _timer(part, values.get(key, _MISSING), methods)
            deadline = take_timer(values, key, name)
            found[attribute] = None if deadline is None else (deadline, name, method)
        return found

    def put(self, part: Any, found: dict[str, Any], clock: Clock | None) -> None:
        """Set what `checked` returned: timers first, lines last."""
        new: dict[str, Timer | None] = {}
        try:
            for attribute, _ in self.timers:
                waits: tuple[int, str, str] | None = found[attribute]
                new[attribute] = None
                if waits is not None and clock is not None:
                    deadline, name, method = waits
                    new[attribute] = clock.call_at(deadline, getattr(part, method), name)
        except BaseException:
            for made in new.values():
                if made is not None:
                    made.cancel()
            raise
        for attribute, timer in new.items():
            old: Timer | None = getattr(part, attribute)
            if old is not None:
                old.cancel()
            setattr(part, attribute, timer)
        lines = [level for level, _ in self.lines]
        for attribute in self.kinds:
            if attribute not in lines:
                replace(part, attribute, found[attribute])
        for attribute, line in self.lines:
            level: bool = found[attribute]
            if level != getattr(part, attribute):
                setattr(part, attribute, level)
                drive: Callable[[bool], object] | None = getattr(part, line)
                if drive is not None:
                    drive(level)

    def copy(self, part: Any, to: Any, clock: Clock | None) -> None:
        """Make another part equal to this one, without looking at the values. The interrupt lines
        have their levels already. Timers are made on `clock`."""
        for attribute, value, old in zip(self._names, self.all(part), self.all(to), strict=False):
            if value != old:
                replace(to, attribute, value.copy() if type(value) in _MUTABLE else value)
        for attribute, methods in self.timers:
            timer: Timer | None = getattr(part, attribute)
            if timer is not None and timer.pending and clock is not None:
                _, method = _timer(part, (timer.name,), methods)
                new = clock.call_at(timer.deadline, getattr(to, method), timer.name)
                setattr(to, attribute, new)

    # -- is it as it was? --------------------------------------------------------------------------

    def look(self, part: Any) -> "Look":
        """How the part is now."""
        found = self.all(part)
        seen = tuple([each.copy() if type(each) in _MUTABLE else each for each in found])
        return Look(part, self, self.all, seen, self.waiting(part))

    def waiting(self, part: Any) -> tuple[bool, ...]:
        """Which timers of the part wait."""
        found = [getattr(part, each[0]) for each in self.timers]
        return tuple([each is not None and each.pending for each in found])


def _getter(*names: str) -> Callable[[Any], tuple[Any, ...]]:
    """A function that returns these attributes as a tuple."""
    if len(names) == 1:
        (name,) = names
        return lambda part: (getattr(part, name),)
    get: Callable[[Any], tuple[Any, ...]] = attrgetter(*names)
    return get


class Look(NamedTuple):
    """How a part was: its attributes, copies of those that change in place, and its timers."""

    part: Any
    fields: Fields
    all: Callable[[Any], tuple[Any, ...]]
    seen: tuple[Any, ...]
    waiting: tuple[bool, ...]

    def same(self, timers: bool) -> bool:
        """Is the part still so? `timers`: no timer of the machine has changed since."""
        return self.all(self.part) == self.seen and (
            timers or self.fields.waiting(self.part) == self.waiting
        )


def _timer(part: Any, value: Any, methods: dict[str, str]) -> tuple[str, str]:
    """The name and the method of the timer in a state; the first ones if it has none of `part`."""
    names = {
        name.replace("{name}", part.name) if "{" in name else name: method
        for name, method in methods.items()
    }
    if type(value) is tuple and value and type(value[0]) is str and value[0] in names:
        return value[0], names[value[0]]
    return next(iter(names.items()))


def replace(part: Any, attribute: str, value: Any) -> None:
    """Set an attribute. What others may hold, a queue or a buffer, stays the same object."""
    old = getattr(part, attribute)
    if type(old) is bytearray and type(value) is not bytes:
        old[:] = value
    elif type(old) is deque:
        old.clear()
        old.extend(value)
    else:
        setattr(part, attribute, value)


class FieldDevice(PioDevice):
    """A device that is saved by a table, `fields`. What else it has is its `parts`."""

    fields: ClassVar[Fields]

    @property
    def parts(self) -> tuple[tuple[Any, Fields], ...]:
        """What holds its state: objects with their tables, the device first."""
        return ((self, self.fields),)

    @property
    def logs(self) -> tuple[Log, ...]:
        """The logs that its state has besides."""
        return ()

    def state(self) -> Values:
        """Everything that the guest or the host can see, now or later; see `Stateful`."""
        return self.fields.state(self)

    def load(self, values: Values) -> None:
        """Restore what `state()` returned, and set the interrupt line to its level.

        ValueError: it is not a state of such a device; nothing has changed.
        """
        found = self.fields.checked(self, values)
        self._agree(found)
        self.fields.put(self, found, self.clock)

    def _agree(self, found: dict[str, Any]) -> None:
        """ValueError: values that contradict each other."""


#: Guest time in ns, before or after the machine was made.
TIME = Whole(LAST, -LAST)
BYTE = Whole()
