# State of the chips in KVM's words: make the records of structs.py from them, and set them from these. Know no ports.
#
# A record is checked into a chip of its own. The caller then copies that chip under the lock, and nothing can fail any
# more.
# Numbers that no program can reach are refused where the chip relies on them: a count of 0, or an OUT that contradicts
# the counter, would stop guest time.
# Each function imports what it needs: see vcpu_state.pxi.

cdef object refused(str what, object value, str instead):
    return ValueError(f"{what} is {value if isinstance(value, (bool, tuple)) else shown(value)}: {instead}")


# -- the 8259 pair ----------------------------------------------------------------------------------------

cdef object pic_state(Pic* p):
    from .structs import PicInputs, PicState
    return PicState(
        last_irr=p.lines, irr=pic_requests(p), imr=p.imr, isr=p.isr, priority_add=(p.lowest + 1) & 7, irq_base=p.base,
        read_reg_select=p.read_isr, poll=p.poll, special_mask=p.special_mask,
        init_state=p.icw_next - 1 if p.icw_next else 0, auto_eoi=p.aeoi, rotate_on_auto_eoi=p.rotate_aeoi,
        special_fully_nested_mode=p.sfnm, init4=p.icw1 & ICW1_IC4 != 0, elcr=p.elcr, elcr_mask=p.elcr_mask,
        inputs=PicInputs(p.edges, p.pulsed, p.slaves, p.icw1 & ICW1_LTIM != 0, p.icw1 & ICW1_SNGL != 0))


cdef object irqchip_state(IrqChip* chip):
    from .structs import IrqChip as IrqChipState
    return IrqChipState(pic_state(&chip.master), pic_state(&chip.slave), tuple([each for each in chip.driven]))


cdef int pic_from(Pic* p, object record, str what) except -1:
    """Set the chip at its place on the board (`wired`, `elcr_mask`) from a record."""
    cdef object inputs = record.inputs
    cdef uint8_t level
    if record.irq_base & 7:
        raise refused(f"{what}.irq_base", record.irq_base, "give a multiple of 8")
    if record.elcr_mask != p.elcr_mask:
        raise refused(f"{what}.elcr_mask", record.elcr_mask, f"this chip has {p.elcr_mask:#x}")
    if record.elcr & ~p.elcr_mask:
        raise refused(f"{what}.elcr", record.elcr, f"only inputs of {p.elcr_mask:#x} can be level-triggered")
    p.lines, p.imr, p.isr, p.elcr, p.base = record.last_irr, record.imr, record.isr, record.elcr, record.irq_base
    p.lowest = (record.priority_add - 1) & 7
    p.read_isr, p.poll, p.special_mask = record.read_reg_select, record.poll, record.special_mask
    p.icw_next = record.init_state + 1 if record.init_state else 0
    p.aeoi, p.rotate_aeoi, p.sfnm = record.auto_eoi, record.rotate_on_auto_eoi, record.special_fully_nested_mode
    p.icw1 = ICW1_IC4 if record.init4 else 0
    p.slaves = p.wired
    if inputs is None:                           # of KVM
        p.edges = record.irr & ~p.elcr
        p.pulsed = p.edges & ~p.lines
        return 0
    p.icw1 |= (ICW1_LTIM if inputs.level else 0) | (ICW1_SNGL if inputs.single else 0)
    p.edges, p.pulsed, p.slaves = inputs.edges, inputs.pulsed, inputs.slaves
    if p.slaves & ~p.wired:
        raise refused(f"{what}.inputs.slaves", p.slaves, f"this chip has slaves at {p.wired:#x}")
    if p.pulsed & ~p.edges:
        raise refused(f"{what}.inputs.pulsed", p.pulsed, f"give some of its edges, {p.edges:#x}")
    if p.edges & ~(p.lines | p.pulsed):
        raise refused(f"{what}.inputs.edges", p.edges, "an edge whose line is low is only kept if it is in pulsed")
    if pic_requests(p) != record.irr:
        raise refused(f"{what}.irr", record.irr, f"with these edges, lines and triggers it is {pic_requests(p):#x}")
    return 0


cdef int irqchip_from(IrqChip* chip, object value) except -1:
    from .structs import IrqChip as IrqChipState
    from .structs import checked
    cdef object record = checked(value, IrqChipState, "irqchip")
    cdef uint32_t lines
    cdef bint cascade
    irqchip_reset(chip)
    pic_from(&chip.slave, record.slave, "irqchip.slave")
    pic_from(&chip.master, record.master, "irqchip.master")
    lines = (chip.master.lines & ~(1 << PIC_CASCADE)) | <uint32_t>chip.slave.lines << 8
    if record.driven is None:
        chip.driven[LINE_USER] = <uint16_t>lines
    else:
        chip.driven = record.driven
        if lines != (record.driven[0] | record.driven[1] | record.driven[2]) & ~(1 << PIC_CASCADE):
            raise refused("irqchip.driven", record.driven, f"the lines that last_irr shows are {lines:#x}")
    chip.lines = chip.driven[LINE_USER] | chip.driven[LINE_CHIP] | chip.driven[LINE_IRQFD]
    cascade = pic_pending(&chip.slave) >= 0 or chip.lines >> PIC_CASCADE & 1
    if record.master.inputs is None:             # KVM pulses this input
        chip.master.lines &= ~(1 << PIC_CASCADE)
        chip.master.edges &= ~(1 << PIC_CASCADE)
        chip.master.pulsed &= ~(1 << PIC_CASCADE)
    elif cascade != chip.master.lines >> PIC_CASCADE & 1:
        raise refused("irqchip.master.last_irr", chip.master.lines, f"its input 2 is {cascade:d}: the slave's INT, or "
                                                                    "GSI 2")
    irqchip_update(chip)
    return 0


# -- the 8254 ---------------------------------------------------------------------------------------------

cdef object channel_state(Pit* pit, int n):
    cdef PitChannel* c = &pit.channel[n]
    cdef bint words = c.access == PIT_LSB | PIT_MSB
    cdef int latched = 0
    from .structs import PitChannel as ChannelState
    from .structs import PitCounter
    if c.count_latched:
        latched = c.access if not words else PIT_MSB if c.read_high else PIT_LSB | PIT_MSB
    return ChannelState(
        count=c.count or 0x10000, latched_count=c.count_latch, count_latched=latched, status_latched=c.status_latched,
        status=c.status_latch, read_state=c.access + (words and c.read_high and not latched),
        write_state=c.access + (words and c.write_high), write_latch=c.low_byte, rw_mode=c.access,
        mode=c.control >> 1 & 7, bcd=c.control & 1, gate=c.gate,
        counter=PitCounter(
            left=c.left or 0x10000, out=c.out, armed=c.armed, load=c.load, loaded=c.loaded, live=c.live,
            null_count=c.null_count, halted=c.halted, odd=c.trim != 0, frozen=c.frozen, rises=c.rises if n == 0 else 0))


cdef object pit_state(Pit* pit, bint waits):
    """`waits`: as fall_waits() returned it."""
    from .structs import PitState
    channels = (channel_state(pit, 0), channel_state(pit, 1), channel_state(pit, 2))
    return PitState(channels, pit.port61 & 2 != 0, waits)


cdef bint pit_copy(Chips* chips, Pit* copy, uint64_t now) noexcept nogil:
    """Copy the 8254 as it is now. Returns fall_waits()."""
    cdef int n
    copy[0] = chips.pit
    for n in range(3):
        pit_at(copy, n, now)
    return fall_waits(chips, &chips.chip[CHIP_PIT], now, copy.channel[0].out)


cdef int channel_from(Pit* pit, int n, object record) except -1:
    cdef PitChannel* c = &pit.channel[n]
    cdef str what = f"pit.channels[{n}]"
    cdef bint words = record.rw_mode == PIT_LSB | PIT_MSB
    cdef int two = 1 if words else 0
    if record.mode > 7:
        raise refused(f"{what}.mode", record.mode, "give 0 to 7")
    if not record.rw_mode:
        raise refused(f"{what}.rw_mode", 0, "give 1 to 3")
    for name in ("read_state", "write_state"):
        if not record.rw_mode <= getattr(record, name) <= record.rw_mode + two:
            raise refused(f"{what}.{name}", getattr(record, name), f"with this rw_mode it is {record.rw_mode}"
                                                                   f"{' or 4' if words else ''}")
    if record.count_latched and record.count_latched != record.rw_mode and not (words and record.count_latched == 2):
        raise refused(f"{what}.count_latched", record.count_latched, f"with this rw_mode it is 0 or {record.rw_mode}"
                                                                     f"{' or 2' if words else ''}")
    if record.count_latched and record.read_state == 4:
        raise refused(f"{what}.read_state", 4, "a latched count is read from its low byte, so it is 3")
    c.access = record.rw_mode
    c.control = record.rw_mode << 4 | record.mode << 1 | record.bcd
    c.mode = record.mode if record.mode < 6 else record.mode - 4
    c.modulus = 10000 if record.bcd else 65536
    c.count, c.count_latch, c.status_latch = record.count, record.latched_count, record.status
    c.low_byte, c.gate = record.write_latch, record.gate
    c.count_latched, c.status_latched = record.count_latched != 0, record.status_latched
    c.read_high = record.read_state == 4 or (words and record.count_latched == 2)
    c.write_high = record.write_state == 4
    if record.counter is None:                   # of KVM, which begins to count anew
        c.armed = True
        c.loaded = c.live = c.halted = c.null_count = False
        c.out = c.mode != 0
        c.left, c.trim, c.rises = 0x10000, 0, 0
        pit_wait_for_load(c)
    else:
        counter_from(c, record.counter, f"{what}.counter", n)
    if c.armed and c.count > c.modulus:
        raise refused(f"{what}.count", c.count, f"in BCD give 1 to {c.modulus}")
    return 0


cdef int counter_from(PitChannel* c, object counter, str what, int n) except -1:
    cdef uint32_t most = c.modulus // 2 if c.mode == 3 else c.modulus
    c.left, c.out, c.armed, c.load, c.loaded = counter.left, counter.out, counter.armed, counter.load, counter.loaded
    c.live, c.null_count, c.halted, c.trim = counter.live, counter.null_count, counter.halted, 2 if counter.odd else 0
    c.frozen, c.rises = counter.frozen, counter.rises
    c.settled = c.loaded and not c.load
    if (c.load or c.loaded) and not c.armed:
        raise refused(f"{what}.armed", False, "it is True where load or loaded is")
    if c.live and not c.loaded:
        raise refused(f"{what}.loaded", False, "it is True where live is")
    if c.loaded and c.left > most:
        raise refused(f"{what}.left", c.left, f"in this mode give 1 to {most:#x}")
    if c.mode == 2 and not c.load and pit_counts(c) and c.out != (c.left != 1):
        raise refused(f"{what}.out", bool(c.out), "in mode 2 it is False while left is 1, else True")
    if n and c.rises:
        raise refused(f"{what}.rises", c.rises, "only channel 0 has a line, so give 0")
    return 0


cdef bint pit_from(Pit* pit, object value, uint64_t now) except? 0:
    """Returns whether a fall waits, as fall_waits()."""
    from .structs import PitState, checked
    cdef object record = checked(value, PitState, "pit")
    cdef int n
    pit_reset(pit, now)
    for n in range(3):
        channel_from(pit, n, record.channels[n])
    pit.port61 = pit.channel[2].gate | (2 if record.speaker else 0)
    return record.fall_waits


cdef void pit_was_set(Chips* chips, uint64_t now, bint waits) noexcept nogil:
    """The 8254, or the 8259 that it drives, was set: find what comes next."""
    cdef Chip* chip = &chips.chip[CHIP_PIT]
    if chips.pit.channel[0].rises == 0:
        chip_was_set(chips, chip, now, waits)
        return
    chip.due = now                               # its rises are still to be delivered
    find_due(chips)
