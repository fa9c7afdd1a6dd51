"""--save-state and --load-state: a guest goes on from a file, in another run of the program."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Machine, State, cli
from tests.on_kvm import need

#: mov al,'A'; again: out 0E9h,al; inc ax; cmp al,'Z'+1; jne again; mov al,10h; out 0F4h,al
LETTERS = bytes.fromhex("b041 e6e9 40 3c5b 75f9 b010 e6f4")
Run = Callable[..., int]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "letters.img"
    path.write_bytes(LETTERS.ljust(510, b"\0") + b"\x55\xaa" + bytes((1440 << 10) - 512))
    return path


def run(*words: object) -> int:
    return cli.main(["run", *map(str, words)])


def save(image: Path, at: Path, *more: object) -> Path:
    """The state of a guest after some letters."""
    state = at / "state"
    with Machine(image) as m:
        m.boot()
        booted = m.vcpu.instructions
    assert booted is not None
    run(image, "--max-instructions", booted + 21, "--save-state", state, *more)
    assert State.load(state).devices["debugcon"]["log"] == {"data": b"ABCDE", "total": 5}
    return state


def test_a_guest_goes_on_from_a_file(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = save(image, tmp_path)
    capsys.readouterr()

    status = run(image, "--load-state", state)

    told = capsys.readouterr().out
    assert status == 33
    assert told.endswith("XYZ")
    assert not told.startswith("A")


def test_what_was_loaded_and_saved_is_the_same(image: Path, tmp_path: Path) -> None:
    state = save(image, tmp_path)
    again = tmp_path / "again"

    run(image, "--load-state", state, "--max-instructions", 0, "--save-state", again)

    one, two = State.load(state), State.load(again)
    assert one.devices == two.devices
    assert one.to_bytes() == two.to_bytes()


def test_another_machine_is_refused_in_a_sentence(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = save(image, tmp_path)
    capsys.readouterr()

    assert run(image, "-m", "2M", "--load-state", state) == 2

    assert "--load-state" in (told := capsys.readouterr().err)
    assert "other bytes of memory" in told
    assert told.count("\n") == 1


@pytest.mark.parametrize("data", [b"", b"nothing", os.urandom(99)], ids=["empty", "text", "noise"])
def test_a_file_that_is_no_state_is_refused(
    image: Path, tmp_path: Path, data: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "state"
    state.write_bytes(data)

    assert run(image, "--load-state", state) == 2

    assert str(state) in capsys.readouterr().err


def test_files_are_checked_before_the_guest_starts(
    image: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option, path in ("--load-state", tmp_path / "no"), ("--save-state", tmp_path / "no/no"):
        assert run(image, option, path) == 2
        assert option in capsys.readouterr().err


def test_a_disk_is_written_back_before_its_state_is_saved(image: Path, tmp_path: Path) -> None:
    state = save(image, tmp_path, "--write-back")

    assert run(image, "--write-back", "--load-state", state) == 33


@pytest.mark.parametrize("option", ["--load-state", "--save-state"])
def test_a_state_of_kvm_is_refused(
    image: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    need("kvm")
    (tmp_path / "state").write_bytes(b"")

    assert run(image, "-accel", "kvm", option, tmp_path / "state") == 2

    assert "not on KVM" in capsys.readouterr().err
