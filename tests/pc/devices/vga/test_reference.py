"""The planes of the core do what a slow model of a VGA does: in blocks, in single steps, on KVM."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, Vm
from tests import on_kvm
from tests.pc.devices.vga.programs import (
    ANSWERS,
    MODES,
    SOURCE,
    TARGET,
    Step,
    apply,
    load,
    mode,
    out,
    program,
    register,
    store,
    string,
)
from tests.pc.devices.vga.reference import Reference

MakeVm = Callable[..., Vm]
CODE = 0x1000


def guest(vm: Vm, steps: list[Step]) -> bytearray:
    """Put the program into memory; returns the RAM as the reference has it."""
    vm.add_memory(0, 0x20000)
    code = b"".join(step.code for step in steps) + b"\xf4"
    assert len(code) < ANSWERS - CODE
    vm.write(CODE, code)
    source = random.Random(0).randbytes(0x1000)
    vm.write(SOURCE, source)
    ram = bytearray(0x20000)
    ram[SOURCE : SOURCE + 0x1000] = source
    return ram


def expect(steps: list[Step], ram: bytearray) -> Reference:
    vga = Reference()
    for step in steps:
        apply(step, vga, ram)
    return vga


def compare(vm: Vm, core: Any, vga: Reference, ram: bytearray) -> None:
    state = core.state()
    assert list(state["sequencer"]) == vga.sequencer
    assert list(state["graphics"]) == vga.graphics
    for n in range(4):
        plane = state["planes"][n << 16 : (n + 1) << 16]
        wrong = [f"{at:#x}" for at in range(0x10000) if plane[at] != vga.planes[n][at]]
        assert not wrong, f"plane {n} at {wrong[:8]}"
    assert list(state["latches"]) == vga.latches
    for at in (*range(ANSWERS, ANSWERS + 256), *range(TARGET, TARGET + 0x1000)):
        assert vm.read(at, 1)[0] == ram[at], f"{at:#x}"


def run(vm: Vm, how: str) -> None:
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, CODE
    vcpu.regs.ss, vcpu.regs.sp = 0x1000, 0x8000
    reason = None
    while reason is not ExitReason.HLT:
        if how == "steps":
            exit = vcpu.step()
            if exit.reason is ExitReason.DEBUG and vm.read(vcpu.regs.ip, 1) == b"\xf4":
                break
        elif how == "pieces":
            exit = vcpu.run(7)
        else:
            exit = vcpu.run(1_000_000) if vm.accel == "interp" else vcpu.run()
        reason = exit.reason
        assert exit.reason in (ExitReason.HLT, ExitReason.BUDGET, ExitReason.DEBUG), exit


def check(vm: Vm, steps: list[Step], how: str) -> Any:
    core = vm.create_vga()
    ram = guest(vm, steps)
    run(vm, how)
    compare(vm, core, expect(steps, ram), ram)
    return core


@pytest.mark.parametrize("how", ["blocks", "steps", "pieces", "shared", "watched"])
@pytest.mark.parametrize("seed", range(24))
def test_random_programs_leave_what_the_reference_has(seed: int, how: str, vm: MakeVm) -> None:
    steps = program(random.Random(seed), 60)
    machine = vm()
    if how == "shared":
        check_shared(machine, steps)
    elif how == "watched":
        check_watched(machine, steps)
    else:
        check(machine, steps, how)


def check_shared(vm: Vm, steps: list[Step]) -> None:
    """With a second vCPU the chips are locked, and nothing takes the short way."""
    core = vm.create_vga()
    ram = guest(vm, steps)
    first = vm.create_vcpu()
    vm.create_vcpu()
    first.regs.cs, first.regs.ip = 0, CODE
    while first.run(1_000_000).reason is not ExitReason.HLT:
        pass
    compare(vm, core, expect(steps, ram), ram)


def check_watched(vm: Vm, steps: list[Step]) -> None:
    """A watchpoint on the window: each access is looked at."""
    core = vm.create_vga()
    ram = guest(vm, steps)
    vcpu = vm.create_vcpu()
    vcpu.regs.cs, vcpu.regs.ip = 0, CODE
    vcpu.debug(watch=[(0xA0000, 0x20000, "rw")])
    while vcpu.run(1_000_000).reason is not ExitReason.HLT:
        pass
    compare(vm, core, expect(steps, ram), ram)


@pytest.mark.parametrize("seed", range(6))
def test_random_programs_on_kvm(seed: int) -> None:
    on_kvm.need("kvm")
    with Vm("kvm") as vm:
        check(vm, program(random.Random(100 + seed), 50), "blocks")


@pytest.mark.parametrize("how", ["blocks", "steps"])
@pytest.mark.parametrize("name", MODES)
def test_what_a_mode_shows_survives_every_other_mode(name: str, how: str, vm: MakeVm) -> None:
    """Fill the window so that it is mapped, change the mode, and come back."""
    steps = mode(name)
    segment = {"text": 0xB800, "cga": 0xB800, "cga 2": 0xB800, "mono": 0xB000}.get(name, 0xA000)
    for other in MODES:
        steps += [string("stos", (segment, 0x100), 200, 2, False, len(steps) * 0x010305)]
        steps += mode(other)
        steps += [store(0xA000, 0x101, 0x42, 1), store(0xB800, 0x102, 0x43, 1)]
        steps += mode(name)
        steps += [load(segment, 0x100 + i, 1, i) for i in range(8)]

    check(vm(), steps, how)


def test_the_next_instruction_sees_the_new_mapping(vm: MakeVm) -> None:
    steps = [
        *mode("256"),
        string("stos", (0xA000, 0), 200, 1, False, 0x11),
        out(0x3C4, 0x0604, 2),  # unchained
        store(0xA000, 4, 0x22, 1),
        out(0x3C4, 0x0E04, 2),
        load(0xA000, 4, 4, 0),
        out(0x3C4, 0x0604, 2),
        load(0xA000, 4, 1, 1),
    ]

    core = check(vm(), steps, "blocks")

    assert not core.mapped


def test_a_plain_window_that_is_used_becomes_memory(vm: MakeVm) -> None:
    core = check(vm(), [*mode("256"), string("stos", (0xA000, 0), 200, 1, False, 0x11)], "blocks")

    assert core.mapped


@pytest.mark.parametrize("seed", range(4))
def test_the_core_by_itself_is_the_reference_too(seed: int) -> None:
    from pyx86emu._core import VgaCore

    rng = random.Random(1000 + seed)
    core, vga = VgaCore(), Reference()
    for _ in range(3000):
        addr = 0xA0000 + rng.randrange(0x20000) & ~0xFE0
        if rng.random() < 0.2:
            for step in register(rng):
                apply(step, vga, bytearray())
                port, value, size = step.values
                core.write(port, size, value)
        elif rng.random() < 0.5:
            byte = rng.randrange(256)
            core.write(addr, 1, byte)
            vga.store(addr, byte)
        else:
            assert core.read(addr, 1) == vga.load(addr)
    assert core.state()["planes"] == b"".join(vga.planes)
