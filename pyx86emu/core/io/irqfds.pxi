# irqfds: eventfds that raise interrupt lines. Keep the list and watch it. Know lines, not who writes.
#
# A line is raised in one of two ways:
#  - A vCPU of the same Vm rings an ioeventfd that has the same eventfd. The vCPU raises the line itself, at that
#    instruction (ring_line in bus.pxi). Nothing is written, and every run repeats exactly.
#  - Somebody else writes to the eventfd. A thread of the Vm, which needs no GIL, takes the count, notes the line in
#    Chips.rung and makes a request to the first vCPU, which serves it at its next end of a block.
#
# An irqfd has a duplicate of its descriptor and is found by the kernel's file, as ioeventfds are. One eventfd is one
# irqfd in the whole process, as with KVM.
#
#   what                                  is changed by a thread with        is read with
#   the entries of a Vm                   the GIL, its `writers` and `lock`  one of the three
#   irq_process, the irqfds of all Vms    the GIL                            the GIL
#   Sink.line of the Vm's ioeventfds      its `writers`                      nothing: vCPUs; a removal waits for them
#
# A thread that holds `lock` waits for nothing but the lock of the chips.

cdef extern from "<sys/epoll.h>" nogil:
    union io_epoll_data "epoll_data":
        uint64_t u64
    struct io_epoll_event "epoll_event":
        uint32_t events
        io_epoll_data data
    int io_epoll_create "epoll_create1"(int flags)
    int io_epoll_ctl "epoll_ctl"(int epoll, int what, int fd, io_epoll_event *event)
    int io_epoll_wait "epoll_wait"(int epoll, io_epoll_event *events, int most, int timeout)
    int IO_EPOLL_CLOEXEC "EPOLL_CLOEXEC"
    int IO_EPOLL_ADD "EPOLL_CTL_ADD"
    int IO_EPOLL_MOD "EPOLL_CTL_MOD"
    int IO_EPOLL_DEL "EPOLL_CTL_DEL"
    uint32_t IO_EPOLLIN "EPOLLIN"
    uint32_t IO_EPOLLET "EPOLLET"

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned long irq_thread_t "pthread_t"
    ctypedef struct irq_attr_t "pthread_attr_t":
        pass
    int irq_attr_init "pthread_attr_init"(irq_attr_t*)
    int irq_attr_stack "pthread_attr_setstacksize"(irq_attr_t*, size_t)
    int irq_attr_destroy "pthread_attr_destroy"(irq_attr_t*)
    int irq_thread_create "pthread_create"(irq_thread_t*, irq_attr_t*, void* (*)(void*) noexcept nogil, void*)
    int irq_thread_join "pthread_join"(irq_thread_t, void**)
    int irq_thread_name "pthread_setname_np"(irq_thread_t, const char*)

cdef extern from "<signal.h>" nogil:
    ctypedef struct irq_sigset_t "sigset_t":
        pass
    int irq_sigfillset "sigfillset"(irq_sigset_t*)
    int irq_sigmask "pthread_sigmask"(int, irq_sigset_t*, irq_sigset_t*)
    int IRQ_SIG_SETMASK "SIG_SETMASK"

cdef enum:
    IRQ_CHAINS = 64
    IRQ_EVENTS = 16                         # that one epoll_wait returns
    IRQ_STACK = 262144                      # bytes
    IRQ_TRIES = 100

cdef struct IrqEntry:
    uint64_t serial                         # never used twice in a Vm, and never 0
    Sink *event                             # a duplicate that belongs to this irqfd
    Sink *resample                          # NULL: each write is an edge
    uint64_t kept                           # the count from before; its event raises no line
    int gsi
    VM *vm
    IrqEntry *next                          # in its Vm, by serial
    IrqEntry *next_here                     # in the process, by eventfd-id

cdef struct IrqFds:                         # of one Vm, from its first irqfd on
    VM *vm
    int epoll
    int stop                                # an eventfd that is readable, but watched for nothing until the end
    uint64_t count
    uint32_t resamples[16]                  # irqfds with a resample eventfd, by line
    irq_thread_t thread
    pthread_mutex_t lock
    IrqEntry *entries[IRQ_CHAINS]


# The irqfds of all Vms, by eventfd-id. The only variable of the core that does not belong to a Vm.
cdef IrqEntry *irq_process[IO_SINK_CHAINS]


# -- the thread ---------------------------------------------------------------------------

cdef IrqEntry **irq_place(IrqFds *w, uint64_t serial) noexcept nogil:
    """Where the pointer to an entry is; *NULL*: there is no such entry. The caller may read the entries."""
    cdef IrqEntry **at = &w.entries[serial & (IRQ_CHAINS - 1)]
    while at[0] != NULL and at[0].serial != serial:
        at = &at[0].next
    return at


cdef inline uint32_t irq_bit(IrqEntry *e) noexcept nogil:
    """Its bit in Chips.rung."""
    return 1U << (e.gsi + 16 if e.resample != NULL else e.gsi)


cdef void irq_raise(VM *vm, IrqEntry *e) noexcept nogil:
    """Raise the line, from any thread: the next user of the chips does it, at the latest the first vCPU."""
    cdef Chips *chips = vm.chips
    pthread_mutex_lock(&chips.lock)              # no vCPU goes away meanwhile
    if vm.shared:
        shared_written(vm)
    if at_get32(&chips.hold):
        at_or32(&chips.held, irq_bit(e))
    else:
        at_or32(&chips.rung, irq_bit(e))
        if vm.cpu[0] != NULL:
            want(vm.cpu[0], REQ_INTR)
    pthread_mutex_unlock(&chips.lock)


cdef void irq_serve(IrqFds *w, uint64_t serial) noexcept nogil:
    """The eventfd of an entry was written."""
    cdef IrqEntry *e
    cdef uint64_t count = 0, kept
    pthread_mutex_lock(&w.lock)
    e = irq_place(w, serial)[0]
    if e != NULL:
        kept = e.kept
        e.kept = 0
        if not (kept and io_fdinfo(e.event.fd, b"eventfd-count", 16, &count) == 0 and count == kept):
            if eventfd_take(e.event.fd, &count) == 0 and count:
                irq_raise(w.vm, e)
    pthread_mutex_unlock(&w.lock)


cdef void *irq_watch(void *p) noexcept nogil:
    cdef IrqFds *w = <IrqFds *>p
    cdef io_epoll_event events[IRQ_EVENTS]
    cdef int n, i
    while True:
        n = io_epoll_wait(w.epoll, events, IRQ_EVENTS, -1)
        if n < 0 and io_errno != IO_EINTR:
            return NULL
        for i in range(n):
            if events[i].data.u64 == 0:
                return NULL
            irq_serve(w, events[i].data.u64)


cdef int irq_start(IrqFds *w) noexcept nogil:
    """Create the thread. It takes no signals: those are for Python's main thread. Returns 0 or an errno."""
    cdef irq_attr_t attr
    cdef irq_sigset_t all_, before
    cdef int error
    irq_sigfillset(&all_)
    irq_sigmask(IRQ_SIG_SETMASK, &all_, &before)
    error = irq_attr_init(&attr)
    if error == 0:
        irq_attr_stack(&attr, IRQ_STACK)
        error = irq_thread_create(&w.thread, &attr, irq_watch, w)
        irq_attr_destroy(&attr)
    irq_sigmask(IRQ_SIG_SETMASK, &before, NULL)
    if error == 0:
        irq_thread_name(w.thread, b"irqfds")
    return error


cdef IrqFds *irq_new(VM *vm, int *error) noexcept nogil:
    """The list and the thread of a Vm. NULL: *error is a negative errno."""
    cdef IrqFds *w = <IrqFds *>calloc(1, sizeof(IrqFds))
    cdef io_epoll_event event
    if w == NULL:
        error[0] = -IO_ENOMEM
        return NULL
    w.vm = vm
    pthread_mutex_init(&w.lock, NULL)
    memset(&event, 0, sizeof(event))
    w.stop = io_eventfd(1, IO_EFD_CLOEXEC | IO_EFD_NONBLOCK)
    w.epoll = io_epoll_create(IO_EPOLL_CLOEXEC) if w.stop >= 0 else -1
    if w.epoll < 0 or io_epoll_ctl(w.epoll, IO_EPOLL_ADD, w.stop, &event) != 0:
        error[0] = -io_errno
    else:
        error[0] = -irq_start(w)
    if error[0] != 0:
        irq_close(w)
        return NULL
    return w


cdef void irq_close(IrqFds *w) noexcept nogil:
    """Free the list, after its thread."""
    if w.epoll >= 0:
        io_close(w.epoll)
    if w.stop >= 0:
        io_close(w.stop)
    free(w)


cdef void irq_control(IrqFds *w, int what, int fd, uint32_t events) noexcept nogil:
    """Change or remove what is watched. A kernel does not refuse that. Something between it and us might, once."""
    cdef io_epoll_event event
    cdef int tries = 0
    memset(&event, 0, sizeof(event))
    event.events = events
    while io_epoll_ctl(w.epoll, what, fd, &event) != 0 and tries < IRQ_TRIES:
        tries += 1


cdef void irq_end(IrqFds *w) noexcept nogil:
    """End the thread."""
    irq_control(w, IO_EPOLL_MOD, w.stop, IO_EPOLLIN)
    irq_thread_join(w.thread, NULL)


# -- one irqfd ----------------------------------------------------------------------------

cdef void irq_free(IrqEntry *e) noexcept nogil:
    """Close the descriptors of an entry that is in no list."""
    if e == NULL:
        return
    sink_drop(e.event)
    sink_drop(e.resample)
    free(e)


cdef IrqEntry *irq_open(int gsi, int fd, bint resampled, int resample, int *error, bint *second) noexcept nogil:
    """An entry in no list, with duplicates of its eventfds. NULL: *error is a negative errno, *second whether it is
    about `resample`."""
    cdef IrqEntry *e = <IrqEntry *>calloc(1, sizeof(IrqEntry))
    second[0] = 0
    if e == NULL:
        error[0] = -IO_ENOMEM
        return NULL
    e.gsi = gsi
    e.event = sink_open(fd, error)
    if e.event != NULL and resampled:
        second[0] = 1
        e.resample = sink_open(resample, error)
    if e.event == NULL or resampled and e.resample == NULL:
        irq_free(e)
        return NULL
    return e


cdef IrqEntry *irq_find(IoTable *t, int fd, int64_t id) noexcept nogil:
    """The irqfd of this process that has this eventfd, or NULL. `t`: of any Vm. The caller has the GIL."""
    cdef IrqEntry *e = irq_process[id & (IO_SINK_CHAINS - 1)]
    while e != NULL:
        if e.event.id == id and (id >= 0 or io_same_file(t, fd, e.event)):
            return e
        e = e.next_here
    return NULL


cdef void irq_link(IrqEntry *e, Sink *s) noexcept nogil:
    """From now on an ioeventfd that rings the sink `s` raises the line of `e`. A count that is there already is taken
    by the first ring, as KVM does; of a semaphore KVM takes only what the ring has added."""
    cdef uint64_t count = 0, semaphore = 0
    io_fdinfo(s.fd, b"eventfd-count", 16, &count)
    io_fdinfo(s.fd, b"eventfd-semaphore", 10, &semaphore)
    s.unread = count != 0 and semaphore == 0
    at_put32(&s.line, SINK_LINE | <uint32_t>e.gsi | (SINK_HELD if e.resample != NULL else 0))


cdef void irq_link_new(IoTable *t, VM *vm, Sink *s) noexcept nogil:
    """A sink gets its first ioeventfd: link it, if its eventfd is an irqfd of this Vm. The caller has the GIL."""
    cdef IrqEntry *e = irq_find(t, s.fd, s.id)
    if e != NULL and e.vm == vm:
        irq_link(e, s)


cdef void irq_list(IrqFds *w, IrqEntry *e) noexcept nogil:
    cdef IrqEntry **chain = &w.entries[e.serial & (IRQ_CHAINS - 1)]
    pthread_mutex_lock(&w.lock)
    e.vm = w.vm
    e.next = chain[0]
    chain[0] = e
    pthread_mutex_unlock(&w.lock)
    chain = &irq_process[e.event.id & (IO_SINK_CHAINS - 1)]
    e.next_here = chain[0]
    chain[0] = e
    irq_counted(w, e, 1)


cdef void irq_unlist(IrqFds *w, IrqEntry *e) noexcept nogil:
    cdef IrqEntry **at
    pthread_mutex_lock(&w.lock)
    irq_place(w, e.serial)[0] = e.next
    pthread_mutex_unlock(&w.lock)
    at = &irq_process[e.event.id & (IO_SINK_CHAINS - 1)]
    while at[0] != e:
        at = &at[0].next_here
    at[0] = e.next_here
    irq_counted(w, e, -1)


cdef void irq_counted(IrqFds *w, IrqEntry *e, int by) noexcept nogil:
    """Set what vCPUs read: whether an irqfd may end a HLT, and the lines whose EOI an irqfd waits for."""
    w.count += by
    w.vm.waiters = <uint32_t>w.count
    if e.resample == NULL:
        return
    w.resamples[e.gsi] += by
    if w.resamples[e.gsi]:
        w.vm.resampled |= 1U << e.gsi
    else:
        w.vm.resampled &= ~(1U << e.gsi)


# -- the changes. The caller has the GIL and the `writers` of the Vm

cdef int irq_insert(VM *vm, IoTable *t, IrqEntry *e, bint *linked) noexcept:
    """Register an entry. Returns 0 or a negative errno; -EBUSY: the eventfd is an irqfd already. `linked`: the caller
    waits for the vCPUs, because an ioeventfd of the Vm has the same eventfd."""
    cdef IrqFds *w
    cdef io_epoll_event event
    cdef Sink *s
    cdef uint64_t count = 0
    cdef int error = 0
    linked[0] = 0
    if irq_find(t, e.event.fd, e.event.id) != NULL:
        return -IO_EBUSY
    if vm.irqfds == NULL:
        vm.irqfds = irq_new(vm, &error)
        if vm.irqfds == NULL:
            return error
    w = vm.irqfds
    error = io_fdinfo(e.event.fd, b"eventfd-count", 16, &count)
    if error != 0 and error != -IO_ENOENT:
        return error
    e.kept = count
    irq_list(w, e)
    event.events = IO_EPOLLIN | IO_EPOLLET
    event.data.u64 = e.serial
    if io_epoll_ctl(w.epoll, IO_EPOLL_ADD, e.event.fd, &event) != 0:
        error = -io_errno
        irq_unlist(w, e)
        return error
    s = io_known(t, e.event.fd, e.event.id)
    if s != NULL:
        irq_link(e, s)
        linked[0] = 1
    if count:
        irq_raise(vm, e)
    return 0


cdef bint irq_take(VM *vm, IoTable *t, IrqEntry *e) noexcept:
    """Remove an entry from the lists. 1: the caller waits for the vCPUs before it frees the entry."""
    cdef Sink *s = io_known(t, e.event.fd, e.event.id)
    if s != NULL:
        at_put32(&s.line, 0)
    irq_control(vm.irqfds, IO_EPOLL_DEL, e.event.fd, 0)
    irq_unlist(vm.irqfds, e)
    return s != NULL


cdef void irq_drop(VM *vm) noexcept:
    """Remove all irqfds of a Vm that nobody can use any more, and end their thread."""
    cdef IrqFds *w = vm.irqfds
    cdef IrqEntry *e
    cdef int i
    if w == NULL:
        return
    vm.irqfds = NULL
    irq_end(w)
    for i in range(IRQ_CHAINS):
        while w.entries[i] != NULL:
            e = w.entries[i]
            irq_unlist(w, e)
            irq_free(e)
    irq_close(w)


cdef void irq_forked(VM *vm, IoTable *t) noexcept:
    """In the child of a fork: its parent's irqfds do nothing here. Their thread does not exist, nor do its locks, and
    the epoll is the parent's, so nothing is removed from it."""
    cdef IrqFds *w = vm.irqfds
    cdef IrqEntry *e
    cdef Sink *s
    cdef int i
    vm.irqfds = NULL
    vm.waiters = vm.resampled = vm.chips.rung = vm.chips.held = 0
    if w == NULL:
        return
    for i in range(16):
        drive_gsi(vm.chips, LINE_IRQFD, i, 0, 0)
    for i in range(IRQ_CHAINS):
        while w.entries[i] != NULL:
            e = w.entries[i]
            w.entries[i] = e.next
            s = io_known(t, e.event.fd, e.event.id)
            if s != NULL:
                s.line = 0
            irq_free(e)
    irq_close(w)


cdef void irq_forget_process() noexcept:
    """In the child of a fork, once."""
    memset(irq_process, 0, sizeof(irq_process))


# -- the guest ----------------------------------------------------------------------------

cdef void irqfds_eoi(VM *vm, uint32_t lines) noexcept nogil:
    """The guest has ended interrupts whose lines irqfds held high, and they were lowered: signal the resample eventfds.
    For a vCPU inside the core, which has not the chips."""
    cdef IrqFds *w = vm.irqfds
    cdef IrqEntry *e
    cdef int i
    if w == NULL:                                # a replay, which has raised them itself
        return
    pthread_mutex_lock(&w.lock)
    for i in range(IRQ_CHAINS):
        e = w.entries[i]
        while e != NULL:
            if e.resample != NULL and lines >> e.gsi & 1:
                sink_write(e.resample, 1)
            e = e.next
    pthread_mutex_unlock(&w.lock)
