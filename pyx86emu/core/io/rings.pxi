# Rings: add up the rings of one slice, per entry, and signal the sums. Know entries, not what rang them.
#
# A ring is one guest write that an ioeventfd matches. The first ring of an entry in a slice is signalled at once.
# Further rings are counted. The counts are signalled when the slice ends, or earlier: "Adding rings up" in docs/IO.md
# says when.

cdef enum:
    IO_RINGS = 16                           # entries that one slice remembers

cdef struct RingCount:
    uint64_t serial
    uint64_t count                          # rings that are not signalled yet
    IoEntry *entry                          # valid only while count is not 0


cdef struct Rings:                          # one per vCPU; it starts as all zeros
    uint32_t n                              # entries that rang in this slice
    uint32_t last
    bint pending
    # The access that rang item[last]. If the same access follows, it needs no lookup.
    uint32_t again_how                      # bus and size; 0: there is no such access
    uint64_t again_addr
    uint64_t again_value
    bint again_any                          # the value does not matter
    RingCount item[IO_RINGS]


cdef void rings_flush(Rings *r) noexcept nogil:
    """Signal all counts. The slice goes on: the entries that rang stay known."""
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
    """Signal one ring at once: the first of an entry in a slice, or of an entry with coalesce=False. Earlier rings are
    signalled first."""
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


cdef inline void rings_add(Rings *r, IoEntry *e, int size, uint64_t value) noexcept nogil:
    """Count one hit: the guest wrote `value`, of `size` bytes, to `e`."""
    at_publish64(&e.last_value, value)
    r.again_how = 0
    if e.coalesce:
        rings_count(r, e, size, value)
    else:
        rings_signal(r, e)


cdef void rings_count(Rings *r, IoEntry *e, int size, uint64_t value) noexcept nogil:
    """Count one hit of an entry with coalesce=True."""
    cdef uint32_t i = 0
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
    """Count a hit if this access is the same as the last one that rang. False: it is not."""
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
    """Begin a new slice: signal all counts. After that the next ring of each entry is a first one."""
    if r.n != 0:
        rings_new_slice_slow(r)


cdef void rings_forked(Rings *r) noexcept nogil:
    """In the child of a fork: drop all counts, because the parent signals them."""
    memset(r, 0, sizeof(Rings))
