"""Disk images: an overlay over an image that nobody writes, errors with advice."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import socket
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, DiskError
from pyx86emu.pc.disks.sectors import SECTOR
from tests.harness import Running, descriptors, python


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(bytes(range(256)) * 2 * 720)
    return path


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


def test_an_empty_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.img"
    path.touch()

    with pytest.raises(DiskError, match="is empty: a disk image has at least one 512-byte sector"):
        Disk(path)


def test_a_missing_file_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Disk(tmp_path / "none.img")


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="is a directory"):
        Disk(tmp_path)


def test_sectors_beyond_the_disk_are_refused() -> None:
    with Disk(bytes(512)) as disk:
        with pytest.raises(DiskError, match="it has 2880"):
            disk.read(2880, 1)
        with pytest.raises(DiskError, match="whole 512-byte sectors"):
            disk.write(0, b"short")


# -- what is given: paths, geometries, numbers ----------------------------------------------------


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(("make", "what"), [(fifo, "a FIFO"), (unix_socket, "a socket")])
def test_what_could_wait_is_refused_before_it_is_opened(
    tmp_path: Path, make: Callable[[Path], None], what: str
) -> None:
    path = tmp_path / "disk.img"
    make(path)

    for write_back in (False, True):
        with pytest.raises(DiskError, match=f"is {what}: not a disk image, give a regular file"):
            Disk(path, write_back=write_back, geometry=(80, 2, 18))


def test_a_fifo_that_takes_the_place_of_the_image_is_refused_too(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regular = os.stat(image)
    image.unlink()
    os.mkfifo(image)
    monkeypatch.setattr("os.stat", lambda name: regular)
    before = descriptors()

    with pytest.raises(DiskError, match="is a FIFO"):
        Disk(image)
    assert descriptors() == before


def test_the_size_of_a_block_device_is_where_it_ends(
    image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What stat(2) says of a block device: no size.
    device = os.stat_result((stat.S_IFBLK | 0o660, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    with monkeypatch.context() as patch:
        patch.setattr("os.stat", lambda name: device)
        patch.setattr("os.fstat", lambda fd: device)
        disk = Disk(image, write_back=True)
    with disk:
        assert (disk.size, disk.geometry) == (360 * 1024, (40, 2, 9))
        disk.write(719, b"y" * SECTOR)

    assert image.read_bytes()[-SECTOR:] == b"y" * SECTOR


@pytest.mark.parametrize("step", ["os.open", "os.fstat", "os.lseek"])
def test_a_system_call_that_fails_leaves_nothing_open(
    image: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(5, "no luck")

    before = descriptors()
    with monkeypatch.context() as patch:
        patch.setattr(step, fail)
        with pytest.raises((OSError, DiskError), match="no luck"):
            Disk(image)

    assert descriptors() == before


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/null"])
def test_a_character_device_is_refused_whatever_the_geometry(name: str) -> None:
    for geometry in (None, (80, 2, 18)):
        with pytest.raises(DiskError, match=f"{name} is a character device: not a disk image"):
            Disk(name, geometry=geometry)


def test_a_file_without_a_size_is_refused() -> None:
    with pytest.raises(DiskError, match="/proc/self/mem has no size"):
        Disk("/proc/self/mem")


@pytest.mark.parametrize("source", [5, 1.5, None, ["a"], object(), Ellipsis])
def test_what_is_neither_path_nor_bytes_is_refused(source: Any) -> None:
    with pytest.raises(TypeError, match="a path or the bytes of an image, not of"):
        Disk(source)


@pytest.mark.parametrize("name", ["a\0b", "\udcff\ud800"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    with pytest.raises(DiskError, match="cannot be a path"):
        Disk(name)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_are_copied(kind: Callable[[bytearray], bytes]) -> None:
    data = bytearray(b"boot")

    with Disk(kind(data)) as disk:
        data[0] = 0
        assert disk.read(0)[:4] == b"boot"


@pytest.mark.parametrize(
    ("geometry", "error", "text"),
    [
        ((0, 0, 0), DiskError, "cylinders = 0: give 1 to 1024"),
        ((80, 2, 99), DiskError, "sectors a track = 99: give 1 to 63"),
        ((80, 257, 9), DiskError, "heads = 257: give 1 to 256"),
        ((-1, 2, 9), DiskError, "cylinders = -1"),
        pytest.param((-1 << 99999, 2, 9), DiskError, "= an integer of 100000 bits", id="huge"),
        ((80, 2), DiskError, "geometry has 2 numbers"),
        ((80, 2, 18, 1), DiskError, "geometry has 4 numbers"),
        ((), DiskError, "geometry has 0 numbers"),
        ("abc", TypeError, "not str"),
        (5, TypeError, "not int"),
        ((80.0, 2, 18), TypeError, "cylinders must be an integer, not float"),
        ((80, None, 18), TypeError, "heads must be an integer, not NoneType"),
        ((80, 2, "18"), TypeError, "sectors a track must be an integer, not str"),
    ],
)
def test_a_geometry_that_no_disk_has_is_refused(
    image: Path, geometry: Any, error: type[Exception], text: str
) -> None:
    before = descriptors()

    with pytest.raises(error, match=text):
        Disk(image, geometry=geometry)
    assert descriptors() == before


def test_the_largest_geometry_is_that_of_int_13h() -> None:
    with Disk(b"x", geometry=(1024, 256, 63)) as disk:
        assert disk.read(1024 * 256 * 63 - 1) == bytes(SECTOR)


@pytest.mark.parametrize(
    ("lba", "n", "error"),
    [
        (1.0, 1, TypeError),
        (float("nan"), 1, TypeError),
        ("0", 1, TypeError),
        (0, None, TypeError),
        (0, 2.0, TypeError),
        (-1, 1, DiskError),
        (0, -1, DiskError),
        (720, 1, DiskError),
        (719, 2, DiskError),
        (0, 1 << 70, DiskError),
        (1 << 70, 1, DiskError),
        pytest.param(0, 1 << 99999, DiskError, id="huge"),
    ],
)
def test_numbers_outside_the_disk_are_refused(
    image: Path, lba: Any, n: Any, error: type[Exception]
) -> None:
    with Disk(image) as disk, pytest.raises(error):
        disk.read(lba, n)


class Liar(int):
    """An integer whose comparisons lie."""

    def __lt__(self, other: object) -> bool:
        return False

    __gt__ = __le__ = __ge__ = __lt__


def test_a_number_that_lies_is_looked_at_as_what_it_is(image: Path) -> None:
    with Disk(image) as disk, pytest.raises(DiskError, match="sectors 9999-9999"):
        disk.read(Liar(9999))


@pytest.mark.parametrize("data", ["x" * 512, [0] * 512, 512, None])
def test_only_bytes_are_written(data: Any) -> None:
    with Disk(b"x") as disk:
        with pytest.raises(TypeError, match="written with bytes, not"):
            disk.write(0, data)
        assert disk.changed == 0


def test_a_memoryview_is_written_as_its_bytes() -> None:
    with Disk(b"x") as disk:
        disk.write(0, memoryview(bytearray(range(256)) * 4)[::2])
        assert disk.read(0) == bytes(range(0, 256, 2)) * 4


# -- closed, copied, forgotten --------------------------------------------------------------------


@pytest.mark.parametrize("write_back", [False, True])
def test_a_closed_disk_says_so(image: Path, write_back: bool) -> None:
    disk = Disk(image, write_back=write_back)
    disk.close()
    disk.close()

    for use in (lambda: disk.read(0), lambda: disk.write(0, bytes(512)), disk.commit):
        with pytest.raises(DiskError, match="is closed: open it again"):
            use()
    assert repr(disk) == f"<Disk {image} closed>"


def test_a_closed_disk_of_bytes_says_so() -> None:
    disk = Disk(b"boot")
    disk.close()

    with pytest.raises(DiskError, match="image is closed"):
        disk.read(0)


def test_a_disk_that_was_never_made_says_so() -> None:
    disk = Disk.__new__(Disk)

    with pytest.raises(DiskError, match="is closed"):
        disk.read(0)
    assert (disk.changed, disk.sectors) == (0, 0)
    assert disk.physical_geometry == (1, 0, 0)
    disk.close()


def test_a_disk_is_made_once(image: Path) -> None:
    with Disk(image) as disk, pytest.raises(RuntimeError, match="make another one"):
        Disk.__init__(disk, image)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_disk_cannot_be_copied(image: Path, how: Callable[[object], object]) -> None:
    with Disk(image, write_back=True) as disk:
        with pytest.raises(
            TypeError, match=r"Disk objects cannot be copied or pickled.*open it again"
        ):
            how(disk)
        with pytest.raises(TypeError, match="Disk objects cannot be copied"):
            copy.deepcopy({"drive": [disk]})


def test_a_forgotten_disk_is_closed_with_a_warning(image: Path) -> None:
    before = descriptors()
    disk = Disk(image)

    with pytest.warns(ResourceWarning, match=r"unclosed <Disk .*disk.img 40x2x9, 0 sectors"):
        del disk
        gc.collect()

    assert descriptors() == before


def test_a_forgotten_disk_writes_nothing_and_says_what_is_lost(image: Path) -> None:
    before = image.read_bytes()
    disk = Disk(image, write_back=True)
    disk.write(3, bytes(1024))

    with pytest.warns(ResourceWarning, match="changed sectors lost: 2"):
        del disk
        gc.collect()

    assert image.read_bytes() == before


def test_a_warning_that_is_an_error_does_not_keep_the_descriptor(image: Path) -> None:
    code = (
        "import os, sys; from pyx86emu import Disk\n"
        "n = len(os.listdir('/proc/self/fd')); Disk(sys.argv[1])\n"
        "print(len(os.listdir('/proc/self/fd')) - n)\n"
        "disk = Disk(sys.argv[1])"  # is still there when the interpreter ends
    )

    result = python("-W", "error::ResourceWarning", "-c", code, image)

    assert (result.returncode, result.stdout) == (0, "0\n")
    assert result.stderr.count("unclosed <Disk") == 2


def test_a_closed_disk_warns_of_nothing(image: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Disk(image, write_back=True) as disk:
            disk.write(0, bytes(512))
        with pytest.raises(DiskError):
            Disk(image.parent)
        del disk
        gc.collect()


# -- an image that changes ------------------------------------------------------------------------


def test_an_image_that_has_become_shorter_is_an_error(image: Path) -> None:
    with Disk(image) as disk:
        assert disk.read(700) != bytes(SECTOR)
        os.truncate(image, 512)

        with pytest.raises(DiskError, match=r"had 368640 bytes when it was opened.* 512 now"):
            disk.read(700)
        with pytest.raises(DiskError, match="512 now"):
            disk.read(0, 2)
        assert disk.read(0) == bytes(range(256)) * 2


def test_a_shorter_image_is_not_filled_up_with_zeros_by_a_commit(image: Path) -> None:
    disk = Disk(image, write_back=True)
    disk.write(700, b"x" * SECTOR)
    os.truncate(image, 512)

    with pytest.raises(DiskError, match="512 now"):
        disk.close()

    assert (image.stat().st_size, disk.changed) == (512, 1)
    disk.close(discard=True)
    assert image.stat().st_size == 512


def test_sectors_beyond_an_unpadded_image_are_zeros(tmp_path: Path) -> None:
    path = tmp_path / "short.img"
    path.write_bytes(b"x" * 1000)

    with Disk(path, geometry=(40, 2, 9)) as disk:
        assert disk.read(0, 4) == b"x" * 1000 + bytes(1048)
        assert disk.read(719) == bytes(SECTOR)


def test_what_a_commit_has_added_is_part_of_the_image(tmp_path: Path) -> None:
    path = tmp_path / "boot.img"
    path.write_bytes(b"x" * SECTOR)

    with Disk(path, write_back=True) as disk:
        disk.write(2, b"z" * SECTOR)
        disk.commit()
        assert disk.read(0, 4) == b"x" * SECTOR + bytes(SECTOR) + b"z" * SECTOR + bytes(SECTOR)
        os.truncate(path, SECTOR)
        with pytest.raises(DiskError, match="had 1536 bytes"):
            disk.read(2)


def test_a_short_read_is_repeated(image: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pread = os.pread
    with Disk(image) as disk:
        monkeypatch.setattr("os.pread", lambda fd, n, at: pread(fd, min(n, 100), at))

        assert disk.read(3, 2) == bytes(range(256)) * 4


def test_guest_and_host_may_use_a_disk_at_the_same_time(image: Path) -> None:
    with Disk(image, write_back=True) as disk:

        def write() -> None:
            for i in range(2000):
                disk.write(i % 700, i.to_bytes(4, "little") * 128)

        writer = Running(write)
        while writer.going:
            disk.commit()
        writer.result()
        wanted = disk.read(0, 720)

    assert image.read_bytes() == wanted
    assert wanted[:4] == (1400).to_bytes(4, "little")
