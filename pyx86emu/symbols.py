"""Symbols: read names of addresses from listings, maps and ELF files. Know no machine."""

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ._core import exact
from .address import LAST, Address, linear

#: Larger files are refused, and so are more names.
LARGEST = 64 << 20
MOST = 1_000_000
#: A place further than this after a label has no name.
REACH = 0x10000

_NAME = r"[A-Za-z_.?@$][\w.$#@~?]{0,4094}"
_DATA = r"(?:d[bwdqt]|res[bwdqt]|times|equ)"
_LABEL = re.compile(rf"\s*({_NAME})\s*(?::(?!:)|(?=\s{_DATA}\b))", re.A | re.I)
_ORG = re.compile(r"\s*\[?org\s+(0x[0-9a-f]+|[0-9][0-9a-f]*h|\d+)\s*\]?\s*(?:;|$)", re.I | re.A)
_SECTION = re.compile(r"\s*\[?(?:section|segment)\s+(\.?\w+)(.*)", re.I | re.A)
_LISTED = re.compile(r" {0,5}(\d{1,7}) (?:([0-9A-F]{8}) (\S+)|(?= {4})|$)", re.A)
_FAR = re.compile(
    rf"\s*([0-9A-F]{{4}}):([0-9A-F]{{4}})\s+(?:(?:Abs|Imp|idle)\s+)?({_NAME})\s*", re.I | re.A
)
_LD = re.compile(rf"\s+0x([0-9a-f]{{4,16}})\s+({_NAME})\s*", re.A)
_NM = re.compile(rf"([0-9a-f]{{8,16}}) [A-Za-z] ({_NAME})\s*", re.A)
_NASM_MAP = re.compile(rf"\s*([0-9A-F]{{1,16}})\s+([0-9A-F]{{1,16}})\s{{2}}({_NAME})\s*", re.A)

ELF = b"\x7fELF"
SHT_SYMTAB = 2
STT_FUNC, SHN_ABS = 2, 0xFFF1


class Source(NamedTuple):
    """A line of a listing, of the file that was assembled (not of an include or a macro)."""

    number: int
    """In the file that was assembled, from 1."""
    text: str


class Label(NamedTuple):
    """The last label at or before a place, and how far before it."""

    name: str
    distance: int

    def __str__(self) -> str:
        return f"{self.name}+{self.distance:#x}" if self.distance else self.name


class Symbols(Mapping[str, int]):
    """Names of linear addresses: a mapping from each name to its address.

    Labels of nasm that begin with a dot have the name of the label before them: `start.loop`. It is
    a value: nothing changes it, and any thread may use it.

    >>> symbols = Symbols({"start": 0x7C00, "start.loop": 0x7C05})
    >>> hex(symbols["start.loop"]), str(symbols.label(0x7C07))
    ('0x7c05', 'start.loop+0x2')
    """

    def __init__(
        self,
        names: Mapping[str, int] | None = None,
        *,
        lines: Mapping[int, Source] | None = None,
        name: str = "",
    ) -> None:
        """`names` and `lines` are by linear address. ValueError: an address out of range, or more
        than a million names; TypeError: a name that is no text, an address that is no integer."""
        found: dict[str, int] = {}
        for each, at in (names or {}).items():
            if not isinstance(each, str):
                raise TypeError(f"a name is text, not {type(each).__name__}")
            if isinstance(at, (str, tuple)):
                raise TypeError(f"the address of {each[:60]!r} is an integer, not text or a pair")
            found[each] = linear(at, what=f"the address of {each[:60]!r}")
        if len(found) > MOST:
            raise ValueError(f"{len(found)} names: at most {MOST} fit")
        self.name = name
        """The file that they come from."""
        self.lines: dict[int, Source] = {
            exact(at, "the address of a line"): line for at, line in (lines or {}).items()
        }
        """The lines of a nasm listing, by the linear address of their first byte."""
        self._names = found
        # Of several names of one address the one without a dot, then the first, is shown.
        order = sorted(found.items(), key=lambda item: (item[1], "." in item[0]))
        self._shown = dict(reversed([(at, each) for each, at in order]))
        self._places = sorted(self._shown)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, at: Address = 0) -> "Symbols":
        """Read a file: what is in it says of which kind it is.

        - a listing of `nasm -l`: addresses from its `org`, also of the sections .data and .bss;
          lines too
        - a map of nasm (`[map symbols FILE]`), of GNU ld (`-Map`), of DOS linkers, or what nm
          prints; lines `F000:1234 name`
        - an ELF file, 32 or 64 bits, little-endian

        `at` is added to each address: where the code segment is in memory, such as "1000:0000" of
        a .COM program whose `org` is 100h.

        OSError: it cannot be read. ValueError: it is none of these, damaged, larger than 64 MiB, or
        has more than a million names; the message names the file.
        """
        base = linear(at, what="at")
        shown = os.fspath(path)
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
        try:
            if len(data) > LARGEST:
                raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
            names, lines = read(data)
            moved = {name: place + base for name, place in names.items()}
            if any(not 0 <= place <= LAST for place in moved.values()):
                raise ValueError("an address is out of range")
            return cls(moved, lines={n + base: line for n, line in lines.items()}, name=str(shown))
        except ValueError as error:
            raise ValueError(f"symbols of {shown!r}: {error}") from None

    def __getitem__(self, name: str) -> int:
        return self._names[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __or__(self, other: "Symbols") -> "Symbols":
        """Both; what `self` has comes first."""
        if not isinstance(other, Symbols):
            return NotImplemented
        return Symbols(
            {**other._names, **self._names}, lines={**other.lines, **self.lines}, name=self.name
        )

    def label(self, at: int) -> Label | None:
        """The last label at or before a linear address; None: there is none within 64 KiB."""
        at = exact(at, "at")
        i = bisect_right(self._places, at)
        if i == 0 or at - self._places[i - 1] >= REACH:
            return None
        return Label(self._shown[self._places[i - 1]], at - self._places[i - 1])

    def at(self, at: int) -> str | None:
        """The label of exactly this linear address; None: there is none."""
        return self._shown.get(exact(at, "at"))

    def __repr__(self) -> str:
        return f"<Symbols: {len(self)} names{f' of {self.name}' if self.name else ''}>"


Names = dict[str, int]
Lines = dict[int, Source]


def read(data: bytes) -> tuple[Names, Lines]:
    """The names and lines in the contents of a file. ValueError: there are none, or too many."""
    if data.startswith(ELF):
        return _limited(_elf(data)), {}
    if b"\0" in data[:4096]:
        raise ValueError("it is no text and no ELF file: give a nasm listing, a map or an ELF file")
    text = data.decode("utf-8", "replace").splitlines()
    for kind in (_nasm_map, _listing, _far_map, _ld_map, _nm):
        found = kind(text)
        names, lines = found if isinstance(found, tuple) else (found, {})
        if names or lines:
            return _limited(names), lines
    raise ValueError(
        "it has no labels that are known: give a listing of nasm -l, a map, or an ELF file"
    )


def _limited(names: Names) -> Names:
    if len(names) > MOST:
        raise ValueError(f"it has {len(names)} names, at most {MOST} fit")
    return names


# -- text -----------------------------------------------------------------------------------------


def _nasm_map(text: list[str]) -> Names:
    if not any("NASM Map file" in line for line in text[:20]):
        return {}
    matches = (_NASM_MAP.fullmatch(line) for line in text)
    return {match[3]: int(match[2], 16) for match in matches if match}


def _far_map(text: list[str]) -> Names:
    matches = (_FAR.fullmatch(line) for line in text)
    return {m[3]: (int(m[1], 16) << 4) + int(m[2], 16) for m in matches if m}


def _ld_map(text: list[str]) -> Names:
    matches = (_LD.fullmatch(line) for line in text)
    return {match[2]: int(match[1], 16) for match in matches if match}


def _nm(text: list[str]) -> Names:
    matches = (_NM.fullmatch(line) for line in text)
    return {match[2]: int(match[1], 16) for match in matches if match}


#: Where the source begins in a line of a listing, and where the level of a macro or include is.
SOURCE, LEVEL = 40, 36
_SECTIONS = (".text", ".data", ".bss")


class _Listing:
    """A listing while it is read: offsets are those of a section until all sizes are known."""

    def __init__(self) -> None:
        self.org = 0
        self.section = ".text"
        self.here = dict.fromkeys(_SECTIONS, 0)
        self.names: list[tuple[str, str, int]] = []
        self.lines: list[tuple[str, int, Source]] = []
        self.parent = ""
        self.waiting: list[str] = []
        self.last = 0

    def line(self, number: int, offset: int | None, data: str, level: bool, source: str) -> None:
        """Take in a line of the listing."""
        if match := _SECTION.match(source):
            self._place()
            plain = not match[2].split(";")[0].strip()
            self.section = match[1].lower() if plain else ""
        elif match := _ORG.match(source):
            self.org = _number(match[1])
        known = self.section in self.here
        if offset is not None and known:
            self.here[self.section] = offset
            self._place()
        if (match := _LABEL.match(source)) and known and not _equ(source):
            self._label(match[1])
            if offset is not None:
                self._place()
        if offset is not None and known:
            if not level and number != self.last:
                self.lines.append((self.section, offset, Source(number, source.strip())))
            self.here[self.section] = offset + _size(data)
            self.last = 0 if level else number

    def _label(self, name: str) -> None:
        if name.startswith("..@"):
            return
        if not name.startswith(".") or name.startswith(".."):
            self.parent = name
            self.waiting.append(name)
        else:
            self.waiting.append(self.parent + name)

    def _place(self) -> None:
        """The labels that wait are at the next byte of their section."""
        if self.section in self.here:
            here = self.here[self.section]
            self.names += [(name, self.section, here) for name in self.waiting]
        self.waiting = []

    def result(self) -> tuple[Names, Lines]:
        """With linear addresses: .data comes after .text, .bss after .data, at multiples of 4."""
        self._place()
        starts, at = dict[str, int](), self.org
        for section in _SECTIONS:
            at = at if section == ".text" else at + 3 & ~3
            starts[section] = at
            at += self.here[section]
        names = {name: starts[section] + offset for name, section, offset in self.names}
        lines = {starts[section] + offset: line for section, offset, line in self.lines}
        return names, lines


def _listing(text: list[str]) -> tuple[Names, Lines]:
    found = _Listing()
    coded = 0
    for line in text:
        match = _LISTED.match(line)
        if match is None:
            if line.strip():
                return {}, {}
            continue
        offset = None if match[2] is None else int(match[2], 16)
        coded += offset is not None
        source = line[SOURCE:]
        level = line[LEVEL : LEVEL + 1] == "<"
        found.line(int(match[1]), offset, match[3] or "", level, source)
    return found.result() if coded else ({}, {})


def _equ(source: str) -> bool:
    return re.match(rf"\s*{_NAME}\s*:?\s+equ\b", source, re.I | re.A) is not None


def _size(data: str) -> int:
    """How many bytes a column of the listing stands for."""
    if match := re.search(r"<(?:rep|res|bin|incbin|gap) ([0-9A-F]+)h?>", data, re.I):
        each = len(re.sub(r"<.*", "", data)) // 2 or 1
        return int(match[1][:8], 16) * each
    return len(re.sub(r"[^0-9A-F?]", "", data)) // 2


def _number(text: str) -> int:
    if text.lower().startswith("0x"):
        return int(text[:18], 16)
    return int(text[:-1][:16], 16) if text[-1] in "hH" else int(text[:16])


# -- ELF ------------------------------------------------------------------------------------------


def _elf(data: bytes) -> Names:
    """The symbols of an ELF file (System V ABI, chapter 4)."""
    try:
        wide = data[4] == 2
        if data[4] not in (1, 2) or data[5] != 1:
            raise ValueError("it is an ELF file of another byte order: give one for x86")
        # e_shoff, e_shentsize, e_shnum
        head = struct.unpack_from("<Q10x2H" if wide else "<I10x2H", data, 0x28 if wide else 0x20)
        start, size, count = head
        sections = [_section(data, start + i * size, wide) for i in range(count)]
        for kind, offset, length, link in sections:
            if kind == SHT_SYMTAB:
                strings = sections[link]
                table = data[strings[1] : strings[1] + strings[2]]
                return _symbols(data[offset : offset + length], table, wide)
    except (struct.error, IndexError):
        raise ValueError("it is an ELF file that is damaged") from None
    raise ValueError("it is an ELF file without symbols: link it without -s")


def _section(data: bytes, at: int, wide: bool) -> tuple[int, int, int, int]:
    """Type, offset, size and link of a section."""
    if wide:
        _, kind, _, _, offset, size, link = struct.unpack_from("<2I4QI", data, at)
    else:
        _, kind, _, _, offset, size, link = struct.unpack_from("<7I", data, at)
    return kind, offset, size, link


def _symbols(table: bytes, strings: bytes, wide: bool) -> Names:
    names: Names = {}
    step = 24 if wide else 16
    for at in range(0, len(table) - step + 1, step):
        if wide:
            name, info, _, section, value = struct.unpack_from("<I2BHQ", table, at)
        else:
            name, value, _, info, _, section = struct.unpack_from("<3I2BH", table, at)
        end = strings.find(b"\0", name)
        text = strings[name : end if end >= 0 else len(strings)].decode("utf-8", "replace")
        if text and section not in (0, SHN_ABS) and info & 15 <= STT_FUNC:
            names.setdefault(text, value)
        if len(names) > MOST:
            break
    return names
