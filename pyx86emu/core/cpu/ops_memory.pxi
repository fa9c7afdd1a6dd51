# Frequent instructions with a memory operand live here, each as one op: those that only read it (MUL m, PUSH m, MOVZX
# r,m) and those that read and write it (SHL m, XCHG m, XADD m, BTS m). What an instruction computes stands with its
# register form.
#
# Each has two functions: one that reaches memory at once if it can, and one for all other memory. With LOCK and several
# vCPUs the decoder takes the ops of ops_mov.pxi instead.

cdef enum:                       # what reads
    R_MUL = 0
    R_IMUL = 1
    R_DIV = 2
    R_IDIV = 3
    R_IMUL_RR = 4                # IMUL r, m
    R_IMUL_RI = 5                # IMUL r, m, imm
    R_PUSH = 6
    R_SREG = 7                   # MOV Sreg, m
    R_ZX16 = 8                   # MOVZX and MOVSX to 16 and 32 bits
    R_ZX32 = 9
    R_SX16 = 10
    R_SX32 = 11

cdef enum:                       # what reads and writes; 0 to 7 are the shifts by a constant
    W_BY_CL = 8                  # and 8 to 15 those by CL
    W_XCHG = 16
    W_XADD = 17
    W_CMPXCHG = 18
    W_BTS = 19                   # by an immediate bit number
    W_BTR = 20
    W_BTC = 21
    W_SHLD = 22
    W_SHRD = 23
    W_SHLD_CL = 24
    W_SHRD_CL = 25
    W_SAME = 26                  # a shift by 0


cdef inline Op* use(CPU* c, Op* o, int what, uint32_t v, int size) noexcept nogil:
    """The instruction, now that its operand is read."""
    if what == R_MUL:
        return mul(c, o, v, size)
    if what == R_IMUL:
        return imul(c, o, v, size)
    if what == R_DIV:
        return div(c, o, v, size)
    if what == R_IDIV:
        return idiv(c, o, v, size)
    if what == R_IMUL_RR:
        return imul_to(c, o, reg(c, o.dst, size), v, size)
    if what == R_IMUL_RI:
        return imul_to(c, o, v, cut(o.imm, size), size)
    if what == R_PUSH:
        return push(c, o, v, size)
    if what == R_SREG:
        c.arch.sb[o.dst] = v << 4
    elif what == R_ZX16 or what == R_SX16:
        P16(c, o.dst)[0] = <uint16_t>(v if what == R_ZX16 else <uint32_t>sign(v, size))
    else:
        P32(c, o.dst)[0] = v if what == R_ZX32 else <uint32_t>sign(v, size)
    o = o + 1
    return GO(c, o)


cdef inline Op* read_m(CPU* c, Op* o, int what, int size) noexcept nogil:
    cdef uintptr_t p = plain_at(c, o.seg, EA(c, o), size)
    if RARELY(p == 0):
        return read_m_slow(c, o, what, size)
    return use(c, o, what, get(p, size), size)


cdef Op* read_m_slow(CPU* c, Op* o, int what, int size) noexcept nogil:
    cdef uint64_t v = load_any(c, o, o.seg, EA(c, o), size)
    if v == LOAD_FAILED:
        return c.run.go
    return use(c, o, what, <uint32_t>v, size)


cdef inline uint32_t modified(CPU* c, Op* o, int what, uint32_t a, int size) noexcept nogil:
    """`a`, the memory operand, as the instruction leaves it. Sets the flags, and the register that it changes too."""
    cdef uint32_t b
    if what < W_BY_CL:
        return shift(c, what, a, o.imm, size, LIVE, 1)
    if what < W_XCHG:
        b = P8(c, O_CL)[0] & o.imm               # the model's mask of the count
        return shift(c, what - W_BY_CL, a, b, size, LIVE, 0) if b else a
    if what == W_XCHG:
        b = reg(c, o.src, size)
        put_reg(c, o.src, size, a)
        return b
    if what == W_XADD:
        return added(c, o, a, size)
    if what == W_CMPXCHG:
        return exchanged(c, o, a, size)
    if what <= W_BTC:
        return bit_test(c, what - W_BTS + BTS, a, o.imm, size)
    if what == W_SAME:
        return a
    b = o.imm if what < W_SHLD_CL else P8(c, O_CL)[0]
    return double_shift(c, what == W_SHRD or what == W_SHRD_CL, a, reg(c, o.src, size), b, size)


cdef inline Op* modify_m(CPU* c, Op* o, int what, int size) noexcept nogil:
    cdef uint32_t ea = EA(c, o)
    cdef uintptr_t p = plain_at(c, o.seg, ea, size)
    if RARELY(p == 0):
        return modify_m_slow(c, o, what, size)
    return st(c, o, o.seg, ea, modified(c, o, what, get(p, size), size), size)


cdef Op* modify_m_slow(CPU* c, Op* o, int what, int size) noexcept nogil:
    cdef uint32_t ea = EA(c, o)
    cdef uint64_t v = load_any(c, o, o.seg, ea, size)
    if v == LOAD_FAILED:
        return c.run.go
    return st(c, o, o.seg, ea, modified(c, o, what, <uint32_t>v, size), size)


cdef inline uint32_t bit_ea(CPU* c, Op* o, int size) noexcept nogil:
    """BT m, r: the register is a signed bit offset. The 16-bit address of the word with this bit."""
    return (EA(c, o) + <uint32_t>(sign(reg(c, o.src, size), size) >> (5 if size == 4 else 4)) * size) & 0xFFFF


cdef inline Op* bit_m_of(CPU* c, Op* o, int what, uint32_t ea, uint32_t a, int size) noexcept nogil:
    cdef uint32_t r = bit_test(c, what, a, reg(c, o.src, size), size)
    if what != BT:
        return st(c, o, o.seg, ea, r, size)
    o = o + 1
    return GO(c, o)


cdef inline Op* bit_m(CPU* c, Op* o, int what, int size) noexcept nogil:
    cdef uint32_t ea = bit_ea(c, o, size)
    cdef uintptr_t p = plain_at(c, o.seg, ea, size)
    if RARELY(p == 0):
        return bit_m_slow(c, o, what, size)
    return bit_m_of(c, o, what, ea, get(p, size), size)


cdef Op* bit_m_slow(CPU* c, Op* o, int what, int size) noexcept nogil:
    cdef uint32_t ea = bit_ea(c, o, size)
    cdef uint64_t v = load_any(c, o, o.seg, ea, size)
    if v == LOAD_FAILED:
        return c.run.go
    return bit_m_of(c, o, what, ea, <uint32_t>v, size)
