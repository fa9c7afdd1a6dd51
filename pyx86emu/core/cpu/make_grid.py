"""The generator of ops_grid.pxi: it writes instances of the handler templates, and their tables.

A template is an inline function of ops_*.pxi or predicate.pxi with parameters such as operation and
operand size. An instance is a handler that calls a template with constants. The decoder finds an
instance in a table, by operation and size.

Run it after you change something here: `python pyx86emu/core/cpu/make_grid.py`. A test compares the
output with ops_grid.pxi.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path

SIZES = (1, 2, 4)
ALU = ("ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "TEST")
UNARY = ("INC", "DEC", "NOT", "NEG")
SHIFT = ("ROL", "ROR", "RCL", "RCR", "SHL", "SHR", "SETMO", "SAR")
PLAIN = [
    "mov_rr",
    "mov_ri",
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
#: Templates with a parameter for the address size.
ADDRESSED = ["mov_rm", "mov_mr", "mov_mi", "lea"]
#: Instructions that read memory (R_* of ops_memory.pxi), and the sizes of the operand there.
READ = {
    "MUL": (1, 2, 4),
    "IMUL": (1, 2, 4),
    "DIV": (1, 2, 4),
    "IDIV": (1, 2, 4),
    "IMUL_RR": (2, 4),
    "IMUL_RI": (2, 4),
    "PUSH": (2, 4),
    "SREG": (2,),
    "ZX16": (1,),
    "ZX32": (1, 2),
    "SX16": (1,),
    "SX32": (1, 2),
}
#: Instructions that read and write it (W_*, after the shifts by a constant and by CL).
MODIFY = {
    "XCHG": (1, 2, 4),
    "XADD": (1, 2, 4),
    "CMPXCHG": (1, 2, 4),
    "BTS": (2, 4),
    "BTR": (2, 4),
    "BTC": (2, 4),
    "SHLD": (2, 4),
    "SHRD": (2, 4),
    "SHLD_CL": (2, 4),
    "SHRD_CL": (2, 4),
    "SAME": (1, 2, 4),
}
BITS = {"BT": (2, 4), "BTS": (2, 4), "BTR": (2, 4), "BTC": (2, 4)}
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

    def sized(
        self, forms: Mapping[str, tuple[int, ...]], template: str, stem: str, prefix: str
    ) -> list[list[str]]:
        """Instances for the operand sizes that an instruction has; NULL for the others."""
        return [
            [
                self.handler(f"{op.lower()}{8 * s}_{stem}", f"{template}(c, o, {prefix}{op}, {s})")
                if s in sizes
                else "NULL"
                for s in SIZES
            ]
            for op, sizes in forms.items()
        ]

    def addressed(
        self, operations: tuple[str, ...], template: str, stem: str, name: str, last: str = ""
    ) -> None:
        """A table for addresses of 16 bits and one for addresses of 32 bits."""
        self.table(name, self.by_size(operations, template, stem, f"{last}, 2"))
        self.table(f"{name}_A32", self.by_size(operations, template, f"{stem}_a32", f"{last}, 4"))

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
    for form in ("rr", "ri"):
        g.flagged(ALU, f"alu_{form}")
    g.addressed(ALU, "alu_rm", "rm", "ALU_RM", ", LIVE")
    g.addressed(ALU, "alu_rm", "rm_dead", "ALU_RM_DEAD", ", DEAD")
    for form in ("mr", "mi"):
        g.addressed(ALU, f"alu_{form}", form, f"ALU_{form.upper()}")
    g.flagged(UNARY, "unary_r")
    for form in ("alu_rr", "alu_ri"):
        g.flagged(ALU, f"predicated_{form}")
    g.flagged(UNARY, "predicated_unary_r")
    g.addressed(UNARY, "unary_m", "m", "UNARY_M")
    g.flagged(SHIFT, "shift_ri")
    g.table("SHIFT_RC", g.by_size(SHIFT, "shift_rc", "rc"))
    g.fused(FUSED, "jcc")
    g.fused(FUSED_PREDICATE, "predicate")
    g.runs()
    for name in PLAIN:
        row = [g.handler(f"{name}{8 * s}", f"{name}(c, o, {s})") for s in SIZES]
        g.table(name.upper(), [row])
    for name in ADDRESSED:
        for table, stem, a in ((name, name, 2), (f"{name}_a32", f"{name}_a32_", 4)):
            row = [g.handler(f"{stem}{8 * s}", f"{name}(c, o, {s}, {a})") for s in SIZES]
            g.table(table.upper(), [row])
    g.table("READ_M", g.sized(READ, "read_m", "m", "R_"))
    shifts = g.by_size(SHIFT, "modify_m", "mi")
    shifts += [
        [
            g.handler(f"{op.lower()}{8 * s}_mc", f"modify_m(c, o, W_BY_CL + {op}, {s})")
            for s in SIZES
        ]
        for op in SHIFT
    ]
    g.table("MODIFY_M", shifts + g.sized(MODIFY, "modify_m", "m", "W_"))
    g.table("BIT_M", g.sized(BITS, "bit_m", "mr", ""))
    for table, stem, a in (("STRING", "", 2), ("STRING_A32", "_a32", 4)):
        g.table(
            table,
            [
                [
                    g.handler(f"{op.lower()}{8 * s}{stem}", f"string(c, o, S_{op}, {s}, {a})")
                    for s in SIZES
                ]
                for op in STRING
            ],
        )
    rows: list[list[str]] = []
    for op in STRING:
        rows.append([])
        for s in SIZES:
            name = f"rep_{op.lower()}{8 * s}"
            long = g.handler(f"{name}_long", f"repeat_long(c, o, S_{op}, {s})")
            rows[-1].append(g.handler(name, f"repeat(c, o, S_{op}, {s}, {long})"))
    g.table("REPEAT", rows)
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
