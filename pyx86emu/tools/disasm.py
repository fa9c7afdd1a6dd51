"""Disassembly: turn bytes of 16-bit code into lines of assembly. Know no machine."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from .._core import exact
from ..address import Address, located
from ..models import canonical, fields
from ..symbols import Symbols

Syntax = Literal["nasm", "masm", "att"]
SYNTAXES = ("nasm", "masm", "att")
#: No x86 instruction is longer.
LONGEST = 15
#: Opcodes that an older model does not know, or knows as another instruction, by the level of the
#: first model that has them (8086 0, 80186 1, 80286 2, 80386 3, 80486 4).
_ONE_BYTE = {
    **dict.fromkeys((*range(0x60, 0x63), *range(0x68, 0x70), 0xC0, 0xC1, 0xC8, 0xC9), 1),
    0x63: 2,
    **dict.fromkeys(range(0x64, 0x68), 3),
}
_TWO_BYTES = {
    **dict.fromkeys((0x00, 0x01, 0x02, 0x03, 0x06), 2),
    **dict.fromkeys((*range(0x20, 0x27), *range(0x80, 0xA6), *range(0xA8, 0xB0)), 3),
    **dict.fromkeys(range(0xB2, 0xB8), 3),
    **dict.fromkeys(range(0xBA, 0xC0), 3),
    **dict.fromkeys((0x08, 0x09, 0xA2, 0xB0, 0xB1, 0xC0, 0xC1, *range(0xC8, 0xD0)), 4),
}
PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0xF0, 0xF2, 0xF3)
_STRINGS = {
    f"{name}{size}"
    for name in ("movs", "cmps", "stos", "lods", "scas", "ins", "outs")
    for size in "bwd"
} | {"xlatb"}
_OVERRIDES = {0x26: "es", 0x2E: "cs", 0x36: "ss", 0x3E: "ds", 0x64: "fs", 0x65: "gs"}
_SHIFTS = ("rol", "ror", "rcl", "rcr", "shl", "shr", "sal", "sar")
#: Names of capstone, and those of nasm.
_OTHERS = {
    "lcall": "call",
    "ljmp": "jmp",
    "pushaw": "pusha",
    "popaw": "popa",
    "pushal": "pushad",
    "popal": "popad",
}
#: Instructions of the FPU that are newer than the 80486.
_LATER = ("fcmov", "fcomi", "fcompi", "fucomi", "fucompi", "fisttp", "ffreep")
_TARGET = re.compile("\\$?(0x[0-9a-f]+|[0-9a-f]+h|[0-9])")
_JUMPS = ("j", "call", "loop")


class Line(NamedTuple):
    """One instruction, or bytes that are none."""

    address: int
    """Linear."""
    cs: int
    ip: int
    code: bytes
    text: str
    label: str | None = None
    """The label of this address."""
    source: str | None = None
    """The line of the listing that it comes from."""

    def __str__(self) -> str:
        line = f"{self.cs:04x}:{self.ip:04x}  {self.code.hex():16} {self.text}"
        return line if self.source is None else f"{line:60} ; {self.source}"


class Listing(tuple[Line, ...]):
    """Lines of disassembly. Printed, each label is a line of its own."""

    def __str__(self) -> str:
        return "\n".join(
            f"{line.label}:\n{line}" if line.label is not None else str(line) for line in self
        )


Read = Callable[[int, int], bytes]


def disassemble(
    read: Read,
    at: Address,
    count: int,
    *,
    model: str = "80486",
    syntax: Syntax = "nasm",
    symbols: Symbols | None = None,
    end: int | None = None,
) -> Listing:
    """`count` instructions from `at`. `read(linear, size)` gives the bytes; fewer end the listing.

    `at` is "SEG:OFF", a pair, or a linear address, which gets the highest segment of 64 KiB below
    1 MiB. After offset FFFFh comes 0 in the same segment. `end`: a linear address at which it ends.
    Bytes that are no instruction of `model` are `db` lines.

    ImportError: capstone is not installed (extra `asm`). ValueError: an unknown model or syntax, or
    no address.

    >>> code = bytes.fromhex("b80100 ebfe")
    >>> print(disassemble(lambda at, size: code[at : at + size], "0:0", 2))
    0000:0000  b80100           mov ax, 1
    0000:0003  ebfe             jmp 0x3
    """
    if syntax not in SYNTAXES:
        raise ValueError(f"syntax {syntax!r}: choose from {', '.join(SYNTAXES)}")
    count, end = exact(count, "count"), None if end is None else exact(end, "end")
    place = located(at, symbols=symbols, what="at")
    cs, ip = place.cs, place.ip
    if cs is None or ip is None:
        cs = min(place.linear >> 4, 0xFFFF) & 0xF000 if place.linear > 0xFFFF else 0
        ip = place.linear - (cs << 4) & 0xFFFF
    decoder = _Decoder(model, syntax)
    found: list[Line] = []
    while len(found) < count:
        address = (cs << 4) + ip
        if end is not None and address >= end:
            break
        code = read(address, LONGEST if end is None else min(LONGEST, end - address))
        if ip + LONGEST > 0x10000 and len(code) >= 0x10000 - ip:
            code = code[: 0x10000 - ip] + read(cs << 4, LONGEST - (0x10000 - ip))
        if not code:
            break
        size, text, target = decoder.one(code, ip)
        if symbols is not None and target is not None:
            name = symbols.at((cs << 4) + target)
            text = text if name is None else f"{text.rpartition(' ')[0]} {name}"
        label = None if symbols is None else symbols.at(address)
        source = None if symbols is None else symbols.lines.get(address)
        shown = None if source is None else source.text
        found.append(Line(address, cs, ip, code[:size], text, label, shown))
        ip = ip + size & 0xFFFF
    return Listing(found)


class _Decoder:
    """Capstone for one model and syntax."""

    def __init__(self, model: str, syntax: Syntax) -> None:
        self.level = int(fields(canonical(model))["level"])
        self.syntax = syntax
        self._cs = _capstone(syntax)

    def one(self, code: bytes, ip: int) -> tuple[int, str, int | None]:
        """Size and text of the first instruction of `code`, and the offset that it jumps to."""
        if self._unknown(code):
            return self._data(code)
        for _, size, name, operands in self._lite(code, ip):
            name = name.removeprefix("notrack ")
            if name.startswith(_LATER):
                break
            if name.startswith(_JUMPS) and (match := _TARGET.fullmatch(operands)):
                target = _number(match[1]) & 0xFFFF
                return size, f"{name} {self._hex(target)}", target
            return size, self._text(name, operands, code), None
        return self._data(code)

    def _lite(self, code: bytes, ip: int) -> Iterator[tuple[int, int, str, str]]:
        found: Iterator[tuple[int, int, str, str]] = self._cs.disasm_lite(code[:LONGEST], ip, 1)
        return found

    def _unknown(self, code: bytes) -> bool:
        """Does the model not have this instruction?"""
        at = 0
        sizes = (0x66, 0x67, 0x64, 0x65) if self.level >= 3 else ()
        while at < len(code) - 1 and (code[at] in PREFIXES or code[at] in sizes):
            at += 1
        first = code[at]
        if first == 0x0F:
            second = code[at + 1] if at + 1 < len(code) else 0
            return self.level < _TWO_BYTES.get(second, 5)
        return self.level < _ONE_BYTE.get(first, 0)

    def _data(self, code: bytes) -> tuple[int, str, int | None]:
        if self.syntax == "att":
            return 1, f".byte {code[0]:#04x}", None
        return 1, f"db {self._hex(code[0], 2)}", None

    def _hex(self, value: int, digits: int = 1) -> str:
        if self.syntax != "masm":
            return f"0x{value:0{digits}x}"
        text = f"{value:0{digits}x}h"
        return text if text[0].isdigit() else "0" + text

    def _text(self, name: str, operands: str, code: bytes) -> str:
        if self.syntax == "nasm":
            return _nasm(name, operands, code)
        return f"{name} {operands}".rstrip()


def _number(text: str) -> int:
    return int(text[:-1], 16) if text.endswith("h") else int(text, 0)


def _nasm(name: str, operands: str, code: bytes) -> str:
    """As nasm takes it."""
    words = name.split()
    base = words[-1]
    if base in _STRINGS:
        over = next((_OVERRIDES[byte] for byte in code if byte in _OVERRIDES), "")
        prefixed = code[:LONGEST].lstrip(bytes((0xF2, 0xF3, 0xF0, 0x66, 0x67)))
        wide = "a32 " if 0x67 in code[: len(code) - len(prefixed)] else ""
        if prefixed[:1] and prefixed[0] in _OVERRIDES and over:
            words.insert(-1, over)
        return wide + " ".join(words)
    if base in _OTHERS:
        words[-1] = _OTHERS[base]
        if base == "lcall" or base == "ljmp":
            operands = operands.replace(", ", ":")
            if operands.endswith("]"):
                operands = "far " + operands.replace("dword ptr ", "").replace("word ptr ", "")
                operands = operands.replace("ptr ", "")
    if base == "bound":
        operands = operands.replace("dword ptr ", "").replace("qword ptr ", "")
    if base in _SHIFTS and "," not in operands:
        operands += ", 1"
    operands = operands.replace("xword ptr", "tword").replace("tbyte ptr", "tword")
    operands = operands.replace(" ptr [", " [").replace("ptr [", "[").replace(" ptr ", " ")
    operands = re.sub(r"st\(([0-7])\)", r"st\1", operands)
    return f"{' '.join(words)} {_segments_inside(operands)}".rstrip()


def _segments_inside(operands: str) -> str:
    """nasm writes [es:di] where others write es:[di]."""
    for segment in ("cs", "ds", "es", "fs", "gs", "ss"):
        operands = operands.replace(f"{segment}:[", f"[{segment}:")
    return operands


def _capstone(syntax: Syntax) -> Any:
    try:
        import capstone
    except ImportError:
        raise ImportError(
            "disassembly needs capstone: pip install 'pyx86emu[asm]'", name="capstone"
        ) from None
    decoder = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_16)
    decoder.syntax = {
        "nasm": capstone.CS_OPT_SYNTAX_INTEL,
        "masm": capstone.CS_OPT_SYNTAX_MASM,
        "att": capstone.CS_OPT_SYNTAX_ATT,
    }[syntax]
    return decoder
