"""INT 13h for diskettes: every medium in every drive; interrupts at any time; the change line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyx86emu import Disk, Machine
from pyx86emu.pc.disks.geometry import FORMATS
from tests.pc.int13 import BUFFER, CALL, Caller, number, numbered

MakeMachine = Callable[..., Machine]

READ, WRITE, VERIFY, PARAMETERS, CHANGED = 0x02, 0x03, 0x04, 0x08, 0x16
TYPES = {1: (40, 2, 9), 2: (80, 2, 15), 3: (80, 2, 9), 4: (80, 2, 18), 5: (80, 2, 36)}
MEDIA = sorted({row[:3] if isinstance(row, tuple) else row for row in FORMATS})


def caller(m: Machine, kind: int | None = None) -> Caller:
    """A machine whose drive A is of this type, booted."""
    if kind is not None:
        m.rtc.cmos[0x10] = kind << 4
    return Caller(m)


def table_1eh(m: Machine) -> bytes:
    offset, segment = (int.from_bytes(m.vm.read(0x1E * 4 + i, 2), "little") for i in (0, 2))
    return m.vm.read(segment * 16 + offset, 11)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("medium", MEDIA, ids=lambda g: "x".join(map(str, g)))
@pytest.mark.parametrize("read_first", [False, True])
def test_parameters_reads_and_int_1eh_agree(
    machine: MakeMachine, medium: tuple[int, int, int], kind: int, read_first: bool
) -> None:
    cylinders, heads, sectors = medium
    guest = caller(machine(numbered(medium)), kind)
    if read_first:
        guest.chs(READ, 0, 0, 1)

    answer = guest.int13(PARAMETERS << 8)

    assert (answer.ah, answer.al, answer.carry, answer.bx) == (0, 0, False, kind)
    assert answer.geometry == medium
    table = guest.m.vm.read(answer.es * 16 + answer.di, 11)
    assert (table[3], table[4]) == (2, sectors)
    assert table_1eh(guest.m) == table
    last = cylinders * heads * sectors - 1
    assert guest.chs(READ, cylinders - 1, heads - 1, sectors)[:2] == (0, 1)
    assert number(guest.buffer()) == last
    for c, h, s in ((cylinders, 0, 1), (0, heads, 1), (0, 0, sectors + 1)):
        answer = guest.chs(READ, c, h, s)
        assert answer.carry and answer.ah in (0x02, 0x04)


@given(
    kind=st.sampled_from(sorted(TYPES)),
    medium=st.sampled_from(MEDIA)
    | st.tuples(st.integers(1, 84), st.integers(1, 2), st.integers(1, 63)),
    places=st.lists(
        st.tuples(st.integers(0, 85), st.integers(0, 1), st.integers(1, 63)), max_size=6
    ),
)
@example(kind=4, medium=(80, 2, 21), places=[(1, 0, 1), (79, 1, 21)])
@example(kind=4, medium=(80, 2, 10), places=[(1, 0, 1), (1, 0, 11)])
@example(kind=1, medium=(40, 1, 8), places=[(0, 0, 1)])
@example(kind=1, medium=(84, 1, 1), places=[(83, 0, 1), (83, 1, 1)])
@settings(max_examples=40)
def test_every_medium_in_every_drive(
    kind: int, medium: tuple[int, int, int], places: list[tuple[int, int, int]]
) -> None:
    cylinders, heads, sectors = medium
    with Machine(numbered(medium)) as m:
        guest = caller(m, kind)

        assert guest.int13(PARAMETERS << 8).geometry == medium

        for c, h, s in places:
            answer = guest.chs(READ, c, h, s)
            if c < cylinders and h < heads and s <= sectors:
                assert (answer.ah, answer.al, answer.carry) == (0, 1, False)
                assert number(guest.buffer()) in ((c * heads + h) * sectors + s - 1, number(CALL))
            else:
                assert answer.carry and answer.al == 0


def test_a_drive_without_a_disk_answers_its_own_kind(machine: MakeMachine) -> None:
    guest = caller(machine(numbered((80, 2, 21))), 2)
    guest.m.floppy.eject("a")

    answer = guest.int13(PARAMETERS << 8)

    assert answer.geometry == TYPES[2]
    assert not answer.carry


def test_a_program_that_has_its_own_int_1eh_keeps_it(machine: MakeMachine) -> None:
    guest = caller(machine(numbered((80, 2, 21))))
    guest.m.vm.write(0x1E * 4, bytes.fromhex("0005 0000"))

    guest.int13(PARAMETERS << 8)

    assert guest.m.vm.read(0x1E * 4, 4) == bytes.fromhex("0005 0000")


# -- interrupts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [READ, WRITE, VERIFY, PARAMETERS])
def test_an_interrupt_before_any_instruction_changes_nothing(
    machine: MakeMachine, function: int
) -> None:
    """IRQ 0 before each instruction of one INT 13h; its handler uses the stack, so that what lies
    below SP is lost."""
    m = machine(numbered((80, 2, 18)))
    guest = Caller(m)
    guest.chs(READ, 0, 0, 1)
    m.vm.write(0x8 * 4, bytes.fromhex("0006 0000"))
    # 0:600: push ax eight times, pop them; EOI; iret
    m.vm.write(0x600, bytes.fromhex("50" * 8 + "58" * 8 + "50 b020 e620 58 cf"))
    guest.start(function << 8 | 1, cx=0x0102, dx=0x0000)
    m.vcpu.regs.bp = 0xBEEF
    regs, interrupted = m.vcpu.regs, 0

    m.vcpu.step()
    while regs.cs == 0xF000 and interrupted < 5000:
        m.pio.write(0x43, 1, 0x30)  # 8254: mode 0 lowers the line ...
        m.pio.write(0x43, 1, 0x34)  # ... mode 2 raises it
        m.vcpu.step()
        if regs.cs == 0 and regs.ip == 0x600:  # the step was the delivery
            interrupted += 1
            for _ in range(22):  # the handler, then one instruction of INT 13h
                m.vcpu.step()
            assert regs.cs == 0xF000 or regs.ip == 0x7C02, "INT 13h has lost its way"

    m.run(timeout=1)
    answer = guest.answer()
    assert (answer.ah, answer.carry) == (0, False)
    assert 100 < interrupted < 5000


@pytest.mark.parametrize("function", [0x00, 0x01, READ, PARAMETERS, 0x15, CHANGED, 0x60])
def test_interrupts_are_on_after_every_function(machine: MakeMachine, function: int) -> None:
    guest = Caller(machine(numbered((80, 2, 18))))

    assert guest.int13(function << 8 | 1, cx=0x0001).interrupts


# -- two drives, and other disks -----------------------------------------------------------------


def test_two_drives_have_their_own_disks(machine: MakeMachine) -> None:
    guest = Caller(machine(numbered((80, 2, 18)), fdb=numbered((40, 2, 9))))

    answer = guest.int13(PARAMETERS << 8, dx=1)
    assert (answer.geometry, answer.dx & 0xFF, answer.bx) == ((40, 2, 9), 2, 1)
    assert guest.int13(PARAMETERS << 8, dx=0).geometry == (80, 2, 18)
    for drive, sectors in ((0, 18), (1, 9), (0, 18)):
        assert guest.chs(READ, 1, 0, 1, drive=drive).ah == 0
        assert number(guest.buffer()) == 2 * sectors
        # the table follows the medium that was found last
    assert guest.int13(0x1500, dx=1)[:1] == (1,)  # a 360K drive has no change line
    assert guest.int13(0x1500, dx=0)[:1] == (2,)


@pytest.mark.parametrize("drive", [0, 1])
def test_another_disk_is_reported_once_then_read(machine: MakeMachine, drive: int) -> None:
    guest = Caller(machine(numbered((80, 2, 18)), fdb=numbered((80, 2, 18))))
    guest.chs(READ, 0, 0, 2, drive=drive)

    guest.m.floppy.insert("ab"[drive], numbered((80, 2, 9)))

    assert guest.int13(CHANGED << 8, dx=drive).ah == 0x06
    first = guest.chs(READ, 1, 0, 1, drive=drive)
    assert (first.ah, first.carry) == (0x06, True)
    assert guest.chs(READ, 1, 0, 1, drive=drive).ah == 0
    assert number(guest.buffer()) == 18
    assert guest.int13(CHANGED << 8, dx=drive).ah == 0x00
    other = 1 - drive
    assert guest.chs(READ, 1, 0, 1, drive=other).ah in (0, 0x06)


def test_a_change_that_08h_sees_is_still_reported(machine: MakeMachine) -> None:
    guest = Caller(machine(numbered((80, 2, 18))))
    guest.chs(READ, 0, 0, 2)
    guest.m.floppy.insert(0, numbered((80, 2, 21)))

    assert guest.int13(PARAMETERS << 8).geometry == (80, 2, 21)

    assert guest.int13(CHANGED << 8).ah == 0x06
    assert guest.chs(READ, 1, 0, 1).ah == 0x06
    assert guest.chs(READ, 1, 0, 1).ah == 0
    assert number(guest.buffer()) == 42


def test_an_empty_drive_times_out_and_a_new_disk_is_read(machine: MakeMachine) -> None:
    guest = Caller(machine(numbered((80, 2, 18))))

    taken = guest.m.floppy.eject("A")
    assert guest.chs(READ, 0, 0, 2).ah == 0x80
    guest.m.floppy.insert("a", taken)

    assert guest.chs(READ, 0, 0, 2).ah in (0, 0x06)
    assert guest.chs(READ, 0, 0, 2).ah == 0


def test_a_disk_in_drive_b_shows_that_there_is_one(machine: MakeMachine) -> None:
    m = machine(numbered((80, 2, 18)))
    m.floppy.insert("b", numbered((80, 2, 9)))

    guest = Caller(m)

    assert guest.int13(PARAMETERS << 8, dx=1).geometry == (80, 2, 9)


@pytest.mark.parametrize("unit", ["c", "ab", 2, -1])
def test_a_drive_that_is_none_is_refused(machine: MakeMachine, unit: int | str) -> None:
    m = machine()

    with pytest.raises(ValueError, match=r"unit|drive"):
        m.floppy.insert(unit, Disk(b"x"))
    with pytest.raises(ValueError, match=r"unit|drive"):
        m.floppy.eject(unit)


def test_a_buffer_across_64k_is_refused(machine: MakeMachine) -> None:
    guest = Caller(machine(numbered((80, 2, 18))))

    assert guest.int13(0x0202, cx=0x0001, bx=0xFE01).ah == 0x09
    assert guest.m.vm.read(BUFFER + 0xFE01, 8) == bytes(8)
