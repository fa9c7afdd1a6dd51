"""Stops at places where no program should be, and what is known of how the vCPU came there."""

from __future__ import annotations

import copy
import pickle
import random
import struct
from typing import Any

import pytest

from pyx86emu import Exit, ExitReason
from pyx86emu.models import MODELS
from tests.core.test_steps import made, state
from tests.harness import CODE, Guest, program

ALL = {"zeros", "signature", "loop", "null-vector", "stack"}


def stop(code: str, *names: str, flags: int = 2, **options: Any) -> tuple[Exit, Guest]:
    """Run code at 0000:1000 until it stops."""
    guest = Guest(program(code), flags=flags, **options)
    guest.vcpu.stop_on = names
    return guest.vcpu.run(10_000), guest


@pytest.mark.parametrize(
    ("code", "name", "message", "came_from"),
    [
        ("ea0000 0003", "zeros", "executing zeros at 0300:0000, jumped from 0000:1000", CODE),
        ("90 0000 0000", "zeros", "executing zeros at 0000:1001, after the instruction at", CODE),
        ("b80050 ffe0", "zeros", "executing zeros at 0000:5000, jumped from 0000:1003", CODE + 3),
        ("680050 c3", "zeros", "executing zeros at 0000:5000, jumped from 0000:1003", CODE + 3),
        ("cd60", "null-vector", "a vector of 0, which leads to 0000:0000, INT 60h at", CODE),
        ("0f0b", "null-vector", "a vector of 0, which leads to 0000:0000, #UD at", CODE),
        ("ea0000 0000", "null-vector", "executing the vector table at 0000:0000, jumped", CODE),
        ("90 ebfe", "loop", "an endless loop, jmp $ at 0000:1001 with interrupts off", CODE),
        ("90 e9fdff", "loop", "an endless loop, jmp $ at 0000:1001 with interrupts off", CODE),
        ("bc0410 50 50", "stack", "the instruction at 0000:1003 pushes over 0x1002", CODE + 3),
    ],
)
@pytest.mark.parametrize("stepped", [False, True])
def test_a_stop_says_what_and_from_where(
    code: str, name: str, message: str, came_from: int, stepped: bool
) -> None:
    guest = Guest(program(code))
    with guest.vm:
        for vector in (6, 0x60):
            guest.vector(vector, 0)
        guest.vcpu.stop_on = {name}
        if stepped:
            exits = [guest.vcpu.step() for _ in range(5)]
            exit = next(e for e in exits if e.stop)
        else:
            exit = guest.vcpu.run(1000)

        assert (exit.reason, exit.stop) == (ExitReason.DEBUG, name)
        assert message in str(exit.message)
        assert exit.jumped_from == (0, came_from)
        for again in (copy.copy(exit), pickle.loads(pickle.dumps(exit))):
            assert (again.stop, again.jumped_from) == (name, (0, came_from))


def test_the_boot_signature_is_a_stop_after_the_boot_sector() -> None:
    guest = Guest(program("e9 fb6d"))  # jmp 0000:7dfe
    with guest.vm:
        guest.ram[0x7DFE:0x7E00] = b"\x55\xaa"
        guest.vcpu.stop_on = {"signature"}

        exit = guest.vcpu.run(100)

        assert exit.message == "executing the boot signature at 0000:7dfe, jumped from 0000:1000"


def test_a_run_goes_on_after_a_stop_and_stops_each_time_it_comes_again() -> None:
    exit, guest = stop("b90300 e8fafe e2fb f4", "zeros")  # three calls of zeros and a RET at 0F00h
    with guest.vm:
        guest.ram[0xF00:0xF05] = b"\0\0\0\0\xc3"
        stops = 0
        while exit.reason is not ExitReason.HLT:
            stops += exit.stop == "zeros"
            exit = guest.vcpu.run(100)

        assert stops == 3


def test_a_loop_that_a_handler_of_the_guest_can_end_is_no_stop() -> None:
    guest = Guest(program("fb ebfe"), irqchip=True)
    with guest.vm:
        guest.vcpu.stop_on = {"loop"}

        assert guest.vcpu.run(1000).reason is ExitReason.BUDGET

        for vector in range(256):
            guest.vector(vector, 0)
        assert guest.vcpu.run(1000).stop == "loop"


def test_what_is_no_set_of_names_is_refused() -> None:
    with Guest().vm as vm:
        vcpu = vm.vcpus[0]
        for bad, error in [
            ("zeros", TypeError),
            (5, TypeError),
            ([5], TypeError),
            (["zero"], ValueError),
            (["x" * 10**6], ValueError),
        ]:
            with pytest.raises(error, match="stop_on") as caught:
                vcpu.stop_on = bad
            assert len(str(caught.value)) < 200
        assert vcpu.stop_on == frozenset()
        vcpu.stop_on = ALL
        assert vcpu.stop_on == ALL


@pytest.mark.parametrize("model", MODELS)
def test_stops_change_nothing_for_the_guest(model: str) -> None:
    for case in range(25):
        seed = f"stops {model} {case}"
        plain, stopping = made(seed, model, True), made(seed, model, True)
        with plain.vm, stopping.vm:
            stopping.vcpu.stop_on = ALL
            for n in range(40):
                budget = random.Random(n).randrange(1, 90)
                target = plain.vcpu.instructions + budget
                one = plain.vcpu.run(budget)
                other = stopping.vcpu.run(budget)
                while other.stop:
                    other = stopping.vcpu.run(target - stopping.vcpu.instructions)
                assert (one.reason, one.cs, one.ip) == (other.reason, other.cs, other.ip), seed
                for exit in (one, other):  # how many elements a REP INS asks for may differ
                    if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
                        exit.reply_one(n & 0xFF)
                if one.reason not in (ExitReason.IO, ExitReason.MMIO) or one.write:
                    assert state(plain, True) == state(stopping, True), seed
                if one.reason in (ExitReason.SHUTDOWN, ExitReason.INTERNAL_ERROR):
                    break
            assert plain.vm.read(0, 0x10000) == stopping.vm.read(0, 0x10000), seed


# -- faults ---------------------------------------------------------------------------------------


def test_a_triple_fault_has_its_chain() -> None:
    with Guest(program("0f011e0020 0f0b")).vm as vm:  # lidt [2000h], which is 0
        exit = vm.vcpus[0].run(100)

        assert exit.reason is ExitReason.SHUTDOWN
        assert exit.fault == exit.message == "#UD at 0000:1005, then #GP: IDT limit 0"


def test_the_faults_that_led_to_a_triple_fault_are_in_the_chain() -> None:
    guest = Guest(program("bc0700 0f0b"))  # mov sp,7: one frame fits, with SP odd
    with guest.vm:
        guest.vector(6, 0x2000)
        guest.ram[0x2000:0x2002] = program("0f0b")

        exit = guest.vcpu.run(100)

        assert exit.fault == (
            "#UD at 0000:1003, then #UD at 0000:2000, then #SS: SP 1, no room for a frame"
        )


def test_a_fault_loop_is_named_at_a_limit() -> None:
    guest = Guest(program("0f0b"))
    with guest.vm:
        guest.ram[0x2000:0x2001] = b"\xcf"
        guest.vector(6, 0x2000)

        exit = guest.vcpu.run(1001)

        assert exit.reason is ExitReason.BUDGET
        assert exit.fault == "#UD at 0000:1000 501 times"
        assert guest.vcpu.faults == ((6, 0, CODE, 501, 1000),)


def test_a_run_without_faults_has_none() -> None:
    guest = Guest(program("90 f4"))
    with guest.vm:
        exit = guest.vcpu.run()

        assert (exit.fault, exit.stop, exit.jumped_from) == (None, None, None)
        assert guest.vcpu.faults == guest.vcpu.arrivals == ()


def test_reset_forgets_faults_and_arrivals() -> None:
    guest = Guest(program("0f0b"))
    with guest.vm:
        guest.vector(6, 0)
        guest.vcpu.run(50)
        assert guest.vcpu.faults
        assert "null-vector" in {name for name, *_ in guest.vcpu.arrivals}

        guest.vcpu.reset()

        assert guest.vcpu.faults == guest.vcpu.arrivals == ()


def test_how_the_vcpu_came_to_zeros_is_known_without_a_stop() -> None:
    guest = Guest(program("ea0000 0003"))
    with guest.vm:
        guest.vcpu.run(100)

        name, cs, ip, came_from, cause, instructions = guest.vcpu.arrivals[0]

        assert (name, cs, ip, came_from) == ("zeros", 0x300, 0, (0, CODE))
        assert (cause, instructions) == (", jumped from 0000:1000", 1)


@pytest.mark.parametrize("place", [0xFFF0, 0xE05B])
@pytest.mark.parametrize("stepped", [False, True])
def test_each_jump_to_where_a_pc_restarts_is_known(place: int, stepped: bool) -> None:
    jump = b"\xea" + struct.pack("<2H", place, 0xF000)
    guest = Guest(b"\x90" + jump)
    with guest.vm:
        rom = guest.vm.add_memory(0xF0000, 0x10000)
        rom[0xF0000 + place : 0xF0005 + place] = program("ea 0020 0000")  # jmp 0000:2000
        rom.readonly = True
        guest.ram[0x2000:0x2005] = jump
        found = []
        for instructions in 3, 50, 50:
            if stepped:
                for _ in range(instructions):
                    guest.vcpu.step()
            else:
                guest.vcpu.run(instructions)
            found.append([each for each in guest.vcpu.arrivals if each[0] == "reset"])

        assert found == [
            [("reset", 0xF000, place, (0, came), f", jumped from 0000:{came:04x}", at)]
            for came, at in [(CODE + 1, 2), (0x2000, 52), (0x2000, 102)]
        ]


def test_code_in_ram_where_a_pc_restarts_is_like_any_other() -> None:
    guest = Guest(program("ea f0ff 00f0"))
    with guest.vm:
        guest.vm.add_memory(0xF0000, 0x10000)[0xFFFF0:0xFFFF2] = program("ebfe")

        guest.vcpu.run(100)

        assert "reset" not in {name for name, *_ in guest.vcpu.arrivals}
