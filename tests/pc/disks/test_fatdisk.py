"""Disks of directories: what goes in, how large they are, and what is refused or left out."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from pyx86emu import Disk, DiskError, DiskWarning, ExitReason, Machine
from pyx86emu.pc.disks import hostdir
from pyx86emu.pc.disks.fat import Volume
from pyx86emu.pc.disks.hostdir import TEMPORARY

pytestmark = pytest.mark.usefixtures("nothing_stays_open")


def raw(disk: Disk) -> bytes:
    return disk.read(0, disk.count)


def saying(text: str) -> Any:
    return pytest.warns(DiskWarning, match=text)


@pytest.mark.parametrize("kind", [None, "floppy", "hd"])
def test_the_files_of_a_directory_are_on_its_disk(directory: Path, kind: Any) -> None:
    with Disk.from_directory(directory, kind=kind) as disk:
        assert disk.kind == (kind or "floppy")
        assert disk.name == f"fat:{directory}"
        assert disk.files() == ["README.TXT", "SUB/B.BIN"]
        assert disk.read_file("readme.txt") == b"hello\r\n"
        assert disk.read_file("SUB\\B.BIN") == bytes(range(256)) * 20
        assert Volume(disk).entries["EMPTY"].is_directory
        assert (disk.changed, disk.notes) == (0, ())
        assert disk.reason.endswith("made of a directory")


def test_a_path_with_fat_is_the_same(directory: Path) -> None:
    with Disk(f"fat:{directory}") as one, Disk.from_directory(directory) as other:
        assert raw(one) == raw(other)
        assert (one.geometry, one.name) == (other.geometry, other.name)
    with Machine(f"fat:{directory}") as m:
        assert m.disk is not None
        assert m.disk.files() == ["README.TXT", "SUB/B.BIN"]


def test_equal_files_make_equal_disks(directory: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for name in ("empty", "SUB"):
        (other / name).mkdir(parents=True)
    for name in ("SUB/b.bin", "readme.txt"):
        (other / name).write_bytes((directory / name).read_bytes())
    for path in (directory, other):
        for each in path.rglob("*"):
            os.utime(each, (1e9, 1e9))

    with Disk.from_directory(directory) as one, Disk.from_directory(other) as two:
        assert raw(one) == raw(two)
        assert Volume(one).entries["README.TXT"].stamp == 0x2B290DD4  # 9 Sep 2001, 1:46:40 UTC


@pytest.mark.parametrize(
    ("options", "geometry"),
    [
        ({}, (80, 2, 18)),
        ({"size": 360 << 10}, (40, 2, 9)),
        ({"size": 1680 << 10}, (80, 2, 21)),
        ({"geometry": (82, 2, 10)}, (82, 2, 10)),
        ({"kind": "hd"}, (66, 16, 63)),
        ({"kind": "hd", "size": 10 << 20}, (21, 16, 63)),
        ({"size": 100 << 20}, (204, 16, 63)),
        ({"kind": "hd", "geometry": (306, 4, 17)}, (306, 4, 17)),
        ({"geometry": (615, 4, 17)}, (615, 4, 17)),
    ],
)
def test_the_size_is_as_asked(directory: Path, options: Any, geometry: Any) -> None:
    with Disk.from_directory(directory, **options) as disk:
        assert disk.geometry == geometry
        assert disk.count == geometry[0] * geometry[1] * geometry[2]
        assert disk.read_file("README.TXT") == b"hello\r\n"
        data = raw(disk)
    if geometry != (82, 2, 10):
        with Disk(data) as again:  # its partition table or size says the same
            assert (again.kind, again.geometry) == (disk.kind, geometry)


def test_the_disk_is_as_large_as_its_files_need(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(2_000_000))

    with Disk.from_directory(tmp_path, kind="floppy") as disk:
        assert disk.geometry == (80, 2, 36)
    with Disk.from_directory(tmp_path) as disk:
        assert disk.kind == "hd"
        assert disk.read_file("A") == bytes(2_000_000)
    os.truncate(tmp_path / "a", 40 << 20)
    with Disk.from_directory(tmp_path) as disk:
        assert disk.count >= 80 << 11


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"size": 360 << 10}, "files need 409600 bytes, it has 362496"),
        ({"kind": "floppy", "size": 12345}, "size = 12345 is no floppy format: give 1474560"),
        ({"kind": "floppy", "geometry": (306, 4, 17)}, "is no floppy: give at most 2 heads"),
        ({"geometry": (0, 2, 9)}, "cylinders = 0: give 1 to 1024"),
        ({"kind": "hd", "size": 3 << 30}, "cannot have FAT16: give a size from 1048576 to"),
        ({"kind": "cd"}, 'kind is \'cd\': give "floppy", "hd" or None'),
        ({"size": 0}, "size"),
        ({"delete": True}, "delete is for a fat: disk with write_back=True"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, options: Any, text: str) -> None:
    (tmp_path / "a").write_bytes(bytes(400 << 10))

    with pytest.raises((DiskError, ValueError), match=text):
        Disk.from_directory(tmp_path, **options)


def test_too_many_files_for_a_root_directory_are_refused(tmp_path: Path) -> None:
    for i in range(225):
        (tmp_path / f"f{i}").touch()

    with pytest.raises(DiskError, match="its root directory has 224 entries at most"):
        Disk.from_directory(tmp_path, size=1440 << 10)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("fat:", "fat: names no directory: give fat:DIR"),
        ("fat:rw:.", "'rw:' is not for here, give write_back=True"),
        ("fat:floppy:.", "'floppy:' is not for here, give kind=\"floppy\""),
        ("fat:32:.", "'32:' is not for here, the largest disk has 2 GiB"),
        ("fat:a\0b", "cannot be a path"),
        ("fat:/dev/null", "/dev/null is no directory: give one, fat:DIR"),
    ],
)
def test_what_is_no_directory_is_refused(source: str, text: str) -> None:
    with pytest.raises(DiskError, match=text):
        Disk(source)


def test_a_directory_that_is_not_there_stays_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Disk(f"fat:{tmp_path}/none")


def test_delete_is_refused_for_what_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(b"\xf4")

    with pytest.raises(DiskError, match="delete is for a fat: disk with write_back=True"):
        Disk(tmp_path / "a.img", write_back=True, delete=True)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["index.html"], "'index.html' is no 8.3 name, its extension has more than 3 characters"),
        ([".git"], "'.git' is no 8.3 name, it has nothing before the dot"),
        (["a b"], "'a b' is no 8.3 name, it has ' ': rename them"),
        (["nul.txt"], "'nul.txt' is no 8.3 name, DOS has a device NUL"),
        (["a.txt", "A.TXT"], "'a.txt' and 'A.TXT' are the same name on FAT"),
        ([f"{i}.html" for i in range(9)], "and 4 more: rename them"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path: Path, names: list[str], text: str) -> None:
    for name in names:
        (tmp_path / name).touch()

    with pytest.raises(DiskError, match=f"{tmp_path} does not fit on a FAT disk: .*{text}"):
        Disk.from_directory(tmp_path)


def test_links_and_devices_are_left_out_with_a_word(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (directory / "link.txt").symlink_to(tmp_path / "secret")
    (directory / "linkdir").symlink_to(tmp_path)
    os.mkfifo(directory / "fifo")
    (directory / f"{TEMPORARY}1").touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(directory / "sock"))
        with saying("is a link: skipped, it is not on the disk"):
            disk = Disk.from_directory(directory)

    with disk:
        assert disk.files() == ["README.TXT", "SUB/B.BIN"]
        assert [note.split(":")[0] for note in disk.notes] == [
            f"{TEMPORARY}1 is a temporary file",
            "fifo is a FIFO",
            "link.txt is a link",
            "linkdir is a link",
            "sock is a socket",
        ]
        assert b"secret" not in raw(disk)


def test_a_file_that_becomes_a_link_while_it_is_read_is_left_out(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("secret")
    scan = hostdir.HostDirectory.scan

    def slow(self: hostdir.HostDirectory) -> Any:
        found = scan(self)
        for name in ("readme.txt", "SUB/b.bin"):
            (directory / name).unlink()
        (directory / "SUB").rmdir()
        (directory / "readme.txt").symlink_to(tmp_path / "secret")
        (directory / "SUB").symlink_to(tmp_path)
        return found

    monkeypatch.setattr(hostdir.HostDirectory, "scan", slow)
    with saying("readme.txt is no regular file any more: skipped"):
        disk = Disk.from_directory(directory)

    with disk:
        assert disk.files() == []
        assert b"secret" not in raw(disk)


# -- as a disk of a machine -----------------------------------------------------------------------


def test_the_first_sector_of_a_hard_disk_starts_the_active_partition(directory: Path) -> None:
    say = bytes.fromhex("eb3c 90").ljust(62, b"\0") + bytes.fromhex("8ac2 e6e9 b041 e6e9 fa f4")
    with Disk.from_directory(directory, kind="hd") as disk:
        disk.write(63, say.ljust(510, b"\0") + b"\x55\xaa")
        with Machine(disk) as m:
            m.run(timeout=10)

            assert m.debug.data == b"\x80A"  # DL as the BIOS gave it


@pytest.mark.parametrize("kind", ["floppy", "hd"])
def test_a_disk_of_a_directory_that_boots_nothing_ends_in_int_18h(
    directory: Path, kind: Any
) -> None:
    with Disk.from_directory(directory, kind=kind) as disk, Machine(disk) as m:
        assert m.run("(?i)no boot", timeout=60).reason is ExitReason.MATCH


#: Creates OUT.TXT with "done".
PROGRAM = bytes.fromhex("b43c 31c9 ba2301 cd21 93 b440 b90400 ba2b01 cd21 b43e cd21 b44c cd21")


@pytest.mark.parametrize(("kind", "drive"), [("floppy", "b"), ("hd", "c")])
def test_a_program_of_the_host_runs_under_freedos_and_its_output_comes_back(
    guests: Path, tmp_path: Path, kind: Any, drive: str
) -> None:
    code = PROGRAM.ljust(0x23, b"\x90") + b"OUT.TXT\0done"
    (tmp_path / "prog.com").write_bytes(code)

    with Disk.from_directory(tmp_path, kind=kind, write_back=True) as disk:
        drives = {"fdb" if kind == "floppy" else "hda": disk}
        with Machine(fda=guests / "freedos-1440k.img", order="a", **drives) as m:
            m.run("A:.*>", timeout=60)
            m.keyboard.type(f"{drive}:\rprog\rdir\r")
            assert m.run("OUT +TXT +4", timeout=60).reason is ExitReason.MATCH
        assert disk.read_file("OUT.TXT") == b"done"

    assert (tmp_path / "OUT.TXT").read_bytes() == b"done"
