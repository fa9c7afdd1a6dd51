# The decoder lives here: it turns guest bytes into ops, and ops into blocks. It executes nothing.
#
# decode_ops() decodes a block, and decode_one() one instruction: the prefixes here, then the opcode in opcodes.pxi,
# which calls an operand form in forms.pxi. The form reads ModR/M, displacement and immediate with the functions of this
# file, and emits ops. A struct Dec says what was decoded so far.

cdef struct Dec:
    CPU* c
    uintptr_t* ram               # where the bytes are: c.run.ram, or a table of step_one() in run.pxi
    Op* o                        # ops of this instruction
    int room                     # so many ops fit, at least 1; ops beyond that go to `spare`
    int used                     # ops that were emitted, also those beyond `room`
    Op spare
    uint32_t base                # of the code segment
    uint32_t start               # IP of the instruction
    uint32_t ip                  # IP of the next byte
    int seg                      # override, -1: none
    int rep                      # S_REP, S_REPNE or 0
    bint lock                    # there is a LOCK prefix
    bint lock_ok                 # the instruction may have one
    int os                       # operand size, 2 or 4
    int ads                      # address size, 2 or 4
    bint over                    # a byte was beyond the segment
    bint hole                    # a byte was not in RAM or ROM
    bint wrapped                 # 8086: the bytes go on at offset 0
    bint ends                    # the instruction must be the last one of its block
    bint jumps                   # it sets IP itself
    int mod                      # fields of the ModR/M byte
    int reg
    int rm
    int ea_seg                   # its memory operand: base + (index << scale) + disp
    uint32_t ea_base
    uint32_t ea_index
    uint32_t ea_scale
    uint32_t ea_disp
    Decoded block                # what decode_ops() returns


# Byte offsets into CPU of fields that ops use as if they were registers.

cdef inline uint16_t O_ZERO(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.arch.zero - <uint8_t*>c)

cdef inline uint16_t O_EA(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.run.ea - <uint8_t*>c)

cdef inline uint16_t O_TMP(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.run.tmp - <uint8_t*>c)

cdef inline uint16_t O_TMP2(CPU* c) noexcept nogil:
    return <uint16_t>(<uint8_t*>&c.run.tmp2 - <uint8_t*>c)

cdef inline int si_(int size) noexcept nogil:
    """Index of an operand size in the tables of handlers: 1 2 4 are 0 1 2."""
    return size >> 1


cdef uint32_t fetch8(Dec* d) noexcept nogil:
    """The next byte of code. If there is none, d.over or d.hole is set."""
    cdef uint32_t pa
    if d.ip > 0xFFFF:
        if not d.c.m.wraps:
            d.over = 1
            return 0
        d.wrapped = 1
    pa = d.base + (d.ip & 0xFFFF)
    if d.ram[pa >> 8] == 0:
        d.hole = 1
        return 0
    d.ip += 1
    return (<uint8_t*>(d.ram[pa >> 8] + pa))[0]


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
    """Add an op without operands to the instruction."""
    cdef Op* o = d.o + d.used if d.used < d.room else &d.spare
    memset(o, 0, sizeof(Op))
    o.fn = fn
    o.base = O_ZERO(d.c)
    o.index = O_ZERO(d.c)
    d.used += 1
    return o


cdef inline uint16_t reg_at(int n, int size) noexcept nogil:
    """The byte offset into CPU of general register n. Of byte registers 4 to 7 are AH CH DH BH."""
    return <uint16_t>((n & 3) * 4 + (n >> 2) if size == 1 else n * 4)


cdef void modrm(Dec* d) noexcept nogil:
    """Read the ModR/M byte, and of a memory operand SIB byte and displacement."""
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
    """An op with the address of the ModR/M byte."""
    cdef Op* o = emit(d, fn)
    o.base = <uint16_t>d.ea_base
    o.index = <uint16_t>d.ea_index
    o.disp = <uint16_t>d.ea_disp
    o.seg = <uint8_t>d.ea_seg
    if d.ads == 4:
        o.scale = <uint8_t>d.ea_scale
        o.tip = <uint16_t>(d.ea_disp >> 16)
    return o


cdef Op* emit_mem(Dec* d, Fn fn) noexcept nogil:
    """An op for 16-bit addresses with the memory operand of the ModR/M byte. With prefix 67h another op before it
    computes the address."""
    cdef Op* o
    if d.ads == 2:
        return emit_ea(d, fn)
    emit_ea(d, ea32)
    o = emit(d, fn)
    o.base = O_EA(d.c)
    o.seg = <uint8_t>d.ea_seg
    return o


cdef inline bint has(Dec* d, int level) noexcept nogil:
    """Is the model at least the 80186 (1), 80286 (2), 80386 (3), 80486 (4)?"""
    return d.c.m.level >= level


cdef int decode_one(Dec* d) noexcept nogil:
    """Decode the instruction at d.ip into d.o, and set the fields that all its ops have. Returns d.used."""
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
        if d.over or d.hole or (op & 0xE7) != 0x26 and op - 0x64 > 3 and op - 0xF0 > 3:
            break                                # no prefix
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
    for i in range(d.used if d.used < d.room else d.room):
        o = d.o + i
        o.ip = <uint16_t>d.start
        o.fip = <uint16_t>d.ip
    return d.used


cdef bint patched(Dec* d, int fluid_before) noexcept nogil:
    """Has this instruction bytes that are often rewritten? Immediates that are read when they are used do not count."""
    cdef uint32_t pa
    cdef int i
    if not d.c.blocks.rewritten_often:
        return 0
    for pa in range(d.base + d.start, d.base + d.ip):
        if rewritten(d.c, canonical_address(d.c, pa)):
            for i in range(fluid_before, d.block.fluid):
                if d.block.fluid_at[i] <= pa < d.block.fluid_at[i] + d.block.fluid_size[i]:
                    break
            else:
                return 1
    return 0


cdef inline void decode_next(Dec* d, Op* o, int room) noexcept nogil:
    """Decode the next instruction. Prefixes that an earlier run of prefixes left do not apply to it."""
    d.o = o
    d.room = room
    d.seg = -1
    d.rep = 0
    decode_one(d)


cdef inline int put_end(Op* first, int used, int count, uint32_t hi, Fn fn) noexcept nogil:
    """An op after the last instruction of a block."""
    cdef Op* o = first + used
    memset(o, 0, sizeof(Op))
    o.fn = fn
    o.ip = <uint16_t>hi
    o.fip = <uint16_t>hi
    o.n = <uint8_t>count
    o.k = <uint8_t>used
    return 1


cdef int predicates(Dec* d, Op* next_, int room, uint32_t limit, uint32_t mask) noexcept nogil:
    """The op before `next_` ends the block. If it is a Jcc that jumps over a few instructions which can be predicated,
    replace it by a predicate (see predicate.pxi) and add them to the block. Returns how many they are, or 0. `mask`:
    LOOK_*. For the history an op that stores the outcome comes before them; for a map of edges one that counts."""
    cdef Op* jcc = next_ - 1
    cdef Trait* t = trait_of(jcc.fn)
    cdef int condition = t.condition, n = 0, fluid_before = d.block.fluid
    cdef uint32_t target = jcc.tip
    if t.fn == NULL or condition == NO_CONDITION or not d.ip < target <= d.ip + 6 * MOST_PREDICATED:
        return 0
    if mask and not may_predicate(jcc, mask):
        return 0
    room -= mask & LOOK_HISTORY != 0
    while d.ip < target:
        if n == MOST_PREDICATED or n + 2 > room or mask and has_probe(d.c, d.base + d.ip, mask, &d.block):
            break
        decode_next(d, next_ + n, room - n)
        t = trait_of(d.o.fn)
        if (d.used != 1 or d.ends or t.predicated == NULL or d.ip > target or d.base + d.ip > limit
                or patched(d, fluid_before)):
            break
        d.o.fn = t.predicated
        n += 1
        d.o.k = <uint8_t>(jcc.k + n)
        d.o.n = <uint8_t>(before(jcc) + n)
    else:
        jcc.fn = PREDICATE[0][condition]
        jcc.src = <uint16_t>n
        if mask & LOOK_HISTORY:
            store_outcome(jcc)
        if mask & LOOK_EDGES:
            count_outcome(jcc, d.base)
        return n
    d.block.fluid = fluid_before
    return 0


cdef int watch_next(Dec* d, Op* to, int used, int room, int count) noexcept nogil:
    """Before an instruction that is decoded while somebody watches: put its probes. Returns how many they are; -1: the
    block ends before it."""
    cdef CPU* c = d.c
    cdef int i, n
    if c.why.stops and refuses_block(c, d.base, d.ip):
        return -1
    if c.observe.mask == 0:
        return 0
    if PROBES >= room and c.observe.mask != LOOK_HISTORY:
        return -1
    n = put_probes(c, to, d.base, d.ip, count == 0)
    for i in range(n):
        to[i].ip = <uint16_t>d.ip
        to[i].fip = <uint16_t>(d.ip + 1)         # not yet known: see watch_block()
        to[i].n = <uint8_t>count
        to[i].k = <uint8_t>(used + i)
    return n


cdef void watch_decoded(Dec* d, bint first) noexcept nogil:
    """The same after it was decoded; `first` of its block."""
    cdef uint32_t mask = d.c.observe.mask
    if mask & LOOK_DECODE:
        see_decoded(d.c, d.base, d.start, d.ip, first)
    if mask & LOOK_IO:
        observed_ports(d.o, d.used)


cdef int watch_block(CPU* c, Op* first, int used, uint32_t base, uint32_t waits, bint repeats) noexcept nogil:
    """A block with probes was decoded; `repeats`: there is a REP in it. Returns the number of its ops."""
    cdef int i
    for i in range(used - 2, -1, -1):
        if first[i].ip == first[i + 1].ip and first[i].fip != first[i].ip:
            first[i].fip = first[i + 1].fip      # that of its instruction
    if c.observe.mask & (LOOK_COVER | LOOK_EDGES):
        used = finish_probes(c, first, used, base, waits, repeats)
    return used


cdef int decode_ops(CPU* c, Op* first, int cap, uint32_t base, uint32_t ip, Decoded* out) noexcept nogil:
    """Decode a block at base:ip into `first`, at most `cap` ops. Returns how many; 0: no block can be kept here."""
    cdef Dec dec
    cdef Dec* d = &dec
    cdef int used = 0, count = 0, i, fluid_before, probes = 0
    cdef bint open_ = 1                          # the last instruction does not end the block
    cdef bint history = c.observe.mask & LOOK_HISTORY != 0, repeats = 0
    cdef bint watched = c.observe.mask != 0 or c.why.stops != 0
    cdef uint32_t limit = (((base + ip) >> 8) + 2) << 8
    cap -= history                               # for the op after a REP or a predicate
    d.c = c
    d.ram = c.run.ram
    d.base = base
    d.ip = ip
    d.block.fluid = 0
    d.block.waits = 0
    while True:
        d.block.hi = d.ip
        fluid_before = d.block.fluid
        if RARELY(watched):
            probes = watch_next(d, first + used, used, cap - used, count)
            if probes < 0:
                break
            used += probes
        decode_next(d, first + used, cap - used)
        if (d.over or d.hole or d.wrapped or d.ip > 0xFFFF or base + d.ip > limit
                or used + d.used + (0 if d.ends else 1) > cap or (count and patched(d, fluid_before))):
            d.block.fluid = fluid_before
            used -= probes
            break                                # rewritten code begins a block, so that less is decoded again
        if RARELY(watched):
            repeats = repeats or d.rep
            watch_decoded(d, count == 0)
        for i in range(d.used):
            first[used].n = <uint8_t>count
            first[used].k = <uint8_t>used
            used += 1
        count += 1
        d.block.hi = d.ip
        open_ = not d.ends
        if not open_:
            i = predicates(d, first + used, cap - used, limit, c.observe.mask)
            if i:
                used += i + history
                count += i
                d.block.hi = d.ip
                open_ = 1
        elif RARELY(history) and open_ and d.rep:
            mark_rep(d.o)
            used += put_end(first, used, count, d.block.hi, probe_mark)
            break
        if not open_ or used >= BLOCK_OPS:
            break
    if count == 0:
        return 0
    if open_:
        used += put_end(first, used, count, d.block.hi, end_block)
    if RARELY(watched):
        used = watch_block(c, first, used, base, d.block.waits, repeats)
    first.n = <uint8_t>count
    if RARELY(history):
        see_end(first + used - 1, base, &d.block)
    out[0] = d.block
    peephole(first, used)
    if RARELY(history):
        see_predicates(first, used, count)
    return used
