# The state of a VM lives here, which all its vCPUs share: memory slots, their tables, the ranges of devices, the chips.

cdef enum:
    GRANULES = 4352              # of 256 bytes: everything real mode can address, FFFF:FFFF included
    WRAP = 4096                  # with A20 closed, granule g + WRAP shows what granule g shows
    MAX_VCPUS = 64
    MAX_SLOTS = 32764            # as KVM on x86 has it
    ATTR_ROM = 1
    ATTR_LOG = 2                 # a write here must set a dirty bit
    ATTR_STORES = 4              # a vCPU has a watchpoint here: each store takes the slow path,
    ATTR_LOADS = 8               # and each load
    ATTR_CLEAN = 16              # it is as in VM.base: the first store is noted
    ATTR_SHARED = 32             # of a slot that another process may write to
    ATTR_NOTED = ATTR_ROM | ATTR_LOG | ATTR_STORES | ATTR_CLEAN      # a store here takes the slow path

cdef enum:                       # entries of `holes` that are no address
    WATCHED = 1
    VGA_HOLE = 2

cdef struct Slot:                # a memory slot
    uint64_t addr
    uint64_t size
    uint8_t* host
    uint8_t* dirty               # one bit per page of 4 KiB, or NULL
    bint readonly
    bint shared                  # another process may write to it
    Track* track                 # what may differ from VM.base; NULL: all of it
    PyObject* face               # the MemorySlot object of this slot

cdef struct Mem:                 # guest-physical memory as all vCPUs of a Vm see it
    uintptr_t ram[GRANULES]      # host address minus guest address; 0: neither RAM nor ROM
    uintptr_t rd[GRANULES]       # the same for loads; 0 also for watched granules
    uintptr_t wr[GRANULES]       # the same for stores; 0 also for ROM, decoded code and where a store is to be noted
    uintptr_t holes[GRANULES]    # 0: neither RAM nor ROM, and no watchpoint; VGA_HOLE: that, in the VGA's window
    uint64_t code[GRANULES]      # by canonical granule: which vCPUs have decoded code here
    uint16_t canon[GRANULES]     # canonical granule: one for all that show the same host memory
    uint16_t alias[GRANULES]     # next granule that shows the same host memory, in a ring
    uint8_t attr[GRANULES]       # ATTR_*

# The tables of a vCPU with breakpoints on data, where each access is checked: `rd` and `wr` of all 0, and `holes` of
# which no entry is 0.
cdef uintptr_t ALL_CLOSED[GRANULES]
cdef uintptr_t ALL_FILLED[GRANULES]
memset(ALL_CLOSED, 0, sizeof(ALL_CLOSED))
memset(ALL_FILLED, 0xFF, sizeof(ALL_FILLED))

cdef enum:                       # who answers a Range; an access to one up to RANGE_PULL is an exit
    RANGE_CLAIMED = 0            # nothing yet: its device is being attached
    RANGE_PULL = 1               # its device, when dispatch() is called with the exit
    RANGE_CHIP = 2               # a chip in the core
    RANGE_PUSH = 3               # its device, called by the core

cdef struct VM:                  # what the vCPUs of a Vm use without the GIL
    Mem* mem
    IoTable* iotable
    PyObject* ranges[2]          # of each bus a tuple of Range, kept alive by the RangeTable of the Vm
    Zones zones                  # coalesced zones, and the rings of what was written to them
    Slot* slots                  # in the order of their addresses
    int nslots
    int slot_room                # how many fit
    CPU* cpu[MAX_VCPUS]
    int ncpus
    bint a20
    bint irqchip_on
    bint host_clock
    int shift                    # one instruction is 1 << shift nanoseconds
    uint64_t epoch               # see threads.pxi
    uint32_t stopping            # a thread that changes tables keeps every vCPU outside
    pthread_mutex_t writers      # held while tables change
    Chips* chips                 # always there; on its ports with irqchip_on
    uint64_t timer               # guest ns of Python's timer, UINT64_MAX: none
    int64_t host_base            # host ns at which guest time was 0
    IrqFds* irqfds               # NULL: there was none yet, or the Vm is closed
    uint64_t irq_serial          # of the last irqfd that was made
    uint32_t resampled           # lines whose EOI an irqfd waits for
    uint32_t waiters             # registered irqfds: another thread may end a HLT
    int views                    # writable views of memory that are alive
    bint shared                  # there was a slot with shared=True: another process may write to it
    Image* base                  # what memory was when it was saved or restored last; NULL: it was not
    bint unseen                  # a view has ended since: all of memory may differ
    Store* store                 # the pages that its copies map, or NULL
    Track* vga_track             # of the linear memory of the VGA
    pthread_mutex_t noting       # held for a few instructions, while a Track is written
    PyObject* owner              # the Vm object, borrowed
    int refs
    uint64_t apart[8]            # the first vCPU writes `ticks` at each slice: in no cache line with what others read
    uint64_t ticks               # guest time of the first vCPU, in instructions, for the others
    uint64_t apart_too[8]
