# Snapshot: a Vm at one moment, as the core has it. Taken, put back, and made into a second Vm. Know order, not formats.
#
# Everything that can fail comes first: checks, then memory. After that nothing is allocated and nothing raises. The GIL
# is held from the first look to the end and no vCPU is in run(), so that nobody sees a Vm that is half restored.

cdef struct SavedChips:
    IrqChip irqchip
    Pit pit
    uint32_t rung
    uint64_t rise                # of the line of the 8254
    uint64_t due
    bint found                   # `rise` and `due` are right; if not, they follow from the rest
    bint waits                   # as fall_waits() returned it; used where they are not right


@cython.final
cdef class Snapshot:
    """The state of a Vm, as `Vm.save()` takes it: `State.core`. It never changes.

    Pages that are equal are shared between the snapshots of a Vm, and with its copies. Any thread may use it."""

    cdef Image* image
    cdef SavedCpu* cpu
    cdef int ncpus
    cdef tuple names                         # the models of the vCPUs
    cdef tuple points                        # of each vCPU, its breakpoints (Vcpu.points)
    cdef tuple watches                       # of each vCPU, the list of its watchpoints
    cdef SavedChips chips
    cdef Vga card
    cdef Written* written                    # what the ring of the coalesced zones has
    cdef uint64_t writes
    cdef uint64_t kept_put                   # how many writes zones have taken so far
    cdef uint64_t drained_put
    cdef int ns_shift
    cdef bint host_clock
    cdef bint irqchip_on
    cdef bint a20
    cdef uint64_t now
    cdef uint64_t ticks

    def __dealloc__(self):
        image_drop(self.image)
        free(self.cpu)
        free(self.written)

    cdef object has_vga(self):
        return self.image.part[self.image.parts].size != 0

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "pages of memory")

    def __repr__(self):
        return (f"<Snapshot at {self.now} ns: {self.image.parts} slots, {', '.join(self.names) or 'no vCPU'}>")

    @property
    def time(self):
        """Guest time in ns."""
        return self.now

    @property
    def models(self):
        """The models of the vCPUs."""
        return self.names

    @property
    def instructions(self):
        """How many instructions each vCPU has retired."""
        return tuple([self.cpu[i].run.retired for i in range(self.ncpus)])

    @property
    def irqchip(self):
        """Has the Vm the 8259 pair and the 8254?"""
        return bool(self.irqchip_on)

    @property
    def shift(self):
        """An instruction takes 1 << `shift` ns."""
        return self.ns_shift

    @property
    def clock(self):
        """"virtual" or "host"."""
        return "host" if self.host_clock else "virtual"

    @property
    def vga(self):
        """Has the Vm a VGA?"""
        return self.has_vga()


cdef Snapshot new_snapshot(int parts, int ncpus):
    cdef Snapshot s = Snapshot.__new__(Snapshot)
    s.ncpus = ncpus
    s.names = s.watches = s.points = ()
    s.image = image_new(parts)
    s.cpu = <SavedCpu*>calloc(ncpus + 1, sizeof(SavedCpu))
    if s.image == NULL or s.cpu == NULL:
        raise MemoryError("no memory for a saved state")
    return s


# -- who may, and what fits

cdef int nobody_runs(VmTables vm, str what) except -1:
    cdef int i
    vm.open()
    for i in range(vm.vm.ncpus):
        if vm.vm.cpu[i] != NULL and vm.vm.cpu[i].threads.runner:
            raise RuntimeError(f"a vCPU is in run(): {what} the Vm when all have returned (kick() them)")
    return 0


cdef list slots_added(VmTables vm):
    """Its memory slots, in the order in which they were added."""
    return [slot for slot in vm._slots if (<MemorySlot>slot).tables is not None]


cdef int fits(Snapshot s, VmTables vm, list slots) except -1:
    """StateError: the Vm is not made as the one that was saved."""
    cdef VM* v = vm.vm
    cdef int i
    sizes = [slot.size for slot in slots]
    found = [s.image.part[i].size for i in range(s.image.parts)]
    for what, saved, here in (
        ("shift", s.ns_shift, v.shift),
        ("clock", s.clock, "host" if v.host_clock else "virtual"),
        ("irqchip", bool(s.irqchip_on), bool(v.irqchip_on)),
        ("VGA", s.has_vga(), v.chips.vga.cell != NULL),
        ("vCPUs", s.names, tuple([(<Vcpu>each).model for each in vm._vcpus])),
        ("memory slots of these sizes", found, sizes),
    ):
        if saved != here:
            raise StateError(f"this state is of another Vm: {what}: {saved!r:.200}, here {here!r:.200}; restore it "
                             "into a Vm that was made the same way")
    return 0


# -- save

cdef int nothing_waits(VmTables vm) except -1:
    """Writes that an on_drain is still to get are in no state: it would get them twice, or never."""
    cdef CoalescedRing ring = <CoalescedRing>vm._coalesced
    cdef uint64_t n = ring_count(&vm.vm.zones.drained)
    for each in ring.due:
        n += ring_count(&(<CoalescedZone>each).held)
    if n:
        raise StateError(f"{n} coalesced writes wait for an on_drain, since there was no memory to hand them over: "
                         "call run(), which does that, and save() then")
    return 0


cdef Snapshot snapshot_take(VmTables vm):
    cdef list slots
    cdef Snapshot s
    cdef MemorySlot slot
    cdef Slot* at
    cdef CPU* c
    cdef WriteRing* ring = &vm.vm.zones.kept
    cdef bint fresh, there = 1
    cdef int i
    nobody_runs(vm, "save")
    slots = slots_added(vm)
    s = new_snapshot(len(slots), vm.vm.ncpus)
    s.names = tuple([(<Vcpu>each).model for each in vm._vcpus])
    s.watches = tuple([(<Vcpu>each).watches or [] for each in vm._vcpus])
    s.points = tuple([(<Vcpu>each).points or b"" for each in vm._vcpus])
    nobody_runs(vm, "save")                      # an allocation may have called Python
    nothing_waits(vm)
    fresh = vm.vm.base == NULL
    for i in range(s.image.parts):
        slot = slots[i]
        at = slot_of_face(vm.vm, <PyObject*>slot, slot.addr)
        there = there and at != NULL and save_part(vm.vm, at, &s.image.part[i]) and save_log(at, &s.image.part[i])
        s.image.part[i].shared = slot.fd >= 0
    there = there and save_vga(vm, s.image, &s.card)
    s.writes = ring_count(ring)
    s.written = <Written*>malloc(s.writes * sizeof(Written) + 1)
    if not there or s.written == NULL:
        raise MemoryError("no memory for a saved state")
    ring_copy(ring, s.written, s.writes)
    s.kept_put, s.drained_put = ring.put, vm.vm.zones.drained.put
    for i in range(s.ncpus):
        c = vm.vm.cpu[i]
        if c != NULL:
            save_vcpu(c, &s.cpu[i])
    save_chips(vm, s)
    if same_image(vm.vm.base, s.image):          # nothing has changed
        image_drop(s.image)
        s.image = vm.vm.base
        s.image.refs += 1
    for each in slots:
        slot = each
        at = slot_of_face(vm.vm, <PyObject*>slot, slot.addr)
        fresh = give_track(slot, at) or fresh
    follow_image(vm, s.image, slots, fresh)
    return s


cdef bint save_log(Slot* s, Part* to) noexcept nogil:
    cdef uint64_t n = (s.size // PAGE + 15) // 8
    if s.dirty == NULL:
        return 1
    to.log = <uint8_t*>malloc(n)
    if to.log == NULL:
        return 0
    memcpy(to.log, s.dirty, n)
    return 1


cdef void save_chips(VmTables vm, Snapshot s) noexcept:
    cdef Chips* chips = vm.vm.chips
    s.ns_shift, s.host_clock, s.irqchip_on = vm.vm.shift, vm.vm.host_clock, vm.vm.irqchip_on
    s.a20, s.ticks = vm.vm.a20, vm.vm.ticks
    pthread_mutex_lock(&chips.lock)
    s.now = vm.now()
    s.chips.irqchip, s.chips.pit, s.chips.rung = chips.irqchip, chips.pit, at_get32(&chips.rung)
    s.chips.rise, s.chips.due = chips.chip[CHIP_PIT].rise, chips.chip[CHIP_PIT].due
    s.chips.found = 1
    pthread_mutex_unlock(&chips.lock)


cdef void follow_image(VmTables vm, Image* image, list slots, bint fresh) noexcept:
    """Memory is as in this image now. All slots have tracks; some of them are new, if `fresh`."""
    cdef MemorySlot slot
    cdef Slot* at
    cdef int i
    image.refs += 1
    use_base(vm.vm, image)
    for i in range(image.parts):
        slot = <MemorySlot>slots[i]
        at = slot_of_face(vm.vm, <PyObject*>slot, slot.addr)
        track_part(vm.vm, at, i)
    if track_vga(vm, image) or fresh:
        arm_tracks(vm.vm)


# -- restore

cdef int snapshot_put(VmTables vm, Snapshot s) except -1:
    cdef list slots
    cdef MemorySlot slot
    cdef Slot* at
    cdef Part* part
    cdef Vcpu vcpu
    cdef CPU* c
    cdef WriteRing* ring = &vm.vm.zones.kept
    cdef Watch* tables[64]
    cdef uint8_t* log
    cdef bint fresh = 0, rebuild, watched = 0
    cdef int i
    nobody_runs(vm, "restore")
    slots = slots_added(vm)
    fits(s, vm, slots)
    memset(tables, 0, sizeof(tables))
    try:
        for each in vm._vcpus:
            vcpu = each
            if vcpu.watches is not s.watches[vcpu.c.no]:
                tables[vcpu.c.no] = watch_table(s.watches[vcpu.c.no])
        for i in range(s.image.parts):
            slot = slots[i]
            if s.image.part[i].log != NULL and slot.bits == NULL:
                slot.dirty_log = True
        if s.writes and (ring.entry == NULL or s.writes > ring.capacity):
            if not ring_resize(ring, max(s.writes, ring.capacity), False):
                raise MemoryError("no memory for the coalesced writes")
        nobody_runs(vm, "restore")               # the above may have called Python
        slots = slots_added(vm)
        fits(s, vm, slots)
        for each in slots:
            slot = each
            fresh = give_track(slot, slot_of_face(vm.vm, <PyObject*>slot, slot.addr)) or fresh
    except BaseException:
        for i in range(64):
            free(tables[i])
        raise
    # From here on nothing can fail.
    rebuild = lay_out(vm, s, slots)
    if rebuild:
        rebuild_tables(vm.vm)
        for i in range(vm.vm.ncpus):
            if vm.vm.cpu[i] != NULL:
                want(vm.vm.cpu[i], REQ_DROP)
    for i in range(s.image.parts):
        slot, part = <MemorySlot>slots[i], &s.image.part[i]
        at = slot_of_face(vm.vm, <PyObject*>slot, slot.addr)
        restore_part(vm.vm, at, part)
        at.track.part = i
        if at.dirty != NULL and part.log == NULL:
            log, at.dirty, slot.bits = at.dirty, NULL, NULL
            arm_log(vm.vm, at)
            free(log)
        elif at.dirty != NULL and memcmp(at.dirty, part.log, (at.size // PAGE + 15) // 8):
            memcpy(at.dirty, part.log, (at.size // PAGE + 15) // 8)
            arm_log(vm.vm, at)
    restore_vga(vm, s.image, &s.card)
    for each in vm._vcpus:
        vcpu = <Vcpu>each
        c = vcpu.c
        restore_vcpu(c, &s.cpu[c.no])
        vcpu.points = s.points[c.no]
        put_breaks(c, vcpu.points)
        if vcpu.watches is not s.watches[c.no]:
            watched = put_watches(vcpu, s.watches[c.no], tables[c.no]) or watched
        c.debug.data = (LOOK_HOST if c.debug.watches else 0) | c.debug.data & LOOK_OBSERVER
        vcpu.stopped = vcpu.stopped_by = None
        look_for_guest(c)
    if watched:
        close_watched(vm.vm)
    restore_writes(ring, s)
    restore_chips(vm, s)
    fresh = fresh or vm.vm.base == NULL
    if vm.vm.base != s.image:
        s.image.refs += 1
        use_base(vm.vm, s.image)
    vm.vm.unseen = 0
    if track_vga(vm, s.image) or fresh:
        arm_tracks(vm.vm)
    vm.chip_changed()
    if vm.vm.chips.vga.turn and vm.vm.cpu[0] != NULL:
        want(vm.vm.cpu[0], REQ_VGA)
    return 0


cdef bint lay_out(VmTables vm, Snapshot s, list slots) noexcept:
    """Put the slots where they were, with A20 as it was. 1: the tables are to be built again."""
    cdef VM* v = vm.vm
    cdef MemorySlot slot
    cdef Slot* at
    cdef Slot moved
    cdef bint window = v.chips.vga.cell != NULL and vga_moves(&v.chips.vga, &s.card), changed = window
    cdef int i, k
    if window and v.chips.vga.mapped:
        unmap_vga(vm)
    for i in range(s.image.parts):
        slot = <MemorySlot>slots[i]
        at = slot_of_face(v, <PyObject*>slot, slot.addr)
        if at == NULL:                           # a slot that has moved already is in its place
            at = slot_by_face(v, <PyObject*>slot)
        changed = changed or at.readonly != s.image.part[i].readonly or at.addr != s.image.part[i].addr
        at.readonly = slot.rom = s.image.part[i].readonly
        at.addr = slot.addr = s.image.part[i].addr
    for i in range(1, v.nslots):                 # in the order of their addresses, as most of them are
        moved = v.slots[i]
        k = i
        while k and v.slots[k - 1].addr > moved.addr:
            v.slots[k] = v.slots[k - 1]
            k -= 1
        v.slots[k] = moved
    if window:
        map_vga(vm, &s.card)
    if v.a20 != s.a20:
        v.a20 = s.a20
        changed = 1
    return changed


cdef Slot* slot_by_face(VM* vm, PyObject* face) noexcept nogil:
    """The slot of a face, while the table is out of order."""
    cdef int i = 0
    while vm.slots[i].face != face:
        i += 1
    return &vm.slots[i]


cdef void restore_writes(WriteRing* ring, Snapshot s) noexcept:
    """The ring of the coalesced zones; there is room. `put` counts on from what it was."""
    if s.writes:
        memcpy(ring.entry, s.written, s.writes * sizeof(Written))
    ring.first = 0
    ring.next = s.writes if s.writes < ring.capacity else 0
    at_publish64(&ring.taken, s.kept_put - s.writes)
    at_publish64(&ring.put, s.kept_put)


cdef void restore_chips(VmTables vm, Snapshot s) noexcept:
    """Guest time, and the chips that follow it."""
    cdef Chips* chips = vm.vm.chips
    cdef WriteRing* drained = &vm.vm.zones.drained
    cdef uint64_t waiting = ring_count(drained)
    at_publish64(&drained.taken, s.drained_put - waiting)
    at_publish64(&drained.put, s.drained_put)
    if vm.vm.host_clock:
        vm.vm.host_base = host_ns() - <int64_t>s.now
    at_publish64(&vm.vm.ticks, s.ticks)
    if not vm.vm.irqchip_on:
        return
    pthread_mutex_lock(&chips.lock)
    chips.irqchip, chips.pit = s.chips.irqchip, s.chips.pit
    at_put32(&chips.rung, s.chips.rung)
    if s.chips.found:
        chips.chip[CHIP_PIT].rise, chips.chip[CHIP_PIT].due = s.chips.rise, s.chips.due
        find_due(chips)
    else:
        pit_was_set(chips, s.now, s.chips.waits)
    speaker_again(chips, s.now)
    pthread_mutex_unlock(&chips.lock)


# -- a second Vm

cdef int snapshot_populate(VmTables vm, Snapshot s, VmTables source) except -1:
    """Give a Vm that has nothing yet the slots, vCPUs and VGA of a state of `source`. Its memory is a copy on write."""
    cdef object back = vm                    # by its public names, which this file does not know
    cdef MemorySlot slot
    cdef Part* part
    cdef list slots = []
    cdef Slot mine, other
    cdef Store* store
    cdef bint copied = 1
    cdef int i
    if vm._slots or vm._vcpus:
        raise ValueError("this Vm has slots or vCPUs already: populate a new one")
    store = store_image(source.vm, s.image)
    if store != NULL and vm.vm.store == NULL:
        vm.vm.store = store
        store.refs += 1
    for i in range(s.image.parts):
        part = &s.image.part[i]
        slot = new_slot(back.slot_class)
        slot.foreign = part.shared
        if part.shared:
            slot.share(part.size)
        else:
            slot.owner = host_memory(part.size)
            slot.host = <uint8_t*>PyMemoryView_GET_BUFFER(slot.owner).buf
            map_part(store, part, slot.host)
        slot.addr, slot.size, slot.rom = part.addr, part.size, part.readonly
        if part.log != NULL:
            slot.bits = new_log(slot.size)
        vm.vm.refs += 1
        slot.machine = vm.vm
        slot.track = track_new(slot.size, slot.foreign, GRANULES)
        if slot.track == NULL:
            raise MemoryError("no memory to note the stores to a slot")
        slots.append(slot)
    vm.stop()
    for i in range(s.image.parts):
        slot = <MemorySlot>slots[i]
        mine.addr, mine.size, mine.readonly, mine.shared = slot.addr, slot.size, slot.rom, slot.fd >= 0
        mine.host, mine.dirty, mine.face, mine.track = slot.host, slot.bits, <PyObject*>slot, slot.track
        slot.track.part = i
        copied = slot_add(vm.vm, &mine, &other) == CHANGED and copied
    s.image.refs += 1
    use_base(vm.vm, s.image)
    vm.vm.unseen = not copied
    vm.resume(True)
    for each in slots:
        slot = each
        vm._slots[slot] = None
        slot.tables = vm
    for name in s.names:
        back.create_vcpu(name)
    if s.has_vga():
        back.create_vga()
    return 0
