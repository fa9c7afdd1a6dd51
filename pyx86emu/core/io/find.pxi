# The ioeventfd lookup: find the entry that a guest write rings. Know addresses and values, not descriptors.
#
# A lookup has two steps. A filter rejects most addresses: one bit per port, one count per page of MMIO. Then one probe
# of a hash table finds the bucket of the bus and address. The bucket has the only entry of that address, or a node if
# there are several. A node has its wildcard entries itself; its datamatch entries are in a second hash table.
#
# Readers take no lock. registry.pxi publishes one word at a time. It frees what readers may still use only when no vCPU
# can use it any more.

cdef enum:
    BUS_PIO = 0
    BUS_MMIO = 1
    BUS_HYPERCALL = 2

cdef enum:
    IO_PORTS = 65536
    IO_MMIO_TOP = 1114112                   # the end of what real mode reaches (FFFF:FFFF), rounded up to a page
    IO_PAGES = 272                          # IO_MMIO_TOP / 4096
    IO_SINK_CHAINS = 256

cdef enum:                                  # the low bits of IoBucket.what; the rest is a pointer
    IO_WHAT_BUS = 3                         # bus + 1; with a pointer of 0 the address is free again
    IO_WHAT_NODE = 4
    IO_WHAT_TAGS = 7

cdef struct IoEntry:
    uint64_t addr
    uint64_t datamatch
    uint64_t serial                         # never used twice; the rings of a slice are found by it
    uint64_t last_value
    uint64_t hits
    uint8_t length
    uint8_t bus
    uint8_t wildcard
    uint8_t coalesce
    uint32_t refs                           # one of the table and one of each IoEventFd
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
    uint64_t *slot                          # IoEntry*; 0: free; 1: removed

cdef struct IoRetired:
    int kind                                # 0: plain memory, 1: IoEntry
    void *memory

cdef struct IoTable:
    uint64_t ports[1024]                    # one bit per port that has an entry
    uint64_t pages[IO_PAGES]                # how many addresses have entries, by page
    uint64_t high                           # the same above IO_MMIO_TOP
    uint64_t hypercalls
    uint64_t index                          # IoIndex*
    uint64_t values                         # IoValues*
    uint64_t addresses                      # live buckets
    uint64_t buckets_used                   # live and freed buckets
    uint64_t value_count
    uint64_t values_used
    uint64_t entries
    uint64_t serial
    IoRetired retired[2]                    # what readers may still use
    size_t retired_count
    Sink *sinks[IO_SINK_CHAINS]             # by eventfd-id
    Sink **numbers                          # by the caller's descriptor number; a cache, verified at each use
    uint32_t numbers_mask
    int same_how

cdef inline uint64_t io_mix(uint64_t h) noexcept nogil:
    """Spread a key over 64 bits; the top bits select the bucket. Two rounds spread addresses at any stride."""
    h *= 0x9E3779B97F4A7C15ULL
    h ^= h >> 32
    return h * 0xD6E8FEB86659FD93ULL


cdef inline uint64_t io_mix_value(int bus, uint64_t addr, int length, uint64_t value) noexcept nogil:
    return io_mix(io_mix(addr + (<uint64_t>bus << 62)) + value + (<uint64_t>length << 56))


cdef inline int io_length_index(int length) noexcept nogil:
    """1 2 4 8 -> 0 1 2 3. Other sizes give some index in range: the caller compares the length afterwards."""
    return ((length >> 1) - (length >> 3)) & 3


cdef IoEntry *io_find_value(IoTable *t, int bus, uint64_t addr, int length,
                            uint64_t value) noexcept nogil:
    """The datamatch entry with exactly this key: the cost does not depend on how many values one address has."""
    cdef IoValues *v = <IoValues *><uintptr_t>at_load64(&t.values)
    cdef uint64_t i
    cdef uint64_t word
    cdef IoEntry *e
    if v == NULL:
        return NULL
    i = io_mix_value(bus, addr, length, value) >> v.shift
    while True:
        word = at_load64(&v.slot[i])
        if word == 0:
            return NULL
        if word != 1:
            e = <IoEntry *><uintptr_t>word
            if (e.datamatch == value and e.addr == addr and e.length == length
                    and e.bus == bus):
                return e
        i = (i + 1) & v.mask


cdef inline IoBucket *io_bucket(IoTable *t, int bus, uint64_t addr) noexcept nogil:
    """The bucket of an address, freed or not; NULL: the address had no entry since the table was last rebuilt."""
    cdef IoIndex *x = <IoIndex *><uintptr_t>at_load64(&t.index)
    cdef uint64_t i
    cdef uint64_t what
    if x == NULL:
        return NULL
    i = io_mix(addr + (<uint64_t>bus << 62)) >> x.shift
    while True:
        what = at_load64(&x.bucket[i].what)
        if what == 0:
            return NULL
        if x.bucket[i].addr == addr and (what & IO_WHAT_BUS) == <uint64_t>(bus + 1):
            return &x.bucket[i]
        i = (i + 1) & x.mask


cdef IoEntry *io_probe(IoTable *t, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """The entry that a write rings, or NULL. The address has passed the filter."""
    cdef IoBucket *b = io_bucket(t, bus, addr)
    cdef IoEntry *e
    cdef IoNode *node
    cdef uint64_t what
    cdef int k
    if b == NULL:
        return NULL
    what = at_load64(&b.what)
    if what & IO_WHAT_NODE:
        node = <IoNode *><uintptr_t>(what & ~<uint64_t>IO_WHAT_TAGS)
        k = io_length_index(size)
        e = <IoEntry *><uintptr_t>at_load64(&node.wild[k])
        if e != NULL:
            return e if e.length == size else NULL
        if at_load64(&node.values[k]) == 0:
            return NULL
        return io_find_value(t, bus, addr, size, value)
    e = <IoEntry *><uintptr_t>(what & ~<uint64_t>IO_WHAT_TAGS)
    if e == NULL or e.length == 0:
        return e
    if e.length == size and (e.wildcard or e.datamatch == value):
        return e
    return NULL


cdef inline bint io_port(IoTable *t, uint64_t port) noexcept nogil:
    """Whether this port has an entry."""
    return port < IO_PORTS and at_load64(&t.ports[port >> 6]) >> (port & 63) & 1


cdef inline IoEntry *iotable_find(IoTable *t, int bus, uint64_t addr, int size,
                                  uint64_t value) noexcept nogil:
    """The one entry that a fragment of a write rings, or NULL. `value` is zero-extended from `size` bytes."""
    if bus == BUS_PIO:
        if not io_port(t, addr):
            return NULL
    elif bus == BUS_MMIO:
        if at_load64(&t.pages[addr >> 12] if addr < IO_MMIO_TOP else &t.high) == 0:
            return NULL
    elif at_load64(&t.hypercalls) == 0:
        return NULL
    return io_probe(t, bus, addr, size, value)
