"""Flow: follow 16-bit code from instruction to instruction. Decode lengths and jumps, no more."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

#: Reads code at a linear address: up to so many bytes, fewer at a hole.
Read = Callable[[int, int], bytes]
#: So many instructions are followed.
MOST_FOLLOWED = 1000
#: And so many in all that is asked about one stack.
MOST_ALTOGETHER = 20_000
LONGEST = 16
#: Opcodes with ModRM, but no immediate; of the map 0F, too.
MODRM = frozenset(
    (
        *(op + low for op in range(0, 0x40, 8) for low in range(4)),
        *(0x62, 0x63, *range(0x84, 0x90), 0xC4, 0xC5, *range(0xD0, 0xD4), *range(0xD8, 0xE0)),
        *(0xFE, 0xFF),
    )
)
MODRM_BYTE = frozenset((0x6B, 0x80, 0x82, 0x83, 0xC0, 0xC1, 0xC6))
MODRM_WORD = frozenset((0x69, 0x81, 0xC7))
BYTE = frozenset((*range(0x04, 0x40, 8), 0x6A, 0xA8, *range(0xB0, 0xB8), 0xCD, 0xD4, 0xD5))
BYTE_PORT = frozenset(range(0xE4, 0xE8))
WORD = frozenset((*range(0x05, 0x40, 8), 0x68, 0xA9, *range(0xB8, 0xC0)))
SECOND_BARE = frozenset((5, 6, 7, 8, 9, 11, *range(0x30, 0x34), 0xA0, 0xA1, 0xA2, 0xA8, 0xA9, 0xAA))
SECOND_BYTE = frozenset((0xA4, 0xAC, 0xBA))
PREFIXES = frozenset((0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF2, 0xF3))
RETURNS = frozenset((0xC2, 0xC3, 0xCA, 0xCB, 0xCF))


class Instruction(NamedTuple):
    """Its length; what it jumps to, relative to its end; does the next one follow; is it a CALL
    with operands of 32 bits."""

    length: int
    jump: int | None = None
    falls: bool = True
    wide_call: bool = False


def _modrm(code: bytes, at: int, address32: bool) -> int:
    """Bytes of the ModRM operand from `at` on."""
    mod, rm = code[at] >> 6, code[at] & 7
    if mod == 3:
        return 1
    if not address32:
        return 1 + (2 if mod == 2 or (mod == 0 and rm == 6) else mod)
    size, base = 1, rm
    if rm == 4:
        size, base = 2, code[at + 1] & 7
    return size + (4 if mod == 2 or (mod == 0 and base == 5) else mod)


@lru_cache(maxsize=1 << 13)
def decode(code: bytes) -> Instruction | None:
    """The instruction that the bytes begin with; None: there is none, or it is cut off."""
    try:
        one = _decode(code)
    except IndexError:
        return None
    return one if one.length <= len(code) else None


def _decode(code: bytes) -> Instruction:
    at, size, address32 = 0, 2, False
    while code[at] in PREFIXES:
        size = 4 if code[at] == 0x66 else size
        address32 = address32 or code[at] == 0x67
        at += 1
    op, at = code[at], at + 1
    if op == 0x0F:
        return _second(code, at, size, address32)
    if 0x70 <= op < 0x80 or 0xE0 <= op < 0xE4 or op == 0xEB:
        return _jump(code, at, 1, falls=op != 0xEB)
    if op == 0xE9:
        return _jump(code, at, size, falls=False)
    if op in (0xE8, 0x9A):
        return Instruction(at + size + (2 if op == 0x9A else 0), wide_call=size == 4)
    if op in RETURNS or op == 0xEA:
        more = {0xC2: 2, 0xCA: 2, 0xEA: 2 + size}.get(op, 0)
        return Instruction(at + more, falls=False)
    return _plain(code, op, at, size, address32)


def _plain(code: bytes, op: int, at: int, size: int, address32: bool) -> Instruction:
    if op in MODRM or op in MODRM_BYTE or op in MODRM_WORD or op in (0xF6, 0xF7):
        middle = code[at] >> 3 & 7
        end = at + _modrm(code, at, address32)
        if op in MODRM_BYTE or (op == 0xF6 and middle < 2):
            end += 1
        elif op in MODRM_WORD or (op == 0xF7 and middle < 2):
            end += size
        leaves = op == 0xFF and middle in (4, 5)
        return Instruction(end, falls=not leaves, wide_call=op == 0xFF and middle == 2 and size > 2)
    if op in BYTE or op in BYTE_PORT:
        return Instruction(at + 1)
    if op in WORD:
        return Instruction(at + size)
    if 0xA0 <= op < 0xA4:
        return Instruction(at + (4 if address32 else 2))
    return Instruction(at + (3 if op == 0xC8 else 0))


def _second(code: bytes, at: int, size: int, address32: bool) -> Instruction:
    op, at = code[at], at + 1
    if 0x80 <= op < 0x90:
        return _jump(code, at, size, falls=True)
    if op in SECOND_BARE or 0xC8 <= op < 0xD0:
        return Instruction(at)
    return Instruction(at + _modrm(code, at, address32) + (op in SECOND_BYTE))


def _jump(code: bytes, at: int, size: int, falls: bool) -> Instruction:
    if len(code) < at + size:
        raise IndexError
    by = int.from_bytes(code[at : at + size], "little", signed=True)
    return Instruction(at + size, by, falls)


class Found(NamedTuple):
    """What following has met: offsets jumped to; does the first CALL have 32-bit operands."""

    targets: frozenset[int]
    wide: bool = False


class Code:
    """Reads memory by blocks, and keeps them. It follows a bounded number of instructions, whatever
    a guest has made of its stack and its code."""

    BLOCK = 0x100

    def __init__(self, read: Read) -> None:
        self._read = read
        self._blocks: dict[int, bytes] = {}
        self._found: dict[tuple[int, int, int | None], Found | None] = {}
        self._left = MOST_ALTOGETHER

    def __call__(self, at: int, size: int) -> bytes:
        out = b""
        while size > 0:
            number, skip = divmod(at, self.BLOCK)
            block = self._blocks.get(number)
            if block is None:
                block = self._blocks[number] = self._read(number * self.BLOCK, self.BLOCK)
            part = block[skip : skip + size]
            out += part
            if len(block) < self.BLOCK and len(part) < size:
                break
            at, size = at + len(part), size - len(part)
        return out

    def word(self, at: int) -> int | None:
        """Two bytes; None: there is no memory."""
        data = self(at, 2)
        return int.from_bytes(data, "little") if len(data) == 2 else None

    def follow(self, base: int, start: int, goal: int | None) -> Found | None:
        """Follow the code of a segment at linear address `base` from offset `start`, over calls, on
        both ways of a branch, to offset `goal`. None: it is not reached. Without a goal: everything
        that is reached."""
        key = base + start, base, goal
        if key not in self._found:
            self._found[key] = self._follow(base, start, goal)
        return self._found[key]

    def _follow(self, base: int, start: int, goal: int | None) -> Found | None:
        todo, done, targets = [start & 0xFFFF], set[int](), set[int]()
        wide: bool | None = None
        most = min(MOST_FOLLOWED, self._left)
        while todo and len(done) < most:
            ip = todo.pop()
            while ip not in done and len(done) < most:
                done.add(ip)
                code = self(base + ip, LONGEST)
                one = decode(code)
                if one is None or not any(code[:8]):  # zeros are no code
                    break
                following = (ip + one.length) & 0xFFFF
                if wide is None and (one.wide_call or code[0] in (0xE8, 0x9A)):
                    wide = one.wide_call
                if one.jump is not None:
                    target = (following + one.jump) & 0xFFFF
                    targets.add(target)
                    todo.append(target)
                if not one.falls:
                    break
                ip = following
        self._left -= len(done)
        if goal is not None and goal not in done:
            return None
        return Found(frozenset(targets), bool(wide))
