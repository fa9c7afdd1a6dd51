"""Write the board of the CPU vectors, ours beside the peers', into the pages that show it.

    python -m tests.tools.board docs/CONFORMANCE.md README.md

A page shows the board between two comments, `<!-- board -->` and `<!-- /board -->`. One without
them is left alone.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.tools import vectors

#: Defined flags and all flags, in per cent of all tests, measured on these same vectors.
PEERS = {
    "Unicorn 2.1.4": {"8086": (87.3, 84.5), "80286": (98.1, 88.9)},
    "libx86emu": {"8086": (85.3, 79.2), "80286": (93.3, 84.1)},
}
CHIPS = {"8086": "Intel P80C86A-2", "80286": "Harris N80C286-12", "386": "AMD EPYC, 16-bit"}
MARKS = re.compile(r"(<!-- board -->\n).*?(<!-- /board -->)", re.S)


def percent(part: int, whole: int) -> str:
    """Rounded down: 100 means all of them."""
    tenths = 1000 * part // whole
    return f"{tenths // 10}" if tenths % 10 == 0 else f"{tenths / 10:.1f}"


def row(board: vectors.Board) -> str:
    """One line of the table."""
    v, _, verdict = vectors.outcome(board)
    good, exact = int(verdict.good.sum()), int(verdict.exact.sum())
    # Undefined flags are those of the chip that ran the set, so other models have none to match.
    own = board.model == board.vectors
    cells = [CHIPS[board.vectors], board.model, f"{len(v):,}"]
    cells.append(f"{percent(good, len(v))} / {percent(exact, len(v)) if own else '-'}")
    for peer in PEERS.values():
        figures = peer.get(board.vectors) if own else None
        cells.append(f"{figures[0]} / {figures[1]}" if figures else "-")
    return "| " + " | ".join(cells) + " |"


def table() -> str:
    """The board in Markdown: per cent of tests passed, with defined flags / with all flags."""
    head = ["vectors of", "model", "tests", "**pyx86emu**", *PEERS]
    lines = ["| " + " | ".join(head) + " |", "| --- | --- | ---: |" + " :---: |" * (1 + len(PEERS))]
    return "\n".join([*lines, *map(row, vectors.BOARDS)]) + "\n"


def main(pages: list[str]) -> int:
    """Print the board, or write it into the pages; 2 if a set is not there."""
    if absent := [why for board in vectors.BOARDS if (why := board.missing())]:
        print(absent[0], file=sys.stderr)
        return 2
    text = table()
    if not pages:
        print(text, end="")
    for page in map(Path, pages):
        old = page.read_text("utf-8")
        page.write_text(MARKS.sub(lambda found: found[1] + text + found[2], old), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
