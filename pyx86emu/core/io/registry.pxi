# The ioeventfd registry: add and remove entries, and know eventfds by identity. Know no vCPU.
#
# All of this runs under the Vm's writer lock. What readers may still use is put on the retire list. The caller waits
# until every vCPU that was in the core has left it, then `iotable_reclaim` frees the list.
# The structs, and what a reader does with them, are in find.pxi.

cdef extern from "<unistd.h>" nogil:
    int io_getpid "getpid"()

cdef extern from "<sys/syscall.h>" nogil:
    long IO_SYS_KCMP "SYS_kcmp"

cdef enum:                                  # KVM's flag bits
    IO_FLAG_DATAMATCH = 1
    IO_FLAG_PIO = 2
    IO_FLAG_DEASSIGN = 4
    IO_FLAGS_KNOWN = 7

cdef enum:
    IO_SLOTS_FEWEST = 16                    # buckets of the smallest table
    IO_NUMBERS_MOST = 65536                 # descriptor numbers remembered
    IO_F_DUPFD_QUERY = 1027                 # Linux 6.10

cdef enum:                                  # how to compare two descriptors: the first way that works
    IO_SAME_QUERY = 0
    IO_SAME_KCMP = 1
    IO_SAME_FDINFO = 2

# -- Which eventfd a descriptor names -------------------------------------------------------

cdef bint io_same_file(IoTable *t, int fd, Sink *s) noexcept nogil:
    """Whether the caller's descriptor names this sink's eventfd. One system call, if the kernel can compare."""
    cdef int64_t id
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
    return s.id >= 0 and io_check_eventfd(fd) == 0 and io_eventfd_id(fd, &id) == 0 and id == s.id


cdef Sink *io_known(IoTable *t, int fd, int64_t id) noexcept nogil:
    """The listed sink of the eventfd that `fd` names, or NULL."""
    cdef Sink *s = t.sinks[id & (IO_SINK_CHAINS - 1)]
    while s != NULL:
        if s.id == id and (id >= 0 or io_same_file(t, fd, s)):
            return s
        s = s.next
    return NULL


cdef void io_remember(IoTable *t, int fd, Sink *s) noexcept nogil:
    """Cache the number under which a sink was found. If there is no memory, the cache stays as it is."""
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
            # Numbers below the old size keep their place: the mask did not change them.
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
    """Remove a sink without entries from the table's list."""
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
    """The table's sink of the eventfd that `fd` names. An eventfd has one sink and one duplicate for all its entries.

    NULL: *error says why. Without `create`, -ENOENT means that no entry uses this eventfd. A new sink has no entries:
    the caller must add one, or call `io_forget`.
    """
    cdef Sink *s = NULL
    cdef Sink *new
    cdef int64_t id
    if fd < 0:
        error[0] = -IO_EBADF
        return NULL
    if t.numbers != NULL:
        s = t.numbers[<uint32_t>fd & t.numbers_mask]
        if s != NULL and io_same_file(t, fd, s):
            return s
    if not create:
        error[0] = io_check_eventfd(fd)
        if error[0] == 0:
            error[0] = io_eventfd_id(fd, &id)
        if error[0] != 0:
            return NULL
        s = io_known(t, fd, id)
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
    if at_add32(&e.refs, <uint32_t>-1) == 1:
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


cdef void io_retire(IoTable *t, int kind, void *memory) noexcept nogil:
    """Put memory on the retire list. One change retires at most two pieces, and its caller reclaims them before the
    next change. So a removal needs no memory and cannot fail."""
    if memory != NULL:
        t.retired[t.retired_count].kind = kind
        t.retired[t.retired_count].memory = memory
        t.retired_count += 1


cdef void io_release(IoTable *t, IoEntry *e) noexcept nogil:
    """Drop the table's reference to an entry that no reader can reach, and the entry's use of its sink."""
    cdef Sink *s = e.target
    if s.kind == SINK_BELL:
        sink_drop(s)
    else:
        s.entries -= 1
        if s.entries == 0:
            io_forget(t, s)
    io_entry_drop(e)


cdef void iotable_reclaim(IoTable *t) noexcept nogil:
    """Free what was retired. Every vCPU that was in the core when it was retired must have left since."""
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
    """A size at which the table is at most a third full. So the next rebuild is far away, also if freed places were the
    reason for this one."""
    cdef uint64_t size = IO_SLOTS_FEWEST
    while size < 3 * (live + 1):
        size <<= 1
    return size


cdef bint io_reserve_address(IoTable *t) noexcept nogil:
    """Make room for one more address: rebuild the index when half of it is used, freed buckets included."""
    cdef IoIndex *old = <IoIndex *><uintptr_t>t.index
    cdef IoIndex *x
    cdef IoBucket *b
    cdef uint64_t size
    cdef uint64_t i
    cdef uint64_t k
    if old != NULL and 2 * (t.buckets_used + 1) <= old.mask + 1:
        return True
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
    at_publish64(&t.index, <uintptr_t>x)
    io_retire(t, 0, old)
    return True


cdef void io_put_value(IoValues *v, IoEntry *e) noexcept nogil:
    cdef uint64_t i = io_mix_value(e.bus, e.addr, e.length, e.datamatch) >> v.shift
    while v.slot[i] != 0:
        i = (i + 1) & v.mask
    at_publish64(&v.slot[i], <uintptr_t>e)


cdef bint io_reserve_values(IoTable *t) noexcept nogil:
    """Make room for two more datamatch values: when an address becomes a node, its first entry is filed here too."""
    cdef IoValues *old = <IoValues *><uintptr_t>t.values
    cdef IoValues *v
    cdef uint64_t size
    cdef uint64_t i
    if old != NULL and 2 * (t.values_used + 2) <= old.mask + 1:
        return True
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
    at_publish64(&t.values, <uintptr_t>v)
    io_retire(t, 0, old)
    return True


cdef void io_filter(IoTable *t, int bus, uint64_t addr, bint on) noexcept nogil:
    """Note in the filter that an address got its first entry or lost its last."""
    cdef uint64_t *word
    cdef uint64_t bit
    if bus == BUS_PIO:
        if addr < IO_PORTS:                 # entries above exist and never ring (rows A16, P20)
            word = &t.ports[addr >> 6]
            bit = 1ULL << (addr & 63)
            at_publish64(word, word[0] | bit if on else word[0] & ~bit)
        return
    if bus == BUS_HYPERCALL:
        word = &t.hypercalls
    elif addr < IO_MMIO_TOP:
        word = &t.pages[addr >> 12]
    else:
        word = &t.high
    at_publish64(word, word[0] + 1 if on else word[0] - 1)


cdef IoEntry *io_collider(IoTable *t, int bus, uint64_t addr, int length, bint wildcard,
                          uint64_t datamatch) noexcept nogil:
    """An entry that a new one would collide with, or NULL ("Collisions" in docs/IO.md)."""
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
    """Any datamatch entry of an address that has one. This searches the whole table, so it is for messages only."""
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
        at_publish64(&node.wild[k], <uintptr_t>e)
    else:
        io_put_value(<IoValues *><uintptr_t>t.values, e)
        t.value_count += 1
        t.values_used += 1
        at_publish64(&node.values[k], node.values[k] + 1)


cdef int iotable_add(IoTable *t, int bus, uint64_t addr, int length, bint wildcard, uint64_t datamatch,
                     bint coalesce, Sink *target, IoEntry **added) noexcept nogil:
    """Register one entry: 0, -EEXIST or -ENOMEM. The caller has checked the arguments. `target` gains an entry or, if
    it is a Doorbell, a reference. If a table grows, its old memory is put on the retire list."""
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
        at_publish64(&b.what, <uintptr_t>node | IO_WHAT_NODE | <uint64_t>(bus + 1))
    elif node != NULL:
        io_node_add(t, node, e)
    else:
        at_publish64(&b.what, <uintptr_t>e | <uint64_t>(bus + 1))
        t.addresses += 1
        io_filter(t, bus, addr, True)
    if target.kind == SINK_BELL:
        at_add64(&target.refs, 1)
    else:
        target.entries += 1
    t.entries += 1
    added[0] = e
    return 0


cdef void iotable_take(IoTable *t, IoEntry *e) noexcept nogil:
    """Unregister an entry of the table: later readers do not find it."""
    cdef IoBucket *b = io_bucket(t, e.bus, e.addr)
    cdef IoNode *node = io_node(b.what)
    cdef IoValues *v
    cdef uint64_t i
    cdef int k
    if node != NULL:
        k = io_length_index(e.length)
        node.entries -= 1
        if e.wildcard:
            at_publish64(&node.wild[k], 0)
        else:
            v = <IoValues *><uintptr_t>t.values
            i = io_mix_value(e.bus, e.addr, e.length, e.datamatch) >> v.shift
            while v.slot[i] != <uintptr_t>e:
                i = (i + 1) & v.mask
            at_publish64(&node.values[k], node.values[k] - 1)
            at_publish64(&v.slot[i], 1)
            t.value_count -= 1
    if node == NULL or node.entries == 0:
        at_publish64(&b.what, b.what & IO_WHAT_BUS)
        io_filter(t, e.bus, e.addr, False)
        t.addresses -= 1
        io_retire(t, 0, node)
    t.entries -= 1
    io_retire(t, 1, e)


cdef bint io_holds(IoTable *t, IoEntry *e) noexcept nogil:
    """Whether this entry itself is still registered, and not another one with its key."""
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
    """Drop every entry and free the table. No vCPU may be inside. Counters keep their values."""
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
    free(t)
