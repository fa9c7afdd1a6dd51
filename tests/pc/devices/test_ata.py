"""AtaChannel: registers, commands and errors, by ATA-2 and ATA-3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices import AtaChannel
from tests.pc.devices.ata_guest import (
    COMMAND,
    CONTROL,
    COUNT,
    DATA,
    DEVICE,
    DRQ,
    ERR,
    ERROR,
    FEATURES,
    HIGH,
    IDENTIFY,
    INITIALIZE,
    LBA,
    LOW,
    NUMBER,
    READ,
    READ_MULTIPLE,
    READY,
    SET_FEATURES,
    SET_MULTIPLE,
    SLAVE,
    SLEEP,
    STATUS,
    VERIFY,
    WRITE,
    WRITE_MULTIPLE,
    Driver,
    HardDisk,
)

ABRT, IDNF, UNC = 0x04, 0x10, 0x40


@pytest.fixture
def disk():
    return HardDisk()


@pytest.fixture
def guest(disk):
    return Driver(AtaChannel([disk]))


def sector(n: int) -> bytes:
    return bytes([n & 0xFF]) * 512


# -- which drives there are --------------------------------------------------


def test_no_drive_reads_as_a_bus_that_nobody_drives():
    guest = Driver(AtaChannel())

    guest.outb(COUNT, 0x55)
    guest.outb(COMMAND, IDENTIFY)

    assert [guest.inb(offset) for offset in (*range(8), CONTROL)] == [0xFF] * 9
    assert guest.channel.pio_read(DATA, 2) == 0xFFFF


def test_absent_slave_has_status_0_and_the_registers_of_the_master(guest):
    guest.outb(DEVICE, 0xA0 | SLAVE)
    guest.outb(COUNT, 0x55)
    guest.outb(COMMAND, IDENTIFY)

    assert (guest.inb(STATUS), guest.inb(CONTROL), guest.inb(COUNT)) == (0, 0, 0x55)
    assert not guest.line


def test_absent_master_reads_as_a_bus_that_nobody_drives(disk):
    guest = Driver(AtaChannel([None, disk]))

    assert guest.inb(STATUS) == 0xFF
    guest.outb(DEVICE, 0xA0 | SLAVE)
    assert guest.inb(STATUS) == READY


def test_both_drives_take_the_registers_and_only_the_selected_one_the_command():
    guest = Driver(AtaChannel([HardDisk(), HardDisk((20, 4, 17))]))

    assert guest.command(READ, lba=1, device=LBA | SLAVE) == DRQ
    assert guest.take() == sector(1)
    guest.outb(DEVICE, LBA)
    assert guest.inb(STATUS) == READY
    assert (guest.identify()[1], guest.identify(0xA0 | SLAVE)[1]) == (10, 20)


def test_a_block_waits_while_the_other_drive_is_selected(disk):
    """ATA-2 lets no host do that; what happens is that the drives keep their blocks."""
    slave = HardDisk()
    guest = Driver(AtaChannel([disk, slave]))
    disk.written[0] = bytes(range(256)) * 2
    assert guest.command(READ, lba=0) == DRQ
    first = guest.take(100)

    assert guest.command(WRITE, lba=3, device=LBA | SLAVE) == DRQ
    guest.give(sector(7)[:100])
    guest.outb(DEVICE, LBA)
    assert guest.inb(STATUS) == DRQ
    assert first + guest.take(156) == disk.written[0]
    guest.outb(DEVICE, LBA | SLAVE)
    guest.give(sector(7)[100:])

    assert slave.written == {3: sector(7)}
    assert guest.inb(STATUS) == READY


# -- identify and translation --------------------------------------------------


def test_identify_says_geometry_and_size(guest):
    words = guest.identify()

    assert words[0] & 0x8040 == 0x40
    assert (words[1], words[3], words[6]) == (10, 4, 17)
    assert words[54:57] == [10, 4, 17]
    assert words[57] | words[58] << 16 == words[60] | words[61] << 16 == 680
    assert words[49] & 0x200
    assert words[27:29] == [int.from_bytes(b"py", "big"), int.from_bytes(b"x8", "big")]


def test_a_translated_disk_reports_at_most_16_heads():
    guest = Driver(AtaChannel([HardDisk((1023, 255, 63), count=1023 * 255 * 63)]))

    words = guest.identify()

    assert (words[1], words[3], words[6]) == (16304, 16, 63)
    assert words[60] | words[61] << 16 == 1023 * 255 * 63


def test_a_large_disk_reports_16383_cylinders():
    guest = Driver(AtaChannel([HardDisk((1024, 255, 63), count=1 << 28)]))

    words = guest.identify()

    assert (words[1], words[3], words[6]) == (16383, 16, 63)
    assert words[60] | words[61] << 16 == (1 << 28) - 1


def test_initialize_device_parameters_changes_the_addressing_and_words_54_to_58(guest):
    assert guest.chs(INITIALIZE, 0, 1, 0, count=10) == READY

    assert guest.identify()[54:59] == [34, 2, 10, 680, 0]
    assert guest.identify()[1] == 10
    assert guest.chs(READ, 3, 1, 2) == DRQ
    assert guest.take() == sector((3 * 2 + 1) * 10 + 1)


def test_initialize_device_parameters_refuses_no_sectors(guest):
    assert guest.chs(INITIALIZE, 0, 1, 0, count=0) == ERR
    assert guest.inb(ERROR) == ABRT


# -- sectors --------------------------------------------------


@given(st.data())
def test_every_chs_address_names_one_sector(data):
    geometry = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 16), st.integers(1, 63)))
    guest = Driver(AtaChannel([HardDisk(geometry)]))
    cylinder, head = data.draw(st.integers(0, 41)), data.draw(st.integers(0, 15))
    number = data.draw(st.integers(0, 64))

    status = guest.chs(READ, cylinder, head, number)

    cylinders, heads, sectors = geometry
    if cylinder < cylinders and head < heads and 1 <= number <= sectors:
        assert status == DRQ
        assert guest.take() == sector((cylinder * heads + head) * sectors + number - 1)
        assert guest.address == (0, number, cylinder, 0, head)
    else:
        assert (status, guest.inb(ERROR)) == (ERR, IDNF)
        assert guest.address == (1, number, cylinder, 0, head)


def test_read_interrupts_before_each_sector_and_not_at_the_end(guest):
    assert guest.command(READ, lba=600, count=2) == DRQ
    assert guest.levels == [True, False]

    assert guest.take(255) == sector(600)[2:]
    assert guest.levels == [True, False]
    guest.take(1)
    assert guest.levels == [True, False, True]
    assert guest.inb(STATUS) == DRQ
    assert guest.take() == sector(601)
    assert guest.inb(STATUS) == READY
    assert guest.levels == [True, False, True, False]
    assert guest.address == (0, 601 & 0xFF, 601 >> 8, 0, 0)


def test_write_interrupts_after_each_sector(guest, disk):
    assert guest.command(WRITE, lba=5, count=2) == DRQ
    assert guest.levels == []

    guest.give(sector(0xAA))
    assert guest.levels == [True]
    assert guest.inb(STATUS) == DRQ
    guest.give(sector(0xBB))

    assert guest.line
    assert guest.inb(STATUS) == READY
    assert not guest.line
    assert disk.written == {5: sector(0xAA), 6: sector(0xBB)}


def test_count_0_is_256_sectors(guest):
    guest.command(READ, lba=1, count=0)

    for n in range(256):
        assert guest.take() == sector(1 + n)
    assert guest.inb(STATUS) == READY


def test_a_read_past_the_end_gives_the_sectors_that_exist_then_idnf(guest):
    assert guest.command(READ, lba=679, count=3) == DRQ

    assert guest.take() == sector(679)

    assert (guest.inb(STATUS), guest.inb(ERROR)) == (ERR, IDNF)
    assert guest.address == (2, 680 & 0xFF, 680 >> 8, 0, 0)


def test_multiple_moves_blocks_with_one_interrupt_each(guest, disk):
    assert guest.command(SET_MULTIPLE, count=4) == READY
    assert guest.identify()[59] == 0x104
    before = len(guest.levels)

    assert guest.command(READ_MULTIPLE, lba=10, count=6) == DRQ
    assert guest.take(4 * 256) == b"".join(map(sector, range(10, 14)))
    assert guest.inb(STATUS) == DRQ
    assert guest.take(2 * 256) == sector(14) + sector(15)

    assert guest.inb(STATUS) == READY
    assert guest.levels[before:] == [True, False, True, False]
    assert guest.command(WRITE_MULTIPLE, lba=10, count=6) == DRQ
    guest.give(bytes(6 * 512))
    assert guest.inb(STATUS) == READY
    assert sorted(disk.written) == [10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize("count", [3, 5, 17, 32, 255])
def test_set_multiple_refuses_what_is_no_power_of_2_up_to_16(guest, count):
    guest.command(SET_MULTIPLE, count=4)

    assert guest.command(SET_MULTIPLE, count=count) == ERR
    assert guest.command(READ_MULTIPLE) == ERR


def test_multiple_is_refused_before_it_is_set(guest):
    assert guest.command(READ_MULTIPLE) == ERR
    assert guest.inb(ERROR) == ABRT
    assert guest.command(WRITE_MULTIPLE) == ERR


def test_verify_moves_no_data(guest):
    assert guest.command(VERIFY, lba=0, count=200) == READY
    assert guest.levels == [True, False]
    assert guest.command(VERIFY, lba=600, count=200) == ERR
    assert guest.inb(ERROR) == IDNF


@pytest.mark.parametrize("code", [WRITE, 0x31])
def test_a_protected_disk_refuses_to_be_written(guest, disk, code):
    disk.readonly = True

    assert guest.chs(code, 0, 0, 1) == ERR
    assert guest.inb(ERROR) == ABRT


def test_an_error_of_the_host_comes_out_and_the_guest_sees_unc(guest, disk):
    disk.fails = OSError(5, "no medium")

    with pytest.raises(OSError, match="no medium"):
        guest.command(READ)

    assert (guest.inb(STATUS), guest.inb(ERROR)) == (ERR, UNC)
    guest.command(WRITE)
    with pytest.raises(OSError, match="no medium"):
        guest.give(sector(1))
    assert (guest.inb(STATUS), guest.inb(ERROR)) == (ERR, UNC)


# -- the data port --------------------------------------------------


def test_32_bits_are_two_words(guest):
    guest.command(READ, lba=7)

    assert [guest.channel.pio_read(DATA, 4) for _ in range(128)] == [0x07070707] * 128
    assert guest.inb(STATUS) == READY


def test_8_bits_take_a_word_unless_the_port_is_set_to_8_bits(guest, disk):
    disk.written[1] = bytes(range(256)) * 2
    guest.command(READ, lba=1)
    assert [guest.inb(DATA) for _ in range(256)] == [*range(0, 256, 2)] * 2
    assert guest.inb(STATUS) == READY

    guest.outb(FEATURES, 0x01)
    assert guest.command(SET_FEATURES) == READY
    guest.command(READ, lba=1)

    assert bytes(guest.inb(DATA) for _ in range(512)) == disk.written[1]
    assert guest.inb(STATUS) == READY


def test_data_port_without_a_block_reads_ones_and_ignores_writes(guest, disk):
    guest.give(sector(9))
    assert guest.take(1) == b"\xff\xff"
    guest.command(WRITE)
    assert guest.take(1) == b"\xff\xff"
    assert disk.written == {}


def test_a_word_at_the_count_is_two_registers(guest):
    guest.channel.pio_write(COUNT, 2, 0x1234)

    assert (guest.inb(COUNT), guest.inb(NUMBER)) == (0x34, 0x12)
    assert guest.channel.pio_read(COUNT, 2) == 0x1234


# -- interrupt and reset --------------------------------------------------


def test_alternate_status_does_not_acknowledge(guest):
    guest.outb(COMMAND, 0xE1)

    assert guest.inb(CONTROL) == READY
    assert guest.line
    assert guest.inb(STATUS) == READY
    assert not guest.line


def test_nien_keeps_the_interrupt_until_it_is_cleared(guest):
    guest.outb(CONTROL, 0x02)
    guest.outb(COMMAND, 0xE1)
    assert not guest.line

    guest.outb(CONTROL, 0x00)

    assert guest.line


def test_the_interrupt_is_that_of_the_selected_drive():
    guest = Driver(AtaChannel([HardDisk(), HardDisk()]))
    guest.outb(COMMAND, 0xE1)

    guest.outb(DEVICE, 0xA0 | SLAVE)
    assert not guest.line
    guest.outb(DEVICE, 0xA0)

    assert guest.line


def test_soft_reset_ends_a_command_and_shows_the_signature(guest):
    guest.command(READ, lba=77, count=4)
    guest.outb(CONTROL, 0x04)
    assert guest.inb(STATUS) == guest.inb(CONTROL) == 0x80
    guest.outb(COUNT, 9)  # not taken: BSY

    guest.outb(CONTROL, 0x00)

    assert guest.inb(STATUS) == READY
    assert guest.inb(ERROR) == 0x01
    assert [guest.inb(r) for r in (COUNT, NUMBER, LOW, HIGH, DEVICE)] == [1, 1, 0, 0, 0xA0]
    assert not guest.line


@pytest.mark.parametrize(("feature", "kept"), [(0xCC, False), (0x66, True)])
def test_settings_after_a_soft_reset_are_as_set_features_says(guest, feature, kept):
    guest.command(SET_MULTIPLE, count=8)
    guest.outb(FEATURES, feature)
    guest.command(SET_FEATURES)

    guest.outb(CONTROL, 0x04)
    guest.outb(CONTROL, 0x00)

    assert guest.identify()[59] == (0x108 if kept else 0)


def test_diagnostic_passes_and_selects_the_master():
    guest = Driver(AtaChannel([HardDisk(), HardDisk()]))
    guest.outb(DEVICE, 0xA0 | SLAVE)

    guest.outb(COMMAND, 0x90)

    assert guest.line
    assert (guest.inb(STATUS), guest.inb(ERROR), guest.inb(DEVICE)) == (READY, 0x01, 0xA0)


# -- the other commands --------------------------------------------------


@pytest.mark.parametrize("code", [0x10, 0x1F, 0x70, 0x7F, 0x94, 0x97, 0xE0, 0xE1, 0xE2, 0xE3])
def test_commands_without_data_complete_with_an_interrupt(guest, code):
    guest.outb(NUMBER, 1)
    guest.outb(COMMAND, code)

    assert guest.line
    assert guest.inb(STATUS) == READY


def test_seek_past_the_last_cylinder_finds_nothing(guest):
    assert guest.chs(0x70, 9, 3, 0) == READY
    assert guest.chs(0x70, 10, 0, 1) == ERR
    assert guest.inb(ERROR) == IDNF


def test_flush_flushes_the_disk(guest, disk):
    assert guest.command(0xE7) == READY

    assert disk.flushed == 1


@pytest.mark.parametrize(("command", "power"), [(0xE0, 0x00), (0xE2, 0x00), (0xE1, 0xFF)])
def test_check_power_mode(guest, command, power):
    guest.command(command)

    assert guest.command(0xE5) == READY
    assert guest.inb(COUNT) == power
    guest.command(VERIFY)
    guest.command(0x98)
    assert guest.inb(COUNT) == 0xFF


def test_a_sleeping_drive_wakes_by_a_reset_only(guest):
    guest.command(SLEEP)

    guest.outb(COMMAND, IDENTIFY)
    assert guest.inb(STATUS) == READY
    guest.outb(CONTROL, 0x04)
    guest.outb(CONTROL, 0x00)

    assert guest.identify()[1] == 10


@pytest.mark.parametrize(
    ("feature", "count", "status"),
    [
        (0x02, 0, READY),
        (0x82, 0, READY),
        (0x55, 0, READY),
        (0xAA, 0, READY),
        (0x03, 0x0C, READY),
        (0x03, 0x0D, ERR),
        (0x03, 0x20, ERR),
        (0x04, 0, ERR),
    ],
)
def test_set_features(guest, feature, count, status):
    guest.outb(FEATURES, feature)

    assert guest.command(SET_FEATURES, count=count) == status


@pytest.mark.parametrize(
    "code", [0x00, 0x08, 0x22, 0x32, 0x50, 0x60, 0xA0, 0xA1, 0xC8, 0xCA, 0xE4, 0xFF]
)
def test_what_the_drive_does_not_have_is_aborted(guest, code):
    assert guest.command(code) == ERR
    assert guest.inb(ERROR) == ABRT


@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from([*range(8), CONTROL]),
            st.sampled_from([1, 2, 4]),
            st.integers(0, 0xFFFFFFFF),
        ),
        max_size=60,
    )
)
def test_no_sequence_of_accesses_leaves_the_disk(accesses):
    channel = AtaChannel([HardDisk(), None])

    for write, offset, size, value in accesses:
        if offset + size <= 8 or size == 1:
            if write:
                channel.pio_write(offset, size, value & (1 << 8 * size) - 1)
            else:
                assert 0 <= channel.pio_read(offset, size) < 1 << 8 * size
