"""The call stack: show gdb the guest's frames as the frames of 32 bits that it knows.

gdb finds callers as code of an i386 keeps them: return addresses of 4 bytes on a flat stack, and
saved frame pointers. It has no others for 16-bit code. So `esp` and `ebp` point into a stack at
`AT`, where the guest cannot reach: it has the return addresses of our own search (`frames.py`), as
linear addresses. What gdb then does with it depends on what it knows (gdb/i386-tdep.c, "Normal
frames"): with symbols it takes the caller from `ebp` if the function begins with PUSH BP; MOV
BP, SP and has executed that, and else from `esp`; without symbols always from `ebp`; at RET of
the innermost frame always from `esp`.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .flow import Code, Read
from .frames import Frame, walk

if TYPE_CHECKING:
    from ... import _core

#: Where the stack is shown: real mode does not reach it.
AT, END = 0xFFFF0000, 0xFFFFF000
RET, NOP, PUSH_BP, ENTER, SUB_SP = b"\xc3", b"\x90", b"\x55", b"\xc8", b"\x83\xec"
MOV_BP_SP = (b"\x89\xe5", b"\x8b\xec")
PUSHES = tuple(bytes((op,)) for op in range(0x50, 0x58))
MOST_PUSHES = 8
#: The ROMs of adapters and the BIOS begin here: a user's symbols are seldom from there.
ROMS = 0xC0000


class Known(NamedTuple):
    """What gdb has symbols of. `labels`: where they are, sorted, as far as we know them."""

    low: int = 0
    high: int = ROMS
    labels: Sequence[int] = ()


class Prologue(NamedTuple):
    """What gdb's analysis finds that a function has executed: it has pushed BP, made it the frame
    pointer, made room for local variables, and pushed so many registers."""

    pushed: bool = False
    framed: bool = False
    locals: int = 0
    registers: int = 0


class CallStack(NamedTuple):
    """What gdb is shown: `esp`, `ebp`, and the memory of the stack, byte by byte; others are 0."""

    esp: int
    ebp: int
    memory: Mapping[int, int] = {}

    def read(self, at: int, size: int) -> bytes:
        """Memory of it; none where it is not."""
        return bytes(self.memory.get(each, 0) for each in range(max(at, AT), min(at + size, END)))


def call_stack(read: Read, regs: "_core.Registers", known: Known | None = None) -> CallStack:
    """The frames as gdb takes them. `known`: what it has symbols of."""
    code = Code(read)
    frames = walk(code, regs)
    if _flat(code, frames):
        base = int(regs.ss) << 4
        return CallStack(base + int(regs.sp), base + int(regs.ebp) & 0xFFFFFFFF)
    memory: dict[int, int] = {}

    def put(at: int, value: int) -> None:
        memory.update(zip(range(at, at + 4), value.to_bytes(4, "little"), strict=True))

    # The caller of the outermost frame is where no memory is: so gdb ends there.
    low = ebp = END
    for number in reversed(range(len(frames) - 1)):
        frame = frames[number]
        low -= 4
        put(low, frames[number + 1].pc)
        if not number and code(frame.pc, 1) == RET:
            continue
        made = _made(code, frame, number, known)
        saved = frame.slot - 2
        if made.pushed:
            low, outer, saved = low - 4, ebp, saved - 2
            put(low, outer)
            if made.framed:
                ebp = low
        low, saved = low - made.locals, saved - made.locals
        for _ in range(made.registers):
            low -= 4
            put(low, code.word(saved) or 0)
            saved -= 2
    return CallStack(low, ebp, memory)


def _flat(code: Code, frames: Sequence[Frame]) -> bool:
    """Is it code of 32-bit calls in one segment at 0? gdb knows that as it is."""
    inner = frames[0]
    if inner.cs:
        return False
    if len(frames) > 1:
        return inner.how == "near32"
    found = code.follow(0, inner.ip, None)
    return found is not None and found.wide


def _made(code: Code, frame: Frame, number: int, known: Known | None) -> Prologue:
    inside = frame.pc - (number > 0)  # a CALL may be the last instruction of a function
    if known is None or not known.low <= inside < known.high:
        return Prologue(pushed=True, framed=True)
    start = _label(frame, inside, known)
    return Prologue() if start is None else _prologue(code, start, frame.pc)


def _prologue(code: Code, at: int, pc: int) -> Prologue:
    """gdb's analysis of a function that begins at `at` and has come to `pc`."""
    pushed, framed, room = False, False, 0
    while code(at, 1) == NOP and at < pc:
        at += 1
    head = code(at, 8)
    if at < pc and head[:1] == PUSH_BP:
        pushed, at = True, at + 1
        if at < pc and head[1:3] in MOV_BP_SP:
            framed, at = True, at + 2
            if at < pc and head[3:5] == SUB_SP:
                room, at = head[5], at + 3
    elif at < pc and head[:1] == ENTER:
        return Prologue(pushed=True, framed=True)
    count = 0
    while count < MOST_PUSHES and at + count < pc and code(at + count, 1)[:1] in PUSHES:
        count += 1
    return Prologue(pushed, framed, room, count)


def _label(frame: Frame, inside: int, known: Known) -> int | None:
    """The nearest label before an address. gdb takes it for the beginning of the function: also a
    local one, which nasm puts into its symbols, as `print.again`."""
    if known.labels:
        number = bisect_right(known.labels, inside)
        return known.labels[number - 1] if number else None
    base = frame.cs << 4
    jumps = [base + each for each in frame.found.targets] if frame.found is not None else []
    starts = [] if frame.start is None else [frame.start]
    return max((each for each in (*starts, *jumps) if each <= inside), default=None)
