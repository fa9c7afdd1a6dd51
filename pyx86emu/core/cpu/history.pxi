# The history of a vCPU lives here: what a slice needs so that face/history_api.pxi can follow it block by block.
#
# Nothing is stored for a block, and nothing for a jump whose target the code names: a list of the last instructions is
# made by following the code from where a slice began. What the code does not say is stored by position. A position
# counts the instructions that blocks were charged for; c.run.left gives it without a counter of its own. Each
# instruction has a cell:
#
#   flag    of the last instruction of a block, a Jcc or LOOP: it did not go where it mostly goes. Only that direction
#           has an op that stores the flag (probe_flag), which the block's link leads to. Of a predicate: it skips
#   place   of a RET, IRET, INT and indirect jump: CS:IP after it
#   record  what a block was decoded from: CS:IP, and the length and bytes of each instruction. It is made with the
#           block, so it still has the bytes that were executed after the guest has rewritten them
#   mark    where a slice began, and how many instructions were retired then and at its end. What is executed by itself
#           has a mark, too. After a REP, and after a store that changes the running block, a new mark begins
#
# Cells are used from the highest one down, as c.run.left falls. After the lowest one comes a new lap with another tag,
# so that flags of the lap before do not count. Iterations of a REP use no cells.
#
# Records lie in two arenas. When one is full, all blocks are dropped, and new records go to the other one. What it had
# before is no longer needed: more than 4096 instructions were executed since.

cdef inline void history_flag(CPU* c) noexcept nogil:
    """The block does not go on where it mostly does."""
    (<uint8_t*>(c.observe.flags + <uintptr_t>c.run.left))[0] = c.observe.tag_of_flags


cdef inline void history_place(CPU* c, uint32_t ip) noexcept nogil:
    """The block goes on at CS:ip."""
    (<uint32_t*>(c.observe.places + 4 * <uintptr_t>c.run.left))[0] = c.arch.sb[CS] << 12 | ip


cdef inline void history_skip(CPU* c, uint32_t cell, uint32_t skip) noexcept nogil:
    """A predicate: `skip` is all ones or 0. `cell`: instructions of the block after it."""
    (<uint8_t*>(c.observe.flags + <uintptr_t>(c.run.left + cell)))[0] = c.observe.tag_of_flags & <uint8_t>skip


cdef Op* probe_flag(CPU* c, Op* o) noexcept nogil:
    """On the way from a Jcc to the block t1."""
    history_flag(c)
    return enter(c, o.t1)


cdef Op* probe_skip(CPU* c, Op* o) noexcept nogil:
    """After a predicate: are the instructions that depend on it skipped?"""
    history_skip(c, o.imm, c.run.skip)
    o = o + 1
    return GO(c, o)


cdef Op* probe_rep(CPU* c, Op* o) noexcept nogil:
    """A REP, whose handler is in t0."""
    c.observe.history.rep_left = c.run.left
    c.observe.history.repeats = 1
    return (<Fn>o.t0)(c, o)


cdef Op* probe_mark(CPU* c, Op* o) noexcept nogil:
    """After a REP, which ends its block."""
    history_go_on(c, o.fip)
    o = o + 1
    return GO(c, o)


cdef void history_turn(CPU* c) noexcept nogil:
    """The block was left after an instruction, and the slice goes on at CS:IP."""
    history_go_on(c, c.arch.ip)


cdef void history_go_on(CPU* c, uint32_t ip) noexcept nogil:
    cdef uint64_t now = c.run.slice_end - <uint64_t>c.run.left
    if c.observe.history.open_:
        settle_cells(c)
        history_close(c, now)
        history_mark(c, now, c.arch.sb[CS] << 12 | ip, NO_STEP)


cdef inline void put_cells(CPU* c, int64_t cell) noexcept nogil:
    """The cell at which c.run.left would be 0."""
    c.observe.flags = <uintptr_t>c.observe.history.flag + <uintptr_t>cell
    c.observe.places = <uintptr_t>c.observe.history.place + 4 * <uintptr_t>cell


cdef inline int64_t cell_now(CPU* c) noexcept nogil:
    """The lowest cell that is used. In a slice it is that of the last instruction of the running block."""
    cdef History* h = c.observe.history
    if h.open_:
        return <int64_t>(c.observe.flags - <uintptr_t>h.flag) + c.run.left
    return h.top


cdef inline uint64_t position(CPU* c) noexcept nogil:
    return c.observe.history.lap + <uint64_t>(CELLS - cell_now(c))


cdef void settle_cells(CPU* c) noexcept nogil:
    """Iterations of a REP use no cells."""
    cdef History* h = c.observe.history
    if h.repeats:
        put_cells(c, cell_now(c) - c.run.left + h.rep_left - c.run.left)
        h.repeats = 0


cdef void history_begin(CPU* c, int64_t span) noexcept nogil:
    """A slice of at most so many instructions begins at CS:IP."""
    cdef History* h = c.observe.history
    if <int64_t>h.top <= span + 1:
        clear_flags(h, h.top)
        h.lap += CELLS
        h.top = CELLS
        h.tag = 1 if h.tag == 255 else h.tag + 1
        c.observe.tag_of_flags = h.tag
    clear_flags(h, span)
    history_mark(c, c.run.retired, c.arch.sb[CS] << 12 | c.arch.ip, NO_STEP)
    put_cells(c, <int64_t>h.top - span)
    h.open_ = 1


cdef inline void clear_flags(History* h, int64_t cells) noexcept nogil:
    """Before these cells are used: in two of 255 laps forget old flags, so that none has the tag of a new lap."""
    if h.tag & 127 == 1:
        memset(h.flag + h.top - cells, 0, <size_t>cells)


cdef void history_end(CPU* c) noexcept nogil:
    """The slice has ended; c.run.retired is right."""
    cdef History* h = c.observe.history
    if not h.open_:                              # it was switched on in the slice
        return
    settle_cells(c)
    h.top = <uint32_t>cell_now(c)
    h.open_ = 0
    history_close(c, c.run.retired)


cdef inline void history_close(CPU* c, uint64_t retired) noexcept nogil:
    """The last mark ends here."""
    cdef History* h = c.observe.history
    if h.marks != h.oldest:
        h.mark[(h.marks - 1) % MARKS].end = retired


cdef void history_mark(CPU* c, uint64_t retired, uint32_t key, uint32_t step) noexcept nogil:
    """A new mark, in the place of the last one if nothing was executed in it."""
    cdef History* h = c.observe.history
    cdef Mark* m = &h.mark[(h.marks - 1) % MARKS]
    if h.marks == h.oldest or m.start != m.end:
        m = &h.mark[h.marks % MARKS]
        h.marks += 1
    m.start = retired
    m.end = retired
    m.at = position(c)
    m.key = key
    m.step = step


cdef inline uint32_t place_of_key(uint32_t key) noexcept nogil:
    return (key * 0x9E3779B1U) >> 18 & (HISTORY_KEYS - 1)


cdef void history_block(CPU* c, Block* b, Op* first, int used, Decoded* d) noexcept nogil:
    """Record what this new block was decoded from."""
    cdef History* h = c.observe.history
    cdef uint32_t most = (sizeof(Record) + BLOCK_OPS + 6 + b.hi - b.lo + 7) & ~7U
    cdef uint32_t pa, at = 0
    cdef uint32_t* head = &h.head[h.now][place_of_key(b.key)]
    cdef uint8_t* to
    cdef int i, k, last = -1, size
    cdef Record* r
    if h.used + most > HISTORY_ARENA:            # which cannot be: one slice does not decode so much
        h.lost = position(c) + 1
        return
    r = <Record*>(h.arena[h.now] + h.used)
    r.made = position(c)
    r.key = b.key
    r.target = d.target
    r.way = <uint8_t>d.way
    r.jumps = d.jumps
    r.n = 0
    to = <uint8_t*>r + sizeof(Record)
    for i in range(used):
        if first[i].ip != last and first[i].fip != first[i].ip:
            last = first[i].ip
            size = <uint16_t>(first[i].fip - first[i].ip)
            to[r.n] = <uint8_t>size
            for k in range(4):
                if b.fluid[k] and at <= (b.fluid[k] & 0xFFFU) < at + <uint32_t>size:
                    to[r.n] |= IS_FLUID
            at += <uint32_t>size
            r.n += 1
        if first[i].seg == PREDICATE_SEEN:
            to[r.n - 1] |= <uint8_t>(first[i].src << SKIPS)
    to += r.n
    for pa in range(b.lo, b.hi):
        to[0] = (<uint8_t*>(c.run.ram[pa >> 8] + pa))[0]
        to += 1
    r.next = head[0]
    head[0] = h.used >> 3
    h.used += <uint32_t>(to - <uint8_t*>r + 7) & ~7U
    if h.used > HISTORY_ARENA // 4 * 3 and not h.full:
        h.full = 1
        want(c, REQ_DROP)


cdef void history_dropped(CPU* c) noexcept nogil:
    """All blocks were dropped. If the arena is nearly full, use the other one from now on."""
    cdef History* h = c.observe.history
    if h == NULL or not h.full:
        return
    h.full = 0
    h.now ^= 1
    h.used = FIRST_RECORD
    memset(h.head[h.now], 0, sizeof(h.head[0]))


cdef void history_step(CPU* c, uintptr_t* ram, uint32_t ip, uint32_t end) noexcept nogil:
    """An instruction is executed by itself. `ram`: where its bytes are."""
    cdef History* h = c.observe.history
    cdef Step* s = &h.step[h.stepped % HISTORY_STEPS]
    cdef uint32_t pa, i
    s.cs = c.arch.sb[CS] >> 4
    s.ip = <uint16_t>ip
    s.length = <uint8_t>min(end - ip, <uint32_t>STEP_CODE)
    for i in range(s.length):
        pa = c.arch.sb[CS] + (ip + i & 0xFFFF)
        s.code[i] = (<uint8_t*>(ram[pa >> 8] + pa))[0] if ram[pa >> 8] else 0
    history_mark(c, c.run.retired, 0, h.stepped % HISTORY_STEPS)
    h.stepped += 1
