"""Whole PCs: run in one piece, again, in pieces, in steps, observed. Compare them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Iterator
from itertools import cycle, repeat
from typing import Any

from pyx86emu import Device, Exit, ExitReason, Machine, Timer

GENERAL = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp")
SEGMENTS = ("cs", "ds", "es", "ss", "fs", "gs")
SPECIAL = ("eip", "eflags", "cr0", "dr6", "dr7")
#: Calls of run() that one way of running may take.
TURNS = 40_000
#: Values that say all there is to say about them.
PLAIN = (int, str, bytes, bytearray, type(None), deque, dict, list, tuple, set)

Pieces = Callable[[random.Random], Iterator[int | None]]

#: How a machine may be run: the instructions of each call of run(), and whether somebody looks.
WAYS: dict[str, tuple[Pieces, bool]] = {
    "whole": (lambda rng: repeat(None), False),
    "again": (lambda rng: repeat(None), False),
    "pieces": (lambda rng: cycle([7]), False),
    "random pieces": (lambda rng: (rng.choice((1, 2, 30, 999)) for _ in repeat(0)), False),
    "steps": (lambda rng: repeat(1), False),
    "observed": (lambda rng: (rng.choice((1, 50, 500)) for _ in repeat(0)), True),
}


def compare(make: Callable[[], Machine], span: int, seed: str) -> int:
    """Run the machine that `make` makes in all ways for `span` ns; nobody may see the way."""
    facts: dict[str, dict[str, Any]] = {}
    ran = 0
    for name, (pieces, observed) in WAYS.items():
        rng = random.Random(f"{name} {seed}")
        with make() as machine:
            before = machine.vcpu.instructions
            until = machine.vm.time + span
            end = run(machine, until, pieces(rng), observer(rng) if observed else None)
            ran += machine.vcpu.instructions - before
            facts[name] = {"end": end} | facts_of(machine)
    first = facts["whole"]
    differ = {
        name: [key for key in first if first[key] != other[key]] for name, other in facts.items()
    }
    for name in ("again", *WAYS):
        texts = [f"{key}: {short(first[key], facts[name][key])}" for key in differ[name]]
        assert not texts, f"{name} differs from whole in\n  " + "\n  ".join(texts)
    return ran


def run(
    machine: Machine,
    until: int,
    pieces: Iterator[int | None],
    look: Callable[[Machine], None] | None = None,
) -> tuple[str, str | None]:
    """Run until guest time `until`, or to an end before it: what ended it."""
    vcpu, vm = machine.vcpu, machine.vm
    for _ in range(TURNS):
        if look is not None:
            look(machine)
        asked, before = next(pieces), vcpu.instructions
        # Half a nanosecond more: as a float it is a little less, and run() cuts.
        left = (max(0, until - vm.time) + 0.5) / 1e9
        exit = machine.run(timeout=left, max_instructions=asked)
        spent = vcpu.instructions - before
        assert asked is None or spent <= asked, f"{spent} instructions, {asked} allowed"
        if exit.reason is not ExitReason.BUDGET and not _early(exit, vm.time, until):
            return exit.reason.name, exit.message
    raise AssertionError(f"no end after {TURNS} calls of run(): {exit!r}, {vm.time} of {until} ns")


def _early(exit: Exit, now: int, until: int) -> bool:
    assert exit.reason is not ExitReason.INTR, "nobody kicked"
    return exit.reason is ExitReason.DEADLINE and now < until


def observer(rng: random.Random) -> Callable[[Machine], None]:
    """Looks at everything that may be looked at, a few things at a time."""
    looks: tuple[Callable[[Machine], object], ...] = (
        lambda m: m.screen.text,
        lambda m: m.screen.png(),
        lambda m: m.screen.cursor,
        lambda m: (m.screen.cells, m.screen.rows, m.screen.columns, m.screen.mode),
        lambda m: (m.serial, m.serial_text, m.debug_text),
        lambda m: [getattr(m.vcpu.regs, name) for name in dir(m.vcpu.regs)],
        lambda m: [repr(x) for x in (m, m.vcpu, m.vcpu.regs, m.vm.clock, m.stats, *m.vm.slots)],
        lambda m: [repr(device) for device in devices(m)],
        lambda m: m.vm.read(0x400, 0x100),
        lambda m: [bytes(memoryview(slot)[:64]) for slot in m.vm.slots if not slot.readonly],
        lambda m: (m.vcpu.instructions, m.vm.time, m.time, m.vcpu.ready, m.vcpu.if_flag),
        lambda m: (m.floppy.drives, m.vga.version, m.vga.snapshot(), m.keyboard.typing),
        lambda m: (m.rtc.time, m.rtc.update_in_progress, m.uart.char_time),
    )

    def look(machine: Machine) -> None:
        for _ in range(rng.randrange(3)):
            rng.choice(looks)(machine)

    return look


# -- what may be seen of a machine ----------------------------------------------------------------


def devices(m: Machine) -> tuple[Device, ...]:
    """The devices in Python."""
    return (m.dma, m.keyboard, m.rtc, m.post, m.debug, m.vga, m.floppy, m.uart)


def facts_of(m: Machine) -> dict[str, Any]:
    """All that a run may change. The chips in the core come last: reading them changes them."""
    m.rtc.time  # noqa: B018  (has it do what it puts off until somebody looks)
    names = (*GENERAL, *SEGMENTS, *SPECIAL)
    facts: dict[str, Any] = {name: hex(getattr(m.vcpu.regs, name)) for name in names}
    facts |= {
        "instructions": m.vcpu.instructions,
        "time": m.vm.time,
        "serial": m.serial_text,
        "debug": m.debug_text,
        "screen": m.screen.text,
        "cursor": m.screen.cursor,
        "a20": m.vm.a20,
        "exit status": m.exit_status,
        "booted": m.booted,
    }
    for slot in m.vm.slots:
        facts[f"memory {slot.addr:#x}"] = slot[:]
    for device in devices(m):
        facts[device.name] = state(device)
    facts["vga"] = m.vga.state()
    return facts | {"chips": chips(m)}


def state(thing: object) -> Any:
    """The fields of an object of the package, and of those inside it."""
    if isinstance(thing, Timer):
        return thing.pending and thing.deadline
    if isinstance(thing, (list, tuple, deque)):
        return [state(each) for each in thing]
    if isinstance(thing, PLAIN):
        return thing if isinstance(thing, (int, str, bytes, type(None))) else repr(thing)
    if not type(thing).__module__.startswith("pyx86emu.pc.devices"):
        return type(thing).__name__
    return {key: state(value) for key, value in sorted(vars(thing).items())}


def chips(m: Machine) -> list[int]:
    """IRR, ISR and mask of both 8259s; latched status and counts of the 8254; port 61h."""
    read, write = m.pio.read, m.pio.write
    seen = []
    for base in (0x20, 0xA0):
        for command in (0x0A, 0x0B):
            write(base, 1, command)
            seen.append(read(base, 1))
        seen.append(read(base + 1, 1))
    write(0x43, 1, 0xC2 | 0x0C)
    for port in (0x40, 0x41, 0x42):
        seen += [read(port, 1) for _ in range(3)]
    return [*seen, read(0x61, 1)]


def short(one: object, other: object) -> str:
    """Two values that differ, or where they do."""
    if isinstance(one, dict) and isinstance(other, dict):
        return ", ".join(
            f"{k}: {short(one.get(k), other.get(k))}" for k in one if one[k] != other.get(k)
        )
    if isinstance(one, bytes) and isinstance(other, bytes) and len(one) == len(other):
        at = next(i for i, (x, y) in enumerate(zip(one, other, strict=True)) if x != y)
        return f"at {at:#x}: {one[at : at + 8].hex()} / {other[at : at + 8].hex()}"
    a, b = repr(one), repr(other)
    if len(a) + len(b) < 200:
        return f"{a} / {b}"
    if isinstance(one, list) and isinstance(other, list):
        at = next((i for i, (x, y) in enumerate(zip(one, other, strict=False)) if x != y), -1)
        if at >= 0:
            return f"[{at}] {short(one[at], other[at])}"
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    return f"at {at}: {a[at : at + 60]} / {b[at : at + 60]}"
