"""The overlay: it gives what was written, in memory and in its file, within its bound."""

from __future__ import annotations

import errno
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError
from pyx86emu.pc.disks import image as image_module
from pyx86emu.pc.disks import overlay as overlay_module
from pyx86emu.pc.disks.overlay import IN_MEMORY, PAGE, Overlay, runs
from pyx86emu.pc.disks.sectors import SECTOR
from tests.harness import descriptors, in_child

#: Around the borders of pages of the map, and far away.
NUMBERS = st.one_of(
    st.integers(0, 40), st.integers(PAGE - 20, PAGE + 20), st.integers((1 << 28) - 20, (1 << 28))
)
STEPS = st.one_of(
    st.tuples(st.just("put"), NUMBERS, st.integers(1, 255)),
    st.tuples(st.just("drop"), NUMBERS, st.just(0)),
    st.tuples(st.just("clear"), st.just(0), st.just(0)),
)


def original(lba: int, n: int) -> bytes:
    return b"".join(b"image%11d" % i * 32 for i in range(lba, lba + n))


@given(st.integers(1, 5), st.lists(STEPS, max_size=60), st.lists(NUMBERS, max_size=8))
def test_an_overlay_is_a_dictionary_of_sectors(
    in_memory: int, steps: list[tuple[str, int, int]], looks: list[int]
) -> None:
    overlay, model = Overlay(in_memory), dict[int, bytes]()
    for step, lba, fill in steps:
        if step == "put":
            overlay.put(lba, bytes([fill]) * SECTOR)
            model[lba] = bytes([fill]) * SECTOR
        elif step == "drop":
            overlay.drop(lba)
            model.pop(lba, None)
        else:
            overlay.clear()
            model.clear()
        assert len(overlay) == len(model)

    for lba in looks:
        assert overlay.get(lba) == model.get(lba)
        assert (lba in overlay) == (lba in model)
        wanted = b"".join(model.get(i) or original(i, 1) for i in range(lba, lba + 30))
        assert overlay.read(lba, 30, original) == wanted
        for most in (1, 3, 100):
            assert overlay.next_after(lba, most) == sorted(i for i in model if i >= lba)[:most]
    overlay.clear()


def test_an_image_is_read_in_one_piece_where_nothing_was_changed() -> None:
    calls = []

    def image(lba: int, n: int) -> bytes:
        calls.append((lba, n))
        return bytes(n * SECTOR)

    overlay = Overlay()
    overlay.read(0, 2880, image)
    overlay.put(100, bytes(SECTOR))
    overlay.put(101, bytes(SECTOR))
    overlay.read(0, 2880, image)

    assert calls == [(0, 2880), (0, 100), (102, 2778)]


@given(st.sets(st.integers(0, 200)), st.integers(1, 9))
def test_runs_are_all_numbers_in_order(numbers: set[int], most: int) -> None:
    cut = list(runs(sorted(numbers), most))

    assert [i for run in cut for i in run] == sorted(numbers)
    assert all(1 <= len(run) <= most for run in cut)


def test_memory_stays_within_the_bound_that_is_stated() -> None:
    part = IN_MEMORY // 16
    overlay = Overlay(part)
    tracemalloc.start()
    try:
        for i in range(part * 2 + 1):
            overlay.put(i * 3, i.to_bytes(4, "little") * 128)
        held, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(overlay) == part * 2 + 1
    assert most < 4 << 20  # 64 MiB / 16
    assert held < most
    assert all(overlay.get(i * 3) == i.to_bytes(4, "little") * 128 for i in (0, 5, part * 2))
    overlay.clear()


def test_a_cleared_overlay_closes_its_file() -> None:
    before = descriptors()
    overlay = Overlay(1)
    for lba in range(3):
        overlay.put(lba, bytes(SECTOR))
    assert descriptors() == before + 1

    for lba in range(3):
        overlay.drop(lba)

    assert descriptors() == before


def test_a_full_directory_for_temporary_files_is_said_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with Disk(b"x") as disk:
        disk._overlay = Overlay(2)
        disk.write(0, b"a" * 2 * SECTOR)
        with monkeypatch.context() as patch:
            patch.setattr(overlay_module, "write_all", full)
            with pytest.raises(OSError, match=r"need a temporary file in .*: make room, or set"):
                disk.write(2, b"b" * SECTOR)
        assert disk.read(0, 3) == b"a" * 2 * SECTOR + bytes(SECTOR)

        disk.write(2, b"b" * SECTOR)

        assert disk.read(0, 3) == b"a" * 2 * SECTOR + b"b" * SECTOR


def test_many_changes_reach_the_image_batch_by_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_module, "BATCH", 7)
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(100 * SECTOR))
    wanted = b"".join(bytes([i]) * SECTOR for i in range(100))

    with Disk(path, write_back=True) as disk:
        disk._overlay = Overlay(9)
        for lba in (*range(99, 0, -1), 0):
            disk.write(lba, bytes([lba]) * SECTOR)
        assert disk.changed == 100
        disk.commit()
        assert disk.changed == 0
        assert disk.read(0, 100) == wanted

    assert path.read_bytes() == wanted


@pytest.mark.forks
def test_an_overlay_with_a_file_belongs_to_one_process() -> None:
    with Disk(b"x") as disk:
        disk._overlay = Overlay(1)
        disk.write(0, b"a" * 2 * SECTOR)

        def child() -> None:
            for use in (lambda: disk.read(0), lambda: disk.write(5, bytes(2 * SECTOR))):
                with pytest.raises(DiskError, match="open the image again in this one"):
                    use()
            assert disk.read(7) == bytes(SECTOR)

        assert in_child(child) == 0
        assert disk.read(0, 2) == b"a" * 2 * SECTOR


# -- large images ---------------------------------------------------------------------------------


def test_a_sparse_image_of_128_gib_is_read_and_written(tmp_path: Path) -> None:
    path = tmp_path / "large.img"
    path.touch()
    os.truncate(path, 128 << 30)

    with Disk(path, write_back=True, kind="hd") as disk:
        assert (disk.count, disk.geometry) == (1 << 28, (1024, 255, 63))
        assert disk.physical_geometry == (16383, 16, 63)
        last = disk.count - 1
        for lba in (0, 1 << 27, last):
            disk.write(lba, lba.to_bytes(4, "little") * 128)
        with pytest.raises(DiskError, match="268435456-268435456 are not all on"):
            disk.read(disk.count)
        assert disk.read(last - 1, 2) == bytes(SECTOR) + last.to_bytes(4, "little") * 128

    with Disk(path, kind="hd") as disk:
        assert disk.read(1 << 27) == (1 << 27).to_bytes(4, "little") * 128
        assert disk.read(last) == last.to_bytes(4, "little") * 128
    assert path.stat().st_blocks * 512 < 1 << 20


def test_more_than_128_gib_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "larger.img"
    path.touch()
    os.truncate(path, (128 << 30) + 1)

    for kind in (None, "hd"):
        with pytest.raises(DiskError, match="the largest disk is 128 GiB"):
            Disk(path, kind=kind)


def test_a_write_after_the_end_makes_the_file_longer(tmp_path: Path) -> None:
    path = tmp_path / "boot.bin"
    path.write_bytes(b"\xf4" * 700)

    with Disk(path, write_back=True) as disk:
        disk.write(4, b"n" * SECTOR)
        disk.commit()
        assert path.read_bytes() == b"\xf4" * 700 + bytes(2048 - 700) + b"n" * SECTOR
        disk.write(1, b"m" * SECTOR)
        assert disk.read(2879) == bytes(SECTOR)

    assert path.read_bytes()[: 3 * SECTOR] == b"\xf4" * SECTOR + b"m" * SECTOR + bytes(SECTOR)
    assert sys.getsizeof(path.read_bytes()) < 4000
