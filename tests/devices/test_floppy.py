"""FloppyController, by Intel's 8272A and 82077AA data sheets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.devices.dma import Dma8237
from pyx86emu.devices.floppy import FloppyController

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

    def __init__(self, fdc, dma, memory, time):
        self.fdc, self.dma, self.memory, self.time = fdc, dma, memory, time

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


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def cold(attach, guest_time, disk):
    """A driver before it has touched the controller."""
    memory = Memory()
    dma = attach(Dma8237(memory))
    fdc = attach(FloppyController(dma))
    fdc.insert(0, disk)
    return Guest(fdc, dma, memory, guest_time)


@pytest.fixture
def guest(cold):
    start(cold)
    return cold


@pytest.fixture
def pio(cold):
    """A driver that moves the data itself."""
    start(cold, nd=1)
    return cold


# -- reset and registers -------------------------------------------------------------


def test_controller_starts_in_reset(cold):
    assert cold.inb(MSR) == 0
    assert cold.inb(DOR) == 0
    cold.out(FIFO, 0x10)
    cold.out(DOR, 0x0C)
    assert cold.inb(MSR) == 0x80


def test_four_senses_after_reset(cold):
    cold.out(DOR, 0x0C)
    assert not cold.fdc.irq.level
    cold.wait()

    assert cold.sense() == [0xC0, 0]
    assert not cold.fdc.irq.level
    assert [cold.sense() for _ in range(3)] == [[0xC1, 0], [0xC2, 0], [0xC3, 0]]
    assert cold.sense() == [0x80]


def test_sense_before_the_interrupt_of_the_reset(cold, guest_time):
    cold.out(DOR, 0x0C)

    assert [cold.sense()[0] for _ in range(4)] == [0xC0, 0xC1, 0xC2, 0xC3]

    guest_time.advance(10 * cold.fdc.delay)
    assert cold.fdc.irq.edges == 0


def test_reset_through_the_data_rate_register(guest):
    guest.out(DSR, 0x80)
    guest.wait()

    assert guest.sense() == [0xC0, 0]


def test_reset_in_the_middle_of_a_command(guest):
    guest.send(0x46, 0, 0)
    guest.out(DOR, 0x18)
    assert guest.inb(MSR) == 0
    guest.out(DOR, 0x1C)
    guest.wait()

    assert guest.inb(MSR) == 0x80
    assert guest.sense() == [0xC0, 0]


def test_gate_bit_keeps_the_interrupt_from_the_line(cold, guest_time):
    cold.out(DOR, 0x04)
    guest_time.advance(cold.fdc.delay)
    assert not cold.fdc.irq.level

    cold.out(DOR, 0x0C)

    assert cold.fdc.irq.level


def test_undriven_ports(guest):
    assert guest.inb(0) == guest.inb(1) == 0xFF
    covered = {offset + i for offset, length in guest.fdc.ranges for i in range(length)}
    assert covered == {0, 1, 2, 3, 4, 5, 7}


def test_tape_register_and_rates_are_kept(guest):
    guest.out(3, 0x01)
    assert guest.inb(3) == 0x01
    guest.out(CCR, 0x01)
    assert guest.fdc.rate == 1
    guest.out(DSR, 0x02)
    assert guest.fdc.rate == 2


def test_device_reset_keeps_the_disk_and_holds_the_chip(guest, disk):
    guest.send(0x0F, 0, 5)
    guest.fdc.reset()

    assert guest.inb(MSR) == 0
    assert guest.inb(DOR) == 0
    assert not guest.time.waiting
    assert guest.fdc.drives[0].disk is disk


# -- commands without data -------------------------------------------------------------


@pytest.mark.parametrize("command", [0x00, 0x01, 0x0B, 0x11, 0x15, 0x17, 0x1F, 0x83, 0x50, 0xA5])
def test_invalid_commands(guest, command):
    guest.send(command)

    assert guest.results() == [0x80]
    assert guest.inb(MSR) == 0x80
    assert not guest.fdc.irq.level


def test_version_is_that_of_an_82077(guest):
    guest.send(0x10)
    assert guest.inb(MSR) == 0xD0

    assert guest.results() == [0x90]


def test_busy_bit_during_a_command(guest):
    guest.send(0x04)
    assert guest.inb(MSR) == 0x90
    guest.send(0x00)
    assert guest.inb(MSR) == 0xD0
    guest.results()
    assert guest.inb(MSR) == 0x80


def test_sense_drive_status(guest, disk):
    guest.send(0x04, 0x04)
    assert guest.results() == [0x3C]  # ready, track 0, two sides, head 1

    guest.seek(3)
    disk.readonly = True
    guest.send(0x04, 0x00)
    assert guest.results() == [0x68]


def test_sense_drive_status_of_a_drive_that_is_not_there(guest):
    guest.send(0x04, 0x03)

    assert guest.results() == [0x2B]


def test_seek_and_recalibrate(guest):
    guest.send(0x0F, 0x04, 10)
    assert guest.inb(MSR) == 0x81  # drive 0 busy, the controller is not
    assert not guest.fdc.irq.level
    guest.wait()
    assert guest.sense() == [0x24, 10]
    assert guest.inb(MSR) == 0x80
    assert not guest.fdc.irq.level

    guest.send(0x07, 0)
    guest.wait()
    assert guest.sense() == [0x20, 0]
    assert guest.fdc.drives[0].cylinder == 0


def test_sense_before_the_seek_has_ended_is_invalid(guest):
    guest.send(0x0F, 0, 10)

    assert guest.sense() == [0x80]


def test_recalibrate_of_a_missing_drive_finds_no_track_0(guest):
    guest.send(0x07, 3)
    guest.wait()

    assert guest.sense() == [0x73, 0]


def test_recalibrate_gives_up_after_79_steps(guest):
    guest.seek(81)

    guest.send(0x07, 0)
    guest.wait()
    assert guest.sense() == [0x70, 0]
    guest.send(0x07, 0)
    guest.wait()
    assert guest.sense() == [0x20, 0]


def test_two_drives_seek_at_the_same_time(guest):
    guest.send(0x0F, 0, 10)
    guest.send(0x0F, 1, 20)
    assert guest.inb(MSR) == 0x83
    guest.wait()

    assert guest.sense() == [0x20, 10]
    assert guest.fdc.irq.level
    assert guest.sense() == [0x21, 20]
    assert not guest.fdc.irq.level


def test_relative_seek(guest):
    guest.seek(10)
    guest.send(0xCF, 0, 5)
    guest.wait()
    assert guest.sense() == [0x20, 15]
    guest.send(0x8F, 0, 3)
    guest.wait()
    assert guest.sense() == [0x20, 12]
    assert guest.fdc.drives[0].cylinder == 12


def test_configure_lock_and_dump_registers(guest):
    guest.send(0x13, 0, 0x57, 0x11)
    guest.send(0x94)
    assert guest.results() == [0x10]
    guest.send(0x12, 0x04)
    guest.seek(7)

    guest.send(0x0E)
    assert guest.results() == [7, 0, 0, 0, 0xDF, 0x02, 0, 0x84, 0x57, 0x11]


def test_reset_keeps_what_is_locked(guest):
    guest.send(0x13, 0, 0x57, 0x11)
    guest.send(0x94)
    guest.results()
    guest.out(DSR, 0x80)
    guest.wait()
    guest.send(0x0E)
    assert guest.results()[8:] == [0x17, 0x11]  # all but implied seek

    guest.send(0x14)
    assert guest.results() == [0x00]
    guest.out(DSR, 0x80)
    guest.wait()
    guest.send(0x0E)
    assert guest.results()[8:] == [0x20, 0x00]


# -- disk change ---------------------------------------------------------------------------


def test_change_line_is_cleared_by_a_step(guest):
    assert guest.inb(DIR) == 0x80
    guest.send(0x07, 0)  # at track 0 already: no step
    guest.wait()
    guest.sense()
    assert guest.inb(DIR) == 0x80

    guest.seek(1)

    assert guest.inb(DIR) == 0x00


def test_change_line_stays_without_a_disk(guest, disk):
    guest.seek(1)
    assert guest.fdc.eject(0) is disk
    assert guest.inb(DIR) == 0x80
    guest.seek(2)
    assert guest.inb(DIR) == 0x80
    guest.fdc.insert(0, disk)
    assert guest.inb(DIR) == 0x80
    guest.seek(3)
    assert guest.inb(DIR) == 0x00


def test_change_line_is_that_of_the_selected_drive(guest):
    guest.seek(1)
    guest.out(DOR, 0x2D)
    assert guest.inb(DIR) == 0x80
    guest.out(DOR, 0x1C)
    assert guest.inb(DIR) == 0x00
    guest.out(DOR, 0x1F)  # no such drive
    assert guest.inb(DIR) == 0x00


# -- reading ---------------------------------------------------------------------------------


def test_read_one_sector(guest):
    assert guest.read_sectors(0, 0, 1) == [0, 0, 0, 0, 0, 2, 2]

    assert guest.memory.read(0, 512) == Disk.sector(0)
    assert not guest.fdc.irq.level
    assert guest.inb(MSR) == 0x80


def test_interrupt_of_a_read_falls_with_the_first_result(guest):
    guest.dma_to(0x44, 0, 512)
    guest.send(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    assert guest.inb(MSR) == 0x10
    guest.wait()
    assert guest.inb(MSR) == 0xD0

    guest.inb(FIFO)

    assert not guest.fdc.irq.level


def test_delay_can_be_chosen(guest, guest_time):
    guest.fdc.delay = 3_000_000
    guest.dma_to(0x44, 0, 512)
    guest.send(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)

    guest_time.advance(2_999_999)
    assert not guest.fdc.irq.level
    guest_time.advance(1)
    assert guest.fdc.irq.level


def test_read_after_a_seek(guest):
    guest.seek(5)

    assert guest.read_sectors(5, 1, 7, 2)[:3] == [4, 0, 0]

    lba = (5 * 2 + 1) * 18 + 6
    assert guest.memory.read(0, 1024) == Disk.sector(lba) + Disk.sector(lba + 1)


def test_read_without_seek_finds_the_wrong_cylinder(guest):
    assert guest.read_sectors(5, 0, 1) == [0x40, 0x04, 0x10, 5, 0, 1, 2]


def test_implied_seek(guest):
    guest.send(0x13, 0, 0x40 | 0x20, 0)

    assert guest.read_sectors(5, 0, 1) == [0x20, 0, 0, 5, 0, 2, 2]
    assert guest.memory.read(0, 512) == Disk.sector(5 * 36)


def test_multi_track_goes_on_on_the_other_side(guest):
    assert guest.read_sectors(0, 0, 17, 4) == [4, 0, 0, 0, 1, 3, 2]

    assert guest.memory.read(0, 2048) == b"".join(Disk.sector(i) for i in range(16, 20))


@pytest.mark.parametrize(
    ("command", "head", "sector", "ids"),
    [
        (0x46, 0, 5, [0, 0, 6, 2]),
        (0x46, 0, 18, [1, 0, 1, 2]),
        (0x46, 1, 5, [0, 1, 6, 2]),
        (0x46, 1, 18, [1, 1, 1, 2]),
        (0xC6, 0, 5, [0, 0, 6, 2]),
        (0xC6, 0, 18, [0, 1, 1, 2]),
        (0xC6, 1, 5, [0, 1, 6, 2]),
        (0xC6, 1, 18, [1, 0, 1, 2]),
    ],
)
def test_ids_in_the_result_name_the_next_sector(guest, command, head, sector, ids):
    results = guest.read_sectors(0, head, sector, command=command)

    assert results == [head << 2, 0, 0, *ids]


def test_end_of_cylinder_without_terminal_count(guest):
    results = guest.read_sectors(0, 0, 17, 3, command=0x46)

    assert results == [0x40, 0x80, 0, 1, 0, 1, 2]
    assert guest.memory.read(0, 1024) == Disk.sector(16) + Disk.sector(17)
    assert guest.memory.read(1024, 512) == bytes(512)


def test_terminal_count_within_a_sector(guest):
    guest.dma_to(0x44, 0, 100)
    guest.send(READ, 0, 0, 0, 3, 2, 18, 0x1B, 0xFF)
    guest.wait()

    assert guest.results() == [0, 0, 0, 0, 0, 4, 2]
    assert guest.memory.read(0, 101) == Disk.sector(2)[:100] + b"\0"


@pytest.mark.parametrize("sector", [0, 19, 255])
def test_sector_beyond_the_geometry_is_not_found(guest, sector):
    results = guest.read_sectors(0, 0, sector, eot=sector)

    assert results == [0x40, 0x04, 0, 0, 0, sector, 2]


def test_probing_the_sectors_per_track(guest):
    """How a BIOS finds out what is in the drive."""
    for spt in (8, 9, 15, 18, 36):
        guest.fdc.insert(0, Disk(sectors=spt))
        found = [
            r
            for r in (36, 18, 15, 9, 8)
            if guest.read_sectors(0, 0, r, command=0x46, eot=r)[0] & 0xC0 == 0
        ]
        assert found[0] == spt


def test_wrong_size_code_or_head_is_not_found(guest):
    assert guest.read_sectors(0, 0, 1, n=3)[:3] == [0x40, 0x04, 0]
    assert guest.read_sectors(0, 0, 1, h_id=1)[:3] == [0x40, 0x04, 0]


def test_other_side_of_a_single_sided_disk(guest):
    guest.fdc.insert(0, Disk(40, 1, 8))

    assert guest.read_sectors(0, 1, 1)[:3] == [0x44, 0x05, 0]


def test_cylinder_beyond_the_disk_has_no_marks(guest):
    guest.fdc.insert(0, Disk(40, 2, 9))
    guest.seek(41)

    assert guest.read_sectors(41, 0, 1)[:3] == [0x40, 0x05, 0]


def test_no_disk_is_not_ready(guest):
    guest.fdc.eject(0)
    assert guest.read_sectors(0, 0, 1)[:3] == [0x48, 0, 0]
    assert guest.read_sectors(0, 0, 1, unit=3)[:3] == [0x4B, 0, 0]


def test_masked_dma_is_an_overrun(guest):
    guest.dma.pio_write(0x0A, 1, 6)
    guest.send(READ, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    guest.wait()

    assert guest.results() == [0x40, 0x10, 0, 0, 0, 1, 2]


def test_read_deleted_data_takes_one_sector_and_says_so(guest):
    assert guest.read_sectors(0, 0, 1, 4, command=0x4C) == [0, 0, 0x40, 0, 0, 2, 2]
    assert guest.memory.read(0, 512) == Disk.sector(0)
    assert guest.memory.read(512, 512) == bytes(512)


def test_read_deleted_data_with_skip_finds_nothing(guest):
    assert guest.read_sectors(0, 0, 17, command=0x6C) == [0x40, 0x80, 0x40, 1, 0, 1, 2]
    assert guest.memory.read(0, 512) == bytes(512)


def test_read_track_begins_at_the_index_hole(guest):
    results = guest.read_sectors(0, 0, 1, 9, command=0x42, eot=9)

    assert results[:3] == [0, 0, 0]
    assert guest.memory.read(0, 9 * 512) == b"".join(Disk.sector(i) for i in range(9))


def test_read_track_notes_wrong_ids_and_goes_on(guest):
    results = guest.read_sectors(0, 0, 5, 2, command=0x42, eot=9)

    assert results[:3] == [0x40, 0x04, 0]
    assert guest.memory.read(0, 512) == Disk.sector(0)


def test_read_id_turns_with_the_disk(guest, guest_time):
    guest.seek(3)
    seen = set()
    for _ in range(50):
        guest.send(0x4A, 0x04)
        guest.wait()
        st0, st1, st2, c, h, r, n = guest.results()
        assert (st0, st1, st2, c, h, n) == (4, 0, 0, 3, 1, 2)
        seen.add(r)
        guest_time.advance(7_000_000)

    assert seen == set(range(1, 19))


def test_read_id_where_nothing_is_formatted(guest):
    guest.fdc.insert(0, Disk(40, 1, 9))
    guest.send(0x4A, 0x04)
    guest.wait()

    assert guest.results()[:3] == [0x44, 0x01, 0]


@pytest.mark.parametrize(
    ("parameters", "results"),
    [
        ([0, 0, 0, 1, 2, 18, 0x1B, 0xFF], [0x00, 0, 0]),
        ([0, 0, 0, 1, 2, 19, 0x1B, 0xFF], [0x40, 0x04, 0]),
        ([0x80, 0, 0, 1, 2, 18, 0x1B, 5], [0x00, 0, 0]),
        ([0x80, 0, 0, 17, 2, 18, 0x1B, 5], [0x40, 0x80, 0]),
        ([0x80, 0, 0, 1, 2, 36, 0x1B, 20], [0x40, 0x04, 0]),
    ],
)
def test_verify_moves_no_data(guest, parameters, results):
    guest.dma_to(0x44, 0, 512)
    guest.send(0x56, *parameters)
    guest.wait()

    assert guest.results()[:3] == results
    assert guest.memory.read(0, 512) == bytes(512)


# -- writing -------------------------------------------------------------------------------------


def test_write_sectors(guest, disk):
    data = bytes(range(256)) * 4

    assert guest.write_sectors(0, 1, 3, data) == [4, 0, 0, 0, 1, 5, 2]

    assert disk.read(20, 2) == data
    assert disk.written == [20, 21]


def test_write_ends_with_zeros_where_the_count_ends(guest, disk):
    guest.write_sectors(0, 0, 1, b"x" * 100)

    assert disk.read(0, 1) == b"x" * 100 + bytes(412)


def test_write_protected_disk(guest, disk):
    disk.readonly = True

    assert guest.write_sectors(0, 0, 1, bytes(512)) == [0x40, 0x02, 0, 0, 0, 1, 2]
    assert disk.written == []


def test_write_beyond_the_track(guest, disk):
    assert guest.write_sectors(0, 0, 19, bytes(512), eot=19)[:3] == [0x40, 0x04, 0]
    assert disk.written == []


def test_write_deleted_data_writes(guest, disk):
    assert guest.write_sectors(0, 0, 1, b"y" * 512, command=0x49)[0] == 0
    assert disk.read(0, 1) == b"y" * 512


def test_format_a_track(guest, disk):
    ids = b"".join(bytes((0, 1, r, 2)) for r in range(1, 19))
    guest.memory.write(0x4000, ids)
    guest.dma_to(0x48, 0x4000, len(ids))
    guest.send(0x4D, 0x04, 2, 18, 0x54, 0xF6)
    guest.wait()

    assert guest.results()[:3] == [4, 0, 0]
    assert disk.read(18, 18) == b"\xf6" * 18 * 512
    assert sorted(disk.written) == list(range(18, 36))


def test_format_leaves_what_the_disk_has_no_place_for(guest, disk):
    ids = bytes((0, 0, 1, 2, 9, 0, 2, 2, 0, 0, 40, 2))
    guest.memory.write(0x4000, ids)
    guest.dma_to(0x48, 0x4000, len(ids))
    guest.send(0x4D, 0, 2, 3, 0x54, 0xF6)
    guest.wait()

    assert guest.results()[0] == 0
    assert disk.written == [0]


def test_format_of_a_protected_disk(guest, disk):
    disk.readonly = True
    guest.dma_to(0x48, 0x4000, 72)
    guest.send(0x4D, 0, 2, 18, 0x54, 0xF6)
    guest.wait()

    assert guest.results()[:2] == [0x40, 0x02]


@given(
    cylinder=st.integers(0, 79),
    head=st.integers(0, 1),
    sector=st.integers(1, 18),
    count=st.integers(1, 40),
)
def test_any_read_gives_the_right_sectors(attach_alone, cylinder, head, sector, count):
    memory = Memory()
    dma, time = attach_alone(Dma8237(memory))
    fdc, time = attach_alone(FloppyController(dma))
    fdc.insert(0, Disk())
    guest = Guest(fdc, dma, memory, time)
    start(guest)
    guest.seek(cylinder)
    available = 36 - (head * 18 + sector - 1)
    lba = (cylinder * 2 + head) * 18 + sector - 1

    st0, st1, *_ = guest.read_sectors(cylinder, head, sector, count)

    moved = min(count, available)
    assert (st0 & 0xC0, st1) == ((0, 0) if count <= available else (0x40, 0x80))
    assert memory.read(0, 512 * moved) == b"".join(Disk.sector(lba + i) for i in range(moved))


# -- without DMA -----------------------------------------------------------------------------------


def test_read_through_the_fifo(pio):
    pio.send(0x46, 0, 0, 0, 17, 2, 18, 0x1B, 0xFF)
    assert pio.inb(MSR) == 0x30
    pio.wait()
    data = bytearray()
    while pio.inb(MSR) & 0x20:
        assert pio.inb(MSR) == 0xF0
        assert pio.fdc.irq.level
        data.append(pio.inb(FIFO))

    assert data == Disk.sector(16) + Disk.sector(17)
    assert pio.fdc.irq.level
    # Nobody gives a terminal count, so the end of the track is the command's end.
    assert pio.results() == [0x40, 0x80, 0, 1, 0, 1, 2]


def test_write_through_the_fifo(pio, disk):
    pio.send(0x45, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF)
    pio.wait()
    data = bytes(range(256)) * 2
    for byte in data:
        assert pio.inb(MSR) == 0xB0
        pio.out(FIFO, byte)

    assert pio.results()[:2] == [0x40, 0x80]
    assert disk.read(17, 1) == data


def test_interrupts_per_byte_or_per_burst(pio):
    pio.send(0x46, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF)
    before = pio.fdc.irq.edges
    pio.wait()
    for _ in range(512):
        pio.inb(FIFO)
    assert pio.fdc.irq.edges - before == 513  # one a byte and one for the result
    pio.results()

    pio.send(0x13, 0, 0x07, 0)  # FIFO on, bursts of 8
    pio.send(0x46, 0, 0, 0, 18, 2, 18, 0x1B, 0xFF)
    before = pio.fdc.irq.edges
    pio.wait()
    for _ in range(512):
        pio.inb(FIFO)
    assert pio.fdc.irq.edges - before == 65


def test_format_through_the_fifo(pio, disk):
    pio.send(0x4D, 0, 2, 18, 0x54, 0xE5)
    pio.wait()
    for r in range(1, 19):
        for value in (0, 0, r, 2):
            pio.out(FIFO, value)

    assert pio.results()[:3] == [0, 0, 0]
    assert disk.read(0, 18) == b"\xe5" * 18 * 512


def test_disk_taken_out_during_a_transfer(pio):
    pio.send(0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    pio.wait()
    pio.fdc.eject(0)
    for _ in range(512):
        pio.inb(FIFO)

    assert pio.results()[:3] == [0x48, 0, 0]


@given(st.lists(st.tuples(st.sampled_from([2, 3, 4, 5, 5, 5, 5, 7]), st.integers(0, 255))))
def test_any_accesses_leave_a_controller_that_can_be_reset(attach_alone, accesses):
    memory = Memory()
    dma, _ = attach_alone(Dma8237(memory))
    fdc, time = attach_alone(FloppyController(dma))
    fdc.insert(0, Disk())
    guest = Guest(fdc, dma, memory, time)
    start(guest)
    for offset, value in accesses:
        fdc.pio_write(offset, 1, value)
        assert 0 <= fdc.pio_read(value & 7, 1) <= 0xFF
        time.advance(value * 1000)

    fdc.pio_write(DOR, 1, 0x00)
    start(guest)

    assert guest.inb(MSR) == 0x80
