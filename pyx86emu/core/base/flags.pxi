# Lazy flags live here: the only file that computes CF PF AF ZF SF OF.
#
# Most flags are overwritten before anything reads them. So an instruction stores three words, and a flag is computed
# from them when something reads it:
#
#   res  the last result, sign-extended. It gives ZF, SF and PF.
#   aux  bit 31: carry out of the top bit. Bit 30: carry into the top bit. The two give OF.
#        Bit 3, 19 or 27, for operands of 4, 2 or 1 bytes (bit 3 also for single flags): AF.
#        Bits 0 and 1 invert SF and PF: POPF can set combinations that no result has.
#   cfw  bit 31: CF. It has a word of its own because INC and DEC leave CF unchanged.

cdef uint8_t PARITY[256]


cdef void init_parity() noexcept:
    cdef int i, n, b
    for i in range(256):
        n = 0
        for b in range(8):
            n += i >> b & 1
        PARITY[i] = <uint8_t>(1 - (n & 1))


init_parity()


cdef inline uint32_t carries(uint32_t a, uint32_t b, uint64_t r, int size) noexcept nogil:
    """aux of a + b = r or a - b = r; r holds the carry above its top bit."""
    if size == 1:
        return ((a ^ b ^ <uint32_t>r) & 0x190) << 23
    if size == 2:
        return ((a ^ b ^ <uint32_t>r) & 0x18010) << 15
    return <uint32_t>(((a ^ b ^ r) & 0x180000010ULL) >> 1)


cdef inline void put_res(CPU* c, uint64_t r, int size) noexcept nogil:
    if size == 1:
        c.arch.res = <int8_t>r
    elif size == 2:
        c.arch.res = <int16_t>r
    else:
        c.arch.res = <int32_t>r


cdef inline void fl_arith(CPU* c, uint32_t a, uint32_t b, uint64_t r, int size) noexcept nogil:
    cdef uint32_t x = carries(a, b, r, size)
    put_res(c, r, size)
    c.arch.aux = x
    c.arch.cfw = x


cdef inline void fl_incdec(CPU* c, uint32_t a, uint32_t b, uint64_t r, int size) noexcept nogil:
    c.arch.aux = carries(a, b, r, size)
    put_res(c, r, size)


cdef inline void fl_logic(CPU* c, uint32_t r, int size) noexcept nogil:
    put_res(c, r, size)
    c.arch.aux = 0
    c.arch.cfw = 0


cdef inline uint32_t fl_cf(CPU* c) noexcept nogil:
    return c.arch.cfw >> 31

cdef inline uint32_t fl_of(CPU* c) noexcept nogil:
    return (c.arch.aux ^ c.arch.aux << 1) >> 31

cdef inline uint32_t fl_af(CPU* c) noexcept nogil:
    return (c.arch.aux & 0x08080008U) != 0

cdef inline uint32_t fl_zf(CPU* c) noexcept nogil:
    return c.arch.res == 0

cdef inline uint32_t fl_sf(CPU* c) noexcept nogil:
    return (<uint32_t>c.arch.res ^ c.arch.aux << 31) >> 31

cdef inline uint32_t fl_pf(CPU* c) noexcept nogil:
    return PARITY[c.arch.res & 255] ^ (c.arch.aux >> 1 & 1)


cdef inline void fl_set_cf(CPU* c, uint32_t cf) noexcept nogil:
    c.arch.cfw = cf << 31


cdef inline void fl_result(CPU* c, uint32_t r, int size, uint32_t cf, uint32_t of, uint32_t af) noexcept nogil:
    """SF ZF PF from the result; CF OF AF are given, each 0 or 1."""
    put_res(c, r, size)
    c.arch.aux = of << 30 | af << 3
    c.arch.cfw = cf << 31


cdef inline void fl_cf_of(CPU* c, uint32_t cf, uint32_t of) noexcept nogil:
    """Rotates: CF and OF change, the others stay."""
    c.arch.cfw = cf << 31
    c.arch.aux = (c.arch.aux & 0x08080008U) | (c.arch.aux & 3) | of << 30


cdef inline uint32_t fl_all(CPU* c) noexcept nogil:
    """The value of EFLAGS."""
    return (c.arch.rest | fl_cf(c) | fl_pf(c) << 2 | fl_af(c) << 4 | fl_zf(c) << 6 | fl_sf(c) << 7
            | fl_of(c) << 11)


cdef inline void fl_arith_bits(CPU* c, uint32_t f) noexcept nogil:
    """Set the six arithmetic flags from a value of FLAGS."""
    cdef uint32_t sf = f >> 7 & 1, pf = f >> 2 & 1
    if f & F_ZF:
        c.arch.res = 0
        c.arch.aux = sf | (pf ^ 1) << 1
    else:
        c.arch.res = 1
        c.arch.aux = sf | pf << 1
    c.arch.aux |= (f >> 11 & 1) << 30 | (f >> 4 & 1) << 3
    c.arch.cfw = f << 31


cdef inline void fl_load(CPU* c, uint32_t f, uint32_t writable) noexcept nogil:
    """Set the flags for POPF, IRET, SAHF or the host. Bits outside `writable` keep their value. The arithmetic flags
    are always set, but OF only if it is in `writable`."""
    c.arch.rest = ((c.arch.rest & ~writable) | (f & writable)) & ~<uint32_t>F_ARITH
    if writable & F_OF:
        fl_arith_bits(c, f)
    else:                                        # SAHF
        fl_arith_bits(c, (f & 0xD5) | fl_of(c) << 11)


cdef inline bint fl_cond(CPU* c, int cc) noexcept nogil:
    """Is the condition of a Jcc or SETcc true? cc is Intel's number without its lowest bit, which negates."""
    if cc == 0:
        return fl_of(c)
    if cc == 1:
        return fl_cf(c)
    if cc == 2:
        return c.arch.res == 0
    if cc == 3:
        return (c.arch.cfw >> 31) | (c.arch.res == 0)
    if cc == 4:
        return fl_sf(c)
    if cc == 5:
        return fl_pf(c)
    if cc == 6:
        return fl_sf(c) ^ fl_of(c)
    return (c.arch.res == 0) | (fl_sf(c) ^ fl_of(c))


cdef inline uint32_t either(uint32_t mask, uint32_t a, uint32_t b) noexcept nogil:
    """`a` where the mask is 1, `b` where it is 0."""
    return b ^ ((b ^ a) & mask)


cdef inline void fl_unless(CPU* c, uint32_t skip, uint32_t res, uint32_t aux, uint32_t cfw) noexcept nogil:
    """If `skip` is all ones, put these flags back. If it is 0, keep the present ones."""
    c.arch.res = <int32_t>either(skip, res, c.arch.res)
    c.arch.aux = either(skip, aux, c.arch.aux)
    c.arch.cfw = either(skip, cfw, c.arch.cfw)


cdef inline void fl_save(CPU* c) noexcept nogil:
    c.locked.saved_res = c.arch.res
    c.locked.saved_aux = c.arch.aux
    c.locked.saved_cfw = c.arch.cfw


cdef inline void fl_restore(CPU* c) noexcept nogil:
    c.arch.res = c.locked.saved_res
    c.arch.aux = c.locked.saved_aux
    c.arch.cfw = c.locked.saved_cfw
