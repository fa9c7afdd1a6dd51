# The peephole lives here: it goes over the ops of a new block once, and replaces some by faster ones.
#
#   dead flags  if all flags of an op are overwritten before anything can read them, they are not computed
#   fusion      an operation and the Jcc or predicate after it become one op
#
# Anything may read the flags where the block can be left: at its end, and at an op that accesses memory or a device or
# may fault. An op at which the block is not left has a trait: the flags it sets, overwrites and reads. An op without a
# trait reads all flags. Single steps do not use the peephole, and must give the same results.

#   runs        PUSH after PUSH, POP after POP become one op
#
# A fusion is here only if at least three unrelated real guests execute it; docs/PERFORMANCE.md has the histogram
# (`make ops`). make_grid.py makes the handlers and the rows (fill_fused).
#
#   ops                                                         handlers
#   CMP TEST ADD SUB OR DEC, Jcc                                *_jcc
#   CMP with an immediate, predicate                            *_predicate
#   two to eight PUSH of registers; the same of POP             *_run

cdef enum:
    FL_CF = 1
    FL_REST = 2                  # OF SF ZF AF PF
    FL_ALL = 3
    TRAITS = 1024
    OF_PREDICATE = 16            # Trait.condition of a predicate is the condition of its Jcc plus this
    NO_CONDITION = 32
    LONGEST_RUN = 8

cdef struct Trait:
    Fn fn
    Fn dead                      # the same operation without its flags, or NULL
    uint8_t sets                 # flags it computes; `dead` may replace it if nothing reads any of them
    uint8_t kills                # flags that it always overwrites
    uint8_t reads                # flags that it needs, or that may be read because the block can be left here
    uint8_t condition            # of a Jcc; of a predicate, plus OF_PREDICATE; else NO_CONDITION
    Fn* fused                    # by condition: the same operation with the Jcc or predicate after it, or NULL
    Fn predicated                # the same operation after a predicate, or NULL
    Fn* run                      # by length: the handler for so many of them in a row, or NULL

cdef Trait TRAIT[TRAITS]         # a hash table by fn; a NULL fn ends the search


cdef Trait* trait_of(Fn fn) noexcept nogil:
    """The trait of `fn`. If it has none, the free place of the table for it, with a NULL fn."""
    cdef uintptr_t i = (<uintptr_t>fn >> 4) * 0x9E3779B1U >> 7
    while TRAIT[i % TRAITS].fn != NULL and TRAIT[i % TRAITS].fn != fn:
        i += 1
    return &TRAIT[i % TRAITS]


cdef Trait* trait(Fn fn, uint8_t sets, uint8_t kills, uint8_t reads) noexcept nogil:
    cdef Trait* t = trait_of(fn)
    t.fn = fn
    t.sets = sets
    t.kills = kills
    t.reads = reads
    t.condition = NO_CONDITION
    return t


cdef Trait* predicated(Fn fn, Fn with_predicate) noexcept nogil:
    """`with_predicate` is `fn` after a predicate. It overwrites no flags for certain: if it is skipped, they stay."""
    cdef Trait* t = trait_of(fn)
    t.predicated = with_predicate
    return trait(with_predicate, t.sets, 0, t.reads)


cdef void fuses(Fn fn, Fn second, Fn both) noexcept nogil:
    """`both` does the same as `fn` and then `second`, a Jcc or a predicate."""
    cdef Trait* t = trait_of(fn)
    if t.fn == NULL:
        t = trait(fn, FL_ALL, 0, FL_ALL)         # it has a memory operand, and the block may be left at its load
    if t.fused == NULL:
        t.fused = <Fn*>calloc(NO_CONDITION, sizeof(Fn))
    if t.fused != NULL:
        t.fused[trait_of(second).condition] = both


cdef void runs(Fn fn, int length, Fn all_) noexcept nogil:
    """`all_` does the same as so many `fn` in a row. No operand of them may be SP."""
    cdef Trait* t = trait_of(fn)
    if t.fn == NULL:
        t = trait(fn, FL_ALL, 0, FL_ALL)         # it accesses memory: the block may be left there
    if t.run == NULL:
        t.run = <Fn*>calloc(LONGEST_RUN + 1, sizeof(Fn))
    if t.run != NULL:
        t.run[length] = all_


cdef void fill_traits() noexcept nogil:
    cdef int op, i
    cdef uint8_t reads, sets, kills
    cdef Fn[20] flagless = [probe_skip, probe_fork, nop, lea_last, ea16_free, ea32_free, cbw, cwde, cwd, cdq, bswap,
                            movzx16_8, movzx32_8, movzx32_16, movsx16_8, movsx32_8, movsx32_16, mov_rs16, mov_rs32,
                            mov_sr]
    for op in range(ADD, TEST + 1):
        reads = FL_CF if op == ADC or op == SBB else 0
        for i in range(3):
            trait(ALU_RR[op][i], FL_ALL, FL_ALL, reads).dead = ALU_RR_DEAD[op][i]
            trait(ALU_RI[op][i], FL_ALL, FL_ALL, reads).dead = ALU_RI_DEAD[op][i]
            trait(ALU_RM[op][i], FL_ALL, 0, FL_ALL).dead = ALU_RM_DEAD[op][i]
            trait(ALU_RM_A32[op][i], FL_ALL, 0, FL_ALL).dead = ALU_RM_DEAD_A32[op][i]
            predicated(ALU_RR[op][i], PREDICATED_ALU_RR[op][i]).dead = PREDICATED_ALU_RR_DEAD[op][i]
            predicated(ALU_RI[op][i], PREDICATED_ALU_RI[op][i]).dead = PREDICATED_ALU_RI_DEAD[op][i]
    for op in range(INC, NEG + 1):
        sets = FL_ALL if op == NEG else (0 if op == NOT else FL_REST)
        for i in range(3):
            trait(UNARY_R[op][i], sets, sets, 0).dead = UNARY_R_DEAD[op][i]
            predicated(UNARY_R[op][i], PREDICATED_UNARY_R[op][i]).dead = PREDICATED_UNARY_R_DEAD[op][i]
    for op in range(ROL, SAR + 1):
        kills = FL_ALL if op >= SHL else 0       # rotates keep some flags
        reads = FL_CF if op == RCL or op == RCR else 0
        for i in range(3):
            trait(SHIFT_RI[op][i], FL_ALL, kills, reads).dead = SHIFT_RI_DEAD[op][i]
    for i in range(3):
        trait(MOV_RR[0][i], 0, 0, 0)
        trait(MOV_RI[0][i], 0, 0, 0)
        predicated(MOV_RR[0][i], PREDICATED_MOV_RR[0][i])
        predicated(MOV_RI[0][i], PREDICATED_MOV_RI[0][i])
        trait(XCHG_RR[0][i], 0, 0, 0)
        trait(LEA[0][i], 0, 0, 0)
        trait(LEA_A32[0][i], 0, 0, 0)
        trait(FLUID_IMM[0][i], 0, 0, 0)
    for i in range(20):
        trait(flagless[i], 0, 0, 0)
    for i in range(16):
        trait(JCC[0][i], 0, 0, FL_ALL).condition = <uint8_t>i
        reads = FL_CF if i >> 1 == 1 else (FL_ALL if i >> 1 == 3 else FL_REST)
        trait(PREDICATE[0][i], 0, 0, reads).condition = <uint8_t>(OF_PREDICATE + i)
    fill_fused()


cdef void peephole(Op* first, int used) noexcept nogil:
    """Go over the ops of a block from the last to the first. `live` are the flags that may be read after the op."""
    cdef uint8_t live = FL_ALL
    cdef Op* o = first + used
    cdef Trait* t
    cdef Fn plain = NULL                         # the op after `o`, if it is in a run,
    cdef int length = 0                          # of so many ops
    cdef int condition = NO_CONDITION
    while o != first:
        o -= 1
        t = trait_of(o.fn)
        if t.fn == NULL:
            live = FL_ALL
            condition = NO_CONDITION
            plain = NULL
            continue
        if t.run != NULL:
            length = length + 1 if o.fn == plain and length < LONGEST_RUN else 1
            plain = o.fn if o.src != 4 * SP and o.dst != 4 * SP else NULL
            if plain != NULL and length > 1:
                o.fn = t.run[length]
                o[1].fn = plain                  # if the run cannot be done at once, its ops are executed one by one
        else:
            plain = NULL
            if condition != NO_CONDITION and t.fused != NULL and t.fused[condition] != NULL:
                o.fn = t.fused[condition]
            elif t.dead != NULL and not t.sets & live:
                o.fn = t.dead
        live = (live & ~t.kills) | t.reads
        condition = t.condition


fill_traits()
