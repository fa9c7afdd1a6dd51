# Debugging lives here: breakpoints of the guest on code and data (80386 PRM, chapter 12), watchpoints of the host.
#
# While a breakpoint of the guest is enabled, the vCPU executes instructions one by one. While one on data is enabled,
# the vCPU also uses memory tables that are all 0. So every access takes the slow path, which looks for breakpoints.
#
# Watchpoints of the host close only the granules they are in (close_watched). A store that hits one leaves the block
# after its instruction. A load leaves it before its instruction, which is then executed alone, because only handlers
# that store look at c.run.attn.

cdef enum:
    DR6_BD = 0x2000              # MOV to or from a debug register while DR7 has GD
    DR6_BS = 0x4000              # single step
    DR6_FIXED = 0xFFFF0FF0
    DR7_GD = 0x2000


cdef inline bint breakpoints_on(CPU* c) noexcept nogil:
    return c.system.dr[7] & 0xFF != 0


cdef void set_dr(CPU* c, int n, uint32_t v) noexcept nogil:
    """Set DRn for MOV DR, the host or RESET. Fixed bits are kept. RF is cleared, as after every instruction."""
    if c.m.level < 3:
        v = 0                                    # no debug registers before the 80386: they keep their values of RESET
    if n == 6:
        v = (v & 0xE00F) | 0xFFFF0FF0U
    elif n == 7:
        v = (v & 0xFFFF23FFU) | 0x400
    c.system.dr[n] = v
    c.arch.rest &= ~<uint32_t>F_RF
    look_for_guest(c)


cdef void look_for_guest(CPU* c) noexcept nogil:
    """DR7 was set: does the guest have breakpoints on data? That decides which tables accesses use."""
    cdef int i
    c.debug.data &= ~<uint32_t>LOOK_GUEST
    for i in range(4):
        if c.system.dr[7] >> 2 * i & 3 and c.system.dr[7] >> 16 + 4 * i & 1:
            c.debug.data |= LOOK_GUEST
    c.run.rd = c.vm.mem.rd
    c.run.wr = c.vm.mem.wr
    c.run.holes = c.vm.mem.holes
    if c.debug.data & LOOK_GUEST:
        c.run.rd = ALL_CLOSED
        c.run.wr = ALL_CLOSED
        c.run.holes = ALL_FILLED


cdef uint32_t breakpoints_hit(CPU* c, uint32_t at, uint32_t size, uint32_t kinds) noexcept nogil:
    """The breakpoints on linear bytes [at, at + size), as bits of DR6. `kinds`: a bit for each value of R/W."""
    cdef uint32_t found = 0, n, first
    cdef int i
    for i in range(4):
        if c.system.dr[7] >> 2 * i & 3 and kinds >> (c.system.dr[7] >> 16 + 4 * i & 3) & 1:
            n = (c.system.dr[7] >> 18 + 4 * i & 3) + 1  # LEN: 0, 1 and 3 are defined
            first = c.system.dr[i] & ~(n - 1)
            if first < at + size and at < first + n:
                found |= 1U << i
    return found


cdef inline void watch_store(CPU* c, Op* o, uint32_t at, uint32_t size) noexcept nogil:
    """Called for stores that take the slow path. A breakpoint of the guest makes a trap after the instruction, a
    watchpoint of the host an Exit(DEBUG)."""
    if RARELY(c.debug.data):
        if c.debug.data & LOOK_GUEST:
            c.events.trap_due |= breakpoints_hit(c, at, size, 0b1010)
        look_at(c, o, at, size, 1)


cdef inline bint watch_load(CPU* c, Op* o, uint32_t at, uint32_t size) noexcept nogil:
    """The same for loads. 0: the instruction is to be executed alone, and the handler returns c.run.go."""
    return not RARELY(c.debug.data != 0) or watch_load_slow(c, o, at, size)


cdef bint watch_load_slow(CPU* c, Op* o, uint32_t at, uint32_t size) noexcept nogil:
    cdef int seen = c.debug.hit, touches = c.observe.touches
    if c.debug.data & LOOK_GUEST:
        c.events.trap_due |= breakpoints_hit(c, at, size, 0b1000)
    look_at(c, o, at, size, 0)
    if c.debug.hit == seen and c.observe.touches == touches or c.run.stepping:
        return 1
    c.debug.hit = c.observe.touches = 0          # it has not happened yet
    c.reads.finish = 1
    c.reads.log_pos = 0
    c.run.go = leave_at(c, o)
    return 0


cdef void look_at(CPU* c, Op* o, uint32_t at, uint32_t size, bint store) noexcept nogil:
    """Note the first watchpoint that the instruction of `o` hits."""
    cdef uint32_t n = size
    if not c.vm.a20 and at < 0x100000 and at + size > 0x100000:
        n = 0x100000 - at                        # the rest is at 0
    if RARELY(c.debug.data & LOOK_OBSERVER):
        touch(c, o, bus_mask(c.vm, at), n, store)
        if n < size:
            touch(c, o, bus_mask(c.vm, at + n), size - n, store)
    if c.debug.hit == 0:
        look_at_bytes(c, bus_mask(c.vm, at), n, store)
    if c.debug.hit == 0 and n < size:
        look_at_bytes(c, bus_mask(c.vm, at + n), size - n, store)
    if c.debug.hit:
        c.debug.hit_at = retired_at(c, o)
        if store:
            c.run.attn |= ATTN_WATCH


cdef void touch(CPU* c, Op* o, uint64_t first, uint32_t size, bint store) noexcept nogil:
    """Note who observes one of these bytes, and what is there before the access."""
    cdef int i
    cdef Look* k
    cdef Touch* t
    for i in range(c.observe.looks - c.observe.execs):
        k = c.observe.look[i]
        if k.kind != (LOOK_WRITE if store else LOOK_READ) or k.first >= first + size or first > k.last:
            continue
        if c.observe.touches and known_touch(c, k, max(first, k.first)):
            continue
        if c.observe.touches == TOUCHES:
            k.lost += 1
            continue
        t = &c.observe.touch[c.observe.touches]
        c.observe.touches += 1
        t.look = k
        t.write = store
        t.addr = max(first, k.first)
        t.size = <uint32_t>(min(first + size - 1, k.last) - t.addr + 1)
        t.old = memory_bytes(c, t.addr, t.size)
        t.cs, t.ip = c.arch.sb[CS] >> 4, o.ip
        t.time = now_ns(c, o)
        c.observe.touched_at = retired_at(c, o)
        if store:
            c.run.attn |= ATTN_WATCH


cdef bint known_touch(CPU* c, Look* k, uint64_t addr) noexcept nogil:
    """Has the instruction accessed these bytes already, in a try before this one?"""
    cdef int i
    for i in range(c.observe.touches):
        if c.observe.touch[i].look == k and c.observe.touch[i].addr == addr:
            return 1
    return 0


cdef uint64_t memory_bytes(CPU* c, uint64_t addr, uint32_t size) noexcept nogil:
    """Up to 8 bytes of guest-physical memory; FFh where there is none."""
    cdef uint64_t v = 0
    cdef uint32_t i
    cdef uintptr_t host
    for i in range(size):
        host = c.vm.mem.ram[(addr + i) >> 8] if (addr + i) >> 8 < GRANULES else 0
        v |= <uint64_t>((<uint8_t*>(host + addr + i))[0] if host else 0xFF) << 8 * i
    return v


cdef void look_at_bytes(CPU* c, uint64_t first, uint32_t size, bint store) noexcept nogil:
    cdef uint64_t last = first + size - 1
    cdef int low = 0, high = c.debug.watches, middle
    cdef Watch* w
    while low < high:                            # how many watchpoints begin up to `last`
        middle = (low + high) >> 1
        if c.debug.watch[middle].first <= last:
            low = middle + 1
        else:
            high = middle
    while low and c.debug.watch[low - 1].reach >= first:
        low -= 1
        w = &c.debug.watch[low]
        if w.last >= first and (store or w.loads) and (c.debug.hit == 0 or w.place < c.debug.hit):
            c.debug.hit = w.place
            c.debug.hit_addr = max(first, w.first)


cdef inline void watch_stop(CPU* c) noexcept nogil:
    """If the instruction that hit a watchpoint is complete: Exit(DEBUG) comes after the exits of the instruction."""
    if RARELY(c.debug.hit != 0) and c.debug.hit_at != c.run.retired:
        if not c.debug.due:                      # no single step of the host
            c.debug.dr6 = DR6_FIXED
        c.debug.dr6 |= 1U << (c.debug.breaks + c.debug.hit - 1 & 3)
        c.debug.stop = c.debug.hit
        c.debug.stop_addr = c.debug.hit_addr
        c.debug.hit = 0
        c.debug.due = 1


cdef void forget_step(CPU* c) noexcept nogil:
    """step() is over: what it has not returned yet is no longer due, unless debug() asked for it."""
    c.debug.singlestep &= ~<uint32_t>STEP_ONCE
    if not c.debug.singlestep:
        c.debug.dr6 &= ~<uint32_t>DR6_BS
        c.debug.due = c.debug.due and c.debug.dr6 & 15


cdef bint code_breakpoint(CPU* c) noexcept nogil:
    """Is there a breakpoint on the next instruction? It faults before the instruction, unless RF is set or the last
    instruction was a load of SS."""
    if c.arch.rest & F_RF or c.events.trap_shadow == c.run.retired or c.events.carry or not breakpoints_on(c):
        return 0
    c.events.trap_due = breakpoints_hit(c, c.arch.sb[CS] + c.arch.ip, 1, 0b0001)
    return c.events.trap_due != 0
