# Calls between two instructions: of the functions of Doorbells that a vCPU has rung, and of Python's timer. Know
# functions, not who registered them.

cdef void call_bells(CPU* c) noexcept nogil:
    """Call the function of each Doorbell that this vCPU has rung since the last time. The vCPU is outside."""
    take_gil(c)
    bells_called(c)


cdef void bells_called(CPU* c) noexcept with gil:
    cdef Sink* rung[IO_CALLS]
    cdef uint32_t i, n = c.rings.calls
    memcpy(rung, c.rings.call, n * sizeof(Sink*))
    c.rings.calls = 0
    call_begins(c)
    for i in range(n):
        try:
            if rung[i].call != NULL:
                function = <object>rung[i].call
                function()
        except NotYet:                           # the run has to end: see wait_ends()
            owe(c, partial(_called, function))
        except BaseException as error:
            keep_exception(c, error)
        sink_drop(rung[i])
    c.python.in_call = 0


cdef void call_timer(CPU* c, uint64_t now) noexcept with gil:
    """Call Python's timer, unless another thread has moved it meanwhile: vm.timer is set with the GIL only."""
    cdef object vm = <object>c.vm.owner
    if c.vm.timer > now:
        return
    try:
        PyErr_CheckSignals()                     # before the timer is spent: a handler that raises must not lose it
        if c.vm.timer > now:
            return                               # the signal handler has moved it
        c.vm.timer = FOREVER
        callback = (<VmTables>vm)._timer
        (<VmTables>vm)._timer = None
        if callback is not None:
            call_begins(c)
            callback()
    except NotYet:                               # the run has to end: see wait_ends()
        owe(c, partial(_called, callback))
    except BaseException as e:
        keep_exception(c, e)
    c.python.in_call = 0
    if c.vm.timer <= now:
        c.vm.timer = now + 1
