"""Files: what is below the root can be used, and nothing outside of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pyx86emu import DiskError, Dos, StateError
from tests.dos.calling import PROGRAM, Caller
from tests.harness import descriptors

NOT_FOUND, NO_PATH, DENIED, NO_DRIVE = -2, -3, -5, -15


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with files, and a secret beside it."""
    (tmp_path / "secret.txt").write_text("secret")
    at = tmp_path / "root"
    (at / "sub").mkdir(parents=True)
    (at / "a.txt").write_bytes(b"hello")
    (at / "sub/b.txt").write_bytes(b"inner")
    return at


def test_a_file_is_read_in_any_case_and_by_any_path(root: Path) -> None:
    with Caller(root=root) as c:
        for name in (b"A.TXT", b"c:\\a.txt", b"sub\\..\\a.TXT", b".\\A.txt", b"/a.txt"):
            handle = c.open(name)

            assert c.read(handle) == b"hello", name
            c.call(0x3E, bx=handle)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        (b"..\\secret.txt", NO_PATH),
        (b"sub\\..\\..\\secret.txt", NO_PATH),
        (b"link.txt", NOT_FOUND),
        (b"out\\secret.txt", NO_PATH),
        (b"d:\\a.txt", NO_DRIVE),
        (b"/etc/passwd", NO_PATH),
        (b"fifo", NOT_FOUND),
        (b"sub", DENIED),
        (b"", NOT_FOUND),
        (b"a" * 127, NOT_FOUND),
        (b"x\\" * 63, NO_PATH),
        (b"\xff\xfe.\x01", NOT_FOUND),
        (b"a.txt\\b", NO_PATH),
    ],
)
def test_nothing_outside_of_the_root_is_opened(root: Path, name: bytes, error: int) -> None:
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    (root / "out").symlink_to(root.parent)
    os.mkfifo(root / "fifo")

    with Caller(root=root, write=True) as c:
        assert c.open(name) == error
        assert c.open(name, 2) == error


def test_a_name_that_does_not_end_is_an_error(root: Path) -> None:
    with Caller(root=root) as c:
        c.put(0x200, b"a" * 300)

        assert c.call(0x3D, dx=0x200, al=0) == NO_PATH


def test_a_file_with_a_second_name_is_not_written(root: Path) -> None:
    os.link(root.parent / "secret.txt", root / "hard.txt")

    with Caller(root=root, write=True) as c:
        assert c.open(b"hard.txt", 2) == DENIED
        assert c.create(b"hard.txt") == DENIED

    assert (root.parent / "secret.txt").read_text() == "secret"


def test_creating_through_a_link_is_refused(root: Path) -> None:
    (root / "NEW.TXT").symlink_to(root.parent / "new.txt")

    with Caller(root=root, write=True) as c:
        assert c.create(b"new.txt") < 0
        assert c.call(0x39, b"new.txt") < 0

    assert not (root.parent / "new.txt").exists()


def test_without_write_nothing_changes(root: Path) -> None:
    before = sorted(root.rglob("*"))
    with Caller(root=root) as c:
        c.call(0x56, b"a.txt", es=c.regs.ds, di=0x200)
        answers = [
            c.create(b"new.txt"),
            c.open(b"a.txt", 1),
            c.call(0x41, b"a.txt"),
            c.call(0x39, b"dir"),
            c.call(0x3A, b"sub"),
            c.call(0x43, b"a.txt", al=1, cx=1),
        ]

    assert answers == [DENIED] * 6
    assert sorted(root.rglob("*")) == before
    assert (root / "a.txt").read_bytes() == b"hello"


def test_files_are_created_renamed_and_deleted(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        handle = c.create(b"sub\\new.txt")
        assert c.write(handle, b"0123456789") == 10
        assert c.call(0x42, bx=handle, al=0, cx=0, dx=4) == 4
        assert c.call(0x40, bx=handle, cx=0) == 0
        c.call(0x3E, bx=handle)
        assert (root / "sub/NEW.TXT").read_bytes() == b"0123"

        c.put(0x280, b"sub\\c.txt\0")
        assert c.call(0x56, b"sub\\new.txt", es=c.regs.ds, di=0x280) >= 0
        assert c.names(b"sub\\*.*") == [".", "..", "B.TXT", "C.TXT"]
        assert c.call(0x41, b"sub\\c.txt") >= 0
        assert c.call(0x3A, b"sub") == DENIED  # not empty
        assert c.call(0x41, b"sub\\b.txt") >= 0
        assert c.call(0x3A, b"sub") >= 0

    assert [each.name for each in root.iterdir()] == ["a.txt"]


def test_names_that_are_no_8_3_names_have_aliases(root: Path) -> None:
    for name in ("A.TXT", "long name.html", "long name2.html", ".hidden"):
        (root / name).write_text(name)

    with Caller(root=root) as c:
        names = c.names()
        rest = ["LONGNA~1.HTM", "LONGNA~2.HTM", "PROGRAM.COM", "SUB"]
        assert names == ["A.TXT", "A~1.TXT", *rest]
        assert c.read(c.open(b"longna~2.htm")) == b"long name2.html"
        assert c.read(c.open(b"a.txt")) == b"A.TXT"


def test_devices_are_in_every_directory(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        for name in (b"NUL", b"sub\\nul.txt", b"con", b"prn.x", b"AUX"):
            assert c.create(name) > 0, name
        nul = c.open(b"nul", 2)
        assert c.write(nul, b"gone") == 4
        assert c.read(nul) == b""

    assert sorted(each.name for each in root.iterdir()) == ["a.txt", "sub"]


@pytest.mark.parametrize("name", [b"a*.txt", b"????????.???", b"*"])
def test_a_pattern_is_no_name_of_a_new_file(root: Path, name: bytes) -> None:
    with Caller(root=root, write=True) as c:
        assert c.create(name) == NO_PATH
        assert c.call(0x39, name) < 0
        assert c.call(0x41, name) < 0

    assert sorted(each.name for each in root.iterdir()) == ["a.txt", "sub"]


def test_growth_is_limited(root: Path) -> None:
    with Caller(root=root, write=True, write_limit=8) as c:
        handle = c.create(b"big")

        assert c.write(handle, b"12345") == 5
        assert c.write(handle, b"12345") == 3
        c.call(0x42, bx=handle, al=0, cx=0xFFFF, dx=0)
        assert c.write(handle, b"x") == 0

    assert (root / "BIG").stat().st_size == 8


def test_handles_and_descriptors_are_limited(root: Path) -> None:
    before = descriptors()
    with Caller(root=root) as c:
        handles = []
        while (handle := c.open(b"a.txt")) > 0:
            handles.append(handle)

        assert (len(handles), handle) == (15, -4)
        assert c.call(0x4A, es=c.regs.ds, bx=0x1000) >= 0
        assert c.call(0x67, bx=0xFFFF) >= 0
        while (handle := c.open(b"a.txt")) > 0:
            handles.append(handle)
        assert (len(handles), handle) == (125, -4)

    assert descriptors() == before


def test_without_a_root_there_is_only_the_program() -> None:
    with Caller() as c:
        assert c.names() == ["PROGRAM.COM"]
        assert c.read(c.open(b"program.com")) == PROGRAM
        assert c.open(b"program.com", 2) == DENIED
        assert c.create(b"x") == DENIED


def test_a_root_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = descriptors()

    with pytest.raises(DiskError, match="is no directory"):
        Dos(PROGRAM, root=tmp_path / "file")
    with pytest.raises(FileNotFoundError):
        Dos(PROGRAM, root=tmp_path / "none")

    assert descriptors() == before


def test_open_files_come_back_with_a_state(root: Path) -> None:
    with Caller(root=root) as c:
        handle = c.open(b"a.txt")
        assert c.read(handle, 2) == b"he"
        state = c.dos.machine.save()
        assert c.read(handle, 2) == b"ll"
        c.call(0x3E, bx=handle)

        c.dos.machine.restore(state)

        assert c.read(handle, 9) == b"llo"


def test_a_state_whose_file_is_gone_is_refused(root: Path) -> None:
    with Caller(root=root) as c:
        handle = c.open(b"a.txt")
        state = c.dos.machine.save()
        c.call(0x3E, bx=handle)
        (root / "a.txt").unlink()

        with pytest.raises(StateError, match=r"C:\\A.TXT was open"):
            c.dos.machine.restore(state)
