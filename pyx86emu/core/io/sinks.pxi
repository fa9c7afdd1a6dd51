# Sinks: signal eventfds and Doorbells, fill a memfd. The only file that writes to a descriptor.

cdef extern from "<fcntl.h>" nogil:
    int io_fcntl "fcntl"(int fd, int command, ...)
    int io_open "open"(const char *path, int flags, ...)
    int IO_F_GETFD "F_GETFD"
    int IO_F_GETFL "F_GETFL"
    int IO_F_DUPFD_CLOEXEC "F_DUPFD_CLOEXEC"
    int IO_O_NONBLOCK "O_NONBLOCK"
    int IO_O_CLOEXEC "O_CLOEXEC"
    int IO_O_RDONLY "O_RDONLY"

cdef extern from "<unistd.h>" nogil:
    ssize_t io_read "read"(int fd, void *buffer, size_t size)
    ssize_t io_write "write"(int fd, const void *buffer, size_t size)
    ssize_t io_readlink "readlink"(const char *path, char *buffer, size_t size)
    int io_close "close"(int fd)
    long io_syscall "syscall"(long number, ...)

cdef extern from "<sys/syscall.h>" nogil:
    long IO_SYS_PREADV2 "SYS_preadv2"

cdef extern from "<sys/eventfd.h>" nogil:
    int io_eventfd "eventfd"(unsigned int value, int flags)
    int IO_EFD_CLOEXEC "EFD_CLOEXEC"
    int IO_EFD_NONBLOCK "EFD_NONBLOCK"

cdef extern from "<sys/uio.h>" nogil:
    struct io_iovec "iovec":
        void *iov_base
        size_t iov_len
    ssize_t io_pwritev "pwritev"(int fd, const io_iovec *part, int n, long at)

cdef extern from "<poll.h>" nogil:
    struct io_pollfd "pollfd":
        int fd
        short events
        short revents
    int io_poll "poll"(io_pollfd *fds, unsigned long count, int timeout)
    short IO_POLLIN "POLLIN"
    short IO_POLLOUT "POLLOUT"

cdef extern from "<stdio.h>" nogil:
    int io_snprintf "snprintf"(char *buffer, size_t size, const char *format, ...)

cdef extern from "<stdlib.h>" nogil:
    unsigned long long io_strtoull "strtoull"(const char *text, char **end, int base)

cdef extern from "<string.h>" nogil:
    char *io_strstr "strstr"(const char *text, const char *part)
    int io_memcmp "memcmp"(const void *a, const void *b, size_t size)

cdef enum:
    IO_LOCK_NS = 1000000000                 # the longest wait for Sink.busy
    IO_RWF_NOWAIT = 8

cdef enum:
    SINK_EVENTFD = 0
    SINK_BELL = 1
    SINK_LINE = 0x100                       # Sink.line: rings raise a line, the number of which is in bits 0 to 3
    SINK_HELD = 0x200                       # and hold it high until the guest's EOI
    SINK_CALL = 0x400                       # SINK_BELL: the vCPU that rings calls a function, after the instruction

cdef struct Sink:
    # An eventfd or a Doorbell that entries signal. `refs` counts its users: each table that lists it, Doorbell and
    # IoEventFd objects, Doorbells that notify it.
    uint64_t refs
    int kind
    int fd                                  # SINK_EVENTFD: a duplicate that belongs to this sink
    bint blocking                           # O_NONBLOCK was clear when it was registered
    int number                              # the caller's number for it; Doorbell.fileno() returns it
    uint32_t busy                           # if blocking: a lock over the test for room and the write; 2: waited for
    uint64_t pending                        # SINK_BELL: rings since the last drain
    uint64_t drained                        # SINK_BELL: rings drained so far; only touched under the GIL
    Sink *notify                            # SINK_BELL: signalled when `pending` leaves 0
    PyObject *call                          # SINK_CALL: the function, which the Doorbell object keeps; NULL: it is gone
    # The fields below belong to the table that lists it, under its writer lock. Doorbells are not listed.
    int64_t id                              # eventfd-id in fdinfo; -1: this kernel has none
    uint64_t entries
    uint32_t cached                         # how many elements of IoTable.numbers point here
    uint32_t line                           # SINK_LINE: this eventfd is an irqfd of the same Vm; 0: it is not
    bint unread                             # with `line`: the eventfd has a count, which the next ring takes
    Sink *next


cdef int io_fdinfo(int fd, const char *field, int base, uint64_t *value) noexcept nogil:
    """Read one number of /proc/self/fdinfo. Returns 0 or a negative errno. -ENOENT: this kernel has no such field;
    another: the file could not be read."""
    cdef char path[40]
    cdef char text[1024]
    cdef char *end
    cdef const char *at
    cdef ssize_t n
    cdef int info, error
    io_snprintf(path, sizeof(path), b"/proc/self/fdinfo/%d", fd)
    info = io_open(path, IO_O_RDONLY | IO_O_CLOEXEC)
    if info < 0:
        return -io_errno
    n = io_read(info, text, sizeof(text) - 1)
    error = io_errno
    io_close(info)
    if n < 0:
        return -error
    text[n] = 0
    at = io_strstr(text, field)
    if at == NULL:
        return -IO_ENOENT
    while at[0] != 0 and at[0] != c":":
        at += 1
    if at[0] == 0:
        return -IO_ENOENT
    value[0] = io_strtoull(at + 1, &end, base)
    return 0 if end != at + 1 else -IO_ENOENT


cdef int io_eventfd_id(int fd, int64_t *id) noexcept nogil:
    """Get the kernel's id of an eventfd, which is the same for all its descriptors; -1: this kernel has no ids. Returns
    0 or a negative errno. If the id cannot be read now (no descriptor is free), the eventfd is refused, because without
    an id it would be listed a second time later."""
    cdef int error = io_fdinfo(fd, b"eventfd-id", 10, <uint64_t *>id)
    if error == -IO_ENOENT:
        id[0] = -1
        error = 0
    return error


cdef bint io_room_for_one(int fd) noexcept nogil:
    cdef io_pollfd p
    p.fd = fd
    p.events = IO_POLLOUT
    p.revents = 0
    return io_poll(&p, 1, 0) == 1 and (p.revents & IO_POLLOUT) != 0


cdef void sink_write_blocking(Sink *s, uint64_t n) noexcept nogil:
    """Add to an eventfd whose write could sleep: never write more than there is room for.

    O_NONBLOCK belongs to the open file, which other processes may share, so it must not be set here. Near the maximum
    rings are written one by one, each after POLLOUT. A ring without room is dropped. `busy` prevents two vCPUs from
    using the last room at the same time. The wait for it has a limit, because a thread that held it when the process
    forked does not exist in the child.
    """
    cdef uint64_t count
    cdef uint64_t one = 1
    cdef bint patient = 1
    if at_swap32(&s.busy, 1) != 0:
        while at_swap32(&s.busy, 2) != 0 and patient:
            patient = futex_wait(&s.busy, 2, IO_LOCK_NS)
    if (n > 1 and io_fdinfo(s.fd, b"eventfd-count", 16, &count) == 0
            and count < 1ULL << 63 and n < 1ULL << 32):     # the counter stops at 2^64 - 2
        io_write(s.fd, &n, 8)
    else:
        while n != 0 and io_room_for_one(s.fd) and io_write(s.fd, &one, 8) == 8:
            n -= 1
    if at_swap32(&s.busy, 0) == 2:
        futex_wake(&s.busy)


cdef void sink_write(Sink *s, uint64_t n) noexcept nogil:
    """Add n to an eventfd's counter. Never sleeps, never fails: at the maximum rings are dropped, as KVM does."""
    cdef uint64_t step = n
    if s.blocking:
        sink_write_blocking(s, n)
        return
    while n != 0:
        if step > n:
            step = n
        if io_write(s.fd, &step, 8) == 8:
            n -= step
        elif io_errno == IO_EAGAIN and step > 1:
            step >>= 1                      # fill the counter up, as single rings would
        elif io_errno == IO_EINTR:          # it has slept: who shares the open file has cleared O_NONBLOCK
            s.blocking = 1
            sink_write_blocking(s, n)
            return
        else:
            return


cdef void sink_signal(Sink *s, uint64_t n) noexcept nogil:
    """Ring n times. A Doorbell signals its `notify` only when its count leaves 0."""
    if s.kind == SINK_BELL:
        if at_add64(&s.pending, n) == 0 and s.notify != NULL:
            sink_write(s.notify, 1)
    else:
        sink_write(s, n)


cdef void sink_drop(Sink *s) noexcept nogil:
    """Give up one reference; the last one closes the duplicate."""
    if s == NULL or at_add64(&s.refs, <uint64_t>-1) != 1:
        return
    if s.kind == SINK_BELL:
        sink_drop(s.notify)
    else:
        io_close(s.fd)
    free(s)


cdef int io_check_eventfd(int fd) noexcept nogil:
    """0 for an eventfd, -EBADF for a descriptor that is not open, -EINVAL for another file, or another error."""
    cdef char path[40]
    cdef char text[32]
    cdef ssize_t n
    if io_fcntl(fd, IO_F_GETFD) < 0:
        return -IO_EBADF
    io_snprintf(path, sizeof(path), b"/proc/self/fd/%d", fd)
    n = io_readlink(path, text, sizeof(text))
    if n < 0:                               # closed since F_GETFD
        return -IO_EBADF if io_errno == IO_ENOENT else -io_errno
    if n != 20 or io_memcmp(text, b"anon_inode:[eventfd]", 20) != 0:
        return -IO_EINVAL
    return 0


cdef Sink *sink_new(int fd, int number, int *error) noexcept nogil:
    """A sink that owns `fd`, with one reference. NULL: *error says why, and the caller still owns `fd`."""
    cdef Sink *s = <Sink *>calloc(1, sizeof(Sink))
    if s == NULL:
        error[0] = -IO_ENOMEM
        return NULL
    s.refs = 1
    s.fd = fd
    s.number = number
    s.blocking = not io_fcntl(fd, IO_F_GETFL) & IO_O_NONBLOCK
    error[0] = io_eventfd_id(fd, &s.id)
    if error[0] != 0:
        free(s)
        return NULL
    return s


cdef Sink *sink_open(int fd, int *error) noexcept nogil:
    """A sink with a duplicate of the caller's eventfd. The duplicate is checked, not the caller's descriptor: another
    thread may close that one at any time, and its number may be used again."""
    cdef int own = io_fcntl(fd, IO_F_DUPFD_CLOEXEC, 0)
    cdef Sink *s = NULL
    if own < 0:
        error[0] = -io_errno
        return NULL
    error[0] = io_check_eventfd(own)
    if error[0] == 0:
        s = sink_new(own, fd, error)
    if s == NULL:
        io_close(own)
    return s


cdef int eventfd_take(int fd, uint64_t *count) noexcept nogil:
    """Read an eventfd without waiting, blocking or not. Returns 0 or an errno. If it is empty, the count is 0."""
    cdef io_iovec part
    cdef io_pollfd p
    cdef int error = 0
    count[0] = 0
    part.iov_base = count
    part.iov_len = 8
    if io_syscall(IO_SYS_PREADV2, <long>fd, &part, <long>1, <long>-1, <long>-1, <long>IO_RWF_NOWAIT) < 0:
        error = io_errno
    if error != 0 and error != IO_EAGAIN and error != IO_EBADF:
        # A kernel before 5.8. If another reader empties the eventfd between poll and read, this one waits.
        p.fd = fd
        p.events = IO_POLLIN
        p.revents = 0
        error = IO_EAGAIN
        if io_poll(&p, 1, 0) == 1 and p.revents & IO_POLLIN:
            error = 0 if io_read(fd, count, 8) == 8 else io_errno
    return 0 if error == IO_EAGAIN else error


cdef bint put_at(int fd, const io_iovec *part, int n, uint64_t at) noexcept nogil:
    """Write n parts to a file of memory, from `at` on. 0: not all of them could be written."""
    cdef ssize_t size = 0
    cdef int i
    for i in range(n):
        size += <ssize_t>part[i].iov_len
    return io_pwritev(fd, part, n, <long>at) == size
