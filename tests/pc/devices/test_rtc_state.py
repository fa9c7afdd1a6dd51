"""The state of the clock chip: taken, given to another one, and both go on alike."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu import Machine
from pyx86emu.pc.devices.rtc import DATA, INDEX, Rtc
from pyx86emu.state import Stateful

SECOND = 1_000_000_000

#: Register and value of the guest's writes: alarms, SET, enables, rates, RAM.
writes = st.lists(
    st.tuples(st.sampled_from([0, 1, 2, 3, 4, 5, 7, 9, 0x0A, 0x0B, 0x50]), st.integers(0, 255)),
    max_size=8,
)
times = st.integers(0, 3 * SECOND)


def put(rtc, register, value):
    rtc.pio_write(INDEX, 1, register)
    rtc.pio_write(DATA, 1, value)


def seen(rtc, time):
    """What a guest sees in the next seconds, and when."""
    rows = []
    for ns in (1, SECOND // 1024, SECOND // 2, SECOND, 3 * SECOND):
        time.advance(ns)
        rows.append((rtc.irq.level, rtc.irq.edges))
        for register in range(0x0E):
            rtc.pio_write(INDEX, 1, register)
            rows.append(rtc.pio_read(DATA, 1))
    return rows


@given(before=writes, ns=times, rest=times, after=writes)
def test_another_chip_goes_on_as_this_one(attach_alone, before, ns, rest, after):
    rtc, time = attach_alone(Rtc(datetime(2009, 12, 31, 23, 59, 58)))
    time.advance(ns)
    for register, value in before:
        put(rtc, register, value)
    time.advance(rest)
    state = rtc.state()
    other, its_time = attach_alone(Rtc())
    its_time.advance(time.time)
    for register, value in after:
        put(other, register, value)

    other.load(state)

    assert other.state() == state
    assert other.irq.level == rtc.irq.level
    other.irq.edges = rtc.irq.edges
    assert seen(other, its_time) == seen(rtc, time)


def test_taking_a_state_changes_nothing(attach_alone):
    rtc, time = attach_alone(Rtc())
    put(rtc, 0x0B, 0x12)
    time.advance(SECOND // 2)
    before = {**vars(rtc), "cmos": bytes(rtc.cmos)}

    assert rtc.state() == rtc.state()

    assert {**vars(rtc), "cmos": bytes(rtc.cmos)} == before
    time.advance(SECOND)
    assert rtc.irq.level


def test_a_state_is_a_copy_of_plain_values(attach_alone):
    rtc, _ = attach_alone(Rtc())
    put(rtc, 0x0B, 0x12)  # update interrupts: the timer waits
    part: Stateful = rtc
    state = part.state()

    put(rtc, 0x50, 0xAA)

    assert state["cmos"][0x50] == 0
    assert state["timer"] == ("rtc", SECOND)
    assert {type(value) for value in state.values()} == {bytes, int, bool, tuple}


def test_a_machine_gets_the_date_and_ram_of_another():
    with Machine(rtc_base=datetime(1999, 1, 2, 3, 4, 5)) as one, Machine() as other:
        one.rtc.cmos[0x50] = 0xAA

        other.rtc.load(one.rtc.state())

        assert other.rtc.cmos[0x50] == 0xAA
        assert other.rtc.time == datetime(1999, 1, 2, 3, 4, 5)


#: Values that no state has.
BAD = [
    None,
    {},
    {"cmos": bytes(127)},
    {"cmos": bytearray(128)},
    {"index": 128},
    {"index": "1"},
    {"index": True},
    {"updated": 1 << 63},
    {"periods": 1.5},
    {"level": 1},
    {"timer": ()},
    {"timer": ("rtc",)},
    {"timer": ("rtc", -1)},
    {"timer": ("rtc", "x")},
    {"timer": ("keyboard.byte", 5)},
    {"timer": 5},
]


@pytest.mark.parametrize("bad", BAD, ids=str)
def test_what_is_no_state_is_refused_and_nothing_changes(attach_alone, bad):
    rtc, time = attach_alone(Rtc())
    put(rtc, 0x0B, 0x12)
    before = rtc.state()

    with pytest.raises(ValueError, match=r"^a state has |of a state is "):
        rtc.load({**before, **bad} if bad else bad)

    assert rtc.state() == before
    time.advance(SECOND)
    assert rtc.irq.level


def test_a_part_of_a_state_that_is_missing_is_named(attach_alone):
    rtc, _ = attach_alone(Rtc())

    for name, value in rtc.state().items():
        kind = "tuple" if name == "timer" else type(value).__name__
        rest = {key: each for key, each in rtc.state().items() if key != name}
        with pytest.raises(ValueError, match=f"a state has no {kind} called '{name}'"):
            rtc.load(rest)


def test_an_update_that_has_not_happened_is_refused(attach_alone):
    """The chip would ask for a timer that no clock has."""
    rtc, time = attach_alone(Rtc())
    time.advance(5_000_000)
    state = rtc.state()

    with pytest.raises(ValueError, match="updated"):
        rtc.load({**state, "updated": time.time + 1})

    assert rtc.state() == state
