"""Wrong inputs: each gets one sentence and a status, no traceback, and nothing is written."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import cli
from tests.cli.wrong_files import make

TABLE = Path(__file__).with_name("wrong_inputs.toml")
ROWS: list[dict[str, Any]] = tomllib.loads(TABLE.read_text("utf-8"))["row"]


def contents(directory: Path) -> dict[str, object]:
    """Every name in a directory, with the bytes of files."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        if path.is_file()
        else path.lstat().st_mode
        for path in directory.rglob("*")
    }


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of wrong files."""
    directory = tmp_path_factory.mktemp("wrong")
    make(directory)
    return directory


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row["args"])[:60] or "nothing")
def test_a_wrong_input_gets_its_sentence_and_writes_nothing(
    row: dict[str, Any],
    wrong: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(wrong)
    before = contents(wrong)

    status = cli.main(row["args"])

    out, err = capsys.readouterr()
    assert (out, err) == ("", f"pyx86emu: {row['says']}\n")
    assert status == row["status"]
    assert contents(wrong) == before


def test_there_are_at_least_a_hundred_wrong_inputs() -> None:
    assert len(ROWS) >= 100
    assert len({tuple(row["args"]) for row in ROWS}) == len(ROWS)
