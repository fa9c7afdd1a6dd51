# Multiplication, division and decimal adjustment live here: MUL IMUL DIV IDIV, AAA AAS DAA DAS AAM AAD.
#
# ops_memory.pxi has the forms with a memory operand. Intel leaves many flags undefined here. They are set as the
# SingleStepTests vectors of each chip show them; models.py names the vectors.

cdef inline void fl_product(CPU* c, uint32_t high, bint wide, int size) noexcept nogil:
    """CF and OF are `wide`: the product does not fit in the lower half. The others are undefined; SF ZF PF are those of
    the upper half."""
    fl_result(c, high, size, wide, wide, c.m.mul_af)


cdef inline void fl_signed_product(CPU* c, uint64_t p, bint wide, int size) noexcept nogil:
    """IMUL. The 8086 adds the sign bit of the lower half to the upper half; its flags are those of this addition."""
    cdef uint32_t high = cut(<uint32_t>(p >> 8 * size), size), sum_
    if not c.m.imul_adds:
        fl_product(c, high, wide, size)
        return
    sum_ = high + <uint32_t>(p >> (8 * size - 1) & 1)
    fl_result(c, sum_, size, wide, wide, (high ^ sum_) >> 4 & 1)


cdef inline Op* mul(CPU* c, Op* o, uint32_t by, int size) noexcept nogil:
    cdef uint64_t p = <uint64_t>reg(c, 0, size) * by
    cdef bint neg = o.imm != 0                   # 8086: REP negates the product
    if neg:
        p = 0 - p
    fl_product(c, <uint32_t>(p >> 8 * size), (p >> 8 * size & ones(size)) != 0, size)
    return product(c, o, p, size)


cdef inline Op* imul(CPU* c, Op* o, uint32_t by, int size) noexcept nogil:
    cdef int64_t p = <int64_t>sign(reg(c, 0, size), size) * sign(by, size)
    if o.imm != 0:
        p = -p
    fl_signed_product(c, <uint64_t>p, p != sign(<uint32_t>p, size), size)
    return product(c, o, <uint64_t>p, size)


cdef inline Op* product(CPU* c, Op* o, uint64_t p, int size) noexcept nogil:
    if size == 1:
        P16(c, 0)[0] = <uint16_t>p
    elif size == 2:
        P16(c, 4 * AX)[0] = <uint16_t>p
        P16(c, 4 * DX)[0] = <uint16_t>(p >> 16)
    else:
        c.arch.r[AX] = <uint32_t>p
        c.arch.r[DX] = <uint32_t>(p >> 32)
    o = o + 1
    return GO(c, o)


cdef inline Op* imul_to(CPU* c, Op* o, uint32_t a, uint32_t b, int size) noexcept nogil:
    """IMUL r, r/m and IMUL r, r/m, imm."""
    cdef int64_t p = <int64_t>sign(a, size) * sign(b, size)
    put_reg(c, o.dst, size, <uint32_t>p)
    fl_product(c, <uint32_t>(p >> 8 * size), p != sign(<uint32_t>p, size), size)
    o = o + 1
    return GO(c, o)


cdef inline Op* div(CPU* c, Op* o, uint32_t by, int size) noexcept nogil:
    cdef uint64_t n, d = by, q
    cdef uint32_t r
    n = dividend(c, size)
    if d == 0 or n >> 8 * size >= d:
        fl_overflow(c, n, <uint32_t>d, size)
        return fault(c, o, 0)
    if size == 4:
        q = n // d
    else:                                        # the host divides 32 bits faster than 64
        q = <uint32_t>n // <uint32_t>d
    r = <uint32_t>(n - q * d)
    if c.m.div_flags == DIV_8086:
        fl_last_compare(c, n, <uint32_t>d, <uint32_t>q, r, size)
    elif c.m.div_flags == DIV_80286:
        fl_remainder(c, r, not q & 1 or r + d >> 8 * size != 0, size)
    return quotient(c, o, <uint32_t>q, r, size)


cdef inline Op* idiv(CPU* c, Op* o, uint32_t by, int size) noexcept nogil:
    cdef int64_t n, d = sign(by, size), q, r, most = <int64_t>1 << (8 * size - 1)
    cdef uint32_t left
    if size == 1:
        n = <int16_t>dividend(c, 1)
    elif size == 2:
        n = <int32_t>dividend(c, 2)
    else:
        n = <int64_t>dividend(c, 4)
    if d == 0 or (d == -1 and n == <int64_t>(1ULL << 63)):
        fl_signed_overflow(c, n, <int32_t>d, size, &left)
        return fault(c, o, 0)
    q = n // d
    r = n - q * d
    if q >= most or q < -most or (q == -most and c.m.idiv_min_faults):
        if fl_signed_overflow(c, n, <int32_t>d, size, &left):
            return fault(c, o, 0)
        return quotient(c, o, <uint32_t>most, left, size)
    if c.m.div_flags == DIV_8086:
        fl_last_compare(c, magnitude(n), <uint32_t>magnitude(d), <uint32_t>magnitude(q), <uint32_t>magnitude(r), size)
        fl_cf_of(c, 0, 0)
    elif c.m.div_flags == DIV_80286:
        fl_remainder(c, <uint32_t>r, d > 0, size)
    if o.imm:                                    # 8086: REP negates the quotient
        q = -q
    return quotient(c, o, <uint32_t>q, <uint32_t>r, size)


cdef inline uint64_t magnitude(int64_t v) noexcept nogil:
    return 0 - <uint64_t>v if v < 0 else <uint64_t>v


cdef inline uint64_t dividend(CPU* c, int size) noexcept nogil:
    if size == 1:
        return P16(c, 0)[0]
    if size == 2:
        return <uint64_t>P16(c, 4 * DX)[0] << 16 | P16(c, 0)[0]
    return <uint64_t>c.arch.r[DX] << 32 | c.arch.r[AX]


cdef inline Op* quotient(CPU* c, Op* o, uint32_t q, uint32_t r, int size) noexcept nogil:
    if size == 1:
        P8(c, O_AL)[0] = <uint8_t>q
        P8(c, O_AH)[0] = <uint8_t>r
    elif size == 2:
        P16(c, 4 * AX)[0] = <uint16_t>q
        P16(c, 4 * DX)[0] = <uint16_t>r
    else:
        c.arch.r[AX] = q
        c.arch.r[DX] = r
    o = o + 1
    return GO(c, o)


# The flags after a division. The 8086 and the 80286 divide bit by bit, with a shift and a compare for each, and leave
# the flags as one of these steps has set them.

cdef enum:
    DIV_8086 = 1                                 # of the model's div_flags; 0: a division changes no flag
    DIV_80286 = 2


cdef inline void fl_last_compare(CPU* c, uint64_t n, uint32_t d, uint32_t q, uint32_t r, int size) noexcept nogil:
    """8086: the flags after n // d = q, remainder r. While the divisor's top bit is 0 no shift moves out a 1, as each
    partial remainder is below the divisor. So the last step compares, and what it compares is the remainder before
    its subtraction. Other divisors take the steps one by one."""
    cdef uint32_t compared = r + (d if q & 1 else 0)
    if RARELY(d >> (8 * size - 1)):
        fl_compares(c, n, d, size)
        return
    fl_arith(c, compared, d, <uint64_t>compared - d, size)
    fl_set_cf(c, q >> (8 * size - 1) & 1 ^ 1)


cdef void fl_compares(CPU* c, uint64_t n, uint32_t d, int size) noexcept nogil:
    """8086: the flags are those of the last compare. A step whose shift moves out a 1 needs no compare. CF is the
    inverse of the quotient's top bit."""
    cdef uint32_t w = 8 * size, a = <uint32_t>(n >> w), low = cut(<uint32_t>n, size), compared = a, q = 0, out, i
    if a >= d:                                   # the quotient does not fit: #DE at once
        fl_arith(c, a, d, <uint64_t>a - d, size)
        return
    for i in range(w):
        out = a >> (w - 1)
        a = cut(a << 1 | low >> (w - 1), size)
        low = cut(low << 1, size)
        if not out:
            compared = a
        q <<= 1
        if out or a >= d:
            a = cut(a - d, size)
            q |= 1
    fl_arith(c, compared, d, <uint64_t>compared - d, size)
    fl_set_cf(c, q >> (w - 1) ^ 1)


cdef inline void fl_remainder(CPU* c, uint32_t r, bint carry, int size) noexcept nogil:
    """80286: SF ZF PF are those of the remainder; CF and OF are the carry of the last step."""
    fl_result(c, r, size, carry, carry, 1)


cdef void fl_overflow(CPU* c, uint64_t n, uint32_t d, int size) noexcept nogil:
    """DIV faults. The 80286 finds the overflow only after as many compares as the quotient has bits."""
    cdef uint32_t w = 8 * size, a = <uint32_t>(n >> w), low = cut(<uint32_t>n, size), out = 0, i
    if not c.m.de_flags:
        return
    if c.m.div_flags == DIV_8086:
        fl_compares(c, n, d, size)
        return
    for i in range(w - 1):
        if out or a >= d:
            a = cut(a - d, size)
        out = a >> (w - 1)
        a = cut(a << 1 | low >> (w - 1), size)
        low = cut(low << 1, size)
    fl_arith(c, a, d, <uint64_t>a - d, size)


cdef bint fl_signed_overflow(CPU* c, int64_t n, int32_t d, int size, uint32_t* left) noexcept nogil:
    """IDIV overflows. Returns whether it faults. The 80286 divides to the end, ignores a bit that the shift moved out,
    and tests the result only then. So it does not fault if the result is negative and the quotient is 80h (8000h).
    `left` becomes the remainder in this case."""
    cdef uint32_t w = 8 * size, a = cut(<uint32_t>(n >> w), size), low = cut(<uint32_t>n, size), q = 0, i
    cdef uint64_t r
    cdef bint add = (n < 0) != (d < 0)
    if not c.m.de_flags:
        return 1
    if c.m.div_flags == DIV_8086:
        fl_compares(c, magnitude(n), <uint32_t>magnitude(d), size)
        return 1
    for i in range(w):
        a = cut(a << 1 | low >> (w - 1), size)
        low = cut(low << 1, size)
        r = step(a, d, add, size)
        q <<= 1
        if carry_of(r, size) == (d < 0):
            a = cut(<uint32_t>r, size)
            q |= 1
    r = step(a, d, add, size)                    # one more: the remainder may equal the divisor
    left[0] = a if cut(<uint32_t>r, size) else 0
    fl_remainder(c, left[0], carry_of(r, size), size)
    return not (c.m.idiv_misses and add and q == 1U << (w - 1) and left[0] == a)


cdef inline uint64_t step(uint32_t a, int32_t d, bint add, int size) noexcept nogil:
    """One step of a signed division: add or subtract the divisor, to bring the partial remainder nearer to 0."""
    return <uint64_t>a + cut(d, size) if add else <uint64_t>a - cut(d, size)


cdef inline bint carry_of(uint64_t r, int size) noexcept nogil:
    return r >> 8 * size & 1


cdef Op* mul8(CPU* c, Op* o) noexcept nogil:
    return mul(c, o, P8(c, o.src)[0], 1)

cdef Op* mul16(CPU* c, Op* o) noexcept nogil:
    return mul(c, o, P16(c, o.src)[0], 2)

cdef Op* mul32(CPU* c, Op* o) noexcept nogil:
    return mul(c, o, P32(c, o.src)[0], 4)

cdef Op* imul8(CPU* c, Op* o) noexcept nogil:
    return imul(c, o, P8(c, o.src)[0], 1)

cdef Op* imul16(CPU* c, Op* o) noexcept nogil:
    return imul(c, o, P16(c, o.src)[0], 2)

cdef Op* imul32(CPU* c, Op* o) noexcept nogil:
    return imul(c, o, P32(c, o.src)[0], 4)

cdef Op* div8(CPU* c, Op* o) noexcept nogil:
    return div(c, o, P8(c, o.src)[0], 1)

cdef Op* div16(CPU* c, Op* o) noexcept nogil:
    return div(c, o, P16(c, o.src)[0], 2)

cdef Op* div32(CPU* c, Op* o) noexcept nogil:
    return div(c, o, P32(c, o.src)[0], 4)

cdef Op* idiv8(CPU* c, Op* o) noexcept nogil:
    return idiv(c, o, P8(c, o.src)[0], 1)

cdef Op* idiv16(CPU* c, Op* o) noexcept nogil:
    return idiv(c, o, P16(c, o.src)[0], 2)

cdef Op* idiv32(CPU* c, Op* o) noexcept nogil:
    return idiv(c, o, P32(c, o.src)[0], 4)

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
        fl_overflow(c, al, 0, 1)
        return fault(c, o, 0)
    P8(c, O_AH)[0] = al // <uint8_t>o.imm
    P8(c, O_AL)[0] = al % <uint8_t>o.imm
    fl_logic(c, P8(c, O_AL)[0], 1)
    o = o + 1
    return GO(c, o)


cdef Op* aad(CPU* c, Op* o) noexcept nogil:
    """AAD Ib: AL = AH * base + AL, AH = 0. The flags are those of the addition, but on the 80286 OF equals CF."""
    cdef uint32_t al = P8(c, O_AL)[0], add = (P8(c, O_AH)[0] * o.imm) & 255
    cdef uint32_t r = al + add
    P16(c, 0)[0] = r & 255
    fl_arith(c, al, add, r, 1)
    if c.m.aad_of_is_cf:
        fl_cf_of(c, fl_cf(c), fl_cf(c))
    o = o + 1
    return GO(c, o)


cdef inline uint32_t adjusted_of(uint32_t al, uint32_t by, bint sub) noexcept nogil:
    """OF of AL + `by` or AL - `by`. The chips add or subtract 6 and 60h together, as one number."""
    cdef uint32_t r = al - by if sub else al + by
    return ((al ^ r) & (al ^ by if sub else by ^ r)) >> 7 & 1


cdef inline Op* ascii_adjust(CPU* c, Op* o, bint sub) noexcept nogil:
    """AAA, AAS. From the 80286 on a carry out of AL goes into AH."""
    cdef uint32_t ax = P16(c, 0)[0], al = ax & 255, adjust = (al & 15) > 9 or fl_af(c), r
    if adjust:
        if c.m.bcd_8086:
            r = (al - 6 if sub else al + 6) & 255
            ax = r | (((ax >> 8) - 1 if sub else (ax >> 8) + 1) & 255) << 8
        else:
            ax = ax - 0x106 if sub else ax + 0x106
    fl_result(c, ax & 255, 1, adjust, adjusted_of(al, 6 if adjust else 0, sub), adjust)
    P16(c, 0)[0] = ax & 0xFF0F
    o = o + 1
    return GO(c, o)


cdef Op* aaa(CPU* c, Op* o) noexcept nogil:
    return ascii_adjust(c, o, 0)

cdef Op* aas(CPU* c, Op* o) noexcept nogil:
    return ascii_adjust(c, o, 1)


cdef inline Op* decimal_adjust(CPU* c, Op* o, bint sub) noexcept nogil:
    """DAA, DAS."""
    cdef uint32_t al = P8(c, O_AL)[0], cf = fl_cf(c), af = fl_af(c), limit = 0x99, carry = 0, by = 0, r
    if c.m.bcd_8086 and af:
        limit = 0x9F
    if (al & 15) > 9 or af:
        by = 6
        if sub and not c.m.bcd_8086 and al < 6:
            carry = 1
    if al > limit or cf:
        by += 0x60
        carry = 1
    r = al - by if sub else al + by
    P8(c, O_AL)[0] = <uint8_t>r
    fl_result(c, r & 255, 1, carry, adjusted_of(al, by, sub), (by & 6) != 0)
    o = o + 1
    return GO(c, o)


cdef Op* daa(CPU* c, Op* o) noexcept nogil:
    return decimal_adjust(c, o, 0)

cdef Op* das(CPU* c, Op* o) noexcept nogil:
    return decimal_adjust(c, o, 1)
