"""The guest's debug registers: what sets DR6, where breakpoints stop, what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import ExitReason, Machine
from tests.harness import CODE, STACK, Guest, Running, another, program

GUESTS = Path(__file__).parents[1] / "guests"
HANDLER = 0x3000
#: L0 on; R/W and LEN of breakpoint 0.
ON_CODE, ON_STORES, ON_LOADS = 1, 1 | 1 << 16, 1 | 3 << 16
WORD, DWORD = 1 << 18, 3 << 18


def traps(guest: Guest, limit: int = 100) -> list[tuple[int, int]]:
    """Run to the HLT behind the program: the offset that each INT 1 returns to, and DR6 & E00Fh."""
    regs = guest.vcpu.regs
    guest.ram[HANDLER : HANDLER + 2] = program("f4 cf  ; hlt; iret")
    guest.vector(1, HANDLER)
    seen = []
    for _ in range(limit):
        assert guest.run().reason is ExitReason.HLT
        if regs.ip != HANDLER + 1:
            return seen
        seen.append((guest.word(regs.sp) - CODE, regs.dr6 & 0xE00F))
        regs.dr6 = 0
    raise AssertionError(f"no end: {seen[:5]}")


def watched(code: bytes, dr0: int, dr7: int, flags: int = 2, model: str = "80486") -> Guest:
    """A guest with breakpoint 0."""
    guest = Guest(code, model=model, flags=flags)
    guest.vcpu.regs.dr0 = dr0
    guest.vcpu.regs.dr7 = dr7
    return guest


def test_a_single_step_says_so_in_dr6() -> None:
    with Guest(program("40 9d 40  ; inc ax; popf; inc ax"), flags=0x102) as guest:
        guest.ram[STACK : STACK + 2] = (2).to_bytes(2, "little")

        assert traps(guest) == [(1, 0x4000), (2, 0x4000)]


def test_fixed_bits_read_as_they_are() -> None:
    code = program(
        """
        6683c8ff  ; or eax,-1
        0f23f0    ; mov dr6,eax
        66b8ffdfffff  ; mov eax,0xffffdfff
        0f23f8    ; mov dr7,eax
        0f21f3    ; mov ebx,dr6
        0f21f9    ; mov ecx,dr7
        0f21e6    ; mov esi,dr4
        0f21ef    ; mov edi,dr5
        """
    )
    with Guest(code) as guest:
        guest.run()

        regs = guest.vcpu.regs
        assert (regs.ebx, regs.ecx) == (0xFFFFEFFF, 0xFFFF07FF)
        assert (regs.esi, regs.edi) == (regs.ebx, regs.ecx)


def test_older_models_have_no_breakpoints() -> None:
    code = program("a20040 90  ; mov [0x4000],al; nop")
    with watched(code, 0x4000, ON_STORES, model="80286") as guest:
        assert guest.vcpu.regs.dr7 == 0x400
        assert traps(guest) == []


def test_general_detect_guards_the_registers_once() -> None:
    code = program("b8e000 0f21c1 0f23c0  ; mov ax,0xe0; mov ecx,dr0; mov dr0,eax")
    with Guest(code) as guest:
        guest.vcpu.regs.dr7 = 0x2000

        assert traps(guest) == [(3, 0x2000)]
        assert guest.vcpu.regs.dr0 == 0xE0
        assert guest.vcpu.regs.dr7 == 0x400


def test_a_breakpoint_on_code_comes_before_every_turn_of_a_loop() -> None:
    """The handler cannot set RF in its frame of words, so it turns the breakpoint off."""
    with watched(program("b90300 e2fe  ; mov cx,3; again: loop again"), CODE + 3, ON_CODE) as guest:
        regs = guest.vcpu.regs
        seen = []
        guest.ram[HANDLER : HANDLER + 2] = program("f4 cf  ; hlt; iret")
        guest.vector(1, HANDLER)
        while guest.run().reason is ExitReason.HLT and regs.ip == HANDLER + 1:
            seen.append((regs.cx, regs.dr6 & 15))
            regs.ip, regs.sp = CODE + 3, STACK
            regs.eflags = 0x10002

        assert seen == [(3, 1), (2, 1), (1, 1)]


def test_iretd_with_rf_runs_the_instruction_once() -> None:
    code = program(
        """
        666802000100  ; push dword 0x10002
        666a00        ; push dword 0
        666812100000  ; push dword point
        66cf          ; iretd
        f4            ; hlt
        40            ; point: inc ax
        ebfd          ; jmp point
        """
    )
    with watched(code, CODE + 0x12, ON_CODE) as guest:
        guest.vector(1, HANDLER)
        guest.ram[HANDLER : HANDLER + 1] = b"\xf4"

        assert guest.run().reason is ExitReason.HLT

        assert guest.vcpu.regs.ip == HANDLER + 1
        assert guest.vcpu.regs.ax == 1


def test_a_repeated_instruction_meets_its_breakpoint_once() -> None:
    with watched(program("b90500 f3ac 90  ; mov cx,5; rep lodsb; nop"), CODE + 3, ON_CODE) as guest:
        guest.vector(1, HANDLER)
        guest.ram[HANDLER : HANDLER + 1] = b"\xf4"
        assert guest.run().reason is ExitReason.HLT
        regs = guest.vcpu.regs
        assert (regs.ip, regs.cx) == (HANDLER + 1, 5)
        regs.ip, regs.sp, regs.eflags = CODE + 3, STACK, 0x10002

        assert guest.text() == "HLT"

        assert (regs.cx, regs.si) == (0, 5)


DATA = [
    ("store", "a20040", ON_STORES, True),  # mov [0x4000],al
    ("load", "a00040", ON_STORES, False),
    ("load, both", "a00040", ON_LOADS, True),
    ("store, both", "a20040", ON_LOADS, True),
    ("behind", "a20140", ON_STORES, False),
    ("behind, word", "a20140", ON_STORES | WORD, True),
    ("before, overlapping", "a3ff3f", ON_STORES, True),
    ("dword", "a20340", ON_STORES | DWORD, True),
    ("behind the dword", "a20440", ON_STORES | DWORD, False),
    ("off", "a20040", ON_STORES & ~1, False),
    ("push", "bc0240 50 bc0080", ON_STORES, True),  # mov sp,0x4002; push ax; mov sp,0x8000
    ("locked", "f0fe060040", ON_STORES, True),  # lock inc byte [0x4000]
    ("code is no data", "eb00", ON_LOADS, False),
]


@pytest.mark.parametrize("model", ["80386", "80486"])
@pytest.mark.parametrize(("code", "dr7", "hit"), [d[1:] for d in DATA], ids=[d[0] for d in DATA])
def test_a_breakpoint_on_data_traps_behind_the_access(
    code: str, dr7: int, hit: bool, model: str
) -> None:
    raw = bytes.fromhex(code)
    at = CODE if code == "eb00" else 0x4000
    behind = 4 if code.startswith("bc") else len(raw)

    with watched(raw + b"\x90", at, dr7, model=model) as guest:
        assert traps(guest) == ([(behind, 1)] if hit else [])


def test_a_breakpoint_in_a_hole_sees_device_memory() -> None:
    code = program("b800d0 8ed8 a20000 90  ; mov ax,0xd000; mov ds,ax; mov [0],al; nop")
    with watched(code, 0xD0000, ON_STORES) as guest:
        assert guest.run().reason is ExitReason.MMIO

        assert traps(guest) == [(8, 1)]


def test_a_load_of_ss_holds_its_trap_until_the_next_instruction_is_done() -> None:
    code = program("8e160040 40 43  ; mov ss,[0x4000]; inc ax; inc bx")
    with watched(code, 0x4000, ON_LOADS) as guest:
        assert traps(guest) == [(5, 1)]


def test_a_breakpoint_behind_a_load_of_ss_is_passed_over() -> None:
    with watched(program("8ed3 40 43  ; mov ss,bx; inc ax; inc bx"), CODE + 2, ON_CODE) as guest:
        assert traps(guest) == []


@pytest.mark.parametrize("name", ["smc", "patch", "shadow", "atomics", "bios_disk", "floppy"])
def test_breakpoints_that_do_not_fire_change_nothing(
    name: str, machine: Callable[..., Machine]
) -> None:
    """The tables of RAM are closed and every instruction is a step; the guest checks the rest."""
    m = machine((GUESTS / f"{name}.bin").read_bytes())
    m.boot()
    m.vcpu.regs.dr0 = 0xFFFFFF00
    m.vcpu.regs.dr7 = ON_LOADS

    exit = m.run(timeout=60.0)

    assert (exit.reason, m.exit_status) == (ExitReason.SHUTDOWN, 33), m.debug_text or exit


def test_locked_instructions_stay_atomic_under_breakpoints() -> None:
    code = program(
        "b9f401 f0ff060040 e2f9  ; mov cx,500; again: lock inc word [0x4000]; loop again"
    )
    with watched(code, 0xFFFFFF00, ON_LOADS) as guest:
        other = another(guest.vm)
        other.regs.dr7 = ON_LOADS

        runs = [Running(v.run) for v in (guest.vcpu, other)]

        assert [run.result(60).reason for run in runs] == [ExitReason.HLT] * 2
        assert guest.word(0x4000) == 1000
