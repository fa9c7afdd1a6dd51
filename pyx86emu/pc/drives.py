"""The drives: decide which disk is in which drive, and in which order they boot. Know no ports."""

from ..errors import MachineError
from .disks.identify import Kind
from .disks.image import Disk, Source

#: The drives of a machine: two floppy drives, two hard disks.
NAMES = ("fda", "fdb", "hda", "hdb")
#: The boot orders: a = floppy drive A, c = the first hard disk.
ORDERS = ("a", "c", "ac", "ca")

Boot = Source | Disk | None


def checked_order(order: str) -> str:
    """`order` if it is one of `ORDERS`. TypeError, MachineError: it is not."""
    if not isinstance(order, str):
        raise TypeError(f"order must be text such as 'ac', not {type(order).__name__}")
    if order not in ORDERS:
        raise MachineError(
            f"boot order {order!r}: give a (floppy drive A), c (the first hard disk), ac or ca"
        )
    return order


class Drives:
    """The disks of a machine by drive, `NAMES`. What is not a Disk yet is opened, and closed by
    `close()`.

    `boot` is a disk whose kind decides whether it is in drive A or the first hard disk; the machine
    then boots it first. `order` is one of `ORDERS`, by default "ac".

    MachineError: two disks for one drive, one disk in two drives, or no such order. Other errors as
    for `Disk`; nothing stays open then.
    """

    def __init__(
        self,
        boot: Boot = None,
        *,
        fda: Boot = None,
        fdb: Boot = None,
        hda: Boot = None,
        hdb: Boot = None,
        order: str | None = None,
    ) -> None:
        if order is not None:
            checked_order(order)
        self.disks: dict[str, Disk | None] = dict.fromkeys(NAMES)
        self._owned: list[Disk] = []
        try:
            for name, source in zip(NAMES, (fda, fdb, hda, hdb), strict=True):
                if source is not None:
                    self._put(name, source)
            first = None if boot is None else self._boot(boot)
        except BaseException:
            self.close()
            raise
        self.order = order or ("c" if first == "hda" else "ac")

    def _put(self, name: str, source: Source | Disk) -> None:
        floppy = name in ("fda", "fdb")
        if isinstance(source, Disk):
            disk = source
        else:
            disk = self._open(source, "floppy" if floppy else "hd")
        if floppy and disk.kind == "hd":
            raise MachineError(
                f"{disk.name} is a hard disk ({disk.reason}), {name} is a floppy drive: "
                'give it as hda=, or make it a floppy, Disk(..., kind="floppy")'
            )
        for other, there in self.disks.items():
            if there is disk:
                raise MachineError(f"{disk.name} is in {other} and in {name}: give it to one drive")
        self.disks[name] = disk

    def _boot(self, boot: Source | Disk) -> str:
        disk = boot if isinstance(boot, Disk) else self._open(boot, None)
        name = "hda" if disk.kind == "hd" else "fda"
        if self.disks[name] is not None:
            raise MachineError(
                f"{disk.name} is the disk to boot, so it goes into {name}, but {name}= gives that "
                f"drive {self.disks[name]!r}: leave one of them out"
            )
        self._put(name, disk)
        return name

    def _open(self, source: Source, kind: Kind | None) -> Disk:
        disk = Disk(source, kind=kind)
        self._owned.append(disk)
        return disk

    @property
    def floppies(self) -> tuple[Disk | None, Disk | None]:
        """The disks in drives A and B."""
        return self.disks["fda"], self.disks["fdb"]

    @property
    def hard_disks(self) -> tuple[Disk | None, Disk | None]:
        """The master and the slave."""
        return self.disks["hda"], self.disks["hdb"]

    @property
    def first(self) -> Disk | None:
        """The disk that the machine boots from: the first of the boot order that is there."""
        found = (self.disks["fda" if drive == "a" else "hda"] for drive in self.order)
        return next((disk for disk in found if disk is not None), None)

    @property
    def changed(self) -> int:
        """How many sectors the guest has written that are not in their images."""
        return sum(disk.changed for disk in self.disks.values() if disk is not None)

    def close(self) -> None:
        """Close the disks that were opened here. If some cannot be closed, the first error comes
        out after all were tried; a second call tries those again."""
        failure: BaseException | None = None
        for disk in self._owned:
            try:
                disk.close()
            except OSError as error:
                failure = failure or error
        if failure is not None:
            raise failure
