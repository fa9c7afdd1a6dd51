# The decoder: from bytes to ops. opcodes.pxi has the grid; here are the operand forms it names. Executes nothing.

cdef struct Dec:
    CPU* c
    Op* o                        # ops of this instruction
    int used
    uint32_t base                # of the code segment
    uint32_t start
    uint32_t ip                  # next byte
    int seg                      # override, -1: none
    int rep                      # S_REP, S_REPNE or 0
    bint lock
    bint lock_ok                 # the form knows LOCK
    int os                       # operand size, 2 or 4
    int ads                      # address size, 2 or 4
    bint over                    # a byte was beyond the segment
    bint hole                    # a byte was not in memory
    bint wrapped                 # 8086: the bytes go on at offset 0
    bint ends                    # nothing may follow in the block
    bint jumps
    int mod
    int reg
    int rm
    int ea_seg
    uint32_t ea_base
    uint32_t ea_index
    uint32_t ea_scale
    uint32_t ea_disp


cdef inline uint16_t O_ZERO(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.zero - <uint8_t*>c)

cdef inline uint16_t O_EA(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.ea - <uint8_t*>c)

cdef inline uint16_t O_TMP(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.tmp - <uint8_t*>c)

cdef inline int si_(int size) noexcept nogil:
    return size >> 1                             # 1 2 4 -> 0 1 2


cdef uint32_t fetch8(Dec* d) noexcept nogil:
    cdef uint32_t pa
    if d.ip > 0xFFFF:
        if not d.c.m.wraps:
            d.over = 1
            return 0
        d.wrapped = 1
    pa = d.base + (d.ip & 0xFFFF)
    if d.c.rd[pa >> 8] == 0:
        d.hole = 1
        return 0
    d.ip += 1
    return (<uint8_t*>(d.c.rd[pa >> 8] + pa))[0]


cdef uint32_t fetch16(Dec* d) noexcept nogil:
    cdef uint32_t lo = fetch8(d)
    return lo | fetch8(d) << 8


cdef uint32_t fetch32(Dec* d) noexcept nogil:
    cdef uint32_t lo = fetch16(d)
    return lo | fetch16(d) << 16


cdef uint32_t fetch_v(Dec* d, int size) noexcept nogil:
    if size == 1:
        return fetch8(d)
    return fetch16(d) if size == 2 else fetch32(d)


cdef uint32_t fetch_s8(Dec* d) noexcept nogil:
    return <uint32_t><int32_t><int8_t>fetch8(d)


cdef Op* emit(Dec* d, Fn fn) noexcept nogil:
    cdef Op* o = d.o + d.used
    memset(o, 0, sizeof(Op))
    o.fn = fn
    o.base = O_ZERO(d.c)
    o.index = O_ZERO(d.c)
    d.used += 1
    return o


cdef inline uint16_t reg_at(int n, int size) noexcept nogil:
    return <uint16_t>((n & 3) * 4 + (n >> 2) if size == 1 else n * 4)


cdef void modrm(Dec* d) noexcept nogil:
    cdef uint32_t m = fetch8(d)
    d.mod = m >> 6
    d.reg = m >> 3 & 7
    d.rm = m & 7
    if d.mod == 3:
        return
    d.ea_base = O_ZERO(d.c)
    d.ea_index = O_ZERO(d.c)
    d.ea_scale = 0
    d.ea_disp = 0
    d.ea_seg = DS
    if d.ads == 4:
        modrm32(d)
    else:
        modrm16(d)
    if d.seg >= 0:
        d.ea_seg = d.seg


cdef void modrm16(Dec* d) noexcept nogil:
    cdef int rm = d.rm
    if rm == 6 and d.mod == 0:
        d.ea_disp = fetch16(d)
        return
    if rm == 0 or rm == 1 or rm == 7:
        d.ea_base = 4 * BX
    elif rm == 2 or rm == 3 or rm == 6:
        d.ea_base = 4 * BP
        d.ea_seg = SS
    if rm == 0 or rm == 2 or rm == 4:
        d.ea_index = 4 * SI
    elif rm == 1 or rm == 3 or rm == 5:
        d.ea_index = 4 * DI
    if d.mod == 1:
        d.ea_disp = fetch_s8(d) & 0xFFFF
    elif d.mod == 2:
        d.ea_disp = fetch16(d)


cdef void modrm32(Dec* d) noexcept nogil:
    cdef uint32_t sib
    cdef int base = d.rm
    if base == 4:
        sib = fetch8(d)
        base = sib & 7
        d.ea_scale = sib >> 6
        if (sib >> 3 & 7) != 4:
            d.ea_index = 4 * (sib >> 3 & 7)
    if base == 5 and d.mod == 0:
        d.ea_disp = fetch32(d)
        return
    d.ea_base = 4 * base
    if base == 4 or base == 5:
        d.ea_seg = SS
    if d.mod == 1:
        d.ea_disp = fetch_s8(d)
    elif d.mod == 2:
        d.ea_disp = fetch32(d)


cdef Op* emit_ea(Dec* d, Fn fn) noexcept nogil:
    """An op that computes a 32-bit address."""
    cdef Op* o = emit(d, fn)
    o.base = <uint16_t>d.ea_base
    o.index = <uint16_t>d.ea_index
    o.dst = <uint16_t>d.ea_scale
    o.imm = d.ea_disp
    o.seg = <uint8_t>d.ea_seg
    return o


cdef Op* emit_mem(Dec* d, Fn fn) noexcept nogil:
    """An op with the memory operand of the ModR/M byte; 67h puts the op before it that finds the address."""
    cdef Op* o
    if d.ads == 4:
        emit_ea(d, ea32)
        o = emit(d, fn)
        o.base = O_EA(d.c)
    else:
        o = emit(d, fn)
        o.base = <uint16_t>d.ea_base
        o.index = <uint16_t>d.ea_index
        o.disp = <uint16_t>d.ea_disp
    o.seg = <uint8_t>d.ea_seg
    return o


cdef uint16_t operand(Dec* d, int size) noexcept nogil:
    """Where the r/m operand can be read: its register, or c.tmp with a load before."""
    if d.mod == 3:
        return reg_at(d.rm, size)
    emit_mem(d, LOAD_TMP[0][si_(size)])
    return O_TMP(d.c)


cdef Op* modify(Dec* d, Fn fn, int size, bint lockable) noexcept nogil:
    """An op that reads and writes r/m: the register form `fn`, between load and store for memory."""
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


cdef void alu_ai(Dec* d, int op, int size) noexcept nogil:
    cdef Op* o = emit(d, ALU_RI[op][si_(size)])
    o.imm = fetch_v(d, size)


cdef void alu_ei(Dec* d, int op, int size, bint short_) noexcept nogil:
    """The ModR/M byte is read already."""
    cdef Op* o
    if d.mod == 3:
        o = emit(d, ALU_RI[op][si_(size)])
        o.dst = reg_at(d.rm, size)
    elif d.lock and op != CMP and op != TEST:
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
    """MUL and the like: o.src is the r/m operand; o.imm says REP on a model where that matters."""
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


cdef void to_reg(Dec* d, Fn fn, int from_, int size) noexcept nogil:
    """r <- r/m, the two of different sizes or the operation not worth a memory form."""
    cdef uint16_t at
    cdef Op* o
    modrm(d)
    at = operand(d, from_)
    o = emit(d, fn)
    o.src = at
    o.dst = reg_at(d.reg, size)


cdef void imul_gei(Dec* d, bint short_) noexcept nogil:
    to_reg(d, imul16_ri if d.os == 2 else imul32_ri, d.os, d.os)
    d.o[d.used - 1].imm = fetch_s8(d) if short_ else fetch_v(d, d.os)


cdef void shift_e(Dec* d, int size, int how) noexcept nogil:
    """how: 1 by one, 2 by CL, 3 by an immediate byte (fetched here)."""
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
        ud(d)
        return
    if d.mod == 3:
        o = emit(d, MOV_RI[0][si_(size)])
        o.dst = reg_at(d.rm, size)
    else:
        o = emit_mem(d, MOV_MI[0][si_(size)])
    o.imm = fetch_v(d, size)


cdef void mov_reg_imm(Dec* d, int n, int size) noexcept nogil:
    cdef Op* o = emit(d, MOV_RI[0][si_(size)])
    o.dst = reg_at(n, size)
    o.imm = fetch_v(d, size)


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
    """XCHG with memory is locked whether it says so or not."""
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
    """MOV r/m16, Sreg: to memory always 16 bits."""
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
            o = emit(d, lea16)                   # 8086: whatever address was computed last
            o.dst = reg_at(d.reg, 2)
        return
    if d.ads == 4:
        emit_ea(d, ea32_free)
    else:
        emit_mem(d, ea16_free)
    o = emit(d, lea16 if d.os == 2 else lea32)
    o.dst = reg_at(d.reg, d.os)


cdef void far_pointer(Dec* d, int seg) noexcept nogil:
    """LES and its kin."""
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
    """The bit operation on the word at c.ea."""
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
    cdef Op* o = emit(d, push16_i if d.os == 2 else push32_i)
    o.imm = v


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
    """A relative jump; cc: its condition for the case that it leaves the segment, -1: none."""
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
            o.imm = 1                            # LOOP and JCXZ look at it


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
    """FE and FF. FE /2-7 on the 8086 work on a byte and something stale: decoded as their FF forms."""
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
    cdef Op* o = emit(d, STRING[what][si_(size)])
    o.imm = d.rep | (S_A32 if d.ads == 4 else 0)
    o.seg = <uint8_t>(d.seg if d.seg >= 0 else DS)


cdef void port_imm(Dec* d, Fn fn) noexcept nogil:
    cdef Op* o = emit(d, fn)
    o.imm = fetch8(d)


cdef void escape(Dec* d) noexcept nogil:
    """ESC: without a coprocessor only the operand's address matters."""
    modrm(d)
    if d.mod != 3 and not d.c.m.esc_nm:
        emit_mem(d, LOAD_TMP[0][1])
    emit(d, esc)


cdef void xlat(Dec* d) noexcept nogil:
    cdef Op* o = emit(d, xlat16 if d.ads == 2 else xlat32)
    o.seg = <uint8_t>(d.seg if d.seg >= 0 else DS)


# -- system -----------------------------------------------------------------------------------------------------

cdef void group7(Dec* d) noexcept nogil:
    cdef Op* o
    cdef uint16_t at
    modrm(d)
    if d.mod == 3 and d.reg == 0 and d.rm == 1:
        plain(d, vmcall)
    elif d.reg == 4:
        o = write_only(d, smsw32 if d.mod == 3 and d.os == 4 else smsw, d.os if d.mod == 3 else 2)
    elif d.reg == 6:
        at = operand(d, 2)
        o = emit(d, lmsw)
        o.src = at
    elif d.mod == 3 or d.reg == 5 or (d.reg == 7 and d.c.m.level < 4):
        ud(d)
    elif d.reg == 0:
        emit_mem(d, sgdt)
    elif d.reg == 1:
        emit_mem(d, sidt)
    elif d.reg == 7:
        plain(d, nop)                            # INVLPG
    else:
        o = emit_mem(d, lgdt if d.reg == 2 else lidt)
        o.imm = 0xFFFFFFFFU if d.os == 4 else 0xFFFFFFU


cdef void mov_special(Dec* d, Fn fn, uint32_t allowed, bint to) noexcept nogil:
    """MOV CRn, DRn, TRn: `allowed` has a bit per register; mod is taken as 3."""
    cdef Op* o
    cdef uint32_t m = fetch8(d)
    d.reg = m >> 3 & 7
    if not allowed >> d.reg & 1:
        ud(d)
        return
    o = emit(d, fn)
    o.dst = reg_at(m & 7, 4)
    o.src = o.dst
    o.imm = d.reg
    d.ends = to
    d.jumps = to


cdef inline bint has(Dec* d, int level) noexcept nogil:
    return d.c.m.level >= level


cdef int decode_one(Dec* d) noexcept nogil:
    """One instruction at d.ip into d.o. The ops' common fields are filled here."""
    cdef int i, level = d.c.m.level, prefixes = 0
    cdef uint32_t op
    cdef Op* o
    d.start = d.ip
    d.used = 0
    d.os = 2
    d.ads = 2
    d.lock = 0
    d.lock_ok = 0
    d.over = 0
    d.hole = 0
    d.wrapped = 0
    d.ends = 0
    d.jumps = 0
    while True:
        op = fetch8(d)
        if d.over or d.hole:
            break
        if op == 0x26 or op == 0x2E or op == 0x36 or op == 0x3E:
            d.seg = op >> 3 & 3
        elif (op == 0x64 or op == 0x65) and level >= 3:
            d.seg = op - 0x60
        elif op == 0x66 and level >= 3:
            d.os = 4
        elif op == 0x67 and level >= 3:
            d.ads = 4
        elif op == 0xF0 or (op == 0xF1 and level < 2):
            d.lock = 1
        elif op == 0xF2:
            d.rep = S_REPNE
        elif op == 0xF3:
            d.rep = S_REP
        elif op != 0xF1 or level > 2:
            break
        prefixes += 1
        if prefixes > 14:
            if d.c.m.prefix_limit == 0:
                o = emit(d, prefix_run)
                o.imm = <uint32_t>(d.seg + 1) | <uint32_t>d.rep << 8
                d.ends = 1
                d.lock_ok = 1
            break
    if d.used == 0 and prefixes <= 14 and not d.over and not d.hole:
        opcode(d, op)
    if d.hole:
        d.used = 0
        emit(d, no_code)
        d.ends = 1
    elif d.over or prefixes > 14 and d.c.m.prefix_limit or (
            d.c.m.prefix_limit and d.ip - d.start > <uint32_t>d.c.m.prefix_limit):
        d.used = 0
        emit(d, fault_gp)
        d.ends = 1
        d.jumps = 1
    elif d.lock and not d.lock_ok and d.c.m.lock_ud:
        ud(d)
    for i in range(d.used):
        o = d.o + i
        o.ip = <uint16_t>d.start
        o.fip = <uint16_t>d.ip
        o.len = <uint8_t>(d.ip - d.start)
    return d.used


cdef int decode_ops(CPU* c, Op* first, int cap, uint32_t base, uint32_t ip, uint32_t* hi) noexcept nogil:
    """A block at base:ip into `first`; `hi` is the offset behind its last byte. 0: not to be cached here."""
    cdef Op one[10]
    cdef Dec d
    cdef int used = 0, count = 0, i
    cdef uint32_t limit = (((base + ip) >> 8) + 2) << 8
    memset(&d, 0, sizeof(d))
    d.c = c
    d.base = base
    d.ip = ip
    d.o = one
    while True:
        d.seg = -1
        d.rep = 0
        hi[0] = d.ip
        decode_one(&d)
        if (d.over or d.hole or d.wrapped or d.ip > 0xFFFF or base + d.ip > limit
                or used + d.used + (0 if d.ends else 1) > cap):
            break
        for i in range(d.used):
            first[used] = one[i]
            first[used].n = <uint8_t>count
            first[used].k = <uint8_t>used
            used += 1
        count += 1
        hi[0] = d.ip
        if d.ends or used >= BLOCK_OPS:
            break
    if count == 0:
        return 0
    if not d.ends or hi[0] != d.ip:              # go on behind the last whole instruction
        if used == cap:
            return 0
        memset(first + used, 0, sizeof(Op))
        first[used].fn = end_block
        first[used].ip = <uint16_t>hi[0]
        first[used].fip = <uint16_t>hi[0]
        first[used].n = <uint8_t>count
        first[used].k = <uint8_t>used
        used += 1
    first.n = <uint8_t>count
    return used
