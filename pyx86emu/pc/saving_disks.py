"""The disks of a saved machine: find the one for each drive, save and restore them. Open none."""

from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from ..errors import StateError
from .disks.image import Disk
from .disks.saved import SavedDisk, from_values
from .drives import NAMES, Drives
from .parts import Parts

if TYPE_CHECKING:
    from ..saved.state import State


class SavingDisks(Parts):
    """The part of `Saving` that knows drives."""

    #: The disks that were in a drive when the machine was saved or restored.
    _known_disks: "WeakSet[Disk]"

    def _disk_in(self, name: str) -> Any:
        """The disk that is in a drive now."""
        unit = ord(name[2]) - ord("a")
        if name[0] == "f":
            return self.floppy.drives[unit].disk
        drive = self.ata.drives[unit]
        return None if drive is None else drive.disk

    def _now_in_drives(self) -> dict[str, Any]:
        return {name: disk for name in NAMES if (disk := self._disk_in(name)) is not None}

    def _disk_count(self) -> int:
        floppies, drives = self.floppy.drives, self.ata.present
        return sum(drive.disk is not None for drive in floppies) + len(drives)

    def _look_at_disks(self) -> list[tuple[str, Disk, tuple[int, bool]]]:
        return [(name, disk, disk.version) for name, disk in self._now_in_drives().items()]

    def _save_disks(self) -> dict[str, SavedDisk]:
        found: dict[str, SavedDisk] = {}
        for name, disk in self._now_in_drives().items():
            if not isinstance(disk, Disk):
                raise StateError(
                    f"the disk in {name} cannot be saved, it is a {type(disk).__name__}: "
                    "put in a Disk"
                )
            found[name] = disk.save()
            self._known_disks.add(disk)
        return found

    def _find_disks(self, state: "State") -> dict[str, tuple[Disk, SavedDisk]]:
        """By drive, the disk that is to be in it, and what it is to have. StateError: there is
        none with that image."""
        found: dict[str, tuple[Disk, SavedDisk]] = {}
        taken: list[Disk] = []
        now = self._now_in_drives()
        for name in state.disks:
            if name not in NAMES:
                raise StateError(
                    f"a state of a machine that is damaged: it has a drive {name!r:.40}"
                )
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
                choice += [now.get("fda"), now.get("fdb"), *self.drives.floppies]
                if first in self._known_disks:
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

    def _insert(self, disks: dict[str, tuple[Disk, SavedDisk]]) -> None:
        """Put these disks into the drives, and no others."""
        for unit, name in enumerate(("fda", "fdb")):
            self.floppy.drives[unit].disk = disks[name][0] if name in disks else None
        for disk, saved in disks.values():
            disk.restore(saved)
            self._known_disks.add(disk)

    def _fork_disks(self) -> tuple[Drives, dict[int, Disk]]:
        """Forks of the disks, and by the id of each disk its fork."""
        drives, twins = Drives(), dict[int, Disk]()
        drives.order = self.drives.order
        drives._owned = owned = []
        try:
            for name, disk in (*self._now_in_drives().items(), *self.drives.disks.items()):
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
        for name, disk in self.drives.disks.items():
            drives.disks[name] = None if disk is None else twins[id(disk)]
        return drives, twins
