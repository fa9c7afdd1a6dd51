# Split virtqueues, the device's side: take descriptor chains, give them back. Know no device and no transport.
#
# Virtual I/O Device 1.2, section 2.7. The driver may be hostile. So each index and address is read once and then
# checked, and what was checked is kept: a chain that is in flight has its own list of the pieces to write. What breaks
# a rule sets Ring.broken, a sentence; the queue does nothing more until it is made again.
#
#   a rule for the driver                                    section
#   the indexes of avail move by at most the queue size      2.7.13.3
#   a chain has at most as many descriptors as the queue     2.7.5.3.1; so loops end
#   INDIRECT is not nested, and not together with NEXT       2.7.5.3.1
#   what the device reads comes before what it writes        2.7.4.2
#   a descriptor is in one chain that is in flight           2.7.13.2; looked at for heads

cdef enum:
    DESC_NEXT = 1
    DESC_WRITE = 2
    DESC_INDIRECT = 4
    AVAIL_NO_INTERRUPT = 1
    USED_NO_NOTIFY = 1
    RING_MOST = 32768                        # the largest queue
    RING_BYTES = 16777216                    # the most that a chain may let the device read
    RING_HELD = 1048576                      # pieces that all chains in flight may have
    RING_WALKED = 65536                      # descriptors: no call of a device follows much more

cdef enum:                                   # bits of the features that change a ring
    F_INDIRECT_DESC = 28
    F_EVENT_IDX = 29
    F_IN_ORDER = 35

cdef enum:                                   # the result of ring_take
    RING_EMPTY = 0
    RING_TOOK = 1
    RING_BROKEN = 2

cdef enum:                                   # of a Chain
    CHAIN_FREE = 0
    CHAIN_FLIES = 1                          # popped, and not pushed yet
    CHAIN_DONE = 2                           # pushed, but one that was popped before it is not

cdef struct Piece:
    uint64_t addr
    uint64_t n

cdef struct Chain:                           # by head
    Piece* piece                             # what the device may write
    uint32_t pieces
    uint64_t room                            # the bytes of these pieces
    uint32_t written
    int state

cdef struct Ring:
    GuestMem* mem
    uint32_t size
    uint64_t desc
    uint64_t avail
    uint64_t used
    bint indirect
    bint event_idx
    bint in_order
    bint wants                               # the device wants to be notified
    uint16_t seen                            # of avail.idx: what was popped
    uint16_t put                             # of used.idx: what was pushed
    uint16_t told                            # of used.idx, when the driver was last interrupted
    bint told_valid
    const char* broken                       # why the queue stands still, or NULL
    uint64_t culprit                         # a number for this sentence
    uint32_t flying
    uint64_t held
    uint64_t walked                          # descriptors that this call has followed
    Chain* chain
    uint16_t* order                          # heads in flight, in the order in which they were popped
    uint32_t first
    uint32_t count
    uint16_t* again                          # heads of a restored state, to be popped again
    uint32_t agains
    Piece* reads                             # of the chain that was taken last
    uint32_t nreads
    uint64_t readable
    Piece* writes
    uint32_t nwrites
    uint64_t writable


cdef int ring_break(Ring* r, const char* why, uint64_t culprit) noexcept nogil:
    r.broken = why
    r.culprit = culprit
    return RING_BROKEN


cdef bint ring_begin(Ring* r) noexcept nogil:
    """Memory for a ring of r.size. 0: there is none."""
    r.chain = <Chain*>calloc(r.size, sizeof(Chain))
    r.order = <uint16_t*>calloc(r.size, sizeof(uint16_t))
    r.again = <uint16_t*>calloc(r.size, sizeof(uint16_t))
    r.reads = <Piece*>calloc(r.size, sizeof(Piece))
    r.writes = <Piece*>calloc(r.size, sizeof(Piece))
    return r.chain != NULL and r.order != NULL and r.again != NULL and r.reads != NULL and r.writes != NULL


cdef void ring_place(Ring* r) noexcept nogil:
    """Break the queue if a part of it is not aligned (2.7, table of alignments)."""
    if r.desc & 15:
        ring_break(r, b"its descriptor table is at %#x: 16 bytes must divide that", r.desc)
    elif r.avail & 1:
        ring_break(r, b"its available ring is at %#x, which is odd", r.avail)
    elif r.used & 3:
        ring_break(r, b"its used ring is at %#x: 4 bytes must divide that", r.used)


cdef void ring_free_chains(Ring* r) noexcept nogil:
    cdef uint32_t i
    for i in range(r.size if r.chain != NULL else 0):
        free(r.chain[i].piece)
        memset(&r.chain[i], 0, sizeof(Chain))
    r.flying = r.count = r.first = 0
    r.held = 0


cdef void ring_end(Ring* r) noexcept nogil:
    ring_free_chains(r)
    free(r.chain)
    free(r.order)
    free(r.again)
    free(r.reads)
    free(r.writes)


# -- where the rings are. They are looked up each time: the slots of a Vm may change.

cdef uint8_t* ring_avail(Ring* r) noexcept nogil:
    """The ring of what the driver makes available, or NULL."""
    cdef uint8_t* at = mem_whole(r.mem, r.avail, 6 + 2 * r.size, 0)
    if at == NULL:
        ring_break(r, b"its available ring, at %#x, is not in one slot of memory", r.avail)
    return at


cdef uint8_t* ring_used(Ring* r) noexcept nogil:
    """The ring of what the device has used, or NULL."""
    cdef uint8_t* at = mem_whole(r.mem, r.used, 6 + 8 * r.size, 1)
    if at == NULL:
        ring_break(r, b"its used ring, at %#x, is not in one slot of memory that can be written", r.used)
    return at


# -- a chain

cdef bint ring_piece(Ring* r, uint64_t addr, uint32_t n, bint store) noexcept nogil:
    """Add a piece to what the chain reads or writes. 0: the queue is broken."""
    cdef Piece* p
    if not mem_there(r.mem, addr, n, store):
        ring_break(r, b"a buffer at %#x is not in memory that can be written" if store else
                   b"a buffer at %#x is not in memory", addr)
        return 0
    if n == 0:
        return 1
    if store:
        p = &r.writes[r.nwrites]
        r.nwrites += 1
        r.writable += n
    else:
        p = &r.reads[r.nreads]
        r.nreads += 1
        r.readable += n
    p.addr = addr
    p.n = n
    return 1


cdef bint ring_walk(Ring* r, uint32_t head) noexcept nogil:
    """Follow the chain of a head into r.reads and r.writes. 0: the queue is broken."""
    cdef uint8_t* table = mem_whole(r.mem, r.desc, 16 * r.size, 0)
    cdef uint32_t size = r.size, i = head, seen = 0, n, flags
    cdef uint64_t addr
    cdef bint inside = 0, wrote = 0
    r.nreads = r.nwrites = 0
    r.readable = r.writable = 0
    if table == NULL:
        ring_break(r, b"its descriptor table, at %#x, is not in one slot of memory", r.desc)
        return 0
    while True:
        addr = get32(<uintptr_t>table + 16 * i) | <uint64_t>get32(<uintptr_t>table + 16 * i + 4) << 32
        n = get32(<uintptr_t>table + 16 * i + 8)
        flags = get16(<uintptr_t>table + 16 * i + 12)
        i = get16(<uintptr_t>table + 16 * i + 14)
        if flags & DESC_INDIRECT:
            if not r.indirect:
                ring_break(r, b"the chain of descriptor %d is indirect, which was not negotiated", head)
                return 0
            if inside or flags & DESC_NEXT:
                ring_break(r, b"the chain of descriptor %d has an indirect table in an indirect table" if inside else
                           b"the chain of descriptor %d goes on after an indirect table", head)
                return 0
            if n == 0 or n & 15 or n >> 4 > r.size:
                ring_break(r, b"an indirect table of %d bytes is empty, longer than the queue or no multiple of 16", n)
                return 0
            inside = 1
            size = n >> 4
            table = mem_whole(r.mem, addr, n, 0) if n <= UINT64_MAX - addr else NULL
            i = 0
            if table == NULL:
                ring_break(r, b"an indirect table at %#x is not in one slot of memory", addr)
                return 0
            continue
        seen += 1
        r.walked += 1
        if seen > r.size:
            ring_break(r, b"the chain of descriptor %d is longer than the queue, or has a loop", head)
            return 0
        if flags & DESC_WRITE:
            wrote = 1
        elif wrote:
            ring_break(r, b"the chain of descriptor %d has a buffer to read after one to write", head)
            return 0
        if not ring_piece(r, addr, n, flags & DESC_WRITE):
            return 0
        if not flags & DESC_NEXT:
            break
        if i >= size:
            ring_break(r, b"a chain goes on at descriptor %d, which is beyond its table", i)
            return 0
    if r.readable > RING_BYTES:
        ring_break(r, b"a chain has %d bytes to read, more than 16 MiB", r.readable)
        return 0
    if r.writable > 0xFFFFFFFFU:
        ring_break(r, b"a chain has %d bytes to write, more than 4 GiB", r.writable)
        return 0
    return 1


cdef int ring_take(Ring* r, uint32_t* head) noexcept nogil:
    """Take the next chain: it flies from now on. Its pieces are in r.reads and r.writes."""
    cdef uint8_t* at
    cdef uint16_t ahead
    cdef Chain* c
    cdef bint repeated = r.agains != 0
    if r.broken != NULL:
        return RING_BROKEN
    if repeated:
        head[0] = r.again[0]
    else:
        at = ring_avail(r)
        if at == NULL:
            return RING_BROKEN
        ahead = at_look16(<uint16_t*>(at + 2)) - r.seen          # acquires what the driver stored before
        if ahead == 0:
            return RING_EMPTY
        if ahead > r.size:
            return ring_break(r, b"the index of its available ring is %d ahead, more than the queue has", ahead)
        head[0] = get16(<uintptr_t>at + 4 + 2 * (r.seen & (r.size - 1)))
        if head[0] >= r.size:
            return ring_break(r, b"it makes descriptor %d available, which is beyond its table", head[0])
    c = &r.chain[head[0]]
    if c.state != CHAIN_FREE:
        return ring_break(r, b"it makes descriptor %d available, which is in flight", head[0])
    if not ring_walk(r, head[0]):
        return RING_BROKEN
    if r.held + r.nwrites > RING_HELD:
        return ring_break(r, b"the chains in flight have more than a million pieces, with descriptor %d", head[0])
    if r.nwrites:
        c.piece = <Piece*>malloc(r.nwrites * sizeof(Piece))
        if c.piece == NULL:
            return ring_break(r, b"no memory is left for the chain of descriptor %d", head[0])
        memcpy(c.piece, r.writes, r.nwrites * sizeof(Piece))
    c.pieces = r.nwrites
    c.room = r.writable
    c.state = CHAIN_FLIES
    r.held += r.nwrites
    r.order[(r.first + r.count) & (r.size - 1)] = <uint16_t>head[0]
    r.count += 1
    r.flying += 1
    if repeated:
        r.agains -= 1
        memmove(r.again, r.again + 1, r.agains * sizeof(uint16_t))
    else:
        r.seen += 1
    return RING_TOOK


cdef bint ring_read(Ring* r, uint8_t* to) noexcept nogil:
    """Copy what the chain that was taken last lets the device read: r.readable bytes. 0: the queue is broken."""
    cdef uint32_t i
    for i in range(r.nreads):
        if not mem_load(r.mem, r.reads[i].addr, to, r.reads[i].n):
            ring_break(r, b"a buffer at %#x is not in memory any more", r.reads[i].addr)
            return 0
        to += r.reads[i].n
    return 1


cdef bint ring_write(Ring* r, uint32_t head, uint64_t at, const uint8_t* data, uint64_t n) noexcept nogil:
    """Store n bytes to a chain that flies, from offset `at` of what it lets the device write; they fit. 0: the queue is
    broken."""
    cdef Chain* c = &r.chain[head]
    cdef uint32_t i
    cdef uint64_t part
    for i in range(c.pieces):
        if n == 0:
            break
        if at >= c.piece[i].n:
            at -= c.piece[i].n
            continue
        part = min(n, c.piece[i].n - at)
        if not mem_store(r.mem, c.piece[i].addr + at, data, part):
            ring_break(r, b"a buffer at %#x is not in memory any more", c.piece[i].addr)
            return 0
        data += part
        n -= part
        at = 0
    return 1


# -- giving back

cdef inline void ring_slot(Ring* r, uint8_t* used, uint32_t head) noexcept nogil:
    """Write the next element of the used ring. The chain is free."""
    cdef Chain* c = &r.chain[head]
    cdef uintptr_t at = <uintptr_t>used + 4 + 8 * (r.put & (r.size - 1))
    put32(at, head)
    put32(at + 4, c.written)
    mem_stored(r.mem, <uint8_t*>at, 8)
    r.put += 1
    r.held -= c.pieces
    r.flying -= 1
    free(c.piece)
    memset(c, 0, sizeof(Chain))


cdef void ring_out_of_order(Ring* r, uint32_t head) noexcept nogil:
    """Take a head out of the list of those that fly."""
    cdef uint32_t i, k, mask = r.size - 1
    for i in range(r.count):
        if r.order[(r.first + i) & mask] == head:
            for k in range(i, 0, -1):
                r.order[(r.first + k) & mask] = r.order[(r.first + k - 1) & mask]
            r.first = (r.first + 1) & mask
            r.count -= 1
            return


cdef void ring_done(Ring* r, uint8_t* used, uint32_t head, uint32_t written) noexcept nogil:
    """The chain of a head is done: put it into the used ring, with IN_ORDER when its turn has come."""
    r.chain[head].written = written
    if not r.in_order:
        ring_out_of_order(r, head)
        ring_slot(r, used, head)
        return
    r.chain[head].state = CHAIN_DONE
    while r.count and r.chain[r.order[r.first]].state == CHAIN_DONE:
        head = r.order[r.first]
        r.first = (r.first + 1) & (r.size - 1)
        r.count -= 1
        ring_slot(r, used, head)


cdef bint ring_publish(Ring* r, uint8_t* used, uint16_t was) noexcept nogil:
    """Let the driver see what was put since r.put was `was`. Returns whether it wants an interrupt for it."""
    cdef uint8_t* avail
    cdef uint16_t wanted, before = r.told
    cdef bint first = not r.told_valid
    if r.put == was:
        return 0
    at_store16(<uint16_t*>(used + 2), r.put)
    mem_stored(r.mem, used + 2, 2)
    at_fence()                                   # the index before the look at what the driver wants
    avail = ring_avail(r)
    if avail == NULL:
        return 0
    r.told = r.put
    r.told_valid = 1
    if not r.event_idx:
        return not at_look16(<uint16_t*>avail) & AVAIL_NO_INTERRUPT
    wanted = at_look16(<uint16_t*>(avail + 4 + 2 * r.size))
    return first or <uint16_t>(r.put - wanted - 1) < <uint16_t>(r.put - before)


# -- notifications of the driver

cdef bint ring_wants(Ring* r, bint wants) noexcept nogil:
    """Ask the driver for notifications, or for none. Returns whether there is something to pop already: a driver that
    made it available before it saw this has not notified."""
    cdef uint8_t* used
    cdef uint8_t* avail
    cdef uint16_t* at
    if r.broken != NULL:
        return 0
    used = ring_used(r)
    avail = ring_avail(r)
    if used == NULL or avail == NULL:
        return 0
    r.wants = wants
    at = NULL
    if not r.event_idx:
        at = <uint16_t*>used
        if at_look16(at) != (0 if wants else USED_NO_NOTIFY):
            at_store16(at, 0 if wants else USED_NO_NOTIFY)
        else:
            at = NULL
    elif wants:
        at = <uint16_t*>(used + 4 + 8 * r.size)
        at_store16(at, r.seen)
    if at != NULL:
        mem_stored(r.mem, <uint8_t*>at, 2)
    at_fence()                                   # the wish before the look at the index
    return r.agains != 0 or at_look16(<uint16_t*>(avail + 2)) != r.seen
