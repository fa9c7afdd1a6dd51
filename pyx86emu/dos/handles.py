"""Handles: open files by the numbers that programs have for them.

The job file table (JFT) is in the PSP of a program, in guest memory: a byte for each handle, the
number of an open file here, FFh if none. The guest can write it, so each number is looked up.
"""

from dataclasses import dataclass

from ..errors import StateError
from ..state import Values, take, take_whole
from .codes import INVALID_HANDLE, TOO_MANY_OPEN, DosError
from .files import LARGEST, File, Path, Root
from .guest import Ram

#: Open files of all programs, and handles of one.
MOST_OPEN, MOST_HANDLES = 128, 255
UNUSED = 0xFF
READ, WRITE, BOTH = 0, 1, 2
#: Offsets in a PSP: its own table, the size of the table in use, and the far pointer to it.
TABLE, TABLE_SIZE, TABLE_AT = 0x18, 0x32, 0x34


@dataclass
class Open:
    """An open file or device. `device` is its name, or "" for a file, which has a `path`."""

    device: str
    access: int
    path: Path = ()
    file: File | None = None
    position: int = 0
    references: int = 1
    raw: bool = False
    """A device in binary mode."""
    written: bool = False


class Handles:
    """The open files."""

    def __init__(self, ram: Ram) -> None:
        self.ram = ram
        self.open: dict[int, Open] = {}

    def _slot(self, psp: int, handle: int) -> int:
        """The linear address of a handle's byte. DosError: no such handle."""
        at = psp << 4
        if not 0 <= handle < min(self.ram.u16(at + TABLE_SIZE), MOST_HANDLES):
            raise DosError(INVALID_HANDLE)
        offset, segment = self.ram.u16(at + TABLE_AT), self.ram.u16(at + TABLE_AT + 2)
        return (segment << 4) + offset + handle

    def number(self, psp: int, handle: int) -> int:
        """The number of the open file of a handle. DosError: there is none."""
        number = self.ram.u8(self._slot(psp, handle))
        if number not in self.open:
            raise DosError(INVALID_HANDLE)
        return number

    def get(self, psp: int, handle: int) -> Open:
        """The open file of a handle. DosError: there is none."""
        return self.open[self.number(psp, handle)]

    def free_handle(self, psp: int) -> int:
        """The lowest handle that is free. DosError: there is none."""
        for handle in range(min(self.ram.u16((psp << 4) + TABLE_SIZE), MOST_HANDLES)):
            if self.ram.u8(self._slot(psp, handle)) == UNUSED:
                return handle
        raise DosError(TOO_MANY_OPEN)

    def check_room(self, psp: int) -> int:
        """The handle of the next file. DosError: no more can be opened."""
        if len(self.open) >= MOST_OPEN:
            raise DosError(TOO_MANY_OPEN)
        return self.free_handle(psp)

    def add(self, psp: int, opened: Open) -> int:
        """Give an open file a handle, after `check_room`."""
        handle = self.check_room(psp)
        number = next(n for n in range(MOST_OPEN) if n not in self.open)
        self.open[number] = opened
        self.ram.put(self._slot(psp, handle), number, 1)
        return handle

    def duplicate(self, psp: int, handle: int, other: int | None = None) -> int:
        """A second handle of the same file: `other`, whose file is closed, or a free one."""
        number = self.number(psp, handle)
        if other is None:
            other = self.free_handle(psp)
        else:
            slot = self._slot(psp, other)
            if self.ram.u8(slot) == number:
                return other
            if self.ram.u8(slot) in self.open:
                self.close(psp, other)
        self.open[number].references += 1
        self.ram.put(self._slot(psp, other), number, 1)
        return other

    def close(self, psp: int, handle: int) -> None:
        """Close a handle, and its file if it was the last one. DosError: there is none."""
        number = self.number(psp, handle)
        self.ram.put(self._slot(psp, handle), UNUSED, 1)
        self._release(number)

    def _release(self, number: int) -> None:
        opened = self.open[number]
        opened.references -= 1
        if opened.references <= 0:
            del self.open[number]
            if opened.file is not None:
                opened.file.close()

    def close_all(self, psp: int) -> None:
        """Close the handles of a program that ends."""
        for handle in range(min(self.ram.u16((psp << 4) + TABLE_SIZE), MOST_HANDLES)):
            slot = self._slot(psp, handle)
            number = self.ram.u8(slot)
            if number in self.open:
                self.ram.put(slot, UNUSED, 1)
                self._release(number)

    def inherit(self, parent: int, table: bytes) -> bytes:
        """The first 20 handles of a child. Files opened with "not for children" stay out."""
        out = bytearray(UNUSED for _ in range(20))
        for handle in range(min(20, len(table))):
            opened = self.open.get(table[handle])
            if opened is not None and not opened.access & 0x80:
                opened.references += 1
                out[handle] = table[handle]
        return bytes(out)

    def table(self, psp: int) -> bytes:
        """The first 20 handles of a program."""
        size = min(self.ram.u16((psp << 4) + TABLE_SIZE), 20)
        return bytes(self.ram.u8(self._slot(psp, handle)) for handle in range(size))

    def close_files(self) -> None:
        """Close what is open on the host."""
        for opened in self.open.values():
            if opened.file is not None:
                opened.file.close()
        self.open.clear()

    # -- state -------------------------------------------------------------------------------------

    def state(self) -> Values:
        """The open files by name; their contents are not in it."""
        return {
            str(number): {
                "device": each.device,
                "access": each.access,
                "path": list(each.path),
                "position": each.position,
                "references": each.references,
                "raw": each.raw,
                "written": each.written,
            }
            for number, each in self.open.items()
        }

    @staticmethod
    def read(values: Values, root: Root) -> dict[int, Open]:
        """The open files of a state, opened again by name. ValueError: a file is not there."""
        found: dict[int, Open] = {}
        try:
            for key, row in values.items():
                if not isinstance(row, dict) or not key.isdecimal() or len(key) > 3:
                    raise ValueError("a state has no such open file")
                path = tuple(str(each) for each in take(row, "path", list))
                each = Open(
                    take(row, "device", str),
                    take_whole(row, "access", 0, 0xFF),
                    path,
                    position=take_whole(row, "position", 0, LARGEST),
                    references=take_whole(row, "references", 1, 1 << 62),
                    raw=take(row, "raw", bool),
                    written=take(row, "written", bool),
                )
                if not each.device:
                    each.file = _again(root, each)
                if int(key) >= MOST_OPEN:
                    raise ValueError(f"a state has an open file {key}: {MOST_OPEN} is the most")
                found[int(key)] = each
        except BaseException:
            for each in found.values():
                if each.file is not None:
                    each.file.close()
            raise
        return found


def _again(root: Root, each: Open) -> File:
    try:
        return root.open(each.path, write=each.access & 7 != READ)
    except DosError as error:
        name = "\\".join(each.path)
        raise StateError(
            f"C:\\{name} was open and cannot be opened again (DOS error {error.code}): "
            "restore with the same root"
        ) from None
