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
        *(*range(0x04), *range(0x90, 0xA0), 0xA3, 0xA4, 0xA5, 0xAB, 0xAC),
        *(0xAD, 0xAF, *range(0xB0, 0xB8), *range(0xBA, 0xC2)),
    ]
)
_0F_BYTE = frozenset((0xA4, 0xAC, 0xBA))


class Flow(NamedTuple):
    """The end of straight code. Places are CS << 16 | IP."""

    kind: int
    to: tuple[int, ...] | None
    """Where it may go on; None: anywhere."""
    after: int
    """The instruction after the one that ends it."""
    size: int = 0
    """Bytes that it pushes, or pops."""
    last: int = 0
    """The instruction that ends it."""
    vector: int = 0
    """Of an INT."""


def flow(code: bytes, cs: int, ip: int, level: int) -> Flow:
    """The end of the code that begins at cs:ip, with these bytes. `level` is the model: 0 an 8086,
    4 an 80486."""
    at = 0
    while at < len(code):
        start = at
        wide = False  # of operands
        far = False  # of addresses
        while at < len(code):
            if code[at] not in _PREFIXES and not (level >= 3 and 0x64 <= code[at] < 0x68):
                break
            wide = wide or code[at] == 0x66
            far = far or code[at] == 0x67
            at += 1
        op = code[at] if at < len(code) else 0x90
        found = _end(code, at, ip, level, wide)
        if found is not None:
            kind, to, after, size, _, vector = found
            places = None if to is None else tuple([cs << 16 | each & 0xFFFF for each in to])
            last = cs << 16 | ip + start & 0xFFFF
            return Flow(kind, places, cs << 16 | after & 0xFFFF, size, last, vector)
        at = _next(code, at, op, level, wide, far)
    end = cs << 16 | ip + at & 0xFFFF
    return Flow(UNKNOWN, None, end, 0, end)


def _end(code: bytes, at: int, ip: int, level: int, wide: bool) -> Flow | None:
    """The end, if the instruction whose opcode is at `at` is one; its places are offsets that may
    be out of the segment."""
    op = code[at] if at < len(code) else 0x90
    second = code[at + 1] if at + 1 < len(code) else 0
    word = 4 if wide else 2
    if level == 0 and op in (0xC0, 0xC1, 0xC8, 0xC9):
        op += 2
    if 0x70 <= op < 0x80 or 0xE0 <= op < 0xE4 or op == 0xEB or (level == 0 and 0x60 <= op < 0x70):
        after = ip + at + 2
        to = after + second - (second >> 7 << 8)
        return Flow(JUMP, (to,) if op == 0xEB else (to, after), after)
    if op in (0xE8, 0xE9) or (op == 0x0F and level >= 3 and 0x80 <= second < 0x90):
        at += 1 + (op == 0x0F)
        after = ip + at + word
        to = after + int.from_bytes(code[at : at + word], "little")
        if op == 0xE8:
            return Flow(CALL, (to,), after, word)
        return Flow(JUMP, (to, after) if op == 0x0F else (to,), after)
    if op in (0x9A, 0xEA):
        return Flow(CALL if op == 0x9A else JUMP, None, ip + at + 3 + word, 2 * word)
    if op == 0xFF and 2 <= (second >> 3 & 7) <= 5:
        after = ip + _next(code, at, op, level, wide, False)
        way = second >> 3 & 7
        return Flow(CALL if way < 4 else JUMP, None, after, word * (1 + (way & 1)))
    if op in (0xC2, 0xC3, 0xCA, 0xCB):
        drops = int.from_bytes(code[at + 1 : at + 3], "little") if op in (0xC2, 0xCA) else 0
        return Flow(RETURN, None, ip + at + 1, word * (1 + (op >= 0xCA)) + drops)
    if op == 0xCF:
        return Flow(RETURN, None, ip + at + 1, 3 * word)
    if op in (0xCC, 0xCD, 0xCE) or (op == 0xF1 and level >= 3):
        vector = {0xCC: 3, 0xCD: second, 0xCE: 4, 0xF1: 1}[op]
        return Flow(INT, None, ip + at + 1 + (op == 0xCD), 6, 0, vector)
    return None


def _next(code: bytes, at: int, op: int, level: int, wide: bool, far: bool) -> int:
    """Where the next instruction begins."""
    word = 4 if wide else 2
    at += 1
    if op == 0x0F and level >= 2:
        second = code[at] if at < len(code) else 0
        at += 1
        if 0x20 <= second < 0x27:
            return at + 1  # MOV of a control register has no memory operand
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
