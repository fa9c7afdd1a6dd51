"""An ATA drive: execute commands, hold the registers and the data block. Knows no ports.

The commands are those of ATA-2 and ATA-3 for PIO. A command is done at once, so a guest never sees
BSY, except during a reset. Others are aborted.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ....state import Values
from ...disks.geometry import Geometry
from ...disks.sectors import SECTOR, Sectors
from ..fields import BYTE, Fields, Flag, Group, Raw, Whole, Word
from ..requests import Watcher
from . import identify, requests
from .registers import (
    DEVICE_LBA,
    DEVICE_ONES,
    ERROR_ABRT,
    ERROR_IDNF,
    ERROR_UNC,
    MOST_BLOCK,
    MOST_MULTIPLE,
    PASSED,
    READY,
    STATUS_DRQ,
    STATUS_ERR,
)

if TYPE_CHECKING:
    from ...._core import BlockPort

POWER_ACTIVE, POWER_STANDBY = 0xFF, 0x00

#: Sectors that VERIFY reads in one step.
PIECE = 128

#: The names of what follows when the guest has moved a block.
DONE, NEXT_READ, WRITTEN = "done", "next-read", "written"
_NUMBER = Whole(0xFFFF, 1)


class AtaDisk(Sectors, Protocol):
    """A hard disk: sectors, and the cylinders, heads and sectors that IDENTIFY reports."""

    @property
    def geometry(self) -> Geometry: ...


def physical(disk: AtaDisk) -> Geometry:
    """The geometry that a drive reports: `disk.physical_geometry` if there is one, else at most 16
    heads and 63 sectors, and as many cylinders as the disk fills, at most 16383."""
    given: Geometry | None = getattr(disk, "physical_geometry", None)
    if given is not None:
        return given
    _, heads, sectors = disk.geometry
    if heads > 16:
        heads, sectors = 16, 63
    return max(1, min(disk.count // (heads * sectors), 16383)), heads, sectors


class AtaDrive:
    """Drive `unit`, 0 (master) or 1 (slave), of a channel. `port` is the channel's data port, which
    has the block of the selected drive. `update` is called when `interrupting` may have changed."""

    watcher: Watcher | None = None
    """Who is told about requests."""
    fields = Fields(
        {
            "current": Group(_NUMBER, _NUMBER, _NUMBER),
            "multiple": Whole(MOST_MULTIPLE),
            "reverting": Flag(),
            "write_cache": Flag(),
            "look_ahead": Flag(),
            "byte_wide": Flag(),
            "features": BYTE,
            "power": BYTE,
            "sleeping": Flag(),
            "interrupting": Flag(),
            "status": BYTE,
            "error": BYTE,
            "count": BYTE,
            "number": BYTE,
            "low": BYTE,
            "high": BYTE,
            "device": BYTE,
            "kept": Group(Raw(most=MOST_BLOCK), Whole(MOST_BLOCK), Flag(), maybe=True),
            "moved": Word(DONE, NEXT_READ, WRITTEN),
            "next": Whole(identify.LBA28),
            "left": Whole(256),
            "block": Whole(PIECE),
        }
    )

    def __init__(
        self, unit: int, disk: AtaDisk, port: "BlockPort", update: Callable[[], None]
    ) -> None:
        self.unit = unit
        self.disk = disk
        self.port = port
        self.default = physical(disk)
        self._update = update
        self.reset()

    def reset(self) -> None:
        """Power-on, or the RESET pin."""
        self.current = self.default
        self.multiple = 0
        self.reverting = True
        self.write_cache = self.look_ahead = True
        self.byte_wide = False
        self.features = 0
        self.next = self.left = 0
        self.block = 1
        self.soft_reset()

    def soft_reset(self) -> None:
        """SRST: end the command, show the signature. The translation and the settings go back to
        those at power-on, unless SET FEATURES 66h has turned that off."""
        if self.reverting:
            self.current = self.default
            self.multiple = 0
            self.write_cache = self.look_ahead = True
            self.byte_wide = False
        self.power = POWER_ACTIVE
        self.sleeping = False
        self.interrupting = False
        if self.watcher is not None:
            self.watcher.reset()
        self.signature()

    def signature(self) -> None:
        """The registers after a reset or a diagnostic: an ATA drive without errors."""
        self._no_data()
        self.status = READY
        self.error = PASSED
        self.count = self.number = 1
        self.low = self.high = 0
        self.device = DEVICE_ONES

    def checked(self, values: Values, block: tuple[bytes, int, bool] | None) -> dict[str, Any]:
        """What `fields.put` sets of a state; `block` is the one of the port, if this drive is
        selected. ValueError: it is not a state of such a drive."""
        found = self.fields.checked(self, values)
        data, at, writing = block or found["kept"] or (b"", 0, False)
        n, rest = divmod(len(data), SECTOR)
        if at > len(data) or (found["moved"] == WRITTEN and (rest or not writing)):
            raise ValueError("moved of a state does not agree with its block")
        if found["moved"] == WRITTEN and found["next"] + n > self.disk.count:
            raise ValueError(f"next of a state is {found['next']}, outside the disk")
        return found

    def _no_data(self) -> None:
        self.port.clear()
        self.kept: tuple[bytes, int, bool] | None = None
        #: What follows when the guest has moved the block: one of MOVED.
        self.moved = DONE

    # -- the data port ----------------------------------------------------------------

    def read_data(self, size: int) -> int:
        """The next 1, 2 or 4 bytes of the block; all ones if no block is offered. The core reads
        all words but the last one itself.

        A byte access takes a word, of which the high byte is lost, unless SET FEATURES 01h has
        made the port eight bits wide.
        """
        port = self.port
        left = port.left
        value = port.take(size, self._step(size))
        if left and not port.left and not port.writing:
            MOVED[self.moved](self)
        return value

    def write_data(self, size: int, value: int) -> None:
        """Take the next 1, 2 or 4 bytes of the block; ignored if none is wanted."""
        if self.port.put(size, value, self._step(size)) and not self.port.left:
            MOVED[self.moved](self)

    def _step(self, size: int) -> int:
        return 2 if size == 1 and not self.byte_wide else size

    def leave(self) -> None:
        """The other drive is selected: keep the block."""
        port = self.port
        self.kept = (port.data, port.at, port.writing) if port.left else None
        port.clear()

    def enter(self) -> None:
        """This drive is selected again."""
        if self.kept is not None:
            data, at, writing = self.kept
            (self.port.want if writing else self.port.load)(data, at)
            self.kept = None

    def _offer(self, data: bytes, moved: str, *, interrupt: bool = True) -> None:
        """Offer a block to the guest; `moved` follows when it has read the last byte."""
        self.port.load(data)
        self._block(moved, interrupt)

    def _want(self, length: int, moved: str, *, interrupt: bool) -> None:
        """Ask the guest for a block; `moved` follows when it has written the last byte."""
        self.port.want(bytes(length))
        self._block(moved, interrupt)

    def _block(self, moved: str, interrupt: bool) -> None:
        self.moved = moved
        self.status = READY | STATUS_DRQ
        if interrupt:
            self._interrupt()

    # -- how commands end ----------------------------------------------------------------

    def _interrupt(self) -> None:
        self.interrupting = True
        self._update()

    def acknowledge(self) -> None:
        """The guest has read the status register."""
        if self.interrupting:
            self.interrupting = False
            self._update()

    def _done(self) -> None:
        """The end of a transfer to the guest: no interrupt follows its last block."""
        self._no_data()
        self.status = READY
        if self.watcher is not None:
            self.watcher.end("ok")

    def _complete(self) -> None:
        self._done()
        self._interrupt()

    def _fail(self, error: int) -> None:
        self._no_data()
        self.error = error
        self.status = READY | STATUS_ERR
        if self.watcher is not None:
            self.watcher.end(requests.ERRORS[error])
        self._interrupt()

    def abort(self) -> None:
        """Refuse the command."""
        self._fail(ERROR_ABRT)

    # -- addresses -------------------------------------------------------------------------

    def _limit(self) -> int:
        """How many sectors the addressing in use can reach."""
        count = self.disk.count
        if self.device & DEVICE_LBA:
            return min(count, identify.LBA28)
        cylinders, heads, sectors = self.current
        return min(count, cylinders * heads * sectors)

    def address(self) -> int | None:
        """The sector that the registers name; None: there is none."""
        head = self.device & 0x0F
        if self.device & DEVICE_LBA:
            lba = head << 24 | self.high << 16 | self.low << 8 | self.number
        else:
            _, heads, sectors = self.current
            if not 1 <= self.number <= sectors or head >= heads:
                return None
            lba = ((self.high << 8 | self.low) * heads + head) * sectors + self.number - 1
        return lba if lba < self._limit() else None

    def _show_address(self, lba: int) -> None:
        """The registers name the last sector of the command, or the one that failed."""
        if self.device & DEVICE_LBA:
            head, self.number = lba >> 24 & 0x0F, lba & 0xFF
            self.low, self.high = lba >> 8 & 0xFF, lba >> 16 & 0xFF
        else:
            _, heads, sectors = self.current
            track, self.number = lba // sectors, lba % sectors + 1
            cylinder, head = track // heads, track % heads
            self.low, self.high = cylinder & 0xFF, cylinder >> 8 & 0xFF
        self.device = self.device & 0xF0 | head

    def _start(self, block: int) -> bool:
        """Take the address and the count of a command on sectors. False: it has failed."""
        lba = self.address()
        if lba is None:
            self._fail(ERROR_IDNF)
            return False
        self.next, self.left, self.block = lba, self.count or 256, block
        return True

    def _piece(self, most: int) -> int:
        """How many sectors the next block has. 0: the next sector does not exist, so the command
        has failed."""
        n = min(self.left, most, self._limit() - self.next)
        if n <= 0:
            self._show_address(self.next)
            self._fail(ERROR_IDNF)
            return 0
        return n

    def _advance(self, n: int) -> None:
        self.next += n
        self.left -= n
        if self.watcher is not None:
            self.watcher.move(n)
        self.count = self.left & 0xFF
        self._show_address(self.next - 1)

    def _fetch(self, n: int) -> bytes:
        """Read from the disk. If the host fails, the guest sees an uncorrectable error, and the
        exception of the host goes on to the caller of `run()`."""
        try:
            return self.disk.read(self.next, n)
        except BaseException:
            self._fail(ERROR_UNC)
            raise

    def _store(self, data: bytes) -> None:
        try:
            self.disk.write(self.next, data)
        except BaseException:
            self._fail(ERROR_UNC)
            raise

    # -- commands on sectors -----------------------------------------------------------------

    def _read(self) -> None:
        if self._start(1):
            self._read_block()

    def _read_multiple(self) -> None:
        if not self.multiple:
            self.abort()
        elif self._start(self.multiple):
            self._read_block()

    def _read_block(self) -> None:
        n = self._piece(self.block)
        if n:
            data = self._fetch(n)
            self._advance(n)
            self._offer(data, NEXT_READ if self.left else DONE)

    def _write(self) -> None:
        self._begin_write(1)

    def _write_multiple(self) -> None:
        if self.multiple:
            self._begin_write(self.multiple)
        else:
            self.abort()

    def _begin_write(self, block: int) -> None:
        if self.disk.readonly:
            self.abort()
        elif self._start(block):
            self._want_block(interrupt=False)

    def _want_block(self, *, interrupt: bool) -> None:
        n = self._piece(self.block)
        if n:
            self._want(n * SECTOR, WRITTEN, interrupt=interrupt)

    def _write_block(self) -> None:
        data = self.port.data
        self._store(data)
        self._advance(len(data) // SECTOR)
        if self.left:
            self._want_block(interrupt=True)
        else:
            self._complete()

    def _verify(self) -> None:
        if not self._start(PIECE):
            return
        while self.left:
            n = self._piece(PIECE)
            if not n:
                return
            self._fetch(n)
            self._advance(n)
        self._complete()

    # -- other commands ------------------------------------------------------------------------

    def _recalibrate(self) -> None:
        self.low = self.high = 0
        self.device &= 0xF0
        self.number = 0 if self.device & DEVICE_LBA else 1
        self._complete()

    def _seek(self) -> None:
        number = self.number
        if not self.device & DEVICE_LBA:
            self.number = 1  # SEEK does not look at the sector
        found = self.address()
        self.number = number
        if found is None:
            self._fail(ERROR_IDNF)
        else:
            self._complete()

    def _initialize_parameters(self) -> None:
        """The translation of CHS addresses: sectors a track in the count, heads - 1 in the device
        register."""
        heads, sectors = (self.device & 0x0F) + 1, self.count
        cylinders = min(self.disk.count // (heads * sectors), 0xFFFF) if sectors else 0
        if not cylinders:
            self.abort()
            return
        self.current = cylinders, heads, sectors
        self._complete()

    def _identify(self) -> None:
        data = identify.words(
            unit=self.unit,
            count=self.disk.count,
            default=self.default,
            current=self.current,
            multiple=self.multiple,
            write_cache=self.write_cache,
            look_ahead=self.look_ahead,
        )
        self._offer(data, DONE)

    def _set_multiple(self) -> None:
        n = self.count
        if n > MOST_MULTIPLE or n & n - 1:
            self.multiple = 0
            self.abort()
        else:
            self.multiple = n
            self._complete()

    def _set_features(self) -> None:
        feature = self.features
        if feature in (0x01, 0x81):
            self.byte_wide = feature == 0x01
        elif feature in (0x02, 0x82):
            self.write_cache = feature == 0x02
        elif feature in (0xAA, 0x55):
            self.look_ahead = feature == 0xAA
        elif feature in (0x66, 0xCC):
            self.reverting = feature == 0xCC
        elif not (feature == 0x03 and (self.count <= 1 or 0x08 <= self.count <= 0x0C)):
            self.abort()
            return
        self._complete()

    def _flush(self) -> None:
        try:
            self.disk.flush()
        except BaseException:
            self.abort()
            raise
        self._complete()

    def _check_power(self) -> None:
        self.count = self.power
        self._complete()

    def _idle(self) -> None:
        self.power = POWER_ACTIVE
        self._complete()

    def _standby(self) -> None:
        self.power = POWER_STANDBY
        self._complete()

    def _sleep(self) -> None:
        """From now on only a reset wakes the drive."""
        self._standby()
        self.sleeping = True

    def command(self, code: int) -> None:
        """Execute a command. A drive that sleeps ignores it."""
        if self.sleeping:
            return
        self.interrupting = False
        self.error = 0
        self._no_data()
        self._update()
        if code not in KEEP_POWER:
            self.power = POWER_ACTIVE
        if self.watcher is not None:
            self.watcher.begin(requests.of(self, code))
        COMMANDS.get(code, AtaDrive.abort)(self)


def _commands() -> dict[int, Callable[[AtaDrive], None]]:
    """Command code -> method."""
    drive = AtaDrive
    table: dict[int, Callable[[AtaDrive], None]] = {
        0x20: drive._read,
        0x21: drive._read,  # without retries
        0x30: drive._write,
        0x31: drive._write,
        0x40: drive._verify,
        0x41: drive._verify,
        0x91: drive._initialize_parameters,
        0xC4: drive._read_multiple,
        0xC5: drive._write_multiple,
        0xC6: drive._set_multiple,
        0xE7: drive._flush,
        0xEC: drive._identify,
        0xEF: drive._set_features,
    }
    for low in range(16):
        table[0x10 | low] = drive._recalibrate
        table[0x70 | low] = drive._seek
    # Power management has two codes for each command.
    for codes, method in (
        ((0x94, 0xE0), drive._standby),
        ((0x95, 0xE1), drive._idle),
        ((0x96, 0xE2), drive._standby),
        ((0x97, 0xE3), drive._idle),
        ((0x98, 0xE5), drive._check_power),
        ((0x99, 0xE6), drive._sleep),
    ):
        for code in codes:
            table[code] = method
    return table


COMMANDS = _commands()
#: What follows a block, by the name that a state has.
MOVED: dict[str, Callable[[AtaDrive], None]] = {
    DONE: AtaDrive._done,
    NEXT_READ: AtaDrive._read_block,
    WRITTEN: AtaDrive._write_block,
}
#: Commands that do not wake a drive from standby: CHECK POWER MODE, and SET FEATURES.
KEEP_POWER = (0x98, 0xE5, 0xEF)
