# The PC speaker: record what drives it, and make samples of it. Know channel 2 of the 8254 and port 61h, not files.
#
# The speaker follows OUT of channel 2 while bit 1 of port 61h is 1. Nothing is recorded until somebody listens. Then
# the rows of the 8254 and of port 61h get a `write` that notes each write with its guest time, and these ports lose
# their short way. Later speaker_run() repeats the writes on a copy of the 8254, so a listener gets each edge at its
# tick, and the guest pays for its writes only. A sample is the share of its time in which the speaker is on, so
# sounds that a program makes by pulse width come out as on a PC; then a high-pass filter of 27 Hz takes the constant
# part away.

cdef enum:
    SPEAKER_EVENTS = 1 << 17     # writes that wait; more are dropped and counted
    SPEAKER_EDGES = 1 << 16      # edges of one run
    SPEAKER_ON = 16384           # a sample of a speaker that is on

cdef struct SpeakerEvent:
    uint64_t now
    uint32_t port
    uint32_t value

cdef struct SpeakerEdge:
    uint64_t tick
    uint32_t level

cdef struct Speaker:
    SpeakerEvent* event
    int events
    SpeakerEdge* edge
    int edges
    int16_t* sample
    int samples
    int room                     # samples of one run
    int rate                     # samples a second
    uint64_t lost                # writes and edges that had no room
    Pit pit                      # the 8254 at `tick`; later writes are events
    uint64_t tick
    uint64_t number              # of the sample in progress, from time 0 on
    uint64_t end                 # the tick at which it ends
    uint64_t begin
    uint64_t on                  # its ticks with the speaker on
    int64_t input                # of the filter, times 256
    int64_t output
    uint32_t level
    PortFn way42                 # the short ways before
    PortFn way43
    PortFn way61


cdef inline Chips* chips_of_pit(void* pit) noexcept nogil:
    return <Chips*>(<char*>pit - <size_t>&(<Chips*>0).pit)


cdef void speaker_note(void* pit, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    cdef Speaker* s = <Speaker*>chips_of_pit(pit).speaker
    if s.events == SPEAKER_EVENTS:
        s.lost += 1
        return
    s.event[s.events].now = now
    s.event[s.events].port = port
    s.event[s.events].value = value
    s.events += 1


cdef bint pit_write_heard(void* state, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    """A write to 40h-43h while somebody listens."""
    if port & 3 == 2 or port & 3 == 3 and value & 0xC0 == 0x80 and value & 0x30:
        speaker_note(state, port, value, now)
    return pit_write(state, port, value, now)


cdef bint port61_write_heard(void* state, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    speaker_note(state, port, value, now)
    return port61_write(state, port, value, now)


cdef void speaker_listen(Chips* chips, Speaker* s, uint64_t now) noexcept nogil:
    """Begin to record. The caller keeps every vCPU outside and has the lock."""
    s.pit = chips.pit
    pit_at(&s.pit, 2, now)
    s.tick = s.begin = pit_tick(now)
    s.number = s.tick // PIT_HZ * s.rate + s.tick % PIT_HZ * s.rate // PIT_HZ
    s.end = speaker_end(s)
    s.level = speaker_level(s)
    chips.speaker = s
    chips.chip[CHIP_PIT].write = pit_write_heard
    chips.chip[CHIP_PORT61].write = port61_write_heard
    s.way42, s.way43, s.way61 = chips.ways.out[0x42], chips.ways.out[0x43], chips.ways.out[0x61]
    chips.ways.out[0x42] = chips.ways.out[0x43] = chips.ways.out[0x61] = NULL


cdef void speaker_again(Chips* chips, uint64_t now) noexcept nogil:
    """Guest time has jumped, and the 8254 with it: whoever listens goes on from here."""
    cdef Speaker* s = <Speaker*>chips.speaker
    if s == NULL:
        return
    s.events = 0
    s.pit = chips.pit
    pit_at(&s.pit, 2, now)
    s.tick = s.begin = pit_tick(now)
    s.number = s.tick // PIT_HZ * s.rate + s.tick % PIT_HZ * s.rate // PIT_HZ
    s.end = speaker_end(s)
    s.on = 0
    speaker_look(s)


cdef void speaker_ignore(Chips* chips) noexcept nogil:
    """The end of it. The caller keeps every vCPU outside and has the lock."""
    cdef Speaker* s = <Speaker*>chips.speaker
    chips.chip[CHIP_PIT].write = pit_write
    chips.chip[CHIP_PORT61].write = port61_write
    chips.ways.out[0x42], chips.ways.out[0x43], chips.ways.out[0x61] = s.way42, s.way43, s.way61
    chips.speaker = NULL


# -- samples

cdef inline uint64_t speaker_end(Speaker* s) noexcept nogil:
    """The tick at which sample `number` ends."""
    cdef uint64_t n = s.number + 1
    return n // s.rate * PIT_HZ + n % s.rate * PIT_HZ // s.rate


cdef inline uint32_t speaker_level(Speaker* s) noexcept nogil:
    return s.pit.port61 >> 1 & s.pit.channel[2].out & 1


cdef void speaker_add(Speaker* s) noexcept nogil:
    """The sample in progress is complete."""
    cdef uint64_t width = s.end - s.begin
    cdef int64_t input = <int64_t>(s.on * (SPEAKER_ON << 8) // width) if width else 0
    cdef int64_t faded = s.output - (s.output >> 8 if s.output >= 0 else -(-s.output >> 8))
    s.output = input - s.input + faded
    s.input = input
    if s.samples < s.room:
        s.sample[s.samples] = <int16_t>(s.output >> 8 if s.output >= 0 else -(-s.output >> 8))
        s.samples += 1
    s.number += 1
    s.begin = s.end
    s.end = speaker_end(s)
    s.on = 0


cdef void speaker_pass(Speaker* s, uint64_t ticks) noexcept nogil:
    """Let so many ticks pass at the same level."""
    cdef uint64_t n
    while ticks:
        n = min(ticks, s.end - s.tick)
        if s.level:
            s.on += n
        s.tick += n
        ticks -= n
        if s.tick == s.end:
            speaker_add(s)


cdef void speaker_look(Speaker* s) noexcept nogil:
    """Note an edge, if the level has changed."""
    cdef uint32_t level = speaker_level(s)
    if level == s.level:
        return
    s.level = level
    if s.edges == SPEAKER_EDGES:
        s.lost += 1
        return
    s.edge[s.edges].tick = s.tick
    s.edge[s.edges].level = level
    s.edges += 1


cdef void speaker_advance(Speaker* s, uint64_t tick) noexcept nogil:
    """Bring the copy of the 8254 to `tick`, edge by edge."""
    cdef PitChannel* c = &s.pit.channel[2]
    cdef uint64_t n
    while s.tick < tick:
        n = pit_ticks_to_change(c) if s.pit.port61 & 2 else UINT64_MAX   # nobody hears its edges
        n = min(n, tick - s.tick)
        speaker_pass(s, n)
        pit_advance(c, n)
        speaker_look(s)


cdef bint speaker_run(Speaker* s, Chips* chips, uint64_t now) noexcept nogil:
    """Make the samples and edges up to `now`, at most a second of them. The caller has the lock. 1: there is more."""
    cdef uint64_t last = pit_tick(now), tick
    cdef SpeakerEvent* e
    cdef int done = 0
    cdef bint more = last > s.tick + PIT_HZ
    if more:
        last = s.tick + PIT_HZ
    s.samples = s.edges = 0
    while done < s.events:
        e = &s.event[done]
        tick = pit_tick(e.now)
        if tick > last:
            break
        speaker_advance(s, tick)
        if e.port == 0x61:
            port61_write(&s.pit, e.port, e.value, e.now)
        else:
            pit_write(&s.pit, e.port, e.value, e.now)
        speaker_look(s)
        done += 1
    speaker_advance(s, last)
    s.events -= done
    if s.events:
        memmove(s.event, s.event + done, s.events * sizeof(SpeakerEvent))
    elif not more:
        s.pit = chips.pit                        # the same, unless the 8254 was set by the host
        pit_at(&s.pit, 2, now)
        speaker_look(s)
    return more
