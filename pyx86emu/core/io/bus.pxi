# One access that is not RAM finds its owner: ioeventfd, in-core device, Python device, or an exit.

cdef Range* range_at(VM* vm, int bus, uint64_t addr, int size) noexcept nogil:
    """The device whose range holds the whole fragment, or NULL."""
    cdef Ranges* all_ = vm.ranges[bus]
    cdef int lo = 0, hi, mid
    if all_ == NULL:
        return NULL
    hi = all_.count
    while lo < hi:
        mid = (lo + hi) >> 1
        if addr > all_.item[mid].hi:
            lo = mid + 1
        elif addr < all_.item[mid].lo:
            hi = mid
        else:
            return &all_.item[mid] if addr + size - 1 <= all_.item[mid].hi else NULL
    return NULL


cdef void bus_write(CPU* c, Op* o, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Spec section 2 for a write that is not RAM. Whatever has to stop the block is noted in c.run.attn."""
    cdef IoEntry* e = iotable_find(c.vm.iotable, bus, addr, size, value)
    cdef Range* r
    if e != NULL:
        rings_ring(&c.rings, e, size, value)
        return
    r = range_at(c.vm, bus, addr, size)
    if r != NULL and r.kind != RANGE_PULL:
        if r.kind == RANGE_CHIP:
            chip_write(c, o, &c.chips.chip[r.chip], <uint32_t>addr, size, value)
        elif not push_write(c, o, r, bus, addr, size, value):
            add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)
        if c.threads.request or c.python.touched:
            c.python.touched = 0
            c.run.attn |= ATTN_LOOK
        return
    add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 1, value)


cdef uint64_t bus_read(CPU* c, Op* o, int bus, uint64_t addr, int size) noexcept nogil:
    """Spec section 2 for a read, or LOAD_FAILED and the instruction is run again once the answer is there.
    Answers are kept until the instruction is done, so that no device is read twice."""
    cdef Range* r
    cdef uint64_t v, now = retired_at(c, o)
    cdef LoggedRead* seen
    if c.reads.log_tag != now:
        c.reads.log_tag = now
        c.reads.log_n = 0
        c.reads.log_pos = 0
    if c.reads.log_pos < c.reads.log_n:
        seen = &c.reads.log[c.reads.log_pos]
        if seen.addr == addr and seen.size == size and seen.bus == bus:
            c.reads.log_pos += 1
            return seen.value
        c.reads.log_n = c.reads.log_pos                      # the instruction itself was changed meanwhile
    r = range_at(c.vm, bus, addr, size)
    if r != NULL and r.kind != RANGE_PULL:
        if r.kind == RANGE_PYTHON:
            v = push_read(c, o, r, bus, addr, size)
            if v == LOAD_FAILED:
                c.python.touched = 0
                c.reads.log_pos = 0
                c.run.go = leave_at(c, o)
                return v
        else:
            v = chip_read(c, o, &c.chips.chip[r.chip], <uint32_t>addr, size)
        log_read(c, bus, addr, size, v)
        if c.threads.request or c.python.touched:               # something happened meanwhile: finish this one alone
            c.python.touched = 0
            c.reads.finish = 1
            c.reads.log_pos = 0
            c.run.go = leave_at(c, o)
            return LOAD_FAILED
        c.reads.log_pos = c.reads.log_n
        return v
    add_exit(c, o, EXIT_IO if bus == BUS_PIO else EXIT_MMIO, addr, size, 1, 0, 0)
    forget_batch(c)                              # it is this read that waits for an answer now
    c.reads.pending = 1
    c.reads.answers = c.reads.log_n
    c.reads.asked_bus = bus
    c.reads.asked_addr = addr
    c.reads.asked_size = size
    c.reads.log_pos = 0
    c.run.go = leave_at(c, o)
    return LOAD_FAILED


cdef inline void forget_batch(CPU* c) noexcept nogil:
    """Drop the unread rest of a REP INS answer."""
    c.reads.ins_count = 0
    c.reads.ins_pos = 0


cdef void log_read(CPU* c, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    cdef LoggedRead* seen
    if c.reads.log_n == LOG_READS:
        return
    seen = &c.reads.log[c.reads.log_n]
    seen.bus = bus
    seen.addr = addr
    seen.size = size
    seen.value = value
    c.reads.log_n += 1


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


# -- devices in Python --------------------------------------------------------------------------------------

cdef inline uint64_t ones(int size) noexcept nogil:
    return 0xFFFFFFFFFFFFFFFFULL if size >= 8 else (1ULL << 8 * size) - 1


# Ranges move and go only under the GIL (see Vm.stop()): the one that was found is still good if the GIL was ours all
# the time, else it is looked up again.

cdef inline void keep_code(CPU* c, Op* o) noexcept nogil:
    """Before a device is read, which may store into the instruction that asks, or take its memory away."""
    cdef uint32_t pa = c.arch.sb[CS] + o.ip
    cdef int i
    c.reads.asked_tag = retired_at(c, o)
    if (pa & 255) <= 256 - ASKED_CODE and o.ip <= 0x10000 - ASKED_CODE and c.run.ram[pa >> 8]:
        memcpy(c.reads.asked_code, <void*>(c.run.ram[pa >> 8] + pa), ASKED_CODE)
        return
    for i in range(ASKED_CODE):
        pa = c.arch.sb[CS] + (o.ip + i & 0xFFFF)
        c.reads.asked_code[i] = (<uint8_t*>(c.run.ram[pa >> 8] + pa))[0] if c.run.ram[pa >> 8] else 0


cdef bint push_write(CPU* c, Op* o, Range* r, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """0: the device has gone while we waited for the GIL."""
    cdef bint taken
    ask_device(c, o)
    if not take_gil(c):
        r = range_at(c.vm, bus, addr, size)
    taken = PYTHON_WRITE(c, r, bus, addr, size, value)
    device_asked(c)
    return taken


cdef uint64_t push_read(CPU* c, Op* o, Range* r, int bus, uint64_t addr, int size) noexcept nogil:
    cdef uint64_t v
    keep_code(c, o)
    ask_device(c, o)
    if not take_gil(c):
        r = range_at(c.vm, bus, addr, size)
    v = PYTHON_READ(c, r, bus, addr, size)
    device_asked(c)
    return v


cdef bint python_write(CPU* c, Range* r, int bus, uint64_t addr, int size, uint64_t value) noexcept:
    """0: the device has gone."""
    cdef uint64_t delta
    cdef int most, at = 0, n
    cdef object write
    if r == NULL or r.kind != RANGE_PYTHON:
        return 0
    delta = addr - r.lo
    most = r.max_size
    write = <object>r.write                      # r may be detached by what it does
    try:
        if size <= most:
            write(delta, size, value)
            return 1
        while at < size:
            n = most if most < size - at else size - at
            write(delta + at, n, value >> 8 * at & ones(n))
            at += n
    except BaseException as e:
        device_raised(c, e, bus, addr, size, 1)
    return 1


cdef uint64_t python_read(CPU* c, Range* r, int bus, uint64_t addr, int size) noexcept:
    cdef uint64_t delta, v = 0
    cdef int most, at = 0, n
    cdef object read
    if r == NULL or r.kind != RANGE_PYTHON:      # gone meanwhile: the instruction looks again
        return LOAD_FAILED
    delta = addr - r.lo
    most = r.max_size
    read = <object>r.read
    try:
        if size <= most:
            return PyLong_AsUnsignedLongLongMask(read(delta, size)) & ones(size)
        while at < size:
            n = most if most < size - at else size - at
            v |= (PyLong_AsUnsignedLongLongMask(read(delta + at, n)) & ones(n)) << 8 * at
            at += n
        return v
    except BaseException as e:
        device_raised(c, e, bus, addr, size, 0)
        return LOAD_FAILED


# take_gil() has the GIL, which the compiler cannot know.
cdef bint (*PYTHON_WRITE)(CPU*, Range*, int, uint64_t, int, uint64_t) noexcept nogil
cdef uint64_t (*PYTHON_READ)(CPU*, Range*, int, uint64_t, int) noexcept nogil
PYTHON_WRITE = <bint (*)(CPU*, Range*, int, uint64_t, int, uint64_t) noexcept nogil>python_write
PYTHON_READ = <uint64_t (*)(CPU*, Range*, int, uint64_t, int) noexcept nogil>python_read


cdef void device_raised(CPU* c, object e, int bus, uint64_t addr, int size, bint write) noexcept:
    """Keep it for run() to raise, with a note saying where the guest was."""
    try:
        e.add_note(f"while the guest {'wrote' if write else 'read'} {size} byte{'s' * (size > 1)} at "
                   f"{'port' if bus == BUS_PIO else 'address'} {addr:#x}, at {c.arch.sb[CS] >> 4:04x}:{c.arch.ip:04x}")
    except Exception:
        pass
    keep_exception(c, e)
    c.run.attn |= ATTN_LOOK
