# What the history and maps need at jumps lives here: the decoder puts it into blocks (history.pxi says what for).

cdef Fn that_is_seen(Fn fn) noexcept nogil:
    """The handler of a jump whose target the code does not say, as one that stores the target; else NULL."""
    if fn == ret16: return ret16_seen
    if fn == int_n: return int_n_seen
    if fn == iret16: return iret16_seen
    if fn == retf16: return retf16_seen
    if fn == jmp16_r: return jmp16_r_seen
    if fn == call16_r: return call16_r_seen
    if fn == jmp_far_m: return jmp_far_m_seen
    if fn == call_far16_m: return call_far16_m_seen
    if fn == into: return into_seen
    if fn == ret32: return ret32_seen
    if fn == iret32: return iret32_seen
    if fn == retf32: return retf32_seen
    if fn == jmp32_r: return jmp32_r_seen
    if fn == call32_r: return call32_r_seen
    if fn == call_far32_m: return call_far32_m_seen
    return NULL


cdef bint is_loop(Fn fn) noexcept nogil:
    return (fn == loop16 or fn == loope16 or fn == loopne16 or fn == jcxz
            or fn == loop32 or fn == loope32 or fn == loopne32 or fn == jecxz)


cdef void see_end(Op* last, uint32_t base, Decoded* d) noexcept nogil:
    """Say where the vCPU goes on after the last op of a block, and have it stored if the code does not say it."""
    cdef Fn fn = last.fn
    cdef Trait* t = trait_of(fn)
    d.way = WAY_ON
    d.target = base << 12 | last.tip
    d.jumps = 0
    if fn == jmp_rel or fn == call16_rel or fn == call32_rel:
        d.way = WAY_JUMP
    elif fn == jmp_far or fn == call_far16 or fn == call_far32:
        d.way = WAY_JUMP
        d.target = <uint32_t>last.tip << 16 | last.imm & 0xFFFF
    elif t.fn != NULL and t.condition < OF_PREDICATE or is_loop(fn):
        d.way = WAY_IF
        d.jumps = last.tip <= last.ip            # a loop
        last.seg = JCC_JUMPS if d.jumps else JCC_SEEN
    elif that_is_seen(fn) != NULL:
        last.fn = that_is_seen(fn)
        d.way = WAY_SEEN


cdef void mark_rep(Op* o) noexcept nogil:
    """`o` is the first op of an instruction with REP."""
    o.t0 = <Op*>o.fn
    o.fn = probe_rep


cdef void store_outcome(Op* jcc) noexcept nogil:
    """A predicate and what depends on it were decoded: put an op between them that stores the outcome."""
    cdef int i, n = jcc.src
    jcc.seg = PREDICATE_SEEN
    for i in range(n, 0, -1):
        jcc[i + 1] = jcc[i]
        jcc[i + 1].k += 1
    memset(jcc + 1, 0, sizeof(Op))
    jcc[1].fn = probe_skip
    jcc[1].ip = jcc[1].fip = jcc.fip
    jcc[1].n = <uint8_t>(before(jcc) + 1)
    jcc[1].k = <uint8_t>(jcc.k + 1)


cdef void see_predicates(Op* first, int used, int count) noexcept nogil:
    """Tell what stores the outcome of a predicate how many of the block's `count` instructions come after it.
    The peephole is done."""
    cdef int i
    for i in range(used):
        if first[i].seg == PREDICATE_SEEN:
            first[i + 1].imm = <uint32_t>(count - before(first + i) - 1)


cdef bint may_predicate(Op* jcc, uint32_t mask) noexcept nogil:
    """May this Jcc become a predicate? Not if blocks or all instructions are observed, or if both the history and a map
    want the place after it."""
    if mask & (LOOK_BLOCK | LOOK_EACH | LOOK_DECODE):
        return 0
    return not mask & LOOK_EDGES or not mask & LOOK_HISTORY and jcc.k and (jcc - 1).fn == probe_turn


cdef bint has_probe(CPU* c, uint32_t at, uint32_t mask, Decoded* d) noexcept nogil:
    """Is somebody interested in the instruction at this linear address? Then it is not predicated."""
    if mask & LOOK_COVER and not was_reached(c, at):
        d.waits = at + 1
        return 1
    return mask & LOOK_EXEC and exec_at(c, at)


cdef void count_outcome(Op* jcc, uint32_t base) noexcept nogil:
    """A predicate and what depends on it were decoded: probe_turn before it becomes probe_fork after it."""
    cdef Op* o = jcc
    (o - 1)[0] = o[0]
    (o - 1).k -= 1
    o.fn = probe_fork
    o.imm = o.src
    o.dst = <uint16_t>edge_place(base + o.tip)
    o.src = <uint16_t>edge_place(base + o.fip)
    o.ip = o.fip
