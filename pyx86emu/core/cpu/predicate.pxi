# Predication lives here: a Jcc that jumps over one to three register instructions does not end its block.
#
# The Jcc becomes a predicate, an op that sets c.run.skip: all ones if the Jcc would jump, else 0. The instructions
# after it are executed in both cases; where `skip` is all ones they keep the old register and the old flags. So an
# unpredictable branch of the guest does not cost the host a misprediction.

cdef enum:
    MOST_PREDICATED = 3          # to execute more for nothing costs as much as an occasional misprediction


cdef inline Op* predicate(CPU* c, Op* o, int cc, bint negate) noexcept nogil:
    """A Jcc whose target is after the next o.src instructions."""
    return predicate_on(c, o, skip_if(c, cc, negate))


cdef inline uint32_t skip_if(CPU* c, int cc, bint negate) noexcept nogil:
    """All ones if the condition is true, else 0."""
    cdef uint32_t condition = fl_cond(c, cc)
    return condition - 1 if negate else 0 - condition


cdef inline Op* predicate_on(CPU* c, Op* o, uint32_t skip) noexcept nogil:
    # Skipped instructions are charged but do not retire. `retired` is slice_end - left, so correct slice_end: the next
    # entry of a block needs `left` and would have to wait for this result.
    c.run.skip = skip
    c.run.slice_end -= o.src & skip
    o = o + 1
    return GO(c, o)


cdef inline uint32_t chosen(CPU* c, uint32_t done, uint32_t skipped) noexcept nogil:
    return either(c.run.skip, skipped, done)


cdef inline uint32_t predicated_alu(CPU* c, int op, uint32_t a, uint32_t b, int size, bint flags) noexcept nogil:
    cdef uint32_t res = c.arch.res, aux = c.arch.aux, cfw = c.arch.cfw, r = alu(c, op, a, b, size, flags)
    if flags:
        fl_unless(c, c.run.skip, res, aux, cfw)
    return chosen(c, r, a)


cdef inline Op* predicated_alu_rr(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    cdef uint32_t r = predicated_alu(c, op, reg(c, o.dst, size), reg(c, o.src, size), size, flags)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* predicated_alu_ri(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    cdef uint32_t r = predicated_alu(c, op, reg(c, o.dst, size), cut(o.imm, size), size, flags)
    if op != CMP and op != TEST:
        put_reg(c, o.dst, size, r)
    o = o + 1
    return GO(c, o)


cdef inline Op* predicated_unary_r(CPU* c, Op* o, int op, int size, bint flags) noexcept nogil:
    cdef uint32_t res = c.arch.res, aux = c.arch.aux, cfw = c.arch.cfw, a = reg(c, o.dst, size)
    put_reg(c, o.dst, size, chosen(c, unary(c, op, a, size, flags), a))
    if flags:
        fl_unless(c, c.run.skip, res, aux, cfw)
    o = o + 1
    return GO(c, o)


cdef inline Op* predicated_mov_rr(CPU* c, Op* o, int size) noexcept nogil:
    put_reg(c, o.dst, size, chosen(c, reg(c, o.src, size), reg(c, o.dst, size)))
    o = o + 1
    return GO(c, o)


cdef inline Op* predicated_mov_ri(CPU* c, Op* o, int size) noexcept nogil:
    put_reg(c, o.dst, size, chosen(c, o.imm, reg(c, o.dst, size)))
    o = o + 1
    return GO(c, o)


# -- an operation and the predicate after it as one op ------------------------------------------------------------

cdef inline Op* alu_ri_predicate(CPU* c, Op* o, int op, int size, int cc, bint negate) noexcept nogil:
    """CMP, then the predicate."""
    alu(c, op, reg(c, o.dst, size), cut(o.imm, size), size, LIVE)
    return predicate_on(c, o + 1, skip_if(c, cc, negate))
