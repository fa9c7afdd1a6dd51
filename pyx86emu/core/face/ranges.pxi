# RangeTable: keep the ranges of one bus, for Python and for the vCPUs; find the owner of an access; serve exits.

@cython.final
cdef class RangeTable:
    """The ranges of one bus: the tuple `items`, sorted by address, without overlaps. `Vm.ranges()` returns the table of
    a Vm, which its vCPUs use too. `RangeTable()` makes one for a back end in which every access exits.

    There is no lock. `items` is only replaced as a whole, so a reader always has one consistent table. Any thread may
    call everything here, also from finalizers and signal handlers.
    """

    cdef readonly tuple items
    cdef VmTables vm                             # its vCPUs read `items` without the GIL; None: there are none
    cdef int bus

    def __cinit__(self):
        self.items = ()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "the methods of devices")

    def replace(self, tuple old not None, tuple new not None):
        """Replace `old` by `new`. After this returns, no vCPU begins to call a range that was removed; a call that
        another thread has begun may still go on.

        False: the table is no longer `old`, since another thread or a finalizer has changed it; try again. ValueError:
        `new` is not sorted, has an overlap, or does not have the same ranges of chips as `old`. OSError EBADF: the Vm
        is closed, and `new` is longer than `old`."""
        cdef uint64_t end = 0
        cdef Range r
        cdef int status, chips = 0
        if self.items is not old:
            return False                         # also: only now it is certain that `old` has ranges and nothing else
        for each in new:
            if type(each) is not Range:
                raise TypeError(f"a table has ranges, not {type(each).__name__}")
            r = <Range>each
            if r.start < end:
                raise ValueError("ranges are sorted and do not overlap")
            if r.kind == RANGE_CHIP:
                chips += 1
                if range_at(<PyObject*>old, r.start, 1) != <PyObject*>r:
                    raise ValueError("what the core answers stays in its own table")
            end = r.end
        for each in old:
            chips -= (<Range>each).kind == RANGE_CHIP
        if chips:
            raise ValueError("what the core answers stays in its table")
        status = self.put(old, new)
        if status == CLOSED:
            raise os_error(errno.EBADF, "this Vm is closed")
        return status == CHANGED

    cdef int put(self, tuple old, tuple new) noexcept:
        """CHANGED, CLOSED, or TAKEN: the table is not `old`. No object is freed here: the caller holds `old`."""
        cdef int status
        cdef bint longer = len(new) > len(old)
        if self.vm is None:
            if self.items is not old:
                return TAKEN
            self.items = new
            return CHANGED
        self.vm.stop()
        if self.items is not old:
            status = TAKEN
        elif self.vm.closed and longer:
            status = CLOSED
        else:
            self.put_in_core(new)
            status = CHANGED
        self.vm.resume(False)
        return status

    cdef void put_in_core(self, tuple new) noexcept:
        """Set the tuple, between Vm.stop() and Vm.resume(). The caller holds the tuple that was here."""
        self.items = new
        self.vm.vm.ranges[self.bus] = <PyObject*>new

    def find(self, addr, size):
        """The open Range that holds the whole access, or None."""
        cdef PyObject* r = self.owner(natural(addr, "addr"), whole(size, "size", 1, 8))
        return None if r == NULL else <Range>r

    cdef PyObject* owner(self, uint64_t addr, int size) noexcept:
        cdef PyObject* r = range_at(<PyObject*>self.items, addr, size)
        return NULL if r == NULL or kind_of(r) == RANGE_CLAIMED else r

    def dispatch(self, exit):
        """Serve an IO or MMIO exit from the attached devices; False if none owns the access.

        while (exit := vcpu.run()).reason is ExitReason.IO:
            vm.pio.dispatch(exit)

        TypeError: `exit` is not an Exit.
        """
        if type(exit) is not Exit:
            raise TypeError(f"dispatch() serves an Exit, not {type(exit).__name__}")
        return self.serve(exit)

    def push_read(self, addr, size):
        """Read from the push device that has the whole access; None: there is none, and the access exits. For a back
        end that calls the devices itself: nothing can detach the device between the look-up and the call."""
        cdef uint64_t at = natural(addr, "addr")
        cdef int n = whole(size, "size", 1, 8)
        cdef PyObject* r = self.owner(at, n)
        cdef uint64_t value
        if r == NULL or kind_of(r) != RANGE_PUSH:
            return None
        return value if push_block_read(r, at, n, &value) else (<Range>r).call_read(at, n)

    def push_write(self, addr, size, value):
        """Write to the push device that has the whole access; False: there is none, and the access exits."""
        cdef uint64_t at = natural(addr, "addr"), v = natural(value, "value")
        cdef int n = whole(size, "size", 1, 8)
        cdef PyObject* r = self.owner(at, n)
        if r == NULL or kind_of(r) != RANGE_PUSH:
            return False
        if not push_block_write(r, at, n, v & ones(n)):
            (<Range>r).call_write(at, n, v & ones(n))
        return True

    cdef bint serve(self, Exit exit) except -1:
        cdef PyObject* found
        cdef Range r
        if exit.reason is not IO_REASON and exit.reason is not MMIO_REASON:
            return False
        found = self.owner(exit.addr, exit.size)
        if found == NULL:
            return False
        r = <Range>found                         # a reference, since the call may detach the device
        if exit.write:
            r.call_write(exit.addr, exit.size, exit.value)
        else:
            exit.reply_one(r.call_read(exit.addr, exit.size))
        return True


cdef RangeTable table_of(VmTables vm, int bus):
    """A new, empty table for a bus of a Vm."""
    cdef RangeTable table = RangeTable.__new__(RangeTable)
    table.vm, table.bus = vm, bus
    return table


cdef Range chip_range(object read, object write, Chip* chip, Span* span, int row):
    """A Range for ports of a chip. The host calls read(port, size) and write(port, size, value)."""
    cdef Range r = Range.__new__(Range, span.base, span.base + span.length, 0, 8, read, write, chip.name.decode())
    r.kind, r.row = RANGE_CHIP, row
    return r
