"""The words for what a row shows: the same, a departure, a kernel that differs, or an error."""

from __future__ import annotations

import pytest

from tests import on_kvm
from tests.rows import page, verdicts
from tests.rows.case import FUNCTIONS, ROWS
from tests.rows.verdicts import SAME, verdict


@pytest.fixture
def shows(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Rows show what the list has, on a KVM that lacks BOUND."""
    monkeypatch.setattr(verdicts, "seen", lambda identity, case: ROWS[identity]["result"])
    monkeypatch.setattr(on_kvm, "lacks", lambda: ("BOUND",))
    monkeypatch.setattr(verdicts, "DIFFERS", {})
    return monkeypatch


def show(shows: pytest.MonkeyPatch, text: str) -> None:
    shows.setattr(verdicts, "seen", lambda identity, case: text)


@pytest.mark.parametrize("accel", verdicts.ACCELS)
def test_what_the_list_has_is_the_same(shows: pytest.MonkeyPatch, accel: str) -> None:
    assert verdict("P01", accel) == SAME


@pytest.mark.parametrize("accel", verdicts.ACCELS)
def test_anything_else_is_an_error(shows: pytest.MonkeyPatch, accel: str) -> None:
    show(shows, "something else")

    with pytest.raises(AssertionError, match="something else"):
        verdict("P01", accel)


def test_what_a_function_says_instead_is_a_departure_with_its_words(
    shows: pytest.MonkeyPatch,
) -> None:
    show(shows, FUNCTIONS["I12"][1][0])

    assert verdict("I12", "interp") == f"departs: {verdicts.DEPARTS['I12']}"


def test_a_departure_that_is_none_any_more_is_an_error(shows: pytest.MonkeyPatch) -> None:
    with pytest.raises(AssertionError, match="departs no longer"):
        verdict("I12", "interp")


def test_kvm_may_do_what_the_list_has_where_the_interpreter_departs(
    shows: pytest.MonkeyPatch,
) -> None:
    assert verdict("I12", "kvm") == SAME


def test_modes_must_agree(shows: pytest.MonkeyPatch) -> None:
    shows.setattr(
        verdicts,
        "seen",
        lambda identity, case: ROWS["I12"]["result"] if case.coalesce else FUNCTIONS["I12"][1][0],
    )

    with pytest.raises(AssertionError):
        verdict("I12", "interp")


def entry(when: str, seen: str = "something.*") -> dict[str, object]:
    return {"rows": ["P01"], "when": when, "seen": seen, "reason": "the emulator has no BOUND"}


@pytest.mark.parametrize("when", ["BOUND", "any"])
def test_a_kernel_that_is_listed_differs_by_what_was_seen(
    shows: pytest.MonkeyPatch, when: str
) -> None:
    show(shows, "something else")
    shows.setattr(verdicts, "DIFFERS", {"P01": entry(when)})

    assert verdict("P01", "kvm") == "differs here: the emulator has no BOUND"
    with pytest.raises(AssertionError):
        verdict("P01", "interp")


def test_a_kernel_that_is_listed_and_does_something_else_is_an_error(
    shows: pytest.MonkeyPatch,
) -> None:
    shows.setattr(verdicts, "DIFFERS", {"P01": entry("BOUND")})

    with pytest.raises(AssertionError, match="is not what is listed"):
        verdict("P01", "kvm")


def test_an_entry_counts_only_where_the_probe_has_found_it(shows: pytest.MonkeyPatch) -> None:
    shows.setattr(verdicts, "DIFFERS", {"P01": entry("AAA and AAS")})

    assert verdict("P01", "kvm") == SAME


def test_a_page_is_read_as_it_was_written(shows: pytest.MonkeyPatch) -> None:
    found = {identity: {"interp": f"departs: {identity}", "kvm": SAME} for identity in ROWS}

    text = page.text(found, "a kernel")

    shows.setattr(page, "PAGE", Text(text))
    assert page.written() == found
    assert page.written_kernel() == "a kernel"


class Text(str):
    """A page that is no file."""

    def read_text(self, encoding: str) -> str:
        return self
