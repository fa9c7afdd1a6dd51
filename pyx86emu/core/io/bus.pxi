# The bus: find what answers an access that is not RAM: an ioeventfd, a chip, a device in Python, or an exit.
#
# docs/IO.md has the order in "The path of an access". The bus does not stop the vCPU itself. It notes the reason in
# c.run, c.reads or c.exits, and the vCPU leaves its block after it.

cdef void bus_write(CPU* c, Op* o, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Write to the bus. If the vCPU has to leave its block after this instruction, c.run.attn says so."""
    cdef IoEntry* e = iotable_find(c.vm.iotable, bus, addr, size, value)
    cdef PyObject* r
    if e != NULL:
        rings_add(&c.rings, e, size, value)
        if RARELY(c.rings.soon):
            end_soon(c)
        return
    r = answering(c.vm, bus, addr, size)
    if r == NULL:
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)
        return
    if kind_of(r) == RANGE_CHIP:
        chip_write(c, o, &c.chips.chip[row_of(r)], <uint32_t>addr, size, value)
    elif not push_write(c, o, r, bus, addr, size, value):
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)
    if c.threads.request or c.python.touched:
        c.python.touched = 0
        c.run.attn |= ATTN_LOOK


cdef uint64_t bus_read(CPU* c, Op* o, int bus, uint64_t addr, int size) noexcept nogil:
    """Read from the bus. LOAD_FAILED: there is no answer yet. When there is one, the instruction is run again."""
    cdef PyObject* r
    cdef uint64_t v
    if logged_read(c, o, bus, addr, size, &v):
        return v
    r = answering(c.vm, bus, addr, size)
    if r == NULL:
        add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 0, 0)
        wait_for_answer(c, bus, addr, size)
        c.run.go = leave_at(c, o)
        return LOAD_FAILED
    if kind_of(r) == RANGE_PUSH:
        v = push_read(c, o, r, bus, addr, size)
        if v == LOAD_FAILED:
            c.python.touched = 0
            c.reads.log_pos = 0
            c.run.go = leave_at(c, o)
            return v
    else:
        v = chip_read(c, o, &c.chips.chip[row_of(r)], <uint32_t>addr, size)
    log_read(c, bus, addr, size, v)
    if c.threads.request or c.python.touched:               # there is a request: first finish this instruction alone
        c.python.touched = 0
        c.reads.finish = 1
        c.reads.log_pos = 0
        c.run.go = leave_at(c, o)
        return LOAD_FAILED
    c.reads.log_pos = c.reads.log_n
    return v


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
