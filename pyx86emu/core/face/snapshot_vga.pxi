# The VGA in saved states: registers, planes, and whether its window is memory. Know the chip, not who looks at it.
#
# As in snapshot_memory.pxi, the caller has the GIL and no vCPU is in run(). `version` and the dirty bits of the linear
# memory belong to displays of the host: they stay, and a restore counts as a change.

cdef Slot* vga_slot(VmTables vm) noexcept:
    """The slot of the window while it is memory, else NULL."""
    cdef Vga* v = &vm.vm.chips.vga
    return slot_of_face(vm.vm, <PyObject*>vm._vga, v.mapped_base) if v.mapped else NULL


cdef bint linear_differs(VM* vm, Vga* v, uint64_t size) noexcept nogil:
    """Is there no image of the linear memory that its track is about?"""
    return vm.base == NULL or v.changed & VGA_LINEAR_NEW or vm.base.part[vm.base.parts + 1].size != size


cdef bint save_vga(VmTables tables, Image* image, Vga* to) noexcept:
    """Copy the VGA. 0: no memory."""
    cdef VM* vm = tables.vm
    cdef Vga* v = &vm.chips.vga
    cdef Part* cells = &image.part[image.parts]
    cdef Part* was = NULL if vm.base == NULL else &vm.base.part[vm.base.parts]
    cdef Slot* slot = vga_slot(tables)
    cdef Slot copy
    cdef uint64_t k
    to[0] = v[0]
    to.cell = NULL
    to.linear = NULL
    if v.cell == NULL:
        return 1
    if not part_begin(cells, 0, 4 * VGA_CELLS):
        return 0
    if was != NULL and was.size == 0:
        was = NULL
    for k in range(part_pages(cells)):
        if was != NULL and not v.changed & VGA_CELLS_NEW:
            cells.page[k] = page_kept(was.page[k])
        elif not save_page(<uint8_t*>v.cell, was, cells, k):
            return 0
    if slot == NULL:
        return 1
    copy = slot[0]
    if linear_differs(vm, v, slot.size):
        copy.track = NULL
    return save_part(vm, &copy, cells + 1)


cdef bint track_vga(VmTables tables, Image* image) noexcept:
    """After a save or a restore: the window, if it is memory, is as in the image, which is VM.base. 1: it has a track
    since now, and is to be armed."""
    cdef VM* vm = tables.vm
    cdef Slot* slot = vga_slot(tables)
    vm.chips.vga.changed &= ~<uint32_t>(VGA_CELLS_NEW | VGA_LINEAR_NEW)
    if slot == NULL:
        return 0
    if vm.vga_track == NULL:
        vm.vga_track = track_new(VGA_LINEAR, 0, GRANULES)
        if vm.vga_track == NULL:
            vm.chips.vga.changed |= VGA_LINEAR_NEW
            return 0
    if slot.track == NULL:
        slot.track = vm.vga_track
        track_part(vm, slot, image.parts + 1)
        return 1
    slot.track.part = image.parts + 1
    return 0


cdef inline bint vga_moves(Vga* v, Vga* saved) noexcept nogil:
    """Is the window to become memory, another part of memory, or memory no longer?"""
    return v.mapped != saved.mapped or v.mapped and v.mapped_base != saved.mapped_base


cdef void unmap_vga(VmTables tables) noexcept:
    """Take the slot of the window away. Its bytes are void."""
    cdef Vga* v = &tables.vm.chips.vga
    slot_remove(tables.vm, vga_slot(tables))
    v.mapped = VGA_PLANES
    v.changed |= VGA_LINEAR_NEW
    memset(v.dirty, 0, sizeof(v.dirty))


cdef void map_vga(VmTables tables, Vga* saved) noexcept:
    """Add the slot of the window as a saved VGA has it. If there is no place for it, restore_vga() does without."""
    cdef Vga* v = &tables.vm.chips.vga
    cdef Slot mine, other
    if v.cell == NULL or not saved.mapped:
        return
    v.mapped, v.mapped_base = saved.mapped, saved.mapped_base
    memset(&mine, 0, sizeof(mine))
    mine.addr, mine.size, mine.host = v.mapped_base, vga_linear_size(v.mapped), v.linear
    mine.dirty, mine.face = v.dirty, <PyObject*>tables._vga
    slot_add(tables.vm, &mine, &other)


cdef void restore_vga(VmTables tables, Image* image, Vga* saved) noexcept:
    """After map_vga(), and after the tables were built again."""
    cdef VM* vm = tables.vm
    cdef Vga* v = &vm.chips.vga
    cdef Vga now = v[0]
    cdef Part* cells = &image.part[image.parts]
    cdef Part* was = NULL if vm.base == NULL else &vm.base.part[vm.base.parts]
    cdef Slot* slot = vga_slot(tables)
    cdef uint64_t k
    if v.cell == NULL:
        return
    for k in range(part_pages(cells)):
        if was == NULL or was.size == 0 or v.changed & VGA_CELLS_NEW or was.page[k] != cells.page[k]:
            if memcmp(<uint8_t*>v.cell + k * IMAGE_PAGE, page_bytes(cells.page[k]), IMAGE_PAGE):
                memcpy(<uint8_t*>v.cell + k * IMAGE_PAGE, page_bytes(cells.page[k]), IMAGE_PAGE)
    if slot != NULL:
        if linear_differs(vm, v, slot.size):
            for k in range(part_pages(cells + 1)):
                restore_page(vm, slot, cells + 1, k)
        else:
            restore_part(vm, slot, cells + 1)
    v[0] = saved[0]
    v.cell, v.linear, v.eager, v.version = now.cell, now.linear, now.eager, now.version
    v.changed = now.changed | VGA_SHOWN
    memcpy(v.dirty, now.dirty, sizeof(v.dirty))
    if v.mapped and slot == NULL:                # a slot of the host has the place of the window
        for k in range(part_pages(cells + 1)):
            memcpy(v.linear + k * IMAGE_PAGE, page_bytes((cells + 1).page[k]), IMAGE_PAGE)
        vga_to_planes(v)
        v.mapped = VGA_PLANES
        v.wait = v.patience = VGA_LATE
    vga_open(v)
