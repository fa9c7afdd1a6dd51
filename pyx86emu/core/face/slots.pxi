# MemorySlot: give Python the memory of the guest, as bytes, buffers and numpy arrays. Know bytes, not vCPUs.
#
# A store by slot[a:b] is reported to the vCPUs, which decode the code there again. A store through a buffer cannot be
# seen. So VM.views counts the buffers that may write: while there are any, each run() that begins drops decoded code.

cdef int borrow(object data, Py_buffer* view) except -1:
    """Get the bytes of a bytes-like object, in one piece. They stay until PyBuffer_Release."""
    try:
        PyObject_GetBuffer(data, view, PyBUF_ND | PyBUF_FORMAT)
    except TypeError:
        raise TypeError(f"memory is written from bytes or from a buffer, not from {type(data).__name__}") from None
    except (ValueError, BufferError) as error:
        raise BufferError(f"memory is written from bytes in one piece: copy this {type(data).__name__} first "
                          f"({error})") from None
    if view.format != NULL and strchr(view.format, c'O') != NULL:    # its bytes are pointers of the host
        PyBuffer_Release(view)
        raise TypeError(f"memory is written from bytes, not from Python objects in a {type(data).__name__}")
    return 0


cdef class MemorySlot:
    """Guest-physical memory of a Vm, made by `Vm.add_memory`.

    - `slot[a:b]` are the bytes at guest-physical addresses a to b-1, `slot[a]` is one byte.
    - `slot[a:b] = data` replaces them, and never resizes. `data` is bytes-like and in one piece, such as bytes or a
      numpy array.
    - `slot.array` is all of the memory as a numpy array to read; `with slot.writing() as array` gives one to write.
      Both begin at offset 0, and so does `memoryview(slot)`.
    - `addr` and `size` are in bytes. `vm` is None after the slot is deleted; its bytes stay.
    - `readonly` and `dirty_log` can be set at any time. With `shared=True` another process can map `fileno()`.

    Stores through a view cannot be seen. So while a view that may write is alive, each run() that begins drops decoded
    code, and so does the release of the view. For single stores `slot[a:b] = data` is faster.

    Any thread may call anything here.
    TypeError: an address that is no integer, data that is no buffer; IndexError: an address outside the slot;
    ValueError: a step, data of another length, or a byte outside 0 to 255; BufferError: data in pieces.
    (KVM_SET_USER_MEMORY_REGION.)
    """

    cdef VmTables tables
    cdef readonly uint64_t addr
    cdef readonly uint64_t size
    cdef bint rom
    cdef VM* machine                         # its blocks may be decoded from here, also after the slot is deleted
    cdef object owner                        # keeps host memory alive that is not shared
    cdef uint8_t* host
    cdef int fd                              # of shared memory, else -1
    cdef uint8_t* bits                       # the dirty log, or NULL
    cdef bint foreign                        # its memory is a buffer or shared: others can write it
    cdef Track* track                        # what may differ from the last saved state, or NULL
    cdef Py_ssize_t shape[1]
    cdef Py_ssize_t strides[1]

    def __cinit__(self):
        self.fd = -1

    def __dealloc__(self):
        free(self.bits)
        track_free(self.track)
        if self.fd >= 0:
            if self.host != NULL:
                unmap_shared(self.host, self.size)
            close_shared(self.fd)
        if self.machine != NULL:
            free_vm(self.machine)

    def __len__(self):
        return self.size

    @property
    def vm(self):
        """Its Vm; None: it was deleted, or the Vm is closed."""
        return None if self.tables is None else self.tables.seen()

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory of a Vm")

    def __repr__(self):
        return shown_slot(self.addr, self.size, self.rom)

    cdef int share(self, uint64_t size) except -1:
        """Get memory that other processes can map."""
        self.size = size
        self.fd = shared_memory(size)
        self.host = map_shared(self.fd, size)
        return 0

    def fileno(self):
        """The descriptor of the memory of a slot that was added with `shared=True`: a memfd of `size` bytes that begins
        at `addr`. Another process gets it by inheritance or over a Unix socket, and maps it (MAP_SHARED).

        It belongs to the slot, and is closed when the last reference to the slot and its views is gone; close it only
        as a duplicate. It stays open after `delete()` and `Vm.close()`. The memory cannot be resized (F_SEAL_SHRINK,
        F_SEAL_GROW), so no process can cause SIGBUS in another. Code that another process stores is seen after
        `Vm.code_changed`. OSError EOPNOTSUPP: the slot is not shared. (memfd_create(2).)
        """
        if self.fd < 0:
            raise os_error(errno.EOPNOTSUPP, f"{self!r} has no descriptor: add it with shared=True")
        return self.fd

    @property
    def readonly(self):
        """Is the slot ROM: does a store of the guest go to the bus, as a store to a hole does?

        Any thread may set it, also while vCPUs run; a device may, too. It applies from the next instruction on. Decoded
        code is decoded again. A dirty log stays and gets no bits meanwhile. OSError EINVAL: the slot is deleted.
        (KVM_MEM_READONLY; KVM itself does not let it change.)
        """
        return bool(self.rom)

    @readonly.deleter
    def readonly(self):
        raise AttributeError("readonly cannot be deleted: set it to False")

    @readonly.setter
    def readonly(self, value):
        cdef bint rom = truth(value, "readonly")
        cdef VmTables vm = self.owned()
        cdef int status
        if rom == self.rom:
            return
        vm.stop()
        status = slot_protect(slot_of_face(vm.vm, <PyObject*>self, self.addr), rom)
        if status == CHANGED:
            self.rom = rom
        vm.resume(status == CHANGED and within_reach(self.addr))
        if status != CHANGED:
            raise self.gone()

    cdef (uint64_t, uint64_t) span_of(self, object start, object stop) except *:
        """Offsets of guest addresses. They are valid until the next call into Python, which may move the slot."""
        cdef uint64_t at = self.addr
        if start is None:
            start = at
        if stop is None:
            stop = at + self.size
        if not at <= start <= stop <= at + self.size:
            raise IndexError(f"guest addresses {shown(start)} to {shown(stop)} are not inside {self!r}")
        return start - at, stop - at

    def __getitem__(self, key):
        cdef uint64_t a, b
        if isinstance(key, slice):
            start, stop = ends(key)
            a, b = self.span_of(start, stop)
            return PyBytes_FromStringAndSize(<char*>self.host + a, b - a)
        key = exact(key, "the address in a memory slot")
        a, b = self.span_of(key, key + 1)
        return self.host[a]

    def __setitem__(self, key, value):
        cdef uint64_t a, b
        cdef uint8_t byte
        cdef Py_buffer data
        if not isinstance(key, slice):
            key = exact(key, "the address in a memory slot")
            byte = whole(value, "a byte of memory", 0, 255)
            a, b = self.span_of(key, key + 1)
            self.host[a] = byte
            host_wrote(self.machine, self.host + a, 1)
            return
        start, stop = ends(key)
        borrow(value, &data)
        try:
            a, b = self.span_of(start, stop)
            if <uint64_t>data.len != b - a:
                raise ValueError(f"{data.len} bytes do not fit into {b - a}: a memory slot keeps its size")
            if b > a:
                memmove(self.host + a, data.buf, b - a)
                host_wrote(self.machine, self.host + a, b - a)
        finally:
            PyBuffer_Release(&data)

    def __delitem__(self, key):
        raise TypeError("a memory slot keeps its size: store zeros")

    cdef int show(self, Py_buffer* view, int flags, object exporter, bint readonly) except -1:
        """Fill in a Py_buffer with all bytes of the slot. `exporter` owns it."""
        self.shape[0] = self.size
        self.strides[0] = 1
        view.buf = self.host
        view.obj = exporter
        view.len = self.size
        view.itemsize = 1
        view.readonly = readonly
        view.format = NULL
        if flags & PyBUF_FORMAT:
            view.format = b"B"
        view.ndim = 1
        view.shape = self.shape
        view.strides = self.strides
        view.suboffsets = NULL
        view.internal = NULL
        return 0

    def __getbuffer__(self, Py_buffer* view, int flags):
        self.show(view, flags, self, 0)
        # memoryview() does not ask for a writable buffer, but writes if it gets one. It always asks for PyBUF_INDIRECT.
        # Others that do not ask for a writable buffer only read.
        if flags & PyBUF_WRITABLE or flags & PyBUF_INDIRECT == PyBUF_INDIRECT:
            view.internal = self.machine
            self.machine.views += 1

    def __releasebuffer__(self, Py_buffer* view):
        if view.internal != NULL:
            self.machine.views -= 1
            drop_code(self.machine)

    @property
    def array(self):
        """The memory as a read-only numpy array of uint8, not copied: element n is the byte at `addr + n`.

        It shows what the guest stores, also while the guest runs. It stays valid after the slot is deleted or the Vm
        closed. It does not make runs slower. Each use of this property makes a new array: keep it in a variable. The
        first use imports numpy. To write: `slot[a:b] = data`, or `writing()`.

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     ram = vm.add_memory(0x10000, 0x1000)
        ...     ram[0x10002:0x10005] = b"abc"
        ...     ram.array[:6].tolist()
        [0, 0, 97, 98, 99, 0]
        """
        import numpy
        return numpy.ndarray(self.size, numpy.uint8, slot_buffer(self))

    def writing(self):
        """A `with` block in which the memory is a numpy array of uint8 to write, not copied: element n is the byte at
        `addr + n`.

        A running guest sees each store at once, but keeps the code that it has decoded. When the block ends, also by
        an exception, all vCPUs of the Vm decode again. Inside the block each run() that begins decodes again, too.
        A ROM slot can be written. Stores set no dirty bits. After the block the array can only be read.

        A part of the array (`array[4:8]`) that is kept after the block can still be written. Until this part and the
        array are deleted, each run() that begins decodes again. What is made from the array by other means (a
        memoryview of it, a view of another class) is not noticed: after the block, call `Vm.code_changed` after a
        store through it.

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     screen = vm.add_memory(0xB8000, 0x8000)
        ...     with screen.writing() as cells:
        ...         cells[0:4000:2] = ord(".")
        ...         cells[1:4000:2] = 7
        ...     screen[0xB8000:0xB8004].hex()
        '2e072e07'
        """
        return slot_buffer(self)

    def delete(self):
        """Take the slot out of the guest's address space; the bytes stay readable here. OSError EINVAL: it is deleted
        already."""
        cdef VmTables vm = self.owned()
        cdef int status
        vm.stop()
        status = slot_remove(vm.vm, slot_of_face(vm.vm, <PyObject*>self, self.addr))
        vm.resume(status == CHANGED and within_reach(self.addr))
        if status != CHANGED:
            raise self.gone()
        vm._slots.pop(self, None)
        self.tables = None

    def move(self, addr):
        """Move the memory to another page-aligned address. OSError EINVAL, EEXIST as for add_memory; EINVAL also if
        the slot is deleted."""
        cdef VmTables vm = self.owned()
        cdef Slot other
        cdef int status
        cdef bint near
        cdef uint64_t at = check_place(vm.vm, exact(addr, "addr"), self.size, <PyObject*>self)
        vm.stop()
        near = within_reach(at) or within_reach(self.addr)
        status = slot_move(vm.vm, slot_of_face(vm.vm, <PyObject*>self, self.addr), at, &other)
        if status == CHANGED:
            self.addr = at
        vm.resume(status == CHANGED and near)
        if status == UNKNOWN:
            raise self.gone()
        if status == TAKEN:
            raise overlap(at, self.size, &other)

    cdef VmTables owned(self):
        if self.tables is None:
            raise self.gone()
        return self.tables

    cdef object gone(self):
        return os_error(errno.EINVAL, f"{self!r} is deleted already")

    @property
    def dirty_log(self):
        """Does the slot have a dirty log? Any thread may set it, also while vCPUs run. A new log begins with all pages
        clean, and the bits of a log that ends are lost. Setting the value that it has changes nothing. OSError EINVAL:
        the slot is deleted; MemoryError. (KVM_MEM_LOG_DIRTY_PAGES.)"""
        return self.bits != NULL

    @dirty_log.deleter
    def dirty_log(self):
        raise AttributeError("dirty_log cannot be deleted: set it to False")

    @dirty_log.setter
    def dirty_log(self, value):
        cdef bint on = truth(value, "dirty_log")
        cdef VmTables vm = self.owned()
        cdef uint8_t* spare = new_log(self.size) if on else NULL
        cdef int status
        vm.stop()
        status = slot_set_log(vm.vm, slot_of_face(vm.vm, <PyObject*>self, self.addr), spare)
        if status == CHANGED:
            spare, self.bits = self.bits, spare
        vm.resume(False)
        free(spare)
        if status == UNKNOWN:
            raise self.gone()

    def dirty(self, clear=True):
        """The dirty log: a bit for each 4 KiB page, 1 if the guest has stored to it since it was cleared. The lowest
        page is bit 0 of byte 0. With `clear` all pages are clean afterwards, in one step: no store is lost between.

        OSError ENOENT: there is no dirty log, or the slot is deleted. (KVM_GET_DIRTY_LOG; without `clear` as with
        KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2.)"""
        cdef bint clean = truth(clear, "clear")
        cdef VmTables vm = self.tables
        cdef Py_ssize_t n = (self.size // PAGE + 7) // 8
        cdef bytes out = PyBytes_FromStringAndSize(NULL, n)
        cdef uint8_t* bits = out
        cdef int status = UNKNOWN
        if vm is not None:
            vm.stop()
            status = slot_take_log(vm.vm, slot_of_face(vm.vm, <PyObject*>self, self.addr), bits, n, clean)
            vm.resume(False)
        if status != CHANGED:
            raise self.no_log()
        return out

    def clear_dirty(self, first_page, count, bits=None):
        """Mark pages as clean and return which of them were dirty, in one step: a bit for each, the first page in bit
        0 of byte 0. All other bits of the log stay as they are.

        `first_page` counts from the start of the slot. `bits`, in the same form, chooses pages: those without a bit
        stay as they are. So a store between `dirty(clear=False)` and `clear_dirty(0, count, bits)` is not lost: if
        `bits` has its page, the page's bytes are still to be copied; if not, its bit stays.

        OSError ENOENT as for `dirty()`; IndexError: pages outside the slot; ValueError: `bits` has another length than
        the answer; TypeError: no integer, or `bits` is no buffer. (KVM_CLEAR_DIRTY_LOG; any page may be the first one.)

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     slot = vm.add_memory(0, 0x8000, dirty_log=True)
        ...     seen = slot.dirty(clear=False)          # copy these pages; then clear no others
        ...     slot.clear_dirty(0, 8, seen)
        b'\\x00'
        """
        cdef VmTables vm = self.tables
        cdef uint64_t first = natural(first_page, "first_page"), n = natural(count, "count")
        cdef uint64_t pages = self.size // PAGE
        cdef bytes out, chosen = None
        cdef uint8_t* to
        cdef const uint8_t* mask = NULL
        cdef Py_buffer view
        cdef int status = UNKNOWN
        if first > pages or n > pages - first:
            raise IndexError(f"{n} pages from page {first} on are not inside {self!r}, which has {pages}")
        out = bytes((n + 7) // 8)
        if bits is not None:
            borrow(bits, &view)
            try:
                chosen = PyBytes_FromStringAndSize(<char*>view.buf, view.len)
            finally:
                PyBuffer_Release(&view)
            if len(chosen) != len(out):
                raise ValueError(f"{len(chosen)} bytes of bits for {n} pages: give {len(out)}, a bit for each page")
            mask = chosen
        to = out
        if vm is not None:
            vm.stop()
            status = slot_clear_log(vm.vm, slot_of_face(vm.vm, <PyObject*>self, self.addr), first, n, mask, to)
            vm.resume(False)
        if status != CHANGED:
            raise self.no_log()
        return out

    cdef object no_log(self):
        if self.tables is None:
            return os_error(errno.ENOENT, f"{self!r} is deleted, and its dirty log with it")
        return os_error(errno.ENOENT, f"{self!r} has no dirty log: set slot.dirty_log = True")

    def dirty_pages(self, clear=True):
        """The dirty log as a numpy array of bool: an element for each 4 KiB page, lowest page first. Clears and raises
        as `dirty()` does.

        >>> from pyx86emu import Vm
        >>> with Vm() as vm:
        ...     ram = vm.add_memory(0, 0x4000, dirty_log=True)
        ...     ram[0x100:0x106] = bytes.fromhex("a20020 a20030")     # mov [2000h],al; mov [3000h],al
        ...     vcpu = vm.create_vcpu()
        ...     vcpu.regs.cs, vcpu.regs.ip = 0, 0x100
        ...     ended = vcpu.run(2)
        ...     pages = ram.dirty_pages()
        ...     pages.tolist(), ram.array.reshape(-1, 4096)[pages].shape
        ([False, False, True, True], (2, 4096))
        """
        import numpy                             # before the log is taken, because it may fail
        bits = numpy.frombuffer(self.dirty(clear), numpy.uint8)
        return numpy.unpackbits(bits, count=self.size // PAGE, bitorder="little").view(numpy.bool_)


cdef newfunc SLOT_NEW = (<PyTypeObject*><PyObject*>MemorySlot).tp_new        # before factories.pxi replaces it


cdef MemorySlot new_slot(object cls):
    """An empty slot of this class: the back end's own, which adds what happens outside the core."""
    if not (isinstance(cls, type) and issubclass(cls, MemorySlot)):
        raise TypeError("the slot_class of a back end must be a MemorySlot")
    return SLOT_NEW(cls, <PyObject*>(), NULL)


cdef SlotBuffer slot_buffer(MemorySlot slot):
    cdef SlotBuffer made = SlotBuffer.__new__(SlotBuffer)
    made.slot = slot
    slot.machine.refs += 1
    made.machine = slot.machine
    return made


@cython.final
cdef class SlotBuffer:
    """The memory of a slot as a buffer for numpy arrays. It can be written inside its `with` block, else only read.
    `MemorySlot.writing()` makes it. A block is entered once, by any thread. RuntimeError: it was entered already."""

    cdef MemorySlot slot
    cdef VM* machine                             # the slot's, also if the garbage collector clears the slot first
    cdef bint entered
    cdef bint open                               # inside the block: new arrays may write
    cdef bint counted                            # in VM.views
    cdef object whole                            # weak references: an array keeps this object, and the garbage
    cdef object given                            # collector does not follow arrays

    def __dealloc__(self):
        if self.machine != NULL:
            self.uncount()
            free_vm(self.machine)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory of a Vm")

    def __repr__(self):
        return f"<SlotBuffer of {self.slot!r}{', open' if self.open else ''}>"

    def __getbuffer__(self, Py_buffer* view, int flags):
        if flags & PyBUF_WRITABLE and not self.open:
            raise BufferError("this array can only be read: store with slot[a:b] = data, or in `with slot.writing()`")
        self.slot.show(view, flags, self, not self.open)

    cdef void uncount(self) noexcept:
        """No array can write any more."""
        if self.counted:
            self.counted = 0
            self.machine.views -= 1
            drop_code(self.machine)

    def __enter__(self):
        import numpy
        from weakref import ref
        if self.entered:
            raise RuntimeError("a block of writing() is entered once: call writing() again")
        self.entered = self.open = self.counted = 1
        self.machine.views += 1
        try:
            # The caller gets a part of a hidden array. In numpy the parts of this part refer to the hidden array, too.
            # So its reference count at the end of the block shows whether such a part is left.
            whole = numpy.ndarray(self.slot.size, numpy.uint8, self)
            given = whole[:]
            self.whole, self.given = ref(whole), ref(given)
        except BaseException:
            self.open = 0
            self.uncount()
            raise
        return given

    def __exit__(self, *exc):
        if not self.open:
            raise RuntimeError("this block of writing() is not open")
        self.open = 0
        whole, given = self.whole(), self.given()
        for array in (whole, given):
            if array is not None:
                array.flags.writeable = False
        del array
        # The expected references are `whole` here and, if `given` is alive, its base.
        if whole is None or Py_REFCNT(<PyObject*>whole) <= 1 + (given is not None):
            self.uncount()
        else:
            drop_code(self.machine)


cdef tuple ends(object key):
    """Start and stop of a slice, as exact ints or None."""
    start, stop, step = key.start, key.stop, key.step
    if step is not None and exact(step, "the step of a slice") != 1:
        raise ValueError("a memory slot has no step: slice it as slot[a:b]")
    return (start if start is None else exact(start, "the start of a slice"),
            stop if stop is None else exact(stop, "the stop of a slice"))


cdef str shown_slot(uint64_t addr, uint64_t size, bint readonly):
    return f"<MemorySlot {'ROM' if readonly else 'RAM'} {addr:#x}-{addr + size - 1:#x}>"


cdef object overlap(uint64_t addr, uint64_t size, Slot* other):
    return os_error(errno.EEXIST, f"memory slot {addr:#x}-{addr + size - 1:#x} overlaps "
                                  f"{shown_slot(other.addr, other.size, other.readonly)}: delete that one or choose "
                                  "another address")


cdef uint64_t check_place(VM* vm, object addr, object size, PyObject* moved) except? 0:
    """Check the place of a slot, given as exact ints. Returns `addr`. An overlap with the slot `moved` is allowed."""
    cdef Slot other
    if size <= 0 or addr < 0 or addr % PAGE or size % PAGE or addr + size > 1 << 52:
        raise os_error(errno.EINVAL, f"memory slot {shown(addr)}, {shown(size)} bytes: address and size must be "
                                     "multiples of 4096, the size not 0, the end not beyond 2**52")
    if slot_fits(vm, addr, size, moved, &other) == TAKEN:
        raise overlap(addr, size, &other)
    return addr
