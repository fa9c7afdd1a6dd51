# The log of the interrupt lines: note what happens to them, for a trace. Know no vCPU, only where one counts.
#
# Written and read under the lock of the chips. While there is no log (Chips.lines is NULL), a line that changes costs
# one comparison.

cdef enum:
    LINE_NOTES = 8192            # that the log keeps

cdef enum:                       # LineNote.what
    LINE_LOW = 0                 # no source drives the line high any more
    LINE_HIGH = 1
    LINE_PULSE = 2               # a request, and the line is low again
    LINE_TAKEN = 3               # INTA: the vCPU takes the interrupt

cdef struct LineNote:            # 32 bytes; tools/trace reads them
    uint64_t time                # guest ns; 0: not known
    uint64_t instructions        # retired before it; UINT64_MAX: not known
    uint32_t order               # as Seen.order
    uint32_t line                # 0 to 15
    uint16_t what
    uint16_t vector
    uint16_t masked              # its bit of IMR
    uint16_t served              # its bit of ISR before that

cdef struct LineLog:
    uint64_t count
    uint64_t drained
    uint32_t* order              # of the vCPU,
    uint64_t* idle               # and how many instructions it could have executed while it was halted
    int shift                    # an instruction is 1 << shift ns; -1: of the host's clock
    int* due                     # set when the log is to be drained soon
    LineNote note[LINE_NOTES]


cdef void note_line(LineLog* log, IrqChip* chip, int line, int what, uint64_t time) noexcept nogil:
    cdef LineNote* n
    cdef Pic* p = &chip.slave if line > 7 else &chip.master
    cdef uint32_t bit = 1 << (line & 7)
    if line < 0 or line > 15:
        return
    n = &log.note[log.count % LINE_NOTES]
    log.count += 1
    log.order[0] += 1
    n.time, n.order, n.line = time, log.order[0], line
    n.instructions = (time >> log.shift) - log.idle[0] if time and log.shift >= 0 else UINT64_MAX
    n.what, n.vector = what, p.base | line & 7
    n.masked, n.served = p.imr & bit != 0, p.isr & bit != 0
    if 2 * (log.count - log.drained) >= LINE_NOTES:
        log.due[0] = 1


cdef int next_line(IrqChip* chip) noexcept nogil:
    """The line whose interrupt INTA takes; if its request is gone, 7 or 15."""
    cdef int line = pic_pending(&chip.master)
    if line < 0:
        return PIC_SPURIOUS
    if chip.master.slaves >> line & 1:
        line = pic_pending(&chip.slave)
        return 8 + (line if line >= 0 else PIC_SPURIOUS)
    return line
