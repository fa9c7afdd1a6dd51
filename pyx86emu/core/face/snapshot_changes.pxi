# What two snapshots of one Vm differ in: for a recorder, which notes what the host has changed between two runs.
#
# Memory is compared by pages, which snapshots share. All else is compared as it is stored; where that differs, the
# caller compares plain values, as a struct may differ in what nobody sees.

def snapshot_changes(Snapshot before not None, Snapshot now not None):
    """The pages of `now` that differ, as [(slot, page, bytes)]; and may anything else differ, the VGA among it?"""
    cdef list pages = []
    cdef Part* a
    cdef Part* b
    cdef uint64_t k
    cdef int i
    cdef bint rest = not same_cpus(before, now) or not same_chips(before, now)
    if before.image.parts != now.image.parts:
        raise ValueError("two snapshots with other memory slots")
    for i in range(now.image.parts):
        a, b = &before.image.part[i], &now.image.part[i]
        if a.size != b.size:
            raise ValueError("two snapshots with other memory slots")
        rest = rest or a.addr != b.addr or a.readonly != b.readonly
        for k in range(part_pages(b)):
            if differs(a.page[k], b.page[k]):
                pages.append((i, k, PyBytes_FromStringAndSize(<char*>page_bytes(b.page[k]), IMAGE_PAGE)))
    return pages, bool(rest), not same_card(before, now)


cdef inline bint differs(Page* a, Page* b) noexcept nogil:
    return a != b and memcmp(page_bytes(a), page_bytes(b), IMAGE_PAGE) != 0


cdef bint same_cpus(Snapshot a, Snapshot b) noexcept:
    cdef SavedCpu* s
    cdef SavedCpu* t
    cdef int i
    if a.ncpus != b.ncpus:
        return 0
    for i in range(a.ncpus):
        s, t = &a.cpu[i], &b.cpu[i]
        if (memcmp(&s.arch, &t.arch, sizeof(s.arch)) or memcmp(&s.system, &t.system, sizeof(s.system))
                or memcmp(&s.events, &t.events, sizeof(s.events)) or memcmp(&s.locked, &t.locked, sizeof(s.locked))
                or memcmp(&s.reads, &t.reads, sizeof(s.reads)) or s.run.retired != t.run.retired
                or s.run.idle != t.run.idle):
            return 0
    return 1


cdef bint same_chips(Snapshot a, Snapshot b) noexcept:
    return (a.a20 == b.a20 and a.now == b.now and memcmp(&a.chips, &b.chips, sizeof(a.chips)) == 0)


cdef bint same_card(Snapshot a, Snapshot b) noexcept:
    cdef Part* s
    cdef Part* t
    cdef uint64_t k
    cdef int i
    for i in range(2):
        s, t = &a.image.part[a.image.parts + i], &b.image.part[b.image.parts + i]
        if s.size != t.size:
            return 0
        for k in range(part_pages(s)):
            if differs(s.page[k], t.page[k]):
                return 0
    return not a.has_vga() or memcmp(&a.card, &b.card, sizeof(a.card)) == 0


def snapshot_rest(Snapshot snapshot not None, vga):
    """Its plain values, without the pages of memory; with `vga` those of the VGA."""
    cdef Snapshot s = snapshot
    cdef Part* part
    cdef int i
    cdef list slots = []
    for i in range(s.image.parts):
        part = &s.image.part[i]
        slots.append((part.addr, bool(part.readonly)))
    return {
        "a20": bool(s.a20), "time": s.now, "ticks": s.ticks, "slots": tuple(slots),
        "vcpus": [vcpu_values(&s.cpu[i], s.names[i], s.points[i], s.watches[i]) for i in range(s.ncpus)],
        "chips": chip_values(s) if s.irqchip_on else None,
        "vga": vga_snapshot_values(s) if vga and s.has_vga() else None,
    }


def snapshot_debug(Snapshot snapshot not None):
    """What `Vcpu.debug` was asked for on the first vCPU: (singlestep, breakpoints, watch)."""
    cdef Snapshot s = snapshot
    cdef dict values
    if not s.ncpus:
        return False, [], []
    values = debug_values(&s.cpu[0].debug, s.points[0], s.watches[0])
    return bool(values["singlestep"]), values["breakpoints"], values["watches"]
