"""Ports that no device has: the core answers them for a Machine, with the results of an exit."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from pyx86emu import ExitReason, Machine, PioDevice, Vm
from pyx86emu._core import UnclaimedPorts
from pyx86emu.pc import stops
from pyx86emu.pc.stops import LastRead
from tests.harness import program, vcpu

MakeMachine = Callable[..., Machine]

#: Reads of 1, 2 and 4 bytes of port 1230h, and writes.
ALL_SIZES = """
    fa ba3012        ; cli; mov dx,1230h
    31c0 ec 89c3     ; xor ax,ax; in al,dx; mov bx,ax
    31c0 ed 89c1     ; xor ax,ax; in ax,dx; mov cx,ax
    6631c0 66ed      ; xor eax,eax; in eax,dx
    ee ef 66ef       ; out dx,al; out dx,ax; out dx,eax
    f4
"""
#: Where the random programs read and write: holes, the devices below, and their edges.
PORTS = (0x1230, 0x12FE, 0x12FF, 0x1300, 0x1301, 0x1302, 0x1340, 0x30E, 0xFFFF, 0xFFFE, 0x7F, 0x61)


class Latch(PioDevice):
    """It keeps what was written to its two ports."""

    name = "latch"
    length = 2
    held = 0xFFFF

    def reset(self) -> None:
        self.held = 0xFFFF

    def pio_read(self, offset: int, size: int) -> int:
        return self.held >> 8 * offset & (1 << 8 * size) - 1

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.held = value

    def state(self) -> dict[str, Any]:
        return {"held": self.held}

    def load(self, values: dict[str, Any]) -> None:
        self.held = values["held"]


class Plug(PioDevice):
    """A write attaches a latch at 1230h, or detaches it."""

    name = "plug"
    length = 1

    def __init__(self, m: Machine) -> None:
        self.m, self.latch = m, Latch()
        self.on = False

    def pio_read(self, offset: int, size: int) -> int:
        return 0xFF

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.on = not self.on
        if self.on:
            self.m.attach(self.latch, port=0x1230)
        else:
            self.m.pio.detach(self.latch)


def slow(m: Machine) -> Machine:
    """Every access to such a port exits, and Python answers it: the definition."""
    m._places.ports.seen = LastRead()
    m.stats.count(m._places.ports.seen)
    return m


def test_reads_of_all_sizes_give_ones_and_are_counted(machine: MakeMachine) -> None:
    m = machine(program(ALL_SIZES))

    exit = m.run()

    regs = m.vcpu.regs
    assert exit.reason is ExitReason.HLT
    assert (regs.bx, regs.cx, regs.eax) == (0xFF, 0xFFFF, 0xFFFFFFFF)
    assert m.stats.pio_exits == 6
    assert m._places.ports.seen.served >= 6


def test_who_calls_the_vcpu_himself_gets_an_exit(machine: MakeMachine) -> None:
    m = machine(program(ALL_SIZES))
    m.boot()

    exit = m.vcpu.run()

    assert (exit.reason, exit.port, exit.size) == (ExitReason.IO, 0x1230, 1)


def test_a_bare_vm_exits_until_it_is_told_otherwise() -> None:
    with Vm() as vm:
        cpu = vcpu(vm, "ba3012 ec ec f4")  # mov dx,1230h; in al,dx; in al,dx; hlt
        ports = UnclaimedPorts(cpu)

        assert not ports.answered
        first = cpu.run()
        first.reply(5)
        ports.answered = True
        last = cpu.run()

        assert (first.reason, last.reason) == (ExitReason.IO, ExitReason.HLT)
        assert (cpu.regs.al, ports.served) == (0xFF, 1)


def test_a_device_that_comes_takes_its_port(machine: MakeMachine) -> None:
    """in al,dx; out 99h,al; in al,dx, in a loop: the second read has a device."""
    m = machine(program("fa ba3012 ec 88c3 b83412 e799 ed f4"))
    plug = Plug(m)
    plug.latch.held = 0x4321
    m.pio.attach(plug, 0x99, 2)

    m.run()

    assert (m.vcpu.regs.bl, m.vcpu.regs.ax) == (0xFF, 0x4321)
    assert m.stats.pio_exits == 1


@pytest.mark.parametrize("width", [1, 2, 4])
def test_an_access_that_has_a_device_in_it_is_split(machine: MakeMachine, width: int) -> None:
    read = {1: "ec", 2: "ed", 4: "66ed"}[width]
    m = machine(program(f"fa baff12 6631c0 {read} f4"))  # mov dx,12ffh; xor eax,eax; in
    latch = Latch()
    m.attach(latch, port=0x1300)
    latch.held = 0x4321

    m.run()

    assert m.vcpu.regs.eax == {1: 0xFF, 2: 0x21FF, 4: 0xFF4321FF}[width]
    assert m.stats.pio_exits == 1


def test_numbers_of_a_record_are_checked() -> None:
    with Vm() as vm:
        ports = UnclaimedPorts(vcpu(vm, "f4"))

        assert [ports.note(7, 1, 2), ports.note(7, 1, 2), ports.note(8, 1, 2)] == [1, 2, 1]
        for bad in (-1, 0x10000):
            with pytest.raises(ValueError, match="port"):
                ports.note(bad, 0, 0)
        with pytest.raises(ValueError, match="every"):
            ports.every = -1
        for wrong in ((), (None,), (3,), (0, 0)):
            with pytest.raises(TypeError, match="one vCPU"):
                UnclaimedPorts(*wrong)  # type: ignore[arg-type, call-arg]


@pytest.mark.parametrize("ins", ["f36c", "f36d", "f3666d", "fd f36d", "f26c"])
def test_rep_ins_stores_what_exits_would(machine: MakeMachine, ins: str) -> None:
    code = program(f"fa 31c0 8ec0 bf0030 b92500 ba3012 {ins} f4")
    fast, definition = machine(code), slow(machine(code))

    for m in (fast, definition):
        assert m.run().reason is ExitReason.HLT

    stored, expected = (m.vm.read(0x2F00, 0x300) for m in (fast, definition))
    assert stored == expected
    assert b"\xff" * 0x25 in stored
    assert (fast.vcpu.regs.cx, fast.vcpu.regs.di) == (0, definition.vcpu.regs.di)
    assert fast.stats.pio_exits == definition.stats.pio_exits == 0x25
    assert fast.instructions == 7 + 0x25 + ("fd" in ins)  # each element counts as one


# -- the same as by an exit -----------------------------------------------------------------------


def accesses(rng: random.Random, wide: bool) -> bytes:
    """A program of random accesses. ES:DI and DS:SI are in RAM."""
    code = bytearray.fromhex("fa fc b80020 8ec0 31ff 31f6 b83412")
    for _ in range(30):
        what = rng.random()
        if what < 0.3:
            code += b"\xba" + rng.choice(PORTS).to_bytes(2, "little")
        prefix = b"\x66" if wide and rng.random() < 0.3 else b""
        if what < 0.7:
            code += prefix + rng.choice((b"\xec", b"\xed", b"\xee", b"\xef"))
        elif what < 0.8:
            code += rng.choice((b"\xe4", b"\xe5", b"\xe6", b"\xe7")) + rng.choice(
                (b"\x30", b"\x99")
            )
        elif what < 0.9:  # a loop of reads
            code += bytes((0xB9, rng.randrange(1, 40), 0)) + rng.choice((b"\xec", b"\xed"))
            code += b"\xe2\xfd"
        elif what < 0.93:
            code += prefix + rng.choice((b"\x6c", b"\x6d"))
        else:
            code += bytes((0xB9, rng.randrange(0, 30), 0)) + b"\xf3" + prefix
            code += rng.choice((b"\x6e", b"\x6f"))
    return bytes(code) + b"\xeb\xc0"  # back into the middle


def outcome(m: Machine, seed: int, observed: bool, told: bool) -> list[Any]:
    """Run in pieces, as the seed has them; list all that can be seen."""
    rng = random.Random(seed)
    m.attach(Latch(), port=0x1300)
    m.pio.attach(Latch(), 0x1340, pull=True)
    saves = seed % 3 == 0
    if not saves:  # a state fits the devices that there were
        m.pio.attach(Plug(m), 0x99, 2)
    seen: list[Any] = []
    watched = m.on_io(capacity=1 << 16) if observed else None
    m.boot()
    for _ in range(12):
        exit = m.run(
            max_instructions=rng.randrange(1, 200),
            stop_on={"port"} if told else None,
            until="never" if rng.random() < 0.5 else None,
        )
        regs, last = m.vcpu.regs, m._places.ports.seen
        seen.append((repr(exit), exit.stop, exit.message, m.instructions, m.vm.time))
        seen.append([getattr(regs, name) for name in ("eax", "ebx", "ecx", "edx", "esi", "edi")])
        seen.append((regs.cs, regs.ip, regs.flags, m.stats.state(), m.stats.pio_exits))
        seen.append((last.times, (last.port, last.cs, last.ip) if last.times else None))
        seen.append(m.vm.read(0x20000, 0x400))
        if saves and rng.random() < 0.3:
            state = m.save()
            m.run(max_instructions=5)
            m.restore(state)
            seen.append((m.stats.pio_exits, m._places.ports.seen.times))
    if watched is not None:
        seen.append([str(event) for event in watched])
    return seen


@pytest.mark.parametrize("seed", range(24))
def test_results_are_those_of_an_exit(
    machine: MakeMachine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(stops, "READS", 7)
    model = ("8086", "80186", "80386", "80486")[seed % 4]
    boot = accesses(random.Random(seed), wide=model in ("80386", "80486"))
    observed, told = seed // 4 % 2 == 1, seed // 8 % 2 == 1

    fast = machine(boot, model=model)
    definition = slow(machine(boot, model=model))

    expected = outcome(definition, seed, observed, told)
    assert outcome(fast, seed, observed, told) == expected
    assert fast._places.ports.seen.served  # else nothing was compared
