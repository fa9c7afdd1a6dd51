"""A driver of the ATA channel, and a disk that is its memory."""

from pyx86emu.pc.devices import AtaChannel

DATA, ERROR, FEATURES, COUNT, NUMBER, LOW, HIGH, DEVICE, STATUS, COMMAND = (
    *(0, 1, 1, 2, 3, 4, 5, 6, 7, 7),
)
CONTROL = 0x206
READY, DRQ, ERR = 0x50, 0x58, 0x51
LBA, SLAVE = 0xE0, 0x10

READ, READ_MULTIPLE, WRITE, WRITE_MULTIPLE, VERIFY = 0x20, 0xC4, 0x30, 0xC5, 0x40
IDENTIFY, SET_FEATURES, SET_MULTIPLE, INITIALIZE, SLEEP = 0xEC, 0xEF, 0xC6, 0x91, 0xE6


class HardDisk:
    """Sectors in memory: sector n is filled with the byte n."""

    readonly = False

    def __init__(self, geometry: tuple[int, int, int] = (10, 4, 17), count: int | None = None):
        self.geometry = geometry
        cylinders, heads, sectors = geometry
        self.count = cylinders * heads * sectors if count is None else count
        self.written: dict[int, bytes] = {}
        self.fails: Exception | None = None
        self.flushed = 0

    def read(self, lba: int, n: int) -> bytes:
        assert lba >= 0 and lba + n <= self.count
        if self.fails is not None:
            raise self.fails
        return b"".join(self.written.get(i, bytes([i & 0xFF]) * 512) for i in range(lba, lba + n))

    def write(self, lba: int, data: bytes) -> None:
        assert lba >= 0 and lba + len(data) // 512 <= self.count and not self.readonly
        if self.fails is not None:
            raise self.fails
        for i in range(len(data) // 512):
            self.written[lba + i] = data[512 * i : 512 * i + 512]

    def flush(self) -> None:
        self.flushed += 1


class Driver:
    """The guest's side of the channel."""

    def __init__(self, channel: AtaChannel):
        self.channel = channel
        self.levels: list[bool] = []
        channel.irq = self.levels.append

    def inb(self, offset: int) -> int:
        return self.channel.pio_read(offset, 1)

    def outb(self, offset: int, value: int) -> None:
        self.channel.pio_write(offset, 1, value)

    @property
    def line(self) -> bool:
        return bool(self.levels) and self.levels[-1]

    def command(self, code: int, lba: int = 0, count: int = 1, device: int = LBA) -> int:
        """Send a command with an LBA; returns the status."""
        self.outb(DEVICE, device | lba >> 24)
        for offset, value in ((COUNT, count), (NUMBER, lba), (LOW, lba >> 8), (HIGH, lba >> 16)):
            self.outb(offset, value & 0xFF)
        self.outb(COMMAND, code)
        return self.inb(STATUS)

    def chs(self, code: int, c: int, h: int, s: int, count: int = 1, device: int = 0xA0) -> int:
        """Send a command with a cylinder, head and sector; returns the status."""
        self.outb(DEVICE, device | h)
        for offset, value in ((COUNT, count), (NUMBER, s), (LOW, c & 0xFF), (HIGH, c >> 8)):
            self.outb(offset, value)
        self.outb(COMMAND, code)
        return self.inb(STATUS)

    def take(self, words: int = 256) -> bytes:
        read = self.channel.pio_read
        return b"".join(read(DATA, 2).to_bytes(2, "little") for _ in range(words))

    def give(self, data: bytes) -> None:
        for i in range(0, len(data), 2):
            self.channel.pio_write(DATA, 2, int.from_bytes(data[i : i + 2], "little"))

    @property
    def address(self) -> tuple[int, int, int, int, int]:
        """Count, sector, cylinder, head: as the registers have them now."""
        inb = self.inb
        return inb(COUNT), inb(NUMBER), inb(LOW), inb(HIGH), inb(DEVICE) & 0x0F

    def identify(self, device: int = 0xA0) -> list[int]:
        """The 256 words."""
        assert self.command(IDENTIFY, device=device) == DRQ
        data = self.take()
        return [int.from_bytes(data[i : i + 2], "little") for i in range(0, 512, 2)]
