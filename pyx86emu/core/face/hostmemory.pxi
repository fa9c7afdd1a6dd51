# Host memory for slots: get it from the host, private or shared, or take a buffer. Know pages, not guest addresses.
#
# In a build with guard pages the pages before and after the memory of a slot are not accessible: an access of the guest
# outside its slot ends the process.

cdef enum:
    PAGE = 4096


cdef object host_memory(uint64_t size):
    """Private host memory of zeros for a slot, beginning at a page."""
    import mmap
    try:
        everything = memoryview(mmap.mmap(-1, size + 2 * GUARD, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
    except OSError as error:
        raise MemoryError(f"no memory for a slot of {size:#x} bytes: {error.strerror}") from None
    cdef uint8_t* at = <uint8_t*>PyMemoryView_GET_BUFFER(everything).buf
    if GUARD and (mprotect(at, GUARD, PROT_NONE) or mprotect(at + GUARD + size, GUARD, PROT_NONE)):
        raise MemoryError("no guard pages: this build needs a host with pages of 4 KiB")
    return everything[GUARD:GUARD + size]


cdef int shared_memory(uint64_t size) except -1:
    """A memfd of `size` zeros. It can never be resized: memory that a peer cuts off would be SIGBUS for the others."""
    import fcntl
    cdef int fd = os.memfd_create("pyx86emu", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except BaseException as error:
        close_shared(fd)
        if isinstance(error, OSError):
            raise MemoryError(f"no shared memory for a slot of {size:#x} bytes: {error.strerror}") from None
        raise
    return fd


cdef uint8_t* map_shared(int fd, uint64_t size) except NULL:
    cdef void* at
    cdef void* inside
    at = mmap(NULL, size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) if GUARD else NULL
    if at == MAP_FAILED:
        raise MemoryError(f"no memory for a slot of {size:#x} bytes")
    inside = mmap(<uint8_t*>at + GUARD if GUARD else NULL, size, PROT_READ | PROT_WRITE,
                  MAP_SHARED | (MAP_FIXED if GUARD else 0), fd, 0)
    if inside == MAP_FAILED:
        if GUARD:
            munmap(at, size + 2 * GUARD)
        raise MemoryError(f"no memory for a shared slot of {size:#x} bytes")
    return <uint8_t*>inside


cdef void unmap_shared(uint8_t* host, uint64_t size) noexcept:
    munmap(host - GUARD, size + 2 * GUARD)


cdef void close_shared(int fd) noexcept:
    io_close(fd)


cdef uint8_t* new_log(uint64_t size) except NULL:
    """The bits of a dirty log, all 0."""
    cdef uint8_t* bits = <uint8_t*>calloc((size // PAGE + 15) // 8, 1)
    if bits == NULL:
        raise MemoryError("no memory for a dirty bitmap")
    return bits


cdef object window(object buffer):
    """A writable buffer as one memoryview of bytes."""
    try:
        view = memoryview(buffer).cast("B")
    except (TypeError, ValueError, BufferError) as error:
        raise TypeError(f"the buffer of a memory slot must be bytes in one piece, as mmap.mmap(-1, size) gives them: "
                        f"{error}") from None
    if view.readonly:
        raise TypeError(f"the buffer of a memory slot must be writable, this {type(buffer).__name__} is not")
    return view
