# Chip accesses: read or write a chip for a vCPU, then check for an interrupt or an earlier deadline.
#
# There are two ways to a chip:
#  - The long way serves every access size and every vCPU. The bus calls it.
#  - The short way is one handler per port. IN and OUT of a byte jump to it. Only the owner of the chips (owner.pxi) has
#    it, and only in virtual time.

# -- the long way

cdef void chip_write(CPU* c, Op* o, Chip* chip, uint32_t port, int size, uint64_t value) noexcept nogil:
    cdef Chips* chips = c.chips
    cdef uint64_t now = now_ns(c, o) if chip.timed else 0
    cdef bint moved
    rings_spend(&c.rings, 2 * size)
    lock_chips(c)
    moved = chip_put(chips, chip, port, size, value, now)
    unlock_chips(c)
    if chip.interrupts:
        look_for_eoi(c)
    if has_to_look(c, moved):
        let_look(c)
    if RARELY(chips.vga.turn):
        want(c, REQ_VGA)


cdef uint64_t chip_read(CPU* c, Op* o, Chip* chip, uint32_t port, int size) noexcept nogil:
    cdef Chips* chips = c.chips
    cdef uint64_t v, now = now_ns(c, o)
    cdef bint was = at_peek32(&chips.irqchip.intr)
    rings_spend(&c.rings, 2 * size)
    lock_chips(c)
    v = chip_get(chip, port, size, now)
    unlock_chips(c)
    if chip.interrupts:                          # a poll command acknowledges, like INTA
        look_for_eoi(c)
        if at_peek32(&chips.irqchip.intr) and not was:
            want(c.vm.cpu[0], REQ_INTR)
    if RARELY(chips.vga.turn):
        want(c, REQ_VGA)
    return v


cdef inline bint has_to_look(CPU* c, bint moved) noexcept nogil:
    """Whether the first vCPU must check its pending work after an access: the next deadline is earlier now (`moved`),
    or INTR is high. If that vCPU made the access itself, INTR counts only while IF is set."""
    return moved or at_peek32(&c.chips.irqchip.intr) and (c.no != 0 or c.arch.rest & F_IF)


cdef void let_look(CPU* c) noexcept nogil:
    if c.no == 0:
        c.run.attn |= ATTN_LOOK
    else:
        want(c.vm.cpu[0], REQ_INTR)


cdef inline void chips_look(CPU* c) noexcept nogil:
    """The first vCPU was asked to look at its interrupts."""
    if at_get32(&c.chips.rung):
        lock_chips(c)
        chips_take_rung(c.chips)
        unlock_chips(c)


# -- the short way. An IN makes one read only, so it needs no log of answers (io/reads.pxi).

cdef inline Op* after_chip(CPU* c, Op* o, bint moved) noexcept nogil:
    if RARELY(has_to_look(c, moved)):
        let_look(c)
    if RARELY(c.run.attn or at_peek32(&c.threads.request)):
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef Op* in_pic(CPU* c, Op* o, uint32_t port) noexcept nogil:
    P8(c, O_AL)[0] = <uint8_t>irqchip_read(&c.chips.irqchip, port, 0)
    look_for_eoi(c)
    return after_chip(c, o, 0)


cdef Op* out_pic(CPU* c, Op* o, uint32_t port) noexcept nogil:
    irqchip_write(&c.chips.irqchip, port, P8(c, O_AL)[0], 0)
    look_for_eoi(c)
    return after_chip(c, o, 0)


cdef Op* in_pit(CPU* c, Op* o, uint32_t port) noexcept nogil:
    P8(c, O_AL)[0] = <uint8_t>pit_read(&c.chips.pit, port, virtual_ns(c, o))
    o = o + 1
    return GO(c, o)


cdef inline Op* out_pit_at(CPU* c, Op* o, uint32_t port, uint64_t now) noexcept nogil:
    cdef bint moved = 0
    if pit_write(&c.chips.pit, port, P8(c, O_AL)[0], now):
        rings_spend(&c.rings, 3)
        moved = chip_follow(c.chips, &c.chips.chip[CHIP_PIT], now)
    return after_chip(c, o, moved)


cdef Op* out_pit(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return out_pit_at(c, o, port, virtual_ns(c, o))


cdef Op* in_port61(CPU* c, Op* o, uint32_t port) noexcept nogil:
    P8(c, O_AL)[0] = <uint8_t>port61_read(&c.chips.pit, port, virtual_ns(c, o))
    o = o + 1
    return GO(c, o)


cdef Op* out_port61(CPU* c, Op* o, uint32_t port) noexcept nogil:
    port61_write(&c.chips.pit, port, P8(c, O_AL)[0], virtual_ns(c, o))
    return after_chip(c, o, 0)


# The same for the other vCPUs. They have the time of the first one.

cdef Op* in_pit_other(CPU* c, Op* o, uint32_t port) noexcept nogil:
    P8(c, O_AL)[0] = <uint8_t>pit_read(&c.chips.pit, port, clock_now(c))
    return after_chip(c, o, 0)


cdef Op* out_pit_other(CPU* c, Op* o, uint32_t port) noexcept nogil:
    return out_pit_at(c, o, port, clock_now(c))


cdef Op* in_port61_other(CPU* c, Op* o, uint32_t port) noexcept nogil:
    P8(c, O_AL)[0] = <uint8_t>port61_read(&c.chips.pit, port, clock_now(c))
    return after_chip(c, o, 0)


cdef Op* out_port61_other(CPU* c, Op* o, uint32_t port) noexcept nogil:
    port61_write(&c.chips.pit, port, P8(c, O_AL)[0], clock_now(c))
    return after_chip(c, o, 0)


cdef void open_short_ways(Chips* chips) noexcept nogil:
    """Give every chip its short way: for a new Vm with virtual time."""
    short_way(chips, CHIP_PIC, in_pic, out_pic, NULL)
    short_way(chips, CHIP_PIT, in_pit, out_pit, NULL)
    short_way(chips, CHIP_PORT61, in_port61, out_port61, NULL)


cdef void follow_ways(VM* vm) noexcept nogil:
    """The short ways of the first vCPU have changed, or there is another vCPU: those of the others follow. Every vCPU
    is outside. If no memory is left the others have none."""
    cdef Ways* w
    cdef int port
    if vm.ncpus < 2:
        return
    if vm.chips.others == NULL:
        vm.chips.others = <Ways*>malloc(sizeof(Ways))
    w = vm.chips.others
    if w == NULL:
        return
    w[0] = vm.chips.ways
    for port in range(SHORT_PORTS):
        if w.in_[port] == in_pit:
            w.in_[port] = in_pit_other
        elif w.in_[port] == in_port61:
            w.in_[port] = in_port61_other
        if w.out[port] == out_pit:
            w.out[port] = out_pit_other
        elif w.out[port] == out_port61:
            w.out[port] = out_port61_other


# -- the end of an interrupt

cdef inline void look_for_eoi(CPU* c) noexcept nogil:
    """An EOI, also an automatic one, may end an interrupt whose line a resampling irqfd holds high."""
    if RARELY(at_peek32(&c.chips.irqchip.eoi_lines)):
        take_eoi(c)


cdef void take_eoi(CPU* c) noexcept nogil:
    cdef Chips* chips = c.chips
    cdef uint32_t ended
    cdef int i
    lock_chips(c)
    ended = chips.irqchip.eoi_lines & c.vm.resampled
    at_publish32(&chips.irqchip.eoi_lines, 0)
    for i in range(16):
        if ended >> i & 1:
            drive_gsi(chips, LINE_IRQFD, i, 0, 0)
    unlock_chips(c)
    if ended:
        irqfds_eoi(c.vm, ended)
