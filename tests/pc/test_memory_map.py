"""What the BIOS says of memory is what the machine has, for every size: E820h, E801h, 88h, 12h."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, Machine

MakeMachine = Callable[..., Machine]

KIB, MIB = 1 << 10, 1 << 20
#: E820h entries to 8000h, their end to 7FF0h; E801h AX, BX to 7FE0h; 88h to 7FE4h; 12h to 7FE6h.
ASK = bytes.fromhex(
    "6631db bf0080 66b820e80000 66ba50414d53 66b914000000 cd15 7208 83c714 6685db 75e2"
    "893ef07f b801e8 cd15 a3e07f 891ee27f b488 cd15 a3e47f cd12 a3e67f fa f4"
)
SIZES = (
    *(64 * KIB, 100 * KIB, 128 * KIB, 636 * KIB, 640 * KIB, 644 * KIB, MIB, MIB + 4 * KIB),
    *(2 * MIB, 15 * MIB, 16 * MIB, 16 * MIB + 4 * KIB, 16 * MIB + 64 * KIB, 17 * MIB),
    *(64 * MIB, 65 * MIB, 65 * MIB + 4 * KIB, 300 * MIB),
)


def word(m: Machine, addr: int) -> int:
    return int.from_bytes(m.vm.read(addr, 2), "little")


@pytest.mark.parametrize("size", SIZES)
def test_the_bios_says_what_the_machine_has(machine: MakeMachine, size: int) -> None:
    m = machine(ASK, memory=size)
    assert m.run(timeout=10).reason is ExitReason.HLT

    data = m.vm.read(0x8000, word(m, 0x7FF0) - 0x8000)
    entries = [
        tuple(int.from_bytes(data[i + a : i + b], "little") for a, b in ((0, 8), (8, 16), (16, 20)))
        for i in range(0, len(data), 20)
    ]

    low = min(size, 640 * KIB)
    # The CMOS counts blocks of 64 KiB above 16 MiB.
    high = max(0, size - MIB) if size <= 16 * MIB else size // (64 * KIB) * (64 * KIB) - MIB
    expected = [(0, low // KIB * KIB, 1), (0xF0000, 0x10000, 2)]
    assert entries == expected + ([(MIB, high // KIB * KIB, 1)] if high else [])
    assert word(m, 0x7FE6) == low // KIB
    assert word(m, 0x7FE0) * KIB + word(m, 0x7FE2) * 64 * KIB == high
    assert word(m, 0x7FE4) == min(max(0, size - MIB) // KIB, 0xFFFF)
    memory = {slot.addr: slot.size for slot in m.vm.slots}
    for base, length, kind in entries:
        assert memory[base] >= length, f"type {kind}"


@pytest.mark.parametrize("model", ["8086", "80186", "80286"])
def test_e820h_needs_a_386(machine: MakeMachine, model: str) -> None:
    # mov ax,0E820h; int 15h; mov [7FE0h],ax; sbb al,al; mov [7FE2h],al
    m = machine(bytes.fromhex("b820e8 cd15 a3e07f 1ac0 a2e27f fa f4"), model=model)
    m.run(timeout=10)

    assert word(m, 0x7FE0) >> 8 == 0x86
    assert m.vm.read(0x7FE2, 1) == b"\xff"
