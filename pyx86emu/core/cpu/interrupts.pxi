# Faults, INT and interrupt delivery in real mode: push FLAGS CS IP, clear IF and TF, load the vector.

cdef Op* fault(CPU* c, Op* o, int vector) noexcept nogil:
    """The instruction of `o` faults: nothing of it is visible, it costs one instruction."""
    c.events.no_trap = 1
    deliver(c, o, vector, o.fip if vector == 0 and c.m.de_next else o.ip, &NO_CALL)
    return NULL


cdef bint deliver(CPU* c, Op* o, int vector, uint32_t back, Op* call) noexcept nogil:
    """Enter the handler of `vector`, which returns to `back`, behind `call`, as its IRET will expect; the block gets
    back what it did not run beyond `o`. 0: a read of the table exits first and `o` will be run again."""
    cdef uint64_t ip, cs
    cdef uint32_t sp = c.arch.r[SP] & 0xFFFF
    while <uint32_t>vector * 4 + 3 > c.system.idt_limit:
        if vector == 8 or 8 * 4 + 3 > c.system.idt_limit:
            return shutdown(c, o)
        vector = 8 if vector == 13 else 13
        back = o.ip
    # Reads come first: they may exit, and then nothing must have happened yet.
    ip = phys_load(c, o, (c.system.idt_base + <uint32_t>vector * 4) & 0xFFFFF, 2)
    if ip == LOAD_FAILED:
        return 0
    cs = phys_load(c, o, (c.system.idt_base + <uint32_t>vector * 4 + 2) & 0xFFFFF, 2)
    if cs == LOAD_FAILED:
        return 0
    if not c.m.wraps and sp & 1 and sp < 6:
        return shutdown(c, o)                    # the frame does not fit, nor would that of #SS or #DF
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


cdef bint shutdown(CPU* c, Op* o) noexcept nogil:
    """A fault that cannot be delivered, twice: the processor stops until it is reset."""
    leave_after(c, o)
    c.arch.ip = o.ip
    c.events.dead = 1
    c.run.why = EXIT_SHUTDOWN
    return 1


cdef Op* software_int(CPU* c, Op* o, int vector) noexcept nogil:
    """INT n, INT3, INTO, INT1: a trap, so it returns behind the instruction. Ends its block."""
    c.events.no_trap = 1
    if not deliver(c, o, vector, o.fip, o) or c.run.attn or c.run.why:
        return NULL
    return take_again(c, o, c.arch.ip)


cdef inline void set_shadow(CPU* c, Op* o, bint traps) noexcept nogil:
    """STI, MOV SS, POP SS: no interrupt before the next instruction is done; one in the shadow does not renew it.
    `traps`: a load of SS holds off INT 1 too."""
    cdef uint64_t now = retired_at(c, o)
    if c.events.shadow != now:
        c.events.shadow = now + 1
        if traps:
            c.events.trap_shadow = now + 1


cdef void want(CPU* c, uint32_t what) noexcept nogil:
    """Ask a vCPU, from any thread, to look up at its next block end."""
    at_or32(&c.threads.request, what)
    at_put_floor(&c.run.floor, 0x7FFFFFFFFFFFFFFF)
    if at_get32(&c.threads.waiting):
        wake(c)


cdef void wake(CPU* c) noexcept nogil:
    """Whoever waits for this vCPU, or sleeps in its HLT, looks again."""
    pthread_mutex_lock(&c.threads.wait_lock)
    pthread_cond_broadcast(&c.threads.wait_cond)
    pthread_mutex_unlock(&c.threads.wait_lock)


cdef timespec host_time_in(uint64_t ns) noexcept nogil:
    """What the host's clock will say then: pthread_cond_timedwait wants that."""
    cdef timespec t
    clock_gettime(CLOCK_REALTIME, &t)
    t.tv_nsec += <long>(ns % 1000000000)
    t.tv_sec += <time_t>(ns // 1000000000)
    if t.tv_nsec >= 1000000000:
        t.tv_nsec -= 1000000000
        t.tv_sec += 1
    return t


cdef void doze(CPU* c) noexcept nogil:
    """Until wake(c), at most 5 ms: what is waited for may have come before."""
    cdef timespec until = host_time_in(5000000)
    pthread_mutex_lock(&c.threads.wait_lock)
    pthread_cond_timedwait(&c.threads.wait_cond, &c.threads.wait_lock, &until)
    pthread_mutex_unlock(&c.threads.wait_lock)


cdef inline bint line_up(CPU* c) noexcept nogil:
    """Is the interrupt controller's INT output up (first vCPU only)?"""
    return c.vm.irqchip_on and c.no == 0 and c.vm.chip.intr
