# The tables of a VM: change them while every vCPU is outside. Know order, not devices.
#
# All of this runs with the GIL. A change is made between Vm.stop() and Vm.resume(); their rules are in VmTables, below.

cdef enum:                       # the result of a change
    CHANGED = 0
    TAKEN = 1                    # something is there already
    UNKNOWN = 2                  # nothing is there
    FULL = 3
    NO_MEMORY = 4
    CLOSED = 5


cdef Slot* slot_of_face(VM* vm, PyObject* face, uint64_t addr) noexcept nogil:
    """The slot of `face`, which is at `addr`. NULL: it has been deleted."""
    cdef Slot* s = slot_at(vm, addr)
    return s if s != NULL and s.face == face else NULL


cdef int slot_fits(VM* vm, uint64_t addr, uint64_t size, PyObject* face, Slot* other) noexcept nogil:
    """CHANGED: [addr, addr + size) is free, or only the slot of `face` is there. TAKEN: it overlaps `other`."""
    cdef Slot* s
    cdef int i = slots_below(vm, addr + size)
    while i:
        i -= 1
        s = &vm.slots[i]
        if s.addr + s.size <= addr:
            break                                # and so do those before it
        if s.face != face:
            other[0] = s[0]
            return TAKEN
    return CHANGED


cdef void slot_insert(VM* vm, Slot* mine) noexcept nogil:
    """Put a slot in its place; there is room for it."""
    cdef int at = slots_below(vm, mine.addr)
    memmove(vm.slots + at + 1, vm.slots + at, (vm.nslots - at) * sizeof(Slot))
    vm.slots[at] = mine[0]
    vm.nslots += 1


cdef void slot_drop(VM* vm, Slot* s) noexcept nogil:
    cdef int at = <int>(s - vm.slots)
    vm.nslots -= 1
    memmove(s, s + 1, (vm.nslots - at) * sizeof(Slot))


cdef int slot_add(VM* vm, Slot* mine, Slot* other) noexcept nogil:
    cdef Slot* more
    if vm.nslots == MAX_SLOTS:
        return FULL
    if slot_fits(vm, mine.addr, mine.size, NULL, other) == TAKEN:
        return TAKEN
    if vm.nslots == vm.slot_room:
        more = <Slot*>realloc(vm.slots, (2 * vm.slot_room + 16) * sizeof(Slot))
        if more == NULL:
            return NO_MEMORY
        vm.slots = more
        vm.slot_room = 2 * vm.slot_room + 16
    slot_insert(vm, mine)
    vm.shared |= mine.shared
    return CHANGED


cdef int slot_move(VM* vm, Slot* s, uint64_t addr, Slot* other) noexcept nogil:
    cdef Slot moved
    if s == NULL:
        return UNKNOWN
    if slot_fits(vm, addr, s.size, s.face, other) == TAKEN:
        return TAKEN
    moved = s[0]
    moved.addr = addr
    slot_drop(vm, s)
    slot_insert(vm, &moved)
    return CHANGED


cdef int slot_remove(VM* vm, Slot* s) noexcept nogil:
    if s == NULL:
        return UNKNOWN
    slot_drop(vm, s)
    return CHANGED


cdef int slot_protect(Slot* s, bint readonly) noexcept nogil:
    if s == NULL:
        return UNKNOWN
    s.readonly = readonly
    return CHANGED


cdef int slot_set_log(VM* vm, Slot* s, uint8_t* bits) noexcept nogil:
    """Begin a dirty log in `bits`, which are all 0, or end it (NULL). TAKEN: there is one already, or none."""
    if s == NULL:
        return UNKNOWN
    if (s.dirty == NULL) == (bits == NULL):
        return TAKEN
    s.dirty = bits
    arm_log(vm, s)
    return CHANGED


cdef int slot_take_log(VM* vm, Slot* s, uint8_t* out, uint64_t n, bint clear) noexcept nogil:
    """Copy the `n` bytes of dirty bits of a slot. `clear`: mark all its pages clean."""
    if s == NULL or s.dirty == NULL:
        return UNKNOWN
    memcpy(out, s.dirty, n)
    if clear:
        memset(s.dirty, 0, n)
        arm_pages(vm, s, out, n)
    return CHANGED


cdef int slot_clear_log(VM* vm, Slot* s, uint64_t first, uint64_t count, const uint8_t* chosen,
                        uint8_t* out) noexcept nogil:
    """Mark pages clean: `count` from `first` on, or those of them that `chosen` has a bit for. `out` gets the bits that
    were set. Bit 0 of both stands for the page `first`."""
    cdef uint64_t i, page
    if s == NULL or s.dirty == NULL:
        return UNKNOWN
    for i in range(count):
        page = first + i
        if s.dirty[page >> 3] >> (page & 7) & 1 and (chosen == NULL or chosen[i >> 3] >> (i & 7) & 1):
            s.dirty[page >> 3] &= ~<uint8_t>(1 << (page & 7))
            out[i >> 3] |= 1 << (i & 7)
            arm_page(vm, s, page)
    return CHANGED


cdef int put_a20(VM* vm, bint up) noexcept nogil:
    """CHANGED, or TAKEN: A20 stays down, because a vCPU has only 20 address lines."""
    cdef int i
    for i in range(vm.ncpus):
        if up and vm.cpu[i] != NULL and vm.cpu[i].m.address_bits == 20:
            return TAKEN
    vm.a20 = up
    return CHANGED


# The host's accesses to guest memory. Callers have the GIL, so the slots do not change.

cdef enum:
    LOOK = 0
    READ = 1
    WRITE = 2
    TELL = 3


cdef uint64_t over_planes(Vga* v, int what, uint64_t addr, uint64_t n, uint8_t* data) noexcept nogil:
    """The same for one page of the VGA's window that is not memory: as the guest would, but a read leaves the latches.
    0: no planes are there."""
    cdef uint64_t i, part = min(n, PAGE - (addr & (PAGE - 1)))
    if addr >= VGA_WINDOW + VGA_WINDOW_SIZE or vga_code(v, <uint32_t>addr) < 0:
        return 0
    for i in range(part):
        if what == READ:
            data[i] = <uint8_t>vga_code(v, <uint32_t>(addr + i))
        elif what == WRITE:
            vga_put(v, <uint32_t>(addr + i) - v.base, data[i])
    return part


cdef uint64_t over_slots(VM* vm, int what, uint64_t addr, uint64_t n, uint8_t* data) noexcept nogil:
    """Check that the n bytes at `addr` are in slots (LOOK), READ or WRITE them, or only report them to the vCPUs as
    changed (TELL). Returns the number of bytes before the first hole."""
    cdef uint64_t at = 0, part
    cdef uint8_t* there
    cdef Slot* s
    while at < n:
        s = slot_at(vm, addr + at)
        if s == NULL:
            part = over_planes(&vm.chips.vga, what, addr + at, n - at, data + at if data != NULL else NULL)
            if part == 0:
                break
            at += part
            continue
        part = min(n - at, s.addr + s.size - (addr + at))
        there = s.host + (addr + at - s.addr)
        if what == READ:
            memcpy(data + at, there, part)
        elif what == WRITE:
            memmove(there, data + at, part)
        if what >= WRITE:
            host_wrote(vm, there, part)
        at += part
    return at


cdef void host_wrote(VM* vm, uint8_t* host, uint64_t n) noexcept nogil:
    """The host has changed n bytes at `host`: every vCPU with code there, at any guest address, decodes it again; the
    next restore looks at them; a display looks again, if they are memory of the VGA."""
    cdef uint64_t from_, to, g, who
    cdef Slot* s
    cdef int i, canon
    cdef Vga* v = &vm.chips.vga
    if v.linear != NULL and host < v.linear + VGA_LINEAR and v.linear < host + n:
        v.changed |= VGA_SHOWN
    at_fence()                                   # the store must be visible before the marks are read
    for i in range(vm.nslots):
        s = &vm.slots[i]
        if vm.base == NULL and not within_reach(s.addr):
            break                                # and so are those after it
        if host >= s.host + s.size or s.host >= host + n:
            continue
        if s.track != NULL:
            note_host(vm, s, host - s.host if host > s.host else 0, min(s.size, <uint64_t>(host + n - s.host)))
        if not within_reach(s.addr):
            continue
        from_ = s.addr + (host - s.host if host > s.host else 0)
        to = s.addr + min(s.size, <uint64_t>(host + n - s.host))
        for g in range(from_ >> 8, min(((to - 1) >> 8) + 1, <uint64_t>GRANULES)):
            canon = vm.mem.canon[g]
            who = at_get64(&vm.mem.code[canon])
            if who:
                note_code(vm, canon, who)


cdef void note_host(VM* vm, Slot* s, uint64_t from_, uint64_t to) noexcept nogil:
    """The host has changed bytes [from_, to) of a slot since memory was saved. `wr` stays as it is: a vCPU opens it."""
    cdef uint64_t granule
    pthread_mutex_lock(&vm.noting)
    for granule in range(from_ >> 8, min(((to - 1) >> 8) + 1, <uint64_t>s.track.granules)):
        track_note(s.track, granule)
    if (to - 1) >> 8 >= s.track.granules:
        s.track.rest = 1
    pthread_mutex_unlock(&vm.noting)


cdef void note_code(VM* vm, int canon, uint64_t who) noexcept nogil:
    cdef int i
    for i in range(vm.ncpus):
        if who >> i & 1 and vm.cpu[i] != NULL:
            note_written(vm.cpu[i], canon)


cdef void drop_code(VM* vm) noexcept nogil:
    """The host may have changed any memory: every vCPU drops its decoded code."""
    cdef int i
    vm.unseen = 1
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            want(vm.cpu[i], REQ_DROP)


cdef void vcpu_joined(VM* vm) noexcept nogil:
    """There is one vCPU more. If it is the second one: blocks of the first have no locked ops (locks() in forms.pxi).
    All are outside."""
    follow_ways(vm)
    if vm.ncpus == 2 and vm.cpu[0] != NULL:
        want(vm.cpu[0], REQ_DROP)


# All Vms: after a fork, the child resets each of them (fork.pxi).
import weakref as _weakref

live_vms = _weakref.WeakSet()


cdef class VmTables:
    """The base class of Vm: its tables, and when these may change. Memory slots, vCPUs, ioeventfds and irqfds know
    only this part of their Vm."""

    cdef public object holder                # the pyx86emu.Vm that has this one as its back end, or None
    cdef VM* vm
    cdef IoTable* iotable                    # of an open Vm; NULL after close()
    cdef dict _slots                         # its MemorySlots, in the order they were added
    cdef list _vcpus
    cdef object _timer
    cdef object _coalesced                   # its CoalescedRing
    cdef object _vga                         # its VgaCore, or None
    cdef bint made                           # Vm.__init__ has been called
    cdef bint closed
    cdef bint closing                        # a thread is in close()
    cdef object __weakref__

    def __cinit__(self, *args, **kwargs):
        self.vm = new_vm()
        self.iotable = self.vm.iotable
        self.vm.owner = <PyObject*>self
        self._slots = {}
        self._vcpus = []
        live_vms.add(self)

    def __del__(self):
        if self.vm != NULL and self.vm.irqfds != NULL and self.vm.irqfds.count:
            warnings.warn(f"a Vm with {self.vm.irqfds.count} irqfds was dropped without close()", ResourceWarning,
                          stacklevel=2, source=self)

    def __dealloc__(self):
        if self.vm != NULL:
            irq_drop(self.vm)
            self.vm.owner = NULL
            self.vm.ranges[BUS_PIO] = self.vm.ranges[BUS_MMIO] = NULL
            free_vm(self.vm)

    cdef object seen(self):
        """The Vm, as its users know it."""
        return self if self.holder is None else self.holder

    cdef int initialised(self) except -1:
        if not self.made:
            raise RuntimeError("this Vm is not initialised: a subclass must call Vm.__init__()")
        return 0

    cdef int open(self) except -1:
        self.initialised()
        if self.closed:
            raise os_error(errno.EBADF, "this Vm is closed")
        return 0

    cdef uint64_t now(self) noexcept:
        cdef CPU* c = self.vm.cpu[0]
        if self.vm.host_clock:
            return <uint64_t>(host_ns() - self.vm.host_base)
        if c == NULL:
            return 0
        return c.python.io_time if c.python.in_device else (c.run.retired + c.run.idle) << self.vm.shift

    # The tables (slots, A20, ranges of the buses) change between stop() and resume(), with the GIL. So a thread with
    # the GIL may read them, and so may a vCPU that is inside the core. Three rules:
    #  - Between stop() and resume() use only C values and functions that are `noexcept nogil`. If Python allocates,
    #    calls or raises there, the garbage collector may run a finalizer that uses this Vm. The finalizer would wait
    #    for its own thread.
    #  - Convert numbers and make objects before stop(). Release what is no longer needed after resume().
    #  - stop() releases the GIL. So the function that makes the change checks again what was checked before. It returns
    #    a status, and the exception is made after resume().

    cdef int stop(self) noexcept:
        """Wait until every vCPU is outside, and keep it there. After that the tables may be changed."""
        with nogil:
            pthread_mutex_lock(&self.vm.writers)
            stop_all(self.vm)
        return 0

    cdef int resume(self, bint rebuild) noexcept:
        """Let the vCPUs go on. `rebuild`: the slots or A20 have changed."""
        if rebuild:
            rebuild_tables(self.vm)
            resume_all(self.vm)
        else:
            at_put32(&self.vm.stopping, 0)
        pthread_mutex_unlock(&self.vm.writers)
        return 0

    cdef void lock_writers(self) noexcept:
        with nogil:
            pthread_mutex_lock(&self.vm.writers)

    cdef void unlock_writers(self) noexcept:
        pthread_mutex_unlock(&self.vm.writers)

    cdef void quiesce(self) noexcept:
        with nogil:
            wait_for_others(self.vm, NULL)

    cdef int lock_chips(self) noexcept:
        """Lock the chips. The caller keeps the GIL and obeys the rules of stop() until unlock_chips().

        An owner that no thread runs, or this thread itself, is outside and cannot come in while the GIL is ours. One
        that another thread runs may be in the chips at this moment, without a lock: ask it for them.
        """
        cdef Chips* chips = self.vm.chips
        cdef CPU* owner
        cdef unsigned long runs
        cdef int64_t began
        pthread_mutex_lock(&chips.lock)          # its holders wait for nothing, not for the GIL either
        owner = owner_of(chips)
        runs = owner.threads.runner if owner != NULL else 0
        if runs and runs != PyThread_get_thread_ident():
            pthread_mutex_unlock(&chips.lock)
            with nogil:
                pthread_mutex_lock(&self.vm.writers)
                began = ask_owner(self.vm, NULL)
            take_chips(chips, began)
            pthread_mutex_unlock(&self.vm.writers)
        chips.user = 0
        if at_get32(&chips.rung):
            chips_take_rung(chips)
        return 0

    cdef void unlock_chips(self) noexcept:
        pthread_mutex_unlock(&self.vm.chips.lock)
        self.chip_changed()

    cdef void chip_changed(self) noexcept:
        if self.vm.cpu[0] != NULL:
            want(self.vm.cpu[0], REQ_INTR)
