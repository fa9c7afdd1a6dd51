# MUL IMUL DIV IDIV and the decimal adjustments. Memory operands come through c.tmp.

cdef inline void fl_product(CPU* c, uint32_t low, uint32_t high, bint wide, int size) noexcept nogil:
    """CF and OF: the upper half is needed. The rest is undefined; it follows the upper half as on the 8086."""
    fl_result(c, high, size, wide, wide, 0)


cdef inline Op* mul(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint64_t p = <uint64_t>reg(c, 0, size) * reg(c, o.src, size)
    cdef bint neg = o.imm != 0                   # 8086: REP negates the product
    if neg:
        p = 0 - p
    return product(c, o, p, (p >> 8 * size & ones(size)) != 0, size)


cdef inline Op* imul(CPU* c, Op* o, int size) noexcept nogil:
    cdef int64_t p = <int64_t>sign(reg(c, 0, size), size) * sign(reg(c, o.src, size), size)
    if o.imm != 0:
        p = -p
    return product(c, o, <uint64_t>p, p != sign(<uint32_t>p, size), size)


cdef inline Op* product(CPU* c, Op* o, uint64_t p, bint wide, int size) noexcept nogil:
    if size == 1:
        P16(c, 0)[0] = <uint16_t>p
    elif size == 2:
        P16(c, 4 * AX)[0] = <uint16_t>p
        P16(c, 4 * DX)[0] = <uint16_t>(p >> 16)
    else:
        c.r[AX] = <uint32_t>p
        c.r[DX] = <uint32_t>(p >> 32)
    fl_product(c, <uint32_t>p, <uint32_t>(p >> 8 * size), wide, size)
    o = o + 1
    return GO(c, o)


cdef inline Op* imul_to(CPU* c, Op* o, uint32_t a, uint32_t b, int size) noexcept nogil:
    """IMUL r, r/m and IMUL r, r/m, imm."""
    cdef int64_t p = <int64_t>sign(a, size) * sign(b, size)
    put_reg(c, o.dst, size, <uint32_t>p)
    fl_product(c, <uint32_t>p, <uint32_t>(p >> 8 * size), p != sign(<uint32_t>p, size), size)
    o = o + 1
    return GO(c, o)


cdef inline Op* div(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint64_t n, d = reg(c, o.src, size), q
    n = dividend(c, size)
    if d == 0:
        return fault(c, o, 0)
    q = n // d
    if q >> 8 * size:
        return fault(c, o, 0)
    return quotient(c, o, <uint32_t>q, <uint32_t>(n - q * d), size)


cdef inline Op* idiv(CPU* c, Op* o, int size) noexcept nogil:
    cdef int64_t n, d = sign(reg(c, o.src, size), size), q, r, most = <int64_t>1 << (8 * size - 1)
    if size == 1:
        n = <int16_t>dividend(c, 1)
    elif size == 2:
        n = <int32_t>dividend(c, 2)
    else:
        n = <int64_t>dividend(c, 4)
    if d == 0 or (d == -1 and n == <int64_t>(1ULL << 63)):
        return fault(c, o, 0)
    q = n // d
    r = n - q * d
    if q >= most or q < -most or (q == -most and c.m.idiv_min_faults):
        return fault(c, o, 0)
    if o.imm:                                    # 8086: REP negates the quotient
        q = -q
    return quotient(c, o, <uint32_t>q, <uint32_t>r, size)


cdef inline uint64_t dividend(CPU* c, int size) noexcept nogil:
    if size == 1:
        return P16(c, 0)[0]
    if size == 2:
        return <uint64_t>P16(c, 4 * DX)[0] << 16 | P16(c, 0)[0]
    return <uint64_t>c.r[DX] << 32 | c.r[AX]


cdef inline Op* quotient(CPU* c, Op* o, uint32_t q, uint32_t r, int size) noexcept nogil:
    if size == 1:
        P8(c, O_AL)[0] = <uint8_t>q
        P8(c, O_AH)[0] = <uint8_t>r
    elif size == 2:
        P16(c, 4 * AX)[0] = <uint16_t>q
        P16(c, 4 * DX)[0] = <uint16_t>r
    else:
        c.r[AX] = q
        c.r[DX] = r
    o = o + 1
    return GO(c, o)


cdef Op* mul8(CPU* c, Op* o) noexcept nogil:
    return mul(c, o, 1)

cdef Op* mul16(CPU* c, Op* o) noexcept nogil:
    return mul(c, o, 2)

cdef Op* mul32(CPU* c, Op* o) noexcept nogil:
    return mul(c, o, 4)

cdef Op* imul8(CPU* c, Op* o) noexcept nogil:
    return imul(c, o, 1)

cdef Op* imul16(CPU* c, Op* o) noexcept nogil:
    return imul(c, o, 2)

cdef Op* imul32(CPU* c, Op* o) noexcept nogil:
    return imul(c, o, 4)

cdef Op* div8(CPU* c, Op* o) noexcept nogil:
    return div(c, o, 1)

cdef Op* div16(CPU* c, Op* o) noexcept nogil:
    return div(c, o, 2)

cdef Op* div32(CPU* c, Op* o) noexcept nogil:
    return div(c, o, 4)

cdef Op* idiv8(CPU* c, Op* o) noexcept nogil:
    return idiv(c, o, 1)

cdef Op* idiv16(CPU* c, Op* o) noexcept nogil:
    return idiv(c, o, 2)

cdef Op* idiv32(CPU* c, Op* o) noexcept nogil:
    return idiv(c, o, 4)

cdef Op* imul16_rr(CPU* c, Op* o) noexcept nogil:
    return imul_to(c, o, P16(c, o.dst)[0], P16(c, o.src)[0], 2)

cdef Op* imul32_rr(CPU* c, Op* o) noexcept nogil:
    return imul_to(c, o, P32(c, o.dst)[0], P32(c, o.src)[0], 4)

cdef Op* imul16_ri(CPU* c, Op* o) noexcept nogil:
    return imul_to(c, o, P16(c, o.src)[0], o.imm & 0xFFFF, 2)

cdef Op* imul32_ri(CPU* c, Op* o) noexcept nogil:
    return imul_to(c, o, P32(c, o.src)[0], o.imm, 4)


cdef Op* aam(CPU* c, Op* o) noexcept nogil:
    """AAM Ib: AH, AL = divmod(AL, base). Base 0 faults like DIV; only SF ZF PF are defined."""
    cdef uint8_t al = P8(c, O_AL)[0]
    if o.imm == 0:
        return fault(c, o, 0)
    P8(c, O_AH)[0] = al // <uint8_t>o.imm
    P8(c, O_AL)[0] = al % <uint8_t>o.imm
    fl_logic(c, P8(c, O_AL)[0], 1)
    o = o + 1
    return GO(c, o)


cdef Op* aad(CPU* c, Op* o) noexcept nogil:
    """AAD Ib: AL = AH * base + AL, AH = 0. The flags are those of the addition."""
    cdef uint32_t al = P8(c, O_AL)[0], add = (P8(c, O_AH)[0] * o.imm) & 255
    cdef uint32_t r = al + add
    P16(c, 0)[0] = r & 255
    fl_arith(c, al, add, r, 1)
    o = o + 1
    return GO(c, o)


cdef inline Op* ascii_adjust(CPU* c, Op* o, bint sub) noexcept nogil:
    """AAA, AAS. From the 80286 on the carry out of AL reaches AH."""
    cdef uint32_t ax = P16(c, 0)[0], al = ax & 255, adjust = (al & 15) > 9 or fl_af(c), r
    if adjust:
        if c.m.bcd_8086:
            r = (al - 6 if sub else al + 6) & 255
            ax = r | (((ax >> 8) - 1 if sub else (ax >> 8) + 1) & 255) << 8
        else:
            ax = ax - 0x106 if sub else ax + 0x106
    fl_result(c, ax & 255, 1, adjust, 0, adjust)
    P16(c, 0)[0] = ax & 0xFF0F
    o = o + 1
    return GO(c, o)


cdef Op* aaa(CPU* c, Op* o) noexcept nogil:
    return ascii_adjust(c, o, 0)

cdef Op* aas(CPU* c, Op* o) noexcept nogil:
    return ascii_adjust(c, o, 1)


cdef inline Op* decimal_adjust(CPU* c, Op* o, bint sub) noexcept nogil:
    """DAA, DAS."""
    cdef uint32_t al = P8(c, O_AL)[0], old = al, cf = fl_cf(c), af = fl_af(c), limit = 0x99, carry = 0
    if c.m.bcd_8086 and af:
        limit = 0x9F
    if (old & 15) > 9 or af:
        al = al - 6 if sub else al + 6
        if sub and not c.m.bcd_8086 and old < 6:
            carry = 1
        af = 1
    if old > limit or cf:
        al = al - 0x60 if sub else al + 0x60
        carry = 1
    P8(c, O_AL)[0] = <uint8_t>al
    fl_result(c, al & 255, 1, carry, 0, af)
    o = o + 1
    return GO(c, o)


cdef Op* daa(CPU* c, Op* o) noexcept nogil:
    return decimal_adjust(c, o, 0)

cdef Op* das(CPU* c, Op* o) noexcept nogil:
    return decimal_adjust(c, o, 1)
