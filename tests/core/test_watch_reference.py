"""Watchpoints against a log of accesses: what is RAM in one world is a device in the other."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pyx86emu import Exit, ExitReason, MmioDevice, Vcpu, Vm
from pyx86emu.models import MODELS
from tests.harness import CODE, program

DATA, END = 0x4000, 0x9000
STACK = 0x8800
HANDLER = 0x800
BUDGET = 400

#: Instructions for any state: what they access lies between DATA and END most of the time.
PARTS = (
    *("a30045", "a3ff44", "a20145", "a10045", "a3ff4f", "a1ff4f", "66a3fe44", "66a1fd4f"),
    *("8907", "8b07", "884401", "8a4401", "0107", "2907", "ff07", "fe0f", "f717", "f61f"),
    *("3907", "3b4401", "8507", "3907 7400", "8b07 85c0", "c60755", "c7075544", "c14401 03"),
    *("50", "53", "58", "5a", "ff37", "8f07", "60", "61", "9c", "c8080000 c9", "cd21"),
    *("e80000", "5a", "8707", "864401", "f0ff07", "0fab07", "0fa307"),
    *("a4", "a5", "aa", "ab", "ac", "ad", "a6", "a7", "ae", "af"),
    *("b90300 f3a4", "b90500 f3a5", "b90700 f3aa", "b90400 f3ab", "b90200 f3ac", "b90500 f3a6"),
    *("b90500 f2ae", "b90600 f3af", "fd", "fc", "d7", "c407 1e 07", "8c07", "0fb607", "0fb64401"),
    *("be0045", "bfff44", "bb0045", "be004f", "bfff4f", "bb7e87", "40", "43", "4e", "47"),
)


@dataclass(frozen=True)
class Access:
    """One access of an instruction."""

    instruction: int
    addr: int
    size: int
    store: bool


class Log(MmioDevice):
    """Memory that writes down who asks."""

    length = END - DATA

    def __init__(self, data: bytes) -> None:
        self.bytes = bytearray(data)
        self.accesses: list[Access] = []
        self.vcpu: Vcpu

    def note(self, offset: int, size: int, store: bool) -> None:
        self.accesses.append(Access(self.vcpu.instructions, DATA + offset, size, store))

    def mmio_read(self, offset: int, size: int) -> int:
        self.note(offset, size, False)
        return int.from_bytes(self.bytes[offset : offset + size], "little")

    def mmio_write(self, offset: int, size: int, value: int) -> None:
        self.note(offset, size, True)
        self.bytes[offset : offset + size] = value.to_bytes(size, "little")


Watches = list[tuple[int, int, str]]
Hit = tuple[int, tuple[int, int, str] | None, int | None]
"""The instruction, the watchpoint, the byte."""


class World:
    """A vCPU with RAM up to DATA; from there on RAM or a device."""

    def __init__(self, code: bytes, model: str, seed: int, device: bool) -> None:
        self.vm = Vm()
        self.ram = self.vm.add_memory(0, DATA)
        self.ram[:] = HANDLER.to_bytes(4, "little") * 256 + bytes(DATA - 1024)
        self.ram[HANDLER] = 0xCF  # iret
        self.ram[CODE : CODE + len(code)] = code
        data = random.Random(seed).randbytes(END - DATA)
        self.log = Log(data)
        self.device = device
        if device:
            self.vm.mmio.attach(self.log, DATA)
        else:
            self.vm.add_memory(DATA, END - DATA)[:] = data
        self.vm.add_memory(END, 0x10000 - END)
        self.vcpu = self.log.vcpu = another_of(self.vm, model)

    def facts(self) -> tuple[object, ...]:
        regs = self.vcpu.regs
        names = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "eflags", "cs", "eip")
        data = self.log.bytes if self.device else self.vm.read(DATA, END - DATA)
        return (*(getattr(regs, n) for n in names), self.vcpu.instructions, bytes(data))


def another_of(vm: Vm, model: str) -> Vcpu:
    vcpu = vm.create_vcpu(model)
    regs = vcpu.regs
    for name in ("cs", "ds", "es", "ss"):
        setattr(regs, name, 0)
    regs.ip, regs.sp = CODE, STACK
    regs.bx, regs.si, regs.di, regs.bp = 0x4500, 0x4600, 0x4700, STACK
    return vcpu


def whole(log: list[Access]) -> list[Access]:
    """Accesses before they were divided at a page. (No word here is divided into 2 and 2 bytes.)"""
    made = list[Access]()
    for one in log:
        if made and one.addr % 0x1000 == 0:
            last = made[-1]
            found = (last.instruction, last.addr + last.size, last.store)
            if last.size != 2 and found == (one.instruction, one.addr, one.store):
                made[-1] = replace(last, size=last.size + one.size)
                continue
        made.append(one)
    return made


def by_log(log: list[Access], watches: Watches) -> list[Hit]:
    """What the watchpoints should report of these accesses: per instruction the first that hits."""
    seen: dict[int, Hit] = {}
    for access in whole(log):
        if access.instruction in seen:
            continue
        for watch in watches:
            addr, length, kind = watch
            if (
                (access.store or kind == "rw")
                and addr < access.addr + access.size
                and access.addr < addr + length
            ):
                seen[access.instruction] = access.instruction, watch, max(addr, access.addr)
                break
    return list(seen.values())


def run(world: World, watches: Watches, *, steps: bool, slices: list[int]) -> list[Hit]:
    """Run the budget in slices of these lengths, or in steps; the hits."""
    vcpu, seen, turn = world.vcpu, list[Hit](), 0
    vcpu.debug(watch=watches)  # type: ignore[arg-type]
    while vcpu.instructions < BUDGET:
        exit: Exit
        if steps:
            exit = vcpu.step()
            assume(not vcpu.regs.flags & 0x100)  # a guest's TF under a step of the host differs
        else:
            turn += 1
            exit = vcpu.run(min(BUDGET - vcpu.instructions, slices[turn % len(slices)]))
        assert exit.reason in (ExitReason.DEBUG, ExitReason.BUDGET), exit
        if exit.watch is not None:
            seen.append((vcpu.instructions - 1, exit.watch, exit.watch_addr))
        else:
            assert steps or exit.reason is ExitReason.BUDGET
    return seen


spots = st.one_of(
    st.integers(0x44F0, 0x4720), st.integers(0x4FF0, 0x5010), st.integers(0x8780, STACK)
)
watchpoints = st.tuples(
    spots, st.one_of(st.integers(1, 9), st.just(300)), st.sampled_from(("w", "rw"))
)


@pytest.mark.parametrize("model", sorted(set(MODELS)))
@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.sampled_from(PARTS), min_size=3, max_size=25),
    watches=st.lists(watchpoints, max_size=5),
    slices=st.lists(st.integers(1, BUDGET), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
)
def test_the_hits_are_those_of_a_log_of_all_accesses(
    model: str, parts: list[str], watches: Watches, slices: list[int], seed: int
) -> None:
    code = program(" ".join(parts))
    code += b"\xe9" + (-len(code) - 3 & 0xFFFF).to_bytes(2, "little")  # again
    logged = World(code, model, seed, device=True)
    assume(logged.vcpu.run(BUDGET).reason is ExitReason.BUDGET)  # it has not run into its data
    expected = by_log(logged.log.accesses, watches)

    for steps in (False, True):
        world = World(code, model, seed, device=False)
        assert run(world, watches, steps=steps, slices=slices) == expected
        assert world.facts() == logged.facts()
