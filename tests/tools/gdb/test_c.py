"""C for real mode (gcc -m16) under gdb: its stack frames are those that gdb knows, and are kept."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.on_gdb import gdb, need
from tests.tools.gdb.client import served

C = """
static volatile int total;
__attribute__((noinline)) int leaf(int a) { total += a; return total; }
__attribute__((noinline)) int middle(int a) { int x[4]; x[a & 3] = leaf(a + 1); return x[a & 3]; }
__attribute__((noinline)) void outer(void) { total = middle(3) + middle(4); }
void loop(void) { for (;;) outer(); }
"""
START = """
        .code16
        .globl _start
_start: cli
        xorl %eax, %eax
        movw %ax, %ds
        movw %ax, %ss
        movl $0x7000, %esp
        ljmp $0, $begin
begin:  calll loop
        .section .note.GNU-stack, "", @progbits
"""


@pytest.mark.parametrize("options", [["-O0"], ["-O1", "-fomit-frame-pointer"]])
def test_callers_and_arguments_of_c_are_shown(options: list[str], tmp_path: Path) -> None:
    need("gdb", "gcc", "as", "ld", "objcopy")
    (tmp_path / "c.c").write_text(C)
    (tmp_path / "s.s").write_text(START)
    gcc = ["gcc", "-m16", "-march=i386", "-ffreestanding", "-fno-pic", "-fno-stack-protector"]
    link = ["ld", "-m", "elf_i386", "-Ttext=0x7c00", "-e", "_start", "s.o", "c.o", "-o", "c.elf"]
    for command in (
        [*gcc, *options, "-g", "-c", "c.c", "-o", "c.o"],
        ["as", "--32", "s.s", "-o", "s.o"],
        link,
        ["objcopy", "-O", "binary", "-j", ".text", "c.elf", "c.img"],
    ):
        subprocess.run(command, cwd=tmp_path, check=True)
    image = (tmp_path / "c.img").read_bytes().ljust(510, b"\0") + b"\x55\xaa"

    with served(image) as (_, address, _):
        text = gdb(
            address,
            "break leaf\ncontinue\nbt\ndelete\nfinish\nbt\np/x $esp == $stack",
            tmp_path / "c.elf",
        )

    found = re.findall(r"^#\d +(?:0x\w+ in )?(\w+) \((.*?)\)", text, re.M)
    callers = [("middle", "a=3"), ("outer", ""), ("loop", ""), ("begin", "")]
    assert found == [("leaf", "a=4"), *callers, *callers]
    assert "Value returned is" in text and "= 0x1\n" in text
