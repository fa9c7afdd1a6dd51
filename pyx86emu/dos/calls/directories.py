"""Directories and drives: AH=0Dh, 0Eh, 19h-1Ch, 1Fh, 2Fh, 32h, 36h, 39h-3Bh, 41h, 43h, 47h,
4Eh, 4Fh, 54h, 56h. Open no files."""

from typing import TYPE_CHECKING

from .. import paths
from ..codes import (
    ACCESS_DENIED,
    CURRENT_DIRECTORY,
    FILE_NOT_FOUND,
    INVALID_DRIVE,
    INVALID_FUNCTION,
    NO_MORE_FILES,
    NOT_SAME_DEVICE,
    PATH_NOT_FOUND,
    DosError,
)
from ..files import DIRECTORY, HIDDEN, LABEL, SYSTEM, Entry, Path
from ..guest import LAST_DRIVE
from ..names import device, dotted, fields
from ..searches import OVER
from ..table import call

if TYPE_CHECKING:
    from ..kernel import Kernel

DRIVE_C = 2
#: The path of a directory, with drive and backslash.
LONGEST_DIRECTORY = 66
#: Bytes of a cluster, and how many of them AH=36h says at most.
SECTORS, SECTOR, MOST_CLUSTERS = 64, 512, 0xFFFE


@call(0x0D)
def reset_disk(k: "Kernel") -> None:
    """Write what is buffered: nothing is."""


@call(0x0E)
def select_drive(k: "Kernel") -> None:
    """Drive C is the only one and stays selected; AL is LASTDRIVE, 5."""
    k.regs.al = LAST_DRIVE


@call(0x19)
def current_drive(k: "Kernel") -> None:
    """AL = 2, drive C."""
    k.regs.al = DRIVE_C


@call(0x1A)
def set_transfer_area(k: "Kernel") -> None:
    """The disk transfer area is at DS:DX."""
    k.dta = (k.regs.ds, k.regs.dx)


@call(0x2F)
def transfer_area(k: "Kernel") -> None:
    """ES:BX is the disk transfer area."""
    k.regs.es, k.regs.bx = k.dta


@call(0x1B, 0x1C)
def allocation(k: "Kernel") -> None:
    """Sectors in a cluster, bytes in a sector, clusters; DS:BX is F8h, a hard disk."""
    regs = k.regs
    if regs.ah == 0x1C and regs.dl not in (0, DRIVE_C + 1):
        regs.al = 0xFF
        return
    at = 0x364
    k.ram.put((0x70 << 4) + at, 0xF8, 1)
    regs.al, regs.cx, regs.dx, regs.ds, regs.bx = SECTORS, SECTOR, MOST_CLUSTERS, 0x70, at


@call(0x1F, 0x32)
def parameter_block(k: "Kernel") -> None:
    """There is no drive parameter block: a directory of the host is no disk."""
    k.regs.al = 0xFF


@call(0x36)
def free_space(k: "Kernel") -> None:
    """Free clusters of drive DL; AX = FFFFh: no such drive."""
    regs = k.regs
    if regs.dl not in (0, DRIVE_C + 1):
        regs.ax = 0xFFFF
        return
    free = min(k.root.free_space() // (SECTORS * SECTOR), MOST_CLUSTERS)
    regs.ax, regs.bx, regs.cx, regs.dx = SECTORS, free, SECTOR, MOST_CLUSTERS


@call(0x39)
def make_directory(k: "Kernel") -> None:
    """Make the directory at DS:DX."""
    path = k.path(k.regs.ds, k.regs.dx)
    _not_a_device(path)
    _not_too_long(path)
    k.root.make_directory(path)


@call(0x3A)
def remove_directory(k: "Kernel") -> None:
    """Remove the directory at DS:DX."""
    path = k.path(k.regs.ds, k.regs.dx)
    if path == k.cwd:
        raise DosError(CURRENT_DIRECTORY)
    k.root.remove_directory(path)


@call(0x3B)
def change_directory(k: "Kernel") -> None:
    """The directory at DS:DX is the current one."""
    path = k.path(k.regs.ds, k.regs.dx)
    _not_too_long(path)
    if not k.root.is_directory(path):
        raise DosError(PATH_NOT_FOUND)
    k.cwd = path


@call(0x47)
def current_directory(k: "Kernel") -> None:
    """The current directory of drive DL, to DS:SI, without drive and first backslash."""
    if k.regs.dl not in (0, DRIVE_C + 1):
        raise DosError(INVALID_DRIVE)
    name = "\\".join(k.cwd).encode("cp437", "replace")
    k.ram.write((k.regs.ds << 4) + k.regs.si, name[:63] + b"\0")
    k.regs.ax = 0x0100


@call(0x41)
def delete(k: "Kernel") -> None:
    """Delete the file at DS:DX."""
    path = k.path(k.regs.ds, k.regs.dx)
    _not_a_device(path)
    k.root.delete(path)


@call(0x43)
def attributes(k: "Kernel") -> None:
    """Get (AL=0) or set (1) the attributes CX of the file at DS:DX."""
    regs = k.regs
    path = k.path(regs.ds, regs.dx)
    if regs.al > 1:
        raise DosError(INVALID_FUNCTION)
    _not_a_device(path)
    if regs.al == 1:
        k.root.set_attributes(path, regs.cx)
    else:
        regs.cx = regs.ax = k.root.entry(path).attributes if path else DIRECTORY


@call(0x56)
def rename(k: "Kernel") -> None:
    """Give the file at DS:DX the name at ES:DI."""
    old, new = k.path(k.regs.ds, k.regs.dx), k.path(k.regs.es, k.regs.di)
    for path in (old, new):
        _not_a_device(path)
    if not new or new[: len(old)] == old:
        raise DosError(NOT_SAME_DEVICE if not new else ACCESS_DENIED)
    k.root.rename(old, new)


def _not_a_device(path: Path) -> None:
    if path and (device(path[-1]) or paths.wild(path[-1])):
        raise DosError(ACCESS_DENIED if device(path[-1]) else PATH_NOT_FOUND)


def _not_too_long(path: Path) -> None:
    if len(paths.text(path)) > LONGEST_DIRECTORY:
        raise DosError(PATH_NOT_FOUND)


@call(0x54)
def verify_flag(k: "Kernel") -> None:
    """AL = 1 if writes are verified."""
    k.regs.al = int(k.verify)


@call(0x2E)
def set_verify(k: "Kernel") -> None:
    """Verify writes if AL is 1: the flag is kept, and does nothing."""
    k.verify = bool(k.regs.al & 1)


# -- searches --------------------------------------------------------------------------------------


@call(0x4E)
def find_first(k: "Kernel") -> None:
    """The first file of the pattern at DS:DX with attributes CX, to the DTA."""
    path, wanted = k.path(k.regs.ds, k.regs.dx), k.regs.cl
    if not path:
        raise DosError(NO_MORE_FILES)
    pattern = path[-1]
    if name := device(pattern):
        return _put(k, 0, name, 0, OVER, Entry(name, 0x40, 0, 0))
    if paths.wild(pattern):
        number = k.searches.start(path[:-1])
        return _find(k, wanted, pattern, number, 0)
    entry = k.root.entry(path)
    if wanted == LABEL or entry.attributes & (HIDDEN | SYSTEM | DIRECTORY) & ~wanted:
        raise DosError(FILE_NOT_FOUND)
    _put(k, wanted, pattern, 0, OVER, entry)


@call(0x4F)
def find_next(k: "Kernel") -> None:
    """The next file of the search in the DTA."""
    data = k.ram.read(k.dta_at, 21)
    place, number = int.from_bytes(data[13:15], "little"), int.from_bytes(data[15:17], "little")
    _find(k, data[12], dotted(data[1:12]), number, place)


def _find(k: "Kernel", wanted: int, pattern: str, number: int, place: int) -> None:
    found = k.searches.following(number, pattern, wanted, place)
    if found is None:
        raise DosError(NO_MORE_FILES)
    _put(k, wanted, pattern, number, *found)


def _put(k: "Kernel", wanted: int, pattern: str, number: int, place: int, entry: Entry) -> None:
    """Write what was found, and where to go on, to the DTA."""
    head = bytes([DRIVE_C + 1]) + fields(pattern).encode("cp437", "replace")[:11]
    head += bytes([wanted]) + place.to_bytes(2, "little") + number.to_bytes(2, "little") + bytes(4)
    data = bytes([entry.attributes]) + entry.stamp.to_bytes(4, "little")
    data += entry.size.to_bytes(4, "little")
    name = entry.name.encode("cp437", "replace")[:12]
    k.ram.write(k.dta_at, head + data + name.ljust(13, b"\0"))
    k.regs.ax = 0
