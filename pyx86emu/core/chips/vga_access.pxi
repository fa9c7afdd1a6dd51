# The VGA for a vCPU: the short ways to its ports and to the planes, and the change of its window to memory and back.
#
# The window is on the short way while it is not plain, for the owner of the chips (owner.pxi), if no ioeventfd is in
# the page. Where it is plain it becomes memory (vga.pxi). An access that changes this asks for it with REQ_VGA, which
# is served after the instruction; so the next one sees the window as the registers have it.

# Changes the memory slots, with the GIL (face/vga_api.pxi).
cdef void (*ON_VGA)(CPU*) noexcept nogil


cdef void turn_vga(CPU* c) noexcept nogil:
    """Serve REQ_VGA: outside, since slots change while every vCPU is outside."""
    go_outside(c)
    take_gil(c)
    ON_VGA(c)
    come_inside(c)


# -- ports

cdef Op* in_vga(CPU* c, Op* o, uint32_t port) noexcept nogil:
    P8(c, O_AL)[0] = <uint8_t>vga_read_port(&c.chips.vga, port, now_ns(c, o) if port & ~0x60U == 0x39A else 0)
    o = o + 1
    return GO(c, o)


cdef inline Op* after_vga(CPU* c, Op* o) noexcept nogil:
    if RARELY(c.chips.vga.turn):
        want(c, REQ_VGA)
        return leave_after(c, o)
    o = o + 1
    return GO(c, o)


cdef Op* out_vga(CPU* c, Op* o, uint32_t port) noexcept nogil:
    vga_write_port(&c.chips.vga, port, P8(c, O_AL)[0])
    return after_vga(c, o)


cdef Op* out16_vga(CPU* c, Op* o, uint32_t port) noexcept nogil:
    vga_write_port(&c.chips.vga, port, P8(c, O_AL)[0])
    vga_write_port(&c.chips.vga, port + 1, P8(c, O_AH)[0])
    return after_vga(c, o)


# -- the window

cdef inline bint vga_short(CPU* c, uint32_t pa, uint32_t size) noexcept nogil:
    """Are these bytes of one page planes on the short way? The caller knows that nothing is watched."""
    cdef uint32_t a = pa - c.chips.vga.low
    return (a < c.chips.vga.span and a + size <= c.chips.vga.span and at_load64(&c.vm.iotable.pages[pa >> 12]) == 0
            and c.owns)


cdef inline bint vga_store(CPU* c, uint32_t pa, uint32_t v, uint32_t size) noexcept nogil:
    """Store to the planes, if they are on the short way. 0: they are not; nothing is done. The bytes are in 16."""
    cdef Vga* g = &c.chips.vga
    cdef uint32_t i
    if RARELY(not vga_short(c, pa, size)):
        return 0
    pa -= g.low
    vga_put(g, pa, v & 0xFF)
    for i in range(1, size):
        vga_put(g, pa + i, v >> 8 * i & 0xFF)
    return 1


cdef inline uint32_t vga_load(CPU* c, uint32_t pa, uint32_t size) noexcept nogil:
    """Load from planes on the short way."""
    cdef Vga* g = &c.chips.vga
    cdef uint32_t i, v
    pa -= g.low
    v = vga_get(g, pa)
    for i in range(1, size):
        v |= vga_get(g, pa + i) << 8 * i
    return v
