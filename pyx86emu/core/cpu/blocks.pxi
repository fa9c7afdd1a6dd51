# Basic blocks: build, find, chain, invalidate. Knows ops as storage, not what they compute.

cdef inline Block* header(Op* first) noexcept nogil:
    return <Block*>(first - 1)


cdef inline Op** slot_of(CPU* c, uint32_t key) noexcept nogil:
    return &c.blocks.hash[(key ^ key >> 13) & (HASH - 1)]


cdef inline Op* jump(CPU* c) noexcept nogil:
    """Go on at CS:IP by way of the hash: behind a change of CS, or of the running block."""
    cdef uint32_t key = c.arch.sb[CS] << 12 | c.arch.ip
    cdef Op* nx = slot_of(c, key)[0]
    if RARELY(nx == NULL or header(nx).key != key or c.arch.ip > 0xFFFF):
        return jump_slow(c)
    return enter(c, nx)


cdef Op* jump_slow(CPU* c) noexcept nogil:
    return look_up(c, NULL)


cdef inline Op* look_up(CPU* c, Op** kept) noexcept nogil:
    """Find the block at CS:IP and go on there; it is kept in t0 or t1 of an op, or NULL."""
    cdef uint32_t was = c.blocks.generation
    cdef Op* nx = find(c)
    if nx == NULL:
        return NULL
    if kept != NULL and was == c.blocks.generation:     # else the op is gone with the pool
        kept[0] = nx
    return enter(c, nx)


cdef Op* link(CPU* c, Op* o, int taken) noexcept nogil:
    """The end of a block whose successor is not chained yet."""
    c.arch.ip = o.tip if taken else o.fip
    return look_up(c, &o.t1 if taken else &o.t0)


cdef inline Op* follow(CPU* c, Op* o) noexcept nogil:
    """Leave the block at its end."""
    cdef Op* nx = o.t0
    if nx == NULL:
        return link(c, o, 0)
    return enter(c, nx)


cdef inline Op* take(CPU* c, Op* o) noexcept nogil:
    """Leave the block by its branch."""
    cdef Op* nx = o.t1
    if nx == NULL:
        return link(c, o, 1)
    return enter(c, nx)


# An indirect or far jump most often goes where it went the last time, and that can be tested while the address is still
# being loaded: t1 is that block.

cdef inline Op* take_again(CPU* c, Op* o, uint32_t ip) noexcept nogil:
    """Go on at CS:ip."""
    cdef Op* nx = o.t1
    if RARELY(nx == NULL or header(nx).key != (c.arch.sb[CS] << 12 | ip)):
        return take_anew(c, o, ip)
    return enter(c, nx)


cdef Op* take_anew(CPU* c, Op* o, uint32_t ip) noexcept nogil:
    c.arch.ip = ip
    return look_up(c, &o.t1)


# Prediction of returns: a CALL is remembered, and its t0 is the block behind it once a RET has come there. A RET that
# goes elsewhere finds its way by the hash. Ops stay where they are until drop_blocks(); one that was decoded anew
# may be no CALL any more, but its t0 is a block or NULL all the same, and the key tells whether it is the right one. If
# it is a Jcc now its t0 is followed without a look: so it is only set to the block behind it in the same segment.
# NO_CALL stands where there was none yet.

cdef Op NO_CALL
memset(&NO_CALL, 0, sizeof(Op))


cdef inline void called(CPU* c, Op* o) noexcept nogil:
    c.blocks.calls[c.blocks.depth] = o
    c.blocks.depth = (c.blocks.depth + 1) % CALLS


cdef inline Op* return_to(CPU* c, uint32_t ip) noexcept nogil:
    """Go on at CS:ip, both popped."""
    cdef uint32_t depth = (c.blocks.depth - 1) % CALLS
    cdef Op* call = c.blocks.calls[depth]
    cdef Op* nx = call.t0
    c.blocks.depth = depth
    if RARELY(nx == NULL or header(nx).key != (c.arch.sb[CS] << 12 | ip)):
        return return_slow(c, call, ip)
    return enter(c, nx)


cdef Op* return_slow(CPU* c, Op* call, uint32_t ip) noexcept nogil:
    c.arch.ip = ip
    if call == &NO_CALL or call.fip != ip or header(first_of(call)).key >> 16 != c.arch.sb[CS] >> 4:
        return look_up(c, NULL)
    return look_up(c, &call.t0)


cdef void forget_calls(CPU* c) noexcept nogil:
    cdef int i
    for i in range(CALLS):
        c.blocks.calls[i] = &NO_CALL


cdef Op* end_block(CPU* c, Op* o) noexcept nogil:
    """Not an instruction: the block is full, go on behind it. `n` counts all instructions before."""
    cdef Op* nx = o.t0
    if nx != NULL:
        return enter(c, nx)
    return link(c, o, 0)


cdef Op* find(CPU* c) noexcept nogil:
    """The first op of the block at CS:IP, built if need be; NULL: the block cannot be cached (or is no code),
    the run loop goes step by step."""
    cdef uint32_t key, pa
    cdef Op* first
    cdef Block* b
    cdef int g
    if c.arch.ip > 0xFFFF:
        return NULL
    key = c.arch.sb[CS] << 12 | c.arch.ip
    first = slot_of(c, key)[0]
    if first != NULL and header(first).key == key:
        return first
    pa = c.arch.sb[CS] + c.arch.ip
    if c.run.ram[pa >> 8] == 0:
        return NULL
    g = c.vm.mem.canon[pa >> 8]
    b = c.blocks.list[g]
    while b != NULL:
        if b.key == key:
            first = <Op*>b + 1
            slot_of(c, key)[0] = first
            return first
        b = b.next[0] if b.gran[0] == g else b.next[1]
    return build(c, key)


cdef Op* build(CPU* c, uint32_t key) noexcept nogil:
    cdef Op* room
    cdef Op* first
    cdef Block* b
    cdef int used
    if c.blocks.pools == 0 or c.blocks.pool_used + BLOCK_OPS + 6 > CHUNK:
        if c.blocks.pools == MAX_CHUNKS:
            drop_blocks(c)
        else:
            room = <Op*>malloc(CHUNK * sizeof(Op))
            if room == NULL:
                if c.blocks.pools == 0:
                    return NULL
                drop_blocks(c)
            else:
                c.blocks.pool[c.blocks.pools] = room
                c.blocks.pools += 1
        c.blocks.pool_used = 0
    room = c.blocks.pool[c.blocks.pools - 1] + c.blocks.pool_used
    b = <Block*>room
    first = room + 1
    b.key = key
    b.cap = BLOCK_OPS + 4
    used = decode_block(c, b, first)
    if used == 0:
        return NULL
    b.cap = used if used > 7 else 7              # room to decode another instruction here later
    c.blocks.pool_used += 1 + b.cap
    slot_of(c, key)[0] = first
    return first


cdef int decode_block(CPU* c, Block* b, Op* first) noexcept nogil:
    """Decode at the block's key into `first`, mark the code and list the block; 0: not possible here.
    The marks come before the bytes are read, so that no store between is lost."""
    cdef uint32_t ip = b.key & 0xFFFF, base = b.key >> 16 << 4, pa = base + ip
    cdef uint32_t g = pa >> 8, hi
    cdef int used, i
    cdef Dec d
    claim(c, g)
    while True:
        used = decode_ops(c, &d, first, b.cap, base, ip, &hi)
        if used == 0:
            unclaim(c, g)
            return 0
        b.lo = pa
        b.hi = base + hi
        if (b.hi - 1) >> 8 != g and claim(c, g + 1):
            continue                             # read again what may have changed before
        b.stale = 0
        mark(c, b.lo, b.hi, 1)
        memset(b.fluid, 0, sizeof(b.fluid))
        for i in range(d.fluid):
            mark(c, d.fluid_at[i], d.fluid_at[i] + d.fluid_size[i], 0)
            b.fluid[i] = <uint16_t>(d.fluid_size[i] << 12 | (d.fluid_at[i] - b.lo))
        if c.vm.ncpus == 1:
            break
        at_fence()                               # another vCPU stores first and looks at the marks then
        if same_bytes(c, first, b.cap, base, ip):
            break
    enlist(c, b, 0, c.vm.mem.canon[g])
    if (b.hi - 1) >> 8 != g:
        enlist(c, b, 1, c.vm.mem.canon[g + 1])
    else:
        b.gran[1] = -1
        b.next[1] = NULL
    return used


cdef bint same_bytes(CPU* c, Op* first, int cap, uint32_t base, uint32_t ip) noexcept nogil:
    """Does decoding once more give the same ops?"""
    cdef Op again[BLOCK_OPS + 6]
    cdef uint32_t hi
    cdef Dec d
    cdef int i, used = decode_ops(c, &d, again, cap, base, ip, &hi)
    for i in range(used):
        if (again[i].fn != first[i].fn or again[i].imm != first[i].imm or again[i].disp != first[i].disp
                or again[i].dst != first[i].dst or again[i].src != first[i].src or again[i].base != first[i].base
                or again[i].index != first[i].index or again[i].tip != first[i].tip or again[i].seg != first[i].seg
                or again[i].fip != first[i].fip):
            return 0
    return 1


cdef bint claim(CPU* c, uint32_t g) noexcept nogil:
    """Stores to the granule must come to the slow path from now on. 0: they did before."""
    cdef Mem* mem = c.vm.mem
    cdef uint64_t mine = 1ULL << c.no, was
    if mem.code[mem.canon[g]] & mine:
        return 0
    lock_from_core(c)
    was = mem.code[mem.canon[g]]
    at_or64(&mem.code[mem.canon[g]], mine)
    if was == 0 and mem.rd[g]:
        reopen(c.vm, g)
        if c.vm.ncpus > 1:
            wait_for_others(c.vm, c)             # one may still hold the old pointer
    pthread_mutex_unlock(&c.vm.writers)
    return 1


cdef void unclaim(CPU* c, uint32_t g) noexcept nogil:
    """Back to plain stores if no block of ours is left in the granule."""
    cdef Mem* mem = c.vm.mem
    cdef int n = mem.canon[g]
    cdef uint64_t mine = 1ULL << c.no
    if c.blocks.list[n] != NULL or not mem.code[n] & mine:
        return
    memset(c.blocks.codemap + n * 32, 0, 32)
    lock_from_core(c)
    at_and64(&mem.code[n], ~mine)
    if mem.code[n] == 0 and mem.rd[g]:
        reopen(c.vm, g)
    pthread_mutex_unlock(&c.vm.writers)


cdef inline uint32_t canonical_address(CPU* c, uint32_t pa) noexcept nogil:
    return <uint32_t>c.vm.mem.canon[pa >> 8] << 8 | (pa & 255)


cdef void mark(CPU* c, uint32_t lo, uint32_t hi, bint code) noexcept nogil:
    """The bytes [lo, hi) are code, or no longer."""
    cdef uint32_t a, n
    cdef uint64_t bits
    cdef uint64_t* word
    while lo < hi:                               # 64 bytes have their bits in one word
        n = 64 - (lo & 63)
        if n > hi - lo:
            n = hi - lo
        a = canonical_address(c, lo)
        bits = (~<uint64_t>0 >> (64 - n)) << (a & 63)
        word = <uint64_t*>c.blocks.codemap + (a >> 6)
        word[0] = word[0] | bits if code else word[0] & ~bits
        lo += n


cdef inline uint32_t hot_slot(uint32_t a) noexcept nogil:
    return (a ^ a >> 6) & 63


cdef inline bint hot(CPU* c, uint32_t a) noexcept nogil:
    """Was code at this canonical address rewritten again and again?"""
    return c.blocks.hot_at[hot_slot(a)] == a and c.blocks.hot_hits[hot_slot(a)] >= 3


cdef bint fluid(CPU* c, uint32_t pa, uint32_t size) noexcept nogil:
    """Are these bytes, an immediate, rewritten so often that reading them at each use is cheaper than decoding
    anew? Not if a block has them as something else too, or they cross a granule."""
    cdef uint32_t a = canonical_address(c, pa), n = a >> 8
    cdef Block* b = c.blocks.list[n]
    if not hot(c, a) or (pa & 255) + size > 256:
        return 0
    while b != NULL:
        if overlaps(c, b, n, a & 255, (a & 255) + size) and not has_fluid(b, pa, size):
            return 0
        b = b.next[0] if b.gran[0] == n else b.next[1]
    return 1


cdef bint has_fluid(Block* b, uint32_t pa, uint32_t size) noexcept nogil:
    """Is the very same immediate one that this block reads when it is used?"""
    cdef int i
    for i in range(4):
        if b.fluid[i] == (size << 12 | (pa - b.lo)):
            return 1
    return 0


cdef void count_rewrite(CPU* c, uint32_t a) noexcept nogil:
    cdef uint32_t at = hot_slot(a)
    if c.blocks.hot_at[at] != a:
        c.blocks.hot_at[at] = a
        c.blocks.hot_hits[at] = 0
    c.blocks.hot_hits[at] += 1
    if c.blocks.hot_hits[at] == 3:
        c.blocks.hot = 1


cdef void enlist(CPU* c, Block* b, int i, int g) noexcept nogil:
    if i == 1 and b.gran[0] == g:                # two aliases of one granule side by side
        b.gran[1] = -1
        b.next[1] = NULL
        return
    b.gran[i] = <int16_t>g
    b.next[i] = c.blocks.list[g]
    c.blocks.list[g] = b


cdef void delist(CPU* c, Block* b, int g) noexcept nogil:
    cdef Block** at = &c.blocks.list[g]
    while at[0] != NULL:
        if at[0] == b:
            at[0] = b.next[0] if b.gran[0] == g else b.next[1]
            return
        at = &at[0].next[0] if at[0].gran[0] == g else &at[0].next[1]


cdef Op* stale_block(CPU* c, Op* o) noexcept nogil:
    """First op of a block whose bytes have changed: decode into the same storage, charge anew."""
    cdef Block* b = header(o)
    c.run.left += o.n
    if decode_block(c, b, o) == 0:
        o.fn = stale_block                       # chains still lead here: try again then
        c.arch.ip = b.key & 0xFFFF
        slot_of(c, b.key)[0] = NULL
        return NULL
    slot_of(c, b.key)[0] = o
    return enter(c, o)


cdef void invalidate(CPU* c, Block* b) noexcept nogil:
    """Out of both lists; chains and hash keep pointing at its first op, which decodes anew."""
    cdef Op* first = <Op*>b + 1
    first.fn = stale_block
    b.stale = 1
    if b.gran[0] >= 0:
        delist(c, b, b.gran[0])
    if b.gran[1] >= 0:
        delist(c, b, b.gran[1])


cdef void code_written(CPU* c, Op* o, uint32_t g, uint32_t lo, uint32_t hi) noexcept nogil:
    """Bytes [lo, hi) of granule g changed and somebody has code in it."""
    cdef Mem* mem = c.vm.mem
    cdef int n = mem.canon[g], i
    cdef uint64_t who
    if c.vm.ncpus > 1:
        at_fence()                               # the store is visible before the marks are looked at
    who = at_get64(&mem.code[n])
    if who >> c.no & 1:
        if c.blocks.list[n] == NULL:
            unclaim(c, g)                        # code no longer: left claimed in case it was to be decoded anew
        elif touches(c, n, lo, hi):
            drop_overlap(c, o, g, lo, hi)
    if who & ~(1ULL << c.no):
        for i in range(c.vm.ncpus):
            if i != c.no and who >> i & 1 and touches(c.vm.cpu[i], n, lo, hi):
                at_or64(&c.vm.cpu[i].blocks.dirty_code[n >> 6], 1ULL << (n & 63))
                want(c.vm.cpu[i], REQ_CODE)


cdef bint touches(CPU* c, int n, uint32_t lo, uint32_t hi) noexcept nogil:
    cdef uint32_t i
    cdef uint8_t* marks = c.blocks.codemap + n * 32
    for i in range(lo, hi):
        if marks[i >> 3] >> (i & 7) & 1:
            return 1
    return 0


cdef void drop_overlap(CPU* c, Op* o, uint32_t g, uint32_t lo, uint32_t hi) noexcept nogil:
    """Our own blocks that hold a byte of [lo, hi) in granule g."""
    cdef int n = c.vm.mem.canon[g]
    cdef Block* b = c.blocks.list[n]
    cdef Block* nx
    cdef Block* running = NULL
    count_rewrite(c, <uint32_t>n << 8 | lo)
    if o != NULL and not c.run.stepping:
        running = header(first_of(o))
    while b != NULL:
        nx = b.next[0] if b.gran[0] == n else b.next[1]
        if overlaps(c, b, n, lo, hi):
            invalidate(c, b)
            if b == running:
                c.run.attn |= ATTN_SMC
        b = nx


cdef bint overlaps(CPU* c, Block* b, int n, uint32_t lo, uint32_t hi) noexcept nogil:
    cdef uint32_t g = b.lo >> 8
    cdef uint32_t from_, to
    while g <= (b.hi - 1) >> 8:
        if c.vm.mem.canon[g] == n:
            from_ = b.lo & 255 if g == b.lo >> 8 else 0
            to = ((b.hi - 1) & 255) + 1 if g == (b.hi - 1) >> 8 else 256
            if from_ < hi and lo < to:
                return 1
        g += 1
    return 0


cdef void drop_noted(CPU* c) noexcept nogil:
    """Blocks in granules that other vCPUs or the host wrote to."""
    cdef int w, bit, n
    cdef uint64_t bits, zero = 0
    for w in range(GRANULES // 64):
        bits = at_and64(&c.blocks.dirty_code[w], zero)
        for bit in range(64):
            if bits >> bit & 1:
                n = w * 64 + bit
                while c.blocks.list[n] != NULL:
                    invalidate(c, c.blocks.list[n])
                unclaim(c, n)


cdef void drop_blocks(CPU* c) noexcept nogil:
    """Forget every block; the marks of this vCPU go with them. Only between blocks."""
    cdef Mem* mem = c.vm.mem
    cdef int g
    cdef uint64_t mine = 1ULL << c.no
    lock_from_core(c)
    for g in range(GRANULES):
        if c.blocks.list[g] != NULL or mem.code[g] & mine:
            memset(c.blocks.codemap + g * 32, 0, 32)
        c.blocks.list[g] = NULL
        if mem.code[g] & mine:
            at_and64(&mem.code[g], ~mine)
            if mem.code[g] == 0 and mem.rd[g]:
                reopen(c.vm, g)
    pthread_mutex_unlock(&c.vm.writers)
    memset(c.blocks.hash, 0, HASH * sizeof(Op*))
    forget_calls(c)
    for g in range(1, c.blocks.pools):
        free(c.blocks.pool[g])
    c.blocks.pools = 1 if c.blocks.pools else 0
    c.blocks.pool_used = 0
    c.blocks.generation += 1
