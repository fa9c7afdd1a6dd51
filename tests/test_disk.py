"""Disks: geometry by size, an overlay over an image that nobody writes, errors with advice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError
from pyx86emu.disk import FLOPPIES, SECTOR, floppy_geometry


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 2 * 720)
    return path


@pytest.mark.parametrize(
    ("kib", "geometry"),
    [
        (160, (40, 1, 8)),
        (180, (40, 1, 9)),
        (320, (40, 2, 8)),
        (360, (40, 2, 9)),
        (720, (80, 2, 9)),
        (1200, (80, 2, 15)),
        (1440, (80, 2, 18)),
        (2880, (80, 2, 36)),
    ],
)
def test_each_floppy_size_has_its_geometry(kib: int, geometry: tuple[int, int, int]) -> None:
    assert floppy_geometry(kib * 1024) == geometry


def test_a_boot_sector_counts_as_a_360k_disk() -> None:
    with Disk(b"\xf4") as disk:
        assert disk.geometry == (40, 2, 9)
        assert disk.read(0, 1) == b"\xf4" + bytes(511)
        assert disk.read(719, 1) == bytes(SECTOR)


@given(st.integers(2, 5760))
def test_an_image_gets_the_smallest_disk_that_holds_it(sectors: int) -> None:
    c, h, s = floppy_geometry(sectors * SECTOR)

    smaller = [g for g in FLOPPIES if g[0] * g[1] * g[2] < c * h * s]
    assert c * h * s >= sectors
    assert all(a * b * d < sectors for a, b, d in smaller)


def test_writes_stay_in_the_overlay(image: Path) -> None:
    before = image.read_bytes()

    with Disk(image) as disk:
        disk.write(3, b"x" * SECTOR)
        assert disk.read(2, 3) == before[1024:1536] + b"x" * SECTOR + before[2048:2560]
        assert disk.changed == 1

    assert image.read_bytes() == before


def test_write_back_commits_at_close(image: Path) -> None:
    before = image.read_bytes()

    with Disk(image, write_back=True) as disk:
        disk.write(1, b"y" * SECTOR)

    assert image.read_bytes() == before[:512] + b"y" * 512 + before[1024:]


def test_commit_without_write_back_is_refused(image: Path) -> None:
    with Disk(image) as disk, pytest.raises(DiskError, match="write_back=True"):
        disk.commit()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "is empty: a disk image has at least one 512-byte sector"),
        (1000, "is 1000 bytes, not a whole number of 512-byte sectors: pad it to 1024"),
        (2880 * 1024 + 512, "more than a 2.88M floppy"),
    ],
)
def test_an_image_that_is_no_floppy_is_refused(tmp_path: Path, size: int, text: str) -> None:
    path = tmp_path / "odd.img"
    path.write_bytes(bytes(size))

    with pytest.raises(DiskError, match=text):
        Disk(path)


def test_a_missing_file_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Disk(tmp_path / "none.img")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="is a directory"):
        Disk(tmp_path)


def test_sectors_beyond_the_disk_are_refused() -> None:
    with Disk(bytes(512)) as disk:
        with pytest.raises(DiskError, match="it has 720"):
            disk.read(720, 1)
        with pytest.raises(DiskError, match="whole 512-byte sectors"):
            disk.write(0, b"short")
