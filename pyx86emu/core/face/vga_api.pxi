# VgaCore: what Python sees of a VGA, and the change of its window between memory and planes. Know registers, no ports.
#
# On the interpreter the chip table serves the ports and the window. Another back end calls read() and write(), and sets
# `on_turn`, which is called when the mapping of the window is to change.

cdef tuple VGA_FIELDS = (
    "misc", "feature", "enable", "sequencer_index", "crtc_index", "graphics_index", "attribute_index",
    "attribute_data", "dac_mask", "dac_index", "dac_component", "dac_reading", "cga_mode", "cga_color",
)
cdef tuple VGA_MOST = (255, 255, 255, 7, 63, 15, 63, 1, 255, 255, 2, 1, 255, 255)
cdef dict VGA_LENGTHS = {
    "sequencer": 5, "crtc": 25, "graphics": 9, "attribute": 21, "dac": 768, "dac_held": 2, "latches": 4,
    "planes": 4 * VGA_CELLS,
}


cdef class VgaCore:
    """The registers and the 256 KiB of a VGA. `Vm.create_vga()` makes the one of a Vm; `VgaCore()` is one by itself,
    for a device that Python calls. Any thread may call everything here.

    Addresses are ports below 10000h, and physical addresses from A0000h to BFFFFh. `clock`: returns guest time in ns.
    """

    name = "the VGA"
    cdef Vga* v
    cdef Vga* own                            # where it is in no Vm
    cdef VmTables vm                         # None: it is in no Vm
    cdef object owner                        # keeps the memory
    cdef public object clock
    cdef public object on_turn

    def __cinit__(self):
        cdef uint8_t* at
        self.owner = host_memory(4 * VGA_CELLS + VGA_LINEAR)
        at = <uint8_t*>PyMemoryView_GET_BUFFER(self.owner).buf
        self.v = self.own = <Vga*>calloc(1, sizeof(Vga))
        if self.v == NULL:
            raise MemoryError("no memory for a VGA")
        self.v.cell = <uint32_t*>at
        self.v.linear = at + 4 * VGA_CELLS
        vga_reset(self.v)

    cdef void enter(self, VmTables vm) noexcept:
        """Become the VGA of a Vm, while every vCPU is outside."""
        cdef Vga* v = &vm.vm.chips.vga
        v[0] = self.v[0]
        v.changed = VGA_SHOWN | VGA_CELLS_NEW | VGA_LINEAR_NEW
        vga_open(v)
        self.v = v
        self.vm = vm

    cdef void leave(self, Vga* v) noexcept:
        """The Vm has no VGA after all."""
        memset(v, 0, sizeof(Vga))
        self.v = self.own
        self.vm = None

    def __dealloc__(self):
        free(self.own)

    def __reduce_ex__(self, protocol):
        raise not_copied(self, "memory")

    @property
    def device(self):
        """What a bus resets."""
        return self

    cdef int hold(self) noexcept:
        """Keep every vCPU outside until release(), whose rules are those of VmTables.stop()."""
        if self.vm is not None:
            self.vm.stop()
        return 0

    cdef int release(self) noexcept:
        if self.vm is not None:
            self.vm.resume(False)
        return 0

    cdef uint64_t now(self) except? 0xFFFFFFFFFFFFFFFF:
        if self.clock is not None:
            return PyLong_AsUnsignedLongLongMask(self.clock())
        return 0 if self.vm is None else self.vm.now()

    @property
    def time(self):
        """Guest time in ns."""
        return self.now()

    # -- accesses -------------------------------------------------------------------------------------------

    def read(self, addr, size):
        """Read `size` bytes, 1 to 8, as the guest would."""
        cdef uint64_t at = natural(addr, "addr"), value = 0, now = self.now()
        cdef int n = whole(size, "size", 1, 8), i
        if self.vm is not None:
            self.vm.lock_chips()
        for i in range(n):
            value |= <uint64_t>vga_read(self.v, <uint32_t>at + i, now) << 8 * i
        if self.vm is not None:
            self.vm.unlock_chips()
        if self.v.turn:
            self.turned()
        return value

    def write(self, addr, size, value):
        """Write `size` bytes, 1 to 8, as the guest would."""
        cdef uint64_t at = natural(addr, "addr"), v = natural(value, "value")
        cdef int n = whole(size, "size", 1, 8), i
        if self.vm is not None:
            self.vm.lock_chips()
        for i in range(n):
            vga_write(self.v, <uint32_t>at + i, v >> 8 * i & 255, 0)
        if self.vm is not None:
            self.vm.unlock_chips()
        if self.v.turn:
            self.turned()

    def reset(self):
        """Power-on: the registers as a VGA's BIOS leaves them in mode 3. Memory keeps its contents."""
        self.hold()
        vga_reset(self.v)
        self.release()
        if self.v.turn:
            self.turned()

    # -- the mapping ----------------------------------------------------------------------------------------

    cdef void turned(self) noexcept:
        """The window becomes memory, or memory no longer."""
        if self.on_turn is not None:
            call_on_turn(self)
        elif self.vm is not None:
            self.turn_slot()

    cdef void turn_slot(self) noexcept:
        cdef Vga* v = self.v
        cdef VM* vm = self.vm.vm
        cdef Slot mine, other
        cdef bint rebuild = 0
        memset(&mine, 0, sizeof(mine))
        self.vm.stop()
        if v.mapped:
            slot_remove(vm, slot_of_face(vm, <PyObject*>self, v.mapped_base))
            vga_unmap(v, vm.ticks)
            rebuild = 1
        elif v.plan and not self.vm.closed:
            vga_map(v, vm.ticks)
            mine.addr, mine.size, mine.host = v.mapped_base, vga_linear_size(v.mapped), v.linear
            mine.dirty, mine.face = v.dirty, <PyObject*>self
            rebuild = slot_add(vm, &mine, &other) == CHANGED
            if not rebuild:                      # another slot is there, and keeps its place
                vga_unmap(v, vm.ticks)
                v.wait = v.patience = VGA_LATE
        v.turn = 0
        vga_open(v)
        self.vm.resume(rebuild)

    # For a back end with slots of its own, which keeps its vCPUs outside meanwhile.

    def unmap(self):
        """The window is no longer memory: call it after the slot is deleted. None, if it was not."""
        if self.v.mapped:
            vga_unmap(self.v, self.now())
        self.v.turn = 0
        vga_open(self.v)

    def map(self):
        """The window is to be memory: its address and its bytes. None: it is not to be."""
        self.v.turn = 0
        if self.v.mapped or not self.v.plan:
            return None
        vga_map(self.v, self.now())
        vga_open(self.v)
        at = 4 * VGA_CELLS
        return self.v.mapped_base, self.owner[at:at + vga_linear_size(self.v.mapped)]

    @property
    def mapped(self):
        """Is the window memory, at this moment?"""
        return self.v.mapped != VGA_PLANES

    @property
    def plain(self):
        """Do the registers make the window plain: an access is one byte of one plane?"""
        return self.v.plan != VGA_PLANES

    # -- what shows -----------------------------------------------------------------------------------------

    @property
    def version(self):
        """A number that changes when what shows may have changed."""
        cdef Vga* v = self.v
        cdef Slot* slot
        cdef uint8_t stored[4]
        if not (at_peek32(&v.changed) & VGA_SHOWN or v.dirty[0] or v.dirty[1]):
            return v.version
        self.hold()
        v.version += 1
        v.changed &= ~<uint32_t>VGA_SHOWN
        if v.dirty[0] or v.dirty[1]:
            memcpy(stored, v.dirty, sizeof(stored))
            memset(v.dirty, 0, sizeof(v.dirty))
            slot = slot_of_face(self.vm.vm, <PyObject*>self, v.mapped_base) if self.vm is not None else NULL
            if slot != NULL:
                arm_pages(self.vm.vm, slot, stored, sizeof(stored))
        self.release()
        return v.version

    @property
    def text_crtc(self):
        """The 25 registers of the CRTC; None in graphics modes."""
        cdef bytes found
        self.hold()
        found = vga_text_crtc(self.v)
        self.release()
        return found

    def characters(self, crtc, places):
        """The bytes of plane 0 at `places`, a buffer of 16-bit addresses in the host's byte order: a byte each. None:
        the CRTC's registers, without those of the cursor, are no longer these 25 bytes, or the mode is no text mode.
        TypeError: no buffers; ValueError: not 25 bytes, or half an address. Much less than `state()` copies."""
        cdef bytes wanted = exact_bytes(crtc, "crtc", 25), out
        cdef Py_buffer view
        cdef uint8_t* to
        cdef bint same
        borrow(places, &view)
        try:
            if view.len % 2:
                raise ValueError(f"{view.len} bytes of addresses: each has 2")
            out = PyBytes_FromStringAndSize(NULL, view.len // 2)
            to = out
            self.hold()
            same = vga_has_crtc(self.v, wanted)
            if same:
                vga_characters(self.v, <uintptr_t>view.buf, view.len // 2, to)
            self.release()
        finally:
            PyBuffer_Release(&view)
        return out if same else None

    def touch(self):
        """Memory that Python has may have changed."""
        self.v.changed |= VGA_SHOWN | VGA_LINEAR_NEW

    @property
    def frame_ns(self):
        """How long a frame takes, in ns of guest time."""
        self.hold()
        cdef uint64_t ns = vga_frame_ns(self.v)
        self.release()
        return ns

    def state(self):
        """All registers by name, `latches` and `planes`, plane 0 first: ints and bytes."""
        cdef Vga copy
        cdef bytes planes = PyBytes_FromStringAndSize(NULL, 4 * VGA_CELLS)
        cdef uint8_t* to = planes
        self.hold()
        vga_to_planes(self.v)
        vga_each_plane(self.v, to)
        copy = self.v[0]
        self.release()
        return vga_values(&copy, planes)

    def load(self, record):
        """Set what `state()` returns. TypeError, ValueError: the name of what is missing or wrong; nothing changes."""
        cdef bytes planes
        cdef const uint8_t* from_
        cdef Vga* v = self.v
        cdef Vga new
        planes = vga_of(&new, record)
        from_ = planes
        self.hold()
        v.changed |= VGA_CELLS_NEW
        cells_of(v.cell, from_)
        v.misc, v.feature, v.enable = new.misc, new.feature, new.enable
        v.sequencer_index, v.crtc_index, v.graphics_index = new.sequencer_index, new.crtc_index, new.graphics_index
        v.attribute_index, v.attribute_data = new.attribute_index, new.attribute_data
        v.dac_mask, v.dac_index, v.dac_component = new.dac_mask, new.dac_index, new.dac_component
        v.dac_reading, v.cga_mode, v.cga_color = new.dac_reading, new.cga_mode, new.cga_color
        memcpy(v.sequencer, new.sequencer, 5)
        memcpy(v.crtc, new.crtc, 25)
        memcpy(v.graphics, new.graphics, 9)
        memcpy(v.attribute, new.attribute, 21)
        memcpy(v.dac, new.dac, 768)
        memcpy(v.dac_held, new.dac_held, 2)
        v.latch = new.latch
        v.wait = VGA_SOON
        if v.mapped:                             # also if it is not to stay memory: then it goes to the planes again
            vga_to_linear(v, v.mapped)
        vga_was_set(v)
        if self.vm is not None:
            self.vm.resume(True)                 # what was decoded in the window is old
        if v.turn:
            self.turned()


cdef bytes vga_text_crtc(Vga* v):
    return None if v.graphics[6] & 1 else PyBytes_FromStringAndSize(<char*>v.crtc, 25)


cdef dict vga_values(Vga* v, bytes planes):
    """The state of a VGA whose planes are these."""
    found = dict(zip(VGA_FIELDS, (
        v.misc, v.feature, v.enable, v.sequencer_index, v.crtc_index, v.graphics_index,
        v.attribute_index, v.attribute_data, v.dac_mask, v.dac_index, v.dac_component,
        v.dac_reading, v.cga_mode, v.cga_color)))
    found["sequencer"] = PyBytes_FromStringAndSize(<char*>v.sequencer, 5)
    found["crtc"] = PyBytes_FromStringAndSize(<char*>v.crtc, 25)
    found["graphics"] = PyBytes_FromStringAndSize(<char*>v.graphics, 9)
    found["attribute"] = PyBytes_FromStringAndSize(<char*>v.attribute, 21)
    found["dac"] = PyBytes_FromStringAndSize(<char*>v.dac, 768)
    found["dac_held"] = PyBytes_FromStringAndSize(<char*>v.dac_held, 2)
    found["latches"] = int(v.latch).to_bytes(4, "little")
    found["planes"] = planes
    return found


cdef bytes vga_of(Vga* v, object record):
    """The registers of a state, in a struct that has nothing else; returns its planes."""
    cdef dict given
    cdef list numbers = []
    cdef bytes sequencer, crtc, graphics, attribute, dac, held, latches, planes
    cdef uint32_t i
    if not isinstance(record, dict):
        raise TypeError(f"the state of a VGA is a dict, as state() returns it, not {type(record).__name__}")
    given = <dict>record
    for name in (*VGA_FIELDS, *VGA_LENGTHS):
        if name not in given:
            raise ValueError(f"the state of a VGA has no {name!r}: give what state() returned")
    for name in given:
        if name not in VGA_FIELDS and name not in VGA_LENGTHS:
            raise ValueError(f"the state of a VGA has no {name!r}: leave it out")
    for name, most in zip(VGA_FIELDS, VGA_MOST):
        numbers.append(whole(given[name], name, 0, most))
    parts = [exact_bytes(given[name], name, length) for name, length in VGA_LENGTHS.items()]
    sequencer, crtc, graphics, attribute, dac, held, latches, planes = parts
    memset(v, 0, sizeof(Vga))
    (v.misc, v.feature, v.enable, v.sequencer_index, v.crtc_index, v.graphics_index, v.attribute_index,
     v.attribute_data, v.dac_mask, v.dac_index, v.dac_component, v.dac_reading, v.cga_mode, v.cga_color) = numbers
    for i in range(5):
        v.sequencer[i] = <uint8_t>sequencer[i] & VGA_SEQUENCER_BITS[i]
    for i in range(25):
        v.crtc[i] = <uint8_t>crtc[i]
    for i in range(9):
        v.graphics[i] = <uint8_t>graphics[i] & VGA_GRAPHICS_BITS[i]
    for i in range(21):
        v.attribute[i] = <uint8_t>attribute[i] & VGA_ATTRIBUTE_BITS[i]
    for i in range(768):
        v.dac[i] = <uint8_t>dac[i] & 0x3F
    for i in range(2):
        v.dac_held[i] = <uint8_t>held[i] & 0x3F
    for i in range(4):
        v.latch |= <uint32_t><uint8_t>latches[i] << 8 * i
    return planes


cdef void cells_of(uint32_t* cell, const uint8_t* planes) noexcept nogil:
    """Cells of four planes, plane 0 first."""
    cdef uint32_t i
    for i in range(<uint32_t>VGA_CELLS):
        cell[i] = (planes[i] | <uint32_t>planes[0x10000 | i] << 8 | <uint32_t>planes[0x20000 | i] << 16
                   | <uint32_t>planes[0x30000 | i] << 24)


cdef bytes exact_bytes(object value, str name, Py_ssize_t length):
    if not isinstance(value, bytes):
        raise TypeError(f"{name} of a VGA is bytes, not {type(value).__name__}")
    if len(<bytes>value) != length:
        raise ValueError(f"{name} of a VGA has {length} bytes, not {len(<bytes>value)}")
    return bytes(value)


cdef void call_on_turn(VgaCore core) noexcept:
    core.on_turn()


cdef void vga_turned(CPU* c) noexcept:
    """A vCPU is outside and has the GIL."""
    cdef object vm = <object>c.vm.owner
    cdef VgaCore core = (<VmTables>vm)._vga
    if core is not None and core.v.turn:
        core.turned()


ON_VGA = <void (*)(CPU*) noexcept nogil>vga_turned


# -- the VGA of a Vm

cdef newfunc VGA_NEW = (<PyTypeObject*><PyObject*>VgaCore).tp_new


cdef VgaCore create_vga(VmTables vm, cls, RangeTable pio, RangeTable mmio, bint push):
    """Make the VGA of a Vm, of class `cls`, and claim its ports and its window. `push`: Python calls it."""
    cdef VgaCore core
    cdef Chips* chips = vm.vm.chips
    cdef Chip* chip = &chips.chip[CHIP_VGA]
    cdef bint taken
    vm.open()
    core = VGA_NEW(cls, <PyObject*>(), NULL)
    vm.stop()
    taken = vm._vga is not None                  # also by a thread that was here at the same time
    if not taken:
        core.enter(vm)
        core.v.eager = push
        vm._vga = core
    vm.resume(not taken)
    if taken:
        raise os_error(errno.EEXIST, "this Vm has a VGA already: make another Vm")
    try:
        claim_spans(pio, BUS_PIO, chip, core, push)
        claim_spans(mmio, BUS_MMIO, chip, core, push)
    except BaseException:
        give_back(pio, core)
        vm.stop()
        core.leave(&vm.vm.chips.vga)
        vm.resume(True)
        vm._vga = None
        raise
    vm.stop()
    if not push:
        short_way(chips, CHIP_VGA, in_vga, out_vga, out16_vga)
        follow_ways(vm.vm)
    vm.resume(False)
    return core


cdef int give_back(RangeTable table, VgaCore core) except -1:
    cdef int status = TAKEN
    while status == TAKEN:
        old = table.items
        status = table.put(old, tuple([r for r in old if (<Range>r).holder is not core]))
    return 0


cdef int claim_spans(RangeTable table, int bus, Chip* chip, VgaCore core, bint push) except -1:
    cdef Range r, each
    cdef int i, status = TAKEN
    while status == TAKEN:
        old = table.items
        mine = []
        for i in range(chip.spans):
            if chip.span[i].bus == bus:
                r = chip_range(core.read, core.write, chip, &chip.span[i], CHIP_VGA)
                r.holder = core
                if push:
                    r.kind = RANGE_PUSH
                mine.append(r)
        for other in old:
            each = <Range>other
            for one in mine:
                r = <Range>one
                if r.start < each.end and each.start < r.end:
                    raise BusError(f"range {r.start:#x}-{r.end - 1:#x} of the VGA overlaps {each.name} "
                                   f"({each.start:#x}-{each.end - 1:#x}): attach that one elsewhere")
        status = table.put(old, tuple(sorted([*old, *mine], key=attrgetter("start"))))
    if status == CLOSED:
        raise os_error(errno.EBADF, "this Vm is closed")
    return 0
