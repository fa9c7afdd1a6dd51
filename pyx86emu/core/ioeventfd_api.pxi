# The Python face of ioeventfds: IoEventFd, Doorbell, and what Vm calls to register. Know errno, not hashing.

import os
import warnings

cdef class Vm


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


cdef int io_number(object fd) except? -1:
    """The descriptor number that an argument means; -1 if no descriptor can have it."""
    cdef long long number
    if not isinstance(fd, int):
        fileno = getattr(fd, "fileno", None)
        if fileno is None:
            raise TypeError(f"fd must be None, an int, a Doorbell or have fileno(), not {fd!r}")
        fd = fileno()
    try:
        number = fd
    except OverflowError:
        return -1
    return <int>number if 0 <= number <= 0x7FFFFFFF else -1


cdef object io_descriptor_error(int error, object fd):
    """The exception for a descriptor that cannot be rung."""
    if error == -IO_EBADF:
        return OSError(IO_EBADF, f"{fd!r} is not an open descriptor: pass an open eventfd, "
                                 "or fd=None to have one made")
    if error == -IO_EINVAL:
        return OSError(IO_EINVAL, f"descriptor {fd!r} is not an eventfd: make one with os.eventfd(), "
                                  "pass fd=None, or a Doorbell() to count without a descriptor")
    return OSError(-error, f"{os.strerror(-error)} while duplicating descriptor {fd!r}")


cdef object io_take_count(int fd):
    """Read an eventfd without waiting, whether it is a blocking one or not: 0 when it is empty."""
    cdef uint64_t count = 0
    cdef io_iovec part
    cdef io_pollfd p
    cdef long n
    cdef int error = 0
    part.iov_base = &count
    part.iov_len = 8
    with nogil:
        n = io_syscall(IO_SYS_PREADV2, <long>fd, &part, <long>1, <long>-1, <long>-1,
                       <long>IO_RWF_NOWAIT)
        if n < 0:
            error = io_errno
        if error != 0 and error != IO_EAGAIN and error != IO_EBADF:
            # A kernel before 5.8. Another reader may come between these lines; then this one waits.
            p.fd = fd
            p.events = IO_POLLIN
            p.revents = 0
            error = IO_EAGAIN
            if io_poll(&p, 1, 0) == 1 and p.revents & IO_POLLIN:
                n = io_read(fd, &count, 8)
                error = 0 if n == 8 else io_errno
    if error != 0 and error != IO_EAGAIN:
        raise OSError(error, f"{os.strerror(error)} while reading eventfd {fd}")
    return count


cdef class Doorbell:
    """A counter that ioeventfds ring: no descriptor, no system call.

    One Doorbell may serve any number of entries, buses, vCPUs and Vms. With `notify`, an eventfd is
    written once whenever the count leaves 0 since the last `drain()`: read that descriptor first,
    then drain.

    >>> bell = Doorbell()
    >>> bell.ring()
    >>> bell.ring(2)
    >>> bell.drain(), bell.drain(), bell.count
    (3, 0, 3)
    """
    cdef Sink *sink
    cdef object notify                      # what was passed: it must not be closed before us

    def __cinit__(self, *args, **kwargs):
        self.sink = <Sink *>calloc(1, sizeof(Sink))
        if self.sink == NULL:
            raise MemoryError
        self.sink.kind = SINK_BELL
        self.sink.refs = 1

    def __init__(self, notify=None):
        cdef int error = 0
        cdef int fd
        cdef Sink *target = NULL
        if self.sink.notify != NULL:
            raise RuntimeError("a Doorbell is initialised once")
        if notify is not None:
            fd = io_number(notify)
            with nogil:
                if fd < 0:
                    error = -IO_EBADF
                else:
                    target = sink_open(fd, &error)
            if target == NULL:
                raise io_descriptor_error(error, notify)
        self.sink.notify = target
        self.notify = notify

    def __dealloc__(self):
        sink_drop(self.sink)

    @property
    def count(self):
        """All rings so far; those of a running vCPU's current slice may be missing."""
        return self.sink.drained + io_load(&self.sink.pending)

    def ring(self, n=1):
        """Ring `n` times."""
        cdef uint64_t times
        if n < 0:
            raise ValueError(f"a doorbell cannot be rung {n} times")
        times = n
        if times != 0:
            with nogil:
                sink_signal(self.sink, times)

    def drain(self):
        """The rings since the last drain."""
        cdef uint64_t n = io_exchange(&self.sink.pending, 0)
        self.sink.drained += n
        return n

    def fileno(self):
        """The descriptor passed as `notify`."""
        if self.sink.notify == NULL:
            raise OSError(IO_EBADF, "this Doorbell has no descriptor: "
                                    "make it with Doorbell(notify=eventfd)")
        return self.sink.notify.number

    def __repr__(self):
        cdef str notify = "" if self.sink.notify == NULL else f" notify {self.sink.notify.number}"
        return f"<Doorbell count {self.count}{notify}>"


cdef Doorbell io_doorbell(Sink *s):
    """A Doorbell object for a bell that an entry rings."""
    cdef Doorbell bell = Doorbell.__new__(Doorbell)
    io_fetch_add(&s.refs, 1)
    bell.sink = s
    return bell


cdef class IoEventFd:
    """One registered entry: guest writes that match it ring its eventfd or Doorbell, without an exit.

    `Vm.ioeventfd()` makes it. The entry stays registered when this object is dropped; `deassign()`, or
    leaving a `with` block, removes it. `hits` and `last_value` keep their last state afterwards.
    """
    cdef readonly Vm vm
    cdef IoEntry *entry
    cdef Sink *sink
    cdef int own                            # the eventfd made for fd=None, or -1
    cdef int number                         # the descriptor number that was passed, or -1
    cdef object source                      # what it was passed in: kept open as long as we are

    def __cinit__(self):
        self.own = -1
        self.number = -1

    def __init__(self):
        raise TypeError("an IoEventFd is made by Vm.ioeventfd()")

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
        """Writes that matched; those of a running vCPU's current slice may be missing."""
        return io_load(&self.entry.hits)

    @property
    def last_value(self):
        """The value of the last write that matched; None before the first."""
        return io_load(&self.entry.last_value) if io_load(&self.entry.hits) != 0 else None

    @property
    def registered(self):
        """Whether guest writes still match it."""
        cdef bint found
        self.vm.lock_writers()
        found = io_holds(self.vm.iotable, self.entry)
        self.vm.unlock_writers()
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
        """The rings since the last read; 0 when there were none. Never waits."""
        if self.sink.kind == SINK_BELL:
            return self.doorbell.drain()
        return io_take_count(self.sink.fd)

    def deassign(self):
        """Remove the entry. When this returns, no guest write rings it any more; the counter keeps its value."""
        cdef Vm vm = self.vm
        cdef int error
        vm.lock_writers()
        try:
            error = (iotable_take(vm.iotable, self.entry) if io_holds(vm.iotable, self.entry)
                     else -IO_ENOENT)
            if error == 0:
                vm.quiesce()
                iotable_reclaim(vm.iotable)
        finally:
            vm.unlock_writers()
        if error != 0:
            raise io_not_found(error, self.entry.bus, self.addr, self.length,
                               self.entry.wildcard, self.entry.datamatch)

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


cdef IoEventFd io_face(Vm vm, IoEntry *e):
    """A Python face of an entry. The caller holds the writer lock."""
    cdef IoEventFd face = IoEventFd.__new__(IoEventFd)
    face.vm = vm
    face.entry = e
    face.sink = e.target
    io_fetch_add32(&e.refs, 1)
    io_fetch_add(&e.target.refs, 1)
    return face


cdef object io_not_found(int error, int bus, object addr, object length, bint wildcard,
                         object datamatch):
    if error == -IO_ENOMEM:
        return MemoryError()
    return OSError(IO_ENOENT, "no such ioeventfd is registered: "
                   f"{io_where(bus, addr, length, wildcard, datamatch)}; bus, address, length, datamatch "
                   "and eventfd must all be those of the registration (Vm.ioeventfds lists them)")


cdef int io_flags(object flags, int *bus, bint *wildcard, bint *deassign) except -1:
    """Let KVM's flag word, if one was given, decide instead of `bus` and `datamatch is None`."""
    cdef int bits
    if not 0 <= flags <= IO_FLAGS_KNOWN:
        raise OSError(IO_EINVAL, f"unknown bits in flags {flags:#x}: DATAMATCH is 1, PIO 2, DEASSIGN 4")
    bits = flags
    if bits != 0:
        bus[0] = BUS_PIO if bits & IO_FLAG_PIO else BUS_MMIO
        wildcard[0] = not bits & IO_FLAG_DATAMATCH
        deassign[0] = (bits & IO_FLAG_DEASSIGN) != 0
    return 0


cdef uint64_t io_u64(object value, str name) except? 0:
    if isinstance(value, int) and not 0 <= value <= 0xFFFFFFFFFFFFFFFF:
        raise OSError(IO_EINVAL, f"{name} {value:#x} is not a number of 64 bits")
    return value


cdef object ioeventfd_assign(Vm vm, object addr, object length, object bus, object datamatch, object fd,
                             bint coalesce, object flags):
    """Vm.ioeventfd(): register an entry and return its face.

    With `flags` 0 the entry is what `bus` and `datamatch` say. A `flags` that is not 0 is KVM's word for
    one call and decides alone: PIO chooses the bus ('mmio' without it), DATAMATCH whether `datamatch`
    counts (None is 0 then), DEASSIGN makes the call remove the entry; the face returned is the removed
    entry's. Hence a raw MMIO wildcard is `bus="mmio"` with flags 0.
    """
    cdef bint wildcard = datamatch is None
    cdef bint deassign = False
    cdef int bus_number = io_bus(bus)
    cdef uint64_t where
    cdef uint64_t value
    cdef int size
    cdef int fd_number = -1
    cdef int made = -1
    cdef int error = 0
    cdef Sink *sink = NULL
    cdef IoEntry *e = NULL
    cdef IoEventFd face
    if flags & IO_FLAG_DEASSIGN:
        return ioeventfd_deassign(vm, addr, length, bus, datamatch, fd, flags)
    if length not in (0, 1, 2, 4, 8):
        raise OSError(IO_EINVAL, f"ioeventfd length {length}: use 1, 2, 4 or 8, or 0 for any size")
    size = length
    where = io_u64(addr, "ioeventfd address")
    if where + <uint64_t>size < where:
        raise OSError(IO_EINVAL, f"ioeventfd at {addr:#x}, length {length}, reaches past 2^64: "
                                 "use a lower address")
    io_flags(flags, &bus_number, &wildcard, &deassign)
    if size == 0 and not wildcard:
        raise OSError(IO_EINVAL, "an ioeventfd of length 0 cannot have a datamatch: "
                                 "give the length of the writes to match")
    value = 0 if wildcard or datamatch is None else io_u64(datamatch, "datamatch")
    if isinstance(fd, Doorbell):
        sink = (<Doorbell>fd).sink
    elif fd is not None:
        fd_number = io_number(fd)
    if bus_number == BUS_PIO and where >= IO_PORTS:
        warnings.warn(f"port {where:#x} is above 0xffff: this ioeventfd can never ring",
                      RuntimeWarning, stacklevel=1)
    if size < 8 and value >> (8 * size & 63) != 0 and not wildcard:
        warnings.warn(f"datamatch {value:#x} does not fit in {size} byte{'s' * (size > 1)}: "
                      "this ioeventfd can never ring",
                      RuntimeWarning, stacklevel=1)
    if fd is None:
        made = io_eventfd(0, IO_EFD_CLOEXEC | IO_EFD_NONBLOCK)
        if made < 0:
            raise OSError(io_errno, f"{os.strerror(io_errno)}: no eventfd could be made; share one "
                                    "descriptor among entries, or pass a Doorbell()")
        fd_number = made
    try:
        vm.lock_writers()
        try:
            if vm.iotable == NULL:
                raise OSError(IO_EBADF, "this Vm is closed")
            if sink == NULL:
                sink = iotable_sink(vm.iotable, fd_number, True, &error)
                if sink == NULL:
                    raise io_descriptor_error(error, fd)
            error = iotable_add(vm.iotable, bus_number, where, size, wildcard, value, coalesce, sink, &e)
            if error != 0:
                if sink.kind == SINK_EVENTFD and sink.entries == 0:
                    io_forget(vm.iotable, sink)
                if error == -IO_EEXIST:
                    e = io_collider(vm.iotable, bus_number, where, size, wildcard, value)
                    raise OSError(IO_EEXIST, f"ioeventfd {io_where(bus_number, where, size, wildcard, value)}"
                                  " collides with one registered there ("
                                  f"{io_where(e.bus, e.addr, e.length, e.wildcard, e.datamatch)}): deassign "
                                  "that first, or give both the same length and different datamatch values")
                raise MemoryError
            face = io_face(vm, e)
            if vm.iotable.retired_count != 0:
                # The table grew. Its old self is freed here, not with the next deregistration.
                vm.quiesce()
                iotable_reclaim(vm.iotable)
        finally:
            vm.unlock_writers()
    except BaseException:
        if made >= 0:
            io_close(made)
        raise
    face.own = made
    if made < 0:
        face.number = fd_number
        face.source = fd
    return face


cdef object ioeventfd_deassign(Vm vm, object addr, object length, object bus, object datamatch, object fd,
                               object flags):
    """Remove an entry by its properties, through any descriptor of its eventfd (spec section 6)."""
    cdef bint wildcard = datamatch is None
    cdef bint deassign = True
    cdef int bus_number = io_bus(bus)
    cdef uint64_t where
    cdef uint64_t value
    cdef uint64_t size
    cdef int fd_number
    cdef int error = 0
    cdef Sink *sink
    cdef IoEntry *e = NULL
    cdef IoEventFd face = None
    io_flags(flags, &bus_number, &wildcard, &deassign)
    where = io_u64(addr, "ioeventfd address")
    value = 0 if wildcard or datamatch is None else io_u64(datamatch, "datamatch")
    size = length if 0 <= length <= 8 else 9                # a bad length finds nothing (spec D07)
    fd_number = -1 if isinstance(fd, Doorbell) or fd is None else io_number(fd)
    vm.lock_writers()
    try:
        if vm.iotable == NULL:
            raise OSError(IO_EBADF, "this Vm is closed")
        if isinstance(fd, Doorbell):
            sink = (<Doorbell>fd).sink
        else:
            sink = iotable_sink(vm.iotable, fd_number, False, &error)
            if sink == NULL and error != -IO_ENOENT:
                raise io_descriptor_error(error, fd)
        e = io_exact(vm.iotable, bus_number, where, size, wildcard, value)
        if sink == NULL or e == NULL or e.target != sink:
            raise io_not_found(-IO_ENOENT, bus_number, addr, length, wildcard, value)
        face = io_face(vm, e)
        error = iotable_take(vm.iotable, e)
        if error != 0:
            raise MemoryError
        vm.quiesce()
        iotable_reclaim(vm.iotable)
    finally:
        vm.unlock_writers()
    return face


cdef tuple ioeventfd_list(Vm vm):
    """Vm.ioeventfds: a face for every entry, in the order of registration."""
    cdef IoEntry **entries = NULL
    cdef list faces = []
    cdef uint64_t i
    vm.lock_writers()
    try:
        if vm.iotable != NULL and vm.iotable.entries != 0:
            entries = <IoEntry **>malloc(vm.iotable.entries * sizeof(IoEntry *))
            if entries == NULL:
                raise MemoryError
            iotable_list(vm.iotable, entries)
            for i in range(vm.iotable.entries):
                faces.append((entries[i].serial, io_face(vm, entries[i])))
    finally:
        free(entries)
        vm.unlock_writers()
    faces.sort(key=lambda pair: pair[0])
    return tuple([face for _, face in faces])
