# The tables of guest memory live here: built from memory slots, A20, decoded code, dirty logs and watchpoints.
#
# An entry is for one granule of 256 bytes. Several granules may show the same host memory: two slots have one buffer,
# or the A20 line is closed. Such granules are linked in a ring (`alias`) and share one number (`canon`), which marks of
# code use.

cdef Slot* slot_at(VM* vm, uint64_t addr) noexcept nogil:
    """The memory slot with this address, or NULL."""
    cdef int n = slots_below(vm, addr + 1) if addr < UINT64_MAX else 0
    if n == 0 or addr - vm.slots[n - 1].addr >= vm.slots[n - 1].size:
        return NULL
    return &vm.slots[n - 1]


cdef int slots_below(VM* vm, uint64_t addr) noexcept nogil:
    """How many slots begin below `addr`. They are the first ones, because slots are in the order of their addresses."""
    cdef int low = 0, high = vm.nslots, middle
    while low < high:
        middle = (low + high) >> 1
        if vm.slots[middle].addr < addr:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline bint within_reach(uint64_t addr) noexcept nogil:
    """Can a vCPU reach a slot that begins at `addr`?"""
    return addr < <uint64_t>GRANULES << 8


cdef bint share_memory(VM* vm, int n) noexcept nogil:
    """Do two of the first n slots show the same host memory?"""
    cdef int i, k
    for i in range(n):
        for k in range(i):
            if vm.slots[i].host < vm.slots[k].host + vm.slots[k].size and (
                    vm.slots[k].host < vm.slots[i].host + vm.slots[i].size):
                return 1
    return 0


cdef uint32_t granule_address(VM* vm, uint32_t g) noexcept nogil:
    return bus_mask(vm, g << 8)


cdef inline uint32_t bus_mask(VM* vm, uint32_t pa) noexcept nogil:
    return pa & 0xFFFFF if not vm.a20 else pa


cdef void rebuild_tables(VM* vm) noexcept nogil:
    """Build all tables from the slots and A20. The caller holds the writers' lock, and no block is used any more."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g
    cdef int i, near = slots_below(vm, <uint64_t>GRANULES << 8)      # few: the others are out of reach
    memset(mem.ram, 0, sizeof(mem.ram))
    memset(mem.attr, 0, sizeof(mem.attr))
    for g in range(GRANULES):
        mem.alias[g] = <uint16_t>g
        mem.canon[g] = <uint16_t>g
        if mem.code[g]:                          # of a new Vm it is all 0: then it needs no memory of the host
            mem.code[g] = 0
    for i in range(near):
        show_slot(vm, &vm.slots[i])
    if not vm.a20:
        for g in range(WRAP, GRANULES):
            mem.ram[g] = mem.ram[g - WRAP] - (WRAP << 8) if mem.ram[g - WRAP] else 0
            mem.attr[g] = mem.attr[g - WRAP]
    if share_memory(vm, near):
        link_aliases(vm, near)
    elif not vm.a20:
        link_aliases(vm, 0)
    close_watched(vm)


cdef void show_slot(VM* vm, Slot* s) noexcept nogil:
    """Enter a slot where A20 does not matter."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g, first = <uint32_t>(s.addr >> 8)
    cdef uint32_t last = <uint32_t>min((s.addr + s.size) >> 8, <uint64_t>GRANULES)
    cdef uintptr_t distance = <uintptr_t>s.host - <uintptr_t>s.addr
    cdef uint8_t kind = (ATTR_ROM if s.readonly else 0) | (ATTR_SHARED if s.shared else 0)
    for g in range(first, last):
        mem.ram[g] = distance
    if kind or s.dirty != NULL or s.track != NULL:
        for g in range(first, last):
            mem.attr[g] = (kind | (ATTR_LOG if clean_page(s, g << 8) else 0)
                           | (ATTR_CLEAN if clean_granule(vm, s, g << 8) else 0))


cdef void link_aliases(VM* vm, int others) noexcept nogil:
    """Link the granules that show the same host memory. `others`: how many slots to search for memory that another
    slot shows too; 0: no two slots show the same."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g, h
    cdef Slot* t
    cdef int i
    cdef uintptr_t host
    for g in range(GRANULES):
        if mem.ram[g] == 0:
            continue
        host = mem.ram[g] + (g << 8)
        h = granule_address(vm, g) >> 8          # the granule that a closed A20 line shows here
        for i in range(others):
            t = &vm.slots[i]
            if <uintptr_t>t.host <= host < <uintptr_t>t.host + t.size:
                if (t.addr + (host - <uintptr_t>t.host)) >> 8 < h:
                    h = <uint32_t>((t.addr + (host - <uintptr_t>t.host)) >> 8)
        if h < g:
            mem.canon[g] = mem.canon[h]
            mem.alias[g] = mem.alias[h]
            mem.alias[h] = <uint16_t>g


cdef void close_watched(VM* vm) noexcept nogil:
    """Close the granules in which a vCPU has a watchpoint, and open the others. The caller holds the writers' lock, and
    every vCPU is outside."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g
    cdef uint8_t attr
    cdef int i, k
    for g in range(<uint32_t>GRANULES):
        mem.attr[g] &= ~<uint8_t>(ATTR_STORES | ATTR_LOADS)
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            for k in range(vm.cpu[i].debug.watches):
                mark_watched(vm, vm.cpu[i].debug.watch[k].first, vm.cpu[i].debug.watch[k].last,
                             vm.cpu[i].debug.watch[k].loads)
            for k in range(vm.cpu[i].observe.looks):
                if vm.cpu[i].observe.look[k].kind & (LOOK_WRITE | LOOK_READ):
                    mark_watched(vm, vm.cpu[i].observe.look[k].first, vm.cpu[i].observe.look[k].last,
                                 vm.cpu[i].observe.look[k].kind == LOOK_READ)
    memcpy(mem.rd, mem.ram, sizeof(mem.ram))
    memcpy(mem.wr, mem.ram, sizeof(mem.ram))
    memcpy(mem.holes, mem.ram, sizeof(mem.ram))
    for g in range(<uint32_t>GRANULES):
        attr = mem.attr[g]
        if attr == 0 and mem.code[mem.canon[g]] == 0:
            continue                             # nearly all
        if attr & ATTR_NOTED or mem.code[mem.canon[g]]:
            mem.wr[g] = 0
        if attr & ATTR_LOADS:
            mem.rd[g] = 0
        if attr & ATTR_STORES:
            mem.holes[g] = WATCHED
    if vm.chips.vga.cell != NULL:
        for g in range(VGA_WINDOW >> 8, VGA_WINDOW + VGA_WINDOW_SIZE >> 8):
            if mem.holes[g] == 0:
                mem.holes[g] = VGA_HOLE


cdef void mark_watched(VM* vm, uint64_t first, uint64_t last, bint loads) noexcept nogil:
    """Mark the granules through which the guest reaches these bytes, which somebody watches."""
    cdef uint8_t kinds = ATTR_STORES | ATTR_LOADS if loads else ATTR_STORES
    cdef uint64_t g = first >> 8
    while g < GRANULES and g <= last >> 8:
        if granule_address(vm, <uint32_t>g) == g << 8:
            vm.mem.attr[g] |= kinds
            if not vm.a20 and g + WRAP < GRANULES:
                vm.mem.attr[g + WRAP] |= kinds
        g += 1


cdef void reopen(VM* vm, uint32_t g) noexcept nogil:
    """Set wr[] of the granule and its aliases: 0 if a store must be noticed for decoded code, the dirty log, a saved
    state or a watchpoint. A log and a watchpoint are for guest addresses, decoded code is for the memory at any
    address."""
    cdef Mem* mem = vm.mem
    cdef uint32_t a = g
    cdef bint code = mem.code[mem.canon[g]] != 0
    while True:
        mem.wr[a] = 0 if code or mem.attr[a] & ATTR_NOTED else mem.ram[a]
        a = mem.alias[a]
        if a == g:
            break


cdef inline bint clean_page(Slot* s, uint64_t addr) noexcept nogil:
    """Must a store to this address of the slot set a dirty bit?"""
    cdef uint64_t page = (addr - s.addr) >> 12
    return s.dirty != NULL and not s.readonly and not s.dirty[page >> 3] >> (page & 7) & 1


cdef void arm_log(VM* vm, Slot* s) noexcept nogil:
    """The dirty bits of the slot have changed, or it has a log since now, or none: the next store to each clean page
    takes the slow path. The caller holds the writers' lock, and every vCPU is outside."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g, addr, first = 0 if not vm.a20 else <uint32_t>min(s.addr >> 8, <uint64_t>GRANULES)
    cdef uint64_t last = GRANULES if not vm.a20 else (s.addr + s.size) >> 8
    for g in range(first, <uint32_t>min(last, <uint64_t>GRANULES) if within_reach(s.addr) else 0):
        addr = granule_address(vm, g)
        if s.addr <= addr and addr - s.addr < s.size:
            mem.attr[g] = mem.attr[g] & ~<uint8_t>ATTR_LOG | (ATTR_LOG if clean_page(s, addr) else 0)
            reopen(vm, g)


cdef inline void set_dirty(Slot* s, uint32_t addr) noexcept nogil:
    cdef uint64_t page = (addr - s.addr) >> 12
    at_or8(&s.dirty[page >> 3], <uint8_t>(1 << (page & 7)))


cdef void arm_pages(VM* vm, Slot* s, const uint8_t* bits, uint64_t n) noexcept nogil:
    """The dirty bits in these `n` bytes were set and are cleared now: arm their pages. The others are armed, because a
    page whose bit is clear always is. The caller holds the writers' lock, and every vCPU is outside."""
    cdef uint64_t i, bit
    for i in range(n):
        for bit in range(8 if bits[i] else 0):
            if bits[i] >> bit & 1:
                arm_page(vm, s, i << 3 | bit)


cdef void arm_page(VM* vm, Slot* s, uint64_t page) noexcept nogil:
    """The same for one page. The log of a VGA may have bits of a larger window from before."""
    cdef int i
    if not s.readonly and page < s.size >> 12:
        for i in range(16):
            arm_granule(vm, s, page << 4 | i, ATTR_LOG)


cdef void arm_granule(VM* vm, Slot* s, uint64_t granule, uint8_t why) noexcept nogil:
    """The next store to this granule of the slot takes the slow path, because of ATTR_LOG or ATTR_CLEAN."""
    cdef uint64_t g = (s.addr >> 8) + granule
    if g >= GRANULES or granule_address(vm, <uint32_t>g) != g << 8:
        return
    vm.mem.attr[g] |= why
    if not vm.a20 and g + WRAP < GRANULES:
        vm.mem.attr[g + WRAP] |= why
    reopen(vm, <uint32_t>g)


cdef void log_page(CPU* c, uint32_t g) noexcept nogil:
    """The first store to a clean page: set its dirty bit. Further stores to it are fast.

    The bytes are stored already. So the bit is set before the wait for the lock, which may be outside: whoever takes
    the log meanwhile has seen the bytes and gets the bit."""
    cdef VM* vm = c.vm
    cdef uint32_t addr = granule_address(vm, g), i
    set_dirty(slot_at(vm, addr), addr)
    lock_from_core(c)
    if vm.mem.attr[g] & ATTR_LOG:                # still: the wait for the lock may have been long
        set_dirty(slot_at(vm, addr), addr)       # again: the log may have been taken
        g = addr >> 8 & ~15U
        for i in range(16):
            page_logged(vm, g + i)
            if not vm.a20 and g + i + WRAP < GRANULES:
                page_logged(vm, g + i + WRAP)
    pthread_mutex_unlock(&vm.writers)


cdef inline void page_logged(VM* vm, uint32_t g) noexcept nogil:
    vm.mem.attr[g] &= ~<uint8_t>ATTR_LOG
    reopen(vm, g)


# -- saved states: the first store to a granule since memory was as in VM.base

cdef inline bint clean_granule(VM* vm, Slot* s, uint64_t addr) noexcept nogil:
    """Must a store to this address of the slot be noted?"""
    cdef uint64_t granule = (addr - s.addr) >> 8
    return vm.base != NULL and s.track != NULL and granule < s.track.granules and s.track.age[granule] == 0


cdef void arm_tracks(VM* vm) noexcept nogil:
    """All tracks have changed, or VM.base is set: the next store to each clean granule takes the slow path. No vCPU is
    in run(), and the caller has the GIL."""
    cdef Mem* mem = vm.mem
    cdef uint32_t g, addr
    cdef uint8_t was
    cdef Slot* s = NULL
    for g in range(<uint32_t>GRANULES):
        if mem.ram[g] == 0:
            continue
        addr = granule_address(vm, g)
        if s == NULL or addr - s.addr >= s.size:
            s = slot_at(vm, addr)
        was = mem.attr[g]
        mem.attr[g] = was & ~<uint8_t>ATTR_CLEAN | (ATTR_CLEAN if clean_granule(vm, s, addr) else 0)
        if was != mem.attr[g]:
            reopen(vm, g)


cdef void note_store(CPU* c, uint32_t g) noexcept nogil:
    """The first store to a clean granule: put it on the list of its slot. Further stores to it are fast."""
    cdef VM* vm = c.vm
    cdef uint32_t addr = granule_address(vm, g)
    cdef Slot* s
    lock_from_core(c)
    if vm.mem.attr[g] & ATTR_CLEAN:              # still: the wait for the lock may have been long
        s = slot_at(vm, addr)
        pthread_mutex_lock(&vm.noting)
        track_note(s.track, (addr - s.addr) >> 8)
        pthread_mutex_unlock(&vm.noting)
        g = addr >> 8
        vm.mem.attr[g] &= ~<uint8_t>ATTR_CLEAN
        if not vm.a20 and g + WRAP < GRANULES:
            vm.mem.attr[g + WRAP] &= ~<uint8_t>ATTR_CLEAN
        reopen(vm, g)
    pthread_mutex_unlock(&vm.writers)


cdef void shared_written(VM* vm) noexcept nogil:
    """Another process has written to shared slots, or is about to, as it is asked to: an ioeventfd rings, or an irqfd.
    Every vCPU decodes its code in shared slots again. Stores of another process are not noticed otherwise."""
    cdef int i
    for i in range(vm.ncpus):
        if vm.cpu[i] != NULL:
            want(vm.cpu[i], REQ_SHARED)
