"""Programs: keep an assembled program, where it belongs, and its lines. Run nothing."""

from dataclasses import dataclass, field
from typing import Any

from ..listing import Line, line_at
from ..listing import read as read_listing


@dataclass(slots=True)
class Program:
    """An assembled program: its bytes, where they belong, and its lines."""

    code: bytes
    origin: int = 0
    """The offset of the first byte: what ORG says."""
    lines: list[Line] = field(default_factory=list)
    """By offset in the segment."""
    symbols: dict[str, int] = field(default_factory=dict)
    """The offset of each label."""
    name: str = "bytes"

    def at(self, offset: int) -> Line | None:
        """The line that made the byte at an offset; None: there is none."""
        return line_at(self.lines, offset)

    def plain(self) -> dict[str, Any]:
        """It as plain values for JSON."""
        return {
            "code": self.code.hex(),
            "origin": self.origin,
            "name": self.name,
            "symbols": self.symbols,
            "lines": [
                [each.address, each.length, each.file, each.number, each.text, each.code]
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
    """The program that nasm has written as bytes, listing and map. ValueError: it has too many
    lines."""
    found = read_listing(listing, the_map, name)
    if found is None:  # it made no bytes
        return Program(code, name=name)
    lines = [Line(*_short(each)) for each in found.lines]
    return Program(code, found.origin, lines, found.names, name)


def _short(line: Line) -> tuple[int, int, str, int, str, bool]:
    """Without the bytes, which the program has."""
    return line.address, line.length, line.file, line.number, line.text, line.code
