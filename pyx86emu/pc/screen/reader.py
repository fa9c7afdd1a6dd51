"""The reader: keep the text of a screen, and decode only rows that have changed. Knows no dots."""

from array import array
from functools import lru_cache
from typing import NamedTuple

from . import scan as s
from . import text as texts
from .display import TextAdapter

#: So often is a screen read whose registers change meanwhile.
TRIES = 8


class Plan(NamedTuple):
    """Where the characters of a text screen are."""

    columns: int
    places: "array[int]"
    """Their addresses in plane 0, row by row."""


class Kept(NamedTuple):
    """The text of a screen, and what it was made of. It is replaced as a whole."""

    version: int
    columns: int
    characters: bytes
    rows: list[bytes]
    """The characters, row by row."""
    lines: list[str]
    """The same as text."""
    text: str


class Reader:
    """The text of an adapter's screen. Any thread may call `text`."""

    def __init__(self, adapter: TextAdapter) -> None:
        self._adapter = adapter
        self._kept: Kept | None = None

    def text(self) -> str | None:
        """The rows, joined with line ends, without trailing blanks; None in graphics modes."""
        version, kept = self._adapter.version, self._kept
        if kept is not None and kept.version == version:
            return kept.text
        # Read after the version: what changes in between makes another version.
        for _ in range(TRIES):
            crtc = self._adapter.text_crtc
            if crtc is None:
                return None
            plan = _plan(s.without_cursor(crtc))
            characters = self._adapter.characters(crtc, plan.places)
            if characters is not None:
                self._kept = kept = _next(kept, version, plan.columns, characters)
                return kept.text
        shown = self._adapter.snapshot()  # the registers change all the time
        return None if s.graphics(shown) else texts.text_of(texts.rows(shown))

    def cursor(self) -> tuple[int, int] | None:
        """(column, row); None if it is hidden or outside the screen, or in graphics modes."""
        crtc = self._adapter.text_crtc
        return None if crtc is None else s.cursor_place(s.Crtc(crtc))


def _next(kept: Kept | None, version: int, columns: int, characters: bytes) -> Kept:
    """The text of these characters. Rows that are as in `kept` are not decoded again."""
    if kept is not None and kept.columns == columns and kept.characters == characters:
        return Kept(version, *kept[1:])
    rows = [characters[at : at + columns] for at in range(0, len(characters), columns)]
    if kept is None or kept.columns != columns or len(kept.rows) != len(rows):
        lines = [texts.decode_characters(row) for row in rows]
    else:
        lines = kept.lines.copy()
        for y, (row, old) in enumerate(zip(rows, kept.rows, strict=True)):
            if row != old:
                lines[y] = texts.decode_characters(row)
    return Kept(version, columns, characters, rows, lines, "\n".join(lines))


@lru_cache(8)
def _plan(crtc: bytes) -> Plan:
    lines = s.scan(crtc)
    found = array("H")
    for row in s.text_rows(lines):
        found.extend(texts.places(lines, row.base, row.first))
    return Plan(lines.columns, found)
