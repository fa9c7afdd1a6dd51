# Single-instruction vectors in bulk: what a conformance run needs, without Python in the loop.

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
            c.r[ORDER[i]] = r[i]
        elif ORDER[i] < 80:
            c.sb[ORDER[i] - 64] = (<uint32_t>r[i] & 0xFFFF) << 4
    c.ip = r[12] & 0xFFFF
    c.rest = c.m.flags_ones
    fl_load(c, r[13], 0xFFD5 & ~c.m.flags_ones | F_OF)


cdef void get_vector_regs(CPU* c, vector_regs* r) noexcept nogil:
    cdef int i
    for i in range(14):
        if ORDER[i] < 8:
            r[i] = <vector_regs>c.r[ORDER[i]]
        elif ORDER[i] < 80:
            r[i] = <vector_regs>(c.sb[ORDER[i] - 64] >> 4)
    r[12] = <vector_regs>(c.ip & 0xFFFF)
    r[13] = <vector_regs>fl_all(c)


cdef bint vector_step(CPU* c) noexcept nogil:
    """One whole instruction, all iterations of a REP. 0: it could not be run."""
    cdef uint32_t ip = c.ip, cs = c.sb[CS]
    cdef int n
    for n in range(70000):
        c.attn = 0
        step_one(c)
        if c.nexits:                             # every port reads ones, what is written goes nowhere
            if c.ins_count:
                memset(c.ins_data, 0xFF, sizeof(c.ins_data))
            elif c.pending:
                log_read(c, c.asked_bus, c.asked_addr, c.asked_size, FOREVER & ones(c.asked_size))
            c.nexits = 0
            if c.pending:
                c.pending = 0
                continue
        if c.carry:
            ip = c.ip
            continue
        if c.why != EXIT_NONE and c.why != EXIT_HLT:
            return c.why == EXIT_SHUTDOWN
        if c.ip != ip or c.sb[CS] != cs or not repeats(c):
            return 1
    return 0


cdef bint repeats(CPU* c) noexcept nogil:
    """Has the step just done stopped between two iterations?"""
    cdef Op* o = c.scratch + 1
    return c.scratch[1].n == 1 and o.imm & (S_REP | S_REPNE) != 0 and o.fip != c.ip and is_string(o.fn)


cdef bint is_string(Fn fn) noexcept nogil:
    cdef int i, k
    for i in range(7):
        for k in range(3):
            if STRING[i][k] == fn:
                return 1
    return 0


def run_vectors(str model, const vector_regs[:, ::1] regs0, const uint32_t[::1] ram0_off, const uint32_t[::1] ram0_addr,
                const uint8_t[::1] ram0_val, const uint32_t[::1] check_off, const uint32_t[::1] check_addr,
                vector_regs[:, ::1] regs_out, uint8_t[::1] ram_out, uint8_t[::1] error):
    """Run single-instruction tests on a fresh vCPU of `model`: for each, write its bytes, load its registers,
    execute one instruction, store registers and the bytes to check, zero what was touched.

    Shapes: regs0 and regs_out (tests, 14) as ax bx cx dx cs ss ds es sp bp si di ip flags; ram0_off and check_off
    (tests + 1,); error (tests,) becomes 1 where the instruction could not be run.
    """
    cdef Vm vm = Vm()
    cdef Py_ssize_t i, k, n = regs0.shape[0]
    cdef CPU* c
    vm.add_memory(0, 0x110000)
    cdef uint8_t* ram = (<MemorySlot>vm._slots[0]).host
    cdef Vcpu vcpu = vm.create_vcpu(model)
    cdef uint32_t mask = 0x1FFFFF if vm.a20 else 0xFFFFF
    c = vcpu.c
    with nogil:
        come_inside(c)
        for i in range(n):
            for k in range(ram0_off[i], ram0_off[i + 1]):
                ram[ram0_addr[k] & mask] = ram0_val[k]
            c.why = EXIT_NONE
            c.halted = 0
            c.dead = 0
            c.ins_count = 0
            c.ins_pos = 0
            c.carry = 0
            c.idt_base = 0
            c.idt_limit = 0x3FF
            c.cr[0] = 0
            set_vector_regs(c, <vector_regs*>&regs0[i, 0])
            error[i] = not vector_step(c)
            get_vector_regs(c, &regs_out[i, 0])
            for k in range(check_off[i], check_off[i + 1]):
                ram_out[k] = ram[check_addr[k] & mask]
            for k in range(ram0_off[i], ram0_off[i + 1]):
                ram[ram0_addr[k] & mask] = 0
            for k in range(check_off[i], check_off[i + 1]):
                ram[check_addr[k] & mask] = 0
            drop_list(c)
        go_outside(c)
    vm.close()


cdef void drop_list(CPU* c) noexcept nogil:
    """Blocks that a jump's target left behind: the next test has other bytes there."""
    if c.pool_used or c.pools > 1:
        drop_blocks(c)
