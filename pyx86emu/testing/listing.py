"""Listings: which line of a source made which bytes. Read nasm's listing and map, run nothing."""

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any

#: A line: its number in columns 0-5, the offset in its section in 7-14, bytes in 16-33, how deep in
#: macros and included files it is, and the text from column 40 on.
NUMBER, OFFSET, BYTES, DEEP, TEXT = (
    *(slice(0, 6), slice(7, 15), slice(16, 34)),
    *(slice(34, 40), slice(40, None)),
)
SECTION = re.compile(r"\s*\[?\s*(?:section|segment)\s+([.\w$]+)", re.I)
ABSOLUTE = re.compile(r"\s*\[?\s*absolute\b", re.I)
INCLUDE = re.compile(r"""\s*%\s*include\s+["'`]([^"'`]+)["'`]""", re.I)
ENDREP = re.compile(r"\s*%\s*endrep\b", re.I)
DATA = re.compile(
    r"\s*(?:[\w.$@?~]+:?\s+|[\w.$@?~]+:\s*)?(?:times\s+.*?\s)?\s*"
    r"(?:d[bwdqtoyz]|res[bwdqtoyz]|incbin|align|alignb)\b",
    re.I,
)
ORIGIN = re.compile(r"-- Program origin -+\s+([0-9A-F]+)")
SECTIONS = re.compile(r"^ *([0-9A-F]+) +([0-9A-F]+) +([0-9A-F]+) +([0-9A-F]{8}) +\S+ +(\S+)$", re.M)
SYMBOLS = re.compile(r"^ *([0-9A-F]+) +([0-9A-F]+) {2}(\S+)$", re.M)


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes that a line of the source made. A line of a macro counts as the line that uses it."""

    offset: int
    """Where they are: the offset in the segment."""
    length: int
    file: str
    line: int
    text: str
    code: bool
    """False: they are data, by the directive that made them."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text.strip()}"


@dataclass(slots=True)
class Program:
    """An assembled program: its bytes, where they belong, and its lines."""

    code: bytes
    origin: int = 0
    """The offset of the first byte: what ORG says."""
    lines: list[Line] = field(default_factory=list)
    """By offset."""
    symbols: dict[str, int] = field(default_factory=dict)
    """The offset of each label."""
    name: str = "bytes"

    def at(self, offset: int) -> Line | None:
        """The line that made the byte at an offset; None: there is none."""
        at = bisect_right(self.lines, offset, key=lambda line: line.offset)
        if at and offset < self.lines[at - 1].offset + self.lines[at - 1].length:
            return self.lines[at - 1]
        return None

    def plain(self) -> dict[str, Any]:
        """It as plain values for JSON."""
        return {
            "code": self.code.hex(),
            "origin": self.origin,
            "name": self.name,
            "symbols": self.symbols,
            "lines": [
                [each.offset, each.length, each.file, each.line, each.text, each.code]
                for each in self.lines
            ],
        }

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> "Program":
        """The program of such values. KeyError, TypeError, ValueError: they are others."""
        return cls(
            bytes.fromhex(values["code"]),
            int(values["origin"]),
            [Line(*each) for each in values["lines"]],
            {str(name): int(at) for name, at in values["symbols"].items()},
            str(values["name"]),
        )


def read(code: bytes, listing: str, the_map: str, name: str) -> Program:
    """The program that nasm has written as bytes, listing and map."""
    origin = int(found[1], 16) if (found := ORIGIN.search(the_map)) else 0
    starts = {each[5]: int(each[1], 16) for each in SECTIONS.finditer(the_map)}
    symbols = {each[3]: int(each[2], 16) for each in SYMBOLS.finditer(the_map)}
    section: str | None = ".text"
    files: dict[int, str | None] = {0: name}  # by depth; None: a macro
    last: dict[int, tuple[str, int, str]] = {}
    ends: dict[tuple[str, int, str], list[tuple[int, int, bool]]] = {}
    included: str | None = None
    for row in listing.splitlines():
        if not row[NUMBER].strip().isdigit():
            continue
        number, text = int(row[NUMBER]), row[TEXT]
        deep = int(found[1]) if (found := re.search(r"<\s*(\d+)>", row[DEEP])) else 0
        above = max((each for each in last if each < deep), default=None)
        if deep and included is not None:
            files[deep] = included
        elif deep and deep not in last:
            repeated = above is not None and ENDREP.match(last[above][2])
            files[deep] = files.get(above or 0) if repeated else None
        for each in [each for each in last if each > deep]:
            del last[each]
        included = found[1] if (found := INCLUDE.match(text)) else None
        file = files.get(deep)
        if file is not None:
            source = (file, number, text)
        elif above is not None:
            source = last[above]
        else:
            source = (name, number, text)
        if text.strip() or deep not in last:
            last[deep] = source
        if found := SECTION.match(text):
            section = found[1]
        elif ABSOLUTE.match(text):
            section = None
        offset = row[OFFSET]
        if section is None or not re.fullmatch("[0-9A-F]{8}", offset):
            continue
        length = _length(row[BYTES])
        if length:
            at = starts.get(section, origin) + int(offset, 16)
            # A line that goes on with more bytes repeats no text.
            key = source if text.strip() else last.get(deep, source)
            is_code = not DATA.match(text if text.strip() else key[2])
            ends.setdefault(key, []).append((at, length, is_code))
    lines = [
        Line(at, length, file, number, text, is_code)
        for (file, number, text), parts in ends.items()
        for at, length, is_code in _joined(parts)
    ]
    lines.sort(key=lambda each: each.offset)
    return Program(code, origin, lines, symbols, name)


def _length(shown: str) -> int:
    """How many bytes a listing shows."""
    times = 1
    if found := re.search(r"<rep ([0-9A-F]+)h>", shown):
        times = int(found[1], 16)
        shown = shown[: found.start()]
    return times * (len(re.sub(r"[^0-9A-F?]", "", shown)) // 2)


def _joined(parts: list[tuple[int, int, bool]]) -> list[tuple[int, int, bool]]:
    """Neighbours made one."""
    joined: list[tuple[int, int, bool]] = []
    for at, length, is_code in sorted(parts):
        if joined and joined[-1][0] + joined[-1][1] == at and joined[-1][2] == is_code:
            joined[-1] = (joined[-1][0], joined[-1][1] + length, is_code)
        else:
            joined.append((at, length, is_code))
    return joined
