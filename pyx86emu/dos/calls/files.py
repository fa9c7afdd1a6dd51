"""Files: AH=3Ch-46h, 57h, 5Ah-5Ch, 67h, 68h, 6Ch: handles of files and devices."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..codes import (
    ACCESS_DENIED,
    FILE_EXISTS,
    FILE_NOT_FOUND,
    INVALID_ACCESS,
    INVALID_DRIVE,
    INVALID_FUNCTION,
    INVALID_HANDLE,
    PATH_NOT_FOUND,
    TOO_MANY_OPEN,
    DosError,
)
from ..editing import CTRL_Z
from ..files import DIRECTORY, LABEL, LARGEST, READ_ONLY, Path
from ..handles import BOTH, MOST_HANDLES, READ, TABLE_AT, TABLE_SIZE, UNUSED, WRITE, Open
from ..names import device
from ..paths import text, wild
from ..table import call
from .characters import input_ready, read_con, write_to

if TYPE_CHECKING:
    from ..kernel import Kernel

#: Names that AH=5Ah tries.
MOST_NAMES = 1000
#: Device information words; 80C0h: another character device.
WORDS = {"CON": 0x80D3, "NUL": 0x8084, "CLOCK$": 0x8088} | dict.fromkeys(
    ("PRN", "LPT1", "LPT2", "LPT3", "LPT4"), 0xA0C0
)


def open_path(k: "Kernel", path: Path, access: int) -> None:
    """Open a file or device; AX is its handle."""
    if access & 7 > BOTH:
        raise DosError(INVALID_ACCESS)
    k.handles.check_room(k.psp)
    if path and (name := device(path[-1])):
        k.regs.ax = k.handles.add(k.psp, Open(name, access))
        return
    if k.root.is_directory(path):
        raise DosError(ACCESS_DENIED)
    file = k.root.open(path, write=access & 7 != READ)
    k.regs.ax = k.handles.add(k.psp, Open("", access, path, file))


def create_path(k: "Kernel", path: Path, attributes: int, *, new: bool) -> None:
    """Create a file, or open a device; AX is its handle."""
    k.handles.check_room(k.psp)
    if path and (name := device(path[-1])):
        k.regs.ax = k.handles.add(k.psp, Open(name, BOTH))
        return
    if path and wild(path[-1]):
        raise DosError(PATH_NOT_FOUND)
    if attributes & (LABEL | DIRECTORY) or k.root.is_directory(path):
        raise DosError(ACCESS_DENIED)
    file = k.root.create(path, new=new)
    k.regs.ax = k.handles.add(k.psp, Open("", BOTH, path, file))
    if attributes & READ_ONLY:
        k.root.set_attributes(path, attributes)


@call(0x3C)
def create(k: "Kernel") -> None:
    """Create the file at DS:DX, or make it empty."""
    create_path(k, k.path(k.regs.ds, k.regs.dx), k.regs.cx, new=False)


@call(0x5B)
def create_new(k: "Kernel") -> None:
    """Create the file at DS:DX; it must not be there."""
    create_path(k, k.path(k.regs.ds, k.regs.dx), k.regs.cx, new=True)


@call(0x5A)
def create_temporary(k: "Kernel") -> None:
    """Create a file with a name of its own in the directory at DS:DX, and add the name there."""
    at = (k.regs.ds << 4) + k.regs.dx
    raw = k.ram.text(at) or b""
    joint = b"" if raw[-1:] in (b"\\", b"/", b":", b"") else b"\\"
    for number in range(MOST_NAMES):
        whole = raw + joint + b"TMP%05X.$$$" % number
        k.ram.write(at, whole + b"\0")
        try:
            return create_path(k, k.path(k.regs.ds, k.regs.dx), k.regs.cx, new=True)
        except DosError as error:
            if error.code != FILE_EXISTS:
                k.ram.write(at, raw + b"\0")
                raise
    raise DosError(ACCESS_DENIED)


@call(0x3D)
def open_file(k: "Kernel") -> None:
    """Open the file at DS:DX."""
    open_path(k, k.path(k.regs.ds, k.regs.dx), k.regs.al)


@call(0x6C)
def extended_open(k: "Kernel") -> None:
    """Open the file at DS:SI, or create it: DL says when, and CX what was done."""
    regs = k.regs
    if regs.al != 0:
        raise DosError(INVALID_FUNCTION)
    path, act = k.path(regs.ds, regs.si), regs.dl
    try:
        there = bool(path and device(path[-1])) or bool(k.root.entry(path))
    except DosError as error:
        if error.code != FILE_NOT_FOUND:
            raise
        there = False
    if there and act & 3 == 1:
        open_path(k, path, regs.bl)
        regs.cx = 1
    elif there and act & 3 == 2:
        create_path(k, path, regs.cx, new=False)
        regs.cx = 3
    elif not there and act & 0x10:
        create_path(k, path, regs.cx, new=True)
        regs.cx = 2
    else:
        raise DosError(FILE_EXISTS if there else FILE_NOT_FOUND)


@call(0x3E)
def close(k: "Kernel") -> None:
    """Close handle BX."""
    k.handles.close(k.psp, k.regs.bx)


@call(0x3F)
def read(k: "Kernel") -> None:
    """Read CX bytes of BX to DS:DX; AX is how many there were."""
    regs = k.regs
    opened = k.get(regs.bx)
    data = b""
    if opened.access & 7 == WRITE:
        raise DosError(ACCESS_DENIED)
    if opened.file is not None:
        data = opened.file.read(opened.position, regs.cx)
        opened.position += len(data)
    elif opened.device == "CON":
        data = read_con(k, regs.cx, raw=opened.raw)
    k.ram.write((regs.ds << 4) + regs.dx, data)
    regs.ax = len(data)


@call(0x40)
def write(k: "Kernel") -> None:
    """Write CX bytes from DS:DX to BX; AX is how many there was room for. CX = 0: the file ends
    here."""
    regs = k.regs
    opened = k.get(regs.bx)
    if opened.access & 7 == READ:
        raise DosError(ACCESS_DENIED)
    if opened.file is not None:
        opened.written = True
        if regs.cx == 0:
            opened.file.truncate(opened.position)
    data = k.ram.read((regs.ds << 4) + regs.dx, regs.cx)
    if opened.device == "CON" and not opened.raw:
        data = data.partition(bytes([CTRL_Z]))[0]
    regs.ax = write_to(k, opened, data)


@call(0x42)
def seek(k: "Kernel") -> None:
    """Move the position of BX by CX:DX, from the start (AL=0), from here (1) or the end (2)."""
    regs = k.regs
    opened, offset = k.get(regs.bx), regs.cx << 16 | regs.dx
    if regs.al > 2:
        raise DosError(INVALID_FUNCTION)
    if opened.file is not None:
        base = (0, opened.position, opened.file.size())[regs.al]
        opened.position = (base + offset) & LARGEST
    regs.dx, regs.ax = opened.position >> 16, opened.position & 0xFFFF


@call(0x44)
def control(k: "Kernel") -> None:
    """Handle BX: information word (0, 1), is it ready (6, 7), remote (0Ah); drives (8, 9, 0Eh,
    0Fh), retries (0Bh)."""
    regs = k.regs
    if regs.al in (0x08, 0x09, 0x0E, 0x0F):
        if regs.bl not in (0, 3):
            raise DosError(INVALID_DRIVE)
        if regs.al == 0x08:
            regs.ax = 1  # its disk cannot be taken out
        elif regs.al == 0x09:
            regs.dx = 0
        else:
            regs.al = 0
        return
    if regs.al == 0x0B:
        return  # nobody shares files: nothing is tried again
    if regs.al not in (0x00, 0x01, 0x06, 0x07, 0x0A):
        return k.unknown()
    opened = k.get(regs.bx)
    if regs.al == 0x00:
        regs.dx = regs.ax = information(k, opened)
    elif regs.al == 0x01:
        if not opened.device or regs.dh:
            raise DosError(INVALID_FUNCTION)
        opened.raw = bool(regs.dl & 0x20)
    elif regs.al == 0x06:
        if opened.file is not None:
            ready = opened.position < opened.file.size()
        else:
            ready = input_ready(k) if opened.device == "CON" else opened.device == "NUL"
        regs.al = 0xFF if ready else 0
    elif regs.al == 0x07:
        regs.al = 0xFF
    else:
        regs.dx = 0


def information(k: "Kernel", opened: Open) -> int:
    """The device information word of AX=4400h."""
    if not opened.device:
        return 0x0002 if opened.written else 0x0042  # drive C
    return WORDS.get(opened.device, 0x80C0) | (0x20 if opened.raw else 0)


@call(0x45)
def duplicate(k: "Kernel") -> None:
    """A second handle of BX."""
    k.regs.ax = k.handles.duplicate(k.psp, k.regs.bx)


@call(0x46)
def force_duplicate(k: "Kernel") -> None:
    """Make handle CX another one of BX."""
    k.handles.duplicate(k.psp, k.regs.bx, k.regs.cx)


@call(0x57)
def file_time(k: "Kernel") -> None:
    """Get (AL=0) or set (1) date DX and time CX of handle BX."""
    regs = k.regs
    opened = k.get(regs.bx)
    if regs.al > 1:
        raise DosError(INVALID_FUNCTION)
    if regs.al == 0:
        stamp = dos_now(k) if opened.file is None else opened.file.stamp()
        regs.dx, regs.cx = stamp >> 16, stamp & 0xFFFF
    elif opened.file is not None:
        opened.file.set_stamp(host_seconds(regs.dx, regs.cx))


def host_seconds(date: int, time: int) -> float:
    """The time of the host for a date and time of DOS. DosError: there is no such day."""
    try:
        when = datetime(
            1980 + (date >> 9), date >> 5 & 15, date & 31,
            time >> 11, time >> 5 & 63, time * 2 & 63, tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        raise DosError(INVALID_FUNCTION) from None
    return when.timestamp()


def dos_now(k: "Kernel") -> int:
    """Date and time of the guest, as date << 16 | time."""
    t = k.machine.rtc.time
    date = min(max(0, t.year - 1980), 127) << 9 | t.month << 5 | t.day
    return date << 16 | t.hour << 11 | t.minute << 5 | t.second // 2


@call(0x5C)
def lock(k: "Kernel") -> None:
    """Lock or unlock a part of a file: there is nobody to lock it from."""
    k.get(k.regs.bx)


@call(0x67)
def handle_count(k: "Kernel") -> None:
    """Let the program have BX handles: a larger table goes into a block of its own."""
    count, at = min(k.regs.bx, MOST_HANDLES), k.psp << 4
    size = k.ram.u16(at + TABLE_SIZE)
    if count <= max(size, 20):
        return
    try:
        segment = k.arena.allocate(-(-count // 16), k.psp)
    except DosError:
        raise DosError(TOO_MANY_OPEN) from None
    old = (k.ram.u16(at + TABLE_AT + 2) << 4) + k.ram.u16(at + TABLE_AT)
    used = k.ram.read(old, min(size, count))
    k.ram.write(segment << 4, used.ljust(count, bytes([UNUSED])))
    k.ram.put(at + TABLE_SIZE, count)
    k.ram.put(at + TABLE_AT, segment << 16, 4)


@call(0x68, 0x6A)
def commit(k: "Kernel") -> None:
    """Write what is buffered: nothing is."""
    k.get(k.regs.bx)


@call(0x60)
def true_name(k: "Kernel") -> None:
    """The whole path of the one at DS:SI, to ES:DI."""
    name = text(k.path(k.regs.ds, k.regs.si)).encode("cp437", "replace")
    if len(name) > 127:
        raise DosError(INVALID_HANDLE)
    k.ram.write((k.regs.es << 4) + k.regs.di, name + b"\0")
