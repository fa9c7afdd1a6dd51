# The threads of a Vm meet here: vCPUs enter and leave the core, and a thread that changes tables waits for them.
#
# A vCPU is outside (in_core is 0) while it is in a Python device, waits for the GIL, for a lock or in HLT, or does not
# run. Otherwise it is inside, and may use the tables of its Vm without a lock; in_core is then the epoch of the Vm that
# it saw at its last block end. Before a vCPU goes outside it writes its pending rings.
#
# A thread that changes tables holds the lock `writers`. Then it either waits until each vCPU has passed a block end
# (wait_for_others), so that none can still use an old pointer, or it keeps all vCPUs outside (stop_all, resume_all).
#
# All of these wait in await_vcpu(). A vCPU that runs passes a block end within a microsecond or so. So the thread first
# looks again a few times. If the host has put the vCPU's thread aside, that can take milliseconds: then it sets
# `awaited` and sleeps, and the vCPU wakes it when it goes outside. While nobody sleeps this costs the vCPU one test.
# The vCPU has no fence between its store to in_core and this test. The thread that sleeps makes up for it: fence_all()
# is a fence in all threads, so either this thread sees the store, or the vCPU sees `awaited`.

cdef enum:
    LOOKS = 200                  # how often await_vcpu() looks before it sleeps: some microseconds
    SLEEP_NS = 1000000           # of a sleep on a kernel without fence_all(), where a wake-up may be missed

# The GIL. A vCPU keeps it for the slice after a call into Python. If that slice has no such call, the vCPU releases it
# before the next one. So a guest that exits all the time does not release and take it each time. While a vCPU has the
# GIL it waits for nothing.

cdef void let_gil_go(CPU* c) noexcept nogil:
    if c.python.gil:
        c.python.gil = 0
        c.python.thread = PyEval_SaveThread()


cdef bint take_gil(CPU* c) noexcept nogil:
    """Take the GIL before a call into Python. The vCPU must be outside: the thread that has the GIL may wait for it.
    Returns 1 if it had the GIL already."""
    c.python.called = 1
    if c.python.thread == NULL:
        return 1
    PyEval_RestoreThread(c.python.thread)
    c.python.thread = NULL
    c.python.gil = 1
    return 0


cdef inline bint late(CPU* c) noexcept nogil:
    """Is the limit in real time reached? Each turn of the run loop asks this, and each call of a device. So neither a
    busy guest nor a slow guest clock can delay it."""
    return c.run.wall != FOREVER and <uint64_t>host_ns() >= c.run.wall


cdef inline void leave_core(CPU* c) noexcept nogil:
    if RARELY(at_publish_and_look(&c.threads.in_core, 0, &c.threads.awaited)):
        left_core(c)


cdef void left_core(CPU* c) noexcept nogil:
    """Wake the thread that sleeps in await_vcpu(). If it has to sleep again, it sets `awaited` again."""
    at_put32(&c.threads.awaited, 0)
    futex_wake(&c.threads.awaited)


cdef inline void go_outside(CPU* c) noexcept nogil:
    rings_flush(&c.rings)
    c.rings.again_how = 0                        # the entry that it stands for may be removed from now on
    leave_core(c)


cdef inline void look_at_owner(CPU* c) noexcept nogil:
    """For a vCPU that comes inside: does it own the chips? (chips/owner.pxi.)"""
    cdef bint owns = at_get64(&c.chips.owner) == <uint64_t><uintptr_t>c
    if RARELY(owns != c.owns):
        owner_changed(c, owns)


cdef void owner_changed(CPU* c, bint owns) noexcept nogil:
    c.owns = owns
    c.ways = &NO_WAYS
    if owns:
        c.ways = &c.chips.ways if c.no == 0 else c.chips.others if c.chips.others != NULL else &NO_WAYS


cdef void come_inside(CPU* c) noexcept nogil:
    while True:
        at_put64(&c.threads.in_core, at_get64(&c.vm.epoch))
        if not at_get32(&c.vm.stopping):
            # The host changes these while the vCPU is outside only.
            c.run.watched = (c.debug.singlestep | <uint32_t>(c.debug.breaks | c.debug.watches | c.observe.looks) |
                             c.observe.mask | c.why.stops)
            look_at_owner(c)
            return
        leave_core(c)
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
    """Take the writers' lock from inside the core. If another thread holds it, wait outside: it may wait for this
    vCPU."""
    if pthread_mutex_trylock(&c.vm.writers) == 0:
        return
    go_outside(c)
    let_gil_go(c)
    pthread_mutex_lock(&c.vm.writers)
    at_put64(&c.threads.in_core, at_get64(&c.vm.epoch))
    look_at_owner(c)
    if at_get32(&c.threads.request):             # such as to drop all blocks, as a slot is gone: leave this one
        c.run.attn |= ATTN_LOOK


cdef inline bint has_passed(CPU* c, uint64_t epoch) noexcept nogil:
    cdef uint64_t seen = at_get64(&c.threads.in_core)
    return seen == 0 or seen >= epoch


cdef void await_vcpu(CPU* c, uint64_t epoch, CPU* me) noexcept nogil:
    """Ask a vCPU to pass a block end, and wait until it is outside or has seen `epoch`; FOREVER: until it is outside.
    The caller holds the writers' lock, so that only one thread waits here for a vCPU. If it is a vCPU itself, `me`, it
    does not sleep with the GIL."""
    cdef int i
    cdef bint fenced
    want(c, REQ_SYNC)
    for i in range(LOOKS):
        if has_passed(c, epoch):
            return
        spin_hint()
    if me != NULL:
        let_gil_go(me)
    while True:
        at_put32(&c.threads.awaited, 1)
        fenced = fence_all()
        if has_passed(c, epoch):
            at_put32(&c.threads.awaited, 0)
            return
        futex_wait(&c.threads.awaited, 1, 0 if fenced else SLEEP_NS)


cdef void wait_for_others(VM* vm, CPU* me) noexcept nogil:
    """Wait until every other vCPU has passed a block end or is outside. The caller holds the writers' lock. `me` is
    inside: it writes its rings first, as the wait may be long."""
    cdef uint64_t now = at_add64(&vm.epoch, 1) + 1
    cdef int i
    if me != NULL:
        rings_flush(&me.rings)
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL and vm.cpu[i] != me:
            await_vcpu(vm.cpu[i], now, me)
    if me != NULL:
        at_put64(&me.threads.in_core, now)


cdef void stop_all(VM* vm) noexcept nogil:
    """Wait until every vCPU is outside, and keep it there until resume_all. The caller holds the writers' lock."""
    cdef int i
    at_put32(&vm.stopping, 1)
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            await_vcpu(vm.cpu[i], FOREVER, NULL)


cdef void resume_all(VM* vm) noexcept nogil:
    """Let the vCPUs inside again, after the tables were changed. Each drops all its blocks first."""
    cdef int i
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            want(vm.cpu[i], REQ_DROP)
    at_put32(&vm.stopping, 0)


cdef void want(CPU* c, uint32_t what) noexcept nogil:
    """Make a request to a vCPU, from any thread. It is served at the vCPU's next block end."""
    at_or32(&c.threads.request, what)
    at_put_floor(&c.run.floor, 0x7FFFFFFFFFFFFFFF)
    if at_get32(&c.threads.waiting):
        wake(c)


cdef inline void drop_requests(CPU* c, uint32_t which) noexcept nogil:
    """Drop requests that were made to what the vCPU is no longer."""
    cdef uint32_t rest = at_swap32(&c.threads.request, 0) & ~which
    if rest:
        want(c, rest)


cdef void wake(CPU* c) noexcept nogil:
    """Wake the threads that wait for this vCPU, and the one that sleeps in its HLT."""
    pthread_mutex_lock(&c.threads.wait_lock)
    pthread_cond_broadcast(&c.threads.wait_cond)
    pthread_mutex_unlock(&c.threads.wait_lock)


# The first call registers the fence with the kernel. It is made when the package is imported, as it takes longer in a
# process with several threads.
fence_all()


cdef timespec host_time_in(uint64_t ns) noexcept nogil:
    """The host's time in `ns` from now, as pthread_cond_timedwait needs it."""
    cdef timespec t
    clock_gettime(CLOCK_REALTIME, &t)
    t.tv_nsec += <long>(ns % 1000000000)
    t.tv_sec += <time_t>(ns // 1000000000)
    if t.tv_nsec >= 1000000000:
        t.tv_nsec -= 1000000000
        t.tv_sec += 1
    return t


cdef void doze(CPU* c) noexcept nogil:
    """Wait for wake(c), at most 5 ms: the wake may have come before the wait began."""
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
    """Keep an exception for run(), which raises the first one that was kept."""
    if c.python.raised == NULL:
        Py_INCREF(e)
        c.python.raised = <PyObject*>e
    c.run.why = EXIT_RAISE
