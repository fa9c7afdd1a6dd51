"""State of a vCPU in KVM's words: sregs, events and mp_state, read and set."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pyx86emu import Dtable, ExitReason, MpState, PioDevice, Segment, Shadow, Vcpu, VcpuEvents, Vm
from tests.harness import (
    CODE,
    FOREVER,
    HANDLERS,
    PATIENCE,
    STACK,
    Guest,
    MakeGuest,
    Running,
    running,
)

DR6_BS = 0x4000
MakeVm = Callable[..., Vm]


@pytest.fixture
def v(vm: MakeVm) -> Vcpu:
    return vm().create_vcpu()


def state(v: Vcpu) -> MpState:
    return v.mp_state


def everything(v: Vcpu) -> tuple[Any, ...]:
    return repr(v.regs), v.sregs, v.events, v.mp_state


# -- sregs ----------------------------------------------------------------------------------------


def test_sregs_after_reset_are_those_of_the_processor(v: Vcpu) -> None:
    sregs = v.sregs

    assert sregs.cs == Segment(0xF000, 0xF0000, 0xFFFF)
    assert sregs.ds == sregs.es == sregs.fs == sregs.gs == sregs.ss == Segment(0)
    assert sregs.gdt == Dtable(0, 0xFFFF)
    assert sregs.idt == Dtable(0, 0x3FF)
    assert sregs.cr0 == 0x60000010


def test_sregs_are_the_registers(v: Vcpu) -> None:
    names = ("cs", "ds", "es", "fs", "gs", "ss")
    segments: dict[str, Any] = {name: Segment(0x100 + i) for i, name in enumerate(names)}
    v.sregs = replace(v.sregs, cr0=6, cr2=7, cr3=8, cr4=9, **segments)

    assert [getattr(v.regs, name) for name in names] == [0x100 + i for i in range(6)]
    assert (v.regs.cr0, v.regs.cr2, v.regs.cr3, v.regs.cr4) == (6, 7, 8, 9)
    v.regs.ds = 0x1234
    assert v.sregs.ds == Segment(0x1234)


def test_sregs_are_what_lgdt_and_lidt_load(make_guest: MakeGuest) -> None:
    guest = make_guest(bytes.fromhex("2e0f011e0020 2e0f01160620"))  # LIDT [2000h]; LGDT [2006h]
    guest.ram[0x2000:0x200C] = bytes.fromhex("ff01 00050000 3412 78563400")
    guest.run()

    assert guest.vcpu.sregs.idt == Dtable(0x500, 0x1FF)
    assert guest.vcpu.sregs.gdt == Dtable(0x345678, 0x1234)


def test_an_interrupt_goes_through_the_idt_that_was_set(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\xcd\x10")  # INT 10h
    guest.ram[0x3040:0x3044] = (HANDLERS + 0x77).to_bytes(4, "little")
    guest.vcpu.sregs = replace(guest.vcpu.sregs, idt=Dtable(0x3000, 0x3FF))

    guest.run()

    assert guest.vcpu.regs.ip == HANDLERS + 0x78


def test_an_idt_without_room_for_a_vector_shuts_down(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\xcd\x10")
    guest.vcpu.sregs = replace(guest.vcpu.sregs, idt=Dtable(0xFFFFFFFF, 0))

    assert guest.run().reason is ExitReason.SHUTDOWN
    assert guest.vcpu.events.triple_fault


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ds": Segment(1, 0x20)}, r"sregs\.ds\.base is 0x20: real mode has 16 times .* 0x10"),
        ({"cs": Segment(0xF000, 0xFFFF0000)}, r"sregs\.cs\.base is 0xffff0000"),
        ({"gs": Segment(1, limit=0xFFFFFFFF)}, r"sregs\.gs\.limit is 0xffffffff: .* 0xffff"),
        ({"ss": Segment(1, limit=0xFFFE)}, r"sregs\.ss\.limit"),
        ({"gdt": Dtable(1 << 32, 0)}, r"sregs\.gdt\.base"),
        ({"idt": Dtable(1 << 32, 0)}, r"sregs\.idt\.base"),
        ({"cr0": 1}, r"sregs\.cr0 with PE=1 is protected mode"),
        ({"cr0": 1 << 32}, r"sregs\.cr0"),
        ({"cr4": 1 << 32}, r"sregs\.cr4"),
    ],
)
def test_what_real_mode_has_not_is_refused_and_nothing_changes(
    v: Vcpu, given: dict[str, Any], message: str
) -> None:
    before = everything(v)

    with pytest.raises(ValueError, match=message):
        v.sregs = replace(v.sregs, es=Segment(0x777), cr3=5, **given)

    assert everything(v) == before


@pytest.mark.parametrize("name", ["sregs", "events", "mp_state"])
def test_another_object_is_refused_by_name(v: Vcpu, name: str) -> None:
    before = everything(v)
    for bad in (None, "x", 1.5, object(), Segment(0), v):
        with pytest.raises(TypeError, match=name):
            setattr(v, name, bad)
    with pytest.raises(AttributeError, match=f"{name} cannot be deleted"):
        delattr(v, name)
    assert everything(v) == before


# -- events ---------------------------------------------------------------------------------------


def test_a_new_vcpu_has_no_events(v: Vcpu) -> None:
    assert v.events == VcpuEvents()
    assert v.mp_state is MpState.RUNNABLE


SETTABLE = [
    VcpuEvents(),
    VcpuEvents(exception=13),
    VcpuEvents(exception=1),
    VcpuEvents(exception=1, exception_payload=DR6_BS | 3),
    VcpuEvents(interrupt=0x21, shadow=Shadow.STI),
    VcpuEvents(interrupt=0, shadow=Shadow.MOV_SS),
    VcpuEvents(nmi_pending=True),
    VcpuEvents(nmi_masked=True, nmi_pending=True),
    VcpuEvents(triple_fault=True),
    VcpuEvents(rep_prefix=0),
    VcpuEvents(rep_prefix=0xFFFF),
]


@pytest.mark.parametrize("events", SETTABLE, ids=repr)
def test_events_that_were_set_are_read_back(v: Vcpu, events: VcpuEvents) -> None:
    v.events = events
    assert v.events == events
    v.events = VcpuEvents()
    assert v.events == VcpuEvents()


@pytest.mark.parametrize("prefixes", [b"", b"\x26", b"\x2e\xf2", b"\x36\xf3", b"\x3e", b"\xf3"])
@pytest.mark.parametrize("model", ["8086", "80186"])
def test_prefixes_that_were_set_are_read_back(vm: MakeVm, model: str, prefixes: bytes) -> None:
    v = vm().create_vcpu(model)
    v.events = VcpuEvents(prefixes=prefixes)
    assert v.events == VcpuEvents(prefixes=prefixes)


def test_both_shadow_bits_are_mov_ss(v: Vcpu) -> None:
    v.events = VcpuEvents(shadow=Shadow.MOV_SS | Shadow.STI)
    assert v.events.shadow == Shadow.MOV_SS


@pytest.mark.parametrize(
    "events",
    [
        VcpuEvents(exception=1, exception_injected=True),
        VcpuEvents(exception=1, exception_error_code=0),
        VcpuEvents(exception=1, exception_payload=0),
        VcpuEvents(exception=1, exception_payload=0x10),
        VcpuEvents(exception=3, exception_payload=1),
        VcpuEvents(interrupt=1, interrupt_soft=True),
        VcpuEvents(nmi_injected=True),
        VcpuEvents(prefixes=b""),
    ],
    ids=repr,
)
def test_events_that_this_vcpu_cannot_hold_are_refused(v: Vcpu, events: VcpuEvents) -> None:
    before = everything(v)
    with pytest.raises(ValueError, match=r"^events\.\w+ is .*give "):
        v.events = replace(events, nmi_pending=True)
    assert everything(v) == before


@pytest.mark.parametrize(
    ("code", "shadow"), [("fb 90 90", Shadow.STI), ("8ed0 90 90", Shadow.MOV_SS)]
)
def test_events_show_the_shadow(make_guest: MakeGuest, code: str, shadow: Shadow) -> None:
    guest = make_guest(bytes.fromhex(code))
    guest.vcpu.step()
    assert guest.vcpu.events == VcpuEvents(shadow=shadow)
    guest.vcpu.step()
    assert guest.vcpu.events == VcpuEvents()


def test_a_shadow_that_was_set_holds_an_interrupt_off(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\x40\x40", flags=0x202)  # INC AX; INC AX
    guest.vcpu.events = VcpuEvents(shadow=Shadow.STI, interrupt=0x30)
    assert not guest.vcpu.ready

    guest.run()

    assert (guest.vcpu.regs.ip, guest.vcpu.regs.ax) == (HANDLERS + 0x31, 1)


def test_a_shadow_of_mov_ss_holds_int_1_off(make_guest: MakeGuest) -> None:
    for shadow, executed in ((Shadow.STI, 0), (Shadow.MOV_SS, 1)):
        guest = make_guest(b"\x40\x40")
        guest.vcpu.events = VcpuEvents(shadow=shadow, exception=1, exception_payload=DR6_BS)

        guest.run()

        assert (guest.vcpu.regs.ip, guest.vcpu.regs.ax) == (HANDLERS + 2, executed)
        assert guest.vcpu.regs.dr6 & DR6_BS


def test_events_show_the_trap_of_tf(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\x90\x90", flags=0x102)
    guest.vcpu.run(1)
    assert guest.vcpu.events == VcpuEvents(exception=1, exception_payload=DR6_BS)


@pytest.mark.parametrize("flags", [2, 0x202])
def test_an_exception_that_was_set_comes_first(make_guest: MakeGuest, flags: int) -> None:
    guest = make_guest(b"\x40", flags=flags)
    guest.vcpu.events = VcpuEvents(exception=6, nmi_pending=True, interrupt=0x30)

    exit = guest.vcpu.run(1)

    assert exit.reason is ExitReason.BUDGET
    assert guest.vcpu.regs.ip == HANDLERS + 6
    assert guest.word(STACK - 6) == CODE
    assert guest.vcpu.events == VcpuEvents(nmi_pending=True, interrupt=0x30)


def test_events_show_nmis(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\x90")
    guest.ram[HANDLERS + 2 : HANDLERS + 3] = b"\xcf"  # IRET
    guest.vcpu.nmi()
    assert guest.vcpu.events == VcpuEvents(nmi_pending=True)
    guest.vcpu.run(1)
    guest.vcpu.nmi()
    assert guest.vcpu.events == VcpuEvents(nmi_pending=True, nmi_masked=True)
    guest.vcpu.run(1)
    assert guest.vcpu.events == VcpuEvents(nmi_pending=True)


def test_a_triple_fault_that_was_set_shuts_down_until_it_is_cleared(v: Vcpu) -> None:
    v.events = VcpuEvents(triple_fault=True)
    assert v.run().reason is ExitReason.SHUTDOWN
    assert v.run().reason is ExitReason.SHUTDOWN
    v.events = VcpuEvents()
    assert v.run(1).reason is not ExitReason.SHUTDOWN


def test_reset_drops_all_events(v: Vcpu) -> None:
    v.events = VcpuEvents(exception=6, nmi_pending=True, interrupt=1, shadow=Shadow.STI)
    v.mp_state = MpState.HALTED
    v.reset()
    assert (v.events, v.mp_state) == (VcpuEvents(), MpState.RUNNABLE)


# -- mp_state -------------------------------------------------------------------------------------


def test_mp_state_shows_a_hlt_that_waits(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\xf4\x40", irqchip=True)
    assert guest.vcpu.run().reason is ExitReason.HLT
    assert state(guest.vcpu) is MpState.HALTED

    guest.vcpu.mp_state = MpState.RUNNABLE
    guest.run()

    assert guest.vcpu.regs.ax == 1


def test_without_an_irqchip_hlt_is_an_exit_and_nothing_waits(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\xf4")
    assert guest.run().reason is ExitReason.HLT
    assert state(guest.vcpu) is MpState.RUNNABLE


def test_a_hlt_that_was_set_waits_for_an_interrupt(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\x40", irqchip=True, flags=0x202)
    guest.vcpu.mp_state = MpState.HALTED
    assert state(guest.vcpu) is MpState.HALTED
    assert guest.vcpu.run(deadline=128_000).reason is ExitReason.DEADLINE
    assert guest.vcpu.regs.ip == CODE

    guest.vcpu.interrupt(0x30)
    guest.vcpu.run(1)

    assert guest.vcpu.regs.ip == HANDLERS + 0x30
    assert state(guest.vcpu) is MpState.RUNNABLE


@pytest.mark.parametrize("state", [MpState.UNINITIALIZED, MpState.SUSPENDED, -1, 1 << 70])
def test_states_that_this_vcpu_has_not_are_refused(v: Vcpu, state: int) -> None:
    with pytest.raises(ValueError, match=r"^mp_state is .*: this vCPU is RUNNABLE \(0\) or HALTED"):
        v.mp_state = state
    assert v.mp_state is MpState.RUNNABLE


# -- who may read and write when -------------------------------------------------------------------


def set_again(v: Vcpu, name: str) -> None:
    setattr(v, name, getattr(v, name))


STATE = ("sregs", "events", "mp_state")


@pytest.mark.parametrize("name", STATE)
def test_another_thread_reads_a_running_vcpu_and_may_not_write(
    make_guest: MakeGuest, name: str
) -> None:
    guest = make_guest(FOREVER)
    with running(guest.vcpu):
        getattr(guest.vcpu, name)
        with pytest.raises(RuntimeError, match="another thread runs this vCPU: kick"):
            set_again(guest.vcpu, name)
    set_again(guest.vcpu, name)


@pytest.mark.parametrize("name", STATE)
def test_nothing_is_written_while_a_read_waits(make_guest: MakeGuest, name: str) -> None:
    guest = make_guest(b"\xe4\x99")  # IN AL,99h
    guest.vcpu.run()

    with pytest.raises(RuntimeError, match="a read of the guest waits for its answer"):
        set_again(guest.vcpu, name)

    guest.vcpu.kick()
    assert guest.vcpu.run().reason is ExitReason.INTR
    set_again(guest.vcpu, name)


class Setter(PioDevice):
    """A device that does something to its vCPU."""

    length = 1

    def __init__(self, act: Callable[[], None]) -> None:
        self.act = act

    def reset(self) -> None:
        pass

    def pio_read(self, offset: int, size: int) -> int:
        return 0

    def pio_write(self, offset: int, size: int, value: int) -> None:
        self.act()


@pytest.mark.parametrize("name", ["events", "mp_state"])
def test_a_device_may_not_write_what_its_instruction_changes(
    make_guest: MakeGuest, name: str
) -> None:
    guest = make_guest(b"\xfb\xe6\x99")  # STI; OUT 99h,AL
    seen: list[VcpuEvents] = []

    def act() -> None:
        seen.append(guest.vcpu.events)
        with pytest.raises(RuntimeError, match="in the middle of an instruction"):
            set_again(guest.vcpu, name)

    guest.vm.pio.attach(Setter(act), 0x99)

    assert guest.run().reason is ExitReason.HLT
    assert seen == [VcpuEvents(shadow=Shadow.STI)]


def test_a_device_may_write_sregs_as_it_may_write_registers(make_guest: MakeGuest) -> None:
    guest = make_guest(b"\xe6\x99\x40\x40")  # OUT 99h,AL; INC AX; INC AX
    guest.vm.add_memory(0x10000, 0x10000)
    guest.vm.write(0x10000 + CODE + 2, b"\x43\x43\xf4")  # INC BX twice

    def act() -> None:
        guest.vcpu.sregs = replace(guest.vcpu.sregs, cs=Segment(0x1000), es=Segment(7))
        assert guest.vcpu.sregs.cs == Segment(0x1000)

    guest.vm.pio.attach(Setter(act), 0x99)

    guest.run()

    regs = guest.vcpu.regs
    assert (regs.cs, regs.es, regs.ax, regs.bx) == (0x1000, 7, 0, 2)


@pytest.mark.parametrize("name", STATE)
def test_a_timer_may_write(make_guest: MakeGuest, name: str) -> None:
    guest = make_guest(FOREVER)
    done: list[str] = []

    def act() -> None:
        set_again(guest.vcpu, name)
        done.append(name)

    guest.vm.clock.call_at(1000, act)
    guest.vcpu.run(100)

    assert done == [name]


def test_setting_another_segment_ends_a_hlt_and_the_same_one_does_not(
    make_guest: MakeGuest,
) -> None:
    guest: Guest = make_guest(b"\xf4", irqchip=True)
    guest.run()
    set_again(guest.vcpu, "sregs")
    assert state(guest.vcpu) is MpState.HALTED
    guest.vcpu.sregs = replace(guest.vcpu.sregs, ds=Segment(9))
    assert state(guest.vcpu) is MpState.RUNNABLE


def test_the_next_fetch_after_the_end_of_a_segment_faults(make_guest: MakeGuest) -> None:
    guest = make_guest()
    guest.vcpu.regs.eip = 0x10000
    assert guest.vcpu.regs.eip == 0x10000

    guest.vcpu.run(1)

    assert guest.vcpu.regs.ip == HANDLERS + 13


@pytest.mark.parametrize("model", ["8086", "80186", "80286"])
def test_a_trap_leaves_no_mark_where_there_is_no_dr6(make_guest: MakeGuest, model: str) -> None:
    guest = make_guest(b"\x90", model=model, flags=0x102)
    before = guest.vcpu.regs.dr6

    guest.vcpu.run(2)

    assert guest.vcpu.regs.ip == HANDLERS + 1
    assert guest.vcpu.regs.dr6 == before


def test_no_register_of_a_running_vcpu_is_written_by_another_thread(make_guest: MakeGuest) -> None:
    guest = make_guest(FOREVER)
    with running(guest.vcpu):
        for name in dir(guest.vcpu.regs):
            value = getattr(guest.vcpu.regs, name)  # reading is allowed
            with pytest.raises(RuntimeError, match="another thread runs this vCPU: kick"):
                setattr(guest.vcpu.regs, name, value)


def test_nothing_is_written_while_a_device_of_the_vcpu_waits(make_guest: MakeGuest) -> None:
    """The vCPU is outside the core then, and still belongs to its thread."""
    guest = make_guest(b"\xe6\x99")
    gate, inside = threading.Event(), threading.Event()

    def act() -> None:
        inside.set()
        gate.wait(PATIENCE)

    guest.vm.pio.attach(Setter(act), 0x99)
    run = Running(guest.run)
    try:
        assert inside.wait(PATIENCE)
        for name in STATE:
            with pytest.raises(RuntimeError, match="another thread runs this vCPU"):
                set_again(guest.vcpu, name)
        with pytest.raises(RuntimeError, match="another thread runs this vCPU"):
            guest.vcpu.regs.ax = 5
    finally:
        gate.set()
    assert run.result().reason is ExitReason.HLT


def test_requests_are_allowed_while_another_thread_runs_the_vcpu(make_guest: MakeGuest) -> None:
    guest = make_guest(FOREVER, flags=0x202)
    with running(guest.vcpu) as run:
        guest.vcpu.nmi()  # its handler is a HLT
        assert run.result().reason is ExitReason.HLT
    assert guest.vcpu.regs.ip == HANDLERS + 3
    assert guest.vcpu.events == VcpuEvents(nmi_masked=True)
