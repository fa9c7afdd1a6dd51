"""The 82077AA's interface: registers, phases, interrupt. Does not know what commands do.

| offset | on a PC | access | meaning                                               |
| ------ | ------- | ------ | ----------------------------------------------------- |
| 0, 1   | 3F0h    | read   | FFh: status registers A and B are absent in AT mode   |
| 2      | 3F2h    | r/w    | DOR: drive, /RESET, DMA and IRQ gate, motors          |
| 3      | 3F3h    | r/w    | TDR: tape drive, kept                                 |
| 4      | 3F4h    | read   | MSR: main status                                      |
| 4      | 3F4h    | write  | DSR: data rate, software reset                        |
| 5      | 3F5h    | r/w    | FIFO: commands, results, data without DMA             |
| 7      | 3F7h    | read   | DIR: bit 7 = the disk was changed                     |
| 7      | 3F7h    | write  | CCR: data rate                                        |

IRQ 6, DMA channel 2.

| phase     | how it ends                                                                   |
| --------- | ----------------------------------------------------------------------------- |
| idle      | the first byte of a command                                                   |
| command   | its last parameter                                                            |
| execution | the command's work, `delay` later; without DMA the guest moves each data byte |
| result    | the guest has read the last result byte                                       |
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from ...._core import whole
from ....clock import Timer
from ....state import Values, take
from ..fields import FieldDevice, Fields
from ..requests import Watcher
from . import requests
from .drive import USED, Drive, FloppyDisk
from .seek import Seek, Target

DOR, TDR, MSR, FIFO, DIR = 2, 3, 4, 5, 7
DSR, CCR = 4, 7

DOR_RUN = 0x04
DOR_GATE = 0x08

MSR_RQM = 0x80
MSR_DIO = 0x40
MSR_NON_DMA = 0x20
MSR_BUSY = 0x10

DSR_RESET = 0x80
DIR_CHANGED = 0x80

ST0_INVALID = 0x80

CONFIG_IMPLIED_SEEK = 0x40
CONFIG_NO_FIFO = 0x20
CONFIG_THRESHOLD = 0x0F

IDLE, COMMAND, EXECUTION, RESULT = range(4)
TO_GUEST, FROM_GUEST = range(2)

#: How many drives a command can select, with two bits.
MOST_DRIVES = 4


class FloppyChip(FieldDevice):
    """Ports, phases and drives; a subclass adds the commands."""

    name = "floppy"
    length = 8
    max_size = 1
    ranges = ((0, 6), (7, 1))
    watcher: Watcher | None = None
    """Who is told about commands."""

    def __init__(self, drives: int) -> None:
        self.drives = [Drive() for _ in range(whole(drives, "drives", 1, MOST_DRIVES))]
        #: Guest nanoseconds from the last byte of a command to its interrupt.
        self.delay = 50_000
        #: Called after a disk is inserted, with its drive.
        self.on_insert: Callable[[int, FloppyDisk], object] | None = None
        self._timer: Timer | None = None
        self._reset_timer: Timer | None = None
        self._seeks = tuple([Seek(unit, self._seek_ended) for unit in range(MOST_DRIVES)])
        self.interrupting = False
        self.level = False
        self.locked = False
        self.reset()

    def reset(self) -> None:
        """The RESET pin. Disks stay in their drives."""
        self.dor = 0
        self.tdr = 0
        self.rate = 2
        self.locked = False
        self.specify = (0, 0)
        self.perpendicular = 0
        self._software_reset()

    def insert(self, unit: int | str, disk: FloppyDisk) -> None:
        """Put a disk into drive `unit`: 0 or "a", 1 or "b". The change line shows it to the guest.
        A disk that is in the drive is taken out; it stays open.

        ValueError: there is no such drive. TypeError: `disk` is not a disk, or `unit` is
        neither an integer nor a name.
        """
        for part in USED:
            if not hasattr(disk, part):
                raise TypeError(
                    f"cannot insert {type(disk).__name__}, it has no {part}: give a Disk"
                )
        number = self._unit(unit)
        drive = self.drives[number]
        drive.disk = disk
        drive.changed = True
        if self.on_insert is not None:
            self.on_insert(number, disk)

    def eject(self, unit: int | str) -> FloppyDisk | None:
        """Take the disk out of drive `unit`. Returns the disk, or None if the drive was empty. It
        stays open. Errors as for `insert`."""
        drive = self.drives[self._unit(unit)]
        disk, drive.disk = drive.disk, None
        drive.changed = True
        return disk

    def _unit(self, unit: int | str) -> int:
        if isinstance(unit, str) and unit.isalpha():
            names = "abcd"[: len(self.drives)]
            if unit.lower() not in tuple(names):
                raise ValueError(f"there is no drive {unit!r}: give one of {', '.join(names)}")
            return names.index(unit.lower())
        number: Any = unit  # other text is refused here
        return whole(number, "unit", 0, len(self.drives) - 1)

    # -- state -------------------------------------------------------------------

    @property
    def parts(self) -> tuple[tuple[Any, Fields], ...]:
        """The controller, its seeks and the drives."""
        return (
            (self, self.fields),
            *[(seek, Seek.fields) for seek in self._seeks],
            *[(drive, Drive.fields) for drive in self.drives],
        )

    def state(self) -> Values:
        """Everything that the guest or the host can see, now or later; see `Stateful`. "drives" are
        heads and change lines: which disks are in them is not here."""
        return {
            **self.fields.state(self),
            "seeks": tuple([Seek.fields.state(seek) for seek in self._seeks]),
            "drives": tuple([Drive.fields.state(drive) for drive in self.drives]),
        }

    def load(self, values: Values) -> None:
        """Restore what `state()` returned, and set the interrupt line to its level. Disks stay in
        their drives. ValueError: it is not a state of such a controller; nothing has changed."""
        seeks, drives = take(values, "seeks", tuple), take(values, "drives", tuple)
        if len(drives) != len(self.drives):
            raise ValueError(f"a state has {len(drives)} floppy drives, not {len(self.drives)}")
        if len(seeks) != MOST_DRIVES:
            raise ValueError(f"a state has {len(seeks)} seeks of a floppy, not {MOST_DRIVES}")
        parts: list[tuple[Any, Fields]] = self.parts[1:]  # type: ignore[assignment]
        loaded = [
            fields.checked(part, each)
            for (part, fields), each in zip(parts, (*seeks, *drives), strict=True)
        ]
        super().load(values)
        for (part, fields), found in zip(parts, loaded, strict=True):
            fields.put(part, found, self.clock)

    # -- reset and interrupt -------------------------------------------------------

    @property
    def non_dma(self) -> bool:
        """The ND bit of SPECIFY: the guest moves the data through the FIFO."""
        return bool(self.specify[1] & 1)

    def _software_reset(self) -> None:
        if self.watcher is not None:
            self.watcher.reset()
        for timer in (self._timer, self._reset_timer):
            if timer is not None:
                timer.cancel()
        for seek in self._seeks:
            seek.cancel()
        self._timer = self._reset_timer = None
        self.phase = IDLE
        self.command = 0
        self.parameters: list[int] = []
        self.expected = 0
        self.result = b""
        self.result_at = 0
        self.pcn = [0] * 4
        self.seeking = 0  # MSR bits 0-3: from SEEK to SENSE INTERRUPT
        self.seek_ends: list[int] = []  # ST0 of ended seeks, in order
        self.reset_senses = 0  # drives that became ready after a reset and are not yet sensed
        self.direction = TO_GUEST
        self.data = bytearray()
        self.data_at = 0
        self.data_ready = False
        if not self.locked:
            self.configuration = CONFIG_NO_FIFO
            self.precompensation = 0
        self.configuration &= ~CONFIG_IMPLIED_SEEK
        self._interrupt(False)

    def _leave_reset(self) -> None:
        """In polling mode, the default, all four drives appear to become ready after a reset."""
        self.reset_senses = 4
        self._reset_timer = self.clock.call_after(self.delay, self._reset_done, "floppy.reset")

    def _reset_done(self) -> None:
        self._interrupt(True)

    def _interrupt(self, on: bool) -> None:
        self.interrupting = on
        self._update()

    def _update(self) -> None:
        level = self.interrupting and bool(self.dor & DOR_GATE)
        if level != self.level:
            self.level = level
            self.irq(level)

    # -- the guest ---------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset == MSR:
            return self._main_status()
        if offset == FIFO:
            return self._read_fifo()
        if offset == DOR:
            return self.dor
        if offset == TDR:
            return self.tdr
        if offset == DIR:
            drive = self._drive(self.dor & 3)
            return DIR_CHANGED if drive is not None and drive.changed else 0
        return 0xFF

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == FIFO:
            self._write_fifo(value)
        elif offset == DOR:
            self._write_dor(value)
        elif offset == DSR:
            self.rate = value & 3
            if value & DSR_RESET:
                self._software_reset()
                if self.dor & DOR_RUN:
                    self._leave_reset()
        elif offset == CCR:
            self.rate = value & 3
        elif offset == TDR:
            self.tdr = value & 3

    def _write_dor(self, value: int) -> None:
        was_running = self.dor & DOR_RUN
        self.dor = value
        if not value & DOR_RUN:
            self._software_reset()
        elif not was_running:
            self._leave_reset()
        self._update()

    def _main_status(self) -> int:
        if not self.dor & DOR_RUN:
            return 0
        value = self.seeking
        if self.phase in (IDLE, COMMAND):
            value |= MSR_RQM
        elif self.phase == RESULT:
            value |= MSR_RQM | MSR_DIO
        elif self.data_ready:
            value |= MSR_RQM | (MSR_DIO if self.direction == TO_GUEST else 0)
        if self.phase == EXECUTION and self.non_dma:
            value |= MSR_NON_DMA
        if self.phase != IDLE:
            value |= MSR_BUSY
        return value

    def _read_fifo(self) -> int:
        if self.phase == RESULT:
            self._interrupt(False)
            value = self.result[self.result_at]
            self.result_at += 1
            if self.result_at == len(self.result):
                self.phase = IDLE
                self._tell_seeks()
            return value
        if self.phase == EXECUTION and self.data_ready and self.direction == TO_GUEST:
            value = self.data[self.data_at]
            self._byte_moved()
            return value
        return 0xFF

    def _write_fifo(self, value: int) -> None:
        if not self.dor & DOR_RUN:
            return
        if self.phase == IDLE:
            self._begin(value)
        elif self.phase == COMMAND:
            self.parameters.append(value)
            if len(self.parameters) == self.expected:
                self._execute()
        elif self.phase == EXECUTION and self.data_ready and self.direction == FROM_GUEST:
            self.data[self.data_at] = value
            self._byte_moved()

    # -- command phase -------------------------------------------------------------

    def _begin(self, command: int) -> None:
        self.command = command
        self.parameters = []
        expected = self.parameters_of(command)
        if expected is None:
            self._tell_begin()
            self._results(ST0_INVALID)
            return
        self.expected = expected
        self.phase = COMMAND
        if not expected:
            self._execute()

    def _execute(self) -> None:
        self._tell_begin()
        self.execute()

    def _tell_begin(self) -> None:
        if self.watcher is not None:
            self.watcher.begin(requests.of(self.drives, self.command, self.parameters))

    @abstractmethod
    def _seek_ended(self, unit: int, target: Target) -> None:
        """The heads of a drive have reached the cylinder of a seek."""

    @abstractmethod
    def parameters_of(self, command: int) -> int | None:
        """The number of parameter bytes of a command; None if the command is invalid."""

    @abstractmethod
    def execute(self) -> None:
        """Begin `command`, whose parameters are complete."""

    @abstractmethod
    def data_moved(self) -> None:
        """The guest has moved the last byte that `_offer` asked for."""

    def _results(self, *values: int) -> None:
        self.result = bytes(values)
        self.result_at = 0
        self.phase = RESULT
        if self.watcher is not None:
            self.watcher.end(requests.result(self.command, values))

    def _done(self) -> None:
        """End a command that has no result phase."""
        self.phase = IDLE
        if self.watcher is not None:
            self.watcher.end("ok")
        self._tell_seeks()

    def _later(self, fn: Callable[[], None], name: str) -> None:
        self.phase = EXECUTION
        self._timer = self.clock.call_after(self.delay, fn, name)

    def _drive(self, unit: int) -> Drive | None:
        return self.drives[unit] if unit < len(self.drives) else None

    def _tell_seeks(self) -> None:
        """Interrupt now for a seek that ended during a command, or together with another seek."""
        if self.seek_ends and not self.reset_senses:
            self._interrupt(True)

    # -- data through the FIFO ---------------------------------------------------------

    def _offer(self, direction: int, data: bytearray) -> None:
        self.direction = direction
        self.data = data
        self.data_at = 0
        self.data_ready = True
        self._interrupt(True)

    def _byte_moved(self) -> None:
        """Interrupt for each byte, or with the FIFO enabled for each burst."""
        self.data_at += 1
        self._interrupt(False)
        if self.data_at == len(self.data):
            self.data_ready = False
            self.data_moved()
            return
        fifo = not self.configuration & CONFIG_NO_FIFO
        burst = (self.configuration & CONFIG_THRESHOLD) + 1 if fifo else 1
        if self.data_at % burst == 0:
            self._interrupt(True)
