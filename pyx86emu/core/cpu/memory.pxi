# Guest memory: granule tables and the accesses they cannot answer. Knows pages, not what devices mean.

# A real-mode base is a multiple of 16, so whatever leaves the segment, the granule or the slot crosses a paragraph.
#
# The hottest handlers leave what is not plain to a function of its own, to which they jump: a call would make them
# save registers before they know.

cdef inline uintptr_t plain_at(CPU* c, int seg, uint32_t ea, int size) noexcept nogil:
    """Where the host has seg:ea, if nothing needs to be looked at before it is read; else 0."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    cdef uintptr_t p = c.run.rd[pa >> 8]
    if RARELY(p == 0 or (size > 1 and (pa & 15) > <uint32_t>(16 - size))):
        return 0
    return THERE(p + pa)


cdef inline uint32_t get(uintptr_t p, int size) noexcept nogil:
    if size == 1:
        return (<uint8_t*>p)[0]
    return get16(p) if size == 2 else get32(p)


cdef inline uint64_t ld(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    """Load 1, 2 or 4 bytes at seg:ea, or LOAD_FAILED."""
    cdef uintptr_t p = plain_at(c, seg, ea, size)
    if RARELY(p == 0):
        return slow_load(c, o, seg, ea, size)
    return get(p, size)


cdef inline Op* st(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """Store and go on: the last act of an instruction."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    cdef uintptr_t p = c.run.wr[pa >> 8]
    if size == 1:
        if RARELY(p == 0):
            return slow_store(c, o, seg, ea, v, 1)
        (<uint8_t*>(p + pa))[0] = <uint8_t>v
    else:
        if RARELY(p == 0 or (pa & 15) > <uint32_t>(16 - size)):
            return slow_store(c, o, seg, ea, v, size)
        if size == 2:
            put16(p + pa, v)
        else:
            put32(p + pa, v)
    o = o + 1
    return GO(c, o)


cdef inline bint put(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """Store in the middle of an instruction: 0 means it faulted, go on at c.run.go; else look at c.run.attn at the
    end."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    cdef uintptr_t p = c.run.wr[pa >> 8]
    if RARELY(p == 0 or (pa & 15) > <uint32_t>(16 - size)):
        return slow_put(c, o, seg, ea, v, size)
    if size == 1:
        (<uint8_t*>(p + pa))[0] = <uint8_t>v
    elif size == 2:
        put16(p + pa, v)
    else:
        put32(p + pa, v)
    return 1


cdef inline bint beside_code(CPU* c, uint32_t pa, uint32_t v, int size) noexcept nogil:
    """Done at once: a store to RAM in a granule that holds our code, but not to a byte of it."""
    cdef uint32_t g = pa >> 8, a
    cdef uintptr_t p = c.run.rd[g]
    if p == 0 or (pa & 15) > <uint32_t>(16 - size) or c.vm.mem.attr[g] or c.vm.ncpus != 1:
        return 0
    a = <uint32_t>c.vm.mem.canon[g] << 8 | (pa & 255)
    if c.blocks.list[a >> 8] == NULL or get16(<uintptr_t>c.blocks.codemap + (a >> 3)) >> (a & 7) & ((1 << size) - 1):
        return 0
    if size == 1:
        (<uint8_t*>(p + pa))[0] = <uint8_t>v
    elif size == 2:
        put16(p + pa, v)
    else:
        put32(p + pa, v)
    return 1


cdef Op* slow_store(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """What is still common: a doorbell rung again, a store beside code."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    if c.run.holes[pa >> 8] == 0:
        if (pa & 15) + size > 16 or not rings_again(&c.rings, BUS_MMIO, bus_address(c, pa), size, cut(v, size)):
            return slowest_store(c, o, seg, ea, v, size)
    elif not beside_code(c, pa, v, size):
        return slowest_store(c, o, seg, ea, v, size)
    o = o + 1
    return GO(c, o)


cdef Op* slowest_store(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    cdef uint32_t pa = c.arch.sb[seg] + ea
    if c.run.holes[pa >> 8] == 0 and (pa & 15) + size <= 16:
        bus_write(c, o, BUS_MMIO, bus_address(c, pa), size, cut(v, size))   # nothing to cut, no way to fault
    elif not slow_put(c, o, seg, ea, v, size):
        return c.run.go
    if c.run.attn == ATTN_SMC:                       # this block is stale
        c.run.attn = 0
        leave_after(c, o)
        return jump(c)
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef inline bint overruns(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    """Does the access leave the segment's 64 KiB on a model that faults then? If so the fault is taken."""
    if ea + size <= 0x10000:
        return 0
    if c.m.wraps:
        return 0
    c.run.go = fault(c, o, c.m.ss_vector if seg == SS else 13)
    return 1


cdef uint64_t slow_load(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    cdef uint64_t a, b
    cdef uint32_t base = c.arch.sb[seg]
    if ea + size > 0x10000 and c.m.wraps:        # 8086: a word wraps in its segment, byte by byte
        a = phys_load(c, o, base + ea, 1)
        if a == LOAD_FAILED:
            return a
        b = phys_load(c, o, base + ((ea + 1) & 0xFFFF), 1)
        if b == LOAD_FAILED:
            return b
        return a | b << 8
    if overruns(c, o, seg, ea, size):
        return LOAD_FAILED
    watch(c, base + ea, size, 0)
    return phys_load(c, o, base + ea, size)


cdef bint slow_put(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    cdef uint32_t base = c.arch.sb[seg]
    if beside_code(c, base + ea, v, size):
        return 1
    if ea + size > 0x10000 and c.m.wraps:
        phys_store(c, o, base + ea, v & 255, 1)
        phys_store(c, o, base + ((ea + 1) & 0xFFFF), v >> 8 & 255, 1)
        return 1
    if overruns(c, o, seg, ea, size):
        return 0
    watch(c, base + ea, size, 1)
    phys_store(c, o, base + ea, v, size)
    return 1


cdef inline uint32_t bus_address(CPU* c, uint32_t pa) noexcept nogil:
    return pa & 0xFFFFF if not c.vm.a20 and pa & 0x100000 else pa


cdef uint64_t phys_load(CPU* c, Op* o, uint32_t pa, int size) noexcept nogil:
    """Cut at 4 KiB boundaries: each part is RAM or one bus fragment, in ascending order."""
    cdef uint64_t v = 0, part
    cdef int at = 0, n, i
    if c.run.ram[pa >> 8] and (pa & 255) + size <= 256:
        return get(c.run.ram[pa >> 8] + pa, size)
    while at < size:
        n = size - at
        if (pa & 0xFFF) + n > 0x1000:
            n = 0x1000 - (pa & 0xFFF)
        if c.run.ram[pa >> 8]:
            for i in range(n):
                v |= <uint64_t>(<uint8_t*>(c.run.ram[(pa + i) >> 8] + pa + i))[0] << 8 * (at + i)
        else:
            part = bus_read(c, o, BUS_MMIO, bus_address(c, pa), n)
            if part == LOAD_FAILED:
                return part
            v |= part << 8 * at
        at += n
        pa += n
    return v


cdef void phys_store(CPU* c, Op* o, uint32_t pa, uint32_t v, int size) noexcept nogil:
    cdef int at = 0, n
    cdef uint64_t part
    while at < size:
        n = size - at
        if (pa & 0xFFF) + n > 0x1000:
            n = 0x1000 - (pa & 0xFFF)
        part = (<uint64_t>v >> 8 * at) & ((1ULL << 8 * n) - 1)
        if c.run.ram[pa >> 8] and not c.vm.mem.attr[pa >> 8] & ATTR_ROM:
            ram_store(c, o, pa, part, n)
        else:
            bus_write(c, o, BUS_MMIO, bus_address(c, pa), n, part)
        at += n
        pa += n


cdef void ram_store(CPU* c, Op* o, uint32_t pa, uint64_t v, int n) noexcept nogil:
    """Bytes of one page of RAM that may hold code or have its dirty log armed."""
    cdef int i
    cdef uintptr_t p = c.run.ram[pa >> 8] + pa
    if (pa & 255) + n <= 256 and n == 4:
        put32(p, <uint32_t>v)
    elif (pa & 255) + n <= 256 and n == 2:
        put16(p, <uint32_t>v)
    else:
        for i in range(n):
            (<uint8_t*>(c.run.ram[(pa + i) >> 8] + pa + i))[0] = <uint8_t>(v >> 8 * i)
    wrote(c, o, pa, n)


cdef void wrote(CPU* c, Op* o, uint32_t pa, int n) noexcept nogil:
    """n bytes at pa (one page) changed: set dirty bits, drop blocks decoded from them."""
    cdef Mem* mem = c.vm.mem
    cdef uint32_t g = pa >> 8, last = (pa + n - 1) >> 8
    if mem.attr[g] & ATTR_LOG:
        log_page(c, g)
    while g <= last:
        if mem.code[mem.canon[g]]:
            code_written(c, o, g, pa & 255 if g == pa >> 8 else 0,
                         256 if g != last else ((pa + n - 1) & 255) + 1)
        g += 1


# -- tables -----------------------------------------------------------------------------------------------

cdef Slot* slot_at(VM* vm, uint64_t addr) noexcept nogil:
    cdef int i
    for i in range(vm.nslots):
        if vm.slots[i].addr <= addr and addr - vm.slots[i].addr < vm.slots[i].size:
            return &vm.slots[i]
    return NULL


cdef uint32_t granule_address(VM* vm, uint32_t g) noexcept nogil:
    return bus_mask(vm, g << 8)


cdef inline uint32_t bus_mask(VM* vm, uint32_t pa) noexcept nogil:
    return pa & 0xFFFFF if not vm.a20 else pa


cdef void reopen(VM* vm, uint32_t g) noexcept nogil:
    """Set wr[] of the granule and its aliases to what code and dirty log leave possible."""
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


cdef void log_page(CPU* c, uint32_t g) noexcept nogil:
    """The first write to a page whose log is armed: set its bit (and those of its aliases), disarm."""
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


cdef void rebuild_tables(VM* vm) noexcept nogil:
    """Everything from the slots and A20; the caller holds the writers' lock, no block is alive any more."""
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
            h = addr >> 8                        # seen through a closed A20
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


cdef void arm_log(VM* vm, Slot* s) noexcept nogil:
    """Every page of the slot is clean again: the next write to it must be seen."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g
    for g in range(GRANULES):
        if mem.rd[g] and slot_at(vm, granule_address(vm, g)) == s and not s.readonly:
            mem.attr[g] |= ATTR_LOG
            reopen(vm, g)
