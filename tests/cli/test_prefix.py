"""The prefix: Ctrl-] and the next key are the user's, all other keys the guest's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Machine
from pyx86emu.cli.prefix import HELP, PAUSED, Prefix
from pyx86emu.cli.signals import Interrupted

MakeMachine = Callable[..., Machine]


class User:
    """A prefix, and what it has said and sent."""

    def __init__(self, m: Machine) -> None:
        self.said: list[str] = []
        self.sent = 0
        self.prefix = Prefix(m, self.said.append, self.send)

    def send(self) -> None:
        self.sent += 1

    def type(self, *names: str) -> list[str]:
        """The names that are the guest's."""
        return [name for name in names if not self.prefix.take(name)]


@pytest.fixture
def user(machine: MakeMachine) -> User:
    return User(machine(b"\xeb\xfe"))


def test_other_keys_are_the_guests(user: User) -> None:
    assert user.type("a", "ctrl+c", "esc", "alt+]") == ["a", "ctrl+c", "esc", "alt+]"]
    assert user.said == []


def test_q_quits(user: User) -> None:
    with pytest.raises(Interrupted, match=r"ended by Ctrl-\] q"):
        user.type("ctrl+]", "q")


def test_the_prefix_twice_sends_it_once(user: User) -> None:
    assert user.type("ctrl+]", "ctrl+]", "ctrl+]", "ctrl+]", "x") == ["x"]
    assert user.sent == 2
    assert user.prefix.take_bytes(b"a\x1d\x1db") == b"a\x1db"


def test_p_pauses_and_goes_on(user: User) -> None:
    user.type("ctrl+]", "p")
    assert user.prefix.paused
    user.type("ctrl+]", "p")
    assert not user.prefix.paused
    assert user.said == [PAUSED, "goes on"]


def test_help_and_unknown_keys_are_answered(user: User) -> None:
    assert user.type("ctrl+]", "shift+/", "ctrl+]", "f1", "ctrl+]", "esc", "z") == ["z"]
    assert user.said == [HELP, "Ctrl-] f1 means nothing: Ctrl-] ? helps"]


def test_r_resets_the_machine(user: User) -> None:
    user.prefix.m.boot()
    assert user.prefix.m.booted

    user.type("ctrl+]", "r")

    assert not user.prefix.m.booted


def test_s_saves_each_screenshot_under_a_new_name(
    user: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyx86emu-1.png").symlink_to("elsewhere")  # leads nowhere, and is not followed

    user.type("ctrl+]", "s", "ctrl+]", "s")

    second, third = tmp_path / "pyx86emu-2.png", tmp_path / "pyx86emu-3.png"
    assert user.said == [f"screenshot: {second}", f"screenshot: {third}"]
    assert second.read_bytes()[:4] == third.read_bytes()[:4] == b"\x89PNG"
    assert not (tmp_path / "elsewhere").exists()


def test_a_screenshot_that_cannot_be_written_is_said(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(user.prefix.m.screen, "save", fails)

    user.type("ctrl+]", "s")

    (said,) = user.said
    assert said.startswith("no screenshot: cannot write pyx86emu-")
    assert said.endswith(": No space left on device")


def test_bytes_of_a_serial_line_have_the_same_commands(user: User) -> None:
    assert user.prefix.take_bytes(b"ab\x1d?c\x1d") == b"abc"
    assert user.prefix.take_bytes(b"\x01d\x1d\x1be") == b"de"
    assert user.said == [HELP, r"Ctrl-] \x01 means nothing: Ctrl-] ? helps"]
    with pytest.raises(Interrupted):
        user.prefix.take_bytes(b"x\x1dQ")
