"""Keys of a terminal: the bytes that real ones send, and any others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.cli.keys import names
from pyx86emu.pc.devices import Keyboard8042
from pyx86emu.pc.devices.keyboard.keys import KEYS, chord, typed_by

ESC = b"\x1b"


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"ab", ["a", "b"]),
        (b"A", ["shift+a"]),
        (b"+-", ["shift+=", "-"]),
        (b"{alt+x}", ["shift+[", "a", "l", "t", "shift+=", "x", "shift+]"]),
        (b"\r", ["enter"]),
        (b"\x7f\b\t ", ["backspace", "backspace", "tab", "space"]),
        (b"\x03\x1a\x1c", ["ctrl+c", "ctrl+z", "ctrl+\\"]),
        (b"\x00\x1e\x1f", ["ctrl+2", "ctrl+6", "ctrl+-"]),
        (ESC, ["esc"]),
        (b"a" + ESC, ["a", "esc"]),
        (ESC + b"x", ["alt+x"]),
        (ESC + b"X", ["alt+shift+x"]),
        (ESC + b"}", ["alt+shift+]"]),
        (ESC + b"\x03", ["alt+ctrl+c"]),
        (ESC + b"\r", ["alt+enter"]),
        (ESC + b"[", ["alt+["]),
        (ESC + b"O", ["alt+shift+o"]),
        (ESC + ESC, ["alt+esc"]),
    ],
)
def test_characters_are_the_keys_that_type_them(data: bytes, keys: list[str]) -> None:
    assert names(data) == keys


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("[A", "up"),
        ("OA", "up"),
        ("[H", "home"),
        ("[1~", "home"),
        ("[7~", "home"),
        ("[5~", "pageup"),
        ("OP", "f1"),
        ("[11~", "f1"),
        ("[24~", "f12"),
        ("[Z", "shift+tab"),
        ("[1;5A", "ctrl+up"),
        ("[1;2P", "shift+f1"),
        ("[1;3P", "alt+f1"),
        ("[1;6D", "ctrl+shift+left"),
        ("[1;8C", "ctrl+alt+shift+right"),
        ("[3;5~", "ctrl+delete"),
        ("[15;2~", "shift+f5"),
        ("[97;5u", "ctrl+a"),
        ("[13;2u", "shift+enter"),
        ("[27u", "esc"),
    ],
)
def test_sequences_are_keys_with_the_modifiers_that_were_held(sequence: str, key: str) -> None:
    assert names(f"\x1b{sequence}".encode()) == [key]
    assert names(f"x\x1b{sequence}y".encode()) == ["x", key, "y"]
    chord(key)


def test_an_escape_before_a_sequence_is_alt() -> None:
    assert names(b"\x1b\x1b[A") == ["alt+up"]
    assert names(b"\x1b\x1bOP") == ["alt+f1"]


@pytest.mark.parametrize(
    "sequence", ["[I", "[200~", "[?1;2c", "[u", "[99~", "[1;5x", "[9999999999;5A"]
)
def test_a_sequence_that_is_no_key_types_nothing(sequence: str) -> None:
    assert names(f"a\x1b{sequence}b".encode()) == ["a", "b"]


def test_a_character_that_no_key_types_is_left_to_the_keyboard_to_refuse() -> None:
    assert names("é".encode()) == ["é"]
    with pytest.raises(ValueError, match="no key is called 'é'"):
        Keyboard8042().press("é")


@given(st.binary(max_size=40) | st.text("\x1b[O;0123456789ABPZu~ax", max_size=40).map(str.encode))
def test_any_bytes_are_names_of_keys_or_single_characters(data: bytes) -> None:
    for name in names(data):
        key = name.rsplit("+", 1)[-1]
        assert key in KEYS or (len(key) == 1 and typed_by(key) is None)


@given(st.characters(min_codepoint=0, max_codepoint=0x7F))
def test_every_ascii_character_is_typed_as_it_is_pressed(char: str) -> None:
    pressed, typed = Keyboard8042(), Keyboard8042()
    for keyboard in (pressed, typed):
        keyboard.ram[0] |= 0x10  # all waits in the queue

    (name,) = names(char.encode())
    pressed.press(name)
    typed.type("{{" if char == "{" else char)

    assert pressed.queue == typed.queue
