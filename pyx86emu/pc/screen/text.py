"""The text screen: show the guest's characters as text, cells and dots. Changes nothing."""

import os
import struct
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

from ..._core import exact
from ...errors import MachineError
from ...memory import load
from ..devices.vga import Vga
from . import png
from .display import Picture
from .registers import CURSOR_HIGH, CURSOR_LOW, TEXT, TextRegisters

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

    Several screens may show one VGA.
    Whatever the guest writes to registers, vectors and memory, the picture has a bounded size, and
    no method raises because of it. Any thread may read the screen. While the guest runs, the result
    may be partly old and partly new.
    """

    def __init__(self, vm: "Vm", vga: Vga) -> None:
        if not isinstance(vga, Vga):
            raise TypeError(f"a Screen shows a Vga, not {type(vga).__name__}")
        self._vm = vm
        self._vga = vga
        self._last: tuple[int, TextRegisters] | None = None
        self._seen: tuple[int, object] = (-1, None)
        self._version = 0
        self._numbers = count(1)

    def _now(self) -> TextRegisters:
        """What the VGA holds; the same object until it changes."""
        version, last = self._vga.version, self._last
        if last is None or last[0] != version:
            self._last = last = version, TextRegisters(self._vga.snapshot())
        return last[1]

    @property
    def columns(self) -> int:
        """80 or 40."""
        return self._now().columns

    @property
    def rows(self) -> int:
        """The number of rows that the guest has set, 25 at first; at most as many as fit into text
        memory."""
        return self._rows(self._now())

    @staticmethod
    def _rows(now: TextRegisters) -> int:
        return min(now.rows, TEXT // (2 * now.columns))

    @property
    def mode(self) -> int:
        """The video mode that the BIOS keeps at 40:49."""
        return load(self._vm, BIOS_MODE, 1)[0]

    @property
    def version(self) -> int:
        """A number that changes when the picture, without the cursor, may have changed. Each reader
        compares it with the number that it saw last."""
        number = self._vga.version
        if number != self._seen[0]:
            shown = self._vga.snapshot()
            crtc = shown.crtc[:CURSOR_HIGH] + shown.crtc[CURSOR_LOW + 1 :]
            picture = shown._replace(crtc=crtc, frame=0)
            if picture != self._seen[1]:
                self._version = next(self._numbers)
            self._seen = number, picture
        return self._version

    def row(self, y: int) -> bytes:
        """One row as it is in memory: bytes of character, attribute, character ...

        `y` may be outside the screen, since a running guest may change the number of rows. The
        result is then from the text memory that follows, which wraps. TypeError: `y` is not an
        integer.
        """
        return self._row(exact(y, "row"), now := self._now(), now.memory)

    @staticmethod
    def _row(y: int, now: TextRegisters, memory: bytes) -> bytes:
        size = now.columns * 2
        at = (now.start_address + y * now.row_pitch) * 2 % TEXT
        row = memory[at : at + size]
        return row + memory[: size - len(row)] if len(row) < size else row

    @property
    def cells(self) -> list[list[tuple[int, int]]]:
        """Rows of (character, attribute), as lists."""
        rows = self._all(self._now())
        return [list(zip(row[::2], row[1::2], strict=True)) for row in rows]

    def _all(self, now: TextRegisters) -> list[bytes]:
        """All rows, of one moment."""
        memory = now.memory
        return [self._row(y, now, memory) for y in range(self._rows(now))]

    @property
    def text(self) -> str:
        """The rows, joined with line ends, without trailing blanks, code page 437 as Unicode."""
        rows = self._all(self._now())
        return "\n".join("".join(map(CP437.__getitem__, row[::2])).rstrip() for row in rows)

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(column, row); None if the cursor is hidden or outside the screen."""
        now = self._now()
        row, column = now.cursor
        return (column, row) if now.cursor_visible and row < self._rows(now) else None

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
        return Picture(self._now().palette, rows)

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
