# The state of one vCPU lives here: registers, decoded code, and everything that handlers use.
#
# The words that all files of the core use:
#
#   handler  a C function that executes one step of an instruction. It gets the vCPU `c` and its op `o`, and returns
#            the op to go on with, or NULL: the block is left, and c.arch.ip says where to go on.
#   op       one decoded step: a handler and its operands. An instruction is one op, or a few.
#   block    the ops of consecutive instructions, decoded once and kept. blocks.pxi finds and links them.
#   granule  256 bytes of guest-physical memory, the unit of the memory tables.
#   slice    at most 4096 instructions, between two turns of the run loop (run.pxi). c.run.left counts the instructions
#            that remain of it. A whole block is charged when it is entered; a handler that leaves the block early gives
#            back the instructions that were not executed.
#   retired  how many instructions the vCPU has completed. It is exact between two slices; within one, retired_at()
#            computes it.

cdef struct CPU
cdef struct Op
cdef struct VM

ctypedef Op* (*Fn)(CPU*, Op*) noexcept nogil

# t0 and t1 are links to other blocks. Direct successors are followed unchecked; a guess is followed only if the
# block's key matches.
cdef struct Op:                  # 48 bytes; operands are byte offsets into CPU, so AL and AH need no special case
    Fn fn
    Op* t0                       # block after a branch that is not taken, or the only successor; of a CALL a guess
    Op* t1                       # block after a branch that is taken; of an indirect or far jump and INT a guess
    uint16_t dst
    uint16_t src                 # of a predicate: how many instructions depend on it
    uint16_t base                # effective address = base + index + disp, modulo 64 KiB
    uint16_t index
    uint32_t imm
    uint16_t disp                # with a 32-bit address, `tip` holds the upper half
    uint16_t tip                 # branch target, or a second immediate
    uint16_t ip                  # of the first prefix
    uint16_t fip                 # of the next instruction
    uint8_t n                    # first op: instructions in the block; other ops: instructions before it
    uint8_t k                    # index in the block
    uint8_t seg
    uint8_t scale                # of a 32-bit address: base + (index << scale) + disp

cdef struct Block:               # lies in the op slot before the block's first op
    uint32_t key                 # CS << 16 | IP: the same bytes at another CS:IP are another block
    uint32_t lo                  # guest-physical bytes [lo, hi) it was decoded from
    uint32_t hi
    uint16_t cap                 # ops that fit
    uint16_t stale
    Block* next[2]               # next in the list of each granule
    int16_t gran[2]              # canonical granules, -1: none
    uint16_t fluid[4]            # immediates that are read from memory when they are used: size << 12 | offset from lo

cdef struct Decoded:             # what the decoder returns about a block
    uint32_t hi                  # offset after its last byte
    int fluid                    # how many immediates are read from memory when they are used
    uint32_t fluid_at[4]
    uint32_t fluid_size[4]
    int way                      # for the history: see Record
    uint32_t target
    bint jumps
    uint32_t waits               # linear address + 1: what would be predicated if it had been reached; 0: nothing

cdef enum:
    HASH = 4096                  # places in the hash table of blocks, at first,
    MOST_HASH = 65536            # and at most
    BLOCK_OPS = 32               # a block with so many ops ends
    CALLS = 16                   # CALLs that are kept to predict their returns
    LOG_READS = 80               # answers kept for one instruction
    ASKED_CODE = 16              # code bytes kept when a device is read
    EXITS = 160                  # exits of one instruction
    SOON = 512                   # instructions: a slice that ends soon has no more

cdef struct LoggedRead:
    uint64_t addr
    uint64_t value
    int bus
    int size

cdef struct ExitRec:
    int reason
    int size
    int count
    int write
    uint64_t addr
    uint64_t value
    uint32_t cs
    uint32_t ip

cdef enum:                       # c.threads.request: asked by other threads
    REQ_KICK = 1
    REQ_INTR = 2                 # return to the run loop, which checks interrupts and limits
    REQ_CODE = 4                 # another vCPU or the host wrote to code of this one
    REQ_SYNC = 8                 # another thread waits until this vCPU has passed the end of a block
    REQ_DROP = 16                # drop every block
    REQ_RESET = 32               # a device that this vCPU called asked for a reset
    REQ_CALL = 128               # it has rung Doorbells that call a function
    REQ_VGA = 64                 # the window of the VGA becomes memory, or is memory no longer
    REQ_SHARED = 256             # another process may have written to code in shared slots

cdef enum:                       # c.run.attn: why the block must be left after the running instruction
    ATTN_SMC = 1                 # it has changed the running block (self-modifying code)
    ATTN_EXIT = 2                # it has queued an exit
    ATTN_LOOK = 4                # the run loop has something to do
    ATTN_WATCH = 8               # it has stored to a watchpoint of the host

cdef enum:                       # c.events.trap_due, besides bits of DR6
    EXCEPTION_DUE = 0x100000     # c.events.exception comes first

cdef enum:                       # c.python.moved
    MOVED_CS = 1
    MOVED_IP = 2

cdef enum:                       # c.debug.singlestep
    STEP_ALWAYS = 1
    STEP_ONCE = 2

cdef enum:                       # the names and numbers of ExitReason (a test compares them), and two more
    EXIT_NONE = 0                # the vCPU runs on
    EXIT_IO = 2
    EXIT_HYPERCALL = 3
    EXIT_DEBUG = 4
    EXIT_HLT = 5
    EXIT_MMIO = 6
    EXIT_IRQ_WINDOW_OPEN = 7
    EXIT_SHUTDOWN = 8
    EXIT_INTR = 10
    EXIT_INTERNAL_ERROR = 17
    EXIT_BUDGET = 0x1000
    EXIT_DEADLINE = 0x1001
    EXIT_RAISE = 0x2000          # run() raises an exception instead of returning an Exit

cdef enum:                       # c.run.error: the cause of EXIT_INTERNAL_ERROR; face/vcpu.pxi has the messages
    ERR_NONE = 0
    ERR_PE = 1
    ERR_FETCH = 2

# The state of a vCPU, by sections. A saved state (face/snapshot_vcpu.pxi) is `arch`, `system`, `events`, `debug` and,
# in the middle of an instruction, `locked`, `reads` and `exits`; of `run` what is retired, of `threads` a kick, of
# `python` where a device has moved the vCPU. The rest is built again from nothing. `arch` and the first fields of `run`
# are within 128 bytes of the start of CPU, where the host's instructions need only one byte for the offset.

cdef struct ArchState:           # what every instruction may use. Operands are byte offsets into CPU: r must stay first
    uint32_t r[8]                # EAX ECX EDX EBX ESP EBP ESI EDI
    uint32_t zero                # always 0: the register of "no base" and "no index"
    uint32_t ip                  # valid outside blocks only
    uint32_t sb[8]               # segment bases: ES CS SS DS FS GS, and 0 for tables
    int32_t res                  # lazy flags, see flags.pxi
    uint32_t aux
    uint32_t cfw
    uint32_t rest                # the flags that are not lazy

cdef struct RunState:            # limits of the run, memory tables, and scratch values of the running instruction
    int64_t left                 # instructions until the slice ends
    int64_t floor                # 0, or INT64_MAX: a request waits, and the next entry of a block is refused
    # Four tables, indexed by granule. An entry is the host address minus the guest address, or 0. `rd` and `wr` serve
    # the fast path: 0 means that the access takes the slow path. The slow path uses `ram` and `holes`. While the guest
    # has breakpoints on data, `rd` and `wr` are all 0, so that each access is checked.
    uintptr_t* rd                # loads: RAM and ROM, except watched granules
    uintptr_t* wr                # stores: RAM, except code, ROM, watched granules and pages whose dirty bit must be set
    uintptr_t* ram               # RAM and ROM, whatever is watched
    uintptr_t* holes             # 0: no memory and nothing watched, so a store goes to the bus at once
    Op* go                       # what a handler returns after a load or store that failed
    uint32_t ea                  # effective address with prefix 67h, or of a read-modify-write
    uint32_t tmp                 # memory operand of an instruction of several ops
    uint32_t tmp2                # second one: a selector, or an immediate that is read when it is used
    uint32_t skip                # all ones: the predicated instructions that follow change nothing; else 0
    uint32_t attn                # ATTN_*: why the block must be left after the running instruction
    uint64_t slice_end           # retired count at which left is 0
    uint64_t retired
    uint64_t idle                # guest time that HLT skipped, counted in instructions
    uint64_t look                # guest ns at which run() returns so that its caller may check something; FOREVER: none
    uint64_t wall                # host ns at which run() ends; FOREVER: none
    int why                      # EXIT_*: why the run ends
    int error
    bint stepping                # one instruction is executed by itself
    uint32_t watched             # not 0: steps, breakpoints, watchpoints, observers or stops are on

cdef struct SystemState:         # registers that only system instructions use
    uint32_t idt_base
    uint32_t idt_limit
    uint32_t gdt_base
    uint32_t gdt_limit
    uint32_t cr[5]
    uint32_t dr[8]
    uint32_t tr[8]

cdef struct EventState:          # interrupts, and what an instruction leaves for the next one; KVM's vcpu_events
    int inject                   # interrupt vector to deliver, -1: none
    int exception                # with EXCEPTION_DUE: the vector of an exception that the host has set
    bint nmi
    bint nmi_masked
    bint halted
    bint dead                    # shutdown
    int undelivered              # the vector whose delivery led to it; -1: the host has set `dead`
    bint intr_window
    bint delivering              # interrupt `vector` is half delivered: reading its entry has made an exit
    int vector
    uint64_t shadow              # no interrupt is taken when this many instructions are retired; FOREVER: no shadow
    uint64_t trap_shadow         # the same for INT 1 from TF or a breakpoint
    bint no_trap                 # the instruction suppresses the single-step trap
    uint32_t trap_due            # INT 1 comes next: the bits of DR6 that say why. Or EXCEPTION_DUE
    uint64_t rep_left            # `retired` when a REP was last left between two iterations
    uint16_t rep_last            # IP of its last prefix
    int carry_seg                # 8086: the segment prefix of a long run of prefixes, for the instruction after it
    int carry_rep                # the same for REP
    int carry                    # 1: the next instruction has these two

cdef struct BlockState:          # decoded code, see blocks.pxi
    Op** hash
    uint32_t hash_mask           # places of it - 1
    uint32_t built               # blocks since all were dropped
    Op* calls[CALLS]             # the last CALLs, a circular list: t0 of each is the block that its RET went to last
    uint32_t depth               # where the next CALL goes in `calls`
    uint8_t* codemap             # by canonical address, one bit per byte: 1 if a block was decoded from it
    Block** list                 # by canonical granule: the blocks with bytes in it
    uint16_t* length             # how many there are; the pool has no more than 65,535
    uint64_t* dirty_code         # one bit per canonical granule: another vCPU or the host wrote to code in it
    uint64_t* listed             # the same: it may have blocks in `list`; only the vCPU itself uses it
    Op** pool                    # chunks of memory for blocks
    int pools                    # chunks there are
    int pool_used                # op slots used in the last one
    uint32_t generation          # counts how often all blocks were dropped
    uint32_t rewritten_at[64]    # addresses whose bytes the guest rewrote while they were code,
    uint32_t rewrites[64]        # and how often
    bint rewritten_often         # at least one of them was rewritten often
    Op scratch[10]               # the ops of an instruction that is executed by itself

cdef struct ReadState:           # device reads of the running instruction, and REP INS
    LoggedRead log[LOG_READS]
    int log_n                    # answers in the log, and how many of them this try has used
    int log_pos
    uint64_t log_tag             # `retired` of the instruction that the log belongs to
    int answers                  # answers in the log when the last read made an exit
    int asked_bus
    int asked_size
    uint64_t asked_addr
    bint pending                 # the last exit is a read, and it has no answer yet
    bint finish                  # an instruction is half done: execute it again before anything else
    uint8_t asked_code[ASKED_CODE]      # the instruction that last read a device: the device may store into its bytes
    uint64_t asked_tag           # `retired` at that read
    bint refetch                 # that instruction is to be finished, with the bytes of asked_code
    uint8_t ins_data[1024]       # the answers of one exit of REP INS
    int ins_count                # elements in it, and how many of them are stored
    int ins_pos
    int ins_size                 # bytes of an element

cdef struct ExitState:           # exits of the running instruction that run() has not returned yet
    ExitRec item[EXITS]
    int count
    int pos
    uint64_t serial              # counts runs and resets: an Exit from before the last one waits for no answer

cdef struct LockedState:         # a locked instruction between its load and its store
    uint32_t value               # what it read
    uint32_t saved[8]            # registers and flags before it, for a second try
    int32_t saved_res
    uint32_t saved_aux
    uint32_t saved_cfw

cdef struct Watch:               # a watchpoint of the host: the guest-physical bytes [first, last]
    uint64_t first
    uint64_t last
    uint64_t reach               # the largest `last` of this one and those before it
    int place                    # in the list that debug() got, from 1
    bint loads                   # loads hit it too

cdef enum:                       # c.debug.data: who looks at accesses of data
    LOOK_GUEST = 1               # DR0 to DR3
    LOOK_HOST = 2                # the watchpoints of debug()
    LOOK_OBSERVER = 4            # observers (base/looks.pxi)

cdef enum:
    MOST_BREAKPOINTS = 65536     # of the host, on one vCPU

cdef struct Break:               # a breakpoint of the host
    uint32_t at                  # linear address
    uint32_t place               # in the list that debug() was given

cdef struct DebugState:          # what the host asked for with debug() and step()
    uint32_t singlestep          # STEP_ALWAYS: debug() asked for it; STEP_ONCE: step() runs
    uint64_t stepped             # `retired` when the last step began
    bint due                     # Exit(DEBUG) is to be returned
    uint32_t dr6                 # with this value of DR6
    int breaks
    const Break* breakpoint      # in the order of `at`; the bytes of Vcpu.points
    uint64_t resume              # `retired` + 1 at the last stop: a breakpoint stops there only once
    uint32_t data                # LOOK_*
    Watch* watch                 # in the order of `first`
    int watches
    int hit                      # watchpoint that the running instruction has hit first, 0: none
    uint64_t hit_addr            # the first of its bytes that were accessed
    uint64_t hit_at              # `retired` at that instruction
    int stop                     # watchpoint of the Exit(DEBUG) that is due, 0: none
    uint64_t stop_addr

cdef struct ThreadState:         # requests of other threads, and whether this vCPU is inside the core; see threads.pxi
    uint32_t request             # REQ_*
    bint kicked                  # run() is to return EXIT_INTR
    uint32_t waiting             # a thread waits for wait_cond
    uint32_t asleep              # in HLT without a deadline of its own, so that it cannot wake another vCPU
    uint64_t in_core             # 0: outside; else the epoch seen at the last block end
    uint32_t awaited             # 1: a thread sleeps until this vCPU goes outside
    uint64_t waited              # host ns spent waiting in HLT, or by a device until a limit ended the run
    uint64_t limit               # of the last run(), as run_core has them
    uint64_t until
    uint32_t inside              # a thread is in run(); read by other vCPUs
    unsigned long runner         # that thread, 0: none. Changed only with the GIL
    pthread_mutex_t wait_lock
    pthread_cond_t wait_cond

cdef struct PythonState:         # calls of Python from the core, and what a device changed in them
    PyObject* raised             # the exception that run() raises
    uint64_t io_time             # guest time and `retired` at the access of a Python device, or at such a call
    uint64_t io_retired
    bint touched                 # the device has changed what blocks rely on: leave the block after this instruction
    uint32_t moved               # MOVED_CS, MOVED_IP: the device has set CS or IP, for after this instruction
    uint32_t moved_cs            # a segment base, as sb[CS]
    uint32_t moved_ip
    bint in_device
    bint in_call                 # in a function that is called between two instructions: of a Doorbell, of a timer
    bint gil                     # the thread that runs this vCPU has the GIL
    bint called                  # a Python function was called in this slice
    PyThreadState* thread        # for taking the GIL again; NULL while it is held

cdef struct UnclaimedState:      # ports that no device has, see io/unclaimed.pxi
    bint answered                # the core answers: reads give all ones, writes are dropped
    uint32_t port                # the last read, and how many were made there in a row
    uint32_t cs
    uint32_t ip
    uint64_t times
    uint64_t every               # not 0: a read whose number in `times` is a multiple of it exits
    uint64_t served              # accesses that the core has answered

cdef struct CPU:
    ArchState arch               # must stay first
    RunState run
    BlockState blocks
    SystemState system
    EventState events
    LockedState locked
    ReadState reads
    ExitState exits
    DebugState debug
    ThreadState threads
    PythonState python
    ObserveState observe
    WhyState why
    UnclaimedState unclaimed
    Rings rings                  # rings that are counted but not yet written to their eventfds
    VM* vm
    Chips* chips                 # the Vm's
    Ways* ways                   # the short ways to the chips
    bint owns                    # it uses the chips without the lock; may change when it comes inside (owner.pxi)
    int no                       # index in the Vm
    Model m

cdef enum:
    AX = 0
    CX = 1
    DX = 2
    BX = 3
    SP = 4
    BP = 5
    SI = 6
    DI = 7
    ES = 0
    CS = 1
    SS = 2
    DS = 3
    FS = 4
    GS = 5
    O_AL = 0                     # byte offsets into CPU
    O_CL = 4
    O_AH = 1

cdef enum:
    F_CF = 0x1
    F_PF = 0x4
    F_AF = 0x10
    F_ZF = 0x40
    F_SF = 0x80
    F_TF = 0x100
    F_IF = 0x200
    F_DF = 0x400
    F_OF = 0x800
    F_RF = 0x10000
    F_ARITH = 0x8D5


# The entry of c.blocks.calls where no CALL has been stored.
cdef Op NO_CALL
memset(&NO_CALL, 0, sizeof(Op))

# The short ways of a vCPU that does not own the chips.
cdef Ways NO_WAYS
memset(&NO_WAYS, 0, sizeof(Ways))


# A register operand is a byte offset into CPU. P8, P16 and P32 make a pointer of it.

cdef inline uint8_t* P8(CPU* c, uint32_t off) noexcept nogil:
    return <uint8_t*>c + off

cdef inline uint16_t* P16(CPU* c, uint32_t off) noexcept nogil:
    return <uint16_t*>(<uint8_t*>c + off)

cdef inline uint32_t* P32(CPU* c, uint32_t off) noexcept nogil:
    return <uint32_t*>(<uint8_t*>c + off)

cdef inline uint32_t reg(CPU* c, uint32_t off, int size) noexcept nogil:
    if size == 1:
        return P8(c, off)[0]
    if size == 2:
        return reg16(P16(c, off))
    return P32(c, off)[0]

cdef inline uint32_t reg_plain(CPU* c, uint32_t off, int size) noexcept nogil:
    """reg() for an operation whose result goes back to the same register without a look at its flags: the host does
    this with one instruction that loads and stores."""
    return P16(c, off)[0] if size == 2 else reg(c, off, size)

cdef inline void put_reg(CPU* c, uint32_t off, int size, uint32_t v) noexcept nogil:
    if size == 1:
        P8(c, off)[0] = <uint8_t>v
    elif size == 2:
        P16(c, off)[0] = <uint16_t>v
    else:
        P32(c, off)[0] = v

# Host memory of 1, 2 or 4 bytes.

cdef inline uint32_t get(uintptr_t p, int size) noexcept nogil:
    if size == 1:
        return (<uint8_t*>p)[0]
    return get16(p) if size == 2 else get32(p)

cdef inline void poke(uintptr_t p, uint32_t v, int size) noexcept nogil:
    if size == 1:
        (<uint8_t*>p)[0] = <uint8_t>v
    elif size == 2:
        put16(p, v)
    else:
        put32(p, v)

cdef inline uint64_t ones(int size) noexcept nogil:
    return 0xFFFFFFFFFFFFFFFFULL if size >= 8 else (1ULL << 8 * size) - 1

cdef inline uint32_t cut(uint32_t v, int size) noexcept nogil:
    """The lowest `size` bytes of v."""
    return v & 0xFF if size == 1 else (v & 0xFFFF if size == 2 else v)


cdef inline int32_t sign(uint32_t a, int size) noexcept nogil:
    """`a`, a number of `size` bytes, sign-extended."""
    if size == 1:
        return <int8_t>a
    if size == 2:
        return <int16_t>a
    return <int32_t>a


cdef inline uint32_t EA(CPU* c, Op* o) noexcept nogil:
    """The effective address of `o`, a 16-bit one."""
    return sum16(P16(c, o.base), P16(c, o.index), &o.disp)

cdef inline uint32_t EA32(CPU* c, Op* o) noexcept nogil:
    """The effective address of `o`, a 32-bit one (prefix 67h)."""
    return P32(c, o.base)[0] + (P32(c, o.index)[0] << o.scale) + (<uint32_t>o.tip << 16 | o.disp)


cdef inline uint32_t effective(CPU* c, Op* o, int a) noexcept nogil:
    """The effective address of `o`. `a`: the address size, 2 or 4 bytes."""
    return EA(c, o) if a == 2 else EA32(c, o)


cdef inline int before(Op* o) noexcept nogil:
    """How many instructions of the block come before the one of `o`."""
    return 0 if o.k == 0 else o.n

cdef inline Op* first_of(Op* o) noexcept nogil:
    return o - o.k

cdef inline uint64_t retired_at(CPU* c, Op* o) noexcept nogil:
    """How many instructions are retired when the one of `o` begins."""
    return c.run.slice_end - <uint64_t>(c.run.left + first_of(o).n - before(o))


cdef void begin(CPU* c, int64_t instructions) noexcept nogil:
    """Begin a slice of so many instructions. finish_slice() adds those that were executed to `retired`."""
    c.run.left = instructions
    c.run.slice_end = c.run.retired + <uint64_t>instructions


cdef void end_soon(CPU* c) noexcept nogil:
    """A ring asks for it: leave at most SOON instructions in the slice."""
    cdef int64_t beyond = c.run.left - SOON
    c.rings.soon = 0
    if beyond > 0:
        c.run.left -= beyond
        c.run.slice_end -= <uint64_t>beyond
        c.observe.flags += <uintptr_t>beyond     # cells of the history stay where they are
        c.observe.places += 4 * <uintptr_t>beyond


cdef inline void finish_slice(CPU* c) noexcept nogil:
    c.run.retired = c.run.slice_end - <uint64_t>c.run.left


cdef inline Op* leave_at(CPU* c, Op* o) noexcept nogil:
    """Leave the block before the instruction of `o`. This instruction and the rest of the block are not charged."""
    c.arch.ip = o.ip
    c.run.left += first_of(o).n - before(o)
    return NULL

cdef inline Op* leave_after(CPU* c, Op* o) noexcept nogil:
    """Leave the block after the instruction of `o`. The rest of the block is not charged."""
    c.arch.ip = o.fip
    c.run.left += first_of(o).n - before(o) - 1
    return NULL

cdef inline Op* enter(CPU* c, Op* nx) noexcept nogil:
    """The only way into a block: charge its instructions to the slice, or stop before it."""
    c.run.left -= nx.n
    if c.run.left < at_get_floor(&c.run.floor):
        c.run.left += nx.n
        c.arch.ip = nx.ip
        return NULL
    return GO(c, nx)

cdef inline Op* done(CPU* c, Op* o) noexcept nogil:
    """Return this from the last op of an instruction: it leaves the block if c.run.attn asks for that."""
    if c.run.attn:
        return leave_after(c, o)
    return o + 1
