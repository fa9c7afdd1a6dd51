# The guest's debug registers live here: breakpoints on code and data, DR6 and DR7 (80386 PRM, chapter 12).
#
# While a breakpoint is enabled, the vCPU executes instructions one by one. While one on data is enabled, the vCPU also
# uses memory tables that are all 0. So every access takes the slow path, which calls watch().

cdef enum:
    DR6_BD = 0x2000              # MOV to or from a debug register while DR7 has GD
    DR6_BS = 0x4000              # single step
    DR7_GD = 0x2000


cdef inline bint breakpoints_on(CPU* c) noexcept nogil:
    return c.system.dr[7] & 0xFF != 0


cdef void set_dr(CPU* c, int n, uint32_t v) noexcept nogil:
    """Set DRn for MOV DR, the host or RESET. Fixed bits are kept. RF is cleared, as after every instruction."""
    cdef int i
    cdef bint data = 0
    if c.m.level < 3:
        v = 0                                    # no debug registers before the 80386: they keep their values of RESET
    if n == 6:
        v = (v & 0xE00F) | 0xFFFF0FF0U
    elif n == 7:
        v = (v & 0xFFFF23FFU) | 0x400
    c.system.dr[n] = v
    c.arch.rest &= ~<uint32_t>F_RF
    for i in range(4):
        data = data or (c.system.dr[7] >> 2 * i & 3 and c.system.dr[7] >> 16 + 4 * i & 1)
    c.run.rd = c.vm.mem.rd
    c.run.wr = c.vm.mem.wr
    c.run.holes = c.vm.mem.rd
    if data:
        memset(c.vm.mem.filled, 0xFF, sizeof(c.vm.mem.filled))
        c.run.rd = c.vm.mem.closed
        c.run.wr = c.vm.mem.closed
        c.run.holes = c.vm.mem.filled


cdef uint32_t breakpoints_hit(CPU* c, uint32_t at, uint32_t size, uint32_t kinds) noexcept nogil:
    """The breakpoints on linear bytes [at, at + size), as bits of DR6. `kinds`: a bit for each value of R/W."""
    cdef uint32_t found = 0, n, first
    cdef int i
    for i in range(4):
        if c.system.dr[7] >> 2 * i & 3 and kinds >> (c.system.dr[7] >> 16 + 4 * i & 3) & 1:
            n = (c.system.dr[7] >> 18 + 4 * i & 3) + 1  # LEN: 0, 1 and 3 are defined
            first = c.system.dr[i] & ~(n - 1)
            if first < at + size and at < first + n:
                found |= 1U << i
    return found


cdef inline void watch(CPU* c, uint32_t at, uint32_t size, bint store) noexcept nogil:
    """Called for accesses that take the slow path. A breakpoint on these bytes makes a trap after the instruction."""
    if c.run.rd != c.run.ram:
        c.events.trap_due |= breakpoints_hit(c, at, size, 0b1010 if store else 0b1000)


cdef bint code_breakpoint(CPU* c) noexcept nogil:
    """Is there a breakpoint on the next instruction? It faults before the instruction, unless RF is set or the last
    instruction was a load of SS."""
    if c.arch.rest & F_RF or c.events.trap_shadow == c.run.retired or c.events.carry or not breakpoints_on(c):
        return 0
    c.events.trap_due = breakpoints_hit(c, c.arch.sb[CS] + c.arch.ip, 1, 0b0001)
    return c.events.trap_due != 0
