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


cdef inline uint64_t times_here(CPU* c, Op* o, uint64_t port) noexcept nogil:
    """How many reads of this port the instruction of `o` has made in a row, with the one that it makes now."""
    if c.unclaimed.ip != o.ip or c.unclaimed.port != port or c.unclaimed.cs != c.arch.sb[CS] >> 4:
        return 1
    return c.unclaimed.times + 1


cdef inline bint answers_read(CPU* c, Op* o, uint64_t port, int size) noexcept nogil:
    """Does the core answer this read? `unclaimed_read` counts it then."""
    if not c.unclaimed.answered or not unclaimed(c, port, size):
        return 0
    return c.unclaimed.every == 0 or times_here(c, o, port) % c.unclaimed.every != 0


cdef inline uint64_t unclaimed_read(CPU* c, Op* o, uint64_t port, int size) noexcept nogil:
    c.unclaimed.times = times_here(c, o, port)
    c.unclaimed.port = <uint32_t>port
    c.unclaimed.cs = c.arch.sb[CS] >> 4
    c.unclaimed.ip = o.ip
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
