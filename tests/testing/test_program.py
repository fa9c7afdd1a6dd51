"""Each byte of a program has its line, with macros, repetitions, sections and included files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu.testing.assembler import assemble
from pyx86emu.testing.program import Program


@pytest.fixture
def folder(tmp_path: Path, nasm: str) -> Path:
    (tmp_path / "one.inc").write_text("f: nop\n ret\n")
    return tmp_path


def lines(program: Program) -> list[tuple[int, int, str, int]]:
    return [(line.address, line.length, line.file, line.number) for line in program.lines]


def test_a_line_of_an_included_file_has_its_name(folder: Path) -> None:
    program = assemble('org 100h\n%include "one.inc"\nstart: call f\n', folder)

    assert lines(program) == [
        (0x100, 1, "one.inc", 1),
        (0x101, 1, "one.inc", 2),
        (0x102, 3, "guest.asm", 3),
    ]


def test_a_macro_counts_as_the_line_that_uses_it(folder: Path) -> None:
    program = assemble("%macro two 1\n mov ax, %1\n mov bx, %1\n%endmacro\nnop\ntwo 5\n", folder)

    assert lines(program) == [(0, 1, "guest.asm", 5), (1, 6, "guest.asm", 6)]


def test_a_repeated_line_is_one_line(folder: Path) -> None:
    program = assemble("%rep 3\n inc cx\n%endrep\ntimes 4 nop\n", folder)

    assert lines(program) == [(0, 3, "guest.asm", 2), (3, 4, "guest.asm", 4)]


def test_long_data_and_sections_have_their_places(folder: Path) -> None:
    text = "db 'a text that needs several rows of the listing'"
    program = assemble(f"mov ax, [x]\n{text}\nsection .data\nx: dw 5\n", folder)

    size = len(text) - 5
    at = program.symbols["x"]
    assert lines(program) == [
        (0, 3, "guest.asm", 1),
        (3, size, "guest.asm", 2),
        (at, 2, "guest.asm", 4),
    ]
    assert [line.code for line in program.lines] == [True, False, False]
    assert program.code[at : at + 2] == b"\x05\x00"


def test_a_program_survives_as_plain_values(folder: Path) -> None:
    program = assemble("start: nop\n", folder)

    assert Program.from_plain(program.plain()) == program
