"""Random instruction streams of the 386 in real mode, block by block. Know encodings, run nothing.

Each block is straight-line code that ends in a HLT, mostly behind a jump, call, return or
interrupt. Its generator knows which flags are defined after each instruction and lets nobody read
the others.
What is left out, and why, is in test_unicorn.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

CF, PF, AF, ZF, SF, DF, OF = 0x1, 0x4, 0x10, 0x40, 0x80, 0x400, 0x800
ALL = CF | PF | AF | ZF | SF | OF
#: What POPF and IRET load here: no TF.
LOADED = ALL | DF | 0x7200
SZP = SF | ZF | PF
#: Flags that the conditions of Jcc and SETcc read, by condition / 2.
CONDITION = (OF, CF, ZF, CF | ZF, SF, PF, SF | OF, SF | OF | ZF)

HLT = b"\xf4"
CODE = 0xF000  #: the code segment; data lie below it
SEGMENTS = range(0x1000, 0x2001)  #: what segment registers may hold: 128 KiB in all
OVERRIDES = (b"\x26", b"\x36", b"\x3e", b"\x64", b"\x65")
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000)


def word(n: int) -> bytes:
    return (n & 0xFFFF).to_bytes(2, "little")


@dataclass
class Block:
    """Code for CODE:ip. Instruction i begins at starts[i]; before it, defined[i] are defined."""

    ip: int
    code: bytes
    starts: list[int]
    defined: list[int]

    def defined_at(self, ip: int) -> int:
        """Flags that are defined where an instruction begins, or behind the last one."""
        offset = ip - self.ip
        return (
            self.defined[self.starts.index(offset)] if offset in self.starts else self.defined[-1]
        )

    def first(self, n: int) -> Block:
        """Only the first n instructions."""
        code = self.code[: self.starts[n]] + HLT + HLT
        return Block(self.ip, code, self.starts[: n + 1], self.defined[: n + 1])


class Writer:
    """Writes one block."""

    def __init__(self, random: Random, ip: int, defined: int = ALL) -> None:
        self.random = random
        self.ip = ip
        self.code = bytearray()
        self.flags = defined
        self.starts: list[int] = []
        self.defined: list[int] = []

    def here(self) -> int:
        return self.ip + len(self.code)

    def below(self, n: int) -> int:
        return int(self.random.random() * n)

    def maybe(self, share: float) -> bool:
        return self.random.random() < share

    def value(self, size: int) -> bytes:
        """An immediate; often one at an edge."""
        if self.maybe(0.3):
            n = INTERESTING[self.below(len(INTERESTING))]
        else:
            n = self.random.getrandbits(32)
        return (n & (1 << 8 * size) - 1).to_bytes(size, "little")

    def segment(self) -> bytes:
        return word(SEGMENTS[self.below(len(SEGMENTS))])

    def put(self, *code: bytes | int, needs: int = 0, sets: int = 0, undefined: int = 0) -> None:
        """One instruction. If a flag that it needs is undefined, CMP AL,Ib defines it before."""
        if needs & ~self.flags:
            self.put(0x3C, self.value(1), sets=ALL)
        self.starts.append(len(self.code))
        self.defined.append(self.flags)
        for part in code:
            self.code += bytes((part,)) if isinstance(part, int) else part
        self.flags = (self.flags | sets) & ~undefined

    def size(self) -> tuple[int, bytes]:
        """An operand size in bytes and its prefix."""
        n = (1, 2, 2, 4)[self.below(4)]
        return n, b"\x66" if n == 4 else b""

    def wide(self) -> tuple[int, bytes]:
        return (2, b"") if self.maybe(0.6) else (4, b"\x66")

    def modrm(self, reg: int, *, memory: float = 0.4) -> tuple[bytes, bytes]:
        """Prefixes and ModR/M byte with what belongs to it; an operand in memory now and then."""
        if not self.maybe(memory):
            return b"", bytes((0xC0 | reg << 3 | self.below(8),))
        prefix = OVERRIDES[self.below(5)] if self.maybe(0.2) else b""
        if self.maybe(0.2):
            return b"\x67" + prefix, self.address32(reg)
        mode, rm = self.below(3), self.below(8)
        size = 2 if mode == 2 or (mode == 0 and rm == 6) else mode
        return prefix, bytes((mode << 6 | reg << 3 | rm,)) + self.value(size)

    def address32(self, reg: int) -> bytes:
        """A 32-bit address that stays below 64 KiB: the registers are made small first."""
        base, index = self.below(8), self.below(8)
        base = 3 if base in (4, 5) else base
        index = 6 if index == 4 else index
        for r in {base, index}:
            self.put(b"\x66\x0f\xb6", 0xC0 | r << 3 | self.below(4))  # MOVZX r32,r8
        displacement = (0x100 + self.below(0xE000)).to_bytes(4, "little")
        if self.maybe(0.5):
            return bytes((0x84 | reg << 3, self.below(4) << 6 | index << 3 | base)) + displacement
        return bytes((0x80 | reg << 3 | base,)) + displacement


# -- one instruction ------------------------------------------------------------------------------


def alu(w: Writer) -> None:
    op, (size, prefix) = w.below(8), w.size()
    needs = CF if op in (2, 3) else 0
    sets, undefined = (ALL & ~AF, AF) if op in (1, 4, 6) else (ALL, 0)
    wide = size > 1
    form = w.below(4)
    if form == 0:
        w.put(
            prefix, op << 3 | 4 | wide, w.value(size), needs=needs, sets=sets, undefined=undefined
        )
    elif form == 1:
        more, operand = w.modrm(op)
        short = wide and w.maybe(0.5)
        code = 0x83 if short else 0x80 | wide
        immediate = w.value(1 if short else size)
        w.put(prefix, more, code, operand, immediate, needs=needs, sets=sets, undefined=undefined)
    else:
        more, operand = w.modrm(w.below(8))
        code = op << 3 | (form & 1) << 1 | wide
        w.put(prefix, more, code, operand, needs=needs, sets=sets, undefined=undefined)


def test(w: Writer) -> None:
    size, prefix = w.size()
    if w.maybe(0.3):
        w.put(prefix, 0xA8 | (size > 1), w.value(size), sets=ALL & ~AF, undefined=AF)
    elif w.maybe(0.5):
        more, operand = w.modrm(0)
        code = 0xF6 | (size > 1)
        w.put(prefix, more, code, operand, w.value(size), sets=ALL & ~AF, undefined=AF)
    else:
        more, operand = w.modrm(w.below(8))
        w.put(prefix, more, 0x84 | (size > 1), operand, sets=ALL & ~AF, undefined=AF)


def one_operand(w: Writer) -> None:
    """INC DEC NOT NEG."""
    size, prefix = w.size()
    kind = w.below(4)
    if size > 1 and kind < 2 and w.maybe(0.5):
        w.put(prefix, 0x40 | kind << 3 | w.below(8), sets=ALL & ~CF)
        return
    more, operand = w.modrm(kind)
    code = (0xFE if kind < 2 else 0xF6) | (size > 1)
    w.put(prefix, more, code, operand, sets=(ALL & ~CF, ALL & ~CF, 0, ALL)[kind])


def multiply(w: Writer) -> None:
    size, prefix = w.size()
    sets, undefined = CF | OF, SZP | AF
    kind = w.below(4)
    if kind < 2:
        more, operand = w.modrm(4 + kind)
        w.put(prefix, more, 0xF6 | (size > 1), operand, sets=sets, undefined=undefined)
        return
    size, prefix = w.wide()
    more, operand = w.modrm(w.below(8))
    if kind == 2:
        w.put(prefix, more, b"\x0f\xaf", operand, sets=sets, undefined=undefined)
        return
    short = w.maybe(0.5)
    immediate = w.value(1 if short else size)
    code = 0x6B if short else 0x69
    w.put(prefix, more, code, operand, immediate, sets=sets, undefined=undefined)


def divide(w: Writer) -> None:
    """Mostly one that does not fault: the high half is made small."""
    size, prefix = w.size()
    if w.maybe(0.8):
        small = (b"\xb4", b"\xba", b"\x66\xba")[size >> 1]  # MOV AH,Ib; MOV (E)DX,Iv
        w.put(prefix, small, w.below(20).to_bytes(size, "little"))
    more, operand = w.modrm(6 + w.below(2))
    w.put(prefix, more, 0xF6 | (size > 1), operand, undefined=ALL)


def shift(w: Writer) -> None:
    """Counts of 1, immediate and in CL, as 386 PRM defines the flags for each."""
    size, prefix = w.size()
    op, form = w.below(8), w.below(3)
    rotate, wide = op < 4, size > 1
    needs = CF if op in (2, 3) else 0
    more, operand = w.modrm(op)
    lost = 0 if rotate or op == 7 or size == 4 else CF  # SHL, SHR by the width or more
    if form == 0:
        sets, undefined = (CF | OF, 0) if rotate else (ALL & ~AF, AF)
        w.put(prefix, more, 0xD0 | wide, operand, needs=needs, sets=sets, undefined=undefined)
    elif form == 1:
        count = w.below(36)
        n = count & 31
        sets = 0 if n == 0 else (CF if rotate else SZP | CF)
        undefined = 0 if n == 0 else (OF if rotate else OF | AF)
        if n == 1:
            sets, undefined = sets | OF, undefined & ~OF
        if n >= 8 * size:
            undefined |= lost
        if rotate and op > 1 and n % (8 * size + 1) == 0:
            sets = 0  # through CF, all the way round
        code = 0xC0 | wide
        w.put(prefix, more, code, operand, count, needs=needs, sets=sets, undefined=undefined)
    else:
        undefined = OF if rotate else OF | AF | lost
        w.put(prefix, more, 0xD2 | wide, operand, needs=needs, undefined=undefined)


def double_shift(w: Writer) -> None:
    """SHLD, SHRD by less than the width: by more, the result is undefined."""
    size, prefix = w.wide()
    count = w.below(8 * size)
    op = 0xA4 | w.below(2) << 3
    by_cl = w.maybe(0.4)
    more, operand = w.modrm(w.below(8))
    code: tuple[bytes | int, ...] = (0x0F, op, operand, count)
    if by_cl:
        w.put(0xB1, count)  # MOV CL,Ib
        code = (0x0F, op | 1, operand)
    sets, undefined = (0, 0) if count == 0 else (SZP | CF, AF | OF)
    if count == 1:
        sets, undefined = SZP | CF | OF, AF
    w.put(prefix, more, *code, sets=sets, undefined=undefined)


def bits(w: Writer) -> None:
    """BT BTS BTR BTC; BSF and BSR of what is not zero (of zero the result is undefined)."""
    size, prefix = w.wide()
    undefined = OF | SF | AF | PF
    kind = w.below(3)
    if kind == 0:
        more, operand = w.modrm(4 + w.below(4))
        w.put(prefix, more, b"\x0f\xba", operand, w.value(1), sets=CF, undefined=undefined)
    elif kind == 1:
        # 66h would reach 256 MiB to both sides of an operand in memory.
        more, operand = w.modrm(w.below(8), memory=0.4 if size == 2 else 0)
        code = 0xA3 | w.below(4) << 3
        w.put(prefix, more, 0x0F, code, operand, sets=CF, undefined=undefined)
    else:
        r = w.below(8)
        w.put(prefix, 0x83, 0xC8 | r, 1 << w.below(7), sets=ALL & ~AF, undefined=AF)  # OR r,Ib
        code = 0xBC | w.below(2)
        operand = bytes((0xC0 | w.below(8) << 3 | r,))
        w.put(prefix, 0x0F, code, operand, sets=ZF, undefined=ALL & ~ZF)


def move(w: Writer) -> None:
    size, prefix = w.size()
    wide = size > 1
    kind = w.below(5)
    if kind == 0:
        w.put(prefix, 0xB0 | wide << 3 | w.below(8), w.value(size))
    elif kind == 1:
        more, operand = w.modrm(0)
        w.put(prefix, more, 0xC6 | wide, operand, w.value(size))
    elif kind == 2:
        override = OVERRIDES[w.below(5)] if w.maybe(0.2) else b""
        w.put(prefix, override, 0xA0 | w.below(4) & 2 | wide, w.value(2))
    else:
        more, operand = w.modrm(w.below(8), memory=0.6)
        w.put(prefix, more, 0x88 | w.below(2) << 1 | wide, operand)


def exchange(w: Writer) -> None:
    size, prefix = w.size()
    kind = w.below(5)
    if kind == 0 and size > 1:
        w.put(prefix, 0x90 | w.below(8))
    elif kind == 1:
        more, operand = w.modrm(w.below(8))
        w.put(prefix, more, 0x0F, 0xC0 | (size > 1), operand, sets=ALL)  # XADD
    elif kind == 2:
        more, operand = w.modrm(w.below(8))
        w.put(prefix, more, 0x0F, 0xB0 | (size > 1), operand, sets=ALL)  # CMPXCHG
    elif kind == 3:
        w.put(b"\x66\x0f", 0xC8 | w.below(8))  # BSWAP
    else:
        more, operand = w.modrm(w.below(8))
        w.put(prefix, more, 0x86 | (size > 1), operand)


def extend(w: Writer) -> None:
    kind = w.below(4)
    if kind == 0:
        w.put(w.wide()[1], 0x98 | w.below(2))
    elif kind == 1:
        more, operand = w.modrm(w.below(8), memory=1)
        w.put(w.wide()[1], more, 0x8D, operand)
    elif kind == 2:
        w.put(OVERRIDES[w.below(5)] if w.maybe(0.3) else b"", 0xD7)
    else:
        more, operand = w.modrm(w.below(8))
        # A word operand for MOVZX and MOVSX into 32 bits only: into 16 they are plain moves.
        word_too = w.below(2)
        w.put(
            b"\x66" if word_too else w.wide()[1],
            more,
            0x0F,
            0xB6 | w.below(2) << 3 | word_too,
            operand,
        )


def stack(w: Writer) -> None:
    prefix = w.wide()[1]
    kind = w.below(10)
    if kind < 4:
        w.put(prefix, 0x50 | w.below(16))
    elif kind == 4:
        size = 4 if prefix else 2
        short = w.maybe(0.5)
        w.put(prefix, 0x6A if short else 0x68, w.value(1 if short else size))
    elif kind == 5:
        more, operand = w.modrm(6)
        w.put(prefix, more, 0xFF, operand)
    elif kind == 6:
        more, operand = w.modrm(0)
        w.put(prefix, more, 0x8F, operand)
    elif kind == 7:
        w.put(prefix, 0x60 | w.below(2))
    elif kind == 8:
        w.put((b"\x06", b"\x0e", b"\x16", b"\x1e", b"\x0f\xa0", b"\x0f\xa8")[w.below(6)])
    elif w.maybe(0.5):
        levels = w.below(4) if w.maybe(0.9) else w.below(64)
        w.put(0xC8, word(w.below(64)), levels)
    else:
        w.put(prefix, 0xC9)


def segments(w: Writer) -> None:
    """Load a segment register with a selector that keeps away from the code."""
    kind, which = w.below(4), (0, 3, 4, 5, 2)[w.below(5)]
    if kind == 0:
        r = w.below(8)
        w.put(0xB8 | r, w.segment())
        w.put(0x8E, 0xC0 | which << 3 | r)
    elif kind == 1:
        w.put(0x68, w.segment())
        w.put((b"\x07", b"", b"\x17", b"\x1f", b"\x0f\xa1", b"\x0f\xa9")[which])
    elif kind == 2:
        more, operand = w.modrm(which if w.maybe(0.8) else 1)
        w.put(more, 0x8C, operand)
    else:
        at = word(w.below(0xFFF0))
        w.put(0xC7, 0x06, word(int.from_bytes(at, "little") + 2), w.segment())
        load = {0: b"\xc4", 3: b"\xc5", 2: b"\x0f\xb2", 4: b"\x0f\xb4", 5: b"\x0f\xb5"}[which]
        w.put(load, 0x06 | w.below(8) << 3, at)


def flags(w: Writer) -> None:
    kind = w.below(8)
    if kind == 0:
        w.put(w.wide()[1], 0x9C, needs=ALL)
    elif kind == 1:
        w.put(0x68, word(w.random.getrandbits(16) & LOADED))
        w.put(0x9D, sets=ALL)
    elif kind == 2:
        w.put(0x9F, needs=ALL & ~OF)
    elif kind == 3:
        w.put(0x9E, sets=ALL & ~OF)
    elif kind == 4:
        w.put(0xF5, needs=CF)
    elif kind == 5:
        w.put((0xFC if w.maybe(0.7) else 0xFA) | w.below(2))
    elif kind == 6:
        w.put(0xD6, needs=CF)  # SALC
    else:
        w.put(0xF8 | w.below(2), sets=CF)


def decimal(w: Writer) -> None:
    kind = w.below(3)
    if kind == 0:
        w.put(0x27 | w.below(2) << 3, needs=AF | CF, sets=SZP | AF | CF, undefined=OF)
    elif kind == 1:
        w.put(0x37 | w.below(2) << 3, needs=AF, sets=AF | CF, undefined=SZP | OF)
    else:
        base = 10 if w.maybe(0.7) else w.below(256)
        w.put(0xD4 | w.below(2), base, sets=SZP, undefined=OF | AF | CF)


def string(w: Writer) -> None:
    size, prefix = w.size()
    op = (0xA4, 0xA6, 0xAA, 0xAC, 0xAE)[w.below(5)] | (size > 1)
    override = OVERRIDES[w.below(5)] if w.maybe(0.2) else b""
    compares = op & 0xFE in (0xA6, 0xAE)
    if w.maybe(0.5):
        w.put(prefix, override, op, sets=ALL if compares else 0)
        return
    count = w.below(24)
    w.put(0xB9, word(count))
    repeat = 0xF2 | w.below(2) if compares else 0xF3
    w.put(repeat, prefix, override, op, sets=ALL if compares and count else 0)


def set_byte(w: Writer) -> None:
    condition = w.below(16)
    more, operand = w.modrm(0)
    w.put(more, 0x0F, 0x90 | condition, operand, needs=CONDITION[condition >> 1])


def bound(w: Writer) -> None:
    more, operand = w.modrm(w.below(8), memory=1)
    w.put(w.wide()[1], more, 0x62, operand)


#: What a block is made of, with its weight.
MIX: tuple[tuple[Callable[[Writer], None], int], ...] = (
    *((alu, 30), (test, 4), (one_operand, 10), (multiply, 5), (divide, 3), (shift, 14)),
    *((double_shift, 4), (bits, 6), (move, 16), (exchange, 6), (extend, 6), (stack, 12)),
    *((segments, 4), (flags, 6), (decimal, 4), (string, 8), (set_byte, 4), (bound, 1)),
)
KINDS = [make for make, weight in MIX for _ in range(weight)]


# -- the end of a block ---------------------------------------------------------------------------


def branch(w: Writer) -> None:
    """Jcc, LOOPcc, JCXZ: HLT on both sides."""
    kind = w.below(3)
    if kind == 0:
        condition = w.below(16)
        w.put(0x70 | condition, 1, needs=CONDITION[condition >> 1])
    elif kind == 1:
        condition = w.below(16)
        w.put(0x0F, 0x80 | condition, word(1), needs=CONDITION[condition >> 1])
    else:
        op = w.below(4)
        if op < 2:
            w.put(0xB9, word(2 + w.below(3)))  # LOOPE, LOOPNE: not down to 0, see test_unicorn.py
        elif w.maybe(0.5):
            w.put(0xB9, word(w.below(3)))
        w.put(b"\x67" if w.maybe(0.3) else b"", 0xE0 | op, 1, needs=ZF if op < 2 else 0)


def transfer(w: Writer) -> None:
    """JMP, CALL, RET in all forms, to the HLT behind the next one."""
    kind = w.below(8)
    if kind in (5, 6):  # Unicorn's RETF and IRET do not go round the end of the stack segment
        w.put(0xBC, word(0x100 + w.below(0xFE00)))
    if kind == 0:
        w.put(0xEB, 1)
    elif kind == 1:
        w.put(0xE9 - w.below(2), word(1))
    elif kind == 2:
        r = w.below(8)
        r = 3 if r == 4 else r
        w.put(0xB8 | r, word(w.here() + 6))
        w.put(0xFF, 0xD0 | w.below(2) * 0x10 | r)
    elif kind == 3:
        w.put(0xEA if w.maybe(0.5) else 0x9A, word(w.here() + 6), word(CODE))
    elif kind == 4:
        pops = w.maybe(0.5)
        w.put(0x68, word(w.here() + (7 if pops else 5)))
        w.put(0xC2 if pops else 0xC3, word(w.below(64)) if pops else b"")
    elif kind == 5:
        w.put(0x0E)
        w.put(0x68, word(w.here() + 5))
        w.put(0xCB)
    elif kind == 6:
        w.put(0x68, word(w.random.getrandbits(16) & LOADED))
        w.put(0x0E)
        w.put(0x68, word(w.here() + 5))
        w.put(0xCF, sets=ALL)
    else:
        at = w.below(0xFFF0)
        w.put(0xC7, 0x06, word(at), word(w.here() + 17))
        w.put(0xC7, 0x06, word(at + 2), word(CODE))
        w.put(0xFF, 0x06 | (3 + w.below(2) * 2) << 3, word(at))  # CALL, JMP m16:16


def interrupt(w: Writer) -> None:
    kind = w.below(3)
    if kind == 0:
        number = w.below(256)
        if number not in (6, 12, 13):  # those are for exceptions, see sides.py
            w.put(0xCD, number, needs=ALL)
    elif kind == 1:
        w.put(0xCC, needs=ALL)
    else:
        w.put(0xCE, needs=ALL)


def nothing(w: Writer) -> None:
    """The HLT follows."""


ENDS = (branch, branch, branch, transfer, transfer, nothing, nothing, interrupt)


def make_block(random: Random, length: int = 16) -> Block:
    """A block of about `length` instructions somewhere in the code segment."""
    w = Writer(random, 0x1000 + int(random.random() * 0xD000))
    while len(w.starts) < length:
        KINDS[w.below(len(KINDS))](w)
    ENDS[w.below(len(ENDS))](w)
    code = bytes(w.code) + HLT + HLT
    return Block(w.ip, code, [*w.starts, len(w.code)], [*w.defined, w.flags])
