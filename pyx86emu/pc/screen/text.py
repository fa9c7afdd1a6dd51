"""What the guest shows: text, cells and pictures of the text screen. Reads, changes nothing."""

import os
import struct
import zlib
from typing import TYPE_CHECKING

from ..._core import exact
from ...errors import MachineError
from ...memory import load

if TYPE_CHECKING:
    from ... import _core
    from ...vm import Vm
    from ..devices.video import TextVideo

#: Code page 437 as a display shows it: the control characters have pictures too.
CP437 = (
    " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    + bytes(range(0x20, 0x7F)).decode("ascii")
    + "⌂"
    + bytes(range(0x80, 0xFF)).decode("cp437")
    + " "
)
#: Where the ROM keeps the 8 x 8 font of characters 0-127, and the vector that points to the rest.
FONT = 0xFFA6E
FONT_HIGH_VECTOR = 0x1F * 4
BIOS_MODE = 0x449


class Screen:
    """The text screen of a machine, at any moment.

    Whatever the guest leaves in registers, vectors and memory, there is a picture of bounded size:
    nothing here raises because of it. Any thread may look; what it sees of a guest that runs may be
    half old and half new.
    """

    def __init__(self, vm: "Vm", video: "TextVideo", memory: "_core.MemorySlot") -> None:
        self._vm = vm
        self._video = video
        self._memory = memory
        self._writes = 0

    @property
    def columns(self) -> int:
        """80 or 40."""
        return self._video.columns

    @property
    def rows(self) -> int:
        """25, or what the guest has programmed, but no more than fit into the text memory."""
        return min(self._video.rows, self._memory.size // (2 * self.columns))

    @property
    def mode(self) -> int:
        """The BIOS's video mode, at 40:49."""
        return load(self._vm, BIOS_MODE, 1)[0]

    @property
    def version(self) -> int:
        """A number that changes when the text may have changed."""
        if self._memory.vm is not None and any(self._memory.dirty()):
            self._writes += 1
        return self._writes << 16 ^ self._video.start_address

    def row(self, y: int) -> bytes:
        """One row as it is in memory: character, attribute, character ...

        `y` may be outside the screen, since a running guest changes how many rows there are: text
        memory goes on there, round and round. TypeError: no integer.
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
        """Rows of (character, attribute)."""
        columns = self.columns  # once: the guest may run meanwhile
        rows = (self._row(y, columns) for y in range(self.rows))
        return [list(zip(row[::2], row[1::2], strict=True)) for row in rows]

    @property
    def text(self) -> str:
        """Rows joined with line ends, trailing blanks cut, code page 437 as Unicode."""
        lines = []
        for y in range(self.rows):
            lines.append("".join(map(CP437.__getitem__, self.row(y)[::2])).rstrip())
        return "\n".join(lines)

    @property
    def cursor(self) -> tuple[int, int] | None:
        """(column, row), or None while it is hidden or off the screen."""
        row, column = self._video.cursor
        return (column, row) if self._video.cursor_visible and row < self.rows else None

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write what is shown to a .txt (UTF-8) or .png file."""
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

    def png(self) -> bytes:
        """The text screen as a PNG picture, 8 x 16 dots a character."""
        glyphs = self._font()
        cells = self.cells
        lines = []
        for row in cells:
            for y in range(8):
                line = bytearray([0])  # no filter
                for char, attribute in row:
                    bits = glyphs[char][y]
                    front, back = attribute & 15, attribute >> 4 & 7
                    dots = [front if bits & 0x80 >> x else back for x in range(8)]
                    line += bytes(dots[x] << 4 | dots[x + 1] for x in range(0, 8, 2))
                lines += [bytes(line)] * 2
        header = struct.pack(">IIBBBBB", len(cells[0]) * 8, len(cells) * 16, 4, 3, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + _chunk(b"IHDR", header)
            + _chunk(b"PLTE", b"".join(map(bytes, self._video.palette)))
            + _chunk(b"IDAT", zlib.compress(b"".join(lines)))
            + _chunk(b"IEND", b"")
        )

    def _font(self) -> list[bytes]:
        """256 characters of 8 bytes: the ROM's, with what INT 1Fh points to for the upper half.
        What points to no memory is blank."""
        vm = self._vm
        offset, segment = struct.unpack("<HH", load(vm, FONT_HIGH_VECTOR, 4))
        data = load(vm, FONT, 1024, 0) + load(vm, segment * 16 + offset, 1024, 0)
        return [data[i : i + 8] for i in range(0, len(data), 8)]


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
