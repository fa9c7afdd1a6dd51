"""A restore copies what has changed only, and never leaves a stale byte: it equals a full copy."""

from __future__ import annotations

import contextlib
import mmap
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import State, Vm
from tests.harness import CODE, program

#: Stores everywhere: MOV, PUSH, STOSB, XCHG, and into its own code.
GUEST = program(
    "be0000 8d9c0030 8904 ab aa 50 8704 ff06f003 c60617012a b82a00 01ce 81c60301 ebe6"
    "  ; stores at SI, ES:DI, SS:SP and 0117h"
)
FAR = 0x200000


class Rig:
    """A Vm with each kind of memory, and what changes it."""

    def __init__(self) -> None:
        self.vm = vm = Vm(irqchip=True)
        self.buffer = mmap.mmap(-1, 0x2000)
        self.low = vm.add_memory(0, 0x10000, dirty_log=True)
        self.more = vm.add_memory(0x10000, 0x10000)
        self.mine = vm.add_memory(0x20000, 0x2000, buffer=self.buffer)
        self.twice = vm.add_memory(0x30000, 0x2000, buffer=self.buffer)
        self.shared = vm.add_memory(0x40000, 0x2000, shared=True)
        self.rom = vm.add_memory(0x50000, 0x1000, readonly=True)
        self.high = vm.add_memory(0x100000, 0x10000)
        self.far = vm.add_memory(FAR, 0x3000)
        self.peer = mmap.mmap(self.shared.fileno(), 0x2000)
        self.other = Vm()
        self.other.add_memory(0, 0x2000, buffer=self.buffer)
        self.cpu = vm.create_vcpu()
        self.begin(0x100, 0, 0x1000, 0x1800)
        self.vga = vm.create_vga()
        self.views: list[Any] = []
        self.saved: list[tuple[State, list[bytes], bytes]] = []

    def begin(self, cx: int, ds: int, es: int, ss: int) -> None:
        self.low[0x100 : 0x100 + len(GUEST)] = GUEST
        self.cpu.reset()
        regs = self.cpu.regs
        regs.cs, regs.ip, regs.cx, regs.ds, regs.es, regs.ss = 0, 0x100, cx, ds, es, ss
        regs.sp = 0x800

    def bytes(self) -> tuple[list[bytes], bytes]:
        return [slot[:] for slot in self.vm.slots], self.vga.state()["planes"]

    def close(self) -> None:
        self.views.clear()
        for each in (self.vm, self.other):
            each.close()

    def act(self, what: str, a: int, b: int) -> None:
        vm, at = self.vm, a * 0x311
        if what == "run":
            self.cpu.run(b)
        elif what == "begin":
            self.begin(b, a * 0x1000, b * 0x101, a * 0x0F00)
        elif what == "write":
            vm.write(at & 0x1FFF0, bytes([b]) * (a * 40))
        elif what == "byte":
            self.more[0x10000 + at & 0x1FFFF] = b
        elif what == "rom":
            first = self.rom.addr + at % 0xF00
            self.rom[first : first + 4] = bytes([b]) * 4
        elif what == "far":
            self.far[FAR + at % 0x2FF0] = b
        elif what == "buffer":
            self.buffer[at % 0x2000] = b
        elif what == "peer":
            self.peer[at % 0x2000] = b
        elif what == "other vm":
            vcpu = self.other.create_vcpu() if not self.other.vcpus else self.other.vcpus[0]
            vcpu.reset()
            self.other.write(
                0, bytes.fromhex("ba5555 8916") + (at % 0x1F00 + 16).to_bytes(2, "little")
            )
            vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.ds = 0, 0, 0
            vcpu.run(2)
        elif what == "view":
            self.views.append(memoryview(self.more))
            self.views[-1][at & 0xFFFF] = b
        elif what == "view again" and self.views:
            self.views[a % len(self.views)][at & 0xFFFF] = b
        elif what == "drop views":
            self.views.clear()
        elif what == "array":
            with self.low.writing() as array:
                array[at & 0xFFFF] = b
        elif what == "a20":
            vm.a20 = b & 1 != 0
        elif what == "readonly":
            self.more.readonly = b & 1 != 0
        elif what == "move":
            self.rom.move(0x50000 + 0x1000 * (a & 3))
        elif what == "log":
            self.low.dirty()
        elif what == "mode":
            self.vga.write(0x3CE, 2, 0x0E06 if b & 1 else 0x0506)
        elif what == "screen":
            for n in range(a * 8):
                self.vga.write(0xB8000 + at % 0x7F00 + n, 1, b)
            with contextlib.suppress(ValueError):  # the window is elsewhere
                vm.write(0xB8000 + at % 0x7F00, bytes([b]))
        elif what == "vga":
            self.vga.reset()
        elif what == "draw":
            self.begin(b, 0xB800, 0xB800 + a, 0x1800)
            self.cpu.run(40)

    def save(self) -> None:
        self.saved.append((self.vm.save(), *self.bytes()))

    def restore(self, which: int) -> None:
        state, memory, planes = self.saved[which % len(self.saved)]
        self.vm.restore(state)
        assert self.bytes() == (memory, planes)


ACTS = (
    *("run", "run", "run", "begin", "write", "byte", "rom", "far", "buffer", "peer", "other vm"),
    *("view", "view again", "drop views", "array", "a20", "readonly", "move", "log", "mode"),
    *("screen", "vga", "draw", "draw", "save", "restore", "restore", "restore", "again", "code"),
)


def check_marks(acts: list[tuple[str, int, int]]) -> None:
    rig = Rig()
    try:
        rig.save()
        for what, a, b in acts:
            if what == "save":
                rig.save()
            elif what == "restore":
                rig.restore(a)
            elif what == "again":
                for _ in range(20):  # granules that stay as they are leave the list
                    rig.restore(a)
            elif what == "code":
                decoded_alike(rig, a)
            else:
                rig.act(what, a, b)
        for n in range(len(rig.saved)):
            rig.restore(n)
    finally:
        rig.close()


def decoded_alike(rig: Rig, which: int) -> None:
    """Blocks that stayed decoded do what a copy does, which has decoded none."""
    state = rig.saved[which % len(rig.saved)][0]
    rig.vm.restore(state)
    with rig.vm.fork() as twin:
        ends = [
            (cpu.run(200).reason, repr(cpu.regs), [slot[:] for slot in vm.slots[:2]])
            for vm, cpu in ((rig.vm, rig.cpu), (twin, twin.vcpus[0]))
        ]
    assert ends[0] == ends[1]


LISTS = st.lists(
    st.tuples(st.sampled_from(ACTS), st.integers(0, 15), st.integers(0, 255)), max_size=30
)


@settings(max_examples=60)
@given(LISTS)
def test_a_restore_equals_a_full_copy(acts: list[tuple[str, int, int]]) -> None:
    check_marks(acts)


@pytest.mark.slow
@settings(max_examples=3000)
@given(LISTS)
def test_a_restore_equals_a_full_copy_in_many_ways(acts: list[tuple[str, int, int]]) -> None:
    check_marks(acts)


@pytest.mark.parametrize("what", sorted(set(ACTS) - {"save", "restore", "again", "code"}))
def test_each_way_to_change_memory_is_noticed(what: str) -> None:
    """Between two restores, and while an earlier change is undone."""
    rig = Rig()
    try:
        rig.save()
        for a, b in ((3, 0x51), (9, 0x52), (3, 0x53)):
            rig.act("view", 1, 1) if what == "view again" else None
            rig.act(what, a, b)
            rig.restore(0)
    finally:
        rig.close()


def test_a_granule_that_is_never_stored_to_again_leaves_the_list_and_may_come_back() -> None:
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x100:0x105] = program("a20030 f4 90  ; mov [3000h],al; hlt")
        cpu = vm.create_vcpu()
        cpu.regs.cs, cpu.regs.ip, cpu.regs.al = 0, 0x100, 7
        state = vm.save()
        for pause in (0, 1, 15, 16, 17, 40):
            cpu.run(1)
            assert ram[0x3000] == 7
            for _ in range(pause + 1):
                vm.restore(state)
            assert ram[0x3000] == 0


def test_code_whose_bytes_do_not_change_stays_decoded() -> None:
    """Decoding is seen by what `store_near_code` cannot do: a rewritten byte next to the code."""
    with Vm() as vm:
        ram = vm.add_memory(0, 0x10000)
        ram[0x100:0x108] = program("c606080155 40 f4 90  ; mov byte [108h],55h; inc ax; hlt")
        cpu = vm.create_vcpu()
        cpu.regs.cs, cpu.regs.ip = 0, 0x100
        state = vm.save()
        for n in range(5):
            vm.restore(state)
            ram[0x105] = 0x40 if n & 1 else 0x48  # inc ax, dec ax: this byte is code
            assert cpu.run(2) and cpu.regs.ax == (1 if n & 1 else 0xFFFF)
            assert ram[0x108] == 0x55
            vm.restore(state)
            assert ram[0x105] == 0x40 and ram[0x108] == 0
            assert cpu.run(2) and cpu.regs.ax == 1


def test_a_state_survives_its_vm_and_its_slots() -> None:
    with Vm() as vm:
        vm.add_memory(0, 0x4000)[0:4] = b"abcd"
        state = vm.save()
    with Vm() as other:
        ram = other.add_memory(0, 0x4000)
        other.restore(state)
        assert ram[0:4] == b"abcd"
        twin = other.fork()
    with twin:
        assert twin.read(0, 4) == b"abcd"
        twin.write(1, b"X")
        assert state.to_bytes() and twin.read(0, 4) == b"aXcd"


def test_a_slot_that_is_added_or_deleted_after_the_save() -> None:
    with Vm() as vm:
        first = vm.add_memory(0, 0x1000)
        first[0] = 1
        vm.save()
        first.delete()
        second, third = vm.add_memory(0x1000, 0x1000), vm.add_memory(0x5000, 0x1000)
        second[0x1000], third[0x5000] = 2, 3
        state = vm.save()
        second[0x1000] = third[0x5000] = 9

        vm.restore(state)

        assert (second[0x1000], third[0x5000]) == (2, 3)


def test_forks_of_forks_share_and_stay_apart() -> None:
    with Vm() as vm:
        ram = vm.add_memory(0, 0x40000)
        ram[:] = bytes(range(256)) * 0x400
        line: list[Vm] = [vm]
        try:
            for n in range(12):
                twin = line[-1].fork()
                line.append(twin)
                twin.write(0x3000 * n, bytes([n]) * 64)
            for n, each in enumerate(line):
                wanted = bytearray(bytes(range(256)) * 0x400)
                for k in range(n):
                    wanted[0x3000 * k : 0x3000 * k + 64] = bytes([k]) * 64
                assert each.read(0, 0x40000) == wanted
        finally:
            for each in line[1:]:
                each.close()


def test_two_vcpus_in_two_threads_note_their_stores() -> None:
    """Both store to every granule of the same memory, while a third thread stores for the host."""
    fill = program("8ec3 31ff b90080 f3ab 43 ebf6  ; es=bx; rep stosw; inc bx; again")
    with Vm() as vm:
        ram = vm.add_memory(0, 0x80000)
        ram[CODE : CODE + len(fill)] = fill
        for n in range(2):
            regs = vm.create_vcpu().regs
            regs.cs, regs.ip, regs.bx, regs.ax = 0, CODE, 0x1000 + n, 0x5555 + n
        before = ram[:]
        state = vm.save()
        for _ in range(5):
            threads = [Thread(target=vcpu.run, args=(150_000,)) for vcpu in vm.vcpus]
            for thread in threads:
                thread.start()
            for n in range(500):
                vm.write(0x30000 + 97 * n, b"host")
            for thread in threads:
                thread.join()
            assert ram[:] != before
            vm.restore(state)
            assert ram[:] == before
