"""Searches: number the directories that programs search, and keep the places of their names.

A search is kept by the program, in its DTA or FCB: the number of a directory, and a place in it.
The places are as on a disk: a name keeps its place while others go, and a new one takes a free
place or the end, so that a program can delete what it finds and go on.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from ..state import Values, take
from .codes import DosError
from .files import DIRECTORY, HIDDEN, LABEL, SYSTEM, Entry, Path, Root
from .names import fields, matches

#: Directories whose searches go on; that which was looked at longest ago is forgotten.
MOST = 256
#: The place after the last one: this search is over.
OVER = 0xFFFF


@dataclass
class Listing:
    """A directory and its names; "" is a free place."""

    path: Path
    names: list[str] = field(default_factory=list)

    def update(self, now: list[str]) -> None:
        """Take in how the directory is now."""
        there = set(now)
        self.names = [name if name in there else "" for name in self.names]
        there.difference_update(self.names)
        new = [name for name in now if name in there]
        for place, name in enumerate(self.names):
            if not name and new:
                self.names[place] = new.pop(0)
        self.names += new
        while self.names and not self.names[-1]:
            self.names.pop()


class Searches:
    """The directories that are searched, by number: the one looked at last is the last."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._listings: dict[int, Listing] = {}

    def start(self, path: Path) -> int:
        """The number of a directory, whose names are read. DosError: there is none."""
        now = ([".", ".."] if path else []) + self._root.entries(path)
        number = next((n for n, each in self._listings.items() if each.path == path), 0)
        if number:
            listing = self._listings.pop(number)
        else:
            listing = Listing(path)
            number = max(self._listings, default=0) % 0xFFFE + 1
            while number in self._listings:
                number = number % 0xFFFE + 1
        listing.update(now)
        self._listings[number] = listing
        if len(self._listings) > MOST:
            del self._listings[next(iter(self._listings))]
        return number

    def following(
        self, number: int, pattern: str, wanted: int, place: int
    ) -> tuple[int, Entry] | None:
        """What fits from a place on, and the place after it; None: nothing does. `wanted`:
        attributes."""
        if number not in self._listings or place == OVER or wanted == LABEL:
            return None  # the drive has no label
        listing = self._listings[number] = self._listings.pop(number)
        for index, name in enumerate(listing.names[place : OVER - 1], place):
            for entry in self._look(listing.path, name, pattern):
                if not entry.attributes & (HIDDEN | SYSTEM | DIRECTORY) & ~wanted:
                    return index + 1, entry
        return None

    def _look(self, path: Path, name: str, pattern: str) -> Iterator[Entry]:
        if name in (".", ".."):
            if not fields(pattern).strip("?"):
                yield Entry(name, DIRECTORY, 0, 0)
        elif name and matches(name, pattern):
            with suppress(DosError):  # gone meanwhile
                yield self._root.entry((*path, name), again=True)

    # -- state -------------------------------------------------------------------------------------

    def state(self) -> list[Values]:
        """The directories with their names."""
        return [
            {"number": number, "path": list(each.path), "names": list(each.names)}
            for number, each in self._listings.items()
        ]

    @staticmethod
    def read(rows: list[object]) -> dict[int, Listing]:
        """The directories of a state. ValueError: it has none."""
        found: dict[int, Listing] = {}
        for row in rows[:MOST]:
            if not isinstance(row, dict):
                raise ValueError("a state has no such search")
            number, path, names = (
                take(row, "number", int),
                take(row, "path", list),
                take(row, "names", list),
            )
            if not all(isinstance(each, str) for each in [*path, *names]):
                raise ValueError("a state has a search for what is no name")
            if not 0 < number < 0xFFFF:
                raise ValueError(f"a state has a search with the number {number}")
            found[number] = Listing(tuple(path), names)
        return found

    def load(self, listings: dict[int, Listing]) -> None:
        """Restore what `read` returned."""
        self._listings = listings
