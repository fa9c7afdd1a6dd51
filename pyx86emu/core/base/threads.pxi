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


cdef inline void ask_device(CPU* c, Op* o) noexcept nogil:
    """Go outside to call a device. It sees the state in which the instruction of `o` begins, in blocks as in steps."""
    c.python.io_time = now_ns(c, o)
    c.python.io_retired = retired_at(c, o)
    c.arch.ip = o.ip
    c.python.in_device = 1
    go_outside(c)


cdef inline void device_asked(CPU* c) noexcept nogil:
    come_inside(c)
    c.python.in_device = 0
    if RARELY(c.run.wall != FOREVER) and late(c):
        want(c, REQ_INTR)                        # leave after this instruction: the run loop then ends run()


cdef void lock_from_core(CPU* c) noexcept nogil:
    """The writers' lock, taken by a running vCPU: whoever holds it may be waiting for this vCPU."""
    if pthread_mutex_trylock(&c.vm.writers) == 0:
        return
    go_outside(c)
    let_gil_go(c)
    pthread_mutex_lock(&c.vm.writers)
    at_put64(&c.threads.in_core, at_get64(&c.vm.epoch))


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


cdef void want(CPU* c, uint32_t what) noexcept nogil:
    """Ask a vCPU, from any thread, to look up at its next block end."""
    at_or32(&c.threads.request, what)
    at_put_floor(&c.run.floor, 0x7FFFFFFFFFFFFFFF)
    if at_get32(&c.threads.waiting):
        wake(c)


cdef void wake(CPU* c) noexcept nogil:
    """Whoever waits for this vCPU, or sleeps in its HLT, looks again."""
    pthread_mutex_lock(&c.threads.wait_lock)
    pthread_cond_broadcast(&c.threads.wait_cond)
    pthread_mutex_unlock(&c.threads.wait_lock)


cdef timespec host_time_in(uint64_t ns) noexcept nogil:
    """What the host's clock will say then: pthread_cond_timedwait wants that."""
    cdef timespec t
    clock_gettime(CLOCK_REALTIME, &t)
    t.tv_nsec += <long>(ns % 1000000000)
    t.tv_sec += <time_t>(ns // 1000000000)
    if t.tv_nsec >= 1000000000:
        t.tv_nsec -= 1000000000
        t.tv_sec += 1
    return t


cdef void doze(CPU* c) noexcept nogil:
    """Until wake(c), at most 5 ms: what is waited for may have come before."""
    cdef timespec until = host_time_in(5000000)
    pthread_mutex_lock(&c.threads.wait_lock)
    pthread_cond_timedwait(&c.threads.wait_cond, &c.threads.wait_lock, &until)
    pthread_mutex_unlock(&c.threads.wait_lock)


cdef void check_signals(CPU* c) noexcept with gil:
    try:
        PyErr_CheckSignals()
    except BaseException as e:
        keep_exception(c, e)


cdef void keep_exception(CPU* c, object e) noexcept:
    """run() raises the first one."""
    if c.python.raised == NULL:
        Py_INCREF(e)
        c.python.raised = <PyObject*>e
    c.run.why = EXIT_RAISE
