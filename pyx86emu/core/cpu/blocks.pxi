# Blocks live here: they are built, found, linked and invalidated. The file does not know what an op computes.
#
# A block is a run of ops with a header in the op slot before them. Its key is CS << 16 | IP, as ops contain values of
# IP. Each vCPU has its own blocks:
#
#   c.blocks.hash  a table of the blocks used last, found by key
#   c.blocks.list  by granule, a list of all blocks with bytes in it. find() searches it if another block has the hash
#                  place, and a store searches it for the blocks that it changes
#   t0, t1         links in the last op of a block to the blocks that follow it
#
# A block whose bytes were overwritten is stale. It is taken off its lists, but links and hash still lead to it. Its
# first op is then stale_block(), which decodes it again in the same place. So a block need not know the links to it.

cdef enum:
    FLAGGED = 2                  # slots after a block, while there is a history

cdef inline Block* header(Op* first) noexcept nogil:
    return <Block*>(first - 1)


cdef inline Block* next_in(Block* b, int g) noexcept nogil:
    """The block after b in the list of granule g."""
    return b.next[0] if b.gran[0] == <int16_t>g else b.next[1]


cdef inline Op** slot_of(CPU* c, uint64_t key) noexcept nogil:
    return &c.blocks.hash[(key * 0x9E3779B97F4A7C15ULL >> 40) & c.blocks.hash_mask]


cdef inline Op* jump(CPU* c) noexcept nogil:
    """Go on at CS:IP and find the block by the hash: after a change of CS or of the running block."""
    cdef uint32_t key = c.arch.sb[CS] << 12 | c.arch.ip
    cdef Op* nx = slot_of(c, key)[0]
    if RARELY(nx == NULL or header(nx).key != key or c.arch.ip > 0xFFFF):
        return jump_slow(c)
    return enter(c, nx)


cdef Op* jump_slow(CPU* c) noexcept nogil:
    return look_up(c, NULL, NULL)


cdef inline Op* look_up(CPU* c, Op* from_, Op** kept) noexcept nogil:
    """Find the block at CS:IP and go on there, after the op `from_`; NULL: it is not known. If `kept` is not NULL, it
    is t0 or t1 of an op, and is set to the block."""
    cdef uint32_t was = c.blocks.generation
    cdef Op* nx
    c.why.op = from_
    nx = find(c)
    if nx == NULL:
        return NULL
    if kept != NULL and was == c.blocks.generation:     # else all blocks were dropped, and the op with them
        kept[0] = nx
    return enter(c, nx)


cdef Op* link(CPU* c, Op* o, int taken) noexcept nogil:
    """The end of a block whose link is not set yet: find the next block and set the link."""
    c.arch.ip = o.tip if taken else o.fip
    if RARELY(o.seg & JCC_SEEN) and (o.seg == JCC_JUMPS) != (taken != 0):
        return link_flagged(c, o, &o.t1 if taken else &o.t0)
    return look_up(c, o, &o.t1 if taken else &o.t0)


cdef Op* link_flagged(CPU* c, Op* o, Op** kept) noexcept nogil:
    """The same for the direction that the history flags: the link leads to an op that does it. Its place, with a header
    as of a block, is after the block."""
    cdef uint32_t was = c.blocks.generation
    cdef Op* nx
    c.why.op = o
    history_flag(c)
    nx = find(c)
    if nx == NULL:
        return NULL
    if was == c.blocks.generation:
        memset(o + 1, 0, 2 * sizeof(Op))
        (<Block*>(o + 1)).key = header(nx).key
        o[2].fn = probe_flag
        o[2].t1 = nx
        o[2].ip = nx.ip
        kept[0] = o + 2
    return enter(c, nx)


cdef inline Op* follow(CPU* c, Op* o) noexcept nogil:
    """Go on with the instruction after the block."""
    cdef Op* nx = o.t0
    if nx == NULL:
        return link(c, o, 0)
    return enter(c, nx)


cdef inline Op* take(CPU* c, Op* o) noexcept nogil:
    """Go on at the target of the block's branch."""
    cdef Op* nx = o.t1
    if nx == NULL:
        return link(c, o, 1)
    return enter(c, nx)


# An indirect or far jump most often goes to where it went the last time. t1 is that block: a guess, followed if the key
# matches. The host can begin to execute it while the guest's address is still being loaded.

cdef inline Op* take_guess(CPU* c, Op* o, uint32_t ip) noexcept nogil:
    """Go on at CS:ip. The guess is t1 of `o`."""
    cdef Op* nx = o.t1
    if RARELY(nx == NULL or header(nx).key != (c.arch.sb[CS] << 12 | ip)):
        return take_slow(c, o, ip)
    return enter(c, nx)


cdef Op* take_slow(CPU* c, Op* o, uint32_t ip) noexcept nogil:
    c.arch.ip = ip
    return look_up(c, o, &o.t1)


# Prediction of returns. A CALL stores its op in c.blocks.calls. The first RET to the instruction after the CALL sets t0
# of that op to the block there; later RETs follow this guess if the key matches. A RET to another place uses the hash.
#
# Ops stay in place until drop_blocks(), but a stale block may be decoded to other ops. So the op in c.blocks.calls may
# no longer be a CALL. Its t0 is still a block or NULL, and the comparison of keys keeps a RET right. If the op is now a
# Jcc, its t0 is followed unchecked. So a RET only sets t0 to the block after the op in the same segment, which is right
# for a Jcc too.

cdef inline void called(CPU* c, Op* o) noexcept nogil:
    """Store the op of a CALL or INT, for its return."""
    c.blocks.calls[c.blocks.depth] = o
    c.blocks.depth = (c.blocks.depth + 1) % CALLS


cdef inline Op* return_to(CPU* c, Op* o, uint32_t ip) noexcept nogil:
    """Go on at CS:ip, which `o` has popped."""
    cdef uint32_t depth = (c.blocks.depth - 1) % CALLS
    cdef Op* call = c.blocks.calls[depth]
    cdef Op* nx = call.t0
    c.blocks.depth = depth
    if RARELY(nx == NULL or header(nx).key != (c.arch.sb[CS] << 12 | ip)):
        return return_slow(c, o, call, ip)
    return enter(c, nx)


cdef Op* return_slow(CPU* c, Op* o, Op* call, uint32_t ip) noexcept nogil:
    c.arch.ip = ip
    if (call == &NO_CALL or call.fip != ip or header(first_of(call)).key >> 16 != c.arch.sb[CS] >> 4
            or call.seg & JCC_SEEN):
        return look_up(c, o, NULL)
    return look_up(c, o, &call.t0)


cdef Op* end_block(CPU* c, Op* o) noexcept nogil:
    """The last op of a block that ends without a jump: go on after it. It is not an instruction; `n` counts all
    instructions of the block."""
    cdef Op* nx = o.t0
    if nx != NULL:
        return enter(c, nx)
    return link(c, o, 0)


cdef Op* find(CPU* c) noexcept nogil:
    """The first op of the block at CS:IP, which is built if there is none. NULL: no block can be kept here, because its
    code is not in memory or no host memory is left. The run loop then executes single instructions."""
    cdef uint32_t key
    cdef Op* first
    if c.arch.ip > 0xFFFF:
        return NULL
    key = c.arch.sb[CS] << 12 | c.arch.ip
    first = slot_of(c, key)[0]
    if first != NULL and header(first).key == key:
        return first
    return find_listed(c, key)


cdef Op* find_listed(CPU* c, uint32_t key) noexcept nogil:
    """find() if another block has the hash place. A guest can make a list long, so it is paid for first."""
    cdef uint32_t pa = c.arch.sb[CS] + c.arch.ip
    cdef int g = c.vm.mem.canon[pa >> 8]
    if c.run.ram[pa >> 8] == 0:
        return NULL
    c.rings.allowance -= c.blocks.length[g]
    if RARELY(c.rings.allowance < 0):
        return find_later(c, key, g)
    return find_in(c, key, g)


cdef Op* find_later(CPU* c, uint32_t key, int g) noexcept nogil:
    rings_spent(&c.rings)
    return find_in(c, key, g)


cdef inline Op* find_in(CPU* c, uint32_t key, int g) noexcept nogil:
    cdef Block* b = c.blocks.list[g]
    while b != NULL:
        if b.key == key:
            slot_of(c, key)[0] = <Op*>b + 1
            return <Op*>b + 1
        b = next_in(b, g)
    return build(c, key)


cdef Op* build(CPU* c, uint32_t key) noexcept nogil:
    cdef Op* room
    cdef Op* first
    cdef Block* b
    cdef int used
    came(c)
    if RARELY(restarts(c, c.arch.sb[CS] + c.arch.ip)):
        return NULL
    if c.blocks.pools == 0 or c.blocks.pool_used + BLOCK_OPS + 6 > CHUNK:
        if c.blocks.pools >= (MOST_CHUNKS if c.observe.mask else MAX_CHUNKS):
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
    b.cap = max(used + flagged_room(c), least_room(c))   # a stale block must have room for another long instruction
    c.blocks.pool_used += 1 + b.cap
    slot_of(c, key)[0] = first
    c.blocks.built += 1
    if RARELY(c.blocks.built > c.blocks.hash_mask and c.blocks.hash_mask < MOST_HASH - 1):
        grow_hash(c)
    return first


cdef void grow_hash(CPU* c) noexcept nogil:
    """Four times as many places, if there is memory for them."""
    cdef uint32_t i, places = c.blocks.hash_mask + 1
    cdef Op** old = c.blocks.hash
    cdef Op** hash_ = <Op**>calloc(4 * places, sizeof(Op*))
    if hash_ == NULL:
        return
    rings_flush(&c.rings)                        # it takes some 100 us with the most places
    c.blocks.hash = hash_
    c.blocks.hash_mask = 4 * places - 1
    for i in range(places):
        if old[i] != NULL:
            slot_of(c, header(old[i]).key)[0] = old[i]
    free(old)


cdef inline int least_room(CPU* c) noexcept nogil:
    """How many ops a block must have room for, so that any instruction can be decoded into it, with its probes."""
    if RARELY(c.observe.mask):
        return 9 + FLAGGED if c.observe.mask == LOOK_HISTORY else 12 + FLAGGED
    return 7


cdef inline int flagged_room(CPU* c) noexcept nogil:
    """How many ops must be free after a block, for link_flagged()."""
    return FLAGGED if c.observe.mask & LOOK_HISTORY else 0


cdef int decode_block(CPU* c, Block* b, Op* first) noexcept nogil:
    """Decode at the block's key into `first`, mark the code and list the block. Returns the number of ops; 0: not
    possible here. Each granule is claimed before its bytes are read, so that no store in between is missed."""
    cdef uint32_t ip = b.key & 0xFFFF, base = b.key >> 16 << 4, pa = base + ip
    cdef uint32_t g = pa >> 8
    cdef int used, i
    cdef Decoded d
    claim(c, g)
    while True:
        used = decode_ops(c, first, b.cap - flagged_room(c), base, ip, &d)
        rings_spend(&c.rings, 2 * used + 12)
        if used == 0:
            unclaim(c, g)
            return 0
        b.lo = pa
        b.hi = base + d.hi
        if (b.hi - 1) >> 8 != g and claim(c, g + 1):
            continue                             # bytes may have changed before this claim: read them again
        b.stale = 0
        mark(c, b.lo, b.hi, 1)
        memset(b.fluid, 0, sizeof(b.fluid))
        for i in range(d.fluid):
            mark(c, d.fluid_at[i], d.fluid_at[i] + d.fluid_size[i], 0)
            b.fluid[i] = <uint16_t>(d.fluid_size[i] << 12 | (d.fluid_at[i] - b.lo))
        if c.vm.ncpus == 1:
            break
        # Another vCPU stores first and reads the marks after that. So set the marks first and read the bytes again.
        at_fence()
        rings_spend(&c.rings, 12 + 2 * used)
        if same_bytes(c, first, b.cap - flagged_room(c), base, ip):
            break
    enlist(c, b, 0, c.vm.mem.canon[g])
    if (b.hi - 1) >> 8 != g:
        enlist(c, b, 1, c.vm.mem.canon[g + 1])
    else:
        b.gran[1] = -1
        b.next[1] = NULL
    if RARELY(c.observe.mask & LOOK_HISTORY):
        history_block(c, b, first, used, &d)
    return used


cdef bint same_bytes(CPU* c, Op* first, int cap, uint32_t base, uint32_t ip) noexcept nogil:
    """Does a second decoding give the same ops? If not, another vCPU has stored there meanwhile."""
    cdef Op again[BLOCK_OPS + 6]
    cdef Decoded d
    cdef int i, used = decode_ops(c, again, cap, base, ip, &d)
    for i in range(used):
        if (again[i].fn != first[i].fn or again[i].imm != first[i].imm or again[i].disp != first[i].disp
                or again[i].dst != first[i].dst or again[i].src != first[i].src or again[i].base != first[i].base
                or again[i].index != first[i].index or again[i].tip != first[i].tip or again[i].seg != first[i].seg
                or again[i].scale != first[i].scale or again[i].fip != first[i].fip):
            return 0
    return 1


cdef bint claim(CPU* c, uint32_t g) noexcept nogil:
    """From now on stores to the granule take the slow path, because this vCPU has code there. 0: they did already."""
    cdef Mem* mem = c.vm.mem
    cdef uint64_t mine = 1ULL << c.no, was
    if at_peek64(&mem.code[mem.canon[g]]) & mine:
        return 0
    rings_flush(&c.rings)                        # before the lock, and reopen(), which visits all aliases
    lock_from_core(c)
    was = mem.code[mem.canon[g]]
    at_or64(&mem.code[mem.canon[g]], mine)
    if was == 0 and mem.ram[g]:
        reopen(c.vm, g)
    if c.vm.ncpus > 1 and mem.ram[g]:
        wait_for_others(c.vm, c)                 # another vCPU may still use the old pointer, or store without a fence
    pthread_mutex_unlock(&c.vm.writers)
    return 1


cdef void unclaim(CPU* c, uint32_t g) noexcept nogil:
    """Let stores to the granule be fast again, if this vCPU has no block left in it."""
    cdef Mem* mem = c.vm.mem
    cdef int n = mem.canon[g]
    cdef uint64_t mine = 1ULL << c.no
    if c.blocks.list[n] != NULL or not at_peek64(&mem.code[n]) & mine:
        return
    memset(c.blocks.codemap + n * 32, 0, 32)
    rings_flush(&c.rings)
    lock_from_core(c)
    at_and64(&mem.code[n], ~mine)
    if at_peek64(&mem.code[n]) == 0 and mem.ram[g]:
        reopen(c.vm, g)
    pthread_mutex_unlock(&c.vm.writers)


cdef inline uint32_t canonical_address(CPU* c, uint32_t pa) noexcept nogil:
    return <uint32_t>c.vm.mem.canon[pa >> 8] << 8 | (pa & 255)


cdef void mark(CPU* c, uint32_t lo, uint32_t hi, bint code) noexcept nogil:
    """Mark the bytes [lo, hi) as code, or as no longer code."""
    cdef uint32_t a, n
    cdef uint64_t bits
    cdef uint64_t* word
    while lo < hi:                               # the bits of 64 bytes are in one word
        n = 64 - (lo & 63)
        if n > hi - lo:
            n = hi - lo
        a = canonical_address(c, lo)
        bits = (~<uint64_t>0 >> (64 - n)) << (a & 63)
        word = <uint64_t*>c.blocks.codemap + (a >> 6)
        word[0] = word[0] | bits if code else word[0] & ~bits
        lo += n


cdef inline uint32_t rewritten_slot(uint32_t a) noexcept nogil:
    return (a ^ a >> 6) & 63


cdef inline bint rewritten(CPU* c, uint32_t a) noexcept nogil:
    """Was code at this canonical address rewritten at least three times?"""
    return c.blocks.rewritten_at[rewritten_slot(a)] == a and c.blocks.rewrites[rewritten_slot(a)] >= 3


cdef bint fluid(CPU* c, uint32_t pa, uint32_t size) noexcept nogil:
    """Is this immediate rewritten so often that reading it from memory at each use is cheaper than decoding it again?
    Not if it crosses a granule, or if another block has decoded its bytes as something else."""
    cdef uint32_t a = canonical_address(c, pa), n = a >> 8
    cdef Block* b = c.blocks.list[n]
    if not rewritten(c, a) or (pa & 255) + size > 256:
        return 0
    while b != NULL:
        if overlaps(c, b, n, a & 255, (a & 255) + size) and not has_fluid(b, pa, size):
            return 0
        b = next_in(b, n)
    return 1


cdef bint has_fluid(Block* b, uint32_t pa, uint32_t size) noexcept nogil:
    """Does this block read the same immediate from memory when it is used?"""
    cdef int i
    for i in range(4):
        if b.fluid[i] == (size << 12 | (pa - b.lo)):
            return 1
    return 0


cdef void count_rewrite(CPU* c, uint32_t a) noexcept nogil:
    cdef uint32_t at = rewritten_slot(a)
    if c.blocks.rewritten_at[at] != a:
        c.blocks.rewritten_at[at] = a
        c.blocks.rewrites[at] = 0
    c.blocks.rewrites[at] += 1
    if c.blocks.rewrites[at] == 3:
        c.blocks.rewritten_often = 1


cdef void enlist(CPU* c, Block* b, int i, int g) noexcept nogil:
    if i == 1 and b.gran[0] == g:                # the next granule shows the same memory
        b.gran[1] = -1
        b.next[1] = NULL
        return
    b.gran[i] = <int16_t>g
    b.next[i] = c.blocks.list[g]
    if b.next[i] == NULL:                        # else the bit is set already
        c.blocks.listed[g >> 6] |= 1ULL << (g & 63)
    c.blocks.list[g] = b
    c.blocks.length[g] += 1


cdef void delist(CPU* c, Block* b, int g) noexcept nogil:
    cdef Block** at = &c.blocks.list[g]
    while at[0] != NULL:
        if at[0] == b:
            at[0] = next_in(b, g)
            c.blocks.length[g] -= 1
            return
        at = &at[0].next[0] if at[0].gran[0] == <int16_t>g else &at[0].next[1]


cdef Op* stale_block(CPU* c, Op* o) noexcept nogil:
    """The first op of a block whose bytes have changed: give back what the block was charged, decode it again into the
    same memory, and enter it."""
    cdef Block* b = header(o)
    c.run.left += o.n
    if decode_block(c, b, o) == 0:
        o.fn = stale_block                       # links still lead here, and the next one tries again
        c.arch.ip = b.key & 0xFFFF
        slot_of(c, b.key)[0] = NULL
        return NULL
    slot_of(c, b.key)[0] = o
    return enter(c, o)


cdef void invalidate(CPU* c, Block* b) noexcept nogil:
    """Make a block stale: take it off both lists. Links and hash still lead to its first op, which decodes it again."""
    cdef Op* first = <Op*>b + 1
    first.fn = stale_block
    b.stale = 1
    if b.gran[0] >= 0:
        delist(c, b, b.gran[0])
    if b.gran[1] >= 0:
        delist(c, b, b.gran[1])


cdef void code_written(CPU* c, Op* o, uint32_t g, uint32_t lo, uint32_t hi) noexcept nogil:
    """Bytes [lo, hi) of granule g were stored, and at least one vCPU has code in the granule. This vCPU drops its
    blocks with these bytes now; each other one gets a note, which it reads at its next block end."""
    cdef Mem* mem = c.vm.mem
    cdef int n = mem.canon[g], i
    cdef uint64_t who
    if c.vm.ncpus > 1:
        at_fence()                               # store first, then read the marks: see decode_block
    who = at_get64(&mem.code[n])
    if who >> c.no & 1:
        if c.blocks.list[n] == NULL:
            unclaim(c, g)                        # its last block was not decoded again: open it
        elif touches(c, n, lo, hi):
            look_at_push(c, o, g << 8 | lo)
            drop_overlap(c, o, g, lo, hi)
    if who & ~(1ULL << c.no):
        for i in range(c.vm.ncpus):
            if i != c.no and who >> i & 1 and touches(c.vm.cpu[i], n, lo, hi):
                note_written(c.vm.cpu[i], n)


cdef bint touches(CPU* c, int n, uint32_t lo, uint32_t hi) noexcept nogil:
    """Is one of the bytes [lo, hi) of granule n marked as code?"""
    cdef uint32_t i
    cdef uint8_t* marks = c.blocks.codemap + n * 32
    for i in range(lo, hi):
        if marks[i >> 3] >> (i & 7) & 1:
            return 1
    return 0


cdef void drop_overlap(CPU* c, Op* o, uint32_t g, uint32_t lo, uint32_t hi) noexcept nogil:
    """Invalidate this vCPU's blocks that have one of the bytes [lo, hi) of granule g."""
    cdef int n = c.vm.mem.canon[g]
    cdef Block* b = c.blocks.list[n]
    cdef Block* nx
    cdef Block* running = NULL
    rings_spend(&c.rings, c.blocks.length[n])
    count_rewrite(c, <uint32_t>n << 8 | lo)
    if o != NULL and not c.run.stepping:
        running = header(first_of(o))
    while b != NULL:
        nx = next_in(b, n)
        if overlaps(c, b, n, lo, hi):
            invalidate(c, b)
            if b == running:
                c.run.attn |= ATTN_SMC
        b = nx


cdef bint overlaps(CPU* c, Block* b, int n, uint32_t lo, uint32_t hi) noexcept nogil:
    """Has a block of granule n one of the bytes [lo, hi) of it?"""
    cdef uint32_t last = b.hi - 1
    if b.lo >> 8 == last >> 8:
        return (b.lo & 255) < hi and lo <= last & 255
    return (c.vm.mem.canon[b.lo >> 8] == n and (b.lo & 255) < hi or
            c.vm.mem.canon[last >> 8] == n and lo <= last & 255)


cdef void drop_noted(CPU* c) noexcept nogil:
    """Invalidate all blocks in the granules that other vCPUs or the host wrote to."""
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


cdef inline bint in_shared(Mem* mem, int n) noexcept nogil:
    """Does a shared slot show the granule, at this address or another one?"""
    cdef int a = n
    while not mem.attr[a] & ATTR_SHARED:
        a = mem.alias[a]
        if a == n:
            return 0
    return 1


cdef void drop_shared(CPU* c) noexcept nogil:
    """Invalidate all blocks in shared slots: another process may have changed them. Granules stay closed and their
    bytes marked, since most blocks are decoded again soon. So this costs by the blocks that ran since the last time."""
    cdef int w, n
    cdef uint64_t bits
    for w in range(GRANULES // 64):
        bits = c.blocks.listed[w]
        while bits:
            n = w * 64 + lowest_one64(bits)
            bits &= bits - 1
            if not in_shared(c.vm.mem, n):
                continue
            while c.blocks.list[n] != NULL:
                invalidate(c, c.blocks.list[n])
            c.blocks.listed[w] &= ~(1ULL << (n & 63))


cdef void drop_blocks(CPU* c) noexcept nogil:
    """Drop every block of this vCPU and its marks of code. Only while no block is executed."""
    cdef Mem* mem = c.vm.mem
    cdef int g
    cdef uint64_t mine = 1ULL << c.no
    rings_flush(&c.rings)
    lock_from_core(c)
    for g in range(GRANULES):
        if c.blocks.list[g] != NULL or at_peek64(&mem.code[g]) & mine:
            memset(c.blocks.codemap + g * 32, 0, 32)
        c.blocks.list[g] = NULL
        c.blocks.length[g] = 0
        if at_peek64(&mem.code[g]) & mine:
            at_and64(&mem.code[g], ~mine)
            if at_peek64(&mem.code[g]) == 0 and mem.ram[g]:
                reopen(c.vm, g)
    pthread_mutex_unlock(&c.vm.writers)
    memset(c.blocks.listed, 0, GRANULES // 8)
    memset(c.blocks.hash, 0, (c.blocks.hash_mask + 1) * sizeof(Op*))
    c.blocks.built = 0
    forget_calls(c)
    for g in range(1, c.blocks.pools):
        free(c.blocks.pool[g])
    c.blocks.pools = 1 if c.blocks.pools else 0
    c.blocks.pool_used = 0
    c.blocks.generation += 1
    history_dropped(c)
