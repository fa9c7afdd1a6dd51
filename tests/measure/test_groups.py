"""The groups: each file that is listed is there, and what it yields is printed and judged."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest

from pyx86emu.measure import groups
from pyx86emu.measure.figures import Row


def make_group(monkeypatch: pytest.MonkeyPatch, **has: object) -> None:
    """A group `new` of one file that has this."""
    source = ModuleType("pyx86emu.measure.made_up")
    vars(source).update(has)
    monkeypatch.setitem(sys.modules, source.__name__, source)
    monkeypatch.setitem(groups.GROUPS, "new", groups.Group("what is new", ("made_up",)))


@pytest.mark.parametrize("name", groups.GROUPS)
def test_every_file_of_a_group_has_rows(name: str) -> None:
    for file in groups.GROUPS[name].files:
        assert callable(import_module(f"pyx86emu.measure.{file}").rows)


def test_a_file_with_only_rows_is_a_whole_group(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def rows(repeats: int, scale: float) -> Iterator[Row]:
        asked.append((repeats, scale))
        yield Row("quick", 1.0, "us", "what is quick", limit=2.0)
        yield Row("slow", 3.0, "us", "what is slow", limit=2.0)

    make_group(monkeypatch, rows=rows)
    said: list[str] = []

    measured = groups.measure("new", 3, 0.5, said.append)

    assert asked == [(3, 0.5)]
    assert [line.split()[0] for line in said] == ["new", "quick", "slow"]
    assert [verdict.ok for verdict in measured.verdicts] == [True, False]
    assert [row["name"] for row in measured.as_dict()["rows"]] == ["quick", "slow"]


def test_rows_of_another_kind_need_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own:
        name = "own"

        def line(self) -> str:
            return "own  5"

        def as_dict(self) -> dict[str, int]:
            return {"five": 5}

    make_group(monkeypatch, HEAD="what", rows=lambda repeats, scale: [Own()])
    said: list[str] = []

    measured = groups.measure("new", 1, 1.0, said.append)

    assert said == ["what", "own  5"]
    assert measured.verdicts == []
    assert measured.as_dict() == {"rows": [{"five": 5}]}


def test_rows_that_cannot_be_printed_one_by_one_have_a_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = [Row("a", 1.0, "us", ""), Row("b", 2.0, "us", "")]
    make_group(
        monkeypatch,
        rows=lambda repeats, scale: made,
        table=lambda rows: " and ".join(row.name for row in rows),
    )
    said: list[str] = []

    groups.measure("new", 1, 1.0, said.append)

    assert said == ["a and b"]
