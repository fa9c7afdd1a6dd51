# Block ports: a port of a device in Python that moves a block, such as the data port of a disk controller. The core
# moves the elements, and calls the device for the last one only.

cdef enum:
    BLOCK_MOST = 8192            # bytes
    BLOCK_NONE = 0
    BLOCK_TO_GUEST
    BLOCK_FROM_GUEST


@cython.final
cdef class BlockPort:
    """A block of up to 8192 bytes that the guest reads or writes at one port, in elements of 2 or 4 bytes.

    A device names it and its offset as `block_port = (offset, BlockPort())`. While a block is loaded, the core serves
    the guest from it. Accesses that would end the block, and those of 1 byte, reach the device's methods, which use
    `take` and `put`. So a device sees the end of each block, at the time of its last element. Only for what has no
    other effect: the core does not tell the device about the elements before it.

    The methods may be called by the device, or by any thread while no vCPU runs.

    >>> port = BlockPort()
    >>> port.load(b"abcd")
    >>> hex(port.take(2)), port.left
    ('0x6261', 2)
    """

    cdef uint8_t block[BLOCK_MOST]
    cdef int at_
    cdef int end
    cdef int way

    def load(self, data, at=0):
        """Offer these bytes to the guest, from byte `at` on. ValueError: more than 8192, or `at` is outside; TypeError:
        no bytes."""
        raw = bytes(memoryview(data))
        self.begin(raw, at, BLOCK_TO_GUEST)

    def want(self, data, at=0):
        """Ask the guest for as many bytes as `data` has, from byte `at` on; those before it are there. Errors as for
        load()."""
        raw = bytes(memoryview(data))
        self.begin(raw, at, BLOCK_FROM_GUEST)

    cdef int begin(self, bytes raw, at, int way) except -1:
        cdef int n
        if len(raw) > BLOCK_MOST:
            raise ValueError(f"a block of {len(raw)} bytes: at most {BLOCK_MOST}, give the rest later")
        n = <int>len(raw)
        self.at_ = whole(at, "at", 0, n)
        memcpy(self.block, <const char*>raw, n)
        self.end = n
        self.way = way
        return 0

    def clear(self):
        """No block: the guest's accesses reach the device."""
        self.way = BLOCK_NONE
        self.at_ = self.end = 0

    @property
    def data(self):
        """The bytes of the block, with what the guest has written so far."""
        return bytes(self.block[:self.end])

    @property
    def at(self):
        """How many bytes have moved."""
        return self.at_

    @property
    def left(self):
        """How many bytes have not moved yet."""
        return self.end - self.at_

    @property
    def writing(self):
        """Is the guest to write the block?"""
        return self.way == BLOCK_FROM_GUEST

    def take(self, size, step=0):
        """The next `size` bytes, 1 to 8, as the guest reads them, and go on by `step` bytes, by default `size`. All
        ones: the guest is offered nothing."""
        cdef uint64_t value = 0
        cdef int n = whole(size, "size", 1, 8), by = whole(step, "step", 0, 8)
        if self.way != BLOCK_TO_GUEST or self.at_ >= self.end:
            return ones(n)
        memcpy(&value, self.block + self.at_, min(n, self.end - self.at_))
        self.at_ = min(self.at_ + (by if by else n), self.end)
        return value

    def put(self, size, value, step=0):
        """Store the `size` bytes, 1 to 8, that the guest writes. False: nothing is asked for."""
        cdef uint64_t v = natural(value, "value")
        cdef int n = whole(size, "size", 1, 8), by = whole(step, "step", 0, 8)
        if self.way != BLOCK_FROM_GUEST or self.at_ >= self.end:
            return False
        memcpy(self.block + self.at_, &v, min(n, self.end - self.at_))
        self.at_ = min(self.at_ + (by if by else n), self.end)
        return True


# The core serves an access without the GIL. Another thread may load another block at the same time, if a machine has
# several vCPUs: the element is then of either block, but always inside the buffer.

@cython.nonecheck(False)
cdef inline bint block_read(PyObject* block, int size, uint64_t* value) noexcept nogil:
    """Take the next element, unless it is the last one."""
    cdef int at = (<BlockPort>block).at_
    if (<BlockPort>block).way != BLOCK_TO_GUEST or size < 2 or at < 0 or at + size >= (<BlockPort>block).end:
        return 0
    value[0] = 0
    memcpy(value, (<BlockPort>block).block + at, size)
    (<BlockPort>block).at_ = at + size
    return 1


@cython.nonecheck(False)
cdef inline bint block_write(PyObject* block, int size, uint64_t value) noexcept nogil:
    """Store the next element, unless it is the last one."""
    cdef int at = (<BlockPort>block).at_
    if (<BlockPort>block).way != BLOCK_FROM_GUEST or size < 2 or at < 0 or at + size >= (<BlockPort>block).end:
        return 0
    memcpy((<BlockPort>block).block + at, &value, size)
    (<BlockPort>block).at_ = at + size
    return 1
