"""What a vCPU does, through the public API: budgets, interrupts, faults, changing code, devices."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, MmioDevice, PioDevice, Vcpu, Vm
from tests.harness import (
    BUDGET,
    CODE,
    STACK,
    Guest,
    Running,
    count_of,
    program,
    wait_until,
)

MODELS = ("8086", "80186", "80286", "80386", "80486")
REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"),
    *("cs", "ds", "es", "ss", "fs", "gs"),
)
#: Exits that a guest can cause by itself.
GUEST_REASONS = {
    *(ExitReason.IO, ExitReason.MMIO, ExitReason.HLT, ExitReason.SHUTDOWN),
    *(ExitReason.INTERNAL_ERROR, ExitReason.BUDGET, ExitReason.HYPERCALL),
}


@pytest.fixture
def guests() -> Iterator[Callable[..., Guest]]:
    """Makes guests and closes them."""
    made: list[Guest] = []

    def make(code: bytes = b"", **options: Any) -> Guest:
        made.append(Guest(code, **options))
        return made[-1]

    yield make
    for guest in made:
        guest.close()


Make = Callable[..., Guest]


def state(guest: Guest) -> dict[str, int]:
    """Every register, and a hash of RAM."""
    regs = {name: getattr(guest.vcpu.regs, name) for name in REGISTERS}
    return regs | {"ram": hash(guest.ram[0:0x10000])}


def reason_of(vcpu: Vcpu) -> ExitReason:
    """Run without a budget."""
    return vcpu.run().reason


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


def test_budget_stops_after_exactly_that_many_instructions(guests: Make) -> None:
    stepping = guests(BUSY)
    stepping.ram[0x2000:0x2003] = program("45 cf  ; inc bp; iret") + b"\x90"
    stepping.vector(0x21, 0x2000)
    states = [state(stepping)]
    for _ in stepping.steps():
        states.append(state(stepping))
        assert stepping.vcpu.instructions == len(states) - 1
    end = state(stepping)
    assert 50 < len(states) < 200

    for n in range(1, len(states)):
        guest = guests(BUSY)
        guest.ram[0x2000:0x2003] = stepping.ram[0x2000:0x2003]
        guest.vector(0x21, 0x2000)

        exit = guest.vcpu.run(n)

        assert exit.reason is ExitReason.BUDGET, f"after {n}"
        assert guest.vcpu.instructions == n
        assert state(guest) == states[n], f"after {n}"
        assert guest.vm.time == n << 7
        assert guest.vcpu.run().reason is ExitReason.HLT
        assert state(guest) == end, f"resumed after {n}"
        guest.close()


def test_two_budgets_are_one(guests: Make) -> None:
    guest = guests(program("40 ebfd  ; again: inc ax; jmp again"))

    for n in (1, 2, 3, 5, 7, 1000, 12345):
        assert guest.vcpu.run(n).reason is ExitReason.BUDGET

    assert guest.vcpu.instructions == 13363
    assert guest.vcpu.regs.ax == (13363 + 1) // 2


def test_budget_of_zero_runs_nothing(guests: Make) -> None:
    guest = guests(program("40  ; inc ax"))

    assert guest.vcpu.run(0).reason is ExitReason.BUDGET

    assert (guest.vcpu.regs.eip, guest.vcpu.instructions) == (CODE, 0)


def test_a_fault_handler_that_faults_uses_budget(guests: Make) -> None:
    guest = guests(program("0f0b  ; ud2"))
    guest.vector(6, CODE)

    exit = guest.vcpu.run(5000)

    assert exit.reason is ExitReason.BUDGET
    assert guest.vcpu.instructions == 5000


def test_a_hundred_million_instructions_need_little_stack() -> None:
    """A build that lost its sibling calls would overflow this thread's stack."""
    old = threading.stack_size(256 * 1024)
    try:
        with Guest(program("40 01c3 ebfb  ; again: inc ax; add bx,ax; jmp again")) as guest:
            run = Running(lambda: guest.vcpu.run(20_000_000).reason)
            assert run.result(120) is ExitReason.BUDGET
    finally:
        threading.stack_size(old)


# -- stopping from outside ------------------------------------------------------------------------

FOREVER = program("ebfe  ; again: jmp again")


@pytest.mark.parametrize(
    "code",
    [
        FOREVER,
        program("40 e80200 ebfa c3  ; again: inc ax; call sub; jmp again; sub: ret"),
        program("b9ffff f3ac ebf9  ; again: mov cx,0xffff; rep lodsb; jmp again"),
        program("e690 ebfc  ; again: out 0x90,al; jmp again"),
        program("cd21 ebfc  ; again: int 0x21; jmp again"),
        program("8ed0 ebfc  ; again: mov ss,ax; jmp again"),
    ],
    ids=["jmp", "call", "rep", "device", "int", "mov ss"],
)
def test_kick_from_another_thread_ends_the_run(guests: Make, code: bytes) -> None:
    guest = guests(code)
    guest.vm.pio.attach(PioDevice(), 0x90)
    guest.ram[0x2000:0x2001] = b"\xcf"
    guest.vector(0x21, 0x2000)
    run = Running(lambda: guest.vcpu.run())
    time.sleep(0.02)
    assert run.going

    guest.vcpu.kick()

    exit = run.result(5)
    assert isinstance(exit, Exit) and exit.reason is ExitReason.INTR
    assert guest.vcpu.run(100).reason is ExitReason.BUDGET


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_raises_keyboard_interrupt() -> None:
    script = """
import sys
from tests.harness import Guest
guest = Guest(bytes.fromhex("ebfe"))
try:
    print("running", flush=True)
    guest.vcpu.run()
except KeyboardInterrupt:
    print("interrupted", guest.vcpu.regs.eip == 0x1000, guest.vcpu.instructions > 0)
"""
    command = [sys.executable, "-c", script]
    path = os.pathsep.join(p for p in sys.path if p)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        time.sleep(0.1)

        process.send_signal(signal.SIGINT)

        try:
            output, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert output == "interrupted True True\n"
    assert process.returncode == 0


# -- interrupts -----------------------------------------------------------------------------------

GSI = 5
VECTOR = 0x25
#: The chips: vectors from 20h up, only line 5 open.
CHIPS = program(
    """
    b011  ; mov al,0x11
    e620  ; out 0x20,al
    b020  ; mov al,0x20
    e621  ; out 0x21,al
    b004  ; mov al,4
    e621  ; out 0x21,al
    b001  ; mov al,1
    e621  ; out 0x21,al
    b0df  ; mov al,0xdf
    e621  ; out 0x21,al
    """
)
AFTER_CHIPS = CODE + len(CHIPS)


def with_line_up(guests: Make, code: bytes, **options: Any) -> Guest:
    """A guest that has line 5 waiting; its handler is a HLT at 3000h."""
    guest = guests(CHIPS + code, irqchip=True, **options)
    guest.vector(VECTOR, 0x3000)
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
def test_interrupt_comes_one_instruction_after_sti(guests: Make, model: str) -> None:
    guest = with_line_up(
        guests, program("fa fb 40 43 41  ; cli; sti; inc ax; inc bx; inc cx"), model=model
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
def test_shadows_last_one_instruction(guests: Make, code: bytes, offset: int) -> None:
    assert interrupted_at(with_line_up(guests, code)) == offset


@pytest.mark.parametrize(
    ("code", "first"),
    [
        (program("8ed3 43 41  ; mov ss,bx; inc bx; inc cx"), 2),
        (program("17 43 41  ; pop ss; inc bx; inc cx"), 1),
    ],
    ids=["mov ss", "pop ss"],
)
@pytest.mark.parametrize("model", MODELS)
def test_loading_ss_holds_interrupts_off(guests: Make, code: bytes, first: int, model: str) -> None:
    guest = guests(CHIPS + code, irqchip=True, model=model)
    guest.vector(VECTOR, 0x3000)
    guest.ram[0x3000:0x3001] = b"\xf4"
    while guest.vcpu.regs.eip != AFTER_CHIPS:
        guest.vcpu.step()
    guest.vcpu.regs.eflags |= 0x200
    guest.vcpu.step()
    assert guest.vcpu.regs.eip == AFTER_CHIPS + first

    guest.vm.irq_line(GSI, True)

    assert interrupted_at(guest) == first + 1


def test_injected_interrupt_is_delivered_once(guests: Make) -> None:
    guest = guests(program("90 90 f4  ; nop; nop; hlt"), flags=0x202)
    guest.vector(0x40, 0x3000)
    guest.ram[0x3000:0x3002] = program("40 cf  ; inc ax; iret")

    guest.vcpu.interrupt(0x40)

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.eflags) == (1, 0x202)


@pytest.mark.parametrize("model", MODELS)
def test_nmi_ignores_if_and_waits_for_iret(guests: Make, model: str) -> None:
    guest = guests(program("40 40  ; inc ax; inc ax"), model=model)
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


def test_nmi_wakes_a_halted_vcpu(guests: Make) -> None:
    guest = guests(program("f4 43  ; hlt; inc bx"))
    guest.vector(2, 0x3000)
    guest.ram[0x3000:0x3002] = program("40 cf  ; inc ax; iret")
    assert guest.text() == "HLT"

    guest.vcpu.nmi()

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


def test_rep_is_interruptible_and_goes_on(guests: Make) -> None:
    guest = guests(
        CHIPS
        + program(
            "fb bf0040 b9b80b b007 f3aa  ; sti; mov di,0x4000; mov cx,3000; mov al,7; rep stosb"
        ),
        irqchip=True,
    )
    guest.vector(VECTOR, 0x3000)
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


def test_halt_ends_with_the_timer(guests: Make) -> None:
    """Three ticks of 1,000 counts of 1,193,182 Hz, reached by jumps of virtual time."""
    guest = guests(
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


def test_halt_that_nothing_can_end_exits(guests: Make) -> None:
    guest = guests(program("fa f4 40  ; cli; hlt; inc ax"), irqchip=True)
    guest.vector(2, 0x3000)
    guest.ram[0x3000:0x3002] = program("43 cf  ; inc bx; iret")

    for _ in range(2):  # with the chips, only an interrupt ends a HLT
        assert guest.run().reason is ExitReason.HLT
        assert guest.vcpu.regs.eip == CODE + 2

    guest.vcpu.nmi()
    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)


@pytest.mark.parametrize("model", MODELS)
def test_single_step_trap_after_every_instruction(guests: Make, model: str) -> None:
    guest = guests(
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


# -- INT, faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_int_pushes_a_frame_and_iret_takes_it(guests: Make, model: str) -> None:
    guest = guests(program("f9 fb cd21 43  ; stc; sti; int 0x21; inc bx"), model=model)
    guest.ram[4 * 0x21 : 4 * 0x21 + 4] = bytes.fromhex("0000 0003")  # 0300:0000
    handler = program("9c 58 e699 cf  ; pushf; pop ax; out 0x99,al; iret")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler

    assert guest.run().reason is ExitReason.IO

    ones = 0xF002 if model in ("8086", "80186") else 2
    assert guest.frame() == (0x1004).to_bytes(2, "little").hex() + "0000" + (
        (ones | 0x201).to_bytes(2, "little").hex()
    )
    assert guest.vcpu.regs.cs == 0x300
    assert guest.vcpu.regs.ax == ones | 1  # IF is off inside
    assert guest.text() == "HLT"
    assert guest.vcpu.regs.eflags & 0x201 == 0x201
    assert guest.vcpu.regs.bx == 1


FAULTS = [
    ("div", program("b300 f6f3  ; mov bl,0; div bl"), 0, {"8086": 4, "80186": 4}, 2),
    (
        "prefixed div",
        program("bb0040 26f737  ; mov bx,0x4000; es div word [bx]"),
        0,
        {"8086": 6, "80186": 6},
        3,
    ),
    ("aam 0", bytes.fromhex("90d400"), 0, {"8086": 3, "80186": 3}, 1),
    ("int3", program("90 cc  ; nop; int3"), 3, {}, 2),
    ("into", bytes.fromhex("b07f 0401 ce"), 4, {}, 5),  # mov al,7fh; add al,1; into
    ("ud2", program("90 0f0b  ; nop; ud2"), 6, {"8086": None, "80186": 1}, 1),
    ("63", bytes.fromhex("90 63c0"), 6, {"8086": None}, 1),
    (
        "bound",
        program("bb0040 b80500 6207  ; mov bx,0x4000; mov ax,5; bound ax,[bx]"),
        5,
        {"8086": None},
        6,
    ),
    ("int1", bytes.fromhex("90f1"), 1, {"8086": None, "80186": None, "80286": None}, 2),
]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("code", "vector", "by_model", "offset"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_fault_goes_through_its_vector(
    guests: Make,
    code: bytes,
    vector: int,
    by_model: dict[str, int | None],
    offset: int,
    model: str,
) -> None:
    wanted = by_model.get(model, offset)
    if wanted is None:
        pytest.skip(f"the {model} has no such fault")
    guest = guests(code, model=model)

    assert guest.text() == f"HLT IN VECTOR {vector}"

    assert guest.word(STACK - 6) == CODE + wanted
    assert guest.vcpu.regs.sp == STACK - 6
    assert guest.vcpu.regs.eflags & 0x300 == 0


@pytest.mark.parametrize("model", MODELS[2:])
def test_word_at_the_end_of_a_segment_faults(guests: Make, model: str) -> None:
    guest = guests(
        program("bbffff b83412 8b07  ; mov bx,0xffff; mov ax,0x1234; mov ax,[bx]"), model=model
    )

    assert guest.text() == "HLT IN VECTOR 13"

    assert guest.word(STACK - 6) == CODE + 6
    assert guest.vcpu.regs.ax == 0x1234


@pytest.mark.parametrize("model", MODELS[:2])
def test_word_at_the_end_of_a_segment_wraps(guests: Make, model: str) -> None:
    guest = guests(
        program("bbffff 8b07 c7073344  ; mov bx,0xffff; mov ax,[bx]; mov word [bx],0x4433"),
        model=model,
    )
    guest.ram[0xFFFF:0x10000] = b"\x11"
    guest.ram[0:1] = b"\x22"

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.ax == 0x2211
    assert (guest.ram[0xFFFF], guest.ram[0], guest.ram[1]) == (0x33, 0x44, 6)  # 1: vector 0


TRIPLE = [
    ("no vector table", program("0f011e0040 cc  ; lidt [0x4000]; int3"), CODE + 5),
    ("no stack", program("bc0100 50  ; mov sp,1; push ax"), CODE + 3),
]


@pytest.mark.parametrize("model", MODELS[2:])
@pytest.mark.parametrize(("code", "at"), [t[1:] for t in TRIPLE], ids=[t[0] for t in TRIPLE])
def test_triple_fault_shuts_down(guests: Make, code: bytes, at: int, model: str) -> None:
    guest = guests(code, model=model)

    assert guest.run().reason is ExitReason.SHUTDOWN

    assert guest.vcpu.regs.eip == at
    assert guest.run().reason is ExitReason.SHUTDOWN
    guest.vcpu.reset()
    assert (guest.vcpu.regs.cs, guest.vcpu.regs.ip) == (0xF000, 0xFFF0)
    guest.start(program("40  ; inc ax"))
    assert guest.text() == "HLT"


@pytest.mark.parametrize(
    ("code", "model"),
    [
        (program("b80100 0f01f0  ; mov ax,1; lmsw ax"), "80286"),
        (program("b80100 0f01f0  ; mov ax,1; lmsw ax"), "80486"),
        (program("0f20c0 0c01 0f22c0  ; mov eax,cr0; or al,1; mov cr0,eax"), "80386"),
        (program("0f20c0 0c01 0f22c0  ; mov eax,cr0; or al,1; mov cr0,eax"), "80486"),
    ],
)
def test_protected_mode_is_refused_by_name(guests: Make, code: bytes, model: str) -> None:
    guest = guests(model=model)
    guest.ram[0x2340 : 0x2340 + len(code)] = code
    guest.vcpu.regs.cs, guest.vcpu.regs.eip = 0x0200, 0x0340

    exit = guest.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    at = 0x340 + len(code) - 3
    assert f"0200:{at:04x}" in str(exit.message).lower()
    assert "protected mode" in str(exit.message)


def test_code_outside_memory_is_an_error_that_says_where(guests: Make) -> None:
    guest = guests(program("ea100000d0  ; jmp 0xd000:0x10"))

    exit = guest.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    assert "d000:0010" in str(exit.message).lower()


# -- code that changes ----------------------------------------------------------------------------


@pytest.fixture(params=["run", "step"])
def drive(request: pytest.FixtureRequest) -> Callable[[Guest], None]:
    """Runs a guest to its HLT, at once or one instruction at a time."""

    def run(guest: Guest) -> None:
        assert guest.run().reason is ExitReason.HLT

    def step(guest: Guest) -> None:
        for _ in guest.steps():
            pass

    return run if request.param == "run" else step


Drive = Callable[[Guest], None]
SELF_MODIFYING = [
    ("the next byte", program("c606051043 40  ; mov byte [next],0x43; next: inc ax"), 0x0001),
    (
        "the next byte, alias",
        program(
            """
        b80001        ; mov ax,0x100
        8ec0          ; mov es,ax
        31c0          ; xor ax,ax
        26c6060d0043  ; mov byte [es:next-0x1000],0x43
        40            ; next: inc ax
        """
        ),
        0x0001,
    ),
    (
        "stosb",
        program(
            "bf0810 b043 aa b000 40  ; mov di,next; mov al,0x43; stosb; mov al,0; next: inc ax"
        ),
        0x0001,
    ),
    (
        "stosw",
        program(
            """
        bf0a10  ; mov di,next-1
        b89043  ; mov ax,0x4390
        ab      ; stosw
        b80000  ; mov ax,0
        90      ; nop
        40      ; next: inc ax
        """
        ),
        0x0001,
    ),
    (
        "rep stosb",
        program(
            """
        bf0d10  ; mov di,next
        b043    ; mov al,0x43
        b90400  ; mov cx,4
        fc      ; cld
        f3aa    ; rep stosb
        b000    ; mov al,0
        40      ; next: inc ax
        40      ; inc ax
        40      ; inc ax
        40      ; inc ax
        """
        ),
        0x0004,
    ),
    (
        "rep movsb",
        program(
            """
        be1010  ; mov si,new
        bf0c10  ; mov di,next
        b90300  ; mov cx,3
        fc      ; cld
        f3a4    ; rep movsb
        40      ; next: inc ax
        40      ; inc ax
        40      ; inc ax
        f4      ; hlt
        43      ; new: inc bx
        43      ; inc bx
        42      ; inc dx
        """
        ),
        0x0002,
    ),
    (
        "rep movsb down",
        program(
            """
        be1210  ; mov si,new+2
        bf0e10  ; mov di,next+2
        b90300  ; mov cx,3
        fd      ; std
        f3a4    ; rep movsb
        40      ; next: inc ax
        40      ; inc ax
        40      ; inc ax
        f4      ; hlt
        43      ; new: inc bx
        43      ; inc bx
        42      ; inc dx
        """
        ),
        0x0002,
    ),
    (
        "push",
        program(
            """
        bc0c10  ; mov sp,next+2
        b84390  ; mov ax,0x9043
        50      ; push ax
        b80000  ; mov ax,0
        40      ; next: inc ax
        90      ; nop
        """
        ),
        0x0001,
    ),
    (
        "a loop's own immediate",
        program(
            """
        b91400    ; mov cx,20
        b000      ; again: mov al,0
        00c3      ; add bl,al
        fe060410  ; inc byte [again+1]
        e2f6      ; loop again
        """
        ),
        0x00BE,
    ),
    (
        "an opcode, again and again",
        program(
            """
        b90a00      ; mov cx,10
        8036081003  ; again: xor byte [patch],0x03
        40          ; patch: inc ax
        e2f8        ; loop again
        """
        ),
        0x0005,
    ),
    (
        "a jump's target",
        program(
            """
        b90200      ; mov cx,2
        eb00        ; again: jmp short near_
        43          ; near_: inc bx
        c606041009  ; mov byte [again+1],far_-again-2
        e2f6        ; loop again
        f4          ; hlt
        83c310      ; far_: add bx,0x10
        """
        ),
        0x0011,
    ),
]


@pytest.mark.parametrize(
    ("code", "bx"), [c[1:] for c in SELF_MODIFYING], ids=[c[0] for c in SELF_MODIFYING]
)
def test_changed_code_is_what_runs_next(
    guests: Make, drive: Drive, code: bytes, bx: int | None
) -> None:
    reference, guest = guests(code), guests(code)
    for _ in reference.steps():
        pass

    drive(guest)

    assert state(guest) == state(reference)
    assert guest.vcpu.regs.bx == bx


def test_code_that_becomes_what_no_block_can_hold(guests: Make) -> None:
    """A chained CALL leads to what was a block and now reaches to the end of the segment."""
    guest = guests(
        program(
            """
            b90500      ; mov cx,5
            e8f7ef      ; again: call last
            c606fdffb8  ; mov byte [last],0xb8
            e2f6        ; loop again
            """
        ),
        model="8086",
    )
    guest.ram[0xFFFD:0x10000] = program("c3 34 12  ; last: ret, then mov ax,0x1234")
    guest.ram[0:1] = b"\xc3"  # ret: an 8086 goes on at offset 0

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.ax == 0x1234
    assert guest.vcpu.instructions == 1 + 5 * 4 + 4 + 1


def test_code_in_two_segments_is_the_same_bytes(guests: Make) -> None:
    """A loop calls 0000:2000 and 0100:1000, which is the same routine, and changes it."""
    guest = guests(
        program(
            """
            b90400      ; mov cx,4
            9a00200000  ; again: call 0x0000:0x2000
            9a00100001  ; call 0x0100:0x1000
            8036002003  ; xor byte [0x2000],0x03
            e2ef        ; loop again
            """
        )
    )
    guest.ram[0x2000:0x2002] = program("40 cb  ; inc ax; retf")

    assert guest.text() == "HLT"

    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (4, 4)


@pytest.mark.parametrize("way", ["slot", "vm", "view", "byte"])
def test_host_writes_to_code_are_seen(guests: Make, way: str) -> None:
    guest = guests(program("40 f4 40 f4  ; inc ax; hlt; inc ax; hlt"))
    view = memoryview(guest.ram)
    assert guest.text() == "HLT"
    guest.vcpu.regs.eip = CODE

    if way == "slot":
        guest.ram[CODE : CODE + 1] = b"\x43"
    elif way == "vm":
        guest.vm.write(CODE, b"\x43")
    elif way == "view":
        view[CODE] = 0x43
    else:
        guest.ram[CODE] = 0x43

    assert guest.text() == "HLT"
    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (1, 1)
    view.release()


def test_a_device_that_changes_code_is_seen_at_once(guests: Make, drive: Drive) -> None:
    guest = guests(program("e690 40 f4  ; out 0x90,al; inc ax; hlt"))

    class Dma(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.ram[CODE + 2 : CODE + 3] = b"\x43"

    guest.vm.pio.attach(Dma(), 0x90)

    drive(guest)

    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (0, 1)


def test_another_vcpu_changes_code(guests: Make) -> None:
    guest = guests(program("c6060120f4  ; mov byte [0x2001],0xf4"))
    guest.ram[0x2000:0x2004] = program("90 90 ebfc  ; again: nop; nop; jmp again")
    victim = guest.vm.create_vcpu()
    victim.regs.cs, victim.regs.eip, victim.regs.esp = 0, 0x2000, 0x7000
    run = Running(lambda: victim.run())
    time.sleep(0.02)
    assert run.going

    assert guest.text() == "HLT"

    exit = run.result(5)
    assert isinstance(exit, Exit) and exit.reason is ExitReason.HLT
    assert victim.regs.eip == 0x2002


def test_memory_seen_at_two_places_changes_at_both(guests: Make) -> None:
    guest = guests()
    page = bytearray(0x3000)
    at = -_address(page) % 0x1000
    part = memoryview(page)[at : at + 0x1000]
    for addr in (0x20000, 0x30000):
        guest.vm.add_memory(addr, buffer=part)
    guest.vm.write(0x20000, program("40 ea00100000  ; inc ax; jmp 0:0x1000"))
    guest.start(
        program(
            """
            b80030        ; mov ax,0x3000
            8ed8          ; mov ds,ax
            31c0          ; xor ax,ax
            83fb00        ; cmp bx,0
            7523          ; jne done
            2ec606301001  ; mov byte [cs:flag],1
            2e803e311000  ; cmp byte [cs:again],0
            750b          ; jne second
            2ec606311001  ; mov byte [cs:again],1
            ea00000020    ; jmp 0x2000:0
            c606000043    ; second: mov byte [0],0x43
            ea00000020    ; jmp 0x2000:0
            f4            ; done: hlt
            00            ; flag: db 0
            00            ; again: db 0
            """
        )
    )

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.bx == 1


def _address(buffer: bytearray) -> int:
    import ctypes

    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def test_deleting_a_slot_takes_its_code_along(guests: Make) -> None:
    guest = guests(program("ea00000020  ; jmp 0x2000:0"))
    slot = guest.vm.add_memory(0x20000, 0x1000)
    slot[0x20000:0x20002] = program("f4 f4  ; hlt; hlt")
    assert guest.run().reason is ExitReason.HLT

    slot.delete()

    assert guest.run().reason is ExitReason.INTERNAL_ERROR


# -- A20, ROM -------------------------------------------------------------------------------------

FFFF_0010 = program(
    """
    b8ffff      ; mov ax,0xffff
    8ed8        ; mov ds,ax
    c606100542  ; mov byte [0x510],0x42
    a01005      ; mov al,[0x510]
    """
)


@pytest.mark.parametrize("model", MODELS)
def test_a20_folds_the_second_mebibyte(guests: Make, model: str) -> None:
    guest = guests(FFFF_0010, model=model)
    high = guest.vm.add_memory(0x100000, 0x10000)
    always_folded = model in ("8086", "80186")

    for line in (True, False, True):
        guest.vm.a20 = line
        guest.ram[0x500:0x501] = b"\0"
        high[0x100500:0x100501] = b"\0"
        guest.start()
        assert guest.text() == "HLT"
        folded = always_folded or not line
        assert guest.vcpu.regs.al == 0x42
        assert (guest.ram[0x500], high[0x100500]) == ((0x42, 0) if folded else (0, 0x42))


def test_a20_changes_in_the_middle_of_a_run(guests: Make) -> None:
    """The code itself lies above 1 MiB: FFFF:0010 is a different place after the switch."""

    class Gate(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            guest.vm.a20 = bool(value)

    guest = guests(program("b000 ea1050ffff  ; mov al,0; jmp 0xffff:0x5010"))
    high = guest.vm.add_memory(0x100000, 0x10000)
    guest.vm.pio.attach(Gate(), 0x92)
    high[0x105000:0x105004] = program("e692 40 f4  ; out 0x92,al; inc ax; hlt")
    guest.ram[0x5000:0x5004] = program("e692 43 f4  ; out 0x92,al; inc bx; hlt")

    assert guest.text() == "HLT"

    assert (guest.vcpu.regs.ax, guest.vcpu.regs.bx) == (0, 1)


def test_rom_is_read_and_run_but_not_written(guests: Make) -> None:
    guest = guests(program("ea00000020  ; jmp 0x2000:0"))
    rom = guest.vm.add_memory(0x20000, 0x1000, readonly=True)
    code = program("2ea00000 2ec606000055 f4  ; mov al,[cs:0]; mov byte [cs:0],0x55; hlt")
    rom[0x20000 : 0x20000 + len(code)] = code

    assert guest.exits() == ["MMIO w 0x20000 len=1 data=55", "HLT"]

    assert guest.vcpu.regs.al == 0x2E
    assert rom[0x20000] == 0x2E


# -- several --------------------------------------------------------------------------------------


def test_machines_in_threads_do_not_meet() -> None:
    def one(n: int) -> int:
        with Guest(program("01d8 e2fc  ; again: add ax,bx; loop again")) as guest:
            guest.vcpu.regs.bx, guest.vcpu.regs.cx = n, 50_000
            assert guest.run().reason is ExitReason.HLT
            return int(guest.vcpu.regs.ax)

    runs = [Running(partial(one, n)) for n in range(6)]

    assert [run.result() for run in runs] == [n * 50_000 & 0xFFFF for n in range(6)]


LOCKED = program(
    "b9204e f066ff060040 e2f8  ; mov cx,20000; again: lock inc dword [0x4000]; loop again"
)
SPINLOCK = program(
    """
    b98813      ; mov cx,5000
    b001        ; again: mov al,1
    86061040    ; wait_: xchg al,[0x4010]
    84c0        ; test al,al
    75f8        ; jnz wait_
    66ff060040  ; inc dword [0x4000]
    c606104000  ; mov byte [0x4010],0
    e2ea        ; loop again
    """
)


@pytest.mark.parametrize(("code", "total"), [(LOCKED, 40_000), (SPINLOCK, 10_000)])
def test_two_vcpus_share_memory(guests: Make, code: bytes, total: int) -> None:
    guest = guests(code)
    other = guest.vm.create_vcpu()
    other.regs.cs, other.regs.eip, other.regs.esp = 0, CODE, 0x7000

    runs = [Running(partial(reason_of, v)) for v in (guest.vcpu, other)]

    assert [run.result(60) for run in runs] == [ExitReason.HLT] * 2
    assert int.from_bytes(guest.ram[0x4000:0x4004], "little") == total
    assert guest.vm.vcpus == (guest.vcpu, other)


# -- models ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_models_differ_where_the_manuals_say(guests: Make, model: str) -> None:
    old = model in ("8086", "80186")
    guest = guests(
        program(
            """
        54      ; push sp
        58      ; pop ax
        b121    ; mov cl,33
        bb0300  ; mov bx,3
        d3e3    ; shl bx,cl
        9c      ; pushf
        5a      ; pop dx
        """
        ),
        model=model,
    )

    assert guest.text() == "HLT"

    regs = guest.vcpu.regs
    assert regs.ax == (STACK - 2 if old else STACK)
    assert regs.bx == (0 if model == "8086" else 6)
    assert regs.dx & 0xF000 == (0xF000 if old else 0)


def test_flags_that_only_a_386_keeps(guests: Make) -> None:
    for model, kept in (("80286", 0x0000), ("80386", 0x7000), ("80486", 0x7000)):
        guest = guests(
            program("b802f0 50 9d 9c 5b  ; mov ax,0xf002; push ax; popf; pushf; pop bx"),
            model=model,
        )
        assert guest.text() == "HLT"
        assert guest.vcpu.regs.bx & 0xF000 == kept


def test_eflags_ac_and_id_tell_a_386_from_a_486(guests: Make) -> None:
    code = program(
        """
        669c          ; pushfd
        6658          ; pop eax
        663500002400  ; xor eax,0x240000
        6650          ; push eax
        669d          ; popfd
        669c          ; pushfd
        665b          ; pop ebx
        6631c3        ; xor ebx,eax
        """
    )
    for model, differ in (("80386", 0x240000), ("80486", 0)):
        guest = guests(code, model=model)
        assert guest.text() == "HLT"
        assert guest.vcpu.regs.ebx & 0x240000 == differ


def test_unknown_model_names_the_choices() -> None:
    with Vm() as vm, pytest.raises(ValueError, match="80486"):
        vm.create_vcpu(model="z80")


# -- devices --------------------------------------------------------------------------------------


class Memory(MmioDevice):
    """RAM behind a device; knows what was asked."""

    length = 0x2000
    max_size = 8

    def __init__(self, content: bytes) -> None:
        self.bytes = bytearray(content)
        self.reads: list[tuple[int, int]] = []
        self.writes: list[tuple[int, int]] = []

    def mmio_read(self, offset: int, size: int) -> int:
        self.reads.append((offset, size))
        return int.from_bytes(self.bytes[offset : offset + size], "little")

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.writes.append((offset, size))
        self.bytes[offset : offset + size] = value.to_bytes(size, "little")


#: Instructions with several accesses. AX is the segment that is RAM, a device or a hole.
SEVERAL = {
    "popa": program("8ed0 bc0001 61  ; mov ss,ax; mov sp,0x100; popa"),
    "popad": program("8ed0 bc0001 6661  ; mov ss,ax; mov sp,0x100; popad"),
    "pusha": program("8ed0 bc0001 60  ; mov ss,ax; mov sp,0x100; pusha"),
    "pushad": program("8ed0 bc0001 6660  ; mov ss,ax; mov sp,0x100; pushad"),
    "iret": program("8ed0 bc0002 cf  ; mov ss,ax; mov sp,0x200; iret"),
    "iretd": program("8ed0 bc1002 66cf  ; mov ss,ax; mov sp,0x210; iretd"),
    "retf": program("8ed0 bc0002 ca0400  ; mov ss,ax; mov sp,0x200; retf 4"),
    "enter": program(
        "8ed0 bc0001 bd8001 c8080004  ; mov ss,ax; mov sp,0x100; mov bp,0x180; enter 8,4"
    ),
    "leave": program("8ed0 bd8001 c9  ; mov ss,ax; mov bp,0x180; leave"),
    "les": program("8ed8 c41e1000  ; mov ds,ax; les bx,[0x10]"),
    "lds edi": program("8ed8 66c53e1000  ; mov ds,ax; lds edi,[0x10]"),
    "cmpsw": program(
        "8ed8 8ec0 be1000 bf2000 a7  ; mov ds,ax; mov es,ax; mov si,0x10; mov di,0x20; cmpsw"
    ),
    "repe cmpsb": program(
        """
        8ed8    ; mov ds,ax
        8ec0    ; mov es,ax
        be0003  ; mov si,0x300
        bf4003  ; mov di,0x340
        b90600  ; mov cx,6
        f3a6    ; repe cmpsb
        """
    ),
    "rep movsw": program(
        """
        8ed8    ; mov ds,ax
        8ec0    ; mov es,ax
        be1000  ; mov si,0x10
        bf2000  ; mov di,0x20
        b90400  ; mov cx,4
        f3a5    ; rep movsw
        """
    ),
    "rep lodsd": program(
        "8ed8 be1000 b90400 f366ad  ; mov ds,ax; mov si,0x10; mov cx,4; rep lodsd"
    ),
    "bound": program("8ed8 bb0070 621e2002  ; mov ds,ax; mov bx,0x7000; bound bx,[0x220]"),
    "call far": program(
        "8ed8 8ed0 bc0001 ff1e0002  ; mov ds,ax; mov ss,ax; mov sp,0x100; call far [0x200]"
    ),
    "jmp far": program("8ed8 ff2e0002  ; mov ds,ax; jmp far [0x200]"),
    "int": program("8ed0 bc0001 cd21  ; mov ss,ax; mov sp,0x100; int 0x21"),
    "pop m": program(
        "8ed8 8ed0 bc0001 8f064000  ; mov ds,ax; mov ss,ax; mov sp,0x100; pop word [0x40]"
    ),
    "push m": program(
        "8ed8 8ed0 bc0001 ff364000  ; mov ds,ax; mov ss,ax; mov sp,0x100; push word [0x40]"
    ),
    "add m": program("8ed8 810610003412  ; mov ds,ax; add word [0x10],0x1234"),
    "xchg": program("8ed8 bb3412 871e1000  ; mov ds,ax; mov bx,0x1234; xchg bx,[0x10]"),
    "cmpxchg": program(
        "8ed8 31c0 bb3412 0fb11e1000  ; mov ds,ax; xor ax,ax; mov bx,0x1234; cmpxchg [0x10],bx"
    ),
    "xadd": program("8ed8 66bb34120000 660fc11e1000  ; mov ds,ax; mov ebx,0x1234; xadd [0x10],ebx"),
    "shld": program("8ed8 bb3412 0fa41e100005  ; mov ds,ax; mov bx,0x1234; shld [0x10],bx,5"),
    "add, two pages": program("8ed8 668106fe0f78563412  ; mov ds,ax; add dword [0xffe],0x12345678"),
    "mov, two pages": program("8ed8 668b1efd0f  ; mov ds,ax; mov ebx,[0xffd]"),
    "lgdt": program("8ed8 0f01161000 0f01064000  ; mov ds,ax; lgdt [0x10]; sgdt [0x40]"),
    "xlat": program("8ed8 b80500 bb1000 d7  ; mov ds,ax; mov ax,5; mov bx,0x10; xlatb"),
    "push pop": program(
        "8ed0 bc0001 50 16 5b 59  ; mov ss,ax; mov sp,0x100; push ax; push ss; pop bx; pop cx"
    ),
}


def several(guests: Make, name: str, segment: int) -> Guest:
    guest = guests()
    guest.ram[0x3000:0x3001] = b"\xf4"
    guest.vector(0x21, 0x3000)
    code = b"\xb8" + segment.to_bytes(2, "little") + SEVERAL[name]
    guest.start(code)
    guest.vcpu.regs.edx = 0x89ABCDEF
    return guest


def contents() -> bytes:
    """Random, with a far pointer to 0000:3000, flags and bounds where the cases want them."""
    data = bytearray(random.Random(1).randbytes(0x2000))
    data[0x200:0x206] = bytes.fromhex("0030 0000 d702")
    data[0x210:0x21C] = bytes.fromhex("00300000 00000000 d7020000")
    data[0x220:0x224] = bytes.fromhex("0000 ff7f")
    data[0x300:0x306] = data[0x340:0x346] = b"sixsix"
    data[0x304] ^= 1
    return bytes(data)


def outcome(guest: Guest, segment: int, memory: bytes) -> dict[str, Any]:
    """Registers, with the segment's name in place of its number, and memory."""
    regs: dict[str, Any] = {name: getattr(guest.vcpu.regs, name) for name in REGISTERS}
    for name in ("ds", "es", "ss", "eax", "ebx", "ecx"):
        if regs[name] & 0xFFFF == segment:
            regs[name] = "segment"
    blind = segment.to_bytes(2, "little")
    return regs | {"memory": memory.replace(blind, b"**")}


@pytest.mark.parametrize("name", SEVERAL)
def test_several_accesses_ask_each_address_once(guests: Make, name: str) -> None:
    in_ram = several(guests, name, 0x2000)
    slot = in_ram.vm.add_memory(0x20000, 0x2000)
    slot[0x20000:0x22000] = contents()
    assert in_ram.text() == "HLT"
    wanted = outcome(in_ram, 0x2000, slot[0x20000:0x22000])

    device = Memory(contents())
    pushed = several(guests, name, 0xD000)
    pushed.vm.mmio.attach(device, 0xD0000)
    assert pushed.text() == "HLT"
    assert outcome(pushed, 0xD000, bytes(device.bytes)) == wanted
    assert len(set(device.reads)) == len(device.reads)
    assert len(set(device.writes)) == len(device.writes)

    pulled = several(guests, name, 0xD000)
    hole = Memory(contents())
    pulled.answer = lambda exit: hole.mmio_read(exit.addr - 0xD0000, exit.size)
    for _ in range(100):
        exit = pulled.run()
        if exit.reason is not ExitReason.MMIO:
            break
        if exit.write:
            hole.mmio_write(exit.addr - 0xD0000, exit.size, exit.value)
    assert exit.reason is ExitReason.HLT
    assert outcome(pulled, 0xD000, bytes(hole.bytes)) == wanted
    assert hole.reads == device.reads
    assert hole.writes == device.writes


class Halves(Memory):
    """Answers the last two bytes of the first page only."""

    length = 2


@pytest.mark.parametrize("model", MODELS[3:])
def test_dword_half_on_a_device_half_on_nothing(guests: Make, model: str) -> None:
    guest = guests(
        program(
            """
            b800d0              ; mov ax,0xd000
            8ed8                ; mov ds,ax
            668b1efe0f          ; mov ebx,[0xffe]
            66c706fe0f11223344  ; mov dword [0xffe],0x44332211
            """
        ),
        model=model,
    )
    device = Halves(b"\x11\x22")
    guest.vm.mmio.attach(device, 0xD0FFE)

    assert guest.exits() == [
        "MMIO r 0xd1000 len=2",
        "MMIO w 0xd1000 len=2 data=3344",
        "HLT",
    ]

    assert guest.vcpu.regs.ebx == 0xA5A52211
    assert device.reads == [(0, 2)]
    assert device.writes == [(0, 2)]


def test_fragment_that_leaves_a_range_belongs_to_nobody(guests: Make) -> None:
    guest = guests(
        program(
            "b800d0 8ed8 668b1e0000 8b1e0000  ; mov ax,0xd000; mov ds,ax; mov ebx,[0]; mov bx,[0]"
        )
    )
    device = Halves(b"\x11\x22")
    guest.vm.mmio.attach(device, 0xD0000)

    assert guest.exits() == ["MMIO r 0xd0000 len=4", "HLT"]

    assert guest.vcpu.regs.ebx == 0xA5A52211


def test_narrow_device_is_asked_in_pieces(guests: Make) -> None:
    class Narrow(PioDevice):
        length = 4
        max_size = 1

        def __init__(self) -> None:
            self.log: list[tuple[object, ...]] = []

        def pio_read(self, offset: int, size: int) -> int:
            self.log.append((offset, size))
            return 0x11 * (offset + 1)

        def pio_write(self, offset: int, size: int, value: int) -> None:
            self.log.append((offset, size, value))

    guest = guests(program("ba0003 66ed ef  ; mov dx,0x300; in eax,dx; out dx,ax"))
    device = Narrow()
    guest.vm.pio.attach(device, 0x300)

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.eax == 0x44332211
    assert device.log == [(0, 1), (1, 1), (2, 1), (3, 1), (0, 1, 0x11), (1, 1, 0x22)]


class Faulty(PioDevice):
    """Raises as often as told."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.reads = self.writes = 0

    def _maybe(self) -> None:
        if self.times:
            self.times -= 1
            raise LookupError("no such thing")

    def pio_read(self, offset: int, size: int) -> int:
        self.reads += 1
        self._maybe()
        return 0x5A

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.writes += 1
        self._maybe()


def test_device_exception_in_an_out_comes_out_and_the_out_is_done(guests: Make) -> None:
    guest = guests(program("e690 43  ; out 0x90,al; inc bx"))
    device = Faulty(1)
    guest.vm.pio.attach(device, 0x90)

    with pytest.raises(LookupError, match="no such thing") as caught:
        guest.vcpu.run()

    notes = " ".join(getattr(caught.value, "__notes__", []))
    assert "0x90" in notes and "0000:1000" in notes.lower()
    assert guest.vcpu.regs.eip == CODE + 2
    assert guest.text() == "HLT"
    assert (device.writes, guest.vcpu.regs.bx) == (1, 1)


def test_device_exception_in_an_in_comes_out_and_the_in_is_repeated(guests: Make) -> None:
    guest = guests(program("e490 43  ; in al,0x90; inc bx"))
    device = Faulty(2)
    guest.vm.pio.attach(device, 0x90)

    for _ in range(2):
        with pytest.raises(LookupError):
            guest.vcpu.run()
        assert guest.vcpu.regs.eip == CODE

    assert guest.text() == "HLT"
    assert (device.reads, guest.vcpu.regs.al, guest.vcpu.regs.bx) == (3, 0x5A, 1)


def test_rings_before_a_device_exception_are_delivered(guests: Make) -> None:
    guest = guests(
        program("e680 e680 e680 e690  ; out 0x80,al; out 0x80,al; out 0x80,al; out 0x90,al")
    )
    entry = guest.vm.ioeventfd(0x80, 1)
    guest.vm.pio.attach(Faulty(1), 0x90)

    with pytest.raises(LookupError):
        guest.vcpu.run()

    assert entry.read() == 3


def test_run_inside_a_device_is_refused(guests: Make) -> None:
    guest = guests(program("e690 43  ; out 0x90,al; inc bx"))
    seen: list[BaseException] = []

    class Again(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            try:
                guest.vcpu.run()
            except RuntimeError as error:
                seen.append(error)

    guest.vm.pio.attach(Again(), 0x90)

    assert guest.text() == "HLT"

    assert len(seen) == 1
    assert guest.vcpu.regs.bx == 1


def test_device_deregisters_what_its_own_vcpu_rings(guests: Make) -> None:
    guest = guests(
        program("e680 e680 e690 e680  ; out 0x80,al; out 0x80,al; out 0x90,al; out 0x80,al")
    )
    entry = guest.vm.ioeventfd(0x80, 1)
    counted: list[int] = []

    class Remover(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            counted.append(entry.read())
            entry.deassign()

    guest.vm.pio.attach(Remover(), 0x90)

    assert guest.exits() == ["IO out port=0x80 size=1 count=1 data=00", "HLT"]

    assert counted == [2]


def test_device_detaches_itself(guests: Make) -> None:
    guest = guests(program("e490 e490  ; in al,0x90; in al,0x90"))

    class Shy(PioDevice):
        def pio_read(self, offset: int, size: int) -> int:
            guest.vm.pio.detach(self)
            return 1

    guest.vm.pio.attach(Shy(), 0x90)

    assert guest.exits() == ["IO in port=0x90 size=1 count=1", "HLT"]


def test_two_devices_on_two_vcpus_deregister_at_once(guests: Make) -> None:
    """Each waits for the other's vCPU, which waits in a device: neither may wait for ever."""
    guest = guests(program("b92c01 e690 e2fc  ; mov cx,300; again: out 0x90,al; loop again"))

    class Churn(PioDevice):
        def pio_write(self, offset: int, size: int, value: int) -> None:
            port = 0x1000 + threading.get_ident() % 997 * 2
            guest.vm.ioeventfd(port, 1, fd=fd).deassign()

    fd = os.eventfd(0)
    guest.vm.pio.attach(Churn(), 0x90)
    other = guest.vm.create_vcpu()
    other.regs.cs, other.regs.eip, other.regs.esp = 0, CODE, 0x7000

    runs = [Running(partial(reason_of, v)) for v in (guest.vcpu, other)]

    assert [run.result(60) for run in runs] == [ExitReason.HLT] * 2
    os.close(fd)


def test_deregistering_with_the_gil_that_the_vcpu_wants(guests: Make) -> None:
    guest = guests(program("e680 e690 ebfa  ; again: out 0x80,al; out 0x90,al; jmp again"))
    guest.vm.pio.attach(PioDevice(), 0x90)
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    kept = guest.vm.ioeventfd(0x80, 1, fd=fd)
    run = Running(lambda: guest.vcpu.run())
    wait_until(lambda: count_of(fd) > 0)

    for _ in range(300):
        guest.vm.ioeventfd(0x84, 1, fd=fd).deassign()

    kept.deassign()
    exit = run.result(20)
    assert isinstance(exit, Exit) and exit.reason is ExitReason.IO
    os.close(fd)


def test_adding_and_deleting_memory_while_a_vcpu_runs(guests: Make) -> None:
    guest = guests(program("ff060040 ebfa  ; again: inc word [0x4000]; jmp again"))
    run = Running(lambda: guest.vcpu.run())
    wait_until(lambda: guest.word(0x4000) > 0)

    for _ in range(100):
        guest.vm.add_memory(0x20000, 0x1000).delete()

    assert run.going
    guest.vcpu.kick()
    run.result(20)


def test_closing_ends_a_running_vcpu(guests: Make) -> None:
    guest = guests(FOREVER)
    run = Running(lambda: guest.vcpu.run())
    time.sleep(0.02)

    guest.vm.close()

    wait_until(lambda: not run.going, 20)


# -- what once broke ------------------------------------------------------------------------------


def test_code_that_runs_into_a_hole_is_an_error(guests: Make) -> None:
    guest = guests()
    guest.ram[0xFFF0:0x10000] = b"\x90" * 16
    guest.vcpu.regs.cs, guest.vcpu.regs.eip = 0x0F00, 0x0FF0

    exit = guest.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR
    assert "0f00:1000" in str(exit.message).lower()
    assert guest.vcpu.instructions == 16


@pytest.mark.parametrize("model", MODELS[3:])
def test_index_of_32_bits_does_not_wrap(guests: Make, model: str) -> None:
    guest = guests(
        program(
            """
            66bfffffffff  ; mov edi,0xffffffff
            66b903000000  ; mov ecx,3
            ba8000        ; mov dx,0x80
            f3676c        ; a32 rep insb
            """
        ),
        model=model,
    )

    assert guest.exits()[-1] == "HLT IN VECTOR 13"

    assert guest.vcpu.regs.edi == 0xFFFFFFFF


def test_batch_of_ins_that_faults_is_forgotten(guests: Make) -> None:
    """The third word does not fit the segment; the handler's own INSB must ask the port."""
    guest = guests(
        program(
            "bffbff b90400 ba8000 fc f36d  ; mov di,0xfffb; mov cx,4; mov dx,0x80; cld; rep insw"
        ),
        answer=lambda exit: b"\x11\x22" * exit.count if exit.size == 2 else b"\x5a",
    )
    guest.vector(13, 0x3000)
    handler = program("bf0050 6c f4  ; mov di,0x5000; insb; hlt")
    guest.ram[0x3000 : 0x3000 + len(handler)] = handler

    exits = guest.exits()

    assert exits[-2:] == ["IO in port=0x80 size=1 count=1", "HLT"]
    assert guest.ram[0x5000] == 0x5A
    assert guest.ram[0xFFFB:0xFFFF] == b"\x11\x22\x11\x22"


def test_nmi_does_not_lose_a_queued_interrupt(guests: Make) -> None:
    guest = guests(program("90 90 fb 90 90  ; nop; nop; sti; nop; nop"))
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


@pytest.mark.parametrize("model", MODELS[:2])
def test_host_that_moves_ip_leaves_prefixes_behind(guests: Make, model: str) -> None:
    guest = guests(b"\x26" * 40 + program("a00040  ; mov al,[0x4000]"), model=model)
    guest.ram[0x2000:0x2004] = program("a00040 f4  ; mov al,[0x4000]; hlt")
    guest.ram[0x4000], guest.ram[0x5000] = 0x11, 0x22
    guest.vcpu.regs.es = 0x100
    assert guest.run(1).reason is ExitReason.BUDGET

    guest.vcpu.regs.ip = 0x2000

    assert guest.text() == "HLT"
    assert guest.vcpu.regs.al == 0x11


@pytest.mark.parametrize("model", MODELS[3:])
def test_code_behind_a_move_to_a_control_register_runs(guests: Make, model: str) -> None:
    guest = guests(
        program("0f20c0 0f22c0 43 43  ; mov eax,cr0; mov cr0,eax; inc bx; inc bx"), model=model
    )

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.bx == 2


@pytest.mark.parametrize("opcode", ["c4c0", "c5c0", "ffd8", "ffe8"])
@pytest.mark.parametrize("model", MODELS[:1])
def test_far_pointer_in_a_register_stays_in_memory(guests: Make, opcode: str, model: str) -> None:
    """Such an instruction takes whatever is there, here an immediate that the guest rewrites."""
    rewrite = program(
        """
        b90a00    ; mov cx,10
        fe0e0810  ; again: dec byte [again+5]
        04ff      ; add al,0xff
        e2f8      ; loop again
        """
    )
    use = bytes.fromhex(opcode) + program(
        "26a0ffff a0ffff f4  ; mov al,[es:0xffff]; mov al,[0xffff]; hlt"
    )
    guest = guests(rewrite + use, model=model)

    guest.vcpu.run(1000)

    assert max(guest.vcpu.regs.es, guest.vcpu.regs.ds, guest.vcpu.regs.cs) <= 0xFFFF


def test_devices_come_and_go_while_others_are_asked(guests: Make) -> None:
    guest = guests(program("e490 e694 ebfa  ; again: in al,0x90; out 0x94,al; jmp again"))
    guest.vm.pio.attach(PioDevice(), 0x90)
    guest.vm.pio.attach(PioDevice(), 0x94)
    run = Running(lambda: guest.vcpu.run())

    def come_and_go(port: int) -> None:
        for _ in range(300):
            guest.vm.pio.attach(PioDevice(), port).detach()

    others = [Running(partial(come_and_go, port)) for port in (0x80, 0x98)]

    for other in others:
        other.result(60)
    assert run.going
    guest.vcpu.kick()
    run.result(20)


# -- time -----------------------------------------------------------------------------------------


def test_timer_comes_at_its_instruction(guests: Make) -> None:
    guest = guests(program("40 01c3 ebfb  ; again: inc ax; add bx,ax; jmp again"))
    seen: list[tuple[int, int]] = []

    def ring() -> None:
        seen.append((guest.vm.time, guest.vcpu.instructions))
        if len(seen) < 5:
            guest.vm.set_timer(guest.vm.time + 1000 * 128 + 1, ring)

    guest.vm.set_timer(12345 * 128 - 5, ring)
    guest.vcpu.run(50_000)

    times = [12345, 13346, 14347, 15348, 16349]
    assert seen == [(128 * n, n) for n in times]


def test_time_is_instructions(guests: Make) -> None:
    guest = guests(program("b9e803 f3ac ebfe  ; mov cx,1000; rep lodsb; again: jmp again"))

    guest.vcpu.run(5001)

    assert guest.vcpu.instructions == 5001
    assert guest.vm.time == 5001 * 128


# -- anything -------------------------------------------------------------------------------------


def run_random_bytes(model: str, cases: int, first: int = 0) -> None:
    """Random code, data and registers: no exit that is ours, no more instructions than allowed."""
    with Vm() as vm:
        ram = vm.add_memory(0, 0x110000)
        vcpu = vm.create_vcpu(model=model)
        for case in range(first, first + cases):
            rng = random.Random(f"{model} {case}")
            vcpu.reset()
            for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"):
                setattr(vcpu.regs, name, rng.choice((rng.getrandbits(32), rng.getrandbits(16))))
            for name in ("ds", "es", "ss"):
                setattr(vcpu.regs, name, rng.choice((0, 0x1000, 0xF000, 0xFFFF)))
            vcpu.regs.cs = rng.choice((0, 0x1000, 0xF000, 0xFFF0, 0xFFFF))
            vcpu.regs.eip = rng.choice((0x1000, 0xFFF0, rng.getrandbits(16)))
            start = (vcpu.regs.cs << 4) + vcpu.regs.eip
            for at in (0, rng.randrange(0x10000), start):
                data = rng.randbytes(rng.choice((16, 64, 600)))
                ram[at : min(at + len(data), 0x110000)] = data[: 0x110000 - at]
            before = vcpu.instructions
            left = 3000
            for _ in range(60):
                exit = vcpu.run(left)
                assert exit.reason in GUEST_REASONS, f"{model}, case {case}: {exit}"
                left = 3000 - (vcpu.instructions - before)
                assert left >= 0, f"{model}, case {case}: budget overrun"
                if exit.reason is ExitReason.IO or exit.reason is ExitReason.MMIO:
                    if not exit.write:
                        exit.reply(rng.randbytes(exit.size * exit.count))
                elif exit.reason not in (ExitReason.HLT, ExitReason.HYPERCALL) or not left:
                    break


@pytest.mark.parametrize("model", MODELS)
def test_random_bytes_do_no_harm(model: str) -> None:
    run_random_bytes(model, 60)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_ten_thousand_random_byte_strings_do_no_harm(model: str) -> None:
    run_random_bytes(model, 10_000, first=60)


# -- for long -------------------------------------------------------------------------------------


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def resident() -> int:
    """Resident memory in bytes."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def live_and_die() -> None:
    """One machine's life: memory, a device, a descriptor, a doorbell, a run, the end."""
    with Vm(irqchip=True) as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x1000:0x1006] = bytes.fromhex("e680 e690 faf4")  # out 80h,al; out 90h,al; cli; hlt
        vm.pio.attach(PioDevice(), 0x90)
        entry = vm.ioeventfd(0x80, 1)
        vcpu = vm.create_vcpu()
        vcpu.regs.cs, vcpu.regs.eip = 0, 0x1000
        assert vcpu.run(1000).reason is ExitReason.HLT
        assert entry.read() == 1


def check_no_leak(cycles: int, warm_up: int, allowed: int) -> None:
    for _ in range(warm_up):
        live_and_die()
    gc.collect()
    fds, memory = descriptors(), resident()

    for _ in range(cycles):
        live_and_die()

    gc.collect()
    assert descriptors() == fds
    assert resident() - memory < allowed


@pytest.mark.release  # the sanitizer keeps freed memory for a while
def test_closing_gives_memory_and_descriptors_back() -> None:
    check_no_leak(cycles=300, warm_up=50, allowed=8 << 20)


@pytest.mark.slow
@pytest.mark.release
def test_ten_thousand_lives_leak_nothing() -> None:
    check_no_leak(cycles=10_000, warm_up=500, allowed=8 << 20)


@pytest.mark.slow
def test_ten_threads_with_ten_machines() -> None:
    """Ten seconds; in each thread ten machines of which now one, now another runs."""
    gc.collect()
    fds = descriptors()
    end = time.monotonic() + 10

    def work(seed: int) -> int:
        rng = random.Random(seed)
        rounds = 0
        machines = [Guest(BUSY) for _ in range(10)]
        while time.monotonic() < end:
            i = rng.randrange(10)
            if rng.random() < 0.05:
                machines[i].close()
                machines[i] = Guest(BUSY)
            machines[i].start(BUSY)
            exit = machines[i].run(rng.choice((7, 70, BUDGET)))
            assert exit.reason in (ExitReason.HLT, ExitReason.BUDGET)
            rounds += 1
        for machine in machines:
            machine.close()
        return rounds

    runs = [Running(partial(work, seed)) for seed in range(10)]

    assert all(run.result(60) for run in runs)
    gc.collect()
    assert descriptors() == fds
