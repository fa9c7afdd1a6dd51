# Vcpu: where Python meets the run loop, and where Python exceptions are born.

cdef dict MESSAGES = {
    ERR_PE: "the guest switches to protected mode (PE=1), which this machine does not run",
    ERR_FETCH: "the guest executes outside RAM and ROM",
}


# What observers of a vCPU need of it is in looks_api.pxi, which knows this file.
cdef object (*LOOK_FOR)(Vcpu, tuple)
cdef int (*INSTALL)(Vcpu, list) except -1
cdef object (*LINE_NOTES_OF)(Vcpu)
cdef int (*COVER)(Vcpu, object, object) except -1


cdef class Vcpu:
    """A vCPU, made by `Vm.create_vcpu`. It runs in the thread that calls run(), without the GIL. `model` is its
    name in pyx86emu.models, `regs` its registers, `vm` its Vm.

    Any thread may call kick(), interrupt(), nmi(), reset() and read properties at any time. run() and step() of a
    second thread wait until the first has left. debug() and writing registers are for the thread that runs it, or for
    any thread while none does.
    """

    cdef CPU* c
    cdef VmTables tables
    cdef readonly str model
    cdef readonly Registers regs
    cdef int waiters
    cdef list owed                           # what devices have left for the next run() to wait for
    cdef bytes points                        # the breakpoints of debug(), as the core compares them
    cdef list watches                        # the watchpoints of debug(), as Exit.watch gives them
    cdef list sights                         # the observers, in the order of c.observe.look
    cdef int look_number
    cdef Sight stopped                       # the observer whose Exit(DEBUG) is due,
    cdef object stopped_by                   # and what it has seen
    cdef object maps                         # of coverage: c.observe has their addresses

    def __cinit__(self, VmTables vm not None, str model not None):
        cdef CPU* other
        cdef int lines = fields(model)["address_bits"], i
        cdef bint full, closed, differs = 0
        self.tables = vm
        self.sights, self.owed = [], []
        self.model = model
        self.c = new_cpu(vm.vm, model)
        self.regs = Registers.__new__(Registers)
        self.regs.c = self.c
        self.regs.vcpu = self
        vm.stop()                                # releases the GIL: look at everything after it. C only from here
        closed = vm.closed
        full = vm.vm.ncpus == MAX_VCPUS
        for i in range(vm.vm.ncpus):
            other = vm.vm.cpu[i]
            differs = differs or (other != NULL and (other.m.address_bits == 20) != (lines == 20))
        if not (closed or full or differs):
            self.c.no = vm.vm.ncpus
            self.put(vm.vm)
            vm.vm.ncpus += 1
            vcpu_joined(vm.vm)
            if lines == 20:
                vm.vm.a20 = 0
        vm.resume(lines == 20)
        vm.open()
        if full:
            raise os_error(errno.EINVAL, f"a Vm has at most {MAX_VCPUS} vCPUs")
        if differs:
            raise ValueError(f"a {model} has other address lines than a vCPU already in this Vm: use one Vm for each")
        vm._vcpus.append(self)

    cdef void put(self, VM* vm) noexcept:
        """Into the Vm. Irqfds may have raised lines before."""
        pthread_mutex_lock(&vm.chips.lock)
        vm.cpu[self.c.no] = self.c
        first_owner(vm.chips, self.c)
        pthread_mutex_unlock(&vm.chips.lock)
        if at_get32(&vm.chips.rung):
            want(self.c, REQ_INTR)

    def __dealloc__(self):
        cdef VM* vm
        if self.c == NULL:
            return
        vm = self.c.vm
        Py_XDECREF(self.c.python.raised)
        if self.c.no < MAX_VCPUS:
            pthread_mutex_lock(&vm.chips.lock)   # the thread of the irqfds may be about to wake it
            vm.cpu[self.c.no] = NULL
            disown(vm.chips, self.c)
            pthread_mutex_unlock(&vm.chips.lock)
        free_cpu(self.c)
        free_vm(vm)

    @property
    def vm(self):
        """Its Vm."""
        return self.tables.seen()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "its registers and decoded code")

    def __repr__(self):
        return f"<Vcpu {self.model} at {self.c.arch.sb[CS] >> 4:04x}:{self.c.arch.ip:04x}>"

    @property
    def spent(self):
        """What `max_instructions` counts: instructions, and one for each 1 << `shift` ns that a HLT has waited for
        another thread, or a device for another process until a limit ended the run."""
        return self.instructions + (self.c.threads.waited >> self.c.vm.shift)

    @property
    def instructions(self):
        """Instructions retired; an iteration of a REP counts as one, so does the delivery of an interrupt. A device
        sees how many came before the one that asks it; another thread, how many there were when a slice ended."""
        return self.c.python.io_retired if self.c.python.in_device else self.c.run.retired

    # State in KVM's words; docs/STATE.md says in which order the records are set.

    @property
    def sregs(self):
        """Segments, GDTR, IDTR and control registers as a `Sregs`. Who may read and write when: as for `regs`. A
        segment that changes ends a HLT, as a write of regs does.

        ValueError: a base that is not 16 times the selector, a limit that is not FFFFh, a number of more than 32 bits,
        or CR0 with PE; TypeError: no Sregs. Then nothing has changed. (KVM_GET_SREGS, KVM_SET_SREGS.)"""
        return sregs_of(self.c)

    @sregs.deleter
    def sregs(self):
        raise AttributeError("sregs cannot be deleted: set it to another value")

    @sregs.setter
    def sregs(self, value):
        put_sregs(self.c, value)

    @property
    def events(self):
        """What comes before the next instruction, as a `VcpuEvents`: exception, interrupt, NMI, shadow. Another thread
        reads the values of some moment. Writing raises RuntimeError while another thread runs the vCPU, while a read of
        the guest waits for its answer, and in a device that the vCPU calls.

        ValueError: what this vCPU cannot hold; the message names the field. TypeError: no VcpuEvents. Then nothing has
        changed. (KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS.)"""
        return events_of(self.c)

    @events.deleter
    def events(self):
        raise AttributeError("events cannot be deleted: set it to another value")

    @events.setter
    def events(self, value):
        put_events(self.c, value)

    @property
    def mp_state(self):
        """`MpState.RUNNABLE`, or `MpState.HALTED` after a HLT that waits. Raises as `events` does; ValueError: another
        state. (KVM_GET_MP_STATE, KVM_SET_MP_STATE.)"""
        return mp_state_of(self.c)

    @mp_state.deleter
    def mp_state(self):
        raise AttributeError("mp_state cannot be deleted: set it to another value")

    @mp_state.setter
    def mp_state(self, value):
        put_mp_state(self.c, value)

    def run(self, max_instructions=None, *, deadline=None):
        """Run the guest until something outside the core has to look, and say what: an Exit.

        `max_instructions`: at most so many, exactly (Exit BUDGET). A HLT that waits for another thread spends budget as
        well, an instruction for each 1 << `shift` ns. `deadline`: guest time in ns (Exit DEADLINE); one that has
        passed ends the run at once.

        Raises what a device raised, KeyboardInterrupt on Ctrl-C, RuntimeError from a device of this very vCPU,
        OSError EBADF after close(), TypeError for what is no integer, ValueError for a negative budget and for times
        beyond 2**63 - 1. A second thread waits until the first has left. (KVM_RUN.)
        """
        cdef uint64_t most = FOREVER, until = FOREVER
        if max_instructions is not None:
            most = whole(max_instructions, "max_instructions", 0, LAST_TIME)
        if deadline is not None:
            until = moment(deadline, "deadline")
        return go(self, most, until, FOREVER, FOREVER, 0)

    def run_until(self, max_instructions=None, *, deadline=None, look=None, wall_deadline=None):
        """run() with two more limits, both Exit DEADLINE.

        `wall_deadline`: host time in ns, as time.monotonic_ns() gives it; late by at most 20 ms and the device call in
        progress, whatever the guest does. `look`: guest time in ns, for a caller that only wants to look. A vCPU that
        is in HLT from the start of the run does not stop for it before something happens: a HLT that nothing can end is
        still Exit HLT.
        """
        cdef uint64_t most = FOREVER, until = FOREVER, look_at = FOREVER, wall = FOREVER
        if max_instructions is not None:
            most = whole(max_instructions, "max_instructions", 0, LAST_TIME)
        if deadline is not None:
            until = moment(deadline, "deadline")
        if look is not None:
            look_at = moment(look, "look")
        if wall_deadline is not None:
            wall = moment(wall_deadline, "wall_deadline")
        return go(self, most, until, look_at, wall, 0)

    cdef int wait_for_owner(self, uint64_t wall) except -1:
        """0: real time is up, and the other thread still runs."""
        if self.c.threads.runner == PyThread_get_thread_ident():
            raise RuntimeError("run() from a device of the same vCPU: return from the device first")
        return self.await_owner(wall)

    cdef int await_owner(self, uint64_t wall) except -1:
        self.waiters += 1
        try:
            while self.c.threads.runner:
                if wall != FOREVER and <uint64_t>host_ns() >= wall:
                    return 0
                with nogil:
                    doze(self.c)
                PyErr_CheckSignals()
        finally:
            if self.waiters:                     # 0: this is the child of a fork, made by a signal handler
                self.waiters -= 1
        return 1

    cdef Exit next_exit(self):
        cdef CPU* c = self.c
        cdef Exit e = Exit.__new__(Exit)
        cdef ExitRec* r
        e.held = self
        e.cpu = c
        e.serial = c.exits.serial
        if c.exits.pos < c.exits.count:
            r = &c.exits.item[c.exits.pos]
            c.exits.pos += 1
            e.reason = IO_REASON if r.reason == EXIT_IO else (MMIO_REASON if r.reason == EXIT_MMIO
                                                              else REASONS[r.reason])
            e.addr = r.addr
            e.size = r.size
            e.count = r.count
            e.write = r.write
            e.value = r.value
            e.cs = r.cs
            e.ip = r.ip
            return e
        e.reason = REASONS[c.run.why]
        e.cs = c.arch.sb[CS] >> 4
        e.ip = c.arch.ip & 0xFFFF
        if c.run.why == EXIT_INTERNAL_ERROR:
            e.message = f"{MESSAGES[c.run.error]} at {e.cs:04x}:{e.ip:04x}"
        elif c.run.why == EXIT_SHUTDOWN:
            e.message = shutdown_text(c)
            e.held = {"fault": e.message}
        elif c.run.why == EXIT_DEBUG:
            e.dr6 = c.debug.dr6
            e.pc = c.arch.sb[CS] + c.arch.ip
            if self.stopped is not None:
                e.held, e.message, self.stopped = self.stopped, self.stopped.words(self.stopped_by), None
            elif c.why.stopped:
                e.held = stop_of(c, e)
            elif c.debug.stop:
                e.held = self.watches[c.debug.stop - 1]
                e.hit_addr = c.debug.stop_addr
        if c.why.faults and c.run.why != EXIT_SHUTDOWN and e.held is self:
            fault = fault_loop(c)
            if fault is not None:
                e.held = {"fault": fault}
        c.run.why = EXIT_NONE
        return e

    def step(self):
        """Run one instruction (one iteration of a REP): Exit(DEBUG) after it, or the exit it made. It does what run(1)
        does, with DEBUG in place of BUDGET. So the delivery of an interrupt or a fault is a step, too. A HLT waits in
        the steps after it; a step in which the wait does not end is DEBUG, at the same CS:IP. After the exit of a read
        the next step completes it; a write is complete at its exit. Raises as run() does."""
        return go(self, 1, FOREVER, FOREVER, FOREVER, STEP_ONCE)

    def kick(self):
        """Make run() return Exit(INTR) soon, from any thread; if none is running, the next run() does
        (kvm_run.immediate_exit)."""
        want(self.c, REQ_KICK)

    def interrupt(self, vector, *, queue=False):
        """Inject interrupt `vector` (0 to 255) before the next instruction, as KVM_INTERRUPT for a Vm without
        irqchip. OSError EINVAL: no such vector; EAGAIN: IF is 0, in a shadow, or one is queued already - with
        `queue` it waits for IF instead. RuntimeError: the machine is recorded, and another thread runs it."""
        cdef CPU* c = self.c
        cdef bint waits = truth(queue, "queue")
        vector = exact(vector, "interrupt vector")
        if not 0 <= vector <= 255:
            raise os_error(errno.EINVAL, f"interrupt vector {shown(vector)} is not in 0 to 255")
        if c.events.inject >= 0 or not (waits or self.ready):
            raise os_error(errno.EAGAIN, "the vCPU takes no interrupt now (IF=0, a shadow, or one is waiting): "
                                         "ask for request_interrupt_window, or pass queue=True")
        not_recorded(self.c, "interrupt")
        c.events.inject = vector
        want(c, REQ_INTR)

    @property
    def pending(self):
        """The exit whose answer the guest waits for: the read or HYPERCALL that `run()` has returned last, or that it
        had returned when the state was saved that was restored since. None: the guest waits for nothing. Each use makes
        a new Exit; `reply()` to any of them before the next run().

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     vm.add_memory(0, 0x1000)[0x100:0x103] = bytes.fromhex("e460 f4")      # in al,60h; hlt
        ...     vcpu = vm.create_vcpu()
        ...     vcpu.regs.cs, vcpu.regs.ip = 0, 0x100
        ...     exit, state = vcpu.run(), vm.save()
        ...     for answer in 5, 6:
        ...         vm.restore(state)
        ...         vcpu.pending.reply(answer)
        ...         print(vcpu.run().reason.name, vcpu.regs.al)
        HLT 5
        HLT 6
        """
        cdef CPU* c = self.c
        cdef ExitRec* r
        if c.exits.pos != c.exits.count or c.exits.count == 0 or c.threads.runner:
            return None
        r = &c.exits.item[c.exits.count - 1]
        if r.reason != EXIT_HYPERCALL and (r.write or not c.reads.pending):
            return None
        c.exits.pos -= 1
        exit = self.next_exit()
        return exit

    @property
    def ready(self):
        """Would an interrupt be taken before the next instruction? (ready_for_interrupt_injection.)"""
        return bool(self.c.arch.rest & F_IF) and self.c.events.shadow != self.c.run.retired and self.c.events.inject < 0

    @property
    def if_flag(self):
        """FLAGS.IF, as kvm_run has it."""
        return bool(self.c.arch.rest & F_IF)

    @property
    def request_interrupt_window(self):
        """While true, run() returns Exit(IRQ_WINDOW_OPEN) as soon as the vCPU would take an interrupt."""
        return bool(self.c.events.intr_window)

    @request_interrupt_window.deleter
    def request_interrupt_window(self):
        raise AttributeError("request_interrupt_window cannot be deleted: set it to False")

    @request_interrupt_window.setter
    def request_interrupt_window(self, value):
        self.c.events.intr_window = truth(value, "request_interrupt_window")
        want(self.c, REQ_INTR)

    def nmi(self):
        """Raise a non-maskable interrupt (KVM_NMI). RuntimeError: the machine is recorded, and another thread runs
        it."""
        not_recorded(self.c, "nmi")
        self.c.events.nmi = 1
        want(self.c, REQ_INTR)

    def debug(self, singlestep=False, breakpoints=(), watch=()):
        """Stop with Exit(DEBUG) after every instruction, before the ones at linear addresses (at most 65,536 of 32
        bits, else ValueError), or after an instruction that accesses watched memory. Each call replaces all three.

        `watch`: any number of (addr, length, kind): guest-physical bytes of any length; kind "w" for stores, "rw" for
        loads as well. `Exit.watch` is the first one that was hit, `Exit.watch_addr` its first byte that was accessed.
        Delivery of an interrupt counts as an instruction, and so does an iteration of a REP. Fetching an instruction is
        no load. What the host or a device stores hits nothing. If the access exits, or its instruction does, that exit
        comes first. Accesses to other granules of 256 bytes cost nothing more.

        RuntimeError: another thread runs this vCPU; TypeError: what is no (addr, length, kind); ValueError: no such
        kind, no byte, or an end beyond 2**64; MemoryError. (KVM_SET_GUEST_DEBUG.)

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     vm.add_memory(0, 0x4000)[0x100:0x104] = bytes.fromhex("a30020 90")     # mov [2000h],ax; nop
        ...     vcpu = vm.create_vcpu()
        ...     vcpu.regs.cs, vcpu.regs.ip = 0, 0x100
        ...     vcpu.debug(watch=[(0x2001, 1, "w")])
        ...     vcpu.run()
        Exit(DEBUG at 0000:0103: 'w' of 0x2001 length=1, at 0x2001)
        """
        cdef CPU* c = self.c
        cdef bint always = truth(singlestep, "singlestep")
        cdef list watches
        cdef Watch* table
        cdef bytes points
        cdef int n
        given = [address(point, "breakpoint") for point in islice(breakpoints, MOST_BREAKPOINTS + 1)]
        given = [within(point, "breakpoint", 0, 0xFFFFFFFF) for point in given]
        if len(given) > MOST_BREAKPOINTS:
            raise ValueError(f"more than {MOST_BREAKPOINTS} breakpoints: at most {MOST_BREAKPOINTS} fit")
        points = break_table(given)
        watches = [watchpoint(one) for one in watch]
        n = len(watches)
        mine(c, "change its breakpoints")
        table = watch_table(watches)
        self.tables.stop()                       # C only, up to resume()
        table, c.debug.watch = c.debug.watch, table
        n, c.debug.watches = c.debug.watches, n
        if n or c.debug.watches:
            close_watched(c.vm)
        c.debug.data = c.debug.data & (LOOK_GUEST | LOOK_OBSERVER) | (LOOK_HOST if c.debug.watches else 0)
        points, self.points = self.points, points     # to be freed after resume()
        put_breaks(c, self.points)
        c.debug.singlestep = (c.debug.singlestep & STEP_ONCE) | (STEP_ALWAYS if always else 0)
        c.debug.stepped = c.run.retired
        c.debug.due = 0
        c.debug.hit = 0
        c.debug.stop = 0
        c.why.stopped = 0
        c.python.touched = c.python.in_device
        self.tables.resume(False)
        free(table)
        self.watches = watches

    @property
    def record_history(self):
        """Are the last instructions kept for `history()`? Off at first. The guest sees no difference, apart from speed.
        Any thread reads. Writing: RuntimeError while another thread runs the vCPU; ValueError: a value without truth;
        MemoryError. To switch it off forgets the history."""
        return self.c.observe.history != NULL

    @record_history.setter
    def record_history(self, value):
        switch_history(self.c, self.tables, truth(value, "record_history"))

    @record_history.deleter
    def record_history(self):
        raise AttributeError("record_history cannot be deleted: set it to False")

    def history(self, n=16):
        """The last `n` instructions, at most 4096, as a list of `Executed`, the oldest first; fewer if fewer were
        executed since `record_history` is on. A REP is one instruction, whatever it was interrupted by between two
        iterations. One that faulted is among them, one that waits for the answer of a device is not.

        RuntimeError: record_history is off, or another thread runs the vCPU; TypeError: `n` is no integer; ValueError:
        it is not in 0 to 4096.
        """
        return history_of(self.c, whole(n, "n", 0, HISTORY_MOST))

    def _look(self, kind, first, last, action, conditions, capacity, call, owner):
        """Observe: for observe.py, which checks the values."""
        return LOOK_FOR(self, (kind, first, last, action, conditions, capacity, call, owner))

    def _unlook(self, sight):
        """No longer observe. RuntimeError: another thread runs the vCPU."""
        mine(self.c, "remove an observer")
        INSTALL(self, [each for each in self.sights if each is not sight])

    def _line_notes(self):
        """What the log of the lines has noted, for tools/trace: (bytes, lost)."""
        return LINE_NOTES_OF(self)

    def _cover(self, map, edges):
        """Keep coverage in these buffers; None: not."""
        COVER(self, map, edges)

    @property
    def stop_on(self):
        """Places where no program should be: run() stops before the instruction there with Exit(DEBUG), whose `message`
        says how the vCPU came there. A frozenset of names; setting it drops the decoded blocks.

        "zeros": 00 00 00 00, executed. "signature": the boot signature at 7DFEh or 7FEh. "loop": JMP to itself, with
        IF=0, or while no vector of hardware leads to RAM. "null-vector": 0000:0000, where a vector of 0 leads.
        "stack": after a push over bytes that were decoded as code. The next run() goes on. Nothing else changes for the
        guest, and while the set is empty it costs nothing.

        ValueError: an unknown name; TypeError: no set of names; RuntimeError: another thread runs the vCPU."""
        return frozenset([name for name, bit in STOPS.items() if self.c.why.stops & <uint32_t>bit])

    @stop_on.deleter
    def stop_on(self):
        raise AttributeError("stop_on cannot be deleted: set it to an empty set")

    @stop_on.setter
    def stop_on(self, value):
        cdef uint32_t bits = stops_of(value)
        mine(self.c, "change its stop_on")
        if bits == self.c.why.stops:
            return
        self.c.why.stops = bits
        self.c.why.stopped = 0
        self.c.python.touched = self.c.python.in_device
        want(self.c, REQ_DROP)

    @property
    def faults(self):
        """The last faults since RESET, at most 16, oldest first, each as (vector, cs, ip, times, instructions). Equal
        ones in a row are one with `times`; `instructions` were retired before the last one. Any thread may read it."""
        return faults_of(self.c)

    @property
    def arrivals(self):
        """How the vCPU last came to places where no program should be, since RESET: (name, cs, ip, came_from, cause,
        instructions) each, with the names of `stop_on`. They are noted when code is decoded there, whether or not
        stop_on is set. `came_from` is the (cs, ip) of the instruction before, or None if that is not known; `cause` is
        the same in words. Of "stack", cs and ip are those of the push. One more name, "reset", is a jump to where a PC
        restarts, in ROM: FFFF0h, or POST at FE05Bh. Any thread may read it."""
        return arrivals_of(self.c)

    def reset(self):
        """The state after RESET: F000:FFF0, pending exits and interrupts dropped. While it runs it
        happens after the instruction, from another thread soon."""
        if self.c.threads.runner:
            want(self.c, REQ_RESET)
            return
        reset_cpu(self.c)
        self.c.exits.serial += 1                 # an exit that waited for an answer is void

    cdef int shut(self) except -1:
        """For close(): wait until the vCPU has left the core. A device that blocks keeps it waiting; Ctrl-C ends the
        wait."""
        if self.c.threads.runner:
            want(self.c, REQ_KICK)
        if self.c.threads.runner != PyThread_get_thread_ident():
            self.await_owner(FOREVER)
        with nogil:
            rings_flush(&self.c.rings)
        return 0


cdef Exit late_exit(Vcpu self):
    """Of a run that another thread has kept waiting for too long."""
    cdef Exit e = Exit.__new__(Exit)
    e.reason = REASONS[EXIT_DEADLINE]
    e.cs = self.c.arch.sb[CS] >> 4
    e.ip = self.c.arch.ip & 0xFFFF
    return e


cdef inline Exit go(Vcpu self, uint64_t most, uint64_t until, uint64_t look, uint64_t wall, uint32_t step):
    """run(), FOREVER where there is no limit; with STEP_ONCE step()."""
    cdef CPU* c = self.c
    cdef uint64_t limit = FOREVER
    cdef object raised
    if self.c.threads.runner and not self.wait_for_owner(wall):
        return late_exit(self)
    self.c.threads.runner = PyThread_get_thread_ident()
    try:
        if most != FOREVER:
            limit = c.run.retired + most
        c.run.look, c.run.wall = look, wall
        c.debug.singlestep |= step
        if self.tables.closed:
            raise os_error(errno.EBADF, "this Vm is closed")
        c.exits.serial += 1
        if c.exits.pos == c.exits.count:
            c.exits.pos = c.exits.count = 0
            c.run.why = EXIT_NONE
            if c.reads.pending:
                answer_nothing(c)
            if self.tables.vm.views:
                want(c, REQ_DROP)
            c.threads.limit, c.threads.until = limit, until
            if not self.owed or settled(c, self.owed):
                at_publish32(&c.threads.inside, 1)
                c.python.gil = c.python.called = 1
                run_core(c, limit, until)
                take_gil(c)
                c.python.gil = 0
                at_publish32(&c.threads.inside, 0)
            if step and c.run.why == EXIT_BUDGET:
                c.run.why = EXIT_DEBUG           # a step in which a HLT went on waiting
                c.debug.dr6 = DR6_FIXED | DR6_BS
                c.debug.stop = 0
            if c.python.raised != NULL:
                raised = <object>c.python.raised
                Py_DECREF(raised)
                c.python.raised = NULL
                c.run.why = EXIT_NONE
                if c.vm.zones.due:
                    raised = drain_writes(self.tables, raised)
                raise raised
        if c.vm.zones.due:
            raised = drain_writes(self.tables, None)
            if raised is not None:
                keep_exit(c)
                raise raised
        return self.next_exit()
    finally:
        if step:
            forget_step(c)
        if at_peek32(&c.threads.request) & REQ_RESET:
            want(c, at_swap32(&c.threads.request, 0) & ~<uint32_t>REQ_RESET)
            reset_cpu(c)
            c.exits.serial += 1              # the exit that is being returned can no longer be answered
        self.c.threads.runner = 0
        if self.waiters:
            wake(c)
