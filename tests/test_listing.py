"""Listings: each byte has its address and its line; hostile text is no listing, or an error."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyx86emu.listing import Listing, read

BOOT = """\
BASE equ 0x7C00
    org BASE
%macro two 1
    mov ax, %1
    inc ax
%endmacro
start:  mov ax, \\
    0x1234
.again:\ttwo 5
    mov bx, [value]
text: db "a text that needs several rows of the listing", 0
%include "inc.inc"
%rep 3
    inc cx
%endrep
    times 300 nop
    align 16
    incbin "inc.inc"
struc thing
.a: resw 1
endstruc
last: lock add word [es:bx+1234h], 5678h
section .data align=16
value: dw 7
section later vstart=0x8000
second: nop
section more
third: nop
section .bss
buffer: resb 400
absolute 0x500
nowhere: resw 2
"""


@pytest.fixture
def folder(tmp_path: Path, nasm: str) -> Path:
    (tmp_path / "inc.inc").write_text('helper:\n    ret\n%include "in2.inc"\n    nop\n')
    (tmp_path / "in2.inc").write_text("    two 9\n")
    (tmp_path / "boot.asm").write_text(BOOT)
    command = [nasm, "-f", "bin", "boot.asm", "-o", "boot.bin", "-l", "boot.lst"]
    command += ["--before", "[map all boot.map]"]
    subprocess.run(command, cwd=tmp_path, check=True)
    return tmp_path


def test_without_a_map_a_listing_has_the_same_places(folder: Path) -> None:
    text, the_map = ((folder / f"boot.{end}").read_text() for end in ("lst", "map"))

    alone, mapped = read(text, name="boot.asm"), read(text, the_map, "boot.asm")

    assert alone is not None
    assert mapped is not None
    assert alone.lines == mapped.lines
    outside = {"BASE", "thing", "thing.a", "thing_size", "nowhere"}
    assert alone.names == {name: at for name, at in mapped.names.items() if name not in outside}


def test_each_byte_of_the_binary_is_that_of_its_line(folder: Path) -> None:
    listing = Listing.load(folder / "boot.lst")
    binary = (folder / "boot.bin").read_bytes()

    for line in listing.lines:
        if line.file == str(folder / "boot.lst") and line.number < 23 and line.data:
            at = line.address - 0x7C00
            assert line.differs(binary[at : at + line.length]) is None, line
    assert listing.origin == 0x7C00


def test_macros_includes_repetitions_and_rows_without_text_have_their_line(folder: Path) -> None:
    listing = Listing.load(folder / "boot.lst")

    def at(label: str, distance: int = 0) -> tuple[str, int, int, bool]:
        line = listing.at(listing.names[label] + distance)
        assert line is not None
        return Path(line.file).name, line.number, line.length, line.code

    assert at("start") == ("boot.lst", 7, 3, True)
    assert at("start.again") == at("start.again", 3) == ("boot.lst", 9, 4, True)
    assert at("text", 40) == ("boot.lst", 11, 46, False)
    assert at("helper") == ("inc.inc", 2, 1, True)
    assert at("helper", 1) == ("in2.inc", 1, 4, True)
    assert at("helper", 5) == ("inc.inc", 4, 1, True)
    assert at("helper", 8) == ("boot.lst", 14, 3, True)
    assert at("helper", 9 + 299) == ("boot.lst", 16, 300, True)
    assert at("last") == ("boot.lst", 22, 8, True)


def test_an_address_in_an_instruction_is_not_compared(folder: Path) -> None:
    listing = Listing.load(folder / "boot.lst")
    line = next(each for each in listing.lines if each.number == 10)

    assert line.differs(b"\x8b\x1e\x12\x34") is None
    assert line.differs(b"\x8b\x1f\x12\x34") == 1
    assert line.differs(b"\x8b\x1e") == 2


def test_a_listing_is_placed_at_a_segment(folder: Path) -> None:
    path = folder / "com.lst"
    path.write_text(
        "     1                                  org 100h\n     2 00000000 C3  a: ret\n"
    )
    path.write_text(re.sub(r"C3 .*", "C3" + " " * 22 + "a: ret", path.read_text()))

    listing = Listing.load(path, at="1000:0000")

    assert listing.names == {"a": 0x10100}
    assert [(line.address, line.data) for line in listing.lines] == [(0x10100, b"\xc3")]
    assert listing.at(0x10101) is listing.at(0x100FF) is None


@pytest.mark.parametrize(
    ("text", "at", "message"),
    [
        ("hello\n", 0, "no listing: nasm -l writes one"),
        ("", 0, "no listing"),
        ("     1 FFFFFFFF 90                      nop\n", 0xFFFF_FFFF_FFFF_FFFF, "out of range"),
    ],
)
def test_what_is_none_is_refused_by_name(tmp_path: Path, text: str, at: int, message: str) -> None:
    path = tmp_path / "what.lst"
    path.write_text(text)

    with pytest.raises(ValueError, match=message) as error:
        Listing.load(path, at=at)

    assert "what.lst" in str(error.value)


@given(st.text(max_size=300))
@example("     1 FFFFFFFF <rep FFFFFFFFFFFFFFFFh> x\n")
@example("     1 00000000 00<rep FFFFFFFFFFFFFFFFh>   x\n")
@example("     1 00000000 90     <9999>  x\n     2 00000000 90\n")
@example("     1 00000000 (1)[?]-  x\n     1 section .data align=0\n     2 00000000 90\n")
@example("     1 00000000 90" + " " * 24 + "section .data align=-1 vstart=x start=9\n")
def test_any_text_is_a_listing_or_none(text: str) -> None:
    for head in ("", "     1 00000000 90                      a:\n", "     1 00000000 9"):
        found = read(head + text)

        if found is not None:
            assert all(len(line.data) == len(line.known) <= 256 for line in found.lines)
