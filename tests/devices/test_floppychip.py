"""FloppyChip: reset, registers, disk change and data without DMA, by the 82077AA data sheet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devices.floppy_guest import (
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
