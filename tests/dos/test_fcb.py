"""File control blocks: open, read, write, search, delete and rename, as programs of DOS 1 do it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dos.calling import Caller
from tests.harness import descriptors

FCB, DTA = 0x280, 0x1000
OPEN, CLOSE, FIRST, NEXT, DELETE, READ, WRITE, CREATE, RENAME = (
    0x0F, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
)  # fmt: skip
READ_RANDOM, WRITE_RANDOM, SIZE, SET_RANDOM, READ_BLOCK, WRITE_BLOCK = (
    0x21, 0x22, 0x23, 0x24, 0x27, 0x28,
)  # fmt: skip


class Fcbs(Caller):
    """A caller with an FCB and a DTA."""

    def name(self, name: bytes, *, drive: int = 0, attributes: int | None = None) -> None:
        """A new FCB with a name of 11 characters, extended if it has attributes."""
        head = b"" if attributes is None else bytes([0xFF, 0, 0, 0, 0, 0, attributes])
        self.put(FCB, (head + bytes([drive]) + name.ljust(11)).ljust(44, b"\0"))

    def al(self, function: int, **registers: int) -> int:
        """A call for the FCB; AL."""
        self.call(0x1A, dx=DTA)
        return self.call(function, dx=FCB, **registers) & 0xFF

    def word(self, at: int, size: int = 2) -> int:
        """A number in the FCB."""
        return int.from_bytes(self.get(FCB + at, size), "little")

    def found(self, pattern: bytes, **options: int) -> list[str]:
        """The names that a search finds."""
        self.name(pattern, **options)
        names, al = [], self.al(FIRST)
        at = DTA + (8 if "attributes" in options else 1)
        while al == 0:
            names.append(self.get(at, 11).decode())
            al = self.al(NEXT)
        assert al == 0xFF
        return names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(bytes(range(200)))
    (tmp_path / "b.txt").write_bytes(b"b")
    (tmp_path / "c.dat").write_bytes(b"")
    (tmp_path / "sub").mkdir()
    return tmp_path


def test_a_file_is_read_by_records_and_the_last_one_is_filled_with_zeros(root: Path) -> None:
    with Fcbs(root=root) as c:
        c.name(b"A       TXT")
        assert c.al(OPEN) == 0
        assert (c.word(0, 1), c.word(0x0E), c.word(0x10, 4)) == (3, 128, 200)

        assert c.al(READ) == 0
        assert c.get(DTA, 128) == bytes(range(128))
        assert c.al(READ) == 3
        assert c.get(DTA, 128) == bytes(range(128, 200)) + bytes(56)
        assert c.al(READ) == 1
        assert c.word(0x20, 1) == 2
        assert c.al(CLOSE) == 0


@pytest.mark.parametrize("size", [16, 100])
def test_random_records_and_blocks_are_found(root: Path, size: int) -> None:
    with Fcbs(root=root) as c:
        c.name(b"A       TXT")
        c.al(OPEN)
        c.put(FCB + 0x0E, size.to_bytes(2, "little"))
        c.put(FCB + 0x21, b"\1\0\0" + (b"\0" if size < 64 else b"\xee"))

        assert c.al(READ_RANDOM) == 0
        assert c.get(DTA, 16) == bytes(range(size, size + 16))
        assert (c.word(0x21, 3), c.word(0x20, 1)) == (1, 1)
        assert c.al(READ_BLOCK, cx=20) == (3 if size == 16 else 1)
        assert c.regs.cx == (12 if size == 16 else 1)
        assert c.al(SIZE) == 0
        assert c.word(0x21, 3) == (13 if size == 16 else 2)
        assert c.al(READ_BLOCK, cx=1) == 1
        assert c.regs.cx == 0
        c.put(FCB + 0x0C, b"\2\0")
        c.put(FCB + 0x20, b"\5")
        c.al(SET_RANDOM)
        assert c.word(0x21, 3) == 261


def test_a_block_that_does_not_fit_into_the_segment_is_cut(root: Path) -> None:
    with Fcbs(root=root) as c:
        c.name(b"A       TXT")
        c.al(OPEN)
        own = c.regs.ds
        c.call(0x1A, ds=own + 0x1000, dx=0x10000 - 128)  # room for one record

        assert c.call(READ_BLOCK, ds=own, dx=FCB, cx=2) & 0xFF == 2
        assert c.regs.cx == 1
        c.call(0x1A, ds=own + 0x1000, dx=0x10000 - 127)
        assert c.call(READ, ds=own, dx=FCB) & 0xFF == 2


def test_a_file_is_created_written_and_cut(root: Path) -> None:
    with Fcbs(root=root, write=True) as c:
        c.name(b"NEW     DAT")
        assert c.al(CREATE) == 0
        c.put(DTA, b"x" * 128)
        assert c.al(WRITE) == 0
        assert c.word(0x10, 4) == 128
        c.put(DTA, b"y" * 256)
        c.put(FCB + 0x21, b"\2\0\0")
        assert c.al(WRITE_BLOCK, cx=2) == 0
        assert (c.word(0x21, 3), c.word(0x10, 4)) == (4, 512)
        assert (root / "NEW.DAT").read_bytes() == b"x" * 128 + bytes(128) + b"y" * 256
        assert c.al(WRITE_RANDOM) == 0
        assert (root / "NEW.DAT").stat().st_size == 640

        c.put(FCB + 0x21, b"\1\0\0")
        assert c.al(WRITE_BLOCK, cx=0) == 0
        assert (root / "NEW.DAT").read_bytes() == b"x" * 128
        c.al(CLOSE)
        c.name(b"NEW     DAT")
        assert c.al(CREATE) == 0
        assert (root / "NEW.DAT").read_bytes() == b""


def test_a_search_finds_files_and_with_an_extended_fcb_directories(root: Path) -> None:
    with Fcbs(root=root) as c:
        assert c.found(b"????????TXT") == ["A       TXT", "B       TXT"]
        assert c.found(b"???????????") == [
            *("A       TXT", "B       TXT", "C       DAT", "PROGRAM COM"),
        ]
        assert c.found(b"SU?", attributes=0x10) == ["SUB        "]
        assert c.get(DTA, 8) == bytes([0xFF, 0, 0, 0, 0, 0, 0x10, 3])
        assert c.found(b"???????????", attributes=0x08) == []
        assert c.found(b"NONE") == []


def test_deleting_and_renaming_take_patterns(root: Path) -> None:
    with Fcbs(root=root, write=True) as c:
        c.name(b"????????TXT")
        c.put(FCB + 0x11, b"?Z      OLD")
        assert c.al(RENAME) == 0
        assert sorted(each.name for each in root.iterdir()) == ["AZ.OLD", "BZ.OLD", "c.dat", "sub"]
        c.put(FCB + 0x11, b"C       DAT")
        assert c.al(RENAME) == 0xFF  # none of these
        c.name(b"????????OLD")
        assert c.al(DELETE) == 0
        assert c.al(DELETE) == 0xFF
        c.name(b"SUB")
        assert c.al(DELETE) == 0xFF
        assert sorted(each.name for each in root.iterdir()) == ["c.dat", "sub"]


@pytest.mark.parametrize(
    "name",
    [
        b"..\\SECR TXT", b"../SECRETXT", b"..", b"/ETC", b"C:A", b"A*      TXT", b"", b"\0" * 11,
        b"A       ?  ", b"LINK", b"SUB",
    ],
)  # fmt: skip
@pytest.mark.parametrize("function", [OPEN, CREATE, DELETE, RENAME, READ, WRITE, SIZE])
def test_what_is_no_file_of_the_directory_is_refused(
    root: Path, name: bytes, function: int
) -> None:
    inner = root / "sub"
    (inner / "sub").mkdir()
    (inner / "LINK").symlink_to(root / "a.txt")
    before = sorted(each.name for each in (*root.iterdir(), *inner.iterdir()))

    with Fcbs(root=inner, write=True) as c:
        c.name(name)
        c.put(FCB + 0x11, b"NEW     X/Y")

        assert c.al(function) in (1, 0xFF)

    assert sorted(each.name for each in (*root.iterdir(), *inner.iterdir())) == before


def test_another_drive_is_refused(root: Path) -> None:
    with Fcbs(root=root, write=True) as c:
        c.name(b"A       TXT", drive=1)
        for function in (OPEN, CLOSE, FIRST, DELETE, CREATE, RENAME, SIZE):
            assert c.al(function) == 0xFF
        assert c.al(READ) == 1


def test_without_write_nothing_changes(root: Path) -> None:
    with Fcbs(root=root) as c:
        c.name(b"A       TXT")
        assert c.al(OPEN) == 0
        assert (c.al(READ), c.al(WRITE), c.al(WRITE_BLOCK, cx=0)) == (0, 1, 1)
        assert (c.al(CREATE), c.al(DELETE)) == (0xFF, 0xFF)

    assert (root / "a.txt").read_bytes() == bytes(range(200))


def test_many_files_need_few_descriptors(root: Path) -> None:
    for number in range(40):
        (root / f"f{number}").write_bytes(bytes([number]))

    with Fcbs(root=root) as c:
        before = descriptors()
        for number in range(40):
            c.name(b"F%d" % number)
            assert c.al(OPEN) == 0
        assert descriptors() <= before + 16
        for number in range(40):
            c.name(b"F%d" % number)
            assert c.al(READ) == 3
            assert c.get(DTA, 1) == bytes([number])


def test_a_device_is_written_and_read_as_a_file(root: Path) -> None:
    with Fcbs(root=root, stdin=b"typed\n") as c:
        c.name(b"CON")
        assert c.al(OPEN) == 0
        c.put(FCB + 0x0E, b"\5\0")
        c.put(DTA, b"hello")
        assert c.al(WRITE) == 0
        assert c.al(READ) == 0
        assert c.get(DTA, 5) == b"typed"

        assert c.dos.output == b"hello"


def test_a_state_goes_on_in_the_middle_of_a_file_and_of_a_search(root: Path) -> None:
    with Fcbs(root=root) as c:
        c.name(b"A       TXT")
        c.al(OPEN)
        c.al(READ)
        state = c.dos.machine.save()
        c.al(READ)
        c.dos.machine.restore(state)

        assert c.al(READ) == 3
        assert c.get(DTA, 4) == bytes(range(128, 132))

        c.name(b"????????TXT")
        c.al(FIRST)
        state = c.dos.machine.save()
        c.al(NEXT)
        c.dos.machine.restore(state)
        assert c.al(NEXT) == 0
        assert c.get(DTA + 1, 11) == b"B       TXT"


@pytest.mark.parametrize(
    ("text", "options", "name", "al", "rest"),
    [
        (b"a:x.txt rest", 1, b"\1X       TXT", 0xFF, b" rest"),
        (b" \t;c:*.c", 1, b"\3????????C  ", 1, b""),
        (b";x", 0, b"\0           ", 0, b";x"),
        (b"..\\x", 1, b"\0..         ", 0, b"\\x"),
        (b"longername.text", 1, b"\0LONGERNATEX", 0, b""),
    ],
)
def test_a_name_is_parsed(text: bytes, options: int, name: bytes, al: int, rest: bytes) -> None:
    with Fcbs() as c:
        c.put(0x300, text + b"\r")
        c.put(FCB, b"\xee" * 12)

        got = c.call(0x29, al=options, si=0x300, es=c.regs.ds, di=FCB) & 0xFF

        assert (c.get(FCB, 12), got) == (name, al)
        assert c.get(c.regs.si, len(rest) + 1) == rest + b"\r"
