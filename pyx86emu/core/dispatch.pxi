# From an exit to the device that owns its address: what a Bus of Python devices does for each exit.

@cython.final
cdef class Owner:
    """Addresses `start` to `end` - 1 and the bound methods that answer them: read(offset, size) and write(offset,
    size, value), with offsets from `base`. Accesses wider than `most` bytes are cut, lowest address first."""

    cdef readonly uint64_t start
    cdef readonly uint64_t end
    cdef uint64_t base
    cdef int most
    cdef object reader
    cdef object writer

    def __init__(self, start, end, base, most, read, write):
        self.start, self.end, self.base, self.most = start, end, base, most
        self.reader, self.writer = read, write

    cpdef read(self, uint64_t addr, int size):
        """What the device answers to a read that lies in its range."""
        cdef uint64_t offset = addr - self.base, value = 0
        cdef int at, n
        if size <= self.most:
            return self.reader(offset, size)
        for at in range(0, size, self.most):
            n = min(self.most, size - at)
            value |= (PyLong_AsUnsignedLongLongMask(self.reader(offset + at, n)) & ones(n)) << 8 * at
        return value

    cpdef write(self, uint64_t addr, int size, uint64_t value):
        """Write what lies in its range."""
        cdef uint64_t offset = addr - self.base
        cdef int at, n
        if size <= self.most:
            self.writer(offset, size, value)
            return
        for at in range(0, size, self.most):
            n = min(self.most, size - at)
            self.writer(offset + at, n, value >> 8 * at & ones(n))


cdef class Dispatcher:
    """The base of a Bus: `_owners`, sorted by address, and who of them owns an access."""

    cdef readonly list _owners

    def __cinit__(self, *args, **kwargs):
        self._owners = []

    def find(self, addr, size):
        """The Owner of the whole access, or None."""
        return self.owner(addr, size)

    cdef Owner owner(self, uint64_t addr, int size):
        cdef list owners = self._owners
        cdef Owner owner
        cdef Py_ssize_t lo = 0, hi = len(owners), mid
        while lo < hi:
            mid = (lo + hi) >> 1
            owner = <Owner>owners[mid]
            if addr >= owner.end:
                lo = mid + 1
            elif addr < owner.start:
                hi = mid
            else:
                return owner if addr + size <= owner.end else None
        return None

    def dispatch(self, Exit exit not None):
        """Serve an IO or MMIO exit from the attached devices; False if none owns the access.

        while (exit := vcpu.run()).reason is ExitReason.IO:
            vm.pio.dispatch(exit)
        """
        cdef int size = exit.size
        cdef Owner owner = self.owner(exit.addr, size)
        if owner is None:
            return False
        if exit.write:
            owner.write(exit.addr, size, exit.value)
        else:
            exit.reply_one(owner.read(exit.addr, size))
        return True
