"""What an image is: decide floppy or hard disk and the geometry, and say why. Open nothing."""

from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

from ...errors import DiskError
from . import magic
from .bpb import bpb, elks, fits_drive
from .geometry import (
    MOST_SECTORS,
    USUAL,
    USUAL_SIZE,
    Geometry,
    checked,
    floppy_geometry,
    format_name,
    is_floppy,
    lba_assist,
)
from .partitions import outside, partitions, table_geometry
from .sectors import SECTOR

if TYPE_CHECKING:
    from .hostdir import HostDirectory

Kind = Literal["floppy", "hd"]

#: A path that begins with this is a directory of which a disk is made.
PREFIX = "fat:"


def checked_kind(kind: object) -> Kind | None:
    """A kind that was given. DiskError: it is none."""
    for known in ("floppy", "hd"):
        if isinstance(kind, str) and kind == known:
            return "floppy" if known == "floppy" else "hd"
    if kind is not None:
        raise DiskError(f'kind is {kind!r}: give "floppy", "hd" or None')
    return None


class Identity(NamedTuple):
    """What an image is: its kind, (cylinders, heads, sectors per track), and the reason as text."""

    kind: Kind
    geometry: Geometry
    reason: str


class Made(NamedTuple):
    """A disk that was made of a directory: its image is a file without a name, of which the owner
    has `fd` and `host`."""

    fd: int
    host: "HostDirectory"
    identity: Identity


def identify(
    head: bytes,
    size: int,
    *,
    name: str,
    geometry: object = None,
    hint: Kind | None = None,
    tail: bytes = b"",
) -> Identity:
    """Decide what an image of `size` bytes is. The first rule that applies decides:

    1. `geometry`, checked. More than 256 cylinders or 2 heads, or a partition table on a disk that
       has not the size of a floppy, is a hard disk.
    2. A size that is a floppy format (`FORMATS`).
    3. A valid partition table: a hard disk.
    4. A sane BPB in the boot sector, or the block that ELKS has there: a floppy if a drive can have
       it, else a hard disk.
    5. Up to 1,474,560 bytes: a 1.44M floppy.

    `hint` is the kind of drive that was asked for. "hd" decides at once, and "floppy" leaves out 3.
    A hard disk has the geometry of its partition table, else of its BPB, else of LBA assist.
    `head` is the first `magic.HEAD` bytes, `tail` nothing or the last `magic.TAIL` bytes, and
    `name` is what errors call the image.

    DiskError: it is empty, larger than 128 GiB, no raw disk (unless `geometry` is given), or no
    rule applies; or `geometry` is out of range. TypeError: `geometry` is not three integers.

    >>> identify(bytes([0xF4]), 1, name="boot.bin")
    Identity(kind='floppy', geometry=(80, 2, 18), reason='1.44M, the usual floppy for 1 byte')
    """
    asked = None if geometry is None else checked(geometry)
    if size == 0:
        raise DiskError(f"{name} is empty: a disk image has at least one 512-byte sector")
    if size > MOST_SECTORS * SECTOR:
        raise DiskError(f"{name} is {size} bytes: the largest disk is 128 GiB, give a smaller one")
    sectors = -(-size // SECTOR)
    if asked is not None:
        return _as_asked(head, size, name, asked, hint)
    if row := magic.found(head, size, tail):
        _no_disk(name, row)
    if hint == "hd":
        return _hard_disk(head, sectors, "a hard disk as asked")
    if known := floppy_geometry(size):
        return Identity("floppy", known, f"{format_name(known)}, a floppy by its size")
    why_not = ""
    if hint is None:
        table = partitions(head)
        if isinstance(table, str):
            why_not = table
        elif past := outside(table, sectors):
            why_not = (
                f"partition {past.number} ends at sector {past.start + past.length}, "
                f"the image at {sectors}"
            )
        else:
            return _hard_disk(head, sectors, "a hard disk by its partition table")
    if by_bpb := _by_bpb(head, sectors, hint):
        return by_bpb
    if size <= USUAL_SIZE:
        text = f"{format_name(USUAL)}, the usual floppy for {size} byte{'s' * (size != 1)}"
        return Identity("floppy", USUAL, text)
    if magic.is_iso(head):
        _no_disk(name, magic.ISO)
    reasons = "its size is no floppy format, its boot sector has no BPB of a floppy"
    if why_not:
        reasons = f"{reasons}, and {why_not}"
    raise DiskError(
        f"{name} is {size} bytes, and what disk it is cannot be seen ({reasons}): make it a hard "
        'disk, -hda FILE or kind="hd", or give its geometry, --geometry C,H,S or geometry=(C, H, S)'
    )


def _no_disk(name: str, row: magic.Row) -> NoReturn:
    from shlex import quote

    advice = row.advice.format(quote(name))
    raise DiskError(f"{name} is {row.what}, not a raw disk image: {advice}")


def _as_asked(head: bytes, size: int, name: str, asked: Geometry, hint: Kind | None) -> Identity:
    kind = hint
    if kind is None:
        table = floppy_geometry(size) is None and not isinstance(partitions(head), str)
        kind = "floppy" if is_floppy(asked) and not table else "hd"
    elif kind == "floppy" and not is_floppy(asked):
        text = ",".join(map(str, asked))
        raise DiskError(
            f"geometry {text} is no floppy of {name}: give at most 256 cylinders and 2 heads, "
            'or make it a hard disk, -hda or kind="hd"'
        )
    return Identity(kind, asked, "the geometry that was given")


def _hard_disk(head: bytes, sectors: int, reason: str) -> Identity:
    table = partitions(head)
    if not isinstance(table, str) and (made_with := table_geometry(table, sectors)):
        return Identity("hd", made_with, f"{reason}, geometry from the partition table")
    if isinstance(table, str) and (block := bpb(head)) and (said := block.hard_disk(sectors)):
        return Identity("hd", said, f"{reason}, geometry from the BPB")
    if isinstance(table, str) and (said := elks(head)):
        return Identity("hd", said, f"{reason}, geometry from the boot sector of ELKS")
    return Identity("hd", lba_assist(sectors), f"{reason}, geometry by LBA assist")


def _by_bpb(head: bytes, sectors: int, hint: Kind | None) -> Identity | None:
    block = bpb(head)
    if block is None:
        return _by_elks(head, sectors, hint)
    if said := block.floppy(sectors):
        return Identity("floppy", said, f"{format_name(said)}, a floppy by its BPB")
    if hint is None and block.total <= sectors:
        return _hard_disk(head, sectors, "a hard disk by its BPB")
    return None


def _by_elks(head: bytes, sectors: int, hint: Kind | None) -> Identity | None:
    said = elks(head)
    if said is None:
        return None
    all_sectors = said[0] * said[1] * said[2]
    if fits_drive(said) and sectors <= all_sectors:
        return Identity("floppy", said, f"{format_name(said)}, a floppy by the boot sector of ELKS")
    if hint is None and all_sectors <= sectors:
        return _hard_disk(head, sectors, "a hard disk by its boot sector")
    return None
