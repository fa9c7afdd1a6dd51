# Unclaimed ports: answer accesses to ports that no device has, if the vCPU is told to. Know no chip and no Python.
#
# As on a PC: a read gives all ones, a write is dropped. Otherwise such an access exits, as in KVM. An access of which
# any byte belongs to a device exits always, since its owner takes it in pieces.

cdef bint unclaimed(CPU* c, uint64_t port, int size) noexcept nogil:
    """Has no device any byte of this access?"""
    cdef PyObject* r
    cdef int i
    for i in range(size):
        r = range_at(c.vm.ranges[BUS_PIO], port + <uint64_t>i, 1)
        if r != NULL and kind_of(r) != RANGE_CLAIMED:
            return 0
    return 1


cdef inline uint64_t times_here(UnclaimedState* u, uint32_t port, uint32_t cs, uint32_t ip) noexcept nogil:
    """How many reads of this port the instruction at CS:IP has made in a row, with the one that it makes now."""
    if u.ip != ip or u.port != port or u.cs != cs:
        return 1
    return u.times + 1


cdef inline void count_read(UnclaimedState* u, uint32_t port, uint32_t cs, uint32_t ip) noexcept nogil:
    u.times = times_here(u, port, cs, ip)
    u.port = port
    u.cs = cs
    u.ip = ip


cdef inline bint answers_read(CPU* c, Op* o, uint64_t port, int size) noexcept nogil:
    """Does the core answer this read? `unclaimed_read` counts it then."""
    if not c.unclaimed.answered or not unclaimed(c, port, size):
        return 0
    if c.unclaimed.every == 0:
        return 1
    return times_here(&c.unclaimed, <uint32_t>port, c.arch.sb[CS] >> 4, o.ip) % c.unclaimed.every != 0


cdef inline uint64_t unclaimed_read(CPU* c, Op* o, uint64_t port, int size) noexcept nogil:
    count_read(&c.unclaimed, <uint32_t>port, c.arch.sb[CS] >> 4, o.ip)
    c.unclaimed.served += 1
    rings_spend(&c.rings, 1)
    return ones(size)


cdef inline bint unclaimed_write(CPU* c, uint64_t port, int size) noexcept nogil:
    """Drop this write, if the core answers it. 0: it does not."""
    if not c.unclaimed.answered or not unclaimed(c, port, size):
        return 0
    c.unclaimed.served += 1
    rings_spend(&c.rings, 1)
    return 1
