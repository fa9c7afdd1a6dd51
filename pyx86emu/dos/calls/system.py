"""The system: time, version, country, tables: AH=29h-2Dh, 30h, 33h, 34h, 37h, 38h, 52h, 59h, 63h,
65h, 66h."""

from datetime import datetime
from typing import TYPE_CHECKING

from ..codes import FILE_NOT_FOUND, INVALID_FUNCTION, DosError
from ..guest import (
    CAPITALS,
    CASE_MAP,
    IN_DOS,
    LEAD_BYTES,
    LISTS,
    NAME_CHARS,
    ORDER,
    SEGMENT,
    capital,
    far,
)
from ..loading import VERSION, parse_fcb
from ..table import call

if TYPE_CHECKING:
    from ..kernel import Kernel

YEARS = range(1980, 2100)
USA, CODE_PAGE = 1, 437
#: The tables of AX=65xxh.
TABLES = {2: CAPITALS, 4: CAPITALS, 5: NAME_CHARS, 6: ORDER, 7: LEAD_BYTES}


@call(0x2A)
def date(k: "Kernel") -> None:
    """The date of the guest's clock: year CX, month DH, day DL, day of the week AL (0 = Sunday)."""
    t, regs = k.machine.rtc.time, k.regs
    regs.cx, regs.dh, regs.dl, regs.al = t.year, t.month, t.day, t.isoweekday() % 7


@call(0x2B)
def set_date(k: "Kernel") -> None:
    """Set it; AL = FFh: there is no such day."""
    t, regs = k.machine.rtc.time, k.regs
    _set(k, regs.cx, regs.dh, regs.dl, t.hour, t.minute, t.second)


@call(0x2C)
def time(k: "Kernel") -> None:
    """The time of the guest's clock: CH:CL:DH, and hundredths of a second in DL."""
    t, regs = k.machine.rtc.time, k.regs
    regs.ch, regs.cl, regs.dh = t.hour, t.minute, t.second
    regs.dl = k.machine.vm.time // 10_000_000 % 100


@call(0x2D)
def set_time(k: "Kernel") -> None:
    """Set it; AL = FFh: there is no such time."""
    t, regs = k.machine.rtc.time, k.regs
    hundredths = regs.dl if regs.dl < 100 else -1
    _set(k, t.year, t.month, t.day, regs.ch, regs.cl, regs.dh, hundredths * 10_000)


def _set(k: "Kernel", *when: int) -> None:
    try:
        if when[0] not in YEARS:
            raise ValueError
        k.machine.rtc.time = datetime(*when).replace(microsecond=0)  # type: ignore[arg-type]
    except ValueError:
        k.regs.al = 0xFF
    else:
        k.regs.al = 0


@call(0x29)
def parse_name(k: "Kernel") -> None:
    """The word at DS:SI as an FCB at ES:DI; SI is after it, AL = 1: it has ? or *."""
    regs = k.regs
    raw = k.ram.read((regs.ds << 4) + regs.si, 128)
    fcb, rest, al = parse_fcb(raw, skip=bool(regs.al & 1))
    at = (regs.es << 4) + regs.di
    old, options = k.ram.read(at, 12), regs.al
    drive = old[:1] if options & 2 and not fcb[0] else fcb[:1]
    name = old[1:9] if options & 4 and not fcb[1:9].strip() else fcb[1:9]
    extension = old[9:12] if options & 8 and not fcb[9:].strip() else fcb[9:]
    k.ram.write(at, drive + name + extension)
    regs.si, regs.al = (regs.si + 128 - len(rest)) & 0xFFFF, al


@call(0x30)
def version(k: "Kernel") -> None:
    """DOS 5.0; no OEM."""
    k.regs.al, k.regs.ah = VERSION
    k.regs.bx = k.regs.cx = 0


@call(0x33)
def break_check(k: "Kernel") -> None:
    """Get (AL=0) or set (1) the check of Ctrl-C, get the boot drive (5), the version (6)."""
    regs = k.regs
    if regs.al == 0:
        regs.dl = int(k.break_check)
    elif regs.al == 1:
        k.break_check = bool(regs.dl & 1)
    elif regs.al == 2:
        old, k.break_check = k.break_check, bool(regs.dl & 1)
        regs.dl = int(old)
    elif regs.al == 5:
        regs.dl = 3
    elif regs.al == 6:
        regs.bl, regs.bh, regs.dx = *VERSION, 0
    else:
        regs.al = 0xFF


@call(0x34)
def in_dos(k: "Kernel") -> None:
    """ES:BX is the flag that DOS is busy, which is never seen."""
    k.regs.es, k.regs.bx = SEGMENT, IN_DOS


@call(0x37)
def switch_character(k: "Kernel") -> None:
    """The character of options is /."""
    k.regs.al, k.regs.dl = (0, 0x2F) if k.regs.al == 0 else (0xFF, k.regs.dl)


@call(0x38)
def country(k: "Kernel") -> None:
    """The formats of country 1, USA, to DS:DX."""
    regs = k.regs
    if regs.al not in (0, USA) and not (regs.al == 0xFF and regs.bx == USA):
        raise DosError(FILE_NOT_FOUND)
    if regs.dx != 0xFFFF:
        k.ram.write((regs.ds << 4) + regs.dx, _formats())
    regs.ax = regs.bx = USA


def _formats() -> bytes:
    """Dates as month, day, year; $ before an amount, with 2 digits after the point; 12 hours."""
    case_map = far(SEGMENT, CASE_MAP)
    separators = b",\0.\0-\0:\0"
    return b"\0\0$\0\0\0\0" + separators + b"\0\x02\0" + case_map + b",\0" + bytes(10)


@call(0x52)
def list_of_lists(k: "Kernel") -> None:
    """ES:BX is the list of lists; the first memory block, NUL and LASTDRIVE are in it."""
    k.regs.es, k.regs.bx = SEGMENT, LISTS


@call(0x59)
def last_error(k: "Kernel") -> None:
    """The error of the last function that failed; BH: class, BL: what to do, CH: where."""
    regs = k.regs
    regs.ax = k.last_error
    regs.bx, regs.ch = (0, 0) if not k.last_error else (0x0804, 1)


@call(0x63)
def lead_bytes(k: "Kernel") -> None:
    """DS:SI is the table of lead bytes, which is empty."""
    if k.regs.al:
        raise DosError(INVALID_FUNCTION)
    k.regs.ds, k.regs.si, k.regs.al = SEGMENT, LEAD_BYTES + 2, 0


@call(0x65)
def country_tables(k: "Kernel") -> None:
    """Formats (AL=1), tables (2, 4-7), and capital letters (20h-22h) of code page 437."""
    regs = k.regs
    at = (regs.es << 4) + regs.di
    if regs.al == 1:
        data = b"\x01" + (38).to_bytes(2, "little") + far(CODE_PAGE, USA) + _formats()
        k.ram.write(at, data[: regs.cx])
        regs.cx = min(regs.cx, len(data))
    elif regs.al in TABLES:
        k.ram.write(at, bytes([regs.al]) + far(SEGMENT, TABLES[regs.al]))
        regs.cx = 5
    elif regs.al == 0x20:
        regs.dl = capital(regs.dl)
    elif regs.al in (0x21, 0x22):
        start = (regs.ds << 4) + regs.dx
        text = k.ram.text(start, 0x10000) or b"" if regs.al == 0x22 else k.ram.read(start, regs.cx)
        k.ram.write(start, bytes(capital(char) for char in text))
    else:
        k.unknown()


@call(0x66)
def code_page(k: "Kernel") -> None:
    """Code page 437 is the only one."""
    if k.regs.al == 1:
        k.regs.bx = k.regs.dx = CODE_PAGE
    elif k.regs.al != 2 or k.regs.bx != CODE_PAGE:
        raise DosError(FILE_NOT_FOUND)
