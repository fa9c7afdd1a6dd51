"""Expectations: `m.expect` sees only what is new, and consumes what it finds."""

from __future__ import annotations

import re

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.errors import MachineError
from pyx86emu.log import Log
from pyx86emu.pc.expect import Expectations, Rows, Seen, Stream, scrolled
from tests.cli.drive import say, show

HALT = "faf4"
# again: mov ah,0; int 16h; mov ah,0Eh; int 10h; jmp again
ECHO = "b400 cd16 b40e cd10 ebf6"


def machine(code: str) -> Machine:
    return Machine(bytes.fromhex(code))


class Shown:
    """A display whose text the test sets."""

    def __init__(self, text: str) -> None:
        self.version = 0
        self.text: str | None = text
        self.cursor: tuple[int, int] | None = (0, text.count("\n"))

    def show(self, *rows: str) -> None:
        self.version += 1
        self.text = "\n".join(rows)


def rows(*text: str) -> tuple[Shown, Rows]:
    shown = Shown("\n".join(text))
    return shown, Rows(shown)


def found(source: Rows | Stream, pattern: str) -> str | None:
    match = source.find(re.compile(pattern, re.M | re.S))
    return None if match is None else match.group()


# -- on a machine ---------------------------------------------------------------------------------


def test_expect_returns_the_match_and_where_it_was_seen() -> None:
    for code, where in (
        (show("X=42"), "screen"),
        (say("X=42"), "debug"),
        ("baf803 b058 ee b03d ee b034 ee b032 ee", "serial"),
    ):
        with machine(code + HALT) as m:
            seen = m.expect("X=([0-9]+)")

            assert isinstance(seen, Seen)
            assert (seen.match.group(), seen.match[1][0], seen.where) == ("X=42", "4", where)


def test_a_match_is_consumed_with_the_text_before_it() -> None:
    with machine(say("one two one") + HALT) as m:
        m.expect("two")
        assert m.expect("one").where == "debug"

        with pytest.raises(
            MachineError, match="'one' was not seen: the run ended with HLT at 0000"
        ):
            m.expect("one")


def test_what_was_typed_is_not_taken_for_the_answer() -> None:
    with machine(show("A>") + ECHO) as m:
        m.expect("A>")
        m.keyboard.type("x")
        with pytest.raises(MachineError, match="DEADLINE"):
            m.expect("A>", timeout=1)

        m.keyboard.type("A>")

        assert m.expect("A>", timeout=1).where == "screen"


def test_what_is_there_already_needs_no_run() -> None:
    with machine(say("there") + HALT) as m:
        m.run()
        before = m.vcpu.instructions

        m.expect("there")

        assert m.vcpu.instructions == before


def test_what_was_not_seen_says_how_the_run_ended() -> None:
    with machine("fa ebfe") as m, pytest.raises(MachineError) as error:
        m.expect("never", timeout=1)

    assert "DEADLINE at 0000:7c01" in str(error.value)
    assert "; an endless loop, jmp $ at 0000:7c01 with interrupts off" in str(error.value)


def test_in_a_graphics_mode_there_is_no_new_text() -> None:
    with machine(show("before") + "b81300 cd10" + say("after") + HALT) as m:
        assert m.expect("after").where == "debug"
        with pytest.raises(MachineError):
            m.expect("before")


def test_run_until_consumes_nothing() -> None:
    with machine(say("there") + "ebfe") as m:
        assert m.run(until="there").reason is ExitReason.MATCH
        assert m.run(until="there").reason is ExitReason.MATCH
        assert m.expect("there").where == "debug"


def test_a_wrong_pattern_is_refused_as_by_run() -> None:
    with machine(HALT) as m:
        with pytest.raises(ValueError, match="is no regular expression"):
            m.expect("(")
        for wrong in (None, 5, b"x", re.compile(b"x")):
            with pytest.raises(TypeError):
                m.expect(wrong)  # type: ignore[arg-type]


# -- on a screen ----------------------------------------------------------------------------------


def test_the_rest_of_a_row_is_new_and_its_start_is_not() -> None:
    shown, screen = rows("A>", "", "")
    assert found(screen, "A>") == "A>"

    shown.show("A>dir", "", "")

    assert found(screen, "A>") is None
    assert found(screen, "d.r") == "dir"


def test_a_row_that_was_overwritten_is_new() -> None:
    shown, screen = rows("A>", "", "")
    assert found(screen, "A>") == "A>"

    shown.show("ok", "", "")
    assert found(screen, "A>") is None
    shown.show("A>", "", "")

    assert found(screen, "A>") == "A>"


def test_a_row_that_scrolls_up_stays_consumed() -> None:
    shown, screen = rows("name", "list", "A>")
    assert found(screen, "A>") == "A>"

    shown.show("list", "A>", "")
    assert found(screen, "A>") is None
    shown.show("A>", "", "A>")

    assert found(screen, "A>") == "A>"
    assert found(screen, "A>") is None


def test_a_screen_that_was_cleared_has_not_scrolled() -> None:
    shown, screen = rows("name", "list", "A>")
    assert found(screen, "A>") == "A>"

    shown.cursor = (2, 0)
    shown.show("A>", "", "")

    assert found(screen, "A>") == "A>"


def test_matches_come_one_after_the_other_down_the_screen() -> None:
    _, screen = rows("A>cls", "A>", "")

    assert found(screen, "A>") == "A>"
    assert found(screen, "^A>$") == "A>"
    assert found(screen, "A>") is None


def test_a_screen_of_another_size_or_without_text_raises_nothing() -> None:
    shown, screen = rows("A>", "B>", "C>")
    assert found(screen, "B>") == "B>"

    shown.version, shown.text = 7, None  # a graphics mode
    assert found(screen, "C>") is None
    shown.show("A>", "B>")

    assert found(screen, "A>.B>") == "A>\nB>"


@pytest.mark.parametrize(
    ("old", "new", "by"),
    [
        ([], [], 0),
        (["a"], ["a", "b"], 0),
        (["", ""], ["", ""], 0),
        (["a", "b", "c"], ["b", "c", "d"], 1),
        (["a", "b", "c"], ["c", "d", "e"], 2),
        (["a", "b", "c"], ["d", "e", "f"], 0),
        (["a", "b", "c"], ["c", "", ""], 2),
    ],
)
def test_scrolling_is_found_by_the_rows_that_were_kept(
    old: list[str], new: list[str], by: int
) -> None:
    assert scrolled(old, new) == by


# -- in a log -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data", [b"caf\xc3\xa9 one\r\ntwo\r\n", b"\xda\xc4\xbf one\r\ntwo\r\n", b"one\rtwo\r\n"]
)
def test_a_match_in_a_log_is_consumed_in_bytes(data: bytes) -> None:
    log = Log()
    stream = Stream(log)
    log.write(data)

    assert found(stream, "one") == "one"
    assert found(stream, "one") is None
    assert found(stream, "two$") == "two"
    log.write(b"one")
    assert found(stream, "one") == "one"
    assert found(stream, "one") is None


def test_half_a_character_waits_for_the_other_half() -> None:
    log = Log()
    stream = Stream(log)
    log.write(b"caf\xc3")

    assert found(stream, "caf") == "caf"
    log.write(b"\xa9!")

    assert found(stream, ".!") == "\u00e9!"


def test_dropped_text_is_not_waited_for() -> None:
    log = Log(limit=8)
    stream = Stream(log)
    log.write(b"x" * 10_000 + b"\xc3\xa9end")

    assert found(stream, "end") == "end"
    assert found(stream, ".") is None


def test_a_source_without_news_is_not_searched_again() -> None:
    log = Log()
    texts = Expectations(Shown(""), log, Log())
    log.write(b"text")
    pattern = re.compile("none")

    assert texts.find(pattern) is None
    assert texts.find(pattern) is None
    assert texts.find(re.compile("text")) is not None
