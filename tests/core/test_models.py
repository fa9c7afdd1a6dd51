"""The CPU models: names, the table of differences, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Vm
from pyx86emu.models import ALIASES, DIFFERENCES, MODELS, canonical, fields, markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "MODELS.md"


def test_the_page_shows_the_table() -> None:
    text = PAGE.read_text("utf-8")

    assert text == markdown(), "run: python -m pyx86emu.models > docs/MODELS.md"


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
