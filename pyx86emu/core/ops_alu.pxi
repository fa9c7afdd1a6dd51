# ADD OR ADC SBB AND SUB XOR CMP TEST, INC DEC NOT NEG: templates whose constants gcc folds; ops_grid.pxi has
# one line per instance.

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


cdef inline uint32_t alu(CPU* c, int op, uint32_t a, uint32_t b, int size) noexcept nogil:
    """The operation and its flags."""
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
    if op == OR or op == AND or op == TEST or op == XOR:
        fl_logic(c, <uint32_t>r, size)
    else:
        fl_arith(c, a, b, r, size)
    return <uint32_t>r


cdef inline Op* alu_rr(CPU* c, Op* o, int op, int size) noexcept nogil:
    cdef uint32_t r = alu(c, op, reg(c, o.dst, size), reg(c, o.src, size), size)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_ri(CPU* c, Op* o, int op, int size) noexcept nogil:
    cdef uint32_t r = alu(c, op, reg(c, o.dst, size), cut(o.imm, size), size)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_rm(CPU* c, Op* o, int op, int size) noexcept nogil:
    cdef uint32_t r
    cdef uint64_t b = ld(c, o, o.seg, EA(c, o), size)
    if b == LOAD_FAILED:
        return c.go
    r = alu(c, op, reg(c, o.dst, size), <uint32_t>b, size)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_m(CPU* c, Op* o, int op, uint32_t b, int size) noexcept nogil:
    cdef uint32_t ea = EA(c, o), r
    cdef uint64_t a = ld(c, o, o.seg, ea, size)
    if a == LOAD_FAILED:
        return c.go
    r = alu(c, op, <uint32_t>a, b, size)
    if op != CMP and op != TEST:
        return st(c, o, o.seg, ea, r, size)
    o = o + 1
    return GO(c, o)


cdef inline Op* alu_mr(CPU* c, Op* o, int op, int size) noexcept nogil:
    return alu_m(c, o, op, reg(c, o.src, size), size)


cdef inline Op* alu_mi(CPU* c, Op* o, int op, int size) noexcept nogil:
    return alu_m(c, o, op, cut(o.imm, size), size)


cdef inline uint32_t unary(CPU* c, int op, uint32_t a, int size) noexcept nogil:
    cdef uint64_t r
    if op == INC:
        r = <uint64_t>a + 1
        fl_incdec(c, a, 1, r, size)
    elif op == DEC:
        r = <uint64_t>a - 1
        fl_incdec(c, a, 1, r, size)
    elif op == NEG:
        r = 0ULL - a
        fl_arith(c, 0, a, r, size)
    else:
        r = ~a
    return <uint32_t>r


cdef inline Op* unary_r(CPU* c, Op* o, int op, int size) noexcept nogil:
    put_reg(c, o.dst, size, unary(c, op, reg(c, o.dst, size), size))
    o = o + 1
    return GO(c, o)


cdef inline Op* unary_m(CPU* c, Op* o, int op, int size) noexcept nogil:
    cdef uint32_t ea = EA(c, o)
    cdef uint64_t a = ld(c, o, o.seg, ea, size)
    if a == LOAD_FAILED:
        return c.go
    return st(c, o, o.seg, ea, unary(c, op, <uint32_t>a, size), size)
