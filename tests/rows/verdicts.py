"""The verdict on a row: run it, compare what is seen with what KVM did, find the words for it."""

from __future__ import annotations

import contextlib
import re
import tomllib
from pathlib import Path
from typing import Any

from tests import on_kvm
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
from tests.rows.case import FUNCTIONS, ON_KVM, ROWS, Case, describe

#: Importing them lists the functions of their rows.
SECTIONS = (programs, registering, exits, eventfds, threads, interrupts, irqfds, slots, coalesced)
HERE = Path(__file__).resolve().parent
#: The back ends, as `accel` has them.
ACCELS = ("interp", "kvm")

SAME = "same as KVM"


def _listed(path: str) -> dict[str, dict[str, dict[str, Any]]]:
    """A toml file of entries with `rows`, as {kind: {row: entry}}."""
    kinds = tomllib.loads((HERE / path).read_text("utf-8"))
    return {
        kind: {row: entry for entry in entries for row in entry["rows"]}
        for kind, entries in kinds.items()
    }


_WORDS = _listed("verdicts.toml")
DEPARTS = {row: entry["how"] for row, entry in _WORDS["departs"].items()}
NO_COUNTERPART = {row: entry["why"] for row, entry in _WORDS["no_counterpart"].items()}
WORDED = {row: entry["why"] for row, entry in _WORDS["worded"].items()}
DIFFERS = _listed("kvm_differs.toml").get("differs", {})
#: Rows that do not hold on the interpreter, with the reason. The list may only shrink.
GAPS = {row: gap["reason"] for row, gap in _listed("known_gaps.toml").get("gap", {}).items()}


def seen(identity: str, case: Case) -> str:
    """Run a row; what is seen, in the row's words."""
    if identity in FUNCTIONS:
        return FUNCTIONS[identity][0](case)
    if "code" in ROWS[identity]:
        return programs.run_program(ROWS[identity], case)
    raise NotImplementedError(f"{identity} has no test")


def verdict(identity: str, accel: str) -> str:
    """Run a row on a back end; on the interpreter with rings added up and without.

    AssertionError: what is seen is neither what KVM did nor what is listed.
    """
    modes = (True, False) if accel == "interp" else (True,)
    found = {once(identity, accel, coalesce) for coalesce in modes}
    assert len(found) == 1, f"{identity} depends on coalesce: {found}"
    return found.pop()


def once(identity: str, accel: str, coalesce: bool) -> str:
    """The verdict on one run."""
    with contextlib.ExitStack() as stack:
        text = seen(identity, Case(stack, coalesce, accel))
    entry = differs(identity, accel)
    if entry:
        assert re.fullmatch(entry["seen"], text), f"{identity}: {text!r} is not what is listed"
        return f"differs here: {entry['reason']}"
    if text == ROWS[identity]["result"] or (accel == "kvm" and text == ON_KVM.get(identity)):
        assert not (accel == "interp" and identity in DEPARTS), f"{identity} departs no longer"
        return SAME
    instead = FUNCTIONS[identity][1] if identity in FUNCTIONS else ()
    if text in instead:
        if identity in NO_COUNTERPART:
            return f"no counterpart: {NO_COUNTERPART[identity]}"
        if identity in WORDED:
            return SAME
        if identity in DEPARTS:
            return f"departs: {DEPARTS[identity]}"
    raise AssertionError(
        f"{describe(identity)}\non {accel}: {text!r}\nKVM: {ROWS[identity]['result']!r}"
        + "".join(f"\nor: {other!r}" for other in instead)
    )


def differs(identity: str, accel: str) -> dict[str, Any] | None:
    """The entry of kvm_differs.toml that counts here."""
    entry = DIFFERS.get(identity) if accel == "kvm" else None
    return entry if entry and (entry["when"] == "any" or entry["when"] in on_kvm.lacks()) else None
