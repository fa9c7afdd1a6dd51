"""Directories as disks: what comes back, and what never leaves or is overwritten."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Disk, DiskError, DiskWarning
from pyx86emu.pc.disks import hostdir
from pyx86emu.pc.disks.fat import DIRECTORY, ENTRY, Volume
from pyx86emu.pc.disks.fatmake import OEM
from pyx86emu.pc.disks.hostdir import TEMPORARY
from pyx86emu.pc.disks.sectors import SECTOR

pytestmark = pytest.mark.usefixtures("nothing_stays_open")


def tree(path: Path) -> dict[str, bytes]:
    """All files, whatever a link leads to."""
    return {
        str(each.relative_to(path)): each.read_bytes()
        for each in sorted(path.rglob("*"))
        if each.is_file()
    }


def remove(disk: Disk, path: str) -> None:
    """Delete a file or directory as DOS does."""
    sector, at = Volume(disk).entries[path].at
    data = bytearray(disk.read(sector, 1))
    data[at] = 0xE5
    disk.write(sector, data)


def rename(disk: Disk, path: str, name: bytes) -> None:
    """Write any 11 bytes as the name."""
    sector, at = Volume(disk).entries[path].at
    data = bytearray(disk.read(sector, 1))
    data[at : at + 11] = name
    disk.write(sector, data)


def saying(text: str) -> Any:
    return pytest.warns(DiskWarning, match=text)


# -- back -----------------------------------------------------------------------------------------


def test_without_write_back_nothing_is_written(directory: Path) -> None:
    before = tree(directory)

    with Disk.from_directory(directory) as disk:
        disk.write_file("NEW.TXT", b"new")
        disk.flush()

    assert tree(directory) == before


def test_changed_and_new_files_go_back(directory: Path) -> None:
    old = (directory / "SUB" / "b.bin").stat()
    with Disk(f"fat:{directory}", write_back=True) as disk:
        disk.write_file("README.TXT", b"changed")
        disk.write_file("SUB/NEW.DAT", b"1" * 5000)
        disk.write_file("A/B/C.TXT", b"deep")

        disk.commit()
        assert disk.changed == 0
        assert (directory / "readme.txt").read_bytes() == b"changed"
        disk.write_file("README.TXT", b"again")

    assert tree(directory) == {
        "A/B/C.TXT": b"deep",
        "SUB/NEW.DAT": b"1" * 5000,
        "SUB/b.bin": bytes(range(256)) * 20,
        "readme.txt": b"again",
    }
    assert (directory / "SUB" / "b.bin").stat().st_mtime_ns == old.st_mtime_ns
    assert (directory / "SUB" / "b.bin").stat().st_ino == old.st_ino


def test_a_flush_of_the_guest_writes_nothing_to_the_host(directory: Path) -> None:
    with Disk.from_directory(directory, write_back=True) as disk:
        disk.write_file("NEW", b"")
        disk.flush()
        assert not (directory / "NEW").exists()
    assert (directory / "NEW").exists()


def test_the_mode_of_a_file_stays(directory: Path) -> None:
    (directory / "readme.txt").chmod(0o600)

    with Disk.from_directory(directory, write_back=True) as disk:
        disk.write_file("README.TXT", b"x")

    assert (directory / "readme.txt").stat().st_mode & 0o777 == 0o600


def test_given_up_changes_do_not_go_back(directory: Path) -> None:
    before = tree(directory)
    disk = Disk.from_directory(directory, write_back=True)
    disk.write_file("NEW", b"")

    disk.close(discard=True)

    assert tree(directory) == before


def test_files_are_deleted_only_where_that_was_asked_for(directory: Path) -> None:
    with Disk.from_directory(directory, write_back=True) as disk:
        remove(disk, "README.TXT")
        with saying("readme.txt was deleted on the disk: it stays, delete=True removes it"):
            disk.commit()
        assert (directory / "readme.txt").exists()

    with Disk.from_directory(directory, write_back=True, delete=True) as disk:
        remove(disk, "README.TXT")
        remove(disk, "EMPTY")
    assert sorted(path.name for path in directory.iterdir()) == ["SUB"]

    with Disk.from_directory(directory, write_back=True, delete=True) as disk:
        remove(disk, "SUB")
        (directory / "SUB" / "kept").touch()
        with saying("SUB is not deleted: Directory not empty"):
            disk.commit()
    assert tree(directory) == {"SUB/kept": b""}


CHANGES: dict[str, Callable[[Path], object]] = {
    "written": lambda path: path.write_bytes(b"host"),
    "written with the same size and time": lambda path: (
        (status := path.stat()),
        path.write_bytes(b"HELLO\r\n"),
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns)),
    ),
    "replaced": lambda path: (
        path.with_name("x").write_bytes(b"h"),
        path.with_name("x").rename(path),
    ),
    "removed": lambda path: path.unlink(),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
    "a link": lambda path: (path.unlink(), path.symlink_to(path.parent.parent / "outside")),
    "a FIFO": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("deleted", [False, True])
def test_a_file_that_was_changed_on_the_host_since_is_left_alone(
    directory: Path, tmp_path: Path, change: str, deleted: bool
) -> None:
    (tmp_path / "outside").write_bytes(b"outside")
    disk = Disk.from_directory(directory, write_back=True, delete=deleted)
    CHANGES[change](directory / "readme.txt")
    before = {
        str(p): p.lstat() for p in (directory / "readme.txt",) if p.is_symlink() or p.exists()
    }
    if deleted:
        remove(disk, "README.TXT")
    else:
        disk.write_file("README.TXT", b"guest")

    if deleted and change == "removed":
        disk.close()
    else:
        with saying("readme.txt is not (written back|deleted): it was changed on the host since"):
            disk.close()

    assert {path: os.lstat(path) for path in before} == before
    assert (tmp_path / "outside").read_bytes() == b"outside"
    assert not any(name.startswith(TEMPORARY) for name in os.listdir(directory))


def test_a_new_file_does_not_replace_one_of_the_host(directory: Path) -> None:
    with Disk.from_directory(directory, write_back=True) as disk:
        disk.write_file("NEW.TXT", b"guest")
        disk.write_file("NEWDIR/A", b"guest")
        (directory / "new.txt").write_bytes(b"host")
        (directory / "newdir").mkdir()
        with saying("NEW.TXT is not written back: the host has new.txt since"):
            disk.commit()
        assert any("NEWDIR is there on the host" in note for note in disk.notes)
        assert any("NEWDIR/A is not written back" in note for note in disk.notes)

    assert (directory / "new.txt").read_bytes() == b"host"
    assert not list((directory / "newdir").iterdir())
    assert not (directory / "NEWDIR").exists()


def test_a_file_that_appears_at_the_last_moment_is_not_replaced(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    same_name = hostdir.HostDirectory._same_name

    def then_another(self: hostdir.HostDirectory, fd: int, name: str) -> str | None:
        found = same_name(self, fd, name)
        (directory / "NEW").write_bytes(b"host")
        return found

    monkeypatch.setattr(hostdir.HostDirectory, "_same_name", then_another)
    with Disk.from_directory(directory, write_back=True) as disk:
        disk.write_file("NEW", b"guest")
        with saying("NEW is not written back: it was changed on the host since"):
            disk.commit()

    assert (directory / "NEW").read_bytes() == b"host"


def test_a_directory_that_becomes_a_link_is_not_followed(directory: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "b.bin").write_bytes(bytes(range(256)) * 20)
    with Disk.from_directory(directory, write_back=True, delete=True) as disk:
        disk.write_file("SUB/B.BIN", b"guest")
        disk.write_file("SUB/NEW", b"guest")
        (directory / "SUB").rename(tmp_path / "moved")
        (directory / "SUB").symlink_to(outside)
        with saying("SUB/b.bin is not written back: its directory on the host is gone"):
            disk.commit()

    assert tree(outside) == {"b.bin": bytes(range(256)) * 20}


def test_the_directory_is_the_one_that_was_opened(directory: Path, tmp_path: Path) -> None:
    with Disk.from_directory(directory, write_back=True) as disk:
        directory.rename(tmp_path / "moved")
        directory.mkdir()
        disk.write_file("NEW", b"x")

    assert list(directory.iterdir()) == []
    assert (tmp_path / "moved" / "NEW").read_bytes() == b"x"


# -- hostile guests -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        b"../../ET   ",
        b"..         ",
        b"A/B     TXT",
        b"A\0B     TXT",
        b"A\\B     TXT",
        b"\0          ",
        b"NUL        ",
        b"CON     TXT",
        b"a       txt",
        b"\x8e       TXT",
        b"A B     TXT",
        b"A.B     TXT",
        b".       TXT",
        b"        TXT",
        b"\x05       TXT",
        b"\xff" * 11,
    ],
)
@pytest.mark.parametrize("path", ["X.TXT", "SUB/X.TXT", "XDIR"])
def test_only_8_3_names_leave(directory: Path, tmp_path: Path, name: bytes, path: str) -> None:
    before = {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiskWarning)
        with Disk.from_directory(directory, write_back=True, delete=False) as disk:
            if path == "XDIR":
                disk.write_file("XDIR/A", b"x")
            else:
                disk.write_file(path, b"x")
            rename(disk, path, name)

    assert {each: each.read_bytes() for each in tmp_path.rglob("*") if each.is_file()} == before


def test_a_damaged_file_system_writes_nothing_and_can_be_given_up(directory: Path) -> None:
    before = tree(directory)
    disk = Disk.from_directory(directory, write_back=True, delete=True)
    disk.write_file("NEW", bytes(2000))
    first = Volume(disk).entries["NEW"].chain[0]
    volume = Volume(disk)
    volume._set(first + 1, first)
    volume.flush()

    for attempt in (disk.commit, disk.close):
        with pytest.raises(DiskError, match="damaged: NEW runs in a loop"):
            attempt()
    assert disk.changed

    disk.close(discard=True)
    assert tree(directory) == before


def test_a_directory_in_itself_is_an_error(directory: Path) -> None:
    with Disk.from_directory(directory) as disk:
        sub = Volume(disk).entries["SUB"]
        data = bytearray(disk.read(Volume(disk)._lba(sub.chain[0]), 1))
        entry = b"LOOP       " + bytes([DIRECTORY]) + bytes(14) + sub.chain[0].to_bytes(2, "little")
        data[3 * ENTRY : 4 * ENTRY] = entry.ljust(ENTRY, b"\0")
        disk.write(Volume(disk)._lba(sub.chain[0]), data)

        with pytest.raises(DiskError, match="SUB/LOOP shares a cluster"):
            disk.files()


# -- a host that fails ----------------------------------------------------------------------------


@pytest.mark.parametrize("there", [False, True])
def test_a_host_without_hard_links_does(
    directory: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    def refuse(*args: object, **options: object) -> None:
        if there:
            (directory / "NEW").write_bytes(b"host")
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("os.link", refuse)
    disk = Disk.from_directory(directory, write_back=True)
    disk.write_file("NEW", b"guest")
    if there:
        with saying("NEW is not written back: it was changed on the host since"):
            disk.close()
    else:
        disk.close()

    assert (directory / "NEW").read_bytes() == (b"host" if there else b"guest")
    assert not any(name.startswith(TEMPORARY) for name in os.listdir(directory))


@pytest.mark.parametrize("step", ["fsync", "rename", "fchmod"])
def test_a_host_that_fails_leaves_the_old_file_and_can_be_tried_again(
    directory: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = tree(directory)
    disk = Disk.from_directory(directory, write_back=True)
    disk.write_file("README.TXT", b"guest")
    with monkeypatch.context() as patch:
        patch.setattr(f"os.{step}", fail)
        with pytest.raises(OSError, match="No space left"):
            disk.close()
    assert tree(directory) == before
    assert disk.changed

    disk.close()

    assert (directory / "readme.txt").read_bytes() == b"guest"


def test_a_file_that_cannot_be_read_is_named(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if path == "b.bin":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return opened(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(PermissionError) as error:
        Disk.from_directory(directory)

    assert error.value.filename == f"{directory}/SUB/b.bin"


# -- any tree -------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "B", "c.txt", "12345678.abc", "D.E"])
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=3000), max_size=8
)


@settings(max_examples=40, deadline=None)
@given(before=TREES, changes=TREES, kind=st.sampled_from(["floppy", "hd"]))
def test_any_tree_goes_in_and_comes_back(
    before: dict[str, bytes], changes: dict[str, bytes], kind: Any
) -> None:
    with TemporaryDirectory() as name:
        path = Path(name)
        for each, data in before.items():
            try:
                (path / each).parent.mkdir(parents=True, exist_ok=True)
                (path / each).write_bytes(data)
            except (NotADirectoryError, IsADirectoryError, FileExistsError):
                continue
        model = {each.upper(): data for each, data in tree(path).items()}
        with Disk.from_directory(path, kind=kind, write_back=True) as disk:
            assert {each: disk.read_file(each) for each in disk.files()} == model
            for each, data in changes.items():
                try:
                    disk.write_file(each, data)
                except DiskError:
                    continue  # a directory there
                model[each.upper()] = data

        assert {each.upper(): data for each, data in tree(path).items()} == model


def test_a_warning_that_is_an_error_leaves_nothing_open(directory: Path) -> None:
    (directory / "link").symlink_to("x")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DiskWarning, match="link is a link"):
            Disk.from_directory(directory)


# -- as a disk of a machine -----------------------------------------------------------------------


def test_a_disk_of_a_directory_says_why_it_does_not_boot(directory: Path) -> None:
    with Disk.from_directory(directory) as disk:
        assert disk.boot_problem == "it was made of a directory and has no system"
        assert disk.read(0)[3:11] == OEM
        disk.write(0, b"\xeb\xfe".ljust(SECTOR, b"\x90"))
        assert disk.boot_problem is None


def test_a_directory_that_was_forgotten_is_closed_with_a_warning(directory: Path) -> None:
    disk = Disk.from_directory(directory, write_back=True)
    disk.write_file("NEW", b"")

    with pytest.warns(ResourceWarning, match="unclosed <Disk fat:.* changed sectors lost: 1"):
        del disk

    assert not (directory / "NEW").exists()
