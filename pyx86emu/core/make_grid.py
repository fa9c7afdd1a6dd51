"""Writes ops_grid.pxi: a line for each instance of the handler templates, and their tables.

Run it after changing a table here: `python pyx86emu/core/make_grid.py`; a test compares the output.
"""

from pathlib import Path

SIZES = (1, 2, 4)
ALU = ("ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "TEST")
ALU_FORMS = ("rr", "ri", "rm", "mr", "mi")
UNARY = ("INC", "DEC", "NOT", "NEG")
SHIFT = ("ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SETMO", "SAR")
PLAIN = [
    "mov_rr",
    "mov_ri",
    "mov_rm",
    "mov_mr",
    "mov_mi",
    "xchg_rr",
    "load_tmp",
    "store_tmp",
    "store_back",
    "lock_load",
    "lock_store",
    "cmpxchg",
    "xadd",
    "fluid_imm",
]
STRING = ("MOVS", "STOS", "LODS", "CMPS", "SCAS", "INS", "OUTS")


class Grid:
    """The lines of the file: instances first, tables last."""

    def __init__(self) -> None:
        self.handlers: list[str] = []
        self.tables: list[str] = []
        self.fill: list[str] = []

    def handler(self, name: str, call: str) -> str:
        self.handlers.append(f"cdef Op* {name}(CPU* c, Op* o) noexcept nogil:\n    return {call}\n")
        return name

    def table(self, name: str, rows: list[list[str]]) -> None:
        self.tables.append(f"cdef Fn {name}[{len(rows)}][{len(rows[0])}]")
        for i, row in enumerate(rows):
            self.fill += [f"    {name}[{i}][{j}] = {handler}" for j, handler in enumerate(row)]

    def by_size(self, operations: tuple[str, ...], form: str) -> list[list[str]]:
        template = form.lower()
        stem = template.rsplit("_", 1)[1]
        return [
            [
                self.handler(f"{op.lower()}{8 * s}_{stem}", f"{template}(c, o, {op}, {s})")
                for s in SIZES
            ]
            for op in operations
        ]


def grid() -> str:
    g = Grid()
    for form in ALU_FORMS:
        g.table(f"ALU_{form.upper()}", g.by_size(ALU, f"alu_{form}"))
    for form in ("r", "m"):
        g.table(f"UNARY_{form.upper()}", g.by_size(UNARY, f"unary_{form}"))
    for form in ("ri", "rc"):
        g.table(f"SHIFT_{form.upper()}", g.by_size(SHIFT, f"shift_{form}"))
    for name in PLAIN:
        row = [g.handler(f"{name}{8 * s}", f"{name}(c, o, {s})") for s in SIZES]
        g.table(name.upper(), [row])
    g.table(
        "STRING",
        [
            [g.handler(f"{op.lower()}{8 * s}", f"string(c, o, S_{op}, {s})") for s in SIZES]
            for op in STRING
        ],
    )
    conditions = [g.handler(f"jcc_{cc:x}", f"jcc(c, o, {cc >> 1}, {cc & 1})") for cc in range(16)]
    g.table("JCC", [conditions])
    return "\n".join(
        [
            "# Written by make_grid.py; do not edit: instances of the templates, and their tables.",
            "",
            "\n".join(g.handlers),
            "",
            *g.tables,
            "",
            "",
            "cdef void fill_grid() noexcept nogil:",
            *g.fill,
            "",
            "",
            "fill_grid()",
            "",
        ]
    )


if __name__ == "__main__":
    Path(__file__).with_name("ops_grid.pxi").write_text(grid())
