# The history of a vCPU for Python: switch it on and off, and make a list of instructions of the ring.

cdef enum:
    HISTORY_MOST = 4096

cdef struct Entered:             # a number of the ring
    uint32_t number
    uint32_t retired             # of a block: how many of its instructions were retired
    uint64_t start               # retired before the first one
    uint64_t end                 # and after the last one; of a mark: the whole count


cdef int switch_history(CPU* c, VmTables tables, bint on) except -1:
    cdef History* h = NULL
    cdef int i
    mine(c, "switch its history on or off")
    if on == (c.observe.history != NULL):
        return 0
    if on:
        h = <History*>calloc(1, sizeof(History) + 2 * HISTORY_ARENA)
        if h == NULL:
            raise MemoryError("no memory for a history")
        h.arena[0] = <uint8_t*>h + sizeof(History)
        h.arena[1] = h.arena[0] + HISTORY_ARENA
        h.used = FIRST_RECORD
        for i in range(HISTORY):
            h.ring[i] = NO_RECORD
    tables.stop()                           # C only, up to resume()
    if on:
        c.observe.mask |= LOOK_HISTORY
        c.observe.ring = <uint8_t*>h.ring
        c.observe.ring_at = 0
        h, c.observe.history = c.observe.history, h
    else:
        c.observe.mask &= ~<uint32_t>LOOK_HISTORY
        h, c.observe.history = c.observe.history, NULL
    c.python.touched = c.python.in_device
    tables.resume(False)
    want(c, REQ_DROP)                            # before any block is entered: those there are use it
    free(h)
    return 0


cdef void enter_history(CPU* c, Entered* e) noexcept nogil:
    """Copy the ring, oldest first, and say what was executed of each block. The last one is a mark: now."""
    cdef History* h = c.observe.history
    cdef uint64_t now = c.python.io_retired if c.python.in_device else c.run.retired, n
    cdef int i, last = -1, at = c.observe.ring_at >> 2
    cdef bint known = 0, repeats
    cdef Entered* entered
    for i in range(HISTORY):
        e[i].number = h.ring[(at + i) % HISTORY]
        e[i].retired = 0
        if e[i].number == NO_MORE:
            last = i
    for i in range(last + 1):
        e[i].number = NO_RECORD
    e[HISTORY].number = IN_MARK | <uint32_t>(now & IN_COUNT)
    i = HISTORY
    while i >= 0:
        if is_mark(e[i].number):
            now -= now - e[i].number & IN_COUNT
            e[i].end = now
        i -= 1
    i = 0
    while i < HISTORY:
        if is_mark(e[i].number):
            known = 1
            now = e[i].end
            i += 1
            continue
        known = known and not (is_outcome(e[i].number) or e[i].number == NO_RECORD)
        if not known:
            i += 1
            continue
        entered = &e[i]
        n = instructions_of(h, entered, &repeats, &i)
        entered.start = now
        entered.retired = <uint32_t>n
        if is_mark(e[i].number):
            now = e[i].end - now                 # so many were retired since, an iteration counting as one
            entered.retired = <uint32_t>min(n, now)
            now = entered.start + (now if repeats else entered.retired)
        else:
            now += n
        entered.end = now


cdef inline bint is_mark(uint32_t number) noexcept nogil:
    return number & IN_MARK and not is_outcome(number)


cdef uint64_t instructions_of(History* h, Entered* e, bint* repeats, int* next_) noexcept nogil:
    """How many instructions a block retires if it is not left early; `repeats`: the last one is a REP. `next_` moves on
    to the number after it and the outcomes of its predicates."""
    cdef uint8_t* length
    cdef uint8_t* code
    cdef Record* r
    cdef int i
    cdef uint64_t n
    next_[0] += 1
    if e.number & IN_STEP:
        repeats[0] = is_repeated(h.step[e.number & IN_PLACE].code, h.step[e.number & IN_PLACE].length)
        return 1
    r = block_record(h, e.number)
    length = <uint8_t*>r + sizeof(Record)
    code = length + r.n
    n = r.n
    for i in range(r.n - 1):
        code += length[i] & LENGTH_BITS
        if length[i] >> SKIPS & 3 and is_outcome((e + 1).number):
            e += 1
            next_[0] += 1
            n -= length[i] >> SKIPS & 3 & e.number
    repeats[0] = is_repeated(code, length[r.n - 1] & LENGTH_BITS)
    return n


cdef inline Record* block_record(History* h, uint32_t number) noexcept nogil:
    return <Record*>(h.arena[1 if number & IN_ARENA else 0] + ((number & ~<uint32_t>IN_ARENA) << 3))


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
    cdef Entered* e
    cdef int i = HISTORY - 1
    cdef list found = []                         # newest first: [cs, ip, instructions, code, fluid]
    mine(c, "read its history")
    if c.observe.history == NULL:
        raise RuntimeError("this vCPU keeps no history: set record_history = True first")
    e = <Entered*>malloc((HISTORY + 1) * sizeof(Entered))
    if e == NULL:
        raise MemoryError("no memory for a history")
    enter_history(c, e)
    try:
        while i >= 0 and len(found) <= most:
            if e[i].retired:
                add_executed(c, &e[i], found)
            i -= 1
    finally:
        free(e)
    del found[most:]
    return [Executed(cs, ip, at, code, fluid or code_differs(c, (cs << 4), ip, code))
            for cs, ip, at, code, fluid in reversed(found)]


cdef object code_differs(CPU* c, uint32_t base, uint32_t ip, bytes code):
    cdef int i
    for i in range(len(code)):
        if code_byte(c, base + (ip + i & 0xFFFF)) != <uint8_t>code[i]:
            return True
    return False


cdef int add_executed(CPU* c, Entered* e, list found) except -1:
    """Add the instructions of a block that were executed. A REP that goes on is one instruction."""
    cdef History* h = c.observe.history
    cdef uint32_t n = e.retired, size = 0, ip
    cdef int i = 0, skips
    cdef uint64_t at = e.start
    cdef Entered* outcome = e
    cdef uint8_t* length
    cdef uint8_t* code
    cdef Record* r
    cdef Step* s
    cdef list here = []
    if e.number & IN_STEP:
        s = &h.step[e.number & IN_PLACE]
        here.append((s.cs, s.ip, at, (<char*>s.code)[:s.length], False))
        code, size = s.code, s.length
    else:
        r = block_record(h, e.number)
        length = <uint8_t*>r + sizeof(Record)
        code = length + r.n
        ip = r.ip
        skips = 0
        while True:
            size = length[i] & LENGTH_BITS
            if skips:
                skips -= 1
            else:
                here.append((r.cs, ip, at, (<char*>code)[:size], length[i] & IS_FLUID != 0))
                at += 1
                if at == e.start + n:
                    break
                if length[i] >> SKIPS & 3:
                    outcome += 1
                    skips = length[i] >> SKIPS & 3 & outcome.number
            ip += size
            code += size
            i += 1
    if found and is_repeated(code, size):
        last, this = found[len(found) - 1], here[len(here) - 1]
        if (last[0], last[1], last[2]) == (this[0], this[1], e.end):
            found.pop()                          # the newer part of the same REP
    found.extend(reversed(here))
    return 0
