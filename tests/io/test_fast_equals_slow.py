"""The slow path is the definition: tables off and single steps, against tables on and blocks."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Doorbell, Exit, ExitReason, MmioDevice, PioDevice
from pyx86emu.models import MODELS
from tests.harness import CODE, HANDLERS, Guest, open_line, program

REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"),
    *("cs", "ds", "es", "ss"),
)
DATA = 0x4000
HOLE = 0xD0000
PORTS = 0x80
#: DR7: breakpoint 0 is on, for loads and stores.
IDLE = 1 | 3 << 16
RF = 1 << 16  # breakpoints use it; no guest can see it


# -- doorbells: entries in the core against the same rules in Python ------------------------------


@dataclass(frozen=True)
class Entry:
    """An ioeventfd as the specification has it."""

    bus: Literal["pio", "mmio"]
    addr: int
    length: int
    datamatch: int | None = None

    def matches(self, addr: int, size: int, value: int) -> bool:
        """Section 4 of the specification."""
        if addr != self.addr or (self.length and size != self.length):
            return False
        return self.datamatch is None or value == self.datamatch


ENTRIES = (
    Entry("pio", 0x80, 1),
    Entry("pio", 0x80, 2, 0x1234),
    Entry("pio", 0x80, 2, 0xFFFF),
    Entry("pio", 0x82, 0),
    Entry("pio", 0x83, 4),
    Entry("mmio", HOLE, 0),
    Entry("mmio", HOLE + 2, 1, 0),
    Entry("mmio", HOLE + 2, 2),
    Entry("mmio", HOLE + 4, 2),
    Entry("mmio", DATA, 0),  # RAM wins
)


class Ports(PioDevice):
    """What no entry takes; with `entries` it takes what they would."""

    length = 16

    def __init__(self, base: int, bus: str, entries: tuple[Entry, ...]) -> None:
        self.base, self.bus, self.entries = base, bus, entries
        self.rings = dict.fromkeys(ENTRIES, 0)
        self.log: list[tuple[int, ...]] = []

    def pio_read(self, offset: int, size: int) -> int:
        self.log.append((offset, size))
        return 0x9E3779B97F4A7C15 * (len(self.log) + offset) >> 8 & ((1 << 8 * size) - 1)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        for entry in self.entries:
            if entry.bus == self.bus and entry.matches(self.base + offset, size, value):
                self.rings[entry] += 1
                return
        self.log.append((offset, size, value))


class Stores(Ports, MmioDevice):
    """The same in memory."""

    length = 0x1000
    mmio_read = Ports.pio_read
    mmio_write = Ports.pio_write


class World:
    """A guest with devices behind the doorbells, which are in the core or not."""

    def __init__(
        self,
        code: bytes,
        model: str,
        *,
        tables: bool,
        coalesce: bool = True,
        accel: str = "interp",
    ) -> None:
        self.guest = Guest(code, model=model, accel=accel)
        self.guest.ram[DATA : DATA + 256] = bytes(range(256))
        rules = () if tables else ENTRIES
        self.ports = Ports(PORTS, "pio", rules)
        self.stores = Stores(HOLE, "mmio", rules)
        self.guest.vm.pio.attach(self.ports, PORTS)
        self.guest.vm.mmio.attach(self.stores, HOLE)
        self.bells: dict[Entry, Callable[[], int]] = {}
        if tables:
            for entry in ENTRIES:
                bell = Doorbell() if accel == "interp" else None
                made = self.guest.vm.ioeventfd(
                    entry.addr,
                    entry.length,
                    bus=entry.bus,
                    datamatch=entry.datamatch,
                    fd=bell,
                    coalesce=coalesce,
                )
                self.bells[entry] = bell.drain if bell else made.read
        regs = self.guest.vcpu.regs
        regs.es, regs.ebx, regs.esi, regs.edi, regs.ebp = HOLE >> 4, DATA, DATA, DATA + 0x80, DATA
        regs.eax, regs.edx = 0x1234, PORTS

    def rings(self) -> dict[Entry, int]:
        """Rings so far, by entry."""
        if self.bells:
            return {entry: drain() for entry, drain in self.bells.items()}
        return {e: self.ports.rings[e] + self.stores.rings[e] for e in ENTRIES}

    def facts(self) -> dict[str, Any]:
        """Everything that both worlds must have in common."""
        guest = self.guest
        return {name: hex(getattr(guest.vcpu.regs, name)) for name in REGISTERS} | {
            "ram": guest.ram[0:0x10000],
            "instructions": guest.vcpu.instructions,
            "time": guest.vm.time,
            "rings": self.rings(),
            "ports": self.ports.log,
            "stores": self.stores.log,
        }


def drive(guest: Guest, budget: int, slices: list[int]) -> list[str]:
    """Run that many instructions in slices of these lengths, in turn; the exits on the way."""
    vcpu, turn = guest.vcpu, 0
    seen: list[str] = []
    while True:
        left = budget - vcpu.instructions
        asked = min(left, slices[turn % len(slices)])
        turn += 1
        exit = guest.run(asked)
        if exit.reason is ExitReason.BUDGET:
            assert vcpu.instructions <= budget
            if asked == left:
                return seen
        else:
            # One exit of INS may carry several elements; how many is free.
            seen += [describe(exit)] * (exit.count if exit.reason is ExitReason.IO else 1)
            if exit.reason not in (ExitReason.IO, ExitReason.MMIO):
                return seen


def describe(exit: Exit) -> str:
    """An exit as far as both worlds must agree."""
    where = f"{exit.addr:#x}/{exit.size}"
    return f"{exit.reason.name} {where} {exit.write} {exit.data.hex() if exit.write else ''}"


# -- programs -------------------------------------------------------------------------------------

Item = tuple[Any, ...]

byte = st.integers(0, 255)
word = st.one_of(st.integers(0, 0xFFFF), st.sampled_from([0, 1, 0x7FFF, 0x8000, 0xFFFF, 0x1234]))
register = st.integers(0, 7)
not_sp = st.sampled_from([0, 1, 2, 3, 5, 6, 7])
places = st.integers(0, 0x3F)

simple: st.SearchStrategy[Item] = st.one_of(
    # ALU r,r in both sizes; ALU r,imm; INC, DEC, shifts and MUL
    st.builds(lambda op, d, s: ("raw", [op << 3, 0xC0 | s << 3 | d]), register, register, register),
    st.builds(
        lambda op, d, s: ("raw", [op << 3 | 1, 0xC0 | s << 3 | d]), register, not_sp, register
    ),
    st.builds(
        lambda op, d, v: ("raw", [0x81, 0xC0 | op << 3 | d, v & 255, v >> 8]),
        register,
        not_sp,
        word,
    ),
    st.builds(lambda op, d: ("raw", [0x40 | op << 3 | d]), st.integers(0, 1), not_sp),
    st.builds(
        lambda form, op, d: ("raw", [0xD0 | form, 0xC0 | op << 3 | d]),
        st.integers(0, 3),
        st.sampled_from([0, 1, 2, 3, 4, 5, 7]),
        not_sp,
    ),
    st.builds(lambda op, d: ("raw", [0xF7, 0xC0 | op << 3 | d]), st.integers(2, 5), not_sp),
    st.builds(lambda d, v: ("raw", [0xB8 | d, v & 255, v >> 8]), not_sp, word),
    st.sampled_from(
        [("raw", [op]) for op in (0x98, 0x99, 0x9E, 0x9F, 0xF5, 0xF8, 0xF9, 0xFC, 0xFD)]
        + [("raw", [0x9C, 0x9D])]  # PUSHF, POPF
        + [("raw", [op]) for op in (0x27, 0x2F, 0x37, 0x3F, 0xD7, 0xAC, 0xAD, 0xA4, 0xA5, 0xA6)]
    ),
    # memory: MOV, ADD, XCHG with [DATA + n]; stack
    st.builds(
        lambda op, r, n: ("raw", [op, 6 | r << 3, n, DATA >> 8]),
        st.sampled_from([0x00, 0x01, 0x02, 0x03, 0x88, 0x89, 0x8A, 0x8B, 0x86, 0x87, 0x39]),
        not_sp.filter(lambda r: r != 4),
        places,
    ),
    st.builds(lambda d: ("raw", [0x50 | d]), register),
    st.builds(lambda d: ("raw", [0x58 | d]), not_sp),
    # an instruction that is changed before it runs
    st.builds(lambda v: ("patch", v), byte),
)
doorbells: st.SearchStrategy[Item] = st.one_of(
    # mov ax,v; out n,al or ax
    st.builds(
        lambda v, wide, n: ("raw", [0xB8, v & 255, v >> 8, 0xE6 | wide, PORTS + n]),
        st.sampled_from([0x1234, 0xFFFF, 0, 5]),
        st.integers(0, 1),
        st.sampled_from([0, 0, 1, 2, 2, 3, 6]),
    ),
    st.builds(
        lambda wide, n: ("raw", [0xE4 | wide, PORTS + n]), st.integers(0, 1), st.integers(0, 6)
    ),
    # mov [es:n],al or ax, and back; XOR, ADD, MOV, XCHG with [es:n]
    st.builds(
        lambda op, n: ("raw", [0x26, op, n, 0]),
        st.sampled_from([0xA0, 0xA1, 0xA2, 0xA2, 0xA3, 0xA3]),
        st.sampled_from([0, 0, 1, 2, 2, 4, 4, 8]),
    ),
    st.builds(
        lambda op, r, n: ("raw", [0x26, op, 6 | r << 3, n, 0]),
        st.sampled_from([0x00, 0x01, 0x31, 0x88, 0x89, 0x86, 0x87, 0x8B]),
        st.sampled_from([0, 1, 2, 3]),
        st.sampled_from([0, 1, 2, 4, 8]),
    ),
)
item: st.SearchStrategy[Item] = st.one_of(
    simple,
    doorbells,
    st.builds(
        lambda op, n: ("rep", op, n), st.sampled_from([0xAA, 0xAB, 0xA4, 0xA5, 0xAC]), places
    ),
    st.builds(lambda cc, over: ("skip", cc, over), st.integers(0, 15), doorbells),
    st.builds(
        lambda n, body: ("loop", n, body),
        st.integers(1, 9),
        st.lists(st.one_of(simple, doorbells), min_size=1, max_size=6),
    ),
)


def assemble(items: list[Item], at: int = CODE) -> bytes:
    """Machine code of a program."""
    out = b""
    for kind, *rest in items:
        if kind == "raw":
            out += bytes(rest[0])
        elif kind == "patch":  # mov byte [cs:the immediate below],v; mov al,0
            out += b"\x2e\xc6\x06" + (at + len(out) + 7).to_bytes(2, "little") + bytes([rest[0]])
            out += b"\xb0\x00"
        elif kind == "rep":
            out += b"\xb9" + rest[1].to_bytes(2, "little") + b"\xf3" + bytes([rest[0]])
        elif kind == "skip":
            over = assemble([rest[1]], at + len(out) + 2)
            out += bytes([0x70 | rest[0], len(over)]) + over
        elif kind == "loop":
            body = assemble(rest[1], at + len(out) + 3)
            out += b"\xb9" + rest[0].to_bytes(2, "little") + body
            out += b"\xe2" + (-len(body) - 2 & 0xFF).to_bytes(1, "little")
    return out


@settings(max_examples=300, deadline=None)
@given(
    st.lists(item, min_size=8, max_size=30),
    st.sampled_from(MODELS),
    st.lists(st.integers(1, 60), min_size=1, max_size=5),
    st.booleans(),
)
def test_tables_and_blocks_equal_devices_and_steps(
    items: list[Item], model: str, slices: list[int], coalesce: bool
) -> None:
    code = assemble(items)
    fast = World(code, model, tables=True, coalesce=coalesce)
    slow = World(code, model, tables=False)
    try:
        fast_exits = drive(fast.guest, 2000, [2000, *slices])
        slow_exits = drive(slow.guest, 2000, [1])

        assert fast_exits == slow_exits
        assert fast.facts() == slow.facts(), code.hex(" ")
    finally:
        fast.guest.close()
        slow.guest.close()


# -- any bytes ------------------------------------------------------------------------------------


def compare_random_bytes(model: str, seed: int) -> None:
    """The same bytes in blocks, slices, single steps, and watched by an idle breakpoint."""
    facts = []
    for slices, dr7 in (([10_000], 0), ([1], 0), ([3, 17, 100, 1], 0), ([10_000], IDLE)):
        rng = random.Random(f"{model} {seed}")
        with Guest(model=model) as guest:
            code = rng.randbytes(rng.choice((40, 200, 2000)))
            guest.ram[CODE : CODE + len(code)] = code
            guest.ram[DATA : DATA + 0x200] = rng.randbytes(0x200)
            for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp"):
                setattr(guest.vcpu.regs, name, rng.choice((rng.getrandbits(32), DATA)))
            guest.vcpu.regs.es = rng.choice((0, 0x100, HOLE >> 4))
            guest.vcpu.regs.dr0, guest.vcpu.regs.dr7 = 0xFFFFFF00, dr7
            exits = drive(guest, 600, slices)
            guest.vcpu.regs.eflags &= ~RF
            facts.append(
                {name: hex(getattr(guest.vcpu.regs, name)) for name in REGISTERS}
                | {"instructions": guest.vcpu.instructions, "time": guest.vm.time}
                | {"exits": exits, "ram": guest.ram[0:0x10000]}
            )
    assert facts[1] == facts[0], f"steps against blocks: {model}, seed {seed}"
    assert facts[2] == facts[0], f"slices against blocks: {model}, seed {seed}"
    if b"\x0f\x21" not in code:  # MOV EAX,DR7 sees it
        assert facts[3] == facts[0], f"a breakpoint against none: {model}, seed {seed}"


@pytest.mark.parametrize("model", MODELS)
def test_random_bytes_are_the_same_in_blocks_and_steps(model: str) -> None:
    for seed in range(60):
        compare_random_bytes(model, seed)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_many_random_bytes_are_the_same_in_blocks_and_steps(model: str) -> None:
    for seed in range(60, 3000):
        compare_random_bytes(model, seed)


# -- time and interrupts --------------------------------------------------------------------------

#: The timer at 60 counts (50 us, 392 instructions); the loop reads the counter as it goes.
TICKING = open_line(0) + program(
    """
    b034    ; mov al,0x34
    e643    ; out 0x43,al
    b03c    ; mov al,60
    e640    ; out 0x40,al
    b000    ; mov al,0
    e640    ; out 0x40,al
    bf0051  ; mov di,0x5100
    fb      ; sti
    b000    ; again: mov al,0
    e643    ; out 0x43,al
    e440    ; in al,0x40
    88c4    ; mov ah,al
    e440    ; in al,0x40
    01c3    ; add bx,ax
    b90900  ; mov cx,9
    f3ac    ; rep lodsb
    fa      ; cli
    ff05    ; inc word [di]
    8ed2    ; mov ss,dx
    fb      ; sti
    ebe7    ; jmp again
    """
)
HANDLER = program(
    """
    50        ; push ax
    ff060050  ; inc word [0x5000]
    55        ; push bp
    89e5      ; mov bp,sp
    8b4604    ; mov ax,[bp+4]
    01060250  ; add [0x5002],ax
    b020      ; mov al,0x20
    e620      ; out 0x20,al
    5d        ; pop bp
    58        ; pop ax
    cf        ; iret
    """
)


@pytest.mark.parametrize("slices", [[1], [7, 100, 3], [5000, 1]])
@pytest.mark.parametrize("model", MODELS)
def test_interrupts_come_at_the_same_instruction(model: str, slices: list[int]) -> None:
    facts = []
    for cut in ([30_000], slices):
        with Guest(TICKING, model=model, irqchip=True) as guest:
            guest.vector(0x20, 0x3000)
            guest.ram[0x3000 : 0x3000 + len(HANDLER)] = HANDLER
            assert drive(guest, 30_000, cut) == []
            facts.append(
                {name: hex(getattr(guest.vcpu.regs, name)) for name in REGISTERS}
                | {"time": guest.vm.time, "ram": guest.ram[0:0x10000]}
            )
            assert guest.word(0x5000) > 50
    assert facts[0] == facts[1]


def test_guest_is_set_up_as_the_programs_expect() -> None:
    assert HANDLERS + 256 <= CODE < DATA
