"""Which opcodes a model does not know, and which it locks: all tried, against the manuals' maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from pyx86emu import Vcpu
from pyx86emu.models import MODELS
from tests.harness import HANDLERS, Guest

REGS = range(8)
#: ModRM bytes with every reg field: [BX], and a register. (SP is left alone.)
FORMS = {"m": [reg << 3 | 7 for reg in REGS], "r": [0xC0 | reg << 3 | 3 for reg in REGS]}
PREFIXES = {0x26, 0x2E, 0x36, 0x3E, 0xF0, 0xF2, 0xF3}
PREFIXES_386 = {0x64, 0x65, 0x66, 0x67}

Form = tuple[str, str, int]  # opcode, "m" or "r", reg field


def every_form(model: str) -> Iterator[tuple[Form, bytes]]:
    """Each opcode, in two bytes from the 80186 on, with each kind of operand."""
    late = MODELS.index(model) >= 3
    skip = PREFIXES | (PREFIXES_386 if late else {0xF1}) | {0x0F}
    codes = {f"{op:02X}": bytes([op]) for op in range(256) if op not in skip}
    if model != "8086":
        codes |= {f"0F{op:02X}": bytes([0x0F, op]) for op in range(256)}
    for name, code in codes.items():
        for kind, modrms in FORMS.items():
            for reg, modrm in enumerate(modrms):
                yield (name, kind, reg), code + bytes([modrm, 0, 0, 0, 0])


def is_undefined(guest: Guest, code: bytes) -> bool:
    """Does it take vector 6, with the address of its first byte?"""
    vcpu: Vcpu = guest.vcpu
    vcpu.reset()  # the last one may have been LIDT,
    guest.vector(6, HANDLERS + 6)  # or a store
    guest.start(code)
    vcpu.regs.ebx = 0x4000
    exit = guest.vcpu.step()
    while exit.reason.name in ("IO", "MMIO"):  # an IN waits for its answer
        exit = guest.vcpu.step()
    return bool(vcpu.regs.ip == HANDLERS + 6 and guest.frame()[:4] == "0010")


def undefined(model: str, prefix: bytes = b"") -> set[Form]:
    """Try them all."""
    with Guest(model=model) as guest:
        return {form for form, code in every_form(model) if is_undefined(guest, prefix + code)}


def forms(ops: str, kinds: str = "mr", regs: Iterable[int] = REGS) -> set[Form]:
    """`80-83 F6`, operands in memory or registers, reg fields."""
    names: list[str] = []
    for part in ops.split():
        first, _, last = part.partition("-")
        names += [f"{n:0{len(first)}X}" for n in range(int(first, 16), int(last or first, 16) + 1)]
    wanted = list(regs)
    return {(name, kind, reg) for name in names for kind in kinds for reg in wanted}


#: From the 80186 on. A register where an address is needed; reg fields without an instruction.
REFUSED = (
    forms("62 8D C4 C5", "r")
    | forms("FF", "r", range(3, 6, 2))
    | forms("FF", regs=range(7, 8))
    | forms("FE", regs=range(2, 8))
    | forms("8F C6 C7", regs=range(1, 8))
    | forms("8E", regs=range(1, 2))  # MOV CS
    | forms("63")  # ARPL
)
ALL_0F = forms("0F00-0FFF")
#: 0F 01: SGDT SIDT LGDT LIDT with memory, SMSW, LMSW; its /0 with BX is no VMCALL.
KNOWN_286 = (
    forms("0F01", "m", range(4))
    | forms("0F01", regs=range(4, 5))
    | forms("0F01", regs=range(6, 7))
    | forms("0F06")
)
KNOWN_386 = (
    KNOWN_286
    | forms("0F20 0F22", regs=(0, 2, 3))
    | forms("0F21 0F23 0F80-0FA1 0FA3-0FA5 0FA8 0FA9 0FAB-0FAD 0FAF 0FB3 0FB6 0FB7 0FBB-0FBF")
    | forms("0F24 0F26", regs=range(6, 8))
    | forms("0FB2 0FB4 0FB5", "m")
    | forms("0FBA", regs=range(4, 8))
)
#: With CPUID and RDTSC, which some of them have.
KNOWN_486 = (
    KNOWN_386
    | forms("0F01", "m", range(7, 8))
    | forms("0F24 0F26", regs=range(3, 6))
    | forms("0F08 0F09 0F31 0FA2 0FB0 0FB1 0FC0 0FC1 0FC8-0FCF")
)
UNDEFINED = {
    "8086": set[Form](),
    "80186": REFUSED | forms("64-67") | forms("8C 8E", regs=range(4, 8)) | ALL_0F,
    "80286": REFUSED | forms("64-67") | forms("8C 8E", regs=range(4, 8)) | ALL_0F - KNOWN_286,
    "80386": REFUSED | forms("8C 8E", regs=range(6, 8)) | ALL_0F - KNOWN_386,
    "80486": REFUSED | forms("8C 8E", regs=range(6, 8)) | ALL_0F - KNOWN_486,
}
#: 386 PRM, LOCK; XADD and CMPXCHG came with the 80486.
LOCKED_386 = (
    forms("00 01 08 09 10 11 18 19 20 21 28 29 30 31 86 87 0FAB 0FB3 0FBB", "m")
    | forms("80-83", "m", range(7))
    | forms("F6 F7", "m", range(2, 4))
    | forms("FE FF", "m", range(2))
    | forms("0FBA", "m", range(5, 8))
)
LOCKED = {"80386": LOCKED_386, "80486": LOCKED_386 | forms("0FB0 0FB1 0FC0 0FC1", "m")}


@pytest.mark.parametrize("model", MODELS)
def test_each_model_knows_just_these_opcodes(model: str) -> None:
    found = undefined(model)

    assert sorted(found - UNDEFINED[model]) == [], "known to the chip"
    assert sorted(UNDEFINED[model] - found) == [], "not known to the chip"


@pytest.mark.parametrize("model", MODELS[3:])
def test_only_a_read_modify_write_of_memory_can_be_locked(model: str) -> None:
    locked = {form for form, _ in every_form(model)} - undefined(model, b"\xf0")

    assert sorted(locked ^ LOCKED[model]) == []


@pytest.mark.parametrize("model", MODELS[:3])
def test_lock_before_anything_changes_nothing_on_older_models(model: str) -> None:
    assert undefined(model, b"\xf0") == UNDEFINED[model]
