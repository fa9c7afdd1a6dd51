"""State of the 8259 pair and the 8254 in KVM's words, and guest time: read and set."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from itertools import product
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyx86emu import (
    ExitReason,
    IrqChip,
    PicInputs,
    PicState,
    PioDevice,
    PitChannel,
    PitCounter,
    PitState,
    Vm,
)
from tests.harness import FOREVER, HANDLERS, Guest, MakeGuest, open_line, program, running

MakeVm = Callable[..., Vm]


def outs(*pairs: tuple[int, int]) -> bytes:
    """MOV AL,value; OUT port,AL."""
    return b"".join(bytes([0xB0, value, 0xE6, port]) for port, value in pairs)


@pytest.fixture
def guest(make_guest: MakeGuest) -> Guest:
    return make_guest(irqchip=True)


def after(guest: Guest, *pairs: tuple[int, int]) -> Guest:
    guest.start(outs(*pairs))
    guest.run()
    return guest


def reads(guest: Guest, *ports: int) -> list[int]:
    """What the guest reads there."""
    code = b"".join(bytes([0xE4, port, 0xAA]) for port in ports)  # IN AL,port; STOSB
    guest.start(code)
    guest.vcpu.regs.di = 0x5000
    guest.run()
    return list(guest.ram[0x5000 : 0x5000 + len(ports)])


# -- the 8259 pair --------------------------------------------------------------------------------


def test_power_on_is_as_kvm_has_it(guest: Guest) -> None:
    chips = guest.vm.irqchip

    for pic, mask in ((chips.master, 0xF8), (chips.slave, 0xDE)):
        kvm = {each.name: getattr(pic, each.name) for each in fields(PicState)[:-1]}
        assert kvm.pop("elcr_mask") == mask
        assert not any(kvm.values())
    assert chips.driven == (0, 0, 0)


def test_the_pair_shows_what_the_guest_has_programmed(guest: Guest) -> None:
    master = ((0x20, 0x11), (0x21, 0x08), (0x21, 4), (0x21, 0x13), (0x21, 0xE0))
    slave = ((0xA0, 0x11), (0xA1, 0x70), (0xA1, 2))
    pic = after(guest, *master, (0x20, 0x0B), (0x20, 0x68), (0x20, 0xC2), *slave).vm.irqchip

    assert pic.master == PicState(
        last_irr=0,
        irr=0,
        imr=0xE0,
        isr=0,
        priority_add=3,
        irq_base=8,
        read_reg_select=True,
        poll=False,
        special_mask=True,
        init_state=0,
        auto_eoi=True,
        rotate_on_auto_eoi=False,
        special_fully_nested_mode=True,
        init4=True,
        elcr=0,
        elcr_mask=0xF8,
        inputs=PicInputs(edges=0, pulsed=0, slaves=4),
    )
    assert (pic.slave.init_state, pic.slave.irq_base) == (3, 0x70)


def test_the_pair_shows_lines_and_requests(guest: Guest) -> None:
    vm = guest.vm
    vm.irq_line(3, True)
    vm.irq_pulse(6)
    vm.irq_line(10, True)
    chips = vm.irqchip

    assert (chips.master.last_irr, chips.master.irr) == (0b0000_1100, 0b0100_1100)
    assert chips.master.inputs == PicInputs(edges=0b0100_1100, pulsed=0b0100_0000, slaves=4)
    assert (chips.slave.last_irr, chips.slave.irr) == (0b100, 0b100)
    assert chips.driven == (0x0408, 0, 0)


def test_requests_that_were_set_are_delivered(make_guest: MakeGuest) -> None:
    first = make_guest(irqchip=True)
    after(first, *[(0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1)])
    after(first, *[(0xA0, 0x11), (0xA1, 0x28), (0xA1, 2), (0xA1, 1)])
    first.vm.irq_line(12, True)
    second = make_guest(FOREVER, irqchip=True, flags=0x202)

    second.vm.irqchip = first.vm.irqchip
    second.vcpu.run(1)

    assert second.vcpu.regs.ip == HANDLERS + 0x28 + 4
    assert (second.vm.irqchip.master.isr, second.vm.irqchip.slave.isr) == (4, 0x10)


def kvms(chips: IrqChip) -> IrqChip:
    """The record that KVM would give: without what only the interpreter knows."""
    return IrqChip(replace(chips.master, inputs=None), replace(chips.slave, inputs=None))


def test_a_record_of_kvm_keeps_requests_without_a_line(make_guest: MakeGuest) -> None:
    first = make_guest(irqchip=True)
    after(first, *[(0x20, 0x11), (0x21, 0x20), (0x21, 4), (0x21, 1)])
    after(first, *[(0xA0, 0x11), (0xA1, 0x28), (0xA1, 2), (0xA1, 1)])
    chips = kvms(first.vm.irqchip)
    second = make_guest(FOREVER, irqchip=True, flags=0x202)

    # KVM pulses the master's input 2, so its level is never there.
    master = replace(chips.master, irr=0b10_0100)
    second.vm.irqchip = IrqChip(master, replace(chips.slave, irr=1 << 4))
    vectors = []
    for _ in range(2):
        second.vcpu.regs.eflags = 0x202
        second.vcpu.run(1)
        vectors.append(second.vcpu.regs.ip - HANDLERS)
        second.vm.irqchip = replace(
            second.vm.irqchip, master=replace(second.vm.irqchip.master, isr=0)
        )

    assert vectors == [0x2C, 0x25]


def test_a_record_of_kvm_with_a_stale_cascade_requests_nothing(guest: Guest) -> None:
    chips = kvms(guest.vm.irqchip)

    guest.vm.irqchip = replace(chips, master=replace(chips.master, irr=4))

    assert guest.vm.irqchip.master.irr == 0


PIC_FIELDS: dict[str, Any] = {
    "irq_base": 9,
    "elcr_mask": 0xFF,
    "elcr": 1,
    "irr": 1,
    "last_irr": 1,
}


@pytest.mark.parametrize("name", PIC_FIELDS)
@pytest.mark.parametrize("which", ["master", "slave"])
def test_what_the_pair_cannot_hold_is_refused_by_name(guest: Guest, which: str, name: str) -> None:
    before = guest.vm.irqchip
    pic = replace(getattr(before, which), imr=0x55, **{name: PIC_FIELDS[name]})

    with pytest.raises(ValueError, match=rf"^irqchip\.({which}\.{name}|driven) is "):
        guest.vm.irqchip = replace(before, **{which: pic})

    assert guest.vm.irqchip == before


@pytest.mark.parametrize(
    ("inputs", "name"),
    [
        (PicInputs(edges=1, pulsed=0, slaves=4), "inputs.edges"),
        (PicInputs(edges=0, pulsed=1, slaves=4), "inputs.pulsed"),
        (PicInputs(edges=0, pulsed=0, slaves=5), "inputs.slaves"),
        (PicInputs(edges=1, pulsed=1, slaves=4), "irr"),
    ],
)
def test_inputs_that_contradict_each_other_are_refused(
    guest: Guest, inputs: PicInputs, name: str
) -> None:
    before = guest.vm.irqchip
    with pytest.raises(ValueError, match=rf"^irqchip\.master\.{name} is "):
        guest.vm.irqchip = replace(before, master=replace(before.master, inputs=inputs))
    assert guest.vm.irqchip == before


def test_lines_that_nobody_drives_are_refused(guest: Guest) -> None:
    before = guest.vm.irqchip
    with pytest.raises(ValueError, match=r"^irqchip\.driven is \(32, 0, 0\): .* are 0"):
        guest.vm.irqchip = replace(before, driven=(0x20, 0, 0))
    # then: input 2 of the master is the slave's INT and nothing else
    cascade = replace(before.master, last_irr=4, irr=4, inputs=PicInputs(4, 0, 4))
    with pytest.raises(ValueError, match=r"^irqchip\.master\.last_irr is 4: its input 2 is 0"):
        guest.vm.irqchip = replace(before, master=cascade)


# -- the 8254 -------------------------------------------------------------------------------------


def test_the_8254_shows_what_the_guest_has_programmed(guest: Guest) -> None:
    pit = after(guest, (0x43, 0x34), (0x40, 0x34), (0x40, 0x12), (0x61, 3)).vm.pit

    channel = pit.channels[0]
    assert (channel.count, channel.mode, channel.rw_mode, channel.bcd) == (0x1234, 2, 3, False)
    assert (channel.gate, pit.channels[2].gate, pit.speaker) == (True, True, True)
    assert channel.counter is not None
    assert channel.counter.armed
    assert channel.counter.left <= 0x1234


def test_the_8254_shows_latches_and_half_read_words(guest: Guest) -> None:
    after(guest, (0x43, 0x34), (0x40, 0x34), (0x40, 0x12), (0x43, 0xC2))  # read-back: all
    channel = guest.vm.pit.channels[0]
    assert (channel.count_latched, channel.status_latched) == (3, True)
    assert channel.status & 0x3F == 0x34

    reads(guest, 0x40, 0x40)  # the status and the low byte

    channel = guest.vm.pit.channels[0]
    assert (channel.count_latched, channel.status_latched) == (2, False)

    reads(guest, 0x40, 0x40)

    channel = guest.vm.pit.channels[0]
    assert (channel.count_latched, channel.read_state) == (0, 4)
    after(guest, (0x40, 0x77))
    channel = guest.vm.pit.channels[0]
    assert (channel.write_state, channel.write_latch) == (4, 0x77)


def test_a_pit_that_was_set_counts_on(make_guest: MakeGuest) -> None:
    first = after(make_guest(irqchip=True), (0x43, 0x34), (0x40, 0x34), (0x40, 0x12))
    second = make_guest(irqchip=True)
    second.vm.time = first.vm.time
    second.vm.pit = first.vm.pit

    assert second.vm.pit == first.vm.pit
    assert reads(first, 0x40, 0x40) == reads(second, 0x40, 0x40)
    assert second.vm.pit == first.vm.pit


def test_a_record_of_kvm_begins_to_count(make_guest: MakeGuest) -> None:
    guest = make_guest(open_line(0) + b"\xfb\xf4", irqchip=True)
    kvm = replace(guest.vm.pit.channels[0], count=1193, mode=2, count_load_time=-5, counter=None)

    guest.vm.pit = replace(guest.vm.pit, channels=(kvm, *guest.vm.pit.channels[1:]))
    guest.vcpu.run()

    # then: the first rise comes after one period, and the guest handles it
    assert guest.vcpu.regs.ip == HANDLERS + 0x21
    assert 1193 / 1193182 < guest.vm.time / 1e9 < 1195 / 1193182
    assert guest.vm.pit.channels[0].count_load_time == 0


CHANNEL_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"mode": 8}, "mode"),
    ({"mode": 255}, "mode"),
    ({"rw_mode": 0}, "rw_mode"),
    ({"read_state": 1}, "read_state"),
    ({"write_state": 0}, "write_state"),
    ({"rw_mode": 1, "read_state": 1, "write_state": 4}, "write_state"),
    ({"count_latched": 1}, "count_latched"),
    ({"rw_mode": 2, "read_state": 2, "write_state": 2, "count_latched": 3}, "count_latched"),
    ({"count_latched": 3, "read_state": 4}, "read_state"),
    ({"bcd": True, "count": 10001}, "count"),
]
COUNTER_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"armed": False}, "armed"),
    ({"armed": False, "loaded": False, "load": True}, "armed"),
    ({"loaded": False}, "loaded"),
    ({"left": 1}, "out"),
    ({"out": False}, "out"),
]


def running_channel(guest: Guest) -> tuple[PitState, PitChannel, PitCounter]:
    after(guest, (0x43, 0x34), (0x40, 0x34), (0x40, 0x12))
    guest.start(FOREVER)
    guest.vcpu.run(1000)
    pit = guest.vm.pit
    assert pit.channels[0].counter is not None
    return pit, pit.channels[0], pit.channels[0].counter


@pytest.mark.parametrize(("given", "name"), CHANNEL_FIELDS)
def test_what_a_channel_cannot_hold_is_refused_by_name(
    guest: Guest, given: dict[str, Any], name: str
) -> None:
    pit, channel, _ = running_channel(guest)
    bad = replace(channel, **given)

    with pytest.raises(ValueError, match=rf"^pit\.channels\[0\]\.{name} is "):
        guest.vm.pit = replace(pit, channels=(bad, *pit.channels[1:]), speaker=True)

    assert guest.vm.pit == pit


@pytest.mark.parametrize(("given", "name"), COUNTER_FIELDS)
def test_a_counter_that_contradicts_itself_is_refused_by_name(
    guest: Guest, given: dict[str, Any], name: str
) -> None:
    pit, channel, counter = running_channel(guest)
    bad = replace(channel, counter=replace(counter, **given))

    with pytest.raises(ValueError, match=rf"^pit\.channels\[0\]\.counter\.{name} is "):
        guest.vm.pit = replace(pit, channels=(bad, *pit.channels[1:]))

    assert guest.vm.pit == pit


def test_a_counter_longer_than_its_mode_is_refused(guest: Guest) -> None:
    pit, channel, counter = running_channel(guest)
    for mode, bcd, left in ((3, False, 0x8001), (2, True, 10001), (3, True, 5001)):
        bad = replace(channel, mode=mode, bcd=bcd, count=9, counter=replace(counter, left=left))
        with pytest.raises(ValueError, match=r"^pit\.channels\[0\]\.counter\.left is "):
            guest.vm.pit = replace(pit, channels=(bad, *pit.channels[1:]))


def test_rises_of_a_channel_without_a_line_are_refused(guest: Guest) -> None:
    pit, channel, counter = running_channel(guest)
    bad = replace(channel, counter=replace(counter, rises=1))
    with pytest.raises(ValueError, match=r"^pit\.channels\[2\]\.counter\.rises is 1"):
        guest.vm.pit = replace(pit, channels=(*pit.channels[:2], bad))


@pytest.mark.parametrize("mode", range(8))
@pytest.mark.parametrize("bcd", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 10000])
def test_guest_time_goes_on_whatever_counter_was_set(
    make_guest: MakeGuest, mode: int, bcd: bool, count: int
) -> None:
    """HLT jumps to the next edge; an edge that is always there would stop it for good."""
    guest = make_guest(open_line(1) + b"\xfb\xf4", irqchip=True)
    guest.vcpu.run(50)
    pit = guest.vm.pit
    taken = 0
    for left, flags in product((1, 2, 5000), range(64)):
        out, load, live, gate, odd, loaded = (flags >> i & 1 == 1 for i in range(6))
        counter = PitCounter(left, out, True, load, loaded, live and loaded, False, odd=odd)
        channel = replace(
            pit.channels[0], mode=mode, bcd=bcd, count=count, gate=gate, counter=counter
        )
        with suppress(ValueError):
            guest.vm.pit = replace(pit, channels=(channel, *pit.channels[1:]))
            taken += 1
            assert guest.vm.pit.channels[0] == channel
        start = guest.vm.time

        exit = guest.vcpu.run(40, deadline=start + 1_000_000)

        assert exit.reason in (ExitReason.BUDGET, ExitReason.DEADLINE)
        assert guest.vm.time > start + 20_000
    assert taken > 50


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value that a field of this type takes."""
    parts = get_args(kind)
    if type(None) in parts:
        return st.none() | values(parts[0])
    if kind is bool:
        return st.booleans()
    if get_origin(kind) is tuple:
        return st.tuples(*map(values, parts))
    if parts:
        least, most = parts[1]
        return st.integers(least, most) | st.integers(max(0, least), min(4, most))
    return records(kind)


def records(kind: type) -> st.SearchStrategy[Any]:
    hints = get_type_hints(kind, include_extras=True)
    return st.builds(kind, **{each.name: values(hints[each.name]) for each in fields(kind)})


@settings(max_examples=60)
@given(irqchip=records(IrqChip), pit=records(PitState), simple=st.booleans())
def test_any_record_is_taken_whole_or_refused_whole(
    irqchip: IrqChip, pit: PitState, simple: bool
) -> None:
    with Guest(FOREVER, irqchip=True, flags=0x202) as guest:
        for name, record in (("irqchip", irqchip), ("pit", pit)):
            before = getattr(guest.vm, name)
            if simple:  # what KVM gives is taken more often
                record = without_ours(record)
            try:
                setattr(guest.vm, name, record)
            except ValueError as error:
                assert str(error).startswith(name)
                assert getattr(guest.vm, name) == before
                continue
            after = getattr(guest.vm, name)
            setattr(guest.vm, name, after)
            assert getattr(guest.vm, name) == after

        guest.vcpu.run(1000, deadline=1_000_000)


def without_ours(record: Any) -> Any:
    """With a valid rest of the fields that the interpreter refuses most often."""
    if isinstance(record, PitState):
        one, two, three = (
            replace(
                each, mode=each.mode & 7, rw_mode=3, read_state=3, write_state=3, bcd=False,
                count_latched=0, counter=None,
            )
            for each in record.channels
        )  # fmt: skip
        return replace(record, channels=(one, two, three))
    slave, master = (
        replace(
            pic, irq_base=pic.irq_base & 0xF8, elcr_mask=mask, elcr=pic.elcr & mask, inputs=None
        )
        for pic, mask in ((record.slave, 0xDE), (record.master, 0xF8))
    )
    return replace(record, slave=slave, master=master, driven=None)


# -- guest time -----------------------------------------------------------------------------------


def test_time_is_set_forward(guest: Guest) -> None:
    guest.vm.time = 1 << 30
    assert guest.vm.time == 1 << 30

    guest.start(FOREVER)
    guest.vcpu.run(10)

    assert guest.vm.time == (1 << 30) + 10 * 128


def test_a_timer_that_is_due_then_is_called_by_the_next_run(guest: Guest) -> None:
    called: list[int] = []
    guest.vm.clock.call_at(5000, lambda: called.append(guest.vm.time))
    guest.vm.time = 1_280_000
    assert called == []
    guest.run()
    assert called == [1_280_000]


def test_time_does_not_go_back(guest: Guest) -> None:
    guest.vm.time = 1280
    for bad, message in (
        (1152, "time is 1152: it is 1280 now"),
        (1281, "time is 1281: an instruction takes 128 ns"),
        (-128, "time is -0x80"),
        (1 << 63, "time is 0x8000000000000000"),
    ):
        with pytest.raises(ValueError, match=message):
            guest.vm.time = bad
    with pytest.raises(TypeError, match="time must be an integer"):
        guest.vm.time = 1280.0  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="time cannot be deleted"):
        del guest.vm.time
    assert guest.vm.time == 1280


def test_time_needs_a_vcpu_that_does_not_run(vm: MakeVm, make_guest: MakeGuest) -> None:
    with pytest.raises(RuntimeError, match="create it before"):
        vm().time = 1280
    guest = make_guest(FOREVER)
    with running(guest.vcpu), pytest.raises(RuntimeError, match="is in run"):
        guest.vm.time = 1 << 40
    errors: list[BaseException] = []

    def act() -> None:
        with pytest.raises(RuntimeError, match="is in run"):
            guest.vm.time = 1 << 40
        errors.append(RuntimeError())

    guest.vm.clock.call_after(1000, act)
    guest.vcpu.run(100)
    assert errors


def test_time_on_the_hosts_clock_is_set_forward(vm: MakeVm) -> None:
    one = vm(clock="host")
    one.time = 1 << 50
    assert 1 << 50 <= one.time < (1 << 50) + 60 * 10**9


# -- who may read and write when -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["irqchip", "pit"])
def test_without_an_irqchip_there_is_no_state_of_it(vm: MakeVm, name: str) -> None:
    one = vm()
    with pytest.raises(OSError, match="make it with irqchip=True") as caught:
        getattr(one, name)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError, match="make it with irqchip=True"):
        setattr(one, name, None)


@pytest.mark.parametrize("name", ["irqchip", "pit"])
def test_another_object_is_refused(guest: Guest, name: str) -> None:
    for bad in (None, 5, "x", guest.vcpu.events):
        with pytest.raises(TypeError, match=f"{name} must be a"):
            setattr(guest.vm, name, bad)
    with pytest.raises(AttributeError, match=f"{name} cannot be deleted"):
        delattr(guest.vm, name)


@pytest.mark.parametrize("name", ["irqchip", "pit"])
def test_another_thread_reads_and_may_not_write(make_guest: MakeGuest, name: str) -> None:
    guest = make_guest(FOREVER, irqchip=True)
    with running(guest.vcpu):
        state = getattr(guest.vm, name)
        with pytest.raises(RuntimeError, match=f"another thread runs this vCPU: .* set {name}"):
            setattr(guest.vm, name, state)
    setattr(guest.vm, name, state)


@pytest.mark.parametrize("name", ["irqchip", "pit"])
def test_a_closed_vm_shows_its_chips_and_takes_none(guest: Guest, name: str) -> None:
    state = getattr(guest.vm, name)
    guest.close()
    assert getattr(guest.vm, name) == state
    with pytest.raises(OSError, match="closed") as caught:
        setattr(guest.vm, name, state)
    assert caught.value.errno == errno.EBADF


def test_a_device_may_set_the_chips(make_guest: MakeGuest) -> None:
    """A device that reprograms the 8254 while the guest runs: its edge comes at its time."""
    guest = make_guest(open_line(0) + program("fb e699 90 90 f4"), irqchip=True)

    class Card(PioDevice):
        length = 1

        def reset(self) -> None:
            pass

        def pio_read(self, offset: int, size: int) -> int:
            return 0

        def pio_write(self, offset: int, size: int, value: int) -> None:
            pit = guest.vm.pit
            fast = replace(pit.channels[0], count=1000, mode=2, counter=None)
            guest.vm.pit = replace(pit, channels=(fast, *pit.channels[1:]))
            guest.vm.irqchip = guest.vm.irqchip

    guest.vm.pio.attach(Card(), 0x99)

    guest.run()

    assert guest.vcpu.regs.ip == HANDLERS + 0x21
    assert 1000 / 1193182 < guest.vm.time / 1e9 < 1010 / 1193182
