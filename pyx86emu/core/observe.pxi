# Observers of a running guest: what probes cannot tell from inside a block is told here, between two instructions.
#
#   core/base/looks.pxi    what they look for (Look), what they have seen (Seen)
#   core/cpu/probes.pxi    ops in decoded blocks, which see instructions, interrupts, ports and jumps
#   core/base/debug.pxi    accesses to watched memory: their granules take the slow path, as for the host's watchpoints
#   core/face/looks_api    where Python makes them
#
# While c.observe.mask is 0, blocks have no probes, and the run loop looks at nothing of this (c.run.watched).

# Tells Python what is pending, with the GIL (face/looks_api.pxi).
cdef void (*ON_SEEN)(CPU*) noexcept nogil


cdef void observe_serve(CPU* c) noexcept nogil:
    """Tell what was seen. What was seen in the middle of an instruction waits for its end."""
    if c.observe.touches and c.observe.touched_at != c.run.retired:
        see_touches(c)
    if c.observe.lines_due:
        ask_for_lines(c)
    if c.observe.pending:
        go_outside(c)
        ON_SEEN(c)
        come_inside(c)


cdef void see_touches(CPU* c) noexcept nogil:
    """The instruction that accessed watched memory is complete: look at what is there now."""
    cdef Seen s
    cdef Touch* t
    cdef int i, n = c.observe.touches
    c.observe.touches = 0
    for i in range(n):
        t = &c.observe.touch[i]
        fill_seen(c, &s, t.look.kind, c.observe.touched_at, t.time, t.ip)
        s.cs = <uint16_t>t.cs
        s.addr = t.addr
        s.size = t.size
        s.write = t.write
        s.old = t.old
        s.value = memory_bytes(c, t.addr, t.size) if t.write else t.old
        keep_seen(c, t.look, &s)


cdef bint observe_here(CPU* c) noexcept nogil:
    """Before the next instruction: tell those who stop or call for it. 1: something is pending."""
    cdef uint32_t at = c.arch.sb[CS] + c.arch.ip, vector, what
    cdef bint turns
    if c.reads.pending or c.reads.finish or told(c, c.run.retired, at):
        return 0
    what = what_is_here(c, &vector, &turns)
    if not leaves_at(c, at, what, vector):
        return 0
    see_instruction(c, c.run.retired, clock_now(c), c.arch.ip, end_of_code(c) if what & LOOK_EACH else 0, what, vector)
    return c.observe.pending != 0


cdef uint32_t what_is_here(CPU* c, uint32_t* vector, bint* turns) noexcept nogil:
    """What the next instruction may be, for see_instruction()."""
    cdef uint32_t mask = c.observe.mask
    cdef uint32_t what = kind_of_code(c, c.arch.sb[CS], c.arch.ip, vector, turns) & mask
    if mask & LOOK_EXEC and exec_at(c, c.arch.sb[CS] + c.arch.ip):
        what |= LOOK_EXEC
    return what | mask & (LOOK_BLOCK | LOOK_EACH)


cdef uint32_t end_of_code(CPU* c) noexcept nogil:
    """The offset after the next instruction."""
    cdef Op[10] ops
    cdef Dec d
    memset(&d, 0, sizeof(d))
    d.c = c
    d.ram = c.run.ram
    d.o = ops
    d.room = 9
    d.base = c.arch.sb[CS]
    d.ip = c.arch.ip
    d.seg = -1
    decode_one(&d)
    return d.ip


cdef void observe_step(CPU* c, uint32_t next_ip) noexcept nogil:
    """The same as the probes of a block, for an instruction that is executed by itself and ends before `next_ip`."""
    cdef uint32_t at = c.arch.sb[CS] + c.arch.ip, vector, what
    cdef bint turns
    if c.arch.ip > 0xFFFF:
        return                                   # the fetch faults
    settle_turn(c, c.run.retired)
    what = what_is_here(c, &vector, &turns)
    if not told(c, c.run.retired, at):
        if c.observe.covered != NULL:
            c.observe.covered[at >> 3] |= 1 << (at & 7)
        if c.observe.turned and c.observe.edges != NULL:
            see_edge(c, at)
        if c.observe.mask & LOOK_DECODE:
            see_decoded(c, c.arch.sb[CS], c.arch.ip, next_ip, 1)
        see_instruction(c, c.run.retired, clock_now(c), c.arch.ip, next_ip, what, vector)
    if turns:
        c.observe.turned = 1
