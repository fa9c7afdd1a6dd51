# The C side of the measurements lives here: it times write(2) and additions, empties eventfds in a thread, hooks OUT.

cdef extern from "<pthread.h>" nogil:
    ctypedef unsigned long pthread_t
    int pthread_create(pthread_t*, void*, void* (*)(void*) noexcept nogil, void*)
    int pthread_join(pthread_t, void**)

cdef extern from "<sys/epoll.h>" nogil:
    cdef struct epoll_event:
        uint32_t events
    int epoll_create1(int)
    int epoll_ctl(int, int, int, epoll_event*)
    int epoll_wait(int, epoll_event*, int, int)
    int EPOLL_CTL_ADD
    int EPOLL_CLOEXEC
    uint32_t EPOLLIN

cdef extern from "<unistd.h>" nogil:
    int close(int)


def write_floor(fd, n):
    """Seconds for n write(2) of the value 1 to eventfd `fd`, in a loop without the GIL. A path that writes each ring to
    its eventfd cannot be faster. OSError: a write fails."""
    cdef uint64_t one = 1, i, times = whole(n, "the number of writes", 0, 1 << 26)
    cdef int number = io_number(fd)
    cdef int64_t began
    cdef ssize_t r = 8
    with nogil:
        began = host_ns()
        for i in range(times):
            r = io_write(number, &one, 8)
            if r != 8:
                break
        began = host_ns() - began
    if r != 8:
        raise OSError(io_errno, "write to the eventfd failed")
    return began * 1e-9


def ring_waits(Vcpu vcpu not None):
    """How long rings that are added up have waited, in the units of rings.pxi: what slow paths have spent, how often
    counts were signalled because that was too much, and the most that was spent while a ring was counted. For the
    thread that runs the vCPU."""
    cdef Rings* r = &vcpu.c.rings
    return r.spent + <uint64_t>(IO_ALLOWANCE - r.allowance), r.early, r.longest


cdef struct Drain:
    pthread_t thread
    int fd
    int epoll
    uint64_t count
    uint64_t wakeups
    uint32_t stop


cdef void* drain_loop(void* p) noexcept nogil:
    cdef Drain* d = <Drain*>p
    cdef epoll_event e
    cdef uint64_t n
    while True:
        if epoll_wait(d.epoll, &e, 1, 5) > 0 and io_read(d.fd, &n, 8) == 8:
            at_add64(&d.count, n)
            at_add64(&d.wakeups, 1)
        elif at_get32(&d.stop):
            return NULL


cdef class Drainer:
    """A C thread that reads a non-blocking eventfd whenever it is not 0, and adds up the values. It needs no GIL.
    OSError: the descriptor cannot be watched, or the thread cannot be created."""

    cdef Drain d
    cdef bint watching                           # d.epoll is open
    cdef bint running

    def __init__(self, fd):
        cdef epoll_event e
        cdef int number = io_number(fd), error
        if self.watching:
            raise RuntimeError("a Drainer is initialised once: make another one")
        memset(&e, 0, sizeof(e))
        e.events = EPOLLIN
        self.d.fd = number
        self.d.epoll = epoll_create1(EPOLL_CLOEXEC)
        self.watching = self.d.epoll >= 0
        if not self.watching or epoll_ctl(self.d.epoll, EPOLL_CTL_ADD, number, &e):
            error = io_errno
            raise OSError(error, f"descriptor {number} cannot be watched: {os.strerror(error)}")
        if pthread_create(&self.d.thread, NULL, drain_loop, &self.d):
            raise OSError(errno.EAGAIN, "no thread for the drainer")
        self.running = True

    def __dealloc__(self):
        self.stop()
        if self.watching:
            close(self.d.epoll)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "a thread")

    def stop(self):
        """End the thread once the eventfd is empty."""
        if self.running:
            self.running = False
            at_put32(&self.d.stop, 1)
            with nogil:
                pthread_join(self.d.thread, NULL)

    @property
    def count(self):
        """What has been read so far, added up."""
        return at_get64(&self.d.count)

    @property
    def wakeups(self):
        """How many reads that took."""
        return at_get64(&self.d.wakeups)


def add_chain(n):
    """Seconds for n additions, each of which needs the result of the one before it, so that each takes one cycle of the
    host. This shows how fast the host's clock runs at this moment."""
    cdef uint64_t a = 1, b = 1, i, turns = whole(n, "the number of additions", 0, 1 << 36) >> 3
    cdef int64_t began
    with nogil:
        began = host_ns()
        for i in range(turns):  # Fibonacci numbers: a compiler cannot drop an addition
            a += b
            b += a
            a += b
            b += a
            a += b
            b += a
            a += b
            b += a
        began = host_ns() - began
    return began * 1e-9 if a | b else 0.0


cdef void write_at_out(void* uc, uint32_t port, int size, uint32_t value, void* user) noexcept nogil:
    """A hook on OUT with the signature that another emulator calls: write 1 to the eventfd whose number is `user`."""
    cdef uint64_t one = 1
    io_write(<int><size_t>user, &one, 8)


def out_hook_address():
    """The address of `write_at_out`, for ctypes."""
    return <size_t>&write_at_out
