# The history of a vCPU lives here: a ring of the blocks that it entered, from which face/history_api.pxi makes the list
# of its last instructions.
#
#   ring    16,384 numbers. Each is a block that was entered (its record), an instruction that was executed by itself
#           (its place in `step`), the outcome of a predicate (c.run.skip), or a mark: how many instructions are retired
#   record  what a block was decoded from: CS:IP, and the length and bytes of each instruction. It is made with the
#           block, so it still has the bytes that were executed after the guest has rewritten them
#
# Between two marks all blocks were executed as a whole, but for the last one. Its instructions were executed up to the
# second mark. So there is a mark wherever the vCPU leaves a block early: the run loop makes one before and after each
# slice, and so does a store that changes the running block. A REP ends its block, with a mark after it, because each
# iteration counts as an instruction.
#
# Records lie in two arenas. When one is full, all blocks are dropped, and new records go to the other one. What it had
# before is no longer needed: the ring has gone on by more than 4096 instructions.

cdef inline void history_put(CPU* c, uint32_t number) noexcept nogil:
    (<uint32_t*>(c.observe.ring + c.observe.ring_at))[0] = number
    c.observe.ring_at += 4


cdef Op* probe_history(CPU* c, Op* o) noexcept nogil:
    """The first op of a block. o.imm: its record."""
    o = o + 1
    history_put(c, (o - 1).imm)
    return GO(c, o)


cdef void history_mark(CPU* c, uint64_t retired) noexcept nogil:
    """So many instructions are retired."""
    cdef uint32_t mark = IN_MARK | <uint32_t>(retired & IN_COUNT)
    cdef uint16_t before = c.observe.ring_at - 4
    if (<uint32_t*>(c.observe.ring + before))[0] != mark:
        history_put(c, mark)


cdef Op* probe_mark(CPU* c, Op* o) noexcept nogil:
    """After a REP, which ends its block."""
    history_mark(c, retired_at(c, o))
    o = o + 1
    return GO(c, o)


cdef Op* probe_skip(CPU* c, Op* o) noexcept nogil:
    """After a predicate: are the instructions that depend on it skipped?"""
    history_put(c, c.run.skip)
    o = o + 1
    return GO(c, o)


cdef inline bint is_outcome(uint32_t number) noexcept nogil:
    """Is this number of the ring that of a predicate?"""
    return number + 1 < 2


cdef void history_block(CPU* c, Block* b, Op* first, int used) noexcept nogil:
    """Record what this new block was decoded from. Without room it is NO_RECORD."""
    cdef History* h = c.observe.history
    cdef uint32_t bytes_ = b.hi - b.lo, pa
    cdef uint32_t most = (sizeof(Record) + BLOCK_OPS + 6 + bytes_ + 7) & ~7U
    cdef uint8_t* to
    cdef int i, k, last = -1, size, at = 0
    cdef Record* r
    first.imm = NO_RECORD
    if h.used + most > HISTORY_ARENA:
        return
    r = <Record*>(h.arena[h.now] + h.used)
    r.cs = b.key >> 16
    r.ip = <uint16_t>(b.key & 0xFFFF)
    r.n = 0
    to = <uint8_t*>r + sizeof(Record)
    for i in range(used):
        if first[i].fn == probe_skip:
            to[r.n - 1] |= <uint8_t>(first[i - 1].src << SKIPS)
        if first[i].ip != last and first[i].fip != first[i].ip:
            last = first[i].ip
            size = <uint16_t>(first[i].fip - first[i].ip)
            to[r.n] = <uint8_t>size
            for k in range(4):
                if b.fluid[k] and at <= (b.fluid[k] & 0xFFF) < at + size:
                    to[r.n] |= IS_FLUID
            at += size
            r.n += 1
    to += r.n
    for pa in range(b.lo, b.hi):
        to[0] = (<uint8_t*>(c.run.ram[pa >> 8] + pa))[0]
        to += 1
    first.imm = h.used >> 3 | (IN_ARENA if h.now else 0)
    h.used += <uint32_t>(to - <uint8_t*>r + 7) & ~7U
    if h.used > HISTORY_ARENA // 4 * 3 and not h.full:
        h.full = 1
        want(c, REQ_DROP)


cdef void history_dropped(CPU* c) noexcept nogil:
    """All blocks were dropped. If the arena is nearly full, use the other one from now on."""
    cdef History* h = c.observe.history
    cdef uint32_t mine
    cdef int i
    if h == NULL or not h.full:
        return
    h.full = 0
    h.now ^= 1
    h.used = FIRST_RECORD
    mine = IN_ARENA if h.now else 0
    for i in range(HISTORY):
        if not (is_outcome(h.ring[i]) or h.ring[i] & (IN_MARK | IN_STEP)) and (h.ring[i] & IN_ARENA) == mine:
            h.ring[i] = NO_RECORD


cdef void history_step(CPU* c, uintptr_t* ram, uint32_t ip, uint32_t end) noexcept nogil:
    """An instruction is executed by itself. `ram`: where its bytes are."""
    cdef History* h = c.observe.history
    cdef Step* s = &h.step[h.stepped % HISTORY_STEPS]
    cdef uint32_t pa, i
    history_mark(c, c.run.retired)
    s.cs = c.arch.sb[CS] >> 4
    s.ip = <uint16_t>ip
    s.length = <uint8_t>min(end - ip, <uint32_t>STEP_CODE)
    for i in range(s.length):
        pa = c.arch.sb[CS] + (ip + i & 0xFFFF)
        s.code[i] = (<uint8_t*>(ram[pa >> 8] + pa))[0] if ram[pa >> 8] else 0
    history_put(c, IN_STEP | h.stepped % HISTORY_STEPS)
    h.stepped += 1
