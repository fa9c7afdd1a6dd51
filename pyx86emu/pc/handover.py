"""The hand-over: read from POST codes what the BIOS boots. Knows the codes, not how they come.

firmware/int19.inc writes them to port 80h.
"""

from collections.abc import Sequence

#: Where a BIOS puts the boot sector, and jumps.
BOOT_SECTOR = 0x7C00

#: The boot sector starts.
POST_BOOT = 0x09
#: How many instructions of the BIOS come between that code and the boot sector.
STEPS = 3
#: Nothing can be started. Before it: POST_TRIED, drive, reason for each drive that was tried.
POST_NOTHING = 0x0A
POST_TRIED = 0x0B

#: Reasons: a status of INT 13h, or one of our own.
REASONS = {
    0x80: "no disk in it",
    0xF0: "there is none",
    0xF1: "its first sector does not end with 55AAh",
    0xF2: "its first sector has only zeros",
}


def tried(codes: Sequence[int], booted: bool) -> str:
    """What the BIOS has tried, as one line; `codes` end with POST_NOTHING.

    >>> tried((9, 0x0B, 0x00, 0x80, 0x0B, 0x80, 0xF0, 0x0A), booted=False)
    'drive A: no disk in it; hard disk: there is none'
    """
    found: list[str] = []
    end = len(codes) - 1
    while end >= 3 and codes[end - 3] == POST_TRIED:
        drive, reason = codes[end - 2 : end]
        name = "hard disk" if drive & 0x80 else f"drive {chr(ord('A') + drive)}"
        why = REASONS.get(reason, f"its first sector cannot be read (status {reason:02X}h)")
        found.insert(0, f"{name}: {why}")
        end -= 3
    if not found and booted:
        return "the boot sector was started; it found nothing to load (INT 18h)"
    return "; ".join(found)
