# IN and OUT. Both jump to what is not their shortest way: a call in the middle would cost them saved registers.

cdef inline Op* port_in(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    cdef int kind = c.vm.chip_ports[port] if size == 1 and port < CHIP_PORTS else 0
    if kind == RANGE_PIT:
        return in_pit(c, o, port)
    if kind == RANGE_PORT61:
        return in_port61(c, o, port)
    if kind == RANGE_PIC:
        return in_pic(c, o, port)
    return in_bus(c, o, port, size)


cdef Op* in_bus(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    cdef uint64_t v = bus_read(c, o, BUS_PIO, port, size)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    put_reg(c, 0, size, <uint32_t>v)
    o = o + 1
    return GO(c, o)


cdef inline Op* port_out(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    cdef int kind
    if rings_again(&c.rings, BUS_PIO, port, size, reg(c, 0, size)):
        o = o + 1
        return GO(c, o)
    kind = c.vm.chip_ports[port] if size == 1 and port < CHIP_PORTS else 0
    if kind and not io_port(c.vm.iotable, port):
        if kind == RANGE_PIC:
            return out_pic(c, o, port)
        if kind == RANGE_PIT:
            return out_pit(c, o, port)
        return out_port61(c, o, port)
    return out_bus(c, o, port, size)


cdef Op* out_bus(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    bus_write(c, o, BUS_PIO, port, size, reg(c, 0, size))
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


# A byte from and to a device in the core, by the only vCPU. IN has no other read, so that it needs no log; what is run
# again to have its logged answer is run by itself.

cdef inline Op* in_chip(CPU* c, Op* o, uint32_t port, int kind) noexcept nogil:
    if RARELY(c.run.stepping):
        return in_bus(c, o, port, 1)
    P8(c, O_AL)[0] = <uint8_t>chip_read_byte(c.vm, kind, port, virtual_ns(c, o))
    if kind == RANGE_PIC:
        return behind_chip(c, o, kind, 0)
    o = o + 1
    return GO(c, o)


cdef inline Op* out_chip(CPU* c, Op* o, uint32_t port, int kind) noexcept nogil:
    return behind_chip(c, o, kind, chip_write_byte(c.vm, kind, port, P8(c, O_AL)[0], virtual_ns(c, o)))


cdef inline Op* behind_chip(CPU* c, Op* o, int kind, bint moved) noexcept nogil:
    if RARELY(chip_look(c, o, kind, moved)):
        c.run.attn |= ATTN_LOOK
    if RARELY(c.run.attn or c.threads.request):
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef Op* in_pic(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return in_chip(c, o, port, RANGE_PIC)

cdef Op* in_pit(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return in_chip(c, o, port, RANGE_PIT)

cdef Op* in_port61(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return in_chip(c, o, port, RANGE_PORT61)

cdef Op* out_pic(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return out_chip(c, o, port, RANGE_PIC)

cdef Op* out_pit(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return out_chip(c, o, port, RANGE_PIT)

cdef Op* out_port61(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return out_chip(c, o, port, RANGE_PORT61)


cdef Op* in8_i(CPU* c, Op* o) noexcept nogil:
    return port_in(c, o, o.imm, 1)

cdef Op* in16_i(CPU* c, Op* o) noexcept nogil:
    return port_in(c, o, o.imm, 2)

cdef Op* in32_i(CPU* c, Op* o) noexcept nogil:
    return port_in(c, o, o.imm, 4)

cdef Op* in8_d(CPU* c, Op* o) noexcept nogil:
    return port_in(c, o, P16(c, 4 * DX)[0], 1)

cdef Op* in16_d(CPU* c, Op* o) noexcept nogil:
    return port_in(c, o, P16(c, 4 * DX)[0], 2)

cdef Op* in32_d(CPU* c, Op* o) noexcept nogil:
    return port_in(c, o, P16(c, 4 * DX)[0], 4)

cdef Op* out8_i(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, o.imm, 1)

cdef Op* out16_i(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, o.imm, 2)

cdef Op* out32_i(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, o.imm, 4)

cdef Op* out8_d(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, P16(c, 4 * DX)[0], 1)

cdef Op* out16_d(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, P16(c, 4 * DX)[0], 2)

cdef Op* out32_d(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, P16(c, 4 * DX)[0], 4)


cdef Op* vmcall(CPU* c, Op* o) noexcept nogil:
    """0F 01 C1, the project's hypercall: the number in EAX is looked up in the third ioeventfd table (value EBX);
    without an entry it exits, and the caller's reply becomes EAX."""
    cdef IoEntry* e
    if not rings_again(&c.rings, BUS_HYPERCALL, c.arch.r[AX], 4, c.arch.r[BX]):
        e = iotable_find(c.vm.iotable, BUS_HYPERCALL, c.arch.r[AX], 4, c.arch.r[BX])
        if e == NULL:
            return hypercall_exit(c, o)
        rings_ring(&c.rings, e, 4, c.arch.r[BX])
    o = o + 1
    return GO(c, o)


cdef Op* hypercall_exit(CPU* c, Op* o) noexcept nogil:
    add_exit(c, o, EXIT_HYPERCALL, c.arch.r[AX], 4, 1, 1, c.arch.r[BX])
    return leave_after(c, o)
