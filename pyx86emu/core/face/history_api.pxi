# The history of a vCPU for Python: switch it on and off, and follow the code to make a list of its last instructions.

cdef enum:
    HISTORY_MOST = 4096


cdef int switch_history(CPU* c, VmTables tables, bint on) except -1:
    cdef History* h = NULL
    mine(c, "switch its history on or off")
    if on == (c.observe.history != NULL):
        return 0
    if on:
        h = <History*>malloc(sizeof(History) + 2 * HISTORY_ARENA)
        if h == NULL:
            raise MemoryError("no memory for a history")
        memset(h, 0, sizeof(History))            # the arenas are written before they are read
        h.arena[0] = <uint8_t*>h + sizeof(History)
        h.arena[1] = h.arena[0] + HISTORY_ARENA
        h.used = FIRST_RECORD
        h.top = CELLS
        h.tag = 1
    tables.stop()                           # C only, up to resume()
    if on:
        c.observe.mask |= LOOK_HISTORY
        c.observe.history = h
        c.observe.tag_of_flags = h.tag
        put_cells(c, CELLS - SLICE)
        h = NULL
    else:
        c.observe.mask &= ~<uint32_t>LOOK_HISTORY
        h, c.observe.history = c.observe.history, NULL
        if c.python.in_device:                   # the instruction that called it may store where it goes
            h, c.observe.ended = c.observe.ended, h
    c.python.touched = c.python.in_device
    tables.resume(False)
    want(c, REQ_DROP)                            # before any block is entered: those there are use it
    free(h)
    return 0


cdef Record* block_record(History* h, uint32_t key, uint64_t at) noexcept nogil:
    """What the block at `key` was decoded from that was entered at this position: the newest one made before. NULL: it
    is not known any more."""
    cdef int i
    cdef uint32_t next_
    cdef Record* r
    if at < h.lost:
        return NULL
    for i in range(2):
        next_ = h.head[h.now ^ i][place_of_key(key)]
        while next_:
            r = <Record*>(h.arena[h.now ^ i] + (<uintptr_t>next_ << 3))
            if r.key == key and r.made <= at:
                return r
            next_ = r.next
    return NULL


cdef bint is_repeated(const uint8_t* code, int length) noexcept nogil:
    """Is this a string instruction with REP?"""
    cdef int i
    cdef bint rep = 0
    for i in range(length):
        if code[i] == 0xF2 or code[i] == 0xF3:
            rep = 1
        elif 0xA4 <= code[i] <= 0xA7 or 0xAA <= code[i] <= 0xAF or 0x6C <= code[i] <= 0x6F:
            return rep
        elif code[i] not in (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF0, 0xF1):
            return 0
    return 0


cdef list history_of(CPU* c, int most):
    cdef History* h = c.observe.history
    cdef uint64_t i, end
    cdef Mark* m
    cdef list found = [], here                   # newest first: [cs, ip, instructions, code, fluid]
    cdef bint rep = 0, known = 1
    mine(c, "read its history")
    if h == NULL:
        raise RuntimeError("this vCPU keeps no history: set record_history = True first")
    i = h.marks
    while i > h.oldest and i + MARKS > h.marks and known and len(found) <= most:
        i -= 1
        m = &h.mark[i % MARKS]
        end = m.end
        if i == h.marks - 1 and h.open_:
            end = c.python.io_retired if c.python.in_device else c.run.retired
        if m.at + CELLS <= position(c) + SLICE:  # its cells are used again
            break
        if end == m.start:
            continue
        here = []
        known = add_step(h, m, here, &rep) if m.step != NO_STEP else add_blocks(h, m, end, here, &rep)
        if rep and known and found and here:
            last, this = found[len(found) - 1], here[len(here) - 1]
            if (last[0], last[1], last[2]) == (this[0], this[1], end):
                found.pop()                      # the newer part of the same REP
        if known:
            found.extend(reversed(here))
    del found[most:]
    return [Executed(cs, ip, at, code, fluid or code_differs(c, (cs << 4), ip, code))
            for cs, ip, at, code, fluid in reversed(found)]


cdef object code_differs(CPU* c, uint32_t base, uint32_t ip, bytes code):
    cdef int i
    for i in range(len(code)):
        if code_byte(c, base + (ip + i & 0xFFFF)) != <uint8_t>code[i]:
            return True
    return False


cdef bint add_step(History* h, Mark* m, list here, bint* rep) except *:
    """Add an instruction that was executed by itself. 0: it is not known any more."""
    cdef Step* s = &h.step[m.step]
    here.append((s.cs, s.ip, m.start, (<char*>s.code)[:s.length], False))
    rep[0] = is_repeated(s.code, s.length)
    return 1


cdef bint add_blocks(History* h, Mark* m, uint64_t end, list here, bint* rep) except *:
    """Follow the code from a mark until `end` instructions are retired, and add these. 0: a block is no longer known.
    `rep`: is the last one a string instruction with REP? Each of its iterations counts as an instruction."""
    cdef uint64_t retired = m.start, at = m.at
    cdef uint32_t key = m.key, size = 0, cell, ip
    cdef int i, skips
    cdef uint8_t* length
    cdef uint8_t* code = NULL
    cdef Record* r
    while True:
        r = block_record(h, key, at)
        if r == NULL:
            return 0
        length = <uint8_t*>r + sizeof(Record)
        code = length + r.n
        ip = key & 0xFFFF
        cell = CELLS - <uint32_t>(at % CELLS) - 1     # of the first instruction
        skips = 0
        for i in range(r.n):
            size = length[i] & LENGTH_BITS
            if skips:
                skips -= 1
            else:
                here.append((key >> 16, ip, retired, (<char*>code)[:size], length[i] & IS_FLUID != 0))
                retired += 1
                if retired == end:
                    rep[0] = is_repeated(code, <int>size)
                    return 1
                if length[i] >> SKIPS & 3 and h.flag[cell - <uint32_t>i] == tag_at(h, at):
                    skips = length[i] >> SKIPS & 3
            ip += size
            code += size
        if r.way == WAY_ON and is_repeated(code - size, <int>size):      # it ends its block, and a mark comes after it
            rep[0] = 1
            return 1
        cell -= <uint32_t>r.n - 1
        if r.way == WAY_JUMP or r.way == WAY_IF and (h.flag[cell] == tag_at(h, at)) != (r.jumps != 0):
            key = r.target
        elif r.way == WAY_SEEN:
            key = h.place[cell]
        else:
            key = key & 0xFFFF0000 | ip & 0xFFFF
        at += r.n


cdef inline uint8_t tag_at(History* h, uint64_t at) noexcept nogil:
    """The tag of flags in the lap of this position: this lap or the one before."""
    cdef int tag = h.tag
    if at < h.lap:
        tag = tag - 1 if tag > 1 else 255
    return <uint8_t>tag
