"""The generator of ops_grid.pxi: it writes instances of the handler templates, and their tables.

A template is an inline function of ops_*.pxi or predicate.pxi with parameters such as operation and
operand size. An instance is a handler that calls a template with constants. The decoder finds an
instance in a table, by operation and size.

Run it after you change something here: `python pyx86emu/core/cpu/make_grid.py`. A test compares the
output with ops_grid.pxi.
"""

from itertools import product
from pathlib import Path

SIZES = (1, 2, 4)
ALU = ("ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "TEST")
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
    "predicated_mov_rr",
    "predicated_mov_ri",
]
#: An operation and the Jcc after it as one op: by template, the operations.
FUSED = {
    "alu_rr": ("ADD", "SUB", "OR", "CMP", "TEST"),
    "alu_ri": ("CMP", "TEST"),
    "alu_rm": ("CMP",),
    "alu_mr": ("CMP",),
    "alu_mi": ("CMP", "TEST"),
    "unary_r": ("DEC",),
}
#: The same with a predicate after the operation.
FUSED_PREDICATE: dict[str, tuple[str, ...]] = {
    "alu_ri": ("CMP",),
}
CONDITIONS = tuple(cc for cc in range(16) if cc >> 1 not in (0, 5))  # not O NO P NP
#: The same instruction several times in a row as one op: up to so many.
RUN = ("push16_r", "pop16_r")
LONGEST_RUN = 8
STRING = ("MOVS", "STOS", "LODS", "CMPS", "SCAS", "INS", "OUTS")


class Grid:
    """The lines of ops_grid.pxi: instances first, tables last."""

    def __init__(self) -> None:
        self.handlers: list[str] = []
        self.tables: list[str] = []
        self.fill: list[str] = []
        self.traits: list[str] = []

    def handler(self, name: str, call: str) -> str:
        """Add an instance; return its name."""
        self.handlers.append(f"cdef Op* {name}(CPU* c, Op* o) noexcept nogil:\n    return {call}\n")
        return name

    def table(self, name: str, rows: list[list[str]]) -> None:
        """Add a table of handlers."""
        self.tables.append(f"cdef Fn {name}[{len(rows)}][{len(rows[0])}]")
        for i, row in enumerate(rows):
            self.fill += [f"    {name}[{i}][{j}] = {handler}" for j, handler in enumerate(row)]

    def by_size(
        self, operations: tuple[str, ...], template: str, stem: str, last: str = ""
    ) -> list[list[str]]:
        return [
            [
                self.handler(f"{op.lower()}{8 * s}_{stem}", f"{template}(c, o, {op}, {s}{last})")
                for s in SIZES
            ]
            for op in operations
        ]

    def flagged(self, operations: tuple[str, ...], template: str) -> None:
        """Two instances of each: one computes its flags, one is for flags that nothing reads."""
        stem = template.rsplit("_", 1)[1]
        if template.startswith("predicated"):
            stem += "_predicated"
        live = self.by_size(operations, template, stem, ", LIVE")
        dead = self.by_size(operations, template, f"{stem}_dead", ", DEAD")
        self.table(template.upper(), live)
        self.table(f"{template.upper()}_DEAD", dead)

    def fused(self, forms: dict[str, tuple[str, ...]], second: str) -> None:
        """One instance for each condition of the Jcc or predicate after the operation."""
        for template, operations in forms.items():
            stem = template.rsplit("_", 1)[1]
            for op, (i, s), cc in product(operations, enumerate(SIZES), CONDITIONS):
                name = self.handler(
                    f"{op.lower()}{8 * s}_{stem}_{second[0]}{cc:x}",
                    f"{template}_{second}(c, o, {op}, {s}, {cc >> 1}, {cc & 1})",
                )
                live = f"{template.upper()}[{op}][{i}]"
                self.traits.append(f"    fuses({live}, {second.upper()}[0][{cc}], {name})")

    def runs(self) -> None:
        """One instance for each length of a run."""
        for name in RUN:
            for n in range(2, LONGEST_RUN + 1):
                handler = self.handler(f"{name}_x{n}", f"{name}_run(c, o, {n})")
                self.traits.append(f"    runs({name}, {n}, {handler})")


def grid() -> str:
    g = Grid()
    for form in ("rr", "ri", "rm"):
        g.flagged(ALU, f"alu_{form}")
    for form in ("mr", "mi"):
        g.table(f"ALU_{form.upper()}", g.by_size(ALU, f"alu_{form}", form))
    g.flagged(UNARY, "unary_r")
    for form in ("alu_rr", "alu_ri"):
        g.flagged(ALU, f"predicated_{form}")
    g.flagged(UNARY, "predicated_unary_r")
    g.table("UNARY_M", g.by_size(UNARY, "unary_m", "m"))
    g.flagged(SHIFT, "shift_ri")
    g.table("SHIFT_RC", g.by_size(SHIFT, "shift_rc", "rc"))
    g.fused(FUSED, "jcc")
    g.fused(FUSED_PREDICATE, "predicate")
    g.runs()
    for name in PLAIN:
        row = [g.handler(f"{name}{8 * s}", f"{name}(c, o, {s})") for s in SIZES]
        g.table(name.upper(), [row])
    for table, prefix, template in (("STRING", "", "string"), ("REPEAT", "rep_", "repeat")):
        g.table(
            table,
            [
                [
                    g.handler(f"{prefix}{op.lower()}{8 * s}", f"{template}(c, o, S_{op}, {s})")
                    for s in SIZES
                ]
                for op in STRING
            ],
        )
    for name in ("jcc", "predicate"):
        row = [
            g.handler(f"{name}_{cc:x}", f"{name}(c, o, {cc >> 1}, {cc & 1})") for cc in range(16)
        ]
        g.table(name.upper(), [row])
    return "\n".join(
        [
            "# The instances of the handler templates live here, and their tables.",
            "# Written by make_grid.py: edit that, not this.",
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
            "cdef void fill_fused() noexcept nogil:",
            *g.traits,
            "",
            "",
            "fill_grid()",
            "",
        ]
    )


if __name__ == "__main__":
    Path(__file__).with_name("ops_grid.pxi").write_text(grid())
