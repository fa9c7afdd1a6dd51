# The memory of the VGA: do what an access does to the planes, and keep what shows as linear memory. Know no bus.
#
# An address here is an offset in the part of the window that shows memory (Vga.base).

cdef inline uint32_t vga_at(Vga* v, uint32_t a) noexcept nogil:
    """The offset in the planes."""
    return a & v.at_mask | a >> 16 & v.at_high


cdef inline void vga_put(Vga* v, uint32_t a, uint32_t byte) noexcept nogil:
    """Write a byte."""
    cdef uint32_t* cell = v.cell + vga_at(v, a)
    cdef uint32_t lanes = v.lanes[a & 3], data, bits = v.bits
    v.changed = VGA_SHOWN | VGA_CELLS_NEW | VGA_LINEAR_NEW
    if v.write_mode == 1:
        cell[0] = cell[0] & ~lanes | v.latch & lanes
        return
    if v.write_mode == 2:
        data = by_plane(byte)
    else:
        byte = (byte >> v.rotate | byte << (8 - v.rotate)) & 0xFF
        if v.write_mode == 0:
            data = every_plane(byte) & ~v.fixed_mask | v.fixed
        else:                                    # 3: the byte is a bit mask, too
            bits &= every_plane(byte)
            data = v.fill
    if v.function == 1:
        data &= v.latch
    elif v.function == 2:
        data |= v.latch
    elif v.function == 3:
        data ^= v.latch
    data = data & bits | v.latch & ~bits
    cell[0] = cell[0] & ~lanes | data & lanes


cdef inline uint32_t vga_see(Vga* v, uint32_t a, uint32_t data) noexcept nogil:
    """The byte that a read returns, if the cell has these bytes."""
    if v.read_mode == 0:
        return data >> v.from_[a & 3] & 0xFF
    data = (data ^ v.compare) & v.care           # a bit is 1 where all planes that count have the colour
    data |= data >> 16
    return ~(data | data >> 8) & 0xFF


cdef inline uint32_t vga_get(Vga* v, uint32_t a) noexcept nogil:
    """Read a byte, and load the latches unless the window is plain."""
    cdef uint32_t data = v.cell[vga_at(v, a)]
    if not v.plan:
        v.latch = data
    return vga_see(v, a, data)


cdef int vga_code(Vga* v, uint32_t addr) noexcept nogil:
    """The byte that is fetched as code at an address of the window; it leaves the latches. -1: no planes are there."""
    if v.mapped or not vga_shows(v, addr):
        return -1
    addr -= v.base
    return vga_see(v, addr, v.cell[vga_at(v, addr)])


# -- linear memory

cdef uint32_t vga_linear_size(int kind) noexcept nogil:
    return 0x10000 if kind == VGA_CHAIN4 else 0x8000


cdef void vga_to_linear(Vga* v, int kind) noexcept nogil:
    """Copy what a plain window shows to `linear`."""
    cdef uint32_t at, i
    v.changed |= VGA_LINEAR_NEW
    if kind == VGA_CHAIN4:
        for at in range(0, 0x10000, 4):
            for i in range(4):
                v.linear[at + i] = v.cell[at] >> 8 * i & 0xFF
    elif kind == VGA_ODD_EVEN:
        for at in range(0, 0x8000, 2):
            v.linear[at] = v.cell[at] & 0xFF
            v.linear[at + 1] = v.cell[at] >> 8 & 0xFF
    else:
        for at in range(0x8000):
            v.linear[at] = v.cell[at] & 0xFF


cdef void vga_to_planes(Vga* v) noexcept nogil:
    """If the window is mapped, copy `linear` to its places in the planes. No vCPU is inside."""
    cdef uint32_t at
    cdef uint32_t* cell = v.cell
    cdef uint8_t* p = v.linear
    v.changed |= VGA_CELLS_NEW if v.mapped else 0
    if v.mapped == VGA_CHAIN4:
        for at in range(0, 0x10000, 4):
            cell[at] = p[at] | <uint32_t>p[at + 1] << 8 | <uint32_t>p[at + 2] << 16 | <uint32_t>p[at + 3] << 24
    elif v.mapped == VGA_ODD_EVEN:
        for at in range(0, 0x8000, 2):
            cell[at] = cell[at] & 0xFFFF0000U | p[at] | <uint32_t>p[at + 1] << 8
    elif v.mapped == VGA_PLANE0:
        for at in range(0x8000):
            cell[at] = cell[at] & 0xFFFFFF00U | p[at]


cdef void vga_each_plane(Vga* v, uint8_t* to) noexcept nogil:
    """Copy the planes, one after the other: four cells at a time become four bytes of each plane."""
    cdef uint32_t at, a, b, c, d, even, odd, even2, odd2
    cdef uintptr_t p = <uintptr_t>to
    for at in range(0, VGA_CELLS, 4):
        a, b, c, d = v.cell[at], v.cell[at + 1], v.cell[at + 2], v.cell[at + 3]
        even = a & 0x00FF00FFU | (b & 0x00FF00FFU) << 8         # planes 0 and 2 of the first two cells
        odd = a >> 8 & 0x00FF00FFU | b & 0xFF00FF00U            # planes 1 and 3
        even2 = c & 0x00FF00FFU | (d & 0x00FF00FFU) << 8
        odd2 = c >> 8 & 0x00FF00FFU | d & 0xFF00FF00U
        put32(p + at, even & 0xFFFF | even2 << 16)
        put32(p + 0x10000 + at, odd & 0xFFFF | odd2 << 16)
        put32(p + 0x20000 + at, even >> 16 | even2 & 0xFFFF0000U)
        put32(p + 0x30000 + at, odd >> 16 | odd2 & 0xFFFF0000U)


cdef bint vga_has_crtc(Vga* v, const uint8_t* crtc) noexcept nogil:
    """Is this a text mode whose CRTC has these registers, without those of the cursor (0Ah, 0Bh, 0Eh and 0Fh)?"""
    return (not v.graphics[6] & 1 and memcmp(v.crtc, crtc, 10) == 0 and memcmp(v.crtc + 12, crtc + 12, 2) == 0
            and memcmp(v.crtc + 16, crtc + 16, 9) == 0)


cdef void vga_characters(Vga* v, uintptr_t place, Py_ssize_t n, uint8_t* to) noexcept nogil:
    """The bytes of plane 0 at these places. What is mapped is in `linear`. No vCPU is inside."""
    cdef uint32_t at, top = vga_linear_size(v.mapped) if v.mapped else 0
    cdef uint32_t other = 3 if v.mapped == VGA_CHAIN4 else (1 if v.mapped == VGA_ODD_EVEN else 0)
    cdef Py_ssize_t i
    for i in range(n):
        at = get16(place + 2 * <uintptr_t>i)
        to[i] = v.linear[at] if at < top and not at & other else <uint8_t>v.cell[at]


cdef void vga_map(Vga* v, uint64_t now) noexcept nogil:
    """`linear` becomes memory of the guest."""
    vga_to_linear(v, v.plan)
    memset(v.dirty, 0, sizeof(v.dirty))
    v.mapped = v.plan
    v.mapped_base = v.base
    v.mapped_at = now


cdef void vga_unmap(Vga* v, uint64_t now) noexcept nogil:
    """`linear` is no longer memory of the guest."""
    vga_to_planes(v)
    v.changed |= VGA_SHOWN if v.dirty[0] | v.dirty[1] else 0
    memset(v.dirty, 0, sizeof(v.dirty))
    v.mapped = VGA_PLANES
    v.wait = min(2 * v.wait, <uint32_t>VGA_LATE) if now - v.mapped_at < VGA_SHORT else VGA_SOON
    v.patience = v.wait


# -- the long way: as chips.pxi calls a chip, and for the host

cdef inline bint vga_shows(Vga* v, uint32_t addr) noexcept nogil:
    return addr - v.base < v.size


cdef uint32_t vga_read(void* state, uint32_t addr, uint64_t now) noexcept nogil:
    """Read a byte: from a port, or at an address of the window."""
    cdef Vga* v = <Vga*>state
    if addr < VGA_WINDOW:
        return vga_read_port(v, addr, now)
    if v.mapped or not vga_shows(v, addr):       # what is mapped is memory, and not on the bus
        return 0xFF
    vga_used(v)
    return vga_get(v, addr - v.base)


cdef bint vga_write(void* state, uint32_t addr, uint32_t value, uint64_t now) noexcept nogil:
    """Write a byte. Returns 0: a VGA has no line."""
    cdef Vga* v = <Vga*>state
    if addr < VGA_WINDOW:
        vga_write_port(v, addr, value)
    elif not v.mapped and vga_shows(v, addr):
        vga_used(v)
        vga_put(v, addr - v.base, value)
    return 0


cdef inline void vga_used(Vga* v) noexcept nogil:
    """A plain window that is used often becomes memory."""
    if v.plan:
        if v.patience:
            v.patience -= 1
        else:
            v.turn = 1
