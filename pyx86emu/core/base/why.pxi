# What a run leaves behind so that its end can be explained: the last faults, and how the vCPU came to places where no
# program should be (cpu/arrivals.pxi). It belongs to the host, and nothing of it changes what the guest does.

cdef enum:                       # places, as bits of WhyState.stops
    AT_ZEROS = 1                 # 00 00 00 00: ADD [BX+SI],AL, twice
    AT_SIGNATURE = 2             # the boot signature 55 AA, after the boot sector
    AT_LOOP = 4                  # JMP $ that nothing ends
    AT_NULL = 8                  # 0000:0000, where a vector of 0 leads
    AT_RESET = 16                # where a PC restarts (no Exit): the guest has jumped there
    AT_STACK = 32                # the instruction before has pushed over code

cdef enum:                       # Came.how, if it is no vector
    CAME_HOW = 0x100             # by an instruction, a jump or not

cdef enum:
    FAULTS = 16                  # a power of 2
    FAULT_GAP = 16               # instructions: an equal fault within them is one more of the same
    ARRIVALS = 5

cdef struct Fault:
    uint16_t cs                  # of the instruction that raised it
    uint32_t ip
    int vector
    uint64_t times               # in a row
    uint64_t at                  # `retired` at the last time

cdef struct Came:                # where the vCPU was before it came to a place
    uint16_t cs
    uint32_t ip
    uint32_t next_ip             # of the instruction after it
    int how                      # the vector of an interrupt or fault, or CAME_HOW
    uint64_t at                  # `retired` after it

cdef struct Arrival:
    uint16_t cs
    uint32_t ip
    uint64_t at                  # `retired` before the instruction there, + 1; 0: never
    Came came                    # came.at + 1 == at, or it is not known

cdef struct WhyState:
    Fault fault[FAULTS]          # fault[(faults - 1) % FAULTS] is the newest
    uint64_t faults
    int first                    # what could not be delivered: its vector, and CAME_HOW * (0 fault, 1 INT, 2 interrupt)
    bint frame                   # its frame did not fit on the stack
    Op* op                       # the op that looks up a block now, NULL: none, or it is not known
    Came came                    # what came before the block that was made last, or before the last single step
    Arrival arrival[ARRIVALS]    # the last one for each bit of AT_* but AT_STACK
    Arrival stack                # the last push over code: where, and `came`: by which instruction
    uint32_t stack_addr          # linear
    uint32_t stops               # AT_*: Exit(DEBUG) at these places
    uint32_t stopped             # AT_*: the Exit(DEBUG) that is due was made by this
