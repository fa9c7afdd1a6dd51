# The coalesced zones of Vm: register and remove them, take writes from their ring, call their on_drain. Know no CPU.
#
# Whoever takes writes has the GIL. An object may only be allocated while the writes are still in their ring: this may
# run a finalizer, which may take writes itself, and it may fail. So taking has three steps: make the object, look
# whether the ring has the same writes as before, drop them from it.

import warnings

cdef extern from "Python.h":
    object PyByteArray_FromStringAndSize(const char*, Py_ssize_t)
    char* PyByteArray_AS_STRING(object)

cdef object NDARRAY = None                       # numpy.ndarray, once it was imported
cdef object WRITES = None                        # numpy.dtype(COALESCED)


cdef int need_numpy() except -1:
    global NDARRAY, WRITES
    if NDARRAY is None:
        import numpy
        WRITES = numpy.dtype([("addr", "<u8"), ("len", "<u4"), ("pio", "<u4"), ("data", "<u8")])
        NDARRAY = numpy.ndarray
    return 0


cdef list writes_listed(WriteRing* r):
    """Take all writes, as tuples."""
    cdef uint64_t n, seen, i
    cdef Written* copy
    cdef list out
    while True:
        n, seen = ring_count(r), r.taken
        copy = <Written*>malloc(n * sizeof(Written) + 1)
        if copy == NULL:
            raise MemoryError("no memory for the coalesced writes")
        try:
            ring_copy(r, copy, n)
            out = []
            for i in range(n):
                out.append(("pio" if copy[i].pio else "mmio", copy[i].addr, copy[i].size, copy[i].value))
        finally:
            free(copy)
        if r.taken == seen:
            ring_drop(r, n)
            return out


cdef object writes_arrayed(WriteRing* r):
    """Take all writes, as a numpy array."""
    cdef uint64_t n, seen
    cdef object raw, array
    need_numpy()
    while True:
        n, seen = ring_count(r), r.taken
        raw = PyByteArray_FromStringAndSize(NULL, n * sizeof(Written))
        array = NDARRAY(n, WRITES, raw)
        if r.taken == seen:
            ring_copy(r, <Written*>PyByteArray_AS_STRING(raw), n)
            ring_drop(r, n)
            return array


cdef class CoalescedZone:
    """A range of a bus whose writes are collected in the ring `Vm.coalesced` instead of causing exits.

    `Vm.coalesce()` makes it. The zone stays registered when this object is dropped; `remove()`, or leaving a `with`
    block, removes it. Any thread may call everything here at any time, also while vCPUs run.
    """

    cdef VmTables tables
    cdef Zone zone
    cdef readonly uint64_t addr
    cdef readonly uint64_t length
    cdef object on_drain
    cdef bint arrayed                            # on_drain gets an array
    cdef bint live                               # it is registered
    cdef bint is_due                             # CoalescedRing.due has it
    cdef WriteRing held                          # writes that on_drain is to get

    def __dealloc__(self):
        ring_free(&self.held)

    @property
    def bus(self):
        """'pio' or 'mmio'."""
        return io_bus_name(self.zone.bus)

    @property
    def registered(self):
        """Whether it still collects writes."""
        return bool(self.live)

    @property
    def vm(self):
        """Its Vm."""
        return self.tables.seen()

    def remove(self):
        """Remove the zone. When this returns, no write is collected for it any more; those collected before stay in
        the ring, or go to its `on_drain`. OSError ENOENT: it was removed already, or the Vm is closed.
        (KVM_UNREGISTER_COALESCED_MMIO.)"""
        cdef bint found
        self.tables.stop()
        found = self.live and self.tables.iotable != NULL
        if found:
            self.live = 0
            if self.length:
                zones_remove(&self.tables.vm.zones, &self.zone)
        self.tables.resume(False)
        if not found:
            raise OSError(IO_ENOENT, f"no such zone is registered: {zone_text(self)}; it was removed already, or the "
                                     "Vm is closed")
        (<CoalescedRing>self.tables._coalesced).forget(self)

    def close(self):
        """Remove the zone if it is still registered. May be called twice."""
        try:
            self.remove()
        except OSError as error:
            if error.errno != IO_ENOENT:
                raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "a range of a Vm")

    def __repr__(self):
        return f"<CoalescedZone {zone_text(self)}{'' if self.live else ', removed'}>"

    cdef int keep(self, Written* w, uint64_t n) except -1:
        """Hold n writes for on_drain."""
        cdef WriteRing* r = &self.held
        cdef uint64_t i
        if r.capacity - ring_count(r) < n and not ring_resize(r, 2 * r.capacity + n, False):
            raise MemoryError("no memory for the coalesced writes")
        for i in range(n):
            r.entry[r.next] = w[i]
            r.next = r.next + 1 if r.next + 1 < r.capacity else 0
        r.put += n
        return 0

    cdef int call(self) except -1:
        """Give on_drain what is held for it."""
        if ring_count(&self.held):
            writes = writes_arrayed(&self.held) if self.arrayed else writes_listed(&self.held)
            self.on_drain(writes)
        return 0


cdef str zone_text(CoalescedZone zone):
    return f"{io_bus_name(zone.zone.bus)} {zone.addr:#x}, length {zone.length:#x}"


cdef class CoalescedRing:
    """The guest's writes to the coalesced zones of a Vm, in the order in which they were made. `Vm.coalesced` is it.

    There is one for all vCPUs and both buses; the writes of one vCPU keep their order. `len()` is the number of writes
    in it, at most `capacity`. When it is full, a write exits. Zones with an `on_drain` leave nothing here. After
    `Vm.close()` the writes can still be taken. Any thread may call everything here at any time, also while vCPUs run.
    (struct kvm_coalesced_mmio_ring.)
    """

    cdef VmTables tables
    cdef dict all                                # CoalescedZone -> None, in the order of registration
    cdef list due                                # zones that hold writes for their on_drain

    def __cinit__(self):
        self.all = {}
        self.due = []

    cdef Zones* zones_(self) noexcept:
        return &self.tables.vm.zones

    def __len__(self):
        return ring_count(&self.zones_().kept)

    @property
    def capacity(self):
        """How many writes fit: 169 at first, as in KVM's ring of 170. Set it to 1 to 4194304, also while vCPUs run;
        what is in the ring stays there. An entry takes 24 bytes. ValueError: out of range, or the ring has more writes
        than that: drain it first. MemoryError."""
        return self.zones_().kept.capacity

    @capacity.deleter
    def capacity(self):
        raise AttributeError("the capacity cannot be deleted: set it")

    @capacity.setter
    def capacity(self, value):
        cdef uint64_t most = whole(value, "capacity", 1, COALESCED_MOST), n
        cdef bint there = 1
        self.tables.stop()
        n = ring_count(&self.zones_().kept)
        if n <= most:
            there = zones_resize(self.zones_(), most)
        self.tables.resume(False)
        if n > most:
            raise ValueError(f"capacity {most}: the ring has {n} writes; call drain() first")
        if not there:
            raise MemoryError(f"no memory for a ring of {most} writes")

    @property
    def count(self):
        """How many writes zones have taken so far, those of zones with an `on_drain` included."""
        return at_load64(&self.zones_().kept.put) + at_load64(&self.zones_().drained.put)

    @property
    def zones(self):
        """The registered zones, in the order they were registered."""
        return tuple([zone for zone in tuple(self.all) if (<CoalescedZone>zone).live])

    def drain(self):
        """Take all writes out of the ring: a list of tuples (bus, addr, size, value), oldest first. `bus` is "pio" or
        "mmio", `size` is in bytes, `value` an int. MemoryError, and then nothing was taken.

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     ram = vm.add_memory(0, 0x10000)
        ...     vm.write(0x1000, bytes.fromhex("e680 e781 f4"))    # out 0x80,al; out 0x81,ax; hlt
        ...     vcpu = vm.create_vcpu()
        ...     vcpu.regs.cs, vcpu.regs.ip, vcpu.regs.ax = 0, 0x1000, 0x1234
        ...     zone = vm.coalesce(0x80, 4, bus="pio")
        ...     print(vcpu.run().reason.name, vm.coalesced.drain())
        HLT [('pio', 128, 1, 52), ('pio', 129, 2, 4660)]
        """
        return writes_listed(&self.zones_().kept)

    def drain_array(self):
        """The same as a numpy structured array whose dtype is `numpy.dtype(pyx86emu.COALESCED)`: fields addr, len, pio
        (1 or 0) and data. The array is the caller's own. The first use imports numpy. MemoryError, ImportError, and
        then nothing was taken."""
        return writes_arrayed(&self.zones_().kept)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "writes of a guest")

    def __repr__(self):
        return f"<CoalescedRing {len(self)} of {self.capacity} writes, {len(self.zones)} zones>"

    # -- on_drain -----------------------------------------------------------------------------------------

    cdef int sort_out(self) except -1:
        """Take the writes to zones with an on_drain out of their ring; each zone holds its own. MemoryError: the rest
        stays in the ring. No object is allocated here, so no other Python code runs."""
        cdef WriteRing* r = &self.zones_().drained
        cdef CoalescedZone zone
        cdef uint64_t n = ring_count(r), part
        while n:
            zone = <CoalescedZone>r.owner[r.first]
            part = 1
            while part < min(n, r.capacity - r.first) and r.owner[r.first + part] == <PyObject*>zone:
                part += 1
            if not zone.is_due:
                self.due.append(zone)
                zone.is_due = 1
            zone.keep(r.entry + r.first, part)
            ring_drop(r, part)
            n -= part
        return 0

    cdef object hand_over(self):
        """Call the on_drain of each zone with writes. Returns the first exception that one raised, or None. Raises
        MemoryError if the ring could not be emptied."""
        cdef list due, later = []                # made first: it may run other Python code
        cdef CoalescedZone zone
        cdef object first = None
        at_put32(&self.zones_().due, 0)          # first: a write that comes in now sets it again
        try:
            self.sort_out()
        except MemoryError:
            at_put32(&self.zones_().due, 1)
            raise
        due, self.due = self.due, later
        for each in due:
            zone = <CoalescedZone>each
            zone.is_due = 0
            try:
                zone.call()
            except BaseException as e:
                if ring_count(&zone.held) and not zone.is_due:       # no memory: on_drain has not got them
                    self.due.append(zone)
                    zone.is_due = 1
                    at_put32(&self.zones_().due, 1)
                first = joined(first, e, f"in on_drain of {zone!r}")
        return first

    cdef int forget(self, CoalescedZone zone) except -1:
        """The zone was removed. Its writes, if any, refer to it until it holds them itself."""
        if self.settle():
            self.all.pop(zone, None)
        return 0

    cdef bint settle(self):
        """Let each zone hold its writes, so that no entry of the ring refers to one. 0: there is no memory."""
        try:
            self.sort_out()
        except MemoryError:
            return 0
        finally:
            if self.due:
                at_put32(&self.zones_().due, 1)
        return 1

    cdef int closed(self) except -1:
        """The Vm was closed, and no vCPU has zones any more."""
        for zone in self.all:
            (<CoalescedZone>zone).live = 0
        if self.settle():
            zones, self.all = self.all, {}
        return 0


cdef object joined(object first, object e, str where):
    """The exception that run() raises, of one that it has already (or None) and another one."""
    try:
        e.add_note(where)
        if first is not None:
            first.add_note(f"{type(e).__name__} {where}: {e}")
    except Exception:
        pass
    return e if first is None else first


cdef CoalescedRing coalesced_ring(VmTables vm):
    cdef CoalescedRing ring = CoalescedRing.__new__(CoalescedRing)
    ring.tables = vm
    return ring


cdef CoalescedZone coalesce(VmTables vm, object addr, object length, object bus, object on_drain, object array):
    """Vm.coalesce()."""
    cdef CoalescedZone zone = CoalescedZone.__new__(CoalescedZone)
    cdef CoalescedRing ring = vm._coalesced
    cdef bint closed, there = 1
    vm.open()
    if bus != "pio" and bus != "mmio":
        raise ValueError(f"there is no bus {bus!r} for coalesced zones: use 'pio' or 'mmio'")
    zone.zone.bus = BUS_PIO if bus == "pio" else BUS_MMIO
    zone.addr = io_u64(addr, "address of a zone")
    zone.length = io_u64(length, "length of a zone")
    zone.arrayed = truth(array, "array")
    if on_drain is not None and not callable(on_drain):
        raise TypeError(f"on_drain is a function that takes the writes, not {type(on_drain).__name__}")
    if zone.arrayed and on_drain is None:
        raise ValueError("array=True says what on_drain gets: give on_drain, or call drain_array()")
    if zone.length and zone.addr + (zone.length - 1) < zone.addr:
        raise OSError(IO_EINVAL, f"a zone at {zone.addr:#x}, length {zone.length:#x}, reaches past 2^64: give a "
                                 "shorter length")
    if zone.arrayed:
        need_numpy()
    if zone.length == 0 or (zone.zone.bus == BUS_PIO and zone.addr >= IO_PORTS):
        warnings.warn(f"zone {zone_text(zone)}: no access is inside, so it never collects a write", RuntimeWarning,
                      stacklevel=1)
    zone.tables = vm
    zone.on_drain = on_drain
    zone.zone.start = zone.addr
    zone.zone.last = zone.addr + zone.length - 1
    zone.zone.owner = NULL if on_drain is None else <PyObject*>zone
    ring.all[zone] = None                        # before the core has it: it must not go
    vm.stop()
    closed = vm.closed
    if not closed:
        there = zone.length == 0 or zones_add(&vm.vm.zones, &zone.zone)
        zone.live = there
    vm.resume(False)
    if closed or not there:
        ring.all.pop(zone, None)
        vm.open()
        raise MemoryError("no memory for another zone")
    return zone


# -- what a run calls -------------------------------------------------------------------------------------

cdef object drain_writes(VmTables vm, object raised):
    """Before run() returns (`raised` is None) or raises: call each on_drain that has writes. Returns the exception that
    run() is to raise, or None."""
    try:
        error = (<CoalescedRing>vm._coalesced).hand_over()
    except BaseException as e:
        error = e
    if raised is None or error is None:
        return raised or error
    return joined(raised, error, "before run() raised this")


cdef bint drain_in_run(CPU* c) noexcept:
    """The ring of the zones with an on_drain is full: call them. 0: it is full still."""
    cdef object error
    cdef bint emptied = 1
    try:
        error = (<CoalescedRing>(<VmTables><object>c.vm.owner)._coalesced).hand_over()
    except BaseException as e:
        error, emptied = e, 0
    if error is not None:
        keep_exception(c, error)
        c.run.attn |= ATTN_LOOK
    return emptied


# It is called after take_gil(), so with the GIL. The compiler cannot know this: the type says nogil.
ON_DRAIN = <bint (*)(CPU*) noexcept nogil>drain_in_run
