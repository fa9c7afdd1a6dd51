"""The commands of the 82077AA: move sectors between drives and memory. Know no ports.

Motors and data rates are accepted but have no effect: a disk can be read at once, at any rate.
Deleted data marks are not stored.
"""

from collections.abc import Callable
from typing import Any, Protocol

from ....clock import LAST
from ...disks.sectors import SECTOR
from ..fields import BYTE, Fields, Flag, Group, Raw, Row, Whole
from .chip import (
    COMMAND,
    CONFIG_IMPLIED_SEEK,
    EXECUTION,
    FROM_GUEST,
    IDLE,
    RESULT,
    ST0_INVALID,
    TO_GUEST,
    FloppyChip,
)
from .drive import SIZE_CODE, Drive
from .seek import Target

ST0_ABNORMAL = 0x40
ST0_READY_CHANGED = 0xC0
ST0_SEEK_END = 0x20
ST0_EQUIPMENT = 0x10
ST0_NOT_READY = 0x08
ST1_END = 0x80
ST1_OVERRUN = 0x10
ST1_NO_DATA = 0x04
ST1_NOT_WRITABLE = 0x02
ST1_NO_MARK = 0x01
ST2_DELETED = 0x40
ST2_WRONG_CYLINDER = 0x10
ST3_PROTECTED = 0x40
ST3_READY = 0x20
ST3_TRACK_0 = 0x10
ST3_TWO_SIDES = 0x08

MT = 0x80
SK = 0x20

READ, READ_DELETED, READ_TRACK, WRITE, VERIFY = range(5)
FORMAT = 0x0D

RECALIBRATE_STEPS = 79
REVOLUTION = 200_000_000


class Dma(Protocol):
    """What the controller needs of a DMA controller. See `dma.Dma8237`."""

    def transfer_to_memory(self, channel: int, data: bytes, /) -> tuple[int, bool]: ...

    def transfer_from_memory(self, channel: int, n: int, /) -> tuple[bytes, bool]: ...


class FloppyController(FloppyChip):
    """An 82077AA in AT mode with `drives` drives, 1 to 4, all empty at first.

    A command moves its data `delay` guest nanoseconds after its last byte, then interrupts.
    `drives[0].disk` is the disk in drive A.

    >>> fdc = FloppyController(dma=None)
    >>> fdc.pio_read(4, 1)                  # MSR: in reset until the guest sets DOR bit 2
    0
    """

    fields = Fields(
        {
            "delay": Whole(LAST, -LAST),
            "interrupting": Flag(),
            "locked": Flag(),
            "dor": BYTE,
            "tdr": Whole(3),
            "rate": Whole(3),
            "specify": Group(BYTE, BYTE),
            "perpendicular": Whole(0x7F),
            "configuration": Whole(0x7F),
            "precompensation": BYTE,
            "phase": Whole(RESULT),
            "command": BYTE,
            "parameters": Row(BYTE, most=9),
            "expected": Whole(9),
            "result": Raw(most=16),
            "result_at": Whole(16),
            "pcn": Row(BYTE, 4),
            "seeking": Whole(0x0F),
            "seek_ends": Row(BYTE, most=8),
            "reset_senses": Whole(4),
            "direction": Whole(FROM_GUEST),
            "data": Raw(most=4 * 0xFF, make=bytearray),
            "data_at": Whole(4 * 0xFF),
            "data_ready": Flag(),
            "kind": Whole(VERIFY),
            "unit": Whole(3),
            "head": Whole(1),
            "ids": Row(BYTE, 4),
            "eot": BYTE,
            "physical": Whole(1 << 16),
            "sectors_left": Whole(0xFF, -(1 << 16)),
            "st1": BYTE,
            "st2": BYTE,
        },
        timers=[
            (
                "_timer",
                {
                    "floppy.sectors": "_run_sectors",
                    "floppy.read-id": "_run_read_id",
                    "floppy.format": "_run_format",
                },
            ),
            ("_reset_timer", {"floppy.reset": "_reset_done"}),
        ],
        lines=[("level", "irq")],
    )

    def __init__(self, dma: Dma | None, drives: int = 2) -> None:
        self.dma = dma
        super().__init__(drives)

    def reset(self) -> None:
        super().reset()
        self.kind = READ
        self.unit = self.head = 0  # drive and head of the running command
        self.ids = [0, 0, 0, 0]  # C H R N of the sector that it looks for
        self.eot = 0
        self.physical = 0  # READ TRACK: the position of the sector under the head, not its ID
        self.sectors_left = 0  # VERIFY: from its last parameter
        self.st1 = self.st2 = 0

    def _agree(self, found: dict[str, Any]) -> None:
        """ValueError: a phase without what it goes on with."""
        phase, command = found["phase"], found["command"]
        expected, got = self.parameters_of(command), len(found["parameters"])
        timer = found["_timer"]
        if phase == RESULT:
            agree = found["result_at"] < len(found["result"])
        elif phase == COMMAND:
            agree = expected is not None and got < expected == found["expected"]
        elif phase == EXECUTION:
            agree = got == expected
        else:
            agree = timer is None
        if timer is not None and timer[1] == "floppy.format":
            agree = agree and command & 0x1F == FORMAT
        if found["data_ready"]:
            size = 4 * found["eot"] if command & 0x1F == FORMAT else SECTOR
            agree = agree and phase == EXECUTION and found["data_at"] < len(found["data"]) == size
        if not agree:
            raise ValueError("phase of a state does not agree with its command")

    def parameters_of(self, command: int) -> int | None:
        entry = _COMMANDS.get(command)
        return None if entry is None else entry[0]

    def execute(self) -> None:
        _COMMANDS[self.command][1](self)

    def data_moved(self) -> None:
        drive = self._ready_drive()
        if drive is None:
            return  # the disk was taken out meanwhile
        if self.command & 0x1F == FORMAT:
            if drive.protected:
                self._fail(ST1_NOT_WRITABLE)  # another disk was put in
            else:
                self._write_track(drive, bytes(self.data))
            return
        if self.kind == WRITE:
            if not self._find_sector(drive):
                return  # another disk was put in
            drive.write(self.head, self.ids[2], bytes(self.data))
        if not self._sector_done(False):
            self._continue(drive)

    # -- commands without data -------------------------------------------------------

    def _specify(self) -> None:
        self.specify = (self.parameters[0], self.parameters[1])
        self._done()

    def _sense_drive(self) -> None:
        unit, head = self.parameters[0] & 3, self.parameters[0] & 4
        st3 = ST3_READY | ST3_TWO_SIDES | head | unit
        drive = self._drive(unit)
        if drive is not None:
            st3 |= ST3_TRACK_0 if drive.cylinder == 0 else 0
            st3 |= ST3_PROTECTED if drive.protected else 0
        self._results(st3)

    def _sense_interrupt(self) -> None:
        if self.reset_senses:
            # Valid also before the interrupt: some guests do not wait for it.
            if self._reset_timer is not None:
                self._reset_timer.cancel()
            unit = 4 - self.reset_senses
            self.reset_senses -= 1
            st0 = ST0_READY_CHANGED | unit
        elif self.seek_ends:
            st0 = self.seek_ends.pop(0)
            self.seeking &= ~(1 << (st0 & 3))
        else:
            self._results(ST0_INVALID)
            return
        self._interrupt(False)
        self._results(st0, self.pcn[st0 & 3])

    def _recalibrate(self) -> None:
        unit = self.parameters[0] & 3
        drive = self._drive(unit)
        st0 = ST0_SEEK_END | unit
        target = 0
        if drive is None:
            st0 |= ST0_ABNORMAL | ST0_EQUIPMENT  # the steps did not reach track 0
        elif drive.cylinder > RECALIBRATE_STEPS:
            target = drive.cylinder - RECALIBRATE_STEPS
            st0 |= ST0_ABNORMAL | ST0_EQUIPMENT
        self._start_seek(unit, target, 0, st0)

    def _seek(self) -> None:
        unit, head = self.parameters[0] & 3, self.parameters[0] & 4
        cylinder = self.parameters[1]
        self._start_seek(unit, cylinder, cylinder, ST0_SEEK_END | head | unit)

    def _relative_seek(self) -> None:
        unit, head = self.parameters[0] & 3, self.parameters[0] & 4
        steps = self.parameters[1] if self.command & 0x40 else -self.parameters[1]
        drive = self._drive(unit)
        target = (drive.cylinder if drive is not None else 0) + steps
        st0 = ST0_SEEK_END | head | unit
        if target < 0:
            st0 |= ST0_ABNORMAL | ST0_EQUIPMENT
        self._start_seek(unit, max(target, 0), self.pcn[unit] + steps & 0xFF, st0)

    def _start_seek(self, unit: int, cylinder: int, pcn: int, st0: int) -> None:
        """Start a seek. The controller takes other commands while the heads move."""
        self.seek_ends = [old for old in self.seek_ends if old & 3 != unit]
        self.seeking |= 1 << unit
        self._seeks[unit].start((cylinder, pcn, st0), self.clock, self.delay)
        self._done()

    def _seek_ended(self, unit: int, target: Target) -> None:
        cylinder, self.pcn[unit], st0 = target
        drive = self._drive(unit)
        if drive is not None:
            drive.step_to(cylinder)
        self.seek_ends.append(st0)
        if self.phase == IDLE:
            self._interrupt(True)

    def _dump_registers(self) -> None:
        self._results(
            *self.pcn,
            *self.specify,
            self.eot,
            (0x80 if self.locked else 0) | self.perpendicular,
            self.configuration,
            self.precompensation,
        )

    def _version(self) -> None:
        self._results(0x90)

    def _perpendicular(self) -> None:
        self.perpendicular = self.parameters[0] & 0x7F
        self._done()

    def _configure(self) -> None:
        self.configuration = self.parameters[1] & 0x7F
        self.precompensation = self.parameters[2]
        self._done()

    def _lock(self) -> None:
        self.locked = bool(self.command & 0x80)
        self._results(0x10 if self.locked else 0)

    # -- commands with data ----------------------------------------------------------

    def _start_sectors(self, kind: int) -> None:
        select, *ids = self.parameters[:5]
        self.kind = kind
        self.unit, self.head = select & 3, select >> 2 & 1
        self.ids = ids
        self.eot = self.parameters[5]
        self.physical = 1
        self.sectors_left = self.parameters[7] if select & 0x80 else 0
        self.st1 = self.st2 = 0
        self._later(self._run_sectors, "floppy.sectors")

    def _read_data(self) -> None:
        self._start_sectors(READ)

    def _read_deleted(self) -> None:
        self._start_sectors(READ_DELETED)

    def _read_track(self) -> None:
        self._start_sectors(READ_TRACK)

    def _write_data(self) -> None:
        self._start_sectors(WRITE)

    def _verify(self) -> None:
        self._start_sectors(VERIFY)

    def _run_sectors(self) -> None:
        drive = self._ready_drive()
        if drive is None:
            return
        if self.configuration & CONFIG_IMPLIED_SEEK:
            drive.step_to(self.ids[0])
            self.pcn[self.unit] = self.ids[0]
        self._continue(drive)

    def _continue(self, drive: Drive) -> None:
        """Move sector after sector until the command ends or the guest must move bytes."""
        while self._find_sector(drive):
            skipped = self.kind == READ_DELETED and self.command & SK
            if self.kind == VERIFY or skipped:
                tc = False
            elif self.non_dma:
                if self.kind == WRITE:
                    self._offer(FROM_GUEST, bytearray(SECTOR))
                else:
                    self._offer(TO_GUEST, bytearray(self._read_sector(drive)))
                return
            else:
                moved, tc = self._move_by_dma(drive)
                if moved < SECTOR and not tc:
                    self._fail(ST1_OVERRUN)
                    return
            if self._sector_done(tc):
                return

    def _find_sector(self, drive: Drive) -> bool:
        """Look for the sector that the IDs name. If it is not found, the command fails: False."""
        if self.kind == WRITE and drive.protected:
            self._fail(ST1_NOT_WRITABLE)
            return False
        c, h, r, n = self.ids
        formatted = drive.sectors_on_track(self.head)
        if formatted == 0:
            self._fail(ST1_NO_DATA | ST1_NO_MARK)
            return False
        matches = h == self.head and n == SIZE_CODE and 1 <= r <= formatted
        if self.kind == READ_TRACK:
            # It reads all sectors from the index hole on, and only records a wrong ID.
            if c != drive.cylinder or not matches or r != self.physical:
                self.st1 |= ST1_NO_DATA
            if self.physical > formatted:
                self._fail(ST1_END)
                return False
            return True
        if c != drive.cylinder:
            self._fail(ST1_NO_DATA, ST2_WRONG_CYLINDER)
            return False
        if not matches:
            self._fail(ST1_NO_DATA)
            return False
        if self.kind == READ_DELETED:
            self.st2 |= ST2_DELETED  # the sector has the other data mark
        return True

    def _read_sector(self, drive: Drive) -> bytes:
        return drive.read(self.head, self.physical if self.kind == READ_TRACK else self.ids[2])

    def _move_by_dma(self, drive: Drive) -> tuple[int, bool]:
        if self.dma is None:
            return 0, False
        if self.kind != WRITE:
            return self.dma.transfer_to_memory(2, self._read_sector(drive))
        data, tc = self.dma.transfer_from_memory(2, SECTOR)
        if len(data) == SECTOR or tc:
            # Terminal count within a sector: the rest of the sector is written as zeros.
            drive.write(self.head, self.ids[2], data.ljust(SECTOR, b"\0"))
        return len(data), tc

    def _sector_done(self, tc: bool) -> bool:
        """Count the sector. True if it was the last one of the command."""
        if self.watcher is not None:
            self.watcher.move(1)
        last = self.ids[2] == self.eot
        if self.kind == READ_TRACK:
            last = self.physical == self.eot
            self.physical += 1
        if self.kind == VERIFY:
            self.sectors_left -= 1
            tc = self.sectors_left == 0
        other_side = last and self.head == 0 and bool(self.command & MT)
        c, h, r, n = self.ids
        if not last:
            self.ids = [c, h, r + 1 & 0xFF, n]
        elif self.command & MT:
            self.ids = [c if other_side else c + 1 & 0xFF, h ^ 1, 1, n]
        else:
            self.ids = [c + 1 & 0xFF, h, 1, n]
        if self.kind == READ_DELETED and not self.command & SK:
            tc = True  # one sector with the wrong mark ends the command
        if tc or (last and not other_side and self.kind == VERIFY and self.sectors_left < 0):
            self._finish(ST0_ABNORMAL if self.st1 else 0)
            return True
        if last and not other_side:
            self._fail(ST1_END)
            return True
        if other_side:
            # If the command ends here, its result names the head of the last sector.
            self.head = 1
        return False

    def _ready_drive(self) -> Drive | None:
        """The drive. If it is absent or has no disk, the command fails: None."""
        drive = self._drive(self.unit)
        if drive is None or drive.disk is None:
            # The chip would wait for an index hole forever. This one reports "not ready" instead.
            self._finish(ST0_ABNORMAL | ST0_NOT_READY)
            return None
        return drive

    def _fail(self, st1: int, st2: int = 0) -> None:
        self.st1 |= st1
        self.st2 |= st2
        self._finish(ST0_ABNORMAL)

    def _finish(self, st0: int) -> None:
        self.data_ready = False
        if self.configuration & CONFIG_IMPLIED_SEEK and not st0 & ST0_NOT_READY:
            st0 |= ST0_SEEK_END
        self._results(st0 | self.head << 2 | self.unit, self.st1, self.st2, *self.ids)
        self._interrupt(True)

    def _read_id(self) -> None:
        select = self.parameters[0]
        self.unit, self.head = select & 3, select >> 2 & 1
        self.ids = [0, 0, 0, 0]
        self.st1 = self.st2 = 0
        self._later(self._run_read_id, "floppy.read-id")

    def _run_read_id(self) -> None:
        drive = self._ready_drive()
        if drive is None:
            return
        sectors = drive.sectors_on_track(self.head)
        if sectors == 0:
            self._fail(ST1_NO_MARK)
            return
        # The disk turns in guest time. The result is the ID that next passes the head.
        passed = self.clock.now() % REVOLUTION * sectors // REVOLUTION
        self.ids = [drive.cylinder, self.head, passed + 1, SIZE_CODE]
        self._finish(0)

    def _format(self) -> None:
        select = self.parameters[0]
        self.unit, self.head = select & 3, select >> 2 & 1
        self.ids = [0, 0, 0, self.parameters[1]]
        self.eot = self.parameters[2]
        self.st1 = self.st2 = 0
        self._later(self._run_format, "floppy.format")

    def _run_format(self) -> None:
        drive = self._ready_drive()
        if drive is None:
            return
        size = 4 * self.eot
        if drive.protected:
            self._fail(ST1_NOT_WRITABLE)
        elif self.non_dma and size:
            self._offer(FROM_GUEST, bytearray(size))
        else:
            ids, tc = self.dma.transfer_from_memory(2, size) if self.dma else (b"", False)
            if len(ids) < size and not tc:
                self._fail(ST1_OVERRUN)
            else:
                self._write_track(drive, ids)

    def _write_track(self, drive: Drive, ids: bytes) -> None:
        """Fill the sectors that the IDs name. IDs that the image cannot hold are ignored."""
        filler = bytes((self.parameters[4],)) * SECTOR
        formatted = drive.sectors_on_track(self.head)
        for i in range(0, len(ids) - 3, 4):
            self.ids = list(ids[i : i + 4])
            c, h, r, n = self.ids
            if (c, h, n) == (drive.cylinder, self.head, SIZE_CODE) and 1 <= r <= formatted:
                drive.write(self.head, r, filler)
        self._finish(0)


def _every_form() -> dict[int, tuple[int, Callable[[FloppyController], None]]]:
    """First byte -> number of parameters and method, for all combinations of option bits."""
    fdc = FloppyController
    rows: tuple[tuple[int, int, int, Callable[[FloppyController], None]], ...] = (
        # code, options, parameters
        (0x02, 0x60, 8, fdc._read_track),
        (0x03, 0x00, 2, fdc._specify),
        (0x04, 0x00, 1, fdc._sense_drive),
        (0x05, 0xC0, 8, fdc._write_data),
        (0x06, 0xE0, 8, fdc._read_data),
        (0x07, 0x00, 1, fdc._recalibrate),
        (0x08, 0x00, 0, fdc._sense_interrupt),
        (0x09, 0xC0, 8, fdc._write_data),  # deleted
        (0x0A, 0x40, 1, fdc._read_id),
        (0x0C, 0xE0, 8, fdc._read_deleted),
        (FORMAT, 0x40, 5, fdc._format),
        (0x0E, 0x00, 0, fdc._dump_registers),
        (0x0F, 0x00, 2, fdc._seek),
        (0x10, 0x00, 0, fdc._version),
        (0x12, 0x00, 1, fdc._perpendicular),
        (0x13, 0x00, 3, fdc._configure),
        (0x14, 0x80, 0, fdc._lock),
        (0x16, 0xE0, 8, fdc._verify),
        (0x8F, 0x40, 2, fdc._relative_seek),
    )
    return {
        code | options & bits: (n, run) for code, options, n, run in rows for bits in range(256)
    }


_COMMANDS = _every_form()
