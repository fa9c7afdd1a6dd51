"""Commands of the floppy controller as requests: name them for who watches. Execute none."""

from collections.abc import Sequence

from ..requests import Request
from .drive import Drive

#: The names of the 82077AA's data sheet, and the direction of the data.
NAMES: dict[int, tuple[str, str]] = {
    0x02: ("READ TRACK", "read"),
    0x03: ("SPECIFY", "none"),
    0x04: ("SENSE DRIVE STATUS", "none"),
    0x05: ("WRITE DATA", "write"),
    0x06: ("READ DATA", "read"),
    0x07: ("RECALIBRATE", "none"),
    0x08: ("SENSE INTERRUPT STATUS", "none"),
    0x09: ("WRITE DELETED DATA", "write"),
    0x0A: ("READ ID", "read"),
    0x0C: ("READ DELETED DATA", "read"),
    0x0D: ("FORMAT TRACK", "write"),
    0x0E: ("DUMPREG", "none"),
    0x0F: ("SEEK", "none"),
    0x10: ("VERSION", "none"),
    0x12: ("PERPENDICULAR MODE", "none"),
    0x13: ("CONFIGURE", "none"),
    0x14: ("LOCK", "none"),
    0x16: ("VERIFY", "verify"),
}
#: Commands whose first parameter selects a drive.
SELECTING = (0x02, 0x04, 0x05, 0x06, 0x07, 0x09, 0x0A, 0x0C, 0x0D, 0x0F, 0x16)
SECTORS = (0x02, 0x05, 0x06, 0x09, 0x0C, 0x16)
#: Commands whose result begins with ST0, ST1 and ST2.
WITH_STATUS = (*SECTORS, 0x0A, 0x0D)
RELATIVE_SEEK = 0x8F
ERRORS = (
    (0, 0x08, "not ready"),
    (1, 0x02, "write protected"),
    (1, 0x10, "overrun"),
    (1, 0x01, "no address mark"),
    (1, 0x04, "no such sector"),
    (1, 0x80, "end of cylinder"),
)


def of(drives: Sequence[Drive], command: int, parameters: Sequence[int]) -> Request:
    """A command that begins."""
    code = command & 0x1F
    name, direction = NAMES.get(code, ("unknown command", "none"))
    selecting = code in SELECTING
    if command & RELATIVE_SEEK == RELATIVE_SEEK:
        name, selecting = "RELATIVE SEEK", True
    select = parameters[0] if selecting and parameters else 0
    unit = select & 3
    who = "abcd"[unit] if selecting else "-"
    if code == 0x0F and len(parameters) > 1:
        return Request(who, command, f"{name} {parameters[1]}", direction)
    if code not in SECTORS or len(parameters) < 6:
        return Request(who, command, name, direction)
    cylinder, head, sector, _, last = parameters[1:6]
    lba = None
    drive = drives[unit] if unit < len(drives) else None
    if drive is not None and drive.disk is not None and sector:
        _, heads, sectors = drive.disk.geometry
        lba = (cylinder * heads + head) * sectors + sector - 1
    chs = (cylinder, head, sector)
    return Request(who, command, name, direction, lba, chs, max(last - sector + 1, 0))


def result(command: int, values: Sequence[int]) -> str:
    """The bytes of the result phase in words."""
    if command & 0x1F not in WITH_STATUS or len(values) < 3:
        return values_in_hex(values)
    if values[0] >> 6 == 0:
        return "ok"
    words = [text for at, bit, text in ERRORS if values[at] & bit]
    return ", ".join(words) or f"ST0={values[0]:02x}h"


def values_in_hex(values: Sequence[int]) -> str:
    """Of the commands that answer with something else."""
    return f"ok ({bytes(values).hex(' ')})" if list(values) != [0x80] else "invalid command"
