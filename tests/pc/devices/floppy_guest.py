"""A guest's floppy driver, the disk in its drive and the machine around them."""

from pyx86emu.pc.devices.dma import Dma8237
from pyx86emu.pc.devices.floppy import FloppyController

DOR, MSR, DSR, FIFO, DIR, CCR = 2, 4, 4, 5, 7, 7
READ, WRITE = 0xE6, 0xC5


class Disk:
    """A disk whose sectors say where they are."""

    def __init__(self, cylinders=80, heads=2, sectors=18, readonly=False):
        self.geometry = (cylinders, heads, sectors)
        self.readonly = readonly
        self.data = b"".join(self.sector(lba) for lba in range(cylinders * heads * sectors))
        self.written = []

    @staticmethod
    def sector(lba):
        return lba.to_bytes(2, "little") * 256

    def read(self, lba, count):
        assert 0 <= lba <= lba + count <= len(self.data) // 512
        return self.data[512 * lba : 512 * (lba + count)]

    def write(self, lba, data):
        assert not self.readonly
        assert len(data) % 512 == 0
        self.written.append(lba)
        self.data = self.data[: 512 * lba] + data + self.data[512 * lba + len(data) :]


class Memory:
    """One page of guest memory."""

    def __init__(self):
        self.data = bytearray(0x10000)

    def read(self, addr, size):
        return bytes(self.data[addr : addr + size])

    def write(self, addr, data):
        self.data[addr : addr + len(data)] = data


class Guest:
    """A driver that waits for the interrupt as a BIOS does."""

    def __init__(self, fdc, time):
        self.fdc, self.time = fdc, time
        self.dma, self.memory = fdc.dma, fdc.dma.memory

    def inb(self, offset):
        return self.fdc.pio_read(offset, 1)

    def out(self, offset, value):
        self.fdc.pio_write(offset, 1, value)

    def send(self, *values):
        for value in values:
            assert self.inb(MSR) & 0xC0 == 0x80
            self.out(FIFO, value)

    def results(self):
        values = []
        while self.inb(MSR) & 0xC0 == 0xC0:
            values.append(self.inb(FIFO))
        return values

    def wait(self):
        self.time.advance(self.fdc.delay)
        assert self.fdc.irq.level

    def sense(self):
        self.send(0x08)
        return self.results()

    def seek(self, cylinder, unit=0):
        self.send(0x0F, unit, cylinder)
        self.wait()
        return self.sense()

    def dma_to(self, mode, addr, count):
        for port, value in (
            (0x0A, 6),
            (0x0C, 0),
            (0x0B, mode | 2),
            (4, addr & 0xFF),
            (4, addr >> 8),
            (5, count - 1 & 0xFF),
            (5, count - 1 >> 8),
            (0x0A, 2),
        ):
            self.dma.pio_write(port, 1, value)

    def read_sectors(self, c, h, r, count=1, *, command=READ, n=2, eot=18, unit=0, h_id=None):
        """READ DATA into address 0; returns results."""
        self.dma_to(0x44, 0, 512 * count)
        self.send(command, h << 2 | unit, c, h if h_id is None else h_id, r, n, eot, 0x1B, 0xFF)
        self.wait()
        return self.results()

    def write_sectors(self, c, h, r, data, *, command=WRITE, count=None, eot=18):
        self.memory.write(0x4000, data)
        self.dma_to(0x48, 0x4000, count or len(data))
        self.send(command, h << 2, c, h, r, 2, eot, 0x1B, 0xFF)
        self.wait()
        return self.results()


def start(guest, nd=0):
    """Out of reset, four senses, SPECIFY."""
    guest.out(DOR, 0x1C)
    guest.wait()
    for _ in range(4):
        guest.sense()
    guest.send(0x03, 0xDF, 0x02 | nd)


def new_controller(disk):
    """A controller with its DMA and memory, `disk` in drive A."""
    fdc = FloppyController(Dma8237(Memory()))
    fdc.insert(0, disk)
    return fdc
