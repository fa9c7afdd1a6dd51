"""What departs from KVM, as docs/IO.md lists it, where the conformance list has no row for it.

Each test says what KVM does; what is asserted is what happens here.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from pyx86emu import ExitReason
from tests.harness import (
    CODE,
    HANDLERS,
    STACK,
    Guest,
    MakeGuest,
    open_line,
    program,
)

HOLE = 0xD0000

# -- ioeventfds -----------------------------------------------------------------------------------

#: Neighbours of an entry for any length at D0008h: address and length. All but the last overlap it.
NEIGHBOURS = ((HOLE + 4, 8), (HOLE + 7, 2), (HOLE + 6, 4), (HOLE + 1, 8), (HOLE + 9, 1))
STORE = program("b800d0 8ed8 a30800  ; mov ax,0xd000; mov ds,ax; mov [8],ax")


@pytest.mark.parametrize("order", [*permutations(range(3))])
@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_an_entry_of_length_0_rings_whatever_overlaps_it(
    make_guest: MakeGuest, neighbour: tuple[int, int], order: tuple[int, ...]
) -> None:
    """KVM searches its sorted ranges: registered in one order, a neighbour hides the entry."""
    guest = make_guest(STORE)
    places = [(HOLE + 8, 0), neighbour, (HOLE, 8)]
    made = {}
    for at in order:
        addr, length = places[at]
        made[at] = guest.vm.ioeventfd(addr, length, bus="mmio")

    assert guest.exits() == ["HLT"]

    assert [made[at].read() for at in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_ports_of_length_0_ring_whatever_overlaps_them(
    make_guest: MakeGuest, order: tuple[int, ...]
) -> None:
    guest = make_guest(program("e780  ; out 0x80,ax"))
    places = [(0x80, 0), (0x7E, 4), (0x7F, 2)]
    made = {at: guest.vm.ioeventfd(*places[at]) for at in order}

    assert guest.exits() == ["HLT"]

    assert [made[at].read() for at in range(3)] == [1, 0, 0]


# -- accesses of one instruction ------------------------------------------------------------------


def test_every_store_of_pusha_exits(make_guest: MakeGuest) -> None:
    """KVM hands out the last one."""
    guest = make_guest(program("b800d0 8ed0 bc0001 60  ; mov ax,0xd000; mov ss,ax; mov sp,0x100"))

    seen = guest.exits()

    words = ("00d0", "0000", "0000", "0000", "0001", "0000", "0000", "0000")
    assert seen == [
        *(f"MMIO w {0xD00FE - 2 * at:#x} len=2 data={word}" for at, word in enumerate(words)),
        "HLT",
    ]


def test_every_store_of_an_interrupt_frame_exits(make_guest: MakeGuest) -> None:
    """KVM hands out the last one."""
    guest = make_guest(program("b800d0 8ed0 bc0001 cd21  ; mov ax,0xd000; mov ss,ax; int 0x21"))

    seen = guest.exits()

    assert seen == [
        "MMIO w 0xd00fe len=2 data=0200",
        "MMIO w 0xd00fc len=2 data=0000",
        "MMIO w 0xd00fa len=2 data=0a10",
        f"HLT IN VECTOR {0x21}",
    ]


def test_les_from_a_hole_is_two_reads(make_guest: MakeGuest) -> None:
    """KVM reads all four bytes by one exit."""
    guest = make_guest(program("b800d0 8ed8 c41e1000  ; mov ax,0xd000; mov ds,ax; les bx,[0x10]"))

    assert guest.exits() == ["MMIO r 0xd0010 len=2", "MMIO r 0xd0012 len=2", "HLT"]


def test_popa_from_a_hole_reads_each_word_once(make_guest: MakeGuest) -> None:
    """KVM begins again after each read, with SP already moved, and reads past the eight words."""
    guest = make_guest(program("b800d0 8ed0 bc0001 61  ; mov ax,0xd000; mov ss,ax; mov sp,0x100"))

    seen = guest.exits()

    assert seen == [*(f"MMIO r {0xD0100 + 2 * at:#x} len=2" for at in range(8)), "HLT"]
    assert guest.vcpu.regs.sp == 0x110


# -- strings --------------------------------------------------------------------------------------


def test_rep_ins_into_a_hole_reads_and_stores_in_turn(make_guest: MakeGuest) -> None:
    """KVM reads many elements by one exit, and then stores them as one block."""
    guest = make_guest(
        program(
            """
            b800d0  ; mov ax,0xd000
            8ec0    ; mov es,ax
            31ff    ; xor di,di
            ba8000  ; mov dx,0x80
            b90300  ; mov cx,3
            f36c    ; rep insb
            """
        )
    )

    seen = guest.exits()

    turns = [
        ("IO in port=0x80 size=1 count=1", f"MMIO w {HOLE + at:#x} len=1 data=a5")
        for at in range(3)
    ]
    assert seen == [*(exit for turn in turns for exit in turn), "HLT"]


def test_rep_ins_wraps_at_the_end_of_its_segment(make_guest: MakeGuest) -> None:
    """KVM counts a batch in bytes of the page: one of words is too long, and gets exception 13."""
    guest = make_guest(
        program("bff0ff ba8000 b91000 f36d  ; mov di,0xfff0; mov dx,0x80; mov cx,16; rep insw")
    )
    above = guest.vm.add_memory(0x10000, 0x1000)

    assert guest.exits() == ["IO in port=0x80 size=2 count=16", "HLT"]

    assert guest.ram[0xFFF0:0x10000] == guest.ram[0:0x10] == b"\xa5" * 16
    assert above[0x10000:0x10010] == bytes(16)
    assert (guest.vcpu.regs.di, guest.vcpu.regs.cx) == (0x10, 0)


@pytest.mark.parametrize("carry", ["f8", "f9"])
def test_a_faulting_repne_cmps_has_the_flags_of_its_last_comparison(
    make_guest: MakeGuest, carry: str
) -> None:
    """A processor under KVM pushes the flags from before the instruction."""
    guest = make_guest(
        program(f"befdff bf0040 b90a00 {carry} f2a7  ; mov si,0xfffd; repne cmpsw with CF 0 or 1")
    )
    guest.ram[0xFFFD:0xFFFF] = b"\x10\x00"
    guest.ram[0x4000:0x4004] = b"\x01\x02\x03\x04"

    assert guest.exits() == ["HLT IN VECTOR 13"]

    below = 0x0010 - 0x0201 & 0xFFFF  # the comparison that was completed
    assert guest.word(STACK - 2) & 0xC1 == 1 | below >> 8 & 0x80
    assert (guest.vcpu.regs.si, guest.vcpu.regs.cx) == (0xFFFF, 9)


# -- debugging ------------------------------------------------------------------------------------


def test_a_guest_that_steps_itself_gets_its_traps_under_a_host_that_steps(
    make_guest: MakeGuest,
) -> None:
    """KVM uses TF for the host, and the guest's own trap is lost."""
    guest = make_guest(
        program("680001 9d bb0100 bb0200  ; push word 0x100; popf; mov bx,1; mov bx,2")
    )
    guest.vcpu.debug(singlestep=True)

    seen = [guest.run() for _ in range(4)]

    assert {exit.reason for exit in seen} == {ExitReason.DEBUG}
    first = HANDLERS + 1  # of INT 1, whose frame points after the first MOV
    assert [exit.pc for exit in seen] == [CODE + 3, CODE + 4, CODE + 7, first]
    assert guest.word(STACK - 6) == CODE + 7
    assert guest.vcpu.regs.bx == 1


def test_a_run_goes_on_from_a_breakpoint(make_guest: MakeGuest) -> None:
    """KVM stops there again, until the host has taken the breakpoint away."""
    guest = make_guest(program("90 90 90  ; nop; nop; nop"))
    guest.vcpu.debug(breakpoints=[CODE + 1])

    assert guest.run().reason is ExitReason.DEBUG
    assert guest.vcpu.regs.ip == CODE + 1
    assert guest.run().reason is ExitReason.HLT


# -- the 8259 and the 8254 ------------------------------------------------------------------------


def with_lines(make_guest: MakeGuest, code: str, *lines: int, handler: str = "cf") -> Guest:
    """Run `code` after line 5 of the 8259 was opened and these lines have risen, up to its HLT.
    Interrupts are off at first. The handler of line 5 counts in BX, that of line 3 is `handler`."""
    guest = make_guest(open_line(5) + program("e680") + program(code), irqchip=True)
    for vector, at, body in ((0x23, 0x3000, handler), (0x25, 0x3100, "43 cf  ; inc bx; iret")):
        guest.vector(vector, at)
        guest.ram[at : at + len(program(body))] = program(body)
    assert guest.run().reason is ExitReason.IO
    for line in lines:
        guest.vm.irq_line(line, True)
    assert guest.run().reason is ExitReason.HLT
    return guest


def test_a_word_at_the_8259_is_two_bytes(make_guest: MakeGuest) -> None:
    """KVM ignores a word that is written, and reads 0."""
    guest = with_lines(
        make_guest, "b80ba5 e720 31c0 e520  ; mov ax,0xa50b; out 0x20,ax; xor ax,ax; in ax,0x20"
    )

    assert guest.vcpu.regs.ax == 0xA500  # the ISR, which OCW3 has chosen, and the mask


def test_a_line_that_a_poll_has_acknowledged_is_in_service(make_guest: MakeGuest) -> None:
    """In KVM the line is not in service afterwards."""
    guest = with_lines(
        make_guest,
        """
        b00c e620  ; mov al,0x0c: poll; out 0x20,al
        e420 88c3  ; in al,0x20; mov bl,al
        b00b e620  ; mov al,0x0b: read the ISR next; out 0x20,al
        e420 88c7  ; in al,0x20; mov bh,al
        """,
        5,
    )

    assert guest.vcpu.regs.bl == 0x80 | 5
    assert guest.vcpu.regs.bh == 1 << 5


def test_special_mask_mode_lets_lower_lines_through(make_guest: MakeGuest) -> None:
    """KVM stores the mode and does not use it."""
    guest = with_lines(
        make_guest,
        """
        b0f7 e621  ; mov al,0xf7: line 3 only; out 0x21,al
        fb 90 90   ; sti; nop; nop: line 3 interrupts, and its handler ends without EOI
        b0df e621  ; mov al,0xdf: line 5 only, which line 3 blocks; out 0x21,al
        90 88df    ; nop; mov bh,bl
        b068 e620  ; mov al,0x68: special mask; out 0x20,al
        90 fa      ; nop; cli
        """,
        *(3, 5),
    )

    assert guest.vcpu.regs.bh == 0
    assert guest.vcpu.regs.bl == 1


def test_icw1_ends_what_is_in_service(make_guest: MakeGuest) -> None:
    """KVM leaves the ISR as it is, so that the line stays blocked."""
    guest = with_lines(
        make_guest,
        """
        fb 90 90 fa  ; sti; nop; nop: line 5 interrupts, and its handler ends without EOI; cli
        b00b e620    ; mov al,0x0b: read the ISR next; out 0x20,al
        e420 88c7    ; in al,0x20; mov bh,al
        b011 e620    ; mov al,0x11: ICW1; out 0x20,al
        b00b e620    ; mov al,0x0b; out 0x20,al
        e420         ; in al,0x20
        """,
        5,
    )

    assert guest.vcpu.regs.bl == 1
    assert guest.vcpu.regs.bh == 1 << 5
    assert guest.vcpu.regs.al == 0


def test_the_status_of_a_counter_shows_that_its_count_is_not_loaded(
    make_guest: MakeGuest,
) -> None:
    """KVM leaves bit 6, "null count", at 0."""
    guest = with_lines(
        make_guest,
        """
        b034 e643  ; mov al,0x34: counter 0, both bytes, mode 2; out 0x43,al
        b0e2 e643  ; mov al,0xe2: latch the status of counter 0; out 0x43,al
        e440       ; in al,0x40
        """,
    )

    assert guest.vcpu.regs.al == 0x80 | 0x40 | 0x34


def test_a_read_of_the_control_port_of_the_8254_is_ff(make_guest: MakeGuest) -> None:
    """KVM reads 0."""
    guest = with_lines(make_guest, "31c0 e443  ; xor ax,ax; in al,0x43")

    assert guest.vcpu.regs.al == 0xFF
