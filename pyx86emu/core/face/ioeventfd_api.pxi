# The ioeventfd calls of Vm: check arguments, register and remove entries, show them. Know errno, not hashing.
#
# IoEventFd is the Python object of an entry, its face. Doorbell is a counter that an entry may ring instead of an
# eventfd. Both are public. The table itself is in io/registry.pxi.

import os
import warnings

cdef str io_bus_name(int bus):
    return "pio" if bus == BUS_PIO else "mmio" if bus == BUS_MMIO else "hypercall"


cdef int io_bus(object bus) except -1:
    if bus == "pio":
        return BUS_PIO
    if bus == "mmio":
        return BUS_MMIO
    if bus == "hypercall":
        return BUS_HYPERCALL
    raise ValueError(f"there is no bus {bus!r}: use 'pio', 'mmio' or 'hypercall'")


cdef str io_where(int bus, object addr, object length, bint wildcard, object datamatch):
    """`pio 0x510, length 1, datamatch 0x1`"""
    cdef str text = f"{io_bus_name(bus)} {addr:#x}, length {length}"
    return text if wildcard else f"{text}, datamatch {datamatch:#x}"


cdef int io_number(object fd, str what="fd") except? -1:
    """The descriptor number of the argument `what`; -1: no descriptor can have this number."""
    if not isinstance(fd, int):
        fileno = getattr(fd, "fileno", None)
        if fileno is not None:
            fd = fileno()
    number = exact(fd, f"{what}, or what its fileno() returns,")
    return number if 0 <= number <= 0x7FFFFFFF else -1


cdef object io_descriptor_error(int error, object fd):
    """The exception for a descriptor that cannot be signalled. Hold no lock: this may run the caller's __repr__."""
    if error == -IO_EBADF:
        return OSError(IO_EBADF, f"{fd!r} is not an open descriptor: pass an open eventfd")
    if error == -IO_EINVAL:
        return OSError(IO_EINVAL, f"descriptor {fd!r} is not an eventfd: make one with os.eventfd(), or pass a "
                                  "Doorbell() to count without a descriptor")
    if error == -IO_ENOMEM:
        return MemoryError("no memory for another eventfd")
    return OSError(-error, f"{os.strerror(-error)}: descriptor {fd!r}")


cdef object io_take_count(int fd):
    """Read an eventfd without waiting, blocking or not; 0: it is empty."""
    cdef uint64_t count = 0
    cdef int error
    with nogil:
        error = eventfd_take(fd, &count)
    if error != 0:
        raise OSError(error, f"{os.strerror(error)} while reading eventfd {fd}")
    return count


@cython.no_gc_clear                          # the sink refers to `call`
cdef class Doorbell:
    """A counter that ioeventfds ring. It needs no descriptor and no system call.

    One Doorbell may serve any number of entries, buses, vCPUs and Vms. With `notify`, the first ring after each
    `drain()` writes to this eventfd: read the eventfd first, then drain. With `call`, a vCPU that rings it calls this
    function, without arguments, after the instruction that rings: once, however often that instruction rings. What it
    raises comes out of `run()`. The function is called as long as the Doorbell is kept, or the entry's IoEventFd. Any
    thread may call everything here at any time. OSError EBADF, EINVAL: `notify` is not open, or is not an eventfd;
    TypeError: `call` cannot be called; ValueError: both are given.

    >>> bell = Doorbell()
    >>> bell.ring()
    >>> bell.ring(2)
    >>> bell.drain(), bell.drain(), bell.count
    (3, 0, 3)
    """
    cdef Sink *sink
    cdef object notify                      # the object that was passed, kept so that it stays open
    cdef readonly object call               # the function, or None
    cdef bint made

    def __cinit__(self, *args, **kwargs):
        self.sink = <Sink *>calloc(1, sizeof(Sink))
        if self.sink == NULL:
            raise MemoryError
        self.sink.kind = SINK_BELL
        self.sink.refs = 1

    def __init__(self, notify=None, *, call=None):
        cdef int error = -IO_EBADF
        cdef int fd
        cdef Sink *target = NULL
        if call is not None and not callable(call):
            raise TypeError(f"call must be a function, not {type(call).__name__}")
        if call is not None and notify is not None:
            raise ValueError("a Doorbell has either notify= or call=")
        if notify is not None:
            fd = io_number(notify, "notify")
            if fd >= 0:
                with nogil:
                    target = sink_open(fd, &error)
            if target == NULL:
                raise io_descriptor_error(error, notify)
        if self.made:                       # checked last: the code above may have run any Python code
            sink_drop(target)
            raise RuntimeError("a Doorbell is initialised once: make another one")
        self.made = True
        self.sink.notify = target
        self.notify = notify
        self.call = call
        if call is not None:
            self.sink.call = <PyObject*>call
            self.sink.line = SINK_CALL

    def __dealloc__(self):
        if self.call is not None:
            self.sink.call = NULL
        sink_drop(self.sink)

    @property
    def count(self):
        """All rings so far. Rings in the current slice of a running vCPU may be missing."""
        return self.sink.drained + at_load64(&self.sink.pending)

    def ring(self, n=1):
        """Ring `n` times. ValueError: `n` is negative, or has more than 64 bits."""
        cdef uint64_t times = whole(n, "a number of rings", 0, UINT64_MAX)
        if times != 0:
            with nogil:
                sink_signal(self.sink, times)

    def drain(self):
        """Take the rings since the last drain."""
        cdef uint64_t n = at_swap64(&self.sink.pending, 0)
        self.sink.drained += n
        return n

    def fileno(self):
        """The descriptor passed as `notify`."""
        if self.sink.notify == NULL:
            raise OSError(IO_EBADF, "this Doorbell has no descriptor: "
                                    "make it with Doorbell(notify=eventfd)")
        return self.sink.notify.number

    def _notify(self):
        """Signal the descriptor itself, whatever the count is. Never waits, never fails."""
        if self.sink.notify != NULL:
            with nogil:
                sink_write(self.sink.notify, 1)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "a counter that vCPUs ring")

    def __repr__(self):
        cdef str notify = "" if self.sink.notify == NULL else f" notify {self.sink.notify.number}"
        return f"<Doorbell count {self.count}{notify}>"


cdef Doorbell io_doorbell(Sink *s):
    """A Doorbell object for a bell that an entry rings."""
    cdef Doorbell bell = Doorbell.__new__(Doorbell)
    sink_drop(bell.sink)
    at_add64(&s.refs, 1)
    bell.sink = s
    bell.made = True
    return bell


cdef class IoEventFd:
    """One registered entry: guest writes that match it ring its eventfd or Doorbell, without an exit.

    `Vm.ioeventfd()` makes it. The entry stays registered when this object is dropped; `deassign()`, or
    leaving a `with` block, removes it. `hits` and `last_value` keep their last state afterwards. Any thread
    may call everything here at any time, also while vCPUs run.
    """
    cdef VmTables tables
    cdef IoEntry *entry
    cdef Sink *sink
    cdef int own                            # the eventfd made for fd=None, or -1
    cdef int number                         # the descriptor number that was passed, or -1
    cdef object source                      # the object that was passed, kept so that it stays open

    def __cinit__(self):
        self.own = -1
        self.number = -1

    def __dealloc__(self):
        if self.own >= 0:
            io_close(self.own)
        if self.entry != NULL:
            io_entry_drop(self.entry)
            sink_drop(self.sink)

    @property
    def addr(self):
        """Port, guest-physical address or hypercall number."""
        return self.entry.addr

    @property
    def length(self):
        """Bytes that a write must have: 1, 2, 4 or 8; 0 for any."""
        return self.entry.length

    @property
    def bus(self):
        """'pio', 'mmio' or 'hypercall'."""
        return io_bus_name(self.entry.bus)

    @property
    def datamatch(self):
        """The value that a write must have; None for any."""
        return None if self.entry.wildcard else self.entry.datamatch

    @property
    def coalesce(self):
        """Whether the rings of one slice are added up into one write."""
        return bool(self.entry.coalesce)

    @property
    def hits(self):
        """Writes that matched. Those in the current slice of a running vCPU may be missing."""
        return at_load64(&self.entry.hits)

    @property
    def last_value(self):
        """The value of the last write that matched; None before the first."""
        return at_load64(&self.entry.last_value) if at_load64(&self.entry.hits) != 0 else None

    @property
    def registered(self):
        """Whether guest writes still match it."""
        cdef bint found
        self.tables.lock_writers()
        found = io_holds(self.tables.iotable, self.entry)
        self.tables.unlock_writers()
        return found

    @property
    def doorbell(self):
        """The Doorbell it rings; None if it rings an eventfd."""
        if self.sink.kind != SINK_BELL:
            return None
        if self.source is None:
            self.source = io_doorbell(self.sink)
        return self.source

    def fileno(self):
        """The eventfd to poll: the one that was passed, or the one made for fd=None. Do not close it."""
        if self.sink.kind == SINK_BELL:
            return self.doorbell.fileno()
        if self.own >= 0:
            return self.own
        return self.number if self.number >= 0 else self.sink.fd

    def read(self):
        """Take the rings since the last read; 0: there were none. Never waits."""
        if self.sink.kind == SINK_BELL:
            return self.doorbell.drain()
        return io_take_count(self.sink.fd)

    def _descriptor(self):
        """The core's own descriptor of the eventfd, for a back end; -1: it rings a Doorbell."""
        return self.sink.fd if self.sink.kind == SINK_EVENTFD else -1

    def deassign(self):
        """Remove the entry. When this returns, no guest write rings it any more; the counter keeps its value."""
        cdef bint removed
        self.tables.lock_writers()
        removed = io_remove(self.tables, self.entry)
        self.tables.unlock_writers()
        if not removed:
            raise io_not_found(self.entry.bus, self.addr, self.length, self.entry.wildcard, self.entry.datamatch)

    def close(self):
        """Remove the entry if it is still registered. May be called twice."""
        try:
            self.deassign()
        except OSError as error:
            if error.errno != IO_ENOENT:
                raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    @property
    def vm(self):
        """Its Vm."""
        return self.tables.seen()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "an eventfd")

    def __eq__(self, other):
        if not isinstance(other, IoEventFd):
            return NotImplemented
        return self.entry == (<IoEventFd>other).entry

    def __hash__(self):
        return hash(<uintptr_t>self.entry)

    def __repr__(self):
        cdef str where = io_where(self.entry.bus, self.entry.addr, self.entry.length,
                                  self.entry.wildcard, self.entry.datamatch)
        cdef str to = "doorbell" if self.sink.kind == SINK_BELL else f"fd {self.fileno()}"
        return f"<IoEventFd {where}, {to}, hits {self.hits}>"


cdef newfunc FACE_NEW = (<PyTypeObject*><PyObject*>IoEventFd).tp_new         # before factories.pxi replaces it


cdef IoEventFd io_face(VmTables vm):
    """A face without an entry, of the class that the back end has for it. It is made before the writer lock is taken,
    because under the lock no Python object may be allocated: that can run the garbage collector, and so a finalizer
    that takes the lock too."""
    cdef IoEventFd face
    cls = vm.entry_class
    if not (isinstance(cls, type) and issubclass(cls, IoEventFd)):
        raise TypeError("the entry_class of a back end must be an IoEventFd")
    face = FACE_NEW(cls, <PyObject*>(), NULL)
    face.tables = vm
    return face


cdef void io_show(IoEventFd face, IoEntry *e) noexcept:
    """Give a face its entry, with new references. The caller holds the writer lock."""
    face.entry = e
    face.sink = e.target
    at_add32(&e.refs, 1)
    at_add64(&e.target.refs, 1)


cdef object io_not_found(int bus, object addr, object length, bint wildcard, object datamatch):
    return OSError(IO_ENOENT, "no such ioeventfd is registered: "
                   f"{io_where(bus, addr, length, wildcard, datamatch)}; bus, address, length, datamatch "
                   "and eventfd must all be those of the registration (Vm.ioeventfds lists them)")


cdef uint64_t io_u64(object value, str name) except? 0:
    cdef object number = exact(value, name)
    if not 0 <= number <= UINT64_MAX:
        raise OSError(IO_EINVAL, f"{name} {shown(number)} is not a number of 64 bits")
    return number


cdef struct IoKey:                          # what identifies an entry, with its eventfd
    int bus
    uint64_t addr
    uint64_t length
    bint wildcard
    uint64_t datamatch


cdef bint io_key(IoKey *k, object addr, object bus, object datamatch, object flags) except -1:
    """Set everything except the length. If `flags` is not 0, it decides instead of `bus` and `datamatch is None`.
    1: it has DEASSIGN."""
    cdef object number = exact(flags, "flags")
    cdef int bits
    if not 0 <= number <= IO_FLAGS_KNOWN:
        raise OSError(IO_EINVAL, f"unknown bits in flags {shown(number)}: DATAMATCH is 1, PIO 2, DEASSIGN 4")
    bits = number
    k.bus = io_bus(bus)
    k.wildcard = datamatch is None
    if bits != 0:
        k.bus = BUS_PIO if bits & IO_FLAG_PIO else BUS_MMIO
        k.wildcard = not bits & IO_FLAG_DATAMATCH
    k.addr = io_u64(addr, "addr")
    k.datamatch = 0 if k.wildcard or datamatch is None else io_u64(datamatch, "datamatch")
    return (bits & IO_FLAG_DEASSIGN) != 0


cdef str io_text(IoKey *k):
    return io_where(k.bus, k.addr, k.length, k.wildcard, k.datamatch)


cdef enum:
    IO_CLOSED = 1                           # no errno: the Vm is closed


# -- Under the writer lock: C only, see io_face --

cdef int io_insert(VmTables vm, IoKey *k, bint coalesce, int fd, Sink *bell, IoEventFd face, IoKey *other) noexcept:
    """Register an entry for `bell` or, if that is NULL, for eventfd `fd`. Returns 0, IO_CLOSED or a negative
    errno. With -EEXIST, `other` is the key of an entry that it collides with."""
    cdef IoTable *t = vm.iotable
    cdef Sink *sink = bell
    cdef IoEntry *e = NULL
    cdef int error = 0
    if t == NULL:
        return IO_CLOSED
    if sink == NULL:
        sink = iotable_sink(t, fd, True, &error)
        if sink == NULL:
            return error
        if sink.entries == 0:
            irq_link_new(t, vm.vm, sink)
    error = iotable_add(t, k.bus, k.addr, <int>k.length, k.wildcard, k.datamatch, coalesce, sink, &e)
    if error == 0:
        io_show(face, e)
    elif sink.kind == SINK_EVENTFD and sink.entries == 0:
        io_forget(t, sink)
    if error == -IO_EEXIST:
        e = io_collider(t, k.bus, k.addr, <int>k.length, k.wildcard, k.datamatch)
        other[0] = IoKey(e.bus, e.addr, e.length, e.wildcard, e.datamatch)
    if t.retired_count != 0:                # the table grew: free its old memory now, before the next change
        vm.quiesce()
        iotable_reclaim(t)
    return error


cdef bint io_remove(VmTables vm, IoEntry *e) noexcept:
    """Remove an entry. When this returns, no vCPU rings it. 0: it is not registered."""
    if not io_holds(vm.iotable, e):
        return 0
    iotable_take(vm.iotable, e)
    vm.quiesce()
    iotable_reclaim(vm.iotable)
    return 1


cdef int io_remove_key(VmTables vm, IoKey *k, int fd, Sink *bell, IoEventFd face) noexcept:
    """Remove the entry with these properties that rings `bell` or eventfd `fd`. Returns 0, IO_CLOSED or a
    negative errno. -ENOENT: there is no such entry."""
    cdef Sink *sink = bell
    cdef IoEntry *e
    cdef int error = 0
    if vm.iotable == NULL:
        return IO_CLOSED
    if sink == NULL:
        sink = iotable_sink(vm.iotable, fd, False, &error)
    if error != 0:
        return error
    e = io_exact(vm.iotable, k.bus, k.addr, k.length, k.wildcard, k.datamatch)
    if e == NULL or e.target != sink:
        return -IO_ENOENT
    io_show(face, e)
    io_remove(vm, e)
    return 0


cdef IoEntry **io_all(VmTables vm, uint64_t *count, bint *failed) noexcept:
    """Every entry, in no order, each with a reference for the caller. `failed`: no memory."""
    cdef IoEntry **entries
    cdef uint64_t i
    count[0] = 0 if vm.iotable == NULL else vm.iotable.entries
    failed[0] = False
    if count[0] == 0:
        return NULL
    entries = <IoEntry **>malloc(count[0] * sizeof(IoEntry *))
    if entries == NULL:
        failed[0] = True
        return NULL
    iotable_list(vm.iotable, entries)
    for i in range(count[0]):
        at_add32(&entries[i].refs, 1)
        at_add64(&entries[i].target.refs, 1)
    return entries


# -- What Vm calls --

cdef object ioeventfd_assign(VmTables vm, object addr, object length, object bus, object datamatch, object fd,
                             bint coalesce, object flags):
    """Vm.ioeventfd(): register an entry and return its face.

    With `flags` 0, `bus` and `datamatch` decide. Other `flags` are KVM's and decide alone:

    - PIO: the bus is 'pio', without this bit 'mmio'.
    - DATAMATCH: `datamatch` counts, and None means 0. Without this bit any value matches.
    - DEASSIGN: the entry is removed, and the face returned is that of the removed entry.

    MMIO without datamatch has none of these bits. So it is `bus="mmio"` with flags 0.
    """
    cdef IoKey k
    cdef IoKey other
    cdef IoEventFd face
    cdef Sink *bell = (<Doorbell>fd).sink if isinstance(fd, Doorbell) else NULL
    cdef int fd_number = -1
    cdef int error
    if exact(flags, "flags") & IO_FLAG_DEASSIGN:
        return ioeventfd_deassign(vm, addr, length, bus, datamatch, fd, flags)
    io_key(&k, addr, bus, datamatch, flags)
    size = exact(length, "length")
    if size not in (0, 1, 2, 4, 8):
        raise OSError(IO_EINVAL, f"ioeventfd length {shown(size)}: use 1, 2, 4 or 8, or 0 for any size")
    k.length = size
    if k.addr + k.length < k.addr:
        raise OSError(IO_EINVAL, f"ioeventfd at {k.addr:#x}, length {k.length}, reaches past 2^64: "
                                 "use a lower address")
    if k.length == 0 and not k.wildcard:
        raise OSError(IO_EINVAL, "an ioeventfd of length 0 cannot have a datamatch: "
                                 "give the length of the writes to match")
    if fd is not None and bell == NULL:
        fd_number = io_number(fd)
    if k.bus == BUS_PIO and k.addr >= IO_PORTS:
        warnings.warn(f"port {k.addr:#x} is above 0xffff: this ioeventfd can never ring",
                      RuntimeWarning, stacklevel=1)
    if k.length < 8 and not k.wildcard and k.datamatch >> (8 * k.length) != 0:
        warnings.warn(f"datamatch {k.datamatch:#x} does not fit in {k.length} byte{'s' * (k.length > 1)}: "
                      "this ioeventfd can never ring",
                      RuntimeWarning, stacklevel=1)
    face = io_face(vm)
    if fd is None:
        face.own = io_eventfd(0, IO_EFD_CLOEXEC | IO_EFD_NONBLOCK)
        if face.own < 0:
            error = io_errno
            raise OSError(error, f"{os.strerror(error)}: no eventfd could be made; share one "
                                 "descriptor among entries, or pass a Doorbell()")
        fd_number = face.own
    else:
        face.number = fd_number
        face.source = fd
    vm.lock_writers()
    error = io_insert(vm, &k, coalesce, fd_number, bell, face, &other)
    vm.unlock_writers()
    if error == IO_CLOSED:
        raise OSError(IO_EBADF, "this Vm is closed")
    if error == -IO_EEXIST:
        raise OSError(IO_EEXIST, f"ioeventfd {io_text(&k)} collides with one registered there ({io_text(&other)}): "
                      "deassign that first, or give both the same length and different datamatch values")
    if error != 0:
        raise io_descriptor_error(error, fd)
    return face


cdef object ioeventfd_deassign(VmTables vm, object addr, object length, object bus, object datamatch, object fd,
                               object flags):
    """Remove an entry by its properties, through any descriptor of its eventfd ("removing" in docs/IO.md)."""
    cdef IoKey k
    cdef IoEventFd face = io_face(vm)
    cdef Sink *bell = (<Doorbell>fd).sink if isinstance(fd, Doorbell) else NULL
    cdef int fd_number = -1
    cdef int error
    io_key(&k, addr, bus, datamatch, flags)
    size = exact(length, "length")
    k.length = size if 0 <= size <= 8 else 9                # a bad length finds nothing (row D07)
    if fd is not None and bell == NULL:
        fd_number = io_number(fd)
    vm.lock_writers()
    error = io_remove_key(vm, &k, fd_number, bell, face)
    vm.unlock_writers()
    if error == IO_CLOSED:
        raise OSError(IO_EBADF, "this Vm is closed")
    if error == -IO_ENOENT:
        raise io_not_found(k.bus, k.addr, size, k.wildcard, k.datamatch)
    if error != 0:
        raise io_descriptor_error(error, fd)
    return face


cdef tuple ioeventfd_list(VmTables vm):
    """Vm.ioeventfds: a face for every entry, in the order of registration."""
    cdef IoEntry **entries
    cdef IoEventFd face
    cdef list faces = []
    cdef uint64_t count, i, shown_ = 0
    cdef bint failed
    vm.lock_writers()
    entries = io_all(vm, &count, &failed)
    vm.unlock_writers()
    if failed:
        raise MemoryError("no memory for the list of ioeventfds")
    try:
        while shown_ < count:
            face = io_face(vm)
            face.entry = entries[shown_]
            face.sink = face.entry.target
            shown_ += 1
            faces.append(face)
    finally:
        for i in range(shown_, count):
            sink_drop(entries[i].target)
            io_entry_drop(entries[i])
        free(entries)
    faces.sort(key=lambda face: (<IoEventFd>face).entry.serial)
    return tuple(faces)
