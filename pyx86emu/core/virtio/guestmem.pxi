# Guest memory as a device reaches it: find the host bytes of a guest address, copy. Know no ring and no device.
#
# The memory is that of a Vm, or a list of areas that somebody else has mapped: the memory regions of a VMM that a
# vhost-user back end serves. A store to a Vm counts as one of the host (host_wrote): code there is decoded again, saved
# states see it, the dirty log does not. A store to a read-only slot, and any access to a hole, is refused.
#
# With a Vm the caller has the GIL, so the slots do not change. Areas never change: a large copy needs no GIL.

cdef enum:
    MEM_AREAS = 512                          # the most areas of one map
    MEM_ALIGN = 16                           # host and guest address of an area are equal modulo this

cdef struct Area:
    uint64_t addr
    uint64_t size
    uint8_t* host
    bint readonly

cdef struct GuestMem:
    VM* vm                                   # NULL: it has areas
    Area* area                               # sorted by address
    int areas


cdef uint8_t* mem_at(GuestMem* m, uint64_t addr, uint64_t n, bint store, uint64_t* part) noexcept nogil:
    """The host address of a guest address, from which `part` of the n bytes follow in one piece. NULL: it is a hole, or
    it is to be stored to and is read-only."""
    cdef Slot* s
    cdef Area* a
    cdef int low = 0, high = m.areas, middle
    if m.vm != NULL:
        s = slot_at(m.vm, addr)
        if s == NULL or store and s.readonly:
            return NULL
        part[0] = min(n, s.size - (addr - s.addr))
        return s.host + (addr - s.addr)
    while low < high:
        middle = (low + high) >> 1
        if m.area[middle].addr <= addr:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return NULL
    a = &m.area[low - 1]
    if addr - a.addr >= a.size or store and a.readonly:
        return NULL
    part[0] = min(n, a.size - (addr - a.addr))
    return a.host + (addr - a.addr)


cdef inline uint8_t* mem_whole(GuestMem* m, uint64_t addr, uint64_t n, bint store) noexcept nogil:
    """The same for n bytes that must be in one piece."""
    cdef uint64_t part = 0
    cdef uint8_t* at = mem_at(m, addr, n, store, &part)
    return at if part == n else NULL


cdef bint mem_there(GuestMem* m, uint64_t addr, uint64_t n, bint store) noexcept nogil:
    """Are these n bytes memory?"""
    cdef uint64_t part = 0
    if n > UINT64_MAX - addr:
        return 0
    while n:
        if mem_at(m, addr, n, store, &part) == NULL:
            return 0
        addr += part
        n -= part
    return 1


cdef inline void mem_stored(GuestMem* m, uint8_t* host, uint64_t n) noexcept nogil:
    """The device has stored n bytes at `host`."""
    if m.vm != NULL:
        host_wrote(m.vm, host, n)


cdef bint mem_load(GuestMem* m, uint64_t addr, uint8_t* to, uint64_t n) noexcept nogil:
    """Copy n bytes of the guest. 0: not all of them are memory."""
    cdef uint64_t part = 0
    cdef uint8_t* at
    if n > UINT64_MAX - addr:
        return 0
    while n:
        at = mem_at(m, addr, n, 0, &part)
        if at == NULL:
            return 0
        memcpy(to, at, part)
        to += part
        addr += part
        n -= part
    return 1


cdef bint mem_store(GuestMem* m, uint64_t addr, const uint8_t* data, uint64_t n) noexcept nogil:
    """Store n bytes to the guest. 0: not all of them are memory that can be written."""
    cdef uint64_t part = 0
    cdef uint8_t* at
    if n > UINT64_MAX - addr:
        return 0
    while n:
        at = mem_at(m, addr, n, 1, &part)
        if at == NULL:
            return 0
        memmove(at, data, part)
        mem_stored(m, at, part)
        data += part
        addr += part
        n -= part
    return 1
