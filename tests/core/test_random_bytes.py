"""Random bytes as code: no exit that is ours, no more instructions than allowed."""

from __future__ import annotations

import random

import pytest

from pyx86emu import ExitReason, Vm
from pyx86emu.models import MODELS

#: Exits that a guest can cause by itself.
GUEST_REASONS = {
    *(ExitReason.IO, ExitReason.MMIO, ExitReason.HLT, ExitReason.SHUTDOWN),
    *(ExitReason.INTERNAL_ERROR, ExitReason.BUDGET, ExitReason.HYPERCALL),
}


def run_random_bytes(model: str, cases: int, first: int = 0) -> None:
    """Random code, data and registers: no exit that is ours, no more instructions than allowed."""
    with Vm() as vm:
        ram = vm.add_memory(0, 0x110000)
        vcpu = vm.create_vcpu(model=model)
        for case in range(first, first + cases):
            rng = random.Random(f"{model} {case}")
            vcpu.reset()
            for name in ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"):
                setattr(vcpu.regs, name, rng.choice((rng.getrandbits(32), rng.getrandbits(16))))
            for name in ("ds", "es", "ss"):
                setattr(vcpu.regs, name, rng.choice((0, 0x1000, 0xF000, 0xFFFF)))
            vcpu.regs.cs = rng.choice((0, 0x1000, 0xF000, 0xFFF0, 0xFFFF))
            vcpu.regs.eip = rng.choice((0x1000, 0xFFF0, rng.getrandbits(16)))
            start = (vcpu.regs.cs << 4) + vcpu.regs.eip
            for at in (0, rng.randrange(0x10000), start):
                data = rng.randbytes(rng.choice((16, 64, 600)))
                ram[at : min(at + len(data), 0x110000)] = data[: 0x110000 - at]
            before = vcpu.instructions
            left = 3000
            for _ in range(60):
                exit = vcpu.run(left)
                assert exit.reason in GUEST_REASONS, f"{model}, case {case}: {exit}"
                left = 3000 - (vcpu.instructions - before)
                assert left >= 0, f"{model}, case {case}: budget overrun"
                if exit.reason is ExitReason.IO or exit.reason is ExitReason.MMIO:
                    if not exit.write:
                        exit.reply(rng.randbytes(exit.size * exit.count))
                elif exit.reason not in (ExitReason.HLT, ExitReason.HYPERCALL) or not left:
                    break


@pytest.mark.parametrize("model", MODELS)
def test_random_bytes_do_no_harm(model: str) -> None:
    run_random_bytes(model, 60)


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_ten_thousand_random_byte_strings_do_no_harm(model: str) -> None:
    run_random_bytes(model, 10_000, first=60)
