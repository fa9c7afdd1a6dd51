"""The window: the text of a guest's screen on a terminal of any size, as ANSI. Reads no key.

If the terminal is smaller than the guest's screen, the window shows the part with the cursor. The
last line of the terminal says so. If there is a line left below the guest's screen, it has notes.
"""

import os
from typing import Protocol

from ..pc.screen.markup import runs

Colour = tuple[int, int, int]

#: ANSI numbers of the PC's colours. Bit 0 is blue on the PC and red in ANSI.
ANSI = (0, 4, 2, 6, 1, 5, 3, 7)
#: The colours of the PC: after a mode was set. A terminal shows them in its own shades.
STANDARD: list[Colour] = [
    *((0, 0, 0), (0, 0, 170), (0, 170, 0), (0, 170, 170)),
    *((170, 0, 0), (170, 0, 170), (170, 85, 0), (170, 170, 170)),
    *((85, 85, 85), (85, 85, 255), (85, 255, 85), (85, 255, 255)),
    *((255, 85, 85), (255, 85, 255), (255, 255, 85), (255, 255, 255)),
]
#: Levels of xterm's colour cube 16-231: 6 each of red, green and blue.
LEVELS = (0, 95, 135, 175, 215, 255)


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

    @property
    def lines(self) -> list[bytes] | None: ...

    @property
    def colours(self) -> list[Colour]: ...

    @property
    def blinking(self) -> bool: ...


class Inks:
    """The look of each attribute, as commands of the terminal.

    `colours`: the 16 of the guest; None: the terminal has none, so a background that is not black
    is shown in reverse. `exact`: the terminal has 24-bit colours, else 256; this matters only if
    the guest has changed its colours.
    """

    def __init__(self, colours: list[Colour] | None, blinking: bool, exact: bool) -> None:
        self._colours = colours
        self._blinking = blinking
        self._exact = exact
        self._looks: dict[int, str] = {}

    def same(self, colours: list[Colour] | None, blinking: bool) -> bool:
        """True if these are the colours already."""
        return self._colours == colours and self._blinking == blinking

    def row(self, row: bytes) -> str:
        """One row of characters and attributes as text with commands."""
        parts = []
        look = ""
        for attribute, text in runs(row):
            new = self._looks.get(attribute) or self._look(attribute)
            parts.append(text if new == look else new + text)
            look = new
        return "".join(parts)

    def _look(self, attribute: int) -> str:
        blinks = self._blinking and attribute & 0x80
        front, back = attribute & 15, attribute >> 4 & (7 if self._blinking else 15)
        if self._colours is None:
            look = "0;7" if back else "0"
        elif self._colours == STANDARD:
            look = f"0;{_ansi(front, 30)};{_ansi(back, 40)}"
        else:
            look = f"0;{self._code(38, front)};{self._code(48, back)}"
        look = self._looks[attribute] = f"\x1b[{look}{';5' if blinks else ''}m"
        return look

    def _code(self, which: int, number: int) -> str:
        assert self._colours is not None
        colour = self._colours[number]
        if self._exact:
            return f"{which};2;{colour[0]};{colour[1]};{colour[2]}"
        red, green, blue = map(_level, colour)
        return f"{which};5;{16 + 36 * red + 6 * green + blue}"


def _level(part: int) -> int:
    return min(range(6), key=lambda n: abs(LEVELS[n] - part))


def _ansi(colour: int, base: int) -> int:
    return ANSI[colour & 7] + base + (60 if colour & 8 else 0)


class Window:
    """The part of a screen that the terminal shows. `coloured`: the user wants colours."""

    def __init__(self, coloured: bool = True, exact: bool = False) -> None:
        self._coloured = coloured
        self._exact = exact
        self._inks = Inks(None, False, exact)
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
            colours, blinking = screen.colours if self._coloured else None, screen.blinking
            if not self._inks.same(colours, blinking):
                self._inks = Inks(colours, blinking, self._exact)
                self._drawn = [b""] * height
            for y, line in enumerate((screen.lines or [])[self.y : self.y + height]):
                new = line[2 * self.x : 2 * (self.x + width)]
                if new != self._drawn[y]:
                    self._drawn[y] = new
                    commands.append(f"\x1b[{y + 1}H{self._inks.row(new)}")
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


def has_colours() -> bool:
    """False if the user wants none: NO_COLOR is set and not empty."""
    return not os.environ.get("NO_COLOR")


def has_exact_colours() -> bool:
    """True if the terminal says that it has 24-bit colours (COLORTERM, or TERM ends in -direct)."""
    colours, term = os.environ.get("COLORTERM", ""), os.environ.get("TERM", "")
    return colours in ("truecolor", "24bit") or term.endswith("-direct")


def can_draw() -> bool:
    """False for a terminal that knows no commands: TERM is dumb."""
    return os.environ.get("TERM") != "dumb"


def note_line(text: str, columns: int, line: int) -> str:
    """A note on one line of the terminal, in reverse. The last cell stays free, since a character
    there could scroll some terminals."""
    shown = text[: max(0, columns - 1)]
    return f"\x1b[{line + 1}H\x1b[0;7m{shown}\x1b[0m\x1b[K" if shown else ""
