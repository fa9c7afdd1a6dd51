"""FloppyController: its commands, by Intel's 8272A and 82077AA data sheets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pc.devices.floppy_guest import DSR, FIFO, MSR, READ, Disk, Guest, new_controller, start


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
    guest = Guest(*attach_alone(new_controller(Disk())))
    start(guest)
    guest.seek(cylinder)
    available = 36 - (head * 18 + sector - 1)
    lba = (cylinder * 2 + head) * 18 + sector - 1

    st0, st1, *_ = guest.read_sectors(cylinder, head, sector, count)

    moved = min(count, available)
    assert (st0 & 0xC0, st1) == ((0, 0) if count <= available else (0x40, 0x80))
    assert guest.memory.read(0, 512 * moved) == b"".join(Disk.sector(lba + i) for i in range(moved))
