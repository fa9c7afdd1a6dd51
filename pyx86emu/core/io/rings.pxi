# Rings: add up the rings of one slice, per entry, and signal the sums. Know entries, not what rang them.
#
# A ring is one guest write that an ioeventfd matches. The first ring of an entry in a slice is signalled at once.
# Further rings are counted. The counts are signalled when the slice ends, or earlier: "Adding rings up" in docs/IO.md
# says when.
#
# A slice of quick instructions takes some microseconds. One of slow ones would take a hundred times as long, and a
# counted ring would wait for it. So what is slow (decoding, stores that cross 16 bytes, chips) spends units from an
# allowance, about one for each 10 ns. When the allowance is used up, the counts are signalled.
#
# A guest that rings now and then, and waits for an answer, may ring a second time in the same slice. So that this ring
# does not wait for the whole slice, a slice that rings ends soon, unless the last one that rang had many rings: then
# they come in a burst, and the slice keeps its length.

cdef enum:
    IO_RINGS = 16                           # entries that one slice remembers
    IO_BURST = 8                            # counted rings of a slice that are a burst
    IO_CALLS = 40                           # Doorbells that one instruction can ring: ENTER has 32 stores
    IO_ALLOWANCE = 600                      # units that slow paths may spend before the counts are signalled

cdef struct RingCount:
    uint64_t serial
    uint64_t count                          # rings that are not signalled yet
    uint64_t value                          # of the last ring
    IoEntry *entry                          # valid only while count is not 0


cdef struct Rings:                          # one per vCPU; rings_begin() makes it
    uint32_t n                              # entries that rang in this slice
    uint32_t last
    bint pending
    int32_t allowance                       # units left; below 0 the counts are signalled
    uint64_t spent                          # units, up to the last time that the allowance was renewed
    uint64_t longest                        # the most units that were spent while a ring was counted
    uint64_t early                          # how often counts were signalled because the allowance was used up
    uint64_t counted                        # rings of this slice that were counted and then signalled
    bint burst                              # the last slice that rang was a burst
    bint soon                               # this slice should end soon; end_soon() clears it
    # The access that rang item[last]. If the same access follows, it needs no lookup.
    uint32_t again_how                      # bus and size; 0: there is no such access
    uint64_t again_addr
    bint again_any                          # the value does not matter
    RingCount item[IO_RINGS]
    Sink *call[IO_CALLS]                    # Doorbells that call a function, and have been rung; a reference each
    uint32_t calls


cdef void rings_flush(Rings *r) noexcept nogil:
    """Signal all counts. The slice goes on: the entries that rang stay known."""
    cdef uint32_t i
    cdef uint64_t count
    if not r.pending:
        return
    r.pending = False
    r.longest = max(r.longest, <uint64_t>(IO_ALLOWANCE - r.allowance))
    rings_renew(r)
    for i in range(r.n):
        count = r.item[i].count
        if count != 0:
            r.item[i].count = 0
            r.counted += count
            at_publish64(&r.item[i].entry.last_value, r.item[i].value)
            at_add64(&r.item[i].entry.hits, count)
            sink_signal(r.item[i].entry.target, count)


cdef inline void rings_renew(Rings *r) noexcept nogil:
    r.spent += <uint64_t>(IO_ALLOWANCE - r.allowance)
    r.allowance = IO_ALLOWANCE


cdef void rings_spent(Rings *r) noexcept nogil:
    """The allowance is used up: no ring may wait longer."""
    if r.pending:
        r.early += 1
    rings_flush(r)
    rings_renew(r)


cdef inline void rings_spend(Rings *r, int32_t units) noexcept nogil:
    """Say that the vCPU does something slow, of about `units` times 10 ns."""
    r.allowance -= units
    if RARELY(r.allowance < 0):
        rings_spent(r)


cdef void rings_signal(Rings *r, IoEntry *e, uint64_t value) noexcept nogil:
    """Signal one ring at once: the first of an entry in a slice, or of an entry with coalesce=False. Earlier rings are
    signalled first."""
    rings_flush(r)
    if e.coalesce:
        if r.n == IO_RINGS:
            r.n = 0
        r.item[r.n].serial = e.serial
        r.item[r.n].count = 0
        r.item[r.n].value = value
        r.item[r.n].entry = e
        r.last = r.n
        r.n += 1
    at_publish64(&e.last_value, value)
    at_add64(&e.hits, 1)
    sink_signal(e.target, 1)


cdef void rings_count(Rings *r, IoEntry *e, int size, uint64_t value) noexcept nogil:
    """Count one hit of an entry with coalesce=True."""
    cdef uint32_t i = 0
    while i < r.n and r.item[i].serial != e.serial:
        i += 1
    if i < r.n:
        r.last = i
        r.item[i].count += 1
        r.item[i].value = value
        r.pending = True
        rings_spend(r, 1)
    else:
        rings_signal(r, e, value)
        r.soon = not r.burst
    r.again_addr = e.addr
    r.again_any = e.wildcard
    r.again_how = <uint32_t>(size << 8 | e.bus)


cdef inline bint rings_again(Rings *r, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Count a hit if this access is the same as the last one that rang. False: it is not. The entry itself is not
    written: several vCPUs may ring it."""
    cdef RingCount *last
    if r.again_addr != addr or r.again_how != <uint32_t>(size << 8 | bus):
        return False
    last = &r.item[r.last]
    if last.value != value:
        if not r.again_any:
            return False
        last.value = value
    last.count += 1
    r.pending = True
    return True


cdef void rings_call(Rings *r, Sink *bell) noexcept nogil:
    """Note that this Doorbell is to call its function. It is noted once, however often it rings until then."""
    cdef uint32_t i
    at_add64(&bell.pending, 1)
    for i in range(r.calls):
        if r.call[i] == bell:
            return
    if r.calls < IO_CALLS:
        at_add64(&bell.refs, 1)
        r.call[r.calls] = bell
        r.calls += 1


cdef void rings_new_slice_slow(Rings *r) noexcept nogil:
    rings_flush(r)
    r.burst = r.counted >= IO_BURST
    r.counted = 0
    r.n = 0
    r.again_how = 0


cdef inline void rings_new_slice(Rings *r) noexcept nogil:
    """Begin a new slice: signal all counts. After that the next ring of each entry is a first one."""
    if r.n != 0:
        rings_new_slice_slow(r)


cdef void rings_begin(Rings *r) noexcept nogil:
    """For a new vCPU, and for one in the child of a fork: counts are dropped there, because the parent signals them."""
    memset(r, 0, sizeof(Rings))
    r.allowance = IO_ALLOWANCE
