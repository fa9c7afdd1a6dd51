# MemorySlot: guest memory as Python sees it.

cdef enum:
    PAGE = 4096


cdef object os_error(int number, str text):
    return OSError(number, text)


cdef object host_memory(uint64_t size):
    """Zeros for a slot, at a page of their own. In a build with guard pages nobody may touch the pages beside them:
    an access of the guest that strays out of its slot ends the process."""
    import mmap
    everything = memoryview(mmap.mmap(-1, size + 2 * GUARD, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    cdef uint8_t[::1] at = everything
    if GUARD and (mprotect(&at[0], GUARD, PROT_NONE) or mprotect(&at[GUARD + size], GUARD, PROT_NONE)):
        raise MemoryError("no guard pages: this build needs a host with pages of 4 KiB")
    return everything[GUARD:GUARD + size]


cdef class MemorySlot:
    """Guest-physical memory of a Vm, made by `Vm.add_memory`.

    `slot[a:b]` are the bytes at guest-physical addresses a to b-1, `slot[a:b] = data` replaces them (never
    resizes), `slot[a]` is one byte. `memoryview(slot)` and `numpy.frombuffer(slot, numpy.uint8)` see all of it,
    from offset 0; while such a view is writable and alive, entering run() forgets decoded code, since stores
    through it cannot be seen. `addr` and `size` are in bytes, `vm` is None once it is deleted. IndexError: an
    address outside the slot; ValueError: a step, or data of another length. (KVM_SET_USER_MEMORY_REGION.)
    """

    cdef readonly Vm vm
    cdef readonly uint64_t addr
    cdef readonly uint64_t size
    cdef readonly bint readonly
    cdef bint log
    cdef object owner                        # keeps the host memory alive
    cdef uint8_t* host
    cdef uint8_t* bits
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]

    def __cinit__(self):
        self.host = NULL
        self.bits = NULL

    def __dealloc__(self):
        free(self.bits)

    def __len__(self):
        return self.size

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory of a Vm")

    def __repr__(self):
        what = "ROM" if self.readonly else "RAM"
        return f"<MemorySlot {what} {self.addr:#x}-{self.addr + self.size - 1:#x}>"

    cdef (uint64_t, uint64_t) span_of(self, object key) except *:
        cdef uint64_t a, b
        if isinstance(key, slice):
            if key.step not in (None, 1):
                raise ValueError("a memory slot has no step: slice it as slot[a:b]")
            start = self.addr if key.start is None else key.start
            stop = self.addr + self.size if key.stop is None else key.stop
        else:
            start = key
            stop = key + 1
        if not self.addr <= start <= stop <= self.addr + self.size:
            raise IndexError(f"guest addresses {start:#x}-{stop:#x} are not inside {self!r}")
        return start, stop

    def __getitem__(self, key):
        cdef uint64_t a, b
        a, b = self.span_of(key)
        if isinstance(key, slice):
            return PyBytes_FromStringAndSize(<char*>self.host + (a - self.addr), b - a)
        return self.host[a - self.addr]

    def __setitem__(self, key, value):
        cdef uint64_t a, b
        cdef const uint8_t[::1] data
        a, b = self.span_of(key)
        if not isinstance(key, slice):
            value = bytes((value,))
        data = memoryview(value).cast("B")
        if <uint64_t>len(data) != b - a:
            raise ValueError(f"{len(data)} bytes do not fit {a:#x}-{b:#x} ({b - a} bytes): a slot keeps its size")
        if b > a:
            memcpy(self.host + (a - self.addr), &data[0], b - a)
            if self.vm is not None:
                host_wrote(self.vm.vm, a, b - a)

    def __getbuffer__(self, Py_buffer* view, int flags):
        self.shape[0] = self.size
        self.strides[0] = 1
        view.buf = self.host
        view.obj = self
        view.len = self.size
        view.itemsize = 1
        view.readonly = 0
        view.format = NULL
        if flags & PyBUF_FORMAT:
            view.format = b"B"
        view.ndim = 1
        view.shape = self.shape
        view.strides = self.strides
        view.suboffsets = NULL
        view.internal = NULL
        if self.vm is not None:
            self.vm.views += 1

    def __releasebuffer__(self, Py_buffer* view):
        if self.vm is not None:
            self.vm.views -= 1

    def delete(self):
        """Take the slot out of the guest's address space; the bytes stay readable here. OSError EINVAL: it is deleted
        already."""
        self.owned().change_slots(self, None, True)

    def move(self, addr):
        """The same memory at another page-aligned address. OSError EINVAL, EEXIST as for add_memory; EINVAL
        also when it is deleted."""
        self.owned().change_slots(self, addr, False)

    cdef Vm owned(self):
        if self.vm is None:
            raise os_error(errno.EINVAL, f"{self!r} is deleted already")
        return self.vm

    def dirty(self):
        """One bit a 4 KiB page written by the guest since the last call, lowest page in bit 0 of byte 0; clears
        it. OSError ENOENT without dirty_log (KVM_GET_DIRTY_LOG)."""
        if not self.log or self.vm is None:
            raise os_error(errno.ENOENT, f"{self!r} has no dirty log: add it with dirty_log=True")
        cdef Py_ssize_t n = (self.size // PAGE + 7) // 8
        cdef Vm vm = self.vm
        vm.stop()
        try:
            self.owned()                         # stop() lets the GIL go
            out = PyBytes_FromStringAndSize(<char*>self.bits, n)
            memset(self.bits, 0, n)
            arm_log(vm.vm, slot_at(vm.vm, self.addr))
        finally:
            vm.resume(False)
        return out


cdef void host_wrote(VM* vm, uint64_t pa, uint64_t n) noexcept nogil:
    """The host changed guest memory: every vCPU with code there must look."""
    cdef uint64_t g, who
    cdef int i
    if pa >= <uint64_t>GRANULES << 8:
        return
    for g in range(pa >> 8, ((pa + n - 1) >> 8) + 1):
        if g >= GRANULES:
            break
        who = at_get64(&vm.mem.code[vm.mem.canon[g]])
        i = 0
        while who:
            if who & 1 and vm.cpu[i] != NULL:
                at_or64(&vm.cpu[i].dirty_code[vm.mem.canon[g] >> 6], 1ULL << (vm.mem.canon[g] & 63))
                want(vm.cpu[i], REQ_CODE)
            who >>= 1
            i += 1
