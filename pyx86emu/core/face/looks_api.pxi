# Looks from Python: let a vCPU look for something, or no longer; call what was asked for.

cdef object look_for(Vcpu vcpu, tuple given):
    cdef Sight s = Sight.__new__(Sight)
    cdef Look* k = s.look
    cdef int i
    kind, first, last, action, conditions, capacity, call, owner = given
    k.kind, k.first, k.last, k.action = kind, first, last, action
    k.capacity = whole(capacity, "capacity", 0, 1 << 24)
    if k.capacity:
        k.ring = <Seen*>calloc(k.capacity, sizeof(Seen))
        if k.ring == NULL:
            raise MemoryError("no memory for what an observer keeps")
    if len(conditions) > CONDITIONS:
        raise ValueError(f"{len(conditions)} registers to compare: at most {CONDITIONS}")
    for i, (at, shift, bits, equal) in enumerate(conditions):
        k.at[i], k.shift[i], k.bits[i], k.equal[i] = at, shift, bits, equal
        k.conditions = i + 1
    s.call, s.owner = call, owner
    mine(vcpu.c, "add an observer")
    if kind == LOOK_LINE and vcpu.c.chips.lines != NULL:
        raise RuntimeError("the lines of interrupts are traced already: close that trace")
    vcpu.look_number += 1
    k.number = vcpu.look_number
    install_looks(vcpu, [*vcpu.sights, s])
    s.vcpu = vcpu
    return s


cdef object by_address(Sight s):
    return (s.look.kind == LOOK_EXEC, s.look.first, s.look.number)


cdef int install_looks(Vcpu vcpu, list sights) except -1:
    """Let the vCPU look for these, and for nothing else."""
    cdef CPU* c = vcpu.c
    cdef Py_ssize_t n = len(sights), i
    cdef Look** table = NULL
    cdef uint32_t mask = c.observe.mask & (LOOK_COVER | LOOK_EDGES | LOOK_HISTORY)
    cdef int leaves = 0, execs = 0
    cdef Look* k
    cdef bint memory = 0, lines = 0
    cdef LineLog* log = NULL
    sights = sorted(sights, key=by_address)
    if n:
        table = <Look**>malloc(n * sizeof(Look*))
        if table == NULL:
            raise MemoryError("no memory for so many observers")
    for i in range(n):
        k = (<Sight>sights[i]).look
        table[i] = k
        mask |= k.kind & ~<uint32_t>LOOK_LINE
        lines = lines or k.kind == LOOK_LINE and c.no == 0
        execs += k.kind == LOOK_EXEC
        leaves += acts(k) and k.kind & LOOK_LEAVES != 0
    memory = (mask | c.observe.mask) & (LOOK_WRITE | LOOK_READ) != 0
    if lines and c.chips.lines == NULL:
        log = <LineLog*>calloc(1, sizeof(LineLog))
        if log == NULL:
            free(table)
            raise MemoryError("no memory to trace the lines of interrupts")
        log.shift = -1 if c.vm.host_clock else c.vm.shift
        log.order, log.idle, log.due = &c.observe.order, &c.run.idle, &c.observe.lines_due
    vcpu.tables.stop()                           # C only, up to resume()
    if lines != (c.chips.lines != NULL) and c.no == 0:
        pthread_mutex_lock(&c.chips.lock)
        log, c.chips.lines = c.chips.lines, log
        pthread_mutex_unlock(&c.chips.lock)
    if c.observe.mask == 0 and mask:
        c.observe.turned = 1
        c.observe.tag = c.observe.frames = 0
    settle_turn(c, c.python.io_retired + 1 if c.python.in_device else c.run.retired)
    c.observe.touches = 0
    table, c.observe.look = c.observe.look, table
    c.observe.looks, c.observe.execs, c.observe.leaves, c.observe.mask = <int>n, execs, leaves, mask
    if memory:
        c.debug.data = c.debug.data & ~<uint32_t>LOOK_OBSERVER
        if mask & (LOOK_WRITE | LOOK_READ):
            c.debug.data |= LOOK_OBSERVER
        close_watched(c.vm)
    c.python.touched = c.python.in_device
    vcpu.tables.resume(False)
    free(table)
    free(log)
    want(c, REQ_DROP)
    vcpu.sights = sights
    return 0


cdef object line_notes(Vcpu vcpu):
    """(bytes, lost): what the log of the lines has noted since the last call, and how much of it is gone."""
    cdef CPU* c = vcpu.c
    cdef LineLog* log
    cdef uint64_t n = 0, lost = 0, i
    cdef bytes out = PyBytes_FromStringAndSize(NULL, LINE_NOTES * sizeof(LineNote))
    cdef LineNote* to = <LineNote*><char*>out
    vcpu.tables.lock_chips()                     # may release the GIL; no Python up to unlock_chips()
    log = c.chips.lines
    if log != NULL:
        n = min(log.count - log.drained, <uint64_t>LINE_NOTES)
        lost = log.count - log.drained - n
        for i in range(n):
            to[i] = log.note[(log.count - n + i) % LINE_NOTES]
        log.drained = log.count
    vcpu.tables.unlock_chips()
    return out[:n * sizeof(LineNote)], lost


cdef void tell_seen(CPU* c) noexcept with gil:
    """Call those who asked for it; note who stops the vCPU. The first exception comes out of run()."""
    cdef Vcpu vcpu
    cdef Sight s
    cdef int i, n = c.observe.pending
    cdef Seen seen
    cdef int[PENDING] number
    what = [PyBytes_FromStringAndSize(<char*>&c.observe.pending_seen[i], sizeof(Seen)) for i in range(n)]
    for i in range(n):
        number[i] = c.observe.pending_look[i]
    c.observe.pending = 0
    vcpu = vcpu_of(c)
    if vcpu is None:
        return
    by_number = {(<Sight>each).look.number: each for each in vcpu.sights}
    for i in range(n):
        s = by_number.get(number[i])
        if s is None:
            continue
        if s.look.action == DO_STOP:
            if vcpu.stopped is None:
                vcpu.stopped, vcpu.stopped_by = s, what[i]
                c.debug.dr6 = DR6_FIXED
                c.debug.stop = 0
                c.debug.due = 1
            continue
        try:
            s.call(what[i])
        except BaseException as e:
            keep_exception(c, e)
            if n > i + 1:
                continue


cdef Vcpu vcpu_of(CPU* c):
    """The Vcpu of this CPU."""
    cdef object vm = <object>c.vm.owner
    for each in (<VmTables>vm)._vcpus:
        if (<Vcpu>each).c == c:
            return each
    return None


ON_SEEN = <void (*)(CPU*) noexcept nogil>tell_seen


cdef int cover(Vcpu vcpu, map_, edges) except -1:
    """Keep which instructions are reached in `map_`, a bit for each linear address, and count edges in `edges`."""
    cdef CPU* c = vcpu.c
    cdef Py_buffer first, second
    cdef uint8_t* at_map = NULL
    cdef uint8_t* at_edges = NULL
    cdef uint32_t mask = 0
    mine(c, "change its coverage")
    if map_ is not None:
        view = memoryview(map_).cast("B")
        if view.readonly or len(view) < GRANULES * 32:
            raise ValueError(f"a map of coverage has {GRANULES * 32} bytes that can be written")
        at_map = <uint8_t*>PyMemoryView_GET_BUFFER(view).buf
        mask |= LOOK_COVER
        map_ = view
    if edges is not None:
        view = memoryview(edges).cast("B")
        if view.readonly or len(view) < 0x10000:
            raise ValueError("a map of edges has 65536 bytes that can be written")
        at_edges = <uint8_t*>PyMemoryView_GET_BUFFER(view).buf
        mask |= LOOK_EDGES
        edges = view
    vcpu.tables.stop()
    if c.observe.mask == 0 and mask:
        c.observe.tag = c.observe.frames = 0
    c.observe.turned = 1
    c.observe.turn_at = FOREVER
    c.observe.edge_from = 0
    c.observe.mask = c.observe.mask & ~<uint32_t>(LOOK_COVER | LOOK_EDGES) | mask
    c.observe.covered, c.observe.edges = at_map, at_edges
    vcpu.tables.resume(False)
    want(c, REQ_DROP)
    vcpu.maps = (map_, edges)
    return 0


LOOK_FOR = look_for
INSTALL = install_looks
COVER = cover
LINE_NOTES_OF = line_notes
