"""`run --record` and `replay`: a run again, from a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.drive import pyx86emu
from tests.tools.record.guests import ECHO


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Of a guest that echoes "hello" over COM1."""
    boot, path = tmp_path / "echo.img", tmp_path / "keys.rec"
    boot.write_bytes(ECHO.ljust(510, b"\0") + b"\x55\xaa")

    result = pyx86emu(boot, "--record", path, "--type", "hello", "--timeout", "3")

    assert (result.returncode, result.stdout) == (124, "hello")
    return path


def test_a_replay_does_the_same_without_the_keys_and_the_image(recording: Path) -> None:
    recording.with_name("echo.img").unlink()

    result = pyx86emu("replay", recording)

    assert (result.returncode, result.stdout) == (0, "hello")
    assert "the replay ends with INTR at 0000:" in result.stderr


def test_a_replay_stops_at_an_instruction(recording: Path) -> None:
    result = pyx86emu("replay", recording, "--to", "35000", "--json")

    report = json.loads(result.stdout)
    assert (report["reason"], report["instructions"]) == ("BUDGET", 35000)


def test_what_is_no_recording_is_named(recording: Path) -> None:
    result = pyx86emu("replay", recording.with_name("echo.img"))

    assert result.returncode == 2
    assert "echo.img is no recording of pyx86emu" in result.stderr


def test_a_recording_has_virtual_time(recording: Path) -> None:
    boot = recording.with_name("echo.img")

    result = pyx86emu(boot, "--record", recording, "--clock", "host")

    assert (result.returncode, result.stdout) == (2, "")
    assert "--record with --clock host" in result.stderr
