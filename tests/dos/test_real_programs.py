"""DOS programs that others wrote: those in the FreeDOS images of PYX86EMU_GUESTS."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from pyx86emu import Disk, Dos

V86, TINYASM, MEMORIES = "freedos-v86.img", "perf-tinyasm.img", "demo-memories.img"
Read = Callable[[str, str], bytes]


@pytest.fixture
def read(guests: Path) -> Read:
    """A file of an image."""

    def one(image: str, name: str) -> bytes:
        if not (guests / image).exists():
            pytest.skip(f"no {image} in PYX86EMU_GUESTS")
        with Disk(str(guests / image)) as disk:
            return disk.read_file(name)

    return one


def test_nasm_assembles_in_the_guest_what_is_on_its_disk(read: Read, tmp_path: Path) -> None:
    source, wanted = read(V86, "HELLO.ASM"), read(V86, "HELLO.COM")
    (tmp_path / "hello.asm").write_bytes(source)
    words = ["-f", "bin", "-o", "out.com", "hello.asm"]

    with Dos(read(V86, "NASM.EXE"), words, root=tmp_path, write=True) as dos:
        assert dos.run(timeout=60).errorlevel == 0

    assert (tmp_path / "OUT.COM").read_bytes() == wanted
    with Dos(wanted) as dos:
        assert dos.run(timeout=5).text == "Hello, World!"


def test_debug_of_freedos_reads_its_commands_from_standard_input(read: Read) -> None:
    commands = b"a 100\nmov ax,1234\nint 20\n\nr\nt\nq\n"
    with Dos(read(V86, "DEBUG.COM"), stdin=commands) as dos:
        result = dos.run(timeout=30)

    assert (result.errorlevel, result.notes) == (0, ())
    assert "AX=1234" in result.text


def test_attrib_of_freedos_lists_the_directory(read: Read, tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "two.txt").chmod(0o444)

    with Dos(read(V86, "FDOS/ATTRIB.COM"), ["*.TXT"], root=tmp_path) as dos:
        result = dos.run(timeout=10)

    assert result.text.split() == ["[----A]", "ONE.TXT", "[---RA]", "TWO.TXT"]


def test_command_com_of_freedos_runs_a_batch_file_and_a_program(read: Read, tmp_path: Path) -> None:
    (tmp_path / "command.com").write_bytes(read(V86, "COMMAND.COM"))
    (tmp_path / "hello.com").write_bytes(read(V86, "HELLO.COM"))
    (tmp_path / "go.bat").write_bytes(
        b"@echo off\r\necho before\r\nhello\r\necho.\r\necho after\r\n"
    )

    with Dos(tmp_path / "command.com", ["/C", "go.bat"], root=tmp_path) as dos:
        result = dos.run(timeout=30)

    assert result.text.split() == ["before", "Hello,", "World!", "after"]


def test_xcopy_of_freedos_copies_a_tree(read: Read, tmp_path: Path) -> None:
    (tmp_path / "from/sub").mkdir(parents=True)
    (tmp_path / "from/a.txt").write_text("one")
    (tmp_path / "from/sub/b.txt").write_text("two")
    xcopy = read(V86, "FDOS/XCOPY.EXE")

    with Dos(xcopy, ["FROM", "TO", "/S", "/I"], root=tmp_path, write=True) as dos:
        assert dos.run(timeout=30).errorlevel == 0

    assert (tmp_path / "TO/A.TXT").read_text() == "one"
    assert (tmp_path / "TO/SUB/B.TXT").read_text() == "two"


def test_tinyasm_assembles_itself_a_boot_sector(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.asm").write_bytes(b"\torg 0x7c00\n\tmov ax,0x0013\n\tint 0x10\n\tcli\n\thlt\n")
    words = ["-f", "bin", "a.asm", "-o", "a.bin"]

    with Dos(read(TINYASM, "TINYASM.EXE"), words, root=tmp_path, write=True) as dos:
        result = dos.run(timeout=30)

    assert result.errorlevel == 0, result.text
    assert (tmp_path / "A.BIN").read_bytes() == bytes.fromhex("b81300 cd10 fa f4")


def test_masm_1_10_assembles_a_program(read: Read, tmp_path: Path) -> None:
    lines = ["CODE SEGMENT", "ASSUME CS:CODE", "ORG 100H", "START: MOV AX,4C07H", "INT 21H"]
    lines += ["CODE ENDS", "END START"]
    (tmp_path / "t.asm").write_text("\r\n".join([*lines, ""]))

    with Dos(read(TINYASM, "MASM.EXE"), ["T,T,T;"], root=tmp_path, write=True) as dos:
        result = dos.run(timeout=30)

    assert "The Microsoft MACRO Assembler" in result.text
    assert result.text.split()[-2:] == ["0", "0"]
    assert bytes.fromhex("b8074c cd21") in (tmp_path / "T.OBJ").read_bytes()
    assert "START:" in (tmp_path / "T.LST").read_text()


def test_edit_of_freedos_draws_its_screen(read: Read) -> None:
    with Dos(read(V86, "FDOS/EDIT.EXE"), stdin=None) as dos:
        dos.run(timeout=5)

        assert "File" in (dos.machine.screen.text or "")


def test_edlin_and_fc_of_ms_dos_write_and_compare_files(read: Read, tmp_path: Path) -> None:
    with Dos(
        read(TINYASM, "EDLIN.COM"),
        ["NEW.TXT"],
        stdin=b"i\nhello\nworld\n\x1a\n1r" + b"hello\x1aHELLO\ne\n",
        root=tmp_path,
        write=True,
    ) as dos:
        assert dos.run(timeout=10).errorlevel == 0
    assert (tmp_path / "NEW.TXT").read_bytes() == b"HELLO\r\nworld\r\n\x1a"

    (tmp_path / "OLD.TXT").write_bytes(b"hello\r\nworld\r\n\x1a")
    with Dos(read(TINYASM, "FC.EXE"), ["/B", "OLD.TXT", "NEW.TXT"], root=tmp_path) as dos:
        lines = dos.run(timeout=10).text.split("\n")
    assert [line.split() for line in lines if line.startswith("0000")] == [
        [f"{at:08X}", f"{char:02X}", f"{char - 32:02X}"] for at, char in enumerate(b"hello")
    ]


def test_command_com_of_freedos_is_a_shell(read: Read, tmp_path: Path) -> None:
    commands = b"ver\nmd sub\ncd sub\necho hi > f.txt\ncopy f.txt g.txt\ncd ..\ndir sub /b\nexit\n"
    (tmp_path / "command.com").write_bytes(read(V86, "COMMAND.COM"))

    with Dos(tmp_path / "command.com", stdin=commands, root=tmp_path, write=True) as dos:
        result = dos.run(timeout=60)

    assert "FreeCom version 0.82" in result.text
    assert result.text.split("dir sub /b")[1].split()[:2] == ["F.TXT", "G.TXT"]
    assert (tmp_path / "SUB/G.TXT").read_bytes() == b"hi \r\n"


def test_vim_edits_a_file(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\r\nthree\r\n")
    with Dos(read(V86, "VIM.EXE"), ["a.txt"], root=tmp_path, write=True, stdin=None) as dos:
        dos.run(timeout=3)
        dos.machine.keyboard.type(":s/one/two/\n:w b.txt\n:q!\n")

        assert dos.run(timeout=20).errorlevel == 0

    assert (tmp_path / "B.TXT").read_bytes() == b"two\r\nthree\r\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CAL.COM", "Jul 2009"),
        ("CPULEVEL.COM", "CPUID level 1"),
        ("PRIMES.EXE", "greatest examined number"),
        ("PI.COM", "314159265358979323846264338327950288419716939937510"),
        ("GAMES/MINESW~1.COM", "easy game"),
        ("TEST.COM", "Hello, world!"),
        ("HELLO.COM", "Hello, World!"),
    ],
)
def test_programs_of_an_image_write_what_they_write_on_dos(
    read: Read, name: str, text: str
) -> None:
    with Dos(read(V86, name), stdin=b"\x1b", rtc_base=datetime(2009, 7, 1)) as dos:
        dos.run(timeout=1)

        assert text in dos.output.decode("cp437") or text in (dos.machine.screen.text or "")
        assert dos.kernel.notes == []


@pytest.mark.parametrize(
    ("image", "name", "shows"),
    [
        (V86, "GAMES/ROGUE.EXE", "ROGUE:  The Adventure Game"),
        (V86, "GAMES/TETRIS.COM", "SmallTetris"),
        (V86, "GAMES/JUMPER.COM", "┌──┐"),
        (V86, "GAMES/INVADERS.COM", "320x200 256 colours"),
        (V86, "GAMES/SNAKE.EXE", "320x200 256 colours"),
        (MEMORIES, "MEMORIES.COM", "320x200 256 colours"),
        (MEMORIES, "FIRE253.COM", "320x200 256 colours"),
    ],
)
def test_programs_of_an_image_draw_their_screen(
    read: Read, image: str, name: str, shows: str
) -> None:
    with Dos(read(image, name), stdin=None) as dos:
        dos.run(timeout=3)

        assert shows in (dos.machine.screen.text or dos.machine.screen.mode_name)
