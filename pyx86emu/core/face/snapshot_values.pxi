# Snapshots as plain values, and back: names and ranges of every field. Know no bytes of a file.
#
# What is read may come from anywhere. So each number is compared with its range before it is stored, and each length
# before memory is taken: an index, a count or a size that is out of range never gets into a struct.

cdef uint64_t MOST_MEMORY = 1ULL << 32           # bytes of all slots together


@cython.final
cdef class Checked:
    """A table of plain values from outside, and what it is called in messages."""

    cdef dict values
    cdef str what

    def __init__(self, values, what, *names):
        if type(values) is not dict:
            raise StateError(f"a state that is damaged: {what} is no table")
        missing = [name for name in names if name not in values]
        more = [name for name in values if name not in names]
        if missing or more:
            raise StateError(f"a state that is damaged: {what} has no {missing}, or has {more!r:.100}")
        self.values = values
        self.what = what

    cdef object number(self, str name, object least, object most):
        return checked_number(self.values[name], f"{self.what}.{name}", least, most)

    cdef bint flag(self, str name) except -1:
        return self.number(name, 0, 1)

    cdef uint64_t moment(self, str name) except? 0:
        """A count of instructions; None is FOREVER."""
        if self.values[name] is None:
            return FOREVER
        return self.number(name, 0, LAST_TIME)

    cdef list items(self, str name, object most):
        """A list of at most so many."""
        cdef object found = self.values[name]
        if type(found) is not list and type(found) is not tuple or len(found) > most:
            raise StateError(f"a state that is damaged: {self.what}.{name} is no list of at most {most}")
        return list(found)

    cdef list numbers(self, str name, int count, object most):
        """Exactly so many numbers."""
        found = self.items(name, count)
        if len(found) != count:
            raise StateError(f"a state that is damaged: {self.what}.{name} has {len(found)} of {count} numbers")
        return [checked_number(each, f"{self.what}.{name}", 0, most) for each in found]

    cdef bytes data(self, str name, Py_ssize_t length):
        found = self.values[name]
        if type(found) is not bytes or len(found) != length:
            raise StateError(f"a state that is damaged: {self.what}.{name} is not {length} bytes")
        return found


cdef object checked_number(object value, str what, object least, object most):
    if type(value) is bool:
        value = int(value)
    if type(value) is not int or not least <= value <= most:
        raise StateError(f"a state that is damaged: {what} is {value!r:.40}, not {least} to {most}")
    return value


cdef object later(uint64_t count):
    return None if count == FOREVER else count


# -- memory

cdef dict part_values(Part* part):
    cdef list pages = []
    cdef uint64_t k
    for k in range(part_pages(part)):
        if part.page[k] != NULL:
            pages.append((k, PyBytes_FromStringAndSize(<char*>part.page[k].data, IMAGE_PAGE)))
    log = None
    if part.log != NULL:
        log = PyBytes_FromStringAndSize(<char*>part.log, (part_pages(part) + 7) // 8)
    return {"addr": part.addr, "size": part.size, "readonly": bool(part.readonly), "shared": bool(part.shared),
            "log": log, "pages": pages}


cdef int read_part(Part* part, Checked one) except -1:
    cdef uint64_t addr = one.number("addr", 0, 1 << 52), size = one.number("size", PAGE, MOST_MEMORY), pages, k
    cdef object last = -1
    cdef bytes data
    if addr % PAGE or size % PAGE or addr + size > 1ULL << 52:
        raise StateError(f"a state that is damaged: {one.what} has no whole pages")
    if not part_begin(part, addr, size):
        raise MemoryError("no memory for a state")
    pages = part_pages(part)
    part.readonly, part.shared = one.flag("readonly"), one.flag("shared")
    if one.values["log"] is not None:
        data = one.data("log", (pages + 7) // 8)
        part.log = new_log(size)
        memcpy(part.log, <const char*>data, len(data))
    for pair in one.items("pages", pages):
        if type(pair) is not tuple and type(pair) is not list or len(pair) != 2:
            raise StateError(f"a state that is damaged: a page of {one.what} is no pair")
        last = checked_number(pair[0], f"a page of {one.what}", last + 1, pages - 1)
        k = last
        if type(pair[1]) is not bytes or len(pair[1]) != IMAGE_PAGE:
            raise StateError(f"a state that is damaged: a page of {one.what} is not {IMAGE_PAGE} bytes")
        data = pair[1]
        if not page_copy(&part.page[k], <const uint8_t*><const char*>data):
            raise MemoryError("no memory for a state")
    return 0


cdef int no_overlap(Image* image) except -1:
    spans = sorted([(image.part[i].addr, image.part[i].size) for i in range(image.parts)])
    for (first, size), (second, _) in zip(spans, spans[1:]):
        if first + size > second:
            raise StateError("a state that is damaged: two memory slots overlap")
    return 0


# -- a vCPU

cdef dict vcpu_values(SavedCpu* s, str model, bytes points, list watches):
    cdef CPU* c = <CPU*>calloc(1, sizeof(CPU))
    cdef int i
    if c == NULL:
        raise MemoryError("no memory for a state")
    c.arch = s.arch
    flags = fl_all(c)
    free(c)
    return {
        "model": model, "registers": [s.arch.r[i] for i in range(8)], "ip": s.arch.ip, "flags": flags,
        "segments": [s.arch.sb[i] >> 4 for i in range(6)],
        "tables": [s.system.gdt_base, s.system.gdt_limit, s.system.idt_base, s.system.idt_limit],
        "cr": [s.system.cr[i] for i in range(5)], "dr": [s.system.dr[i] for i in range(8)],
        "tr": [s.system.tr[i] for i in range(8)],
        "retired": s.run.retired, "idle": s.run.idle, "waited": s.waited, "kicked": bool(s.kicked),
        "moved": [s.moved, s.moved_cs, s.moved_ip],
        "events": event_values(&s.events, s.run.retired), "reads": read_values(&s.reads),
        "exits": [(s.exits.item[i].reason, s.exits.item[i].addr, s.exits.item[i].size, s.exits.item[i].count,
                   s.exits.item[i].write, s.exits.item[i].value, s.exits.item[i].cs, s.exits.item[i].ip)
                  for i in range(s.exits.count)],
        "returned": s.exits.pos, "debug": debug_values(&s.debug, points, watches), "why": why_values(&s.why),
    }


cdef dict why_values(WhyState* w):
    """The newest faults, oldest first, and what could not be delivered."""
    cdef uint64_t i, n = min(w.faults, <uint64_t>FAULTS), first = w.faults - n
    return {
        "first": w.first, "frame": bool(w.frame),
        "faults": [(w.fault[i % FAULTS].vector, w.fault[i % FAULTS].cs, w.fault[i % FAULTS].ip,
                    w.fault[i % FAULTS].times, w.fault[i % FAULTS].at) for i in range(first, first + n)],
    }


cdef dict event_values(EventState* e, uint64_t now):
    """A REP that was left earlier counts no longer, and depends on how runs were cut: it is left out."""
    cdef bint left = e.rep_left == now
    return {
        "inject": e.inject, "exception": e.exception, "nmi": bool(e.nmi), "nmi_masked": bool(e.nmi_masked),
        "halted": bool(e.halted), "dead": bool(e.dead), "undelivered": e.undelivered,
        "intr_window": bool(e.intr_window), "delivering": bool(e.delivering), "vector": e.vector,
        "shadow": later(e.shadow), "trap_shadow": later(e.trap_shadow), "trap_due": e.trap_due,
        "rep_left": later(now if left else FOREVER), "rep_last": e.rep_last if left else 0,
        "carry": bool(e.carry), "carry_seg": e.carry_seg, "carry_rep": e.carry_rep,
    }


cdef dict read_values(ReadState* r):
    cdef int n = r.ins_count
    return {
        "log": [(r.log[i].bus, r.log[i].addr, r.log[i].size, r.log[i].value) for i in range(r.log_n)],
        "log_pos": r.log_pos, "log_tag": later(r.log_tag), "answers": r.answers,
        "asked": [r.asked_bus, r.asked_addr, r.asked_size], "pending": bool(r.pending), "finish": bool(r.finish),
        "asked_code": PyBytes_FromStringAndSize(<char*>r.asked_code, ASKED_CODE), "asked_tag": later(r.asked_tag),
        "refetch": bool(r.refetch), "ins": [n, r.ins_pos if n else 0, r.ins_size if n else 1],
        "ins_data": PyBytes_FromStringAndSize(<char*>r.ins_data, n * r.ins_size),
    }


cdef dict debug_values(DebugState* d, bytes points, list watches):
    return {
        "singlestep": d.singlestep & STEP_ALWAYS, "due": bool(d.due), "dr6": d.dr6,
        "breakpoints": break_list(points), "resume": d.resume, "watches": list(watches),
        "hit": d.hit, "hit_addr": d.hit_addr, "hit_at": d.hit_at, "stop": d.stop, "stop_addr": d.stop_addr,
    }


cdef tuple read_vcpu(SavedCpu* s, object values, str what, int shift):
    """Fill in a vCPU; returns its model, its breakpoints and its watchpoints."""
    cdef Checked v = Checked(values, what, "model", "registers", "ip", "flags", "segments", "tables", "cr", "dr", "tr",
                             "retired", "idle", "waited", "kicked", "moved", "events", "reads", "exits", "returned",
                             "debug", "why")
    cdef CPU* c
    cdef ExitRec* e
    cdef int i
    model = v.values["model"]
    if type(model) is not str:
        raise StateError(f"a state that is damaged: {what}.model is no text")
    model = str(canonical(model))
    for i, number in enumerate(v.numbers("registers", 8, UINT32_MAX)):
        s.arch.r[i] = number
    for i, number in enumerate(v.numbers("segments", 6, 0xFFFF)):
        s.arch.sb[i] = <uint32_t>number << 4
    s.arch.ip = v.number("ip", 0, 0x10000)
    s.system.gdt_base, s.system.gdt_limit, s.system.idt_base, s.system.idt_limit = v.numbers("tables", 4, UINT32_MAX)
    if s.system.gdt_limit > 0xFFFF or s.system.idt_limit > 0xFFFF:
        raise StateError(f"a state that is damaged: {what}.tables: a limit has 16 bits")
    for i, number in enumerate(v.numbers("cr", 5, UINT32_MAX)):
        s.system.cr[i] = number
    no_protected_mode(s.system.cr[0], f"{what}.cr")
    for i, number in enumerate(v.numbers("dr", 8, UINT32_MAX)):
        s.system.dr[i] = number
    for i, number in enumerate(v.numbers("tr", 8, UINT32_MAX)):
        s.system.tr[i] = number
    number = v.number("flags", 0, UINT32_MAX)
    c = <CPU*>calloc(1, sizeof(CPU))
    if c == NULL:
        raise MemoryError("no memory for a state")
    try:
        load_model(&c.m, model)
        c.arch.rest = c.m.flags_ones
        fl_load(c, number, c.m.flags_writable | c.m.eflags_writable | (F_RF if c.m.level >= 3 else 0) | F_ARITH)
        s.arch.res, s.arch.aux, s.arch.cfw, s.arch.rest = c.arch.res, c.arch.aux, c.arch.cfw, c.arch.rest
        if c.m.level < 3 and s.system.dr[7] & 0xFF:
            raise StateError(f"a state that is damaged: {what}.dr: an {model} has no breakpoints")
    finally:
        free(c)
    s.run.retired, s.run.idle = v.number("retired", 0, LAST_TIME >> shift), v.number("idle", 0, LAST_TIME >> shift)
    if s.run.retired + s.run.idle > LAST_TIME >> shift:
        raise StateError(f"a state that is damaged: {what} is beyond the end of time")
    read_why(&s.why, Checked(v.values["why"], f"{what}.why", *why_values(&s.why)))
    s.waited, s.kicked = v.number("waited", 0, LAST_TIME), v.flag("kicked")
    s.moved, s.moved_cs, s.moved_ip = v.numbers("moved", 3, 0xFFFF0)
    if s.moved > (MOVED_CS | MOVED_IP) or s.moved_cs & 15 or s.moved_ip > 0x10000:
        raise StateError(f"a state that is damaged: {what}.moved")
    read_events(&s.events, Checked(v.values["events"], f"{what}.events", *event_values(&s.events, s.run.retired)))
    read_reads(&s.reads, Checked(v.values["reads"], f"{what}.reads", *read_values(&s.reads)))
    exits = v.items("exits", EXITS)
    for i, each in enumerate(exits):
        read_exit(&s.exits.item[i], each, f"{what}.exits", s.reads.ins_count)
    s.exits.count = <int>len(exits)
    s.exits.pos = v.number("returned", 0, len(exits))
    points, watches = read_debug(
        &s.debug, Checked(v.values["debug"], f"{what}.debug", *debug_values(&s.debug, b"", [])))
    return model, points, watches


cdef int read_why(WhyState* w, Checked v) except -1:
    cdef Fault* f
    w.first, w.frame = v.number("first", 0, 2 * CAME_HOW + 255), v.flag("frame")
    w.came.at = FOREVER
    for vector, cs, ip, times, at in v.items("faults", FAULTS):
        f = &w.fault[w.faults]
        f.vector, f.cs = checked_number(vector, "a fault", 0, 255), checked_number(cs, "a fault", 0, 0xFFFF)
        f.ip, f.times = checked_number(ip, "a fault", 0, 0x10000), checked_number(times, "a fault", 1, LAST_TIME)
        f.at = checked_number(at, "a fault", 0, LAST_TIME)
        w.faults += 1
    return 0


cdef int read_events(EventState* e, Checked v) except -1:
    e.inject, e.undelivered = v.number("inject", -1, 255), v.number("undelivered", -1, 255)
    e.exception, e.vector = v.number("exception", 0, 255), v.number("vector", 0, 255)
    e.nmi, e.nmi_masked, e.halted, e.dead = v.flag("nmi"), v.flag("nmi_masked"), v.flag("halted"), v.flag("dead")
    e.intr_window, e.delivering, e.carry = v.flag("intr_window"), v.flag("delivering"), v.flag("carry")
    e.shadow, e.trap_shadow, e.rep_left = v.moment("shadow"), v.moment("trap_shadow"), v.moment("rep_left")
    e.trap_due = v.number("trap_due", 0, UINT32_MAX) & (DR6_REASONS | EXCEPTION_DUE)
    e.rep_last = v.number("rep_last", 0, 0xFFFF)
    e.carry_seg, e.carry_rep = v.number("carry_seg", -1, 3), v.number("carry_rep", 0, S_REPNE)
    return 0


cdef int read_reads(ReadState* r, Checked v) except -1:
    cdef LoggedRead* one
    cdef bytes data
    cdef int i, count, pos, size
    log = v.items("log", LOG_READS)
    for i, each in enumerate(log):
        bus, addr, width, value = each
        one = &r.log[i]
        one.bus, one.addr = checked_number(bus, "a read", 0, 1), checked_number(addr, "a read", 0, UINT64_MAX)
        one.size, one.value = checked_number(width, "a read", 1, 8), checked_number(value, "a read", 0, UINT64_MAX)
    r.log_n = <int>len(log)
    r.log_pos, r.answers = v.number("log_pos", 0, len(log)), v.number("answers", 0, len(log))
    r.log_tag, r.asked_tag = v.moment("log_tag"), v.moment("asked_tag")
    bus, addr, width = v.numbers("asked", 3, UINT64_MAX)
    r.asked_bus, r.asked_addr = checked_number(bus, "a read", 0, 1), addr
    r.asked_size = checked_number(width, "a read", 0, 8)
    r.pending, r.finish, r.refetch = v.flag("pending"), v.flag("finish"), v.flag("refetch")
    data = v.data("asked_code", ASKED_CODE)
    memcpy(r.asked_code, <const char*>data, ASKED_CODE)
    count, pos, size = v.numbers("ins", 3, sizeof(r.ins_data))
    if size not in (1, 2, 4) or pos > count or count * size > <int>sizeof(r.ins_data):
        raise StateError(f"a state that is damaged: {v.what}.ins")
    data = v.data("ins_data", count * size)
    r.ins_count, r.ins_pos, r.ins_size = count, pos, size
    memcpy(r.ins_data, <const char*>data, len(data))
    return 0


cdef int read_exit(ExitRec* e, object values, str what, int batch) except -1:
    """`batch`: elements of a REP INS that wait for their answer; only such a read has several."""
    reason, addr, size, count, write, value, cs, ip = values
    if reason not in (EXIT_IO, EXIT_MMIO, EXIT_HYPERCALL):
        raise StateError(f"a state that is damaged: {what} has an unknown reason")
    e.reason = reason
    e.addr, e.value = checked_number(addr, what, 0, UINT64_MAX), checked_number(value, what, 0, UINT64_MAX)
    e.size, e.write = checked_number(size, what, 1, 8), checked_number(write, what, 0, 1)
    # The bytes of a batch are in ReadState.ins_data.
    e.count = checked_number(count, what, 1, 1024 // e.size if batch and not write and reason == EXIT_IO else 1)
    if reason == EXIT_HYPERCALL and (e.size != 4 or not e.write):
        raise StateError(f"a state that is damaged: {what}: a hypercall has 4 bytes")
    e.cs, e.ip = checked_number(cs, what, 0, 0xFFFF), checked_number(ip, what, 0, 0x10000)
    return 0


cdef tuple read_debug(DebugState* d, Checked v):
    cdef list watches = [watchpoint(each) for each in v.items("watches", 1 << 20)]
    cdef list points = [checked_number(point, f"{v.what}.breakpoints", 0, UINT32_MAX)
                        for point in v.items("breakpoints", MOST_BREAKPOINTS)]
    d.singlestep, d.due = v.number("singlestep", 0, STEP_ALWAYS), v.flag("due")
    d.dr6, d.resume = v.number("dr6", 0, UINT32_MAX), v.number("resume", 0, LAST_TIME)
    d.hit, d.stop = v.number("hit", 0, len(watches)), v.number("stop", 0, len(watches))
    d.hit_addr, d.stop_addr = v.number("hit_addr", 0, UINT64_MAX), v.number("stop_addr", 0, UINT64_MAX)
    d.hit_at = v.number("hit_at", 0, LAST_TIME)
    return break_table(points), watches


# -- chips and the VGA

cdef dict chip_values(Snapshot s):
    cdef Pit pit = s.chips.pit
    cdef bint waits = s.chips.waits
    cdef int n
    from dataclasses import asdict
    for n in range(3):
        pit_at(&pit, n, s.now)
    if s.chips.found:
        waits = (not pit.channel[0].out and s.now < s.chips.due < s.chips.rise
                 and irqchip_requests(&s.chips.irqchip, 0))
    return {"irqchip": asdict(irqchip_state(&s.chips.irqchip)), "pit": asdict(pit_state(&pit, waits)),
            "rung": s.chips.rung, "eoi_lines": s.chips.irqchip.eoi_lines}


cdef object record_of(object cls, object values, dict inner):
    """A record of structs.py from its plain values; `inner`: what makes those of its fields that are records."""
    if type(values) is not dict:
        raise StateError(f"a state that is damaged: a {cls.__name__} is no table")
    return cls(**{name: inner[name](value) if name in inner else value for name, value in values.items()})


cdef object pic_record(object values):
    from .structs import PicInputs, PicState
    return record_of(PicState, values, {"inputs": lambda v: None if v is None else record_of(PicInputs, v, {})})


cdef object channel_record(object values):
    from .structs import PitChannel as ChannelState
    from .structs import PitCounter
    return record_of(ChannelState, values,
                     {"counter": lambda v: None if v is None else record_of(PitCounter, v, {})})


cdef int read_chips(Snapshot s, object values) except -1:
    from .structs import IrqChip as IrqChipState
    from .structs import PitState
    cdef Checked v = Checked(values, "chips", "irqchip", "pit", "rung", "eoi_lines")
    irqchip_from(&s.chips.irqchip, record_of(IrqChipState, v.values["irqchip"],
                                             {"master": pic_record, "slave": pic_record, "driven": tuple}))
    s.chips.irqchip.eoi_lines = v.number("eoi_lines", 0, UINT32_MAX)
    s.chips.rung = v.number("rung", 0, UINT32_MAX)
    s.chips.waits = pit_from(&s.chips.pit, record_of(PitState, v.values["pit"], {
        "channels": lambda each: tuple([channel_record(one) for one in each])}), s.now)
    return 0


cdef dict vga_snapshot_values(Snapshot s):
    """As `VgaCore.state()` returns it: a window that is memory is in the planes."""
    cdef bytes planes = PyBytes_FromStringAndSize(NULL, 4 * VGA_CELLS)
    cdef uint8_t* to = planes
    cdef Part* part = &s.image.part[s.image.parts]
    cdef Vga copy = s.card
    cdef uint64_t k
    cdef uint8_t* room = <uint8_t*>malloc(4 * VGA_CELLS + VGA_LINEAR)
    if room == NULL:
        raise MemoryError("no memory for a state")
    copy.cell = <uint32_t*>room
    copy.linear = room + 4 * VGA_CELLS
    for k in range(part_pages(part)):
        memcpy(room + k * IMAGE_PAGE, page_bytes(part.page[k]), IMAGE_PAGE)
    for k in range(part_pages(part + 1)):
        memcpy(copy.linear + k * IMAGE_PAGE, page_bytes((part + 1).page[k]), IMAGE_PAGE)
    vga_to_planes(&copy)
    vga_each_plane(&copy, to)
    free(room)
    return vga_values(&copy, planes)


cdef int read_vga(Snapshot s, object values) except -1:
    cdef bytes planes = vga_of(&s.card, values)
    cdef const uint8_t* from_ = planes
    cdef Part* part = &s.image.part[s.image.parts]
    cdef uint64_t k
    cdef bint there = part_begin(part, 0, 4 * VGA_CELLS)
    cdef uint32_t* cells = <uint32_t*>malloc(4 * VGA_CELLS)
    if cells != NULL:
        cells_of(cells, from_)
        for k in range(part_pages(part) if there else 0):
            there = there and page_copy(&part.page[k], <uint8_t*>cells + k * IMAGE_PAGE)
    free(cells)
    if not there or cells == NULL:
        raise MemoryError("no memory for a state")
    s.card.wait = VGA_SOON
    vga_was_set(&s.card)
    return 0


# -- a whole Vm

def snapshot_values(Snapshot snapshot not None):
    """A Snapshot as plain values, which docs/STATE.md describes."""
    cdef Snapshot s = snapshot
    return {
        "shift": s.ns_shift, "clock": s.clock, "irqchip": bool(s.irqchip_on), "a20": bool(s.a20), "time": s.now,
        "ticks": s.ticks,
        "memory": [part_values(&s.image.part[i]) for i in range(s.image.parts)],
        "vcpus": [vcpu_values(&s.cpu[i], s.names[i], s.points[i], s.watches[i]) for i in range(s.ncpus)],
        "chips": chip_values(s) if s.irqchip_on else None,
        "vga": vga_snapshot_values(s) if s.image.part[s.image.parts].size else None,
        "writes": [(s.written[i].pio, s.written[i].addr, s.written[i].size, s.written[i].value)
                   for i in range(s.writes)],
        "taken": [s.kept_put, s.drained_put],
    }


def snapshot_of(values):
    """The Snapshot of plain values, as `values()` returns them. StateError: they are damaged."""
    try:
        return read_snapshot(values)
    except StateError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, IndexError) as error:
        raise StateError(f"a state that is damaged: {error!s:.200}") from None


cdef Snapshot read_snapshot(object values):
    cdef Checked v = Checked(values, "core", "shift", "clock", "irqchip", "a20", "time", "ticks", "memory", "vcpus",
                             "chips", "vga", "writes", "taken")
    cdef list memory = v.items("memory", MAX_SLOTS), vcpus = v.items("vcpus", MAX_VCPUS)
    cdef list writes = v.items("writes", COALESCED_MOST), models = [], watches = [], points = []
    cdef Snapshot s = new_snapshot(len(memory), len(vcpus))
    cdef Checked one
    cdef Written* w
    cdef uint64_t total = 0
    cdef int i
    s.ns_shift, s.irqchip_on, s.a20 = v.number("shift", 0, 20), v.flag("irqchip"), v.flag("a20")
    if v.values["clock"] not in ("virtual", "host"):
        raise StateError("a state that is damaged: it names no clock")
    s.host_clock = v.values["clock"] == "host"
    s.now, s.ticks = v.number("time", 0, LAST_TIME), v.number("ticks", 0, LAST_TIME >> s.ns_shift)
    for i, each in enumerate(memory):
        one = Checked(each, f"memory[{i}]", "addr", "size", "readonly", "shared", "log", "pages")
        total += one.number("size", PAGE, MOST_MEMORY)
        if total > MOST_MEMORY:
            raise StateError(f"a state of more than {MOST_MEMORY} bytes of memory, which is not read")
        read_part(&s.image.part[i], one)
    no_overlap(s.image)
    for i, each in enumerate(vcpus):
        model, breaks, watched = read_vcpu(&s.cpu[i], each, f"vcpus[{i}]", s.ns_shift)
        models.append(model)
        points.append(breaks)
        watches.append(watched)
    s.names, s.points, s.watches = tuple(models), tuple(points), tuple(watches)
    if not s.host_clock:
        s.now = (s.cpu[0].run.retired + s.cpu[0].run.idle) << s.ns_shift if vcpus else 0
    if s.irqchip_on:
        read_chips(s, v.values["chips"])
    if v.values["vga"] is not None:
        read_vga(s, v.values["vga"])
    s.kept_put, s.drained_put = v.numbers("taken", 2, LAST_TIME)
    if s.kept_put < <uint64_t>len(writes):
        raise StateError("a state that is damaged: it has more writes than were taken")
    s.written = <Written*>calloc(len(writes) + 1, sizeof(Written))
    if s.written == NULL:
        raise MemoryError("no memory for a state")
    for pio, addr, size, value in writes:
        w = &s.written[s.writes]
        w.pio, w.addr = checked_number(pio, "a write", 0, 1), checked_number(addr, "a write", 0, UINT64_MAX)
        w.size, w.value = checked_number(size, "a write", 1, 8), checked_number(value, "a write", 0, UINT64_MAX)
        s.writes += 1
    return s
