# Stack instructions live here: PUSH POP PUSHA POPA PUSHF POPF ENTER LEAVE. Memory is written before SP changes, so that
# an instruction that faults has changed nothing.

cdef inline Op* push(CPU* c, Op* o, uint32_t v, int size) noexcept nogil:
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - size) & 0xFFFF
    cdef uintptr_t p = plain_to(c, SS, sp, size)
    if RARELY(p == 0):
        return push_slow(c, o, v, size)
    poke(p, v, size)
    P16(c, 4 * SP)[0] = <uint16_t>sp
    o = o + 1
    return GO(c, o)


cdef Op* push_slow(CPU* c, Op* o, uint32_t v, int size) noexcept nogil:
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - size) & 0xFFFF
    if not put_any(c, o, SS, sp, v, size):
        return c.run.go
    P16(c, 4 * SP)[0] = <uint16_t>sp
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef inline bint push_more(CPU* c, Op* o, uint32_t v, int size) noexcept nogil:
    """One of several pushes, or one before a jump. 0: it has faulted, and the handler returns c.run.go."""
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - size) & 0xFFFF
    if not put(c, o, SS, sp, v, size):
        return 0
    P16(c, 4 * SP)[0] = <uint16_t>sp
    return 1


cdef inline bint pushes_fault(CPU* c, Op* o, int count, int size) noexcept nogil:
    """Would one of `count` pushes cross the end of the segment? Then the fault is delivered before the first push."""
    cdef uint32_t sp = reg16(P16(c, 4 * SP))
    cdef int i
    if c.m.wraps or (sp & (size - 1)) == 0:
        return 0
    for i in range(count):
        sp = (sp - size) & 0xFFFF
        if sp + size > 0x10000:
            c.run.go = fault(c, o, c.m.ss_vector)
            return 1
    return 0


cdef inline uint64_t pop(CPU* c, Op* o, uint32_t at, int size) noexcept nogil:
    """The value `at` bytes above SP. SP does not change."""
    return ld(c, o, SS, (reg16(P16(c, 4 * SP)) + at) & 0xFFFF, size)


cdef Op* push16_r(CPU* c, Op* o) noexcept nogil:
    return push(c, o, P16(c, o.src)[0], 2)

cdef Op* push32_r(CPU* c, Op* o) noexcept nogil:
    return push(c, o, P32(c, o.src)[0], 4)

cdef Op* push16_i(CPU* c, Op* o) noexcept nogil:
    return push(c, o, o.imm, 2)

cdef Op* push32_i(CPU* c, Op* o) noexcept nogil:
    return push(c, o, o.imm, 4)

cdef Op* push16_s(CPU* c, Op* o) noexcept nogil:
    return push(c, o, c.arch.sb[o.src] >> 4, 2)

cdef Op* push32_s(CPU* c, Op* o) noexcept nogil:
    return push(c, o, c.arch.sb[o.src] >> 4, 4)

cdef Op* push_sp_8086(CPU* c, Op* o) noexcept nogil:
    return push(c, o, reg16(P16(c, 4 * SP)) - 2, 2)


cdef inline Op* pop_r(CPU* c, Op* o, int size) noexcept nogil:
    cdef uintptr_t p = plain_at(c, SS, reg16(P16(c, 4 * SP)), size)
    if RARELY(p == 0):
        return pop_r_slow(c, o, size)
    P16(c, 4 * SP)[0] += size
    put_reg(c, o.dst, size, get(p, size))
    o = o + 1
    return GO(c, o)


cdef Op* pop_r_slow(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint64_t v = load_any(c, o, SS, reg16(P16(c, 4 * SP)), size)
    if v == LOAD_FAILED:
        return c.run.go
    P16(c, 4 * SP)[0] += size
    put_reg(c, o.dst, size, <uint32_t>v)
    o = o + 1
    return GO(c, o)


cdef Op* pop16_r(CPU* c, Op* o) noexcept nogil:
    return pop_r(c, o, 2)

cdef Op* pop32_r(CPU* c, Op* o) noexcept nogil:
    return pop_r(c, o, 4)


cdef inline Op* pop_m(CPU* c, Op* o, int size) noexcept nogil:
    """POP m. An address with ESP as base uses the new ESP: the decoder has added the size to the displacement."""
    cdef uint64_t v = pop(c, o, 0, size)
    cdef uint32_t ea = EA(c, o)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    if ea + size > 0x10000 and c.m.pop_m_half:
        P16(c, 4 * SP)[0] += size
        return fault(c, o, 13)
    if not put(c, o, o.seg, ea, <uint32_t>v, size):
        return c.run.go
    P16(c, 4 * SP)[0] += size
    return done(c, o)


cdef Op* pop16_m(CPU* c, Op* o) noexcept nogil:
    return pop_m(c, o, 2)

cdef Op* pop32_m(CPU* c, Op* o) noexcept nogil:
    return pop_m(c, o, 4)


cdef inline bint pop_segment(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint64_t v = pop(c, o, 0, 2)
    if RARELY(v == LOAD_FAILED):
        return 0
    P16(c, 4 * SP)[0] += size
    c.arch.sb[o.dst] = <uint32_t>v << 4
    return 1


cdef inline Op* pop_s(CPU* c, Op* o, int size) noexcept nogil:
    cdef uintptr_t p = plain_at(c, SS, reg16(P16(c, 4 * SP)), 2)
    if RARELY(p == 0):
        return pop_s_slow(c, o, size)
    P16(c, 4 * SP)[0] += size
    c.arch.sb[o.dst] = get16(p) << 4
    o = o + 1
    return GO(c, o)


cdef Op* pop_s_slow(CPU* c, Op* o, int size) noexcept nogil:
    if not pop_segment(c, o, size):
        return c.run.go
    o = o + 1
    return GO(c, o)


cdef Op* pop16_s(CPU* c, Op* o) noexcept nogil:
    return pop_s(c, o, 2)

cdef Op* pop32_s(CPU* c, Op* o) noexcept nogil:
    return pop_s(c, o, 4)

cdef inline Op* pop_ss(CPU* c, Op* o, int size) noexcept nogil:
    if not pop_segment(c, o, size):
        return c.run.go
    set_shadow(c, o, 1)
    return follow(c, o)

cdef Op* pop16_ss(CPU* c, Op* o) noexcept nogil:
    return pop_ss(c, o, 2)

cdef Op* pop32_ss(CPU* c, Op* o) noexcept nogil:
    return pop_ss(c, o, 4)

cdef Op* pop_cs(CPU* c, Op* o) noexcept nogil:
    """POP CS, on the 8086 only."""
    if not pop_segment(c, o, 2):
        return c.run.go
    c.arch.ip = o.fip
    if RARELY(c.observe.mask & LOOK_HISTORY):
        history_turn(c)
    return jump(c)


cdef inline Op* pusha(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - 8 * size) & 0xFFFF
    cdef uintptr_t p = piece_at(c.run.wr, c.arch.sb[SS], sp, 8 * size)
    cdef int i
    if RARELY(p == 0):
        return pusha_slow(c, o, size)
    for i in range(8):
        poke(p + (7 - i) * size, c.arch.r[i] if size == 4 else reg16(P16(c, 4 * i)), size)
    P16(c, 4 * SP)[0] = <uint16_t>sp
    o = o + 1
    return GO(c, o)


cdef Op* pusha_slow(CPU* c, Op* o, int size) noexcept nogil:
    cdef int i
    cdef uint32_t sp = c.arch.r[SP]
    if pushes_fault(c, o, 8, size):
        return c.run.go
    for i in range(8):
        push_more(c, o, sp if i == SP else c.arch.r[i], size)
    rings_spend(&c.rings, 1)
    return done(c, o)


cdef Op* pusha16(CPU* c, Op* o) noexcept nogil:
    return pusha(c, o, 2)

cdef Op* pusha32(CPU* c, Op* o) noexcept nogil:
    return pusha(c, o, 4)


cdef inline Op* popa(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint32_t sp = reg16(P16(c, 4 * SP))
    cdef uintptr_t p = piece_at(c.run.rd, c.arch.sb[SS], sp, 8 * size)
    cdef int i
    if RARELY(p == 0):
        return popa_slow(c, o, size)
    for i in range(8):
        if i != SP:
            put_reg(c, 4 * i, size, get(p + (7 - i) * size, size))
    P16(c, 4 * SP)[0] = <uint16_t>(sp + 8 * size)
    o = o + 1
    return GO(c, o)


cdef Op* popa_slow(CPU* c, Op* o, int size) noexcept nogil:
    """All reads come first, because they may exit: DI's place, then upwards. The 80286 reads AX's place before the
    others. The value for SP is read and not used."""
    cdef uint32_t v[8]
    cdef uint64_t w
    cdef int i, k
    for k in range(8):
        i = 7 - (k + 7 & 7 if c.m.popa_ax_first else k)
        w = pop(c, o, size * (7 - i), size)
        if RARELY(w == LOAD_FAILED):
            return c.run.go
        v[i] = <uint32_t>w
    P16(c, 4 * SP)[0] += 8 * size
    for i in range(8):
        if i != SP:
            put_reg(c, 4 * i, size, v[i])
    rings_spend(&c.rings, 1)
    return done(c, o)


cdef Op* popa16(CPU* c, Op* o) noexcept nogil:
    return popa(c, o, 2)

cdef Op* popa32(CPU* c, Op* o) noexcept nogil:
    return popa(c, o, 4)


cdef Op* pushf16(CPU* c, Op* o) noexcept nogil:
    return push(c, o, fl_all(c), 2)

cdef Op* pushf32(CPU* c, Op* o) noexcept nogil:
    return push(c, o, fl_all(c) & ~<uint32_t>F_RF, 4)


cdef inline Op* flags_loaded(CPU* c, Op* o) noexcept nogil:
    """The end of POPF, and of its block: an interrupt or INT 1 may be due now."""
    if c.arch.rest & F_TF or (c.arch.rest & F_IF and interrupt_waits(c)):
        return leave_after(c, o)
    return follow(c, o)


cdef inline Op* popf(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint64_t v = pop(c, o, 0, size)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    P16(c, 4 * SP)[0] += size
    if size == 4:
        c.arch.rest &= ~<uint32_t>F_RF
    fl_load(c, <uint32_t>v, c.m.flags_writable if size == 2 else c.m.eflags_writable)
    return flags_loaded(c, o)


cdef Op* popf16(CPU* c, Op* o) noexcept nogil:
    return popf(c, o, 2)

cdef Op* popf32(CPU* c, Op* o) noexcept nogil:
    return popf(c, o, 4)


cdef inline Op* enter_frame(CPU* c, Op* o, int size) noexcept nogil:
    """ENTER imm16, imm8. The chip reads and pushes in turn. Here all reads come before the first push, because they may
    exit. A read of bytes that the instruction itself pushes gets the pushed value, so that the result is the same."""
    cdef int level = o.tip & 31, i, k, b
    cdef uint32_t display[32]
    cdef uint32_t sp = reg16(P16(c, 4 * SP)), bp = reg16(P16(c, 4 * BP)), frame = (sp - size) & 0xFFFF, at, d
    cdef uint64_t v
    if pushes_fault(c, o, level + 1 if level else 1, size):
        return c.run.go
    rings_spend(&c.rings, 1 + (level * level >> 2))
    display[0] = c.arch.r[BP]
    for i in range(1, level):
        at = (bp - size * i) & 0xFFFF
        d = (frame - at) & 0xFFFF
        if d % size == 0 and d < <uint32_t>(size * i):
            display[i] = display[d // size]
            continue
        v = ld(c, o, SS, at, size)
        if RARELY(v == LOAD_FAILED):
            return c.run.go
        for k in range(i):
            for b in range(size):
                d = (at + b - frame + size * k) & 0xFFFF
                if d < <uint32_t>size:           # this byte is one of the k-th push
                    v = v & ~(<uint64_t>0xFF << 8 * b) | <uint64_t>(display[k] >> 8 * d & 0xFF) << 8 * b
        display[i] = <uint32_t>v
    push_more(c, o, c.arch.r[BP], size)
    for i in range(1, level):
        push_more(c, o, display[i], size)
    if level:
        push_more(c, o, (c.arch.r[SP] & 0xFFFF0000U) | frame, size)
    if size == 4:
        c.arch.r[BP] = (c.arch.r[SP] & 0xFFFF0000U) | frame
    else:
        P16(c, 4 * BP)[0] = <uint16_t>frame
    P16(c, 4 * SP)[0] -= <uint16_t>o.imm
    return done(c, o)


cdef Op* enter16(CPU* c, Op* o) noexcept nogil:
    return enter_frame(c, o, 2)

cdef Op* enter32(CPU* c, Op* o) noexcept nogil:
    return enter_frame(c, o, 4)


cdef inline Op* leave_frame(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint32_t bp = reg16(P16(c, 4 * BP))
    cdef uint64_t v = ld(c, o, SS, bp, size)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    P16(c, 4 * SP)[0] = <uint16_t>(bp + size)
    put_reg(c, 4 * BP, size, <uint32_t>v)
    o = o + 1
    return GO(c, o)


cdef Op* leave16(CPU* c, Op* o) noexcept nogil:
    return leave_frame(c, o, 2)

cdef Op* leave32(CPU* c, Op* o) noexcept nogil:
    return leave_frame(c, o, 4)
