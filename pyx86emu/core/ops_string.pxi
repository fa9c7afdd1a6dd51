# String instructions. One iteration is the definition; runs of MOVS and STOS over plain RAM go in one piece.
# o.imm: REP, REPNE and 67h flags; o.seg: the source segment. An iteration counts as one instruction.

cdef enum:
    S_REP = 1                    # F3
    S_REPNE = 2                  # F2
    S_A32 = 4
    S_MOVS = 0
    S_STOS = 1
    S_LODS = 2
    S_CMPS = 3
    S_SCAS = 4
    S_INS = 5
    S_OUTS = 6


cdef inline uint32_t index_reg(CPU* c, Op* o, int r) noexcept nogil:
    return c.r[r] if o.imm & S_A32 else c.r[r] & 0xFFFF


cdef inline void step_reg(CPU* c, Op* o, int r, int by) noexcept nogil:
    if o.imm & S_A32:
        c.r[r] += <uint32_t>by
    else:
        P16(c, 4 * r)[0] += <uint16_t>by


cdef inline uint64_t string_load(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    if ea > 0xFFFF:
        c.go = fault(c, o, c.m.ss_vector if seg == SS else 13)
        return LOAD_FAILED
    return ld(c, o, seg, ea, size)


cdef inline bint string_store(CPU* c, Op* o, uint32_t ea, uint32_t v, int size) noexcept nogil:
    if ea > 0xFFFF:
        c.go = fault(c, o, 13)
        return 0
    return put(c, o, ES, ea, v, size)


cdef bint half_done(CPU* c, Op* o, int si, int di, int cx) noexcept nogil:
    """80286: a word at FFFFh faults with the pointers moved and CX counted down already."""
    P16(c, 4 * SI)[0] += <uint16_t>si
    P16(c, 4 * DI)[0] += <uint16_t>di
    if o.imm & (S_REP | S_REPNE):
        P16(c, 4 * CX)[0] -= <uint16_t>cx
    c.go = fault(c, o, 13)
    return 0


cdef inline bint iteration(CPU* c, Op* o, int what, int size) noexcept nogil:
    """One iteration without the count. 0: it did not happen, go on at c.go."""
    cdef uint32_t si = index_reg(c, o, SI), di = index_reg(c, o, DI)
    cdef int by = -size if c.rest & F_DF else size
    cdef uint64_t a, b
    cdef bint half = c.m.string_half and size == 2
    if what == S_MOVS:
        if half and si == 0xFFFF:
            return half_done(c, o, by, 0, 1)
        if half and di == 0xFFFF:
            return half_done(c, o, by, by, 2)
        a = string_load(c, o, o.seg, si, size)
        if a == LOAD_FAILED or not string_store(c, o, di, <uint32_t>a, size):
            return 0
        step_reg(c, o, SI, by)
        step_reg(c, o, DI, by)
    elif what == S_STOS:
        if half and di == 0xFFFF:
            return half_done(c, o, 0, by, 2)
        if not string_store(c, o, di, reg(c, 0, size), size):
            return 0
        step_reg(c, o, DI, by)
    elif what == S_LODS:
        if half and si == 0xFFFF:
            return half_done(c, o, by, 0, 1)
        a = string_load(c, o, o.seg, si, size)
        if a == LOAD_FAILED:
            return 0
        put_reg(c, 0, size, <uint32_t>a)
        step_reg(c, o, SI, by)
    elif what == S_CMPS:
        if half and di == 0xFFFF:
            return half_done(c, o, 0, by, 0)
        if half and si == 0xFFFF:
            return half_done(c, o, by, by, 1)
        a = string_load(c, o, o.seg, si, size)
        if a == LOAD_FAILED:
            return 0
        b = string_load(c, o, ES, di, size)
        if b == LOAD_FAILED:
            return 0
        fl_arith(c, <uint32_t>a, <uint32_t>b, a - b, size)
        step_reg(c, o, SI, by)
        step_reg(c, o, DI, by)
    elif what == S_SCAS:
        if half and di == 0xFFFF:
            return half_done(c, o, 0, by, 1)
        b = string_load(c, o, ES, di, size)
        if b == LOAD_FAILED:
            return 0
        fl_arith(c, reg(c, 0, size), <uint32_t>b, reg(c, 0, size) - b, size)
        step_reg(c, o, DI, by)
    elif what == S_OUTS:
        if half and si == 0xFFFF:
            return half_done(c, o, by, 0, 1)
        a = string_load(c, o, o.seg, si, size)
        if a == LOAD_FAILED:
            return 0
        step_reg(c, o, SI, by)
        bus_write(c, o, BUS_PIO, P16(c, 4 * DX)[0], size, a)
    else:
        if half and di == 0xFFFF:
            return half_done(c, o, 0, by, 2)
        if di > <uint32_t>(0x10000 - size) and not c.m.wraps:
            c.go = fault(c, o, 13)
            return 0
        a = ins_value(c, o, size)
        if a == LOAD_FAILED or not string_store(c, o, di, <uint32_t>a, size):
            return 0
        step_reg(c, o, DI, by)
    return 1


cdef uint64_t ins_value(CPU* c, Op* o, int size) noexcept nogil:
    """What INS reads: the next element of an answered batch, or the port."""
    cdef uint64_t v = 0
    cdef int n
    cdef uint32_t port = P16(c, 4 * DX)[0]
    cdef Range* r
    if c.ins_size != size:
        forget_batch(c)                          # its first elements made another instruction of this one
    if c.ins_pos < c.ins_count:
        memcpy(&v, c.ins_data + c.ins_pos * size, size)
        c.ins_pos += 1
        return v
    if o.imm & (S_REP | S_REPNE):
        r = range_at(c.vm, BUS_PIO, port, size)
        if r == NULL or r.kind == RANGE_PULL:
            n = ins_batch(c, o, size)
            add_exit(c, o, EXIT_IO, port, size, n, 0, 0)
            memset(c.ins_data, 0, sizeof(c.ins_data))
            c.ins_count = n
            c.ins_pos = 0
            c.ins_size = size
            c.pending = 1
            c.go = leave_at(c, o)
            return LOAD_FAILED
    return bus_read(c, o, BUS_PIO, port, size)


cdef int ins_batch(CPU* c, Op* o, int size) noexcept nogil:
    """Elements of one exit, as KVM counts them: CX, a page of data, bytes left in the destination page."""
    cdef uint32_t di = index_reg(c, o, DI), pa = c.sb[ES] + di
    cdef uint64_t n = index_reg(c, o, CX), page
    page = (pa & 0xFFF) if c.rest & F_DF else 0x1000 - (pa & 0xFFF)
    if c.ram[pa >> 8] == 0 or c.vm.mem.attr[pa >> 8] & ATTR_ROM:
        return 1
    if n > <uint64_t>(1024 // size):
        n = 1024 // size
    if n > page:
        n = page
    if n > <uint64_t>(c.left + 1):
        n = <uint64_t>(c.left + 1)
    return <int>n if n else 1


cdef inline uint32_t span(CPU* c, uintptr_t* table, uint32_t pa, uint32_t want_) noexcept nogil:
    """Bytes from pa that lie in one piece of host memory."""
    cdef uint32_t g = pa >> 8, n = 256 - (pa & 255)
    cdef uintptr_t p = table[g]
    if p == 0:
        return 0
    while n < want_ and table[g + 1] == p:
        g += 1
        n += 256
    return n if n < want_ else want_


cdef inline uint32_t bulk(CPU* c, Op* o, int what, int size) noexcept nogil:
    """As many iterations of MOVS or STOS upwards as need no look in between; 0: go one by one."""
    cdef uint32_t n = P16(c, 4 * CX)[0], si = P16(c, 4 * SI)[0], di = P16(c, 4 * DI)[0], bytes_, i
    cdef uint32_t from_ = c.sb[o.seg] + si, to = c.sb[ES] + di, v
    cdef uint8_t* src
    cdef uint8_t* dst
    if c.rest & F_DF or o.imm & S_A32 or at_get_floor(&c.floor) != 0 or c.left < 0:
        return 0
    if n > <uint64_t>c.left + 1:
        n = <uint32_t>(c.left + 1)
    if n > (0x10000 - di) // size:
        n = (0x10000 - di) // size
    n = span(c, c.wr, to, n * size) // size
    if what == S_MOVS:
        if n > (0x10000 - si) // size:
            n = (0x10000 - si) // size
        n = span(c, c.rd, from_, n * size) // size
    if n == 0:
        return 0
    bytes_ = n * size
    dst = <uint8_t*>(c.wr[to >> 8] + to)
    if what == S_MOVS:
        src = <uint8_t*>(c.rd[from_ >> 8] + from_)
        if src >= dst or src + bytes_ <= dst:
            memmove(dst, src, bytes_)
        elif src + size <= dst:                  # an overlap that repeats itself, element by element
            for i in range(n):
                memmove(dst + i * size, src + i * size, size)
        else:
            return 0
        P16(c, 4 * SI)[0] += <uint16_t>bytes_
    elif size == 1:
        memset(dst, P8(c, O_AL)[0], n)
    else:
        v = c.r[AX]
        for i in range(n):
            memcpy(dst + i * size, &v, size)
    P16(c, 4 * DI)[0] += <uint16_t>bytes_
    P16(c, 4 * CX)[0] -= <uint16_t>n
    c.left -= n - 1
    return n


cdef inline Op* string(CPU* c, Op* o, int what, int size) noexcept nogil:
    if not o.imm & (S_REP | S_REPNE):
        if not iteration(c, o, what, size):
            return c.go
        if c.attn:
            return leave_after(c, o)
        o = o + 1
        return GO(c, o)
    return repeat(c, o, what, size)


cdef Op* leave_rep(CPU* c, Op* o) noexcept nogil:
    """Stop between two iterations; the REP goes on where it began."""
    leave_after(c, o)
    c.ip = o.ip
    c.rep_left = c.slice_end - <uint64_t>c.left
    c.rep_last = o.fip - 2
    return NULL


cdef inline Op* repeat(CPU* c, Op* o, int what, int size) noexcept nogil:
    """The block paid for one iteration; each further one is charged before it begins."""
    cdef bint buffered
    if index_reg(c, o, CX) == 0:
        o = o + 1
        return GO(c, o)
    while True:
        if (what == S_MOVS or what == S_STOS) and bulk(c, o, what, size):
            pass
        else:
            if not iteration(c, o, what, size):
                return c.go
            step_reg(c, o, CX, -1)
        if what == S_INS and c.ins_count and c.ins_pos == c.ins_count:
            forget_batch(c)                      # it is stored: the REP itself goes on at the next run
            return leave_rep(c, o)
        if index_reg(c, o, CX) == 0:
            break
        if (what == S_CMPS or what == S_SCAS) and (c.res == 0) == (o.imm & S_REPNE != 0):
            break
        buffered = what == S_INS and c.ins_pos < c.ins_count
        if c.attn & ~ATTN_LOOK or (c.attn and not buffered) or c.left < 1 or (
                at_get_floor(&c.floor) != 0 and not buffered):
            c.finish = buffered
            return leave_rep(c, o)
        c.left -= 1
    if c.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)
