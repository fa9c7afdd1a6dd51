"""The CPU models: names, the table of differences, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import Vm
from pyx86emu.models import ALIASES, DIFFERENCES, MODELS, canonical, fields
from tests.harness import ROOT, STACK, MakeGuest, program
from tests.model_page import markdown

PAGE = ROOT / "docs" / "MODELS.md"


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text("utf-8")

    assert text == markdown(), "run: python -m tests.model_page > docs/MODELS.md"


def test_each_row_says_what_it_means_and_where_it_comes_from() -> None:
    for d in DIFFERENCES:
        assert len(d.values) == len(MODELS), d.field
        assert d.what and d.source, d.field
        assert "|" not in d.what + d.source, f"{d.field}: a bar would split the table's cell"


def test_a_row_tells_models_apart() -> None:
    alike = [d.field for d in DIFFERENCES if len(set(d.values)) == 1]

    assert not alike, "the same for all models: no difference"


def test_fields_are_named_once() -> None:
    names = [d.field for d in DIFFERENCES]

    assert len(set(names)) == len(names)
    assert list(fields("80286")) == names


def test_the_level_is_the_place_in_the_list() -> None:
    assert [fields(model)["level"] for model in MODELS] == list(range(len(MODELS)))


@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_its_own_name(model: str, vm: Callable[..., Vm]) -> None:
    assert canonical(model) == model
    assert vm().create_vcpu(model).model == model


@pytest.mark.parametrize(("alias", "model"), ALIASES.items())
def test_an_alias_names_a_model(alias: str, model: str, vm: Callable[..., Vm]) -> None:
    assert model in MODELS and alias not in MODELS
    assert fields(alias) == fields(model)
    assert vm().create_vcpu(alias).model == model


@pytest.mark.parametrize("name", ["z80", "", "8086 ", "80486DX"])
def test_an_unknown_model_is_refused_by_name_with_the_choices(
    name: str, vm: Callable[..., Vm]
) -> None:
    machine = vm()

    with pytest.raises(ValueError) as error:
        machine.create_vcpu(name)

    assert str(error.value) == (
        f"unknown CPU model {name!r}: choose one of {', '.join(MODELS)} (or {', '.join(ALIASES)})"
    )
    assert machine.vcpus == ()


# -- as guests tell them apart --------------------------------------------------------------------


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
