# State of a vCPU in KVM's words: make the records of structs.py from it, and set it from them. Know no run loop.
#
# A setter first checks the whole record, then who runs the vCPU; then it stores, and nothing can fail any more.
# Making the classes of structs.py takes a part of the start of a program, and few programs ask for a record. So each
# function imports what it needs.

cdef tuple SEGMENT_NAMES = ("es", "cs", "ss", "ds", "fs", "gs")           # in the order of c.arch.sb

cdef enum:
    DR6_REASONS = 0xE00F         # bits of DR6 that say why INT 1 comes


cdef uint32_t bits32(object number, str what) except? 0:
    """A number of a record as 32 bits. ValueError: it has more."""
    return whole(number, what, 0, 0xFFFFFFFF)


cdef int between_instructions(CPU* c, str what) except -1:
    """RuntimeError if an instruction is being executed: a device that this vCPU calls, or a read that waits."""
    may_write(c, what)
    if c.python.in_device:
        raise RuntimeError(f"the vCPU is in the middle of an instruction, which calls this device: {what} from a "
                           "timer, or when run() has returned")
    return 0


# -- special registers ------------------------------------------------------------------------------------

cdef object sregs_of(CPU* c):
    cdef int i
    cdef uint32_t base
    from .structs import Dtable, Segment, Sregs
    segments = {}
    for i in range(6):
        base = segment_base(c, i)
        segments[SEGMENT_NAMES[i]] = Segment(base >> 4, base, 0xFFFF)
    return Sregs(**segments, gdt=Dtable(c.system.gdt_base, c.system.gdt_limit),
                 idt=Dtable(c.system.idt_base, c.system.idt_limit),
                 cr0=c.system.cr[0], cr2=c.system.cr[2], cr3=c.system.cr[3], cr4=c.system.cr[4])


cdef int put_sregs(CPU* c, object value) except -1:
    cdef uint32_t base[6]
    cdef uint32_t cr[5]
    cdef uint32_t gdt_base, gdt_limit, idt_base, idt_limit
    cdef int i
    from .structs import Sregs, checked
    record = checked(value, Sregs, "sregs")
    for i in range(6):
        base[i] = real_mode_base(getattr(record, SEGMENT_NAMES[i]), f"sregs.{SEGMENT_NAMES[i]}")
    gdt_base, gdt_limit = bits32(record.gdt.base, "sregs.gdt.base"), record.gdt.limit
    idt_base, idt_limit = bits32(record.idt.base, "sregs.idt.base"), record.idt.limit
    for i in (0, 2, 3, 4):
        cr[i] = bits32(getattr(record, f"cr{i}"), f"sregs.cr{i}")
    no_protected_mode(cr[0], "sregs.cr0")
    may_write(c, "write its sregs")
    for i in range(6):
        if base[i] != segment_base(c, i):
            put_segment(c, i, base[i])
    c.system.gdt_base, c.system.gdt_limit = gdt_base, gdt_limit
    c.system.idt_base, c.system.idt_limit = idt_base, idt_limit
    for i in (0, 2, 3, 4):
        c.system.cr[i] = cr[i]
    if c.python.in_device:
        c.python.touched = 1
    return 0


cdef uint32_t real_mode_base(object segment, str what) except? 0:
    """The base of a segment. ValueError: it is not that of its selector, or the limit is not FFFFh. The core adds bases
    only, and knows no other limit."""
    cdef uint32_t base = <uint32_t>segment.selector << 4
    if segment.base != base:
        raise ValueError(f"{what}.base is {shown(segment.base)}: real mode has 16 times the selector, here {base:#x}")
    if segment.limit != 0xFFFF:
        raise ValueError(f"{what}.limit is {shown(segment.limit)}: real mode has 0xffff")
    return base


# -- events -----------------------------------------------------------------------------------------------

cdef object events_of(CPU* c):
    cdef uint64_t now = c.python.io_retired if c.python.in_device else c.run.retired
    from .structs import Shadow, VcpuEvents
    cdef object exception = None, payload = None, shadow = Shadow.NONE, prefixes = None
    if c.events.trap_due & EXCEPTION_DUE:
        exception = c.events.exception
    elif c.events.trap_due:
        exception, payload = 1, c.events.trap_due
    if c.events.shadow == now:
        shadow = Shadow.MOV_SS if c.events.trap_shadow == now else Shadow.STI
    if c.events.carry:
        prefixes = bytes([0x26 | c.events.carry_seg << 3] if c.events.carry_seg >= 0 else [])
        if c.events.carry_rep:
            prefixes += b"\xf3" if c.events.carry_rep == S_REP else b"\xf2"
    return VcpuEvents(
        exception=exception, exception_payload=payload,
        interrupt=c.events.inject if c.events.inject >= 0 else None,
        shadow=shadow, nmi_pending=c.events.nmi, nmi_masked=c.events.nmi_masked, triple_fault=c.events.dead,
        rep_prefix=c.events.rep_last if c.events.rep_left == now else None, prefixes=prefixes)


cdef int put_events(CPU* c, object value) except -1:
    cdef EventState new
    from .structs import Shadow, VcpuEvents, checked
    cdef object record = checked(value, VcpuEvents, "events"), payload = record.exception_payload
    for name in ("exception_injected", "interrupt_soft", "nmi_injected"):
        if getattr(record, name):
            raise ValueError(f"events.{name} is True: this vCPU delivers at once, so give False")
    if record.exception_error_code is not None:
        raise ValueError(f"events.exception_error_code is {record.exception_error_code:#x}: exceptions of real mode "
                         "have none, so give None")
    if payload is not None and (record.exception != 1 or payload == 0 or payload & ~DR6_REASONS):
        raise ValueError(f"events.exception_payload is {shown(payload)}: give bits of {DR6_REASONS:#x} for "
                         "exception 1, else None")
    if record.prefixes is not None and c.m.prefix_limit:
        raise ValueError(f"events.prefixes is {record.prefixes!r}: only an 8086 or 80186 keeps prefixes, so give None")
    new.exception = record.exception or 0
    new.undelivered = c.events.undelivered if record.triple_fault and c.events.dead else -1
    new.trap_due = payload or (0 if record.exception is None else EXCEPTION_DUE)
    new.inject = -1 if record.interrupt is None else record.interrupt
    new.nmi, new.nmi_masked, new.dead = record.nmi_pending, record.nmi_masked, record.triple_fault
    new.shadow = FOREVER if not record.shadow else 0
    new.trap_shadow = 0 if record.shadow & Shadow.MOV_SS else FOREVER
    new.rep_left = FOREVER if record.rep_prefix is None else 0
    new.rep_last = record.rep_prefix or 0
    new.carry = record.prefixes is not None
    new.carry_seg, new.carry_rep = carried(record.prefixes or b"")
    between_instructions(c, "set its events")
    c.events.trap_due, c.events.exception, c.events.inject = new.trap_due, new.exception, new.inject
    c.events.nmi, c.events.nmi_masked, c.events.dead = new.nmi, new.nmi_masked, new.dead
    c.events.undelivered = new.undelivered
    c.events.shadow = FOREVER if new.shadow else c.run.retired
    c.events.trap_shadow = FOREVER if new.trap_shadow else c.run.retired
    c.events.rep_left = FOREVER if new.rep_left else c.run.retired
    c.events.rep_last = new.rep_last
    c.events.carry, c.events.carry_seg, c.events.carry_rep = new.carry, new.carry_seg, new.carry_rep
    return 0


cdef tuple carried(bytes prefixes):
    """Segment and REP of the prefixes of a record, as the decoder has them."""
    cdef int segment = -1, rep = 0
    for byte in prefixes:
        if byte >= 0xF2:
            rep = S_REP if byte == 0xF3 else S_REPNE
        else:
            segment = byte >> 3 & 3
    return segment, rep


# -- what it does -----------------------------------------------------------------------------------------

cdef object mp_state_of(CPU* c):
    from .structs import MpState
    return MpState.HALTED if c.events.halted else MpState.RUNNABLE


cdef int put_mp_state(CPU* c, object value) except -1:
    cdef object number = exact(value, "mp_state")
    if number != 0 and number != 3:
        raise ValueError(f"mp_state is {shown(number, 'd')}: this vCPU is RUNNABLE (0) or HALTED (3)")
    between_instructions(c, "set its mp_state")
    c.events.halted = number == 3
    return 0
