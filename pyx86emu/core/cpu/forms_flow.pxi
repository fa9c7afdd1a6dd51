# Operand forms of the stack, of jumps, strings and ports live here. The others are in forms.pxi.

cdef void push_reg(Dec* d, int n) noexcept nogil:
    cdef Op* o
    if n == SP and d.c.m.push_sp_new:
        emit(d, push_sp_8086)
        return
    o = emit(d, push16_r if d.os == 2 else push32_r)
    o.src = reg_at(n, 2)


cdef void push_imm(Dec* d, uint32_t v) noexcept nogil:
    emit(d, push16_i if d.os == 2 else push32_i).imm = v


cdef void push_seg(Dec* d, int seg) noexcept nogil:
    cdef Op* o = emit(d, push16_s if d.os == 2 else push32_s)
    o.src = seg


cdef void pop_reg(Dec* d, int n) noexcept nogil:
    cdef Op* o = emit(d, pop16_r if d.os == 2 else pop32_r)
    o.dst = reg_at(n, 2)


cdef void pop_seg(Dec* d, int seg) noexcept nogil:
    cdef Op* o
    if seg == CS:
        ending(d, pop_cs)
        d.o.dst = CS
        return
    if seg == SS:
        o = emit(d, pop16_ss if d.os == 2 else pop32_ss)
        d.ends = 1
    else:
        o = emit(d, pop16_s if d.os == 2 else pop32_s)
    o.dst = seg


cdef void pop_e(Dec* d) noexcept nogil:
    modrm(d)
    if d.reg != 0 and d.c.m.level > 0:
        ud(d)
    elif d.mod == 3:
        pop_reg(d, d.rm)
    else:
        if d.ads == 4 and d.ea_base == 4 * SP:
            d.ea_disp += d.os
        emit_mem(d, pop16_m if d.os == 2 else pop32_m)


cdef void branch(Dec* d, Fn fn, uint32_t offset, int cc) noexcept nogil:
    """A relative jump. cc: Jcc's condition, 16 for LOOP and JCXZ, -1 for none; needed if the target is above FFFFh."""
    cdef uint32_t to = d.ip + offset
    cdef Op* o
    if d.os == 2:
        to &= 0xFFFF
    o = emit(d, fn)
    o.tip = <uint16_t>to
    d.ends = 1
    d.jumps = 1
    if to > 0xFFFF:
        if cc < 0:
            o.fn = fault_gp
        elif cc < 16:
            o.fn = jcc_out
            o.imm = cc
        else:
            o.imm = 1                            # LOOP and JCXZ fault if they jump


cdef void branch_cc(Dec* d, int cc, uint32_t offset) noexcept nogil:
    branch(d, JCC[0][cc], offset, cc)


cdef void far_direct(Dec* d, Fn fn) noexcept nogil:
    cdef uint32_t ip = fetch_v(d, d.os)
    ending(d, fn)
    d.o.imm = ip
    d.o.tip = <uint16_t>fetch16(d)


cdef void returns(Dec* d, Fn fn, bint imm) noexcept nogil:
    cdef uint32_t n = fetch16(d) if imm else 0
    ending(d, fn)
    d.o.imm = n


cdef void interrupt(Dec* d, int vector) noexcept nogil:
    ending(d, int_n)
    d.o.imm = vector


cdef void group5(Dec* d, int size) noexcept nogil:
    """FE and FF. FE /2-7 on the 8086 use a byte and an old value from inside the chip: decoded as the FF forms."""
    cdef uint16_t at
    cdef Op* o
    cdef int r
    modrm(d)
    r = d.reg
    if r <= 1:
        unary_e(d, r, size)
        return
    if (size == 1 or r == 7) and d.c.m.level > 0:
        ud(d)
        return
    if r >= 6:
        if d.mod == 3:
            push_reg(d, d.rm)
            return
        emit_mem(d, READ_M[R_PUSH][si_(d.os)])
        return
    if r == 3 or r == 5:
        if d.mod == 3 and d.c.m.level > 0:
            ud(d)
            return
        if d.mod != 3:
            emit_mem(d, load_far16 if d.os == 2 else load_far32)
        if r == 5:
            emit(d, jmp_far_m)
        else:
            emit(d, call_far16_m if d.os == 2 else call_far32_m)
    else:
        at = operand(d, d.os)
        if r == 2:
            o = emit(d, call16_r if d.os == 2 else call32_r)
        else:
            o = emit(d, jmp16_r if d.os == 2 else jmp32_r)
        o.src = at
    d.ends = 1
    d.jumps = 1


cdef void bound_ge(Dec* d) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        ud(d)
        return
    o = emit_mem(d, bound16 if d.os == 2 else bound32)
    o.dst = reg_at(d.reg, d.os)


cdef void enter_ii(Dec* d) noexcept nogil:
    cdef Op* o = emit(d, enter16 if d.os == 2 else enter32)
    o.imm = fetch16(d)
    o.tip = <uint16_t>fetch8(d)


cdef void strings(Dec* d, int what, int size) noexcept nogil:
    cdef Fn plain_ = STRING[what][si_(size)] if d.ads == 2 else STRING_A32[what][si_(size)]
    cdef Op* o = emit(d, REPEAT[what][si_(size)] if d.rep else plain_)
    o.imm = d.rep | (S_A32 if d.ads == 4 else 0)
    o.seg = <uint8_t>(d.seg if d.seg >= 0 else DS)


cdef void port_imm(Dec* d, Fn fn) noexcept nogil:
    cdef Op* o = emit(d, fn)
    o.imm = fetch8(d)
