"""The disks of a saved machine: find the one for each drive, save and restore them. Open none."""

from typing import TYPE_CHECKING, Any

from ..errors import StateError
from .disks.image import Disk
from .disks.saved import SavedDisk, from_values
from .drives import NAMES, Drives

if TYPE_CHECKING:
    from ..saved.state import State
    from .machine import Machine


def disk_in(m: "Machine", name: str) -> Any:
    """The disk that is in a drive now."""
    unit = ord(name[2]) - ord("a")
    if name[0] == "f":
        return m.floppy.drives[unit].disk
    drive = m.ata.drives[unit]
    return None if drive is None else drive.disk


def now_in_drives(m: "Machine") -> dict[str, Any]:
    return {name: disk for name in NAMES if (disk := disk_in(m, name)) is not None}


def disk_count(m: "Machine") -> int:
    floppies, drives = m.floppy.drives, m.ata.present
    return sum(drive.disk is not None for drive in floppies) + len(drives)


def look_at_disks(m: "Machine") -> list[tuple[str, Disk, tuple[int, bool]]]:
    return [(name, disk, disk.version) for name, disk in now_in_drives(m).items()]


def save_disks(m: "Machine") -> dict[str, SavedDisk]:
    found: dict[str, SavedDisk] = {}
    for name, disk in now_in_drives(m).items():
        if not isinstance(disk, Disk):
            raise StateError(
                f"the disk in {name} cannot be saved, it is a {type(disk).__name__}: put in a Disk"
            )
        found[name] = disk.save()
        m._known_disks.add(disk)
    return found


def find_disks(m: "Machine", state: "State") -> dict[str, tuple[Disk, SavedDisk]]:
    """By drive, the disk that is to be in it, and what it is to have. StateError: there is
    none with that image."""
    found: dict[str, tuple[Disk, SavedDisk]] = {}
    taken: list[Disk] = []
    now = now_in_drives(m)
    for name in state.disks:
        if name not in NAMES:
            raise StateError(f"a state of a machine that is damaged: it has a drive {name!r:.40}")
    for name in ("hda", "hdb"):
        if (name in state.disks) != (name in now):
            has = "a disk" if name in now else "none"
            raise StateError(
                f"the state is of a machine with other hard disks: {name} has {has} here; "
                "make the Machine with the same disks"
            )
    for name, saved in state.disks.items():
        first = saved.disk if isinstance(saved, SavedDisk) else None
        choice = [now.get(name)]
        if name[0] == "f":
            choice += [now.get("fda"), now.get("fdb"), *m.drives.floppies]
            if first in m._known_disks:
                choice.insert(0, first)
        why = f"{name} is empty: insert the disk that the state was saved with"
        refused: str | None = None
        for disk in choice:
            if not isinstance(disk, Disk) or any(disk is each for each in taken):
                continue
            wanted = saved if isinstance(saved, SavedDisk) else from_values(saved, disk.count)
            no = disk.refusal(wanted)
            if no is None:
                found[name] = disk, wanted
                taken.append(disk)
                break
            refused = refused or f"{name}: {no}"
        else:
            raise StateError(refused or why)
    return found


def insert(m: "Machine", disks: dict[str, tuple[Disk, SavedDisk]]) -> None:
    """Put these disks into the drives, and no others."""
    for unit, name in enumerate(("fda", "fdb")):
        m.floppy.drives[unit].disk = disks[name][0] if name in disks else None
    for disk, saved in disks.values():
        disk.restore(saved)
        m._known_disks.add(disk)


def fork_disks(m: "Machine") -> tuple[Drives, dict[int, Disk]]:
    """Forks of the disks, and by the id of each disk its fork."""
    drives, twins = Drives(), dict[int, Disk]()
    drives.order = m.drives.order
    drives._owned = owned = []
    try:
        for name, disk in (*now_in_drives(m).items(), *m.drives.disks.items()):
            if disk is None:
                continue
            if not isinstance(disk, Disk):
                raise StateError(f"the disk in {name} is no Disk: a fork cannot share it")
            if id(disk) not in twins:
                twins[id(disk)] = disk.fork()
                owned.append(twins[id(disk)])
    except BaseException:
        drives.close()
        raise
    for name, disk in m.drives.disks.items():
        drives.disks[name] = None if disk is None else twins[id(disk)]
    return drives, twins
