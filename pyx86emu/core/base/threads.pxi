# Several vCPUs over one Vm: who is inside the core, and how a writer waits until nobody can see the old state.
#
# A vCPU is OUTSIDE (in_core == 0) in a Python device, waiting for the GIL or a lock, waiting in HLT, or not
# running; else in_core is the epoch it saw at its last block end. Pending rings are flushed before it goes out.

# The GIL. It is kept for the slice behind a call into Python, and let go if the next one has none: a guest that
# exits all the time does not hand it over and back. A vCPU never waits for anything while it has it.

cdef void let_gil_go(CPU* c) noexcept nogil:
    if c.python.gil:
        c.python.gil = 0
        c.python.thread = PyEval_SaveThread()


cdef bint take_gil(CPU* c) noexcept nogil:
    """Before a call into Python, outside: whoever has the GIL may be waiting for this vCPU. 1: we had it already."""
    c.python.called = 1
    if c.python.thread == NULL:
        return 1
    PyEval_RestoreThread(c.python.thread)
    c.python.thread = NULL
    c.python.gil = 1
    return 0


cdef inline bint late(CPU* c) noexcept nogil:
    """Is the limit in real time reached? Asked in each turn of the run loop and after each call of a device, so that no
    guest and no clock can put it off."""
    return c.run.wall != FOREVER and <uint64_t>host_ns() >= c.run.wall


cdef inline void go_outside(CPU* c) noexcept nogil:
    rings_flush(&c.rings)
    c.rings.again_how = 0                        # its entry may go now
    io_publish(&c.threads.in_core, 0)


cdef void come_inside(CPU* c) noexcept nogil:
    while True:
        at_put64(&c.threads.in_core, at_get64(&c.vm.epoch))
        if not at_get32(&c.vm.stopping):
            return
        at_put64(&c.threads.in_core, 0)
        let_gil_go(c)
        pthread_mutex_lock(&c.vm.writers)
        pthread_mutex_unlock(&c.vm.writers)


cdef void lock_from_core(CPU* c) noexcept nogil:
    """The writers' lock, taken by a running vCPU: whoever holds it may be waiting for this vCPU."""
    if pthread_mutex_trylock(&c.vm.writers) == 0:
        return
    go_outside(c)
    let_gil_go(c)
    pthread_mutex_lock(&c.vm.writers)
    at_put64(&c.threads.in_core, at_get64(&c.vm.epoch))


# The chips (8259 pair, 8254). As long as one vCPU and its own thread are all that use them, the vCPU takes no lock.
# chips_shared ends this for good: it is set with the second vCPU, and by Vm.lock_chips() when another thread comes
# while the vCPU is in run(). Every vCPU is kept outside meanwhile, so it never changes for one that is inside.

cdef void mark_chip_ports(VM* vm) noexcept nogil:
    """Where ops_io.pxi may take the short way, without lock and search. Once for a new Vm: these ranges never move, and
    no other may overlap them."""
    cdef PyObject* r
    cdef int port
    for port in range(CHIP_PORTS):
        r = answering(vm, BUS_PIO, port, 1)
        if r != NULL and not vm.host_clock:
            vm.chip_ports[port] = <uint8_t>kind_of(r)


cdef void share_chips(VM* vm) noexcept nogil:
    """The caller keeps every vCPU outside."""
    vm.chips_shared = 1
    memset(vm.chip_ports, 0, CHIP_PORTS)


cdef inline void lock_chips(VM* vm) noexcept nogil:
    """By a vCPU inside the core, which stays there until it has unlocked."""
    if RARELY(vm.chips_shared):
        pthread_mutex_lock(&vm.chip_lock)


cdef inline void unlock_chips(VM* vm) noexcept nogil:
    if RARELY(vm.chips_shared):
        pthread_mutex_unlock(&vm.chip_lock)


cdef void wait_for_others(VM* vm, CPU* me) noexcept nogil:
    """Until every other vCPU has passed a block end or is outside. The caller holds the writers' lock."""
    cdef uint64_t now = at_add64(&vm.epoch, 1), seen
    cdef int i
    for i in range(vm.ncpus):
        if vm.cpu[i] == NULL or vm.cpu[i] == me:
            continue
        want(vm.cpu[i], REQ_SYNC)
        while True:
            seen = at_get64(&vm.cpu[i].threads.in_core)
            if seen == 0 or seen >= now:
                break
            sched_yield()
    if me != NULL:
        at_put64(&me.threads.in_core, now)


cdef void stop_all(VM* vm) noexcept nogil:
    """Every vCPU outside, and kept there until resume_all; the caller holds the writers' lock."""
    cdef int i
    at_put32(&vm.stopping, 1)
    for i in range(vm.ncpus):
        if vm.cpu[i] == NULL:
            continue
        want(vm.cpu[i], REQ_SYNC)
        while at_get64(&vm.cpu[i].threads.in_core) != 0:
            sched_yield()


cdef void resume_all(VM* vm) noexcept nogil:
    """After a change of the tables: every decoded block is void."""
    cdef int i
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            want(vm.cpu[i], REQ_DROP)
    at_put32(&vm.stopping, 0)
