"""Flow: where straight 16-bit code ends, and whether it calls or returns there. Knows no guest.

Lengths of instructions: Intel386 PRM, appendix A, and 80286 PRM, appendix B; the 8086 has more
names for Jcc and RET (opcodes 60-6F, C0, C1, C8, C9).
"""

from typing import NamedTuple

#: What ends straight code: a jump (also Jcc, whether it jumps or not), a call, INT, a return; or
#: nothing that is known.
JUMP, CALL, INT, RETURN, UNKNOWN = range(5)
#: Longer straight code has an end that is not known.
MOST = 4096

_PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0xF0, 0xF2, 0xF3))
#: Instructions with a ModR/M byte, and what follows it: 1 is a byte, 2 a word, or with the prefix
#: 66h a dword; 3 is a word always.
_MODRM = {
    **{op: 0 for op in range(0x40) if op & 7 < 4 and op != 0x0F},
    **dict.fromkeys((*range(0x84, 0x90), *range(0xD0, 0xD4), *range(0xD8, 0xE0)), 0),
    **dict.fromkeys((0x62, 0x63, 0xC4, 0xC5, 0xF6, 0xF7, 0xFE, 0xFF), 0),
    **dict.fromkeys((0x6B, 0x80, 0x82, 0x83, 0xC0, 0xC1, 0xC6), 1),
    **dict.fromkeys((0x69, 0x81, 0xC7), 2),
}
#: Others with something after the opcode.
_PLAIN = {
    **{op: 1 + (op & 1) for op in range(0x40) if op & 6 == 4},
    **dict.fromkeys((0x6A, 0xA8, 0xCD, 0xD4, 0xD5, 0xEB), 1),
    **dict.fromkeys((*range(0x70, 0x80), *range(0xB0, 0xB8), *range(0xE0, 0xE8)), 1),
    **dict.fromkeys((0x68, 0xA9, *range(0xB8, 0xC0), 0xE8, 0xE9), 2),
    **dict.fromkeys((0xC2, 0xCA), 3),
}
_0F_MODRM = frozenset(
    [
        *(*range(0x04), *range(0x20, 0x27), *range(0x90, 0xA0), 0xA3, 0xA4, 0xA5, 0xAB, 0xAC),
        *(0xAD, 0xAF, *range(0xB0, 0xB8), *range(0xBA, 0xC2)),
    ]
)
_0F_BYTE = frozenset((0xA4, 0xAC, 0xBA))


class Flow(NamedTuple):
    """The end of straight code."""

    kind: int
    last: int
    """Offset of the instruction that ends it,"""
    after: int
    """and of the one after it."""
    to: tuple[int, ...] | None
    """Offsets in the same segment where it may go on; None: anywhere."""
    size: int = 0
    """Bytes that it pushes, or pops."""
    vector: int = 0
    """Of an INT."""


def flow(code: bytes, ip: int, level: int) -> Flow:
    """The end of the code that begins at offset `ip`, with these bytes. `level` is the model: 0 an
    8086, 4 an 80486."""
    at = 0
    while at < len(code):
        start = at
        wide = False  # of operands
        far = False  # of addresses
        while at < len(code) and (
            code[at] in _PREFIXES or (level >= 3 and 0x64 <= code[at] < 0x68)
        ):
            wide = wide or code[at] == 0x66
            far = far or code[at] == 0x67
            at += 1
        op = code[at] if at < len(code) else 0x90
        found = _end(code, at, ip, ip + start & 0xFFFF, level, wide)
        if found is not None:
            return found
        at = _next(code, at, op, level, wide, far)
    end = ip + at & 0xFFFF
    return Flow(UNKNOWN, end, end, None)


def _end(code: bytes, at: int, ip: int, start: int, level: int, wide: bool) -> Flow | None:
    """The end, if the instruction whose opcode is at `at` is one."""
    op = code[at] if at < len(code) else 0x90
    second = code[at + 1] if at + 1 < len(code) else 0
    word = 4 if wide else 2
    if level == 0 and op in (0xC0, 0xC1, 0xC8, 0xC9):
        op += 2
    if 0x70 <= op < 0x80 or 0xE0 <= op < 0xE4 or op == 0xEB or (level == 0 and 0x60 <= op < 0x70):
        after = ip + at + 2 & 0xFFFF
        to = after + second - (second >> 7 << 8) & 0xFFFF
        return Flow(JUMP, start, after, (to,) if op == 0xEB else (to, after))
    if op in (0xE8, 0xE9) or (op == 0x0F and level >= 3 and 0x80 <= second < 0x90):
        at += 1 + (op == 0x0F)
        after = ip + at + word & 0xFFFF
        to = after + int.from_bytes(code[at : at + word], "little") & 0xFFFF
        if op == 0xE8:
            return Flow(CALL, start, after, (to,), word)
        return Flow(JUMP, start, after, (to, after) if op == 0x0F else (to,))
    if op in (0x9A, 0xEA):
        after = ip + at + 3 + word & 0xFFFF
        return Flow(CALL if op == 0x9A else JUMP, start, after, None, 2 * word)
    if op == 0xFF and 2 <= (second >> 3 & 7) <= 5:
        after = ip + _next(code, at, op, level, wide, False) & 0xFFFF
        way = second >> 3 & 7
        return Flow(CALL if way < 4 else JUMP, start, after, None, word * (1 + (way & 1)))
    if op in (0xC2, 0xC3, 0xCA, 0xCB):
        drops = int.from_bytes(code[at + 1 : at + 3], "little") if op in (0xC2, 0xCA) else 0
        size = word * (1 + (op >= 0xCA)) + drops
        return Flow(RETURN, start, start, None, size)
    if op == 0xCF:
        return Flow(RETURN, start, start, None, 3 * word)
    if op in (0xCC, 0xCD, 0xCE) or (op == 0xF1 and level >= 3):
        after = ip + at + 1 + (op == 0xCD) & 0xFFFF
        vector = {0xCC: 3, 0xCD: second, 0xCE: 4, 0xF1: 1}[op]
        return Flow(INT, start, after, None, 6, vector)
    return None


def _next(code: bytes, at: int, op: int, level: int, wide: bool, far: bool) -> int:
    """Where the next instruction begins."""
    word = 4 if wide else 2
    at += 1
    if op == 0x0F and level >= 2:
        second = code[at] if at < len(code) else 0
        at += 1
        if second in _0F_MODRM:
            at += _operand(code, at, far)
        return at + (second in _0F_BYTE)
    if 0xA0 <= op < 0xA4:
        return at + (4 if far else 2)
    if op == 0xC8:
        return at + 3  # ENTER
    if op in (0xF6, 0xF7):
        tests = at < len(code) and code[at] >> 3 & 7 < 2
        return at + _operand(code, at, far) + ((1 if op == 0xF6 else word) if tests else 0)
    size = _MODRM.get(op)
    if size is not None:
        return at + _operand(code, at, far) + (word if size == 2 else size)
    size = _PLAIN.get(op, 0)
    return at + (word if size == 2 else 2 if size == 3 else size)


def _operand(code: bytes, at: int, far: bool) -> int:
    """How long a ModR/M byte is with what belongs to it."""
    byte = code[at] if at < len(code) else 0
    mod, rm = byte >> 6, byte & 7
    if mod == 3:
        return 1
    if not far:
        return 1 + (mod or 2 * (rm == 6))
    scaled = rm == 4
    base = (code[at + 1] if at + 1 < len(code) else 0) & 7 if scaled else rm
    return 1 + scaled + (4 if mod == 2 or (mod == 0 and base == 5) else mod)
