"""Predication: a Jcc over a few register instructions gives what it gives in single steps."""

from __future__ import annotations

import random

import pytest

from pyx86emu import ExitReason
from tests.core.test_peephole import both_ways
from tests.harness import CODE, Guest, program

MODELS = ("8086", "80286", "80386")


def predicable(rng: random.Random, model: str) -> bytes:
    """An instruction on AX, BX and DX that may be predicated, in any size."""
    register = rng.choice((0, 2, 3))
    wide = rng.randrange(2)
    size = 1 + wide
    prefix = b""
    if wide and model == "80386" and rng.randrange(2):
        prefix, size = b"\x66", 4
    modrm = 0xC0 | rng.choice((0, 2, 3)) << 3 | register
    immediate = rng.getrandbits(8 * size).to_bytes(size, "little")
    op = rng.randrange(8) << 3
    if not rng.randrange(8):  # one that changes nothing here: DS, REP
        prefix += rng.choice((b"\x3e", b"\xf3"))
    return prefix + rng.choice(
        (
            bytes([op | wide, modrm]),  # op r,r
            bytes([0x84 | wide, modrm]),  # test r,r
            bytes([0x88 | wide, modrm]),  # mov r,r
            bytes([0x80 | wide, 0xC0 | op | register]) + immediate,  # op r,imm
            bytes([0xF6 | wide, 0xC0 | register]) + immediate,  # test r,imm
            bytes([0xC6 | wide, 0xC0 | register]) + immediate,  # mov r,imm
            bytes([0xFE | wide, 0xC0 | rng.randrange(2) << 3 | register]),  # inc, dec
            bytes([0xF6 | wide, 0xD0 | rng.randrange(2) << 3 | register]),  # not, neg
        )
    )


#: What sets the flags that the Jcc looks at; some of them are done together with it.
SETS = ("39d8", "3d0080", "84c0", "a90100", "d1e0", "d1e8", "d0e8", "01d8", "f5", "48")
#: What reads flags, rewrites all or leaves some of them behind the predicated instructions.
BEHIND = ("", "11c3", "9c58", "39d8", "42", "d1d0", "7200", "7a0140")


def compare(guest: Guest, code: bytes, rng: random.Random) -> None:
    """Run the code with something behind it in a block and step by step, on several registers."""
    code += bytes.fromhex(rng.choice(BEHIND))
    guest.ram[CODE : CODE + len(code) + 1] = code + b"\xf4"
    for _ in range(4):
        block, steps = both_ways(guest, rng)
        assert block == steps, code.hex()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("condition", range(16))
def test_predicated_is_branched(condition: int, model: str) -> None:
    rng = random.Random(condition)
    with Guest(model=model) as guest:
        for _ in range(150):
            over = b"".join(predicable(rng, model) for _ in range(rng.randrange(1, 5)))
            code = bytes.fromhex(rng.choice(SETS)) + bytes([0x70 | condition, len(over)]) + over
            compare(guest, code, rng)


@pytest.mark.parametrize("model", ["80186", "80286", "80386", "80486"])
def test_shift_registers(model: str) -> None:
    """SHL or SHR, JC or JNC, XOR: the step of a CRC."""
    rng = random.Random(model)
    with Guest(model=model) as guest:
        for _ in range(400):
            register = rng.choice((0, 2, 3))
            other = register if rng.randrange(4) else rng.choice((0, 2, 3))
            size = rng.choice((1, 2, 4) if model > "80286" else (1, 2))
            prefix = b"\x66" if size == 4 else b""
            wide = size > 1
            shift = bytes([0xC0 | wide, rng.choice((0xE0, 0xE8)) | register])
            shift += bytes([rng.choice((1, 1, 2, 7, 8, 16, 24, 31, 0))])
            if rng.randrange(2):
                xor = prefix + bytes([0x80 | wide, 0xF0 | other])
                xor += rng.getrandbits(8 * size).to_bytes(size, "little")
            else:
                xor = prefix + bytes([0x30 | wide, 0xC0 | rng.choice((0, 2, 3)) << 3 | other])
            code = prefix + shift + bytes([0x72 | rng.randrange(2), len(xor)]) + xor
            compare(guest, code, rng)


@pytest.mark.parametrize("model", ["80186", "80286", "80386", "80486"])
def test_a_constant_count_shifts_as_cl_does(model: str) -> None:
    rng = random.Random(model)
    with Guest(model=model) as guest:

        def shifted(code: bytes, eax: int, flags: int) -> tuple[int, int]:
            guest.start(code, flags=flags)
            guest.vcpu.regs.eax, guest.vcpu.regs.ecx = eax, count
            assert guest.vcpu.run(2).reason in (ExitReason.HLT, ExitReason.BUDGET)
            return guest.vcpu.regs.eax, guest.vcpu.regs.eflags

        for op in range(8):
            for size in (1, 2, 4) if model > "80286" else (1, 2):
                prefix = b"\x66" if size == 4 else b""
                for count in (*range(34), 63, 64, 131, 255):
                    ending = bytes([0xC0 | op << 3])
                    by_cl = prefix + bytes([0xD2 | (size > 1)]) + ending
                    constant = prefix + bytes([0xC0 | (size > 1)]) + ending + bytes([count])
                    eax, flags = rng.getrandbits(32), 2 | rng.getrandbits(12) & 0x8D5
                    assert shifted(by_cl, eax, flags) == shifted(constant, eax, flags), count


def test_any_budget_stops_at_its_instruction() -> None:
    """CMP AL,80h; JB over MOV AH,1; MOV BH,2 - DEC CX; JNZ: stopped after each count."""
    code = bytes.fromhex("05 3713 3c80 7204 b401 b702 49 75f2")
    with Guest(code) as blocks, Guest(code) as steps:
        for most in range(1, 40):
            for guest in (blocks, steps):
                guest.start(code)
                guest.vcpu.regs.eax = guest.vcpu.regs.ebx = 0
                guest.vcpu.regs.ecx = 100
            for _ in range(3):  # decoded by the first
                assert blocks.vcpu.run(most).reason is ExitReason.BUDGET
            for _ in range(3 * most):
                steps.vcpu.run(1)
            assert blocks.vcpu.instructions == steps.vcpu.instructions
            for name in ("eax", "ebx", "ecx", "eip", "eflags"):
                assert getattr(blocks.vcpu.regs, name) == getattr(steps.vcpu.regs, name), most


def test_predicated_immediate_is_patched() -> None:
    """A loop adds its counter to the immediate of an instruction that it jumps over at times."""
    listing = """
        31c0            ; 1000: xor ax,ax
        b92800          ; 1002: mov cx,40
        000e 0f10       ; 1005: add [100Fh],cl
        f6c101          ; 1009: test cl,1
        7403            ; 100c: jz 1011h
        052200          ; 100e: add ax,34
        49              ; 1011: dec cx
        75f1            ; 1012: jnz 1005h
    """
    code = program(listing)
    expected, immediate = 0, 34
    for counter in range(40, 0, -1):
        immediate = (immediate + counter) & 0xFF
        if counter & 1:
            expected += immediate
    with Guest(code) as guest:
        assert guest.vcpu.run(1000).reason is ExitReason.HLT
        assert guest.vcpu.regs.ax == expected & 0xFFFF


def test_jump_into_what_is_predicated() -> None:
    """The predicated instruction is one like any other for who jumps to it."""
    # mov al,0; add al,-1; jc over; l: mov ah,5Ah; over: inc ah; jnz l
    code = bytes.fromhex("b000 04ff 7202 b45a fec4 75fa")
    with Guest(code) as guest:
        assert guest.vcpu.run(7).reason is ExitReason.BUDGET
        assert guest.vcpu.regs.ah == 0x5A  # by the second MOV


def test_jump_over_the_end_of_the_segment() -> None:
    """JCXZ-like distances that wrap are branches: JC at FFFCh over what lies at FFFEh and 0."""
    with Guest() as guest:
        guest.ram[0xFFFC:0x10000] = bytes.fromhex("7203 b4ff")
        guest.ram[0:2] = b"\x90\xf4"
        guest.vcpu.regs.ip = 0xFFFC
        guest.vcpu.regs.eflags |= 1
        assert guest.vcpu.run(10).reason is ExitReason.HLT
        assert guest.vcpu.regs.ah != 0xFF
