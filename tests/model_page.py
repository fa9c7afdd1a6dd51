"""The page of CPU models: make docs/MODELS.md from pyx86emu/models.py.

python -m tests.model_page > docs/MODELS.md
"""

from __future__ import annotations

from pyx86emu.models import DIFFERENCES, MODELS, aliases_of, cells

PAGE = """\
# CPU models

Written by `python -m tests.model_page > docs/MODELS.md`. Do not edit it: change
`pyx86emu/models.py`. `python -m pyx86emu -cpu help` prints the same rows on a terminal.

The default model is {default}. An alias names the same model; any other name is a ValueError that
lists the choices.

{aliases}

## Differences

Each difference between the models is a field of a struct in the core. The decoder reads the fields
once per instruction. Slow paths, and a few handlers that are not hot, read them when they run.

To add a difference:

1. add a row to `DIFFERENCES` in `models.py`, with the page of the manual, or the vectors, that show
   it;
2. add a field of the same name to `models.pxi`;
3. write a test that fails if two models are exchanged.

{values}

## Sources

PRM is the Programmer's Reference Manual of that processor. "vectors" are tests that were recorded
on a chip ([CONFORMANCE.md](CONFORMANCE.md)), by opcode.

{sources}
"""


def markdown() -> str:
    """The text of docs/MODELS.md. A test compares both."""
    aliases = [[model, aliases_of(model)] for model in MODELS]
    values = [[f"`{name}`", *rest, d.what] for d in DIFFERENCES for name, *rest in (cells(d),)]
    sources = [[f"`{d.field}`", d.source] for d in DIFFERENCES]
    return PAGE.format(
        default=MODELS[-1],
        aliases=_table(["model", "aliases"], aliases),
        values=_table(["field", *MODELS, "meaning"], values, numbers=len(MODELS)),
        sources=_table(["field", "source"], sources),
    )


def _table(head: list[str], rows: list[list[str]], numbers: int = 0) -> str:
    """A Markdown table; the `numbers` columns after the first one are aligned to the right."""
    marks = ["---", *["---:"] * numbers, *["---"] * (len(head) - 1 - numbers)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, marks, *rows))


if __name__ == "__main__":
    print(markdown(), end="")
