"""A step is a run of one instruction: `step()` does what `run(1)` does, whatever comes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason, Machine, MpState, Vcpu
from pyx86emu.models import MODELS
from tests.harness import HANDLERS, Guest, program

#: What a random program consists of: the interesting cases more often than by chance.
PIECES = [
    *("fb", "fa", "f4", "fb f4", "9c 58 0d0001 50 9d", "9d", "fbfa", "8ed0", "16 17"),
    *("f3aa", "f3a4", "f36c", "f2ae", "26f3a4", "f36e", "a5", "cc", "cd21", "cf", "ce"),
    *("e420", "e621", "e640", "e440", "b0ff e621", "b000 e621", "b020 e620", "e680", "e510"),
    *("ec", "ee", "ed", "ef", "0f0b", "f7f1", "d5 00", "ebfe", "7500", "e2fe", "c3", "58", "50"),
    *("b034 e643 b001 e640 e640", "a0f0ff", "a2f0ff", "8ec0", "f0ff06 0001", "fb cd08", "f1"),
]
REGISTERS = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eip", "eflags"),
    *("cs", "ds", "es", "ss", "fs", "gs"),
)
END = (ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR)


def random_program(rng: random.Random) -> bytes:
    """Pieces and random bytes."""
    parts = [
        program(rng.choice(PIECES)) if rng.random() < 0.8 else rng.randbytes(rng.randrange(1, 5))
        for _ in range(40)
    ]
    return b"".join(parts)


def made(seed: str, model: str, irqchip: bool) -> Guest:
    """A guest with a random program, registers and handlers. The same seed gives the same one."""
    rng = random.Random(seed)
    code = random_program(rng)
    guest = Guest(code, model=model, irqchip=irqchip, flags=rng.choice((2, 0x202, 0x302, 0x602)))
    regs = guest.vcpu.regs
    for name in ("eax", "ebx", "ecx", "edx", "esi", "edi"):
        setattr(regs, name, rng.choice((rng.getrandbits(32), rng.getrandbits(8), 0x20)))
    handlers = [b"\xcf", program("b020 e620 cf"), b"\xf4\xcf", b"\x40\xcf", program("fb 90 cf")]
    for vector in range(256):
        at = 0x3000 + 8 * vector
        guest.vector(vector, at)
        guest.ram[at : at + 8] = rng.choice(handlers).ljust(8, b"\xf4")
    if irqchip and rng.random() < 0.5:
        guest.vm.pio.write(0x21, 1, rng.choice((0, 0xFE, 0xFF)))
        guest.vm.pio.write(0x43, 1, 0x34)
        guest.vm.pio.write(0x40, 1, rng.choice((2, 50, 255)))
        guest.vm.pio.write(0x40, 1, 0)
    if rng.random() < 0.2:
        guest.vcpu.nmi()
    if rng.random() < 0.2:
        guest.vcpu.request_interrupt_window = True
    if rng.random() < 0.2:
        guest.vcpu.interrupt(0x30, queue=True)
    return guest


def state(guest: Guest, irqchip: bool) -> dict[str, Any]:
    """All that a step can change, but for the memory."""
    vcpu, vm = guest.vcpu, guest.vm
    found: dict[str, Any] = {name: getattr(vcpu.regs, name) for name in REGISTERS}
    found.update(instructions=vcpu.instructions, spent=vcpu.spent, time=vm.time)
    found.update(mp_state=vcpu.mp_state, ready=vcpu.ready)
    if irqchip:
        found.update(irqchip=vm.irqchip, pit=vm.pit)
    return found


def agree(stepped: Exit, ran: Exit) -> bool:
    """Is it the same exit, DEBUG in place of BUDGET?"""
    if ran.reason is ExitReason.BUDGET:
        return stepped.reason is ExitReason.DEBUG
    what = [
        (e.reason, e.addr, e.size, e.count, e.write, e.value, e.cs, e.ip) for e in (stepped, ran)
    ]
    return what[0] == what[1]


def answer(exit: Exit, rng: random.Random) -> None:
    """Answer a read."""
    if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
        exit.reply(rng.randbytes(exit.size * exit.count))


def compare(seed: str, model: str, irqchip: bool, steps: int = 250) -> None:
    """Two equal guests: one steps, the other runs for one instruction."""
    one, other = made(seed, model, irqchip), made(seed, model, irqchip)
    with one.vm, other.vm:
        for n in range(steps):
            stepped, ran = one.vcpu.step(), other.vcpu.run(1)
            where = f"{seed}, step {n}: {stepped} and {ran}"
            assert agree(stepped, ran), where
            reading = stepped.reason in (ExitReason.IO, ExitReason.MMIO) and not stepped.write
            answers = random.Random(n), random.Random(n)
            for exit, rng in zip((stepped, ran), answers, strict=True):
                answer(exit, rng)
            if not reading:
                assert state(one, irqchip) == state(other, irqchip), where
            if ran.reason in END:
                break
        assert one.vm.read(0, 0x10000) == other.vm.read(0, 0x10000), seed


@pytest.mark.parametrize("irqchip", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_step_is_a_run_of_one_instruction(model: str, irqchip: bool) -> None:
    for case in range(12):
        compare(f"{model} {irqchip} {case}", model, irqchip)


@pytest.mark.slow
@pytest.mark.parametrize("irqchip", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_a_step_is_a_run_of_one_instruction_a_thousand_times(model: str, irqchip: bool) -> None:
    for case in range(12, 1000):
        compare(f"{model} {irqchip} {case}", model, irqchip)


# -- HLT -----------------------------------------------------------------------------------------

FIVE_TICKS = program("fb 31db f4 43 83fb05 75f9 fa f4")  # sti; xor bx,bx; 1: hlt; inc bx; jne 1b


def booted(machine: Callable[..., Machine]) -> Machine:
    m = machine(FIVE_TICKS, no_reboot=True)
    m.boot()
    return m


def test_hlt_waits_as_long_when_it_is_stepped(machine: Callable[..., Machine]) -> None:
    ran, stepped = booted(machine), booted(machine)

    ran.run(timeout=2)
    for _ in range(20_000):
        if stepped.vcpu.step().reason is ExitReason.HLT:
            break

    assert stepped.vcpu.regs.bx == ran.vcpu.regs.bx == 5
    assert stepped.instructions == ran.instructions
    assert stepped.vm.time == ran.vm.time


def test_stepping_debug_mode_waits_in_hlt_too(machine: Callable[..., Machine]) -> None:
    ran, stepped = booted(machine), booted(machine)
    ran.run(timeout=2)
    stepped.vcpu.debug(singlestep=True)

    for _ in range(20_000):
        exit = stepped.run(timeout=2)
        if exit.reason is not ExitReason.DEBUG:
            break

    assert exit.reason is ExitReason.HLT
    assert stepped.vm.time == ran.vm.time
    assert stepped.instructions == ran.instructions


def halted(code: str, **options: Any) -> Guest:
    """A guest of which the first HLT was stepped."""
    guest = Guest(program(code), irqchip=True, **options)
    while guest.vcpu.mp_state is not MpState.HALTED:
        assert guest.vcpu.step().reason is ExitReason.DEBUG
    return guest


def test_a_step_in_hlt_with_all_lines_masked_comes_back() -> None:
    guest = halted("b0ff e621 fb f4")  # mov al,0xff; out 0x21,al; sti; hlt
    guest.vm.pio.write(0x43, 1, 0x34)
    guest.vm.pio.write(0x40, 1, 100)
    guest.vm.pio.write(0x40, 1, 0)
    at = guest.vcpu.regs.ip
    with guest.vm:
        exits = [guest.vcpu.step() for _ in range(5)]

        assert {e.reason for e in exits} == {ExitReason.DEBUG}
        assert guest.vcpu.regs.ip == at
        assert guest.vcpu.mp_state is MpState.HALTED


def test_a_step_in_hlt_that_nothing_ends_is_hlt() -> None:
    guest = halted("fa f4 90")  # cli; hlt; nop
    with guest.vm:
        assert guest.vcpu.step().reason is ExitReason.HLT
        assert guest.vcpu.step().reason is ExitReason.HLT


def test_without_an_irqchip_the_step_after_hlt_is_the_exit() -> None:
    guest = Guest(program("f4 40"))
    with guest.vm:
        reasons = [guest.vcpu.step().reason.name for _ in range(3)]

        assert reasons == ["DEBUG", "HLT", "DEBUG"]
        assert guest.vcpu.regs.ax == 1


def test_the_delivery_of_an_interrupt_is_a_step() -> None:
    guest = Guest(program("fb 90 90"), flags=0x202)
    with guest.vm:
        vcpu: Vcpu = guest.vcpu
        vcpu.interrupt(0x30)

        exit = vcpu.step()

        assert exit.reason is ExitReason.DEBUG
        assert (vcpu.regs.cs, vcpu.regs.ip) == (0, HANDLERS + 0x30)
