"""Symbols: each kind of file gives the same names, and a hostile one is an error."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyx86emu.listing import Listing
from pyx86emu.symbols import Symbols, read

ASM = """\
    org 0x7c00
    bits 16
[map symbols a.map]
%macro two 0
    nop
    nop
%endmacro
start:  mov ax, 0x1234
.loop:
    two
    jmp .loop
msg: db "hello, this is a long string for the listing", 0
count equ 5
%include "inc.inc"
    times 510-($-$$) db 0
last:
    dw 0xaa55
section .data
value: dw 7
section .bss
buf: resb 4
"""
NAMES = {
    "start": 0x7C00,
    "start.loop": 0x7C03,
    "msg": 0x7C07,
    "helper": 0x7C34,
    "last": 0x7DFE,
    "value": 0x7E00,
    "buf": 0x7E04,
}
LISTING = """\
     1                                      org 100h
     2                                  start:
     3 00000000 B83412                      mov ax, 0x1234
     4 00000003 00<rep 5h>                  times 5 db 0
     5 00000008 C3                      done: ret
"""


@pytest.fixture
def assembled(tmp_path: Path, nasm: str) -> Path:
    (tmp_path / "a.asm").write_text(ASM)
    (tmp_path / "inc.inc").write_text("helper:\n    ret\n")
    words = [nasm, "-f", "bin", "a.asm", "-o", "a.bin", "-l", "a.lst"]
    subprocess.run(words, cwd=tmp_path, check=True)
    return tmp_path


def test_a_listing_and_a_map_of_nasm_have_the_same_names(assembled: Path) -> None:
    listing, nasm_map = (Symbols.load(assembled / name) for name in ("a.lst", "a.map"))

    assert dict(listing) == dict(nasm_map) == NAMES
    assert listing.lines[0x7C05] == (11, "jmp .loop")
    assert listing.lines[0x7C03] == (10, "two")  # a macro
    assert 0x7C34 not in listing.lines  # of another file
    assert nasm_map.lines == {}


def test_an_elf_file_has_its_symbols(tmp_path: Path, nasm: str) -> None:
    (tmp_path / "e.asm").write_text("bits 16\nglobal start\nstart: mov ax,1\nhere: jmp here\n")
    for kind in ("elf32", "elf64"):
        words = [nasm, "-f", kind, "e.asm", "-o", "e.o"]
        subprocess.run(words, cwd=tmp_path, check=True)

        assert dict(Symbols.load(tmp_path / "e.o", at="0:7c00")) == {
            "start": 0x7C00,
            "here": 0x7C03,
        }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (LISTING, {"start": 0x100, "done": 0x108}),
        ("F000:0000 rom_start\nF000:000E post\n", {"rom_start": 0xF0000, "post": 0xF000E}),
        (" 0000:7C00       start\n 0000:7C05  Abs  more\n", {"start": 0x7C00, "more": 0x7C05}),
        ("00007c00 T start\n00007c03 t here\n", {"start": 0x7C00, "here": 0x7C03}),
        ("                0x00007c00                start\n", {"start": 0x7C00}),
    ],
)
def test_each_kind_of_text_is_known_by_its_contents(text: str, names: dict[str, int]) -> None:
    found = read(text.encode())

    assert (found.names if isinstance(found, Listing) else found) == names


def test_the_place_of_the_segment_is_added(tmp_path: Path) -> None:
    path = tmp_path / "a.lst"
    path.write_text(LISTING)

    symbols = Symbols.load(path, at="1000:0000")

    assert symbols["done"] == 0x10108
    assert symbols.lines[0x10108] == (5, "done: ret")
    assert str(symbols.label(0x10109)) == "done+0x1"
    assert symbols.at(0x10100) == "start"
    assert symbols.label(0x9000) is symbols.label(0x90000) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no labels that are known"),
        (b"hello\n", "no labels that are known"),
        (b"\0\1\2", "no text and no ELF file"),
        (b"\x7fELF", "damaged"),
        (b"\x7fELF\x01\x02" + bytes(60), "another byte order"),
        (b"\x7fELF\x01\x01" + b"\xff" * 60, "damaged"),
        (b"\x7fELF\x02\x01" + bytes(80), "without symbols"),
    ],
)
def test_a_file_without_symbols_is_refused_by_name(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "what"
    path.write_bytes(data)

    with pytest.raises(ValueError, match=message) as error:
        Symbols.load(path)

    assert "what" in str(error.value)


@given(st.binary(max_size=300))
@example(b"\x7fELF\x01\x01" + b"\x34" * 90)
@example(b"     1 FFFFFFFF <rep FFFFFFFFh> x\n")
def test_any_bytes_are_symbols_or_a_value_error(data: bytes) -> None:
    for head in (b"", b"\x7fELF\x01\x01", b"\x7fELF\x02\x01", b"     1 00000000 90  a:\n"):
        try:
            found = read(head + data)
        except ValueError:
            continue
        names = found.names if isinstance(found, Listing) else found
        assert all(isinstance(at, int) for at in names.values())


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ({"a": "0:0"}, TypeError),
        ({1: 1}, TypeError),
        ({"a": -1}, ValueError),
        ({"a": 1.5}, TypeError),
    ],
)
def test_what_is_no_name_or_address_is_refused(names: dict, error: type[Exception]) -> None:  # type: ignore[type-arg]
    with pytest.raises(error):
        Symbols(names)
