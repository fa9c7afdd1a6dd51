"""Key names, chords and what types a text; their scan codes are tested with the keyboard."""

import pytest

from pyx86emu.pc.devices.keyboard.keys import (
    KEYS,
    TRANSLATION,
    chord,
    key_name,
    keystrokes,
    to_set1,
)


@pytest.mark.parametrize("text", ["\n", "\r", "\r\n", "{ret}", "{enter}", "{RET}"])
def test_a_line_end_is_one_key(text):
    assert keystrokes(text) == [("enter", True, False), ("enter", False, False)]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("{esc}", ["esc"]),
        ("{left}{right}{up}{down}", ["left", "right", "up", "down"]),
        ("{shift}", ["shift"]),
        ("{f1}{F12}", ["f1", "f12"]),
        ("{ctrl+alt+del}", ["ctrl", "alt", "delete"]),
        ("{Ctrl+C}", ["ctrl", "c"]),
        ("{ctrl++}", ["ctrl", "shift", "="]),
        ("{ctrl+kp+}", ["ctrl", "kp+"]),
        ("+", ["shift", "="]),
        ("A", ["shift", "a"]),
        ("{{}", ["shift", "[", "shift", "]"]),
        ("<", ["shift", ","]),
        ("\x7f\b", ["backspace", "backspace"]),
    ],
)
def test_names_in_braces(text, keys):
    assert [name for name, down, _ in keystrokes(text) if down] == keys


def test_chord_is_released_in_the_other_order():
    released = [name for name, down, _ in keystrokes("{ctrl+alt+x}") if not down]

    assert released == ["x", "alt", "ctrl"]


@pytest.mark.parametrize("name", ["", "nokey", "ctrl+", "+a", "F13"])
def test_unknown_keys_are_named(name):
    with pytest.raises(ValueError, match="no key is called"):
        chord(name)


def test_names_do_not_mind_capitals():
    assert key_name("F1") == "f1"
    assert key_name("Enter") == key_name("RET") == "enter"
    assert key_name("A") == "a"


def test_translation_is_one_byte_for_each():
    assert len(TRANSLATION) == 256
    assert TRANSLATION[0xFA] == 0xFA


def test_codes_of_set_1_have_the_break_bit():
    assert to_set1(bytes.fromhex("e0f075")) == bytes.fromhex("e0c8")
    assert to_set1(bytes.fromhex("f01c1c")) == bytes.fromhex("9e1e")


def test_prefixed_keys_have_no_break_marker_as_code():
    assert all(code & 0xFF not in (0xE0, 0xE1, 0xF0) for code, _ in KEYS.values())


def test_every_key_has_its_own_codes():
    assert len({code for code, _ in KEYS.values()}) == len(KEYS)
    assert len({code for _, code in KEYS.values()}) == len(KEYS)
    assert len({(code >> 8, TRANSLATION[code & 0xFF]) for code, _ in KEYS.values()}) == len(KEYS)


def test_control_characters_are_chords():
    assert keystrokes("\x03\x1a") == chord("ctrl+c") + chord("ctrl+z")


@pytest.mark.parametrize(
    ("text", "message"),
    [("\u00e9", "no key of a US keyboard"), ("{nokey}", "'nokey'"), ("{esc", "no closing brace")],
)
def test_what_cannot_be_typed_says_why(text, message):
    with pytest.raises(ValueError, match=message):
        keystrokes("abc" + text)


def test_a_long_chord_and_what_is_no_string_are_refused() -> None:
    assert len(chord("+".join(["shift"] * 5000))) == 10_000
    with pytest.raises(ValueError):
        chord("+".join(["nokey"] * 5000))
    with pytest.raises(TypeError, match="not NoneType"):
        chord(None)  # type: ignore[arg-type]
