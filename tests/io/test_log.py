"""Log: the newest bytes, at a cost that does not depend on how many are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.log import LIMIT, Log


def test_a_log_keeps_16_mib_unless_told_otherwise():
    assert Log().limit == LIMIT == 16 * 1024 * 1024


@given(limit=st.integers(0, 40), pieces=st.lists(st.binary(max_size=50), max_size=300))
def test_a_log_is_the_end_of_all_that_was_written(limit, pieces):
    log = Log(limit)
    for piece in pieces:
        log.write(piece)

    everything = b"".join(pieces)
    kept = everything[max(0, len(everything) - limit) :]
    assert bytes(log) == kept
    assert (len(log), log.total) == (len(kept), len(everything))
    assert log.dropped == len(everything) - len(kept)
    assert log.tail(7) == kept[max(0, len(kept) - 7) :]


def test_memory_is_bounded_and_seldom_moved():
    log = Log(100_000)
    cuts, before = 0, 0
    for _ in range(1_000_000):
        log.append(0x78)
        cuts += len(log._data) < before
        before = len(log._data)
        assert before <= 125_000

    assert 0 < cuts <= 1_000_000 // 25_000
    assert log.dropped == 900_000


def test_text_after_a_cut_begins_with_a_whole_character():
    log = Log(8)
    for byte in "aé世界!".encode():
        log.write(bytes((byte,)))

    assert len(bytes(log)) == 8
    assert log.text() == "世界!"
    assert log.text(5) == "界!"
    assert log.dropped == 2


def test_text_that_is_not_utf_8_is_code_page_437():
    log = Log()
    log.write(b"\x81ber\r\n")

    assert log.text() == "über\n"


def test_text_in_code_page_437_is_whole_after_a_cut():
    log = Log(4)
    log.write(b"xx\x81\x81\xe1n")

    assert log.text() == "üüßn"


@pytest.mark.parametrize(
    ("limit", "error"), [(-1, ValueError), (1 << 63, ValueError), (1.5, TypeError)]
)
def test_a_limit_is_a_number_of_bytes(limit, error):
    with pytest.raises(error, match="the limit of a log"):
        Log(limit)


@given(st.lists(st.binary(max_size=9), max_size=9), st.integers(0, 30), st.integers(0, 30))
def test_a_log_with_the_state_of_another_goes_on_as_it(parts, limit, other_limit):
    log, other = Log(limit), Log(limit)
    for part in parts:
        log.write(part)
    other.write(b"something else")

    other.load(log.state())
    log.write(b"more")
    other.write(b"more")

    assert (bytes(other), other.total, other.text()) == (bytes(log), log.total, log.text())
    small = Log(other_limit)
    small.load(log.state())
    assert bytes(small) == bytes(log)[max(0, len(log) - other_limit) :]
    assert small.total == log.total


@pytest.mark.parametrize(
    "bad", [None, {}, {"data": "x"}, {"total": 1}, {"total": True}, {"total": 1 << 63}], ids=repr
)
def test_what_is_no_state_of_a_log_is_refused(bad):
    log = Log()
    log.write(b"kept")

    with pytest.raises(ValueError, match=r"of a state is|a state has no"):
        log.load({**log.state(), **bad} if bad else bad)

    assert bytes(log) == b"kept"
