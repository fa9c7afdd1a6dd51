# A vCPU in saved states: its sections as they are, but for what is built again (tables, blocks). Know no memory.

cdef struct SavedCpu:
    ArchState arch
    RunState run                 # scratch values, and how much is retired
    SystemState system
    EventState events
    LockedState locked
    ReadState reads
    ExitState exits
    DebugState debug             # without breakpoints and watchpoints, which the snapshot keeps as Python has them
    uint64_t waited
    uint32_t moved
    uint32_t moved_cs
    uint32_t moved_ip
    bint kicked
    WhyState why                 # but for `stops`, which run() sets
    # What observers remember of the guest, so that they are told the same again: the last instruction that was told,
    # the interrupts that are open, and the last jump.
    uint64_t tag
    uint32_t tag_at
    int frames
    Frame frame[64]              # OPEN_FRAMES
    bint turned
    uint32_t from_
    uint32_t edge_from


cdef void save_vcpu(CPU* c, SavedCpu* to) noexcept nogil:
    to.arch, to.run, to.system, to.events, to.locked = c.arch, c.run, c.system, c.events, c.locked
    to.reads, to.debug = c.reads, c.debug
    to.debug.watch, to.debug.breakpoint = NULL, NULL
    to.debug.singlestep &= ~<uint32_t>STEP_ONCE
    to.exits.count, to.exits.pos = c.exits.count, c.exits.pos
    memcpy(to.exits.item, c.exits.item, c.exits.count * sizeof(ExitRec))
    to.waited = c.threads.waited
    to.moved, to.moved_cs, to.moved_ip = c.python.moved, c.python.moved_cs, c.python.moved_ip
    to.kicked = c.threads.kicked or at_get32(&c.threads.request) & REQ_KICK != 0
    to.why = c.why
    to.tag, to.tag_at, to.frames = c.observe.tag, c.observe.tag_at, c.observe.frames
    memcpy(to.frame, c.observe.frame, c.observe.frames * sizeof(Frame))
    to.turned = c.observe.turned or c.observe.turn_at == c.run.retired
    to.from_, to.edge_from = c.observe.from_, c.observe.edge_from


cdef void restore_vcpu(CPU* c, SavedCpu* from_) noexcept nogil:
    """Afterwards its breakpoints, its table of watchpoints, and whether it has any, are still to be set."""
    cdef Watch* watch = c.debug.watch
    cdef int watches = c.debug.watches
    cdef uint32_t looks = c.debug.data & LOOK_OBSERVER
    c.arch, c.system, c.events, c.locked, c.reads = from_.arch, from_.system, from_.events, from_.locked, from_.reads
    c.run.ea, c.run.tmp, c.run.tmp2, c.run.skip = from_.run.ea, from_.run.tmp, from_.run.tmp2, from_.run.skip
    c.run.retired, c.run.idle = from_.run.retired, from_.run.idle
    c.run.why = EXIT_NONE
    c.run.attn = 0
    c.exits.count, c.exits.pos = from_.exits.count, from_.exits.pos
    memcpy(c.exits.item, from_.exits.item, from_.exits.count * sizeof(ExitRec))
    c.exits.serial += 1                          # an Exit from before waits for no answer
    c.debug = from_.debug
    c.debug.watch, c.debug.watches = watch, watches
    c.debug.breaks = 0
    c.debug.data = looks                         # the rest follows from the watchpoints and DR7
    restore_observers(c, from_)
    c.threads.waited = from_.waited
    c.threads.kicked = from_.kicked
    drop_requests(c, REQ_KICK | REQ_RESET)
    c.python.moved, c.python.moved_cs, c.python.moved_ip = from_.moved, from_.moved_cs, from_.moved_ip
    c.python.touched = 0
    want(c, REQ_INTR)


cdef void restore_observers(CPU* c, SavedCpu* from_) noexcept nogil:
    """What explains the end of a run, and what observers remember, are those of then. The observers, their rings and
    maps are the host's and stay. What was executed before the restore is not known."""
    cdef uint32_t stops = c.why.stops
    cdef int i
    c.why = from_.why
    c.why.stops = stops
    c.observe.tag, c.observe.tag_at, c.observe.frames = from_.tag, from_.tag_at, from_.frames
    memcpy(c.observe.frame, from_.frame, from_.frames * sizeof(Frame))
    c.observe.turned, c.observe.from_, c.observe.edge_from = from_.turned, from_.from_, from_.edge_from
    if c.observe.edges != NULL:                  # in the map no jump leads from what ran before to what runs now
        c.observe.edge_from = 0
        c.observe.turned = c.observe.turned or not c.observe.mask & LOOK_BLOCK
    c.observe.turn_at = FOREVER
    c.observe.pending = c.observe.touches = c.observe.stop = 0
    for i in range(c.observe.looks):
        c.observe.look[i].asked = 0              # it asks again
    if c.observe.history != NULL:
        c.observe.history.oldest = c.observe.history.marks


cdef bint put_watches(Vcpu vcpu, list watches, Watch* table) noexcept:
    """Give a vCPU these watchpoints, and their table. 1: granules are to be closed or opened."""
    cdef CPU* c = vcpu.c
    cdef bint changed = c.debug.watches != 0 or len(watches) != 0
    free(c.debug.watch)
    c.debug.watch, c.debug.watches = table, <int>len(watches)
    vcpu.watches = watches
    return changed
