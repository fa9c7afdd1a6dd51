"""Disks of directories: choose the size, make the file system, copy the files. Open no image."""

import os
from tempfile import TemporaryFile

from ...errors import DiskError
from .fat import ENTRY, FAT16_FROM, Volume
from .fatmake import LARGEST_HD, Plan, RawImage, floppy, hard_disk, write
from .geometry import USUAL, Geometry, checked, floppy_geometry, format_name, is_floppy
from .hostdir import Found, HostDirectory
from .identify import PREFIX, Identity, Kind, Made

#: What QEMU has between "fat:" and the directory, and what to use here.
QEMU_WORDS = {
    "rw:": "give write_back=True (--write-back)",
    "floppy:": 'give kind="floppy" (-fda)',
    "12:": "floppies and small disks have FAT12 by themselves",
    "16:": "larger disks have FAT16 by themselves",
    "32:": "the largest disk has 2 GiB and FAT16",
}
SMALLEST, LARGEST_FLOPPY = USUAL, (80, 2, 36)
#: A hard disk has this size at least, and room for as much again.
LEAST_HD = 32 << 20


def directory_of(source: str) -> str:
    """The directory of "fat:DIR". DiskError: it has one of QEMU's words, or none."""
    directory = source.removeprefix(PREFIX)
    word = next((word for word in QEMU_WORDS if directory.startswith(word)), None)
    if word is not None and not os.path.isdir(directory):
        raise DiskError(f"{source}: '{word}' is not for here, {QEMU_WORDS[word]}: give fat:DIR")
    if not directory:
        raise DiskError("fat: names no directory: give fat:DIR")
    return directory


def directory_image(
    directory: str, kind: Kind | None, size: int | None, geometry: Geometry | None
) -> Made:
    """Make a FAT disk of the files of a directory. Errors as for `Disk.from_directory`."""
    name = PREFIX + directory
    host = HostDirectory(directory)
    try:
        found = host.scan()
        kind, plan = _plan(name, found, kind, size, geometry)
        with TemporaryFile(prefix="pyx86emu-fat-") as file:
            image = RawImage(file.fileno(), plan.sectors, name)
            write(image, plan)
            host.fill(Volume(image), found)
            fd = os.dup(file.fileno())
    except BaseException:
        host.close()
        raise
    fat = "FAT12" if plan.block.clusters < FAT16_FROM else "FAT16"
    what = f"{format_name(plan.geometry)}, a floppy" if kind == "floppy" else "a hard disk"
    reason = f"{what} with {fat}, made of a directory"
    return Made(fd, host, Identity(kind, plan.geometry, reason))


def _plan(
    name: str, found: list[Found], kind: Kind | None, size: int | None, geometry: Geometry | None
) -> tuple[Kind, Plan]:
    if geometry is None and size is not None and kind != "hd":
        geometry = floppy_geometry(size)
        if geometry is None and kind == "floppy":
            raise DiskError(
                f"size = {size} is no floppy format: give {1440 << 10}, another one of them, or "
                'kind="hd"'
            )
    if geometry is not None:
        geometry = checked(geometry)
        if kind == "floppy" and not is_floppy(geometry):
            raise DiskError(
                f"geometry {geometry} is no floppy: give at most 2 heads, or a hard disk"
            )
        if kind != "hd" and is_floppy(geometry):
            return "floppy", _fitting(name, found, [floppy(geometry)])
        c, h, s = geometry
        return "hd", _fitting(name, found, [hard_disk(c * h * s * 512, geometry)])
    if size is not None:
        return "hd", _fitting(name, found, [hard_disk(size)])
    floppies = [floppy(SMALLEST), floppy(LARGEST_FLOPPY)]
    if kind == "floppy":
        return "floppy", _fitting(name, found, floppies)
    if kind is None and _needed(found, floppies[0]) is None:
        return "floppy", floppies[0]
    sizes = [LEAST_HD << i for i in range(6)] + [LARGEST_HD >> 24 << 24]
    plans = [hard_disk(size) for size in sizes]
    roomy = (plan for plan in plans if _needed(found, plan, 2) is None)
    return "hd", next(roomy, None) or _fitting(name, found, plans[-1:])


def _fitting(name: str, found: list[Found], plans: list[Plan]) -> Plan:
    """The first that has room for all files."""
    for plan in plans:
        why = _needed(found, plan)
        if why is None:
            return plan
    largest = plans[-1].block
    raise DiskError(
        f"{name} does not fit on a disk of {largest.total * 512} bytes: {why}; give a larger size, "
        'kind="hd" (-hda), or fewer files'
    )


def _needed(found: list[Found], plan: Plan, times: int = 1) -> str | None:
    """Why the files do not fit on a disk, or so many times; None: they do."""
    block = plan.block
    size = block.cluster_sectors * 512
    entries: dict[str, int] = {"": 0}
    clusters = 0
    for each in found:
        above = each.path.rpartition("/")[0]
        entries[above] = entries.get(above, 2) + 1
        if each.is_directory:
            entries.setdefault(each.path, 2)
        else:
            clusters += -(-each.size // size)
    if entries.pop("") > block.root_entries:
        return f"its root directory has {block.root_entries} entries at most"
    clusters += sum(-(-n * ENTRY // size) for n in entries.values())
    if clusters * times > block.clusters:
        return f"its files need {clusters * size} bytes, it has {block.clusters * size}"
    return None
