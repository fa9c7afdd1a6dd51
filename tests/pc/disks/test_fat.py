"""FAT volumes: files come back as they were written, and hostile disks get errors, in any order."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError
from pyx86emu.pc.disks import fatmake
from pyx86emu.pc.disks.fat import FIRST_DAY, Volume
from pyx86emu.pc.disks.fatnames import from_entry, to_entry, why_not
from pyx86emu.pc.disks.geometry import FORMATS, Geometry
from pyx86emu.pc.disks.sectors import SECTOR


class Memory:
    """An image in memory."""

    name = "a.img"

    def __init__(self, count: int) -> None:
        self.count = count
        self.data = bytearray(count * SECTOR)

    def read(self, lba: int, n: int, /) -> bytes:
        assert lba >= 0
        assert lba + n <= self.count
        return bytes(self.data[lba * SECTOR : (lba + n) * SECTOR])

    def write(self, lba: int, data: bytes, /) -> None:
        assert lba >= 0
        assert lba + len(data) // SECTOR <= self.count
        assert len(data) % SECTOR == 0
        self.data[lba * SECTOR : lba * SECTOR + len(data)] = data


def empty(plan: fatmake.Plan) -> Memory:
    image = Memory(plan.sectors)
    fatmake.write(image, plan)
    return image


def fat32(clusters: int = 200) -> Memory:
    """An empty FAT32 volume; the type is that of its BPB, which has no root entries."""
    fat = -(-(clusters + 2) * 4 // SECTOR)
    total = 32 + 2 * fat + clusters
    image = Memory(total)
    boot = b"\xeb\x58\x90MSWIN4.1" + struct.pack(
        "<HBHBHHBHHHII", 512, 1, 32, 2, 0, 0, 0xF8, 0, 63, 16, 0, total
    )
    boot += struct.pack("<IHHIHH", fat, 0, 0, 2, 1, 6)
    image.write(0, boot.ljust(510, b"\0") + b"\x55\xaa")
    info = b"RRaA".ljust(484, b"\0") + b"rrAa" + struct.pack("<II", 7, 7)
    image.write(1, info.ljust(512, b"\0"))
    for copy in range(2):
        ends = struct.pack("<III", 0x0FFFFFF8, 0x0FFFFFFF, 0x0FFFFFFF)
        image.write(32 + copy * fat, ends.ljust(512, b"\0"))
    return image


KINDS: dict[str, Callable[[], Memory]] = {
    "FAT12, 160K": lambda: empty(fatmake.floppy((40, 1, 8))),
    "FAT12, 1.44M": lambda: empty(fatmake.floppy((80, 2, 18))),
    "FAT12, 1.72M": lambda: empty(fatmake.floppy((82, 2, 21))),
    "FAT12, 2.88M": lambda: empty(fatmake.floppy((80, 2, 36))),
    "FAT12, hard disk": lambda: empty(fatmake.hard_disk(5 << 20)),
    "FAT16, hard disk": lambda: empty(fatmake.hard_disk(33 << 20)),
    "FAT32": fat32,
}

PARTS = st.sampled_from(["A", "B.C", "12345678.123", "x.y", "_$~!#%-@"])
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
CONTENTS = st.tuples(st.integers(0, 9000), st.integers(0, 255)).map(
    lambda made: bytes((made[1] + i * 7) & 0xFF for i in range(made[0]))
)


# -- what is written is read ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15)
@given(writes=st.lists(st.tuples(PATHS, CONTENTS), max_size=12))
def test_a_volume_is_a_dictionary_of_files(kind: str, writes: list[tuple[str, bytes]]) -> None:
    image, model = KINDS[kind](), dict[str, bytes]()
    for path, data in writes:
        volume, path = Volume(image), path.upper()
        parts = path.split("/")
        above = {"/".join(parts[:i]) for i in range(1, len(parts))}
        if above & set(model) or any(each.startswith(f"{path}/") for each in model):
            with pytest.raises(DiskError, match=r"is a file|is a directory"):
                volume.write(path, data)
            continue
        volume.write(path, data)
        model[path] = data
        assert volume.files() == sorted(model)

    again = Volume(image)
    assert again.files() == sorted(model)
    assert {path: again.read(path.lower()) for path in model} == model
    block, start = again._block, again._start
    copies = {
        image.read(start + block.reserved + i * block.fat_sectors, block.fat_sectors)
        for i in range(block.fats)
    }
    assert len(copies) == 1
    used = sum(len(entry.chain) for entry in again.entries.values()) + len(again._root)
    free = sum(again._get(cluster) == 0 for cluster in range(2, again.clusters + 2))
    assert used + free == again.clusters


@pytest.mark.parametrize("geometry", FORMATS)
def test_every_floppy_can_have_fat12(geometry: Geometry) -> None:
    image = empty(fatmake.floppy(geometry))
    volume = Volume(image)
    room = volume.clusters * volume.cluster_bytes

    assert volume.bits == 12
    volume.write("ALL.BIN", b"\xa5" * room)
    assert Volume(image).read("ALL.BIN") == b"\xa5" * room
    with pytest.raises(DiskError, match=r"a.img is full: (512|1024) bytes"):
        Volume(image).write("MORE", b"x")
    with Disk(bytes(image.data)) as disk:
        assert disk.geometry == geometry
        assert disk.files() == ["ALL.BIN"]


@pytest.mark.parametrize(("mib", "bits"), [(1, 12), (15, 12), (17, 16), (64, 16), (2047, 16)])
def test_a_hard_disk_has_the_type_of_its_size(mib: int, bits: int) -> None:
    plan = fatmake.hard_disk(mib << 20)

    assert plan.sectors >= mib << 11
    assert (4085 <= plan.block.clusters < 65525) == (bits == 16)
    assert plan.start + plan.block.total == plan.sectors


@pytest.mark.parametrize("mib", [0, 3000, 100_000])
def test_a_hard_disk_that_fat16_cannot_have_is_refused(mib: int) -> None:
    if mib:
        with pytest.raises(DiskError, match="cannot have FAT16: give a size from 1048576 to"):
            fatmake.hard_disk(mib << 20)
    else:
        assert fatmake.hard_disk(1).sectors >= 1000


def test_a_file_that_becomes_shorter_frees_its_clusters() -> None:
    image = KINDS["FAT12, 160K"]()
    volume = Volume(image)
    volume.write("A", bytes(100_000))
    volume.write("A", b"x")
    volume.write("B", bytes(150_000))

    assert Volume(image).read("A") == b"x"


def test_a_write_that_does_not_fit_changes_nothing() -> None:
    image = KINDS["FAT12, 160K"]()
    Volume(image).write("A", b"old")
    before = bytes(image.data)

    for path, size in (("A", 200_000), ("NEW/B", 200_000), ("C", 200_000)):
        with pytest.raises(DiskError, match="is full"):
            Volume(image).write(path, bytes(size))
        assert image.data == before


def test_a_full_root_directory_says_what_to_do() -> None:
    image = KINDS["FAT12, 160K"]()
    volume = Volume(image)
    for i in range(64):
        volume.write(f"F{i}", b"")

    with pytest.raises(DiskError, match=r"root directory of a.img is full, it has 64 entries"):
        volume.write("ONE.MOR", b"")
    volume.write("F63", b"x")


@pytest.mark.parametrize("kind", ["FAT12, 160K", "FAT32"])
def test_a_directory_grows(kind: str) -> None:
    image = KINDS[kind]()
    above = "" if kind == "FAT32" else "SUB/"
    for i in range(70):
        Volume(image).write(f"{above}F{i}", str(i).encode())

    assert len(Volume(image).files()) == 70
    assert Volume(image).read(f"{above}F69") == b"69"


def test_fat32_forgets_how_many_clusters_are_free() -> None:
    image = fat32()
    Volume(image).write("A", b"x")

    assert image.read(1, 1)[488:496] == b"\xff" * 8


def test_files_have_a_fixed_time_so_that_equal_files_make_equal_disks() -> None:
    disks = []
    for _ in range(2):
        image = KINDS["FAT12, 1.44M"]()
        Volume(image).write("DIR/A.TXT", b"x")
        disks.append(bytes(image.data))

    assert disks[0] == disks[1]
    assert Volume(image).entries["DIR/A.TXT"].stamp == FIRST_DAY


def test_a_disk_of_dos_1_has_no_bpb() -> None:
    plan = fatmake.floppy((40, 1, 8))
    image = empty(plan)
    Volume(image).write("COMMAND.COM", b"dos")
    image.write(0, b"\xf4" * SECTOR)

    with Disk(bytes(image.data)) as disk:
        assert disk.read_file("command.com") == b"dos"


@pytest.mark.parametrize("fats", [1, 2])
def test_files_are_found_in_a_partition_too(fats: int) -> None:
    image = KINDS["FAT16, hard disk"]()
    with Disk(bytes(image.data)) as disk:
        disk.write_file("A.TXT", b"x" * fats)
        assert (disk.kind, disk.files()) == ("hd", ["A.TXT"])
        assert disk.read_file("A.TXT") == b"x" * fats


def test_what_the_guest_has_written_is_seen() -> None:
    image = KINDS["FAT12, 1.44M"]()
    with Disk(bytes(image.data)) as disk:
        Volume(image).write("OUT.TXT", b"done")
        disk.write(0, bytes(image.data))

        assert disk.read_file("OUT.TXT") == b"done"
        disk.readonly = True
        with pytest.raises(DiskError, match="is readonly: set readonly = False"):
            disk.write_file("A", b"")


def test_a_disk_without_fat_says_so() -> None:
    with Disk(b"\xf4") as disk:
        for use in (disk.files, lambda: disk.read_file("A"), lambda: disk.write_file("A", b"")):
            with pytest.raises(DiskError, match="image has no FAT file system that can be read"):
                use()


def test_a_file_that_is_not_there_is_named_with_those_that_are() -> None:
    image = KINDS["FAT12, 160K"]()
    Volume(image).write("SUB/A.TXT", b"")

    with pytest.raises(DiskError, match=r"a.img has no file B: it has SUB/A.TXT"):
        Volume(image).read("b")
    with pytest.raises(DiskError, match=r"SUB on a.img is a directory: give a file"):
        Volume(image).read("sub")


@pytest.mark.parametrize("path", [5, None, b"A.TXT", ["A"]])
def test_a_path_is_text(path: Any) -> None:
    with Disk(bytes(KINDS["FAT12, 160K"]().data)) as disk:
        for use in (lambda: disk.read_file(path), lambda: disk.write_file(path, b"")):
            with pytest.raises(TypeError, match="a file on a disk has a name as text, not"):
                use()
        with pytest.raises(TypeError, match="a disk is written with bytes, not str"):
            disk.write_file("A", "text")  # type: ignore[arg-type]


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "it is empty"),
        (".", "it has nothing before the dot"),
        ("..", "it has nothing before the dot"),
        (".git", "it has nothing before the dot"),
        ("a.", "it ends in a dot"),
        ("a.b.c", "it has two dots"),
        ("a b", "it has ' '"),
        ("a+b", r"it has '\+'"),
        ("a\0b", r"it has '\\x00'"),
        ("a\\b", r"it has '\\\\'"),
        ("ä", "it has 'Ä'"),
        ("123456789", "it has more than 8 characters before the dot"),
        ("a.html", "its extension has more than 3 characters"),
        ("con", "DOS has a device CON"),
        ("Lpt1.txt", "DOS has a device LPT1"),
    ],
)
def test_a_name_that_is_not_8_3_says_why(name: str, why: str) -> None:
    with pytest.raises(DiskError, match=f"is no 8.3 name, {why}: rename it"):
        to_entry(name)


@given(st.text(max_size=13))
def test_every_8_3_name_comes_back(name: str) -> None:
    if why_not(name) is None:
        assert from_entry(to_entry(name)) == name.upper()


@given(st.binary(min_size=11, max_size=11))
def test_a_name_from_a_disk_has_no_separator_or_control_character(raw: bytes) -> None:
    name = from_entry(raw)

    if name is not None:
        assert name not in ("", ".", "..")
        assert not set(name) & set("/\\:\0 *?")
        assert name.isprintable()


# -- hostile disks --------------------------------------------------------------------------------


@pytest.fixture
def image() -> Memory:
    """A disk with A (clusters 2 to 4), B (5), SUB (6) and SUB/C (7)."""
    image = KINDS["FAT12, 1.44M"]()
    for path, size in (("A", 1500), ("B", 10), ("SUB/C", 10)):
        Volume(image).write(path, b"x" * size)
    return image


def damage(image: Memory, cluster: int, value: int) -> None:
    """Set an entry of the FAT."""
    volume = Volume(image)
    volume._set(cluster, value)
    volume.flush()


@pytest.mark.parametrize(
    ("cluster", "value", "why"),
    [
        (3, 2, "A runs in a loop, at cluster 2"),
        (3, 3, "A runs in a loop, at cluster 3"),
        (4, 5, "B shares a cluster with another file, at cluster 5"),
        (5, 7, "shares a cluster with another file, at cluster 7"),
        (7, 6, "SUB/C shares a cluster with another file, at cluster 6"),
        (6, 6, "SUB runs in a loop, at cluster 6"),
        (3, 0, "A leads from 3 to cluster 0, there are 2 to 2848"),
        (3, 1, "A leads from 3 to cluster 1, there are 2 to 2848"),
        (3, 2849, "A leads from 3 to cluster 2849, there are 2 to 2848"),
        (3, 0xFF7, "A leads from 3 to cluster 4087"),
        (3, 0xFFF, "A has 1500 bytes, its clusters 1024"),
    ],
)
def test_a_hostile_fat_is_an_error(image: Memory, cluster: int, value: int, why: str) -> None:
    damage(image, cluster, value)

    with Disk(bytes(image.data)) as disk:
        for use in (disk.files, lambda: disk.read_file("B"), lambda: disk.write_file("N", b"")):
            with pytest.raises(DiskError, match=f"file system of image is damaged: .*{why}"):
                use()
        assert disk.changed == 0


@pytest.mark.parametrize(
    ("path", "offset", "value", "why"),
    [
        ("B", 26, 2, "B shares a cluster|B runs in a loop"),
        ("B", 26, 0, "B starts at cluster 0"),
        ("B", 26, 2849, "B starts at cluster 2849"),
        ("B", 28, 513, "B has 513 bytes, its clusters 512"),
        ("SUB", 26, 0, "SUB starts at cluster 0"),
        ("SUB/C", 11, 0x10, "SUB/C/"),  # a directory of x
        ("B", 0, ord("A"), "A is there twice|A shares a cluster"),
    ],
)
def test_a_hostile_directory_is_an_error_or_has_nothing(
    image: Memory, path: str, offset: int, value: int, why: str
) -> None:
    sector, at = Volume(image).entries[path].at
    data = bytearray(image.read(sector, 1))
    size = 2 if offset >= 26 else 1
    data[at + offset : at + offset + size] = value.to_bytes(size, "little")
    image.write(sector, bytes(data))

    if path == "SUB/C":
        assert Volume(image).files() == ["A", "B"]  # names of small letters are none
        assert Volume(image).strange == 1
        return
    with pytest.raises(DiskError, match=why):
        Volume(image)


def test_a_bpb_that_says_more_than_there_is_is_an_error() -> None:
    boot = KINDS["FAT12, 1.44M"]().read(0, 1)
    boot = boot[:19] + struct.pack("<H", 60000) + boot[21:]

    with Disk(boot, geometry=(80, 2, 18)) as disk, pytest.raises(DiskError, match="its BPB says"):
        disk.files()


@pytest.mark.parametrize("kind", ["FAT12, 160K", "FAT12, 1.44M", "FAT32"])
@settings(max_examples=200, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 60 * SECTOR), st.one_of(st.integers(0, 255), st.just(None))),
        min_size=1,
        max_size=30,
    ),
    near=st.booleans(),
)
def test_any_damage_is_an_error_or_harmless(
    kind: str, changes: list[tuple[int, int | None]], near: bool
) -> None:
    image = KINDS[kind]()
    for path in ("A", "SUB/B", "SUB/SUB/C", "D"):
        Volume(image).write(path, path.encode() * 400)
    for at, value in changes:
        at = at % 64 if near else at
        image.data[at] = image.data[at] ^ 0xFF if value is None else value
    try:
        volume = Volume(image)
        for path in volume.files():
            assert len(volume.read(path)) == volume.entries[path].size
        for path in ("NEW/FILE", "A"):
            volume.write(path, b"n" * 3000)
            assert Volume(image).read(path) == b"n" * 3000
    except DiskError:
        pass


# -- what others have made ------------------------------------------------------------------------

MTOOLS = pytest.mark.skipif(shutil.which("mformat") is None, reason="mtools are not installed")


@MTOOLS
@pytest.mark.parametrize(
    "options", [("-f", "160"), ("-f", "360"), ("-f", "720"), ("-f", "1440"), ("-f", "2880"),
                ("-T", "70000", "-h", "16", "-s", "63", "-c", "2"),
                ("-F", "-T", "140000", "-h", "16", "-s", "63", "-c", "1")],
)  # fmt: skip
def test_mtools_and_we_read_what_the_other_writes(tmp_path: Path, options: tuple[str, ...]) -> None:
    path, ours, theirs = tmp_path / "a.img", tmp_path / "ours.bin", tmp_path / "theirs.bin"
    theirs.write_bytes(os.urandom(50_000))
    path.touch()
    kind = "floppy" if options[0] == "-f" else "hd"
    size = int(options[options.index("-T") + 1]) * 512 if "-T" in options else int(options[1]) << 10
    os.truncate(path, size)

    def run(*args: object) -> None:
        subprocess.run([*map(str, args)], check=True, capture_output=True, env={"MTOOLSRC": ""})

    run("mformat", "-i", path, *options, "::")
    run("mmd", "-i", path, "::SUB")
    run("mcopy", "-i", path, theirs, "::SUB/THEIRS.BIN")
    with Disk(path, write_back=True, kind=kind) as disk:  # type: ignore[arg-type]
        assert disk.files() == ["SUB/THEIRS.BIN"]
        assert disk.read_file("sub/theirs.bin") == theirs.read_bytes()
        disk.write_file("SUB/OURS.BIN", b"ours" * 9999)
        disk.write_file("NEW/DIR/X", b"")
    run("mcopy", "-i", path, "::SUB/OURS.BIN", ours)
    run("mdir", "-i", path, "::NEW/DIR/X")

    assert ours.read_bytes() == b"ours" * 9999


def test_directories_in_each_other_without_end_are_refused() -> None:
    # Each has its whole path in memory: 65524 of them would need gigabytes.
    image = empty(fatmake.floppy((80, 2, 18)))
    volume = Volume(image)
    entry = b"D".ljust(11) + b"\x10" + bytes(14) + b"%b" + bytes(4)
    at = volume._sectors("")[0]
    for cluster in range(2, 502):
        image.write(at, (entry % cluster.to_bytes(2, "little")).ljust(SECTOR, b"\0"))
        at = volume._lba(cluster)
        volume._set(cluster, 0xFFF)
    volume.flush()

    with pytest.raises(DiskError, match=r"more than 128 directories are in each other"):
        Volume(image)
