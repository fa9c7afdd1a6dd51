# Coalesced zones: keep guest writes in a ring, from which Python takes them later. Know addresses, not who writes.
#
# A zone is a range of a bus. A write wholly inside one is appended to a ring, and the guest runs on. A Vm has two
# rings: `kept` is the one that the owner of the Vm drains; `drained` has the writes to zones with an on_drain.
#
# Zones and capacities change only while every vCPU is outside (VmTables.stop), so vCPUs read them without a lock. vCPUs
# put writes into a ring without the GIL; if the Vm has several, under a lock that is held for a few instructions. Only
# a thread with the GIL takes writes out, and it needs no lock: it moves `taken`, and vCPUs move `put`.

cdef enum:
    COALESCED_CAPACITY = 169                # KVM's ring has 170 places, and one of them stays free
    COALESCED_MOST = 4194304                # the largest capacity: 96 MiB
    ZONE_PORTS = 8                          # the filter has a count for each 1 << 8 ports,
    ZONE_PAGE = 12                          # and for each 1 << 12 bytes of memory

cdef enum:                                  # the result of zones_take
    ZONE_NONE = 0                           # no zone holds the whole write
    ZONE_TOOK = 1
    ZONE_FULL = 2                           # the ring is full: the write exits
    ZONE_DUE = 3                            # the ring is full, and an on_drain empties it

cdef struct Zone:
    uint64_t start
    uint64_t last                           # its last address
    int bus
    PyObject *owner                         # the object whose on_drain gets the writes; NULL: it has none

cdef struct ZoneSpan:
    uint64_t start
    uint64_t last
    Zone *zone
    uint64_t best                           # of this span and those before it, the one with the highest `last`

cdef struct ZoneMap:                        # of one bus, sorted by start; of equal starts the longest, then the oldest
    ZoneSpan *span
    uint64_t count
    uint64_t room

cdef struct Written:                        # struct kvm_coalesced_mmio
    uint64_t addr
    uint32_t size
    uint32_t pio
    uint64_t value

cdef struct WriteRing:
    Written *entry                          # NULL: no memory is needed yet
    PyObject **owner                        # of each entry, or NULL: this ring does not keep it
    uint64_t capacity
    uint64_t lock                           # of vCPUs, if there are several
    uint64_t put                            # entries that were ever put in, and where the next one goes
    uint64_t next
    uint64_t apart[8]                       # what vCPUs write and what Python writes is not in one cache line
    uint64_t taken                          # entries that were ever taken out, and where the oldest one is
    uint64_t first

cdef struct Zones:                          # of a Vm
    uint32_t ports[256]                     # how many zones have ports of this block of 256
    uint32_t pages[IO_PAGES]                # how many zones have bytes of this page
    ZoneMap map[2]                          # of PIO and MMIO
    WriteRing kept
    WriteRing drained
    uint32_t due                            # there are writes that Python has not yet handed to an on_drain
    uint64_t count                          # zones in `map`


# -- the ring: the side of vCPUs -------------------------------------------------------------

cdef enum:
    RING_PAUSE = 20000                      # ns that a vCPU sleeps if the host has put the owner of the lock aside


cdef void ring_lock(WriteRing *r) noexcept nogil:
    """Held for a few stores. Nobody wakes a sleeper: the owner pays nothing."""
    cdef int tries = 0
    cdef uint32_t nobody = 0
    while at_swap64(&r.lock, 1):
        tries += 1
        if tries < 100:
            spin_hint()
        else:
            futex_wait(&nobody, 0, RING_PAUSE)


cdef bint ring_put(WriteRing *r, bint several, int bus, uint64_t addr, int size, uint64_t value,
                   PyObject *owner) noexcept nogil:
    """Append a write. False: the ring is full. `several`: other vCPUs may do the same at this moment."""
    cdef Written *e
    cdef bint room
    if several:
        ring_lock(r)
    room = r.put - at_load64(&r.taken) < r.capacity
    if room:
        e = &r.entry[r.next]
        e.addr = addr
        e.size = <uint32_t>size
        e.pio = bus == BUS_PIO
        e.value = value
        if r.owner != NULL:
            r.owner[r.next] = owner
        r.next += 1
        if r.next == r.capacity:
            r.next = 0
        at_publish64(&r.put, r.put + 1)
    if several:
        at_publish64(&r.lock, 0)
    return room


# -- the ring: the side of Python, with the GIL ----------------------------------------------------

cdef inline uint64_t ring_count(WriteRing *r) noexcept nogil:
    return at_load64(&r.put) - r.taken


cdef void ring_copy(WriteRing *r, Written *to, uint64_t n) noexcept nogil:
    """Copy the n oldest entries, which there are, and leave them in the ring."""
    cdef uint64_t part = min(n, r.capacity - r.first)
    if n != 0:
        memcpy(to, r.entry + r.first, part * sizeof(Written))
        memcpy(to + part, r.entry, (n - part) * sizeof(Written))


cdef void ring_drop(WriteRing *r, uint64_t n) noexcept nogil:
    """Take the n oldest entries out."""
    r.first += n
    if r.first >= r.capacity:
        r.first -= r.capacity
    at_publish64(&r.taken, r.taken + n)


cdef bint ring_resize(WriteRing *r, uint64_t capacity, bint owners) noexcept nogil:
    """Give the ring memory for `capacity` entries, which is not less than it has. No vCPU uses it meanwhile. False:
    there is no memory, and the ring is as it was."""
    cdef uint64_t n = ring_count(r), part = min(n, r.capacity - r.first)
    cdef Written *entry = <Written *>malloc(capacity * sizeof(Written))
    cdef PyObject **owner = NULL
    if owners:
        owner = <PyObject **>malloc(capacity * sizeof(PyObject *))
    if entry == NULL or (owners and owner == NULL):
        free(entry)
        free(owner)
        return False
    ring_copy(r, entry, n)
    if owners and n != 0:
        memcpy(owner, r.owner + r.first, part * sizeof(PyObject *))
        memcpy(owner + part, r.owner, (n - part) * sizeof(PyObject *))
    free(r.entry)
    free(r.owner)
    r.entry = entry
    r.owner = owner
    r.capacity = capacity
    r.first = 0
    r.next = n if n < capacity else 0
    return True


cdef void ring_forked(WriteRing *r) noexcept nogil:
    """In the child of a fork: a vCPU's thread, which is not here, may have been in the middle of ring_put."""
    r.lock = 0
    r.next = r.first + ring_count(r)
    if r.next >= r.capacity:
        r.next -= r.capacity


cdef void ring_free(WriteRing *r) noexcept nogil:
    free(r.entry)
    free(r.owner)
    r.entry = NULL
    r.owner = NULL


# -- zones ---------------------------------------------------------------------------------------

cdef inline bint zones_near(Zones *z, int bus, uint64_t addr) noexcept nogil:
    """Whether a zone may hold this address of a guest."""
    if z.count == 0:
        return False
    if bus == BUS_PIO:
        return z.ports[addr >> ZONE_PORTS & 255] != 0
    return addr < IO_MMIO_TOP and z.pages[addr >> ZONE_PAGE] != 0


cdef int zones_take(Zones *z, bint several, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Put a write into the ring of the zone that holds all of it. `value` is zero-extended.

    Of several zones it is the one with the highest end; of those the one with the lowest start; of equal ones the
    oldest. So one search is enough: among the zones that start at or before the write, `best` has the highest end.
    """
    cdef ZoneMap *m = &z.map[bus]
    cdef ZoneSpan *s
    cdef uint64_t lo = 0, hi = m.count, mid
    while lo < hi:
        mid = (lo + hi) >> 1
        if m.span[mid].start <= addr:
            lo = mid + 1
        else:
            hi = mid
    if lo == 0:
        return ZONE_NONE
    s = &m.span[m.span[lo - 1].best]
    if s.last < addr + <uint64_t>size - 1:
        return ZONE_NONE
    if s.zone.owner == NULL:
        return ZONE_TOOK if ring_put(&z.kept, several, bus, addr, size, value, NULL) else ZONE_FULL
    if not ring_put(&z.drained, several, bus, addr, size, value, s.zone.owner):
        return ZONE_DUE
    if not z.due:
        at_put32(&z.due, 1)
    return ZONE_TOOK


cdef void zones_rank(ZoneMap *m, uint64_t at) noexcept nogil:
    """Set `best` of the spans from `at` on."""
    cdef uint64_t i, best = m.span[at - 1].best if at != 0 else 0
    for i in range(at, m.count):
        if i == 0 or m.span[i].last > m.span[best].last:
            best = i
        m.span[i].best = best


cdef void zones_filter(Zones *z, Zone *zone, uint32_t by) noexcept nogil:
    """Count a zone in the filter; `by` is 1, or -1."""
    cdef bint pio = zone.bus == BUS_PIO
    cdef int bits = ZONE_PORTS if pio else ZONE_PAGE
    cdef uint32_t *counts = &z.ports[0] if pio else &z.pages[0]
    cdef uint64_t i, most = 255 if pio else IO_PAGES - 1
    for i in range(zone.start >> bits, min(zone.last >> bits, most) + 1):
        counts[i] += by


cdef uint64_t zones_place(ZoneMap *m, Zone *zone) noexcept nogil:
    """The index after the spans that come before this zone, and after its equals."""
    cdef uint64_t lo = 0, hi = m.count, mid
    cdef ZoneSpan *s
    while lo < hi:
        mid = (lo + hi) >> 1
        s = &m.span[mid]
        if s.start < zone.start or (s.start == zone.start and s.last >= zone.last):
            lo = mid + 1
        else:
            hi = mid
    return lo


cdef bint zones_add(Zones *z, Zone *zone) noexcept nogil:
    """Register a zone. No vCPU is inside. The time grows with the number of zones. False: there is no memory."""
    cdef ZoneMap *m = &z.map[zone.bus]
    cdef WriteRing *r = &z.kept if zone.owner == NULL else &z.drained
    cdef ZoneSpan *span
    cdef uint64_t at
    if r.entry == NULL and not ring_resize(r, r.capacity, zone.owner != NULL):
        return False
    if m.count == m.room:
        span = <ZoneSpan *>realloc(m.span, (2 * m.room + 8) * sizeof(ZoneSpan))
        if span == NULL:
            return False
        m.span = span
        m.room = 2 * m.room + 8
    at = zones_place(m, zone)
    memmove(m.span + at + 1, m.span + at, (m.count - at) * sizeof(ZoneSpan))
    m.span[at].start = zone.start
    m.span[at].last = zone.last
    m.span[at].zone = zone
    m.count += 1
    z.count += 1
    zones_rank(m, at)
    zones_filter(z, zone, 1)
    return True


cdef void zones_remove(Zones *z, Zone *zone) noexcept nogil:
    """Remove a zone, which is registered. No vCPU is inside."""
    cdef ZoneMap *m = &z.map[zone.bus]
    cdef uint64_t at = zones_place(m, zone) - 1
    while m.span[at].zone != zone:
        at -= 1
    m.count -= 1
    z.count -= 1
    memmove(m.span + at, m.span + at + 1, (m.count - at) * sizeof(ZoneSpan))
    zones_rank(m, at)
    zones_filter(z, zone, <uint32_t>-1)


cdef bint zones_resize(Zones *z, uint64_t capacity) noexcept nogil:
    """Set the capacity of both rings. The caller has looked that `kept` has no more entries. False: no memory."""
    cdef uint64_t more = max(capacity, ring_count(&z.drained))       # Python cannot empty this one: it may stay larger
    if z.drained.entry != NULL and not ring_resize(&z.drained, more, True):
        return False
    z.drained.capacity = more
    if z.kept.entry != NULL and not ring_resize(&z.kept, capacity, False):
        return False
    z.kept.capacity = capacity
    return True


cdef void zones_begin(Zones *z) noexcept nogil:
    z.kept.capacity = COALESCED_CAPACITY
    z.drained.capacity = COALESCED_CAPACITY


cdef void zones_clear(Zones *z) noexcept nogil:
    """Remove all zones; what the rings have stays in them. No vCPU is inside."""
    cdef int bus
    for bus in range(2):
        free(z.map[bus].span)
        memset(&z.map[bus], 0, sizeof(ZoneMap))
    z.count = 0
    memset(z.ports, 0, sizeof(z.ports))
    memset(z.pages, 0, sizeof(z.pages))


cdef void zones_free(Zones *z) noexcept nogil:
    zones_clear(z)
    ring_free(&z.kept)
    ring_free(&z.drained)


cdef void zones_forked(Zones *z) noexcept nogil:
    ring_forked(&z.kept)
    ring_forked(&z.drained)
