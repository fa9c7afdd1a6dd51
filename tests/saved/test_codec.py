"""The bytes of plain values: what is written is read back, and what is damaged is refused."""

from __future__ import annotations

import contextlib
import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import State, StateError, Vm, _core
from pyx86emu.saved import codec

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 126), 1 << 126)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(max_size=8), inner, max_size=5)
    ),
    max_leaves=20,
)


def framed(raw: bytes, length: int | None = None) -> bytes:
    """Bytes with a right header, whatever they are."""
    size = len(raw) if length is None else length
    return codec.HEADER.pack(codec.MAGIC, codec.VERSION, 1, 0, size, zlib.crc32(raw)) + (
        zlib.compress(raw)
    )


def same(a: Any, b: Any) -> bool:
    """Equal, also in type: True is not 1."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@given(PLAIN, st.sampled_from(["zlib", "none"]))
def test_what_is_written_is_read_back(value: Any, compression: Any) -> None:
    assert same(codec.load(codec.dump(value, compression)), value)


def test_equal_bytes_are_written_once() -> None:
    page = bytes(range(256)) * 16

    many = codec.dump([bytes(page) for _ in range(100)], "none")

    assert len(many) < len(page) + 500


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_a_value_or_a_state_error(raw: bytes) -> None:
    for data in (raw, framed(raw)):
        with contextlib.suppress(StateError):
            codec.load(data)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "longer than what is left"),
        (b"\0", "longer than what is left"),
        (b"\0NN", "bytes after its end"),
        (b"\0B\0", "names bytes that it does not have"),
        (b"\0I\x11" + bytes(17), "integer is too long"),
        (b"\0I\0", "integer is too long"),
        (b"\0L\xff\xff\xff\x7f", "list is longer"),
        (b"\xff\xff\xff\x7f", "list is longer"),
        (b"\0S\x01\xff", "no UTF-8"),
        (b"\0L" + b"\x80" * 9 + b"\1", "length is too long"),
        (b"\0M\1I\1\0N", "key is no text"),
        (b"\0M\2S\1aNS\1aN", "key is there twice"),
        (b"\0" + b"L\1" * 30 + b"N", "too deep"),
        (b"\0Z", "unknown kind"),
    ],
)
def test_each_damage_is_named(raw: bytes, words: str) -> None:
    with pytest.raises(StateError, match=words):
        codec.load(framed(raw))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "too short"),
        (b"GIF89a" + bytes(40), "no state of pyx86emu"),
        (framed(b"\0N")[:-3], "cut off"),
        (framed(b"\0N") + b"x", "bytes after its end"),
        (framed(b"\0N", 5), "length or its checksum"),
        (framed(b"\0N", 1 << 50), "limit"),
        (codec.HEADER.pack(codec.MAGIC, 99, 1, 0, 0, 0), "version 99"),
        (codec.HEADER.pack(codec.MAGIC, codec.VERSION, 7, 0, 0, 0), "names no compression"),
        (codec.HEADER.pack(codec.MAGIC, codec.VERSION, 1, 0, 9, 0) + b"xyz", "decompressed"),
    ],
)
def test_a_header_that_is_wrong_is_named(data: bytes, words: str) -> None:
    with pytest.raises(StateError, match=words):
        codec.load(data)


def test_a_bomb_is_not_expanded_beyond_what_it_says() -> None:
    """64 MiB of zeros in 64 KiB: the header says 100 bytes."""
    data = framed(bytes(1 << 26), 100)

    with pytest.raises(StateError, match="length or its checksum"):
        codec.load(data)


def test_too_many_values_are_refused_before_they_are_made(monkeypatch: Any) -> None:
    monkeypatch.setattr(codec, "MOST_VALUES", 100)

    with pytest.raises(StateError, match="too many parts"):
        codec.load(framed(b"\0L\x7f" + b"N" * 127))
    with pytest.raises(StateError, match="too many parts"):
        codec.dump([None] * 127)


@pytest.mark.parametrize("value", [object(), {1: 2}, 1 << 127, {"a": {1}}, bytearray(b"x")])
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(StateError):
        codec.dump(value)


def test_an_unknown_compression_is_refused() -> None:
    bad: Any = "lzma"
    with pytest.raises(StateError, match="choose 'zlib'"):
        codec.dump(None, bad)


def test_text_is_no_state() -> None:
    bad: Any = "text"
    with pytest.raises(TypeError, match="not from str"):
        codec.load(bad)


def test_a_state_must_have_its_four_parts() -> None:
    for value in (None, {}, {"core": 1, "devices": {}, "machine": {}, "disks": {}, "x": 1}):
        with pytest.raises(StateError, match="other parts"):
            State.from_bytes(codec.dump(value))
    core = _core.snapshot_values(Vm().save().core)
    with pytest.raises(StateError, match="'devices' is no table"):
        State.from_bytes(codec.dump({"core": core, "devices": [], "machine": {}, "disks": {}}))


def test_the_header_is_24_bytes_as_documented() -> None:
    assert codec.HEADER.size == struct.calcsize("<8sHBBQI") == 24
