# Devices in Python: Range is the record of who answers which addresses; push calls it for the guest. It cuts what is
# wider than a device, for every caller.

cdef extern from "Python.h" nogil:
    PyObject* PyTuple_GET_ITEM(PyObject*, Py_ssize_t)
    Py_ssize_t PyTuple_GET_SIZE(PyObject*)


# -- the record -------------------------------------------------------------------------------------------

@cython.final
cdef class Range:
    """Addresses `start` to `end` - 1 of a bus, and the methods that answer them: read(offset, size) and write(offset,
    size, value), with offsets from `base`. `name` is what messages call it, `holder` what it belongs to.

    An access that is wider than `max_size` bytes reaches the methods in pieces, lowest address first; what they answer
    beyond the width of a piece is dropped. Whoever asks the device does it here: the guest by push, dispatch() for an
    exit, the host. `Bus.attach` makes one for each range of a device, and opens it once the device is reset.
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

    def __cinit__(self, start=None, end=None, base=None, max_size=None, read=None, write=None, name="",
                  holder=None):
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
        self.kind = RANGE_CLAIMED

    def open(self, pull):
        """The device is ready: the core calls it from now on. With `pull` accesses exit, for dispatch() to serve."""
        if self.kind == RANGE_CLAIMED:
            self.kind = RANGE_PULL if pull else RANGE_PUSH

    def read(self, addr, size):
        """What the device answers to a read that lies in its range. ValueError: it does not."""
        cdef uint64_t at = natural(addr, "addr")
        cdef int n = whole(size, "size", 1, 8)
        self.check(at, n)
        return self.call_read(at, n)

    def write(self, addr, size, value):
        """Write what lies in its range. ValueError: it does not."""
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


# The ranges of a bus are a tuple, sorted, without overlaps, which is replaced as a whole (face/ranges.pxi). The core
# looks in it without the GIL and takes no reference: while a vCPU is inside, the tuple of its Vm stays as it is.

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


cdef inline PyObject* answering(VM* vm, int bus, uint64_t addr, int size) noexcept nogil:
    """The Range whose device the core asks itself, or NULL: the access exits."""
    cdef PyObject* r = range_at(vm.ranges[bus], addr, size)
    return r if r != NULL and kind_of(r) > RANGE_PULL else NULL


# -- push -------------------------------------------------------------------------------------------------

# Ranges come and go only under the GIL (see Vm.stop()): the one that was found is still good if the GIL was ours all
# the time, else it is looked up again.

cdef bint push_write(CPU* c, Op* o, PyObject* r, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """0: the device has gone while we waited for the GIL."""
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
    """0: the device has gone."""
    cdef Range found
    if r == NULL or kind_of(r) != RANGE_PUSH:
        return 0
    found = <Range>r                             # it may be detached by what it does
    try:
        found.call_write(addr, size, value)
    except BaseException as e:
        device_raised(c, e, bus, addr, size, 1)
    return 1


cdef uint64_t python_read(CPU* c, PyObject* r, int bus, uint64_t addr, int size) noexcept:
    cdef Range found
    if r == NULL or kind_of(r) != RANGE_PUSH:    # gone meanwhile: the instruction looks again
        return LOAD_FAILED
    found = <Range>r
    try:
        return found.call_read(addr, size)
    except BaseException as e:
        device_raised(c, e, bus, addr, size, 0)
        return LOAD_FAILED


# take_gil() has the GIL, which the compiler cannot know.
cdef bint (*PYTHON_WRITE)(CPU*, PyObject*, int, uint64_t, int, uint64_t) noexcept nogil
cdef uint64_t (*PYTHON_READ)(CPU*, PyObject*, int, uint64_t, int) noexcept nogil
PYTHON_WRITE = <bint (*)(CPU*, PyObject*, int, uint64_t, int, uint64_t) noexcept nogil>python_write
PYTHON_READ = <uint64_t (*)(CPU*, PyObject*, int, uint64_t, int) noexcept nogil>python_read


cdef void device_raised(CPU* c, object e, int bus, uint64_t addr, int size, bint write) noexcept:
    """Keep it for run() to raise, with a note saying where the guest was."""
    try:
        e.add_note(f"while the guest {'wrote' if write else 'read'} {size} byte{'s' * (size > 1)} at "
                   f"{'port' if bus == BUS_PIO else 'address'} {addr:#x}, at {c.arch.sb[CS] >> 4:04x}:{c.arch.ip:04x}")
    except Exception:
        pass
    keep_exception(c, e)
    c.run.attn |= ATTN_LOOK
