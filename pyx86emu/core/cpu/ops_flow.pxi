# Instructions that change the flow live here: Jcc LOOP JMP CALL RET INT IRET BOUND HLT. All but BOUND end their block.
#
# Each ends with a function of blocks.pxi that finds the next block: follow (the next instruction), take (the target),
# take_guess (an indirect or far target) or return_to.

cdef inline Op* jcc(CPU* c, Op* o, int cc, bint negate) noexcept nogil:
    if fl_cond(c, cc) != negate:
        return take(c, o)
    return follow(c, o)


cdef Op* jcc_out(CPU* c, Op* o) noexcept nogil:
    """Jcc with a target above FFFFh (prefix 66h): #GP if it is taken. o.imm is the condition."""
    if fl_cond(c, o.imm >> 1) ^ (o.imm & 1):
        return fault(c, o, 13)
    return follow(c, o)


cdef Op* jmp_rel(CPU* c, Op* o) noexcept nogil:
    return take(c, o)


cdef Op* fault_gp(CPU* c, Op* o) noexcept nogil:
    """The decoder emits this for #GP: a target, an address or a fetch above FFFFh, or a too long instruction."""
    return fault(c, o, 13)

cdef Op* fault_ss(CPU* c, Op* o) noexcept nogil:
    return fault(c, o, c.m.ss_vector)

cdef Op* fault_ud(CPU* c, Op* o) noexcept nogil:
    return fault(c, o, 6)


cdef inline Op* loop_if(CPU* c, Op* o, bint again) noexcept nogil:
    if not again:
        return follow(c, o)
    if o.imm:                                    # prefix 66h, and the target is above FFFFh
        return fault(c, o, 13)
    return take(c, o)


cdef Op* loop16(CPU* c, Op* o) noexcept nogil:
    P16(c, 4 * CX)[0] -= 1
    return loop_if(c, o, P16(c, 4 * CX)[0] != 0)

cdef Op* loope16(CPU* c, Op* o) noexcept nogil:
    P16(c, 4 * CX)[0] -= 1
    return loop_if(c, o, P16(c, 4 * CX)[0] != 0 and c.arch.res == 0)

cdef Op* loopne16(CPU* c, Op* o) noexcept nogil:
    P16(c, 4 * CX)[0] -= 1
    return loop_if(c, o, P16(c, 4 * CX)[0] != 0 and c.arch.res != 0)

cdef Op* jcxz(CPU* c, Op* o) noexcept nogil:
    return loop_if(c, o, P16(c, 4 * CX)[0] == 0)

cdef Op* loop32(CPU* c, Op* o) noexcept nogil:
    c.arch.r[CX] -= 1
    return loop_if(c, o, c.arch.r[CX] != 0)

cdef Op* loope32(CPU* c, Op* o) noexcept nogil:
    c.arch.r[CX] -= 1
    return loop_if(c, o, c.arch.r[CX] != 0 and c.arch.res == 0)

cdef Op* loopne32(CPU* c, Op* o) noexcept nogil:
    c.arch.r[CX] -= 1
    return loop_if(c, o, c.arch.r[CX] != 0 and c.arch.res != 0)

cdef Op* jecxz(CPU* c, Op* o) noexcept nogil:
    return loop_if(c, o, c.arch.r[CX] == 0)


# Handlers whose name ends in _seen are for blocks of the history (history.pxi): they store where they go.

cdef inline Op* go_to(CPU* c, Op* o, uint32_t ip, bint seen) noexcept nogil:
    """The end of an indirect or far jump or CALL, after its pushes, which may have set c.run.attn."""
    if seen:
        history_place(c, ip)
    if RARELY(c.run.attn):
        leave_after(c, o)
        c.arch.ip = ip
        return NULL
    return take_guess(c, o, ip)


cdef Op* call16_rel(CPU* c, Op* o) noexcept nogil:
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - 2) & 0xFFFF
    cdef uintptr_t p = plain_to(c, SS, sp, 2)
    if RARELY(p == 0):
        return call16_rel_slow(c, o)
    put16(p, o.fip)
    P16(c, 4 * SP)[0] = <uint16_t>sp
    called(c, o)
    return take(c, o)


cdef Op* call16_rel_slow(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, o.tip, 1, 2, 0)

cdef Op* call32_rel(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, o.tip, 1, 4, 0)


cdef inline Op* near_to(CPU* c, Op* o, uint32_t to, bint call, int size, bint seen) noexcept nogil:
    if to > 0xFFFF:
        return fault(c, o, 13)
    if call:
        if not push_more(c, o, o.fip, size):
            return c.run.go
        called(c, o)
    return go_to(c, o, to, seen)


cdef Op* jmp16_r(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P16(c, o.src)[0], 0, 2, 0)

cdef Op* jmp16_r_seen(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P16(c, o.src)[0], 0, 2, 1)

cdef Op* jmp32_r(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P32(c, o.src)[0], 0, 4, 0)

cdef Op* jmp32_r_seen(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P32(c, o.src)[0], 0, 4, 1)

cdef Op* call16_r(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P16(c, o.src)[0], 1, 2, 0)

cdef Op* call16_r_seen(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P16(c, o.src)[0], 1, 2, 1)

cdef Op* call32_r(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P32(c, o.src)[0], 1, 4, 0)

cdef Op* call32_r_seen(CPU* c, Op* o) noexcept nogil:
    return near_to(c, o, P32(c, o.src)[0], 1, 4, 1)


cdef inline Op* far_to(CPU* c, Op* o, uint32_t cs, uint32_t ip, bint call, int size, bint seen) noexcept nogil:
    if ip > 0xFFFF:
        return fault(c, o, 13)
    if call:
        if pushes_fault(c, o, 2, size):
            return c.run.go
        push_more(c, o, c.arch.sb[CS] >> 4, size)
        push_more(c, o, o.fip, size)
        called(c, o)
    c.arch.sb[CS] = (cs & 0xFFFF) << 4
    return go_to(c, o, ip, seen)


cdef Op* jmp_far(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, o.tip, o.imm, 0, 2, 0)

cdef Op* call_far16(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, o.tip, o.imm, 1, 2, 0)

cdef Op* call_far32(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, o.tip, o.imm, 1, 4, 0)

cdef Op* jmp_far_m(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, c.run.tmp2, c.run.tmp, 0, 2, 0)

cdef Op* jmp_far_m_seen(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, c.run.tmp2, c.run.tmp, 0, 2, 1)

cdef Op* call_far16_m(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, c.run.tmp2, c.run.tmp, 1, 2, 0)

cdef Op* call_far16_m_seen(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, c.run.tmp2, c.run.tmp, 1, 2, 1)

cdef Op* call_far32_m(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, c.run.tmp2, c.run.tmp, 1, 4, 0)

cdef Op* call_far32_m_seen(CPU* c, Op* o) noexcept nogil:
    return far_to(c, o, c.run.tmp2, c.run.tmp, 1, 4, 1)


cdef inline Op* back_to(CPU* c, Op* o, uint32_t ip, bint seen) noexcept nogil:
    if seen:
        history_place(c, ip)
    return return_to(c, o, ip)


cdef Op* ret(CPU* c, Op* o, int size, bint seen) noexcept nogil:
    cdef uint64_t ip = pop(c, o, 0, size)
    if ip == LOAD_FAILED:
        return c.run.go
    if ip > 0xFFFF:
        return fault(c, o, 13)
    P16(c, 4 * SP)[0] += <uint16_t>(size + o.imm)
    return back_to(c, o, <uint32_t>ip, seen)


cdef inline Op* ret_word(CPU* c, Op* o, bint seen) noexcept nogil:
    cdef uintptr_t p = plain_at(c, SS, reg16(P16(c, 4 * SP)), 2)
    if RARELY(p == 0):
        return ret(c, o, 2, seen)
    P16(c, 4 * SP)[0] += <uint16_t>(2 + o.imm)
    return back_to(c, o, get16(p), seen)

cdef Op* ret16(CPU* c, Op* o) noexcept nogil:
    return ret_word(c, o, 0)

cdef Op* ret16_seen(CPU* c, Op* o) noexcept nogil:
    return ret_word(c, o, 1)

cdef Op* ret32(CPU* c, Op* o) noexcept nogil:
    return ret(c, o, 4, 0)

cdef Op* ret32_seen(CPU* c, Op* o) noexcept nogil:
    return ret(c, o, 4, 1)


cdef inline Op* retf(CPU* c, Op* o, int size, bint seen) noexcept nogil:
    cdef uintptr_t p = piece_at(c.run.rd, c.arch.sb[SS], reg16(P16(c, 4 * SP)), 2 * size)
    if RARELY(p == 0):
        return retf_slow(c, o, size, seen)
    return retf_to(c, o, get(p, size), get16(p + size), size, seen)


cdef Op* retf_slow(CPU* c, Op* o, int size, bint seen) noexcept nogil:
    cdef uint64_t cs, ip = pop(c, o, 0, size)
    if ip == LOAD_FAILED:
        return c.run.go
    cs = pop(c, o, size, 2)
    if cs == LOAD_FAILED:
        return c.run.go
    return retf_to(c, o, <uint32_t>ip, <uint32_t>cs, size, seen)


cdef inline Op* retf_to(CPU* c, Op* o, uint32_t ip, uint32_t cs, int size, bint seen) noexcept nogil:
    if RARELY(ip > 0xFFFF):
        return fault(c, o, 13)
    P16(c, 4 * SP)[0] += <uint16_t>(2 * size + o.imm)
    c.arch.sb[CS] = cs << 4
    return back_to(c, o, ip, seen)


cdef Op* retf16(CPU* c, Op* o) noexcept nogil:
    return retf(c, o, 2, 0)

cdef Op* retf16_seen(CPU* c, Op* o) noexcept nogil:
    return retf(c, o, 2, 1)

cdef Op* retf32(CPU* c, Op* o) noexcept nogil:
    return retf(c, o, 4, 0)

cdef Op* retf32_seen(CPU* c, Op* o) noexcept nogil:
    return retf(c, o, 4, 1)


cdef inline Op* iret(CPU* c, Op* o, int size, bint seen) noexcept nogil:
    cdef uint32_t sp = reg16(P16(c, 4 * SP))
    cdef uintptr_t p = piece_at(c.run.rd, c.arch.sb[SS], sp, 3 * size)
    if RARELY(p == 0):
        return iret_slow(c, o, size, seen)
    return iret_to(c, o, get(p, size), get16(p + size), get(p + 2 * size, size), size, seen)


cdef Op* iret_slow(CPU* c, Op* o, int size, bint seen) noexcept nogil:
    cdef uint64_t ip, cs, flags
    ip = pop(c, o, 0, size)
    if ip == LOAD_FAILED:
        return c.run.go
    cs = pop(c, o, size, 2)
    if cs == LOAD_FAILED:
        return c.run.go
    flags = pop(c, o, 2 * size, size)
    if flags == LOAD_FAILED:
        return c.run.go
    return iret_to(c, o, <uint32_t>ip, <uint32_t>cs, <uint32_t>flags, size, seen)


cdef inline Op* iret_to(CPU* c, Op* o, uint32_t ip, uint32_t cs, uint32_t flags, int size, bint seen) noexcept nogil:
    if RARELY(ip > 0xFFFF):
        return fault(c, o, 13)
    P16(c, 4 * SP)[0] += 3 * size
    c.arch.sb[CS] = cs << 4
    c.events.nmi_masked = 0
    fl_load(c, flags, c.m.flags_writable if size == 2 else c.m.eflags_writable | F_RF)
    if RARELY(c.arch.rest & F_TF or c.events.nmi or (c.arch.rest & F_IF and interrupt_waits(c))):
        leave_after(c, o)
        c.arch.ip = ip
        return NULL
    return back_to(c, o, ip, seen)


cdef Op* iret16(CPU* c, Op* o) noexcept nogil:
    return iret(c, o, 2, 0)

cdef Op* iret16_seen(CPU* c, Op* o) noexcept nogil:
    return iret(c, o, 2, 1)

cdef Op* iret32(CPU* c, Op* o) noexcept nogil:
    return iret(c, o, 4, 0)

cdef Op* iret32_seen(CPU* c, Op* o) noexcept nogil:
    return iret(c, o, 4, 1)


cdef Op* int_n(CPU* c, Op* o) noexcept nogil:
    return software_int(c, o, o.imm, 0)

cdef Op* int_n_seen(CPU* c, Op* o) noexcept nogil:
    return software_int(c, o, o.imm, 1)

cdef Op* into(CPU* c, Op* o) noexcept nogil:
    if fl_of(c):
        return software_int(c, o, 4, 0)
    return follow(c, o)

cdef Op* into_seen(CPU* c, Op* o) noexcept nogil:
    if fl_of(c):
        return software_int(c, o, 4, 1)
    history_place(c, o.fip)
    return follow(c, o)


cdef inline Op* bound(CPU* c, Op* o, int size) noexcept nogil:
    """BOUND r, m&m: #BR if the signed index is out of bounds. The return address is that of BOUND itself."""
    cdef uint32_t ea = EA(c, o), second = ea + size
    cdef uint64_t lo, hi
    cdef int32_t i = sign(reg(c, o.dst, size), size)
    lo = ld(c, o, o.seg, ea, size)
    if RARELY(lo == LOAD_FAILED):
        return c.run.go
    if second > 0xFFFF:
        if not c.m.word_wraps:
            return fault_beyond(c, o, o.seg)
        second &= 0xFFFF
    hi = ld(c, o, o.seg, second, size)
    if RARELY(hi == LOAD_FAILED):
        return c.run.go
    if i < sign(<uint32_t>lo, size) or i > sign(<uint32_t>hi, size):
        return fault(c, o, 5)
    o = o + 1
    return GO(c, o)


cdef Op* bound16(CPU* c, Op* o) noexcept nogil:
    return bound(c, o, 2)

cdef Op* bound32(CPU* c, Op* o) noexcept nogil:
    return bound(c, o, 4)


cdef Op* hlt(CPU* c, Op* o) noexcept nogil:
    c.events.halted = 1
    return leave_after(c, o)


cdef Op* no_code(CPU* c, Op* o) noexcept nogil:
    """The decoder emits this for an instruction whose bytes are not in RAM or ROM."""
    return internal_error(c, o, ERR_FETCH)


cdef Op* internal_error(CPU* c, Op* o, int what) noexcept nogil:
    """End run() with EXIT_INTERNAL_ERROR before the instruction of `o`: the machine cannot execute it."""
    c.run.why = EXIT_INTERNAL_ERROR
    c.run.error = what
    return leave_at(c, o)
