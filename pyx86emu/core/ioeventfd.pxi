"""ioeventfds: tell which entry a guest write rings, and ring it. Know descriptors, not instructions.

The guest's path: find an entry, add up its rings, write to its eventfd or count on its Doorbell.
Then the table's writers (under the Vm's writer lock) and the Python face. Readers take no lock: a writer
publishes one word at a time and frees what they may still hold only when no vCPU can hold it.
"""

import os
import warnings

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
    IoRetired *retired
    size_t retired_count
    size_t retired_room
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


cdef IoBucket *io_bucket(IoTable *t, int bus, uint64_t addr) noexcept nogil:
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


cdef inline IoEntry *iotable_find(IoTable *t, int bus, uint64_t addr, int size,
                                  uint64_t value) noexcept nogil:
    """The one entry that a fragment of a write rings, or NULL. `value` is zero-extended from `size` bytes."""
    if bus == BUS_PIO:
        if addr >= IO_PORTS or not (io_load(&t.ports[addr >> 6]) >> (addr & 63)) & 1:
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


cdef inline void rings_ring(Rings *r, IoEntry *e, uint64_t value) noexcept nogil:
    """One hit: `value` was written to `e`."""
    cdef uint32_t i
    io_publish(&e.last_value, value)
    if r.ring[r.last].serial == e.serial:
        r.ring[r.last].count += 1
        r.pending = True
        return
    for i in range(r.n):
        if r.ring[i].serial == e.serial:
            r.last = i
            r.ring[i].count += 1
            r.pending = True
            return
    rings_ring_at_once(r, e)


cdef void rings_new_slice_slow(Rings *r) noexcept nogil:
    rings_flush(r)
    r.n = 0
    r.last = 0
    r.ring[0].serial = 0


cdef inline void rings_new_slice(Rings *r) noexcept nogil:
    """A new slice: what is pending is signalled, and every entry's next ring is a first one."""
    if r.n != 0:
        rings_new_slice_slow(r)


cdef inline bint rings_pending(Rings *r) noexcept nogil:
    return r.pending


cdef void rings_forked(Rings *r) noexcept nogil:
    """In the child of a fork: what was pending is the parent's to signal."""
    memset(r, 0, sizeof(Rings))


# -- Sinks: where rings go --------------------------------------------------------

cdef int io_fdinfo(int fd, const char *field, int base, uint64_t *value) noexcept nogil:
    """One number of /proc/self/fdinfo; -1: there is none."""
    cdef char path[40]
    cdef char text[1024]
    cdef char *end
    cdef const char *at
    cdef ssize_t n
    cdef int info
    io_snprintf(path, sizeof(path), b"/proc/self/fdinfo/%d", fd)
    info = io_open(path, IO_O_RDONLY | IO_O_CLOEXEC)
    if info < 0:
        return -1
    n = io_read(info, text, sizeof(text) - 1)
    io_close(info)
    if n <= 0:
        return -1
    text[n] = 0
    at = io_strstr(text, field)
    if at == NULL:
        return -1
    while at[0] != 0 and at[0] != c":":
        at += 1
    if at[0] == 0:
        return -1
    value[0] = io_strtoull(at + 1, &end, base)
    return 0 if end != at + 1 else -1


cdef int64_t io_eventfd_id(int fd) noexcept nogil:
    """What the kernel calls this eventfd, the same through every descriptor; -1: it does not say."""
    cdef uint64_t id
    return <int64_t>id if io_fdinfo(fd, b"eventfd-id", 10, &id) == 0 else -1


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
    if n != 20 or io_memcmp(text, b"anon_inode:[eventfd]", 20) != 0:
        return -IO_EINVAL
    return 0


cdef Sink *sink_new(int fd, int number) noexcept nogil:
    """A sink that owns `fd`, held once; NULL: no memory (then `fd` is still the caller's)."""
    cdef Sink *s = <Sink *>calloc(1, sizeof(Sink))
    if s == NULL:
        return NULL
    s.refs = 1
    s.fd = fd
    s.number = number
    s.blocking = not io_fcntl(fd, IO_F_GETFL) & IO_O_NONBLOCK
    s.id = io_eventfd_id(fd)
    return s


cdef Sink *sink_open(int fd, int *error) noexcept nogil:
    """A sink with a duplicate of the caller's eventfd. The duplicate is what gets checked: a number may
    be closed and given away by another thread at any time."""
    cdef int own = io_fcntl(fd, IO_F_DUPFD_CLOEXEC, 0)
    cdef Sink *s
    if own < 0:
        error[0] = -io_errno
        return NULL
    error[0] = io_check_eventfd(own)
    s = sink_new(own, fd) if error[0] == 0 else NULL
    if s == NULL:
        io_close(own)
        if error[0] == 0:
            error[0] = -IO_ENOMEM
    return s


# -- Which eventfd a descriptor names -------------------------------------------------------

cdef bint io_same_file(IoTable *t, int fd, Sink *s) noexcept nogil:
    """Does the caller's number name this sink's eventfd? One system call where the kernel can compare."""
    cdef long r
    if t.same_how == IO_SAME_QUERY:
        r = io_fcntl(fd, IO_F_DUPFD_QUERY, s.fd)
        if r >= 0 or io_errno == IO_EBADF:
            return r == 1
        t.same_how = IO_SAME_KCMP
    if t.same_how == IO_SAME_KCMP:
        r = io_getpid()
        r = io_syscall(IO_SYS_KCMP, r, r, <long>0, <long>fd, <long>s.fd)
        if r >= 0 or io_errno == IO_EBADF:
            return r == 0
        t.same_how = IO_SAME_FDINFO
    return s.id >= 0 and io_check_eventfd(fd) == 0 and io_eventfd_id(fd) == s.id


cdef Sink *io_known(IoTable *t, int fd, int64_t id) noexcept nogil:
    """The listed sink of the eventfd that `fd` names, or NULL."""
    cdef Sink *s = t.sinks[id & (IO_SINK_CHAINS - 1)]
    while s != NULL:
        if s.id == id and (id >= 0 or io_same_file(t, fd, s)):
            return s
        s = s.next
    return NULL


cdef void io_remember(IoTable *t, int fd, Sink *s) noexcept nogil:
    """Note the number under which a sink was found. Only a cache: if memory is short it stays as it is."""
    cdef uint32_t size = 64
    cdef Sink **numbers
    cdef Sink *old
    if t.numbers == NULL or (<uint32_t>fd > t.numbers_mask and t.numbers_mask < IO_NUMBERS_MOST - 1):
        while size <= <uint32_t>fd and size < IO_NUMBERS_MOST:
            size <<= 1
        numbers = <Sink **>realloc(t.numbers, size * sizeof(Sink *))
        if numbers == NULL:
            return
        if t.numbers == NULL:
            memset(numbers, 0, size * sizeof(Sink *))
        else:
            # Numbers below the old size keep their place: they were not folded.
            memset(&numbers[t.numbers_mask + 1], 0,
                   (size - t.numbers_mask - 1) * sizeof(Sink *))
        t.numbers = numbers
        t.numbers_mask = size - 1
    old = t.numbers[<uint32_t>fd & t.numbers_mask]
    if old != s:
        if old != NULL:
            old.cached -= 1
        t.numbers[<uint32_t>fd & t.numbers_mask] = s
        s.cached += 1


cdef void io_forget(IoTable *t, Sink *s) noexcept nogil:
    """Take a sink without entries off the table's list."""
    cdef Sink **at = &t.sinks[s.id & (IO_SINK_CHAINS - 1)]
    cdef uint32_t i
    while at[0] != s:
        at = &at[0].next
    at[0] = s.next
    i = <uint32_t>s.number & t.numbers_mask
    if s.cached != 0 and t.numbers[i] == s:
        t.numbers[i] = NULL
        s.cached -= 1
    i = 0
    while s.cached != 0:
        if t.numbers[i] == s:
            t.numbers[i] = NULL
            s.cached -= 1
        i += 1
    sink_drop(s)


cdef void io_list(IoTable *t, Sink *s) noexcept nogil:
    """Put a new eventfd sink on the table's list, which takes over the reference."""
    s.next = t.sinks[s.id & (IO_SINK_CHAINS - 1)]
    t.sinks[s.id & (IO_SINK_CHAINS - 1)] = s


cdef Sink *iotable_sink(IoTable *t, int fd, bint create, int *error) noexcept nogil:
    """The table's sink of the eventfd that `fd` names: one duplicate per eventfd, however many entries.

    NULL: see *error; without `create` -ENOENT is an eventfd that no entry uses. A new sink without
    entries must get one or be given to `io_forget`.
    """
    cdef Sink *s = NULL
    cdef Sink *new
    if fd < 0:
        error[0] = -IO_EBADF
        return NULL
    if t.numbers != NULL:
        s = t.numbers[<uint32_t>fd & t.numbers_mask]
        if s != NULL and io_same_file(t, fd, s):
            return s
    if not create:
        error[0] = io_check_eventfd(fd)
        if error[0] != 0:
            return NULL
        s = io_known(t, fd, io_eventfd_id(fd))
        if s == NULL:
            error[0] = -IO_ENOENT
        return s
    new = sink_open(fd, error)
    if new == NULL:
        return NULL
    s = io_known(t, new.fd, new.id)
    if s != NULL:
        sink_drop(new)
    else:
        s = new
        io_list(t, s)
    io_remember(t, fd, s)
    return s


# -- Entries ----------------------------------------------------------------------

cdef IoTable *iotable_new() noexcept nogil:
    return <IoTable *>calloc(1, sizeof(IoTable))


cdef void io_entry_drop(IoEntry *e) noexcept nogil:
    if io_fetch_add32(&e.refs, <uint32_t>-1) == 1:
        free(e)


cdef inline IoEntry *io_direct(uint64_t what) noexcept nogil:
    """The only entry of an address; NULL: it has several, or none."""
    if what & IO_WHAT_NODE:
        return NULL
    return <IoEntry *><uintptr_t>(what & ~<uint64_t>IO_WHAT_TAGS)


cdef inline IoNode *io_node(uint64_t what) noexcept nogil:
    if not what & IO_WHAT_NODE:
        return NULL
    return <IoNode *><uintptr_t>(what & ~<uint64_t>IO_WHAT_TAGS)


cdef bint io_retire_room(IoTable *t, size_t more) noexcept nogil:
    """Room for `more` on the retire list, asked for before anything is changed."""
    cdef size_t room = t.retired_room
    cdef IoRetired *list
    if t.retired_count + more <= room:
        return True
    room = 2 * room + more
    list = <IoRetired *>realloc(t.retired, room * sizeof(IoRetired))
    if list == NULL:
        return False
    t.retired = list
    t.retired_room = room
    return True


cdef void io_retire(IoTable *t, int kind, void *memory) noexcept nogil:
    if memory != NULL:
        t.retired[t.retired_count].kind = kind
        t.retired[t.retired_count].memory = memory
        t.retired_count += 1


cdef void io_release(IoTable *t, IoEntry *e) noexcept nogil:
    """The table lets go of an entry that no reader can reach."""
    cdef Sink *s = e.target
    if s.kind == SINK_BELL:
        sink_drop(s)
    else:
        s.entries -= 1
        if s.entries == 0:
            io_forget(t, s)
    io_entry_drop(e)


cdef void iotable_reclaim(IoTable *t) noexcept nogil:
    """Free what was retired. Only after no vCPU is in the core that was there when it was retired."""
    cdef size_t i
    for i in range(t.retired_count):
        if t.retired[i].kind == 0:
            free(t.retired[i].memory)
        else:
            io_release(t, <IoEntry *>t.retired[i].memory)
    t.retired_count = 0


cdef int io_shift(uint64_t size) noexcept nogil:
    cdef int shift = 64
    while size > 1:
        size >>= 1
        shift -= 1
    return shift


cdef uint64_t io_new_size(uint64_t live) noexcept nogil:
    """At most a third full, so that the next rebuild is far away even if freed places were the reason."""
    cdef uint64_t size = IO_SLOTS_FEWEST
    while size < 3 * (live + 1):
        size <<= 1
    return size


cdef bint io_reserve_address(IoTable *t) noexcept nogil:
    """Room for one more address: rebuild the index when half of it is used, freed buckets included."""
    cdef IoIndex *old = <IoIndex *><uintptr_t>t.index
    cdef IoIndex *x
    cdef IoBucket *b
    cdef uint64_t size
    cdef uint64_t i
    cdef uint64_t k
    if old != NULL and 2 * (t.buckets_used + 1) <= old.mask + 1:
        return True
    if not io_retire_room(t, 1):
        return False
    size = io_new_size(t.addresses)
    x = <IoIndex *>calloc(1, sizeof(IoIndex) + size * sizeof(IoBucket))
    if x == NULL:
        return False
    x.mask = size - 1
    x.shift = io_shift(size)
    x.bucket = <IoBucket *>(x + 1)
    if old != NULL:
        for i in range(old.mask + 1):
            b = &old.bucket[i]
            if b.what > IO_WHAT_BUS:
                k = io_mix(b.addr + ((b.what & IO_WHAT_BUS) - 1 << 62)) >> x.shift
                while x.bucket[k].what != 0:
                    k = (k + 1) & x.mask
                x.bucket[k] = b[0]
    t.buckets_used = t.addresses
    io_publish(&t.index, <uintptr_t>x)
    io_retire(t, 0, old)
    return True


cdef void io_put_value(IoValues *v, IoEntry *e) noexcept nogil:
    cdef uint64_t i = io_mix_value(e.bus, e.addr, e.length, e.datamatch) >> v.shift
    while v.slot[i] != 0:
        i = (i + 1) & v.mask
    io_publish(&v.slot[i], <uintptr_t>e)


cdef bint io_reserve_values(IoTable *t) noexcept nogil:
    """Room for two more datamatch values (an address that becomes a node files its first entry too)."""
    cdef IoValues *old = <IoValues *><uintptr_t>t.values
    cdef IoValues *v
    cdef uint64_t size
    cdef uint64_t i
    if old != NULL and 2 * (t.values_used + 2) <= old.mask + 1:
        return True
    if not io_retire_room(t, 1):
        return False
    size = io_new_size(t.value_count + 2)
    v = <IoValues *>calloc(1, sizeof(IoValues) + size * sizeof(uint64_t))
    if v == NULL:
        return False
    v.mask = size - 1
    v.shift = io_shift(size)
    v.slot = <uint64_t *>(v + 1)
    if old != NULL:
        for i in range(old.mask + 1):
            if old.slot[i] > 1:
                io_put_value(v, <IoEntry *><uintptr_t>old.slot[i])
    t.values_used = t.value_count
    io_publish(&t.values, <uintptr_t>v)
    io_retire(t, 0, old)
    return True


cdef void io_filter(IoTable *t, int bus, uint64_t addr, bint on) noexcept nogil:
    """Note in the filter that an address got its first entry or lost its last."""
    cdef uint64_t *word
    cdef uint64_t bit
    if bus == BUS_PIO:
        if addr < IO_PORTS:                 # entries above exist and never ring (spec A16, P20)
            word = &t.ports[addr >> 6]
            bit = 1ULL << (addr & 63)
            io_publish(word, word[0] | bit if on else word[0] & ~bit)
        return
    if bus == BUS_HYPERCALL:
        word = &t.hypercalls
    elif addr < IO_MMIO_TOP:
        word = &t.pages[addr >> 12]
    else:
        word = &t.high
    io_publish(word, word[0] + 1 if on else word[0] - 1)


cdef IoEntry *io_collider(IoTable *t, int bus, uint64_t addr, int length, bint wildcard,
                          uint64_t datamatch) noexcept nogil:
    """An entry that a new one would collide with (spec section 3), or NULL."""
    cdef IoBucket *b = io_bucket(t, bus, addr)
    cdef IoEntry *e
    cdef IoNode *node
    cdef int k
    if b == NULL:
        return NULL
    node = io_node(b.what)
    if node == NULL:
        e = io_direct(b.what)
        if e != NULL and (length == 0 or e.length == 0 or (length == e.length and (
                wildcard or e.wildcard or datamatch == e.datamatch))):
            return e
        return NULL
    for k in range(4):
        if length == 0 or length == 1 << k:
            e = <IoEntry *><uintptr_t>node.wild[k]
            if e != NULL:
                return e
            if node.values[k] != 0:
                if length != 0 and not wildcard:
                    return io_find_value(t, bus, addr, length, datamatch)
                return io_any_value(t, bus, addr, 1 << k)
    return NULL


cdef IoEntry *io_any_value(IoTable *t, int bus, uint64_t addr, int length) noexcept nogil:
    """Some datamatch entry of an address that has one. Walks the table: for messages only."""
    cdef IoValues *v = <IoValues *><uintptr_t>t.values
    cdef IoEntry *e
    cdef uint64_t i
    for i in range(v.mask + 1):
        if v.slot[i] > 1:
            e = <IoEntry *><uintptr_t>v.slot[i]
            if e.bus == bus and e.addr == addr and e.length == length:
                return e
    return NULL


cdef IoEntry *io_exact(IoTable *t, int bus, uint64_t addr, uint64_t length, bint wildcard,
                       uint64_t datamatch) noexcept nogil:
    """The entry with exactly these properties, or NULL."""
    cdef IoBucket *b = io_bucket(t, bus, addr)
    cdef IoEntry *e
    cdef IoNode *node
    if b == NULL or length > 8:
        return NULL
    node = io_node(b.what)
    if node == NULL:
        e = io_direct(b.what)
    elif wildcard:
        e = <IoEntry *><uintptr_t>node.wild[io_length_index(<int>length)]
    else:
        e = io_find_value(t, bus, addr, <int>length, datamatch)
    if (e == NULL or e.length != length or <bint>e.wildcard != wildcard
            or not (wildcard or e.datamatch == datamatch)):
        return NULL
    return e


cdef void io_node_add(IoTable *t, IoNode *node, IoEntry *e) noexcept nogil:
    cdef int k = io_length_index(e.length)
    node.entries += 1
    if e.wildcard:
        io_publish(&node.wild[k], <uintptr_t>e)
    else:
        io_put_value(<IoValues *><uintptr_t>t.values, e)
        t.value_count += 1
        t.values_used += 1
        io_publish(&node.values[k], node.values[k] + 1)


cdef int iotable_add(IoTable *t, int bus, uint64_t addr, int length, bint wildcard, uint64_t datamatch,
                     bint coalesce, Sink *target, IoEntry **added) noexcept nogil:
    """Register one entry: 0, -EEXIST or -ENOMEM. Arguments are checked; `target` gains an entry or, for a
    bell, a reference. What the table outgrew is left on the retire list."""
    cdef IoBucket *b
    cdef IoIndex *x
    cdef IoEntry *e
    cdef IoEntry *first
    cdef IoNode *node
    cdef uint64_t i
    if io_collider(t, bus, addr, length, wildcard, datamatch) != NULL:
        return -IO_EEXIST
    b = io_bucket(t, bus, addr)
    if b == NULL:
        if not io_reserve_address(t):
            return -IO_ENOMEM
    elif b.what > IO_WHAT_TAGS and not io_reserve_values(t):
        return -IO_ENOMEM
    e = <IoEntry *>calloc(1, sizeof(IoEntry))
    if e == NULL:
        return -IO_ENOMEM
    t.serial += 1
    e.serial = t.serial
    e.addr = addr
    e.bus = <uint8_t>bus
    e.length = <uint8_t>length
    e.wildcard = wildcard
    e.datamatch = 0 if wildcard else datamatch
    e.coalesce = coalesce
    e.refs = 1
    e.target = target
    if b == NULL:
        x = <IoIndex *><uintptr_t>t.index
        i = io_mix(addr + (<uint64_t>bus << 62)) >> x.shift
        while x.bucket[i].what != 0:
            i = (i + 1) & x.mask
        b = &x.bucket[i]
        b.addr = addr
        t.buckets_used += 1
    first = io_direct(b.what)
    node = io_node(b.what)
    if first != NULL:
        node = <IoNode *>calloc(1, sizeof(IoNode))
        if node == NULL:
            free(e)
            return -IO_ENOMEM
        io_node_add(t, node, first)
        io_node_add(t, node, e)
        io_publish(&b.what, <uintptr_t>node | IO_WHAT_NODE | <uint64_t>(bus + 1))
    elif node != NULL:
        io_node_add(t, node, e)
    else:
        io_publish(&b.what, <uintptr_t>e | <uint64_t>(bus + 1))
        t.addresses += 1
        io_filter(t, bus, addr, True)
    if target.kind == SINK_BELL:
        io_fetch_add(&target.refs, 1)
    else:
        target.entries += 1
    t.entries += 1
    added[0] = e
    return 0


cdef int iotable_take(IoTable *t, IoEntry *e) noexcept nogil:
    """Unregister an entry that stands in the table: readers that come now do not find it. 0 or -ENOMEM."""
    cdef IoBucket *b = io_bucket(t, e.bus, e.addr)
    cdef IoNode *node = io_node(b.what)
    cdef IoValues *v
    cdef uint64_t i
    cdef int k
    if not io_retire_room(t, 2):
        return -IO_ENOMEM
    if node != NULL:
        k = io_length_index(e.length)
        node.entries -= 1
        if e.wildcard:
            io_publish(&node.wild[k], 0)
        else:
            v = <IoValues *><uintptr_t>t.values
            i = io_mix_value(e.bus, e.addr, e.length, e.datamatch) >> v.shift
            while v.slot[i] != <uintptr_t>e:
                i = (i + 1) & v.mask
            io_publish(&node.values[k], node.values[k] - 1)
            io_publish(&v.slot[i], 1)
            t.value_count -= 1
    if node == NULL or node.entries == 0:
        io_publish(&b.what, b.what & IO_WHAT_BUS)
        io_filter(t, e.bus, e.addr, False)
        t.addresses -= 1
        io_retire(t, 0, node)
    t.entries -= 1
    io_retire(t, 1, e)
    return 0


cdef int iotable_remove(IoTable *t, int bus, uint64_t addr, uint64_t length, bint wildcard,
                        uint64_t datamatch, Sink *target) noexcept nogil:
    """Unregister the entry that equals all of this: 0, -ENOENT or -ENOMEM."""
    cdef IoEntry *e = io_exact(t, bus, addr, length, wildcard, datamatch)
    if e == NULL or e.target != target:
        return -IO_ENOENT
    return iotable_take(t, e)


cdef bint io_holds(IoTable *t, IoEntry *e) noexcept nogil:
    """Is this very entry still registered?"""
    return t != NULL and io_exact(t, e.bus, e.addr, e.length, e.wildcard, e.datamatch) == e


cdef void iotable_list(IoTable *t, IoEntry **out) noexcept nogil:
    """Write t.entries pointers, in no order."""
    cdef IoIndex *x = <IoIndex *><uintptr_t>t.index
    cdef IoValues *v = <IoValues *><uintptr_t>t.values
    cdef IoNode *node
    cdef uint64_t i
    cdef size_t n = 0
    cdef int k
    if x != NULL:
        for i in range(x.mask + 1):
            if io_direct(x.bucket[i].what) != NULL:
                out[n] = io_direct(x.bucket[i].what)
                n += 1
            node = io_node(x.bucket[i].what)
            if node != NULL:
                for k in range(4):
                    if node.wild[k] != 0:
                        out[n] = <IoEntry *><uintptr_t>node.wild[k]
                        n += 1
    if v != NULL:
        for i in range(v.mask + 1):
            if v.slot[i] > 1:
                out[n] = <IoEntry *><uintptr_t>v.slot[i]
                n += 1


cdef void iotable_free(IoTable *t) noexcept nogil:
    """Drop every entry and the table. Nobody may be inside; counters keep their values."""
    cdef IoIndex *x
    cdef IoValues *v
    cdef IoNode *node
    cdef uint64_t i
    cdef int k
    if t == NULL:
        return
    iotable_reclaim(t)
    x = <IoIndex *><uintptr_t>t.index
    v = <IoValues *><uintptr_t>t.values
    if v != NULL:
        for i in range(v.mask + 1):
            if v.slot[i] > 1:
                io_release(t, <IoEntry *><uintptr_t>v.slot[i])
    if x != NULL:
        for i in range(x.mask + 1):
            if io_direct(x.bucket[i].what) != NULL:
                io_release(t, io_direct(x.bucket[i].what))
            node = io_node(x.bucket[i].what)
            if node != NULL:
                for k in range(4):
                    if node.wild[k] != 0:
                        io_release(t, <IoEntry *><uintptr_t>node.wild[k])
                free(node)
    free(x)
    free(v)
    free(t.numbers)
    free(t.retired)
    free(t)


# -- The Python face --------------------------------------------------------------------

cdef class Vm


cdef str io_bus_name(int bus):
    return "pio" if bus == BUS_PIO else "mmio" if bus == BUS_MMIO else "hypercall"


cdef int io_bus(object bus) except -1:
    if bus == "pio":
        return BUS_PIO
    if bus == "mmio":
        return BUS_MMIO
    if bus == "hypercall":
        return BUS_HYPERCALL
    raise ValueError(f"there is no bus {bus!r}: use 'pio', 'mmio' or 'hypercall'")


cdef str io_where(int bus, object addr, object length, bint wildcard, object datamatch):
    """`pio 0x510, length 1, datamatch 0x1`"""
    cdef str text = f"{io_bus_name(bus)} {addr:#x}, length {length}"
    return text if wildcard else f"{text}, datamatch {datamatch:#x}"


cdef int io_number(object fd) except? -1:
    """The descriptor number that an argument means; -1 if no descriptor can have it."""
    cdef long long number
    if not isinstance(fd, int):
        fileno = getattr(fd, "fileno", None)
        if fileno is None:
            raise TypeError(f"fd must be None, an int, a Doorbell or have fileno(), not {fd!r}")
        fd = fileno()
    try:
        number = fd
    except OverflowError:
        return -1
    return <int>number if 0 <= number <= 0x7FFFFFFF else -1


cdef object io_descriptor_error(int error, object fd):
    """The exception for a descriptor that cannot be rung."""
    if error == -IO_EBADF:
        return OSError(IO_EBADF, f"{fd!r} is not an open descriptor: pass an open eventfd, "
                                 "or fd=None to have one made")
    if error == -IO_EINVAL:
        return OSError(IO_EINVAL, f"descriptor {fd!r} is not an eventfd: make one with os.eventfd(), "
                                  "pass fd=None, or a Doorbell() to count without a descriptor")
    return OSError(-error, f"{os.strerror(-error)} while duplicating descriptor {fd!r}")


cdef object io_take_count(int fd):
    """Read an eventfd without waiting, whether it is a blocking one or not: 0 when it is empty."""
    cdef uint64_t count = 0
    cdef io_iovec part
    cdef io_pollfd p
    cdef long n
    cdef int error = 0
    part.iov_base = &count
    part.iov_len = 8
    with nogil:
        n = io_syscall(IO_SYS_PREADV2, <long>fd, &part, <long>1, <long>-1, <long>-1,
                       <long>IO_RWF_NOWAIT)
        if n < 0:
            error = io_errno
        if error != 0 and error != IO_EAGAIN and error != IO_EBADF:
            # A kernel before 5.8. Another reader may come between these lines; then this one waits.
            p.fd = fd
            p.events = IO_POLLIN
            p.revents = 0
            error = IO_EAGAIN
            if io_poll(&p, 1, 0) == 1 and p.revents & IO_POLLIN:
                n = io_read(fd, &count, 8)
                error = 0 if n == 8 else io_errno
    if error != 0 and error != IO_EAGAIN:
        raise OSError(error, f"{os.strerror(error)} while reading eventfd {fd}")
    return count


cdef class Doorbell:
    """A counter that ioeventfds ring: no descriptor, no system call.

    One Doorbell may serve any number of entries, buses, vCPUs and Vms. With `notify`, an eventfd is
    written once whenever the count leaves 0 since the last `drain()`: read that descriptor first,
    then drain.

    >>> bell = Doorbell()
    >>> bell.ring()
    >>> bell.ring(2)
    >>> bell.drain(), bell.drain(), bell.count
    (3, 0, 3)
    """
    cdef Sink *sink
    cdef object notify                      # what was passed: it must not be closed before us

    def __cinit__(self):
        self.sink = NULL

    def __init__(self, notify=None):
        cdef int error = 0
        cdef int fd
        cdef Sink *target = NULL
        if self.sink != NULL:
            raise RuntimeError("a Doorbell is initialised once")
        if notify is not None:
            fd = io_number(notify)
            with nogil:
                if fd < 0:
                    error = -IO_EBADF
                else:
                    target = sink_open(fd, &error)
            if target == NULL:
                raise io_descriptor_error(error, notify)
        self.sink = <Sink *>calloc(1, sizeof(Sink))
        if self.sink == NULL:
            sink_drop(target)
            raise MemoryError
        self.sink.kind = SINK_BELL
        self.sink.refs = 1
        self.sink.notify = target
        self.notify = notify

    def __dealloc__(self):
        sink_drop(self.sink)

    @property
    def count(self):
        """All rings so far; those of a running vCPU's current slice may be missing."""
        return self.sink.drained + io_load(&self.sink.pending)

    def ring(self, n=1):
        """Ring `n` times."""
        cdef uint64_t times
        if n < 0:
            raise ValueError(f"a doorbell cannot be rung {n} times")
        times = n
        if times != 0:
            with nogil:
                sink_signal(self.sink, times)

    def drain(self):
        """The rings since the last drain."""
        cdef uint64_t n = io_exchange(&self.sink.pending, 0)
        self.sink.drained += n
        return n

    def fileno(self):
        """The descriptor passed as `notify`."""
        if self.sink.notify == NULL:
            raise OSError(IO_EBADF, "this Doorbell has no descriptor: "
                                    "make it with Doorbell(notify=eventfd)")
        return self.sink.notify.number

    def __repr__(self):
        cdef str notify = "" if self.sink.notify == NULL else f" notify {self.sink.notify.number}"
        return f"<Doorbell count {self.count}{notify}>"


cdef Doorbell io_doorbell(Sink *s):
    """A Doorbell object for a bell that an entry rings."""
    cdef Doorbell bell = Doorbell.__new__(Doorbell)
    io_fetch_add(&s.refs, 1)
    bell.sink = s
    return bell


cdef class IoEventFd:
    """One registered entry: guest writes that match it ring its eventfd or Doorbell, without an exit.

    `Vm.ioeventfd()` makes it. The entry stays registered when this object is dropped; `deassign()`, or
    leaving a `with` block, removes it. `hits` and `last_value` keep their last state afterwards.
    """
    cdef readonly Vm vm
    cdef IoEntry *entry
    cdef Sink *sink
    cdef int own                            # the eventfd made for fd=None, or -1
    cdef int number                         # the descriptor number that was passed, or -1
    cdef object source                      # what it was passed in: kept open as long as we are

    def __cinit__(self):
        self.own = -1
        self.number = -1

    def __init__(self):
        raise TypeError("an IoEventFd is made by Vm.ioeventfd()")

    def __dealloc__(self):
        if self.own >= 0:
            io_close(self.own)
        if self.entry != NULL:
            io_entry_drop(self.entry)
            sink_drop(self.sink)

    @property
    def addr(self):
        """Port, guest-physical address or hypercall number."""
        return self.entry.addr

    @property
    def length(self):
        """Bytes that a write must have: 1, 2, 4 or 8; 0 for any."""
        return self.entry.length

    @property
    def bus(self):
        """'pio', 'mmio' or 'hypercall'."""
        return io_bus_name(self.entry.bus)

    @property
    def datamatch(self):
        """The value that a write must have; None for any."""
        return None if self.entry.wildcard else self.entry.datamatch

    @property
    def coalesce(self):
        """Whether the rings of one slice are added up into one write."""
        return bool(self.entry.coalesce)

    @property
    def hits(self):
        """Writes that matched; those of a running vCPU's current slice may be missing."""
        return io_load(&self.entry.hits)

    @property
    def last_value(self):
        """The value of the last write that matched; None before the first."""
        return io_load(&self.entry.last_value) if io_load(&self.entry.hits) != 0 else None

    @property
    def registered(self):
        """Whether guest writes still match it."""
        cdef bint found
        self.vm.lock_writers()
        found = io_holds(self.vm.iotable, self.entry)
        self.vm.unlock_writers()
        return found

    @property
    def doorbell(self):
        """The Doorbell it rings; None if it rings an eventfd."""
        if self.sink.kind != SINK_BELL:
            return None
        if self.source is None:
            self.source = io_doorbell(self.sink)
        return self.source

    def fileno(self):
        """The eventfd to poll: the one that was passed, or the one made for fd=None. Do not close it."""
        if self.sink.kind == SINK_BELL:
            return self.doorbell.fileno()
        if self.own >= 0:
            return self.own
        return self.number if self.number >= 0 else self.sink.fd

    def read(self):
        """The rings since the last read; 0 when there were none. Never waits."""
        if self.sink.kind == SINK_BELL:
            return self.doorbell.drain()
        return io_take_count(self.sink.fd)

    def deassign(self):
        """Remove the entry. When this returns, no guest write rings it any more; the counter keeps its value."""
        cdef Vm vm = self.vm
        cdef int error
        vm.lock_writers()
        try:
            error = (iotable_take(vm.iotable, self.entry) if io_holds(vm.iotable, self.entry)
                     else -IO_ENOENT)
            if error == 0:
                vm.quiesce()
                iotable_reclaim(vm.iotable)
        finally:
            vm.unlock_writers()
        if error != 0:
            raise io_not_found(error, self.entry.bus, self.addr, self.length,
                               self.entry.wildcard, self.entry.datamatch)

    def close(self):
        """Remove the entry if it is still registered. May be called twice."""
        try:
            self.deassign()
        except OSError as error:
            if error.errno != IO_ENOENT:
                raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def __eq__(self, other):
        if not isinstance(other, IoEventFd):
            return NotImplemented
        return self.entry == (<IoEventFd>other).entry

    def __hash__(self):
        return hash(<uintptr_t>self.entry)

    def __repr__(self):
        cdef str where = io_where(self.entry.bus, self.entry.addr, self.entry.length,
                                  self.entry.wildcard, self.entry.datamatch)
        cdef str to = "doorbell" if self.sink.kind == SINK_BELL else f"fd {self.fileno()}"
        return f"<IoEventFd {where}, {to}, hits {self.hits}>"


cdef IoEventFd io_face(Vm vm, IoEntry *e):
    """A Python face of an entry. The caller holds the writer lock."""
    cdef IoEventFd face = IoEventFd.__new__(IoEventFd)
    face.vm = vm
    face.entry = e
    face.sink = e.target
    io_fetch_add32(&e.refs, 1)
    io_fetch_add(&e.target.refs, 1)
    return face


cdef object io_not_found(int error, int bus, object addr, object length, bint wildcard,
                         object datamatch):
    if error == -IO_ENOMEM:
        return MemoryError()
    return OSError(IO_ENOENT, "no such ioeventfd is registered: "
                   f"{io_where(bus, addr, length, wildcard, datamatch)}; bus, address, length, datamatch "
                   "and eventfd must all be those of the registration (Vm.ioeventfds lists them)")


cdef int io_flags(object flags, int *bus, bint *wildcard, bint *deassign) except -1:
    """Let KVM's flag word, if one was given, decide instead of `bus` and `datamatch is None`."""
    cdef int bits
    if not 0 <= flags <= IO_FLAGS_KNOWN:
        raise OSError(IO_EINVAL, f"unknown bits in flags {flags:#x}: DATAMATCH is 1, PIO 2, DEASSIGN 4")
    bits = flags
    if bits != 0:
        bus[0] = BUS_PIO if bits & IO_FLAG_PIO else BUS_MMIO
        wildcard[0] = not bits & IO_FLAG_DATAMATCH
        deassign[0] = (bits & IO_FLAG_DEASSIGN) != 0
    return 0


cdef uint64_t io_u64(object value, str name) except? 0:
    if isinstance(value, int) and not 0 <= value <= 0xFFFFFFFFFFFFFFFF:
        raise OSError(IO_EINVAL, f"{name} {value:#x} is not a number of 64 bits")
    return value


cdef object ioeventfd_assign(Vm vm, object addr, object length, object bus, object datamatch, object fd,
                             bint coalesce, object flags):
    """Vm.ioeventfd(): register an entry and return its face.

    With `flags` 0 the entry is what `bus` and `datamatch` say. A `flags` that is not 0 is KVM's word for
    one call and decides alone: PIO chooses the bus ('mmio' without it), DATAMATCH whether `datamatch`
    counts (None is 0 then), DEASSIGN makes the call remove the entry; the face returned is the removed
    entry's. Hence a raw MMIO wildcard is `bus="mmio"` with flags 0.
    """
    cdef bint wildcard = datamatch is None
    cdef bint deassign = False
    cdef int bus_number = io_bus(bus)
    cdef uint64_t where
    cdef uint64_t value
    cdef int size
    cdef int fd_number = -1
    cdef int made = -1
    cdef int error = 0
    cdef Sink *sink = NULL
    cdef IoEntry *e = NULL
    cdef IoEventFd face
    if flags & IO_FLAG_DEASSIGN:
        return ioeventfd_deassign(vm, addr, length, bus, datamatch, fd, flags)
    if length not in (0, 1, 2, 4, 8):
        raise OSError(IO_EINVAL, f"ioeventfd length {length}: use 1, 2, 4 or 8, or 0 for any size")
    size = length
    where = io_u64(addr, "ioeventfd address")
    if where + <uint64_t>size < where:
        raise OSError(IO_EINVAL, f"ioeventfd at {addr:#x}, length {length}, reaches past 2^64: "
                                 "use a lower address")
    io_flags(flags, &bus_number, &wildcard, &deassign)
    if size == 0 and not wildcard:
        raise OSError(IO_EINVAL, "an ioeventfd of length 0 cannot have a datamatch: "
                                 "give the length of the writes to match")
    value = 0 if wildcard or datamatch is None else io_u64(datamatch, "datamatch")
    if isinstance(fd, Doorbell):
        sink = (<Doorbell>fd).sink
    elif fd is not None:
        fd_number = io_number(fd)
    if bus_number == BUS_PIO and where >= IO_PORTS:
        warnings.warn(f"port {where:#x} is above 0xffff: this ioeventfd can never ring",
                      RuntimeWarning, stacklevel=1)
    if size < 8 and value >> (8 * size & 63) != 0 and not wildcard:
        warnings.warn(f"datamatch {value:#x} does not fit in {size} byte{'s' * (size > 1)}: "
                      "this ioeventfd can never ring",
                      RuntimeWarning, stacklevel=1)
    if fd is None:
        made = io_eventfd(0, IO_EFD_CLOEXEC | IO_EFD_NONBLOCK)
        if made < 0:
            raise OSError(io_errno, f"{os.strerror(io_errno)}: no eventfd could be made; share one "
                                    "descriptor among entries, or pass a Doorbell()")
        fd_number = made
    try:
        vm.lock_writers()
        try:
            if vm.iotable == NULL:
                raise OSError(IO_EBADF, "this Vm is closed")
            if sink == NULL:
                sink = iotable_sink(vm.iotable, fd_number, True, &error)
                if sink == NULL:
                    raise io_descriptor_error(error, fd)
            error = iotable_add(vm.iotable, bus_number, where, size, wildcard, value, coalesce, sink, &e)
            if error != 0:
                if sink.kind == SINK_EVENTFD and sink.entries == 0:
                    io_forget(vm.iotable, sink)
                if error == -IO_EEXIST:
                    e = io_collider(vm.iotable, bus_number, where, size, wildcard, value)
                    raise OSError(IO_EEXIST, f"ioeventfd {io_where(bus_number, where, size, wildcard, value)}"
                                  " collides with one registered there ("
                                  f"{io_where(e.bus, e.addr, e.length, e.wildcard, e.datamatch)}): deassign "
                                  "that first, or give both the same length and different datamatch values")
                raise MemoryError
            face = io_face(vm, e)
            if vm.iotable.retired_count != 0:
                # The table grew. Its old self is freed here, not with the next deregistration.
                vm.quiesce()
                iotable_reclaim(vm.iotable)
        finally:
            vm.unlock_writers()
    except BaseException:
        if made >= 0:
            io_close(made)
        raise
    face.own = made
    if made < 0:
        face.number = fd_number
        face.source = fd
    return face


cdef object ioeventfd_deassign(Vm vm, object addr, object length, object bus, object datamatch, object fd,
                               object flags):
    """Remove an entry by its properties, through any descriptor of its eventfd (spec section 6)."""
    cdef bint wildcard = datamatch is None
    cdef bint deassign = True
    cdef int bus_number = io_bus(bus)
    cdef uint64_t where
    cdef uint64_t value
    cdef uint64_t size
    cdef int fd_number
    cdef int error = 0
    cdef Sink *sink
    cdef IoEntry *e = NULL
    cdef IoEventFd face = None
    io_flags(flags, &bus_number, &wildcard, &deassign)
    where = io_u64(addr, "ioeventfd address")
    value = 0 if wildcard or datamatch is None else io_u64(datamatch, "datamatch")
    size = length if 0 <= length <= 8 else 9                # a bad length finds nothing (spec D07)
    fd_number = -1 if isinstance(fd, Doorbell) or fd is None else io_number(fd)
    vm.lock_writers()
    try:
        if vm.iotable == NULL:
            raise OSError(IO_EBADF, "this Vm is closed")
        if isinstance(fd, Doorbell):
            sink = (<Doorbell>fd).sink
        else:
            sink = iotable_sink(vm.iotable, fd_number, False, &error)
            if sink == NULL and error != -IO_ENOENT:
                raise io_descriptor_error(error, fd)
        e = io_exact(vm.iotable, bus_number, where, size, wildcard, value)
        if sink == NULL or e == NULL or e.target != sink:
            raise io_not_found(-IO_ENOENT, bus_number, addr, length, wildcard, value)
        face = io_face(vm, e)
        error = iotable_take(vm.iotable, e)
        if error != 0:
            raise MemoryError
        vm.quiesce()
        iotable_reclaim(vm.iotable)
    finally:
        vm.unlock_writers()
    return face


cdef tuple ioeventfd_list(Vm vm):
    """Vm.ioeventfds: a face for every entry, in the order of registration."""
    cdef IoEntry **entries = NULL
    cdef list faces = []
    cdef uint64_t i
    vm.lock_writers()
    try:
        if vm.iotable != NULL and vm.iotable.entries != 0:
            entries = <IoEntry **>malloc(vm.iotable.entries * sizeof(IoEntry *))
            if entries == NULL:
                raise MemoryError
            iotable_list(vm.iotable, entries)
            for i in range(vm.iotable.entries):
                faces.append((entries[i].serial, io_face(vm, entries[i])))
    finally:
        free(entries)
        vm.unlock_writers()
    faces.sort(key=io_serial)
    return tuple([face for _, face in faces])


def io_serial(pair):
    return pair[0]
