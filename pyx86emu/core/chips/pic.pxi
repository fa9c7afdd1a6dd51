# The 8259 pair: decide which interrupt the vCPU takes next. Know lines and their sources, not vCPUs.
#
# The caller holds the lock of the chips, if they are shared. The slave's INT is wired to input 2 of the master. GSI 2
# is the same input. If GSI 2 is raised while the slave has no request, the result is that of a glitch on this input: a
# spurious IRQ 15.
#
# If a line falls before the vCPU acknowledges, its request is dropped, edge or level, as on the 8259A ("IR must remain
# high until the first INTA"). KVM keeps the request. An irqfd does not hold its line high, but its requests must not be
# lost. They come through irqchip_pulse, which latches the request as KVM does.
#
# A line may have several sources. It is high while one of them drives it high, as KVM has it (irq_source_id).
#
#   20h A0h   write: ICW1, OCW2, OCW3     read: IRR, ISR or the answer to a poll
#   21h A1h   write: ICW2-4, OCW1 (IMR)   read: IMR
#   4D0h 4D1h ELCR: which inputs are level-triggered

cdef enum:
    PIC_CASCADE = 2              # the master's input that the slave drives
    PIC_SPURIOUS = 7             # the input that a chip reports when the request is gone
    ICW1_INIT = 0x10
    ICW1_LTIM = 0x08
    ICW1_SNGL = 0x02
    ICW1_IC4 = 0x01
    ICW4_SFNM = 0x10
    ICW4_AEOI = 0x02
    OCW2_ROTATE = 0x80
    OCW2_SPECIFIC = 0x40
    OCW2_EOI = 0x20
    OCW3_SELECT = 0x08           # set: OCW3, clear: OCW2
    OCW3_ESMM = 0x40
    OCW3_SMM = 0x20
    OCW3_POLL = 0x04
    OCW3_RR = 0x02
    OCW3_RIS = 0x01


cdef enum:                       # who drives a line
    LINE_USER = 0                # irq_line(): a device or the host
    LINE_CHIP = 1                # a chip in the core
    LINE_IRQFD = 2               # an irqfd that waits for an EOI
    LINE_SOURCES = 3


cdef struct Pic:
    uint8_t lines                # the inputs as they are now
    uint8_t edges                # requests: rising edges that are not acknowledged yet
    uint8_t pulsed               # the `edges` that stay when the line is low
    uint8_t isr
    uint8_t imr
    uint8_t elcr
    uint8_t elcr_mask            # inputs that ELCR may make level-triggered
    uint8_t icw1
    uint8_t icw_next             # the ICW that the odd port takes next, or 0
    uint8_t base                 # ICW2: vector of input 0
    uint8_t wired                # inputs that have a slave on this board
    uint8_t slaves               # ICW3: inputs that this chip treats as having a slave
    uint8_t lowest               # the input of lowest priority
    uint8_t ended                # interrupts ended since irqchip_update last collected them
    bint aeoi
    bint sfnm
    bint rotate_aeoi
    bint special_mask
    bint poll
    bint read_isr


cdef struct IrqChip:
    Pic master
    Pic slave
    uint16_t driven[LINE_SOURCES]       # the 16 GSIs as each source drives them
    uint16_t lines               # the 16 GSIs: high if a source drives them high
    uint32_t eoi_lines           # GSIs whose interrupt was ended; the caller clears them
    uint32_t intr                # the master's INT output; read without the lock, too


cdef inline uint8_t pic_requests(Pic* p) noexcept nogil:
    """IRR: a latched edge, or the line itself where the input is level-triggered."""
    cdef uint8_t level = 0xFF if p.icw1 & ICW1_LTIM else p.elcr
    return (p.edges & ~level) | (p.lines & level)


cdef inline int pic_rank(Pic* p, int line) noexcept nogil:
    """0 for the input of highest priority, 7 for the lowest."""
    return (line - p.lowest - 1) & 7


cdef inline int pic_first(Pic* p, uint32_t mask) noexcept nogil:
    """The input of highest priority in mask, -1 if it is empty."""
    if mask == 0:                                # the usual case
        return -1
    # Two copies of the mask, so that the search can begin with the input after the lowest.
    return (p.lowest + 1 + lowest_one((mask | mask << 8) >> (p.lowest + 1))) & 7


cdef inline int pic_in_service(Pic* p) noexcept nogil:
    """The input in service that blocks itself and all of lower priority. In special mask mode a masked one does not."""
    return pic_first(p, p.isr & ~p.imr if p.special_mask else p.isr)


cdef inline int pic_pending(Pic* p) noexcept nogil:
    """The input for which INT is asserted; -1: INT is low."""
    cdef int line = pic_first(p, pic_requests(p) & ~p.imr), busy
    if line < 0:
        return -1
    busy = pic_in_service(p)
    if busy < 0 or pic_rank(p, line) < pic_rank(p, busy):
        return line
    # Special fully nested mode: a slave in service may request again, for an input of higher priority.
    if line == busy and p.sfnm and p.slaves >> line & 1:
        return line
    return -1


cdef void pic_input(Pic* p, int line, bint level) noexcept nogil:
    """Set the level of one input. A rise is latched."""
    cdef uint8_t bit = 1 << line
    if not level:
        p.lines &= ~bit
        p.edges &= ~bit | p.pulsed
    elif not p.lines & bit:
        p.lines |= bit
        p.edges |= bit


cdef inline void pic_end(Pic* p, int line) noexcept nogil:
    """EOI of one input."""
    cdef uint8_t bit = 1 << line
    p.ended |= p.isr & bit
    p.isr &= ~bit


cdef void pic_take(Pic* p, int line) noexcept nogil:
    """INTA, or the read that answers a poll: a request becomes an interrupt in service."""
    cdef uint8_t bit = 1 << line
    p.edges &= ~bit
    p.pulsed &= ~bit
    p.isr |= bit
    if p.aeoi:
        pic_end(p, line)
        if p.rotate_aeoi:
            p.lowest = line


cdef void pic_icw1(Pic* p, uint8_t value) noexcept nogil:
    """Start of initialisation. Edges are cleared: an input that is high must fall and rise to request again."""
    # No EOI follows for these requests and interrupts. So they are reported as ended, for resampling irqfds.
    p.ended |= p.isr | p.edges
    p.icw1 = value
    p.icw_next = 2
    p.edges = p.pulsed = p.isr = p.imr = 0
    p.lowest = 7
    p.aeoi = p.sfnm = p.rotate_aeoi = p.special_mask = p.poll = p.read_isr = False
    if value & ICW1_SNGL:
        p.slaves = 0


cdef inline void pic_ocw2(Pic* p, uint8_t value) noexcept nogil:
    """EOI and priority commands."""
    cdef int line = value & 7
    if value & OCW2_EOI:
        if not value & OCW2_SPECIFIC:
            line = pic_in_service(p)
            if line < 0:
                return
        pic_end(p, line)
        if value & OCW2_ROTATE:
            p.lowest = line
    elif not value & OCW2_SPECIFIC:
        p.rotate_aeoi = value & OCW2_ROTATE != 0
    elif value & OCW2_ROTATE:
        p.lowest = line


cdef void pic_ocw3(Pic* p, uint8_t value) noexcept nogil:
    """Poll, choice of the register to read, special mask mode."""
    p.poll = value & OCW3_POLL != 0
    if value & OCW3_RR:
        p.read_isr = value & OCW3_RIS != 0
    if value & OCW3_ESMM:
        p.special_mask = value & OCW3_SMM != 0


cdef inline void pic_write(Pic* p, bint odd, uint8_t value) noexcept nogil:
    """A write to the even or odd port. The odd one takes ICW2 to ICW4 in turn, then the mask."""
    if not odd:
        if value & ICW1_INIT:
            pic_icw1(p, value)
        elif value & OCW3_SELECT:
            pic_ocw3(p, value)
        else:
            pic_ocw2(p, value)
    elif p.icw_next == 0:
        p.imr = value
    elif p.icw_next == 2:
        p.base = value & 0xF8
        if not p.icw1 & ICW1_SNGL:
            p.icw_next = 3
        else:
            p.icw_next = 4 if p.icw1 & ICW1_IC4 else 0
    elif p.icw_next == 3:
        p.slaves = value & p.wired
        p.icw_next = 4 if p.icw1 & ICW1_IC4 else 0
    else:
        p.aeoi = value & ICW4_AEOI != 0
        p.sfnm = value & ICW4_SFNM != 0
        p.icw_next = 0


cdef uint8_t pic_read(Pic* p, bint odd) noexcept nogil:
    """A read of the even or odd port. After a poll command a read of either one acknowledges, like INTA."""
    cdef int line
    if p.poll:
        p.poll = False
        line = pic_pending(p)
        if line < 0:
            return PIC_SPURIOUS
        pic_take(p, line)
        return 0x80 | line
    if odd:
        return p.imr
    return p.isr if p.read_isr else pic_requests(p)


cdef inline void irqchip_update(IrqChip* chip) noexcept nogil:
    """Pass the slave's INT to the master, and the master's INT to `intr`. Collect the interrupts that were ended."""
    cdef bint cascade = pic_pending(&chip.slave) >= 0 or chip.lines >> PIC_CASCADE & 1
    if cascade != chip.master.lines >> PIC_CASCADE & 1:
        pic_input(&chip.master, PIC_CASCADE, cascade)
    at_publish32(&chip.intr, pic_pending(&chip.master) >= 0)
    at_publish32(&chip.eoi_lines, chip.eoi_lines | chip.master.ended | <uint32_t>chip.slave.ended << 8)
    chip.master.ended = chip.slave.ended = 0


cdef void irqchip_drop_cascade(IrqChip* chip) noexcept nogil:
    """The slave was acknowledged: its INT falls, so that its next request is a new edge."""
    pic_input(&chip.master, PIC_CASCADE, chip.lines >> PIC_CASCADE & 1)


cdef void irqchip_reset(IrqChip* chip) noexcept nogil:
    """Power-on: all lines low, nothing masked, vectors 0-7 on both chips, as KVM starts them."""
    memset(chip, 0, sizeof(IrqChip))
    chip.master.lowest = chip.slave.lowest = 7
    chip.master.wired = chip.master.slaves = 1 << PIC_CASCADE
    chip.master.elcr_mask = 0xF8
    chip.slave.elcr_mask = 0xDE


cdef void irqchip_drive(IrqChip* chip, int source, int line, bint level) noexcept nogil:
    """A source of a GSI drives it high or low. Lines that the pair does not have are ignored."""
    if line < 0 or line > 15:
        return
    if level:
        chip.driven[source] |= 1 << line
    else:
        chip.driven[source] &= ~(1 << line)
    chip.lines = chip.driven[LINE_USER] | chip.driven[LINE_CHIP] | chip.driven[LINE_IRQFD]
    level = chip.lines >> line & 1
    if line > 7:
        pic_input(&chip.slave, line - 8, level)
    elif line != PIC_CASCADE:
        pic_input(&chip.master, line, level)
    irqchip_update(chip)


cdef void irqchip_found_high(IrqChip* chip, int source, int line) noexcept nogil:
    """A source drives its line high since power-on: there was no edge."""
    cdef Pic* p = &chip.slave if line > 7 else &chip.master
    cdef uint8_t edges = p.edges
    if chip.driven[source] >> line & 1:
        return
    irqchip_drive(chip, source, line, 1)
    p.edges = edges
    irqchip_update(chip)


cdef void irqchip_pulse(IrqChip* chip, int line) noexcept nogil:
    """Raise a line and lower it at once. The edge stays until it is acknowledged. No effect on a line that is high or
    level-triggered."""
    cdef Pic* p = &chip.slave if line > 7 else &chip.master
    cdef uint8_t bit = 1 << (line & 7)
    if line < 0 or line > 15 or p.lines & bit or p.elcr & bit or p.icw1 & ICW1_LTIM:
        return
    p.edges |= bit
    p.pulsed |= bit
    irqchip_update(chip)


cdef inline bint irqchip_requests(IrqChip* chip, int line) noexcept nogil:
    """Whether the line of this GSI is a request now: its bit of IRR."""
    return pic_requests(&chip.slave if line > 7 else &chip.master) >> (line & 7) & 1


cdef int irqchip_ack(IrqChip* chip) noexcept nogil:
    """The two INTA cycles: return the vector. If the request is gone, it is that of IRQ 7 or 15, without an ISR bit."""
    cdef int line = pic_pending(&chip.master)
    cdef int vector
    if line < 0:
        return chip.master.base | PIC_SPURIOUS
    pic_take(&chip.master, line)
    vector = chip.master.base | line
    if chip.master.slaves >> line & 1:
        line = pic_pending(&chip.slave)
        if line >= 0:
            pic_take(&chip.slave, line)
        else:
            line = PIC_SPURIOUS
        vector = chip.slave.base | line
        irqchip_drop_cascade(chip)
    irqchip_update(chip)
    return vector


cdef uint32_t irqchip_read(void* state, uint32_t port, uint64_t now) noexcept nogil:
    """Read a byte from 20h 21h A0h A1h 4D0h 4D1h. A read that answers a poll changes the pair."""
    cdef IrqChip* chip = <IrqChip*>state
    cdef bint slave = port & 0x80 != 0
    cdef Pic* p = &chip.slave if slave else &chip.master
    cdef bint polled = p.poll
    cdef uint8_t value
    if port == 0x4D0:
        return chip.master.elcr
    if port == 0x4D1:
        return chip.slave.elcr
    value = pic_read(p, port & 1)
    if polled:
        if slave:
            irqchip_drop_cascade(chip)
        irqchip_update(chip)
    return value


cdef inline bint irqchip_write(void* state, uint32_t port, uint32_t value, uint64_t now) noexcept nogil:
    """Write a byte to 20h 21h A0h A1h 4D0h 4D1h. A mask written to a chip without requests changes nothing but IMR."""
    cdef IrqChip* chip = <IrqChip*>state
    cdef Pic* p = &chip.slave if port & 0x80 else &chip.master
    if port & 1 and port < 0x100 and not p.icw_next and not pic_requests(p):
        p.imr = <uint8_t>value
    else:
        irqchip_command(chip, port, value)
    return 0


cdef void irqchip_command(IrqChip* chip, uint32_t port, uint32_t value) noexcept nogil:
    """Write a byte that may change more than IMR."""
    if port == 0x4D0:
        chip.master.elcr = value & chip.master.elcr_mask
    elif port == 0x4D1:
        chip.slave.elcr = value & chip.slave.elcr_mask
    else:
        pic_write(&chip.slave if port & 0x80 else &chip.master, port & 1, <uint8_t>value)
    irqchip_update(chip)
