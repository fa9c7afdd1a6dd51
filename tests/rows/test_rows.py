"""The conformance list of the I/O path: every row of ioeventfd-rows.json, on both back ends.

A row with a program is run as it stands. The others have a function in the file of their letter
that sets the case up and renders what it saw in the words of the row. Where pyx86emu departs from
KVM on purpose, the function says what is to be seen instead, and verdicts.toml says why.
docs/ROWS.md has the verdicts.
"""

from __future__ import annotations

import pytest

from tests import on_kvm
from tests.rows import page
from tests.rows.case import FUNCTIONS, ROWS, describe
from tests.rows.verdicts import ACCELS, DEPARTS, DIFFERS, GAPS, NO_COUNTERPART, WORDED, verdict


@pytest.mark.parametrize("accel", ACCELS)
@pytest.mark.parametrize(
    "identity",
    [pytest.param(it, marks=[pytest.mark.forks] * (it == "T06")) for it in ROWS],
)
def test_row(identity: str, accel: str) -> None:
    on_kvm.need(accel)
    gap = GAPS.get(identity)
    try:
        found = verdict(identity, accel)
    except Exception as error:
        if gap is None:
            error.add_note(describe(identity))
            raise
        pytest.xfail(gap)
    assert gap is None, f"{identity} passes: take it off known_gaps.toml"
    if accel == "interp" or page.written_kernel() == page.kernel():
        assert page.written()[identity][accel] == found, "run: python -m tests.rows --write"


def test_the_page_has_every_row_once_and_in_order() -> None:
    order = [identity for letter in page.SECTIONS for identity in ROWS if identity[0] == letter]

    assert list(page.written()) == order
    assert sorted(order) == sorted(ROWS)
    assert page.PAGE.read_text("utf-8") == page.text(page.written(), page.written_kernel())


def test_lists_name_rows_with_a_reason() -> None:
    for listed in (GAPS, DEPARTS, NO_COUNTERPART, WORDED):
        assert set(listed) <= set(ROWS)
        assert all(len(reason) > 20 for reason in listed.values())
    for entry in DIFFERS.values():
        assert set(entry) == {"rows", "when", "seen", "reason"}
        assert set(entry["rows"]) <= set(ROWS)


def test_a_row_that_departs_has_a_function_that_says_what_is_seen() -> None:
    listed = {*DEPARTS, *NO_COUNTERPART, *WORDED}

    assert listed <= {identity for identity, (_, instead) in FUNCTIONS.items() if instead}


def test_functions_are_of_rows_without_a_program() -> None:
    adapted = {"M32", "R20"}
    assert all(identity in ROWS for identity in FUNCTIONS)
    assert adapted == {identity for identity in FUNCTIONS if "code" in ROWS[identity]}
