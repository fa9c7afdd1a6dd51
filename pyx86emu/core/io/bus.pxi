# One access that is not RAM finds its owner: ioeventfd, in-core device, Python device, or an exit.

cdef inline uint64_t now_ns(CPU* c, Op* o) noexcept nogil:
    """Guest time at the instruction of `o`, in nanoseconds."""
    if c.vm.host_clock:
        return <uint64_t>(host_ns() - c.vm.host_base)
    if c.no != 0:
        return at_get64(&c.vm.ticks) << c.vm.shift
    return virtual_ns(c, o)


cdef inline uint64_t virtual_ns(CPU* c, Op* o) noexcept nogil:
    """The same, on the first vCPU and without the host's clock."""
    return (retired_at(c, o) + c.run.idle) << c.vm.shift


cdef void bus_write(CPU* c, Op* o, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Spec section 2 for a write that is not RAM. Whatever has to stop the block is noted in c.run.attn."""
    cdef IoEntry* e = iotable_find(c.vm.iotable, bus, addr, size, value)
    cdef PyObject* r
    cdef int kind
    if e != NULL:
        rings_ring(&c.rings, e, size, value)
        return
    r = answering(c.vm, bus, addr, size)
    if r == NULL:
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)
        return
    kind = kind_of(r)
    if kind != RANGE_PUSH:
        chip_write(c, o, kind, <uint32_t>addr, size, value)
    elif not push_write(c, o, r, bus, addr, size, value):
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)
    if c.threads.request or c.python.touched:
        c.python.touched = 0
        c.run.attn |= ATTN_LOOK


cdef uint64_t bus_read(CPU* c, Op* o, int bus, uint64_t addr, int size) noexcept nogil:
    """Spec section 2 for a read, or LOAD_FAILED and the instruction is run again once the answer is there."""
    cdef PyObject* r
    cdef uint64_t v
    cdef int kind
    if logged_read(c, o, bus, addr, size, &v):
        return v
    r = answering(c.vm, bus, addr, size)
    if r == NULL:
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 0, 0)
        wait_for_answer(c, bus, addr, size)
        c.run.go = leave_at(c, o)
        return LOAD_FAILED
    kind = kind_of(r)
    if kind == RANGE_PUSH:
        v = push_read(c, o, r, bus, addr, size)
        if v == LOAD_FAILED:
            c.python.touched = 0
            c.reads.log_pos = 0
            c.run.go = leave_at(c, o)
            return v
    else:
        v = chip_read(c, o, kind, <uint32_t>addr, size)
    log_read(c, bus, addr, size, v)
    if c.threads.request or c.python.touched:               # something happened meanwhile: finish this one alone
        c.python.touched = 0
        c.reads.finish = 1
        c.reads.log_pos = 0
        c.run.go = leave_at(c, o)
        return LOAD_FAILED
    c.reads.log_pos = c.reads.log_n
    return v


cdef void add_exit(CPU* c, Op* o, int reason, uint64_t addr, int size, int count, int write,
                   uint64_t value) noexcept nogil:
    """Queue an exit record: run() returns it when the instruction is done (reads: at once)."""
    cdef ExitRec* e
    rings_flush(&c.rings)                        # doorbells first: they were rung before this
    c.run.attn |= ATTN_EXIT
    if c.exits.count == EXITS:
        return
    e = &c.exits.item[c.exits.count]
    e.reason = reason
    e.addr = addr
    e.size = size
    e.count = count
    e.write = write
    e.value = value
    e.cs = c.arch.sb[CS] >> 4
    e.ip = o.ip
    c.exits.count += 1


# -- devices in the core ----------------------------------------------------------------------------------

cdef void chip_write(CPU* c, Op* o, int kind, uint32_t port, int size, uint64_t value) noexcept nogil:
    cdef VM* vm = c.vm
    cdef uint64_t now = 0 if kind == RANGE_PIC else now_ns(c, o)
    cdef int i
    cdef bint moved = 0
    lock_chips(vm)
    for i in range(size):
        moved |= chip_write_byte(vm, kind, port + i, value >> 8 * i & 255, now)
    unlock_chips(vm)
    if chip_look(c, o, kind, moved):
        if c.no == 0:
            c.run.attn |= ATTN_LOOK
        else:
            want(c.vm.cpu[0], REQ_INTR)


cdef inline void look_for_eoi(CPU* c, Op* o) noexcept nogil:
    """An EOI (or an automatic one) may drop a line that an irqfd holds for its resample eventfd."""
    if RARELY(c.vm.chip.eoi_lines):
        take_eoi(c, o)


cdef void take_eoi(CPU* c, Op* o) noexcept nogil:
    cdef uint32_t ended
    lock_chips(c.vm)
    ended = c.vm.chip.eoi_lines & c.vm.resampled
    c.vm.chip.eoi_lines = 0
    unlock_chips(c.vm)
    if not ended:
        return
    if o == NULL:                                # between two instructions
        go_outside(c)
        tell_eoi(c, ended)
        come_inside(c)
        return
    ask_device(c, o)                             # a signal handler or a finalizer may look at this vCPU there
    tell_eoi(c, ended)
    device_asked(c)
    if c.python.touched or c.python.raised != NULL:
        c.python.touched = 0
        want(c, REQ_INTR)                        # leave after this instruction


cdef void tell_eoi(CPU* c, uint32_t lines) noexcept with gil:
    try:
        (<Vm><object>c.vm.owner)._irqfds.eoi(lines)
    except BaseException as e:
        keep_exception(c, e)


cdef inline bint chip_write_byte(VM* vm, int kind, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    """1: the next edge of OUT0 comes earlier now."""
    cdef uint64_t edge
    if kind == RANGE_PIC:
        irqchip_write(&vm.chip, port, value)
    elif kind == RANGE_PORT61:
        port61_write(&vm.pit, value, now)
    else:
        pit_write(&vm.pit, port, value, now)
        if pit_programs_0(port, value):
            edge = vm.pit_edge
            pit_sync(vm, now)
            vm.pit_edge = pit_next_rise(&vm.pit, 0, now)
            return vm.pit_edge < edge
    return 0


cdef uint64_t chip_read(CPU* c, Op* o, int kind, uint32_t port, int size) noexcept nogil:
    cdef VM* vm = c.vm
    cdef uint64_t v = 0, now = now_ns(c, o)
    cdef int i
    cdef bint was = vm.chip.intr
    lock_chips(vm)
    for i in range(size):
        v |= <uint64_t>chip_read_byte(vm, kind, port + i, now) << 8 * i
    unlock_chips(vm)
    if kind == RANGE_PIC:                        # the poll command acknowledges
        look_for_eoi(c, o)
        if vm.chip.intr and not was:
            want(vm.cpu[0], REQ_INTR)
    return v


cdef inline uint32_t chip_read_byte(VM* vm, int kind, uint32_t port, uint64_t now) noexcept nogil:
    if kind == RANGE_PIC:
        return irqchip_read(&vm.chip, port)
    if kind == RANGE_PIT:
        return pit_read(&vm.pit, port, now)
    return port61_read(&vm.pit, now)


cdef inline bint chip_look(CPU* c, Op* o, int kind, bint moved) noexcept nogil:
    """After an access to PIC or PIT: does the first vCPU have to look? At an earlier deadline, or at an interrupt that
    it could take."""
    if kind == RANGE_PIC:
        look_for_eoi(c, o)
    return moved or c.vm.chip.intr and (c.no != 0 or c.arch.rest & F_IF)


cdef void pit_sync(VM* vm, uint64_t now) noexcept nogil:
    """IRQ 0 follows the rising edges of OUT0; the caller holds chip_lock."""
    if pit_edges(&vm.pit, now):
        irqchip_pulse(&vm.chip, 0)
