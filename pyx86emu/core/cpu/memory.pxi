# Guest memory is loaded and stored here: through the granule tables, or by the slow path. io/bus.pxi knows the devices.
#
# The fast path is one table entry and one test. An entry of c.run.rd or c.run.wr is the host address minus the guest
# address of a granule, or 0. Segment bases and granules are multiples of 16 bytes. So an access that crosses the end of
# its segment, granule or slot also crosses a multiple of 16, and only those are looked at more closely.
#
# The slow path serves all other accesses, in this order: the end of the segment, breakpoints on data, then each part
# within a page of 4 KiB by itself: RAM with its code and dirty log, or the bus.
#
# In the hottest handlers the slow path is a function of its own to which the handler jumps. If it were called, the
# handler would have to save registers on its fast path too.

cdef inline uintptr_t plain_at(CPU* c, int seg, uint32_t ea, int size) noexcept nogil:
    """The host address of seg:ea, if it can be read at once; 0: take the slow path."""
    return plain_in(c.run.rd, c.arch.sb[seg] + ea, ea, size)


cdef inline uintptr_t plain_to(CPU* c, int seg, uint32_t ea, int size) noexcept nogil:
    """The same for a store."""
    return plain_in(c.run.wr, c.arch.sb[seg] + ea, ea, size)


cdef inline uintptr_t plain_in(uintptr_t* table, uint32_t pa, uint32_t ea, int size) noexcept nogil:
    cdef uintptr_t p = table[pa >> 8]
    if size > 1 and RARELY((pa & 15) > <uint32_t>(16 - size)):
        if (pa & 255) + size > 256 or ea + size > 0x10000:
            return 0
    if RARELY(p == 0):
        return 0
    return THERE(p + pa)


cdef inline uintptr_t operand_at(CPU* c, Op* o, uint32_t ea, int size, int a) noexcept nogil:
    """plain_at() for the operand of `o`. A 32-bit address (a = 4) may be above FFFFh: the slow path faults."""
    if a == 4 and RARELY(ea > 0xFFFF):
        return 0
    return plain_at(c, o.seg, ea, size)


cdef inline uint64_t operand_slow(CPU* c, Op* o, uint32_t ea, int size) noexcept nogil:
    """Load the operand of `o` wherever it is, after operand_at() has given 0."""
    if ea > 0xFFFF:
        c.run.go = fault_beyond(c, o, o.seg)
        return LOAD_FAILED
    return load_any(c, o, o.seg, ea, size)


cdef Op* fault_beyond(CPU* c, Op* o, int seg) noexcept nogil:
    """The operand is beyond the end of the segment."""
    return fault(c, o, c.m.ss_vector if seg == SS else 13)


cdef inline uint64_t ld(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    """Load 1, 2 or 4 bytes at seg:ea, or LOAD_FAILED."""
    cdef uintptr_t p = plain_at(c, seg, ea, size)
    if RARELY(p == 0):
        return load_any(c, o, seg, ea, size)
    return get(p, size)


cdef inline Op* st(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """Store and go on to the next op. This must be the last thing that an instruction does."""
    cdef uintptr_t p = plain_to(c, seg, ea, size)
    if RARELY(p == 0):
        return store_common(c, o, seg, ea, v, size)
    poke(p, v, size)
    o = o + 1
    return GO(c, o)


cdef inline Op* store_operand(CPU* c, Op* o, uint32_t ea, uint32_t v, int size, int a) noexcept nogil:
    """st() to the operand of `o`."""
    if a == 4 and RARELY(ea > 0xFFFF):
        return fault_beyond(c, o, o.seg)
    return st(c, o, o.seg, ea, v, size)


cdef inline bint put(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """Store in the middle of an instruction. 0: it has faulted, and the handler returns c.run.go. Else the handler must
    test c.run.attn at its end, as done() does."""
    cdef uintptr_t p = plain_to(c, seg, ea, size)
    if RARELY(p == 0):
        return put_any(c, o, seg, ea, v, size)
    poke(p, v, size)
    return 1


cdef inline uintptr_t piece_at(uintptr_t* table, uint32_t base, uint32_t at, uint32_t bytes_) noexcept nogil:
    """The host address of so many bytes at base:at, if they are in the segment and in one granule that is reached at
    once. Else 0."""
    cdef uint32_t pa = base + at
    cdef uintptr_t p
    if RARELY(at > 0x10000 - bytes_ or (pa & 255) + bytes_ > 256):
        return 0
    p = table[pa >> 8]
    return 0 if RARELY(p == 0) else THERE(p + pa)


cdef inline bint store_near_code(CPU* c, uint32_t pa, uint32_t v, int size) noexcept nogil:
    """Store to RAM in a granule with code, if no byte of the store is code. 0: not such a store; nothing is done. There
    is one vCPU; near.pxi has the same for several."""
    cdef uint32_t g = pa >> 8, a
    cdef uintptr_t p = c.run.rd[g]
    if p == 0 or (pa & 15) > <uint32_t>(16 - size) or c.vm.mem.attr[g]:
        return 0
    a = <uint32_t>c.vm.mem.canon[g] << 8 | (pa & 255)
    if c.blocks.list[a >> 8] == NULL or marked(c, a, size):
        return 0
    poke(p + pa, v, size)
    return 1


cdef Op* store_common(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """Stores that are still frequent: the same ring again, and a store next to code. The rest goes on from here."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    cdef uintptr_t hole = c.run.holes[pa >> 8]
    if hole == 0:
        if (pa & 15) + size > 16 or not rings_again(&c.rings, BUS_MMIO, bus_address(c, pa), size, cut(v, size)):
            return store_any(c, o, seg, ea, v, size)
    elif hole == VGA_HOLE:
        return store_planes(c, o, seg, ea, v, size)
    elif RARELY(c.vm.ncpus != 1):
        return store_near_codes(c, o, seg, ea, v, size)
    elif not store_near_code(c, pa, v, size):
        return store_any(c, o, seg, ea, v, size)
    o = o + 1
    return GO(c, o)


cdef Op* store_near_codes(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """A store next to code, if there are several vCPUs. The rest goes to store_any."""
    if not stored_near_codes(c, c.arch.sb[seg] + ea, v, size):
        return store_any(c, o, seg, ea, v, size)
    o = o + 1
    return GO(c, o)


cdef Op* store_planes(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """A store to the window of the VGA where it is not memory. The rest goes to store_any."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    if (pa & 15) + size > 16 or not vga_store(c, pa, v, size):
        return store_any(c, o, seg, ea, v, size)
    o = o + 1
    return GO(c, o)


cdef Op* store_any(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """st() wherever it may go."""
    cdef uint32_t pa = c.arch.sb[seg] + ea
    if c.run.holes[pa >> 8] == 0 and (pa & 15) + size <= 16:
        bus_write(c, o, BUS_MMIO, bus_address(c, pa), size, cut(v, size))   # in one part, and it cannot fault
    elif not put_any(c, o, seg, ea, v, size):
        return c.run.go
    if c.run.attn == ATTN_SMC:                       # this block is stale: go on in a new one
        c.run.attn = 0
        leave_after(c, o)
        if RARELY(c.observe.mask & LOOK_HISTORY):
            history_turn(c)
        return jump(c)
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef inline bint overruns(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    """Does the access cross the end of the segment, on a model that faults then? If so, the fault is delivered."""
    if ea + size <= 0x10000:
        return 0
    if c.m.wraps:
        return 0
    c.run.go = fault_beyond(c, o, seg)
    return 1


cdef uint64_t load_any(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    """ld() wherever it may come from."""
    cdef uint64_t a, b
    cdef uint32_t base = c.arch.sb[seg], pa = base + ea
    if c.run.holes[pa >> 8] == VGA_HOLE and (pa & 15) + size <= 16 and vga_short(c, pa, size):
        return vga_load(c, pa, size)
    rings_spend(&c.rings, 1)
    if ea + size > 0x10000 and c.m.wraps:        # 8086: a word wraps in its segment, byte by byte
        b = (ea + 1) & 0xFFFF
        if not (watch_load(c, o, base + ea, 1) and watch_load(c, o, base + <uint32_t>b, 1)):
            return LOAD_FAILED
        a = phys_load(c, o, base + ea, 1)
        if a == LOAD_FAILED:
            return a
        b = phys_load(c, o, base + <uint32_t>b, 1)
        if b == LOAD_FAILED:
            return b
        return a | b << 8
    if overruns(c, o, seg, ea, size):
        return LOAD_FAILED
    if not watch_load(c, o, base + ea, size):
        return LOAD_FAILED
    return phys_load(c, o, base + ea, size)


cdef bint put_any(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """put() wherever it may go: next to code, over the end of the segment, to ROM or a device."""
    if RARELY(c.vm.ncpus != 1):
        return put_near_codes(c, o, seg, ea, v, size)
    if store_near_code(c, c.arch.sb[seg] + ea, v, size):
        return 1
    return put_slow(c, o, seg, ea, v, size)


cdef bint put_near_codes(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    """The same if there are several vCPUs."""
    if stored_near_codes(c, c.arch.sb[seg] + ea, v, size):
        return 1
    return put_slow(c, o, seg, ea, v, size)


cdef bint put_slow(CPU* c, Op* o, int seg, uint32_t ea, uint32_t v, int size) noexcept nogil:
    cdef uint32_t base = c.arch.sb[seg], pa = base + ea
    if c.run.holes[pa >> 8] == VGA_HOLE and (pa & 15) + size <= 16 and vga_store(c, pa, v, size):
        return 1
    rings_spend(&c.rings, 1)
    if ea + size > 0x10000 and c.m.wraps:
        watch_store(c, o, base + ea, 1)
        watch_store(c, o, base + ((ea + 1) & 0xFFFF), 1)
        phys_store(c, o, base + ea, v & 255, 1)
        phys_store(c, o, base + ((ea + 1) & 0xFFFF), v >> 8 & 255, 1)
        return 1
    if overruns(c, o, seg, ea, size):
        return 0
    watch_store(c, o, base + ea, size)
    phys_store(c, o, base + ea, v, size)
    return 1


cdef inline uint32_t bus_address(CPU* c, uint32_t pa) noexcept nogil:
    return pa & 0xFFFFF if not c.vm.a20 and pa & 0x100000 else pa


cdef uint64_t phys_load(CPU* c, Op* o, uint32_t pa, int size) noexcept nogil:
    """Load from a physical address. The access is divided at 4 KiB boundaries; each part is in RAM or one fragment on
    the bus, lowest address first."""
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
    """Store bytes to one page of RAM, which may have code or a dirty log."""
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
    """n bytes at pa, in one page, were stored: set the dirty bit, note the granule for saved states, and
    drop the blocks decoded from them."""
    cdef Mem* mem = c.vm.mem
    cdef uint32_t g = pa >> 8, last = (pa + n - 1) >> 8
    if RARELY((mem.attr[g] | mem.attr[last]) & (ATTR_LOG | ATTR_CLEAN)):
        first_store(c, g, last)
    while g <= last:
        if at_peek64(&mem.code[mem.canon[g]]):
            code_written(c, o, g, pa & 255 if g == pa >> 8 else 0,
                         256 if g != last else ((pa + n - 1) & 255) + 1)
        g += 1


cdef void first_store(CPU* c, uint32_t g, uint32_t last) noexcept nogil:
    """One since the page was clean, or since memory was saved. Both granules are in one page."""
    if c.vm.mem.attr[g] & ATTR_LOG:
        rings_spend(&c.rings, 50)
        log_page(c, g)
    while g <= last:
        if c.vm.mem.attr[g] & ATTR_CLEAN:
            rings_spend(&c.rings, 10)
            note_store(c, g)
        g += 1
