"""Control registers: which bits a model has, which values it refuses."""

from __future__ import annotations

import pytest

from pyx86emu import Vm
from pyx86emu.models import MODELS
from tests.harness import CODE, Guest, MakeGuest, program

#: MOV CR0,EBX; MOV ECX,CR0
SET = program("0f22c3 0f20c1  ; mov cr0,ebx; mov ecx,cr0")
PG, CD, NW = 1 << 31, 1 << 30, 1 << 29


@pytest.mark.parametrize(
    ("model", "reads"),
    [("80386", 0x0000001E), ("80486", 0x6005003E)],  # MP EM TS ET; and NE WP AM NW CD
)
def test_cr0_has_the_bits_of_its_model(model: str, reads: int) -> None:
    with Guest(SET, model=model) as guest:
        guest.vcpu.regs.ebx = 0x7FFFFFFE

        assert guest.text() == "HLT"

        assert guest.vcpu.regs.ecx == reads


@pytest.mark.parametrize(
    ("model", "value", "refused"),
    [
        *(("80386", PG, True), ("80486", PG | CD, True)),  # paging without protection
        *(("80386", NW, False), ("80486", NW, True), ("80486", NW | CD, False)),
    ],
)
def test_cr0_refuses_what_makes_no_sense(model: str, value: int, refused: bool) -> None:
    with Guest(SET, model=model) as guest:
        guest.vcpu.regs.ebx = value
        before = guest.vcpu.regs.cr0

        assert guest.text() == ("HLT IN VECTOR 13" if refused else "HLT")

        if refused:
            assert guest.vcpu.regs.cr0 == before
            assert guest.word(guest.vcpu.regs.sp) == CODE


@pytest.mark.parametrize(
    ("model", "value"), [("80286", 0xFFF0), ("80386", 0), ("80486", 0x60000010)]
)
def test_cr0_after_reset(model: str, value: int) -> None:
    with Vm() as vm:
        assert vm.create_vcpu(model).regs.cr0 == value


def test_lmsw_leaves_the_upper_bits_of_the_80286_set() -> None:
    with Guest(
        program("b80200 0f01f0 0f01e3  ; mov ax,2; lmsw ax; smsw bx"), model="80286"
    ) as guest:
        assert guest.text() == "HLT"

        assert guest.vcpu.regs.bx == 0xFFF2


@pytest.mark.parametrize("model", MODELS[3:])
def test_code_behind_a_move_to_a_control_register_runs(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(
        program("0f20c0 0f22c0 43 43  ; mov eax,cr0; mov cr0,eax; inc bx; inc bx"), model=model
    )

    assert guest.text() == "HLT"

    assert guest.vcpu.regs.bx == 2
