"""Symbols: read names of addresses from listings, maps and ELF files. Know no machine."""

import os
import re
import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from ._core import exact
from .address import LAST, Address, linear
from .files import contents
from .listing import LARGEST, MOST, NAME, Listing
from .listing import read as read_listing

#: A place further than this after a label has no name.
REACH = 0x10000

_FAR = re.compile(
    rf"\s*([0-9A-F]{{4}}):([0-9A-F]{{4}})\s+(?:(?:Abs|Imp|idle)\s+)?({NAME})\s*", re.I | re.A
)
_LD = re.compile(rf"\s+0x([0-9a-f]{{4,16}})\s+({NAME})\s*", re.A)
_NM = re.compile(rf"([0-9a-f]{{8,16}}) [A-Za-z] ({NAME})\s*", re.A)
_NASM_MAP = re.compile(rf"\s*([0-9A-F]{{1,16}})\s+([0-9A-F]{{1,16}})\s{{2}}({NAME})\s*", re.A)

ELF = b"\x7fELF"
SHT_SYMTAB = 2
STT_FUNC, SHN_ABS = 2, 0xFFF1


class Source(NamedTuple):
    """A line of a listing, of the file that was assembled (not of an include)."""

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
        listings: Iterable[Listing] = (),
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
        self.listings = tuple(listings)
        """The listings that they come from, placed where they are in memory."""
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
        try:
            found = read(contents(path, LARGEST), str(shown))
            if isinstance(found, Listing):
                return cls.of(replace(found.moved(base), path=str(shown)))
            moved = {name: place + base for name, place in found.items()}
            if any(not 0 <= place <= LAST for place in moved.values()):
                raise ValueError("an address is out of range")
            return cls(moved, name=str(shown))
        except ValueError as error:
            raise ValueError(f"symbols of {shown!r}: {error}") from None

    @classmethod
    def of(cls, listing: Listing) -> "Symbols":
        """The names and lines of a listing. ValueError: an address is out of range."""
        if not isinstance(listing, Listing):
            raise TypeError(f"give a Listing, not {type(listing).__name__}")
        lines = {
            line.address: Source(line.number, line.text.strip())
            for line in listing.lines
            if line.file == listing.name
        }
        return cls(listing.names, lines=lines, name=listing.name, listings=[listing])

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
            {**other._names, **self._names},
            lines={**other.lines, **self.lines},
            name=self.name,
            listings=(*self.listings, *other.listings),
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


def read(data: bytes, name: str = "") -> Names | Listing:
    """The names in the contents of a file, or the listing that it is. ValueError: there are none,
    or too many."""
    if data.startswith(ELF):
        return _limited(_elf(data))
    if b"\0" in data[:4096]:
        raise ValueError("it is no text and no ELF file: give a nasm listing, a map or an ELF file")
    text = data.decode("utf-8", "replace")
    rows = text.splitlines()
    if names := _nasm_map(rows):
        return _limited(names)
    listing = read_listing(text, name=name)
    if listing is not None and (listing.names or listing.lines):
        return listing
    for kind in (_far_map, _ld_map, _nm):
        if names := kind(rows):
            return _limited(names)
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
