# Watchpoints from Python: check what debug() gets, and put it in the order in which the core looks for it.

cdef tuple watchpoint(object given):
    """One entry of `watch`, with exact values."""
    try:
        addr, length, kind = given
    except (TypeError, ValueError):
        raise TypeError(f"a watchpoint is (addr, length, 'w' or 'rw'), not {given!r:.60}") from None
    addr = address(addr, "the address of a watchpoint")
    length = exact(length, "the length of a watchpoint")
    if not isinstance(kind, str):
        raise TypeError(f"the kind of a watchpoint is 'w' or 'rw', not {type(kind).__name__}")
    if kind != "w" and kind != "rw":
        raise ValueError(f"unknown kind of watchpoint {kind!r:.20}: 'w' for stores, 'rw' for loads and stores")
    if addr < 0 or length < 1 or addr + length > 1 << 64:
        raise ValueError(f"watchpoint at {shown(addr)}, {shown(length)} bytes: it needs at least one byte, from 0 "
                         "up to 2**64")
    return addr, length, "rw" if kind == "rw" else "w"


cdef bytes break_table(list points):
    """Breakpoints as the core compares them: Breaks, in the order of their addresses."""
    cdef Py_ssize_t n = len(points), i
    cdef bytes table = PyBytes_FromStringAndSize(NULL, n * sizeof(Break))
    cdef Break* to = <Break*><char*>table
    for i, place in enumerate(sorted(range(n), key=points.__getitem__)):
        to[i].at, to[i].place = points[place], place
    return table


cdef list break_list(bytes table):
    """The addresses in the order in which debug() was given them."""
    cdef Py_ssize_t n = len(table) // <Py_ssize_t>sizeof(Break), i
    cdef const Break* each = <const Break*><char*>table
    cdef list points = [0] * n
    for i in range(n):
        points[each[i].place] = each[i].at
    return points


cdef void put_breaks(CPU* c, bytes table) noexcept:
    """Breakpoints for the core. The caller keeps `table`."""
    c.debug.breakpoint = <const Break*><char*>table
    c.debug.breaks = <int>(len(table) // <Py_ssize_t>sizeof(Break))


cdef Watch* watch_table(list watches) except? NULL:
    """The table of the core for these watchpoints; NULL: none."""
    cdef Py_ssize_t n = len(watches), i
    cdef Watch* table
    cdef uint64_t reach = 0
    if n == 0:
        return NULL
    if n > 0x7FFFFFFF:
        raise MemoryError("no memory for so many watchpoints")
    order = sorted(range(n), key=watches.__getitem__)
    table = <Watch*>malloc(n * sizeof(Watch))
    if table == NULL:
        raise MemoryError("no memory for the watchpoints")
    for i in range(n):
        place = order[i]
        addr, length, kind = watches[place]
        table[i].first = addr
        table[i].last = addr + length - 1
        table[i].place = place + 1
        table[i].loads = kind == "rw"
        reach = max(reach, table[i].last)
        table[i].reach = reach
    return table
