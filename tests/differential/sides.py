"""The two sides of a differential run: a block runs on pyx86emu and on Unicorn, all is compared."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
from unicorn import (
    UC_ARCH_X86,
    UC_HOOK_INTR,
    UC_HOOK_MEM_READ,
    UC_HOOK_MEM_WRITE,
    UC_MODE_16,
    UC_PROT_ALL,
    Uc,
    UcError,
    x86_const,
)

from .ours import (
    DATA,
    DATA_SIZE,
    HANDLERS,
    LAST,
    LIMIT,
    MEMORY,
    NAMES,
    Difference,
    Ours,
    State,
)
from .streams import ALL, CODE, DF, HLT, INTERESTING, SEGMENTS, Block, make_block

THEIRS = [
    getattr(x86_const, f"UC_X86_REG_{name.upper()}") for name in (*NAMES, "cs", "eip", "eflags")
]
POPA, ADDRESS_SIZE = 0x61, 0x67
#: With TF, IF, IOPL and NT.
COMPARED = ALL | DF | 0x7300


@dataclass
class Tally:
    """What was run, and what was explained."""

    instructions: int = 0
    blocks: int = 0
    interrupts: int = 0
    limits: int = 0


class Theirs:
    """Unicorn. Interrupts and exceptions end the run: it leaves them to its host."""

    def __init__(self, memory: mmap.mmap) -> None:
        self.uc = Uc(UC_ARCH_X86, UC_MODE_16)
        # One region: with several it takes stores to one for changes of the code in another.
        self.uc.mem_map_ptr(0, MEMORY, UC_PROT_ALL, address_of(memory))
        self.uc.hook_add(UC_HOOK_INTR, self._interrupt)
        self.vector: int | None = None
        self.fresh = self.uc.context_save()

    def _interrupt(self, uc: Uc, number: int, _: Any) -> None:
        self.vector = number
        uc.emu_stop()

    def run(self, block: Block, before: State) -> State:
        if self.vector is not None:  # it would take the next exception for a double fault
            self.uc.context_restore(self.fresh)
        values = [before[name] for name in NAMES]
        self.uc.reg_write_batch(
            list(zip(THEIRS, [*values, CODE, block.ip, before["eflags"]], strict=True))
        )
        at = (CODE << 4) + block.ip
        self.uc.mem_write(at, block.code)
        self.uc.ctl_remove_cache(at, at + len(block.code))
        self.vector = None
        self.uc.emu_start(at, 0xFFFF0)
        return dict(zip((*NAMES, *LAST), self.uc.reg_read_batch(THEIRS), strict=True))

    def accesses(self, block: Block, before: State) -> list[tuple[int, int]]:
        """Run a block: addresses and sizes of its data."""
        seen: list[tuple[int, int]] = []
        hook = self.uc.hook_add(
            UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE,
            lambda uc, kind, address, size, value, data: seen.append((address, size)),
        )
        try:
            self.run(block, before)
        finally:
            self.uc.hook_del(hook)
            self.uc.ctl_flush_tb()
        return seen


def address_of(buffer: mmap.mmap) -> int:
    return int(np.frombuffer(buffer, np.uint8).ctypes.data)


class Pair:
    """Both sides in the same state, block after block."""

    def __init__(self, seed: int, model: str = "80486") -> None:
        self.random = Random(seed)
        self.maps = [mmap.mmap(-1, MEMORY) for _ in range(2)]
        self.ours, self.theirs = Ours(model, self.maps[0]), Theirs(self.maps[1])
        self.data = [np.frombuffer(m, np.uint64, DATA_SIZE // 8, DATA) for m in self.maps]
        noise = np.frombuffer(Random(seed).randbytes(DATA_SIZE), np.uint64)
        for data in self.data:
            data[:] = noise
        self.state = dict.fromkeys(NAMES, 0) | {"eflags": 2}
        self.tally = Tally()

    def close(self) -> None:
        self.ours.vm.close()

    def shake(self) -> None:
        """Other registers, now and then: streams drift to zeros and small numbers."""
        for name in NAMES[:8]:
            if self.random.random() < 0.5:
                self.state[name] = self.random.getrandbits(32)
            elif name != "esp" and self.random.random() < 0.3:
                self.state[name] = INTERESTING[self.random.randrange(len(INTERESTING))]
        for name in NAMES[8:]:
            self.state[name] = SEGMENTS[self.random.randrange(len(SEGMENTS))]

    def run(self, instructions: int) -> Tally:
        """At least so many instructions; Difference at the first disagreement."""
        while self.tally.instructions < instructions:
            if self.tally.blocks % 8 == 0:
                self.shake()
            self.run_block(make_block(self.random))
        return self.tally

    def run_block(self, block: Block) -> None:
        before, memory = dict(self.state), self.data[0].copy()
        found, after, ran = self.differ(block, before)
        if "limit" in after:  # compare what comes before that instruction, and check the reason
            self.restore(memory)
            n = block.starts.index(after["limit"] - block.ip)
            self.tally.limits += 1
            found, after, ran = self.differ(block.first(n), before)
            if not found:
                self.check_limit(block, n, after)
        if found:
            raise Difference(self.report(block, before, memory, found))
        self.tally.blocks += 1
        self.tally.instructions += ran
        self.state = {name: after[name] for name in (*NAMES, "eflags")}

    def restore(self, memory: Any) -> None:
        for data in self.data:
            data[:] = memory

    def check_limit(self, block: Block, n: int, state: State) -> None:
        """Instruction n raised 12 or 13 here: does it reach over the end of a segment?"""
        start, end = block.starts[n], block.starts[n + 1]
        one = Block(block.ip + start, block.code[start:end] + HLT + HLT, [0, end - start], [0, 0])
        memory = self.data[0].copy()
        accesses = self.theirs.accesses(one, state)
        self.restore(memory)
        stack = state["esp"] & 0xFFFF
        if self.theirs.vector is not None and stack in (1, 3, 5):
            return  # the frame of its interrupt
        if block.code[end - 1] == POPA and stack > 0xFFE0:
            return  # it skips the place of SP; Unicorn does not look there
        for name in NAMES[8:]:
            for address, size in accesses:
                offset = address - (state[name] << 4)
                if 0x10000 - size < offset <= 0x10000 + size:
                    return
                if -0x1000 <= offset < 0 and block.code[start] == ADDRESS_SIZE:
                    return  # a bit string that begins below the segment
        raise Difference(f"vector 12 or 13 for no reason: {one}, {accesses}, {state}")

    def differ(self, block: Block, before: State) -> tuple[list[str], State, int]:
        """Run a block on both sides: what differs, our state, and how many instructions."""
        a = self.ours.run(block, before)
        try:
            b = self.theirs.run(block, before)
        except UcError as error:
            return [f"Unicorn: {error}"], a, 0
        ran = a["instructions"]
        defined = block.defined[-1]
        vector = a["ip"] - 1 - HANDLERS if a["ip"] <= HANDLERS + 256 else None
        if vector in LIMIT:
            at = (a["ss"] << 4) + (a["esp"] & 0xFFFF)
            a["limit"] = a.get("fault", int.from_bytes(self.maps[0][at : at + 2], "little"))
            return ["a limit"], a, 0
        if vector is not None:
            ran -= 1  # the delivery counts as one
            b, defined = self.deliver(block, b, vector)
        elif self.theirs.vector is not None:
            return [f"Unicorn alone took vector {self.theirs.vector}"], a, ran
        mask = {"eflags": COMPARED & ~(ALL & ~defined)}
        found = [
            f"{name}: ours {a[name]:x}, Unicorn {b[name]:x}"
            for name in (*NAMES, *LAST)
            if (a[name] ^ b[name]) & mask.get(name, 0xFFFFFFFF)
        ]
        for at in np.flatnonzero(self.data[0] != self.data[1])[:4]:
            one, two = (int(data[at]).to_bytes(8, "little").hex(" ") for data in self.data)
            found.append(f"[{DATA + 8 * int(at):05x}]: ours {one}, Unicorn {two}")
        return found, a, ran

    def deliver(self, block: Block, b: State, vector: int) -> tuple[State, int]:
        """Do for Unicorn what it leaves to its host: push FLAGS, CS and IP, go by the table."""
        if self.theirs.vector != vector:
            return b | {"ip": -1 if self.theirs.vector is None else -2 - self.theirs.vector}, 0
        self.tally.interrupts += 1
        defined = block.defined_at(b["ip"])
        frame = (b["ip"], CODE, b["eflags"] & 0xFFFF)
        stack, base = b["esp"] & 0xFFFF, b["ss"] << 4
        for value in reversed(frame):
            stack = (stack - 2) & 0xFFFF
            self.maps[1][base + stack] = value & 0xFF
            self.maps[1][base + (stack + 1 & 0xFFFF)] = value >> 8
        if defined != ALL:  # undefined flags in the frame: ours
            at = base + ((b["esp"] - 2) & 0xFFFF)
            self.maps[1][at : at + 2] = self.maps[0][at : at + 2]
        esp = b["esp"] & 0xFFFF0000 | stack
        return b | {
            "ip": HANDLERS + vector + 1,
            "esp": esp,
            "eflags": b["eflags"] & ~0x300,
        }, defined

    def report(self, block: Block, before: State, memory: Any, found: list[str]) -> str:
        """Find the first instruction after which the two sides disagree, and show it."""
        for n in range(1, len(block.starts)):
            self.restore(memory)
            short = block.first(n)
            if found_here := self.differ(short, before)[0]:
                start, end = block.starts[n - 1], block.starts[n]
                self.restore(memory)
                state = self.ours.run(block.first(n - 1), before) if n > 1 else before
                return "\n".join(
                    [
                        f"block {self.tally.blocks}: instruction {block.code[start:end].hex(' ')}",
                        f"whole block {block.code.hex()} at {CODE:x}:{block.ip:x}",
                        " ".join(f"{name}={state[name]:x}" for name in (*NAMES, "eflags")),
                        *found_here,
                    ]
                )
        return "\n".join(["only the whole block differs", block.code.hex(), *found])
