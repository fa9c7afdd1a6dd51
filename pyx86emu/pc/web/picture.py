"""Pictures on the wire: encode what has changed from one picture to the next.

A message, integers little-endian:

| bytes    | meaning                                                            |
| -------- | ------------------------------------------------------------------ |
| 2, 2     | width and height of the picture in dots                            |
| 1        | 1: a palette follows, 256 times red, green, blue                   |
| 768 or 0 | the palette                                                        |
| 2        | number of rectangles; each has:                                    |
| 2 2 2 2  | x, y, width, height                                                |
| w * h    | its dots by rows: the number of the colour                         |
"""

import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Rows without a change that a rectangle may include: a rectangle has 8 bytes of its own.
GAP = 8


class Frame(NamedTuple):
    """One picture: dots as numbers of colours, shape (height, width), and 256 x 3 colour values."""

    dots: "NDArray[np.uint8]"
    palette: bytes


def changes(old: Frame | None, new: Frame) -> bytes | None:
    """The message that turns `old` into `new`; None if they are equal. `old` None: all of it.

    >>> import numpy as np
    >>> black, dot = Frame(np.zeros((2, 3), np.uint8), bytes(768)), np.zeros((2, 3), np.uint8)
    >>> dot[1, 2] = 7
    >>> message = changes(black, Frame(dot, bytes(768)))
    >>> message[:5].hex(), message[5:].hex()
    ('0300020000', '0100020001000100010007')
    """
    height, width = new.dots.shape
    if old is None or old.dots.shape != new.dots.shape:
        rectangles = [(0, 0, width, height)] if height and width else []
        with_palette = True
    else:
        rectangles = _changed(old, new)
        with_palette = old.palette != new.palette
    if old is not None and not rectangles and not with_palette:
        return None
    parts = [struct.pack("<HHB", width, height, with_palette)]
    if with_palette:
        parts.append(new.palette)
    parts.append(struct.pack("<H", len(rectangles)))
    for x, y, w, h in rectangles:
        parts.append(struct.pack("<HHHH", x, y, w, h))
        parts.append(new.dots[y : y + h, x : x + w].tobytes())
    return b"".join(parts)


def _changed(old: Frame, new: Frame) -> list[tuple[int, int, int, int]]:
    """Rectangles of rows that differ, as narrow as possible."""
    import numpy as np

    differs = old.dots != new.dots
    rows = np.flatnonzero(differs.any(axis=1))
    if not len(rows):
        return []
    rectangles = []
    for group in np.split(rows, np.flatnonzero(np.diff(rows) > GAP) + 1):
        top, bottom = int(group[0]), int(group[-1]) + 1
        columns = np.flatnonzero(differs[top:bottom].any(axis=0))
        left, right = int(columns[0]), int(columns[-1]) + 1
        rectangles.append((left, top, right - left, bottom - top))
    return rectangles
