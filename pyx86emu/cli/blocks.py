"""Half blocks: draw a picture with characters, two dots in each cell, on any terminal with colours.

A cell is the upper half block: its colour is the upper dot, its background the lower one. Without
the character in the terminal's encoding, a cell is one dot: a blank with a background. Without
colours it is a character of a brightness.
"""

from typing import TYPE_CHECKING

from .picture import Picture, average, fitted
from .window import LEVELS

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

HALF = "\N{UPPER HALF BLOCK}"
SHADES = " .:-=+*#%@"


class Blocks:
    """Draws pictures as cells. Only cells that have changed are sent."""

    def __init__(self, *, colours: bool, exact: bool, half: bool) -> None:
        self.colours = colours
        self.exact = exact
        """The terminal has 24-bit colours, not only 256."""
        self.half = half and colours
        self._cells: NDArray[uint8] | None = None

    def clear(self) -> str:
        """The terminal shows nothing of the picture."""
        self._cells = None
        return ""

    def draw(self, picture: Picture, columns: int, lines: int, cell: tuple[int, int]) -> str:
        """What brings the terminal up to date."""
        import numpy as np

        # A cell is about twice as high as it is wide.
        width, height = fitted(columns, 2 * lines)
        rows = min(lines, (height + 1) // 2)
        codes: NDArray[uint8]
        dots = average(picture.dots, width, 2 * rows if self.half else rows)
        pairs = dots.reshape(rows, 2 if self.half else 1, width, 3).transpose(0, 2, 1, 3)
        if self.colours and self.exact:
            codes = (pairs & np.uint8(0xFC)).reshape(rows, width, -1)
        elif self.colours:
            codes = numbers(pairs)
        else:
            light = pairs.reshape(rows, width, 3) @ np.array([0.3, 0.59, 0.11])
            codes = (light * len(SHADES) / 256).astype(np.uint8)[..., None]
        old, self._cells = self._cells, codes
        if old is None or old.shape != codes.shape:
            changed = np.ones((rows, width), dtype=bool)
        else:
            changed = (old != codes).any(axis=2)
        return "".join(
            self._row(y, codes[y].tolist(), np.flatnonzero(changed[y]).tolist())
            for y in np.flatnonzero(changed.any(axis=1)).tolist()
        )

    def _row(self, y: int, codes: list[list[int]], changed: list[int]) -> str:
        """The changed cells of a row."""
        sent = []
        at = front = back = None
        for x in changed:
            if x != at:
                sent.append(f"\x1b[{y + 1};{x + 1}H")
            at = x + 1
            code = codes[x]
            if not self.colours:
                sent.append(SHADES[code[0]])
                continue
            middle = len(code) // 2 if self.half else 0
            if self.half and code[:middle] != front:
                front = code[:middle]
                sent.append(_colour(38, front))
            if code[middle:] != back:
                back = code[middle:]
                sent.append(_colour(48, back))
            sent.append(HALF if self.half else " ")
        return ("\x1b[0m" if not self.colours else "") + "".join(sent)


def _colour(which: int, code: list[int]) -> str:
    """Set the colour (38) or the background (48)."""
    if len(code) == 1:
        return f"\x1b[{which};5;{code[0]}m"
    return f"\x1b[{which};2;{code[0]};{code[1]};{code[2]}m"


def numbers(dots: "NDArray[uint8]") -> "NDArray[uint8]":
    """The nearest of xterm's colours 16-231 for each dot; the last axis (3) becomes 1 number."""
    import numpy as np

    levels = np.array(LEVELS)
    table = np.abs(np.arange(256)[:, None] - levels).argmin(axis=1)
    red, green, blue = (table[dots[..., i]] for i in range(3))
    cube: NDArray[uint8] = (16 + 36 * red + 6 * green + blue).astype(np.uint8)
    return cube
