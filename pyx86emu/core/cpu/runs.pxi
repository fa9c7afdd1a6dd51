# Runs live here: several PUSH or POP of registers in a row as one op (see peephole.pxi).
#
# The words of a run are accessed at once if none of them crosses a multiple of 16, their granules are RAM of one slot,
# and SP does not wrap. Else the first op does its own part, and the others are executed one by one.

cdef inline Op* push16_r_run(CPU* c, Op* o, int n) noexcept nogil:
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - 2 * n) & 0xFFFF, pa = c.arch.sb[SS] + sp
    cdef uintptr_t p = c.run.wr[pa >> 8]
    if RARELY(p == 0 or sp & 1 or sp > <uint32_t>(0x10000 - 2 * n) or c.run.wr[(pa + 2 * n - 2) >> 8] != p):
        return push16_r(c, o)
    p += pa
    put16(p + 2 * n - 2, reg16(P16(c, o.src)))
    put16(p + 2 * n - 4, reg16(P16(c, o[1].src)))
    if n > 2: put16(p + 2 * n - 6, reg16(P16(c, o[2].src)))
    if n > 3: put16(p + 2 * n - 8, reg16(P16(c, o[3].src)))
    if n > 4: put16(p + 2 * n - 10, reg16(P16(c, o[4].src)))
    if n > 5: put16(p + 2 * n - 12, reg16(P16(c, o[5].src)))
    if n > 6: put16(p + 2 * n - 14, reg16(P16(c, o[6].src)))
    if n > 7: put16(p, reg16(P16(c, o[7].src)))
    P16(c, 4 * SP)[0] = <uint16_t>sp
    o = o + n
    return GO(c, o)


cdef inline Op* pop16_r_run(CPU* c, Op* o, int n) noexcept nogil:
    cdef uint32_t sp = reg16(P16(c, 4 * SP)), pa = c.arch.sb[SS] + sp
    cdef uintptr_t p = c.run.rd[pa >> 8]
    if RARELY(p == 0 or sp & 1 or sp > <uint32_t>(0x10000 - 2 * n) or c.run.rd[(pa + 2 * n - 2) >> 8] != p):
        return pop16_r(c, o)
    p += pa
    P16(c, 4 * SP)[0] = <uint16_t>(sp + 2 * n)
    P16(c, o.dst)[0] = <uint16_t>get16(p)
    P16(c, o[1].dst)[0] = <uint16_t>get16(p + 2)
    if n > 2: P16(c, o[2].dst)[0] = <uint16_t>get16(p + 4)
    if n > 3: P16(c, o[3].dst)[0] = <uint16_t>get16(p + 6)
    if n > 4: P16(c, o[4].dst)[0] = <uint16_t>get16(p + 8)
    if n > 5: P16(c, o[5].dst)[0] = <uint16_t>get16(p + 10)
    if n > 6: P16(c, o[6].dst)[0] = <uint16_t>get16(p + 12)
    if n > 7: P16(c, o[7].dst)[0] = <uint16_t>get16(p + 14)
    o = o + n
    return GO(c, o)
