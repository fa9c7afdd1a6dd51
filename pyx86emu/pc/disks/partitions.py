"""Partition tables: check an MBR, and find the geometry that it was made with. Know no images."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from .geometry import LIMITS, Geometry
from .sectors import SECTOR

#: The signature of a boot sector, and where it is.
SIGNATURE, SIGNED_AT = b"\x55\xaa", SECTOR - 2
TABLE, ENTRY, ENTRIES = 446, 16, 4
GPT_PROTECTIVE = 0xEE
#: The largest cylinder of a CHS address. What is after it has this cylinder, or is all FEh or FFh.
LAST_CYLINDER = LIMITS[0][1] - 1


class Chs(NamedTuple):
    """An address as a partition table has it: the sector counts from 1."""

    cylinder: int
    head: int
    sector: int


class Partition(NamedTuple):
    """An entry of a partition table; `start` and `length` are in sectors."""

    number: int
    active: bool
    type: int
    first: Chs
    last: Chs
    start: int
    length: int


def signed(sector: bytes) -> bool:
    """True: 55AAh ends the first sector."""
    return sector[SIGNED_AT:SECTOR] == SIGNATURE


def partitions(sector: bytes) -> list[Partition] | str:
    """The partitions of a first sector, or what keeps it from being a partition table.

    Each entry is empty, or its flag is 00h or 80h, its type is not 0, it starts after sector 0 and
    does not overlap another.
    """
    if not signed(sector):
        return "it has no 55AAh"
    found: list[Partition] = []
    for number in range(1, ENTRIES + 1):
        at = TABLE + (number - 1) * ENTRY
        entry = sector[at : at + ENTRY]
        if not any(entry):
            continue
        start, length = (int.from_bytes(entry[i : i + 4], "little") for i in (8, 12))
        if entry[0] not in (0, 0x80):
            return f"the flag of entry {number} is {entry[0]:02X}h"
        if not entry[4] or not start or not length:
            return f"entry {number} has no type, start or length"
        first, last = _chs(entry[1:4]), _chs(entry[5:8])
        found.append(Partition(number, entry[0] == 0x80, entry[4], first, last, start, length))
    if not found:
        return "its partition table is empty"
    by_start = sorted(found, key=lambda each: each.start)
    for one, other in pairwise(by_start):
        if one.start + one.length > other.start:
            return f"entries {one.number} and {other.number} overlap"
    return found


def outside(found: list[Partition], sectors: int) -> Partition | None:
    """The first partition that is not all on a disk of so many sectors. The entry that protects a
    GPT may say more than there is (UEFI specification, 5.2.3)."""
    for each in found:
        end = each.start + each.length
        if end > sectors and not (each.type == GPT_PROTECTIVE and each.start < sectors):
            return each
    return None


def _chs(field: bytes) -> Chs:
    head, sector, cylinder = field
    return Chs(cylinder | (sector & 0xC0) << 2, head, sector & 0x3F)


def table_geometry(found: list[Partition], sectors: int) -> Geometry | None:
    """The geometry that the CHS addresses of a partition table were made with, for a disk of so
    many sectors; None if they do not say.

    Each CHS address must be its LBA in that geometry. Where all addresses are after the last
    cylinder, the last head and sector of a partition give it, since partitions end at a cylinder.
    """
    fits: set[tuple[int, int]] | None = None
    low: list[tuple[Chs, int]] = []  # of cylinder 0, which says nothing of heads
    for address, lba in _addresses(found):
        if not address.cylinder:
            low.append((address, lba))
            continue
        possible = set(_tracks(address, lba))
        fits = possible if fits is None else fits & possible

    def agree(end: tuple[int, int]) -> bool:
        return all(at.head * end[1] + at.sector - 1 == lba for at, lba in low)

    ends = [(each.last.head + 1, each.last.sector) for each in found]
    if fits is None:
        fits = {end for end in ends if 1 < end[0] < 256 and end[1] and agree(end)}
        if len(fits) != 1:
            return None
    if not fits:
        return None
    fits = {end for end in fits if agree(end)} or fits
    best = next((end for end in ends if end in fits), None) or max(fits, key=lambda hs: hs[::-1])
    heads, track = best
    return min(LIMITS[0][1], max(1, sectors // (heads * track))), heads, track


def _addresses(found: list[Partition]) -> Iterator[tuple[Chs, int]]:
    """The CHS addresses that say a geometry, and their LBAs."""
    for each in found:
        for address, lba in (
            (each.first, each.start),
            (each.last, each.start + each.length - 1),
        ):
            if address.cylinder < LAST_CYLINDER and address.sector:
                yield address, lba


def _tracks(address: Chs, lba: int) -> Iterator[tuple[int, int]]:
    """All (heads, sectors a track) in which `address` is `lba`."""
    cylinder, head, sector = address
    for track in range(sector, LIMITS[2][1] + 1):
        tracks, rest = divmod(lba - (sector - 1), track)
        if rest or tracks < head:
            continue
        heads, rest = divmod(tracks - head, cylinder)
        if not rest and head < heads <= LIMITS[1][1]:
            yield heads, track
