# Stores next to code of several vCPUs: store the bytes at once, and tell each vCPU that has decoded them.
#
# A granule with code takes every store the slow way. Most of these stores hit no code: data and stacks lie next to it.
# That is seen in the vCPU's own map of code before the store (store_near_code in memory.pxi, for one vCPU).
#
# Another vCPU that has code in the granule may decode at this moment. It marks the bytes first and then reads them
# again (decode_block); so here the bytes are stored first, and its marks are read after that, with a fence in between.
# Whichever comes second sees the other. A vCPU that has no code there yet waits for the others when it claims the
# granule (claim); so as long as no other has, there is no fence.

cdef inline bint marked(CPU* c, uint32_t a, int size) noexcept nogil:
    """Has the vCPU marked one of the bytes at the canonical address `a` as code? They are in 16 bytes."""
    return get16(<uintptr_t>c.blocks.codemap + (a >> 3)) >> (a & 7) & ((1 << size) - 1)


cdef bint stored_near_codes(CPU* c, uint32_t pa, uint32_t v, int size) noexcept nogil:
    """Store to RAM in a granule with code, if no byte of the store is code of this vCPU. 0: not such a store; nothing
    is done."""
    cdef Mem* mem = c.vm.mem
    cdef uint32_t g = pa >> 8, a
    cdef int n = mem.canon[g]
    cdef uintptr_t p = c.run.rd[g]
    cdef uint64_t mine = 1ULL << c.no, who = at_peek64(&mem.code[n])
    if p == 0 or (pa & 15) > <uint32_t>(16 - size) or mem.attr[g]:
        return 0
    p += pa
    a = <uint32_t>n << 8 | (pa & 255)
    if who & mine and (c.blocks.list[n] == NULL or marked(c, a, size)):
        return 0
    poke(p, v, size)
    if who & ~mine:
        tell_others(c, a, size)
    return 1


cdef void tell_others(CPU* c, uint32_t a, int size) noexcept nogil:
    """Bytes at the canonical address `a` were stored, and they are no code of this vCPU."""
    cdef uint64_t who
    cdef int i
    at_fence()
    who = at_get64(&c.vm.mem.code[a >> 8]) & ~(1ULL << c.no)
    for i in range(c.vm.ncpus):
        if who >> i & 1 and marked(c.vm.cpu[i], a, size):
            note_written(c.vm.cpu[i], <int>(a >> 8))


cdef void note_written(CPU* c, int n) noexcept nogil:
    """Another vCPU or the host has stored to code of this one: it drops its blocks of the canonical granule at its next
    end of a block."""
    at_or64(&c.blocks.dirty_code[n >> 6], 1ULL << (n & 63))
    want(c, REQ_CODE)
