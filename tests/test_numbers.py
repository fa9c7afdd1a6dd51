"""Every public integer of the package: what is no integer is refused, by the argument's name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import on_kvm
from tests.numbers import Argument, Place, World, arguments
from tests.numbers_table import WITHIN

FILES = sorted(Path(__file__).parent.glob("numbers_*.py"))
TABLES = [import_module(f"tests.{path.stem}") for path in FILES]


def merged(name: str) -> dict[str, Any]:
    """The rows of all tables."""
    return {key: row for table in TABLES for key, row in getattr(table, name, {}).items()}


PLACES: dict[str, Place] = merged("PLACES")
EXEMPT: dict[str, str] = merged("EXEMPT")
ARGUMENTS = arguments()
BAD_NUMBERS = {
    "a float": 1.0,
    "a text": "1",
    "a numpy float": np.float64(1),
    "a list": [1],
    "a complex": 1j,
}


def exempt(argument: Argument) -> str | None:
    """Why it has no place in the table."""
    return EXEMPT.get(argument.function) or EXEMPT.get(f"{argument.function}.{argument.name}")


TRIED = [argument for argument in ARGUMENTS if not exempt(argument)]


def call(argument: Argument, value: Any, accel: str = "interp") -> None:
    """Call the function with good values, but for this one."""
    place = PLACES[argument.function]
    good = dict(place.good)
    if accel == "kvm":
        good.pop("max_instructions", None)
    with World(accel) as world:
        function = place.make(world)
        function(**good | {argument.name: value})


def good_of(argument: Argument) -> Mapping[str, Any]:
    """The good values of its function."""
    return PLACES[argument.function].good if argument.function in PLACES else {}


def refusal(argument: Argument, value: object) -> type[Exception]:
    """An address may be text, so text that is none has a wrong value, not a wrong type."""
    return ValueError if argument.address and isinstance(value, str) else TypeError


def shown(argument: Argument) -> str:
    return f"{argument.function}({argument.name})"


def test_every_number_of_the_interface_is_in_the_table() -> None:
    missing = sorted({shown(a) for a in TRIED if a.function not in PLACES})

    assert not missing, "give each a Place in tests/numbers_*.py"


def test_the_table_has_no_function_that_does_not_exist() -> None:
    known = {argument.function for argument in ARGUMENTS}
    known |= {shown(a).replace("(", ".").rstrip(")") for a in ARGUMENTS}

    assert not (set(PLACES) | set(EXEMPT)) - known
    assert all(EXEMPT.values())


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("argument", TRIED, ids=shown)
def test_what_is_no_integer_is_refused_by_name(argument: Argument, bad: str) -> None:
    value = BAD_NUMBERS[bad]
    if not argument.whole and isinstance(value, float):
        pytest.skip("a time in seconds may be a float")

    with pytest.raises(refusal(argument, value)) as error:
        call(argument, value)

    name = PLACES[argument.function].called.get(argument.name, argument.name)
    assert re.search(rf"\b({name})\b", str(error.value)), str(error.value)


#: What is called on a Vm, and so on its back end.
ON_BACK_END = re.compile(r"(_VmMethods|MemorySlot|Vcpu|Registers|Exit|Bus|Clock)\.")


@pytest.mark.parametrize("bad", [1.0, "1"])
@pytest.mark.parametrize("argument", [a for a in TRIED if ON_BACK_END.match(a.function)], ids=shown)
def test_kvm_refuses_what_is_no_integer_by_name(argument: Argument, bad: object) -> None:
    on_kvm.need("kvm")

    with pytest.raises(refusal(argument, bad)) as error:
        call(argument, bad, "kvm")

    name = PLACES[argument.function].called.get(argument.name, argument.name)
    assert re.search(rf"\b({name})\b", str(error.value)), str(error.value)


@pytest.mark.parametrize("argument", [a for a in TRIED if not a.optional], ids=shown)
def test_none_is_no_integer(argument: Argument) -> None:
    with pytest.raises(TypeError) as error:
        call(argument, None)

    name = PLACES[argument.function].called.get(argument.name, argument.name)
    assert re.search(rf"\b({name})\b", str(error.value)), str(error.value)


@pytest.mark.parametrize("kind", [np.int64, np.uint32, bool])
@pytest.mark.parametrize(
    "argument",
    [a for a in TRIED if a.whole and a.name in good_of(a)],
    ids=shown,
)
def test_integers_of_other_kinds_are_integers(argument: Argument, kind: Any) -> None:
    value = good_of(argument)[argument.name]
    if value is None or kind(value) != value:
        pytest.skip(f"{value} is no {kind.__name__}")

    call(argument, kind(value))


@pytest.mark.parametrize("bad", BAD_NUMBERS)
@pytest.mark.parametrize("what", WITHIN)
def test_a_number_in_something_else_is_an_integer(what: str, bad: str) -> None:
    function, about = WITHIN[what]

    with World() as world, pytest.raises(TypeError, match=about):
        function(world, BAD_NUMBERS[bad])
