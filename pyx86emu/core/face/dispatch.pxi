# From an exit to the device that owns its address: what a Bus of Python devices does for each exit.

@cython.final
cdef class Owner:
    """Addresses `start` to `end` - 1 and the bound methods that answer them: read(offset, size) and write(offset,
    size, value), with offsets from `base`. Accesses wider than `most` bytes are cut, lowest address first. `holder` is
    what the owner belongs to."""

    cdef readonly uint64_t start
    cdef readonly uint64_t end
    cdef readonly object holder
    cdef uint64_t base
    cdef int most
    cdef object reader
    cdef object writer

    def __cinit__(self, start=None, end=None, base=None, most=None, read=None, write=None, holder=None):
        if not callable(read) or not callable(write):
            raise TypeError("Owner objects are made by Bus.attach()")
        self.start, self.end, self.base = natural(start, "start"), natural(end, "end"), natural(base, "base")
        if not self.base <= self.start < self.end:
            raise BusError(f"an owner of {self.start:#x} to {self.end:#x}, counted from {self.base:#x}: give a range")
        most = exact(most, "max_size")
        if most not in (1, 2, 4, 8):
            raise ValueError(f"max_size={shown(most, 'd')}: a device takes 1, 2, 4 or 8 bytes at a time")
        self.most = most
        self.reader, self.writer, self.holder = read, write, holder

    cdef bint holds(self, uint64_t addr, int size) noexcept:
        return self.start <= addr and addr < self.end and <uint64_t>size <= self.end - addr

    def read(self, addr, size):
        """What the device answers to a read that lies in its range. ValueError: it does not."""
        cdef uint64_t at = natural(addr, "addr")
        cdef int n = whole(size, "size", 1, 8)
        if not self.holds(at, n):
            raise ValueError(f"{n} bytes at {at:#x} are not inside {self.start:#x}-{self.end - 1:#x}")
        return self.ask(at, n)

    def write(self, addr, size, value):
        """Write what lies in its range. ValueError: it does not."""
        cdef uint64_t at = natural(addr, "addr"), v = natural(value, "value")
        cdef int n = whole(size, "size", 1, 8)
        if not self.holds(at, n):
            raise ValueError(f"{n} bytes at {at:#x} are not inside {self.start:#x}-{self.end - 1:#x}")
        self.tell(at, n, v & ones(n))

    cdef object ask(self, uint64_t addr, int size):
        """What a device answers beyond the width is dropped, as when the core calls it."""
        cdef uint64_t offset = addr - self.base, value = 0
        cdef int at = 0, n
        while at < size:
            n = min(self.most, size - at)
            value |= (PyLong_AsUnsignedLongLongMask(self.reader(offset + at, n)) & ones(n)) << 8 * at
            at += n
        return value

    cdef object tell(self, uint64_t addr, int size, uint64_t value):
        cdef uint64_t offset = addr - self.base
        cdef int at = 0, n
        while at < size:
            n = min(self.most, size - at)
            self.writer(offset + at, n, value >> 8 * at & ones(n))
            at += n


cdef class Dispatcher:
    """The base of a Bus: `_owners`, sorted by address, and who of them owns an access."""

    cdef readonly tuple _owners

    def __cinit__(self, *args, **kwargs):
        self._owners = ()

    def _replace(self, tuple old not None, tuple new not None):
        """Replace the owners `old` by `new`. False: they are no longer `old`, since another thread or a finalizer has
        changed them; try again. There is no lock. ValueError: not sorted, or an overlap."""
        cdef uint64_t end = 0
        for each in new:
            if type(each) is not Owner:
                raise TypeError(f"an Owner owns addresses, not {type(each).__name__}")
            if (<Owner>each).start < end:
                raise ValueError("owners are sorted and do not overlap")
            end = (<Owner>each).end
        if self._owners is not old:
            return False
        self._owners = new
        return True

    def find(self, addr, size):
        """The Owner of the whole access, or None."""
        return self.owner(natural(addr, "addr"), whole(size, "size", 1, 8))

    cdef Owner owner(self, uint64_t addr, int size):
        cdef tuple owners = self._owners
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
                return owner if owner.holds(addr, size) else None
        return None

    def dispatch(self, exit):
        """Serve an IO or MMIO exit from the attached devices; False if none owns the access.

        while (exit := vcpu.run()).reason is ExitReason.IO:
            vm.pio.dispatch(exit)

        TypeError: it is no Exit.
        """
        if type(exit) is not Exit:
            raise TypeError(f"dispatch() serves an Exit, not {type(exit).__name__}")
        return self.serve(exit)

    cdef bint serve(self, Exit exit) except -1:
        cdef int size = exit.size
        cdef Owner owner
        if exit.reason != EXIT_IO and exit.reason != EXIT_MMIO:
            return False
        owner = self.owner(exit.addr, size)
        if owner is None:
            return False
        if exit.write:
            owner.tell(exit.addr, size, exit.value)
        else:
            exit.reply_one(owner.ask(exit.addr, size))
        return True
