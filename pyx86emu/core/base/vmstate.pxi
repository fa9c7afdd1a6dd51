# What the vCPUs of a Vm share lives here: memory slots, the tables over them, the ranges of devices.

cdef enum:
    GRANULES = 4352              # of 256 bytes: everything real mode can address, FFFF:FFFF included
    MAX_VCPUS = 64
    MAX_SLOTS = 64
    ATTR_ROM = 1
    ATTR_LOG = 2                 # a write here must set a dirty bit

cdef struct Slot:                # a memory slot
    uint64_t addr
    uint64_t size
    uint8_t* host
    uint8_t* dirty               # one bit a page, or NULL
    bint readonly
    PyObject* face               # the MemorySlot: says which slot this is

cdef struct Mem:                 # guest-physical memory as all vCPUs of a Vm see it
    uintptr_t rd[GRANULES]       # host address minus guest address; 0: not plain memory
    uintptr_t wr[GRANULES]       # 0 also for ROM, code and armed dirty logging
    uint64_t code[GRANULES]      # by canonical granule: which vCPUs have decoded code here
    uint16_t canon[GRANULES]     # the granule that stands for this backing memory
    uint16_t alias[GRANULES]     # ring of granules with the same backing
    uint8_t attr[GRANULES]
    uintptr_t closed[GRANULES]   # all 0: every access takes a look
    uintptr_t filled[GRANULES]   # no 0, once somebody uses it: no hole is a short way

cdef struct Range:               # a device on a bus
    uint64_t lo
    uint64_t hi                  # last address
    int kind
    int16_t max_size
    int16_t chip                 # RANGE_CHIP: which row of the table
    PyObject* token              # the pair of bound methods, kept by Vm._tokens as long as the range is here; or NULL
    PyObject* read               # of the token; NULL: its owner pulls
    PyObject* write

cdef struct Ranges:              # sorted, without overlaps
    int count
    int room
    Range item[1]

cdef enum:
    RANGE_PYTHON = 0
    RANGE_PULL = 1
    RANGE_CHIP = 2

cdef struct VM:                  # what the vCPUs of a Vm share without the GIL
    Mem* mem
    IoTable* iotable
    Ranges* ranges[2]
    Slot slots[MAX_SLOTS]
    int nslots
    CPU* cpu[MAX_VCPUS]
    int ncpus
    bint a20
    bint irqchip_on
    bint host_clock
    int shift                    # one instruction is 1 << shift nanoseconds
    uint64_t epoch               # see threads.pxi
    uint32_t stopping            # a writer wants every vCPU outside the core
    pthread_mutex_t writers      # held while tables change
    Chips* chips                 # always there; on its ports with irqchip_on
    uint64_t timer               # guest ns of Python's timer, UINT64_MAX: none
    int64_t host_base
    uint64_t ticks               # time of the first vCPU, for the others
    uint32_t resampled           # lines whose EOI an irqfd waits for
    uint32_t waiters             # irqfds: something outside may end a HLT
    int views                    # of memory, writable, alive
    PyObject* owner              # the Vm object, borrowed
    int refs
