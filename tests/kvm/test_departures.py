"""The column "KVM" of the departures in docs/IO.md: what a kernel does there.

Only on the kind of KVM that docs/ROWS.md names: another kernel may do something else.
tests/io/test_departures.py shows the same guests on the interpreter.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pyx86emu import ExitReason
from tests import on_kvm
from tests.harness import (
    FOREVER,
    STACK,
    Guest,
    Running,
    open_line,
    program,
    wait_until,
    work,
)
from tests.rows import page

HOLE = 0xD0000
#: Long enough for KVM to see that interrupts are on.
WHILE_IT_LOOKS = "90 " * 2000


@pytest.fixture(autouse=True)
def _kernel() -> None:
    on_kvm.need("kvm")
    if page.kernel() != page.written_kernel():
        pytest.skip(f"this is {page.kernel()}, the page has {page.written_kernel()}")


@pytest.fixture
def run() -> Iterator[object]:
    made: list[Guest] = []

    def make(listing: str, **options: object) -> Guest:
        made.append(Guest(program(listing), accel="kvm", **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for guest in made:
        guest.close()


#: Guests of the page, and what they show.
EXITS = {
    "several writes of PUSHA": (
        "b800d0 8ed0 bc0001 60  ; mov ax,0xd000; mov ss,ax; mov sp,0x100; pusha",
        "MMIO w 0xd00f0 len=2 data=0000; HLT",
    ),
    "an interrupt frame": (
        "b800d0 8ed0 bc0001 cd21  ; mov ax,0xd000; mov ss,ax; mov sp,0x100; int 0x21",
        "MMIO w 0xd00fa len=2 data=0a10; HLT IN VECTOR 33",
    ),
    "LES": (
        "b800d0 8ed8 c41e1000  ; mov ax,0xd000; mov ds,ax; les bx,[0x10]",
        "MMIO r 0xd0010 len=4; HLT",
    ),
    "REP INS into a hole": (
        "b800d0 8ec0 31ff ba8000 b90300 f36c  ; mov es,ax; xor di,di; mov cx,3; rep insb",
        "IO in port=0x80 size=1 count=3; MMIO w 0xd0000 len=3 data=a5a5a5; HLT",
    ),
    "REP INSW over the end of a segment": (
        "bff0ff ba8000 b91000 f36d  ; mov di,0xfff0; mov dx,0x80; mov cx,16; rep insw",
        "IO in port=0x80 size=2 count=16; HLT IN VECTOR 13",
    ),
}


@pytest.mark.parametrize("name", EXITS)
def test_what_exits(run, name: str) -> None:  # type: ignore[no-untyped-def]
    listing, shown = EXITS[name]

    assert run(listing).text() == shown


def test_popa_begins_again_after_each_read(run) -> None:  # type: ignore[no-untyped-def]
    guest = run("b800d0 8ed0 bc0001 61  ; mov ax,0xd000; mov ss,ax; mov sp,0x100; popa")

    seen = guest.exits()

    assert seen[:4] == [f"MMIO r {HOLE + at:#x} len=2" for at in (0x100, 0x102, 0x106, 0x10E)]


def test_an_entry_of_length_0_is_missed_in_one_order(run) -> None:  # type: ignore[no-untyped-def]
    seen = {}
    for order in ("entry first", "neighbour first"):
        guest = run("b800d0 8ed8 a30800  ; mov ax,0xd000; mov ds,ax; mov [8],ax")
        places = [(HOLE + 8, 0), (HOLE + 4, 8)]
        for addr, length in places if order == "entry first" else places[::-1]:
            guest.vm.ioeventfd(addr, length, bus="mmio")
        guest.vm.ioeventfd(HOLE, 8, bus="mmio")
        seen[order] = guest.text()

    assert seen == {
        "entry first": "MMIO w 0xd0008 len=2 data=00d0; HLT",
        "neighbour first": "HLT",
    }


@pytest.mark.parametrize(("carry", "flags"), [("f8", 2), ("f9", 3)])
def test_a_faulting_repne_cmps_has_the_flags_from_before(run, carry, flags) -> None:  # type: ignore[no-untyped-def]
    guest = run(f"befdff bf0040 b90a00 {carry} f2a7  ; mov si,0xfffd; mov cx,10; repne cmpsw")
    guest.ram[0xFFFD:0xFFFF], guest.ram[0x4000:0x4002] = b"\x10\x00", b"\x01\x02"

    assert guest.text() == "HLT IN VECTOR 13"

    assert guest.word(STACK - 2) == flags


def with_line_5(run, listing: str) -> Guest:  # type: ignore[no-untyped-def]
    """The guest after line 5 has risen, at its last OUT."""
    begin = "".join(f"{byte:02x}" for byte in open_line(5)) + "e680"
    guest: Guest = run(f"{begin} {listing}\ne681", irqchip=True)
    guest.ram[0x3000:0x3002] = program("43 cf  ; inc bx; iret")
    guest.vector(0x25, 0x3000)
    assert guest.run().reason is ExitReason.IO
    guest.vm.irq_line(5, True)
    assert guest.run().reason is ExitReason.IO
    return guest


#: Accesses to the chips, and AX and BX after them.
CHIPS = {
    "a word at the 8259": ("b80ba5 e720 b83412 e520", (0, 0)),
    "a poll": ("b00c e620 e420 88c3 b00b e620 e420", (0, 0x85)),
    "null count": ("31c0 b034 e643 b0e2 e643 e440 2440", (0, 0)),
    "a read of port 43h": ("b85555 e443", (0x5500, 0)),
    "ICW1": (
        f"31c0 fb {WHILE_IT_LOOKS} fa b011 e620 b00b e620 e420  ; sti; cli; ICW1; read the ISR",
        (0x20, 1),
    ),
}


@pytest.mark.parametrize("name", CHIPS)
def test_what_the_chips_show(run, name: str) -> None:  # type: ignore[no-untyped-def]
    listing, shown = CHIPS[name]

    regs = with_line_5(run, listing).vcpu.regs

    assert (regs.ax, regs.bx) == shown


def test_a_semaphore_as_irqfd_is_taken_once_for_a_write(run) -> None:  # type: ignore[no-untyped-def]
    begin = "".join(f"{byte:02x}" for byte in open_line(5) + b"\xfb" + FOREVER)
    guest = run(begin, irqchip=True)
    handler = program("ff060050 b020 e620 cf  ; inc word [0x5000]; mov al,0x20; out 0x20,al; iret")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler
    guest.vector(0x25, 0x3000)
    fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_SEMAPHORE | os.EFD_CLOEXEC)
    guest.vm.irqfd(5, fd)
    vcpu = Running(guest.vcpu.run)

    work(guest.vcpu, vcpu)
    os.eventfd_write(fd, 5)
    wait_until(lambda: guest.word(0x5000))
    work(guest.vcpu, vcpu)
    guest.vcpu.kick()
    vcpu.result()

    with open(f"/proc/self/fdinfo/{fd}") as info:
        assert "eventfd-count:                4" in info.read()
    os.close(fd)
    assert guest.word(0x5000) == 1
