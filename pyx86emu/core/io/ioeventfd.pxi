# ioeventfds: tell which entry a guest write rings, and ring it. Know descriptors, not instructions.
#
# The guest's path: find an entry, add up its rings, write to its eventfd or count on its Doorbell.
# `iotable.pxi` changes the table; `ioeventfd_api.pxi` is the Python face. Readers take no lock: a writer
# publishes one word at a time and frees what they may still hold only when no vCPU can hold it.

cdef extern from "core/host.h" nogil:
    uint64_t io_load(const uint64_t *p)
    void io_publish(uint64_t *p, uint64_t v)
    uint64_t io_fetch_add(uint64_t *p, uint64_t v)
    uint32_t io_fetch_add32(uint32_t *p, uint32_t v)
    uint64_t io_exchange(uint64_t *p, uint64_t v)

cdef extern from "<errno.h>" nogil:
    int io_errno "errno"
    int IO_EAGAIN "EAGAIN"
    int IO_EBADF "EBADF"
    int IO_EEXIST "EEXIST"
    int IO_EINTR "EINTR"
    int IO_EINVAL "EINVAL"
    int IO_ENOENT "ENOENT"
    int IO_ENOMEM "ENOMEM"

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
    int io_getpid "getpid"()
    long io_syscall "syscall"(long number, ...)

cdef extern from "<sys/syscall.h>" nogil:
    long IO_SYS_KCMP "SYS_kcmp"
    long IO_SYS_PREADV2 "SYS_preadv2"

cdef extern from "<sys/eventfd.h>" nogil:
    int io_eventfd "eventfd"(unsigned int value, int flags)
    int IO_EFD_CLOEXEC "EFD_CLOEXEC"
    int IO_EFD_NONBLOCK "EFD_NONBLOCK"

cdef extern from "<sys/uio.h>" nogil:
    struct io_iovec "iovec":
        void *iov_base
        size_t iov_len

cdef extern from "<poll.h>" nogil:
    struct io_pollfd "pollfd":
        int fd
        short events
        short revents
    int io_poll "poll"(io_pollfd *fds, unsigned long count, int timeout)
    short IO_POLLIN "POLLIN"
    short IO_POLLOUT "POLLOUT"

cdef extern from "<sched.h>" nogil:
    int io_yield "sched_yield"()

cdef extern from "<stdio.h>" nogil:
    int io_snprintf "snprintf"(char *buffer, size_t size, const char *format, ...)

cdef extern from "<stdlib.h>" nogil:
    unsigned long long io_strtoull "strtoull"(const char *text, char **end, int base)

cdef extern from "<string.h>" nogil:
    char *io_strstr "strstr"(const char *text, const char *part)
    int io_memcmp "memcmp"(const void *a, const void *b, size_t size)

cdef enum:
    BUS_PIO = 0
    BUS_MMIO = 1
    BUS_HYPERCALL = 2

cdef enum:                                  # KVM's bits
    IO_FLAG_DATAMATCH = 1
    IO_FLAG_PIO = 2
    IO_FLAG_DEASSIGN = 4
    IO_FLAGS_KNOWN = 7

cdef enum:
    IO_PORTS = 65536
    IO_MMIO_TOP = 1114112                   # what real mode reaches: FFFF:FFFF, rounded up to a page
    IO_PAGES = 272                          # IO_MMIO_TOP / 4096
    IO_SLOTS_FEWEST = 16                    # buckets of the smallest table
    IO_SINK_CHAINS = 256
    IO_NUMBERS_MOST = 65536                 # descriptor numbers remembered
    IO_RINGS = 16                           # entries that one slice remembers
    IO_LOCK_TRIES = 1000
    IO_F_DUPFD_QUERY = 1027                 # Linux 6.10
    IO_RWF_NOWAIT = 8

cdef enum:                                  # the low bits of IoBucket.what; the rest is a pointer
    IO_WHAT_BUS = 3                         # bus + 1; a pointer of 0 beside it: the address is free again
    IO_WHAT_NODE = 4
    IO_WHAT_TAGS = 7

cdef enum:                                  # how two descriptors are compared: the first that works
    IO_SAME_QUERY = 0
    IO_SAME_KCMP = 1
    IO_SAME_FDINFO = 2

cdef enum:
    SINK_EVENTFD = 0
    SINK_BELL = 1

cdef struct Sink:
    # Where rings go. `refs` counts holders: each table that lists it, Doorbells, faces, bells that notify.
    uint64_t refs
    int kind
    int fd                                  # SINK_EVENTFD: our own duplicate
    bint blocking                           # O_NONBLOCK was clear when it was registered
    int number                              # the caller's number for it (a bell's notify: fileno())
    uint64_t busy                           # held over the room test and the write, if blocking
    uint64_t pending                        # SINK_BELL: rings since the last drain
    uint64_t drained                        # SINK_BELL: rings drained so far; only touched under the GIL
    Sink *notify                            # SINK_BELL: rung when `pending` leaves 0
    # Below: what one table knows of it, under that table's writer lock. Bells are not listed.
    int64_t id                              # eventfd-id in fdinfo, -1: this kernel tells none
    uint64_t entries
    uint32_t cached                         # how many places of IoTable.numbers lead here
    Sink *next

cdef struct IoEntry:
    uint64_t addr
    uint64_t datamatch
    uint64_t serial                         # never used twice; rings of a slice are found by it
    uint64_t last_value
    uint64_t hits
    uint8_t length
    uint8_t bus
    uint8_t wildcard
    uint8_t coalesce
    uint32_t refs                           # the table and each face; see io_entry_hold
    Sink *target

cdef struct IoNode:                         # an address with several entries (so none of length 0)
    uint64_t wild[4]                        # IoEntry*, by length 1 2 4 8
    uint64_t values[4]                      # how many datamatch entries, by length
    uint64_t entries

cdef struct IoBucket:
    uint64_t addr
    uint64_t what

cdef struct IoIndex:                        # open addressing by (bus, addr)
    uint64_t mask
    int shift
    IoBucket *bucket

cdef struct IoValues:                       # open addressing by (bus, addr, length, value)
    uint64_t mask
    int shift
    uint64_t *slot                          # IoEntry*; 0 free; 1 removed

cdef struct IoRetired:
    int kind                                # 0: plain memory, 1: IoEntry
    void *memory

cdef struct IoTable:
    uint64_t ports[1024]                    # one bit per port that has an entry
    uint64_t pages[IO_PAGES]                # addresses with entries, per page
    uint64_t high                           # the same above IO_MMIO_TOP
    uint64_t hypercalls
    uint64_t index                          # IoIndex*
    uint64_t values                         # IoValues*
    uint64_t addresses                      # live buckets
    uint64_t buckets_used                   # live and freed ones
    uint64_t value_count
    uint64_t values_used
    uint64_t entries
    uint64_t serial
    IoRetired retired[2]                    # what readers may still hold
    size_t retired_count
    Sink *sinks[IO_SINK_CHAINS]             # by eventfd-id
    Sink **numbers                          # by the caller's descriptor number, a cache to be verified
    uint32_t numbers_mask
    int same_how

cdef struct Ring:
    uint64_t serial
    uint64_t count                          # rung, not yet signalled
    IoEntry *entry                          # valid while count is not 0

cdef struct Rings:                          # one per vCPU; all zero is the start
    uint32_t n                              # entries that rang in this slice
    uint32_t last
    bint pending
    uint32_t again_how                      # the access that rang ring[last]: the same once more needs no look at
    uint64_t again_addr                     # the table. Bus and size (0: none), address, and the value if it matters
    uint64_t again_value
    bint again_any
    Ring ring[IO_RINGS]


# -- The table: readers ------------------------------------------------------------

cdef inline uint64_t io_mix(uint64_t h) noexcept nogil:
    """Spread a key over 64 bits; the top bits pick the bucket. Two rounds: any stride of addresses will do."""
    h *= 0x9E3779B97F4A7C15ULL
    h ^= h >> 32
    return h * 0xD6E8FEB86659FD93ULL


cdef inline uint64_t io_mix_value(int bus, uint64_t addr, int length, uint64_t value) noexcept nogil:
    return io_mix(io_mix(addr + (<uint64_t>bus << 62)) + value + (<uint64_t>length << 56))


cdef inline int io_length_index(int length) noexcept nogil:
    """1 2 4 8 -> 0 1 2 3. Other sizes give some index in range: compare the length afterwards."""
    return ((length >> 1) - (length >> 3)) & 3


cdef IoEntry *io_find_value(IoTable *t, int bus, uint64_t addr, int length,
                            uint64_t value) noexcept nogil:
    """The datamatch entry with exactly this key: the cost does not depend on how many values one address has."""
    cdef IoValues *v = <IoValues *><uintptr_t>io_load(&t.values)
    cdef uint64_t i
    cdef uint64_t word
    cdef IoEntry *e
    if v == NULL:
        return NULL
    i = io_mix_value(bus, addr, length, value) >> v.shift
    while True:
        word = io_load(&v.slot[i])
        if word == 0:
            return NULL
        if word != 1:
            e = <IoEntry *><uintptr_t>word
            if (e.datamatch == value and e.addr == addr and e.length == length
                    and e.bus == bus):
                return e
        i = (i + 1) & v.mask


cdef inline IoBucket *io_bucket(IoTable *t, int bus, uint64_t addr) noexcept nogil:
    """The bucket of an address, freed or not; NULL: never used since the table last grew."""
    cdef IoIndex *x = <IoIndex *><uintptr_t>io_load(&t.index)
    cdef uint64_t i
    cdef uint64_t what
    if x == NULL:
        return NULL
    i = io_mix(addr + (<uint64_t>bus << 62)) >> x.shift
    while True:
        what = io_load(&x.bucket[i].what)
        if what == 0:
            return NULL
        if x.bucket[i].addr == addr and (what & IO_WHAT_BUS) == <uint64_t>(bus + 1):
            return &x.bucket[i]
        i = (i + 1) & x.mask


cdef IoEntry *io_probe(IoTable *t, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """What stands at an address that the filter let pass."""
    cdef IoBucket *b = io_bucket(t, bus, addr)
    cdef IoEntry *e
    cdef IoNode *node
    cdef uint64_t what
    cdef int k
    if b == NULL:
        return NULL
    what = io_load(&b.what)
    if what & IO_WHAT_NODE:
        node = <IoNode *><uintptr_t>(what & ~<uint64_t>IO_WHAT_TAGS)
        k = io_length_index(size)
        e = <IoEntry *><uintptr_t>io_load(&node.wild[k])
        if e != NULL:
            return e if e.length == size else NULL
        if io_load(&node.values[k]) == 0:
            return NULL
        return io_find_value(t, bus, addr, size, value)
    e = <IoEntry *><uintptr_t>(what & ~<uint64_t>IO_WHAT_TAGS)
    if e == NULL or e.length == 0:
        return e
    if e.length == size and (e.wildcard or e.datamatch == value):
        return e
    return NULL


cdef inline bint io_port(IoTable *t, uint64_t port) noexcept nogil:
    """Has this port an entry?"""
    return port < IO_PORTS and io_load(&t.ports[port >> 6]) >> (port & 63) & 1


cdef inline IoEntry *iotable_find(IoTable *t, int bus, uint64_t addr, int size,
                                  uint64_t value) noexcept nogil:
    """The one entry that a fragment of a write rings, or NULL. `value` is zero-extended from `size` bytes."""
    if bus == BUS_PIO:
        if not io_port(t, addr):
            return NULL
    elif bus == BUS_MMIO:
        if io_load(&t.pages[addr >> 12] if addr < IO_MMIO_TOP else &t.high) == 0:
            return NULL
    elif io_load(&t.hypercalls) == 0:
        return NULL
    return io_probe(t, bus, addr, size, value)


# -- The rings of one slice ----------------------------------------------------------

cdef void rings_flush(Rings *r) noexcept nogil:
    """Signal what is pending. The slice goes on: entries that rang stay known."""
    cdef uint32_t i
    cdef uint64_t count
    if not r.pending:
        return
    r.pending = False
    for i in range(r.n):
        count = r.ring[i].count
        if count != 0:
            r.ring[i].count = 0
            io_fetch_add(&r.ring[i].entry.hits, count)
            sink_signal(r.ring[i].entry.target, count)


cdef void rings_ring_at_once(Rings *r, IoEntry *e) noexcept nogil:
    """The first ring of an entry in a slice, or one that is not to be added up: nothing overtakes it."""
    rings_flush(r)
    if e.coalesce:
        if r.n == IO_RINGS:
            r.n = 0
        r.ring[r.n].serial = e.serial
        r.ring[r.n].count = 0
        r.ring[r.n].entry = e
        r.last = r.n
        r.n += 1
    io_fetch_add(&e.hits, 1)
    sink_signal(e.target, 1)


cdef void rings_ring(Rings *r, IoEntry *e, int size, uint64_t value) noexcept nogil:
    """One hit: `value` was written to `e`, `size` bytes of it."""
    cdef uint32_t i
    io_publish(&e.last_value, value)
    r.again_how = 0
    if not e.coalesce:
        rings_ring_at_once(r, e)
        return
    i = 0
    while i < r.n and r.ring[i].serial != e.serial:
        i += 1
    if i < r.n:
        r.last = i
        r.ring[i].count += 1
        r.pending = True
    else:
        rings_ring_at_once(r, e)
    r.again_addr = e.addr
    r.again_value = value
    r.again_any = e.wildcard
    r.again_how = <uint32_t>(size << 8 | e.bus)


cdef inline bint rings_again(Rings *r, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Done, if this rings what the last ring of the slice rang."""
    cdef Ring *last
    if r.again_addr != addr or r.again_how != <uint32_t>(size << 8 | bus):
        return False
    if not r.again_any and r.again_value != value:
        return False
    last = &r.ring[r.last]
    io_publish(&last.entry.last_value, value)
    last.count += 1
    r.pending = True
    return True


cdef void rings_new_slice_slow(Rings *r) noexcept nogil:
    rings_flush(r)
    r.n = 0
    r.again_how = 0


cdef inline void rings_new_slice(Rings *r) noexcept nogil:
    """A new slice: what is pending is signalled, and every entry's next ring is a first one."""
    if r.n != 0:
        rings_new_slice_slow(r)


cdef void rings_forked(Rings *r) noexcept nogil:
    """In the child of a fork: what was pending is the parent's to signal."""
    memset(r, 0, sizeof(Rings))


# -- Sinks: where rings go --------------------------------------------------------

cdef int io_fdinfo(int fd, const char *field, int base, uint64_t *value) noexcept nogil:
    """One number of /proc/self/fdinfo. -ENOENT: this kernel has none of that name; another errno below 0: the file
    could not be read."""
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
    """What the kernel calls this eventfd, the same through every descriptor; -1: this kernel has no ids. Returns 0, or
    an errno below 0: if the id cannot be read now (no descriptor is free), the eventfd is refused. Without an id it
    would be registered a second time later."""
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

    O_NONBLOCK belongs to the open file, which others share, so it is not ours to set. Near the
    maximum rings go in one by one, each behind POLLOUT; what finds no room is dropped. `busy` keeps
    two vCPUs from filling the last place together. It is given up rather than waited for: its
    holder may have been another thread when the process forked.
    """
    cdef uint64_t count
    cdef uint64_t one = 1
    cdef int tries = 0
    while io_exchange(&s.busy, 1) != 0 and tries < IO_LOCK_TRIES:
        tries += 1
        io_yield()
    if (n > 1 and io_fdinfo(s.fd, b"eventfd-count", 16, &count) == 0
            and count < 1ULL << 63 and n < 1ULL << 32):     # the counter sticks at 2^64 - 2
        io_write(s.fd, &n, 8)
    else:
        while n != 0 and io_room_for_one(s.fd) and io_write(s.fd, &one, 8) == 8:
            n -= 1
    io_publish(&s.busy, 0)


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
            step >>= 1                      # both ways of ringing must end at the same count
        elif io_errno != IO_EINTR:
            return


cdef void sink_signal(Sink *s, uint64_t n) noexcept nogil:
    if s.kind == SINK_BELL:
        if io_fetch_add(&s.pending, n) == 0 and s.notify != NULL:
            sink_write(s.notify, 1)
    else:
        sink_write(s, n)


cdef void sink_drop(Sink *s) noexcept nogil:
    """Give up one reference; the last one closes the duplicate."""
    if s == NULL or io_fetch_add(&s.refs, <uint64_t>-1) != 1:
        return
    if s.kind == SINK_BELL:
        sink_drop(s.notify)
    else:
        io_close(s.fd)
    free(s)


cdef int io_check_eventfd(int fd) noexcept nogil:
    """0, or what spec section 3 says of a descriptor that is no eventfd."""
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
    """A sink that owns `fd`, held once; NULL: see *error (then `fd` is still the caller's)."""
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
    """A sink with a duplicate of the caller's eventfd. The duplicate is what gets checked: a number may
    be closed and given away by another thread at any time."""
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
