# The VGA: keep its registers, and what follows from them. vga_ports.pxi has its ports, vga_memory.pxi its
# memory, vga_time.pxi the raster.
#
# The registers are those of IBM's VGA (PS/2 Hardware Interface Technical Reference, Video Subsystem, 1992), and two of
# the CGA. The memory is four planes of 64 KiB. It is kept as 65536 cells of four bytes: byte n of a cell is plane n at
# that offset. So one access serves all planes.
#
#   3B4 3B5 3BA   CRTC index, data; input status 1 (read), feature control (write): if bit 0 of misc is 0
#   3D4 3D5 3DA   the same, if bit 0 of misc is 1
#   3C0 3C1       attribute index and data by turns (write), index (read); attribute data (read)
#   3C2 3C3       misc (write), input status 0 (read); video enable, which is only kept
#   3C4 3C5       sequencer index, data
#   3C6 - 3C9     DAC mask; read index (write), state (read); write index; data
#   3CA 3CC       feature control, misc (read)
#   3CE 3CF       graphics index, data
#   3D8 3D9       CGA mode and colour (write): kept; bit 5 of the mode sets the blink bit of the attribute controller
#   A0000-BFFFF   the window: graphics register 6 says which part of it shows memory
#
# Where the registers make the window plain (`plan`), an access is one byte of one plane: chain-4, odd/even text, and
# plane 0 alone. Then its bytes are also kept one after the other (`linear`), as memory that the guest uses at the speed
# of RAM. `mapped` says that they are there; face/vga_api.pxi changes it. A read of a plain window leaves the latches as
# they are, whether it is mapped or not: so the guest cannot see when the mapping changes.

cdef enum:
    VGA_WINDOW = 0xA0000
    VGA_WINDOW_SIZE = 0x20000
    VGA_CELLS = 65536
    VGA_LINEAR = 65536           # bytes

cdef enum:                       # `plan` and `mapped`: how the window is plain
    VGA_PLANES = 0               # it is not
    VGA_CHAIN4 = 1               # the byte at address A is in plane A & 3 at offset A & ~3
    VGA_ODD_EVEN = 2             # in plane A & 1 at offset A & ~1
    VGA_PLANE0 = 3               # in plane 0 at offset A

cdef enum:                       # `changed`: since somebody looked,
    VGA_SHOWN = 1                # something that shows may have changed
    VGA_CELLS_NEW = 2            # planes, since they were saved
    VGA_LINEAR_NEW = 4           # the linear memory, since it was saved, other than by stores of the guest

cdef enum:                       # accesses to a plain window before it is mapped: at least, and at most
    VGA_SOON = 64
    VGA_LATE = 16384
    VGA_SHORT = 20000            # a mapping of fewer instructions (on KVM: nanoseconds) was not worth it

cdef struct Vga:
    uint32_t* cell               # NULL: there is no VGA
    uint8_t* linear              # valid while `mapped`
    # what an access to the window needs, computed from the registers
    uint32_t low                 # the part of the window that the short way serves; span 0: none
    uint32_t span
    uint32_t base                # where memory shows in the window
    uint32_t size                # 0: nowhere
    uint32_t at_mask             # the offset of an address: (A & at_mask) | (A >> 16 & at_high)
    uint32_t at_high
    uint32_t lanes[4]            # which bytes of the cell a write reaches, by the lowest bits of the address
    uint32_t from_[4]            # which byte a read returns: how many bits it is shifted by
    uint32_t bits                # bit mask, for all planes
    uint32_t fixed               # set/reset where it is enabled, for all planes
    uint32_t fixed_mask          # enable set/reset, for all planes
    uint32_t fill                # set/reset, for all planes
    uint32_t compare
    uint32_t care
    uint32_t latch
    uint32_t rotate
    uint32_t function
    uint32_t write_mode
    uint32_t read_mode
    # state of the mapping
    int kind                     # VGA_*: what `plan` is if the data path is plain, too
    int plan
    int mapped
    uint32_t mapped_base
    bint turn                    # `mapped` is to become `plan`
    bint eager                   # a plain window is mapped at once
    uint32_t patience            # accesses to a plain window that are still to come before it is mapped
    uint32_t wait                # how many they are after a change
    uint64_t mapped_at
    uint8_t dirty[4]             # dirty log of `linear`, a bit for each page
    uint32_t changed             # VGA_SHOWN and so on
    uint64_t version
    # the raster, see vga_time.pxi
    bint untimed                 # a register has changed, and the next fields are old
    uint64_t clock               # dots per second
    uint64_t frame_ns
    uint32_t line_dots
    uint32_t shown_dots
    uint32_t shown_lines
    uint32_t retrace_from
    uint32_t retrace_to
    # registers
    uint8_t misc
    uint8_t feature
    uint8_t enable
    uint8_t sequencer_index
    uint8_t sequencer[5]
    uint8_t crtc_index
    uint8_t crtc[25]
    uint8_t graphics_index
    uint8_t graphics[9]
    uint8_t attribute_index
    uint8_t attribute_data       # 1: the next write to 3C0 is data
    uint8_t attribute[21]
    uint8_t dac[768]
    uint8_t dac_mask
    uint8_t dac_index
    uint8_t dac_component        # 0 to 2
    uint8_t dac_reading
    uint8_t dac_held[2]          # red and green of the colour that is being written
    uint8_t cga_mode
    uint8_t cga_color


# The bits of each register that exist, so that they read back.
cdef const uint8_t* VGA_SEQUENCER_BITS = <const uint8_t*>b"\x03\x3d\x0f\x3f\x0e"
cdef const uint8_t* VGA_GRAPHICS_BITS = <const uint8_t*>b"\x0f\x0f\x0f\x1f\x03\x7b\x0f\x0f\xff"
cdef const uint8_t* VGA_ATTRIBUTE_BITS = <const uint8_t*>(
    b"\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\x3f\xef\xff\x3f\x0f\x0f")

# What a VGA's BIOS sets for 80 x 25 text, with the protected registers of the CRTC unlocked.
cdef const uint8_t* VGA_CRTC_TEXT = <const uint8_t*>(
    b"\x5f\x4f\x50\x82\x55\x81\xbf\x1f\x00\x4f\x0d\x0e\x00\x00\x00\x00\x9c\x0e\x8f\x28\x1f\x96\xb9\xa3\xff")
cdef const uint8_t* VGA_ATTRIBUTE_TEXT = <const uint8_t*>(
    b"\x00\x01\x02\x03\x04\x05\x14\x07\x38\x39\x3a\x3b\x3c\x3d\x3e\x3f\x0c\x00\x0f\x08\x00")
cdef const uint8_t* VGA_SEQUENCER_TEXT = <const uint8_t*>b"\x03\x00\x03\x00\x02"
cdef const uint8_t* VGA_GRAPHICS_TEXT = <const uint8_t*>b"\x00\x00\x00\x00\x00\x10\x0e\x00\xff"


cdef void vga_reset(Vga* v) noexcept nogil:
    """Power-on: the registers as a VGA's BIOS leaves them in mode 3. Memory keeps its contents."""
    cdef int i
    v.misc = 0x67
    v.feature = 0
    v.enable = 1
    v.sequencer_index = v.crtc_index = v.graphics_index = 0
    v.attribute_index = 0x20
    v.attribute_data = 0
    memcpy(v.sequencer, VGA_SEQUENCER_TEXT, 5)
    memcpy(v.crtc, VGA_CRTC_TEXT, 25)
    memcpy(v.graphics, VGA_GRAPHICS_TEXT, 9)
    memcpy(v.attribute, VGA_ATTRIBUTE_TEXT, 21)
    memset(v.dac, 0, 768)
    for i in range(64):                          # the EGA's colours rgbRGB: a small letter is a third of its capital
        v.dac[3 * i] = <uint8_t>((i >> 2 & 1) * 42 + (i >> 5 & 1) * 21)
        v.dac[3 * i + 1] = <uint8_t>((i >> 1 & 1) * 42 + (i >> 4 & 1) * 21)
        v.dac[3 * i + 2] = <uint8_t>((i & 1) * 42 + (i >> 3 & 1) * 21)
    v.dac_mask = 0xFF
    v.dac_index = v.dac_component = v.dac_reading = 0
    memset(v.dac_held, 0, 2)
    v.cga_mode = 0x29                            # 80 columns, picture on, blinking
    v.cga_color = 0x30
    v.latch = 0
    v.wait = VGA_SOON
    vga_was_set(v)


cdef void vga_was_set(Vga* v) noexcept nogil:
    """All registers may have changed."""
    v.changed |= VGA_SHOWN
    v.untimed = 1
    vga_data_path(v)
    vga_addressing(v)


# -- what follows from the registers

cdef inline uint32_t every_plane(uint32_t byte) noexcept nogil:
    return byte * 0x01010101U


cdef inline uint32_t by_plane(uint32_t planes) noexcept nogil:
    """A byte of ones for each of the four bits."""
    return ((planes & 1) | (planes & 2) << 7 | (planes & 4) << 14 | (planes & 8) << 21) * 0xFFU


cdef void vga_data_path(Vga* v) noexcept nogil:
    """The graphics controller: what happens to the data of an access."""
    cdef uint8_t* g = v.graphics
    v.fill = by_plane(g[0])
    v.fixed_mask = by_plane(g[1])
    v.fixed = v.fill & v.fixed_mask
    v.compare = by_plane(g[2])
    v.rotate = g[3] & 7
    v.function = g[3] >> 3 & 3
    v.write_mode = g[5] & 3
    v.read_mode = g[5] >> 3 & 1
    v.care = by_plane(g[7])
    v.bits = every_plane(g[8])


cdef void vga_addressing(Vga* v) noexcept nogil:
    """The window, and which plane and offset an address is: after a change of misc, sequencer 4 or graphics 4 to 6."""
    cdef int chain4 = v.sequencer[4] >> 3 & 1, chain2 = v.graphics[6] >> 1 & 1, part = v.graphics[6] >> 2 & 3
    cdef uint32_t i, plane = v.graphics[4] & 3
    v.base = VGA_WINDOW if part < 2 else 0xB0000 if part == 2 else 0xB8000
    v.size = VGA_WINDOW_SIZE if part == 0 else 0x10000 if part == 1 else 0x8000
    if not v.misc & 2:
        v.size = 0
    v.at_mask = 0xFFFC if chain4 else 0xFFFE if chain2 else 0xFFFF
    v.at_high = 3 if chain4 else 1 if chain2 else 0
    for i in range(4):
        if chain4:
            v.from_[i] = 8 * i
        elif v.graphics[5] & 0x10:
            v.from_[i] = 8 * (plane & 2 | i & 1)
        else:
            v.from_[i] = 8 * plane
    v.kind = VGA_PLANES
    if chain4:
        if part == 1:
            v.kind = VGA_CHAIN4
    elif part >= 2:
        if chain2 and v.graphics[5] & 0x10 and not v.sequencer[4] & 4:
            if plane < 2:
                v.kind = VGA_ODD_EVEN
        elif not chain2 and not v.graphics[5] & 0x10 and v.sequencer[4] & 4 and plane == 0:
            v.kind = VGA_PLANE0
    vga_lanes(v)


cdef void vga_lanes(Vga* v) noexcept nogil:
    """Which planes a write reaches: after a change of the map mask."""
    cdef uint32_t planes = by_plane(v.sequencer[2])
    cdef int i
    for i in range(4):
        v.lanes[i] = planes
        if v.sequencer[4] & 8:
            v.lanes[i] &= 0xFFU << 8 * i
        elif not v.sequencer[4] & 4:
            v.lanes[i] &= 0x00FF00FFU << 8 * (i & 1)
    vga_replan(v)


cdef inline void vga_replan(Vga* v) noexcept nogil:
    """Is the window plain? After any change of the data path or the planes."""
    if v.kind == VGA_PLANES and v.plan == VGA_PLANES and v.mapped == VGA_PLANES:
        vga_open(v)
    else:
        vga_replan_slow(v)


cdef void vga_replan_slow(Vga* v) noexcept nogil:
    cdef uint8_t* g = v.graphics
    cdef int planes = 15 if v.kind == VGA_CHAIN4 else 3 if v.kind == VGA_ODD_EVEN else 1
    v.plan = v.kind
    if v.size == 0 or v.sequencer[2] != planes or g[1] or g[3] or g[5] & 0x0B or g[8] != 0xFF:
        v.plan = VGA_PLANES
    if v.mapped:
        v.turn = v.plan != v.mapped or v.base != v.mapped_base
    elif v.plan:
        v.patience = v.wait
        v.turn = v.eager
    vga_open(v)


cdef inline void vga_open(Vga* v) noexcept nogil:
    """The short way serves the window while it is not plain."""
    v.low = v.base
    v.span = 0 if v.plan or v.mapped else v.size
