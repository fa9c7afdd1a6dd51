# Memory in saved states: copy what differs into an image, and back into slots. Know pages and marks, not registers.
#
# Everything here is called with the GIL while no vCPU is in run(). So the tables are the caller's: no vCPU can come in.
#
# A restored byte that is code is compared: blocks are dropped only if one of their bytes differs.

cdef inline Part* base_part(VM* vm, Track* t) noexcept nogil:
    """What the slot of this track had in VM.base; NULL: it was not there."""
    return NULL if vm.base == NULL or t == NULL or t.part < 0 else &vm.base.part[t.part]


cdef inline bint all_differs(VM* vm, Track* t) noexcept nogil:
    """May any byte of the slot differ from VM.base, so that all of it is to be compared?"""
    return base_part(vm, t) == NULL or t.foreign or vm.unseen or vm.views > 0


# -- saving

cdef bint save_part(VM* vm, Slot* s, Part* to) noexcept nogil:
    """Fill in the part of a slot. Pages that are as in VM.base are shared. 0: no memory."""
    cdef Part* was = base_part(vm, s.track)
    cdef uint64_t k, first = 0
    cdef uint32_t i
    if not part_begin(to, s.addr, s.size):
        return 0
    to.readonly = s.readonly
    if was == NULL and not (s.track != NULL and s.track.foreign):
        madvise(s.host, s.size, MADV_POPULATE_READ)      # pages that nobody has touched yet, in one go
    if was != NULL and not all_differs(vm, s.track):
        first = part_pages(to) if not s.track.rest else <uint64_t>s.track.granules * GRANULE // IMAGE_PAGE
        for k in range(first):
            to.page[k] = page_kept(was.page[k])
        for i in range(s.track.n):
            k = <uint64_t>s.track.list[i] * GRANULE // IMAGE_PAGE
            if k < first and to.page[k] == was.page[k] and not save_page(s.host, was, to, k):
                return 0
    for k in range(first, part_pages(to)):
        if not save_page(s.host, was, to, k):
            return 0
    return 1


cdef bint save_page(const uint8_t* host, Part* was, Part* to, uint64_t k) noexcept nogil:
    """Page k of a slot: shared, if it is as it was. 0: no memory."""
    cdef const uint8_t* now = host + k * IMAGE_PAGE
    cdef Page* old = to.page[k]
    if was != NULL and memcmp(now, page_bytes(was.page[k]), IMAGE_PAGE) == 0:
        if old == NULL:
            to.page[k] = page_kept(was.page[k])
        return 1
    if not page_copy(&to.page[k], now):
        to.page[k] = old
        return 0
    page_drop(old)
    return 1


# -- restoring

cdef void restore_part(VM* vm, Slot* s, Part* to) noexcept nogil:
    """Give the slot the bytes of a part. Afterwards its track is about that part."""
    cdef Track* t = s.track
    cdef Part* was = base_part(vm, t)
    cdef uint64_t k, pages = part_pages(to)
    cdef const uint8_t* page
    cdef uint32_t i = 0, granule
    if all_differs(vm, t):
        for k in range(pages):
            restore_page(vm, s, to, k)
        return
    if was.page != to.page:
        for k in range(pages):
            if was.page[k] != to.page[k]:
                restore_page(vm, s, to, k)
    if t.rest:
        for k in range(<uint64_t>t.granules * GRANULE // IMAGE_PAGE, pages):
            restore_page(vm, s, to, k)
        t.rest = 0
    while i < t.n:
        granule = t.list[i]
        page = page_bytes(to.page[granule >> 4]) + (granule & 15) * GRANULE
        if restore_granule(vm, s, <uint64_t>granule * GRANULE, page):
            t.age[granule] = 1
        elif t.age[granule] == AGE_MOST:         # the guest stores here no longer
            t.age[granule] = 0
            t.n -= 1
            t.list[i] = t.list[t.n]
            arm_granule(vm, s, granule, ATTR_CLEAN)
            continue
        else:
            t.age[granule] += 1
        i += 1


cdef void restore_page(VM* vm, Slot* s, Part* to, uint64_t k) noexcept nogil:
    cdef const uint8_t* page = page_bytes(to.page[k])
    cdef uint64_t at = k * IMAGE_PAGE
    cdef int i
    if memcmp(s.host + at, page, IMAGE_PAGE):
        for i in range(IMAGE_PAGE // GRANULE):
            restore_granule(vm, s, at + i * GRANULE, page + i * GRANULE)


cdef inline bint restore_granule(VM* vm, Slot* s, uint64_t at, const uint8_t* bytes_) noexcept nogil:
    """Returns whether the granule at this offset was different."""
    cdef uint64_t g = (s.addr + at) >> 8
    if memcmp(s.host + at, bytes_, GRANULE) == 0:
        return 0
    if g < GRANULES and vm.mem.code[vm.mem.canon[g]]:
        restore_code(vm, <uint32_t>g, s.host + at, bytes_)
    else:
        memcpy(s.host + at, bytes_, GRANULE)
    return 1


cdef void restore_code(VM* vm, uint32_t g, uint8_t* host, const uint8_t* bytes_) noexcept nogil:
    """A granule with code: each vCPU drops its blocks with bytes that change."""
    cdef uint32_t lo = 0, hi
    cdef int i
    while lo < GRANULE:
        hi = lo
        while hi < GRANULE and host[hi] != bytes_[hi]:
            host[hi] = bytes_[hi]
            hi += 1
        if hi > lo:
            for i in range(vm.ncpus):
                if vm.cpu[i] != NULL and touches(vm.cpu[i], vm.mem.canon[g], lo, hi):
                    drop_overlap(vm.cpu[i], NULL, g, lo, hi)
        lo = hi + 1


# -- what VM.base is

cdef void use_base(VM* vm, Image* image) noexcept:
    """From now on memory is compared with this image, which it is equal to; the reference is taken over. Each slot has
    a track for it."""
    cdef Image* old = vm.base
    vm.base = image
    vm.unseen = 0
    image_drop(old)


cdef void track_part(VM* vm, Slot* s, int part) noexcept nogil:
    """Nothing differs any more: the next store to each granule of the list is noted again."""
    cdef Track* t = s.track
    cdef uint32_t i
    for i in range(t.n):
        t.age[t.list[i]] = 0
        arm_granule(vm, s, t.list[i], ATTR_CLEAN)
    t.n = 0
    t.rest = 0
    t.part = part


cdef int give_track(MemorySlot slot, Slot* s) except -1:
    """A track for a slot that has none. 1: it is new."""
    if s.track != NULL:
        return 0
    if slot.track == NULL:
        slot.track = track_new(slot.size, slot.foreign, GRANULES)
        if slot.track == NULL:
            raise MemoryError("no memory to note the stores to a slot")
    s.track = slot.track
    return 1


# -- a copy of a Vm

cdef Store* store_image(VM* vm, Image* image) noexcept:
    """The store of this Vm, which has the pages of an image then; NULL: there is none to be had, so copy."""
    cdef uint64_t size = 0
    cdef Store* store = vm.store
    cdef int i, fd
    for i in range(image.parts):
        size += image.part[i].size
    if store == NULL or store.end > 4 * size:    # most of its pages may be old ones
        try:
            fd = os.memfd_create("pyx86emu-fork", os.MFD_CLOEXEC)
        except OSError:
            return NULL
        store = store_new(fd)
        if store == NULL:
            io_close(fd)
            return NULL
        store_drop(vm.store)
        vm.store = store
    for i in range(image.parts):
        if not store_part(store, &image.part[i]):
            return NULL
    return store
