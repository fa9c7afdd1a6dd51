# Guest time as a vCPU sees it, in nanoseconds.

cdef inline uint64_t now_ns(CPU* c, Op* o) noexcept nogil:
    """Guest time at the instruction of `o`, in nanoseconds."""
    if c.vm.host_clock:
        rings_spend(&c.rings, 5)
        return <uint64_t>(host_ns() - c.vm.host_base)
    if c.no != 0:
        return at_get64(&c.vm.ticks) << c.vm.shift
    return virtual_ns(c, o)


cdef inline uint64_t ns_after(CPU* c, uint64_t retired) noexcept nogil:
    """Guest time when the vCPU has retired so many instructions; with the host's clock the time is now."""
    if c.vm.host_clock:
        return <uint64_t>(host_ns() - c.vm.host_base)
    if c.no != 0:
        return at_get64(&c.vm.ticks) << c.vm.shift
    return (retired + c.run.idle) << c.vm.shift


cdef inline uint64_t virtual_ns(CPU* c, Op* o) noexcept nogil:
    """The same, on the first vCPU and without the host's clock."""
    return (retired_at(c, o) + c.run.idle) << c.vm.shift


cdef inline uint64_t clock_now(CPU* c) noexcept nogil:
    """Guest nanoseconds between two instructions."""
    if c.vm.host_clock:
        return <uint64_t>(host_ns() - c.vm.host_base)
    if c.no != 0:
        return at_get64(&c.vm.ticks) << c.vm.shift
    return (c.run.retired + c.run.idle) << c.vm.shift
