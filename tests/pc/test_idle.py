"""Idle: a guest that only waits for a key is seen, one that works is not, and nothing changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pyx86emu import ExitReason, Machine
from pyx86emu.pc.idle import REST, Idle
from tests.harness import program

MakeMachine = Callable[..., Machine]

# again: mov ah,1; int 16h; jz again
POLLS = "b401 cd16 74fa"
READY = "b021 e6e9"  # mov al,'!'; out 0E9h,al


class Waits:
    """The host's input: how long it was waited for; something comes at the first time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return True


def ready(m: Machine) -> Machine:
    """The machine with its guest in the loop."""
    assert m.run("!", timeout=60).reason is ExitReason.MATCH
    return m


def rests(m: Machine, seconds: float = 10) -> list[float]:
    """How long the guest has rested in a run after it was ready."""
    ready(m)
    waits = Waits()

    assert Idle(m, waits).run(m.limits(), seconds).reason is ExitReason.DEADLINE

    return waits.seconds


@pytest.mark.parametrize(
    "code",
    [
        POLLS,
        "b411 cd16 74fa",  # again: mov ah,11h; int 16h; jz again
        "cd28 ebfc",  # again: int 28h; jmp again
        "b88016 cd2f ebf9",  # again: mov ax,1680h; int 2Fh; jmp again
        "43 b401 cd16 74f9",  # again: inc bx; mov ah,1; int 16h; jz again
    ],
)
def test_a_guest_that_asks_for_a_key_again_and_again_rests(machine: MakeMachine, code: str) -> None:
    assert rests(machine(program(READY + code), clock="host"))


@pytest.mark.parametrize(
    "code",
    [
        "ebfe",  # jmp $
        "b402 cd16 ebfa",  # again: mov ah,2; int 16h; jmp again
        "b80000 cd2f ebf9",  # again: mov ax,0; int 2Fh; jmp again
        # A key waits: mov ah,5; mov cx,1E61h; int 16h; again: mov ah,1; int 16h; jmp again
        "b405 b9611e cd16 b401 cd16 ebfa",
        # again: inc word [7E00h]; mov cx,200; loop $; mov ah,1; int 16h; jz again
        "31c0 8ed8 ff06007e b9c800 e2fe b401 cd16 74f1",
        # It draws: mov ax,B800h; mov ds,ax; again: inc byte [0]; mov ah,1; int 16h; jz again
        "b800b8 8ed8 fe060000 b401 cd16 74f6",
    ],
)
def test_a_guest_that_works_is_run_all_the_time(machine: MakeMachine, code: str) -> None:
    assert not rests(machine(program(READY + code), clock="host"), 0.02)


def test_a_rest_ends_before_the_next_tick_of_a_fast_timer(machine: MakeMachine) -> None:
    # mov al,34h; out 43h,al; mov al,A9h; out 40h,al; mov al,4; out 40h,al: 1193 counts, 1 ms
    fast = program(READY + "b034 e643 b0a9 e640 b004 e640" + POLLS)

    (rest,) = rests(machine(fast, clock="host"))

    assert rest == pytest.approx(0.001, rel=0.01)
    assert rests(machine(program(READY + POLLS), clock="host")) == [pytest.approx(REST)]


def test_keys_on_their_way_are_not_delayed(machine: MakeMachine) -> None:
    m = machine(program(READY + POLLS + "ebfe"), clock="host")
    ready(m)
    m.keyboard.type("a")
    waits = Waits()

    Idle(m, waits).run(m.limits(), 0.001)

    assert not waits.seconds


def test_input_of_the_host_ends_a_rest_and_the_guest_goes_on(machine: MakeMachine) -> None:
    # When the key is there: mov ah,0; int 16h; out 0E9h,al; cli; hlt
    m = machine(program(READY + POLLS + "b400 cd16 e6e9 fa f4"), clock="host")
    assert rests(m)
    m.keyboard.type("a")

    exit = Idle(m, Waits()).run(m.limits(timeout=10), 10)

    assert (exit.reason, m.debug_text) == (ExitReason.HLT, "!a")


def test_the_limits_of_the_run_hold(machine: MakeMachine) -> None:
    m = machine(program(READY + POLLS), clock="host")
    ready(m)
    before, limits = m.vcpu.instructions, m.limits(max_instructions=100)

    exit = Idle(m, Waits()).run(limits, 1)

    assert (exit.reason, limits.spent) == (ExitReason.BUDGET, True)
    assert m.vcpu.instructions == before + 100


def test_with_the_virtual_clock_nothing_is_looked_at(machine: MakeMachine) -> None:
    watched, alone = machine(program(READY + POLLS)), machine(program(READY + POLLS))

    assert not rests(watched, 0.5)
    ready(alone)
    alone.run(timeout=0.5)

    assert watched.vcpu.instructions == alone.vcpu.instructions
    assert watched.vm.read(0, 0x80000) == alone.vm.read(0, 0x80000)


def test_looking_changes_nothing_that_the_guest_sees(machine: MakeMachine) -> None:
    """The same number of instructions, looked at and not, gives the same memory."""
    code = program(
        READY + "43 891e007e" + POLLS.replace("74fa", "ebf5")
    )  # inc bx; mov [7E00h],bx; ...
    first, second = machine(code, clock="virtual"), machine(code, clock="virtual")
    for m in (first, second):
        ready(m)
    first.host_clock = True  # look, although time is virtual

    Idle(first, Waits()).run(first.limits(max_instructions=20_000), 1)
    done = first.vcpu.instructions
    second.run(max_instructions=done - second.vcpu.instructions)

    assert second.vcpu.instructions == done
    assert repr(first.vcpu.regs) == repr(second.vcpu.regs)
    assert first.vm.read(0, 0xA0000) == second.vm.read(0, 0xA0000)
