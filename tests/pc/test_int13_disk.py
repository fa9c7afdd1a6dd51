"""INT 13h for hard disks, by CHS and by LBA (EDD); the tables at INT 41h and 46h; translation."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Disk, Machine
from pyx86emu.pc.disks.geometry import lba_assist
from pyx86emu.pc.disks.sectors import SECTOR
from tests.pc.int13 import BUFFER, Caller, number, numbered

MakeMachine = Callable[..., Machine]

READ, WRITE, VERIFY, FORMAT, PARAMETERS, SEEK = 0x02, 0x03, 0x04, 0x05, 0x08, 0x0C
CHECK, EDD_READ, EDD_WRITE, EDD_VERIFY, EDD_SEEK, EDD_PARAMETERS = (
    0x41,
    0x42,
    0x43,
    0x44,
    0x47,
    0x48,
)
SMALL = (20, 4, 17)
C, D = 0x80, 0x81


@pytest.fixture(params=["8086", "80186", "80486"])
def guest(request: pytest.FixtureRequest, machine: MakeMachine) -> Caller:
    return Caller(
        machine(
            hda=numbered(SMALL, "hd"),
            hdb=numbered((40, 2, 9), "hd"),
            order="c",
            model=request.param,
        )
    )


def packet(guest: Caller, lba: int, count: int, at: int = BUFFER, size: int = 16) -> int:
    """An EDD packet in memory; returns its offset, for DS = 0."""
    data = struct.pack("<BBHHHQ", size, 0, count, at & 0xF, at >> 4, lba)
    guest.m.vm.write(0x600, data)
    return 0x600


def word(guest: Caller, address: int) -> int:
    return int.from_bytes(guest.m.vm.read(address, 2), "little")


def table(guest: Caller, vector: int) -> bytes:
    return guest.m.vm.read(word(guest, vector * 4 + 2) * 16 + word(guest, vector * 4), 16)


# -- what there is -------------------------------------------------------------------------------


def test_parameters_and_type(guest: Caller) -> None:
    answer = guest.int13(PARAMETERS << 8, dx=C, bx=0x1234)
    assert (answer.geometry, answer.dx & 0xFF) == (SMALL, 2)
    assert (answer.ah, answer.al, answer.bx, answer.carry) == (0, 0, 0x1234, False)
    assert guest.int13(PARAMETERS << 8, dx=D).geometry == (40, 2, 9)

    answer = guest.int13(0x1500, dx=C)

    assert (answer.ah, answer.cx << 16 | answer.dx, answer.carry) == (3, 20 * 4 * 17, False)


def test_tables_and_data_area_have_both_drives(guest: Caller) -> None:
    for vector, (cylinders, heads, sectors) in ((0x41, SMALL), (0x46, (40, 2, 9))):
        row = table(guest, vector)
        assert (int.from_bytes(row[:2], "little"), row[2], row[14]) == (cylinders, heads, sectors)
        assert row[3] == 0  # not translated
    assert guest.m.vm.read(0x474, 2) == b"\x00\x02"


@pytest.mark.parametrize("drive", [0x82, 0xFF])
def test_a_drive_that_is_absent(guest: Caller, drive: int) -> None:
    assert guest.chs(READ, 0, 0, 1, drive=drive)[:1] == (1,)
    assert guest.int13(CHECK << 8, bx=0x55AA, dx=drive).carry
    answer = guest.int13(PARAMETERS << 8, cx=5, dx=drive)
    assert (answer.ah, answer.cx, answer.dx, answer.carry) == (1, 0, 0, True)
    answer = guest.int13(0x1500, dx=drive)
    assert (answer.ah, answer.carry) == (0, False)


@pytest.mark.parametrize(
    "function", [0x06, 0x07, 0x0A, 0x0B, 0x0E, 0x0F, 0x12, 0x16, 0x40, 0x49, 0xFF]
)
def test_other_functions_are_refused(guest: Caller, function: int) -> None:
    answer = guest.int13(function << 8, dx=C)

    assert (answer.ah, answer.carry, answer.interrupts) == (1, True, True)
    assert guest.int13(0x0100, dx=C).ah == 1


@pytest.mark.parametrize("function", [0x00, 0x01, 0x09, 0x0D, 0x10, 0x11, 0x14])
def test_functions_without_data(guest: Caller, function: int) -> None:
    answer = guest.int13(function << 8, dx=C)

    assert (answer.ah, answer.carry, answer.interrupts) == (0, False, True)
    assert guest.chs(READ, 3, 2, 1, drive=C).ah == 0  # and the drive works


# -- by CHS --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("drive", "geometry"), [(C, SMALL), (D, (40, 2, 9))])
def test_every_track_is_where_its_address_says(
    guest: Caller, drive: int, geometry: tuple[int, int, int]
) -> None:
    cylinders, heads, sectors = geometry
    for c in (0, 1, cylinders - 1):
        for h in range(heads):
            answer = guest.chs(READ, c, h, 1 + (c == 0 == h), drive=drive)
            assert (answer.ah, answer.al, answer.carry) == (0, 1, False)
            assert number(guest.buffer()) == (c * heads + h) * sectors + (c == 0 == h)


@pytest.mark.parametrize("place", [(20, 0, 1), (0, 4, 1), (0, 0, 18), (0, 0, 0), (1023, 0, 1)])
@pytest.mark.parametrize("function", [READ, WRITE, VERIFY, SEEK])
def test_a_sector_that_does_not_exist(
    guest: Caller, place: tuple[int, int, int], function: int
) -> None:
    answer = guest.chs(function, *place, drive=C)

    assert (answer.ah, answer.carry) == (4, True)
    assert guest.m.vm.read(0x474, 1) == b"\x04"
    assert guest.m.disks["hda"].changed == 0


def test_a_read_goes_on_over_heads_and_cylinders(guest: Caller) -> None:
    answer = guest.chs(READ, 2, 3, 10, count=100, drive=C)

    first = (2 * 4 + 3) * 17 + 9
    assert (answer.ah, answer.al) == (0, 100)
    data = guest.buffer(100 * SECTOR)
    assert [number(data[i * SECTOR :]) for i in range(100)] == list(range(first, first + 100))


def test_a_read_past_the_end_returns_those_before_it(guest: Caller) -> None:
    answer = guest.chs(READ, 19, 3, 16, count=5, drive=C)

    assert (answer.ah, answer.al, answer.carry) == (4, 2, True)
    assert number(guest.buffer(1024)[SECTOR:]) == 20 * 4 * 17 - 1


@pytest.mark.parametrize("count", [0, 129, 255])
def test_a_count_that_is_none(guest: Caller, count: int) -> None:
    assert guest.chs(READ, 0, 0, 1, count=count, drive=C)[:2] == (1, 0)


@pytest.mark.parametrize("offset", [0x0001, 0xFE00, 0xFE01, 0xFFFF])
def test_the_buffer_may_cross_a_segment(guest: Caller, offset: int) -> None:
    answer = guest.int13(0x0203, cx=0x0101, dx=C, bx=offset)

    assert (answer.ah, answer.al) == (0, 3)
    data = guest.m.vm.read(BUFFER + offset, 3 * SECTOR)
    assert [number(data[i * SECTOR :]) for i in range(3)] == [68, 69, 70]
    guest.m.vm.write(BUFFER + offset, bytes(range(256)) * 6)
    assert guest.int13(0x0303, cx=0x0101, dx=C, bx=offset).ah == 0
    assert guest.m.disks["hda"].read(68, 3) == bytes(range(256)) * 6


def test_write_verify_format(guest: Caller) -> None:
    disk = guest.m.disks["hda"]
    guest.m.vm.write(BUFFER, b"\xa5" * 1024)

    assert guest.chs(WRITE, 5, 1, 17, count=2, drive=C)[:2] == (0, 2)
    assert guest.chs(VERIFY, 5, 1, 17, count=2, drive=C)[:2] == (0, 2)

    first = (5 * 4 + 1) * 17
    assert disk.read(first + 16, 2) == b"\xa5" * 1024
    assert guest.chs(FORMAT, 5, 1, 1, count=17, drive=C).ah == 0
    assert disk.read(first, 17) == bytes(17 * SECTOR)
    assert disk.read(first + 17, 1) == b"\xa5" * 512
    assert number(disk.read(first - 1, 1)) == first - 1


def test_a_protected_disk_is_not_written(guest: Caller) -> None:
    guest.m.disks["hda"].readonly = True

    answer = guest.chs(WRITE, 1, 0, 1, drive=C)

    assert (answer.ah, answer.al, answer.carry) == (3, 0, True)
    assert guest.chs(READ, 1, 0, 1, drive=C).ah == 0


# -- EDD -----------------------------------------------------------------------------------------


def test_edd_is_there(guest: Caller) -> None:
    answer = guest.int13(CHECK << 8, bx=0x55AA, dx=C)

    assert (answer.ah, answer.bx, answer.cx, answer.carry) == (0x21, 0xAA55, 1, False)
    assert guest.int13(CHECK << 8, bx=0x55AB, dx=C).carry
    assert guest.int13(CHECK << 8, bx=0x55AA, dx=0).carry  # not for diskettes


def test_edd_reads_writes_verifies_and_seeks(guest: Caller) -> None:
    disk = guest.m.disks["hda"]

    assert guest.int13(EDD_READ << 8, dx=C, si=packet(guest, 100, 3)).ah == 0
    assert number(guest.buffer()) == 100
    assert word(guest, 0x602) == 3
    guest.m.vm.write(BUFFER, b"\x5a" * SECTOR)
    for verify in (0, 1, 2):
        assert guest.int13(EDD_WRITE << 8 | verify, dx=C, si=packet(guest, 7 + verify, 1)).ah == 0
        assert disk.read(7 + verify, 1) == b"\x5a" * SECTOR
    assert guest.int13(EDD_WRITE << 8 | 3, dx=C, si=packet(guest, 7, 1)).ah == 1
    assert guest.int13(EDD_VERIFY << 8, dx=C, si=packet(guest, 1359, 1)).ah == 0
    assert guest.int13(EDD_SEEK << 8, dx=C, si=packet(guest, 1359, 1)).ah == 0


@pytest.mark.parametrize("function", [EDD_READ, EDD_WRITE, EDD_VERIFY, EDD_SEEK])
@pytest.mark.parametrize("lba", [1360, 1 << 28, (1 << 28) + 5, 1 << 32, (1 << 64) - 1])
def test_edd_past_the_end(guest: Caller, function: int, lba: int) -> None:
    answer = guest.int13(function << 8, dx=C, si=packet(guest, lba, 1))

    assert (answer.ah, answer.carry) == (4, True)
    assert function == EDD_SEEK or word(guest, 0x602) == 0


def test_edd_counts_what_was_read_before_the_end(guest: Caller) -> None:
    answer = guest.int13(EDD_READ << 8, dx=C, si=packet(guest, 1200, 500, at=0x10000))

    assert (answer.ah, answer.carry) == (4, True)
    assert word(guest, 0x602) == 160
    assert number(guest.m.vm.read(0x10000 + 159 * SECTOR, 4)) == 1359


def test_edd_takes_more_sectors_than_one_command(guest: Caller) -> None:
    answer = guest.int13(EDD_READ << 8, dx=C, si=packet(guest, 1000, 300, at=0x10000))

    assert (answer.ah, word(guest, 0x602)) == (0, 300)
    data = guest.m.vm.read(0x10000, 300 * SECTOR)
    assert [number(data[i * SECTOR :]) for i in range(300)] == list(range(1000, 1300))


def test_edd_refuses_a_packet_that_is_too_small(guest: Caller) -> None:
    assert guest.int13(EDD_READ << 8, dx=C, si=packet(guest, 1, 1, size=15)).ah == 1


@pytest.mark.parametrize(("room", "size"), [(26, 26), (29, 26), (30, 30), (66, 30)])
def test_edd_parameters(guest: Caller, room: int, size: int) -> None:
    guest.m.vm.write(0x600, room.to_bytes(2, "little") + b"\xee" * 64)

    assert guest.int13(EDD_PARAMETERS << 8, dx=D, si=0x600).ah == 0

    data = guest.m.vm.read(0x600, 66)
    assert struct.unpack_from("<HHIIIQH", data) == (size, 2, 40, 2, 9, 720, 512)
    assert data[26:size] == b"\xff" * (size - 26)
    assert data[size:] == b"\xee" * (66 - size)
    guest.m.vm.write(0x600, (25).to_bytes(2, "little"))
    assert guest.int13(EDD_PARAMETERS << 8, dx=D, si=0x600).ah == 1


def test_edd_locks_nothing_and_ejects_nothing(guest: Caller) -> None:
    assert guest.int13(0x4502, dx=C)[:2] == (0, 0)
    assert guest.int13(0x4503, dx=C).ah == 1
    assert guest.int13(0x4600, dx=C).ah == 0xB2


# -- translation ---------------------------------------------------------------------------------


class Large(Disk):
    """A hard disk of any size; every sector that was not written holds its number."""

    def __init__(self, count: int, geometry: tuple[int, int, int]) -> None:
        super().__init__(bytes(SECTOR), kind="hd", geometry=geometry)
        self._count = count

    def read(self, lba: int, n: int = 1) -> bytes:
        assert 0 <= lba <= lba + n <= self._count
        boot = b"\xcd\x13\x9c\xfa\xf4".ljust(510, b"\x90") + b"\x55\xaa"
        return b"".join(
            boot if i == 0 else i.to_bytes(4, "little") * 128 for i in range(lba, lba + n)
        )


@given(
    count=st.integers(1008, (1 << 28) - 1),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)),
    translate=st.sampled_from(["ours", "drive", "qemu"]),
)
@settings(max_examples=40)
def test_translated_addresses_name_the_sectors_of_the_image(
    count: int, place: tuple[float, float, float], translate: str
) -> None:
    """The geometry comes from our CMOS, from the drive alone, or from a CMOS with LBA assist."""
    geometry = lba_assist(count)
    with Large(count, geometry) as disk, Machine(hda=disk, order="c") as m:
        if translate == "drive":
            m.rtc.cmos[0x12] = 0
        elif translate == "qemu":
            cylinders, heads, sectors = disk.physical_geometry
            m.rtc.cmos[0x1B:0x1E] = struct.pack("<HB", cylinders, heads)
            m.rtc.cmos[0x23] = sectors
            m.rtc.cmos[0x39] = 1
        guest = Caller(m)

        found = guest.int13(PARAMETERS << 8, dx=C).geometry

        assert found == geometry
        c, h, s = (int(part * (most - 1)) for part, most in zip(place, geometry, strict=True))
        lba = (c * geometry[1] + h) * geometry[2] + s
        assert guest.chs(READ, c, h, s + 1, drive=C).ah == 0
        assert lba == 0 or number(guest.buffer()) == lba
        row = table(guest, 0x41)
        own = disk.physical_geometry
        if own == geometry:
            assert row[3] == 0
        else:
            assert (row[3], row[4], row[11]) == (0xA0, own[2], own[1])
            assert int.from_bytes(row[9:11], "little") == own[0]
            assert sum(row) & 0xFF == 0
        assert guest.int13(0x0900, dx=C).ah == 0


@pytest.mark.parametrize(
    ("cmos", "found"),
    [
        ((2000, 16, 63), (1000, 32, 63)),
        ((4000, 8, 32), (1000, 32, 32)),
        ((900, 9, 17), (900, 9, 17)),
    ],
)
def test_large_translation_of_the_cmos_halves_the_cylinders(
    machine: MakeMachine, cmos: tuple[int, int, int], found: tuple[int, int, int]
) -> None:
    m = machine(hda=Large(cmos[0] * cmos[1] * cmos[2], found), order="c")
    m.rtc.cmos[0x1B:0x1E] = struct.pack("<HB", *cmos[:2])
    m.rtc.cmos[0x23] = cmos[2]
    m.rtc.cmos[0x39] = 2

    assert Caller(m).int13(PARAMETERS << 8, dx=C).geometry == found


def test_the_last_sector_of_128_gib_is_read(machine: MakeMachine) -> None:
    count = (1 << 28) - 1
    guest = Caller(machine(hda=Large(count, (1024, 255, 63)), order="c"))

    assert guest.int13(EDD_READ << 8, dx=C, si=packet(guest, count - 1, 1)).ah == 0
    assert number(guest.buffer()) == count - 1
    assert guest.int13(EDD_READ << 8, dx=C, si=packet(guest, count, 1)).ah == 4


# -- ports and interrupt -------------------------------------------------------------------------


def test_irq_14_sets_the_flag_at_40_8e(guest: Caller) -> None:
    guest.chs(READ, 1, 0, 1, drive=C)

    assert guest.m.vm.read(0x48E, 1) == b"\xff"
    assert guest.m.pio.read(0xA1, 1) & 0x40 == 0


def test_a_driver_that_left_the_slave_selected_does_not_matter(guest: Caller) -> None:
    guest.m.pio.write(0x1F6, 1, 0xB0)
    assert guest.chs(READ, 1, 0, 1, drive=C).ah == 0
    assert number(guest.buffer()) == 68
    guest.m.pio.write(0x1F6, 1, 0xA0)
    assert guest.chs(READ, 1, 0, 1, drive=D).ah == 0
    assert number(guest.buffer()) == 18


def test_an_error_of_the_host_comes_out_of_run(machine: MakeMachine) -> None:
    class Broken(Large):
        def read(self, lba: int, n: int = 1) -> bytes:
            if lba == 70:
                raise OSError(5, "no medium")
            return super().read(lba, n)

    guest = Caller(machine(hda=Broken(1360, SMALL), order="c"))

    with pytest.raises(OSError, match="no medium"):
        guest.chs(READ, 1, 0, 3, drive=C)

    guest.m.run(timeout=1)
    assert guest.answer().ah == 0x10
