"""Watchpoints of the host: which accesses hit, what the exit says, in which order exits come."""

from __future__ import annotations

import mmap
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, MmioDevice, PioDevice, Vm
from tests.harness import (
    CODE,
    FOREVER,
    HANDLERS,
    STACK,
    Guest,
    Liar,
    advance,
    another,
    count_of,
    program,
    running,
)

MakeVm = Callable[..., Vm]
DEBUG = ExitReason.DEBUG
DATA = 0x4000
HOLE = 0xD0000
#: pc after the instruction, and the byte.
Hit = tuple[int, int]


def hits(guest: Guest, limit: int = 100) -> list[Hit]:
    """Run to the HLT: how far into the program each DEBUG comes, and its byte."""
    seen = []
    for _ in range(limit):
        exit = guest.run()
        if exit.reason is ExitReason.HLT:
            return seen
        if exit.reason is DEBUG:
            assert exit.watch_addr is not None
            seen.append((exit.pc - CODE, exit.watch_addr))
    raise AssertionError(f"no end: {seen[:5]}")


@contextmanager
def watching(
    listing: str, *watch: tuple[int, int, Any], model: str = "80486", turns: int = 1
) -> Iterator[Guest]:
    """A guest with watchpoints. With `turns`, its code is decoded before they are set."""
    with Guest(program(listing), model=model) as guest:
        for _ in range(turns):
            guest.exits()
            guest.start()
        guest.ram[0x2000:STACK] = bytes(range(256)) * 0x60
        guest.vcpu.debug(watch=watch)
        yield guest


FAR = "b800d0 8ed8  ; mov ax,0xd000; mov ds,ax"

# listing, watchpoint, hits
ACCESSES: dict[str, tuple[str, tuple[int, int, str], list[Hit]]] = {
    "store": ("a20040", (DATA, 1, "w"), [(3, DATA)]),
    "store, rw": ("a20040", (DATA, 1, "rw"), [(3, DATA)]),
    "load": ("a00040", (DATA, 1, "w"), []),
    "load, rw": ("a00040", (DATA, 1, "rw"), [(3, DATA)]),
    "before": ("a2ff3f", (DATA, 1, "rw"), []),
    "after": ("a20140", (DATA, 1, "rw"), []),
    "the last byte": ("a3ff3f", (DATA, 9, "w"), [(3, DATA)]),
    "the first byte": ("a30840", (DATA, 9, "w"), [(3, DATA + 8)]),
    "inside": ("a30440", (DATA, 9, "w"), [(3, DATA + 4)]),
    "dword": ("66a3fd3f", (DATA, 1, "w"), [(4, DATA)]),
    "misaligned load": ("66a1fd3f", (DATA, 1, "rw"), [(4, DATA)]),
    "across pages": ("a3ff4f", (0x5000, 1, "w"), [(3, 0x5000)]),
    "across granules": ("a3ff40", (0x40FF, 1, "w"), [(3, 0x40FF)]),
    "inc": ("fe060040", (DATA, 1, "w"), [(4, DATA)]),
    "inc, rw": ("fe060040", (DATA, 1, "rw"), [(4, DATA)]),
    "cmp": ("803e004005", (DATA, 1, "rw"), [(5, DATA)]),
    "cmp with a jump": ("803e004005 7400 90", (DATA, 1, "rw"), [(5, DATA)]),
    "shl": ("d0260040", (DATA, 1, "w"), [(4, DATA)]),
    "lock": ("f0fe060040", (DATA, 1, "w"), [(5, DATA)]),
    "xchg": ("86060040", (DATA, 1, "rw"), [(4, DATA)]),
    "xlat": ("bb0040 d7", (DATA, 1, "rw"), [(4, DATA)]),
    "les": ("c4060040", (DATA + 3, 1, "rw"), [(4, DATA + 3)]),
    "bt": ("0fba26004008", (DATA, 2, "rw"), [(6, DATA)]),
    "bound": ("62060040", (DATA + 2, 1, "rw"), [(HANDLERS + 5 - CODE, DATA + 2)]),
    "lgdt": ("0f01160040", (DATA + 5, 1, "rw"), [(5, DATA + 5)]),
    "push": ("50", (STACK - 2, 1, "w"), [(1, STACK - 2)]),
    "push m": ("ff360040", (DATA, 1, "rw"), [(4, DATA)]),
    "pop": ("58", (STACK, 1, "rw"), [(1, STACK)]),
    "pop m": ("8f060040", (DATA, 1, "w"), [(4, DATA)]),
    "pusha": ("60", (STACK - 16, 1, "w"), [(1, STACK - 16)]),
    "popa": ("61", (STACK + 14, 2, "rw"), [(1, STACK + 14)]),
    "pushf": ("9c", (STACK - 1, 1, "w"), [(1, STACK - 1)]),
    "enter": ("c8040000", (STACK - 2, 2, "w"), [(4, STACK - 2)]),
    "call": ("e80000", (STACK - 2, 2, "w"), [(3, STACK - 2)]),
    "ret": ("680410 c3 90", (STACK - 2, 2, "rw"), [(3, STACK - 2), (4, STACK - 2)]),
    "call m": ("b80a10 a30040 ff160040", (DATA, 2, "rw"), [(6, DATA), (10, DATA)]),
    "mov sreg": ("8c1e0040", (DATA, 2, "w"), [(4, DATA)]),
    "mov moffs": ("a10040", (DATA + 1, 1, "rw"), [(3, DATA + 1)]),
    "int": ("cd21", (STACK - 6, 2, "w"), [(HANDLERS + 0x21 - CODE, STACK - 6)]),
    "its vector": ("cd21", (0x86, 2, "rw"), [(HANDLERS + 0x21 - CODE, 0x86)]),
    "its vector is no store": ("cd21", (0x84, 4, "w"), []),
    "a fault": ("b300 f6f3", (STACK - 6, 6, "w"), [(HANDLERS - CODE, STACK - 2)]),
    "stosb": ("bf0040 aa", (DATA, 1, "w"), [(4, DATA)]),
    "movsb": ("be0040 bf0050 a4", (DATA, 1, "rw"), [(7, DATA)]),
    "movsb, to": ("be0040 bf0050 a4", (0x5000, 1, "rw"), [(7, 0x5000)]),
    "cmpsb": ("be0040 bf0050 a6", (0x5000, 1, "rw"), [(7, 0x5000)]),
    "lodsw": ("be0040 ad", (DATA + 1, 1, "rw"), [(4, DATA + 1)]),
    "scasb": ("bf0040 ae", (DATA, 1, "rw"), [(4, DATA)]),
    "rep stosb": (
        "bf0040 b90800 f3aa",
        (DATA + 6, 8, "w"),
        [(6, DATA + 6), (8, DATA + 7)],
    ),
    "rep movsw": (
        "be0040 bf0050 b90300 f3a5",
        (DATA + 1, 3, "rw"),
        [(9, DATA + 1), (9, DATA + 2)],
    ),
    "std rep lodsb": ("fd be0440 b90300 f3ac", (DATA, 4, "rw"), [(7, DATA + 3), (9, DATA + 2)]),
    "repne scasb": ("b0ee bf0040 b90400 f2ae", (DATA + 2, 1, "rw"), [(8, DATA + 2)]),
    "a fetch is no load": ("eb00 90 40", (CODE, 6, "rw"), []),
    "store to code": ("c606051040 40", (CODE + 5, 1, "w"), [(5, CODE + 5)]),
    "store next to code": ("c606101040 40", (CODE + 16, 1, "w"), [(5, CODE + 16)]),
    "elsewhere next to code": ("c606111040 40", (CODE + 16, 1, "w"), []),
}


@pytest.mark.parametrize("turns", [0, 2])
@pytest.mark.parametrize("name", ACCESSES)
def test_an_access_hits_after_its_instruction(name: str, turns: int) -> None:
    listing, watch, expected = ACCESSES[name]
    with watching(listing, watch, turns=turns) as guest:  # type: ignore[arg-type]
        assert hits(guest) == expected


@pytest.mark.parametrize("name", ACCESSES)
def test_single_steps_see_the_same(name: str) -> None:
    listing, watch, expected = ACCESSES[name]
    with watching(listing, watch, turns=0) as guest:  # type: ignore[arg-type]
        steps = list(guest.steps())
        seen = [(e.pc - CODE, e.watch_addr) for e in steps if e.watch is not None]

        assert seen == expected
        assert all((e.dr6 & 15 != 0) == (e.watch is not None) for e in steps)


@pytest.mark.parametrize("name", ACCESSES)
def test_watching_changes_nothing_that_the_guest_sees(name: str) -> None:
    listing, watch, _ = ACCESSES[name]
    ends = []
    for one in ([watch], []):
        with watching(listing, *one) as guest:  # type: ignore[arg-type]
            hits(guest)
            ends.append((guest.state(), guest.vcpu.instructions, guest.vm.time))

    assert ends[0] == ends[1]


def test_an_old_word_wraps_in_its_segment() -> None:
    """On the 8086 the second byte of a word at FFFFh is at 0."""
    for listing, kind in (("a3ffff", "w"), ("a1ffff", "rw")):
        for at in (0xFFFF, 0):
            with watching(listing, (at, 1, kind), model="8086") as guest:
                assert hits(guest) == [(3, at)]


# -- what the exit says ----------------------------------------------------------------------------


def test_the_exit_names_the_watchpoint_and_the_byte() -> None:
    with watching("a30040 90", (0x3000, 5, "rw"), (DATA + 1, 16, "w")) as guest:
        exit = guest.run()

        assert (exit.reason, exit.pc, exit.cs, exit.ip) == (DEBUG, CODE + 3, 0, CODE + 3)
        assert (exit.watch, exit.watch_addr) == ((DATA + 1, 16, "w"), DATA + 1)
        assert exit.dr6 == 0xFFFF0FF2
        assert repr(exit) == "Exit(DEBUG at 0000:1003: 'w' of 0x4001 length=16, at 0x4001)"
        again = pickle.loads(pickle.dumps(exit))
        assert (again.watch, again.watch_addr) == (exit.watch, exit.watch_addr)
        assert exit.because(ExitReason.HLT).watch == exit.watch
        other = guest.run()
        assert (other.reason, other.watch, other.watch_addr) == (ExitReason.HLT, None, None)


def test_of_several_the_first_access_wins_and_then_the_first_in_the_list() -> None:
    push_m = "ff360040  ; push word [0x4000]"
    over = [(STACK - 2, 2, "w"), (DATA - 8, 64, "rw"), (DATA, 2, "rw"), (DATA, 2, "w")]
    for watch, first in (
        (over, over[1]),
        (over[::-1], over[2]),
        (over[:1], over[0]),
        ([over[3], over[0]], over[0]),
    ):
        with watching(push_m, *watch) as guest:
            exit = guest.run()
            assert exit.watch == first
            assert exit.dr6 & 15 == 1 << watch.index(first)
            assert guest.run().reason is ExitReason.HLT


def test_an_exit_of_a_watchpoint_is_made_by_hand() -> None:
    exit = Exit(DEBUG, dr6=1, pc=5, watch=(0x10, 4, "rw"), watch_addr=0x13)

    assert (exit.watch, exit.watch_addr) == ((0x10, 4, "rw"), 0x13)
    assert Exit(DEBUG, watch=(0x10, 4, "w")).watch_addr == 0x10
    for wrong, error in (
        ({"watch": (0x10, 4, "w"), "watch_addr": 0x14}, ValueError),
        ({"watch": (0x10, 4, "w"), "watch_addr": 0xF}, ValueError),
        ({"watch": (0x10, 4, "r")}, ValueError),
        ({"watch": 5}, TypeError),
        ({"watch_addr": 5}, TypeError),
    ):
        with pytest.raises(error):
            Exit(DEBUG, **wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="has no watch"):
        Exit(ExitReason.HLT, watch=(0x10, 4, "w"))


@pytest.mark.parametrize(
    ("watch", "error", "message"),
    [
        (5, TypeError, "iterable"),
        ([5], TypeError, r"a watchpoint is \(addr, length, 'w' or 'rw'\), not 5"),
        ([(1, 2)], TypeError, "a watchpoint is"),
        ([(1, 2, "w", 4)], TypeError, "a watchpoint is"),
        ([(1.0, 2, "w")], TypeError, "address of a watchpoint must be an integer"),
        ([(1, "2", "w")], TypeError, "length of a watchpoint must be an integer"),
        ([(1, 2, b"w")], TypeError, "kind of a watchpoint is 'w' or 'rw', not bytes"),
        ([(1, 2, "r")], ValueError, "unknown kind of watchpoint 'r'"),
        ([(1, 0, "w")], ValueError, "at least one byte"),
        ([(1, -5, "w")], ValueError, "at least one byte"),
        ([(-1, 5, "w")], ValueError, "from 0 up to"),
        ([((1 << 64) - 1, 2, "w")], ValueError, "from 0 up to"),
        ([(Liar(-1), 5, "w")], ValueError, "from 0 up to"),
    ],
)
def test_what_is_no_watchpoint(watch: Any, error: type[Exception], message: str) -> None:
    with watching("a20040", (DATA, 1, "w")) as guest:
        with pytest.raises(error, match=message):
            guest.vcpu.debug(watch=watch)

        assert hits(guest) == [(3, DATA)]  # those from before


def test_watchpoints_of_any_length_and_number() -> None:
    with watching("a20040 a20050 90", (0, 1 << 64, "w")) as guest:
        assert hits(guest) == [(3, DATA), (6, 0x5000)]
        guest.start()
        guest.vcpu.debug(watch=[(0x5000, 1, "rw")] + [(DATA + 2 * i, 1, "w") for i in range(5000)])
        assert hits(guest) == [(3, DATA), (6, 0x5000)]
        guest.start()
        guest.vcpu.debug(watch=[((1 << 64) - 1, 1, "rw"), (1 << 40, 8, "w")])
        assert hits(guest) == []
        guest.start()
        guest.vcpu.debug()
        assert hits(guest) == []


# -- addresses -------------------------------------------------------------------------------------


def test_a_watchpoint_is_on_an_address_and_not_on_the_memory(vm: MakeVm) -> None:
    """Of one buffer at two addresses, an access through the other one does not hit."""
    v, buffer = vm(), mmap.mmap(-1, 0x10000)
    v.add_memory(0, buffer=buffer)
    v.add_memory(0x20000, buffer=buffer)
    buffer[CODE : CODE + 5] = program("a20040 90 f4")
    vcpu = another(v)
    vcpu.debug(watch=[(0x20000 + DATA, 1, "rw")])

    assert vcpu.run().reason is ExitReason.HLT

    vcpu.regs.ds, vcpu.regs.ip = 0x2000, CODE
    exit = vcpu.run()
    assert (exit.reason, exit.watch_addr) == (DEBUG, 0x20000 + DATA)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("a20", [True, False])
def test_a_closed_a20_line_leads_to_the_watched_byte(a20: bool, before: bool) -> None:
    """FFFF:4010 is 104000h, or 4000h."""
    with Guest(program("b8ffff 8ed8 a21040  ; mov ax,0xffff; mov ds,ax; mov [0x4010],al")) as guest:
        guest.vm.add_memory(0x100000, 0x10000)
        seen = []
        for at in (DATA, 0x100000 + DATA):
            if before:
                guest.vm.a20 = a20
            guest.vcpu.debug(watch=[(at, 1, "w")])
            guest.vm.a20 = a20
            guest.start()
            seen += hits(guest)
            guest.vm.a20 = True

        assert seen == [(8, 0x100000 + DATA if a20 else DATA)]


def test_an_access_over_1_mib_wraps_to_the_watched_byte() -> None:
    code = program("b8ffff 8ed8 66a30e00  ; mov ax,0xffff; mov ds,ax; mov [14],eax")
    with Guest(code) as guest:
        guest.vm.add_memory(0xFF000, 0x1000)
        guest.vm.a20 = False
        for watch, at in (((1, 1, "w"), 1), ((0xFFFFF, 1, "w"), 0xFFFFF)):
            guest.vcpu.debug(watch=[watch])
            guest.start()
            assert hits(guest) == [(9, at)]


def test_slots_that_come_and_go_keep_the_watchpoints() -> None:
    with watching(FAR + "\na20000 a00000", (HOLE, 1, "rw")) as guest:
        expected = [(8, HOLE), (11, HOLE)]
        assert hits(guest) == expected
        slot = guest.vm.add_memory(HOLE, 0x1000, dirty_log=True)
        guest.start()
        assert hits(guest) == expected
        assert slot.dirty() == b"\1"
        slot.readonly = True
        guest.start()
        assert hits(guest) == expected
        slot.delete()
        guest.start()
        assert hits(guest) == expected


# -- other exits of the same instruction -----------------------------------------------------------


def every(guest: Guest) -> list[str]:
    """Every exit up to the HLT, as text."""
    seen = []
    while not seen or seen[-1] != "HLT":
        exit = guest.run()
        seen.append(f"WATCH {exit.watch_addr:#x}" if exit.watch else guest.show(exit))
        assert len(seen) < 50
    return seen


def test_the_exits_of_the_instruction_come_first() -> None:
    listing = FAR + "\na20000 a00000 fe060000"
    with watching(listing, (HOLE, 1, "rw"), turns=1) as guest:
        store, load = "MMIO w 0xd0000 len=1 data={:02x}".format, "MMIO r 0xd0000 len=1"

        assert every(guest) == [
            *(store(0), f"WATCH {HOLE:#x}"),
            *(load, f"WATCH {HOLE:#x}"),
            *(load, store(0xA6), f"WATCH {HOLE:#x}"),
            "HLT",
        ]
        guest.start()
        guest.vcpu.debug(watch=[(HOLE, 1, "w")])
        assert every(guest) == [store(0), f"WATCH {HOLE:#x}", load, load, store(0xA6),
                                f"WATCH {HOLE:#x}", "HLT"]  # fmt: skip


def test_an_ioeventfd_rings_before_the_stop() -> None:
    with watching(FAR + "\na20000 a20000", (HOLE, 1, "w")) as guest:
        bell = guest.vm.ioeventfd(HOLE, 1, bus="mmio")
        rings = []
        for _ in range(2):
            assert guest.run().watch_addr == HOLE
            rings.append(count_of(bell.fileno()))

        assert rings == [1, 1]
        assert guest.text() == "HLT"


def test_a_device_is_asked_once() -> None:
    class Counter(MmioDevice):
        def __init__(self) -> None:
            self.log: list[str] = []

        def mmio_read(self, offset: int, size: int) -> int:
            self.log.append("read")
            return len(self.log)

        def mmio_write(self, offset: int, size: int, value: int) -> None:
            self.log.append(f"write {value}")

    device = Counter()
    with watching(FAR + "\nfe060000 a00000", (HOLE, 1, "rw"), turns=0) as guest:
        guest.vm.mmio.attach(device, HOLE)

        assert every(guest) == [f"WATCH {HOLE:#x}"] * 2 + ["HLT"]

        assert device.log == ["read", "write 2", "read"]
        assert guest.vcpu.regs.al == 3


def test_string_io_stops_after_each_element() -> None:
    """REP INSB from a port without a device is one exit for all elements."""
    listing = "bf0040 ba8000 b90400 f36c be0040 b90200 f36e"
    with watching(listing, (DATA + 1, 2, "w"), (DATA + 1, 1, "rw")) as guest:
        watch = f"WATCH {DATA + 1:#x}"
        out = "IO out port=0x80 size=1 count=1 data=a5"

        assert every(guest) == [
            "IO in port=0x80 size=1 count=4",
            *(watch, f"WATCH {DATA + 2:#x}"),
            *(out, out, watch),
            "HLT",
        ]
        assert guest.ram[DATA : DATA + 5] == b"\xa5" * 4 + b"\4"


def test_a_single_step_and_a_watchpoint_are_one_exit() -> None:
    with watching("a20040 90") as guest:
        guest.vcpu.debug(singlestep=True, watch=[(DATA, 1, "w")])

        exits = [guest.run() for _ in range(2)]

        assert [(e.pc - CODE, e.dr6, e.watch_addr) for e in exits] == [
            (3, 0xFFFF4FF1, DATA),
            (4, 0xFFFF4FF0, None),
        ]


def test_a_step_whose_write_exits_leaves_the_hit_and_no_step() -> None:
    with watching(FAR + "\na20000 90", (HOLE, 1, "w"), turns=0) as guest:
        for _ in range(2):
            guest.vcpu.step()
        assert guest.vcpu.step().reason is ExitReason.MMIO

        exit = guest.vcpu.run()

        assert (exit.reason, exit.watch_addr, exit.dr6) == (DEBUG, HOLE, 0xFFFF0FF1)
        assert guest.vcpu.run().reason is ExitReason.HLT


def test_a_breakpoint_after_the_hit_is_another_exit() -> None:
    with watching("a20040 90") as guest:
        guest.vcpu.debug(breakpoints=[CODE, CODE + 3], watch=[(DATA, 1, "w")])

        exits = [guest.run() for _ in range(3)]

        assert [(e.pc - CODE, e.dr6 & 15, e.watch_addr) for e in exits] == [
            *((0, 1, None), (3, 4, DATA), (3, 2, None)),
        ]
        assert guest.text() == "HLT"


def test_the_guests_own_breakpoint_traps_after_the_stop() -> None:
    with watching("a20040 90", (DATA, 1, "w")) as guest:
        guest.vcpu.regs.dr0, guest.vcpu.regs.dr7 = DATA, 1 | 1 << 16

        exit = guest.run()

        assert (exit.reason, exit.pc) == (DEBUG, CODE + 3)
        assert guest.text() == "HLT IN VECTOR 1"
        assert guest.vcpu.regs.dr6 & 15 == 1


def test_a_kick_and_a_budget_lose_no_hit() -> None:
    with watching("a20040 90", (DATA, 1, "w")) as guest:
        assert guest.run(1).watch_addr == DATA
        guest.start()
        assert guest.run(0).reason is ExitReason.BUDGET
        guest.vcpu.kick()
        assert [guest.run().reason for _ in range(3)] == [ExitReason.INTR, DEBUG, ExitReason.HLT]


def test_an_interrupt_frame_hits() -> None:
    with watching("fb 90 90", (STACK - 6, 1, "w")) as guest:
        guest.run(2)
        guest.vcpu.interrupt(0x21)

        exit = guest.run()

        assert (exit.reason, exit.pc) == (DEBUG, HANDLERS + 0x21)
        assert guest.text() == "HLT IN VECTOR 33"


def test_a_reset_forgets_a_hit_and_keeps_the_watchpoints() -> None:
    with watching(FAR + "\na20000", (HOLE, 1, "w")) as guest:
        assert guest.run().reason is ExitReason.MMIO
        guest.vcpu.reset()
        guest.start()

        assert every(guest)[:2] == ["MMIO w 0xd0000 len=1 data=00", f"WATCH {HOLE:#x}"]


# -- who does not hit ------------------------------------------------------------------------------


def test_host_and_dma_hit_nothing() -> None:
    class Dma(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.vm.write(DATA, guest.vm.read(DATA + 1, 1))

    with watching("e690 90", (DATA, 8, "rw")) as guest:
        guest.vm.pio.attach(Dma(), 0x90)
        guest.vm.write(DATA, b"\1")
        guest.ram[DATA] = guest.ram[DATA + 1]

        assert hits(guest) == []


def test_a_device_sets_watchpoints_for_the_next_instruction() -> None:
    class Setter(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.vcpu.debug(watch=[(DATA, 1, "w")] if value else ())

    with watching("b001 e690 a20040 b000 e690 a20040") as guest:
        guest.vm.pio.attach(Setter(), 0x90)

        assert hits(guest) == [(7, DATA)]


def test_each_vcpu_has_its_own_list(vm: MakeVm) -> None:
    v = vm()
    ram = v.add_memory(0, 0x10000)
    ram[CODE : CODE + 8] = program("a20040 a20050 90 f4")
    one, two = another(v), another(v)
    one.debug(watch=[(DATA, 1, "w")])
    two.debug(watch=[(0x5000, 1, "rw")])

    assert [one.run().watch_addr, one.run().reason] == [DATA, ExitReason.HLT]
    assert [two.run().watch_addr, two.run().reason] == [0x5000, ExitReason.HLT]

    two.debug()
    for vcpu in (one, two):
        vcpu.regs.ip = CODE
    assert [one.run().watch_addr, one.run().reason] == [DATA, ExitReason.HLT]
    assert two.run().reason is ExitReason.HLT


def test_watchpoints_of_a_vcpu_that_another_thread_runs_are_not_changed() -> None:
    late = pytest.raises(RuntimeError, match="then change its breakpoints")
    with Guest(FOREVER) as guest, running(guest.vcpu), late:
        guest.vcpu.debug(watch=[(DATA, 1, "w")])


def test_a_running_vcpu_is_not_disturbed_by_watchpoints_of_another(vm: MakeVm) -> None:
    v = vm()
    ram = v.add_memory(0, 0x10000)
    code = program("ff060040 ebfa  ; again: inc word [0x4000]; jmp again")
    ram[CODE : CODE + len(code)] = code
    one, two = another(v), another(v)

    with running(one) as run:
        for _ in range(20):
            two.debug(watch=[(DATA, 1, "w")])
            two.regs.ip = CODE
            assert two.run().watch_addr == DATA
            two.debug()
            advance(one)
        assert run.going


def test_a_locked_loop_of_two_vcpus_counts_every_turn(vm: MakeVm) -> None:
    v = vm()
    ram = v.add_memory(0, 0x10000)
    code = program(
        "b96400 f0ff060040 e2f9 f4  ; mov cx,100; x: lock inc word [0x4000]; loop x; hlt"
    )
    ram[CODE : CODE + len(code)] = code
    one, two = another(v), another(v, stack=0x6000)
    one.debug(watch=[(DATA, 2, "w")])
    two.debug(watch=[(DATA, 2, "rw")])

    for vcpu in (one, two):
        seen = 0
        while vcpu.run().reason is DEBUG:
            seen += 1
        assert seen == 100

    assert ram[DATA : DATA + 2] == (200).to_bytes(2, "little")
