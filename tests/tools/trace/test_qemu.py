"""QEMU's `-d`: the same lines for what is the same here."""

from __future__ import annotations

import io
import re
import struct

import pytest

from pyx86emu import Machine, Symbols
from pyx86emu.tools.trace import qemu
from tests.harness import program

#: mov bx,3; again: dec bx; jnz again; int 20h; cli; hlt
CODE = "bb0300 4b 75fd cd20 faf4"


def logged(items: str, code: str = CODE) -> str:
    file = io.StringIO()
    with Machine(program(code)) as m:
        m.boot()
        m.symbols = Symbols({"start": 0x7C00})
        m.vm.write(0x80, struct.pack("<2H", 0x7D00, 0))
        m.vm.write(0x7D00, b"\xcf")
        with qemu.log(m, qemu.items(items), file):
            m.run(timeout=1)
    return file.getvalue()


def test_in_asm_shows_each_block_once() -> None:
    text = logged("in_asm")

    blocks = re.findall(r"-{16}\nIN: (.*)\n((?:0x.*\n)+)\n", text)
    assert blocks[0][0] == "start"
    assert blocks[0][1].splitlines()[0].split() == [
        "0x00007c00:", "bb", "03", "00", "movw", "$3,", "%bx",
    ]  # fmt: skip
    assert text.count("0x00007d00:  cf ") == 1
    assert "".join(f"{name}\n{lines}" for name, lines in blocks) == "".join(
        line.removeprefix("IN: ") + "\n"
        for line in text.splitlines()
        if line and not line.startswith("---")
    )


def test_in_asm_shows_code_again_that_was_rewritten() -> None:
    # mov cx,2; again: xor byte [7C20h],8; jmp 7C20h ... 7C20: inc ax; loop again; cli; hlt
    code = program("b90200 8036207c08 eb16").ljust(32, b"\x90") + bytes.fromhex("40 e2e0 faf4")

    text = logged("in_asm", code.hex())

    assert "0x00007c20:  48 " in text
    assert "0x00007c20:  40 " in text


def test_int_shows_vector_place_and_registers() -> None:
    text = logged("int")

    lines = text.splitlines()
    assert lines[0] == (
        "     0: v=20 e=0000 i=1 cpl=0 IP=0000:00007c06 pc=00007c06 SP=0000:00007c00 "
        "env->regs[R_EAX]=0000aa55"
    ) or re.match(
        r" +0: v=20 e=0000 i=1 cpl=0 IP=0000:00007c06 pc=00007c06 SP=\w+:\w+ env", lines[0]
    )
    assert re.match(r"EAX=\w{8} EBX=00000000 ECX=\w{8} EDX=\w{8}$", lines[1])
    assert re.match(
        r"EIP=00007c06 EFL=\w{8} \[---Z-P-\] CPL=0 II=0 A20=[01] SMM=0 HLT=0$", lines[3]
    )
    assert lines[5] == "CS =0000 00000000 0000ffff 00009b00"
    assert "v=20" not in "".join(lines[1:])  # a return is no interrupt


def test_exec_and_cpu_show_each_block_that_is_executed() -> None:
    text = logged("exec,cpu")

    assert (
        text.count("[00000000/00007c03/") == 2
    )  # twice back; the first time is in the first block
    assert text.count("Trace 0: 0x0 [") == text.count("\nEAX=") == text.count("\nGS =")


def test_an_item_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'mmu' is none of in_asm, int, exec, cpu"):
        qemu.items("int,mmu")
    for name in qemu.ITEMS:
        assert re.search(rf"^{name} +\w", qemu.help_text(), re.M)
