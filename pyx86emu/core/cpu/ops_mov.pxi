# Data movement lives here: MOV XCHG LEA, segment loads, far pointers, extensions, bits, and the ops for c.run.tmp.
#
# Frequent instructions have a form of their own for a memory operand; ops_memory.pxi has those that read it, or read
# and write it. All others use their register form on c.run.tmp, a field of CPU with a byte offset like a register:
#
#   reads memory (BSF m)    load_tmp, register form
#   writes memory (SETcc m) register form, store_tmp
#   both (67h BTS m,r)      load_tmp, register form, store_back
#   both, with LOCK         lock_load, register form, lock_store
#
# MOV, LEA and the arithmetic group have forms for addresses of 16 and of 32 bits (`a`: 2 or 4 bytes). For all others
# ea32 comes first with prefix 67h, and computes the address to c.run.ea.

cdef inline Op* mov_rr(CPU* c, Op* o, int size) noexcept nogil:
    put_reg(c, o.dst, size, reg(c, o.src, size))
    o = o + 1
    return GO(c, o)


cdef inline Op* mov_ri(CPU* c, Op* o, int size) noexcept nogil:
    put_reg(c, o.dst, size, o.imm)
    o = o + 1
    return GO(c, o)


cdef inline Op* mov_rm(CPU* c, Op* o, int size, int a) noexcept nogil:
    cdef uintptr_t p = operand_at(c, o, effective(c, o, a), size, a)
    if RARELY(p == 0):
        return mov_rm_slow(c, o, size, a)
    put_reg(c, o.dst, size, get(p, size))
    o = o + 1
    return GO(c, o)


cdef Op* mov_rm_slow(CPU* c, Op* o, int size, int a) noexcept nogil:
    cdef uint64_t v = operand_slow(c, o, effective(c, o, a), size)
    if v == LOAD_FAILED:
        return c.run.go
    put_reg(c, o.dst, size, <uint32_t>v)
    o = o + 1
    return GO(c, o)


cdef inline Op* mov_mr(CPU* c, Op* o, int size, int a) noexcept nogil:
    return store_operand(c, o, effective(c, o, a), reg(c, o.src, size), size, a)


cdef inline Op* mov_mi(CPU* c, Op* o, int size, int a) noexcept nogil:
    return store_operand(c, o, effective(c, o, a), o.imm, size, a)


cdef inline Op* xchg_rr(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint32_t v = reg(c, o.dst, size)
    put_reg(c, o.dst, size, reg(c, o.src, size))
    put_reg(c, o.src, size, v)
    o = o + 1
    return GO(c, o)


# -- memory operands in c.run.tmp -----------------------------------------------------------------------------------

cdef inline Op* load_tmp(CPU* c, Op* o, int size) noexcept nogil:
    """The first op: the operand to c.run.tmp, and its address to c.run.ea, for store_back."""
    cdef uint32_t ea = EA(c, o)
    cdef uintptr_t p = plain_at(c, o.seg, ea, size)
    if RARELY(p == 0):
        return load_tmp_slow(c, o, size)
    c.run.tmp = get(p, size)
    c.run.ea = ea
    o = o + 1
    return GO(c, o)


cdef Op* load_tmp_slow(CPU* c, Op* o, int size) noexcept nogil:
    cdef uint32_t ea = EA(c, o)
    cdef uint64_t v = load_any(c, o, o.seg, ea, size)
    if v == LOAD_FAILED:
        return c.run.go
    c.run.tmp = <uint32_t>v
    c.run.ea = ea
    o = o + 1
    return GO(c, o)


cdef inline Op* store_tmp(CPU* c, Op* o, int size) noexcept nogil:
    """The last op of an instruction that only writes: c.run.tmp to memory."""
    return st(c, o, o.seg, EA(c, o), c.run.tmp, size)


cdef inline Op* store_back(CPU* c, Op* o, int size) noexcept nogil:
    """The last of three ops: c.run.tmp to the address of load_tmp. The registers may have changed since then."""
    return st(c, o, o.seg, c.run.ea, c.run.tmp, size)


cdef inline Op* lock_load(CPU* c, Op* o, int size) noexcept nogil:
    """As load_tmp, with LOCK: keeps the value, the registers and the flags, for lock_store."""
    cdef uint32_t ea = EA(c, o)
    cdef uint64_t v = ld(c, o, o.seg, ea, size)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    c.run.tmp = <uint32_t>v
    c.locked.value = c.run.tmp
    c.run.ea = ea
    memcpy(c.locked.saved, c.arch.r, sizeof(c.locked.saved))
    fl_save(c)
    o = o + 1
    return GO(c, o)


cdef inline Op* lock_store(CPU* c, Op* o, int size) noexcept nogil:
    """As store_back, with LOCK, where there are several vCPUs (locks() in forms.pxi): a compare-and-swap. If another
    vCPU has stored there since lock_load, registers and flags are restored and the three ops are executed again. Memory
    that is misaligned, ROM or a device gets a plain store."""
    cdef uint32_t pa = c.arch.sb[o.seg] + c.run.ea
    cdef uintptr_t p
    if pa & (size - 1):
        return st(c, o, o.seg, c.run.ea, c.run.tmp, size)
    p = c.run.ram[pa >> 8]
    if p == 0 or c.vm.mem.attr[pa >> 8] & ATTR_ROM:
        return st(c, o, o.seg, c.run.ea, c.run.tmp, size)
    if not at_cas(p + pa, c.locked.value, c.run.tmp, size):
        memcpy(c.arch.r, c.locked.saved, sizeof(c.locked.saved))
        fl_restore(c)
        rings_spend(&c.rings, 5)
        return o - 2
    if c.run.wr[pa >> 8] == 0:
        watch_store(c, o, pa, size)
        wrote(c, o, pa, size)
    return done(c, o)


cdef Op* ea32(CPU* c, Op* o) noexcept nogil:
    """Prefix 67h: the 32-bit effective address to c.run.ea. It faults if it is above FFFFh, for any operand size."""
    cdef uint32_t ea = EA32(c, o)
    if RARELY(ea > 0xFFFF):
        return fault_beyond(c, o, o.seg)
    c.run.ea = ea
    o = o + 1
    return GO(c, o)


cdef Op* ea32_free(CPU* c, Op* o) noexcept nogil:
    """Prefix 67h for bit strings: an address above FFFFh does not fault yet."""
    c.run.ea = EA32(c, o)
    o = o + 1
    return GO(c, o)


cdef Op* ea16_free(CPU* c, Op* o) noexcept nogil:
    c.run.ea = EA(c, o)
    o = o + 1
    return GO(c, o)


cdef inline Op* fluid_imm(CPU* c, Op* o, int size) noexcept nogil:
    """An immediate that the guest often rewrites, at guest address o.imm, to c.run.tmp2. The next op uses it."""
    cdef uintptr_t p = c.run.ram[o.imm >> 8]
    if RARELY(p == 0):                           # the slot went while this vCPU waited for a lock
        return leave_at(c, o)
    p += o.imm
    if size == 1:
        c.run.tmp2 = <uint32_t><int32_t>(<int8_t*>p)[0]      # some forms use it sign-extended
    elif size == 2:
        c.run.tmp2 = get16(p)
    else:
        c.run.tmp2 = get32(p)
    o = o + 1
    return GO(c, o)


# -- segment registers ----------------------------------------------------------------------------------------

cdef Op* mov_rs16(CPU* c, Op* o) noexcept nogil:
    """MOV r16, Sreg; o.src is the segment's number."""
    P16(c, o.dst)[0] = <uint16_t>(c.arch.sb[o.src] >> 4)
    o = o + 1
    return GO(c, o)


cdef Op* mov_ms(CPU* c, Op* o) noexcept nogil:
    """MOV m16, Sreg."""
    return st(c, o, o.seg, EA(c, o), c.arch.sb[o.src] >> 4, 2)


cdef Op* mov_rs32(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = c.arch.sb[o.src] >> 4
    o = o + 1
    return GO(c, o)


cdef Op* mov_sr(CPU* c, Op* o) noexcept nogil:
    """MOV Sreg, r16: ES DS FS GS."""
    c.arch.sb[o.dst] = <uint32_t>P16(c, o.src)[0] << 4
    o = o + 1
    return GO(c, o)


cdef Op* mov_ss(CPU* c, Op* o) noexcept nogil:
    c.arch.sb[SS] = <uint32_t>P16(c, o.src)[0] << 4
    set_shadow(c, o, 1)
    return follow(c, o)


cdef Op* mov_cs(CPU* c, Op* o) noexcept nogil:
    """8086: MOV CS is valid, and the next instruction is fetched from the new segment."""
    c.arch.sb[CS] = <uint32_t>P16(c, o.src)[0] << 4
    c.arch.ip = o.fip
    if RARELY(c.observe.mask & LOOK_HISTORY):
        history_turn(c)
    return jump(c)


cdef inline bint load_far(CPU* c, Op* o, int size) noexcept nogil:
    """A far pointer to c.run.tmp (offset) and c.run.tmp2 (selector). 0: not loaded; the handler returns c.run.go."""
    cdef uint32_t ea = EA(c, o), second = ea + size
    cdef uint64_t v = ld(c, o, o.seg, ea, size), s
    if RARELY(v == LOAD_FAILED):
        return 0
    if second > 0xFFFF:
        if not c.m.word_wraps:
            c.run.go = fault_beyond(c, o, o.seg)
            return 0
        second &= 0xFFFF
    s = ld(c, o, o.seg, second, 2)
    if RARELY(s == LOAD_FAILED):
        return 0
    c.run.tmp = <uint32_t>v
    c.run.tmp2 = <uint32_t>s
    return 1


cdef Op* load_far16(CPU* c, Op* o) noexcept nogil:
    if not load_far(c, o, 2):
        return c.run.go
    o = o + 1
    return GO(c, o)

cdef Op* load_far32(CPU* c, Op* o) noexcept nogil:
    if not load_far(c, o, 4):
        return c.run.go
    o = o + 1
    return GO(c, o)


cdef inline Op* lseg(CPU* c, Op* o, uint32_t offset, uint32_t selector, int size) noexcept nogil:
    """LES LDS LFS LGS LSS; o.src is the segment's number."""
    put_reg(c, o.dst, size, offset)
    c.arch.sb[o.src] = (selector & 0xFFFF) << 4
    o = o + 1
    return GO(c, o)


cdef Op* lseg16(CPU* c, Op* o) noexcept nogil:
    """After load_far. On the 8086 with a register operand: the pointer that was loaded last."""
    return lseg(c, o, c.run.tmp, c.run.tmp2, 2)

cdef Op* lseg32(CPU* c, Op* o) noexcept nogil:
    return lseg(c, o, c.run.tmp, c.run.tmp2, 4)


cdef Op* lseg16_m(CPU* c, Op* o) noexcept nogil:
    """A far pointer of 16:16 bits that lies in one piece of memory. Others take load_far."""
    cdef uintptr_t p = plain_at(c, o.seg, EA(c, o), 4)
    if RARELY(p == 0):
        return lseg16_slow(c, o)
    c.run.tmp = get16(p)
    c.run.tmp2 = get16(p + 2)
    return lseg(c, o, c.run.tmp, c.run.tmp2, 2)


cdef Op* lseg16_slow(CPU* c, Op* o) noexcept nogil:
    if not load_far(c, o, 2):
        return c.run.go
    return lseg(c, o, c.run.tmp, c.run.tmp2, 2)


# -- the rest -----------------------------------------------------------------------------------------------

cdef inline Op* lea(CPU* c, Op* o, int size, int a) noexcept nogil:
    c.run.ea = effective(c, o, a)
    put_reg(c, o.dst, size, c.run.ea)
    o = o + 1
    return GO(c, o)


cdef Op* lea_last(CPU* c, Op* o) noexcept nogil:
    """8086, LEA with a register operand: the address that was computed last."""
    P16(c, o.dst)[0] = <uint16_t>c.run.ea
    o = o + 1
    return GO(c, o)


cdef inline Op* xlat(CPU* c, Op* o, int a) noexcept nogil:
    """Looks at the whole table of 256 bytes instead of the byte that AL selects. So the host need not wait for AL
    before it can look."""
    cdef uint32_t first = reg(c, 4 * BX, a), pa
    cdef uintptr_t p
    if a == 4 and RARELY(first > 0xFF00):
        return xlat_slow(c, o, a)
    pa = c.arch.sb[o.seg] + first
    p = c.run.rd[pa >> 8]
    if RARELY(p == 0 or p != c.run.rd[pa + 255 >> 8] or first > 0xFF00):
        return xlat_slow(c, o, a)
    P8(c, O_AL)[0] = (<uint8_t*>(p + pa))[P8(c, O_AL)[0]]
    o = o + 1
    return GO(c, o)


cdef Op* xlat_slow(CPU* c, Op* o, int a) noexcept nogil:
    """A table that ends in another slot or at the end of the segment, or is no plain memory."""
    cdef uint32_t ea = reg(c, 4 * BX, a) + P8(c, O_AL)[0]
    cdef uint64_t v = operand_slow(c, o, ea if a == 4 else ea & 0xFFFF, 1)
    if v == LOAD_FAILED:
        return c.run.go
    P8(c, O_AL)[0] = <uint8_t>v
    o = o + 1
    return GO(c, o)


cdef Op* xlat16(CPU* c, Op* o) noexcept nogil:
    return xlat(c, o, 2)

cdef Op* xlat32(CPU* c, Op* o) noexcept nogil:
    return xlat(c, o, 4)

cdef Op* movzx16_8(CPU* c, Op* o) noexcept nogil:
    P16(c, o.dst)[0] = P8(c, o.src)[0]
    o = o + 1
    return GO(c, o)

cdef Op* movzx32_8(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = P8(c, o.src)[0]
    o = o + 1
    return GO(c, o)

cdef Op* movzx32_16(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = P16(c, o.src)[0]
    o = o + 1
    return GO(c, o)

cdef Op* movsx16_8(CPU* c, Op* o) noexcept nogil:
    P16(c, o.dst)[0] = <uint16_t><int8_t>P8(c, o.src)[0]
    o = o + 1
    return GO(c, o)

cdef Op* movsx32_8(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = <uint32_t><int32_t><int8_t>P8(c, o.src)[0]
    o = o + 1
    return GO(c, o)

cdef Op* movsx32_16(CPU* c, Op* o) noexcept nogil:
    P32(c, o.dst)[0] = <uint32_t><int32_t><int16_t>P16(c, o.src)[0]
    o = o + 1
    return GO(c, o)

cdef Op* cbw(CPU* c, Op* o) noexcept nogil:
    P16(c, 0)[0] = <uint16_t><int8_t>P8(c, 0)[0]
    o = o + 1
    return GO(c, o)

cdef Op* cwde(CPU* c, Op* o) noexcept nogil:
    c.arch.r[AX] = <uint32_t><int32_t><int16_t>P16(c, 0)[0]
    o = o + 1
    return GO(c, o)

cdef Op* cwd(CPU* c, Op* o) noexcept nogil:
    P16(c, 4 * DX)[0] = 0xFFFF if P16(c, 0)[0] >> 15 else 0
    o = o + 1
    return GO(c, o)

cdef Op* cdq(CPU* c, Op* o) noexcept nogil:
    c.arch.r[DX] = 0xFFFFFFFFU if c.arch.r[AX] >> 31 else 0
    o = o + 1
    return GO(c, o)

cdef Op* bswap(CPU* c, Op* o) noexcept nogil:
    cdef uint32_t v = P32(c, o.dst)[0]
    P32(c, o.dst)[0] = v >> 24 | (v >> 8 & 0xFF00) | (v << 8 & 0xFF0000) | v << 24
    o = o + 1
    return GO(c, o)

cdef Op* bswap16(CPU* c, Op* o) noexcept nogil:
    """BSWAP with a 16-bit operand is undefined (80486 PRM, BSWAP). Here the low word of the register becomes 0."""
    P16(c, o.dst)[0] = 0
    o = o + 1
    return GO(c, o)

cdef Op* setcc(CPU* c, Op* o) noexcept nogil:
    """SETcc. o.imm is Intel's number of the condition."""
    P8(c, o.dst)[0] = fl_cond(c, o.imm >> 1) ^ (o.imm & 1)
    o = o + 1
    return GO(c, o)

cdef Op* salc(CPU* c, Op* o) noexcept nogil:
    P8(c, O_AL)[0] = 0xFF if fl_cf(c) else 0
    o = o + 1
    return GO(c, o)

cdef Op* lahf(CPU* c, Op* o) noexcept nogil:
    P8(c, O_AH)[0] = <uint8_t>fl_all(c)
    o = o + 1
    return GO(c, o)

cdef Op* sahf(CPU* c, Op* o) noexcept nogil:
    fl_load(c, P8(c, O_AH)[0], 0)
    o = o + 1
    return GO(c, o)


cdef inline uint32_t exchanged(CPU* c, Op* o, uint32_t d, int size) noexcept nogil:
    """CMPXCHG: the new value of the destination `d`. Memory is written in both cases, as on the chip."""
    cdef uint32_t acc = reg(c, 0, size)
    fl_arith(c, acc, d, <uint64_t>acc - d, size)
    if acc == d:
        return reg(c, o.src, size)
    put_reg(c, 0, size, d)
    return d


cdef inline Op* cmpxchg(CPU* c, Op* o, int size) noexcept nogil:
    put_reg(c, o.dst, size, exchanged(c, o, reg(c, o.dst, size), size))
    o = o + 1
    return GO(c, o)


cdef inline uint32_t added(CPU* c, Op* o, uint32_t d, int size) noexcept nogil:
    """XADD: the new value of the destination `d`."""
    cdef uint32_t r = alu(c, ADD, d, reg(c, o.src, size), size, LIVE)
    put_reg(c, o.src, size, d)
    return r


cdef inline Op* xadd(CPU* c, Op* o, int size) noexcept nogil:
    put_reg(c, o.dst, size, added(c, o, reg(c, o.dst, size), size))
    o = o + 1
    return GO(c, o)


# -- bits -----------------------------------------------------------------------------------------------------

cdef enum:
    BT = 0
    BTS = 1
    BTR = 2
    BTC = 3


cdef inline uint32_t bit_test(CPU* c, int what, uint32_t v, uint32_t at, int size) noexcept nogil:
    """`v` after BT BTS BTR BTC of bit `at`. CF is the old bit, and the other flags stay. 80386: OF is that of ROR by
    the bit's number."""
    cdef uint32_t bit, w = 8 * size
    at &= w - 1
    bit = 1U << at
    fl_set_cf(c, v >> at & 1)
    if c.m.bt_of:
        fl_cf_of(c, fl_cf(c), (v >> (at + w - 1) % w ^ v >> (at + w - 2) % w) & 1)
    if what == BTS:
        v |= bit
    elif what == BTR:
        v &= ~bit
    elif what == BTC:
        v ^= bit
    return v


cdef inline Op* bit_in(CPU* c, Op* o, uint32_t at, int size) noexcept nogil:
    """BT BTS BTR BTC, as o.tip says, of the operand at o.dst."""
    cdef uint32_t v = bit_test(c, o.tip, reg(c, o.dst, size), at, size)
    if o.tip != BT:
        put_reg(c, o.dst, size, v)
    o = o + 1
    return GO(c, o)


cdef Op* bit16_r(CPU* c, Op* o) noexcept nogil:
    return bit_in(c, o, P16(c, o.src)[0], 2)

cdef Op* bit32_r(CPU* c, Op* o) noexcept nogil:
    return bit_in(c, o, P32(c, o.src)[0], 4)

cdef Op* bit16_i(CPU* c, Op* o) noexcept nogil:
    return bit_in(c, o, o.imm, 2)

cdef Op* bit32_i(CPU* c, Op* o) noexcept nogil:
    return bit_in(c, o, o.imm, 4)


cdef inline Op* bit_address(CPU* c, Op* o, int size) noexcept nogil:
    """BT m, r: the register is a signed bit offset. c.run.ea becomes the address of the word with this bit. o.imm: the
    address has 16 bits."""
    cdef int32_t at = sign(reg(c, o.src, size), size)
    c.run.ea += <uint32_t>(at >> (5 if size == 4 else 4)) * size
    if o.imm:
        c.run.ea &= 0xFFFF
    elif c.run.ea > 0xFFFF:
        return fault_beyond(c, o, o.seg)
    o = o + 1
    return GO(c, o)


cdef Op* bit_address16(CPU* c, Op* o) noexcept nogil:
    return bit_address(c, o, 2)

cdef Op* bit_address32(CPU* c, Op* o) noexcept nogil:
    return bit_address(c, o, 4)


cdef inline Op* bit_scan(CPU* c, Op* o, bint reverse, int size) noexcept nogil:
    """BSF, BSR. If the source is 0, ZF is set and the destination stays."""
    cdef uint32_t v = reg(c, o.src, size)
    if v == 0:
        fl_result(c, 0, size, 0, 0, 0)
    else:
        put_reg(c, o.dst, size, <uint32_t>(highest_one(v) if reverse else lowest_one(v)))
        fl_result(c, 1, size, 0, 0, 0)
    o = o + 1
    return GO(c, o)


cdef Op* bsf16(CPU* c, Op* o) noexcept nogil:
    return bit_scan(c, o, 0, 2)

cdef Op* bsf32(CPU* c, Op* o) noexcept nogil:
    return bit_scan(c, o, 0, 4)

cdef Op* bsr16(CPU* c, Op* o) noexcept nogil:
    return bit_scan(c, o, 1, 2)

cdef Op* bsr32(CPU* c, Op* o) noexcept nogil:
    return bit_scan(c, o, 1, 4)
