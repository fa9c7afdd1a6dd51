"""CPU models as guests tell them apart: shifts, PUSH SP, flags, the names that are refused."""

from __future__ import annotations

import pytest

from pyx86emu import Vm
from tests.harness import MODELS, STACK, MakeGuest, program


@pytest.mark.parametrize("model", MODELS)
def test_models_differ_where_the_manuals_say(make_guest: MakeGuest, model: str) -> None:
    old = model in ("8086", "80186")
    guest = make_guest(
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


def test_flags_that_only_a_386_keeps(make_guest: MakeGuest) -> None:
    for model, kept in (("80286", 0x0000), ("80386", 0x7000), ("80486", 0x7000)):
        guest = make_guest(
            program("b802f0 50 9d 9c 5b  ; mov ax,0xf002; push ax; popf; pushf; pop bx"),
            model=model,
        )
        assert guest.text() == "HLT"
        assert guest.vcpu.regs.bx & 0xF000 == kept


def test_eflags_ac_and_id_tell_a_386_from_a_486(make_guest: MakeGuest) -> None:
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
        guest = make_guest(code, model=model)
        assert guest.text() == "HLT"
        assert guest.vcpu.regs.ebx & 0x240000 == differ


def test_unknown_model_names_the_choices() -> None:
    with Vm() as vm, pytest.raises(ValueError, match="80486"):
        vm.create_vcpu(model="z80")
