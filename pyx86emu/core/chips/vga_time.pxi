# The raster of the VGA: say where in a frame a moment is, from the CRTC's registers and the dot clock. Know no memory.
#
# Frames follow each other from guest time 0 on, at the rate that the registers give now.

cdef void vga_timing(Vga* v) noexcept nogil:
    """Compute the raster from the registers. All counts are at least 1."""
    cdef uint8_t* r = v.crtc
    cdef uint32_t dots = 8 if v.sequencer[1] & 1 else 9, lines, twice = 2 if r[23] & 4 else 1
    v.untimed = 0
    v.clock = 28322000 if v.misc & 0x0C == 4 else 25175000
    if v.sequencer[1] & 8:
        v.clock //= 2
    v.line_dots = (r[0] + 5) * dots
    v.shown_dots = (r[1] + 1) * dots
    lines = ((r[6] | (r[7] & 1) << 8 | (r[7] & 0x20) << 4) + 2) * twice
    v.shown_lines = ((r[18] | (r[7] & 2) << 7 | (r[7] & 0x40) << 3) + 1) * twice
    v.retrace_from = r[16] | (r[7] & 4) << 6 | (r[7] & 0x80) << 2
    v.retrace_to = v.retrace_from + (((r[17] & 15) - v.retrace_from) & 15 or 16)
    v.retrace_from *= twice
    v.retrace_to *= twice
    if not r[23] & 0x80:                         # the CRTC's reset: no retrace
        v.retrace_to = v.retrace_from
    v.frame_ns = <uint64_t>v.line_dots * lines * 1000000000U // v.clock


cdef inline uint64_t vga_frame_ns(Vga* v) noexcept nogil:
    if v.untimed:
        vga_timing(v)
    return v.frame_ns


cdef uint32_t vga_status(Vga* v, uint64_t now) noexcept nogil:
    """Input status 1: bit 0 while nothing is displayed, bit 3 in vertical retrace."""
    cdef uint32_t dot = <uint32_t>(now % vga_frame_ns(v) * v.clock // 1000000000U)
    cdef uint32_t line = dot // v.line_dots, status = 0
    dot -= line * v.line_dots
    if line >= v.shown_lines or dot >= v.shown_dots:
        status = 1
    if v.retrace_from <= line < v.retrace_to:
        status |= 8
    return status
