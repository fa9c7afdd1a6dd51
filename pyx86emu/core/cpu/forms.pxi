# Operand forms live here, of arithmetic and moves: each makes the ops of an instruction. Names end in operands: e r/m,
# g register, i immediate. forms_flow.pxi has the others.

cdef uint16_t operand(Dec* d, int size) noexcept nogil:
    """Where an op can read the r/m operand: its register, or c.run.tmp after an op that loads it."""
    if d.mod == 3:
        return reg_at(d.rm, size)
    emit_mem(d, LOAD_TMP[0][si_(size)])
    return O_TMP(d.c)


cdef bint locks(Dec* d) noexcept nogil:
    """Is the instruction, which may have LOCK, to be executed as one that is locked? Not in a Vm with one vCPU: nobody
    else is there, and all blocks are dropped when a second one comes."""
    d.lock_ok = 1
    return d.lock and d.c.vm.ncpus > 1


cdef Op* emit_wide(Dec* d, Fn a16, Fn a32) noexcept nogil:
    """An op with the memory operand of the ModR/M byte, of those that have a handler for each address size."""
    return emit_ea(d, a16 if d.ads == 2 else a32)


cdef Op* modify(Dec* d, Fn fn, Fn in_memory, int size, bint lockable) noexcept nogil:
    """An op that reads and writes r/m: `fn` for a register, `in_memory` for memory. With LOCK `fn` works on c.run.tmp,
    between a load and a store."""
    cdef Op* o
    cdef Op* back
    if d.mod == 3:
        o = emit(d, fn)
        o.dst = reg_at(d.rm, size)
        return o
    if not (lockable and locks(d)):
        return emit_mem(d, in_memory)
    emit_mem(d, LOCK_LOAD[0][si_(size)])
    o = emit(d, fn)
    o.dst = O_TMP(d.c)
    back = emit(d, LOCK_STORE[0][si_(size)])
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
    elif op != CMP and op != TEST:
        o = store_form(d, ALU_RR[op][si_(size)], ALU_MR[op][si_(size)], ALU_MR_A32[op][si_(size)], size)
    else:
        o = emit_wide(d, ALU_MR[op][si_(size)], ALU_MR_A32[op][si_(size)])
    o.src = reg_at(d.reg, size)


cdef Op* store_form(Dec* d, Fn fn, Fn a16, Fn a32, int size) noexcept nogil:
    """An op that reads and writes memory; `fn` is its register form, for LOCK."""
    return modify(d, fn, NULL, size, 1) if locks(d) else emit_wide(d, a16, a32)


cdef void alu_ge(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        o = emit(d, ALU_RR[op][si_(size)])
        o.src = reg_at(d.rm, size)
    else:
        o = emit_wide(d, ALU_RM[op][si_(size)], ALU_RM_A32[op][si_(size)])
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
    cdef bint writes = op != CMP and op != TEST
    if not (d.lock and writes) and fluid_operand(d, 1 if short_ else size):
        if d.mod == 3:
            o = emit(d, ALU_RR[op][si_(size)])
            o.dst = reg_at(d.rm, size)
        else:
            o = emit_wide(d, ALU_MR[op][si_(size)], ALU_MR_A32[op][si_(size)])
        o.src = O_TMP2(d.c)
        return
    if d.mod == 3:
        o = emit(d, ALU_RI[op][si_(size)])
        o.dst = reg_at(d.rm, size)
    elif writes:
        o = store_form(d, ALU_RI[op][si_(size)], ALU_MI[op][si_(size)], ALU_MI_A32[op][si_(size)], size)
    else:
        o = emit_wide(d, ALU_MI[op][si_(size)], ALU_MI_A32[op][si_(size)])
    o.imm = fetch_s8(d) if short_ else fetch_v(d, size)


cdef void group1(Dec* d, int size, bint short_) noexcept nogil:
    modrm(d)
    alu_ei(d, d.reg, size, short_)


cdef void unary_e(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o
    if d.mod == 3:
        o = emit(d, UNARY_R[op][si_(size)])
        o.dst = reg_at(d.rm, size)
    else:
        store_form(d, UNARY_R[op][si_(size)], UNARY_M[op][si_(size)], UNARY_M_A32[op][si_(size)], size)


cdef void unary_reg(Dec* d, int op, int n) noexcept nogil:
    cdef Op* o = emit(d, UNARY_R[op][si_(d.os)])
    o.dst = reg_at(n, d.os)


cdef void read_e(Dec* d, Fn fn, int what, int size) noexcept nogil:
    """MUL, DIV of r/m. o.imm: there is REP, on a model where it negates the result."""
    cdef Op* o
    if d.mod == 3:
        o = emit(d, fn)
        o.src = reg_at(d.rm, size)
    else:
        o = emit_mem(d, READ_M[what][si_(size)])
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
        read_e(d, mul8 if size == 1 else (mul16 if size == 2 else mul32), R_MUL, size)
    elif d.reg == 5:
        read_e(d, imul8 if size == 1 else (imul16 if size == 2 else imul32), R_IMUL, size)
    elif d.reg == 6:
        read_e(d, div8 if size == 1 else (div16 if size == 2 else div32), R_DIV, size)
    else:
        read_e(d, idiv8 if size == 1 else (idiv16 if size == 2 else idiv32), R_IDIV, size)


cdef Op* to_reg(Dec* d, Fn fn, int what, int from_, int size) noexcept nogil:
    """r <- r/m, for operands of two sizes and for operations without a table of their own. `what` is the form that
    reads memory (R_*), -1: there is none."""
    cdef uint16_t at
    cdef Op* o
    modrm(d)
    if d.mod != 3 and what >= 0:
        o = emit_mem(d, READ_M[what][si_(from_)])
    else:
        at = operand(d, from_)
        o = emit(d, fn)
        o.src = at
    o.dst = reg_at(d.reg, size)
    return o


cdef void extend(Dec* d, Fn fn16, Fn fn32, int what16, int what32, int from_) noexcept nogil:
    """MOVZX, MOVSX: a handler and a form that reads memory for each size of the register."""
    to_reg(d, fn16 if d.os == 2 else fn32, what16 if d.os == 2 else what32, from_, d.os)


cdef void imul_gei(Dec* d, bint short_) noexcept nogil:
    cdef Op* o = to_reg(d, imul16_ri if d.os == 2 else imul32_ri, R_IMUL_RI, d.os, d.os)
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
        o = modify(d, SHIFT_RC[op][si_(size)], MODIFY_M[W_BY_CL + op][si_(size)], size, 0)
        o.imm = d.c.m.count_mask
        return
    if how == 3:
        n = fetch8(d) & d.c.m.count_mask
    if n == 0:
        modify(d, nop, MODIFY_M[W_SAME][si_(size)], size, 0)
        return
    o = modify(d, SHIFT_RI[op][si_(size)], MODIFY_M[op][si_(size)], size, 0)
    o.imm = n


cdef void shift_double(Dec* d, Fn fn, int what, bint imm) noexcept nogil:
    cdef Op* o
    modrm(d)
    o = modify(d, fn, MODIFY_M[what][si_(d.os)], d.os, 0)
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
        o = emit_wide(d, MOV_MR[0][si_(size)], MOV_MR_A32[0][si_(size)])
    o.src = reg_at(d.reg, size)


cdef void mov_ge(Dec* d, int size) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        o = emit(d, MOV_RR[0][si_(size)])
        o.src = reg_at(d.rm, size)
    else:
        o = emit_wide(d, MOV_RM[0][si_(size)], MOV_RM_A32[0][si_(size)])
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
        o = emit_wide(d, MOV_MR[0][si_(size)], MOV_MR_A32[0][si_(size)])
        o.src = O_TMP2(d.c)
    else:
        o = emit_wide(d, MOV_MI[0][si_(size)], MOV_MI_A32[0][si_(size)])
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
    o = modify(d, XCHG_RR[0][si_(size)], MODIFY_M[W_XCHG][si_(size)], size, 1)
    o.src = reg_at(d.reg, size)
    d.lock = said


cdef void xchg_acc(Dec* d, int n) noexcept nogil:
    cdef Op* o = emit(d, XCHG_RR[0][si_(d.os)])
    o.dst = 0
    o.src = reg_at(n, d.os)


cdef void modify_eg(Dec* d, Fn fn, int what, int size) noexcept nogil:
    """CMPXCHG, XADD."""
    cdef Op* o
    modrm(d)
    o = modify(d, fn, MODIFY_M[what][si_(size)], size, 1)
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
    if d.mod == 3:
        o = emit(d, mov_rs32 if d.os == 4 else mov_rs16)
        o.dst = reg_at(d.rm, d.os)
    else:
        o = emit_mem(d, mov_ms)
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
    if d.mod != 3 and d.reg != SS and d.reg != CS:
        o = emit_mem(d, READ_M[R_SREG][si_(2)])
    else:
        at = operand(d, 2)
        o = emit(d, mov_ss if d.reg == SS else (mov_cs if d.reg == CS else mov_sr))
        o.src = at
    o.dst = <uint16_t>d.reg
    d.ends = d.reg == SS or d.reg == CS
    d.jumps = d.reg == CS


cdef void lea_ge(Dec* d) noexcept nogil:
    cdef Op* o
    modrm(d)
    if d.mod == 3:
        if d.c.m.level > 0:
            ud(d)
        else:
            o = emit(d, lea_last)
            o.dst = reg_at(d.reg, 2)
        return
    o = emit_wide(d, LEA[0][si_(d.os)], LEA_A32[0][si_(d.os)])
    o.dst = reg_at(d.reg, d.os)


cdef void far_pointer(Dec* d, int seg) noexcept nogil:
    """LES LDS LSS LFS LGS."""
    cdef Op* o
    modrm(d)
    if d.mod == 3 and d.c.m.level > 0:
        ud(d)
        return
    if d.mod != 3 and d.os == 2:
        o = emit_mem(d, lseg16_m)
    else:
        if d.mod != 3:
            emit_mem(d, load_far32)
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
        o.tip = what
    elif d.ads == 2 and (what == BT or not locks(d)):
        o = emit_mem(d, BIT_M[what][si_(d.os)])
    else:
        o = emit_ea(d, ea16_free if d.ads == 2 else ea32_free)
        at = emit(d, bit_address16 if d.os == 2 else bit_address32)
        at.src = reg_at(d.reg, d.os)
        at.imm = d.ads == 2
        at.seg = <uint8_t>d.ea_seg
        o = bits_at(d, fn, what)
        o.tip = what
    o.src = reg_at(d.reg, d.os)


cdef Op* bits_at(Dec* d, Fn fn, int what) noexcept nogil:
    """The bit operation on the word at c.run.ea."""
    cdef Op* o
    cdef Op* m
    cdef bint locked = what != BT and locks(d)
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
        o = modify(d, fn, MODIFY_M[W_BTS + d.reg - 5][si_(d.os)], d.os, 1)
    o.tip = d.reg - 4
    o.imm = fetch8(d)
