"""The page of the command line: write the tables of docs/COMMANDS.md from the options.

python -m tests.command_page --write
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pyx86emu.cli import VERBS, batch, dos
from pyx86emu.cli.foreign import FOREIGN
from pyx86emu.cli.options import parser
from pyx86emu.cli.parser import Option

PAGE = Path(__file__).parents[1] / "docs/COMMANDS.md"

Table = list[tuple[str, str]]


def tables() -> list[Table]:
    """The tables, each with its head."""
    actions = parser().options
    of_batch = batch.parser().options
    of_dos = dos.parser().options
    return [
        [("verb", "what it does"), *((f"`{verb}`", what) for verb, what in VERBS.items())],
        [("option", "meaning"), *((_shape(each), each.help or "") for each in actions)],
        [("option of `batch`", "meaning"), *((_shape(a), a.help or "") for a in of_batch)],
        [("option of `dos`", "meaning"), *((_shape(a), a.help or "") for a in of_dos)],
        [("word", "what to use"), *((f"`{word}`", FOREIGN[word]) for word in sorted(FOREIGN))],
    ]


def page(text: str) -> str:
    """The page with the tables as they should be: from each head to the next blank line. A test
    compares both."""
    for table in tables():
        head, *rows = (f"| {_cell(left)} | {_cell(right)} |" for left, right in table)
        found = re.search(rf"^{re.escape(head)}\n(.+\n)*", text, re.M)
        assert found, f"the page has no table {head}"
        new = "\n".join([head, "| --- | --- |", *rows, ""])
        text = text[: found.start()] + new + text[found.end() :]
    return text


def _shape(action: Option) -> str:
    """The option as it is typed."""
    value = action.metavar or ("|".join(action.choices) if action.choices else "")
    names = action.names or [""]
    return ", ".join(f"`{name} {value}`".replace(" `", "`").replace("` ", "`") for name in names)


def _cell(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("|", "\\|")


if __name__ == "__main__":
    text = page(PAGE.read_text("utf-8"))
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(text, "utf-8")
    else:
        print(text, end="")
