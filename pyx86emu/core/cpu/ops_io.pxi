# IN and OUT: go to a chip by its short way, or to the bus. VMCALL rings or exits.
#
# A byte to or from a port of a chip in the core may take a short way (chips/access.pxi), and so may a word to some.
# Every other access goes to the bus. A port may have a chip and ioeventfds; then OUT goes to the bus, which looks for
# the ioeventfd first.
#
# The handlers jump to the chip or the bus. If they called it, they would have to save registers on their common path.

cdef inline Op* port_in(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    cdef PortFn way = c.ways.in_[port] if size == 1 and port < SHORT_PORTS else NULL
    # An instruction that is run again runs as a single step. Its answer is in the log, which the bus reads.
    if way != NULL and not RARELY(c.run.stepping):
        return way(c, o, port)
    return in_bus(c, o, port, size)


cdef Op* in_bus(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    cdef uint64_t v = bus_read(c, o, BUS_PIO, port, size)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    put_reg(c, 0, size, <uint32_t>v)
    o = o + 1
    return GO(c, o)


cdef inline Op* port_out(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    cdef PortFn way = NULL
    if rings_again(&c.rings, BUS_PIO, port, size, reg(c, 0, size)):
        o = o + 1
        return GO(c, o)
    if size <= 2 and port < SHORT_PORTS:
        way = c.ways.out[port] if size == 1 else c.ways.out16[port]
    if way != NULL and not io_port(c.vm.iotable, port):
        return way(c, o, port)
    return out_bus(c, o, port, size)


cdef Op* out_bus(CPU* c, Op* o, uint32_t port, int size) noexcept nogil:
    bus_write(c, o, BUS_PIO, port, size, reg(c, 0, size))
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


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

cdef Op* in16_d_wraps(CPU* c, Op* o) noexcept nogil:
    """IN AX,DX of the 8086 and 80186, whose port addresses have 16 bits."""
    cdef uint64_t v
    if P16(c, 4 * DX)[0] != 0xFFFF:
        return port_in(c, o, P16(c, 4 * DX)[0], 2)
    v = bus_read_wrapped(c, o)
    if RARELY(v == LOAD_FAILED):
        return c.run.go
    put_reg(c, 0, 2, <uint32_t>v)
    o = o + 1
    return GO(c, o)


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

cdef Op* out16_d_wraps(CPU* c, Op* o) noexcept nogil:
    if P16(c, 4 * DX)[0] != 0xFFFF:
        return port_out(c, o, P16(c, 4 * DX)[0], 2)
    bus_write_wrapped(c, o, reg(c, 0, 2))
    if c.run.attn:
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)

cdef Op* out32_d(CPU* c, Op* o) noexcept nogil:
    return port_out(c, o, P16(c, 4 * DX)[0], 4)


cdef Op* vmcall(CPU* c, Op* o) noexcept nogil:
    """0F 01 C1, the project's hypercall, with the number in EAX and a value in EBX. It rings a matching ioeventfd of
    the hypercall bus. If there is none it exits, and the caller's reply becomes EAX."""
    cdef IoEntry* e
    if not rings_again(&c.rings, BUS_HYPERCALL, c.arch.r[AX], 4, c.arch.r[BX]):
        e = iotable_find(c.vm.iotable, BUS_HYPERCALL, c.arch.r[AX], 4, c.arch.r[BX])
        if e == NULL:
            return hypercall_exit(c, o)
        hit(c, e, 4, c.arch.r[BX])
        if RARELY(c.run.attn):
            return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef Op* hypercall_exit(CPU* c, Op* o) noexcept nogil:
    add_exit(c, o, EXIT_HYPERCALL, c.arch.r[AX], 4, 1, 1, c.arch.r[BX])
    return leave_after(c, o)
