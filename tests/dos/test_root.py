"""The root against who attacks it: others change the directory while DOS looks, programs press."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from pyx86emu import Dos
from pyx86emu.dos.files import Root
from tests.dos.calling import Caller
from tests.harness import descriptors

SECRET = b"secret"
Swap = Callable[[Path, Path], None]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file and a directory; secrets of the same names are beside it."""
    for name in ("root", "outside"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "a.txt").write_bytes(SECRET if name == "outside" else b"hello")
        (tmp_path / name / "sub/b.txt").write_bytes(SECRET if name == "outside" else b"inner")
    return tmp_path / "root"


def swapped(monkeypatch: pytest.MonkeyPatch, at: Path, nth: int, swap: Callable[[], None]) -> None:
    """Let somebody change the directory after DOS has read its names for the nth time."""
    names, inode, count = Root._names, at.stat().st_ino, 0

    def read(self: Root, fd: int) -> dict[str, str]:
        nonlocal count
        found = names(self, fd)
        if os.fstat(fd).st_ino == inode:
            count += 1
            if count == nth:
                swap()
        return found

    monkeypatch.setattr(Root, "_names", read)
    monkeypatch.setattr(Root, "_same_names", read)


def link(at: Path, to: Path) -> Callable[[], None]:
    """Replace a name with a link."""

    def swap() -> None:
        if not at.is_symlink():
            at.rename(at.with_name(f"{at.name}-was"))
            at.symlink_to(to)

    return swap


def outside(root: Path) -> list[tuple[str, bytes, int]]:
    """What is beside the root, with what could have changed."""
    files = [each for each in sorted((root.parent / "outside").rglob("*")) if each.is_file()]
    return [(each.name, each.read_bytes(), each.stat().st_mode) for each in files]


@pytest.mark.parametrize(
    "name", [b"a.txt", b"sub\\b.txt"], ids=["the file is swapped", "a directory is swapped"]
)
@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("function", [0x3C, 0x3D, 0x41, 0x43, 0x4B, 0x56, 0x5B, 0x6C])
def test_a_link_that_comes_between_look_and_use_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: bytes, function: int, nth: int
) -> None:
    top = root / name.decode().partition("\\")[0]
    before = outside(root)

    with Caller(root=root, write=True) as c:
        swapped(monkeypatch, root, nth, link(top, root.parent / "outside" / top.name))
        c.put(0x280, name[:-3] + b"new\0" + bytes(16))
        end = c.call(function, name, al=1, bx=2, cx=1, si=0x200, es=c.regs.ds, di=0x280)
        if function in (0x3C, 0x3D, 0x5B, 0x6C) and end >= 0:
            c.write(end, b"x")
            c.call(0x42, bx=end, al=0, cx=0, dx=0)
            c.call(0x3F, bx=end, cx=100, dx=0x400)
            assert SECRET not in c.get(0x400, 100)

    assert outside(root) == before


def test_a_fifo_or_a_socket_does_not_stop_the_run(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swap() -> None:
        (root / "a.txt").unlink()
        os.mkfifo(root / "a.txt")

    with Caller(root=root, write=True) as c:
        for open_ in (lambda: c.open(b"a.txt"), lambda: c.open(b"a.txt", 2)):
            (root / "a.txt").unlink(missing_ok=True)
            (root / "a.txt").write_bytes(b"again")
            swapped(monkeypatch, root, 2, swap)
            assert open_() == -5
        assert c.open(b"a.txt") == -2

    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as listens:
        listens.bind("sock")
        with Caller(root=root) as c:
            assert c.open(b"sock") == -2
            assert "SOCK" not in c.names()


def test_names_that_differ_in_case_are_two_files(root: Path) -> None:
    (root / "A.TXT").write_bytes(b"capital")
    if (root / "a.txt").read_bytes() == b"capital":
        pytest.skip("this file system has one name for both")

    with Caller(root=root, write=True) as c:
        assert c.read(c.open(b"a.txt")) == b"capital"
        assert c.read(c.open(b"a~1.txt")) == b"hello"
        assert c.call(0x41, b"a.txt") >= 0
        assert c.read(c.open(b"a.txt")) == b"hello"  # the other one has the name now
        assert c.names() == ["A.TXT", "PROGRAM.COM", "SUB"]


@pytest.mark.parametrize(
    "name",
    [
        b"a.txt:x", b"a:b", b"::", b"c:c:a.txt", b"\\\\host\\a", b"...", b"....\\a.txt", b".. \\a",
        b"c:..\\..\\a", b"sub/../../a.txt", b"sub\\.\\..\\..\\a", b"\\..", b"con\\a", b"nul\\..\\a",
        b"\x01", b"\x7f\x80", b"a" * 126, b"\\" * 126, b"..\\" * 42, b"a.txt/", b"%2e%2e/a", b"~/a",
        b". ", b"$x/a",
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [0x39, 0x3B, 0x3C, 0x3D, 0x41, 0x43, 0x4E, 0x56, 0x5A, 0x5B])
def test_strange_names_leave_the_outside_alone(root: Path, name: bytes, function: int) -> None:
    before = outside(root), sorted(each.name for each in root.parent.iterdir())

    with Caller(root=root / "sub", write=True) as c:
        c.put(0x290, b"..\\..\\x\0")
        c.call(function, name, al=1, cx=0x10, es=c.regs.ds, di=0x290)

    assert (outside(root), sorted(each.name for each in root.parent.iterdir())) == before
    assert {each.name for each in root.iterdir()} == {"a.txt", "sub"}


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, 39), (errno.EDQUOT, 39), (errno.EROFS, 5), (errno.EMFILE, 4), (errno.EIO, 31)],
)
def test_what_the_host_refuses_is_an_error_of_dos(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    real = os.open

    def refuse(path: str, flags: int, *rest: int, **options: int | None) -> int:
        if flags & os.O_CREAT:
            raise OSError(number, "no")
        return real(path, flags, *rest, **options)  # type: ignore[arg-type]

    with Caller(root=root, write=True) as c:
        monkeypatch.setattr(os, "open", refuse)

        assert c.create(b"new") == -code


def test_nothing_stays_open_when_a_program_fills_its_table_and_ends(root: Path) -> None:
    # mov ax,3D00h; mov dx,10Dh; int 21h; jnc 100h; ret; name
    code = bytes.fromhex("b8003d ba0b01 cd21 73f6 c3") + b"a.txt\0"
    before = descriptors()

    with Dos(code, root=root) as dos:
        assert dos.run(timeout=5).how == "exit"
        assert [each.device for each in dos.kernel.handles.open.values()] == ["CON", "AUX", "PRN"]

    assert descriptors() == before


def test_a_table_of_handles_that_is_nowhere_does_no_harm(root: Path) -> None:
    with Caller(root=root) as c:
        for pointer in (b"\xff\xff\xff\xff", b"\0\0\0\xf0", b"\xf0\xff\0\xa0", b"\0\0\0\xc8"):
            c.put(0x34, pointer)
            c.put(0x32, b"\xff\xff")
            for _ in range(150):
                c.open(b"a.txt")
            for handle in (0, 1, 254, 255, 0xFFFF):
                for function in (0x3E, 0x3F, 0x40, 0x45, 0x46):
                    c.call(function, bx=handle, cx=1, dx=0x400)
        assert len(c.dos.kernel.handles.open) <= 128
