"""Frames: find who has called whom, from the guest's stack and code. Know no gdb.

16-bit code keeps no chain that can be trusted: BP is a frame pointer in some functions and data in
others. A word of the stack is a return address if the instruction before what it points to is a
CALL (an INT, where IP, CS and flags lie there), and if following the code from what that calls
leads to where the inner frame is. If none is so sure, the nearest return address counts whose CALL
is through a register or memory.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from .flow import Code, Found

if TYPE_CHECKING:
    from ... import _core

MOST_FRAMES = 64
#: Bytes of the stack that are searched for one return address.
SPAN = 0x400
#: Bytes of the stack in which one counts that is not sure.
NEAR_BY = 0x40
#: Interrupts that come from outside: faults, IRQ 0 to 7 and IRQ 8 to 15.
VECTORS = (*range(0x10), *range(0x70, 0x78))
#: Bytes in which the code of a handler is.
HANDLER = 0x800
#: PUSH BP; MOV BP, SP in both encodings, and ENTER.
SETUPS = (b"\x55\x89\xe5", b"\x55\x8b\xec")
ENTER = b"\xc8"
#: Bytes in which the beginning of a function is looked for, if its CALL does not name it.
BEFORE = 0x200


class Frame(NamedTuple):
    """One frame: where it is executing, how it was entered ("" : unknown, it is the outermost
    one), the linear address of its return address on the stack, the linear address where its
    function begins (None: unknown), and what following its code has met."""

    cs: int
    ip: int
    how: str = ""
    slot: int = 0
    start: int | None = None
    found: Found | None = None

    @property
    def pc(self) -> int:
        """The linear address."""
        return (self.cs << 4) + self.ip


class Candidate(NamedTuple):
    """A return address: how many bytes it has, where it leads to, and the function that was
    called, segment and offset, if that is known."""

    how: str
    slot: int
    size: int
    cs: int
    ip: int
    target: tuple[int, int] | None


def walk(code: Code, regs: "_core.Registers", most: int = MOST_FRAMES) -> list[Frame]:
    """The frames, the innermost first; at least one."""
    cs, ip, sp, bp = int(regs.cs), int(regs.ip), int(regs.sp), int(regs.bp)
    ss = int(regs.ss) << 4
    frames: list[Frame] = []
    while len(frames) < most:
        best, found = _caller(code, cs, ip, ss, sp, bp)
        if best is None:
            frames.append(Frame(cs, ip))
            break
        start = _start(code, best.target, cs, ip)
        frames.append(Frame(cs, ip, best.how, best.slot, start, found))
        if start is not None and (start + 2 < (cs << 4) + ip) and sets_up(code, start):
            bp = code.word(ss + bp) or 0
        cs, ip, sp = best.cs, best.ip, best.slot - ss + best.size
    return frames


def sets_up(code: Code, start: int) -> bool:
    """Does a function begin with making BP the pointer of its frame?"""
    head = code(start, 3)
    return head in SETUPS or head[:1] == ENTER


def _start(code: Code, target: tuple[int, int] | None, cs: int, ip: int) -> int | None:
    if target is not None:
        return (target[0] << 4) + target[1]
    for before in range(min(BEFORE, ip)):  # PUSH BP; MOV BP, SP that leads here
        at = ip - before
        if code((cs << 4) + at, 3) in SETUPS and code.follow(cs << 4, at, ip) is not None:
            return (cs << 4) + at
    return None


def _caller(
    code: Code, cs: int, ip: int, ss: int, sp: int, bp: int
) -> tuple[Candidate | None, Found | None]:
    """The return address of the frame at CS:IP, whose stack begins at SP."""
    loose: list[Candidate] = []
    for one in _candidates(code, cs, ss, sp):
        for target in _targets(code, one, (cs << 4) + ip):
            if target is None:
                continue
            start = (target[0] << 4) + target[1] - (cs << 4)
            if 0 <= start < 0x10000:
                found = code.follow(cs << 4, start, ip)
                if found is not None:
                    return one._replace(target=target), found
        near_by = one.slot - ss - sp < NEAR_BY or one.slot == ss + bp + 2
        if one.how != "irq" and near_by:
            loose.append(one)
    unknown = [one for one in loose if one.target is None or one.how == "int"]
    framed = [one for one in unknown if bp >= sp and one.slot == ss + bp + 2]
    # A jump through a table ends the following: so a CALL in this segment counts, too.
    other = [one for one in loose if one.target is not None and one.target[0] == cs]
    best = next(iter((*framed, *unknown, *other)), None)
    return (None if best is None else best._replace(target=None)), None


def _targets(code: Code, one: Candidate, pc: int) -> Iterator[tuple[int, int] | None]:
    if one.how != "irq":
        yield one.target
        return
    for vector in VECTORS:
        target = _vector(code, vector)
        if target is not None and 0 <= pc - (target[0] << 4) - target[1] < HANDLER:
            yield target


def _vector(code: Code, number: int) -> tuple[int, int] | None:
    ip, cs = code.word(number * 4), code.word(number * 4 + 2)
    return None if ip is None or cs is None else (cs, ip)


def _candidates(code: Code, cs: int, ss: int, sp: int) -> Iterator[Candidate]:
    """The return addresses on the stack, the nearest first."""
    end = min(sp + SPAN, 0x10000)
    for at in range(sp, end - 1, 2):
        slot = ss + at
        stack = code(slot, 6)
        first, second, third = (int.from_bytes(stack[n : n + 2], "little") for n in (0, 2, 4))
        left = min(len(stack), 0x10000 - at)
        if left < 2:
            return
        near = _near(code, cs, first, slot, wide=left >= 4 and not second)
        if near is not None:
            yield near
        if left >= 4 and (far := _far(code, second, first, slot)) is not None:
            yield far
        if left >= 6 and third & 2 and not third & 0x28:
            interrupt = _interrupt(code, second, first, slot, third)
            if interrupt is not None:
                yield interrupt


def _near(code: Code, cs: int, ip: int, slot: int, wide: bool) -> Candidate | None:
    base = cs << 4
    if ip < 2:
        return None
    before = code(base + max(0, ip - 6), min(6, ip))
    if wide and before[-6:-4] == b"\x66\xe8":
        target = (ip + int.from_bytes(before[-4:], "little", signed=True)) & 0xFFFF
        return Candidate("near32", slot, 4, cs, ip, (cs, target))
    if before[-3:-2] == b"\xe8":
        by = int.from_bytes(before[-2:], "little")
        return Candidate("near", slot, 2, cs, ip, (cs, (ip + by) & 0xFFFF))
    return Candidate("near", slot, 2, cs, ip, None) if _through(before, 2) else None


def _far(code: Code, cs: int, ip: int, slot: int) -> Candidate | None:
    if ip < 2:
        return None
    before = code((cs << 4) + max(0, ip - 5), min(5, ip))
    if before[-5:-4] == b"\x9a":
        offset, segment = (int.from_bytes(before[at : at + 2], "little") for at in (1, 3))
        return Candidate("far", slot, 4, cs, ip, (segment, offset))
    return Candidate("far", slot, 4, cs, ip, None) if _through(before, 3) else None


def _through(before: bytes, middle: int) -> bool:
    """Do the bytes end with FF /middle, a CALL through a register (near) or memory?"""
    for size in (2, 3, 4):
        if len(before) < size or before[-size] != 0xFF:
            continue
        mod, reg, rm = (value := before[1 - size]) >> 6, value >> 3 & 7, value & 7
        length = 2 + (2 if mod == 2 or (mod == 0 and rm == 6) else mod % 3)
        if reg == middle and length == size and (mod != 3 or middle == 2):
            return True
    return False


def _interrupt(code: Code, cs: int, ip: int, slot: int, flags: int) -> Candidate | None:
    before = code((cs << 4) + ip - 2, 2) if ip >= 2 else b""
    if before[:1] == b"\xcd":
        return Candidate("int", slot, 6, cs, ip, _vector(code, before[1]))
    if flags & 0x200 and (cs or ip):
        return Candidate("irq", slot, 6, cs, ip, None)
    return None
