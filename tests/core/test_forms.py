"""Each form of an instruction, in plain memory and by the slow path: equal results.

The handlers of frequent forms reach plain memory themselves and leave the rest to a slow path. Here
one Vm has plain memory, in the second one everything is watched, so that each access takes the slow
path, and the third has a second vCPU, so that LOCK locks.
"""

from __future__ import annotations

import random

import pytest

from pyx86emu import ExitReason, Vcpu, Vm
from tests.harness import CODE, Running, another, program, wait_until

#: Without prefixes. ModR/M bytes: [si], [bx+di+disp], [disp16]; a register for comparison.
OF_8086 = (
    *(
        "8b04",
        "8904",
        "8a4102",
        "888102 01",
        "8b06fe80",
        "c604 55",
        "c704 5566",
        "a1fe80",
        "a3ff80",
    ),
    *(
        "0304",
        "0004",
        "1101",
        "2b4102",
        "3904",
        "8404",
        "8304 7f",
        "8134 1234",
        "f604 01",
        "f704 8000",
    ),
    *("ff04", "fe0c", "f714", "f61c", "d104", "d224", "d32c", "d114", "d23c", "d31c"),
    *(
        "8704",
        "8604",
        "f724",
        "f62c",
        "f734",
        "f63c",
        "ff34",
        "8f04",
        "c43c",
        "c51c",
        "8d4102",
        "d7",
    ),
    *("8c04", "8e04 8ed8", "06 07", "1e 1f", "50 5b", "9c 9d", "cd21", "e80000 5a", "9a00110000"),
    *("a4", "a5", "aa", "ab", "ac", "ad", "a6", "a7", "ae", "af"),
    *("f3a4", "f3a5", "f3aa", "f3ab", "f3ac", "f3ad", "f3a6", "f2a7", "f2ae", "f3af"),
)
OF_80186 = (
    "60",
    "61",
    "60 61",
    "c104 03",
    "c02c 07",
    "c110 09",
    "c104 00",
    "6b0409",
    "69041234",
    "c8080000 c9",
)
OF_80386 = (
    *("0fb604", "0fb704", "0fbe4102", "0fbf04", "0faf04", "0fa404 05", "0fad04", "0fac04 00"),
    *(
        "0fa304",
        "0fab04",
        "0fb304",
        "0fbb04",
        "0fba24 03",
        "0fba2c 1f",
        "0fba34 07",
        "0f9404",
        "0fb204",
    ),
)
OF_80486 = ("0fc104", "0fc004", "0fb104", "0fb004", "0fb0c3", "0fc1c3")
#: With the prefix 67h: [esi], [ebx+ecx*4+8], [esi*2+8000h], [ebx-1]; what they access is at 8000h.
WIDE = (
    *(
        "678b06",
        "67880c8b",
        "678b448b08",
        "678904 75 00800000",
        "678d44 8b08",
        "6766 8d04b5 00000100",
    ),
    *(
        "67030e",
        "670106",
        "67294b ff",
        "678306 05",
        "67c706 1234",
        "67f716",
        "67ff06",
        "67d126",
        "67ff36",
    ),
    *(
        "67f726",
        "67ac",
        "67aa",
        "67a5",
        "67a6",
        "67ae",
        "67f3a4",
        "67d7",
        "670fb606",
        "670fab06",
        "67c43e",
    ),
)
LOCKABLE = (
    "ff04",
    "0104",
    "8304 7f",
    "f714",
    "0fab04",
    "0fba2c 1f",
    "0fc104",
    "0fb104",
    "8704",
    "67ff06",
)
SEGMENTS = ("", "", "", "26", "2e", "36", "3e")
LEVEL = {"8086": 0, "80286": 2, "80386": 3, "80486": 4}
HANDLER = 0x500
LIMIT = 2000


def forms(model: str) -> tuple[str, ...]:
    level = LEVEL[model]
    some = OF_8086 + (OF_80186 if level else ()) + (OF_80386 + WIDE if level >= 3 else ())
    return some + (OF_80486 if level >= 4 else ())


def instruction(rng: random.Random, model: str, form: str) -> bytes:
    code = bytes.fromhex(form)
    if LEVEL[model] >= 3 and rng.random() < 0.4:
        code = b"\x66" + code
    if form in LOCKABLE and rng.random() < 0.5:
        code = b"\xf0" + code
    return bytes.fromhex(rng.choice(SEGMENTS)) + code


def setting(vm: Vm, model: str, form: str, seed: int) -> Vcpu:
    rng = random.Random(f"{model} {form} {seed}")
    ram = vm.add_memory(0, 0x40000)
    ram[:] = rng.randbytes(0x40000)
    ram[:0x400] = HANDLER.to_bytes(4, "little") * 256
    ram[HANDLER : HANDLER + 1] = b"\xf4"
    code = b"".join(instruction(rng, model, form) for _ in range(4)) + b"\xf4"
    ram[CODE : CODE + len(code)] = code
    ram[0x1100:0x1101] = b"\xf4"  # where the far CALL goes
    vcpu = vm.create_vcpu(model)
    regs = vcpu.regs
    for name in ("ax", "bx", "cx", "dx", "bp", "si", "di"):
        setattr(regs, name, rng.choice((rng.getrandbits(16), rng.randrange(0x80E0, 0x8120))))
    near = rng.choice((0x8000, 0x80F8, 0x8005, 0xFFF8, CODE + 0x20, 0x80FE, 0x8100))
    regs.si, regs.di = near, (near + rng.randrange(-12, 13)) & 0xFFFF
    regs.cx = rng.choice((0, 1, 2, 3, 8, 9, 40))
    if LEVEL[model] >= 3 and rng.random() < 0.3:
        regs.esi |= 0x10000  # above the segment, for 67h
    regs.cs, regs.ip = 0, CODE
    regs.ds, regs.es = rng.choice((0, 0x1003)), rng.choice((0, 0x1003))
    regs.ss, regs.sp = 0x2000, rng.choice((0x7000, 0x7008, 0x7105, 0x0004, 0x0010, 0x00FF, 0xFFFE))
    regs.flags = 2 | rng.choice((0, 0x400)) | rng.choice((0, 0x8D5, 0x41))
    return vcpu


def outcome(model: str, form: str, seed: int, how: str) -> dict[str, object]:
    with Vm() as vm:
        vcpu = setting(vm, model, form, seed)
        if how == "locked":
            vm.create_vcpu(model)
        if how == "watched":
            vcpu.debug(watch=[(0, 0x40000, "rw")])
        exit = vcpu.run(LIMIT)
        while exit.reason is ExitReason.DEBUG and vcpu.instructions < LIMIT:
            exit = vcpu.run(LIMIT - vcpu.instructions)
        regs = vcpu.regs
        names = (
            "eax",
            "ebx",
            "ecx",
            "edx",
            "esp",
            "ebp",
            "esi",
            "edi",
            "eip",
            "eflags",
            "cs",
            "ds",
            "es",
            "ss",
        )
        seen: dict[str, object] = {name: hex(getattr(regs, name)) for name in names}
        return seen | {
            "instructions": vcpu.instructions,
            "memory": bytes(vm.slots[0][:]),
        }


@pytest.mark.parametrize("how", ["watched", "locked"])
@pytest.mark.parametrize("model", list(LEVEL))
def test_a_form_does_the_same_in_all_memory(model: str, how: str) -> None:
    for form in forms(model):
        for seed in range(12):
            plain = outcome(model, form, seed, "plain")
            other = outcome(model, form, seed, how)
            differ = [key for key in plain if plain[key] != other[key]]
            assert not differ, f"{model}, {form}, seed {seed}: {differ}"


def test_locked_instructions_lock_from_the_second_vcpu_on() -> None:
    """Given a vCPU that runs LOCK INC alone, when a second one comes, then none of both is lost."""
    turns = 300_000
    code = program(
        "f0 66 ff 06 00 80  66 49  75 f6  f4"
    )  # again: lock inc dword [8000h]; dec ecx; jnz
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[CODE : CODE + len(code)] = code
        first = another(vm)
        first.regs.ecx = turns
        one = Running(first.run)
        wait_until(lambda: first.instructions > 1000)
        second = another(vm, stack=0x6000)
        second.regs.ecx = turns
        two = Running(second.run)
        assert one.result().reason is ExitReason.HLT
        assert two.result().reason is ExitReason.HLT
        assert int.from_bytes(ram[0x8000:0x8004], "little") == 2 * turns
