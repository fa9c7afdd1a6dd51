"""The target description: tell gdb which registers there are and what memory is. Reads none.

gdb takes "i8086" only with the whole feature org.gnu.gdb.i386.core, st0 and fctrl included. Its
`eip` is a linear address here, since gdb knows no segments, and its `esp` and `ebp` point into a
call stack as it knows them (callstack.py). What the CPU has is in the feature of our own, as `ip`,
`sp` and `bp`; `stack` is the linear address of SS:SP.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Register(NamedTuple):
    """A register in gdb's order: its name, its size in bytes, its type and group."""

    name: str
    size: int
    type: str = "int32"
    group: str = ""


GENERAL = ("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "eip", "eflags")
SEGMENTS = ("cs", "ss", "ds", "es", "fs", "gs")
FLOATING = ("fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop")
POINTERS = {"eip": "code_ptr", "esp": "data_ptr", "ebp": "data_ptr", "eflags": "i386_eflags"}

CORE = (
    *(Register(name, 4, POINTERS.get(name, "int32")) for name in GENERAL),
    *(Register(name, 4) for name in SEGMENTS),
    *(Register(f"st{number}", 10, "i387_ext", "float") for number in range(8)),
    *(Register(name, 4, "int", "float") for name in FLOATING),
)
REAL = (
    *(Register(name, 2, "uint16", "general") for name in ("ip", "sp", "bp")),
    Register("stack", 4, "data_ptr", "general"),
)
#: All registers; gdb numbers them in this order.
REGISTERS = CORE + REAL
NUMBER = {register.name: number for number, register in enumerate(REGISTERS)}

#: Bits of EFLAGS up to the 80486, and their names.
FLAGS = (
    *((0, "CF"), (1, ""), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF")),
    *((10, "DF"), (11, "OF"), (14, "NT"), (16, "RF"), (17, "VM"), (18, "AC")),
)


def _reg(register: Register) -> str:
    group = f' group="{register.group}"' if register.group else ""
    size = register.size * 8
    return f'<reg name="{register.name}" bitsize="{size}" type="{register.type}"{group}/>'


def _feature(name: str, types: str, registers: Iterable[Register]) -> str:
    return f'<feature name="{name}">{types}{"".join(map(_reg, registers))}</feature>'


def target() -> str:
    """target.xml (GDB manual, appendix G, "Target Descriptions")."""
    fields = "".join(f'<field name="{name}" start="{bit}" end="{bit}"/>' for bit, name in FLAGS)
    flags = f'<flags id="i386_eflags" size="4">{fields}</flags>'
    return (
        '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">'
        "<architecture>i8086</architecture><osabi>none</osabi>"
        f"{_feature('org.gnu.gdb.i386.core', flags, CORE)}"
        f"{_feature('org.pyx86emu.real-mode', '', REAL)}"
        "</target>"
    )


def memory_map(end: int, roms: Iterable[tuple[int, int]]) -> str:
    """The memory map: everything up to `end` is RAM, but the ROMs, pairs of address and end.

    Holes count as RAM, so that gdb asks for them: the display card may answer there.
    """
    parts, at = [], 0
    for first, last in sorted(roms):
        if first > at:
            parts.append(("ram", at, first))
        if last > max(at, first):
            parts.append(("rom", max(at, first), last))
        at = max(at, last)
    if end > at:
        parts.append(("ram", at, end))
    rows = "".join(
        f'<memory type="{kind}" start="{first:#x}" length="{last - first:#x}"/>'
        for kind, first, last in parts
    )
    return (
        '<?xml version="1.0"?><!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map '
        f'V1.0//EN" "http://sourceware.org/gdb/gdb-memory-map.dtd"><memory-map>{rows}</memory-map>'
    )
