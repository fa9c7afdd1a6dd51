# Devices in Python: keep which methods answer which addresses (Range), and call them for the guest (push).
#
# A Range divides an access that is wider than its device. All callers use it, so all get the same pieces.

cdef extern from "Python.h" nogil:
    PyObject* PyTuple_GET_ITEM(PyObject*, Py_ssize_t)
    Py_ssize_t PyTuple_GET_SIZE(PyObject*)


# -- the record -------------------------------------------------------------------------------------------

@cython.final
cdef class Range:
    """Addresses `start` to `end` - 1 of a bus, and the methods that answer them: read(offset, size) and write(offset,
    size, value), with offsets from `base`. `name` is its name in messages. `holder` is the object that it belongs to.

    An access that is wider than `max_size` bytes reaches the methods in pieces, lowest address first. What they answer
    beyond the width of a piece is dropped. This holds for all callers: the guest (push), dispatch() for an exit, and
    the host. `Bus.attach` makes a Range for each range of a device, and opens it after the device is reset.
    `block`: a BlockPort at `block_addr`, or None.
    """

    cdef readonly uint64_t start
    cdef readonly uint64_t end
    cdef readonly object name
    cdef readonly object holder
    cdef uint64_t base
    cdef int max_size
    cdef int kind                                # RANGE_*
    cdef int row                                 # RANGE_CHIP: which chip of the table
    cdef object reader
    cdef object writer
    cdef BlockPort block
    cdef uint64_t block_addr                     # no address of the range, if there is no block

    def __cinit__(self, start=None, end=None, base=None, max_size=None, read=None, write=None, name="",
                  holder=None, block=None, block_addr=None):
        if not callable(read) or not callable(write):
            raise TypeError("Range objects are made by Bus.attach()")
        self.start, self.end, self.base = natural(start, "start"), natural(end, "end"), natural(base, "base")
        if not self.base <= self.start < self.end:
            raise BusError(f"a range of {self.start:#x} to {self.end:#x}, counted from {self.base:#x}: give it a byte")
        max_size = exact(max_size, "max_size")
        if max_size not in (1, 2, 4, 8):
            raise ValueError(f"max_size={shown(max_size, 'd')}: a device takes 1, 2, 4 or 8 bytes at a time")
        self.max_size = max_size
        self.reader, self.writer, self.name, self.holder = read, write, name, holder
        self.block_addr = self.end if block_addr is None else natural(block_addr, "block_addr")
        if block is None:
            self.block_addr = self.end
        elif type(block) is not BlockPort or block_addr is None:
            raise TypeError(f"the block port of {name} is no BlockPort with an address but {type(block).__name__}")
        else:
            self.block = block
        self.kind = RANGE_CLAIMED

    def open(self, pull):
        """The device is ready: from now on the core calls it. With `pull` accesses exit, and dispatch() serves them."""
        cdef bint exits = truth(pull, "pull")
        if self.kind == RANGE_CLAIMED:
            self.kind = RANGE_PULL if exits else RANGE_PUSH

    def read(self, addr, size):
        """Read from the device. ValueError: the access is not inside the range."""
        cdef uint64_t at = natural(addr, "addr")
        cdef int n = whole(size, "size", 1, 8)
        self.check(at, n)
        return self.call_read(at, n)

    def write(self, addr, size, value):
        """Write to the device. ValueError: the access is not inside the range."""
        cdef uint64_t at = natural(addr, "addr"), v = natural(value, "value")
        cdef int n = whole(size, "size", 1, 8)
        self.check(at, n)
        self.call_write(at, n, v & ones(n))

    cdef int check(self, uint64_t addr, int size) except -1:
        if addr < self.start or addr >= self.end or <uint64_t>size > self.end - addr:
            raise ValueError(f"{size} bytes at {addr:#x} are not inside {self.start:#x}-{self.end - 1:#x}")
        return 0

    cdef uint64_t call_read(self, uint64_t addr, int size) except? 0xFFFFFFFFFFFFFFFF:
        cdef uint64_t offset = addr - self.base, value = 0
        cdef int at = 0, n
        if size <= self.max_size:
            return PyLong_AsUnsignedLongLongMask(self.reader(offset, size)) & ones(size)
        while at < size:
            n = min(self.max_size, size - at)
            value |= (PyLong_AsUnsignedLongLongMask(self.reader(offset + at, n)) & ones(n)) << 8 * at
            at += n
        return value

    cdef int call_write(self, uint64_t addr, int size, uint64_t value) except -1:
        cdef uint64_t offset = addr - self.base
        cdef int at = 0, n
        if size <= self.max_size:
            self.writer(offset, size, value)
            return 0
        while at < size:
            n = min(self.max_size, size - at)
            self.writer(offset + at, n, value >> 8 * at & ones(n))
            at += n
        return 0


# The ranges of a bus are a sorted tuple without overlaps. It is only replaced as a whole (face/ranges.pxi). The core
# reads it without the GIL and takes no reference. This is safe because the tuple is not replaced while a vCPU of its
# Vm is inside the core.

@cython.nonecheck(False)
cdef inline PyObject* range_at(PyObject* ranges, uint64_t addr, int size) noexcept nogil:
    """The Range that holds the whole access, or NULL."""
    cdef Py_ssize_t lo = 0, hi, mid
    cdef PyObject* r
    if ranges == NULL:
        return NULL
    hi = PyTuple_GET_SIZE(ranges)
    while lo < hi:
        mid = (lo + hi) >> 1
        r = PyTuple_GET_ITEM(ranges, mid)
        if addr >= (<Range>r).end:
            lo = mid + 1
        elif addr < (<Range>r).start:
            hi = mid
        else:
            return r if <uint64_t>size <= (<Range>r).end - addr else NULL
    return NULL


@cython.nonecheck(False)
cdef inline int kind_of(PyObject* r) noexcept nogil:
    return (<Range>r).kind


@cython.nonecheck(False)
cdef inline int row_of(PyObject* r) noexcept nogil:
    """Which chip of the table has this Range of RANGE_CHIP."""
    return (<Range>r).row


@cython.nonecheck(False)
cdef inline PyObject* block_of(PyObject* r, uint64_t addr) noexcept nogil:
    """The block port at this address, or NULL."""
    return <PyObject*>(<Range>r).block if (<Range>r).block_addr == addr else NULL


cdef inline bint push_block_read(PyObject* r, uint64_t addr, int size, uint64_t* value) noexcept nogil:
    """Serve a read from the block of its port. 0: the device has to be called."""
    cdef PyObject* block = block_of(r, addr)
    return block != NULL and block_read(block, size, value)


cdef inline bint push_block_write(PyObject* r, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """The same for a write."""
    cdef PyObject* block = block_of(r, addr)
    return block != NULL and block_write(block, size, value)


cdef inline PyObject* answering(VM* vm, int bus, uint64_t addr, int size) noexcept nogil:
    """The Range that the core serves itself; NULL: the access exits."""
    cdef PyObject* r = range_at(vm.ranges[bus], addr, size)
    return r if r != NULL and kind_of(r) > RANGE_PULL else NULL


# -- push -------------------------------------------------------------------------------------------------

# Ranges change only under the GIL (see Vm.stop()). If the vCPU has had the GIL all the time, the Range that it found is
# still valid. Else it is looked up again.

cdef bint push_write(CPU* c, Op* o, PyObject* r, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Call the device. 0: it was detached while this vCPU waited for the GIL."""
    cdef bint taken
    ask_device(c, o)
    if not take_gil(c):
        r = answering(c.vm, bus, addr, size)
    taken = PYTHON_WRITE(c, r, bus, addr, size, value)
    device_asked(c)
    return taken


cdef uint64_t push_read(CPU* c, Op* o, PyObject* r, int bus, uint64_t addr, int size) noexcept nogil:
    cdef uint64_t v
    keep_code(c, o)
    ask_device(c, o)
    if not take_gil(c):
        r = answering(c.vm, bus, addr, size)
    v = PYTHON_READ(c, r, bus, addr, size)
    device_asked(c)
    return v


cdef bint python_write(CPU* c, PyObject* r, int bus, uint64_t addr, int size, uint64_t value) noexcept:
    """Call the device, with the GIL. 0: it was detached."""
    cdef Range found
    if r == NULL or kind_of(r) != RANGE_PUSH:
        return 0
    found = <Range>r                             # a reference, since the call may detach the device
    try:
        found.call_write(addr, size, value)
    except BaseException as e:
        device_raised(c, e, bus, addr, size, 1)
    return 1


cdef uint64_t python_read(CPU* c, PyObject* r, int bus, uint64_t addr, int size) noexcept:
    cdef Range found
    if r == NULL or kind_of(r) != RANGE_PUSH:    # it was detached: the instruction is run again
        return LOAD_FAILED
    found = <Range>r
    try:
        return found.call_read(addr, size)
    except NotYet:                               # the run has to end: see wait_ends()
        return LOAD_FAILED
    except BaseException as e:
        device_raised(c, e, bus, addr, size, 0)
        return LOAD_FAILED


# Both are called after take_gil(), so with the GIL. The compiler cannot know this: the types say nogil.
cdef bint (*PYTHON_WRITE)(CPU*, PyObject*, int, uint64_t, int, uint64_t) noexcept nogil
cdef uint64_t (*PYTHON_READ)(CPU*, PyObject*, int, uint64_t, int) noexcept nogil
PYTHON_WRITE = <bint (*)(CPU*, PyObject*, int, uint64_t, int, uint64_t) noexcept nogil>python_write
PYTHON_READ = <uint64_t (*)(CPU*, PyObject*, int, uint64_t, int) noexcept nogil>python_read


cdef void device_raised(CPU* c, object e, int bus, uint64_t addr, int size, bint write) noexcept:
    """Keep an exception of a device for run() to raise, with a note that names the access and CS:IP."""
    try:
        e.add_note(f"while the guest {'wrote' if write else 'read'} {size} byte{'s' * (size > 1)} at "
                   f"{'port' if bus == BUS_PIO else 'address'} {addr:#x}, at {c.arch.sb[CS] >> 4:04x}:{c.arch.ip:04x}")
    except Exception:
        pass
    keep_exception(c, e)
    c.run.attn |= ATTN_LOOK
