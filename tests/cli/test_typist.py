"""The typist: keys of a terminal become movements of keys on the guest's keyboard."""

from __future__ import annotations

import pytest

from pyx86emu.cli.keys import HELD, RELEASED, REPEATED, Key
from pyx86emu.cli.typist import Typist
from pyx86emu.pc.devices import Keyboard8042


class Board:
    """A keyboard whose keys all wait in the queue."""

    def __init__(self) -> None:
        self.keyboard = Keyboard8042()
        self.keyboard.ram[0] |= 0x10
        self.typist = Typist(self.keyboard)

    def moves(self, *keys: Key) -> str:
        """The movements of these keys: -name is up."""
        assert all(self.typist.type(key) for key in keys)
        moves = [("" if down else "-") + name for name, down, _ in self.keyboard.queue]
        self.keyboard.queue.clear()
        return " ".join(moves)


@pytest.fixture
def board() -> Board:
    return Board()


def test_a_key_is_pressed_and_released(board: Board) -> None:
    assert board.moves(Key("ctrl+c")) == "ctrl c -c -ctrl"


def test_a_key_that_is_held_stays_down_until_it_is_released(board: Board) -> None:
    assert board.moves(Key("left", HELD)) == "left"
    assert board.moves(Key("left", REPEATED)) == "left"
    assert board.moves(Key("ctrl+up", HELD)) == "ctrl up"
    assert board.moves(Key("left", RELEASED)) == "-left"
    assert board.moves(Key("up", RELEASED)) == "-up -ctrl"
    assert board.moves(Key("up", RELEASED)) == ""


def test_when_the_focus_goes_all_keys_are_released(board: Board) -> None:
    board.moves(Key("left", HELD), Key("shift+up", HELD))

    board.typist.release_all()

    assert board.moves() == "-left -up -shift"


def test_a_character_of_code_page_437_is_typed_with_alt_and_its_number(board: Board) -> None:
    assert board.moves(Key("é")) == "alt kp1 -kp1 kp3 -kp3 kp0 -kp0 -alt"
    assert board.moves(Key("\u2588")) == "alt kp2 -kp2 kp1 -kp1 kp9 -kp9 -alt"


@pytest.mark.parametrize("name", ["\u20ac", "alt+é", "\U0001f600", "win+\u20ac"])
def test_what_no_pc_types_is_refused(board: Board, name: str) -> None:
    assert not board.typist.type(Key(name))
    assert not board.typist.type(Key(name, HELD))
    assert board.typist.type(Key(name, RELEASED))
    assert board.moves() == ""


@pytest.mark.parametrize("name", ["kp+", "alt+kp+", "shift+=", "+"])
def test_a_plus_is_a_key_too(board: Board, name: str) -> None:
    assert board.moves(Key(name, HELD)).split()
    assert board.moves(Key(name, RELEASED)).split()
