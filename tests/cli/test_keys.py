"""Keys of a terminal: the bytes that real ones send, and any others."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.cli.keys import (
    CUT,
    HELD,
    LONE_ESC,
    LONGEST,
    RELEASED,
    REPEATED,
    Answer,
    Decoder,
    Key,
    names,
)
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


# -- a stream --------------------------------------------------------------------------------------


def keys(*reads: bytes, decoder: Decoder | None = None) -> list[Key | Answer]:
    """What several reads of the terminal give; nothing comes after them."""
    decoder = decoder or Decoder()
    found = [each for data in reads for each in decoder.feed(data)]
    return found + decoder.flush()


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        ("[E", "kp5"),
        ("[[A", "f1"),  # the Linux console
        ("[[E", "f5"),
        ("OM", "kpenter"),
        ("Ok", "kp+"),
        ("Op", "kp0"),
        ("Oa", "ctrl+up"),  # rxvt
        ("[a", "shift+up"),
        ("[3^", "ctrl+delete"),
        ("[3@", "ctrl+shift+delete"),
        ("[27;5;97~", "ctrl+a"),  # modifyOtherKeys
        ("[27;6;65~", "ctrl+shift+a"),
        ("[97:65;6u", "ctrl+shift+a"),  # kitty: the shifted key too
        ("[57399u", "kp0"),
        ("[57413;5u", "ctrl+kp+"),
        ("[13;3u", "alt+enter"),
        ("[127;5u", "ctrl+backspace"),
        ("[233u", "é"),
        ("[1;9A", "win+up"),
        ("[1;69A", "ctrl+up"),  # Caps Lock is on
    ],
)
def test_terminals_have_forms_of_their_own(sequence: str, key: str) -> None:
    assert names(f"\x1b{sequence}".encode()) == [key]


@pytest.mark.parametrize(
    "data",
    [b"\x1b[1;5A", b"\x1b[3;5~", b"\x1bOP", b"\x1b\x1b[A", "é█".encode(), b"\x1bx", b"\x1b[97;5u"],
)  # fmt: skip
def test_a_key_that_is_cut_is_put_together(data: bytes) -> None:
    whole = keys(data)
    for at in range(1, len(data)):
        decoder = Decoder()
        assert decoder.feed(data[:at]) + decoder.feed(data[at:]) == whole
        assert decoder.patience is None
    assert keys(*(bytes([byte]) for byte in data)) == whole


@given(st.lists(st.sampled_from([b"a", b"\x1b[A", "é".encode(), b"\x1bOQ", b"\r"])), st.data())
def test_where_a_stream_is_cut_does_not_matter(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    edges = [0, *cuts, len(stream)]

    reads = [stream[start:end] for start, end in pairwise(edges)]

    assert keys(*reads) == keys(stream)


def test_a_lone_esc_is_a_key_after_a_short_time() -> None:
    decoder = Decoder()
    assert decoder.feed(b"a\x1b") == [Key("a")]
    assert decoder.patience == LONE_ESC
    assert decoder.flush() == [Key("esc")]
    assert decoder.patience is None


def test_a_sequence_whose_rest_never_comes_types_nothing() -> None:
    decoder = Decoder()
    decoder.feed(b"\x1b[1;")
    assert decoder.patience == CUT
    assert decoder.flush() == []
    assert decoder.feed(b"x") == [Key("x")]


def test_bytes_without_an_end_are_not_kept() -> None:
    decoder = Decoder()
    for _ in range(10):
        decoder.feed(b"\x1b[" + b"1" * 100_000)
    assert len(decoder._rest) <= LONGEST


def test_pasted_text_is_typed_and_is_no_command() -> None:
    found = keys(b"\x1b[200~a\x1d\r\nb\nc\x1b[A\x1b[201~\x1d")

    pasted = [each for each in found if isinstance(each, Key) and each.pasted]
    assert [each.name for each in pasted] == [
        *("a", "ctrl+]", "enter", "b", "enter", "c", "esc", "[", "shift+a"),
    ]  # fmt: skip
    assert found[-1] == Key("ctrl+]")


@pytest.mark.parametrize("cut", range(1, 17))
def test_a_paste_may_be_cut_anywhere(cut: int) -> None:
    data = b"\x1b[200~hi\x1b[201~x"

    found = keys(data[:cut], data[cut:])

    assert found == [Key("h", pasted=True), Key("i", pasted=True), Key("x")]


def test_kitty_says_when_a_key_is_released() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\x1b[?3u") == [Answer("?u", (3,))]
    decoder.releases = True

    found = keys(b"\x1b[1;1A\x1b[1;1:2A\x1b[1;1:3A\x1b[97;5u\x1b[97;5:3ua", decoder=decoder)

    assert found == [
        *(Key("up", HELD), Key("up", REPEATED), Key("up", RELEASED)),
        *(Key("ctrl+a", HELD), Key("ctrl+a", RELEASED), Key("a")),
    ]


def test_answers_of_the_terminal_are_no_keys() -> None:
    decoder = Decoder()
    decoder.asked = True
    found = keys(
        b"a\x1b[?62;4;22c\x1b_Gi=31;", b"OK\x1b\\\x1b[6;20;10t\x1b[O\x1b[Ib", decoder=decoder
    )
    assert found == [
        *(Key("a"), Answer("?c", (62, 4, 22)), Answer("G", text="i=31;OK")),
        *(Answer("t", (6, 20, 10)), Answer("O"), Answer("I"), Key("b")),
    ]


def test_alt_and_underscore_are_keys_when_nothing_was_asked() -> None:
    assert names(b"\x1b_Gx") == ["alt+shift+-", "shift+g", "x"]
