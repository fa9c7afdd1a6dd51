"""File control blocks: AH=0Fh-17h, 21h-24h, 27h, 28h: files as programs of DOS 1 use them."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING

from ..codes import ACCESS_DENIED, FILE_NOT_FOUND, NO_MORE_FILES, DosError
from ..fcbs import DRIVE_C, EXTENDED, SEARCH, SECOND, Fcb
from ..files import DIRECTORY, HIDDEN, LABEL, READ_ONLY, SYSTEM, Entry, Path
from ..handles import BOTH, Open
from ..names import device, dotted, fields, matches
from ..paths import is_name
from ..searches import OVER
from ..table import Call, call
from .characters import read_con, write_to
from .files import dos_now

if TYPE_CHECKING:
    from ..kernel import Kernel

#: AL of reads and writes: done; the end of the file, or the disk is full; the DTA does not fit into
#: its segment; a part of a record was read, and zeros fill it.
DONE, END, WRAPS, PART = 0, 1, 2, 3
FAILED = 0xFF
SEGMENT_SIZE = 0x10000


def served(failed: int) -> Callable[[Callable[["Kernel", Fcb], int]], Call]:
    """A function that gets the FCB at DS:DX and returns AL; AL is `failed` after a DosError."""

    def of(function: Callable[["Kernel", Fcb], int]) -> Call:
        @wraps(function)
        def one(k: "Kernel") -> None:
            fcb = Fcb(k.ram, k.regs.ds, k.regs.dx)
            try:
                fcb.check_drive()
                k.regs.al = function(k, fcb)
            except DosError as error:
                k.last_error, k.regs.al = error.code, failed

        return one

    return of


def _path(k: "Kernel", fcb: Fcb) -> Path:
    return (*k.cwd, fcb.name())


def _names(k: "Kernel", fcb: Fcb) -> list[Entry]:
    """The files of the pattern. DosError: there is none."""
    pattern = fcb.name(wild=True)
    found = []
    for name in k.root.entries(k.cwd):
        if matches(name, pattern):
            entry = k.root.entry((*k.cwd, name), again=True)
            if not entry.attributes & (DIRECTORY | HIDDEN | SYSTEM) & ~fcb.attributes:
                found.append(entry)
    if not found:
        raise DosError(FILE_NOT_FOUND)
    return found


@call(0x0F)
@served(FAILED)
def open_fcb(k: "Kernel", fcb: Fcb) -> int:
    """Open the file of the FCB at DS:DX; size and date are set, records have 128 bytes."""
    path = _path(k, fcb)
    if device(path[-1]):
        fcb.opened(0, dos_now(k))
        return DONE
    k.fcbs.forget(path)
    file = k.fcbs.get(path)
    fcb.opened(file.size(), file.stamp())
    return DONE


@call(0x10)
@served(FAILED)
def close_fcb(k: "Kernel", fcb: Fcb) -> int:
    """Close it."""
    path = _path(k, fcb)
    if not device(path[-1]):
        k.fcbs.forget(path)
        k.root.entry(path)
    return DONE


@call(0x16)
@served(FAILED)
def create_fcb(k: "Kernel", fcb: Fcb) -> int:
    """Create the file, or make it empty, and open it."""
    path = _path(k, fcb)
    if device(path[-1]):
        fcb.opened(0, dos_now(k))
        return DONE
    if fcb.attributes & (LABEL | DIRECTORY) or k.root.is_directory(path):
        raise DosError(ACCESS_DENIED)
    k.fcbs.forget(path)
    file = k.root.create(path, new=False)
    k.fcbs.put(path, file)
    fcb.opened(file.size(), file.stamp())
    if fcb.attributes & READ_ONLY:
        k.root.set_attributes(path, READ_ONLY)
    return DONE


@call(0x13)
@served(FAILED)
def delete_fcb(k: "Kernel", fcb: Fcb) -> int:
    """Delete the files of the pattern; AL = FFh: none was."""
    done = False
    for entry in _names(k, fcb):
        path = (*k.cwd, entry.name)
        if not entry.attributes & (READ_ONLY | DIRECTORY):
            k.fcbs.forget(path)
            k.root.delete(path)
            done = True
    return DONE if done else FAILED


@call(0x17)
@served(FAILED)
def rename_fcb(k: "Kernel", fcb: Fcb) -> int:
    """Rename the files of the pattern to the name at +11h, where ? keeps a character."""
    wanted = fields(fcb.name(SECOND, wild=True))
    for entry in _names(k, fcb):
        old = fields(entry.name)
        mixed = "".join(a if b == "?" else b for a, b in zip(old, wanted, strict=True))
        new = dotted(mixed.encode("cp437"))
        if not is_name(new):
            raise DosError(ACCESS_DENIED)
        k.fcbs.forget((*k.cwd, entry.name))
        k.root.rename((*k.cwd, entry.name), (*k.cwd, new))
    return DONE


# -- searches --------------------------------------------------------------------------------------


@call(0x11)
@served(FAILED)
def find_first_fcb(k: "Kernel", fcb: Fcb) -> int:
    """The first file of the pattern: its directory entry goes to the DTA, after the drive."""
    fcb.name(wild=True)
    return _find(k, fcb, k.searches.start(k.cwd), 0)


@call(0x12)
@served(FAILED)
def find_next_fcb(k: "Kernel", fcb: Fcb) -> int:
    """The next one of the search that the FCB is of."""
    return _find(k, fcb, k.ram.u16(fcb.at + SEARCH), k.ram.u16(fcb.at + SEARCH + 2))


def _find(k: "Kernel", fcb: Fcb, number: int, place: int) -> int:
    found = k.searches.following(number, fcb.name(wild=True), fcb.attributes, place)
    k.ram.put(fcb.at + SEARCH, number)
    k.ram.put(fcb.at + SEARCH + 2, OVER if found is None else found[0])
    if found is None:
        raise DosError(NO_MORE_FILES)
    entry = found[1]
    head = bytes([EXTENDED, 0, 0, 0, 0, 0, fcb.attributes]) if fcb.extended else b""
    data = fields(entry.name).encode("cp437", "replace")[:11] + bytes([entry.attributes])
    data += bytes(10) + entry.stamp.to_bytes(4, "little") + bytes(2)
    data += entry.size.to_bytes(4, "little")
    k.ram.write(k.dta_at, head + bytes([DRIVE_C]) + data)
    return DONE


# -- records ---------------------------------------------------------------------------------------


def _read(k: "Kernel", fcb: Fcb, record: int, count: int) -> tuple[int, int]:
    """Read records to the DTA: AL, and how many."""
    size, path = fcb.record_size, _path(k, fcb)
    room = (SEGMENT_SIZE - k.dta[1]) // size
    wanted = min(count, room)
    name = device(path[-1])
    if wanted == 0:
        data = b""
    elif name:
        data = read_con(k, wanted * size) if name == "CON" else b""
    else:
        data = k.fcbs.get(path).read(record * size, wanted * size)
    whole, rest = divmod(len(data), size)
    done = whole + (1 if rest else 0)
    k.ram.write(k.dta_at, data.ljust(done * size, b"\0"))
    if rest:
        return PART, done
    if whole < wanted:
        return END, done
    return (DONE if wanted == count else WRAPS), done


def _write(k: "Kernel", fcb: Fcb, record: int, count: int) -> tuple[int, int]:
    """Write records from the DTA: AL, and how many."""
    size, path = fcb.record_size, _path(k, fcb)
    wanted = min(count, (SEGMENT_SIZE - k.dta[1]) // size)
    data = k.ram.read(k.dta_at, wanted * size)
    if name := device(path[-1]):
        write_to(k, Open(name, BOTH), data)
        return (DONE if wanted == count else WRAPS), wanted
    file = k.fcbs.get(path)
    done = file.write(record * size, data) // size
    fcb.update(file.size(), file.stamp())
    if done < wanted:
        return END, done
    return (DONE if wanted == count else WRAPS), done


@call(0x14)
@served(END)
def read_next(k: "Kernel", fcb: Fcb) -> int:
    """Read the next record to the DTA; AL = 1: there is none, 3: a part."""
    al, done = _read(k, fcb, fcb.record, 1)
    fcb.record += done
    return al


@call(0x15)
@served(END)
def write_next(k: "Kernel", fcb: Fcb) -> int:
    """Write the next record from the DTA; AL = 1: there is no room."""
    al, done = _write(k, fcb, fcb.record, 1)
    fcb.record += done
    return al


@call(0x21)
@served(END)
def read_random(k: "Kernel", fcb: Fcb) -> int:
    """Read the random record."""
    fcb.record = fcb.random
    return _read(k, fcb, fcb.random, 1)[0]


@call(0x22)
@served(END)
def write_random(k: "Kernel", fcb: Fcb) -> int:
    """Write it."""
    fcb.record = fcb.random
    return _write(k, fcb, fcb.random, 1)[0]


@call(0x23)
@served(FAILED)
def size_fcb(k: "Kernel", fcb: Fcb) -> int:
    """The random record is the number of records in the file."""
    path = _path(k, fcb)
    entry = k.root.entry(path)
    if entry.attributes & DIRECTORY:
        raise DosError(FILE_NOT_FOUND)
    fcb.random = -(-entry.size // fcb.record_size)
    return DONE


@call(0x24)
def set_random(k: "Kernel") -> None:
    """The random record is the next one of AH=14h."""
    fcb = Fcb(k.ram, k.regs.ds, k.regs.dx)
    fcb.random = fcb.record
    k.regs.al = 0


@call(0x27)
@served(END)
def read_block(k: "Kernel", fcb: Fcb) -> int:
    """Read CX records from the random one on; CX is how many there were."""
    return _moved(k, fcb, *_read(k, fcb, fcb.random, k.regs.cx))


@call(0x28)
@served(END)
def write_block(k: "Kernel", fcb: Fcb) -> int:
    """Write CX records. CX = 0: the file ends at the random record."""
    if k.regs.cx:
        return _moved(k, fcb, *_write(k, fcb, fcb.random, k.regs.cx))
    path = _path(k, fcb)
    if not device(path[-1]):
        file = k.fcbs.get(path)
        file.truncate(fcb.random * fcb.record_size)
        fcb.update(file.size(), file.stamp())
    return DONE


def _moved(k: "Kernel", fcb: Fcb, al: int, done: int) -> int:
    k.regs.cx = done
    fcb.random = fcb.record = (fcb.random + done) & 0xFFFFFFFF
    return al
