"""Commands of an ATA drive as requests: name them for who watches. Execute none."""

from typing import TYPE_CHECKING

from ..requests import Request

if TYPE_CHECKING:
    from .drive import AtaDrive

#: Bits of the error register.
ERRORS = {0x40: "UNC", 0x10: "IDNF", 0x04: "ABRT"}
#: The names of the standard, and the direction of the sectors.
NAMES: dict[int, tuple[str, str]] = {
    **dict.fromkeys((0x20, 0x21), ("READ SECTORS", "read")),
    **dict.fromkeys((0x30, 0x31), ("WRITE SECTORS", "write")),
    **dict.fromkeys((0x40, 0x41), ("READ VERIFY SECTORS", "verify")),
    0xC4: ("READ MULTIPLE", "read"),
    0xC5: ("WRITE MULTIPLE", "write"),
    0xC6: ("SET MULTIPLE MODE", "none"),
    0x91: ("INITIALIZE DEVICE PARAMETERS", "none"),
    0xE7: ("FLUSH CACHE", "none"),
    0xEC: ("IDENTIFY DEVICE", "none"),
    0xEF: ("SET FEATURES", "none"),
    **dict.fromkeys((0x94, 0xE0), ("STANDBY IMMEDIATE", "none")),
    **dict.fromkeys((0x95, 0xE1), ("IDLE IMMEDIATE", "none")),
    **dict.fromkeys((0x96, 0xE2), ("STANDBY", "none")),
    **dict.fromkeys((0x97, 0xE3), ("IDLE", "none")),
    **dict.fromkeys((0x98, 0xE5), ("CHECK POWER MODE", "none")),
    **dict.fromkeys((0x99, 0xE6), ("SLEEP", "none")),
    **dict.fromkeys(range(0x10, 0x20), ("RECALIBRATE", "none")),
    **dict.fromkeys(range(0x70, 0x80), ("SEEK", "none")),
}
LBA = 0x40


def of(drive: "AtaDrive", code: int) -> Request:
    """A command that begins, with the address that the registers have."""
    name, direction = NAMES.get(code, ("unknown command", "none"))
    who = "hdb" if drive.unit else "hda"
    if direction == "none":
        return Request(who, code, name, direction)
    chs = None
    if not drive.device & LBA:
        chs = (drive.high << 8 | drive.low, drive.device & 0x0F, drive.number)
    return Request(who, code, name, direction, drive.address(), chs, drive.count or 256)
