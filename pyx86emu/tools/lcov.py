"""Tracefiles of lcov: count by line what was executed, merge and write it. Know no guest.

A tracefile has a record for each source: its lines with counts (DA), and its functions (FN, FNDA).
`genhtml FILE -o html` shows it. The format: geninfo(1), section "Files".
"""

import fcntl
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..files import check_regular

#: A larger file is refused.
LARGEST = 256 << 20
_TEST = re.compile(r"\W", re.A)


@dataclass(slots=True)
class Record:
    """What is known of one source."""

    lines: dict[int, int] = field(default_factory=dict)
    """How many runs have executed each line."""
    functions: dict[str, tuple[int, int]] = field(default_factory=dict)
    """By name: the line where it begins, and how many runs have come there."""
    branches: dict[tuple[int, str, str], int | None] = field(default_factory=dict)
    """By line, block and branch; None: it was not reached. Only of what others have written."""

    def add(self, other: "Record") -> None:
        """Add the counts of another one."""
        for line, count in other.lines.items():
            self.lines[line] = self.lines.get(line, 0) + count
        for name, (line, count) in other.functions.items():
            self.functions[name] = line, self.functions.get(name, (line, 0))[1] + count
        for key, taken in other.branches.items():
            before = self.branches.get(key)
            self.branches[key] = before if taken is None else taken + (before or 0)

    def text(self, test: str, source: str) -> list[str]:
        """Its lines in a tracefile."""
        rows = [f"TN:{test}", f"SF:{source}"]
        functions = sorted(self.functions.items(), key=lambda each: each[1][0])
        rows += [f"FN:{line},{name}" for name, (line, _) in functions]
        rows += [f"FNDA:{count},{name}" for name, (_, count) in functions]
        if functions:
            reached = sum(count > 0 for _, (_, count) in functions)
            rows += [f"FNF:{len(functions)}", f"FNH:{reached}"]
        for (line, block, branch), taken in sorted(self.branches.items()):
            rows.append(f"BRDA:{line},{block},{branch},{'-' if taken is None else taken}")
        if self.branches:
            reached = sum(bool(taken) for taken in self.branches.values())
            rows += [f"BRF:{len(self.branches)}", f"BRH:{reached}"]
        rows += [f"DA:{line},{count}" for line, count in sorted(self.lines.items())]
        reached = sum(count > 0 for count in self.lines.values())
        return [*rows, f"LF:{len(self.lines)}", f"LH:{reached}", "end_of_record"]


class Lcov:
    """What a tracefile has: a record for each test and source. Only one thread changes it.

    >>> found = Lcov()
    >>> found.record("/a.asm").lines.update({1: 1, 2: 0})
    >>> print(str(found).split())
    ['TN:', 'SF:/a.asm', 'DA:1,1', 'DA:2,0', 'LF:2', 'LH:1', 'end_of_record']
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Record] = {}
        """By the name of the test, and the path of the source."""
        self.notes: list[str] = []
        """What is wrong with a listing, a sentence each."""

    def record(self, source: str, test: str = "") -> Record:
        """The record of a source; a new one if there is none."""
        key = (_TEST.sub("_", test), source.replace("\n", " "))
        return self.records.setdefault(key, Record())

    def add(self, other: "Lcov") -> None:
        """Add what another one has counted."""
        for (test, source), record in other.records.items():
            self.record(source, test).add(record)

    @classmethod
    def parse(cls, text: str) -> "Lcov":
        """What a tracefile says. ValueError: it is none; the message has the line. Sums are counted
        again, checksums of lines are left out."""
        found = cls()
        test, record = "", None
        for number, row in enumerate(text.splitlines(), 1):
            kind, _, rest = row.strip().partition(":")
            try:
                if not kind or kind.startswith("#"):
                    continue
                if kind == "TN":
                    test = rest
                elif kind == "SF":
                    record = found.record(rest, test)
                elif record is None:
                    raise ValueError
                elif kind == "end_of_record":
                    record = None
                else:
                    _row(record, kind, rest)
            except ValueError:
                raise ValueError(f"line {number} is none of a tracefile of lcov") from None
        return found

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Lcov":
        """Read a tracefile. OSError: it cannot be read; ValueError: it is none, or has more than
        256 MiB; the message names it."""
        check_regular(path)
        with open(path, "rb") as file:
            return _parsed(os.fspath(path), file.read(LARGEST + 1))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it; what the file has already is added, also if several processes do it at once.
        OSError: it cannot be written; ValueError: what is there is no tracefile, and is kept."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        with open(fd, "r+b", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                _write(fd, str(self))
                return
            fcntl.flock(fd, fcntl.LOCK_EX)
            both = _parsed(os.fspath(path), file.read(LARGEST + 1) or b"")
            both.add(self)
            os.lseek(fd, 0, os.SEEK_SET)
            _write(fd, str(both))
            os.ftruncate(fd, os.lseek(fd, 0, os.SEEK_CUR))

    def __str__(self) -> str:
        """The text of the tracefile."""
        rows = [
            row
            for (test, source), record in sorted(self.records.items())
            for row in record.text(test, source)
        ]
        return "\n".join([*rows, ""])

    def __repr__(self) -> str:
        lines = [count > 0 for each in self.records.values() for count in each.lines.values()]
        return f"<Lcov: {sum(lines)} of {len(lines)} lines were executed>"


def of_lines(files: Mapping[str, Mapping[int, int]]) -> Lcov:
    """Counts by file and line."""
    found = Lcov()
    for source, lines in files.items():
        found.record(source).lines.update(lines)
    return found


def _row(record: Record, kind: str, rest: str) -> None:
    """Take in a row of a record. ValueError: it is none."""
    values = rest.split(",")
    if kind == "DA":
        line = int(values[0])
        record.lines[line] = record.lines.get(line, 0) + _count(values[1:2])
    elif kind == "FN":
        name = ",".join(values[2:] if len(values) > 2 and values[1].isdecimal() else values[1:])
        record.functions[name] = int(values[0]), record.functions.get(name, (0, 0))[1]
    elif kind == "FNDA":
        name = ",".join(values[1:])
        line, count = record.functions.get(name, (0, 0))
        record.functions[name] = line, count + _count(values[:1])
    elif kind == "BRDA":
        if len(values) < 4:
            raise ValueError
        key = (int(values[0]), values[1], ",".join(values[2:-1]))
        record.branches[key] = None if values[-1] == "-" else _count(values[-1:])
    elif kind not in ("LF", "LH", "FNF", "FNH", "BRF", "BRH", "VER"):
        raise ValueError


def _count(values: list[str]) -> int:
    """A count; lcov has written fractions, too."""
    return int(float(values[0])) if values else int("none")


def _parsed(name: str, data: bytes) -> Lcov:
    try:
        if len(data) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST >> 20} MiB")
        return Lcov.parse(data.decode("utf-8", "surrogateescape"))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"tracefile {name!r}: {error}: give another name") from None


def _write(fd: int, text: str) -> None:
    data = memoryview(text.encode("utf-8", "surrogateescape"))
    while data:
        data = data[os.write(fd, data) :]
