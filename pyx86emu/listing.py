"""Listings: say which line of a source made which bytes. Read what nasm -l has written, no source.

A row of a listing has its line in columns 0-5, the offset in its section in 7-14, bytes in 16-33,
how deep it is in macros and included files in 34-39, and the text from column 40 on. More bytes of
a line follow in rows without text.
"""

import os
import re
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import NamedTuple

from ._core import exact
from .address import LAST, Address, linear
from .files import contents

#: A larger file is refused, and so are more names, and more lines that made bytes.
LARGEST = 64 << 20
MOST = 1_000_000
#: So many bytes of a line are kept.
KEPT = 256

NAME = r"[A-Za-z_.?@$][\w.$#@~?]{0,4094}"
_ROW = re.compile(r" {0,5}(\d{1,7}) (?:([0-9A-F]{8}) (?=\S)|(?= {4})|$)", re.A)
_DEEP = re.compile(r"<\s*(\d{1,4})>", re.A)
_LABEL = re.compile(
    rf"\s*({NAME})\s*(?::(?!:)|(?=\s(?:d[bwdqt]|res[bwdqt]|times|equ)\b))", re.A | re.I
)
_EQU = re.compile(rf"\s*({NAME})\s*:?\s+equ\s+(\S+)\s*(?:;|$)|\s*{NAME}\s*:?\s+equ\b", re.A | re.I)
_DEFINE = re.compile(rf"\s*%\s*(?:define|assign)\s+({NAME})\s+(\S+)\s*(?:;|$)", re.A | re.I)
_ORG = re.compile(r"\s*\[?\s*org\s+([^\s\];]+)\s*\]?\s*(?:;|$)", re.A | re.I)
_SECTION = re.compile(r"\s*\[?\s*(?:section|segment)\s+([.\w$]+)([^;\]]*)", re.A | re.I)
_ABSOLUTE = re.compile(r"\s*\[?\s*absolute\b", re.I)
_STRUC = re.compile(r"\s*struc\b", re.I)
_ENDSTRUC = re.compile(r"\s*endstruc\b", re.I)
_INCLUDE = re.compile(r"""\s*%\s*include\s+["'`]([^"'`]+)["'`]""", re.I)
_ENDREP = re.compile(r"\s*%\s*endrep\b", re.I)
_DATA = re.compile(
    r"\s*(?:[\w.$@?~]+:?\s+|[\w.$@?~]+:\s*)?(?:times\s+.*?\s)?\s*"
    r"(?:d[bwdqtoyz]|res[bwdqtoyz]|incbin|align|alignb|iend|at)\b",
    re.I,
)
_NUMBER = re.compile(r"0x[0-9a-f]{1,16}|[0-9][0-9a-f]{0,16}h|\d{1,16}", re.I | re.A)
_TIMES = re.compile(r"<(rep|res|bin|incbin|gap) ([0-9A-F]{1,16})h?>", re.I | re.A)
_PIECE = re.compile(r"([0-9A-F]{2})|\?\?|\[([0-9A-F?]*)\]|\(([0-9A-F?]*)\)", re.A)
#: In a map of nasm (`[map all FILE]`): the origin, the sections, the symbols.
_ORIGIN = re.compile(r"-- Program origin -+\s+([0-9A-F]+)")
_SECTIONS = re.compile(
    r"^ *([0-9A-F]+) +([0-9A-F]+) +([0-9A-F]+) +([0-9A-F]{8}) +\S+ +(\S+)$", re.M
)
_SYMBOLS = re.compile(r"^ *([0-9A-F]+) +([0-9A-F]+) {2}(\S+)$", re.M)


@dataclass(frozen=True, slots=True)
class Line:
    """Bytes that a line of a source made. A line of a macro counts as the line that uses it."""

    address: int
    """Of the first byte: `org`, the section and the offset in it, and what was added."""
    length: int
    file: str
    """As %include names it; of what was assembled, the name of the listing's source."""
    number: int
    """In that file, from 1."""
    text: str
    code: bool
    """False: they are data, by the directive that made them."""
    data: bytes = b""
    """The bytes, at most 256."""
    known: bytes = b""
    """FFh for each of these that the listing has, 0 for one that depends on an address."""
    row: int = 0
    """Where it begins in the listing, from 1."""

    def differs(self, memory: bytes) -> int | None:
        """At which byte is something else in memory? None: nowhere, as far as it is known."""
        for at, (mine, known, there) in enumerate(zip(self.data, self.known, memory, strict=False)):
            if known and mine != there:
                return at
        return None if len(memory) >= len(self.data) else len(memory)

    def __str__(self) -> str:
        return f"{self.file}:{self.number}: {self.text.strip()}"


def line_at(lines: "tuple[Line, ...] | list[Line]", address: int) -> Line | None:
    """The line, of some in order, that made the byte at an address; None: there is none."""
    at = bisect_right(lines, address, key=lambda line: line.address)
    if at and address < lines[at - 1].address + lines[at - 1].length:
        return lines[at - 1]
    return None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a listing says. It is a value: any thread may use it.

    >>> text = "     1 00000000 B80100                  start: mov ax, 1\\n"
    >>> read(text, name="a.asm").names
    {'start': 0}
    """

    name: str
    """The source that was assembled, as far as it is known."""
    origin: int
    """What `org` says."""
    lines: tuple[Line, ...]
    """In the order of their addresses."""
    names: dict[str, int]
    """The address of each label."""
    path: str = ""
    """The file of the listing; "" if it was no file."""

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, at: Address = 0) -> "Listing":
        """Read a file that `nasm -l` has written. `at` is added to each address: where the code
        segment is in memory, such as "1000:0000" of a .COM program whose `org` is 100h.

        OSError: it cannot be read. ValueError: it is no listing, larger than 64 MiB, has more than
        a million lines or names, or an address is out of range; the message names the file.
        """
        base = linear(at, what="at")
        shown = os.fspath(path)
        try:
            text = contents(path, LARGEST).decode("utf-8", "replace")
            found = read(text, name=str(shown))
            if found is None:
                raise ValueError("it is no listing: nasm -l writes one")
            return replace(found.moved(base), path=str(shown))
        except ValueError as error:
            raise ValueError(f"listing {shown!r}: {error}") from None

    def moved(self, by: int) -> "Listing":
        """The same with `by` added to each address. ValueError: one is out of range then."""
        by = exact(by, "by")
        names = {name: at + by for name, at in self.names.items()}
        lines = tuple(replace(each, address=each.address + by) for each in self.lines)
        places = [*names.values(), *(each.address for each in lines)]
        if any(not 0 <= at <= LAST for at in places):
            raise ValueError("an address is out of range")
        return replace(self, lines=lines, names=names)

    def at(self, address: int) -> Line | None:
        """The line that made the byte at an address; None: there is none."""
        return line_at(self.lines, exact(address, "address"))

    def __repr__(self) -> str:
        return f"<Listing of {self.name}: {len(self.lines)} lines, {len(self.names)} names>"


def read(text: str, the_map: str | None = None, name: str = "") -> Listing | None:
    """What the text of a listing says, with nasm's map if there is one; None: it is no listing.

    Without a map, addresses are those of a flat binary (nasm -f bin): .text at `org`, .data after
    it, then other sections, .bss at the end; `vstart=` and `align=` count if they are numbers.
    ValueError: it has more than a million lines or names.
    """
    reader = _Reader(name)
    coded = False
    for at, row in enumerate(text.split("\n"), 1):
        row = row.rstrip("\r")
        match = _ROW.match(row)
        if match is None:
            if row.strip():
                return None
            continue
        coded = coded or match[2] is not None
        reader.at = at
        reader.row(row[max(len(match[1]) - 6, 0) :], int(match[1]), match[2])
        if len(reader.parts) > MOST or len(reader.labels) > MOST:
            raise ValueError(f"it has more than {MOST} lines or names")
    return reader.result(the_map) if coded else None


class _Source(NamedTuple):
    """A line of a source, as key of what it made."""

    file: str
    number: int
    text: str


class _Part(NamedTuple):
    """Bytes of a row; the address is known when the sizes of all sections are."""

    source: _Source
    section: str
    offset: int
    length: int
    code: bool
    data: bytes
    known: bytes
    row: int


#: Where the columns are.
BYTES, DEEP, TEXT = slice(16, 34), slice(34, 40), slice(40, None)
#: A section that has no address in memory: `absolute` and `struc`.
NOWHERE = ""


class _Reader:
    """A listing while it is read: offsets are those of a section until all sizes are known."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin = self.at = 0
        self.constants: dict[str, int] = {}
        self.section = self.before = ".text"
        self.sizes = {".text": 0, ".data": 0}
        self.given: dict[str, str] = {}
        self.parts: list[_Part] = []
        self.labels: list[tuple[str, str, int]] = []
        self.waiting: list[str] = []
        self.parent = ""
        self.files: dict[int, str | None] = {0: name}  # by depth; None: a macro
        self.last: dict[int, _Source] = {}
        self.included: str | None = None

    def row(self, row: str, number: int, offset: str | None) -> None:
        """Take in a row."""
        text = row[TEXT]
        source = self._source(row[DEEP], number, text)
        self._directive(text)
        if self.section == NOWHERE:
            return
        here = self.sizes.setdefault(self.section, 0)
        if offset is not None:
            here = self.sizes[self.section] = int(offset, 16)
            self._place()
        if (match := _LABEL.match(text)) and not _EQU.match(text):
            self._label(match[1])
            if offset is not None:
                self._place()
        if offset is None:
            return
        length, data, known = _bytes(row[BYTES])
        self.sizes[self.section] = here + length
        if length:
            code = not _DATA.match(source.text)
            part = _Part(source, self.section, here, length, code, data, known, self.at)
            self.parts.append(part)

    def _source(self, shown: str, number: int, text: str) -> _Source:
        """The line that a row counts for."""
        last = self.last
        deep = int(found[1]) if (found := _DEEP.search(shown)) else 0
        above = max((each for each in last if each < deep), default=None)
        if deep and self.included is not None:
            self.files[deep] = self.included
        elif deep and deep not in last:
            repeated = above is not None and _ENDREP.match(last[above].text)
            self.files[deep] = self.files.get(above or 0) if repeated else None
        for each in [each for each in last if each > deep]:
            del last[each]
        self.included = found[1] if (found := _INCLUDE.match(text)) else None
        file = self.files.get(deep)
        if file is not None:
            source = _Source(file, number, text)
        elif above is not None:
            source = last[above]
        else:
            source = _Source(self.name, number, text)
        if text.strip() or deep not in last:
            last[deep] = source
        return last[deep]  # a row without text has more bytes of the one before

    def _directive(self, text: str) -> None:
        if match := _SECTION.match(text):
            self._place()
            self.section = match[1]
            if match[2].strip():
                self.given[self.section] = match[2]
        elif _ABSOLUTE.match(text):
            self._place()
            self.section = NOWHERE
        elif _STRUC.match(text):
            self._place()
            self.before, self.section = self.section, NOWHERE
        elif _ENDSTRUC.match(text):
            self.section = self.before
        elif match := _ORG.match(text):
            self.origin = self._number(match[1]) or 0
        elif (match := _DEFINE.match(text) or _EQU.match(text)) and match[1]:
            value = self._number(match[2])
            if value is not None and len(self.constants) < MOST:
                self.constants[match[1]] = value

    def _number(self, text: str) -> int | None:
        return _number(text) if _NUMBER.fullmatch(text) else self.constants.get(text)

    def _label(self, name: str) -> None:
        if name.startswith("..@"):
            return  # of a macro
        if not name.startswith(".") or name.startswith(".."):
            self.parent = name
            self.waiting.append(name)
        else:
            self.waiting.append(self.parent + name)

    def _place(self) -> None:
        """The labels that wait are at the next byte of their section."""
        if self.section != NOWHERE:
            here = self.sizes.get(self.section, 0)
            self.labels += [(name, self.section, here) for name in self.waiting]
        self.waiting = []

    def result(self, the_map: str | None) -> Listing:
        """The lines and names with their addresses."""
        self._place()
        starts = self._starts() if the_map is None else _starts_of(the_map)
        if the_map is None:
            names = {
                name: starts[section] + offset
                for name, section, offset in self.labels
                if section in starts
            }
        else:
            names = {each[3]: int(each[2], 16) for each in _SYMBOLS.finditer(the_map)}
            found = _ORIGIN.search(the_map)
            self.origin = int(found[1], 16) if found else 0
        made: dict[_Source, list[tuple[int, _Part]]] = {}
        for part in self.parts:
            start = self.origin if the_map is not None else None
            if (start := starts.get(part.section, start)) is not None:
                made.setdefault(part.source, []).append((start + part.offset, part))
        lines = [line for source, parts in made.items() for line in _joined(source, parts)]
        lines.sort(key=lambda each: each.address)
        return Listing(self.name, self.origin, tuple(lines), names)

    def _starts(self) -> dict[str, int]:
        """Where each section of a flat binary is."""
        starts: dict[str, int] = {}
        at = end = self.origin  # in the file, and in memory after the last section
        for section in sorted(self.sizes, key=lambda name: name == ".bss"):
            words = self.given.get(section, "").lower()
            given = dict(each.split("=", 1) for each in words.split() if "=" in each)
            if {"follows", "vfollows"} & given.keys():
                continue
            if section == ".bss":
                at = end
            align = 1 if section == ".text" else self._number(given.get("align", "4"))
            at = -(-at // (align or 1)) * (align or 1)
            if "start" in given:
                at = self._number(given["start"]) or 0
            place = self._number(given["vstart"]) if "vstart" in given else at
            if place is not None:
                starts[section] = place
                end = place + self.sizes[section]
            at += self.sizes[section]
        return starts


def _starts_of(the_map: str) -> dict[str, int]:
    return {each[5]: int(each[1], 16) for each in _SECTIONS.finditer(the_map)}


def _bytes(shown: str) -> tuple[int, bytes, bytes]:
    """How many bytes a row stands for, the first of them, and which of these are known."""
    times, size = 1, 0
    if found := _TIMES.search(shown):
        times = int(found[2], 16)
        if found[1].lower() not in ("rep",):
            return times, b"", b""
        shown = shown[: found.start()]
    data, known = bytearray(), bytearray()
    for plain, depends, relative in _PIECE.findall(shown):
        text = plain or depends or relative or "??"
        size = max(len(text) // 2, 1)
        data += bytes.fromhex(text) if plain else bytes(size)
        known += (b"\xff" if plain else b"\0") * size
    size = len(data)
    many = min(times, -(-KEPT // size)) if size else 0
    return times * size, bytes(data * many)[:KEPT], bytes(known * many)[:KEPT]


def _joined(source: _Source, parts: list[tuple[int, _Part]]) -> list[Line]:
    """The bytes of a line, neighbours made one."""
    file, number, text = source
    joined: list[Line] = []
    for at, part in sorted(parts, key=lambda each: each[0]):
        before = joined[-1] if joined else None
        if before is None or before.address + before.length != at or before.code != part.code:
            rest = (part.code, part.data, part.known, part.row)
            joined.append(Line(at, part.length, file, number, text, *rest))
            continue
        data, known = before.data, before.known
        if len(data) == before.length:
            data, known = (data + part.data)[:KEPT], (known + part.known)[:KEPT]
        length = before.length + part.length
        joined[-1] = replace(before, length=length, data=data, known=known)
    return joined


def _number(text: str) -> int:
    if text.lower().startswith("0x"):
        return int(text, 16)
    return int(text[:-1], 16) if text[-1] in "hH" else int(text)
