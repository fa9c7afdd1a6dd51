"""FCBs: read and write file control blocks in guest memory, keep the files that they name open.

A program can copy an FCB, or forget it, so nothing in it is a number of an open file: the name is.
Source: MS-DOS Programmer's Reference, "File Control Block".
"""

from . import paths
from .codes import ACCESS_DENIED, FILE_NOT_FOUND, INVALID_DRIVE, DosError
from .files import LARGEST, File, Path, Root
from .guest import Ram
from .names import device, dotted

#: Files that are kept open, as FCBS= of CONFIG.SYS has it. The one used longest ago is closed.
MOST = 16
DRIVE_C = 3
RECORD = 128
#: Offsets: block, record size, file size, date and time, our place of a search, record in the
#: block, random record; and the second name of AH=17h.
BLOCK, RECORD_SIZE, SIZE, STAMP, SEARCH, CURRENT, RANDOM, SECOND = (
    0x0C, 0x0E, 0x10, 0x14, 0x18, 0x20, 0x21, 0x11,
)  # fmt: skip
EXTENDED = 0xFF


class Fcb:
    """The FCB at an address, extended or not."""

    def __init__(self, ram: Ram, segment: int, offset: int) -> None:
        at = (segment << 4) + offset
        self.ram = ram
        self.extended = ram.u8(at) == EXTENDED
        self.attributes = ram.u8(at + 6) if self.extended else 0
        self.at = at + 7 if self.extended else at

    def name(self, at: int = 1, *, wild: bool = False) -> str:
        """The name or pattern. DosError: it is none, or has ? without `wild`."""
        name = dotted(self.ram.read(self.at + at, 11)).upper()
        plain = name.replace("?", "X") if wild else name
        if "*" in name or not (paths.is_name(plain) or (not wild and device(name))):
            raise DosError(FILE_NOT_FOUND)
        return name

    def check_drive(self) -> None:
        """DosError: it is not on drive C."""
        if self.ram.u8(self.at) not in (0, DRIVE_C):
            raise DosError(INVALID_DRIVE)

    @property
    def record_size(self) -> int:
        """Bytes in a record."""
        return self.ram.u16(self.at + RECORD_SIZE) or RECORD

    @property
    def record(self) -> int:
        """The record of sequential reads and writes."""
        return self.ram.u16(self.at + BLOCK) * 128 + self.ram.u8(self.at + CURRENT)

    @record.setter
    def record(self, number: int) -> None:
        self.ram.put(self.at + BLOCK, number // 128)
        self.ram.put(self.at + CURRENT, number % 128, 1)

    @property
    def random(self) -> int:
        """The random record; three bytes of it if records have 64 bytes or more."""
        number = self.ram.u32(self.at + RANDOM)
        return number if self.record_size < 64 else number & 0xFFFFFF

    @random.setter
    def random(self, number: int) -> None:
        self.ram.put(self.at + RANDOM, number, 4 if self.record_size < 64 else 3)

    def opened(self, size: int, stamp: int) -> None:
        """What AH=0Fh sets."""
        self.ram.put(self.at, DRIVE_C, 1)
        self.ram.put(self.at + BLOCK, 0)
        self.ram.put(self.at + RECORD_SIZE, RECORD)
        self.update(size, stamp)

    def update(self, size: int, stamp: int) -> None:
        """Set the size of the file, and its date << 16 | time: the date is first here."""
        self.ram.put(self.at + SIZE, min(size, LARGEST), 4)
        self.ram.put(self.at + STAMP, stamp >> 16)
        self.ram.put(self.at + STAMP + 2, stamp)


class FcbFiles:
    """The files that FCBs name, opened when they are used."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._open: dict[Path, File] = {}

    def get(self, path: Path) -> File:
        """An open file, for writing if it may be written. DosError: there is none."""
        file = self._open.pop(path, None)
        if file is None:
            file = self._fresh(path)
        self.put(path, file)
        return file

    def _fresh(self, path: Path) -> File:
        try:
            return self._root.open(path, write=True)
        except DosError as error:
            if error.code != ACCESS_DENIED:
                raise
            return self._root.open(path, write=False)

    def put(self, path: Path, file: File) -> None:
        """Keep an open file in the place of what was open there."""
        self.forget(path)
        self._open[path] = file
        if len(self._open) > MOST:
            self.forget(next(iter(self._open)))

    def forget(self, path: Path) -> None:
        """Close a file; another use of it opens it again."""
        file = self._open.pop(path, None)
        if file is not None:
            file.close()

    def close(self) -> None:
        """Close all."""
        for path in list(self._open):
            self.forget(path)
