# The 8254: count a 1193182 Hz clock on three channels. Know ticks and gates, not interrupts.
#
# Nothing is computed between two accesses: every function first brings a channel to the tick of `now`, in constant
# time. "Tick t" is the state after t falling edges of the input clock since time 0. A write between two ticks takes
# effect at once where the data sheet says so (OUT after a control word, the gate of modes 2 and 3), else at the next
# tick. The caller holds the lock of the chips, if they are shared. Its `now` does not run backwards; if it is earlier
# than the last one, no time has passed. As in the data sheet, CR is the count register (the count that was written) and
# CE the counting element (the count that runs down).
#
# A count that was written is loaded at the next tick, up to 838 ns later. On a PC an IN or OUT takes about a
# microsecond, so a program always sees the counter after that tick. Here an instruction takes a fraction of a tick. So
# reads, latches and port 61h see a channel that waits for its load as it will be at that tick (pit_seen). Only the view
# is early: OUT and the interrupt keep their time.
#
#   40h 41h 42h   channels: counts, or what a latch or read-back command latched
#   43h           control word, write only
#   61h           bit 0 gate of channel 2, bit 1 speaker; read also bit 4 refresh toggle (18 ticks
#                 per half-period, 15.085 us), bit 5 OUT of channel 2

from libc.stdint cimport UINT64_MAX

cdef enum:
    PIT_HZ = 1193182
    PIT_SECOND = 1000000000      # nanoseconds
    PIT_REFRESH = 18             # ticks
    PIT_LSB = 1                  # access: low byte only (the high one is 0)
    PIT_MSB = 2
    PIT_READ_BACK = 0xC0


cdef struct PitChannel:
    uint64_t tick                # the fields below are the state at this tick
    uint32_t modulus             # 65536, or 10000 in BCD: what a count of 0 means
    uint32_t count               # CR, the count that the next load takes: 1..modulus
    uint32_t left                # CE as 1..modulus; in mode 3 ticks to the end of the half-cycle
    uint32_t rises               # rising edges of OUT that pit_line has not returned yet
    uint16_t frozen              # what a read returns while the channel is not settled
    uint16_t count_latch
    uint8_t status_latch
    uint8_t control              # bits 0-5 of the control word
    uint8_t mode                 # 0-5
    uint8_t access
    uint8_t low_byte             # the first of the two bytes of a new count
    uint8_t trim                 # mode 3: CE is 2 * left - trim
    # flags; as bint they would double the size of this struct
    uint8_t write_high           # the next write is the second byte of a count
    uint8_t read_high
    uint8_t count_latched
    uint8_t status_latched
    uint8_t gate
    uint8_t out
    uint8_t armed                # a count has been written since the control word
    uint8_t load                 # the next tick moves CR to CE
    uint8_t loaded               # CE has been loaded since the control word
    uint8_t settled              # it has, and no load waits
    uint8_t live                 # reaching zero will change OUT (modes 0, 1, 4, 5: once per load)
    uint8_t halted               # mode 0 between the two bytes of a count
    uint8_t null_count           # CR holds a count that CE has not taken yet


cdef struct Pit:
    PitChannel channel[3]
    uint8_t port61               # bits 0 and 1 as written


# -- time

cdef inline uint64_t pit_tick(uint64_t now) noexcept nogil:
    """floor(now * PIT_HZ / 10**9), without a division. The factor is 2**64 * PIT_HZ / 10**9, rounded down by less than
    1. So the first result is right or one too low. Its remainder is below two ticks, so it is right modulo 2**64."""
    cdef uint64_t tick = high64(now, 22010322987356910ULL)
    if now * PIT_HZ - tick * PIT_SECOND >= PIT_SECOND:
        tick += 1
    return tick


cdef uint64_t pit_time(uint64_t tick) noexcept nogil:
    """The first nanosecond of a tick. A whole second is a whole number of ticks. Whole seconds are converted
    separately, so that products stay below 2**64."""
    return tick // PIT_HZ * PIT_SECOND + (tick % PIT_HZ * PIT_SECOND + PIT_HZ - 1) // PIT_HZ


# -- counting

cdef inline void pit_drive(PitChannel* c, bint level) noexcept nogil:
    """Set OUT to `level`."""
    if level and not c.out:
        c.rises += 1
    c.out = level


cdef inline bint pit_counts(PitChannel* c) noexcept nogil:
    """Whether CE counts. The gate is a level in modes 0, 2, 3 and 4. It is only a trigger in modes 1 and 5."""
    return c.loaded and not c.halted and (c.gate or c.mode == 1 or c.mode == 5)


cdef void pit_half_cycle(PitChannel* c) noexcept nogil:
    """Mode 3: begin the high or low half-cycle, as OUT says. An odd count adds a tick, CE = 0, to the high half."""
    c.trim = 2 if c.out and c.count & 1 else 0
    c.left = (c.count + 1) // 2 if c.out else c.count // 2


cdef void pit_load(PitChannel* c) noexcept nogil:
    """Load CE from CR, at the tick after a write or a trigger. This tick does not count down."""
    c.load = c.null_count = False
    c.loaded = c.settled = c.live = True
    c.left = c.count
    if c.mode == 1:
        pit_drive(c, False)
    elif c.mode == 2:
        pit_drive(c, c.count != 1)
    elif c.mode == 3:
        pit_drive(c, True)
        pit_half_cycle(c)


cdef void pit_count_once(PitChannel* c, uint64_t n) noexcept nogil:
    """Modes 0, 1, 4, 5: OUT changes when CE first reaches 0. After that CE wraps without effect."""
    if n < c.left:
        c.left -= <uint32_t>n
        return
    n -= c.left
    c.left = c.modulus - <uint32_t>(n % c.modulus)
    if not c.live:
        return
    c.live = False
    if c.mode < 4:
        pit_drive(c, True)
    else:
        pit_drive(c, False)
        if n:                                    # the strobe of modes 4 and 5 lasts one tick
            pit_drive(c, True)


cdef void pit_count_rate(PitChannel* c, uint64_t n) noexcept nogil:
    """Mode 2: OUT is low while CE = 1, then CR is loaded. A count of 1 (illegal) holds OUT low."""
    if n < c.left:
        c.left -= <uint32_t>n
    else:
        n -= c.left                              # ticks since the first reload
        c.null_count = False
        if c.count > 1:
            pit_drive(c, False)
            pit_drive(c, True)
            c.rises += <uint32_t>(n // c.count)
        c.left = c.count - <uint32_t>(n % c.count)
    pit_drive(c, c.left != 1)


cdef void pit_count_square(PitChannel* c, uint64_t n) noexcept nogil:
    """Mode 3: CR is loaded after each half-cycle. A count of 1 (illegal) holds OUT high."""
    if n < c.left:
        c.left -= <uint32_t>n
        return
    n -= c.left                                  # ticks since the half-cycle ended
    c.null_count = False
    pit_drive(c, not c.out or c.count == 1)
    pit_half_cycle(c)
    if c.count == 1:
        return
    c.rises += <uint32_t>(n // c.count)
    n %= c.count
    if n >= c.left:
        n -= c.left
        pit_drive(c, not c.out)
        pit_half_cycle(c)
    c.left -= <uint32_t>n


cdef void pit_advance(PitChannel* c, uint64_t n) noexcept nogil:
    """Let n ticks pass."""
    if n == 0:
        return
    c.tick += n
    if c.mode >= 4:
        pit_drive(c, True)                       # a strobe lasts one tick, whatever the gate is
    if c.load:
        pit_load(c)
        n -= 1
    if n == 0 or not pit_counts(c):
        return
    if c.mode == 2:
        pit_count_rate(c, n)
    elif c.mode == 3:
        pit_count_square(c, n)
    else:
        pit_count_once(c, n)


cdef uint64_t pit_ticks_to_change(PitChannel* c) noexcept nogil:
    """After how many ticks from c.tick OUT changes if nothing is written; UINT64_MAX: it does not change."""
    cdef PitChannel next = c[0]
    cdef uint64_t ticks = 0
    if next.load:
        pit_advance(&next, 1)
        if next.out != c.out:
            return 1
        ticks = 1
    if next.mode >= 4 and not next.out:
        return ticks + 1
    if not pit_counts(&next):
        return UINT64_MAX
    if next.mode == 2:
        if next.out:
            return ticks + next.left - 1
        return UINT64_MAX if next.count == 1 else ticks + next.left
    if next.mode == 3:
        return UINT64_MAX if next.out and next.count == 1 else ticks + next.left
    return ticks + next.left if next.live else UINT64_MAX


# -- the registers of one channel

cdef PitChannel pit_seen(PitChannel* c) noexcept nogil:
    """The channel as a program sees it: a load that waits for the next tick has been done."""
    cdef PitChannel seen = c[0]
    if seen.load:
        pit_advance(&seen, 1)
    return seen


cdef void pit_wait_for_load(PitChannel* c) noexcept nogil:
    """The next tick moves CR to CE."""
    cdef PitChannel seen
    c.load = True
    seen = pit_seen(c)
    c.frozen = pit_value(&seen)
    c.settled = False


cdef inline uint16_t pit_value(PitChannel* c) noexcept nogil:
    """What a read of the counter returns: CE, in BCD if the channel counts in BCD."""
    cdef uint32_t value
    if not c.settled:
        return c.frozen
    value = 2 * c.left - c.trim if c.mode == 3 else c.left
    if c.modulus == 10000:
        value %= 10000
        value = value // 1000 << 12 | value // 100 % 10 << 8 | value // 10 % 10 << 4 | value % 10
    return <uint16_t>value


cdef void pit_control(PitChannel* c, uint8_t value) noexcept nogil:
    """A control word stops the channel, drives OUT to its idle level and waits for a count."""
    c.frozen = pit_value(c)
    c.control = value & 0x3F
    c.access = value >> 4 & 3
    c.mode = value >> 1 & 7
    if c.mode > 5:
        c.mode -= 4                              # modes 6 and 7 are modes 2 and 3
    c.modulus = 10000 if value & 1 else 65536
    c.armed = c.load = c.loaded = c.settled = c.live = c.halted = False
    c.write_high = c.read_high = c.count_latched = c.status_latched = False
    c.null_count = True
    pit_drive(c, c.mode != 0)


cdef void pit_write_count(PitChannel* c, uint8_t value) noexcept nogil:
    """Take one byte of a count. The last byte arms the channel. A channel that counts in mode 2 or 3 finishes its cycle
    before it takes the new count."""
    cdef uint32_t raw = value
    if c.access == PIT_MSB:
        raw <<= 8
    elif c.access != PIT_LSB:
        if not c.write_high:
            c.low_byte = value
            c.write_high = True
            if c.mode == 0:
                c.halted = True
                pit_drive(c, False)
            return
        raw = raw << 8 | c.low_byte
        c.write_high = False
    if c.modulus == 10000:
        raw = (raw >> 12) * 1000 + (raw >> 8 & 15) * 100 + (raw >> 4 & 15) * 10 + (raw & 15)
    c.count = raw % c.modulus
    if c.count == 0:
        c.count = c.modulus
    if c.mode == 0:
        pit_drive(c, False)
    c.halted = False
    c.null_count = True
    if c.load or c.mode == 0 or c.mode == 4 or (not c.armed and c.mode & 2):
        pit_wait_for_load(c)
    c.armed = True


cdef inline uint32_t pit_read_count(PitChannel* c) noexcept nogil:
    """Return one byte: the latched status first, then the latched count, then the running counter."""
    cdef uint32_t value
    if c.status_latched:
        c.status_latched = False
        return c.status_latch
    value = c.count_latch if c.count_latched else pit_value(c)
    if c.access != PIT_LSB and c.access != PIT_MSB and not c.read_high:
        c.read_high = True
        return value & 0xFF
    c.read_high = c.count_latched = False
    return value & 0xFF if c.access == PIT_LSB else value >> 8


cdef inline void pit_latch(PitChannel* c, bint count, bint status) noexcept nogil:
    """Latch count and status for the next reads. A value that is latched already stays."""
    cdef PitChannel seen
    if count and not c.count_latched:
        c.count_latch = pit_value(c)
        c.count_latched = True
        c.read_high = False
    if status and not c.status_latched:
        seen = pit_seen(c)
        c.status_latch = seen.out << 7 | seen.null_count << 6 | c.control
        c.status_latched = True


# -- the chip

cdef inline PitChannel* pit_at(Pit* pit, uint32_t channel, uint64_t now) noexcept nogil:
    """The channel, brought to now."""
    cdef PitChannel* c = &pit.channel[channel]
    cdef uint64_t tick = pit_tick(now)
    if tick > c.tick:
        pit_advance(c, tick - c.tick)
    return c


cdef void pit_reset(Pit* pit, uint64_t now) noexcept nogil:
    """Power-on: every OUT is high, no channel counts before it is programmed, gate 2 is low."""
    cdef int channel
    memset(pit, 0, sizeof(Pit))
    for channel in range(3):
        pit.channel[channel].tick = pit_tick(now)
        pit.channel[channel].gate = channel != 2
        pit_control(&pit.channel[channel], 0x36)
        pit.channel[channel].rises = 0


cdef inline uint32_t pit_read(void* state, uint32_t port, uint64_t now) noexcept nogil:
    """Read a byte from 40h-43h. A read of 43h returns FFh, because nothing drives the bus."""
    if port & 3 == 3:
        return 0xFF
    return pit_read_count(pit_at(<Pit*>state, port & 3, now))


cdef inline bint pit_write(void* state, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    """Write a byte to 40h-43h. 1: OUT of channel 0, or its next edges, may have changed."""
    cdef Pit* pit = <Pit*>state
    cdef int channel
    if port & 3 != 3:
        pit_write_count(pit_at(pit, port & 3, now), <uint8_t>value)
    elif value & PIT_READ_BACK == PIT_READ_BACK:
        for channel in range(3):
            if value >> (channel + 1) & 1:
                pit_latch(pit_at(pit, channel, now), not value & 0x20, not value & 0x10)
    elif value & 0x30:
        pit_control(pit_at(pit, value >> 6 & 3, now), <uint8_t>value)
    else:
        pit_latch(pit_at(pit, value >> 6 & 3, now), True, False)
    return pit_programs_0(port, value)


cdef inline bint pit_programs_0(uint32_t port, uint32_t value) noexcept nogil:
    """Whether a write to 40h-43h is a count or a control word of channel 0."""
    return not port & 3 or port & 3 == 3 and not value & 0xC0 and value & 0x30


cdef inline bint pit_out(Pit* pit, int channel, uint64_t now) noexcept nogil:
    """OUT of a channel, as a program sees it."""
    cdef PitChannel* c = pit_at(pit, channel, now)
    return pit_seen(c).out if RARELY(c.load) else c.out


cdef void pit_set_gate(Pit* pit, int channel, bint level, uint64_t now) noexcept nogil:
    """Drive GATE. A rise triggers modes 1, 2, 3 and 5; a fall raises OUT in modes 2 and 3."""
    cdef PitChannel* c = pit_at(pit, channel, now)
    if level == c.gate:
        return
    c.gate = level
    if level:
        if c.armed and c.mode != 0 and c.mode != 4:
            pit_wait_for_load(c)
    elif c.mode == 2 or c.mode == 3:
        pit_drive(c, True)


cdef void pit_next_edges(void* state, uint64_t now, uint64_t* rise, uint64_t* fall) noexcept nogil:
    """The first nanoseconds after now at which OUT of channel 0 rises and, if it is high now, at which it falls;
    UINT64_MAX: it does not."""
    cdef PitChannel c = pit_at(<Pit*>state, 0, now)[0]
    cdef uint64_t ticks = pit_ticks_to_change(&c)
    fall[0] = UINT64_MAX
    if ticks != UINT64_MAX and c.out:
        fall[0] = pit_time(c.tick + ticks)
        pit_advance(&c, ticks)
        ticks = pit_ticks_to_change(&c)
    rise[0] = UINT64_MAX if ticks == UINT64_MAX else pit_time(c.tick + ticks)


cdef bint pit_line(void* state, uint64_t now, uint32_t* rises) noexcept nogil:
    """OUT of channel 0, which drives IRQ 0, and how often it rose since the last call."""
    cdef PitChannel* c = pit_at(<Pit*>state, 0, now)
    rises[0] = c.rises
    c.rises = 0
    return c.out


cdef inline uint32_t port61_read(void* state, uint32_t port, uint64_t now) noexcept nogil:
    """Port 61h: gate and speaker bits, refresh toggle, OUT of channel 2."""
    cdef Pit* pit = <Pit*>state
    cdef uint32_t refresh = pit_tick(now) // PIT_REFRESH & 1
    return pit.port61 | refresh << 4 | <uint32_t>pit_out(pit, 2, now) << 5


cdef bint port61_write(void* state, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    """Port 61h: bit 0 is the gate of channel 2."""
    cdef Pit* pit = <Pit*>state
    pit.port61 = value & 3
    pit_set_gate(pit, 2, value & 1, now)
    return 0
