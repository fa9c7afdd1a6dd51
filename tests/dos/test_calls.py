"""Functions of INT 21h by their descriptions: edges, errors, and what they leave in registers."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pyx86emu import Dos
from tests.dos.calling import Caller

NO_FUNCTION, NOT_FOUND, NO_PATH, DENIED, NO_HANDLE = -1, -2, -3, -5, -6
TRASHED, NO_MEMORY, NO_BLOCK = -7, -8, -9
ACCESS, NO_DRIVE, CURRENT, NO_MORE = -12, -15, -16, -18


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(b"hello")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/b.txt").write_bytes(b"inner")
    return tmp_path


# -- handles ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("handle", [5, 19, 20, 254, 255, 256, 0xFFFF])
def test_a_handle_that_is_not_open_is_error_6(handle: int) -> None:
    with Caller() as c:
        for function in (0x3E, 0x3F, 0x40, 0x42, 0x44, 0x45, 0x46, 0x57, 0x5C, 0x68):
            assert c.call(function, bx=handle, al=0, cx=1, dx=0x400) == NO_HANDLE, hex(function)
        assert c.call(0x46, bx=1, cx=0xFFFF) == NO_HANDLE


def test_a_file_is_read_and_written_as_it_was_opened(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        assert c.open(b"a.txt", 3) == ACCESS
        assert c.open(b"nul", 7) == ACCESS
        only_read, only_write = c.open(b"a.txt", 0), c.open(b"a.txt", 1)
        assert c.write(only_read, b"x") == DENIED
        assert c.call(0x40, bx=only_read, cx=0, dx=0x400) == DENIED
        assert c.call(0x3F, bx=only_write, cx=1, dx=0x400) == DENIED
        assert c.open(b"none.txt", 2) == NOT_FOUND
        assert c.open(b"none\\x.txt", 2) == NO_PATH

    assert (root / "a.txt").read_bytes() == b"hello"


def test_a_write_of_nothing_ends_the_file_at_the_position(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        handle = c.open(b"a.txt", 2)
        for position, wanted in ((2, b"he"), (4, b"he\0\0"), (0, b"")):
            assert c.call(0x42, bx=handle, al=0, cx=0, dx=position) == position
            assert c.call(0x40, bx=handle, cx=0, dx=0x400) == 0
            assert (root / "a.txt").read_bytes() == wanted


def test_a_seek_may_leave_the_file_and_a_write_fills_the_gap_with_zeros(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        handle = c.open(b"a.txt", 2)
        assert c.call(0x42, bx=handle, al=2, cx=0, dx=3) == 8
        assert c.read(handle) == b""
        assert c.write(handle, b"end") == 3
        assert (root / "a.txt").read_bytes() == b"hello\0\0\0end"
        assert c.call(0x42, bx=handle, al=2, cx=0xFFFF, dx=0xFFFF) == 10  # -1
        assert c.read(handle) == b"d"
        assert c.call(0x42, bx=handle, al=0, cx=0xFFFF, dx=0xFFFF) == 0xFFFF
        assert (c.regs.dx, c.read(handle)) == (0xFFFF, b"")
        assert c.write(handle, b"x") == 0  # a file of DOS ends before
        assert c.call(0x42, bx=handle, al=3, cx=0, dx=0) == NO_FUNCTION


def test_a_second_handle_has_the_same_position_and_lives_longer(root: Path) -> None:
    with Caller(root=root) as c:
        handle = c.open(b"a.txt")
        second = c.call(0x45, bx=handle)
        assert c.read(handle, 2) == b"he"
        assert c.call(0x3E, bx=handle) >= 0
        assert c.read(second, 2) == b"ll"
        other = c.open(b"sub\\b.txt")
        assert c.call(0x46, bx=second, cx=other) >= 0
        assert c.call(0x46, bx=second, cx=second) >= 0
        assert c.read(other) == b"o"
        assert len(c.dos.kernel.handles.open) == 4


def test_what_a_handle_is_says_its_information_word(root: Path) -> None:
    words = {b"con": 0x80D3, b"nul": 0x8084, b"aux": 0x80C0, b"prn": 0xA0C0, b"a.txt": 0x0042}
    with Caller(root=root, write=True) as c:
        for name, word in words.items():
            handle = c.open(name, 2)
            c.call(0x44, bx=handle, al=0)
            assert c.regs.dx == word, name
        c.write(handle, b"J")
        c.call(0x44, bx=handle, al=0)
        assert c.regs.dx == 0x0002
        assert c.call(0x44, bx=handle, al=1, dx=0x20) == NO_FUNCTION
        assert c.call(0x44, bx=0, al=1, dx=0x1A0) == NO_FUNCTION
        assert c.call(0x44, bx=0, al=1, dx=0xA0) >= 0
        c.call(0x44, bx=1, al=0)
        assert c.regs.dx == 0x80F3  # handles 0 and 1 are one device
        assert c.call(0x44, bx=handle, al=6) & 0xFF == 0xFF
        c.call(0x42, bx=handle, al=2, cx=0, dx=0)
        assert c.call(0x44, bx=handle, al=6) & 0xFF == 0
        assert c.call(0x44, bx=3, al=8) == 1
        assert c.call(0x44, bx=1, al=8) == NO_DRIVE
        assert c.call(0x44, bx=handle, al=0x0B, cx=1, dx=1) >= 0
        assert c.call(0x44, bx=handle, al=2) == NO_FUNCTION
        assert "AH=44h AL=02h" in c.dos.kernel.notes[0]


def test_a_full_disk_is_a_short_write(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with Caller(root=root, write=True, write_limit=10) as c:
        handle = c.open(b"a.txt", 2)
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            assert c.write(handle, b"12345678") == 0
        c.call(0x42, bx=handle, al=0, cx=0, dx=100)
        assert c.write(handle, b"x") == 0  # 96 bytes, and 10 is the most
        c.call(0x42, bx=handle, al=0, cx=0, dx=0)
        assert c.write(handle, b"12345") == 5


def test_a_read_only_file_is_not_written_by_root_either(root: Path) -> None:
    (root / "a.txt").chmod(0o444)

    with Caller(root=root, write=True) as c:
        assert (c.open(b"a.txt", 0), c.open(b"a.txt", 1), c.open(b"a.txt", 2)) == (5, -5, -5)
        assert (c.create(b"a.txt"), c.call(0x41, b"a.txt")) == (DENIED, DENIED)
        assert c.call(0x43, b"a.txt", al=1, cx=0x20) >= 0
        assert c.open(b"a.txt", 2) == 6
        new = c.call(0x3C, b"new.txt", cx=1)
        assert c.write(new, b"x") == 1
        assert c.open(b"new.txt", 2) == DENIED


def test_attributes_and_date_of_a_file_with_a_second_name_stay(root: Path) -> None:
    os.link(root / "a.txt", root.parent / f"{root.name}-outside")
    before = (root / "a.txt").stat()

    with Caller(root=root, write=True) as c:
        assert c.call(0x43, b"a.txt", al=1, cx=1) == DENIED
        handle = c.open(b"a.txt")
        assert c.call(0x57, bx=handle, al=1, cx=0, dx=0x2921) == DENIED

    after = (root / "a.txt").stat()
    assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime)


def test_dates_that_are_none_are_refused(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        handle = c.open(b"a.txt")
        assert c.call(0x57, bx=handle, al=1, cx=0, dx=0) == NO_FUNCTION
        assert c.call(0x57, bx=handle, al=1, cx=0x6000, dx=0x2921) >= 0
        assert c.call(0x57, bx=handle, al=0) >= 0
        assert (c.regs.cx, c.regs.dx) == (0x6000, 0x2921)
        assert c.call(0x57, bx=handle, al=2) == NO_FUNCTION
        c.call(0x2D, ch=1, cl=0, dh=0, dl=100)
        assert c.regs.al == 0xFF


# -- directories -----------------------------------------------------------------------------------


def test_directories_are_made_and_removed_as_they_can_be(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        assert c.call(0x39, b"sub") == DENIED
        assert c.call(0x39, b"none\\new") == NO_PATH
        assert c.call(0x39, b"new*") == NO_PATH
        assert c.call(0x39, b"con") == DENIED
        assert c.call(0x3A, b"sub") == DENIED
        assert c.call(0x3A, b"none") == NO_PATH
        assert c.call(0x3A, b"a.txt") == NO_PATH
        assert c.call(0x3A, b"\\") == CURRENT
        assert c.call(0x3B, b"sub") >= 0
        assert c.call(0x3A, b"\\sub") == CURRENT
        assert c.call(0x3A, b"..") == DENIED
        assert c.call(0x39, b"inner") >= 0
        assert c.call(0x3A, b"\\sub\\inner") >= 0
        assert c.call(0x47, dl=0, si=0x300) >= 0
        assert c.get(0x300, 4) == b"SUB\0"
        assert c.call(0x47, dl=1, si=0x300) == NO_DRIVE


def test_a_path_of_a_directory_has_66_characters(root: Path) -> None:
    with Caller(root=root, write=True) as c:
        for _ in range(7):
            assert c.call(0x39, b"12345678") >= 0
            assert c.call(0x3B, b"12345678") >= 0
        assert c.call(0x39, b"1") == NO_PATH
        c.call(0x47, dl=0, si=0x300)
        assert len(c.get(0x300, 64).partition(b"\0")[0]) == 62


def test_drives_other_than_c_are_refused() -> None:
    with Caller() as c:
        assert c.call(0x0E, dl=0) & 0xFF == 5
        assert c.call(0x19) & 0xFF == 2
        assert c.call(0x36, dl=1) == 0xFFFF
        assert c.call(0x36, dl=3) == 64
        assert c.regs.cx == 512


def test_a_search_says_what_it_found(root: Path) -> None:
    os.utime(root / "a.txt", (1e9, 1e9))

    with Caller(root=root) as c:
        c.call(0x1A, dx=0x300)
        assert c.call(0x4E, b"A.TXT", cx=0) == 0
        assert c.get(0x315, 9).hex() == "20d40d292b05000000"
        assert c.call(0x4F) == NO_MORE
        assert c.call(0x4E, b"none.txt", cx=0) == NOT_FOUND
        assert c.call(0x4E, b"none.*", cx=0) == NO_MORE
        assert c.call(0x4E, b"none\\*.*", cx=0) == NO_PATH
        assert c.call(0x4E, b"sub", cx=0) == NOT_FOUND
        assert c.call(0x4E, b"sub", cx=0x10) == 0
        assert c.call(0x4E, b"*.*", cx=0x08) == NO_MORE
        assert c.names(b"sub\\*.*") == [".", "..", "B.TXT"]
        assert c.names(b"sub\\*.*", 0) == ["B.TXT"]
        assert c.names(b"?.T*", 0) == ["A.TXT"]
        c.put(0x300, bytes(43))
        assert c.call(0x4F) == NO_MORE


def test_files_are_deleted_while_they_are_searched_with_another_search_between(root: Path) -> None:
    for number in range(10):
        (root / f"sub/f{number}.x").write_bytes(b"")

    with Caller(root=root, write=True) as c:
        c.call(0x1A, dx=0x300)
        end, deleted = c.call(0x4E, b"sub\\*.x", cx=0), 0
        while end >= 0:
            name = c.get(0x31E, 13).partition(b"\0")[0]
            assert c.call(0x41, b"sub\\" + name) >= 0
            deleted += 1
            c.call(0x1A, dx=0x340)
            assert c.call(0x4E, b"*.txt", cx=0) == 0
            assert c.call(0x4E, b"sub\\b.*", cx=0) == 0
            c.call(0x1A, dx=0x300)
            end = c.call(0x4F)

    assert (end, deleted) == (NO_MORE, 10)


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b"none", b"x", NOT_FOUND),
        (b"a.txt", b"sub\\b.txt", DENIED),
        (b"a.txt", b"a.txt", DENIED),
        (b"a.txt", b"none\\x", NO_PATH),
        (b"a.txt", b"x*", NO_PATH),
        (b"a.txt", b"d:\\x", NO_DRIVE),
        (b"sub", b"sub\\inner", DENIED),
        (b"a.txt", b"nul", DENIED),
    ],
)
def test_a_rename_that_cannot_be_is_refused(root: Path, old: bytes, new: bytes, error: int) -> None:
    with Caller(root=root, write=True) as c:
        c.put(0x280, new + b"\0")

        assert c.call(0x56, old, es=c.regs.ds, di=0x280) == error


# -- memory ----------------------------------------------------------------------------------------


def test_memory_blocks_are_cut_joined_and_chosen() -> None:
    with Caller() as c:
        assert c.call(0x4A, es=c.regs.ds, bx=0x1000) >= 0
        holes = [c.call(0x48, bx=size) for size in (8, 1, 4, 1, 0, 1)]
        assert holes == [holes[0] + at for at in (0, 9, 11, 16, 18, 19)]
        for at in (0, 2):
            assert c.call(0x49, es=holes[at]) >= 0
        assert c.call(0x48, bx=3) == holes[0]  # the first that fits
        c.call(0x49, es=holes[0])
        assert c.call(0x58, al=1, bx=1) >= 0
        assert c.call(0x48, bx=3) == holes[2]  # the best
        c.call(0x49, es=holes[2])
        assert c.call(0x58, al=1, bx=2) >= 0
        top = c.call(0x48, bx=3)
        assert top == 0x9FFD - 0  # the last
        assert c.call(0x58, al=0) == 2
        assert c.call(0x58, al=1, bx=3) == NO_FUNCTION
        c.call(0x58, al=1, bx=0)
        for at in (1, 3, 4, 5):
            c.call(0x49, es=holes[at])
        assert c.call(0x48, bx=20) == holes[0]  # all of them are one block
        assert c.call(0x49, es=holes[2]) == NO_BLOCK
        assert c.call(0x4A, es=holes[0], bx=0xFFFF) == NO_MEMORY
        assert c.regs.bx == top - holes[0] - 1
        assert c.call(0x48, bx=0xFFFF) == NO_MEMORY
        assert c.regs.bx == 0


@pytest.mark.parametrize("head", ["4d0000ffff", "000000ffff", "4d00000000", "4d0100", "5b0800"])
def test_a_broken_chain_is_error_7_and_the_program_can_end(head: str) -> None:
    with Caller() as c:
        own = c.regs.ds
        c.call(0x4A, es=own, bx=0x1000)
        c.put(0x10000, bytes.fromhex(head).ljust(16, b"\0") + bytes(16))

        for function, at in ((0x48, own), (0x49, 0x1234), (0x4A, own + 0x1001), (0x4A, 0)):
            assert c.call(function, bx=0x1100, es=at) == TRASHED, hex(function)
        c.put(0x101, bytes.fromhex("b44c cd21"))
        c.regs.ip = 0x101
        c.dos.machine.run(timeout=1)

        assert c.dos.kernel.ended is not None
        assert "overwritten the memory control blocks" in c.dos.kernel.notes[0]


@pytest.mark.parametrize(("asked", "kept"), [(0, 6), (6, 6), (0x20, 0x20), (0x1000, 0x1000)])
def test_a_resident_program_keeps_what_it_says(asked: int, kept: int) -> None:
    code = b"\xb8\x00\x31\xba" + asked.to_bytes(2, "little") + b"\xcd\x21"
    with Dos(code) as dos:
        psp = dos.machine.vcpu.regs.ds
        assert dos.run(timeout=1).how == "resident"

        assert [each.size for each in dos.kernel.arena.walk() if each.at + 1 == psp] == [kept]


# -- programs --------------------------------------------------------------------------------------


def test_overlays_and_programs_that_are_only_loaded(root: Path) -> None:
    (root / "child.com").write_bytes(bytes.fromhex("b8054c cd21"))

    with Caller(root=root) as c:
        own = c.regs.ds
        c.call(0x4A, es=own, bx=0x1000)
        place = c.call(0x48, bx=0x100)
        c.put(0x280, place.to_bytes(2, "little") + b"\0\0")
        assert c.call(0x4B, b"child.com", al=3, es=own, bx=0x280) >= 0
        assert c.dos.machine.vm.read(place << 4, 5) == bytes.fromhex("b8054ccd21")

        c.put(0x280, bytes([0, 0, 0x70, 2]) + own.to_bytes(2, "little") + bytes(20))
        c.put(0x270, b"\0\r")
        assert c.call(0x4B, b"child.com", al=1, es=own, bx=0x280) >= 0
        sp, ss, ip, cs = (int.from_bytes(c.get(at, 2), "little") for at in range(0x28E, 0x296, 2))
        assert (sp, ip, ss) == (0xFFFC, 0x100, cs)
        c.call(0x62)
        assert c.regs.bx == cs


def test_a_program_that_cannot_be_started_is_an_error(root: Path) -> None:
    (root / "bad.exe").write_bytes(b"MZ" + bytes(26))
    (root / "large.com").write_bytes(bytes(65_300))
    (root / "a.com").write_bytes(b"\xc3")

    with Caller(root=root) as c:
        own = c.regs.ds
        c.call(0x4A, es=own, bx=0x1000)
        c.put(0x280, bytes(14))
        errors = {b"none.com": -2, b"no\\a.com": -3, b"sub": -5, b"bad.exe": -11, b"large.com": -11}
        for name, error in errors.items():
            assert c.call(0x4B, name, al=0, es=own, bx=0x280) == error, name
        assert c.call(0x4B, b"a.com", al=2, es=own, bx=0x280) == NO_FUNCTION
        place = c.call(0x48, bx=0x900)
        c.dos.machine.vm.write(place << 4, b"x" * 0x9000)
        c.put(0x280, place.to_bytes(2, "little") + bytes(12))
        assert c.call(0x4B, b"a.com", al=0, es=own, bx=0x280) == -10  # its environment does not end
        c.call(0x49, es=place)
        c.put(0x280, bytes(14))
        c.call(0x48, bx=0xFFFF)
        c.call(0x48, bx=c.regs.bx)
        assert c.call(0x4B, b"a.com", al=0, es=own, bx=0x280) == NO_MEMORY


@pytest.mark.parametrize(
    ("code", "word"),
    [("b8074ccd21", 7), ("cd23", 0x100), ("b80931ba2000cd21", 0x309), ("31c9f7f1", 0x2FF)],
)
def test_the_parent_learns_how_a_child_ended(root: Path, code: str, word: int) -> None:
    (root / "child.com").write_bytes(bytes.fromhex(code))

    with Caller(root=root) as c:
        c.call(0x4A, es=c.regs.ds, bx=0x1000)
        c.put(0x280, bytes(14))
        assert c.call(0x4B, b"child.com", al=0, es=c.regs.ds, bx=0x280) >= 0
        assert (c.call(0x4D), c.call(0x4D)) == (word, 0)


def test_functions_that_are_not_served_return_as_in_dos() -> None:
    with Caller() as c:
        assert c.call(0x18, al=9) & 0xFF == 0
        assert c.call(0x5E, al=9) == NO_FUNCTION
        c.regs.al = 9
        assert c.call(0x71) == -0x7100
        assert [note.split(", ")[0] for note in c.dos.kernel.notes] == [
            "INT 21h AH=18h AL=09h", "INT 21h AH=5Eh AL=09h", "INT 21h AH=71h AL=09h",
        ]  # fmt: skip


def test_a_function_that_came_by_a_call_is_named_with_its_return() -> None:
    with Dos(bytes.fromhex("b11d 90 e8fffe c3")) as dos:  # mov cl,1Dh; nop; call 5; ret
        psp = dos.machine.vcpu.regs.ds
        notes = dos.run(timeout=1).notes

    assert f"which returns to {psp:04x}:0106" in notes[0]
