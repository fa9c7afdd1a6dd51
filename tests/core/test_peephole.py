"""Dead flags and fused branches: a block gives what single steps give, which have neither."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from pyx86emu import ExitReason
from tests.harness import CODE, Guest

REGISTERS = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags")
DATA = 0x4000
ODD = (0, 1, 0x7F, 0x80, 0x81, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

#: On AX, BX and the memory at BP: byte forms here; +1 and 66h make them word and dword forms.
ALU = [bytes([op << 3, 0xC3]) for op in range(8)]  # op bl,al
ALU += [bytes([op << 3, 0x46, 0]) for op in range(8)]  # op [bp],al
ALU += [bytes([op << 3 | 2, 0x46, 0]) for op in range(8)]  # op al,[bp]
ALU += [bytes([0x84, 0xC3]), bytes([0x84, 0x46, 0])]  # test
ALU += [bytes([0xFE, 0xC3]), bytes([0xFE, 0xCB])]  # inc, dec bl
ALU += [bytes([0xF6, reg << 3 | 0xC3]) for reg in (2, 3)]  # not, neg
ALU += [bytes([0xC0, reg << 3 | 0xC3, n]) for reg in range(8) for n in (1, 3, 31)]  # shifts
#: The same with an immediate: of a byte, and sign-extended.
IMMEDIATE = [(bytes([0x80, op << 3 | 0xC3]), 1) for op in range(8)]
IMMEDIATE += [(bytes([0x80, op << 3 | 0x46, 0]), 1) for op in range(8)]
IMMEDIATE += [(bytes([0xF6, 0xC3]), 0), (bytes([0xF6, 0x46, 0]), 0)]  # test

#: What may stand between and neither reads flags nor leaves the block.
QUIET = ("89c3", "b88000", "93", "8d4701", "98", "99", "0fb6c8", "0fbed1", "90", "8cd8", "8ed9")


def forms(rng: random.Random) -> Iterator[bytes]:
    """Every form of ALU and IMMEDIATE in every size, operands at random."""
    for prefix, wide in ((b"", 0), (b"", 1), (b"\x66", 1)):
        size = 1 if not wide else (4 if prefix else 2)
        for code in ALU:
            yield prefix + bytes([code[0] | wide]) + code[1:]
        for code, short in IMMEDIATE:
            value = rng.choice((rng.choice(ODD), rng.getrandbits(32)))
            yield (prefix + bytes([code[0] | wide]) + code[1:] + value.to_bytes(4, "little")[:size])
            if short and wide:
                yield prefix + bytes([code[0] | 3]) + code[1:] + bytes([value & 0xFF])


def state(guest: Guest) -> dict[str, int | bytes]:
    regs = {name: getattr(guest.vcpu.regs, name) for name in REGISTERS}
    return regs | {"data": guest.ram[DATA : DATA + 4]}


def both_ways(guest: Guest, rng: random.Random) -> tuple[dict[str, int | bytes], ...]:
    """What the code makes of the same registers in a block, and step by step."""
    values = {name: rng.choice((rng.choice(ODD), rng.getrandbits(32))) for name in REGISTERS[:6]}
    data = rng.choice((rng.choice(ODD), rng.getrandbits(32))).to_bytes(4, "little")
    flags = rng.getrandbits(12) & 0x8D5 | 2
    ends = []
    for steps in (False, True):
        guest.start(flags=flags)
        for name, value in values.items():
            setattr(guest.vcpu.regs, name, value)
        guest.vcpu.regs.ebp = DATA
        guest.ram[DATA : DATA + 4] = data
        before = guest.vcpu.instructions
        exit = guest.vcpu.run(1 if steps else 1000)
        while exit.reason is ExitReason.BUDGET:
            exit = guest.vcpu.run(1)
        assert exit.reason is ExitReason.HLT, exit
        ends.append(state(guest) | {"instructions": guest.vcpu.instructions - before})
    return tuple(ends)


@pytest.mark.parametrize("model", ["80186", "80386", "80486"])
@pytest.mark.parametrize("condition", range(16))
def test_compare_and_branch(condition: int, model: str) -> None:
    rng = random.Random(condition)
    with Guest(model=model) as guest:
        for code in forms(rng):
            if code[0] == 0x66 and model == "80186":
                continue
            branch = bytes([0x70 | condition, 2, 0x47, 0x47])  # jcc over inc di; inc di
            guest.ram[CODE : CODE + 20] = (code + branch).ljust(20, b"\xf4")
            for _ in range(6):
                block, steps = both_ways(guest, rng)
                assert block == steps, f"{code.hex()} and {branch.hex()}"


@pytest.mark.parametrize("model", ["8086", "80286", "80386", "80486"])
@pytest.mark.parametrize("seed", range(8))
def test_flags_that_nobody_reads(seed: int, model: str) -> None:
    rng = random.Random(seed)
    level = ("8086", "80286", "80386", "80486").index(model)
    every = [f for f in forms(rng) if (f[0] != 0x66 or level > 1) and (f[0] | 1 != 0xC1 or level)]
    between = [bytes.fromhex(q) for q in QUIET if level > 1 or not q.startswith("0f")]
    with Guest(model=model) as guest:
        for _ in range(60):
            code = b"".join(
                rng.choice(every if rng.random() < 0.8 else between)
                for _ in range(rng.randrange(2, 14))
            )
            code += bytes([0x70 | rng.randrange(16), 0])
            guest.ram[CODE : CODE + len(code) + 1] = code + b"\xf4"
            block, steps = both_ways(guest, rng)
            assert block == steps, code.hex()


def test_flags_are_exact_where_a_load_leaves_the_block() -> None:
    """ADD AX,BX; MOV CX,[hole]; SUB AX,BX: the flags of ADD are rewritten, but not before."""
    with Guest(bytes.fromhex("01d8 8b0f 29d8")) as guest:
        guest.vcpu.regs.eax = guest.vcpu.regs.ebx = 0x8000
        guest.vcpu.regs.ds = 0xD000

        exit = guest.vcpu.run()

        assert exit.reason is ExitReason.MMIO
        assert guest.vcpu.regs.flags & 0x8D5 == 0x845  # OF ZF PF CF of 8000h + 8000h
