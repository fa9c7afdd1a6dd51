"""Several PUSH or POP in a row are one op: a block gives what single steps give."""

from __future__ import annotations

import random

import pytest

from pyx86emu import ExitReason
from tests.harness import CODE, Guest

REGISTERS = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags")
#: SP: aligned or not, at the ends of the segment, of a granule, of the code, and in it.
TOPS = (
    *(0x8000, 0x8001, 0x8008, 0x8104, 0x80FE, 0x7FF8, 0, 1, 2, 3, 6, 14, 0xFFF0, 0xFFFE, 0xFFFF),
    *(CODE, CODE - 6, CODE + 4, CODE + 40, CODE + 50, CODE + 0x100, 0x800, 0x806, 0x7F8),
)
#: SS: RAM up to the end of the segment; RAM up to 0800h of it, and a hole above; a hole.
STACKS = (0, 0xF80, 0x2000)

#: Instructions of a program that has overwritten itself.
MOST = 1000


def words(rng: random.Random, model: str) -> bytes:
    """Runs of PUSH and POP of any registers, SP too, with something between them at times."""
    code = b""
    for _ in range(rng.randrange(1, 5)):
        first = rng.choice((0x50, 0x58))
        for _ in range(rng.randrange(1, 12)):
            register = rng.randrange(8)
            if first == 0x58 and register == 4 and rng.randrange(4):
                continue  # POP SP ends most of the rest
            prefix = b"\x66" if model > "80286" and not rng.randrange(12) else b""
            code += prefix + bytes([first | register])
        if not rng.randrange(3):
            code += rng.choice((b"\x1e", b"\x06", b"\x40", b"\x89\xd8", b"\xff\x36\x00\x40"))
    return code


def ended(guest: Guest, top: int, stack: int, budget: int) -> dict[str, object]:
    """What the code in memory makes of known registers, if each run is limited to `budget`."""
    guest.vcpu.reset()
    guest.start()
    regs = guest.vcpu.regs
    for i, name in enumerate(("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp")):
        setattr(regs, name, 0x11223344 * (i + 1) & 0xFFFFFFFF)
    regs.sp, regs.ss = top, stack
    before = guest.vcpu.instructions
    exits = []
    while (left := before + MOST - guest.vcpu.instructions) > 0:
        exit = guest.run(min(budget, left))
        if exit.reason is not ExitReason.BUDGET:
            exits.append(guest.show(exit))
        if exit.reason in (ExitReason.HLT, ExitReason.SHUTDOWN):
            break
    return {
        **{name: getattr(regs, name) for name in REGISTERS},
        "exits": exits,
        "ram": bytes(guest.ram),
        "instructions": guest.vcpu.instructions - before,
    }


@pytest.mark.parametrize("model", ["8086", "80286", "80386", "80486"])
@pytest.mark.parametrize("seed", range(6))
def test_runs_of_push_and_pop_are_what_their_steps_are(seed: int, model: str) -> None:
    rng = random.Random(seed)
    with Guest(model=model) as guest:
        clean = bytes(guest.ram)
        for _ in range(50):
            code = words(rng, model)
            top, stack = rng.choice(TOPS), rng.choice(STACKS)
            ends = []
            for budget in (1000, 1, 1000, rng.randrange(2, 9)):
                guest.ram[:] = clean
                guest.ram[CODE : CODE + len(code) + 2] = code + b"\xf4\xf4"
                ends.append(ended(guest, top, stack, budget))
            for end in ends:
                assert end == ends[1], f"{code.hex()}, SS:SP {stack:04x}:{top:04x}"


def test_a_watchpoint_stops_within_a_run() -> None:
    """PUSH AX, BX, CX, DX with the word of CX watched: it stops after PUSH CX."""
    with Guest(bytes.fromhex("50535152")) as guest:
        assert guest.run().reason is ExitReason.HLT
        guest.start()
        guest.vcpu.debug(watch=[(0x7FFA, 2, "w")])

        exit = guest.run()

        assert exit.reason is ExitReason.DEBUG
        assert guest.vcpu.regs.ip == CODE + 3


def test_the_dirty_log_notes_each_page_of_a_run() -> None:
    """Four PUSHes over the end of a page: both pages are dirty."""
    with Guest(bytes.fromhex("50535152")) as guest:
        slot = guest.vm.add_memory(0x20000, 0x4000, dirty_log=True)
        for _ in range(3):  # the second time the block is known, the third time the pages are open
            guest.start()
            guest.vcpu.regs.ss, guest.vcpu.regs.sp = 0x2000, 0x2004
            assert guest.run().reason is ExitReason.HLT

        assert slot.dirty_pages().tolist() == [False, True, True, False]


def test_a_run_stops_at_the_budget() -> None:
    with Guest(bytes.fromhex("50535152 5a595b58")) as guest:
        guest.run()
        for budget in range(1, 8):
            guest.start()

            assert guest.run(budget).reason is ExitReason.BUDGET

            assert guest.vcpu.regs.ip == CODE + budget
            assert guest.vcpu.regs.sp == 0x8000 - 2 * min(budget, 8 - budget)
