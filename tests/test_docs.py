"""The documents name tests: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCS = sorted(ROOT.glob("docs/*.md"))


@pytest.fixture(scope="module")
def defined() -> set[str]:
    return {
        name
        for path in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^\s*def (test_\w+)", path.read_text("utf-8"), re.M)
    }


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_test_that_a_document_names_exists(path: Path, defined: set[str]) -> None:
    text = path.read_text("utf-8")

    missing = set(re.findall(r"\b(test_\w+)`", text)) - defined
    missing = {name for name in missing if not list((ROOT / "tests").rglob(f"{name}.py"))}

    assert not missing


def test_every_promise_of_reliability_says_what_holds_it() -> None:
    text = (ROOT / "docs" / "RELIABILITY.md").read_text("utf-8")

    assert "TODO" not in text
    assert len(set(re.findall(r"`(test_\w+)`", text))) > 60
