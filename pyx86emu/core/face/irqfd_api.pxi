# The irqfd calls of Vm: convert and check arguments, and set what vCPUs read. irqfd.py does the rest.

cdef int irq_gsi(VmTables vm, object gsi) except -1:
    """Check the number of an interrupt line of this Vm. OSError EINVAL: there is no such line."""
    vm.initialised()
    if not vm.vm.irqchip_on:
        raise OSError(IO_EINVAL, "this Vm has no interrupt controller: make it with irqchip=True")
    line = exact(gsi, "gsi")
    if not 0 <= line <= 15:
        raise OSError(IO_EINVAL, f"interrupt line {shown(line, 'd')}: the 8259 pair has lines 0 to 15")
    return line


cdef object irqfd_assign(VmTables vm, object gsi, object fd, object resample):
    """Vm.irqfd()."""
    cdef int line, number
    vm.open()
    line = irq_gsi(vm, gsi)
    number = io_number(fd)
    if resample is not None:
        io_number(resample, "resample")
    identity = io_identity(number)
    bell = None if resample is None else Doorbell(resample)
    if vm._irqfds is None:
        made = IrqFds(vm, io_take_count, io_count, io_identity)
        # This has released the GIL: check again what other threads may have changed.
        if vm.closed or vm._irqfds is not None:
            made.close()
        else:
            vm._irqfds = made
    vm.open()
    return vm._irqfds.add(line, number, identity, bell)


cdef object irqfd_deassign(VmTables vm, object gsi, object fd):
    """Vm.irqfd_deassign()."""
    line = exact(gsi, "gsi")
    identity = io_identity(io_number(fd))
    if vm._irqfds is not None:
        vm._irqfds.deassign(line, identity)


cdef int irqfds_changed(VmTables vm, dict entries) except -1:
    """Set what the vCPUs read: how many irqfds may end a HLT, and the lines whose EOI an irqfd waits for. Nothing here
    releases the GIL, so the later of two calls decides."""
    cdef uint32_t lines = 0
    for entry in entries:
        if entry.resample is not None:
            lines |= 1 << <int>entry.gsi
    vm.vm.resampled = lines
    vm.vm.waiters = len(entries)
    return 0


cdef void irqfds_eoi(CPU* c, uint32_t lines) noexcept with gil:
    """The guest has ended interrupts whose lines irqfds hold high: lower the lines, and signal the resample
    eventfds."""
    try:
        (<VmTables><object>c.vm.owner)._irqfds.eoi(lines)
    except BaseException as e:
        keep_exception(c, e)
