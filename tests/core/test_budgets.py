"""Budgets and time: a run ends after exactly so many instructions, and goes on from there."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason
from pyx86emu.models import MODELS
from tests.harness import CODE, MakeGuest, program

# -- budgets --------------------------------------------------------------------------------------


#: A bit of everything that ends or charges blocks: loops, calls, REP, a store to its own code.
BUSY = program(
    """
    b90300      ; mov cx,3
    bf0040      ; mov di,0x4000
    fc          ; cld
    51          ; outer: push cx
    b90500      ; mov cx,5
    88c8        ; mov al,cl
    f3aa        ; rep stosb
    e81700      ; call sub
    59          ; pop cx
    e2f2        ; loop outer
    be0040      ; mov si,0x4000
    bf0050      ; mov di,0x5000
    b90400      ; mov cx,4
    f3a5        ; rep movsw
    c606251043  ; mov byte [patch],0x43
    40          ; patch: inc ax
    cd21        ; int 0x21
    f4          ; hlt
    01c8        ; sub: add ax,cx
    a801        ; test al,1
    7401        ; jz even
    42          ; inc dx
    c3          ; even: ret
    """
)


def test_budget_stops_after_exactly_that_many_instructions(make_guest: MakeGuest) -> None:
    stepping = make_guest(BUSY)
    stepping.ram[0x2000:0x2003] = program("45 cf  ; inc bp; iret") + b"\x90"
    stepping.vector(0x21, 0x2000)
    states = [stepping.state()]
    for _ in stepping.steps():
        states.append(stepping.state())
        assert stepping.vcpu.instructions == len(states) - 1
    end = stepping.state()
    assert 50 < len(states) < 200

    for n in range(1, len(states)):
        guest = make_guest(BUSY)
        guest.ram[0x2000:0x2003] = stepping.ram[0x2000:0x2003]
        guest.vector(0x21, 0x2000)

        exit = guest.vcpu.run(n)

        assert exit.reason is ExitReason.BUDGET, f"after {n}"
        assert guest.vcpu.instructions == n
        assert guest.state() == states[n], f"after {n}"
        assert guest.vm.time == n << 7
        assert guest.vcpu.run().reason is ExitReason.HLT
        assert guest.state() == end, f"resumed after {n}"
        guest.close()


def test_two_budgets_are_one(make_guest: MakeGuest) -> None:
    guest = make_guest(program("40 ebfd  ; again: inc ax; jmp again"))

    for n in (1, 2, 3, 5, 7, 1000, 12345):
        assert guest.vcpu.run(n).reason is ExitReason.BUDGET

    assert guest.vcpu.instructions == 13363
    assert guest.vcpu.regs.ax == (13363 + 1) // 2


def test_budget_of_zero_runs_nothing(make_guest: MakeGuest) -> None:
    guest = make_guest(program("40  ; inc ax"))

    assert guest.vcpu.run(0).reason is ExitReason.BUDGET

    assert (guest.vcpu.regs.eip, guest.vcpu.instructions) == (CODE, 0)


def test_a_fault_handler_that_faults_uses_budget(make_guest: MakeGuest) -> None:
    guest = make_guest(program("0f0b  ; ud2"))
    guest.vector(6, CODE)

    exit = guest.vcpu.run(5000)

    assert exit.reason is ExitReason.BUDGET
    assert guest.vcpu.instructions == 5000


@pytest.mark.parametrize("model", MODELS[:2])
def test_host_that_moves_ip_leaves_prefixes_behind(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(b"\x26" * 40 + program("a00040  ; mov al,[0x4000]"), model=model)
    guest.ram[0x2000:0x2004] = program("a00040 f4  ; mov al,[0x4000]; hlt")
    guest.ram[0x4000], guest.ram[0x5000] = 0x11, 0x22
    guest.vcpu.regs.es = 0x100
    assert guest.run(1).reason is ExitReason.BUDGET

    guest.vcpu.regs.ip = 0x2000

    assert guest.text() == "HLT"
    assert guest.vcpu.regs.al == 0x11


# -- time -----------------------------------------------------------------------------------------


def test_timer_comes_at_its_instruction(make_guest: MakeGuest) -> None:
    guest = make_guest(program("40 01c3 ebfb  ; again: inc ax; add bx,ax; jmp again"))
    seen: list[tuple[int, int]] = []

    def ring() -> None:
        seen.append((guest.vm.time, guest.vcpu.instructions))
        if len(seen) < 5:
            guest.vm.set_timer(guest.vm.time + 1000 * 128 + 1, ring)

    guest.vm.set_timer(12345 * 128 - 5, ring)
    guest.vcpu.run(50_000)

    times = [12345, 13346, 14347, 15348, 16349]
    assert seen == [(128 * n, n) for n in times]


def test_time_is_instructions(make_guest: MakeGuest) -> None:
    guest = make_guest(program("b9e803 f3ac ebfe  ; mov cx,1000; rep lodsb; again: jmp again"))

    guest.vcpu.run(5001)

    assert guest.vcpu.instructions == 5001
    assert guest.vm.time == 5001 * 128
