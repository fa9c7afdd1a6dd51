"""A guest whose state is set into a fresh Vm goes on there exactly as it would have gone on."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import Exit, ExitReason, Vm
from pyx86emu.models import MODELS
from tests.harness import CODE, STACK, open_line

RAM = 0x10000
HANDLER = 0x700
#: In the order in which they are set: DR6 and DR7 clear RF, which EFLAGS has.
REGISTERS = (
    *("dr0", "dr1", "dr2", "dr3", "dr6", "dr7"),
    *("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp"),
    *("cs", "ds", "es", "ss", "fs", "gs", "eip", "eflags"),
)


def moved(vm: Vm, shift: int = 7) -> Vm:
    """A fresh Vm with the state of this one, whose first vCPU stands between two instructions."""
    old = vm.vcpus[0]
    new = Vm(irqchip=True, shift=shift)
    new.a20 = vm.a20
    for slot in vm.slots:
        new.add_memory(slot.addr, slot.size)[:] = slot[:]
    vcpu = new.create_vcpu(old.model)
    new.time = vm.time
    for name in REGISTERS:
        setattr(vcpu.regs, name, getattr(old.regs, name))
    vcpu.sregs = old.sregs
    vcpu.events = old.events
    vcpu.mp_state = old.mp_state
    vcpu.request_interrupt_window = old.request_interrupt_window
    new.irqchip = vm.irqchip
    new.pit = vm.pit
    return new


def state(vm: Vm) -> dict[str, Any]:
    v = vm.vcpus[0]
    regs = {name: getattr(v.regs, name) for name in REGISTERS}
    return regs | {
        "sregs": v.sregs,
        "events": v.events,
        "mp_state": v.mp_state,
        "irqchip": vm.irqchip,
        "pit": vm.pit,
        "time": vm.time,
        "ram": hash(vm.read(0, RAM)),
    }


# -- guests ---------------------------------------------------------------------------------------


class Snippet(NamedTuple):
    code: str  # hex; .. is a random byte
    since: int = 0  # the first model that has it


MENU = (
    *(Snippet(code) for code in ("fb", "fa", "f4", "90", "40", "43f7d8", "01d8", "fd", "fc")),
    Snippet("9c 58 0d0001 50 9d"),  # set TF
    Snippet("9c 58 80e4fe 50 9d"),  # clear TF
    Snippet("8cd0 8ed0 43"),  # MOV SS
    Snippet("16 17 43"),  # POP SS
    Snippet("fb f4"),  # STI; HLT
    Snippet("fb 8cd0 8ed0 f4"),
    Snippet("b0.. e643"),  # the 8254
    Snippet("b036 e643 b0.. e640 b000 e640"),
    Snippet("b030 e643 b0.. e640 b000 e640"),
    Snippet("b034 e643 b0.. e640 b0.. e640"),
    Snippet("b011 e620 b008 e621 b004 e621 b001 e621"),  # the 8259
    Snippet("b011 e6a0 b070 e6a1 b002 e6a1 b001 e6a1"),
    *(Snippet(f"b0.. e6{port:02x}") for port in (0x20, 0x21, 0xA0, 0xA1, 0x40, 0x42, 0x61)),
    *(Snippet(f"e4{port:02x}") for port in (0x20, 0x21, 0xA0, 0xA1, 0x40, 0x41, 0x42, 0x61)),
    *(Snippet(f"b0{word:02x} e620") for word in (0x0A, 0x0B, 0x0C, 0x68, 0x48, 0x20, 0x80)),
    *(Snippet(f"b0{word:02x} e643") for word in (0x00, 0xC2, 0xD2, 0xE2, 0xEE, 0x80)),
    *(Snippet(f"b0{mask:02x} e621 e6a1") for mask in (0x00, 0xFE, 0xFB, 0xF8)),
    Snippet("bad004 b0.. ee"),  # ELCR
    Snippet("bad104 b0.. ee ec"),
    Snippet("b10. 30ed be0040 bf0050 f3a4"),  # REP MOVSB
    Snippet("b10. 30ed be0040 bf0050 2ef3a5"),
    Snippet("b10. 30ed be0040 bf0050 f32ea6"),
    Snippet("b103 30ed be0040 bf0050" + "f3" * 15 + "a4"),
    Snippet("2e" * 14 + "f3 f3 a4"),
    Snippet("e499"),  # exits
    Snippet("e699"),
    Snippet("b103 30ed be0040 ba9900 f36e", 1),
    Snippet("cd30"),
    Snippet("cc"),
    Snippet("30c0 f6f0"),  # #DE
    Snippet("0f011e0060", 2),  # LIDT: the table at 7000h
    Snippet("0f011e0660 cc", 2),  # LIDT with limit 0, and INT3: shutdown
    Snippet("b80e00 0f01f0 9b", 2),  # LMSW, and WAIT: #NM
    Snippet("0f20c0 0f22c0", 3),
    Snippet("66b801100000 0f23c0 66b8010d0000 0f23f8", 3),  # a breakpoint at 1001h
    Snippet("66b800500000 0f23c8 66b80c00f000 0f23f8", 3),  # and on data at 5000h
    Snippet("6631c0 0f23f8", 3),
    Snippet("0f31", 4),  # RDTSC
)

HOST = ("run", "run", "run", "run", "step", "nmi", "line", "pulse", "interrupt", "window", "move")


class RandomGuest(NamedTuple):
    model: str
    shift: int
    code: bytes
    host: list[tuple[str, int, int]]


@st.composite
def guests(draw: st.DrawFn) -> RandomGuest:
    model = draw(st.sampled_from(MODELS))
    menu = [each for each in MENU if each.since <= MODELS.index(model)]
    code = b""
    for each in draw(st.lists(st.sampled_from(menu), min_size=4, max_size=25)):
        text = "".join(each.code.split())
        while "." in text:
            text = text.replace(".", f"{draw(st.integers(0, 15)):x}", 1)
        code += bytes.fromhex(text)
    acts = st.tuples(st.sampled_from(HOST), st.integers(0, 15), st.integers(0, 200))
    host = draw(st.lists(acts, min_size=3, max_size=25))
    return RandomGuest(model, draw(st.sampled_from([7, 0, 13])), code, host)


def prepared(model: str, code: bytes, shift: int = 7) -> Vm:
    """RAM at 0-FFFFh; every vector leads to an EOI, INC BP and IRET."""
    vm = Vm(irqchip=True, shift=shift)
    ram = vm.add_memory(0, RAM)
    ram[0:0x400] = HANDLER.to_bytes(4, "little") * 256
    ram[HANDLER : HANDLER + 10] = bytes.fromhex("50 b020 e6a0 e620 58 45 cf")
    ram[0x4000:0x4100] = bytes(range(256))
    ram[0x6000:0x6006] = bytes.fromhex("ff03 00700000")
    ram[0x7000:0x7400] = (HANDLER + 8).to_bytes(4, "little") * 256  # without the EOI
    loop = code + b"\xe9" + (-(len(code) + 3) & 0xFFFF).to_bytes(2, "little")
    ram[CODE : CODE + len(loop)] = loop
    v = vm.create_vcpu(model)
    for name in ("cs", "ds", "es", "ss"):
        setattr(v.regs, name, 0)
    v.regs.ip, v.regs.sp = CODE, STACK
    return vm


def shown(exit: Exit) -> tuple[Any, ...]:
    fields = ("reason", "addr", "size", "count", "write", "value", "cs", "ip", "message", "dr6")
    if exit.reason is ExitReason.SHUTDOWN:  # which faults led to it is in no record
        fields = fields[:8]
    return tuple(getattr(exit, name) for name in fields)


def act(vm: Vm, what: str, a: int, b: int) -> tuple[Any, ...] | None:
    """Do one thing to a Vm."""
    v = vm.vcpus[0]
    if what == "line":
        vm.irq_line(a, b & 1 != 0)
    elif what == "pulse":
        vm.irq_pulse(a)
    elif what == "nmi":
        v.nmi()
    elif what == "window":
        v.request_interrupt_window = b & 7 == 0
    elif what == "interrupt":
        if v.events.interrupt is None:
            v.interrupt(0x30 + a, queue=True)
    else:
        v.debug(singlestep=what == "step")
        exit = v.run(b)
        v.debug()
        if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
            exit.reply(bytes(range(1, 1 + exit.size * exit.count)))
        return shown(exit)
    return None


def settle(vm: Vm) -> list[tuple[Any, ...]]:
    """Go on until the vCPU stands between two instructions."""
    seen: list[tuple[Any, ...]] = []
    vm.vcpus[0].kick()
    while not seen or seen[-1][0] is not ExitReason.INTR:
        exit = vm.vcpus[0].run()
        if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
            exit.reply(b"\x77" * (exit.size * exit.count))
        seen.append(shown(exit))
    return seen


@settings(max_examples=150)
@given(guests())
def test_a_moved_guest_goes_on_as_before(
    guest: RandomGuest,
) -> None:
    model, shift, code, host = guest
    with prepared(model, code, shift) as vm:
        copies: list[Vm] = []
        try:
            for what, a, b in host:
                if what != "move":
                    seen = act(vm, what, a, b)
                    for copy in copies:
                        assert act(copy, what, a, b) == seen
                else:
                    ends = settle(vm)
                    for copy in copies:
                        assert settle(copy) == ends
                    copies.append(moved(vm, shift))
                for copy in copies:
                    assert state(copy) == state(vm)
        finally:
            for copy in copies:
                copy.close()


def run_in_steps(vm: Vm, instructions: int) -> tuple[Any, ...]:
    """run(), in many runs of one instruction."""
    v = vm.vcpus[0]
    end = v.instructions + instructions
    while True:
        exit = v.run(max(0, min(1, end - v.instructions)))
        if exit.reason is not ExitReason.BUDGET or v.instructions >= end:
            break
    if exit.reason in (ExitReason.IO, ExitReason.MMIO) and not exit.write:
        exit.reply(bytes(range(1, 1 + exit.size * exit.count)))
    return shown(exit)


@settings(max_examples=150)
@given(guests())
def test_a_moved_guest_goes_on_in_steps_as_in_blocks(
    guest: RandomGuest,
) -> None:
    model, shift, code, host = guest
    with prepared(model, code, shift) as vm:
        copy: Vm | None = None
        try:
            for what, a, b in host:
                if what == "move":
                    settle(vm)
                    if copy is not None:
                        copy.close()
                    copy = moved(vm, shift)
                    continue
                before = vm.vcpus[0].instructions
                seen = act(vm, what, a, b)
                if copy is None:
                    continue
                count = vm.vcpus[0].instructions - before
                if seen and seen[0] is ExitReason.BUDGET and count < b:
                    break  # a HLT without an end: how long it lasts depends on the budget
                if what == "run":
                    assert run_in_steps(copy, b) == seen
                else:
                    assert act(copy, what, a, b) == seen
                assert state(copy) == state(vm)
        finally:
            if copy is not None:
                copy.close()


@pytest.mark.parametrize("count", [2, 3, 5, 100])
def test_interrupts_of_a_fast_8254_do_not_depend_on_where_runs_end(count: int) -> None:
    """It rises and falls within one instruction of 8 us; both orders of "run() ends" and "the 8259
    sees the fall" must give the guest its interrupt."""
    code = open_line(0) + bytes.fromhex(f"b034 e643 b0{count:02x} e640 b000 e640 fb 90 ebfd")
    ends = []
    for most in (5000, 7, 1):
        with prepared("80486", code, 13) as vm:
            v = vm.vcpus[0]
            while v.instructions < 5000:
                v.run(min(most, 5000 - v.instructions))
            ends.append((v.regs.bp, v.regs.ip, vm.time))

    assert ends[0][0] > 300
    assert ends[1:] == [ends[0]] * 2
