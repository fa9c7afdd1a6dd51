"""The canvas: draw pictures on the terminal in the best way that it has, not too often.

| the terminal answers               | pictures are           |
| ---------------------------------- | ---------------------- |
| OK to a query of kitty's graphics  | sent as they are       |
| 4 among its attributes (DA1)       | sixels                 |
| neither, or nothing                | half blocks            |

Frames are bounded: at most 15 in a second, at most 2 MB in a second, and at most a third of the
time is spent on them.
"""

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from .blocks import HALF, Blocks
from .keys import Answer
from .picture import Picture, picture_of
from .pixels import KittyPictures, Sixels
from .window import has_exact_colours

if TYPE_CHECKING:
    from ..pc.screen.screen import Screen

FRAMES, BYTES, SHARE = 15, 2_000_000, 1 / 3
#: Width and height of a cell in dots, if the terminal does not say. A picture of smaller ones fits.
CELL = (8, 16)
SIXEL_ATTRIBUTE = 4
#: Questions: kitty's keyboard and graphics, the size of a cell, attributes. All terminals answer
#: the last one, so when its answer is there, no other answer comes.
ASK_KEYS, ASK_CELL, ASK_ATTRIBUTES = "\x1b[?u", "\x1b[16t", "\x1b[c"
ASK_GRAPHICS = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"


class Painter(Protocol):
    """A way to draw pictures."""

    def clear(self) -> str: ...

    def draw(self, picture: Picture, columns: int, lines: int, cell: tuple[int, int], /) -> str: ...


class Canvas:
    """Where pictures are drawn. `answer()` takes what the terminal says that it can do."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours
        self._painter: Painter | None = None
        self._sixels = self._kitty = False
        self._cell = CELL
        self.clear()

    def clear(self) -> str:
        """Forget what is drawn; the result removes the picture from the terminal."""
        self._shown: tuple[object, ...] = ()
        self._next = 0.0
        return self._painter.clear() if self._painter is not None else ""

    def questions(self) -> str:
        """What is asked when the terminal is set up."""
        # tmux and screen take the query of kitty's graphics for a title.
        inside = os.environ.get("TMUX") or os.environ.get("TERM", "").startswith(
            ("screen", "tmux", "linux")
        )
        return ASK_KEYS + ASK_CELL + ("" if inside else ASK_GRAPHICS) + ASK_ATTRIBUTES

    def answer(self, answer: Answer) -> None:
        """The terminal answers."""
        numbers = answer.numbers
        if answer.kind == "?c":
            self._sixels = SIXEL_ATTRIBUTE in numbers[1:]
        elif answer.kind == "G" and answer.text.startswith("i=31") and ";OK" in answer.text:
            self._kitty = True
        elif answer.kind == "t" and len(numbers) == 3 and numbers[0] == 6:
            high, wide = numbers[1:]
            if 1 <= wide <= 200 and 1 <= high <= 200:
                self._cell = wide, high
        self._painter = None

    def draw(self, screen: "Screen", columns: int, lines: int) -> str:
        """What brings the terminal up to date; "" if nothing has changed, or it is too early."""
        start = monotonic()
        now = (screen.version, columns, lines)
        if now == self._shown or start < self._next:
            return ""
        if self._painter is None:
            self._painter = self._choose()
        drawn = ""
        if self._shown and self._shown[1:] != now[1:]:
            drawn = self._painter.clear() + "\x1b[0m\x1b[2J"
        elif not self._shown:
            drawn = "\x1b[0m\x1b[2J"
        drawn += self._painter.draw(picture_of(screen), columns, lines, self._cell)
        self._shown = now
        spent = monotonic() - start
        self._next = start + max(1 / FRAMES, len(drawn) / BYTES, spent / SHARE)
        return drawn + "\x1b[0m\x1b[?25l"

    def _choose(self) -> Painter:
        if self._kitty and self._colours:
            return KittyPictures()
        if self._sixels and self._colours:
            return Sixels()
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        half = HALF.encode(encoding, "replace") != b"?"
        return Blocks(colours=self._colours, exact=has_exact_colours(), half=half)
