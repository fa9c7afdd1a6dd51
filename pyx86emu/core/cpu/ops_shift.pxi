# Shifts and rotates live here. A shift by n is defined as n shifts by one bit; the formulas here give the same.

cdef enum:
    ROL = 0
    ROR = 1
    RCL = 2
    RCR = 3
    SHL = 4
    SHR = 5
    SETMO = 6
    SAR = 7


cdef inline uint32_t shift(CPU* c, int op, uint32_t a, uint32_t n, int size, bint flags, bint small) noexcept nogil:
    """`a` shifted by n > 0, and the flags. OF is that of the last shift by one bit. `small`: n is below 32."""
    cdef uint32_t w = 8 * size, k, r, cf
    cdef uint64_t wide
    if op == ROL:
        k = n & (w - 1)
        r = cut(a << k | a >> (w - k), size) if k else a
        cf = r & 1
        if flags:
            fl_cf_of(c, cf, (r >> (w - 1)) ^ cf)
    elif op == ROR:
        k = n & (w - 1)
        r = cut(a >> k | a << (w - k), size) if k else a
        cf = r >> (w - 1)
        if flags:
            fl_cf_of(c, cf, cf ^ (r >> (w - 2) & 1))
    elif op == RCL:
        k = n % (w + 1)
        wide = <uint64_t>fl_cf(c) << w | a
        wide = wide << k | wide >> (w + 1 - k)
        r = cut(<uint32_t>wide, size)
        cf = <uint32_t>(wide >> w) & 1
        if flags:
            fl_cf_of(c, cf, (r >> (w - 1)) ^ cf)
    elif op == RCR:
        k = n % (w + 1)
        wide = <uint64_t>fl_cf(c) << w | a
        wide = wide >> k | wide << (w + 1 - k)
        r = cut(<uint32_t>wide, size)
        cf = <uint32_t>(wide >> w) & 1
        if flags:
            fl_cf_of(c, cf, (r >> (w - 1)) ^ (r >> (w - 2) & 1))
    elif op == SHL:
        k = n if n <= w or small and size > 1 else beyond(c, n, size)
        wide = <uint64_t>a << k
        r = cut(<uint32_t>wide, size)
        cf = <uint32_t>(wide >> w) & 1
        if flags:
            fl_result(c, r, size, cf, (r >> (w - 1)) ^ cf, (r >> 4 & 1) | c.m.shl_af)
    elif op == SHR:
        k = n if n <= w or small and size > 1 else beyond(c, n, size)
        r = <uint32_t>(<uint64_t>a >> k)
        cf = <uint32_t>(<uint64_t>a >> (k - 1)) & 1
        if flags:
            fl_result(c, r, size, cf, (r >> (w - 2)) & 1, c.m.sar_af)
    elif op == SAR:
        k = n if n < w else w - 1
        wide = <uint64_t>(<int64_t>sign(a, size) * 2 >> k)
        if n >= w:
            wide = <uint64_t>(<int64_t>sign(a, size) >> (w - 1)) * 2 | (a >> (w - 1))
        r = cut(<uint32_t>(wide >> 1), size)
        cf = <uint32_t>wide & 1
        if flags:
            fl_result(c, r, size, cf, 0, c.m.sar_af)
    else:                                        # SETMO (8086, undocumented): all ones, flags as of OR
        r = cut(0xFFFFFFFFU, size)
        if flags:
            fl_logic(c, r, size)
    return r


cdef inline uint32_t beyond(CPU* c, uint32_t n, int size) noexcept nogil:
    """SHL and SHR by more than the width: a count that shifts out all bits. 80386: with 16 and 24, CF of a byte is that
    of a shift by 8."""
    return 8 if size == 1 and c.m.shift8_again and not n & 7 else 63


cdef inline Op* shift_ri(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    """By a constant. The decoder has masked it, and emits no shift if it is 0."""
    put_reg(c, o.dst, size, shift(c, op, reg(c, o.dst, size), o.imm, size, flags, 1))
    o = o + 1
    return GO(c, o)


cdef inline Op* shift_rc(CPU* c, Op* o, int op, int size) noexcept nogil:
    """By CL. o.imm is the model's mask of the count."""
    cdef uint32_t n = P8(c, O_CL)[0] & o.imm
    if n:
        put_reg(c, o.dst, size, shift(c, op, reg(c, o.dst, size), n, size, LIVE, 0))
    o = o + 1
    return GO(c, o)


cdef inline uint32_t double_shift(CPU* c, bint right, uint32_t a, uint32_t b, uint32_t n, int size) noexcept nogil:
    """`a` after SHLD or SHRD: bits come in from `b`. With a 16-bit operand, from the 17th bit on they come from
    `again`: on most chips the first operand, on the others (shld_again) the second register once more."""
    cdef uint32_t w = 8 * size, r, cf
    cdef uint64_t again = b if c.m.shld_again else a
    cdef uint64_t wide
    n &= 31
    if n == 0:
        return a
    if right:
        wide = <uint64_t>b << w | a
        if size == 2:
            wide |= again << 32
        r = cut(<uint32_t>(wide >> n), size)
        cf = <uint32_t>(wide >> (n - 1)) & 1
        fl_result(c, r, size, cf, (r >> (w - 1)) ^ (r >> (w - 2) & 1), 0)
        return r
    if size == 2:
        wide = <uint64_t>a << 32 | <uint64_t>b << 16 | again
        r = cut(<uint32_t>(wide << n >> 32), 2)
        cf = <uint32_t>(wide >> (48 - n)) & 1
    else:
        wide = <uint64_t>a << 32 | b
        r = <uint32_t>(wide << n >> 32)
        cf = a >> (32 - n) & 1
    fl_result(c, r, size, cf, (r >> (w - 1)) ^ cf, 0)
    return r


cdef inline Op* double_shift_r(CPU* c, Op* o, bint right, uint32_t n, int size) noexcept nogil:
    put_reg(c, o.dst, size, double_shift(c, right, reg(c, o.dst, size), reg(c, o.src, size), n, size))
    o = o + 1
    return GO(c, o)


cdef Op* shld16_i(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 0, o.imm, 2)

cdef Op* shld32_i(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 0, o.imm, 4)

cdef Op* shrd16_i(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 1, o.imm, 2)

cdef Op* shrd32_i(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 1, o.imm, 4)

cdef Op* shld16_c(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 0, P8(c, O_CL)[0], 2)

cdef Op* shld32_c(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 0, P8(c, O_CL)[0], 4)

cdef Op* shrd16_c(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 1, P8(c, O_CL)[0], 2)

cdef Op* shrd32_c(CPU* c, Op* o) noexcept nogil:
    return double_shift_r(c, o, 1, P8(c, O_CL)[0], 4)
