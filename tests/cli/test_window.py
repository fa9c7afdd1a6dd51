"""The window: rows with colours, the part with the cursor, and what it says about it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.cli.window import STANDARD, Inks, Window, note_line


class Fake:
    """A screen whose cell at (x, y) is the letter of x + y."""

    def __init__(self, columns: int = 80, rows: int = 25) -> None:
        self.columns, self.rows = columns, rows
        self.version = 1
        self.cursor: tuple[int, int] | None = (0, 0)

        self.colours, self.blinking = STANDARD, True

    @property
    def lines(self) -> list[bytes]:
        letters = [bytes((ord("A") + n % 26, 7)) for n in range(self.columns + self.rows)]
        return [b"".join(letters[y : y + self.columns]) for y in range(self.rows)]


class Terminal:
    """What a terminal shows after these commands: cells and the cursor."""

    def __init__(self, columns: int, lines: int) -> None:
        self.cells = [[" "] * columns for _ in range(lines)]
        self.x = self.y = 0
        self.visible = True

    def take(self, text: str) -> Terminal:
        for match in re.finditer(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])", text):
            numbers, end, char = match.groups()
            if char:
                self.cells[self.y][self.x] = char
                self.x += 1
            elif end == "H":
                y, x = [int(part or 1) for part in (numbers + ";").split(";")][:2]
                self.y, self.x = y - 1, x - 1
            elif end == "J":
                self.cells = [[" "] * len(row) for row in self.cells]
            elif numbers == "?25":
                self.visible = end == "h"
        return self


def test_rows_are_drawn_with_colours() -> None:
    inks = Inks(STANDARD, True, False)

    assert inks.row(b"a\x07b\x07c\x1e") == "\x1b[0;37;40mab\x1b[0;93;44mc"


def test_bit_7_blinks_or_makes_the_background_bright() -> None:
    assert Inks(STANDARD, True, False).row(b"a\x9e") == "\x1b[0;93;44;5ma"
    assert Inks(STANDARD, False, False).row(b"a\x9e") == "\x1b[0;93;104ma"


def test_colours_that_the_guest_has_changed_are_sent() -> None:
    colours = [*STANDARD[:7], (250, 130, 4), *STANDARD[8:]]

    assert Inks(colours, True, True).row(b"a\x07") == "\x1b[0;38;2;250;130;4;48;2;0;0;0ma"
    assert Inks(colours, True, False).row(b"a\x07") == "\x1b[0;38;5;208;48;5;16ma"


def test_without_colours_a_background_is_shown_in_reverse() -> None:
    row = b"a\x07b\x0fc\x70d\x07"

    assert Inks(None, True, False).row(row) == "\x1b[0mab\x1b[0;7mc\x1b[0md"


def test_when_the_colours_change_all_rows_are_sent() -> None:
    screen, window = Fake(), Window()
    window.draw(screen, 80, 25)

    screen.colours, screen.version = [*STANDARD[:7], (1, 2, 3), *STANDARD[8:]], 2

    assert window.draw(screen, 80, 25).count("\x1b[0;38;5;") == 25


@given(
    st.sampled_from([(80, 25), (40, 25), (80, 50), (132, 60)]),
    st.integers(1, 140),
    st.integers(1, 70),
    st.lists(st.none() | st.tuples(st.integers(0, 131), st.integers(0, 59)), min_size=1),
)
def test_the_part_with_the_cursor_is_shown(
    size: tuple[int, int], columns: int, lines: int, cursors: list[tuple[int, int] | None]
) -> None:
    screen, window, terminal = Fake(*size), Window(), Terminal(columns, lines)
    for cursor in cursors:
        screen.cursor = cursor and (min(cursor[0], size[0] - 1), min(cursor[1], size[1] - 1))

        terminal.take(window.draw(screen, columns, lines))

        for y in range(min(lines, size[1])):
            row = screen.lines[window.y + y][2 * window.x :: 2].decode()
            assert "".join(terminal.cells[y]) == row[:columns].ljust(columns)
        assert terminal.visible == (screen.cursor is not None)
        if screen.cursor is not None:
            assert (terminal.x + window.x, terminal.y + window.y) == screen.cursor


def test_only_rows_that_have_changed_are_sent() -> None:
    screen, window = Fake(), Window()
    window.draw(screen, 80, 25)

    assert window.draw(screen, 80, 25) == ""
    screen.cursor = (3, 4)
    assert window.draw(screen, 80, 25) == "\x1b[5;4H\x1b[?25h"


@pytest.mark.parametrize(
    ("size", "where"),
    [
        ((80, 25), ""),
        ((132, 50), ""),
        ((60, 25), "columns 1-60 of 80"),
        ((80, 24), "rows 2-25 of 25"),
        ((20, 10), "columns 1-20 of 80, rows 16-25 of 25"),
    ],
)
def test_the_window_says_which_part_it_shows(size: tuple[int, int], where: str) -> None:
    screen, window = Fake(), Window()
    screen.cursor = (0, 24)

    window.draw(screen, *size)

    assert window.where() == where


def test_a_note_leaves_the_last_cell_free() -> None:
    assert note_line("hello", 4, 9) == "\x1b[10H\x1b[0;7mhel\x1b[0m\x1b[K"
    assert note_line("hello", 1, 9) == ""
