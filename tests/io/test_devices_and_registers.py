"""What a device in Python sees and changes of the vCPU that asks it: in blocks as in steps."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, MmioDevice, PioDevice, Vcpu, Vm

MakeVm = Callable[..., Vm]
#: The whole run, one instruction at a time, and in pieces.
WAYS = (None, 1, 2, 3)
NAMES = (
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "sp"),
    *("cs", "ip", "ds", "es", "ss", "fs", "gs", "flags"),
)


class Card(PioDevice, MmioDevice):
    """Calls `on_access(vcpu, calls)` for each access: the vCPU, and how many there were."""

    length = 0x1000
    vcpu: Vcpu

    def __init__(self, on_access: Callable[[Vcpu, int], object]) -> None:
        self.on_access = on_access
        self.calls = 0

    def pio_read(self, offset: int, size: int) -> int:
        self.calls += 1
        self.on_access(self.vcpu, self.calls)
        return 0x11

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.calls += 1
        self.on_access(self.vcpu, self.calls)

    mmio_read, mmio_write = pio_read, pio_write


def guest(vm: Vm, code: str, card: Card) -> Vcpu:
    """The same code at 1000:0 and 2000:0, but for the BH after it; the card at 80h and D0000h."""
    vm.add_memory(0, 0x40000)
    vm.pio.attach(card, 0x80, length=4)
    vm.mmio.attach(card, 0xD0000)
    for segment, value in ((0x1000, 0x11), (0x2000, 0x22)):
        vm.write(
            segment << 4, bytes.fromhex(code) + bytes([0xB7, value, 0xF4])
        )  # mov bh,value; hlt
    vcpu = card.vcpu = vm.create_vcpu("80486")
    return vcpu


def begin(vcpu: Vcpu) -> None:
    vcpu.reset()
    regs = vcpu.regs
    regs.cs, regs.ip, regs.ss, regs.sp, regs.es = 0x1000, 0, 0x3000, 0x8000, 0xD000
    regs.ds, regs.cx, regs.dx, regs.bx = 0xD000, 3, 0x80, 0


def run(vcpu: Vcpu, pieces: int | None) -> ExitReason:
    """Run for 300 instructions at most: what a device changes may be a loop."""
    deadline = vcpu.vm.time + 300 * 128
    while True:
        reason = vcpu.run(pieces, deadline=deadline).reason
        if reason is not ExitReason.BUDGET:
            return reason


def state(vcpu: Vcpu) -> tuple[Any, ...]:
    regs = vcpu.regs
    return (repr(regs), regs.cs, regs.ip, vcpu.instructions, vcpu.vm.time)


# -- seeing ---------------------------------------------------------------------------------------

LOOKS = {
    "out": "40 e680 40 40 e680 40 e680",
    "in": "40 e480 40 05ff7f e480 40",
    "stores": "40 a20500 40 48 a30600 fec8",
    "loads": "40 a00500 00c0 02060500 40",
    "read, modify, write": "40 fe060500 40 f61e0500 d0260600",
    "rep outsb": "40 b90300 31f6 f36e 40",
    "pushes": "8cd8 8ed0 bc0008 50 9c 40 58",
}


@pytest.mark.parametrize("code", LOOKS.values(), ids=LOOKS.keys())
def test_a_device_sees_its_own_instruction_in_blocks_and_in_steps(vm: MakeVm, code: str) -> None:
    seen: list[list[Any]] = []
    for pieces in WAYS:
        log: list[Any] = []
        machine = vm()
        card = Card(lambda v, _, log=log: log.append((state(v), v.regs.eflags)))
        vcpu = guest(machine, code, card)
        for _ in range(2):  # decoded, then chained
            begin(vcpu)
            assert run(vcpu, pieces) is ExitReason.HLT
        seen.append(log)

    assert len(seen[0]) >= 2
    assert all(log == seen[0] for log in seen)


def test_a_device_sees_where_its_instruction_begins(vm: MakeVm) -> None:
    seen: list[tuple[int, int, int]] = []
    card = Card(lambda v, _: seen.append((v.regs.cs, v.regs.ip, v.instructions)))
    vcpu = guest(vm(), "40 e680 40 e480", card)
    begin(vcpu)

    vcpu.run()

    assert seen == [(0x1000, 1, 1), (0x1000, 4, 3)]


# -- changing -------------------------------------------------------------------------------------

#: What comes after the access: a branch, whose block is chained, to the end of the code.
TAILS = {
    "jmp": "eb00", "jmp near": "e90000", "jcxz": "e300", "jnz": "7500", "jz": "7400",
    "loop": "e200",
    "call": "e80000 58", "dec, jz": "49 7400", "nothing": "", "cmp, jz": "39c0 7400", "rep": "f3aa",
    "far": "9a 0500 0020 58 58" , "int": "90",
}  # fmt: skip
ACCESSES = {
    "out": "e680", "in": "e480", "store": "a20500", "load": "a00500", "inc": "fe060500",
    "outsb": "31f6 f36e", "insb": "31ff 8ccb 8ec3 bf0080 f36c 31db",
    "push": "8cd8 8ed0 bc0008 50 5b 31db",
}  # fmt: skip
CHANGES: dict[str, Callable[[Vcpu], object]] = {
    "cs": lambda v: setattr(v.regs, "cs", 0x2000),
    "flags": lambda v: setattr(v.regs, "flags", v.regs.flags ^ 0x8D5),
    "trap flag": lambda v: setattr(v.regs, "flags", v.regs.flags & ~0x100),
    "cx": lambda v: setattr(v.regs, "cx", 1),
    "segments": lambda v: (setattr(v.regs, "es", 0x3000), setattr(v.regs, "ds", 0x3000)),
    "dx": lambda v: setattr(v.regs, "dx", 0x81),
    "a breakpoint on data": lambda v: (
        setattr(v.regs, "dr0", 0x30000),
        setattr(v.regs, "dr7", 0x10001),
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES.keys())
def test_registers_that_a_device_writes_hold_in_blocks_and_in_steps(
    vm: MakeVm, access: str, change: Callable[[Vcpu], object]
) -> None:
    for name, tail in TAILS.items():
        for when in (1, 2):
            ends: list[list[Any]] = []
            for pieces in WAYS:

                def act(v: Vcpu, calls: int, when: int = when) -> None:
                    if calls == when:
                        change(v)

                machine = vm()
                card = Card(act)
                vcpu = guest(machine, f"{access} 90 {tail}", card)
                end = []
                for _ in range(3):  # the third time on blocks that the change may have spoilt
                    begin(vcpu)
                    end.append((run(vcpu, pieces), state(vcpu), card.calls))
                ends.append(end)
                machine.close()
            assert all(end == ends[0] for end in ends), (name, when)


@pytest.mark.parametrize("pieces", WAYS)
@pytest.mark.parametrize("access", ["e680", "e480", "a20500", "a00500"])
def test_the_guest_goes_on_where_a_device_says(vm: MakeVm, access: str, pieces: int | None) -> None:
    def act(v: Vcpu, _: int) -> None:
        v.regs.cs, v.regs.ip = 0x2000, len(bytes.fromhex(access))
        assert (v.regs.cs, v.regs.ip, v.regs.eip) == (0x2000, v.regs.ip, v.regs.ip)

    vcpu = guest(vm(), access, Card(act))
    for _ in range(2):
        begin(vcpu)
        assert run(vcpu, pieces) is ExitReason.HLT
        assert (vcpu.regs.cs, vcpu.regs.bh) == (0x2000, 0x22)


def test_what_a_device_writes_ends_with_a_reset(vm: MakeVm) -> None:
    def act(v: Vcpu, _: int) -> None:
        v.regs.cs, v.regs.ip = 0x2000, 2
        v.reset()

    vcpu = guest(vm(), "e680", Card(act))
    begin(vcpu)

    exit = vcpu.run()

    assert exit.reason is ExitReason.INTERNAL_ERROR  # nothing is at the reset vector
    assert (exit.cs, exit.ip) == (0xF000, 0xFFF0)


def test_a_breakpoint_that_a_device_sets_is_seen_at_once(vm: MakeVm) -> None:
    card = Card(lambda v, _: v.debug(breakpoints=[0x10003]))
    vcpu = guest(vm(), "e680 90 90 90", card)
    for _ in range(2):
        begin(vcpu)
        vcpu.debug()
        assert vcpu.run().reason is ExitReason.DEBUG
        assert vcpu.regs.ip == 3


@pytest.mark.parametrize("seed", range(20))
def test_any_registers_written_at_any_access_give_blocks_and_steps_the_same_end(
    vm: MakeVm, seed: int
) -> None:
    rng = random.Random(seed)
    code = "".join(rng.choice([*ACCESSES.values(), *TAILS.values(), "40", "f8"]) for _ in range(8))
    script = {
        rng.randrange(1, 12): [
            (n, rng.choice((0x1000, 0x2000, 0xD000, rng.getrandbits(8))))
            for n in rng.sample(NAMES, 2)
        ]
        for _ in range(5)
    }
    ends = []
    for pieces in WAYS:

        def act(v: Vcpu, calls: int) -> None:
            for name, value in script.get(calls, ()):
                setattr(v.regs, name, value & ~0x100 if name == "flags" else value)

        machine = vm()
        card = Card(act)
        vcpu = guest(machine, code, card)
        begin(vcpu)
        reason = run(vcpu, pieces)
        ends.append((reason, state(vcpu), card.calls))
        machine.close()

    assert all(end == ends[0] for end in ends), code


# -- storing into the instruction that asks -------------------------------------------------------

STORES: dict[str, Callable[[Vm, int], object]] = {
    "vm.write": lambda vm, n: vm.write(0x10000, b"\x90" * n),
    "slot": lambda vm, n: vm.slots[0].__setitem__(slice(0x10000, 0x10000 + n), b"\x90" * n),
    "a view": lambda vm, n: memoryview(vm.slots[0])[0x10000 : 0x10000 + n].__setitem__(
        slice(0, n), b"\x90" * n
    ),
    "no memory any more": lambda vm, n: vm.slots[0].delete(),
}


@pytest.mark.parametrize("store", STORES.values(), ids=STORES.keys())
@pytest.mark.parametrize(
    "code", ["e480", "ec", "ed", "a00500", "02060500", "00060500", "87060500", "f36c", "2e2e2eec"]
)
def test_a_read_is_finished_whatever_the_device_stores_over_it(
    vm: MakeVm, code: str, store: Callable[[Vm, int], object]
) -> None:
    ends = []
    for pieces in WAYS:
        machine = vm()

        def act(v: Vcpu, calls: int, machine: Vm = machine) -> None:
            if calls == 1:
                store(machine, len(code) // 2)

        card = Card(act)
        vcpu = guest(machine, code, card)
        begin(vcpu)
        run(vcpu, pieces)
        ends.append((state(vcpu), card.calls))
        machine.close()

    assert all(end == ends[0] for end in ends)
    # Once, and then a write: by ADD and XCHG to memory, and by INSB, whose ES:DI is the card too.
    assert ends[0][1] == (2 if code[:2] in ("00", "87", "f3") else 1)
