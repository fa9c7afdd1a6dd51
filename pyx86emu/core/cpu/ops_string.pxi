# String instructions live here: MOVS STOS LODS CMPS SCAS INS OUTS, alone and with REP.
#
# iteration() is the definition: one element. With REP, bulk() executes many elements at once, if they are in one piece
# of RAM and the result is the same. Each iteration counts as one instruction. Between two of them a REP may stop: at
# the end of the slice, for a request, or for something that the iteration itself has caused.
#
# o.imm: S_REP, S_REPNE and S_A32. o.seg: the source segment.

cdef enum:
    S_REP = 1                    # F3
    S_REPNE = 2                  # F2
    S_A32 = 4                    # prefix 67h
    S_MOVS = 0
    S_STOS = 1
    S_LODS = 2
    S_CMPS = 3
    S_SCAS = 4
    S_INS = 5
    S_OUTS = 6
    SHORT_REP = 8                # elements: so few are quicker one by one than found to be in one piece


cdef inline uint32_t index_reg(CPU* c, Op* o, int r) noexcept nogil:
    return c.arch.r[r] if o.imm & S_A32 else reg16(P16(c, 4 * r))


cdef inline void step_reg(CPU* c, Op* o, int r, int by) noexcept nogil:
    if o.imm & S_A32:
        c.arch.r[r] += <uint32_t>by
    else:
        P16(c, 4 * r)[0] += <uint16_t>by


cdef inline uint64_t string_load(CPU* c, Op* o, int seg, uint32_t ea, int size) noexcept nogil:
    if ea > 0xFFFF:
        c.run.go = fault(c, o, c.m.ss_vector if seg == SS else 13)
        return LOAD_FAILED
    return ld(c, o, seg, ea, size)


cdef inline bint string_store(CPU* c, Op* o, uint32_t ea, uint32_t v, int size) noexcept nogil:
    if ea > 0xFFFF:
        c.run.go = fault(c, o, 13)
        return 0
    return put(c, o, ES, ea, v, size)


cdef bint fault_half_done(CPU* c, Op* o, int si, int di, int cx) noexcept nogil:
    """80286: #GP for a word at FFFFh. The pointers and CX have changed already."""
    P16(c, 4 * SI)[0] += <uint16_t>si
    P16(c, 4 * DI)[0] += <uint16_t>di
    if o.imm & (S_REP | S_REPNE):
        P16(c, 4 * CX)[0] -= <uint16_t>cx
    c.run.go = fault(c, o, 13)
    return 0


cdef inline bint iteration(CPU* c, Op* o, int what, int size) noexcept nogil:
    """One iteration, without counting CX. 0: it has not happened, and the handler returns c.run.go."""
    cdef uint32_t si = index_reg(c, o, SI), di = index_reg(c, o, DI)
    cdef int by = -size if c.arch.rest & F_DF else size
    cdef uint64_t a, b
    cdef bint half = c.m.string_half and size == 2
    if what == S_MOVS:
        if half and si == 0xFFFF:
            return fault_half_done(c, o, by, 0, 1)
        if half and di == 0xFFFF:
            return fault_half_done(c, o, by, by, 2)
        a = string_load(c, o, o.seg, si, size)
        if a == LOAD_FAILED or not string_store(c, o, di, <uint32_t>a, size):
            return 0
        step_reg(c, o, SI, by)
        step_reg(c, o, DI, by)
    elif what == S_STOS:
        if half and di == 0xFFFF:
            return fault_half_done(c, o, 0, by, 2)
        if not string_store(c, o, di, reg(c, 0, size), size):
            return 0
        step_reg(c, o, DI, by)
    elif what == S_LODS:
        if half and si == 0xFFFF:
            return fault_half_done(c, o, by, 0, 1)
        a = string_load(c, o, o.seg, si, size)
        if RARELY(a == LOAD_FAILED):
            return 0
        put_reg(c, 0, size, <uint32_t>a)
        step_reg(c, o, SI, by)
    elif what == S_CMPS:
        if half and di == 0xFFFF:
            return fault_half_done(c, o, 0, by, 0)
        if half and si == 0xFFFF:
            return fault_half_done(c, o, by, by, 1)
        a = string_load(c, o, o.seg, si, size)
        if RARELY(a == LOAD_FAILED):
            return 0
        b = string_load(c, o, ES, di, size)
        if RARELY(b == LOAD_FAILED):
            return 0
        fl_arith(c, <uint32_t>a, <uint32_t>b, a - b, size)
        step_reg(c, o, SI, by)
        step_reg(c, o, DI, by)
    elif what == S_SCAS:
        if half and di == 0xFFFF:
            return fault_half_done(c, o, 0, by, 1)
        b = string_load(c, o, ES, di, size)
        if RARELY(b == LOAD_FAILED):
            return 0
        fl_arith(c, reg(c, 0, size), <uint32_t>b, reg(c, 0, size) - b, size)
        step_reg(c, o, DI, by)
    elif what == S_OUTS:
        if half and si == 0xFFFF:
            return fault_half_done(c, o, by, 0, 1)
        a = string_load(c, o, o.seg, si, size)
        if RARELY(a == LOAD_FAILED):
            return 0
        step_reg(c, o, SI, by)
        if RARELY(reg16(P16(c, 4 * DX)) == 0xFFFF and size == 2 and c.m.port_wraps):
            bus_write_wrapped(c, o, a)
        else:
            bus_write(c, o, BUS_PIO, reg16(P16(c, 4 * DX)), size, a)
        if RARELY(c.observe.mask & LOOK_IO):
            see_port(c, o, reg16(P16(c, 4 * DX)), size, a, 1)
    else:
        if half and di == 0xFFFF:
            return fault_half_done(c, o, 0, by, 2)
        if di > <uint32_t>(0x10000 - size) and not c.m.wraps:
            c.run.go = fault(c, o, 13)
            return 0
        a = ins_value(c, o, size)
        if a == LOAD_FAILED:
            return 0
        if RARELY(c.observe.mask & LOOK_IO):
            see_port(c, o, reg16(P16(c, 4 * DX)), size, a, 0)
        if not string_store(c, o, di, <uint32_t>a, size):
            return 0
        step_reg(c, o, DI, by)
    return 1


cdef uint64_t ins_value(CPU* c, Op* o, int size) noexcept nogil:
    """The value that INS reads: the next answer of a REP INS batch, or that of the port. LOAD_FAILED: an exit, which
    asks for a batch if the port has no device and there is REP."""
    cdef uint64_t v
    cdef int n
    cdef uint32_t port = reg16(P16(c, 4 * DX))
    if next_of_batch(c, size, &v):
        return v
    if RARELY(port == 0xFFFF and size == 2 and c.m.port_wraps):
        return bus_read_wrapped(c, o)
    if (o.imm & (S_REP | S_REPNE) and answering(c.vm, BUS_PIO, port, size) == NULL
            and not answers_read(c, o, port, size)):
        n = ins_batch(c, o, size)
        add_exit(c, o, EXIT_IO, port, size, n, 0, 0)
        begin_batch(c, n, size)
        c.run.go = leave_at(c, o)
        return LOAD_FAILED
    return bus_read(c, o, BUS_PIO, port, size)


cdef int ins_batch(CPU* c, Op* o, int size) noexcept nogil:
    """How many elements one exit of REP INS asks for. As in KVM: at most CX, 1024 bytes of data, and as many as there
    are bytes left in the page of ES:DI. Here also at most the rest of the slice; one, if the destination is not RAM."""
    cdef uint32_t di = index_reg(c, o, DI), pa = c.arch.sb[ES] + di
    cdef uint64_t n = index_reg(c, o, CX), page
    page = (pa & 0xFFF) if c.arch.rest & F_DF else 0x1000 - (pa & 0xFFF)
    if c.run.ram[pa >> 8] == 0 or c.vm.mem.attr[pa >> 8] & ATTR_ROM:
        return 1
    if n > <uint64_t>(1024 // size):
        n = 1024 // size
    if n > page:
        n = page
    if n > <uint64_t>(c.run.left + 1):
        n = <uint64_t>(c.run.left + 1)
    return <int>n if n else 1


cdef inline uint32_t elements(uintptr_t* table, uint32_t base, uint32_t at, uint32_t n, uint32_t size,
                              bint down) noexcept nogil:
    """How many of n elements, up or down from base:at, are in the segment and in one piece of host memory."""
    cdef uint32_t pa = base + at, g, room
    cdef uintptr_t p
    if at > 0x10000 - size:
        return 0
    room = at // size + 1 if down else (0x10000 - at) // size
    if n > room:
        n = room
    if down:
        pa += size - 1
    g = pa >> 8
    p = table[g]
    if p == 0:
        return 0
    if down:
        room = (pa & 255) + 1
        while room < n * size and table[g - 1] == p:     # g is not 0: the segment goes on below
            g -= 1
            room += 256
    else:
        room = 256 - (pa & 255)
        while room < n * size and table[g + 1] == p:
            g += 1
            room += 256
    return n if n * size <= room else room // size


cdef inline uint32_t bulk(CPU* c, Op* o, int what, int size) noexcept nogil:
    """Execute as many iterations as can be done at once, and return how many; 0: go on one by one. Of LODS, CMPS and
    SCAS the last one is never among them: it is executed by iteration(), which sets AL or the flags."""
    cdef uint32_t n = reg16(P16(c, 4 * CX)), si = reg16(P16(c, 4 * SI)), di = reg16(P16(c, 4 * DI))
    cdef uint32_t from_ = c.arch.sb[o.seg] + si, to = c.arch.sb[ES] + di, room
    cdef bint down = c.arch.rest & F_DF != 0
    cdef int32_t by = -size if down else size
    if o.imm & S_A32 or at_get_floor(&c.run.floor) != 0 or c.run.left < 0:
        return 0
    if n > <uint64_t>c.run.left + 1:
        n = <uint32_t>(c.run.left + 1)
    if RARELY(c.chips.vga.span != 0) and (what == S_MOVS or what == S_STOS):
        room = through_planes(c, o, what, size, n)
        if room:
            return advance(c, what, room, by)
    if what != S_LODS:
        n = elements(c.run.wr if what == S_MOVS or what == S_STOS else c.run.rd, c.arch.sb[ES], di, n, size, down)
    if what != S_STOS and what != S_SCAS:
        n = elements(c.run.rd, c.arch.sb[o.seg], si, n, size, down)
    if n == 0:
        return 0
    rings_spend(&c.rings, <int32_t>(n * size >> 12))
    if what == S_MOVS:
        if not copy(<uint8_t*>(c.run.wr[to >> 8] + to), <uint8_t*>(c.run.rd[from_ >> 8] + from_), n, size, down):
            return 0
    elif what == S_STOS:
        fill(<uint8_t*>(c.run.wr[to >> 8] + to) - (<int64_t>n - 1) * size * down, c.arch.r[AX], n, size)
    elif what == S_LODS:
        n -= 1
    elif what == S_SCAS:
        n = scan(c.run.rd[to >> 8] + to, 0, c.arch.r[AX], n - 1, size, by, o.imm & S_REPNE != 0)
    else:
        n = scan(c.run.rd[to >> 8] + to, c.run.rd[from_ >> 8] + from_, 0, n - 1, size, by, o.imm & S_REPNE != 0)
    if n == 0:
        return 0
    return advance(c, what, n, by)


cdef inline uint32_t advance(CPU* c, int what, uint32_t n, int32_t by) noexcept nogil:
    """n iterations are done: move the pointers and CX, and charge them."""
    if what != S_STOS and what != S_SCAS:
        P16(c, 4 * SI)[0] += <uint16_t>(by * <int32_t>n)
    if what != S_LODS:
        P16(c, 4 * DI)[0] += <uint16_t>(by * <int32_t>n)
    P16(c, 4 * CX)[0] -= <uint16_t>n
    c.run.left -= n - 1
    return n


cdef uint32_t planes_ahead(CPU* c, uint32_t base, uint32_t at, uint32_t n, uint32_t size, bint down) noexcept nogil:
    """How many of n elements, up or down from base:at, are planes of the VGA on the short way, in one granule."""
    cdef uint32_t pa = base + at, room
    if at > 0x10000 - size or c.run.holes[pa >> 8] != VGA_HOLE or (pa & 255) + size > 256:
        return 0
    if not vga_short(c, pa, size):
        return 0
    room = min(at, pa & 255) // size + 1 if down else min(0x10000 - at, 256 - (pa & 255)) // size
    return min(n, room)


cdef uint32_t through_planes(CPU* c, Op* o, int what, int size, uint32_t n) noexcept nogil:
    """MOVS and STOS of at most n elements to planes, or from planes to RAM. Returns how many; 0: go on another way."""
    cdef uint32_t si = reg16(P16(c, 4 * SI)), di = reg16(P16(c, 4 * DI)), i, v = c.arch.r[AX]
    cdef uint32_t from_ = c.arch.sb[o.seg] + si, to = c.arch.sb[ES] + di
    cdef bint down = c.arch.rest & F_DF != 0, loads = 0, stores
    cdef int32_t by = -size if down else size
    i = planes_ahead(c, c.arch.sb[ES], di, n, size, down)
    stores = i != 0
    n = i if stores else elements(c.run.wr, c.arch.sb[ES], di, n, size, down)
    if what == S_MOVS:
        i = planes_ahead(c, c.arch.sb[o.seg], si, n, size, down)
        loads = i != 0
        n = i if loads else elements(c.run.rd, c.arch.sb[o.seg], si, n, size, down)
    if n == 0 or not (loads or stores):
        return 0
    rings_spend(&c.rings, <int32_t>n)
    for i in range(n):
        if loads:
            v = vga_load(c, from_, size)
        elif what == S_MOVS:
            v = get(c.run.rd[from_ >> 8] + from_, size)
        if stores:
            vga_store(c, to, v, size)
        elif size == 1:
            (<uint8_t*>(c.run.wr[to >> 8] + to))[0] = <uint8_t>v
        elif size == 2:
            put16(c.run.wr[to >> 8] + to, v)
        else:
            put32(c.run.wr[to >> 8] + to, v)
        from_ += by
        to += by
    return n


cdef inline bint copy(uint8_t* dst, uint8_t* src, uint32_t n, int size, bint down) noexcept nogil:
    """Copy n elements, up or down from dst and src. The result is that of copying one by one. 0: not done, because
    source and destination of an element overlap."""
    cdef int64_t back = (<int64_t>n - 1) * size * down, ahead = dst - src, i
    cdef int64_t by = -size if down else size
    if down:
        ahead = -ahead
    if ahead <= 0 or ahead >= <int64_t>n * size:
        memmove(dst - back, src - back, n * size)
    elif ahead >= size:                          # a later element reads what an earlier one has written
        for i in range(n):
            memcpy(dst + i * by, src + i * by, size)
    else:
        return 0
    return 1


cdef inline void fill(uint8_t* low, uint32_t v, uint32_t n, int size) noexcept nogil:
    cdef uint32_t done_ = size, whole = n * size
    if size == 1:
        memset(low, v & 255, n)
        return
    memcpy(low, &v, size)
    while done_ < whole:                         # each copy doubles what is filled
        memcpy(low + done_, low, done_ if done_ <= whole - done_ else whole - done_)
        done_ *= 2


cdef inline uint32_t scan(uintptr_t b, uintptr_t a, uint32_t with_, uint32_t n, int size, int32_t by,
                          bint differ) noexcept nogil:
    """How many of n elements at b are equal to those at a, up to the first that is not. a = 0: compare them with
    `with_`. `differ`: count those that are not equal."""
    cdef uint32_t i, v = cut(with_, size)
    cdef void* found
    if size == 1 and by == 1 and a == 0 and differ:
        found = memchr(<void*>b, v, n)
        return n if found == NULL else <uint32_t>(<uintptr_t>found - b)
    for i in range(n):
        if a:
            v = get(a, size)
            a += by
        if (get(b, size) == v) == differ:
            return i
        b += by
    return n


cdef inline Op* string(CPU* c, Op* o, int what, int size, int a) noexcept nogil:
    """One iteration without REP, in memory that is reached at once. All others are string_slow()."""
    cdef uint32_t si = reg(c, 4 * SI, a), di = reg(c, 4 * DI, a)
    cdef uint32_t by = <uint32_t>size * (1 - (c.arch.rest >> 9 & 2))
    cdef uintptr_t p = 0, q = 0
    if what == S_INS or what == S_OUTS:
        return string_slow(c, o, what, size)
    if what != S_STOS and what != S_SCAS:
        if a == 4 and RARELY(si > 0xFFFF):
            return string_slow(c, o, what, size)
        p = plain_at(c, o.seg, si, size)
        if RARELY(p == 0):
            return string_slow(c, o, what, size)
    if what != S_LODS and a == 4 and RARELY(di > 0xFFFF):
        return string_slow(c, o, what, size)
    if what == S_CMPS or what == S_SCAS:
        q = plain_at(c, ES, di, size)
        if RARELY(q == 0):
            return string_slow(c, o, what, size)
    elif what != S_LODS:
        q = plain_to(c, ES, di, size)
        if RARELY(q == 0):
            return string_slow(c, o, what, size)
    if what != S_STOS and what != S_SCAS:
        put_reg(c, 4 * SI, a, si + by)
    if what != S_LODS:
        put_reg(c, 4 * DI, a, di + by)
    element(c, what, p, q, size)
    o = o + 1
    return GO(c, o)


cdef inline void element(CPU* c, int what, uintptr_t p, uintptr_t q, int size) noexcept nogil:
    """What a string instruction does with one element: the source at p, the destination at q."""
    cdef uint32_t v
    if what == S_MOVS:
        poke(q, get(p, size), size)
    elif what == S_STOS:
        poke(q, reg(c, 0, size), size)
    elif what == S_LODS:
        put_reg(c, 0, size, get(p, size))
    else:
        v = get(p, size) if what == S_CMPS else reg(c, 0, size)
        fl_arith(c, v, get(q, size), <uint64_t>v - get(q, size), size)


cdef Op* string_slow(CPU* c, Op* o, int what, int size) noexcept nogil:
    """One iteration without REP, wherever its elements are."""
    if not iteration(c, o, what, size):
        return c.run.go
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef Op* leave_rep(CPU* c, Op* o) noexcept nogil:
    """Leave the block between two iterations. IP stays at the first prefix of the REP, which goes on from there."""
    leave_after(c, o)
    c.arch.ip = o.ip
    c.events.rep_left = c.run.slice_end - <uint64_t>c.run.left
    c.events.rep_last = o.fip - 2
    return NULL


cdef inline Op* repeat(CPU* c, Op* o, int what, int size, Fn long_) noexcept nogil:
    """REP of a few elements in memory that is reached at once. All others are `long_`, repeat_long() for this
    instruction. One iteration was charged with the block."""
    cdef uint32_t n = reg16(P16(c, 4 * CX)), si = reg16(P16(c, 4 * SI)), di = reg16(P16(c, 4 * DI)), back = 0, i
    cdef uint32_t by = <uint32_t>size * (1 - (c.arch.rest >> 9 & 2))
    cdef uintptr_t p = 0, q = 0
    if what == S_INS or what == S_OUTS or RARELY(
            n > SHORT_REP or o.imm & S_A32 or c.run.left < <int64_t>n or at_get_floor(&c.run.floor) != 0):
        return long_(c, o)
    if n == 0:
        o = o + 1
        return GO(c, o)
    if c.arch.rest & F_DF:
        back = (n - 1) * size                    # the first element is the last one of the piece
    if what != S_STOS and what != S_SCAS:
        p = piece_at(c.run.rd, c.arch.sb[o.seg], si - back, n * size)
        if p == 0:
            return long_(c, o)
        p += back
    if what != S_LODS:
        q = piece_at(c.run.wr if what == S_MOVS or what == S_STOS else c.run.rd, c.arch.sb[ES], di - back, n * size)
        if q == 0:
            return long_(c, o)
        q += back
    i = 0
    while True:
        element(c, what, p, q, size)
        i += 1
        if i == n or (what == S_CMPS or what == S_SCAS) and (c.arch.res == 0) == (o.imm & S_REPNE != 0):
            break
        p += <int32_t>by
        q += <int32_t>by
    if what != S_STOS and what != S_SCAS:
        P16(c, 4 * SI)[0] = <uint16_t>(si + by * i)
    if what != S_LODS:
        P16(c, 4 * DI)[0] = <uint16_t>(di + by * i)
    P16(c, 4 * CX)[0] = <uint16_t>(n - i)
    c.run.left -= i - 1
    o = o + 1
    return GO(c, o)


cdef inline Op* repeat_long(CPU* c, Op* o, int what, int size) noexcept nogil:
    """REP of any number of elements anywhere. Each iteration after the first is charged before it begins."""
    cdef bint buffered, many
    if index_reg(c, o, CX) == 0:
        o = o + 1
        return GO(c, o)
    while True:
        many = what != S_INS and what != S_OUTS and bulk(c, o, what, size) != 0
        if many and what != S_MOVS and what != S_STOS:
            c.run.left -= 1                          # do not stop before the iteration that sets AL or the flags
            continue
        if not many:
            if not iteration(c, o, what, size):
                return c.run.go
            step_reg(c, o, CX, -1)
        if what == S_INS and c.reads.ins_count and c.reads.ins_pos == c.reads.ins_count:
            forget_batch(c)                      # the batch is stored; the REP asks for the next one later
            return leave_rep(c, o)
        if index_reg(c, o, CX) == 0:
            break
        if (what == S_CMPS or what == S_SCAS) and (c.arch.res == 0) == (o.imm & S_REPNE != 0):
            break
        buffered = what == S_INS and c.reads.ins_pos < c.reads.ins_count
        if c.run.attn & ~ATTN_LOOK or (c.run.attn and not buffered) or c.run.left < 1 or (
                at_get_floor(&c.run.floor) != 0 and not buffered):
            c.reads.finish = buffered
            return leave_rep(c, o)
        c.run.left -= 1
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)
