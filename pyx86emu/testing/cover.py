"""Coverage of assembly: count by line what was executed, as a table and as lcov."""

from collections.abc import Iterable
from pathlib import Path

from ..tools.lcov import of_lines
from .program import Program

#: By file and line, how many runs have executed it.
Lines = dict[str, dict[int, int]]


def add(lines: Lines, program: Program, roots: list[Path], reached: set[int]) -> None:
    """Add a run: `reached` has the offsets of instructions. Each run that reaches a line counts
    once. Lines of a text without a file are left out."""
    seen: set[tuple[str, int]] = set()
    for line in program.lines:
        if not line.code:
            continue
        path = next((root / line.file for root in roots if (root / line.file).is_file()), None)
        if path is None:
            continue
        counts = lines.setdefault(str(path.resolve()), {})
        inside = range(line.address, line.address + line.length)
        hit = (str(path), line.number) not in seen and not reached.isdisjoint(inside)
        if hit:
            seen.add((str(path), line.number))
        counts[line.number] = counts.get(line.number, 0) + hit


def merge(lines: Lines, more: dict[str, dict[str, int]]) -> None:
    """Add the lines of another process, as they come out of JSON."""
    for file, counts in more.items():
        mine = lines.setdefault(file, {})
        for line, hits in counts.items():
            mine[int(line)] = mine.get(int(line), 0) + hits


def table(lines: Lines, base: Path) -> list[str]:
    """A row for each file: lines, how many ran, which did not."""
    rows = []
    for file, counts in sorted(lines.items()):
        ran = sum(hits > 0 for hits in counts.values())
        missing = ", ".join(ranges(line for line, hits in counts.items() if not hits))
        name = Path(file)
        shown = name.relative_to(base) if name.is_relative_to(base) else name
        share = 100 * ran // max(len(counts), 1)
        rows.append(f"{shown!s:<40} {ran:>5} of {len(counts):>5}  {share:>3} %  {missing}".rstrip())
    return rows


def ranges(numbers: Iterable[int]) -> list[str]:
    """Numbers with their neighbours.

    >>> ranges([1, 2, 3, 7])
    ['1-3', '7']
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [str(first) if first == last else f"{first}-{last}" for first, last in found]


def lcov(lines: Lines) -> str:
    """The same as genhtml reads it."""
    return str(of_lines(lines))
