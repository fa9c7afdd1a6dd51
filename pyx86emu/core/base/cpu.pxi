# The state of one vCPU, one decoded op and one block live here; what they do lives elsewhere.

cdef struct CPU
cdef struct Op
cdef struct VM

ctypedef Op* (*Fn)(CPU*, Op*) noexcept nogil

# A chained block is gone to without a look, a guess only if its key is right.
cdef struct Op:                  # 48 bytes; operands are byte offsets into CPU, so AL and AH need no special case
    Fn fn
    Op* t0                       # chained block when the branch is not taken, or the only one; of a CALL a guess
    Op* t1                       # chained block when it is taken; of an indirect or far jump and INT a guess
    uint16_t dst
    uint16_t src                 # of a predicate: how many instructions it is about
    uint16_t base                # effective address = base + index + disp, modulo 64 KiB
    uint16_t index
    uint32_t imm
    uint16_t disp
    uint16_t ip                  # of the first prefix
    uint16_t tip                 # branch target, or a second immediate
    uint16_t fip                 # of the next instruction
    uint8_t n                    # first op: instructions in the block; other ops: instructions before it
    uint8_t k                    # index in the block
    uint8_t seg

cdef struct Block:               # lies in the op slot before the block's first op
    uint32_t key                 # CS << 16 | IP: an alias of the same bytes is another block
    uint32_t lo                  # guest-physical bytes [lo, hi) it was decoded from
    uint32_t hi
    uint16_t cap                 # ops that fit
    uint16_t stale
    Block* next[2]               # next in the list of each granule
    int16_t gran[2]              # canonical granules, -1: none
    uint16_t fluid[4]            # immediates read when used: size << 12 | offset from lo; 0: none

cdef enum:
    HASH = 4096
    BLOCK_OPS = 32
    CALLS = 16
    LOG_READS = 80
    ASKED_CODE = 16
    EXITS = 160

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
    REQ_INTR = 2                 # look at the interrupt lines
    REQ_CODE = 4                 # another vCPU wrote to our code
    REQ_SYNC = 8                 # somebody waits for us to pass a block end
    REQ_DROP = 16                # drop every block
    REQ_RESET = 32               # a device on our own thread asked for a reset

cdef enum:                       # c.run.attn: asked by the running instruction itself
    ATTN_SMC = 1
    ATTN_EXIT = 2
    ATTN_LOOK = 4

cdef enum:                       # c.python.moved
    MOVED_CS = 1
    MOVED_IP = 2

cdef enum:                       # c.debug.singlestep
    STEP_ALWAYS = 1
    STEP_ONCE = 2

cdef enum:                       # ExitReason's names and numbers (tests/test_exits.py), but for two
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
    EXIT_RAISE = 0x2000          # a device raised; never seen outside

# The state of a vCPU, by sections. A saved state is `arch`, `system`, `events` and, in the middle of an instruction,
# `locked`, `reads` and `exits`. `run`, `blocks`, `threads` and `python` are made again from nothing; `debug` is the
# host's. `arch` and the first fields of `run` are within 128 bytes of the start, where an address takes one byte.

cdef struct ArchState:           # what every instruction may use. Operands are byte offsets into CPU: r must stay first
    uint32_t r[8]                # EAX ECX EDX EBX ESP EBP ESI EDI
    uint32_t zero                # the register of "no base" and "no index"
    uint32_t ip                  # valid outside blocks only
    uint32_t sb[8]               # segment bases: ES CS SS DS FS GS, and 0 for tables
    int32_t res                  # lazy flags, see flags.pxi
    uint32_t aux
    uint32_t cfw
    uint32_t rest                # the flags that are not lazy

cdef struct RunState:            # how far the guest may go, and what its handlers may touch
    int64_t left                 # instructions until the slice ends
    int64_t floor                # 0, or INT64_MAX: somebody wants this vCPU to stop
    # Four tables by granule (256 bytes of the guest's address): host address minus guest address, 0 means "ask".
    # The first two say where an access may go without a check; the last two say what an access that was stopped
    # there finds. While breakpoints on data are on, `rd` and `wr` are all 0, so that each access is checked.
    uintptr_t* rd                # loads: RAM and ROM
    uintptr_t* wr                # stores: RAM, except code, ROM and pages whose dirty bit must be set
    uintptr_t* ram               # RAM and ROM, whatever breakpoints there are
    uintptr_t* holes             # 0: no memory, a store goes to the bus at once. With breakpoints nothing is 0
    Op* go                       # where a failed load goes on
    uint32_t ea                  # effective address of a 67h form, or of a read-modify-write
    uint32_t tmp                 # memory operand of two-op forms
    uint32_t tmp2
    uint32_t skip                # all ones: the predicated instructions that follow do not count; else 0
    uint32_t attn                # ATTN_*: asked by the running instruction itself
    uint64_t slice_end           # retired count at which left is 0
    uint64_t retired
    uint64_t idle                # ticks that HLT skipped
    uint64_t look                # guest ns at which run() returns so that its caller may look; FOREVER: none
    uint64_t wall                # host ns at which run() ends; FOREVER: none
    int why                      # EXIT_*: why the run ends
    int error
    bint stepping                # one instruction is being run by itself

cdef struct SystemState:         # registers that only system instructions use
    uint32_t idt_base
    uint32_t idt_limit
    uint32_t gdt_base
    uint32_t gdt_limit
    uint32_t cr[5]
    uint32_t dr[8]
    uint32_t tr[8]

cdef struct EventState:          # interrupts and what the last instruction leaves for the next; KVM's vcpu_events
    int inject                   # interrupt vector to deliver, -1: none
    bint nmi
    bint nmi_masked
    bint halted
    bint dead                    # shutdown
    bint intr_window
    bint delivering              # interrupt `vector` is being delivered: its entry is read by an exit
    int vector
    uint64_t shadow              # no interrupts when this many are retired
    uint64_t trap_shadow         # nor traps
    bint no_trap                 # the instruction suppresses the single-step trap
    uint32_t trap_due            # INT 1 comes next: the bits of DR6 that say why
    uint64_t rep_left            # retired when a REP was left between two iterations
    uint16_t rep_last            # its last prefix
    int carry_seg                # prefixes that a long run left for the next instruction
    int carry_rep
    int carry

cdef struct BlockState:          # decoded code, see blocks.pxi
    Op** hash
    Op* calls[CALLS]             # the last ones, a ring: their t0 is where a RET goes on most often
    uint32_t depth               # where the next CALL goes in `calls`
    uint8_t* codemap             # one bit a byte, canonical addresses
    Block** list                 # per canonical granule
    uint64_t* dirty_code         # granules that other vCPUs wrote to
    Op** pool
    int pools
    int pool_used
    uint32_t generation
    uint32_t hot_at[64]          # addresses whose bytes the guest rewrote while they were code, and how often
    uint32_t hot_hits[64]
    bint hot                     # one of them often
    Op scratch[10]

cdef struct ReadState:           # device reads of the running instruction, and REP INS
    LoggedRead log[LOG_READS]
    int log_n
    int log_pos
    uint64_t log_tag
    int answers                  # log entries there were when the last read exit was made
    int asked_bus
    int asked_size
    uint64_t asked_addr
    bint pending                 # the last exit is a read without its answer
    bint finish                  # an instruction is half done: run it before anything else
    uint8_t asked_code[ASKED_CODE]      # the instruction that asked, and at which count: a device may store into it
    uint64_t asked_tag
    bint refetch                 # it is to be finished with those bytes
    uint8_t ins_data[1024]
    int ins_count                # elements of REP INS that were answered, and how many are stored
    int ins_pos
    int ins_size                 # of an element

cdef struct ExitState:           # exits of the running instruction that run() has not returned yet
    ExitRec item[EXITS]
    int count
    int pos

cdef struct LockedState:         # a locked instruction between its load and its store
    uint32_t value               # what it read
    uint32_t saved[8]            # registers before it, to try it again
    int32_t saved_res
    uint32_t saved_aux
    uint32_t saved_cfw

cdef struct DebugState:          # what the host asked for with debug() and step()
    uint32_t singlestep          # STEP_ALWAYS: debug() asked for it; STEP_ONCE: step() runs
    bint due
    uint32_t dr6
    int breaks
    uint32_t breakpoint[64]
    uint64_t resume              # the breakpoint at this count (plus one) has stopped already

cdef struct ThreadState:         # what other threads want of this vCPU, and where it stands; see threads.pxi
    uint32_t request             # REQ_*
    bint kicked
    uint32_t waiting
    uint32_t asleep              # in HLT without a deadline of its own: will wake nobody else
    uint64_t in_core             # 0: outside; else the epoch seen at the last block end
    uint64_t waited              # host ns in HLT, for another thread
    uint32_t inside              # threads that are in run()
    pthread_mutex_t wait_lock
    pthread_cond_t wait_cond

cdef struct PythonState:         # calls of Python from the core, and what a device changed in them
    PyObject* raised             # the exception that run() raises
    uint64_t io_time             # guest time and `retired` at the access that a Python device answers now
    uint64_t io_retired
    bint touched                 # the device has changed what blocks rely on: leave after its instruction
    uint32_t moved               # MOVED_CS, MOVED_IP: the device has set where the guest goes on
    uint32_t moved_cs            # a segment base, as sb[CS]
    uint32_t moved_ip
    bint in_device
    bint gil                     # the thread that runs this vCPU has the GIL
    bint called                  # and somebody in Python was called in this slice
    PyThreadState* thread        # what run() gets it back with, when it has let it go

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
    Rings rings                  # doorbells that were rung and are not yet written
    VM* vm
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
    TABLES = 6
    O_AL = 0
    O_CL = 4
    O_DL = 8
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
        return P16(c, off)[0]
    return P32(c, off)[0]

cdef inline void put_reg(CPU* c, uint32_t off, int size, uint32_t v) noexcept nogil:
    if size == 1:
        P8(c, off)[0] = <uint8_t>v
    elif size == 2:
        P16(c, off)[0] = <uint16_t>v
    else:
        P32(c, off)[0] = v

cdef inline uint32_t cut(uint32_t v, int size) noexcept nogil:
    return v & 0xFF if size == 1 else (v & 0xFFFF if size == 2 else v)

cdef inline uint32_t EA(CPU* c, Op* o) noexcept nogil:
    return (<uint32_t>P16(c, o.base)[0] + P16(c, o.index)[0] + o.disp) & 0xFFFF

cdef inline int before(Op* o) noexcept nogil:
    """Instructions of the block before the one of `o`."""
    return 0 if o.k == 0 else o.n

cdef inline Op* first_of(Op* o) noexcept nogil:
    return o - o.k

cdef inline uint64_t retired_at(CPU* c, Op* o) noexcept nogil:
    """Instructions retired when the one of `o` begins."""
    return c.run.slice_end - <uint64_t>(c.run.left + first_of(o).n - before(o))

cdef inline Op* leave_at(CPU* c, Op* o) noexcept nogil:
    """Stop before the instruction of `o`."""
    c.arch.ip = o.ip
    c.run.left += first_of(o).n - before(o)
    return NULL

cdef inline Op* leave_after(CPU* c, Op* o) noexcept nogil:
    """Stop behind the instruction of `o`."""
    c.arch.ip = o.fip
    c.run.left += first_of(o).n - before(o) - 1
    return NULL

cdef inline Op* enter(CPU* c, Op* nx) noexcept nogil:
    """The only way into a block: charge it, or stop in front of it."""
    c.run.left -= nx.n
    if c.run.left < at_get_floor(&c.run.floor):
        c.run.left += nx.n
        c.arch.ip = nx.ip
        return NULL
    return GO(c, nx)

cdef inline Op* done(CPU* c, Op* o) noexcept nogil:
    """The op is complete; look whether it asked to stop here."""
    if c.run.attn:
        return leave_after(c, o)
    return o + 1
