# The C side of `bench latency` lives here: it rings when memory changes, sleeps until it is woken.

cdef extern from "<sys/resource.h>" nogil:
    struct lab_rusage "rusage":
        long ru_nvcsw
    int lab_getrusage "getrusage"(int who, lab_rusage *usage)

cdef extern from *:
    """
    #define LAB_RUSAGE_THREAD 1  /* RUSAGE_THREAD, which <sys/resource.h> has for _GNU_SOURCE only */
    """
    int LAB_RUSAGE_THREAD

cdef enum:
    LAB_PATIENCE = 1000          # ms that a side waits for the other before it gives up
    LAB_STOP = 0xFFFF            # in the word after `word`: ping() ends

cdef Py_buffer* lab_words(object memory, size_t at, Py_buffer* view) except NULL:
    """The buffer of `memory`, which has two words at `at`. The caller releases it."""
    PyObject_GetBuffer(memory, view, PyBUF_WRITABLE)
    if at % 2 or at + 4 > <size_t>view.len:
        PyBuffer_Release(view)
        raise ValueError(f"there are no two words at {at:#x}")
    return view


cdef long lab_sleeps() noexcept nogil:
    """How often this thread has slept."""
    cdef lab_rusage usage
    lab_getrusage(LAB_RUSAGE_THREAD, &usage)
    return usage.ru_nvcsw


def stop_ping(memory, at, stop):
    """Let the ping() that looks at the word at `at` end, or a new one begin."""
    cdef Py_buffer view
    cdef size_t place = whole(at, "at", 0, UINT32_MAX)
    lab_words(memory, place, &view)
    (<uint16_t*>(<char*>view.buf + place))[1] = LAB_STOP if stop else 0
    PyBuffer_Release(&view)


def ping(memory, at, fd):
    """Look at the 16-bit word at `at` all the time, and write 1 to eventfd `fd` when it changes, from 0 first; until
    stop_ping()."""
    cdef Py_buffer view
    cdef size_t place = whole(at, "at", 0, UINT32_MAX)
    cdef int number = io_number(fd)
    cdef uint64_t one = 1
    cdef uint16_t last = 0
    cdef uint16_t* word
    lab_words(memory, place, &view)
    word = <uint16_t*>(<char*>view.buf + place)
    with nogil:
        while at_look16(word + 1) != LAB_STOP:
            if at_look16(word) != last:
                last = at_look16(word)
                io_write(number, &one, 8)
    PyBuffer_Release(&view)


def pong(memory, at, fd, rounds):
    """Store 1, 2, 3 ... in the word at `at`, and wait after each in poll(2) until eventfd `fd` is written. Returns the
    ns of each round, below 0 if the answer was there before this thread slept. They are fewer if the other side does
    not answer within a second."""
    cdef Py_buffer view
    cdef size_t place = whole(at, "at", 0, UINT32_MAX)
    cdef int number = io_number(fd)
    cdef uint64_t count, n = whole(rounds, "rounds", 0, 1 << 24), i = 0
    cdef int64_t* times = <int64_t*>malloc(n * sizeof(int64_t) + 1)
    cdef int64_t began
    cdef uint16_t* word
    cdef io_pollfd p
    cdef long sleeps
    if times == NULL:
        raise MemoryError(f"no memory for {n} times")
    try:
        lab_words(memory, place, &view)
        word = <uint16_t*>(<char*>view.buf + place)
        p.fd = number
        p.events = IO_POLLIN
        with nogil:
            while i < n:
                sleeps = lab_sleeps()
                began = host_ns()
                at_store16(word, <uint16_t>(i + 1))
                if io_poll(&p, 1, LAB_PATIENCE) != 1:
                    break
                times[i] = host_ns() - began
                if lab_sleeps() == sleeps:
                    times[i] = -times[i]
                io_read(number, &count, 8)
                i += 1
        PyBuffer_Release(&view)
        return [times[k] for k in range(i)]
    finally:
        free(times)
