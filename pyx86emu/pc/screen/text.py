"""The text screen: show the guest's characters as text, cells and dots. Changes nothing."""

import os
import struct
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from ..._core import exact
from ...errors import MachineError
from ...memory import load
from ..devices.video import TextVideo
from . import png
from .display import DirtyLog, Picture

if TYPE_CHECKING:
    from ...vm import Vm

#: Code page 437 as a display shows it: control characters also have glyphs.
CP437 = (
    " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    + bytes(range(0x20, 0x7F)).decode("ascii")
    + "⌂"
    + bytes(range(0x80, 0xFF)).decode("cp437")
    + " "
)
#: The address in ROM of the 8 x 8 font of characters 0-127, and the vector of the font of 128-255.
FONT = 0xFFA6E
FONT_HIGH_VECTOR = 0x1F * 4
BIOS_MODE = 0x449


class Screen:
    """The text screen of a machine, at any moment: a Display.

    Several screens may show one text memory; they share its DirtyLog.
    Whatever the guest writes to registers, vectors and memory, the picture has a bounded size, and
    no method raises because of it. Any thread may read the screen. While the guest runs, the result
    may be partly old and partly new.
    """

    def __init__(self, vm: "Vm", video: TextVideo, log: DirtyLog) -> None:
        if not isinstance(video, TextVideo):
            raise TypeError(f"a Screen shows a TextVideo, not {type(video).__name__}")
        self._vm = vm
        self._video = video
        self._memory = log.slot
        self._log = log
        self._seen: tuple[int, bytes] = (0, b"")
        self._version = 0
        self._numbers = count(1)

    @property
    def columns(self) -> int:
        """80 or 40."""
        return self._video.columns

    @property
    def rows(self) -> int:
        """The number of rows that the guest has set, 25 at first; at most as many as fit into text
        memory."""
        return min(self._video.rows, self._memory.size // (2 * self.columns))

    @property
    def mode(self) -> int:
        """The video mode that the BIOS keeps at 40:49."""
        return load(self._vm, BIOS_MODE, 1)[0]

    @property
    def version(self) -> int:
        """A number that changes when the picture, without the cursor, may have changed. Each reader
        compares it with the number that it saw last."""
        now = (self._log.version, self._video.shown)
        if now != self._seen:
            self._seen, self._version = now, next(self._numbers)
        return self._version

    def row(self, y: int) -> bytes:
        """One row as it is in memory: bytes of character, attribute, character ...

        `y` may be outside the screen, since a running guest may change the number of rows. The
        result is then from the text memory that follows, which wraps. TypeError: `y` is not an
        integer.
        """
        return self._row(exact(y, "row"), self.columns)

    def _row(self, y: int, columns: int) -> bytes:
        video, size = self._video, columns * 2
        base, room = self._memory.addr, self._memory.size
        at = (video.start_address + y * video.row_pitch) * 2 % room
        row = self._memory[base + at : base + min(at + size, room)]
        return row + self._memory[base : base + size - len(row)] if len(row) < size else row

    @property
    def cells(self) -> list[list[tuple[int, int]]]:
        """Rows of (character, attribute), as lists."""
        columns = self.columns  # read once, since the guest may change it
        rows = (self._row(y, columns) for y in range(self.rows))
        return [list(zip(row[::2], row[1::2], strict=True)) for row in rows]

    @property
    def text(self) -> str:
        """The rows, joined with line ends, without trailing blanks, code page 437 as Unicode."""
        lines = []
        for y in range(self.rows):
            lines.append("".join(map(CP437.__getitem__, self.row(y)[::2])).rstrip())
        return "\n".join(lines)

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(column, row); None if the cursor is hidden or outside the screen."""
        row, column = self._video.cursor
        return (column, row) if self._video.cursor_visible and row < self.rows else None

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write the screen to a .txt (UTF-8) or .png file.

        MachineError: the name ends in neither. OSError: the file cannot be written.
        """
        name = os.fsdecode(path)
        if name.endswith(".txt"):
            with open(name, "w", encoding="utf-8") as file:
                file.write(self.text.rstrip() + "\n")
        elif name.endswith(".png"):
            picture = self.png()
            with open(name, "wb") as image:
                image.write(picture)
        else:
            raise MachineError(f"cannot save the screen as {name}: name a file in .txt or .png")

    @property
    def pixels(self) -> Picture:
        """The picture, with 8 x 16 dots per character."""
        glyphs, dots = self._font(), _dots()
        # Byte 0 of a table is the colour of the background, byte 1 that of the character.
        colours = [bytes((each >> 4 & 7, each & 15)).ljust(256) for each in range(256)]
        rows = []
        for row in self.cells:
            for y in range(8):
                line = (dots[glyphs[char][y]].translate(colours[look]) for char, look in row)
                rows += [b"".join(line)] * 2
        return Picture(self._video.palette, rows)

    def png(self) -> bytes:
        """What `pixels` shows, as the bytes of a PNG file."""
        return png.encode(self.pixels)

    def _font(self) -> list[bytes]:
        """256 glyphs of 8 bytes: characters 0-127 from the ROM, 128-255 from where INT 1Fh points.
        A glyph without memory is blank."""
        vm = self._vm
        offset, segment = struct.unpack("<HH", load(vm, FONT_HIGH_VECTOR, 4))
        data = load(vm, FONT, 1024, 0) + load(vm, segment * 16 + offset, 1024, 0)
        return [data[i : i + 8] for i in range(0, len(data), 8)]


@cache
def _dots() -> list[bytes]:
    """The eight dots of each byte of a font: 1 for a set bit, 0 for a clear one."""
    return [bytes(byte >> 7 - x & 1 for x in range(8)) for byte in range(256)]
