"""Interrupts: where they come in, what they push, what they leave of a REP, what ends a HLT."""

from __future__ import annotations

from typing import Any

import pytest

from pyx86emu import ExitReason
from pyx86emu.models import MODELS
from tests.harness import BUDGET, CODE, STACK, Guest, MakeGuest, open_line, program

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


# -- lines ----------------------------------------------------------------------------------------


GSI = 5


LINE_VECTOR = 0x25


#: The chips: vectors from 20h up, only line 5 open.
CHIPS = open_line(GSI)


AFTER_CHIPS = CODE + len(CHIPS)


def with_line_up(make_guest: MakeGuest, code: bytes, **options: Any) -> Guest:
    """A guest that has line 5 waiting; its handler is a HLT at 3000h."""
    guest = make_guest(CHIPS + code, irqchip=True, **options)
    guest.vector(LINE_VECTOR, 0x3000)
    guest.ram[0x3000:0x3001] = b"\xf4"
    while guest.vcpu.regs.eip != AFTER_CHIPS:
        guest.vcpu.step()
    guest.vm.irq_line(GSI, True)
    return guest


def interrupted_at(guest: Guest) -> int:
    """Run into the handler; the offset that the interrupt returns to, from the end of CHIPS."""
    exit = guest.vcpu.run(BUDGET)
    assert exit.reason is ExitReason.HLT
    assert guest.vcpu.regs.eip == 0x3001
    return guest.word((guest.vcpu.regs.ss << 4) + guest.vcpu.regs.sp) - AFTER_CHIPS


@pytest.mark.parametrize("model", MODELS)
def test_interrupt_comes_one_instruction_after_sti(make_guest: MakeGuest, model: str) -> None:
    guest = with_line_up(
        make_guest, program("fa fb 40 43 41  ; cli; sti; inc ax; inc bx; inc cx"), model=model
    )

    assert interrupted_at(guest) == 3


@pytest.mark.parametrize(
    ("code", "offset"),
    [
        (program("fb 8ed3 8ed3 43 41  ; sti; mov ss,bx; mov ss,bx; inc bx; inc cx"), 3),
        (program("680202 9d 43  ; push word 0x202; popf; inc bx"), 4),
        (program("fb fa 43 41 fb 90 43  ; sti; cli; inc bx; inc cx; sti; nop; inc bx"), 6),
    ],
    ids=["a shadow is not renewed", "popf has none", "cli in the shadow wins"],
)
def test_shadows_last_one_instruction(make_guest: MakeGuest, code: bytes, offset: int) -> None:
    assert interrupted_at(with_line_up(make_guest, code)) == offset


@pytest.mark.parametrize(
    ("code", "first"),
    [
        (program("8ed3 43 41  ; mov ss,bx; inc bx; inc cx"), 2),
        (program("17 43 41  ; pop ss; inc bx; inc cx"), 1),
    ],
    ids=["mov ss", "pop ss"],
)
@pytest.mark.parametrize("model", MODELS)
def test_loading_ss_holds_interrupts_off(
    make_guest: MakeGuest, code: bytes, first: int, model: str
) -> None:
    guest = make_guest(CHIPS + code, irqchip=True, model=model)
    guest.vector(LINE_VECTOR, 0x3000)
    guest.ram[0x3000:0x3001] = b"\xf4"
    while guest.vcpu.regs.eip != AFTER_CHIPS:
        guest.vcpu.step()
    guest.vcpu.regs.eflags |= 0x200
    guest.vcpu.step()
    assert guest.vcpu.regs.eip == AFTER_CHIPS + first

    guest.vm.irq_line(GSI, True)

    assert interrupted_at(guest) == first + 1


def test_rep_is_interruptible_and_goes_on(make_guest: MakeGuest) -> None:
    guest = make_guest(
        CHIPS
        + program(
            "fb bf0040 b9b80b b007 f3aa  ; sti; mov di,0x4000; mov cx,3000; mov al,7; rep stosb"
        ),
        irqchip=True,
    )
    guest.vector(LINE_VECTOR, 0x3000)
    handler = program(
        "50 b020 e620 58 43 cf  ; push ax; mov al,0x20; out 0x20,al; pop ax; inc bx; iret"
    )
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler
    rep = AFTER_CHIPS + 9

    assert guest.vcpu.run(10 + 4 + 1000).reason is ExitReason.BUDGET

    regs = guest.vcpu.regs
    assert (regs.eip, regs.cx, regs.di) == (rep, 2000, 0x4000 + 1000)
    guest.vm.irq_line(GSI, True)
    guest.vcpu.run(1 + 6)  # the interrupt is charged as an instruction, then the handler
    assert guest.word(STACK - 6) == rep
    assert (regs.bx, regs.cx) == (1, 2000)
    guest.vm.irq_line(GSI, False)
    assert guest.text() == "HLT"
    assert (regs.cx, regs.di, regs.bx) == (0, 0x4000 + 3000, 1)
    assert guest.ram[0x4000 : 0x4000 + 3001] == b"\7" * 3000 + b"\0"


# -- injected -------------------------------------------------------------------------------------


def test_injected_interrupt_is_delivered_once(make_guest: MakeGuest) -> None:
    guest = make_guest(program("90 90 f4  ; nop; nop; hlt"), flags=0x202)
    guest.vector(0x40, 0x3000)
    guest.ram[0x3000:0x3002] = program("40 cf  ; inc ax; iret")

    guest.vcpu.interrupt(0x40)

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.eflags) == (1, 0x202)


@pytest.mark.parametrize("model", MODELS)
def test_nmi_ignores_if_and_waits_for_iret(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(program("40 40  ; inc ax; inc ax"), model=model)
    guest.vector(2, 0x3000)
    handler = program("e699 cf  ; out 0x99,al; iret")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler
    guest.vcpu.run(1)

    guest.vcpu.nmi()

    assert guest.run().reason is ExitReason.IO
    assert guest.word(STACK - 6) == CODE + 1
    guest.vcpu.nmi()
    assert guest.vcpu.run(1).reason is ExitReason.BUDGET  # the IRET comes first
    assert guest.vcpu.regs.eip == CODE + 1
    assert guest.run().reason is ExitReason.IO
    assert guest.text() == "HLT"
    assert guest.vcpu.regs.ax == 2


def test_nmi_wakes_a_halted_vcpu(make_guest: MakeGuest) -> None:
    guest = make_guest(program("f4 43  ; hlt; inc bx"))
    guest.vector(2, 0x3000)
    guest.ram[0x3000:0x3002] = program("40 cf  ; inc ax; iret")
    assert guest.text() == "HLT"

    guest.vcpu.nmi()

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


def test_nmi_does_not_lose_a_queued_interrupt(make_guest: MakeGuest) -> None:
    guest = make_guest(program("90 90 fb 90 90  ; nop; nop; sti; nop; nop"))
    for vector, code in (
        (2, program("40 cf  ; inc ax; iret")),
        (0x40, program("43 cf  ; inc bx; iret")),
    ):
        guest.vector(vector, 0x3000 + vector)
        guest.ram[0x3000 + vector : 0x3002 + vector] = code
    guest.vcpu.run(1)

    guest.vcpu.interrupt(0x40, queue=True)
    guest.vcpu.nmi()

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


# -- HLT ------------------------------------------------------------------------------------------


def test_halt_ends_with_the_timer(make_guest: MakeGuest) -> None:
    """Three ticks of 1,000 counts of 1,193,182 Hz, reached by jumps of virtual time."""
    guest = make_guest(
        CHIPS
        + program(
            """
            b034    ; mov al,0x34
            e643    ; out 0x43,al
            b8e803  ; mov ax,1000
            e640    ; out 0x40,al
            88e0    ; mov al,ah
            e640    ; out 0x40,al
            b0fe    ; mov al,0xfe
            e621    ; out 0x21,al
            31db    ; xor bx,bx
            fb      ; sti
            f4      ; again: hlt
            83fb03  ; cmp bx,3
            72fa    ; jb again
            fa      ; cli
            f4      ; hlt
            """
        ),
        irqchip=True,
    )
    guest.vector(0x20, 0x3000)
    handler = program("43 b020 e620 cf  ; inc bx; mov al,0x20; out 0x20,al; iret")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.bx == 3
    assert abs(guest.vm.time - 3 * 1000 * 10**9 / 1193182) < 100_000


def test_halt_that_nothing_can_end_exits(make_guest: MakeGuest) -> None:
    guest = make_guest(program("fa f4 40  ; cli; hlt; inc ax"), irqchip=True)
    guest.vector(2, 0x3000)
    guest.ram[0x3000:0x3002] = program("43 cf  ; inc bx; iret")

    for _ in range(2):  # with the chips, only an interrupt ends a HLT
        assert guest.run().reason is ExitReason.HLT
        assert guest.vcpu.regs.eip == CODE + 2

    guest.vcpu.nmi()
    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


# -- the trap flag --------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_single_step_trap_after_every_instruction(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(
        program(
            """
            bf0050  ; mov di,0x5000
            bb0001  ; mov bx,0x100
            53      ; push bx
            9d      ; popf
            42      ; inc dx
            b90300  ; mov cx,3
            f3ac    ; rep lodsb
            42      ; inc dx
            e699    ; out 0x99,al
            """
        ),
        model=model,
    )
    guest.vector(1, 0x3000)
    handler = program(
        """
        55      ; push bp
        89e5    ; mov bp,sp
        50      ; push ax
        8b4602  ; mov ax,[bp+2]
        8905    ; mov [di],ax
        83c702  ; add di,2
        58      ; pop ax
        5d      ; pop bp
        cf      ; iret
        """
    )
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler

    assert guest.run().reason is ExitReason.IO

    returns = [guest.word(at) for at in range(0x5000, guest.vcpu.regs.di, 2)]
    # After INC, after MOV, twice between the iterations, after the last, after INC.
    assert returns == [0x1009, 0x100C, 0x100C, 0x100C, 0x100E, 0x100F]
