# The arithmetic group lives here: ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NOT NEG, for all operands.
#
# The functions are templates. ops_grid.pxi calls each with constants for operation and size, one line per instance, and
# the C compiler makes a handler of each. Names end in the operands, destination first: r register, i immediate, m
# memory.

cdef enum:
    ADD = 0
    OR = 1
    ADC = 2
    SBB = 3
    AND = 4
    SUB = 5
    XOR = 6
    CMP = 7
    TEST = 8
    INC = 0
    DEC = 1
    NOT = 2
    NEG = 3


cdef enum:                       # for the templates: compute the flags, or not, as nothing reads them (peephole.pxi)
    DEAD = 0
    LIVE = 1


cdef inline uint32_t alu(CPU* c, int op, uint32_t a, uint32_t b, int size, bint flags) noexcept nogil:
    """The result of an operation. `flags`: set the flags too."""
    cdef uint64_t r
    if op == OR:
        r = a | b
    elif op == AND or op == TEST:
        r = a & b
    elif op == XOR:
        r = a ^ b
    elif op == ADD:
        r = <uint64_t>a + b
    elif op == ADC:
        r = <uint64_t>a + b + fl_cf(c)
    elif op == SBB:
        r = <uint64_t>a - b - fl_cf(c)
    else:
        r = <uint64_t>a - b
    if flags:
        if op == OR or op == AND or op == TEST or op == XOR:
            fl_logic(c, <uint32_t>r, size)
        else:
            fl_arith(c, a, b, r, size)
    return <uint32_t>r


cdef inline Op* alu_rr(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    cdef uint32_t a = reg(c, o.dst, size) if flags else reg_plain(c, o.dst, size)
    cdef uint32_t r = alu(c, op, a, reg(c, o.src, size), size, flags)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_ri(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    cdef uint32_t a = reg(c, o.dst, size) if flags else reg_plain(c, o.dst, size)
    cdef uint32_t r = alu(c, op, a, cut(o.imm, size), size, flags)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_rm(CPU* c, Op* o, int op, int size, bint flags, int a) noexcept nogil:
    """`a`: the address size."""
    cdef uintptr_t p = operand_at(c, o, effective(c, o, a), size, a)
    if RARELY(p == 0):
        return alu_rm_slow(c, o, op, size, flags, a)
    return alu_rm_of(c, o, op, get(p, size), size, flags)


cdef Op* alu_rm_slow(CPU* c, Op* o, int op, int size, bint flags, int a) noexcept nogil:
    cdef uint64_t b = operand_slow(c, o, effective(c, o, a), size)
    if b == LOAD_FAILED:
        return c.run.go
    return alu_rm_of(c, o, op, <uint32_t>b, size, flags)


# An operation with memory has three functions: one that reads at once if it can, one that takes the slow path, and one
# that computes (_of).

cdef inline Op* alu_rm_of(CPU* c, Op* o, int op, uint32_t b, int size, bint flags) noexcept nogil:
    cdef uint32_t a = reg(c, o.dst, size) if flags else reg_plain(c, o.dst, size)
    cdef uint32_t r = alu(c, op, a, b, size, flags)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_m(CPU* c, Op* o, int op, uint32_t b, int size, int a) noexcept nogil:
    cdef uint32_t ea = effective(c, o, a)
    cdef uintptr_t p = operand_at(c, o, ea, size, a)
    if RARELY(p == 0):
        return alu_m_slow(c, o, op, b, size, a)
    return alu_m_of(c, o, op, ea, get(p, size), b, size)


cdef Op* alu_m_slow(CPU* c, Op* o, int op, uint32_t b, int size, int a) noexcept nogil:
    cdef uint32_t ea = effective(c, o, a)
    cdef uint64_t v = operand_slow(c, o, ea, size)
    if v == LOAD_FAILED:
        return c.run.go
    return alu_m_of(c, o, op, ea, <uint32_t>v, b, size)


cdef inline Op* alu_m_of(CPU* c, Op* o, int op, uint32_t ea, uint32_t a, uint32_t b, int size) noexcept nogil:
    cdef uint32_t r = alu(c, op, a, b, size, LIVE)
    if op != CMP and op != TEST:
        return st(c, o, o.seg, ea, r, size)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_mr(CPU* c, Op* o, int op, int size, int a) noexcept nogil:
    return alu_m(c, o, op, reg(c, o.src, size), size, a)


cdef inline Op* alu_mi(CPU* c, Op* o, int op, int size, int a) noexcept nogil:
    return alu_m(c, o, op, cut(o.imm, size), size, a)


cdef inline uint32_t unary(CPU* c, int op, uint32_t a, int size, bint flags) noexcept nogil:
    cdef uint64_t r
    if op == INC:
        r = <uint64_t>a + 1
    elif op == DEC:
        r = <uint64_t>a - 1
    elif op == NEG:
        r = 0ULL - a
    else:
        r = ~a
    if flags and op == NEG:
        fl_arith(c, 0, a, r, size)
    elif flags and op != NOT:
        fl_incdec(c, a, 1, r, size)
    return <uint32_t>r


cdef inline Op* unary_r(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    cdef uint32_t a = reg(c, o.dst, size) if flags else reg_plain(c, o.dst, size)
    put_reg(c, o.dst, size, unary(c, op, a, size, flags))
    o = o + 1
    return GO(c, o)


cdef inline Op* unary_m(CPU* c, Op* o, int op, int size, int a) noexcept nogil:
    cdef uint32_t ea = effective(c, o, a)
    cdef uintptr_t p = operand_at(c, o, ea, size, a)
    if RARELY(p == 0):
        return unary_m_slow(c, o, op, size, a)
    return st(c, o, o.seg, ea, unary(c, op, get(p, size), size, LIVE), size)


cdef Op* unary_m_slow(CPU* c, Op* o, int op, int size, int a) noexcept nogil:
    cdef uint32_t ea = effective(c, o, a)
    cdef uint64_t v = operand_slow(c, o, ea, size)
    if v == LOAD_FAILED:
        return c.run.go
    return st(c, o, o.seg, ea, unary(c, op, <uint32_t>v, size, LIVE), size)


# -- an operation and the Jcc after it as one op ----------------------------------------------------------------

# The peephole makes these. The Jcc stays as the next op, which keeps the links to the next blocks. The condition is
# computed before the register is written. In the other order the compiler would have to load the flags again: for all
# it knows, the store has changed them.

cdef inline Op* branch_if(CPU* c, Op* o, bint taken) noexcept nogil:
    o = o + 1
    if taken:
        return take(c, o)
    return follow(c, o)


cdef inline Op* alu_rr_jcc(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    cdef uint32_t r = alu(c, op, reg(c, o.dst, size), reg(c, o.src, size), size, LIVE)
    cdef bint taken = fl_cond(c, cc) != negate
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    return branch_if(c, o, taken)


cdef inline Op* alu_ri_jcc(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    cdef uint32_t r = alu(c, op, reg(c, o.dst, size), cut(o.imm, size), size, LIVE)
    cdef bint taken = fl_cond(c, cc) != negate
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    return branch_if(c, o, taken)


cdef inline Op* compared(CPU* c, Op* o, int op, uint32_t a, uint32_t b, int size, int cc, bint negate) noexcept nogil:
    """CMP or TEST, then the Jcc."""
    alu(c, op, a, b, size, LIVE)
    return branch_if(c, o, fl_cond(c, cc) != negate)


cdef inline Op* alu_rm_jcc(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    cdef uintptr_t p = plain_at(c, o.seg, EA(c, o), size)
    if RARELY(p == 0):
        return alu_rm_slow(c, o, op, size, LIVE, 2)  # the Jcc is then executed by itself
    return compared(c, o, op, reg(c, o.dst, size), get(p, size), size, cc, negate)


cdef inline Op* alu_mr_jcc(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    cdef uintptr_t p = plain_at(c, o.seg, EA(c, o), size)
    if RARELY(p == 0):
        return alu_m_slow(c, o, op, reg(c, o.src, size), size, 2)
    return compared(c, o, op, get(p, size), reg(c, o.src, size), size, cc, negate)


cdef inline Op* alu_mi_jcc(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    cdef uintptr_t p = plain_at(c, o.seg, EA(c, o), size)
    if RARELY(p == 0):
        return alu_m_slow(c, o, op, cut(o.imm, size), size, 2)
    return compared(c, o, op, get(p, size), cut(o.imm, size), size, cc, negate)


cdef inline Op* unary_r_jcc(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    cdef uint32_t r = unary(c, op, reg(c, o.dst, size), size, LIVE)
    cdef bint taken = fl_cond(c, cc) != negate
    put_reg(c, o.dst, size, r)
    return branch_if(c, o, taken)
