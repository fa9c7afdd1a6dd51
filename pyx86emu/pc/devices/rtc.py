"""The real-time clock: an MC146818 keeps the date, 114 bytes of CMOS RAM and three interrupts.

| offset | access | on a PC | meaning                                            |
| ------ | ------ | ------- | -------------------------------------------------- |
| 0      | write  | 70h     | index, bits 0-6; bit 7 (NMI mask) is ignored       |
| 1      | r/w    | 71h     | the byte at the index                              |

| index       | meaning                                                          |
| ----------- | ---------------------------------------------------------------- |
| 00 02 04    | seconds, minutes, hours; 01 03 05: their alarms (C0h-FFh: any)   |
| 06 07 08 09 | day of the week (1 = Sunday), day, month, year; 32h: century     |
| 0A          | UIP, divider, rate of the periodic interrupt                     |
| 0B          | SET PIE AIE UIE SQWE DM 24/12 DSE                                |
| 0C          | IRQF PF AF UF, cleared by reading                                |
| 0D          | VRT: the battery is good                                         |
| 0E-7F       | CMOS RAM                                                         |

IRQ 8. Daylight saving is not supported.
"""

from datetime import datetime, timedelta
from typing import Any

from ..._core import whole
from ...clock import LAST, Timer
from .fields import TIME, FieldDevice, Fields, Raw, Whole

INDEX = 0
DATA = 1

SECONDS, SECONDS_ALARM = 0x00, 0x01
MINUTES, MINUTES_ALARM = 0x02, 0x03
HOURS, HOURS_ALARM = 0x04, 0x05
WEEKDAY, DAY, MONTH, YEAR = 0x06, 0x07, 0x08, 0x09
REG_A, REG_B, REG_C, REG_D = 0x0A, 0x0B, 0x0C, 0x0D
CENTURY = 0x32

A_UIP = 0x80
A_DIVIDER_RESET = 0x60  # 11x holds the divider
B_SET = 0x80
B_PIE = 0x40
B_AIE = 0x20
B_UIE = 0x10
B_SQWE = 0x08
B_BINARY = 0x04
B_24H = 0x02
C_IRQF = 0x80
C_PF = 0x40
C_AF = 0x20
C_UF = 0x10
D_VRT = 0x80
PM = 0x80
ANY = 0xC0

SECOND = 1_000_000_000
CRYSTAL = 32768
#: With a 32 kHz crystal, UIP is set 244 us before an update. The update takes 1984 us.
UPDATE_IN_PROGRESS = 244_000 + 1_984_000

#: The calendar, with its days of the week, repeats after this many years.
CYCLE = 400
#: How many years two digits and the century byte can name. Year 0 follows the last one.
YEARS = 10_000

#: The name of the timer.
TIMER = "rtc"

DEFAULT_BASE = datetime(2009, 7, 1, 12, 0, 0)


class Rtc(FieldDevice):
    """An MC146818 that shows `base` at guest time 0 and runs in guest time.

    The battery keeps date and RAM during a reset. The host reads and writes all 128 bytes as
    `cmos[index]`. Year 0 follows year 9999: two digits and the century byte hold no more.

    >>> rtc = Rtc(datetime(2009, 7, 1, 12, 34, 56))
    >>> rtc.cmos[0x10] = 0x40
    >>> rtc.pio_write(INDEX, 1, MINUTES)
    >>> hex(rtc.pio_read(DATA, 1)), str(rtc.time)
    ('0x34', '2009-07-01 12:34:56')
    """

    name = "rtc"
    length = 2
    max_size = 1
    fields = Fields(
        {
            "cmos": Raw(128, make=bytearray),
            "index": Whole(0x7F),
            "updated": TIME,
            "divider_start": TIME,
            "periods": TIME,
        },
        timers=[("_timer", {TIMER: "_event"})],
        lines=[("level", "irq")],
    )

    def __init__(self, base: datetime = DEFAULT_BASE) -> None:
        self.cmos = bytearray(128)
        self.cmos[REG_A] = 0x26  # 32 kHz crystal, 1024 Hz periodic
        self.cmos[REG_B] = B_24H
        self.cmos[REG_D] = D_VRT
        #: Guest time in ns at which the last update of the date ended.
        self.updated = -1000 * base.microsecond
        #: Guest time in ns of the divider's last start. The periodic interrupt counts from it.
        self.divider_start = self.updated
        self.periods = 0  # how many periods had passed when PF was last updated
        self._timer: Timer | None = None
        self.level = False
        self._store_date(base, base.year)
        self.cmos[WEEKDAY] = self._encode(base.isoweekday() % 7 + 1)
        self.reset()

    def reset(self) -> None:
        """The RESET pin: disable interrupts, clear flags. The battery keeps date and RAM."""
        self._catch_up()
        self.index = 0
        self.cmos[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE)
        self.cmos[REG_C] = 0
        self._rearm()

    @property
    def time(self) -> datetime:
        """The date that the guest sees now. `datetime` has no year 0; such a date is returned as
        the same day of the year 2000, which has the same calendar."""
        self._catch_up()
        date = self._load_date()
        return date.replace(year=self._year(date) or 2000)

    @time.setter
    def time(self, date: datetime) -> None:
        self._catch_up()
        self._store_date(date, date.year)
        self.cmos[WEEKDAY] = self._encode(date.isoweekday() % 7 + 1)
        self._rearm()

    def _agree(self, found: dict[str, Any]) -> None:
        """ValueError: an update of the date that has not happened yet."""
        whole(found["updated"], "updated of a state", -LAST, self.clock.now())

    # -- the guest ---------------------------------------------------------------

    def pio_read(self, offset: int, size: int) -> int:
        if offset == INDEX:
            return 0xFF
        index = self.index
        if index == REG_A:
            return self.cmos[REG_A] | (A_UIP if self.update_in_progress else 0)
        if index == REG_C:
            self._catch_up()
            value = self.cmos[REG_C]
            self.cmos[REG_C] = 0
            self._rearm()
            return value
        if index <= YEAR or index == CENTURY:
            self._catch_up()
        return self.cmos[index]

    def pio_write(self, offset: int, size: int, value: int) -> None:
        if offset == INDEX:
            self.index = value & 0x7F
            return
        self._catch_up()
        index = self.index
        if index == REG_A:
            self._write_a(value & 0x7F)
        elif index == REG_B:
            # SET also clears the enable of the update interrupt.
            self.cmos[REG_B] = value & ~B_UIE if value & B_SET else value
        elif index not in (REG_C, REG_D):
            self.cmos[index] = value
        self._rearm()

    def _write_a(self, value: int) -> None:
        held = self._divider_held
        self.cmos[REG_A] = value
        now = self.clock.now()
        if held and not self._divider_held:
            # Motorola: the first update is half a second after the divider starts.
            self.updated = now - SECOND // 2
            self.divider_start = now
        self.periods = self._periods_over(now)

    @property
    def update_in_progress(self) -> bool:
        """UIP: the date changes now or within 244 us."""
        if self.cmos[REG_B] & B_SET or self._divider_held:
            return False
        return (self.clock.now() - self.updated) % SECOND >= SECOND - UPDATE_IN_PROGRESS

    # -- time passes ---------------------------------------------------------------

    @property
    def _divider_held(self) -> bool:
        return self.cmos[REG_A] & A_DIVIDER_RESET == A_DIVIDER_RESET

    def _catch_up(self) -> None:
        """Do what the chip does from the last call to now: update the date, set flags."""
        now = self.clock.now()
        seconds = (now - self.updated) // SECOND
        if seconds > 0:
            self.updated += seconds * SECOND
            if not (self.cmos[REG_B] & B_SET or self._divider_held):
                flags = C_UF
                alarm = self._seconds_to_alarm()
                if alarm is not None and seconds >= alarm:
                    flags |= C_AF
                self._add_seconds(seconds)
                self._raise(flags)
        periods = self._periods_over(now)
        if periods != self.periods:
            self.periods = periods
            self._raise(C_PF)

    def _raise(self, flags: int) -> None:
        self.cmos[REG_C] |= flags
        self._update()

    def _update(self) -> None:
        """Set IRQF and the line from the flags and their enables, which have the same bits."""
        pending = bool(self.cmos[REG_C] & self.cmos[REG_B] & (C_PF | C_AF | C_UF))
        self.cmos[REG_C] = self.cmos[REG_C] & ~C_IRQF | (C_IRQF if pending else 0)
        if pending != self.level:
            self.level = pending
            self.irq(pending)

    def _rearm(self) -> None:
        """Set the timer to the next event that interrupts. While the line is high there is none."""
        self._update()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.level:
            return
        enabled = self.cmos[REG_B]
        deadlines = []
        if enabled & B_PIE and self._period:
            deadlines.append(self._period_end(self.periods + 1))
        if not (enabled & B_SET or self._divider_held):
            if enabled & B_UIE:
                deadlines.append(self.updated + SECOND)
            if enabled & B_AIE and (seconds := self._seconds_to_alarm()) is not None:
                deadlines.append(self.updated + seconds * SECOND)
        if deadlines:
            self._timer = self.clock.call_after(
                min(deadlines) - self.clock.now(), self._event, TIMER
            )

    def _event(self) -> None:
        self._timer = None
        self._catch_up()
        self._rearm()

    # -- periodic interrupt --------------------------------------------------------

    @property
    def _period(self) -> int:
        """The period in crystal cycles; 0: no periodic interrupt."""
        rate = self.cmos[REG_A] & 0x0F
        if rate == 0 or self._divider_held:
            return 0
        return 1 << (rate + 6 if rate <= 2 else rate - 1)

    def _periods_over(self, now: int) -> int:
        if not self._period:
            return 0
        return (now - self.divider_start) * CRYSTAL // (SECOND * self._period)

    def _period_end(self, n: int) -> int:
        return self.divider_start - (-n * self._period * SECOND // CRYSTAL)

    # -- the date --------------------------------------------------------------------

    def _decode(self, value: int) -> int:
        if self.cmos[REG_B] & B_BINARY:
            return value
        return (value >> 4) * 10 + (value & 0x0F)

    def _encode(self, value: int) -> int:
        if self.cmos[REG_B] & B_BINARY:
            return value
        return value // 10 << 4 | value % 10

    def _decode_hour(self, value: int) -> int:
        if self.cmos[REG_B] & B_24H:
            return self._decode(value)
        return self._decode(value & ~PM) % 12 + (12 if value & PM else 0)

    def _encode_hour(self, hour: int) -> int:
        if self.cmos[REG_B] & B_24H:
            return self._encode(hour)
        return self._encode(hour % 12 or 12) | (PM if hour >= 12 else 0)

    def _century(self) -> int:
        century = self.cmos[CENTURY]
        if century >> 4 > 9 or century & 0x0F > 9:
            return 19 if self._decode(self.cmos[YEAR]) % 100 >= 80 else 20
        return (century >> 4) * 10 + (century & 0x0F)

    def _load_date(self) -> datetime:
        """The date in the registers. An invalid value carries over: second 75 is second 15 of the
        next minute. An invalid month is replaced by the nearest valid one.

        The year of the result is the one of 2000 to 2399 with the same calendar as the year in the
        registers, since that may be 0.
        """
        cmos = self.cmos
        year = self._century() * 100 + self._decode(cmos[YEAR]) % 100
        month = min(max(self._decode(cmos[MONTH]), 1), 12)
        return datetime(2000 + year % CYCLE, month, 1) + timedelta(
            days=self._decode(cmos[DAY]) - 1,
            hours=self._decode_hour(cmos[HOURS]),
            minutes=self._decode(cmos[MINUTES]),
            seconds=self._decode(cmos[SECONDS]),
        )

    def _year(self, date: datetime) -> int:
        """The year in the registers for a date that is based on one of `_load_date`."""
        year = self._century() * 100 + self._decode(self.cmos[YEAR]) % 100
        return (year + date.year - (2000 + year % CYCLE)) % YEARS

    def _store_date(self, date: datetime, year: int) -> None:
        cmos = self.cmos
        cmos[SECONDS] = self._encode(date.second)
        cmos[MINUTES] = self._encode(date.minute)
        cmos[HOURS] = self._encode_hour(date.hour)
        cmos[DAY] = self._encode(date.day)
        cmos[MONTH] = self._encode(date.month)
        cmos[YEAR] = self._encode(year % 100)
        # The byte belongs to firmware, not to the chip, and is always BCD. On a PC the BIOS updates
        # the century. Here the chip does, so that a guest without a BIOS sees the right year.
        cmos[CENTURY] = year // 1000 << 4 | year // 100 % 10

    def _add_seconds(self, seconds: int) -> None:
        before = self._load_date()
        after = before + timedelta(seconds=seconds)
        self._store_date(after, self._year(after))
        # The chip counts the day of the week separately: the guest may have set any.
        days = (after.date() - before.date()).days
        if days:
            weekday = (self._decode(self.cmos[WEEKDAY]) - 1 + days) % 7 + 1
            self.cmos[WEEKDAY] = self._encode(weekday)

    def _seconds_to_alarm(self) -> int | None:
        """Seconds from the time in the registers to the next match of the alarm, at least 1; None
        if the alarm never matches."""
        wanted: list[int | None] = []
        for index, units in ((HOURS_ALARM, 24), (MINUTES_ALARM, 60), (SECONDS_ALARM, 60)):
            value = self.cmos[index]
            if value & ANY == ANY:
                wanted.append(None)
                continue
            hours = index == HOURS_ALARM
            unit = self._decode_hour(value) if hours else self._decode(value)
            # The chip compares bytes. A byte that it never shows, such as BCD 0Ah, never matches.
            if unit >= units or value != (self._encode_hour if hours else self._encode)(unit):
                return None
            wanted.append(unit)
        hour, minute, second = wanted
        date = self._load_date()
        start = date.hour * 3600 + date.minute * 60 + date.second
        # From the smallest unit to the largest. If a larger one changes, the smaller ones restart.
        at = start + 1
        if second is not None:
            at += (second - at) % 60
        if minute is not None and (more := (minute - at // 60) % 60):
            at = (at // 60 + more) * 60 + (second or 0)
        if hour is not None and (more := (hour - at // 3600) % 24):
            at = (at // 3600 + more) * 3600 + (minute or 0) * 60 + (second or 0)
        return at - start
