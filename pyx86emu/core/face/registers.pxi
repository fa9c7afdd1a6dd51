# Registers: read and write a vCPU's registers from Python. Know names and widths, and who may write when.

cdef dict REGISTERS = {                          # name: (kind, place, size)
    **{name: (0, 4 * i, 2) for i, name in enumerate(("ax", "cx", "dx", "bx", "sp", "bp", "si", "di"))},
    **{name: (0, 4 * i, 4) for i, name in enumerate(("eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi"))},
    **{name: (0, 4 * (i & 3) + (i >> 2), 1) for i, name in enumerate(("al", "cl", "dl", "bl", "ah", "ch", "dh", "bh"))},
    **{name: (1, i, 2) for i, name in enumerate(("es", "cs", "ss", "ds", "fs", "gs"))},
    "ip": (2, 0, 2), "eip": (2, 0, 4), "flags": (3, 0, 2), "eflags": (3, 0, 4),
    **{f"cr{i}": (4, i, 4) for i in (0, 2, 3, 4)},
    **{f"dr{i}": (5, i, 4) for i in range(8)},
    "cf": (6, F_CF, 1), "pf": (6, F_PF, 1), "af": (6, F_AF, 1), "zf": (6, F_ZF, 1), "sf": (6, F_SF, 1),
    "tf": (6, F_TF, 1), "if_": (6, F_IF, 1), "df": (6, F_DF, 1), "of": (6, F_OF, 1),
}


cdef int mine(CPU* c, str what) except -1:
    """RuntimeError if another thread runs this vCPU."""
    if c.threads.runner and c.threads.runner != PyThread_get_thread_ident():
        raise RuntimeError(f"another thread runs this vCPU: kick() it and wait until its run() has returned, "
                           f"then {what}")
    return 0


cdef int may_write(CPU* c, str what) except -1:
    """RuntimeError if another thread runs this vCPU, or a read of the guest waits for its answer."""
    mine(c, what)
    if c.reads.pending or c.reads.finish:
        raise RuntimeError("a read of the guest waits for its answer: call run() first (kick() to stop after it)")
    return 0


cdef int no_protected_mode(uint32_t cr0, str what) except -1:
    if cr0 & 1:
        raise ValueError(f"{what} with PE=1 is protected mode, which this machine does not run")
    return 0


cdef void resumed_elsewhere(CPU* c) noexcept nogil:
    """The host has set CS, IP or another segment: what the last instruction left for the one at CS:IP is void."""
    c.events.halted = 0
    c.events.carry = 0
    c.events.rep_left = FOREVER
    c.why.came.at = FOREVER


cdef void put_segment(CPU* c, int which, uint32_t base) noexcept nogil:
    """Set a segment for the host. In a device call CS waits until the running instruction ends."""
    if not c.python.in_device:
        c.arch.sb[which] = base
        resumed_elsewhere(c)
        return
    c.python.touched = 1
    if which != CS:
        c.arch.sb[which] = base
        return
    c.python.moved |= MOVED_CS
    c.python.moved_cs = base


cdef inline uint32_t segment_base(CPU* c, int which) noexcept nogil:
    """The base of a segment, as a device sees it."""
    return c.python.moved_cs if c.python.moved & MOVED_CS and which == CS else c.arch.sb[which]


cdef class Registers:
    """The registers of a vCPU as attributes: al ah ax eax ... cs ds es fs gs ss ip eip flags eflags cr0 dr0, and the
    flags cf pf af zf sf tf if_ df of, 0 or 1 (`if` is a word of Python).

    A device, timer or signal handler that is called while the guest runs sees the values at the start of the
    instruction. It may write them: the instruction ends with the new values, and the guest goes on at the CS and IP
    that were written.

    Another thread may read the registers while the vCPU runs, and gets the values of some moment. Writing raises
    RuntimeError while another thread runs the vCPU, and while a read of the guest waits for its answer. In the second
    case call run() first, and kick() before it to stop after that read.

    AttributeError: no such register. ValueError: a value wider than the register, or cr0 with PE=1. TypeError: a value
    that is not an integer.
    """

    cdef CPU* c                                  # of `vcpu`
    cdef object vcpu

    cdef CPU* cpu(self) except NULL:
        if self.vcpu is None:
            raise RuntimeError("the vCPU of these registers has gone")
        return self.c

    def __dir__(self):
        return sorted(REGISTERS)

    def __repr__(self):
        names = ("eax", "ebx", "ecx", "edx", "esi", "edi", "ebp", "esp", "cs", "ip", "ss", "ds", "es", "flags")
        return "<" + " ".join(f"{n}={getattr(self, n):x}" for n in names) + ">"

    def __getattr__(self, name):
        cdef CPU* c = self.cpu()
        try:
            kind, at, size = REGISTERS[name]
        except KeyError:
            raise AttributeError(f"no register {name!r}: choose from {' '.join(sorted(REGISTERS))}") from None
        if kind == 0:
            return reg(c, at, size)
        if kind == 1:
            return segment_base(c, at) >> 4
        if kind == 2:
            if c.python.moved & MOVED_IP:
                return c.python.moved_ip
            return c.arch.ip & 0xFFFF if size == 2 else c.arch.ip
        if kind == 3:
            return fl_all(c) & 0xFFFF if size == 2 else fl_all(c)
        if kind == 6:
            return int(fl_all(c) & <uint32_t>at != 0)
        return c.system.cr[<int>at] if kind == 4 else c.system.dr[<int>at]

    def __setattr__(self, name, value):
        cdef CPU* c = self.cpu()
        cdef uint32_t v
        if name not in REGISTERS:
            raise AttributeError(f"no register {name!r}: choose from {' '.join(sorted(REGISTERS))}")
        kind, at, size = REGISTERS[name]
        # After an instruction that ends at offset FFFFh EIP is 10000h, and the next fetch faults.
        v = whole(value, name, 0, 1 if kind == 6 else (
            (0x10000 if size == 4 else 0xFFFF) if kind == 2 else (1 << 8 * size) - 1))
        may_write(c, "write its registers")
        if c.python.in_device:
            c.python.touched = 1
            if kind == 2:
                c.python.moved |= MOVED_IP
                c.python.moved_ip = v
                return
        if kind == 0:
            put_reg(c, at, size, v)
        elif kind == 1:
            put_segment(c, at, v << 4)
        elif kind == 2:
            c.arch.ip = v
            resumed_elsewhere(c)
        elif kind == 3:
            fl_load(c, v if size == 4 else (fl_all(c) & 0xFFFF0000U) | (v & 0xFFFF),
                    c.m.flags_writable | c.m.eflags_writable | (F_RF if c.m.level >= 3 else 0))
        elif kind == 6:
            v = fl_all(c) & ~<uint32_t>at | (<uint32_t>at if v else 0)
            fl_load(c, v, c.m.flags_writable | c.m.eflags_writable | (F_RF if c.m.level >= 3 else 0))
        elif kind == 4:
            if at == 0:
                no_protected_mode(v, name)
            c.system.cr[<int>at] = v
        else:
            set_dr(c, at, v)
