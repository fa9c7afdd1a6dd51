"""The conformance list of the I/O path: every row of ioeventfd-rows.json as a test.

A row with a program is run as it stands. The others have a function in the file of their letter
that sets the case up and renders what it saw in the words of the row. Where pyx86emu departs from
KVM on purpose (rows of level K), the function says what is to be seen instead.
"""

from __future__ import annotations

import contextlib

import pytest

from tests.rows import (
    coalesced,
    eventfds,
    exits,
    interrupts,
    irqfds,
    programs,
    registering,
    slots,
    threads,
)
from tests.rows.case import FUNCTIONS, GAPS, ROWS, Case, describe

#: Importing them lists their functions.
SECTIONS = (programs, registering, exits, eventfds, threads, interrupts, irqfds, slots, coalesced)


@pytest.mark.parametrize(
    "identity",
    [pytest.param(it, marks=[pytest.mark.forks] * (it == "T06")) for it in ROWS],
)
def test_row(identity: str) -> None:
    gap = GAPS.get(identity)
    try:
        for coalesce in (True, False):
            with contextlib.ExitStack() as stack:
                seen, wanted = show(identity, Case(stack, coalesce))
                assert seen in wanted, f"{describe(identity)}\nwith coalesce={coalesce}"
    except Exception as error:
        if gap is None:
            error.add_note(describe(identity))
            raise
        pytest.xfail(gap)
    assert gap is None, f"{identity} passes: take it off known_gaps.toml"


def show(identity: str, case: Case) -> tuple[str, tuple[str, ...]]:
    """What is seen, and what may be seen."""
    result = ROWS[identity]["result"]
    if identity in FUNCTIONS:
        function, instead = FUNCTIONS[identity]
        return function(case), instead or (result,)
    if "code" in ROWS[identity]:
        return programs.run_program(ROWS[identity], case), (result,)
    raise NotImplementedError(f"{identity} has no test")


def test_gaps_are_rows_with_a_reason() -> None:
    assert set(GAPS) <= set(ROWS)
    assert all(len(reason) > 20 for reason in GAPS.values())


def test_functions_are_of_rows_without_a_program() -> None:
    adapted = {"M32", "R20"}
    assert all(identity in ROWS for identity in FUNCTIONS)
    assert adapted == {identity for identity in FUNCTIONS if "code" in ROWS[identity]}
