"""Frames: who has called whom in 16-bit code, from the stack and the code alone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Vm
from pyx86emu.tools.gdb.callstack import AT, END, call_stack
from pyx86emu.tools.gdb.flow import MOST_ALTOGETHER, Code, decode
from pyx86emu.tools.gdb.frames import MOST_FRAMES, walk
from tests.on_gdb import need

INSTRUCTIONS = """\
nop
mov ax, 1
mov byte [bx], 1
mov word [bx+si+5], 300
add [1234h], ax
mov eax, 1
mov [eax+ecx*4+8], ax
mov eax, [ebp+1000h]
a32 lodsb
mov al, [9]
test byte [di], 1
test word [di], 1
not word [di]
neg al
enter 4, 0
leave
int 21h
in al, 60h
push 5
push word 500
imul ax, bx, 5
aam
les bx, [si]
shl ax, 4
rcl byte [bp+2], cl
rep movsw
lock inc word [bx]
movzx eax, al
bt ax, 3
shld ax, bx, 4
bswap eax
cpuid
lgdt [bx]
fld st0
xlatb
jz $+2
jmp $
jmp near $+500
loop $
jmp dword $+500
jz near $+500
call $+3
call 1:2
jmp 1:2
ret
ret 4
retf 2
iret
call [bx]
jmp [bx]"""

VM = Vm()
RAM = VM.add_memory(0, 0x110000)
VCPU = VM.create_vcpu()


def assemble(source: str) -> bytes:
    """The code of nasm source, for offset 0."""
    need("nasm")
    with TemporaryDirectory() as directory:
        asm, out = Path(directory) / "a.asm", Path(directory) / "a.bin"
        asm.write_text(f"bits 16\n{source}\n")
        subprocess.run(["nasm", "-f", "bin", "-o", out, asm], check=True)
        return out.read_bytes()


def memory(at: int, size: int) -> bytes:
    """As a target reads: as far as there is memory."""
    return bytes(RAM[at : at + size])


def stopped(cs: int, source: str) -> Code:
    """Run nasm source in segment `cs` up to its first NOP."""
    RAM[:] = bytes(len(RAM))
    code = assemble(source)
    RAM[cs * 16 + 0x400 : cs * 16 + 0x400 + len(code)] = code
    regs = VCPU.regs
    regs.cs, regs.ip, regs.ss, regs.sp, regs.bp, regs.ds = cs, 0x400, 0x2000, 0x1000, 0xAAAA, 0
    regs.flags = 2
    for _ in range(100):
        if memory(regs.cs * 16 + regs.ip, 1) == b"\x90":
            return Code(memory)
        VCPU.step()
    pytest.fail("the guest has not come to a NOP")


@pytest.mark.parametrize("cs", [0, 0x7C0, 0x1000])
@pytest.mark.parametrize(
    ("source", "frames"),
    [
        ("call f\nhlt\nf: push ax\npush cx\nnop", ["near", ""]),
        ("mov bx, f\ncall bx\nhlt\nf: push ax\nnop", ["near", ""]),
        (
            "call f\nhlt\nf: push bp\nmov bp, sp\nsub sp, 100\ncall g\nhlt\ng: nop",
            ["near"] * 2 + [""],
        ),
        ("push cs\npush f\nmov bp, sp\ncall far [bp]\nhlt\nf: push ds\nnop", ["far", ""]),
        (
            "call f\nhlt\nf: dec word [cs:n]\njz g\ncall f\nhlt\ng: nop\nn: dw 5",
            ["near"] * 5 + [""],
        ),
        (
            "mov word [200h], f\nmov [202h], cs\nint 80h\nhlt\nf: push ax\ncall g\nhlt\ng: nop",
            ["near", "int", ""],
        ),
        (
            # IRQ 0, as the CPU would deliver it at the HLT
            "mov word [20h], f\nmov [22h], cs\npush 0x246\npush cs\npush h\njmp f\nh: hlt\n"
            "f: push ax\nnop",
            ["irq", ""],
        ),
    ],
)
def test_callers_are_found(cs: int, source: str, frames: list[str]) -> None:
    code = stopped(cs, f"org 400h\n{source}")

    found = walk(code, VCPU.regs)

    assert [frame.how for frame in found] == frames
    assert {frame.cs for frame in found} == {cs}
    for frame in found[1:]:  # each goes on at a HLT after its CALL, or at `jz g` of the recursion
        assert memory(frame.pc, 1) == b"\xf4"


def test_a_word_that_looks_like_a_return_address_is_none_if_its_call_leads_elsewhere() -> None:
    """The address after `call other` lies on the stack, nearer than the real one."""
    code = stopped(
        0x7C0,
        "org 400h\ncall f\nhlt\nf: push after\nnop\nhlt\ncall other\nafter: hlt\nother: ret",
    )

    assert [frame.ip for frame in walk(code, VCPU.regs)][1:] == [0x403]


def test_a_hostile_stack_costs_a_bounded_time() -> None:
    """Every word of the stack is a return address, and everything is code."""
    RAM[:] = bytes.fromhex("e80000") * (len(RAM) // 3) + bytes(len(RAM) % 3)
    RAM[0x20000:0x30000] = (0x3003).to_bytes(2, "little") * 0x8000
    regs = VCPU.regs
    regs.cs, regs.ip, regs.ss, regs.sp, regs.bp = 0, 0x8000, 0x2000, 0, 0
    code = Code(memory)

    found = walk(code, regs)

    assert 1 <= len(found) <= MOST_FRAMES and -MOST_ALTOGETHER < code._left < MOST_ALTOGETHER


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=64, max_size=512), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_any_memory_gives_a_call_stack_in_its_place(data: bytes, sp: int, ip: int) -> None:
    RAM[:] = bytes(len(RAM))
    for at in (0, 0x8000 + ip, 0x20000 + sp):
        RAM[at : at + len(data)] = data
    regs = VCPU.regs
    regs.cs, regs.ip, regs.ss, regs.sp, regs.bp = 0x800, ip, 0x2000, sp, sp

    shown = call_stack(memory, regs)

    assert AT < shown.esp <= END and AT < shown.ebp <= END
    assert len(shown.read(AT, 64)) == 64 and shown.read(END, 4) == b""


@pytest.mark.parametrize("source", INSTRUCTIONS.split("\n"))
def test_the_length_of_an_instruction_is_that_of_the_assembler(source: str) -> None:
    code = assemble("cpu 686\n" + source)

    one = decode(code + bytes(16))

    assert one is not None and one.length == len(code)
    assert one.falls == (not source.startswith(("jmp", "ret", "iret")))
    assert decode(code[:-1]) is None
