"""The ATA channel: ports, selection of a drive, reset, interrupt. Knows no commands of drives.

| offset | on a PC | access | meaning                                                          |
| ------ | ------- | ------ | ---------------------------------------------------------------- |
| 0      | 1F0h    | r/w    | data, 16 bits; 32 bits are two words                             |
| 1      | 1F1h    | read   | error                                                            |
| 1      | 1F1h    | write  | features                                                         |
| 2      | 1F2h    | r/w    | sector count                                                     |
| 3-5    | 1F3h    | r/w    | sector number, cylinder low, high; or bits 0-23 of the LBA       |
| 6      | 1F6h    | r/w    | device: bit 6 = LBA, bit 4 = drive 1, bits 3-0 = head or LBA     |
| 7      | 1F7h    | read   | status; acknowledges the interrupt                               |
| 7      | 1F7h    | write  | command                                                          |
| 206h   | 3F6h    | read   | alternate status; acknowledges nothing                           |
| 206h   | 3F6h    | write  | device control: bit 2 = SRST, bit 1 = nIEN                       |

IRQ 14. From ATA-2 (X3T10/948D) and ATA-3 (X3T13/2008D). What is absent:

| drives          | how it reads                                                                 |
| --------------- | ---------------------------------------------------------------------------- |
| none            | FFh everywhere: nobody drives the bus                                        |
| master only     | with the slave selected, status 00h, the other registers are the master's    |
| slave only      | with the master selected, FFh                                                |
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...._core import BlockPort
from ....clock import Clock
from ....state import Values, take
from ..fields import BYTE, FieldDevice, Fields, Flag, Raw, Whole
from .registers import DEVICE_ONES, MOST_BLOCK, PASSED, STATUS_BSY

if TYPE_CHECKING:
    from .drive import AtaDisk, AtaDrive

DATA, ERROR, COUNT, NUMBER, LOW, HIGH, DEVICE, STATUS = range(8)
FEATURES, COMMAND = ERROR, STATUS
CONTROL = 0x206

CONTROL_NIEN = 0x02
CONTROL_SRST = 0x04
DEVICE_SLAVE = 0x10

EXECUTE_DIAGNOSTIC = 0x90

#: What reads where no drive answers.
FLOATING = 0xFF


class Block(Fields):
    """The block of a data port: it is set as a whole."""

    def copy(self, part: Any, to: Any, clock: Clock | None) -> None:
        if part.left:
            (to.want if part.writing else to.load)(part.data, part.at)
        else:
            to.clear()


BLOCK = Block({"data": Raw(most=MOST_BLOCK), "at": Whole(MOST_BLOCK), "writing": Flag()})


class AtaChannel(FieldDevice):
    """A channel with a disk, or none, for the master and the slave.

    `drives[0]` and `drives[1]` are the drives, None if absent. What a Disk raises when the host
    fails comes out of `run()`; the guest sees the command fail (UNC).

    >>> channel = AtaChannel()
    >>> hex(channel.pio_read(STATUS, 1))
    '0xff'
    """

    name = "ata"
    ranges = ((0, 8), (CONTROL, 1))
    fields = Fields({"control": BYTE, "selected": Whole(1)}, lines=[("level", "irq")])

    def __init__(self, disks: "Sequence[AtaDisk | None]" = ()) -> None:
        master, slave = (*disks, None, None)[:2]
        self._port = BlockPort()
        self.block_port = (DATA, self._port)
        self.drives = tuple(
            None if disk is None else self._drive(unit, disk)
            for unit, disk in enumerate((master, slave))
        )
        self.present = [drive for drive in self.drives if drive is not None]
        self.level = False
        self.reset()

    def _drive(self, unit: int, disk: "AtaDisk") -> "AtaDrive":
        from .drive import AtaDrive  # only here: many machines have no hard disk

        return AtaDrive(unit, disk, self._port, self._update)

    @property
    def parts(self) -> tuple[tuple[Any, Fields], ...]:
        """The channel, the block of its data port, the drives."""
        drives = [(drive, drive.fields) for drive in self.present]
        return ((self, self.fields), (self._port, BLOCK), *drives)

    def state(self) -> Values:
        """Everything that the guest can see, now or later; see `Stateful`. "block" is what the data
        port has, "drives" are master and slave, None where there is none; not their disks."""
        return {
            **self.fields.state(self),
            "block": BLOCK.state(self._port),
            "drives": tuple(
                [None if each is None else each.fields.state(each) for each in self.drives]
            ),
        }

    def load(self, values: Values) -> None:
        """Restore what `state()` returned, and set the interrupt line to its level. ValueError: it
        is not a state of a channel with the same drives; nothing has changed."""
        drives = take(values, "drives", tuple)
        if [each is None for each in drives] != [each is None for each in self.drives]:
            raise ValueError("drives of a state are not those that this ATA channel has")
        found = self.fields.checked(self, values)
        block = BLOCK.checked(self._port, take(values, "block", dict))
        data, at, writing = block["data"], block["at"], block["writing"]
        if at > len(data):
            raise ValueError(f"at of a state is {at}, after the end of its block")
        new = [
            drive.checked(drives[drive.unit], (data, at, writing) if at < len(data) else None)
            if drive.unit == found["selected"]
            else drive.checked(drives[drive.unit], None)
            for drive in self.present
        ]
        for drive, each in zip(self.present, new, strict=True):
            drive.fields.put(drive, each, None)
        (self._port.want if writing else self._port.load)(data, at)
        if not data:
            self._port.clear()
        self.fields.put(self, found, None)

    def reset(self) -> None:
        """The RESET pin."""
        self.control = 0
        self.selected = 0
        for drive in self.present:
            drive.reset()
        self._update()

    def _update(self) -> None:
        """Only the selected drive drives the line, and only if nIEN is 0."""
        drive = self.drives[self.selected] if self.present else None
        level = drive is not None and drive.interrupting and not self.control & CONTROL_NIEN
        if level != self.level:
            self.level = level
            self.irq(level)

    # -- the guest ----------------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset == DATA:
            drive = self.drives[self.selected]
            return (1 << 8 * size) - 1 if drive is None else drive.read_data(size)
        if size > 1:
            return sum(self._read(offset + i) << 8 * i for i in range(size))
        return self._read(offset)

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == DATA:
            drive = self.drives[self.selected]
            if drive is not None:
                drive.write_data(size, value)
            return
        for i in range(size):
            self._write(offset + i, value >> 8 * i & 0xFF)

    def _read(self, offset: int) -> int:
        drive = self.drives[self.selected]
        if offset in (STATUS, CONTROL):
            return self._status(drive, offset == STATUS)
        if offset > STATUS:
            return FLOATING
        if drive is None:
            drive = self.drives[0]  # the master answers for an absent slave
            if drive is None:
                return FLOATING
        if offset == ERROR:
            return drive.error
        if offset == DEVICE:
            return drive.device & ~DEVICE_SLAVE | self.selected << 4
        return (drive.count, drive.number, drive.low, drive.high)[offset - COUNT]

    def _status(self, drive: "AtaDrive | None", acknowledge: bool) -> int:
        if drive is None:
            return FLOATING if self.drives[0] is None else 0x00
        if self.control & CONTROL_SRST:
            return STATUS_BSY
        if acknowledge:
            drive.acknowledge()
        return drive.status

    def _write(self, offset: int, value: int) -> None:
        if not self.present:
            return
        if offset == CONTROL:
            self._write_control(value)
        elif self.control & CONTROL_SRST:
            return  # BSY: the drives take no registers
        elif offset == COMMAND:
            self._command(value)
        elif offset == DEVICE:
            self._select(value >> 4 & 1)
            for drive in self.present:
                drive.device = value | DEVICE_ONES
            self._update()
        elif offset < DEVICE:  # both drives take the registers
            name = ("features", "count", "number", "low", "high")[offset - FEATURES]
            for drive in self.present:
                setattr(drive, name, value)

    def _select(self, unit: int) -> None:
        if unit == self.selected:
            return
        before, after = self.drives[self.selected], self.drives[unit]
        self.selected = unit
        if before is not None:
            before.leave()
        if after is not None:
            after.enter()

    def _write_control(self, value: int) -> None:
        before, self.control = self.control, value
        if value & CONTROL_SRST and not before & CONTROL_SRST:
            self.selected = 0
            for drive in self.present:
                drive.soft_reset()
        self._update()

    def _command(self, code: int) -> None:
        if code == EXECUTE_DIAGNOSTIC:
            self._diagnose()
            return
        drive = self.drives[self.selected]
        if drive is not None:
            drive.command(code)

    def _diagnose(self) -> None:
        """Both drives execute it, the master reports: no error in both."""
        self.selected = 0
        for drive in self.present:
            drive.interrupting = drive.unit == 0
            drive.signature()
            drive.error = PASSED
        self._update()
