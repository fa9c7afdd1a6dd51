"""DOS programs on KVM: the same calls, served at the same exits."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyx86emu import Dos
from tests import on_kvm
from tests.dos.test_programs import exe

KVM = "kvm"


@pytest.fixture(autouse=True)
def kvm() -> None:
    on_kvm.need(KVM)


def test_a_com_program_reads_writes_and_ends() -> None:
    # again: mov ah,8; int 21h; cmp al,1Ah; je done; mov dl,al; mov ah,2; int 21h; jmp again
    # done: mov ax,4C09h; int 21h
    code = bytes.fromhex("b408 cd21 3c1a 7408 88c2 b402 cd21 ebf0 b8094c cd21")
    with Dos(code, stdin=b"typed", accel=KVM) as dos:
        result = dos.run(wall=30)

    assert (result.errorlevel, result.text) == (9, "typed")


def test_an_exe_program_is_relocated_and_writes_a_file(tmp_path: Path) -> None:
    # mov ax,SEGMENT; mov ds,ax; mov ah,3Ch; xor cx,cx; mov dx,1Ch; int 21h; jc done; xchg ax,bx
    # mov ah,40h; mov cx,5; int 21h; done: mov ah,4Ch; int 21h; then the name
    code = bytes.fromhex("b80000 8ed8 b43c 31c9 ba1c00 cd21 7209 93 b440 b90500 cd21 b44c cd21")
    program = exe(code.ljust(0x1C, b"\x90") + b"OUT.TXT\0", (1,))

    with Dos(program, root=tmp_path, write=True, accel=KVM) as dos:
        result = dos.run(wall=30)

    assert (result.errorlevel, result.notes) == (5, ())
    assert (tmp_path / "OUT.TXT").read_bytes() == b"OUT.T"


def test_a_program_starts_another_and_waits_for_keys(tmp_path: Path) -> None:
    (tmp_path / "child.com").write_bytes(bytes.fromhex("b401 cd21 b44c cd21"))
    # mov sp,200h; mov ah,4Ah; mov bx,40h; int 21h; mov ax,4B00h; mov dx,130h; mov bx,140h
    # int 21h; mov ah,4Dh; int 21h; mov ah,4Ch; int 21h
    code = bytes.fromhex(
        "bc0002 b44a bb4000 cd21 b8004b ba3001 bb4001 cd21 b44d cd21 b44c cd21"
    ).ljust(0x30, b"\x90")
    program = (code + b"child.com\0").ljust(0x50, b"\0")

    with Dos(program, root=tmp_path, stdin=None, accel=KVM) as dos:
        dos.machine.keyboard.type("7")
        result = dos.run(wall=30)

    assert (result.errorlevel, result.how) == (ord("7"), "exit")
