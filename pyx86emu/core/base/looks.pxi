# What observers look for, and what they have seen (core/observe.pxi). Plain structs; they know no vCPU.

cdef enum:                       # Look.kind; c.observe.mask has those that are on
    LOOK_EXEC = 1                # an instruction at a linear address is reached
    LOOK_INT = 2                 # an interrupt of a vector begins, or its handler returns
    LOOK_IO = 4                  # IN or OUT of a port
    LOOK_WRITE = 8               # bytes of memory are stored
    LOOK_READ = 16               # bytes of memory are loaded
    LOOK_BLOCK = 32              # the first instruction after a jump is reached
    LOOK_COVER = 64              # which instructions were reached: a map
    LOOK_EDGES = 128             # which jumps were made, how often: a map
    LOOK_HISTORY = 256           # the last instructions: a ring of blocks
    LOOK_EACH = 512              # each instruction of a range, with its bytes; told as LOOK_EXEC
    LOOK_DECODE = 1024           # an instruction is decoded, with its bytes
    LOOK_LINE = 2048             # lines of interrupts: what chips.lines has noted is to be drained (chips/lines.pxi)

cdef enum:
    LOOK_LEAVES = 1 | 2 | 32 | 512  # kinds that may stop before an instruction

cdef enum:                       # Look.action
    DO_LOG = 0
    DO_STOP = 1
    DO_CALL = 2
    DO_DRAIN = 3                 # keep it, and call before the ring is full; see Look.drained

cdef enum:                       # Seen.how, of an interrupt
    HOW_SOFTWARE = 0             # INT n, INT3, INTO, INT1: before it is executed
    HOW_HARDWARE = 1             # INTR, NMI, or injected by the host: delivered
    HOW_FAULT = 2                # delivered
    HOW_RETURN = 3               # IRET, or RETF 2, before it is executed

cdef enum:
    CONDITIONS = 8               # registers that a Look may compare
    OPEN_FRAMES = 64             # interrupts whose end is still awaited
    TOUCHES = 128                # accesses of one instruction that are told: ENTER makes 64
    PENDING = 64                 # what is seen by one instruction and must be told outside

cdef struct Seen:                # 152 bytes: `Seen` of observe.py is the same as a dtype
    uint64_t instructions        # retired before the instruction
    uint64_t time                # guest ns
    uint64_t addr                # linear address, port, or guest-physical address
    uint64_t value               # of the access
    uint64_t old                 # memory before a store
    uint32_t kind
    uint32_t how
    uint32_t size                # bytes of the access
    uint32_t write
    uint16_t cs
    uint16_t ip
    uint16_t vector
    uint16_t depth               # interrupts that are open, this one included
    uint32_t reg[8]              # EAX ECX EDX EBX ESP EBP ESI EDI
    uint16_t seg[6]              # ES CS SS DS FS GS
    uint32_t flags
    uint32_t was[8]              # of a return: the registers when the interrupt began,
    uint32_t was_flags           # and FLAGS
    uint32_t order               # what was kept by any look of the vCPU, counted; modulo 2^32

cdef struct Look:
    int kind
    int action
    uint64_t first               # addresses, ports or vectors
    uint64_t last
    int conditions
    int at[CONDITIONS]           # register that is compared, 0 to 7,
    uint32_t shift[CONDITIONS]   # by how many bits it is shifted,
    uint32_t bits[CONDITIONS]    # which bits of it then count
    uint32_t equal[CONDITIONS]
    Seen* ring                   # the newest `capacity`; NULL: nothing is kept
    uint64_t capacity
    uint64_t count               # how many it has seen
    uint64_t drained             # how many of these the host has taken; it is called when the ring is half full
    bint asked                   # it will be called
    uint64_t lost                # accesses that had no room among the touches of an instruction
    int number                   # by which the host knows it

cdef struct Frame:               # an interrupt that is open
    uint32_t ss
    uint32_t sp                  # after its frame was pushed
    uint32_t vector
    uint32_t reg[8]
    uint32_t flags

cdef struct Touch:               # an access of the running instruction to bytes that somebody looks at
    Look* look
    uint64_t addr
    uint64_t old
    uint64_t time
    uint32_t size
    uint32_t cs
    uint32_t ip
    bint write

# What cpu/history.pxi keeps.

cdef enum:
    CELLS = 32768                # instructions for which jumps are kept; 4096 with all that predicates skip are 16,384
    MARKS = 16384
    HISTORY_ARENA = 0x800000     # bytes of an arena; the host gives memory as it is used
    HISTORY_KEYS = 16384         # places of the table by which records are found
    HISTORY_STEPS = 4096
    NO_STEP = 0xFFFFFFFF         # Mark.step: blocks were executed
    FIRST_RECORD = 24            # bytes of an arena before the first record
    SKIPS = 5                    # bits 5, 6 in the length of a Jcc: how many instructions depend on it
    IS_FLUID = 0x80              # in the length of an instruction: an immediate of it is read when it is used
    LENGTH_BITS = 0x1F
    STEP_CODE = 24               # bytes of one instruction that are kept; a longer one has more prefixes

cdef enum:                       # Record.way: where the vCPU goes on after the block
    WAY_ON = 0                   # at the next instruction
    WAY_JUMP = 1                 # at `target`
    WAY_IF = 2                   # at one of these
    WAY_SEEN = 3                 # at the place in the cell of its last instruction

cdef enum:                       # Op.seg of a Jcc or LOOP at the end of a block, while there is a history
    JCC_SEEN = 0x80              # in one direction it is flagged
    JCC_JUMPS = 0x81             # in that of the next instruction: mostly it jumps
    PREDICATE_SEEN = 0x40        # a predicate

cdef struct Record:              # after it: the length of each instruction, then the bytes
    uint64_t made                # position at which the block was decoded
    uint32_t next                # the one before it at the same place of the table, in units of 8; 0: none
    uint32_t key                 # CS << 16 | IP
    uint32_t target              # the same, where it jumps
    uint16_t n                   # instructions
    uint8_t way                  # WAY_*
    uint8_t jumps                # a flag says that it did not jump; else, that it did

cdef struct Mark:                # what was executed without a break
    uint64_t start               # retired before it
    uint64_t end                 # and after it
    uint64_t at                  # its position
    uint32_t key                 # where it began
    uint32_t step                # an instruction that was executed by itself, or NO_STEP

cdef struct Step:
    uint32_t cs
    uint16_t ip
    uint8_t length
    uint8_t code[STEP_CODE]

cdef struct History:
    uint8_t* arena[2]
    int now                      # the arena that records go to
    uint32_t used                # bytes of it
    bint full                    # blocks are to be dropped soon
    uint64_t lost                # up to this position a block may have no record
    uint32_t head[2][HISTORY_KEYS]      # the newest record at each place of the table, for each arena
    uint32_t stepped             # how many steps there were
    Step step[HISTORY_STEPS]
    uint64_t marks               # how many there were
    uint64_t oldest              # those before are of another state
    Mark mark[MARKS]
    bint open_                   # a slice runs; the last mark is its
    bint repeats                 # in a REP, or left in one,
    int64_t rep_left             # which began with so much left of the slice
    uint64_t lap                 # position of cell CELLS
    uint32_t top                 # between slices: cells from this one on are used
    uint8_t tag                  # what is stored as a flag in this lap
    uint8_t flag[CELLS + 8]      # by cell: the jump at the end of a block was not the usual one; a predicate skips
    uint32_t place[CELLS + 8]    # by cell: CS << 16 | IP after a RET, an indirect jump or INT

cdef struct ObserveState:        # what the host observes, see observe.pxi. It belongs to the host, and is in no state
    uint32_t mask                # LOOK_*
    int leaves                   # how many looks of LOOK_LEAVES stop or call
    Look** look                  # all, those of LOOK_EXEC last, in the order of their addresses
    int looks
    int execs
    uint32_t order               # how much was kept
    int lines_due                # chips.lines is to be drained
    uint64_t tag                 # `retired` + 1 and linear address of the instruction that was told last
    uint32_t tag_at
    int pending                  # what must be told outside
    int pending_look[PENDING]
    Seen pending_seen[PENDING]
    int stop                     # number of the look whose Exit(DEBUG) is due, 0: none
    Touch touch[TOUCHES]
    int touches
    uint64_t touched_at          # `retired` at that instruction
    Frame frame[OPEN_FRAMES]
    int frames
    bint turned                  # the last instruction was a jump: a block begins
    uint64_t turn_at             # or it was if so many are retired now, see probe_edges(); FOREVER: it was not
    uint32_t from_               # linear address of the block before
    uint32_t edge_from           # the same, as AFL's map has it
    History* history             # LOOK_HISTORY
    uintptr_t flags              # &flag and &place of the cell at which c.run.left would be 0
    uintptr_t places
    uint8_t tag_of_flags
    History* ended               # switched off by a device that the vCPU called: the running instruction may use it
    uint8_t* covered             # LOOK_COVER: a bit for each linear address
    uint8_t* edges               # LOOK_EDGES: 64 KiB of counts
