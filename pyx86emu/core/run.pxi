# The run loop lives here: it runs slices, does what is due between them, and says why a run ends.
#
# Each turn of run_core() does one thing and then starts again: serve a request, deliver an interrupt, wait in HLT,
# execute one instruction, or run a slice. A slice runs decoded blocks: begin() sets c.run.left, trampoline() runs ops,
# and finish_slice() adds what was executed to c.run.retired. A block that is longer than the rest of the slice is not
# entered; its instructions are executed one by one (step_one). So every stop is exact.

cdef enum:
    SLICE = 4096                 # instructions; a counted ring waits no longer

cdef Op* step_end(CPU* c, Op* o) noexcept nogil:
    """The last op of an instruction that is executed by itself."""
    c.arch.ip = o.fip
    return NULL


cdef inline void trampoline(CPU* c, Op* o) noexcept nogil:
    """Execute ops until one leaves its block. With tail calls (GO in host.h) this loop makes one turn for many ops."""
    while o != NULL:
        SEE_OP(<void*>o.fn, <void*>first_of(o), o.k, o.ip)
        o = o.fn(c, o)


cdef uintptr_t* code_as_asked(CPU* c) noexcept nogil:
    """An instruction has read a device and is executed again to use the answer, but the device may have overwritten it.
    Returns a memory table in which the bytes at CS:IP are those from before the read; the caller frees it. NULL: they
    have not changed, or no memory is left."""
    cdef int i
    cdef bint same = 1
    if c.reads.asked_tag != c.run.retired:
        return NULL
    for i in range(ASKED_CODE):
        same = same and code_byte(c, code_at(c, i)) == c.reads.asked_code[i]
    return NULL if same else code_table(c, c.reads.asked_code)


cdef inline uint32_t code_at(CPU* c, int i) noexcept nogil:
    return c.arch.sb[CS] + (c.arch.ip + i & 0xFFFF)


cdef inline bint code_in_planes(CPU* c) noexcept nogil:
    """Is the instruction at CS:IP, or its end, in planes of the VGA?"""
    return (c.run.ram[code_at(c, 0) >> 8] == 0 and code_byte(c, code_at(c, 0)) >= 0 or
            c.run.ram[code_at(c, ASKED_CODE - 1) >> 8] == 0 and code_byte(c, code_at(c, ASKED_CODE - 1)) >= 0)


cdef uintptr_t* code_table(CPU* c, const uint8_t* code) noexcept nogil:
    """A memory table in which the bytes at CS:IP are those of `code`; NULL: in which planes of the VGA are memory, too.
    The caller frees it. NULL: no memory is left."""
    cdef uint32_t pa, g, byte
    cdef uint32_t granule[3]
    cdef uintptr_t* table = <uintptr_t*>malloc(sizeof(c.vm.mem.ram) + 3 * 256)
    cdef uint8_t* bytes_
    cdef int i, k, n = 0
    if table == NULL:
        return NULL
    memcpy(table, c.run.ram, sizeof(c.vm.mem.ram))
    for i in range(ASKED_CODE):
        pa = code_at(c, i)
        g = pa >> 8
        k = 0
        while k < n and granule[k] != g:
            k += 1
        if k == n:                               # a granule that is not copied yet; at most 3, if the segment wraps
            bytes_ = <uint8_t*>table + sizeof(c.vm.mem.ram) + n * 256
            for byte in range(256):
                bytes_[byte] = <uint8_t>max(code_byte(c, (g << 8) + byte), 0)
            if code != NULL or code_byte(c, g << 8) >= 0:
                table[g] = <uintptr_t>bytes_ - (g << 8)
            granule[n] = g
            n += 1
        if code != NULL:
            (<uint8_t*>(table[g] + pa))[0] = code[i]
    return table


cdef void step_one(CPU* c) noexcept nogil:
    """Execute one instruction (one iteration of a REP) that is decoded for this only. The floor is raised meanwhile, so
    that a jump does not enter a block."""
    cdef Dec d
    cdef Op* first = c.blocks.scratch + 1
    cdef Op* o
    cdef int i
    cdef bint carried = c.events.carry
    cdef uintptr_t* kept = NULL
    memset(&d, 0, sizeof(d))
    d.c = c
    d.ram = c.run.ram
    if RARELY(c.reads.refetch):
        c.reads.refetch = 0
        kept = code_as_asked(c)
    if kept == NULL and RARELY(code_in_planes(c)):
        kept = code_table(c, NULL)
    if kept != NULL:
        d.ram = kept
    d.o = first
    d.room = 9                                   # of 10 slots: the first is for a block header
    d.base = c.arch.sb[CS]
    d.ip = c.arch.ip
    d.seg = -1
    if carried:
        d.seg = c.events.carry_seg
        d.rep = c.events.carry_rep
        c.events.carry = 0
    decode_one(&d)
    if RARELY(c.observe.mask & LOOK_HISTORY):
        history_step(c, d.ram, d.start, d.ip)
    free(kept)
    restart_step(c)
    came_from(c, c.arch.sb[CS] >> 4, c.arch.ip, d.ip, CAME_HOW, c.run.retired + 1)
    for i in range(d.used):
        first[i].k = <uint8_t>i
        first[i].n = 0
    first.n = 1
    o = emit(&d, step_end)
    o.k = <uint8_t>(d.used - 1)
    o.fip = <uint16_t>d.ip
    if RARELY(c.observe.mask):
        observed_ports(first, d.used if c.observe.mask & LOOK_IO else 0)
        observe_step(c, d.ip)
    begin(c, 1)
    c.run.left = 0
    c.run.stepping = 1
    c.debug.hit = c.observe.touches = 0
    at_put_floor(&c.run.floor, 0x7FFFFFFFFFFFFFFF)
    trampoline(c, first)
    c.run.stepping = 0
    finish_slice(c)
    if RARELY(c.observe.mask & LOOK_HISTORY):
        history_close(c, c.run.retired)
    if carried and c.events.rep_left == c.run.retired:
        c.events.carry = 1                              # the next iteration needs the same prefixes
    if d.ip == 0x10000 and c.arch.ip == 0 and not d.jumps and not c.m.wraps and not c.events.no_trap:
        c.arch.ip = 0x10000                           # beyond the end of the segment: the next fetch faults


cdef inline uint64_t ticks_until(CPU* c, uint64_t now, uint64_t deadline) noexcept nogil:
    """How many instructions until guest time is at or after `deadline`."""
    if deadline <= now:
        return 0
    if deadline == FOREVER:
        return FOREVER
    return ((deadline - now - 1) >> c.vm.shift) + 1


cdef inline uint64_t next_deadline(CPU* c) noexcept nogil:
    if c.no != 0:
        return FOREVER
    return min(at_peek64(&c.chips.due), c.vm.timer)


cdef void serve_timers(CPU* c, uint64_t now) noexcept nogil:
    """The first vCPU drives the chips and Python's timers."""
    cdef VM* vm = c.vm
    if at_peek64(&c.chips.due) <= now:
        lock_chips(c)
        chips_serve(c.chips, now)
        unlock_chips(c)
    if vm.timer <= now:
        go_outside(c)
        call_timer(c, now)
        come_inside(c)


cdef int acknowledge(CPU* c) noexcept nogil:
    cdef int vector
    lock_chips(c)
    vector = chips_acknowledge(c.chips, clock_now(c))
    unlock_chips(c)
    if c.vm.resampled:
        look_for_eoi(c)
    return vector


cdef inline void requests(CPU* c) noexcept nogil:
    """Serve the requests of other threads, if there are any. The floor is lowered first and the bits are taken after
    that, so that a request which comes in between raises the floor again and is not lost."""
    if at_get_floor(&c.run.floor):
        at_put_floor(&c.run.floor, 0)
    c.run.attn = 0
    if RARELY(at_get32(&c.threads.request)):
        serve_requests(c)


cdef void serve_requests(CPU* c) noexcept nogil:
    cdef uint32_t asked
    rings_new_slice(&c.rings)                    # first of all: a request may take long
    asked = at_swap32(&c.threads.request, 0)
    if asked & REQ_CALL:
        go_outside(c)
        call_bells(c)
        come_inside(c)
        asked |= at_swap32(&c.threads.request, 0)    # what they have asked for comes before the next instruction
    if asked & (REQ_SYNC | REQ_VGA):
        if asked & REQ_VGA:
            turn_vga(c)
        else:
            go_outside(c)
            come_inside(c)
        asked |= at_swap32(&c.threads.request, 0) & ~<uint32_t>(REQ_SYNC | REQ_VGA)
    if asked & REQ_INTR and c.no == 0:
        chips_look(c)
    if asked & REQ_DROP:
        drop_blocks(c)
    if asked & REQ_CODE:
        drop_noted(c)
    if asked & REQ_SHARED:
        drop_shared(c)
    if asked & REQ_KICK:
        c.threads.kicked = 1
    if asked & REQ_RESET:
        reset_cpu(c)


cdef bint wait_for_event(CPU* c, uint64_t ns) noexcept nogil:
    """HLT: wait outside until another thread makes a request, at most `ns` host nanoseconds."""
    cdef timespec until = host_time_in(ns)
    go_outside(c)
    let_gil_go(c)
    pthread_mutex_lock(&c.threads.wait_lock)
    at_put32(&c.threads.waiting, 1)
    if at_get32(&c.threads.request) == 0:
        pthread_cond_timedwait(&c.threads.wait_cond, &c.threads.wait_lock, &until)
    at_put32(&c.threads.waiting, 0)
    pthread_mutex_unlock(&c.threads.wait_lock)
    come_inside(c)
    return 1


cdef bint someone_may_wake(CPU* c) noexcept nogil:
    """Can another thread end the HLT of this vCPU? An irqfd can if IF is set; another vCPU can if it is in run() and is
    not asleep itself."""
    cdef int i
    if c.vm.waiters and c.arch.rest & F_IF:
        return 1
    for i in range(c.vm.ncpus):
        if (c.vm.cpu[i] != NULL and c.vm.cpu[i] != c and at_get32(&c.vm.cpu[i].threads.inside)
                and not at_get32(&c.vm.cpu[i].threads.asleep)):
            return 1
    return 0


cdef uint64_t sleep_in_hlt(CPU* c, uint64_t now, uint64_t until, uint64_t most) noexcept nogil:
    """HLT: let guest time jump to the next event, or wait for it. If there can be none, c.run.why becomes EXIT_HLT.
    Returns the host ns that it waited: about `most` at most, and not beyond c.run.wall."""
    cdef uint64_t next_ = next_deadline(c), ns
    cdef int64_t began
    if not c.vm.irqchip_on:
        c.events.halted = 0
        c.run.why = EXIT_HLT
        return 0
    if not c.arch.rest & F_IF and not someone_may_wake(c):
        c.run.why = EXIT_HLT
        return 0
    if not c.arch.rest & F_IF:
        next_ = FOREVER
    if next_ > until:
        next_ = until
    if next_ == FOREVER or (c.no != 0 and not c.vm.host_clock):
        at_put32(&c.threads.asleep, 1)
        if not someone_may_wake(c):
            at_put32(&c.threads.asleep, 0)
            c.run.why = EXIT_HLT
            return 0
    if not c.vm.host_clock and c.no == 0 and next_ != FOREVER:
        c.run.idle += ticks_until(c, now, next_)
        return 0
    if c.vm.host_clock and next_ <= now:         # it is due: the next turn of the run loop serves it
        at_put32(&c.threads.asleep, 0)
        return 0
    began = host_ns()
    ns = 20000000
    if c.vm.host_clock and next_ != FOREVER and next_ - now < ns:
        ns = next_ - now
    if c.run.wall != FOREVER:
        ns = min(ns, c.run.wall - <uint64_t>began if c.run.wall > <uint64_t>began else 0)
    wait_for_event(c, min(ns, most))
    at_put32(&c.threads.asleep, 0)
    c.threads.waited += <uint64_t>(host_ns() - began)
    return <uint64_t>(host_ns() - began)


cdef inline bint first_runs(CPU* c) noexcept nogil:
    """Is the vCPU that drives guest time in run()?"""
    return c.vm.cpu[0] != NULL and at_get32(&c.vm.cpu[0].threads.inside)


cdef inline uint64_t budget_ns(CPU* c, uint64_t left) noexcept nogil:
    """How many host ns a halted vCPU may wait instead of executing `left` instructions. One host ns of waiting costs as
    much budget as one ns of guest time. So a limit on instructions always ends run()."""
    return left << c.vm.shift if left < 1ULL << 40 else FOREVER


cdef void run_core(CPU* c, uint64_t limit, uint64_t until) noexcept nogil:
    """Run until c.run.why has a reason to stop, or exits are queued. `limit`: stop when so many instructions are
    retired; `until`: stop at this guest time, in ns."""
    cdef uint64_t now, span, next_, signals = 0, turns = 0, jumps = 0, waited = 0, room
    cdef uint64_t began = c.run.retired, most = limit - began, soon = min(until, c.run.look)
    cdef Op* o
    cdef bint interruptible, lines, served = 0, stirred = 0, completed = 0, refetch
    cdef int vector
    cdef uint64_t alone = FOREVER
    c.debug.stepped = began
    come_inside(c)
    while True:
        requests(c)
        if RARELY(c.run.watched):
            watch_closely(c)
        if c.run.why != EXIT_NONE or c.exits.pos < c.exits.count:
            break
        rings_new_slice(&c.rings)
        if not c.python.called:
            let_gil_go(c)
        c.python.called = 0
        if late(c) and (completed or not (c.reads.pending or c.reads.finish)):
            c.run.why = EXIT_DEADLINE
            break
        if c.reads.pending or c.reads.finish:    # an instruction is half done: finish it before anything else
            completed = 1
            if c.debug.due:                      # an element of a REP INS batch has been stored
                c.debug.due = 0
                c.run.why = EXIT_DEBUG
                break
            if c.reads.ins_pos and c.run.retired >= limit:  # a batch of REP INS may take several budgets
                c.run.why = EXIT_INTR if c.threads.kicked else EXIT_BUDGET
                c.threads.kicked = 0
                break
            refetch = c.reads.finish and not c.reads.pending
            c.reads.pending = 0
            c.reads.finish = 0
            if c.events.delivering:
                take_interrupt(c, c.events.vector)
            else:
                c.reads.refetch = refetch
                trap_step(c)
                if not (c.reads.pending or c.reads.finish):
                    forget_batch(c)              # of REP INS: a fault may have ended it early
            continue
        if c.threads.kicked:
            c.threads.kicked = 0
            c.run.why = EXIT_INTR
            break
        if c.events.dead:
            c.run.why = EXIT_SHUTDOWN
            break
        now = clock_now(c)
        if c.no == 0:
            at_publish64(&c.vm.ticks, now >> c.vm.shift)
        elif not c.vm.host_clock and not first_runs(c):
            # Guest time stands still. So what this vCPU itself does counts as time, or `until` would never be reached.
            if alone == FOREVER:
                alone = now
            now = max(now, alone + (c.run.retired - began << c.vm.shift) + waited)
        next_ = next_deadline(c)
        if next_ <= now and not served:
            served = stirred = 1
            serve_timers(c, now)
            continue
        if c.debug.due:
            c.debug.due = 0
            c.run.why = EXIT_DEBUG
            break
        if c.run.retired >= limit:
            c.run.why = EXIT_BUDGET
            break
        if now >= soon and (now >= until or not (c.events.halted and c.run.retired == began and not stirred)):
            c.run.why = EXIT_DEADLINE
            break
        served = 0                               # a timer that is always due at once must not stop the guest
        turns += 1
        if turns & 15 == 0 and <uint64_t>host_ns() > signals:
            if signals:                          # about every 5 ms: handle Ctrl-C, and release the GIL
                go_outside(c)
                let_gil_go(c)
                check_signals(c)
                come_inside(c)
            signals = <uint64_t>host_ns() + 5000000
            continue
        interruptible = c.events.shadow != c.run.retired and not c.events.carry
        if c.events.trap_due and not c.events.carry:
            if c.events.trap_due & EXCEPTION_DUE:
                c.events.trap_due &= ~<uint32_t>EXCEPTION_DUE
                take_interrupt(c, c.events.exception)
                continue
            if c.events.trap_shadow != c.run.retired:
                take_trap(c)
                continue
        if c.events.nmi and interruptible and not c.events.nmi_masked:
            c.events.nmi = 0
            c.events.nmi_masked = 1
            take_interrupt(c, 2)
            continue
        lines = line_up(c)
        if interruptible and c.arch.rest & F_IF:
            if c.events.intr_window:
                c.run.why = EXIT_IRQ_WINDOW_OPEN
                break
            if c.events.inject >= 0 or lines:
                if c.events.inject >= 0:
                    vector = c.events.inject
                    c.events.inject = -1
                else:
                    vector = acknowledge(c)
                take_interrupt(c, vector)
                continue
        if c.events.halted:
            room = budget_ns(c, limit - c.run.retired)
            # While nothing has happened in this run(), only `until` ends the wait. Later c.run.look does too.
            next_ = until if c.run.retired == began and not stirred else soon
            waited += sleep_in_hlt(c, now, next_, room - waited if room > waited else 0)
            jumps += 1                           # a jump of time costs no budget, so count the jumps: HLT must end
            if waited:
                turns |= 15                      # the wait may have been long: handle signals in this turn
            if c.run.why == EXIT_NONE and (jumps > most or waited >= room):
                c.run.why = EXIT_BUDGET
            continue
        if RARELY(c.run.watched) and c.observe.leaves and observe_here(c):
            continue
        if (RARELY(c.run.watched) and (c.debug.singlestep or c.debug.breaks) or c.arch.rest & F_TF
                or c.events.carry or c.arch.ip > 0xFFFF or breakpoints_on(c)
                or not interruptible and (lines or c.events.inject >= 0 or c.events.nmi or c.events.intr_window
                                          or c.events.trap_due)):
            if not (code_breakpoint(c) or at_breakpoint(c) or stop_here(c)):
                trap_step(c)
            continue
        span = limit - c.run.retired
        if c.vm.host_clock:
            next_ = FOREVER
        else:
            next_ = ticks_until(c, now, min(next_, soon))
        if next_ < span:
            span = next_
        if span > SLICE:
            span = SLICE
        c.why.op = NULL
        o = find(c)
        if o == NULL or o.n > span:
            if not stop_here(c):
                trap_step(c)
            continue
        if RARELY(c.run.watched) and c.observe.mask & LOOK_HISTORY:
            history_begin(c, <int64_t>span)
        begin(c, <int64_t>span)
        c.run.left -= o.n
        trampoline(c, o)
        finish_slice(c)
        if RARELY(c.run.watched) and c.observe.mask & LOOK_HISTORY:
            history_end(c)
        apply_moved(c)
    rings_new_slice(&c.rings)
    go_outside(c)


cdef void trap_step(CPU* c) noexcept nogil:
    """Execute one instruction. If TF was set before it, INT 1 comes after it."""
    cdef bint trap = c.arch.rest & F_TF != 0, breakpoints = breakpoints_on(c)
    cdef uint64_t was = c.run.retired
    c.events.no_trap = 0
    if RARELY(c.why.stops & AT_STACK):
        c.why.op = NULL
        find(c)                                       # a block marks the code, in single steps too
    if breakpoints:
        c.arch.rest &= ~<uint32_t>F_RF                # RF holds off a breakpoint for one instruction only
    step_one(c)
    apply_moved(c)
    if breakpoints and c.events.rep_left == c.run.retired:
        c.arch.rest |= F_RF                           # the same instruction goes on: a REP
    if (trap and c.run.retired != was and not c.events.no_trap and c.run.why == EXIT_NONE and not c.reads.finish
            and c.events.trap_shadow != c.run.retired):
        c.events.trap_due |= DR6_BS


cdef void watch_closely(CPU* c) noexcept nogil:
    """Between two instructions, while the host watches: must the vCPU stop, or is there something to tell?"""
    if c.run.retired != c.debug.stepped:
        c.debug.stepped = c.run.retired
        if c.debug.singlestep:
            debug_stop(c)
    stack_stop(c)
    watch_stop(c)
    observe_serve(c)


cdef void debug_stop(CPU* c) noexcept nogil:
    """The host's single step: Exit(DEBUG) comes after the exits of the instruction itself. As on KVM, HLT without an
    irqchip is no exit while debug() steps."""
    if c.debug.singlestep & STEP_ALWAYS and not c.vm.irqchip_on:
        c.events.halted = 0
    c.debug.dr6 = DR6_FIXED | DR6_BS
    c.debug.stop = 0
    c.debug.due = 1


cdef bint at_breakpoint(CPU* c) noexcept nogil:
    """Does a breakpoint of the host stop the vCPU here? It stops once; the next run() executes the instruction."""
    cdef uint32_t at = c.arch.sb[CS] + c.arch.ip
    cdef int low = 0, high = c.debug.breaks, middle
    if c.debug.resume == c.run.retired + 1:
        return 0
    while low < high:
        middle = (low + high) >> 1
        if c.debug.breakpoint[middle].at < at:
            low = middle + 1
        else:
            high = middle
    if low == c.debug.breaks or c.debug.breakpoint[low].at != at:
        return 0
    c.debug.resume = c.run.retired + 1
    c.debug.dr6 = DR6_FIXED | 1U << (c.debug.breakpoint[low].place & 3)
    c.debug.stop = 0
    c.debug.due = 1
    return 1
