"""The wire: 32 bytes that mean an access, and all others that mean nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.forward import wire

WORDS = st.integers(0, 2**64 - 1)


@given(st.booleans(), st.sampled_from([1, 2, 4, 8]), st.booleans(), WORDS, WORDS, WORDS)
def test_a_command_is_what_was_packed(
    write: bool, size: int, respond: bool, user_data: int, offset: int, data: int
) -> None:
    data = data % (1 << 8 * size) if write else 0
    sent = wire.Command(write, size, respond or not write, user_data, offset, data)

    assert wire.command(sent.pack()) == sent


def test_the_layout_is_that_of_the_proposal() -> None:
    read = wire.Command(False, 8, True, 1, 2, 0).pack()

    assert read.hex() == "0013" + "00" * 6 + "01" + "00" * 7 + "02" + "00" * 7 + "00" * 8
    assert wire.response(0x1234).hex() == "3412" + "00" * 30


@pytest.mark.parametrize(
    ("byte", "value", "words"),
    [
        (0, 2, "cmd is 2"),
        (1, 0x04, "size_exponent and resp is 0x4"),
        (1, 0x20, "size_exponent and resp is 0x20"),
        (2, 1, "padding is not 0"),
        (7, 0x80, "padding is not 0"),
        (25, 1, "data is 0x100 in a write of 1 byte"),
    ],
)
def test_a_byte_that_means_nothing_is_named(byte: int, value: int, words: str) -> None:
    message = bytearray(wire.Command(True, 1, True, 0, 0, 0).pack())
    message[byte] = value

    with pytest.raises(ValueError, match=words):
        wire.command(bytes(message))


def test_a_read_has_a_response_and_no_data() -> None:
    with pytest.raises(ValueError, match="a read that wants no response"):
        wire.command(bytes(32))
    with pytest.raises(ValueError, match="data is 0x5 in a read of 1 byte"):
        wire.command(wire.Command(False, 1, True, 0, 0, 5).pack())


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_command_or_a_value_error(message: bytes) -> None:
    try:
        found = wire.command(message)
    except ValueError:
        return
    assert found.pack() == message


@given(st.binary(min_size=32, max_size=32), st.booleans(), st.sampled_from([1, 2, 4, 8]))
def test_any_32_bytes_are_an_answer_or_a_value_error(
    message: bytes, write: bool, size: int
) -> None:
    try:
        value = wire.answer(message, write, size)
    except ValueError:
        return
    assert value < 1 << 8 * size and wire.response(value) == message
