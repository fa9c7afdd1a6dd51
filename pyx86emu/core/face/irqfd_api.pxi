# The irqfd calls of Vm: check arguments, register and remove entries. io/irqfds.pxi does the rest.
#
# Under the `writers` of the Vm only C runs, as for ioeventfds: Python could run a finalizer that takes the lock again.

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
    cdef int line, number, second = -1, error = 0
    cdef bint resampled = resample is not None, about_second = 0
    cdef int64_t id
    cdef IrqEntry *e
    vm.open()
    line = irq_gsi(vm, gsi)
    number = io_number(fd)
    if resampled:
        second = io_number(resample, "resample")
    vm.vm.irq_serial += 1
    face = IrqFd(vm, line, number, vm.vm.irq_serial, second if resampled else None)
    with nogil:
        e = irq_open(line, number, resampled, second, &error, &about_second)
    if e == NULL:
        raise io_descriptor_error(error, resample if about_second else fd)
    e.serial, id = face.serial, e.event.id
    error = irqfd_insert(vm, e)
    if error == 0:
        if id not in _irqfds_on_kvm:
            return face
        irqfd_remove(vm, face.serial)
        error = -IO_EBUSY
    else:
        irq_free(e)
    if error == IO_CLOSED:
        raise OSError(IO_EBADF, "this Vm is closed")
    if error == -IO_EBUSY:
        raise OSError(IO_EBUSY, f"eventfd {number} raises a line already, of this Vm or another one in this process: "
                                "deassign it first")
    if error == -IO_EAGAIN:
        raise OSError(IO_EAGAIN, "cannot start the thread that watches irqfds: end other threads")
    raise io_descriptor_error(error, fd)


def eventfd_of(fd, str what="fd"):
    """(number, the kernel's id of the eventfd) of a descriptor, or of what has a fileno(); id -1: the kernel shows
    none. OSError EBADF: not open; EINVAL: no eventfd; TypeError: `what` is no integer."""
    cdef int number = io_number(fd, what), error
    cdef int64_t id = -1
    with nogil:
        error = io_check_eventfd(number)
        if error == 0:
            error = io_eventfd_id(number, &id)
    if error != 0:
        raise io_descriptor_error(error, fd)
    return number, id


def irqfd_known(id):
    """Has the interpreter in this process an irqfd whose eventfd has this id of the kernel (`eventfd-id` in fdinfo)?"""
    return irq_find(NULL, -1, whole(id, "id", 0, (1 << 63) - 1)) != NULL


cdef int irqfd_insert(VmTables vm, IrqEntry *e) noexcept:
    """Returns 0, IO_CLOSED or a negative errno."""
    cdef bint linked = 0
    cdef int error = IO_CLOSED
    vm.lock_writers()
    if not vm.closed and vm.iotable != NULL:
        error = irq_insert(vm.vm, vm.iotable, e, &linked)
        if linked:
            vm.quiesce()
    vm.unlock_writers()
    return error


cdef object irqfd_deassign(VmTables vm, object gsi, object fd):
    """Vm.irqfd_deassign()."""
    cdef IrqEntry *e = NULL
    cdef int64_t id
    cdef int number
    vm.initialised()
    line = exact(gsi, "gsi")
    number, id = eventfd_of(fd)
    if not 0 <= line <= 15:
        return
    cdef int wanted = line
    vm.lock_writers()
    if vm.vm.irqfds != NULL:
        e = irq_find(vm.iotable, number, id)
        if e != NULL and (e.vm != vm.vm or e.gsi != wanted):
            e = NULL
    irqfd_take(vm, e)


cdef int irqfd_remove(VmTables vm, uint64_t serial) except -1:
    """IrqFd.deassign()."""
    cdef IrqEntry *e = NULL
    vm.initialised()
    vm.lock_writers()
    if vm.vm.irqfds != NULL:
        e = irq_place(vm.vm.irqfds, serial)[0]
    irqfd_take(vm, e)
    return 0


cdef void irqfd_take(VmTables vm, IrqEntry *e) noexcept:
    """Remove an entry, unless it is NULL. The caller has locked the `writers`; this unlocks them."""
    cdef int gsi
    cdef bint held
    if e != NULL and irq_take(vm.vm, vm.iotable, e):
        vm.quiesce()
    vm.unlock_writers()
    if e == NULL:
        return
    gsi, held = e.gsi, e.resample != NULL
    irq_free(e)
    if held:
        irqfd_lower(vm, gsi)


cdef void irqfd_lower(VmTables vm, int gsi) noexcept:
    """Lower a line, if no irqfd is left that would do it at an EOI."""
    vm.lock_chips()
    if not vm.vm.resampled >> gsi & 1:
        drive_gsi(vm.vm.chips, LINE_IRQFD, gsi, 0, 0)
    vm.unlock_chips()


cdef int irqfds_hold(VmTables vm, bint on) except -1:
    """From now on keep what irqfds raise until irqfds_release(). Off: raise what was kept."""
    vm.open()
    vm.lock_chips()
    at_put32(&vm.vm.chips.hold, on)
    if not on:
        at_or32(&vm.vm.chips.rung, at_swap32(&vm.vm.chips.held, 0))
        chips_take_rung(vm.vm.chips)
    vm.unlock_chips()
    return 0


cdef uint32_t irqfds_held(VmTables vm) noexcept:
    """Take what irqfds have raised meanwhile: bits 0 to 15 as a pulse, 16 to 31 held high."""
    return at_swap32(&vm.vm.chips.held, 0) if at_get32(&vm.vm.chips.held) else 0


cdef int irqfds_release(VmTables vm, uint32_t lines) except -1:
    """Raise these lines, as irqfds do. An EOI lowers those that are held high, also if there is no irqfd."""
    vm.open()
    vm.lock_chips()
    vm.vm.resampled |= lines >> 16
    at_or32(&vm.vm.chips.rung, lines)
    chips_take_rung(vm.vm.chips)
    vm.unlock_chips()
    return 0


cdef void irqfds_close(VmTables vm) noexcept:
    """Remove all irqfds of a Vm that closes, and end their thread."""
    cdef IrqFds *w
    cdef IrqEntry *all_ = NULL
    cdef IrqEntry *e
    cdef int i
    vm.lock_writers()
    w = vm.vm.irqfds
    if w != NULL:
        for i in range(IRQ_CHAINS):
            while w.entries[i] != NULL:
                e = w.entries[i]
                irq_take(vm.vm, vm.iotable, e)
                e.next = all_
                all_ = e
        vm.vm.irqfds = NULL
        vm.quiesce()
    vm.unlock_writers()
    if w == NULL:
        return
    with nogil:
        irq_end(w)
        irq_close(w)
    while all_ != NULL:
        e, all_ = all_, all_.next
        if e.resample != NULL:
            irqfd_lower(vm, e.gsi)
        irq_free(e)


cdef int not_recorded(CPU* c, str what) except -1:
    """A recorder must know at which instruction it comes. RuntimeError: it cannot, as another thread runs the vCPU."""
    if (at_get32(&c.vm.chips.hold) and c.threads.runner
            and c.threads.runner != PyThread_get_thread_ident()):
        raise RuntimeError(f"{what}() by a thread that does not run the guest, while it is recorded: call it by "
                           "vm.clock.call_after(0, ...)")
    return 0
