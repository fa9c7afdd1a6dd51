"""Packets: what comes is cut right wherever it is cut, and one that is wrong is said to be so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.tools.gdb.packets import MOST, Item, Kind, Reader, escaped, packet, unescaped


@given(st.lists(st.binary(max_size=40), max_size=5), st.integers(1, 9))
def test_packets_come_out_as_they_went_in_however_they_are_cut(
    bodies: list[bytes], size: int
) -> None:
    stream = b"+".join(packet(escaped(body)) for body in bodies)
    reader = Reader()

    items = [
        item for at in range(0, len(stream), size) for item in reader.feed(stream[at : at + size])
    ]

    assert [item.body for item in items if item.kind is Kind.PACKET] == bodies
    assert all(item.kind in (Kind.PACKET, Kind.ACK) for item in items)


@given(st.binary())
def test_escapes_are_undone(data: bytes) -> None:
    assert unescaped(escaped(data)) == data
    assert not set(b"#$*") & set(escaped(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    reader = Reader()

    list(reader.feed(data))
    items = list(reader.feed(b"##00" + packet(b"?")))

    assert items[-1] == Item(Kind.PACKET, b"?")


@pytest.mark.parametrize("stream", [b"$g#00", b"$g#zz", b"$" + b"m" * (MOST + 1) + b"#00"])
def test_a_packet_that_is_wrong_or_too_long_is_bad(stream: bytes) -> None:
    assert list(Reader().feed(stream)) == [Item(Kind.BAD)]


def test_the_longest_packet_is_taken() -> None:
    assert list(Reader().feed(packet(b"m" * MOST))) == [Item(Kind.PACKET, b"m" * MOST)]


def test_ctrl_c_is_one_byte_between_packets_and_part_of_one_inside() -> None:
    items = list(Reader().feed(b"\x03" + packet(b"X0,1:\x03")))

    assert [item.kind for item in items] == [Kind.INTERRUPT, Kind.PACKET]
