"""Reached: which lines of a listing were executed, and whether their bytes were those in memory."""

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from .._core import Vcpu
from ..listing import Line, Listing
from ..memory import load
from ..symbols import Symbols
from .lcov import Lcov, Record

if TYPE_CHECKING:
    from ..observe import Observer

Given = Listing | Symbols | str | os.PathLike[str]

#: Lines that are compared when the guest comes to them; more are compared at the end.
MOST = 20_000
#: What can be executed.
END = 0x110000


def listings_of(given: Iterable[Given]) -> list[Listing]:
    """The listings that are meant. OSError, ValueError: one cannot be read; TypeError: it is of
    another kind."""
    if isinstance(given, (str, os.PathLike, Listing, Symbols)):
        given = [given]
    if isinstance(given, (bytes, bytearray, memoryview)):
        raise TypeError(f"a listing is a path as text, not {type(given).__name__}")
    found: list[Listing] = []
    for each in given:
        if isinstance(each, Symbols):
            found += each.listings
        elif isinstance(each, Listing):
            found.append(each)
        elif isinstance(each, (str, os.PathLike)):
            found.append(Listing.load(each))
        else:
            raise TypeError(f"a listing is a path, Listing or Symbols, not {type(each).__name__}")
    return found


class Reached:
    """One listing in a run. Only the thread that runs the guest uses it."""

    def __init__(self, vcpu: Vcpu, listing: Listing) -> None:
        self.listing = listing
        self._vcpu = vcpu
        self._lines = [line for line in listing.lines if line.code and line.address < END]
        self._observers: dict[int, Observer] = {}
        self._watched = False
        self._same: set[int] = set()
        """Addresses of lines that had their bytes when the guest came to them,"""
        self._other: dict[int, tuple[Line, str]] = {}
        """and of those that had others, in words."""

    def watch(self) -> None:
        """From now on compare each line when the guest first comes to it."""
        from ..observe import Observers

        lines = [line for line in self._lines if line.data]
        if len(lines) > MOST:
            return
        self._watched = True
        observers = Observers(self._vcpu)
        for line in lines:
            if line.address not in self._observers:
                call = self._comes_to(line)
                self._observers[line.address] = observers.exec(line.address, call, capacity=1)

    def _comes_to(self, line: Line) -> Callable[[object], None]:
        def call(_: object) -> None:
            self._compare(line)
            if (observer := self._observers.pop(line.address, None)) is not None:
                observer.remove()

        return call

    def _compare(self, line: Line) -> None:
        there = load(self._vcpu.vm, line.address, len(line.data))
        at = line.differs(there)
        if at is None:
            self._same.add(line.address)
        else:
            words = f"{line.data.hex()}, in memory {there.hex()}"
            self._other[line.address] = line, words

    def close(self) -> None:
        """End it. Twice is harmless."""
        while self._observers:
            self._observers.popitem()[1].remove()

    def count(self, reached: Callable[[int], bool], to: Lcov, test: str) -> None:
        """Add the lines that were reached, and what is wrong with the listing."""
        from .sources import sources

        hits = [line for line in self.listing.lines if _hit(line, reached)]
        if not self._watched:
            for line in hits:
                if line.code and line.data:
                    self._compare(line)
        listing = self.listing
        files = sources(listing)
        wrong = self._note(hits, files, to)
        hit = set() if wrong else {line.address for line in hits}
        seen: dict[tuple[str, int], bool] = {}
        for line in listing.lines:
            if line.code or line.address in hit:
                where = self._where(files, line)
                seen[where] = seen.get(where, False) or line.address in hit
        for (file, number), found in seen.items():
            record = to.record(file, test)
            record.lines[number] = max(record.lines.get(number, 0), int(found))  # once in a run
        for name, at in listing.names.items():
            first = listing.at(at)
            if first is not None and first.code and "." not in name:
                file, number = self._where(files, first)
                _function(to.record(file, test), name, number, not wrong and _hit(first, reached))

    def _where(self, files: dict[str, str | None], line: Line) -> tuple[str, int]:
        """File and line; without a source they are those of the listing."""
        source = files[line.file]
        if source is not None:
            return source, line.number
        if self.listing.path:
            return os.path.abspath(self.listing.path), line.row
        return line.file, line.number

    def _note(self, hits: list[Line], files: dict[str, str | None], to: Lcov) -> bool:
        """Say what is wrong; is it another program?"""
        name = self.listing.path or self.listing.name
        if not self._lines:
            to.notes.append(f"{name}: it has no code that real mode reaches")
            return False
        first, last = self._lines[0].address, self._lines[-1]
        place = f"{first:#07x}-{last.address + last.length - 1:#07x}"
        if not hits:
            to.notes.append(
                f"{name}: none of its lines was executed; it is for {place}: say where its "
                "segment is, if it is another one"
            )
        if not self._other:
            return False
        was = "was" if self._watched else "is now"
        wrong = len(self._other) > len(self._same)
        line, words = next(iter(self._other.values()))
        file, number = self._where(files, line)
        example = f"{file}:{number} ({line.text.strip()}) at {line.address:#07x} has {words}"
        if wrong:
            to.notes.append(
                f"{name}: it is not what {was} in memory, no line is counted: {example}; assemble "
                "it again, or say where its segment is"
            )
        else:
            to.notes.append(
                f"{name}: {len(self._other)} of {len(self._same) + len(self._other)} lines had "
                f"other bytes, such as {example}: the guest has rewritten it"
            )
        return wrong


def _hit(line: Line, reached: Callable[[int], bool]) -> bool:
    return any(map(reached, range(line.address, min(line.address + line.length, END))))


def _function(record: Record, name: str, line: int, hit: bool) -> None:
    _, count = record.functions.get(name, (line, 0))
    record.functions[name] = line, max(count, int(hit))
