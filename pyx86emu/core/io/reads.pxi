# Bus reads of one instruction: log their answers, and keep the batch of a REP INS. Know no device.
#
# If a read has to wait, its instruction is run again when the answer is there. Its reads are then answered from the
# log, so that no device is read twice.

cdef inline bint logged_read(CPU* c, Op* o, int bus, uint64_t addr, int size, uint64_t* value) noexcept nogil:
    """Find the answer to this read of the instruction of `o` in the log. 0: there is none, so it is a new read."""
    cdef uint64_t now = retired_at(c, o)
    cdef LoggedRead* seen
    if c.reads.log_tag != now:                   # the first read of another instruction
        c.reads.log_tag = now
        c.reads.log_n = 0
        c.reads.log_pos = 0
    if c.reads.log_pos < c.reads.log_n:
        seen = &c.reads.log[c.reads.log_pos]
        if seen.addr == addr and seen.size == size and seen.bus == bus:
            c.reads.log_pos += 1
            value[0] = seen.value
            return 1
        c.reads.log_n = c.reads.log_pos          # another read: the instruction was overwritten meanwhile
    return 0


cdef void log_read(CPU* c, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    cdef LoggedRead* seen
    if c.reads.log_n == LOG_READS:
        return
    seen = &c.reads.log[c.reads.log_n]
    seen.bus = bus
    seen.addr = addr
    seen.size = size
    seen.value = value
    c.reads.log_n += 1


# -- a read that exits ------------------------------------------------------------------------------------

cdef void wait_for_answer(CPU* c, int bus, uint64_t addr, int size) noexcept nogil:
    """From now on this read waits, and no other. The unread rest of a batch is dropped."""
    forget_batch(c)
    c.reads.pending = 1
    c.reads.answers = c.reads.log_n
    c.reads.asked_bus = bus
    c.reads.asked_addr = addr
    c.reads.asked_size = size
    c.reads.log_pos = 0


cdef void answer_read(CPU* c, int bus, uint64_t addr, int size, uint64_t value) noexcept nogil:
    """Answer the read that waits, or replace its answer."""
    c.reads.log_n = c.reads.answers
    log_read(c, bus, addr, size, value)


cdef void answer_nothing(CPU* c) noexcept nogil:
    """If the read that waits has no answer when the next run begins, its answer is 0."""
    if c.reads.log_n == c.reads.answers and (c.events.delivering or not c.reads.ins_count):
        log_read(c, c.reads.asked_bus, c.reads.asked_addr, c.reads.asked_size, 0)


# -- REP INS: one exit for several elements ---------------------------------------------------------------

cdef void begin_batch(CPU* c, int count, int size) noexcept nogil:
    """`count` elements wait for their answer, which is 0 if none is given."""
    memset(c.reads.ins_data, 0, sizeof(c.reads.ins_data))
    c.reads.ins_count = count
    c.reads.ins_pos = 0
    c.reads.ins_size = size
    c.reads.pending = 1


cdef inline bint next_of_batch(CPU* c, int size, uint64_t* value) noexcept nogil:
    """Take the next element of an answered batch. 0: there is none."""
    if c.reads.ins_size != size:
        forget_batch(c)                          # an element has overwritten the instruction: another size
    if c.reads.ins_pos >= c.reads.ins_count:
        return 0
    value[0] = 0
    memcpy(value, c.reads.ins_data + c.reads.ins_pos * size, size)
    c.reads.ins_pos += 1
    return 1


cdef inline void forget_batch(CPU* c) noexcept nogil:
    """Drop the unread rest of a REP INS answer."""
    c.reads.ins_count = 0
    c.reads.ins_pos = 0


# -- the code of an instruction that reads ----------------------------------------------------------------

cdef int code_byte(CPU* c, uint32_t pa) noexcept nogil:
    """The byte of code at a physical address, in memory or in planes of the VGA; -1: there is none."""
    if c.run.ram[pa >> 8]:
        return (<uint8_t*>(c.run.ram[pa >> 8] + pa))[0]
    return vga_code(&c.chips.vga, bus_mask(c.vm, pa))


cdef inline void keep_code(CPU* c, Op* o) noexcept nogil:
    """Keep the bytes of an instruction before it reads a device, because the device may overwrite or remove them."""
    cdef uint32_t pa = c.arch.sb[CS] + o.ip
    cdef int i
    c.reads.asked_tag = retired_at(c, o)
    if (pa & 255) <= 256 - ASKED_CODE and o.ip <= 0x10000 - ASKED_CODE and c.run.ram[pa >> 8]:
        memcpy(c.reads.asked_code, <void*>(c.run.ram[pa >> 8] + pa), ASKED_CODE)
        return
    for i in range(ASKED_CODE):
        c.reads.asked_code[i] = <uint8_t>code_byte(c, c.arch.sb[CS] + (o.ip + i & 0xFFFF))
