"""The window: the text of a guest's screen on a terminal of any size, as ANSI. Reads no key.

If the terminal is smaller than the guest's screen, the window shows the part with the cursor. The
last line of the terminal says so. If there is a line left below the guest's screen, it has notes.
"""

import os
from typing import Protocol

from ..pc.screen.text import CP437

#: ANSI numbers of the PC's colours. Bit 0 is blue on the PC and red in ANSI.
ANSI = (0, 4, 2, 6, 1, 5, 3, 7)


class TextScreen(Protocol):
    """What the window shows: `Screen`."""

    @property
    def columns(self) -> int: ...

    @property
    def rows(self) -> int: ...

    @property
    def version(self) -> int: ...

    @property
    def cursor(self) -> tuple[int, int] | None: ...

    def row(self, y: int, /) -> bytes: ...


class Window:
    """The part of a screen that the terminal shows."""

    def __init__(self, colours: bool = True) -> None:
        self.colours = colours
        self.clear()
        self.x = self.y = 0

    def clear(self) -> None:
        """The terminal shows nothing of the screen: the next draw sends all."""
        self._shape: tuple[int, ...] = ()
        self._drawn: list[bytes] = []
        self._version: int | None = None
        self._at: tuple[int, int] | None = None
        self._place: tuple[int, int] = (0, 0)

    def draw(self, screen: TextScreen, columns: int, lines: int) -> str:
        """What brings the terminal up to date; `lines` may be used. The cursor comes last."""
        commands = []
        wide, high = screen.columns, screen.rows
        shape = (columns, lines, wide, high)
        width, height = min(columns, wide), min(lines, high)
        if shape != self._shape:
            self._shape, self._version, self._at = shape, None, (-1, -1)
            self._drawn = [b""] * height
            commands.append("\x1b[0m\x1b[2J")
        version, cursor = screen.version, screen.cursor
        self._follow(cursor, width, height, wide, high)
        if version != self._version or (self.x, self.y) != self._place:
            self._version, self._place = version, (self.x, self.y)
            for y in range(height):
                new = screen.row(self.y + y)[2 * self.x : 2 * (self.x + width)]
                if new != self._drawn[y]:
                    self._drawn[y] = new
                    row = ansi_row(new) if self.colours else plain_row(new)
                    commands.append(f"\x1b[{y + 1}H{row}")
        at = None if cursor is None else (cursor[0] - self.x, cursor[1] - self.y)
        if at is not None and not (0 <= at[0] < width and 0 <= at[1] < height):
            at = None
        if not commands and at == self._at:
            return ""
        self._at = at
        return "".join(commands) + self.cursor()

    def cursor(self) -> str:
        """What puts the cursor where the guest's is."""
        if self._at is None or self._at[0] < 0:
            return "\x1b[?25l"
        return f"\x1b[{self._at[1] + 1};{self._at[0] + 1}H\x1b[?25h"

    def forget(self, y: int) -> None:
        """Something else was drawn on this line: the next draw sends it again."""
        if y < len(self._drawn):
            self._drawn[y] = b""
            self._version = None

    def where(self) -> str:
        """Which part of the screen is shown; "" if it is all of it."""
        columns, lines, wide, high = self._shape or (0, 0, 0, 0)
        parts = []
        if columns < wide:
            parts.append(f"columns {self.x + 1}-{self.x + columns} of {wide}")
        if lines < high:
            parts.append(f"rows {self.y + 1}-{self.y + lines} of {high}")
        return ", ".join(parts)

    def _follow(
        self, cursor: tuple[int, int] | None, width: int, height: int, wide: int, high: int
    ) -> None:
        """Move the part so that the cursor is in it. Sideways it moves by a quarter of the width,
        so that not every character moves it."""
        if cursor is not None:
            x, y = cursor
            if x < self.x:
                self.x = x - width // 4
            elif x >= self.x + width:
                self.x = x + 1 - width + width // 4
            self.y = min(max(self.y, y + 1 - height), y)
        self.x = max(0, min(self.x, wide - width))
        self.y = max(0, min(self.y, high - height))


def ansi_row(row: bytes) -> str:
    """One row of characters and attributes as text with ANSI colours."""
    output = []
    colour = -1
    for char, attribute in zip(row[::2], row[1::2], strict=True):
        if attribute != colour:
            colour = attribute
            front = ANSI[attribute & 7] + (90 if attribute & 8 else 30)
            output.append(f"\x1b[0;{front};{ANSI[attribute >> 4 & 7] + 40}m")
        output.append(CP437[char])
    return "".join(output)


def plain_row(row: bytes) -> str:
    """The same without colours: a background that is not black is shown in reverse."""
    output = []
    reverse: bool | None = None
    for char, attribute in zip(row[::2], row[1::2], strict=True):
        if reverse != bool(attribute & 0x70):
            reverse = bool(attribute & 0x70)
            output.append("\x1b[0;7m" if reverse else "\x1b[0m")
        output.append(CP437[char])
    return "".join(output)


def has_colours() -> bool:
    """False if the user wants none: NO_COLOR is set and not empty."""
    return not os.environ.get("NO_COLOR")


def can_draw() -> bool:
    """False for a terminal that knows no commands: TERM is dumb."""
    return os.environ.get("TERM") != "dumb"


def note_line(text: str, columns: int, line: int) -> str:
    """A note on one line of the terminal, in reverse. The last cell stays free, since a character
    there could scroll some terminals."""
    shown = text[: max(0, columns - 1)]
    return f"\x1b[{line + 1}H\x1b[0;7m{shown}\x1b[0m\x1b[K" if shown else ""
