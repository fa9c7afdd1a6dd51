"""Expectations: find text that is new since the last match. Know texts, not how a guest runs."""

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from ..clock import LAST
from ..errors import MachineError
from ..log import Log
from ..state import Values, take, take_whole
from .limits import TAIL, Limits, Watch

if TYPE_CHECKING:
    from .machine import Machine

#: More rows than any text mode of a VGA has.
MOST_ROWS = 1024

Where = Literal["screen", "serial", "debug"]


class Seen(NamedTuple):
    """What `Machine.expect` found."""

    match: re.Match[str]
    """In the text that was new."""
    where: Where
    """On the screen, in the bytes from COM1, or in those from the debug port."""


class Stream:
    """The new text of a log: the bytes that no match has consumed yet."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._consumed = 0  # bytes, from the first ever written
        self._looked_at: tuple[int, re.Pattern[str]] | None = None

    def state(self) -> Values:
        """How far it was consumed."""
        return {"consumed": self._consumed}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned. ValueError: it is no such state."""
        self._consumed = take_whole(values, "consumed", 0, LAST)
        self._looked_at = None

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match in the new text. It is consumed, with the text before it."""
        total = self._log.total
        if self._looked_at == (total, pattern):
            return None
        self._looked_at = total, pattern
        data = self._log.tail(min(total - self._consumed, TAIL))
        text, encoding = _decoded(data)
        match = pattern.search(text.replace("\r", ""))
        if match is not None:
            self._consumed = total - len(data) + _length(text, match.end(), encoding)
            self._looked_at = None
        return match


def _decoded(data: bytes) -> tuple[str, str]:
    """UTF-8 if it is valid UTF-8, else code page 437; the bytes of a character that is not
    complete yet are left for later."""
    for whole in range(len(data), max(-1, len(data) - 4), -1):
        try:
            return data[:whole].decode(), "utf-8"
        except UnicodeDecodeError as error:
            if error.end < whole or error.reason != "unexpected end of data":
                break
    return data.decode("cp437"), "cp437"


def _length(text: str, end: int, encoding: str) -> int:
    """How many bytes of `text` come before the character number `end`, when no \\r counts."""
    at = 0
    while end:
        end -= text[at] != "\r"
        at += 1
    return len(text[:at].encode(encoding))


class TextDisplay(Protocol):
    """What is read of a display. `text` is None in a graphics mode."""

    @property
    def version(self) -> int: ...
    @property
    def text(self) -> str | None: ...
    @property
    def cursor(self) -> tuple[int, int] | None: ...


class Rows:
    """The new text of a screen, row by row: what follows the consumed start of each row.

    After a match the rows above it are consumed, and its own row up to its end. A row stays
    consumed while its text still begins with what was consumed; what follows is new. A row that was
    overwritten is new as a whole. Rows that have scrolled up are followed. In a graphics mode there
    is no text, and all text that comes after it is new.
    """

    def __init__(self, display: TextDisplay) -> None:
        self._display = display
        self._rows: list[str] = []
        self._consumed: list[str] = []
        self._end = -1  # the last row with text or the cursor
        self._version: int | None = None
        self._pattern: re.Pattern[str] | None = None

    def state(self) -> Values:
        """The rows, and what was consumed of each."""
        return {"rows": tuple(self._rows), "consumed": tuple(self._consumed), "end": self._end}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned. ValueError: it is no such state."""
        rows, consumed = take(values, "rows", tuple), take(values, "consumed", tuple)
        end = take_whole(values, "end", -1, MOST_ROWS)
        if len(rows) != len(consumed) or len(rows) > MOST_ROWS:
            raise ValueError(f"a state has {len(rows)} rows, of {len(consumed)} some is consumed")
        if any(type(each) is not str for each in (*rows, *consumed)):
            raise ValueError("a state has rows of a screen that are no text")
        self._rows, self._consumed, self._end = list(rows), list(consumed), end
        self._version = self._pattern = None

    def find(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match in the new text. It is consumed, with the text before it."""
        version = self._display.version
        if version == self._version and pattern is self._pattern:
            return None
        self._version, self._pattern = version, pattern
        text = self._display.text
        self._follow([] if text is None else text.split("\n"))
        fresh = [row[len(used) :] for row, used in zip(self._rows, self._consumed, strict=True)]
        match = pattern.search("\n".join(fresh))
        if match is not None:
            self._consume(fresh, match.end())
        return match

    def _follow(self, rows: list[str]) -> None:
        """Take in how the screen is now."""
        cursor = self._display.cursor
        end = max(_last(rows), -1 if cursor is None else cursor[1])
        # Text that scrolls ends where it ended before. If it ends higher, the screen was cleared.
        shift = 0 if end < self._end else scrolled(self._rows, rows)
        self._end = end
        old = self._consumed[shift:]
        old += [""] * (len(rows) - len(old))
        self._consumed = [
            used if row.startswith(used) else "" for row, used in zip(rows, old, strict=False)
        ]
        self._rows = rows

    def _consume(self, fresh: list[str], end: int) -> None:
        for y, row in enumerate(fresh):
            if end <= len(row):
                self._consumed[y] += row[:end]
                break
            self._consumed[y] = self._rows[y]
            end -= len(row) + 1
        self._version = None


def scrolled(old: list[str], new: list[str]) -> int:
    """By how many rows the screen has scrolled up, as far as its text shows.

    >>> scrolled(["A:dir", "X.COM", "A:"], ["X.COM", "A:", "A:"])
    1
    """
    if len(old) != len(new):
        return 0

    def kept(shift: int) -> int:
        return sum(bool(a) and a == b for a, b in zip(old[shift:], new, strict=False))

    # `max` takes the first of equals: the screen that moved least.
    return max(range(len(old)), key=kept, default=0)


def _last(rows: list[str]) -> int:
    return max((y for y, row in enumerate(rows) if row), default=-1)


class Expectations:
    """What of a machine's texts is new: `find()` consumes what it finds. The thread that runs the
    guest uses it."""

    def __init__(self, display: TextDisplay, serial: Log, debug: Log) -> None:
        self._sources: tuple[tuple[Where, Rows | Stream], ...] = (
            ("screen", Rows(display)),
            ("serial", Stream(serial)),
            ("debug", Stream(debug)),
        )
        #: How often it was searched or loaded: while it is the same, so is the state.
        self.searches = 0

    def state(self) -> Values:
        """What of each text was consumed; see `Stateful`."""
        return {where: source.state() for where, source in self._sources}

    def load(self, values: Values) -> None:
        """Restore what `state()` returned. ValueError: it is no such state."""
        for where, source in self._sources:
            source.load(take(values, where, dict))
        self.searches += 1

    def find(self, pattern: re.Pattern[str]) -> Seen | None:
        """The first match in new text: on the screen, else from COM1, else from the debug port."""
        self.searches += 1
        for where, source in self._sources:
            match = source.find(pattern)
            if match is not None:
                return Seen(match, where)
        return None


class Expected(Watch):
    """A watch that ends a run when the pattern is in new text."""

    def __init__(self, texts: Expectations, pattern: re.Pattern[str]) -> None:
        self.pattern = pattern
        self.found: Seen | None = None
        self._texts = texts

    def seen(self) -> bool:
        """True when it was found; `found` is where."""
        if self.found is None and self.pattern is not None:
            self.found = self._texts.find(self.pattern)
        return self.found is not None


def wait(m: "Machine", texts: Expectations, pattern: object, limits: Limits) -> Seen:
    """`Machine.expect`: run until the pattern of `limits` is in new text."""
    asked = limits.watch.pattern
    if asked is None:
        raise TypeError("expect() needs a regular expression, as str or compiled from one")
    limits.watch = watch = Expected(texts, asked)
    if not watch.seen():  # it may be there already
        exit = limits.run()
        if watch.found is None:
            from .ending import ending  # only here: most runs end well

            raise MachineError(
                f"{asked.pattern!r} was not seen: the run ended with {exit.reason.name} at "
                f"{exit.cs:04x}:{exit.ip:04x}, {m.time:.3f} guest seconds; {ending(m, exit).text}"
            )
    assert watch.found is not None
    return watch.found
