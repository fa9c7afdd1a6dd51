"""Sources: find the files that a listing was made of. Know no guest."""

import os
import stat
from collections.abc import Iterator

from ..listing import Line, Listing

#: How sources are called, beside boot.lst: boot.asm and so on.
ENDS = (".asm", ".nasm", ".s", ".S", ".inc", "")
#: A larger file is no source.
LARGEST = 16 << 20


def sources(listing: Listing) -> dict[str, str | None]:
    """The path of each file that a listing names; None: there is none with these lines.

    The source of boot.lst is boot.asm in the same directory, or another name of `ENDS`. A file is
    taken only if it has the listing's lines, whatever blanks are in them.
    """
    by_file: dict[str, list[Line]] = {}
    for line in listing.lines:
        by_file.setdefault(line.file, []).append(line)
    directory = os.path.dirname(listing.path or listing.name)
    found: dict[str, str | None] = {}
    for file, lines in by_file.items():
        places = _beside(file) if file == listing.path else _below(file, directory)
        found[file] = next((path for path in places if _has(path, lines)), None)
    return found


def _beside(path: str) -> Iterator[str]:
    stem = os.path.splitext(path)[0]
    return (os.path.abspath(stem + end) for end in ENDS if stem + end != path)


def _below(file: str, directory: str) -> Iterator[str]:
    """Where nasm may have found it: from where it was started, or the folders above."""
    at = os.path.abspath(directory)
    yield os.path.abspath(os.path.join(at, file))
    yield os.path.abspath(file)
    yield os.path.abspath(os.path.join(os.path.dirname(at), file))


def _has(path: str, lines: list[Line]) -> bool:
    """Is there a file with these lines?"""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                return False
            data = file.read(LARGEST + 1)
    except (OSError, ValueError):
        return False
    if len(data) > LARGEST:
        return False
    rows = data.decode("utf-8", "replace").split("\n")
    return all(_row(rows, line.number) == "".join(line.text.split()) for line in lines)


def _row(rows: list[str], number: int) -> str | None:
    """A line without blanks, with those that go on after a backslash."""
    found = ""
    for row in rows[number - 1 :] if number else []:
        found += "".join(row.split())
        if not found.endswith("\\"):
            return found
        found = found[:-1]
    return None
