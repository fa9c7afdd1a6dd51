# Faults, INT and interrupts are delivered here as in real mode (80386 PRM, chapter 14): push FLAGS CS IP, clear IF and
# TF, load CS:IP from the vector table.
#
# Reading the vector table may make an exit, if the table is not in RAM. Then nothing else has happened yet, and the
# delivery is done again when the answer is there.

cdef Op* fault(CPU* c, Op* o, int vector) noexcept nogil:
    """The instruction of `o` faults. It must not have changed anything before. The fault counts as one instruction."""
    cdef uint32_t cs = c.arch.sb[CS] >> 4
    cdef uint64_t at = retired_at(c, o)
    c.events.no_trap = 1
    if deliver(c, o, vector, o.fip if vector == 0 and c.m.de_next else o.ip, &NO_CALL):
        note_fault(c, vector, cs, o.ip, at)
        if RARELY(c.observe.mask) and not c.events.dead:
            see_delivered(c, vector, HOW_FAULT, o.ip)
    return NULL


cdef bint deliver(CPU* c, Op* o, int vector, uint32_t back, Op* call) noexcept nogil:
    """Set CS:IP to the guest's handler of `vector`, which will return to `back`, and leave the block after `o`. `call`
    is kept to predict the IRET. 0: a read of the table has made an exit, and `o` will be executed again."""
    cdef uint64_t ip, cs
    cdef uint32_t sp = c.arch.r[SP] & 0xFFFF
    cdef int first = vector if call == &NO_CALL and o.fn != NULL else vector + (
        CAME_HOW if call != &NO_CALL else 2 * CAME_HOW)
    while <uint32_t>vector * 4 + 3 > c.system.idt_limit:
        if vector == 8 or 8 * 4 + 3 > c.system.idt_limit:
            return shutdown(c, o, vector, first, 0)
        vector = 8 if vector == 13 else 13
        back = o.ip
    # Reads first: they may exit, and until then nothing may have changed.
    ip = phys_load(c, o, (c.system.idt_base + <uint32_t>vector * 4) & 0xFFFFF, 2)
    if ip == LOAD_FAILED:
        return 0
    cs = phys_load(c, o, (c.system.idt_base + <uint32_t>vector * 4 + 2) & 0xFFFFF, 2)
    if cs == LOAD_FAILED:
        return 0
    if not c.m.wraps and sp & 1 and sp < 6:
        return shutdown(c, o, vector, first, 1)  # the frame does not fit, and those of #SS and #DF would not fit either
    if c.debug.data & (LOOK_HOST | LOOK_OBSERVER):
        look_at(c, o, (c.system.idt_base + <uint32_t>vector * 4) & 0xFFFFF, 4, 0)
        c.run.attn |= ATTN_WATCH if c.debug.hit else 0
    if call == &NO_CALL:                         # INT is looked up as a jump
        came_from(c, c.arch.sb[CS] >> 4, o.ip, o.fip, vector, retired_at(c, o) + 1)
    push_frame(c, o, fl_all(c), c.arch.sb[CS] >> 4, back)
    leave_after(c, o)
    c.arch.rest &= ~<uint32_t>(F_IF | F_TF | F_RF)
    c.arch.sb[CS] = <uint32_t>cs << 4
    c.arch.ip = <uint32_t>ip
    called(c, call)
    return 1


cdef void push_frame(CPU* c, Op* o, uint32_t flags, uint32_t cs, uint32_t ip) noexcept nogil:
    cdef uint32_t sp = c.arch.r[SP] & 0xFFFF
    put(c, o, SS, (sp - 2) & 0xFFFF, flags & 0xFFFF, 2)
    put(c, o, SS, (sp - 4) & 0xFFFF, cs, 2)
    put(c, o, SS, (sp - 6) & 0xFFFF, ip & 0xFFFF, 2)
    P16(c, 4 * SP)[0] = <uint16_t>(sp - 6)


cdef bint shutdown(CPU* c, Op* o, int vector, int first, bint frame) noexcept nogil:
    """Neither `vector` nor #DF can be delivered: the processor stops until it is reset. `first` and `frame`: see
    WhyState."""
    c.events.undelivered = vector
    c.why.first = first
    c.why.frame = frame
    leave_after(c, o)
    c.arch.ip = o.ip
    c.events.dead = 1
    c.run.why = EXIT_SHUTDOWN
    return 1


cdef inline Op* software_int(CPU* c, Op* o, uint32_t vector, bint seen) noexcept nogil:
    """INT n, INT3, INTO, INT1: the return address is that of the next instruction. Ends its block. `seen`: for the
    history. Here vector table and frame are in memory that is reached at once."""
    cdef uint32_t sp = (reg16(P16(c, 4 * SP)) - 6) & 0xFFFF, entry = c.system.idt_base + vector * 4, ip, cs
    cdef uintptr_t frame = piece_at(c.run.wr, c.arch.sb[SS], sp, 6), p
    if RARELY(frame == 0 or vector * 4 + 3 > c.system.idt_limit or entry > 0xFFFFC or entry & 3):
        return software_int_slow(c, o, vector, seen)
    p = c.run.rd[entry >> 8]
    if RARELY(p == 0):
        return software_int_slow(c, o, vector, seen)
    c.events.no_trap = 1
    ip = get16(p + entry)                        # before the pushes: the stack may be there
    cs = get16(p + entry + 2)
    put16(frame, o.fip)
    put16(frame + 2, c.arch.sb[CS] >> 4)
    put16(frame + 4, fl_all(c))
    P16(c, 4 * SP)[0] = <uint16_t>sp
    c.arch.rest &= ~<uint32_t>(F_IF | F_TF | F_RF)
    c.arch.sb[CS] = cs << 4
    called(c, o)
    if seen:
        history_place(c, ip)
    return take_guess(c, o, ip)


cdef Op* software_int_slow(CPU* c, Op* o, uint32_t vector, bint seen) noexcept nogil:
    c.events.no_trap = 1
    if not deliver(c, o, vector, o.fip, o) or c.run.attn or c.run.why:
        return NULL
    if seen:
        history_place(c, c.arch.ip)
    return take_guess(c, o, c.arch.ip)


cdef inline void set_shadow(CPU* c, Op* o, bint traps) noexcept nogil:
    """STI, MOV SS, POP SS: no interrupt is taken before the next instruction is complete. If that one is of these too,
    it does not start another shadow. `traps`: INT 1 is held off as well, by a load of SS."""
    cdef uint64_t now = retired_at(c, o)
    if c.events.shadow != now:
        c.events.shadow = now + 1
        if traps:
            c.events.trap_shadow = now + 1


cdef inline bint line_up(CPU* c) noexcept nogil:
    """Is the interrupt controller's INT output up (first vCPU only)?"""
    return c.vm.irqchip_on and c.no == 0 and at_peek32(&c.chips.irqchip.intr) != 0


cdef bint take_interrupt(CPU* c, int vector) noexcept nogil:
    """Deliver an interrupt between two instructions. It counts as one. 0: reading its vector has made an exit."""
    cdef Op* o = c.blocks.scratch + 1
    cdef uint32_t back = c.arch.ip
    memset(o, 0, sizeof(Op))
    o.n = 1
    o.ip = <uint16_t>c.arch.ip
    o.fip = o.ip
    begin(c, 1)
    c.run.left = 0
    c.run.stepping = 1
    c.debug.hit = c.observe.touches = 0
    c.events.halted = 0
    c.events.vector = vector
    if c.m.rep_forgets and c.events.rep_left == c.run.retired:
        back = c.events.rep_last
    c.events.delivering = not deliver(c, o, vector, back, &NO_CALL)
    if RARELY(c.observe.mask) and not c.events.delivering and not c.events.dead:
        see_delivered(c, vector, HOW_HARDWARE, back)
    c.run.stepping = 0
    finish_slice(c)
    apply_moved(c)
    return not c.events.delivering


cdef inline void apply_moved(CPU* c) noexcept nogil:
    """After an instruction: if a device that it accessed has set CS or IP, go on there."""
    if RARELY(c.python.moved) and not (c.reads.pending or c.reads.finish):
        apply_moved_slow(c)


cdef void apply_moved_slow(CPU* c) noexcept nogil:
    if c.python.moved & MOVED_CS:
        c.arch.sb[CS] = c.python.moved_cs
    if c.python.moved & MOVED_IP:
        c.arch.ip = c.python.moved_ip
    c.python.moved = 0
    c.events.halted = 0
    c.events.carry = 0
    c.events.rep_left = FOREVER


cdef void take_trap(CPU* c) noexcept nogil:
    """Deliver INT 1 between two instructions. DR6 gets the reason. GD is cleared, so that the guest's handler may use
    the debug registers."""
    if c.m.level >= 3:                           # older ones have no debug registers
        c.system.dr[6] |= c.events.trap_due
        c.system.dr[7] &= ~<uint32_t>DR7_GD
    c.events.trap_due = 0
    take_interrupt(c, 1)


cdef Op* general_detect(CPU* c, Op* o) noexcept nogil:
    """MOV to or from a debug register while DR7 has GD: #DB, with BD in DR6."""
    c.system.dr[6] |= DR6_BD
    c.system.dr[7] &= ~<uint32_t>DR7_GD
    return fault(c, o, 1)


cdef inline bint interrupt_waits(CPU* c) noexcept nogil:
    """With IF set, has the run loop something to deliver: an interrupt, an NMI, or the exit of the interrupt window?"""
    return line_up(c) or c.events.inject >= 0 or c.events.nmi or c.events.intr_window
