"""What an image is: each rule in its order, with its reason, and a sentence if none applies."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError, Machine
from pyx86emu.pc.disks.geometry import (
    FORMATS,
    LARGEST,
    MOST_SECTORS,
    USUAL,
    USUAL_SIZE,
    Geometry,
    floppy_geometry,
    lba_assist,
    physical_geometry,
)
from pyx86emu.pc.disks.identify import Identity, identify
from pyx86emu.pc.disks.magic import HEAD
from pyx86emu.pc.disks.sectors import SECTOR

SIGNED = bytes(510) + b"\x55\xaa"


def chs(cylinder: int, head: int, sector: int) -> bytes:
    return bytes([head, sector | cylinder >> 2 & 0xC0, cylinder & 0xFF])


def clipped(geometry: Geometry, lba: int) -> bytes:
    """The CHS address of a sector; after cylinder 1023 the last one, as fdisk writes it."""
    _, heads, track = geometry
    cylinder, rest = divmod(lba, heads * track)
    if cylinder > 1023:
        return chs(1023, heads - 1, track)
    return chs(cylinder, rest // track, rest % track + 1)


def entry(geometry: Geometry, start: int, length: int, flag: int = 0x80, type: int = 6) -> bytes:
    first, last = clipped(geometry, start), clipped(geometry, start + length - 1)
    return bytes([flag]) + first + bytes([type]) + last + struct.pack("<II", start, length)


def mbr(*entries: bytes) -> bytes:
    return b"\xfa".ljust(446, b"\x90") + b"".join(entries).ljust(64, b"\0") + b"\x55\xaa"


def boot_sector(
    total: int, track: int, heads: int, *, media: int = 0xF0, signature: bytes = b"\x55\xaa"
) -> bytes:
    """A boot sector with a BPB of FAT12 or FAT16."""
    small = total if total < 0x10000 else 0
    block = struct.pack(
        "<HBHBHHBHHHII", 512, 4, 1, 2, 224, small, media, 9, track, heads, 0, 0 if small else total
    )
    return (b"\xeb\x3c\x90MSDOS5.0" + block).ljust(510, b"\0") + signature


def look(head: bytes, size: int | None = None, **options: Any) -> Identity:
    return identify(head, len(head) if size is None else size, name="a.img", **options)


# -- 1. an explicit geometry ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("geometry", "size", "hint", "kind"),
    [
        ((80, 2, 18), 512, None, "floppy"),
        ((40, 1, 8), LARGEST * 2, None, "floppy"),
        ((306, 4, 17), 512, None, "hd"),
        ((1024, 2, 18), 512, None, "hd"),
        ((80, 2, 18), 512, "hd", "hd"),
        ((256, 2, 63), 512, "floppy", "floppy"),
    ],
)
def test_a_geometry_that_is_given_decides(
    geometry: Geometry, size: int, hint: Any, kind: str
) -> None:
    found = look(SIGNED, size, geometry=geometry, hint=hint)

    assert found == (kind, geometry, "the geometry that was given")


def test_a_given_geometry_is_of_a_hard_disk_if_there_is_a_partition_table() -> None:
    table = mbr(entry((16, 2, 17), 17, 17 * 31))

    assert look(table, 16 * 2 * 17 * SECTOR, geometry=(16, 2, 17)).kind == "hd"
    assert look(table, USUAL_SIZE, geometry=USUAL).kind == "floppy"


def test_a_floppy_with_the_geometry_of_a_hard_disk_is_refused() -> None:
    with pytest.raises(DiskError, match=r"306,4,17 is no floppy of a.img: give at most 256 cyl"):
        look(SIGNED, geometry=(306, 4, 17), hint="floppy")


@pytest.mark.parametrize(("kind", "error"), [("cd", DiskError), ("", DiskError), (5, DiskError)])
def test_a_kind_that_there_is_not_is_refused(kind: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match='give "floppy", "hd" or None'):
        Disk(SIGNED, kind=kind)


# -- 2. the sizes of floppies ---------------------------------------------------------------------


def test_no_two_formats_have_the_same_size_or_name() -> None:
    assert len({c * h * s for c, h, s in FORMATS}) == len(FORMATS)
    assert len(set(FORMATS.values())) == len(FORMATS)


@pytest.mark.parametrize(
    ("size", "geometry"),
    [
        *((kib * 1024, (40, 1, s)) for kib, s in ((160, 8), (180, 9))),
        *((kib * 1024, (40, 2, s)) for kib, s in ((320, 8), (360, 9))),
        *((kib * 1024, (80, 2, s)) for kib, s in ((720, 9), (1200, 15), (1440, 18), (2880, 36))),
        *((kib * 1024, (80, 2, s)) for kib, s in ((800, 10), (1600, 20), (1680, 21), (1760, 22))),
        *((c * 2 * s * 512, (c, 2, s)) for c in (82, 83) for s in (9, 10, 15, 18, 20, 21)),
        (820 * 1024, (82, 2, 10)),
        (1722 * 1024, (82, 2, 21)),
    ],
)
def test_a_size_that_is_a_format_is_that_floppy(size: int, geometry: Geometry) -> None:
    assert floppy_geometry(size) == geometry
    for head in (b"\xf4", SIGNED, mbr(entry((4, 16, 63), 1, 100)), boot_sector(720, 9, 2)):
        assert look(head, size)[:2] == ("floppy", geometry)


@pytest.mark.parametrize("geometry", FORMATS)
def test_each_format_is_read_right_to_its_last_sector(geometry: Geometry) -> None:
    c, h, s = geometry
    image = b"".join(struct.pack("<I", i) * 128 for i in range(c * h * s))

    with Disk(image) as disk:
        assert (disk.kind, disk.geometry, disk.count) == ("floppy", geometry, c * h * s)
        assert disk.reason == f"{FORMATS[geometry]}, a floppy by its size"
        assert disk.read(c * h * s - 1) == image[-512:]


# -- 3. a partition table -------------------------------------------------------------------------


@given(
    st.tuples(st.integers(2, 1024), st.integers(1, 255), st.integers(1, 63)).filter(
        lambda g: g[0] * g[1] * g[2] > 4
    ),
    st.data(),
)
def test_the_geometry_that_fdisk_used_is_found(geometry: Geometry, data: st.DataObject) -> None:
    c, h, s = geometry
    # A partition from the second track, or cylinder, to the end of a cylinder.
    start = s if h > 1 else h * s
    end = data.draw(st.integers(2, c)) * h * s
    image = c * h * s

    found = look(mbr(entry(geometry, start, end - start)), image * SECTOR)

    if floppy_geometry(image * SECTOR) is None:
        assert found.kind == "hd"
        if 2 <= end // (h * s) <= 1023 or h > 1:
            assert found.geometry == geometry
        assert "partition table" in found.reason


@pytest.mark.parametrize(
    ("geometry", "sectors", "logical"),
    [
        ((16, 4, 63), 16 * 4 * 63, (16, 4, 63)),
        ((64, 16, 63), 64 * 16 * 63, (64, 16, 63)),
        ((615, 4, 17), 615 * 4 * 17, (615, 4, 17)),
        ((520, 128, 63), 1 << 22, (520, 128, 63)),
        ((1024, 255, 63), 1 << 25, (1024, 255, 63)),  # 16 GiB
    ],
)
def test_disks_of_all_sizes_have_the_geometry_of_their_table(
    geometry: Geometry, sectors: int, logical: Geometry
) -> None:
    length = sectors // (geometry[1] * geometry[2]) * geometry[1] * geometry[2] - geometry[2]
    table = mbr(entry(geometry, geometry[2], length))

    assert look(table, sectors * SECTOR)[:2] == ("hd", logical)


def test_a_table_whose_addresses_are_all_after_the_last_cylinder_gives_heads_and_track() -> None:
    far = entry((0, 240, 63), 1030 * 240 * 63, 63)

    assert look(mbr(far), 1040 * 240 * 63 * SECTOR).geometry == (1024, 240, 63)


def test_heads_and_track_that_a_first_address_contradicts_are_not_taken() -> None:
    end = bytes([0x80]) + chs(0, 1, 1) + bytes([6]) + chs(1023, 254, 63)

    def geometry(start: int) -> Geometry:
        return look(mbr(end + struct.pack("<II", start, 1 << 20)), 1 << 30).geometry

    assert geometry(63) == (130, 255, 63)
    assert geometry(2048) == lba_assist(1 << 21)


def test_a_table_without_chs_addresses_leaves_it_to_lba_assist() -> None:
    modern = bytes([0x80, 0, 0, 0, 6, 0, 0, 0]) + struct.pack("<II", 2048, 100_000)
    table = mbr(modern)

    found = look(table, 1 << 29)

    assert found.geometry == lba_assist(1 << 20)
    assert found.reason == "a hard disk by its partition table, geometry by LBA assist"


def test_a_table_that_contradicts_itself_leaves_it_to_lba_assist() -> None:
    one = entry((100, 4, 17), 17, 4 * 17 * 20)
    other = entry((100, 16, 63), 16 * 63 * 10, 16 * 63)

    assert look(mbr(one, other), 1 << 26).geometry == lba_assist(1 << 17)


def test_the_entry_that_protects_a_gpt_may_say_all_of_lba() -> None:
    gpt = bytes([0, 0, 2, 0, 0xEE, 255, 255, 255]) + struct.pack("<II", 1, 0xFFFFFFFF)

    assert look(mbr(gpt), 1 << 26).kind == "hd"


GOOD = entry((100, 16, 63), 63, 10_000)
BAD_TABLES = [
    (SIGNED, "its partition table is empty"),
    (mbr(GOOD)[:510] + b"\0\0", "it has no 55AAh"),
    (mbr(b"\x01" + GOOD[1:]), "the flag of entry 1 is 01h"),
    (mbr(GOOD, b"\x80".ljust(16, b"\1")[:4] + b"\0" * 12), "entry 2 has no type, start or length"),
    (mbr(GOOD, entry((100, 16, 63), 5000, 9, 0)), "entries 1 and 2 overlap"),
    (mbr(entry((100, 16, 63), 63, 1 << 20)), "partition 1 ends at sector 1048639, the image at "),
]


@pytest.mark.parametrize(("sector", "why"), BAD_TABLES)
def test_a_table_that_is_not_sane_makes_no_hard_disk(sector: bytes, why: str) -> None:
    assert look(sector, 1 << 20)[:2] == ("floppy", USUAL)
    with pytest.raises(DiskError) as error:
        look(sector, 1 << 25)

    assert f"and {why}" in str(error.value)
    for advice in ("-hda FILE", 'kind="hd"', "--geometry C,H,S", "geometry=(C, H, S)"):
        assert advice in str(error.value)


# -- 4. a BPB -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [512, 1024, 100_000])
@pytest.mark.parametrize(
    ("total", "track", "heads", "geometry"),
    [
        (720, 9, 2, (40, 2, 9)),
        (640, 8, 2, (40, 2, 8)),
        (1280, 8, 2, (80, 2, 8)),
        (3360, 21, 2, (80, 2, 21)),
        (6240, 39, 2, (80, 2, 39)),
        (2880, 0, 0, (80, 2, 18)),  # DOS 1 wrote no sectors a track
    ],
)
def test_a_bpb_says_the_floppy(
    size: int, total: int, track: int, heads: int, geometry: Geometry
) -> None:
    for signature in (b"\x55\xaa", b"\0\0"):
        found = look(boot_sector(total, track, heads, signature=signature), size)

        assert found[:2] == ("floppy", geometry)
        assert found.reason.endswith("a floppy by its BPB")


def test_a_bpb_may_say_a_floppy_larger_than_any_format() -> None:
    assert look(boot_sector(6240, 39, 2), 6240 * SECTOR)[:2] == ("floppy", (80, 2, 39))


def test_a_bpb_of_a_hard_disk_without_partitions_is_a_hard_disk() -> None:
    sector = boot_sector(65536, 32, 64, media=0xF8)

    found = look(sector, 65536 * SECTOR)

    assert found == ("hd", (32, 64, 32), "a hard disk by its BPB, geometry from the BPB")


@pytest.mark.parametrize(
    "change",
    [
        {12: 1},  # bytes a sector
        {13: 3},  # sectors a cluster
        {14: 0},  # reserved
        {16: 0},  # FATs
        {21: 0x12},  # media
        {22: 0},  # no FAT, but a root directory
        {24: 64},  # sectors a track
        {19: 1, 20: 0},  # shorter than its FATs
    ],
)
def test_a_bpb_that_contradicts_itself_is_none(change: dict[int, int]) -> None:
    sector = bytearray(boot_sector(720, 9, 2))
    for at, value in change.items():
        sector[at] = value

    assert look(bytes(sector), 1000)[:2] == ("floppy", USUAL)


def elks(geometry: Geometry) -> bytes:
    c, h, s = geometry
    return bytes(0x1F7) + struct.pack("<HBBB2sH", c, s, h, 8, b"eL", 0xAA55)


def test_a_boot_sector_of_elks_says_its_disk() -> None:
    assert look(elks((63, 16, 63)), 63 * 16 * 63 * SECTOR) == (
        "hd",
        (63, 16, 63),
        "a hard disk by its boot sector, geometry from the boot sector of ELKS",
    )
    assert look(elks((63, 16, 63)), hint="hd").geometry == (63, 16, 63)
    assert look(elks((80, 2, 15)), 100_000)[:2] == ("floppy", (80, 2, 15))
    assert look(elks((63, 16, 63)), 100_000)[:2] == ("floppy", USUAL)  # its disk is not all here
    assert look(elks((0, 16, 63)), 100_000)[:2] == ("floppy", USUAL)


# -- 5. up to 1.44M -------------------------------------------------------------------------------


@given(st.integers(1, USUAL_SIZE).filter(lambda n: floppy_geometry(n) is None))
def test_any_length_up_to_1440k_is_a_1440k_floppy(size: int) -> None:
    assert look(b"\xf4", size)[:2] == ("floppy", USUAL)


def test_a_second_stage_after_a_boot_sector_needs_no_padding() -> None:
    read_ten = bytes.fromhex("31c0 8ed8 8ec0 fb b80a02 b90200 b600 bb007e cd13 86c4 e6e9 86c4 e6e9")
    code = read_ten + bytes.fromhex("b010 e6f4")

    with Machine(code.ljust(510, b"\0") + b"\x55\xaa" + b"\1" * 10 * 512) as m:
        m.run(timeout=5)

        assert m.debug.data == b"\0\x0a"  # AH, AL
        assert m.exit_status == 33


# -- hard disks -----------------------------------------------------------------------------------


def test_a_hard_disk_as_asked_needs_no_table() -> None:
    assert look(bytes(512), 1 << 25, hint="hd") == (
        ("hd", (65, 16, 63), "a hard disk as asked, geometry by LBA assist")
    )
    assert look(b"\xf4", 1, hint="hd").geometry == (1, 16, 63)


def test_a_floppy_as_asked_does_not_look_at_a_partition_table() -> None:
    table = mbr(entry((10, 4, 17), 17, 4 * 17 * 5))

    assert look(table, 400_000, hint="floppy")[:2] == ("floppy", USUAL)
    with pytest.raises(DiskError, match="-hda FILE"):
        look(table, 1 << 25, hint="floppy")


def test_more_than_28_bits_of_lba_are_refused() -> None:
    assert look(bytes(512), MOST_SECTORS * SECTOR, hint="hd").geometry == (1024, 255, 63)
    with pytest.raises(DiskError, match="the largest disk is 128 GiB"):
        look(bytes(512), MOST_SECTORS * SECTOR + 1, hint="hd")


@given(st.integers(1, MOST_SECTORS))
def test_translated_and_physical_geometry_are_inside_their_limits(sectors: int) -> None:
    logical = lba_assist(sectors)
    physical = physical_geometry(sectors, logical)

    for geometry, limits in ((logical, (1024, 255, 63)), (physical, (16383, 16, 63))):
        assert all(1 <= value <= most for value, most in zip(geometry, limits, strict=True))
        c, h, s = geometry
        assert c * h * s <= sectors or c == 1


def test_count_is_that_of_the_image_or_of_a_larger_geometry() -> None:
    with Disk(bytes(1000), kind="hd") as disk:
        assert (disk.count, disk.geometry) == (2, (1, 16, 63))
    with Disk(bytes(1000), geometry=(615, 4, 17)) as disk:
        assert (disk.kind, disk.count) == ("hd", 615 * 4 * 17)
        assert disk.physical_geometry == (615, 4, 17)
        assert disk.read(disk.count - 1) == bytes(512)
    with Disk(bytes(5000 * 512), geometry=(10, 4, 17)) as disk:
        assert disk.count == 5000


@pytest.mark.parametrize(
    ("sector", "kind", "problem"),
    [
        (bytes(512), "floppy", "its first sector is all zeros"),
        (bytes(512), "hd", "its first sector is all zeros"),
        (b"\xf4" * 512, "hd", "its first sector does not end in 55AAh"),
        (b"\xf4" * 512, "floppy", None),
        (mbr(GOOD), "hd", None),
    ],
)
def test_a_disk_that_boots_nothing_says_why(sector: bytes, kind: Any, problem: str | None) -> None:
    with Disk(sector, kind=kind) as disk:
        assert disk.boot_problem == problem
        disk.write(0, SIGNED.replace(b"\0", b"\x90"))
        assert disk.boot_problem is None


@given(st.binary(max_size=1024), st.integers(1, MOST_SECTORS * SECTOR), st.booleans())
def test_any_bytes_of_any_size_are_a_disk_or_a_sentence(head: bytes, size: int, end: bool) -> None:
    head = (head.ljust(510, b"\0")[:510] + b"\x55\xaa") if end else head
    try:
        kind, (c, h, s), reason = identify(head[: min(size, HEAD)], size, name="a.img")
    except DiskError as error:
        assert str(error).startswith("a.img is ")
    else:
        assert kind in ("floppy", "hd")
        assert 1 <= c <= 1024
        assert 1 <= h <= 256
        assert 1 <= s <= 63
        assert reason
