# Probes live here: ops that see what the guest does. They exist only in blocks that were decoded while somebody
# observes; core/observe.pxi says for whom, and tells it outside.
#
# A probe is the first op of an instruction. If somebody must be called or the vCPU must stop, the probe leaves the
# block before the instruction: the run loop tells it (observe_here) and goes on. c.observe.tag then keeps the probe
# from doing it again.
#
# An instruction that a predicate may skip has no probe: it is predicated only while nothing looks at it. The peephole
# fuses no ops across a probe, and computes all flags before it.

cdef inline bint told(CPU* c, uint64_t now, uint32_t at) noexcept nogil:
    """Was this instruction told already? Then it is run again: after a stop, for the answer of a device, or it is a REP
    that goes on."""
    return c.observe.tag == now + 1 and c.observe.tag_at == at or c.events.rep_left == now


cdef void fill_seen(CPU* c, Seen* s, uint32_t kind, uint64_t instructions, uint64_t time, uint32_t ip) noexcept nogil:
    cdef int i
    memset(s, 0, sizeof(Seen))
    s.instructions = instructions
    s.time = time
    s.kind = kind
    s.cs = <uint16_t>(c.arch.sb[CS] >> 4)
    s.ip = <uint16_t>ip
    memcpy(s.reg, c.arch.r, sizeof(s.reg))
    for i in range(6):
        s.seg[i] = <uint16_t>(c.arch.sb[i] >> 4)
    s.flags = fl_all(c)
    s.depth = <uint16_t>c.observe.frames


cdef bint conditions_hold(Look* k, Seen* s) noexcept nogil:
    cdef int i
    for i in range(k.conditions):
        if (s.reg[k.at[i]] >> k.shift[i] & k.bits[i]) != k.equal[i]:
            return 0
    return 1


cdef void keep_seen(CPU* c, Look* k, Seen* s) noexcept nogil:
    """An observer has seen something: keep it, and if it is to be told outside, remember that."""
    k.count += 1
    c.observe.order += 1
    s.order = c.observe.order
    if k.ring != NULL:
        k.ring[(k.count - 1) % k.capacity] = s[0]
    if k.action == DO_DRAIN and (k.asked or 2 * (k.count - k.drained) < k.capacity):
        return
    if k.action != DO_LOG and c.observe.pending < PENDING:
        k.asked = 1
        c.observe.pending_look[c.observe.pending] = k.number
        c.observe.pending_seen[c.observe.pending] = s[0]
        c.observe.pending += 1
        c.run.attn |= ATTN_LOOK


cdef void ask_for_lines(CPU* c) noexcept nogil:
    """The log of the lines is half full: those who trace them are to drain it."""
    cdef int i
    c.observe.lines_due = 0
    for i in range(c.observe.looks):
        if c.observe.look[i].kind == LOOK_LINE and c.observe.pending < PENDING:
            c.observe.pending_look[c.observe.pending] = c.observe.look[i].number
            memset(&c.observe.pending_seen[c.observe.pending], 0, sizeof(Seen))
            c.observe.pending += 1


cdef int first_exec(CPU* c, uint32_t at) noexcept nogil:
    """The index of the first look of LOOK_EXEC that ends at `at` or later, in the order of their addresses."""
    cdef int low = c.observe.looks - c.observe.execs, high = c.observe.looks, middle
    while low < high:
        middle = (low + high) >> 1
        if c.observe.look[middle].first < at:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint exec_at(CPU* c, uint32_t at) noexcept nogil:
    """Does somebody look for the instruction at this linear address?"""
    cdef int i = first_exec(c, at)
    return i < c.observe.looks and c.observe.look[i].first == at


cdef inline bint acts(Look* k) noexcept nogil:
    """Does it stop or call at each event?"""
    return k.action == DO_STOP or k.action == DO_CALL


cdef bint leaves_at(CPU* c, uint32_t at, uint32_t what, uint32_t vector) noexcept nogil:
    """Must somebody be told outside before the instruction? It need not be certain: the run loop looks closely."""
    cdef int i
    if c.observe.leaves == 0:
        return 0
    if what & LOOK_EXEC:
        i = first_exec(c, at)
        while i < c.observe.looks and c.observe.look[i].first == at:
            if acts(c.observe.look[i]):
                return 1
            i += 1
    for i in range(c.observe.looks - c.observe.execs):
        if acts(c.observe.look[i]) and (
                c.observe.look[i].kind == LOOK_EACH and c.observe.look[i].first <= at <= c.observe.look[i].last
                or c.observe.look[i].kind == LOOK_INT and what & LOOK_INT
                and (vector >= RETURNS or c.observe.look[i].first <= vector <= c.observe.look[i].last)
                or c.observe.look[i].kind == LOOK_BLOCK and what & LOOK_BLOCK and c.observe.turned):
            return 1
    return 0


cdef void see_instruction(CPU* c, uint64_t now, uint64_t time, uint32_t ip, uint32_t next_ip, uint32_t what,
                          uint32_t vector) noexcept nogil:
    """The instruction at CS:ip is reached, which ends before `next_ip`. `what`: LOOK_EXEC, LOOK_EACH, LOOK_INT and
    LOOK_BLOCK, if it may be one of these; `vector` of an INT, or RETURNS."""
    cdef Seen s
    cdef uint32_t at = c.arch.sb[CS] + ip
    cdef int i
    c.observe.tag = now + 1
    c.observe.tag_at = at
    if what & LOOK_BLOCK and not c.observe.turned:
        what &= ~<uint32_t>LOOK_BLOCK
    if not what:
        return
    fill_seen(c, &s, LOOK_EXEC, now, time, ip)
    s.addr = at
    if what & LOOK_EXEC:
        i = first_exec(c, at)
        while i < c.observe.looks and c.observe.look[i].first == at:
            keep_seen(c, c.observe.look[i], &s)
            i += 1
    if what & LOOK_EACH:
        put_code(c, &s, c.arch.sb[CS], ip, next_ip)
        for i in range(c.observe.looks - c.observe.execs):
            if c.observe.look[i].kind == LOOK_EACH and c.observe.look[i].first <= at <= c.observe.look[i].last:
                keep_seen(c, c.observe.look[i], &s)
        s.value = s.old = s.size = 0
    if what & LOOK_BLOCK:
        s.kind = LOOK_BLOCK
        s.value = c.observe.from_
        for i in range(c.observe.looks - c.observe.execs):
            if c.observe.look[i].kind == LOOK_BLOCK:
                keep_seen(c, c.observe.look[i], &s)
        c.observe.from_ = at
        c.observe.turned = 0
    if what & LOOK_INT:
        if vector == RETURNS:
            see_return(c, &s)
        elif vector != OF_INTO or s.flags & F_OF:
            s.vector = <uint16_t>(4 if vector == OF_INTO else vector)
            s.how = HOW_SOFTWARE
            see_interrupt(c, &s, c.arch.r[SP] - 6 & 0xFFFF)


cdef enum:
    RETURNS = 0x100              # in place of a vector: an instruction that may end a handler
    OF_INTO = 0x101              # INTO: vector 4, if OF is set


cdef void put_code(CPU* c, Seen* s, uint32_t base, uint32_t ip, uint32_t next_ip) noexcept nogil:
    """The bytes of an instruction: `size` of them, the first 16 in `value` and `old`."""
    cdef uint32_t i, n = next_ip - ip & 0xFFFF
    cdef uint8_t* to = <uint8_t*>&s.value
    s.size = n
    for i in range(min(n, <uint32_t>16)):
        to[i] = <uint8_t>max(code_byte(c, base + (ip + i & 0xFFFF)), 0)


cdef void see_decoded(CPU* c, uint32_t base, uint32_t ip, uint32_t next_ip, bint first) noexcept nogil:
    """An instruction was decoded; `first` of a block."""
    cdef Seen s
    cdef int i
    fill_seen(c, &s, LOOK_DECODE, c.run.slice_end - <uint64_t>c.run.left, 0, ip)
    s.time = ns_after(c, s.instructions)
    s.cs = <uint16_t>(base >> 4)
    s.addr = base + ip
    s.write = first
    put_code(c, &s, base, ip, next_ip)
    for i in range(c.observe.looks - c.observe.execs):
        if c.observe.look[i].kind == LOOK_DECODE:
            keep_seen(c, c.observe.look[i], &s)


cdef void see_interrupt(CPU* c, Seen* s, uint32_t sp) noexcept nogil:
    """An interrupt begins; its frame is at SS:sp, or will be."""
    cdef int i
    cdef Frame* f
    if c.observe.frames == OPEN_FRAMES:          # the oldest is never ended: a guest that switches stacks
        memmove(c.observe.frame, c.observe.frame + 1, (OPEN_FRAMES - 1) * sizeof(Frame))
        c.observe.frames -= 1
    f = &c.observe.frame[c.observe.frames]
    c.observe.frames += 1
    f.ss = c.arch.sb[SS] >> 4
    f.sp = sp
    f.vector = s.vector
    memcpy(f.reg, c.arch.r, sizeof(f.reg))
    f.flags = s.flags
    s.kind = LOOK_INT
    s.addr = s.vector
    s.depth = <uint16_t>c.observe.frames
    for i in range(c.observe.looks - c.observe.execs):
        if (c.observe.look[i].kind == LOOK_INT and c.observe.look[i].first <= s.vector <= c.observe.look[i].last
                and conditions_hold(c.observe.look[i], s)):
            keep_seen(c, c.observe.look[i], s)


cdef void see_return(CPU* c, Seen* s) noexcept nogil:
    """IRET or RETF 2: if it ends an interrupt that is open, it is told to those who saw that begin."""
    cdef uint32_t ss = c.arch.sb[SS] >> 4, sp = c.arch.r[SP] & 0xFFFF
    cdef int i, n = c.observe.frames
    cdef Frame* f = NULL
    cdef Seen began
    while n and f == NULL:
        n -= 1
        if c.observe.frame[n].ss == ss and c.observe.frame[n].sp == sp:
            f = &c.observe.frame[n]
    if f == NULL:
        return
    s.kind = LOOK_INT
    s.how = HOW_RETURN
    s.vector = <uint16_t>f.vector
    s.addr = f.vector
    s.depth = <uint16_t>(n + 1)
    s.value = flags_after(c, s.ip, s.flags)
    memcpy(s.was, f.reg, sizeof(s.was))
    s.was_flags = f.flags
    began = s[0]
    memcpy(began.reg, f.reg, sizeof(began.reg))
    c.observe.frames = n
    for i in range(c.observe.looks - c.observe.execs):
        if (c.observe.look[i].kind == LOOK_INT and c.observe.look[i].first <= s.vector <= c.observe.look[i].last
                and conditions_hold(c.observe.look[i], &began)):
            keep_seen(c, c.observe.look[i], s)


cdef uint32_t flags_after(CPU* c, uint32_t ip, uint32_t flags) noexcept nogil:
    """FLAGS after the IRET or RETF 2 at CS:ip: IRET pops them."""
    cdef int i, op = 0
    for i in range(15):
        op = code_byte(c, c.arch.sb[CS] + (ip + i & 0xFFFF))
        if op == 0xCF:
            return phys_look(c, c.arch.sb[SS] + (c.arch.r[SP] + 4 & 0xFFFF))
        if op == 0xCA:
            break
    return flags & 0xFFFF


cdef void see_delivered(CPU* c, uint32_t vector, uint32_t how, uint32_t ip) noexcept nogil:
    """A fault or an interrupt of hardware was delivered: CS:IP are the handler's, and `ip` is where it came from."""
    cdef Seen s
    cdef uint32_t sp = c.arch.r[SP] & 0xFFFF
    c.observe.turned = 1
    if not c.observe.mask & LOOK_INT:
        return
    fill_seen(c, &s, LOOK_INT, c.run.slice_end - <uint64_t>c.run.left, 0, ip)
    s.time = ns_after(c, s.instructions)
    s.cs = <uint16_t>phys_look(c, c.arch.sb[SS] + (sp + 2 & 0xFFFF))
    s.ip = <uint16_t>phys_look(c, c.arch.sb[SS] + sp)
    s.flags = phys_look(c, c.arch.sb[SS] + (sp + 4 & 0xFFFF))
    s.vector = <uint16_t>vector
    s.how = how
    see_interrupt(c, &s, sp)


cdef uint32_t phys_look(CPU* c, uint32_t at) noexcept nogil:
    """A word of memory, read for an observer: no access of the guest."""
    return <uint32_t>(max(code_byte(c, at), 0) | max(code_byte(c, at + 1), 0) << 8)


cdef void see_port(CPU* c, Op* o, uint32_t port, int size, uint64_t value, bint write) noexcept nogil:
    """The instruction of `o` reads or writes a port."""
    cdef Seen s
    cdef int i
    cdef bint filled = 0
    for i in range(c.observe.looks - c.observe.execs):
        if (c.observe.look[i].kind == LOOK_IO and c.observe.look[i].first < port + <uint32_t>size
                and port <= c.observe.look[i].last):
            if not filled:
                filled = 1
                fill_seen(c, &s, LOOK_IO, retired_at(c, o), now_ns(c, o), o.ip)
                s.addr = port
                s.size = size
                s.value = value & ones(size)
                s.write = write
            keep_seen(c, c.observe.look[i], &s)


# -- the ops ----------------------------------------------------------------------------------------------

cdef Op* probe(CPU* c, Op* o) noexcept nogil:
    """o.src: LOOK_* of what the instruction may be; o.imm: the vector of an INT."""
    cdef uint64_t now = retired_at(c, o)
    cdef uint32_t at = c.arch.sb[CS] + o.ip
    if not told(c, now, at):
        if c.observe.pending or leaves_at(c, at, o.src, o.imm):
            c.run.attn |= ATTN_LOOK
            return leave_at(c, o)
        see_instruction(c, now, now_ns(c, o), o.ip, o.fip, o.src, o.imm)
    o = o + 1
    return GO(c, o)


cdef Op* probe_cover(CPU* c, Op* o) noexcept nogil:
    """The instruction was not reached before."""
    cdef uint32_t at = c.arch.sb[CS] + o.ip
    c.observe.covered[at >> 3] |= 1 << (at & 7)
    o = o + 1
    return GO(c, o)


cdef Op* probe_turn(CPU* c, Op* o) noexcept nogil:
    """An instruction that may jump, or not: a block begins after it."""
    c.observe.turned = 1
    o = o + 1
    return GO(c, o)


cdef Op* probe_entry(CPU* c, Op* o) noexcept nogil:
    """The first op of a block. o.dst: how many of its instructions were not reached yet when it was decoded. After some
    entries it is decoded again, without probes for those that were reached."""
    if c.observe.edges != NULL:
        see_entry(c, o)
    o.imm += 1
    if (o.imm == 3 or o.imm >= 16 and o.imm & (o.imm - 1) == 0) and uncovered(c, o) < o.dst:
        invalidate(c, header(o))
    o = o + 1
    return GO(c, o)


cdef Op* probe_edges(CPU* c, Op* o) noexcept nogil:
    """The first op of a block whose instructions were all reached."""
    see_entry(c, o)
    o = o + 1
    return GO(c, o)


cdef inline void see_entry(CPU* c, Op* o) noexcept nogil:
    """A block is entered: count an edge if the block before has ended with a jump. o.base: the place of the block in
    the map; o.seg: it ends with a jump. That one is made when all its instructions are retired (turn_at), if it is not
    left before."""
    cdef uint64_t end = c.run.slice_end - <uint64_t>c.run.left
    if c.observe.turned or c.observe.turn_at == end - o.n:
        see_place(c, o.base)
    c.observe.turn_at = end if o.seg else FOREVER


cdef Op* probe_fork(CPU* c, Op* o) noexcept nogil:
    """After a predicate: a block begins after the o.imm instructions that depend on it, or with them. o.dst and o.src:
    places of both in the map."""
    see_place(c, either(c.run.skip, o.dst, o.src))
    c.observe.turn_at -= o.imm & c.run.skip
    o = o + 1
    return GO(c, o)


cdef inline void see_edge(CPU* c, uint32_t at) noexcept nogil:
    """AFL's map: a count for each pair of blocks, modulo 65,536."""
    see_place(c, edge_place(at))


cdef inline void see_place(CPU* c, uint32_t place) noexcept nogil:
    cdef uint8_t* count = &c.observe.edges[(c.observe.edge_from ^ place) & 0xFFFF]
    count[0] += 1 if count[0] != 255 else 0
    if not c.observe.mask & LOOK_BLOCK:
        c.observe.turned = 0
    c.observe.edge_from = place >> 1


cdef inline uint32_t edge_place(uint32_t at) noexcept nogil:
    return (at * 0x9E3779B1U) >> 16


cdef inline void settle_turn(CPU* c, uint64_t now) noexcept nogil:
    """So many instructions are retired, and what comes next is no entry of a block with edges: was the last instruction
    a jump?"""
    if c.observe.turn_at == now:
        c.observe.turned = 1
    c.observe.turn_at = FOREVER


cdef inline bint was_reached(CPU* c, uint32_t at) noexcept nogil:
    return c.observe.covered[at >> 3] >> (at & 7) & 1


cdef int uncovered(CPU* c, Op* first) noexcept nogil:
    """How many instructions of a block with probes were not reached yet, and one that is not in it because of that."""
    cdef int n = 0, i
    cdef uint32_t base = c.arch.sb[CS]
    for i in range(first.src):
        n += first[i].fn == probe_cover and not was_reached(c, base + first[i].ip)
    return n + (first.index != 0 and not was_reached(c, base + first.tip))


cdef int finish_probes(CPU* c, Op* first, int used, uint32_t base, uint32_t waits, bint repeats) noexcept nogil:
    """The block is decoded: choose its first probe. Returns the number of ops."""
    cdef int i, n = 0, turn = -1
    for i in range(used):
        n += first[i].fn == probe_cover
        if first[i].fn == probe_turn:
            turn = i                             # at most one: before the last instruction
    first.dst = <uint16_t>(n + (waits != 0))
    first.index = waits != 0
    first.tip = <uint16_t>(waits - 1 - base)
    if c.observe.mask & LOOK_EDGES:
        first.base = <uint16_t>edge_place(base + first.ip)
        if turn >= 0 and not repeats and not c.observe.mask & LOOK_BLOCK:
            used = remove_op(first, used, turn)
            first.seg = 1
        if first.dst == 0:
            first.fn = probe_edges
    elif first.dst == 0:
        used = remove_op(first, used, 0)
    first.src = <uint16_t>used if first.fn == probe_entry else first.src
    return used


cdef int remove_op(Op* first, int used, int at) noexcept nogil:
    cdef int i
    for i in range(at, used - 1):
        first[i] = first[i + 1]
        first[i].k = <uint8_t>i
    return used - 1


# -- what the decoder asks --------------------------------------------------------------------------------

# By first byte: may kind_of_code() find something? A bit for each byte, 16 in a word: prefixes, 0F, jumps, INT, RET.
cdef uint16_t LOOKS_FURTHER[16]
LOOKS_FURTHER[:] = [0x8000, 0, 0x4040, 0x4040, 0, 0, 0xFFFF, 0xFFFF, 0, 0x0400, 0, 0, 0xFF0F, 0, 0x0F0F, 0x800F]


cdef uint32_t kind_of_code(CPU* c, uint32_t base, uint32_t ip, uint32_t* vector, bint* turns) noexcept nogil:
    """LOOK_INT if the instruction at base:ip may begin or end an interrupt, with its vector; `turns`: it may jump."""
    cdef int op, second, i, level = c.m.level
    vector[0] = RETURNS
    turns[0] = 0
    op = code_byte(c, base + ip)
    if op < 0 or not LOOKS_FURTHER[op >> 4] >> (op & 15) & 1:
        return 0
    for i in range(15):
        op = code_byte(c, base + (ip + i & 0xFFFF))
        if op in (0x26, 0x2E, 0x36, 0x3E, 0xF0, 0xF2, 0xF3) or level >= 3 and 0x64 <= op <= 0x67:
            continue
        break
    second = code_byte(c, base + (ip + i + 1 & 0xFFFF))
    turns[0] = (0x70 <= op <= 0x7F or op in (0x9A, 0xC2, 0xC3, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF) or 0xE0 <= op <= 0xE3
                or 0xE8 <= op <= 0xEB or op == 0xFF and 2 <= (second >> 3 & 7) <= 5
                or op == 0x0F and level >= 3 and 0x80 <= second <= 0x8F or op == 0xF1 and level >= 3
                or level < 1 and 0x60 <= op <= 0x6F or level < 1 and op in (0xC0, 0xC1, 0xC8, 0xC9))
    if op == 0xCD:
        vector[0] = <uint32_t>max(second, 0)
    elif op == 0xCC:
        vector[0] = 3
    elif op == 0xF1 and level >= 3:
        vector[0] = 1
    elif op == 0xCE:
        vector[0] = OF_INTO
    elif op != 0xCF and not (op == 0xCA and second == 2):
        return 0
    return LOOK_INT


cdef int put_probes(CPU* c, Op* to, uint32_t base, uint32_t ip, bint first) noexcept nogil:
    """The probes of the instruction at base:ip, as ops; at most PROBES."""
    cdef uint32_t mask = c.observe.mask, at = base + ip, vector = RETURNS, what = 0
    cdef bint turns = 0, enters, uncovered
    cdef int n = 0
    if mask & (LOOK_INT | LOOK_BLOCK | LOOK_EDGES):
        what = kind_of_code(c, base, ip, &vector, &turns) & mask
    if mask & LOOK_EXEC and exec_at(c, at):
        what |= LOOK_EXEC
    if first and mask & LOOK_BLOCK:
        what |= LOOK_BLOCK
    what |= mask & LOOK_EACH
    turns = turns and mask & (LOOK_EDGES | LOOK_BLOCK)
    enters = first and mask & (LOOK_COVER | LOOK_EDGES)
    uncovered = mask & LOOK_COVER and not c.observe.covered[at >> 3] >> (at & 7) & 1
    if not (what or enters or uncovered or turns):
        return 0
    memset(to, 0, ((what != 0) + enters + uncovered + turns) * sizeof(Op))
    if enters:
        to[n].fn = probe_entry
        n += 1
    if what:
        to[n].fn = probe
        to[n].src = <uint16_t>what
        to[n].imm = vector
        n += 1
    if uncovered:
        to[n].fn = probe_cover
        n += 1
    if turns:
        to[n].fn = probe_turn
        n += 1
    return n


cdef enum:
    PROBES = 4                   # of one instruction at most


cdef void observed_ports(Op* o, int n) noexcept nogil:
    """IN and OUT with handlers that an observer sees. They go to the bus always."""
    cdef int i
    for i in range(n):
        if o[i].fn == in8_i or o[i].fn == in16_i or o[i].fn == in32_i:
            o[i].src = 1 if o[i].fn == in8_i else (2 if o[i].fn == in16_i else 4)
            o[i].fn = seen_in_i
        elif o[i].fn == in8_d or o[i].fn == in16_d or o[i].fn == in16_d_wraps or o[i].fn == in32_d:
            o[i].src = 1 if o[i].fn == in8_d else (4 if o[i].fn == in32_d else 2)
            o[i].fn = seen_in_d
        elif o[i].fn == out8_i or o[i].fn == out16_i or o[i].fn == out32_i:
            o[i].src = 1 if o[i].fn == out8_i else (2 if o[i].fn == out16_i else 4)
            o[i].fn = seen_out_i
        elif o[i].fn == out8_d or o[i].fn == out16_d or o[i].fn == out16_d_wraps or o[i].fn == out32_d:
            o[i].src = 1 if o[i].fn == out8_d else (4 if o[i].fn == out32_d else 2)
            o[i].fn = seen_out_d


cdef Op* seen_in(CPU* c, Op* o, uint32_t port) noexcept nogil:
    cdef int size = o.src
    cdef uint64_t v
    if port == 0xFFFF and size == 2 and c.m.port_wraps:
        v = bus_read_wrapped(c, o)
    else:
        v = bus_read(c, o, BUS_PIO, port, size)
    if v == LOAD_FAILED:
        return c.run.go
    put_reg(c, 0, size, <uint32_t>v)
    see_port(c, o, port, size, v, 0)
    return done(c, o)


cdef Op* seen_out(CPU* c, Op* o, uint32_t port) noexcept nogil:
    cdef int size = o.src
    see_port(c, o, port, size, reg(c, 0, size), 1)
    if port == 0xFFFF and size == 2 and c.m.port_wraps:
        bus_write_wrapped(c, o, reg(c, 0, 2))
    else:
        bus_write(c, o, BUS_PIO, port, size, reg(c, 0, size))
    return done(c, o)


cdef Op* seen_in_i(CPU* c, Op* o) noexcept nogil:
    return seen_in(c, o, o.imm)

cdef Op* seen_in_d(CPU* c, Op* o) noexcept nogil:
    return seen_in(c, o, P16(c, 4 * DX)[0])

cdef Op* seen_out_i(CPU* c, Op* o) noexcept nogil:
    return seen_out(c, o, o.imm)

cdef Op* seen_out_d(CPU* c, Op* o) noexcept nogil:
    return seen_out(c, o, P16(c, 4 * DX)[0])
