"""IDENTIFY DEVICE: say what a drive is, in 256 words (ATA-3, 8.9). Knows no commands."""

import struct

from ...disks.geometry import Geometry
from .registers import MOST_MULTIPLE

MODEL = "pyx86emu hard disk"
REVISION = "1.0"

#: The most sectors that LBA28 can count.
LBA28 = (1 << 28) - 1

FIXED = 0x0040
LBA = 0x0200
MULTIPLE_VALID = 0x0100
#: ATA-1, ATA-2 and ATA-3.
VERSIONS = 0x000E
POWER_MANAGEMENT, WRITE_CACHE, LOOK_AHEAD = 0x0008, 0x0020, 0x0040
#: Words 83 and 84: bit 14 is 1, so that a host sees that they are valid.
VALID = 0x4000
CYCLE_NS = 120


def text(value: str, length: int) -> bytes:
    """ATA's text: padded with spaces, the first character of each pair in the high byte.

    >>> text("abc", 4)
    b'ba c'
    """
    data = value.encode("ascii")[:length].ljust(length)
    return b"".join(data[i + 1 : i + 2] + data[i : i + 1] for i in range(0, length, 2))


def words(
    *,
    unit: int,
    count: int,
    default: Geometry,
    current: Geometry,
    multiple: int,
    write_cache: bool,
    look_ahead: bool,
) -> bytes:
    """The 512 bytes that IDENTIFY DEVICE transfers.

    `default` and `current` are the translations after power-on and now, `count` the sectors of the
    disk, `multiple` the sectors of a block, 0 before SET MULTIPLE MODE.
    """
    table = [0] * 256
    cylinders, heads, sectors = default
    table[0] = FIXED
    table[1], table[3], table[6] = cylinders, heads, sectors
    table[4], table[5] = 512 * sectors, 512
    table[20], table[21], table[22] = 3, 512, 4  # buffer: kind, sectors; bytes of ECC
    table[47] = 0x8000 | MOST_MULTIPLE
    table[49] = LBA
    table[51] = 0x0200  # PIO timing mode 2
    table[53] = 0x0003  # words 54-58 and 64-70 are valid
    table[54:57] = current
    capacity = min(current[0] * current[1] * current[2], count)
    table[57], table[58] = capacity & 0xFFFF, capacity >> 16
    table[59] = MULTIPLE_VALID | multiple if multiple else 0
    total = min(count, LBA28)
    table[60], table[61] = total & 0xFFFF, total >> 16
    table[64] = 0x0003  # PIO modes 3 and 4
    table[67] = table[68] = CYCLE_NS
    table[80] = VERSIONS
    table[82] = POWER_MANAGEMENT | WRITE_CACHE | LOOK_AHEAD
    table[83] = table[84] = table[87] = VALID
    table[85] = POWER_MANAGEMENT
    table[85] |= (WRITE_CACHE if write_cache else 0) | (LOOK_AHEAD if look_ahead else 0)
    data = bytearray(struct.pack("<256H", *table))
    data[20:40] = text(f"PYX86-{unit}", 20)
    data[46:54] = text(REVISION, 8)
    data[54:94] = text(MODEL, 40)
    return bytes(data)
