"""Interrupts that the host raises: where they come in, what they push, what they leave of a REP."""

from __future__ import annotations

import pytest

from pyx86emu import ExitReason
from tests.harness import CODE, STACK, Guest, program

MODELS = ("8086", "80186", "80286", "80386", "80486")
HANDLER = 0x3000
VECTOR = 0x40


def handled(guest: Guest, vector: int) -> None:
    """The handler of `vector` is a HLT, to look at the frame, and an IRET."""
    guest.vector(vector, HANDLER)
    guest.ram[HANDLER : HANDLER + 2] = program("f4 cf  ; hlt; iret")


def returns_to(guest: Guest) -> int:
    """Run into the handler: the offset in its frame, from the program's begin."""
    assert guest.run().reason is ExitReason.HLT
    assert guest.vcpu.regs.ip == HANDLER + 1
    return guest.word(guest.vcpu.regs.sp) - CODE


@pytest.mark.parametrize("raised", ["interrupt", "nmi"])
@pytest.mark.parametrize("model", MODELS)
def test_hlt_that_an_interrupt_ends_is_not_run_again(model: str, raised: str) -> None:
    with Guest(program("40 f4 43  ; inc ax; hlt; inc bx"), model=model, flags=0x202) as guest:
        handled(guest, 2 if raised == "nmi" else VECTOR)
        assert guest.text() == "HLT"

        if raised == "nmi":
            guest.vcpu.nmi()
        else:
            guest.vcpu.interrupt(VECTOR)

        assert returns_to(guest) == 2
        assert guest.text() == "HLT"
        assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


SHADOWS = [("sti", "fb", 1), ("mov ss", "8ed3", 2), ("pop ss", "17", 1)]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("code", "length"), [s[1:] for s in SHADOWS], ids=[s[0] for s in SHADOWS])
def test_nmi_waits_for_the_instruction_in_the_shadow(code: str, length: int, model: str) -> None:
    with Guest(bytes.fromhex(code + "4043"), model=model) as guest:
        handled(guest, 2)
        guest.vcpu.run(1)

        guest.vcpu.nmi()

        assert returns_to(guest) == length + 1


@pytest.mark.parametrize("model", MODELS)
def test_sti_holds_off_no_trap(model: str) -> None:
    """QEMU does not trap here; Intel's manuals say it of loads of SS only."""
    with Guest(program("fb 40  ; sti; inc ax"), model=model, flags=0x102) as guest:
        handled(guest, 1)

        assert returns_to(guest) == 1


@pytest.mark.parametrize("model", MODELS)
def test_nmi_comes_before_an_interrupt_and_in_front_of_the_same_instruction(model: str) -> None:
    with Guest(program("90 40  ; nop; inc ax"), model=model, flags=0x202) as guest:
        handled(guest, 2)
        guest.vector(VECTOR, 0x3100)
        guest.ram[0x3100:0x3102] = program("43 cf  ; inc bx; iret")
        guest.vcpu.run(1)

        guest.vcpu.interrupt(VECTOR)
        guest.vcpu.nmi()

        assert returns_to(guest) == 1
        assert guest.vcpu.regs.bx == 0
        assert guest.vcpu.regs.flags & 0x300 == 0
        assert guest.text() == "HLT"
        assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("code", ["f326a4", "26f3a4", "f326f0a4", "f3a4"])
def test_interrupted_rep_returns_to_its_first_prefix_but_on_the_8086(code: str, model: str) -> None:
    if "f0" in code and model in ("80386", "80486"):
        pytest.skip("LOCK MOVS is #UD")
    with Guest(bytes.fromhex("90" + code), model=model, flags=0x202) as guest:
        handled(guest, VECTOR)
        guest.vcpu.regs.cx, guest.vcpu.regs.di, guest.vcpu.regs.si = 10, 0x5000, 0x4000
        guest.vcpu.run(1 + 4)
        assert guest.vcpu.regs.cx == 6

        guest.vcpu.interrupt(VECTOR)

        last = 1 + len(code) // 2 - 2
        assert returns_to(guest) == (last if model == "8086" else 1)


@pytest.mark.parametrize("model", MODELS)
def test_rep_that_only_the_budget_stops_keeps_its_prefixes(model: str) -> None:
    with Guest(program("f326a4  ; rep es movsb"), model=model) as guest:
        regs = guest.vcpu.regs
        regs.cx, regs.di, regs.si, regs.es = 20, 0x4000, 0x1000, 0x100
        guest.ram[0x2000:0x2014] = bytes(range(1, 21))

        while regs.cx:
            assert guest.vcpu.run(3).reason is ExitReason.BUDGET

        assert guest.ram[0x5000:0x5014] == bytes(range(1, 21))


@pytest.mark.parametrize("model", MODELS[:2])
@pytest.mark.parametrize("prefixes", ["f3" + "26" * 20, "26" * 20 + "f3"])
def test_prefixes_of_a_long_run_hold_for_every_iteration(prefixes: str, model: str) -> None:
    with Guest(bytes.fromhex(prefixes + "a4"), model=model) as guest:
        regs = guest.vcpu.regs
        regs.cx, regs.di, regs.si, regs.es = 20, 0x4000, 0x1000, 0x100
        guest.ram[0x2000:0x2014] = bytes(range(1, 21))

        assert guest.text() == "HLT"

        assert regs.cx == 0
        assert guest.ram[0x5000:0x5014] == bytes(range(1, 21))


def test_host_that_moves_ip_forgets_the_rep_it_left() -> None:
    with Guest(program("f326a4  ; rep es movsb"), model="8086", flags=0x202) as guest:
        handled(guest, VECTOR)
        guest.vcpu.regs.cx = 10
        guest.vcpu.run(4)
        guest.vcpu.regs.ip = CODE + 3

        guest.vcpu.interrupt(VECTOR)

        assert returns_to(guest) == 3


def test_pop_cs_goes_on_in_the_other_segment() -> None:
    with Guest(program("b80002 50 0f  ; mov ax,0x200; push ax; pop cs"), model="8086") as guest:
        guest.ram[0x2000 + CODE + 5 : 0x2000 + CODE + 7] = program("43 f4  ; inc bx; hlt")

        assert guest.text() == "HLT"

        regs = guest.vcpu.regs
        assert (regs.cs, regs.ip, regs.bx, regs.sp) == (0x200, CODE + 7, 1, STACK)


@pytest.mark.parametrize("model", MODELS)
def test_into_interrupts_only_on_overflow(model: str) -> None:
    with Guest(
        program("ce b07f 0401 ce  ; into; mov al,0x7f; add al,1; into"), model=model
    ) as guest:
        handled(guest, 4)

        assert returns_to(guest) == 6
        assert guest.text() == "HLT"


# -- code that an interrupt or a device changes ---------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_a_frame_pushed_over_code_changes_it(model: str) -> None:
    """The IP that INT pushes is 1042h: its low byte is INC DX."""
    code = b"\x90" * 0x3A + program("bc5610 b80000 cd40  ; mov sp,0x1056; mov ax,0; int 0x40")
    with Guest(code, model=model) as guest:
        guest.vector(VECTOR, CODE + 0x50)
        guest.ram[CODE + 0x50 : CODE + 0x52] = program("40 f4  ; inc ax; hlt")
        guest.vcpu.regs.ip = CODE + 0x50
        assert guest.text() == "HLT"  # it has been run
        guest.vcpu.regs.ip = CODE

        guest.vcpu.run(0x3A + 3 + 1)

        assert (guest.vcpu.regs.ax, guest.vcpu.regs.dx, guest.vcpu.regs.ip) == (0, 1, CODE + 0x51)


@pytest.mark.parametrize("model", MODELS[1:])
def test_a_device_that_ins_stores_over_code(model: str) -> None:
    code = program("bf0810 ba8000 6c 90 40  ; mov di,next; mov dx,0x80; insb; nop; next: inc ax")
    with Guest(code, model=model, answer=lambda exit: 0x43) as guest:
        guest.exits()

        assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (0, 1)
