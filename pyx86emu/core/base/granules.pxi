# The tables of guest memory live here: built from memory slots, A20, decoded code and the dirty log.
#
# An entry is for one granule of 256 bytes. Several granules may show the same host memory: two slots have one buffer,
# or the A20 line is closed. Such granules are linked in a ring (`alias`) and share one number (`canon`), which marks of
# code use.

cdef Slot* slot_at(VM* vm, uint64_t addr) noexcept nogil:
    """The memory slot with this address, or NULL."""
    cdef int i
    for i in range(vm.nslots):
        if vm.slots[i].addr <= addr and addr - vm.slots[i].addr < vm.slots[i].size:
            return &vm.slots[i]
    return NULL


cdef uint32_t granule_address(VM* vm, uint32_t g) noexcept nogil:
    return bus_mask(vm, g << 8)


cdef inline uint32_t bus_mask(VM* vm, uint32_t pa) noexcept nogil:
    return pa & 0xFFFFF if not vm.a20 else pa


cdef void rebuild_tables(VM* vm) noexcept nogil:
    """Build all tables from the slots and A20. The caller holds the writers' lock, and no block is used any more."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g, h, addr
    cdef Slot* s
    cdef Slot* t
    cdef int i
    cdef uintptr_t host
    for g in range(GRANULES):
        mem.alias[g] = g
        mem.canon[g] = g
    for g in range(GRANULES):
        addr = granule_address(vm, g)
        s = slot_at(vm, addr)
        mem.attr[g] = 0
        mem.code[g] = 0
        if s == NULL:
            mem.wr[g] = 0
            mem.rd[g] = 0
            continue
        host = <uintptr_t>s.host + (addr - s.addr)
        mem.attr[g] = (ATTR_ROM if s.readonly else 0)
        if s.dirty != NULL and not s.readonly and not s.dirty[(addr - s.addr) >> 15] >> ((addr - s.addr) >> 12 & 7) & 1:
            mem.attr[g] |= ATTR_LOG
        mem.rd[g] = host - (g << 8)
        h = g
        if addr != g << 8:
            h = addr >> 8                        # the granule that a closed A20 line shows here
        for i in range(vm.nslots):
            t = &vm.slots[i]
            if t != s and <uintptr_t>t.host <= host < <uintptr_t>t.host + t.size:
                if (t.addr + (host - <uintptr_t>t.host)) >> 8 < h:
                    h = <uint32_t>((t.addr + (host - <uintptr_t>t.host)) >> 8)
        if h < g:
            mem.canon[g] = mem.canon[h]
            mem.alias[g] = mem.alias[h]
            mem.alias[h] = g
    for g in range(GRANULES):
        if mem.rd[g]:
            reopen(vm, g)


cdef void reopen(VM* vm, uint32_t g) noexcept nogil:
    """Set wr[] of the granule and its aliases: 0 if a store must be noticed for decoded code or the dirty log."""
    cdef Mem* mem = vm.mem
    cdef uint32_t a = g
    cdef bint shut = mem.code[mem.canon[g]] != 0
    while True:
        shut = shut or mem.attr[a] & ATTR_LOG
        a = mem.alias[a]
        if a == g:
            break
    while True:
        mem.wr[a] = 0 if shut or mem.attr[a] & ATTR_ROM else mem.rd[a]
        a = mem.alias[a]
        if a == g:
            break


cdef void arm_log(VM* vm, Slot* s) noexcept nogil:
    """Every page of the slot is clean: the next store to each must take the slow path."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g
    for g in range(GRANULES):
        if mem.rd[g] and slot_at(vm, granule_address(vm, g)) == s and not s.readonly:
            mem.attr[g] |= ATTR_LOG
            reopen(vm, g)


cdef void log_page(CPU* c, uint32_t g) noexcept nogil:
    """The first store to a clean page: set its dirty bit and those of its aliases. Further stores are fast again."""
    cdef VM* vm = c.vm
    cdef Mem* mem = vm.mem
    cdef uint32_t a = g, page, i, first
    cdef Slot* s
    lock_from_core(c)
    while True:
        if mem.attr[a] & ATTR_LOG:
            s = slot_at(vm, granule_address(vm, a))
            page = <uint32_t>((granule_address(vm, a) - s.addr) >> 12)
            s.dirty[page >> 3] |= 1 << (page & 7)
            first = a & ~15U
            for i in range(first, first + 16):
                mem.attr[i] &= ~ATTR_LOG
            for i in range(first, first + 16):
                reopen(vm, i)
        a = mem.alias[a]
        if a == g:
            break
    pthread_mutex_unlock(&vm.writers)
