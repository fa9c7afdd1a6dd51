# Waits of a device for somebody outside, such as another process: when they have to end, and what is done later.
#
# While a device waits, its vCPU is outside and the thread runs Python. The device asks every few ms whether the run has
# to end. If so, a read raises NotYet: the next run() executes the instruction again. A write is done; what is still to
# wait for is owed, and the next run() begins with it.

cdef enum:
    LEAST_WAIT = 100000000       # ns that a limit in guest time leaves to whoever has to answer

cdef CPU* asking(VM* vm) noexcept:
    """The vCPU whose device, or function between two instructions, this thread is in; NULL: none."""
    cdef unsigned long me = PyThread_get_thread_ident()
    cdef int i
    for i in range(vm.ncpus):
        if (vm.cpu[i] != NULL and vm.cpu[i].threads.runner == me and
                (vm.cpu[i].python.in_device or vm.cpu[i].python.in_call)):
            return vm.cpu[i]
    return NULL


cdef inline void call_begins(CPU* c) noexcept:
    """A function is called between two instructions. It may wait, as a device may."""
    c.python.io_time, c.python.io_retired = clock_now(c), c.run.retired
    c.python.in_call = 1


cdef inline bint asked_to_end(CPU* c) noexcept nogil:
    return c.threads.kicked or at_get32(&c.threads.request) & (REQ_KICK | REQ_RESET) != 0


cdef bint wait_ends(CPU* c, uint64_t ns) noexcept:
    """Has the run to end, now that a device has waited `ns`? As in HLT, a limit on instructions or in guest time always
    gives the thread back: the wait then counts as guest time and as budget. But not while the machine is recorded,
    because a replay waits for nobody."""
    cdef uint64_t left, room = FOREVER
    if asked_to_end(c) or late(c):
        c.run.attn |= ATTN_LOOK
        return 1
    if ns < LEAST_WAIT or at_get32(&c.vm.chips.hold):
        return 0
    if c.threads.limit != FOREVER:
        left = c.threads.limit - c.python.io_retired if c.threads.limit > c.python.io_retired else 0
        room = left << c.vm.shift if left < 1ULL << 40 else FOREVER
    if c.threads.until != FOREVER:
        room = min(room, c.threads.until - c.python.io_time if c.threads.until > c.python.io_time else 0)
    if ns < room:
        return 0
    c.threads.waited += ns
    if c.no == 0 and not c.vm.host_clock:
        c.run.idle += (ns >> c.vm.shift) + 1
    c.run.why = EXIT_BUDGET if c.python.io_time + ns < c.threads.until else EXIT_DEADLINE
    c.run.attn |= ATTN_LOOK
    return 1


def _called(function):
    """Call a function that has raised NotYet again. False: the run has to end."""
    try:
        function()
    except NotYet:
        return False
    return True


cdef int settled(CPU* c, list owed) except -1:
    """Do what earlier runs owe: each function until it returns True; False: the run has to end. 0: it has to end first,
    and c.run.why says why."""
    call_begins(c)
    try:
        while owed:
            if not owed[0]():
                break
            del owed[:1]
    except Exception:
        del owed[:1]                             # it failed for good: raised once
        raise
    finally:
        c.python.in_call = 0
    c.run.attn = 0
    if not owed:
        return 1
    if c.run.why == EXIT_NONE:
        c.run.why = EXIT_INTR if asked_to_end(c) else EXIT_DEADLINE
        drop_requests(c, REQ_KICK)
        c.threads.kicked = 0
    return 0
