"""Rtc, by Motorola's MC146818 data sheet."""

import sys
from datetime import datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyx86emu.pc.devices import rtc as rtc_module
from pyx86emu.pc.devices.rtc import UPDATE_IN_PROGRESS, Rtc

SECOND = 1_000_000_000
BASE = datetime(2009, 7, 1, 12, 34, 56)  # a Wednesday

SET, PIE, AIE, UIE, BINARY, H24 = 0x80, 0x40, 0x20, 0x10, 0x04, 0x02
IRQF, PF, AF, UF = 0x80, 0x40, 0x20, 0x10


@pytest.fixture
def rtc(attach):
    return attach(Rtc(BASE))


def get(rtc, index):
    rtc.pio_write(0, 1, index)
    return rtc.pio_read(1, 1)


def put(rtc, index, value):
    rtc.pio_write(0, 1, index)
    rtc.pio_write(1, 1, value)


def date(rtc):
    """Century, year, month, day, weekday, hour, minute, second as the guest reads them."""
    return [get(rtc, i) for i in (0x32, 9, 8, 7, 6, 4, 2, 0)]


# -- date ----------------------------------------------------------------------------


def test_date_is_bcd_and_24_hours_at_first(rtc):
    assert date(rtc) == [0x20, 0x09, 0x07, 0x01, 4, 0x12, 0x34, 0x56]


def test_date_follows_guest_time(rtc, guest_time):
    guest_time.advance(4 * SECOND - 1)
    assert date(rtc)[-2:] == [0x34, 0x59]
    guest_time.advance(1)
    assert date(rtc)[-2:] == [0x35, 0x00]


def test_fraction_of_the_base_counts(attach, guest_time):
    rtc = attach(Rtc(BASE.replace(microsecond=750_000)))

    guest_time.advance(SECOND // 4 - 1)
    assert get(rtc, 0) == 0x56
    guest_time.advance(1)
    assert get(rtc, 0) == 0x57


def test_new_year_s_eve(attach, guest_time):
    rtc = attach(Rtc(datetime(1999, 12, 31, 23, 59, 59)))
    assert date(rtc) == [0x19, 0x99, 0x12, 0x31, 6, 0x23, 0x59, 0x59]

    guest_time.advance(SECOND)

    assert date(rtc) == [0x20, 0x00, 0x01, 0x01, 7, 0x00, 0x00, 0x00]


def test_leap_day(attach, guest_time):
    rtc = attach(Rtc(datetime(2008, 2, 28, 23, 59, 59)))

    guest_time.advance(SECOND)
    assert date(rtc)[2:4] == [0x02, 0x29]
    guest_time.advance(86400 * SECOND)
    assert date(rtc)[2:4] == [0x03, 0x01]


@given(
    base=st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)),
    seconds=st.integers(0, 10**8),
    binary=st.booleans(),
    h24=st.booleans(),
)
def test_any_time_after_any_base(attach_alone, base, seconds, binary, h24):
    rtc, time = attach_alone(Rtc())
    put(rtc, 0x0B, SET | (BINARY if binary else 0) | (H24 if h24 else 0))
    rtc.time = base
    put(rtc, 0x0B, (BINARY if binary else 0) | (H24 if h24 else 0))
    time.advance(seconds * SECOND)

    expected = base.replace(microsecond=0) + timedelta(seconds=seconds)
    assert rtc.time == expected
    code = int if binary else (lambda n: n // 10 << 4 | n % 10)
    hour = code(expected.hour)
    if not h24:
        hour = code(expected.hour % 12 or 12) | (0x80 if expected.hour >= 12 else 0)
    assert date(rtc)[1:] == [
        code(expected.year % 100),
        code(expected.month),
        code(expected.day),
        expected.isoweekday() % 7 + 1,
        hour,
        code(expected.minute),
        code(expected.second),
    ]


@pytest.mark.parametrize(
    ("hour", "code"), [(0, 0x12), (1, 0x01), (11, 0x11), (12, 0x92), (13, 0x81), (23, 0x91)]
)
def test_twelve_hour_codes(attach, guest_time, hour, code):
    rtc = attach(Rtc(BASE))
    put(rtc, 0x0B, SET)
    rtc.time = datetime(2009, 7, 1, hour, 59, 59)
    put(rtc, 0x0B, 0)

    assert get(rtc, 4) == code
    guest_time.advance(SECOND)
    assert rtc.time.hour == (hour + 1) % 24


def test_set_bit_stops_the_date_and_the_guest_sets_another(rtc, guest_time):
    put(rtc, 0x0B, SET | H24)
    guest_time.advance(10 * SECOND)
    assert date(rtc)[-1] == 0x56
    for index, value in ((0x32, 0x19), (9, 0x85), (8, 0x10), (7, 0x26), (4, 1), (2, 0x21), (0, 0)):
        put(rtc, index, value)
    put(rtc, 0x0B, H24)

    guest_time.advance(3 * SECOND)

    assert rtc.time == datetime(1985, 10, 26, 1, 21, 3)


def test_date_written_while_it_runs_goes_on_from_there(rtc, guest_time):
    guest_time.advance(SECOND // 2)
    put(rtc, 0, 0x30)
    guest_time.advance(SECOND // 2)
    assert get(rtc, 0) == 0x31  # the phase within the second is the divider's


def test_impossible_date_stays_until_the_next_update(rtc, guest_time):
    put(rtc, 8, 0x02)
    put(rtc, 7, 0x31)
    assert (get(rtc, 8), get(rtc, 7)) == (0x02, 0x31)

    guest_time.advance(SECOND)

    assert (get(rtc, 8), get(rtc, 7)) == (0x03, 0x03)


def test_weekday_is_the_guest_s_own_count(rtc, guest_time):
    put(rtc, 6, 7)

    guest_time.advance(86400 * SECOND)

    assert get(rtc, 6) == 1


@given(st.lists(st.tuples(st.integers(0, 0x0B), st.integers(0, 255)), max_size=20))
def test_whatever_the_guest_writes_the_date_can_be_read(attach_alone, writes):
    rtc, time = attach_alone(Rtc())
    for index, value in writes:
        put(rtc, index, value)
        time.advance(SECOND // 3)
        get(rtc, 0x0C)
    assert isinstance(rtc.time, datetime)


# -- RAM and registers ------------------------------------------------------------------


def test_ram_is_128_bytes_shared_with_the_host(rtc):
    rtc.cmos[0x10] = 0x40
    assert get(rtc, 0x10) == 0x40
    put(rtc, 0x7F, 0xA5)
    assert rtc.cmos[0x7F] == 0xA5


def test_nmi_mask_is_no_part_of_the_index(rtc):
    rtc.cmos[0x10] = 0x40

    assert get(rtc, 0x90) == 0x40


def test_index_is_write_only(rtc):
    assert rtc.pio_read(0, 1) == 0xFF


def test_battery_is_good_and_status_registers_are_read_only(rtc):
    put(rtc, 0x0C, 0xFF)
    put(rtc, 0x0D, 0x00)

    assert get(rtc, 0x0C) == 0
    assert get(rtc, 0x0D) == 0x80


def test_reset_keeps_date_and_ram_and_drops_interrupts(rtc, guest_time):
    rtc.cmos[0x0F] = 0x05
    put(rtc, 0x0A, 0x26)
    put(rtc, 0x0B, H24 | PIE | UIE | AIE)
    guest_time.advance(SECOND)
    assert rtc.irq.level

    rtc.reset()

    assert not rtc.irq.level
    assert not guest_time.waiting
    assert get(rtc, 0x0B) == H24
    assert get(rtc, 0x0C) == 0
    assert rtc.cmos[0x0F] == 0x05
    assert rtc.time == BASE + timedelta(seconds=1)


# -- update ---------------------------------------------------------------------------------


def test_uip_announces_the_update(rtc, guest_time):
    assert get(rtc, 0x0A) == 0x26
    guest_time.advance(SECOND - UPDATE_IN_PROGRESS - 1)
    assert get(rtc, 0x0A) == 0x26
    guest_time.advance(1)
    assert get(rtc, 0x0A) == 0xA6
    assert get(rtc, 0x00) == 0x56
    guest_time.advance(UPDATE_IN_PROGRESS)
    assert get(rtc, 0x0A) == 0x26
    assert get(rtc, 0x00) == 0x57


def test_uip_cannot_be_written_and_set_holds_it_down(rtc, guest_time):
    put(rtc, 0x0A, 0xA6)
    assert get(rtc, 0x0A) == 0x26
    put(rtc, 0x0B, SET | H24)
    guest_time.advance(SECOND - 1)
    assert get(rtc, 0x0A) == 0x26


def test_divider_held_stops_time_and_starts_with_half_a_second(rtc, guest_time):
    guest_time.advance(SECOND // 4)
    put(rtc, 0x0A, 0x76)
    guest_time.advance(10 * SECOND)
    assert get(rtc, 0) == 0x56
    put(rtc, 0x0A, 0x26)

    guest_time.advance(SECOND // 2 - 1)
    assert get(rtc, 0) == 0x56
    guest_time.advance(1)
    assert get(rtc, 0) == 0x57


def test_update_flag_without_interrupt(rtc, guest_time):
    assert get(rtc, 0x0C) == 0
    guest_time.advance(SECOND)

    assert get(rtc, 0x0C) == PF | UF
    assert get(rtc, 0x0C) == 0
    assert rtc.irq.edges == 0


def test_update_interrupt_each_second(rtc, guest_time):
    put(rtc, 0x0B, H24 | UIE)
    for _ in range(3):
        guest_time.advance(SECOND - 1)
        assert not rtc.irq.level
        guest_time.advance(1)
        assert rtc.irq.level
        assert get(rtc, 0x0C) & (IRQF | UF) == IRQF | UF
        assert not rtc.irq.level


def test_interrupt_that_nobody_reads_comes_once(rtc, guest_time):
    put(rtc, 0x0B, H24 | UIE)

    guest_time.advance(100 * SECOND)

    assert rtc.irq.edges == 1
    assert not guest_time.waiting


def test_set_takes_the_update_interrupt_with_it(rtc):
    put(rtc, 0x0B, H24 | UIE)

    put(rtc, 0x0B, H24 | UIE | SET)

    assert get(rtc, 0x0B) == H24 | SET


def test_enabling_an_interrupt_whose_flag_is_up_gives_it_at_once(rtc, guest_time):
    guest_time.advance(SECOND)

    put(rtc, 0x0B, H24 | UIE)

    assert rtc.irq.level
    assert get(rtc, 0x0C) & (IRQF | UF) == IRQF | UF


# -- periodic ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rate", "hertz"), [(1, 256), (2, 128), (3, 8192), (6, 1024), (13, 8), (15, 2)]
)
def test_periodic_interrupt_rates(rtc, guest_time, rate, hertz):
    put(rtc, 0x0A, 0x20 | rate)
    put(rtc, 0x0B, H24 | PIE)
    ticks = 0
    while guest_time.time < SECOND:
        guest_time.advance(50_000)
        if rtc.irq.level:
            assert get(rtc, 0x0C) & (IRQF | PF) == IRQF | PF
            ticks += 1

    assert ticks == hertz


def test_rate_zero_is_off(rtc, guest_time):
    put(rtc, 0x0A, 0x20)
    put(rtc, 0x0B, H24 | PIE)

    guest_time.advance(SECOND)

    assert not rtc.irq.level
    assert get(rtc, 0x0C) == UF


def test_periodic_interrupt_goes_on_while_the_date_is_set(rtc, guest_time):
    put(rtc, 0x0B, H24 | SET | PIE)

    guest_time.advance(SECOND // 1024 + 1)

    assert rtc.irq.level


def test_periodic_flag_can_be_polled(rtc, guest_time):
    put(rtc, 0x0A, 0x2F)
    guest_time.advance(SECOND // 2 - 1)
    assert get(rtc, 0x0C) == 0
    guest_time.advance(1)
    assert get(rtc, 0x0C) == PF


# -- alarm ------------------------------------------------------------------------------------


def alarm(rtc, hour, minute, second):
    for index, value in ((5, hour), (3, minute), (1, second)):
        put(rtc, index, value)


def test_alarm_at_a_time_of_day(rtc, guest_time):
    alarm(rtc, 0x12, 0x35, 0x10)
    put(rtc, 0x0B, H24 | AIE)

    guest_time.advance(14 * SECOND - 1)
    assert not rtc.irq.level
    guest_time.advance(1)

    assert get(rtc, 0x0C) & (IRQF | AF) == IRQF | AF
    guest_time.advance(86400 * SECOND - 1)
    assert not rtc.irq.level
    guest_time.advance(1)
    assert rtc.irq.level


@pytest.mark.parametrize(
    ("hour", "minute", "second", "wait"),
    [
        (0xFF, 0xFF, 0xFF, 1),
        (0xFF, 0xFF, 0x00, 4),
        (0xC0, 0x00, 0x00, 25 * 60 + 4),
        (0x12, 0x34, 0x56, 86400),
        (0x00, 0xFF, 0x30, 11 * 3600 + 25 * 60 + 4 + 30),
    ],
)
def test_alarm_bytes_from_c0_on_match_anything(rtc, guest_time, hour, minute, second, wait):
    alarm(rtc, hour, minute, second)
    put(rtc, 0x0B, H24 | AIE)

    guest_time.advance(wait * SECOND - 1)
    assert not rtc.irq.level
    guest_time.advance(1)

    assert rtc.irq.level


def test_alarm_flag_without_interrupt_also_after_a_long_time(rtc, guest_time):
    alarm(rtc, 0x12, 0x00, 0x00)
    guest_time.advance(3600 * SECOND)
    assert get(rtc, 0x0C) & AF == 0
    guest_time.advance(86400 * SECOND)
    assert get(rtc, 0x0C) & AF


def test_alarm_that_no_day_has(rtc, guest_time):
    alarm(rtc, 0x25, 0x00, 0x00)
    put(rtc, 0x0B, H24 | AIE)

    guest_time.advance(3 * 86400 * SECOND)

    assert not rtc.irq.level


def test_twelve_hour_alarm(rtc, guest_time):
    put(rtc, 0x0B, SET)
    put(rtc, 4, 0x91)  # 11 p.m.
    put(rtc, 2, 0x59)
    put(rtc, 0, 0x59)
    alarm(rtc, 0x12, 0x00, 0x00)  # midnight
    put(rtc, 0x0B, AIE)

    guest_time.advance(SECOND)

    assert rtc.irq.level


@given(
    now=st.integers(0, 86399),
    at=st.tuples(st.integers(0, 24), st.integers(0, 60), st.integers(0, 60)),
)
def test_next_alarm_is_the_first_second_that_matches(attach_alone, now, at):
    rtc, _ = attach_alone(Rtc())
    put(rtc, 0x0B, SET | H24 | BINARY)
    rtc.time = datetime(2009, 7, 1) + timedelta(seconds=now)
    limits = (24, 60, 60)
    alarm(rtc, *(v if v < limit else 0xFF for v, limit in zip(at, limits, strict=True)))

    def matches(second):
        second %= 86400
        parts = (second // 3600, second // 60 % 60, second % 60)
        return all(v in (p, limit) for v, p, limit in zip(at, parts, limits, strict=True))

    wait = rtc._seconds_to_alarm()

    assert matches(now + wait)
    assert not any(matches(now + i) for i in range(1, wait, max(1, wait // 500)))


class Lines:
    """Counts the lines of the clock chip that are executed: a loop counts, whatever it calls."""

    def __init__(self):
        self.count = 0

    def trace(self, frame, event, arg):
        if frame.f_code.co_filename != rtc_module.__file__:
            return None
        self.count += event == "line"
        return self.trace

    def __enter__(self):
        self.old = sys.gettrace()
        sys.settrace(self.trace)
        return self

    def __exit__(self, *_):
        sys.settrace(self.old)


@pytest.mark.parametrize("mode", [H24, H24 | BINARY, 0, BINARY])
def test_an_alarm_costs_the_same_whether_it_comes_or_not(rtc, mode):
    hours = (0x00, 0x13, 0x23, 0x24, 0x7F, 0x80, 0x92, 0x99, 0xFF)
    minutes = (0x00, 0x1A, 0x59, 0x99, 0xFF)
    seconds = (0x00, 0x0A, 0x59, 0x60, 0x7F, 0xBF, 0xFF)
    for at in product(hours, minutes, seconds):
        put(rtc, 0x0B, mode)
        alarm(rtc, *at)

        with Lines() as lines:
            put(rtc, 0x0B, mode | AIE)

        assert 0 < lines.count < 300, at


def bytes_shown(mode, units, hours=False):
    """Each byte that a register shows, and what it means."""
    code = int if mode & BINARY else (lambda n: n // 10 << 4 | n % 10)
    if hours and not mode & H24:
        return {code(n % 12 or 12) | (0x80 if n >= 12 else 0): n for n in range(24)}
    return {code(n): n for n in range(units)}


@given(
    mode=st.sampled_from([H24, H24 | BINARY, 0, BINARY]),
    now=st.integers(0, 86399),
    at=st.tuples(*[st.integers(0, 255) | st.just(0xFF)] * 3),
)
def test_an_alarm_comes_when_its_bytes_are_those_of_the_time(attach_alone, mode, now, at):
    """The chip compares bytes. C0h and more: any; what is never shown: no alarm at all."""
    rtc, time = attach_alone(Rtc())
    put(rtc, 0x0B, SET | mode)
    rtc.time = datetime(2009, 7, 1) + timedelta(seconds=now)
    alarm(rtc, *at)
    put(rtc, 0x0B, mode | AIE)

    shown = (bytes_shown(mode, 24, True), bytes_shown(mode, 60), bytes_shown(mode, 60))
    fit = [
        list(s.values()) if value >= 0xC0 else [s[value]] if value in s else []
        for value, s in zip(at, shown, strict=True)
    ]
    times = (h * 3600 + m * 60 + s for h in fit[0] for m in fit[1] for s in fit[2])
    wait = min(((t - now - 1) % 86400 + 1 for t in times), default=None)

    assert time.waiting == (wait is not None)
    if wait is not None:
        time.advance(wait * SECOND - 1)
        assert not rtc.irq.level
        time.advance(1)
        assert rtc.irq.level


# -- the ends of time ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "year"),
    [
        (datetime(1, 1, 1), 1),
        (datetime(99, 12, 31, 23, 59, 59), 100),
        (datetime(9899, 12, 31, 23, 59, 58), 9900),
        (datetime(9999, 12, 31, 23, 59, 58), 0),
        (datetime.max, 0),
    ],
)
def test_years_have_four_digits_and_wrap(attach, guest_time, base, year):
    rtc = attach(Rtc(base))
    put(rtc, 0x0B, H24 | UIE)

    for _ in range(3):
        guest_time.advance(SECOND)
        get(rtc, 0x0C)

    assert date(rtc)[:2] == [
        year // 1000 << 4 | year // 100 % 10,
        year % 100 // 10 << 4 | year % 10,
    ]
    assert rtc.time.year == (year or 2000)


@given(seconds=st.integers(0, 600 * 366 * 86400), base=st.datetimes())
def test_any_jump_of_time_takes_one_step(attach_alone, base, seconds):
    rtc, time = attach_alone(Rtc(base))
    put(rtc, 0x0B, H24 | UIE | PIE | AIE)
    time.time = min(seconds * SECOND, 1 << 63)  # nobody had the time to call a timer

    with Lines() as lines:
        shown = rtc.time

    assert lines.count < 300
    try:
        expected = base.replace(microsecond=0) + timedelta(seconds=time.time // SECOND)
    except OverflowError:
        return
    assert abs(shown - expected) <= timedelta(seconds=1)


def test_a_century_that_is_no_bcd_is_guessed(rtc, guest_time):
    put(rtc, 0x32, 0xFF)
    assert rtc.time.year == 2009
    put(rtc, 9, 0x85)
    assert rtc.time.year == 1985

    guest_time.advance(SECOND)

    assert date(rtc)[:2] == [0x19, 0x85]
