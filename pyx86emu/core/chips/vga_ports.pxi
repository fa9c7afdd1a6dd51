# The ports of the VGA: read and write its registers. Know no addresses of memory; vga.pxi has the table.

cdef inline uint32_t vga_crtc_port(Vga* v) noexcept nogil:
    return 0x3D4 if v.misc & 1 else 0x3B4


cdef uint32_t vga_read_port(Vga* v, uint32_t port, uint64_t now) noexcept nogil:
    """Read a port. `now` is used by input status 1 only."""
    cdef uint32_t value
    if port < 0x3C0 or port >= 0x3D0:
        if port & ~0x0FU == (vga_crtc_port(v) & ~0x0FU):
            if port & 15 == 4:
                return v.crtc_index
            if port & 15 == 5:
                return v.crtc[v.crtc_index] if v.crtc_index < 25 else 0
            if port & 15 == 10:
                v.attribute_data = 0
                return vga_status(v, now)
        return 0xFF
    port -= 0x3C0
    if port == 0:
        return v.attribute_index
    if port == 1:
        return v.attribute[v.attribute_index & 31] if v.attribute_index & 31 < 21 else 0
    if port == 2:
        return 0x10                              # switch sense: a colour monitor; no interrupt
    if port == 3:
        return v.enable
    if port == 4:
        return v.sequencer_index
    if port == 5:
        return v.sequencer[v.sequencer_index] if v.sequencer_index < 5 else 0
    if port == 6:
        return v.dac_mask
    if port == 7:
        return 3 if v.dac_reading else 0
    if port == 8:
        return v.dac_index
    if port == 9:
        # The address is already one further, as the chip fetches a colour when 3C7 is written.
        value = v.dac[3 * ((v.dac_index - 1) & 0xFF) + v.dac_component]
        vga_next_component(v)
        return value
    if port == 10:
        return v.feature
    if port == 12:
        return v.misc
    if port == 14:
        return v.graphics_index
    if port == 15:
        return v.graphics[v.graphics_index] if v.graphics_index < 9 else 0
    return 0xFF


cdef inline void vga_next_component(Vga* v) noexcept nogil:
    v.dac_component += 1
    if v.dac_component == 3:
        v.dac_component = 0
        v.dac_index += 1


cdef void vga_write_port(Vga* v, uint32_t port, uint32_t value) noexcept nogil:
    if port < 0x3C0 or port >= 0x3D0:
        vga_write_high(v, port, value)
        return
    port -= 0x3C0
    if port == 14:
        v.graphics_index = value & 15
    elif port == 15:
        vga_write_graphics(v, value)
    elif port == 4:
        v.sequencer_index = value & 7
    elif port == 5:
        vga_write_sequencer(v, value)
    elif port == 9:
        vga_write_dac(v, value)
    elif port == 0:
        vga_write_attribute(v, value)
    elif port == 2:
        v.changed |= VGA_SHOWN
        v.untimed = 1
        v.misc = value
        vga_addressing(v)
    elif port == 3:
        v.enable = value
    elif port == 6:
        v.changed |= VGA_SHOWN
        v.dac_mask = value
    elif port == 7:
        v.dac_index = value + 1
        v.dac_component = 0
        v.dac_reading = 1
    elif port == 8:
        v.dac_index = value
        v.dac_component = 0
        v.dac_reading = 0


cdef void vga_write_high(Vga* v, uint32_t port, uint32_t value) noexcept nogil:
    """The ports of the CRTC and the CGA."""
    if port & ~0x0FU != (vga_crtc_port(v) & ~0x0FU):
        return
    if port & 15 == 4:
        v.crtc_index = value & 0x3F
    elif port & 15 == 5:
        vga_write_crtc(v, value)
    elif port & 15 == 10:
        v.feature = value
    elif port == 0x3D8:
        v.changed |= VGA_SHOWN
        v.cga_mode = value
        v.attribute[16] = v.attribute[16] & ~8 | (8 if value & 0x20 else 0)
    elif port == 0x3D9:
        v.changed |= VGA_SHOWN
        v.cga_color = value


cdef void vga_write_crtc(Vga* v, uint32_t value) noexcept nogil:
    cdef uint32_t i = v.crtc_index
    if i >= 25:
        return
    if i <= 7 and v.crtc[17] & 0x80:             # protected: only bit 8 of line compare can be written
        if i != 7:
            return
        value = v.crtc[7] & ~0x10 | value & 0x10
    if v.crtc[i] != value:
        v.crtc[i] = value
        v.changed |= VGA_SHOWN
        v.untimed = 1


cdef void vga_write_attribute(Vga* v, uint32_t value) noexcept nogil:
    cdef uint32_t i = v.attribute_index & 31
    v.attribute_data ^= 1
    if v.attribute_data:
        if (v.attribute_index ^ value) & 0x20:
            v.changed |= VGA_SHOWN
        v.attribute_index = value & 0x3F
    elif i < 21 and (i >= 16 or not v.attribute_index & 0x20):
        v.changed |= VGA_SHOWN
        v.attribute[i] = value & VGA_ATTRIBUTE_BITS[i]


cdef void vga_write_sequencer(Vga* v, uint32_t value) noexcept nogil:
    cdef uint32_t i = v.sequencer_index
    if i >= 5:
        return
    v.sequencer[i] = value & VGA_SEQUENCER_BITS[i]
    if i == 2:
        vga_lanes(v)
    elif i == 4:
        vga_addressing(v)
    else:
        v.changed |= VGA_SHOWN
        v.untimed = 1


cdef void vga_write_graphics(Vga* v, uint32_t value) noexcept nogil:
    cdef uint32_t i = v.graphics_index
    if i >= 9:
        return
    v.graphics[i] = value & VGA_GRAPHICS_BITS[i]
    if i == 8:
        v.bits = every_plane(value)
        vga_replan(v)
        return
    vga_data_path(v)
    if 4 <= i <= 6:
        v.changed |= VGA_SHOWN                # how the picture is read
        vga_addressing(v)
    else:
        vga_replan(v)


cdef void vga_write_dac(Vga* v, uint32_t value) noexcept nogil:
    """A colour is stored when its blue arrives."""
    value &= 0x3F
    if v.dac_component < 2:
        v.dac_held[v.dac_component] = value
    else:
        v.changed |= VGA_SHOWN
        v.dac[3 * v.dac_index] = v.dac_held[0]
        v.dac[3 * v.dac_index + 1] = v.dac_held[1]
        v.dac[3 * v.dac_index + 2] = value
    vga_next_component(v)
