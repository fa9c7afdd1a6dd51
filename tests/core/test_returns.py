"""The prediction of returns: a RET goes where the stack says, whatever CALL was the last."""

from __future__ import annotations

import random

import pytest

from pyx86emu import ExitReason
from tests.core.test_peephole import both_ways
from tests.harness import CODE, Guest, program

FUNCTIONS = 8
AWAY = 0x2000


def routine(rng: random.Random, at: int, number: int) -> bytes:
    """A routine that calls later ones in several ways, and returns in one of several."""
    code = b""
    far = number % 2  # the even ones end in RET, the odd ones in RETF
    for _ in range(rng.randrange(1, 5)):
        code += bytes([0x05, number, rng.getrandbits(8)])  # add ax,...
        here = at + len(code)
        if number + 2 < FUNCTIONS:
            callee = rng.randrange(number + 1, FUNCTIONS)
            target = AWAY + 0x100 * callee
            if callee % 2 == 0:
                if rng.randrange(3):
                    code += b"\xe8" + (target - here - 3 & 0xFFFF).to_bytes(2, "little")
                else:  # call $+3; pop bx; add bx,distance; call bx
                    distance = (target - here - 3).to_bytes(2, "little")
                    code += b"\xe8\x00\x00\x5b\x81\xc3" + distance + b"\xff\xd3"
            else:  # by its address, or by the alias one paragraph on
                segment = rng.randrange(3)
                code += b"\x9a" + (target - 16 * segment).to_bytes(2, "little")
                code += segment.to_bytes(2, "little")
                code += b"\x2e\x8c\x0e\x00\x40"  # mov [cs:4000h],cs
        elif rng.randrange(2):  # call $+3; pop bx; add bx,6; push bx; ret
            code += b"\xe8\x00\x00\x5b\x83\xc3\x06\x53\xc3"
    if far:
        return code + b"\xcb"
    # RET, before it POP BX, PUSH BX, or POP BX, JMP BX
    return code + rng.choice((b"\xc3", b"\x5b\x53\xc3", b"\x5b\xff\xe3"))


@pytest.mark.parametrize("seed", range(30))
def test_any_calls(seed: int) -> None:
    rng = random.Random(seed)
    with Guest(model="80386") as guest:
        for number in range(FUNCTIONS):
            at = AWAY + 0x100 * number
            code = routine(rng, at, number)
            guest.ram[at : at + len(code)] = code
        # three times the whole: mov cx,3; call routine 0; loop
        code = b"\xb9\x03\x00\xe8" + (AWAY - CODE - 6).to_bytes(2, "little") + b"\xe2\xfb\xf4"
        guest.ram[CODE : CODE + len(code)] = code
        block, steps = both_ways(guest, rng)
        assert block == steps


def test_recursion_deeper_than_the_ring() -> None:
    """Down a hundred levels and back, several times: each return finds its place."""
    listing = """
        be0500          ; 1000: mov si,5
        b96400          ; 1003: mov cx,100
        e80400          ; 1006: call 100Dh
        4e              ; 1009: dec si
        75f7            ; 100a: jnz 1003h
        f4              ; 100c: hlt
        49              ; 100d: dec cx
        7403            ; 100e: jz 1013h
        e8faff          ; 1010: call 100Dh
        40              ; 1013: inc ax
        c3              ; 1014: ret
    """
    with Guest(program(listing)) as guest:
        guest.vcpu.regs.ax = 0
        assert guest.vcpu.run(100_000).reason is ExitReason.HLT
        assert guest.vcpu.regs.ax == 500


def test_code_behind_the_call_is_patched_in_the_routine() -> None:
    """The block that the RET is expected to go to is no longer what it was."""
    listing = """
        b90a00          ; 1000: mov cx,10
        e80400          ; 1003: call 100Ah
        40              ; 1006: inc ax        or dec ax (48h)
        e2fa            ; 1007: loop 1003h
        f4              ; 1009: hlt
        8036061008      ; 100a: xor byte [1006h],8
        c3              ; 100f: ret
    """
    with Guest(program(listing)) as guest:
        guest.vcpu.regs.ax = 100
        assert guest.vcpu.run(1000).reason is ExitReason.HLT
        assert guest.vcpu.regs.ax == 100  # five up, five down


def test_the_call_itself_is_patched_in_the_routine() -> None:
    """Where the CALL was there is something else when the RET comes back."""
    listing = """
        b90400          ; 1000: mov cx,4
        c6061010e8      ; 1003: mov byte [1010h],E8h     the CALL again
        c7061110 0b00   ; 1008: mov word [1011h],000Bh
        31db            ; 100e: xor bx,bx
        e80b00          ; 1010: call 101Eh
        43              ; 1013: inc bx
        75fa            ; 1014: jnz 1010h     what was the CALL is run as JZ, NOP
        e2eb            ; 1016: loop 1003h
        f4              ; 1018: hlt
        9090909090      ; 1019:
        c70610107402    ; 101e: mov word [1010h],0274h   jz 1014h
        c606121090      ; 1024: mov byte [1012h],90h
        31ff            ; 1029: xor di,di
        bbffff          ; 102b: mov bx,-1
        c3              ; 102e: ret
    """
    rng = random.Random(0)
    with Guest(program(listing)) as guest:
        block, steps = both_ways(guest, rng)
        assert block == steps


def test_blocks_dropped_between_call_and_return() -> None:
    """A device in the routine changes the memory slots, which drops every block."""
    listing = """
        b93200          ; 1000: mov cx,50
        e80300          ; 1003: call 1009h
        e2fb            ; 1006: loop 1003h
        f4              ; 1008: hlt
        e680            ; 1009: out 80h,al
        40              ; 100b: inc ax
        c3              ; 100c: ret
    """
    with Guest(program(listing)) as guest:
        guest.vcpu.regs.ax = 0
        exits = 0
        while (exit := guest.vcpu.run(1000)).reason is ExitReason.IO:
            guest.vm.add_memory(0x20000 + 0x1000 * exits, 0x1000)
            exits += 1
        assert exit.reason is ExitReason.HLT
        assert exits == guest.vcpu.regs.ax == 50
