# The conformance vectors are run here: tests of one instruction each, many in one call, without Python in between.
#
# A test gives registers and bytes of memory before one instruction, and those after it. It can be run in three ways: by
# a single step; from cached blocks with a HLT after the instruction; or the same with CMP AX,AX before the HLT, so that
# nothing reads the instruction's flags and the peephole may leave them out. The last two must agree with the first.

ctypedef fused vector_regs:
    uint16_t
    uint32_t


cdef int ORDER[14]
for _i, _n in enumerate((0, 3, 1, 2, 65, 66, 67, 64, 4, 5, 6, 7, 80, 81)):
    ORDER[_i] = _n                               # ax bx cx dx cs ss ds es sp bp si di ip flags


cdef void set_vector_regs(CPU* c, vector_regs* r) noexcept nogil:
    cdef int i
    for i in range(14):
        if ORDER[i] < 8:
            c.arch.r[ORDER[i]] = r[i]
        elif ORDER[i] < 80:
            c.arch.sb[ORDER[i] - 64] = (<uint32_t>r[i] & 0xFFFF) << 4
    c.arch.ip = r[12] & 0xFFFF
    c.arch.rest = c.m.flags_ones
    fl_load(c, r[13], 0xFFD5 & ~c.m.flags_ones | F_OF)


cdef void get_vector_regs(CPU* c, vector_regs* r) noexcept nogil:
    cdef int i
    for i in range(14):
        if ORDER[i] < 8:
            r[i] = <vector_regs>c.arch.r[ORDER[i]]
        elif ORDER[i] < 80:
            r[i] = <vector_regs>(c.arch.sb[ORDER[i] - 64] >> 4)
    r[12] = <vector_regs>(c.arch.ip & 0xFFFF)
    r[13] = <vector_regs>fl_all(c)


cdef void answer_ones(CPU* c) noexcept nogil:
    """Answer the queued exits: every port reads ones, and writes are ignored."""
    if c.reads.ins_count:
        memset(c.reads.ins_data, 0xFF, sizeof(c.reads.ins_data))
    elif c.reads.pending:
        log_read(c, c.reads.asked_bus, c.reads.asked_addr, c.reads.asked_size, FOREVER & ones(c.reads.asked_size))
    c.exits.count = 0
    c.exits.pos = 0


cdef bint vector_step(CPU* c) noexcept nogil:
    """Execute one whole instruction, with all iterations of a REP. 0: it could not be executed."""
    cdef uint32_t ip = c.arch.ip, cs = c.arch.sb[CS]
    cdef int n
    for n in range(70000):
        c.run.attn = 0
        step_one(c)
        if c.exits.count:
            answer_ones(c)
            if c.reads.pending:
                c.reads.pending = 0
                continue
        if c.events.carry:
            ip = c.arch.ip
            continue
        if c.run.why != EXIT_NONE and c.run.why != EXIT_HLT:
            return c.run.why == EXIT_SHUTDOWN
        if c.arch.ip != ip or c.arch.sb[CS] != cs or c.events.rep_left != c.run.retired:
            return 1
    return 0


# -- one test, in three ways ----------------------------------------------------------------------------------

cdef enum:
    CACHED = 1
    REWRITTEN = 2

VECTOR_WAYS = ("stepped", "cached", "flags rewritten")

cdef uint8_t FOLLOWERS[3]
FOLLOWERS[:] = [0x39, 0xC0, 0xF4]                # CMP AX,AX (sets all six flags and changes nothing else); HLT


cdef enum:
    VECTOR_MEMORY = 0x110000     # bytes of RAM, up to FFFF:FFFF

cdef struct Test:
    uint8_t* ram
    uint8_t* dirty               # the dirty log of the RAM: which pages the guest has stored to
    uint32_t mask                # of addresses
    uint32_t before[14]
    uint32_t listed              # how many bytes are set before the instruction
    const uint32_t* listed_addr
    const uint8_t* listed_val
    uint32_t checked             # how many bytes are compared after it
    const uint32_t* checked_addr
    uint8_t* found               # the values of these bytes
    uint32_t after[14]
    uint32_t at                  # address of the followers, the instructions after the tested one,
    uint32_t length              # how many bytes they have
    int more                     # and how many they are


cdef void begin_test(CPU* c, Test* t) noexcept nogil:
    """Write the bytes of the test and of the followers to memory, which is zero, and load the registers. Nothing of an
    earlier test is left in the vCPU."""
    cdef uint32_t k
    for k in range(t.listed):
        t.ram[t.listed_addr[k] & t.mask] = t.listed_val[k]
    for k in range(t.length):
        t.ram[t.at + k & t.mask] = FOLLOWERS[3 - t.length + k]
    reset_cpu(c)
    c.run.why = EXIT_NONE
    c.system.cr[0] = 0
    memset(c.system.tr, 0, sizeof(c.system.tr))
    set_vector_regs(c, <uint32_t*>t.before)


cdef void end_test(CPU* c, Test* t) noexcept nogil:
    """Set the bytes of the test to zero again, and all pages that the guest has stored to."""
    cdef uint32_t k
    for k in range(VECTOR_MEMORY >> 12):
        if t.dirty[k >> 3] >> (k & 7) & 1:
            memset(t.ram + (k << 12), 0, 0x1000)
    for k in range(t.listed):
        t.ram[t.listed_addr[k] & t.mask] = 0
    for k in range(t.checked):
        t.ram[t.checked_addr[k] & t.mask] = 0
    for k in range(t.length):
        t.ram[t.at + k & t.mask] = 0


cdef void clean_pages(CPU* c, Test* t) noexcept nogil:
    """Mark the pages that the guest has stored to as clean: the next test's first store to each is noticed. Between the
    turns of one test they stay dirty, so that its later turns store by the fast path."""
    cdef Mem* mem = c.vm.mem
    cdef uint32_t page, g, a
    for page in range(VECTOR_MEMORY >> 12):
        if not t.dirty[page >> 3] >> (page & 7) & 1:
            continue
        t.dirty[page >> 3] &= ~(1 << (page & 7))
        for g in range(page << 4, (page + 1) << 4):
            a = g
            while True:
                mem.attr[a] |= ATTR_LOG
                a = mem.alias[a]
                if a == g:
                    break
            reopen(c.vm, g)


cdef void keep_result(CPU* c, Test* t) noexcept nogil:
    cdef uint32_t k
    get_vector_regs(c, <uint32_t*>t.after)
    for k in range(t.checked):
        t.found[k] = t.ram[t.checked_addr[k] & t.mask]


cdef bint same_result(CPU* c, Test* t, bint followed) noexcept nogil:
    """Is the result the one that keep_result() kept? `followed`: the followers were executed too; leave out their bytes
    and their effect."""
    cdef uint32_t now[14]
    cdef uint32_t k
    get_vector_regs(c, <uint32_t*>now)
    if followed and t.length:
        if not (c.events.halted or c.run.why == EXIT_HLT) or t.more == 2 and now[13] & F_ARITH != (F_ZF | F_PF):
            return 0
        now[12] -= t.length
        if t.more == 2:
            now[13] = now[13] & ~<uint32_t>F_ARITH | t.after[13] & F_ARITH
    for k in range(14):
        if now[k] != t.after[k]:
            return 0
    for k in range(t.checked):
        if t.ram[t.checked_addr[k] & t.mask] != t.found[k] and not (
                followed and (t.checked_addr[k] - t.at & t.mask) < t.length):
            return 0
    return 1


cdef void run_blocks(CPU* c, uint64_t most) noexcept nogil:
    """Execute at most so many instructions with the run loop."""
    cdef uint64_t limit = c.run.retired + most
    while c.run.why == EXIT_NONE:
        run_core(c, limit, FOREVER)
        if c.exits.count:
            answer_ones(c)


cdef void run_steps(CPU* c, uint64_t most) noexcept nogil:
    """Execute at most so many instructions by single steps, up to a HLT."""
    cdef uint64_t limit = c.run.retired + most
    while c.run.why == EXIT_NONE and c.run.retired < limit and not c.events.halted and not c.events.dead:
        c.run.attn = 0
        if c.events.trap_due and c.events.trap_shadow != c.run.retired and not c.events.carry:
            take_trap(c)
        else:
            trap_step(c)
        if c.exits.count:
            answer_ones(c)
            c.reads.pending = 0


cdef int run_test(CPU* c, Test* t, int way) noexcept nogil:
    """Run one test, and leave nothing of it. Returns as run_way()."""
    cdef int error = run_way(c, t, way)
    forget_blocks(c)
    clean_pages(c, t)
    return error


cdef int run_way(CPU* c, Test* t, int way) noexcept nogil:
    """Run one test. Returns 0; 1: the instruction could not be executed; 2: `way` gives another result than a step."""
    cdef uint64_t start = c.run.retired, spent, most
    cdef int turn
    cdef bint equal = 1
    t.length = 0
    t.more = 0
    begin_test(c, t)
    if not vector_step(c):
        keep_result(c, t)
        end_test(c, t)
        return 1
    keep_result(c, t)
    spent = c.run.retired - start
    end_test(c, t)
    forget_blocks(c)
    if way == 0:
        return 0
    if not (c.events.halted or c.events.dead) and c.arch.ip + 3 <= 0xFFFF:
        t.at = c.arch.sb[CS] + c.arch.ip & t.mask
        t.length = 3 if way == REWRITTEN else 1
        t.more = 2 if way == REWRITTEN else 1
        spent += t.more
    most = spent
    if t.length and not t.after[13] & F_TF:      # the HLT ends the run; a whole block must fit even if it faults
        most += 64
    for turn in range(2):                        # the second turn uses the blocks that the first has built
        start = c.run.retired
        begin_test(c, t)
        run_blocks(c, most)
        equal = c.run.retired - start == spent and same_result(c, t, 1)
        if not equal:
            break
        end_test(c, t)
    if not equal:
        return compare_with_steps(c, t, most, c.run.retired - start)
    return 0


cdef int compare_with_steps(CPU* c, Test* t, uint64_t most, uint64_t spent) noexcept nogil:
    """The result differs. The cause may be that the instruction reads or overwrites a follower, that a follower
    overwrites it, or that a trap comes in between. So execute the same by single steps, with the followers. If blocks
    and steps agree, the result is that of the instruction alone."""
    cdef uint64_t start
    cdef bint equal
    keep_result(c, t)
    end_test(c, t)
    forget_blocks(c)
    start = c.run.retired
    begin_test(c, t)
    run_steps(c, most)
    equal = c.run.retired - start == spent and same_result(c, t, 0)
    end_test(c, t)
    forget_blocks(c)
    if equal:
        return run_way(c, t, 0)
    t.after[12] = t.after[12] - t.length & 0xFFFF
    return 2


cdef void forget_blocks(CPU* c) noexcept nogil:
    """Drop all blocks, because the next test has other bytes. This is faster than drop_blocks() for a few blocks."""
    cdef int at = 0
    cdef Block* b
    cdef Op* first
    if c.blocks.pools > 1:
        drop_blocks(c)
        return
    while at < c.blocks.pool_used:
        first = c.blocks.pool[0] + at + 1
        b = header(first)
        at += 1 + b.cap
        if slot_of(c, b.key)[0] == first:
            slot_of(c, b.key)[0] = NULL
        if not b.stale:
            invalidate(c, b)
        unclaim(c, b.lo >> 8)
        unclaim(c, (b.hi - 1) >> 8)
    if c.blocks.pool_used:
        c.blocks.generation += 1
    c.blocks.pool_used = 0


cdef int check_offsets(const uint32_t[::1] off, const uint32_t[::1] addr, Py_ssize_t most, Py_ssize_t n,
                       uint32_t mask) except -1:
    """Check the offsets of a vector set. It is a file from outside, so none may point beyond RAM or its own arrays."""
    cdef Py_ssize_t i
    if off.shape[0] != n + 1 or off[n] > most:
        raise ValueError(f"a set of {n} tests needs {n + 1} offsets that end within its {most} bytes")
    for i in range(n):
        if off[i] > off[i + 1]:
            raise ValueError(f"the offsets of test {i} fall: the set is damaged")
    for i in range(off[n]):
        if addr[i] & mask >= VECTOR_MEMORY:
            raise ValueError(f"the set names address {addr[i]:#x}, beyond FFFF:FFFF")
    return 0


def run_vectors(str model, const vector_regs[:, ::1] regs0, const uint32_t[::1] ram0_off, const uint32_t[::1] ram0_addr,
                const uint8_t[::1] ram0_val, const uint32_t[::1] check_off, const uint32_t[::1] check_addr,
                vector_regs[:, ::1] regs_out, uint8_t[::1] ram_out, uint8_t[::1] error, way=0):
    """Run single-instruction tests on a new vCPU of `model`. For each: write its bytes, load its registers, execute one
    instruction, store the registers and the bytes to check, set the used memory to zero.

    Shapes: regs0 and regs_out (tests, 14) as ax bx cx dx cs ss ds es sp bp si di ip flags; ram0_off and check_off
    (tests + 1,). `way`: 0 steps; 1 runs it twice from cached blocks, with a HLT after it; 2 does the same with a CMP
    before the HLT, so that nothing reads the flags. error (tests,) becomes 1 where the instruction could not be
    executed, 2 where blocks give another result than single steps: then the result of the blocks is stored.
    """
    cdef Vm vm = Vm()
    cdef Py_ssize_t i, n = regs0.shape[0]
    cdef int k
    cdef CPU* c
    cdef Test t
    cdef int how = whole(way, "way", 0, len(VECTOR_WAYS) - 1)
    memset(&t, 0, sizeof(t))
    vm.add_memory(0, VECTOR_MEMORY, dirty_log=True)
    cdef Vcpu vcpu = vm.create_vcpu(model)
    cdef MemorySlot slot = next(iter(vm._slots))
    t.ram, t.dirty = slot.host, slot.bits
    t.mask = 0x1FFFFF if vm.a20 else 0xFFFFF
    c = vcpu.c
    check_offsets(ram0_off, ram0_addr, min(ram0_addr.shape[0], ram0_val.shape[0]), n, t.mask)
    check_offsets(check_off, check_addr, min(check_addr.shape[0], ram_out.shape[0]), n, t.mask)
    if regs_out.shape[0] != n or error.shape[0] != n or regs0.shape[1] != 14 or regs_out.shape[1] != 14:
        raise ValueError("registers in and out have the shape (tests, 14), errors (tests,)")
    with nogil:
        come_inside(c)
        for i in range(n):
            for k in range(14):
                t.before[k] = regs0[i, k]
            t.listed = ram0_off[i + 1] - ram0_off[i]
            t.listed_addr = &ram0_addr[ram0_off[i]]
            t.listed_val = &ram0_val[ram0_off[i]]
            t.checked = check_off[i + 1] - check_off[i]
            t.checked_addr = &check_addr[check_off[i]]
            t.found = &ram_out[check_off[i]]
            error[i] = <uint8_t>run_test(c, &t, how)
            for k in range(14):
                regs_out[i, k] = <vector_regs>t.after[k]
        go_outside(c)
    vm.close()
