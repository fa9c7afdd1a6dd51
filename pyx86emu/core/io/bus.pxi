# The bus: find what answers an access that is not RAM: an ioeventfd, a chip, a device in Python, a zone, an exit, or,
# if the vCPU is told so, nothing (unclaimed.pxi).
#
# docs/IO.md has the order in "The path of an access". The bus does not stop the vCPU itself. It notes the reason in
# c.run, c.reads or c.exits, and the vCPU leaves its block after it.

cdef inline void hit(CPU* c, IoEntry* e, int size, uint64_t value) noexcept nogil:
    """A write hits an ioeventfd. If its eventfd is an irqfd as well, c.run.attn may ask to leave the block."""
    c.rings.again_how = 0
    if RARELY(at_get32(&e.target.line)):
        ring_line(c, e, value)
        return
    if e.coalesce:
        rings_count(&c.rings, e, size, value)
        if RARELY(c.rings.soon):
            end_soon(c)
    else:
        if RARELY(c.vm.shared):
            ring_shared(c, e, value)
            return
        # The last call, so a jump: where the kernel has Safe RET (AMD), each return after write(2) is mispredicted,
        # which takes 10 ns.
        rings_signal(&c.rings, e, value)


cdef void ring_shared(CPU* c, IoEntry* e, uint64_t value) noexcept nogil:
    """Ring, in a Vm whose memory another process may write to, now that it is asked to work."""
    shared_written(c.vm)
    rings_signal(&c.rings, e, value)


cdef void ring_line(CPU* c, IoEntry* e, uint64_t value) noexcept nogil:
    """Raise the line of the irqfd that has the eventfd of this ioeventfd. Nothing is written to the eventfd, because
    the irqfd would take it at once. Or note the call of a Doorbell."""
    cdef uint32_t how = at_get32(&e.target.line)
    cdef uint64_t count
    rings_flush(&c.rings)                        # those came before
    at_publish64(&e.last_value, value)
    at_add64(&e.hits, 1)
    if how & SINK_CALL:
        rings_call(&c.rings, e.target)
        want(c, REQ_CALL)
        c.run.attn |= ATTN_LOOK
        return
    if e.target.unread:
        e.target.unread = 0
        eventfd_take(e.target.fd, &count)
    lock_chips(c)                                # may go outside: `e` is not used after it
    if how & SINK_HELD:
        drive_gsi(c.chips, LINE_IRQFD, how & 15, 1, clock_now(c))
    elif how:                                    # else it was removed just now
        pulse_gsi(c.chips, how & 15, clock_now(c))
    unlock_chips(c)
    if has_to_look(c, 0):
        let_look(c)


cdef void bus_write(CPU* c, Op* o, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Write to the bus. If the vCPU has to leave its block after this instruction, c.run.attn says so."""
    cdef IoEntry* e = iotable_find(c.vm.iotable, bus, addr, size, value)
    cdef PyObject* r
    cdef int took = ZONE_NONE
    if e != NULL:
        hit(c, e, size, value)
        return
    r = answering(c.vm, bus, addr, size)
    if r == NULL:
        if zones_near(&c.vm.zones, bus, addr):
            rings_spend(&c.rings, 1)
            took = zones_take(&c.vm.zones, c.vm.ncpus != 1, bus, addr, size, value)
            if took == ZONE_TOOK:
                return
        if took != ZONE_DUE:
            if bus != BUS_PIO or not unclaimed_write(c, addr, size):
                add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)
            return
        drain_zones(c, o, bus, addr, size, value)
    elif kind_of(r) == RANGE_CHIP:
        chip_write(c, o, &c.chips.chip[row_of(r)], <uint32_t>addr, size, value)
    elif push_block_write(r, addr, size, value):
        pass
    elif not push_write(c, o, r, bus, addr, size, value):
        drain_zones(c, o, bus, addr, size, value)
    if at_peek32(&c.threads.request) or c.python.touched:
        c.python.touched = 0
        c.run.attn |= ATTN_LOOK


# Calls the on_drain of zones, with the GIL (face/coalesced_api.pxi). False: no room was made, and run() raises.
cdef bint (*ON_DRAIN)(CPU*) noexcept nogil

cdef void drain_zones(CPU* c, Op* o, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """A write that no device takes, in the rare cases: the ring of its zone is full and on_drain empties it, or its
    device was detached meanwhile."""
    cdef int took
    cdef bint room = 1
    while True:
        took = zones_take(&c.vm.zones, c.vm.ncpus != 1, bus, addr, size, value)
        if took != ZONE_DUE or not room:
            break
        ask_device(c, o)
        take_gil(c)
        room = ON_DRAIN(c)
        device_asked(c)
    if took != ZONE_TOOK:
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)


cdef uint64_t bus_read(CPU* c, Op* o, int bus, uint64_t addr, int size) noexcept nogil:
    """Read from the bus. LOAD_FAILED: there is no answer yet. When there is one, the instruction is run again."""
    cdef PyObject* r
    cdef uint64_t v
    if bus == BUS_MMIO and VGA_WINDOW <= addr < VGA_WINDOW + VGA_WINDOW_SIZE:
        r = answering(c.vm, bus, addr, size)
        if r != NULL and kind_of(r) == RANGE_CHIP:       # memory: it may be read again, and is in no log
            return chip_read(c, o, &c.chips.chip[row_of(r)], <uint32_t>addr, size)
    if logged_read(c, o, bus, addr, size, &v):
        return v
    r = answering(c.vm, bus, addr, size)
    if r == NULL:
        if bus != BUS_PIO or not answers_read(c, o, addr, size):
            add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 0, 0)
            wait_for_answer(c, bus, addr, size)
            c.run.go = leave_at(c, o)
            return LOAD_FAILED
        v = unclaimed_read(c, o, addr, size)
    elif kind_of(r) == RANGE_PUSH:
        if not push_block_read(r, addr, size, &v):
            v = push_read(c, o, r, bus, addr, size)
        if v == LOAD_FAILED:
            c.python.touched = 0
            c.reads.log_pos = 0
            c.run.go = leave_at(c, o)
            return v
    else:
        v = chip_read(c, o, &c.chips.chip[row_of(r)], <uint32_t>addr, size)
    log_read(c, bus, addr, size, v)
    if at_peek32(&c.threads.request) or c.python.touched:   # there is a request: first finish this instruction alone
        c.python.touched = 0
        c.reads.finish = 1
        c.reads.log_pos = 0
        c.run.go = leave_at(c, o)
        return LOAD_FAILED
    c.reads.log_pos = c.reads.log_n
    return v


cdef uint64_t bus_read_wrapped(CPU* c, Op* o) noexcept nogil:
    """A word from port FFFFh where port addresses have 16 bits: a byte of it, then one of port 0."""
    cdef uint64_t low = bus_read(c, o, BUS_PIO, 0xFFFF, 1), high
    if low == LOAD_FAILED:
        return low
    high = bus_read(c, o, BUS_PIO, 0, 1)
    return high if high == LOAD_FAILED else low | high << 8


cdef void bus_write_wrapped(CPU* c, Op* o, uint64_t value) noexcept nogil:
    """The same for a write."""
    bus_write(c, o, BUS_PIO, 0xFFFF, 1, value & 255)
    bus_write(c, o, BUS_PIO, 0, 1, value >> 8 & 255)


cdef void add_exit(CPU* c, Op* o, int reason, uint64_t addr, int size, int count, int write,
                   uint64_t value) noexcept nogil:
    """Queue an exit record. run() returns it when the instruction is complete; for a read, at once."""
    cdef ExitRec* e
    rings_flush(&c.rings)                        # rings first: they came before this exit
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
