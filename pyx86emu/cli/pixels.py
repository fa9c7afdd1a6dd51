"""Pixels: send a picture to a terminal that can draw dots, as sixels or by kitty's protocol.

Sources: DEC, VT330/VT340 Programmer Reference Manual, volume 2, chapter 14 (sixels); the page of
the kitty graphics protocol.
"""

import re
import zlib
from base64 import b64encode
from typing import TYPE_CHECKING

from .picture import Picture, fitted, nearest

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

#: The largest picture that is sent as sixels, in dots: it bounds the bytes.
LARGEST = (800, 600)
#: Kitty's number of our picture, and how much of it is in one sequence.
IMAGE, CHUNK = 86, 4096

_RUN = re.compile(rb"(.)\1{3,254}", re.S)


class Sixels:
    """Draws pictures as sixels: strips of six dots, one pass for each colour."""

    def clear(self) -> str:
        """What removes the picture: a text that is drawn over it does."""
        return ""

    def draw(self, picture: Picture, columns: int, lines: int, cell: tuple[int, int]) -> str:
        """The whole picture, at the left upper corner."""
        width, height = fitted(columns * cell[0], lines * cell[1])
        width, height = fitted(min(width, LARGEST[0]), min(height, LARGEST[1]))
        dots = nearest(picture.indices, width, height)
        return f"\x1b[H{sixels(dots, picture.palette)}"


def sixels(dots: "NDArray[uint8]", palette: "NDArray[uint8]") -> str:
    """A picture as one sixel sequence. Colours are in percent."""
    import numpy as np

    height, width = dots.shape
    used = np.unique(dots).tolist()
    percent = (palette.astype(np.uint16) * 100 + 127) // 255
    parts = [b'\x1bP0;1;0q"1;1;%d;%d' % (width, height)]
    parts += [b"#%d;2;%d;%d;%d" % (each, *percent[each].tolist()) for each in used]
    across = np.arange(width)
    for top in range(0, height, 6):
        strip = dots[top : top + 6]
        numbers = np.flatnonzero(np.bincount(strip.ravel(), minlength=256))
        place = np.zeros(256, np.intp)
        place[numbers] = np.arange(len(numbers))
        bits = np.full((len(numbers), width), ord("?"), np.uint8)
        for i, line in enumerate(strip):
            bits[place[line], across] += 1 << i
        passes = [
            b"#%d" % number + _RUN.sub(_counted, row.tobytes().rstrip(b"?"))
            for number, row in zip(numbers.tolist(), bits, strict=True)
        ]
        parts.append(b"$".join(passes) + b"-")
    return (b"".join(parts) + b"\x1b\\").decode("ascii")


def _counted(match: re.Match[bytes]) -> bytes:
    return b"!%d%s" % (len(match[0]), match[1])


class KittyPictures:
    """Draws pictures by kitty's graphics protocol. The terminal scales them."""

    #: Removes the picture.
    GONE = f"\x1b_Ga=d,d=I,i={IMAGE},q=2\x1b\\"

    def clear(self) -> str:
        """What removes the picture."""
        return self.GONE

    def draw(self, picture: Picture, columns: int, lines: int, cell: tuple[int, int]) -> str:
        """The whole picture, at the left upper corner."""
        wide, high = cell
        width, height = fitted(columns * wide, lines * high)
        height_dots, width_dots = picture.indices.shape
        data = b64encode(zlib.compress(picture.dots.tobytes(), 1)).decode("ascii")
        what = (
            f"a=T,f=24,s={width_dots},v={height_dots},i={IMAGE},p=1,q=2,C=1,o=z,"
            f"c={max(1, width // wide)},r={max(1, height // high)},"
        )
        parts = ["\x1b[H"]
        for at in range(0, len(data), CHUNK):
            more = int(at + CHUNK < len(data))
            parts.append(f"\x1b_G{what}m={more};{data[at : at + CHUNK]}\x1b\\")
            what = ""
        return "".join(parts)
