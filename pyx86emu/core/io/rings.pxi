# The rings of one slice are added up here, per entry, and signalled before anybody could miss them. Knows entries, not
# what rang them.

cdef enum:
    IO_RINGS = 16                           # entries that one slice remembers

cdef struct RingCount:
    uint64_t serial
    uint64_t count                          # rung, not yet signalled
    IoEntry *entry                          # valid while count is not 0


cdef struct Rings:                          # one per vCPU; all zero is the start
    uint32_t n                              # entries that rang in this slice
    uint32_t last
    bint pending
    uint32_t again_how                      # the access that rang ring[last]: the same once more needs no look at
    uint64_t again_addr                     # the table. Bus and size (0: none), address, and the value if it matters
    uint64_t again_value
    bint again_any
    RingCount item[IO_RINGS]


cdef void rings_flush(Rings *r) noexcept nogil:
    """Signal what is pending. The slice goes on: entries that rang stay known."""
    cdef uint32_t i
    cdef uint64_t count
    if not r.pending:
        return
    r.pending = False
    for i in range(r.n):
        count = r.item[i].count
        if count != 0:
            r.item[i].count = 0
            at_add64(&r.item[i].entry.hits, count)
            sink_signal(r.item[i].entry.target, count)


cdef void rings_signal(Rings *r, IoEntry *e) noexcept nogil:
    """The first ring of an entry in a slice, or one that is not to be added up: nothing overtakes it."""
    rings_flush(r)
    if e.coalesce:
        if r.n == IO_RINGS:
            r.n = 0
        r.item[r.n].serial = e.serial
        r.item[r.n].count = 0
        r.item[r.n].entry = e
        r.last = r.n
        r.n += 1
    at_add64(&e.hits, 1)
    sink_signal(e.target, 1)


cdef void rings_add(Rings *r, IoEntry *e, int size, uint64_t value) noexcept nogil:
    """One hit: `value` was written to `e`, `size` bytes of it."""
    cdef uint32_t i
    at_publish64(&e.last_value, value)
    r.again_how = 0
    if not e.coalesce:
        rings_signal(r, e)
        return
    i = 0
    while i < r.n and r.item[i].serial != e.serial:
        i += 1
    if i < r.n:
        r.last = i
        r.item[i].count += 1
        r.pending = True
    else:
        rings_signal(r, e)
    r.again_addr = e.addr
    r.again_value = value
    r.again_any = e.wildcard
    r.again_how = <uint32_t>(size << 8 | e.bus)


cdef inline bint rings_again(Rings *r, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Done, if this rings what the last ring of the slice rang."""
    cdef RingCount *last
    if r.again_addr != addr or r.again_how != <uint32_t>(size << 8 | bus):
        return False
    if not r.again_any and r.again_value != value:
        return False
    last = &r.item[r.last]
    at_publish64(&last.entry.last_value, value)
    last.count += 1
    r.pending = True
    return True


cdef void rings_new_slice_slow(Rings *r) noexcept nogil:
    rings_flush(r)
    r.n = 0
    r.again_how = 0


cdef inline void rings_new_slice(Rings *r) noexcept nogil:
    """A new slice: what is pending is signalled, and every entry's next ring is a first one."""
    if r.n != 0:
        rings_new_slice_slow(r)


cdef void rings_forked(Rings *r) noexcept nogil:
    """In the child of a fork: what was pending is the parent's to signal."""
    memset(r, 0, sizeof(Rings))
