"""Pictures: what a guest shows in a graphics mode, scaled to a size. Knows no terminal.

numpy is imported when the first picture is drawn.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from numpy import uint8
    from numpy.typing import NDArray

    from ..pc.screen.screen import Screen

#: A monitor's picture is 4 wide and 3 high, whatever its dots are.
WIDE, HIGH = 4, 3


class Picture(NamedTuple):
    """A picture: for each dot the number of its colour, and the colours."""

    indices: "NDArray[uint8]"
    """height x width."""
    palette: "NDArray[uint8]"
    """256 x 3: red, green, blue."""

    @property
    def dots(self) -> "NDArray[uint8]":
        """height x width x 3."""
        return self.palette[self.indices]


def picture_of(screen: "Screen") -> Picture:
    """What a screen shows, each dot of the guest once."""
    x, y = screen.scale
    indices, palette = screen.indexed()
    return Picture(indices[::y, ::x], palette)


def fitted(width: float, height: float) -> tuple[int, int]:
    """The largest size of a monitor's shape in these, at least 1 each.

    >>> fitted(640, 1000), fitted(1000, 300), fitted(1, 1)
    ((640, 480), (400, 300), (1, 1))
    """
    wide = min(width, height * WIDE / HIGH)
    return max(1, int(wide)), max(1, int(min(height, wide * HIGH / WIDE)))


def nearest(indices: "NDArray[uint8]", width: int, height: int) -> "NDArray[uint8]":
    """Another size by leaving out or repeating dots: no new colours."""
    import numpy as np

    high, wide = indices.shape
    rows, columns = np.arange(height) * high // height, np.arange(width) * wide // width
    scaled: NDArray[uint8] = indices[rows][:, columns]
    return scaled


def average(dots: "NDArray[uint8]", width: int, height: int) -> "NDArray[uint8]":
    """Another size in which each dot is the mean of those that it stands for."""
    import numpy as np

    scaled = dots.astype(np.float32)
    for axis, size in enumerate((height, width)):
        have = scaled.shape[axis]
        edges = np.arange(size) * have // size
        if size >= have:
            scaled = scaled.take(edges, axis=axis)
        else:
            counts = np.diff(edges, append=have).astype(np.float32)
            shape = [1, 1, 1]
            shape[axis] = size
            scaled = np.add.reduceat(scaled, edges, axis=axis) / counts.reshape(shape)
    means: NDArray[uint8] = (scaled + 0.5).astype(np.uint8)
    return means
