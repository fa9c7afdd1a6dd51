# Operand forms live here: each makes the ops of an instruction. Names end in operands: e r/m, g register, i immediate.

cdef uint16_t operand(Dec* d, int size) noexcept nogil:
    """Where an op can read the r/m operand: its register, or c.run.tmp after an op that loads it."""
    if d.mod == 3:
        return reg_at(d.rm, size)
    emit_mem(d, LOAD_TMP[0][si_(size)])
    return O_TMP(d.c)


cdef Op* modify(Dec* d, Fn fn, int size, bint lockable) noexcept nogil:
    """An op that reads and writes r/m: the register form `fn`; for memory on c.run.tmp, between a load and a store."""
    cdef Op* o
    cdef Op* back
    cdef bint locked = d.lock and lockable
    if d.mod == 3:
        o = emit(d, fn)
        o.dst = reg_at(d.rm, size)
        return o
    d.lock_ok = lockable
    emit_mem(d, LOCK_LOAD[0][si_(size)] if locked else LOAD_TMP[0][si_(size)])
    o = emit(d, fn)
    o.dst = O_TMP(d.c)
    back = emit(d, LOCK_STORE[0][si_(size)] if locked else STORE_BACK[0][si_(size)])
    back.seg = <uint8_t>d.ea_seg
    return o


cdef Op* write_only(Dec* d, Fn fn, int size) noexcept nogil:
    """An op that only writes r/m."""
    cdef Op* o = emit(d, fn)
    if d.mod == 3:
        o.dst = reg_at(d.rm, size)
        return o
    o.dst = O_TMP(d.c)
    emit_mem(d, STORE_TMP[0][si_(size)])
    return d.o                                   # the first op of the instruction


cdef void ud(Dec* d) noexcept nogil:
    d.used = 0
    d.lock_ok = 1
    emit(d, fault_ud)
    d.ends = 1
    d.jumps = 1


cdef void plain(Dec* d, Fn fn) noexcept nogil:
    emit(d, fn)


cdef void ending(Dec* d, Fn fn) noexcept nogil:
    emit(d, fn)
    d.ends = 1
    d.jumps = 1


# -- arithmetic forms -----------------------------------------------------------------------------------------

cdef void alu_eg(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        o = emit(d, ALU_RR[op][si_(size)])
        o.dst = reg_at(d.rm, size)
    elif d.lock and op != CMP and op != TEST:
        o = modify(d, ALU_RR[op][si_(size)], size, 1)
    else:
        o = emit_mem(d, ALU_MR[op][si_(size)])
    o.src = reg_at(d.reg, size)


cdef void alu_ge(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        o = emit(d, ALU_RR[op][si_(size)])
        o.src = reg_at(d.rm, size)
    else:
        o = emit_mem(d, ALU_RM[op][si_(size)])
    o.dst = reg_at(d.reg, size)


cdef bint fluid_operand(Dec* d, int size) noexcept nogil:
    """If the guest often rewrites the immediate here, emit an op that reads it from memory to c.run.tmp2. Else 0."""
    cdef uint32_t pa = d.base + d.ip
    cdef Op* o
    if d.ip + size > 0x10000 or d.block.fluid == 4 or d.ram != d.c.run.ram or not fluid(d.c, pa, size):
        return 0
    o = emit(d, FLUID_IMM[0][si_(size)])
    o.imm = pa
    d.block.fluid_at[d.block.fluid] = pa
    d.block.fluid_size[d.block.fluid] = size
    d.block.fluid += 1
    d.ip += size
    return 1


cdef void alu_ai(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o
    if fluid_operand(d, size):
        o = emit(d, ALU_RR[op][si_(size)])
        o.src = O_TMP2(d.c)
        return
    o = emit(d, ALU_RI[op][si_(size)])
    o.imm = fetch_v(d, size)


cdef void alu_ei(Dec* d, int op, int size, bint short_) noexcept nogil:
    """The ModR/M byte was read before."""
    cdef Op* o
    cdef bint locked = d.lock and op != CMP and op != TEST
    if not locked and fluid_operand(d, 1 if short_ else size):
        if d.mod == 3:
            o = emit(d, ALU_RR[op][si_(size)])
            o.dst = reg_at(d.rm, size)
        else:
            o = emit_mem(d, ALU_MR[op][si_(size)])
        o.src = O_TMP2(d.c)
        return
    if d.mod == 3:
        o = emit(d, ALU_RI[op][si_(size)])
        o.dst = reg_at(d.rm, size)
    elif locked:
        o = modify(d, ALU_RI[op][si_(size)], size, 1)
    else:
        o = emit_mem(d, ALU_MI[op][si_(size)])
    o.imm = fetch_s8(d) if short_ else fetch_v(d, size)


cdef void group1(Dec* d, int size, bint short_) noexcept nogil:
    modrm(d)
    alu_ei(d, d.reg, size, short_)


cdef void unary_e(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o
    if d.mod == 3:
        o = emit(d, UNARY_R[op][si_(size)])
        o.dst = reg_at(d.rm, size)
    elif d.lock:
        modify(d, UNARY_R[op][si_(size)], size, 1)
    else:
        emit_mem(d, UNARY_M[op][si_(size)])


cdef void unary_reg(Dec* d, int op, int n) noexcept nogil:
    cdef Op* o = emit(d, UNARY_R[op][si_(d.os)])
    o.dst = reg_at(n, d.os)


cdef void read_e(Dec* d, Fn fn, int size) noexcept nogil:
    """MUL, DIV: o.src is the r/m operand. o.imm: there is REP, on a model where it negates the result."""
    cdef uint16_t at = operand(d, size)
    cdef Op* o = emit(d, fn)
    o.src = at
    o.imm = d.rep != 0 and d.c.m.rep_negates


cdef void group3(Dec* d, int size) noexcept nogil:
    modrm(d)
    if d.reg <= 1:
        alu_ei(d, TEST, size, 0)
    elif d.reg == 2:
        unary_e(d, NOT, size)
    elif d.reg == 3:
        unary_e(d, NEG, size)
    elif d.reg == 4:
        read_e(d, mul8 if size == 1 else (mul16 if size == 2 else mul32), size)
    elif d.reg == 5:
        read_e(d, imul8 if size == 1 else (imul16 if size == 2 else imul32), size)
    elif d.reg == 6:
        read_e(d, div8 if size == 1 else (div16 if size == 2 else div32), size)
    else:
        read_e(d, idiv8 if size == 1 else (idiv16 if size == 2 else idiv32), size)


cdef Op* to_reg(Dec* d, Fn fn, int from_, int size) noexcept nogil:
    """r <- r/m, for operands of two sizes and for operations that have no memory form."""
    cdef uint16_t at
    cdef Op* o
    modrm(d)
    at = operand(d, from_)
    o = emit(d, fn)
    o.src = at
    o.dst = reg_at(d.reg, size)
    return o


cdef void imul_gei(Dec* d, bint short_) noexcept nogil:
    cdef Op* o = to_reg(d, imul16_ri if d.os == 2 else imul32_ri, d.os, d.os)
    o.imm = fetch_s8(d) if short_ else fetch_v(d, d.os)


cdef void shift_e(Dec* d, int size, int how) noexcept nogil:
    """Shift r/m. how: 1 by one, 2 by CL, 3 by an immediate byte."""
    cdef Op* o
    cdef uint32_t n = 1
    cdef int op
    modrm(d)
    op = d.reg
    if op == SETMO and d.c.m.level > 0:
        op = SHL
    if how == 2:
        o = modify(d, SHIFT_RC[op][si_(size)], size, 0)
        o.imm = d.c.m.count_mask
        return
    if how == 3:
        n = fetch8(d) & d.c.m.count_mask
    o = modify(d, SHIFT_RI[op][si_(size)], size, 0)
    o.imm = n
    if n == 0:
        o.fn = nop


cdef void shift_double(Dec* d, Fn fn, bint imm) noexcept nogil:
    cdef Op* o
    modrm(d)
    o = modify(d, fn, d.os, 0)
    o.src = reg_at(d.reg, d.os)
    if imm:
        o.imm = fetch8(d)


# -- moves ------------------------------------------------------------------------------------------------------

cdef void mov_eg(Dec* d, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        o = emit(d, MOV_RR[0][si_(size)])
        o.dst = reg_at(d.rm, size)
    else:
        o = emit_mem(d, MOV_MR[0][si_(size)])
    o.src = reg_at(d.reg, size)


cdef void mov_ge(Dec* d, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        o = emit(d, MOV_RR[0][si_(size)])
        o.src = reg_at(d.rm, size)
    else:
        o = emit_mem(d, MOV_RM[0][si_(size)])
    o.dst = reg_at(d.reg, size)


cdef void mov_ei(Dec* d, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.reg != 0 and d.c.m.level > 0:
        fetch_v(d, size)                         # the immediate is part of the instruction's length
        ud(d)
        return
    if d.mod == 3:
        mov_reg_imm(d, d.rm, size)
    elif fluid_operand(d, size):
        o = emit_mem(d, MOV_MR[0][si_(size)])
        o.src = O_TMP2(d.c)
    else:
        o = emit_mem(d, MOV_MI[0][si_(size)])
        o.imm = fetch_v(d, size)


cdef void mov_reg_imm(Dec* d, int n, int size) noexcept nogil:
    cdef Op* o
    if fluid_operand(d, size):
        o = emit(d, MOV_RR[0][si_(size)])
        o.src = O_TMP2(d.c)
    else:
        o = emit(d, MOV_RI[0][si_(size)])
        o.imm = fetch_v(d, size)
    o.dst = reg_at(n, size)


cdef void mov_moffs(Dec* d, int size, bint store) noexcept nogil:
    cdef uint32_t at = fetch_v(d, d.ads)
    cdef Op* o
    if at > 0xFFFF:
        ending(d, fault_ss if d.seg == SS else fault_gp)
        return
    o = emit(d, MOV_MR[0][si_(size)] if store else MOV_RM[0][si_(size)])
    o.disp = <uint16_t>at
    o.seg = <uint8_t>(d.seg if d.seg >= 0 else DS)


cdef void xchg_eg(Dec* d, int size) noexcept nogil:
    """XCHG with memory is locked, with or without the prefix."""
    cdef Op* o
    cdef bint said = d.lock
    modrm(d)
    if d.mod != 3:
        d.lock = 1
    o = modify(d, XCHG_RR[0][si_(size)], size, 1)
    o.src = reg_at(d.reg, size)
    d.lock = said


cdef void xchg_acc(Dec* d, int n) noexcept nogil:
    cdef Op* o = emit(d, XCHG_RR[0][si_(d.os)])
    o.dst = 0
    o.src = reg_at(n, d.os)


cdef void modify_eg(Dec* d, Fn fn, int size) noexcept nogil:
    """CMPXCHG, XADD."""
    cdef Op* o
    modrm(d)
    o = modify(d, fn, size, 1)
    o.src = reg_at(d.reg, size)


cdef void mov_es(Dec* d) noexcept nogil:
    """MOV r/m16, Sreg: a store is always of 16 bits."""
    cdef Op* o
    modrm(d)
    if d.c.m.level == 0:
        d.reg &= 3
    if d.reg > (GS if d.c.m.level >= 3 else DS):
        ud(d)
        return
    o = write_only(d, mov_rs32 if d.mod == 3 and d.os == 4 else mov_rs16, d.os if d.mod == 3 else 2)
    o.src = <uint16_t>d.reg


cdef void mov_se(Dec* d) noexcept nogil:
    cdef uint16_t at
    cdef Op* o
    modrm(d)
    if d.c.m.level == 0:
        d.reg &= 3
    if d.reg > (GS if d.c.m.level >= 3 else DS) or (d.reg == CS and d.c.m.level > 0):
        ud(d)
        return
    at = operand(d, 2)
    o = emit(d, mov_ss if d.reg == SS else (mov_cs if d.reg == CS else mov_sr))
    o.src = at
    o.dst = <uint16_t>d.reg
    d.ends = d.reg == SS or d.reg == CS
    d.jumps = d.reg == CS


cdef void lea(Dec* d) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        if d.c.m.level > 0:
            ud(d)
        else:
            o = emit(d, lea16)                   # 8086: the address that was computed last
            o.dst = reg_at(d.reg, 2)
        return
    if d.ads == 4:
        emit_ea(d, ea32_free)
    else:
        emit_mem(d, ea16_free)
    o = emit(d, lea16 if d.os == 2 else lea32)
    o.dst = reg_at(d.reg, d.os)


cdef void far_pointer(Dec* d, int seg) noexcept nogil:
    """LES LDS LSS LFS LGS."""
    cdef Op* o
    modrm(d)
    if d.mod == 3 and d.c.m.level > 0:
        ud(d)
        return
    if d.mod != 3:
        emit_mem(d, load_far16 if d.os == 2 else load_far32)
    o = emit(d, lseg16 if d.os == 2 else lseg32)
    o.dst = reg_at(d.reg, d.os)
    o.src = <uint16_t>seg


cdef void setcc_e(Dec* d, int cc) noexcept nogil:
    cdef Op* o
    modrm(d)
    o = write_only(d, setcc, 1)
    o.imm = cc


cdef void bits_eg(Dec* d, int what) noexcept nogil:
    """BT BTS BTR BTC r/m, r."""
    cdef Op* o
    cdef Op* at
    cdef Fn fn = bit16_r if d.os == 2 else bit32_r
    modrm(d)
    if d.mod == 3:
        o = emit(d, fn)
        o.dst = reg_at(d.rm, d.os)
    else:
        if d.ads == 4:
            emit_ea(d, ea32_free)
        else:
            emit_mem(d, ea16_free)
        at = emit(d, bit_address16 if d.os == 2 else bit_address32)
        at.src = reg_at(d.reg, d.os)
        at.imm = d.ads == 2
        at.seg = <uint8_t>d.ea_seg
        o = bits_at(d, fn, what)
    o.src = reg_at(d.reg, d.os)
    o.tip = what


cdef Op* bits_at(Dec* d, Fn fn, int what) noexcept nogil:
    """The bit operation on the word at c.run.ea."""
    cdef Op* o
    cdef Op* m
    cdef bint locked = d.lock and what != BT
    d.lock_ok = what != BT
    m = emit(d, LOCK_LOAD[0][si_(d.os)] if locked else LOAD_TMP[0][si_(d.os)])
    m.base = O_EA(d.c)
    m.seg = <uint8_t>d.ea_seg
    o = emit(d, fn)
    o.dst = O_TMP(d.c)
    if what != BT:
        m = emit(d, LOCK_STORE[0][si_(d.os)] if locked else STORE_BACK[0][si_(d.os)])
        m.seg = <uint8_t>d.ea_seg
    return o


cdef void bits_ei(Dec* d) noexcept nogil:
    cdef Op* o
    cdef Fn fn = bit16_i if d.os == 2 else bit32_i
    modrm(d)
    if d.reg < 4:
        ud(d)
        return
    if d.reg == 4:
        if d.mod != 3:
            emit_mem(d, LOAD_TMP[0][si_(d.os)])
        o = emit(d, fn)
        o.dst = reg_at(d.rm, d.os) if d.mod == 3 else O_TMP(d.c)
    else:
        o = modify(d, fn, d.os, 1)
    o.tip = d.reg - 4
    o.imm = fetch8(d)


# -- stack and flow ---------------------------------------------------------------------------------------------

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
        at = operand(d, d.os)
        o = emit(d, push16_r if d.os == 2 else push32_r)
        o.src = at
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
    cdef Op* o = emit(d, REPEAT[what][si_(size)] if d.rep else STRING[what][si_(size)])
    o.imm = d.rep | (S_A32 if d.ads == 4 else 0)
    o.seg = <uint8_t>(d.seg if d.seg >= 0 else DS)


cdef void port_imm(Dec* d, Fn fn) noexcept nogil:
    cdef Op* o = emit(d, fn)
    o.imm = fetch8(d)
