"""Saved states from a stranger: damage one anywhere, read it, and let what was read run."""

from __future__ import annotations

import random
from copy import deepcopy
from typing import Any

from pyx86emu import ExitReason, State, StateError, Vm, _core
from pyx86emu.saved import codec

from .code import nasty

#: What an integer of a state becomes.
NUMBERS = (
    *(0, 1, -1, 2, 3, 7, 63, 64, 80, 81, 127, 160, 161, 255, 256, 1023, 1024, 1025, 4095, 4096),
    *(0xFFFF, 0x10000, 0x10001, 0xFFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, 1 << 40),
    *((1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 63)),
)
STRANGE = (
    None,
    True,
    False,
    0.5,
    "",
    "80386",
    "host",
    b"",
    bytes(16),
    bytes(4096),
    [],
    {},
    (),
    [0],
)
LIMIT = 400


def grown(model: str, rng: random.Random) -> Vm:
    """A Vm that has done something: half an instruction, if it comes so."""
    vm = Vm(irqchip=rng.random() < 0.7, shift=rng.choice((0, 7, 13)))
    vm.add_memory(0, 0x10000, dirty_log=rng.random() < 0.5)
    if rng.random() < 0.5:
        vm.add_memory(0xF0000, 0x10000, readonly=True)
    for _ in range(rng.choice((1, 1, 2))):
        vm.create_vcpu(model)
    if rng.random() < 0.4:
        vm.create_vga()
    vm.coalesce(0x80, 8, bus="pio")
    vm.write(0, rng.randbytes(0x400))
    for vcpu in vm.vcpus:
        vm.write(0x1000, nasty(rng, 0x200))
        vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.sp = 0, 0x1000, 0x8000
        vcpu.regs.cx, vcpu.regs.dx = rng.randrange(64), rng.choice((0x60, 0x80, 0x3C4, 0x20))
        if rng.random() < 0.3:
            vcpu.debug(rng.random() < 0.2, [0x1008, 0x1010], [(0x1000, 0x100, "rw")])
        for _ in range(rng.randrange(6)):
            exit = vcpu.run(rng.randrange(60))
            if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
                if rng.random() < 0.5:
                    break
                exit.reply(rng.getrandbits(32))
    return vm


def leaves(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Each place in a tree of plain values, as (container, key). Tuples become lists."""
    for key, each in list(value.items() if isinstance(value, dict) else enumerate(value)):
        if isinstance(each, tuple):
            value[key] = each = list(each)
        found.append((value, key))
        if isinstance(each, dict | list):
            leaves(each, found)
    return found


def damage(values: dict[str, Any], rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 5))):
        container, key = rng.choice(leaves(values, []))
        was = container[key]
        if isinstance(was, list) and was and rng.random() < 0.5:
            was.extend(was[: rng.choice((1, 200))])
        elif isinstance(container, dict) and rng.random() < 0.05:
            del container[key]
        elif type(was) is int and rng.random() < 0.85:
            container[key] = rng.choice((*NUMBERS, was + 1, was - 1, was ^ 1 << rng.randrange(40)))
        else:
            container[key] = deepcopy(rng.choice(STRANGE))


def vm_for(values: dict[str, Any]) -> Vm:
    """A Vm that takes the state; ValueError, OSError: there can be none."""
    vm = Vm(irqchip=bool(values["irqchip"]), shift=values["shift"], clock=values["clock"])
    try:
        for each in values["memory"]:
            if each["size"] > 1 << 24:
                raise ValueError("too large to try")
            vm.add_memory(each["addr"], each["size"])
        for each in values["vcpus"]:
            vm.create_vcpu(each["model"])
        if values["vga"] is not None:
            vm.create_vga()
    except BaseException:
        vm.close()
        raise
    return vm


def live(vm: Vm, state: State) -> int:
    """Restore it, and do with it what one does: nothing may end the process."""
    vm.restore(state)
    again = State.from_bytes(vm.save().to_bytes(compression="none"))
    ran = 0
    for each in (state, again, state):
        vm.restore(each)
        for vcpu in vm.vcpus:
            before = vcpu.instructions
            repr(vcpu.regs), vcpu.sregs, vcpu.mp_state
            for _ in range(4):
                if pending := vcpu.pending:
                    pending.reply(bytes(range(256)) * 4)
                vcpu.run_until(LIMIT, wall_deadline=None)
            ran += vcpu.instructions - before
            assert vcpu.instructions - before <= 4 * LIMIT, "more instructions than allowed"
        vm.coalesced.drain()
    with vm.fork() as twin:
        twin.restore(state)
    return ran


def state(model: str, seed: int) -> int:
    """StateError, or a state that runs."""
    rng = random.Random(f"state {model} {seed}")
    with grown(model, rng) as vm:
        saved = vm.save()
        whole = {
            "core": _core.snapshot_values(saved.core),
            "devices": {},
            "machine": {},
            "disks": {},
        }
    if rng.random() < 0.8:
        damage(whole["core"], rng)
        data = codec.dump(whole, "none")
    else:
        raw = bytearray(codec.dump(whole, rng.choice(("none", "zlib"))))
        for _ in range(rng.choice((1, 3, 20))):
            raw[rng.randrange(len(raw))] = rng.getrandbits(8)
        data = bytes(raw[: rng.choice((len(raw), rng.randrange(len(raw))))])
    try:
        read = State.from_bytes(data)
    except StateError:
        return 0
    try:
        other = vm_for(_core.snapshot_values(read.core))
    except (ValueError, OSError):
        return 0
    with other:
        return live(other, read)
