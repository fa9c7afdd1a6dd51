"""FloppyChip: reset, registers, disk change and data without DMA, by the 82077AA data sheet."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyx86emu.pc.devices.floppy import FloppyController
from tests.pc.devices.floppy_guest import (
    CCR,
    DIR,
    DOR,
    DSR,
    FIFO,
    MSR,
    Disk,
    Guest,
    new_controller,
    start,
)


@pytest.fixture
def disk():
    return Disk()


@pytest.fixture
def cold(attach, guest_time, disk):
    """A driver that has not yet touched the controller."""
    return Guest(attach(new_controller(disk)), guest_time)


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


def test_a_protected_disk_put_in_during_a_format(pio, disk):
    pio.send(0x4D, 0, 2, 2, 0x54, 0xE5)
    pio.wait()
    disk.readonly = True
    for value in (0, 0, 1, 2, 0, 0, 2, 2):
        pio.out(FIFO, value)

    assert pio.results()[:3] == [0x40, 0x02, 0]
    assert not disk.written


def test_disk_taken_out_during_a_transfer(pio):
    pio.send(0x46, 0, 0, 0, 1, 2, 18, 0x1B, 0xFF)
    pio.wait()
    pio.fdc.eject(0)
    for _ in range(512):
        pio.inb(FIFO)

    assert pio.results()[:3] == [0x48, 0, 0]


@given(st.lists(st.tuples(st.sampled_from([2, 3, 4, 5, 5, 5, 5, 7]), st.integers(0, 255))))
def test_any_accesses_leave_a_controller_that_can_be_reset(attach_alone, accesses):
    fdc, time = attach_alone(new_controller(Disk()))
    guest = Guest(fdc, time)
    start(guest)
    for offset, value in accesses:
        fdc.pio_write(offset, 1, value)
        assert 0 <= fdc.pio_read(value & 7, 1) <= 0xFF
        time.advance(value * 1000)

    fdc.pio_write(DOR, 1, 0x00)
    start(guest)

    assert guest.inb(MSR) == 0x80


# -- the host ------------------------------------------------------------------------------


@pytest.mark.parametrize("drives", [0, 5, -1, 1 << 63, 1 << 9999], ids=lambda n: f"{n % 1000}")
def test_a_controller_has_one_to_four_drives(drives):
    with pytest.raises(ValueError, match=r"drives is .*: give 1 to 4"):
        FloppyController(None, drives)


@pytest.mark.parametrize("drives", [2.0, "2", None])
def test_the_number_of_drives_is_an_integer(drives):
    with pytest.raises(TypeError, match="drives must be an integer"):
        FloppyController(None, drives)


@pytest.mark.parametrize("unit", [-1, 2, 1 << 70])
def test_a_disk_goes_into_a_drive_that_is_there(unit):
    fdc = FloppyController(None)

    with pytest.raises(ValueError, match=r"unit is .*: give 0 to 1"):
        fdc.insert(unit, Disk())
    with pytest.raises(ValueError, match=r"unit is .*: give 0 to 1"):
        fdc.eject(unit)
    with pytest.raises(TypeError, match="unit must be an integer"):
        fdc.insert(0.0, Disk())


@pytest.mark.parametrize("disk", [None, "boot.img", 5, {}])
def test_what_is_no_disk_is_not_inserted(disk):
    fdc = FloppyController(None)

    with pytest.raises(TypeError, match=f"cannot insert {type(disk).__name__}.* give a Disk"):
        fdc.insert(0, disk)
    assert fdc.drives[0].disk is None


class CountingDisk:
    """A disk of any size that counts how many sectors are moved."""

    readonly = False

    def __init__(self, geometry):
        self.geometry = geometry
        self.moved = 0

    def read(self, lba, n):
        self.moved += n
        return bytes(512 * n)

    def write(self, lba, data):
        self.moved += len(data) // 512


@given(
    geometry=st.sampled_from(
        [(80, 2, 18), (1024, 256, 63), (1 << 40, 1 << 40, 1 << 40), (1, 1, 1)]
    ),
    command=st.sampled_from([0x42, 0xC5, 0xC9, 0xE6, 0xCC, 0xEC, 0xF6, 0xD6]) | st.integers(0, 255),
    parameters=st.tuples(
        st.sampled_from([0, 1, 4, 0x84, 0xFF]),  # drive and head
        st.sampled_from([0, 1, 0xFF]),  # C
        st.sampled_from([0, 1, 0xFF]),  # H
        st.sampled_from([0, 1, 2, 0xFF]),  # R
        st.sampled_from([0, 2, 0xFF]),  # N
        st.sampled_from([0, 1, 18, 63, 0xFF]),  # the last sector
        st.integers(0, 255),
        st.integers(0, 255),
        st.integers(0, 255),
    ),
    dma_mode=st.sampled_from([0x44, 0x48, 0x40, 0x54, 0x58, 0x74]),
    nd=st.booleans(),
)
@example((1 << 40, 2, 1 << 40), 0xEC, (0, 0, 0, 1, 2, 255, 0, 0, 0), 0x44, False)
def test_one_command_moves_at_most_both_sides_of_a_cylinder(
    attach_alone, geometry, command, parameters, dma_mode, nd
):
    disk = CountingDisk(geometry)
    guest = Guest(*attach_alone(new_controller(disk)))
    start(guest, nd)
    guest.dma_to(dma_mode, 0x4000, 0x10000)
    looked = 0
    find = guest.fdc._find_sector

    def counted(drive):
        nonlocal looked
        looked += 1
        return find(drive)

    guest.fdc._find_sector = counted
    for value in (command, *parameters):
        if guest.inb(MSR) & 0xC0 == 0x80:
            guest.out(FIFO, value)
    guest.time.advance(10 * guest.fdc.delay)

    assert looked <= 2 * 255 + 1
    assert disk.moved <= 2 * 255
