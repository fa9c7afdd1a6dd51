# Bell calls: call the functions of Doorbells that a vCPU has rung. Know functions, not who registered them.

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
