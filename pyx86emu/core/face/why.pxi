# Why a run ended, in words and values: faults, arrivals at odd places, and the host's wish to stop there.

cdef dict FAULT_NAMES = {
    0: "#DE", 1: "#DB", 3: "#BP", 4: "#OF", 5: "#BR", 6: "#UD", 7: "#NM", 8: "#DF", 10: "#TS", 11: "#NP", 12: "#SS",
    13: "#GP", 14: "#PF", 16: "#MF", 17: "#AC",
}
cdef dict STOPS = {"zeros": AT_ZEROS, "signature": AT_SIGNATURE, "loop": AT_LOOP, "null-vector": AT_NULL,
                   "stack": AT_STACK}
cdef dict PLACES = {**STOPS, "reset": AT_RESET}
cdef dict STOP_NAMES = {bit: name for name, bit in STOPS.items()}
cdef int LINKS = 4                               # faults that are named in a chain


cdef str place_text(uint32_t cs, uint32_t ip):
    return f"{cs:04x}:{ip:04x}"


cdef str fault_name(int vector):
    return FAULT_NAMES[vector] if vector in FAULT_NAMES else f"fault {vector:02x}h"


cdef str fault_text(Fault* f):
    times = "" if f.times == 1 else f" {f.times:,} times"
    return f"{fault_name(f.vector)} at {place_text(f.cs, f.ip)}{times}"


cdef list fault_links(CPU* c):
    """The newest faults, each of which was raised soon after the one before it; oldest first, as text."""
    cdef list found = []
    cdef uint64_t n = c.why.faults
    cdef Fault* f
    cdef Fault* older
    while n and c.why.faults - n < FAULTS:
        f = &c.why.fault[(n - 1) % FAULTS]
        found.append(fault_text(f))
        n -= 1
        if n == 0 or c.why.faults - n >= FAULTS:
            break
        older = &c.why.fault[(n - 1) % FAULTS]
        if f.times > 1 or f.at - older.at > FAULT_GAP:
            break
    found.reverse()
    return ["..."] + found[-LINKS:] if len(found) > LINKS else found


cdef str shutdown_text(CPU* c):
    """The faults that led to a shutdown; None: the host has set it."""
    cdef int vector = c.events.undelivered, first = c.why.first & 0xFF, kind = c.why.first >> 8
    cdef list links
    if vector < 0:
        return None
    where = place_text(c.arch.sb[CS] >> 4, c.arch.ip & 0xFFFF)
    if kind:
        links = [f"INT {first:02x}h at {where}" if kind == 1 else f"interrupt {first:02x}h at {where}"]
    else:
        links = fault_links(c)
    if c.why.frame:
        links.append("#SS" if first != 12 else "#DF")
        why = f"SP {c.arch.r[SP] & 0xFFFF:x}, no room for a frame"
    else:
        links.append("#DF" if not kind and first == 13 else "#GP")
        why = f"IDT limit {c.system.idt_limit:x}{'h' if c.system.idt_limit > 9 else ''}"
    return f"{', then '.join(links)}: {why}"


cdef str fault_loop(CPU* c):
    """A fault that was just raised again and again; None: there is none."""
    cdef Fault* f = &c.why.fault[(c.why.faults - 1) % FAULTS]
    if c.why.faults == 0 or f.times < 3 or c.run.retired - f.at > FAULT_GAP:
        return None
    return ", then ".join(fault_links(c))


cdef tuple faults_of(CPU* c):
    """The newest faults, oldest first: (vector, cs, ip, times, instructions)."""
    cdef uint64_t i, n = min(c.why.faults, <uint64_t>FAULTS)
    cdef Fault* f
    cdef list found = []
    for i in range(n):
        f = &c.why.fault[(c.why.faults - n + i) % FAULTS]
        found.append((f.vector, f.cs, f.ip, f.times, f.at))
    return tuple(found)


cdef str cause_of(CPU* c, Arrival* a):
    """How the vCPU came there, in words, with a comma before them; "" if that is not known."""
    cdef Came* from_ = &a.came
    cdef int first, second
    if from_.at + 1 != a.at:
        return ""
    where = place_text(from_.cs, from_.ip)
    if from_.how != CAME_HOW:
        for vector, _, _, _, at in faults_of(c):
            if vector == from_.how and at + 2 == a.at:
                return f", {fault_name(vector)} at {where}"
        return f", interrupt {from_.how:02x}h at {where}"
    first = code_byte(c, (<uint32_t>from_.cs << 4) + from_.ip)
    second = code_byte(c, (<uint32_t>from_.cs << 4) + (from_.ip + 1 & 0xFFFF))
    if from_.cs == a.cs and from_.next_ip == a.ip:
        return f", after the instruction at {where}"
    if first == 0xCD:
        return f", INT {second:02x}h at {where}"
    if first == 0xCC or first == 0xCE:
        return f", INT {3 if first == 0xCC else 4:02x}h at {where}"
    return f", jumped from {where}"


cdef tuple arrivals_of(CPU* c):
    """The arrivals at odd places: (name, cs, ip, from, cause, instructions). `from` is (cs, ip), or None."""
    cdef Arrival* a
    cdef list found = []
    for name, bit in PLACES.items():
        a = &c.why.stack if bit == AT_STACK else &c.why.arrival[lowest_one(bit)]
        if a.at:
            found.append((name, a.cs, a.ip, came_of(a), cause_of(c, a), a.at - 1))
    return tuple(found)


cdef object came_of(Arrival* a):
    return (a.came.cs, a.came.ip) if a.came.at + 1 == a.at else None


cdef dict stop_of(CPU* c, Exit e):
    """Fill in an Exit(DEBUG) that was asked for by stop_on."""
    cdef uint32_t what = c.why.stopped
    cdef Arrival* a = &c.why.stack if what == AT_STACK else &c.why.arrival[lowest_one(what)]
    c.why.stopped = 0
    where = place_text(a.cs, a.ip)
    if what == AT_STACK:
        e.message = (f"the stack runs into code: the instruction at {where} pushes over "
                     f"{c.why.stack_addr:#x}, SS:SP={place_text(c.arch.sb[SS] >> 4, c.arch.r[SP] & 0xFFFF)}")
        return {"stop": "stack", "from": (a.cs, a.ip)}
    cause = cause_of(c, a)
    if what == AT_ZEROS:
        e.message = f"executing zeros at {where}{cause}"
    elif what == AT_SIGNATURE:
        e.message = f"executing the boot signature at {where}{cause}"
    elif what == AT_NULL:
        if cause == "" or cause.startswith((", jumped", ", after")):
            e.message = f"executing the vector table at {where}{cause}"
        else:
            e.message = f"a vector of 0, which leads to {where}{cause}"
    else:
        off = "interrupts off (IF=0)" if not c.arch.rest & F_IF else "no interrupt handler of the guest"
        e.message = f"an endless loop, jmp $ at {where} with {off}"
    return {"stop": STOP_NAMES[what], "from": came_of(a)}


cdef uint32_t stops_of(object names) except? 0xFFFFFFFF:
    """A set of names as bits. TypeError: no set of text. ValueError: an unknown name."""
    cdef uint32_t bits = 0
    if isinstance(names, str):
        raise TypeError(f"stop_on is a set of names, not one: give {{{names!r:.40}}}")
    try:
        names = list(islice(names, 100))
    except TypeError:
        raise TypeError(f"stop_on is a set of names, not {type(names).__name__}") from None
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"stop_on has names, not {type(name).__name__}")
        if name not in STOPS:
            raise ValueError(f"unknown stop_on {name!r:.40}: choose from {', '.join(STOPS)}")
        bits |= <uint32_t>STOPS[name]
    return bits
