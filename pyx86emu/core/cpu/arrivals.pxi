# Arrivals live here: how the vCPU came to a place where no program should be. No hot path pays for it.
#
# Such a place is known when code is decoded. When a block is made, it is noted where the vCPU came from (came), since
# that is slow in any case; a block that is there already notes nothing. While the host wants to stop at a place
# (c.why.stops) no block is made there: so the vCPU comes to the run loop each time (stop_here). At the places where a
# PC restarts there is never a block: each jump there is noted.

cdef inline void came(CPU* c) noexcept nogil:
    """A block is to be made at CS:IP, which is in memory, after the op c.why.op. Most places are not odd."""
    cdef uint32_t pa = c.arch.sb[CS] + c.arch.ip
    cdef uint8_t first = (<uint8_t*>(c.run.ram[pa >> 8] + pa))[0]
    if first == 0 or first == 0x55 or first == 0xEB or first == 0xE9 or c.why.stops or pa == 0 or restarts(c, pa):
        came_to(c)


cdef inline bint restarts(CPU* c, uint32_t at) noexcept nogil:
    """Does a PC restart at this linear address: by the instruction after RESET, or by POST of an IBM BIOS, in ROM?"""
    return (at == 0xFFFF0 or at == 0xFE05B) and c.vm.mem.attr[at >> 8] & ATTR_ROM


cdef inline void restart_step(CPU* c) noexcept nogil:
    """Before an instruction that is executed by itself: has the guest jumped to where a PC restarts?"""
    if RARELY(restarts(c, c.arch.sb[CS] + c.arch.ip)):
        arrive(c, AT_RESET, c.run.retired, 0)


cdef void came_to(CPU* c) noexcept nogil:
    """Note where the vCPU came from, and the place if it is odd."""
    cdef Op* o = c.why.op
    cdef Op* last
    cdef uint64_t now = c.run.slice_end - <uint64_t>c.run.left
    cdef uint32_t what
    if o != NULL and not c.run.stepping:         # step_one() has noted it
        last = o - 1 if o.ip == o.fip else o      # the op at the end of a block is no instruction
        came_from(c, (<Block*>(first_of(o) - 1)).key >> 16, last.ip, last.fip, CAME_HOW, now)
    c.why.op = NULL
    what = odd_place(c, c.arch.sb[CS], c.arch.ip)
    if RARELY(what != 0):
        arrive(c, what, now, 0)


cdef inline void came_from(CPU* c, uint32_t cs, uint32_t ip, uint32_t next_ip, int how, uint64_t at) noexcept nogil:
    c.why.came.cs = <uint16_t>cs
    c.why.came.ip = ip
    c.why.came.next_ip = next_ip
    c.why.came.how = how
    c.why.came.at = at


cdef bint zeros_at(CPU* c, uint32_t base, uint32_t ip) noexcept nogil:
    cdef int i
    for i in range(4):
        if code_byte(c, base + (ip + i & 0xFFFF)) != 0:
            return 0
    return 1


cdef uint32_t odd_place(CPU* c, uint32_t base, uint32_t ip) noexcept nogil:
    """What is odd about code at base:ip, as a bit of AT_*; 0: nothing."""
    cdef int first = code_byte(c, base + ip)
    if base + ip == 0:
        return AT_NULL
    if first == 0:
        return AT_ZEROS if zeros_at(c, base, ip) else 0
    if first == 0x55:
        if (base + ip == 0x7DFE or base + ip == 0x7FE) and code_byte(c, base + ip + 1) == 0xAA:
            return AT_SIGNATURE
    elif first == 0xEB:
        return AT_LOOP if code_byte(c, base + (ip + 1 & 0xFFFF)) == 0xFE else 0
    elif first == 0xE9:
        if code_byte(c, base + (ip + 1 & 0xFFFF)) == 0xFD and code_byte(c, base + (ip + 2 & 0xFFFF)) == 0xFF:
            return AT_LOOP
    return 0


cdef bint endless(CPU* c) noexcept nogil:
    """Does JMP $ never end here? With IF=0 only an NMI ends it. With IF=1 a handler of the guest could: not one in ROM,
    at C0000h or above, unless it calls a handler of the guest."""
    cdef int i, line
    cdef uint32_t base = c.system.idt_base
    if not c.arch.rest & F_IF:
        return 1
    if not c.vm.irqchip_on or c.no != 0:
        return 0
    for i in range(16):
        if i != 2:
            line = (c.chips.irqchip.slave.base if i & 8 else c.chips.irqchip.master.base) + (i & 7)
            if not in_rom(c, base, line):
                return 0
    return in_rom(c, base, 0x1B) and in_rom(c, base, 0x1C) and in_rom(c, base, 0x4A)


cdef bint in_rom(CPU* c, uint32_t base, int vector) noexcept nogil:
    """Does a vector lead to ROM, or nowhere (0000:0000)?"""
    cdef int i
    cdef uint32_t entry = 0, at
    for i in range(4):
        entry |= <uint32_t>(code_byte(c, (base + 4 * vector + i) & 0xFFFFF) & 0xFF) << 8 * i
    at = (entry >> 16 << 4) + (entry & 0xFFFF)
    return at >= 0xC0000 or entry == 0


cdef void arrive(CPU* c, uint32_t what, uint64_t at, bint stops) noexcept nogil:
    """The vCPU is at CS:IP, an odd place. Without a stop the first of many zeros in a segment counts."""
    cdef Arrival* a = &c.why.arrival[lowest_one(what)]
    cdef Came* from_ = &c.why.came
    if what == AT_RESET and (from_.at != at or restarts(c, (<uint32_t>from_.cs << 4) + from_.ip)):
        return                                   # after RESET, or from the first instruction to POST
    if what == AT_ZEROS and not stops and (a.at and a.cs == <uint16_t>(c.arch.sb[CS] >> 4) or
                                           from_.at == at and zeros_at(c, <uint32_t>from_.cs << 4, from_.ip)):
        return
    a.cs = <uint16_t>(c.arch.sb[CS] >> 4)
    a.ip = c.arch.ip
    a.at = at + 1
    a.came = from_[0]


cdef bint refuses_block(CPU* c, uint32_t base, uint32_t ip) noexcept nogil:
    """Called for each instruction that is decoded while the host wants stops: is it to be executed alone?"""
    return odd_place(c, base, ip) & c.why.stops != 0


cdef bint stop_at(CPU* c) noexcept nogil:
    """Does the host want to stop before the instruction at CS:IP? It stops once; the next run() executes it."""
    cdef uint32_t what = odd_place(c, c.arch.sb[CS], c.arch.ip) if c.arch.ip <= 0xFFFF else 0
    if not what & c.why.stops or c.debug.resume == c.run.retired + 1 or c.events.carry:
        return 0
    if what == AT_LOOP and not endless(c):
        return 0
    if what == AT_ZEROS and c.why.came.at == c.run.retired and zeros_at(c, <uint32_t>c.why.came.cs << 4, c.why.came.ip):
        return 0                                 # it has stopped before the first of them
    arrive(c, what, c.run.retired, 1)
    stop_for(c, what)
    return 1


cdef void stop_for(CPU* c, uint32_t what) noexcept nogil:
    c.why.stopped = what
    if what != AT_STACK:                         # that one stops after its instruction
        c.debug.resume = c.run.retired + 1
    c.debug.dr6 = DR6_FIXED
    c.debug.stop = 0
    c.debug.due = 1


cdef inline bint stop_here(CPU* c) noexcept nogil:
    return RARELY(c.why.stops != 0) and stop_at(c)


cdef inline void look_at_push(CPU* c, Op* o, uint32_t at) noexcept nogil:
    """The instruction of `o` has stored to bytes that were decoded as code. Is it a push, just below SS:SP?"""
    if RARELY(c.arch.sb[SS] + (c.arch.r[SP] & 0xFFFF) - at - 1 < 32) and o != NULL:
        note_push(c, o, at)


cdef void note_push(CPU* c, Op* o, uint32_t at) noexcept nogil:
    c.why.stack.cs = <uint16_t>(c.arch.sb[CS] >> 4)
    c.why.stack.ip = o.ip
    c.why.stack.at = retired_at(c, o) + 1
    c.why.stack_addr = at
    if c.why.stops & AT_STACK:
        c.why.stopped = AT_STACK
        c.run.attn |= ATTN_WATCH


cdef inline void stack_stop(CPU* c) noexcept nogil:
    """Between two instructions: has the last one pushed over code?"""
    if RARELY(c.why.stopped == AT_STACK) and not c.debug.due:
        stop_for(c, AT_STACK)


# -- faults -----------------------------------------------------------------------------------------------

cdef void note_fault(CPU* c, int vector, uint32_t cs, uint32_t ip, uint64_t at) noexcept nogil:
    """An instruction has raised a fault. Equal ones in a row are counted in one place."""
    cdef Fault* f = &c.why.fault[(c.why.faults - 1) % FAULTS]
    if (c.why.faults and f.vector == vector and f.cs == <uint16_t>cs and f.ip == ip
            and at - f.at <= FAULT_GAP):
        f.times += 1
        f.at = at
        return
    f = &c.why.fault[c.why.faults % FAULTS]
    c.why.faults += 1
    f.vector = vector
    f.cs = <uint16_t>cs
    f.ip = ip
    f.times = 1
    f.at = at
