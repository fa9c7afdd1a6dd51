# System instructions live here: single flags, descriptor tables, control and debug registers, CPUID, ESC and WAIT.

cdef Op* nop(CPU* c, Op* o) noexcept nogil:
    o = o + 1
    return GO(c, o)

cdef Op* clc(CPU* c, Op* o) noexcept nogil:
    fl_set_cf(c, 0)
    o = o + 1
    return GO(c, o)

cdef Op* stc(CPU* c, Op* o) noexcept nogil:
    fl_set_cf(c, 1)
    o = o + 1
    return GO(c, o)

cdef Op* cmc(CPU* c, Op* o) noexcept nogil:
    fl_set_cf(c, fl_cf(c) ^ 1)
    o = o + 1
    return GO(c, o)

cdef Op* cld(CPU* c, Op* o) noexcept nogil:
    c.arch.rest &= ~<uint32_t>F_DF
    o = o + 1
    return GO(c, o)

cdef Op* std(CPU* c, Op* o) noexcept nogil:
    c.arch.rest |= F_DF
    o = o + 1
    return GO(c, o)

cdef Op* cli(CPU* c, Op* o) noexcept nogil:
    c.arch.rest &= ~<uint32_t>F_IF
    o = o + 1
    return GO(c, o)

cdef Op* sti(CPU* c, Op* o) noexcept nogil:
    """If IF was clear, no interrupt is taken before the next instruction is complete."""
    if not c.arch.rest & F_IF:
        set_shadow(c, o, 0)
    c.arch.rest |= F_IF
    if interrupt_waits(c):
        return leave_after(c, o)
    return follow(c, o)


cdef Op* wait(CPU* c, Op* o) noexcept nogil:
    """WAIT without a coprocessor: #NM if CR0 has MP and TS."""
    if c.m.esc_nm and c.system.cr[0] & 10 == 10:
        return fault(c, o, 7)
    o = o + 1
    return GO(c, o)

cdef Op* esc(CPU* c, Op* o) noexcept nogil:
    """ESC without a coprocessor: #NM if CR0 has EM or TS, else no operation."""
    if c.m.esc_nm and c.system.cr[0] & 12:
        return fault(c, o, 7)
    o = o + 1
    return GO(c, o)


cdef inline Op* load_table(CPU* c, Op* o, bint idt) noexcept nogil:
    """LGDT, LIDT: six bytes. o.imm is a mask of the base: 24 bits without prefix 66h."""
    cdef uint32_t ea = EA(c, o)
    cdef uint64_t limit = ld(c, o, o.seg, ea, 2), base
    if RARELY(limit == LOAD_FAILED):
        return c.run.go
    if ea + 6 > 0x10000:
        return fault_beyond(c, o, o.seg)
    base = ld(c, o, o.seg, ea + 2, 4)
    if RARELY(base == LOAD_FAILED):
        return c.run.go
    if idt:
        c.system.idt_limit = <uint32_t>limit
        c.system.idt_base = <uint32_t>base & o.imm
    else:
        c.system.gdt_limit = <uint32_t>limit
        c.system.gdt_base = <uint32_t>base & o.imm
    o = o + 1
    return GO(c, o)


cdef Op* lgdt(CPU* c, Op* o) noexcept nogil:
    return load_table(c, o, 0)

cdef Op* lidt(CPU* c, Op* o) noexcept nogil:
    return load_table(c, o, 1)


cdef inline Op* store_table(CPU* c, Op* o, uint32_t limit, uint32_t base) noexcept nogil:
    cdef uint32_t ea = EA(c, o)
    if ea + 6 > 0x10000:
        return fault_beyond(c, o, o.seg)
    if c.m.level == 2:                           # 80286: the sixth byte is FFh
        base |= 0xFF000000U
    if not put(c, o, o.seg, ea, limit, 2) or not put(c, o, o.seg, ea + 2, base, 4):
        return c.run.go
    return done(c, o)


cdef Op* sgdt(CPU* c, Op* o) noexcept nogil:
    return store_table(c, o, c.system.gdt_limit, c.system.gdt_base)

cdef Op* sidt(CPU* c, Op* o) noexcept nogil:
    return store_table(c, o, c.system.idt_limit, c.system.idt_base)


cdef Op* smsw(CPU* c, Op* o) noexcept nogil:
    """SMSW to the register or to c.run.tmp."""
    P16(c, o.dst)[0] = <uint16_t>c.system.cr[0]
    o = o + 1
    return GO(c, o)

cdef Op* smsw32(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = c.system.cr[0]
    o = o + 1
    return GO(c, o)

cdef Op* lmsw(CPU* c, Op* o) noexcept nogil:
    """LMSW sets MP EM TS. PE would switch to protected mode, which this machine does not have."""
    cdef uint32_t v = P16(c, o.src)[0]
    if v & 1:
        return internal_error(c, o, ERR_PE)
    c.system.cr[0] = (c.system.cr[0] & ~14U) | (v & 14)
    o = o + 1
    return GO(c, o)

cdef Op* clts(CPU* c, Op* o) noexcept nogil:
    c.system.cr[0] &= ~8U
    o = o + 1
    return GO(c, o)


cdef Op* mov_from_cr(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = c.system.cr[o.imm]
    o = o + 1
    return GO(c, o)

cdef Op* mov_to_cr(CPU* c, Op* o) noexcept nogil:
    cdef uint32_t v = P32(c, o.src)[0]
    if o.imm == 0:
        if v & 1:
            return internal_error(c, o, ERR_PE)
        if v & 0x80000000U or (v & 0x20000000U and not v & 0x40000000U and c.m.level >= 4):
            return fault(c, o, 13)               # paging without protection; NW without CD
        v = (v & 0xE005003FU) | 0x10 if c.m.level >= 4 else (v & 0x8000001FU)
    c.system.cr[o.imm] = v
    o = o + 1
    return GO(c, o)

cdef Op* mov_from_dr(CPU* c, Op* o) noexcept nogil:
    """DR4 and DR5 are DR6 and DR7: there is no CR4.DE."""
    if c.system.dr[7] & DR7_GD:
        return general_detect(c, o)
    P32(c, o.dst)[0] = c.system.dr[o.imm | 2 if o.imm >= 4 else o.imm]
    o = o + 1
    return GO(c, o)

cdef Op* mov_to_dr(CPU* c, Op* o) noexcept nogil:
    """Leaves its block, because the next instruction may have a breakpoint now."""
    if c.system.dr[7] & DR7_GD:
        return general_detect(c, o)
    set_dr(c, o.imm | 2 if o.imm >= 4 else o.imm, P32(c, o.src)[0])
    return leave_after(c, o)

cdef Op* mov_from_tr(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = c.system.tr[o.imm]
    o = o + 1
    return GO(c, o)

cdef Op* mov_to_tr(CPU* c, Op* o) noexcept nogil:
    c.system.tr[o.imm] = P32(c, o.src)[0]
    o = o + 1
    return GO(c, o)


cdef Op* cpuid(CPU* c, Op* o) noexcept nogil:
    """A 486DX2 with a time-stamp counter and no FPU: family 4, model 3, stepping 5."""
    if c.arch.r[AX] == 0:
        c.arch.r[AX] = 1
        c.arch.r[BX] = 0x756E6547                     # GenuineIntel
        c.arch.r[DX] = 0x49656E69
        c.arch.r[CX] = 0x6C65746E
    else:
        c.arch.r[AX] = 0x435
        c.arch.r[BX] = 0
        c.arch.r[CX] = 0
        c.arch.r[DX] = 0x10
    o = o + 1
    return GO(c, o)

cdef Op* rdtsc(CPU* c, Op* o) noexcept nogil:
    """RDTSC counts guest time in nanoseconds."""
    cdef uint64_t t = now_ns(c, o)
    c.arch.r[AX] = <uint32_t>t
    c.arch.r[DX] = <uint32_t>(t >> 32)
    o = o + 1
    return GO(c, o)


cdef Op* prefix_run(CPU* c, Op* o) noexcept nogil:
    """8086: fifteen prefixes count as an instruction of their own. Segment and REP are kept for the next one."""
    c.events.carry = 1
    c.events.carry_seg = <int>(o.imm & 255) - 1
    c.events.carry_rep = <int>(o.imm >> 8)
    return leave_after(c, o)
